"""Searching the audit, one trace in the order of time, and whether the chain is whole. Only reads; values are masked as stored.

Owners, admins, auditors and tokens with `audit:read` see all of their organisation; an operator what they did themselves.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from sangdam.core.clock import kst
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId, SessionId
from sangdam.core.phone import parse_phone
from sangdam.db import trail
from sangdam.db.chain import EventType, Status, Stream
from sangdam.db.trail import Asked, Page, Position, RecordedCall, RecordedEvent
from sangdam.db.verification import What, verified
from sangdam.orgs import Permission, Scope
from sangdam.web import cursors, store
from sangdam.web.callers import ByMember, Callers, Known
from sangdam.web.errors import answers
from sangdam.web.parts import Parts

SESSIONS = 500
"""Conversations of one phone number that are looked through, the newest."""
OF_A_KIND = 200
"""Rows of one kind that a trace shows."""
VERIFIED_AT_ONCE = 100_000
"""Rows of a stream in one request; the next goes on after them."""


def _sane(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 9000:
        raise ValueError("no such year here")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_sane)]
TraceId = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]


class Filters(BaseModel):
    """All that are given have to hold."""

    model_config = ConfigDict(extra="forbid")

    session_id: uuid.UUID | None = None
    session_code: str | None = Field(default=None, pattern=r"^S-[2-9A-HJ-NP-Z]{6}$")
    turn_id: uuid.UUID | None = None
    trace_id: TraceId | None = None
    order_id: str | None = Field(default=None, pattern=r"^[0-9]{8}-[0-9]{7}$")
    phone: str | None = Field(default=None, max_length=30, description="Conversations that proved this number.")
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = Field(default=None, alias="to", description="Before this moment.")
    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(default=None, max_length=cursors.LONGEST)


class EventFilters(Filters):
    event_type: EventType | None = None


class CallFilters(Filters):
    tool: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_./-]{1,80}$")
    code: str | None = Field(default=None, pattern=r"^[A-Z0-9_]{1,64}$")
    status: Status | None = None


class EventView(BaseModel):
    id: uuid.UUID
    seq: int
    at: str
    event_type: str
    actor: JsonValue
    payload: JsonValue
    session_id: uuid.UUID | None
    turn_id: uuid.UUID | None
    state_rev: int | None
    context_no: int | None
    bot_context: JsonValue
    trace_id: str
    row_hash: str = Field(description="Hex; with the hash of the row before, what the chain is made of.")


class CallView(BaseModel):
    id: uuid.UUID
    seq: int
    at: str
    call_id: uuid.UUID
    phase: str
    caller: JsonValue
    tool_name: str
    tool_version: str
    request_payload: JsonValue
    response_payload: JsonValue
    args_digest: str
    effect_id: uuid.UUID | None
    status: str
    code: str | None
    policy_decision: JsonValue
    masked_fields: list[str]
    assurance: str
    upstream: JsonValue
    latency_ms: int
    session_id: uuid.UUID | None
    turn_id: uuid.UUID | None
    state_rev: int | None
    context_no: int | None
    bot_context: JsonValue
    trace_id: str
    row_hash: str


class EventPage(BaseModel):
    items: list[EventView]
    next_cursor: str | None = Field(description="A page may be short although more follow; None is the end.")


class CallPage(BaseModel):
    items: list[CallView]
    next_cursor: str | None = Field(description="A page may be short although more follow; None is the end.")


class MessageItem(BaseModel):
    kind: Literal["message"] = "message"
    at: str
    id: uuid.UUID
    session_id: uuid.UUID
    seq: int
    role: str
    message_kind: str
    text: str = Field(description="Masked.")
    turn_id: uuid.UUID | None


class TurnItem(BaseModel):
    kind: Literal["turn"] = "turn"
    at: str
    id: uuid.UUID
    session_id: uuid.UUID
    session_code: str
    turn_no: int
    status: str
    seq_from: int
    seq_to: int
    reply_seq: int | None
    state_rev: int
    intent: str | None
    code: str | None
    latency_ms: int | None
    closed_at: str | None


class EventItem(EventView):
    kind: Literal["event"] = "event"


class CallItem(CallView):
    kind: Literal["call"] = "call"


class OutboxItem(BaseModel):
    kind: Literal["outbox"] = "outbox"
    at: str
    id: uuid.UUID
    notice: str
    channel: str
    destination: str = Field(description="Masked.")
    status: str
    attempts: int
    provider: str | None
    code: str | None
    due_at: str
    accepted_at: str | None
    delivered_at: str | None


class JobItem(BaseModel):
    kind: Literal["job"] = "job"
    at: str
    id: uuid.UUID
    job: str
    outcome: str | None
    counts: dict[str, int]
    errors: list[dict[str, JsonValue]]
    finished_at: str | None


TraceItem = Annotated[MessageItem | TurnItem | EventItem | CallItem | OutboxItem | JobItem, Field(discriminator="kind")]
_ORDER = {"job": 0, "turn": 1, "message": 2, "event": 3, "call": 4, "outbox": 5}
"""Of what has the same time."""


class TraceView(BaseModel):
    trace_id: str
    items: list[TraceItem]
    truncated: bool = Field(description=f"There are more than {OF_A_KIND} of one kind: not all are shown.")


class BrokenView(BaseModel):
    seq: int
    until: int | None = Field(description="The last row of the stretch, when it is one and not a row.")
    what: What


class StreamView(BaseModel):
    stream: Literal["events", "tools"]
    whole: bool
    complete: bool = Field(description="False: ask again with `after` = `last_seq`.")
    rows: int
    first_seq: int | None
    last_seq: int | None
    pruned_to: int
    signed_to: int
    broken: list[BrokenView]


class VerifyView(BaseModel):
    org_id: uuid.UUID
    whole: bool = Field(description="Of what was read.")
    complete: bool
    streams: list[StreamView]


def audit_routes(parts: Parts, callers: Callers) -> APIRouter:
    router = APIRouter(tags=["audit"])
    verifying: set[OrgId] = set()

    async def reader(request: Request) -> Known:
        return await callers.known(request, permission=Permission.AUDIT_OWN, scopes=frozenset({Scope.AUDIT_READ}))

    async def auditor(request: Request) -> Known:
        return await callers.known(request, permission=Permission.AUDIT_READ, scopes=frozenset({Scope.AUDIT_READ}))

    async def asked(caller: Known, filters: Filters, **more: Any) -> Asked:
        return Asked(
            sessions=await _sessions(parts, caller.org, filters),
            turn=filters.turn_id,
            trace_id=filters.trace_id,
            order_id=filters.order_id,
            by_member=_only(caller),
            since=filters.since,
            until=filters.until,
            **more,
        )

    @router.get("/api/audit/events", response_model=EventPage, responses=answers(401, 403))
    async def events(filters: Annotated[EventFilters, Query()], caller: Annotated[Known, Depends(reader)]) -> EventPage:  # pyright: ignore[reportUnusedFunction]
        name = _question("events", caller, filters)
        after = _after(parts, name, filters.cursor)
        wanted = await asked(caller, filters, event_type=filters.event_type)
        async with parts.db.org(caller.org) as tx:
            page = await trail.events(tx, caller.org, wanted, limit=filters.limit, after=after)
        return EventPage(items=[EventView(**_event(each)) for each in page.items], next_cursor=_next(parts, name, page))

    @router.get("/api/audit/tools", response_model=CallPage, responses=answers(401, 403))
    async def tools(filters: Annotated[CallFilters, Query()], caller: Annotated[Known, Depends(reader)]) -> CallPage:  # pyright: ignore[reportUnusedFunction]
        name = _question("tools", caller, filters)
        after = _after(parts, name, filters.cursor)
        wanted = await asked(caller, filters, tool=filters.tool, code=filters.code, status=filters.status)
        async with parts.db.org(caller.org) as tx:
            page = await trail.calls(tx, caller.org, wanted, limit=filters.limit, after=after)
        return CallPage(items=[CallView(**_call(each)) for each in page.items], next_cursor=_next(parts, name, page))

    @router.get("/api/audit/trace/{trace_id}", response_model=TraceView, responses=answers(401, 403, 404))
    async def trace(  # pyright: ignore[reportUnusedFunction]
        trace_id: Annotated[str, Path(pattern=r"^[!-~]{1,64}$")], caller: Annotated[Known, Depends(reader)]
    ) -> TraceView:
        items = await _trace(parts, caller.org, trace_id, only=_only(caller))
        if not items:
            raise SangdamError(Kind.NOT_FOUND, "nothing was recorded under this trace")
        counts = [sum(each.kind == kind for each in items) for kind in _ORDER]
        kept = [each for kind in _ORDER for each in [one for one in items if one.kind == kind][:OF_A_KIND]]
        kept.sort(key=lambda each: (each.at, _ORDER[each.kind], getattr(each, "seq", 0)))
        return TraceView(trace_id=trace_id, items=kept, truncated=max(counts) > OF_A_KIND)

    @router.get("/api/audit/verify", response_model=VerifyView, responses=answers(401, 403, 429))
    async def verify(  # pyright: ignore[reportUnusedFunction]
        caller: Annotated[Known, Depends(auditor)],
        stream: Stream | None = None,
        after: Annotated[int, Query(ge=0, le=2**53, description="Rows up to here were verified before.")] = 0,
    ) -> VerifyView:
        if caller.org in verifying:
            raise SangdamError(Kind.RATE_LIMIT, "this organisation's audit is being verified", retry_after=5.0)
        verifying.add(caller.org)
        try:
            streams = [await _verified(parts, caller.org, one, after) for one in ((stream,) if stream else _STREAMS)]
        finally:
            verifying.discard(caller.org)
        return VerifyView(
            org_id=caller.org,
            whole=all(each.whole for each in streams),
            complete=all(each.complete for each in streams),
            streams=streams,
        )

    return router


_STREAMS: tuple[Stream, ...] = ("events", "tools")


def _only(caller: Known) -> str | None:
    """The member whose own deeds are all the caller may see."""
    if isinstance(caller, ByMember) and not caller.member.may(Permission.AUDIT_READ):
        return str(caller.member.user)
    return None


def _question(route: str, caller: Known, filters: Filters) -> str:
    given: Mapping[str, object] = filters.model_dump(exclude={"limit", "cursor"})
    return cursors.question(f"audit/{route}", caller.org, {**given, "only": _only(caller)})


def _after(parts: Parts, name: str, cursor: str | None) -> Position | None:
    if cursor is None:
        return None
    place = cursors.place_of(parts.session_secret, name, cursor)
    if place is None:
        raise SangdamError(Kind.INVALID_PARAMS, "the cursor is not one of this list", fields=("cursor",))
    return Position(datetime.fromisoformat(str(place[0])), int(place[1]))


def _next(parts: Parts, name: str, page: Page[Any]) -> str | None:
    return cursors.issue(parts.session_secret, name, (page.next.at.isoformat(), page.next.seq)) if page.next else None


async def _sessions(parts: Parts, org: OrgId, filters: Filters) -> tuple[SessionId, ...] | None:
    """The conversations that session, code, turn and phone leave; None when none of these is given. The number itself goes nowhere."""
    phone = parse_phone(filters.phone) if filters.phone is not None else None
    if filters.phone is not None and phone is None:
        raise SangdamError(Kind.INVALID_PARAMS, "not a Korean phone number", fields=("phone",))
    hashed = parts.hasher.phone(org, phone) if phone is not None else None
    if (filters.session_code, filters.turn_id, hashed) == (None, None, None):
        return (SessionId(filters.session_id),) if filters.session_id is not None else None
    async with parts.db.org(org) as tx:
        found = await store.sessions_meant(
            org, tx, code=filters.session_code, turn=filters.turn_id, phone_hash=hashed, limit=SESSIONS
        )
    return tuple(each for each in found if filters.session_id in (None, each))


async def _trace(parts: Parts, org: OrgId, trace_id: str, *, only: str | None) -> list[TraceItem]:
    """Up to one more of each kind than is shown."""
    limit = OF_A_KIND + 1
    wanted = Asked(trace_id=trace_id, by_member=only)
    items: list[TraceItem] = []
    async with parts.db.snapshot(org) as tx:
        items += [EventItem(**_event(each)) for each in (await trail.events(tx, org, wanted, limit=limit)).items]
        items += [CallItem(**_call(each)) for each in (await trail.calls(tx, org, wanted, limit=limit)).items]
        if only is not None:
            return items
        turns = await store.turns_of_trace(org, tx, trace_id, limit=limit)
        messages = await store.messages_of_turns(org, tx, [row["id"] for row in turns], limit=limit)
        sent = await store.outbox_of_trace(org, tx, trace_id, limit=limit)
        runs = await trail.job_runs(tx, org, trace_id, limit=limit)
    items += [
        TurnItem(at=_kst(row["opened_at"]), closed_at=_kst_or_none(row["closed_at"]), **_some(row, TurnItem))
        for row in turns
    ]
    items += [
        MessageItem(
            at=_kst(row["created_at"]), role=row["sender"], message_kind=row["kind"], **_some(row, MessageItem, "kind")
        )
        for row in messages
    ]
    items += [
        OutboxItem(
            at=_kst(row["created_at"]),
            notice=row["kind"],
            destination=row["destination_masked"],
            code=row["last_code"],
            due_at=_kst(row["due_at"]),
            accepted_at=_kst_or_none(row["accepted_at"]),
            delivered_at=_kst_or_none(row["delivered_at"]),
            **_some(row, OutboxItem, "kind", "due_at", "accepted_at", "delivered_at"),
        )
        for row in sent
    ]
    items += [
        JobItem(
            at=_kst(run.started_at),
            id=run.id,
            job=run.job,
            outcome=run.outcome,
            counts=dict(run.counts),
            errors=[dict(error) for error in run.errors],
            finished_at=_kst_or_none(run.finished_at),
        )
        for run in runs
    ]
    return items


def _some(row: Any, shape: type[BaseModel], *but: str) -> dict[str, Any]:
    """Those columns that the shape shows under their own names."""
    names = shape.model_fields.keys() - {"at", "closed_at", *but}
    return {name: row[name] for name in row.keys() if name in names}  # noqa: SIM118 - a record is no mapping


async def _verified(parts: Parts, org: OrgId, stream: Stream, after: int) -> StreamView:
    report = await verified(parts.db, org, stream, signing_key=parts.audit_key, after=after, at_most=VERIFIED_AT_ONCE)
    return StreamView(
        stream=stream,
        whole=report.whole,
        complete=report.complete,
        rows=report.rows,
        first_seq=report.first_seq,
        last_seq=report.last_seq,
        pruned_to=report.pruned_to,
        signed_to=report.signed_to,
        broken=[BrokenView(seq=each.seq, until=each.until, what=each.what) for each in report.broken],
    )


def _event(row: RecordedEvent) -> dict[str, Any]:
    return {
        "id": row.id,
        "seq": row.seq,
        "at": _kst(row.at),
        "event_type": row.event_type,
        "actor": row.actor,
        "payload": row.payload,
        "session_id": row.session,
        "turn_id": row.turn,
        "state_rev": row.state_rev,
        "context_no": row.context_no,
        "bot_context": row.bot_context,
        "trace_id": row.trace_id,
        "row_hash": row.row_hash.hex(),
    }


def _call(row: RecordedCall) -> dict[str, Any]:
    return {
        "id": row.id,
        "seq": row.seq,
        "at": _kst(row.at),
        "call_id": row.call,
        "phase": row.phase,
        "caller": row.caller,
        "tool_name": row.tool,
        "tool_version": row.tool_version,
        "request_payload": row.request,
        "response_payload": row.response,
        "args_digest": row.args_digest,
        "effect_id": row.effect,
        "status": row.status,
        "code": row.code,
        "policy_decision": row.policy_decision,
        "masked_fields": list(row.masked_fields),
        "assurance": row.assurance,
        "upstream": row.upstream,
        "latency_ms": row.latency_ms,
        "session_id": row.session,
        "turn_id": row.turn,
        "state_rev": row.state_rev,
        "context_no": row.context_no,
        "bot_context": row.bot_context,
        "trace_id": row.trace_id,
        "row_hash": row.row_hash.hex(),
    }


def _kst(moment: datetime) -> str:
    return kst(moment).isoformat(timespec="microseconds")


def _kst_or_none(moment: datetime | None) -> str | None:
    return _kst(moment) if moment is not None else None
