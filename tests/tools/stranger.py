"""A foreign MCP server: the SDK's own, over real HTTP, behind a bearer secret. It can fail in every way a server can."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp import types
from mcp.server.lowlevel.server import Server

Event = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Answer = types.CallToolResult | types.InputRequiredResult
Does = Callable[[Mapping[str, Any]], Answer]

SECRET = "stranger-Secret.0123456789~canary"
POINTS = {
    "type": "object",
    "properties": {"member": {"type": "string", "maxLength": 40}, "points": {"type": "integer", "minimum": 1}},
    "required": ["member", "points"],
}
PARCEL = {"type": "object", "properties": {"number": {"type": "string", "pattern": r"^\d{10,14}$"}}, "required": ["number"]}  # fmt: skip


def a_tool(name: str, schema: Mapping[str, Any], **more: Any) -> types.Tool:
    given: dict[str, Any] = {"description": f"{name} of a stranger", **more}
    return types.Tool(name=name, input_schema=dict(schema), **given)


def told(structured: Any = None, *texts: str, error: bool = False) -> types.CallToolResult:
    content: list[Any] = [types.TextContent(type="text", text=text) for text in texts]
    return types.CallToolResult(content=content, structured_content=structured, is_error=error)


@dataclass
class Seen:
    """One HTTP request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def asked(self) -> str | None:
        """The JSON-RPC method."""
        return json.loads(self.body).get("method") if self.body else None


@dataclass
class Stranger:
    tools: list[types.Tool] = field(default_factory=lambda: [a_tool("add_points", POINTS), a_tool("track", PARCEL)])
    does: dict[str, Does] = field(default_factory=dict[str, Does])
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    seen: list[Seen] = field(default_factory=list[Seen])
    faults: dict[str, str] = field(default_factory=dict[str, str])
    """By JSON-RPC method: status:<n>, redirect:<url>, hang, cut, cut_before, huge, html, not_json, gzip, accepted, drip."""
    legacy: bool = False
    as_json: bool = True
    secret: str | None = SECRET
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def entry(self) -> str:
        """For SANGDAM_MCP_SERVER_ALLOW."""
        return f"127.0.0.1:{self.port}"

    def app(self) -> Any:
        async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
            return types.ListToolsResult(tools=self.tools)

        async def call_tool(_context: Any, params: types.CallToolRequestParams) -> Answer:
            arguments = dict(params.arguments or {})
            self.calls.append((params.name, arguments))
            return self.does.get(params.name, lambda _: told({"ok": True}))(arguments)

        inner = Server("stranger", on_list_tools=list_tools, on_call_tool=call_tool).streamable_http_app(
            json_response=self.as_json, host="stranger"
        )

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await inner(scope, receive, send)
                return
            body = b""
            while True:
                event = await receive()
                body += event.get("body", b"")
                if not event.get("more_body"):
                    break
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen = Seen(scope["method"], scope["path"], headers, body.decode())
            self.seen.append(seen)
            fault = self.faults.get(seen.asked or "", "")
            if self.secret is not None and headers.get("authorization") != f"Bearer {self.secret}":
                fault = "status:401"
            elif self.legacy and seen.asked == "server/discover":
                fault = "status:400"
            given = False

            async def again() -> Event:
                nonlocal given
                if given:
                    return await receive()
                given = True
                return {"type": "http.request", "body": body, "more_body": False}

            await _answer(inner, scope, again, send, fault)

        return app


async def _answer(inner: Any, scope: Scope, receive: Receive, send: Send, fault: str) -> None:
    kind, _, more = fault.partition(":")
    match kind:
        case "":
            await inner(scope, receive, send)
        case "status":
            await _plain(send, int(more), b'{"error": "SERVER SAYS NO"}')
        case "redirect":
            await _plain(send, 307, b"", location=more)
        case "accepted":
            await _plain(send, 202, b"")
        case "html":
            await _plain(send, 200, b"<h1>welcome</h1>", media="text/html; leaked=CONTENT-TYPE-CANARY")
        case "not_json":
            await _plain(send, 200, b'{"jsonrpc": "2.0", "id": 1, "result": {"content": [')
        case "huge":
            await _plain(send, 200, b'{"jsonrpc": "2.0", "id": 1, "result": "' + b"x" * 12_000_000 + b'"}')
        case "gzip":
            await _plain(send, 200, b"\x1f\x8b", **{"content-encoding": "gzip"})
        case "cut_before":
            await _cut(send)
        case "hang":
            await _captured(inner, scope, receive)
            while (await receive())["type"] != "http.disconnect":
                pass
        case "drip":
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
            )
            with contextlib.suppress(Exception):
                for _ in range(100):
                    await send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})
                while (await receive())["type"] != "http.disconnect":
                    pass
        case "cut":
            await _captured(inner, scope, receive)
            await _cut(send)
        case _:
            raise ValueError(fault)


async def _plain(send: Send, status: int, body: bytes, *, media: str = "application/json", **headers: str) -> None:
    given = [(b"content-type", media.encode()), (b"content-length", str(len(body)).encode())]
    given += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})


async def _cut(send: Send) -> None:
    """An answer that ends in the middle."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"5000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"jsonrpc": "2.0", ', "more_body": True})
    raise ConnectionAbortedError


async def _captured(inner: Any, scope: Scope, receive: Receive) -> None:
    """The call is done; nobody hears of it."""

    async def nowhere(_: Event) -> None:
        pass

    await inner(scope, receive, nowhere)


@contextlib.asynccontextmanager
async def serving(stranger: Stranger, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Stranger]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    stranger.port = listening.getsockname()[1]
    config = uvicorn.Config(
        stranger.app(), log_config=None, access_log=False, ws="none", lifespan="on", timeout_graceful_shutdown=1
    )
    config.load()
    if tls is not None:
        config.ssl = tls
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if running.done():
                raise RuntimeError("the stranger did not start")
            await asyncio.sleep(0)
        yield stranger
    finally:
        server.should_exit = True
        await running
        listening.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Signals stay the test runner's."""
        yield
