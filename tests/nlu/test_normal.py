"""Folding: what is repaired, what is left, that twice is once, and that spans lead back to what was typed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sangdam.nlu import (
    Option,
    abuse_level,
    find_slots,
    normalise,
    product_phrase,
    read_choice,
    read_correction,
    read_global,
    read_multi_choice,
    read_yes_no,
)  # fmt: skip
from sangdam.nlu.jamo import compose, contains_like, decompose, from_qwerty, has_final, likeness

OPTIONS = (Option(1, "20260315-0000127", "3월 15일 린넨 셔츠"), Option(2, "20260314-0000019", "3월 14일 코튼 팬츠"))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("공일공 일이삼사 오육칠팔", "010-1234-5678"), ("영일영-1234-5678", "010-1234-5678"), ("공일공일이삼사오육칠팔", "01012345678"), ("공일공에 일이삼사에 오육칠팔이요", "010-1234-5678이요"),
        ("공 일 공 일 이 삼 사 오 육 칠 팔", "01012345678"), ("010 1234 5678", "010-1234-5678"), ("010.1234.5678", "010-1234-5678"), ("010다시1234다시5678", "010-1234-5678"), ("010 대시 1234 대시 5678", "010-1234-5678"),
        ("０１０－１２３４－５６７８", "010-1234-5678"), ("(010) 1234-5678", "(010-1234-5678"), ("+82 10 1234 5678", "+82-10-1234-5678"), ("20260314 0000127", "20260314-0000127"), ("20260314ㅡ0000127", "20260314-0000127"),
        ("20260314–0000127", "20260314-0000127"), ("이공이육공삼일사 다시 공공공공일이칠", "20260314-0000127"), ("육 구 공 공 공 공 공 공 공 공 일 이", "690000000012"), ("공일공일이삼사오육칠팔구요", "01012345678구요"),
        ("ㅋㅋㅋ 배송 언제와요ㅠㅠㅠ", "배송 언제와요"), ("네네네네", "네"), ("언제와요????!!", "언제와요?"), ("ㅇㅋ", "ㅇㅋ"), ("ㅎㅇ", "ㅎㅇ"), ("ㅇㅇㅋㅋ", "ㅇㅇ"), ("네…?", "네?"), ("안녕\u200b하세요", "안녕하세요"), ("배송  \n\t 언제", "배송 언제"),
        ("①번", "1번"), ("1️⃣", "1"), ("네 👍", "네"), ("Ｌ 사이즈", "L 사이즈"), ("2026.03.14", "2026.03.14"), ("28,800원", "28,800원"), ("1~3", "1~3"), ("일일이 확인했어요", "일일이 확인했어요"), ("이삼일 걸려요", "이삼일 걸려요"),
        ("이사오면서 주소가 바뀌었어요", "이사오면서 주소가 바뀌었어요"), ("삼사일 걸리나요", "삼사일 걸리나요"), ("구이사이드 메뉴", "구이사이드 메뉴"), ("오이사왔어요", "오이사왔어요"), ("일이사흘", "일이사흘"), ("구월 이일 이사해요", "구월 이일 이사해요"),
        ("진짜아아아아", "진짜아"), ("왜왜왜", "왜"), ("0000127", "0000127"), ("코드 일이삼사오육이요", "코드 123456이요"), ("3동 다시 4호", "3동 다시 4호"), ("010-1111-2222 010-3333-4444", "010-1111-2222 010-3333-4444"), ("95000 105000원", "95000 105000원"),
    ],
)  # fmt: skip
def test_a_message_is_folded(raw: str, text: str) -> None:
    assert normalise(raw).text == text


@pytest.mark.parametrize("raw", ["", " ", "ㅋㅋㅋ", "😀👍", "...", "\u200b", "ㅠㅠ", "^^", "~"])
def test_nothing_said_is_empty(raw: str) -> None:
    assert normalise(raw).is_empty


@pytest.mark.parametrize("raw", ["?", "네", "1", "ㅇㅇ", "ok", "ㄴㄴ"])
def test_something_said_is_not_empty(raw: str) -> None:
    assert not normalise(raw).is_empty


def test_decomposed_hangul_from_a_mac_is_composed() -> None:
    import unicodedata

    normal = normalise(unicodedata.normalize("NFD", "배송 언제 와요"))
    assert normal.text == "배송 언제 와요"
    assert normal.raw_of(0, 2) == unicodedata.normalize("NFD", "배송")


def test_compact_has_no_spaces_and_is_lower_case() -> None:
    assert normalise("린넨 셔츠 L 있나요?").compact == "린넨셔츠l있나요?"
    assert normalise("린넨 셔츠 L 있나요?").bare == "린넨셔츠l있나요"


def test_a_span_leads_back_to_what_was_typed() -> None:
    normal = normalise("ㅋㅋ 번호는 공일공 일이삼사 오육칠팔이요ㅠㅠ")
    start = normal.text.index("010")
    assert normal.raw_of(start, start + 13) == "공일공 일이삼사 오육칠팔"


def test_a_compact_span_leads_to_text() -> None:
    normal = normalise("린넨 셔츠 있나요")
    start = normal.compact.index("셔츠")
    assert normal.text_span(start, start + 2) == (3, 5)


CHATTER = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            "영공일이삼사오육칠팔구다시대 네아니ㅋㅎㅠㅜㅇㄴ-.?!~^;0123456789개원월일번호가나 \n\u200b①０１"
        ),
        st.characters(codec="utf-8"),
    ),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(CHATTER)
def test_folding_twice_is_folding_once(raw: str) -> None:
    once = normalise(raw)
    assert normalise(once.text).text == once.text


@settings(max_examples=300, deadline=None)
@given(CHATTER)
def test_offsets_are_ordered_and_inside_raw(raw: str) -> None:
    normal = normalise(raw)
    assert len(normal.offsets) == len(normal.text)
    assert all(0 <= a < b <= len(raw) for a, b in normal.offsets)
    assert all(left[0] <= right[0] for left, right in zip(normal.offsets, normal.offsets[1:], strict=False))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="가나다라마바사 아자차카타파하", max_size=40))
def test_ordinary_syllables_map_one_to_one(raw: str) -> None:
    normal = normalise(raw)
    for i, char in enumerate(normal.text):
        typed = normal.raw_of(i, i + 1)
        assert typed == char or char == " " or set(typed) == {char}


def test_jamo_know_final_consonants() -> None:
    assert has_final("늘")
    assert not has_final("지")
    assert not has_final("a")
    assert decompose("셔츠") == "ㅅㅕㅊㅡ"


@given(st.text(alphabet="가각넋닭값뷁쭈뼛의외왜웬", max_size=12))
def test_composing_undoes_decomposing(text: str) -> None:
    assert decompose(compose(decompose(text))) == decompose(text)


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("환뷸해주세여", "환불", True),
        ("제입고 언제", "재입고", True),
        ("쥬문취소요", "주문취소", True),
        ("코튼팬쯔", "코튼팬츠", True),
        ("배송", "환불", False),
        ("교환", "반품", False),
    ],
)
def test_a_word_is_found_through_a_typing_slip(text: str, word: str, found: bool) -> None:
    assert contains_like(text, word, 80.0) is found


def test_words_that_sound_the_same_are_alike() -> None:
    assert likeness("재고", "제고") == 100.0
    assert likeness("있나요", "잇나요") == 100.0


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("qothd", "배송"),
        ("ghksqnf", "환불"),
        ("dkssud", "안녕"),
        ("hello", None),
        ("ok", None),
        ("XL", None),
        ("배송", None),
    ],
)
def test_korean_typed_on_an_english_keyboard_is_recovered(typed: str, meant: str | None) -> None:
    assert from_qwerty(typed) == meant


@pytest.mark.parametrize(
    "piece",
    [
        "이요-",
        "취소 ",
        "해요",
        "오 오할게요",
        ". . ",
        "1 ",
        "테헤란로",
        "전부 ",
        "네아니",
        "010-",
        "20260314 ",
        "왜",
        "ㅇㄴ",
        "하나 줘 ",
    ],
)
def test_a_message_made_to_be_slow_is_read_in_time(piece: str) -> None:
    """Nested repeats in a pattern would take hours here; the bound is a hundred times what is measured."""
    from time import perf_counter

    for length in (40, 60, 2000):
        start = perf_counter()
        read_all((piece * length)[:length] + "뷁")
        assert perf_counter() - start < 5


def read_all(said: str) -> None:
    normal = normalise(said)
    kinds = frozenset({"otp", "orderer_name", "address_query", "address_detail", "csat_score", "lead_days", "option"})
    find_slots(normal, now=datetime(2026, 3, 16, tzinfo=UTC), awaiting=kinds)
    read_global(normal)
    read_yes_no(normal, verbs=("바꿔", "취소"), strict=True, cancel_question=True)
    read_choice(normal, OPTIONS)
    read_multi_choice(normal, OPTIONS)
    read_correction(normal)
    product_phrase(normal)
    abuse_level(normal)
