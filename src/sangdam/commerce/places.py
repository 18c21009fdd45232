"""Addresses as text: what of one is searched for and what is the rest, when two receivers are the same, what an island is. Pure."""

import re
import unicodedata
from typing import Literal

from sangdam.core.phone import parse_phone
from sangdam.core.shop import Receiver
from sangdam.nlu.address import find_addresses

Surcharge = Literal["jeju", "island"]

_REFUSED = re.compile(r"[%=><\[\]\x00-\x1f\x7f]")
_SQL = re.compile(
    r"(?<![A-Za-z])(?:or|select|insert|delete|update|create|drop|exec|union|fetch|declare|truncate)(?![A-Za-z])",
    re.IGNORECASE,
)
_PARENTHESES = re.compile(r"\([^()]*\)")
_UNIT = r"(?:\d{1,4}동|[A-Za-z]동|(?:지하\s?|[Bb])?\d{1,3}층|[Bb]?\d{1,5}호)"
_UNITS_AT_END = re.compile(rf"[\s,]+(?P<units>{_UNIT}(?:[\s,]*{_UNIT})*)$")
_LONGEST_KOREAN, _LONGEST = 40, 80

_ISLANDS = (
    (22386, 22388), (23004, 23010), (23100, 23116), (23124, 23136), (31708, 31708), (32133, 32133), (33411, 33411), (40200, 40240), (46768, 46771), (52570, 52571),
    (53031, 53033), (53089, 53104), (54000, 54000), (56347, 56349), (57068, 57069), (58760, 58762), (58800, 58810), (58816, 58818), (58826, 58826), (58832, 58832),
    (58839, 58841), (58843, 58866), (58953, 58958), (59102, 59103), (59106, 59106), (59127, 59127), (59129, 59129), (59137, 59145), (59149, 59170), (59421, 59421),
    (59531, 59531), (59551, 59551), (59563, 59563), (59568, 59568), (59650, 59650), (59766, 59766), (59781, 59790),
)  # fmt: skip
"""Postcodes to which Korean carriers deliver by boat for a surcharge, as help pages of mall builders list them (imweb.me/faq,
idx 71671). The carrier's own list decides what is charged; this one only says that something may be."""


def cleaned(keyword: str) -> str:
    """What the address service would refuse is taken out (reference §5.1, E0013)."""
    return " ".join(_SQL.sub(" ", _REFUSED.sub(" ", unicodedata.normalize("NFC", keyword))).split())


def split_detail(keyword: str) -> tuple[str, str]:
    """The part a search understands, without parentheses, and 동, 층, 호 and what stands with them (`""` when there is nothing)."""
    plain = " ".join(_PARENTHESES.sub(" ", keyword).split())
    for place in find_addresses(plain, eager=False):
        if place.detail:
            return place.query, place.detail
    units = _UNITS_AT_END.search(plain)
    return (plain[: units.start()].rstrip(" ,"), units["units"]) if units is not None else (plain, "")


def keywords(typed: str) -> tuple[str, ...]:
    """What is searched for, one after the other until something is found; too long ones are left out while there is another."""
    clean = cleaned(typed)
    wanted = [each for each in dict.fromkeys((clean, split_detail(clean)[0])) if len(each) >= 2]
    fitting = [each for each in wanted if len(each) <= (_LONGEST_KOREAN if _is_korean(each) else _LONGEST)]
    return tuple(fitting or wanted)


def _is_korean(text: str) -> bool:
    return any("가" <= letter <= "힣" for letter in text)


def differing(one: Receiver, other: Receiver, *, message: bool) -> tuple[str, ...]:
    """Names of the fields that say different things; spaces, notation of numbers and what stands in parentheses behind a road say nothing."""
    pairs = {
        "zipcode": (_plain(one.place.zipcode), _plain(other.place.zipcode)),
        "address1": (_road(one.place.address1), _road(other.place.address1)),
        "address2": (_plain(one.place.address2), _plain(other.place.address2)),
        "receiver_name": (_plain(one.name), _plain(other.name)),
        "receiver_cellphone": (_number(one.cellphone), _number(other.cellphone)),
        "receiver_phone": (_number(one.phone), _number(other.phone)),
        "shipping_message": (_plain(one.message), _plain(other.message)) if message else ("", ""),
    }
    return tuple(name for name, (here, there) in pairs.items() if here != there)


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


def _road(text: str) -> str:
    return _plain(_PARENTHESES.sub("", text))


def _number(text: str) -> str:
    phone = parse_phone(text)
    return phone.digits if phone is not None else _plain(text)


def surcharges(zipcode: str) -> tuple[Surcharge, ...]:
    """`jeju` or `island` where delivery may cost more."""
    if zipcode.startswith("63"):
        return ("jeju",)
    number = int(zipcode) if zipcode.isascii() and zipcode.isdigit() and len(zipcode) == 5 else 0
    return ("island",) if any(first <= number <= last for first, last in _ISLANDS) else ()
