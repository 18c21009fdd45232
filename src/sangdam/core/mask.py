"""The one masker: logs, audit, traces, prompts and stored copies all pass here. It may hide too much, never too little.

`mask_text` works on free text by shape, `mask_value` on structures by field name first and by shape after.
"""

import re
from collections.abc import Mapping, Sequence
from typing import cast

from sangdam.core.phone import parse_phone

STARS = "***"

_ORDER = r"(?<!\d)\d{8}-\d{7}(?!\d)"
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])([A-Za-z0-9._%+-])[A-Za-z0-9._%+-]*@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)", re.ASCII
)
_DASH = r"[\s./_~‐-―ㅡ−\-]"
_RRN = re.compile(
    rf"(?<!\d)\d{{6}}{_DASH}{{1,3}}[1-8]\d{{6}}(?!\d)|(?<!\d)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[1-8]\d{{6}}(?!\d)"
)
"""Without a dash the birthday tells it from a tracking number of 13 digits."""
_CARD = re.compile(
    rf"(?<!\d)(?:\d{{4}}{_DASH}{{1,3}}){{3}}\d{{4}}(?!\d)|(?<!\d)3\d{{3}}{_DASH}{{1,3}}\d{{6}}{_DASH}{{1,3}}\d{{5}}(?!\d)|(?<!\d)(?!20[1-4]\d[01]\d[0-3]\d)\d{{16}}(?!\d)"
)
"""Sixteen digits that begin with a day are an outside order number, not a card."""
_CUSTOMS = re.compile(r"(?<![A-Za-z0-9])[Pp][\s-]?\d{12}(?!\d)")
_PHONE = re.compile(
    rf"(?<!\d)(?<!\d-)\(?(?:\+?82[\s-]{{0,2}}\(?0?\)?\s?|0)(1[016789]|2|[346]\d|5[1-9]|50\d|70|80)\)?{_DASH}{{0,3}}(\d{{3,4}}){_DASH}{{0,3}}(\d{{4}})(?!-?\d)"
)
_DASHED = re.compile(r"(?<![0-9A-Za-z_])(?<![0-9a-f]-)\d{2,7}(?:-\d{1,8}){1,4}(?!-?[0-9A-Za-z_])")
"""Ten digits and more in groups: an account whose bank was not named."""
_ACCOUNT = re.compile(r"((?:계좌|은행|뱅크|농협|신협|새마을|우체국)(?:(?!\*{3})[^\d\n]){0,12})(\d[\d -]{7,18}\d)(?!\d)")
_DOOR = re.compile(
    r"((?:공동\s*현관|현관\s*비밀\s*번호|비밀\s*번호|비번|출입\s*번호)[^\d#*\n]{0,8})([#*]?\d{3,8}[#*]?)"
)
_CODE = re.compile(r"((?:인증\s*번호|인증\s*코드)[^\d\n]{0,10})(\d{6})(?!\d)")
_NAME_LABELLED = re.compile(
    r"((?:이름|성함|주문자|예금주|입금자|수령인|받는\s?분|보내는\s?분)(?:명|분)?(?:은|는|이|가|:)?\s*)([가-힣])([가-힣]{1,3})(?=이에요|예요|입니다|이고|이요|요|인데|으로|로|[^가-힣]|$)"
)
_NAME_BEFORE_PHONE = re.compile(
    r"(?<![가-힣])(?!번호|전화|연락|휴대|핸드|주문|제가|저는|제\s|내\s)([가-힣])([가-힣]{1,3})(?:이에요|예요|이고|이요|요)?(?=[\s,./]{1,3}0\d{1,2}-\*{4})"
)
_ADDRESS = re.compile(
    r"((?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주|충청[남북]도|전라[남북]도|경상[남북]도)"
    r"[가-힣]{0,6}\s+[가-힣]{1,6}(?:시|군|구)(?:\s+[가-힣]{1,6}구)?+)\s+(?!\s|\*{3})[^\n,.!?]{2,}(?:,\s*(?:(?:지하|[Bb])?\s?\d{1,4}\s?(?:동|층|호)(?!점|선|실)[\s,]*)+)?"
)
_ROAD = re.compile(
    r"[가-힣0-9]{1,12}(?:대로|로|길)\s?\d{1,4}(?:번?길\s?\d{1,4})?(?:-\d{1,4})?(?:[\s,]*\d{1,4}\s?(?:동|호|층))*"
)
_LOT = re.compile(r"[가-힣]{1,6}\d?(?:동|리|가)\s?(?:산\s?)?\d{1,4}(?:-\d{1,4}(?:\s?번지)?|\s?번지)")
_UNIT = re.compile(
    r"\d{1,4}\s?동\s?(?:\d{1,3}\s?층\s?)?\d{1,4}\s?호|\d{1,3}\s?층\s?\d{1,4}\s?호|\d{3,4}\s?호(?!선|점|차)"
)
_BEARER = re.compile(r"\b(?:sgd_|v1\.[a-z0-9]{1,8}\.|eyJ)[A-Za-z0-9_.\-]{8,}")
_LONG_NUMBER = re.compile(r"(?<!\d)(?<![0-9a-f]-)(\d{4})\d{2,}(\d{4})(?!\d)")
_UUID = re.compile(r"(?=.*[a-f])[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_TRACE_ID = re.compile(r"(?=.*[a-f])[0-9a-f]{32}")
_WIDE = {ord("０") + n: str(n) for n in range(10)} | {ord("－"): "-", ord("＠"): "@", 0: None}
_MASKED_PHONE = re.compile(r"0\d{1,3}-\*{4}-\d{4}")
_ORDER_OR_DATE = re.compile(_ORDER)


def mask_name(name: str) -> str:
    """`김하늘` → `김*늘`, `이한` → `이*`, `Kim` → `K*m`."""
    name = name.strip()
    if len(name) <= 1:
        return "*" * len(name)
    if len(name) == 2:
        return name[0] + "*"
    return name[0] + "*" * (len(name) - 2) + name[-1]


def mask_email(email: str) -> str:
    head, _, host = email.partition("@")
    return f"{head[:1].rstrip('*')}***@{host}" if host else STARS


def mask_phone(text: str) -> str:
    if _MASKED_PHONE.fullmatch(text):
        return text
    phone = parse_phone(text)
    return phone.masked if phone is not None else STARS


def mask_address(text: str) -> str:
    """Keeps 시/도 and 시/군/구 (`경기도 성남시 분당구 ***`), hides the rest; anything of another shape is hidden whole."""
    words = text.split()
    kept = words[:1]
    for word in words[1:3]:
        if not word.endswith(("시", "군", "구")):
            break
        kept.append(word)
    return " ".join([*kept, STARS]) if len(kept) >= 2 or (kept and kept[0].endswith("시")) else STARS


def mask_tracking(text: str) -> str:
    return f"{text[:4]}****{text[-4:]}" if len(text) >= 10 else STARS


def mask_text(text: str) -> str:
    """Free text with every personal shape hidden. Order numbers stay (not personal by themselves)."""
    orders: list[str] = []

    def keep(match: re.Match[str]) -> str:
        orders.append(match.group())
        return f"\x00{len(orders) - 1}\x00"

    text = _ORDER_OR_DATE.sub(keep, text.translate(_WIDE))
    text = _EMAIL.sub(r"\1***@\2", text)
    text = _BEARER.sub(STARS, text)
    text = _RRN.sub(STARS, text)
    text = _CARD.sub(STARS, text)
    text = _CUSTOMS.sub(STARS, text)
    text = _CODE.sub(r"\1" + STARS, text)
    text = _DOOR.sub(r"\1" + STARS, text)
    text = _PHONE.sub(lambda m: f"0{m[1]}-****-{m[3]}", text)
    text = _NAME_LABELLED.sub(lambda m: m[1] + m[2] + "*" * len(m[3]), text)
    text = _NAME_BEFORE_PHONE.sub(lambda m: m[1] + "*" * len(m[2]), text)
    text = _ACCOUNT.sub(r"\1" + STARS, text)
    text = _DASHED.sub(lambda m: STARS if sum(map(str.isdigit, m[0])) >= 10 else m[0], text)
    text = _ADDRESS.sub(r"\1 " + STARS, text)
    text = _ROAD.sub(STARS, text)
    text = _LOT.sub(STARS, text)
    text = _UNIT.sub(STARS, text)
    text = _LONG_NUMBER.sub(r"\1****\2", text)
    for index, order in enumerate(orders):
        text = text.replace(f"\x00{index}\x00", order)
    return text


_BY_FIELD: dict[str, str] = {
    "phone": "phone", "cellphone": "phone", "orderer_phone": "phone", "contact": "phone", "contact_phone": "phone", "destination": "phone",
    "receiver_cellphone": "phone", "buyer_cellphone": "phone", "receiver_phone": "phone",
    "name": "none", "orderer_name": "name", "receiver_name": "name", "buyer_name": "name", "writer": "name",
    "email": "email", "tracking_no": "tracking",
    "zipcode": "keep", "order_id": "keep",
    "address": "address", "address1": "address", "address2": "stars", "address_full": "address", "address_query": "address", "address_detail": "stars", "road_address": "address", "jibun_address": "address",
    "token": "stars", "access_token": "stars", "refresh_token": "stars", "customer_verification_token": "stars", "code": "code", "otp": "stars", "otp_code": "stars",
    "secret": "stars", "password": "stars", "authorization": "stars", "cookie": "stars", "ticket": "stars", "resume_token": "stars",
    "client_ip": "stars", "ip": "stars", "member_id": "name",
}  # fmt: skip


def mask_value(key: str, value: object) -> object:
    """The value as it may be written down under that field name; lists and maps at any depth."""
    if isinstance(value, str):
        match _BY_FIELD.get(key, "text"):
            case "phone":
                return mask_phone(value)
            case "name":
                return mask_name(value)
            case "email":
                return mask_email(value)
            case "tracking":
                return mask_tracking(value)
            case "address":
                return mask_address(value)
            case "stars":
                return STARS
            case "code":
                return STARS if value.strip().isdigit() else value
            case "keep":
                return value
            case _:
                return value if _is_id(key, value) else mask_text(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        return {str(k): mask_value(str(k), v) for k, v in items.items()}
    if isinstance(value, (list, tuple)):
        members = cast("Sequence[object]", value)
        return [mask_value(key, v) for v in members]
    return value


def _is_id(key: str, value: str) -> bool:
    """Ours are random: one in a hundred holds digits that look like somebody's number, and with a piece gone nothing is found by it."""
    return _UUID.fullmatch(value) is not None or (key == "trace_id" and _TRACE_ID.fullmatch(value) is not None)
