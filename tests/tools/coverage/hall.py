"""The whole product behind its own gate: one organisation, and a mall, an address search and a phone line on a real server."""

import base64
import io
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from prometheus_client import generate_latest
from tests.commerce.desk import Desk
from tests.commerce.goods import NOW
from tests.commerce.world import a_mall, a_sandbox, served
from tests.conversations.talk import an_agent
from tests.tools.coverage.attempt import Attempt
from tests.tools.coverage.ends import End

from cafe24_sandbox import Sandbox
from cafe24_sandbox.cast import CONSULT_BOARD
from sangdam.agent.agents import Agent
from sangdam.app import Product, opened
from sangdam.cli.processes import surroundings
from sangdam.conversations.model import NewSession
from sangdam.core.clock import SettableClock
from sangdam.core.ids import CallId, SessionId, UserId, new_uuid
from sangdam.db import Database
from sangdam.db.database import Connection
from sangdam.db.testing import Addresses, connected
from sangdam.orgs import Member, Role
from sangdam.orgs.hours import Hours
from sangdam.settings import Settings
from sangdam.tools import Gate, Registry, seed_policies, sync_catalogue
from sangdam.tools.model import Caller, Grant, Run, Tool
from sangdam.tools.policy import PolicyRow

CODE = "482913"
_NUMBERS = re.compile(r"01001\d{6}|010-01\d\d-\d{4}|\+821001\d{6}|203\.0\.\d+\.\d+|(?<![0-9a-f.])\d{6}(?![0-9a-f])")
"""How the phones, addresses and codes of the scenes are written."""


@dataclass
class Hall:
    product: Product
    bare: Product
    """The same without the keys of address search and text messages."""
    desk: Desk
    sandbox: Sandbox
    superuser: Connection
    """Behind everybody's back, past row security."""
    agent: Agent
    clock: SettableClock
    log: io.StringIO
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    """Of scenes."""
    attempts: int = 0
    unwritten: int = 0
    """Attempts of which, on purpose, nothing could be written down."""
    met: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    """How often a tool ended with this kind of outcome and this code."""
    ended: dict[str, dict[End, Attempt]] = field(default_factory=dict[str, dict[End, Attempt]])
    """By tool, the ends it was brought to."""
    names: set[str] = field(default_factory=set[str])
    """Whoever and whatever was named so far: none of it may lie open anywhere."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        return tuple(self.product.registry)

    def tool(self, name: str) -> Tool:
        return next(tool for tool in self.tools if tool.name == name)

    @property
    def owner(self) -> Member:
        return Member(UserId(new_uuid()), self.desk.mall.org, Role.OWNER, "대표", "o@example.com")

    def gate(self, tool: Tool, *, run: Run | None = None, deadline_s: float | None = None) -> Gate:
        """The product's gate for one tool that runs otherwise, or not so long; nobody waits there for the same write."""
        product = self.product
        changed = replace(tool, run=run or tool.run, deadline_s=deadline_s or tool.deadline_s)
        return Gate(
            product.db, Registry([changed]), product.keyring, product.hasher, self.clock, redeem_token=self._redeem, people=product.review, duplicate_wait_s=0.0,
        )  # fmt: skip

    async def _redeem(self, caller: Caller, token: str) -> Grant | None:
        assert caller.session is not None
        return await self.product.grants.by_token(caller.org, caller.session, token, self.clock.now())

    async def begun(self) -> SessionId:
        """A new conversation."""
        new = NewSession(self.agent.id, self.agent.version, "widget", ip_hash="address")
        return (await self.product.sessions.open(self.desk.mall.org, new)).id

    # How the organisation stands

    async def policy(self, tool: Tool) -> PolicyRow:
        return (await self.product.policies.list(self.desk.mall.org))[tool.name]

    async def seed(self) -> None:
        async with self.product.db.org(self.desk.mall.org) as tx:
            await seed_policies(tx, self.desk.mall.org, self.product.registry)

    async def connect(self, *scopes: str) -> None:
        """As after a consent to these scopes, or to all."""
        await self.desk.mall.connect(self.sandbox.issue_tokens(scopes=scopes or None))
        await self.desk.board(CONSULT_BOARD)

    async def unplugged(self, until: AsyncExitStack) -> None:
        """As if no mall had ever been connected."""
        async with self.product.db.org(self.desk.mall.org) as tx:
            before = await tx.fetchval("select providers from a_iam_auth_settings")
        await self.desk.mall.leave()
        until.push_async_callback(self._plugged, before)

    async def _plugged(self, providers: object) -> None:
        async with self.product.db.org(self.desk.mall.org) as tx:
            await tx.execute("update a_iam_auth_settings set providers = $1", providers)

    # What is written down

    async def rows(self, call: CallId) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The opened and the closed rows of a call."""
        found = [
            json.loads(row["row"])
            for row in await self.superuser.fetch(
                "select to_jsonb(a)::text as row from f_audit_mcp_tools a where call_id = $1", call
            )
        ]
        return [row for row in found if row["phase"] == "opened"], [row for row in found if row["phase"] == "closed"]

    async def closed(self) -> int:
        return await self.superuser.fetchval("select count(*)::int from f_audit_mcp_tools where phase = 'closed'")

    async def named(self) -> dict[str, set[str]]:
        """By table, and in the log and the metrics, which of the names stand there in clear."""
        tables = await self.superuser.fetch(
            "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
        )
        texts = {"log": self.log.getvalue(), "metrics": generate_latest(self.product.metrics).decode()}
        for table in (row["name"] for row in tables):
            texts[table] = "\n".join(
                row["row"] for row in await self.superuser.fetch(f'select t::text as row from "{table}" t')
            )
        numbers = {name for name in self.names if _NUMBERS.fullmatch(name)}
        found = {
            place: {name for name in self.names - numbers if name in text} | numbers & set(_NUMBERS.findall(text))
            for place, text in texts.items()
        }
        return {place: names for place, names in found.items() if names}


@asynccontextmanager
async def a_hall(addresses: Addresses, log: io.StringIO) -> AsyncIterator[Hall]:
    clock = SettableClock(NOW)
    sandbox = a_sandbox(clock, open_bucket=True)

    async def pause(seconds: float) -> None:
        clock.move(seconds=max(0.1, round(seconds, 1)))  # no fraction of a second looks like a code

    async with AsyncExitStack() as closing:
        url = await closing.enter_async_context(served(sandbox.app))
        around = replace(
            surroundings(url, open_bucket=True), code=lambda: CODE, orderer_floor_s=0.0, refusal_floor_s=0.0, pause=pause, clock=clock,
        )  # fmt: skip
        config = sandbox.config
        given = {
            "SANGDAM_PROFILE": "test",
            "SECRET_KEYS": "k1:" + base64.b64encode(b"k" * 32).decode(),
            "CAFE24_CLIENT_ID": config.client_id,
            "CAFE24_CLIENT_SECRET_KEY": config.client_secret,
        }
        keys = {
            "SOLAPI_API_KEY": config.solapi_key, "SOLAPI_API_SECRET": config.solapi_secret, "SOLAPI_FROM": "0200000001", "JUSO_API_KEY": config.juso_key,
        }  # fmt: skip
        product, bare = [
            await closing.enter_async_context(opened(Settings.load(chosen), addresses.app, around=around, pool=6))
            for chosen in (given | keys, given)
        ]
        async with await Database.open(addresses.owner, min_size=1, max_size=1) as owner, owner.system() as tx:
            await sync_catalogue(tx, product.registry)
        mall = await closing.enter_async_context(a_mall(product.db, sandbox=sandbox, url=url, clock=clock))
        superuser = await closing.enter_async_context(connected(addresses.superuser))
        desk = Desk(product.gate, mall, sandbox, product.registry, product.grants, product.sessions, product.review)
        await product.organisations.update(mall.org, hours=Hours())
        hall = Hall(product, bare, desk, sandbox, superuser, await an_agent(product, mall.org), clock, log)
        await hall.seed()
        await hall.connect()
        yield hall
