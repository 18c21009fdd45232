"""The audit chain: what happened and every use of a tool, appended in order, each row with the hash of the one before.

What is hashed is what the function `audit_text` of the database says of the stored columns, so a row that differs in any of
them does not verify (`verification.py`). `append` belongs at the end of a transaction: it holds the chain until commit.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Literal, cast

from sangdam.core.ids import CallId, EffectId, OrgId, SessionId, TurnId, new_uuid
from sangdam.core.mask import mask_value
from sangdam.db.database import Transaction

Stream = Literal["events", "tools"]
Phase = Literal["opened", "closed"]
Status = Literal[
    "opened",
    "success",
    "error",
    "unknown",
    "blocked",
    "needs_verification",
    "needs_confirmation",
    "invalid_params",
    "rate_limited",
    "replayed",
]


class EventType(StrEnum):
    """The closed list of data-model.md §8."""

    SESSION_STARTED = "SESSION_STARTED"
    MESSAGE_ACCEPTED = "MESSAGE_ACCEPTED"
    TURN_OPENED = "TURN_OPENED"
    COMMANDS_READ = "COMMANDS_READ"
    SLOT_SET = "SLOT_SET"
    SLOT_CORRECTED = "SLOT_CORRECTED"
    FLOW_STARTED = "FLOW_STARTED"
    FLOW_STEP = "FLOW_STEP"
    FLOW_INTERRUPTED = "FLOW_INTERRUPTED"
    FLOW_RESUMED = "FLOW_RESUMED"
    FLOW_CANCELED = "FLOW_CANCELED"
    FLOW_COMPLETED = "FLOW_COMPLETED"
    AGENDA_CHANGED = "AGENDA_CHANGED"
    CHOICES_SHOWN = "CHOICES_SHOWN"
    CONFIRMATION_REQUESTED = "CONFIRMATION_REQUESTED"
    CONFIRMATION_GIVEN = "CONFIRMATION_GIVEN"
    CONFIRMATION_VOIDED = "CONFIRMATION_VOIDED"
    KB_RETRIEVED = "KB_RETRIEVED"
    KB_GAP = "KB_GAP"
    ANSWER_CHECK_FAILED = "ANSWER_CHECK_FAILED"
    FINAL_ANSWER_READY = "FINAL_ANSWER_READY"
    HANDOFF_REQUESTED = "HANDOFF_REQUESTED"
    TAKEOVER_STARTED = "TAKEOVER_STARTED"
    TAKEOVER_RELEASED = "TAKEOVER_RELEASED"
    TURN_CLOSED = "TURN_CLOSED"
    TURN_SUPERSEDED = "TURN_SUPERSEDED"
    TURN_FAILED = "TURN_FAILED"
    OTP_SENT = "OTP_SENT"
    OTP_VERIFIED = "OTP_VERIFIED"
    OTP_FAILED = "OTP_FAILED"
    OTP_LOCKED = "OTP_LOCKED"
    ORDERER_MATCHED = "ORDERER_MATCHED"
    ORDERER_MISMATCH = "ORDERER_MISMATCH"
    IDENTITY_EXPIRED = "IDENTITY_EXPIRED"
    TOKEN_REFRESH_OK = "TOKEN_REFRESH_OK"
    TOKEN_REFRESH_FAILED = "TOKEN_REFRESH_FAILED"
    TOKEN_REFRESH_SKIPPED_FRESH = "TOKEN_REFRESH_SKIPPED_FRESH"
    TOKEN_REFRESH_LOCKED = "TOKEN_REFRESH_LOCKED"
    CONNECTION_CHANGED = "CONNECTION_CHANGED"
    OAUTH_REFUSED = "OAUTH_REFUSED"
    BREAKER_OPENED = "BREAKER_OPENED"
    BREAKER_CLOSED = "BREAKER_CLOSED"
    POLICY_CHANGED = "POLICY_CHANGED"
    MEMBER_CHANGED = "MEMBER_CHANGED"
    TOKEN_ISSUED = "TOKEN_ISSUED"
    TOKEN_REVOKED = "TOKEN_REVOKED"
    ARTICLE_PUBLISHED = "ARTICLE_PUBLISHED"
    MESSAGE_UNSEALED = "MESSAGE_UNSEALED"
    RESTOCK_SUBSCRIBED = "RESTOCK_SUBSCRIBED"
    RESTOCK_CANCELED = "RESTOCK_CANCELED"
    RESTOCK_EDGE = "RESTOCK_EDGE"
    RESTOCK_SMS_SENT = "RESTOCK_SMS_SENT"
    RESTOCK_SMS_FAILED = "RESTOCK_SMS_FAILED"
    NOTICE_DEAD = "NOTICE_DEAD"
    EFFECT_RECONCILED = "EFFECT_RECONCILED"
    JOB_MISSED = "JOB_MISSED"
    ALERT_RAISED = "ALERT_RAISED"
    CSAT_RECORDED = "CSAT_RECORDED"
    SESSION_CLOSED = "SESSION_CLOSED"
    ERASURE_DONE = "ERASURE_DONE"
    RETENTION_RUN = "RETENTION_RUN"
    AUDIT_PRUNED = "AUDIT_PRUNED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that happened. `actor` and `payload` pass the masker on their way in."""

    event_type: EventType
    actor: Mapping[str, object]
    at: datetime
    trace_id: str
    payload: Mapping[str, object] = field(default_factory=dict[str, object])
    session: SessionId | None = None
    turn: TurnId | None = None
    state_rev: int | None = None
    context_no: int | None = None
    bot_context: str = "{}"
    """A JSON object as text."""


@dataclass(frozen=True, slots=True)
class AuditCall:
    """One row about one use of a tool. Payloads are stored as given: the gate masks them with the tool's own masks first."""

    call: CallId
    phase: Phase
    caller: Mapping[str, object]
    tool_name: str
    tool_version: str
    request: Mapping[str, object]
    response: Mapping[str, object]
    args_digest: str
    status: Status
    policy_decision: Mapping[str, object]
    assurance: str
    latency_ms: int
    trace_id: str
    at: datetime
    code: str | None = None
    effect: EffectId | None = None
    masked_fields: tuple[str, ...] = ()
    upstream: Sequence[Mapping[str, object]] = ()
    session: SessionId | None = None
    turn: TurnId | None = None
    state_rev: int | None = None
    context_no: int | None = None
    bot_context: str = "{}"


async def append(
    tx: Transaction, org: OrgId, *, events: Sequence[AuditEvent] = (), calls: Sequence[AuditCall] = ()
) -> None:
    """Appends in the order given, in one round trip. Call it last in the transaction."""
    if not events and not calls:
        return
    await tx.execute(
        "select audit_append($1, $2::text[], $3::text[])",
        org,
        [_event_text(org, event) for event in events],
        [_call_text(org, call) for call in calls],
    )


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces; the same text again after a trip through `jsonb`."""
    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain(value: object) -> object:
    """JSON values only, as PostgreSQL gives them back: whole floats as integers, no NUL, no lone surrogate."""
    kind = type(value)
    if kind is str:
        text = cast(str, value)
        return text if text.isascii() and "\x00" not in text else _storable(text)
    if value is None or kind is int or kind is bool:
        return value
    match value:
        case Mapping():
            return {plain(str(k)): plain(v) for k, v in cast("Mapping[object, object]", value).items()}
        case list() | tuple() | set() | frozenset():
            members = cast("Sequence[object]", value)
            return [plain(member) for member in members]
        case float():
            return int(value) if value.is_integer() else value if math.isfinite(value) else str(value)
        case datetime():
            return moment(value)
        case Enum():
            return plain(value.value)
        case _:
            return _storable(str(value))


def _storable(text: str) -> str:
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@lru_cache(maxsize=512)
def _context(text: str) -> object:
    # The rows of a turn share few projections: each is parsed once.
    return plain(json.loads(text))


_HARMLESS_KEPT = 4096
_HARMLESS_LENGTH = 48
_harmless: set[tuple[str, str]] = set()
"""Short texts the masker left as they were (names of flows, steps, kinds): most of what events are made of."""


def _masked(key: str, value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _masked(str(k), v) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, str) and (key, value) in _harmless:
        return value
    masked = mask_value(key, value)
    if isinstance(value, str) and masked == value and len(value) <= _HARMLESS_LENGTH:
        if len(_harmless) >= _HARMLESS_KEPT:
            _harmless.clear()
        _harmless.add((key, value))
    return masked


def _event_text(org: OrgId, event: AuditEvent) -> str:
    return canonical(
        {
            "id": new_uuid(),
            "org_id": org,
            "session_id": event.session,
            "turn_id": event.turn,
            "state_rev": event.state_rev,
            "context_no": event.context_no,
            "actor": _masked("actor", event.actor),
            "event_type": event.event_type,
            "payload": _masked("payload", event.payload),
            "trace_id": event.trace_id,
            "at": event.at,
            "bot_context": _context(event.bot_context),
        }
    )


def _call_text(org: OrgId, call: AuditCall) -> str:
    return canonical(
        {
            "id": new_uuid(),
            "org_id": org,
            "call_id": call.call,
            "phase": call.phase,
            "session_id": call.session,
            "turn_id": call.turn,
            "state_rev": call.state_rev,
            "context_no": call.context_no,
            "caller": call.caller,
            "tool_name": call.tool_name,
            "tool_version": call.tool_version,
            "request_payload": call.request,
            "response_payload": call.response,
            "args_digest": call.args_digest,
            "effect_id": call.effect,
            "status": call.status,
            "code": call.code,
            "policy_decision": call.policy_decision,
            "masked_fields": call.masked_fields,
            "assurance": call.assurance,
            "upstream": call.upstream,
            "latency_ms": call.latency_ms,
            "trace_id": call.trace_id,
            "at": call.at,
            "bot_context": _context(call.bot_context),
        }
    )
