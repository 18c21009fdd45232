"""Whose order it is (tools.md §3). Pure. The receiver's phone proves nothing."""

import hmac
import unicodedata
from collections.abc import Collection
from typing import assert_never

from sangdam.commerce.shop import Asker, ClaimedOrder, SignedMember, Staff, VerifiedPhone
from sangdam.core.ids import MemberId
from sangdam.core.phone import Phone
from sangdam.core.shop import Buyer, Order


def owns(asker: Asker, order: Order, members_of_phone: Collection[MemberId | None]) -> bool:
    """`members_of_phone`: members registered with the asker's phone, None for a record without an id; only a sole one counts."""
    match asker:
        case VerifiedPhone(phone):
            if order.buyer.has_phone(phone):
                return True
            return order.member_id is not None and tuple(members_of_phone) == (order.member_id,)
        case ClaimedOrder(order_id):
            return order.order_id == order_id
        case SignedMember(member_id):
            return order.member_id == member_id
        case Staff():
            return True
        case _:
            assert_never(asker)


def buyer_is(buyer: Buyer | None, name: str, phone: Phone) -> bool:
    """Name without spaces and all digits, in constant time; a missing buyer takes as long as a wrong one."""
    known_name = _plain(buyer.name) if buyer is not None else ""
    right_name = hmac.compare_digest(known_name.encode(), _plain(name).encode())
    numbers = (
        [number.digits for number in (buyer.cellphone, buyer.phone) if number is not None] if buyer is not None else []
    )
    right_phone = False
    for number in (*numbers, "-", "-")[:2]:
        right_phone |= hmac.compare_digest(number.encode(), phone.digits.encode())
    return bool(buyer is not None and known_name and right_name and right_phone)


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFC", name).split()).casefold()
