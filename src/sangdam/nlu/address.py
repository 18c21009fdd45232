"""Where an address stands in a message: the part a search understands (road and number), and the rest (동, 호, 층).

Korean particles look like roads: 화이트로 2개 is none. Without a region word an address needs a cue or must be awaited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sangdam.nlu.normal import Span


@dataclass(frozen=True, slots=True)
class Place:
    """query: for the address search. detail and zipcode: "" when not said. Spans count in text."""

    query: str
    span: Span
    detail: str = ""
    detail_span: Span = (0, 0)
    zipcode: str = ""
    zip_span: Span = (0, 0)


_SIDO = (
    r"(?:서울(?:특별시|시)?|부산(?:광역시|시)?|대구(?:광역시|시)?|인천(?:광역시|시)?|광주(?:광역시|시)?|대전(?:광역시|시)?|울산(?:광역시|시)?|세종(?:특별자치시|시)?"
    r"|경기도?|강원(?:특별자치도|도)?|충청[북남]도|충[북남]|전라[북남]도|전북(?:특별자치도)?|전남|경상[북남]도|경[북남]|제주(?:특별자치도|도)?)"
)
_SGG = r"(?:[가-힣]{1,4}(?:시|군|구))"
_EMD = r"(?:[가-힣]{1,5}\d{0,2}(?:읍|면|동|리|가))"
_NOT_ROAD = r"(?!(?:집|회사|이걸|그걸|저걸|그거|이거|다른|카드|문자|번호|사이즈|색상|화이트|블랙|네이비|베이지|그레이|전화|이름|계좌|현금|주소|배송지|라지|미디엄|스몰|블루|레드|핑크|브라운|카키|검정|아이보리|옵션|적립금|포인트|쿠폰|택배|메일|이메일|카톡|세트|박스|무료|별도|따로|바로|서로|새로|앞으로|실제로|진짜로|정말로|추가로|그대로|이대로|제대로|마음대로|맘대로|순서대로|그걸|제|별)(?:으)?로)"
_ROAD = rf"(?:{_NOT_ROAD}[가-힣·]{{1,9}}\d{{0,4}}[가-힣]{{0,3}}(?<!으)(?:대로|로|길)(?:\s?\d{{1,4}}(?:번[가-힣]?길|[가나다라]?길)(?!\d))?)"
_NUMBER = r"(?:지하\s?)?(?:산\s?)?\d{1,4}(?:-\d{1,4})?(?!\d|-\d)(?:번지)?"
_NOT_UNIT = r"(?!\s?(?:개|장|벌|켤레|세트|박스|일|월|시(?!장)|원|만|천|번(?!지)|명|점|%|년|주|살|사이즈|분\b|cm|kg|호|층|동|배|회))"
_ADDRESS = re.compile(
    rf"(?:(?P<sido>(?<![가-힣]){_SIDO})\s?)?(?P<sgg>(?:(?<![가-힣]){_SGG}|(?<=[시도원기북남주산구천전종울])\s?{_SGG})(?:\s?{_SGG})?\s?)?(?P<emd>(?:(?<![가-힣])|(?<=[시군구]))(?:{_EMD}\s?){{1,2}})?"
    rf"(?P<road>(?:(?<![가-힣])|(?<=[시군구읍면동리])){_ROAD})?\s?(?P<no>{_NUMBER}){_NOT_UNIT}"
)
_MAYBE = re.compile(r"[로길읍면동리가]\s?(?:지하\s?|산\s?)?\d")
_REGION_ONLY = re.compile(
    rf"(?<![가-힣])(?P<r>{_SIDO}\s?{_SGG}(?:\s?{_SGG})?(?:\s?{_EMD})?|{_SGG}\s{_EMD}|{_SIDO}\s?{_SGG}?\s?{_EMD})(?=$|[\s,.]|으로|로|이요|요|이에요|예요|입니다|인데)"
)
_CUE = re.compile(r"주소|배송지|이사|보내|배달|받는\s?곳|도로명|지번|거주|우리\s?집|저희\s?집|사는|옮")
_DETAIL_NEXT = re.compile(r"\s?,?\s?(?:\([^)]{1,20}\)\s?,?\s?)?")
_BUILDING = r"(?:[가-힣A-Za-z0-9]{0,14}(?:아파트|APT|apt|빌라|빌딩|타워|오피스텔|맨션|맨숀|팰리스|캐슬|상가|하우스|주택|원룸|빌|자이|래미안|푸르지오|힐스테이트|더샵|아이파크|e편한세상|롯데캐슬|센트럴|파크|시티|단지|센터|프라자|플라자|고시원|기숙사|학교|병원|사옥))"
_UNITS = r"(?:(?:지하|지상|B)?\s?\d{1,3}층|\d{1,4}동|[A-Za-z가나다라]동|\d{1,4}호(?:실)?|B\d{1,3}호?|지하|반지하|옥탑|\d{2,4}-\d{2,4}(?!\d)|좌측|우측|왼쪽|오른쪽|안쪽|\d단지|\d차)"
_DETAIL = re.compile(
    rf"(?:{_BUILDING}|{_UNITS})(?:[\s,]*(?:{_BUILDING}|{_UNITS}))*(?:\s(?:정문|후문|관리실|경비실|안내데스크|사무실|매장)(?:\s?앞)?)?"
)
_DETAIL_ALONE = re.compile(
    rf"(?<![\d가-힣A-Za-z\-])(?:{_BUILDING}\s?,?\s?)?(?:\d{{1,4}}동(?!\s?안)[\s,]*(?:(?:지하)?\s?\d{{1,3}}층[\s,]*)?(?:\d{{1,4}}호)?|(?:지하\s?|B)?\d{{1,3}}층[\s,]*(?:\d{{1,4}}호)?|\d{{1,4}}호(?!선|점|차|기))"
)
_ZIP = re.compile(r"(?<![\d-])(\d{5})(?![\d-])")
_WORDY_BUILDING = re.compile(rf"{_BUILDING}")
_ENDING = re.compile(
    r"(?:\s?(?:으로|로|에서|에|이요|요|이에요|예요|에요|입니다|이고|인데요?|이라고|라고)?(?:\s?(?:다시)?(?:바꿔|변경|수정|보내|배송|부탁|해\s?주|고쳐|옮겨|정정|적어)[가-힣\s]{0,12})?[\s.!~]*)$"
)
_ADDRESS_LEAD = re.compile(
    r"^(?:(?:네|아니|아니요|아|음|저는|저희|제|새|바꿀|변경할|배송지|주소|주소는|배송지는|새주소는|도로명|지번|은|는|를|을|이|가|:|,)\s*)+"
)
_LIKE_ADDRESS = re.compile(
    r"\d|[가-힣](?:시|군|구|읍|면|동|리|로|길|역|아파트|빌라|빌딩|타워)(?=\s|$|\d|으로|이요|요|입)"
)


def find_addresses(text: str, *, eager: bool) -> list[Place]:
    """Addresses in the text, in order of place. eager: an address was asked for, so less is enough."""
    found: list[Place] = []
    cued = eager or _CUE.search(text) is not None
    if _MAYBE.search(text):
        for m in _ADDRESS.finditer(text):
            if not _is_address(text, m, cued=cued):
                continue
            place = _with_rest(text, m.start(), m.end())
            found.append(place)
    if not found and cued:
        for m in _REGION_ONLY.finditer(text):
            found.append(Place(m["r"].strip(), m.span("r")))
            break
    if not found and eager and _LIKE_ADDRESS.search(text) and "?" not in text and len(text) <= 80:
        start = lead.end() if (lead := _ADDRESS_LEAD.match(text)) else 0
        tail = _ENDING.search(text, start)
        end = tail.start() if tail else len(text)
        if (
            end - start >= 2
            and not _DETAIL_ALONE.fullmatch(text, start, end)
            and not re.fullmatch(r"[\d\s-]+", text[start:end])
        ):
            found.append(Place(text[start:end], (start, end)))
    return found


def _is_address(text: str, m: re.Match[str], *, cued: bool) -> bool:
    regions = [name for name in ("sido", "sgg", "emd") if m[name]]
    if m["road"]:
        if regions:
            return True
        detail = _DETAIL.match(text, _DETAIL_NEXT.match(text, m.end()).end())  # type: ignore[union-attr]
        return len(m["road"].replace(" ", "")) >= 3 and (cued or detail is not None)
    if not m["emd"]:
        return False
    # 지번: 역삼동 737, 설악면 신천리 12-3
    emd = m["emd"].strip()
    if m["sido"] or m["sgg"]:
        return True
    return (
        cued
        and len(emd) >= 3
        and not re.search(
            r"(?:행동|운동|자동|수동|활동|변동|아동|감동|공동|진동|이동|작동|할머리|머리|다리|거리|처리|관리|정리|양면|가면|하면|되면|오면|라면|화면|방면|측면|냉면|휴가|평가|추가|단가|정가|증가)$",
            emd,
        )
    )


def _with_rest(text: str, start: int, end: int) -> Place:
    while start < end and text[start] == " ":
        start += 1
    next_ = _DETAIL_NEXT.match(text, end)
    at = next_.end() if next_ else end
    detail = _DETAIL.match(text, at)
    zip_match = _ZIP.search(text, max(0, start - 9), start) or _ZIP.search(text, end, min(len(text), end + 40))
    query = text[start:end].strip()
    return Place(
        query,
        (start, end),
        detail.group().strip(" ,") if detail else "",
        (detail.start(), detail.start() + len(detail.group().rstrip(" ,"))) if detail else (0, 0),
        zip_match[1] if zip_match else "",
        zip_match.span(1) if zip_match else (0, 0),
    )


def find_details(text: str, *, eager: bool) -> list[tuple[str, Span]]:
    """Parts of an address below the building number said on their own: '101동 1203호로'.

    eager: the detail was asked for, so a building name or any short text is one.
    """
    found: list[tuple[str, Span]] = []
    for m in _DETAIL_ALONE.finditer(text):
        said = m.group().rstrip(" ,")
        if said and re.search(r"\d", said):
            found.append((said, (m.start(), m.start() + len(said))))
    if not found and eager and "?" not in text and 2 <= len(text) <= 60:
        start = lead.end() if (lead := _ADDRESS_LEAD.match(text)) else 0
        tail = _ENDING.search(text, start)
        end = tail.start() if tail else len(text)
        said = text[start:end]
        if re.search(r"\d", said) or _WORDY_BUILDING.search(said):
            found.append((said, (start, end)))
    return found
