"""A Cafe24 mall as a `Shop`: which calls answer which question, and whose order it is.

Reads of the same order by the same conversation are shared for a few seconds; a decision to write never uses them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar, cast

from sangdam.commerce.cafe24 import mapping
from sangdam.commerce.cafe24.client import MallClient
from sangdam.commerce.cafe24.mapping import Malformed
from sangdam.commerce.ownership import buyer_is, owns
from sangdam.commerce.shop import Asker, OrderQuery, ShopFailure, SignedMember, Staff, VerifiedPhone, Window
from sangdam.core.clock import Clock
from sangdam.core.ids import MemberId, OrderId, OrgId
from sangdam.core.phone import Phone
from sangdam.core.shop import Carrier, Customer, Order, Shipment, ShippingTerms
from sangdam.tools.model import Call

T = TypeVar("T")

SHARED_SECONDS = 3.0
KEPT_AT_MOST = 2000
CARRIERS_SECONDS = 24 * 3600.0
TERMS_SECONDS = 600.0
WINDOW_DAYS = 89
PAGE = 50
MAX_ORDERS = 1000


@dataclass
class _Kept:
    at: float
    value: asyncio.Future[object]


@dataclass
class Shared:
    """Answers kept for seconds to hours, one question at a time per key."""

    clock: Clock
    kept: dict[tuple[str, ...], _Kept] = field(default_factory=dict[tuple[str, ...], _Kept])

    async def get(self, key: tuple[str, ...], seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
        """A kept answer, or the one being asked for right now, or a new one. A failure is not kept."""
        now = self.clock.monotonic()
        kept = self.kept.get(key)
        if kept is not None and now - kept.at < seconds:
            return cast("T", await asyncio.shield(kept.value))
        if len(self.kept) > KEPT_AT_MOST:
            self.kept = {
                each: entry
                for each, entry in self.kept.items()
                if now - entry.at < SHARED_SECONDS or each[1] != "order"
            }
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.kept[key] = _Kept(now, answer)
        try:
            value = await ask()
        except BaseException as error:
            self.kept.pop(key, None)
            if not answer.done():
                answer.set_exception(
                    error if isinstance(error, ShopFailure) else ShopFailure("CAFE24_UNAVAILABLE", retryable=True)
                )
                answer.exception()
            raise
        answer.set_result(value)
        return value


class Cafe24Shop:
    def __init__(self, org: OrgId, client: MallClient, clock: Clock, shared: Shared) -> None:
        self._org = org
        self._client = client
        self._clock = clock
        self._shared = shared

    async def order(self, call: Call, asker: Asker, order_id: OrderId) -> Order:
        found = await self._read_order(call, order_id)
        if not await self._owned(call, asker, found):
            raise ShopFailure("ORDER_NOT_OWNED")
        return found

    async def shipments(self, call: Call, asker: Asker, order_id: OrderId) -> tuple[Order, tuple[Shipment, ...]]:
        found = await self.order(call, asker, order_id)
        body = await self._client.get(call, self._org, "/orders/{order_id}/shipments", order_id=order_id)
        return found, self._mapped(
            lambda: tuple(mapping.shipment(row, found) for row in mapping.rows(body, "shipments"))
        )

    async def orders(
        self,
        call: Call,
        asker: VerifiedPhone | SignedMember | Staff,
        query: OrderQuery,
        *,
        member_id: MemberId | None = None,
    ) -> tuple[Order, ...]:
        member, phone = member_id, None
        members: tuple[Customer, ...] = ()
        if isinstance(asker, SignedMember):
            member = asker.member_id
        elif isinstance(asker, VerifiedPhone):
            phone = asker.phone
            members = await self.customers(call, phone)
            if query.member_only and not members:
                raise ShopFailure("CUSTOMER_NOT_FOUND")
            if query.member_only and len(members) > 1:
                raise ShopFailure("CUSTOMER_AMBIGUOUS", detail={"count": len(members)})
            member = members[0].member_id if len(members) == 1 else None
        found: dict[OrderId, Order] = {}
        for window in split(query.window):
            if phone is not None and not query.member_only:
                found.update(await self._search(call, window, {"buyer_cellphone": phone.dashed}))
            if member is not None:
                found.update(await self._search(call, window, {"member_id": member}))
        ids = tuple(customer.member_id for customer in members)
        owned = [order for order in found.values() if isinstance(asker, Staff) or owns(asker, order, ids)]
        return tuple(sorted(owned, key=lambda order: (order.ordered_at, order.order_id), reverse=True))

    async def _search(self, call: Call, window: Window, filters: Mapping[str, str]) -> dict[OrderId, Order]:
        found: dict[OrderId, Order] = {}
        for offset in range(0, MAX_ORDERS, PAGE):
            params = {
                "start_date": window.start.isoformat(), "end_date": window.end.isoformat(), "date_type": "order_date", "embed": "items,buyer", "limit": str(PAGE),
                "offset": str(offset), **filters,
            }  # fmt: skip
            body = await self._client.get(call, self._org, "/orders", params=params)
            page = self._mapped(lambda body=body: [mapping.order(row) for row in mapping.rows(body, "orders")])
            found.update({order.order_id: order for order in page})
            if len(page) < PAGE:
                break
        return found

    async def customers(self, call: Call, phone: Phone) -> tuple[Customer, ...]:
        """The dashed form first, then the digits: the mall says nowhere which it takes."""
        for text in (phone.dashed, phone.digits):
            try:
                body = await self._client.get(call, self._org, "/customers", params={"cellphone": text})
            except ShopFailure as failure:
                if failure.code != "CAFE24_NOT_FOUND":
                    raise
                continue
            found = self._customers(body)
            if found:
                return found
        return ()

    async def customer(self, call: Call, member_id: MemberId) -> Customer | None:
        body = await self._client.get(call, self._org, "/customers", params={"member_id": member_id})
        found = self._customers(body)
        return found[0] if found else None

    def _customers(self, body: object) -> tuple[Customer, ...]:
        rows = self._mapped(lambda: [mapping.customer(row) for row in mapping.rows(body, "customers")])
        if any(row is None for row in rows):
            raise ShopFailure("CUSTOMER_MEMBER_ID_MISSING")
        return tuple(row for row in rows if row is not None)

    async def carriers(self, call: Call) -> tuple[Carrier, ...]:
        async def ask() -> tuple[Carrier, ...]:
            body = await self._client.get(call, self._org, "/carriers")
            return self._mapped(lambda: tuple(mapping.carrier(row) for row in mapping.rows(body, "carriers")))

        return await self._shared.get((str(self._org), "carriers"), CARRIERS_SECONDS, ask)

    async def shipping_terms(self, call: Call) -> ShippingTerms:
        async def ask() -> ShippingTerms:
            body = await self._client.get(call, self._org, "/shipping")
            return self._mapped(lambda: mapping.shipping_terms(mapping.root(body, "shipping")))

        return await self._shared.get((str(self._org), "shipping"), TERMS_SECONDS, ask)

    async def buyer_matches(self, call: Call, order_id: OrderId, name: str, phone: Phone) -> bool:
        try:
            found = await self._read_order(call, order_id)
        except ShopFailure as failure:
            if failure.code != "CAFE24_NOT_FOUND":
                raise
            return buyer_is(None, name, phone)
        return buyer_is(found.buyer, name, phone)

    async def _read_order(self, call: Call, order_id: OrderId) -> Order:
        async def ask() -> Order:
            body = await self._client.get(
                call,
                self._org,
                "/orders/{order_id}",
                params={"embed": "items,receivers,buyer,return,cancellation,exchange"},
                order_id=order_id,
            )
            found = self._mapped(lambda: mapping.order(mapping.root(body, "order")))
            if found.order_id != order_id:
                raise ShopFailure("CAFE24_ERROR", detail={"shape": "another order"})
            return found

        return await self._shared.get(
            (str(self._org), "order", str(call.caller.session or call.id), order_id), SHARED_SECONDS, ask
        )

    async def _owned(self, call: Call, asker: Asker, order: Order) -> bool:
        if owns(asker, order, ()):
            return True
        if not isinstance(asker, VerifiedPhone) or order.member_id is None:
            return False
        members = await self.customers(call, asker.phone)
        return owns(asker, order, tuple(customer.member_id for customer in members))

    def _mapped(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except Malformed as error:
            raise ShopFailure("CAFE24_ERROR", detail={"shape": str(error)}) from None


def split(window: Window) -> list[Window]:
    """Parts of at most 89 days, newest first: a call may span three months."""
    parts: list[Window] = []
    end = window.end
    while end >= window.start:
        start = max(window.start, end - timedelta(days=WINDOW_DAYS - 1))
        parts.append(Window(start, end))
        end = start - timedelta(days=1)
    return parts
