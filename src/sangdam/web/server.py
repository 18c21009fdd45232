"""Joins the doors into one application and says how a server has to run it."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from uvicorn import Config

from sangdam.core.errors import SangdamError
from sangdam.core.ids import SessionId
from sangdam.web.assets import Assets
from sangdam.web.audit import audit_routes
from sangdam.web.callers import Callers
from sangdam.web.chat import Chat, chat_routes
from sangdam.web.http import Frame, misread, refused, unrouted
from sangdam.web.members import member_routes
from sangdam.web.operations import operation_routes
from sangdam.web.pages import page_routes
from sangdam.web.parts import Parts
from sangdam.web.rates import Rates, SlidingWindow
from sangdam.web.replays import Replays
from sangdam.web.servers_api import server_routes
from sangdam.web.socket import Hub
from sangdam.web.tickets import Tickets
from sangdam.web.tokens_api import token_routes
from sangdam.web.tool_calls import ToolCalls
from sangdam.web.tools_api import tool_routes
from sangdam.web.waiting import Waits
from sangdam.web.widget_api import Tables, widget_routes
from sangdam.web.widgets import Widgets
from sangdam.web.wire import LARGEST_FRAME, Wire

if TYPE_CHECKING:
    from sangdam.web.mcp import McpDoor

SOCKET_PATH = "/ws"

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Site(FastAPI):
    """The application. The socket is answered before any framework layer, which would stay in memory as long as the socket."""

    hub: Hub
    waits: Waits
    socket_open = True

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "websocket" and scope["path"] == SOCKET_PATH and self.socket_open:
            await self.hub.serve(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def drain(self) -> None:
        """On SIGTERM: not ready any more, no new joins; who polls is answered, who waits for a running turn may still get its answer."""
        self.hub.drain()
        self.waits.end_polls()

    def settle(self) -> None:
        """After the turns have ended, before the server is told to stop: whoever still waits is answered."""
        self.waits.end()

    def openapi(self) -> dict[str, Any]:
        """Without the framework's own 422, which no route answers."""
        if self.openapi_schema is None:
            schema = super().openapi()
            for operations in schema["paths"].values():
                for operation in operations.values():
                    answer = operation.get("responses", {}).get("422", {})
                    if "HTTPValidationError" in str(answer):
                        del operation["responses"]["422"]
            for name in ("HTTPValidationError", "ValidationError"):
                schema.get("components", {}).get("schemas", {}).pop(name, None)
            self.openapi_schema = schema
        return self.openapi_schema


def create_web(parts: Parts) -> Site:
    """Opens nothing by itself; the parts are open when the server starts, and closed after it has stopped."""
    widgets = Widgets(parts.db, parts.clock)
    tickets = Tickets(parts.ticket_secret, parts.clock)
    callers = Callers(parts)
    waits = Waits(parts.live)
    limit: Rates[SessionId] = Rates(
        SlidingWindow(parts.limits.chat_per_10s, 10.0), SlidingWindow(parts.limits.chat_per_min, 60.0)
    )
    hub = Hub(parts, widgets, tickets, limit)
    chat = Chat(parts, waits, limit)
    calls = ToolCalls(parts.gate, parts.standings, parts.sessions, parts.clock)
    mcp = _mcp_door(parts, callers, calls) if "mcp" in parts.doors else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as closing:
            hub.start()
            closing.push_async_callback(hub.stop)
            closing.callback(waits.end)
            if mcp is not None:
                await closing.enter_async_context(mcp.open())
            yield

    site = Site(
        title="Sangdam",
        version=parts.build,
        summary="AI customer service for Korean online shops on Cafe24",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    site.hub, site.waits = hub, waits
    site.socket_open = "ws" in parts.doors
    site.include_router(operation_routes(parts, hub))
    if "http" in parts.doors:
        site.include_router(member_routes(parts, callers))
        site.include_router(chat_routes(chat, callers))
        site.include_router(audit_routes(parts, callers))
        site.include_router(widget_routes(parts, Tables(parts, widgets, tickets, callers), chat, waits))
        site.include_router(page_routes(parts, widgets, Assets()))
        replays = Replays(parts.db, parts.keyring, parts.hasher, parts.clock)
        site.include_router(tool_routes(calls, parts.policies, parts.approvals, callers, replays))
        site.include_router(token_routes(parts.tokens, callers, replays))
        site.include_router(server_routes(parts.servers, callers, replays))
    if mcp is not None:
        site.include_router(mcp.routes())
    site.add_exception_handler(SangdamError, refused)
    site.add_exception_handler(RequestValidationError, misread)
    site.add_exception_handler(HTTPException, unrouted)
    site.add_middleware(Frame, secure=parts.secure)
    return site


def _mcp_door(parts: Parts, callers: Callers, calls: ToolCalls) -> "McpDoor":
    from sangdam.web.mcp import McpDoor  # the SDK takes half a second to load

    return McpDoor(parts, callers, calls)


def server_config(site: Site, *, host: str, port: int, **more: Any) -> Config:
    """How uvicorn has to run the site: our wire, no compression (36 KiB a socket), forwarded addresses judged by ourselves.

    `more` are further settings of uvicorn's, or other values for these; another `ws` than ours leaves the socket door shut.
    """
    ours: dict[str, Any] = {
        "ws": Wire,
        "ws_max_size": LARGEST_FRAME,
        "ws_ping_interval": None,
        "ws_ping_timeout": None,
        "ws_per_message_deflate": False,
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "timeout_graceful_shutdown": 5,
        "lifespan": "on",
    }
    return Config(site, host=host, port=port, **(ours | more))
