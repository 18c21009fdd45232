"""The sandbox's own time and the ways Cafe24 writes it.

Every moment inside is an aware datetime; token times leave without an offset although they are Korea time, as at the real mall.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

KST = timezone(timedelta(hours=9), "KST")


def system_clock() -> datetime:
    return datetime.now(UTC)


class SettableClock:
    """A clock that can be shifted or stopped while the mall is running."""

    def __init__(self, base: Callable[[], datetime]) -> None:
        self._base = base
        self._offset = timedelta(0)
        self._stopped: datetime | None = None

    def now(self) -> datetime:
        """The sandbox's present moment, in Korea time."""
        if self._stopped is not None:
            return self._stopped
        return (self._base() + self._offset).astimezone(KST)

    def real(self) -> datetime:
        """The base clock, untouched by shifting: callers that sign with their own clock are compared with both."""
        return self._base()

    def today(self) -> date:
        return self.now().date()

    @property
    def frozen(self) -> bool:
        return self._stopped is not None

    def shift(self, by: timedelta) -> None:
        if self._stopped is not None:
            self._stopped += by
            return
        self._offset += by

    def go_to(self, at: datetime) -> None:
        """Continue from that moment (stays stopped there when stopped)."""
        if self._stopped is not None:
            self._stopped = at.astimezone(KST)
            return
        self._offset = at - self._base()

    def freeze(self, at: datetime | None = None) -> None:
        self._stopped = at.astimezone(KST) if at is not None else self.now()

    def thaw(self) -> None:
        """Run on from the moment it was stopped at."""
        if self._stopped is None:
            return
        self._offset = self._stopped - self._base()
        self._stopped = None

    def reset(self) -> None:
        self._offset = timedelta(0)
        self._stopped = None


def at_kst(day: date, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=KST)


def iso(at: datetime | None) -> str | None:
    """`2026-03-14T13:02:44+09:00`"""
    if at is None:
        return None
    return at.astimezone(KST).strftime("%Y-%m-%dT%H:%M:%S+09:00")


def spaced(at: datetime | None) -> str | None:
    """`2026-03-14 13:02:44`, the notation of an item's own dates and of webhook bodies."""
    if at is None:
        return None
    return at.astimezone(KST).strftime("%Y-%m-%d %H:%M:%S")


def token_time(at: datetime) -> str:
    """`2026-03-14T17:20:11.000`: Korea time that does not say so."""
    return at.astimezone(KST).strftime("%Y-%m-%dT%H:%M:%S.000")


def read_moment(text: str, *, end_of_day: bool = False) -> datetime | None:
    """A date filter: a whole day in Korea time, or a moment; None when it is neither."""
    try:
        if len(text) == 10:
            opening = at_kst(date.fromisoformat(text))
            return opening + timedelta(days=1) - timedelta(seconds=1) if end_of_day else opening
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=KST)


def months_after(at: datetime, months: int) -> datetime:
    """The same clock time that many calendar months later, on the last day of a shorter month."""
    year, month = divmod(at.month - 1 + months, 12)
    year, month = at.year + year, month + 1
    following = date(year + (month == 12), month % 12 + 1, 1)
    return at.replace(year=year, month=month, day=min(at.day, (following - timedelta(days=1)).day))
