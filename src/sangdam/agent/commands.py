"""What a reader may conclude from a message: a closed list (dialogue.md §1). None of them names a tool."""

from dataclasses import dataclass
from typing import Any, Literal

from sangdam.core.mask import mask_value


@dataclass(frozen=True)
class StartFlow:
    intent: str
    mood: str = "do"
    confidence: float = 1.0


@dataclass(frozen=True)
class SetSlot:
    name: str
    value: Any
    """A JSON value: text, or a map such as `{"start": …, "end": …, "text": …}` for a period."""
    correction: bool = False


@dataclass(frozen=True)
class Affirm:
    pass


@dataclass(frozen=True)
class Deny:
    pass


@dataclass(frozen=True)
class Choose:
    id: str | None
    """None: none of these."""


@dataclass(frozen=True)
class Page:
    to: Literal["next", "prev", "wider"]


@dataclass(frozen=True)
class CancelFlow:
    pass


@dataclass(frozen=True)
class Restart:
    pass


@dataclass(frozen=True)
class AskKnowledge:
    query: str


@dataclass(frozen=True)
class Repeat:
    pass


@dataclass(frozen=True)
class Why:
    pass


@dataclass(frozen=True)
class Wait:
    pass


@dataclass(frozen=True)
class Person:
    reason: str = "asked"


@dataclass(frozen=True)
class SmallTalk:
    kind: Literal["greeting", "thanks", "chat", "bot"]


@dataclass(frozen=True)
class Rate:
    score: int
    text: str | None = None


@dataclass(frozen=True)
class End:
    pass


@dataclass(frozen=True)
class SetLanguage:
    language: Literal["ko", "en"]


@dataclass(frozen=True)
class Abuse:
    level: int


@dataclass(frozen=True)
class OutOfScope:
    pass


@dataclass(frozen=True)
class Nothing:
    """A back-channel (음, ㅋㅋ): no effect, no strike, the open question stays."""


@dataclass(frozen=True)
class Unsure:
    """Two or three wishes are likely: ask which, never guess."""

    intents: tuple[str, ...]


@dataclass(frozen=True)
class Unread:
    """Nothing certain was read. Counts as a re-ask of the open question."""


@dataclass(frozen=True)
class StaleAction:
    """A button of a question that is no longer open. `repeated`: the one just pressed, pressed again."""

    repeated: bool


Command = (
    StartFlow | SetSlot | Affirm | Deny | Choose | Page | CancelFlow | Restart | AskKnowledge | Repeat | Why | Wait | Person | SmallTalk | Rate | End | SetLanguage
    | Abuse | OutOfScope | Nothing | Unsure | Unread | StaleAction
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """All that one message said, in order, and how it was read."""

    commands: tuple[Command, ...]
    source: Literal["button", "expected", "rules", "lexical", "model"]
    confidence: float = 1.0
    candidates: tuple[tuple[str, float], ...] = ()
    """Best three intents with their probabilities."""


def as_json(command: Command) -> dict[str, Any]:
    """For the turn's record: slot values masked, nothing personal."""
    fields = {name: getattr(command, name) for name in command.__dataclass_fields__}
    if isinstance(command, SetSlot):
        fields["value"] = mask_value(command.name, command.value)
    if isinstance(command, Rate | AskKnowledge):
        fields = {name: mask_value(name, value) for name, value in fields.items()}
    return {"command": type(command).__name__, **fields}
