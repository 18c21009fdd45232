"""Finding rows of the audit again, newest first, in the same short time whatever is asked and however many there are.

One of the conditions has an index; the others are held against a bounded number of its rows at a time, so a page may be
short of its limit although more follow: what tells is `next`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

from sangdam.core.ids import OrgId, SessionId
from sangdam.db.chain import Stream
from sangdam.db.database import Row, Transaction
from sangdam.db.verification import TABLES

READ_AT_ONCE = 2_500
READ_AT_MOST = 10_000
"""Rows of a page's search. What matches further on is on a later page."""


class Position(NamedTuple):
    """A row's place in the order of reading, and so a place to go on after it, whatever is appended meanwhile."""

    at: datetime
    seq: int


@dataclass(frozen=True, slots=True)
class Asked:
    """All conditions hold. Those of one stream only are None for the other."""

    sessions: tuple[SessionId, ...] | None = None
    """Any of these; none matches nothing."""
    turn: UUID | None = None
    trace_id: str | None = None
    order_id: str | None = None
    by_member: str | None = None
    """What this member did."""
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""
    event_type: str | None = None
    tool: str | None = None
    code: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    id: UUID
    seq: int
    at: datetime
    event_type: str
    actor: Mapping[str, Any]
    payload: Mapping[str, Any]
    session: UUID | None
    turn: UUID | None
    state_rev: int | None
    context_no: int | None
    bot_context: Mapping[str, Any]
    trace_id: str
    row_hash: bytes


@dataclass(frozen=True, slots=True)
class RecordedCall:
    id: UUID
    seq: int
    at: datetime
    call: UUID
    phase: str
    caller: Mapping[str, Any]
    tool: str
    tool_version: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    args_digest: str
    effect: UUID | None
    status: str
    code: str | None
    policy_decision: Mapping[str, Any]
    masked_fields: Sequence[str]
    assurance: str
    upstream: Sequence[Mapping[str, Any]]
    latency_ms: int
    session: UUID | None
    turn: UUID | None
    state_rev: int | None
    context_no: int | None
    bot_context: Mapping[str, Any]
    trace_id: str
    row_hash: bytes


@dataclass(frozen=True, slots=True)
class JobRun:
    id: UUID
    job: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    counts: Mapping[str, int]
    errors: Sequence[Mapping[str, Any]]


Recorded = TypeVar("Recorded")


@dataclass(frozen=True, slots=True)
class Page(Generic[Recorded]):
    items: tuple[Recorded, ...]
    next: Position | None
    """Where to go on; None when nothing follows."""


async def events(
    tx: Transaction, org: OrgId, asked: Asked, *, limit: int, after: Position | None = None
) -> Page[RecordedEvent]:
    rows, on = await _found(tx, org, "events", asked, limit, after)
    return Page(tuple(_event(row) for row in rows), on)


async def calls(
    tx: Transaction, org: OrgId, asked: Asked, *, limit: int, after: Position | None = None
) -> Page[RecordedCall]:
    rows, on = await _found(tx, org, "tools", asked, limit, after)
    return Page(tuple(_call(row) for row in rows), on)


async def job_runs(tx: Transaction, org: OrgId, trace_id: str, *, limit: int) -> tuple[JobRun, ...]:
    """The organisation's own rows of the runs that worked under this trace."""
    rows = await tx.fetch(
        "select id, job, started_at, finished_at, outcome, counts, errors from e_ops_job_runs where org_id = $1 and trace_id = $2 order by started_at limit $3",
        *(org, trace_id, limit),
    )
    return tuple(
        JobRun(
            row["id"], row["job"], row["started_at"], row["finished_at"], row["outcome"], row["counts"], row["errors"]
        )
        for row in rows
    )


class _Condition(NamedTuple):
    sql: str
    """With `{}` for the number of its parameter."""
    value: object
    leads: Literal["in order", "to few"] | None = None
    """Whether an index finds its rows: those in the order of reading, or few enough to be put in order."""


def _conditions(asked: Asked) -> list[_Condition]:
    """The most telling first."""
    sessions = list(asked.sessions) if asked.sessions is not None else None
    given = (
        _Condition("trace_id = ${}", asked.trace_id, "to few"),
        _Condition("session_id = any(${}::uuid[])", sessions, "to few"),
        _Condition("order_id = ${}", asked.order_id, "in order"),
        _Condition("by_member = ${}", asked.by_member, "in order"),
        _Condition("code = ${}", asked.code, "in order"),
        _Condition("event_type = ${}", asked.event_type, "in order"),
        _Condition("tool_name = ${}", asked.tool, "in order"),
        # A turn is asked for together with its conversation; most rows have one of few statuses.
        _Condition("turn_id = ${}", asked.turn),
        _Condition("status = ${}", asked.status),
    )
    return [each for each in given if each.value is not None]


async def _found(
    tx: Transaction, org: OrgId, stream: Stream, asked: Asked, limit: int, after: Position | None
) -> tuple[list[Row], Position | None]:
    conditions = _conditions(asked)
    leading = conditions[:1] if conditions and conditions[0].leads is not None else []
    others = conditions[len(leading) :]
    spans = (_Condition("at >= ${}", asked.since), _Condition("at < ${}", asked.until))
    leading += [each for each in spans if each.value is not None]
    found: list[Row] = []
    for _ in range(READ_AT_MOST // READ_AT_ONCE if others else 1):
        batch = READ_AT_ONCE if others else limit + 1
        wanted = limit + 1 - len(found)
        found += await tx.fetch(*_page(_COLUMNS[stream], org, stream, leading, others, after, batch, wanted))
        if len(found) > limit:
            last = found[limit - 1]
            return found[:limit], Position(last["at"], last["chain_seq"])
        if not others:
            return found, None
        # The page is not full: go on after the last row that was looked at, if there were as many as one looks at.
        end = await tx.fetchrow(*_page("at, chain_seq", org, stream, leading, [], after, 1, 1, skip=batch - 1))
        if end is None:
            return found, None
        after = Position(end["at"], end["chain_seq"])
    return found, after


def _page(
    columns: str,
    org: OrgId,
    stream: Stream,
    leading: Sequence[_Condition],
    others: Sequence[_Condition],
    after: Position | None,
    batch: int,
    limit: int,
    *,
    skip: int = 0,
) -> tuple[Any, ...]:
    """A statement and its parameters: of the first `batch` rows by the leading conditions, up to `limit` for which the others hold."""
    values: list[object] = [org]

    def put(condition: _Condition) -> str:
        values.append(condition.value)
        return condition.sql.format(len(values))

    inner = ["org_id = $1", *(put(each) for each in leading)]
    if after is not None:
        values += [after.at, after.seq]
        inner.append(f"(at, chain_seq) < (${len(values) - 1}::timestamptz, ${len(values)}::bigint)")
    outer = " and ".join(put(each) for each in others) or "true"
    values += [batch, skip, limit]
    n = len(values)
    source = f"select * from {TABLES[stream]} where {' and '.join(inner)}"  # noqa: S608
    if leading and leading[0].leads == "to few":
        source = f"select * from ({source} offset 0) few"  # noqa: S608 - read first and then put in order, not the other way
    sql = f"""
        select {columns} from ({source} order by at desc, chain_seq desc limit ${n - 2} offset ${n - 1}) each
        where {outer} order by at desc, chain_seq desc limit ${n}
    """  # noqa: S608
    return sql, *values


_SHARED = "id, chain_seq, at, session_id, turn_id, state_rev, context_no, bot_context, trace_id, row_hash"
_COLUMNS: dict[Stream, str] = {
    "events": f"{_SHARED}, event_type, actor, payload",
    "tools": f"{_SHARED}, call_id, phase, caller, tool_name, tool_version, request_payload, response_payload, args_digest, effect_id, status, code,"
    " policy_decision, masked_fields, assurance, upstream, latency_ms",
}


def _event(row: Row) -> RecordedEvent:
    return RecordedEvent(
        id=row["id"],
        seq=row["chain_seq"],
        at=row["at"],
        event_type=row["event_type"],
        actor=row["actor"],
        payload=row["payload"],
        session=row["session_id"],
        turn=row["turn_id"],
        state_rev=row["state_rev"],
        context_no=row["context_no"],
        bot_context=row["bot_context"],
        trace_id=row["trace_id"],
        row_hash=row["row_hash"],
    )


def _call(row: Row) -> RecordedCall:
    return RecordedCall(
        id=row["id"],
        seq=row["chain_seq"],
        at=row["at"],
        call=row["call_id"],
        phase=row["phase"],
        caller=row["caller"],
        tool=row["tool_name"],
        tool_version=row["tool_version"],
        request=row["request_payload"],
        response=row["response_payload"],
        args_digest=row["args_digest"],
        effect=row["effect_id"],
        status=row["status"],
        code=row["code"],
        policy_decision=row["policy_decision"],
        masked_fields=tuple(row["masked_fields"]),
        assurance=row["assurance"],
        upstream=row["upstream"],
        latency_ms=row["latency_ms"],
        session=row["session_id"],
        turn=row["turn_id"],
        state_rev=row["state_rev"],
        context_no=row["context_no"],
        bot_context=row["bot_context"],
        trace_id=row["trace_id"],
        row_hash=row["row_hash"],
    )
