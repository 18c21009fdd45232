"""A sandbox mall and a shop on it, anew for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from sangdam.db.testing import Addresses
from tests.processes.running import PATIENCE, free_ports, started
from tests.processes.sandbox import Sandbox
from tests.processes.shop import Shop, furnished


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    port = free_ports()
    base = f"http://127.0.0.1:{port}"
    async with (
        started("sandbox", "--port", str(port), folder=tmp_path) as program,
        httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
    ):
        await program.opened(f"{base}/_control/faults")
        yield Sandbox(base, http)


@pytest.fixture
async def shop(addresses: Addresses, sandbox: Sandbox, tmp_path: Path) -> Shop:
    return await furnished(addresses, sandbox, tmp_path)
