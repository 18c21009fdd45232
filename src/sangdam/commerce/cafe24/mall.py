"""A Cafe24 mall as a `Shop`: which calls answer which question, and whose order it is.

Reads of the same order or product by the same conversation are shared for a few seconds; a decision to write never uses them. A missing
order and somebody else's take the same calls, and are remembered alike: how long an answer takes must not tell which it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar, cast

from sangdam.commerce.cafe24 import catalogue, mapping
from sangdam.commerce.cafe24.client import MallClient
from sangdam.commerce.cafe24.mapping import Malformed
from sangdam.commerce.ownership import buyer_is, owns
from sangdam.commerce.shop import (
    FURTHEST_OFFSET,
    ArticlePage,
    ArticleQuery,
    Asker,
    OrderQuery,
    ShopFailure,
    SignedMember,
    Staff,
    VerifiedPhone,
    Window,
)
from sangdam.core.clock import Clock, kst_date
from sangdam.core.ids import MemberId, OrderId, OrgId
from sangdam.core.phone import Phone
from sangdam.core.shop import (
    Article,
    Board,
    Carrier,
    Customer,
    Order,
    Product,
    Receiver,
    Shipment,
    ShippingTerms,
    Supplier,
    Surcharges,
    Ticket,
    TicketDraft,
)
from sangdam.tools.model import Call

T = TypeVar("T")

SHARED_SECONDS = 3.0
CARRIERS_SECONDS = 24 * 3600.0
TERMS_SECONDS = 600.0
WINDOW_DAYS = 89
YEAR_DAYS = 364
PAGE = 50
ARTICLES_PAGE = 100
MAX_ORDERS = 1000
MAX_ARTICLES = 100
ORDER = "/orders/{order_id}"
EMBED = "items,receivers,buyer,return,cancellation,exchange"
ARTICLES = "/boards/{board_no}/articles"


@dataclass
class _Kept:
    at: float
    until: float
    value: asyncio.Future[object]


@dataclass
class Shared:
    """Answers kept for seconds to hours, one question at a time per key."""

    clock: Clock
    kept: dict[tuple[str, ...], _Kept] = field(default_factory=dict[tuple[str, ...], _Kept])

    async def get(self, key: tuple[str, ...], seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
        """A kept answer, or the one being asked for right now, or a new one. A failure is nobody's but the asker's."""
        while (kept := self.kept.get(key)) is not None and self.clock.monotonic() < kept.until:
            await asyncio.wait([kept.value])
            if not kept.value.cancelled():
                return cast("T", kept.value.result())
        now = self.clock.monotonic()
        self.kept = {each: entry for each, entry in self.kept.items() if now < entry.until}
        mine = self.kept[key] = _Kept(now, now + seconds, asyncio.get_running_loop().create_future())
        try:
            value = await ask()
        except BaseException:
            if self.kept.get(key) is mine:
                del self.kept[key]
            mine.value.cancel()  # whoever waited asks for himself, within his own deadline
            raise
        mine.value.set_result(value)
        return value

    def forget(self, *named: str) -> None:
        """What is kept under any key that holds all these words."""
        self.kept = {key: entry for key, entry in self.kept.items() if not set(named) <= set(key)}


class Cafe24Shop:
    def __init__(self, org: OrgId, client: MallClient, clock: Clock, shared: Shared) -> None:
        self._org = org
        self._client = client
        self._clock = clock
        self._shared = shared

    async def order(self, call: Call, asker: Asker, order_id: OrderId, *, fresh: bool = False) -> Order:
        found = await self._read_order(call, order_id, fresh=fresh)
        if found is not None and owns(asker, found, ()):
            return found
        members = await self._members_of(call, asker, fresh=fresh)
        if found is None:
            raise ShopFailure("CAFE24_NOT_FOUND", detail={"path": ORDER})
        if not owns(asker, found, members):
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
        members: tuple[MemberId | None, ...] = ()
        filters: list[Mapping[str, str]] = []
        match asker:
            case VerifiedPhone(phone):
                members = await self._members(call, phone)
                one = sole_member(members, needed=query.member_only)
                if not query.member_only:
                    filters.append({"buyer_cellphone": phone.dashed})
                if one is not None:
                    filters.append({"member_id": one})
            case SignedMember(member):
                filters.append({"member_id": member})
            case Staff():
                filters.extend([{"member_id": member_id}] if member_id is not None else [])
        found: dict[OrderId, Order] = {}
        for each in await together(self._search(call, part, one) for part in split(query.window) for one in filters):
            found.update(each)
        # The mall passes over filters it does not know, so that every one of them is checked again.
        mine = [
            order
            for order in found.values()
            if owns(asker, order, members)
            and (member_id is None or order.member_id == member_id)
            and (not query.member_only or not isinstance(asker, VerifiedPhone) or order.member_id in members)
            and query.window.start <= kst_date(order.ordered_at) <= query.window.end
        ]
        return tuple(sorted(mine, key=lambda order: (order.ordered_at, order.order_id), reverse=True))

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
        return self._with_ids(await self._registered(call, phone))

    async def customer(self, call: Call, member_id: MemberId) -> Customer | None:
        found = self._with_ids(await self._customers(call, {"member_id": member_id}))
        return next((customer for customer in found if customer.member_id == member_id), None)

    async def _registered(self, call: Call, phone: Phone) -> tuple[Customer | None, ...]:
        """The dashed form first, then the digits: the mall says nowhere which it takes. None stands for a record without an id."""
        return await self._customers(call, {"cellphone": phone.dashed}) or await self._customers(
            call, {"cellphone": phone.digits}
        )

    async def _members(self, call: Call, phone: Phone) -> tuple[MemberId | None, ...]:
        return tuple(each.member_id if each is not None else None for each in await self._registered(call, phone))

    async def _customers(self, call: Call, params: Mapping[str, str]) -> tuple[Customer | None, ...]:
        try:
            body = await self._client.get(call, self._org, "/customers", params=params)
        except ShopFailure as failure:
            if failure.code == "CAFE24_NOT_FOUND":
                return ()
            raise
        return self._mapped(lambda: tuple(mapping.customer(row) for row in mapping.rows(body, "customers")))

    def _with_ids(self, found: tuple[Customer | None, ...]) -> tuple[Customer, ...]:
        named = tuple(customer for customer in found if customer is not None)
        if len(named) != len(found):
            raise ShopFailure("CUSTOMER_MEMBER_ID_MISSING")
        return named

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
        found = await self._read_order(call, order_id)
        return buyer_is(found.buyer if found is not None else None, name, phone)

    async def receivers(self, call: Call, order: Order) -> tuple[Receiver, ...]:
        body = await self._client.get(call, self._org, f"{ORDER}/receivers", order_id=order.order_id)
        return self._mapped(lambda: tuple(mapping.receiver(row) for row in mapping.rows(body, "receivers")))

    async def change_receiver(self, call: Call, order: Order, receiver: Receiver) -> None:
        try:
            await self._client.write(
                call,
                self._org,
                "PUT",
                f"{ORDER}/receivers/{{shipping_code}}",
                {"request": mapping.receiver_request(receiver)},
                order_id=order.order_id,
                shipping_code=receiver.shipping_code,
            )
        finally:
            self._shared.forget(str(self._org), "order", order.order_id)

    async def ticket_board(self, call: Call) -> int:
        board_no = await self._client.board_no(self._org)
        if board_no is None:
            raise ShopFailure("CONFIG_ERROR", detail={"setting": "board_no"})
        return board_no

    async def tickets(self, call: Call, board_no: int, *, containing: str) -> tuple[Ticket, ...]:
        body = await self._on_board(
            board_no,
            self._client.get(
                call,
                self._org,
                ARTICLES,
                params={"search": "content", "keyword": containing, "limit": str(MAX_ARTICLES)},
                board_no=str(board_no),
            ),
        )
        found = self._mapped(lambda: [mapping.ticket(row) for row in mapping.rows(body, "articles")])
        return tuple(ticket for ticket in found if ticket is not None and containing in ticket.content)

    async def file_ticket(self, call: Call, board_no: int, draft: TicketDraft) -> Ticket:
        requests = {"requests": [mapping.ticket_request(draft)]}
        body = await self._on_board(
            board_no, self._client.write(call, self._org, "POST", ARTICLES, requests, board_no=str(board_no))
        )
        try:
            made = mapping.ticket(mapping.rows(body, "articles")[0])
        except (Malformed, IndexError) as error:
            made, why = None, str(error)
        else:
            why = "an answer"
        if made is None or made.board_no != board_no:
            raise ShopFailure("CAFE24_ERROR", detail={"shape": why}, unknown=True)
        return made

    async def _on_board(self, board_no: int, asked: Awaitable[object]) -> object:
        try:
            return await asked
        except ShopFailure as failure:
            if failure.code != "CAFE24_NOT_FOUND":
                raise
            raise ShopFailure("CONFIG_ERROR", detail={"setting": "board_no", "board_no": board_no}) from None

    # What the shop sells and says of itself

    async def product(self, call: Call, product_no: int) -> Product:
        async def ask() -> Product:
            url = await self._client.product_url(self._org, product_no)
            params = {"embed": "variants,inventories"}
            body = await self._client.get(
                call, self._org, "/products/{product_no}", params=params, product_no=str(product_no)
            )
            found = self._mapped(lambda: catalogue.product(mapping.root(body, "product"), url=url))
            if found.product_no != product_no:
                raise ShopFailure("CAFE24_ERROR", detail={"shape": "another product"})
            return found

        return await self._in_conversation(call, ("product", str(product_no)), ask, fresh=call.effect is not None)

    async def products(self, call: Call, names: Sequence[str], *, limit: int = 20) -> tuple[Product, ...]:
        sought = tuple(value for name in names if (value := one_value(name)))

        async def ask() -> tuple[Product, ...]:
            params = {"product_name": ",".join(sought), "display": "T", "limit": str(limit)}
            body = await self._client.get(call, self._org, "/products", params=params)
            found = self._mapped(lambda: [catalogue.product(row, url=None) for row in mapping.rows(body, "products")])
            return tuple(
                each for each in found if each.display and any(catalogue.names(each.name, name) for name in sought)
            )

        if not sought:
            return ()
        return await self._in_conversation(call, ("products", str(limit), *sought), ask, fresh=False)

    async def suppliers(
        self, call: Call, *, name: str | None = None, limit: int = 20, offset: int = 0
    ) -> tuple[Supplier, ...]:
        params = {"limit": str(limit), "offset": str(offset)}
        if name is not None and (sought := one_value(name)):
            params["supplier_name"] = sought
        body = await self._client.get(call, self._org, "/suppliers", params=params)
        found = self._mapped(lambda: [catalogue.supplier(row) for row in mapping.rows(body, "suppliers")])
        return tuple(each for each in found if name is None or catalogue.names(each.name, name))

    async def supplier(self, call: Call, supplier_code: str) -> Supplier:
        body = await self._client.get(call, self._org, "/suppliers/{supplier_code}", supplier_code=supplier_code)
        found = self._mapped(lambda: catalogue.supplier(mapping.root(body, "supplier")))
        if found.supplier_code != supplier_code:
            raise ShopFailure("CAFE24_ERROR", detail={"shape": "another supplier"})
        return found

    async def surcharges(self, call: Call) -> Surcharges | None:
        async def ask() -> Surcharges | None:
            body = await self._client.get(call, self._org, "/regionalsurcharges")
            return self._mapped(lambda: catalogue.surcharges(mapping.root(body, "regionalsurcharge")))

        return await self._shared.get((str(self._org), "surcharges"), TERMS_SECONDS, ask)

    async def boards(self, call: Call) -> tuple[Board, ...]:
        body = await self._client.get(call, self._org, "/boards")
        found = self._mapped(lambda: [catalogue.board(row) for row in mapping.rows(body, "boards")])
        return tuple(sorted(found, key=lambda board: (board.position, board.board_no)))

    async def articles(self, call: Call, query: ArticleQuery) -> ArticlePage:
        """A window longer than the mall takes is read in two: what the newer part holds is then counted first."""
        board_no = query.board_no if query.board_no is not None else await self._client.board_no(self._org)
        if board_no is None:
            raise ShopFailure("CONFIG_ERROR", detail={"setting": "board_no"})
        *newer, oldest = years(query.window) if query.window is not None else [None]
        rows: list[mapping.Fields] = []
        for part in newer:
            rows += await self._first_articles(call, board_no, replace(query, window=part), query.offset + query.limit)
        page, skip = rows[query.offset :], max(0, query.offset - len(rows))
        if len(page) < query.limit:
            rest = replace(query, window=oldest, offset=skip, limit=query.limit - len(page))
            page += await self._articles(call, board_no, rest)
        ends = query.offset + query.limit
        return ArticlePage(
            articles=self._mapped(lambda: tuple(_fitting(page[: query.limit], board_no, query))),
            next_offset=ends if len(page) >= query.limit and ends <= FURTHEST_OFFSET else None,
        )

    async def _first_articles(self, call: Call, board_no: int, query: ArticleQuery, most: int) -> list[mapping.Fields]:
        rows: list[mapping.Fields] = []
        for offset in range(0, min(most, FURTHEST_OFFSET + 1), ARTICLES_PAGE):
            page = await self._articles(call, board_no, replace(query, offset=offset, limit=ARTICLES_PAGE))
            rows += page
            if len(page) < ARTICLES_PAGE:
                break
        return rows

    async def _articles(self, call: Call, board_no: int, query: ArticleQuery) -> list[mapping.Fields]:
        params = {"limit": str(query.limit), "offset": str(query.offset)}
        if query.window is not None:
            params |= {"start_date": query.window.start.isoformat(), "end_date": query.window.end.isoformat()}
        if query.search is not None:
            params |= {"search": query.search[0], "keyword": query.search[1]}
        if query.reply_status is not None:
            params["reply_status"] = query.reply_status
        if query.article_nos:
            params["article_no"] = ",".join(map(str, query.article_nos))
        if query.product_no is not None:
            params["product_no"] = str(query.product_no)
        body = await self._client.get(
            call, self._org, "/boards/{board_no}/articles", params=params, board_no=str(board_no)
        )
        return self._mapped(lambda: mapping.rows(body, "articles"))

    async def _read_order(self, call: Call, order_id: OrderId, *, fresh: bool = False) -> Order | None:
        """None when the mall has no such order: an answer like every other, and kept like it."""

        async def ask() -> Order | None:
            try:
                body = await self._client.get(call, self._org, ORDER, params={"embed": EMBED}, order_id=order_id)
            except ShopFailure as failure:
                if failure.code != "CAFE24_NOT_FOUND":
                    raise
                return None
            found = self._mapped(lambda: mapping.order(mapping.root(body, "order")))
            if found.order_id != order_id:
                raise ShopFailure("CAFE24_ERROR", detail={"shape": "another order"})
            return found

        return await self._in_conversation(call, ("order", order_id), ask, fresh=fresh)

    async def _members_of(self, call: Call, asker: Asker, *, fresh: bool) -> tuple[MemberId | None, ...]:
        """Whoever is registered with the asker's phone."""
        if not isinstance(asker, VerifiedPhone):
            return ()

        async def ask() -> tuple[MemberId | None, ...]:
            try:
                return await self._members(call, asker.phone)
            except ShopFailure as failure:
                if failure.code == "SCOPE_ERROR":
                    return ()  # without leave to ask who the members are, nothing is proved
                raise

        return await self._in_conversation(call, ("members", asker.phone.digits), ask, fresh=fresh)

    async def _in_conversation(
        self, call: Call, question: tuple[str, ...], ask: Callable[[], Awaitable[T]], *, fresh: bool
    ) -> T:
        """Kept for some seconds for this conversation; a call without one shares with nobody."""
        if fresh:
            return await ask()
        key = (str(self._org), str(call.caller.session or call.id), *question)
        return await self._shared.get(key, SHARED_SECONDS, ask)

    def _mapped(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except Malformed as error:
            raise ShopFailure("CAFE24_ERROR", detail={"shape": str(error)}) from None


def sole_member(members: Sequence[MemberId | None], *, needed: bool) -> MemberId | None:
    """The one member registered with a phone. With `needed` raises ShopFailure when there is none, or more than one."""
    if needed and not members:
        raise ShopFailure("CUSTOMER_NOT_FOUND")
    if needed and len(members) > 1:
        raise ShopFailure("CUSTOMER_AMBIGUOUS", detail={"count": len(members)})
    if needed and members[0] is None:
        raise ShopFailure("CUSTOMER_MEMBER_ID_MISSING")
    return members[0] if len(members) == 1 else None


async def together(questions: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """The answers in order. The first failure ends the other questions and is the failure of all."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(question) for question in questions]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def split(window: Window) -> list[Window]:
    """Parts of at most 89 days, newest first: a call may span three months."""
    parts: list[Window] = []
    end = window.end
    while end >= window.start:
        start = max(window.start, end - timedelta(days=WINDOW_DAYS - 1))
        parts.append(Window(start, end))
        end = start - timedelta(days=1)
    return parts


def years(window: Window) -> list[Window]:
    """Parts of at most 364 days, newest first; the newest is the short one."""
    parts: list[Window] = []
    start = window.start
    while start <= window.end:
        end = min(window.end, start + timedelta(days=YEAR_DAYS - 1))
        parts.append(Window(start, end))
        start = end + timedelta(days=1)
    return parts[::-1]


def one_value(text: str) -> str:
    """The mall reads a comma as "or": the longest part without one."""
    return max((part.strip() for part in text.split(",")), key=len)


def _fitting(rows: Iterable[mapping.Fields], board_no: int, query: ArticleQuery) -> Iterator[Article]:
    for row in rows:
        found = catalogue.article(row)
        if found.board_no == board_no and catalogue.was_asked_for(row, found, query):
            yield found
