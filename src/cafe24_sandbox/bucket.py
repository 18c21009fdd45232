"""How much a mall may be asked: the leaky bucket of 40 calls that drains two a second, and the usage quota.

An open bucket refuses nobody and shows itself nearly empty, so that no client slows down for it. It drains by the mall's clock: a stopped one drains nothing.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

LIMIT = 40
DRAIN_PER_SECOND = 2.0


@dataclass(slots=True)
class Bucket:
    """One mall's level, with its own limit for calls such as POST /sms."""

    open: bool = False
    limit: int = LIMIT
    level: float = 0.0
    seen: datetime | None = None
    quota: int | None = None
    used: int = 0
    window_from: datetime | None = None
    forced_usage: float | None = None
    forced_until: datetime | None = None

    def take(self, now: datetime, limit: int | None = None) -> bool:
        """Count one call; False when it overflows."""
        most = self.limit if limit is None else min(limit, self.limit)
        if self.seen is not None:
            self.level = max(0.0, self.level - DRAIN_PER_SECOND * max(0.0, (now - self.seen).total_seconds()))
        self.seen = now
        if self.quota is not None:
            if self.window_from is None or now - self.window_from >= timedelta(minutes=10):
                self.window_from, self.used = now, 0
            self.used += 1
        if self.open:
            self.level = 1.0
            return True
        if self.blocked_for(now) > 0 or self.level + 1 > most:
            return False
        self.level += 1
        return True

    def usage(self) -> float:
        if self.forced_usage is not None:
            return self.forced_usage
        return 0.0 if self.quota is None else 100 * self.used / self.quota

    def blocked_for(self, now: datetime) -> float:
        """Seconds until a quota block ends; 0 when there is none."""
        if self.forced_until is not None and now >= self.forced_until:
            self.forced_usage = self.forced_until = None
        if self.usage() < 100:
            return 0.0
        if self.forced_until is not None:
            return (self.forced_until - now).total_seconds()
        if self.window_from is None:
            return 0.0
        return max(0.0, (self.window_from + timedelta(minutes=10) - now).total_seconds())

    def force(self, usage: float, seconds: float, now: datetime) -> None:
        """Show that usage, and block for that long when it is 100 or more."""
        self.forced_usage, self.forced_until = usage, now + timedelta(seconds=seconds)

    def headers(self, now: datetime, limit: int | None = None) -> list[tuple[str, str]]:
        blocked = self.blocked_for(now)
        usage = f"{self.usage():.2f}"
        shown = [
            ("X-Api-Call-Limit", f"{math.ceil(self.level)}/{limit or self.limit}"),
            ("X-Cafe24-Call-Usage", usage),
            ("X-Cafe24-Time-Usage", usage if self.forced_usage is not None else "0.00"),
        ]
        if blocked > 0:
            shown += [
                ("X-Cafe24-Call-Remain", str(math.ceil(blocked))),
                ("X-Cafe24-Time-Remain", str(math.ceil(blocked))),
            ]
        return shown
