"""A mall's call budget: a bucket of 40 that drains 2 a second, learnt from its headers. One per mall and process.

Shoppers' calls go before background ones. The wait is bounded by the caller's deadline.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sangdam.core.clock import Clock

CAPACITY = 40
DRAIN = 2.0
SLOW_AT = 36
PER_SECOND = 8


class BudgetSpent(Exception):
    """The wait for the mall's budget would pass the deadline."""


@dataclass
class _Level:
    used: float
    at: float


class MallLimiter:
    """Awaited before each request, told the headers after it."""

    def __init__(
        self, clock: Clock, *, capacity: int = CAPACITY, drain: float = DRAIN, per_second: int = PER_SECOND
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        self._drain = drain
        self._spacing = 1.0 / per_second
        self._level = _Level(0.0, clock.monotonic())
        self._next = 0.0
        self._blocked_until = 0.0
        self._turn = asyncio.Lock()

    async def take(self, deadline: float) -> None:
        """Waits for room. Raises BudgetSpent when there is none before `deadline` (monotonic)."""
        async with self._turn:
            wait = self._wait(self._clock.monotonic())
            if self._clock.monotonic() + wait > deadline:
                raise BudgetSpent
            if wait > 0:
                await asyncio.sleep(wait)
            now = self._clock.monotonic()
            self._settle(now)
            self._level.used += 1
            self._next = now + self._spacing

    def _wait(self, now: float) -> float:
        self._settle(now)
        wait = max(0.0, self._next - now, self._blocked_until - now)
        room = SLOW_AT if self._capacity == CAPACITY else self._capacity
        if self._level.used + 1 > room:
            wait = max(wait, (self._level.used + 1 - room) / self._drain)
        return wait

    def _settle(self, now: float) -> None:
        self._level.used = max(0.0, self._level.used - (now - self._level.at) * self._drain)
        self._level.at = now

    def told(self, headers: Mapping[str, str]) -> None:
        """Believes the mall's own count when it is higher than ours (other clients drain the same bucket)."""
        used = headers.get("x-api-call-limit", "").partition("/")[0]
        now = self._clock.monotonic()
        self._settle(now)
        if used.isdigit():
            self._level.used = (
                max(self._level.used, float(used)) if int(used) > self._level.used + 2 else self._level.used
            )
        for quota in ("call", "time"):
            usage = number(headers.get(f"x-cafe24-{quota}-usage"))
            remain = number(headers.get(f"x-cafe24-{quota}-remain"))
            if usage is not None and usage >= 100:
                self._blocked_until = max(self._blocked_until, now + (remain or 2.0))

    def refused(self, headers: Mapping[str, str], *, jitter: float) -> float:
        """Seconds to wait after a 429; nobody else of this process calls in between."""
        waits = [
            number(headers.get(name)) or 0.0 for name in ("x-cafe24-call-remain", "x-cafe24-time-remain", "retry-after")
        ]
        wait = max(*waits, 2.0) + jitter
        self._blocked_until = max(self._blocked_until, self._clock.monotonic() + wait)
        return wait


class OpenLimiter(MallLimiter):
    """No budget: for a sandbox whose bucket was opened."""

    async def take(self, deadline: float) -> None:
        return None


def number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None
