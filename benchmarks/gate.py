"""What the gate costs per call: `python benchmarks/gate.py`. Its tools do nothing, on an embedded Postgres.

Prints p50 and p95 of reads and writes one at a time and 20 at a time, and of an append of six events.
"""

import argparse
import asyncio
import base64
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sangdam.core.clock import SystemClock
from sangdam.core.ids import SessionId, UserId, new_uuid
from sangdam.db import Database
from sangdam.db.chain import AuditEvent, EventType, append
from sangdam.db.migrate import migrate, migrations
from sangdam.db.postgres import EmbeddedPostgres
from sangdam.orgs import Hasher, KeyRing, Organisations
from sangdam.tools import Gate, Registry, seed_policies, sync_catalogue
from sangdam.tools.model import Assurance, Call, Caller, CallerKind, DefaultPolicy, Done, Tool


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Said(BaseModel):
    text: str = "네"


async def run(call: Call, arguments: Nothing) -> Said:
    return Said()


def tool(name: str, *, write: bool) -> Tool:
    return Tool(
        name=name,
        display_name=name,
        display_name_en=name,
        description=name,
        provider="sangdam",
        effect="write" if write else "read",
        assurance=Assurance.ANONYMOUS,
        input=Nothing,
        output=Said,
        default_policy=DefaultPolicy(frozenset(CallerKind), 6000, 6000),
        run=run,
    )


async def timed(work: Callable[[int], Awaitable[object]], count: int, at_once: int) -> list[float]:
    """Milliseconds of each."""
    took: list[float] = []
    numbers = iter(range(count))

    async def one() -> None:
        for number in numbers:
            start = time.perf_counter()
            await work(number)
            took.append((time.perf_counter() - start) * 1000)

    await asyncio.gather(*(one() for _ in range(at_once)))
    return took


def show(label: str, took: list[float], seconds: float) -> None:
    p95 = statistics.quantiles(took, n=20)[-1]
    print(f"{label:<34} p50 {statistics.median(took):6.2f} ms   p95 {p95:6.2f} ms   {len(took) / seconds:7.0f}/s")


async def main(server: EmbeddedPostgres, count: int) -> None:
    await migrate(server.dsn("sangdam_owner"), migrations())
    registry = Registry([tool("look", write=False), tool("change", write=True)])
    async with await Database.open(server.dsn("sangdam_owner"), max_size=1) as owner, owner.system() as tx:
        await sync_catalogue(tx, registry)
    async with await Database.open(server.dsn("sangdam_app"), min_size=10, max_size=10) as db:
        clock = SystemClock()
        made = await Organisations(db, clock).create(
            name="달빛샵",
            slug="moonlight",
            owner=UserId(new_uuid()),
            owner_name="x",
            owner_email="x@example.com",
            trace_id="t",
        )
        async with db.org(made.org) as tx:
            await seed_policies(tx, made.org, registry)
        gate = Gate(db, registry, KeyRing.parse("k1:" + base64.b64encode(b"k" * 32).decode()), Hasher(b"p" * 32), clock)

        def caller() -> Caller:
            return Caller(
                made.org,
                CallerKind.AGENT,
                "a",
                "t" * 32,
                agent_tools=frozenset({"look", "change"}),
                session=SessionId(new_uuid()),
            )

        async def read(number: int) -> None:
            assert isinstance(await gate.call(caller(), "look", {}), Done)

        async def write(number: int) -> None:
            assert isinstance(await gate.call(caller(), "change", {}, key=f"conv:{new_uuid()}"), Done)

        async def six(number: int) -> None:
            nonlocal inside
            async with db.org(made.org) as tx:
                start = time.perf_counter()
                await append(
                    tx,
                    made.org,
                    events=[
                        AuditEvent(EventType.FLOW_STEP, {"kind": "agent"}, clock.now(), "t" * 32, {"n": n})
                        for n in range(6)
                    ],
                )
                inside.append((time.perf_counter() - start) * 1000)

        inside: list[float] = []
        await timed(read, 100, 1)
        for label, work, at_once in (
            ("read, one at a time", read, 1),
            ("read, 20 at a time", read, 20),
            ("write, one at a time", write, 1),
            ("write, 20 at a time", write, 20),
            ("transaction with six events", six, 1),
        ):
            start = time.perf_counter()
            took = await timed(work, count, at_once)
            show(label, took, time.perf_counter() - start)
        show("append of six events alone", inside, sum(inside) / 1000)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument(
        "--without-disk", action="store_true", help="do not wait for the disk: what is left is the gate's own work"
    )
    options = parser.parse_args()
    lazy = {"fsync": "off", "synchronous_commit": "off"} if options.without_disk else {}
    with tempfile.TemporaryDirectory(prefix="sangdam-bench-") as home:
        started = EmbeddedPostgres.start(Path(home), options=lazy)
        try:
            asyncio.run(main(started, options.count))
        finally:
            started.stop()
