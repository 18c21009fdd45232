"""One product on one database for the whole table."""

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.tools.coverage.hall import Hall, a_hall

from sangdam.db.testing import Cluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hall(cluster: Cluster) -> AsyncIterator[Hall]:
    async with cluster.database() as addresses, a_hall(addresses) as opened:
        yield opened
