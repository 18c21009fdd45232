"""Flows as plain generators of steps, replayed from recorded answers. Pure: no I/O, no clock, no randomness.

`advance` drives the generator. A step whose answer is on record is answered with it; the first one without is what happens
next. Answers are found by key and occurrence, never by position, so a correction that replaces one answer, or a deploy in the
middle of a conversation, asks again exactly for what depended on the change. The key of a tool step holds a digest of its arguments.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sangdam.tools.model import Assurance, Outcome

T = TypeVar("T")


@dataclass(frozen=True)
class Button:
    """A quick reply. `action` is what comes back when it is pressed; `label` is a template key."""

    label: str
    action: Mapping[str, Any]
    style: Literal["plain", "primary"] = "plain"


@dataclass(frozen=True)
class Say:
    """Words that need no answer."""

    template: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cards: tuple["Card", ...] = ()
    buttons: tuple[Button, ...] = ()
    """Suggestions, shown only when these are the last words of a turn that asks nothing."""


@dataclass(frozen=True)
class Card:
    id: str
    title: str
    subtitle: str
    lines: tuple[str, ...] = ()
    image_url: str | None = None
    action: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Ask:
    """A question for one value; `accepts` names the slots that answer it. The answer is a `Given`."""

    key: str
    kind: str
    """An expected kind of dialogue.md §3.3."""
    template: str
    accepts: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    buttons: tuple[Button, ...] = ()
    prefill: bool = True
    """Whether a value said earlier in the conversation answers it without asking."""


@dataclass(frozen=True)
class YesNo:
    """A yes/no question. `polarity` decides what 괜찮아요 means; `verbs` are its own verbs, which count as yes (`보내 주세요`)."""

    key: str
    template: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    buttons: tuple[Button, ...] = ()
    polarity: Literal["offer", "ok_check"] = "offer"
    verbs: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    """Slots that may be given instead of yes or no."""


@dataclass(frozen=True)
class Option:
    id: str
    label: str
    names: tuple[str, ...] = ()
    """Words that mean this option when they are unique among the options."""


@dataclass(frozen=True)
class Choice:
    """Among options, by button, number or name. The answer is a `Chosen`."""

    key: str
    template: str
    options: tuple[Option, ...]
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cards: tuple[Card, ...] = ()
    buttons: tuple[Button, ...] = ()
    more: bool = False
    earlier: bool = False
    wider: bool = False
    accepts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Use:
    """A tool. The answer is its `Outcome`."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """A value said so far, or None. Recorded: a later value replaces it as a correction does."""

    slot: str


@dataclass(frozen=True)
class Who:
    """How sure we are who asks, now. Read live, not recorded. The answer is an `Identity`."""


@dataclass(frozen=True)
class Note:
    """The flow settles a value of the conversation (the order chosen), or forgets one (`None`)."""

    slot: str
    value: Any


@dataclass(frozen=True)
class Feature:
    """What this deployment has (`sms`), read live."""

    name: str


Step = Say | Ask | YesNo | Choice | Use | Known | Who | Note | Feature
Flow = Generator[Step, Any, T]


@dataclass(frozen=True)
class Given:
    slot: str
    value: Any


@dataclass(frozen=True)
class Chosen:
    id: str | None = None
    """None: none of these, or a page turn."""
    page: Literal["next", "prev", "wider"] | None = None


@dataclass(frozen=True)
class Identity:
    level: Assurance = Assurance.ANONYMOUS
    order_id: str | None = None
    phone_masked: str | None = None
    purposes: tuple[str, ...] = ()

    def covers(self, purpose: str, order_id: str | None = None) -> bool:
        """Enough to read this order (or any order of the phone)."""
        if self.level is Assurance.VERIFIED and purpose in self.purposes:
            return True
        return self.level is Assurance.CLAIMED and order_id is not None and order_id == self.order_id


@dataclass(frozen=True)
class Waiting:
    """The question now open, under the key its answer will be recorded with."""

    key: str
    step: Ask | YesNo | Choice


@dataclass(frozen=True)
class Calling:
    key: str
    step: Use


@dataclass(frozen=True)
class Finished:
    pass


@dataclass(frozen=True)
class Advanced:
    """What a replay came to: words not yet said, values settled, questions answered from what was known, and what happens next."""

    says: tuple[Say, ...]
    recorded: Mapping[str, Any]
    """New answers by key: said marks, prefilled values."""
    notes: tuple[Note, ...]
    next: Waiting | Calling | Finished


@dataclass(frozen=True)
class World:
    """What live steps read. `outcomes` and answers are values; `slot(name, key)` gives what was said, or None."""

    answers: Mapping[str, Any]
    slots: Mapping[str, Any]
    identity: Identity
    features: frozenset[str]


STEP_LIMIT = 400


class FlowDidNotSettle(RuntimeError):
    """A flow made more steps than any conversation could mean: a bug in the flow."""


def digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def advance(flow: Callable[[], Flow[object]], world: World) -> Advanced:
    """Replays the flow against what is on record and returns the first thing that is not.

    Raises FlowDidNotSettle when it makes more than `STEP_LIMIT` steps.
    """
    answers = dict(world.answers)
    slots = dict(world.slots)
    spent: dict[tuple[str, str], Any] = {}
    """What already answered a question of that key: not offered to its repetition."""
    recorded: dict[str, Any] = {}
    says: list[Say] = []
    notes: list[Note] = []
    seen: dict[str, int] = {}

    def occurrence(key: str) -> str:
        seen[key] = seen.get(key, 0) + 1
        return key if seen[key] == 1 else f"{key}#{seen[key]}"

    generator = flow()
    reply: Any = None
    for _ in range(STEP_LIMIT):
        try:
            step = generator.send(reply)
        except StopIteration:
            return Advanced(tuple(says), recorded, tuple(notes), Finished())
        match step:
            case Who():
                reply = world.identity
            case Known(slot):
                key = occurrence(f"known:{slot}")
                if key not in answers:
                    answers[key] = recorded[key] = slots.get(slot)
                reply = answers[key]
            case Feature(name):
                reply = name in world.features
            case Say():
                key = occurrence(f"say:{step.template}:{digest(step.params)}")
                if key not in answers:
                    says.append(step)
                    answers[key] = recorded[key] = True
                reply = None
            case Note():
                key = occurrence(f"note:{step.slot}:{digest(step.value)}")
                if key not in answers:
                    notes.append(step)
                    answers[key] = recorded[key] = True
                    if step.value is None:
                        slots.pop(step.slot, None)
                    else:
                        slots[step.slot] = step.value
                reply = None
            case Use():
                key = occurrence(f"use:{step.tool}:{digest(step.arguments)}")
                if key not in answers:
                    return Advanced(tuple(says), recorded, tuple(notes), Calling(key, step))
                reply = answers[key]
            case Ask():
                key = occurrence(f"ask:{step.key}")
                given = answers.get(key)
                if given is None and step.prefill:
                    given = next(
                        (
                            Given(s, slots[s])
                            for s in step.accepts
                            if s in slots and spent.get((step.key, s)) != slots[s]
                        ),
                        None,
                    )
                    if given is not None:
                        answers[key] = recorded[key] = given
                if given is None:
                    return Advanced(tuple(says), recorded, tuple(notes), Waiting(key, step))
                spent[step.key, given.slot] = given.value
                reply = given
            case YesNo():
                key = occurrence(f"ask:{step.key}")
                if key not in answers:
                    return Advanced(tuple(says), recorded, tuple(notes), Waiting(key, step))
                reply = answers[key]
            case Choice():
                key = occurrence(f"ask:{step.key}:{digest([option.id for option in step.options])}")
                if key not in answers:
                    return Advanced(tuple(says), recorded, tuple(notes), Waiting(key, step))
                reply = answers[key]
    raise FlowDidNotSettle(getattr(flow, "__name__", "flow"))


def say(template: str, **params: Any) -> Flow[None]:
    yield Say(template, params)


def ask(step: Ask) -> Flow[Given]:
    return (yield step)


def yes(step: YesNo) -> Flow["bool | Given"]:
    return (yield step)


def choose(step: Choice) -> Flow[Chosen | Given]:
    return (yield step)


def use(tool: str, **arguments: Any) -> Flow[Outcome]:
    return (yield Use(tool, arguments))


def known(slot: str) -> Flow[Any]:
    return (yield Known(slot))


def who() -> Flow[Identity]:
    return (yield Who())


def note(slot: str, value: Any) -> Flow[None]:
    yield Note(slot, value)


def feature(name: str) -> Flow[bool]:
    return (yield Feature(name))
