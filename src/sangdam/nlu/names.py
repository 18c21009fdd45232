"""Whose name a message gives. A name is read only after a label or while one is awaited: any two syllables could be one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sangdam.nlu.jamo import final_of, has_final
from sangdam.nlu.normal import Span


@dataclass(frozen=True, slots=True)
class Name:
    """value: without ending. receiver: the label says it is who receives, not who ordered."""

    value: str
    span: Span
    labelled: bool
    receiver: bool


_LABEL = re.compile(
    r"(?P<receiver>(?:받는|받을|받으실|받으시는)\s?(?:사람|분)(?:\s?이름)?|수령[인자](?:명|\s?이름)?|수취인(?:명)?)|(?P<orderer>주문자\s?(?:명|이름|성함)?|주문하신\s?분|주문한\s?(?:사람|분)|구매자\s?(?:명)?|이름|성함|성명|my\s?name\s?is|name\s?is|name)"
)
_LINK = re.compile(r"(?:은|는|이|가|을|를)?\s*[:=\-]?\s*(?=[가-힣A-Za-z])")
_OBJECT = re.compile(r"\s*(?:을|를)\s")
_WORD = re.compile(r"[가-힣]{2,14}")
_LATIN = re.compile(r"[A-Za-z][A-Za-z.\-']*(?:\s[A-Za-z][A-Za-z.\-']*){0,3}")
_ENDINGS = re.compile(
    r"(?:(?:입니다|임니다|입니당|이라고(?:합니다|해요|해여|요)?|이라구요?|이에요|이예요|예요|에요|여요|이여요|인데요?|이고요?|이구요?|이며|이요|이용|이염|이여|라고(?:합니다|해요|요)?|고요|구요|이에용|예용|임다|이랍니다|이야|임|님|씨|으로|이름|요|용|염|여|고|로|이))$"
)
# Only after a final consonant does 이 belong to the ending: 김하늘이요, but 김소이 + 요.
_NEEDS_FINAL = frozenset(
    {
        "이라고",
        "이라고합니다",
        "이라고해요",
        "이라고해여",
        "이라고요",
        "이라구",
        "이라구요",
        "이에요",
        "이예요",
        "이고",
        "이고요",
        "이구",
        "이구요",
        "이며",
        "이요",
        "이용",
        "이염",
        "이여",
        "이여요",
        "이에용",
        "이랍니다",
        "이야",
        "이",
        "으로",
    }
)
_SURNAMES = frozenset(
    "김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구민진나엄원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부가복태목형피두감음빈동온호범좌팽승간견당화창"
)
_TWO_SURNAMES = ("남궁", "황보", "제갈", "선우", "독고", "사공", "서문", "동방")
_NOT_NAME = re.compile(
    r"배송|주문|취소|환불|교환|반품|언제|어디|어떻|어떡|번호|인증|상담|연락|전화|문자|없|모르|몰라|해주|주세|하세|싶|할래|할게|할께|아니|아뇨|네네|그냥|여기|저기|지금|방금|확인|변경|수정|입력|바꾸|바꿔|다르|틀렸|틀려|뭐|무슨|얼마|사람|직원|이름|성함|본인|주소|송장|택배|결제|입금|계좌|카드|쿠폰|상품|사이즈|재고|품절|입고|알림|문의|질문|안녕|감사|고맙|죄송|미안|필요|괜찮|좋아|싫어|맞아|맞습|됐|그만|처음|다시|나중|잠깐|잠시|기다|오늘|어제|내일|아까|비회원|회원|엄마|아빠|남편|아내|친구|동생|언니|누나|오빠|가족|저는|제가|나는|내가|우리|저희|빨리|급해|안와|안왔|안돼|안되|왜|보내|해요|하나|전부|모두|이거|그거|저거|이건|그건|뭔|까먹|잊어|기억|오케이|물어|궁금|환뷸|검색|조회|알려|적어|쓰|말고|말씀|한글|영어|기능|가능|동일|같아|같은|하지|한다|했|합니|습니|까요|나요|는데|을까|인가|근데|그런|그래|그럼|글쎄|음음|옵션|색상|가격|무료|할인|셔츠|팬츠|바지|원피스|자켓|코트|니트|신발|가방|익명|가명|스토어|상점|쇼핑|네이버|카카오|휴대|핸드|폰번|안내|도와|부탁|바랍|끝|종료|이만|수고|혹시|이미|아직|자꾸|계속|인데|비회원"
)
_WHOLE_NOT_NAME = frozenset(
    {
        "네", "넵", "예", "응", "아니", "아니오", "노노", "하이", "여보", "몰루", "비밀", "나요", "저요", "그게", "이게", "저기", "거기",
        "정말", "진짜", "제발", "무응답", "패스", "스킵", "다음", "이전", "메뉴", "도움", "기타", "상관", "글쎄", "있어", "있음", "오류", "에러", "헐",
    }
)  # fmt: skip
_LATIN_STOP = re.compile(
    r"\b(?:no|yes|ok|okay|please|human|agent|order|what|why|where|when|how|is|the|my|i|you|don|dont|know|english|korean|cancel|refund|help|hello|hi|thanks|code|phone|number|and|stop|menu)\b",
    re.IGNORECASE,
)


def find_names(text: str, taken: Sequence[Span], *, awaiting: bool) -> list[Name]:
    """Names in the text. taken: stretches already read as something else."""
    found: list[Name] = []
    for label in _LABEL.finditer(text):
        named = _after_label(text, label)
        if named is not None:
            found.append(Name(named[0], named[1], labelled=True, receiver=label["receiver"] is not None))
    if found or not awaiting:
        return found
    alone = _alone(text, taken)
    return [Name(alone[0], alone[1], labelled=False, receiver=False)] if alone else []


def _after_label(text: str, label: re.Match[str]) -> tuple[str, Span] | None:
    if _OBJECT.match(text, label.end()):
        return None
    link = _LINK.match(text, label.end())
    if link is None or (link.end() == label.end() and label.group().endswith(("분", "사람"))):
        return None  # 주문한 사람인데: a person is mentioned, not named
    word = _WORD.match(text, link.end())
    if word is not None:
        spaced = _spaced_name(text, word)
        if spaced is not None:
            return spaced
        value = plain_name(word.group())
        if value is None:
            return None
        return value, (word.start(), word.start() + len(value))
    latin = _LATIN.match(text, link.end())
    if latin is None or _LATIN_STOP.search(latin.group()) or not 2 <= len(latin.group()) <= 30:
        return None
    return latin.group(), latin.span()


_SPACED = re.compile(r"([가-힣]{1,2})\s([가-힣]{1,8})(?![가-힣])")


def _spaced_name(text: str, word: re.Match[str]) -> tuple[str, Span] | None:
    """'김 하늘' typed with a space."""
    m = _SPACED.match(text, word.start())
    if m is None or (m[1] not in _SURNAMES and m[1] not in _TWO_SURNAMES):
        return None
    given = plain_name(m[2], given=True)
    if given is None:
        return None
    return m[1] + given, (m.start(), m.start(2) + len(given))


def _alone(text: str, taken: Sequence[Span]) -> tuple[str, Span] | None:
    """A name that is the whole message, numbers and courtesy apart."""
    pieces: list[tuple[int, int]] = []
    at = 0
    for start, end in sorted(taken):
        pieces.append((at, start))
        at = max(at, end)
    pieces.append((at, len(text)))
    words: list[re.Match[str]] = []
    for start, end in pieces:
        words.extend(_TOKEN.finditer(text, start, end))
    words = [w for w in words if not _FILLER_WORD.fullmatch(w.group())]
    if not words or len(words) > 3:
        return None
    first = words[0]
    if first.group().isascii():
        latin = _LATIN.match(text, first.start())
        if latin is None or len(latin.group().split()) < len(words) or not 2 <= len(latin.group()) <= 30:
            return None
        return None if _LATIN_STOP.search(latin.group()) else (latin.group(), latin.span())
    if len(words) == 2 and words[0].end() + 1 == words[1].start():
        m = _SPACED.match(text, words[0].start())
        if m and (m[1] in _SURNAMES or m[1] in _TWO_SURNAMES):
            given = plain_name(m[2], given=True)
            if given is not None and len(given) <= 3:
                return m[1] + given, (m.start(), m.start(2) + len(given))
    if len(words) > 1:
        # Beside a number one full name may stand among other words: 비회원이고 010… 서지호예요.
        words = [w for w in words if (name := plain_name(w.group())) and len(name) == 3 and name[0] in _SURNAMES]
        if not taken or len(words) != 1:
            return None
    value = plain_name(words[0].group())
    if value is None:
        return None
    return value, (words[0].start(), words[0].start() + len(value))


_TOKEN = re.compile(r"[가-힣]+|[A-Za-z][A-Za-z.\-']*")
_FILLER_WORD = re.compile(
    r"네|넵|아|음|저|저는|전|제|제가|이름은|번호는|번호|폰번호는|전화번호는|연락처는|휴대폰은|그리고|이고|이요|요|입니다|이에요|예요|에요|로|으로|주문했어요|주문했습니다|했어요|안녕하세요|감사합니다|은|는|인데요|폰|번이요|번입니다|이름|성함은|주문자는|주문자|고요|구요|이구요|이고요|연락처|전화번호|폰번호|전번|핸드폰|휴대폰|님|씨|라고|이라고|합니다|해요"
)


def plain_name(word: str, *, given: bool = False) -> str | None:
    """The name in one Hangul word without its ending: '김하늘이에요' → '김하늘'. None when the word is no name."""
    if word in _WHOLE_NOT_NAME:
        return None
    stem = word
    for _ in range(2):
        cut = _ENDINGS.search(stem)
        if cut is None:
            break
        shorter = _cut(stem, cut, given=given)
        if shorter is None:
            break
        stem = shorter
    if not (1 if given else 2) <= len(stem) <= 10 or stem in _WHOLE_NOT_NAME:
        return None
    if _NOT_NAME.search(stem) or any(final_of(char) in ("ㅆ", "ㅄ", "ㄶ", "ㄺ") for char in stem):
        return None
    if len(stem) >= 5 and not stem.startswith(_TWO_SURNAMES) and re.search(r"[는은을를에]", stem[1:]):
        return None
    return stem


def _cut(stem: str, ending: re.Match[str], *, given: bool) -> str | None:
    """The stem before an ending, or None when the syllables belong to the name."""
    tail, rest = ending.group(), stem[: ending.start()]
    if len(rest) < (1 if given else 2):
        return None
    if tail in _NEEDS_FINAL and rest and not has_final(rest[-1]):
        if len(rest) >= 3 and tail != "이":
            return rest  # 이민지이고: misspelt, but three syllables are a name
        # 이 is the name's last syllable (김소이요); what follows it is the ending.
        kept = rest + "이"
        return kept if tail.startswith("이") and tail != "이" and len(kept) <= 4 else None
    if tail in ("이", "임", "고", "로", "여", "용", "염", "씨", "님", "으로", "이여", "이용"):
        # A name may end so (하은이, 민여, 이진용); a full three syllables with a surname are left whole.
        if tail in ("님", "씨", "으로"):
            return rest
        if len(stem) <= 3 and (stem[0] in _SURNAMES or given):
            return None
        return rest if len(rest) >= 3 else None
    if (
        tail in ("예요", "에요", "여요", "라고", "예용", "고요", "구요", "라고요", "라고해요", "라고합니다")
        or tail == "요"
    ):
        return rest
    return rest
