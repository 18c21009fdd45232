"""Flows driven by plain values: a shopper and tools that answer anything they could answer, without database or model."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sangdam.agent.dialogue import EPHEMERAL
from sangdam.agent.flow import (
    Advanced,
    Ask,
    Calling,
    Choice,
    Chosen,
    Finished,
    Flow,
    Given,
    Identity,
    Say,
    Use,
    Waiting,
    World,
    YesNo,
    advance,
)
from sangdam.agent.state import ANONYMOUS, pack_answer, unpack_answer
from sangdam.commerce.views import order_facts, summary, tracking
from sangdam.core.facts import (  # fmt: skip
    CreateHandoffOut,
    ListOrdersOut,
    LookupOrderOut,
    SendOtpOut,
    VerifyOrdererOut,
    VerifyOtpOut,
    Window,
)
from sangdam.core.ids import EffectId, new_uuid
from sangdam.core.shop import OrderPlace, StatusClass
from sangdam.tools.model import Assurance, Denied, Done, Failed, Invalid, NeedsVerification, Outcome, Unknown
from tests.conversations.talk import CJ, NOW, OTHERS, SHIRT, seeded

T = TypeVar("T")
Pick = Callable[[Sequence[Any]], Any]
"""Chooses one of several; a seeded random or a hypothesis draw."""

PHONES = ("01000001234", "01000005678", "0111234567")
VALUES: dict[str, tuple[Any, ...]] = {
    "phone": PHONES, "landline": ("021234567",), "safe_number": ("050412345678",), "order_id": (SHIRT, OTHERS, "20261121-9999999"), "orderer_name": ("김하늘", "이서준"),
    "otp": ("123456", "000000"), "resend": (True,), "skip": (True,), "no_phone": (True,), "dont_know": (True,), "asks_for_code": (True,), "outside_order": ("2026112212345678",),
    "way": ("order", "phone", "other_number", "retry", "again", "wider", "list"), "score": (1, 2, 3, 4, 5), "csat_reason": ("느렸어요",), "product_query": ("셔츠", "없는 것"),
    "period": ({"start": "2026-11-22", "end": "2026-11-22", "text": "어제"},), "delivery_problem": ("not_received", "missing_item", "stuck"), "wish_text": ("환불해 주세요",), "legal": (True,),
    "choice": ("1",), "contact": PHONES,
}  # fmt: skip
ERRORS: tuple[Outcome, ...] = (
    Failed("CAFE24_TIMEOUT", retryable=True), Failed("CAFE24_NOT_FOUND"), Failed("ORDER_NOT_OWNED"), Failed("CAFE24_REAUTH_REQUIRED"), Failed("SCOPE_ERROR"), Failed("INTERNAL_ERROR"),
    Failed("CONFIG_ERROR"), Denied("RATE_LIMIT", 61.0), Denied("RATE_LIMIT"), Denied("POLICY_BLOCK"), Denied("CIRCUIT_OPEN", 30.0), Invalid(fields=("order_id",)),
    NeedsVerification(Assurance.VERIFIED, "orders", "other_order"), Unknown("CAFE24_TIMEOUT", EffectId(new_uuid())),
)  # fmt: skip
OTP_ERRORS: tuple[Outcome, ...] = (
    Failed("OTP_INVALID", retryable=True, detail={"left": 3}), Failed("OTP_LOCKED"), Failed("OTP_EXPIRED"), Failed("OTP_ALREADY_USED"), Failed("OTP_NOT_FOUND"),
    Failed("OTP_RESEND_TOO_SOON", detail={"retry_after": 12}), Failed("SOLAPI_ERROR"),
)  # fmt: skip
_SHOP = seeded()
_FACTS = [order_facts(order, asked_at=NOW) for order in _SHOP.orders_known]
_SUMMARIES = [summary(order) for order in _SHOP.orders_known]
_TRACKS = [
    tracking(order, _SHOP.parcels.get(order.order_id, ()), (CJ,), _SHOP.terms).model_copy(update=update)
    for order in _SHOP.orders_known
    for update in ({}, {"usual_days": (2, 3)}, {"usual_days": (3, 3)})
]
_WINDOW = Window(start=NOW.date(), end=NOW.date())


def done(model: Any) -> Done:
    return Done(json.loads(model.model_dump_json()))


def results(step: Use, pick: Pick) -> Done:
    """Some good answer of a tool."""
    match step.tool:
        case "send_otp":
            return done(SendOtpOut(otp_ref=str(pick(("a", "b", "c"))), destination_masked="010-****-1234", expires_at=NOW, resend_at=NOW, sends_left=2))  # fmt: skip
        case "verify_otp":
            return done(VerifyOtpOut(purposes=("orders",), phone_masked="010-****-1234", expires_at=NOW, grant_id="g"))
        case "verify_orderer":
            return done(VerifyOrdererOut(order_id=SHIRT, expires_at=NOW, grant_id="g"))
        case "list_orders":
            count = pick((0, 0, 1, 2, 5, 7, 20))
            orders = tuple((_SUMMARIES * 3)[:count])
            more = count == 20 and pick((True, False))
            return done(ListOrdersOut(orders=orders, total=33 if more else count, page=1, has_more=more, window=_WINDOW))  # fmt: skip
        case "lookup_order":
            order = pick(_FACTS).model_copy(update={"ordered_at_place": pick(tuple(OrderPlace))})
            if pick((True, False)):
                auto = tuple(item.model_copy(update={"status_code": "C48"}) for item in order.items)
                order = order.model_copy(update={"items": auto, "status_class": StatusClass.CANCEL})
            return done(LookupOrderOut(order=order))
        case "track_shipment":
            track = pick(_TRACKS)
            return done(track.model_copy(update={"summary": pick(("awaiting_payment", "not_shipped", "held", "partial", "in_transit", "delivered", "canceled"))}))  # fmt: skip
        case "create_handoff":
            open_now = pick((True, False))
            return done(CreateHandoffOut(item_id="i", position=pick((1, 12)), open_now=open_now, expected_by=None if open_now and step.arguments["reason"] != "callback" else NOW + timedelta(days=1), existing=pick((True, False))))  # fmt: skip
        case _:
            raise AssertionError(step.tool)


def outcome_of(step: Use, pick: Pick, *, good: float) -> Outcome:
    if pick(range(10)) < good * 10:
        return results(step, pick)
    special: tuple[Outcome, ...] = ()
    if step.tool in ("send_otp", "verify_otp"):
        special = OTP_ERRORS
    elif step.tool == "verify_orderer":
        special = (Failed("ORDERER_MISMATCH"), Failed("ORDERER_LOCKED"))
    return pick((*special, *special, *ERRORS))


def answer_of(step: Ask | YesNo | Choice, pick: Pick) -> Any:
    match step:
        case Ask(accepts=accepts):
            slot = pick(accepts)
            return Given(slot, pick(VALUES[slot]))
        case YesNo(accepts=accepts):
            if accepts and pick((True, False, False)):
                slot = pick(accepts)
                return Given(slot, pick(VALUES[slot]))
            return pick((True, False))
        case Choice(options=options, accepts=accepts):
            ways: list[Any] = [Chosen(None), *(Chosen(page=page) for page in ("next", "prev", "wider"))]
            ways += [Chosen(option.id) for option in options]
            ways += [Given(slot, pick(VALUES[slot])) for slot in accepts]
            return pick(ways)


@dataclass
class Walk:
    """One conversation with one flow. `step` advances it by one answer; `over` once it is finished."""

    flow: Callable[[], Flow[Any]]
    slots: dict[str, Any] = field(default_factory=dict[str, Any])
    identity: Identity = ANONYMOUS
    features: frozenset[str] = frozenset({"sms"})
    answers: dict[str, Any] = field(default_factory=dict[str, Any])
    said: list[Say] = field(default_factory=list[Say])
    asked: list[Waiting] = field(default_factory=list[Waiting])
    called: list[Calling] = field(default_factory=list[Calling])
    over: bool = False
    good: float = 0.7
    """How often a tool does what it is asked."""

    def world(self) -> World:
        return World(self.answers, {**self.slots, "today": "2026-11-23"}, self.identity, self.features)

    def advance(self) -> Advanced:
        advanced = advance(self.flow, self.world())
        self.answers.update(advanced.recorded)
        self.said.extend(advanced.says)
        for note in advanced.notes:
            if note.value is None:
                self.slots.pop(note.slot, None)
            else:
                self.slots[note.slot] = note.value
        match advanced.next:
            case Waiting() as waiting:
                self.asked.append(waiting)
            case Calling() as calling:
                self.called.append(calling)
            case Finished():
                self.over = True
        return advanced

    def give(self, key: str, answer: Any) -> None:
        """As the dialogue records it: a value is kept for later questions too, unless it means something only here."""
        self.answers[key] = answer
        if isinstance(answer, Given) and answer.slot not in EPHEMERAL:
            self.slots[answer.slot] = answer.value

    def take(self, calling: Calling, outcome: Outcome) -> None:
        self.answers[calling.key] = outcome
        if not isinstance(outcome, Done):
            return
        if calling.step.tool == "verify_otp":
            self.identity = Identity(Assurance.VERIFIED, None, "010-****-1234", ("notify", "orders"))
        if calling.step.tool == "verify_orderer" and self.identity.level is not Assurance.VERIFIED:
            self.identity = Identity(Assurance.CLAIMED, calling.step.arguments["order_id"], None, ("orders",))

    def respond(self, advanced: Advanced, pick: Pick) -> None:
        match advanced.next:
            case Waiting(key, step):
                self.give(key, answer_of(step, pick))
            case Calling() as calling:
                self.take(calling, outcome_of(calling.step, pick, good=self.good))
            case Finished():
                pass

    def run(self, pick: Pick, *, most: int = 30) -> "Walk":
        for _ in range(most):
            advanced = self.advance()
            if self.over:
                return self
            self.respond(advanced, pick)
        return self


def stored(answers: dict[str, Any]) -> dict[str, Any]:
    """The answers after a night in the database."""
    packed = {key: pack_answer(answer) for key, answer in answers.items()}
    return {key: unpack_answer(raw) for key, raw in json.loads(json.dumps(packed, ensure_ascii=False)).items()}


def opening_slots(pick: Pick) -> dict[str, Any]:
    """What the first message may have said."""
    names = ("order_id", "phone", "landline", "orderer_name", "product_query", "period", "delivery_problem", "wish_text", "legal", "asks_for_code")  # fmt: skip
    slots = {name: pick(VALUES[name]) for name in names if pick(range(4)) == 0}
    slots["candidates"] = pick((["order_lookup", "shipping_inquiry"], ["refund_request", "faq", "end"], ["nothing"]))
    slots["next_wish"] = pick(("order_lookup", "refund_request", "faq"))
    return slots


MOMENT = datetime(2026, 3, 13, 15, 30, tzinfo=UTC)
WON = Decimal(28800)
