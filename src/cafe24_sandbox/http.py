"""One HTTP exchange of the sandbox: the request read whole, and an answer written as ASGI messages.

No framework: every route is a pure step from `Request` to `Answer`, so the same code serves any ASGI server and tests in process.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TypeAlias, cast
from urllib.parse import parse_qsl

from cafe24_sandbox.wire import Answer, Refused

Message: TypeAlias = MutableMapping[str, object]
Scope: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

MAX_BODY = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is decoded and without the mall's prefix once it is routed; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base: str
    """Scheme and host the caller used, without a trailing slash."""

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


async def read_request(scope: Scope, receive: Receive, public_url: str | None) -> Request:
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in cast(Iterable[tuple[bytes, bytes]], scope["headers"])
    }
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunk = cast(bytes, message.get("body", b""))
        size += len(chunk)
        if size > MAX_BODY:
            raise Refused(413, "Request body is too large.")
        chunks.append(chunk)
        more = bool(message.get("more_body", False))
    pairs: dict[str, str] = {}
    for name, value in parse_qsl(cast(bytes, scope["query_string"]).decode("latin-1"), keep_blank_values=True):
        # A repeated filter is one comma list.
        pairs[name] = f"{pairs[name]},{value}" if name in pairs else value
    origin = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}"
    return Request(
        str(scope["method"]), str(scope["path"]), pairs, headers, b"".join(chunks), (public_url or origin).rstrip("/")
    )


async def send_answer(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def drop_connection(scope: Scope, send: Send) -> None:
    """End the connection without an answer.

    A server closes it when an answer stays unfinished; a caller in the same process (whose scope has no `state`) gets the error itself.
    """
    if "state" not in scope:
        raise ConnectionResetError("the sandbox dropped this connection")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
