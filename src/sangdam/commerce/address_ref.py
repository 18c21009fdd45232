"""Proof that an address came out of a search in this conversation: a keyed signature that carries its own time. Pure.

It is made of letters only, so that no mask takes a part of it for a number.
"""

import hmac
import re
import unicodedata
from datetime import UTC, datetime, timedelta

from sangdam.core.ids import OrgId, SessionId
from sangdam.orgs.keyring import Hasher

LIFE = timedelta(minutes=30)
CLOCK_SKEW = timedelta(minutes=1)
"""By which another process may be ahead of us."""
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DIGITS = str.maketrans("abcdefghijklmnop", "0123456789abcdef")
_SHAPE = re.compile(r"[a-p]{8}[a-p]{32}")


def issue(hasher: Hasher, org: OrgId, session: SessionId | None, *, zipcode: str, address1: str, now: datetime) -> str:
    at = int(now.timestamp())
    return (f"{at:08x}" + _signature(hasher, org, session, zipcode, address1, at)).translate(_LETTERS)


def proves(
    hasher: Hasher, ref: str, org: OrgId, session: SessionId | None, *, zipcode: str, address1: str, now: datetime
) -> bool:
    """Whether it was issued for this very address, here, in the last thirty minutes."""
    if not _SHAPE.fullmatch(ref):
        return False
    plain = ref.translate(_DIGITS)
    at = int(plain[:8], 16)
    if not hmac.compare_digest(plain[8:], _signature(hasher, org, session, zipcode, address1, at)):
        return False
    return -CLOCK_SKEW <= now - datetime.fromtimestamp(at, UTC) <= LIFE


def _signature(hasher: Hasher, org: OrgId, session: SessionId | None, zipcode: str, address1: str, issued: int) -> str:
    road = " ".join(unicodedata.normalize("NFC", address1).split())
    return hasher.hash("address_ref", org, f"{session or '-'}|{zipcode}|{issued}|{road}")[:32]
