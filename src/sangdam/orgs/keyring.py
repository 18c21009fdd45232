"""Sealing and hashing of what must not lie open in the database (data-model.md §1).

A sealed value opens only in the very column, row and organisation it was sealed for. `Hasher` is keyed: a bare hash of a
phone number could be guessed.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Mapping
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId
from sangdam.core.phone import Phone

_KID = re.compile(r"[a-z0-9]{1,8}")
_NONCE_BYTES = 12
_KEY_BYTES = 32


class SealBroken(SangdamError):
    """A sealed value is not for this place, was changed, or its key is not in `SECRET_KEYS` any more."""

    def __init__(self, why: str, place: str) -> None:
        super().__init__(Kind.INTERNAL, f"{place} does not open: {why}", code="SEAL_BROKEN")


class KeyRing:
    """The keys of `SECRET_KEYS`: the first seals, all open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("SECRET_KEYS names no key")
        self._ciphers = {kid: AESGCM(key) for kid, key in keys.items()}
        self._first = next(iter(keys))

    @classmethod
    def parse(cls, spec: str) -> Self:
        """`kid:base64(32 bytes)`, comma separated. Raises `ValueError` that says which entry is wrong and shows no key."""
        keys: dict[str, bytes] = {}
        for number, entry in enumerate((part.strip() for part in spec.split(",")), 1):
            kid, colon, text = entry.partition(":")
            if not colon or not _KID.fullmatch(kid):
                raise ValueError(f"SECRET_KEYS entry {number}: expected kid:base64, kid of 1-8 characters a-z and 0-9")
            if kid in keys:
                raise ValueError(f"SECRET_KEYS entry {number}: kid {kid} appears twice")
            try:
                key = _unbase64(text)
            except (binascii.Error, ValueError):
                raise ValueError(f"SECRET_KEYS entry {number} ({kid}): not base64") from None
            if len(key) != _KEY_BYTES:
                raise ValueError(f"SECRET_KEYS entry {number} ({kid}): {len(key)} bytes, 32 expected")
            keys[kid] = key
        return cls(keys)

    def seal(self, plain: str, *, table: str, column: str, org: OrgId, row: uuid.UUID | str) -> str:
        """`v1.<kid>.<nonce>.<ciphertext+tag>`, the last two in base64url without padding."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, plain.encode(), _place(table, column, org, row))
        return f"v1.{self._first}.{_base64url(nonce)}.{_base64url(sealed)}"

    def open(self, sealed: str, *, table: str, column: str, org: OrgId, row: uuid.UUID | str) -> str:
        """Raises `SealBroken`."""
        place = f"{table}.{column}"
        parts = sealed.split(".")
        if len(parts) != 4 or parts[0] != "v1":
            raise SealBroken("not a v1 sealed value", place)
        cipher = self._ciphers.get(parts[1])
        if cipher is None:
            raise SealBroken(f"sealed with the key {parts[1][:8]}, which SECRET_KEYS does not hold", place)
        try:
            nonce, body = _unbase64(parts[2]), _unbase64(parts[3])
            return cipher.decrypt(nonce, body, _place(table, column, org, row)).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise SealBroken("changed, or sealed for another place", place) from None

    def is_current(self, sealed: str) -> bool:
        """Whether it was sealed with the first key; if not, `sangdam keys reseal` has work."""
        return sealed.startswith(f"v1.{self._first}.")


class Hasher:
    """Hex HMAC-SHA256 with `HASH_PEPPER`."""

    def __init__(self, pepper: str | bytes) -> None:
        self._pepper = pepper.encode() if isinstance(pepper, str) else pepper
        if len(self._pepper) < 32:
            raise ValueError("HASH_PEPPER is shorter than 32 bytes")

    def hash(self, label: str, org: OrgId | None, value: str) -> str:
        """Of `label|org_id|value`; the value in its normal form. No org only for what is looked up before the org is known."""
        return self.digest(f"{label}|{org or ''}|{value}")

    def phone(self, org: OrgId, phone: Phone) -> str:
        return self.hash("phone", org, phone.e164)

    def digest(self, text: str) -> str:
        return hmac.new(self._pepper, text.encode(), hashlib.sha256).hexdigest()


def _place(table: str, column: str, org: OrgId, row: uuid.UUID | str) -> bytes:
    return f"{table}|{column}|{org}|{row}".encode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    padded = text.strip().rstrip("=")
    padded += "=" * (-len(padded) % 4)
    return base64.b64decode(padded, altchars=b"-_" if "-" in text or "_" in text else None, validate=True)
