"""A shop in memory: the stand-in beside the real ones, with the same answers and the same failures."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from sangdam.commerce.ownership import buyer_is, owns
from sangdam.commerce.shop import (
    FURTHEST_OFFSET,
    ArticleField,
    ArticlePage,
    ArticleQuery,
    Asker,
    OrderQuery,
    ShopFailure,
    SignedMember,
    Staff,
    VerifiedPhone,
)
from sangdam.commerce.statuses import ADDRESS_CHANGEABLE
from sangdam.core.clock import kst_date
from sangdam.core.ids import MemberId, OrderId
from sangdam.core.phone import Phone
from sangdam.core.shop import (
    Article,
    Board,
    Carrier,
    Customer,
    Fee,
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

TERMS = ShippingTerms("택배", "전국", None, None, Fee("other"), None)


@dataclass
class MemoryShop:
    orders_known: list[Order] = field(default_factory=list[Order])
    parcels: dict[OrderId, tuple[Shipment, ...]] = field(default_factory=dict[OrderId, tuple[Shipment, ...]])
    members: list[tuple[Phone, Customer]] = field(default_factory=list[tuple[Phone, Customer]])
    carriers_known: tuple[Carrier, ...] = ()
    terms: ShippingTerms = TERMS
    products_known: list[Product] = field(default_factory=list[Product])
    """Oldest first."""
    suppliers_known: tuple[Supplier, ...] = ()
    surcharges_known: Surcharges | None = None
    boards_known: tuple[Board, ...] = ()
    board_no: int | None = 9
    articles_known: list[Article] = field(default_factory=list[Article])
    filed: list[Ticket] = field(default_factory=list[Ticket])
    failing: dict[str, ShopFailure] = field(default_factory=dict[str, ShopFailure])
    """Method name → what it fails with."""

    async def order(self, call: Call, asker: Asker, order_id: OrderId, *, fresh: bool = False) -> Order:
        self._maybe_fail("order")
        found = next((order for order in self.orders_known if order.order_id == order_id), None)
        if found is None:
            raise ShopFailure("CAFE24_NOT_FOUND")
        if not owns(asker, found, self._members_of(asker)):
            raise ShopFailure("ORDER_NOT_OWNED")
        return found

    async def orders(
        self,
        call: Call,
        asker: VerifiedPhone | SignedMember | Staff,
        query: OrderQuery,
        *,
        member_id: MemberId | None = None,
    ) -> tuple[Order, ...]:
        self._maybe_fail("orders")
        members = self._members_of(asker)
        if query.member_only and isinstance(asker, VerifiedPhone):
            if not members:
                raise ShopFailure("CUSTOMER_NOT_FOUND")
            if len(members) > 1:
                raise ShopFailure("CUSTOMER_AMBIGUOUS", detail={"count": len(members)})
        if isinstance(asker, Staff) and member_id is None:
            return ()
        found = [
            order
            for order in self.orders_known
            if query.window.start <= kst_date(order.ordered_at) <= query.window.end
            and owns(asker, order, members)
            and (member_id is None or order.member_id == member_id)
            and (not query.member_only or not isinstance(asker, VerifiedPhone) or order.member_id in members)
        ]
        return tuple(sorted(found, key=lambda order: (order.ordered_at, order.order_id), reverse=True))

    async def shipments(self, call: Call, asker: Asker, order_id: OrderId) -> tuple[Order, tuple[Shipment, ...]]:
        found = await self.order(call, asker, order_id)
        self._maybe_fail("shipments")
        return found, self.parcels.get(order_id, ())

    async def carriers(self, call: Call) -> tuple[Carrier, ...]:
        self._maybe_fail("carriers")
        return self.carriers_known

    async def customers(self, call: Call, phone: Phone) -> tuple[Customer, ...]:
        self._maybe_fail("customers")
        return tuple(customer for number, customer in self.members if number == phone)

    async def customer(self, call: Call, member_id: MemberId) -> Customer | None:
        self._maybe_fail("customer")
        return next((customer for _, customer in self.members if customer.member_id == member_id), None)

    async def shipping_terms(self, call: Call) -> ShippingTerms:
        self._maybe_fail("shipping_terms")
        return self.terms

    async def buyer_matches(self, call: Call, order_id: OrderId, name: str, phone: Phone) -> bool:
        self._maybe_fail("buyer_matches")
        found = next((order for order in self.orders_known if order.order_id == order_id), None)
        return buyer_is(found.buyer if found is not None else None, name, phone)

    # What the shop sells and says of itself

    async def product(self, call: Call, product_no: int) -> Product:
        self._maybe_fail("product")
        found = next((product for product in self.products_known if product.product_no == product_no), None)
        if found is None:
            raise ShopFailure("CAFE24_NOT_FOUND")
        return found

    async def products(self, call: Call, names: Sequence[str], *, limit: int = 20) -> tuple[Product, ...]:
        self._maybe_fail("products")
        found = [
            replace(product, variants=(), options=(), url=None)
            for product in reversed(self.products_known)
            if product.display and any(_holds(product.name, name) for name in names if name.strip())
        ]
        return tuple(found[:limit])

    async def suppliers(
        self, call: Call, *, name: str | None = None, limit: int = 20, offset: int = 0
    ) -> tuple[Supplier, ...]:
        self._maybe_fail("suppliers")
        found = [supplier for supplier in self.suppliers_known if name is None or _holds(supplier.name, name)]
        return tuple(found[offset : offset + limit])

    async def supplier(self, call: Call, supplier_code: str) -> Supplier:
        self._maybe_fail("supplier")
        found = next((each for each in self.suppliers_known if each.supplier_code == supplier_code), None)
        if found is None:
            raise ShopFailure("CAFE24_NOT_FOUND")
        return found

    async def surcharges(self, call: Call) -> Surcharges | None:
        self._maybe_fail("surcharges")
        return self.surcharges_known

    async def boards(self, call: Call) -> tuple[Board, ...]:
        self._maybe_fail("boards")
        return tuple(sorted(self.boards_known, key=lambda board: (board.position, board.board_no)))

    async def articles(self, call: Call, query: ArticleQuery) -> ArticlePage:
        self._maybe_fail("articles")
        board_no = query.board_no if query.board_no is not None else self.board_no
        if board_no is None:
            raise ShopFailure("CONFIG_ERROR", detail={"setting": "board_no"})
        if all(board.board_no != board_no for board in self.boards_known):
            raise ShopFailure("CAFE24_NOT_FOUND")
        found = [each for each in self.articles_known if each.board_no == board_no and self._was_asked_for(each, query)]
        found.sort(key=lambda each: (each.created_at, each.article_no), reverse=True)
        ends = query.offset + query.limit
        page = tuple(found[query.offset : ends])
        return ArticlePage(page, ends if len(page) == query.limit and ends <= FURTHEST_OFFSET else None)

    def _was_asked_for(self, article: Article, query: ArticleQuery) -> bool:
        window = query.window
        return (
            (window is None or window.start <= kst_date(article.created_at) <= window.end)
            and (not query.article_nos or article.article_no in query.article_nos)
            and query.reply_status in (None, article.reply_status)
            and query.product_no in (None, article.product_no)
            and (query.search is None or self._found_in(article, *query.search))
        )

    def _found_in(self, article: Article, where: ArticleField, sought: str) -> bool:
        match where:
            case "subject":
                return _holds(article.title, sought)
            case "content":
                return _holds(article.text, sought)
            case "writer_name":
                return _holds(article.writer, sought)
            case "member_id":
                return (article.member_id or "").casefold() == sought.casefold()
            case "product":
                return any(
                    _holds(product.name, sought)
                    for product in self.products_known
                    if product.product_no == article.product_no
                )
            case _:
                assert_never(where)

    async def receivers(self, call: Call, order: Order) -> tuple[Receiver, ...]:
        self._maybe_fail("receivers")
        return self._standing(order).receivers

    async def change_receiver(self, call: Call, order: Order, receiver: Receiver) -> None:
        self._maybe_fail("change_receiver")
        standing = self._standing(order)
        codes = [each.status_code for each in standing.items if each.shipping_code == receiver.shipping_code]
        if not set(codes) <= ADDRESS_CHANGEABLE:
            raise ShopFailure("CAFE24_REJECTED", detail={"status": 422})
        if receiver.shipping_code not in {each.shipping_code for each in standing.receivers}:
            raise ShopFailure("CAFE24_NOT_FOUND")
        changed = tuple(
            receiver if each.shipping_code == receiver.shipping_code else each for each in standing.receivers
        )
        self.orders_known[self.orders_known.index(standing)] = replace(standing, receivers=changed)

    async def ticket_board(self, call: Call) -> int:
        self._maybe_fail("ticket_board")
        if self.board_no is None:
            raise ShopFailure("CONFIG_ERROR", detail={"setting": "board_no"})
        return self.board_no

    async def tickets(self, call: Call, board_no: int, *, containing: str) -> tuple[Ticket, ...]:
        self._maybe_fail("tickets")
        self._board(board_no)
        return tuple(ticket for ticket in self.filed if containing in ticket.content)

    async def file_ticket(self, call: Call, board_no: int, draft: TicketDraft) -> Ticket:
        self._maybe_fail("file_ticket")
        self._board(board_no)
        number = 3001 + len(self.filed)
        made = Ticket(board_no, number, call.clock.now(), draft.title, draft.content, draft.order_id, open=True)
        self.filed.append(made)
        return made

    def _board(self, board_no: int) -> None:
        if board_no != self.board_no:
            raise ShopFailure("CONFIG_ERROR", detail={"setting": "board_no", "board_no": board_no})

    def _standing(self, order: Order) -> Order:
        found = next((each for each in self.orders_known if each.order_id == order.order_id), None)
        if found is None:
            raise ShopFailure("CAFE24_NOT_FOUND")
        return found

    def _members_of(self, asker: Asker) -> Sequence[MemberId]:
        return (
            tuple(customer.member_id for number, customer in self.members if number == asker.phone)
            if isinstance(asker, VerifiedPhone)
            else ()
        )

    def _maybe_fail(self, method: str) -> None:
        if method in self.failing:
            raise self.failing[method]


def _holds(text: str, sought: str) -> bool:
    return "".join(sought.split()).casefold() in "".join(text.split()).casefold()
