"""One row for each run of a scheduled job, written when it starts and closed when it ends; the row is the job's lock as well.

A run that crashed holds its lock until its budget is over, or until `close_abandoned` says that it failed.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import structlog

from sangdam.core.clock import Clock
from sangdam.core.errors import SangdamError
from sangdam.core.ids import OrgId, new_uuid
from sangdam.core.mask import mask_value
from sangdam.db.database import Database

Outcome = Literal["ok", "partial", "failed"]
Trigger = Literal["cron", "schedule", "manual"]
ERRORS = 50

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Tally:
    """What a run counts while it works."""

    counts: Counter[str] = field(default_factory=Counter[str])
    errors: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    """Ids and codes, no personal values. The first 50 are kept."""

    def failed(self, **what: object) -> None:
        self.counts["failed"] += 1
        if len(self.errors) < ERRORS:
            self.errors.append(what)

    def add(self, part: "Tally", **what: object) -> None:
        """What a part counted, with `what` beside each of its errors."""
        self.counts.update(part.counts)
        self.errors += [{**what, **error} for error in part.errors[: ERRORS - len(self.errors)]]

    @property
    def outcome(self) -> Outcome:
        return "partial" if self.counts["failed"] else "ok"


@dataclass(frozen=True, slots=True)
class Finished:
    run_id: UUID
    outcome: Outcome
    tally: Tally


@dataclass(frozen=True, slots=True)
class Busy:
    """Another run holds the lock; that this one was skipped is recorded too."""

    run_id: UUID
    """The run that holds it."""


class JobRuns:
    def __init__(self, database: Database, clock: Clock, *, build: str) -> None:
        self._database = database
        self._clock = clock
        self._build = build
        self._host = socket.gethostname()

    async def run(
        self,
        job: str,
        work: Callable[[Tally], Awaitable[None]],
        *,
        trigger: Trigger,
        budget: timedelta,
        scheduled_for: datetime | None = None,
    ) -> Finished | Busy:
        """Runs `work` alone over all processes. A failure of the work is an outcome; a failure to record is raised."""
        started = await self._begin(job, trigger, budget, scheduled_for)
        if isinstance(started, Busy):
            return started
        tally = Tally()
        outcome: Outcome
        try:
            async with asyncio.timeout(budget.total_seconds()):
                await work(tally)
            outcome = tally.outcome
        except asyncio.CancelledError:
            await asyncio.shield(self._finish(started, "failed", tally))
            raise
        except Exception as error:
            log.exception("job.run_failed", job=job, run_id=str(started), exc_info=error)
            tally.failed(code=error.code if isinstance(error, SangdamError) else type(error).__name__)
            outcome = "failed"
        await self._finish(started, outcome, tally)
        return Finished(started, outcome, tally)

    async def touched(
        self,
        org: OrgId,
        job: str,
        tally: Tally,
        *,
        trigger: Trigger,
        started_at: datetime,
        trace_id: str | None = None,
    ) -> None:
        """The row an organisation sees of a run over several: its own counts and errors; with the trace of what it wrote."""
        async with self._database.org(org) as tx:
            await tx.execute(
                """
                insert into e_ops_job_runs
                  (org_id, job, trigger, lock_key, started_at, finished_at, outcome, counts, errors, host, build, trace_id)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                """,
                *(org, job, trigger, f"job:{job}:{org}", started_at, self._clock.now()),
                *(tally.outcome, dict(tally.counts), mask_value("errors", tally.errors), self._host, self._build),
                trace_id,
            )

    async def close_abandoned(self, budgets: Mapping[str, timedelta]) -> int:
        """Closes as failed the runs that are past their job's budget by a minute: their process is gone."""
        closed = 0
        async with self._database.system() as tx:
            for job, budget in budgets.items():
                closed += await tx.executed(
                    """
                    update e_ops_job_runs set finished_at = $2, outcome = 'failed', errors = '[{"code": "CRASHED"}]'
                    where job = $1 and org_id is null and finished_at is null and started_at < $3
                    """,
                    *(job, self._clock.now(), self._clock.now() - budget - timedelta(minutes=1)),
                )
        return closed

    async def _begin(
        self, job: str, trigger: Trigger, budget: timedelta, scheduled_for: datetime | None
    ) -> UUID | Busy:
        run_id, key, now = new_uuid(), f"job:{job}", self._clock.now()
        async with self._database.system() as tx:
            await tx.lock(key)
            holder = await tx.fetchval(
                """
                select id from e_ops_job_runs
                where job = $1 and lock_key = $2 and org_id is null and finished_at is null and started_at > $3
                order by started_at desc limit 1
                """,
                *(job, key, now - budget - timedelta(minutes=1)),
            )
            await tx.execute(
                """
                insert into e_ops_job_runs
                  (id, job, trigger, scheduled_for, lock_key, started_at, finished_at, outcome, host, build)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                *(run_id, job, trigger, scheduled_for, key, now),
                *((now, "skipped_locked") if holder is not None else (None, None)),
                *(self._host, self._build),
            )
        return run_id if holder is None else Busy(holder)

    async def _finish(self, run_id: UUID, outcome: Outcome, tally: Tally) -> None:
        async with self._database.system() as tx:
            await tx.execute(
                "update e_ops_job_runs set finished_at = $2, outcome = $3, counts = $4, errors = $5 where id = $1",
                *(run_id, self._clock.now(), outcome, dict(tally.counts), mask_value("errors", tally.errors)),
            )
