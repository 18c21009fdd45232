"""One running demo and one Chromium for all tests here; every test has windows of its own, as a new visitor."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.shopper import Demo, Visitor, visiting
from tests.processes.running import PATIENCE, free_ports, started
from tests.processes.sandbox import Sandbox

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def demo() -> AsyncIterator[Demo]:
    port = free_ports(2)
    folder = Path(tempfile.mkdtemp(prefix="sangdam-demo-"))
    try:
        async with started("demo", "--port", str(port), "--home", "home", folder=folder) as program:
            description = await program.furnished(folder / "home")
            async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
                yield Demo(description, Sandbox(description["sandbox_url"], http))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on PATH")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=[*FLAGS])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(demo: Demo, chromium: Browser) -> AsyncIterator[Visitor]:
    """A new visitor with a desktop browser."""
    async with visiting(demo, chromium) as one:
        yield one
