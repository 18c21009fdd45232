"""From what is to be said to what the shopper reads: templates filled, facts written out, one question, which stands last.

Every number, date, name and status comes from a step's parameters, which hold tool results. Pure.
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sangdam.agent.dialogue import Draft
from sangdam.agent.flow import Ask, Button, Card, Choice, Say, Waiting, YesNo
from sangdam.agent.state import State
from sangdam.agent.templates import TEMPLATES
from sangdam.core.facts import OrderFacts, OrderLine, ShipmentFacts, TrackShipmentOut
from sangdam.core.korean import english_date, korean_date, with_particle, won
from sangdam.core.shop import StatusClass

WHY = {"otp_consent": "phone", "otp_again": "phone", "orderer_phone": "orderer_name"}
"""Questions whose reason is not that of their kind."""
TEXT_LIMIT = 600
BUTTON_LIMIT = 5
LIST_LIMIT = 9
"""Buttons where they are the list to choose from, or turn its pages."""
CARD_LIMIT = 5
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")
_LAST_QUESTION = re.compile(r"(?:(?<=[.!?…])\s+|^)[^.!?\n]*\?$")
PARTICLES = frozenset({"을", "이", "은", "과", "으로", "이라", "이에요", "이고", "이나"})


@dataclass(frozen=True)
class Reply:
    """dialogue.md §7.1, without the numbers that storing adds."""

    text: str
    kind: str
    step: str
    """`ask`, `confirm`, `final` or `handoff`."""
    quick_replies: tuple[Mapping[str, Any], ...] = ()
    cards: tuple[Mapping[str, Any], ...] = ()
    expected: Mapping[str, Any] | None = None

    def payload(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "quick_replies": list(self.quick_replies),
            "cards": list(self.cards),
            "citations": [],
            "expected": dict(self.expected) if self.expected else None,
        }


class _Filler(string.Formatter):
    """`{x:을}` puts the particle; moments become dates in the reply's language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        text = shown(value, self.language)
        return with_particle(text, format_spec) if format_spec in PARTICLES else text


def shown(value: Any, language: str) -> str:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return korean_date(value) if language == "ko" else english_date(value)
    if isinstance(value, Decimal):
        return won(value)
    return str(value)


def words(language: str, key: str, params: Mapping[str, Any] | None = None) -> str:
    """A template filled. Raises KeyError for a key or a field that does not exist (a test renders every one)."""
    known = dict(params or {})
    if str(known.get("label", "")).startswith("flow."):
        known["label"] = TEMPLATES[language][known["label"]]
    return _Filler(language).vformat(TEMPLATES[language][key], (), known)


def compose(state: State, draft: Draft, *, shop: str, retention_days: int, token: str) -> Reply:
    """One reply: what was said on the way, then the open question, or a closing line.

    `token` marks the question that buttons belong to; a press after it has passed is recognised by it.
    """
    language = state.language
    parts = [text for say in draft.says if (text := said(language, say, shop=shop, days=retention_days))]
    buttons: tuple[Button, ...] = ()
    cards: tuple[Card, ...] = ()
    for say in draft.says:
        buttons = say.buttons or buttons
        cards = say.cards or cards
    step = "handoff" if draft.handed_off else "final"
    kind = "text"
    expected: dict[str, Any] | None = None
    if draft.question is not None:
        question = draft.question.step
        text = question_words(state, draft.question, draft)
        parts.append(text)
        buttons, cards = buttons_of(question), cards_of(question)
        step = "ask"
        kind = (
            "cards"
            if cards
            else "csat"
            if isinstance(question, Ask) and question.kind == "csat_score"
            else "choice"
            if buttons
            else "text"
        )
        expected = {"kind": state.expected.kind if state.expected else None}
    elif asks_for_more(state, draft, parts):
        parts.append(words(language, "more.ask"))
    if not parts:
        parts.append(words(language, "nothing"))
    many = isinstance(draft.question.step, Choice) if draft.question is not None else False
    return Reply(
        joined(parts),
        kind,
        step,
        tuple(quick_reply(language, button, token) for button in buttons[: LIST_LIMIT if many else BUTTON_LIMIT]),
        tuple(card_view(card, token) for card in cards[:CARD_LIMIT]),
        expected,
    )


def asks_for_more(state: State, draft: Draft, parts: Sequence[str]) -> bool:
    """Not when it was the last thing asked, and not beside another question."""
    if state.closed is not None or not state.more or draft.handed_off:
        return False
    return state.last_text != words(state.language, "more.ask") and not any(part.endswith("?") for part in parts)


def said(language: str, say: Say, *, shop: str, days: int) -> str:
    if "order" in say.params:
        return order_words(language, say.template, OrderFacts.model_validate(say.params["order"]))
    if "track" in say.params:
        return track_words(language, say.template, TrackShipmentOut.model_validate(say.params["track"]))
    return words(language, say.template, {"shop": shop, "days": days, **say.params})


def question_words(state: State, waiting: Waiting, draft: Draft) -> str:
    """The question as asked first, or its re-ask; never the same sentence twice in a row."""
    language = state.language
    kind = state.expected.kind if state.expected else "way"
    first = words(language, waiting.step.template, waiting.step.params)
    text = first if draft.again == 0 else words(language, f"again.{kind}.{min(draft.again, 2)}")
    if draft.reason_asked:
        text = f"{words(language, f'why.{WHY.get(waiting.step.key, kind)}')} {text}"
    if text == state.last_text and begun_now(state) and waiting.step.template.startswith("hold."):
        return words(language, "hold.also")  # another question, with as little of an answer
    if text == state.last_text:
        text = words(language, f"again.{kind}.{1 if draft.again != 1 else 2}")
    return text


def begun_now(state: State) -> bool:
    return (
        state.run is not None and state.expected is not None and state.current.started_seq == state.expected.asked_seq
    )


def buttons_of(step: Ask | YesNo | Choice) -> tuple[Button, ...]:
    if isinstance(step, Choice):
        options = (
            ()
            if step.cards
            else tuple(Button(option.label, {"type": "choose", "id": option.id}) for option in step.options)
        )
        more = (Button("button.next", {"type": "page", "to": "next"}),) if step.more else ()
        earlier = (Button("button.prev", {"type": "page", "to": "prev"}),) if step.earlier else ()
        wider = (Button("button.wider", {"type": "page", "to": "wider"}),) if step.wider else ()
        none = (Button("button.none", {"type": "choose", "id": None}),)
        return (*options, *more, *earlier, *wider, *step.buttons, *none)
    if isinstance(step, YesNo) and not step.buttons:
        return (Button("button.yes", {"type": "affirm"}, "primary"), Button("button.no", {"type": "deny"}))
    return step.buttons


def cards_of(step: Ask | YesNo | Choice) -> tuple[Card, ...]:
    return step.cards if isinstance(step, Choice) else ()


def quick_reply(language: str, button: Button, token: str) -> Mapping[str, Any]:
    label = TEMPLATES[language].get(button.label, button.label)
    return {"label": label[:20], "action": with_token(button.action, token), "style": button.style}


BOUND_ACTIONS = frozenset({"affirm", "deny", "choose", "page", "set", "rate"})


def with_token(action: Mapping[str, Any], token: str) -> Mapping[str, Any]:
    """Answers to a question carry its token; wishes (`start`, `person`, `end`) are good at any time."""
    return {**action, "question": token} if action["type"] in BOUND_ACTIONS else dict(action)


def card_view(card: Card, token: str) -> Mapping[str, Any]:
    return {
        "id": card.id, "title": card.title, "subtitle": card.subtitle, "lines": list(card.lines), "image_url": card.image_url,
        "action": {"type": "choose", "list": "orders", "id": card.id, "question": token},
    }  # fmt: skip


def joined(parts: Sequence[str]) -> str:
    """One text: nothing twice, one question, and that stands last and whole however long the rest is."""
    *before, last = parts
    kept = [text for part in dict.fromkeys(before) if part != last and (text := _LAST_QUESTION.sub("", part).rstrip())]
    return "\n".join([*filter(None, [clip("\n".join(kept), TEXT_LIMIT - len(last) - 1)]), clip(last, TEXT_LIMIT)])


def clip(text: str, limit: int) -> str:
    """Cut at a line where there is one: half a link or half a number would be worse than none."""
    if len(text) <= limit:
        return text
    head = text[: max(0, limit - 2)]
    line, broken, _ = head.rpartition("\n")
    return f"{line}\n…" if broken else f"{head.rstrip()}…"


# Facts in words -----------------------------------------------------------------------------------------------------------


def title(names: Sequence[str], language: str) -> str:
    """`린넨 셔츠 외 1건`."""
    if not names:
        return "상품" if language == "ko" else "your items"
    rest = len(names) - 1
    if rest <= 0:
        return names[0]
    return f"{names[0]} 외 {rest}건" if language == "ko" else f"{names[0]} and {rest} more"


STATUS_EN: Mapping[StatusClass, str] = {
    StatusClass.AWAITING_PAYMENT: "awaiting payment", StatusClass.PREPARING: "preparing", StatusClass.READY_TO_SHIP: "ready to ship", StatusClass.IN_TRANSIT: "in transit",
    StatusClass.DELIVERED: "delivered", StatusClass.CONFIRMED: "completed", StatusClass.CANCEL: "cancellation", StatusClass.RETURN: "return", StatusClass.EXCHANGE: "exchange",
    StatusClass.OTHER: "being checked",
}  # fmt: skip


def status_words(language: str, status_class: StatusClass, text: str) -> str:
    return text or "확인 중" if language == "ko" else STATUS_EN[status_class]


def order_words(language: str, template: str, order: OrderFacts) -> str:
    """The order's facts: status first, then items where they differ, amount, deliverable part."""
    ko = language == "ko"
    names = [item.name for item in order.items]
    due = won(order.payment_due.amount) if order.payment_due is not None else ""
    lines = [
        words(
            language,
            template,
            {
                "date": order.ordered_at,
                "title": title(names, language),
                "status": status_words(language, order.status_class, order.status_text),
                "due": due,
            },
        )
    ]
    lines.extend(item_line(item, language) for item in order.items[:5])
    if len(order.items) > 5:
        lines.append(
            f"그 밖에 {len(order.items) - 5}건이 더 있어요." if ko else f"and {len(order.items) - 5} more items."
        )
    if order.payment_due is None and order.amounts.paid > 0:
        lines.append(f"결제 금액은 {won(order.amounts.paid)}이에요." if ko else f"You paid {won(order.amounts.paid)}.")
    if order.payment_due is not None and order.payment_due.deadline is not None:
        deadline = shown(order.payment_due.deadline, language)
        tail = " 기한이 지나면 자동으로 취소돼요." if order.payment_due.auto_cancels else ""
        lines.append(
            f"입금 기한은 {deadline}까지예요.{tail}"
            if ko
            else f"Please pay by {deadline}." + (" After that it is cancelled automatically." if tail else "")
        )
    if order.receivers and order.status_class in (
        StatusClass.PREPARING,
        StatusClass.READY_TO_SHIP,
        StatusClass.IN_TRANSIT,
    ):
        area = order.receivers[0].address_masked.replace("***", "").strip()
        if area:
            lines.append(f"받으실 곳은 {with_particle(area, '이에요')}." if ko else f"It goes to {area}.")
    lines.append(
        f"주문번호는 {with_particle(order.order_id, '이에요')}." if ko else f"The order number is {order.order_id}."
    )
    return "\n".join(lines)


def item_line(item: OrderLine, language: str) -> str:
    option = f" ({item.option})" if item.option else ""
    count = f"{item.quantity}개" if language == "ko" else f"x{item.quantity}"
    return f"· {item.name}{option} {count}, {status_words(language, item.status_class, item.status_text)}"


def track_words(language: str, template: str, track: TrackShipmentOut) -> str:
    ko = language == "ko"
    names = [item.name for shipment in track.shipments for item in shipment.items]
    names += [item.name for item in track.unshipped_items]
    lines = [
        words(
            language,
            template,
            {
                "date": track.ordered_at,
                "title": track.title if ko or not names else title(names, language),
                "status": track.status_text or ("확인 중" if ko else "being checked"),
            },
        )
    ]
    several = len(track.shipments) > 1 or bool(track.unshipped_items)
    lines.extend(parcel_line(shipment, language, named=several) for shipment in track.shipments[:6])
    for item in track.unshipped_items[:4] if track.summary == "partial" else ():
        option = f" ({item.option})" if item.option else ""
        status = status_words(language, item.status_class, item.status_text)
        when = (
            f" {shown_day(item.expected_ship_date, language)} 출발 예정이에요."
            if ko and item.expected_ship_date
            else ""
        )
        lines.append(
            f"· {item.name}{option}: 아직 발송 전이에요 ({status}).{when}"
            if ko
            else f"· {item.name}{option}: not shipped yet ({status})."
        )
    if track.summary == "not_shipped" and track.usual_days is not None:
        low, high = track.usual_days
        span = f"{low}~{high}" if low != high else f"{low}"
        lines.append(
            f"이 쇼핑몰은 보통 {span}일 안에 보내 드려요." if ko else f"This shop usually ships within {span} days."
        )
    return "\n".join(lines)


def shown_day(day: Any, language: str) -> str:
    return korean_date(day) if language == "ko" else english_date(day)


def parcel_line(shipment: ShipmentFacts, language: str, *, named: bool) -> str:
    """`CJ대한통운 690000000012로 3월 16일(월)에 출발했어요.` — only what the record holds."""
    ko = language == "ko"
    carrier = shipment.carrier_name or ("택배사 확인 중" if ko else "carrier being checked")
    number = shipment.tracking_no or ("송장번호 확인 중" if ko else "tracking number being checked")
    head = f"· {title([item.name for item in shipment.items], language)}: " if named else ""
    moments: list[str] = []
    if shipment.shipped_at is not None:
        moments.append(
            f"{korean_date(shipment.shipped_at)}에 출발했어요" if ko else f"left on {english_date(shipment.shipped_at)}"
        )
    if shipment.delivered_at is not None:
        moments.append(
            f"{korean_date(shipment.delivered_at)}에 배송 완료됐어요"
            if ko
            else f"delivered on {english_date(shipment.delivered_at)}"
        )
    if not moments and shipment.status_text:
        moments.append(f"지금은 '{shipment.status_text}' 상태예요" if ko else f"now {STATUS_EN[shipment.status_class]}")
    when = ". ".join(moments)
    line = f"{head}{carrier} {number}, {when}." if when else f"{head}{carrier} {number}."
    link = f"\n{shipment.tracking_url}" if shipment.tracking_url else ""
    return line + link
