"""Whose order it is (tools.md §3)."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.commerce.goods import HANEUL, NUMBER, SEOJUN, order

from sangdam.commerce.ownership import buyer_is, owns
from sangdam.commerce.shop import Asker, ClaimedOrder, SignedMember, Staff, VerifiedPhone
from sangdam.core.ids import MemberId, OrderId
from sangdam.core.phone import Phone
from sangdam.core.shop import Buyer

HERS, OTHER = MemberId("haneul01"), MemberId("seojun02")
LANDLINE = Phone("0200005678")
BUYER = Buyer("김 하늘", HANEUL, LANDLINE, HERS)


@pytest.mark.parametrize(
    ("asker", "members", "mine"),
    [
        (VerifiedPhone(HANEUL), (), True),
        (VerifiedPhone(LANDLINE), (), True),
        (VerifiedPhone(SEOJUN), (), False),
        (VerifiedPhone(SEOJUN), (HERS,), True),
        (VerifiedPhone(SEOJUN), (OTHER,), False),
        (VerifiedPhone(SEOJUN), (HERS, OTHER), False),
        (VerifiedPhone(SEOJUN), (HERS, None), False),
        (VerifiedPhone(SEOJUN), (None,), False),
        (VerifiedPhone(Phone("01000008643")), (), False),  # the receiver's
        (ClaimedOrder(OrderId(NUMBER)), (), True),
        (ClaimedOrder(OrderId("20260310-0000128")), (), False),
        (SignedMember(HERS), (), True),
        (SignedMember(OTHER), (), False),
        (Staff("고객 요청 확인"), (), True),
    ],
)
def test_an_order_belongs_to(asker: Asker, members: tuple[MemberId | None, ...], mine: bool) -> None:
    assert owns(asker, order("N10", buyer=BUYER), members) is mine


@pytest.mark.parametrize("members", [(), (None,), (HERS,)])
def test_a_guest_s_order_belongs_to_its_phone_alone(members: Any) -> None:
    guest = order("N10", member_id=None, buyer=Buyer("박지우", HANEUL, None, None))
    assert owns(VerifiedPhone(HANEUL), guest, members)
    assert not owns(VerifiedPhone(SEOJUN), guest, members)
    assert not owns(SignedMember(HERS), guest, ())


@pytest.mark.parametrize(
    ("name", "phone", "same"),
    [
        ("김하늘", HANEUL, True),
        (" 김 하늘 ", HANEUL, True),
        (unicodedata.normalize("NFD", "김하늘"), HANEUL, True),
        ("김하늘", LANDLINE, True),
        ("김하늬", HANEUL, False),
        ("김하늘", SEOJUN, False),
        ("", HANEUL, False),
        ("강나래", Phone("01000008643"), False),
    ],
)
def test_a_buyer_is_known_by_name_and_phone_together(name: str, phone: Phone, same: bool) -> None:
    assert buyer_is(BUYER, name, phone) is same


def test_nobody_is_nobody() -> None:
    assert not buyer_is(None, "", Phone(""))
    assert not buyer_is(Buyer("", None, None, None), "", Phone(""))
    assert not buyer_is(Buyer("김하늘", None, None, None), "김하늘", Phone(""))


@given(st.text(max_size=20), st.from_regex(r"01[016789][0-9]{7,8}", fullmatch=True))
def test_a_stranger_is_never_the_buyer(name: str, digits: str) -> None:
    known = "".join(name.split()) == "김하늘" and digits == HANEUL.digits
    assert buyer_is(BUYER, name, Phone(digits)) is known
