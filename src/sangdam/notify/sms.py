"""SMS and LMS through SOLAPI (reference §5.4). A 200 whose `failedMessageList` names the message is a rejection."""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast

import httpx2

from sangdam.core.clock import Clock
from sangdam.notify.channel import Accepted, Asked, NoAnswer, Notice, Rejected, Sent

PATH = "/messages/v4/send-many/detail"
SMS_BYTES = 90
"""EUC-KR bytes of one SMS; a longer text goes as LMS."""
LMS_BYTES = 2000
ACCEPTED = frozenset({"2000", "3000", "4000"})
"""Taken, handed to the carrier, delivered."""


class Solapi:
    def __init__(
        self,
        client: httpx2.AsyncClient,
        *,
        api_key: str,
        api_secret: str,
        sender: str,
        clock: Clock,
        base_url: str = "https://api.solapi.com",
        salt: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._client = client
        self._key = api_key
        self._secret = api_secret.encode()
        self._sender = sender
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._salt = salt

    async def send(self, notice: Notice, *, seconds: float) -> Sent:
        kind = kind_of(notice.text)
        if kind is None:
            return Rejected("TEXT_TOO_LONG", retryable=False)
        message = {
            "to": notice.to.digits,
            "from": self._sender,
            "text": notice.text,
            "type": kind,
            "customFields": {"reference": notice.reference},
        }
        started = self._clock.monotonic()
        end, status = await self._posted(message, seconds)
        ms = int((self._clock.monotonic() - started) * 1000)
        return replace(end, asked=Asked(f"POST {PATH}", status, ms))

    async def _posted(self, message: Mapping[str, object], seconds: float) -> tuple[Sent, int | None]:
        """What it came to, and the status of the answer."""
        try:
            async with asyncio.timeout(seconds):
                answer = await self._client.post(
                    f"{self._base_url}{PATH}",
                    json={"messages": [message], "allowDuplicates": False, "showMessageList": True},
                    headers={"Authorization": self._authorization()},
                    timeout=seconds,
                    follow_redirects=False,
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            return Rejected("UNREACHABLE", retryable=True), None
        except (httpx2.HTTPError, TimeoutError) as error:
            return NoAnswer(type(error).__name__), None
        status = answer.status_code
        if not answer.is_success:
            return Rejected(f"HTTP_{status}", retryable=status == 429 or status >= 500), status
        return read_answer(answer.content) or NoAnswer("MALFORMED"), status

    def _authorization(self) -> str:
        date = self._clock.now().isoformat()
        salt = self._salt()
        signature = hmac.new(self._secret, (date + salt).encode(), hashlib.sha256).hexdigest()
        return f"HMAC-SHA256 ApiKey={self._key}, Date={date}, salt={salt}, signature={signature}"


def kind_of(text: str) -> Literal["SMS", "LMS"] | None:
    """By EUC-KR bytes. None for more than an LMS takes."""
    size = sum(_bytes(character) for character in text)
    return "SMS" if size <= SMS_BYTES else "LMS" if size <= LMS_BYTES else None


def _bytes(character: str) -> int:
    """Counted by the strictest reading: a syllable outside EUC-KR (똠) is spelled out in eight bytes, a sign it lacks takes two."""
    return 1 if character.isascii() else max(2, len(character.encode("euc-kr", errors="replace")))


def read_answer(content: bytes) -> Accepted | Rejected | None:
    """What became of the one message; None for an answer that says neither."""
    try:
        body: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    failed = _first(body, "failedMessageList")
    if failed is not None:
        return Rejected(_text(failed, "statusCode") or "FAILED", retryable=False)
    taken = _first(body, "messageList")
    code = _text(taken, "statusCode") if taken is not None else None
    if taken is None or code is None:
        return None
    if code not in ACCEPTED:
        return Rejected(code, retryable=False)
    message_id = _text(taken, "messageId")
    return Accepted("solapi", message_id) if message_id is not None else None


def _first(body: object, name: str) -> dict[str, Any] | None:
    listed: Any = cast("dict[str, Any]", body).get(name) if isinstance(body, dict) else None
    first: Any = cast("list[Any]", listed)[0] if isinstance(listed, list) and listed else None
    return cast("dict[str, Any]", first) if isinstance(first, dict) else None


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
