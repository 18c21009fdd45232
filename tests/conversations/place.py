"""Two organisations and the parts a conversation is made of, without an agent: the real Postgres, the real gate, a phone that is a `Console`."""

import base64
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from sangdam.agent.store import insert_agent
from sangdam.commerce import AddressSearch, Aliases, House
from sangdam.commerce import tools as commerce_tools
from sangdam.commerce.memory import MemoryShop
from sangdam.conversations.grants import GrantBook
from sangdam.conversations.inbox import Inbox
from sangdam.conversations.model import Accepted, NewSession
from sangdam.conversations.orderer import OrdererMatches
from sangdam.conversations.otp import Codes, Sender
from sangdam.conversations.review import Review
from sangdam.conversations.sessions import Sessions
from sangdam.conversations.tools import tools as conversation_tools
from sangdam.core.clock import SettableClock
from sangdam.core.ids import AgentId, OrgId, SessionId, UserId, new_trace_id, new_uuid
from sangdam.db.database import Database
from sangdam.db.testing import Addresses, connected
from sangdam.notify import Console
from sangdam.orgs import Organisations
from sangdam.orgs.hours import Hours
from sangdam.orgs.keyring import Hasher, KeyRing
from sangdam.orgs.model import Org
from sangdam.tools.gate import Gate
from sangdam.tools.model import Caller, CallerKind, Grant, Outcome
from sangdam.tools.registry import Registry, seed_policies, sync_catalogue
from tests.conversations.talk import NOW, OPEN_HOURS, seeded


@dataclass
class Place:
    addresses: Addresses
    db: Database
    org: OrgId
    other: OrgId
    agents: dict[OrgId, AgentId]
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOW))
    keyring: KeyRing = field(default_factory=lambda: KeyRing.parse("k1:" + base64.b64encode(b"k" * 32).decode()))
    hasher: Hasher = field(default_factory=lambda: Hasher(b"pepper" * 8))
    phone: Console = field(default_factory=Console)
    shop: MemoryShop = field(default_factory=seeded)
    hours: Hours = OPEN_HOURS
    daily_cap: int = 500
    sms: bool = True
    codes_given: list[str] = field(default_factory=list[str])
    """The codes of the next sends; `123456` when empty."""

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.db, self.keyring, self.hasher, self.clock)
        self.inbox = Inbox(self.db, self.keyring, self.clock)
        self.grants = GrantBook(self.db, self.keyring, self.hasher)
        self.matches = OrdererMatches(self.db, self.hasher)
        self.review = Review(self.db, self.keyring, self._hours)
        self.codes = Codes(
            self.db, self.keyring, self.hasher, self._sender, code=lambda: self.codes_given.pop(0) if self.codes_given else "123456"
        )  # fmt: skip
        self.registry = Registry(
            (
                *commerce_tools(
                    self._shop, self.matches, Aliases(self.db), self._house(), orderer_floor_s=0.0, refusal_floor_s=0.0
                ),
                *conversation_tools(self.codes, self.review),
            )
        )
        self.gate = Gate(
            self.db, self.registry, self.keyring, self.hasher, self.clock, redeem_token=self._redeem, connection_scopes=self._scopes
        )  # fmt: skip

    def _house(self) -> House:
        nowhere = AddressSearch(httpx2.AsyncClient(), None)
        return House(self.hasher, nowhere, self.sessions.code_of, self._org, self.review)

    async def _org(self, org: OrgId) -> Org:
        found = await Organisations(self.db, self.clock).read(org)
        assert found is not None
        return found

    async def _hours(self, _: OrgId) -> Hours:
        return self.hours

    async def _sender(self, _: OrgId) -> Sender:
        return Sender("달빛샵", self.phone if self.sms else None, self.daily_cap)

    async def _shop(self, _: OrgId) -> MemoryShop:
        return self.shop

    async def _scopes(self, _: OrgId) -> frozenset[str]:
        return frozenset(scope for tool in self.registry for scope in tool.scopes)

    async def _redeem(self, caller: Caller, token: str) -> Grant | None:
        if caller.session is None:
            return None
        return await self.grants.by_token(caller.org, caller.session, token, self.clock.now())

    async def session(self, org: OrgId | None = None) -> SessionId:
        org = org or self.org
        return (await self.sessions.open(org, NewSession(self.agents[org], 1, "widget", ip_hash="address"))).id

    async def say(self, session: SessionId, text: str, *, org: OrgId | None = None) -> int:
        accepted = await self.inbox.accept(org or self.org, session, client_id=uuid.uuid4().hex, text=text)
        assert isinstance(accepted, Accepted)
        return accepted.seq

    async def caller(self, session: SessionId | None, kind: CallerKind = CallerKind.AGENT, *, org: OrgId | None = None, ip: str | None = None) -> Caller:  # fmt: skip
        org = org or self.org
        live = await self.grants.of(org, session, self.clock.now()) if session is not None and kind is CallerKind.AGENT else ()  # fmt: skip
        return Caller(
            org=org,
            kind=kind,
            id="caller",
            trace_id=new_trace_id(),
            role="admin",
            scopes=frozenset({"tools:read", "tools:write"}),
            agent_tools=frozenset(tool.name for tool in self.registry) if kind is CallerKind.AGENT else None,
            session=session,
            grants=live,
            client_ip=ip or f"address of {session}",
        )

    async def use(self, session: SessionId | None, tool: str, *, kind: CallerKind = CallerKind.AGENT, org: OrgId | None = None, ip: str | None = None, **arguments: object) -> Outcome:  # fmt: skip
        """Through the gate, as a new effect."""
        caller = await self.caller(session, kind, org=org, ip=ip)
        return await self.gate.call(caller, tool, arguments, key=uuid.uuid4().hex)

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        """Past row security."""
        async with connected(self.addresses.superuser) as owner:
            return [dict(row.items()) for row in await owner.fetch(sql, *args)]

    async def everything_stored(self) -> dict[str, str]:
        """All rows of all tables as text, by table."""
        tables = await self.rows(
            "select table_name as t from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
        )
        return {
            table["t"]: "\n".join(row["row"] for row in await self.rows(f'select t::text as row from "{table["t"]}" t'))
            for table in tables
        }

    async def context(self, session: SessionId, **context: object) -> None:
        """What the conversation last asked for, as a turn would have left it."""
        async with connected(self.addresses.superuser) as owner:
            await owner.execute("update d_conv_sessions set bot_context = $2::text::jsonb where id = $1", session, json.dumps(context))  # fmt: skip


@asynccontextmanager
async def placed(addresses: Addresses, *, pool: int = 6) -> AsyncIterator[Place]:
    orgs = [OrgId(new_uuid()), OrgId(new_uuid())]
    async with connected(addresses.owner) as owner:
        for number, org in enumerate(orgs):
            await owner.execute("insert into a_iam_organizations (id, name, slug) values ($1, '달빛샵', $2)", org, f"shop-{number}")  # fmt: skip
    agents = {org: AgentId(new_uuid()) for org in orgs}
    async with await Database.open(addresses.app, max_size=pool) as db:
        place = Place(addresses, db, orgs[0], orgs[1], agents)
        async with await Database.open(addresses.owner, max_size=1) as owner, owner.system() as tx:
            await sync_catalogue(tx, place.registry)
        for org in orgs:
            async with db.org(org) as tx:
                await seed_policies(tx, org, place.registry)
                await insert_agent(
                    org, tx, agent=agents[org], family=AgentId(new_uuid()), version=1, name="달빛이", tools=[], created_by=UserId(agents[org])
                )  # fmt: skip
        yield place
