"""Who watches is woken by any process, hears hints of the own shop only, and misses nothing for good."""

import asyncio
import json
import tracemalloc
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from sangdam.conversations.live import HINTS_KEPT, Live, Watch
from sangdam.core.ids import OrgId, SessionId, new_uuid
from sangdam.db.database import Database
from sangdam.db.listen import Listener
from sangdam.db.testing import connected
from tests.conversations.place import Place

WAIT = 5.0
NEVER = 3600.0


@asynccontextmanager
async def another_process(place: Place, *, sweep_seconds: float = NEVER) -> AsyncIterator[Live]:
    """A listener and a pool of its own."""
    async with (
        await Listener.open(place.addresses.app) as listener,
        await Database.open(place.addresses.app, max_size=2) as db,
    ):
        live = Live(db, listener, sweep_seconds=sweep_seconds)
        live.start()
        await listener.listening()
        try:
            yield live
        finally:
            await live.stop()


def nothing() -> None:
    """A window that shows nothing."""


def watching(live: Live, org: OrgId, session: SessionId, seq: int = 0) -> tuple[Watch, asyncio.Event]:
    woken = asyncio.Event()
    return live.watch(org, session, seq, woken.set), woken


async def woken_by(event: asyncio.Event, doing: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(WAIT):
        await doing()
        await event.wait()


async def settled(place: Place, live: Live) -> None:
    """Everything notified so far has been heard: a last notification came through on both channels."""
    session = SessionId(new_uuid())
    watch, woken = watching(live, place.org, session)
    await woken_by(woken, lambda: live.hint(place.org, session, {"kind": "typing"}))
    woken.clear()
    async with place.db.system() as tx:
        await tx.notify("conversation", f"{place.org}:{session}")
    async with asyncio.timeout(WAIT):
        await woken.wait()
    watch.close()


async def test_a_message_accepted_by_one_process_wakes_the_watchers_of_another(place: Place) -> None:
    session, quiet = await place.session(), await place.session()
    async with another_process(place) as here, another_process(place) as there:
        (_, mine), (_, theirs), (_, idle) = watching(here, place.org, session), watching(there, place.org, session), watching(here, place.org, quiet)  # fmt: skip
        await woken_by(mine, lambda: place.say(session, "네"))
        async with asyncio.timeout(WAIT):
            await theirs.wait()
        await settled(place, here)
        assert not idle.is_set()


async def test_our_own_words_wake_too(place: Place) -> None:
    session = await place.session()
    async with another_process(place) as live:
        _, woken = watching(live, place.org, session)

        async def append() -> None:
            async with place.db.org(place.org) as tx:
                await place.sessions.append(
                    place.org, tx, session, sender="bot", kind="text", text="네", payload={}, now=place.clock.now()
                )

        await woken_by(woken, append)


async def test_a_lost_notification_is_made_good_by_the_sweep(place: Place) -> None:
    session, shown = await place.session(), await place.session()
    await place.say(session, "네")
    await place.say(shown, "네")
    async with another_process(place, sweep_seconds=0.02) as live:
        # Both messages came before anybody watched here, so nothing is left to wake them but the sweep.
        watch, woken = watching(live, place.org, session)
        _, idle = watching(live, place.org, shown, 1)
        async with asyncio.timeout(WAIT):
            await woken.wait()
            watch.seen(1)
            woken.clear()
            later, again = watching(live, place.org, session)
            await again.wait()
        assert not idle.is_set()
        later.close()


async def test_a_sweep_that_finds_no_database_is_tried_again(place: Place) -> None:
    async with await Listener.open(place.addresses.app) as listener:
        gone = await Database.open(place.addresses.app, max_size=1)
        live = Live(gone, listener, sweep_seconds=0.01)
        live.start()
        watching(live, place.org, await place.session())
        await gone.close()
        with capture_logs() as logs:
            async with asyncio.timeout(WAIT):
                while sum(line["event"] == "live_sweep_failed" for line in logs) < 3:  # noqa: ASYNC110
                    await asyncio.sleep(0)
        await live.hint(place.org, await place.session(), {"kind": "typing"})
        await live.stop()


async def test_a_hint_reaches_the_watchers_of_the_own_shop_only(place: Place) -> None:
    session = await place.session()
    async with another_process(place) as here, another_process(place) as there:
        mine, woken = watching(there, place.org, session)
        foreign, foreign_woken = watching(there, place.other, session)
        await woken_by(woken, lambda: here.hint(place.org, session, {"kind": "typing", "who": "bot"}))
        await settled(place, there)
        assert list(mine.hints or ()) == [{"kind": "typing", "who": "bot"}]
        assert foreign.hints is None
        assert not foreign_woken.is_set()


async def test_only_the_last_hints_are_kept_and_a_long_one_is_dropped(place: Place) -> None:
    session = await place.session()
    async with another_process(place) as live:
        watch, _ = watching(live, place.org, session)
        for n in range(HINTS_KEPT + 3):
            await live.hint(place.org, session, {"n": n})
        await live.hint(place.org, session, {"n": "x" * 500})
        await settled(place, live)
        assert [hint["n"] for hint in watch.hints or ()] == list(range(3, HINTS_KEPT + 3))
    assert await place.rows("select 1 from d_conv_messages") == []


async def test_what_is_no_hint_is_passed_over(place: Place) -> None:
    session = await place.session()
    async with another_process(place) as live:
        watch, _ = watching(live, place.org, session)
        async with place.db.system() as tx:
            for payload in ("", "nothing", "[]", "1", "{}", json.dumps({"org": str(place.org), "session": "x"})):
                await tx.notify("hint", payload)
            for payload in ("", "x", f"{place.org}:x", str(uuid.uuid4())):
                await tx.notify("conversation", payload)
        await settled(place, live)
        assert watch.hints is None


async def test_a_closed_watch_is_forgotten_and_may_be_closed_again(place: Place) -> None:
    session = await place.session()
    async with another_process(place) as live:
        first, woken = watching(live, place.org, session)
        second, other = watching(live, place.org, session)
        assert live.watched == 2
        first.close()
        first.close()
        assert live.watched == 1
        await woken_by(other, lambda: place.say(session, "네"))
        await settled(place, live)
        assert not woken.is_set()
        second.close()
        assert live.watched == 0


async def test_after_a_broken_connection_everybody_reads_again(place: Place) -> None:
    session = await place.session()
    async with another_process(place) as live:
        _, woken = watching(live, place.org, session)

        async def break_it() -> None:
            async with connected(place.addresses.superuser) as owner:
                await owner.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'"
                )

        await woken_by(woken, break_it)


async def test_a_thousand_watches_cost_little(place: Place) -> None:
    async with another_process(place, sweep_seconds=0.02) as live:
        sessions = [SessionId(new_uuid()) for _ in range(1000)]
        tasks = len(asyncio.all_tasks())
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        watches = [live.watch(place.org, session, 0, nothing) for session in sessions]
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        each = (after - before) / len(watches)
        print(f"a watch costs {each:.0f} bytes")  # noqa: T201
        assert each < 1000
        assert len(asyncio.all_tasks()) == tasks
        real = await place.session()
        _, woken = watching(live, place.org, real)
        await woken_by(woken, lambda: place.say(real, "네"))
        for watch in watches:
            watch.close()
        assert live.watched == 1
