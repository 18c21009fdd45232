"""The queue of people: what a person is asked to look at, once per cause. It works with the mall, the model and SMS all down."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sangdam.conversations import store
from sangdam.core.facts import CreateHandoffOut
from sangdam.core.ids import OrgId
from sangdam.core.mask import mask_text
from sangdam.core.phone import Phone
from sangdam.db.database import Database, Row
from sangdam.orgs.hours import Hours, is_open, next_opening
from sangdam.orgs.keyring import KeyRing
from sangdam.tools.model import Call, Invalid, Refusal

WAIT = timedelta(minutes=10)
"""When an item is due while the shop is open."""
CALLBACK = timedelta(hours=2)
"""After the next opening."""
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
        due_at = now + WAIT if open_now or opening is None else opening + CALLBACK
        kind = "callback" if contact is not None or reason == "callback" else "handoff"
        item = uuid.uuid4()
        stamp = call.caller.stamp
        row = {
            "id": item,
            "session": session,
            "turn": stamp.turn if stamp is not None else None,
            "kind": kind,
            "title": TITLES[reason],
            "summary": {"asked": mask_text(summary), "reason": reason},
            "contact": self._keyring.seal(
                contact.digits, table="e_ops_review_queue_items", column="contact", org=org, row=item
            )
            if contact is not None
            else None,
            "contact_masked": contact.masked if contact is not None else None,
            "priority": priority,
            "due_at": due_at,
            "dedupe_key": f"{kind}:{session}",
            "bot_context": {},
            "at": now,
        }
        async with self._db.org(org) as tx:
            opened = await store.open_item(org, tx, row)
            await store.set_waiting_person(org, tx, session)
        return CreateHandoffOut(
            item_id=str(opened["id"]),
            position=opened["position"],
            open_now=open_now,
            expected_by=None if open_now else due_at,
            existing=opened["existing"],
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
