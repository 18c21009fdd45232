"""The doors as they run: the real product on a real Postgres behind a real uvicorn on a free port. Only the clock is ours."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx2
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sangdam.agent.agents import Agent
from sangdam.app import Product, Surroundings, opened
from sangdam.conversations.model import NewSession, Session
from sangdam.core.clock import SettableClock
from sangdam.core.ids import OrgId, new_trace_id
from sangdam.db.database import Database
from sangdam.db.testing import Addresses
from sangdam.orgs import Member
from sangdam.settings import Settings
from sangdam.tools.model import Tool
from sangdam.tools.registry import sync_catalogue
from sangdam.web import Widget, Widgets
from sangdam.web.server import Site, server_config
from sangdam.web.tickets import Tickets
from tests.conversations.talk import NOW, OPEN_HOURS, an_agent, seeded

KEY = "sdw_pk_abcdefghijklmnopqrstuvwx"
SHOP = "https://shop.example.com"
EMAIL = "owner@example.com"
PASSWORD = "correct horse battery"
PATIENCE = 10.0
"""Seconds after which a test gives up waiting."""


class RunningClock(SettableClock):
    """Runs on from where it was set: leases end and sweeps come due."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self._begun = time.monotonic()

    def now(self) -> datetime:
        return self.at + timedelta(seconds=time.monotonic() - self._begun)

    def monotonic(self) -> float:
        return self.now().timestamp()


class Closed(Exception):
    """The server ended the socket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


@dataclass
class Chat:
    """A browser's end of the socket."""

    wire: ClientConnection
    seen: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    patience: float = PATIENCE

    async def send(self, frame: Mapping[str, Any] | str | bytes) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self.wire.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def next(self) -> dict[str, Any]:
        """The next frame. Raises Closed."""
        try:
            async with asyncio.timeout(self.patience):
                frame = json.loads(await self.wire.recv())
        except ConnectionClosed as error:
            raise Closed(error.rcvd.code if error.rcvd else 1006, error.rcvd.reason if error.rcvd else "") from error
        self.seen.append(frame)
        return frame

    async def until(self, *types: str) -> dict[str, Any]:
        """The next frame of one of these types; others are kept in `seen`."""
        while True:
            frame = await self.next()
            if frame["type"] in types:
                return frame

    async def until_seq(self, seq: int) -> None:
        while not any(frame.get("seq") == seq and frame["type"] != "ack" for frame in self.seen):
            await self.next()

    async def end(self) -> Closed:
        """Reads to the end."""
        while True:
            try:
                await self.next()
            except Closed as closed:
                return closed

    async def join(self, ticket: str, *, last_seq: int = 0, epoch: int | None = None) -> dict[str, Any]:
        await self.send({"type": "join", "ticket": ticket, "last_seq": last_seq, "epoch": epoch, "protocol": 1})
        return await self.until("joined")

    async def say(self, client_id: str, text: str) -> dict[str, Any]:
        await self.send({"type": "user_message", "client_id": client_id, "text": text})
        return await self.until("ack", "error")

    @property
    def transcript(self) -> list[tuple[int, str]]:
        """What was shown since the last reset, acks and hints apart."""
        shown: list[tuple[int, str]] = []
        for frame in self.seen:
            if frame["type"] == "reset":
                shown.clear()
            elif "role" in frame:
                shown.append((frame["seq"], frame["text"]))
        return shown


@dataclass
class Shopfront:
    product: Product
    site: Site
    server: uvicorn.Server
    serving: asyncio.Task[None]
    clock: SettableClock
    org: OrgId
    owner: Member
    agent: Agent
    widget: Widget
    base: str
    addresses: Addresses
    http: httpx2.AsyncClient

    @property
    def tickets(self) -> Tickets:
        return Tickets(self.product.settings.widget_ticket_secret.get_secret_value(), self.clock)

    async def session(self, opening: str | None = "안녕하세요") -> Session:
        new = NewSession(self.agent.id, self.agent.version, "widget", widget=self.widget.id)
        return await self.product.sessions.open(self.org, new, opening=opening)

    def ticket(self, of: Session, /, **changes: Any) -> str:
        claims: dict[str, Any] = {
            "session": of.id,
            "org": of.org,
            "widget": self.widget.id,
            "epoch": of.epoch,
            **changes,
        }
        return self.tickets.issue(**claims)[0]

    @asynccontextmanager
    async def socket(
        self, *, origin: str | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Chat]:
        async with connect(
            self.base.replace("http", "ws", 1) + "/ws",
            origin=(origin or self.base),  # pyright: ignore[reportArgumentType]
            additional_headers=dict(headers or {}),
            compression=None,
            ping_interval=None,
            open_timeout=PATIENCE,
            close_timeout=1,
            proxy=None,
            max_size=None,
        ) as wire:
            yield Chat(wire)

    @asynccontextmanager
    async def joined(self, session: Session, *, last_seq: int = 0, epoch: int | None = None) -> AsyncIterator[Chat]:
        async with self.socket() as chat:
            await chat.join(self.ticket(session), last_seq=last_seq, epoch=epoch)
            yield chat

    async def bot_says(self, session: Session, text: str, **payload: Any) -> int:
        async with self.product.db.org(self.org) as tx:
            seq = await self.product.sessions.append(
                self.org, tx, session.id, sender="bot", kind="text", text=text, payload=payload, now=self.clock.now()
            )
        assert seq is not None
        return seq

    def tick(self, **moved: float) -> None:
        """Moves the clock and lets the sockets' shared timer look at it."""
        self.clock.move(**moved)
        self.site.hub.tick()

    async def token(
        self, *scopes: str, acts_as: Literal["on_behalf", "staff"] = "on_behalf", operated_by_person: bool = False
    ) -> str:
        return (
            await self.product.tokens.issue(
                self.owner,
                name="test",
                scopes=scopes,
                acts_as=acts_as,
                lasts=timedelta(days=1),
                trace_id=new_trace_id(),
                operated_by_person=operated_by_person,
            )
        )[1]

    async def sign_in(self) -> dict[str, str]:
        """The headers of a console that is signed in as the owner."""
        answer = await self.http.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        cookie = answer.headers["set-cookie"].partition(";")[0]
        self.http.cookies.clear()
        return {"cookie": cookie, "x-csrf-token": answer.json()["csrf_token"]}


@asynccontextmanager
async def replica(shop: Shopfront) -> AsyncIterator[Shopfront]:
    """A second process' doors on the same database: nothing is shared but that."""
    listening = socket.socket(proto=socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    around = Surroundings(clock=shop.clock)
    async with opened(shop.product.settings, shop.addresses.app, around=around, pool=4) as product:
        site = product.web()
        assert isinstance(site, Site)
        server = _Server(server_config(site, host="127.0.0.1", port=0))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            yield replace(shop, product=product, site=site, server=server, serving=serving, base=base)
        finally:
            server.should_exit = True
            async with asyncio.timeout(PATIENCE):
                await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals stay the test runner's."""
        yield


async def until(condition: Any, *, seconds: float = PATIENCE) -> None:
    """Returns when `condition()` is true; looks again after every turn of the loop."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition tells nobody when it comes true
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_shop(
    addresses: Addresses,
    *,
    working: bool = False,
    demo: bool = False,
    settings: Mapping[str, str] | None = None,
    more_tools: tuple[Tool, ...] = (),
) -> AsyncIterator[Shopfront]:
    """An org with a widget; with `working`, its agent answers."""
    listening = socket.socket(proto=socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    given = {
        "SANGDAM_PROFILE": "test",
        "PUBLIC_BASE_URL": base,
        "CALL_WS_URL": base.replace("http", "ws") + "/ws",
        **(settings or {}),
    }
    clock, mall = RunningClock(NOW) if working else SettableClock(NOW), seeded()

    async def shop_of(_: OrgId) -> Any:
        return mall

    around = Surroundings(shop=shop_of, orderer_floor_s=0.0, refusal_floor_s=0.0, clock=clock, more_tools=more_tools)
    async with contextlib.AsyncExitStack() as closing:
        product = await closing.enter_async_context(opened(Settings.load(given), addresses.app, around=around, pool=8))
        async with await Database.open(addresses.owner, min_size=1, max_size=1) as owner_db, owner_db.system() as tx:
            await sync_catalogue(tx, product.registry)
        org, owner = await an_org(product, "dalbit", EMAIL)
        agent = await an_agent(product, org)
        widget = await Widgets(product.db, clock).create(org, agent.family, origins=[SHOP], public_key=KEY)
        site = product.web(demo_widget_key=KEY if demo else None)
        assert isinstance(site, Site)
        server = _Server(server_config(site, host="127.0.0.1", port=0))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        if working:
            product.worker.start()
            closing.push_async_callback(product.worker.stop)
        http = await closing.enter_async_context(httpx2.AsyncClient(base_url=base, timeout=40, trust_env=False))
        try:
            yield Shopfront(product, site, server, serving, clock, org, owner, agent, widget, base, addresses, http)
        finally:
            server.should_exit = True
            async with asyncio.timeout(PATIENCE):
                await serving


async def an_org(product: Product, slug: str, email: str) -> tuple[OrgId, Member]:
    user = await product.accounts.create(email, PASSWORD, verified=True)
    assert user is not None
    member = await product.organisations.create(
        name="달빛샵",
        slug=slug,
        owner=user,
        owner_name="대표",
        owner_email=email,
        trace_id=new_trace_id(),
        hours=OPEN_HOURS,
    )
    return member.org, member
