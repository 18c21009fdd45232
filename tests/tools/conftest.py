"""Two organisations with a handful of tools and a gate over them."""

import base64
import json

import pytest
from tests.tools.world import NOW, Shop, World, execute, tools_of

from sangdam.core.clock import SettableClock
from sangdam.core.ids import OrgId, SessionId, new_uuid
from sangdam.db import Database
from sangdam.db.testing import Addresses
from sangdam.orgs import Hasher, KeyRing
from sangdam.tools import Gate, Registry, seed_policies, sync_catalogue


@pytest.fixture
def addresses_superuser(addresses: Addresses) -> str:
    """Past row security and triggers, as somebody who got hold of the server would be."""
    return addresses.superuser


@pytest.fixture
async def world(database: Database, addresses: Addresses) -> World:
    shop, clock = Shop(), SettableClock(NOW)
    registry = Registry(tools_of(shop))
    orgs = [OrgId(new_uuid()), OrgId(new_uuid())]
    for number, org in enumerate(orgs):
        providers = json.dumps(
            {"cafe24": {"mall_id": f"mall{number}", "scopes": ["mall.read_order", "mall.write_order"]}}
        )
        await execute(
            addresses.owner,
            f"insert into a_iam_organizations (id, name, slug) values ('{org}', '달빛샵', 'shop-{number}')",
            f"insert into a_iam_auth_settings (org_id, providers) values ('{org}', '{providers}')",
        )
    async with await Database.open(addresses.owner, max_size=1) as owner, owner.system() as tx:
        await sync_catalogue(tx, registry)
    for org in orgs:
        async with database.org(org) as tx:
            await seed_policies(tx, org, registry)
    keyring = KeyRing.parse("k1:" + base64.b64encode(b"k" * 32).decode())
    hasher = Hasher(b"pepper" * 8)
    gate = Gate(database, registry, keyring, hasher, clock)
    return World(
        database,
        gate,
        shop,
        clock,
        orgs[0],
        orgs[1],
        SessionId(new_uuid()),
        addresses.superuser,
        keyring,
        hasher,
        registry,
    )
