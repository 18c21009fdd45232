"""Which values a message holds, and where: numbers by label, then by shape, then by what is awaited (dialogue §3.2).

Spans count in `Normal.text`. Values nobody should type into a chat come out as `sensitive` with the value withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from sangdam.nlu.address import find_addresses, find_details
from sangdam.nlu.dates import Direction, Period, find_periods, today_of
from sangdam.nlu.names import find_names
from sangdam.nlu.normal import Normal, Span
from sangdam.nlu.wording import OLD_VALUE, OLD_VALUE_BETWEEN, find_options, find_reasons, find_types

ExpectedKind = Literal[
    "order_id_or_phone", "phone", "otp", "orderer_name", "zipcode", "contact", "choice", "multi_choice", "yes_no",
    "confirm_write", "address_query", "address_detail", "product_query", "claim_type", "claim_reason", "claim_items",
    "consent", "ticket_text", "csat_score", "csat_reason",
]  # fmt: skip
SlotName = Literal[
    "order_id", "phone", "receiver_phone", "contact", "landline", "safe_number", "otp", "zipcode", "orderer_name",
    "receiver_name", "address_query", "address_detail", "option", "claim_type", "claim_reason", "date", "period",
    "quantity", "lead_days", "score", "tracking_no", "outside_order", "sensitive", "number",
]  # fmt: skip
Secret = Literal["bank_account", "customs_code", "rrn", "card", "door_code", "password"]
NUMBER_NAMES = frozenset(
    {
        "order_id", "phone", "receiver_phone", "contact", "landline", "safe_number", "otp", "zipcode", "tracking_no",
        "outside_order", "number",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slot:
    """One value. raw: as typed, bullets for `sensitive`. superseded: a later word of the same message replaced it.

    Values: order_id 'YYYYMMDD-NNNNNNN'; phone, contact, landline, safe_number, otp, zipcode, tracking_no, number digits
    only; date and period a Period; quantity, lead_days (days ahead), score int; sensitive a Secret; others text.
    """

    name: SlotName
    value: str | int | Period
    span: Span
    labelled: bool
    raw: str
    superseded: bool = False


def awaited(awaiting: frozenset[str] | str | None) -> frozenset[str]:
    """Slot and expected kinds as one set; order_id_or_phone opens into its two."""
    if awaiting is None:
        return frozenset()
    kinds = frozenset({awaiting}) if isinstance(awaiting, str) else awaiting
    return kinds | {"order_id", "phone"} if "order_id_or_phone" in kinds else kinds


def find_slots(
    normal: Normal,
    *,
    now: datetime,
    awaiting: frozenset[str] | ExpectedKind | None = None,
    direction: Direction = "past",
) -> tuple[Slot, ...]:
    """Every value of one message in order of place. now is aware; direction says where a date without a year lies."""
    kinds = awaited(awaiting)
    text = normal.text
    today = today_of(now)
    found: list[Slot] = []

    def take(name: SlotName, value: str | int | Period, span: Span, *, labelled: bool = False) -> None:
        raw = normal.raw_of(*span)
        found.append(Slot(name, value, span, labelled, "•" * len(raw) if name == "sensitive" else raw))

    numbers = _HAS_DIGIT.search(text) is not None
    if numbers:
        for secret, span in _secrets(text):
            take("sensitive", secret, span, labelled=True)
    places = find_addresses(text, eager=bool(kinds & {"address_query", "address"}))
    for place in places:
        take("address_query", place.query, place.span)
        if place.detail:
            take("address_detail", place.detail, place.detail_span)
        if place.zipcode:
            take("zipcode", place.zipcode, place.zip_span)
    if numbers or "address_detail" in kinds:
        for detail, span in find_details(text, eager="address_detail" in kinds):
            if not _taken(found, span):
                take("address_detail", detail, span)
    dated = [f for f in find_periods(text, today=today, direction=direction) if not _taken(found, f.span)]
    options = find_options(text, eager="option" in kinds)
    if numbers:
        held = [f.span for f in dated] + [span for _, span in options]
        _take_numbers(normal, kinds, today, held, found, take)
    for lead in _lead_days(text, open_=bool(kinds & {"lead_days", "multi_choice"})):
        if not _taken(found, lead[1]):
            take("lead_days", lead[0], lead[1])
    for f in dated:
        if not _taken(found, f.span):
            take("date" if f.period.is_day else "period", f.period, f.span)
    for count, span in _quantities(text):
        if not _taken(found, span):
            take("quantity", count, span)
    if kinds & {"csat_score", "score"}:
        from_text = read_score(normal)
        if from_text is not None:
            take("score", from_text, (0, len(text)))
    for option, span in options:
        if not _taken(found, span):
            take("option", option, span)
    for kind, span in find_types(text):
        take("claim_type", kind, span)
    for reason, span in find_reasons(text):
        take("claim_reason", reason, span)
    taken = [s.span for s in found if s.name not in ("claim_type", "claim_reason", "option")]
    for name in find_names(text, taken, awaiting=bool(kinds & {"orderer_name", "receiver_name"})):
        receiver = name.receiver or ("receiver_name" in kinds and not name.labelled)
        take("receiver_name" if receiver else "orderer_name", name.value, name.span, labelled=name.labelled)
    found.sort(key=lambda s: (s.span, s.name))
    return _superseded(text, found)


def settle(slots: Iterable[Slot], name: SlotName, normal: Normal) -> tuple[Slot, ...]:
    """The slots of one name still standing: one, none, or several to ask about.

    Of several, the one right before the only asking verb is taken ('A 말고 …' was settled before).
    """
    standing = [s for s in slots if s.name == name and not s.superseded]
    values = {s.value for s in standing}
    if len(values) <= 1:
        return tuple(standing[:1])
    verbs = list(_ASKING.finditer(normal.text))
    if len(verbs) != 1:
        return tuple(standing)
    before = [s for s in standing if s.span[1] <= verbs[0].start()]
    near = [s for s in before if verbs[0].start() - s.span[1] <= 6]
    return tuple(near[-1:]) if len(near) == 1 else tuple(standing)


_HAS_DIGIT = re.compile(r"\d")
_ASKING = re.compile(r"(?:조회|확인|취소|반품|교환|환불|보내|변경|바꿔|찾아|봐|알려)")

# ---- numbers -------------------------------------------------------------------------------------------------------

_CLUSTER = re.compile(r"\+?\d+(?:-\d+)*")
_LABEL = re.compile(
    r"(?P<order>주[문뮨]\s*(?:서\s*)?(?:번호|넘버|변호|버노|번)|주번|오더\s*(?:번호|넘버)|order\s*(?:no\.?|number|id|#)?)"
    r"|(?P<otp>인[증즁]\s*(?:번호|코드|번|문자)?|otp|(?<![가-힣])코드|verification\s*code|\bcode)"
    r"|(?P<zip>우편\s*번호|우편|zip\s*(?:code)?|postal\s*code)"
    r"|(?P<track>운?송장\s*(?:번호|번|넘버)?|등기\s*(?:번호)?|택배\s*번호|tracking\s*(?:no\.?|number)?)"
    r"|(?P<bank>계좌\s*(?:번호)?|[가-힣]{2,4}은행|카카오\s*뱅크|카뱅|토스\s*뱅크|케이뱅크|케뱅|새마을\s*금고|신협|수협|(?<![가-힣])(?:국민|신한|농협|기업|하나|우리|우체국|토스|sc제일|씨티)(?=\s?(?:\d|$)))"
    r"|(?P<biz>사업자\s*(?:등록)?\s*(?:번호)?)"
    r"|(?P<other>상품\s*번호|품번|접수\s*번호|문의\s*번호|글\s*번호|회원\s*번호|쿠폰\s*(?:번호|코드)|모델\s*(?:명|번호)?|티켓\s*번호|비밀\s*번호|비번)"
    r"|(?P<phone>(?:전화|휴대폰|핸드폰|핸폰|휴대전화|헨드폰|폰)\s*(?:번호|번)?|폰번|전번|연락처|연락\s*번호|번호|h\.?p\b|phone\s*(?:number|no\.?)?|mobile|tel\b|cell)",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"\s*(?:은|는|이|가|을|를|도|요|이요|:|=|,|\)|#|no\.?|-|→|이고|인데|is|my)?\s*(?:제|내|그|이건|여기|요건|바로)?\s*[:(]?\s*",
    re.IGNORECASE,
)
_RECEIVER = re.compile(
    r"(?:받는|받을|받으실|받으시는|수령|수취|배송받는)\s?(?:사람|분|인|자|친구|곳)?(?!\s?(?:말고|아니))[가-힣]{0,3}(?:\s(?!말고|아니)[가-힣]{1,6})?\s*$|(?:엄마|어머니|아빠|아버지|친구|동생|언니|누나|형|남편|아내|와이프)\s?(?:한테|께)?\s*$"
)
_UNIT = re.compile(
    r"\s?(?:만\s?원|천\s?원|백\s?원|원|만(?=\s|$|\d)|천(?=\s|$|\d)|개|장(?!바)|벌|켤레|세트|셋트|박스|묶음|봉지|병|팩|동(?!안)|호(?!박)|층|월|일|시(?!\s?스)|분(?!\s?(?:이|한|께|들|의))|초|%|퍼센트|프로|명|cm|mm|kg|g\b|ml|살|번째|번(?!호)|점|주|년|인치|통|가지|권|킬로|센치|센티|사이즈|배|회|차|대|쪽|평|키로|\+\d)",
    re.IGNORECASE,
)
_BODY = re.compile(r"(?:키|몸무게|체중|신장|허리|가슴|발|평소)(?:는|가|이)?\s?$")
_EMS = re.compile(r"(?<![A-Za-z])[A-Z]{2}\d{9}[A-Z]{2}(?![A-Za-z])", re.IGNORECASE)
_SHORT_LEFT = re.compile(r"[^가-힣a-z]")
_SIX_SPACED = re.compile(r"\D{0,14}?(\d(?: \d){5}|\d{2} \d{2} \d{2}|\d{3}[ -]\d{3})(?!\d)\D{0,8}")
_ALONE_TAIL = re.compile(
    r"(?:이?요|용|염|여|입니다|이?에요|예요|이라고(?:왔|나|오|떴)?[가-힣]*|라고(?:왔|나|오|떴)?[가-힣]*|이라네요|네요|왔어[요여]|왔습니다|이래요|래요|인데요?|맞나요|맞아요|맞죠|여기요|여기|네|넵|인증|인증번호|번호|코드|문자|는|은|이|로|으로|요거|이거|가|왔네요|아|음|앗|아니|다시|됐나요|입력|했어요|됐어요|is|the|code|it|here|itis)*"
)


def _real_date(digits: str, first: date, last: date) -> date | None:
    try:
        here = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
    return here if first <= here <= last else None


def order_id_of(digits: str, today: date) -> str | None:
    """15 digits as an order id when the first eight are a day from 2015 to tomorrow."""
    if len(digits) != 15 or _real_date(digits, date(2015, 1, 1), today + timedelta(1)) is None:
        return None
    return f"{digits[:8]}-{digits[8:]}"


def phone_of(digits: str) -> str | None:
    """Digits as a mobile number of ten or eleven, '+82 10' folded to 010; None when they are something else."""
    if digits.startswith("82") and digits[2:4] in ("10", "11", "16", "17", "18", "19"):
        digits = "0" + digits[2:]
    elif digits.startswith("820") and digits[3:5] in ("10", "11", "16", "17", "18", "19"):
        digits = digits[2:]
    if len(digits) in (10, 11) and digits[:3] in ("010", "011", "016", "017", "018", "019"):
        return digits
    return None


def _landline(digits: str, groups: list[str]) -> bool:
    if re.fullmatch(r"(?:02\d{7,8}|0(?:3[1-3]|4[1-4]|5[1-5]|6[1-4]|70)\d{7,8}|080\d{7})", digits):
        return True
    return len(groups) == 2 and re.fullmatch(r"1[568]\d{6}", digits) is not None and len(groups[0]) == 4


@dataclass(frozen=True, slots=True)
class _Label:
    kind: str
    direct: bool  # nothing but a particle stands between label and number


def _label_of(text: str, start: int, end: int, floor: int) -> _Label | None:
    """The label within 8 characters before (not beyond the number before) or 3 after."""
    low = max(floor, start - 14)
    best: _Label | None = None
    for m in _LABEL.finditer(text, low, start):
        if start - m.end() > 8:
            continue
        link = _LINK.fullmatch(text, m.end(), start)
        best = _Label(str(m.lastgroup), link is not None)
        if link is None and _NO_LABEL.match(text, m.end()):
            best = None
    if best is not None:
        return best
    tail = _AFTER_LABEL.match(text, end)
    if tail is None:
        return None
    m = _LABEL.match(text, tail.end())
    return _Label(str(m.lastgroup), True) if m else None


_NO_LABEL = re.compile(r"\s?(?:은|는|이|가|를|을|도)?\s?(?:모르|몰라|없|대신|말고|까먹|기억|잊|안\s?나|을?\s?잃)")
_AFTER_LABEL = re.compile(r"\s?(?:이|가|은|는)?[\s(]{0,2}")


def _secrets(text: str) -> list[tuple[Secret, Span]]:
    found: list[tuple[Secret, Span]] = []
    for m in _SECRET.finditer(text):
        kind = m.lastgroup
        if kind == "customs":
            found.append(("customs_code", m.span("customs")))
        elif kind == "rrn":
            found.append(("rrn", m.span("rrn")))
        elif kind == "card":
            digits = re.sub(r"\D", "", m["card"])
            if _is_card(digits, grouped="-" in m["card"]):
                found.append(("card", m.span("card")))
        elif kind == "door":
            found.append(("door_code", m.span("door")))
        elif kind == "password":
            found.append(("password", m.span("password")))
    return found


_SECRET = re.compile(
    r"(?<![A-Za-z\d])(?P<customs>P\s?\d{12})(?!\d)"
    r"|(?<![\d-])(?P<rrn>\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6})(?![\d-])"
    r"|(?<![\d-])(?P<card>\d{4}-\d{4}-\d{4}-\d{4}|[3-69]\d{15})(?![\d-])"
    r"|(?:공동\s?현관|현관문?|출입문?|도어락|정문|공용\s?현관)(?:\s?(?:비밀\s?번호|비번|암호|번호|출입\s?번호))?(?:은|는|이)?\s?:?\s?(?P<door>[#*]?\s?\d{3,8}(?:\s?[#*])?)(?!\d|-|\s?(?:호|동|층))"
    r"|(?:비밀\s?번호|비번|패스워드|암호|password|pw)(?:은|는|이)?\s?:?\s?(?P<password>(?=\S*\d)[A-Za-z\d!@#$%^&*]{4,20})",
    re.IGNORECASE,
)


def _is_card(digits: str, *, grouped: bool) -> bool:
    if grouped:
        return digits[0] != "2" or not digits.startswith("20")
    total = 0
    for i, char in enumerate(reversed(digits)):
        n = int(char) * (2 if i % 2 else 1)
        total += n - 9 if n > 9 else n
    return total % 10 == 0


def _taken(found: list[Slot], span: Span) -> bool:
    return any(s.span[0] < span[1] and span[0] < s.span[1] for s in found)


def _take_numbers(
    normal: Normal,
    kinds: frozenset[str],
    today: date,
    held: list[Span],
    found: list[Slot],
    take: _TakeSlot,
) -> None:
    text = normal.text
    if "otp" in kinds:
        spaced = _SIX_SPACED.fullmatch(text)
        if spaced and _ALONE_TAIL.fullmatch(_left_over(text, spaced.span(1))):
            take("otp", re.sub(r"\D", "", spaced[1]), spaced.span(1))
            return
    for m in _EMS.finditer(text):
        if not _taken(found, m.span()):
            take("tracking_no", m.group().upper(), m.span())
    floor = 0
    account_named = "계좌" in text
    for m in _CLUSTER.finditer(text):
        span = m.span()
        before, floor = floor, m.end()
        if _taken(found, span) or any(a <= span[0] and span[1] <= b for a, b in held):
            continue
        groups = m.group().lstrip("+").split("-")
        digits = "".join(groups)
        label = _label_of(text, *span, before)
        kind = label.kind if label else ""
        direct = label is not None and label.direct

        if kind == "bank" and len(digits) >= 8 and not _order_shape(groups, today):
            take("sensitive", "bank_account", span, labelled=True)
            continue
        if kind == "biz" or (len(groups) == 3 and [len(g) for g in groups] == [3, 2, 5]):
            take("number", digits, span, labelled=kind == "biz")
            continue
        order = _order_shape(groups, today)
        if order:
            end = span[0] + len(order) if "-" in m.group() else span[1]
            take("order_id", order, (span[0], min(end, span[1])), labelled=kind == "order")
            continue
        if kind == "track" and 9 <= len(digits) <= 14:
            take("tracking_no", digits, span, labelled=True)
            continue
        if kind == "order" and direct and len(digits) >= 6:
            name: SlotName = "outside_order" if _outside(digits, today) else "number"
            take(name, digits, span, labelled=True)
            continue
        phone = phone_of(digits) if len(groups) <= (4 if m.group().startswith(("+82", "82")) else 3) else None
        if phone:
            receiver = _RECEIVER.search(text[max(0, before) : _label_start(text, span[0], before)]) is not None
            chosen: SlotName = "contact" if "contact" in kinds else "receiver_phone" if receiver else "phone"
            take(chosen, phone, span, labelled=kind == "phone")
            continue
        if digits.startswith("050") and len(digits) in (11, 12) and len(groups) <= 3:
            take("safe_number", digits, span, labelled=kind == "phone")
            continue
        if _landline(digits, groups) and len(groups) <= 3:
            take("landline", digits, span, labelled=kind == "phone")
            continue
        unit = _UNIT.match(text, span[1])
        if unit and len(digits) <= 6:
            continue
        if len(digits) == 6 and len(groups) <= 2 and (kind == "otp" or _awaited_code(text, span, kinds, kind)):
            take("otp", digits, span, labelled=kind == "otp")
            continue
        if len(digits) == 5 and len(groups) == 1 and (kind == "zip" or _awaited_zip(text, span, kinds)):
            take("zipcode", digits, span, labelled=kind == "zip")
            continue
        day = _compact_day(digits, groups, today)
        if day and kind not in ("other", "phone"):
            take("date", Period(day, day, m.group()), span)
            continue
        if _outside(digits, today):
            take("outside_order", digits, span, labelled=kind == "order")
            continue
        if 10 <= len(digits) <= 14:
            secret = account_named or _account_shape(groups)
            if secret and kind != "other":
                take("sensitive", "bank_account", span, labelled=account_named)
            else:
                take("tracking_no", digits, span)
            continue
        if digits == "010" or _BODY.search(text[max(0, span[0] - 4) : span[0]]):
            continue
        if len(digits) >= 3 or _left_over(text, span) == "":
            take("number", digits, span, labelled=bool(kind))


class _TakeSlot(Protocol):
    """The shape of the collecting closure in find_slots."""

    def __call__(self, name: SlotName, value: str | int | Period, span: Span, *, labelled: bool = False) -> None: ...


def _label_start(text: str, start: int, floor: int) -> int:
    at = start
    for m in _LABEL.finditer(text, max(floor, start - 14), start):
        at = m.start()
        break
    return at


def _order_shape(groups: list[str], today: date) -> str | None:
    if len(groups) == 1:
        return order_id_of(groups[0], today)
    if len(groups) in (2, 3) and len(groups[0]) == 8 and len(groups[1]) == 7:
        if len(groups) == 3 and len(groups[2]) > 3:
            return None
        return order_id_of(groups[0] + groups[1], today)
    return None


def _outside(digits: str, today: date) -> bool:
    return len(digits) == 16 and _real_date(digits, date(2015, 1, 1), today + timedelta(1)) is not None


def _left_over(text: str, span: Span) -> str:
    """What is said besides the number, without spaces and marks."""
    return _SHORT_LEFT.sub("", (text[: span[0]] + text[span[1] :]).lower())


def _awaited_code(text: str, span: Span, kinds: frozenset[str], label: str) -> bool:
    if "otp" not in kinds or label in ("order", "track", "bank", "zip", "other"):
        return False
    rest = text[: span[0]] + text[span[1] :]
    return not re.search(r"\d{4}", rest) and _ALONE_TAIL.fullmatch(_left_over(text, span)) is not None


def _awaited_zip(text: str, span: Span, kinds: frozenset[str]) -> bool:
    return "zipcode" in kinds and len(_left_over(text, span)) <= 8


def _compact_day(digits: str, groups: list[str], today: date) -> date | None:
    if len(groups) != 1:
        return None
    if len(digits) == 8:
        return _real_date(digits, date(2015, 1, 1), today + timedelta(365))
    if len(digits) == 6:
        return _real_date("20" + digits, date(2015, 1, 1), today + timedelta(365))
    return None


# How Korean banks group account numbers; carriers print theirs in fours or not at all.
_CARRIER_SHAPES = frozenset(
    {(4, 4, 4), (4, 4, 2), (5, 4, 4), (4, 4, 5), (3, 4, 4), (4, 4, 4, 1), (4, 4, 3), (4, 3, 4), (5, 5)}
)


def _account_shape(groups: list[str]) -> bool:
    return len(groups) >= 2 and tuple(len(g) for g in groups) not in _CARRIER_SHAPES


# ---- counts --------------------------------------------------------------------------------------------------------

_NATIVE = {
    "한": 1, "하나": 1, "두": 2, "둘": 2, "세": 3, "셋": 3, "석": 3, "네": 4, "넷": 4, "넉": 4, "다섯": 5, "여섯": 6,
    "일곱": 7, "여덟": 8, "여덜": 8, "아홉": 9, "열": 10, "스무": 20,
}  # fmt: skip
_COUNT = re.compile(
    r"(?<![\d.,\-])(?P<n>\d{1,4})\s?(?:개(?!월|국|봉|입)|장(?!바|마|난)|벌|켤레|세트|셋트|박스|묶음|팩|병(?!원)|봉지)"
    r"|(?<![가-힣])(?P<w>한|두|세|네|다섯|여섯|일곱|여덟|여덜|아홉|열|스무)\s?(?:개(?!월|국|봉)|장(?!바|마|난)|벌|켤레|세트|셋트|박스|묶음|팩|병(?!원)|봉지)"
    r"|(?<![가-힣])(?P<c>하나|둘|셋|넷|다섯|여섯|일곱|여덟|아홉|열)(?=만(?:\s|요|이요|취|반|교|주|살|환|빼|$)|요(?:\s|$)|이요|\s?주세|\s?(?:취소|반품|교환|환불|주문|살게|구매|추가)|$)"
)
_LEAD = re.compile(
    r"(?P<w>하루|이틀|사흘|나흘|일주일|한\s?주|이\s?주일?|두\s?주|보름)\s?전|(?<!\d)(?P<n>\d{1,2})\s?(?P<u>일|주일?|주)\s?전|당일"
)
_LEAD_DAYS = {
    "하루": 1,
    "이틀": 2,
    "사흘": 3,
    "나흘": 4,
    "일주일": 7,
    "한주": 7,
    "이주": 14,
    "이주일": 14,
    "두주": 14,
    "보름": 14,
}
_LEAD_CUE = re.compile(r"(?:재?입고(?:일|되기|하기)?|들어오(?:기|는\s?날)|나오기|풀리기)\s*$")


_NAMED_JANG = re.compile(r"장[가-힣]{2}(?:입니다|이에요|예요|이요|요|인데요)?[\s.~!]*$")


def _quantities(text: str) -> list[tuple[int, Span]]:
    found: list[tuple[int, Span]] = []
    for m in _COUNT.finditer(text):
        if m["w"] == "네" and _NAMED_JANG.match(text, m.end() - 1):
            continue  # 네 장보리입니다
        count = int(m["n"]) if m["n"] else _NATIVE[m["w"] or m["c"]]
        if count > 0:
            found.append((count, m.span()))
    return found


def _lead_days(text: str, *, open_: bool) -> list[tuple[int, Span]]:
    if "전" not in text and "당일" not in text:
        return []
    found: list[tuple[int, Span]] = []
    cued = open_
    for m in _LEAD.finditer(text):
        cued = cued or _LEAD_CUE.search(text[max(0, m.start() - 12) : m.start()]) is not None
        if not cued:
            continue
        if m["w"]:
            days = _LEAD_DAYS[m["w"].replace(" ", "")]
        elif m["n"]:
            days = int(m["n"]) * (1 if m["u"] == "일" else 7)
        else:
            days = 0
        found.append((days, m.span()))
    return found


_SCORE = re.compile(
    r"(?:네|넵|음|별점|점수|만족도|별|평점)*(?:은|는|이)?(?:(?P<n>[1-5])(?:점|개|점만점|점줄게|점드릴게|/5|점드려|점드립니다)?|별?(?P<w>하나|한|둘|두|셋|세|넷|네|다섯|일|이|삼|사|오)(?:점|개|개반)?(?:만점에오)?|(?P<top>최고|만점|완벽|최상|매우만족|아주만족|매우좋(?:아|았어)|따봉|짱)|(?P<good>만족|좋(?:아|았어|습니다|았습니다)|괜찮(?:아|았어)|친절)|(?P<mid>보통|그냥그래|그저그래|쏘쏘|중간|그럭저럭)|(?P<bad>불만족|별로|별루|아쉬워|아쉬웠어)|(?P<worst>최악|매우불만|매우불만족|빵점|형편없))"
    r"(?:이요|이에요|예요|에요|요|용|여|염|입니다|드릴게요|줄게요|드려요|드립니다|줄게|드릴게|했어요|이었어요|였어요)*"
)
_SCORE_WORD = {
    "하나": 1,
    "한": 1,
    "둘": 2,
    "두": 2,
    "셋": 3,
    "세": 3,
    "넷": 4,
    "네": 4,
    "다섯": 5,
    "일": 1,
    "이": 2,
    "삼": 3,
    "사": 4,
    "오": 5,
}
_OUT_OF_TEN = re.compile(r"(?:10|열|십)점(?:만점)?(?:에|중에?|중)\s?(?P<n>10|[0-9])")
_TEN = re.compile(r"(?P<n>10|[6-9])점?(?:이요|요|이에요|입니다|줄게요|드릴게요)?")


def read_score(normal: Normal) -> int | None:
    """1–5 from a rating said on its own; None otherwise. Ratings out of ten: see read_score_of_ten."""
    if normal.asks:
        return None
    stars = normal.text.count("★") + normal.text.count("⭐")
    if (stars == 0 and "★" in normal.raw) or "⭐" in normal.raw:
        stars = sum(normal.raw.count(star) for star in "★⭐")
    if 1 <= stars <= 5 and not normal.bare:
        return stars
    m = _SCORE.fullmatch(normal.bare)
    if m is None:
        return None
    if m["n"]:
        return int(m["n"])
    if m["w"]:
        bare = normal.bare
        if len(bare) == len(m["w"]) and m["w"] in ("네", "이", "한", "두", "세"):
            return None  # 네 alone is an answer, not four
        return (
            _SCORE_WORD[m["w"]]
            if re.search(rf"{m['w']}(?:점|개)|별\s?{m['w']}", bare) or m["w"] in ("하나", "다섯")
            else None
        )
    return 5 if m["top"] else 4 if m["good"] else 3 if m["mid"] else 2 if m["bad"] else 1


def read_score_of_ten(normal: Normal) -> int | None:
    """A rating out of ten halved and rounded up, to be asked back; None when none was given."""
    m = _OUT_OF_TEN.search(normal.bare) or _TEN.fullmatch(normal.bare)
    if m is None:
        return None
    return max(1, (int(m["n"]) + 1) // 2)


# ---- two values of one kind ----------------------------------------------------------------------------------------


def _superseded(text: str, slots: list[Slot]) -> tuple[Slot, ...]:
    """Mark the values a message takes back: the one right before 말고/아니고/대신, or the earlier one around 아니."""
    old: set[int] = set()
    if len(slots) > 40:
        return tuple(slots)  # no sentence; and every pair would be compared
    for i, slot in enumerate(slots):
        if slot.name in ("sensitive", "date", "period", "number", "claim_reason"):
            continue
        same = [j for j, other in enumerate(slots) if other.name == slot.name and j != i]
        if not same:
            continue
        if OLD_VALUE.match(text, slot.span[1]):
            old.add(i)
            continue
        later = [j for j in same if slots[j].span[0] >= slot.span[1]]
        if not later:
            continue
        start, end = slots[later[0]].span
        if OLD_VALUE_BETWEEN.search(text, slot.span[1], start) and not OLD_VALUE.match(text, end):
            old.add(i)
    # Never take back every value of a name.
    for name in {slots[i].name for i in old}:
        of_name = [i for i, s in enumerate(slots) if s.name == name]
        if all(i in old for i in of_name):
            old.discard(of_name[-1])
    return tuple(replace(s, superseded=True) if i in old else s for i, s in enumerate(slots))
