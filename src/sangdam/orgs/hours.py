"""When a shop is open: weekly hours, lunch, Korean public holidays. Pure arithmetic on aware datetimes.

Hours without any entry mean that nobody said when the shop is open: then it counts as closed always.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LOOK_AHEAD_DAYS = 60
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


def _clock_time(text: str) -> str:
    if text == "24:00" or _CLOCK.fullmatch(text):
        return text
    raise ValueError("expected HH:MM between 00:00 and 24:00")


ClockTime = Annotated[str, AfterValidator(_clock_time)]
Span = tuple[ClockTime, ClockTime]


class Hours(BaseModel):
    """`a_iam_organizations.business_hours`: `{"mon": [["09:00","18:00"]], …, "lunch": ["12:00","13:00"], "holidays": "kr"}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mon: tuple[Span, ...] = ()
    tue: tuple[Span, ...] = ()
    wed: tuple[Span, ...] = ()
    thu: tuple[Span, ...] = ()
    fri: tuple[Span, ...] = ()
    sat: tuple[Span, ...] = ()
    sun: tuple[Span, ...] = ()
    lunch: Span | None = None
    holidays: Literal["kr", "none"] = "none"
    closed: frozenset[date] = frozenset()
    """The shop's own days off."""
    timezone: str = Field(default="Asia/Seoul", exclude=True)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in _DAYS:
            last = "00:00"
            spans: tuple[Span, ...] = getattr(self, name)
            for start, end in spans:
                if start < last or end <= start:
                    raise ValueError(f"{name}: spans must be in order and must not overlap")
                last = end
        if self.lunch is not None and self.lunch[1] <= self.lunch[0]:
            raise ValueError("lunch ends before it begins")
        return self

    def spans(self, weekday: int) -> tuple[Span, ...]:
        """Of a weekday (Monday 0), lunch taken out."""
        whole: tuple[Span, ...] = getattr(self, _DAYS[weekday])
        if self.lunch is None:
            return whole
        start, end = self.lunch
        parts: list[Span] = []
        for opens, closes in whole:
            parts += [(a, b) for a, b in ((opens, min(closes, start)), (max(opens, end), closes)) if a < b]
        return tuple(parts)


def is_open(hours: Hours, now: datetime) -> bool:
    return any(start <= now < end for start, end in _windows(hours, now, days=1))


def next_opening(hours: Hours, now: datetime) -> datetime | None:
    """The next moment (UTC) the shop opens, `now` itself while it is open; None when it does not within 60 days."""
    for start, end in _windows(hours, now, days=_LOOK_AHEAD_DAYS):
        if end > now:
            return max(start, now.astimezone(UTC))
    return None


def add_business_time(hours: Hours, start: datetime, open_time: timedelta) -> datetime | None:
    """The moment (UTC) when the shop has been open for that long, counted from `start`; None when 60 days do not suffice."""
    left = open_time
    for opens, end in _windows(hours, start, days=_LOOK_AHEAD_DAYS):
        begin = max(opens, start)
        if end <= begin:
            continue
        if left <= end - begin:
            return (begin + left).astimezone(UTC)
        left -= end - begin
    return None


def add_business_days(hours: Hours, start: datetime, days: int) -> datetime | None:
    """The end of business (UTC) of the `days`-th business day after the day of `start`; None when 60 days do not suffice."""
    today = start.astimezone(ZoneInfo(hours.timezone)).date()
    ends: dict[date, datetime] = {}
    for begin, end in _windows(hours, start, days=_LOOK_AHEAD_DAYS):
        day = begin.astimezone(ZoneInfo(hours.timezone)).date()
        if day > today:
            ends[day] = end
    later = sorted(ends)
    return ends[later[days - 1]] if len(later) >= days else None


def is_holiday(day: date) -> bool:
    """A Korean public holiday (관공서 공휴일, substitute days included)."""
    return day in _korean_holidays(day.year)


@lru_cache(maxsize=8)
def _korean_holidays(year: int) -> frozenset[date]:
    import holidays  # loads slowly, and only shops that close on holidays need it

    return frozenset(holidays.country_holidays("KR", years=year).keys())


def _windows(hours: Hours, now: datetime, *, days: int) -> Iterator[tuple[datetime, datetime]]:
    """Open windows (UTC) of the local day of `now` and the days after it, in order."""
    zone = ZoneInfo(hours.timezone)
    first = now.astimezone(zone).date()
    for day in (first + timedelta(days=n) for n in range(days)):
        if day in hours.closed or (hours.holidays == "kr" and is_holiday(day)):
            continue
        for start, end in hours.spans(day.weekday()):
            yield _at(day, start, zone), _at(day, end, zone)


def _at(day: date, clock: str, zone: ZoneInfo) -> datetime:
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)
