"""Picking from a list: by number, place, name and date; and everything with a digit that picks nothing."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.nlu import Ambiguous, NoneOfThese, Option, PageTo, Picked, normalise, read_choice, read_multi_choice

TODAY = date(2026, 3, 16)
ORDERS = [
    Option(1, "20260315-0000127", "린넨 셔츠 화이트 / M", ("린넨 셔츠", "배송준비중"), date(2026, 3, 15)),
    Option(2, "20260314-0000019", "코튼 팬츠 블랙 / L", ("코튼 팬츠",), date(2026, 3, 14)),
    Option(3, "20260220-0000003", "울 가디건 네이비", ("울 가디건",), date(2026, 2, 20)),
]
FIVE = [
    *ORDERS,
    Option(4, "20260114-0000044", "실크 스카프 외 1건", ("실크 스카프",), date(2026, 1, 14)),
    Option(5, "20251230-0000055", "가죽 벨트", (), date(2025, 12, 30)),
]
LEADS = [
    Option(1, "1", "하루 전"),
    Option(2, "2", "이틀 전"),
    Option(3, "7", "일주일 전"),
    Option(4, "0", "입고되는 날"),
]


def pick(said: str, options: list[Option] | None = None) -> object:
    return read_choice(normalise(said), options or ORDERS, today=TODAY)


FIRST, SECOND, THIRD = (Picked((o.id,)) for o in ORDERS)


@pytest.mark.parametrize(
    "said",
    [
        "1",
        "1번",
        "1번이요",
        "1번째",
        "첫번째",
        "첫 번째 거요",
        "첫번째꺼",
        "첫째",
        "처음 거",
        "맨 위",
        "맨 위에 거요",
        "1번으로 할게요",
        "네 1번",
        "1.",
        "１번",
        "①",
        "1번요!",
        "1번 주세요",
        "첫번째 주문이요",
        "위에서 첫번째",
        "제일 위에 거",
        "20260315-0000127",
        "셔츠요",
        "린넨셔츠",
        "화이트요",
        "린넨 셔츠로 할게요",
        "어제꺼",
        "어제 산 거요",
        "15일 거",
        "3월 15일 주문이요",
        "흰색이요",
    ],
)
def test_the_first_is_picked(said: str) -> None:
    assert pick(said) == FIRST


@pytest.mark.parametrize(
    "said",
    [
        "2",
        "2번이요",
        "두번째",
        "두번째거",
        "두번쨰",
        "두 번째 거요",
        "둘째",
        "가운데",
        "가운데 거",
        "중간꺼요",
        "위에서 두번째",
        "밑에서 두번째",
        "2번 주문 취소해주세요",
        "코튼팬츠요",
        "팬츠",
        "블랙이요",
        "코튼팬쯔",
        "14일 거요",
        "그제 산거",
        "3/14 거",
        "이번",
        "이번이요",
        "검정색이요",
    ],
)
def test_the_second_is_picked(said: str) -> None:
    if said in ("이번", "이번이요"):
        assert pick(said) == SECOND
        return
    assert pick(said) == SECOND


@pytest.mark.parametrize(
    "said",
    [
        "3",
        "3번",
        "세번째",
        "세 번째요",
        "마지막",
        "마지막 거",
        "맨 아래",
        "제일 아래거요",
        "맨 밑에꺼",
        "가디건",
        "울가디건이요",
        "네이비",
        "2월 20일 거",
        "마지막이요",
        "남색이요",
    ],
)
def test_the_third_is_picked(said: str) -> None:
    assert pick(said) == THIRD


@pytest.mark.parametrize(
    "said",
    [
        "없어요",
        "여기 없어요",
        "다 아니에요",
        "다 아닌데요",
        "없는데요",
        "여기에 없어요",
        "목록에 없어요",
        "아무것도 아니에요",
        "안 보여요",
        "둘 다 아니에요",
        "제가 찾는 게 없어요",
        "해당 없음",
        "none of these",
    ],
)
def test_none_of_these_is_read(said: str) -> None:
    assert pick(said) == NoneOfThese()


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("더 보여줘", "next"),
        ("더 보여주세요", "next"),
        ("더요", "next"),
        ("더 있어요?", "next"),
        ("다음", "next"),
        ("다음 페이지", "next"),
        ("다른 거 보여주세요", "next"),
        ("이전", "prev"),
        ("이전 페이지", "prev"),
        ("앞으로", "prev"),
        ("기간 넓혀주세요", "wider"),
        ("더 예전 거요", "wider"),
        ("작년 거", "wider"),
        ("더 오래된 거 보여주세요", "wider"),
        ("more", "next"),
    ],
)
def test_pages_are_turned(said: str, where: str) -> None:
    assert pick(said) == PageTo(where)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    [
        "주소는 3동이에요",
        "3동",
        "3동이요",
        "2호",
        "101동 2호",
        "3층",
        "2개",
        "2개요",
        "3일",
        "1월",
        "3시",
        "2장이요",
        "3000원",
        "010-1234-5678",
        "01012345678",
        "4",
        "9번",
        "0",
        "2번 배송 언제 와요?",
        "주문 2건 있는데 하나가 안 왔어요",
        "123456",
        "배송 언제 와요",
        "왜요?",
        "네",
        "아니요",
        "3개 중에 뭐가 좋아요",
        "운동화요",
        "3번이나 말했어요",
        "1588-1234",
        "20260101-0000999",
        "언제 주문한 거예요?",
        "상담원",
        "2일 전에 뭐 샀죠?",
        "화이트는 품절인가요",
        "끝이요",
        "배송조회좀",
        "화이트 M 재입고 알림요",
        "예전에 산 립밤 이름이 뭐였죠",
        "작년에 팔던 그 코트 다시 나오나요",
    ],
)
def test_other_messages_pick_nothing(said: str) -> None:
    assert not isinstance(pick(said), Picked)


def test_a_name_that_fits_several_is_ambiguous() -> None:
    rows = [Option(1, "a", "린넨 셔츠 화이트"), Option(2, "b", "린넨 셔츠 블랙"), Option(3, "c", "코튼 팬츠")]
    assert pick("셔츠요", rows) == Ambiguous(("a", "b"))
    assert pick("블랙이요", rows) == Picked(("b",))
    assert pick("린넨 셔츠 블랙", rows) == Picked(("b",))


def test_a_day_that_fits_several_is_ambiguous() -> None:
    rows = [Option(1, "a", "3월 14일 린넨 셔츠"), Option(2, "b", "3월 14일 코튼 팬츠"), Option(3, "c", "3월 2일 벨트")]
    assert pick("14일 거", rows) == Ambiguous(("a", "b"))
    assert pick("14일 셔츠", rows) == Picked(("a",))
    assert pick("3월 2일이요", rows) == Picked(("c",))


def test_numbers_are_those_printed_on_a_second_page() -> None:
    rows = [Option(6, "f", "여섯"), Option(7, "g", "일곱")]
    assert pick("6번", rows) == Picked(("f",))
    assert pick("1번", rows) is None
    assert pick("두번째", rows) == Picked(("g",))


def test_the_middle_exists_only_in_three() -> None:
    assert pick("가운데", FIVE) is None
    assert pick("위에 거", ORDERS[:2]) == FIRST
    assert pick("아래거요", ORDERS[:2]) == SECOND
    assert pick("위에 거", FIVE) is None


@given(
    st.integers(0, 9999_9999),
    st.sampled_from(["{0}-{1}-{2}", "{0}{1}{2}", "{0} {1} {2}", "{0}.{1}.{2}", "{0}-{1}-{2}이요", "번호는 {0}{1}{2}"]),
)
def test_a_phone_never_picks(number: int, shape: str) -> None:
    digits = f"{number:08d}"
    said = shape.format("010", digits[:4], digits[4:])
    assert read_choice(normalise(said), FIVE, today=TODAY) is None
    assert read_multi_choice(normalise(said), FIVE, today=TODAY) is None


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("1, 3", (1, 3)), ("1,3번", (1, 3)), ("1번 3번", (1, 3)), ("1번이랑 3번이요", (1, 3)), ("1번하고 2번", (1, 2)), ("1~3", (1, 2, 3)), ("1-3번", (1, 2, 3)), ("1번부터 3번까지", (1, 2, 3)), ("2번만요", (2,)), ("전부", (1, 2, 3, 4, 5)), ("다요", (1, 2, 3, 4, 5)),
        ("전부 다 취소해주세요", (1, 2, 3, 4, 5)), ("모두요", (1, 2, 3, 4, 5)), ("2번 빼고 전부", (1, 3, 4, 5)), ("2번만 빼고 다요", (1, 3, 4, 5)), ("1,2번 빼고", (3, 4, 5)), ("셔츠랑 팬츠요", (1, 2)), ("린넨 셔츠하고 가죽 벨트", (1, 5)), ("셔츠 빼고 전부요", (2, 3, 4, 5)), ("1 3 5", (1, 3, 5)), ("첫번째랑 마지막 거요", (1, 5)),
    ],
)  # fmt: skip
def test_several_are_picked(said: str, numbers: tuple[int, ...]) -> None:
    assert read_multi_choice(normalise(said), FIVE, today=TODAY) == Picked(tuple(FIVE[n - 1].id for n in numbers))


@pytest.mark.parametrize(
    ("said", "ids"),
    [
        ("하루 전이랑 일주일 전이요", ("1", "7")),
        ("전부 다요", ("1", "2", "7", "0")),
        ("이틀 전", ("2",)),
        ("입고되는 날만요", ("0",)),
        ("1번 3번이요", ("1", "7")),
    ],
)
def test_lead_days_are_picked_by_name(said: str, ids: tuple[str, ...]) -> None:
    assert read_multi_choice(normalise(said), LEADS, today=TODAY) == Picked(ids)


@pytest.mark.parametrize("said", ["1, 9", "3동", "2개요", "배송 언제 와요", "네", "둘 다"])
def test_several_are_not_picked_from_other_messages(said: str) -> None:
    assert not isinstance(read_multi_choice(normalise(said), FIVE, today=TODAY), Picked)


def test_both_means_both_of_two() -> None:
    assert read_multi_choice(normalise("둘 다요"), ORDERS[:2], today=TODAY) == Picked((ORDERS[0].id, ORDERS[1].id))
