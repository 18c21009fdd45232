"""The reference's examples become the shop's values; everything else becomes `Malformed` and nothing worse."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.commerce.goods import NOW

from cafe24_sandbox import Sandbox, SandboxConfig
from cafe24_sandbox.cast import cast_of
from sangdam.commerce.cafe24 import mapping
from sangdam.commerce.cafe24.mapping import Fields, Malformed
from sangdam.commerce.views import order_facts, summary, tracking
from sangdam.core.phone import Phone
from sangdam.core.shop import Carrier, Fee, Order, OrderPlace, StatusClass

AMOUNT = {
    "order_price_amount": "25800.00", "shipping_fee": "3000.00", "points_spent_amount": "0.00", "coupon_discount_price": "1000.00", "coupon_shipping_fee_amount": "500.00",
    "membership_discount_amount": "0.00", "shipping_fee_discount_amount": "0.00", "set_product_discount_amount": "0.00", "app_discount_amount": "0.00",
    "total_amount_due": "0.00", "payment_amount": "27300.00", "market_other_discount_amount": "0.00",
}  # fmt: skip
ITEM = {
    "order_item_code": "20260314-0000127-01", "variant_code": "P0000BCD000A", "product_no": 214, "option_value": "색상=화이트, 사이즈=M", "product_name": "린넨 셔츠",
    "product_price": "12900.00", "option_price": "500.00", "quantity": 2, "shipping_code": "D-20260314-0000127-00", "claim_code": None, "order_status": "N20",
    "status_text": "배송준비중", "shipped_date": None, "delivered_date": "", "shipping_expected_date": "2026-03-18",
}  # fmt: skip
BUYER = {"name": "김하늘", "email": "haneul@example.com", "phone": "02-0000-5678", "cellphone": "010-0000-1234"}
RECEIVER = {
    "name": "김하늘", "phone": "02-0000-5678", "cellphone": "010-0000-1234", "virtual_phone_no": None, "zipcode": "04524", "address1": "서울특별시 중구 세종대로 110", "address2": "3층 302호",
    "shipping_message": "문 앞에 놓아 주세요", "shipping_code": "D-20260314-0000127-00",
}  # fmt: skip
ORDER = {
    "order_id": "20260314-0000127", "market_id": "self", "member_id": "haneul01", "initial_order_amount": AMOUNT, "actual_order_amount": AMOUNT, "currency": "KRW",
    "payment_method": ["card"], "payment_method_name": ["신용카드"], "paid": "T", "order_date": "2026-03-14T13:02:44+09:00", "payment_amount": "27300.00", "order_place_id": "mobile",
    "items": [ITEM], "receivers": [RECEIVER], "buyer": BUYER,
}  # fmt: skip
SHIPMENT = {
    "shipping_code": "D-20260314-0000127-00", "order_id": "20260314-0000127", "tracking_no": "690000000012", "tracking_no_updated_date": "2026-03-15T10:11:00+09:00",
    "shipping_company_code": "0006", "items": [{"order_item_code": "20260314-0000127-01", "status": "shipping "}],
}  # fmt: skip
CARRIER = {"carrier_id": 3, "shipping_carrier_code": "0006", "shipping_carrier": "CJ대한통운", "track_shipment_url": "https://trace.example.com/?no="}  # fmt: skip
CUSTOMER = {"member_id": "haneul01", "group_no": 1, "created_date": "2024-05-02T00:10:00+09:00"}
SHIPPING = {
    "shipping_method": "shipping_01", "shipping_place": "전국", "shipping_period": {"minimum": 2, "maximum": 5}, "shipping_fee_type": "M", "shipping_fee": "3000.00",
    "free_shipping_price": "50000.00", "prepaid_shipping_fee": "P",
}  # fmt: skip


def order(**more: Any) -> Order:
    return mapping.order(Fields({**ORDER, **more}, "$.order"))


def test_the_reference_s_order() -> None:
    found = order()
    assert found.order_id == "20260314-0000127"
    assert found.ordered_at == datetime(2026, 3, 14, 4, 2, 44, tzinfo=UTC)
    assert (found.buyer.cellphone, found.buyer.phone) == (Phone("01000001234"), Phone("0200005678"))
    assert (found.paid, found.payment_methods, found.place) == ("yes", ("신용카드",), OrderPlace.MALL)
    assert (found.amounts.products, found.amounts.shipping, found.amounts.discount, found.amounts.paid, found.amounts.due) == (Decimal(25800), Decimal(3000), Decimal(1500), Decimal(27300), Decimal(0))  # fmt: skip
    line = found.items[0]
    assert (line.name, line.option, line.quantity, line.price) == ("린넨 셔츠", "화이트 / M", 2, Decimal(13400))
    assert (line.status_class, line.status_text, line.claim) == (StatusClass.READY_TO_SHIP, "배송준비중", None)
    assert (line.shipped_at, line.delivered_at, line.expected_ship_date) == (None, None, date(2026, 3, 18))
    assert found.receivers[0].place.zipcode == "04524"


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_guest_has_no_member_id(nobody: object) -> None:
    assert order(member_id=nobody).member_id is None


@pytest.mark.parametrize("nothing", [None, []])
def test_embedded_lists_may_be_empty_null_or_missing(nothing: object) -> None:
    found = order(items=nothing, receivers=nothing)
    assert (found.items, found.receivers) == ((), ())
    without = {name: value for name, value in ORDER.items() if name not in ("items", "receivers")}
    assert mapping.order(Fields(without, "$")).items == ()


@pytest.mark.parametrize(
    ("market", "place", "expected"),
    [
        ("self", "cafe24", OrderPlace.MALL),
        ("self", "mobile", OrderPlace.MALL),
        ("self", None, OrderPlace.MALL),
        (None, None, OrderPlace.MALL),
        ("", "", OrderPlace.MALL),
        ("NCHECKOUT", "NCHECKOUT", OrderPlace.NAVERPAY_ORDER),
        ("self", "NCHECKOUT", OrderPlace.NAVERPAY_ORDER),
        ("kakao", "kakao", OrderPlace.KAKAO),
        ("coupang", "coupang", OrderPlace.MARKET),
        ("coupang", "mobile", OrderPlace.MARKET),
        ("shopn", None, OrderPlace.MARKET),
        ("self", "somewhere", OrderPlace.MARKET),
    ],
)
def test_where_the_checkout_stood(market: str | None, place: str | None, expected: OrderPlace) -> None:
    assert order(market_id=market, order_place_id=place).place is expected


def test_an_unpaid_order_owes_what_it_will_cost() -> None:
    unpaid = {**AMOUNT, "payment_amount": "0.00", "total_amount_due": "27300.00"}
    found = order(paid="F", actual_order_amount=unpaid, payment_amount="0.00", payment_due_date="2026-03-17T23:59:59+09:00", auto_cancel="T")  # fmt: skip
    assert (found.paid, found.amounts.paid, found.amounts.due) == ("no", Decimal(0), Decimal(27300))
    assert (found.payment_deadline, found.auto_cancels) == (datetime(2026, 3, 17, 14, 59, 59, tzinfo=UTC), True)
    assert order(paid="M").paid == "partial"


@pytest.mark.parametrize("price", ["12900.00", "12900", 12900, 12900.0])
def test_prices_come_as_text_or_number(price: object) -> None:
    assert order(items=[{**ITEM, "product_price": price}]).items[0].price == Decimal(13400)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("색상=화이트, 사이즈=M", "화이트 / M"),
        ("색상=화이트,사이즈=M", "화이트 / M"),
        ("문구=안녕, 하늘아, 색상=블랙", "안녕, 하늘아 / 블랙"),
        ("사이즈=", ""),
        ("FREE", "FREE"),
        ("한 장, 두 장", "한 장, 두 장"),
        ("", ""),
        (None, ""),
    ],
)
def test_options_are_told_by_their_values(value: str | None, text: str) -> None:
    assert mapping.option_text(value) == text


@pytest.mark.parametrize(
    ("status", "told", "expected"),
    [
        ("N20", "shipping", StatusClass.READY_TO_SHIP),
        ("N30", "shipping ", StatusClass.IN_TRANSIT),
        ("N40", "shipping", StatusClass.DELIVERED),
        ("R00", "shipped", StatusClass.DELIVERED),
        ("C00", "standby", StatusClass.READY_TO_SHIP),
        ("E00", "lost", StatusClass.OTHER),
    ],
)
def test_a_parcel_stands_where_its_items_stand(status: str, told: str, expected: StatusClass) -> None:
    lines = [{"order_item_code": "20260314-0000127-01", "status": told}]
    of = order(items=[{**ITEM, "order_status": status, "status_text": ""}])
    found = mapping.shipment(Fields({**SHIPMENT, "items": lines}, "$"), of)
    assert found.status_class is expected
    assert (found.carrier_code, found.tracking_no) == ("0006", "690000000012")
    assert found.registered_at == datetime(2026, 3, 15, 1, 11, tzinfo=UTC)


def test_a_claimed_item_carries_its_claim() -> None:
    line = order(items=[{**ITEM, "order_status": "C34", "claim_code": "C20260316-0000003", "status_text": ""}]).items[0]
    assert line.claim is not None
    assert (line.claim.kind, line.claim.code, line.claim.status_text) == (
        StatusClass.CANCEL,
        "C20260316-0000003",
        "취소처리중",
    )


@pytest.mark.parametrize("url", ["http://trace.example.com/?no=", "javascript:alert(1)", "", None, "trace.example.com"])
def test_only_an_https_page_is_a_link(url: str | None) -> None:
    assert mapping.carrier(Fields({**CARRIER, "track_shipment_url": url}, "$")).tracking_url is None
    assert mapping.carrier(Fields(CARRIER, "$")) == Carrier("0006", "CJ대한통운", "https://trace.example.com/?no=")


def test_a_member_s_day_is_seoul_s_and_a_record_without_an_id_is_none() -> None:
    found = mapping.customer(Fields(CUSTOMER, "$"))
    assert found is not None
    assert (found.member_id, found.group_no, found.since) == ("haneul01", 1, date(2024, 5, 2))
    assert mapping.customer(Fields({**CUSTOMER, "member_id": ""}, "$")) is None
    assert mapping.customer(Fields({"group_no": 1}, "$")) is None


@pytest.mark.parametrize(
    ("fields", "fee"),
    [
        ({}, Fee("free_over", Decimal(3000), Decimal(50000))),
        ({"shipping_fee_type": "T"}, Fee("free")),
        ({"shipping_fee_type": "R"}, Fee("fixed", Decimal(3000))),
        ({"shipping_fee_type": "M", "free_shipping_price": None}, Fee("other")),
        ({"shipping_fee_type": "R", "shipping_fee": ""}, Fee("other")),
        ({"shipping_fee_type": "W"}, Fee("other")),
        ({"shipping_fee_type": None}, Fee("other")),
    ],
)
def test_what_shipping_costs_is_said_only_when_it_is_known(fields: dict[str, Any], fee: Fee) -> None:
    found = mapping.shipping_terms(Fields({**SHIPPING, **fields}, "$"))
    assert found.fee == fee
    assert (found.method_text, found.area_text, found.days_min, found.days_max, found.prepaid) == (
        "택배",
        "전국",
        2,
        5,
        True,
    )


@pytest.mark.parametrize("amount", ["삼천원", "3,000", "1e3", "NaN", "inf", float("nan"), float("inf"), True, [], "९०"])
def test_an_amount_that_is_none_is_malformed(amount: object) -> None:
    with pytest.raises(Malformed, match=r"shipping_fee: not an amount"):
        mapping.shipping_terms(Fields({**SHIPPING, "shipping_fee": amount}, "$.shipping"))


@pytest.mark.parametrize("body", [None, [], "orders", {}, {"orders": None}, {"orders": {}}, {"orders": [1]}])
def test_a_list_of_another_shape_is_malformed(body: object) -> None:
    with pytest.raises(Malformed):
        mapping.rows(body, "orders")


def test_a_malformed_field_is_named_by_its_path_and_never_by_its_value() -> None:
    with pytest.raises(Malformed) as error:
        order(items=[ITEM, {**ITEM, "product_no": "김하늘"}])
    assert str(error.value) == "$.order.items[1].product_no: not a whole number"


def test_what_no_database_holds_is_left_out() -> None:
    assert order(items=[{**ITEM, "product_name": "린넨\x00 \ud83d셔츠"}]).items[0].name == "린넨 셔츠"


def test_ways_of_payment_are_texts() -> None:
    assert order(payment_method_name=["신용카드", None, "", "적립금\x00"]).payment_methods == ("신용카드", "적립금")
    assert order(payment_method_name=None).payment_methods == ("card",)
    with pytest.raises(Malformed, match=r"\$\.order\.payment_method_name\[1\]: not text"):
        order(payment_method_name=["신용카드", {"name": "신용카드"}])


@cache
def payloads() -> list[Any]:
    """Orders of the sandbox as the mall sends them, one of each kind, with their parcels."""
    day = date(2026, 3, 14)
    sandbox = Sandbox(SandboxConfig(start_day=day, clock=lambda: NOW))
    parts = [
        order_id
        for shopper in cast_of(day).shoppers.values()
        for part, order_id in shopper.orders.items()
        if not part.startswith("n")
    ]
    bodies: list[Any] = [sandbox.state(order_id=order_id) for order_id in parts]
    return [json.loads(json.dumps(body))["orders"][0] for body in bodies]


def test_every_order_of_the_sandbox_can_be_read() -> None:
    for payload in payloads():
        found = mapping.order(Fields(payload, "$"))
        parcels = [mapping.shipment(Fields(row, "$"), found) for row in payload["shipments"]]
        assert tracking(found, parcels, (), None).order_id == payload["order_id"]


Junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from([10**400, -1, "", "T", "0000-00-00", "9999-12-31T23:59:59-12:00", "0001-01-01", "1e999999999", "\ud800", "\x00", "N30", "20260314-0000127"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything inside."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(cast("dict[Any, Any]", value).items())
    elif isinstance(value, list):
        inner = list(enumerate(cast("list[Any]", value)))
    return [path] * bool(path) + [spot for key, each in inner for spot in spots(each, (*path, key))]


@st.composite
def spoiled(draw: st.DrawFn, wholes: Callable[[], list[Any]]) -> Any:
    """A right payload with one to four places replaced by anything, or left out."""
    payload = copy.deepcopy(draw(st.sampled_from(wholes())))
    for _ in range(draw(st.integers(1, 4))):
        places = spots(payload)
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        holder = payload
        for step in way:
            holder = holder[step]
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = draw(Junk)
    return payload


@given(spoiled(payloads))
@settings(max_examples=250, deadline=None)
def test_a_spoiled_order_is_malformed_or_can_be_told_whole(payload: Any) -> None:
    try:
        found = mapping.order(Fields(payload, "$"))
        parcels = [mapping.shipment(row, found) for row in mapping.rows(payload, "shipments")]
    except Malformed:
        return
    for told in (order_facts(found, asked_at=NOW), summary(found), tracking(found, parcels, (), None)):
        text = told.model_dump_json()
        assert "\x00" not in text
        text.encode()


@given(spoiled(lambda: [SHIPPING, CARRIER, CUSTOMER]) | Junk)
@settings(max_examples=150, deadline=None)
def test_other_spoiled_records_are_malformed_or_values(payload: Any) -> None:
    for read in (mapping.shipping_terms, mapping.carrier, mapping.customer, mapping.order):
        try:
            repr(read(Fields(payload, "$")))
        except Malformed:
            continue
