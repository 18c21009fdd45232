"""Once-only writes and their confirmations: proposed → confirmed → running → done | failed | unknown, or void.

An effect is claimed before its tool runs and settled after. What never reported back is `unknown`: the shop is asked, the tool
is not run again. A confirmation is a row that a person moved to `confirmed`; nothing the model says can.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, assert_never, cast

import structlog
from pydantic import BaseModel

from sangdam.core.clock import Clock
from sangdam.core.ids import EffectId, OrgId, SessionId, UserId, new_uuid
from sangdam.db.chain import AuditEvent, EventType, append, canonical, plain
from sangdam.db.database import Database, Transaction
from sangdam.orgs.keyring import Hasher, KeyRing, SealBroken
from sangdam.tools import store
from sangdam.tools.arguments import Arguments, digest, fields_of, signed
from sangdam.tools.masking import bare, masked, nameless
from sangdam.tools.model import (
    Assurance,
    Caller,
    CallerKind,
    Denied,
    Done,
    Failed,
    Invalid,
    NeedsConfirmation,
    NeedsVerification,
    Outcome,
    Preview,
    Tool,
    Unknown,
)
from sangdam.tools.store import Effect

log = structlog.stdlib.get_logger(__name__)

CONFIRMATION_LASTS = timedelta(minutes=10)
LOOK_AFTER = timedelta(seconds=5)
"""When the shop is first asked what became of a write whose end was lost."""
LEASE_MARGIN = timedelta(seconds=5)
"""What a claim outlives the tool's deadline by: then its holder is dead."""

ConfirmationReason = Literal["none", "changed", "expired", "void"]
VoidReason = Literal["changed", "expired", "canceled", "taken_over", "order_changed"]


@dataclass(frozen=True)
class ByShopper:
    """A clear yes read from this message, or the button that carries the effect's id."""

    message_seq: int


@dataclass(frozen=True)
class ByMember:
    """Accepted in the console's approvals, or by MCP elicitation of the member who owns the token."""

    user: UserId


@dataclass(frozen=True)
class Proposal:
    """What a person other than the shopper is asked to accept."""

    effect: EffectId
    tool: str
    title: str
    """The tool's name for people."""
    shown: Mapping[str, Any]
    """Masked."""
    caller: Mapping[str, object]
    session: SessionId | None
    expires_at: datetime


@dataclass(frozen=True)
class Stuck:
    """A write whose end the shop could not tell either."""

    effect: EffectId
    tool: str
    shown: Mapping[str, Any]
    session: SessionId | None
    turn: uuid.UUID | None
    code: str


class People(Protocol):
    """Where staff are asked; the composition root hands it in. Each in the transaction of what it tells."""

    async def asked(self, tx: Transaction, org: OrgId, proposal: Proposal, *, now: datetime) -> None: ...

    async def answered(self, tx: Transaction, org: OrgId, effect: EffectId, *, said: str, now: datetime) -> None:
        """Nothing is asked of this effect any more: it was accepted, refused or became void."""
        ...

    async def stuck(self, tx: Transaction, org: OrgId, stuck: Stuck, *, now: datetime) -> None: ...

    async def settled(self, tx: Transaction, org: OrgId, effect: EffectId, *, said: str, now: datetime) -> None:
        """What was stuck has come to an end."""
        ...


@dataclass(frozen=True)
class Unconfirmed:
    reason: ConfirmationReason


@dataclass(frozen=True)
class Standing:
    """An effect these arguments may claim, or whose end they will hear."""

    effect: Effect


@dataclass(frozen=True)
class Proposed:
    needs: NeedsConfirmation


@dataclass(frozen=True)
class Claimed:
    effect: EffectId


@dataclass(frozen=True)
class Settled:
    """It ran before; this is what came of it."""

    effect: EffectId
    outcome: Outcome


@dataclass(frozen=True)
class InFlight:
    effect: EffectId


@dataclass(frozen=True)
class Mismatch:
    """The key was used for other arguments."""

    effect: EffectId


@dataclass(frozen=True)
class Write:
    """A write about to be claimed."""

    caller: Caller
    tool: Tool
    key: str
    arguments: Arguments
    asked: str
    """Digest of the arguments as given."""


class Effects:
    def __init__(
        self, db: Database, keyring: KeyRing, hasher: Hasher, clock: Clock, *, people: People | None = None
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._hasher = hasher
        self._clock = clock
        self._people = people

    # Confirmation: by people, through the conversation or the console

    async def confirm(self, org: OrgId, effect: EffectId, *, by: ByShopper | ByMember) -> Effect | None:
        """A person said yes. None when there is nothing to say yes to any more: void, expired, confirmed or run already."""
        async with self._db.org(org) as tx:
            return await self.confirm_in(tx, org, effect, by=by)

    async def confirm_in(
        self, tx: Transaction, org: OrgId, effect: EffectId, *, by: ByShopper | ByMember
    ) -> Effect | None:
        """The same in the caller's transaction."""
        now = self._clock.now()
        confirmed = await store.confirm_effect(tx, org, effect, by=_by(by, now), now=now)
        if confirmed is not None:
            await self._no_longer_asked(tx, org, (effect,), "approved")
        return confirmed

    async def refuse_in(self, tx: Transaction, org: OrgId, effect: EffectId) -> bool:
        """A person said no. False when there is nothing to refuse any more."""
        gone = await store.void_effects(tx, org, reason="canceled", effect=effect)
        await self._no_longer_asked(tx, org, (effect,), "canceled")
        return bool(gone)

    async def void(self, org: OrgId, effect: EffectId, *, reason: VoidReason) -> bool:
        async with self._db.org(org) as tx:
            return bool(await self._void(tx, org, reason=reason, effect=effect))

    async def _void(self, tx: Transaction, org: OrgId, *, reason: VoidReason, **where: Any) -> tuple[EffectId, ...]:
        gone = await store.void_effects(tx, org, reason=reason, **where)
        await self._no_longer_asked(tx, org, gone, reason)
        return gone

    async def _no_longer_asked(self, tx: Transaction, org: OrgId, effects: tuple[EffectId, ...], said: str) -> None:
        if self._people is not None:
            for effect in effects:
                await self._people.answered(tx, org, effect, said=said, now=self._clock.now())

    async def void_where(
        self,
        tx: Transaction,
        org: OrgId,
        *,
        reason: VoidReason,
        session: SessionId | None = None,
        flow_run: uuid.UUID | None = None,
        order_id: str | None = None,
    ) -> tuple[EffectId, ...]:
        """All open ones of a conversation, a flow run or an order, in the caller's transaction. One of the three is needed."""
        if session is None and flow_run is None and order_id is None:
            raise ValueError("void_where needs a conversation, a flow run or an order")
        return await self._void(tx, org, reason=reason, session=session, flow_run=flow_run, order_id=order_id)

    async def void_expired(self, tx: Transaction, org: OrgId) -> tuple[EffectId, ...]:
        """What nobody said yes to, or nobody ran, in ten minutes."""
        return await self._void(tx, org, reason="expired", expired_at=self._clock.now())

    async def find(self, org: OrgId, effect: EffectId) -> Effect | None:
        async with self._db.org(org) as tx:
            return await store.effect_of(tx, org, effect)

    # Steps of the gate

    async def standing(self, write: Write, confirmation: str | None) -> Standing | Unconfirmed | Mismatch:
        """Step 2: is there a yes to these very arguments? What changed or ran out is voided on the way."""
        org, now = write.caller.org, self._clock.now()
        agent = write.caller.kind is CallerKind.AGENT
        if agent and confirmation is None:
            return Unconfirmed("none")
        key = _agent_key(write.key, confirmation) if agent and confirmation is not None else write.key
        async with self._db.org(org) as tx:
            effect = await store.effect_by_key(tx, org, key)
            if effect is None:
                return Unconfirmed(_void_reason(await store.why_void(tx, org, key)))
            same = (
                write.asked in (effect.args_digest, effect.asked_digest)
                and effect.tool_name == write.tool.name
                and effect.session == write.caller.session
            )
            if effect.state in ("running", "done", "unknown") or (
                effect.state == "failed" and not self._may_run_again(org, effect)
            ):
                return Standing(effect) if same else Mismatch(effect.id)
            if effect.state == "failed" and not same:
                return Mismatch(effect.id)
            if not same or (confirmation is not None and confirmation != effect.args_digest):
                await self._void(tx, org, reason="changed", effect=effect.id)
                return Unconfirmed("changed")
            if effect.expires_at is None or effect.expires_at <= now:
                await self._void(tx, org, reason="expired", effect=effect.id)
                return Unconfirmed("expired")
            if confirmation is None or not effect.confirmed:
                return Unconfirmed("none")
            return Standing(effect)

    async def propose(
        self, write: Write, shown: BaseModel, reason: ConfirmationReason
    ) -> Proposed | Standing | Mismatch:
        """Stores what the person is about to see. The same proposal made twice is one effect."""
        org, now = write.caller.org, self._clock.now()
        fields = (
            fields_of(write.tool.input.model_validate(shown.arguments))
            if isinstance(shown, Preview)
            else dict(write.arguments.fields)
        )
        seen: dict[str, Any] = (
            cast("dict[str, Any]", plain(shown.shown)) if isinstance(shown, Preview) else shown.model_dump(mode="json")
        )
        args_digest = digest(self._hasher, org, write.tool, fields)
        agent = write.caller.kind is CallerKind.AGENT
        key = _agent_key(write.key, args_digest) if agent else write.key
        new = self._new(write, key, args_digest, fields)
        preview, _ = masked(seen, frozenset(write.tool.masking))
        if write.tool.foreign:
            preview["arguments"] = bare(fields)
        elif "order_id" in fields:
            preview["order_id"] = fields["order_id"]
        until = now + CONFIRMATION_LASTS
        async with self._db.org(org) as tx:
            if agent and await self._void(tx, org, reason="changed", under=write.key + ":", but=key):
                reason = "changed"
            existing = await store.effect_by_key(tx, org, key)
            if existing is None and await store.insert_proposed(tx, org, new, preview=preview, expires_at=until):
                return await self._proposed(tx, write, new, preview, seen, until, reason)
            if existing is None:
                existing = await store.effect_by_key(tx, org, key)  # a double click: the other one was first
            if existing is None:
                raise RuntimeError("an effect vanished while it was proposed")
            if existing.state in ("proposed", "confirmed"):
                if (
                    existing.args_digest == args_digest
                    and existing.expires_at is not None
                    and existing.expires_at > now
                ):
                    return Proposed(NeedsConfirmation(existing.id, args_digest, seen, existing.expires_at, reason))
                await self._void(tx, org, reason="changed", effect=existing.id)
                if not await store.insert_proposed(tx, org, new, preview=preview, expires_at=until):
                    raise RuntimeError("a live effect of this key appeared between two statements")
                return await self._proposed(tx, write, new, preview, seen, until, reason)
            if existing.args_digest != args_digest or existing.tool_name != write.tool.name:
                return Mismatch(existing.id)
            if existing.state == "failed" and self._may_run_again(org, existing):
                await store.ask_again(tx, org, new, existing.id, preview=preview, expires_at=until)
                await self._ask(tx, write, existing.id, preview, until)
                return Proposed(NeedsConfirmation(existing.id, args_digest, seen, until, reason))
            return Standing(existing)

    async def _proposed(
        self, tx: Transaction, write: Write, new: store.NewEffect, preview: Mapping[str, Any], seen: Mapping[str, Any], until: datetime, reason: ConfirmationReason
    ) -> Proposed:  # fmt: skip
        await self._ask(tx, write, new.id, preview, until)
        return Proposed(NeedsConfirmation(new.id, new.args_digest, seen, until, reason))

    async def _ask(
        self, tx: Transaction, write: Write, effect: EffectId, preview: Mapping[str, Any], until: datetime
    ) -> None:
        """The agent asks the shopper itself; for everybody else a person of the org is asked."""
        caller, now = write.caller, self._clock.now()
        if caller.kind is CallerKind.AGENT:
            return
        if self._people is not None:
            proposal = Proposal(
                effect, write.tool.name, write.tool.display_name, preview, caller_json(caller), caller.session, until
            )
            await self._people.asked(tx, caller.org, proposal, now=now)
        payload = {"effect_id": effect, "tool": write.tool.name, "expires_at": until}
        actor = {"kind": caller.kind.value, "id": caller.id}
        event = AuditEvent(
            EventType.CONFIRMATION_REQUESTED, actor, now, caller.trace_id, payload, session=caller.session
        )
        await append(tx, caller.org, events=[event])

    async def claim(
        self, tx: Transaction, write: Write, standing: Effect | None
    ) -> Claimed | Settled | InFlight | Mismatch:
        """Step 3. Of any number of calls with one key exactly one gets `Claimed`."""
        org, now = write.caller.org, self._clock.now()
        lease = now + timedelta(seconds=write.tool.deadline) + LEASE_MARGIN
        if standing is None:
            new = self._new(write, write.key, write.asked, write.arguments.fields)
            if await store.insert_running(tx, org, new, lease_until=lease):
                return Claimed(new.id)
            existing = await store.effect_by_key(tx, org, write.key)
        else:
            existing = await store.effect_of(tx, org, standing.id)
        if existing is None:
            raise RuntimeError("an effect vanished while it was claimed")
        if standing is None and (existing.args_digest != write.asked or existing.tool_name != write.tool.name):
            return Mismatch(existing.id)
        match existing.state:
            case "running" if existing.lease_until is None or existing.lease_until <= now:
                await store.settle_effect(
                    tx, org, existing.id, state="unknown", code="INTERNAL_ERROR", outcome={}, sealed=None, now=now, look_at=now + LOOK_AFTER,
                )  # fmt: skip
                return Settled(existing.id, Unknown("INTERNAL_ERROR", existing.id))
            case "running":
                return InFlight(existing.id)
            case "unknown":
                return Settled(existing.id, Unknown(existing.code or "INTERNAL_ERROR", existing.id))
            case "done":
                return Settled(existing.id, self._recorded(org, existing))
            case "failed" if not self._may_run_again(org, existing):
                return Settled(existing.id, self._recorded(org, existing))
            case "failed" | "confirmed":
                if await store.start_effect(
                    tx, org, existing.id, now=now, lease_until=lease, needs_yes=write.tool.confirmation
                ):
                    return Claimed(existing.id)
                return Settled(
                    existing.id,
                    NeedsConfirmation(
                        existing.id, existing.args_digest, existing.preview, existing.expires_at or now, "expired"
                    ),
                )
            case "proposed" | "void":
                return Settled(
                    existing.id,
                    NeedsConfirmation(
                        existing.id, existing.args_digest, existing.preview, existing.expires_at or now, "void"
                    ),
                )
            case _:
                assert_never(existing.state)

    async def settle(
        self,
        tx: Transaction,
        org: OrgId,
        effect: EffectId,
        outcome: Outcome,
        *,
        masks: frozenset[str] = frozenset(),
        foreign: bool = False,
    ) -> bool:
        """Step 5, and the reconciler's `unknown → done | failed`. False when somebody settled it before."""
        state = "done" if isinstance(outcome, Done) else "unknown" if isinstance(outcome, Unknown) else "failed"
        packed = pack(outcome)
        shown, _ = packed_masked(outcome, masks, foreign=foreign)
        sealed = self._keyring.seal(
            canonical(packed), table="e_ops_effects", column="outcome_sealed", org=org, row=effect
        )
        code = None if isinstance(outcome, Done) else outcome.code
        now = self._clock.now()
        return await store.settle_effect(
            tx, org, effect, state=state, code=code, outcome=shown, sealed=sealed, now=now, look_at=now + LOOK_AFTER if state == "unknown" else None,
        )  # fmt: skip

    def arguments_of(self, tool: Tool, org: OrgId, effect: Effect) -> BaseModel | None:
        """What the person said yes to; None when it does not open any more."""
        try:
            opened = self._keyring.open(
                effect.args_sealed, table="e_ops_effects", column="args_sealed", org=org, row=effect.id
            )
            fields = json.loads(opened)
            # What is not signed is not kept: a look does without it, and nothing that needs it may run from here.
            return tool.input.model_construct(**fields) if tool.unsigned_fields else tool.input.model_validate(fields)
        except (SealBroken, ValueError) as error:
            log.error(
                "confirmed_arguments_unreadable", tool=tool.name, effect_id=str(effect.id), error=type(error).__name__
            )
            return None

    def shown(self, org: OrgId, effect: Effect) -> Mapping[str, Any]:
        """What a person judges by. Arguments of a foreign tool lie sealed, since nobody knows what is in them; here they are opened."""
        if "/" not in effect.tool_name:
            return effect.preview
        try:
            opened = self._keyring.open(
                effect.args_sealed, table="e_ops_effects", column="args_sealed", org=org, row=effect.id
            )
        except SealBroken as error:
            log.error("proposed_arguments_unreadable", tool=effect.tool_name, effect_id=str(effect.id), ops=error.ops)
            return effect.preview
        arguments, _ = masked(cast("dict[str, object]", nameless(json.loads(opened))))
        return {**effect.preview, "arguments": arguments}

    def _new(self, write: Write, key: str, args_digest: str, fields: Mapping[str, Any]) -> store.NewEffect:
        caller = write.caller
        row = EffectId(new_uuid())
        text = canonical(signed(write.tool, fields))
        return store.NewEffect(
            id=row,
            key=key,
            tool_name=write.tool.name,
            args_digest=args_digest,
            asked_digest=write.asked,
            caller=caller_json(caller),
            session=caller.session,
            turn=caller.stamp.turn if caller.stamp is not None else None,
            flow_run=_flow_run(write.key) if caller.kind is CallerKind.AGENT else None,
            args_sealed=self._keyring.seal(text, table="e_ops_effects", column="args_sealed", org=caller.org, row=row),
            now=self._clock.now(),
        )

    def _recorded(self, org: OrgId, effect: Effect) -> Outcome:
        if effect.outcome_sealed is None:  # emptied by retention: that it was done is known, the words are not
            return Done({}, replayed=True) if effect.state == "done" else Failed(effect.code or "INTERNAL_ERROR")
        opened = self._keyring.open(
            effect.outcome_sealed, table="e_ops_effects", column="outcome_sealed", org=org, row=effect.id
        )
        return unpack(json.loads(opened), effect.id)

    def _may_run_again(self, org: OrgId, effect: Effect) -> bool:
        """A failure is known to be without effect. Whether the same call would end the same is what decides."""
        match self._recorded(org, effect):
            case Failed(retryable=retryable):
                return retryable
            case Denied() | NeedsVerification() | NeedsConfirmation():
                return True
            case Invalid() | Done() | Unknown():
                return False


def caller_json(caller: Caller) -> dict[str, object]:
    """As it stands in audit and effect rows."""
    shown: dict[str, object] = {
        "kind": caller.kind.value,
        "id": caller.id,
        "role": caller.role,
        "on_behalf": caller.on_behalf,
    }
    if caller.staff_reason is not None:
        shown["reason"] = caller.staff_reason[:200]
    return shown


def pack(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Done(result):
            return {"kind": "done", "result": dict(result)}
        case Denied(code, retry_after):
            return {"kind": "denied", "code": code, "retry_after": retry_after}
        case NeedsVerification(level, purpose, reason, code):
            return {
                "kind": "needs_verification",
                "level": int(level),
                "purpose": purpose,
                "reason": reason,
                "code": code,
            }
        case NeedsConfirmation(effect, _, preview, _, reason, code):
            return {
                "kind": "needs_confirmation",
                "effect_id": str(effect),
                "preview": dict(preview),
                "reason": reason,
                "code": code,
            }
        case Invalid(code, fields, detail):
            return {"kind": "invalid", "code": code, "fields": list(fields), "detail": dict(detail)}
        case Failed(code, retryable, detail):
            return {"kind": "failed", "code": code, "retryable": retryable, "detail": dict(detail)}
        case Unknown(code, effect):
            return {"kind": "unknown", "code": code, "effect_id": str(effect)}
        case _:
            assert_never(outcome)


def packed_masked(
    outcome: Outcome, masks: frozenset[str], *, foreign: bool = False
) -> tuple[dict[str, object], frozenset[str]]:
    """`pack` as it may be written down. What a foreign tool was told and answered is without any text."""
    packed = pack(outcome)
    if not foreign:
        return masked(packed, masks)
    strange = packed.keys() & {"result", "preview"}
    shown, touched = masked({**packed, **{name: bare(packed[name], deep=name == "preview") for name in strange}}, masks)
    return shown, touched | strange


def unpack(packed: Mapping[str, Any], effect: EffectId) -> Outcome:
    """What `pack` wrote for a settled effect; a `Done` comes back as replayed."""
    match packed["kind"]:
        case "done":
            return Done(packed["result"], replayed=True)
        case "denied":
            return Denied(packed["code"], packed["retry_after"])
        case "needs_verification":
            return NeedsVerification(Assurance(packed["level"]), packed["purpose"], packed["reason"], packed["code"])
        case "invalid":
            return Invalid(packed["code"], tuple(packed["fields"]), packed["detail"])
        case "failed":
            return Failed(packed["code"], packed["retryable"], packed["detail"])
        case _:
            return Unknown(packed["code"], effect)


def _agent_key(key: str, args_digest: str) -> str:
    return key if key.endswith(":" + args_digest) else f"{key}:{args_digest}"


def _flow_run(key: str) -> uuid.UUID | None:
    """Of `conv:<session_id>:<flow_run>:<tool>`."""
    parts = key.split(":")
    try:
        return uuid.UUID(parts[2]) if len(parts) >= 4 and parts[0] == "conv" else None
    except ValueError:
        return None


def _void_reason(code: str | None) -> ConfirmationReason:
    match code:
        case None:
            return "none"
        case "changed" | "expired":
            return code
        case _:
            return "void"


def _by(by: ByShopper | ByMember, now: datetime) -> dict[str, object]:
    match by:
        case ByShopper(seq):
            return {"kind": "shopper", "message_seq": seq, "at": now.isoformat()}
        case ByMember(user):
            return {"kind": "member", "user_id": str(user), "at": now.isoformat()}
