"""What may happen in a mall and what follows from it: payment, shipping, claims, stock, posts.

No I/O and no JSON bodies; a move the mall does not allow raises `Refused`. Webhook events are appended to `Mall.events` for the sender to take.
"""

from collections.abc import Callable, Iterable
from copy import copy
from datetime import date, datetime

from cafe24_sandbox.model import (
    UNPAID,
    Article,
    Claim,
    ClaimKind,
    Comment,
    Event,
    Item,
    ItemChange,
    Mall,
    Order,
    Product,
    Receiver,
    ReceiverChange,
    Shipment,
    Variant,
)
from cafe24_sandbox.times import iso, spaced
from cafe24_sandbox.wire import WRONG_STATE, Refused, flag, money

ORDER_RECEIVED, SHIPPING_CHANGED, PAYMENT_CHANGED = 90023, 90024, 90025
CANCEL_CHANGED, RETURN_CHANGED, EXCHANGE_CHANGED, REFUND_CHANGED = 90026, 90027, 90028, 90029
RECEIVER_CHANGED, ARTICLE_CREATED, URGENT_RECEIVED = 90064, 90033, 90035
VARIANT_SOLD_OUT, PRODUCT_SOLD_OUT, APP_DELETED = 90075, 90150, 90077
COMMENT_ADDED, PRODUCT_UPDATED, MEMO_ADDED = 90034, 90002, 90066

SHIPPABLE = frozenset({"N10", "N20", "N21", "N22"})
CANCELLABLE = frozenset({"N00", "N02", "N10", "N20", "N21", "N22", "C00", "C10", "C34", "C36"})
RETURNABLE = frozenset({"N30", "N40", "N50", "R00", "R10", "R12", "R13", "R20", "R30", "R31", "R34", "R36"})
EXCHANGEABLE = frozenset(
    {"N30", "N40", "N50", "E00", "E10", "E12", "E13", "E20", "E30", "E31", "E32", "E33", "E34", "E35", "E36"}
)


# -- orders as a whole ------------------------------------------------------------------------------------------------


def shipping_state(order: Order) -> str:
    """F before, M in transit, T delivered, W on hold: the order's own summary of its unclaimed items."""
    open_items = {i.status for i in order.items if i.status[0] == "N"} or {i.before_claim or "N00" for i in order.items}
    if "N22" in open_items:
        return "W"
    if "N30" in open_items:
        return "M"
    if open_items <= {"N40", "N50"}:
        return "T"
    return "F"


def cancelled_state(order: Order) -> str:
    gone = [i.status.startswith("C") and i.status not in {"C00", "C11"} for i in order.items]
    if all(gone):
        return "T"
    return "M" if any(gone) else "F"


def order_event(mall: Mall, order: Order, number: int) -> None:
    """Queue a webhook about an order, with the fields such a webhook carries."""
    resource: dict[str, object] = {
        "mall_id": mall.id,
        "event_shop_no": "1",
        "order_id": order.id,
        "currency": "KRW",
        "order_date": spaced(order.at),
        "order_place_name": order.place_name,
        "member_id": order.member_id,
        "buyer_name": order.buyer.name,
        "buyer_email": order.buyer.email,
        "buyer_phone": order.buyer.phone,
        "buyer_cellphone": order.buyer.cellphone,
        "paid": flag(order.paid_at is not None),
        "payment_date": spaced(order.paid_at) or "",
        "payment_method": ",".join(order.payment_methods),
        "order_price_amount": money(order.price),
        "actual_payment_amount": money(order.total),
        "shipping_fee": money(order.shipping_fee),
        "shipping_type": "01",
        "shipping_status": shipping_state(order),
        "shipping_message": order.receivers[0].message if order.receivers else "",
        "order_place_id": order.place_id,
        "ordering_product_code": ",".join(i.product_code for i in order.items),
        "ordering_product_name": ",".join(i.name for i in order.items),
        "included_deferpay_order": "F",
        "deferpay_order_id": "",
        "withdraw": "F",
    }
    if number in {CANCEL_CHANGED, RETURN_CHANGED, EXCHANGE_CHANGED, REFUND_CHANGED, SHIPPING_CHANGED}:
        resource["cancel_date"] = spaced(order.cancelled_at) or ""
    if number in {REFUND_CHANGED, SHIPPING_CHANGED}:
        resource["return_confirmed_date"] = next((spaced(i.returned) for i in order.items if i.returned), "")
    if number == RETURN_CHANGED:
        claimed = next((i for i in order.items if i.claim_reason_type), None)
        resource["claim_reason_type"] = claimed.claim_reason_type if claimed else ""
        resource["claim_reason"] = claimed.claim_reason if claimed else ""
        resource["claim_reason_type_text"] = ""
    if number == PAYMENT_CHANGED and order.receivers:
        receiver = order.receivers[0]
        resource |= {
            "receiver_name": receiver.name,
            "receiver_phone": receiver.phone,
            "receiver_cellphone": receiver.cellphone,
            "receiver_zipcode": receiver.address.zipcode,
            "receiver_address_full": receiver.address.full,
        }
    mall.events.append(Event(number, resource))


def move(order: Order, item: Item, status: str, now: datetime, by: str) -> None:
    """Change one item's status and keep the trail."""
    order.item_changes.append(ItemChange(item.code, now, item.status, status, by))
    item.status = status


def chosen(order: Order, codes: Iterable[str] | None) -> list[Item]:
    """The named items, or all that are not claimed; 404 for a code the order does not have."""
    if codes is None:
        return [i for i in order.items if i.status[0] == "N"]
    items: list[Item] = []
    for code in codes:
        item = order.item(code)
        if item is None:
            raise Refused(404, "Order item not found.")
        items.append(item)
    return items


def require(items: list[Item], allowed: frozenset[str]) -> None:
    if not items or any(i.status not in allowed for i in items):
        raise Refused(422, WRONG_STATE)


def pay(mall: Mall, order: Order, now: datetime, by: str = "") -> None:
    """N00/N02 -> N10, or N20 where the mall skips product preparation."""
    items = [i for i in order.items if i.status in {"N00", "N02"}]
    require(items, frozenset({"N00", "N02"}))
    order.paid_at = now
    for item in items:
        move(order, item, "N10" if mall.settings.use_product_prepare else "N20", now, by)
        if item.status == "N20":
            item.placed = now
        take_stock(mall, item, "B", now)
    order_event(mall, order, PAYMENT_CHANGED)


def prepare(mall: Mall, order: Order, status: str, codes: Iterable[str] | None, now: datetime, by: str) -> None:
    """`prepareproduct` and `prepare`: paid items to N10 or N20."""
    items = chosen(order, codes)
    require(items, frozenset({"N10", "N20"}) if status == "N20" else frozenset({"N10", "N20", "N21"}))
    for item in items:
        if item.status == status:
            continue
        move(order, item, status, now, by)
        item.placed = now if status == "N20" else None
    order_event(mall, order, SHIPPING_CHANGED)


def hold(mall: Mall, order: Order, codes: Iterable[str] | None, now: datetime, by: str) -> None:
    items = chosen(order, codes)
    require(items, frozenset({"N10", "N20", "N21"}))
    for item in items:
        item.before_hold = item.status
        move(order, item, "N22", now, by)
    order_event(mall, order, SHIPPING_CHANGED)


def unhold(mall: Mall, order: Order, codes: Iterable[str] | None, now: datetime, by: str) -> None:
    items = chosen(order, codes) if codes is not None else [i for i in order.items if i.status == "N22"]
    require(items, frozenset({"N22"}))
    for item in items:
        move(order, item, item.before_hold or "N20", now, by)
        item.before_hold = None
    order_event(mall, order, SHIPPING_CHANGED)


def confirm(mall: Mall, order: Order, codes: Iterable[str] | None, undo: bool, now: datetime, by: str) -> None:
    """N40 <-> N50."""
    start, goal = ("N50", "N40") if undo else ("N40", "N50")
    items = chosen(order, codes)
    require(items, frozenset({start}))
    for item in items:
        move(order, item, goal, now, by)
        item.confirmed = None if undo else now
    order_event(mall, order, SHIPPING_CHANGED)


# -- shipping ---------------------------------------------------------------------------------------------------------


def ship(
    mall: Mall,
    order: Order,
    *,
    tracking_no: str,
    company_code: str,
    status: str,
    codes: Iterable[str] | None,
    carrier_id: int | None,
    now: datetime,
    by: str,
    known_carrier: bool = True,
) -> Shipment:
    """Register a tracking number: items to N21 (`standby`) or N30 (`shipping`). Some items of a parcel get a further shipping code."""
    carrier = mall.carrier_by_code(company_code)
    if carrier is None and known_carrier:
        raise Refused(422, "[shipping_company_code] is not a carrier of this mall.")
    items = chosen(order, codes) if codes is not None else [i for i in order.items if i.status in SHIPPABLE]
    require(items, SHIPPABLE)
    codes_of_items = {i.shipping_code for i in items}
    if len(codes_of_items) != 1:
        raise Refused(422, "Items of different delivery addresses can not be shipped together.")
    shipping_code = codes_of_items.pop()
    rest = [i for i in order.items if i.shipping_code == shipping_code and i not in items and i.status[0] != "C"]
    if rest or shipping_code in order.shipments:
        shipping_code = next_shipping_code(order)
        template = order.receiver(items[0].shipping_code)
        if template is not None:
            twin = copy(template)
            twin.shipping_code = shipping_code
            twin.address = copy(template.address)
            order.receivers.append(twin)
    shipment = Shipment(
        shipping_code, tracking_no, company_code, carrier_id or (carrier.id if carrier is not None else None), now
    )
    order.shipments[shipping_code] = shipment
    for item in items:
        item.shipping_code = shipping_code
        item.tracking_no, item.company_code, item.carrier_id = tracking_no, company_code, shipment.carrier_id
        move(order, item, "N21" if status == "standby" else "N30", now, by)
        if status == "shipping":
            item.shipped = now
    order_event(mall, order, SHIPPING_CHANGED)
    return shipment


def next_shipping_code(order: Order) -> str:
    taken = {r.shipping_code for r in order.receivers} | {i.shipping_code for i in order.items} | set(order.shipments)
    number = 0
    while f"D-{order.id}-{number:02d}" in taken:
        number += 1
    return f"D-{order.id}-{number:02d}"


SHIPMENT_STEPS = {
    "standby": ("N21", frozenset({"N20", "N21", "N30"})),
    "shipping": ("N30", frozenset({"N20", "N21", "N30", "N40"})),
    "shipped": ("N40", frozenset({"N30", "N40"})),
}


def change_shipment_state(
    mall: Mall, order: Order, shipping_code: str, status: str, now: datetime, by: str, note: str | None = None
) -> None:
    """`standby` N21, `shipping` N30, `shipped` N40 for the unclaimed items of a parcel."""
    goal, allowed = SHIPMENT_STEPS[status]
    items = [i for i in order.items if i.shipping_code == shipping_code and i.status[0] == "N"]
    require(items, allowed)
    for item in items:
        item.status_note = note
        if item.status == goal:
            continue
        move(order, item, goal, now, by)
        item.shipped = None if goal == "N21" else (item.shipped or now)
        item.delivered = now if goal == "N40" else None
    order_event(mall, order, SHIPPING_CHANGED)


def correct_tracking(
    mall: Mall, order: Order, shipping_code: str, tracking_no: str, company_code: str, now: datetime
) -> None:
    shipment = order.shipments.get(shipping_code)
    if shipment is None:
        raise Refused(422, WRONG_STATE)
    carrier = mall.carrier_by_code(company_code)
    if carrier is None:
        raise Refused(422, "[shipping_company_code] is not a carrier of this mall.")
    shipment.tracking_no, shipment.company_code = tracking_no, company_code
    shipment.carrier_id, shipment.registered = carrier.id, now
    for item in order.items:
        if item.shipping_code == shipping_code:
            item.tracking_no, item.company_code, item.carrier_id = tracking_no, company_code, carrier.id
    order_event(mall, order, SHIPPING_CHANGED)


def drop_shipment(mall: Mall, order: Order, shipping_code: str, now: datetime, by: str) -> list[str]:
    """Take a tracking number back: its items return to N20."""
    items = [i for i in order.items if i.shipping_code == shipping_code]
    if shipping_code not in order.shipments:
        raise Refused(404, "Shipment not found.")
    require(items, frozenset({"N21", "N30"}))
    del order.shipments[shipping_code]
    for item in items:
        move(order, item, "N20", now, by)
        item.tracking_no, item.company_code, item.carrier_id, item.shipped = "", "", None, None
    order_event(mall, order, SHIPPING_CHANGED)
    return [i.code for i in items]


def change_receiver(mall: Mall, order: Order, receiver: Receiver, after: Receiver, now: datetime, by: str) -> None:
    """Put new values on a receiver, if every item of that parcel is in a state the mall allows it in."""
    items = [i for i in order.items if i.shipping_code == receiver.shipping_code]
    if any(i.status not in mall.settings.address_open_in for i in items):
        raise Refused(422, WRONG_STATE)
    order.receiver_changes.append(ReceiverChange(now, receiver, by))
    order.receivers[order.receivers.index(receiver)] = after
    mall.events.append(
        Event(
            RECEIVER_CHANGED,
            {"mall_id": mall.id, "event_shop_no": "1", "order_id": order.id, "order_place_id": order.place_id},
        )
    )


# -- claims -----------------------------------------------------------------------------------------------------------

CLAIM_STATES: dict[ClaimKind, dict[str, str]] = {
    "cancellation": {"accepted": "C10", "canceling": "C34", "canceled": "C40"},
    "return": {"accepted": "R10", "processing": "R30", "returned": "R40"},
    "exchange": {"accepted": "E10", "exchanged": "E40"},
}
REQUEST_STATES: dict[ClaimKind, tuple[str, str]] = {
    "cancellation": ("C00", "C11"),
    "return": ("R00", "R11"),
    "exchange": ("E00", "E11"),
}
CLAIMABLE: dict[ClaimKind, frozenset[str]] = {
    "cancellation": CANCELLABLE,
    "return": RETURNABLE,
    "exchange": EXCHANGEABLE,
}
CLAIM_EVENTS: dict[ClaimKind, int] = {
    "cancellation": CANCEL_CHANGED,
    "return": RETURN_CHANGED,
    "exchange": EXCHANGE_CHANGED,
}
UNDONE_NAMES: dict[ClaimKind, str] = {"cancellation": "Cancellation", "return": "Return", "exchange": "Exchange"}


def request_claim(
    mall: Mall,
    order: Order,
    kind: ClaimKind,
    rows: list[tuple[str, int]],
    reason_type: str,
    reason: str,
    now: datetime,
    by: str,
) -> None:
    """The buyer's wish: C00, R00 or E00; no claim code yet."""
    before_shipping = frozenset({"N10", "N20", "N21", "N22"})
    allowed = before_shipping if kind == "cancellation" else frozenset({"N30", "N40"})
    items = chosen(order, [code for code, _ in rows])
    require(items, allowed)
    check_quantities(items, rows)
    for item, (_, quantity) in zip(items, rows, strict=True):
        item.before_claim = item.status
        item.claim_reason_type, item.claim_reason, item.claim_quantity = reason_type, reason, quantity
        item.request_undone = None
        move(order, item, REQUEST_STATES[kind][0], now, by)
        stamp(item, kind, "requested", now)
    order_event(mall, order, CLAIM_EVENTS[kind])


def check_quantities(items: list[Item], rows: list[tuple[str, int]]) -> None:
    for item, (_, quantity) in zip(items, rows, strict=True):
        if not 1 <= quantity <= item.quantity:
            raise Refused(422, "[quantity] is larger than the ordered quantity.")


def stamp(item: Item, kind: ClaimKind, step: str, now: datetime) -> None:
    match kind, step:
        case "cancellation", "requested":
            item.cancel_requested = now
        case "cancellation", "accepted":
            item.cancel_accepted = now
        case "cancellation", _:
            item.cancelled = now
        case "return", "requested":
            item.return_requested = now
        case "return", "accepted":
            item.return_accepted = now
        case "return", _:
            item.returned = now
        case "exchange", "requested":
            item.exchange_requested = now
        case "exchange", "accepted":
            item.exchange_accepted = now
        case _:
            item.exchanged = now


def reject_request(mall: Mall, order: Order, kind: ClaimKind, codes: list[str], now: datetime, by: str) -> None:
    """The seller refuses: C11, R11, E11 pass and the item is back where it was."""
    asked, rejected = REQUEST_STATES[kind]
    items = chosen(order, codes)
    require(items, frozenset({asked}))
    for item in items:
        move(order, item, rejected, now, by)
        item.request_undone = UNDONE_NAMES[kind]
    order_event(mall, order, CLAIM_EVENTS[kind])


def open_claim(
    mall: Mall,
    order: Order,
    kind: ClaimKind,
    rows: list[tuple[str, int]],
    status: str,
    now: datetime,
    by: str,
    *,
    exchange_variants: dict[str, str] | None = None,
) -> Claim:
    """The seller's accepted claim: gives a claim code and moves the items. Unpaid orders are cancelled to C49."""
    items = chosen(order, [code for code, _ in rows])
    require(items, CLAIMABLE[kind])
    check_quantities(items, rows)
    wanted = dict(exchange_variants or {})
    check_exchange(mall, items, wanted)
    if kind == "cancellation" and all(i.status in UNPAID for i in items):
        claim = new_claim(mall, order, kind, rows, "canceled", now)
        for item in items:
            item.before_claim = item.status
            item.claim_code, item.cancelled = claim.code, now
            move(order, item, "C49", now, by)
        finish_cancel(mall, order, now)
        return claim
    claim = new_claim(mall, order, kind, rows, status, now)
    claim.exchange_variants = wanted
    for item, (_, quantity) in zip(items, rows, strict=True):
        if item.status[0] == "N":
            item.before_claim = item.status
        item.claim_code, item.claim_quantity = claim.code, quantity
        claim.reason_type = claim.reason_type or item.claim_reason_type
        claim.reason = claim.reason or item.claim_reason or ""
        stamp(item, kind, "accepted", now)
    if kind == "exchange":
        add_exchange_items(mall, order, claim, items, now)
    advance_claim(mall, order, claim, status, now, by)
    return claim


def new_claim(
    mall: Mall, order: Order, kind: ClaimKind, rows: list[tuple[str, int]], status: str, now: datetime
) -> Claim:
    letter = "B" if kind == "exchange" else "C"
    day = now.strftime("%Y%m%d")
    claim = Claim(
        f"{letter}{day}-{mall.serial(f'claim-{letter}-{day}'):07d}",
        kind,
        order.id,
        status,
        list(rows),
        now,
        refund_methods=list(order.payment_methods),
    )
    order.claims.append(claim)
    mall.claims[claim.code] = claim
    return claim


def check_exchange(mall: Mall, items: list[Item], wanted: dict[str, str]) -> None:
    for item in items:
        found = mall.variants.get(wanted[item.code]) if item.code in wanted else None
        if item.code in wanted and (found is None or found[0].no != item.product_no):
            raise Refused(422, "[exchange_variant_code] is not an option of the same product.")


def add_exchange_items(mall: Mall, order: Order, claim: Claim, items: list[Item], now: datetime) -> None:
    for item in items:
        line = copy(item)
        line.no = mall.serial("item", 9001)
        line.code = f"{order.id}-{len(order.items) + 1:02d}"
        line.status, line.original_items = "N01", [item.no]
        line.tracking_no, line.company_code, line.carrier_id = "", "", None
        line.shipped = line.delivered = line.confirmed = None
        line.ordered, line.invoices = now, []
        wanted = claim.exchange_variants.get(item.code)
        if wanted is not None:
            line.variant_code, line.option_value = wanted, mall.variants[wanted][1].label
        order.items.append(line)
        claim.exchanged_items.append(line.code)


def advance_claim(mall: Mall, order: Order, claim: Claim, status: str, now: datetime, by: str) -> None:
    claim.status = status
    code = CLAIM_STATES[claim.kind][status]
    items = chosen(order, [c for c, _ in claim.items])
    unpaid_refund = claim.kind == "return" and status == "returned" and not claim.gateway_cancelled
    for item in items:
        goal = "R31" if code == "R30" and claim.pickup_completed else ("R41" if unpaid_refund else code)
        if item.status != goal:
            move(order, item, goal, now, by)
        if status in {"canceled", "returned", "exchanged"}:
            stamp(item, claim.kind, "done", now)
    if status == "canceled":
        finish_cancel(mall, order, now)
    if status == "exchanged":
        for line in chosen(order, claim.exchanged_items):
            move(order, line, "N20", now, by)
    order_event(mall, order, CLAIM_EVENTS[claim.kind])


def finish_cancel(mall: Mall, order: Order, now: datetime) -> None:
    if cancelled_state(order) == "T":
        order.cancelled_at = now
    order_event(mall, order, CANCEL_CHANGED)


def undo_claim(mall: Mall, order: Order, claim: Claim, now: datetime, by: str) -> None:
    """Withdraw a claim: its items go back to where they were before it."""
    if claim.undone or claim.status in {"canceled", "returned", "exchanged"}:
        raise Refused(422, WRONG_STATE)
    claim.undone = True
    for item in chosen(order, [c for c, _ in claim.items]):
        move(order, item, item.before_claim or "N20", now, by)
        item.claim_code, item.claim_quantity, item.before_claim = None, 0, None
        item.request_undone = UNDONE_NAMES[claim.kind]
    order.items = [i for i in order.items if i.code not in claim.exchanged_items]
    order_event(mall, order, CLAIM_EVENTS[claim.kind])


def claim_amount(order: Order, claim: Claim) -> int:
    """What goes back for the claimed items; shipping only when the whole order is cancelled."""
    amount = 0
    for code, quantity in claim.items:
        item = order.item(code)
        amount += (item.price + item.option_price) * quantity if item is not None else 0
    if claim.kind == "cancellation" and cancelled_state(order) == "T":
        amount += order.shipping_fee - order.discount - order.points_spent
    return amount


def complete_refund(mall: Mall, order: Order, claim: Claim, now: datetime, by: str) -> None:
    if claim.refunded is not None or claim.status not in {"canceled", "returned"}:
        raise Refused(422, WRONG_STATE)
    claim.refunded = now
    for item in chosen(order, [c for c, _ in claim.items]):
        item.refunded = now
        if item.status in {"R41", "R42", "C41", "C42"}:
            move(order, item, item.status[0] + "40", now, by)
    order_event(mall, order, REFUND_CHANGED)


def can_cancel_at_gateway(order: Order) -> bool:
    """Only card or real-time transfer, one method, and never for an order made outside this mall's checkout."""
    outside = order.market_id != "self" or order.place_id not in {"cafe24", "mobile", "mobile_d"}
    return not outside and len(order.payment_methods) == 1 and order.payment_methods[0] in {"card", "tcash"}


def auto_cancel(mall: Mall, order: Order, code: str, now: datetime) -> None:
    """An unpaid order ends: C47 by the buyer, C48 by time, C49 by the shop."""
    items = [i for i in order.items if i.status in {"N00", "N02"}]
    require(items, frozenset({"N00", "N02"}))
    for item in items:
        item.before_claim = item.status
        item.cancelled = now
        move(order, item, code, now, "")
    finish_cancel(mall, order, now)


# -- stock ------------------------------------------------------------------------------------------------------------


def take_stock(mall: Mall, item: Item, moment: str, now: datetime) -> None:
    found = mall.variants.get(item.variant_code)
    if found is None:
        return
    product, variant = found
    if variant.use_inventory and variant.deduct_at == moment:
        set_stock(mall, product, variant, variant.quantity - item.quantity, now)


def give_back_stock(mall: Mall, order: Order, claim: Claim, now: datetime) -> None:
    for code, quantity in claim.items:
        item = order.item(code)
        found = mall.variants.get(item.variant_code) if item is not None else None
        if found is not None and found[1].use_inventory:
            set_stock(mall, found[0], found[1], found[1].quantity + quantity, now)


def set_stock(mall: Mall, product: Product, variant: Variant, quantity: int, now: datetime) -> None:
    change_variant(mall, product, variant, lambda: setattr(variant, "quantity", quantity), now)


def change_variant(mall: Mall, product: Product, variant: Variant, change: Callable[[], object], now: datetime) -> None:
    """Apply a change and tell 90075 and 90150 when it crosses the edge between sold out and available."""
    variant_before, product_before = variant.sold_out, product.sold_out
    change()
    product.updated = now
    if variant.sold_out != variant_before:
        mall.events.append(Event(VARIANT_SOLD_OUT, variant_event(mall, product, variant)))
    if product.sold_out != product_before:
        sold_out = flag(product.sold_out)
        mall.events.append(
            Event(
                PRODUCT_SOLD_OUT,
                {
                    "mall_id": mall.id,
                    "event_shop_no": "1",
                    "product_no": str(product.no),
                    "sold_out_by_current_shop": sold_out,
                    "sold_out": {"1": sold_out},
                },
            )
        )


def variant_event(mall: Mall, product: Product, variant: Variant) -> dict[str, object]:
    return {
        "mall_id": mall.id,
        "event_shop_no": "1",
        "product_no": str(product.no),
        "product_code": product.code,
        "created_date": iso(product.created),
        "updated_date": iso(product.updated),
        "product_name": product.name,
        "display": flag(product.display),
        "selling": flag(product.selling),
        "price": money(product.price),
        "supplier_code": product.supplier_code,
        "variant_code": variant.code,
        "status_text": "품절" if variant.sold_out else "판매중",
        "use_soldout": flag(variant.display_soldout),
    }


# -- posts ------------------------------------------------------------------------------------------------------------


def post_article(mall: Mall, article: Article) -> None:
    """Store a post; an answer may mark its question as answered, which the reference leaves open."""
    posts = mall.articles.setdefault(article.board_no, {})
    posts[article.no] = article
    parent = posts.get(article.parent_no) if article.parent_no is not None else None
    if parent is not None and mall.settings.answer_marks_parent and article.reply_status is not None:
        parent.reply_status = article.reply_status
    mall.events.append(
        Event(
            ARTICLE_CREATED,
            {
                "mall_id": mall.id,
                "event_shop_no": "1",
                "board_no": str(article.board_no),
                "no": str(article.no),
                "has_parent": flag(article.parent_no is not None),
                "member_id": article.member_id or "",
                "writer": article.writer,
            },
        )
    )


def post_comment(mall: Mall, comment: Comment) -> None:
    mall.comments[comment.no] = comment
    article = mall.articles[comment.board_no][comment.article_no]
    mall.events.append(
        Event(
            COMMENT_ADDED,
            {
                "mall_id": mall.id,
                "event_shop_no": "1",
                "board_no": str(comment.board_no),
                "member_id": article.member_id or "",
                "writer": article.writer,
                "comment_member_id": comment.member_id or "",
                "comment_writer": comment.writer,
            },
        )
    )


def next_order_id(mall: Mall, day: date) -> str:
    stamp_of_day = day.strftime("%Y%m%d")
    return f"{stamp_of_day}-{mall.serial(f'order-{stamp_of_day}', 5001):07d}"


def place_order(mall: Mall, order: Order, now: datetime) -> None:
    """A new order arrives: stock goes down where it is deducted at ordering, or at payment when it is paid at once."""
    mall.orders[order.id] = order
    for item in order.items:
        take_stock(mall, item, "A", now)
        if order.paid_at is not None:
            take_stock(mall, item, "B", now)
    order_event(mall, order, ORDER_RECEIVED)
