"""One product on one database for the whole table, and what it logs."""

import io
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog
from tests.tools.coverage.hall import Hall, a_hall

from sangdam.core import logs
from sangdam.db.testing import Cluster


@pytest.fixture(scope="module")
def log() -> Iterator[io.StringIO]:
    """As the product writes it."""
    root, stream = logging.getLogger(), io.StringIO()
    level = root.level
    logs.configure(build="tests", stream=stream)
    (ours,) = root.handlers
    yield stream
    root.removeHandler(ours)
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hall(cluster: Cluster, log: io.StringIO) -> AsyncIterator[Hall]:
    async with cluster.database() as addresses, a_hall(addresses, log) as opened:
        yield opened
