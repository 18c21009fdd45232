"""Conversations, codes, matches and review items in the database. Each function runs inside the caller's transaction."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sangdam.conversations.model import NewSession
from sangdam.core.ids import OrgId, SessionId
from sangdam.db.database import Row, Transaction

# Columns of a conversation; a constant, so that the statements built with it (noqa: S608) hold no foreign text.
_SESSION = "id, org_id, session_code, channel, language, status, speaker, epoch, next_seq - 1 as last_seq, state_rev, started_at"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


# Sessions -------------------------------------------------------------------------------------------------------------


async def insert_session(
    org: OrgId, tx: Transaction, session: SessionId, code: str, new: NewSession, now: datetime
) -> Row | None:
    """None when the code is taken: try another."""
    return await tx.fetchrow(
        f"""
        insert into d_conv_sessions (id, org_id, session_code, agent_id, agent_version, channel, language, widget_id, visitor_hash, origin, ip_hash, previous_session_id, started_at,
          last_activity_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $13) on conflict (session_code) do nothing returning {_SESSION}
        """,  # noqa: S608
        session, org, code, new.agent, new.agent_version, new.channel, new.language, new.widget, new.visitor_hash, new.origin, new.ip_hash, new.previous, now,
    )  # fmt: skip


async def session_row(org: OrgId, tx: Transaction, session: SessionId) -> Row | None:
    return await tx.fetchrow(f"select {_SESSION} from d_conv_sessions where org_id = $1 and id = $2", org, session)  # noqa: S608


async def session_by_code(org: OrgId, tx: Transaction, code: str) -> Row | None:
    query = f"select {_SESSION} from d_conv_sessions where org_id = $1 and session_code = $2"  # noqa: S608
    return await tx.fetchrow(query, org, code)


async def set_resume(
    org: OrgId, tx: Transaction, session: SessionId, token_hash: str, *, now: datetime, expires_at: datetime, previous_until: datetime
) -> None:  # fmt: skip
    """Replaces the token. The one the shopper is known to hold stays good until `previous_until`: the one before, if it was never replaced in use."""
    await tx.execute(
        """
        update d_conv_sessions set resume_hash = $3, resume_expires_at = $5, resume_used = false,
          resume_previous_hash = case when not resume_used and resume_previous_expires_at > $4 then resume_previous_hash else resume_hash end,
          resume_previous_expires_at = case when not resume_used and resume_previous_expires_at > $4 then resume_previous_expires_at else least(resume_expires_at, $6) end
        where org_id = $1 and id = $2
        """,
        org, session, token_hash, now, expires_at, previous_until,
    )  # fmt: skip


async def resumed(org: OrgId, tx: Transaction, session: SessionId, token_hash: str, now: datetime) -> Row | None:
    """The conversation when this token is live in it. Using the newest ends the one before."""
    return await tx.fetchrow(
        f"""
        update d_conv_sessions set resume_used = resume_used or resume_hash = $3,
          resume_previous_hash = case when resume_hash = $3 then null else resume_previous_hash end,
          resume_previous_expires_at = case when resume_hash = $3 then null else resume_previous_expires_at end
        where org_id = $1 and id = $2 and ((resume_hash = $3 and resume_expires_at > $4) or (resume_previous_hash = $3 and resume_previous_expires_at > $4))
        returning {_SESSION}
        """,  # noqa: S608
        org, session, token_hash, now,
    )  # fmt: skip


async def by_resume(tx: Transaction, token_hash: str) -> tuple[OrgId, SessionId] | None:
    """In a system transaction: identifiers only."""
    row = await tx.fetchrow("select org_id, session_id from sys_org_by_resume($1)", token_hash)
    return (OrgId(row["org_id"]), SessionId(row["session_id"])) if row is not None else None


async def close_session(org: OrgId, tx: Transaction, session: SessionId, *, outcome: str, now: datetime) -> bool:
    return (
        await tx.executed(
            """
            update d_conv_sessions set status = 'closed', speaker = 'nobody', outcome = coalesce(outcome, $3), closed_at = $4, answered_seq = owed_seq, owed_since = null
            where org_id = $1 and id = $2 and status <> 'closed'
            """,
            org, session, outcome, now,
        )
        == 1
    )  # fmt: skip


async def set_waiting_person(org: OrgId, tx: Transaction, session: SessionId) -> None:
    await tx.execute(
        "update d_conv_sessions set status = 'waiting_person' where org_id = $1 and id = $2 and status in ('open', 'closing')",
        org,
        session,
    )


async def idle(tx: Transaction, before: datetime, limit: int) -> list[tuple[OrgId, SessionId]]:
    rows = await tx.fetch("select org_id, session_id from sys_idle_sessions($1, $2)", before, limit)
    return [(OrgId(row["org_id"]), SessionId(row["session_id"])) for row in rows]


async def silence(org: OrgId, tx: Transaction, session: SessionId) -> Row | None:
    """An open conversation that owes nothing, locked. None for others, and for one somebody holds at this moment.

    Columns: `since` (the last words that were no nudge), `nudged` (the last words were one), `askable`, `channel`, `language`.
    """
    row = await tx.fetchrow(
        """
        select status = 'open' and speaker = 'bot' as askable, channel, language from d_conv_sessions
        where org_id = $1 and id = $2 and status in ('open', 'closing') and owed_seq <= answered_seq for update skip locked
        """,
        org, session,
    )  # fmt: skip
    if row is None:
        return None
    # Read after the lock was taken: words that came before it are seen.
    return await tx.fetchrow(
        """
        select $3::bool as askable, $4::text as channel, $5::text as language, coalesce(bool_or(m.payload ? 'nudge') filter (where m.seq = s.next_seq - 1), false) as nudged,
          coalesce(max(m.created_at) filter (where not m.payload ? 'nudge'), s.started_at) as since
        from d_conv_sessions s left join d_conv_messages m on m.session_id = s.id and m.seq >= s.next_seq - 2
        where s.org_id = $1 and s.id = $2 group by s.id
        """,
        org, session, row["askable"], row["channel"], row["language"],
    )  # fmt: skip


# Messages -------------------------------------------------------------------------------------------------------------


async def accept(
    org: OrgId, tx: Transaction, session: SessionId, *, message: uuid.UUID, client_id: str, kind: str, text: str, sealed: str | None, as_asked: Mapping[str, str],
    original: str, payload: Mapping[str, Any], now: datetime,
) -> Row:  # fmt: skip
    """One statement: seen before, closed, or stored as the next `seq` with its turn owed and its watchers woken.

    `as_asked`: the masked text by the kind of the open question, where that says what the words are (a code, a name); `original`
    is the sealed original that then goes with it. Columns: `seq` (null when refused), `duplicate`, `status` (null when unknown).
    An open conversation without a `seq`: the same `client_id` came in at the same moment; once more, it is seen.
    """
    row = await tx.fetchrow(
        """
        with locked as (
          select id, next_seq, status, speaker, owed_seq > answered_seq as owing, bot_context #>> '{expected,kind}' as expected
          from d_conv_sessions where org_id = $1 and id = $2 for update
        ), seen as (
          select seq from d_conv_messages where session_id = $2 and client_id = $4 and org_id = $1
        ), said as (
          insert into d_conv_messages (id, org_id, session_id, seq, sender, kind, text, text_sealed, pii, payload, client_id, created_at)
          select $3, $1, $2, l.next_seq, 'shopper', $5, l.masked, case when l.masked <> $6::text then $10::text else $7::text end,
            l.masked <> $6::text or $7::text is not null, $8::text::jsonb, $4, $11
          from (select *, coalesce($9::text::jsonb ->> expected, $6::text) as masked from locked) l where l.status <> 'closed' and not exists (select from seen)
          on conflict (session_id, client_id) where client_id is not null do nothing
          returning seq
        ), moved as (
          update d_conv_sessions s set next_seq = s.next_seq + 1, last_activity_at = $11,
            owed_seq = case when s.speaker = 'bot' then said.seq else s.owed_seq end,
            owed_since = case when s.speaker = 'bot' then coalesce(s.owed_since, $11) else s.owed_since end
          from said where s.org_id = $1 and s.id = $2
          returning pg_notify('conversation', $1::text || ':' || $2::text), case when s.speaker = 'bot' then pg_notify('owed', $1::text || ':' || $2::text) end
        )
        select coalesce((select seq from said), (select seq from seen)) as seq, exists (select from seen) as duplicate, (select status from locked) as status,
          (select count(*) from moved) as moved,
          -- whoever was refused the row while this repeat held it is woken again
          (select pg_notify('owed', $1::text || ':' || $2::text) from locked where owing and exists (select from seen)) as woken
        """,
        org, session, message, client_id, kind, text, sealed, _json(payload), _json(as_asked), original, now,
    )  # fmt: skip
    if row is None:
        raise RuntimeError("a statement without a row")
    return row


async def append(
    org: OrgId, tx: Transaction, session: SessionId, *, message: uuid.UUID, sender: str, kind: str, text: str, sealed: str | None, payload: Mapping[str, Any], now: datetime,
    operator: uuid.UUID | None = None,
) -> int | None:  # fmt: skip
    """A message that owes no answer. None when there is no such conversation."""
    return await tx.fetchval(
        """
        with moved as (
          update d_conv_sessions set next_seq = next_seq + 1, last_activity_at = $10 where org_id = $1 and id = $2 returning next_seq - 1 as seq
        ), said as (
          insert into d_conv_messages (id, org_id, session_id, seq, sender, kind, text, text_sealed, pii, payload, operator_id, created_at)
          select $3, $1, $2, seq, $4, $5, $6, $7::text, $7::text is not null, $8::text::jsonb, $9, $10 from moved returning seq
        )
        select said.seq from said, (select pg_notify('conversation', $1::text || ':' || $2::text)) n
        """,
        org, session, message, sender, kind, text, sealed, _json(payload), operator, now,
    )  # fmt: skip


async def messages_after(org: OrgId, tx: Transaction, session: SessionId, seq: int, limit: int) -> list[Row]:
    return await tx.fetch(
        """
        select id, seq, sender, kind, text, text_sealed, payload, client_id, turn_id, created_at from d_conv_messages
        where org_id = $1 and session_id = $2 and seq > $3 order by seq limit $4
        """,
        org, session, seq, limit,
    )  # fmt: skip


async def advanced(tx: Transaction, sessions: Sequence[SessionId], seen: Sequence[int]) -> list[SessionId]:
    """Of the conversations watched here, those with more messages than were sent (system transaction, identifiers only)."""
    rows = await tx.fetch(
        "select session_id from sys_advanced_sessions($1::uuid[], $2::bigint[])", list(sessions), list(seen)
    )
    return [SessionId(row["session_id"]) for row in rows]


# One-time codes -------------------------------------------------------------------------------------------------------


async def replace_codes(org: OrgId, tx: Transaction, session: SessionId) -> None:
    await tx.execute(
        "update h_auth_otp_verifications set status = 'replaced' where org_id = $1 and session_id = $2 and status = 'sent'",
        org,
        session,
    )


async def insert_code(org: OrgId, tx: Transaction, row: Mapping[str, Any]) -> None:
    await tx.execute(
        """
        insert into h_auth_otp_verifications (id, org_id, session_id, purpose, phone_hash, phone_masked, phone, code_hash, status, sent_at, expires_at, ip_hash, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, 'sent', $9, $10, $11, $9)
        """,
        row["id"], org, row["session"], row["purpose"], row["phone_hash"], row["phone_masked"], row["phone"], row["code_hash"], row["sent_at"], row["expires_at"], row["ip_hash"],
    )  # fmt: skip


async def code_sent(org: OrgId, tx: Transaction, code: uuid.UUID, provider_message_id: str | None) -> None:
    await tx.execute(
        "update h_auth_otp_verifications set provider_message_id = $3 where org_id = $1 and id = $2",
        org,
        code,
        provider_message_id,
    )


async def code_failed(org: OrgId, tx: Transaction, code: uuid.UUID) -> None:
    await tx.execute(
        "update h_auth_otp_verifications set status = 'send_failed' where org_id = $1 and id = $2 and status = 'sent'",
        org,
        code,
    )


async def one_sender_at_a_time(org: OrgId, tx: Transaction, session: SessionId, phone_hash: str) -> None:
    """Until the transaction ends nobody else writes down a code for this phone or out of this conversation."""
    for place in sorted((f"code|{org}|{session}", f"code|{org}|{phone_hash}")):
        await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", place)


async def last_code(org: OrgId, tx: Transaction, session: SessionId, code: uuid.UUID | None) -> Row | None:
    """The named code of this conversation, locked; the latest one when none is named."""
    return await tx.fetchrow(
        """
        select id, purpose, phone_hash, phone_masked, code_hash, max_attempts, status, expires_at from h_auth_otp_verifications
        where org_id = $1 and session_id = $2 and ($3::uuid is null or id = $3) and status <> 'send_failed' order by sent_at desc limit 1 for update
        """,
        org, session, code,
    )  # fmt: skip


async def last_sent(org: OrgId, tx: Transaction, session: SessionId, phone_hash: str) -> datetime | None:
    """When a code last went to this phone or out of this conversation."""
    return await tx.fetchval(
        "select max(sent_at) from h_auth_otp_verifications where org_id = $1 and (session_id = $2 or phone_hash = $3) and status <> 'send_failed'",
        org,
        session,
        phone_hash,
    )


async def code_sent_since(
    org: OrgId, tx: Transaction, session: SessionId, phone_hash: str, since: datetime
) -> Row | None:
    """The code written down for this phone out of this conversation since then."""
    return await tx.fetchrow(
        "select id, status, sent_at, expires_at, provider_message_id from h_auth_otp_verifications"
        " where org_id = $1 and session_id = $2 and phone_hash = $3 and sent_at >= $4 order by sent_at limit 1",
        org,
        session,
        phone_hash,
        since,
    )


async def codes_since(org: OrgId, tx: Transaction, session: SessionId, since: datetime) -> int:
    return int(
        await tx.fetchval(
            "select count(*) from h_auth_otp_verifications where org_id = $1 and session_id = $2 and sent_at > $3",
            org,
            session,
            since,
        )
    )


async def locked_since(
    org: OrgId, tx: Transaction, session: SessionId, phone_hash: str | None, since: datetime
) -> bool:
    """Whether five wrong codes have locked this phone or conversation since then (the moment of the last try is `verified_at`)."""
    return bool(
        await tx.fetchval(
            """
            select exists (select from h_auth_otp_verifications
              where org_id = $1 and status = 'locked' and verified_at > $4 and (session_id = $2 or phone_hash = $3))
            """,
            org, session, phone_hash, since,
        )
    )  # fmt: skip


async def wrong_code(org: OrgId, tx: Transaction, code: uuid.UUID, now: datetime) -> int:
    """Counts a wrong try, locks at the last; the number of tries so far."""
    return int(
        await tx.fetchval(
            """
            update h_auth_otp_verifications set attempts = attempts + 1, status = case when attempts + 1 >= max_attempts then 'locked' else status end,
              verified_at = case when attempts + 1 >= max_attempts then $3 else verified_at end
            where org_id = $1 and id = $2 returning attempts
            """,
            org, code, now,
        )
    )  # fmt: skip


async def right_code(
    org: OrgId, tx: Transaction, code: uuid.UUID, *, now: datetime, grant_expires_at: datetime, token_hash: str | None
) -> None:
    await tx.execute(
        "update h_auth_otp_verifications set status = 'verified', verified_at = $3, grant_expires_at = $4, token_hash = $5 where org_id = $1 and id = $2",
        org, code, now, grant_expires_at, token_hash,
    )  # fmt: skip


async def code_expired(org: OrgId, tx: Transaction, code: uuid.UUID) -> None:
    await tx.execute(
        "update h_auth_otp_verifications set status = 'expired' where org_id = $1 and id = $2 and status = 'sent'",
        org,
        code,
    )


async def live_codes(
    org: OrgId, tx: Transaction, session: SessionId, now: datetime, token_hash: str | None
) -> list[Row]:
    """Verified codes whose grant still holds; of one token when its hash is given."""
    return await tx.fetch(
        """
        select id, purpose, phone, grant_expires_at from h_auth_otp_verifications
        where org_id = $1 and session_id = $2 and status = 'verified' and grant_expires_at > $3 and ($4::text is null or token_hash = $4) order by grant_expires_at desc limit 5
        """,
        org, session, now, token_hash,
    )  # fmt: skip


# Orderer matches --------------------------------------------------------------------------------------------------------


async def refused_matches(
    org: OrgId, tx: Transaction, session: SessionId, order_id: str, since: datetime
) -> tuple[int, int]:
    """Mismatches since then: of this conversation, and of this order number."""
    row = await tx.fetchrow(
        """
        select count(*) filter (where session_id = $2) as here, count(*) filter (where order_id = $3) as there from h_auth_orderer_matches
        where org_id = $1 and status = 'refused' and created_at > $4 and (session_id = $2 or order_id = $3)
        """,
        org, session, order_id, since,
    )  # fmt: skip
    return (row["here"], row["there"]) if row is not None else (0, 0)


async def one_match_at_a_time(org: OrgId, tx: Transaction, session: SessionId, order_id: str) -> None:
    """Until the transaction ends no other try of this conversation or on this order number is written down."""
    for place in sorted((f"match|{org}|{session}", f"match|{org}|{order_id}")):
        await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", place)


async def insert_match(org: OrgId, tx: Transaction, row: Mapping[str, Any]) -> None:
    await tx.execute(
        """
        insert into h_auth_orderer_matches (id, org_id, session_id, order_id, status, attempts, ip_hash, token_hash, matched_at, expires_at, created_at)
        values ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10)
        """,
        row["id"], org, row["session"], row["order_id"], row["status"], row["ip_hash"], row["token_hash"], row["matched_at"], row["expires_at"], row["at"],
    )  # fmt: skip


async def live_matches(
    org: OrgId, tx: Transaction, session: SessionId, now: datetime, token_hash: str | None
) -> list[Row]:
    return await tx.fetch(
        """
        select id, order_id, expires_at from h_auth_orderer_matches
        where org_id = $1 and session_id = $2 and status = 'matched' and expires_at > $3 and ($4::text is null or token_hash = $4) order by expires_at desc limit 5
        """,
        org, session, now, token_hash,
    )  # fmt: skip


# Review queue -----------------------------------------------------------------------------------------------------------


async def open_item(org: OrgId, tx: Transaction, row: Mapping[str, Any]) -> Row:
    """Inserts, or finds the open item with the same key; what is more urgent takes its title and summary over.

    Columns: `id`, `existing`, `position`. The contact of an existing item is set apart: it is sealed for the row it stands in.
    """
    found = await tx.fetchrow(
        """
        with made as (
          insert into e_ops_review_queue_items (id, org_id, session_id, turn_id, kind, title, summary, contact, contact_masked, priority, due_at, dedupe_key, bot_context, opened_at, created_at)
          values ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, $10, $11, $12, $13::text::jsonb, $14, $14)
          on conflict (org_id, dedupe_key) where status in ('open', 'claimed', 'waiting')
          do update set priority = least(e_ops_review_queue_items.priority, excluded.priority), due_at = least(e_ops_review_queue_items.due_at, excluded.due_at),
            title = case when excluded.priority < e_ops_review_queue_items.priority then excluded.title else e_ops_review_queue_items.title end,
            summary = case when excluded.priority < e_ops_review_queue_items.priority then excluded.summary else e_ops_review_queue_items.summary end
          returning id, priority, opened_at, xmax <> 0 as existing
        )
        select m.id, m.existing, 1 + (select count(*) from e_ops_review_queue_items q where q.org_id = $2 and q.status = 'open' and q.kind in ('handoff', 'callback') and q.id <> m.id
          and (q.priority, q.opened_at) < (m.priority, m.opened_at)) as position from made m
        """,
        row["id"], org, row["session"], row["turn"], row["kind"], row["title"], _json(row["summary"]), row["contact"], row["contact_masked"], row["priority"], row["due_at"],
        row["dedupe_key"], _json(row["bot_context"]), row["at"],
    )  # fmt: skip
    if found is None:
        raise RuntimeError("a statement without a row")
    return found


async def open_item_of(org: OrgId, tx: Transaction, session: SessionId) -> Row | None:
    """The open item in which this conversation waits for a person. Columns: `id`, `kind`, `due_at`, `position`."""
    return await tx.fetchrow(
        """
        select m.id, m.kind, m.due_at, 1 + (select count(*) from e_ops_review_queue_items q where q.org_id = $1 and q.status = 'open'
          and q.kind in ('handoff', 'callback') and q.id <> m.id and (q.priority, q.opened_at) < (m.priority, m.opened_at)) as position
        from e_ops_review_queue_items m where m.org_id = $1 and m.session_id = $2 and m.kind in ('handoff', 'callback', 'abuse')
          and m.status in ('open', 'claimed', 'waiting') order by m.opened_at desc limit 1
        """,
        org,
        session,
    )


async def set_contact(org: OrgId, tx: Transaction, item: uuid.UUID, contact: str, masked: str) -> None:
    await tx.execute(
        "update e_ops_review_queue_items set contact = $3, contact_masked = $4 where org_id = $1 and id = $2",
        org,
        item,
        contact,
        masked,
    )


async def contact_of(org: OrgId, tx: Transaction, item: uuid.UUID) -> str | None:
    return await tx.fetchval("select contact from e_ops_review_queue_items where org_id = $1 and id = $2", org, item)


async def items(org: OrgId, tx: Transaction, *, limit: int) -> list[Row]:
    return await tx.fetch(
        """
        select id, session_id, kind, title, summary, contact_masked, priority, status, assignee, due_at, opened_at from e_ops_review_queue_items
        where org_id = $1 and status in ('open', 'claimed', 'waiting') order by priority, opened_at limit $2
        """,
        org, limit,
    )  # fmt: skip


async def claim_item(org: OrgId, tx: Transaction, item: uuid.UUID, member: uuid.UUID) -> Row | None:
    """None when there is no unsettled item. Columns: `won`, `assignee` (who has it now)."""
    won = await tx.fetchrow(
        """
        update e_ops_review_queue_items set status = 'claimed', assignee = $3
        where org_id = $1 and id = $2 and (status = 'open' or (status in ('claimed', 'waiting') and assignee = $3)) returning true as won, assignee
        """,
        org, item, member,
    )  # fmt: skip
    if won is not None:
        return won
    return await tx.fetchrow(
        "select false as won, assignee from e_ops_review_queue_items where org_id = $1 and id = $2 and status in ('claimed', 'waiting')",
        org,
        item,
    )


async def settle_item(
    org: OrgId, tx: Transaction, item: uuid.UUID, member: uuid.UUID, *, status: str, resolution: str, now: datetime
) -> bool:
    return (
        await tx.executed(
            """
            update e_ops_review_queue_items set status = $4, resolution = $5, closed_at = $6
            where org_id = $1 and id = $2 and status in ('claimed', 'waiting') and assignee = $3
            """,
            org, item, member, status, resolution, now,
        )
        == 1
    )  # fmt: skip


async def close_cause(
    org: OrgId, tx: Transaction, dedupe_key: str, *, status: str, resolution: str, now: datetime
) -> None:
    """What settled itself needs nobody's hand."""
    await tx.execute(
        "update e_ops_review_queue_items set status = $3, resolution = $4, closed_at = $5"
        " where org_id = $1 and dedupe_key = $2 and status in ('open', 'claimed', 'waiting')",
        org, dedupe_key, status, resolution, now,
    )  # fmt: skip


# Retention --------------------------------------------------------------------------------------------------------------


async def purge_day(org: OrgId, tx: Transaction, before: datetime, limit: int) -> int:
    """Codes and matches older than a day; up to `limit` of each."""
    codes = await tx.executed(
        "delete from h_auth_otp_verifications where id in (select id from h_auth_otp_verifications where org_id = $1 and created_at < $2 limit $3)",
        org,
        before,
        limit,
    )
    matches = await tx.executed(
        "delete from h_auth_orderer_matches where id in (select id from h_auth_orderer_matches where org_id = $1 and created_at < $2 limit $3)",
        org,
        before,
        limit,
    )
    return codes + matches


async def purge_windows(org: OrgId, tx: Transaction, before: datetime, limit: int) -> int:
    """Counters of this org whose window began before then. Row security does not cover that table: the key names the org."""
    return await tx.executed(
        """
        delete from c_mcp_rate_counters where ctid = any(array(
          select ctid from c_mcp_rate_counters where starts_with(key, $1::text || '|') and window_start < $2 limit $3))
        """,
        str(org), before, limit,
    )  # fmt: skip


async def orgs(tx: Transaction, now: datetime, limit: int) -> list[OrgId]:
    """Organisations whose rows may have ended (system transaction, identifiers only)."""
    return [OrgId(row["org_id"]) for row in await tx.fetch("select org_id from sys_due_retention($1, $2)", now, limit)]
