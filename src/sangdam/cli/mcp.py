"""MCP over stdio: a bridge to `/mcp` of a running server, for programs that start their tools as a process.

It holds a token and nothing else: no key, no database. What it adds is the way back to the person: in a handshake revision over
HTTP nobody can be asked anything, over stdio they can, so a question of the server becomes an elicitation and its answer goes back.
"""

import asyncio
import contextlib
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import httpx2
import structlog
from mcp import types
from mcp.client.context import ClientRequestContext
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

from sangdam.cli.signals import until_told
from sangdam.core import logs
from sangdam.core.errors import Kind, Refused, SangdamError

log = structlog.get_logger(__name__)

TOKEN = "SANGDAM_API_TOKEN"
CALL_SECONDS = 60.0
"""What the server has for one answer; it gives up long before."""
LONGEST_LINE = 1024 * 1024

Context = ServerRequestContext[Any, Any]
_Called: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)


async def bridge(*, url: str | None, demo: str, ask_seconds: float) -> None:
    """Ends at the end of standard input and at a signal. Raises Refused, SangdamError(UNAVAILABLE)."""
    logs.configure(level="warning", build="mcp", stream=sys.stderr)
    base, token = await asyncio.to_thread(where, url, Path(demo))
    serving = asyncio.create_task(serve(base, token, ask_seconds), name="bridge")
    telling = asyncio.create_task(until_told(), name="signals")
    await asyncio.wait((serving, telling), return_when=asyncio.FIRST_COMPLETED)
    telling.cancel()
    ended = serving.done()
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    if not ended:
        log.info("bridge_told_to_stop")


def where(url: str | None, demo: Path) -> tuple[str, str]:
    """Base address and token. The demo's own token goes to the demo only. Raises Refused."""
    token = os.environ.get(TOKEN, "").strip()
    if url is None:
        try:
            described: dict[str, str] = json.loads(demo.read_text("utf-8"))
        except FileNotFoundError:
            raise Refused((f"no --url, and {demo} is not there: start `sangdam demo`, or say which server",)) from None
        url, token = described["base_url"], token or described["api_token"]
    if not token:
        raise Refused((f"{TOKEN} is not set",))
    return url.rstrip("/").removesuffix("/mcp"), token


async def serve(base: str, token: str, ask_seconds: float) -> None:
    """Raises SangdamError(UNAVAILABLE) when the server is not there or does not take the token."""
    silent: MCPError | None = None
    async with contextlib.AsyncExitStack() as closing:
        http = await closing.enter_async_context(
            httpx2.AsyncClient(
                headers={"authorization": f"Bearer {token}"},
                timeout=CALL_SECONDS,
                transport=Steady(httpx2.AsyncHTTPTransport(), base),
            )
        )
        quiet = await closing.enter_async_context(upstream(http, base, asks=False))
        asking = await closing.enter_async_context(upstream(http, base, asks=True))
        try:
            found = await quiet.discover()
        except MCPError as error:
            silent = error  # raised inside, it would come out as a group
        else:
            asking.adopt(found)
            await speak(Bridge(quiet, asking, found, ask_seconds).server)
    if silent is not None:
        raise SangdamError(Kind.UNAVAILABLE, f"{base}/mcp: {silent.message}")


async def speak(server: Server[Any]) -> None:
    """Over standard input and output, to the end of the first."""
    async with standard_input() as lines:
        streams = stdio_server(stdin=cast("Any", lines)) if lines is not None else stdio_server()
        async with streams as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


@contextlib.asynccontextmanager
async def upstream(http: httpx2.AsyncClient, base: str, *, asks: bool) -> AsyncIterator[ClientSession]:
    """A client of the server; one that `asks` declares that it can put questions to a person."""
    async with (
        streamable_http_client(f"{base}/mcp", http_client=http) as (incoming, outgoing),
        ClientSession(
            incoming,
            outgoing,
            read_timeout_seconds=CALL_SECONDS,
            elicitation_callback=_asked_past if asks else None,
            client_info=types.Implementation(name="sangdam mcp", version=version("sangdam")),
        ) as session,
    ):
        yield session


async def _asked_past(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ErrorData:
    """Never the way a question takes: it comes as the result of a call."""
    return types.ErrorData(code=types.INVALID_REQUEST, message="questions come in results")


class Bridge:
    def __init__(
        self, quiet: ClientSession, asking: ClientSession, found: types.DiscoverResult, ask_seconds: float
    ) -> None:
        self._quiet = quiet
        self._asking = asking
        self._ask_seconds = ask_seconds
        info = quiet.server_info
        self.server: Server[Any] = Server(
            info.name if info is not None else "sangdam",
            version=info.version if info is not None else "",
            title=info.title if info is not None else None,
            instructions=found.instructions,
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
            on_list_resources=self.list_resources,
            on_list_resource_templates=self.list_templates,
            on_read_resource=self.read_resource,
        )

    async def list_tools(self, context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        request = types.ListToolsRequest(params=_page(params))
        return await self._quiet.send_request(request, types.ListToolsResult)

    async def list_resources(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        request = types.ListResourcesRequest(params=_page(params))
        return await self._quiet.send_request(request, types.ListResourcesResult)

    async def list_templates(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        request = types.ListResourceTemplatesRequest(params=_page(params))
        return await self._quiet.send_request(request, types.ListResourceTemplatesResult)

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        request = types.ReadResourceRequest(params=types.ReadResourceRequestParams(uri=params.uri))
        return await self._quiet.send_request(request, types.ReadResourceResult)

    async def call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        capabilities = context.session.client_capabilities
        session = self._asking if capabilities is not None and capabilities.elicitation is not None else self._quiet
        answers: types.InputResponses | None = params.input_responses
        state = params.request_state
        while True:
            call = types.CallToolRequestParams(
                name=params.name, arguments=params.arguments, input_responses=answers, request_state=state
            )
            result = await session.send_request(types.CallToolRequest(params=call), _Called)
            if isinstance(result, types.CallToolResult) or context.protocol_version in MODERN_PROTOCOL_VERSIONS:
                return result
            state = result.request_state
            answers = {key: await self._ask(context, asked) for key, asked in (result.input_requests or {}).items()}

    async def _ask(self, context: Context, asked: types.InputRequest) -> types.ElicitResult:
        """What the person said; to be cut off, to fail and to say nothing in time are all no answer."""
        if isinstance(asked, types.ElicitRequest):
            try:
                return await context.session.send_request(
                    asked,
                    types.ElicitResult,
                    request_read_timeout_seconds=self._ask_seconds,
                    metadata=ServerMessageMetadata(related_request_id=context.request_id),
                )
            except MCPError as error:
                log.warning("person_not_asked", code=error.code)
        return types.ElicitResult(action="cancel")


class Steady(httpx2.AsyncBaseTransport):
    """A server that does not answer is an answer too: the client of the SDK would end over it, and with it the bridge."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, base: str) -> None:
        self._inner = inner
        self._base = base

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._inner.handle_async_request(request)
            await response.aread()
        except httpx2.TransportError as error:
            log.warning("server_silent", error=type(error).__name__)
            fault = {"code": types.INTERNAL_ERROR, "message": f"{self._base} does not answer. Repeat the call with the same arguments."}  # fmt: skip
            return httpx2.Response(503, json={"jsonrpc": "2.0", "id": None, "error": fault}, request=request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class Lines:
    """Standard input, line by line, without a thread: one that waits for input would outlive a signal."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    def __aiter__(self) -> "Lines":
        return self

    async def __anext__(self) -> str:
        try:
            line = await self._reader.readline()
        except ValueError:  # longer than any message may be: read as what it is, no message
            return "\n"
        if not line:
            raise StopAsyncIteration
        return line.decode("utf-8", "replace")


@contextlib.asynccontextmanager
async def standard_input() -> AsyncIterator[Lines | None]:
    """None where it never lets anybody wait, as a file does: that is read as the SDK does."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty()):
        yield None
        return
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        yield Lines(reader)
    finally:
        transport.close()


def _page(params: types.PaginatedRequestParams | None) -> types.PaginatedRequestParams | None:
    """Without what this connection says of itself: the next one says its own."""
    cursor = params.cursor if params is not None else None
    return types.PaginatedRequestParams(cursor=cursor) if cursor is not None else None
