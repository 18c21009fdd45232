"""The shop, as tools see it. Identity is in the interface: no method reads an order without saying who asks.

What goes wrong is a `ShopFailure` with a code of tools.md §2; whether the order is the asker's is judged here, where the order is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Protocol

from sangdam.core.ids import MemberId, OrderId
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


@dataclass(frozen=True)
class VerifiedPhone:
    """The shopper holds this phone."""

    phone: Phone


@dataclass(frozen=True)
class ClaimedOrder:
    """The shopper named this order's number, name and phone."""

    order_id: OrderId


@dataclass(frozen=True)
class SignedMember:
    """The shop's own page vouched for this member."""

    member_id: MemberId


@dataclass(frozen=True)
class Staff:
    """A member of the organisation, with a reason that is audited."""

    reason: str


Asker = VerifiedPhone | ClaimedOrder | SignedMember | Staff


class ShopFailure(Exception):
    """The shop did not do it, or with `unknown` did not say whether it did. `detail` is for operators."""

    def __init__(
        self, code: str, *, retryable: bool = False, detail: Mapping[str, Any] | None = None, unknown: bool = False
    ) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable
        self.unknown = unknown
        """A change was sent and its end is not known; never true of a read."""
        self.detail: Mapping[str, Any] = detail or {}


@dataclass(frozen=True)
class Window:
    """Whole days in Seoul, both ends included."""

    start: date
    end: date


@dataclass(frozen=True)
class OrderQuery:
    window: Window
    member_only: bool = False
    """Only orders of the one member who is registered with the asker's phone."""


ArticleField = Literal["subject", "content", "writer_name", "product", "member_id"]
ReplyStatus = Literal["N", "P", "C"]
FURTHEST_OFFSET = 8000


@dataclass(frozen=True)
class ArticleQuery:
    board_no: int | None = None
    """None: the board the shop was connected with."""
    window: Window | None = None
    search: tuple[ArticleField, str] | None = None
    """Which field contains what; a member id is meant whole."""
    reply_status: ReplyStatus | None = None
    article_nos: tuple[int, ...] = ()
    product_no: int | None = None
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True)
class ArticlePage:
    articles: tuple[Article, ...]
    next_offset: int | None
    """None at the end, and where the mall counts no further."""


class Shop(Protocol):
    """Every method takes the call it works for: its deadline bounds the wait, its record takes the requests made."""

    async def order(self, call: Call, asker: Asker, order_id: OrderId, *, fresh: bool = False) -> Order:
        """Raises ShopFailure: CAFE24_NOT_FOUND, ORDER_NOT_OWNED, or the shop's state.

        `fresh`: as it stands now, for a decision to write; otherwise an answer may be some seconds old. A missing order and somebody
        else's take the same questions to the mall.
        """
        ...

    async def orders(
        self,
        call: Call,
        asker: VerifiedPhone | SignedMember | Staff,
        query: OrderQuery,
        *,
        member_id: MemberId | None = None,
    ) -> tuple[Order, ...]:
        """The asker's orders in the window, newest first; `member_id` narrows to that member's, and staff must name one.

        With `member_only` a phone raises CUSTOMER_NOT_FOUND or CUSTOMER_AMBIGUOUS.
        """
        ...

    async def shipments(self, call: Call, asker: Asker, order_id: OrderId) -> tuple[Order, tuple[Shipment, ...]]:
        """The order and its parcels, registered ones included. Raises as `order` does."""
        ...

    async def carriers(self, call: Call) -> tuple[Carrier, ...]: ...

    async def customers(self, call: Call, phone: Phone) -> tuple[Customer, ...]:
        """Members registered with the phone, none to several. Raises ShopFailure CUSTOMER_MEMBER_ID_MISSING."""
        ...

    async def customer(self, call: Call, member_id: MemberId) -> Customer | None:
        """None when there is no such member."""
        ...

    async def shipping_terms(self, call: Call) -> ShippingTerms: ...

    async def buyer_matches(self, call: Call, order_id: OrderId, name: str, phone: Phone) -> bool:
        """Whether the number, the name and the phone are one order's. An unknown number is False like a wrong name."""
        ...

    # What the shop sells and says of itself

    async def product(self, call: Call, product_no: int) -> Product:
        """With its variants, also a hidden one: who may learn of it is for the caller to judge. Raises CAFE24_NOT_FOUND."""
        ...

    async def products(self, call: Call, names: Sequence[str], *, limit: int = 20) -> tuple[Product, ...]:
        """Products the shop shows whose name contains one of these, spaces and case aside; newest first, without variants."""
        ...

    async def suppliers(
        self, call: Call, *, name: str | None = None, limit: int = 20, offset: int = 0
    ) -> tuple[Supplier, ...]:
        """All, or those whose name contains this."""
        ...

    async def supplier(self, call: Call, supplier_code: str) -> Supplier:
        """Raises CAFE24_NOT_FOUND."""
        ...

    async def surcharges(self, call: Call) -> Surcharges | None:
        """What far places cost more; None where nothing is charged, or not by one amount."""
        ...

    async def boards(self, call: Call) -> tuple[Board, ...]:
        """In the order the shop shows them."""
        ...

    async def articles(self, call: Call, query: ArticleQuery) -> ArticlePage:
        """What fits every part of the query, newest first; what does not is left out, so that a page may be short.

        Raises CONFIG_ERROR without a board, CAFE24_NOT_FOUND for one the mall does not have.
        """
        ...

    # Changes. Whoever holds an `Order` was judged when it was read. A change may end in a ShopFailure with `unknown`.

    async def receivers(self, call: Call, order: Order) -> tuple[Receiver, ...]:
        """As they stand now."""
        ...

    async def change_receiver(self, call: Call, order: Order, receiver: Receiver) -> None:
        """Every field of the receiver with this shipping code becomes as given. What the mall made of it is for `receivers` to say."""
        ...

    async def ticket_board(self, call: Call) -> int:
        """The board on which requests for the shop's staff are filed. Raises ShopFailure CONFIG_ERROR when none is set up."""
        ...

    async def tickets(self, call: Call, board_no: int, *, containing: str) -> tuple[Ticket, ...]:
        """Questions, no answers, whose content holds the words. Raises ShopFailure CONFIG_ERROR for a board that is not there."""
        ...

    async def file_ticket(self, call: Call, board_no: int, draft: TicketDraft) -> Ticket:
        """Raises ShopFailure CONFIG_ERROR for a board that is not there."""
        ...
