"""What the gate's tests share: a clock that stands still, two organisations, a handful of tools, a gate over them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import asyncpg
from pydantic import BaseModel, ConfigDict

from sangdam.core.clock import SettableClock
from sangdam.core.ids import GrantId, OrderId, OrgId, SessionId, new_uuid
from sangdam.core.phone import Phone
from sangdam.db import Database
from sangdam.orgs import Hasher, KeyRing
from sangdam.tools import Gate, Registry
from sangdam.tools.fields import OrderIdArg, PhoneArg
from sangdam.tools.model import (
    Assurance,
    Call,
    Caller,
    CallerKind,
    DefaultPolicy,
    Denied,
    Failed,
    Grant,
    Preview,
    Refusal,
    Tool,
    Undecided,
    UpstreamCall,
)

driver = cast(Any, asyncpg)
RefusedByDatabase: type[Exception] = driver.PostgresError

NOW = datetime(2026, 3, 14, 5, 28, 44, tzinfo=UTC)
PHONE = "01012345678"
ORDER = "20260314-0000127"
OTHER_ORDER = "20260314-0000128"
ANYONE = frozenset(CallerKind)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(Strict):
    pass


class Order(Strict):
    order_id: OrderIdArg


class Phoned(Strict):
    cellphone: PhoneArg | None = None


class Address(Strict):
    order_id: OrderIdArg
    address_full: str | None = None
    zipcode: str | None = None
    receiver_cellphone: PhoneArg | None = None


class Coded(Strict):
    code: str


class Told(Strict):
    text: str
    cellphone: str | None = None


@dataclass
class Shop:
    """What the tools of these tests did, and how they shall end."""

    runs: list[tuple[str, BaseModel]] = field(default_factory=list[tuple[str, BaseModel]])
    looks: list[tuple[str, Call]] = field(default_factory=list[tuple[str, Call]])
    ends: dict[str, Any] = field(default_factory=dict[str, Any])
    """By tool: a refusal, an exception, a model, or an async function of the call."""
    upstream: dict[str, UpstreamCall] = field(default_factory=dict[str, UpstreamCall])

    def tool(
        self,
        name: str,
        input: type[BaseModel],
        *,
        effect: Literal["read", "write"] = "read",
        assurance: Assurance = Assurance.ANONYMOUS,
        preview: bool = False,
        **more: Any,
    ) -> Tool:
        async def run(call: Call, arguments: BaseModel) -> BaseModel | Refusal:
            self.runs.append((name, arguments))
            if name in self.upstream:
                call.upstream.append(self.upstream[name])
            end: Any = self.ends.get(name, Told(text="됐어요"))
            if callable(end):
                end = await cast("Callable[[Call], Awaitable[Any]]", end)(call)
            if isinstance(end, Exception):
                raise end
            return end

        async def after(call: Call, arguments: BaseModel) -> Any:
            self.looks.append((name, call))
            end: Any = self.ends.get(f"{name}.after", Undecided())
            if callable(end):
                end = await cast("Callable[[Call], Awaitable[Any]]", end)(call)
            if isinstance(end, Exception):
                raise end
            return end

        async def look(call: Call, arguments: Any) -> BaseModel | Refusal:
            if f"{name}.preview" in self.upstream:
                call.upstream.append(self.upstream[f"{name}.preview"])
            end = self.ends.get(f"{name}.preview")
            if end is not None:
                return end
            fields = {**arguments.model_dump(mode="json", exclude_none=True)}
            if fields.pop("address_full", None) is not None:
                fields["zipcode"] = "06236"
            return Preview(
                arguments=fields, shown={"after": {"address": "서울특별시 강남구 테헤란로 152", "cellphone": PHONE}}
            )

        return Tool(
            name=name,
            display_name=name,
            display_name_en=name,
            description=name,
            provider=more.pop("provider", "cafe24"),
            effect=effect,
            assurance=assurance,
            input=input,
            output=Told,
            default_policy=more.pop("default_policy", DefaultPolicy(ANYONE, 300)),
            run=run,
            preview=look if preview else None,
            confirmation=preview,
            reconcile=after if effect == "write" else None,
            **more,
        )


@dataclass
class World:
    db: Database
    gate: Gate
    shop: Shop
    clock: SettableClock
    org: OrgId
    other: OrgId
    session: SessionId
    superuser: str
    keyring: KeyRing
    hasher: Hasher
    registry: Registry

    def agent(self, **more: Any) -> Caller:
        return Caller(
            org=more.pop("org", self.org),
            kind=CallerKind.AGENT,
            id="family-1",
            trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
            agent_tools=frozenset(tool.name for tool in self.registry),
            session=self.session,
            **more,
        )

    def verified(self, **more: Any) -> Caller:
        return self.agent(grants=(self.grant(),), **more)

    def member(self, role: str = "admin", **more: Any) -> Caller:
        return Caller(
            org=self.org,
            kind=CallerKind.MEMBER,
            id=str(new_uuid()),
            trace_id="t" * 32,
            role=role,
            session=more.pop("session", self.session),
            **more,
        )

    def mcp(self, *scopes: str, **more: Any) -> Caller:
        return Caller(
            org=self.org,
            kind=CallerKind.MCP,
            id="token-1",
            trace_id="t" * 32,
            scopes=frozenset(scopes),
            session=more.pop("session", self.session),
            **more,
        )

    def grant(self, **more: Any) -> Grant:
        plain = Grant(
            id=GrantId(new_uuid()),
            org=self.org,
            session=self.session,
            level=Assurance.VERIFIED,
            expires_at=self.clock.now() + timedelta(minutes=15),
            phone=Phone(PHONE),
            purposes=frozenset({"orders", "notify"}),
        )
        return replace(plain, **more)

    def claimed(self, order: str = ORDER, **more: Any) -> Grant:
        return self.grant(
            level=Assurance.CLAIMED, phone=None, purposes=frozenset[str](), order_id=OrderId(order), **more
        )

    async def audit(self, org: OrgId | None = None) -> list[dict[str, Any]]:
        async with self.db.org(org or self.org) as tx:
            return [dict(row.items()) for row in await tx.fetch("select * from f_audit_mcp_tools order by chain_seq")]

    async def last(self) -> dict[str, Any]:
        return (await self.audit())[-1]

    async def policy(self, tool: str, **columns: object) -> None:
        async with self.db.org(self.org) as tx:
            for column, value in columns.items():
                await tx.execute(f"update c_mcp_tool_policies set {column} = $2 where tool_name = $1", tool, value)

    async def effects(self) -> list[dict[str, Any]]:
        async with self.db.org(self.org) as tx:
            return [dict(row.items()) for row in await tx.fetch("select * from e_ops_effects order by created_at, id")]

    async def as_superuser(self, sql: str) -> None:
        await execute(self.superuser, sql)


async def execute(dsn: str, *statements: str, past_triggers: bool = False) -> None:
    """Statements in one transaction of a connection of their own."""
    connection = await driver.connect(dsn)
    try:
        async with connection.transaction():
            if past_triggers:
                await connection.execute("set local session_replication_role = replica")
            for sql in statements:
                await connection.execute(sql)
    finally:
        await connection.close()


def tools_of(shop: Shop) -> list[Tool]:
    return [
        shop.tool("search_knowledge", Nothing, provider="sangdam"),
        shop.tool(
            "lookup_order", Order, assurance=Assurance.CLAIMED, scopes=frozenset({"read_order"}), breaker="cafe24"
        ),
        shop.tool("list_orders", Phoned, assurance=Assurance.VERIFIED),
        shop.tool("list_boards", Nothing, staff_only=True),
        shop.tool("create_handoff", Nothing, effect="write", provider="sangdam"),
        shop.tool("verify_otp", Coded, effect="write", unsigned_fields=("code",), provider="sangdam"),
        shop.tool(
            "update_order_shipping_address",
            Address,
            effect="write",
            assurance=Assurance.VERIFIED,
            preview=True,
            breaker="cafe24",
        ),
        shop.tool("subscribe_restock", Phoned, effect="write", assurance=Assurance.VERIFIED, purpose="notify"),
        shop.tool("slow_read", Nothing, deadline_s=0.05),
        shop.tool("slow_write", Nothing, effect="write", deadline_s=0.05),
    ]


def not_owned(kind: str) -> Refusal:
    shapes: Mapping[str, Refusal] = {
        "denied": Denied("ORDER_NOT_OWNED"),
        "failed": Failed("ORDER_NOT_OWNED", detail={"hashes": ["ab", "cd"]}),
        "missing": Failed("CAFE24_NOT_FOUND", detail={"resource": "order"}),
    }
    return shapes[kind]


async def blocked(event: asyncio.Event) -> Told:
    await event.wait()
    return Told(text="됐어요")
