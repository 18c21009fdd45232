"""Open, closed, lunch, holidays."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sangdam.core.clock import KST
from sangdam.orgs.hours import Hours, add_business_days, add_business_time, is_holiday, is_open, next_opening

WEEKDAYS = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
SHOP = Hours.model_validate({**WEEKDAYS, "lunch": ["12:00", "13:00"], "holidays": "kr"})


MOMENTS = st.integers(0, 300 * 86400).map(lambda second: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KST)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-13T08:59:59", False),
        ("2026-03-13T09:00:00", True),
        ("2026-03-13T11:59:59", True),
        ("2026-03-13T12:00:00", False),
        ("2026-03-13T12:59:59", False),
        ("2026-03-13T13:00:00", True),
        ("2026-03-13T17:59:59", True),
        ("2026-03-13T18:00:00", False),
        ("2026-03-14T10:00:00", False),
        ("2026-03-01T10:00:00", False),
        ("2026-03-02T10:00:00", False),
    ],
)
def test_the_shop_is_open_when_its_hours_say_so(moment: str, expected: bool) -> None:
    assert is_open(SHOP, at(moment)) is expected
    assert is_open(SHOP, at(moment).astimezone(UTC)) is expected


def test_the_next_opening_is_after_lunch_after_the_weekend_after_the_holidays() -> None:
    assert next_opening(SHOP, at("2026-03-13T12:10:00")) == at("2026-03-13T13:00:00")
    assert next_opening(SHOP, at("2026-03-13T19:00:00")) == at("2026-03-16T09:00:00")
    assert next_opening(SHOP, at("2026-02-13T18:00:00")) == at("2026-02-19T09:00:00")  # 설날 연휴 16-18
    assert next_opening(SHOP, at("2026-03-13T10:00:00")) == at("2026-03-13T10:00:00")


def test_a_shop_that_never_opens_says_so() -> None:
    assert next_opening(Hours(), at("2026-03-13T10:00:00")) is None
    assert add_business_time(Hours(), at("2026-03-13T10:00:00"), timedelta(hours=1)) is None
    assert not is_open(Hours(), at("2026-03-13T10:00:00"))


def test_business_time_skips_what_is_closed() -> None:
    assert add_business_time(SHOP, at("2026-03-13T11:30:00"), timedelta(hours=1)) == at("2026-03-13T13:30:00")
    assert add_business_time(SHOP, at("2026-03-13T17:30:00"), timedelta(hours=1)) == at("2026-03-16T09:30:00")
    assert add_business_days(SHOP, at("2026-03-13T17:30:00"), 1) == at("2026-03-16T18:00:00")


def test_a_day_may_end_at_midnight() -> None:
    late = Hours.model_validate({"fri": [["20:00", "24:00"]]})
    assert is_open(late, at("2026-03-13T23:59:59"))
    assert not is_open(late, at("2026-03-14T00:00:00"))


def test_holidays_are_those_of_korea() -> None:
    assert is_holiday(date(2026, 3, 2))  # 대체공휴일
    assert not is_holiday(date(2026, 3, 3))


@pytest.mark.parametrize(
    "hours",
    [
        {"mon": [["18:00", "09:00"]]},
        {"mon": [["09:00", "13:00"], ["12:00", "18:00"]]},
        {"mon": [["9:00", "18:00"]]},
        {"mon": [["09:00", "24:01"]]},
        {"noon": []},
    ],
)
def test_hours_that_make_no_sense_are_refused(hours: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Hours.model_validate(hours)


@given(MOMENTS)
def test_the_shop_is_open_at_its_next_opening(moment: datetime) -> None:
    opening = next_opening(SHOP, moment)
    assert opening is not None
    assert opening >= moment
    assert is_open(SHOP, opening)
    assert is_open(SHOP, moment) == (opening == moment)


@given(
    MOMENTS,
    st.integers(1, 600),
    st.integers(1, 600),
)
def test_business_time_adds_up(moment: datetime, a: int, b: int) -> None:
    both = add_business_time(SHOP, moment, timedelta(minutes=a + b))
    first = add_business_time(SHOP, moment, timedelta(minutes=a))
    assert first is not None
    assert both == add_business_time(SHOP, first, timedelta(minutes=b))
