"""One message as the readers see it: folded, repaired, and with a way back to what was typed.

`text` and `compact` are for matching only. What is stored, shown or masked is `raw`; use `raw_span` to get there.
`normalise` is idempotent on its own `text`.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass

from sangdam.nlu.jamo import is_syllable

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Normal:
    """A normalised message.

    raw: as typed. text: folded, single spaces, case kept. compact: text without spaces, lower case. bare: compact
    without marks (`?` among them). offsets[i]: the stretch of raw that text[i] stands for.
    """

    raw: str
    text: str
    compact: str
    bare: str
    offsets: tuple[Span, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing was said: no letter and no digit is left (emoji, laughing, dots). A lone '?' is a question."""
        return not self.bare and "?" not in self.compact

    @property
    def asks(self) -> bool:
        """A question mark was typed."""
        return "?" in self.compact

    def raw_span(self, start: int, end: int) -> Span:
        """The stretch of raw behind text[start:end]; (0, 0) behind an empty stretch."""
        if start >= end:
            return (0, 0)
        return (self.offsets[start][0], self.offsets[end - 1][1])

    def raw_of(self, start: int, end: int) -> str:
        """What was typed for text[start:end]."""
        first, last = self.raw_span(start, end)
        return self.raw[first:last]

    def text_span(self, start: int, end: int) -> Span:
        """The stretch of text behind compact[start:end]."""
        places = [i for i, char in enumerate(self.text) if char != " "]
        if start >= end:
            return (0, 0)
        return (places[start], places[end - 1] + 1)


_PLAIN = re.compile(r"[ -~가-힣ㄱ-ㅣ]+")
# Zero-width and direction marks, fillers, variation selectors, the keycap; then pictures.
_DROPPED = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
    "|[\u231a-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
)
_MARKS = re.compile(r"[\s.,!?~…'\"“”‘’^;:·`()\[\]{}<>|*=\-_/\\]+")
_LAUGH = re.compile(r"ㅎㅇ|(?<!ㅇ)ㅇㅋ|[ㅋㅎㅠㅜ]+|ㅡ{2,}|\^+|;+(?=\s|$|;)")
_MARK_RUN = re.compile(r"[!?~.,·]{2,}|-{2,}")
_REPEAT = re.compile(r"([가-힣ㄱ-ㅣ])\1{2,}")
_SPACES = re.compile(r"\s+")

_DIGIT_OF = dict(zip("영공일이삼사오육륙칠팔구", "001234566789", strict=True))
_SPOKEN = re.compile(r"[영공일이삼사오육륙칠팔구](?:(?:\s?(?:다시|대시|에|-)\s?|\s)?[영공일이삼사오육륙칠팔구])+")
_SPOKEN_HINT = re.compile(r"[영공일이삼사오육륙칠팔구]\s?[영공일이삼사오육륙칠팔구]")
_SPOKEN_PHONE = ("010", "011", "016", "017", "018", "019")
_AFTER_SPOKEN = re.compile(
    r"(?:이?요|입니|이?에요|예요|이?고|이?구|인데|번|으?로|이?거|에서|다시|대시|맞|에\s?[\d영공일이삼사오육륙칠팔구])"
)
_AFTER_COPULA = re.compile(r"(?:요|에요|예요|고|구|야|라|며|거든|지|네|용|염|여)")
_BEFORE_SPOKEN = ("번호", "번호는", "번호가", "번호요", "은", "는", "폰", "전번", "폰번", "다시", "대시")
# Days counted loosely and everyday words made of the same syllables.
_NOT_SPOKEN = frozenset({"일일이", "이일이", "구구이", "사사이", "칠칠이", "오이사", "이오이", "공구이"})

_WORD_DASH = re.compile(r"(?<=\d)\s*(?:다시|대시|[–—−ㅡ_])\s*(?=\d)|(?<=\d)(?: -| - |- )(?=\d)")
_GAP = r"[\s\-.()/·_–—−]{0,3}"
_GROUPED = re.compile(
    rf"(?<!\d)(?P<order>20\d{{6}})[\s\-.·_–—−ㅡ]{{1,3}}(?P<serial>\d{{7}})(?!\d)"
    rf"|(?<!\d)(?<!\d-)(?:(?P<land>\+?82){_GAP}(?:\(?0\)?)?(?P<abroad>1[016789])|(?P<head>01[016789]|050\d|0(?:2|[3-6]\d|70|80)))"
    rf"{_GAP}(?P<mid>\d{{3,4}}){_GAP}(?P<tail>\d{{4}})(?!\d)"
    r"|(?<![\d.\-])(?P<run>\d{3,}(?:[ .](?!01[016789]|20\d{6})\d{3,})+)(?![\d.]|,\d|\s?(?:원|만|개|장|벌))"
)
_SINGLES = re.compile(r"(?<!\d)(?<!\d )\d(?: \d){9,}(?!\d)")
_HAS_DIGIT = re.compile(r"\d")
_INNER_GAP = re.compile(r"[ .]")

_Edit = tuple[int, int, str]


def normalise(raw: str) -> Normal:
    """Fold one message for reading. Never raises; the empty string gives an empty Normal."""
    text, spans = raw, [(i, i + 1) for i in range(len(raw))]
    # One pass may uncover work for another (a dropped mark joins two groups); three are the most ever seen.
    for _ in range(8):
        folded, folded_spans = _pass(text, spans)
        if folded == text:
            break
        text, spans = folded, folded_spans
    compact = text.replace(" ", "").lower()
    return Normal(raw=raw, text=text, compact=compact, bare=_MARKS.sub("", compact), offsets=tuple(spans))


def _pass(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    if not _PLAIN.fullmatch(text):
        text, spans = _fold(text, spans)
    text, spans = _edited(text, spans, _mark_edits(text))
    if _SPOKEN_HINT.search(text):
        text, spans = _edited(text, spans, _spoken_edits(text))
    if _HAS_DIGIT.search(text):
        text, spans = _edited(text, spans, [(m.start(), m.end(), "-") for m in _WORD_DASH.finditer(text)])
        text, spans = _edited(text, spans, _single_edits(text))
        text, spans = _edited(text, spans, _group_edits(text))
    text, spans = _edited(text, spans, [(m.start(), m.end(), m.group(1)) for m in _REPEAT.finditer(text)])
    text, spans = _edited(text, spans, [(m.start(), m.end(), " ") for m in _SPACES.finditer(text) if m.group() != " "])
    lead = len(text) - len(text.lstrip())
    text = text.strip()
    return text, spans[lead : lead + len(text)]


def _edited(text: str, spans: list[Span], edits: list[_Edit]) -> tuple[str, list[Span]]:
    """Apply edits in order of place. A replacement is as long as what it replaces, one character, or nothing."""
    if not edits:
        return text, spans
    out: list[str] = []
    kept: list[Span] = []
    at = 0
    for start, end, put in edits:
        out.append(text[at:start])
        kept.extend(spans[at:start])
        out.append(put)
        if len(put) == end - start:
            kept.extend(spans[start:end])
        elif put:
            here = (spans[start][0], spans[end - 1][1]) if start < end else (spans[start][0], spans[start][0])
            kept.append(here)
        at = end
    out.append(text[at:])
    kept.extend(spans[at:])
    return "".join(out), kept


def _fold(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """NFKC cluster by cluster. Single letters (ㅋ, ㅇㅇ) stay: NFKC would turn them into conjoining jamo."""
    out: list[str] = []
    kept: list[Span] = []
    i, n = 0, len(text)
    while i < n:
        plain = _PLAIN.match(text, i)
        if plain:
            end = plain.end()
            if end < n and _joins(text[end]):
                end -= 1
            out.append(text[i:end])
            kept.extend(spans[i:end])
            i = end
            if i >= n or plain.end() == end:
                continue
        end = i + 1
        while end < n and _joins(text[end]):
            end += 1
        here = (spans[i][0], spans[end - 1][1])
        for char in unicodedata.normalize("NFKC", text[i:end]):
            if _DROPPED.match(char):
                continue
            put = " " if unicodedata.category(char)[0] in "CZ" else char
            out.append(put)
            kept.append(here)
        i = end
    return "".join(out), kept


def _joins(char: str) -> bool:
    return unicodedata.combining(char) != 0 or "\u1160" < char <= "\u11ff"


def _mark_edits(text: str) -> list[_Edit]:
    edits: list[_Edit] = [(m.start(), m.end(), " ") for m in _LAUGH.finditer(text) if m.group() not in ("ㅎㅇ", "ㅇㅋ")]
    edits += [(m.start(), m.end(), "?" if "?" in m.group() else m.group()[0]) for m in _MARK_RUN.finditer(text)]
    edits.sort()
    return edits


def _spoken_edits(text: str) -> list[_Edit]:
    edits: list[_Edit] = []
    for m in _SPOKEN.finditer(text):
        start, end = m.span()
        places = [i for i in range(start, end) if text[i] in _DIGIT_OF]
        if text[end - 1] == "이" and _AFTER_COPULA.match(text, end):
            places.pop()  # 오육칠팔이요: the 이 belongs to the ending
        digits = "".join(_DIGIT_OF[text[i]] for i in places)
        if len(digits) == 12 and digits.startswith(_SPOKEN_PHONE) and text[places[-1]] == "구":
            places.pop()  # 오육칠팔구요: the 구 of -구요
            digits = digits[:-1]
        if len(digits) < 3 or not _is_spoken_number(text, digits, places):
            continue
        singles = all(b - a > 1 for a, b in itertools.pairwise(places))
        for i, place in enumerate(places):
            edits.append((place, place + 1, digits[i]))
            if i + 1 == len(places) or places[i + 1] == place + 1:
                continue
            gap = text[place + 1 : places[i + 1]]
            if gap.strip():
                edits.append((place + 1, places[i + 1], "-"))
            elif singles:
                edits.append((place + 1, places[i + 1], ""))
    return edits


def _is_spoken_number(text: str, digits: str, places: list[int]) -> bool:
    start, end = places[0], places[-1] + 1
    word = text[start:end]
    more = re.match(r"\s?(?:다시|대시|에|-)?\s?\d", text[end:]) is not None
    if digits.startswith(_SPOKEN_PHONE) and (len(digits) >= 9 or more):
        return True
    before, after = text[:start], text[end:]
    if before and is_syllable(before[-1]) and not before.endswith(_BEFORE_SPOKEN):
        return False
    if after and is_syllable(after[0]) and not _AFTER_SPOKEN.match(after):
        return False
    spaced = " " in word
    if len(digits) >= 6:
        return not spaced or len(digits) >= 8 or not before.strip()
    if more or re.search(r"\d[\s\-]?$", before):
        return True
    return not (spaced or word.endswith("일") or word.startswith("이사") or word in _NOT_SPOKEN)


def _single_edits(text: str) -> list[_Edit]:
    """A phone or order number typed digit by digit: '0 1 0 1 2 …'. Ten at least, so a list of picks stays one."""
    return [(i, i + 1, "") for m in _SINGLES.finditer(text) for i in range(m.start() + 1, m.end(), 2)]


def _group_edits(text: str) -> list[_Edit]:
    edits: list[_Edit] = []

    def join(a: int, b: int) -> None:
        if a < b and text[a:b] != "-":
            edits.append((a, b, "-"))

    for m in _GROUPED.finditer(text):
        if m["order"]:
            join(m.end("order"), m.start("serial"))
        elif m["run"]:
            groups = _INNER_GAP.split(m["run"])
            if sum(map(len, groups)) >= 9 or min(map(len, groups)) >= 4:
                for gap in _INNER_GAP.finditer(m["run"]):
                    join(m.start() + gap.start(), m.start() + gap.end())
        else:
            if m["land"]:
                join(m.end("land"), m.start("abroad"))
            join(m.end("head") if m["head"] else m.end("abroad"), m.start("mid"))
            join(m.end("mid"), m.start("tail"))
    return edits
