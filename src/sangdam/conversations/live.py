"""Who watches which conversation, in this process. A notification wakes; what is shown is always read from the transcript.

A watch is a small object without a task. Lost notifications are made good by one shared sweep, so they cost time, never a message.
"""

import asyncio
import contextlib
import json
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, cast

import structlog

from sangdam.conversations import store
from sangdam.core.errors import SangdamError
from sangdam.core.ids import OrgId, SessionId
from sangdam.db.database import Database
from sangdam.db.listen import Listener, Subscription

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 5.0
HINTS_KEPT = 4
HINT_BYTES = 500


class Watch:
    """One window on a conversation. `wake` is called on the event loop when there may be something to read."""

    __slots__ = ("_live", "hints", "org", "seq", "session", "wake")

    def __init__(self, live: "Live", org: OrgId, session: SessionId, seq: int, wake: Callable[[], None]) -> None:
        self._live = live
        self.org = org
        self.session = session
        self.seq = seq
        self.wake = wake
        self.hints: deque[Mapping[str, Any]] | None = None

    def seen(self, seq: int) -> None:
        """What this window has shown."""
        self.seq = max(self.seq, seq)

    def close(self) -> None:
        self._live.forget(self)


class Live:
    def __init__(self, db: Database, listener: Listener, *, sweep_seconds: float = SWEEP_SECONDS) -> None:
        self._db = db
        self._listener = listener
        self._sweep_seconds = sweep_seconds
        self._watches: dict[SessionId, list[Watch]] = {}
        self._subscriptions: list[Subscription] = []
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._subscriptions = [
            self._listener.subscribe("conversation", self._heard, lost=self.wake_all),
            self._listener.subscribe("hint", self._hinted, lost=lambda: None),
        ]
        self._sweeping = asyncio.create_task(self._sweep(), name="live_sweep")

    async def stop(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping

    def watch(self, org: OrgId, session: SessionId, after_seq: int, wake: Callable[[], None]) -> Watch:
        watch = Watch(self, org, session, after_seq, wake)
        self._watches.setdefault(session, []).append(watch)
        return watch

    def forget(self, watch: Watch) -> None:
        watches = self._watches.get(watch.session)
        if watches is None or watch not in watches:
            return
        watches.remove(watch)
        if not watches:
            del self._watches[watch.session]

    @property
    def watched(self) -> int:
        return sum(len(watches) for watches in self._watches.values())

    def wake_all(self) -> None:
        for watches in list(self._watches.values()):
            for watch in list(watches):
                watch.wake()

    async def hint(self, org: OrgId, session: SessionId, hint: Mapping[str, Any]) -> None:
        """Progress and typing: droppable, never stored, never content. A failure to send one is no failure."""
        payload = json.dumps({"org": str(org), "session": str(session), **hint}, separators=(",", ":"))
        if len(payload) > HINT_BYTES:
            return
        try:
            async with self._db.system() as tx:
                await tx.notify("hint", payload)
        except SangdamError as error:
            log.info("hint_dropped", kind=error.kind.value)

    def _heard(self, payload: str) -> None:
        session = _session_of(payload.rpartition(":")[2])
        for watch in list(self._watches.get(session, ())) if session is not None else ():
            watch.wake()

    def _hinted(self, payload: str) -> None:
        try:
            read = cast("object", json.loads(payload))
        except ValueError:
            return
        if not isinstance(read, dict):
            return
        hint = cast("dict[str, Any]", read)
        session = _session_of(str(hint.pop("session", "")))
        org = hint.pop("org", None)
        for watch in list(self._watches.get(session, ())) if session is not None else ():
            if str(watch.org) == org:
                watch.hints = watch.hints if watch.hints is not None else deque(maxlen=HINTS_KEPT)
                watch.hints.append(hint)
                watch.wake()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._sweep_seconds)
            seen = {
                session: min(watch.seq for watch in watches) for session, watches in self._watches.items() if watches
            }
            if not seen:
                continue
            try:
                async with self._db.system() as tx:
                    behind = await store.advanced(tx, list(seen), list(seen.values()))
            except SangdamError as error:
                log.warning("live_sweep_failed", kind=error.kind.value)
                continue
            for session in behind:
                for watch in list(self._watches.get(session, ())):
                    watch.wake()


def _session_of(text: str) -> SessionId | None:
    try:
        return SessionId(uuid.UUID(text))
    except ValueError:
        return None
