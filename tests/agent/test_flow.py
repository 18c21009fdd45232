"""Flows as values: replay changes nothing, a correction asks again exactly what depended on it, every branch ends or waits."""

import ast
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sangdam.agent import flows
from sangdam.agent.dialogue import KINDS, tools_named
from sangdam.agent.flow import (
    STEP_LIMIT,
    Ask,
    Calling,
    Choice,
    Feature,
    Finished,
    Flow,
    FlowDidNotSettle,
    Given,
    Identity,
    Known,
    Note,
    Option,
    Say,
    Use,
    Waiting,
    Who,
    World,
    YesNo,
    advance,
)
from sangdam.agent.templates import TEMPLATES
from sangdam.tools.model import Assurance, Done
from tests.agent.walk import Walk, opening_slots, stored

NOBODY = World({}, {}, Identity(), frozenset())


def of(**answers: Any) -> World:
    return replace(NOBODY, answers={key.replace("__", ":"): value for key, value in answers.items()})


def picker(seed: int) -> Callable[[Sequence[Any]], Any]:
    return random.Random(seed).choice


# Replay ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 2**32), st.sampled_from([frozenset({"sms"}), frozenset[str]()]))
def test_any_answers_end_or_wait_and_a_replay_says_nothing_new(name: str, seed: int, features: frozenset[str]) -> None:
    pick = picker(seed)
    walk = Walk(KINDS[name].run, opening_slots(pick), features=features)
    for _ in range(25):
        first = walk.advance()
        again = advance(walk.flow, walk.world())
        assert (again.says, again.notes, dict(again.recorded), again.next) == ((), (), {}, first.next)
        slept = advance(walk.flow, replace(walk.world(), answers=stored(walk.answers)))
        assert slept.next == first.next
        assert slept.says == ()
        if walk.over:
            return
        walk.respond(first, pick)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_flow_uses_only_the_tools_it_names(name: str) -> None:
    used = {
        calling.step.tool
        for seed in range(150)
        for calling in Walk(KINDS[name].run, opening_slots(picker(seed))).run(picker(seed)).called
    }
    assert used <= KINDS[name].tools
    assert KINDS[name].tools <= tools_named()


def test_every_branch_is_walked_thousands_of_times_a_second() -> None:
    said: set[str] = set()
    began, walks, steps = time.perf_counter(), 0, 0
    for name in KINDS:
        for seed in range(2000 if KINDS[name].group == "order" else 60):
            pick = picker(seed)
            features = frozenset({"sms"}) if seed % 5 else frozenset[str]()
            walk = Walk(KINDS[name].run, opening_slots(pick), features=features, good=pick((0.5, 0.9, 1.0))).run(pick)
            walks, steps = walks + 1, steps + len(walk.asked) + len(walk.called)
            said |= {say.template for say in walk.said} | {waiting.step.template for waiting in walk.asked}
    spent = time.perf_counter() - began
    print(f"{walks} conversations, {steps} answers in {spent:.1f} s: {steps / spent:.0f} a second")  # noqa: T201
    assert named_in_flows() - said == set()
    assert said <= set(TEMPLATES["ko"])


def named_in_flows() -> set[str]:
    """Every template key written in a flow's source."""
    keys: set[str] = set()
    for path in Path(flows.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in TEMPLATES["ko"]:
                keys.add(node.value)
    return {key for key in keys if "." in key and not key.startswith(("button.", "flow."))}


def test_what_looks_like_a_template_in_the_agent_is_one() -> None:
    heads = {key.split(".")[0] for key in TEMPLATES["ko"]}
    shape = re.compile(rf"(?:{'|'.join(heads)})\.[a-z_0-9.]+")
    missing: set[str] = set()
    for path in Path(flows.__file__).parent.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and shape.fullmatch(node.value):
                missing |= {node.value} - set(TEMPLATES["ko"])
    assert missing == {"button.score"}, "the beginning of five keys, and nothing else"


# Corrections ----------------------------------------------------------------------------------------------------------

SLOTS = ("a", "b", "c", "d")


@st.composite
def plans(draw: st.DrawFn) -> list[tuple[str, ...]]:
    """A flow as a list: a single name asks for it, several use a tool with what was given."""
    uses = draw(st.lists(st.lists(st.sampled_from(SLOTS), min_size=1, max_size=3, unique=True).map(tuple), max_size=5))
    plan: list[tuple[str, ...]] = [(slot,) for slot in SLOTS]
    for use in uses:
        plan.insert(draw(st.integers(len(SLOTS), len(plan))), (*use, "use"))
    return plan


def planned(plan: list[tuple[str, ...]]) -> Callable[[], Flow[None]]:
    def flow() -> Flow[None]:
        given: dict[str, Any] = {}
        for part in plan:
            if part[-1] == "use":
                yield Use("look", {slot: given[slot] for slot in part[:-1]})
            else:
                answer = yield Ask(part[0], "text", "t", (part[0],))
                given[part[0]] = answer.value

    return flow


def drive(flow: Callable[[], Flow[None]], answers: dict[str, Any]) -> list[str]:
    """Keys that had to be answered now."""
    keys: list[str] = []
    for _ in range(40):
        match advance(flow, replace(NOBODY, answers=answers)).next:
            case Finished():
                return keys
            case Waiting(key, Ask(key=slot)):
                answers[key] = Given(slot, f"{slot}1")
            case Calling(key, _):
                answers[key] = Done({})
            case other:
                raise AssertionError(other)
        keys.append(key)
    raise AssertionError("it does not end")


@given(plans(), st.sampled_from(SLOTS))
def test_a_replaced_answer_asks_again_exactly_what_depended_on_it(plan: list[tuple[str, ...]], slot: str) -> None:
    flow, answers = planned(plan), dict[str, Any]()
    drive(flow, answers)
    before = dict(answers)
    answers[f"ask:{slot}"] = Given(slot, "another")
    again = drive(flow, answers)
    assert len(again) == sum(1 for part in plan if part[-1] == "use" and slot in part[:-1])
    assert all(key.startswith("use:look:") for key in again)
    answers[f"ask:{slot}"] = before[f"ask:{slot}"]
    assert drive(flow, answers) == []


def test_a_repeated_question_does_not_take_the_same_value_twice() -> None:
    def flow() -> Flow[None]:
        while True:
            given = yield Ask("phone", "phone", "t", ("phone", "landline"))
            yield Use("send", {"to": given.value})

    world = replace(NOBODY, slots={"phone": "1"})
    first = advance(flow, world)
    assert isinstance(first.next, Calling)
    assert first.next.step.arguments == {"to": "1"}
    world = replace(world, answers={**first.recorded, first.next.key: Done({})})
    assert isinstance(advance(flow, world).next, Waiting)
    corrected = advance(flow, replace(world, slots={"phone": "2"}))
    assert isinstance(corrected.next, Calling)
    assert corrected.next.step.arguments == {"to": "2"}
    both = advance(flow, replace(world, slots={"phone": "1", "landline": "3"}))
    assert isinstance(both.next, Calling)
    assert both.next.step.arguments == {"to": "3"}


def test_a_question_that_wants_a_fresh_answer_is_not_prefilled() -> None:
    def flow() -> Flow[None]:
        yield Ask("contact", "contact", "t", ("phone",), prefill=False)

    assert advance(flow, replace(NOBODY, slots={"phone": "1"})).next == Waiting(
        "ask:contact", Ask("contact", "contact", "t", ("phone",), prefill=False)
    )


def test_a_choice_among_other_options_is_asked_again() -> None:
    def flow_of(*ids: str) -> Callable[[], Flow[None]]:
        def flow() -> Flow[None]:
            yield Choice("order", "t", tuple(Option(each, each) for each in ids))

        return flow

    asked = advance(flow_of("a", "b"), NOBODY).next
    assert isinstance(asked, Waiting)
    world = replace(NOBODY, answers={asked.key: "a"})
    assert isinstance(advance(flow_of("a", "b"), world).next, Finished)
    assert isinstance(advance(flow_of("a", "c"), world).next, Waiting)


def test_words_are_said_once_and_again_when_they_differ() -> None:
    def flow_of(left: int) -> Callable[[], Flow[None]]:
        def flow() -> Flow[None]:
            yield Say("w", {"left": left})
            yield YesNo("go", "t")

        return flow

    first = advance(flow_of(3), NOBODY)
    assert len(first.says) == 1
    world = replace(NOBODY, answers=first.recorded)
    assert advance(flow_of(3), world).says == ()
    assert len(advance(flow_of(2), world).says) == 1


def test_what_is_known_is_recorded_and_who_asks_is_read_live() -> None:
    seen: list[Any] = []

    def flow() -> Flow[None]:
        seen.append((yield Known("order_id")))
        seen.append((yield Who()).level)
        seen.append((yield Feature("sms")))

    first = advance(flow, replace(NOBODY, slots={"order_id": "1"}))
    assert first.recorded == {"known:order_id": "1"}
    world = World(first.recorded, {"order_id": "2"}, Identity(Assurance.VERIFIED), frozenset({"sms"}))
    advance(flow, world)
    assert seen == ["1", Assurance.ANONYMOUS, False, "1", Assurance.VERIFIED, True]


def test_a_settled_value_answers_later_questions_and_a_forgotten_one_does_not() -> None:
    def flow_of(value: str | None) -> Callable[[], Flow[None]]:
        def flow() -> Flow[None]:
            yield Note("phone", value)
            yield Ask("phone", "phone", "t", ("phone",))

        return flow

    settled = advance(flow_of("2"), replace(NOBODY, slots={"phone": "1"}))
    assert settled.recorded["ask:phone"] == Given("phone", "2")
    assert isinstance(advance(flow_of(None), replace(NOBODY, slots={"phone": "1"})).next, Waiting)


@pytest.mark.parametrize(("steps", "settles"), [(STEP_LIMIT - 1, True), (STEP_LIMIT, False)])
def test_a_flow_that_does_not_settle_is_stopped(steps: int, settles: bool) -> None:
    def flow() -> Flow[None]:
        for _ in range(steps):
            yield Who()

    if settles:
        assert isinstance(advance(flow, NOBODY).next, Finished)
    else:
        with pytest.raises(FlowDidNotSettle, match="flow"):
            advance(flow, NOBODY)
