"""What ends after a day: codes, matches and counters of every org, in small batches that can be interrupted anywhere."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sangdam.conversations import store
from sangdam.core.ids import OrgId
from sangdam.db.database import Database, Transaction

BATCH = 1000
ORGS = 10_000

Purge = Callable[[OrgId, Transaction, datetime, int], Awaitable[int]]
"""Deletes at most so many rows from before a moment; how many it were."""


async def purge_codes(db: Database, *, before: datetime) -> int:
    """Rows deleted."""
    return await _from_every_org(db, store.purge_day, before)


async def purge_windows(db: Database, *, before: datetime) -> int:
    """Counters that no window reaches back to: the longest is a day, so `before` is a day ago or earlier. Rows deleted."""
    return await _from_every_org(db, store.purge_windows, before)


async def _from_every_org(db: Database, purge: Purge, before: datetime) -> int:
    async with db.system() as tx:
        orgs = await store.orgs(tx, before, ORGS)
    gone = 0
    for org in orgs:
        while True:
            async with db.org(org) as tx:
                batch = await purge(org, tx, before, BATCH)
            gone += batch
            if batch < BATCH:
                break
    return gone
