"""The masker: no canary survives, order numbers do, and what was masked stays as it is."""

import re
import uuid
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sangdam.core.mask import (
    mask_address,
    mask_email,
    mask_name,
    mask_phone,
    mask_text,
    mask_tracking,
    mask_value,
)
from sangdam.core.phone import Phone

ORDER = "20260314-0000127"
SENTENCES = (
    "{}",
    "제 번호는 {}이에요",
    "{}로 연락 주세요",
    "문의({}) 드려요",
    "연락처-{}",
    "연락처:{}, 급해요",
    f"{ORDER} {{}}",
    "a{}가\n다음 줄",
)

PHONES = (
    "010-2345-6789", "01023456789", "010 2345 6789", "010.2345.6789", "010 - 2345 - 6789", "010--2345--6789", "010_2345_6789", "010/2345/6789", "(010) 2345-6789",
    "+82 10-2345-6789", "+821023456789", "82-10-2345-6789", "+82 (0)10 2345 6789", "０１０２３４５６７８９", "０１０－２３４５－６７８９", "010 23456789", "010–2345–6789", "010ㅡ2345ㅡ6789",
    "010-2345-6789-", "02-2345-6789", "(02) 2345-6789", "031-234-6789", "0504-2345-6789", "070-2345-6789", "011-234-6789",
)  # fmt: skip
OTHERS = (
    ("900101-1234567", "1234567"), ("900101 1234567", "1234567"), ("9001011234567", "1234567"), ("900101 - 2345678", "2345678"),
    ("5123-4567-8901-2345", "4567"), ("5123 4567 8901 2345", "4567"), ("5123456789012345", "567890"), ("3712-345678-90123", "345678"),
    ("국민은행 123456-78-901234", "901234"), ("계좌 110-234-567890", "567890"), ("110-234-567890", "567890"), ("카카오뱅크 3333-01-2345678", "2345678"), ("농협 3020123456781", "0123456781"),
    ("P123456789012", "456789"), ("p 123456789012", "456789"), ("haneul.kim@example.com", "haneul"), ("_haneul@example.com", "haneul"), ("메일은haneul@example.com", "haneul"),
    ("인증번호 482913", "482913"), ("인증코드는 482913", "482913"), ("공동현관 비밀번호 #2580*", "2580"), ("현관비밀번호는 2580", "2580"), ("비번 2580#", "2580"),
    ("서울특별시 강남구 테헤란로 152, 11층 1102호", "테헤란로"), ("서울 강남구 역삼동 736-1", "736"), ("경기도 성남시 분당구 판교역로 235 1102호", "판교역로"), ("테헤란로 152", "152"),
    ("역삼동 736-1번지", "736"), ("101동 1102호", "1102"), ("세종대로 110, 3층 302호", "302"), ("3층 302호", "302"), ("sgd_live_abcdefghijkl", "abcdefgh"), ("eyJhbGciOiJIUzI1NiJ9.x", "hbGci"),
    ("제 이름은 김하늘이에요", "김하늘"), ("주문자 김하늘", "하늘"), ("성함: 김하늘, 확인", "하늘"), ("김하늘 010-2345-6789", "하늘"), ("690000000012", "690000000012"), ("12345678901234567890123", "5678901234567890"),
)  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("phone", PHONES)
def test_no_way_of_writing_a_phone_survives(phone: str, sentence: str) -> None:
    masked = mask_text(sentence.format(phone))
    digits = re.sub(r"\D", "", masked.replace(ORDER, ""))
    assert "234" not in digits, masked
    assert ORDER in masked or ORDER not in sentence


@pytest.mark.parametrize("sentence", SENTENCES[:7])
@pytest.mark.parametrize(("written", "canary"), OTHERS)
def test_no_canary_survives(written: str, canary: str, sentence: str) -> None:
    masked = mask_text(sentence.format(written))
    assert canary not in masked
    assert mask_text(masked) == masked


@given(
    st.lists(
        st.sampled_from((*PHONES, *(written for written, _ in OTHERS), ORDER, "어제 산 셔츠", ",", "3개", "28,800원", "11월 22일", "\n")) | st.text(max_size=6),
        max_size=6,
    ).map(" ".join)
)  # fmt: skip
@example("국민은행 123456-78-901234 690000000012")
@example("국민은행 123456-78-901234-6789 0504-2345-6789")
@example("국민은행 02-2345-6789 0504-2345-6789")
@example("카카오뱅크 3333-01-2345678 010 2345 6789 5123-4567-8901-2345")
def test_what_was_masked_stays_as_it_is(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once


@given(st.from_regex(r"20[12][0-9][01][0-9][0-3][0-9]-[0-9]{7}", fullmatch=True), st.sampled_from(("{} 배송 조회", "주문번호 {}이에요", "{}, 언제 와요", "({})")))  # fmt: skip
@example("20260314-0101234", "{}")
def test_an_order_number_stays_whole(order: str, sentence: str) -> None:
    assert order in mask_text(sentence.format(order))


@pytest.mark.parametrize(
    "text",
    ["어제 산 린넨 셔츠 어디쯤 왔어요?", "28,800원 결제했어요", "11월 22일(일)에 출발했어요", "2호선 타고 가요", "1호점에서 샀어요", "3개 중에 2개만 왔어요", "2026-03-14에 주문했어요",
     "오전 10:30에 온다고 했어요", "네", "아니요 괜찮아요", "20260314-0000127-01 상품이요", "대표번호 1588-1234로 걸었어요", "550e8400-e29b-41d4-a716-446655440000", "S-7K2M9P"],
)  # fmt: skip
def test_everyday_words_are_left_alone(text: str) -> None:
    assert mask_text(text) == text


@given(st.text(max_size=200))
def test_any_text_can_be_masked(text: str) -> None:
    assert "\x00" not in mask_text(text)


@pytest.mark.parametrize(
    ("key", "value", "masked"),
    [("phone", "01023456789", "010-****-6789"), ("contact_phone", "+82 10 2345 6789", "010-****-6789"), ("phone", "02-234-6789", "02-****-6789"), ("phone", "12", "***"),
     ("orderer_name", "김하늘", "김*늘"), ("orderer_name", "이한", "이*"), ("orderer_name", "Kim", "K*m"), ("email", "haneul@example.com", "h***@example.com"),
     ("tracking_no", "690000000012", "6900****0012"), ("address1", "경기도 성남시 분당구 판교역로 235", "경기도 성남시 분당구 ***"), ("address1", "세종특별자치시 한누리대로 2130", "세종특별자치시 ***"),
     ("address2", "3층 302호", "***"), ("address1", "테헤란로 152", "***"), ("code", "482913", "***"), ("code", "OTP_INVALID", "OTP_INVALID"), ("otp", "482913", "***"),
     ("customer_verification_token", "abc", "***"), ("client_ip", "203.0.113.7", "***"), ("order_id", ORDER, ORDER), ("summary", "김하늘 010-2345-6789", "김** 010-****-6789")],
)  # fmt: skip
def test_a_field_is_masked_by_its_name(key: str, value: str, masked: str) -> None:
    assert mask_value(key, value) == masked
    assert mask_value(key, masked) == masked


@given(st.uuids(version=4))
@example(uuid.UUID("8e91717f-f865-4c55-9771-9f1560939130"))
@example(uuid.UUID("b679d070-7269-4776-b221-04bd95f1c7bd"))
def test_an_id_stays_whole(id: uuid.UUID) -> None:
    assert mask_value("subscription_id", {"id": [str(id)]}) == {"id": [str(id)]}
    assert mask_value("trace_id", id.hex) == id.hex


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "b679d070-7269-0776-b221-04bd95f1c7bd"),
        ("id", "b679d070-7269-4776-b221-04bd95f1c7bd 010-2345-6789"),
        ("trace_id", "01023456789" * 2 + "0123456789"),
        ("note", "a" * 21 + "01023456789"),
    ],
)
def test_what_only_looks_like_an_id_is_masked(key: str, value: str) -> None:
    assert mask_value(key, value) != value


def test_masks_reach_every_depth() -> None:
    value: Any = {
        "orders": [{"buyer_cellphone": ["010-2345-6789"], "note": ("전화 01023456789",)}],
        "count": 2,
        "none": None,
    }
    assert mask_value("", value) == {
        "orders": [{"buyer_cellphone": ["010-****-6789"], "note": ["전화 010-****-6789"]}],
        "count": 2,
        "none": None,
    }


@given(st.text(max_size=40))
def test_every_mask_of_a_mask_is_that_mask(text: str) -> None:
    for mask in (mask_phone, mask_name, mask_email, mask_address, mask_tracking):
        once = mask(text)
        assert mask(once) == once


@given(st.from_regex(r"01[016789][0-9]{7,8}", fullmatch=True), st.text("가나다 abc.,()", max_size=10), st.text("가나다 .,()", max_size=10))  # fmt: skip
def test_a_phone_between_any_words_is_hidden(digits: str, before: str, after: str) -> None:
    for written in (digits, Phone(digits).dashed):
        assert written not in mask_text(before + written + after)
