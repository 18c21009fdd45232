"""A fresh sandbox for every test."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.box import Box, open_box


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    opened = open_box()
    async with opened.client:
        yield opened
        await opened.sandbox.deliveries.stop()
