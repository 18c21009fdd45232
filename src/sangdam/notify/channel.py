"""What every channel promises: one message, one of three ends. Silence after sending is an end of its own, never a failure."""

from dataclasses import dataclass
from typing import Protocol

from sangdam.core.phone import Phone


@dataclass(frozen=True)
class Notice:
    """A message to one phone. `reference` comes back in delivery reports; it is an id and never personal."""

    to: Phone
    text: str
    reference: str


@dataclass(frozen=True)
class Accepted:
    """The provider has it."""

    provider: str
    message_id: str


@dataclass(frozen=True)
class Rejected:
    """It was certainly not sent."""

    code: str
    retryable: bool


@dataclass(frozen=True)
class NoAnswer:
    """It left and nothing came back: it may or may not have been sent."""

    code: str


Sent = Accepted | Rejected | NoAnswer


class Channel(Protocol):
    async def send(self, notice: Notice, *, seconds: float) -> Sent:
        """Within `seconds`. Never raises for what the other side does."""
        ...
