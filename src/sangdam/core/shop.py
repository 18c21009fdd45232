"""The shop's vocabulary: frozen values that commerce fills, tools return and flows read. No mall's own shapes reach beyond commerce."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sangdam.core.ids import MemberId, OrderId
from sangdam.core.phone import Phone


class StatusClass(StrEnum):
    """Where an item stands, least advanced first; claims after."""

    AWAITING_PAYMENT = "awaiting_payment"
    PREPARING = "preparing"
    READY_TO_SHIP = "ready_to_ship"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    CONFIRMED = "confirmed"
    CANCEL = "cancel"
    RETURN = "return"
    EXCHANGE = "exchange"
    OTHER = "other"


CLAIM_CLASSES = frozenset({StatusClass.CANCEL, StatusClass.RETURN, StatusClass.EXCHANGE})


class OrderPlace(StrEnum):
    """Where the checkout happened. A mall order merely paid by 네이버페이 is `mall`."""

    MALL = "mall"
    NAVERPAY_ORDER = "naverpay_order"
    KAKAO = "kakao"
    MARKET = "market"


@dataclass(frozen=True)
class Claim:
    kind: StatusClass
    code: str | None
    status_text: str


@dataclass(frozen=True)
class Item:
    order_item_code: str
    product_no: int
    variant_code: str
    name: str
    option: str
    quantity: int
    price: Decimal
    status_code: str
    status_class: StatusClass
    status_text: str
    claim: Claim | None = None
    shipping_code: str | None = None
    thumbnail: str | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    expected_ship_date: date | None = None


@dataclass(frozen=True)
class Place:
    zipcode: str
    address1: str
    address2: str


@dataclass(frozen=True)
class Receiver:
    shipping_code: str
    name: str
    cellphone: str
    phone: str
    place: Place
    message: str


@dataclass(frozen=True)
class Buyer:
    name: str
    cellphone: Phone | None
    phone: Phone | None
    member_id: MemberId | None
    email: str | None = None

    def has_phone(self, phone: Phone) -> bool:
        return phone in (self.cellphone, self.phone)


@dataclass(frozen=True)
class Amounts:
    """KRW."""

    products: Decimal
    shipping: Decimal
    discount: Decimal
    paid: Decimal
    due: Decimal
    currency: str = "KRW"


@dataclass(frozen=True)
class Order:
    order_id: OrderId
    ordered_at: datetime
    member_id: MemberId | None
    buyer: Buyer
    paid: str
    """`yes`, `no` or `partial`."""
    payment_methods: tuple[str, ...]
    amounts: Amounts
    items: tuple[Item, ...]
    receivers: tuple[Receiver, ...]
    place: OrderPlace = OrderPlace.MALL
    payment_deadline: datetime | None = None
    auto_cancels: bool = False

    @property
    def status_class(self) -> StatusClass:
        """The least advanced class among unclaimed items; the claim's own where every item is claimed."""
        open_items = [
            item
            for item in self.items
            if item.status_class not in CLAIM_CLASSES and item.status_class is not StatusClass.OTHER
        ]
        ranks = list(StatusClass)
        return min((item.status_class for item in open_items or self.items), key=ranks.index, default=StatusClass.OTHER)

    @property
    def mixed(self) -> bool:
        return len({item.status_class for item in self.items}) > 1

    @property
    def status_text(self) -> str:
        """The mall's own name of the state that `status_class` stands for."""
        return next((item.status_text for item in self.items if item.status_class is self.status_class), "")


@dataclass(frozen=True)
class Shipment:
    shipping_code: str
    carrier_code: str | None
    tracking_no: str | None
    status_class: StatusClass
    status_text: str
    order_item_codes: tuple[str, ...]
    registered_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True)
class Carrier:
    code: str
    name: str
    tracking_url: str | None
    """A prefix that the tracking number is put behind; https only."""


@dataclass(frozen=True)
class Customer:
    member_id: MemberId
    group_no: int | None
    since: date | None


@dataclass(frozen=True)
class Fee:
    kind: str
    """`free`, `fixed`, `free_over` or `other`."""
    amount: Decimal | None = None
    free_over: Decimal | None = None


@dataclass(frozen=True)
class ShippingTerms:
    method_text: str
    area_text: str
    days_min: int | None
    days_max: int | None
    fee: Fee
    prepaid: bool | None
    return_address: str | None = None
    """Where goods are sent back to, without its detail."""


@dataclass(frozen=True)
class Surcharges:
    """What shipping costs more, KRW."""

    jeju: Decimal
    remote: Decimal
    """To islands and mountains."""


class SoldOut(StrEnum):
    """Of a product: what can be bought of the options that the shop shows."""

    YES = "yes"
    NO = "no"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProductOption:
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Variant:
    """One combination of options; a product without options has one."""

    variant_code: str
    option: str
    """`화이트 / M`, empty without options."""
    selling: bool
    display: bool
    quantity: int | None
    """None: stock is not counted, so that there is always some. May be negative where the shop sells on."""
    sold_out: bool

    @property
    def available(self) -> bool:
        """Can be bought now, if its product is sold."""
        return self.display and self.selling and not self.sold_out


@dataclass(frozen=True)
class Product:
    product_no: int
    name: str
    price: Decimal
    retail_price: Decimal | None
    currency: str
    selling: bool
    display: bool
    """False: the shop does not show it; no shopper may learn of it."""
    sold_out: SoldOut
    variants: tuple[Variant, ...]
    """Empty in a list of products."""
    options: tuple[ProductOption, ...]
    thumbnail: str | None
    url: str | None
    summary: str
    """Plain text of 200 characters at most."""
    release_date: date | None
    made_in: str | None
    """A country in Korean."""
    supplier_code: str | None
    """None: the shop itself."""

    def variant(self, code: str) -> Variant | None:
        return next((variant for variant in self.variants if variant.variant_code == code), None)


@dataclass(frozen=True)
class Supplier:
    """Who stands behind a product. Nothing of people, banks and contracts."""

    supplier_code: str
    name: str
    active: bool
    ships_directly: bool


@dataclass(frozen=True)
class Board:
    board_no: int
    name: str
    kind: int
    """The mall's own numbers: 5 is about products, 7 one to one."""
    in_use: bool
    secret_only: bool
    position: int


@dataclass(frozen=True)
class Article:
    """What somebody wrote on a board, an answer included."""

    board_no: int
    article_no: int
    parent_article_no: int | None
    title: str
    text: str
    """Plain, at most the beginning of a long one."""
    created_at: datetime
    writer: str
    member_id: MemberId | None
    reply_status: str | None
    """`N` not answered, `P` being answered, `C` answered; None for an answer itself."""
    secret: bool
    order_id: OrderId | None
    product_no: int | None


@dataclass(frozen=True)
class TicketDraft:
    """What is filed on the mall's board for its staff; the board shows it to nobody else but its member."""

    writer: str
    title: str
    content: str
    """HTML."""
    client_ip: str
    order_id: OrderId | None = None
    member_id: MemberId | None = None


@dataclass(frozen=True)
class Ticket:
    """A draft as the mall's board holds it."""

    board_no: int
    article_no: int
    created_at: datetime
    title: str
    content: str
    """HTML."""
    order_id: OrderId | None
    open: bool
    """Neither answered nor deleted."""
