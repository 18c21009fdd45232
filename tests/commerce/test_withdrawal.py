"""The arithmetic of dialogue.md §6.5, with its own examples."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.commerce.withdrawal import Ground, last_day, withdrawal
from sangdam.core.clock import KST
from sangdam.orgs.hours import is_holiday


@pytest.mark.parametrize(
    ("delivered", "ground", "last"),
    [
        (date(2026, 3, 10), "change_of_mind", date(2026, 3, 17)),
        (date(2026, 3, 14), "change_of_mind", date(2026, 3, 23)),
        (date(2026, 4, 28), "change_of_mind", date(2026, 5, 6)),
        (date(2026, 2, 9), "change_of_mind", date(2026, 2, 19)),  # three days of Seollal
        (date(2026, 2, 22), "change_of_mind", date(2026, 3, 3)),  # Sunday, Independence day, its substitute
        (date(2026, 5, 27), "change_of_mind", date(2026, 6, 4)),  # local elections
        (date(2025, 12, 25), "change_of_mind", date(2026, 1, 2)),
        (date(2028, 2, 22), "change_of_mind", date(2028, 2, 29)),
        (date(2026, 1, 30), "not_as_agreed", date(2026, 4, 30)),
        (date(2026, 2, 28), "not_as_agreed", date(2026, 6, 1)),
        (date(2025, 11, 30), "not_as_agreed", date(2026, 3, 3)),  # 28 February is a Saturday, 1 and 2 March are free
        (date(2027, 11, 29), "not_as_agreed", date(2028, 2, 29)),
    ],
)
def test_the_last_day(delivered: date, ground: Ground, last: date) -> None:
    assert last_day(delivered, ground) == last


def moment(day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}+09:00")


@pytest.mark.parametrize(
    ("asked", "state"),
    [(("2026-03-17", "23:59:59"), "within"), (("2026-03-18", "00:00:00"), "over"), (("2026-03-10", "12:01"), "within")],
)
def test_the_last_day_ends_at_midnight_in_seoul(asked: tuple[str, str], state: str) -> None:
    found = withdrawal(moment("2026-03-10", "12:00"), delivered=True, asked_at=moment(*asked))
    assert (found.state, found.last_day) == (state, date(2026, 3, 17))


def test_ten_to_midnight_and_ten_past_are_different_days() -> None:
    late = withdrawal(moment("2026-03-10", "23:50"), delivered=True, asked_at=moment("2026-03-11", "10:00"))
    early = withdrawal(moment("2026-03-11", "00:10"), delivered=True, asked_at=moment("2026-03-11", "10:00"))
    assert (late.last_day, early.last_day) == (date(2026, 3, 17), date(2026, 3, 18))


def test_what_did_not_arrive_has_not_started_and_a_missing_date_is_unknown() -> None:
    asked = moment("2026-03-11", "10:00")
    assert withdrawal(None, delivered=False, asked_at=asked).state == "not_started"
    assert withdrawal(moment("2026-03-10", "12:00"), delivered=False, asked_at=asked).state == "not_started"
    unknown = withdrawal(None, delivered=True, asked_at=asked)
    assert (unknown.state, unknown.last_day) == ("unknown", None)


@pytest.mark.parametrize(
    ("noticed", "last"),
    [
        (date(2026, 3, 12), date(2026, 4, 13)),  # 11 April is a Saturday
        (date(2026, 5, 9), date(2026, 6, 8)),
        (date(2026, 5, 11), date(2026, 6, 10)),  # the three months end on the same day
        (date(2026, 5, 12), date(2026, 6, 10)),  # thirty days would be later
        (date(2026, 3, 1), date(2026, 4, 9)),  # nobody notices before it is there
    ],
)
def test_a_day_of_noticing_gives_thirty_days_within_the_three_months(noticed: date, last: date) -> None:
    assert last_day(date(2026, 3, 10), "not_as_agreed", noticed=noticed) == last
    told = withdrawal(moment("2026-03-10", "12:00"), delivered=True, asked_at=moment(last.isoformat(), "23:59"), ground="not_as_agreed", noticed=noticed)  # fmt: skip
    assert (told.state, told.last_day) == ("within", last)


def test_a_day_of_noticing_says_nothing_of_a_change_of_mind() -> None:
    assert last_day(date(2026, 3, 10), noticed=date(2026, 3, 16)) == date(2026, 3, 17)


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.sampled_from(("change_of_mind", "not_as_agreed")))
def test_the_last_day_is_a_working_day_no_earlier_than_the_law_says(delivered: date, ground: Ground) -> None:
    last = last_day(delivered, ground)
    assert last.weekday() < 5
    assert not is_holiday(last)
    least = 7 if ground == "change_of_mind" else 89
    assert delivered + timedelta(days=least) <= last <= delivered + timedelta(days=least + 14)
    assert withdrawal(datetime(delivered.year, delivered.month, delivered.day, 12, tzinfo=KST), delivered=True, asked_at=datetime(last.year, last.month, last.day, 23, 59, tzinfo=KST), ground=ground).state == "within"  # fmt: skip
