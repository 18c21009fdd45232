"""Buttons and short sub-flows that several flows speak with."""

from typing import Any

from sangdam.agent.flow import Ask, Button, Flow, Given, YesNo, ask, feature, note, say, use, yes
from sangdam.core.facts import CreateHandoffOut
from sangdam.tools.codes import CODES, UNKNOWN_WORDING
from sangdam.tools.model import Done, Failed, Outcome, Unknown

PERSON = Button("button.person", {"type": "person"})


def start(label: str, intent: str, *, order_id: str | None = None, primary: bool = False) -> Button:
    action: dict[str, Any] = {"type": "start", "intent": intent}
    if order_id is not None:
        action["order_id"] = order_id
    return Button(label, action, "primary" if primary else "plain")


def way(label: str, value: str, *, primary: bool = False) -> Button:
    """Answers a question that accepts `way`."""
    return Button(label, {"type": "set", "slot": "way", "value": value}, "primary" if primary else "plain")


MENU = (
    start("button.order_lookup", "order_lookup"),
    start("button.shipping", "shipping_inquiry"),
    PERSON,
)
"""Only what exists."""

END = Button("button.end", {"type": "end"})
OTHER_ORDER = Button("button.other_order", {"type": "start", "intent": "order_lookup", "fresh": True})


def hand_over(reason: str, summary: str, *, priority: int = 2) -> Flow[bool]:
    """Puts the conversation in the queue of people; words only after it is there. False when even that failed."""
    outcome = yield from use("create_handoff", reason=reason, summary=summary, priority=priority)
    match outcome:
        case Done(result):
            placed = CreateHandoffOut.model_validate(result)
        case _:
            yield from say("handoff.failed")
            return False
    if placed.open_now:
        yield from say("handoff.queued_again" if placed.existing else "handoff.queued", position=placed.position)
        return True
    yield from say("handoff.closed_hours", expected_by=placed.expected_by)
    contact = yield from ask(
        Ask(
            "contact",
            "contact",
            "handoff.ask_contact",
            ("phone", "landline", "skip"),
            buttons=(Button("button.skip", {"type": "set", "slot": "skip", "value": True}),),
            prefill=False,
        )
    )
    if contact.slot == "skip":
        yield from say("handoff.no_contact")
        return True
    recorded = yield from use(
        "create_handoff", reason="callback", summary=summary, priority=priority, contact_phone=contact.value
    )
    match recorded:
        case Done(result):
            yield from say("handoff.callback", expected_by=CreateHandoffOut.model_validate(result).expected_by)
        case _:
            yield from say("handoff.callback_failed")
    return True


def offer_person(template: str, reason: str, summary: str, *, priority: int = 2, **params: Any) -> Flow[None]:
    """Asks whether a person should take it; a no ends there."""
    wanted = yield from yes(
        YesNo(
            f"offer_person:{template}",
            template,
            params,
            (Button("button.yes_person", {"type": "affirm"}, "primary"), Button("button.no", {"type": "deny"})),
            verbs=("연결", "전달", "바꿔"),
        )
    )
    if wanted is True:
        yield from hand_over(reason, summary, priority=priority)
    else:
        yield from say("person.declined")


def wording_of(outcome: Outcome) -> str | None:
    """The wording of tools.md §2.1 for a refusal; None where the flow has words of its own."""
    match outcome:
        case Done():
            return None
        case Unknown():
            return UNKNOWN_WORDING
        case _:
            return CODES[outcome.code].wording if outcome.code in CODES else "W-PERSON"


SETTLED = frozenset({"CAFE24_NOT_FOUND", "ORDER_NOT_OWNED", "CUSTOMER_NOT_FOUND", "ORDERER_MISMATCH", "ORDERER_LOCKED"})
"""Failures that are facts about what was asked, not about the mall: a repeat would say the same."""


def attempt(tool: str, summary: str, **arguments: Any) -> Flow[Outcome | None]:
    """A read with a second try when the shopper wants one. None: it stayed impossible and the shopper was told so and offered a person."""
    for last in (False, True):
        outcome = yield from use(tool, **arguments)
        match outcome:
            case Done():
                return outcome
            case Failed(code=code) if code in SETTLED:
                return outcome
            case _:
                pass
        wording = wording_of(outcome)
        if last or wording in ("W-PERSON", "W-NOPE"):
            yield from offer_person(
                "w.person" if wording == "W-PERSON" else "w.nope" if wording == "W-NOPE" else "w.down_again",
                "failed" if wording != "W-NOPE" else "policy",
                summary,
            )
            return None
        again = yield from ask(
            Ask(
                f"retry:{tool}",
                "way",
                "w.busy" if wording == "W-BUSY" else "w.down",
                ("way",),
                buttons=(way("button.retry", "retry", primary=True), PERSON),
                prefill=False,
            )
        )
        if again.value != "retry":
            yield from say("person.declined")
            return None
    return None


__all__ = [
    "END",
    "MENU",
    "OTHER_ORDER",
    "PERSON",
    "Given",
    "attempt",
    "feature",
    "hand_over",
    "note",
    "offer_person",
    "start",
    "way",
]
