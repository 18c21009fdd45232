"""Corrections and the small readers beside an open question."""

import pytest

from sangdam.nlu import expected as ask
from sangdam.nlu import normalise, read_correction


@pytest.mark.parametrize(
    ("said", "marker", "old", "new"),
    [
        ("아니 5층이요", "not", None, "5층"), ("아니요 101동이요", "not", None, "101동"), ("아 아니 블랙으로요", "not", None, "블랙"), ("3층이 아니라 5층이요", "not", "3층", "5층"), ("그게 아니라 환불이요", "not", None, "환불"), ("블랙 말고 화이트로 해주세요", "instead", "블랙", "화이트"),
        ("화이트로 해 주세요 블랙 말고", "instead", "블랙", "화이트"), ("반품 말고 교환이요", "instead", "반품", "교환"), ("아니 010-1234-5678이요", "not", None, "010-1234-5678"), ("첫번째 말고 두번째요", "instead", "첫번째", "두번째"), ("그 주소 말고 테헤란로 152로 바꿔주세요", "instead", "그 주소", "테헤란로 152"),
        ("잘못 골랐어요", "wrong", None, None), ("주문 잘못 선택했어요", "wrong", None, None), ("번호가 틀렸어요", "wrong", None, None), ("오타예요", "wrong", None, None), ("다시 입력할게요", "again", None, None), ("다시 고를게요", "again", None, None), ("정정할게요", "fix", None, None), ("아 수정할게요 302호예요", "fix", None, "302호"), ("아니 그게 아니라 5층이요", "not", None, "5층"),
        ("M 대신 L이요", "instead", "M", "L"), ("아 참 주소는 302호예요", "not", None, "주소는 302호"),
    ],
)  # fmt: skip
def test_a_correction_names_what_is_old_and_what_is_new(
    said: str, marker: str, old: str | None, new: str | None
) -> None:
    normal = normalise(said)
    found = read_correction(normal)
    assert found is not None
    assert found.marker == marker
    assert (normal.text[slice(*found.old)] if found.old else None) == old
    got = normal.text[slice(*found.new)] if found.new else None
    assert got == new


@pytest.mark.parametrize(
    "said",
    [
        "아니 택배가 왜 안 와요",
        "아니요",
        "아니",
        "네",
        "배송 언제 와요",
        "언제 다시 들어와요?",
        "다시 말해주세요",
        "다시 보내주세요",
        "아니 근데 언제 와요?",
        "린넨 셔츠 재고 있나요",
        "20260314-0000127",
        "반품하고 싶어요",
        "ㄴㄴ",
        "아니요 괜찮아요",
        "아니 상담원 바꿔요",
        "배송지 바꿔주세요",
        "기계 말고 진짜 상담사요",
        "나 대신 주문 좀 해줘요",
        "아무것도 아니에요",
        "이거 사기 아니에요?",
        "사람 놀리는 것도 아니고 언제 보내는데요",
        "앗 감사합니다",
        "다름이 아니라 주문한 물건이 안 와서요",
    ],
)
def test_other_messages_correct_nothing(said: str) -> None:
    assert read_correction(normalise(said)) is None


def check(reader: object, yes: list[str], no: list[str]) -> None:
    assert callable(reader)
    assert [said for said in yes if not reader(normalise(said))] == []
    assert [said for said in no if reader(normalise(said))] == []


def test_a_resend_is_wished() -> None:
    check(
        ask.wants_resend,
        [
            "다시 보내주세요",
            "안 와요",
            "안왔어요",
            "재전송",
            "재전송 해주세요",
            "문자가 안 와요",
            "인증번호 안왔는데요",
            "아직 안 왔어요ㅠ",
            "한번 더 보내줘요",
            "못 받았어요",
            "코드 다시요 다시 전송",
            "resend",
            "재발송 부탁드려요",
            "번호가 안 떠요",
            "문자 도착 안 했어요",
        ],
        ["택배가 안 왔어요", "배송 다시 보내주세요", "123456", "네", "상담원", "환불 언제 와요"],
    )


def test_another_number_is_wished() -> None:
    check(
        ask.wants_other_number,
        [
            "다른 번호로 할게요",
            "번호 바꿀게요",
            "번호 잘못 적었어요",
            "번호 틀렸어요",
            "딴 번호로 보내주세요",
            "잘못 입력했어요",
            "새 번호로 받을게요",
            "different number",
        ],
        ["배송지 바꿔주세요", "안 왔어요", "네", "다른 색 있나요"],
    )


def test_a_phone_is_missing() -> None:
    check(
        ask.no_phone,
        [
            "휴대폰 없어요",
            "번호가 바뀌었어요",
            "폰을 잃어버렸어요",
            "핸드폰 고장났어요",
            "예전 번호 안 써요",
            "문자 못 받아요",
            "해외라 문자 안 와요",
            "전화번호가 변경됐어요",
            "폰번호 해지했어요",
            "no phone",
        ],
        ["010-1234-5678", "번호 알려드릴게요", "재고 없어요?", "네"],
    )


def test_a_value_is_not_known() -> None:
    check(
        ask.dont_know,
        [
            "모르겠어요",
            "주문번호 몰라요",
            "기억 안나요",
            "까먹었어요",
            "주문번호가 뭐예요",
            "잊어버렸어요",
            "몰루",
            "주문번호 없어요",
            "어디서 봐요?",
            "I don't know",
            "주문번호 어디 있어요",
            "모름",
            "생각이 안 나요",
        ],
        ["20260314-0000127", "네", "010-1234-5678", "배송 조회요", "셔츠요"],
    )


def test_a_question_is_skipped() -> None:
    check(
        ask.skip,
        [
            "건너뛰기",
            "건너뛸게요",
            "패스",
            "스킵할게요",
            "넘어갈게요",
            "없어요",
            "skip",
            "딱히 없어요",
            "그냥 넘어가주세요",
        ],
        ["배송이 느렸어요", "상담원이 불친절", "없어진 상품이 있어요", "네"],
    )


def test_a_code_is_asked_for() -> None:
    check(
        ask.asks_for_code,
        [
            "인증번호 보내주세요",
            "인증번호 받을게요",
            "문자 보내주세요",
            "코드 보내줘",
            "인증할게요",
            "인증번호 주세요",
            "본인인증 할게요",
            "send me the code",
            "인증 문자 발송해주세요",
        ],
        ["인증번호가 왜 필요해요", "인증번호 보내지 마세요", "인증번호 안 보내도 돼요", "010-1234-5678", "네"],
    )


def test_there_is_no_detail() -> None:
    check(
        ask.none_detail,
        ["없음", "없어요", "상세주소 없어요", "없습니다", "단독주택이에요", "따로 없어요", "그게 다예요", "none"],
        ["101동 1203호", "3층", "없는 번호래요", "네"],
    )
