"""Time handed down as a value; days are those of Seoul."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sangdam.core.clock import SettableClock, SystemClock, kst, kst_date

MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_the_system_clock_is_aware_and_goes_on() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


def test_a_settable_clock_moves_when_it_is_told() -> None:
    clock = SettableClock(datetime(2026, 11, 23, 2, tzinfo=UTC))
    before, then = clock.now(), clock.monotonic()
    assert clock.now() == before
    clock.move(minutes=5)
    assert clock.now() - before == timedelta(minutes=5)
    assert clock.monotonic() - then == 300


def test_the_day_in_seoul_begins_nine_hours_earlier() -> None:
    assert kst_date(datetime(2026, 3, 13, 14, 59, 59, tzinfo=UTC)) == date(2026, 3, 13)
    assert kst_date(datetime(2026, 3, 13, 15, 0, tzinfo=UTC)) == date(2026, 3, 14)


@given(MOMENTS)
def test_seoul_is_the_same_moment_under_another_name(moment: datetime) -> None:
    assert kst(moment) == moment
    assert kst(moment).utcoffset() == timedelta(hours=9)
    assert kst(moment).date() == kst_date(moment)
