"""The restock tools as everybody uses them: through the gate, after a yes, to the sandbox on a real server."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx2
from tests.commerce.goods import HANEUL, NOW, SEOJUN
from tests.commerce.world import Mall as MallWorld
from tests.commerce.world import a_keyring, a_mall, an_org

from cafe24_sandbox import Sandbox
from sangdam.conversations.otp import Sender
from sangdam.core.clock import SettableClock
from sangdam.core.ids import CallId, EffectId, GrantId, OrgId, SessionId, TurnId, UserId, new_uuid
from sangdam.core.phone import Phone
from sangdam.db import Database
from sangdam.db.testing import Addresses, connected
from sangdam.notify import Console
from sangdam.orgs import Hasher, KeyRing, Member, Role
from sangdam.restock import Mall, Rules, Subscriptions
from sangdam.restock import tools as restock_tools
from sangdam.tools import ByMember, ByShopper, Gate, Registry, seed_policies, sync_catalogue
from sangdam.tools.model import (
    Assurance,
    Call,
    Caller,
    CallerKind,
    Done,
    Grant,
    NeedsConfirmation,
    Outcome,
    Run,
    Stamp,
    Tool,
)

CLOCK = SettableClock(NOW)
SOLD_OUT, IN_STOCK, PARTLY, HIDDEN, MISSING = 105, 101, 106, 142, 999
PHONES = (HANEUL, SEOJUN)
SUBSCRIBE, LIST, CANCEL = "subscribe_restock", "list_restock_subscriptions", "cancel_restock"


@dataclass
class Desk:
    """One conversation of one organisation, and another organisation that has nothing to do with it."""

    gate: Gate
    mall: MallWorld
    sandbox: Sandbox
    url: str
    registry: Registry
    addresses: Addresses
    other: OrgId
    keyring: KeyRing
    hasher: Hasher
    rules: Rules
    session: SessionId = field(default_factory=lambda: SessionId(new_uuid()))
    sms: bool = True
    connected: bool = True
    losing: set[str] = field(default_factory=set[str])
    """Tools whose process dies between its own commit and the gate's."""
    calls: int = 0

    @property
    def clock(self) -> SettableClock:
        return self.mall.clock

    @property
    def org(self) -> OrgId:
        return self.mall.org

    @property
    def db(self) -> Database:
        return self.mall.database

    # Who asks

    def verified(self, phone: Phone = HANEUL, **more: Any) -> Grant:
        return replace(
            Grant(GrantId(new_uuid()), self.org, self.session, Assurance.VERIFIED, self.clock.now() + timedelta(minutes=15), phone, frozenset({"notify"})),
            **more,
        )  # fmt: skip

    def agent(self, *grants: Grant, **more: Any) -> Caller:
        plain = Caller(
            org=self.org, kind=CallerKind.AGENT, id="agent", trace_id="t" * 32, session=self.session, agent_tools=frozenset(tool.name for tool in self.registry),
            grants=grants, client_ip="203.0.113.9",
        )  # fmt: skip
        return replace(plain, **more)

    def shopper(self, phone: Phone = HANEUL, **more: Any) -> Caller:
        """The agent, for a shopper who proved this phone."""
        return self.agent(self.verified(phone), **more)

    def stranger(self) -> Caller:
        """The same person at the other organisation."""
        return self.agent(self.verified(org=self.other), org=self.other)

    def staff(self, role: str = "admin", **more: Any) -> Caller:
        plain = Caller(
            org=self.org, kind=CallerKind.MEMBER, id=str(new_uuid()), trace_id="t" * 32, role=role, on_behalf=False, staff_reason="고객 전화 문의 확인",
        )  # fmt: skip
        return replace(plain, **more)

    def mcp(self, *grants: Grant) -> Caller:
        return Caller(
            org=self.org, kind=CallerKind.MCP, id="token-1", trace_id="t" * 32, session=self.session, scopes=frozenset({"tools:read", "tools:write"}),
            grants=grants, client_ip="203.0.113.9",
        )  # fmt: skip

    @property
    def owner(self) -> Member:
        return Member(UserId(new_uuid()), self.org, Role.OWNER, "대표", "o@example.com")

    @property
    def stamp(self) -> Stamp:
        return Stamp(TurnId(new_uuid()), 3, 1, "{}")

    # What is asked

    def consent(self, **more: Any) -> dict[str, Any]:
        return {"text_version": "ko-1", "message_seq": 7, "at": self.clock.now().isoformat(), **more}

    def wanting(self, product_no: int = SOLD_OUT, **more: Any) -> dict[str, Any]:
        """Arguments of a subscription; None leaves one out."""
        given = {"product_no": product_no, "consent": self.consent(), **more}
        return {name: value for name, value in given.items() if value is not None}

    def key(self, tool: str, run: uuid.UUID | None = None) -> str:
        return f"conv:{self.session}:{run or uuid.uuid4()}:{tool}"

    async def use(
        self, tool: str, caller: Caller | None = None, *, key: str | None = None, confirmation: str | None = None, **arguments: Any
    ) -> Outcome:  # fmt: skip
        """One call."""
        self.calls += 1
        return await self.gate.call(
            caller or self.shopper(), tool, arguments, key=key or self.key(tool), confirmation=confirmation
        )

    async def ask(self, tool: str, caller: Caller | None = None, *, key: str | None = None, **arguments: Any) -> NeedsConfirmation:  # fmt: skip
        """The question a yes is needed for."""
        outcome = await self.use(tool, caller, key=key, **arguments)
        assert isinstance(outcome, NeedsConfirmation), outcome
        return outcome

    async def yes(self, asked: NeedsConfirmation, *, seq: int = 12, org: OrgId | None = None, by: ByMember | None = None) -> None:  # fmt: skip
        assert await self.gate.effects.confirm(org or self.org, asked.effect, by=by or ByShopper(seq)) is not None

    async def confirmed(self, tool: str, caller: Caller | None = None, **arguments: Any) -> Outcome:
        """Asked, agreed to and carried out; the refusal when there was nothing to agree to."""
        caller = caller or self.shopper()
        key = self.key(tool)
        outcome = await self.use(tool, caller, key=key, **arguments)
        if not isinstance(outcome, NeedsConfirmation):
            return outcome
        await self.yes(outcome, org=caller.org)
        return await self.use(tool, caller, key=key, confirmation=outcome.digest, **arguments)

    async def told(self, tool: str, caller: Caller | None = None, **arguments: Any) -> dict[str, Any]:
        outcome = await self.confirmed(tool, caller, **arguments)
        assert isinstance(outcome, Done), outcome
        return dict(outcome.result)

    async def code(self, tool: str, caller: Caller | None = None, **arguments: Any) -> str:
        outcome = await self.confirmed(tool, caller, **arguments)
        assert not isinstance(outcome, Done), outcome
        return outcome.code

    async def subscribe(self, product_no: int = SOLD_OUT, *, caller: Caller | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
        return await self.told(SUBSCRIBE, caller, **self.wanting(product_no, **more))

    async def listed(self, caller: Caller | None = None) -> list[dict[str, Any]]:
        outcome = await self.use(LIST, caller)
        assert isinstance(outcome, Done), outcome
        return outcome.result["subscriptions"]

    # What the mall does

    async def stock(self, product_no: int, quantity: int, variant_code: str | None = None) -> None:
        """Somebody counts again; shops remember an answer for three seconds."""
        body = {"quantity": quantity} | ({"variant_code": variant_code} if variant_code is not None else {})
        async with httpx2.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"{self.url}/_control/products/{product_no}/stock", json=body)
        assert answer.status_code == 200, answer.text
        self.clock.move(seconds=4)

    def fault(self, path: str, kind: str = "status", **more: Any) -> None:
        self.sandbox.add_fault(kind=kind, match={"path": path}, **more)

    def sold_out(self) -> list[tuple[int, str]]:
        return sold_out(self.sandbox)

    # What is stored

    async def rows(self, sql: str, *args: object, org: OrgId | None = None) -> list[dict[str, Any]]:
        async with self.db.org(org or self.org) as tx:
            return [dict(row.items()) for row in await tx.fetch(sql, *args)]

    async def execute(self, sql: str, *args: object, org: OrgId | None = None) -> None:
        async with self.db.org(org or self.org) as tx:
            await tx.execute(sql, *args)

    async def subscriptions(self) -> list[dict[str, Any]]:
        return await self.rows("select * from g_com_restock_subscriptions order by created_at, product_no")

    async def audit(self, org: OrgId | None = None) -> list[dict[str, Any]]:
        rows = await self.rows(
            "select to_jsonb(a)::text as row from f_audit_mcp_tools a where phase = 'closed' order by chain_seq",
            org=org,
        )
        return [json.loads(row["row"]) for row in rows]

    async def events(self, like: str = "RESTOCK%") -> list[tuple[str, dict[str, Any]]]:
        rows = await self.rows("select event_type, payload from f_audit_events where event_type like $1 order by chain_seq", like)  # fmt: skip
        return [(row["event_type"], row["payload"]) for row in rows]

    def reconciling(self, effect: EffectId) -> Call:
        """The reconciler's own call about a write."""
        return Call(
            id=CallId(new_uuid()), caller=self.staff(session=self.session), clock=self.clock, deadline=self.clock.monotonic() + 10.0, effect=effect
        )  # fmt: skip

    async def check(self) -> None:
        """Every use has its closed row, and no phone lies open in any table."""
        assert len(await self.audit()) + len(await self.audit(self.other)) == self.calls
        async with connected(self.addresses.superuser) as superuser:
            tables = await superuser.fetch(
                "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
            )
            stored = {
                table["name"]: "\n".join(
                    row["row"] for row in await superuser.fetch(f'select t::text as row from "{table["name"]}" t')
                )
                for table in tables
            }
        for name, text in stored.items():
            for phone in PHONES:
                for spelling in (phone.digits, phone.dashed, phone.e164, phone.digits[1:]):
                    assert spelling not in text, name


def sold_out(sandbox: Sandbox) -> list[tuple[int, str]]:
    """Every product and option that is shown and cannot be bought."""
    found: list[tuple[int, str]] = []
    for product in sandbox.mall().products.values():
        if product.display and product.selling:
            found += [(product.no, variant.code) for variant in product.variants if variant.sold_out]
            found += [(product.no, "*")] if all(variant.sold_out for variant in product.variants) else []
    return found


@asynccontextmanager
async def a_desk(
    database: Database, addresses: Addresses, sandbox: Sandbox, url: str, *, scopes: tuple[str, ...] | None = None, deadline_s: float | None = None
) -> AsyncIterator[Desk]:  # fmt: skip
    clock = CLOCK
    async with a_mall(database, sandbox=sandbox, url=url, clock=clock) as mall:
        if scopes is not None:
            await mall.connect(sandbox.issue_tokens(scopes=scopes))
        keyring, hasher = a_keyring(), Hasher(b"pepper" * 8)
        opened: list[Desk] = []

        async def shop(org: OrgId) -> Any:
            assert org == mall.org
            return mall.shop

        async def mall_of(org: OrgId) -> Mall | None:
            found = await mall.connections.read(org)
            return Mall(found.mall_id, found.shop_no) if found is not None and opened[0].connected else None

        async def sender(org: OrgId) -> Sender:
            return Sender("달빛샵", Console() if opened[0].sms else None, 500)

        def lost(tool: Tool) -> Run:
            async def run(call: Call, given: Any) -> Any:
                ended = await tool.run(call, given)
                if tool.name in opened[0].losing:
                    raise ConnectionError("the process died")
                return ended

            return run

        waiting = Subscriptions(database, keyring, hasher, shops=shop, malls=mall_of, senders=sender)
        tools = [
            replace(tool, run=lost(tool), deadline_s=deadline_s or tool.deadline_s) for tool in restock_tools(waiting)
        ]
        registry = Registry(tools)
        other = await an_org(database, clock)
        async with await Database.open(addresses.owner, min_size=1, max_size=1) as owner, owner.system() as tx:
            await sync_catalogue(tx, registry)
        for org in (mall.org, other):
            async with database.org(org) as tx:
                await seed_policies(tx, org, registry)
        gate = Gate(database, registry, keyring, hasher, clock)
        desk = Desk(
            gate, mall, sandbox, url, registry, addresses, other, keyring, hasher, Rules(database, clock)
        )  # fmt: skip
        opened.append(desk)
        yield desk
        await gate.drain()
