"""The mall's times: Korean wall-clock unless they say otherwise. Read as UTC they would be nine hours off."""

from datetime import date, datetime

from sangdam.core.clock import KST


def parse_mall_time(text: object) -> datetime | None:
    """An aware datetime; an offset or `Z` is obeyed, otherwise Asia/Seoul. None for null, "" and `0000-00-00`.

    Raises ValueError for anything else that is no time.
    """
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise ValueError("a time is text")
    plain = text.strip()
    if not plain or plain.startswith("0000-00-00"):
        return None
    moment = datetime.fromisoformat(plain.replace("Z", "+00:00") if plain.endswith("Z") else plain)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=KST)


def parse_mall_date(text: object) -> date | None:
    moment = parse_mall_time(text)
    return moment.astimezone(KST).date() if moment is not None else None
