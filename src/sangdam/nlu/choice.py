"""Which of the shown list is meant: by number, by place, by name, by date; or none, or another page.

A digit in a longer sentence picks nothing, and neither does 3동 or 2개. Reading is whole-message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from rapidfuzz import fuzz

from sangdam.nlu.dates import find_periods
from sangdam.nlu.jamo import sound_key
from sangdam.nlu.normal import Normal, normalise
from sangdam.nlu.wording import find_options, option_key
from sangdam.nlu.yesno import courtesy_free


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the list. n: its number as shown. names: words it may be called by besides its label. day: its date."""

    n: int
    id: str
    label: str
    names: tuple[str, ...] = ()
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Picked:
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoneOfThese:
    pass


@dataclass(frozen=True, slots=True)
class PageTo:
    where: Literal["next", "prev", "wider"]


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """What was said fits several rows."""

    ids: tuple[str, ...]


ChoiceReading = Picked | NoneOfThese | PageTo | Ambiguous

_Y = r"(?:이?요|용|염|여|욤|욥|유|이?에요|예요|입니다|인데요?|임|이욤|임다)?"
_PICK = (
    r"(?:거|꺼|것|걸|건|게|상품|주문|제품|물건|옵션|사이즈|항목|주소|로|으로|루|을|를|은|는|이|가|도|만|그거|말이|할게|할께|할래|할래요|볼게|볼래|볼께|보여|보여줘|보고싶|조회|확인|선택|골라|고를게|해|해줘|해주세|주세|줘|부탁|부탁드려|부탁해|부탁드립니다|해주십시오"
    r"|취소|반품|교환|환불|바꿔|변경|배송조회|배송|좀|맞아|같아|로할게|갈게|원해|선택할게|그|바로|요){0,6}"
)
_ONE = re.compile(
    rf"(?:네|넵|음|아|그럼|저|그|전|제|위에서|밑에서|아래에서|뒤에서|끝에서|목록){{0,6}}(?P<n>\d{{1,2}})(?:번째|번쨰|번재|번|째)?{_PICK}{_Y}"
)
_BARE = re.compile(r"\d{1,2}")
_DIGITS = re.compile(r"\d+")
_UNIT_NEXT = re.compile(r"\d\s*(?:동|호|층|개|원|월|일|시|분|장|벌|점|만|천|%|cm|kg|명|주|년|살|켤레|세트|박스)")
_ORDINALS = {
    "첫": 1, "첫번": 1, "처음": 1, "하나": 1, "일": 1, "둘": 2, "두": 2, "이": 2, "세": 3, "셋": 3, "삼": 3, "네": 4, "넷": 4,
    "사": 4, "다섯": 5, "오": 5, "여섯": 6, "육": 6, "일곱": 7, "칠": 7, "여덟": 8, "팔": 8, "아홉": 9, "구": 9,
}  # fmt: skip
_WORD = re.compile(
    rf"(?:네|넵|음|아|그럼|저|제일|그|목록){{0,6}}(?P<from>위에서|밑에서|아래에서|뒤에서|끝에서|아래서|밑서)?(?:(?P<w>첫|두|둘|세|셋|네|넷|다섯|여섯|일곱|여덟|아홉)(?:번|벗|버)?(?:째|쨰|재|제|쩨|찌)|(?P<h>일|이|삼|사|오|육|칠|팔|구)번(?:째|쨰)?){_PICK}{_Y}"
)
_EDGE = re.compile(
    rf"(?:네|넵|음|아|그럼|저|그){{0,6}}(?P<first>처음|젤위|제일위|맨위|제일처음|맨처음|맨앞|첫거|첫|가장위|위에?|위쪽|윗|위엣|제일먼저|first|topone|thefirst(?:one)?)?(?P<last>마지막|맨아래|맨밑|제일아래|제일밑|맨끝|젤밑|젤아래|맨마지막|가장아래|아래에?|아래쪽|밑에?|끝에|last|lastone|thelast(?:one)?|bottom)?(?P<mid>가운데|중간|middle)?(?:에서|에있는|에|쪽)?{_PICK}{_Y}"
)
_NONE = re.compile(
    rf"(?:아니|아니요|아뇨|음|네|저|여기|여기에|여기엔|목록|목록에|그|이|이중|이중에|이중에는|중에|중에는|제가|찾는|제|제가찾는|원하는|해당|맞는|주소|상품|주문){{0,6}}(?:거|건|게|것|는|은|가|이|에|엔|중에){{0,6}}"
    rf"(?:없(?:어|는데|네|습니다|음|는거같아|는것같아|다)|다아니(?:에|예|야|네|라|요|고)?|모두아니(?:에|예)?|다아닌데|다아님|전부아니(?:에|예)?|둘다아니(?:에|예|야)?|셋다아니(?:에|예)?|아무것도아니(?:에|예)?|하나도없어|해당없음|해당없|안보여|안보이는데|안보이네|안나와|안떠|아닌데|아무것도없어|none(?:ofthese|ofthem)?|notthere|notlisted)"
    rf"(?:여기)?{_Y}"
)
_NEXT = re.compile(
    rf"(?:네|음|좀|그){{0,6}}(?:(?:더|다른(?:거|것|주문|상품)?|나머지(?:도)?|뒤에?|그다음|다음(?:거|것|꺼)?|다음페이지|뒷페이지|다음목록)(?:좀)?(?:더)?(?:보여|볼게|볼래|보기|보고싶|있|없나|없어|보자|넘겨|로|으로)?(?:줘|주세|주실래|나|어|을까|볼까|달라)?{_Y}|next(?:page)?|more|showmore|넘겨(?:줘|주세)?{_Y})(?:좀)?\??"
)
_PREV = re.compile(
    rf"(?:네|음|좀|그){{0,6}}(?:이전|이전거|이전꺼|이전페이지|이전목록|앞|앞에거|앞페이지|앞으로|뒤로|뒤로가기|뒤로가|전페이지|전으로|back|prev(?:ious)?(?:page)?)(?:로|으로|거|꺼)?(?:보여|볼게|볼래|보기|가|갈래|돌아가)?(?:줘|주세|요)?{_Y}"
)
_WIDER = re.compile(
    r"(?:네|음|좀|그|조금|혹시|그럼){0,3}(?:기간(?:을)?(?:좀)?(?:더)?(?:넓|늘|길|확)|(?:더|훨씬|좀더)(?:예전|오래|옛날|이전|전에|전꺼|전거|과거)|(?:예전|옛날|과거|오래된|오래전)(?:거|꺼|것|에|주문|내역|에산|에시킨|에주문한)|작년(?:거|꺼|것|주문|에)|전체기간|전체주문|(?:1년|일년|육개월|6개월|반년|365일)(?:치|까지|전체|전)|90일(?:보다|이전|넘)|(?:3개월|석달|세달)(?:보다|이전|넘)|older)[가-힣]{0,8}"
)
_DATE_TAIL = re.compile(
    r"(?:에)?(?:산|시킨|주문한|주문|구매한|샀던|결제한|거|꺼|것|껄|걸|건|게|자|날|그|이|에){0,6}(?:상품|주문|내역|요|이요|로|으로|는|은|할게|볼게|해|주세|부탁|이에|예|드려|선택|조회|확인|취소|반품|교환){0,6}"
    + _Y
)
_LABEL_DAY = re.compile(
    r"(?:(?P<y>20\d\d)년\s?)?(?P<m>\d{1,2})월\s?(?P<d>\d{1,2})일|(?<!\d)(?P<y2>20\d\d)[./\-](?P<m2>\d{1,2})[./\-](?P<d2>\d{1,2})|(?<!\d)(?P<y3>20\d\d)(?P<m3>\d{2})(?P<d3>\d{2})-\d{7}"
)
_NAME_TAIL = re.compile(
    r"(?:(?:이요|요|용|염|여|이에요|예요|에요|입니다|인데요?|이용|임)|(?:으로|로|은|는|을|를|이|가|도|만|거|꺼|것|걸|건)|(?:할게|할래|볼게|볼래|보여줘|보여주세|해줘|해주세|주세|부탁해|부탁드려|부탁드립니다|선택|조회|확인|취소|반품|교환|환불|산거|주문한거|시킨거|주문|그거|말이에|같아|맞아|좀|산|시킨)){1,5}$"
)
_NAME_LEAD = re.compile(r"^(?:네|넵|아|음|그|저|그럼|제일|어제산|산)(?=[가-힣]{3})")
_NOT_NAMING = re.compile(
    r"^배송(?:조회|비|지|추적)|^송장|품절|재고|재입고|입고|알림|인가요|없는거|왜|언제|어떻|얼마|안와|안오|있나|있어|되나|돼|될까|몇|뭐|며칠|까요|나요"
)
_MARK = re.compile(r"[^0-9a-z가-힣]")


def read_choice(normal: Normal, options: Sequence[Option], *, today: date | None = None) -> ChoiceReading | None:
    """Read a whole message as a pick from options; None when it is something else.

    today (KST) is needed for 어제 and the like. Numbers are those of the rows, so a second page may start at 6.
    """
    said = courtesy_free(normal.bare)
    if not said or not options or len(said) > 40:
        return None
    by_id = _by_id(normal, options)
    if by_id is not None:
        return by_id
    if re.search(r"\d{5}", said):
        return None
    by_place = _by_place(normal, said, options)
    if by_place is not None:
        return by_place
    if _NONE.fullmatch(said):
        return NoneOfThese()
    marked = said + ("?" if normal.asks else "")
    if _WIDER.fullmatch(said) and not re.search(r"다시|나오|팔던|들어|걸려|걸리", said):
        return PageTo("wider")
    if _NEXT.fullmatch(marked):
        return PageTo("next")
    if _PREV.fullmatch(said):
        return PageTo("prev")
    if normal.asks and _NOT_NAMING.search(said):
        return None
    by_day = _by_day(normal, options, today)
    if by_day is not None:
        return by_day
    return _by_name(said, options)


def _by_id(normal: Normal, options: Sequence[Option]) -> Picked | None:
    if len(normal.compact) < 4:
        return None
    ids = tuple(option.id for option in options if len(option.id) >= 4 and option.id.lower() in normal.compact)
    return Picked(ids) if len(ids) == 1 else None


def _pick(options: Sequence[Option], n: int) -> Picked | None:
    for option in options:
        if option.n == n:
            return Picked((option.id,))
    return None


def _by_place(normal: Normal, said: str, options: Sequence[Option]) -> Picked | None:
    if _UNIT_NEXT.search(normal.text) or len(_DIGITS.findall(normal.text)) > 1:
        return None
    one = _ONE.fullmatch(said)
    if one is not None:
        if normal.asks and not re.search(r"\d번", said):
            return None
        n = int(one["n"])
        if said.startswith(("밑에서", "아래에서", "뒤에서", "끝에서")):
            return _from_end(options, n)
        return _pick(options, n)
    word = _WORD.fullmatch(said)
    if word is not None:
        n = _ORDINALS[word["w"] or word["h"]]
        if word["from"] and not word["from"].startswith("위"):
            return _from_end(options, n)
        if word["w"]:
            # Places count from the top of what is shown; numbers are those printed.
            return Picked((options[n - 1].id,)) if n <= len(options) else None
        return _pick(options, n)
    edge = _EDGE.fullmatch(said)
    if edge is None:
        return None
    named = [part for part in ("first", "last", "mid") if edge[part]]
    if len(named) != 1:
        return None
    if edge["mid"]:
        return Picked((options[1].id,)) if len(options) == 3 else None
    side = edge[named[0]]
    if side in ("위", "위에", "아래", "아래에", "밑", "밑에", "윗", "위엣", "위쪽", "아래쪽") and len(options) > 2:
        return None
    if side in ("처음", "위", "아래", "첫") and said == side:
        return None
    return Picked((options[0 if edge["first"] else -1].id,))


def _from_end(options: Sequence[Option], n: int) -> Picked | None:
    return Picked((options[-n].id,)) if 1 <= n <= len(options) else None


def _day_of(option: Option) -> tuple[int | None, int, int] | None:
    if option.day is not None:
        return option.day.year, option.day.month, option.day.day
    m = _LABEL_DAY.search(option.label) or _LABEL_DAY.search(option.id)
    if m is None:
        return None
    year = m["y"] or m["y2"] or m["y3"]
    return (int(year) if year else None), int(m["m"] or m["m2"] or m["m3"]), int(m["d"] or m["d2"] or m["d3"])


_DAY_ONLY = re.compile(r"(?<![\d월])\s?(\d{1,2})일")


def _by_day(normal: Normal, options: Sequence[Option], today: date | None) -> Picked | Ambiguous | None:
    text = normal.text
    days = [(option.id, _day_of(option)) for option in options]
    ids: list[str] = []
    span: tuple[int, int] | None = None
    only = _DAY_ONLY.search(text)
    if only is not None and "월" not in text[: only.start() + 1]:
        span = (only.start(1), only.end())
        ids = [id_ for id_, day in days if day and day[2] == int(only[1])]
    else:
        found = find_periods(text, today=today or date(2100, 12, 31))
        if len(found) != 1:
            return None
        span, period = found[0].span, found[0].period
        if today is None and not re.search(r"\d", period.text):
            return None
        for id_, day in days:
            if day is None:
                continue
            year, month, number = day
            if today is None or year is None:
                fits = (period.start.month, period.start.day) <= (month, number) <= (period.end.month, period.end.day)
            else:
                fits = period.start <= date(year, month, number) <= period.end
            if fits:
                ids.append(id_)
    rest = _MARK.sub("", (text[: span[0]] + text[span[1] :]).lower())
    if not ids:
        return None
    if _DATE_TAIL.fullmatch(rest):
        return Picked(tuple(ids)) if len(ids) == 1 else Ambiguous(tuple(ids))
    return _by_name(rest, [option for option in options if option.id in ids])


def _keys(option: Option) -> list[str]:
    return [_MARK.sub("", name.lower()) for name in (option.label, *option.names) if name]


def _by_name(said: str, options: Sequence[Option]) -> Picked | Ambiguous | None:
    whole = _MARK.sub("", said)
    stripped = _NAME_TAIL.sub("", whole)
    found = _naming(whole, options)
    if found is not None or _NOT_NAMING.search(whole):
        return found
    for asked in dict.fromkeys((stripped, _NAME_LEAD.sub("", stripped))):
        found = _naming(asked, options)
        if found is not None:
            return found
    if len(stripped) > 14:
        return None
    by_option = _by_option_words(said, options)
    if by_option is not None:
        return by_option
    return _almost(stripped, options)


def _naming(asked: str, options: Sequence[Option]) -> Picked | Ambiguous | None:
    if len(asked) < 2 or asked.isdigit() or not re.search(r"[a-z가-힣]", asked):
        return None
    ids = tuple(option.id for option in options if any(asked in key for key in _keys(option)))
    if not ids:
        # A short option name inside the answer: '린넨 셔츠 화이트로 할게요' for '린넨 셔츠'.
        ids = tuple(
            option.id
            for option in options
            if any(len(key) >= 2 and asked.startswith(key) and len(asked) <= len(key) + 6 for key in _keys(option))
        )
    if len(ids) == 1:
        return Picked(ids)
    exact = tuple(option.id for option in options if asked in _keys(option))
    if len(exact) == 1:
        return Picked(exact)
    return Ambiguous(ids) if ids else None


def _by_option_words(said: str, options: Sequence[Option]) -> Picked | Ambiguous | None:
    words = [option_key(word) for word, _ in find_options(said, eager=False)]
    if not words or len(said) > 16:
        return None
    ids = tuple(
        option.id
        for option in options
        if set(words)
        <= {option_key(word) for name in (option.label, *option.names) for word, _ in find_options(name, eager=False)}
    )
    if not ids:
        return None
    return Picked(ids) if len(ids) == 1 else Ambiguous(ids)


def _almost(asked: str, options: Sequence[Option]) -> Picked | Ambiguous | None:
    """A name with a typing slip: 셔쯔, 코튼팬쯔."""
    if len(asked) < 2:
        return None
    key = sound_key(asked)
    scores: list[tuple[float, str]] = []
    for option in options:
        best = max(
            (
                fuzz.partial_ratio(key, sound_key(name), score_cutoff=80.0)
                for name in _keys(option)
                if len(name) >= len(asked)
            ),
            default=0.0,
        )
        if best:
            scores.append((best, option.id))
    scores.sort(reverse=True)
    if not scores:
        return None
    top = [id_ for score, id_ in scores if score >= scores[0][0] - 4.0]
    return Picked((top[0],)) if len(top) == 1 else Ambiguous(tuple(sorted(top)))


_ALL = re.compile(
    rf"(?:네|넵|음|아|그냥){{0,6}}(?:전부|전부다|다|모두|전체|싹다|둘다|셋다|모조리|몽땅|all|allofthem|everything|both|전부요|모두다|전체다)(?:로|를|을|다|요|할게|취소|반품|교환|환불|부탁|선택|해|주세|드려|드립니다|해줘|신청|해주세){{0,6}}{_Y}"
)
_EXCEPT = re.compile(
    r"(?P<what>.+?)(?:만|은|는|을|를)?(?:빼고|빼구|제외하고|제외|말고|뺴고|without|except)(?P<rest>.*)"
)
_JOIN = re.compile(r"\s*(?:[,/&+·]|\b(?:그리고|및|and)\b|(?<=\S)(?:하고|이랑|랑|와|과)(?=\s))\s*")
_STRONG_JOIN = re.compile(r"[,/&+·]|그리고|하고\s|이?랑\s|[와과]\s|\band\b")
_RANGE = re.compile(r"(\d{1,2})번?\s?(?:~|-|부터|에서)\s?(\d{1,2})번?(?:까지)?")
_MANY_TAIL = re.compile(rf"(?:번째|번)?(?:까지|만|둘다|다|모두)?{_PICK}{_Y}")


def read_multi_choice(normal: Normal, options: Sequence[Option], *, today: date | None = None) -> ChoiceReading | None:
    """Like read_choice for questions with several answers: '1,3', '1~3', '2번 빼고 전부', '둘 다', names with 랑."""
    said = courtesy_free(normal.bare)
    if not said or not options or len(said) > 60:
        return None
    if _ALL.fullmatch(said):
        if (said.startswith(("둘다", "both")) and len(options) != 2) or (said.startswith("셋다") and len(options) != 3):
            return None
        return Picked(tuple(option.id for option in options))
    text = normal.text.lower().strip(" .!~?")
    if _STRONG_JOIN.search(text) and not normal.asks:
        named = _several(text, options, today)
        if named is not None and len(named) > 1:
            return Picked(tuple(option.id for option in options if option.id in named))
    one = read_choice(normal, options, today=today)
    if isinstance(one, Picked | NoneOfThese | PageTo):
        return one
    without = _EXCEPT.fullmatch(text)
    if without is not None:
        left_out = _several(without["what"], options, today)
        if left_out is None:
            return one
        return Picked(tuple(option.id for option in options if option.id not in left_out))
    ids = _several(text, options, today)
    if ids:
        return Picked(tuple(option.id for option in options if option.id in ids))
    return one


def _several(text: str, options: Sequence[Option], today: date | None) -> frozenset[str] | None:
    if _UNIT_NEXT.search(re.sub(r"\d+\s?일\s?전|\d\s?주일?\s?전", "", text)):
        return None
    numbers: set[int] = set()

    def take_range(m: re.Match[str]) -> str:
        low, high = int(m[1]), int(m[2])
        if low <= high <= 99:
            numbers.update(range(low, high + 1))
        return " "

    ids: set[str] = set()
    pieces = [piece.strip(" .,!~?") for piece in _JOIN.split(_RANGE.sub(take_range, text))]
    while pieces:
        if len(pieces) > 20:
            return None
        piece = pieces.pop(0)
        if not piece:
            continue
        digits = re.fullmatch(r"(\d{1,2})(?:번째|번쨰|번)?.{0,8}", piece)
        if digits and _MANY_TAIL.fullmatch(piece[digits.end(1) :]):
            numbers.add(int(digits[1]))
            continue
        if (numbers or ids) and _MANY_TAIL.fullmatch(piece):
            continue
        one = read_choice(normalise(piece), options, today=today)
        if isinstance(one, Picked):
            ids.update(one.ids)
        elif " " in piece:
            pieces[:0] = piece.split(" ")
        else:
            return None
    known = {option.n: option.id for option in options}
    if any(n not in known for n in numbers):
        return None
    ids.update(known[n] for n in numbers)
    return frozenset(ids) or None
