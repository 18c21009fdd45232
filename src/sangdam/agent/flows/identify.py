"""Who asks: by a one-time code to the phone of the order, or by order number with the orderer's name and phone (dialogue.md §6.1).

Nothing personal is said here, and a wrong number, name or phone get the same sentence.
"""

from dataclasses import dataclass

from sangdam.agent.flow import Ask, Button, Flow, Given, YesNo, ask, feature, known, note, say, use, who, yes
from sangdam.agent.flows.steps import PERSON, offer_person, way, wording_of
from sangdam.core.facts import SendOtpOut
from sangdam.core.phone import Phone
from sangdam.tools.model import Assurance, Denied, Done, Failed, Invalid, Unknown


@dataclass(frozen=True)
class Proved:
    """The conversation now has what was asked for; `order_id` when it was proved by an order."""

    order_id: str | None = None


@dataclass(frozen=True)
class OtherWay:
    """The shopper would rather be found by `phone` or by `order`; `order_id` when they just gave one."""

    by: str
    order_id: str | None = None


@dataclass(frozen=True)
class Left:
    """It ended without proof, and the shopper was told how it goes on."""


Identified = Proved | OtherWay | Left

BY_ORDER = way("button.by_order", "order")
BY_PHONE = way("button.by_phone", "phone")
SEND_CODE = Button("button.send_code", {"type": "affirm"}, "primary")
RESEND = Button("button.resend", {"type": "set", "slot": "resend", "value": True})
OTHER_NUMBER = Button("button.other_number", {"type": "set", "slot": "way", "value": "other_number"})


def by_phone(purpose: str) -> Flow[Identified]:
    """A code to the phone, five minutes, five tries."""
    me = yield from who()
    if me.level is Assurance.VERIFIED and purpose in me.purposes:
        return Proved()
    if not (yield from feature("sms")):
        yield from say("w.sms")
        return OtherWay("order")
    consented = bool((yield from known("asks_for_code")))
    while True:
        phone = yield from ask(
            Ask(
                "phone",
                "phone",
                "identify.ask_phone",
                ("phone", "landline", "safe_number", "no_phone", "way", "order_id"),
                buttons=(BY_ORDER, PERSON),
            )
        )
        match phone.slot:
            case "landline" | "safe_number":
                yield from say("identify.mobile_needed")
                continue
            case "no_phone":
                return OtherWay("order")
            case "order_id":
                return OtherWay("order", phone.value)
            case "way":
                if phone.value == "order":
                    return OtherWay("order")
                continue
            case _:
                pass
        if not consented:
            consent = yield from yes(
                YesNo(
                    "otp_consent",
                    "w.verify",
                    {"phone": Phone(phone.value).masked},
                    (SEND_CODE, BY_ORDER, PERSON),
                    verbs=("보내", "받을", "인증"),
                    accepts=("way", "phone", "asks_for_code", "order_id"),
                )
            )
            match consent:
                case Given("way", value):
                    if value == "order":
                        return OtherWay("order")
                    continue
                case Given("order_id", value):
                    return OtherWay("order", value)
                case Given("phone", value):
                    yield from note("phone", value)
                    continue
                case False:
                    return (yield from declined())
                case _:
                    consented = True
        result = yield from prove_by_code(phone.value, purpose)
        if isinstance(result, Given):
            if result.slot == "phone":
                yield from note("phone", result.value)
            continue
        return result


def prove_by_code(phone: str, purpose: str) -> Flow[Identified | Given]:
    """Sends and reads the code. A `Given` means: not this number (another one, or to be asked for)."""
    live: SendOtpOut | None = None
    while True:
        outcome = yield from use("send_otp", phone=phone, purpose=purpose)
        match outcome:
            case Done(result):
                live = SendOtpOut.model_validate(result)
                yield from say("identify.code_sent", phone=live.destination_masked, ref=live.otp_ref)
            case Failed(code="OTP_RESEND_TOO_SOON", detail=detail):
                yield from say("w.code_too_soon", seconds=int(detail.get("retry_after", 30)))
                if live is None:  # the last code went out of another conversation: it is no use in this one
                    waited = yield from ask(
                        Ask(
                            "otp_wait",
                            "way",
                            "identify.wait",
                            ("resend", "way", "phone"),
                            buttons=(RESEND, BY_ORDER, PERSON),
                            prefill=False,
                        )
                    )
                    match waited:
                        case Given("resend", _):
                            continue
                        case Given("way", "order"):
                            return OtherWay("order")
                        case _:
                            return waited
            case Failed(code="OTP_LOCKED"):
                yield from say("w.locked")
                return OtherWay("order")
            case Failed(code="SOLAPI_ERROR" | "CONFIG_ERROR"):
                yield from say("w.sms")
                return OtherWay("order")
            case Invalid():
                yield from say("identify.mobile_needed")
                return Given("way", "other_number")
            case Unknown() | Denied(code="DUPLICATE_REQUEST"):
                # A process that died had begun to send it: the text may be there, and then its code is good.
                live = None
                yield from say("identify.code_perhaps_sent", phone=Phone(phone).masked)
            case Denied(retry_after=seconds):
                yield from say("identify.too_many_codes", minutes=max(1, round((seconds or 600) / 60)))
                return OtherWay("order")
            case _:
                yield from say("w.sms")
                return OtherWay("order")
        answer = yield from read_code(live.otp_ref if live is not None else None)
        match answer:
            case Given("resend", _):
                continue
            case Given():
                return answer
            case _:
                return answer


def read_code(reference: str | None) -> Flow[Identified | Given]:
    """Six digits, until right, locked, expired, or the shopper wants something else. Without a reference, of the last code."""
    while True:
        given = yield from ask(
            Ask(
                f"otp:{reference or 'last'}",
                "otp",
                "identify.ask_code",
                ("otp", "resend", "phone", "way", "no_phone", "order_id"),
                buttons=(RESEND, OTHER_NUMBER, BY_ORDER),
                prefill=False,
            )
        )
        match given:
            case Given("otp", code):
                outcome = yield from use("verify_otp", code=code, otp_ref=reference)
            case Given("way", "order") | Given("no_phone", _):
                return OtherWay("order")
            case Given("order_id", order_id):
                return OtherWay("order", order_id)
            case Given("way", _) | Given("resend", _) | Given("phone", _):
                return given
            case _:
                continue
        match outcome:
            case Done():
                return Proved()
            case Failed(code="OTP_INVALID", detail=detail):
                yield from say("w.code_wrong", left=int(detail.get("left", 0)))
            case Failed(code="OTP_LOCKED"):
                yield from say("w.locked")
                return OtherWay("order")
            case Failed(code="OTP_EXPIRED" | "OTP_ALREADY_USED" | "OTP_NOT_FOUND"):
                again = yield from yes(
                    YesNo(
                        "otp_again",
                        "w.code_expired",
                        buttons=(Button("button.resend", {"type": "affirm"}, "primary"), BY_ORDER, PERSON),
                        verbs=("보내", "받을"),
                        accepts=("way", "resend", "phone"),
                    )
                )
                match again:
                    case True | Given("resend", _):
                        return Given("resend", True)
                    case Given("way", "order"):
                        return OtherWay("order")
                    case Given():
                        return again
                    case _:
                        return (yield from declined())
            case Invalid():
                yield from say("identify.code_shape")
            case _:
                yield from say("w.down_short")
                return OtherWay("order")


def declined() -> Flow[Identified]:
    """No code wanted: nothing personal is said; another way is open."""
    other = yield from ask(
        Ask(
            "other_way",
            "way",
            "identify.declined",
            ("way", "order_id", "phone"),
            buttons=(BY_ORDER, way("button.send_code", "phone"), PERSON),
            prefill=False,
        )
    )
    match other:
        case Given("order_id", order_id):
            return OtherWay("order", order_id)
        case Given("way", "order"):
            return OtherWay("order")
        case _:
            return OtherWay("phone")


def by_order(order_id: str) -> Flow[Identified]:
    """The order number with the name and the phone of who ordered. The guest order password is never asked."""
    name: str | None = None
    phone: str | None = None
    for _ in range(8):
        if name is None:
            given = yield from ask(
                Ask(
                    "orderer_name",
                    "orderer_name",
                    "identify.ask_name",
                    ("orderer_name", "way"),
                    buttons=(BY_PHONE, PERSON),
                )
            )
            if given.slot == "way":
                if given.value == "phone":
                    return OtherWay("phone")
                continue
            name = given.value
        if phone is None:
            given = yield from ask(
                Ask(
                    "orderer_phone",
                    "phone",
                    "identify.ask_orderer_phone",
                    ("phone", "landline", "safe_number", "way"),
                    buttons=(BY_PHONE, PERSON),
                )
            )
            if given.slot == "way":
                if given.value == "phone":
                    return OtherWay("phone")
                continue
            phone = given.value
        outcome = yield from use("verify_orderer", order_id=order_id, orderer_name=name, orderer_phone=phone)
        match outcome:
            case Done():
                yield from note("order_id", order_id)
                return Proved(order_id)
            case Failed(code="ORDERER_LOCKED") | Denied():
                yield from offer_person("w.lock", "failed", "주문자 확인이 잠겨서 상담원 확인이 필요해요", priority=2)
                return Left()
            case Failed(code="ORDERER_MISMATCH") | Invalid():
                pass
            case _:
                if wording_of(outcome) in ("W-PERSON", "W-NOPE"):
                    yield from offer_person("w.person", "failed", "주문자 확인 중 문제가 있었어요")
                    return Left()
                again = yield from ask(
                    Ask(
                        "retry:verify_orderer",
                        "way",
                        "w.down",
                        ("way",),
                        buttons=(way("button.retry", "retry", primary=True), PERSON),
                        prefill=False,
                    )
                )
                if again.value == "retry":
                    continue
                return Left()
        yield from note("order_id", None)
        fixed = yield from ask(
            Ask(
                "orderer_fix",
                "order_fix",
                "w.notfound",
                ("order_id", "orderer_name", "phone", "landline", "way"),
                buttons=(way("button.again", "again"), BY_PHONE, PERSON),
                prefill=False,
            )
        )
        match fixed:
            case Given("order_id", value):
                order_id = value
            case Given("orderer_name", value):
                name = value
            case Given("phone" | "landline", value):
                phone = value
            case Given("way", "phone"):
                return OtherWay("phone")
            case _:
                return OtherWay("order")
    yield from offer_person("w.lock", "failed", "주문자 확인을 여러 번 시도했어요")
    return Left()
