"""A shop whose mall is a sandbox in a process of its own, and whose database outlives every process that serves it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from websockets.asyncio.client import connect

from cafe24_sandbox import SandboxConfig
from sangdam.app import opened
from sangdam.commerce.cafe24.tokens import read_pair
from sangdam.core.ids import OrgId, new_trace_id
from sangdam.db.database import Database
from sangdam.db.testing import Addresses, connected
from sangdam.settings import Settings
from sangdam.tools.registry import sync_catalogue
from sangdam.web import Widgets
from tests.conversations.talk import an_agent
from tests.doors.shopfront import Chat, an_org
from tests.processes.running import PATIENCE, Program, free_ports, started
from tests.processes.sandbox import Sandbox

MALL = "sandboxmall"
KEY = "sdw_pk_abcdefghijklmnopqrstuvwx"


def settings(addresses: Addresses, sandbox: Sandbox, port: int) -> dict[str, str]:
    config = SandboxConfig()
    return {
        "SANGDAM_PROFILE": "test",
        "PORT": str(port),
        "DATABASE_URL": addresses.app,
        "DATABASE_OWNER_URL": addresses.owner,
        "SANDBOX_MALL": sandbox.base,
        "CAFE24_CLIENT_ID": config.client_id,
        "CAFE24_CLIENT_SECRET_KEY": config.client_secret,
        "SOLAPI_API_KEY": config.solapi_key,
        "SOLAPI_API_SECRET": config.solapi_secret,
        "SOLAPI_FROM": "0200000001",
        "LOG_LEVEL": "warning",
    }


@dataclass
class Shop:
    addresses: Addresses
    sandbox: Sandbox
    org: OrgId
    folder: Path

    @asynccontextmanager
    async def served(self, port: int | None = None, *, worker: bool = True) -> AsyncIterator["Served"]:
        """`sangdam serve` on this shop's database, ready."""
        port = port or free_ports()
        began = asyncio.get_running_loop().time()
        more = ("--with-worker",) if worker else ()
        async with started(
            "serve",
            "--host",
            "127.0.0.1",
            *more,
            folder=self.folder,
            settings=settings(self.addresses, self.sandbox, port),
        ) as program:
            base = f"http://127.0.0.1:{port}"
            await program.opened(f"{base}/readyz")
            yield Served(self, program, port, base, asyncio.get_running_loop().time() - began)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Program]:
        """`sangdam work`: turns without doors."""
        async with started(
            "work", folder=self.folder, settings=settings(self.addresses, self.sandbox, 8700)
        ) as program:
            yield program

    async def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Behind the scenes: what the database holds."""
        async with connected(self.addresses.superuser) as connection:
            return [dict(row) for row in await connection.fetch(sql, *values)]

    async def transcript(self, session: str) -> list[tuple[int, str, str]]:
        rows = await self.rows(
            "select seq, sender, text from d_conv_messages where session_id = $1 order by seq", session
        )
        return [(row["seq"], row["sender"], row["text"]) for row in rows]


@dataclass
class Served:
    shop: Shop
    program: Program
    port: int
    base: str
    seconds: float
    """From the start of the process until it was ready."""

    async def ticket(self, resume: str | None = None) -> dict[str, Any]:
        body = {"public_key": KEY, "page_url": f"{self.base}/call/{KEY}", "resume_token": resume, "language": "ko"}
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            answer = await http.post(f"{self.base}/api/widget/ticket", json=body, headers={"origin": self.base})
        assert answer.status_code == 200, answer.text
        return answer.json()

    @asynccontextmanager
    async def window(self, ticket: Mapping[str, Any], *, last_seq: int = 0) -> AsyncIterator["Window"]:
        """A joined socket of the conversation this ticket is for."""
        async with connect(
            f"ws://127.0.0.1:{self.port}/ws",
            origin=self.base,  # pyright: ignore[reportArgumentType]
            compression=None,
            close_timeout=1,
            proxy=None,
        ) as wire:
            chat = Window(wire, patience=PATIENCE)
            await chat.join(str(ticket["ticket"]), last_seq=last_seq, epoch=int(ticket["epoch"]))
            yield chat


class Window(Chat):
    async def answered(self, seq: int) -> dict[str, Any]:
        """The bot's first words after this message."""
        for frame in self.seen:
            if frame["type"] == "assistant_message" and frame["seq"] > seq:
                return frame
        while True:
            frame = await self.until("assistant_message")
            if frame["seq"] > seq:
                return frame

    async def press(self, client_id: str, action: Mapping[str, Any]) -> dict[str, Any]:
        await self.send({"type": "user_message", "client_id": client_id, "action": action})
        return await self.until("ack", "error")

    async def ask(self, client_id: str, text: str) -> dict[str, Any]:
        """Says it and gives the answer."""
        return await self.answered((await self.say(client_id, text))["seq"])


async def furnished(addresses: Addresses, sandbox: Sandbox, folder: Path) -> Shop:
    """An org with an agent, a widget and a connected mall."""
    answer = await sandbox.control("POST", "tokens", {})
    async with opened(Settings.load(settings(addresses, sandbox, 8700)), addresses.app, pool=2) as product:
        async with await Database.open(addresses.owner, min_size=1, max_size=1) as owner, owner.system() as tx:
            await sync_catalogue(tx, product.registry)
        org, member = await an_org(product, "dalbit", "owner@example.com")
        agent = await an_agent(product, org, member.user)
        await Widgets(product.db, product.clock).create(org, agent.family, origins=[], public_key=KEY)
        await product.connections.connect(
            org,
            mall_id=MALL,
            pair=read_pair(json.dumps(answer), product.clock.now()),
            by=member.user,
            trace_id=new_trace_id(),
        )
    return Shop(addresses, sandbox, org, folder)
