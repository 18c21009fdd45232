"""A cursor is good for one question of one organisation, and for nobody who made it himself."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.core.ids import OrgId
from sangdam.web import cursors

SECRET = "s" * 32
ORG = OrgId(UUID(int=1))
ASKED = cursors.question("audit/events", ORG, {"code": "X", "from": None})

places = st.lists(st.integers() | st.text(), min_size=1, max_size=3).map(tuple)


@given(places)
def test_a_place_comes_back_as_it_was(place: cursors.Place) -> None:
    assert cursors.place_of(SECRET, ASKED, cursors.issue(SECRET, ASKED, place)) == place


@pytest.mark.parametrize(
    ("route", "org", "filters"),
    [
        ("audit/tools", ORG, {"code": "X"}),
        ("audit/events", OrgId(UUID(int=2)), {"code": "X"}),
        ("audit/events", ORG, {"code": "Y"}),
        ("audit/events", ORG, {}),
        ("audit/events", ORG, {"code": "X", "from": "2026"}),
    ],
)
def test_it_is_not_good_for_another_question(route: str, org: OrgId, filters: dict[str, object]) -> None:
    cursor = cursors.issue(SECRET, ASKED, ("2026-03-14T00:00:00+00:00", 5))
    assert cursors.place_of(SECRET, cursors.question(route, org, filters), cursor) is None


def test_an_empty_filter_is_none() -> None:
    assert cursors.question("r", ORG, {"a": None, "b": 1}) == cursors.question("r", ORG, {"b": 1})


@given(st.text(max_size=60))
def test_anything_else_is_not_ours(text: str) -> None:
    assert cursors.place_of(SECRET, ASKED, text) is None


def test_no_changed_sign_is_taken() -> None:
    cursor = cursors.issue(SECRET, ASKED, ("2026-03-14T00:00:00+00:00", 5))
    for at in range(len(cursor)):
        for other in "A_b0":
            if other != cursor[at]:
                assert cursors.place_of(SECRET, ASKED, cursor[:at] + other + cursor[at + 1 :]) is None
    assert cursors.place_of("t" * 32, ASKED, cursor) is None
    assert cursors.place_of(SECRET, ASKED, cursor + "A") is None
    assert len(cursor) < cursors.LONGEST
