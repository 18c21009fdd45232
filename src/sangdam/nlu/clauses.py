"""Cut a message into its requests: "환불하고 주소도 바꿔주세요" are two, "주문하고 싶어요" is one.

A cut is made only where both sides can stand as a request and each names a topic the other does not. A place that
looks like a cut and is none stays whole: a wrong cut asks the shopper about something never wanted.
"""

import re
from collections.abc import Iterator
from typing import Final

# What a request can be about. Order matters nowhere: a side has all topics it names.
_TOPICS: Final = {
    "cancel": "취소|캔슬|철회",
    "return": "반품|돌려보",
    "exchange": "교환",
    "refund": "환불|돈 ?(?:은|이|을)? ?(?:언제|돌려)",
    "address": "주소|배송지|수령인|수취인|받는 ?(?:분|사람|곳)|연락처|배송 ?메[시세모]",
    "delivery": r"배송 ?(?:조회|언제|은|이|도|현황|상태|문의|일|됐|시작|출발)|송장|택배(?!비)|발송|출고|언제 ?(?:와|오|도착)|도착|^배송$",
    "fee": "배송비|택배비|배송료|반품비|교환비|왕복 ?배송",
    "stock": "재고|품절|남았|남아 ?있",
    "restock": "재입고|(?<!재)입고|들어오",
    "alert": "알림|알람",
    "coupon": "쿠폰|할인",
    "points": "적립금|포인트|마일리지",
    "receipt": "영수증|계산서|명세서",
    "person": "상담원|상담사|직원|담당자|통화",
    "account": "로그인|비밀번호|비번|회원|아이디|탈퇴",
    "pay": "입금|결제 ?(?:수단|방법|오류|안|가 안|취소)|카드 ?취소",
    "size": "사이즈|치수|실측|기장",
    "fact": "소재|재질|성분|세탁|유통기한|원산지|사용법|가격",
    "quantity": "수량|하나 더|추가",
    "option": "색상|색깔|옵션|컬러",
    "order": "주문 ?(?:내역|조회|확인|상태|목록|번호)|구매 ?내역",
    "store": "매장|영업 ?시간|고객센터",
    "wrap": "포장",
    "review": "리뷰|후기",
    "period": "며칠 ?걸|얼마나 ?걸|당일 ?(?:발송|배송|출고)",
}
_TOPIC_PATTERNS: Final = {name: re.compile(pattern) for name, pattern in _TOPICS.items()}

_ASKS: Final = re.compile(
    r"주세요|주세여|줘|주시|부탁|싶|할게|할께|할래|하려|려고|려는|나요|나여|까요|가요|[가-힣]나\?|인가|돼요|되요|될까|됩니까|어떻게|어케|언제|얼마|며칠"
    r"|어디|문의|도[.!~ ]*$|[가-힣]게요|왜|안 ?[가-힣]{1,3}요|질문|요청|희망|원해|원합|신청|해지|해제|가능|알려|바랍|확인|조회|변경|있어요|있나|없나|맞나|맞죠|궁금|취소|교환|반품|환불|[이도]요|요\?|\?"
)
_TOLD: Final = re.compile(
    r"(?:했|됐|왔|갔|샀|받았|보냈|시켰|났|썼|였|었|았)(?:어요|습니다|는데요?|고요|거든요|네요|더니|어)[.!~ ]*$"
)
_RULE_WORDS: Final = re.compile(
    "규정|정책|기준|기간|절차|조건|비용|배송비|방법|버튼|안내|둘 ?다|중에|차이|되나요|가능|불가"
)

_AND: Final = r",?\s*(?:아\s+)?(?:그리고|그리구|글구|그러고|그 ?다음에?|추가로|또한?|겸)[,]?\s+"
_SENTENCE: Final = rf"(?:(?<=[.?!~])\s+|(?<=[.?!])(?=[가-힣])|\s*\n+\s*|\s*/\s*|\s*[;·]\s*)(?:{_AND})?"
_COMMA: Final = r"\s*,\s*(?!\d)"
_POLITE: Final = r"(?<=[요죠염욤용여])\s+"
_BOTH_NOUNS: Final = r"(?<=[가-힣])(?:이랑|랑|하고|과|와|및|\s및)\s+"
_VERB_AND: Final = r"(?<=[하주시해구])고[요]?,?\s*(?!싶|있|계|싶|나서|나면|나니|말|보니|해서|자\b)"
_WISH_BUT: Final = r"(?<=싶은데|려는데|하는데|할건데|할 건데|할게요만)요?,?\s+|(?<=싶은데|려는데)(?=[가-힣])"
_CUT: Final = re.compile(
    f"(?P<sentence>{_SENTENCE})|(?P<conj>{_AND})|(?P<comma>{_COMMA})|(?P<polite>{_POLITE})|(?P<verb>{_VERB_AND})"
    f"|(?P<noun>{_BOTH_NOUNS})"
)
_BUT: Final = re.compile(r"(?:싶은데|려는데|려고 ?하는데|려고 ?하는데요|싶은데요|려는데요)(?P<but>,?\s*)(?=\S)")

# "취소하고", "바꿔 주시고": only a deed the shop is asked for can stand before 고. "받아보고", "주문하고" tell a sequence.
_DEED_BEFORE_AND: Final = re.compile(
    "(?:취소|반품|교환|환불|변경|수정|신청|해지|해제|접수|확인|조회|발급|삭제|탈퇴|추가)(?:도|은|는|을|를)? ?"
    "(?:하|해 ?주|해 ?주시|부탁드리|해 ?달라)$|(?:바꿔|고쳐|알려|보내|빼|꺼|돌려) ?(?:주|주시)$"
)
_NOUN_BEFORE_AND: Final = re.compile(
    "(?:취소|반품|교환|환불|변경|수정|신청|조회|문의|배송|재고|주소|배송지|쿠폰|적립금|포인트|재입고|입고|알림|영수증|계산서|송장|사이즈|배송비|가격|결제)$"
)
_AGAIN: Final = re.compile("^(?:다시|재주문|재결제|새로|새 ?걸|바로|나서|그냥|돈|계좌|카드)")
_SAME_DEED: Final = ({"cancel", "refund"}, {"return", "refund"}, {"cancel", "pay"})
_POLITE_WISH: Final = re.compile("환불 ?(?:해|부탁|받|요청|처리|진행|신청|바랍|원)")


def split_clauses(text: str) -> tuple[str, ...]:
    """The requests of a message in order, trimmed, as written; the whole message alone when it is one request."""
    whole = text.strip()
    cuts = sorted((*_cuts(whole), *((found.span("but"), "but") for found in _BUT.finditer(whole))))
    parts: list[str] = []
    start = 0
    for (begin, end), found_as in cuts:
        if begin < start:
            continue
        left, right, kind = whole[start:begin].strip(), whole[end:].strip(), found_as
        if kind == "verb" and not _DEED_BEFORE_AND.search(left):
            left, kind = left.removesuffix("하"), "noun"
        if not _both_requests(left, right, kind=kind):
            continue
        parts.append(whole[start:end].strip(" ,") if kind == "verb" else left)
        start = end
    return (*parts, whole[start:].strip())


def _cuts(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    for found in _CUT.finditer(text):
        yield found.span(), found.lastgroup or ""


def _both_requests(left: str, right: str, *, kind: str) -> bool:
    before, after = topics(left), topics(right)
    if not before - after or not after - before:
        return False
    if kind == "noun":
        alone = bool(_NOUN_BEFORE_AND.search(left)) and not _RULE_WORDS.search(right)
        return alone and not _AGAIN.search(right) and not _one_deed(before, after, right)
    if kind == "verb":
        return not _AGAIN.search(right) and not _one_deed(before, after, right) and bool(_ASKS.search(right))
    if kind == "but":
        return not _one_deed(before, after, right) and bool(_ASKS.search(right))
    if kind == "comma" and not _TOLD.search(left):
        return bool(_NOUN_BEFORE_AND.search(left) or _ASKS.search(left)) and bool(_ASKS.search(right))
    last = _last_sentence(left)
    return bool(_ASKS.search(last)) and not _TOLD.search(last) and bool(_ASKS.search(right)) and bool(topics(last))


def _one_deed(before: frozenset[str], after: frozenset[str], right: str) -> bool:
    """ "취소하고 환불해 주세요": the second is what the first brings about; asking when it comes is a request of its own."""
    return any(before | after <= pair for pair in _SAME_DEED) and bool(_POLITE_WISH.search(right))


def _last_sentence(text: str) -> str:
    return sentences(text)[-1]


def topics(text: str) -> frozenset[str]:
    """The topics a text names."""
    return frozenset(name for name, pattern in _TOPIC_PATTERNS.items() if pattern.search(text))


_SENTENCE_END: Final = re.compile(r"(?<=[.?!~])\s+|\n+|(?<=[요다죠])[.?!~]+(?=[가-힣])")


def sentences(text: str) -> tuple[str, ...]:
    """Sentences by marks and line breaks; never empty."""
    found = tuple(part.strip() for part in _SENTENCE_END.split(text) if part.strip())
    return found or (text,)


_OPEN_ENDS: Final = (
    (re.compile("(?<=취소|반품|교환|환불|변경|신청|발급|해지|해제)$"), "해 주세요"),
    (re.compile("(?:해 ?주시|해 ?주|하)고요?$"), "해 주세요"),
    (re.compile("주(?:시)?고요?$"), "주세요"),
    (re.compile("싶은데요?$"), "싶어요"),
    (re.compile("려(?:는|고 ?하는)데요?$"), "려고요"),
)


def finished(clause: str) -> str:
    """A clause as a sentence of its own: "취소하고", "취소" → "취소해 주세요". For reading, never for showing."""
    for pattern, ending in _OPEN_ENDS:
        if pattern.search(clause):
            return pattern.sub(ending, clause)
    return clause
