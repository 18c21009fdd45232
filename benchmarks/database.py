"""How many small transactions of an organisation one process does against the embedded server, durable as shipped."""

import asyncio
import shutil
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from sangdam.core.ids import OrgId
from sangdam.db import Database
from sangdam.db.migrate import migrate
from sangdam.db.postgres import EmbeddedPostgres
from sangdam.db.testing import connected

COROUTINES = 8
SECONDS = 3.0
ORG = OrgId(uuid.uuid4())


async def rate(step: Callable[[], Awaitable[None]]) -> float:
    done, end = 0, time.monotonic() + SECONDS

    async def loop() -> None:
        nonlocal done
        while time.monotonic() < end:
            await step()
            done += 1

    await asyncio.gather(*(loop() for _ in range(COROUTINES)))
    return done / SECONDS


async def measure(server: EmbeddedPostgres) -> None:
    await migrate(server.dsn("sangdam_owner"))
    async with connected(server.dsn("sangdam_owner")) as owner:
        await owner.execute("insert into a_iam_organizations (id, name, slug) values ($1, '달빛샵', 'moonlight')", ORG)
    async with await Database.open(server.dsn("sangdam_app"), min_size=COROUTINES, max_size=COROUTINES) as database:

        async def read() -> None:
            async with database.org(ORG) as tx:
                await tx.fetchrow("select name, timezone from a_iam_organizations where id = $1", ORG)

        async def write() -> None:
            async with database.org(ORG) as tx:
                await tx.execute(
                    "insert into e_ops_job_runs (org_id, job, trigger, lock_key, started_at, host, build)"
                    " values ($1, 'verify', 'manual', 'bench', now(), 'bench', 'bench')",
                    ORG,
                )

        print(f"read, row security on:   {await rate(read):8,.0f} transactions/s, {COROUTINES} coroutines")
        print(f"insert, fsync on:        {await rate(write):8,.0f} transactions/s, {COROUTINES} coroutines")


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="sangdam-bench-", dir="/tmp"))
    server = EmbeddedPostgres.start(home)
    try:
        uvloop.run(measure(server))
    finally:
        server.stop()
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
