"""From a message to commands: the button first, then phrases, then what the open question expects, then intents (dialogue.md §2).

Pure and keyless. It proposes only; a text is never read for anything but the closed list of commands.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, cast

from rapidfuzz import fuzz

from sangdam.agent.commands import (
    Abuse,
    Affirm,
    AskKnowledge,
    CancelFlow,
    Choose,
    Command,
    Deny,
    End,
    Nothing,
    OutOfScope,
    Page,
    Person,
    Rate,
    Reading,
    Repeat,
    Restart,
    SetLanguage,
    SetSlot,
    SmallTalk,
    StaleAction,
    StartFlow,
    Unread,
    Unsure,
    Wait,
    Why,
)  # fmt: skip
from sangdam.agent.dialogue import KINDS, Surroundings, open_question
from sangdam.agent.flow import Ask, Button, Choice, Waiting, YesNo
from sangdam.agent.flows import FLOWS
from sangdam.agent.state import State
from sangdam.agent.templates import TEMPLATES
from sangdam.nlu import (
    Global,
    Ground,
    NoneOfThese,
    Normal,
    Option,
    PageTo,
    Period,
    Picked,
    Slot,
    abuse_level,
    find_slots,
    gravity,
    language_of,
    normalise,
    product_phrase,
    read_choice,
    read_correction,
    read_global,
    read_yes_no,
    settle,
)  # fmt: skip
from sangdam.nlu import expected as asides
from sangdam.nlu.intents import ACT_AT, ASK_AT, Action, Intent, IntentModel, IntentReading, read_intents

KEPT_SLOTS = ("order_id", "phone", "landline", "safe_number", "orderer_name", "outside_order")
"""What a message may settle for the flows there are; other values it holds are not stored."""
ORDER_INTENTS = frozenset({"order_lookup", "shipping_inquiry"})
DIGRESSION_AT = 0.85
"""Beside a read answer, another wish is followed only when it is this certain."""
BESIDE = frozenset(
    {
        "cancel_request",
        "return_request",
        "exchange_request",
        "refund_request",
        "order_change_address",
        "restock_subscribe",
        "human_handoff",
        *ORDER_INTENTS,
    }
)
"""Wishes plain enough to be followed beside an answer; a remark on the answer itself easily looks like the others."""
REMAINDER = 6
"""Letters that must be left beside a read answer before they are read for a wish."""
RULES = frozenset({"faq", "shipping_policy"})
"""Looked up in the same articles: between these nobody needs to choose."""

_PROBLEMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("returned", re.compile(r"반송|수취\s?거부|되돌아")),
    (
        "missing_item",
        re.compile(
            r"누락|덜\s?(?:왔|옴|도착)|빠졌|빠져|나머지|(?:하나|한\s?개|일부)(?:만|가|는)?\s?(?:오고|왔|안\s?왔|도착)"
        ),
    ),
    (
        "not_received",
        re.compile(
            r"못\s?받|받은\s?적|안\s?받았|분실|사라졌|없어졌|없어진|(?:완료|도착).{0,14}(?:없|안\s?왔|안\s?보|못)"
        ),
    ),
    ("stuck", re.compile(r"며칠째|몇일째|그대로|안\s?움직|멈춰|멈췄|감감무소식|깜깜무소식|정체")),
)
_OPENERS = re.compile(
    r"^(?:(?:아|어|음|저기|그게|아니|아니요|아뇨|아니다|그럼|그러면|근데|그리고|혹시|저|네|예)[\s,.~!]+)+"
)
"""Words a sentence begins with before it says anything."""
_WORDS = re.compile(r"[가-힣]{2,}")
"""Something that is at least written in words."""
_ASKS_WHO = re.compile(
    r"로봇|봇이|봇인|챗봇|ai(?:예요|에요|인가|야|입니까|세요|맞)|기계(?:예요|에요|인가|야)|사람(?:이에요|인가요|이세요|이야|맞|입니까)|누구(?:세요|야|예요|신가)|너뭐|뭐하는",
    re.IGNORECASE,
)
_WAYS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("retry", re.compile(r"다시|재시도|또|again|retry")),
    ("wider", re.compile(r"넓|일년|1년|더예전|더오래|옛날|작년|wider|year")),
    ("list", re.compile(r"목록|리스트|고르|골라|내주문|list")),
    ("phone", re.compile(r"인증|휴대폰|핸드폰|폰|문자|전화번호|phone|mobile|code")),
    ("order", re.compile(r"주문번호|이름|성함|주문자|order")),
    ("other_number", re.compile(r"다른번호|번호가달|번호바꿔|othernumber")),
    ("again", re.compile(r"다시|재입력|again")),
)


class Understanding:
    """Reads messages. Holds the intent model; safe to share."""

    def __init__(self, model: IntentModel) -> None:
        self._model = model

    def read(
        self, text: str, action: Mapping[str, Any] | None, state: State, around: Surroundings, *, now: datetime
    ) -> Reading:
        """The commands of one message, at least one. `now` is when it was said."""
        question = open_question(state, around)
        if action is not None:
            return Reading(by_button(action, state, question), "button")
        normal = normalise(text)
        if normal.is_empty:
            return Reading((Nothing(),), "rules")
        values = find_slots(normal, now=now, awaiting=awaited(question))
        found = [*language(normal, state), *kept(values, normal, question)]
        grave = gravity(normal)
        phrase = read_global(normal, ground_of(state, question))
        if phrase is not None and phrase.kind not in ("abuse", "greeting", "thanks"):
            return Reading((*found, of_phrase(phrase)), "rules")
        answer = answered(normal, values, state, question, now)
        rude = abuse_level(normal)
        insult: tuple[Command, ...] = (Abuse(rude),) if rude else ()
        if answer:
            consumed = any(value.name in KEPT_SLOTS or value.name == "otp" for value in values)
            remark = asides.wants_other_number(normal) or read_correction(normal) is not None
            extra = self._beside(normal, values, state) if consumed and not remark else ()
            return Reading((*found, *answer, *insult, *extra), "expected")
        if phrase is not None and phrase.kind != "abuse":
            return Reading((*found, of_phrase(phrase)), "rules")
        if grave is not None:
            return Reading((*found, SetSlot("wish_text", text[:500]), Person("legal")), "rules")
        return self._wishes(normal, text, values, (*found, *insult), state, question)

    def _beside(self, normal: Normal, values: Sequence[Slot], state: State) -> tuple[Command, ...]:
        """A further wish in the same message as an answer: followed only when it is certain."""
        rest = without(normal.text, values)
        if len(re.sub(r"\W", "", rest)) < REMAINDER:
            return ()
        return tuple(
            StartFlow(reading.top.intent.value, reading.mood.value, reading.top.probability)
            for reading in read_intents(rest, self._model)
            if reading.action is Action.ACT
            and reading.top.intent.value in BESIDE
            and reading.top.probability >= DIGRESSION_AT
            and not running(state, reading.top.intent)
        )

    def _wishes(
        self,
        normal: Normal,
        text: str,
        values: Sequence[Slot],
        found: tuple[Command, ...],
        state: State,
        question: Waiting | None,
    ) -> Reading:
        readings = read_intents(
            without(normal.text, values) if mostly_numbers(normal, values) else normal.text, self._model
        )
        best = max(readings, key=lambda reading: reading.top.probability)
        candidates = tuple((candidate.intent.value, candidate.probability) for candidate in best.candidates[:3])
        named = tuple(command for command in found if isinstance(command, SetSlot) and command.name in KEPT_SLOTS)
        commands: list[Command] = [*found]
        sure_at = 0.0 if question is None else DIGRESSION_AT
        if (
            any(command.name == "order_id" for command in named)
            and (question is None or offered(question, state))
            and (best.action is not Action.ACT or best.top.probability < sure_at)
        ):
            wish = next((name for name, _ in candidates if name in ORDER_INTENTS), "order_lookup")
            return Reading(
                (*commands, StartFlow(wish, "ask_own", best.top.probability)),
                "lexical",
                best.top.probability,
                candidates,
            )
        for reading in readings[:5]:
            commands.extend(self._wish(reading, normal, text, values, state, question))
        settled = (SetSlot, SetLanguage, SmallTalk, OutOfScope)
        if (
            named
            and question is None
            and state.run is None
            and all(isinstance(command, settled) for command in commands)
        ):
            kept = [command for command in commands if isinstance(command, SetSlot | SetLanguage)]
            return Reading((*kept, StartFlow("order_lookup", "ask_own")), "rules", 1.0, candidates)
        if (
            question is None
            and state.run is None
            and asides.dont_know(normal)
            and "주문" in normal.bare
            and best.action is not Action.ACT
        ):
            return Reading((*found, StartFlow("order_lookup", "ask_own")), "rules", 1.0, candidates)
        if not named and all(isinstance(command, SetSlot | SetLanguage) for command in commands):
            commands.append(Unread())
        return Reading(tuple(commands[:8]), "lexical", best.top.probability, candidates)

    def _wish(
        self,
        reading: IntentReading,
        normal: Normal,
        text: str,
        values: Sequence[Slot],
        state: State,
        question: Waiting | None,
    ) -> tuple[Command, ...]:
        intent = reading.top.intent
        # A sentence that is neither yes nor no to an offer turns to something else, even where it is not certain to what.
        held = question is not None and not (offered(question, state) and len(normal.bare) >= REMAINDER)
        match reading.action:
            case Action.ACT:
                if question is not None and (reading.top.probability < DIGRESSION_AT or len(normal.bare) < REMAINDER):
                    return ()
                return start(intent.value, reading, normal, text, values)
            case Action.KNOWLEDGE if reading.top.probability >= ASK_AT:
                if held and reading.top.probability < ACT_AT:
                    return ()
                if intent is Intent.SHIPPING_POLICY:
                    return start("shipping_policy", reading, normal, text, values)
                return (SetSlot("wish_text", text[:500]), AskKnowledge(text[:300]))
            case Action.ASK:
                if held:
                    return ()
                options = tuple(choice.value for choice in reading.choices() if choice.value in FLOWS)
                ruled = sum(each.probability for each in reading.candidates if each.intent.value in RULES)
                if options[:1] and options[0] in RULES and ruled >= ACT_AT:
                    return start(options[0], reading, normal, text, values)
                if len(options) >= 2:
                    about = next((option for option in options if option in ORDER_INTENTS), options[0])
                    return (*request_slots(about, normal, text, values), Unsure(options))
                return start(options[0], reading, normal, text, values) if options else ()
            case Action.NONE:
                return talk(intent, reading, normal, question)
            case _:
                return ()


def start(
    intent: str, reading: IntentReading, normal: Normal, text: str, values: Sequence[Slot]
) -> tuple[Command, ...]:
    if intent not in FLOWS:
        return ()
    return (
        *request_slots(intent, normal, text, values),
        StartFlow(intent, reading.mood.value, reading.top.probability),
    )


def request_slots(intent: str, normal: Normal, text: str, values: Sequence[Slot]) -> tuple[Command, ...]:
    """What the request itself says of its object. A day or a product named anew means: not the order on the table."""
    if intent not in ORDER_INTENTS:
        return (SetSlot("wish_text", text[:500]),)
    slots: list[Command] = []
    period = next((value.value for value in values if value.name in ("date", "period") and not value.superseded), None)
    if isinstance(period, Period):
        slots.append(
            SetSlot("period", {"start": period.start.isoformat(), "end": period.end.isoformat(), "text": period.text})
        )
    product = product_phrase(normal)
    if product is not None and _WORDS.search(product):
        slots.append(SetSlot("product_query", product))
    named = any(value.name == "order_id" for value in values)
    if slots and not named:
        slots.insert(0, SetSlot("order_id", None))
    problem = next((name for name, pattern in _PROBLEMS if pattern.search(normal.text)), None)
    if problem is not None and intent == "shipping_inquiry":
        slots.append(SetSlot("delivery_problem", problem))
    return tuple(slots)


def talk(intent: Intent, reading: IntentReading, normal: Normal, question: Waiting | None) -> tuple[Command, ...]:
    match intent:
        case Intent.THANKS:
            return (SmallTalk("thanks"),)
        case Intent.END:
            return (End(),) if question is None else ()
        case Intent.ABUSE:
            return () if abuse_level(normal) else (Abuse(1),)
        case Intent.OUT_OF_SCOPE if question is not None and not _WORDS.search(normal.text):
            return ()
        case Intent.OUT_OF_SCOPE:
            return (OutOfScope(),) if reading.top.probability >= ACT_AT or question is None else ()
        case Intent.SMALLTALK:
            kind = "bot" if _ASKS_WHO.search(normal.compact) else "chat"
            return (SmallTalk(kind),) if question is None or reading.top.probability >= ACT_AT else ()
        case _:
            return (OutOfScope(),) if question is None else ()


def running(state: State, intent: Intent) -> bool:
    return state.run is not None and state.run.intent == intent.value


def language(normal: Normal, state: State) -> tuple[Command, ...]:
    """A message in English is answered in English from then on."""
    if state.language == "ko" and language_of(normal) == "en" and len(normal.text.split()) >= 3:
        return (SetLanguage("en"),)
    if state.language == "en" and language_of(normal) == "ko" and len(normal.bare) >= 4:
        return (SetLanguage("ko"),)
    return ()


def awaited(question: Waiting | None) -> frozenset[str] | None:
    if question is None:
        return None
    step = question.step
    kinds = set(step.accepts)
    if isinstance(step, Ask):
        kinds.add(step.kind)
        if step.kind == "order_fix":
            kinds |= {"order_id", "phone"}
    return frozenset(kinds)


def offered(question: Waiting, state: State) -> bool:
    """Whether what is asked is only whether a person shall take over or something else be done; nothing of an order hangs on it."""
    return isinstance(question.step, YesNo) and state.run is not None and KINDS[state.run.name].group == "question"


def kept(values: Sequence[Slot], normal: Normal, question: Waiting | None) -> list[Command]:
    """Values worth keeping. A name counts only where it was asked for or labelled."""
    commands: list[Command] = []
    for name in KEPT_SLOTS:
        wanted = question is not None and name in question.step.accepts
        for value in settle(values, cast("Any", name), normal)[:1]:
            if name == "orderer_name" and not (wanted or value.labelled):
                continue
            commands.append(SetSlot(name, value.value))
    return commands


def without(text: str, values: Sequence[Slot]) -> str:
    """The text without the numbers and names that were read from it."""
    for value in sorted(values, key=lambda value: value.span, reverse=True):
        if value.name in (*KEPT_SLOTS, "otp", "number", "tracking_no", "sensitive", "contact"):
            text = f"{text[: value.span[0]]} {text[value.span[1] :]}"
    return " ".join(text.split())


def mostly_numbers(normal: Normal, values: Sequence[Slot]) -> bool:
    return any(value.name in KEPT_SLOTS or value.name in ("number", "sensitive") for value in values)


def ground_of(state: State, question: Waiting | None) -> Ground:
    return Ground(
        flow_running=state.run is not None,
        question_open=question is not None or state.more,
        asks_yes_no=isinstance(question.step, YesNo) if question is not None else state.more,
    )


def of_phrase(phrase: Global) -> Command:
    match phrase.kind:
        case "person":
            return Person()
        case "cancel_flow":
            return CancelFlow()
        case "restart":
            return Restart()
        case "repeat":
            return Repeat()
        case "why":
            return Why()
        case "wait":
            return Wait()
        case "end":
            return End()
        case "language":
            return SetLanguage(phrase.language or "ko")
        case "nothing":
            return Nothing()
        case "greeting":
            return SmallTalk("greeting")
        case "thanks":
            return SmallTalk("thanks")
        case "abuse":
            return Abuse(phrase.level)


# The open question -------------------------------------------------------------------------------------------------------------


def answered(
    normal: Normal, values: Sequence[Slot], state: State, question: Waiting | None, now: datetime
) -> tuple[Command, ...]:
    """What the message says to the open question; empty when it says nothing to it.

    A value among `KEPT_SLOTS` that the question accepts has been taken by `kept` already; here an empty command tuple would hide
    that, so its presence is an answer by itself.
    """
    if question is None:
        return yes_no_to_more(normal, state)
    step = question.step
    if any(
        value.name in step.accepts and value.name in KEPT_SLOTS and (value.name != "orderer_name" or value.value)
        for value in values
    ):
        return (Nothing(),)
    match step:
        case YesNo():
            return to_yes_no(normal, step, state)
        case Choice():
            return to_choice(normal, step, state, now)
        case Ask():
            return to_ask(normal, values, step, state)


def yes_no_to_more(normal: Normal, state: State) -> tuple[Command, ...]:
    if not state.more:
        return ()
    match yes_or_no_in(normal):
        case "yes":
            return (Affirm(),)
        case "no":
            return (Deny(),)
        case _:
            return ()


_ENGLISH_YES = re.compile(
    r"(?:yes|yeah|yep|yup|sure|ok|okay|alright|please|go ahead|do it|send it|of course)(?:[ ,]+(?:please|thanks|thank you|go ahead|do it|send it|do))*[ .!]*",
    re.IGNORECASE,
)
_ENGLISH_NO = re.compile(
    r"(?:no|nope|nah|not now|don't|do not)(?:[ ,]+(?:thanks|thank you|please|that's all|that is all|nothing else|need))*[ .!]*",
    re.IGNORECASE,
)


def yes_or_no_in(
    normal: Normal, *, polarity: Literal["offer", "ok_check"] = "offer", verbs: tuple[str, ...] = ()
) -> Literal["yes", "no"] | None:
    """In either language."""
    if _ENGLISH_YES.fullmatch(normal.text.strip()):
        return "yes"
    if _ENGLISH_NO.fullmatch(normal.text.strip()):
        return "no"
    match read_yes_no(normal, polarity=polarity, verbs=verbs):
        case "yes" | "no" as said:
            return said
        case _:
            return None


def to_yes_no(normal: Normal, step: YesNo, state: State) -> tuple[Command, ...]:
    if "asks_for_code" in step.accepts and asides.asks_for_code(normal):
        return (SetSlot("asks_for_code", True),)
    if "resend" in step.accepts and asides.wants_resend(normal):
        return (SetSlot("resend", True),)
    if "way" in step.accepts and asides.wants_other_number(normal):
        return (SetSlot("way", "other_number"),)
    if "way" in step.accepts and asides.no_phone(normal):
        return (SetSlot("way", "order"),)
    match yes_or_no_in(normal, polarity=step.polarity, verbs=step.verbs):
        case "yes":
            return (Affirm(),)
        case "no":
            return (Deny(),)
        case _:
            return pressed(normal, step.buttons, step.accepts, state)


def to_choice(normal: Normal, step: Choice, state: State, now: datetime) -> tuple[Command, ...]:
    templates = TEMPLATES[state.language]
    options = [
        Option(n, option.id, templates.get(option.label, option.label), option.names)
        for n, option in enumerate(step.options, 1)
    ]
    match read_choice(normal, options, today=now.date()):
        case Picked(ids=(one,)):
            return (Choose(one),)
        case NoneOfThese():
            return (Choose(None),)
        case PageTo(to):
            return (Page(to),)
        case _:
            pass
    if len(options) == 1 and yes_or_no_in(normal) == "yes":
        return (Choose(options[0].id),)
    return pressed(normal, step.buttons, step.accepts, state)


def to_ask(normal: Normal, values: Sequence[Slot], step: Ask, state: State) -> tuple[Command, ...]:
    if step.key == "otp_wait" and asides.wants_resend(normal):
        return (SetSlot("resend", True),)
    if "otp" in step.accepts:
        code = next((value.value for value in values if value.name == "otp" and not value.superseded), None)
        if code is not None:
            return (SetSlot("otp", code),)
        if asides.wants_resend(normal) or asides.asks_for_code(normal):
            return (SetSlot("resend", True),)
        if asides.wants_other_number(normal):
            return (SetSlot("way", "other_number"),)
    if "score" in step.accepts:
        score = asides.score(normal) or next(
            (value.value for value in values if value.name in ("score", "number") and str(value.value) in "12345"), None
        )
        if score is not None:
            return (SetSlot("score", int(cast("int", score))),)
    if "skip" in step.accepts and (asides.skip(normal) or yes_or_no_in(normal) == "no"):
        return (SetSlot("skip", True),)
    if step.kind == "contact":
        contact = next((value.value for value in values if value.name in ("contact", "phone", "landline")), None)
        if contact is not None:
            return (SetSlot("phone" if str(contact).startswith("01") else "landline", contact),)
    if "csat_reason" in step.accepts and len(normal.bare) >= 2:
        return (SetSlot("csat_reason", normal.raw[:500]),)
    if "no_phone" in step.accepts and asides.no_phone(normal):
        return (SetSlot("no_phone", True),)
    if asides.dont_know(normal):
        if "dont_know" in step.accepts:
            return (SetSlot("dont_know", True),)
        if "way" in step.accepts and step.kind in ("orderer_name", "phone", "order_id_or_phone", "order_fix"):
            return (SetSlot("way", "order" if step.key == "phone" else "phone"),)
    return pressed(normal, step.buttons, step.accepts, state)


def pressed(normal: Normal, buttons: Sequence[Button], accepts: Sequence[str], state: State) -> tuple[Command, ...]:
    """A button typed out, or named by its main word."""
    templates = TEMPLATES[state.language]
    said = normal.bare
    for button in buttons:
        label = re.sub(r"\W", "", templates.get(button.label, button.label)).lower()
        if (
            said == label
            or (len(label) >= 3 and label in said and len(said) <= len(label) + 8)
            or (len(said) >= 3 and fuzz.ratio(said, label) >= 85)
        ):
            return of_action(button.action)
    offered = {button.action["value"] for button in buttons if button.action.get("slot") == "way"}
    if "way" not in accepts or len(said) > 24:
        return ()
    for value, pattern in _WAYS:
        if value in offered and pattern.search(said):
            return (SetSlot("way", value),)
    if not offered or any(char.isdigit() for char in said):
        return ()
    match yes_or_no_in(normal):
        case "yes":
            first = next(
                (button for button in buttons if button.style == "primary" or button.action.get("slot") == "way"), None
            )
            return of_action(first.action) if first is not None else ()
        case "no":
            return (CancelFlow(),)
        case _:
            return ()


# Buttons -------------------------------------------------------------------------------------------------------------------------


def by_button(action: Mapping[str, Any], state: State, question: Waiting | None) -> tuple[Command, ...]:
    """The command a button stands for; of a question that is no longer open it is refused, politely."""
    token = action.get("question")
    if token is not None and (
        question is None or state.expected is None or token != f"{state.expected.run[:8]}.{state.expected.key}"
    ):
        return (StaleAction(json.dumps(action, sort_keys=True) == state.last_action),)
    return of_action(action) or (Unread(),)


def of_action(action: Mapping[str, Any]) -> tuple[Command, ...]:
    """Commands of a well-formed action; none for anything else, so that a forged frame does nothing."""
    match action:
        case {"type": "affirm"}:
            return (Affirm(),)
        case {"type": "deny"}:
            return (Deny(),)
        case {"type": "choose", "id": str() | None as id}:
            return (Choose(id),)
        case {"type": "page", "to": "next" | "prev" | "wider" as to}:
            return (Page(to),)
        case {"type": "set", "slot": "way" | "resend" | "skip" as slot, "value": str() | bool() as value}:
            return (SetSlot(slot, value),)
        case {"type": "rate", "score": int() as score} if 1 <= score <= 5:
            return (Rate(score),)
        case {"type": "start", "intent": str() as intent} if intent in FLOWS:
            order = action.get("order_id")
            if isinstance(order, str) and re.fullmatch(r"\d{8}-\d{7}", order):
                return (SetSlot("order_id", order), StartFlow(intent))
            return (
                (SetSlot("order_id", None), StartFlow(intent)) if action.get("fresh") is True else (StartFlow(intent),)
            )
        case {"type": "person"}:
            return (Person(),)
        case {"type": "cancel"}:
            return (CancelFlow(),)
        case {"type": "restart"}:
            return (Restart(),)
        case {"type": "end"}:
            return (End(),)
        case _:
            return ()


__all__ = ["Understanding"]
