"""Results of tools as typed values: what commerce and conversations put in, what flows and replies read (tools.md §4, the *out* lines).

They cross storage (a turn that is taken over reads them back), so they are Pydantic models that refuse unknown fields.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sangdam.core.shop import OrderPlace, SoldOut, StatusClass


class Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClaimFacts(Facts):
    type: StatusClass
    code: str | None = None
    status_text: str


class Withdrawal(Facts):
    state: Literal["not_started", "within", "over", "unknown"]
    last_day: date | None = None


class OrderLine(Facts):
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
    claim: ClaimFacts | None = None
    delivered_at: datetime | None = None
    withdrawal: Withdrawal
    thumbnail: str | None = None


class ReceiverFacts(Facts):
    shipping_code: str
    name_masked: str
    phone_masked: str
    address_masked: str
    """시/도 + 시/군/구 and `***`."""


class Changeable(Facts):
    allowed: bool
    blocking_items: tuple[str, ...] = ()
    """Order item codes that forbid it."""


class AmountFacts(Facts):
    products: Decimal
    shipping: Decimal
    discount: Decimal
    paid: Decimal
    currency: str


class PaymentDue(Facts):
    amount: Decimal
    deadline: datetime | None = None
    auto_cancels: bool = False


class OrderFacts(Facts):
    order_id: str
    ordered_at: datetime
    paid: Literal["yes", "no", "partial"]
    payment_methods: tuple[str, ...]
    amounts: AmountFacts
    status_class: StatusClass
    status_text: str
    mixed: bool
    items: tuple[OrderLine, ...]
    receivers: tuple[ReceiverFacts, ...]
    address_changeable: Changeable
    cancellable: Changeable
    delivered_at: datetime | None = None
    withdrawal: Withdrawal
    payment_due: PaymentDue | None = None
    ordered_at_place: OrderPlace


class LookupOrderOut(Facts):
    order: OrderFacts


class FirstItem(Facts):
    name: str
    option: str
    quantity: int
    thumbnail: str | None = None


class OrderSummary(Facts):
    order_id: str
    ordered_at: datetime
    first_item: FirstItem
    item_names: tuple[str, ...]
    """All item names, so that "어제 산 셔츠" can be matched whatever stands first."""
    item_count: int
    paid_amount: Decimal
    status_class: StatusClass
    status_text: str


class Window(Facts):
    start: date
    end: date


class ListOrdersOut(Facts):
    orders: tuple[OrderSummary, ...]
    total: int
    page: int
    has_more: bool
    window: Window


class ShippedItem(Facts):
    name: str
    option: str
    quantity: int


class UnshippedItem(Facts):
    name: str
    option: str
    quantity: int
    status_class: StatusClass
    status_text: str
    expected_ship_date: date | None = None


class ShipmentFacts(Facts):
    shipping_code: str
    carrier_name: str | None
    """None while the mall's carrier list does not know the code: said as 택배사 확인 중."""
    tracking_no: str | None
    tracking_url: str | None = None
    status_class: StatusClass
    status_text: str
    registered_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    items: tuple[ShippedItem, ...]


class TrackShipmentOut(Facts):
    order_id: str
    ordered_at: datetime
    title: str
    """`린넨 셔츠 외 1건`."""
    summary: Literal["awaiting_payment", "not_shipped", "held", "partial", "in_transit", "delivered", "canceled"]
    status_text: str
    shipments: tuple[ShipmentFacts, ...]
    unshipped_items: tuple[UnshippedItem, ...]
    usual_days: tuple[int, int] | None = None
    """The shop's own delivery period from its shipping settings, where it answered."""


class CustomerMatch(Facts):
    member_id_masked: str
    member_ref: str
    """Opaque, 15 minutes."""
    group_no: int | None = None
    since: date | None = None


class FindCustomerOut(Facts):
    matches: int
    customers: tuple[CustomerMatch, ...]


class SendOtpOut(Facts):
    otp_ref: str
    destination_masked: str
    expires_at: datetime
    resend_at: datetime
    sends_left: int


class VerifyOtpOut(Facts):
    verified: Literal[True] = True
    purposes: tuple[str, ...]
    phone_masked: str
    expires_at: datetime
    grant_id: str
    customer_verification_token: str | None = None
    """Only for callers that are not the agent; shown once."""


class VerifyOrdererOut(Facts):
    matched: Literal[True] = True
    order_id: str
    expires_at: datetime
    grant_id: str
    customer_verification_token: str | None = None


class CreateHandoffOut(Facts):
    item_id: str
    position: int
    """1 = next."""
    open_now: bool
    expected_by: datetime | None = None
    """When a person will answer; outside business hours the next opening."""
    existing: bool = False


class PlannedNotice(Facts):
    """A message whose moment is known: that a product is expected. That it is back is told whenever it comes back."""

    at: datetime
    kind: Literal["date"] = "date"
    lead_day: int
    """Days before the expected one."""


Trigger = Literal["status_change", "inventory_gt", "restock_at"]


class SubscribeRestockOut(Facts):
    subscription_id: str
    product_name: str
    option_label: str | None = None
    phone_masked: str
    trigger_type: Trigger
    planned: tuple[PlannedNotice, ...]
    valid_until: date
    existing: bool = False
    """Was waiting already; nothing was changed."""


class LastNotice(Facts):
    """What became of the latest message of a subscription."""

    status: Literal["sent", "unknown", "failed", "dead", "suppressed"]
    at: datetime


class SubscriptionFacts(Facts):
    n: int
    subscription_id: str
    product_name: str
    option_label: str | None = None
    trigger_type: Trigger
    restock_at: date | None = None
    status: Literal["active", "paused"]
    created_at: datetime
    last_notified_at: datetime | None = None
    last_notice: LastNotice | None = None


class ListRestockOut(Facts):
    subscriptions: tuple[SubscriptionFacts, ...]
    """Oldest first."""


class CancelRestockOut(Facts):
    canceled: tuple[str, ...]
    too_late: int
    """Messages that were being sent already."""


# What the shop sells and says of itself


class BoardFacts(Facts):
    board_no: int
    board_name: str
    board_type: int
    use_board: bool
    secret_only: bool


class ListBoardsOut(Facts):
    boards: tuple[BoardFacts, ...]


class ArticleFacts(Facts):
    article_no: int
    parent_article_no: int | None = None
    title: str
    excerpt: str
    created_at: datetime
    writer_masked: str
    member_id_masked: str | None = None
    reply_status: Literal["N", "P", "C"] | None = None
    """Not answered, being answered, answered; None for an answer."""
    secret: bool
    order_id: str | None = None


class ListBoardArticlesOut(Facts):
    articles: tuple[ArticleFacts, ...]
    """What did not fit the question is left out, so that a page may hold fewer than asked for."""
    next_offset: int | None = None


class OptionFacts(Facts):
    name: str
    values: tuple[str, ...]


class VariantFacts(Facts):
    variant_code: str
    option: str
    display: bool
    selling: bool
    quantity: int | None = None
    """None: not counted, or not for the asker."""
    sold_out: bool
    stock_text: str


class ProductFacts(Facts):
    product_no: int
    name: str
    price: Decimal
    retail_price: Decimal | None = None
    currency: str
    selling: bool
    display: bool
    sold_out: SoldOut
    stock_text: str
    """Of the option that was asked for, else of the product."""
    options: tuple[OptionFacts, ...]
    variants: tuple[VariantFacts, ...]
    thumbnail: str | None = None
    url: str | None = None
    summary: str
    release_date: date | None = None
    made_in: str | None = None
    supplier_name: str | None = None
    """Only where the policy exposes it."""


class ReadProductOut(Facts):
    product: ProductFacts


class SupplierFacts(Facts):
    supplier_code: str
    supplier_name: str
    active: bool
    ships_directly: bool


class ReadSupplyOut(Facts):
    suppliers: tuple[SupplierFacts, ...]


class Days(Facts):
    min: int | None = None
    max: int | None = None


class FeeFacts(Facts):
    type: Literal["free", "fixed", "free_over", "other"]
    amount: Decimal | None = None
    free_over: Decimal | None = None
    text: str


class ReadShippingOut(Facts):
    method_text: str
    area_text: str
    period: Days
    fee: FeeFacts
    jeju_remote_text: str | None = None
    return_address_masked: str | None = None
    prepaid: bool | None = None
    """None: as the shopper chooses."""


class ProductCandidate(Facts):
    product_no: int
    variant_code: str | None = None
    name: str
    price: Decimal
    sold_out: SoldOut
    thumbnail: str | None = None
    score: float
    match: Literal["alias_exact", "alias_contains", "name"]


class ResolveProductOut(Facts):
    candidates: tuple[ProductCandidate, ...]
    """Best first, five at most."""
    decisive: bool
    """The first is meant and no other."""


class AddressHit(Facts):
    n: int
    """From 1, counted over all pages."""
    zipcode: str
    road_address: str
    jibun_address: str
    building: str | None = None
    address_ref: str
    """Proves for thirty minutes, in this conversation, that this postcode and road address came from here."""


class SearchAddressOut(Facts):
    hits: tuple[AddressHit, ...]
    total: int
    too_many: bool
    """More detail is needed: a list of these helps nobody."""
    detail_rest: str
    """The part of the keyword that looks like 동, 층 or 호."""


AddressNote = Literal["jeju", "island"]
"""Delivery there may cost more; whether it does, the shop says."""


class ReceiverMasked(Facts):
    zipcode: str
    address_masked: str
    name_masked: str
    phone_masked: str


class UpdateAddressOut(Facts):
    changed: bool
    """False: the order said so already, nothing was written."""
    verified: Literal[True] = True
    """The shop's own record was read and says so."""
    before_masked: ReceiverMasked | None
    """None when the answer to the change was lost, and what became of it was found out later."""
    after_masked: ReceiverMasked
    at: datetime
    notes: tuple[AddressNote, ...] = ()


class CreateTicketOut(Facts):
    ticket_id: str
    """`<board>/<article>`."""
    receipt_no: str
    """`<board>-<article>`, to be quoted."""
    created_at: datetime
    existing: bool
    """The same was asked for in this conversation within a day; nothing new was filed."""
    expected_reply_by: datetime | None = None
    """None while nobody has said when the shop is open."""
