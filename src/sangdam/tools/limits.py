"""Counted limits. The gate's own run in fixed windows inside its policy transaction; a tool's own slide.

A sliding window is kept in buckets of a sixtieth (at least a second), rounded so that it may hold a hit a bucket longer, never
shorter: no window of that length ever sees more hits than the limit.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sangdam.core.clock import Clock
from sangdam.core.ids import OrgId, SessionId
from sangdam.db.database import Database, Transaction
from sangdam.orgs.keyring import Hasher
from sangdam.tools import store
from sangdam.tools.model import Breach, Denied, Limit
from sangdam.tools.policy import PolicyRow, Refused

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


async def count_call(
    tx: Transaction, org: OrgId, tool: str, session: SessionId | None, policy: PolicyRow, now: datetime
) -> Refused | None:
    """Counts this call against the policy's limits; the count is atomic, so parallel calls cannot pass together."""
    per_minute, per_hour = f"tool|{tool}", f"session|{session}|{tool}"
    windows = {per_minute: _floor(now, _MINUTE)}
    if session is not None:
        windows[per_hour] = _floor(now, _HOUR)
    counts = await store.count_windows(tx, org, windows)
    if counts[per_minute] > policy.per_minute:
        return Refused(
            Denied("RATE_LIMIT", (windows[per_minute] + _MINUTE - now).total_seconds()), 1, "rate_limit_per_min"
        )
    if session is not None and counts[per_hour] > policy.session_per_hour:
        return Refused(
            Denied("RATE_LIMIT", (windows[per_hour] + _HOUR - now).total_seconds()), 1, "session_limit_per_hour"
        )
    return None


@dataclass(frozen=True)
class ToolLimits:
    """`Call.limits` of one call: subjects are hashed, counts belong to the org and the tool."""

    db: Database
    hasher: Hasher
    clock: Clock
    org: OrgId
    tool: str

    async def hit(self, *limits: Limit) -> Breach | None:
        now = self.clock.now()
        hits = [self._sliding(limit, now) for limit in limits]
        async with self.db.org(self.org) as tx:
            full = await store.hit_sliding(tx, self.org, hits)
        if full is None:
            return None
        limit = limits[full[0]]
        return Breach(limit, max(1.0, (full[1] + limit.window - now).total_seconds()))

    def _sliding(self, limit: Limit, now: datetime) -> store.Sliding:
        step = max(timedelta(seconds=1), limit.window / 60)
        floor = _floor(now, step)
        bucket = floor if floor == now else floor + step
        key = f"{self.tool}|{limit.name}|{self.hasher.hash('limit', self.org, limit.subject)[:32]}"
        return store.Sliding(key, limit.count, now - limit.window, bucket)


def _floor(now: datetime, step: timedelta) -> datetime:
    return now - (now - _EPOCH) % step
