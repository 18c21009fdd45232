"""Subscriptions, watches, notices and product rules in the database. Each function runs inside the caller's transaction.

What is locked, is locked in this order: the phone, its subscriptions, their notices, the notices' messages in the outbox.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sangdam.core.ids import EffectId, OrgId, SessionId, TurnId, UserId
from sangdam.db.database import Row, Transaction
from sangdam.restock.model import DateNotice, Mall, Rule, Wish

# Columns; constants, so that the statements built with them (noqa: S608) hold no foreign text.
_SUBSCRIPTION = (
    "id, product_no, variant_code, product_name, option_label, phone_masked, trigger_type, restock_at, status, valid_until, canceled_at, cancel_effect_id,"
    " cancel_too_late, created_at, last_notified_at"
)
_STOPPABLE = ("pending", "claimed")
_RULE = "id, product_no, variant_code, answerability, restock_policy, restock_at, restock_confidence, valid_until, source, note"


# Subscriptions


async def lock_phone(tx: Transaction, org: OrgId, phone_hash: str) -> None:
    """What one phone waits for is counted and changed by one transaction at a time."""
    await tx.lock(f"restock:{org}:{phone_hash}")


@dataclass(frozen=True)
class NewSubscription:
    id: uuid.UUID
    mall: Mall
    wish: Wish
    product_name: str
    option_label: str | None
    phone: str
    """Sealed."""
    phone_hash: str
    phone_masked: str
    session: SessionId | None
    turn: TurnId | None
    effect: EffectId | None
    consent: Mapping[str, object]
    unsubscribe_hash: str
    valid_until: date
    now: datetime


async def insert_subscription(tx: Transaction, org: OrgId, new: NewSubscription) -> bool:
    """False when this phone waits for it already."""
    wish = new.wish
    return bool(
        await tx.executed(
            """
            insert into g_com_restock_subscriptions (id, org_id, mall_id, shop_no, product_no, variant_code, product_name, option_label, channel, phone, phone_hash,
              phone_masked, trigger_type, trigger_value, restock_at, lead_days, schedule_hour_local, status, session_id, source_turn_id, effect_id, consent,
              unsubscribe_hash, valid_until, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, 'sms', $9, $10, $11, $12, $13, $14, $15, $16, 'active', $17, $18, $19, $20, $21, $22, $23, $23)
            on conflict (org_id, mall_id, product_no, variant_code, channel, phone_hash) where status in ('active','paused') do nothing
            """,
            new.id, org, new.mall.mall_id, new.mall.shop_no, wish.product_no, wish.variant_code, new.product_name, new.option_label, new.phone, new.phone_hash,
            new.phone_masked, wish.trigger, wish.more_than, wish.restock_at, sorted(wish.lead_days), wish.hour, new.session, new.turn, new.effect, new.consent,
            new.unsubscribe_hash, new.valid_until, new.now,
        )
    )  # fmt: skip


async def expire_overdue(
    tx: Transaction, org: OrgId, phone_hash: str, *, today: date, now: datetime
) -> tuple[uuid.UUID, ...]:
    """Ends what was waited for long enough; its place is free then."""
    rows = await tx.fetch(
        """
        update g_com_restock_subscriptions set status = 'expired', updated_at = $4
        where org_id = $1 and phone_hash = $2 and status in ('active','paused') and valid_until < $3 returning id
        """,
        org, phone_hash, today, now,
    )  # fmt: skip
    return tuple(row["id"] for row in rows)


async def count_live(tx: Transaction, org: OrgId, phone_hash: str, today: date) -> int:
    sql = (
        "select count(*) from g_com_restock_subscriptions where org_id = $1 and phone_hash = $2 and status in ('active','paused')"
        " and valid_until >= $3"
    )
    return int(await tx.fetchval(sql, org, phone_hash, today))


async def find_live(
    tx: Transaction, org: OrgId, mall_id: str, product_no: int, variant_code: str, phone_hash: str, today: date
) -> Row | None:
    """What this phone waits for already."""
    return await tx.fetchrow(
        f"""
        select {_SUBSCRIPTION} from g_com_restock_subscriptions
        where org_id = $1 and mall_id = $2 and product_no = $3 and variant_code = $4 and phone_hash = $5 and status in ('active','paused') and valid_until >= $6
        """,  # noqa: S608
        org, mall_id, product_no, variant_code, phone_hash, today,
    )  # fmt: skip


async def by_effect(tx: Transaction, org: OrgId, effect: EffectId) -> Row | None:
    """What that write made."""
    sql = f"select {_SUBSCRIPTION} from g_com_restock_subscriptions where org_id = $1 and effect_id = $2"  # noqa: S608
    return await tx.fetchrow(sql, org, effect)


async def list_live(tx: Transaction, org: OrgId, phone_hash: str, today: date) -> list[Row]:
    """Oldest first, each with `notice_status` and `notice_at` of its latest message."""
    return await tx.fetch(
        """
        select s.id, s.product_name, s.option_label, s.trigger_type, s.restock_at, s.status, s.created_at, s.last_notified_at, n.status as notice_status,
          n.updated_at as notice_at
        from g_com_restock_subscriptions s left join lateral (
          select status, updated_at from g_com_restock_notices
          where org_id = s.org_id and subscription_id = s.id and status not in ('planned','queued','canceled') order by updated_at desc limit 1) n on true
        where s.org_id = $1 and s.phone_hash = $2 and s.status in ('active','paused') and s.valid_until >= $3 order by s.created_at, s.id
        """,
        org, phone_hash, today,
    )  # fmt: skip


async def confirmed(tx: Transaction, org: OrgId, effect: EffectId) -> Row | None:
    """What the person was shown, as it was kept, and who said yes to it. Columns: `shown`, `by`."""
    return await tx.fetchrow(
        "select preview ->> 'consent_text' as shown, confirmed_by as by from e_ops_effects where org_id = $1 and id = $2",
        org,
        effect,
    )


# What is stopped


async def lock_one(
    tx: Transaction, org: OrgId, subscription: uuid.UUID, phone_hash: str | None, today: date
) -> list[Row]:
    """The subscription when it can be stopped or was; with a phone only that phone's."""
    return await tx.fetch(
        f"""
        select {_SUBSCRIPTION} from g_com_restock_subscriptions
        where org_id = $1 and id = $2 and ($3::text is null or phone_hash = $3) and (status = 'canceled' or (status in ('active','paused') and valid_until >= $4))
        for update
        """,  # noqa: S608
        org, subscription, phone_hash, today,
    )  # fmt: skip


async def lock_all(tx: Transaction, org: OrgId, phone_hash: str, *, today: date, since: datetime) -> list[Row]:
    """All that the phone waits for; when that is nothing, all that one write stopped last, if after `since`."""
    live = await tx.fetch(
        f"""
        select {_SUBSCRIPTION} from g_com_restock_subscriptions
        where org_id = $1 and phone_hash = $2 and status in ('active','paused') and valid_until >= $3 order by created_at, id for update
        """,  # noqa: S608
        org, phone_hash, today,
    )  # fmt: skip
    if live:
        return live
    return await tx.fetch(
        f"""
        select {_SUBSCRIPTION} from g_com_restock_subscriptions
        where org_id = $1 and phone_hash = $2 and status = 'canceled' and cancel_effect_id = (
          select cancel_effect_id from g_com_restock_subscriptions
          where org_id = $1 and phone_hash = $2 and status = 'canceled' and canceled_at > $3 and cancel_effect_id is not null
          order by canceled_at desc, id limit 1)
        order by created_at, id
        """,  # noqa: S608
        org, phone_hash, since,
    )  # fmt: skip


async def canceled_by(tx: Transaction, org: OrgId, effect: EffectId) -> list[Row]:
    """What that write stopped."""
    sql = f"select {_SUBSCRIPTION} from g_com_restock_subscriptions where org_id = $1 and cancel_effect_id = $2 order by created_at, id"  # noqa: S608
    return await tx.fetch(sql, org, effect)


async def canceled_one(tx: Transaction, org: OrgId, subscription: uuid.UUID) -> list[Row]:
    sql = (
        f"select {_SUBSCRIPTION} from g_com_restock_subscriptions where org_id = $1 and id = $2 and status = 'canceled'"  # noqa: S608
    )
    return await tx.fetch(sql, org, subscription)


async def stop_notices(
    tx: Transaction, org: OrgId, subscriptions: Sequence[uuid.UUID], now: datetime
) -> Counter[uuid.UUID]:
    """Cancels what is planned or queued and not being sent yet. How many of each subscription came too late for that."""
    notices = await tx.fetch(
        """
        select id, subscription_id, 'restock:' || subscription_id || ':' || event_key as dedupe_key from g_com_restock_notices
        where org_id = $1 and subscription_id = any($2) and status in ('planned','queued') order by id for update
        """,
        org, subscriptions,
    )  # fmt: skip
    if not notices:
        return Counter()
    messages = await tx.fetch(
        "select id, dedupe_key, status from e_ops_outbox where org_id = $1 and dedupe_key = any($2) order by id for update",
        org,
        [notice["dedupe_key"] for notice in notices],
    )
    await tx.execute(
        "update e_ops_outbox set status = 'canceled', claimed_by = null, claimed_until = null where org_id = $1 and id = any($2)",
        org,
        [message["id"] for message in messages if message["status"] in _STOPPABLE],
    )
    of = {message["dedupe_key"]: message["status"] for message in messages}
    await tx.execute(
        "update g_com_restock_notices set status = 'canceled', updated_at = $3 where org_id = $1 and id = any($2)",
        org,
        [notice["id"] for notice in notices if of.get(notice["dedupe_key"], "canceled") in (*_STOPPABLE, "canceled")],
        now,
    )
    return Counter(notice["subscription_id"] for notice in notices if of.get(notice["dedupe_key"]) == "sending")


async def cancel_subscription(
    tx: Transaction,
    org: OrgId,
    subscription: uuid.UUID,
    *,
    reason: str,
    effect: EffectId | None,
    too_late: int,
    now: datetime,
) -> None:
    await tx.execute(
        """
        update g_com_restock_subscriptions set status = 'canceled', canceled_at = $6, updated_at = $6, cancel_reason = $3, cancel_effect_id = $4, cancel_too_late = $5
        where org_id = $1 and id = $2
        """,
        org, subscription, reason, effect, too_late, now,
    )  # fmt: skip


# Notices and watches


async def insert_notices(
    tx: Transaction, org: OrgId, subscription: uuid.UUID, notices: Sequence[DateNotice], now: datetime
) -> None:
    if not notices:
        return
    await tx.executemany(
        "insert into g_com_restock_notices (org_id, subscription_id, event_key, due_at, status, created_at, updated_at) values ($1, $2, $3, $4, 'planned', $5, $5)",
        [(org, subscription, notice.event_key, notice.due_at, now) for notice in notices],
    )


async def date_notices(
    tx: Transaction, org: OrgId, subscription: uuid.UUID, *, open_only: bool
) -> list[tuple[str, datetime]]:
    """`event_key` and when, as they were planned; with `open_only` those that may still be sent."""
    rows = await tx.fetch(
        """
        select event_key, due_at from g_com_restock_notices
        where org_id = $1 and subscription_id = $2 and event_key like 'date:%' and (not $3 or status in ('planned','queued')) order by due_at
        """,
        org, subscription, open_only,
    )  # fmt: skip
    return [(row["event_key"], row["due_at"]) for row in rows]


async def ensure_watch(
    tx: Transaction, org: OrgId, mall: Mall, product_no: int, variant_code: str, *, quantity: int | None, now: datetime, next_check: datetime
) -> None:  # fmt: skip
    """It cannot be bought now: whatever was seen before, its next return is one for whoever waits."""
    await tx.execute(
        """
        insert into g_com_restock_watches as w (org_id, mall_id, product_no, variant_code, state, quantity, checked_at, next_check_at)
        values ($1, $2, $3, $4, 'out', $5, $6, $7)
        on conflict (org_id, mall_id, product_no, variant_code) do update set state = 'out', quantity = excluded.quantity, checked_at = excluded.checked_at,
          next_check_at = least(w.next_check_at, excluded.next_check_at)
        """,
        org, mall.mall_id, product_no, variant_code, quantity, now, next_check,
    )  # fmt: skip


# Product rules


async def rules_of(tx: Transaction, org: OrgId, product_no: int | None = None) -> tuple[Rule, ...]:
    """Of one product, or all of them."""
    rows = await tx.fetch(
        f"select {_RULE} from g_com_product_rules where org_id = $1 and ($2::bigint is null or product_no = $2) order by product_no, variant_code",  # noqa: S608
        org,
        product_no,
    )
    return tuple(_rule(row) for row in rows)


async def write_rule(tx: Transaction, org: OrgId, rule: Rule, *, by: UserId, now: datetime) -> Rule:
    row = await tx.fetchrow(
        f"""
        insert into g_com_product_rules (org_id, product_no, variant_code, answerability, restock_policy, restock_at, restock_confidence, valid_until, source, note,
          updated_by, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
        on conflict (org_id, product_no, variant_code) do update set answerability = excluded.answerability, restock_policy = excluded.restock_policy,
          restock_at = excluded.restock_at, restock_confidence = excluded.restock_confidence, valid_until = excluded.valid_until, source = excluded.source,
          note = excluded.note, updated_by = excluded.updated_by, updated_at = excluded.updated_at
        returning {_RULE}
        """,  # noqa: S608
        org, rule.product_no, rule.variant_code, rule.answerability, rule.restock_policy, rule.restock_at, rule.restock_confidence, rule.valid_until, rule.source,
        rule.note, by, now,
    )  # fmt: skip
    if row is None:
        raise RuntimeError("a statement without a row")
    return _rule(row)


async def delete_rule(tx: Transaction, org: OrgId, product_no: int, variant_code: str) -> bool:
    return bool(
        await tx.executed(
            "delete from g_com_product_rules where org_id = $1 and product_no = $2 and variant_code = $3",
            org,
            product_no,
            variant_code,
        )
    )


def _rule(row: Row) -> Rule:
    columns: dict[str, Any] = dict(row.items())
    return Rule(**columns)
