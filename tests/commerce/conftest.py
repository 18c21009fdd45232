"""One database for each file of tests: every test brings an organisation and a mall of its own."""

import asyncio
from collections.abc import Iterator

import pytest

from sangdam.db.testing import Addresses, Cluster


@pytest.fixture(scope="module")
def addresses(cluster: Cluster) -> Iterator[Addresses]:
    """The connection strings of this file's database; instead of the one per test."""
    opening = cluster.database()

    async def open_() -> Addresses:
        return await opening.__aenter__()

    async def close() -> None:
        await opening.__aexit__(None, None, None)

    with asyncio.Runner() as runner:
        yield runner.run(open_())
        runner.run(close())
