"""Where a list goes on: opaque, signed, and good only for the question it was the answer to. Pure.

A place is the last item's place in the order of the list, so that what is inserted meanwhile moves nothing.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import cast

from sangdam.core.ids import OrgId

Place = tuple[str | int, ...]

LONGEST = 400
_SIGNATURE_BYTES = 16


def question(route: str, org: OrgId, filters: Mapping[str, object]) -> str:
    """Names a list: the same route, organisation and filters make the same question. Empty filters count as absent."""
    given = {name: str(value) for name, value in filters.items() if value is not None}
    return json.dumps([route, str(org), sorted(given.items())], ensure_ascii=False)


def issue(secret: str, asked: str, place: Place) -> str:
    body = json.dumps(place, ensure_ascii=False, separators=(",", ":")).encode()
    return _base64url(_signature(secret, asked, body) + body)


def place_of(secret: str, asked: str, cursor: str) -> Place | None:
    """None when it was not issued for this question."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        return None
    signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if _base64url(raw) != cursor or not hmac.compare_digest(signature, _signature(secret, asked, body)):
        return None
    return tuple(cast("list[str | int]", json.loads(body)))


def _signature(secret: str, asked: str, body: bytes) -> bytes:
    key = hmac.new(secret.encode(), b"cursor", hashlib.sha256).digest()
    return hmac.new(key, asked.encode() + b"\x00" + body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
