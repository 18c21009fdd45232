"""The wire to a foreign server: a connection to an address that was checked, to nothing else, for a bounded number of bytes.

The name is resolved once a connection and the connection goes to a checked address, so a name that later says something else (DNS
rebinding) leads nowhere. TLS and `Host` keep the name. No redirect, no proxy of the environment, no compressed answers.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, cast

import httpcore2
import httpx2

from sangdam.tools.external.address import Endpoint, is_public

RESOLVE_SECONDS = 2.0
CONNECT_SECONDS = 2.0
"""For one of the addresses."""
MOST_ADDRESSES = 4
RESOLVING_THREADS = 8

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name, as numbers."""
Cause = Literal[
    "address", "connect", "timeout", "cut", "redirect", "unauthorized", "status", "too_large", "encoding", "malformed", "rejected", "rpc", "asks_back", "changed",
]  # fmt: skip


class Broken(Exception):
    """The conversation cannot go on."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause: Cause = cause


@dataclass
class Wire:
    """What one conversation with a server has done so far; what went wrong first is remembered."""

    bytes_left: int
    on_leaving: Callable[[], None] = lambda: None
    """Called right before the call itself leaves."""
    calling: bool = False
    """From here on what is sent is the call."""
    left: bool = False
    """Something of the call has left for the server."""
    tried: bool = False
    """A connection was tried."""
    status: int | None = None
    """Of the last answer that was not an acknowledgement."""
    cause: Cause | None = None

    def broke(self, cause: Cause) -> Broken:
        self.cause = self.cause or cause
        return Broken(cause)

    def received(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise self.broke("too_large")

    def leaving(self) -> None:
        if self.calling and not self.left:
            self.left = True
            self.on_leaving()


class SystemResolver:
    """The system's own resolver on threads of its own, so that a slow name server keeps nobody else waiting."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVING_THREADS, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host, port)
        return tuple(dict.fromkeys(found))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int) -> list[str]:
    return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class PinnedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to the checked addresses of one endpoint."""

    def __init__(
        self, endpoint: Endpoint, wire: Wire, resolve: Resolve, connect: httpcore2.AsyncNetworkBackend | None = None
    ) -> None:
        self._endpoint = endpoint
        self._wire = wire
        self._resolve = resolve
        self._connect = connect or cast("httpcore2.AsyncNetworkBackend", cast("Any", httpcore2).AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if (host.strip("[]").lower(), port) != (self._endpoint.host, self._endpoint.port):
            raise self._wire.broke("address")
        addresses = await self._checked()
        self._wire.tried = True
        for address in addresses[:MOST_ADDRESSES]:
            try:
                stream = await self._connect.connect_tcp(
                    address, port, timeout=min(timeout or CONNECT_SECONDS, CONNECT_SECONDS)
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
            return CountedStream(stream, self._wire)
        raise self._wire.broke("connect")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        raise self._wire.broke("address")

    async def _checked(self) -> Sequence[str]:
        """All of them are public, or none is used: a mixed answer is an attack."""
        endpoint = self._endpoint
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                addresses = await self._resolve(endpoint.host, endpoint.port)
        except (OSError, UnicodeError, TimeoutError):
            raise self._wire.broke("connect") from None
        if not addresses or not (endpoint.vouched or all(is_public(address) for address in addresses)):
            raise self._wire.broke("address")
        return addresses


class CountedStream(httpcore2.AsyncNetworkStream):
    """A connection whose bytes are counted, and which knows when something left. After TLS it counts what is inside."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, wire: Wire) -> None:
        self._stream = stream
        self._wire = wire

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received = await self._stream.read(max_bytes, timeout)
        self._wire.received(len(received))
        return received

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._wire.leaving()
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return CountedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._wire)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class PinnedTransport(httpx2.AsyncBaseTransport):
    """The one way an HTTP request goes to a foreign server."""

    def __init__(self, network: PinnedNetwork, wire: Wire, tls: ssl.SSLContext) -> None:
        self._wire = wire
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls, max_connections=4, max_keepalive_connections=4, keepalive_expiry=5.0, http1=True, http2=False, network_backend=network,
        )  # fmt: skip

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        wire = self._wire
        if request.method not in ("POST", "DELETE"):
            return httpx2.Response(405)  # no stream is listened to: what a server wants to say unasked is not heard
        try:
            answer = await self._pool.handle_async_request(
                httpcore2.Request(
                    request.method,
                    httpcore2.URL(scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path),
                    headers=request.headers.raw,
                    content=cast("Any", request.stream),
                    extensions=request.extensions,
                )
            )  # fmt: skip
        except httpcore2.TimeoutException:
            raise wire.broke("timeout") from None
        except (httpcore2.ConnectError, httpcore2.UnsupportedProtocol):
            raise wire.broke("connect") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError):
            raise wire.broke("cut") from None
        body = _Body(answer, wire)
        response = httpx2.Response(answer.status, headers=answer.headers, stream=body)
        if request.method == "POST" and answer.status != 202:
            wire.status = answer.status
        cause: Cause | None = (
            "redirect" if 300 <= answer.status < 400
            else "unauthorized" if answer.status in (401, 403)
            else "encoding" if response.headers.get("content-encoding", "identity").strip().lower() != "identity"
            else None
        )  # fmt: skip
        if cause is not None:
            await body.aclose()
            raise wire.broke(cause)
        return response

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: httpcore2.Response, wire: Wire) -> None:
        self._answer = answer
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._answer.aiter_stream():
                yield part
        except httpcore2.TimeoutException:
            raise self._wire.broke("timeout") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError):
            raise self._wire.broke("cut") from None

    async def aclose(self) -> None:
        await self._answer.aclose()
