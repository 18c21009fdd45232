"""The proof that an address came out of a search here."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.commerce.address_ref import issue, proves
from sangdam.core.ids import OrgId, SessionId
from sangdam.core.mask import mask_text
from sangdam.orgs import Hasher

HASHER = Hasher(b"pepper" * 8)
ORG, SESSION = OrgId(UUID(int=1)), SessionId(UUID(int=2))
NOW = datetime(2026, 3, 14, 5, 28, 44, tzinfo=UTC)
PLACE = {"zipcode": "06236", "address1": "서울특별시 강남구 테헤란로 152"}


def issued(now: datetime = NOW, session: SessionId | None = SESSION) -> str:
    return issue(HASHER, ORG, session, **PLACE, now=now)


def holds(ref: str, *, org: OrgId = ORG, session: SessionId | None = SESSION, now: datetime = NOW, **place: str) -> bool:  # fmt: skip
    return proves(HASHER, ref, org, session, **(PLACE | place), now=now)


@pytest.mark.parametrize(
    ("age", "good"),
    [
        (timedelta(0), True),
        (timedelta(minutes=30), True),
        (timedelta(minutes=30, seconds=1), False),
        (timedelta(minutes=-1), True),
        (timedelta(minutes=-1, seconds=-1), False),
        (timedelta(days=365), False),
    ],
)
def test_it_lasts_thirty_minutes_and_is_not_of_the_future(age: timedelta, good: bool) -> None:
    assert holds(issued(), now=NOW + age) is good


@pytest.mark.parametrize(
    "changed",
    [
        {"zipcode": "06237"},
        {"address1": "서울특별시 강남구 테헤란로 152-7"},
        {"session": SessionId(UUID(int=3))},
        {"session": None},
        {"org": OrgId(UUID(int=4))},
    ],
)
def test_it_is_of_one_address_one_conversation_and_one_organisation(changed: dict[str, Any]) -> None:
    assert holds(issued())
    assert not holds(issued(), **changed)


def test_spaces_do_not_matter_and_another_key_proves_nothing() -> None:
    assert holds(issued(), address1=" 서울특별시  강남구 테헤란로 152 ")
    assert not proves(Hasher(b"other!" * 8), issued(), ORG, SESSION, **PLACE, now=NOW)


@given(st.integers(0, 39), st.sampled_from("abcdefghijklmnop0Z "))
def test_a_letter_of_it_changed_proves_nothing(at: int, letter: str) -> None:
    ref = issued()
    changed = ref[:at] + letter + ref[at + 1 :]
    assert holds(changed) is (changed == ref)


@pytest.mark.parametrize("ref", ["", "a" * 39, "a" * 41, "a" * 40, "가" * 40, issued().upper(), issued() + "\n"])
def test_what_is_no_proof_is_none(ref: str) -> None:
    assert not holds(ref)


@given(st.integers(0, 10**9))
def test_no_mask_takes_a_part_of_it_for_a_number(seconds: int) -> None:
    ref = issued(NOW + timedelta(seconds=seconds))
    assert mask_text(ref) == ref
    assert mask_text(f"주소 {ref} 확인") == f"주소 {ref} 확인"
