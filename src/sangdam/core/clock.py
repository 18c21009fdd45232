"""Time as a value handed down. Nothing else in the product asks the operating system what time it is."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

KST = ZoneInfo("Asia/Seoul")


class Clock(Protocol):
    def now(self) -> datetime:
        """The present as an aware UTC datetime."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for deadlines and latencies."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class SettableClock:
    """The stand-in: stands still until it is moved."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def move(self, **delta: float) -> None:
        """Moves by a `timedelta(**delta)`."""
        self.at += timedelta(**delta)


def kst(moment: datetime) -> datetime:
    return moment.astimezone(KST)


def kst_date(moment: datetime) -> date:
    """The calendar day in Seoul at that moment."""
    return moment.astimezone(KST).date()
