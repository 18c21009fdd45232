"""A shop with its doors open."""

from collections.abc import AsyncIterator

import pytest

from sangdam.db.testing import Addresses
from tests.doors.shopfront import Shopfront, open_shop


@pytest.fixture
async def shop(addresses: Addresses) -> AsyncIterator[Shopfront]:
    """Nobody answers here: what is said stays as it was said."""
    async with open_shop(addresses) as opened:
        yield opened


@pytest.fixture
async def working_shop(addresses: Addresses) -> AsyncIterator[Shopfront]:
    """With an agent that answers."""
    async with open_shop(addresses, working=True) as opened:
        yield opened
