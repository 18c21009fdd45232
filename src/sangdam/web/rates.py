"""How often somebody may do something, in this process: a sliding window per key. Pure; the time is handed in."""

from collections import deque
from typing import Generic, TypeVar

Key = TypeVar("Key")

_SWEEP_ABOVE = 10_000


class SlidingWindow(Generic[Key]):
    """At most `limit` hits of a key in any `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._hits: dict[Key, deque[float]] = {}
        self._sweep_at = _SWEEP_ABOVE

    def hit(self, key: Key, now: float) -> float | None:
        """None and counted, or the seconds after which it may be tried again, uncounted."""
        wait = self.full(key, now)
        if wait is not None:
            return wait
        hits = self._hits.get(key)
        if hits is None:
            if len(self._hits) >= self._sweep_at:
                self._forget(now)
            hits = self._hits[key] = deque()
        hits.append(now)
        return None

    def full(self, key: Key, now: float) -> float | None:
        """The same without counting."""
        hits = self._hits.get(key)
        if hits is None:
            return None
        while hits and now - hits[0] >= self.seconds:
            hits.popleft()
        return max(0.001, self.seconds - (now - hits[0])) if len(hits) >= self.limit else None

    def __len__(self) -> int:
        return len(self._hits)

    def _forget(self, now: float) -> None:
        self._hits = {key: hits for key, hits in self._hits.items() if hits and now - hits[-1] < self.seconds}
        self._sweep_at = max(_SWEEP_ABOVE, 2 * len(self._hits))


class Rates(Generic[Key]):
    """Several windows at once: a hit counts in all or in none."""

    def __init__(self, *windows: SlidingWindow[Key]) -> None:
        self._windows = windows

    def hit(self, key: Key, now: float) -> float | None:
        waits = [wait for window in self._windows if (wait := window.full(key, now)) is not None]
        if waits:
            return max(waits)
        for window in self._windows:
            window.hit(key, now)
        return None
