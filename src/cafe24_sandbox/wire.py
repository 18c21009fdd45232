"""What crosses the wire: answers, refusals, request envelopes and the reading of loosely typed fields.

A refusal is raised from anywhere below and becomes the Admin API's error envelope; OAuth, Juso and SOLAPI shape their own.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

Obj: TypeAlias = dict[str, object]

WRONG_STATE = "You cannot change to that order state."
INVALID_REQUEST = "An invalid request is entered."
PHONE = re.compile(r"^\d{2,4}-\d{3,4}-\d{4}$")


class Refused(Exception):
    """The call is answered with this status and message instead of a result."""

    def __init__(self, status: int, message: str, more: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.more: Obj = dict(more or {})

    def envelope(self) -> Obj:
        return {"error": {"code": self.status, "message": self.message, "more_info": self.more}}


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `body` is final bytes."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = field(default=())


def as_json(value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, body, headers=headers)


def as_html(page: str, status: int = 200) -> Answer:
    return Answer(
        status,
        page.encode(),
        "text/html; charset=utf-8",
        (
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'",
            ),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ),
    )


def as_object(value: object) -> Obj | None:
    return cast(Obj, value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    return cast(list[object], value) if isinstance(value, list) else None


def money(amount: int) -> str:
    return f"{amount}.00"


def flag(on: bool) -> str:
    return "T" if on else "F"


def digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def split_list(text: str, most: int = 100) -> list[str]:
    """A comma filter; more than `most` values are refused."""
    parts = [p.strip() for p in text.split(",") if p.strip()]
    if len(parts) > most:
        raise Refused(422, f"Up to {most} values can be entered.")
    return parts


class Fields:
    """Named values of a request body or query, read with the rules of the reference; a broken rule is a 422."""

    def __init__(self, values: Mapping[str, object], prefix: str = "") -> None:
        self._values = values
        self._prefix = prefix

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def names(self) -> list[str]:
        return list(self._values)

    def raw(self) -> Obj:
        return dict(self._values)

    def refuse(self, name: str, why: str) -> Refused:
        return Refused(422, f"[{self._prefix}{name}] {why}", {"parameter": name})

    def text(self, name: str, *, least: int = 0, most: int | None = None) -> str | None:
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.refuse(name, "is not a valid value.")
        text = str(value)
        if len(text) < least or (most is not None and len(text) > most):
            raise self.refuse(name, f"must be between {least} and {most} characters.")
        return text

    def needed(self, name: str, *, most: int | None = None) -> str:
        text = self.text(name, most=most)
        if text is None or text == "":
            raise self.refuse(name, "is a required field.")
        return text

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.choice(name, ("T", "F"))
        return default if value is None else value == "T"

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        text = self.text(name)
        if text is None or text == "":
            return None
        if text not in allowed:
            raise self.refuse(name, "is not a valid value. Allowed: " + ", ".join(allowed))
        return text

    def needed_choice(self, name: str, allowed: Sequence[str]) -> str:
        value = self.choice(name, allowed)
        if value is None:
            raise self.refuse(name, "is a required field.")
        return value

    def whole(self, name: str, low: int, high: int | None = None) -> int | None:
        text = self.text(name)
        if text is None or text == "":
            return None
        if not re.fullmatch(r"-?\d{1,12}", text):
            raise self.refuse(name, "must be an integer.")
        number = int(text)
        if number < low or (high is not None and number > high):
            raise self.refuse(name, f"must be between {low} and {high if high is not None else 'unlimited'}.")
        return number

    def phone(self, name: str) -> str | None:
        text = self.text(name, most=20)
        if text is not None and text != "" and not PHONE.fullmatch(text):
            raise self.refuse(name, "must be a phone number with dashes, such as 010-0000-0000.")
        return text

    def texts(self, name: str, most: int = 100) -> list[str] | None:
        """A list of strings; a comma string is taken as one, as the real API does."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            return split_list(value, most)
        items = as_list(value)
        if items is None or any(not isinstance(i, str | int) for i in items):
            raise self.refuse(name, "is not a valid list.")
        if len(items) > most:
            raise self.refuse(name, f"takes up to {most} values.")
        return [str(i) for i in items]

    def rows(self, name: str) -> list["Fields"] | None:
        value = self._values.get(name)
        if value is None:
            return None
        items = as_list(value)
        if items is None:
            raise self.refuse(name, "is not a valid list.")
        found: list[Fields] = []
        for item in items:
            row = as_object(item)
            if row is None:
                raise self.refuse(name, "is not a list of objects.")
            found.append(Fields(row, f"{self._prefix}{name}."))
        return found

    def inner(self, name: str) -> "Fields | None":
        value = self._values.get(name)
        if value is None:
            return None
        row = as_object(value)
        if row is None:
            raise self.refuse(name, "is not an object.")
        return Fields(row, f"{self._prefix}{name}.")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A write body taken apart: the shop and the one or many objects to write."""

    shop_no: int
    requests: tuple[Fields, ...]

    @property
    def request(self) -> Fields:
        return self.requests[0]


def open_envelope(raw: bytes, most: int, *, list_under_request: bool = False) -> Envelope:
    """`{"shop_no": 1, "request": {…}}` when `most` is 1, otherwise `{"requests": [{…}]}`.

    400 when the body is no JSON object or has neither key; 422 when the key or its type is the wrong one or there are too many objects.
    """
    try:
        body = as_object(json.loads(raw))
    except (ValueError, UnicodeDecodeError) as broken:
        raise Refused(400, "Bad Request") from broken
    if body is None or ("request" not in body and "requests" not in body):
        raise Refused(400, "Bad Request")
    shop = Fields(body).whole("shop_no", 1)
    one, many = as_object(body.get("request")), as_list(body.get("requests"))
    if most == 1:
        if one is None:
            raise Refused(422, INVALID_REQUEST)
        return Envelope(shop or 1, (Fields(one, "request."),))
    if many is None and list_under_request:
        many = as_list(body.get("request"))
    if not many:
        raise Refused(422, INVALID_REQUEST)
    if len(many) > most:
        raise Refused(422, f"Up to {most} objects can be sent in one call.")
    rows = [as_object(row) for row in many]
    if any(row is None for row in rows):
        raise Refused(422, INVALID_REQUEST)
    return Envelope(shop or 1, tuple(Fields(row, "requests.") for row in rows if row is not None))
