"""Whether a turn stays as cheap when the organisation has a million stored messages: turns at 1,000 and at 1,000,000, interleaved on two databases.

Run as `python benchmarks/growth.py [--messages 1000000]`. In process, on an embedded Postgres with fsync on; the load of the machine stands beside.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.conversations.talk import Talk, talking

from sangdam.db.testing import Cluster, connected

LINES = ("배송 조회요", "왜요?", "모르겠어요", "그만할래요")
ROUNDS = 10


async def fill(talk: Talk, messages: int) -> None:
    """Old conversations of the same org, ten messages each, written as the owner."""
    async with connected(talk.dsn) as owner:
        await owner.execute(
            """
            insert into d_conv_sessions (org_id, session_code, agent_id, agent_version, channel, status, next_seq, started_at, last_activity_at)
            select s.org_id, 'OLD-' || n, s.agent_id, s.agent_version, 'widget', 'closed', 11, now() - interval '9 days', now() - interval '9 days'
            from d_conv_sessions s, generate_series(1, $2::int / 10) n where s.id = $1
            """,
            talk.session.id,
            messages,
        )
        await owner.execute(
            """
            insert into d_conv_messages (org_id, session_id, seq, sender, kind, text, created_at)
            select s.org_id, s.id, n, case when n % 2 = 1 then 'shopper' else 'bot' end, 'text', '배송 조회 부탁드려요 ' || n, now() - interval '9 days'
            from d_conv_sessions s, generate_series(1, 10) n where s.session_code like 'OLD-%'
            """
        )
        await owner.execute("analyze d_conv_messages")
        await owner.execute("analyze d_conv_sessions")


async def turns(talk: Talk, count: int) -> list[float]:
    took: list[float] = []
    for number in range(count):
        started = time.perf_counter()
        await talk.send(LINES[number % len(LINES)])
        worked = await talk.product.turns.work(talk.org, talk.session.id)
        took.append(time.perf_counter() - started)
        if worked != "answered":
            raise RuntimeError(worked)
    return took


async def main(messages: int) -> None:
    with tempfile.TemporaryDirectory(prefix="sangdam-bench-") as home:
        cluster = await asyncio.to_thread(Cluster.start, Path(home))
        try:
            await cluster.make_template()
            async with AsyncExitStack() as stack:
                small = await stack.enter_async_context(talking(await stack.enter_async_context(cluster.database())))
                large = await stack.enter_async_context(talking(await stack.enter_async_context(cluster.database())))
                await fill(small, 1_000)
                await fill(large, messages)
                at_small: list[float] = []
                at_large: list[float] = []
                await turns(small, 40)
                await turns(large, 40)
                for _ in range(ROUNDS):
                    at_small += await turns(small, 20)
                    at_large += await turns(large, 20)
                few, many = statistics.median(at_small) * 1e3, statistics.median(at_large) * 1e3
                print(f"{'stored messages':<20} {'p50':>8} {'range':>18}")
                for name, took in ((1_000, at_small), (messages, at_large)):
                    print(
                        f"{name:<20,} {statistics.median(took) * 1e3:6.2f} ms {min(took) * 1e3:7.2f}–{max(took) * 1e3:.2f} ms"
                    )
                print(f"ratio × {many / few:.2f}   load {os.getloadavg()[0]:.1f}")
        finally:
            cluster.server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().messages))
