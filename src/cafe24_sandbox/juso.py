"""The road-name address look-up over the small address book: the service's fields, its error codes, always HTTP 200."""

import re
from xml.sax.saxutils import escape

from cafe24_sandbox.places import Place, all_places
from cafe24_sandbox.wire import Answer, Obj, as_json

MESSAGES = {
    "0": "정상",
    "-999": "시스템에러",
    "E0001": "승인되지 않은 KEY 입니다.",
    "E0005": "검색어가 입력되지 않았습니다.",
    "E0006": "주소를 상세히 입력해 주시기 바랍니다.",
    "E0008": "검색어는 두글자 이상 입력되어야 합니다.",
    "E0009": "검색어는 문자와 숫자 같이 입력되어야 합니다.",
    "E0010": "검색어가 너무 깁니다. (한글40자, 영문,숫자 80자 이하)",
    "E0011": "검색어에 너무 긴 숫자가 포함되어 있습니다. (숫자10자 이하)",
    "E0012": "특수문자+숫자만으로는 검색이 불가능 합니다.",
    "E0013": "SQL 예약어 또는 특수문자( %,=,>,<,[,] )는 검색이 불가능 합니다.",
    "E0014": "개발승인키 기간이 만료되어 서비스를 이용하실 수 없습니다.",
    "E0015": "검색 범위를 초과하였습니다.",
}
SQL_WORDS = re.compile(
    r"\b(select|insert|delete|update|create|drop|exec|union|fetch|declare|truncate)\b", re.IGNORECASE
)
PROVINCES = frozenset({p.province for p in all_places()} | {"서울", "서울시", "경기", "부산", "인천", "대구", "대전", "광주", "울산", "세종", "제주", "강원"})  # fmt: skip


def refusal_of(keyword: str) -> str | None:
    """The error code for a keyword the service will not search."""
    if keyword == "":
        return "E0005"
    if re.search(r"[%=><\[\]]", keyword) or SQL_WORDS.search(keyword):
        return "E0013"
    if len(keyword) < 2:
        return "E0008"
    if keyword in PROVINCES:
        return "E0006"
    korean = sum("가" <= c <= "힣" for c in keyword)
    if len(keyword) > (40 if korean else 80):
        return "E0010"
    if re.search(r"\d{11,}", keyword):
        return "E0011"
    letters = re.sub(r"[\d\s]", "", keyword)
    if letters == "":
        return "E0009"
    if not re.search(r"[A-Za-z가-힣]", letters):
        return "E0012"
    return None


def matches(place: Place, words: list[str]) -> bool:
    """Every word is in the address; a number is the building's, its lot's or the postal code, not a part of one."""
    text = f"{place.road_part1}{place.road_part2} {place.lot_address} {place.building}"
    numbers = {place.number, place.lot, place.number.split("-")[0], place.zipcode}
    for word in words:
        if re.fullmatch(r"\d+(-\d+)?", word):
            if word not in numbers:
                return False
        elif word not in text and word not in place.road + place.number:
            return False
    return True


def split_words(keyword: str) -> list[str]:
    """`세종대로110` is read as road and number, as the service does."""
    spaced = re.sub(r"((?:로|길|대로))(\d+(?:-\d+)?)(?=\s|$|번지)", r"\1 \2", keyword)
    return [w.strip("(),.") for w in spaced.replace("서울시", "서울").split() if w.strip("(),.")]


def number_parts(number: str) -> tuple[str, str]:
    main, _, sub = number.partition("-")
    return main, sub or "0"


def row_of(place: Place, index: int) -> Obj:
    main, sub = number_parts(place.number)
    lot_main, lot_sub = number_parts(place.lot)
    area = f"{11 + index % 40:02d}{140 + index:03d}{103 + index % 60:03d}00"
    return {
        "roadAddr": place.road_part1 + place.road_part2,
        "roadAddrPart1": place.road_part1,
        "roadAddrPart2": place.road_part2,
        "jibunAddr": place.lot_address,
        "engAddr": f"{place.number}, {place.zipcode}",
        "zipNo": place.zipcode,
        "admCd": area,
        "rnMgtSn": f"{area[:5]}{2005001 + index}",
        "bdMgtSn": f"{area}1{lot_main:0>4}{lot_sub:0>4}{index:06d}",
        "detBdNmList": "",
        "bdNm": place.building,
        "bdKdcd": "1" if place.apartment else "0",
        "siNm": place.province,
        "sggNm": place.district,
        "emdNm": place.town,
        "liNm": place.village,
        "rn": place.road,
        "udrtYn": "0",
        "buldMnnm": main,
        "buldSlno": sub,
        "mtYn": "0",
        "lnbrMnnm": lot_main,
        "lnbrSlno": lot_sub,
        "emdNo": "01",
    }


def look_up(pairs: dict[str, str], key: str, *, forced: str | None = None) -> Answer:
    """`forced` answers with that error code whatever was asked."""
    keyword = pairs.get("keyword", "").strip()
    page, per_page = whole(pairs.get("currentPage"), 1), min(whole(pairs.get("countPerPage"), 10), 100)
    code = forced or ("E0001" if pairs.get("confmKey") != key else refusal_of(keyword))
    rows: list[Obj] = []
    if code is None:
        words = split_words(keyword)
        rows = [row_of(p, n) for n, p in enumerate(all_places()) if matches(p, words)]
    shown = rows[(page - 1) * per_page : page * per_page]
    common = {
        "totalCount": str(len(rows)),
        "currentPage": str(page),
        "countPerPage": str(per_page),
        "errorCode": code or "0",
        "errorMessage": MESSAGES.get(code or "0", "시스템에러"),
    }
    if pairs.get("resultType") == "json":
        return as_json({"results": {"common": common, "juso": shown or None}})
    tags = "".join(f"<{n}>{escape(v)}</{n}>" for n, v in common.items())
    found = "".join(
        "<juso>" + "".join(f"<{n}>{escape(str(v))}</{n}>" for n, v in row.items()) + "</juso>" for row in shown
    )
    body = f'<?xml version="1.0" encoding="UTF-8"?><results><common>{tags}</common>{found}</results>'
    return Answer(200, body.encode(), "application/xml; charset=utf-8")


def whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() and 0 < int(text) < 10**6 else default
