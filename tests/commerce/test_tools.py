"""tools.md §4.3–4.6 and 4.16: each success and each failure, through the gate, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.commerce.desk import GUEST, HANEUL, PERSONAL, SHARED, YERIN, Desk, Opening
from tests.commerce.shop_contract import number
from tests.commerce.world import DAY, the_cast

from cafe24_sandbox import Sandbox
from sangdam.core.ids import OrderId, SessionId, new_uuid
from sangdam.core.phone import Phone
from sangdam.tools.model import Denied, Done, Failed, Invalid, NeedsVerification

TRANSIT, PARTIAL, FOREIGN = number("김하늘", "in_transit"), number("김하늘", "partial"), number("이서준", "only")
MISSING = OrderId("20260314-9999999")
HERS = the_cast().shopper("김하늘").orders


@pytest.fixture
async def desk(opening: Opening) -> AsyncIterator[Desk]:
    async with opening() as found:
        yield found
        await found.check()


# lookup_order


async def test_an_own_order_with_one_item(desk: Desk) -> None:
    order = (await desk.told("lookup_order", order_id=TRANSIT))["order"]
    assert (order["order_id"], order["status_class"], order["paid"], order["mixed"]) == (TRANSIT, "in_transit", "yes", False)  # fmt: skip
    assert [item["option"] for item in order["items"]] == ["화이트 / M"]
    assert (order["address_changeable"]["allowed"], order["cancellable"]["allowed"]) == (False, False)
    assert order["receivers"][0]["name_masked"] == "김*늘"


async def test_an_own_order_with_several_items(desk: Desk) -> None:
    order = (await desk.told("lookup_order", order_id=number("김하늘", "preparing")))["order"]
    assert (order["status_class"], order["mixed"], len(order["items"])) == ("preparing", True, 2)
    assert (order["address_changeable"]["allowed"], order["cancellable"]["allowed"]) == (True, True)
    delivered = (await desk.told("lookup_order", order_id=number("김하늘", "delivered")))["order"]
    assert (delivered["withdrawal"]["state"], delivered["withdrawal"]["last_day"]) == ("within", "2026-03-16")
    unpaid = (await desk.told("lookup_order", order_id=number("김하늘", "awaiting_payment")))["order"]
    assert (unpaid["paid"], unpaid["payment_due"]["auto_cancels"]) == ("no", True)


@pytest.mark.parametrize(
    ("part", "place"), [("naverpay", "naverpay_order"), ("kakao", "kakao"), ("market", "market"), ("paid_with_naverpay", "mall")]
)  # fmt: skip
async def test_where_an_order_was_placed_decides_what_is_changed_here(desk: Desk, part: str, place: str) -> None:
    caller = desk.agent(desk.verified(Phone("01000001357")))
    order = (await desk.told("lookup_order", caller, order_id=number("윤태오", part)))["order"]
    assert order["ordered_at_place"] == place
    assert order["cancellable"]["allowed"] is (place == "mall")


async def test_a_claimed_order_is_read_and_no_second_one(desk: Desk) -> None:
    caller = desk.agent(desk.claimed(TRANSIT))
    assert (await desk.told("lookup_order", caller, order_id=TRANSIT))["order"]["order_id"] == TRANSIT
    outcome = await desk.use("lookup_order", caller, order_id=PARTIAL)
    assert isinstance(outcome, NeedsVerification)
    assert outcome.reason == "other_order"


async def test_a_claimed_order_is_read_beside_a_proof_of_another_phone(desk: Desk) -> None:
    caller = desk.agent(desk.verified(GUEST), desk.claimed(TRANSIT))
    assert (await desk.told("lookup_order", caller, order_id=TRANSIT))["order"]["order_id"] == TRANSIT


async def test_without_a_fitting_proof_nothing_is_asked_of_the_mall(desk: Desk) -> None:
    now = desk.clock.now()
    cases = {
        "missing": desk.agent(),
        "expired": desk.agent(desk.verified(expires_at=now)),
        "other_session": desk.agent(desk.verified(session=SessionId(new_uuid()))),
        "purpose": desk.agent(desk.verified(purposes=frozenset({"notify"}))),
    }
    before = desk.sandbox.world.calls.counted.total()
    for reason, caller in cases.items():
        outcome = await desk.use("lookup_order", caller, order_id=TRANSIT)
        assert isinstance(outcome, NeedsVerification), reason
        assert outcome.reason == reason
    assert desk.sandbox.world.calls.counted.total() == before


async def test_somebody_else_s_order_and_a_missing_one_sound_the_same(desk: Desk) -> None:
    for tool in ("lookup_order", "track_shipment"):
        foreign = await desk.use(tool, order_id=FOREIGN)
        missing = await desk.use(tool, order_id=MISSING)
        stranger = await desk.use(tool, desk.agent(desk.verified(Phone("01000000000"))), order_id=TRANSIT)
        assert foreign == missing == stranger == Failed("CAFE24_NOT_FOUND")
    codes = [row["code"] for row in await desk.audit()]
    assert codes == ["ORDER_NOT_OWNED", "CAFE24_NOT_FOUND", "ORDER_NOT_OWNED"] * 2, "operators see which it was"


@pytest.mark.parametrize("order_id", ["20260230-0000001", "2026031-0000001", "20260314-0000127 ", "../customers", "", "２０２６０３１４-0000127"])  # fmt: skip
async def test_what_is_no_order_number_is_not_asked_for(desk: Desk, order_id: str) -> None:
    outcome = await desk.use("lookup_order", order_id=order_id)
    assert isinstance(outcome, Invalid)
    assert outcome.fields == ("order_id",)


@pytest.mark.parametrize(
    ("kind", "more", "code", "retryable"),
    [
        ("html", {}, "CAFE24_ERROR", False),
        ("malformed", {}, "CAFE24_ERROR", False),
        ("wrong_json", {}, "CAFE24_ERROR", False),
        ("empty", {}, "CAFE24_ERROR", False),
        ("status", {"status": 302, "body": {}}, "CAFE24_ERROR", False),
        ("status", {"status": 500}, "CAFE24_UNAVAILABLE", True),
        ("status", {"status": 503}, "CAFE24_UNAVAILABLE", True),
        ("status", {"status": 422}, "CAFE24_REJECTED", False),
        ("status", {"status": 429}, "CAFE24_RATE_LIMITED", True),
        ("drop_before", {}, "CAFE24_UNAVAILABLE", True),
        ("drop_after_commit", {}, "CAFE24_UNAVAILABLE", True),
    ],
)
@pytest.mark.parametrize("tool", ["lookup_order", "list_orders"])
async def test_a_mall_that_fails_is_said_to_have_failed(
    desk: Desk, tool: str, kind: str, more: dict[str, Any], code: str, retryable: bool
) -> None:
    desk.fault("/admin/orders", kind, **more)
    arguments: dict[str, Any] = {"order_id": TRANSIT} if tool == "lookup_order" else {}
    outcome = await desk.use(tool, **arguments)
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == (code, retryable)


@pytest.mark.parametrize("kind", ["drop_before", "html", "status"])
async def test_one_failure_or_none_that_matters_is_not_heard(desk: Desk, kind: str) -> None:
    if kind != "html":
        desk.fault("/admin/orders", kind, count=2)
    assert (await desk.told("lookup_order", order_id=TRANSIT))["order"]["order_id"] == TRANSIT


async def test_a_mall_that_does_not_answer_in_time(opening: Opening) -> None:
    async with opening(lookup_order=0.35) as desk:
        desk.fault("/admin/orders", "timeout", ms=30_000)
        outcome = await desk.use("lookup_order", order_id=TRANSIT)
        assert isinstance(outcome, Failed)
        assert (outcome.code, outcome.retryable, outcome.detail["attempts"]) == ("CAFE24_TIMEOUT", True, 1)


async def test_an_expired_token_is_renewed_and_the_answer_told(desk: Desk) -> None:
    desk.fault("/admin/", "expire_tokens", count=1)
    assert (await desk.told("lookup_order", order_id=TRANSIT))["order"]["order_id"] == TRANSIT


async def test_a_burnt_refresh_token_and_an_app_that_was_removed(opening: Opening, sandbox: Sandbox) -> None:
    async with opening() as desk:
        desk.fault("/admin/", "expire_tokens", count=1)
        desk.fault("/oauth/token", "burn_tokens", count=1)
        assert await desk.code("lookup_order", order_id=TRANSIT) == "TOKEN_REFRESH_FAILED"
        assert await desk.code("lookup_order", order_id=TRANSIT) == "CAFE24_REAUTH_REQUIRED"
    sandbox.clear_faults()
    async with opening() as desk:
        desk.fault("/admin/", "uninstall", count=1)
        assert await desk.code("lookup_order", order_id=TRANSIT) == "SCOPE_ERROR"
        sandbox.mall().installed = True


async def test_a_scope_that_was_not_granted_is_missed_before_anything_is_asked(opening: Opening) -> None:
    async with opening(scopes=("mall.read_order",)) as desk:
        assert await desk.code("track_shipment", order_id=TRANSIT) == "SCOPE_ERROR"
        assert await desk.code("list_orders") == "SCOPE_ERROR"
        assert (await desk.told("lookup_order", order_id=TRANSIT))["order"]["order_id"] == TRANSIT
        other = desk.agent(desk.verified(Phone("01000000000")))
        assert await desk.code("lookup_order", other, order_id=TRANSIT) == "CAFE24_NOT_FOUND"


async def test_staff_read_any_order_with_personal_values_masked(desk: Desk) -> None:
    order = (await desk.told("lookup_order", desk.staff(), order_id=FOREIGN))["order"]
    assert order["order_id"] == FOREIGN
    assert await desk.code("lookup_order", desk.staff(), order_id=MISSING) == "CAFE24_NOT_FOUND"
    assert await desk.code("lookup_order", desk.staff("viewer"), order_id=FOREIGN) == "FORBIDDEN"


# list_orders


async def test_a_member_s_orders_by_phone_are_newest_first(desk: Desk) -> None:
    told = await desk.told("list_orders", page_size=20)
    assert {order["order_id"] for order in told["orders"]} == set(HERS.values())
    assert (told["total"], told["page"], told["has_more"]) == (len(HERS), 1, False)
    assert told["window"] == {"start": "2025-12-14", "end": "2026-03-14"}
    moments = [order["ordered_at"] for order in told["orders"]]
    assert moments == sorted(moments, reverse=True)
    first = next(order for order in told["orders"] if order["order_id"] == PARTIAL)
    assert (first["item_count"], len(first["item_names"]), first["status_class"]) == (2, 2, "ready_to_ship")


async def test_a_guest_s_orders_by_phone(desk: Desk) -> None:
    told = await desk.told("list_orders", desk.agent(desk.verified(GUEST)))
    assert {order["order_id"] for order in told["orders"]} == set(the_cast().shopper("박지우").orders.values())


async def test_two_members_with_one_phone_see_what_was_bought_with_it(desk: Desk) -> None:
    told = await desk.told("list_orders", desk.agent(desk.verified(SHARED)))
    both = {*the_cast().shopper("최민서").orders.values(), *the_cast().shopper("최도윤").orders.values()}
    assert {order["order_id"] for order in told["orders"]} == both


async def test_seven_orders_come_in_pages_of_five(desk: Desk) -> None:
    caller = desk.agent(desk.verified(YERIN))
    window = {"start_date": (DAY - timedelta(days=19)).isoformat()}
    first = await desk.told("list_orders", caller, **window)
    second = await desk.told("list_orders", caller, page=2, **window)
    third = await desk.told("list_orders", caller, page=3, **window)
    ids = [[order["order_id"] for order in page["orders"]] for page in (first, second, third)]
    assert [len(page) for page in ids] == [5, 2, 0]
    assert len({*ids[0], *ids[1]}) == 7
    assert [page["has_more"] for page in (first, second, third)] == [True, False, False]
    assert {page["total"] for page in (first, second, third)} == {7}


async def test_an_order_of_ten_past_midnight_falls_on_its_day(desk: Desk) -> None:
    caller = desk.agent(desk.verified(Phone("01000008642")))
    day = (DAY - timedelta(days=7)).isoformat()
    told = await desk.told("list_orders", caller, start_date=day, end_date=day)
    assert [order["order_id"] for order in told["orders"]] == [number("강다인", "early_0010")]


async def test_no_orders_is_an_answer(desk: Desk) -> None:
    told = await desk.told("list_orders", desk.agent(desk.verified(Phone("01000000000"))))
    assert (told["orders"], told["total"], told["has_more"]) == ([], 0, False)


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        ("awaiting_payment", {"N00"}),
        ("preparing", {"N10"}),
        ("ready_to_ship", {"N20", "N22"}),
        ("in_transit", {"N30"}),
        ("delivered", {"N40", "N50"}),
        ("claim", {"C40"}),
        ("all", {"N00", "N10", "N20", "N22", "N30", "N40", "N50", "C40"}),
    ],
)
async def test_a_status_keeps_the_orders_that_have_it(desk: Desk, status: str, codes: set[str]) -> None:
    told = await desk.told("list_orders", status=status, page_size=20)
    records = desk.sandbox.mall().orders
    wanted = {number for number in HERS.values() if codes & {item.status for item in records[number].items}}
    assert wanted
    assert {order["order_id"] for order in told["orders"]} == wanted


async def test_another_phone_than_the_proved_one_needs_another_proof(desk: Desk) -> None:
    outcome = await desk.use("list_orders", cellphone="010-0000-5678")
    assert isinstance(outcome, NeedsVerification)
    assert outcome.reason == "other_phone"
    assert (await desk.told("list_orders", cellphone="+82 10-0000-1234"))["total"] == len(HERS)


async def test_a_member_id_is_for_staff(desk: Desk) -> None:
    outcome = await desk.use("list_orders", member_id="seojun02")
    assert isinstance(outcome, NeedsVerification)
    told = await desk.told("list_orders", desk.staff(), member_id="seojun02")
    assert [order["order_id"] for order in told["orders"]] == [FOREIGN]
    assert (await desk.told("list_orders", desk.staff(), cellphone="01000005678"))["total"] == 1
    both = {"cellphone": SHARED.digits, "member_id": "minseo04"}
    told = await desk.told("list_orders", desk.staff(), **both)
    assert {order["order_id"] for order in told["orders"]} == set(the_cast().shopper("최민서").orders.values())
    outcome = await desk.use("list_orders", desk.staff())
    assert isinstance(outcome, Invalid)


@pytest.mark.parametrize(
    ("start", "end", "fine"),
    [
        ("2026-03-14", "2026-03-13", False),
        ("2026-03-15", None, False),
        ("2025-03-14", "2026-03-14", True),
        ("2025-03-13", "2026-03-14", False),
        (None, "0001-01-01", False),
        (None, "2099-12-31", True),
        ("2100-01-01", "2100-01-01", False),
        ("9999-12-31", "9999-12-31", False),
        ("2026-02-30", None, False),
    ],
)
async def test_dates_make_a_window_of_a_year_at_most(desk: Desk, start: str | None, end: str | None, fine: bool) -> None:  # fmt: skip
    dates: dict[str, Any] = {
        name: value for name, value in (("start_date", start), ("end_date", end)) if value is not None
    }
    outcome = await desk.use("list_orders", **dates)
    assert isinstance(outcome, Done) if fine else isinstance(outcome, Invalid)


async def test_only_a_member_s_orders_says_when_there_is_no_one_member(desk: Desk) -> None:
    assert (await desk.told("list_orders", member_only=True))["total"] == len(HERS)
    assert await desk.code("list_orders", desk.agent(desk.verified(GUEST)), member_only=True) == "CUSTOMER_NOT_FOUND"
    assert await desk.code("list_orders", desk.agent(desk.verified(SHARED)), member_only=True) == "CUSTOMER_AMBIGUOUS"


# find_customer_by_phone


@pytest.mark.parametrize("spelling", ["01000001234", "010 0000 1234", "+82-10-0000-1234", "010-0000-1234"])
async def test_a_member_is_found_by_any_spelling_of_the_phone(desk: Desk, spelling: str) -> None:
    told = await desk.told("find_customer_by_phone", cellphone=spelling)
    assert told["matches"] == 1
    one = told["customers"][0]
    assert (one["member_id_masked"], one["group_no"], one["since"]) == ("h******1", 1, "2024-10-30")
    assert "haneul01" not in str(told)


async def test_several_members_are_counted_and_one_s_own_id_is_found(desk: Desk) -> None:
    told = await desk.told("find_customer_by_phone", desk.agent(desk.verified(SHARED)), cellphone=SHARED.digits)
    assert told["matches"] == 2
    assert (await desk.told("find_customer_by_phone", member_id="haneul01"))["matches"] == 1
    assert (await desk.told("find_customer_by_phone", desk.staff(), member_id="seojun02"))["matches"] == 1


async def test_what_does_not_find_a_member(desk: Desk) -> None:
    guest = desk.agent(desk.verified(GUEST))
    assert await desk.code("find_customer_by_phone", guest, cellphone=GUEST.digits) == "CUSTOMER_NOT_FOUND"
    assert await desk.code("find_customer_by_phone", member_id="nobody") == "CUSTOMER_NOT_FOUND"
    assert await desk.code("find_customer_by_phone", member_id="seojun02") == "CUSTOMER_NOT_FOUND", "not hers"
    assert await desk.code("find_customer_by_phone") == "INVALID_PARAMS"
    assert await desk.code("find_customer_by_phone", cellphone=HANEUL.digits, member_id="haneul01") == "INVALID_PARAMS"
    foreign = await desk.use("find_customer_by_phone", cellphone="01000005678")
    assert isinstance(foreign, NeedsVerification)
    assert foreign.reason == "other_phone"
    assert await desk.code("find_customer_by_phone", desk.mcp(), cellphone=HANEUL.digits) == "CALLER_NOT_ALLOWED"
    desk.fault("/customers", status=200, body={"customers": [{"group_no": 1}]})
    assert await desk.code("find_customer_by_phone", cellphone=HANEUL.digits) == "CUSTOMER_MEMBER_ID_MISSING"


# track_shipment


@pytest.mark.parametrize(
    ("part", "summary", "parcels", "waiting"),
    [
        ("in_transit", "in_transit", ["in_transit"], 0),
        ("two_parcels", "delivered", ["delivered", "delivered"], 0),
        ("partial", "partial", ["in_transit"], 1),
        ("delivered", "delivered", ["delivered"], 0),
        ("held", "held", [], 1),
        ("preparing", "not_shipped", [], 2),
        ("awaiting_payment", "awaiting_payment", [], 1),
        ("cancelled", "canceled", [], 0),
    ],
)
async def test_where_a_parcel_is(desk: Desk, part: str, summary: str, parcels: list[str], waiting: int) -> None:
    told = await desk.told("track_shipment", order_id=number("김하늘", part))
    assert told["summary"] == summary
    assert [parcel["status_class"] for parcel in told["shipments"]] == parcels
    assert len(told["unshipped_items"]) == waiting
    for parcel in told["shipments"]:
        assert parcel["carrier_name"] == "CJ대한통운"
        assert parcel["tracking_url"] == f"https://trace.example.com/cj?no={parcel['tracking_no']}"
        assert parcel["shipped_at"] is not None
        assert (parcel["delivered_at"] is not None) == (parcel["status_class"] == "delivered")
    assert told["usual_days"] == (None if parcels else [2, 5])


@pytest.mark.parametrize(
    ("part", "carrier", "linked"), [("unknown_carrier", None, False), ("no_tracking_link", "자체배송", False)]
)
async def test_a_carrier_nobody_knows_has_no_name(desk: Desk, part: str, carrier: str | None, linked: bool) -> None:
    caller = desk.agent(desk.verified(Phone("01000008642")))
    told = await desk.told("track_shipment", caller, order_id=number("강다인", part))
    parcel = told["shipments"][0]
    assert (parcel["carrier_name"], parcel["tracking_url"] is not None) == (carrier, linked)
    assert parcel["tracking_no"]


async def test_a_registered_number_that_has_not_left_is_not_told(desk: Desk) -> None:
    caller = desk.agent(desk.verified(Phone("01000008642")))
    told = await desk.told("track_shipment", caller, order_id=number("강다인", "waiting_handover"))
    assert (told["summary"], told["shipments"]) == ("not_shipped", [])


async def test_one_parcel_of_several_can_be_asked_for(desk: Desk) -> None:
    order_id = number("김하늘", "two_parcels")
    told = await desk.told("track_shipment", order_id=order_id, shipping_code=f"D-{order_id}-01")
    assert [parcel["shipping_code"] for parcel in told["shipments"]] == [f"D-{order_id}-01"]
    assert await desk.code("track_shipment", order_id=order_id, shipping_code=f"D-{order_id}-07") == "CAFE24_NOT_FOUND"
    assert await desk.code("track_shipment", order_id=order_id, shipping_code="D-1") == "INVALID_PARAMS"


@pytest.mark.parametrize("kind", ["status", "html", "drop_before", "wrong_json"])
async def test_without_the_carriers_a_number_is_told_without_a_name(desk: Desk, kind: str) -> None:
    desk.fault("/carriers$", kind)
    parcel = (await desk.told("track_shipment", order_id=TRANSIT))["shipments"][0]
    assert (parcel["carrier_name"], parcel["tracking_url"]) == (None, None)
    assert parcel["tracking_no"]
    desk.sandbox.clear_faults()
    desk.clock.move(seconds=4)
    parcel = (await desk.told("track_shipment", order_id=TRANSIT))["shipments"][0]
    assert parcel["carrier_name"] == "CJ대한통운", "a failure is not kept for a day"


async def test_carriers_that_do_not_answer_take_half_of_the_time_at_most(opening: Opening) -> None:
    async with opening(track_shipment=2.0) as desk:
        desk.fault("/carriers$", "timeout", ms=30_000)
        loop = asyncio.get_running_loop()
        started = loop.time()
        parcel = (await desk.told("track_shipment", order_id=TRANSIT))["shipments"][0]
        assert parcel["tracking_no"]
        assert parcel["carrier_name"] is None
        assert loop.time() - started < 1.7


@pytest.mark.parametrize(
    ("kind", "code"),
    [("status", "CAFE24_UNAVAILABLE"), ("html", "CAFE24_ERROR"), ("wrong_json", "CAFE24_ERROR"), ("drop_before", "CAFE24_UNAVAILABLE")],
)  # fmt: skip
async def test_without_the_parcels_nothing_is_invented(desk: Desk, kind: str, code: str) -> None:
    desk.fault("/shipments$", kind)
    outcome = await desk.use("track_shipment", order_id=TRANSIT)
    assert isinstance(outcome, Failed)
    assert outcome.code == code


async def test_without_the_shop_s_terms_no_usual_days_are_told(desk: Desk) -> None:
    desk.fault("/shipping$", "html")
    told = await desk.told("track_shipment", order_id=number("김하늘", "preparing"))
    assert (told["summary"], told["usual_days"]) == ("not_shipped", None)


async def test_a_wrong_amount_in_the_terms_is_an_error_of_the_mall(desk: Desk) -> None:
    desk.fault("/shipping$", status=200, body={"shipping": {"shipping_fee_type": "R", "shipping_fee": "삼천원"}})
    told = await desk.told("track_shipment", order_id=number("김하늘", "preparing"))
    assert told["usual_days"] is None


# verify_orderer


def orderer(order_id: str = TRANSIT, name: str = "김하늘", phone: str = "010-0000-1234") -> dict[str, str]:
    return {"order_id": order_id, "orderer_name": name, "orderer_phone": phone}


@pytest.mark.parametrize(
    "given", [orderer(), orderer(name=" 김 하늘"), orderer(number("박지우", "preparing"), "박지우", "01000009012")]
)
async def test_an_orderer_who_is_known_may_read_that_order(desk: Desk, given: dict[str, str]) -> None:
    told = await desk.told("verify_orderer", desk.agent(), **given)
    assert (told["matched"], told["order_id"]) == (True, given["order_id"])
    assert told["customer_verification_token"] is None
    assert told["expires_at"].startswith("2026-03-14T05:58:44")
    grants = await desk.grants.of(desk.mall.org, desk.session, desk.clock.now())
    assert (await desk.told("lookup_order", desk.agent(*grants), order_id=given["order_id"]))["order"]
    assert isinstance(await desk.use("list_orders", desk.agent(*grants)), NeedsVerification)


async def test_whatever_does_not_fit_sounds_and_lasts_the_same(desk: Desk) -> None:
    wrong = [
        orderer(MISSING),
        orderer(name="김하늬"),
        orderer(phone="01000005678"),
        orderer(number("강다인", "two_receivers"), "강나래", "010-0000-8643"),
    ]
    outcomes = [await desk.use("verify_orderer", desk.agent(), **given) for given in wrong]
    assert outcomes == [Failed("ORDERER_MISMATCH", True)] * 4
    assert len(desk.waited) == 4
    assert all(0.39 < waited <= 0.4 for waited in desk.waited)


async def test_the_sixth_try_is_locked_also_for_who_is_right(desk: Desk) -> None:
    for _ in range(5):
        assert await desk.code("verify_orderer", desk.agent(), **orderer(name="김하늬")) == "ORDERER_MISMATCH"
    assert await desk.code("verify_orderer", desk.agent(), **orderer()) == "ORDERER_LOCKED"
    desk.session = SessionId(new_uuid())
    assert await desk.code("verify_orderer", desk.agent(), **orderer()) == "ORDERER_LOCKED", "by order number too"
    assert (await desk.told("verify_orderer", desk.agent(), **orderer(PARTIAL)))["matched"] is True
    desk.clock.move(minutes=30, seconds=1)
    assert (await desk.told("verify_orderer", desk.agent(), **orderer()))["matched"] is True


async def test_twenty_tries_an_hour_from_one_address(desk: Desk) -> None:
    caller = desk.mcp()
    parts = [number("정예린", f"n{n:02d}") for n in range(1, 22)]
    for order_id in parts[:20]:
        desk.session = SessionId(new_uuid())
        assert await desk.code("verify_orderer", desk.mcp(), **orderer(order_id)) == "ORDERER_MISMATCH"
    outcome = await desk.use("verify_orderer", caller, **orderer())
    assert isinstance(outcome, Denied)
    assert outcome.code == "RATE_LIMIT"


async def test_a_mall_that_fails_is_no_try(desk: Desk) -> None:
    desk.fault("/admin/orders", status=503)
    for _ in range(4):
        assert await desk.code("verify_orderer", desk.agent(), **orderer(name="김하늬")) == "CAFE24_UNAVAILABLE"
    desk.sandbox.clear_faults()
    for _ in range(5):
        assert await desk.code("verify_orderer", desk.agent(), **orderer(name="김하늬")) == "ORDERER_MISMATCH"
    assert await desk.code("verify_orderer", desk.agent(), **orderer()) == "ORDERER_LOCKED"


async def test_a_token_carries_the_proof_for_callers_that_are_not_the_agent(desk: Desk) -> None:
    token = (await desk.told("verify_orderer", desk.mcp(), **orderer()))["customer_verification_token"]
    proved = await desk.told("lookup_order", desk.mcp(), order_id=TRANSIT, customer_verification_token=token)
    assert proved["order"]["order_id"] == TRANSIT
    for case, session, order_id in (
        ("random", desk.session, TRANSIT),
        ("other conversation", SessionId(new_uuid()), TRANSIT),
        ("second order", desk.session, PARTIAL),
    ):
        desk.session = session
        given = "A" * 43 if case == "random" else token
        outcome = await desk.use("lookup_order", desk.mcp(), order_id=order_id, customer_verification_token=given)
        assert isinstance(outcome, NeedsVerification), case
    desk.clock.move(minutes=31)
    outcome = await desk.use("lookup_order", desk.mcp(), order_id=TRANSIT, customer_verification_token=token)
    assert isinstance(outcome, NeedsVerification)
    assert token not in str(await desk.audit())


async def test_the_audit_names_templates_and_masks_people(desk: Desk) -> None:
    await asyncio.gather(
        desk.use("list_orders", cellphone="010-0000-1234"),
        desk.use("track_shipment", order_id=TRANSIT),
        desk.use("verify_orderer", desk.agent(), **orderer()),
    )
    rows = {row["tool_name"]: row for row in await desk.audit()}
    calls = {name: [one["call"] for one in row["upstream"]] for name, row in rows.items()}
    assert calls["list_orders"] == ["GET /customers"] + ["GET /orders"] * 4, (
        "two parts of the window, by phone and by member"
    )
    assert calls["track_shipment"] == ["GET /orders/{order_id}", "GET /orders/{order_id}/shipments", "GET /carriers"]
    text = str(rows)
    for personal in (*PERSONAL, desk.sandbox.mall().orders[TRANSIT].items[0].tracking_no):
        assert personal not in text
