"""Changes that wait for a person: proposed by an MCP client, an API caller or a member, accepted by a member in the console."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import EffectId, OrgId, SessionId
from sangdam.db.chain import AuditEvent, EventType, append
from sangdam.db.database import Database
from sangdam.orgs.model import Member, Permission
from sangdam.tools import store
from sangdam.tools.effects import ByMember, Effects
from sangdam.tools.store import EffectState


@dataclass(frozen=True)
class Approval:
    effect: EffectId
    tool: str
    state: EffectState
    shown: Mapping[str, Any]
    """The preview, masked."""
    digest: str
    caller: Mapping[str, Any]
    session: SessionId | None
    asked_at: datetime
    expires_at: datetime | None


class Approvals:
    def __init__(self, db: Database, effects: Effects, clock: Clock) -> None:
        self._db = db
        self._effects = effects
        self._clock = clock

    async def waiting(self, by: Member, *, limit: int = 100) -> tuple[Approval, ...]:
        """Newest first. Raises FORBIDDEN."""
        _may(by)
        async with self._db.org(by.org) as tx:
            rows = await store.proposals(tx, by.org, now=self._clock.now(), limit=limit)
        return tuple(self._approval(by.org, row) for row in rows)

    async def decide(
        self, by: Member, effect: EffectId, *, approve: bool, trace_id: str, token: uuid.UUID | None = None
    ) -> Approval:
        """Yes or no to exactly these arguments. What was decided the same way before stays so. `token`: asked in front of its client.

        Raises FORBIDDEN; NOT_FOUND for what was never asked of a person; CONFLICT when it was decided otherwise or ran out.
        """
        _may(by)
        now = self._clock.now()
        async with self._db.org(by.org) as tx:
            found = await store.effect_of(tx, by.org, effect)
            if found is None or found.caller.get("kind") == "agent" or not found.asked:
                raise SangdamError(Kind.NOT_FOUND, "nothing of that number waits for a person")
            lapsed = found.expires_at is None or found.expires_at <= now
            waiting = found.state in ("proposed", "confirmed") or (found.state == "failed" and not found.confirmed)
            if approve and found.confirmed and found.state != "void":
                return self._approval(by.org, found)
            if not waiting or lapsed:
                raise SangdamError(Kind.CONFLICT, f"this change is {'over' if lapsed else found.state}")
            if approve:
                decided = await self._effects.confirm_in(tx, by.org, effect, by=ByMember(by.user))
                kind = EventType.CONFIRMATION_GIVEN
            else:
                await self._effects.refuse_in(tx, by.org, effect)
                decided = await store.effect_of(tx, by.org, effect)
                kind = EventType.CONFIRMATION_VOIDED
            if decided is None:
                raise SangdamError(Kind.CONFLICT, "this change was decided meanwhile")
            actor = {"kind": "member", "id": by.user, "role": by.role.value}
            payload: dict[str, object] = {"effect_id": effect, "tool": found.tool_name}
            if token is not None:
                payload["token_id"] = token
            await append(tx, by.org, events=[AuditEvent(kind, actor, now, trace_id, payload, session=found.session)])
        return self._approval(by.org, decided)

    def _approval(self, org: OrgId, row: store.Effect) -> Approval:
        return Approval(
            row.id, row.tool_name, row.state, self._effects.shown(org, row), row.args_digest, row.caller, row.session, row.created_at, row.expires_at
        )  # fmt: skip


def _may(by: Member) -> None:
    if not by.may(Permission.CONVERSATIONS_ACT):
        raise SangdamError(Kind.FORBIDDEN, f"the role {by.role.value} approves nothing")
