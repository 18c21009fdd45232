"""Foreign JSON to the shop's vocabulary and back. Strict: a body of another shape is a `Malformed` that names the path, never a KeyError. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from sangdam.commerce.cafe24.times import parse_mall_date, parse_mall_time
from sangdam.commerce.statuses import class_of, text_of
from sangdam.core.ids import MemberId, OrderId
from sangdam.core.phone import Phone, parse_phone
from sangdam.core.shop import (
    CLAIM_CLASSES,
    Amounts,
    Buyer,
    Carrier,
    Claim,
    Customer,
    Fee,
    Item,
    Order,
    OrderPlace,
    Place,
    Receiver,
    Shipment,
    ShippingTerms,
    StatusClass,
    Ticket,
    TicketDraft,
)  # fmt: skip

_ORDER_ID = re.compile(r"\d{8}-\d{7}", re.ASCII)
_OPTION = re.compile(r",\s*(?=[^=,]+=)")
"""Between two options; a comma inside a value is none."""
_AMOUNT = re.compile(r"-?\d{1,13}(\.\d{1,4})?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,12}", re.ASCII)
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Neither a database nor UTF-8 holds these."""
_PLACES: Mapping[str, OrderPlace] = {
    "self": OrderPlace.MALL, "cafe24": OrderPlace.MALL, "mobile": OrderPlace.MALL, "mobile_d": OrderPlace.MALL,
    "ncheckout": OrderPlace.NAVERPAY_ORDER, "checkout": OrderPlace.NAVERPAY_ORDER, "naverpay": OrderPlace.NAVERPAY_ORDER,
    "kakao": OrderPlace.KAKAO, "kakaotalk": OrderPlace.KAKAO, "ktalk": OrderPlace.KAKAO,
}  # fmt: skip
_METHODS: Mapping[str, str] = {
    "shipping_01": "택배", "shipping_02": "빠른등기", "shipping_04": "직접배송", "shipping_05": "퀵배송", "shipping_06": "기타", "shipping_07": "화물배송",
    "shipping_08": "매장직접수령", "shipping_09": "배송필요없음", "shipping_10": "배송방법 선택",
}  # fmt: skip


_WIDE = 10**12


class Malformed(ValueError):
    """The mall's answer has another shape than the reference."""


class Fields:
    """One foreign object, read field by field with its path."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise Malformed(f"{path}: not an object")
        self._fields = cast("dict[str, Any]", value)
        self.path = path

    def get(self, name: str) -> Any:
        return self._fields.get(name)

    def has(self, name: str) -> bool:
        return self._fields.get(name) not in (None, "")

    def text(self, name: str, default: str | None = None) -> str:
        value = self._fields.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise Malformed(f"{self.path}.{name}: not text")
        if isinstance(value, int):
            return str(self.whole(name))
        return _UNSTORABLE.sub("", value)

    def optional(self, name: str) -> str | None:
        value = self._fields.get(name)
        if value is None:
            return None
        return self.text(name).strip() or None

    def whole(self, name: str, default: int | None = None) -> int:
        value = self._fields.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise Malformed(f"{self.path}.{name}: not a whole number")
        if isinstance(value, int):
            if abs(value) >= _WIDE:
                raise Malformed(f"{self.path}.{name}: not a whole number")
            return value
        if not _WHOLE.fullmatch(value):
            raise Malformed(f"{self.path}.{name}: not a whole number")
        return int(value)

    def money(self, name: str) -> Decimal:
        """An amount; nothing written is 0."""
        value = self._fields.get(name)
        if value is None or value == "":
            return Decimal(0)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or abs(_size(value)) >= _WIDE:
            raise Malformed(f"{self.path}.{name}: not an amount")
        if not _AMOUNT.fullmatch(str(value)):
            raise Malformed(f"{self.path}.{name}: not an amount")
        return Decimal(str(value))

    def time(self, name: str) -> datetime | None:
        try:
            return parse_mall_time(self._fields.get(name))
        except ValueError:
            raise Malformed(f"{self.path}.{name}: not a time") from None

    def day(self, name: str) -> date | None:
        try:
            return parse_mall_date(self._fields.get(name))
        except ValueError:
            raise Malformed(f"{self.path}.{name}: not a date") from None

    def list(self, name: str) -> Sequence[object]:
        value = self._fields.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise Malformed(f"{self.path}.{name}: not a list")
        return cast("list[object]", value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; nothing written is left out."""
        entries = {f"{name}[{n}]": entry for n, entry in enumerate(self.list(name))}
        found = Fields(entries, self.path)
        return tuple(text for text in (found.optional(entry) for entry in entries) if text is not None)

    def inner(self, name: str) -> "Fields":
        return Fields(self._fields.get(name), f"{self.path}.{name}")


def _size(value: str | float) -> float:
    """Of a number; a text is judged by its pattern. A huge int must not be written out."""
    return 0 if isinstance(value, str) else value


def root(body: object, name: str) -> Fields:
    return Fields(body, "$").inner(name)


def rows(body: object, name: str) -> list[Fields]:
    found = Fields(body, "$")
    if not isinstance(found.get(name), list):
        raise Malformed(f"$.{name}: not a list")
    return [Fields(row, f"$.{name}[{n}]") for n, row in enumerate(found.list(name))]


def order(fields: Fields) -> Order:
    """An order with `items` and `buyer` embedded; `receivers` where they were asked for."""
    order_id = order_id_of(fields, "order_id")
    items = tuple(item(Fields(row, f"{fields.path}.items[{n}]")) for n, row in enumerate(fields.list("items")))
    actual = (
        fields.inner("actual_order_amount")
        if fields.get("actual_order_amount")
        else fields.inner("initial_order_amount")
    )
    ordered_at = fields.time("order_date")
    if ordered_at is None:
        raise Malformed(f"{fields.path}.order_date: missing")
    member = fields.optional("member_id")
    paid = {"T": "yes", "M": "partial"}.get(fields.text("paid", "F"), "no")
    return Order(
        order_id=order_id,
        ordered_at=ordered_at,
        member_id=MemberId(member) if member is not None else None,
        buyer=buyer(fields.inner("buyer"), member),
        paid=paid,
        payment_methods=fields.texts("payment_method_name") or fields.texts("payment_method"),
        amounts=amounts(fields, actual, paid),
        items=items,
        receivers=tuple(
            receiver(Fields(row, f"{fields.path}.receivers[{n}]")) for n, row in enumerate(fields.list("receivers"))
        ),
        place=place_of(fields.optional("market_id"), fields.optional("order_place_id")),
        payment_deadline=fields.time("payment_due_date"),
        auto_cancels=fields.text("auto_cancel", "F") == "T",
    )


def order_id_of(fields: Fields, name: str) -> OrderId:
    text = fields.text(name)
    if not _ORDER_ID.fullmatch(text):
        raise Malformed(f"{fields.path}.{name}: no order number")
    return OrderId(text)


def amounts(fields: Fields, actual: Fields, paid: str) -> Amounts:
    discount = sum(
        (
            actual.money(name)
            for name in (
                "coupon_discount_price",
                "membership_discount_amount",
                "set_product_discount_amount",
                "app_discount_amount",
                "shipping_fee_discount_amount",
                "coupon_shipping_fee_amount",
                "market_other_discount_amount",
            )
        ),
        Decimal(0),
    )
    payment = actual.money("payment_amount") or fields.money("payment_amount")
    due = actual.money("total_amount_due")
    return Amounts(
        products=actual.money("order_price_amount"),
        shipping=actual.money("shipping_fee"),
        discount=discount,
        paid=payment if paid != "no" else Decimal(0),
        due=due or payment if paid == "no" else due,
        currency=fields.text("currency", "KRW"),
    )


def place_of(market: str | None, place: str | None) -> OrderPlace:
    """Where the checkout stood; an unknown place is a market, where nothing may be changed from here."""
    found = {_PLACES.get(name.lower(), OrderPlace.MARKET) for name in (market, place) if name is not None}
    return next(
        (kind for kind in (OrderPlace.NAVERPAY_ORDER, OrderPlace.KAKAO, OrderPlace.MARKET) if kind in found),
        OrderPlace.MALL,
    )


def item(fields: Fields) -> Item:
    code = fields.text("order_status")
    status = class_of(code)
    text = text_of(code, fields.optional("status_text"))
    return Item(
        order_item_code=fields.text("order_item_code"),
        product_no=fields.whole("product_no", 0),
        variant_code=fields.text("variant_code", ""),
        name=fields.text("product_name"),
        option=option_text(fields.optional("option_value")),
        quantity=fields.whole("quantity", 1),
        price=fields.money("product_price") + fields.money("option_price"),
        status_code=code,
        status_class=status,
        status_text=text,
        claim=Claim(status, fields.optional("claim_code"), text) if status in CLAIM_CLASSES else None,
        shipping_code=fields.optional("shipping_code"),
        thumbnail=None,
        shipped_at=fields.time("shipped_date"),
        delivered_at=fields.time("delivered_date"),
        expected_ship_date=fields.day("shipping_expected_date"),
    )


def option_text(value: str | None) -> str:
    """`색상=화이트, 사이즈=M` → `화이트 / M`; anything else as it stands."""
    if value is None:
        return ""
    parts = [part.partition("=") for part in _OPTION.split(value)]
    if not all(sign for _, sign, _ in parts):
        return value.strip()
    return " / ".join(chosen.strip() for _, _, chosen in parts if chosen.strip())


def buyer(fields: Fields, member: str | None) -> Buyer:
    return Buyer(
        name=fields.text("name", ""),
        cellphone=phone(fields.optional("cellphone")),
        phone=phone(fields.optional("phone")),
        member_id=MemberId(member) if member is not None else None,
        email=fields.optional("email"),
    )


def phone(text: str | None) -> Phone | None:
    return parse_phone(text) if text is not None else None


def receiver(fields: Fields) -> Receiver:
    return Receiver(
        shipping_code=fields.text("shipping_code", ""),
        name=fields.text("name", ""),
        cellphone=fields.text("cellphone", ""),
        phone=fields.text("phone", ""),
        place=Place(fields.text("zipcode", ""), fields.text("address1", ""), fields.text("address2", "")),
        message=fields.text("shipping_message", ""),
    )


def receiver_request(of: Receiver) -> dict[str, str]:
    """All fields: a partial set is not known to be safe. The member's own default address stays as it is."""
    return {
        "name": of.name,
        "phone": dashed(of.phone),
        "cellphone": dashed(of.cellphone),
        "zipcode": of.place.zipcode,
        "address1": of.place.address1,
        "address2": of.place.address2,
        "shipping_message": of.message,
        "change_default_shipping_address": "F",
    }


def dashed(number: str) -> str:
    """As Korean malls demand it; what is no Korean number stays as it was."""
    known = parse_phone(number)
    return known.dashed if known is not None else number


def ticket_request(draft: TicketDraft) -> dict[str, str]:
    about = {"order_id": draft.order_id, "member_id": draft.member_id}
    return {
        "writer": draft.writer,
        "title": draft.title,
        "content": draft.content,
        "client_ip": draft.client_ip,
        "secret": "T",
        "input_channel": "M",
        **{name: value for name, value in about.items() if value is not None},
    }


def ticket(fields: Fields) -> Ticket | None:
    """None for an article that answers another."""
    if fields.whole("reply_depth", 0):
        return None
    created = fields.time("created_date")
    if created is None:
        raise Malformed(f"{fields.path}.created_date: missing")
    order_id = fields.optional("order_id")
    return Ticket(
        board_no=fields.whole("board_no"),
        article_no=fields.whole("article_no"),
        created_at=created,
        title=fields.text("title", ""),
        content=fields.text("content", ""),
        order_id=OrderId(order_id) if order_id is not None else None,
        open=fields.text("reply_status", "N") != "C" and fields.text("deleted", "F") == "F",
    )


_SHIPMENT_STATUS: Mapping[str, tuple[StatusClass, str]] = {
    "standby": (StatusClass.READY_TO_SHIP, "배송대기"),
    "shipping": (StatusClass.IN_TRANSIT, "배송중"),
    "shipped": (StatusClass.DELIVERED, "배송완료"),
}


def shipment(fields: Fields, of: Order) -> Shipment:
    """A parcel; its state is that of its items in the order, which is the mall's own word."""
    lines = [Fields(row, f"{fields.path}.items[{n}]") for n, row in enumerate(fields.list("items"))]
    codes = tuple(entry.text("order_item_code") for entry in lines)
    mine = [entry for entry in of.items if entry.order_item_code in codes]
    told = lines[0].text("status", "").strip() if lines else ""
    status, text = _SHIPMENT_STATUS.get(told, (StatusClass.OTHER, ""))
    moving = [entry for entry in mine if entry.status_class not in CLAIM_CLASSES]
    if moving:
        least = min(moving, key=lambda entry: list(StatusClass).index(entry.status_class))
        status, text = least.status_class, least.status_text
    return Shipment(
        shipping_code=fields.text("shipping_code", ""),
        carrier_code=fields.optional("shipping_company_code"),
        tracking_no=fields.optional("tracking_no"),
        status_class=status,
        status_text=text,
        order_item_codes=codes,
        registered_at=fields.time("tracking_no_updated_date"),
    )


def carrier(fields: Fields) -> Carrier:
    url = fields.optional("track_shipment_url")
    return Carrier(
        fields.text("shipping_carrier_code"),
        fields.text("shipping_carrier"),
        url if url is not None and url.startswith("https://") else None,
    )


def customer(fields: Fields) -> Customer | None:
    """None for a record without an id (CUSTOMER_MEMBER_ID_MISSING)."""
    member = fields.optional("member_id")
    if member is None:
        return None
    return Customer(MemberId(member), fields.whole("group_no", 0) or None, fields.day("created_date"))


def shipping_terms(fields: Fields) -> ShippingTerms:
    period = fields.get("shipping_period")
    days = Fields(period, f"{fields.path}.shipping_period") if period is not None else None
    kind = fields.text("shipping_fee_type", "")
    return ShippingTerms(
        method_text=_METHODS.get(fields.text("shipping_method", ""), "택배"),
        area_text=fields.text("shipping_place", ""),
        days_min=days.whole("minimum") if days is not None and days.get("minimum") is not None else None,
        days_max=days.whole("maximum") if days is not None and days.get("maximum") is not None else None,
        fee=fee(fields, kind),
        prepaid={"P": True, "C": False}.get(fields.text("prepaid_shipping_fee", "")),
        return_address=fields.inner("return_address").optional("address1") if fields.get("return_address") else None,
    )


def fee(fields: Fields, kind: str) -> Fee:
    match kind:
        case "T":
            return Fee("free")
        case "R" if fields.has("shipping_fee"):
            return Fee("fixed", fields.money("shipping_fee"))
        case "M" if fields.has("shipping_fee") and fields.has("free_shipping_price"):
            return Fee("free_over", fields.money("shipping_fee"), fields.money("free_shipping_price"))
        case _:
            return Fee("other")
