"""Turns in the database. A turn without tools is one transaction under the conversation's row lock; one with tools is opened, worked, closed.

A session owes an answer while `owed_seq > answered_seq`: nothing else has to be queued, and nothing can be lost from a queue.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sangdam.conversations.turns.model import Closing, Heard, Loaded, Opening, OpenTurn
from sangdam.core.ids import AgentId, CallId, OrgId, SessionId, TurnId
from sangdam.core.mask import mask_text
from sangdam.db.database import Transaction
from sangdam.orgs.keyring import KeyRing

HEARD_LIMIT = 20


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


async def load(org: OrgId, tx: Transaction, session: SessionId, *, keyring: KeyRing) -> Loaded | None:
    """Locks the conversation until the transaction ends.

    None when this org has no such conversation, or when somebody else holds it at this moment: whoever holds it either answers
    it or has just added words and will wake a worker again.
    """
    row = await tx.fetchrow(
        """
        select s.session_code, s.agent_id, s.agent_version, s.channel, s.language, s.status, s.speaker, s.ip_hash, s.state_rev, s.answered_seq, s.owed_seq, s.slots_sealed,
          (select json_agg(json_build_object('id', m.id, 'seq', m.seq, 'text', m.text, 'sealed', m.text_sealed, 'action', m.payload -> 'action', 'at', m.created_at) order by m.seq)::text
             from (select * from d_conv_messages m where m.session_id = s.id and m.seq > s.answered_seq and m.sender = 'shopper' order by m.seq limit $2) m) as heard,
          (select json_build_object('id', t.id, 'holder', t.holder, 'lease_until', t.lease_until, 'results', t.results_sealed, 'call_ids', t.tool_call_ids, 'trail', t.context_trail)::text
             from d_conv_turns t where t.session_id = s.id and t.status = 'open') as open_turn,
          (select t.turn_no from d_conv_turns t where t.session_id = s.id order by t.turn_no desc limit 1) as last_turn_no,
          (select count(*) from (select t.status, t.state_before from d_conv_turns t where t.session_id = s.id order by t.turn_no desc limit 10) t
             where t.status = 'superseded' and t.state_before = s.state_rev) as tries
        from d_conv_sessions s where s.id = $1 for update of s skip locked
        """,
        session,
        HEARD_LIMIT,
    )
    if row is None:
        return None
    heard = tuple(_heard(org, raw, keyring) for raw in json.loads(row["heard"] or "[]"))
    sealed = row["slots_sealed"]
    return Loaded(
        org=org,
        session=session,
        session_code=row["session_code"],
        agent=AgentId(row["agent_id"]),
        agent_version=row["agent_version"],
        channel=row["channel"],
        language=row["language"],
        status=row["status"],
        speaker=row["speaker"],
        client=row["ip_hash"],
        state_rev=row["state_rev"],
        answered_seq=row["answered_seq"],
        owed_seq=row["owed_seq"],
        memory=keyring.open(sealed, table="d_conv_sessions", column="slots_sealed", org=org, row=session)
        if sealed
        else None,
        heard=heard,
        open_turn=_open_turn(org, json.loads(row["open_turn"]), keyring) if row["open_turn"] else None,
        last_turn_no=row["last_turn_no"] or 0,
        tries=row["tries"],
    )


def _heard(org: OrgId, raw: Mapping[str, Any], keyring: KeyRing) -> Heard:
    text = raw["text"]
    if raw["sealed"]:
        text = keyring.open(
            raw["sealed"], table="d_conv_messages", column="text_sealed", org=org, row=uuid.UUID(raw["id"])
        )
    return Heard(raw["seq"], text, raw["action"], datetime.fromisoformat(raw["at"]))


def _open_turn(org: OrgId, raw: Mapping[str, Any], keyring: KeyRing) -> OpenTurn:
    turn = TurnId(uuid.UUID(raw["id"]))
    results: dict[str, Any] = (
        json.loads(keyring.open(raw["results"], table="d_conv_turns", column="results_sealed", org=org, row=turn))
        if raw["results"]
        else {}
    )
    return OpenTurn(
        turn,
        raw["holder"],
        datetime.fromisoformat(raw["lease_until"]),
        results,
        tuple(CallId(uuid.UUID(call)) for call in raw["call_ids"]),
        tuple(raw["trail"]),
    )


async def open_turn(
    org: OrgId,
    tx: Transaction,
    loaded: Loaded,
    opening: Opening,
    trail: Sequence[Mapping[str, Any]],
    *,
    results: str | None,
) -> None:
    """Writes the turn down before its first tool call; from here on another process sees that somebody works on it."""
    await tx.execute(
        """
        insert into d_conv_turns (id, org_id, session_id, turn_no, status, seq_from, seq_to, state_before, state_rev, context_trail, trace_id, holder, lease_until, opened_at, results_sealed)
        values ($1, $2, $3, $4, 'open', $5, $6, $7, $8, $9::text::jsonb, $10, $11, $12, $13, $14)
        """,
        opening.turn, org, loaded.session, opening.turn_no, opening.seq_from, opening.seq_to, loaded.state_rev, loaded.state_rev + 1, _json(trail), opening.trace_id,
        opening.holder, opening.lease_until, opening.at, results,
    )  # fmt: skip


async def supersede(org: OrgId, tx: Transaction, turn: TurnId, *, at: datetime, reason: str) -> None:
    """Ends an open turn without an answer: newer words came, or its holder died. What its calls did stays recorded."""
    await tx.execute(
        "update d_conv_turns set status = 'superseded', closed_at = $3, failed = jsonb_build_object('code', $4::text), lease_until = null where org_id = $1 and id = $2 and status = 'open'",
        org, turn, at, reason,
    )  # fmt: skip


async def skip(org: OrgId, tx: Transaction, session: SessionId, seq: int) -> None:
    """Nothing is owed any more up to `seq`: a person answers, or the conversation is closed."""
    await tx.execute(
        "update d_conv_sessions set answered_seq = greatest(answered_seq, $3), owed_since = case when owed_seq > $3 then owed_since end where org_id = $1 and id = $2",
        org, session, seq,
    )  # fmt: skip


async def called(
    org: OrgId,
    tx: Transaction,
    turn: TurnId,
    *,
    call: CallId,
    results: str,
    trail: Sequence[Mapping[str, Any]],
    lease_until: datetime,
) -> bool:
    """Appends a finished call at once, so that it is never lost. False when the turn is no longer this holder's."""
    return (
        await tx.executed(
            """
            update d_conv_turns set results_sealed = $3, tool_call_ids = tool_call_ids || $4::uuid, context_trail = $5::text::jsonb, lease_until = $6
            where org_id = $1 and id = $2 and status = 'open'
            """,
            org, turn, results, call, _json(trail), lease_until,
        )
        == 1
    )  # fmt: skip


async def let_go(org: OrgId, tx: Transaction, turn: TurnId, *, now: datetime) -> None:
    """Leaves an open turn to whoever works the conversation next; its results go along."""
    await tx.execute(
        "update d_conv_turns set lease_until = $3 where org_id = $1 and id = $2 and status = 'open'",
        org,
        turn,
        now - timedelta(seconds=1),
    )


async def renew(org: OrgId, tx: Transaction, turns: Sequence[TurnId], *, lease_until: datetime) -> None:
    await tx.execute(
        "update d_conv_turns set lease_until = $3 where org_id = $1 and id = any($2) and status = 'open'",
        org,
        list(turns),
        lease_until,
    )


async def close(org: OrgId, tx: Transaction, loaded: Loaded, closing: Closing, *, keyring: KeyRing) -> int | None:
    """Answer, state and turn in one statement. The reply's `seq`, or None when newer words came or the state moved: superseded."""
    opening = closing.opening
    masked = mask_text(closing.reply_text)
    message = uuid.uuid4()
    sealed_text = (
        keyring.seal(closing.reply_text, table="d_conv_messages", column="text_sealed", org=org, row=message)
        if masked != closing.reply_text
        else None
    )
    sealed_memory = keyring.seal(
        closing.memory, table="d_conv_sessions", column="slots_sealed", org=org, row=loaded.session
    )
    return await tx.fetchval(
        """
        with moved as (
          update d_conv_sessions set next_seq = next_seq + 1, state_rev = $4, answered_seq = $5, owed_since = case when owed_seq > $5 then owed_since end, bot_context = $6::text::jsonb, slots_sealed = $7, language = $8,
            status = coalesce($9, status), outcome = coalesce($10, outcome), category = coalesce($11, category), csat = coalesce($12::text::jsonb, csat), last_activity_at = $13,
            closed_at = case when $9 = 'closed' then $13 else closed_at end, speaker = case when $9 = 'closed' then 'nobody' else speaker end,
            order_ids = case when $14::text[] <@ order_ids then order_ids else order_ids || (select coalesce(array_agg(x), '{}') from unnest($14::text[]) x where x <> all(order_ids)) end,
            phone_hash = coalesce($15, phone_hash)
          where org_id = $1 and id = $2 and state_rev = $3 and owed_seq <= $34 and speaker = 'bot'
          returning next_seq - 1 as seq
        ), said as (
          insert into d_conv_messages (id, org_id, session_id, seq, sender, kind, text, text_sealed, pii, payload, turn_id, created_at)
          select $16, $1, $2, seq, 'bot', $17, $18, $19::text, $19::text is not null, $20::text::jsonb, $21, $13 from moved
          returning seq
        ), turned as (
          insert into d_conv_turns (id, org_id, session_id, turn_no, status, seq_from, seq_to, reply_seq, state_before, state_rev, intent, reading, commands, bot_context, context_trail,
            tool_call_ids, failed, latency_ms, trace_id, opened_at, closed_at)
          select $21, $1, $2, $22, $23, $24, $5, seq, $3, $4, $25, $26::text::jsonb, $27::text::jsonb, $6::text::jsonb, $28::text::jsonb, $29::uuid[], $30::text::jsonb, $31, $32, $33, $13
          from moved
          on conflict (id) do update set status = excluded.status, seq_to = excluded.seq_to, reply_seq = excluded.reply_seq, intent = excluded.intent, reading = excluded.reading,
            commands = excluded.commands, bot_context = excluded.bot_context, context_trail = excluded.context_trail, failed = excluded.failed, latency_ms = excluded.latency_ms,
            tool_call_ids = excluded.tool_call_ids, closed_at = excluded.closed_at, lease_until = null
          where d_conv_turns.status = 'open'
          returning 1
        )
        select said.seq from said, turned, (select pg_notify('conversation', $1::text || ':' || $2::text)) n
        """,
        org, loaded.session, loaded.state_rev, loaded.state_rev + 1, opening.seq_to, _json(closing.bot_context), sealed_memory, closing.language, closing.session_status,
        closing.outcome, closing.category, _json(closing.csat) if closing.csat else None, closing.at, list(closing.order_ids), closing.phone_hash,
        message, closing.reply_kind, masked, sealed_text, _json(closing.reply_payload), opening.turn,
        opening.turn_no, closing.status, opening.seq_from, closing.intent, _json(closing.reading), _json(closing.commands), _json(closing.trail),
        list(closing.call_ids), _json(closing.failed) if closing.failed else None, closing.latency_ms, opening.trace_id, opening.at, loaded.owed_seq,
    )  # fmt: skip


async def due(tx: Transaction, *, now: datetime, before: datetime, limit: int) -> list[tuple[OrgId, SessionId]]:
    """Conversations of all orgs that owe an answer since before `before` and that nobody works on (system transaction)."""
    rows = await tx.fetch("select org_id, session_id from sys_due_turns($1, $2, $3)", now, before, limit)
    return [(OrgId(row["org_id"]), SessionId(row["session_id"])) for row in rows]
