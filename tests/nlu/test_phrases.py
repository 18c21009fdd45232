"""Phrases that mean the same everywhere, their exceptions, and words that only sound rude."""

import pytest

from sangdam.nlu import (
    Ground,
    abuse_level,
    gravity,
    is_complaint,
    is_filler_opening,
    is_legal_threat,
    language_of,
    normalise,
    read_global,
    strip_courtesy,
)  # fmt: skip

IDLE = Ground()
ASKED = Ground(flow_running=True, question_open=True)
YES_NO = Ground(flow_running=True, question_open=True, asks_yes_no=True)
CANCELLING = Ground(flow_running=True, question_open=True, asks_yes_no=True, cancel_question=True)


def kind(said: str, ground: Ground = ASKED) -> str | None:
    found = read_global(normalise(said), ground)
    return found.kind if found else None


PERSON = """상담원|상담원이요|상담원 연결|상담원 연결해 주세요|상담원 바꿔주세요|상담사 연결 부탁드려요|사람이랑 얘기할래요|직원 좀 바꿔줘요|기계 말고 진짜 상담사요|통화되는 분 없나요|상담언연결|전화 주세요|담당자 연결해주세요
담당자랑 통화하고 싶어요|사람 불러주세요|사람 연결|안녕하세요 상담원이요|상담원님 계신가요|상담원 나와라|상담원!!!|직원 불러줘|그냥 사람 바꿔줘요|봇 말고 사람이요|human please|I want to talk to a person|speak to an agent|agent|상담직원 연결요|통화 가능할까요|전화상담 원해요|상담원좀|상담원으로 연결해줘
진짜 너무 답답하네요 상담원 바꿔주세요|AI 말고 사람이랑 대화하고 싶어요|빨리 상담원 연결|전화 연결해 주세요|다른 상담원이요|상담원하고 얘기할게요|매니저 바꿔요|직원이랑 통화할수있나요""".replace(
    "\n", "|"
).split("|")
NOT_PERSON = """받는 사람 바꿔 주세요|받는분 변경이요|보내는 사람 이름 바꿔주세요|주문한 사람 연락처로 보내주세요|담당자가 불친절해요|배송 전에 전화 주세요|상담 시간이 언제예요|고객센터 번호 알려주세요|두 사람이 입을 거예요|사람 모양 인형 있어요?|받는 사람 전화번호 변경
상담원 말고 그냥 여기서 할게요|전화번호 바뀌었어요|직원 할인 되나요|도착하면 전화 주세요|받을 담당자 바꿔주세요|기사님이 전화를 안 받아요|주문한 사람은 저예요|전화 연결이 안 돼요 하루종일|직원이 전화를 그냥 끊어버렸어요|지금 사람이랑 대화하는 거예요?|물건 오면 전화 주세요|전화 상담은 몇 시부터예요|통화 연결이 하루종일 안 됩니다""".replace(
    "\n", "|"
).split("|")


MORE_PERSON = [
    "책임자 바꿔주세요",
    "고객센터 연결해줘",
    "콜백 부탁드려요",
    "전화로 얘기하고 싶습니다",
    "상닫원 연결",
    "상담원이랑 할게요",
    "연락 부탁드립니다",
    "상담 연결 좀",
    "상담원 소환",
    "통화하면 안 될까요",
]


@pytest.mark.parametrize("said", PERSON + MORE_PERSON)
@pytest.mark.parametrize("ground", [IDLE, ASKED, YES_NO])
def test_a_person_is_asked_for_in_every_state(said: str, ground: Ground) -> None:
    assert kind(said, ground) == "person"


@pytest.mark.parametrize("said", NOT_PERSON)
def test_a_person_only_mentioned_is_not_asked_for(said: str) -> None:
    assert kind(said) != "person"


@pytest.mark.parametrize(
    "said",
    [
        "그만",
        "그만할게요",
        "그만둘게요",
        "아니 그냥 그만할래요",
        "방금 그거 취소",
        "안 할래요",
        "나중에 할게요",
        "나중에요",
        "취소",
        "취소요",
        "관둘게요",
        "stop",
        "그만요",
        "안할게요",
    ],
)
def test_the_running_flow_is_left(said: str) -> None:
    assert kind(said, ASKED) == "cancel_flow"


@pytest.mark.parametrize(
    "said",
    [
        "알림 그만 받을래요",
        "입고 문자 그만 보내요",
        "주문 취소할게요",
        "취소하면 돈은 언제 들어와요",
        "취소 부탁드려요",
        "나중에 들어오나요",
    ],
)
def test_a_request_that_holds_a_stop_word_does_not_stop_the_flow(said: str) -> None:
    assert kind(said, ASKED) != "cancel_flow"


def test_cancel_alone_without_a_flow_is_left_to_the_intents() -> None:
    assert kind("취소", IDLE) is None


def test_cancel_alone_on_a_yes_no_question_is_left_to_the_yes_no_reader() -> None:
    assert kind("취소", CANCELLING) is None
    assert kind("취소", YES_NO) is None
    assert kind("안 할래요", YES_NO) is None


def test_dwaesseoyo_leaves_only_when_no_question_is_open() -> None:
    assert kind("됐어요", IDLE) == "cancel_flow"
    assert kind("됐어요", ASKED) is None


@pytest.mark.parametrize(
    "said",
    [
        "처음으로",
        "처음부터",
        "처음부터 다시 할게요",
        "메뉴",
        "메뉴 보여줘",
        "처음으로 돌아가주세요",
        "다시 처음부터요",
        "메인으로",
        "리셋",
    ],
)
def test_restart_is_read(said: str) -> None:
    assert kind(said) == "restart"


@pytest.mark.parametrize(
    "said", ["처음부터 사이즈가 작게 왔어요", "처음 주문인데 할인 있나요", "처음부터 불량이었어요"]
)
def test_a_sentence_with_from_the_start_is_not_restart(said: str) -> None:
    assert kind(said) is None


@pytest.mark.parametrize(
    "said",
    [
        "네?",
        "예?",
        "네…?",
        "뭐라고요",
        "뭐라고요?",
        "다시 말해줘",
        "다시 말씀해 주세요",
        "다시 한번 말해주세요",
        "한번 더 말해주세요",
        "무슨 말이에요?",
        "?",
        "??",
        "엥?",
        "못 봤어요",
        "이해가 안 돼요",
        "again please",
    ],
)
def test_repeat_is_read(said: str) -> None:
    assert kind(said) == "repeat"
    assert kind(said, YES_NO) == "repeat"


@pytest.mark.parametrize("said", ["다시 보내주세요", "언제 다시 들어와요?", "다시 입력할게요", "문자 다시 보내줘요"])
def test_again_for_something_else_is_not_repeat(said: str) -> None:
    assert kind(said) != "repeat"


@pytest.mark.parametrize(
    "said",
    [
        "왜요",
        "왜요?",
        "왜 필요해요?",
        "그건 왜요?",
        "그게 왜 필요해요",
        "왜 물어봐요",
        "번호는 왜요?",
        "이유가 뭐예요",
        "인증은 왜 해야 해요",
        "어디에 쓰나요",
        "왜 인증번호가 필요해요?",
        "why?",
    ],
)
def test_why_is_read(said: str) -> None:
    assert kind(said) == "why"


@pytest.mark.parametrize(
    "said",
    [
        "왜 안 와요",
        "왜 이렇게 늦어요",
        "왜 취소됐어요?",
        "왜 마음대로 취소하셨어요",
        "쿠폰이 왜 안 써져요",
        "아니 택배가 왜 안 와요",
        "왜 아직도 배송준비중이에요",
        "어디에 쓰는 물건이에요",
    ],
)
def test_why_with_a_subject_is_a_request(said: str) -> None:
    assert kind(said) is None


@pytest.mark.parametrize(
    "said",
    [
        "잠깐만요",
        "잠시만요",
        "잠깐",
        "잠만요",
        "찾아볼게요",
        "주문번호 찾아볼게요",
        "네 잠시만요",
        "기다려 주세요",
        "확인해볼게요",
        "번호 찾아보고 올게요",
        "wait",
        "hold on",
        "ㄱㄷ",
        "아 잠깐만요ㅠㅠ",
    ],
)
def test_wait_is_read(said: str) -> None:
    assert kind(said) == "wait"


@pytest.mark.parametrize(
    "said", ["얼마나 기다려야 돼요", "주문 확인해주세요", "일주일째 기다리고 있어요", "배송 조회 확인해볼 수 있나요"]
)
def test_waiting_told_is_not_wait(said: str) -> None:
    assert kind(said) != "wait"


@pytest.mark.parametrize("said", ["종료", "종료할게요", "끝낼게요", "나갈게여", "상담 종료", "bye"])
def test_end_is_read_even_over_an_open_question(said: str) -> None:
    assert kind(said, ASKED) == "end"


@pytest.mark.parametrize(
    "said",
    [
        "끝",
        "이만",
        "수고하세요",
        "이제 없어요",
        "더 물어볼 거 없습니다",
        "네 수고하세요",
        "이만 갈게요",
        "감사합니다 수고하세요",
    ],
)
def test_quiet_goodbyes_end_only_without_a_question(said: str) -> None:
    assert kind(said, IDLE) in ("end", "thanks") if said.startswith("감사") else kind(said, IDLE) == "end"
    assert kind(said, ASKED) != "end"


@pytest.mark.parametrize(
    "said",
    [
        "안녕하세요",
        "안녕하세요~",
        "ㅎㅇ",
        "저기요",
        "여보세요?",
        "하이",
        "hello",
        "뭐 좀 여쭤볼게요",
        "안녕하세요 문의드려요",
        "안녕하세여",
        "질문있어요",
    ],
)
def test_greetings_are_read(said: str) -> None:
    assert kind(said, IDLE) == "greeting"


@pytest.mark.parametrize("said", ["안녕하세요 취소하려고요", "안녕하세요 배송 언제 와요", "저기요 환불해주세요"])
def test_a_greeting_with_a_request_is_not_just_a_greeting(said: str) -> None:
    assert kind(said, IDLE) is None


@pytest.mark.parametrize(
    "said",
    [
        "감사합니다",
        "고마워요~",
        "넵 감사해요",
        "친절하시네요",
        "ㄳㄳ",
        "땡큐",
        "도움 됐어요",
        "네 감사합니다!",
        "정말 감사드려요",
        "ㄱㅅ",
    ],
)
def test_thanks_are_read(said: str) -> None:
    assert kind(said, IDLE) == "thanks"


def test_yes_with_thanks_to_a_question_stays_a_yes() -> None:
    assert kind("네 감사합니다", YES_NO) is None


@pytest.mark.parametrize("said", ["감사한데 주소도요", "감사합니다 근데 배송은 언제요"])
def test_thanks_with_a_request_is_not_just_thanks(said: str) -> None:
    assert kind(said, IDLE) is None


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   ",
        "ㅋㅋ",
        "ㅋㅋㅋㅋㅋ",
        "ㅠㅠ",
        "👍",
        "😀😀",
        "...",
        "음",
        "음...",
        "아하",
        "그렇군요",
        "헐",
        "오",
        "ㅎㅎ",
        "와",
    ],
)
def test_back_channel_is_nothing(said: str) -> None:
    assert kind(said, ASKED) == "nothing"


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("영어로 해주세요", "en"),
        ("English please", "en"),
        ("Can you speak English?", "en"),
        ("영어로 상담 가능한가요?", "en"),
        ("한국어로 해줘", "ko"),
        ("Korean please", "ko"),
        ("영어로 말해주세요", "en"),
    ],
)
def test_a_language_is_asked_for(said: str, language: str) -> None:
    found = read_global(normalise(said), IDLE)
    assert found is not None
    assert found.kind == "language"
    assert found.language == language


RUDE = [
    ("시발 뭐하는거야", 1),
    ("씨발", 1),
    ("ㅅㅂ 진짜", 1),
    ("존나 늦네", 1),
    ("지랄하네", 1),
    ("꺼져", 1),
    ("닥쳐", 1),
    ("개같네 진짜", 1),
    ("아 시발 택배 언제와", 1),
    ("ㅆㅂ", 1),
    ("씨이발", 0),
]
INSULTS = [
    ("야 이 새끼야", 2),
    ("병신", 2),
    ("ㅂㅅ이냐", 2),
    ("미친놈들아", 2),
    ("멍청한 깡통", 2),
    ("개새끼", 2),
    ("너 같은 건 없애야 돼", 2),
    ("쓰레기같은 회사네", 2),
    ("또라이 아니야", 2),
    ("야이 씨발새끼야", 2),
    ("fuck you", 2),
]
THREATS = [
    ("죽여버린다", 3),
    ("찾아가서 가만 안 둔다", 3),
    ("불 질러 버릴거야", 3),
    ("죽여 버릴 거야 진짜", 3),
    ("칼 들고 찾아간다", 3),
]
CLEAN = """욕실 매트 있어요?|의욕이 없네요|시발점이 어디예요|새끼손가락 반지 있나요|개나리색 있어요?|왜 이렇게 늦어요!!|다시발송해주세요|다시 발송 부탁드려요|역시 발이 편해요|화면이 꺼져요|전원이 자꾸 꺼져요|칼로 뜯다가 옷이 찢어졌어요|일 처리가 너무 답답해요|짜증나네요 진짜|아기 새끼오리 인형|보지 못했어요
확인해 보지 않았어요|장난감 칼로 된 거|강아지 새끼용 사료|시바견 인형 재고|미친 듯이 기다렸어요|새끼고양이 장난감|1년 이년 전에 산 거|택배 죽여주게 빨리 왔네요|병신년 달력|폭탄세일 언제 해요|욕조 커버|이 년 전 주문|쌍둥이 옷 있어요?|신발 사이즈 문의|다 시발송이에요?|자지 않고 기다렸어요|개새우 있나요|미친 가격이네요|식칼 세트 있어요|가죽여성지갑|발이 시려요|십팔 사이즈|칼로리 표시|302호가 아니라 203호로 정정해 주세요|101동 1203호로 고쳐 주세요|반지 13호로 교환하고 싶어요|뚝배기 있어요?|돌 반지 있나요|망할까 봐 걱정이에요|가스 폭파 방지 밸브|이불이 나빠요|거지 같아 보여요 색이""".replace(
    "\n", "|"
).split("|")


@pytest.mark.parametrize(("said", "level"), RUDE + INSULTS + THREATS)
def test_rude_words_have_a_level(said: str, level: int) -> None:
    assert abuse_level(normalise(said)) == level


@pytest.mark.parametrize("said", CLEAN)
def test_words_that_only_sound_rude_are_clean(said: str) -> None:
    assert abuse_level(normalise(said)) == 0


def test_abuse_does_not_hide_the_wish_for_a_person() -> None:
    assert kind("야 시발 상담원 바꿔") == "person"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("소비자원에 신고할게요", "legal"), ("고소하겠습니다", "legal"), ("변호사 통해서 연락드릴게요", "legal"), ("법적 조치 하겠습니다", "legal"), ("경찰에 신고합니다", "legal"), ("내용증명 보낼게요", "legal"),
        ("이거 사기 아니에요?", "fraud"), ("사기꾼들", "fraud"), ("먹튀네요", "fraud"), ("계정이 해킹당했어요", "fraud"), ("제가 결제 안했는데 결제됐어요", "fraud"), ("카드를 도용당했어요", "fraud"),
        ("바르고 두드러기가 났어요", "safety"), ("컵이 깨져서 손을 베였어요", "safety"), ("충전하다 불이 났어요", "safety"), ("애가 다쳤어요", "safety"), ("죽고 싶어요", "safety"),
        ("문화상품권으로 결제돼요?", None), ("전화 상담 원해요", None), ("일부 상품만 먼저 온 거 맞죠?", None), ("딸기 두 상자 살라 카는데", None), ("시발 진짜", None), ("땅콩 들어있나요 알레르기가 있어서요", None), ("커피가 나왔어요", None), ("이불이 나서 추워요", None), ("현금영수증 신고 되나요", None), ("옷 사기 전에 물어볼게요", None), ("사기 힘드네요", None), ("배송 언제 와요", None), ("법적으로 며칠까지 반품돼요", None), ("분실 신고 했어요", None), ("사기로 했어요", None),
    ],
)  # fmt: skip
def test_words_that_need_a_person_are_found(said: str, expected: str | None) -> None:
    assert gravity(normalise(said)) == expected
    assert is_legal_threat(normalise(said)) == (expected is not None)


@pytest.mark.parametrize(
    "said",
    [
        "너무 답답해요",
        "왜 이렇게 늦어요",
        "몇 번째 말하는 거예요",
        "짜증나요",
        "진짜 어이없네요",
        "세 번째 말씀드려요",
        "도대체 언제 와요",
    ],
)
def test_displeasure_is_noticed(said: str) -> None:
    assert is_complaint(normalise(said))


@pytest.mark.parametrize("said", ["배송 언제 와요", "환불해 주세요", "별로 안 급해요", "린넨 셔츠 있나요"])
def test_a_plain_question_is_no_displeasure(said: str) -> None:
    assert not is_complaint(normalise(said))


@pytest.mark.parametrize(
    "said",
    [
        "아니 택배가 왜 안 와요",
        "아니 근데 언제 와요?",
        "아 진짜 왜 이렇게 늦어요",
        "아니 도대체 몇 번을 말해요",
        "아니 환불은 언제 돼요?",
    ],
)
def test_an_opening_ani_before_a_complaint_is_filler(said: str) -> None:
    assert is_filler_opening(normalise(said))


@pytest.mark.parametrize("said", ["아니요", "아니 5층이요", "아니 블랙으로요", "아니 010-1234-5678이요"])
def test_an_ani_with_a_value_is_not_filler(said: str) -> None:
    assert not is_filler_opening(normalise(said))


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("안녕하세요 환불해 주세요 감사합니다", "환불해 주세요"),
        ("안녕하세요~ 수고하십니다 배송 언제와요?", "배송 언제와요?"),
        ("네 감사합니다", "네"),
        ("감사한데 주소도요", "감사한데 주소도요"),
        ("안녕하세요", ""),
    ],
)
def test_courtesy_is_taken_off(said: str, rest: str) -> None:
    assert strip_courtesy(normalise(said)) == rest


@pytest.mark.parametrize(
    ("said", "language"),
    [("배송 언제 와요", "ko"), ("Where is my order?", "en"), ("XL 재고 있나요", "ko"), ("ok", None), ("L", None), ("010-1234-5678", None), ("配送はいつですか", "other"), ("¿Dónde está mi pedido?", "other"), ("Когда доставка", "other"), ("order 20260314-0000127 please", "en"), ("ㅇㅇ", "ko")],
)  # fmt: skip
def test_the_language_of_a_message_is_told(said: str, language: str | None) -> None:
    assert language_of(normalise(said)) == language
