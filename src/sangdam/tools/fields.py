"""Argument types that several tools take: any spelling in, one normal form out. Pure."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator

from sangdam.core.phone import parse_phone

_ORDER_ID = re.compile(r"(\d{4})(\d{2})(\d{2})-\d{7}")


def _phone(text: str) -> str:
    phone = parse_phone(text)
    if phone is None:
        raise ValueError("not a Korean phone number")
    return phone.digits


def _mobile(text: str) -> str:
    phone = parse_phone(text)
    if phone is None or not phone.is_mobile:
        raise ValueError("not a Korean mobile number")
    return phone.digits


def _order_id(text: str) -> str:
    if order_day(text) is None:
        raise ValueError("not an order number")
    return text


PhoneArg = Annotated[str, AfterValidator(_phone)]
"""National digits (`01012345678`)."""
MobileArg = Annotated[str, AfterValidator(_mobile)]
OrderIdArg = Annotated[str, AfterValidator(_order_id)]
"""`YYYYMMDD-NNNNNNN` with a valid date."""


def order_day(order_id: str) -> date | None:
    """The day an order number names; None when it is no order number."""
    match = _ORDER_ID.fullmatch(order_id)
    if match is None or not order_id.isascii():
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
