"""The shop's tools as everybody uses them: through the gate, to the sandbox on a real server."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol

from tests.commerce.goods import NOW
from tests.commerce.world import Mall, a_keyring, a_mall

from cafe24_sandbox import Sandbox
from sangdam.agent.store import insert_agent
from sangdam.commerce import AddressSearch, Aliases, House
from sangdam.commerce import tools as commerce_tools
from sangdam.commerce.cafe24.mall import Cafe24Shop
from sangdam.conversations.grants import GrantBook
from sangdam.conversations.model import NewSession
from sangdam.conversations.orderer import OrdererMatches
from sangdam.conversations.review import Review
from sangdam.conversations.sessions import Sessions
from sangdam.core.clock import SettableClock
from sangdam.core.ids import AgentId, CallId, EffectId, GrantId, OrderId, OrgId, SessionId, UserId, new_uuid
from sangdam.core.phone import Phone
from sangdam.db import Database
from sangdam.db.testing import Addresses
from sangdam.orgs import Hasher, Organisations
from sangdam.orgs.hours import Hours
from sangdam.orgs.model import Org
from sangdam.tools import ByShopper, Gate, Registry, seed_policies, sync_catalogue
from sangdam.tools.model import (
    Assurance,
    Call,
    Caller,
    CallerKind,
    Done,
    Failed,
    Grant,
    NeedsConfirmation,
    Outcome,
    Tool,
    Undecided,
)

HANEUL, GUEST, SHARED, YERIN = (Phone(f"0100000{last}") for last in ("1234", "9012", "3456", "7777"))
PERSONAL = ("김하늘", "박지우", "강나래", "010-0000-1234", "01000001234", "0000-8643", "세종대로", "302호", "haneul01@")

CLOCK = SettableClock(NOW)


class Opening(Protocol):
    def __call__(self, **more: Any) -> "AbstractAsyncContextManager[Desk]": ...


@dataclass
class Desk:
    """One conversation of one organisation."""

    gate: Gate
    mall: Mall
    sandbox: Sandbox
    registry: Registry
    grants: GrantBook
    sessions: Sessions
    review: Review
    session: SessionId = field(default_factory=lambda: SessionId(new_uuid()))
    waited: list[float] = field(default_factory=list[float])
    calls: int = 0

    @property
    def clock(self) -> SettableClock:
        return self.mall.clock

    async def begin(self) -> str:
        """A conversation that is stored, and what the shopper calls it."""
        org, agent = self.mall.org, AgentId(new_uuid())
        async with self.mall.database.org(org) as tx:
            await insert_agent(
                org, tx, agent=agent, family=AgentId(new_uuid()), version=1, name="달빛이", tools=[], created_by=UserId(new_uuid())
            )  # fmt: skip
        begun = await self.sessions.open(org, NewSession(agent, 1, "widget", ip_hash="address"))
        self.session = begun.id
        return begun.code

    async def board(self, board_no: int | None) -> None:
        """Where requests are filed, as chosen in the settings."""
        await self.mall.connections.configure(
            self.mall.org, shop_no=1, board_no=board_no, by=UserId(new_uuid()), trace_id="t"
        )

    def verified(self, phone: Phone = HANEUL, **more: Any) -> Grant:
        return replace(
            Grant(
                GrantId(new_uuid()), self.mall.org, self.session, Assurance.VERIFIED, self.clock.now() + timedelta(minutes=15), phone,
                frozenset({"orders", "notify"}),
            ),
            **more,
        )  # fmt: skip

    def claimed(self, order_id: OrderId) -> Grant:
        proof = self.verified(level=Assurance.CLAIMED, purposes=frozenset({"orders"}), order_id=order_id)
        return replace(proof, phone=None)

    def agent(self, *grants: Grant, **more: Any) -> Caller:
        return Caller(
            org=self.mall.org, kind=CallerKind.AGENT, id="agent", trace_id="t" * 32, session=self.session, agent_tools=frozenset(tool.name for tool in self.registry),
            grants=grants, **more,
        )  # fmt: skip

    def staff(self, role: str = "admin") -> Caller:
        return Caller(
            org=self.mall.org, kind=CallerKind.MEMBER, id=str(new_uuid()), trace_id="t" * 32, role=role, on_behalf=False, staff_reason="고객 전화 문의 확인",
        )  # fmt: skip

    def mcp(self) -> Caller:
        return Caller(
            org=self.mall.org, kind=CallerKind.MCP, id="token-1", trace_id="t" * 32, session=self.session, scopes=frozenset({"tools:read", "tools:write"}),
            client_ip="203.0.113.9",
        )  # fmt: skip

    async def use(self, tool: str, caller: Caller | None = None, **arguments: Any) -> Outcome:
        """As the agent for 김하늘's proved phone unless told otherwise."""
        self.calls += 1
        return await self.gate.call(
            caller or self.agent(self.verified()), tool, arguments, key=f"conv:{self.session}:{tool}:{self.calls}"
        )

    async def asked(self, tool: str, caller: Caller | None = None, *, run: str = "", **arguments: Any) -> Outcome:
        """The first call of a write that a person has to confirm; `run` tells flow runs apart."""
        self.calls += 1
        return await self.gate.call(caller or self.agent(self.verified()), tool, arguments, key=self.key(tool, run))

    async def confirm(self, asked: Outcome) -> str:
        """The shopper's yes; the digest it is bound to."""
        assert isinstance(asked, NeedsConfirmation), asked
        assert await self.gate.effects.confirm(self.mall.org, asked.effect, by=ByShopper(7))
        return asked.digest

    async def again(self, digest: str, tool: str, caller: Caller | None = None, *, run: str = "", **arguments: Any) -> Outcome:  # fmt: skip
        """The same call after a yes."""
        self.calls += 1
        return await self.gate.call(
            caller or self.agent(self.verified()), tool, arguments, key=self.key(tool, run), confirmation=digest
        )

    async def done(self, tool: str, caller: Caller | None = None, *, run: str = "", **arguments: Any) -> Outcome:
        """Asked, confirmed and called again."""
        digest = await self.confirm(await self.asked(tool, caller, run=run, **arguments))
        return await self.again(digest, tool, caller, run=run, **arguments)

    def key(self, tool: str, run: str = "") -> str:
        return f"conv:{self.session}:{run or '00000000-0000-4000-8000-00000000000a'}:{tool}"

    async def reconciled(self, effect: EffectId) -> dict[str, Any] | Failed | Undecided:
        """What the tool says became of an effect whose end was lost, asked as the reconciler does."""
        stored = await self.gate.effects.find(self.mall.org, effect)
        assert stored is not None
        tool = self.registry.find(stored.tool_name)
        assert tool is not None
        assert tool.reconcile is not None
        given = self.gate.effects.arguments_of(tool, self.mall.org, stored)
        caller = replace(self.staff(), session=self.session)
        call = Call(CallId(new_uuid()), caller, self.clock, self.clock.monotonic() + 5.8, effect=effect)
        found = await tool.reconcile(call, given)
        assert not call.sent, "the reconciler only reads"
        return found if isinstance(found, Failed | Undecided) else found.model_dump(mode="json")

    async def told(self, tool: str, caller: Caller | None = None, **arguments: Any) -> dict[str, Any]:
        outcome = await self.use(tool, caller, **arguments)
        assert isinstance(outcome, Done), outcome
        return dict(outcome.result)

    async def code(self, tool: str, caller: Caller | None = None, **arguments: Any) -> str:
        outcome = await self.use(tool, caller, **arguments)
        assert not isinstance(outcome, Done), outcome
        return outcome.code

    def fault(self, path: str, kind: str = "status", **more: Any) -> None:
        self.sandbox.add_fault(kind=kind, match={"path": path}, **more)

    async def audit(self) -> list[dict[str, Any]]:
        async with self.mall.database.org(self.mall.org) as tx:
            rows = await tx.fetch("select to_jsonb(a)::text as row from f_audit_mcp_tools a where phase = 'closed' order by chain_seq")  # fmt: skip
        return [json.loads(row["row"]) for row in rows]

    async def check(self) -> None:
        """Every use has its closed row, and nothing personal stands in any of them."""
        rows = await self.audit()
        assert len(rows) == self.calls
        text = json.dumps(rows, ensure_ascii=False)
        for personal in PERSONAL:
            assert personal not in text, personal


@asynccontextmanager
async def a_desk(
    database: Database, addresses: Addresses, sandbox: Sandbox, url: str, clock: SettableClock, *, scopes: tuple[str, ...] | None = None, juso_key: str | None = "sandbox-juso-key",
    **deadlines: float
) -> AsyncIterator[Desk]:  # fmt: skip
    """`deadlines`: seconds by tool, instead of its own."""
    async with a_mall(database, sandbox=sandbox, url=url, clock=clock) as mall:
        if scopes is not None:
            await mall.connect(sandbox.issue_tokens(scopes=scopes))
        hasher = Hasher(b"pepper" * 8)
        grants = GrantBook(database, a_keyring(), hasher)
        waited: list[float] = []

        async def shop(org: OrgId) -> Cafe24Shop:
            return Cafe24Shop(org, mall.client, mall.clock, mall.shared)

        async def pause(seconds: float) -> None:
            waited.append(seconds)

        async def redeem(caller: Caller, token: str) -> Grant | None:
            assert caller.session is not None
            return await grants.by_token(caller.org, caller.session, token, clock.now())

        organisations = Organisations(database, clock)

        async def org(wanted: OrgId) -> Org:
            found = await organisations.read(wanted)
            assert found is not None
            return found

        async def hours(wanted: OrgId) -> Hours:
            return (await org(wanted)).hours

        sessions = Sessions(database, a_keyring(), hasher, clock)
        review = Review(database, a_keyring(), hours)
        search = AddressSearch(mall.http, juso_key, f"{url}/juso/addrlink/addrLinkApi.do", pause)
        house = House(hasher, search, sessions.code_of, org, review)
        found: list[Tool] = [
            replace(tool, deadline_s=deadlines.get(tool.name, tool.deadline_s))
            for tool in commerce_tools(shop, OrdererMatches(database, hasher), Aliases(database), house, pause=pause)
        ]
        registry = Registry(found)
        async with await Database.open(addresses.owner, min_size=1, max_size=1) as owner, owner.system() as tx:
            await sync_catalogue(tx, registry)
        async with database.org(mall.org) as tx:
            await seed_policies(tx, mall.org, registry)
        gate = Gate(database, registry, a_keyring(), hasher, clock, redeem_token=redeem)
        yield Desk(gate, mall, sandbox, registry, grants, sessions, review, waited=waited)
        await gate.drain()
