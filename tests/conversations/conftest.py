"""One conversation for each transcript; what holds for every transcript is checked when it ends."""

from collections.abc import AsyncIterator

import pytest

from sangdam.db.testing import Addresses
from tests.conversations.place import Place, placed
from tests.conversations.talk import Talk, talking


@pytest.fixture
async def talk(addresses: Addresses) -> AsyncIterator[Talk]:
    async with talking(addresses) as one:
        yield one
        await one.consistent()
        await one.nothing_personal_lies_open()


@pytest.fixture
async def place(addresses: Addresses) -> AsyncIterator[Place]:
    async with placed(addresses) as one:
        yield one
