"""SMS and LMS through SOLAPI (reference §5.4). A 200 whose `failedMessageList` names the message is a rejection."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any, cast

import httpx2

from sangdam.core.clock import Clock
from sangdam.notify.channel import Accepted, NoAnswer, Notice, Rejected, Sent

SMS_BYTES = 90
"""EUC-KR bytes of one SMS; a longer text goes as LMS."""
ACCEPTED = "2000"


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
        kind = "SMS" if len(notice.text.encode("euc-kr", errors="replace")) <= SMS_BYTES else "LMS"
        message = {
            "to": notice.to.digits,
            "from": self._sender,
            "text": notice.text,
            "type": kind,
            "customFields": {"reference": notice.reference},
        }
        try:
            answer = await self._client.post(
                f"{self._base_url}/messages/v4/send-many/detail",
                json={"messages": [message], "allowDuplicates": False, "showMessageList": True},
                headers={"Authorization": self._authorization()},
                timeout=seconds,
                follow_redirects=False,
            )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            return Rejected("UNREACHABLE", retryable=True)
        except httpx2.HTTPError as error:
            return NoAnswer(type(error).__name__)
        if answer.status_code != 200:
            return Rejected(
                f"HTTP_{answer.status_code}", retryable=answer.status_code == 429 or answer.status_code >= 500
            )
        try:
            return _read(cast("object", answer.json()))
        except ValueError:
            return NoAnswer("MALFORMED")

    def _authorization(self) -> str:
        date = self._clock.now().isoformat()
        salt = self._salt()
        signature = hmac.new(self._secret, (date + salt).encode(), hashlib.sha256).hexdigest()
        return f"HMAC-SHA256 ApiKey={self._key}, Date={date}, salt={salt}, signature={signature}"


def _read(body: object) -> Sent:
    """Raises ValueError for a body that says neither."""
    if not isinstance(body, dict):
        raise ValueError("not an object")
    fields = cast("dict[str, Any]", body)
    failed: Any = fields.get("failedMessageList")
    if isinstance(failed, list) and failed:
        first = cast("list[Any]", failed)[0]
        code = str(cast("dict[str, Any]", first).get("statusCode", "FAILED")) if isinstance(first, dict) else "FAILED"
        return Rejected(code, retryable=False)
    listed: Any = fields.get("messageList")
    if isinstance(listed, list) and listed and isinstance(cast("list[Any]", listed)[0], dict):
        message = cast("dict[str, Any]", cast("list[Any]", listed)[0])
        code = str(message.get("statusCode", ACCEPTED))
        if code != ACCEPTED:
            return Rejected(code, retryable=False)
        return Accepted("solapi", str(message.get("messageId", "")))
    raise ValueError("no message in the answer")
