"""A usable access token for every call, renewed by one process at a time (cafe24-oauth-and-jobs.md §2.2).

The refresh token is single-use: its answer is journalled before anything else can fail, and a renewal that began is finished even
when the call that needed it is given up, for a lost answer costs the merchant's consent.
"""

import asyncio
import base64
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import httpx2
import structlog

from sangdam.commerce.cafe24.times import parse_mall_time
from sangdam.commerce.shop import ShopFailure
from sangdam.core.clock import Clock
from sangdam.core.ids import OrgId, new_trace_id
from sangdam.orgs.connections import Connection, Connections, Status, TokenPair

log = structlog.get_logger(__name__)

USE_MARGIN = timedelta(minutes=2)
LEASE = timedelta(seconds=15)
ANSWER_SECONDS = 8.0
WAIT_SECONDS = 10.0
POLL_SECONDS = 0.1
REQUESTS_PER_TWO_HOURS = 12
BUDGET_SPAN = timedelta(hours=2)
BUDGET_RETRY_SECONDS = 600.0
REFRESH_LIFE = timedelta(days=14)
BACKOFF_MINUTES = (1, 2, 5, 15, 30)
CONFIGURATION_MINUTES = 30
"""Wrong credentials of the app heal by a person only."""

_MALL_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,49}")
"""The only variable part of a host (cafe24-oauth-and-jobs.md §1.1)."""


def product_page(mall_id: str, product_no: int) -> str:
    """Under the name that every mall has, whatever domain it bought beside it."""
    return f"https://{mall_id}.cafe24.com/product/detail.html?product_no={product_no}"


@dataclass(frozen=True)
class App:
    """The app's credentials and where the mall is."""

    client_id: str
    client_secret: str = field(repr=False)
    base_url: Callable[[str], str]
    """From a mall id to the origin (and prefix) of its API."""
    page_url: Callable[[str, int], str] = product_page
    """Of a product of the mall's first shop."""

    def origin(self, mall_id: str) -> str:
        """Where this mall's secrets may be sent. Raises ShopFailure CONFIG_ERROR for what could name another host."""
        if not _MALL_ID.fullmatch(mall_id):
            raise ShopFailure("CONFIG_ERROR", detail={"setting": "mall_id"})
        return self.base_url(mall_id)

    def product_url(self, mall_id: str, product_no: int) -> str | None:
        """None for what could name another host."""
        return self.page_url(mall_id, product_no) if _MALL_ID.fullmatch(mall_id) else None


@dataclass(frozen=True)
class Token:
    value: str = field(repr=False)
    version: int
    connection: Connection = field(repr=False)


class Tokens:
    def __init__(
        self,
        connections: Connections,
        client: httpx2.AsyncClient,
        app: App,
        clock: Clock,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connections = connections
        self._client = client
        self._app = app
        self._clock = clock
        self._pause = pause
        self._renewing: dict[tuple[OrgId, int], asyncio.Task[Token]] = {}

    async def token(self, org: OrgId) -> Token:
        """A token good for at least two minutes, or the old one while it lives and cannot be renewed just now.

        Raises ShopFailure: CONFIG_ERROR, CAFE24_REAUTH_REQUIRED, TOKEN_REFRESH_FAILED.
        """
        connection = await self._read(org)
        found = self._usable(connection)
        if found is not None:
            return found
        try:
            return await self._renewed(org, connection)
        except ShopFailure as failure:
            pair = connection.pair
            if not failure.retryable or pair is None or pair.expires_at <= self._clock.now():
                raise
            return Token(pair.access_token, connection.version, connection)

    async def after_401(self, org: OrgId, used: int) -> Token:
        """The token to repeat a refused call with: a sibling's newer one, else a fresh one."""
        connection = await self._read(org)
        found = self._usable(connection) if connection.version > used else None
        return found or await self._renewed(org, connection)

    async def refused_for_good(self, org: OrgId, version: int) -> None:
        """A fresh token was refused too: only the merchant's consent helps."""
        await self._fail(org, version, "reauthorisation_required", "401_twice", requested=False, retry_at=None)

    async def drain(self) -> None:
        """Waits for renewals whose callers went away; bounded by the wait for the mall's answer."""
        if self._renewing:
            await asyncio.wait(list(self._renewing.values()), timeout=WAIT_SECONDS + ANSWER_SECONDS)

    async def _renewed(self, org: OrgId, connection: Connection) -> Token:
        """Callers of one process share one renewal, which outlives each of them."""
        key = (org, connection.version)
        task = self._renewing.get(key)
        if task is None:
            task = self._renewing[key] = asyncio.create_task(self._renew(org, connection))
            task.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(task)

    def _finished(self, key: tuple[OrgId, int], task: asyncio.Task[Token]) -> None:
        self._renewing.pop(key, None)
        if not task.cancelled():
            task.exception()

    async def _renew(self, org: OrgId, connection: Connection) -> Token:
        """One refresh over all processes; everybody else waits for its result."""
        deadline = self._clock.monotonic() + WAIT_SECONDS
        version = connection.version
        holder = secrets.token_hex(8)
        while True:
            if self._free(connection):
                until = self._clock.now() + LEASE
                if await self._connections.take_lease(org, version, holder=holder, until=until):
                    break
            if self._clock.monotonic() >= deadline:
                raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=True, detail={"cause": "lease"})
            await self._pause(POLL_SECONDS)
            connection = await self._read(org)
            if connection.version != version:
                return self._usable(connection) or await self._renew(org, connection)
            self._mind_backoff(connection)
        try:
            return await self._refresh(org, connection)
        finally:
            await self._connections.release_lease(org, holder=holder)

    async def _refresh(self, org: OrgId, connection: Connection) -> Token:
        version = connection.version
        answer = await self._connections.journal_written(org, version)
        if answer is None:
            connection = await self._read(org)  # a holder before us may have failed between our reading and our lease
            if connection.version != version or connection.pair is None:
                raise self._failure(connection, "rotated", retryable=True)
            self._mind_backoff(connection)
            if await self._connections.count_requests(org, within=BUDGET_SPAN) >= REQUESTS_PER_TWO_HOURS:
                detail = {"cause": "budget", "retry_after": BUDGET_RETRY_SECONDS}
                raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=True, detail=detail)
            asked = await self._ask(org, connection, connection.pair)
            if isinstance(asked, Token):
                return asked
            answer = asked
            await self._connections.write_journal(org, mall_id=connection.mall_id, version=version, answer=answer)
        try:
            pair = read_pair(answer, self._clock.now())
        except ValueError:
            await self._connections.void_journal(org, version)
            await self._fail(
                org, version, "degraded", "malformed", requested=False, retry_at=self._later(connection)
            )  # the journal counts the request
            raise self._failure(connection, "malformed", retryable=True) from None
        if not pair.scopes:
            pair = replace(pair, scopes=connection.scopes)  # an answer that names none takes none away
        await self._connections.apply(org, version, pair, trigger="call", run_id=None, trace_id=new_trace_id())
        fresh = await self._read(org)
        if fresh.pair is None:
            raise ShopFailure("CAFE24_REAUTH_REQUIRED")
        return Token(fresh.pair.access_token, fresh.version, fresh)

    async def _ask(self, org: OrgId, connection: Connection, pair: TokenPair) -> str | Token:
        """The mall's answer as text, asked once; a sibling's token when it was faster. Every failure is recorded, then raised."""
        version, later = connection.version, self._later(connection)
        origin = self._app.origin(connection.mall_id)
        credentials = base64.b64encode(f"{self._app.client_id}:{self._app.client_secret}".encode()).decode()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                response = await self._client.post(
                    f"{origin}/api/v2/oauth/token",
                    data={"grant_type": "refresh_token", "refresh_token": pair.refresh_token},
                    headers={"Authorization": f"Basic {credentials}"},
                    timeout=ANSWER_SECONDS,
                    follow_redirects=False,
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            await self._fail(org, version, "degraded", "connect", requested=False, retry_at=later)
            raise self._failure(connection, "connect", retryable=True) from None
        except (httpx2.HTTPError, TimeoutError):
            await self._fail(org, version, "degraded", "timeout", requested=True, retry_at=later)
            raise self._failure(connection, "timeout", retryable=True) from None
        if response.status_code == 200:
            return response.text
        error = error_of(response.text) if response.status_code in (400, 401) else ""
        if error == "invalid_grant":
            return await self._invalid_grant(org, connection)
        retryable = response.status_code == 429 or response.status_code >= 500
        cause = error or f"http_{response.status_code}"
        if not retryable:
            later = self._clock.now() + timedelta(minutes=CONFIGURATION_MINUTES)
        await self._fail(org, version, "degraded", cause, requested=True, retry_at=later)
        raise self._failure(connection, cause, retryable=retryable)

    async def _invalid_grant(self, org: OrgId, connection: Connection) -> Token:
        """Burnt or expired, unless a sibling rotated it: then his is used."""
        newer = await self._read(org)
        if newer.version != connection.version and newer.pair is not None:
            return Token(newer.pair.access_token, newer.version, newer)
        await self._fail(
            org, connection.version, "reauthorisation_required", "invalid_grant", requested=True, retry_at=None
        )
        raise self._failure(connection, "invalid_grant", retryable=False)

    async def _fail(
        self, org: OrgId, version: int, status: Status, code: str, *, requested: bool, retry_at: datetime | None
    ) -> None:
        log.warning("token_refresh_failed", org=str(org), cause=code, status=status)
        await self._connections.record_failure(
            org,
            version,
            status=status,
            code=code,
            trigger="call",
            run_id=None,
            trace_id=new_trace_id(),
            requested=requested,
            retry_at=retry_at,
        )

    async def _read(self, org: OrgId) -> Connection:
        """Read for every call: a mall that was disconnected or changed a moment ago is never asked with the old token."""
        connection = await self._connections.read(org)
        if connection is None:
            raise ShopFailure("CONFIG_ERROR", detail={"setting": "cafe24"})
        if connection.status in ("reauthorisation_required", "revoked"):
            raise ShopFailure("CAFE24_REAUTH_REQUIRED")
        return connection

    def _usable(self, connection: Connection) -> Token | None:
        pair = connection.pair
        if pair is None or pair.expires_at - self._clock.now() < USE_MARGIN:
            return None
        return Token(pair.access_token, connection.version, connection)

    def _free(self, connection: Connection) -> bool:
        until = connection.lease_until
        return connection.lease_holder is None or until is None or until <= self._clock.now()

    def _mind_backoff(self, connection: Connection) -> None:
        """Raises while the last failure asks for patience: the token endpoint counts every request."""
        last, now = connection.last_refresh, self._clock.now()
        if last is None or last.retry_at is None or last.retry_at <= now:
            return
        detail = {"cause": last.code, "retry_after": (last.retry_at - now).total_seconds()}
        retryable = last.code not in ("invalid_client", "invalid_request")
        raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=retryable, detail=detail)

    def _failure(self, connection: Connection, cause: str, *, retryable: bool) -> ShopFailure:
        pair = connection.pair
        detail = {
            "cause": cause,
            "mall_id": connection.mall_id,
            "expires_at": pair.expires_at.isoformat() if pair is not None else None,
            "last_success": pair.issued_at.isoformat() if pair is not None else None,
        }
        return ShopFailure("TOKEN_REFRESH_FAILED", retryable=retryable, detail=detail)

    def _later(self, connection: Connection) -> datetime:
        failures = connection.last_refresh.failures if connection.last_refresh is not None else 0
        return self._clock.now() + timedelta(minutes=BACKOFF_MINUTES[min(failures, len(BACKOFF_MINUTES) - 1)])


def read_pair(answer: str, now: datetime) -> TokenPair:
    """The pair of a token answer. Raises ValueError when a field is missing or of another kind."""
    fields = json_object(answer)
    if fields is None:
        raise ValueError("not an object")
    access, refresh = fields.get("access_token"), fields.get("refresh_token")
    if not isinstance(access, str) or not isinstance(refresh, str) or not _printable(access) or not _printable(refresh):
        raise ValueError("no pair")
    expires_at = parse_mall_time(fields.get("expires_at"))
    if expires_at is None:
        raise ValueError("no expiry")
    issued_at = parse_mall_time(fields.get("issued_at")) or now
    scopes: Any = fields.get("scopes")
    return TokenPair(
        access_token=access,
        refresh_token=refresh,
        expires_at=expires_at,
        refresh_token_expires_at=parse_mall_time(fields.get("refresh_token_expires_at")) or issued_at + REFRESH_LIFE,
        issued_at=issued_at,
        scopes=frozenset(str(scope) for scope in cast("list[object]", scopes))
        if isinstance(scopes, list)
        else frozenset(),
    )


def _printable(token: str) -> bool:
    """What may stand in a header."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """The object that text is, whatever it is."""
    try:
        body: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else None


def error_of(text: str) -> str:
    """`invalid_grant` and its like; "" for a body of another shape."""
    error = (json_object(text) or {}).get("error")
    return error if isinstance(error, str) else ""
