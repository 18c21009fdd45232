"""What every shop promises, on one situation: the sandbox's cast as it stands on its start day, with three orders changed.

`held` of 김하늘 was bought from another phone; `delivered` of 최민서 too, whose phone two members share; nobody has phone NOBODY.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.commerce.world import DAY, Mall, the_cast

from cafe24_sandbox import Sandbox
from cafe24_sandbox.model import STATUS_NAMES
from cafe24_sandbox.model import Item as SandboxItem
from cafe24_sandbox.model import Order as SandboxOrder
from sangdam.commerce import Shop, ShopFailure
from sangdam.commerce.memory import MemoryShop
from sangdam.commerce.shop import Asker, ClaimedOrder, OrderQuery, SignedMember, Staff, VerifiedPhone, Window
from sangdam.commerce.statuses import class_of
from sangdam.core.clock import kst_date
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
)

HANEUL, SEOJUN, GUEST, SHARED = (Phone(f"0100000{last}") for last in ("1234", "5678", "9012", "3456"))
DAIN, TAEO, NOBODY, GIFT = (Phone(f"0100000{last}") for last in ("8642", "1357", "0000", "4321"))
RECEIVER = Phone("01000008643")
STAFF = Staff("고객 요청 확인")
QUARTER = OrderQuery(Window(DAY - timedelta(days=90), DAY))


def number(shopper: str, part: str) -> OrderId:
    return OrderId(the_cast().order(shopper, part))


def arrange(sandbox: Sandbox) -> None:
    """The situation, from a new sandbox."""
    for shopper, part in (("김하늘", "held"), ("최민서", "delivered")):
        sandbox.mall().orders[number(shopper, part)].buyer.cellphone = GIFT.dashed


@dataclass
class Situation:
    """A shop in the situation, and the mall's own records to compare with."""

    shop: Shop
    mall: Mall
    sandbox: Sandbox

    async def ids(self, asker: VerifiedPhone | SignedMember | Staff, query: OrderQuery = QUARTER, member: str | None = None) -> list[OrderId]:  # fmt: skip
        found = await self.shop.orders(
            self.mall.call(), asker, query, member_id=MemberId(member) if member is not None else None
        )
        return [order.order_id for order in found]

    async def refused(self, asker: Asker, order_id: OrderId) -> str:
        with pytest.raises(ShopFailure) as failure:
            await self.shop.order(self.mall.call(), asker, order_id)
        with pytest.raises(ShopFailure) as same:
            await self.shop.shipments(self.mall.call(), asker, order_id)
        assert same.value.code == failure.value.code
        return failure.value.code


class ShopContract:
    """Subclasses give a fixture `here`."""

    @pytest.mark.parametrize(
        ("asker", "order_id"),
        [
            (VerifiedPhone(HANEUL), number("김하늘", "in_transit")),
            (VerifiedPhone(HANEUL), number("김하늘", "held")),  # as the one member who has the phone
            (VerifiedPhone(GIFT), number("김하늘", "held")),  # as its buyer
            (VerifiedPhone(GUEST), number("박지우", "preparing")),
            (VerifiedPhone(SHARED), number("최민서", "in_transit")),
            (VerifiedPhone(SHARED), number("최도윤", "preparing")),
            (VerifiedPhone(TAEO), number("윤태오", "market")),
            (ClaimedOrder(number("김하늘", "partial")), number("김하늘", "partial")),
            (SignedMember(MemberId("haneul01")), number("김하늘", "confirmed")),
            (STAFF, number("이서준", "only")),
        ],
    )
    async def test_an_order_is_read_by_whom_it_belongs_to(
        self, here: Situation, asker: Asker, order_id: OrderId
    ) -> None:
        found = await here.shop.order(here.mall.call(), asker, order_id)
        assert found.order_id == order_id

    @pytest.mark.parametrize(
        ("asker", "order_id"),
        [
            (VerifiedPhone(HANEUL), number("이서준", "only")),
            (VerifiedPhone(NOBODY), number("김하늘", "in_transit")),
            (VerifiedPhone(RECEIVER), number("강다인", "two_receivers")),
            (VerifiedPhone(SHARED), number("최민서", "delivered")),  # two members have the phone: neither counts
            (ClaimedOrder(number("김하늘", "partial")), number("김하늘", "held")),
            (SignedMember(MemberId("seojun02")), number("김하늘", "held")),
            (SignedMember(MemberId("haneul01")), number("박지우", "preparing")),
        ],
    )
    async def test_somebody_else_s_order_is_not_read(self, here: Situation, asker: Asker, order_id: OrderId) -> None:
        assert await here.refused(asker, order_id) == "ORDER_NOT_OWNED"

    @pytest.mark.parametrize(
        "asker", [VerifiedPhone(HANEUL), SignedMember(MemberId("haneul01")), STAFF, ClaimedOrder(OrderId("20260314-9999999"))]
    )  # fmt: skip
    async def test_an_order_that_does_not_exist_is_not_found(self, here: Situation, asker: Asker) -> None:
        assert await here.refused(asker, OrderId("20260314-9999999")) == "CAFE24_NOT_FOUND"

    async def test_a_phone_s_orders_are_newest_first_and_all_hers(self, here: Situation) -> None:
        parts = the_cast().shopper("김하늘").orders
        found = await here.shop.orders(here.mall.call(), VerifiedPhone(HANEUL), QUARTER)
        assert {order.order_id for order in found} == set(parts.values())
        moments = [order.ordered_at for order in found]
        assert moments == sorted(moments, reverse=True)

    @pytest.mark.parametrize(
        ("asker", "owner", "parts"),
        [
            (VerifiedPhone(GUEST), "박지우", ("preparing", "delivered")),
            (VerifiedPhone(GIFT), "김하늘", ("held",)),
            (VerifiedPhone(NOBODY), "김하늘", ()),
            (VerifiedPhone(RECEIVER), "강다인", ()),
            (SignedMember(MemberId("minseo04")), "최민서", ("in_transit", "delivered")),
            (SignedMember(MemberId("nobody")), "최민서", ()),
        ],
    )
    async def test_a_list_holds_what_the_asker_owns(
        self, here: Situation, asker: VerifiedPhone | SignedMember, owner: str, parts: tuple[str, ...]
    ) -> None:
        wanted = {number(owner, part) for part in parts}
        if asker == VerifiedPhone(GIFT):
            wanted.add(number("최민서", "delivered"))
        assert set(await here.ids(asker)) == wanted

    async def test_members_sharing_a_phone_see_the_orders_of_that_buyer_phone_alone(self, here: Situation) -> None:
        wanted = {number("최민서", "in_transit"), number("최도윤", "preparing"), number("최도윤", "delivered")}
        assert set(await here.ids(VerifiedPhone(SHARED))) == wanted

    async def test_staff_name_a_member_or_see_nothing(self, here: Situation) -> None:
        assert await here.ids(STAFF) == []
        wanted = set(the_cast().shopper("최민서").orders.values())
        assert set(await here.ids(STAFF, member="minseo04")) == wanted
        assert await here.ids(STAFF, member="nobody") == []

    async def test_a_member_named_beside_a_phone_narrows_and_never_widens(self, here: Situation) -> None:
        wanted = {number("최도윤", "preparing"), number("최도윤", "delivered")}
        assert set(await here.ids(VerifiedPhone(SHARED), member="doyun05")) == wanted
        assert await here.ids(VerifiedPhone(SHARED), member="haneul01") == []

    async def test_only_a_member_s_orders_needs_exactly_one_member(self, here: Situation) -> None:
        only = OrderQuery(QUARTER.window, member_only=True)
        assert set(await here.ids(VerifiedPhone(HANEUL), only)) == set(the_cast().shopper("김하늘").orders.values())
        for phone, code in ((GUEST, "CUSTOMER_NOT_FOUND"), (SHARED, "CUSTOMER_AMBIGUOUS")):
            with pytest.raises(ShopFailure) as failure:
                await here.ids(VerifiedPhone(phone), only)
            assert failure.value.code == code
        assert set(await here.ids(SignedMember(MemberId("seojun02")), only)) == {number("이서준", "only")}

    @pytest.mark.parametrize(("part", "days_ago"), [("early_0010", 7), ("late_2350", 8)])
    async def test_an_order_belongs_to_its_day_in_seoul(self, here: Situation, part: str, days_ago: int) -> None:
        day = DAY - timedelta(days=days_ago)
        assert await here.ids(VerifiedPhone(DAIN), OrderQuery(Window(day, day))) == [number("강다인", part)]
        beside = OrderQuery(Window(day + timedelta(days=1), day + timedelta(days=1)))
        assert number("강다인", part) not in await here.ids(VerifiedPhone(DAIN), beside)

    async def test_a_window_of_a_year_is_seen_whole(self, here: Situation) -> None:
        records = here.sandbox.mall().orders.values()
        frequent = max({o.member_id for o in records if o.member_id.startswith("member")}, key=lambda m: sum(o.member_id == m for o in records))  # fmt: skip
        start = DAY - timedelta(days=365)
        wanted = {o.id for o in records if o.member_id == frequent and start <= kst_date(o.at) <= DAY}
        assert len({text[:6] for text in wanted}) > 3
        assert set(await here.ids(STAFF, OrderQuery(Window(start, DAY)), member=frequent)) == wanted

    async def test_more_orders_than_a_page_are_all_there(self, here: Situation) -> None:
        assert len(await here.ids(VerifiedPhone(Phone("01000007777")))) == 23

    @pytest.mark.parametrize(
        ("shopper", "part", "states"),
        [
            ("김하늘", "in_transit", [StatusClass.IN_TRANSIT]),
            ("김하늘", "partial", [StatusClass.IN_TRANSIT]),
            ("김하늘", "two_parcels", [StatusClass.DELIVERED, StatusClass.DELIVERED]),
            ("김하늘", "preparing", []),
            ("강다인", "waiting_handover", [StatusClass.READY_TO_SHIP]),
            ("강다인", "no_shipments", []),
        ],
    )
    async def test_parcels_come_with_their_order(
        self, here: Situation, shopper: str, part: str, states: list[StatusClass]
    ) -> None:
        order, parcels = await here.shop.shipments(here.mall.call(), STAFF, number(shopper, part))
        assert order.order_id == number(shopper, part)
        assert [parcel.status_class for parcel in parcels] == states
        assert {code for parcel in parcels for code in parcel.order_item_codes} <= {i.order_item_code for i in order.items}  # fmt: skip
        assert all(parcel.tracking_no for parcel in parcels)

    async def test_carriers_have_names_and_only_https_pages(self, here: Situation) -> None:
        carriers = {carrier.code: carrier for carrier in await here.shop.carriers(here.mall.call())}
        assert carriers["0006"] == Carrier("0006", "CJ대한통운", "https://trace.example.com/cj?no=")
        assert carriers["0001"].tracking_url is None
        assert "0999" not in carriers

    @pytest.mark.parametrize(
        ("phone", "members"),
        [(HANEUL, {"haneul01"}), (SHARED, {"minseo04", "doyun05"}), (GUEST, set[str]()), (NOBODY, set[str]())],
    )
    async def test_members_are_found_by_phone(self, here: Situation, phone: Phone, members: set[str]) -> None:
        found = await here.shop.customers(here.mall.call(), phone)
        assert {customer.member_id for customer in found} == members

    async def test_a_member_is_found_by_id_or_not(self, here: Situation) -> None:
        found = await here.shop.customer(here.mall.call(), MemberId("haneul01"))
        assert found is not None
        assert (found.member_id, found.group_no, found.since) == ("haneul01", 1, DAY - timedelta(days=500))
        assert await here.shop.customer(here.mall.call(), MemberId("nobody")) is None

    async def test_what_shipping_costs(self, here: Situation) -> None:
        terms = await here.shop.shipping_terms(here.mall.call())
        assert terms.fee == Fee("free_over", Decimal(3000), Decimal(50000))
        assert (terms.days_min, terms.days_max) == (2, 5)

    @pytest.mark.parametrize(
        ("order_id", "name", "phone", "same"),
        [
            (number("김하늘", "in_transit"), "김하늘", HANEUL, True),
            (number("김하늘", "in_transit"), "김 하늘", HANEUL, True),
            (number("박지우", "preparing"), "박지우", GUEST, True),
            (number("김하늘", "in_transit"), "김하늬", HANEUL, False),
            (number("김하늘", "in_transit"), "김하늘", SEOJUN, False),
            (number("이서준", "only"), "김하늘", HANEUL, False),
            (OrderId("20260314-9999999"), "김하늘", HANEUL, False),
            (number("강다인", "two_receivers"), "강나래", RECEIVER, False),
            (number("강다인", "two_receivers"), "강다인", RECEIVER, False),
        ],
    )
    async def test_an_orderer_is_known_by_number_name_and_phone_together(
        self, here: Situation, order_id: OrderId, name: str, phone: Phone, same: bool
    ) -> None:
        assert await here.shop.buyer_matches(here.mall.call(), order_id, name, phone) is same


# The same situation as values, read from the sandbox's records without its Admin API.


def remembered(sandbox: Sandbox) -> MemoryShop:
    mall = sandbox.mall()
    return MemoryShop(
        orders_known=[_order(each) for each in mall.orders.values()],
        parcels={OrderId(each.id): _parcels(each) for each in mall.orders.values() if each.shipments},
        members=[
            (Phone(each.cellphone.replace("-", "")), Customer(MemberId(each.member_id), each.group_no, kst_date(each.created)))
            for each in mall.customers.values()
        ],
        carriers_known=tuple(Carrier(each.code, each.name, each.track_url or None) for each in mall.carriers.values()),
        terms=ShippingTerms(
            "택배", "전국", 2, 5, Fee("free_over", Decimal(mall.settings.shipping_fee), Decimal(mall.settings.free_from)), True, "서울특별시 중구 세종대로 110"
        ),
    )  # fmt: skip


_PLACES = {"self": OrderPlace.MALL, "NCHECKOUT": OrderPlace.NAVERPAY_ORDER, "kakao": OrderPlace.KAKAO}


def _order(record: SandboxOrder) -> Order:
    member = MemberId(record.member_id) if record.member_id else None
    buyer = record.buyer
    live = [each for each in record.items if each.status not in ("N01", "N03", "C40", "C35", "R40", "C47", "C48", "C49")]  # fmt: skip
    price = sum(each.amount for each in live)
    shipping = record.shipping_fee if live else 0
    discount = record.discount if live else 0
    total = price + shipping - discount
    awaiting = record.paid_at is None and any(each.status in ("N00", "N02") for each in record.items)
    return Order(
        order_id=OrderId(record.id),
        ordered_at=record.at,
        member_id=member,
        buyer=Buyer(buyer.name, parse_phone(buyer.cellphone), parse_phone(buyer.phone), member, buyer.email),
        paid="yes" if record.paid_at is not None else "no",
        payment_methods=tuple(record.payment_names),
        amounts=Amounts(
            Decimal(price), Decimal(shipping), Decimal(discount),
            Decimal(total or record.total) if record.paid_at is not None else Decimal(0), Decimal(0) if record.paid_at is not None else Decimal(total),
        ),
        items=tuple(_item(each) for each in record.items),
        receivers=tuple(
            Receiver(each.shipping_code, each.name, each.cellphone, each.phone, Place(each.address.zipcode, each.address.address1, each.address.address2), each.message)
            for each in record.receivers
        ),
        place=_PLACES.get(record.market_id, OrderPlace.MARKET),
        payment_deadline=record.payment_due if awaiting else None,
        auto_cancels=awaiting and record.payment_due is not None,
    )  # fmt: skip


def _item(record: SandboxItem) -> Item:
    status, text = class_of(record.status), STATUS_NAMES[record.status]
    return Item(
        order_item_code=record.code,
        product_no=record.product_no,
        variant_code=record.variant_code,
        name=record.name,
        option=" / ".join(part.split("=")[1] for part in record.option_value.split(", "))
        if record.option_value
        else "",
        quantity=record.quantity,
        price=Decimal(record.price + record.option_price),
        status_code=record.status,
        status_class=status,
        status_text=text,
        claim=Claim(status, record.claim_code, text) if status in CLAIM_CLASSES else None,
        shipping_code=record.shipping_code,
        shipped_at=record.shipped,
        delivered_at=record.delivered,
        expected_ship_date=date.fromisoformat(record.expected_ship) if record.expected_ship else None,
    )


def _parcels(record: SandboxOrder) -> tuple[Shipment, ...]:
    found: list[Shipment] = []
    for each in record.shipments.values():
        items = [_item(item) for item in record.items if item.shipping_code == each.code]
        moving = [item for item in items if item.status_class not in CLAIM_CLASSES]
        before = {None: StatusClass.READY_TO_SHIP, "N30": StatusClass.IN_TRANSIT, "N40": StatusClass.DELIVERED}
        claimed = before.get(next((item.before_claim for item in record.items if item.shipping_code == each.code), None), StatusClass.READY_TO_SHIP)  # fmt: skip
        texts = {
            StatusClass.READY_TO_SHIP: "배송대기",
            StatusClass.IN_TRANSIT: "배송중",
            StatusClass.DELIVERED: "배송완료",
        }
        ranks = list(StatusClass)
        lead = min(moving, key=lambda item: ranks.index(item.status_class)) if moving else None
        found.append(
            Shipment(
                shipping_code=each.code,
                carrier_code=each.company_code,
                tracking_no=each.tracking_no,
                status_class=lead.status_class if lead is not None else claimed,
                status_text=lead.status_text if lead is not None else texts[claimed],
                order_item_codes=tuple(item.order_item_code for item in items),
                registered_at=each.registered,
            )
        )
    return tuple(found)
