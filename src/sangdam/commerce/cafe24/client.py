"""Requests to one mall: deadline, budget, retries of what is safe to repeat, one renewal after a 401.

Answers are JSON objects or a ShopFailure. A change whose answer did not come is a ShopFailure with `unknown`: it may have happened.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast
from urllib.parse import quote

import httpx2
import structlog

from sangdam.commerce.cafe24.limits import BudgetSpent, MallLimiter
from sangdam.commerce.cafe24.tokens import App, Token, Tokens, json_object
from sangdam.commerce.shop import ShopFailure
from sangdam.core.clock import kst_date
from sangdam.core.ids import OrgId
from sangdam.tools.model import Call, UpstreamCall

log = structlog.get_logger(__name__)

MAX_BYTES = 5 * 1024 * 1024
READ_TRIES = 3
BACKOFF_SECONDS = (0.3, 1.0)
JITTER_SECONDS = 0.2
"""On top of a pause, at most."""
ATTEMPT_SECONDS = 4.0
LEAST_SECONDS = 0.05
"""With less than this left nothing is sent any more."""

Method = Literal["GET", "POST", "PUT"]
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> str:
        """The mall's own words, for operators."""
        return _words(json_object(self.body))


class MallClient:
    """Calls of the Admin API. `path` is below `/api/v2/admin`; only this package forms one."""

    def __init__(
        self, client: httpx2.AsyncClient, tokens: Tokens, app: App, *, version: str, limiter: Callable[[str], MallLimiter], pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._client = client
        self._tokens = tokens
        self._app = app
        self._version = version
        self._limiter = limiter
        self._pause = pause
        self._jitter = jitter
        self._offered: dict[str, tuple[date, str]] = {}
        """By mall: the API version it offered instead of ours, believed for the rest of that day."""

    async def get(
        self, call: Call, org: OrgId, template: str, *, params: Mapping[str, str] | None = None, **path: str
    ) -> object:
        """A read. Raises ShopFailure; `template` with `{names}` is what the audit keeps."""
        return await self._request(call, org, "GET", template, path, params=params)

    async def write(
        self,
        call: Call,
        org: OrgId,
        method: Literal["POST", "PUT"],
        template: str,
        body: Mapping[str, object],
        **path: str,
    ) -> object:
        """A change, sent once: repeated only where the mall certainly did not do it (429, 401, no connection).

        `body` is `{"request": …}` or `{"requests": […]}`. Raises ShopFailure, with `unknown` when the change may have happened.
        """
        return await self._request(call, org, method, template, path, body=body)

    async def board_no(self, org: OrgId) -> int | None:
        """The board the shop was connected with."""
        return (await self._tokens.token(org)).connection.board_no

    async def drain(self) -> None:
        """Before a process ends: waits for the renewals under way."""
        await self._tokens.drain()

    async def _request(
        self,
        call: Call,
        org: OrgId,
        method: Method,
        template: str,
        path: Mapping[str, str],
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> object:
        token = await self._tokens.token(org)
        mall = token.connection.mall_id
        limiter = self._limiter(mall)
        tries, attempt, renewed, version, offered = 0, 0, False, self._version_for(call, mall), False
        while True:
            if call.remaining <= LEAST_SECONDS:
                raise ShopFailure("CAFE24_TIMEOUT", retryable=True, detail={"attempts": attempt})
            try:
                await limiter.take(call.deadline - LEAST_SECONDS)
            except BudgetSpent:
                raise ShopFailure("CAFE24_RATE_LIMITED", retryable=True, detail={"bucket": "ours"}) from None
            attempt += 1
            try:
                answer = await self._send(call, method, template, path, token, version, attempt, params, body)
            except (httpx2.HTTPError, TimeoutError) as error:
                tries += 1
                if (method == "GET" or isinstance(error, _NOT_SENT)) and await self._again(call, tries):
                    continue
                raise _unanswered(
                    error, attempt, unknown=method != "GET" and not isinstance(error, _NOT_SENT)
                ) from None
            limiter.told(answer.headers)
            match answer.status:
                case 200 | 201:
                    return _object(answer, unknown=method != "GET")
                case 207:
                    return _all_made(_object(answer, unknown=method != "GET"))
                case 401 if not renewed:
                    token, renewed = await self._tokens.after_401(org, token.version), True
                case 401:
                    await self._tokens.refused_for_good(org, token.version)
                    raise ShopFailure("CAFE24_REAUTH_REQUIRED")
                case 403:
                    raise ShopFailure("SCOPE_ERROR", detail={"path": template, "message": answer.message})
                case 404:
                    raise ShopFailure("CAFE24_NOT_FOUND", detail={"path": template})
                case 429:
                    if not await self._wait(call, limiter.refused(answer.headers, jitter=self._jitter())):
                        raise ShopFailure("CAFE24_RATE_LIMITED", retryable=True, detail=_budget(answer.headers))
                case 400 if not offered and (better := offered_version(answer.message)) not in (None, version):
                    log.warning("api_version_offered", org=str(org), asked=version, offered=better)
                    version, offered = better or version, True
                    self._offered[mall] = (kst_date(call.clock.now()), version)
                case 500 | 502 | 503 | 504 as status:
                    tries += 1
                    if method != "GET" or not await self._again(call, tries):
                        detail = {"status": status, "attempts": attempt}
                        raise ShopFailure("CAFE24_UNAVAILABLE", retryable=True, detail=detail, unknown=method != "GET")
                case 400 | 409 | 422 as status:
                    raise ShopFailure("CAFE24_REJECTED", detail={"status": status, "message": answer.message})
                case status:
                    unknown = method != "GET" and status >= 500
                    raise ShopFailure("CAFE24_ERROR", detail={"status": status}, unknown=unknown)

    async def _send(
        self,
        call: Call,
        method: Method,
        template: str,
        path: Mapping[str, str],
        token: Token,
        version: str,
        attempt: int,
        params: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
    ) -> _Answer:
        """One request, read to its end within the time left. Raises what the transport raises, and TimeoutError."""
        filled = template.format(**{name: quote(value, safe="") for name, value in path.items()})
        shop = token.connection.shop_no
        seconds = min(ATTEMPT_SECONDS, call.remaining)
        request = self._client.build_request(
            method,
            f"{self._app.origin(token.connection.mall_id)}/api/v2/admin{filled}",
            params={"shop_no": str(shop), **(params or {})} if body is None else None,
            json={"shop_no": shop, **body} if body is not None else None,
            headers={
                "Authorization": f"Bearer {token.value}",
                "Content-Type": "application/json",
                "X-Cafe24-Api-Version": version,
            },
            timeout=seconds,
        )
        started, status = call.clock.monotonic(), None
        call.sent = call.sent or method != "GET"
        given_up = False
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.send(request, stream=True, follow_redirects=False)
                try:
                    status = response.status_code
                    return _Answer(status, response.headers, await _bounded(response))
                finally:
                    await response.aclose()
        except asyncio.CancelledError:
            given_up = True  # by us: it says nothing of the mall
            raise
        finally:
            if not given_up:
                ms = int((call.clock.monotonic() - started) * 1000)
                call.upstream.append(UpstreamCall(f"{method} {template}", status, ms, attempt))

    async def _again(self, call: Call, tries: int) -> bool:
        """Waits before the next try; False when there is none left."""
        if tries >= READ_TRIES:
            return False
        return await self._wait(call, BACKOFF_SECONDS[tries - 1] + JITTER_SECONDS * self._jitter())

    async def _wait(self, call: Call, seconds: float) -> bool:
        """False when the deadline comes first."""
        if seconds + LEAST_SECONDS >= call.remaining:
            return False
        await self._pause(seconds)
        return True

    def _version_for(self, call: Call, mall: str) -> str:
        day, version = self._offered.get(mall, (date.min, self._version))
        return version if day == kst_date(call.clock.now()) else self._version


async def _bounded(response: httpx2.Response) -> bytes:
    """The body, unless it is too large: then reading stops."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise ShopFailure("CAFE24_ERROR", detail={"shape": "too large"}, unknown=response.request.method != "GET")
    return bytes(body)


def _object(answer: _Answer, *, unknown: bool) -> dict[str, Any]:
    body = json_object(answer.body)
    if body is None:
        raise ShopFailure("CAFE24_ERROR", detail={"status": answer.status, "shape": "no JSON object"}, unknown=unknown)
    return body


def _all_made(body: dict[str, Any]) -> dict[str, Any]:
    """A mixed result (207) none of whose parts was refused. Raises CAFE24_REJECTED, with `unknown` when another part was made."""
    parts = [part for rows in body.values() if isinstance(rows, list) for part in cast("list[object]", rows)]
    refused = [part for part in parts if _refused(part)]
    if not refused:
        return body
    detail = {"status": 207, "message": _words(refused[0]), "refused": len(refused), "of": len(parts)}
    raise ShopFailure("CAFE24_REJECTED", detail=detail, unknown=len(refused) < len(parts))


def _refused(part: object) -> bool:
    """The keys differ from resource to resource (reference §2.6); `status` may be a word of the thing itself."""
    if not isinstance(part, dict):
        return True
    fields = cast("dict[str, object]", part)
    return bool(fields.get("error")) or any(
        isinstance(code := fields.get(name), int) and code >= 400 for name in ("status", "code")
    )


def _words(part: object) -> str:
    """The mall's own words of a refusal, for operators."""
    fields = cast("dict[str, object]", part) if isinstance(part, dict) else {}
    error = fields.get("error")
    message = (cast("dict[str, object]", error) if isinstance(error, dict) else fields).get("message")
    return message[:300] if isinstance(message, str) else ""


def _unanswered(error: Exception, attempts: int, *, unknown: bool) -> ShopFailure:
    detail = {"attempts": attempts, "cause": type(error).__name__}
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return ShopFailure("CAFE24_TIMEOUT", retryable=True, detail=detail, unknown=unknown)
    if isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError):
        return ShopFailure("CAFE24_UNAVAILABLE", retryable=True, detail=detail, unknown=unknown)
    return ShopFailure("CAFE24_ERROR", detail=detail, unknown=unknown)


def _budget(headers: Mapping[str, str]) -> dict[str, str]:
    """What the mall says of its budget, for operators."""
    names = ("x-api-call-limit", "x-cafe24-call-usage", "x-cafe24-call-remain", "x-cafe24-time-usage", "x-cafe24-time-remain")  # fmt: skip
    return {name.removeprefix("x-"): headers[name][:20] for name in names if name in headers}


def offered_version(message: str) -> str | None:
    """The version a 400 offers: `… version you requested is not available. The default value for the app version is <date>.`"""
    if "version" not in message:
        return None
    dates = [word.strip(".,") for word in message.split()]
    return next((word for word in reversed(dates) if _is_date(word)), None)


def _is_date(word: str) -> bool:
    try:
        return len(word) == 10 and date.fromisoformat(word).isoformat() == word
    except ValueError:
        return False
