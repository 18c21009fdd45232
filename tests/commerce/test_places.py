"""Addresses as text."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.commerce.places import cleaned, differing, keywords, split_detail, surcharges
from sangdam.core.shop import Place, Receiver

THERE = Receiver(
    "D-20260314-0000127-00", "김하늘", "010-0000-1234", "02-0000-5678", Place("04524", "서울특별시 중구 세종대로 110", "3층 302호"), "문 앞"
)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "searched"),
    [
        ("테헤란로 152", "테헤란로 152"),
        ("테헤란로%152=[3층]", "테헤란로 152 3층"),
        ("SELECT 테헤란로 152; drop table", "테헤란로 152; table"),
        ("or테헤란로 152 or 1=1", "테헤란로 152 1 1"),
        ("Tower 8 Gangnam-daero", "Tower 8 Gangnam-daero"),
        ("  세종대로\n110\x00 ", "세종대로 110"),
    ],
)
def test_what_the_service_refuses_is_taken_out(typed: str, searched: str) -> None:
    assert cleaned(typed) == searched


@given(st.text(max_size=80))
def test_nothing_that_is_refused_is_left(typed: str) -> None:
    assert not set(cleaned(typed)) & set("%=><[]\n\x00")


@pytest.mark.parametrize(
    ("typed", "road", "detail"),
    [
        ("서울 강남구 테헤란로 152 11층", "서울 강남구 테헤란로 152", "11층"),
        ("테헤란로 152 101동 1203호", "테헤란로 152", "101동 1203호"),
        ("은마아파트 101동 1203호", "은마아파트", "101동 1203호"),
        ("삼성로 212 은마아파트 3동 702호", "삼성로 212", "은마아파트 3동 702호"),
        ("판교역로 235 (삼평동) 에이치스퀘어 N동 5층", "판교역로 235 에이치스퀘어", "N동 5층"),
        ("울릉읍 도동2길 66, 201호", "울릉읍 도동2길 66", "201호"),
        ("세종대로 110 (태평로1가)", "세종대로 110", ""),
        ("상도1동 23", "상도1동 23", ""),
        ("테헤란로 152", "테헤란로 152", ""),
        ("101동", "101동", ""),
    ],
)
def test_the_detail_is_split_off(typed: str, road: str, detail: str) -> None:
    assert split_detail(typed) == (road, detail)


def test_a_keyword_is_tried_as_typed_and_then_without_its_detail() -> None:
    assert keywords("테헤란로 152 (역삼동) 11층") == ("테헤란로 152 (역삼동) 11층", "테헤란로 152")
    assert keywords("테헤란로 152") == ("테헤란로 152",)
    assert keywords("가") == keywords("%%") == ()


def test_a_keyword_too_long_for_the_service_is_tried_shorter_at_once() -> None:
    building = "가" * 25 + "아파트"
    assert keywords(f"테헤란로 152 {building} 101동 1203호") == (f"테헤란로 152 {building}",)
    assert len(keywords("가나다라마바사아자차" * 4 + " 1")[0]) == 42, (
        "nothing shorter is left: the service shall say so"
    )
    assert keywords("b" * 78 + " 1층") == ("b" * 78,)


@pytest.mark.parametrize(
    "other",
    [
        THERE,
        replace(THERE, place=Place("04524", "서울특별시 중구  세종대로110 (태평로1가)", "3층302호")),
        replace(THERE, cellphone="01000001234", phone="(02) 0000-5678", name="김 하늘"),
    ],
)
def test_notation_makes_no_difference(other: Receiver) -> None:
    assert differing(THERE, other, message=True) == ()


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (replace(THERE, place=Place("04525", "서울특별시 중구 세종대로 110", "3층 302호")), ("zipcode",)),
        (replace(THERE, place=Place("04524", "서울특별시 중구 세종대로 11", "3층 302호")), ("address1",)),
        (replace(THERE, place=Place("04524", "서울특별시 중구 세종대로 110", "")), ("address2",)),
        (replace(THERE, name="김하늬"), ("receiver_name",)),
        (replace(THERE, cellphone="010-0000-1235"), ("receiver_cellphone",)),
        (replace(THERE, phone=""), ("receiver_phone",)),
        (replace(THERE, message="경비실"), ("shipping_message",)),
    ],
)
def test_what_differs_is_named(other: Receiver, names: tuple[str, ...]) -> None:
    assert differing(THERE, other, message=True) == names
    assert differing(THERE, other, message=False) == tuple(name for name in names if name != "shipping_message")


@pytest.mark.parametrize(
    ("zipcode", "notes"),
    [
        ("06236", ()), ("63122", ("jeju",)), ("62999", ()), ("63644", ("jeju",)), ("40200", ("island",)), ("40240", ("island",)), ("40199", ()), ("40241", ()),
        ("31708", ("island",)), ("31707", ()), ("31709", ()), ("", ()), ("402-00", ()), ("４０２００", ()),
    ],
)  # fmt: skip
def test_where_delivery_may_cost_more(zipcode: str, notes: tuple[str, ...]) -> None:
    assert surcharges(zipcode) == notes
