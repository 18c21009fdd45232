"""Masks for audit rows: the tool's, the org's and the field catalogue's, at any depth. Tells which fields were touched."""

import re
from collections.abc import Mapping, Sequence
from typing import cast

from sangdam.core.mask import STARS, mask_address, mask_name, mask_text, mask_value

_SHAPES = {"order_id": re.compile(r"\d{8}-\d{7}"), "zipcode": re.compile(r"\d{5}")}
_LONG_INT = 10**8
_WORD = re.compile(r"(?!.*\d{4})[A-Za-z][A-Za-z0-9_.-]{0,40}", re.ASCII)
"""A name of a field; anything else that stands in its place may be a person or a number."""
_PERSON = re.compile(
    r"(?i)(?:customer|receiver|recipient|buyer|orderer|member|user|person|first|last|full|contact|owner|holder|payer|depositor|sender|writer|guest)_?name|이름|성함|수령인|주문자|예금주|입금자"
)
_SECRETS = frozenset(
    {"idempotency_key", "code", "otp", "otp_code", "token", "customer_verification_token", "address_ref"}
)


def masked(
    value: Mapping[str, object], extra: frozenset[str] = frozenset()
) -> tuple[dict[str, object], frozenset[str]]:
    """A copy that may be written down, and the names of the fields in which something was hidden."""
    touched: set[str] = set()
    copy = cast("dict[str, object]", _walk("", value, extra, touched))
    return copy, frozenset(touched)


def hidden(value: Mapping[str, object], *, known: frozenset[str], read: frozenset[str]) -> dict[str, object]:
    """A copy of arguments that did not validate, and may be anything: `read` ones stay, the others are `***`, and names that are not
    `known` are counted only."""
    shown: dict[str, object] = {key: item if key in read else STARS for key, item in value.items() if key in known}
    strange = len(value) - len(shown)
    return {**shown, "(unknown fields)": strange} if strange else shown


def bare(value: object, *, deep: bool = True) -> object:
    """A copy without any text: names of fields, truth values and small numbers. Unless `deep`, what has parts is hidden whole."""
    if isinstance(value, Mapping):
        pairs = ((str(k), v) for k, v in cast("Mapping[object, object]", value).items())
        parts = (Mapping, list, tuple)
        return {
            name if _WORD.fullmatch(name) else STARS: bare(v) if deep or not isinstance(v, parts) else STARS
            for name, v in pairs
        }
    if isinstance(value, (list, tuple)):
        return [bare(member) for member in cast("Sequence[object]", value)]
    return _leaf("", value, frozenset()) if value is None or isinstance(value, (bool, int, float)) else STARS


def nameless(value: object, key: str = "") -> object:
    """A copy with the names of people masked where a field's name says that one stands there."""
    if isinstance(value, Mapping):
        return {str(k): nameless(v, str(k)) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [nameless(member, key) for member in cast("Sequence[object]", value)]
    return mask_name(value) if isinstance(value, str) and _PERSON.search(key) else value


def _walk(key: str, value: object, extra: frozenset[str], touched: set[str]) -> object:
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        return {_key(str(k)): _walk(str(k), v, extra, touched) for k, v in items.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        members = cast("Sequence[object]", value)
        return [_walk(key, member, extra, touched) for member in members]
    shown = _leaf(key, value, extra)
    if shown != value:
        touched.add(key)
    return shown


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "a").isalpha() else mask_text(key)[:80]


def _leaf(key: str, value: object, extra: frozenset[str]) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and f"{key}:address" in extra:
        return mask_address(value)
    if key in extra or (key in _SECRETS and not _is_word(value)):
        return STARS
    if isinstance(value, (int, float)):
        return STARS if abs(value) >= _LONG_INT else value
    if not isinstance(value, str):
        return _leaf(key, str(value), extra)
    if (shape := _SHAPES.get(key)) is not None:
        return value if shape.fullmatch(value) else mask_text(value)
    if key.endswith("_masked"):
        return mask_text(value)
    if key.startswith("address"):
        return mask_address(value)
    return mask_value(key, value)


def _is_word(value: object) -> bool:
    """`code` is a secret as a one-time code and a plain word as an outcome's code."""
    return isinstance(value, str) and re.fullmatch(r"[A-Z][A-Z0-9_]{2,39}", value) is not None and not value.isdigit()
