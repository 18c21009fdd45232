"""Conversations in which nobody speaks any more: asked once whether somebody is still there, closed later.

Silence counts from the last words that were no nudge, so that asking does not make the wait longer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sangdam.conversations import store
from sangdam.conversations.sessions import Sessions
from sangdam.core.clock import Clock
from sangdam.core.ids import OrgId, SessionId
from sangdam.db.database import Database

NUDGE = {"nudge": True}
"""Payload that tells a nudge from other words of ours."""
ASKED_IN = frozenset({"widget", "call"})
"""Channels where somebody may still be looking; elsewhere nobody is asked, only closed."""


@dataclass(frozen=True)
class Patience:
    nudge_after: timedelta = timedelta(minutes=10)
    close_after: timedelta = timedelta(minutes=30)


PATIENCE = Patience()
PatienceOf = Callable[[OrgId], Awaitable[Patience]]
Step = Literal["nudged", "closed"]


class Silences:
    def __init__(
        self, db: Database, sessions: Sessions, clock: Clock, patience: PatienceOf, words: Mapping[str, str]
    ) -> None:
        """`words`: what is asked, by language of the conversation."""
        self._db = db
        self._sessions = sessions
        self._clock = clock
        self._patience = patience
        self._words = words

    async def silent(self, *, limit: int = 500) -> list[tuple[OrgId, SessionId]]:
        """Conversations without a word for ten minutes, the longest silence first; `settle` decides about each."""
        async with self._db.system() as tx:
            return await store.idle(tx, self._clock.now() - PATIENCE.nudge_after, limit)

    async def settle(self, org: OrgId, session: SessionId) -> Step | None:
        """Asks, closes, or leaves it: judged again under the row's lock, so that two processes ask once and new words win."""
        patience = await self._patience(org)
        now = self._clock.now()
        async with self._db.org(org) as tx:
            row = await store.silence(org, tx, session)
            if row is None:
                return None
            since: datetime = row["since"]
            if now - since >= patience.close_after:
                await tx.notify("conversation", f"{org}:{session}")
                await self._sessions.close_in(org, tx, session, "abandoned", now=now)
                return "closed"
            if row["nudged"] or not row["askable"] or row["channel"] not in ASKED_IN:
                return None
            if now - since < patience.nudge_after:
                return None
            text = self._words[row["language"]]
            await self._sessions.append(
                org, tx, session, sender="bot", kind="notice", text=text, payload=NUDGE, now=now
            )
            return "nudged"
