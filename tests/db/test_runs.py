"""Run records of scheduled jobs: one effective run at a time, and every end told."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sangdam.core.clock import SettableClock
from sangdam.db import Database
from sangdam.db.runs import ERRORS, Busy, Finished, JobRuns, Tally
from sangdam.db.testing import Addresses, connected

BUDGET = timedelta(minutes=2)
NOON = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
def runs(database: Database, clock: SettableClock) -> JobRuns:
    return JobRuns(database, clock, build="test")


async def outcomes(database: Database) -> list[str | None]:
    async with database.system() as tx:
        return [
            row["outcome"] for row in await tx.fetch("select outcome from e_ops_job_runs order by started_at, outcome")
        ]


async def test_a_run_is_written_with_its_counts(database: Database, runs: JobRuns) -> None:
    async def work(tally: Tally) -> None:
        tally.counts["scanned"] += 3

    done = await runs.run("retention", work, trigger="schedule", budget=BUDGET)
    assert isinstance(done, Finished)
    assert done.outcome == "ok"
    async with database.system() as tx:
        row = await tx.fetchrow("select * from e_ops_job_runs where id = $1", done.run_id)
    assert row is not None
    assert (row["outcome"], row["counts"], row["trigger"], row["build"]) == ("ok", {"scanned": 3}, "schedule", "test")


async def test_of_ten_runs_at_once_one_works_and_nine_say_who_does(database: Database, runs: JobRuns) -> None:
    begun, may_end, worked = asyncio.Event(), asyncio.Event(), 0

    async def work(_tally: Tally) -> None:
        nonlocal worked
        worked += 1
        begun.set()
        await may_end.wait()

    first = asyncio.create_task(runs.run("verify", work, trigger="schedule", budget=BUDGET))
    async with asyncio.timeout(10):
        await begun.wait()
        others = await asyncio.gather(*(runs.run("verify", work, trigger="cron", budget=BUDGET) for _ in range(9)))
        may_end.set()
        done = await first
    assert isinstance(done, Finished)
    assert others == [Busy(done.run_id)] * 9
    assert worked == 1
    assert sorted(outcome or "" for outcome in await outcomes(database)) == ["ok", *["skipped_locked"] * 9]


async def test_another_job_is_not_kept_waiting(runs: JobRuns) -> None:
    async def inner(_tally: Tally) -> None:
        return

    async def outer(_tally: Tally) -> None:
        assert isinstance(await runs.run("reconcile", inner, trigger="schedule", budget=BUDGET), Finished)

    done = await runs.run("verify", outer, trigger="schedule", budget=BUDGET)
    assert isinstance(done, Finished)
    assert done.outcome == "ok"


async def test_a_failed_part_makes_a_run_partial_and_fifty_errors_are_kept(runs: JobRuns) -> None:
    async def work(tally: Tally) -> None:
        for n in range(ERRORS + 5):
            tally.failed(mall_id=f"mall{n}", code="TIMEOUT")

    done = await runs.run("cafe24_refresh", work, trigger="cron", budget=BUDGET)
    assert isinstance(done, Finished)
    assert done.outcome == "partial"
    assert done.tally.counts["failed"] == ERRORS + 5
    assert len(done.tally.errors) == ERRORS


async def test_a_run_that_raises_or_overruns_is_failed_and_frees_the_lock(database: Database, runs: JobRuns) -> None:
    async def broken(_tally: Tally) -> None:
        raise ZeroDivisionError

    async def endless(_tally: Tally) -> None:
        await asyncio.Event().wait()

    for work, budget in ((broken, BUDGET), (endless, timedelta(seconds=0.05))):
        done = await runs.run("verify", work, trigger="manual", budget=budget)
        assert isinstance(done, Finished)
        assert done.outcome == "failed"
    assert await outcomes(database) == ["failed", "failed"]


async def test_a_crashed_run_holds_its_lock_for_its_budget_and_is_then_closed_as_failed(
    addresses: Addresses, database: Database, runs: JobRuns, clock: SettableClock
) -> None:
    async with connected(addresses.owner) as owner:
        await owner.execute(
            "insert into e_ops_job_runs (job, trigger, lock_key, started_at, host, build) values ('verify', 'schedule', 'job:verify', $1, 'h', 'b')",
            NOON,
        )

    async def work(_tally: Tally) -> None:
        return

    clock.move(minutes=2, seconds=59)
    assert isinstance(await runs.run("verify", work, trigger="schedule", budget=BUDGET), Busy)
    assert await runs.close_abandoned({"verify": BUDGET}) == 0
    clock.move(seconds=2)
    assert await runs.close_abandoned({"verify": BUDGET}) == 1
    assert isinstance(await runs.run("verify", work, trigger="schedule", budget=BUDGET), Finished)
