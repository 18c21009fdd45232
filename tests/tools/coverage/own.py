"""How one tool is brought to the ends that are its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.commerce.desk import GUEST, SHARED
from tests.commerce.shop_contract import number
from tests.restock.desk import sold_out
from tests.tools.coverage.attempt import Attempt
from tests.tools.coverage.ends import PROOF
from tests.tools.coverage.everywhere import HASTE
from tests.tools.coverage.good import FOREIGN, MISSING, OTHER, OWN, a_code, a_wish, haneul, use
from tests.tools.coverage.scene import Scenario, Scene

from cafe24_sandbox.cast import HIDDEN_PRODUCT, IN_STOCK_PRODUCT, SOLD_OUT_PRODUCT
from sangdam.core.clock import kst_date
from sangdam.core.ids import new_uuid
from sangdam.core.phone import Phone
from sangdam.restock import Rule, Rules
from sangdam.tools.model import Call, Done

SCENARIOS: dict[tuple[str, str, str], Scenario] = {}
"""By tool, code and what tells several ways to it apart; they go before those of every tool."""
DAIN = Phone("01000008642")
WRONG = "000000"
ARTICLES, RECEIVERS = "/articles$", "/receivers"


def ends(*tools: str, code: str, why: str = "") -> Callable[[Scenario], Scenario]:
    def known(scenario: Scenario) -> Scenario:
        for tool in tools:
            assert (tool, code, why) not in SCENARIOS
            SCENARIOS[tool, code, why] = scenario
        return scenario

    return known


def called(caller: Callable[[Scene], Any] | None = None, **changed: Any) -> Scenario:
    """The good call with these arguments instead, by somebody else."""

    async def scenario(scene: Scene) -> Attempt:
        return await scene.call(caller(scene) if caller is not None else None, **changed)

    return scenario


# Orders


for _tool in ("lookup_order", "track_shipment"):
    ends(_tool, code="ORDER_NOT_OWNED")(called(order_id=FOREIGN))
    ends(_tool, code="CAFE24_NOT_FOUND", why="no such order")(called(order_id=MISSING))
ends("create_ticket", "update_order_shipping_address", code="ORDER_NOT_OWNED")(called(order_id=FOREIGN))
ends("track_shipment", code="CAFE24_NOT_FOUND", why="no such parcel")(called(shipping_code=f"D-{OWN}-07"))
ends("list_orders", code="INVALID_PARAMS", why="the end before the start")(
    called(start_date="2026-03-14", end_date="2026-03-13")
)
ends("list_orders", code=PROOF, why="somebody's member id")(called(member_id="seojun02"))
ends("find_customer_by_phone", code="INVALID_PARAMS", why="none or both")(called(member_id="haneul01"))


@ends("track_shipment", code="CAFE24_UNAVAILABLE", why="the parcels alone")
async def the_parcels_alone(scene: Scene) -> Attempt:
    scene.fault(path="/shipments$", status=503)
    return await scene.call()


@ends("list_orders", code="CUSTOMER_NOT_FOUND")
async def no_member(scene: Scene) -> Attempt:
    return await scene.call(scene.agent(scene.desk.verified(GUEST)), cellphone=GUEST.digits, member_only=True)


@ends("list_orders", code="CUSTOMER_AMBIGUOUS")
async def two_members(scene: Scene) -> Attempt:
    return await scene.call(scene.agent(scene.desk.verified(SHARED)), cellphone=SHARED.digits, member_only=True)


@ends("list_orders", "find_customer_by_phone", code="CUSTOMER_MEMBER_ID_MISSING")
async def a_member_without_an_id(scene: Scene) -> Attempt:
    scene.fault(path="/customers$", status=200, body={"customers": [{"group_no": 1}]})
    more: dict[str, Any] = {"member_only": True} if scene.tool.name == "list_orders" else {}
    return await scene.call(**more)


@ends("find_customer_by_phone", code="CUSTOMER_NOT_FOUND")
async def nobody_of_that_phone(scene: Scene) -> Attempt:
    return await scene.call(scene.agent(scene.desk.verified(GUEST)), cellphone=GUEST.digits)


# The catalogue and the boards


ends("list_board_articles", code="CAFE24_NOT_FOUND", why="no such board")(called(board_no=99))
ends("list_board_articles", code="INVALID_PARAMS", why="more than a year")(
    called(start_date="2025-03-13", end_date="2026-03-14")
)
ends("read_product", code="CAFE24_NOT_FOUND", why="no such product")(called(product_no=999))
ends("read_product", code="CAFE24_NOT_FOUND", why="a hidden one")(called(product_no=HIDDEN_PRODUCT))
ends("read_supply", code="INVALID_PARAMS", why="code and name")(called(supplier_code="S0000001"))
ends("read_supply", code="CAFE24_NOT_FOUND", why="no such supplier")(
    called(supplier_name=None, supplier_code="SZZZZZZZ")
)


@ends("list_board_articles", "create_ticket", code="CONFIG_ERROR", why="no board")
async def no_board(scene: Scene) -> Attempt:
    await scene.desk.board(None)
    scene.after.push_async_callback(scene.hall.connect)
    return await scene.call(board_no=None)


@ends("read_supply", code="POLICY_BLOCK", why="not for the agent")
async def not_for_the_agent(scene: Scene) -> Attempt:
    await scene.policy(allowed_callers=frozenset({"agent"}))
    return await scene.call(scene.agent())


@ends("read_shipping", code="CAFE24_ERROR", why="an amount that is none")
async def an_amount_that_is_none(scene: Scene) -> Attempt:
    terms = {
        "shipping_type": "C",
        "shipping_method": "shipping_01",
        "shipping_fee_type": "R",
        "shipping_fee": "삼천 원",
    }
    scene.fault(path="/shipping$", status=200, body={"shipping": terms})
    return await scene.call()


# Requests for the shop's staff


@ends("create_ticket", code="CONFIG_ERROR", why="no such board")
async def no_such_board(scene: Scene) -> Attempt:
    return await scene.carried_out(board_no=78)


ends("create_ticket", code="INVALID_PARAMS", why="an item of another order")(called(item_codes=[f"{OTHER}-01"]))


@ends("create_ticket", "update_order_shipping_address", code="POLICY_BLOCK", why="an order of too much")
async def an_order_of_too_much(scene: Scene) -> Attempt:
    await scene.policy(conditions={"max_amount": 1})
    return await scene.call()


def written(kind: str = "status", **more: Any) -> Scenario:
    """The write itself meets this."""

    async def scenario(scene: Scene) -> Attempt:
        path, method = {"create_ticket": (ARTICLES, "POST")}.get(scene.tool.name, (RECEIVERS, "PUT"))
        scene.fault(kind, path=path, method=method, **more)
        return await scene.carried_out()

    return scenario


_WRITES = ("create_ticket", "update_order_shipping_address")
ends(*_WRITES, code="CAFE24_REJECTED", why="the write")(written(status=422))
ends(*_WRITES, code="SCOPE_ERROR", why="the write")(written(status=403))
ends(*_WRITES, code="CAFE24_RATE_LIMITED", why="the write")(written(status=429))
ends(*_WRITES, code="CAFE24_UNAVAILABLE", why="the write")(written("drop_after_commit"))
ends(*_WRITES, code="CAFE24_ERROR", why="the write")(written("html"))


@ends(*_WRITES, code="CAFE24_TIMEOUT", why="the write")
async def no_answer_to_the_write(scene: Scene) -> Attempt:
    key = scene.key()
    digest = await scene.ready(key=key)
    path, method = {"create_ticket": (ARTICLES, "POST")}.get(scene.tool.name, (RECEIVERS, "PUT"))
    scene.fault("timeout", path=path, method=method, ms=30_000)
    return await scene.call(key=key, confirmation=digest, gate=scene.hall.gate(scene.tool, deadline_s=2 * HASTE))


# Where an order goes


ends("update_order_shipping_address", code="INVALID_PARAMS", why="an address nobody found")(called(zipcode="06142"))
ends("update_order_shipping_address", code="ORDER_NOT_CHANGEABLE")(called(order_id=number("김하늘", "in_transit")))
ends("update_order_shipping_address", code="AMBIGUOUS_ADDRESS")(called(address="테헤란로 152"))
ends("update_order_shipping_address", code="MISSING_ZIPCODE")(called(address="없는대로 99999"))
ends("update_order_shipping_address", code="RECEIVER_CHOICE_REQUIRED")(
    called(lambda scene: scene.agent(scene.desk.verified(DAIN)), order_id=number("강다인", "two_receivers"))
)


@ends("update_order_shipping_address", code="CONFIG_ERROR", why="no key of the address search")
async def no_address_search(scene: Scene) -> Attempt:
    return await scene.call(gate=scene.hall.bare.gate)


@ends("update_order_shipping_address", code="ADDRESS_SEARCH_FAILED", why="it is down")
async def the_address_search_is_down(scene: Scene) -> Attempt:
    scene.fault(path="/addrLinkApi", status=503)
    return await scene.call()


@ends("update_order_shipping_address", code="ORDER_NOT_CHANGEABLE", why="shipped after the yes")
async def shipped_after_the_yes(scene: Scene) -> Attempt:
    key = scene.key()
    digest = await scene.ready(key=key)
    items = scene.hall.sandbox.mall().orders[OWN].items
    before = [item.status for item in items]
    items[0].status = "N21"
    attempt = await scene.call(key=key, confirmation=digest)
    for item, status in zip(items, before, strict=True):
        item.status = status
    return attempt


@ends("update_order_shipping_address", code="READBACK_MISMATCH")
async def a_mall_that_forgets(scene: Scene) -> Attempt:
    scene.fault("forget", path=RECEIVERS, method="PUT")
    return await scene.carried_out()


@ends("update_order_shipping_address", code="CAFE24_UNAVAILABLE", why="reading it back")
async def it_cannot_be_read_back(scene: Scene) -> Attempt:
    scene.fault(path="/receivers$", method="GET", status=503)
    return await scene.carried_out()


@ends("update_order_shipping_address", code="TOKEN_REFRESH_FAILED", why="after the yes")
async def no_new_token_after_the_yes(scene: Scene) -> Attempt:
    key = scene.key()
    digest = await scene.ready(key=key)
    scene.fault("expire_tokens", count=1)
    scene.fault(path="/oauth/token", status=500)
    scene.after.push_async_callback(scene.hall.connect)
    return await scene.call(key=key, confirmation=digest)


# Addresses


ends("search_address", code="ADDRESS_NOT_FOUND")(called(keyword="없는대로 99999"))


@ends("search_address", code="ADDRESS_SEARCH_FAILED", why="it says so")
async def the_address_search_says_no(scene: Scene) -> Attempt:
    scene.fault("juso_error", code="-999")
    return await scene.call()


@ends("search_address", code="ADDRESS_SEARCH_FAILED", why="no answer")
async def the_address_search_is_silent(scene: Scene) -> Attempt:
    scene.fault("timeout", ms=30_000)
    return await scene.call(gate=scene.hall.gate(scene.tool, deadline_s=HASTE))


# Codes


ends("send_otp", code="INVALID_PARAMS", why="a landline")(called(phone="02-0000-4242"))


@ends("send_otp", "verify_orderer", "create_handoff", code="INVALID_PARAMS", why="no conversation")
@ends("verify_otp", code=PROOF, why="no conversation")
async def no_conversation(scene: Scene) -> Attempt:
    return await scene.call(replace(scene.caller, session=None))


@ends("send_otp", code="CIRCUIT_OPEN")
async def the_line_fails_too_often(scene: Scene) -> Attempt:
    scene.fault(status=503)
    for k in range(1, 6):
        await begin(scene)
        await scene.call(phone=scene.phone_of(k).digits)
    refused = await scene.call()
    scene.hall.sandbox.clear_faults()
    scene.clock.move(seconds=31)
    assert isinstance((await scene.call()).outcome, Done), "and opens again"
    return refused


@ends("send_otp", code="RATE_LIMIT", why="the phone")
async def too_often_to_a_phone(scene: Scene) -> Attempt:
    for _ in range(3):
        await begin(scene)
        await a_code(scene)
        scene.clock.move(seconds=30)
    await begin(scene)
    return await scene.call()


@ends("send_otp", code="RATE_LIMIT", why="its conversation")
async def too_often_in_a_conversation(scene: Scene) -> Attempt:
    for k in range(1, 4):
        await use(scene, "send_otp", phone=scene.phone_of(k).digits)
        scene.clock.move(seconds=30)
    return await scene.call()


@ends("send_otp", code="RATE_LIMIT", why="the address")
async def too_often_from_an_address(scene: Scene) -> Attempt:
    for k in range(10):
        await begin(scene)
        await use(scene, "send_otp", phone=scene.phone_of(k).digits)
    await begin(scene)
    return await scene.call(phone="010-0000-4242")


@ends("send_otp", code="OTP_RESEND_TOO_SOON")
async def again_at_once(scene: Scene) -> Attempt:
    await a_code(scene)
    return await scene.call()


@ends("send_otp", code="OTP_LOCKED")
async def a_code_for_who_is_locked(scene: Scene) -> Attempt:
    await guessed(scene)
    scene.clock.move(minutes=1)
    return await scene.call()


@ends("send_otp", code="SOLAPI_ERROR", why="it says so")
async def a_message_that_is_refused(scene: Scene) -> Attempt:
    scene.fault("solapi_failed")
    return await scene.call()


@ends("send_otp", code="SOLAPI_ERROR", why="no answer")
async def a_message_without_an_answer(scene: Scene) -> Attempt:
    scene.fault("drop_after_commit")
    return await scene.call()


@ends("verify_otp", code="OTP_NOT_FOUND")
async def no_code(scene: Scene) -> Attempt:
    await begin(scene)
    return await scene.call(scene.agent())


@ends("verify_otp", code="OTP_EXPIRED")
async def an_old_code(scene: Scene) -> Attempt:
    scene.clock.move(minutes=5)
    return await scene.call()


@ends("verify_otp", code="OTP_ALREADY_USED")
async def a_used_code(scene: Scene) -> Attempt:
    await scene.call()
    return await scene.call()


ends("verify_otp", code="OTP_INVALID")(called(code=WRONG))


@ends("verify_otp", code="OTP_LOCKED")
async def the_fifth_wrong_code(scene: Scene) -> Attempt:
    for _ in range(4):
        await scene.call(code=WRONG)
    return await scene.call(code=WRONG)


@ends("verify_otp", code="OTP_LOCKED", why="for the right one too")
async def the_right_code_too_late(scene: Scene) -> Attempt:
    await the_fifth_wrong_code(scene)
    return await scene.call()


async def begin(scene: Scene) -> None:
    """Another conversation of the same shopper."""
    scene.desk = replace(scene.desk, session=await scene.hall.begun())
    scene.caller = scene.agent()


async def guessed(scene: Scene) -> None:
    await a_code(scene)
    for _ in range(5):
        await scene.call(tool="verify_otp", code=WRONG)


# Who ordered


ends("verify_orderer", code="ORDERER_MISMATCH")(called(orderer_name="김바다"))
ends("verify_orderer", code="ORDERER_MISMATCH", why="no such order")(called(order_id=MISSING))


@ends("verify_orderer", code="ORDERER_LOCKED")
async def five_wrong_names(scene: Scene) -> Attempt:
    scene.clock.move(minutes=30)
    for _ in range(5):
        assert (await scene.call(order_id=OTHER, orderer_name="김바다")).recorded == "ORDERER_MISMATCH"
    return await scene.call(order_id=OTHER)


@ends("verify_orderer", code="RATE_LIMIT", why="the address")
async def too_many_tries_from_an_address(scene: Scene) -> Attempt:
    for k in range(20):
        if k % 4 == 0:
            await begin(scene)
        await scene.call(order_id=f"20260314-99990{k:02d}")
    await begin(scene)
    return await scene.call()


# Waiting for a product


ends("subscribe_restock", code="CHANNEL_UNSUPPORTED")(called(channel="kakao"))
ends("subscribe_restock", code="CONSENT_REQUIRED")(called(consent=None))
ends("subscribe_restock", code="CAFE24_NOT_FOUND", why="no such product")(called(product_no=999))
ends("subscribe_restock", code="PRODUCT_NOT_SOLD_OUT")(called(product_no=IN_STOCK_PRODUCT))
ends("cancel_restock", code="INVALID_PARAMS", why="none or both")(called(all=None))
ends("cancel_restock", code="SUBSCRIPTION_NOT_FOUND")(called(all=None, subscription_id=str(new_uuid())))


@ends("subscribe_restock", code="INVALID_PARAMS", why="a day that is past")
async def a_day_that_is_past(scene: Scene) -> Attempt:
    return await scene.call(trigger_type="restock_at", restock_at=day(scene, -1))


@ends("subscribe_restock", code="INVALID_PARAMS", why="a lead too long")
async def a_lead_too_long(scene: Scene) -> Attempt:
    return await scene.call(trigger_type="restock_at", restock_at=day(scene, 3), lead_days=[7])


def day(scene: Scene, days: int) -> str:
    return (kst_date(scene.clock.now()) + timedelta(days=days)).isoformat()


@ends("subscribe_restock", code="CONFIG_ERROR", why="no text messages")
async def no_text_messages(scene: Scene) -> Attempt:
    return await scene.call(gate=scene.hall.bare.gate)


@ends("subscribe_restock", code="RESTOCK_NOT_PLANNED")
async def it_never_returns(scene: Scene) -> Attempt:
    rules, by = Rules(scene.hall.product.db, scene.clock), scene.hall.owner
    await rules.write(by, Rule(SOLD_OUT_PRODUCT, restock_policy="NO_RESTOCK"))
    scene.after.push_async_callback(rules.remove, by, SOLD_OUT_PRODUCT, "*")
    return await scene.call()


@ends("subscribe_restock", code="SUBSCRIPTION_LIMIT")
async def twenty_already(scene: Scene) -> Attempt:
    wanted = sold_out(scene.hall.sandbox)
    for product_no, variant_code in wanted[:20]:
        made = await scene.carried_out(**a_wish(scene, product_no=product_no, variant_code=variant_code))
        assert isinstance(made.outcome, Done)
    return await scene.call(product_no=wanted[20][0], variant_code=wanted[20][1])


@ends("subscribe_restock", "cancel_restock", code="INTERNAL_ERROR", why="broken after it was stored")
async def broken_after_it_was_stored(scene: Scene) -> Attempt:
    async def lost(call: Call, given: Any) -> Any:
        await scene.tool.run(call, given)
        raise ConnectionError("the process died")

    return await scene.carried_out(gate=scene.hall.gate(scene.tool, run=lost))


@ends("cancel_restock", code="SUBSCRIPTION_NOT_FOUND", why="somebody else's")
async def somebody_else_s(scene: Scene) -> Attempt:
    return await scene.call(haneul(scene), all=None, subscription_id=scene.subscription)
