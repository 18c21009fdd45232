"""A mall to talk to: the sandbox over HTTP, an organisation connected to it, and time that moves only when somebody waits."""

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import httpx2
import uvicorn
from tests.commerce.goods import NOW

from cafe24_sandbox import Cast, Sandbox, SandboxConfig, cast_of
from sangdam.commerce.cafe24.client import MallClient
from sangdam.commerce.cafe24.limits import MallLimiter, OpenLimiter
from sangdam.commerce.cafe24.mall import Cafe24Shop, Shared
from sangdam.commerce.cafe24.tokens import App, Tokens, read_pair
from sangdam.core.clock import SettableClock
from sangdam.core.ids import CallId, OrgId, SessionId, UserId, new_uuid
from sangdam.db import Database
from sangdam.orgs import Connections, KeyRing, Organisations
from sangdam.tools.model import Call, Caller, CallerKind

DAY = date(2026, 3, 14)
"""The day the sandbox's records are counted back from."""
VERSION = "2026-03-01"


def a_mall_id() -> str:
    """One mall belongs to one organisation, and tests share a database."""
    return f"mall{new_uuid().hex[:12]}"


def a_sandbox(clock: SettableClock, **more: Any) -> Sandbox:
    return Sandbox(SandboxConfig(start_day=DAY, clock=clock.now, malls=(a_mall_id(),), **more))


async def an_org(database: Database, clock: SettableClock) -> OrgId:
    made = await Organisations(database, clock).create(
        name="달빛샵",
        slug=a_mall_id(),
        owner=UserId(new_uuid()),
        owner_name="대표",
        owner_email="o@example.com",
        trace_id="t",
    )
    return made.org


def a_keyring() -> KeyRing:
    return KeyRing.parse("k1:" + base64.b64encode(b"k" * 32).decode())


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """A real server on a free port; its address. Named TCP, or the loop lets the body of each answer wait 40 ms for the head."""
    listening = socket.socket(proto=socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, ws="none", lifespan="off", timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if serving.done():
                raise RuntimeError("the server did not start")
            await asyncio.sleep(0)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listening.close()


Answering = Callable[[httpx2.Request], Coroutine[None, None, httpx2.Response]]


@dataclass
class Mall:
    """One organisation's way to its mall, every part of it the real one."""

    database: Database
    clock: SettableClock
    org: OrgId
    connections: Connections
    http: httpx2.AsyncClient
    app: App
    limiter: MallLimiter
    mall_id: str
    pauses: list[float] = field(default_factory=list[float])
    shared: Shared = field(init=False)
    tokens: Tokens = field(init=False)
    client: MallClient = field(init=False)

    def __post_init__(self) -> None:
        self.shared = Shared(self.clock)
        self.tokens = self.more_tokens()
        self.client = MallClient(
            self.http,
            self.tokens,
            self.app,
            version=VERSION,
            limiter=lambda _: self.limiter,
            pause=self.pause,
            jitter=lambda: 0.0,
        )

    @property
    def shop(self) -> Cafe24Shop:
        return Cafe24Shop(self.org, self.client, self.clock, self.shared)

    def more_tokens(self) -> Tokens:
        """What another process of the same deployment has."""
        return Tokens(self.connections, self.http, self.app, self.clock, pause=self.yielding)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.move(seconds=seconds)

    async def yielding(self, seconds: float) -> None:
        """Lets the others go on; time stands."""
        await asyncio.sleep(0)

    def call(self, *, seconds: float = 5.8, **caller: Any) -> Call:
        return Call(
            id=CallId(new_uuid()),
            caller=Caller(
                org=self.org,
                kind=CallerKind.AGENT,
                id="agent",
                trace_id="t" * 32,
                session=caller.pop("session", SessionId(new_uuid())),
                **caller,
            ),
            clock=self.clock,
            deadline=self.clock.monotonic() + seconds,
        )

    async def connect(self, answer: Any) -> None:
        """As after a consent: the pair of a token answer is stored."""
        pair = read_pair(json.dumps(answer), self.clock.now())
        await self.connections.connect(self.org, mall_id=self.mall_id, pair=pair, by=None, trace_id="t")

    async def leave(self) -> None:
        """The mall is free for the next organisation."""
        async with self.database.org(self.org) as tx:
            await tx.execute("update a_iam_auth_settings set providers = '{}'")


def token_answer(name: str, expires_at: str, **more: Any) -> dict[str, Any]:
    """What the token endpoint answers; times are Korean wall-clock."""
    return {
        "access_token": f"AT_{name}",
        "expires_at": expires_at,
        "refresh_token": f"RT_{name}",
        "refresh_token_expires_at": "2026-03-28T14:28:44.000",
        "client_id": "sandbox-client",
        "mall_id": "sandboxmall",
        "user_id": "sandboxmall",
        "scopes": ["mall.read_order", "mall.read_customer"],
        "issued_at": "2026-03-14T14:28:44.000",
        "shop_no": "1",
        "token_type": "Bearer",
        **more,
    }


LATER = "2026-03-14T16:28:44.000"
EXPIRED = "2026-03-14T14:28:00.000"


@contextlib.asynccontextmanager
async def a_mall(
    database: Database,
    *,
    answering: Answering | None = None,
    sandbox: Sandbox | None = None,
    url: str | None = None,
    clock: SettableClock | None = None,
    limiter: Callable[[SettableClock], MallLimiter] = OpenLimiter,
) -> AsyncIterator[Mall]:
    """Connected to a sandbox in process, to one behind `url`, or to whatever `answering` says."""
    clock = clock or SettableClock(NOW)
    transport: httpx2.AsyncBaseTransport | None = None
    if answering is not None:
        transport = httpx2.MockTransport(answering)
    elif url is None and sandbox is not None:
        transport = httpx2.ASGITransport(app=sandbox.app)
    base = url or "http://sandbox"
    config = sandbox.config if sandbox is not None else SandboxConfig()
    app = App(config.client_id, config.client_secret, lambda mall: f"{base}/malls/{mall}")
    connections = Connections(database, a_keyring(), clock)
    mall_id = sandbox.config.malls[0] if sandbox is not None else a_mall_id()
    async with httpx2.AsyncClient(transport=transport, follow_redirects=False, trust_env=False) as http:
        mall = Mall(database, clock, await an_org(database, clock), connections, http, app, limiter(clock), mall_id)
        await mall.connect(sandbox.issue_tokens() if sandbox is not None else token_answer("first", LATER))
        try:
            yield mall
        finally:
            await mall.tokens.drain()
            await mall.leave()


def the_cast() -> Cast:
    return cast_of(DAY)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
