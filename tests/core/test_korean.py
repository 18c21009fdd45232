"""Particles by the last sound, dates and money as they are written."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.core.korean import english_date, korean_date, with_particle, won

HANGUL = st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3)
OPEN, CLOSED, RIEUL = ("를", "가", "는", "와", "로", "라", "예요", "고", "나"), ("을", "이", "은", "과", "으로", "이라", "이에요", "이고", "이나"), ("을", "이", "은", "과", "로", "이라", "이에요", "이고", "이나")  # fmt: skip
NAMES = ("을", "이", "은", "과", "으로", "이라", "이에요", "이고", "이나")


def all_of(word: str) -> tuple[str, ...]:
    return tuple(with_particle(word, name).removeprefix(word) for name in NAMES)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("셔츠", OPEN), ("가방", CLOSED), ("양말", RIEUL), ("바지 (블랙)", CLOSED), ("'머그'", OPEN), ("「소설」", RIEUL), ('접시"', OPEN), ("셔츠 (M)", CLOSED), ("셔츠 (S)", OPEN), ("9월 ", RIEUL)],
)  # fmt: skip
def test_hangul_decides_by_its_final_also_through_quotes_and_brackets(word: str, expected: tuple[str, ...]) -> None:
    assert all_of(word) == expected


@pytest.mark.parametrize(
    ("digit", "expected"),
    list(zip("0123456789", (CLOSED, RIEUL, OPEN, CLOSED, OPEN, OPEN, CLOSED, RIEUL, RIEUL, OPEN), strict=True)),
)
def test_a_digit_decides_as_it_is_read(digit: str, expected: tuple[str, ...]) -> None:
    assert all_of(f"갤럭시 {digit}") == expected


@pytest.mark.parametrize("letter", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
def test_a_capital_decides_by_its_name(letter: str) -> None:
    assert all_of(f"사이즈 {letter}") == {"L": RIEUL, "R": RIEUL, "M": CLOSED, "N": CLOSED}.get(letter, OPEN)


@pytest.mark.parametrize("word", ["linen shirt", "셔츠 v", "50%", "A+", "셔츠!", "텀블러 500ml", "ㅋㅋ", "", "  "])
def test_a_word_without_a_sure_sound_is_followed_by_its_noun(word: str) -> None:
    assert with_particle(word, "을").endswith(" 상품을")
    assert with_particle(word, "은", noun="번호").endswith(" 번호는")


@given(st.text(max_size=20), st.sampled_from(NAMES))
def test_any_word_takes_any_particle(word: str, particle: str) -> None:
    assert with_particle(word, particle).startswith(word.rstrip() if not word.strip() else word)


@given(st.text(HANGUL, min_size=1, max_size=8))
def test_both_ways_of_naming_a_particle_are_the_same(word: str) -> None:
    for closed, opened in (("을", "를"), ("이", "가"), ("은", "는"), ("과", "와"), ("으로", "로")):
        assert with_particle(word, closed) == with_particle(word, opened)


def test_dates_are_those_of_seoul() -> None:
    late = datetime(2026, 3, 13, 15, 30, tzinfo=UTC)
    assert korean_date(late) == korean_date(date(2026, 3, 14)) == "3월 14일(토)"
    assert english_date(late) == english_date(date(2026, 3, 14)) == "Sat, Mar 14"


@given(st.dates())
def test_every_day_is_written_with_its_weekday(day: date) -> None:
    assert korean_date(day) == f"{day.month}월 {day.day}일({'월화수목금토일'[day.weekday()]})"
    assert english_date(day).endswith(f" {day.day}")


@pytest.mark.parametrize(("amount", "text"), [("28800", "28,800원"), ("28800.00", "28,800원"), ("0", "0원"), ("1234567.89", "1,234,567원")])  # fmt: skip
def test_money_is_written_in_full(amount: str, text: str) -> None:
    assert won(Decimal(amount)) == text
