"""Korean dates, said or written, as periods of whole days in KST.

A date without a year means the nearest past for orders and the nearest future for restocks; the caller says which.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Literal

KST = timezone(timedelta(hours=9), "KST")
Direction = Literal["past", "future"]


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, both ends included. `text` is the wording it was read from."""

    start: date
    end: date
    text: str

    @property
    def is_day(self) -> bool:
        return self.start == self.end


@dataclass(frozen=True, slots=True)
class FoundPeriod:
    """A period and the stretch of text it stands in."""

    period: Period
    span: tuple[int, int]


def today_of(now: datetime) -> date:
    """The KST date of an aware datetime. Raises ValueError for a naive one."""
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    return now.astimezone(KST).date()


def find_periods(text: str, *, today: date, direction: Direction = "past") -> tuple[FoundPeriod, ...]:
    """Every date or period of normalised text, in order of place, none overlapping another."""
    if not _HINT.search(text):
        return ()
    found: list[FoundPeriod] = []
    for match in _DATES.finditer(text):
        read = _read(match, today, direction)
        if read is not None:
            start, end = match.span()
            found.append(FoundPeriod(Period(read[0], read[1], text[start:end]), (start, end)))
    return tuple(_merged(text, found))


_HINT = re.compile(
    r"\d|[오어그작올엊보닷엿]|[일주달월년]|전|내일|모레|글피|하루|이틀|사흘|나흘|열흘|금[일주]|최근|당일"
)
_WEEKDAYS = "월화수목금토일"
_WORD_DAYS = {
    "하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "이레": 7, "여드레": 8, "아흐레": 9, "열흘": 10,
    "보름": 15,
}  # fmt: skip
_WORD_COUNTS = {
    "한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6,
    "칠": 7, "팔": 8, "구": 9, "십": 10, "십이": 12,
}  # fmt: skip
_WORD_MONTHS = {
    "일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "유": 6, "육": 6, "칠": 7, "팔": 8, "구": 9, "시": 10, "십": 10,
    "십일": 11, "십이": 12,
}  # fmt: skip
_RELATIVE = {
    "오늘": 0, "금일": 0, "당일": 0, "어제": -1, "어저께": -1, "어젯밤": -1, "엊저녁": -1, "전날": -1,
    "그제": -2, "그저께": -2, "그끄제": -3, "그끄저께": -3, "내일": 1, "낼": 1, "모레": 2, "내일모레": 2, "글피": 3,
}  # fmt: skip

_B = r"(?<![가-힣])"  # not in the middle of a word
_N = r"(?:\d{1,3}|한|두|세|네|다섯|여섯|일|이|삼|사|오|육|십)"
# What a date can begin with; tried before the alternatives.
_START = r"(?=[\d최지하이사나닷엿여아열보한두세네다일삼오육십며몇재작올금내저담그어엊엇모글낼당전유칠팔구시월화수목토])"
_DATES = re.compile(
    rf"{_START}(?:(?P<range>(?:최근|지난)\s?(?:(?P<range_n>{_N})\s?(?P<range_u>일|주일|주|달|개월|년)|(?P<range_w>하루|이틀|사흘|나흘|열흘|보름))"
    rf"(?!\s?(?:전|뒤|후))(?:\s?(?:간|동안|치))?)"
    rf"|(?P<ago_w>하루|이틀|사흘|나흘|닷새|엿새|이레|여드레|아흐레|열흘|보름)\s?(?P<ago_wd>전|뒤|후)(?![가-힣]{{0,2}}까지)"
    rf"|(?P<ago_n>(?<!\d)\d{{1,3}}|{_B}(?:한|두|세|네|다섯|여섯|일|이|삼|사|오|육|십))\s?(?P<ago_u>일|주일|주|달|개월|년|해)\s?(?:쯤|정도|즘)?\s?"
    rf"(?P<ago_d>전|뒤|후)(?!부|체|국)"
    rf"|(?P<vague>며칠|몇\s?일|몇\s?주|몇\s?달)\s?(?P<vague_d>전|뒤|후)"
    rf"|(?<!\d)(?P<y>20\d\d|\d\d)(?P<sep>[./\-])\s?(?P<m>0?[1-9]|1[0-2])(?P=sep)\s?(?P<d>0?[1-9]|[12]\d|3[01])(?![\d\-])"
    rf"|(?<!\d)(?:(?P<ky>20\d\d|\d\d)년도?\s?|(?P<ry>재작년|작년|올해|금년|내년)\s?|(?P<rm>지난|저번|올|이번)\s?)?"
    rf"(?P<km>(?<![\d가-힣])(?:십[일이]?|[일이삼사오유육칠팔구시])(?=월)|0?[1-9]|1[0-2])월\s?"
    rf"(?:(?P<kd>(?<!\d)(?:0?[1-9]|[12]\d|3[01]))일|(?P<part>초|중순|말))?(?![\d가-힣]{{0,1}}요일)(?!드컵|급|세|말)"
    rf"|(?P<monthword>지지난\s?달|저저번\s?달|지난\s?달|저번\s?달|이번\s?달|이\s?달|담\s?달|다음\s?달)\s?(?:(?P<md>[12]\d|3[01]|0?[1-9])일|(?P<mpart>초|중순|말))?"
    rf"|(?P<weekword>지지난\s?주|저저번\s?주|지난\s?주|저번\s?주|이번\s?주|금주|다음\s?주|담\s?주)(?!문|소)\s?(?:(?P<wd>[월화수목금토일])요일|(?P<wend>주말)|(?P<wd1>[월화수목금토])(?![가-힣])|말)?"
    rf"|(?P<weekend>지난\s?주말|저번\s?주말|이번\s?주말|다음\s?주말)"
    rf"|(?<![가-힣])(?P<day>[월화수목금토일])요일"
    rf"|(?<![가-힣])(?P<coupledays>엊그제|엊그저께|엇그제|엇그저께)"
    rf"|(?P<rel>그끄저께|그끄제|그저께|내일\s?모레|어저께|어젯밤|엊저녁|(?<![가-힣])(?:오늘|금일|어제|그제|내일|낼|모레|글피|당일))"
    rf"|(?<![가-힣])(?P<year>재작년|작년|올해)"
    rf"|(?<![\d/.\-])(?P<sm>0?[1-9]|1[0-2])/(?P<sd>0?[1-9]|[12]\d|3[01])(?![\d/])"
    rf"|(?<![\d/.\-])(?P<pm>0?[1-9]|1[0-2])\.\s?(?P<pd>0?[1-9]|[12]\d|3[01])(?=일|에\s|자\s?주문|날|\s?(?:주문|구매|결제|산\s|입고))(?:일)?"
    rf"|(?<![\d.,\-/가-힣a-zA-Z])(?P<only>[12]\d|3[01]|0?[1-9])일(?=에|거|꺼|것|날|자|\s?(?:주문|구매|결제|산|샀|시킨|입고|부터|까지|거|꺼|것)|이요|요|$))"
)


def _month_days(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _date(year: int, month: int, day: int) -> date | None:
    if not 1 <= month <= 12 or not 1 <= day <= _month_days(year, month):
        return None
    return date(year, month, day)


def _month(year: int, month: int) -> tuple[int, int]:
    """A month counted past either end of its year."""
    years, index = divmod(month - 1, 12)
    return year + years, index + 1


def _part(year: int, month: int, part: str | None) -> tuple[date, date]:
    first, last = {"초": (1, 10), "중순": (11, 20), "말": (21, 31)}.get(part or "", (1, 31))
    return date(year, month, first), date(year, month, min(last, _month_days(year, month)))


def _nearest(month: int, day: int, today: date, direction: Direction) -> date | None:
    """The day and month without a year: today or the nearest before it (after it for restocks)."""
    # 29 February may be up to eight years away.
    for step in range(9):
        here = _date(today.year + (step if direction == "future" else -step), month, day)
        if here is not None and ((here >= today) if direction == "future" else (here <= today)):
            return here
    return None


def _count(word: str) -> int:
    return int(word) if word.isdigit() else _WORD_COUNTS.get(word, 1)


def _days(count: int, unit: str) -> int:
    match unit:
        case "일":
            return count
        case "주" | "주일":
            return count * 7
        case "달" | "개월":
            return count * 30
        case _:
            return count * 365


def _read(m: re.Match[str], today: date, direction: Direction) -> tuple[date, date] | None:
    if m["range"]:
        days = _WORD_DAYS[m["range_w"]] if m["range_w"] else _days(_count(m["range_n"]), m["range_u"])
        return (today, today + timedelta(days)) if direction == "future" else (today - timedelta(days), today)
    if m["ago_w"]:
        here = today + timedelta(_WORD_DAYS[m["ago_w"]] * (-1 if m["ago_wd"] == "전" else 1))
        return (here - timedelta(1), here + timedelta(1)) if m["ago_w"] in ("열흘", "보름") else (here, here)
    if m["ago_n"]:
        return _ago(_count(m["ago_n"]), m["ago_u"], -1 if m["ago_d"] == "전" else 1, today)
    if m["vague"]:
        sign = -1 if m["vague_d"] == "전" else 1
        near, far = {"주": (7, 35), "달": (30, 150)}.get(m["vague"][-1], (2, 9))
        ends = sorted((today + timedelta(sign * near), today + timedelta(sign * far)))
        return ends[0], ends[1]
    if m["y"]:
        year = int(m["y"]) if len(m["y"]) == 4 else 2000 + int(m["y"])
        return _day(_date(year, int(m["m"]), int(m["d"])))
    if m["km"]:
        return _korean_month(m, today, direction)
    if m["monthword"]:
        word = m["monthword"].replace(" ", "")
        step = -2 if word.startswith(("지지", "저저")) else -1 if word.startswith(("지난", "저번")) else 0
        step = 1 if word.startswith(("다음", "담")) else step
        year, month = _month(today.year, today.month + step)
        return _day(_date(year, month, int(m["md"]))) if m["md"] else _part(year, month, m["mpart"])
    if m["weekword"]:
        return _week(m, today)
    if m["weekend"]:
        step = {"지": -1, "저": -1, "이": 0, "다": 1}[m["weekend"][0]]
        saturday = today - timedelta(today.weekday()) + timedelta(7 * step + 5)
        return saturday, saturday + timedelta(1)
    if m["day"]:
        away = (today.weekday() - _WEEKDAYS.index(m["day"])) % 7 or 7
        here = today + timedelta(7 - away if away != 7 else 7) if direction == "future" else today - timedelta(away)
        return here, here
    if m["coupledays"]:
        return today - timedelta(4), today - timedelta(1)
    if m["rel"]:
        here = today + timedelta(_RELATIVE[m["rel"].replace(" ", "")])
        return here, here
    if m["year"]:
        year = today.year + {"재작년": -2, "작년": -1, "올해": 0}[m["year"]]
        return date(year, 1, 1), date(year, 12, 31)
    if m["sm"]:
        return _day(_nearest(int(m["sm"]), int(m["sd"]), today, direction))
    if m["pm"]:
        return _day(_nearest(int(m["pm"]), int(m["pd"]), today, direction))
    return _day(_nearest_of_month(int(m["only"]), today, direction))


def _day(here: date | None) -> tuple[date, date] | None:
    return None if here is None else (here, here)


def _ago(count: int, unit: str, sign: int, today: date) -> tuple[date, date] | None:
    # Whoever says "two weeks ago" means some day around then; a counted day is meant exactly.
    slack = {"일": 0, "주": 3, "주일": 1 if count == 1 else 3}.get(unit, 15 if unit in ("달", "개월") else 60)
    if unit in ("달", "개월"):
        year, month = _month(today.year, today.month + sign * count)
        here = date(year, month, min(today.day, _month_days(year, month)))
    else:
        days = sign * _days(count, unit)
        if not date.min.toordinal() + 400 < today.toordinal() + days < date.max.toordinal() - 400:
            return None
        here = today + timedelta(days)
    return here - timedelta(slack), here + timedelta(slack)


def _korean_month(m: re.Match[str], today: date, direction: Direction) -> tuple[date, date] | None:
    month = int(m["km"]) if m["km"].isdigit() else _WORD_MONTHS[m["km"]]
    year: int | None = None
    if m["ky"]:
        year = int(m["ky"]) if len(m["ky"]) == 4 else 2000 + int(m["ky"])
    elif m["ry"]:
        year = today.year + {"재작년": -2, "작년": -1, "올해": 0, "금년": 0, "내년": 1}[m["ry"]]
    if m["kd"]:
        day = int(m["kd"])
        return _day(_date(year, month, day) if year else _nearest(month, day, today, direction))
    if year is None:
        year = today.year
        if direction == "past" and month > today.month:
            year -= 1
        elif direction == "future" and month < today.month:
            year += 1
    return _part(year, month, m["part"])


def _week(m: re.Match[str], today: date) -> tuple[date, date]:
    word = m["weekword"].replace(" ", "")
    step = -2 if word.startswith(("지지", "저저")) else -1 if word.startswith(("지난", "저번")) else 0
    step = 1 if word.startswith(("다음", "담")) else step
    monday = today - timedelta(today.weekday()) + timedelta(7 * step)
    day = m["wd"] or m["wd1"]
    if day:
        here = monday + timedelta(_WEEKDAYS.index(day))
        return here, here
    if m["wend"] or m.group().endswith("말"):
        return monday + timedelta(5), monday + timedelta(6)
    return monday, monday + timedelta(6)


def _nearest_of_month(day: int, today: date, direction: Direction) -> date | None:
    for step in range(13):
        year, month = _month(today.year, today.month + (step if direction == "future" else -step))
        here = _date(year, month, day)
        if here is not None and ((here >= today) if direction == "future" else (here <= today)):
            return here
    return None


_FROM_TO = re.compile(r"\s?(?:부터|에서|~|-)\s?")
_UNTIL = re.compile(r"\s?까지")


def _merged(text: str, found: list[FoundPeriod]) -> Iterator[FoundPeriod]:
    """'3월 1일부터 5일까지' is one period."""
    i = 0
    while i < len(found):
        here = found[i]
        after = found[i + 1] if i + 1 < len(found) else None
        if after is not None and _FROM_TO.fullmatch(text, here.span[1], after.span[0]):
            end = after.period.end
            if re.fullmatch(r"\d{1,2}일", after.period.text):
                same_month = _date(here.period.start.year, here.period.start.month, int(after.period.text[:-1]))
                end = same_month or end
            if end >= here.period.start:
                until = _UNTIL.match(text, after.span[1])
                last = until.end() if until else after.span[1]
                span = (here.span[0], last)
                yield FoundPeriod(Period(here.period.start, end, text[span[0] : span[1]]), span)
                i += 2
                continue
        yield here
        i += 1
