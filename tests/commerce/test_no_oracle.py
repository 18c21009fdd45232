"""A foreign order and a missing one are the same to a shopper: in code, in words, in the calls they take and in time."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.commerce.desk import Desk, Opening
from tests.commerce.shop_contract import number

from sangdam.core.ids import OrderId
from sangdam.core.phone import Phone
from sangdam.tools.model import Done, Failed, NeedsConfirmation, Outcome

OWN, OF_A_MEMBER, OF_A_GUEST = number("김하늘", "preparing"), number("이서준", "only"), number("박지우", "preparing")
MISSING = OrderId("20260314-9999999")
REFUSED = (OF_A_MEMBER, OF_A_GUEST, MISSING)
NOBODY = Phone("01000000000")
TOOLS: dict[str, dict[str, Any]] = {
    "lookup_order": {},
    "track_shipment": {},
    "create_ticket": {"kind": "cancel", "summary": "취소해 주세요", "content": "색이 달라서 취소하고 싶어요"},
    "update_order_shipping_address": {"receiver_name": "김바다"},
}
WRITES = frozenset({"create_ticket", "update_order_shipping_address"})


@pytest.fixture
async def desk(opening: Opening) -> AsyncIterator[Desk]:
    async with opening() as found:
        await found.begin()
        await found.board(9)
        yield found
        await found.check()


async def ask(desk: Desk, tool: str, order_id: OrderId, phone: Phone | None = None) -> tuple[Outcome, list[str]]:
    """The outcome, and the calls it took."""
    caller = desk.agent(desk.verified(*([phone] if phone is not None else [])))
    outcome = await desk.asked(tool, caller, order_id=order_id, **TOOLS[tool])
    return outcome, [one["call"] for one in (await desk.audit())[-1]["upstream"]]


@pytest.mark.parametrize("phone", [None, NOBODY], ids=["member", "nobody"])
@pytest.mark.parametrize("tool", TOOLS)
async def test_every_refused_order_takes_the_same_calls_and_sounds_the_same(
    desk: Desk, tool: str, phone: Phone | None
) -> None:
    customers = ["GET /customers"] * (1 if phone is None else 2)
    for order_id in REFUSED:
        desk.clock.move(seconds=3)
        outcome, calls = await ask(desk, tool, order_id, phone)
        assert outcome == Failed("CAFE24_NOT_FOUND")
        assert calls == ["GET /orders/{order_id}", *customers], order_id
    assert [row["code"] for row in await desk.audit()] == ["ORDER_NOT_OWNED", "ORDER_NOT_OWNED", "CAFE24_NOT_FOUND"], (
        "operators see which it was"
    )


@pytest.mark.parametrize("tool", ["lookup_order", "track_shipment"])
async def test_a_refusal_is_remembered_like_an_order_is(desk: Desk, tool: str) -> None:
    for order_id in REFUSED:
        desk.clock.move(seconds=3)
        first = await ask(desk, tool, order_id)
        for again in (0.0, 2.9):
            desk.clock.move(seconds=again)
            outcome, calls = await ask(desk, tool, order_id)
            assert (outcome, calls) == (first[0], []), order_id
        desk.clock.move(seconds=0.2)
        assert await ask(desk, tool, order_id) == first, "not for longer"


async def test_whose_phone_it_is_is_asked_once_for_two_orders(desk: Desk) -> None:
    assert (await ask(desk, "lookup_order", OF_A_GUEST))[1] == ["GET /orders/{order_id}", "GET /customers"]
    for order_id in (OF_A_MEMBER, MISSING):
        assert (await ask(desk, "lookup_order", order_id))[1] == ["GET /orders/{order_id}"]


async def test_another_conversation_asks_for_itself(desk: Desk) -> None:
    for _ in range(2):
        await desk.begin()
        for order_id in REFUSED:
            desk.clock.move(seconds=3)
            assert len((await ask(desk, "lookup_order", order_id))[1]) == 2


@pytest.mark.parametrize("tool", sorted(WRITES))
async def test_a_decision_to_write_remembers_nothing(desk: Desk, tool: str) -> None:
    for order_id in REFUSED:
        await ask(desk, "lookup_order", order_id)
        for _ in range(2):
            outcome, calls = await ask(desk, tool, order_id)
            assert outcome == Failed("CAFE24_NOT_FOUND")
            assert calls == ["GET /orders/{order_id}", "GET /customers"], order_id
    await ask(desk, "lookup_order", OWN)
    outcome, calls = await ask(desk, tool, OWN)
    assert isinstance(outcome, NeedsConfirmation)
    assert calls == ["GET /orders/{order_id}"]


@pytest.mark.parametrize("tool", TOOLS)
async def test_every_refusal_takes_the_same_time_however_many_calls_it_took(desk: Desk, tool: str) -> None:
    for order_id in REFUSED:
        await ask(desk, tool, order_id)
        await ask(desk, tool, order_id)
    assert desk.waited == [pytest.approx(0.6)] * 6


async def test_time_that_the_mall_took_is_part_of_it(desk: Desk) -> None:
    for order_id in REFUSED:
        desk.clock.move(seconds=3)
        desk.fault("/admin/orders", "status", status=503, count=1)
        await ask(desk, "lookup_order", order_id)
    assert desk.mall.pauses == [0.3] * 3
    assert desk.waited == [pytest.approx(0.3)] * 3


async def test_the_deadline_bounds_it(opening: Opening) -> None:
    async with opening(lookup_order=0.5) as desk:
        await ask(desk, "lookup_order", MISSING)
        assert desk.waited == [pytest.approx(0.3)], "what the gate keeps for its own answer is left"
        await desk.check()


@pytest.mark.parametrize("tool", TOOLS)
async def test_who_may_see_an_order_does_not_wait(desk: Desk, tool: str) -> None:
    outcome, _ = await ask(desk, tool, OWN)
    assert isinstance(outcome, Done | NeedsConfirmation)
    assert desk.waited == []


async def test_staff_hear_the_truth_at_once(desk: Desk) -> None:
    outcome = await desk.use("lookup_order", desk.staff(), order_id=MISSING)
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.detail["path"]) == ("CAFE24_NOT_FOUND", "/orders/{order_id}")
    assert isinstance(await desk.use("lookup_order", desk.staff(), order_id=OF_A_MEMBER), Done)
    assert desk.waited == []


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("fault", "code"), [({"status": 503}, "CAFE24_UNAVAILABLE"), ({"kind": "html"}, "CAFE24_ERROR"), ({"status": 403}, "CAFE24_NOT_FOUND")]
)  # fmt: skip
async def test_a_mall_that_does_not_say_who_the_members_are_tells_nothing_either(
    desk: Desk, tool: str, fault: dict[str, Any], code: str
) -> None:
    desk.fault("/customers", **fault)
    heard: list[Outcome] = []
    for order_id in REFUSED:
        desk.clock.move(seconds=3)
        heard.append((await ask(desk, tool, order_id))[0])
    assert heard[0] == heard[1] == heard[2]
    assert isinstance(heard[0], Failed)
    assert heard[0].code == code


async def test_a_claim_to_one_order_tells_nothing_of_others(desk: Desk) -> None:
    caller = desk.agent(desk.verified(NOBODY), desk.claimed(OWN))
    for order_id in (*REFUSED, OWN):
        outcome = await desk.asked("update_order_shipping_address", caller, order_id=order_id, receiver_name="김바다")
        assert outcome == Failed("CAFE24_NOT_FOUND"), "not even hers: a claim is not enough to redirect an order"
    assert isinstance(await desk.use("lookup_order", caller, order_id=OWN), Done)
