"""What a shop contributes to the gate: orders, parcels, members, the match of an orderer (tools.md §4.3–4.6, 4.16), its catalogue and its writes.

Ownership is judged in the shop, where the order is known; a failure of the shop becomes an outcome here and nowhere else.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from sangdam.commerce.address_tools import address_tools
from sangdam.commerce.aliases import Aliases
from sangdam.commerce.asking import REFUSAL_FLOOR_SECONDS, Pause, aside, asker_of, evenly, refusal, verified
from sangdam.commerce.catalogue_tools import catalogue_tools
from sangdam.commerce.house import House
from sangdam.commerce.shop import OrderQuery, Shop, ShopFailure, Staff, VerifiedPhone, Window
from sangdam.commerce.ticket_tools import ticket_tools
from sangdam.commerce.views import order_facts, summary, tracking
from sangdam.core.clock import kst_date
from sangdam.core.facts import (
    CustomerMatch,
    FindCustomerOut,
    ListOrdersOut,
    LookupOrderOut,
    TrackShipmentOut,
    VerifyOrdererOut,
)
from sangdam.core.facts import Window as WindowFacts
from sangdam.core.ids import GrantId, MemberId, OrderId, OrgId, SessionId
from sangdam.core.mask import mask_name
from sangdam.core.phone import Phone
from sangdam.core.shop import CLAIM_CLASSES, Order, StatusClass
from sangdam.tools.fields import OrderIdArg, PhoneArg
from sangdam.tools.model import (
    Assurance,
    Call,
    CallerKind,
    DefaultPolicy,
    Failed,
    Invalid,
    Limit,
    NeedsVerification,
    Refusal,
    Tool,
)

DEFAULT_DAYS = 90
LONGEST_DAYS = 365
YEARS = range(2000, 2100)
ORDERER_FLOOR_SECONDS = 0.4
ORDERER_PER_HOUR = 20


class MatchGrant(Protocol):
    """What a matched orderer gets."""

    @property
    def id(self) -> GrantId: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def token(self) -> str | None: ...


class Matches(Protocol):
    """Where tries to match an orderer are written down; the composition root hands it in."""

    async def locked(self, org: OrgId, session: SessionId, order_id: str, now: datetime) -> bool: ...
    async def record(
        self, call: Call, session: SessionId, order_id: str, *, matched: bool, now: datetime
    ) -> MatchGrant | None: ...


Status = Literal["awaiting_payment", "preparing", "ready_to_ship", "in_transit", "delivered", "claim", "all"]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LookupOrderIn(_In):
    order_id: OrderIdArg


class TrackShipmentIn(_In):
    order_id: OrderIdArg
    shipping_code: str | None = Field(default=None, pattern=r"^D-\d{8}-\d{7}-\d{2}$")


class ListOrdersIn(_In):
    cellphone: PhoneArg | None = None
    member_id: str | None = Field(default=None, min_length=1, max_length=20)
    start_date: date | None = None
    end_date: date | None = None
    status: Status = "all"
    member_only: bool = False
    page: int = Field(default=1, ge=1, le=50)
    page_size: int = Field(default=5, ge=1, le=20)


class FindCustomerIn(_In):
    cellphone: PhoneArg | None = None
    member_id: str | None = Field(default=None, min_length=1, max_length=20)


class VerifyOrdererIn(_In):
    order_id: OrderIdArg
    orderer_name: str = Field(min_length=1, max_length=20)
    orderer_phone: PhoneArg


_AGENT, _MEMBER, _MCP = CallerKind.AGENT, CallerKind.MEMBER, CallerKind.MCP
_READ_ORDER, _READ_CUSTOMER, _READ_SHIPPING = "mall.read_order", "mall.read_customer", "mall.read_shipping"


def tools(
    shops: Callable[[OrgId], Awaitable[Shop]],
    matches: Matches,
    aliases: Aliases,
    house: House,
    *,
    orderer_floor_s: float = ORDERER_FLOOR_SECONDS,
    refusal_floor_s: float = REFUSAL_FLOOR_SECONDS,
    pause: Pause = asyncio.sleep,
) -> tuple[Tool, ...]:
    """The floors are the shortest times that verify_orderer and a refused order take, so that time tells nothing."""

    async def lookup_order(call: Call, given: LookupOrderIn) -> LookupOrderOut | Refusal:
        order_id = OrderId(given.order_id)
        try:
            shop = await shops(call.org)
            order = await shop.order(call, asker_of(call, order_id), order_id)
        except ShopFailure as failure:
            return refusal(call, failure)
        return LookupOrderOut(order=order_facts(order, asked_at=call.clock.now()))

    async def track_shipment(call: Call, given: TrackShipmentIn) -> TrackShipmentOut | Refusal:
        order_id = OrderId(given.order_id)
        try:
            shop = await shops(call.org)
            order, shipments = await shop.shipments(call, asker_of(call, order_id), order_id)
        except ShopFailure as failure:
            return refusal(call, failure)
        if given.shipping_code is not None:
            shipments = tuple(shipment for shipment in shipments if shipment.shipping_code == given.shipping_code)
            if not shipments:
                return Failed("CAFE24_NOT_FOUND")
        try:
            carriers = await shop.carriers(aside(call)) if shipments else ()
        except ShopFailure:
            carriers = None
        try:
            terms = None if shipments else await shop.shipping_terms(aside(call))
        except ShopFailure:
            terms = None
        return tracking(order, shipments, carriers, terms)

    async def list_orders(call: Call, given: ListOrdersIn) -> ListOrdersOut | Refusal:
        window = window_of(given, kst_date(call.clock.now()))
        if window is None:
            return Invalid(fields=("start_date", "end_date"))
        asker = list_asker(call, given)
        if isinstance(asker, Invalid | NeedsVerification):
            return asker
        try:
            shop = await shops(call.org)
            member = MemberId(given.member_id) if given.member_id is not None else None
            found = await shop.orders(call, asker, OrderQuery(window, given.member_only), member_id=member)
        except ShopFailure as failure:
            return refusal(call, failure)
        fitting = [order for order in found if fits(order, given.status)]
        start = (given.page - 1) * given.page_size
        shown = fitting[start : start + given.page_size]
        return ListOrdersOut(
            orders=tuple(summary(order) for order in shown),
            total=len(fitting),
            page=given.page,
            has_more=len(fitting) > start + len(shown),
            window=WindowFacts(start=window.start, end=window.end),
        )

    async def find_customer_by_phone(call: Call, given: FindCustomerIn) -> FindCustomerOut | Refusal:
        if (given.cellphone is None) == (given.member_id is None):
            return Invalid(fields=("cellphone", "member_id"))
        grant = verified(call)
        try:
            shop = await shops(call.org)
            if given.cellphone is not None:
                phone = Phone(given.cellphone)
                if call.caller.on_behalf and (grant is None or grant.phone != phone):
                    return NeedsVerification(
                        Assurance.VERIFIED, "orders", "other_phone" if grant is not None else "missing"
                    )
                found = await shop.customers(call, phone)
            else:
                one = await shop.customer(call, MemberId(given.member_id or ""))
                mine = await shop.customers(call, grant.phone) if grant is not None and grant.phone is not None else ()
                found = (one,) if one is not None and (not call.caller.on_behalf or one in mine) else ()
        except ShopFailure as failure:
            return refusal(call, failure)
        if not found:
            return Failed("CUSTOMER_NOT_FOUND")
        return FindCustomerOut(
            matches=len(found),
            customers=tuple(
                CustomerMatch(
                    member_id_masked=mask_name(customer.member_id),
                    member_ref=secrets.token_urlsafe(16),
                    group_no=customer.group_no,
                    since=customer.since,
                )
                for customer in found
            ),
        )

    async def verify_orderer(call: Call, given: VerifyOrdererIn) -> VerifyOrdererOut | Refusal:
        started = call.clock.monotonic()
        outcome = await match_orderer(call, given)
        left = orderer_floor_s - (call.clock.monotonic() - started)
        if left > 0:
            await pause(min(left, call.remaining))
        return outcome

    async def verify_orderer_after(call: Call, given: VerifyOrdererIn) -> Failed:
        # A match that was written down stands by itself; the question may be asked again.
        return Failed("CAFE24_TIMEOUT", retryable=True)

    async def match_orderer(call: Call, given: VerifyOrdererIn) -> VerifyOrdererOut | Refusal:
        session, now = call.caller.session, call.clock.now()
        if session is None:
            return Invalid(fields=("session_id",))
        if await matches.locked(call.org, session, given.order_id, now):
            return Failed("ORDERER_LOCKED")
        address = call.caller.client_ip or f"session:{session}"
        breach = await call.limits.hit(Limit("ip", address, ORDERER_PER_HOUR, timedelta(hours=1)))
        if breach is not None:
            return breach.denied
        try:
            shop = await shops(call.org)
            matched = await shop.buyer_matches(
                call, OrderId(given.order_id), given.orderer_name, Phone(given.orderer_phone)
            )
        except ShopFailure as failure:
            return refusal(call, failure)
        grant = await matches.record(call, session, given.order_id, matched=matched, now=now)
        if grant is None:
            return Failed("ORDERER_MISMATCH", retryable=True)
        return VerifyOrdererOut(
            order_id=given.order_id,
            expires_at=grant.expires_at,
            grant_id=str(grant.id),
            customer_verification_token=grant.token,
        )

    def policy(*callers: CallerKind, per_minute: int = 300) -> DefaultPolicy:
        return DefaultPolicy(frozenset(callers), per_minute)

    return (
        *catalogue_tools(shops, aliases),
        Tool(
            name="lookup_order", display_name="주문 조회", display_name_en="Look up an order",
            description="An order's items, state, amounts and what can still be done with it. Only for the shopper whose order it is.",
            provider="cafe24", effect="read", assurance=Assurance.CLAIMED, input=LookupOrderIn, output=LookupOrderOut,
            default_policy=policy(_AGENT, _MEMBER, _MCP), run=evenly(lookup_order, floor_s=refusal_floor_s, pause=pause), scopes=frozenset({_READ_ORDER}), breaker="cafe24",
        ),
        Tool(
            name="list_orders", display_name="주문 목록", display_name_en="List orders",
            description="The orders of the proved phone, newest first, five a page, last 90 days unless asked otherwise.",
            provider="cafe24", effect="read", assurance=Assurance.VERIFIED, input=ListOrdersIn, output=ListOrdersOut,
            default_policy=policy(_AGENT, _MEMBER, _MCP), run=list_orders, scopes=frozenset({_READ_ORDER, _READ_CUSTOMER}), masking=("cellphone", "member_id"), breaker="cafe24",
        ),
        Tool(
            name="find_customer_by_phone", display_name="회원 찾기", display_name_en="Find a member by phone",
            description="Whether a member of the mall is registered with the proved phone.",
            provider="cafe24", effect="read", assurance=Assurance.VERIFIED, input=FindCustomerIn, output=FindCustomerOut,
            default_policy=policy(_AGENT, _MEMBER), run=find_customer_by_phone, scopes=frozenset({_READ_CUSTOMER}), masking=("cellphone", "member_id"), breaker="cafe24",
        ),
        Tool(
            name="track_shipment", display_name="배송 조회", display_name_en="Track a shipment",
            description="Carrier, tracking number and dates of each parcel of an order, and what has not been shipped.",
            provider="cafe24", effect="read", assurance=Assurance.CLAIMED, input=TrackShipmentIn, output=TrackShipmentOut,
            default_policy=policy(_AGENT, _MEMBER, _MCP), run=evenly(track_shipment, floor_s=refusal_floor_s, pause=pause), scopes=frozenset({_READ_ORDER, _READ_SHIPPING}), masking=("tracking_no", "tracking_url"), breaker="cafe24",
        ),
        Tool(
            name="verify_orderer", display_name="주문자 확인", display_name_en="Match an orderer",
            description="Checks that an order number, the orderer's name and phone belong together. A match opens that one order for thirty minutes.",
            provider="cafe24", effect="write", assurance=Assurance.ANONYMOUS, input=VerifyOrdererIn, output=VerifyOrdererOut,
            default_policy=policy(_AGENT, _MEMBER, _MCP), run=verify_orderer, reconcile=verify_orderer_after, scopes=frozenset({_READ_ORDER}), masking=("orderer_name", "orderer_phone"),
            deadline_s=10.0, breaker="cafe24",
        ),
        *address_tools(shops, house, floor_s=refusal_floor_s, pause=pause),
        *ticket_tools(shops, house, floor_s=refusal_floor_s, pause=pause),
    )  # fmt: skip


def list_asker(call: Call, given: ListOrdersIn) -> VerifiedPhone | Staff | Invalid | NeedsVerification:
    if not call.caller.on_behalf:
        if given.cellphone is not None:
            return VerifiedPhone(Phone(given.cellphone))
        return (
            Staff(call.caller.staff_reason or "")
            if given.member_id is not None
            else Invalid(fields=("cellphone", "member_id"))
        )
    grant = verified(call)
    if grant is None or grant.phone is None:
        return NeedsVerification(Assurance.VERIFIED, "orders", "missing")
    if given.member_id is not None or (given.cellphone is not None and Phone(given.cellphone) != grant.phone):
        return NeedsVerification(Assurance.VERIFIED, "orders", "other_phone")
    return VerifiedPhone(grant.phone)


def window_of(given: ListOrdersIn, today: date) -> Window | None:
    """None for dates that do not make a window."""
    end = given.end_date or today
    start = given.start_date or end - timedelta(days=min(DEFAULT_DAYS, end.toordinal() - 1))
    if start.year not in YEARS or end.year not in YEARS:
        return None
    if start > end or (end - start).days > LONGEST_DAYS:
        return None
    return Window(start, end)


def fits(order: Order, status: Status) -> bool:
    match status:
        case "all":
            return True
        case "claim":
            return any(item.status_class in CLAIM_CLASSES for item in order.items)
        case "delivered":
            return any(item.status_class in (StatusClass.DELIVERED, StatusClass.CONFIRMED) for item in order.items)
        case _:
            return any(item.status_class == status for item in order.items)
