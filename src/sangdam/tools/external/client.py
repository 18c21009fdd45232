"""One conversation with a foreign server over MCP: its tools listed, or one of them called. A failure is a value.

A conversation is opened for each use and closed after it: nothing is kept between organisations, and a server that wants to ask, log
or push something finds nobody listening. Imported when first needed; the SDK is heavy.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import httpx2
from mcp import types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

from sangdam.core.errors import SangdamError
from sangdam.tools.external.address import Endpoint, Unfit
from sangdam.tools.external.listed import (
    LARGEST_ANSWER,
    MOST_TOOLS,
    ExternalAnswer,
    Listing,
    answer_of,
    read_listing,
)
from sangdam.tools.external.wire import Cause, PinnedNetwork, PinnedTransport, Resolve, Wire

MOST_BYTES = 2 * LARGEST_ANSWER
"""Of all answers in a conversation about one call: an answer in two forms, and the handshake."""
MOST_LISTING_BYTES = 2 * 1024 * 1024
MOST_PAGES = 20
LEGACY = "legacy"
"""Instead of a revision, for servers that open with a handshake."""

_REJECTED = frozenset({types.INVALID_PARAMS, types.METHOD_NOT_FOUND})
_CUT = frozenset({types.CONNECTION_CLOSED, types.REQUEST_TIMEOUT})
_LOGGERS = ("mcp.client.streamable_http", "mcp.shared.jsonrpc_dispatcher", "mcp.shared.dispatcher", "client")
_foreign: ContextVar[bool] = ContextVar("foreign", default=False)

_ANSWER: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Place:
    """Where a server is and what it is told about who comes: nothing but its own secret."""

    endpoint: Endpoint
    secret: str | None
    protocol: str | None
    """A revision, LEGACY, or None where it is asked."""

    def __repr__(self) -> str:
        return f"Place({self.endpoint.host})"


@dataclass(frozen=True)
class Trouble:
    """A conversation that did not come to its end."""

    cause: Cause
    status: int | None
    """HTTP status, where there was one."""


@dataclass(frozen=True)
class Listed:
    listing: Listing
    protocol: str


@dataclass(frozen=True)
class Refused:
    """The tool itself says that it did not do it. Its words are not taken."""


class Visits:
    def __init__(self, resolve: Resolve, tls: ssl.SSLContext, *, build: str) -> None:
        self._resolve = resolve
        self._tls = tls
        self._who = types.Implementation(name="sangdam", version=build)
        _hush()

    async def tools(self, place: Place, *, seconds: float) -> Listed | Unfit | Trouble:
        async def work(client: Client) -> Listed | Unfit:
            return await _listed(client)

        return await self._visit(place, Wire(MOST_LISTING_BYTES), work, seconds)

    async def call(
        self,
        place: Place,
        wire: Wire,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        source: str,
        seconds: float,
        look_first: Callable[[Listed | Unfit], Awaitable[bool]] | None = None,
    ) -> ExternalAnswer | Refused | Trouble:
        """`look_first`: the tools are listed first, and it says whether the call is still to be made."""

        async def work(client: Client) -> ExternalAnswer | Refused | Trouble:
            if look_first is not None and not await look_first(await _listed(client)):
                return Trouble("changed", None)
            wire.bytes_left = min(wire.bytes_left, MOST_BYTES)
            wire.calling = True
            params = types.CallToolRequestParams(name=tool, arguments=dict(arguments))
            answer = await client.session.send_request(types.CallToolRequest(params=params), _ANSWER)
            if isinstance(answer, types.InputRequiredResult):
                return Trouble("asks_back", wire.status)
            if answer.is_error:
                return Refused()
            texts = [block.text for block in answer.content if isinstance(block, types.TextContent)]
            return answer_of(source, answer.structured_content, texts, left_out=len(answer.content) - len(texts))

        return await self._visit(place, wire, work, seconds)

    async def _visit(
        self, place: Place, wire: Wire, work: Callable[[Client], Awaitable[_T]], seconds: float
    ) -> _T | Trouble:
        got: list[_T] = []
        token = _foreign.set(True)
        try:
            async with asyncio.timeout(seconds), self._http(place, wire, seconds) as http:
                way = streamable_http_client(
                    place.endpoint.url, http_client=http, max_sse_event_size=MOST_LISTING_BYTES
                )
                async with Client(way, mode=place.protocol or "auto", client_info=self._who, cache=None) as client:
                    got.append(await work(client))
        except TimeoutError:
            wire.broke("timeout")
        except Exception as error:  # noqa: BLE001 - whatever a stranger's server makes the library raise, it is that server's failure
            if (ours := next((leaf for leaf in _leaves(error) if isinstance(leaf, SangdamError)), None)) is not None:
                raise ours from None
            wire.cause = wire.cause or _cause(error, wire)
        finally:
            _foreign.reset(token)
        # What was answered counts, even if taking leave went wrong.
        return got[0] if got else Trouble(wire.cause or "malformed", wire.status)

    def _http(self, place: Place, wire: Wire, seconds: float) -> httpx2.AsyncClient:
        headers = {"accept-encoding": "identity", "user-agent": f"sangdam/{self._who.version}"}
        if place.secret is not None:
            headers["authorization"] = f"Bearer {place.secret}"
        transport = PinnedTransport(PinnedNetwork(place.endpoint, wire, self._resolve), wire, self._tls)
        return httpx2.AsyncClient(
            transport=transport, headers=headers, timeout=seconds, follow_redirects=False, trust_env=False
        )


async def _listed(client: Client) -> Listed | Unfit:
    tools: list[Mapping[str, Any]] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        tools += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None or len(tools) > MOST_TOOLS:
            break
    else:
        return Unfit(f"it lists its tools on more than {MOST_PAGES} pages")
    # Checking a hundred schemas takes long enough to let others go first.
    listing = await asyncio.to_thread(read_listing, tools)
    version = client.protocol_version
    return listing if isinstance(listing, Unfit) else Listed(listing, version if version in MODERN_PROTOCOL_VERSIONS else LEGACY)  # fmt: skip


def _cause(error: BaseException, wire: Wire) -> Cause:
    refusal = next((leaf for leaf in _leaves(error) if isinstance(leaf, MCPError)), None)
    if wire.status is not None and wire.status >= 400:
        return "status"
    if refusal is None:
        return "malformed"
    code = refusal.error.code
    if code in _REJECTED:
        return "rejected"
    if code in _CUT:
        return "cut"
    return "malformed" if code in (types.PARSE_ERROR, types.INVALID_REQUEST) else "rpc"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(inner)
    else:
        yield error


# The SDK's loggers quote what a server said; while we talk to a stranger's server they say nothing. We log what became of it.


class _Hush(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _foreign.get()


_HUSH = _Hush()


def _hush() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_HUSH)
