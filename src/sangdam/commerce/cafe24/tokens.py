"""A usable access token for every call, renewed by one process at a time (cafe24-oauth-and-jobs.md §2.2).

The refresh token is single-use: the answer is journalled before anything else can fail, and a lost answer is never asked for again blindly.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
REFRESH_LIFE = timedelta(days=14)
_BACKOFF = (1, 2, 5, 15, 30)


@dataclass(frozen=True)
class App:
    """The app's credentials and where the mall is."""

    client_id: str
    client_secret: str
    base_url: Callable[[str], str]
    """From a mall id to the origin (and prefix) of its API."""


@dataclass(frozen=True)
class Token:
    value: str
    version: int
    connection: Connection

    def __repr__(self) -> str:
        return f"Token(version={self.version})"


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
        self._known: dict[OrgId, Connection] = {}

    async def token(self, org: OrgId) -> Token:
        """A token good for at least two minutes. Raises ShopFailure: CONFIG_ERROR, CAFE24_REAUTH_REQUIRED, TOKEN_REFRESH_FAILED."""
        known = self._known.get(org)
        if known is None or not self._usable(known):
            known = await self._read(org)
        if self._usable(known) and known.pair is not None:
            return Token(known.pair.access_token, known.version, known)
        return await self.renewed(org, known)

    async def after_401(self, org: OrgId, used: int) -> Token:
        """The token to repeat a refused call with: a sibling's newer one, else a fresh one."""
        connection = await self._read(org)
        if connection.version > used and connection.pair is not None and self._usable(connection):
            return Token(connection.pair.access_token, connection.version, connection)
        return await self.renewed(org, connection)

    async def refused_for_good(self, org: OrgId, version: int) -> None:
        """A fresh token was refused too: only the merchant's consent helps."""
        await self._fail(org, version, "reauthorisation_required", "401_twice", requested=False, retry_at=None)

    async def renewed(self, org: OrgId, connection: Connection) -> Token:
        """One refresh over all processes; everybody else waits for its result."""
        deadline = self._clock.monotonic() + WAIT_SECONDS
        version = connection.version
        holder = secrets.token_hex(8)
        while not await self._connections.take_lease(org, version, holder=holder, until=self._clock.now() + LEASE):
            if self._clock.monotonic() >= deadline:
                raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=True, detail={"cause": "lease"})
            await self._pause(POLL_SECONDS)
            connection = await self._read(org)
            if connection.version > version and connection.pair is not None:
                return Token(connection.pair.access_token, connection.version, connection)
        try:
            return await self._refresh(org, connection, version)
        finally:
            await self._connections.release_lease(org, holder=holder)

    async def _refresh(self, org: OrgId, connection: Connection, version: int) -> Token:
        trace_id = new_trace_id()
        answer = await self._connections.journal_written(org, version)
        if answer is None:
            pair = connection.pair
            if pair is None:
                raise ShopFailure("CAFE24_REAUTH_REQUIRED")
            if await self._connections.count_requests(org, within=timedelta(hours=2)) >= REQUESTS_PER_TWO_HOURS:
                raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=True, detail={"cause": "budget"})
            answer = await self._ask(org, connection, version, pair)
            await self._connections.write_journal(org, mall_id=connection.mall_id, version=version, answer=answer)
        try:
            renewed = read_pair(answer, self._clock.now())
        except ValueError:
            await self._connections.void_journal(org, version)
            await self._fail(org, version, "degraded", "malformed", requested=True, retry_at=self._retry_at(connection))
            raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=True, detail={"cause": "malformed"}) from None
        await self._connections.apply(org, version, renewed, trigger="call", run_id=None, trace_id=trace_id)
        fresh = await self._read(org)
        if fresh.pair is None:
            raise ShopFailure("CAFE24_REAUTH_REQUIRED")
        return Token(fresh.pair.access_token, fresh.version, fresh)

    async def _ask(self, org: OrgId, connection: Connection, version: int, pair: TokenPair) -> str:
        """The mall's answer as text, asked once. Every failure is recorded before it is raised."""
        credentials = base64.b64encode(f"{self._app.client_id}:{self._app.client_secret}".encode()).decode()
        try:
            response = await self._client.post(
                f"{self._app.base_url(connection.mall_id)}/api/v2/oauth/token",
                data={"grant_type": "refresh_token", "refresh_token": pair.refresh_token},
                headers={"Authorization": f"Basic {credentials}"},
                timeout=ANSWER_SECONDS,
                follow_redirects=False,
            )
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            await self._fail(org, version, "degraded", "connect", requested=False, retry_at=self._retry_at(connection))
            raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=True, detail={"cause": "connect"}) from None
        except httpx2.HTTPError:
            await self._fail(org, version, "degraded", "timeout", requested=True, retry_at=self._retry_at(connection))
            raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=True, detail={"cause": "timeout"}) from None
        if response.status_code == 200:
            return response.text
        error = error_of(response.text)
        if error == "invalid_grant":
            await self._invalid_grant(org, version)
        status: Status = "degraded"
        retryable = response.status_code == 429 or response.status_code >= 500
        cause = error if response.status_code in (400, 401) and error else f"http_{response.status_code}"
        await self._fail(org, version, status, cause, requested=True, retry_at=self._retry_at(connection))
        raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=retryable, detail={"cause": cause})

    async def _invalid_grant(self, org: OrgId, version: int) -> None:
        """Burnt or expired. A sibling may have rotated it: then the next read has its token."""
        connection = await self._read(org)
        if connection.version > version:
            raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=True, detail={"cause": "rotated"})
        await self._fail(org, version, "reauthorisation_required", "invalid_grant", requested=True, retry_at=None)
        raise ShopFailure("TOKEN_REFRESH_FAILED", retryable=False, detail={"cause": "invalid_grant"})

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
        self._known.pop(org, None)

    async def _read(self, org: OrgId) -> Connection:
        connection = await self._connections.read(org)
        if connection is None:
            raise ShopFailure("CONFIG_ERROR", detail={"setting": "cafe24"})
        if connection.status in ("reauthorisation_required", "revoked"):
            self._known.pop(org, None)
            raise ShopFailure("CAFE24_REAUTH_REQUIRED")
        self._known[org] = connection
        return connection

    def _usable(self, connection: Connection) -> bool:
        return connection.pair is not None and connection.pair.expires_at - self._clock.now() >= USE_MARGIN

    def _retry_at(self, connection: Connection) -> datetime:
        failures = connection.last_refresh.failures if connection.last_refresh is not None else 0
        return self._clock.now() + timedelta(minutes=_BACKOFF[min(failures, len(_BACKOFF) - 1)])


def read_pair(answer: str, now: datetime) -> TokenPair:
    """The pair of a token answer. Raises ValueError when a field is missing or of another kind."""
    body: object = json.loads(answer)
    if not isinstance(body, dict):
        raise ValueError("not an object")
    fields = cast("dict[str, Any]", body)
    access, refresh = fields.get("access_token"), fields.get("refresh_token")
    if not isinstance(access, str) or not isinstance(refresh, str) or not access or not refresh:
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
        scopes=frozenset(str(scope) for scope in cast("list[Any]", scopes))
        if isinstance(scopes, list)
        else frozenset(),
    )


def error_of(text: str) -> str:
    try:
        body: object = json.loads(text)
    except ValueError:
        return ""
    return str(cast("dict[str, Any]", body).get("error", "")) if isinstance(body, dict) else ""
