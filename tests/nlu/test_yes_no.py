"""Answers to yes/no questions: what people type, and what must never pass for a yes to a write."""

import pytest

from sangdam.nlu import normalise, read_yes_no

YES = """네|넵|넹|네네|예|예예|응|웅|ㅇㅇ|ㅇㅋ|오케이|ok|okay|yes|OK|Yes|맞아요|맞습니다|그래요|그럼요|좋아요|좋습니다|그렇게 해주세요|진행해 주세요
해주세요|부탁해요|부탁드려요|당연하죠|옙|넵넵|네에|그럴게요|할게요|네요|네용|네염|네~|네!|네.|네ㅎㅎ|넹ㅎ|네넹|넴|웅웅|ㅇㅇㅇ|그랭|넵!!|네 ㅋㅋ|응응|네네네|네네 맞아요
네 그렇게 해주세요|네 부탁드립니다|네, 진행해 주세요|네 감사합니다|넵 부탁드려용|맞아용|좋아염|네 해주세요|네 해줘요|오키|예스|예 맞습니다|넵 그대로 해주세요|이대로 해주세요|네 이대로 진행해주세요|응 해줘|그래|그러세요
조아요|네에에|엉|네 네|넵넵넵|yep|sure|네 할게요|네 그럼요|당근이죠|네 맞아요 부탁드려요|그럼 그렇게 해주세요""".replace(
    "\n", "|"
).split("|")
LOOSE_ONLY = ["확인했어요", "ㄱㄱ", "굿", "네 확인했습니다", "ㄱㄱㄱ", "네 알겠어요", "굿굿", "네 알겠어요 해주세요"]
NO = """아니|아니요|아니오|아뇨|아녀|ㄴㄴ|노|no|nope|싫어요|됐어요|안 할래요|안 할게요|필요 없어요|다음에요|하지 마세요|취소|응 아니|틀려요|틀렸어요|아닌데요|아뇽|ㄴㄴㄴ|앙대여|아니요!|아니요ㅠㅠ|아니용|됐어요 괜찮아요
아니요 괜찮아요|아뇨 됐어요|아니 안할래|필요없어여|다음에 할게요|나중에 할게요|안해요|네 아니요|No|아뇨아뇨|싫습니다|아니요 다음에요|그만할게요|하지마세요|안돼요|별로요|아니에요|아닙니다|아니요 하지 마세요""".replace(
    "\n", "|"
).split("|")
NEITHER = """네?|예?|네…?|네 근데 배송비는요|네 맞긴 한데 주소가 달라요|네 그리고 3층으로 바꿔주세요|아니 택배가 왜 안 와요|왜요|010-1234-5678|배송 언제 와요|네 010-1234-5678이요|맞아요?|2번이요|린넨 셔츠요|상담원 연결해 주세요
네 그런데 잠깐만요|안녕하세요|네 주소도 바꿔주세요|응 근데 색은 블랙으로|반품하고 싶어요|3|네 1번|어제 산 거요|잘 모르겠어요|네 그럼 배송은 언제 돼요|네 아니 그게 아니라 5층이요|아니 5층이요""".replace(
    "\n", "|"
).split("|")


@pytest.mark.parametrize("said", YES)
def test_a_plain_yes_is_a_yes_also_to_a_write(said: str) -> None:
    assert read_yes_no(normalise(said), strict=True) == "yes"
    assert read_yes_no(normalise(said), strict=False) == "yes"


@pytest.mark.parametrize("said", LOOSE_ONLY)
def test_a_loose_yes_does_not_confirm_a_write(said: str) -> None:
    assert read_yes_no(normalise(said), strict=False) == "yes"
    assert read_yes_no(normalise(said), strict=True) != "yes"


@pytest.mark.parametrize("said", NO)
def test_a_no_is_a_no_in_both_modes(said: str) -> None:
    assert read_yes_no(normalise(said), strict=True) == "no"
    assert read_yes_no(normalise(said), strict=False) == "no"


@pytest.mark.parametrize("said", NEITHER)
def test_anything_with_more_in_it_is_neither(said: str) -> None:
    assert read_yes_no(normalise(said), strict=True) is None
    assert read_yes_no(normalise(said), strict=False) is None


@pytest.mark.parametrize("said", ["아 네", "아네", "어 네", "음 네네"])
def test_a_hesitant_yes_is_asked_again_before_a_write(said: str) -> None:
    assert read_yes_no(normalise(said), strict=False) == "yes"
    assert read_yes_no(normalise(said), strict=True) == "unclear"


@pytest.mark.parametrize("said", ["괜찮아요", "괜찮습니다", "괜찮아용", "괜찮네요"])
def test_polarity_of_the_question_decides_gwaenchanayo(said: str) -> None:
    assert read_yes_no(normalise(said), polarity="offer") == "no"
    assert read_yes_no(normalise(said), polarity="ok_check") == "yes"


def test_yes_with_gwaenchanayo_is_clear_only_when_asked_if_it_is_okay() -> None:
    said = normalise("네 괜찮아요")
    assert read_yes_no(said, polarity="ok_check") == "yes"
    assert read_yes_no(said, polarity="offer") == "unclear"


@pytest.mark.parametrize(
    ("said", "verbs"),
    [
        ("바꿔 주세요", ("바꿔",)), ("네 바꿔주세요", ("바꿔",)), ("네, 바꿔 줘요", ("바꿔",)), ("이대로 바꿔 주세요", ("바꿔",)), ("접수해 주세요", ("접수",)),
        ("네 접수할게요", ("접수",)), ("신청할게요", ("신청",)), ("신청해주세요!", ("신청",)), ("네 신청", ("신청",)), ("변경 부탁드려요", ("변경",)), ("네 변경해주세요 감사합니다", ("변경",)),
        ("네 보내주세요", ("보내",)), ("보내 주세요", ("보내",)), ("네네 접수 부탁드립니다", ("접수",)), ("그렇게 바꿔주세용", ("바꿔",)), ("반품 접수해 주세요", ("반품", "접수")),
    ],
)  # fmt: skip
def test_the_questions_own_verb_is_a_yes(said: str, verbs: tuple[str, ...]) -> None:
    assert read_yes_no(normalise(said), verbs=verbs, strict=True) == "yes"


@pytest.mark.parametrize(
    ("said", "verbs"),
    [
        ("안 바꿀래요", ("바꿀", "바꿔")),
        ("바꾸지 마세요", ("바꾸", "바꿔")),
        ("접수 안 할게요", ("접수",)),
        ("접수하지 마세요", ("접수",)),
        ("신청 안해요", ("신청",)),
    ],
)
def test_the_questions_own_verb_denied_is_a_no(said: str, verbs: tuple[str, ...]) -> None:
    assert read_yes_no(normalise(said), verbs=verbs, strict=True) == "no"


@pytest.mark.parametrize(
    "said",
    [
        "3층으로 바꿔주세요",
        "주소 바꿔 주세요 블랙으로",
        "바꿔 주세요?",
        "바꿔도 되나요",
        "다른 걸로 바꿔 주세요",
        "색상 바꿔주세요",
    ],
)
def test_the_own_verb_with_other_values_confirms_nothing(said: str) -> None:
    assert read_yes_no(normalise(said), verbs=("바꿔",), strict=True) is None


@pytest.mark.parametrize(
    "said",
    [
        "네, 취소해 주세요",
        "취소 접수해 주세요",
        "네 취소",
        "취소해주세요",
        "네 취소 접수해주세요",
        "네 취소할게요",
        "주문 취소해 주세요",
        "네 해지해 주세요",
    ],
)
def test_a_cancel_question_is_confirmed_by_its_verb(said: str) -> None:
    assert read_yes_no(normalise(said), verbs=("취소", "접수"), strict=True, cancel_question=True) == "yes"


@pytest.mark.parametrize("said", ["취소", "취소요", "취소용", "주문취소요", "취소!", "해지요"])
def test_a_bare_cancel_word_says_nothing_to_a_cancel_question(said: str) -> None:
    assert read_yes_no(normalise(said), verbs=("취소", "접수"), strict=True, cancel_question=True) == "unclear"


@pytest.mark.parametrize(
    "said", ["취소 안 할래요", "취소하지 마세요", "아니요 취소 안할게요", "아니요", "취소는 하지 말아주세요"]
)
def test_a_cancel_question_can_be_denied(said: str) -> None:
    assert read_yes_no(normalise(said), verbs=("취소", "접수"), strict=True, cancel_question=True) == "no"


def test_without_a_cancel_question_cancel_is_a_no() -> None:
    assert read_yes_no(normalise("취소할게요"), verbs=("바꿔",), strict=True) == "no"


def test_no_then_yes_is_unclear() -> None:
    assert read_yes_no(normalise("아니 네")) == "unclear"


def test_a_long_run_of_half_words_is_read_quickly() -> None:
    assert read_yes_no(normalise("해요" * 18 + "흐")) is None
    assert read_yes_no(normalise("네예응" * 12 + "흐")) is None
