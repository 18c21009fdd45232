"""What a shopper is told of an order, from the order alone."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.commerce.goods import NOW, NUMBER, item, order, parcel

from sangdam.commerce.statuses import TEXTS, class_of, text_of
from sangdam.commerce.views import Standing, line, order_facts, summary, title_of, tracking
from sangdam.core.shop import Carrier, Fee, OrderPlace, ShippingTerms, StatusClass

CJ = Carrier("0006", "CJ대한통운", "https://trace.example.com/?no=")
TERMS = ShippingTerms("택배", "전국", 2, 5, Fee("free"), True)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("N00", "N02"), StatusClass.AWAITING_PAYMENT),
        (("N10",), StatusClass.PREPARING),
        (("N20", "N21", "N22"), StatusClass.READY_TO_SHIP),
        (("N30",), StatusClass.IN_TRANSIT),
        (("N40",), StatusClass.DELIVERED),
        (("N50",), StatusClass.CONFIRMED),
        (("C00", "C11", "C40", "C49", "C99"), StatusClass.CANCEL),
        (("R00", "R40", "R77"), StatusClass.RETURN),
        (("E00", "E40", "E41", "E50", "E51", "N01", "N03"), StatusClass.EXCHANGE),
        (("N99", "X10", "", "주문"), StatusClass.OTHER),
    ],
)
def test_item_codes_have_the_classes_of_the_contract(codes: tuple[str, ...], expected: StatusClass) -> None:
    assert {class_of(code) for code in codes} == {expected}


def test_the_mall_s_own_name_of_a_state_wins() -> None:
    assert text_of("N20", "포장하고 있어요 ") == "포장하고 있어요"
    assert text_of("N20", "  ") == text_of("N20", None) == "배송준비중"
    assert text_of("N99", None) == "확인 중"
    assert all(text_of(code, None) for code in TEXTS)


@pytest.mark.parametrize(
    ("codes", "expected", "mixed"),
    [
        (("N30", "N10"), StatusClass.PREPARING, True),
        (("N40", "C40"), StatusClass.DELIVERED, True),
        (("C40", "C40"), StatusClass.CANCEL, False),
        (("N20", "N22"), StatusClass.READY_TO_SHIP, False),
        (("X99", "N30"), StatusClass.IN_TRANSIT, True),
    ],
)
def test_an_order_stands_where_its_least_advanced_unclaimed_item_stands(
    codes: tuple[str, ...], expected: StatusClass, mixed: bool
) -> None:
    facts = order_facts(order(*codes), asked_at=NOW)
    assert (facts.status_class, facts.mixed) == (expected, mixed)


@pytest.mark.parametrize(
    ("codes", "address", "cancel"),
    [
        (("N00",), True, True),
        (("N02",), False, True),
        (("N10", "N20", "N22"), True, True),
        (("N20", "N21"), False, False),
        (("N30",), False, False),
        (("N10", "C00"), False, False),
        ((), False, False),
    ],
)
def test_what_can_still_be_changed_follows_from_every_item(codes: tuple[str, ...], address: bool, cancel: bool) -> None:
    facts = order_facts(order(*codes), asked_at=NOW)
    assert (facts.address_changeable.allowed, facts.cancellable.allowed) == (address, cancel)
    if codes == ("N20", "N21"):
        assert facts.address_changeable.blocking_items == (f"{NUMBER}-02",)


@pytest.mark.parametrize("place", [OrderPlace.NAVERPAY_ORDER, OrderPlace.KAKAO, OrderPlace.MARKET])
def test_nothing_of_an_order_placed_elsewhere_is_changed_here(place: OrderPlace) -> None:
    facts = order_facts(order("N10", place=place), asked_at=NOW)
    assert not facts.address_changeable.allowed
    assert not facts.cancellable.allowed


def test_the_last_parcel_s_day_is_the_order_s() -> None:
    first, last = NOW - timedelta(days=6), NOW - timedelta(days=2)
    whole = order(items=(item(1, "N40", delivered_at=last), item(2, "N50", delivered_at=first), item(3, "C40")))
    facts = order_facts(whole, asked_at=NOW)
    assert facts.delivered_at == last
    assert (facts.withdrawal.state, facts.withdrawal.last_day) == ("within", date(2026, 3, 19))
    assert facts.items[1].withdrawal.last_day == date(2026, 3, 16)  # its own Sunday moves to Monday


def test_one_arrival_without_a_date_makes_the_order_s_unknown() -> None:
    facts = order_facts(order(items=(item(1, "N40"), item(2, "N40", delivered_at=None))), asked_at=NOW)
    assert (facts.delivered_at, facts.withdrawal.state) == (None, "unknown")
    assert [each.withdrawal.state for each in facts.items] == ["within", "unknown"]


def test_while_something_is_on_its_way_the_order_has_not_arrived() -> None:
    facts = order_facts(order("N40", "N30"), asked_at=NOW)
    assert (facts.delivered_at, facts.withdrawal.state) == (None, "not_started")
    assert [each.withdrawal.state for each in facts.items] == ["within", "not_started"]


def test_a_refused_return_of_something_delivered_keeps_its_day() -> None:
    returned = item(1, "R11", delivered_at=NOW - timedelta(days=10))
    assert line(returned, asked_at=NOW).withdrawal.state == "over"
    assert line(item(1, "C11"), asked_at=NOW).withdrawal.state == "not_started"


def test_money_due_is_told_only_before_payment() -> None:
    unpaid = order("N00", paid="no", due=Decimal(28800), payment_deadline=NOW + timedelta(days=2), auto_cancels=True)
    due = order_facts(unpaid, asked_at=NOW).payment_due
    assert due is not None
    assert (due.amount, due.deadline, due.auto_cancels) == (Decimal(28800), NOW + timedelta(days=2), True)
    assert order_facts(order("N10"), asked_at=NOW).payment_due is None


def test_nothing_personal_is_in_the_facts() -> None:
    text = order_facts(order("N20"), asked_at=NOW).model_dump_json()
    receiver = order_facts(order("N20"), asked_at=NOW).receivers[0]
    assert (receiver.name_masked, receiver.phone_masked) == ("강*래", "010-****-8643")
    assert receiver.address_masked.startswith("서울특별시 중구")
    for personal in ("강나래", "김하늘", "0000-8643", "0000-1234", "세종대로", "302호"):
        assert personal not in text


@pytest.mark.parametrize(
    ("names", "title"),
    [
        ((), "상품"),
        (("린넨 셔츠",), "린넨 셔츠"),
        (("린넨 셔츠", "니트"), "린넨 셔츠 외 1건"),
        (("가", "나", "다"), "가 외 2건"),
    ],
)
def test_a_title_names_the_first_item_and_counts_the_rest(names: tuple[str, ...], title: str) -> None:
    assert title_of([item(n, "N10", name=name) for n, name in enumerate(names, 1)]) == title


def test_a_summary_lists_every_item_so_that_any_of_them_can_be_meant() -> None:
    told = summary(order("N10", "N30"))
    assert (told.item_count, told.item_names, told.first_item.name) == (2, ("상품1", "상품2"), "상품1")
    assert summary(order()).first_item.name == "상품"


def standing(*codes: str, sent: tuple[int, ...] = ()) -> Standing:
    whole = order(*codes)
    parcels = [parcel(n, whole.items[n - 1]) for n in sent]
    return tracking(whole, parcels, (CJ,), None).summary


@pytest.mark.parametrize(
    ("codes", "sent", "expected"),
    [
        (("N00",), (), "awaiting_payment"),
        (("N10",), (), "not_shipped"),
        (("N20", "N22"), (), "not_shipped"),
        (("N22",), (), "held"),
        (("N22", "N22"), (), "held"),
        (("N21",), (1,), "not_shipped"),
        (("N30",), (1,), "in_transit"),
        (("N30",), (), "in_transit"),
        (("N30", "N40"), (1, 2), "in_transit"),
        (("N40", "N50"), (1, 2), "delivered"),
        (("N40",), (), "delivered"),
        (("N30", "N20"), (1,), "partial"),
        (("N40", "N22"), (1,), "partial"),
        (("N40", "C40"), (1,), "delivered"),
        (("C40",), (), "canceled"),
        (("C40", "R40"), (), "canceled"),
    ],
)
def test_where_an_order_stands(codes: tuple[str, ...], sent: tuple[int, ...], expected: str) -> None:
    assert standing(*codes, sent=sent) == expected


def test_a_registered_number_that_has_not_left_is_not_told_as_sent() -> None:
    whole = order("N21", "N30")
    told = tracking(whole, [parcel(1, whole.items[0]), parcel(2, whole.items[1])], (CJ,), TERMS)
    assert told.summary == "partial"
    assert [each.shipping_code for each in told.shipments] == [f"D-{NUMBER}-02"]
    assert [each.name for each in told.unshipped_items] == ["상품1"]
    assert told.usual_days == (2, 5)


def test_a_carrier_s_name_and_link_are_the_mall_s_or_none() -> None:
    whole = order("N30")
    known = tracking(whole, [parcel(1, whole.items[0])], (CJ,), None).shipments[0]
    assert (known.carrier_name, known.tracking_url) == ("CJ대한통운", "https://trace.example.com/?no=690000000012")
    for carriers in ((), None, (Carrier("0001", "자체배송", None),)):
        unknown = tracking(whole, [parcel(1, whole.items[0])], carriers, None).shipments[0]
        assert (unknown.carrier_name, unknown.tracking_url, unknown.tracking_no) == (None, None, "690000000012")
    without_page = tracking(whole, [parcel(1, whole.items[0])], (replace(CJ, tracking_url=None),), None).shipments[0]
    assert (without_page.carrier_name, without_page.tracking_url) == ("CJ대한통운", None)


def test_a_tracking_number_cannot_change_the_link_it_stands_in() -> None:
    whole = order("N30")
    told = tracking(whole, [parcel(1, whole.items[0], tracking_no="1&to=https://evil.example/#")], (CJ,), None)
    assert told.shipments[0].tracking_url == "https://trace.example.com/?no=1%26to%3Dhttps%3A%2F%2Fevil.example%2F%23"


def test_a_parcel_of_nobody_s_items_is_not_told() -> None:
    whole, other = order("N30"), item(9, "N30")
    assert tracking(whole, [parcel(1, other)], (CJ,), None).shipments == ()


def test_a_parcel_on_its_way_has_no_day_of_delivery() -> None:
    sent = item(1, "N30", shipped_at=NOW - timedelta(days=1), delivered_at=NOW)
    told = tracking(order(items=(sent,)), [parcel(1, sent)], (CJ,), None).shipments[0]
    assert (told.shipped_at, told.delivered_at) == (NOW - timedelta(days=1), None)


Codes = st.lists(st.sampled_from([*TEXTS, "N99", "X00"]), max_size=5)


@given(Codes, st.sets(st.integers(1, 5)))
def test_every_mix_of_states_can_be_told_and_invents_no_parcel(codes: list[str], sent: set[int]) -> None:
    whole = order(*codes)
    parcels = [parcel(n, whole.items[n - 1]) for n in sent if n <= len(codes)]
    told = tracking(whole, parcels, (CJ,), None)
    assert {each.shipping_code for each in told.shipments} <= {each.shipping_code for each in parcels}
    shipped = {each.name for one in told.shipments for each in one.items}
    assert shipped.isdisjoint(each.name for each in told.unshipped_items)
    if told.summary in ("partial", "in_transit", "delivered") and codes and parcels:
        assert told.summary != "partial" or (told.shipments and told.unshipped_items)
    facts = order_facts(whole, asked_at=NOW)
    assert facts.address_changeable.allowed == (not facts.address_changeable.blocking_items and bool(codes))
