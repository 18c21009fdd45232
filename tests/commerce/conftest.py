"""One database and one mall for each file of tests: every test brings an organisation of its own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.commerce.desk import CLOCK, Desk, Opening, a_desk
from tests.commerce.goods import NOW
from tests.commerce.world import a_sandbox, served

from cafe24_sandbox import Sandbox
from sangdam.db.database import Database
from sangdam.db.testing import Addresses, Cluster


@pytest.fixture(scope="module")
def addresses(cluster: Cluster) -> Iterator[Addresses]:
    """The connection strings of this file's database; instead of the one per test."""
    with cluster.kept_database() as kept:
        yield kept


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return a_sandbox(CLOCK, open_bucket=True)


@pytest.fixture
async def opening(database: Database, addresses: Addresses, sandbox: Sandbox) -> AsyncIterator[Opening]:
    """Desks of one's own on the file's mall, without the faults of earlier tests."""
    CLOCK.at = NOW
    sandbox.clear_faults()
    async with served(sandbox.app) as url:

        def opened(**more: Any) -> AbstractAsyncContextManager[Desk]:
            return a_desk(database, addresses, sandbox, url, CLOCK, **more)

        yield opened
    sandbox.clear_faults()
