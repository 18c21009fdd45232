"""Wakes turns: when a message was accepted anywhere, and by a sweep for what a notification or a dead process left behind.

One turn a conversation at a time is the database's business (row lock and lease); here one task a conversation keeps this process tidy.
"""

import asyncio
import contextlib
import uuid
from datetime import timedelta

import structlog

from sangdam.agent.turn import Turns
from sangdam.conversations.turns import TurnBook
from sangdam.core.clock import Clock
from sangdam.core.errors import SangdamError
from sangdam.core.ids import OrgId, SessionId
from sangdam.db.database import Database
from sangdam.db.listen import Listener

log = structlog.get_logger(__name__)

CHANNEL = "owed"
SWEEP_SECONDS = 1.0
RENEW_SECONDS = 2.0
OVERDUE = timedelta(seconds=1)
AT_ONCE = 48
"""Turns worked at the same time by one process; the rest wait their turn, oldest first."""
ATTEMPTS = 20


class Worker:
    def __init__(self, db: Database, listener: Listener, turns: Turns, *, book: TurnBook, clock: Clock) -> None:
        self._db = db
        self._listener = listener
        self._turns = turns
        self._book = book
        self._clock = clock
        self._running: dict[SessionId, asyncio.Task[None]] = {}
        self._again: set[SessionId] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._stopping = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._subscription = None
        self.last_sweep: float | None = None
        """`clock.monotonic()` of the last sweep that went through; None before the first."""

    def start(self) -> None:
        self._subscription = self._listener.subscribe(CHANNEL, self._heard, lost=self._sweep_soon)
        self._loops = [
            asyncio.create_task(self._sweep(), name="sweep"),
            asyncio.create_task(self._renew(), name="renew"),
        ]

    async def stop(self, *, seconds: float = 20.0) -> None:
        """Takes no new turns and lets the running ones end within `seconds`; what is left is taken over by others."""
        if self._subscription is not None:
            self._subscription.close()
        self._stopping.set()
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)
        for task in [*self._running.values(), *self._loops]:
            task.cancel()
        await asyncio.gather(*self._running.values(), *self._loops, return_exceptions=True)

    @property
    def turns_open(self) -> int:
        return len(self._running)

    def wake(self, org: OrgId, session: SessionId) -> None:
        """A conversation owes an answer. Cheap, and harmless when it does not."""
        if self._stopping.is_set():
            return
        if session in self._running:
            self._again.add(session)
            return
        task = asyncio.create_task(self._work(org, session), name=f"turn:{session}")
        self._running[session] = task

    def _heard(self, payload: str) -> None:
        org, _, session = payload.partition(":")
        try:
            self.wake(OrgId(uuid.UUID(org)), SessionId(uuid.UUID(session)))
        except ValueError:
            log.warning("owed_payload_unreadable")

    def _sweep_soon(self) -> None:
        self.last_sweep = None

    async def _work(self, org: OrgId, session: SessionId) -> None:
        try:
            async with self._slots:
                for _ in range(ATTEMPTS):
                    self._again.discard(session)
                    worked = await self._turns.work(org, session)
                    if worked == "busy" or (worked not in ("superseded", "partly") and session not in self._again):
                        break
        except SangdamError as error:
            log.warning("turn_not_worked", session=str(session), org=str(org), kind=error.kind.value)
        except Exception:
            log.exception("turn_broke", session=str(session), org=str(org))
        finally:
            self._running.pop(session, None)
            if session in self._again:
                self._again.discard(session)
                self.wake(org, session)

    async def _sweep(self) -> None:
        while not self._stopping.is_set():
            now = self._clock.now()
            try:
                async with self._db.system() as tx:
                    due = await self._book.due(tx, now=now, before=now - OVERDUE, limit=200)
                for org, session in due:
                    self.wake(org, session)
                self.last_sweep = self._clock.monotonic()
            except SangdamError as error:
                log.warning("sweep_failed", kind=error.kind.value)
            await self._pause(SWEEP_SECONDS)

    async def _renew(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._turns.renew_leases()
            except SangdamError as error:
                log.warning("renewal_failed", kind=error.kind.value)
            await self._pause(RENEW_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
