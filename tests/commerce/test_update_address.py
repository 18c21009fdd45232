"""tools.md §4.8: an address is changed once, for its owner, while it may be, and called changed when the mall's record says so."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.commerce.desk import CLOCK, GUEST, Desk, Opening, a_desk
from tests.commerce.shop_contract import number
from tests.commerce.world import a_sandbox, served

from cafe24_sandbox import Sandbox
from cafe24_sandbox.model import Receiver
from sangdam.core.ids import OrderId
from sangdam.core.phone import Phone
from sangdam.db import Database
from sangdam.db.testing import Addresses
from sangdam.tools import ByShopper
from sangdam.tools.model import (
    Caller,
    Denied,
    Done,
    Failed,
    Invalid,
    NeedsConfirmation,
    NeedsVerification,
    Outcome,
    Undecided,
    Unknown,
)

CHANGE = "update_order_shipping_address"
OWN, HELD, UNPAID = number("김하늘", "preparing"), number("김하늘", "held"), number("김하늘", "awaiting_payment")
TWO = number("강다인", "two_receivers")
DAIN, SORA, TAEO = Phone("01000008642"), Phone("01000002468"), Phone("01000001357")
RECEIVERS = "/receivers"
NEW_ROAD, NEW_ZIP = "서울특별시 강남구 테헤란로 231", "06142"
PERSONAL = ("테헤란로", "11층", "김바다", "0000-4242", "00004242", "경비실")


@pytest.fixture(autouse=True)
def untouched(sandbox: Sandbox) -> None:
    """What one test files or changes is not there for the next."""
    sandbox.reset()


async def check(desk: Desk) -> None:
    """Every use is in the audit, and neither there nor in the effects stands a person or a place."""
    await desk.check()
    async with desk.mall.database.org(desk.mall.org) as tx:
        rows = await tx.fetch("select to_jsonb(e)::text as row from e_ops_effects e")
    text = json.dumps(await desk.audit(), ensure_ascii=False) + " ".join(row["row"] for row in rows)
    assert not [word for word in PERSONAL if word in text]


@pytest.fixture
async def desk(opening: Opening) -> AsyncIterator[Desk]:
    async with opening() as found:
        await found.begin()
        yield found
        await check(found)


def result(outcome: Outcome) -> dict[str, Any]:
    assert isinstance(outcome, Done), outcome
    return dict(outcome.result)


def shown(asked: Outcome) -> dict[str, Any]:
    assert isinstance(asked, NeedsConfirmation), asked
    return dict(asked.preview)


def receiver(desk: Desk, order_id: str = OWN, which: int = 0) -> Receiver:
    return desk.sandbox.mall().orders[order_id].receivers[which]


def writes(desk: Desk) -> int:
    """Changes the mall was asked for."""
    return sum(n for call, n in desk.sandbox.world.calls.counted.items() if call.startswith("PUT "))


async def place(desk: Desk, keyword: str = "강남구 테헤란로 231", caller: Caller | None = None) -> dict[str, Any]:
    """A found address with its proof, as arguments."""
    hit = (await desk.told("search_address", caller or desk.agent(), keyword=keyword))["hits"][0]
    return {"zipcode": hit["zipcode"], "address1": hit["road_address"], "address_ref": hit["address_ref"]}


async def a_change(desk: Desk, **more: Any) -> dict[str, Any]:
    return {"order_id": OWN, **(await place(desk)), "address2": "11층", **more}


# It is changed


async def test_an_address_is_changed_and_read_back(desk: Desk) -> None:
    before = replace(receiver(desk))
    told = result(await desk.done(CHANGE, **await a_change(desk)))
    assert told == {
        "changed": True,
        "verified": True,
        "before_masked": {
            "zipcode": "04524", "address_masked": "서울특별시 중구 ***", "name_masked": "김*늘", "phone_masked": "010-****-1234",
        },
        "after_masked": {
            "zipcode": NEW_ZIP, "address_masked": "서울특별시 강남구 ***", "name_masked": "김*늘", "phone_masked": "010-****-1234",
        },
        "at": "2026-03-14T05:28:44Z",
        "notes": [],
    }  # fmt: skip
    after = receiver(desk)
    assert (after.address.zipcode, after.address.address1, after.address.address2) == (NEW_ZIP, NEW_ROAD, "11층")
    assert (after.name, after.cellphone, after.phone, after.message) == (
        before.name,
        before.cellphone,
        before.phone,
        before.message,
    )
    assert desk.sandbox.mall().customers["haneul01"].address.zipcode != NEW_ZIP, "the member's own stays"
    calls = [one["call"] for one in (await desk.audit())[-1]["upstream"]]
    assert calls == [
        "GET /orders/{order_id}",
        "PUT /orders/{order_id}/receivers/{shipping_code}",
        "GET /orders/{order_id}/receivers",
    ]
    assert (await desk.told("lookup_order", order_id=OWN))["order"]["receivers"][0]["address_masked"] == "서울특별시 강남구 ***"  # fmt: skip


async def test_a_person_sees_the_exact_values(desk: Desk) -> None:
    asked = shown(await desk.asked(CHANGE, **await a_change(desk)))
    titles = [item.name for item in desk.sandbox.mall().orders[OWN].items]
    assert asked == {
        "order_id": OWN,
        "items": f"{titles[0]} 외 1건",
        "before": {
            "zipcode": "04524", "address_masked": "서울특별시 중구 ***", "name_masked": "김*늘", "phone_masked": "010-****-1234",
        },
        "after": {
            "zipcode": NEW_ZIP, "address1": NEW_ROAD, "address2": "11층", "receiver_name": "김*늘", "phone_masked": "010-****-1234",
        },
        "changed": True,
        "notes": [],
    }  # fmt: skip
    assert writes(desk) == 0


@pytest.mark.parametrize(
    ("aliases", "field", "value"),
    [
        ({"name": "김바다"}, "name", "김바다"),
        ({"receiver_name": "김바다"}, "name", "김바다"),
        ({"phone": "010-0000-4242"}, "cellphone", "010-0000-4242"),
        ({"cellphone": "01000004242"}, "cellphone", "010-0000-4242"),
        ({"receiver_cellphone": "02 0000 4242"}, "cellphone", "02-0000-4242"),
        ({"shipping_message": "경비실에 맡겨 주세요"}, "message", "경비실에 맡겨 주세요"),
        ({"shipping_message": ""}, "message", ""),
    ],
)
async def test_what_else_of_a_receiver_may_change(desk: Desk, aliases: dict[str, Any], field: str, value: str) -> None:
    before = receiver(desk)
    told = result(await desk.done(CHANGE, order_id=OWN, **aliases))
    assert told["changed"] is True
    after = receiver(desk)
    assert getattr(after, field) == value
    assert after.address == before.address


async def test_a_detail_alone_keeps_the_road(desk: Desk) -> None:
    road = receiver(desk).address.address1
    asked = await desk.asked(CHANGE, order_id=OWN, address2="101동 11층")
    assert shown(asked)["after"] == {
        "zipcode": "04524", "address1": "서울특별시 중구 ***", "address2": "101동 11층", "receiver_name": "김*늘", "phone_masked": "010-****-1234",
    }  # fmt: skip
    digest = await desk.confirm(asked)
    receiver(desk).address.address1 = "서울특별시 중구 을지로 29"  # by the shop, meanwhile
    await desk.again(digest, CHANGE, order_id=OWN, address2="101동 11층")
    after = receiver(desk).address
    assert (after.address1, after.address2) == (road, "101동 11층"), "what was said yes to"


async def test_a_new_road_does_not_keep_the_old_detail(desk: Desk) -> None:
    assert receiver(desk).address.address2
    result(await desk.done(CHANGE, order_id=OWN, **await place(desk)))
    assert receiver(desk).address.address2 == ""


@pytest.mark.parametrize(
    ("address", "detail", "road", "rest"),
    [
        ({"address_full": "서울 강남구 테헤란로 231 11층"}, {}, NEW_ROAD, "11층"),
        ({"address": "강남구 테헤란로 231 (역삼동)"}, {}, NEW_ROAD, ""),
        ({"address1": "강남구 테헤란로 231 11층"}, {"address2": "12층"}, NEW_ROAD, "12층"),
    ],
)
async def test_without_a_postcode_the_tool_searches_itself(
    desk: Desk, address: dict[str, str], detail: dict[str, str], road: str, rest: str
) -> None:
    given: dict[str, Any] = {"order_id": OWN, **address, **detail}
    asked = await desk.asked(CHANGE, **given)
    assert (shown(asked)["after"]["zipcode"], shown(asked)["after"]["address1"]) == (NEW_ZIP, road)
    before = len([seen for seen in desk.sandbox.world.calls.recent if "juso" in seen.path])
    result(await desk.again(await desk.confirm(asked), CHANGE, **given))
    after = receiver(desk).address
    assert (after.zipcode, after.address1, after.address2) == (NEW_ZIP, road, rest)
    assert len([seen for seen in desk.sandbox.world.calls.recent if "juso" in seen.path]) == before, "not again"


async def test_several_houses_of_one_postcode_are_a_choice_for_the_agent(desk: Desk) -> None:
    rows = [
        {"zipNo": NEW_ZIP, "roadAddrPart1": f"서울특별시 강남구 테헤란로 {n}", "jibunAddr": "", "bdNm": ""} for n in (231, 233)
    ]  # fmt: skip
    body = {"results": {"common": {"errorCode": "0", "totalCount": "2"}, "juso": rows}}
    desk.fault("/addrLinkApi", status=200, body=body)
    given: dict[str, Any] = {"order_id": OWN, "address": "강남구 테헤란로 11층"}
    assert await desk.asked(CHANGE, **given) == Invalid("AMBIGUOUS_ADDRESS", ("address1",), {"count": 2})
    asked = shown(await desk.asked(CHANGE, desk.staff(), run="2", **given))
    assert (asked["after"]["zipcode"], asked["after"]["address1"]) == (NEW_ZIP, "강남구 테헤란로")


async def test_the_same_address_is_no_change(desk: Desk) -> None:
    there = receiver(desk).address
    found = await place(desk, "중구 세종대로 110")
    given: dict[str, Any] = {"order_id": OWN, **found, "address2": f" {there.address2.replace(' ', '')} "}
    asked = await desk.asked(CHANGE, **given, receiver_name="김 하늘", phone="01000001234")
    assert shown(asked)["changed"] is False
    digest = await desk.confirm(asked)
    told = result(await desk.again(digest, CHANGE, **given, receiver_name="김 하늘", phone="01000001234"))
    assert (told["changed"], told["before_masked"]) == (False, told["after_masked"])
    assert writes(desk) == 0


async def test_a_second_change_in_one_conversation_is_a_second_effect(desk: Desk) -> None:
    first = result(await desk.done(CHANGE, run="1", **await a_change(desk)))
    second = result(await desk.done(CHANGE, run="2", **await a_change(desk, address2="12층")))
    assert first["changed"] is second["changed"] is True
    assert receiver(desk).address.address2 == "12층"
    async with desk.mall.database.org(desk.mall.org) as tx:
        rows = await tx.fetch("select state from e_ops_effects")
    assert [row["state"] for row in rows] == ["done", "done"]


@pytest.mark.parametrize(
    ("keyword", "notes"), [("제주시 노연로 12", ["jeju"]), ("울릉읍 도동2길 66", ["island"]), ("중구 을지로 29", [])]
)
async def test_where_delivery_may_cost_more_is_said(desk: Desk, keyword: str, notes: list[str]) -> None:
    given: dict[str, Any] = {"order_id": OWN, **await place(desk, keyword)}
    asked = await desk.asked(CHANGE, **given)
    assert shown(asked)["notes"] == notes
    assert result(await desk.again(await desk.confirm(asked), CHANGE, **given))["notes"] == notes


@pytest.mark.parametrize("order_id", [OWN, HELD, UNPAID])
async def test_states_in_which_an_order_may_be_redirected(desk: Desk, order_id: OrderId) -> None:
    assert result(await desk.done(CHANGE, **await a_change(desk, order_id=order_id)))["changed"] is True


async def test_of_several_receivers_one_is_named(desk: Desk) -> None:
    caller = desk.agent(desk.verified(DAIN))
    given: dict[str, Any] = {"order_id": TWO, "receiver_name": "김바다"}
    codes = [each.shipping_code for each in desk.sandbox.mall().orders[TWO].receivers]
    choice = Invalid("RECEIVER_CHOICE_REQUIRED", ("shipping_code",), {"shipping_codes": codes})
    assert await desk.asked(CHANGE, caller, **given) == choice
    assert await desk.asked(CHANGE, caller, **given, shipping_code=f"D-{TWO}-09") == choice
    result(await desk.done(CHANGE, caller, **given, shipping_code=codes[1]))
    assert [receiver(desk, TWO, n).name for n in (0, 1)] == ["강다인", "김바다"]


async def test_staff_need_no_proof_of_a_search_and_still_a_yes(desk: Desk) -> None:
    caller = desk.staff()
    given: dict[str, Any] = {"order_id": OWN, "zipcode": NEW_ZIP, "address1": NEW_ROAD, "address2": "11층"}
    told = result(await desk.done(CHANGE, caller, **given))
    assert told["after_masked"]["zipcode"] == NEW_ZIP
    assert receiver(desk).address.address2 == "11층"


# It is not changed


@pytest.mark.parametrize(
    ("shopper", "part", "phone", "code"),
    [
        ("김하늘", "in_transit", None, "N30"),
        ("김하늘", "delivered", None, "N40"),
        ("김하늘", "confirmed", None, "N50"),
        ("김하늘", "cancelled", None, "C40"),
        ("강다인", "waiting_handover", DAIN, "N21"),
        ("한소라", "cancel_requested", SORA, "C00"),
        ("한소라", "return_requested", SORA, "R00"),
    ],
)
async def test_states_in_which_an_order_may_not_be_redirected(
    desk: Desk, shopper: str, part: str, phone: Phone | None, code: str
) -> None:
    caller = desk.agent(desk.verified(*([phone] if phone is not None else [])))
    outcome = await desk.asked(CHANGE, caller, order_id=number(shopper, part), receiver_name="김바다")
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("ORDER_NOT_CHANGEABLE", False)
    assert f"-01 {code}" in outcome.detail["items"][0]
    assert outcome.detail["status_text"]


async def test_a_part_that_left_holds_back_its_own_receiver_only(desk: Desk) -> None:
    caller = desk.agent(desk.verified(DAIN))
    order = desk.sandbox.mall().orders[TWO]
    order.items[0].status = "N30"
    given: dict[str, Any] = {"order_id": TWO, "receiver_name": "김바다"}
    gone = await desk.asked(CHANGE, caller, **given, shipping_code=order.receivers[0].shipping_code)
    assert isinstance(gone, Failed)
    assert isinstance(await desk.asked(CHANGE, caller, **given, shipping_code=order.receivers[1].shipping_code), NeedsConfirmation)  # fmt: skip


@pytest.mark.parametrize("part", ["naverpay", "kakao", "market"])
async def test_an_order_placed_elsewhere_is_changed_there(desk: Desk, part: str) -> None:
    order_id = number("윤태오", part)
    for item in desk.sandbox.mall().orders[order_id].items:
        item.status = "N10"
    outcome = await desk.asked(CHANGE, desk.agent(desk.verified(TAEO)), order_id=order_id, receiver_name="김바다")
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.detail["items"]) == ("ORDER_NOT_CHANGEABLE", [])
    paid = await desk.asked(CHANGE, desk.agent(desk.verified(TAEO)), order_id=number("윤태오", "paid_with_naverpay"), receiver_name="김바다")  # fmt: skip
    assert isinstance(paid, NeedsConfirmation), "merely paid by another"


@pytest.mark.parametrize("spoiled", ["receivers", "shipping_code", "items"])
async def test_an_order_without_a_place_to_change_is_left_alone(desk: Desk, spoiled: str) -> None:
    order = desk.sandbox.mall().orders[OWN]
    match spoiled:
        case "receivers":
            order.receivers.clear()
        case "shipping_code":
            order.receivers[0].shipping_code = "../../boards"
        case _:
            for item in order.items:
                item.shipping_code = f"D-{OWN}-07"
    code = "CAFE24_ERROR" if spoiled == "shipping_code" else "ORDER_NOT_CHANGEABLE"
    assert await desk.code(CHANGE, order_id=OWN, receiver_name="김바다") == code


async def test_who_may_not_redirect_an_order(desk: Desk) -> None:
    given: dict[str, Any] = {"order_id": OWN, "receiver_name": "김바다"}
    for caller, reason in (
        (desk.agent(), "missing"),
        (desk.agent(desk.claimed(OWN)), "missing"),
        (desk.agent(desk.verified(purposes=frozenset({"notify"}))), "purpose"),
    ):
        outcome = await desk.asked(CHANGE, caller, **given)
        assert isinstance(outcome, NeedsVerification), "a claim is not enough"
        assert outcome.reason == reason
    assert await desk.asked(CHANGE, desk.agent(desk.verified(GUEST)), **given) == Failed("CAFE24_NOT_FOUND")
    assert (await desk.audit())[-1]["code"] == "ORDER_NOT_OWNED"
    assert await desk.code(CHANGE, desk.mcp(), **given) == "CALLER_NOT_ALLOWED"
    without = replace(desk.agent(desk.verified()), agent_tools=frozenset({"lookup_order"}))
    assert await desk.code(CHANGE, without, **given) == "TOOL_NOT_ALLOWED_FOR_AGENT"
    assert writes(desk) == 0


async def test_an_agent_writes_no_address_that_was_not_found_here(desk: Desk) -> None:
    found = await a_change(desk)
    refused = Invalid(fields=("address_ref",))
    assert await desk.asked(CHANGE, **{name: found[name] for name in found if name != "address_ref"}) == refused
    assert await desk.asked(CHANGE, **dict(found, address_ref="a" * 40)) == refused
    assert await desk.asked(CHANGE, **dict(found, zipcode="06143")) == refused
    assert await desk.asked(CHANGE, **dict(found, address1=NEW_ROAD + "-1")) == refused
    await desk.begin()
    assert await desk.asked(CHANGE, **found) == refused, "found in another conversation"
    elsewhere = await a_change(desk, address_ref=(await place(desk, "중구 을지로 29"))["address_ref"])
    assert await desk.asked(CHANGE, **elsewhere) == refused, "the proof of another address"


async def test_a_proof_lasts_thirty_minutes_and_the_yes_after_it_its_own_ten(desk: Desk) -> None:
    found = await a_change(desk)
    desk.clock.move(minutes=30)
    digest = await desk.confirm(await desk.asked(CHANGE, **found))
    desk.clock.move(minutes=9)
    assert result(await desk.again(digest, CHANGE, **found))["changed"] is True
    late = await a_change(desk, address2="12층")
    desk.clock.move(minutes=30, seconds=1)
    assert await desk.asked(CHANGE, run="2", **late) == Invalid(fields=("address_ref",))


async def test_a_proof_that_is_given_must_hold_for_anybody(desk: Desk) -> None:
    caller = desk.staff()
    found = await place(desk, caller=caller)
    assert found["address_ref"], "staff without a conversation get one too"
    wrong = {"order_id": OWN, **found, "address_ref": "a" * 40}
    assert await desk.asked(CHANGE, caller, **wrong) == Invalid(fields=("address_ref",))


async def test_an_address_that_is_not_clear(desk: Desk) -> None:
    ambiguous = await desk.asked(CHANGE, order_id=OWN, address="테헤란로 152")
    assert ambiguous == Invalid("AMBIGUOUS_ADDRESS", ("address1",), {"count": 3})
    for code in ("E0006", "E0015"):
        desk.fault("/addrLinkApi", "juso_error", code=code, count=1)
        assert await desk.code(CHANGE, order_id=OWN, address="서울특별시 로") == "AMBIGUOUS_ADDRESS"
    missing = await desk.asked(CHANGE, order_id=OWN, address="없는대로 99999")
    assert missing == Invalid("MISSING_ZIPCODE", ("zipcode",))
    desk.fault("/addrLinkApi", "juso_error", code="-999")
    assert await desk.code(CHANGE, order_id=OWN, address="테헤란로 231") == "ADDRESS_SEARCH_FAILED"
    assert writes(desk) == 0


async def test_a_road_of_an_old_postcode_is_not_kept_for_a_new_detail(desk: Desk) -> None:
    receiver(desk).address.zipcode = "110-130"
    assert await desk.asked(CHANGE, order_id=OWN, address2="11층") == Invalid("MISSING_ZIPCODE", ("zipcode",))
    assert result(await desk.done(CHANGE, order_id=OWN, receiver_name="김바다"))["changed"] is True
    assert receiver(desk).address.zipcode == "110-130"


async def test_without_a_search_an_address_without_a_postcode_is_not_guessed(opening: Opening) -> None:
    async with opening(juso_key=None) as desk:
        outcome = await desk.asked(CHANGE, order_id=OWN, address="강남구 테헤란로 231")
        assert outcome == Failed("CONFIG_ERROR", False, {"setting": "JUSO_API_KEY"})
        await check(desk)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, "address1"),
        ({"zipcode": NEW_ZIP}, "address1"),
        ({"address_ref": "a" * 40}, "address1"),
        ({"zipcode": "0614", "address1": NEW_ROAD}, "zipcode"),
        ({"zipcode": "０６１４２", "address1": NEW_ROAD}, "zipcode"),
        ({"address1": "테헤란로"}, "address1"),
        ({"address1": "가" * 256}, "address1"),
        ({"address2": "가" * 256}, "address2"),
        ({"address2": "3층\n302호"}, "address2"),
        ({"receiver_name": "김"}, "receiver_name"),
        ({"receiver_name": "김" * 21}, "receiver_name"),
        ({"receiver_cellphone": "12"}, "receiver_cellphone"),
        ({"shipping_message": "가" * 101}, "shipping_message"),
        ({"shipping_code": "../1", "name": "김바다"}, "shipping_code"),
        ({"phone": "01000004242", "cellphone": "01000004243"}, "(whole)"),
        ({"country": "US", "name": "김바다"}, "country"),
    ],
)
async def test_arguments_out_of_bounds(desk: Desk, given: dict[str, Any], wrong: str) -> None:
    assert await desk.asked(CHANGE, order_id=OWN, **given) == Invalid(fields=(wrong,))


@pytest.mark.parametrize(
    "given",
    [
        {"receiver_name": "김바"},
        {"receiver_name": "김" * 20},
        {"shipping_message": "가" * 100},
        {"address2": "가" * 255},
        {"phone": "01000004242", "cellphone": "01000004242"},
    ],
)
async def test_arguments_on_their_bounds(desk: Desk, given: dict[str, Any]) -> None:
    assert isinstance(await desk.asked(CHANGE, order_id=OWN, **given), NeedsConfirmation)


async def test_nothing_is_written_without_a_yes_to_these_very_values(desk: Desk) -> None:
    given = await a_change(desk)
    asked = await desk.asked(CHANGE, **given)
    assert isinstance(asked, NeedsConfirmation)
    assert isinstance(await desk.again(asked.digest, CHANGE, **given), NeedsConfirmation), "nobody said yes"
    await desk.confirm(asked)
    changed = await desk.again(asked.digest, CHANGE, **await a_change(desk, address2="12층"))
    assert isinstance(changed, NeedsConfirmation)
    assert changed.reason == "changed"
    assert isinstance(await desk.again(asked.digest, CHANGE, **given), NeedsConfirmation), "the yes is void"
    assert writes(desk) == 0


@pytest.mark.parametrize("move", ["N21", "N30", "C00", "owner"])
async def test_an_order_that_moved_on_after_the_yes_is_not_changed(desk: Desk, move: str) -> None:
    given = await a_change(desk)
    await desk.told("lookup_order", order_id=OWN)  # a reading that is shared with nobody who writes
    digest = await desk.confirm(await desk.asked(CHANGE, **given))
    order = desk.sandbox.mall().orders[OWN]
    if move == "owner":
        order.member_id, order.buyer.cellphone, order.buyer.phone = "seojun02", "010-0000-5678", ""
    else:
        order.items[1].status = move
    outcome = await desk.again(digest, CHANGE, **given)
    assert isinstance(outcome, Failed)
    assert outcome.code == ("CAFE24_NOT_FOUND" if move == "owner" else "ORDER_NOT_CHANGEABLE")
    assert writes(desk) == 0


async def test_an_order_that_moves_on_in_the_last_moment_is_refused_by_the_mall(desk: Desk) -> None:
    desk.sandbox.mall().settings.address_open_in = frozenset({"N00"})
    outcome = await desk.done(CHANGE, **await a_change(desk))
    assert isinstance(outcome, Failed)
    assert outcome.code == "CAFE24_REJECTED"
    assert receiver(desk).address.zipcode == "04524"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 422}, "CAFE24_REJECTED"),
        ({"status": 409}, "CAFE24_REJECTED"),
        ({"status": 403}, "SCOPE_ERROR"),
        ({"status": 404}, "CAFE24_NOT_FOUND"),
        ({"status": 429}, "CAFE24_RATE_LIMITED"),
    ],
)
async def test_a_mall_that_refuses_has_changed_nothing(desk: Desk, fault: dict[str, Any], code: str) -> None:
    desk.sandbox.add_fault(kind="status", match={"path": RECEIVERS, "method": "PUT"}, **fault)
    outcome = await desk.done(CHANGE, **await a_change(desk))
    assert isinstance(outcome, Failed)
    assert outcome.code == code
    assert receiver(desk).address.zipcode == "04524"


async def test_a_connection_that_cannot_be_renewed(desk: Desk) -> None:
    given = await a_change(desk)
    digest = await desk.confirm(await desk.asked(CHANGE, **given))
    desk.sandbox.add_fault(kind="expire_tokens", match={"path": "/orders/"}, count=1)
    desk.fault("/oauth/token", status=500)
    outcome = await desk.again(digest, CHANGE, **given)
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("TOKEN_REFRESH_FAILED", True)
    assert writes(desk) == 0


async def test_a_scope_that_was_not_granted(opening: Opening) -> None:
    async with opening(scopes=("mall.read_order", "mall.read_customer")) as desk:
        assert await desk.code(CHANGE, order_id=OWN, receiver_name="김바다") == "SCOPE_ERROR"
        await check(desk)


async def test_a_mall_whose_record_differs_is_put_before_a_person(desk: Desk) -> None:
    desk.sandbox.add_fault(kind="forget", match={"path": RECEIVERS, "method": "PUT"})
    outcome = await desk.done(CHANGE, **await a_change(desk))
    assert outcome == Failed("READBACK_MISMATCH", False, {"fields": ["zipcode", "address1", "address2"]})
    (item,) = await desk.review.listed(desk.mall.org)
    assert (item.kind, item.priority, item.status, item.contact_masked) == ("address_mismatch", 1, "open", None)
    assert dict(item.summary) == {
        "order_id": OWN,
        "shipping_code": receiver(desk).shipping_code,
        "fields": ["zipcode", "address1", "address2"],
        "last_code": "READBACK_MISMATCH",
    }
    again = await desk.done(CHANGE, run="2", **await a_change(desk, address2="12층"))
    assert isinstance(again, Failed)
    assert len(await desk.review.listed(desk.mall.org)) == 1, "once per receiver"


@pytest.mark.parametrize(
    ("spoil", "fields"),
    [({"zipcode": "06143"}, ["zipcode"]), ({"name": "김바디"}, ["receiver_name"]), ({"cellphone": ""}, ["receiver_cellphone"]), ({"shipping_code": "D-1"}, ["shipping_code"])],
)  # fmt: skip
async def test_every_field_is_compared(desk: Desk, spoil: dict[str, str], fields: list[str]) -> None:
    there = receiver(desk)
    record = {
        "name": there.name, "cellphone": there.cellphone, "phone": there.phone, "zipcode": NEW_ZIP, "address1": f"{NEW_ROAD} (역삼동)", "address2": "11층",
        "shipping_code": there.shipping_code, "shipping_message": "다른 말",
    }  # fmt: skip
    given = await a_change(desk)
    desk.sandbox.add_fault(kind="status", status=200, body={"receivers": [record | spoil]}, match={"path": "/receivers$", "method": "GET"})  # fmt: skip
    outcome = await desk.done(CHANGE, **given)
    assert outcome == Failed("READBACK_MISMATCH", False, {"fields": fields})


async def test_the_same_key_twice_and_at_once_is_one_write(desk: Desk) -> None:
    given = await a_change(desk)
    digest = await desk.confirm(await desk.asked(CHANGE, **given))
    outcomes = await asyncio.gather(*(desk.again(digest, CHANGE, **given) for _ in range(8)))
    assert sum(isinstance(outcome, Done) and not outcome.replayed for outcome in outcomes) == 1
    first = next(outcome for outcome in outcomes if isinstance(outcome, Done) and not outcome.replayed)
    assert await desk.again(digest, CHANGE, **given) == replace(first, replayed=True)
    assert writes(desk) == 1


# Nobody knows whether it is changed


async def lost(desk: Desk, fault: str, **more: Any) -> Unknown:
    desk.sandbox.add_fault(kind=fault, match={"path": RECEIVERS, "method": "PUT"}, count=1, **more)
    outcome = await desk.done(CHANGE, **await a_change(desk))
    assert isinstance(outcome, Unknown), outcome
    return outcome


@pytest.mark.parametrize(
    ("fault", "more", "changed"),
    [
        ("drop_after_commit", {}, True),
        ("malformed", {}, True),
        ("drop_before", {}, False),
        ("status", {"status": 500}, False),
        ("html", {}, False),
        ("empty", {}, False),
    ],
)
async def test_a_change_whose_answer_was_lost_is_read_back_later(
    desk: Desk, fault: str, more: dict[str, Any], changed: bool
) -> None:
    unknown = await lost(desk, fault, **more)
    assert (receiver(desk).address.zipcode == NEW_ZIP) is changed
    found = await desk.reconciled(unknown.effect)
    if changed:
        assert isinstance(found, dict)
        assert (found["changed"], found["before_masked"]) == (True, None)
        assert found["after_masked"]["zipcode"] == NEW_ZIP
    else:
        assert found == Failed("CAFE24_TIMEOUT", retryable=True)
    assert (await desk.audit())[-1]["status"] == "unknown"
    assert await desk.review.listed(desk.mall.org) == []


@pytest.mark.parametrize("made", [True, False])
async def test_a_mall_that_does_not_answer_in_time(opening: Opening, made: bool) -> None:
    async with opening(update_order_shipping_address=1.2) as desk:
        await desk.begin()
        unknown = await lost(desk, "drop_after_commit" if made else "timeout", ms=30_000)
        assert unknown.code == "CAFE24_TIMEOUT"
        assert isinstance(await desk.reconciled(unknown.effect), dict) is made
        await check(desk)


@pytest.mark.parametrize("kind", ["status", "html", "drop_before", "wrong_json"])
async def test_a_record_that_cannot_be_read_leaves_it_open(desk: Desk, kind: str) -> None:
    desk.sandbox.add_fault(kind=kind, match={"path": "/receivers$", "method": "GET"})
    outcome = await desk.done(CHANGE, **await a_change(desk))
    assert isinstance(outcome, Unknown), "the mall took it; nobody has seen it"
    assert await desk.reconciled(outcome.effect) == Undecided()
    desk.sandbox.clear_faults()
    assert isinstance(await desk.reconciled(outcome.effect), dict)
    receiver(desk).shipping_code = f"D-{OWN}-09"
    assert await desk.reconciled(outcome.effect) == Undecided(), "the receiver is not there any more"


async def test_an_unknown_end_is_never_sent_again(desk: Desk) -> None:
    given = await a_change(desk)
    digest = await desk.confirm(await desk.asked(CHANGE, **given))
    desk.sandbox.add_fault(kind="drop_before", match={"path": RECEIVERS, "method": "PUT"}, count=1)
    unknown = await desk.again(digest, CHANGE, **given)
    assert isinstance(unknown, Unknown)
    assert await desk.again(digest, CHANGE, **given) == unknown
    assert writes(desk) == 1


# What is written down


async def test_a_policy_decides_before_anything_is_asked(desk: Desk) -> None:
    given: dict[str, Any] = {"order_id": OWN, "receiver_name": "김바다"}
    before = desk.sandbox.world.calls.counted.total()
    for change, code in (
        ("is_allowed = false", "POLICY_BLOCK"),
        ("is_allowed = true, allowed_callers = '{member}'", "CALLER_NOT_ALLOWED"),
        ("allowed_callers = '{agent}', rate_limit_per_min = 1", "RATE_LIMIT"),
    ):
        async with desk.mall.database.org(desk.mall.org) as tx:
            await tx.execute(f"update c_mcp_tool_policies set {change} where tool_name = '{CHANGE}'")
        if code == "RATE_LIMIT":
            await desk.asked(CHANGE, desk.agent(), **given)
        outcome = await desk.asked(CHANGE, desk.agent(), **given)
        assert isinstance(outcome, Denied)
        assert outcome.code == code
    async with desk.mall.database.org(desk.mall.org) as tx:
        await tx.execute(f"delete from c_mcp_tool_policies where tool_name = '{CHANGE}'")
    assert await desk.code(CHANGE, **given) == "POLICY_NOT_FOUND"
    assert desk.sandbox.world.calls.counted.total() == before


async def test_the_highest_amount_is_judged_on_the_order(desk: Desk) -> None:
    order = desk.sandbox.mall().orders[OWN]
    for most, kind in ((order.total - 1, Denied), (order.total, NeedsConfirmation)):
        async with desk.mall.database.org(desk.mall.org) as tx:
            await tx.execute(
                "update c_mcp_tool_policies set conditions = $1::text::jsonb where tool_name = $2",
                json.dumps({"max_amount": most}),
                CHANGE,
            )
        assert isinstance(await desk.asked(CHANGE, order_id=OWN, receiver_name="김바다"), kind)
        decided = (await desk.audit())[-1]["policy_decision"]
        assert (decided["layer"], decided["rule"]) == (
            (4, "max_amount") if kind is Denied else (2, "confirmation:none")
        )


async def test_another_organisation_s_order_is_nobody_s(desk: Desk, database: Database, addresses: Addresses) -> None:
    other = a_sandbox(CLOCK, open_bucket=True)
    async with served(other.app) as url, a_desk(database, addresses, other, url, CLOCK) as elsewhere:
        stranger = replace(elsewhere.agent(desk.verified()), session=desk.session)
        outcome = await elsewhere.asked(CHANGE, stranger, order_id=OWN, receiver_name="김바다")
        assert isinstance(outcome, NeedsVerification)
        assert outcome.reason == "other_session"
        await elsewhere.check()


async def test_the_audit_keeps_the_district_and_no_person(desk: Desk) -> None:
    given = await a_change(
        desk, name="김바다", phone="010-0000-4242", shipping_message="공동현관 비밀번호 4242#, 경비실"
    )
    await desk.done(CHANGE, **given)
    row = (await desk.audit())[-1]
    assert row["request_payload"] == {
        "order_id": OWN,
        "zipcode": NEW_ZIP,
        "address1": "서울특별시 강남구 ***",
        "address2": "***",
        "receiver_name": "김*다",
        "receiver_cellphone": "010-****-4242",
        "shipping_message": "***",
        "address_ref": "***",
    }
    assert set(row["masked_fields"]) >= {"address1", "address2", "receiver_name", "receiver_cellphone"}
    effect = await desk.gate.effects.find(desk.mall.org, row["effect_id"])
    tool = desk.registry.find(CHANGE)
    assert effect is not None
    assert tool is not None
    sealed = desk.gate.effects.arguments_of(tool, desk.mall.org, effect)
    assert sealed is not None
    assert sealed.model_dump()["address2"] == "11층", "in full under seal"


async def test_the_same_address_found_again_is_the_newer_question(desk: Desk) -> None:
    first = await desk.asked(CHANGE, **await a_change(desk))
    desk.clock.move(minutes=1)
    given = await a_change(desk)
    second = await desk.asked(CHANGE, **given)
    assert isinstance(first, NeedsConfirmation)
    assert isinstance(second, NeedsConfirmation)
    assert first.effect != second.effect
    assert await desk.gate.effects.confirm(desk.mall.org, first.effect, by=ByShopper(7)) is None
    assert result(await desk.again(await desk.confirm(second), CHANGE, **given))["changed"] is True
