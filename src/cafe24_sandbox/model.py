"""The records of one mall and the names of their states.

These are the mall's truth; `render` shows them as the Admin API does. Money is whole won, booleans are bool, moments are aware.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

STATUS_NAMES: dict[str, str] = {
    "N00": "입금전",
    "N01": "교환접수 - 교환상품",
    "N02": "입금전 - 카드결제대기",
    "N03": "교환접수 - 카드결제대기",
    "N10": "상품준비중",
    "N20": "배송준비중",
    "N21": "배송대기",
    "N22": "배송보류",
    "N30": "배송중",
    "N40": "배송완료",
    "N50": "구매확정",
    "C00": "취소신청",
    "C10": "취소접수 - 관리자",
    "C11": "취소접수거부 - 관리자",
    "C34": "취소처리중 - 환불전",
    "C35": "취소처리중 - 환불완료",
    "C36": "취소처리중 - 환불보류",
    "C40": "취소완료",
    "C41": "취소완료 - 환불전",
    "C42": "취소완료 - 환불요청중",
    "C43": "취소완료 - 환불보류",
    "C47": "입금전취소 - 구매자",
    "C48": "입금전취소 - 자동취소",
    "C49": "입금전취소 - 관리자",
    "R00": "반품신청",
    "R10": "반품접수",
    "R11": "반품 접수 거부",
    "R12": "반품보류",
    "R13": "반품접수 - 수거완료(자동)",
    "R20": "반품 수거 완료",
    "R30": "반품처리중 - 수거전",
    "R31": "반품처리중 - 수거완료",
    "R34": "반품처리중 - 환불전",
    "R36": "반품처리중 - 환불보류",
    "R40": "반품완료 - 환불완료",
    "R41": "반품완료 - 환불전",
    "R42": "반품완료 - 환불요청중",
    "R43": "반품완료 - 환불보류",
    "E00": "교환신청",
    "E10": "교환접수",
    "E11": "교환접수거부",
    "E12": "교환보류",
    "E13": "교환접수 - 수거완료(자동)",
    "E20": "교환준비",
    "E30": "교환처리중 - 수거전",
    "E31": "교환처리중 - 수거완료",
    "E32": "교환처리중 - 입금전",
    "E33": "교환처리중 - 입금완료",
    "E34": "교환처리중 - 환불전",
    "E35": "교환처리중 - 환불완료",
    "E36": "교환처리중 - 환불보류",
    "E40": "교환완료",
}

UNPAID = frozenset({"N00", "N02", "C47", "C48", "C49"})
MOVABLE_ADDRESS = frozenset({"N00", "N10", "N20", "N22"})

ClaimKind: TypeAlias = Literal["cancellation", "return", "exchange"]


@dataclass(slots=True)
class Variant:
    code: str
    options: tuple[tuple[str, str], ...]
    quantity: int
    custom_code: str = ""
    use_inventory: bool = True
    deduct_at: Literal["A", "B"] = "B"  # A when ordered, B when paid
    display_soldout: bool = True
    safety: int = 0
    display: bool = True
    selling: bool = True
    extra: int = 0
    supply_price: int = 0
    order: int = 1

    @property
    def sold_out(self) -> bool:
        return self.use_inventory and self.display_soldout and self.quantity <= 0

    @property
    def label(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.options)


@dataclass(slots=True)
class Product:
    no: int
    code: str
    name: str
    eng_name: str
    custom_code: str
    price: int
    retail_price: int
    supply_price: int
    supplier_code: str
    category_no: int
    summary: str
    description: str
    material: str
    options: tuple[tuple[str, tuple[str, ...]], ...]
    variants: list[Variant]
    created: datetime
    updated: datetime
    display: bool = True
    selling: bool = True
    hits: int = 0
    release_date: str = ""
    soldout_message: str = ""
    tags: tuple[str, ...] = ()

    @property
    def sold_out(self) -> bool:
        return all(v.sold_out for v in self.variants)


@dataclass(slots=True)
class Address:
    zipcode: str
    address1: str
    address2: str

    @property
    def full(self) -> str:
        return f"{self.address1} {self.address2}".strip()


@dataclass(slots=True)
class Customer:
    member_id: str
    name: str
    cellphone: str
    phone: str
    email: str
    address: Address
    created: datetime
    last_login: datetime
    group_no: int = 1
    points: int = 0
    used_points: int = 0
    gender: str = "F"
    sms: bool = True
    blacklist: str = ""


@dataclass(slots=True)
class Buyer:
    name: str
    email: str
    phone: str
    cellphone: str
    address: Address
    updated: datetime
    notification: str = ""


@dataclass(slots=True)
class Receiver:
    shipping_code: str
    name: str
    phone: str
    cellphone: str
    address: Address
    message: str = ""
    virtual_phone: str | None = None
    wished_date: str = ""
    clearance_type: str | None = None
    clearance: str | None = None


@dataclass(slots=True)
class Item:
    no: int
    code: str
    product_no: int
    product_code: str
    variant_code: str
    name: str
    option_value: str
    price: int
    option_price: int
    quantity: int
    status: str
    shipping_code: str
    supplier_code: str
    supplier_name: str
    ordered: datetime
    custom_code: str = ""
    custom_variant_code: str = ""
    before_claim: str | None = None
    before_hold: str | None = None
    tracking_no: str = ""
    company_code: str = ""
    carrier_id: int | None = None
    claim_code: str | None = None
    claim_reason_type: str | None = None
    claim_reason: str | None = None
    claim_quantity: int = 0
    request_undone: str | None = None
    status_note: str | None = None
    shipped: datetime | None = None
    delivered: datetime | None = None
    confirmed: datetime | None = None
    placed: datetime | None = None
    cancelled: datetime | None = None
    cancel_requested: datetime | None = None
    cancel_accepted: datetime | None = None
    return_requested: datetime | None = None
    return_accepted: datetime | None = None
    return_collected: datetime | None = None
    returned: datetime | None = None
    exchange_requested: datetime | None = None
    exchange_accepted: datetime | None = None
    exchanged: datetime | None = None
    refunded: datetime | None = None
    expected_ship: str | None = None
    original_items: list[int] = field(default_factory=list[int])
    bundle: bool = False
    bundle_no: int = 0
    bundle_name: str | None = None
    invoices: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    @property
    def amount(self) -> int:
        return (self.price + self.option_price) * self.quantity


@dataclass(slots=True)
class Shipment:
    code: str
    tracking_no: str
    company_code: str
    carrier_id: int | None
    registered: datetime


@dataclass(slots=True)
class Memo:
    no: int
    created: datetime
    author: str
    content: str
    inquiry: bool = False
    attach: str = "O"
    starred: bool = False
    fixed: bool = False


@dataclass(slots=True)
class ItemChange:
    item_code: str
    at: datetime
    before: str
    after: str
    by: str


@dataclass(slots=True)
class ReceiverChange:
    at: datetime
    before: Receiver
    by: str


@dataclass(slots=True)
class Claim:
    code: str
    kind: ClaimKind
    order_id: str
    status: str
    items: list[tuple[str, int]]
    created: datetime
    reason_type: str | None = None
    reason: str = ""
    undone: bool = False
    undone_reason_type: str | None = None
    undone_reason: str | None = None
    pickup_completed: bool = False
    request_pickup: bool = False
    pickup: dict[str, object] | None = None
    invoice_no: str | None = None
    refund_methods: list[str] = field(default_factory=list[str])
    refund_bank: tuple[str, str, str] = ("", "", "")
    refunded: datetime | None = None
    gateway_cancelled: bool = False
    exchanged_items: list[str] = field(default_factory=list[str])
    exchange_variants: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class Order:
    id: str
    at: datetime
    member_id: str
    buyer: Buyer
    items: list[Item]
    receivers: list[Receiver]
    place_id: str
    place_name: str
    payment_methods: list[str]
    payment_names: list[str]
    shipping_fee: int
    paid_at: datetime | None
    market_id: str = "self"
    market_order_no: str | None = None
    easypay: str = ""
    naverpay: str | None = None
    discount: int = 0
    points_spent: int = 0
    mobile: bool = False
    first_order: bool = False
    payment_due: datetime | None = None
    multiple_addresses: bool = False
    auto_paid: bool = True
    cancelled_at: datetime | None = None
    show_address: bool = True
    shipments: dict[str, Shipment] = field(default_factory=dict[str, Shipment])
    claims: list[Claim] = field(default_factory=list[Claim])
    memos: list[Memo] = field(default_factory=list[Memo])
    item_changes: list[ItemChange] = field(default_factory=list[ItemChange])
    receiver_changes: list[ReceiverChange] = field(default_factory=list[ReceiverChange])

    @property
    def price(self) -> int:
        return sum(i.amount for i in self.items if i.status not in {"N01", "N03"})

    @property
    def total(self) -> int:
        return self.price + self.shipping_fee - self.discount - self.points_spent

    def item(self, code: str) -> Item | None:
        return next((i for i in self.items if i.code == code), None)

    def receiver(self, shipping_code: str) -> Receiver | None:
        return next((r for r in self.receivers if r.shipping_code == shipping_code), None)


@dataclass(slots=True)
class Carrier:
    id: int
    code: str
    name: str
    track_url: str
    contact: str
    default: bool = False
    email: str = "ops@example.com"


@dataclass(slots=True)
class Supplier:
    code: str
    name: str
    trading_type: str = "D"
    supplier_type: str = "WS"
    status: str = "A"
    item: str = "의류"
    president: str = ""
    phone: str = "02-0000-7777"
    zipcode: str = "04524"
    address1: str = "서울특별시 중구 세종대로 110"


@dataclass(slots=True)
class Board:
    no: int
    type: int
    name: str
    order: int
    secret_only: bool = False
    use: bool = True
    reply: bool = True
    comment: bool = True


@dataclass(slots=True)
class Article:
    no: int
    board_no: int
    created: datetime
    writer: str
    title: str
    content: str
    client_ip: str
    parent_no: int | None = None
    depth: int = 0
    sequence: int = 1
    writer_email: str | None = None
    member_id: str | None = None
    nick_name: str | None = None
    product_no: int | None = None
    category_no: int | None = None
    board_category_no: int | None = None
    order_id: str | None = None
    rating: int = 0
    sales_channel: str | None = None
    reply_mail: str = "N"
    display: bool = True
    secret: bool = False
    notice: bool = False
    fixed: bool = False
    deleted: str = "F"
    channel: str = "P"
    reply: bool = False
    reply_user: str | None = None
    reply_status: str | None = "N"
    hit: int = 0
    files: list[dict[str, object]] = field(default_factory=list[dict[str, object]])


@dataclass(slots=True)
class Comment:
    no: int
    board_no: int
    article_no: int
    content: str
    writer: str
    created: datetime
    client_ip: str = "127.0.0.1"
    member_id: str | None = None
    rating: int = 0
    secret: bool = False
    parent_no: int | None = None
    channel: str = "P"


@dataclass(slots=True)
class Urgent:
    no: int
    kind: str
    title: str
    writer: str
    member_id: str
    created: datetime
    content: str
    phone: str
    search_type: str
    keyword: str
    status: str = "F"
    reply: str | None = None
    replied: datetime | None = None
    reply_user: str = ""


@dataclass(slots=True)
class CustomerMemo:
    no: int
    member_id: str
    author: str
    memo: str
    important: bool
    created: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something a webhook tells: the catalogue's number and the resource object."""

    number: int
    resource: dict[str, object]


@dataclass(slots=True)
class Settings:
    """What a merchant can set and what the reference leaves open, as switches."""

    shop_name: str = "달빛샵"
    answer_marks_parent: bool = True
    address_open_in: frozenset[str] = MOVABLE_ADDRESS
    use_product_prepare: bool = True
    shipping_fee_type: str = "M"
    shipping_fee: int = 3000
    free_from: int = 50000
    jeju_surcharge: int = 3000
    remote_surcharge: int = 5000
    reception: bool = True


@dataclass(slots=True)
class Mall:
    """Everything one mall holds; changed only by `mall` and the seed."""

    id: str
    settings: Settings = field(default_factory=Settings)
    products: dict[int, Product] = field(default_factory=dict[int, Product])
    variants: dict[str, tuple[Product, Variant]] = field(default_factory=dict[str, tuple[Product, Variant]])
    customers: dict[str, Customer] = field(default_factory=dict[str, Customer])
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    claims: dict[str, Claim] = field(default_factory=dict[str, Claim])
    carriers: dict[int, Carrier] = field(default_factory=dict[int, Carrier])
    suppliers: dict[str, Supplier] = field(default_factory=dict[str, Supplier])
    boards: dict[int, Board] = field(default_factory=dict[int, Board])
    articles: dict[int, dict[int, Article]] = field(default_factory=dict[int, dict[int, Article]])
    comments: dict[int, Comment] = field(default_factory=dict[int, Comment])
    urgents: dict[int, Urgent] = field(default_factory=dict[int, Urgent])
    customer_memos: dict[int, CustomerMemo] = field(default_factory=dict[int, CustomerMemo])
    serials: dict[str, int] = field(default_factory=dict[str, int])
    events: list[Event] = field(default_factory=list[Event])
    installed: bool = True
    webhook_log: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def serial(self, name: str, first: int = 1) -> int:
        """The next number of a named counter."""
        number = self.serials.get(name, first - 1) + 1
        self.serials[name] = number
        return number

    def carrier_by_code(self, code: str) -> Carrier | None:
        return next((c for c in self.carriers.values() if c.code == code), None)
