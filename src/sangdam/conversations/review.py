"""The queue of people: what a person is asked to look at, once per cause. It works with the mall, the model and SMS all down."""

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sangdam.conversations import store
from sangdam.core.facts import CreateHandoffOut
from sangdam.core.ids import EffectId, OrgId, SessionId, TurnId, UserId
from sangdam.core.mask import mask_text
from sangdam.core.phone import Phone
from sangdam.db.database import Database, Row, Transaction
from sangdam.orgs.hours import Hours, is_open, next_opening
from sangdam.orgs.keyring import KeyRing
from sangdam.tools.effects import Proposal, Stuck
from sangdam.tools.model import Call, Failed, Invalid, Refusal

WAIT = timedelta(minutes=10)
"""When an item is due while the shop is open."""
CALLBACK = timedelta(hours=2)
"""After the next opening, or from now while it is open."""
UNKNOWN_HOURS = timedelta(days=1)
"""Where nobody said when the shop is open."""
ABUSE = "abuse"
TITLES: Mapping[str, str] = {
    "asked": "상담원 연결 요청",
    "policy": "정책으로 막힌 요청",
    "failed": "처리하지 못한 요청",
    "abuse": "욕설로 마친 대화",
    "kb_gap": "답을 찾지 못한 질문",
    "legal": "법적 조치를 언급한 요청",
    "callback": "연락 요청",
}

HoursOf = Callable[[OrgId], Awaitable[Hours]]


@dataclass(frozen=True)
class ReviewItem:
    id: uuid.UUID
    kind: str
    title: str
    summary: Mapping[str, Any]
    contact_masked: str | None
    priority: int
    status: str
    due_at: datetime


@dataclass(frozen=True)
class Claimed:
    """It is yours."""


@dataclass(frozen=True)
class Taken:
    by: UserId


class Review:
    def __init__(self, db: Database, keyring: KeyRing, hours: HoursOf) -> None:
        self._db = db
        self._keyring = keyring
        self._hours = hours

    async def hand_over(
        self, call: Call, *, reason: str, summary: str, priority: int, contact: Phone | None
    ) -> CreateHandoffOut | Refusal:
        """One open item a conversation for a person, and one for a call back; the conversation waits for a person from then on."""
        session = call.caller.session
        if session is None:
            return Invalid(fields=("session_id",))
        org, now = call.org, call.clock.now()
        hours = await self._hours(org)
        open_now = is_open(hours, now)
        opening = next_opening(hours, now)
        kind = "callback" if contact is not None or reason == "callback" else ABUSE if reason == ABUSE else "handoff"
        if opening is None:
            due_at = now + UNKNOWN_HOURS
        elif open_now:
            due_at = now + (CALLBACK if kind == "callback" else WAIT)
        else:
            due_at = opening + CALLBACK
        item = uuid.uuid4()
        stamp = call.caller.stamp
        row = {
            "id": item,
            "session": session,
            "turn": stamp.turn if stamp is not None else None,
            "kind": kind,
            "title": TITLES[reason],
            "summary": {"asked": mask_text(summary), "reason": reason},
            "contact": self._sealed(org, item, contact) if contact is not None else None,
            "contact_masked": contact.masked if contact is not None else None,
            "priority": priority,
            "due_at": due_at,
            "dedupe_key": f"{kind}:{session}",
            "bot_context": json.loads(stamp.bot_context) if stamp is not None else {},
            "at": now,
        }
        async with self._db.org(org) as tx:
            opened = await store.open_item(org, tx, row)
            if contact is not None and opened["id"] != item:
                await store.set_contact(org, tx, opened["id"], self._sealed(org, opened["id"], contact), contact.masked)
            await store.set_waiting_person(org, tx, session)
        return CreateHandoffOut(
            item_id=str(opened["id"]),
            position=opened["position"],
            open_now=open_now,
            expected_by=None if open_now and kind != "callback" else due_at,
            existing=opened["existing"],
        )

    async def handed_over(self, call: Call) -> CreateHandoffOut | Failed:
        """What became of a hand-over whose end was lost: the item stands in the queue, or nothing happened."""
        session, now = call.caller.session, call.clock.now()
        if session is None:
            return Failed("INTERNAL_ERROR", retryable=True)
        open_now = is_open(await self._hours(call.org), now)
        async with self._db.org(call.org) as tx:
            row = await store.open_item_of(call.org, tx, session)
        if row is None:
            return Failed("INTERNAL_ERROR", retryable=True)
        return CreateHandoffOut(
            item_id=str(row["id"]),
            position=row["position"],
            open_now=open_now,
            expected_by=None if open_now and row["kind"] != "callback" else row["due_at"],
            existing=True,
        )

    async def address_differs(self, call: Call, *, order_id: str, shipping_code: str, fields: Sequence[str]) -> None:
        """The mall took a new address and its record says another: somebody looks before the parcel leaves. One item per receiver."""
        org, now, stamp = call.org, call.clock.now(), call.caller.stamp
        opening = next_opening(await self._hours(org), now)
        row = {
            "id": uuid.uuid4(), "session": call.caller.session, "turn": stamp.turn if stamp is not None else None, "kind": "address_mismatch",
            "title": "바꾼 배송지가 주문서와 달라요", "summary": {"order_id": order_id, "shipping_code": shipping_code, "fields": list(fields), "last_code": "READBACK_MISMATCH"},
            "contact": None, "contact_masked": None, "priority": 1, "due_at": opening + WAIT if opening is not None else now + UNKNOWN_HOURS,
            "dedupe_key": f"address_mismatch:{order_id}:{shipping_code}", "bot_context": json.loads(stamp.bot_context) if stamp is not None else {}, "at": now,
        }  # fmt: skip
        async with self._db.org(org) as tx:
            await store.open_item(org, tx, row)

    async def low_rating(
        self,
        org: OrgId,
        tx: Transaction,
        session: SessionId,
        *,
        score: int,
        reason: str | None,
        turn: TurnId,
        now: datetime,
    ) -> None:
        """Somebody was not content: staff look at the conversation, within a day. In the transaction that stores the rating."""
        row = {
            "id": uuid.uuid4(), "session": session, "turn": turn, "kind": "csat_low", "title": f"만족도 {score}점", "summary": {"score": score, "reason": mask_text(reason or "")},
            "contact": None, "contact_masked": None, "priority": 3, "due_at": now + UNKNOWN_HOURS, "dedupe_key": f"csat_low:{session}", "bot_context": {}, "at": now,
        }  # fmt: skip
        await store.open_item(org, tx, row)

    async def asked(self, tx: Transaction, org: OrgId, proposal: Proposal, *, now: datetime) -> None:
        """A change that a client or a member wants made, and that a person has to accept first."""
        summary = {
            "effect_id": str(proposal.effect), "tool": proposal.tool, "shown": proposal.shown, "caller": proposal.caller,
        }  # fmt: skip
        await self._open(tx, org, "approval", f"승인 요청: {proposal.title}", summary, proposal.session, None, priority=2, due_at=proposal.expires_at,
            cause=proposal.effect, now=now)  # fmt: skip

    async def answered(self, tx: Transaction, org: OrgId, effect: EffectId, *, said: str, now: datetime) -> None:
        status = "resolved" if said == "approved" else "dismissed"
        await store.close_cause(org, tx, f"approval:{effect}", status=status, resolution=said, now=now)

    async def stuck(self, tx: Transaction, org: OrgId, stuck: Stuck, *, now: datetime) -> None:
        """Nobody knows whether a change happened: a person looks into the mall."""
        summary = {"effect_id": str(stuck.effect), "tool": stuck.tool, "shown": stuck.shown, "last_code": stuck.code}
        await self._open(tx, org, "effect_unknown", "결과를 알 수 없는 변경", summary, stuck.session, stuck.turn, priority=1, due_at=now + WAIT,
            cause=stuck.effect, now=now)  # fmt: skip

    async def settled(self, tx: Transaction, org: OrgId, effect: EffectId, *, said: str, now: datetime) -> None:
        await store.close_cause(org, tx, f"effect_unknown:{effect}", status="resolved", resolution=said, now=now)

    async def _open(
        self, tx: Transaction, org: OrgId, kind: str, title: str, summary: Mapping[str, Any], session: SessionId | None, turn: uuid.UUID | None, *, priority: int,
        due_at: datetime, cause: uuid.UUID, now: datetime,
    ) -> None:  # fmt: skip
        row: dict[str, Any] = {
            "id": uuid.uuid4(), "session": session, "turn": turn, "kind": kind, "title": title, "summary": summary, "contact": None, "contact_masked": None,
            "priority": priority, "due_at": due_at, "dedupe_key": f"{kind}:{cause}", "bot_context": {}, "at": now,
        }  # fmt: skip
        await store.open_item(org, tx, row)

    def _sealed(self, org: OrgId, item: uuid.UUID, contact: Phone) -> str:
        return self._keyring.seal(contact.digits, table="e_ops_review_queue_items", column="contact", org=org, row=item)

    async def contact(self, org: OrgId, item: uuid.UUID) -> Phone | None:
        """The number to call back, for the member who takes the item. Raises SealBroken."""
        async with self._db.org(org) as tx:
            sealed = await store.contact_of(org, tx, item)
        if sealed is None:
            return None
        return Phone(self._keyring.open(sealed, table="e_ops_review_queue_items", column="contact", org=org, row=item))

    async def claim(self, org: OrgId, item: uuid.UUID, member: UserId) -> Claimed | Taken | None:
        """Takes an item; taking it twice is the same. None when it is unknown or settled."""
        async with self._db.org(org) as tx:
            row = await store.claim_item(org, tx, item, member)
        if row is None:
            return None
        return Claimed() if row["won"] else Taken(UserId(row["assignee"]))

    async def settle(
        self, org: OrgId, item: uuid.UUID, member: UserId, *, resolution: str, now: datetime, dismissed: bool = False
    ) -> bool:
        """Ends an item that this member has taken, and makes room for a new one of its cause. False for every other."""
        async with self._db.org(org) as tx:
            return await store.settle_item(
                org,
                tx,
                item,
                member,
                status="dismissed" if dismissed else "resolved",
                resolution=mask_text(resolution),
                now=now,
            )

    async def listed(self, org: OrgId, *, limit: int = 100) -> list[ReviewItem]:
        async with self._db.org(org) as tx:
            return [_item(row) for row in await store.items(org, tx, limit=limit)]


def _item(row: Row) -> ReviewItem:
    return ReviewItem(
        row["id"],
        row["kind"],
        row["title"],
        row["summary"],
        row["contact_masked"],
        row["priority"],
        row["status"],
        row["due_at"],
    )
