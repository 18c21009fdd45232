"""Calls that steer the sandbox and look behind it: state, faults, clock, orders, stock, buckets. Not part of any real API."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from cafe24_sandbox import mall as moves
from cafe24_sandbox import render
from cafe24_sandbox.cast import CJ, cast_of
from cafe24_sandbox.http import Request
from cafe24_sandbox.model import STATUS_NAMES, Address, ClaimKind, Mall, Order
from cafe24_sandbox.seed_orders import PAYMENTS, PLACES, Draft, Line, Person, person_of, put_order
from cafe24_sandbox.tokens import SCOPES
from cafe24_sandbox.wire import Fields, Obj, Refused, as_list, as_object, digits
from cafe24_sandbox.world import World

EVERYTHING = frozenset({"items", "receivers", "buyer", "return", "cancellation", "exchange", "refunds"})
ACTOR = "control"
CLAIM_KINDS: dict[str, ClaimKind] = {kind: kind for kind in moves.CLAIM_STATES}


def shown_order(mall: Mall, order: Order) -> Obj:
    """The order as the API shows it with all embeds, and its parcels, memos and trail beside it."""
    return render.order(mall, order, EVERYTHING) | {
        "shipments": render.shipments(order),
        "memos": [render.memo(m, order.id) for m in order.memos],
        "receiver_changes": [render.receiver_change(change) for change in order.receiver_changes],
        "item_changes": [
            {"order_item_code": c.item_code, "at": c.at.isoformat(), "before": c.before, "after": c.after, "by": c.by}
            for c in order.item_changes
        ],
    }


PARTS: dict[str, Callable[[World, Mall], object]] = {
    "orders": lambda _, m: [
        shown_order(m, o) for o in sorted(m.orders.values(), key=lambda o: (o.at, o.id), reverse=True)
    ],
    "customers": lambda _, m: [render.customer_privacy(c) for c in m.customers.values()],
    "products": lambda _, m: [
        render.product(m, p, "", frozenset({"variants", "inventories"}), detail=True) for p in m.products.values()
    ],
    "articles": lambda _, m: [render.article(a) for posts in m.articles.values() for a in posts.values()],
    "comments": lambda _, m: [render.comment(c) for c in m.comments.values()],
    "boards": lambda _, m: [render.board(b) for b in m.boards.values()],
    "carriers": lambda _, m: [render.carrier(c) for c in m.carriers.values()],
    "suppliers": lambda _, m: [render.supplier(s, None, True) for s in m.suppliers.values()],
    "urgentinquiry": lambda _, m: [render.urgent(u) for u in m.urgents.values()],
    "customer_memos": lambda _, m: [
        {"memo_no": c.no, "member_id": c.member_id, "author_id": c.author, "memo": c.memo}
        for c in m.customer_memos.values()
    ],
    "sms": lambda w, _: [m.shown() for m in reversed(w.phones.messages)],
    "webhook_log": lambda _, m: m.webhook_log,
    "settings": lambda _, m: {"installed": m.installed, "address_open_in": sorted(m.settings.address_open_in)},
}


def state(world: World, mall: Mall, order_id: str | None = None, only: list[str] | None = None) -> Obj:
    """All present records of a mall, or the named parts of them; with an order id that order alone."""
    if order_id is not None:
        return {"mall_id": mall.id, "orders": [shown_order(mall, order_of(mall, order_id))]}
    known: Obj = {
        "mall_id": mall.id,
        "start_day": world.start_day.isoformat(),
        "now": world.clock.now().isoformat(),
    }
    return known | {name: shown(world, mall) for name, shown in PARTS.items() if only is None or name in only}


def order_of(mall: Mall, order_id: str) -> Order:
    order = mall.orders.get(order_id)
    if order is None:
        raise Refused(404, "Order not found.")
    return order


# -- orders -----------------------------------------------------------------------------------------------------------


def advance(world: World, mall: Mall, order: Order, row: Fields) -> None:
    """The next step of an ordinary order: paid, preparing, shipped, delivered, confirmed."""
    now = world.clock.now()
    states = {i.status for i in order.items if i.status[0] == "N"}
    if states & {"N00", "N02"}:
        moves.pay(mall, order, now, ACTOR)
    elif "N10" in states:
        moves.prepare(mall, order, "N20", codes_in(order, "N10"), now, ACTOR)
    elif "N22" in states:
        moves.unhold(mall, order, None, now, ACTOR)
    elif states & {"N20"}:
        ship(world, mall, order, row)
    elif states & {"N21", "N30"}:
        goal = "shipping" if "N21" in states else "shipped"
        for parcel in parcels_in(order, "N21" if goal == "shipping" else "N30"):
            moves.change_shipment_state(mall, order, parcel, goal, now, ACTOR)
    elif "N40" in states:
        moves.confirm(mall, order, codes_in(order, "N40"), False, now, ACTOR)
    else:
        raise Refused(422, "This order has no next step.")


def codes_in(order: Order, status: str) -> list[str]:
    return [i.code for i in order.items if i.status == status]


def parcels_in(order: Order, status: str) -> list[str]:
    return list(dict.fromkeys(i.shipping_code for i in order.items if i.status == status))


def ship(world: World, mall: Mall, order: Order, row: Fields) -> None:
    """Ship what has not left, or the named items; each receiver's goods become a parcel of their own."""
    named = row.texts("order_item_code")
    wanted = [i for i in order.items if (i.code in named if named is not None else i.status in moves.SHIPPABLE)]
    if not wanted:
        raise Refused(422, "Nothing to ship.")
    for parcel in dict.fromkeys(i.shipping_code for i in wanted):
        moves.ship(
            mall,
            order,
            tracking_no=row.text("tracking_no") or f"{690000000000 + mall.serial('tracking', 100012)}",
            company_code=row.text("shipping_company_code") or CJ,
            status=row.choice("status", ("standby", "shipping")) or "shipping",
            codes=[i.code for i in wanted if i.shipping_code == parcel],
            carrier_id=None,
            now=world.clock.now(),
            by=ACTOR,
            known_carrier=False,
        )


def deliver(world: World, mall: Mall, order: Order, row: Fields) -> None:
    parcels = [row.needed("shipping_code")] if row.has("shipping_code") else parcels_in(order, "N30")
    if not parcels:
        raise Refused(422, "Nothing is in transit.")
    for parcel in parcels:
        moves.change_shipment_state(mall, order, parcel, "shipped", world.clock.now(), ACTOR)


def set_status(world: World, mall: Mall, order: Order, row: Fields) -> None:
    """Put items into a state whatever the mall's rules say; the trail and webhook 90024 are kept."""
    status = row.needed_choice("status", tuple(STATUS_NAMES))
    named = row.texts("order_item_code")
    items = moves.chosen(order, named if named is not None else [i.code for i in order.items])
    now = world.clock.now()
    for item in items:
        if item.status[0] == "N" and status[0] != "N":
            item.before_claim = item.status
        if status[0] == "N":
            item.before_claim = None
        moves.move(order, item, status, now, ACTOR)
        if status in {"N30", "N40", "N50"}:
            item.shipped = item.shipped or now
        if status in {"N40", "N50"}:
            item.delivered = item.delivered or now
    if status not in {"N00", "N02", "C47", "C48", "C49"} and order.paid_at is None:
        order.paid_at = now
    moves.order_event(mall, order, moves.SHIPPING_CHANGED)


def cancel(world: World, mall: Mall, order: Order, row: Fields) -> None:
    """End an order that has not left: unpaid as C47, C48 or C49, paid by a claim that is done and refunded at once."""
    now = world.clock.now()
    if any(i.status in {"N00", "N02"} for i in order.items):
        moves.auto_cancel(mall, order, row.choice("status", ("C47", "C48", "C49")) or "C47", now)
        return
    named = row.texts("order_item_code")
    wanted = [i for i in order.items if (i.code in named if named is not None else i.status in moves.SHIPPABLE)]
    rows = [(i.code, i.quantity) for i in wanted]
    result = moves.open_claim(mall, order, "cancellation", rows, "canceled", now, ACTOR)
    result.gateway_cancelled = moves.can_cancel_at_gateway(order)
    moves.complete_refund(mall, order, result, now, ACTOR)


def claim(world: World, mall: Mall, order: Order, row: Fields) -> None:
    """A claim of the buyer (`requested`) or the seller; an open one of the same items is moved on instead."""
    kind = CLAIM_KINDS[row.needed_choice("kind", tuple(CLAIM_KINDS))]
    status = row.choice("status", ("requested", *moves.CLAIM_STATES[kind])) or "requested"
    named, now = row.texts("order_item_code"), world.clock.now()
    reason_type, reason = row.text("reason_type") or "A", row.text("reason") or "단순 변심"
    # The new lines an exchange adds are no goods to claim.
    wanted = moves.chosen(order, named or [i.code for i in order.items if not i.original_items])
    rows = [(i.code, i.quantity) for i in wanted]
    if status == "requested":
        moves.request_claim(mall, order, kind, rows, reason_type, reason, now, ACTOR)
        return
    codes = {i.claim_code for i in wanted}
    existing = mall.claims.get(codes.pop() or "") if len(codes) == 1 else None
    if existing is not None and existing.kind == kind and not existing.undone:
        moves.advance_claim(mall, order, existing, status, now, ACTOR)
        return
    opened = moves.open_claim(mall, order, kind, rows, status, now, ACTOR)
    opened.reason_type, opened.reason = opened.reason_type or reason_type, opened.reason or reason


ORDER_MOVES: dict[str, Callable[[World, Mall, Order, Fields], None]] = {
    "advance": advance,
    "ship": ship,
    "deliver": deliver,
    "status": set_status,
    "cancel": cancel,
    "claim": claim,
}


def post_orders(world: World, request: Request, row: Fields) -> Obj:
    """A new order arrives: webhook 90023, and stock goes down. `member_id`, or `name` and `phone` of a guest; see the document."""
    mall, now = mall_of(world, request, row), world.clock.now()
    member = mall.customers.get(row.text("member_id") or "")
    if row.has("member_id") and member is None:
        raise Refused(404, "Customer not found.")
    lines: list[Line] = []
    payment = row.choice("payment", tuple(PAYMENTS)) or "card"
    for each in row.rows("items") or ():
        product = mall.products.get(each.whole("product_no", 1) or 0)
        code = each.text("variant_code")
        variant = next((v for v in product.variants if code in (None, v.code)), None) if product is not None else None
        if product is None or variant is None:
            raise Refused(404, "Product not found.")
        quantity, status = each.whole("quantity", 1, 99) or 1, "N00" if payment == "bank" else "N10"
        lines.append(Line(product.no, "/".join(value for _, value in variant.options), status, quantity))
    if not lines:
        raise row.refuse("items", "is a required field.")
    home = Address("04524", "서울특별시 중구 세종대로 110", "3층")
    buyer = (
        person_of(member)
        if member is not None
        else Person(
            row.needed("name", most=20), row.phone("phone") or row.needed("phone"), "", "guest@example.com", home
        )
    )
    order_id = moves.next_order_id(mall, now.date())
    draft = Draft(order_id, now, buyer, tuple(lines), payment, row.choice("place", tuple(PLACES)) or "mobile")
    order = put_order(mall, draft)
    order.paid_at = None if order.paid_at is None else now
    for change in order.item_changes:
        change.at = now
    moves.place_order(mall, order, now)
    return {"order": shown_order(mall, order)}


def move_order(world: World, request: Request, row: Fields, order_id: str, step: str) -> Obj:
    mall = mall_of(world, request, row)
    order = order_of(mall, order_id)
    ORDER_MOVES[step](world, mall, order, row)
    return {"order": shown_order(mall, order)}


# -- the rest ---------------------------------------------------------------------------------------------------------


def mall_of(world: World, request: Request, row: Fields | None = None) -> Mall:
    """`?mall=` or the body's `mall`; the first mall when neither says."""
    named = request.query.get("mall") or (row.text("mall") if row is not None else None)
    mall = world.malls.get(named or world.config.malls[0])
    if mall is None:
        raise Refused(404, "No such mall.")
    return mall


def get_state(world: World, request: Request, row: Fields) -> Obj:
    """`?order_id=` for one order, `?only=orders,customers` for some parts; everything is over ten megabytes."""
    return state(world, mall_of(world, request), request.query.get("order_id"), Fields(request.query).texts("only"))


def get_orders(world: World, request: Request, row: Fields) -> Obj:
    """A short list for people, newest first: `?find=` part of a name, phone or order number, `?limit=` up to 200."""
    mall = mall_of(world, request)
    find, limit = request.query.get("find", "").strip(), Fields(request.query).whole("limit", 1, 200) or 50
    plain = digits(find)

    def wanted(order: Order) -> bool:
        by_number = len(plain) >= 4 and (plain in digits(order.buyer.cellphone) or plain in digits(order.id))
        return find == "" or find in order.buyer.name or find == order.id or by_number

    found = sorted((o for o in mall.orders.values() if wanted(o)), key=lambda o: (o.at, o.id), reverse=True)
    return {
        "total": len(found),
        "orders": [
            {
                "order_id": o.id,
                "ordered_at": o.at.isoformat(),
                "buyer": o.buyer.name,
                "phone": o.buyer.cellphone,
                "items": [
                    {
                        "name": i.name,
                        "option": i.option_value,
                        "status": i.status,
                        "status_text": STATUS_NAMES.get(i.status, i.status),
                    }
                    for i in o.items
                ],
            }
            for o in found[:limit]
        ],
    }


def get_faults(world: World, request: Request, row: Fields) -> Obj:
    return {"faults": [f.shown() for f in world.faults.rules]}


def post_faults(world: World, request: Request, row: Fields) -> Obj:
    """One rule, or `{"faults": [...]}` to add several."""
    rows = row.rows("faults")
    added = [world.faults.add(each) for each in (rows if rows is not None else [row])]
    return {"faults": [f.shown() for f in added]}


def delete_faults(world: World, request: Request, row: Fields) -> Obj:
    number = request.query.get("id")
    world.faults.clear(int(number) if number is not None and number.isdecimal() else None)
    return {"faults": [f.shown() for f in world.faults.rules]}


def post_stock(world: World, request: Request, row: Fields, product_no: str) -> Obj:
    """Set the quantity of one variant, or of all when none is named."""
    mall = mall_of(world, request, row)
    product = mall.products.get(int(product_no)) if product_no.isdecimal() else None
    if product is None:
        raise Refused(404, "Product not found.")
    quantity, code = row.whole("quantity", -(10**6), 10**9), row.text("variant_code")
    if quantity is None:
        raise row.refuse("quantity", "is a required field.")
    variants = [v for v in product.variants if code is None or v.code == code]
    if not variants:
        raise Refused(404, "Variant not found.")
    for variant in variants:
        moves.set_stock(mall, product, variant, quantity, world.clock.now())
    return {"product": render.product(mall, product, "", frozenset({"variants", "inventories"}), detail=True)}


def post_clock(world: World, request: Request, row: Fields) -> Obj:
    """`{"advance_seconds": n}`, `{"at": moment}`, `{"freeze": true|false}` or `{"reset": true}`."""
    given, clock = row.raw(), world.clock
    if given.get("reset") is True:
        clock.reset()
    if (at := row.text("at")) is not None:
        try:
            moment = datetime.fromisoformat(at)
        except ValueError as broken:
            raise row.refuse("at", "is not a moment.") from broken
        if moment.tzinfo is None:
            raise row.refuse("at", "needs an offset.")
        clock.go_to(moment)
    if (seconds := row.whole("advance_seconds", -(10**9), 10**9)) is not None:
        clock.shift(timedelta(seconds=seconds))
    if given.get("freeze") is True:
        clock.freeze()
    if given.get("freeze") is False:
        clock.thaw()
    cancelled = cancel_overdue(world)
    return {"now": clock.now().isoformat(), "frozen": clock.frozen, "auto_cancelled": cancelled}


def cancel_overdue(world: World) -> list[str]:
    """Unpaid orders past their day become C48, as the mall's nightly job does."""
    now = world.clock.now()
    gone: list[str] = []
    for mall in world.malls.values():
        for order in mall.orders.values():
            overdue = order.paid_at is None and order.payment_due is not None and order.payment_due < now
            if overdue and all(i.status in {"N00", "N02"} for i in order.items):
                moves.auto_cancel(mall, order, "C48", now)
                gone.append(order.id)
    return gone


def post_reset(world: World, request: Request, row: Fields) -> Obj:
    """`{"keep_tokens": true}` leaves the connected app connected."""
    tokens = world.tokens
    world.reset(seed=row.whole("seed", 0))
    if row.raw().get("keep_tokens") is True:
        world.tokens = tokens
    return {"start_day": world.start_day.isoformat(), "orders": {m.id: len(m.orders) for m in world.malls.values()}}


def post_bucket(world: World, request: Request, row: Fields) -> Obj:
    """`open`, `level`, `limit`, `quota` (calls in 10 minutes), or `usage` with `seconds` to show a usage and block at 100."""
    mall = mall_of(world, request, row)
    bucket, given = world.buckets[mall.id], row.raw()
    if isinstance(given.get("open"), bool):
        bucket.open = given["open"] is True
    if (level := row.whole("level", 0, 1000)) is not None:
        bucket.level, bucket.seen = float(level), world.clock.now()
    if (limit := row.whole("limit", 1, 1000)) is not None:
        bucket.limit = limit
    if "quota" in given:
        bucket.quota = row.whole("quota", 1)
        bucket.used, bucket.window_from = 0, None
    if (usage := row.whole("usage", 0, 1000)) is not None:
        bucket.force(float(usage), row.whole("seconds", 0, 86400) or 30, world.clock.now())
    if isinstance(given.get("limit_token_calls"), bool):
        world.tokens[mall.id].limit_calls = given["limit_token_calls"] is True
    return {
        "open": bucket.open,
        "level": bucket.level,
        "limit": bucket.limit,
        "quota": bucket.quota,
        "usage": bucket.usage(),
        "limit_token_calls": world.tokens[mall.id].limit_calls,
    }


def get_calls(world: World, request: Request, row: Fields) -> Obj:
    """Counts by `METHOD path`, and the latest calls; `?path=` keeps those a regular expression finds."""
    pattern = request.query.get("path", "")
    try:
        keep = re.compile(pattern)
    except re.error as broken:
        raise row.refuse("path", "is not a regular expression.") from broken
    counted = {name: count for name, count in world.calls.counted.items() if keep.search(name)}
    recent = [s.shown() for s in reversed(world.calls.recent) if keep.search(f"{s.method} {s.path}")]
    return {"total": sum(counted.values()), "by_path": counted, "recent": recent[:100]}


def delete_calls(world: World, request: Request, row: Fields) -> Obj:
    world.calls.counted.clear()
    world.calls.recent.clear()
    return {"total": 0}


def get_cast(world: World, request: Request, row: Fields) -> Obj:
    cast = cast_of(world.start_day)
    return {
        "start_day": cast.start_day.isoformat(),
        "shoppers": [
            {"name": s.name, "phone": s.phone, "member_id": s.member_id, "orders": s.orders}
            for s in cast.shoppers.values()
        ],
    }


def post_tokens(world: World, request: Request, row: Fields) -> Obj:
    """A pair without a browser; `scopes` narrows it. `{"expire": true}` and `{"burn": true}` spoil the present ones instead."""
    mall, given = mall_of(world, request, row), row.raw()
    tokens = world.tokens[mall.id]
    if given.get("expire") is True or given.get("burn") is True:
        if given.get("expire") is True:
            tokens.expire(world.clock.now())
        if given.get("burn") is True:
            tokens.burn()
        return {"done": True}
    scopes = row.texts("scopes")
    if scopes is not None and any(s not in SCOPES for s in scopes):
        raise row.refuse("scopes", "is not a valid scope.")
    return world.issue(mall.id, tuple(scopes) if scopes else None)


def post_settings(world: World, request: Request, row: Fields) -> Obj:
    """Switches for what the reference leaves open: `answer_marks_parent`, `address_open_in`, `use_product_prepare`."""
    settings, given = mall_of(world, request, row).settings, row.raw()
    if isinstance(given.get("answer_marks_parent"), bool):
        settings.answer_marks_parent = given["answer_marks_parent"] is True
    if isinstance(given.get("use_product_prepare"), bool):
        settings.use_product_prepare = given["use_product_prepare"] is True
    if (states := row.texts("address_open_in")) is not None:
        if any(s not in STATUS_NAMES for s in states):
            raise row.refuse("address_open_in", "is not a valid value.")
        settings.address_open_in = frozenset(states)
    kind = row.choice("shipping_fee_type", ("T", "R", "M"))
    settings.shipping_fee_type = kind or settings.shipping_fee_type
    return {
        "answer_marks_parent": settings.answer_marks_parent,
        "use_product_prepare": settings.use_product_prepare,
        "address_open_in": sorted(settings.address_open_in),
        "shipping_fee_type": settings.shipping_fee_type,
    }


def post_webhooks(world: World, request: Request, row: Fields) -> Obj:
    """Where webhooks go, and the chance (0 to 1, or true) that one is lost, arrives twice or after the next one."""
    given, hooks = row.raw(), world.webhooks
    if "url" in given:
        hooks.url = row.text("url") or None
    if (key := row.text("key")) is not None:
        hooks.key = key
    hooks.drop = chance_of(row, "drop", hooks.drop)
    hooks.duplicate = chance_of(row, "duplicate", hooks.duplicate)
    hooks.reorder = chance_of(row, "reorder", hooks.reorder)
    if (seed := row.whole("seed", 0)) is not None:
        hooks.dice.seed(seed)
    return {"url": hooks.url, "drop": hooks.drop, "duplicate": hooks.duplicate, "reorder": hooks.reorder}


def chance_of(row: Fields, name: str, before: float) -> float:
    value = row.raw().get(name)
    if value is None:
        return before
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        raise row.refuse(name, "must be between 0 and 1.")
    return float(value)


Step: TypeAlias = Callable[[World, Request, Fields], Obj]
STEPS: dict[tuple[str, str], Step] = {
    ("GET", "state"): get_state,
    ("GET", "orders"): get_orders,
    ("POST", "orders"): post_orders,
    ("GET", "faults"): get_faults,
    ("POST", "faults"): post_faults,
    ("DELETE", "faults"): delete_faults,
    ("POST", "clock"): post_clock,
    ("POST", "reset"): post_reset,
    ("POST", "bucket"): post_bucket,
    ("GET", "calls"): get_calls,
    ("DELETE", "calls"): delete_calls,
    ("GET", "cast"): get_cast,
    ("POST", "tokens"): post_tokens,
    ("POST", "settings"): post_settings,
    ("POST", "webhooks"): post_webhooks,
}


def steer(world: World, request: Request, body: object) -> Obj:
    """One control call below `/_control/`; 404 for an unknown one."""
    if (listed := as_list(body)) is not None:
        body = {"faults": listed}
    row = Fields(as_object(body) or {})
    parts = request.path.removeprefix("/_control/").strip("/").split("/")
    match request.method, parts:
        case "POST", ["orders", order_id, step] if step in ORDER_MOVES:
            return move_order(world, request, row, order_id, step)
        case "POST", ["products", number, "stock"]:
            return post_stock(world, request, row, number)
        case method, [name] if (method, name) in STEPS:
            return STEPS[method, name](world, request, row)
        case _:
            raise Refused(404, "No such control.")
