"""An organisation with an owner."""

import base64

import pytest
from tests.orgs.place import NOW

from sangdam.core.clock import SettableClock
from sangdam.core.ids import UserId, new_uuid
from sangdam.db import Database
from sangdam.orgs import Hasher, KeyRing, Member, Organisations


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def hasher() -> Hasher:
    return Hasher(b"pepper" * 8)


@pytest.fixture
def keyring() -> KeyRing:
    return KeyRing.parse("k1:" + base64.b64encode(b"k" * 32).decode())


@pytest.fixture
def organisations(database: Database, clock: SettableClock) -> Organisations:
    return Organisations(database, clock)


@pytest.fixture
async def owner(organisations: Organisations) -> Member:
    return await organisations.create(
        name="달빛샵",
        slug="moonlight",
        owner=UserId(new_uuid()),
        owner_name="김하늘",
        owner_email="sky@example.com",
        trace_id="t",
    )
