"""Durable work: exists only when committed, runs on one worker, is repeated, held, and handed on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from pgqueuer import PgQueuer

from sangdam.core.errors import Kind, SangdamError
from sangdam.db import Database
from sangdam.db.jobs import Job, JobRunner, Payload, Timetable, defer, forget_finished, held, waiting
from sangdam.db.testing import Addresses, connected

Work = Callable[[Payload], Awaitable[None]]


@asynccontextmanager
async def running(
    addresses: Addresses, *jobs: Job, timetables: tuple[Timetable, ...] = (), runners: int = 1
) -> AsyncIterator[None]:
    started = [JobRunner(addresses.app, jobs=jobs, timetables=timetables) for _ in range(runners)]
    for one in started:
        one.start()
    try:
        yield
    finally:
        await asyncio.gather(*(one.stop(seconds=5) for one in started))


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Looks again, boundedly: for what only the database can tell."""
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 - only the database knows, and it does not tell
            await asyncio.sleep(0.02)


async def count(database: Database, status: str) -> int:
    async with database.system() as tx:
        return await tx.fetchval("select count(*) from job_queue.pgqueuer where status::text = $1", status)


async def test_a_deferred_job_runs_with_its_payload(addresses: Addresses, database: Database) -> None:
    got: asyncio.Queue[Payload] = asyncio.Queue()
    async with running(addresses, Job("greet", got.put)):
        async with database.system() as tx:
            await defer(tx, "greet", {"turn": "7", "이름": "하늘"})
        async with asyncio.timeout(10):
            assert await got.get() == {"turn": "7", "이름": "하늘"}
        await until(lambda: _empty(database))


async def _empty(database: Database) -> bool:
    async with database.system() as tx:
        return await waiting(tx) == {}


async def test_a_job_of_a_transaction_that_rolled_back_never_was(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.system() as tx:
            await defer(tx, "greet", {})
            raise RuntimeError
    assert await count(database, "queued") == 0


async def test_the_same_key_is_queued_once(database: Database) -> None:
    async with database.system() as tx:
        assert await defer(tx, "greet", {}, key="turn:1")
        assert not await defer(tx, "greet", {}, key="turn:1")
        assert await defer(tx, "greet", {}, key="turn:2")
        assert (await waiting(tx))["greet"][0] == 2


async def test_a_job_for_later_is_not_due_yet(addresses: Addresses, database: Database) -> None:
    got: asyncio.Queue[Payload] = asyncio.Queue()
    async with database.system() as tx:
        await defer(tx, "greet", {"n": "later"}, after=timedelta(hours=1))
        await defer(tx, "greet", {"n": "now"})
    async with running(addresses, Job("greet", got.put)), asyncio.timeout(10):
        assert (await got.get())["n"] == "now"
    assert got.empty()
    assert await count(database, "queued") == 1


async def test_two_workers_run_each_of_two_hundred_jobs_once(addresses: Addresses, database: Database) -> None:
    seen: list[str] = []
    done = asyncio.Event()

    async def note(payload: Payload) -> None:
        seen.append(payload["n"])
        if len(seen) >= 200:
            done.set()

    async with database.system() as tx:
        for n in range(200):
            await defer(tx, "note", {"n": str(n)})
    async with running(addresses, Job("note", note), runners=2), asyncio.timeout(20):
        await done.wait()
    assert sorted(seen, key=int) == [str(n) for n in range(200)]


async def test_a_failing_job_is_repeated_and_then_held(addresses: Addresses, database: Database) -> None:
    starts = 0

    async def fail(_payload: Payload) -> None:
        nonlocal starts
        starts += 1
        raise SangdamError(Kind.UNAVAILABLE, "김하늘 010-1234-5678", retry_after=0.0)

    async def is_held() -> bool:
        async with database.system() as tx:
            return await held(tx) == {"fail": 1}

    async with database.system() as tx:
        await defer(tx, "fail", {})
    async with running(addresses, Job("fail", fail, starts=3)):
        await until(is_held)
    assert starts == 3
    async with database.system() as tx:
        kept = await tx.fetchval("select string_agg(traceback::text, ' ') from job_queue.pgqueuer_log")
        assert "SangdamError" in kept
        assert "010-1234" not in kept


async def test_a_job_past_its_deadline_is_broken_off_and_repeated(addresses: Addresses, database: Database) -> None:
    finished = asyncio.Event()
    starts = 0

    async def slow_once(_payload: Payload) -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            await asyncio.Event().wait()
        finished.set()

    async with database.system() as tx:
        await defer(tx, "slow", {})
    async with running(addresses, Job("slow", slow_once, seconds=0.1)), asyncio.timeout(15):
        await finished.wait()
    assert starts == 2


async def test_stopping_waits_for_a_running_job(addresses: Addresses, database: Database) -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def patient(_payload: Payload) -> None:
        begun.set()
        await may_end.wait()
        ended.set()

    runner = JobRunner(addresses.app, jobs=(Job("patient", patient),))
    runner.start()
    async with database.system() as tx:
        await defer(tx, "patient", {})
    async with asyncio.timeout(20):
        await begun.wait()
        stopping = asyncio.create_task(runner.stop(seconds=10))
        await asyncio.sleep(0)
        may_end.set()
        await stopping
    assert ended.is_set()
    assert await _empty(database)


async def test_what_has_not_ended_when_the_worker_must_stop_goes_back_to_the_queue(
    addresses: Addresses, database: Database
) -> None:
    begun = asyncio.Event()

    async def endless(_payload: Payload) -> None:
        begun.set()
        await asyncio.Event().wait()

    runner = JobRunner(addresses.app, jobs=(Job("endless", endless),))
    runner.start()
    async with database.system() as tx:
        await defer(tx, "endless", {})
    async with asyncio.timeout(20):
        await begun.wait()
        await runner.stop(seconds=0.05)
    assert await count(database, "queued") == 1


async def test_a_worker_survives_the_loss_of_its_connections(addresses: Addresses, database: Database) -> None:
    got: asyncio.Queue[Payload] = asyncio.Queue()
    async with running(addresses, Job("greet", got.put)):
        async with database.system() as tx:
            await defer(tx, "greet", {"n": "1"})
        async with asyncio.timeout(10):
            await got.get()
        async with connected(addresses.superuser) as superuser:
            await superuser.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sangdam jobs'"
            )
        async with database.system() as tx:
            await defer(tx, "greet", {"n": "2"})
        async with asyncio.timeout(40):
            assert await got.get() == {"n": "2"}


@pytest.mark.parametrize(
    "error",
    [RuntimeError("no table"), ExceptionGroup("both", [ValueError("one"), OSError("two")]), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_worker_survives_whatever_the_library_raises(
    addresses: Addresses, database: Database, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    first, run = [error], PgQueuer.run

    async def failing_once(queue: PgQueuer, *args: Any, **options: Any) -> None:
        if first:
            raise first.pop()
        await run(queue, *args, **options)

    monkeypatch.setattr(PgQueuer, "run", failing_once)
    got: asyncio.Queue[Payload] = asyncio.Queue()
    async with running(addresses, Job("greet", got.put)), asyncio.timeout(20):
        async with database.system() as tx:
            await defer(tx, "greet", {"n": "1"})
        assert await got.get() == {"n": "1"}
    assert not first


async def test_a_timetable_fires_on_one_of_two_workers(addresses: Addresses, database: Database) -> None:
    fired: list[datetime] = []

    async def tick() -> None:
        fired.append(datetime.now(UTC))

    # Six fields: croniter reads the last as seconds. Every second, so that the test need not wait for a minute.
    every_second = Timetable("tick", "* * * * * *", tick)
    async with running(addresses, timetables=(every_second,), runners=2):
        await until(lambda: _is(len(fired) >= 2))
    async with database.system() as tx:
        assert await tx.fetchval("select count(*) from job_queue.pgqueuer_schedules") == 1
    assert all(later - earlier > timedelta(seconds=0.5) for earlier, later in pairwise(fired))


async def _is(value: bool) -> bool:
    return value


async def test_records_of_finished_jobs_are_forgotten(addresses: Addresses, database: Database) -> None:
    got: asyncio.Queue[Payload] = asyncio.Queue()
    async with database.system() as tx:
        await defer(tx, "greet", {})
    async with running(addresses, Job("greet", got.put)), asyncio.timeout(10):
        await got.get()
    async with database.system() as tx:
        assert await forget_finished(tx, datetime.now(UTC) - timedelta(days=1)) == 0
        assert await forget_finished(tx, datetime.now(UTC) + timedelta(days=1)) > 0
        assert await tx.fetchval("select count(*) from job_queue.starts") == 0
