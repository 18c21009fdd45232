"""The mall as it opens: full, dated from its start day, and the same every time."""

from collections import Counter
from datetime import date, timedelta

import pytest

from cafe24_sandbox import cast_of
from cafe24_sandbox.cast import NO_ORDERS_PHONE
from cafe24_sandbox.model import STATUS_NAMES, Mall, Order
from cafe24_sandbox.seed import seeded_mall
from cafe24_sandbox.times import KST, at_kst

DAYS = [date(2026, 3, 14), date(2026, 11, 23), date(2028, 2, 29), date(2027, 1, 1)]


@pytest.fixture(scope="module")
def mall() -> Mall:
    return seeded_mall("sandboxmall", DAYS[0])


def by_phone(mall: Mall, phone: str) -> list[Order]:
    found = [o for o in mall.orders.values() if o.buyer.cellphone == phone]
    return sorted(found, key=lambda o: o.at, reverse=True)


def test_the_same_day_and_seed_give_the_same_mall(mall: Mall) -> None:
    assert seeded_mall("sandboxmall", DAYS[0]) == mall
    assert seeded_mall("sandboxmall", DAYS[0], seed=2) != mall


@pytest.mark.parametrize("day", DAYS)
def test_a_mall_has_goods_people_and_every_state(day: date) -> None:
    mall = seeded_mall("sandboxmall", day)
    assert len(mall.products) >= 40
    assert len(mall.orders) >= 1000
    states = Counter(i.status for o in mall.orders.values() for i in o.items)
    assert set(states) == set(STATUS_NAMES)
    oldest, newest = min(o.at for o in mall.orders.values()), max(o.at for o in mall.orders.values())
    assert (newest - oldest) > timedelta(days=400)
    assert {o.place_id for o in mall.orders.values()} >= {"cafe24", "mobile", "NCHECKOUT", "kakao", "coupang"}


@pytest.mark.parametrize("day", DAYS)
def test_nothing_in_a_mall_lies_in_the_future(day: date) -> None:
    soon = at_kst(day, 0, 10)
    for order in seeded_mall("sandboxmall", day).orders.values():
        moments = [order.at, order.paid_at, *(s.registered for s in order.shipments.values())]
        for item in order.items:
            moments += [item.shipped, item.delivered, item.confirmed, item.refunded, item.returned, item.cancelled]
        assert all(at is None or at <= soon for at in moments), order.id


def test_every_phone_is_made_up(mall: Mall) -> None:
    phones = {o.buyer.cellphone for o in mall.orders.values()} | {c.cellphone for c in mall.customers.values()}
    phones |= {r.cellphone for o in mall.orders.values() for r in o.receivers}
    assert all(phone.startswith("010-0000-") and len(phone) == 13 for phone in phones)
    assert NO_ORDERS_PHONE not in phones


@pytest.mark.parametrize("day", DAYS)
def test_the_cast_plays_its_parts(day: date) -> None:
    mall, cast = seeded_mall("sandboxmall", day), cast_of(day)
    for shopper in cast.shoppers.values():
        for order_id in shopper.orders.values():
            order = mall.orders[order_id]
            assert (order.buyer.name, order.buyer.cellphone) == (shopper.name, shopper.phone)
            assert order.member_id == shopper.member_id
            assert order.at.astimezone(KST).strftime("%Y%m%d") == order_id[:8]
    recent = at_kst(day - timedelta(days=90))
    yesterday = day - timedelta(days=1)
    haneul = by_phone(mall, "010-0000-1234")
    assert len([o for o in haneul if o.at >= recent]) >= 7
    bought = [o for o in haneul if o.at.date() == yesterday]
    shirts = [("옥스포드 셔츠", "N10"), ("린넨 셔츠", "N30"), ("스트라이프 셔츠", "N30")]
    assert [(o.items[0].name, o.items[0].status) for o in bought] == shirts
    linen = bought[1]
    assert linen.items[0].option_value == "색상=화이트, 사이즈=M"
    parcel = next(iter(linen.shipments.values()))
    assert parcel.company_code == "0006"
    assert len(parcel.tracking_no) == 12
    assert parcel.tracking_no.isdecimal()
    delivered = mall.orders[cast.order("김하늘", "delivered")].items[0].delivered
    assert delivered is not None
    assert 2 <= (day - delivered.date()).days <= 6
    partial = mall.orders[cast.order("김하늘", "partial")]
    assert [i.status for i in partial.items] == ["N30", "N20"]
    assert len(partial.shipments) == 1
    assert len(by_phone(mall, "010-0000-5678")) == 1
    assert len([o for o in by_phone(mall, "010-0000-7777") if o.at >= recent]) == 23
    guest = by_phone(mall, "010-0000-9012")
    assert [(o.member_id, o.items[0].status) for o in guest] == [("", "N20"), ("", "N40")]
    assert {o.member_id for o in by_phone(mall, "010-0000-3456")} == {"minseo04", "doyun05"}


def test_the_odd_orders_are_there(mall: Mall) -> None:
    cast = cast_of(DAYS[0])
    dain, taeo = cast.shopper("강다인").orders, cast.shopper("윤태오").orders
    assert mall.orders[dain["early_0010"]].at.strftime("%H:%M") == "00:10"
    assert mall.orders[dain["late_2350"]].at.strftime("%H:%M") == "23:50"
    assert mall.orders[dain["no_shipments"]].shipments == {}
    assert len({r.address.full for r in mall.orders[dain["two_receivers"]].receivers}) == 2
    assert [mall.orders[taeo[p]].place_id for p in ("naverpay", "kakao", "market", "paid_with_naverpay")] == [
        "NCHECKOUT",
        "kakao",
        "coupang",
        "mobile",
    ]
    assert len([o for o in mall.orders.values() if len(o.shipments) > 1]) >= 5
    assert len([o for o in mall.orders.values() if o.member_id == ""]) >= 100
    hidden = [o for o in mall.orders.values() if any(r.virtual_phone for r in o.receivers)]
    assert hidden
    assert {o.place_id for o in hidden} == {"coupang", "shopn"}
    assert [i.bundle_name for o in mall.orders.values() for i in o.items if i.bundle]
