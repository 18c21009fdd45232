"""How one seeded order is built: its lines, parcels, dates and claims, all following from the status each line is to have.

Seeding writes records directly, so it leaves no webhook events and takes no stock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cafe24_sandbox.cast import CJ
from cafe24_sandbox.mall import CLAIM_STATES, stamp
from cafe24_sandbox.model import (
    UNPAID,
    Address,
    Buyer,
    Claim,
    ClaimKind,
    Customer,
    Item,
    ItemChange,
    Mall,
    Order,
    Product,
    Receiver,
    Shipment,
    Variant,
)
from cafe24_sandbox.times import at_kst

PAYMENTS: dict[str, tuple[str, str, str]] = {
    "card": ("card", "신용카드", ""),
    "transfer": ("tcash", "실시간 계좌이체", ""),
    "bank": ("cash", "무통장입금", ""),
    "naverpay": ("card", "네이버페이", "네이버페이"),
    "kakaopay": ("card", "카카오페이", "카카오페이"),
    "tosspay": ("card", "토스페이", "토스페이"),
}
PLACES: dict[str, tuple[str, str]] = {
    "cafe24": ("PC쇼핑몰", "self"),
    "mobile": ("모바일웹", "self"),
    "NCHECKOUT": ("네이버 페이", "NCHECKOUT"),
    "kakao": ("카카오톡 주문", "kakao"),
    "coupang": ("쿠팡", "coupang"),
    "shopn": ("스마트스토어", "shopn"),
}
SHIPPED = frozenset({"N30", "N40", "N50"})
CLAIM_LETTERS: dict[str, ClaimKind] = {"C": "cancellation", "R": "return", "E": "exchange"}
WITHOUT_CLAIM_CODE = frozenset({"C00", "C11", "R00", "R11", "E00", "E11", "C47", "C48"})
FINISHED_WORDS: dict[ClaimKind, tuple[str, str, str]] = {
    "cancellation": ("accepted", "canceling", "canceled"),
    "return": ("accepted", "processing", "returned"),
    "exchange": ("accepted", "accepted", "exchanged"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One product line: option values joined by `/`, and which receiver and parcel it goes with."""

    product_no: int
    choice: str
    status: str
    quantity: int = 1
    receiver: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """Who orders; `member_id` is empty for a guest."""

    name: str
    phone: str
    member_id: str
    email: str
    address: Address


@dataclass(frozen=True, slots=True)
class Draft:
    order_id: str
    at: datetime
    person: Person
    lines: tuple[Line, ...]
    payment: str = "card"
    place: str = "cafe24"
    carrier: str = CJ
    receivers: tuple[tuple[str, str, Address, str], ...] = ()
    first: bool = False
    discount: int = 0
    tracked: bool = True
    reason: tuple[str, str] = ("A", "단순 변심")


def variant_of(product: Product, choice: str) -> Variant:
    """The option written as `화이트/M`; a product without options has the empty choice."""
    for variant in product.variants:
        if "/".join(value for _, value in variant.options) == choice:
            return variant
    raise KeyError(f"{product.name}: {choice}")


def shipped_at(at: datetime) -> datetime:
    """Orders before four in the afternoon leave the same evening, later ones the next morning."""
    day = at.date()
    return at_kst(day, 18, 20) if at.hour < 16 else at_kst(day + timedelta(days=1), 10, 30)


def delivered_at(at: datetime) -> datetime:
    return at_kst(shipped_at(at).date() + timedelta(days=1), 13, 40)


def put_order(mall: Mall, draft: Draft) -> Order:
    """Build the order and store it."""
    person, at = draft.person, draft.at
    method, method_name, easypay = PAYMENTS[draft.payment]
    place_name, market = PLACES[draft.place]
    paid = not any(line.status in UNPAID for line in draft.lines)
    receivers = draft.receivers or ((person.name, person.phone, person.address, "문 앞에 놓아 주세요"),)
    order = Order(
        id=draft.order_id,
        at=at,
        member_id=person.member_id,
        buyer=Buyer(person.name, person.email, "", person.phone, person.address, at),
        items=[],
        receivers=[
            Receiver(f"D-{draft.order_id}-{n:02d}", name, "", phone, own_address(address), message)
            for n, (name, phone, address, message) in enumerate(receivers)
        ],
        place_id=draft.place,
        place_name=place_name,
        payment_methods=[method],
        payment_names=[method_name],
        shipping_fee=0,
        paid_at=at + timedelta(minutes=2, seconds=26) if paid else None,
        market_id=market,
        market_order_no=None if market == "self" else f"M{draft.order_id[:8]}{draft.order_id[-5:]}",
        easypay=easypay,
        naverpay="P" if draft.place == "NCHECKOUT" else None,
        discount=draft.discount,
        mobile=draft.place == "mobile",
        first_order=draft.first,
        multiple_addresses=len({r[2].full for r in receivers}) > 1,
        payment_due=at_kst(at.date() + timedelta(days=3), 23, 59, 59) if method == "cash" else None,
    )
    for number, line in enumerate(draft.lines, 1):
        put_item(mall, order, draft, line, number)
    order.shipping_fee = 0 if order.price >= mall.settings.free_from else mall.settings.shipping_fee
    if draft.tracked:
        put_shipments(mall, order, draft.carrier)
    put_claims(mall, order, draft)
    mall.orders[order.id] = order
    return order


def own_address(address: Address) -> Address:
    return Address(address.zipcode, address.address1, address.address2)


def put_item(mall: Mall, order: Order, draft: Draft, line: Line, number: int) -> None:
    product = mall.products[line.product_no]
    variant = variant_of(product, line.choice)
    supplier = mall.suppliers[product.supplier_code]
    letter, at = line.status[0], draft.at
    physical = line.status if letter == "N" else {"C": "N10", "R": "N40", "E": "N40"}[letter]
    if line.status in {"C47", "C48", "C49"}:
        physical = "N00"
    item = Item(
        no=mall.serial("item", 9001),
        code=f"{order.id}-{number:02d}",
        product_no=product.no,
        product_code=product.code,
        variant_code=variant.code,
        name=product.name,
        option_value=variant.label,
        price=product.price,
        option_price=variant.extra,
        quantity=line.quantity,
        status=line.status,
        shipping_code=order.receivers[line.receiver].shipping_code,
        supplier_code=supplier.code,
        supplier_name=supplier.name,
        ordered=at,
        custom_code=product.custom_code,
        custom_variant_code=variant.custom_code,
        before_claim=None if letter == "N" else physical,
        before_hold="N20" if line.status == "N22" else None,
    )
    if physical in {"N20", "N21", "N22", *SHIPPED}:
        item.placed = at + timedelta(hours=1)
    if physical in SHIPPED:
        item.shipped = shipped_at(at)
    if physical in {"N40", "N50"}:
        item.delivered = delivered_at(at)
    if physical == "N50":
        item.confirmed = delivered_at(at) + timedelta(days=8)
    order.items.append(item)
    trail = [("N00", "N10", order.paid_at), ("N10", "N20", item.placed), ("N20", "N30", item.shipped)]
    order.item_changes.extend(
        ItemChange(item.code, when, before, after, "") for before, after, when in trail if when is not None
    )


def put_shipments(mall: Mall, order: Order, company: str) -> None:
    """One parcel for each shipping code whose goods have left or wait for the carrier."""
    carrier = mall.carrier_by_code(company)
    for receiver in order.receivers:
        items = [
            i
            for i in order.items
            if i.shipping_code == receiver.shipping_code and (i.shipped is not None or i.status == "N21")
        ]
        if not items:
            continue
        registered = items[0].shipped or items[0].placed or order.at
        number = f"{690000000000 + mall.serial('tracking', 100012)}"
        shipment = Shipment(receiver.shipping_code, number, company, carrier.id if carrier else None, registered)
        order.shipments[shipment.code] = shipment
        for item in items:
            item.tracking_no, item.company_code, item.carrier_id = number, company, shipment.carrier_id


def put_claims(mall: Mall, order: Order, draft: Draft) -> None:
    for item in list(order.items):
        kind = CLAIM_LETTERS.get(item.status[0])
        if kind is None:
            continue
        asked = (item.delivered + timedelta(days=1, hours=2)) if item.delivered else order.at + timedelta(hours=5)
        item.claim_quantity = item.quantity
        item.claim_reason_type, item.claim_reason = draft.reason
        if item.status in {"C47", "C48", "C49"}:
            item.cancelled = order.cancelled_at = asked
            item.claim_reason_type = item.claim_reason = None
        else:
            stamp(item, kind, "requested", asked)
        if item.status[1:] == "11":
            item.request_undone = {"cancellation": "Cancellation", "return": "Return", "exchange": "Exchange"}[kind]
        if item.status not in WITHOUT_CLAIM_CODE:
            put_claim(mall, order, item, kind, asked + timedelta(hours=3))


def put_claim(mall: Mall, order: Order, item: Item, kind: ClaimKind, at: datetime) -> None:
    tens = item.status[1]
    word = FINISHED_WORDS[kind][0 if tens in "12" else 1 if tens == "3" else 2]
    letter = "B" if kind == "exchange" else "C"
    day = f"{at:%Y%m%d}"
    claim = Claim(
        f"{letter}{day}-{mall.serial(f'claim-{letter}-{day}'):07d}",
        kind,
        order.id,
        word,
        [(item.code, item.quantity)],
        at,
        reason_type=item.claim_reason_type,
        reason=item.claim_reason or "",
        refund_methods=list(order.payment_methods),
        pickup_completed=item.status in {"R13", "R20", "R31", "E13", "E31"} or word == "returned",
        request_pickup=kind != "cancellation",
    )
    item.claim_code = claim.code
    stamp(item, kind, "accepted", at)
    if claim.pickup_completed:
        item.return_collected = at + timedelta(days=2)
    if word in {"canceled", "returned", "exchanged"} and word in CLAIM_STATES[kind]:
        stamp(item, kind, "done", at + timedelta(days=3))
    if item.status in {"C35", "C40", "R40"}:
        claim.refunded = item.refunded = at + timedelta(days=3, hours=1)
        claim.gateway_cancelled = order.payment_methods == ["card"]
    if item.status in {"C40", "C41", "C42", "C43"} and len(order.items) == 1:
        order.cancelled_at = at
    order.claims.append(claim)
    mall.claims[claim.code] = claim
    if kind == "exchange" and item.status != "E12":
        line = exchange_line(mall, order, item, at)
        order.items.append(line)
        claim.exchanged_items.append(line.code)


def exchange_line(mall: Mall, order: Order, item: Item, at: datetime) -> Item:
    """The new line an accepted exchange adds."""
    return Item(
        no=mall.serial("item", 9001),
        code=f"{order.id}-{len(order.items) + 1:02d}",
        product_no=item.product_no,
        product_code=item.product_code,
        variant_code=item.variant_code,
        name=item.name,
        option_value=item.option_value,
        price=item.price,
        option_price=item.option_price,
        quantity=item.quantity,
        status="N20" if item.status == "E40" else "N03" if item.status == "E32" else "N01",
        shipping_code=item.shipping_code,
        supplier_code=item.supplier_code,
        supplier_name=item.supplier_name,
        ordered=at,
        custom_code=item.custom_code,
        custom_variant_code=item.custom_variant_code,
        original_items=[item.no],
    )


def person_of(customer: Customer) -> Person:
    return Person(customer.name, customer.cellphone, customer.member_id, customer.email, customer.address)
