"""Conversations as they begin, are found again, read and end. Reading decides who sees an original and who its mask."""

import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from sangdam.conversations import store
from sangdam.conversations.model import Message, NewSession, Session
from sangdam.core.clock import Clock
from sangdam.core.ids import OrgId, SessionId, TurnId, new_session_code, new_trace_id
from sangdam.core.mask import mask_text
from sangdam.db import chain
from sangdam.db.chain import AuditEvent, EventType
from sangdam.db.database import Database, Row, Transaction
from sangdam.orgs.keyring import Hasher, KeyRing, SealBroken

log = structlog.get_logger(__name__)

RESUME_LIFE = timedelta(hours=24)
RESUME_OVERLAP = timedelta(minutes=1)
"""How long a replaced token stays good while the new one was not used: the answer that carried it may have been lost."""
ORIGINAL_LIFE = timedelta(minutes=30)
"""How long the shopper's own window shows what they typed in full; afterwards the mask."""
CODE_TRIES = 8


class Sessions:
    def __init__(self, db: Database, keyring: KeyRing, hasher: Hasher, clock: Clock) -> None:
        self._db = db
        self._keyring = keyring
        self._hasher = hasher
        self._clock = clock

    async def open(
        self, org: OrgId, new: NewSession, *, opening: str | None = None, payload: Mapping[str, Any] | None = None
    ) -> Session:
        """Begins a conversation, with the shop's first words when they are given."""
        now = self._clock.now()
        session = SessionId(uuid.uuid4())
        async with self._db.org(org) as tx:
            row = None
            for _ in range(CODE_TRIES):
                row = await store.insert_session(org, tx, session, new_session_code(), new, now)
                if row is not None:
                    break
            if row is None:
                raise RuntimeError("no free conversation code")
            if opening is not None:
                await self.append(
                    org, tx, session, sender="bot", kind="choice", text=opening, payload=payload or {}, now=now
                )
            event = AuditEvent(
                EventType.SESSION_STARTED,
                {"kind": "shopper", "id": str(session)},
                now,
                new_trace_id(),
                {"channel": new.channel},
                session,
            )
            await chain.append(tx, org, events=[event])
            row = await store.session_row(org, tx, session)
        if row is None:
            raise RuntimeError("the conversation just made is gone")
        return _session(row)

    async def get(self, org: OrgId, session: SessionId) -> Session | None:
        """None for another org's conversation too."""
        async with self._db.org(org) as tx:
            return await self.get_in(tx, org, session)

    async def get_in(self, tx: Transaction, org: OrgId, session: SessionId) -> Session | None:
        """The same in the caller's transaction."""
        row = await store.session_row(org, tx, session)
        return _session(row) if row is not None else None

    async def by_code(self, org: OrgId, code: str) -> Session | None:
        """By the number that people read to each other (`S-7KQ2MD`); None for another org's."""
        async with self._db.org(org) as tx:
            row = await store.session_by_code(org, tx, code)
        return _session(row) if row is not None else None

    async def issue_resume(self, org: OrgId, session: SessionId) -> str:
        """A new resume token, 24 hours; the earlier one ends when the new one is used, a minute from now at the latest."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        hashed = self._hasher.hash("resume", None, token)
        async with self._db.org(org) as tx:
            await store.set_resume(
                org, tx, session, hashed, now=now, expires_at=now + RESUME_LIFE, previous_until=now + RESUME_OVERLAP
            )
        return token

    async def code_of(self, org: OrgId, session: SessionId) -> str | None:
        """What the shopper calls the conversation; None when there is none."""
        async with self._db.org(org) as tx:
            row = await store.session_row(org, tx, session)
        return row["session_code"] if row is not None else None

    async def resume(self, token: str) -> Session | None:
        """The conversation of a live token, whichever org it is of."""
        hashed = self._hasher.hash("resume", None, token)
        async with self._db.system() as tx:
            found = await store.by_resume(tx, hashed)
        if found is None:
            return None
        org, session = found
        async with self._db.org(org) as tx:
            row = await store.resumed(org, tx, session, hashed, self._clock.now())
        return _session(row) if row is not None else None

    async def messages_after(
        self, org: OrgId, session: SessionId, seq: int, *, limit: int = 200, for_shopper: bool = True
    ) -> list[Message]:
        """In order of `seq`. For the shopper, what was written in the last half hour is in their own words."""
        async with self._db.org(org) as tx:
            rows = await store.messages_after(org, tx, session, seq, limit)
        fresh = self._clock.now() - ORIGINAL_LIFE
        return [self._message(org, row, original=for_shopper and row["created_at"] > fresh) for row in rows]

    async def close(self, org: OrgId, session: SessionId, outcome: str) -> bool:
        """False when it was closed already."""
        async with self._db.org(org) as tx:
            return await self.close_in(org, tx, session, outcome, now=self._clock.now())

    async def close_in(self, org: OrgId, tx: Transaction, session: SessionId, outcome: str, *, now: datetime) -> bool:
        """The same as part of a transaction, as its last statement: the audit chain is locked from here on."""
        closed = await store.close_session(org, tx, session, outcome=outcome, now=now)
        if closed:
            event = AuditEvent(
                EventType.SESSION_CLOSED,
                {"kind": "shopper", "id": str(session)},
                now,
                new_trace_id(),
                {"outcome": outcome},
                session,
            )
            await chain.append(tx, org, events=[event])
        return closed

    async def append(
        self,
        org: OrgId,
        tx: Transaction,
        session: SessionId,
        *,
        sender: str,
        kind: str,
        text: str,
        payload: Mapping[str, Any],
        now: datetime,
    ) -> int | None:
        """A message of ours or of the system, masked like every other."""
        message = uuid.uuid4()
        masked = mask_text(text)
        sealed = (
            self._keyring.seal(text, table="d_conv_messages", column="text_sealed", org=org, row=message)
            if masked != text
            else None
        )
        return await store.append(
            org,
            tx,
            session,
            message=message,
            sender=sender,
            kind=kind,
            text=masked,
            sealed=sealed,
            payload=payload,
            now=now,
        )

    def _message(self, org: OrgId, row: Row, *, original: bool) -> Message:
        text = row["text"]
        if original and row["text_sealed"] is not None:
            try:
                text = self._keyring.open(
                    row["text_sealed"], table="d_conv_messages", column="text_sealed", org=org, row=row["id"]
                )
            except SealBroken as broken:  # the mask is still true, and one message must not hide all that come after it
                log.error("message_seal_broken", message=str(row["id"]), why=broken.ops)
        return Message(
            row["seq"],
            row["sender"],
            row["kind"],
            text,
            row["payload"],
            row["client_id"],
            TurnId(row["turn_id"]) if row["turn_id"] is not None else None,
            row["created_at"],
        )


def _session(row: Row) -> Session:
    return Session(
        SessionId(row["id"]), OrgId(row["org_id"]), row["session_code"], row["channel"], row["language"], row["status"], row["speaker"], row["epoch"], row["last_seq"],
        row["state_rev"], row["started_at"],
    )  # fmt: skip
