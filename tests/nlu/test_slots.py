"""Values in messages: which number is which, names, addresses, dates, options; and what is taken back."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.nlu import Period, Slot, find_slots, normalise, option_key, product_phrase, settle

NOW = datetime(2026, 3, 16, 3, 0, tzinfo=UTC)  # Monday noon in Seoul


def slots(said: str, awaiting: str | None = None, direction: str = "past") -> tuple[Slot, ...]:
    kinds = frozenset({awaiting}) if awaiting else None
    return find_slots(normalise(said), now=NOW, awaiting=kinds, direction=direction)  # type: ignore[arg-type]


def values(said: str, name: str, awaiting: str | None = None) -> list[object]:
    return [s.value for s in slots(said, awaiting) if s.name == name and not s.superseded]


def names(said: str, awaiting: str | None = None) -> set[str]:
    return {s.name for s in slots(said, awaiting)}


@given(
    st.dates(date(2015, 1, 1), date(2026, 3, 16)),
    st.integers(0, 9_999_999),
    st.sampled_from(
        [
            "{0}-{1}",
            "{0}{1}",
            "{0} {1}",
            "{0}–{1}",
            "{0}ㅡ{1}",
            "{0} - {1}",
            "{0}다시{1}",
            "주문번호 {0}-{1}",
            "{0}-{1}이요",
            "주문번호는 {0}-{1}입니다",
            "{0}-{1} 이거 어디쯤 왔어요",
            "{0}.{1}",
        ]
    ),
    st.sampled_from([None, "order_id_or_phone", "otp", "zipcode", "choice"]),
)
def test_an_order_number_survives_any_formatting(day: date, serial: int, shape: str, awaiting: str | None) -> None:
    said = shape.format(day.strftime("%Y%m%d"), f"{serial:07d}")
    found = slots(said, awaiting)
    assert [s.value for s in found if s.name == "order_id"] == [f"{day:%Y%m%d}-{serial:07d}"]
    assert not {s.name for s in found} & {"phone", "otp", "zipcode", "tracking_no", "date", "number"}


SPOKEN = dict(zip("0123456789", "공일이삼사오육칠팔구", strict=True))


@given(
    st.sampled_from(["010"]), st.integers(0, 9999), st.integers(0, 9999),
    st.sampled_from(["{0}-{1}-{2}", "{0}{1}{2}", "{0} {1} {2}", "{0}.{1}.{2}", "{0}다시{1}다시{2}", "({0}) {1}-{2}", "{0})-{1}-{2}", "번호는 {0}-{1}-{2}이요", "{0}-{1}-{2}로 보내주세요", "전번 {0} {1} {2}", "{0} - {1} - {2}", "{0}/{1}/{2}", "spoken"]),
    st.sampled_from([None, "phone", "order_id_or_phone", "otp"]),
)  # fmt: skip
def test_a_phone_survives_any_formatting(head: str, mid: int, tail: int, shape: str, awaiting: str | None) -> None:
    parts = (head, f"{mid:04d}", f"{tail:04d}")
    said = " ".join("".join(SPOKEN[c] for c in part) for part in parts) if shape == "spoken" else shape.format(*parts)
    found = slots(said, awaiting)
    assert [s.value for s in found if s.name == "phone"] == ["".join(parts)]
    assert not {s.name for s in found} & {
        "order_id",
        "otp",
        "number",
        "tracking_no",
        "landline",
        "date",
        "orderer_name",
    }


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ("20260314-0000127", "order_id", "20260314-0000127"), ("202603140000127", "order_id", "20260314-0000127"), ("주문번호 20260314 0000127요", "order_id", "20260314-0000127"), ("20260314-0000127-01", "order_id", "20260314-0000127"),
        ("20260101-0101234", "order_id", "20260101-0101234"), ("20260317-0000001", "order_id", "20260317-0000001"), ("20100102-0101234", "number", "201001020101234"), ("20260318-0000001", "number", "202603180000001"), ("20261301-0000001", "number", "202613010000001"),
        ("010-123-4567", "phone", "0101234567"), ("011-123-4567", "phone", "0111234567"), ("019-1234-5678", "phone", "01912345678"), ("+82 10-1234-5678", "phone", "01012345678"), ("+821012345678", "phone", "01012345678"), ("82-10-1234-5678", "phone", "01012345678"),
        ("02-123-4567", "landline", "021234567"), ("031-123-4567", "landline", "0311234567"), ("070-1234-5678", "landline", "07012345678"), ("1588-1234", "landline", "15881234"), ("0507-1234-5678", "safe_number", "050712345678"), ("05021234567", "safe_number", "05021234567"),
        ("인증번호 123456", "otp", "123456"), ("인증번호는 260314요", "otp", "260314"), ("우편번호 06236", "zipcode", "06236"), ("송장번호 690000000012", "tracking_no", "690000000012"), ("690000000012", "tracking_no", "690000000012"), ("운송장 6900-0000-0012", "tracking_no", "690000000012"),
        ("송장번호점 690000000012", "tracking_no", "690000000012"), ("송장 01012345678", "tracking_no", "01012345678"), ("2026031412345671", "outside_order", "2026031412345671"), ("네이버 주문번호 2026031412345671", "outside_order", "2026031412345671"),
        ("주문번호 01012345678", "number", "01012345678"), ("12345", "number", "12345"), ("123456", "number", "123456"), ("사업자번호 123-45-67890", "number", "1234567890"), ("EE123456789KR", "tracking_no", "EE123456789KR"),
    ],
)  # fmt: skip
def test_a_number_alone_is_told_apart(said: str, name: str, value: str) -> None:
    found = [s for s in slots(said) if s.name != "orderer_name"]
    assert [(s.name, s.value) for s in found] == [(name, value)]


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("국민은행 123456-04-123456", "bank_account"), ("환불 계좌는 신한 110-123-456789 김하늘", "bank_account"), ("계좌번호 1002123456789", "bank_account"), ("카카오뱅크 3333-01-1234567이에요", "bank_account"), ("110-123-456789로 환불해 주세요", "bank_account"), ("농협 301-0123-4567-89", "bank_account"), ("계좌 010-1234-5678", "bank_account"),
        ("P123456789012", "customs_code"), ("통관번호 p123456789012 입니다", "customs_code"), ("900101-1234567", "rrn"), ("카드번호 1234-5678-9012-3456", "card"), ("4111111111111111", "card"), ("공동현관 비번 1234#", "door_code"), ("현관 비밀번호는 #1234", "door_code"), ("비밀번호 abcd1234", "password"), ("비번 1234인데요", "password"),
    ],
)  # fmt: skip
def test_what_nobody_should_type_is_withheld(said: str, secret: str) -> None:
    found = [s for s in slots(said) if s.name == "sensitive"]
    assert [s.value for s in found] == [secret]
    assert set(found[0].raw) == {"•"}
    assert not names(said) & {"tracking_no", "phone", "order_id", "number", "otp"}


@pytest.mark.parametrize(
    ("said", "awaiting", "name", "value"),
    [
        ("123456", "otp", "otp", "123456"), ("123 456", "otp", "otp", "123456"), ("1 2 3 4 5 6", "otp", "otp", "123456"), ("123456이요", "otp", "otp", "123456"), ("인증번호 123456 입니다", "otp", "otp", "123456"), ("260314", "otp", "otp", "260314"), ("일이삼사오육", "otp", "otp", "123456"), ("네 123456", "otp", "otp", "123456"),
        ("010-1234-5678", "otp", "phone", "01012345678"), ("20260314-0000127", "otp", "order_id", "20260314-0000127"), ("12345", "otp", "number", "12345"), ("06236", "zipcode", "zipcode", "06236"), ("06236이요", "zipcode", "zipcode", "06236"), ("010-1234-5678", "contact", "contact", "01012345678"),
        ("260314", "order_id", "date", None), ("20260314", None, "date", None), ("260314", None, "date", None), ("991399", None, "number", "991399"),
    ],
)  # fmt: skip
def test_what_is_awaited_decides_only_after_the_shape(
    said: str, awaiting: str | None, name: str, value: str | None
) -> None:
    found = slots(said, awaiting)
    assert [s.name for s in found] == [name]
    if value is not None:
        assert found[0].value == value


@pytest.mark.parametrize(
    "said",
    [
        "3동이에요",
        "5층",
        "2개 주세요",
        "28,800원",
        "3월 14일",
        "10시에 올게요",
        "95사이즈",
        "50% 할인",
        "키 165",
        "3만원 이상",
        "2번이요",
        "101동 1203호",
    ],
)
def test_a_counted_number_is_no_identity(said: str) -> None:
    assert not names(said, "order_id_or_phone") & {"order_id", "phone", "otp", "zipcode", "tracking_no"}


@pytest.mark.parametrize("said", ["1234-5678", "010-1234", "0101234567890123", "12010-1234-5678"])
def test_part_of_a_phone_is_no_phone(said: str) -> None:
    assert "phone" not in names(said)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("김하늘이요", "김하늘"), ("김하늘", "김하늘"), ("김하늘입니다", "김하늘"), ("하늘이에요", "하늘"), ("김하늘이에요", "김하늘"), ("이민지요", "이민지"), ("이민지예요", "이민지"), ("박서준이라고 합니다", "박서준"), ("최유나인데요", "최유나"), ("김 하늘", "김하늘"), ("김 하늘이요", "김하늘"),
        ("남궁민수입니다", "남궁민수"), ("김하늘 010-0000-1234", "김하늘"), ("010-0000-1234 김하늘이요", "김하늘"), ("저는 김하늘이에요", "김하늘"), ("이름은 정다은이요", "정다은"), ("네 김하늘입니다", "김하늘"), ("John Smith", "John Smith"), ("강은", "강은"), ("고은이요", "고은"), ("이진용", "이진용"), ("한가람이에용", "한가람"), ("김소이요", "김소이"),
        ("윤아요", "윤아"), ("선우정아입니다", "선우정아"), ("황보라임다", "황보라"), ("이하이", "이하이"), ("오하영이용", "오하영"), ("김하늘 / 01012345678", "김하늘"), ("문가영님", "문가영"), ("조이고은", "조이고은"),
    ],
)  # fmt: skip
def test_a_name_is_read_while_awaited(said: str, name: str) -> None:
    assert values(said, "orderer_name", "orderer_name") == [name]


@pytest.mark.parametrize(
    "said",
    [
        "모르겠어요",
        "네",
        "상담원",
        "배송언제와요",
        "왜요",
        "취소할게요",
        "안 왔어요",
        "번호로 확인할게요",
        "아니요",
        "주문번호 알려드릴게요",
        "기억 안나요",
        "인증번호 보내주세요",
        "010-1234-5678",
        "비회원인데요",
        "그게 뭐예요",
        "잠시만요",
        "이름을 왜 물어봐요",
        "환불해주세요",
        "감사합니다",
        "어제 산 셔츠요",
        "엄마가 주문했어요",
        "말하기 싫어요",
    ],
)
def test_other_words_are_no_name(said: str) -> None:
    assert values(said, "orderer_name", "orderer_name") == []


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("주문자는 김하늘이고 번호는 010-0000-1234", "김하늘"),
        ("이름 김하늘이에요", "김하늘"),
        ("성함은 이민지입니다", "이민지"),
        ("주문자 이름: 박서준", "박서준"),
        ("주문하신분 최유나", "최유나"),
        ("제 이름은 정다은이고요 주문 확인요", "정다은"),
    ],
)
def test_a_labelled_name_needs_no_question(said: str, name: str) -> None:
    assert values(said, "orderer_name") == [name]


@pytest.mark.parametrize(
    "said",
    [
        "김하늘이요",
        "이름 바꾸고 싶어요",
        "이름을 잘못 적었어요",
        "주문자 확인 부탁드려요",
        "이름이 뭐예요",
        "상품 이름이 뭐죠",
    ],
)
def test_an_unlabelled_or_mentioned_name_is_not_read(said: str) -> None:
    assert values(said, "orderer_name") == []


def test_the_receiver_is_not_the_orderer() -> None:
    found = slots("받는 분은 이민지이고 받는 사람 번호는 010-1111-2222예요")
    assert {(s.name, s.value) for s in found} >= {("receiver_name", "이민지"), ("receiver_phone", "01011112222")}
    assert not {s.name for s in found} & {"orderer_name", "phone"}


@pytest.mark.parametrize(
    ("said", "query", "detail"),
    [
        ("서울 강남구 테헤란로 152, 11층으로 바꿔주세요", "서울 강남구 테헤란로 152", "11층"), ("서울특별시 중구 세종대로 110 3층 302호", "서울특별시 중구 세종대로 110", "3층 302호"), ("배송지 경기도 성남시 분당구 판교역로 166 카카오빌딩으로 변경", "경기도 성남시 분당구 판교역로 166", "카카오빌딩"),
        ("강남구 역삼동 737로 보내주세요", "강남구 역삼동 737", ""), ("부산 해운대구 우동 1408 101동 1203호", "부산 해운대구 우동 1408", "101동 1203호"), ("주소는 테헤란로 152예요", "테헤란로 152", ""), ("제주 서귀포시 중문관광로 72번길 75", "제주 서귀포시 중문관광로 72번길 75", ""),
        ("인천 연수구 송도과학로 32 (송도동) 테크노파크 5층", "인천 연수구 송도과학로 32", "테크노파크 5층"), ("서울시 마포구 월드컵북로 396 누리꿈스퀘어", "서울시 마포구 월드컵북로 396", ""), ("경기 가평군 설악면 신천리 12-3", "경기 가평군 설악면 신천리 12-3", ""), ("대전 유성구 대학로 99 충남대학교 정문", "대전 유성구 대학로 99", "충남대학교 정문"),
        ("주소를 서울 송파구 올림픽로 300 롯데월드타워 20층으로 바꿀게요", "서울 송파구 올림픽로 300", "롯데월드타워 20층"), ("이사했어요 강서구 화곡로 12길 34 래미안아파트 103동 502호요", "강서구 화곡로 12길 34", "래미안아파트 103동 502호"),
    ],
)  # fmt: skip
def test_an_address_is_split_into_query_and_detail(said: str, query: str, detail: str) -> None:
    assert values(said, "address_query") == [query]
    assert values(said, "address_detail") == ([detail] if detail else [])


@pytest.mark.parametrize(
    "said",
    [
        "화이트로 2개 주세요",
        "문자로 3번 왔어요",
        "사이즈로 95 주세요",
        "카드로 28800원 결제했어요",
        "그걸로 1개요",
        "L로 2장",
        "집으로 3시에 와주세요",
        "바로 2일 뒤에 와요",
        "별도로 500원 내나요",
        "서로 3개씩",
    ],
)
def test_a_particle_is_no_road(said: str) -> None:
    assert not names(said) & {"address_query"}


def test_a_zip_beside_an_address_is_taken() -> None:
    assert values("(06236) 서울 강남구 테헤란로 152", "zipcode") == ["06236"]
    assert values("서울 강남구 테헤란로 152 우편번호 06236", "zipcode") == ["06236"]


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ("101동 1203호로", "101동 1203호"),
        ("3층이요", "3층"),
        ("11층 1102호입니다", "11층 1102호"),
        ("래미안아파트 103동 502호", "래미안아파트 103동 502호"),
        ("302호", "302호"),
        ("지하 1층", "지하 1층"),
    ],
)
def test_a_detail_alone_is_read(said: str, detail: str) -> None:
    assert values(said, "address_detail", "address_detail") == [detail]


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("오늘 산 거", "2026-03-16", None), ("어제 산 거", "2026-03-15", None), ("그제", "2026-03-14", None), ("그저께 주문한 거", "2026-03-14", None), ("지난주 금요일에 산 거", "2026-03-13", None), ("지난주에 산 셔츠", "2026-03-09", "2026-03-15"), ("이번주", "2026-03-16", "2026-03-22"),
        ("이번 달에 산 거", "2026-03-01", "2026-03-31"), ("지난달 주문", "2026-02-01", "2026-02-28"), ("3일 전에 샀어요", "2026-03-13", None), ("사흘 전", "2026-03-13", None), ("이틀전 주문", "2026-03-14", None), ("일주일 전에 주문", "2026-03-08", "2026-03-10"), ("2주 전", "2026-02-27", "2026-03-05"),
        ("3월 14일", "2026-03-14", None), ("3월14일에 주문", "2026-03-14", None), ("12월 30일 주문", "2025-12-30", None), ("3/14 주문", "2026-03-14", None), ("2026.3.14 주문건", "2026-03-14", None), ("2026-03-14", "2026-03-14", None), ("26.03.14", "2026-03-14", None), ("2025년 12월 25일", "2025-12-25", None),
        ("14일에 산 거", "2026-03-14", None), ("20일에 주문한 거", "2026-02-20", None), ("14일 거", "2026-03-14", None), ("월요일에 산 거", "2026-03-09", None), ("금요일에 주문했어요", "2026-03-13", None), ("작년 12월", "2025-12-01", "2025-12-31"), ("2월 초에 산 거", "2026-02-01", "2026-02-10"), ("지난달 말에", "2026-02-21", "2026-02-28"),
        ("엊그제 산 거", "2026-03-12", "2026-03-15"), ("며칠 전에 산", "2026-03-07", "2026-03-14"), ("3월 1일부터 5일까지", "2026-03-01", "2026-03-05"), ("2월 20일~3월 2일", "2026-02-20", "2026-03-02"), ("최근 일주일", "2026-03-09", "2026-03-16"), ("최근 3개월 주문", "2025-12-16", "2026-03-16"), ("저번주 수욜에", "2026-03-09", "2026-03-15"), ("지난달 14일", "2026-02-14", None), ("어저께", "2026-03-15", None), ("2월 29일", "2024-02-29", None),
    ],
)  # fmt: skip
def test_a_date_is_read_as_kst_days(said: str, start: str, end: str | None) -> None:
    found = [s.value for s in slots(said) if s.name in ("date", "period")]
    assert len(found) == 1
    period = found[0]
    assert isinstance(period, Period)
    assert (str(period.start), str(period.end)) == (start, end or start)


@pytest.mark.parametrize(
    ("said", "start"),
    [
        ("3월 28일", "2026-03-28"),
        ("2월 1일", "2027-02-01"),
        ("금요일", "2026-03-20"),
        ("20일에 입고", "2026-03-20"),
        ("내일", "2026-03-17"),
        ("모레", "2026-03-18"),
        ("3일 뒤", "2026-03-19"),
        ("다음주 월요일", "2026-03-23"),
    ],
)
def test_restock_dates_lie_ahead(said: str, start: str) -> None:
    found = [s.value for s in slots(said, direction="future") if s.name == "date"]
    assert [str(p.start) for p in found if isinstance(p, Period)] == [start]


@pytest.mark.parametrize(
    "said", ["일주일 걸려요", "며칠 걸려요", "3일 안에 와요?", "전주 사는데요", "2.5cm 굽", "이월 상품", "3개월 할부"]
)
def test_other_time_words_are_no_day(said: str) -> None:
    assert "date" not in names(said)


def test_kst_midnight_decides_what_today_is() -> None:
    late = find_slots(normalise("오늘 산 거"), now=datetime(2026, 3, 16, 15, 0, tzinfo=UTC))
    assert isinstance(late[0].value, Period)
    assert str(late[0].value.start) == "2026-03-17"


def test_a_naive_clock_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        find_slots(normalise("오늘"), now=datetime(2026, 3, 16))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ("L 재고 있나요", ["L"]), ("M인데 L로 바꾸고 싶어요", ["M", "L"]), ("화이트로 교환 되나요", ["화이트"]), ("검정 L로 하나 주세요", ["검정", "L"]), ("95로 바꿔주세요", ["95"]), ("사이즈 100 있어요?", ["100"]), ("66사이즈요", ["66"]), ("xl 있나요", ["XL"]), ("2XL 품절인가요", ["2XL"]), ("라지 사이즈로요", ["라지"]), ("프리 사이즈인가요", ["프리"]), ("네이비색 재입고", ["네이비"]),
        ("240으로 교환할게요", ["240"]), ("검은색 없나요", ["검은색"]), ("흰 거로 주세요", ["흰"]), ("95% 할인", []), ("100개 주문", []), ("I'm here", []), ("2026-03-14", []), ("S24 케이스", []), ("그린티 있어요?", []), ("A/S 되나요", []),
    ],
)  # fmt: skip
def test_options_are_read(said: str, options: list[str]) -> None:
    assert [s.value for s in slots(said) if s.name == "option"] == options


def test_options_of_equal_meaning_fold() -> None:
    assert option_key("검정색") == option_key("black") == option_key("블랙")
    assert option_key("라지") == option_key("l") == "L"
    assert option_key("2XL") == option_key("xxl")


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("2개 주세요", 2),
        ("세 벌이요", 3),
        ("한 장만", 1),
        ("하나만 취소할게요", 1),
        ("두켤레", 2),
        ("열 개 주문", 10),
        ("3세트요", 3),
        ("둘만요", 2),
    ],
)
def test_quantities_are_counted(said: str, count: int) -> None:
    assert values(said, "quantity") == [count]


@pytest.mark.parametrize("said", ["3개월 할부", "2장바구니", "하나도 안 왔어요", "하나은행", "한 번만요", "0개"])
def test_other_count_words_are_no_quantity(said: str) -> None:
    assert values(said, "quantity") == []


@pytest.mark.parametrize(
    ("said", "types"),
    [
        ("취소할게요", ["cancel"]),
        ("반품하고 싶어요", ["return"]),
        ("교환해 주세요", ["exchange"]),
        ("환불해 주세요", ["refund"]),
        ("환뷸해주세여", ["refund"]),
        ("교환 말고 환불로 할게요", ["refund"]),
        ("반품 아니고 교환이요", ["exchange"]),
        ("재입고 알림 취소해줘", []),
        ("돌려보낼게요", ["return"]),
        ("돈으로 돌려주세요", ["refund"]),
    ],
)
def test_claim_types_are_read(said: str, types: list[str]) -> None:
    assert values(said, "claim_type") == types


@pytest.mark.parametrize(
    ("said", "reasons"),
    [("단순 변심이요", ["change_of_mind"]), ("사이즈가 안 맞아요", ["change_of_mind"]), ("불량이에요", ["defect"]), ("찢어져서 왔어요", ["defect"]), ("얼룩이 있어요", ["defect"]), ("다른 상품이 왔어요", ["wrong_item"]), ("잘못 왔어요", ["wrong_item"]), ("하나 빠졌어요", ["wrong_item"]), ("사진이랑 달라요", ["wrong_item"]), ("너무 늦어서요", ["delay"]), ("작고 올도 풀렸어요", ["change_of_mind", "defect"]), ("깨졌어요", ["defect"]), ("별로예요", ["change_of_mind"]), ("기타요", ["other"]), ("배송 조회", [])],
)  # fmt: skip
def test_claim_reasons_are_read(said: str, reasons: list[str]) -> None:
    assert values(said, "claim_reason") == reasons


@pytest.mark.parametrize(
    ("said", "name", "old", "new"),
    [
        ("010-1111-2222 말고 010-3333-4444로 보내주세요", "phone", "01011112222", "01033334444"), ("010-1111-2222 아니 010-3333-4444요", "phone", "01011112222", "01033334444"), ("010-3333-4444로 해주세요 010-1111-2222 말고", "phone", "01011112222", "01033334444"),
        ("20260314-0000127 말고 20260315-0000001이요", "order_id", "20260314-0000127", "20260315-0000001"), ("M 말고 L로 바꿔주세요", "option", "M", "L"), ("화이트로 해주세요 블랙 말고", "option", "블랙", "화이트"), ("M에서 L로 교환", "option", "M", "L"), ("반품 말고 교환이요", "claim_type", "return", "exchange"), ("블랙 대신 화이트", "option", "블랙", "화이트"), ("3층이 아니라 5층이요", "address_detail", "3층", "5층"),
    ],
)  # fmt: skip
def test_the_value_taken_back_is_marked(said: str, name: str, old: str, new: str) -> None:
    found = [s for s in slots(said) if s.name == name]
    assert {s.value: s.superseded for s in found} == {old: True, new: False}
    assert [s.value for s in settle(found, name, normalise(said))] == [new]  # type: ignore[arg-type]


def test_two_phones_without_a_word_are_left_to_ask_about() -> None:
    said = normalise("010-1111-2222 010-3333-4444")
    assert len(settle(find_slots(said, now=NOW), "phone", said)) == 2


def test_the_number_beside_the_only_verb_is_taken() -> None:
    said = normalise("20260314-0000127 받았고 20260315-0000001 취소해 주세요")
    assert [s.value for s in settle(find_slots(said, now=NOW), "order_id", said)] == ["20260315-0000001"]


def test_lead_days_are_read_when_open_or_after_restock() -> None:
    assert values("하루 전, 일주일 전", "lead_days", "lead_days") == [1, 7]
    assert values("입고 이틀 전에 문자 주세요", "lead_days") == [2]
    assert values("이틀 전에 샀어요", "lead_days") == []


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ("5점", 5),
        ("5", 5),
        ("별 다섯 개", 5),
        ("최고예요", 5),
        ("4점이요", 4),
        ("3점", 3),
        ("별로예요", 2),
        ("최악", 1),
        ("1점", 1),
        ("다섯개", 5),
        ("만점이요", 5),
        ("보통이에요", 3),
        ("네", None),
        ("6점", None),
        ("배송이 늦어요", None),
        ("★★★★★", 5),
        ("5점?", None),
    ],
)
def test_scores_are_read_while_asked(said: str, score: int | None) -> None:
    assert values(said, "score", "csat_score") == ([score] if score else [])


PRODUCTS = [
    ("어제 산 셔츠 어디쯤 왔어여", "셔츠"),
    ("린넨셔츠 L 재고 있나요", "린넨셔츠"),
    ("린넨셔츠재고있나요", "린넨셔츠"),
    ("린넨 셔츠 화이트 L은 지금 품절인가요", "린넨 셔츠"),
    ("코튼 팬츠 얼마예요", "코튼 팬츠"),
    ("이거 언제 와요", None),
    ("목걸이 반품하고 싶어요", "목걸이"),
    ("니트가디건 다시 들어오나요?", "니트가디건"),
    ("검정 슬랙스 재입고 언제해여", "슬랙스"),
    ("배송 언제와요", None),
    ("20260314-0000127 취소해주세요", None),
    ("쿠션 커버 실측 좀 알려주세요", "쿠션 커버"),
    ("지난주에 주문한 원피스 취소요", "원피스"),
    ("후드티 M인데 L로 교환되나요", "후드티"),
    ("저번주에 시킨 운동화 230 교환하고 싶은데요", "운동화"),
    ("상담원 바꿔주세요", None),
    ("화이트는 품절인가요", None),
    ("셔츠랑 바지 반품할게요", "셔츠"),
    ("욕실 매트 있어요?", "욕실 매트"),
    ("울가디건이 안 맞아요", "울가디건"),
    ("가방은 언제 와요", "가방"),
    ("모자 두 개 주문했는데요", "모자"),
    ("안녕하세요 린넨 셔츠 문의드려요", "린넨 셔츠"),
    ("반지가 작아요", "반지"),
    ("환불해주세요", None),
    ("청바지입고예정", "청바지"),
    ("양말세트 품절 풀리면 알려줘", "양말세트"),
    ("네", None),
    ("원피스요", "원피스"),
]


@pytest.mark.parametrize(("said", "phrase"), PRODUCTS)
def test_the_thing_talked_about_is_found(said: str, phrase: str | None) -> None:
    assert product_phrase(normalise(said)) == phrase


@given(st.text(max_size=80))
def test_any_text_is_read_without_a_fault(said: str) -> None:
    normal = normalise(said)
    for slot in find_slots(normal, now=NOW, awaiting=frozenset({"orderer_name", "address_query", "otp"})):
        assert 0 <= slot.span[0] < slot.span[1] <= len(normal.text)
    product_phrase(normal)
