"""One database for each file of tests, and a mall on a real server: every test brings an organisation of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.commerce.goods import NOW
from tests.commerce.world import a_sandbox, served
from tests.restock.desk import CLOCK, Desk, a_desk

from cafe24_sandbox import Sandbox
from sangdam.db import Database
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
async def mall_url(sandbox: Sandbox) -> AsyncIterator[str]:
    CLOCK.at = NOW
    sandbox.clear_faults()
    async with served(sandbox.app) as url:
        yield url
    sandbox.clear_faults()


@pytest.fixture
async def desk(database: Database, addresses: Addresses, sandbox: Sandbox, mall_url: str) -> AsyncIterator[Desk]:
    """What holds for every test is checked when it ends."""
    async with a_desk(database, addresses, sandbox, mall_url) as found:
        yield found
        await found.check()
