"""Durable work: deferred in the transaction that wants it, run at least once by some worker, held when it keeps failing.

At least once means that a job may run twice, and two of a kind at the same time: what must happen once says so in its own
table. A payload is ids only; the queue belongs to no organisation, so every job names its own.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg
import structlog
from croniter import croniter
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.executors import ScheduleExecutor
from pgqueuer.domain.errors import PgqException, RetryRequested
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.models import Schedule
from pgqueuer.domain.settings import DBSettings

from sangdam.core.clock import KST
from sangdam.core.errors import SangdamError
from sangdam.db.database import CONNECT_SECONDS, Transaction

SCHEMA = "job_queue"
CHANNEL = "sangdam_jobs"
HEARTBEAT_SECONDS = 15.0
"""A job whose worker has been silent for so long is given to another."""
POLL_SECONDS = 1.0
"""A new job is told of at once; one that is to be repeated, or whose worker died, is found by looking."""
DRAIN_SECONDS = 20.0
FIRST_PROBE_SECONDS = 2.0
_RECONNECT_SECONDS = 1.0

log = structlog.stdlib.get_logger(__name__)

Payload = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of work. Failures are repeated with growing pauses; after `starts` starts, crashes included, it is held."""

    name: str
    run: Callable[[Payload], Awaitable[None]]
    seconds: float = 30.0
    starts: int = 8
    at_once: int = 0
    """How many may run at the same time over all workers; 0 is no limit."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """A job that the clock starts: five cron fields, Korean time; one worker of all runs it."""

    name: str
    cron: str
    run: Callable[[], Awaitable[None]]


async def defer(
    tx: Transaction,
    job: str,
    payload: Payload,
    *,
    key: str | None = None,
    after: timedelta = timedelta(0),
    priority: int = 0,
) -> bool:
    """Queues work that exists only if this transaction commits. Higher priorities go first.

    False when a job of the same `key` waits or runs. What a running job has read already it will not read again, so a key
    is for work that is the same work, such as one turn by its id, never for "look again".
    """
    return bool(
        await tx.fetchval(
            f"""
            insert into {SCHEMA}.pgqueuer (entrypoint, payload, priority, execute_after, dedupe_key, status)
            values ($1, $2, $3, now() + $4, $5, 'queued')
            on conflict (dedupe_key) where status in ('queued', 'picked') and dedupe_key is not null do nothing
            returning true
            """,  # noqa: S608 - the schema is a constant
            job,
            json.dumps(dict(payload), ensure_ascii=False).encode(),
            priority,
            after,
            key,
        )
    )


async def held(tx: Transaction) -> dict[str, int]:
    """How many jobs of each name failed for good and wait for a person."""
    rows = await tx.fetch(f"select entrypoint, count(*) as n from {SCHEMA}.pgqueuer where status = 'failed' group by 1")  # noqa: S608
    return {row["entrypoint"]: row["n"] for row in rows}


async def waiting(tx: Transaction) -> dict[str, tuple[int, timedelta]]:
    """By name: how many jobs are due or running, and how long the oldest of them has been due."""
    rows = await tx.fetch(
        f"""
        select entrypoint, count(*) as n, now() - min(execute_after) as oldest from {SCHEMA}.pgqueuer
        where status in ('queued', 'picked') and execute_after <= now() group by 1
        """  # noqa: S608
    )
    return {row["entrypoint"]: (row["n"], row["oldest"]) for row in rows}


async def forget_finished(tx: Transaction, before: datetime) -> int:
    """Deletes the records of jobs that ended before then; for the retention job."""
    gone = await tx.executed(f"delete from {SCHEMA}.pgqueuer_log where created < $1", before)  # noqa: S608
    await tx.execute(
        f"delete from {SCHEMA}.starts s where first_at < $1 and not exists (select from {SCHEMA}.pgqueuer q where q.id = s.job_id)",  # noqa: S608
        before,
    )
    return gone


class JobRunner:
    """Runs jobs until told to stop. Survives the loss of its connections; several may run beside each other."""

    def __init__(
        self, dsn: str, *, jobs: tuple[Job, ...], timetables: tuple[Timetable, ...] = (), at_once: int = 20
    ) -> None:
        """`dsn` is a direct address, past any transaction pooler. `at_once` bounds the jobs of this process."""
        self._dsn = dsn
        self._jobs = jobs
        self._timetables = timetables
        self._at_once = max(2, at_once)
        self._queue: PgQueuer | None = None
        self._stopping = asyncio.Event()
        self._cut_off = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self.run(), name="jobs")

    async def stop(self, *, seconds: float = DRAIN_SECONDS) -> None:
        """Takes nothing new, lets running jobs end, and gives back to the queue what has not ended in time."""
        self._stopping.set()
        if self._queue is not None:
            self._queue.shutdown.set()
        if self._task is None:
            return
        _, late = await asyncio.wait({self._task}, timeout=seconds)
        if late:
            self._cut_off = True
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._run_once()
            except asyncio.CancelledError:
                # A task of the library that was cut off raises it as well; only who cancels this one ends the work.
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                log.warning("jobs.interrupted", reason="CancelledError")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, PgqException, OSError, TimeoutError) as error:
                log.warning("jobs.interrupted", reason=type(error).__name__)
            except (Exception, BaseExceptionGroup) as error:
                # Whatever else a lost connection raises in the library: the work goes on.
                log.error("jobs.interrupted", reason=type(error).__name__, exc_info=error)
            if not self._stopping.is_set():
                await _sleep_or(self._stopping, _RECONNECT_SECONDS)

    async def _run_once(self) -> None:
        async with cast(Any, asyncpg).create_pool(
            self._dsn,
            min_size=2,
            max_size=4,
            timeout=CONNECT_SECONDS,
            command_timeout=CONNECT_SECONDS,
            server_settings={"application_name": "sangdam jobs"},
        ) as pool:
            settings = DBSettings(db_schema=SCHEMA, channel=CHANNEL)  # pyright: ignore[reportArgumentType]
            driver = AsyncpgPoolDriver(pool)
            queries = Queries(
                driver, QueryBuilderEnvironment(settings), QueryQueueBuilder(settings), QuerySchedulerBuilder(settings)
            )
            queue = PgQueuer(driver, channel=settings.channel, queries=queries)
            for job in self._jobs:
                queue.entrypoint(job.name, concurrency_limit=job.at_once, accepts_context=False, on_failure="hold")(
                    self._guarded(job, pool)
                )
            for timetable in self._timetables:
                queue.schedule(
                    timetable.name, timetable.cron, executor_factory=_KoreanTime, clean_old=False, accepts_context=False
                )(_told(timetable))
            self._queue = queue
            _probe_later(queue, self._stopping)
            if self._stopping.is_set():
                return
            try:
                await queue.run(
                    dequeue_timeout=timedelta(seconds=POLL_SECONDS),
                    batch_size=max(1, self._at_once // 2),
                    max_concurrent_tasks=self._at_once,
                    shutdown_on_listener_failure=True,
                    heartbeat_timeout=timedelta(seconds=HEARTBEAT_SECONDS),
                )
            finally:
                self._queue = None

    def _guarded(self, job: Job, pool: Any) -> Callable[[QueuedJob], Awaitable[None]]:
        async def run(queued: QueuedJob) -> None:
            starts = await pool.fetchval(_COUNT_START, queued.id)
            if starts > job.starts:
                log.error("job.held", job=job.name, job_id=queued.id, starts=starts - 1)
                raise _Held(f"started {starts - 1} times")
            try:
                async with asyncio.timeout(job.seconds):
                    await job.run(json.loads(queued.payload or b"{}"))
            except asyncio.CancelledError:
                if not self._cut_off:
                    raise
                # A cancelled job would leave the queue; the next worker is to have it.
                raise RetryRequested(timedelta(0), "the worker stopped") from None
            except Exception as error:
                # What is kept beside the job is the class only: messages may quote people.
                log.warning("job.failed", job=job.name, job_id=queued.id, starts=starts, exc_info=error)
                if starts >= job.starts:
                    raise _Held(type(error).__name__) from None
                raise RetryRequested(_pause(starts, error), type(error).__name__) from None

        return run


class _Held(Exception):
    """Ends a job for good; the queue keeps it as failed."""


_COUNT_START = f"""
    insert into {SCHEMA}.starts as s (job_id, starts) values ($1, 1)
    on conflict (job_id) do update set starts = s.starts + 1 returning s.starts
"""  # noqa: S608


class _KoreanTime(ScheduleExecutor):
    def get_next(self) -> datetime:
        return croniter(self.parameters.expression, start_time=datetime.now(KST)).get_next(datetime).astimezone(UTC)


def _told(timetable: Timetable) -> Callable[[Schedule], Awaitable[None]]:
    async def run(_schedule: Schedule) -> None:
        try:
            await timetable.run()
        except Exception as error:
            log.exception("timetable.failed", job=timetable.name, exc_info=error)

    return run


def _pause(starts: int, error: Exception) -> timedelta:
    """1, 2, 4 … 60 s, or what the failure itself asks for."""
    asked = error.retry_after if isinstance(error, SangdamError) else None
    return timedelta(seconds=asked if asked is not None else min(60.0, 2.0 ** (starts - 1)))


def _probe_later(queue: PgQueuer, stopping: asyncio.Event) -> None:
    """The library sends its first probe before it listens; such a probe is lost and ends a healthy loop ten seconds later."""
    manager = cast(Any, queue.qm)
    probe = manager._run_periodic_health_check

    async def later() -> None:
        await _sleep_or(stopping, FIRST_PROBE_SECONDS)
        await probe()

    manager._run_periodic_health_check = later


async def _sleep_or(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
