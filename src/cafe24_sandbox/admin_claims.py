"""Parcels, and the three layers of a claim: the buyer's request, the seller's claim, the refund."""

from cafe24_sandbox import mall as world
from cafe24_sandbox import render
from cafe24_sandbox.admin import Ask, Mixed, Route, each_row, embedded, find_order, order_of, page_of, window_of
from cafe24_sandbox.model import Claim, ClaimKind, Order
from cafe24_sandbox.wire import INVALID_REQUEST, Fields, Obj, Refused, flag, open_envelope

STATUSES: dict[ClaimKind, tuple[str, ...]] = {
    "cancellation": ("accepted", "canceling", "canceled"),
    "return": ("accepted", "processing", "returned"),
    "exchange": ("accepted", "exchanged"),
}
REQUEST_REASONS: dict[ClaimKind, tuple[str, ...]] = {
    "cancellation": ("A", "B", "G", "I"),
    "return": ("A", "E", "K", "J", "I"),
    "exchange": ("A", "E", "K", "J", "I"),
}
CLAIM_REASONS = ("A", "B", "C", "L", "D", "E", "F", "G", "H", "I", "J", "K")
REFUND_METHODS = ("T", "F", "M", "G", "C", "D", "Z", "O", "V", "J", "K", "I")

# -- parcels ----------------------------------------------------------------------------------------------------------


def get_shipments(ask: Ask) -> Obj:
    return {"shipments": render.shipments(order_of(ask))}


def ship(ask: Ask, order: Order, row: Fields, shop_no: int) -> Obj:
    tracking, company = row.needed("tracking_no", most=40), row.needed("shipping_company_code")
    status = row.needed_choice("status", ("standby", "shipping"))
    codes = row.texts("order_item_code")
    if codes is None and (parcel := row.text("shipping_code")) is not None:
        codes = [i.code for i in order.items if i.shipping_code == parcel]
    shipment = world.ship(
        ask.mall,
        order,
        tracking_no=tracking,
        company_code=company,
        status=status,
        codes=codes,
        carrier_id=row.whole("carrier_id", 1),
        now=ask.now,
        by=ask.by,
    )
    return {
        "shop_no": shop_no,
        "shipping_code": shipment.code,
        "order_id": order.id,
        "status": status,
        "tracking_no": tracking,
        "shipping_company_code": company,
        "order_item_code": [i.code for i in order.items if i.shipping_code == shipment.code],
        "carrier_id": shipment.carrier_id,
    }


def post_order_shipment(ask: Ask) -> Obj:
    envelope = open_envelope(ask.body, 1)
    return {"shipments": [ship(ask, order_of(ask), envelope.request, envelope.shop_no)]}


def post_shipments(ask: Ask) -> Obj | Mixed:
    envelope = open_envelope(ask.body, 100)

    def one(row: Fields) -> Obj:
        return ship(ask, find_order(ask.mall, row.needed("order_id")), row, envelope.shop_no)

    return each_row("shipments", envelope, one)


def change_shipment(ask: Ask, order: Order, shipping_code: str, row: Fields) -> Obj:
    """Either the status or the tracking number with its company, never both."""
    status = row.choice("status", ("standby", "shipping", "shipped"))
    tracking, company = row.text("tracking_no", most=40), row.text("shipping_company_code")
    note = row.text("status_additional_info", most=30)
    if (status is None) == (tracking is None and company is None):
        raise Refused(422, INVALID_REQUEST)
    if shipping_code not in {i.shipping_code for i in order.items}:
        raise Refused(404, "Shipment not found.")
    if status is not None:
        world.change_shipment_state(ask.mall, order, shipping_code, status, ask.now, ask.by, note)
    else:
        number = row.needed("tracking_no", most=40)
        world.correct_tracking(ask.mall, order, shipping_code, number, row.needed("shipping_company_code"), ask.now)
    return {
        "status": status,
        "status_additional_info": note,
        "tracking_no": tracking,
        "shipping_company_code": company,
    }


def put_shipment(ask: Ask) -> Obj:
    envelope = open_envelope(ask.body, 1)
    changed = change_shipment(ask, order_of(ask), ask.args[1], envelope.request)
    return {"shipment": {"shop_no": envelope.shop_no} | changed}


def put_shipments(ask: Ask) -> Obj | Mixed:
    envelope = open_envelope(ask.body, 100)

    def one(row: Fields) -> Obj:
        code, order = row.needed("shipping_code"), find_order(ask.mall, row.needed("order_id"))
        known: Obj = {"shop_no": envelope.shop_no, "order_id": order.id, "shipping_code": code}
        return known | change_shipment(ask, order, code, row)

    return each_row("shipments", envelope, one)


def delete_shipment(ask: Ask) -> Obj:
    order = order_of(ask)
    codes = world.drop_shipment(ask.mall, order, ask.args[1], ask.now, ask.by)
    return {"shipment": {"shop_no": 1, "order_id": order.id, "shipping_code": ask.args[1], "order_item_code": codes}}


def restricted(ask: Ask) -> Obj:
    """Reached only when the route's restriction is lifted, which the sandbox never does."""
    raise Refused(403, "This API is restricted to selected clients.")


# -- claims -----------------------------------------------------------------------------------------------------------


def claimed_rows(row: Fields, order: Order) -> list[tuple[str, int]]:
    rows = row.rows("items")
    if not rows:
        raise row.refuse("items", "is a required field.")
    found: list[tuple[str, int]] = []
    for each in rows:
        code = each.needed("order_item_code")
        item = order.item(code)
        if item is None:
            raise Refused(404, "Order item not found.")
        quantity = each.whole("quantity", 1)
        found.append((code, item.quantity if quantity is None else quantity))
    return found


def shown_rows(rows: list[tuple[str, int]]) -> list[Obj]:
    return [{"order_item_code": code, "quantity": quantity} for code, quantity in rows]


def request_one(ask: Ask, kind: ClaimKind, row: Fields, shop_no: int) -> Obj:
    order = find_order(ask.mall, row.needed("order_id"))
    reason_type = row.needed_choice("reason_type", REQUEST_REASONS[kind])
    reason = row.needed("reason", most=2000)
    rows = claimed_rows(row, order)
    if kind == "return":
        row.needed_choice("request_pickup", ("T", "F"))
    if (pickup := row.inner("pickup")) is not None:
        for name in ("name", "cellphone", "zipcode", "address1"):
            pickup.needed(name)
        pickup.phone("cellphone")
    world.request_claim(ask.mall, order, kind, rows, reason_type, reason, ask.now, ask.by)
    answer: Obj = {"shop_no": shop_no, "order_id": order.id, "items": shown_rows(rows)}
    if kind == "exchange":
        answer["exchange_request_no"] = ask.mall.serial("exchange-request", 501)
    return answer


def reject_one(ask: Ask, kind: ClaimKind, order: Order, row: Fields, shop_no: int) -> Obj:
    row.needed_choice("undone", ("T",))
    codes = row.texts("order_item_code")
    if not codes:
        raise row.refuse("order_item_code", "is a required field.")
    row.choice("reason_type", CLAIM_REASONS)
    row.choice("display_reject_reason", ("T", "F"))
    world.reject_request(ask.mall, order, kind, codes, ask.now, ask.by)
    answer: Obj = {"shop_no": shop_no, "order_id": order.id, "undone": "T", "order_item_code": codes}
    if kind != "cancellation":
        answer["additional_payment_gateway_cancel"] = {"success": render.NOTHING, "fail": None}
    return answer


def claim_one(ask: Ask, kind: ClaimKind, order: Order, row: Fields, shop_no: int, *, at_gateway: bool) -> Obj:
    """The seller's claim. Only the form for one order may also cancel the payment at the gateway."""
    status = row.needed_choice("status", STATUSES[kind])
    rows = claimed_rows(row, order)
    cancel_payment = row.flag("payment_gateway_cancel")
    if cancel_payment and not (at_gateway and world.can_cancel_at_gateway(order)):
        raise row.refuse("payment_gateway_cancel", "can not be used for this order.")
    reason_type = row.choice("claim_reason_type", CLAIM_REASONS)
    reason = row.text("reason", most=2000)
    methods = row.texts("refund_method_code")
    if methods is not None and any(m not in REFUND_METHODS for m in methods):
        raise row.refuse("refund_method_code", "is not a valid value.")
    if methods is not None and "T" in methods:
        row.needed("refund_bank_account_no")
        row.needed("refund_bank_account_holder", most=15)
    if kind == "exchange":
        row.needed_choice("same_product", ("T", "F"))
    wanted = {
        each.needed("order_item_code"): each.needed("exchange_variant_code")
        for each in row.rows("items") or ()
        if each.has("exchange_variant_code")
    }
    pickup, collected = row.flag("request_pickup"), row.flag("pickup_completed")
    invoice, recover = row.text("return_invoice_no", most=40), row.flag("recover_inventory")
    claim = world.open_claim(ask.mall, order, kind, rows, status, ask.now, ask.by, exchange_variants=wanted)
    claim.reason_type = reason_type or claim.reason_type
    claim.reason = reason or claim.reason
    claim.gateway_cancelled = cancel_payment
    claim.request_pickup, claim.pickup_completed, claim.invoice_no = pickup, collected, invoice
    if recover:
        world.give_back_stock(ask.mall, order, claim, ask.now)
    if cancel_payment and status == "canceled":
        world.complete_refund(ask.mall, order, claim, ask.now, ask.by)
    return claim_answer(order, claim, shop_no)


def claim_answer(order: Order, claim: Claim, shop_no: int) -> Obj:
    items = shown_rows(claim.items)
    for item in items:
        if (variant := claim.exchange_variants.get(str(item["order_item_code"]))) is not None:
            item["exchange_variant_code"] = variant
    answer: Obj = {
        "shop_no": shop_no,
        "order_id": order.id,
        "status": claim.status,
        "claim_code": claim.code,
        "items": items,
    }
    if claim.kind == "return":
        answer["pickup_completed"] = flag(claim.pickup_completed)
    if claim.kind == "exchange":
        answer["exchanged_items"] = [{"order_item_code": code} for code in claim.exchanged_items]
    return answer


def find_claim(ask: Ask, kind: ClaimKind, code: str, order: Order | None = None) -> Claim:
    claim = ask.mall.claims.get(code)
    if claim is None or claim.kind != kind or (order is not None and claim.order_id != order.id):
        raise Refused(404, "Claim not found.")
    return claim


def change_claim(ask: Ask, kind: ClaimKind, claim: Claim, row: Fields, shop_no: int) -> Obj:
    """Withdraw a claim, move it on, or note what the pick-up brought."""
    order = ask.mall.orders[claim.order_id]
    status = row.choice("status", STATUSES[kind])
    if row.choice("undone", ("T",)) is not None:
        if kind == "cancellation":
            for name in ("recover_inventory", "add_memo_too", "expose_order_detail"):
                row.needed_choice(name, ("T", "F"))
        claim.undone_reason_type = row.needed("undone_reason_type") if kind == "cancellation" else None
        claim.undone_reason = row.text("undone_reason")
        world.undo_claim(ask.mall, order, claim, ask.now, ask.by)
    elif claim.undone or (status is None and not row.names()):
        raise Refused(422, INVALID_REQUEST)
    if row.has("pickup_completed"):
        claim.pickup_completed = row.flag("pickup_completed")
    claim.invoice_no = row.text("return_invoice_no", most=40) or claim.invoice_no
    if status is not None and not claim.undone:
        if STATUSES[kind].index(status) < STATUSES[kind].index(claim.status):
            raise Refused(422, "You cannot change to that order state.")
        world.advance_claim(ask.mall, order, claim, status, ask.now, ask.by)
        if row.flag("recover_inventory"):
            world.give_back_stock(ask.mall, order, claim, ask.now)
    return claim_answer(order, claim, shop_no) | {"undone": flag(claim.undone)}


def routes_of(kind: ClaimKind) -> tuple[Route, ...]:
    requests = f"{kind}requests"

    def get(ask: Ask) -> Obj:
        claim = find_claim(ask, kind, ask.args[0])
        return {kind: render.claim(ask.mall, ask.mall.orders[claim.order_id], claim)}

    def post_many(ask: Ask) -> Obj | Mixed:
        envelope = open_envelope(ask.body, 100)

        def one(row: Fields) -> Obj:
            order = find_order(ask.mall, row.needed("order_id"))
            return claim_one(ask, kind, order, row, envelope.shop_no, at_gateway=False)

        return each_row(kind, envelope, one)

    def put_many(ask: Ask) -> Obj | Mixed:
        envelope = open_envelope(ask.body, 10)

        def one(row: Fields) -> Obj:
            claim = find_claim(ask, kind, row.needed("claim_code"))
            return change_claim(ask, kind, claim, row, envelope.shop_no)

        return each_row(kind, envelope, one)

    def post_one(ask: Ask) -> Obj:
        envelope = open_envelope(ask.body, 1)
        return {kind: claim_one(ask, kind, order_of(ask), envelope.request, envelope.shop_no, at_gateway=True)}

    def put_one(ask: Ask) -> Obj:
        envelope = open_envelope(ask.body, 1)
        claim = find_claim(ask, kind, ask.args[1], order_of(ask))
        return {kind: change_claim(ask, kind, claim, envelope.request, envelope.shop_no)}

    def post_requests(ask: Ask) -> Obj | Mixed:
        envelope = open_envelope(ask.body, 100)
        return each_row(requests, envelope, lambda row: request_one(ask, kind, row, envelope.shop_no))

    def put_requests(ask: Ask) -> Obj | Mixed:
        envelope = open_envelope(ask.body, 100)

        def one(row: Fields) -> Obj:
            return reject_one(ask, kind, find_order(ask.mall, row.needed("order_id")), row, envelope.shop_no)

        return each_row(requests, envelope, one)

    return (
        Route("GET", f"/{kind}/{{claim_code}}", READ, get),
        Route("POST", f"/{kind}", WRITE, post_many),
        Route("PUT", f"/{kind}", WRITE, put_many),
        Route("POST", f"/{requests}", WRITE, post_requests),
        Route("PUT", f"/{requests}", WRITE, put_requests),
        Route("POST", f"/orders/{{order_id}}/{kind}", WRITE, post_one),
        Route("PUT", f"/orders/{{order_id}}/{kind}/{{claim_code}}", WRITE, put_one),
    )


def put_exchange_request(ask: Ask) -> Obj:
    envelope = open_envelope(ask.body, 1)
    return {"exchangerequests": reject_one(ask, "exchange", order_of(ask), envelope.request, envelope.shop_no)}


# -- refunds ----------------------------------------------------------------------------------------------------------


def list_refunds(ask: Ask) -> Obj:
    q = ask.query
    window = window_of(ask, months=3, needed=True)
    accepted = q.choice("date_type", ("accepted_refund_date", "refund_date")) == "accepted_refund_date"
    orders, member, states = q.texts("order_id"), q.text("member_id"), q.texts("refund_status")
    found: list[Obj] = []
    for claim in ask.mall.claims.values():
        order = ask.mall.orders[claim.order_id]
        at = claim.created if accepted else claim.refunded
        if not render.has_refund(claim) or window is None or at is None or not window[0] <= at <= window[1]:
            continue
        if (orders and order.id not in orders) or (member and order.member_id != member):
            continue
        if states and flag(claim.refunded is not None) not in states:
            continue
        found.append(render.refund(ask.mall, order, claim))
    return {"refunds": page_of(ask, found, most=500, furthest=15000)}


def refund_claim(ask: Ask, code: str) -> Claim:
    claim = ask.mall.claims.get(code)
    if claim is None or not render.has_refund(claim):
        raise Refused(404, "Refund not found.")
    return claim


def get_refund(ask: Ask) -> Obj:
    claim = refund_claim(ask, ask.args[0])
    items = "items" in embedded(ask, ("items",))
    return {"refund": render.refund_detail(ask.mall, ask.mall.orders[claim.order_id], claim, items)}


def put_refund(ask: Ask) -> Obj:
    order, claim = order_of(ask), refund_claim(ask, ask.args[1])
    envelope = open_envelope(ask.body, 1)
    row = envelope.request
    row.needed_choice("status", ("complete",))
    reason = row.text("reason", most=2000)
    if claim.order_id != order.id:
        raise Refused(404, "Refund not found.")
    at_gateway = row.flag("payment_gateway_cancel")
    if at_gateway and not world.can_cancel_at_gateway(order):
        raise row.refuse("payment_gateway_cancel", "can not be used for this order.")
    world.complete_refund(ask.mall, order, claim, ask.now, ask.by)
    claim.gateway_cancelled = claim.gateway_cancelled or at_gateway
    return {"refund": {"shop_no": envelope.shop_no, "refund_code": claim.code, "status": "complete", "reason": reason}}


READ, WRITE = "mall.read_order", "mall.write_order"
ROUTES = (
    Route("GET", "/orders/{order_id}/shipments", READ, get_shipments),
    Route("POST", "/orders/{order_id}/shipments", WRITE, post_order_shipment),
    Route("PUT", "/orders/{order_id}/shipments/{shipping_code}", WRITE, put_shipment),
    Route("DELETE", "/orders/{order_id}/shipments/{shipping_code}", WRITE, delete_shipment),
    Route("POST", "/shipments", WRITE, post_shipments),
    Route("PUT", "/shipments", WRITE, put_shipments),
    Route("POST", "/fulfillments", WRITE, restricted, restricted=True),
    Route("GET", "/orders/changes", READ, restricted, restricted=True),
    *routes_of("cancellation"),
    *routes_of("return"),
    *routes_of("exchange"),
    Route("PUT", "/orders/{order_id}/exchangerequests", WRITE, put_exchange_request),
    Route("GET", "/refunds", READ, list_refunds),
    Route("GET", "/refunds/{refund_code}", READ, get_refund),
    Route("PUT", "/orders/{order_id}/refunds/{refund_code}", WRITE, put_refund),
)
