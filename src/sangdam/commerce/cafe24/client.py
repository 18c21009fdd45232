"""Requests to one mall: deadline, budget, retries of what is safe to repeat, one renewal after a 401. Answers are JSON objects or a ShopFailure."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, cast
from urllib.parse import quote

import httpx2
import structlog

from sangdam.commerce.cafe24.limits import BudgetSpent, MallLimiter
from sangdam.commerce.cafe24.tokens import App, Token, Tokens
from sangdam.commerce.shop import ShopFailure
from sangdam.core.ids import OrgId
from sangdam.tools.model import Call, UpstreamCall

log = structlog.get_logger(__name__)

MAX_BYTES = 5 * 1024 * 1024
READ_TRIES = 3
BACKOFF_SECONDS = (0.3, 1.0)
ATTEMPT_SECONDS = 4.0
RETRIED = frozenset({500, 502, 503, 504})


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

    async def get(
        self, call: Call, org: OrgId, template: str, *, params: Mapping[str, str] | None = None, **path: str
    ) -> object:
        """A read. Raises ShopFailure; `template` with `{names}` is what the audit keeps."""
        return await self._request(call, org, "GET", template, path, params=params)

    async def _request(
        self,
        call: Call,
        org: OrgId,
        method: Literal["GET", "POST", "PUT"],
        template: str,
        path: Mapping[str, str],
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
    ) -> object:
        token = await self._tokens.token(org)
        limiter = self._limiter(token.connection.mall_id)
        tries, renewed, attempt, version = 0, False, 0, self._version
        while True:
            attempt += 1
            try:
                await limiter.take(call.deadline)
            except BudgetSpent:
                raise ShopFailure("CAFE24_RATE_LIMITED", retryable=True, detail={"where": "budget"}) from None
            started = call.clock.monotonic()
            remaining = call.deadline - started
            if remaining <= 0.05:
                raise ShopFailure("CAFE24_TIMEOUT", retryable=True, detail={"attempts": attempt - 1})
            try:
                response = await self._client.request(
                    method, self._url(token, template, path), params=dict(params or {}), json=body, headers=self._headers(token, version),
                    timeout=min(ATTEMPT_SECONDS, remaining), follow_redirects=False,
                )  # fmt: skip
            except httpx2.HTTPError as error:
                self._note(call, method, template, None, started, attempt)
                tries += 1
                safe = method == "GET" or isinstance(
                    error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout
                )
                if (
                    safe
                    and tries < READ_TRIES
                    and await self._wait(call, BACKOFF_SECONDS[min(tries, len(BACKOFF_SECONDS)) - 1])
                ):
                    continue
                unreachable = isinstance(error, httpx2.ConnectError)
                raise ShopFailure(
                    "CAFE24_UNAVAILABLE" if unreachable else "CAFE24_TIMEOUT",
                    retryable=True,
                    detail={"attempts": attempt},
                ) from None
            self._note(call, method, template, response.status_code, started, attempt)
            limiter.told(response.headers)
            match response.status_code:
                case 200 | 201 | 207:
                    return read_body(response)
                case 401 if not renewed:
                    token, renewed = await self._tokens.after_401(org, token.version), True
                case 401:
                    await self._tokens.refused_for_good(org, token.version)
                    raise ShopFailure("CAFE24_REAUTH_REQUIRED")
                case 403:
                    raise ShopFailure("SCOPE_ERROR", detail={"path": template})
                case 404:
                    raise ShopFailure("CAFE24_NOT_FOUND", detail={"path": template})
                case 429:
                    wait = limiter.refused(response.headers, jitter=self._jitter())
                    if not await self._wait(call, wait):
                        raise ShopFailure(
                            "CAFE24_RATE_LIMITED",
                            retryable=True,
                            detail={"limit": response.headers.get("x-api-call-limit", "")},
                        )
                case 400 if (offered := offered_version(response.text)) is not None and offered != version:
                    log.warning("api_version_offered", org=str(org), asked=version, offered=offered)
                    version = offered
                case status if status in RETRIED:
                    tries += 1
                    if (
                        method == "GET"
                        and tries < READ_TRIES
                        and await self._wait(call, BACKOFF_SECONDS[min(tries, len(BACKOFF_SECONDS)) - 1])
                    ):
                        continue
                    raise ShopFailure("CAFE24_UNAVAILABLE", retryable=True, detail={"status": status})
                case 400 | 409 | 422 as status:
                    raise ShopFailure(
                        "CAFE24_REJECTED", detail={"status": status, "message": message_of(response.text)}
                    )
                case status:
                    raise ShopFailure("CAFE24_ERROR", detail={"status": status})

    async def _wait(self, call: Call, seconds: float) -> bool:
        """False when the deadline comes first."""
        if call.clock.monotonic() + seconds >= call.deadline:
            return False
        await self._pause(seconds)
        return True

    def _url(self, token: Token, template: str, path: Mapping[str, str]) -> str:
        filled = template.format(**{name: quote(value, safe="") for name, value in path.items()})
        return f"{self._app.base_url(token.connection.mall_id)}/api/v2/admin{filled}"

    def _headers(self, token: Token, version: str) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {token.value}",
            "Content-Type": "application/json",
            "X-Cafe24-Api-Version": version,
        }

    def _note(self, call: Call, method: str, template: str, status: int | None, started: float, attempt: int) -> None:
        call.upstream.append(
            UpstreamCall(f"{method} {template}", status, int((call.clock.monotonic() - started) * 1000), attempt)
        )


def read_body(response: httpx2.Response) -> object:
    if len(response.content) > MAX_BYTES:
        raise ShopFailure("CAFE24_ERROR", detail={"shape": "too large"})
    try:
        body: object = json.loads(response.content)
    except ValueError:
        raise ShopFailure("CAFE24_ERROR", detail={"shape": "not JSON"}) from None
    if not isinstance(body, dict):
        raise ShopFailure("CAFE24_ERROR", detail={"shape": "not an object"})
    return cast("object", body)


def message_of(text: str) -> str:
    """The mall's own words, for operators."""
    try:
        body: Any = json.loads(text)
        return str(body["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return ""


def offered_version(text: str) -> str | None:
    """The version a 400 offers: `… version you requested is not available. The default value for the app version is <date>.`"""
    message = message_of(text)
    if "version" not in message:
        return None
    dates = [word.strip(".,") for word in message.split() if word[:2] == "20" and len(word.strip(".,")) == 10]
    return dates[-1] if dates else None
