"""MCP clients in front of the doors: the SDK's own client over real HTTP, and a few tools whose end the test decides."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import httpx2
from mcp import Client, types
from mcp.client.session import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from pydantic import BaseModel, ConfigDict

from sangdam.db.testing import Addresses, connected
from sangdam.tools.model import Assurance, Call, CallerKind, DefaultPolicy, Preview, Refusal, Tool
from tests.doors.shopfront import Shopfront, open_shop

MODERN, HANDSHAKE = "auto", "legacy"
"""2026-07-28, found out by asking; 2025-11-25, agreed on in a handshake."""
REVISIONS = (MODERN, HANDSHAKE)
READ, WRITE, STAFF, PII, SESSIONS = "tools:read", "tools:write", "orders:staff", "pii:read", "sessions:read"
STAFF_REASON = "고객 전화 문의 확인"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Note(Strict):
    text: str
    place: str | None = None


class Noted(Strict):
    text: str
    number: int


class Nothing(Strict):
    pass


@dataclass
class Notebook:
    """What the test's tools did. `hold` keeps a run from ending, `held` counts the runs that are kept."""

    written: list[str] = field(default_factory=list[str])
    hold: asyncio.Event | None = None
    held: int = 0

    async def kept(self) -> None:
        if self.hold is not None:
            self.held += 1
            await self.hold.wait()

    @property
    def tools(self) -> tuple[Tool, ...]:
        async def preview(call: Call, given: Note) -> Preview | Refusal:
            return Preview(
                arguments=given.model_dump(exclude_none=True),
                shown={"before": {"content": self.written[-1] if self.written else None}, "after": {"content": given.text}},
            )  # fmt: skip

        async def write(call: Call, given: Note) -> Noted | Refusal:
            await self.kept()
            self.written.append(given.text)
            return Noted(text=given.text, number=len(self.written))

        async def read(call: Call, given: Nothing) -> Noted | Refusal:
            await self.kept()
            return Noted(text=self.written[-1] if self.written else "", number=len(self.written))

        return (
            a_tool("change_note", "메모 변경", Note, write, effect="write", preview=preview, confirmation=True),
            a_tool("write_note", "메모 쓰기", Note, write, effect="write"),
            a_tool("read_note", "메모 읽기", Nothing, read),
        )


def a_tool(
    name: str, title: str, input: type[BaseModel], run: Any, *, effect: Literal["read", "write"] = "read", **more: Any
) -> Tool:
    return Tool(
        name=name, display_name=title, display_name_en=name, description=f"{name} of the tests", provider="sangdam", effect=effect, assurance=Assurance.ANONYMOUS,
        input=input, output=Noted, default_policy=DefaultPolicy(frozenset(CallerKind), 6000, 6000), run=run, **more,
    )  # fmt: skip


@dataclass
class Desk:
    shop: Shopfront
    notes: Notebook

    @property
    def url(self) -> str:
        return self.shop.base + "/mcp"

    def client(self, token: str, mode: str = MODERN, **more: Any) -> AbstractAsyncContextManager[Client]:
        return a_client(self.url, token, mode, **more)

    async def post(self, token: str | None, body: Any, **headers: str) -> httpx2.Response:
        """As bytes on the wire; a handshake revision unless a header says otherwise."""
        sent = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            return await self.shop.http.post("/mcp", content=body, headers=sent)
        return await self.shop.http.post("/mcp", json=body, headers=sent)

    async def audit(self) -> list[dict[str, Any]]:
        async with self.shop.product.db.org(self.shop.org) as tx:
            rows = await tx.fetch("select * from f_audit_mcp_tools where phase = 'closed' order by chain_seq")
        return [dict(row.items()) for row in rows]

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        async with self.shop.product.db.org(self.shop.org) as tx:
            rows = await tx.fetch("select event_type, payload from f_audit_events order by chain_seq")
        return [(row["event_type"], row["payload"]) for row in rows]

    async def effects(self) -> list[dict[str, Any]]:
        async with connected(self.shop.addresses.superuser) as owner:
            rows = await owner.fetch("select id, state, code, tool_name from e_ops_effects order by created_at, id")
        return [dict(row) for row in rows]

    async def approve(self, effect: str, decision: str = "approve") -> httpx2.Response:
        """In the console, as the owner."""
        headers = await self.shop.sign_in()
        return await self.shop.http.post(f"/api/approvals/{effect}", json={"decision": decision}, headers=headers)


@asynccontextmanager
async def a_client(url: str, token: str, mode: str = MODERN, **more: Any) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, **more) as opened,
    ):
        yield opened


@dataclass
class Person:
    """Who sits in front of a client: says what it is told to say, and remembers what it was asked."""

    says: Any
    asked: list[types.ElicitRequestFormParams] = field(default_factory=list[types.ElicitRequestFormParams])

    async def __call__(self, context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestFormParams)
        self.asked.append(params)
        said = self.says
        if callable(said):
            said = await cast("Callable[[], Awaitable[types.ElicitResult]]", said)()
        return said


YES = types.ElicitResult(action="accept", content={"confirm": True})
NO = types.ElicitResult(action="accept", content={"confirm": False})
DECLINE = types.ElicitResult(action="decline")
CANCEL = types.ElicitResult(action="cancel")
NOTHING_SAID = types.ElicitResult(action="accept", content={})


def a_key() -> str:
    return f"test-{uuid.uuid4()}"


def refused(result: types.CallToolResult) -> dict[str, Any]:
    """What a refusal says; its text says the same."""
    assert result.is_error
    told: dict[str, Any] = result.structured_content
    text = text_of(result)
    assert told["message"] in text
    for fact in leaves({name: value for name, value in told.items() if name != "message"}):
        assert fact in text, (fact, text)
    assert {"code", "outcome", "message", "retryable"} <= told.keys()
    return told


def done(result: types.CallToolResult) -> dict[str, Any]:
    """The facts of a call that was done; its text holds every one of them."""
    assert not result.is_error, result
    told: dict[str, Any] = result.structured_content
    text = text_of(result)
    for fact in leaves(told):
        assert fact in text, (fact, text)
    return told


def text_of(result: types.CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text


def leaves(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [leaf for part in cast("Mapping[str, Any]", value).values() for leaf in leaves(part)]
    if isinstance(value, list):
        return [leaf for part in cast("list[Any]", value) for leaf in leaves(part)]
    if value is None:
        return []
    return [str(value).lower() if isinstance(value, bool) else str(value)]


@asynccontextmanager
async def a_desk(addresses: Addresses, **more: Any) -> AsyncIterator[Desk]:
    notes = Notebook()
    async with open_shop(addresses, more_tools=notes.tools, **more) as shop:
        yield Desk(shop, notes)
