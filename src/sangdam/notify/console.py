"""A channel for a machine without a provider: keeps what it was given, and can be told to fail like the real ones."""

from collections import deque
from dataclasses import dataclass, field

from sangdam.notify.channel import Accepted, Notice, Sent

KEPT = 200


@dataclass
class Console:
    sent: deque[Notice] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Newest last."""
    answers: deque[Sent] = field(default_factory=deque[Sent])
    """What the next sends come to; accepted when empty."""
    count: int = 0
    """Of all that was accepted, also what is no longer kept."""

    async def send(self, notice: Notice, *, seconds: float) -> Sent:
        answer = self.answers.popleft() if self.answers else Accepted("console", f"console-{self.count + 1}")
        if isinstance(answer, Accepted):
            self.count += 1
            self.sent.append(notice)
        return answer
