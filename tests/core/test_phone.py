"""Phones: every way of writing one number gives the same value."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sangdam.core.phone import Phone, parse_phone

MOBILE = st.from_regex(r"01[016789][0-9]{7,8}", fullmatch=True)
OTHER = st.from_regex(r"0(2|31|64|55|70|80|50[0-9])[0-9]{7,8}", fullmatch=True)
ANY = MOBILE | OTHER


def written(digits: str, style: int) -> str:
    phone = Phone(digits)
    return [
        digits,
        phone.dashed,
        phone.dashed.replace("-", " "),
        phone.dashed.replace("-", "."),
        phone.e164,
        f"+82 {phone.dashed[1:]}",
        f"+82-(0){phone.dashed[1:]}",
        f"({phone.dashed.split('-')[0]}) {phone.dashed.partition('-')[2]}",
        f"  {phone.dashed.replace('-', ' - ')}  ",
        "".join(chr(ord(char) + 0xFEE0) for char in digits),
    ][style]


@given(ANY, st.integers(0, 9))
@example("021234567", 7)
@example("050412345678", 1)
def test_every_way_of_writing_a_number_gives_the_same_value(digits: str, style: int) -> None:
    assert parse_phone(written(digits, style)) == Phone(digits)


@given(ANY)
def test_a_mask_keeps_the_first_group_and_the_last_four(digits: str) -> None:
    masked = Phone(digits).masked
    assert re.fullmatch(r"0\d{1,2}-\*{4}-\d{4}", masked)
    assert masked.endswith(digits[-4:])
    assert parse_phone(masked) is None


@given(st.text(max_size=30))
def test_reading_any_text_gives_ascii_digits_or_nothing(text: str) -> None:
    phone = parse_phone(text)
    assert phone is None or re.fullmatch(r"0[0-9]{8,11}", phone.digits)


@given(MOBILE)
def test_a_mobile_number_can_receive_a_code(digits: str) -> None:
    assert Phone(digits).is_mobile


@given(OTHER)
def test_landlines_and_safe_numbers_cannot_receive_a_code(digits: str) -> None:
    assert not Phone(digits).is_mobile


@pytest.mark.parametrize(
    "text",
    ["", "010", "010-123-456", "0101234567890", "1588-1234", "20260314-0000127", "690000000012", "0212345", "김하늘", "012-3456-7890"],
)  # fmt: skip
def test_what_is_no_korean_number_is_not_read(text: str) -> None:
    assert parse_phone(text) is None


@pytest.mark.parametrize(
    ("digits", "dashed"),
    [("01012345678", "010-1234-5678"), ("0111234567", "011-123-4567"), ("021234567", "02-123-4567"), ("0212345678", "02-1234-5678"), ("0311234567", "031-123-4567"),
     ("07012345678", "070-1234-5678"), ("050412345678", "0504-1234-5678"), ("05051234567", "0505-123-4567")],
)  # fmt: skip
def test_dashes_stand_where_they_are_written(digits: str, dashed: str) -> None:
    assert Phone(digits).dashed == dashed
