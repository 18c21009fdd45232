"""Fixtures everybody uses: a database of one's own on a real Postgres, seen as the application role."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sangdam.db import Database
from sangdam.db.testing import Addresses, Cluster

_HOME = "TESTS_POSTGRES_HOME"
_OWNS = pytest.StashKey[bool]()
_MEMORY = Path("/dev/shm")
"""A copy of the template takes a tenth of the time here, where Linux keeps files in memory; a container may have next to none of it."""
_ROOM = 4 << 30
"""Bytes the server may come to need."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-coverage", action="store_true", help="write docs/tool-coverage.md again (tests/tools/coverage)"
    )


def pytest_configure(config: pytest.Config) -> None:
    # The controller names the folder before xdist starts its workers, who inherit it: all share one server.
    if _HOME not in os.environ:
        roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM
        os.environ[_HOME] = tempfile.mkdtemp(prefix="sangdam-tests-", dir=_MEMORY if roomy else "/tmp")
        config.stash[_OWNS] = True


def pytest_unconfigure(config: pytest.Config) -> None:
    if not config.stash.get(_OWNS, False):
        return
    home = Path(os.environ.pop(_HOME))
    if (home / "data").exists():
        Cluster.start(home).server.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The server of this test session, with the migrated template in it."""
    started = Cluster.start(Path(os.environ[_HOME]))
    asyncio.run(started.make_template())
    return started


@pytest.fixture
async def addresses(cluster: Cluster) -> AsyncIterator[Addresses]:
    """The connection strings of this test's own migrated database: `.app`, `.owner`, `.superuser`."""
    async with cluster.database() as fresh:
        yield fresh


@pytest.fixture
async def empty_addresses(cluster: Cluster) -> AsyncIterator[Addresses]:
    """The same for a database without any table."""
    async with cluster.database(template="template0") as fresh:
        yield fresh


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    """This test's own migrated, empty database, as the role `sangdam_app`."""
    async with await Database.open(addresses.app, min_size=1, max_size=10) as opened:
        yield opened


@pytest.fixture
def owner_dsn(addresses: Addresses) -> str:
    """The owner's view of the same database: no row security stands in its way."""
    return addresses.owner
