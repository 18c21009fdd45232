"""The stored turns, with their seals: what is personal goes in sealed and comes out open, and nobody above holds a key."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sangdam.conversations.turns import store
from sangdam.conversations.turns.model import Closing, Loaded, Opening
from sangdam.core.ids import CallId, OrgId, SessionId, TurnId
from sangdam.core.phone import Phone
from sangdam.db.database import Transaction
from sangdam.orgs.keyring import Hasher, KeyRing


class TurnBook:
    def __init__(self, keyring: KeyRing, hasher: Hasher) -> None:
        self._keyring = keyring
        self._hasher = hasher

    async def load(self, org: OrgId, tx: Transaction, session: SessionId) -> Loaded | None:
        """Locks the conversation until the transaction ends. None when there is none, or somebody else holds it at this moment."""
        return await store.load(org, tx, session, keyring=self._keyring)

    async def open(
        self,
        org: OrgId,
        tx: Transaction,
        loaded: Loaded,
        opening: Opening,
        *,
        trail: Sequence[Mapping[str, Any]],
        results: Mapping[str, Any],
    ) -> None:
        """Writes the turn down before its first tool call."""
        sealed = self._results(org, opening.turn, results) if results else None
        await store.open_turn(org, tx, loaded, opening, trail, results=sealed)

    async def called(
        self,
        org: OrgId,
        tx: Transaction,
        turn: TurnId,
        *,
        call: CallId,
        results: Mapping[str, Any],
        trail: Sequence[Mapping[str, Any]],
        lease_until: datetime,
    ) -> bool:
        """Appends a finished call at once. False when the turn is no longer this holder's."""
        return await store.called(
            org, tx, turn, call=call, results=self._results(org, turn, results), trail=trail, lease_until=lease_until
        )

    async def close(self, org: OrgId, tx: Transaction, loaded: Loaded, closing: Closing) -> int | None:
        """The reply's `seq`, or None when newer words came or the state moved: superseded."""
        return await store.close(org, tx, loaded, closing, keyring=self._keyring)

    async def supersede(self, org: OrgId, tx: Transaction, turn: TurnId, *, at: datetime, reason: str) -> None:
        await store.supersede(org, tx, turn, at=at, reason=reason)

    async def skip(self, org: OrgId, tx: Transaction, session: SessionId, seq: int) -> None:
        """Nothing is owed any more up to `seq`: a person answers, or the conversation is closed."""
        await store.skip(org, tx, session, seq)

    async def let_go(self, org: OrgId, tx: Transaction, turn: TurnId, *, now: datetime) -> None:
        """Leaves an open turn to whoever works the conversation next."""
        await store.let_go(org, tx, turn, now=now)

    async def renew(self, org: OrgId, tx: Transaction, turns: Sequence[TurnId], *, lease_until: datetime) -> None:
        await store.renew(org, tx, turns, lease_until=lease_until)

    async def due(
        self, tx: Transaction, *, now: datetime, before: datetime, limit: int
    ) -> list[tuple[OrgId, SessionId]]:
        """Conversations of all orgs that owe an answer and that nobody works on (system transaction)."""
        return await store.due(tx, now=now, before=before, limit=limit)

    def phone_hash(self, org: OrgId, phone: Phone) -> str:
        return self._hasher.phone(org, phone)

    def _results(self, org: OrgId, turn: TurnId, results: Mapping[str, Any]) -> str:
        text = json.dumps(results, ensure_ascii=False, separators=(",", ":"))
        return self._keyring.seal(text, table="d_conv_turns", column="results_sealed", org=org, row=turn)
