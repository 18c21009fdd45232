"""The mall writes Korean wall-clock; the machine that reads it stands anywhere."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.commerce.cafe24.times import parse_mall_date, parse_mall_time


@pytest.fixture(params=["UTC", "America/Los_Angeles", "Asia/Seoul"], autouse=True)
def host(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment", "day"),
    [
        ("2026-03-14T17:20:11.000", datetime(2026, 3, 14, 8, 20, 11, tzinfo=UTC), date(2026, 3, 14)),
        ("2026-03-14T13:02:44+09:00", datetime(2026, 3, 14, 4, 2, 44, tzinfo=UTC), date(2026, 3, 14)),
        ("2026-03-14T13:02:44Z", datetime(2026, 3, 14, 13, 2, 44, tzinfo=UTC), date(2026, 3, 14)),
        ("2026-03-14 00:10:00", datetime(2026, 3, 13, 15, 10, tzinfo=UTC), date(2026, 3, 14)),
        ("2026-03-14 23:50:00", datetime(2026, 3, 14, 14, 50, tzinfo=UTC), date(2026, 3, 14)),
        ("2026-03-14T15:10:00+00:00", datetime(2026, 3, 14, 15, 10, tzinfo=UTC), date(2026, 3, 15)),
        ("2026-01-01 00:00:00", datetime(2025, 12, 31, 15, 0, tzinfo=UTC), date(2026, 1, 1)),
        ("2025-12-31 23:59:59", datetime(2025, 12, 31, 14, 59, 59, tzinfo=UTC), date(2025, 12, 31)),
        ("2028-02-29 08:59:00", datetime(2028, 2, 28, 23, 59, tzinfo=UTC), date(2028, 2, 29)),
        ("2026-03-14", datetime(2026, 3, 13, 15, 0, tzinfo=UTC), date(2026, 3, 14)),
    ],
)
def test_a_time_without_an_offset_is_seoul_s(text: str, moment: datetime, day: date) -> None:
    assert parse_mall_time(text) == moment
    assert parse_mall_date(text) == day


@pytest.mark.parametrize("nothing", [None, "", "  ", "0000-00-00", "0000-00-00 00:00:00"])
def test_an_unset_time_is_none(nothing: object) -> None:
    assert parse_mall_time(nothing) is None
    assert parse_mall_date(nothing) is None


@pytest.mark.parametrize("wrong", ["2026-02-29", "어제", "0001-01-01", "9999-12-31T23:59:59", 1773469211, True, [], {}])
def test_what_is_no_time_is_said_to_be_none_and_never_guessed(wrong: object) -> None:
    with pytest.raises(ValueError):
        parse_mall_time(wrong)


@given(st.text() | st.integers() | st.floats() | st.datetimes().map(str) | st.none())
def test_anything_is_a_time_or_nothing_or_a_value_error(value: object) -> None:
    try:
        found = parse_mall_date(value)
    except ValueError:
        return
    assert found is None or found.year in range(1999, 2102)
