"""The way in: who comes, how much at a time, and then the SDK's transport. Each request stands alone; nothing is kept between two.

Answers are JSON: no tool reports progress, and a stream that says nothing until its end holds a connection for nothing.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse
from starlette.routing import Route

from sangdam.core.errors import Kind, SangdamError
from sangdam.orgs import Scope
from sangdam.web.callers import Callers
from sangdam.web.errors import FACES, answers, envelope
from sangdam.web.http import BODY_BYTES, Receive, Send, language_of, trace_id_of
from sangdam.web.http import Scope as AsgiScope
from sangdam.web.mcp.answers import Answers, Visitor
from sangdam.web.parts import Parts
from sangdam.web.tool_calls import ToolCalls

PATH = "/mcp"
NO_METHOD = "METHOD_NOT_ALLOWED"
METADATA = "/.well-known/oauth-protected-resource"
SCOPES = (
    Scope.TOOLS_READ, Scope.TOOLS_WRITE, Scope.BOARDS_READ, Scope.ORDERS_STAFF, Scope.PII_READ, Scope.SESSIONS_READ,
)  # fmt: skip
"""Those that matter at this door."""
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LATER = 1.0
"""Seconds after which a token with too much under way may try again."""


class McpDoor:
    def __init__(self, parts: Parts, callers: Callers, calls: ToolCalls) -> None:
        self._callers = callers
        self._base = parts.public_base_url
        self._most = parts.limits.mcp_at_once
        self._under_way: Counter[str] = Counter()
        self._transport = StreamableHTTPSessionManager(
            Answers(parts, calls).server,
            json_response=True,
            stateless=True,
            security_settings=security(parts.public_base_url, loopback=parts.profile != "prod"),
            max_request_body_size=BODY_BYTES,
        )

    def routes(self) -> APIRouter:
        router = APIRouter(tags=["mcp"])
        router.routes.append(Route(PATH, endpoint=self))

        @router.get(METADATA, response_model=ProtectedResource, responses=answers())
        @router.get(METADATA + PATH, response_model=ProtectedResource, responses=answers())
        async def protected_resource() -> ProtectedResource:  # pyright: ignore[reportUnusedFunction]
            return ProtectedResource(resource=self._base + PATH)

        return router

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Once, while the server runs."""
        async with self._transport.run():
            yield

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        try:
            known = await self._callers.by_token(request)
            if request.method != "POST":
                raise SangdamError(
                    Kind.INVALID_BODY, "requests are posted; there is no stream to listen to", code=NO_METHOD
                )
            with self._place(known.id):
                ip = str(self._callers.address(request))
                scope["state"]["visitor"] = Visitor(known, trace_id_of(request), ip, language_of(request))
                await self._transport.handle_request(scope, receive, send)
        except SangdamError as error:
            await self._fault(request, error)(scope, receive, send)

    def _fault(self, request: Request, error: SangdamError) -> JSONResponse:
        """A JSON-RPC error, which is what clients of this wire read, with the envelope's content inside."""
        language = language_of(request)
        trusted = getattr(request.state, "trusted", False)
        status, content = envelope(error, trace_id=trace_id_of(request), trusted=trusted, language=language)
        told = content["error"]
        fault = {"code": FACES[error.kind].rpc, "message": told["message_user"], "data": told}
        headers: dict[str, str] = {}
        if error.kind is Kind.UNAUTHORIZED:
            headers["www-authenticate"] = self._challenge(request)
        if error.retry_after is not None:
            headers["retry-after"] = str(max(1, round(error.retry_after)))
        if error.code == NO_METHOD:
            status, headers["allow"] = 405, "POST"
        return JSONResponse({"jsonrpc": "2.0", "id": None, "error": fault}, status, headers)

    @contextmanager
    def _place(self, token: str) -> Iterator[None]:
        """Raises RATE_LIMIT."""
        if self._under_way[token] >= self._most:
            raise SangdamError(
                Kind.RATE_LIMIT, f"a token has at most {self._most} requests under way", retry_after=_LATER
            )
        self._under_way[token] += 1
        try:
            yield
        finally:
            self._under_way[token] -= 1
            if not self._under_way[token]:
                del self._under_way[token]

    def _challenge(self, request: Request) -> str:
        """RFC 9728 §5.1, RFC 6750 §3. The same for every credential that does not open."""
        where = f'Bearer resource_metadata="{self._base}{METADATA}{PATH}"'
        return where + ', error="invalid_token"' if request.headers.get("authorization") else where


def security(base_url: str, *, loopback: bool) -> TransportSecuritySettings:
    """This host, and pages of this origin only: a page elsewhere whose name was pointed here gets nothing."""
    host = urlsplit(base_url).netloc
    near = [name for one in _LOOPBACK for name in (one, f"{one}:*")] if loopback else []
    return TransportSecuritySettings(allowed_hosts=[host, *near], allowed_origins=[base_url])


class ProtectedResource(BaseModel):
    """RFC 9728. Tokens are made at `POST /api/tokens`: there is no authorization server to name."""

    resource: str
    resource_name: str = "Sangdam"
    scopes_supported: list[str] = Field(default_factory=lambda: [scope.value for scope in SCOPES])
    bearer_methods_supported: list[str] = Field(default_factory=lambda: ["header"])
