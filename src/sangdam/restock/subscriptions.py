"""Waiting for a product and no longer waiting: what may be asked is judged, what was asked is stored with what will be told.

Nothing is sent here. A subscription is found again by the write that made it, so that an answer lost on the way is no second one.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sangdam.commerce.shop import Shop, ShopFailure
from sangdam.commerce.tools import refusal
from sangdam.conversations.otp import Senders
from sangdam.core.clock import kst, kst_date
from sangdam.core.facts import (
    CancelRestockOut,
    LastNotice,
    ListRestockOut,
    PlannedNotice,
    SubscribeRestockOut,
    SubscriptionFacts,
)
from sangdam.core.ids import OrgId
from sangdam.core.mask import mask_text
from sangdam.core.phone import Phone
from sangdam.db import chain
from sangdam.db.chain import EventType
from sangdam.db.database import Database, Row, Transaction
from sangdam.orgs.keyring import Hasher, KeyRing
from sangdam.restock import store
from sangdam.restock.consent import VERSIONS, Consent, consent_text
from sangdam.restock.model import MOST_PER_PHONE, Mall, Stock, Wish, ruling, stock_of
from sangdam.tools.audit import event_of
from sangdam.tools.model import (
    Assurance,
    Call,
    Failed,
    Invalid,
    NeedsVerification,
    Preview,
    Refusal,
)

TABLE = "g_com_restock_subscriptions"
CHANNEL = "sms"
NEXT_CHECK = timedelta(minutes=10)
CONSENT_LIFE = timedelta(days=1)
CLOCKS_APART = timedelta(minutes=1)
REPEATED_WITHIN = timedelta(days=1)
"""How long stopping everything once more names what was stopped before."""

Shops = Callable[[OrgId], Awaitable[Shop]]
Malls = Callable[[OrgId], Awaitable[Mall | None]]
"""None: no mall is connected."""


@dataclass(frozen=True)
class Asked:
    """The arguments of a subscription."""

    wish: Wish
    channel: str
    phone: Phone | None
    consent: Consent | None


@dataclass(frozen=True)
class Ready:
    """What is known when nothing but the shop's rules and the other subscriptions can stand against it."""

    wish: Wish
    phone: Phone
    phone_hash: str
    consent: Consent
    mall: Mall
    stock: Stock
    text: str
    """The consent, word for word."""
    now: datetime


class Subscriptions:
    def __init__(
        self, db: Database, keyring: KeyRing, hasher: Hasher, *, shops: Shops, malls: Malls, senders: Senders
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._hasher = hasher
        self._shops = shops
        self._malls = malls
        self._senders = senders

    # Beginning to wait

    async def preview(self, call: Call, asked: Asked, arguments: dict[str, Any]) -> Preview | Refusal:
        """What a yes would bring, and the words it says yes to (`consent_text`)."""
        ready = await self._ready(call, asked)
        if not isinstance(ready, Ready):
            return ready
        async with self._db.org(call.org) as tx:
            found = await self._judge(tx, call.org, ready)
        if isinstance(found, Failed):
            return found
        wish = ready.wish
        return Preview(
            arguments={**arguments, "phone": ready.phone.digits},
            shown={
                "product_name": ready.stock.product_name,
                "option_label": ready.stock.option_label,
                "channel": CHANNEL,
                "phone_masked": ready.phone.masked,
                "trigger_type": wish.trigger,
                "trigger_value": wish.more_than,
                "planned": [notice.model_dump(mode="json") for notice in _planned(wish, ready.now)],
                "valid_until": wish.valid_until(kst_date(ready.now)).isoformat(),
                "existing": found is not None,
                "consent_text": ready.text,
            },
        )

    async def subscribe(self, call: Call, asked: Asked) -> SubscribeRestockOut | Refusal:
        ready = await self._ready(call, asked)
        if not isinstance(ready, Ready):
            return ready
        call.sent = True
        async with self._db.org(call.org) as tx:
            await self._make_room(tx, call.org, ready)
            found = await self._judge(tx, call.org, ready)
            outcome = await self._insert(tx, call, ready) if found is None else found
        if isinstance(outcome, Failed):
            call.sent = False
            return outcome
        return (
            outcome if isinstance(outcome, SubscribeRestockOut) else await self._told(call.org, outcome, existing=True)
        )

    async def subscribed(self, call: Call, asked: Asked) -> SubscribeRestockOut | Failed:
        """What became of a subscription whose answer was lost."""
        org = call.org
        mall = await self._malls(org)
        async with self._db.org(org) as tx:
            made = await store.by_effect(tx, org, call.effect) if call.effect is not None else None
            found = made
            if found is None and mall is not None and asked.phone is not None:
                found = await store.find_live(
                    tx,
                    org,
                    mall.mall_id,
                    asked.wish.product_no,
                    asked.wish.variant_code,
                    self._hasher.phone(org, asked.phone),
                    kst_date(call.clock.now()),
                )
        if found is None:
            return Failed("INTERNAL_ERROR", retryable=True)
        return await self._told(org, found, existing=made is None)

    async def _ready(self, call: Call, asked: Asked) -> Ready | Refusal:
        """Everything that is known without the database of subscriptions, the cheapest first."""
        org, now, wish, consent = call.org, call.clock.now(), asked.wish, asked.consent
        if asked.channel != CHANNEL:
            return Invalid("CHANNEL_UNSUPPORTED", ("channel",))
        if wrong := wish.wrong(kst_date(now)):
            return Invalid(fields=wrong)
        if consent is None or not _holds(consent, now):
            return Invalid("CONSENT_REQUIRED", ("consent",))
        phone = proved_phone(call, asked.phone)
        if not isinstance(phone, Phone):
            return phone
        sender = await self._senders(org)
        if sender.channel is None:
            return Failed("CONFIG_ERROR", detail={"setting": "sms"})
        mall = await self._malls(org)
        if mall is None:
            return Failed("CONFIG_ERROR", detail={"setting": "mall"})
        try:
            product = await (await self._shops(org)).product(call, wish.product_no)
        except ShopFailure as failure:
            return refusal(call, failure)
        stock = stock_of(product, wish.variant_code)
        if stock is None:
            return Failed("CAFE24_NOT_FOUND", detail={"resource": "product"})
        text = consent_text(
            consent.text_version,
            shop_name=sender.shop_name,
            stock=stock,
            phone_masked=phone.masked,
            wish=wish,
            now=now,
        )
        return Ready(wish, phone, self._hasher.phone(org, phone), consent, mall, stock, text, now)

    async def _judge(self, tx: Transaction, org: OrgId, ready: Ready) -> Row | Failed | None:
        """The subscription that is there already, or why there may be none."""
        wish, today = ready.wish, kst_date(ready.now)
        rule = ruling(await store.rules_of(tx, org, wish.product_no), wish.variant_code, today)
        if rule is not None and rule.forbids:
            return Failed("RESTOCK_NOT_PLANNED", detail={"rule_id": str(rule.id)})
        if ready.stock.available is None:
            return Failed("CAFE24_ERROR", detail={"shape": "stock"})
        if ready.stock.available:
            return Failed(
                "PRODUCT_NOT_SOLD_OUT",
                detail={"product_name": ready.stock.product_name, "option_label": ready.stock.option_label},
            )
        there = await store.find_live(
            tx, org, ready.mall.mall_id, wish.product_no, wish.variant_code, ready.phone_hash, today
        )
        if there is not None:
            return there
        count = await store.count_live(tx, org, ready.phone_hash, today)
        return Failed("SUBSCRIPTION_LIMIT", detail={"count": count}) if count >= MOST_PER_PHONE else None

    async def _make_room(self, tx: Transaction, org: OrgId, ready: Ready) -> None:
        """Alone with this phone from here on; what it waited for too long is over."""
        await store.lock_phone(tx, org, ready.phone_hash)
        over = await store.expire_overdue(tx, org, ready.phone_hash, today=kst_date(ready.now), now=ready.now)
        if over:
            await store.stop_notices(tx, org, over, ready.now)

    async def _insert(self, tx: Transaction, call: Call, ready: Ready) -> SubscribeRestockOut:
        org, wish, now = call.org, ready.wish, ready.now
        row = uuid.uuid4()
        valid_until, notices = wish.valid_until(kst_date(now)), wish.planned(now)
        stamp = call.caller.stamp
        new = store.NewSubscription(
            id=row,
            mall=ready.mall,
            wish=wish,
            product_name=ready.stock.product_name,
            option_label=ready.stock.option_label,
            phone=self._keyring.seal(ready.phone.digits, table=TABLE, column="phone", org=org, row=row),
            phone_hash=ready.phone_hash,
            phone_masked=ready.phone.masked,
            session=call.caller.session,
            turn=stamp.turn if stamp is not None else None,
            effect=call.effect,
            consent=await self._proof(tx, call, ready),
            unsubscribe_hash=unsubscribe_hash(self._hasher, unsubscribe_token(self._hasher, row)),
            valid_until=valid_until,
            now=now,
        )
        if not await store.insert_subscription(tx, org, new):
            raise RuntimeError("a subscription appeared while its phone was locked")
        await store.insert_notices(tx, org, row, notices, now)
        await store.ensure_watch(
            tx,
            org,
            ready.mall,
            wish.product_no,
            wish.variant_code,
            quantity=ready.stock.quantity,
            now=now,
            next_check=now + NEXT_CHECK,
        )
        payload: dict[str, object] = {
            "subscription_id": row,
            "product_no": wish.product_no,
            "variant_code": wish.variant_code,
            "trigger_type": wish.trigger,
            "phone": ready.phone.masked,
            "planned": len(notices),
            "valid_until": valid_until.isoformat(),
        }
        await chain.append(tx, org, events=[event_of(call, EventType.RESTOCK_SUBSCRIBED, payload, now)])
        return SubscribeRestockOut(
            subscription_id=str(row),
            product_name=new.product_name,
            option_label=new.option_label,
            phone_masked=new.phone_masked,
            trigger_type=wish.trigger,
            planned=_planned(wish, now),
            valid_until=valid_until,
        )

    async def _proof(self, tx: Transaction, call: Call, ready: Ready) -> dict[str, object]:
        """The consent as it is kept: the words that were shown, and the message that said yes to them.

        What was shown is known by its masked copy. Other words now (a day has passed, a product was renamed) were not agreed to.
        """
        kept = await store.confirmed(tx, call.org, call.effect) if call.effect is not None else None
        yes: dict[str, Any] = (kept["by"] or {}) if kept is not None else {}
        by_shopper = yes.get("kind") == "shopper"
        shown = kept["shown"] if kept is not None else None
        address = call.caller.client_ip
        return {
            "text": ready.text if shown in (None, mask_text(ready.text)) else shown,
            "text_version": ready.consent.text_version,
            "at": yes["at"] if by_shopper else ready.consent.at.isoformat(),
            "message_seq": yes["message_seq"] if by_shopper else ready.consent.message_seq,
            "channel": CHANNEL,
            "ip_hash": self._hasher.hash("ip", call.org, address) if address else "",
        }

    async def _told(self, org: OrgId, row: Row, *, existing: bool) -> SubscribeRestockOut:
        async with self._db.org(org) as tx:
            notices = await store.date_notices(tx, org, row["id"], open_only=existing)
        return SubscribeRestockOut(
            subscription_id=str(row["id"]),
            product_name=row["product_name"],
            option_label=row["option_label"],
            phone_masked=row["phone_masked"],
            trigger_type=row["trigger_type"],
            planned=tuple(PlannedNotice(at=kst(at), lead_day=int(key.rpartition(":")[2])) for key, at in notices),
            valid_until=row["valid_until"],
            existing=existing,
        )

    # What is waited for

    async def list(self, call: Call) -> ListRestockOut | NeedsVerification:
        phone = proved_phone(call, None)
        if not isinstance(phone, Phone):
            return phone
        org = call.org
        async with self._db.org(org) as tx:
            rows = await store.list_live(tx, org, self._hasher.phone(org, phone), kst_date(call.clock.now()))
        return ListRestockOut(subscriptions=tuple(_listed(n, row) for n, row in enumerate(rows, 1)))

    # No longer waiting

    async def preview_end(
        self, call: Call, subscription: uuid.UUID | None, arguments: dict[str, Any]
    ) -> Preview | Refusal:
        """What a yes would stop. `subscription` None: everything the phone waits for."""
        async with self._db.org(call.org) as tx:
            rows = await self._ending(tx, call, subscription)
        if isinstance(rows, Refusal):
            return rows
        return Preview(
            arguments=arguments,
            shown={
                "subscriptions": [
                    {
                        "subscription_id": str(row["id"]),
                        "product_name": row["product_name"],
                        "option_label": row["option_label"],
                        "phone_masked": row["phone_masked"],
                    }
                    for row in rows
                ]
            },
        )

    async def end(self, call: Call, subscription: uuid.UUID | None) -> CancelRestockOut | Refusal:
        """Stops one or all; what was stopped before is named once more. A message that is being sent may still arrive."""
        org, now = call.org, call.clock.now()
        call.sent = True
        async with self._db.org(org) as tx:
            rows = await self._ending(tx, call, subscription)
            if isinstance(rows, Refusal):
                call.sent = False
                return rows
            live = [row for row in rows if row["canceled_at"] is None]
            if not live:
                return _ended(rows)
            late = await store.stop_notices(tx, org, [row["id"] for row in live], now)
            reason = "shopper" if call.caller.on_behalf else "operator"
            for row in live:
                await store.cancel_subscription(
                    tx, org, row["id"], reason=reason, effect=call.effect, too_late=late[row["id"]], now=now
                )
            await chain.append(
                tx,
                org,
                events=[
                    event_of(
                        call,
                        EventType.RESTOCK_CANCELED,
                        {
                            "subscription_id": row["id"],
                            "product_no": row["product_no"],
                            "variant_code": row["variant_code"],
                            "reason": reason,
                            "too_late": late[row["id"]],
                        },
                        now,
                    )
                    for row in live
                ],
            )
        return CancelRestockOut(canceled=tuple(str(row["id"]) for row in live), too_late=late.total())

    async def ended(self, call: Call, subscription: uuid.UUID | None) -> CancelRestockOut | Failed:
        """What became of a stop whose answer was lost."""
        async with self._db.org(call.org) as tx:
            rows = await store.canceled_by(tx, call.org, call.effect) if call.effect is not None else []
            if not rows and subscription is not None:
                rows = await store.canceled_one(tx, call.org, subscription)
        return _ended(rows) if rows else Failed("INTERNAL_ERROR", retryable=True)

    async def _ending(self, tx: Transaction, call: Call, subscription: uuid.UUID | None) -> Sequence[Row] | Refusal:
        """What is to be stopped, locked. Staff name one; a shopper only what their proved phone waits for."""
        org, now = call.org, call.clock.now()
        today = kst_date(now)
        phone = proved_phone(call, None)
        if subscription is not None and not call.caller.on_behalf:
            rows = await store.lock_one(tx, org, subscription, None, today)
        elif not isinstance(phone, Phone):
            return phone
        else:
            phone_hash = self._hasher.phone(org, phone)
            await store.lock_phone(tx, org, phone_hash)
            rows = (
                await store.lock_one(tx, org, subscription, phone_hash, today)
                if subscription is not None
                else await store.lock_all(tx, org, phone_hash, today=today, since=now - REPEATED_WITHIN)
            )
        return rows or Failed("SUBSCRIPTION_NOT_FOUND")


def proved_phone(call: Call, given: Phone | None) -> Phone | NeedsVerification:
    """The phone that was proved for notices, and no other. Of several the one named, else the one proved last."""
    caller, now = call.caller, call.clock.now()
    proved = [
        (grant.expires_at, grant.phone)
        for grant in caller.grants
        if grant.org == caller.org
        and grant.session == caller.session
        and grant.level is Assurance.VERIFIED
        and grant.phone is not None
        and grant.purposes & {"notify", "orders"}
        and grant.expires_at > now
    ]
    if not proved:
        return NeedsVerification(Assurance.VERIFIED, "notify", "missing")
    if given is None:
        return max(proved, key=lambda one: one[0])[1]
    if all(phone != given for _, phone in proved):
        return NeedsVerification(Assurance.VERIFIED, "notify", "other_phone")
    return given


def unsubscribe_token(hasher: Hasher, subscription: uuid.UUID) -> str:
    """What the link in a message carries. Derived, so that every message of a subscription can carry the same."""
    return hasher.digest(f"unsubscribe|{subscription}")


def unsubscribe_hash(hasher: Hasher, token: str) -> str:
    """Under which the token is found; whose it is, is not known then."""
    return hasher.hash("unsubscribe", None, token)


def _holds(consent: Consent, now: datetime) -> bool:
    """A text that we know, agreed to just now."""
    return consent.text_version in VERSIONS and now - CONSENT_LIFE <= consent.at <= now + CLOCKS_APART


def _planned(wish: Wish, now: datetime) -> tuple[PlannedNotice, ...]:
    return tuple(PlannedNotice(at=notice.due_at, lead_day=notice.lead_day) for notice in wish.planned(now))


def _listed(n: int, row: Row) -> SubscriptionFacts:
    status = row["notice_status"]
    return SubscriptionFacts(
        n=n,
        subscription_id=str(row["id"]),
        product_name=row["product_name"],
        option_label=row["option_label"],
        trigger_type=row["trigger_type"],
        restock_at=row["restock_at"],
        status=row["status"],
        created_at=row["created_at"],
        last_notified_at=row["last_notified_at"],
        last_notice=LastNotice(status=status, at=row["notice_at"]) if status is not None else None,
    )


def _ended(rows: Sequence[Row]) -> CancelRestockOut:
    return CancelRestockOut(
        canceled=tuple(str(row["id"]) for row in rows), too_late=sum(row["cancel_too_late"] or 0 for row in rows)
    )
