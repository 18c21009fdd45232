"""What ends after a day: codes, matches and counters of every org, in small batches that can be interrupted anywhere."""

from datetime import datetime

from sangdam.conversations import store
from sangdam.db.database import Database

BATCH = 1000
ORGS = 10_000


async def purge_codes(db: Database, *, before: datetime) -> int:
    """Rows deleted."""
    async with db.system() as tx:
        orgs = await store.orgs(tx, before, ORGS)
    gone = 0
    for org in orgs:
        while True:
            async with db.org(org) as tx:
                batch = await store.purge_day(org, tx, before, BATCH)
            gone += batch
            if batch < BATCH:
                break
    return gone


async def purge_windows(db: Database, *, before: datetime) -> int:
    """Counters that no window reaches back to: the longest is a day, so `before` is a day ago or earlier. Rows deleted."""
    gone = 0
    while True:
        async with db.system() as tx:
            batch = await store.purge_windows(tx, before, BATCH)
        gone += batch
        if batch < BATCH:
            return gone
