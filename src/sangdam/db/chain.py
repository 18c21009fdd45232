"""The audit chain: rows of both streams are appended as their canonical text and verified from their stored columns.

What is hashed is the very text the row is made of, so a row that differs from its text in any column does not verify.
`append` belongs at the end of a transaction: it holds the organisation's chain until commit.
"""

import hashlib
import hmac
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
from sangdam.db.database import Row, Transaction

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

BROKEN_SHOWN = 1000


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


@dataclass(frozen=True, slots=True)
class Broken:
    seq: int
    what: Literal["missing", "edited", "link", "tail", "checkpoint"]
    """`missing`: rows up to here are gone; `edited`: a column differs from what was hashed; `link`: does not continue the row
    before; `tail`: the chain's head knows another end; `checkpoint`: a signed checkpoint says otherwise."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    org: OrgId
    stream: Stream
    rows: int
    first_seq: int | None
    last_seq: int | None
    broken: tuple[Broken, ...]
    """In order of `seq`, at most `BROKEN_SHOWN`."""

    @property
    def whole(self) -> bool:
        return not self.broken


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


async def verify(tx: Transaction, org: OrgId, stream: Stream, *, signing_key: bytes | None = None) -> VerifyReport:
    """Reads a whole stream in order and names every row that does not fit. With the key, checkpoints are judged too."""
    broken: list[Broken] = []
    checkpoints = {
        row["seq"]: row
        for row in await tx.fetch(
            "select seq, hash, signature, at from f_audit_checkpoints where org_id = $1 and stream = $2", org, stream
        )
    }
    head = await tx.fetchrow(
        "select last_seq, last_hash from f_audit_chains where org_id = $1 and stream = $2", org, stream
    )
    for seq, row in checkpoints.items():
        if signing_key is not None and not hmac.compare_digest(
            row["signature"], sign(signing_key, org, stream, seq, row["hash"], row["at"])
        ):
            broken.append(Broken(seq, "checkpoint"))
    rows, first_seq, last_seq, last_hash = 0, None, 0, _genesis(org, stream)
    async for row in tx.stream(_ROWS[stream], org):
        seq = row["chain_seq"]
        if first_seq is None:
            first_seq = seq
            if seq > 1 and (anchor := checkpoints.get(seq - 1)) is not None:
                last_seq, last_hash = seq - 1, anchor["hash"]
        found = _judge(row, seq, last_seq, last_hash, _stored_text(stream, row))
        if (checkpoint := checkpoints.get(seq)) is not None and checkpoint["hash"] != row["row_hash"]:
            found = (*found, "checkpoint")
        broken.extend(Broken(seq, what) for what in found)
        rows, last_seq, last_hash = rows + 1, seq, row["row_hash"]
    expected = (head["last_seq"], head["last_hash"]) if head is not None else (0, _genesis(org, stream))
    if rows == 0 and head is not None and (anchor := checkpoints.get(head["last_seq"])) is not None:
        last_seq, last_hash = head["last_seq"], anchor["hash"]
    newest = max(checkpoints, default=0)
    if (last_seq, last_hash) != expected or newest > last_seq:
        broken.append(Broken(max(last_seq, expected[0], newest), "tail"))
    broken.sort(key=lambda b: b.seq)
    return VerifyReport(org, stream, rows, first_seq, last_seq if rows else None, tuple(broken[:BROKEN_SHOWN]))


async def checkpoint(
    tx: Transaction, org: OrgId, stream: Stream, *, key: bytes, at: datetime
) -> tuple[int, str] | None:
    """Signs the present head: its number and signature, to be logged elsewhere too. None when there is nothing yet."""
    head = await tx.fetchrow(
        "select last_seq, last_hash from f_audit_chains where org_id = $1 and stream = $2 for update", org, stream
    )
    if head is None or head["last_seq"] == 0:
        return None
    seq, digest = head["last_seq"], head["last_hash"]
    signature = sign(key, org, stream, seq, digest, at)
    sql = "insert into f_audit_checkpoints (org_id, stream, seq, hash, signature, at) values ($1, $2, $3, $4, $5, $6) on conflict do nothing"
    await tx.execute(sql, org, stream, seq, digest, signature, at)
    return seq, signature


def sign(key: bytes, org: OrgId, stream: str, seq: int, digest: bytes, at: datetime) -> str:
    return hmac.new(key, f"{org}|{stream}|{seq}|{digest.hex()}|{_moment(at)}".encode(), hashlib.sha256).hexdigest()


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
            return _moment(value)
        case Enum():
            return plain(value.value)
        case _:
            return _storable(str(value))


def _storable(text: str) -> str:
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _genesis(org: OrgId, stream: str) -> bytes:
    return hashlib.sha256(f"{org}|{stream}".encode()).digest()


def _judge(
    row: Row, seq: int, last_seq: int, last_hash: bytes, text: str
) -> tuple[Literal["missing", "edited", "link"], ...]:
    found: list[Literal["missing", "edited", "link"]] = []
    if seq != last_seq + 1:
        found.append("missing")
    elif row["prev_hash"] != last_hash:
        found.append("link")
    if (
        hashlib.sha256(row["prev_hash"] + f"{seq}|{text}".encode()).digest() != row["row_hash"]
        or row["created_at"] != row["at"]
    ):
        found.append("edited")
    return tuple(found)


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


_EVENT_COLUMNS = "id, session_id, turn_id, state_rev, context_no, actor, event_type, payload, bot_context, trace_id, at"
_CALL_COLUMNS = (
    "id, call_id, phase, session_id, turn_id, state_rev, context_no, caller, tool_name, tool_version, request_payload, response_payload, args_digest,"
    " effect_id, status, code, policy_decision, masked_fields, assurance, upstream, latency_ms, bot_context, trace_id, at"
)
_COLUMNS: dict[Stream, str] = {"events": _EVENT_COLUMNS, "tools": _CALL_COLUMNS}
_TABLE: dict[Stream, str] = {"events": "f_audit_events", "tools": "f_audit_mcp_tools"}
_NAMES: dict[Stream, tuple[str, ...]] = {
    stream: tuple(columns.replace(",", " ").split()) for stream, columns in _COLUMNS.items()
}
_ROWS: dict[Stream, str] = {
    stream: f"select {columns}, org_id, created_at, chain_seq, prev_hash, row_hash from {_TABLE[stream]} where org_id = $1 order by chain_seq"  # noqa: S608
    for stream, columns in _COLUMNS.items()
}


def _stored_text(stream: Stream, row: Row) -> str:
    return canonical({"org_id": row["org_id"], **{name: row[name] for name in _NAMES[stream]}})
