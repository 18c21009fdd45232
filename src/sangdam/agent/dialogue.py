"""How a conversation moves: what each command does to the state, and what the flows want next. Pure; the turn's shell calls tools.

`hear` takes one message's commands in, `proceed` runs the flow as far as it goes without a tool. Both return new states.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

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
from sangdam.agent.flow import (
    Advanced,
    Ask,
    Button,
    Calling,
    Choice,
    Chosen,
    Finished,
    Given,
    Identity,
    Say,
    Use,
    Waiting,
    World,
    YesNo,
    advance,
)
from sangdam.agent.flows import BY_NAME, FLOWS, FlowKind
from sangdam.agent.flows.asides import ASIDES
from sangdam.agent.flows.steps import MENU, PERSON
from sangdam.agent.state import Expected, Proof, Run, State, Wish
from sangdam.tools.model import Assurance, Done, NeedsVerification, Outcome

MAX_STACK = 3
MAX_AGENDA = 5
MAX_ASKS = 3
MAX_STRIKES = 3
EPHEMERAL = frozenset(
    {"otp", "way", "resend", "skip", "score", "csat_reason", "asks_for_code", "dont_know", "no_phone", "choice"}
)
"""Answers that mean something only to the question they answer."""
REQUEST_WORDS = ("period", "product_query", "delivery_problem", "wish_text", "legal")
"""What a request itself says; a new request brings its own."""
PROOF_STEPS = (
    "ask:phone",
    "ask:otp",
    "ask:otp_consent",
    "ask:orderer",
    "use:send_otp",
    "use:verify_otp",
    "use:verify_orderer",
)
KINDS: Mapping[str, FlowKind] = {**BY_NAME, **{kind.name: kind for kind in ASIDES.values()}}


@dataclass(frozen=True)
class Event:
    """An audit event of the turn; `payload` is masked when it is written."""

    type: str
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class Draft:
    """What this turn has to say so far."""

    says: list[Say] = field(default_factory=list[Say])
    question: Waiting | None = None
    again: int = 0
    """0: asked for the first time; 1 and 2: the first and second re-ask of `question`."""
    reason_asked: bool = False
    handed_off: bool = False
    events: list[Event] = field(default_factory=list[Event])

    def say(self, template: str, **params: Any) -> None:
        self.says.append(Say(template, params))

    def offer(self, template: str, buttons: tuple[Button, ...], **params: Any) -> None:
        self.says.append(Say(template, params, buttons=buttons))

    def event(self, type: str, **payload: Any) -> None:
        self.events.append(Event(type, payload))


@dataclass(frozen=True)
class Surroundings:
    """What the flows may know that is not said: the shop's features and today's date in Seoul (ISO)."""

    features: frozenset[str]
    today: str
    turn: uuid.UUID

    def run_id(self, number: int) -> str:
        return str(uuid.uuid5(self.turn, f"run{number}"))


def world_of(state: State, around: Surroundings) -> World:
    slots = {name: slot.value for name, slot in state.slots.items()}
    slots["today"] = around.today
    return World(state.current.answers if state.run else {}, slots, state.proof.identity, around.features)


def open_question(state: State, around: Surroundings) -> Waiting | None:
    """The question of the running flow, found by replaying it."""
    if state.run is None or state.expected is None:
        return None
    match advance(KINDS[state.current.name].run, world_of(state, around)).next:
        case Waiting() as waiting:
            return waiting
        case Calling() | Finished():
            return None


# Hearing ------------------------------------------------------------------------------------------------------------------


def hear(state: State, reading: Reading, seq: int, draft: Draft, around: Surroundings) -> State:
    """The state after a message's commands, in order. What is to be said at once goes to the draft."""
    state = replace(state, source=reading.source, confidence=reading.confidence)
    for command in reading.commands:
        state = obey(state, command, seq, draft, around)
    return state


def obey(state: State, command: Command, seq: int, draft: Draft, around: Surroundings) -> State:
    match command:
        case SetSlot(name, value, correction):
            return set_slot(state, name, value, seq, draft, around, correction=correction)
        case Affirm() | Deny():
            return yes_or_no(state, isinstance(command, Affirm), seq, draft, around)
        case Choose(id):
            return answered_choice(state, Chosen(id), draft, around)
        case Page(to):
            return answered_choice(state, Chosen(page=to), draft, around)
        case StartFlow(intent):
            return start(state, intent, seq, draft, around)
        case CancelFlow():
            return cancel(state, draft)
        case Restart():
            draft.offer("menu", MENU)
            return replace(state, run=None, stack=(), agenda=(), expected=None, slots={}, more=False, no_progress=0)
        case Repeat():
            return again(state, draft, around, "repeat.none")
        case Why():
            draft.reason_asked = True
            return again(state, draft, around, "why.none")
        case Wait():
            draft.say("wait")
            return state
        case Person(reason):
            state = state.with_slot("legal", True if reason == "legal" else None, seq)
            return start(state, "human_handoff", seq, draft, around)
        case SmallTalk(kind):
            if state.run is not None or state.more:
                draft.say(f"smalltalk.{kind}")
            elif kind == "thanks":
                draft.offer("smalltalk.thanks", MENU)
            else:
                draft.say(f"smalltalk.{kind}")
                draft.offer("menu.short", MENU)
            return state
        case Rate(score):
            question = open_question(state, around)
            if question is not None and "score" in getattr(question.step, "accepts", ()):
                return record(state, question, Given("score", score))
            return state
        case End():
            return start(replace(state, run=None, stack=(), agenda=(), expected=None), "end", seq, draft, around)
        case SetLanguage(language):
            draft.say("language.set")
            return replace(state, language=language)
        case Abuse(level):
            return abused(state, level, seq, draft, around)
        case OutOfScope():
            draft.offer("out_of_scope", MENU if state.run is None else ())
            return state
        case AskKnowledge():
            return start(state, "faq", seq, draft, around)
        case Nothing():
            if state.run is None:
                draft.offer("nothing", MENU)
            return state
        case Unsure(intents):
            state = state.with_slot("candidates", list(intents), seq)
            return start_aside(state, "which_wish", seq, draft, around)
        case StaleAction(repeated):
            draft.say("stale.repeated" if repeated else "stale")
            return state
        case Unread():
            return not_read(state, seq, draft, around)


def record(state: State, question: Waiting, answer: object) -> State:
    asks = {key: count for key, count in state.current.asks.items() if key != question.key}
    return replace(
        state, run=replace(state.current.with_answers({question.key: answer}), asks=asks), expected=None, no_progress=0
    )


def set_slot(
    state: State, name: str, value: Any, seq: int, draft: Draft, around: Surroundings, *, correction: bool
) -> State:
    if value is None:
        return state.with_slot(name, None, seq)
    question = open_question(state, around)
    accepted = question is not None and name in question.step.accepts
    if name not in EPHEMERAL:
        state = state.with_slot(name, value, seq)
        draft.event("SLOT_SET", slot=name)
    if question is not None and accepted:
        return record(state, question, Given(name, value))
    if state.run is None or name in EPHEMERAL:
        return state
    return corrected(state, name, value, draft)


def corrected(state: State, name: str, value: Any, draft: Draft) -> State:
    """A later value for something the running flow already used: what depended on it will be asked again, the rest is kept."""
    latest = next(
        (
            key
            for key in reversed(list(state.current.answers))
            if isinstance(found := state.current.answers[key], Given) and found.slot == name
        ),
        None,
    )
    changes: dict[str, Any] = {}
    if latest is not None and state.current.answers[latest].value != value:
        changes[latest] = Given(name, value)
    for key, old in state.current.answers.items():
        if key.split("#")[0] == f"known:{name}" and old != value:
            changes[key] = value
    if not changes:
        return state
    draft.event("SLOT_CORRECTED", slot=name)
    return replace(state, run=state.current.with_answers(changes), expected=None)


def yes_or_no(state: State, yes: bool, seq: int, draft: Draft, around: Surroundings) -> State:
    question = open_question(state, around)
    if question is not None and isinstance(question.step, YesNo):
        return record(state, question, yes)
    if question is not None:
        return state
    if state.more and yes:
        draft.offer("more.yes", MENU)
        return replace(state, more=False)
    if state.more:
        return start(replace(state, more=False), "end", seq, draft, around)
    draft.offer("nothing", MENU)
    return state


def answered_choice(state: State, chosen: Chosen, draft: Draft, around: Surroundings) -> State:
    question = open_question(state, around)
    if question is None or not isinstance(question.step, Choice):
        draft.say("stale")
        return state
    return record(state, question, chosen)


def start(state: State, intent: str, seq: int, draft: Draft, around: Surroundings) -> State:
    """Begins a flow: at once, instead of a sibling whose order is not settled, on top of another, or later from the agenda."""
    kind = FLOWS[intent]
    # The same wish again is under way; another question of the same kind is another question.
    another = kind.group == "question" and state.run is not None and state.current.started_seq != seq
    if state.run is not None and state.current.intent == intent and not another:
        return state
    running = KINDS[state.current.name] if state.run is not None else None
    if running is not None and state.run is not None:
        started_now = state.current.started_seq == seq
        if started_now and kind.group in ("order", "question", "person") and running.group != "end":
            return on_agenda(state, intent, seq, draft)
        if running.group == kind.group or running.group == "end" or kind.group in ("person", "end"):
            if running.group == kind.group == "order":
                draft.say("switched", label=kind.label)
            state = replace(state, run=None, expected=None)
        elif len(state.stack) < MAX_STACK:
            draft.event("FLOW_INTERRUPTED", flow=running.name)
            state = replace(state, stack=(*state.stack, state.run), run=None, expected=None)
        else:
            return on_agenda(state, intent, seq, draft)
    run = Run(kind.name, around.run_id(seq * 10 + len(state.stack)), intent, seq)
    draft.event("FLOW_STARTED", flow=kind.name, intent=intent)
    return replace(state, run=run, expected=None, more=False)


def start_aside(state: State, name: str, seq: int, draft: Draft, around: Surroundings) -> State:
    """A short question of the dialogue itself, on top of whatever runs."""
    stack = (*state.stack, state.run)[-MAX_STACK:] if state.run is not None else state.stack
    run = Run(ASIDES[name].name, around.run_id(seq * 10 + 9), name, seq)
    return replace(state, run=run, stack=stack, expected=None, more=False)


def on_agenda(state: State, intent: str, seq: int, draft: Draft) -> State:
    if any(wish.intent == intent for wish in state.agenda):
        return state
    if len(state.agenda) >= MAX_AGENDA:
        draft.say("agenda.full")
        return state
    draft.event("AGENDA_CHANGED", added=intent)
    return replace(state, agenda=(*state.agenda, Wish(intent, seq)))


def cancel(state: State, draft: Draft) -> State:
    if state.run is None and not state.agenda:
        draft.offer("cancel.nothing", MENU)
        return state
    if state.run is None:
        draft.event("AGENDA_CHANGED", dropped=state.agenda[0].intent)
        return replace(state, agenda=state.agenda[1:])
    draft.event("FLOW_CANCELED", flow=state.current.name)
    draft.offer(
        "cancel.done", MENU if not state.stack and not state.agenda else (), label=KINDS[state.current.name].label
    )
    return replace(state, run=None, expected=None, more=False)


def again(state: State, draft: Draft, around: Surroundings, otherwise: str) -> State:
    if open_question(state, around) is None:
        draft.offer(otherwise, MENU)
    return state


def abused(state: State, level: int, seq: int, draft: Draft, around: Surroundings) -> State:
    strikes = state.abuse + (1 if level >= 2 else 0)
    state = replace(state, abuse=strikes)
    if level >= 3 or strikes >= MAX_STRIKES:
        draft.say("abuse.close")
        return replace(
            start_aside(replace(state, run=None, stack=(), agenda=()), "abuse_close", seq, draft, around), closed=None
        )
    draft.say("abuse.calm" if level >= 2 else "abuse.mild")
    return state


def not_read(state: State, seq: int, draft: Draft, around: Surroundings) -> State:
    question = open_question(state, around)
    if question is None:
        strikes = state.no_progress + 1
        if strikes >= MAX_STRIKES:
            return start_aside(replace(state, no_progress=0), "stuck", seq, draft, around)
        draft.offer("unread" if strikes == 1 else "unread.again", MENU)
        return replace(state, no_progress=strikes)
    asks = state.current.asks.get(question.key, 1) + 1
    if asks > MAX_ASKS:
        return another_way(state, question, seq, draft, around)
    draft.again = asks - 1
    return replace(state, run=replace(state.current, asks={**state.current.asks, question.key: asks}))


def another_way(state: State, question: Waiting, seq: int, draft: Draft, around: Surroundings) -> State:
    """Asked three times: another way instead of a fourth (dialogue.md §3.3)."""
    match question.step:
        case YesNo():
            return record(state, question, False)
        case Ask(kind="otp"):
            return record(state, question, Given("way", "order"))
        case Ask(kind="csat_score" | "csat_reason" | "contact"):
            return record(state, question, Given("skip", True))
        case Choice():
            return record(state, question, Chosen(None))
        case Ask():
            return start_aside(replace(state, no_progress=0), "stuck", seq, draft, around)


# Proceeding ---------------------------------------------------------------------------------------------------------------


def proceed(state: State, seq: int, draft: Draft, around: Surroundings) -> tuple[State, Calling | None]:
    """Runs flows until one needs a tool (`Calling`) or the shopper (None)."""
    draft.question = None
    while True:
        if state.run is None:
            state, going_on = resume(state, seq, draft, around)
            if not going_on:
                return state, None
        advanced = advance(KINDS[state.current.name].run, world_of(state, around))
        state = settled(state, advanced, seq, draft)
        match advanced.next:
            case Calling() as calling:
                return state, calling
            case Waiting() as waiting:
                draft.question = waiting
                draft.again = max(draft.again, 0)
                return replace(state, expected=expected_of(state, waiting, seq)), None
            case Finished():
                state = finished(state, seq, draft, around)
                if state.closed is not None:
                    return state, None


def settled(state: State, advanced: Advanced, seq: int, draft: Draft) -> State:
    draft.says.extend(advanced.says)
    state = replace(state, run=state.current.with_answers(advanced.recorded))
    for noted in advanced.notes:
        match noted.slot:
            case "csat":
                state = replace(state, csat=noted.value)
                draft.event("CSAT_RECORDED", score=noted.value["score"])
            case "closed":
                state = replace(state, closed=noted.value)
            case slot:
                state = state.with_slot(slot, noted.value, seq)
    return state


def finished(state: State, seq: int, draft: Draft, around: Surroundings) -> State:
    if state.current.name in BY_NAME:
        draft.event("FLOW_COMPLETED", flow=state.current.name)
    begin = state.say("start")
    state = replace(state, run=None, expected=None, more=state.current.name in BY_NAME and not draft.handed_off)
    for word in REQUEST_WORDS:
        state = state.with_slot(word, None, seq)
    if begin is None:
        return state
    return start(state.with_slot("start", None, seq).with_slot("candidates", None, seq), str(begin), seq, draft, around)


def resume(state: State, seq: int, draft: Draft, around: Surroundings) -> tuple[State, bool]:
    """The interrupted flow below, else the next wish; False when nothing waits."""
    if state.stack:
        below = state.stack[-1]
        draft.event("FLOW_RESUMED", flow=below.name)
        if below.name in BY_NAME:
            draft.say("resume", label=BY_NAME[below.name].label)
        return replace(state, stack=state.stack[:-1], run=below), True
    if state.agenda and state.closed is None:
        wish, rest = state.agenda[0], state.agenda[1:]
        draft.event("AGENDA_CHANGED", begun=wish.intent)
        state = replace(state, agenda=rest).with_slot("next_wish", wish.intent, seq)
        return start_aside(state, "next_wish", seq, draft, around), True
    return state, False


def expected_of(state: State, waiting: Waiting, seq: int) -> Expected:
    match waiting.step:
        case Ask(kind=asked):
            kind = asked
        case YesNo():
            kind = "yes_no"
        case Choice():
            kind = "choice"
    return Expected(waiting.key, kind, state.current.run, seq, state.current.asks.get(waiting.key, 1))


def outcome_known(state: State, calling: Calling, outcome: Outcome, proof: Proof, draft: Draft) -> State:
    """The state after a tool answered. A lapsed identity is forgotten with its proof steps, so that the flow asks for it again.

    A proof is told here: once it holds, a replay no longer passes the steps that led to it.
    """
    if calling.step.tool == "verify_otp" and isinstance(outcome, Done):
        draft.say("identify.verified")
    if isinstance(outcome, NeedsVerification) and outcome.reason in ("missing", "expired"):
        return lapsed(replace(state, proof=proof))
    return replace(state, run=state.current.with_answers({calling.key: outcome}), proof=proof)


def lapsed(state: State) -> State:
    """Identity is gone: every slot and choice stays, the proof is asked for anew."""
    state = replace(state, proof=Proof(Identity(Assurance.ANONYMOUS)))
    if state.run is None:
        return state
    kept = {
        key: answer
        for key, answer in state.current.answers.items()
        if not key.startswith(PROOF_STEPS) and not key.startswith("say:identify")
    }
    return replace(state, run=replace(state.run, answers=kept), expected=None)


def tools_named() -> frozenset[str]:
    """Every tool a flow may use; start-up fails when one is not registered."""
    return frozenset(tool for kind in KINDS.values() for tool in kind.tools)


__all__ = [
    "KINDS",
    "PERSON",
    "Draft",
    "Event",
    "Surroundings",
    "Use",
    "hear",
    "lapsed",
    "open_question",
    "outcome_known",
    "proceed",
    "tools_named",
]
