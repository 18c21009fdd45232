"""Taking something back: '아니 그 주소 말고 …', '3층이 아니라 5층', '잘못 골랐어요'.

An opening 아니 before a complaint or a question is a filler and corrects nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sangdam.nlu.normal import Normal, Span
from sangdam.nlu.phrases import is_filler_opening

Marker = Literal["not", "instead", "wrong", "again", "fix"]


@dataclass(frozen=True, slots=True)
class Correction:
    """marker: which word said so. old and new: where the values stand in text, None when not said.

    'not' 아니/그게 아니라, 'instead' 말고/대신, 'wrong' 잘못/틀렸, 'again' 다시 입력할게요, 'fix' 정정/수정.
    """

    marker: Marker
    old: Span | None = None
    new: Span | None = None


_INSTEAD = re.compile(r"\s?(?:으로|로|거|꺼|것)?\s?(?:말고요?|말구요?|대신에?)[\s,.]*")
_IS_NOT = re.compile(
    r"(?:이|가|은|는|거|번)?\s?(?:아니라|아니고요?|아니구요?|아니에요|아니예요|아닙니다|아닌데요?)[\s,.]*"
)
_OPENING = re.compile(
    r"(?:(?:아\s?)?아니(?:요|다|야|에요|예요)?|아뇨|아\s?참|아\s?맞다|앗|아차)[\s,.~!]+(?:(?:그게|그건|그거|이게|그|그렇게)\s?(?:아니라|말고|아니고)\s?)?|(?:그게|그건|그거|이게)\s?(?:아니라|아니고|말고)[\s,]*"
)
_WRONG = re.compile(
    r"잘못\s?(?:골랐|선택|눌렀|눌러|적었|적어|입력|말했|말씀|알려|썼|쳤|보냈|찍었|클릭|봤|했)|(?:번호|주소|이름|주문|상품|그거|이거|동|호|층)(?:가|이|를|은|는)?\s?(?:틀렸|틀려|틀린|잘못됐|잘못\s?됐)|오타|실수(?:로|했|예|에|요)"
)
_AGAIN = re.compile(
    r"다시\s?(?:입력|고를|고르|선택|적을|적어|쓸게|정할|알려\s?드릴|말씀드릴|할게|할래|해\s?볼|볼게|바꿀|바꿔|골라)"
)
_FIX = re.compile(r"정정|수정(?:할|해|요|하|부탁|이)|고칠|고쳐\s?주|바꿀게|바꿀래|변경할게")
_LAST_WORDS = re.compile(r"(\S+(?:\s\S+){0,3})\s*$")
_CLAUSE = re.compile(r"[.,!?]\s|\s(?:그리고|근데)\s|(?:^|\s)(?:아니요?|아|네|음)\s")
_ENDING = re.compile(
    r"(?:\s?(?:으로요?|로요?|을|를|이요|요|이에요|예요|입니다|이고요|인데요?|이었어요|였어요|거든요))?(?:\s?(?:다시)?\s?(?:바꿔|변경|수정|해|보내|부탁|할게|할래|고쳐|정정|주세|맞|인\s?것|같아|배송)[가-힣\s]{0,14})?[\s.!~]*$"
)
_NOT_VALUE = re.compile(
    r"^(?:더\s?없|감사|고마|고맙|죄송|미안|네|왜|언제|어떻게|어디|뭐|상담|취소|됐|괜찮|싫|필요|그만|없|안\s|못|하지|그냥\s?(?:됐|안))"
)
_NOT_INSTEAD = re.compile(r"(?:그거|그것|이거|그)\s?")
_MACHINE = re.compile(
    r"(?:기계음?|로봇|봇|ai|에이아이|인공지능|자동\s?응답|채팅|하지|같은\s?[말답]|아님)\s?(?:는|은)?\s?$", re.IGNORECASE
)
_FOR_SOMEONE = re.compile(r"(?:(?:^|\s)(?:나|저|내|제|좀)|[가-힣][이가]|감|문)\s?$")
_NO_DENIAL = re.compile(r"(?:것도|거|게|건|다름이?|아무것도|별거|뿐만?|만)\s?$")
_RESTOCKED = re.compile(r"다시\s?(?:들어|나오|입고|말|보내|한\s?번|연락|전화|확인|배송)")


def read_correction(normal: Normal) -> Correction | None:
    """The correction a message makes, or None."""
    text = normal.text
    if len(normal.bare) < 3 or is_filler_opening(normal):
        return None
    m = _INSTEAD.search(text)
    if m is not None and m.start() > 0:
        ahead = text[: m.start()]
        if _MACHINE.search(ahead) or ("대신" in m.group() and _FOR_SOMEONE.search(ahead)):
            return None
        return _around(text, m, "instead")
    m = _IS_NOT.search(text, 1)
    if m is not None and (normal.asks or _NO_DENIAL.search(text[: m.start()])):
        m = None
    if m is not None and not _OPENING.match(text):
        return _around(text, m, "not")
    opening = _OPENING.match(text)
    if opening is not None:
        inner = _INSTEAD.search(text, opening.end()) or _IS_NOT.search(text, opening.end())
        if inner is not None and inner.start() > opening.end():
            return _around(text, inner, "not", start=opening.end())
        new = _value(text, opening.end())
        if new is not None and not normal.asks:
            return Correction("not", new=new)
    if m := _WRONG.search(text):
        return Correction("wrong", new=_value(text, m.end(), skip=True))
    if (m := _AGAIN.search(text)) and not _RESTOCKED.match(text, m.start()):
        return Correction("again")
    if (
        (m := _FIX.search(text))
        and not normal.asks
        and re.match(r"(?:아|아니|앗|잠깐|저|정정|수정|다시|방금|음|네)", text)
    ):
        return Correction("fix", new=_value(text, m.end(), skip=True))
    return None


def _around(text: str, m: re.Match[str], marker: Marker, *, start: int = 0) -> Correction:
    old = _before(text, start, m.start())
    new = _value(text, m.end())
    if new is None and old is not None:
        # '화이트로 해 주세요 블랙 말고': the new value came first.
        words = text[start : m.start()].split(" ")
        last = words[-1]
        if len(words) >= 2:
            cut = m.start() - len(last)
            ahead = _value(text[: cut - 1], start)
            if ahead is not None:
                return Correction(marker, old=(cut, m.start()), new=ahead)
    return Correction(marker, old=old, new=new)


def _before(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    cut = 0
    for m in _CLAUSE.finditer(piece):
        cut = m.end()
    words = _LAST_WORDS.search(piece, cut)
    if words is None or _NOT_INSTEAD.fullmatch(words[1] + " "):
        return None
    return (start + words.start(1), start + words.end(1))


def _value(text: str, start: int, *, skip: bool = False) -> Span | None:
    """What stands from start to the end, without its ending; None when that is no value."""
    if skip:
        lead = re.compile(r"[가-힣]*[\s,.!~]*").match(text, start)
        start = lead.end() if lead else start
    end_match = _ENDING.search(text, start)
    end = end_match.start() if end_match else len(text)
    while end > start and text[end - 1] in " ,.!~":
        end -= 1
    said = text[start:end]
    if not said or _NOT_VALUE.match(said) or len(said) > 80:
        return None
    return (start, end)
