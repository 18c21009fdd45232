"""Orders and what hangs on one: items, receivers, buyer, parcels, memos, carriers."""

from collections.abc import Callable
from copy import copy
from datetime import datetime

from cafe24_sandbox import mall as world
from cafe24_sandbox import render
from cafe24_sandbox.admin import (
    Ask,
    Mixed,
    Route,
    each_row,
    embedded,
    find_order,
    links_of,
    order_of,
    page_of,
    window_of,
)
from cafe24_sandbox.model import STATUS_NAMES, Address, Carrier, Item, Memo, Order, Receiver
from cafe24_sandbox.times import iso, months_after
from cafe24_sandbox.wire import INVALID_REQUEST, Fields, Obj, Refused, digits, open_envelope

LIST_EMBEDS = ("items", "receivers", "buyer", "return", "cancellation", "exchange")
ORDER_EMBEDS = (*LIST_EMBEDS, "benefits", "coupons", "refunds")

DATE_TYPES: dict[str, Callable[[Order, Item], datetime | None]] = {
    "order_date": lambda o, _: o.at,
    "pay_date": lambda o, _: o.paid_at,
    "shipbegin_date": lambda _, i: i.shipped,
    "shipend_date": lambda _, i: i.delivered,
    "cancel_date": lambda o, _: o.cancelled_at,
    "place_date": lambda _, i: i.placed,
    "cancel_request_date": lambda _, i: i.cancel_requested,
    "cancel_accept_date": lambda _, i: i.cancel_accepted,
    "cancel_complete_date": lambda _, i: i.cancelled,
    "exchange_request_date": lambda _, i: i.exchange_requested,
    "exchange_accept_date": lambda _, i: i.exchange_accepted,
    "exchange_complete_date": lambda _, i: i.exchanged,
    "return_request_date": lambda _, i: i.return_requested,
    "return_accept_date": lambda _, i: i.return_accepted,
    "return_complete_date": lambda _, i: i.returned,
    "purchaseconfirmation_date": lambda _, i: i.confirmed,
}


def matching_orders(ask: Ask) -> list[Order]:
    """The orders the filters leave, newest first; parameters nobody knows are passed over."""
    q = ask.query
    wanted = q.texts("order_id")
    window = window_of(ask, months=3)
    kind = q.choice("date_type", tuple(DATE_TYPES)) or "order_date"
    orders = list(ask.mall.orders.values())
    if wanted is not None:
        orders = [o for o in (ask.mall.orders.get(each) for each in wanted) if o is not None]
    elif window is None:
        window = (months_after(ask.now, -3), ask.now)
    if window is not None:
        start, end = window
        if kind == "order_date":
            orders = [o for o in orders if start <= o.at <= end]
        else:
            moment = DATE_TYPES[kind]
            orders = [o for o in orders if any(start <= at <= end for i in o.items if (at := moment(o, i)) is not None)]
    for keep in filters_of(ask):
        orders = [o for o in orders if keep(o)]
    return sorted(orders, key=lambda o: (o.at, o.id), reverse=True)


def filters_of(ask: Ask) -> list[Callable[[Order], bool]]:
    q, mall = ask.query, ask.mall
    keep: list[Callable[[Order], bool]] = []
    statuses = q.texts("order_status")
    if statuses:
        if any(s not in STATUS_NAMES for s in statuses):
            raise q.refuse("order_status", "is not a valid value.")
        keep.append(lambda o: any(i.status in statuses for i in o.items))
    match q.choice("payment_status", ("F", "M", "T", "A", "P")):
        case "F":
            keep.append(lambda o: o.paid_at is None)
        case "T":
            keep.append(lambda o: o.paid_at is not None and not o.auto_paid)
        case "A":
            keep.append(lambda o: o.paid_at is not None and o.auto_paid)
        case "M" | "P":
            keep.append(lambda o: False)
        case _:
            pass
    match q.choice("member_type", ("2", "3")):
        case "2":
            keep.append(lambda o: o.member_id != "")
        case "3":
            keep.append(lambda o: o.member_id == "")
        case _:
            pass
    texts: dict[str, Callable[[Order], str]] = {
        "member_id": lambda o: o.member_id,
        "member_email": lambda o: mall.customers[o.member_id].email if o.member_id in mall.customers else "",
        "buyer_name": lambda o: o.buyer.name,
        "buyer_email": lambda o: o.buyer.email,
        "first_order": lambda o: "T" if o.first_order else "F",
        "multiple_addresses": lambda o: "T" if o.multiple_addresses else "F",
        "market_seller_id": lambda o: "" if o.market_id == "self" else mall.id,
        "subscription": lambda o: "F",
        "market_cancel_request": lambda o: "F",
        "payment_gateway_name": lambda o: "" if o.market_id != "self" or "cash" in o.payment_methods else "inicis",
    }
    for name, read in texts.items():
        if asked := q.text(name):
            keep.append(lambda o, read=read, asked=asked: read(o) == asked)
    phones: dict[str, Callable[[Order], str]] = {
        "buyer_cellphone": lambda o: o.buyer.cellphone,
        "buyer_phone": lambda o: o.buyer.phone,
    }
    for name, read in phones.items():
        if asked := q.text(name):
            plain = digits(asked)
            keep.append(lambda o, read=read, plain=plain: digits(read(o)) == plain)
    if asked := q.text("receiver_name"):
        keep.append(lambda o: any(r.name == asked for r in o.receivers))
    if address := q.text("receiver_address"):
        keep.append(lambda o: any(address in r.address.full for r in o.receivers))
    several: dict[str, Callable[[Order], set[str]]] = {
        "product_no": lambda o: {str(i.product_no) for i in o.items},
        "product_code": lambda o: {i.product_code for i in o.items},
        "supplier_id": lambda o: {i.supplier_code for i in o.items},
        "order_place_id": lambda o: {o.place_id},
        "market_order_no": lambda o: {o.market_order_no or ""},
        "payment_method": lambda o: set(o.payment_methods),
        "carrier_id": lambda o: {str(i.carrier_id) for i in o.items},
        "refund_status": lambda o: {"T" if c.refunded else "F" for c in o.claims if c.kind != "exchange"},
        "discount_method": lambda o: {"coupon"} if o.discount else {"point"} if o.points_spent else set(),
        # No order of this mall has one of these.
        "labels": lambda o: set(),
        "wished_carrier_id": lambda o: set(),
    }
    for name, values in several.items():
        if chosen := q.texts(name):
            keep.append(lambda o, values=values, chosen=frozenset(chosen): bool(values(o) & chosen))
    if (group := q.whole("group_no", 1)) is not None:
        keep.append(lambda o: o.member_id in mall.customers and mall.customers[o.member_id].group_no == group)
    return keep


def list_orders(ask: Ask) -> Obj:
    found = matching_orders(ask)
    page = page_of(ask, found, most=1000, furthest=15000)
    embed = embedded(ask, LIST_EMBEDS)
    return {"orders": [render.order(ask.mall, o, embed) for o in page], "links": links_of(ask, len(found))}


def count_orders(ask: Ask) -> Obj:
    return {"count": len(matching_orders(ask))}


def get_order(ask: Ask) -> Obj:
    return {"order": render.order(ask.mall, order_of(ask), embedded(ask, ORDER_EMBEDS))}


def dashboard(ask: Ask) -> Obj:
    since = months_after(ask.now, -1)
    recent = [o for o in ask.mall.orders.values() if o.at >= since]
    shown: Obj = {}
    for word, letter in (("cancellation", "C"), ("exchange", "E"), ("return", "R")):
        codes = [i.status for o in recent for i in o.items if i.status.startswith(letter)]
        shown[f"{word}_request_count"] = sum(c[1:] == "00" for c in codes)
        shown[f"{word}_received_count"] = sum(c[1] == "1" for c in codes)
        shown[f"{word}_processing_count"] = sum(c[1] == "3" for c in codes)
        shown[f"{word}_refund_pending_count"] = sum(c[1:] in {"41", "42", "43"} for c in codes)
    paid = [o for o in recent if o.paid_at is not None]
    refunded = [c for o in recent for c in o.claims if c.refunded]
    return {
        "dashboard": shown
        | {
            "total_order_amount": f"{sum(o.total for o in recent)}.00",
            "total_paid_amount": f"{sum(o.total for o in paid)}.00",
            "total_refund_amount": f"{sum(world.claim_amount(ask.mall.orders[c.order_id], c) for c in refunded)}.00",
            "total_order_count": len(recent),
            "total_paid_count": len(paid),
            "total_refund_count": len(refunded),
        }
    }


# -- status -----------------------------------------------------------------------------------------------------------


def change_status(ask: Ask, order: Order, row: Fields) -> Obj:
    status = row.choice("process_status", ("prepareproduct", "prepare", "hold", "unhold"))
    confirmation = row.choice("purchase_confirmation", ("T", "F"))
    show = row.choice("show_shipping_address", ("T", "F"))
    codes = row.texts("order_item_code")
    if status is None and confirmation is None and show is None:
        raise Refused(422, INVALID_REQUEST)
    match status:
        case "prepareproduct":
            world.prepare(ask.mall, order, "N10", codes, ask.now, ask.by)
        case "prepare":
            world.prepare(ask.mall, order, "N20", codes, ask.now, ask.by)
        case "hold":
            world.hold(ask.mall, order, codes, ask.now, ask.by)
        case "unhold":
            world.unhold(ask.mall, order, codes, ask.now, ask.by)
        case _:
            pass
    if confirmation is not None:
        world.confirm(ask.mall, order, codes, confirmation == "F", ask.now, ask.by)
    if show is not None:
        order.show_address = show == "T"
    return {
        "process_status": status,
        "order_item_code": codes,
        "purchase_confirmation": confirmation,
        "collect_points": row.choice("collect_points", ("T", "F")) or "F",
        "show_shipping_address": show,
    }


def put_order(ask: Ask) -> Obj:
    envelope = open_envelope(ask.body, 1)
    return {"order": {"shop_no": envelope.shop_no} | change_status(ask, order_of(ask), envelope.request)}


def put_orders(ask: Ask) -> Obj | Mixed:
    envelope = open_envelope(ask.body, 100)

    def change(row: Fields) -> Obj:
        order = find_order(ask.mall, row.needed("order_id"))
        return {"shop_no": envelope.shop_no, "order_id": order.id} | change_status(ask, order, row)

    return each_row("orders", envelope, change)


# -- items ------------------------------------------------------------------------------------------------------------


def get_items(ask: Ask) -> Obj:
    supplier = ask.query.text("supplier_id")
    return {
        "items": [
            render.item(ask.mall, i) for i in order_of(ask).items if supplier is None or i.supplier_code == supplier
        ]
    }


def item_of(order: Order, code: str) -> Item:
    item = order.item(code)
    if item is None:
        raise Refused(404, "Order item not found.")
    return item


def put_item(ask: Ask) -> Obj:
    """A claim flag, further invoices or an expected day; never the first two together."""
    order = order_of(ask)
    item = item_of(order, ask.args[1])
    envelope = open_envelope(ask.body, 1)
    row = envelope.request
    answer: Obj = {"shop_no": envelope.shop_no, "order_id": order.id, "order_item_code": item.code}
    claim_fields = ("claim_type", "claim_status", "claim_reason_type")
    claiming, invoices = any(row.has(f) for f in claim_fields), row.rows("multi_invoice")
    if claiming and invoices is not None:
        raise Refused(422, INVALID_REQUEST)
    if claiming:
        kind = "cancellation" if row.needed_choice("claim_type", ("C", "R")) == "C" else "return"
        wanted = row.needed_choice("claim_status", ("T", "F")) == "T"
        reasons = ("A", "G", "B", "I") if kind == "cancellation" else ("O", "P", "V", "W", "I")
        reason_type = row.needed_choice("claim_reason_type", reasons)
        reason = row.text("claim_reason", most=2000) or ""
        quantity = row.whole("claim_quantity", 1) or item.quantity
        if wanted:
            rows = [(item.code, quantity)]
            world.request_claim(ask.mall, order, kind, rows, reason_type, reason, ask.now, ask.by)
        else:
            world.reject_request(ask.mall, order, kind, [item.code], ask.now, ask.by)
        return {
            "item": answer
            | {
                "claim_type": row.text("claim_type"),
                "claim_status": row.text("claim_status"),
                "claim_reason_type": reason_type,
                "claim_reason": reason,
                "claim_quantity": quantity,
            }
        }
    if invoices is not None:
        item.invoices = [
            {
                "tracking_no": i.needed("tracking_no", most=40),
                "shipping_company_id": i.needed("shipping_company_id"),
                "quantity": i.whole("quantity", 1) or 1,
            }
            for i in invoices
        ]
        return {"item": answer | {"multi_invoice": item.invoices}}
    if row.has("shipping_expected_date"):
        item.expected_ship = row.text("shipping_expected_date")
        return {"item": answer | {"shipping_expected_date": item.expected_ship}}
    raise Refused(422, INVALID_REQUEST)


def item_history(ask: Ask) -> Obj:
    order = order_of(ask)
    item = item_of(order, ask.args[1])
    return {
        "history": [
            {
                "shop_no": 1,
                "order_item_code": change.item_code,
                "process_date": iso(change.at),
                "previous_order_status": change.before,
                "current_order_status": change.after,
                "manager_id": change.by,
                "manager_name": change.by,
            }
            for change in order.item_changes
            if change.item_code == item.code
        ]
    }


# -- receivers and buyer ----------------------------------------------------------------------------------------------


def get_receivers(ask: Ask) -> Obj:
    wanted = ask.query.texts("shipping_code")
    return {
        "receivers": [
            render.receiver(r) for r in order_of(ask).receivers if wanted is None or r.shipping_code in wanted
        ]
    }


def change_receiver(ask: Ask, order: Order, shipping_code: str, row: Fields) -> Receiver:
    before = order.receiver(shipping_code)
    if before is None:
        raise Refused(404, "Receiver not found.")
    after = copy(before)
    after.name = row.text("name", least=1, most=20) or before.name
    after.phone = given(row.phone("phone"), before.phone)
    after.cellphone = given(row.phone("cellphone"), before.cellphone)
    after.message = given(row.text("shipping_message"), before.message)
    after.address = Address(
        row.text("zipcode", least=2, most=14) or before.address.zipcode,
        given(row.text("address1", most=255), before.address.address1),
        given(row.text("address2", most=255), before.address.address2),
    )
    after.virtual_phone = row.text("virtual_phone_no") or before.virtual_phone
    after.wished_date = given(row.text("wished_delivery_date"), before.wished_date)
    after.clearance_type = row.choice("clearance_information_type", ("I", "P", "C")) or before.clearance_type
    after.clearance = row.text("clearance_information") or before.clearance
    row.choice("country_code", ("KR", "CN", "JP", "PH", "US", "TW", "VN"))
    change_default = row.flag("change_default_shipping_address")
    world.change_receiver(ask.mall, order, before, after, ask.now, ask.by)
    member = ask.mall.customers.get(order.member_id)
    if change_default and member is not None:
        member.address = copy(after.address)
    return after


def given(value: str | None, before: str) -> str:
    return before if value is None else value


def put_receiver(ask: Ask) -> Obj:
    envelope = open_envelope(ask.body, 1)
    after = change_receiver(ask, order_of(ask), ask.args[1], envelope.request)
    return {"receiver": receiver_answer(after, envelope.request)}


def put_receivers(ask: Ask) -> Obj | Mixed:
    order = order_of(ask)
    envelope = open_envelope(ask.body, 100, list_under_request=True)

    def change(row: Fields) -> Obj:
        code = row.needed("shipping_code")
        return receiver_answer(change_receiver(ask, order, code, row), row) | {"shipping_code": code}

    return each_row("receivers", envelope, change)


def receiver_answer(after: Receiver, row: Fields) -> Obj:
    shown = render.receiver(after)
    del shown["shipping_code"]
    return shown | {"change_default_shipping_address": row.text("change_default_shipping_address") or "F"}


def receiver_history(ask: Ask) -> Obj:
    return {"history": [render.receiver_change(change) for change in order_of(ask).receiver_changes]}


def get_buyer(ask: Ask) -> Obj:
    return {"buyer": render.buyer(ask.mall, order_of(ask))}


def put_buyer(ask: Ask) -> Obj:
    order = order_of(ask)
    envelope = open_envelope(ask.body, 1)
    row, buyer = envelope.request, order.buyer
    if not any(row.has(n) for n in ("name", "email", "phone", "cellphone", "customer_notification")):
        raise Refused(422, INVALID_REQUEST)
    name, email = row.text("name", least=1, most=20), row.text("email", most=100)
    phone, cellphone = row.phone("phone"), row.phone("cellphone")
    buyer.name, buyer.email = name or buyer.name, given(email, buyer.email)
    buyer.phone, buyer.cellphone = given(phone, buyer.phone), given(cellphone, buyer.cellphone)
    buyer.notification = given(row.text("customer_notification"), buyer.notification)
    buyer.updated = ask.now
    return {
        "buyer": {
            "shop_no": envelope.shop_no,
            "order_id": order.id,
            "name": buyer.name,
            "email": buyer.email,
            "phone": buyer.phone,
            "cellphone": buyer.cellphone,
            "customer_notification": buyer.notification,
        }
    }


# -- memos ------------------------------------------------------------------------------------------------------------


def list_memos(ask: Ask) -> Obj:
    wanted = split_needed(ask, "order_id")
    rows = [
        render.memo(m, o.id) for o in (ask.mall.orders.get(each) for each in wanted) if o is not None for m in o.memos
    ]
    return {"memos": page_of(ask, rows, most=500, furthest=8000)}


def split_needed(ask: Ask, name: str) -> list[str]:
    values = ask.query.texts(name)
    if not values:
        raise ask.query.refuse(name, "is a required field.")
    return values


def get_memos(ask: Ask) -> Obj:
    return {"memos": [render.memo(m) for m in order_of(ask).memos]}


def fill_memo(memo: Memo, row: Fields) -> None:
    memo.inquiry = row.flag("use_customer_inquiry", memo.inquiry)
    memo.attach = row.choice("attach_type", ("O", "P")) or memo.attach
    memo.starred, memo.fixed = row.flag("starred_memo", memo.starred), row.flag("fixed", memo.fixed)


def post_memo(ask: Ask) -> Obj:
    order = order_of(ask)
    row = open_envelope(ask.body, 1).request
    memo = Memo(ask.mall.serial("memo", 61), ask.now, ask.by, row.needed("content", most=1000))
    fill_memo(memo, row)
    order.memos.append(memo)
    return {"memo": render.memo(memo, order.id)}


def memo_of(order: Order, number: str) -> Memo:
    memo = next((m for m in order.memos if str(m.no) == number), None)
    if memo is None:
        raise Refused(404, "Memo not found.")
    return memo


def put_memo(ask: Ask) -> Obj:
    order = order_of(ask)
    memo = memo_of(order, ask.args[1])
    row = open_envelope(ask.body, 1).request
    memo.content = row.text("content", least=1, most=1000) or memo.content
    fill_memo(memo, row)
    return {"memo": render.memo(memo, order.id)}


def delete_memo(ask: Ask) -> Obj:
    order = order_of(ask)
    memo = memo_of(order, ask.args[1])
    order.memos.remove(memo)
    return {"memo": {"shop_no": 1, "memo_no": memo.no}}


# -- carriers ---------------------------------------------------------------------------------------------------------


def list_carriers(ask: Ask) -> Obj:
    return {"carriers": [render.carrier(c) for c in ask.mall.carriers.values()]}


def carrier_of(ask: Ask) -> Carrier:
    found = ask.mall.carriers.get(int(ask.args[0])) if ask.args[0].isdecimal() else None
    if found is None:
        raise Refused(404, "Carrier not found.")
    return found


def get_carrier(ask: Ask) -> Obj:
    return {"carrier": render.carrier(carrier_of(ask))}


def post_carrier(ask: Ask) -> Obj:
    row = open_envelope(ask.body, 1).request
    code = row.needed("shipping_carrier_code")
    contact, email = row.needed("contact", most=16), row.needed("email")
    number = max(ask.mall.carriers, default=0) + 1
    ask.mall.carriers[number] = Carrier(number, code, row.text("shipping_carrier") or code, "", contact, email=email)
    return {"carrier": render.carrier(ask.mall.carriers[number])}


def put_carrier(ask: Ask) -> Obj:
    carrier = carrier_of(ask)
    open_envelope(ask.body, 1).request.needed_choice("default_shipping_carrier", ("T",))
    for other in ask.mall.carriers.values():
        other.default = other is carrier
    return {"carrier": render.carrier(carrier)}


def delete_carrier(ask: Ask) -> Obj:
    carrier = carrier_of(ask)
    if carrier.default and ask.query.text("delete_default_carrier") != "T":
        raise Refused(422, "The default carrier can not be deleted.")
    del ask.mall.carriers[carrier.id]
    return {"carrier": {"shop_no": 1, "carrier_id": carrier.id}}


READ, WRITE = "mall.read_order", "mall.write_order"
ROUTES = (
    Route("GET", "/orders", READ, list_orders),
    Route("PUT", "/orders", WRITE, put_orders),
    Route("GET", "/orders/count", READ, count_orders),
    Route("GET", "/orders/dashboard", READ, dashboard),
    Route("GET", "/orders/memos", READ, list_memos),
    Route("GET", "/orders/{order_id}", READ, get_order),
    Route("PUT", "/orders/{order_id}", WRITE, put_order),
    Route("GET", "/orders/{order_id}/items", READ, get_items),
    Route("PUT", "/orders/{order_id}/items/{order_item_code}", WRITE, put_item),
    Route("GET", "/orders/{order_id}/items/{order_item_code}/history", READ, item_history),
    Route("GET", "/orders/{order_id}/receivers", READ, get_receivers),
    Route("PUT", "/orders/{order_id}/receivers", WRITE, put_receivers),
    Route("GET", "/orders/{order_id}/receivers/history", READ, receiver_history),
    Route("PUT", "/orders/{order_id}/receivers/{shipping_code}", WRITE, put_receiver),
    Route("GET", "/orders/{order_id}/buyer", READ, get_buyer),
    Route("PUT", "/orders/{order_id}/buyer", WRITE, put_buyer),
    Route("GET", "/orders/{order_id}/memos", READ, get_memos),
    Route("POST", "/orders/{order_id}/memos", WRITE, post_memo),
    Route("PUT", "/orders/{order_id}/memos/{memo_no}", WRITE, put_memo),
    Route("DELETE", "/orders/{order_id}/memos/{memo_no}", WRITE, delete_memo),
    Route("GET", "/carriers", "mall.read_shipping", list_carriers),
    Route("POST", "/carriers", "mall.write_shipping", post_carrier),
    Route("GET", "/carriers/{carrier_id}", "mall.read_shipping", get_carrier),
    Route("PUT", "/carriers/{carrier_id}", "mall.write_shipping", put_carrier),
    Route("DELETE", "/carriers/{carrier_id}", "mall.write_shipping", delete_carrier),
)
