"""What every channel promises: one message, one of three ends. Silence after sending is an end of its own, never a failure."""

from dataclasses import dataclass, field
from typing import Protocol

from sangdam.core.phone import Phone


@dataclass(frozen=True)
class Notice:
    """A message to one phone. `reference` comes back in delivery reports; it is an id and never personal."""

    to: Phone
    text: str
    reference: str


@dataclass(frozen=True)
class Asked:
    """The one request that a message took, as the audit keeps it."""

    call: str
    """Method and path."""
    status: int | None
    """None: no answer came."""
    ms: int


@dataclass(frozen=True)
class Accepted:
    """The provider has it."""

    provider: str
    message_id: str
    asked: Asked | None = field(default=None, compare=False)
    """None where nobody was asked; so in every end."""


@dataclass(frozen=True)
class Rejected:
    """It was certainly not sent."""

    code: str
    retryable: bool
    asked: Asked | None = field(default=None, compare=False)


@dataclass(frozen=True)
class NoAnswer:
    """It left and nothing came back: it may or may not have been sent."""

    code: str
    asked: Asked | None = field(default=None, compare=False)


Sent = Accepted | Rejected | NoAnswer


class Channel(Protocol):
    async def send(self, notice: Notice, *, seconds: float) -> Sent:
        """Within `seconds`. Never raises for what the other side does."""
        ...
