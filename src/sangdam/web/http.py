"""What every HTTP answer has in common: trace id, body limit, media type, security headers, and the envelope of what went wrong.

Plain ASGI around the routes; sockets pass through untouched.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import new_trace_id
from sangdam.core.logs import bound
from sangdam.web.errors import FACES, OTHER_STATUS, body, envelope

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES = 256 * 1024
ARTICLE_BYTES = 1024 * 1024
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class Frame:
    """The frame around every HTTP request."""

    def __init__(self, app: App, *, secure: bool) -> None:
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        trace_id = trace_of(headers.get(b"traceparent"))
        scope.setdefault("state", {})["trace_id"] = trace_id
        begun = False

        async def framed(event: Event) -> None:
            nonlocal begun
            if event["type"] == "http.response.start":
                begun = True
                self._add_headers(event, trace_id, cors=scope["state"].get("cors"))
            await send(event)

        with bound(trace=trace_id):
            try:
                given = await _whole_body(scope, headers, receive)
                await self._app(scope, given, framed)
            except SangdamError as error:
                if begun:
                    raise
                await _refuse(error, trace_id, scope, framed)
            except Exception:
                log.exception("request_broke", method=scope["method"], route=getattr(scope.get("route"), "path", None))
                if begun:
                    raise
                await _refuse(SangdamError(Kind.INTERNAL, "see the log by this trace id"), trace_id, scope, framed)

    def _add_headers(self, event: Event, trace_id: str, *, cors: str | None) -> None:
        """`cors`: the origin a widget route has found to be its widget's own."""
        raw: list[tuple[bytes, bytes]] = list(event.get("headers", []))
        have = {name.lower() for name, _ in raw}
        wanted = {
            b"x-trace-id": trace_id.encode(),
            b"x-content-type-options": b"nosniff",
            b"referrer-policy": b"no-referrer",
            b"content-security-policy": _NOTHING.encode(),
            b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
            b"cache-control": b"no-store",
        }
        if cors is not None:
            wanted |= {
                b"access-control-allow-origin": cors.encode("latin-1"),
                b"vary": b"origin",
                b"access-control-expose-headers": b"x-trace-id",
            }
        if self._secure:
            wanted[b"strict-transport-security"] = b"max-age=31536000; includeSubDomains"
        event["headers"] = [*raw, *((name, value) for name, value in wanted.items() if name not in have)]


def trace_of(traceparent: bytes | None) -> str:
    """The caller's W3C trace id, or a new one."""
    found = _TRACEPARENT.fullmatch(traceparent.decode("latin-1")) if traceparent else None
    return found[1] if found else new_trace_id()


def trace_id_of(request: Request) -> str:
    return str(request.state.trace_id)


def language_of(request: Request) -> str:
    """Of messages for people: English only for whom asks for it first."""
    return "en" if request.headers.get("accept-language", "").strip().lower().startswith("en") else "ko"


async def refused(request: Request, error: Exception) -> JSONResponse:
    """An expected failure as its envelope."""
    known = error if isinstance(error, SangdamError) else SangdamError(Kind.INTERNAL, type(error).__name__)
    if known.kind is Kind.INTERNAL:
        log.error("request_failed", code=known.code, ops=known.ops)
    trusted = getattr(request.state, "trusted", False)
    status, content = envelope(known, trace_id=trace_id_of(request), trusted=trusted, language=language_of(request))
    return _json(status, content, known.retry_after)


async def misread(request: Request, error: Exception) -> JSONResponse:
    """A request that does not have the documented shape. What was sent is never repeated."""
    problems: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    in_body = any(problem["loc"][:1] == ("body",) for problem in problems)
    fields = tuple(dict.fromkeys(".".join(str(part) for part in problem["loc"][1:])[:100] for problem in problems))
    ops = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['type']}"[:200] for problem in problems[:10])
    kind = Kind.INVALID_BODY if in_body else Kind.INVALID_PARAMS
    return await refused(request, SangdamError(kind, ops, fields=tuple(field for field in fields if field)))


async def unrouted(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses by itself: no such path, wrong method, unreadable body."""
    if not isinstance(error, HTTPException):
        return await refused(request, error)
    code, kind = OTHER_STATUS.get(
        error.status_code, (None, Kind.INVALID_BODY if error.status_code < 500 else Kind.INTERNAL)
    )
    face = FACES[kind]
    said = face.ko if language_of(request) == "ko" else face.en
    status = error.status_code if code is not None else face.http
    answer = _json(status, body(code or kind.value, said, trace_id=trace_id_of(request)), None)
    allow = (error.headers or {}).get("Allow")
    if allow:
        answer.headers["Allow"] = allow
    return answer


def _json(status: int, content: dict[str, Any], retry_after: float | None) -> JSONResponse:
    headers = {"retry-after": str(max(1, round(retry_after)))} if retry_after is not None else None
    return JSONResponse(content, status, headers)


async def _whole_body(scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Receive:
    """Bodies are small: one is read whole, up to its limit, before anybody works on it. Raises TOO_LARGE, INVALID_BODY."""
    if scope["method"] in ("GET", "HEAD", "OPTIONS", "DELETE"):
        return receive
    limit = ARTICLE_BYTES if scope["path"].startswith("/api/kb/") else BODY_BYTES
    if int(headers.get(b"content-length", b"0") or b"0") > limit:
        raise SangdamError(Kind.TOO_LARGE, f"a body has at most {limit} bytes")
    chunks: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return _replay(b"".join(chunks), receive)
        chunk: bytes = event.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise SangdamError(Kind.TOO_LARGE, f"a body has at most {limit} bytes")
        chunks.append(chunk)
        if not event.get("more_body", False):
            break
    media = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if size and scope["path"].startswith("/api/") and media != b"application/json":
        raise SangdamError(Kind.INVALID_BODY, "the body is application/json", code="UNSUPPORTED_MEDIA_TYPE")
    return _replay(b"".join(chunks), receive)


def _replay(content: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Event:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return replay


async def _refuse(error: SangdamError, trace_id: str, scope: Scope, send: Send) -> None:
    """Outside the routes nobody is known: the envelope of a stranger."""
    status, content = envelope(error, trace_id=trace_id, trusted=False)
    if error.code == "UNSUPPORTED_MEDIA_TYPE":
        status = 415
    await _json(status, content, error.retry_after)(scope, _no_more, send)


async def _no_more() -> Event:
    return {"type": "http.disconnect"}
