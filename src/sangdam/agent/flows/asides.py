"""Short questions of the dialogue itself: which wish was meant, whether to go on with the next one, whether a person should help."""

from collections.abc import Mapping

from sangdam.agent.flow import Button, Choice, Chosen, Flow, Option, YesNo, choose, known, note, say, yes
from sangdam.agent.flows import FLOWS, FlowKind
from sangdam.agent.flows.steps import PERSON, hand_over, offer_person


def which_wish() -> Flow[None]:
    """Two or three readings are likely."""
    intents: list[str] = (yield from known("candidates")) or []
    options = tuple(Option(intent, FLOWS[intent].label) for intent in intents if intent in FLOWS)
    picked = yield from choose(Choice("wish", "which.ask", options, buttons=(PERSON,)))
    if isinstance(picked, Chosen) and picked.id is not None:
        yield from note("start", picked.id)
    else:
        yield from say("which.none")


def next_wish() -> Flow[None]:
    """The next item of the agenda."""
    intent: str = yield from known("next_wish")
    label = FLOWS[intent].label
    wanted = yield from yes(
        YesNo(
            f"next:{intent}",
            "agenda.next",
            {"label": label},
            (Button("button.yes", {"type": "affirm"}, "primary"), Button("button.no", {"type": "deny"})),
            verbs=("도와", "해줘", "진행"),
        )
    )
    if wanted is True:
        yield from note("start", intent)
    else:
        yield from say("agenda.dropped", label=label)


def stuck() -> Flow[None]:
    yield from offer_person("stuck.offer", "failed", "여러 번 여쭤봤지만 이해하지 못했어요")


def abuse_close() -> Flow[None]:
    """A person is told; the conversation ends."""
    yield from hand_over("abuse", "욕설이 이어져 대화를 마쳤어요", priority=2)
    yield from note("closed", "abuse_closed")


ASIDES: Mapping[str, FlowKind] = {
    "which_wish": FlowKind("aside:which_wish", which_wish, "question", "flow.question"),
    "next_wish": FlowKind("aside:next_wish", next_wish, "question", "flow.question"),
    "stuck": FlowKind("aside:stuck", stuck, "question", "flow.question", frozenset({"create_handoff"})),
    "abuse_close": FlowKind("aside:abuse_close", abuse_close, "end", "flow.question", frozenset({"create_handoff"})),
}
