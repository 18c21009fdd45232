"""What the chat window calls: a ticket, and the way to talk where no socket gets through (interfaces.md §2.5).

Cross-origin answers are given to the widget's own origins only; nothing here reads a cookie.
"""

import uuid
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sangdam.conversations.model import Channel, Message, NewSession, Session
from sangdam.core.clock import kst
from sangdam.core.errors import Kind, SangdamError
from sangdam.web import protocol
from sangdam.web.callers import Callers, bearer_of
from sangdam.web.chat import Chat, spoken
from sangdam.web.errors import answers
from sangdam.web.parts import Parts
from sangdam.web.rates import SlidingWindow
from sangdam.web.socket import PAGE, is_own_origin
from sangdam.web.tickets import Ticket, Tickets
from sangdam.web.waiting import Waits
from sangdam.web.widgets import Widget, Widgets, origin_of

_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type, traceparent",
    "access-control-max-age": "600",
    "vary": "origin",
}


class TicketRequest(BaseModel):
    public_key: str = Field(min_length=1, max_length=80)
    page_url: str = Field(min_length=1, max_length=2048)
    visitor_id: str | None = Field(default=None, max_length=128)
    resume_token: str | None = Field(default=None, max_length=128)
    language: str | None = Field(default=None, max_length=16)


class WidgetConfig(BaseModel):
    title: str
    theme: dict[str, JsonValue]
    language: str
    greeting: str
    disclosure: str
    privacy_url: str


class TicketAnswer(BaseModel):
    ticket: str
    ticket_expires_at: str
    session_id: uuid.UUID
    session_code: str
    resume_token: str
    ws_url: str
    last_seq: int
    epoch: int
    config: WidgetConfig


class WidgetMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")

    client_id: str = Field(min_length=8, max_length=64)
    text: str | None = None
    action: dict[str, JsonValue] | None = None
    label: str | None = Field(default=None, max_length=protocol.LABEL_CHARACTERS)


class WidgetAck(BaseModel):
    client_id: str
    seq: int
    duplicate: bool


class WidgetMessages(BaseModel):
    """`items` are the socket's frames."""

    items: list[dict[str, JsonValue]]
    last_seq: int
    epoch: int
    speaker: Literal["bot", "operator", "nobody"]
    status: str


class Tables:
    """Opens conversations for shoppers and finds them again."""

    def __init__(self, parts: Parts, widgets: Widgets, tickets: Tickets, callers: Callers) -> None:
        self._parts = parts
        self._widgets = widgets
        self._tickets = tickets
        self._callers = callers
        self._limit = SlidingWindow[str](parts.limits.tickets_per_min_ip, 60.0)
        self._own = origin_of(parts.public_base_url)

    async def seat(self, request: Request, asked: TicketRequest) -> TicketAnswer:
        """Raises NOT_FOUND (`WIDGET_NOT_FOUND`), FORBIDDEN (`ORIGIN_NOT_ALLOWED`, `PATH_NOT_ALLOWED`), RATE_LIMIT."""
        self._within_limit(request)
        widget = await self._widgets.find(asked.public_key)
        if widget is None:
            raise SangdamError(Kind.NOT_FOUND, "no active widget has this key", code="WIDGET_NOT_FOUND")
        self.admit(request, widget)
        self._admit_page(widget, asked.page_url, request)
        name = await self._parts.shop_name(widget.org)
        session = await self._resumed(widget, asked.resume_token) or await self._opened(request, widget, asked, name)
        resume = await self._parts.sessions.issue_resume(widget.org, session.id)
        ticket, expires_at = self._tickets.issue(
            session=session.id, org=widget.org, widget=widget.id, epoch=session.epoch
        )
        return TicketAnswer(
            ticket=ticket,
            ticket_expires_at=kst(expires_at).isoformat(timespec="seconds"),
            session_id=session.id,
            session_code=session.code,
            resume_token=resume,
            ws_url=self._parts.call_ws_url,
            last_seq=session.last_seq,
            epoch=session.epoch,
            config=WidgetConfig(
                title=name,
                theme=dict(widget.theme),
                language=session.language,
                greeting="",  # the conversation's first message greets
                disclosure=_DISCLOSURE[session.language == "ko"],
                privacy_url=f"{self._parts.public_base_url}/privacy",
            ),
        )

    async def seated(self, request: Request) -> tuple[Ticket, Widget]:
        """Whom the bearer ticket of this request names. Raises UNAUTHORIZED, FORBIDDEN."""
        ticket = self._tickets.read(bearer_of(request))
        if ticket is None:
            raise SangdamError(Kind.UNAUTHORIZED, "the ticket is not valid or has ended")
        widget = await self._widgets.read(ticket.org, ticket.widget)
        if widget is None:
            raise SangdamError(Kind.FORBIDDEN, "the widget is not active", code="ORIGIN_NOT_ALLOWED")
        self.admit(request, widget, missing=True)
        return ticket, widget

    def admit(self, request: Request, widget: Widget, *, missing: bool = False) -> None:
        """Raises FORBIDDEN. Browsers leave `Origin` out of same-origin reads: `missing` lets those pass, the ticket names the caller."""
        given = request.headers.get("origin")
        if given is None and missing:
            return
        origin = origin_of(given or "")
        if origin is not None and is_own_origin(
            origin, request.headers.get("host", ""), own=self._own, prod=self._parts.profile == "prod"
        ):
            return
        if origin is None or origin not in widget.origins:
            raise SangdamError(Kind.FORBIDDEN, "this origin may not use the widget", code="ORIGIN_NOT_ALLOWED")
        request.state.cors = given

    def _admit_page(self, widget: Widget, page_url: str, request: Request) -> None:
        origin = origin_of(page_url)
        if origin is not None and origin in widget.origins:
            if not widget.admits_path(urlsplit(page_url).path):
                raise SangdamError(Kind.FORBIDDEN, "the widget is not for this page", code="PATH_NOT_ALLOWED")
            return
        host = request.headers.get("host", "")
        if origin is None or not is_own_origin(origin, host, own=self._own, prod=self._parts.profile == "prod"):
            raise SangdamError(Kind.FORBIDDEN, "the page is of another origin", code="ORIGIN_NOT_ALLOWED")

    def _within_limit(self, request: Request) -> None:
        address = self._callers.limited_address(request)
        wait = self._limit.hit(address, self._parts.clock.monotonic()) if address is not None else None
        if wait is not None:
            raise SangdamError(Kind.RATE_LIMIT, "too many tickets for this address", retry_after=wait)

    async def _resumed(self, widget: Widget, token: str | None) -> Session | None:
        found = await self._parts.sessions.resume(token) if token else None
        return found if found is not None and found.org == widget.org else None

    async def _opened(self, request: Request, widget: Widget, asked: TicketRequest, name: str) -> Session:
        async with self._parts.db.org(widget.org) as tx:
            agent = await self._parts.agents.active(tx, widget.org, widget.agent)
        language = asked.language if asked.language in ("ko", "en") else widget.language
        path = urlsplit(asked.page_url).path
        channel: Channel = "call" if path.startswith("/call/") else "widget"
        hasher = self._parts.hasher
        new = NewSession(
            agent.id,
            agent.version,
            channel,
            language,
            widget=widget.id,
            visitor_hash=hasher.hash("visitor", widget.org, asked.visitor_id) if asked.visitor_id else None,
            origin=origin_of(asked.page_url),
            ip_hash=hasher.hash("ip", widget.org, str(self._callers.address(request))),
        )
        text, payload = self._parts.opening(language, name, self._parts.retention_days)
        return await self._parts.sessions.open(widget.org, new, opening=text, payload=payload)


_DISCLOSURE = {
    True: "AI가 답변해 드려요. 언제든 상담원을 부를 수 있어요.",
    False: "An AI assistant answers. You can ask for a person at any time.",
}


def widget_routes(parts: Parts, tables: Tables, chat: Chat, waits: Waits) -> APIRouter:
    router = APIRouter(tags=["widget"])

    @router.post("/api/widget/ticket", response_model=TicketAnswer, responses=answers(403, 404, 413, 415, 429))
    async def ticket(asked: TicketRequest, request: Request) -> TicketAnswer:  # pyright: ignore[reportUnusedFunction]
        return await tables.seat(request, asked)

    @router.post("/api/widget/messages", response_model=WidgetAck, responses=answers(401, 403, 404, 409, 413, 415, 429))
    async def say(said: WidgetMessage, request: Request) -> WidgetAck:  # pyright: ignore[reportUnusedFunction]
        held, _ = await tables.seated(request)
        message = spoken({"client_id": said.client_id, "text": said.text, "action": said.action, "label": said.label})
        accepted = await chat.accept(held.org, held.session, message)
        return WidgetAck(client_id=said.client_id, seq=accepted.seq, duplicate=accepted.duplicate)

    @router.get("/api/widget/messages", response_model=WidgetMessages, responses=answers(401, 403, 404))
    async def read(  # pyright: ignore[reportUnusedFunction]
        request: Request, after: Annotated[int, Query(ge=0, le=2**53)] = 0, wait: Annotated[int, Query(ge=0, le=25)] = 0
    ) -> Any:
        held, _ = await tables.seated(request)

        async def look() -> list[Message] | None:
            return await parts.sessions.messages_after(held.org, held.session, after, limit=PAGE) or None

        page = await waits.until(held.org, held.session, after, look, seconds=wait) or []
        session = await chat.session(held.org, held.session)
        return {
            "items": [protocol.shown(message, session.id) for message in page],
            "last_seq": session.last_seq,
            "epoch": session.epoch,
            "speaker": session.speaker,
            "status": session.status,
        }

    @router.options("/api/widget/{rest:path}", include_in_schema=False)
    async def preflight(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        # Which widget is meant is not said yet: the request itself is judged, this only lets it be asked.
        origin = origin_of(request.headers.get("origin", ""))
        if origin is None:
            return Response(status_code=204, headers={"vary": "origin"})
        return Response(
            status_code=204, headers={**_PREFLIGHT, "access-control-allow-origin": request.headers["origin"]}
        )

    return router
