"""A mall's call budget: a bucket of 40 that drains 2 a second, corrected by the mall's own headers. One per mall and process.

A place is reserved when it is asked for and waited for after, so nobody waits for a place that his deadline does not reach.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping

from sangdam.core.clock import Clock

CAPACITY = 40
DRAIN = 2.0
SLOW_AT = 36
"""From here on calls leave at the drain rate; the rest of the bucket is for what travels and for other clients."""
PER_SECOND = 8
BLOCK_SECONDS = 2.0
"""How long a refusal lasts that names no time."""


class BudgetSpent(Exception):
    """The wait for the mall's budget would pass the deadline."""


class MallLimiter:
    """Awaited before each request, told the headers after it."""

    def __init__(self, clock: Clock, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._clock = clock
        self._pause = pause
        self._used = 0.0
        self._at = clock.monotonic()
        """The moment `_used` is of: the last reserved one, which may lie ahead."""
        self._next = -math.inf
        self._blocked_until = -math.inf

    async def take(self, deadline: float) -> None:
        """Waits for room. Raises BudgetSpent at once when there is none before `deadline` (monotonic)."""
        while True:
            now = self._clock.monotonic()
            at = self._place(now)
            if at > deadline:
                raise BudgetSpent
            self._settle(at)
            self._used += 1
            self._next = at + 1 / PER_SECOND
            if at > now:
                await self._pause(at - now)
            if self._blocked_until <= self._clock.monotonic():
                return
            # The mall refused somebody meanwhile: this place is given up, another one is needed.

    def _place(self, now: float) -> float:
        at = max(now, self._at, self._next, self._blocked_until)
        excess = self._used + 1 - SLOW_AT
        return max(at, self._at + excess / DRAIN) if excess > 0 else at

    def _settle(self, now: float) -> None:
        if now > self._at:
            self._used = max(0.0, self._used - (now - self._at) * DRAIN)
            self._at = now

    def told(self, headers: Mapping[str, str]) -> None:
        """Believes the mall's own count when it is higher than ours: other clients fill the same bucket."""
        now = self._clock.monotonic()
        self._settle(now)
        used = number(headers.get("x-api-call-limit", "").partition("/")[0])
        if used is not None:
            self._used = max(self._used, min(used, float(CAPACITY)))
        for quota in ("call", "time"):
            usage = number(headers.get(f"x-cafe24-{quota}-usage"))
            if usage is not None and usage >= 100:
                remain = number(headers.get(f"x-cafe24-{quota}-remain"))
                self._block(now + (remain if remain is not None else BLOCK_SECONDS))

    def refused(self, headers: Mapping[str, str], *, jitter: float) -> float:
        """Seconds to wait after a 429; nobody else of this process calls in between."""
        waits = [
            number(headers.get(name)) or 0.0 for name in ("x-cafe24-call-remain", "x-cafe24-time-remain", "retry-after")
        ]
        wait = max(*waits, BLOCK_SECONDS) + jitter
        self._block(self._clock.monotonic() + wait)
        return wait

    def _block(self, until: float) -> None:
        self._blocked_until = max(self._blocked_until, until)


class OpenLimiter(MallLimiter):
    """No budget: for a sandbox whose bucket was opened."""

    async def take(self, deadline: float) -> None:
        return None


def number(text: str | None) -> float | None:
    """A header's number; None for none, and for what is no number of seconds or calls."""
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) and value >= 0 else None
