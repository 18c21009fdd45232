"""The shop's tools as everybody uses them: through the gate, to the sandbox on a real server."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tests.commerce.world import Mall, a_keyring, a_mall

from cafe24_sandbox import Sandbox
from sangdam.commerce import Aliases
from sangdam.commerce import tools as commerce_tools
from sangdam.commerce.cafe24.mall import Cafe24Shop
from sangdam.conversations.grants import GrantBook
from sangdam.conversations.orderer import OrdererMatches
from sangdam.core.clock import SettableClock
from sangdam.core.ids import GrantId, OrderId, OrgId, SessionId, new_uuid
from sangdam.core.phone import Phone
from sangdam.db import Database
from sangdam.db.testing import Addresses
from sangdam.orgs import Hasher
from sangdam.tools import Gate, Registry, seed_policies, sync_catalogue
from sangdam.tools.model import Assurance, Caller, CallerKind, Done, Grant, Outcome, Tool

HANEUL, GUEST, SHARED, YERIN = (Phone(f"0100000{last}") for last in ("1234", "9012", "3456", "7777"))
PERSONAL = ("김하늘", "박지우", "강나래", "010-0000-1234", "01000001234", "0000-8643", "세종대로", "302호", "haneul01@")


@dataclass
class Desk:
    """One conversation of one organisation."""

    gate: Gate
    mall: Mall
    sandbox: Sandbox
    registry: Registry
    grants: GrantBook
    session: SessionId = field(default_factory=lambda: SessionId(new_uuid()))
    waited: list[float] = field(default_factory=list[float])
    calls: int = 0

    @property
    def clock(self) -> SettableClock:
        return self.mall.clock

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
    database: Database, addresses: Addresses, sandbox: Sandbox, url: str, clock: SettableClock, *, scopes: tuple[str, ...] | None = None, **deadlines: float
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

        found: list[Tool] = [
            replace(tool, deadline_s=deadlines.get(tool.name, tool.deadline_s))
            for tool in commerce_tools(shop, OrdererMatches(database, hasher), Aliases(database), pause=pause)
        ]
        registry = Registry(found)
        async with await Database.open(addresses.owner, min_size=1, max_size=1) as owner, owner.system() as tx:
            await sync_catalogue(tx, registry)
        async with database.org(mall.org) as tx:
            await seed_policies(tx, mall.org, registry)
        gate = Gate(database, registry, a_keyring(), hasher, clock, redeem_token=redeem)
        yield Desk(gate, mall, sandbox, registry, grants, waited=waited)
        await gate.drain()
