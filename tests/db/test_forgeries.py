"""Forgeries of the audit, at random: every one is named, and named first where its first row is."""

import random

import pytest
from tests.db.chained import KEY, STREAMS, an_org, chained
from tests.db.forgeries import REHASH, Forger, judged, names

from sangdam.db import Database
from sangdam.db.testing import Addresses, connected
from sangdam.db.verification import verify

FORGERIES = 120


@pytest.mark.parametrize("pruned", [False, True])
async def test_every_forgery_is_named_where_it_begins(database: Database, addresses: Addresses, pruned: bool) -> None:
    it = await chained(database, addresses, pruned=pruned)
    stranger = await an_org(addresses.owner)
    async with connected(addresses.superuser) as setting_up:
        await setting_up.execute(REHASH)
    forger = Forger(random.Random(20261128), it, stranger)
    async with await Database.open(addresses.superuser, max_size=1) as superuser:
        for _ in range(FORGERIES):
            forgery = forger.forgery()
            report = await judged(superuser, it, forgery)
            assert names(report, forgery.first), (forgery, report.broken[:5])
    async with database.org(it.org) as tx:
        for stream in STREAMS:
            report = await verify(tx, it.org, stream, signing_key=KEY, copies=it.copies)
            assert report.whole, report.broken
            assert (report.pruned_to, report.signed_to) == (it.pruned_to, 180)
    assert len(forger.made) >= 12, forger.made
