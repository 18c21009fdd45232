"""The mall's times: Korean wall-clock unless they say otherwise. Read as UTC they would be nine hours off."""

from datetime import date, datetime

from sangdam.core.clock import KST

YEARS = range(2000, 2100)
"""No shop's record lies outside; arithmetic on what does would overflow."""


def parse_mall_time(text: object) -> datetime | None:
    """An aware datetime; an offset or `Z` is obeyed, otherwise Asia/Seoul. None for null, "" and `0000-00-00`.

    Raises ValueError for anything else that is no time of this century.
    """
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError("a time is text")
    plain = text.strip()
    if not plain or plain.startswith("0000-00-00"):
        return None
    moment = datetime.fromisoformat(plain)
    if moment.year not in YEARS:
        raise ValueError("a time of another century")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=KST)


def parse_mall_date(text: object) -> date | None:
    moment = parse_mall_time(text)
    return moment.astimezone(KST).date() if moment is not None else None
