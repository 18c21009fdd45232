"""One call of each tool that succeeds: who makes it, with which arguments, after what."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.commerce.desk import HANEUL
from tests.commerce.shop_contract import number
from tests.tools.coverage.hall import CODE
from tests.tools.coverage.scene import Scene

from cafe24_sandbox.cast import LINEN_SHIRT, QNA_BOARD, SOLD_OUT_PRODUCT
from sangdam.core.ids import new_uuid
from sangdam.tools.model import Caller, Done

TRANSIT, OWN = number("김하늘", "in_transit"), number("김하늘", "preparing")
OTHER, FOREIGN, MISSING = number("김하늘", "held"), number("이서준", "only"), "20260314-9999999"
ROAD = "서울 강남구 테헤란로 231 11층"


async def nothing(scene: Scene) -> None:
    """Some calls need nothing before them."""


@dataclass(frozen=True)
class Good:
    given: Callable[[Scene], dict[str, Any]]
    caller: Callable[[Scene], Caller] = lambda scene: scene.agent()
    before: Callable[[Scene], Awaitable[None]] = nothing
    other: Callable[[Scene], dict[str, Any]] = lambda scene: {}
    """Of a write: what makes the same arguments others."""


def haneul(scene: Scene) -> Caller:
    """The agent, for 김하늘's proved phone."""
    return scene.agent(scene.desk.verified())


def newcomer(scene: Scene) -> Caller:
    """The agent, for a phone that nobody else has."""
    return scene.agent(scene.desk.verified(scene.phone))


def staff(scene: Scene) -> Caller:
    return scene.desk.staff()


def a_wish(scene: Scene, **changed: Any) -> dict[str, Any]:
    consent = {"text_version": "ko-1", "message_seq": 7, "at": scene.clock.now().isoformat()}
    return {"product_no": SOLD_OUT_PRODUCT, "consent": consent, "phone": scene.phone.dashed, **changed}


async def use(scene: Scene, tool: str, caller: Caller | None = None, *, key: str | None = None, **arguments: Any) -> dict[str, Any]:  # fmt: skip
    """Another tool, on the way."""
    attempt = await scene.call(caller, tool=tool, key=key, **arguments)
    assert isinstance(attempt.outcome, Done), attempt.outcome
    return dict(attempt.outcome.result)


async def a_code(scene: Scene) -> None:
    await use(scene, "send_otp", phone=scene.phone.digits)


async def a_subscription(scene: Scene) -> None:
    """The newcomer waits for a product."""
    key = scene.key()
    asked = (await scene.call(newcomer(scene), tool="subscribe_restock", key=key, **a_wish(scene))).outcome
    made = await use(
        scene, "subscribe_restock", newcomer(scene), key=key, confirmation=await scene.yes(asked), **a_wish(scene)
    )
    scene.subscription = made["subscription_id"]


GOOD: Mapping[str, Good] = {
    "list_boards": Good(lambda scene: {}, staff),
    "list_board_articles": Good(lambda scene: {"board_no": QNA_BOARD, "search": "subject", "keyword": "010-0000-1234"}, staff),
    "list_orders": Good(lambda scene: {"cellphone": HANEUL.dashed}, haneul),
    "find_customer_by_phone": Good(lambda scene: {"cellphone": "+82 10-0000-1234"}, haneul),
    "lookup_order": Good(lambda scene: {"order_id": TRANSIT}, haneul),
    "track_shipment": Good(lambda scene: {"order_id": TRANSIT}, haneul),
    "create_ticket": Good(
        lambda scene: {
            "kind": "cancel", "summary": "김하늘 010-0000-1234 취소요", "content": f"김하늘이에요. {scene.phone.dashed}로 연락 주시고 {ROAD}로는 보내지 마세요.",
            "order_id": OWN, "contact_phone": scene.phone.dashed,
        },
        haneul, other=lambda scene: {"kind": "refund"},
    ),
    "update_order_shipping_address": Good(
        lambda scene: {"order_id": OWN, "address": ROAD, "address2": f"{scene.n}동 11층", "name": "김바다", "phone": "010-0000-4242"},
        haneul, other=lambda scene: {"address2": "302호"},
    ),
    "read_product": Good(lambda scene: {"product_no": LINEN_SHIRT}),
    "read_supply": Good(lambda scene: {"supplier_name": "김바다 01000004242"}, staff),
    "read_shipping": Good(lambda scene: {}),
    "resolve_product": Good(lambda scene: {"query": "린넨 셔츠 010-0000-1234"}),
    "subscribe_restock": Good(a_wish, newcomer, other=lambda scene: {"schedule_hour_local": 18}),
    "list_restock_subscriptions": Good(lambda scene: {}, newcomer, a_subscription),
    "cancel_restock": Good(lambda scene: {"all": True}, newcomer, a_subscription, lambda scene: {"all": None, "subscription_id": scene.subscription}),
    "search_address": Good(lambda scene: {"keyword": ROAD}),
    "send_otp": Good(lambda scene: {"phone": scene.phone.dashed}, other=lambda scene: {"purpose": "notify"}),
    "verify_otp": Good(lambda scene: {"code": CODE}, before=a_code, other=lambda scene: {"otp_ref": str(new_uuid())}),
    "verify_orderer": Good(
        lambda scene: {"order_id": TRANSIT, "orderer_name": "김하늘", "orderer_phone": "010-0000-1234"}, other=lambda scene: {"orderer_name": "김바다"}
    ),
    "create_handoff": Good(
        lambda scene: {"reason": "callback", "summary": f"김하늘, {scene.phone.dashed}, {ROAD}", "contact_phone": scene.phone.dashed},
        other=lambda scene: {"priority": 1},
    ),
}  # fmt: skip


async def set_up(scene: Scene) -> None:
    """The scene in which the good call can be made."""
    good = GOOD[scene.tool.name]
    await good.before(scene)
    scene.given, scene.caller, scene.other = good.given(scene), good.caller(scene), good.other(scene)
