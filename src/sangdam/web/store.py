"""Widgets, what the chat API answers a repeated request with, and what belongs to a trace, in the database."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sangdam.core.ids import AgentId, OrgId, SessionId, TurnId
from sangdam.db.database import Row, Transaction


async def widget_of_key(tx: Transaction, public_key: str) -> tuple[OrgId, uuid.UUID] | None:
    """In a system transaction: identifiers only, of an active widget of an active organisation."""
    row = await tx.fetchrow("select org_id, widget_id from sys_org_by_widget_key($1)", public_key)
    return (OrgId(row["org_id"]), row["widget_id"]) if row is not None else None


async def widget_row(org: OrgId, tx: Transaction, widget: uuid.UUID) -> Row | None:
    return await tx.fetchrow(
        "select id, org_id, agent_family_id, public_key, allowed_origins, allowed_paths, theme, language from b_bot_widgets where org_id = $1 and id = $2 and is_active",
        org,
        widget,
    )


async def insert_widget(
    org: OrgId, tx: Transaction, *, widget: uuid.UUID, agent: AgentId, public_key: str, origins: Sequence[str], paths: Sequence[str], theme: Mapping[str, Any], language: str,
) -> None:  # fmt: skip
    await tx.execute(
        "insert into b_bot_widgets (id, org_id, agent_family_id, public_key, allowed_origins, allowed_paths, theme, language) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        widget, org, agent, public_key, list(origins), list(paths), dict(theme), language,
    )  # fmt: skip


async def session_begun_by(org: OrgId, tx: Transaction, request_hash: str, *, since: datetime) -> SessionId | None:
    """The conversation an API request opened, found again by the hash of its caller and `client_id`."""
    found = await tx.fetchval(
        "select id from d_conv_sessions where org_id = $1 and visitor_hash = $2 and started_at >= $3 and channel in ('api', 'lab') order by started_at limit 1",
        org, request_hash, since,
    )  # fmt: skip
    return SessionId(found) if found is not None else None


async def turn_row(org: OrgId, tx: Transaction, turn: TurnId) -> Row | None:
    return await tx.fetchrow(
        "select state_rev, kb_references, trace_id from d_conv_turns where org_id = $1 and id = $2", org, turn
    )


# Idempotency keys --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """An earlier request with the same key; without a status it is still running."""

    id: uuid.UUID
    request_hash: str
    status: int | None
    answer: str | None
    """Sealed."""


async def claim_request(
    org: OrgId, tx: Transaction, row: uuid.UUID, caller: str, key_hash: str, request_hash: str, *, now: datetime, until: datetime
) -> Kept | None:  # fmt: skip
    """None: the key is this request's now. A claim that was never answered and has run out is taken over."""
    made = await tx.executed(
        "insert into e_ops_requests as r (id, org_id, caller, key_hash, request_hash, claimed_until, created_at) values ($1, $2, $3, $4, $5, $7, $6)"
        " on conflict (org_id, caller, key_hash) do update set id = $1, claimed_until = $7"
        " where r.status is null and r.claimed_until <= $6 and r.request_hash = $5",
        row, org, caller, key_hash, request_hash, now, until,
    )  # fmt: skip
    if made:
        return None
    found = await tx.fetchrow(
        "select id, request_hash, status, answer from e_ops_requests where org_id = $1 and caller = $2 and key_hash = $3",
        org, caller, key_hash,
    )  # fmt: skip
    if found is None:
        raise RuntimeError("a key that was taken is gone")
    return Kept(found["id"], found["request_hash"], found["status"], found["answer"])


async def answer_request(org: OrgId, tx: Transaction, row: uuid.UUID, status: int, answer: str) -> None:
    await tx.execute(
        "update e_ops_requests set status = $3, answer = $4 where org_id = $1 and id = $2", org, row, status, answer
    )


async def release_request(org: OrgId, tx: Transaction, row: uuid.UUID) -> None:
    await tx.execute("delete from e_ops_requests where org_id = $1 and id = $2 and status is null", org, row)


# The audit ---------------------------------------------------------------------------------------------------------------


async def sessions_meant(
    org: OrgId, tx: Transaction, *, code: str | None, turn: uuid.UUID | None, phone_hash: str | None, limit: int
) -> tuple[SessionId, ...]:
    """Conversations, newest first, for which everything given holds."""
    given = [
        (condition, value)
        for condition, value in (
            ("session_code = ${}", code),
            ("phone_hash = ${}", phone_hash),
            ("id = (select t.session_id from d_conv_turns t where t.org_id = $1 and t.id = ${})", turn),
        )
        if value is not None
    ]
    conditions = "".join(f" and {condition.format(n)}" for n, (condition, _) in enumerate(given, start=3))
    sql = f"select id from d_conv_sessions where org_id = $1{conditions} order by started_at desc limit $2"  # noqa: S608
    rows = await tx.fetch(sql, org, limit, *(value for _, value in given))
    return tuple(SessionId(row["id"]) for row in rows)


async def turns_of_trace(org: OrgId, tx: Transaction, trace_id: str, *, limit: int) -> list[Row]:
    return await tx.fetch(
        """
        select t.id, t.session_id, s.session_code, t.turn_no, t.status, t.seq_from, t.seq_to, t.reply_seq, t.state_rev, t.intent, t.latency_ms,
               t.failed ->> 'code' as code, t.opened_at, t.closed_at
        from d_conv_turns t join d_conv_sessions s on s.org_id = $1 and s.id = t.session_id
        where t.org_id = $1 and t.trace_id = $2 order by t.opened_at limit $3
        """,
        org, trace_id, limit,
    )  # fmt: skip


async def messages_of_turns(org: OrgId, tx: Transaction, turns: Sequence[uuid.UUID], *, limit: int) -> list[Row]:
    """What these turns read and said, masked."""
    return await tx.fetch(
        """
        select distinct m.id, m.session_id, m.seq, m.sender, m.kind, m.text, m.turn_id, m.created_at
        from d_conv_turns t join d_conv_messages m on m.org_id = $1 and m.session_id = t.session_id
          and (m.seq between t.seq_from and t.seq_to and m.sender = 'shopper' or m.turn_id = t.id)
        where t.org_id = $1 and t.id = any($2::uuid[]) order by m.created_at, m.seq limit $3
        """,
        org, list(turns), limit,
    )  # fmt: skip


async def outbox_of_trace(org: OrgId, tx: Transaction, trace_id: str, *, limit: int) -> list[Row]:
    return await tx.fetch(
        """
        select id, kind, channel, destination_masked, status, attempts, provider, last_code, due_at, created_at, accepted_at, delivered_at
        from e_ops_outbox where org_id = $1 and trace_id = $2 order by created_at limit $3
        """,
        org, trace_id, limit,
    )  # fmt: skip
