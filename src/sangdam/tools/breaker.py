"""The circuit breaker of an upstream, per org (tools.md §1.2). Pure; the row is kept in `store.py`.

The state arrives with the policy in one query, so there is no cache to go stale. 4xx answers never count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sangdam.tools.model import Failed, Outcome, Unknown, UpstreamCall

OPENS_AFTER = 5
WINDOW = timedelta(seconds=60)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=5)
PROBE_LEASE = timedelta(seconds=15)
"""A probe that does not come back by then frees the place for another."""

_TRANSPORT = frozenset({"CAFE24_TIMEOUT", "CAFE24_UNAVAILABLE", "EXTERNAL_TIMEOUT", "EXTERNAL_UNAVAILABLE"})


@dataclass(frozen=True)
class Closed:
    pass


@dataclass(frozen=True)
class Open:
    retry_after: float
    """Seconds."""


@dataclass(frozen=True)
class Probe:
    pass


@dataclass(frozen=True)
class Breaker:
    state: str = "closed"
    failures: int = 0
    next_try_at: datetime | None = None

    def judge(self, now: datetime) -> Closed | Open | Probe:
        if self.state == "closed":
            return Closed()
        if self.next_try_at is None or now >= self.next_try_at:
            return Probe()
        return Open((self.next_try_at - now).total_seconds())


def pause(failures: int) -> timedelta:
    """How long it stays open after so many failures in a row: 30 s, doubled by each failed probe, 5 min at most."""
    doublings = max(0, min(failures - OPENS_AFTER, 10))
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2**doublings)


def healthy(outcome: Outcome, upstream: Sequence[UpstreamCall]) -> bool | None:
    """Whether the upstream answered; None when it was not asked."""
    if isinstance(outcome, (Failed, Unknown)) and outcome.code in _TRANSPORT:
        return False
    if not upstream:
        return None
    last = upstream[-1].status
    return last is not None and last < 500
