"""A conversation over plain HTTP: `/api/runtime/chat` for members and tokens, and reading what was said.

The same `client_id` gets the same answer, also when the request named no conversation and the first one's answer was lost.
"""

import asyncio
import uuid
from datetime import timedelta
from typing import Annotated, Any, Literal, assert_never

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sangdam.conversations.model import TEXT_LIMIT, Accepted, Message, NewSession, Refused, Session
from sangdam.core.clock import kst
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import AgentId, OrgId, SessionId, TurnId
from sangdam.orgs import Permission, Scope
from sangdam.web import protocol, store
from sangdam.web.callers import ByMember, Callers, Known
from sangdam.web.errors import answers
from sangdam.web.http import trace_id_of
from sangdam.web.parts import Parts
from sangdam.web.protocol import Bad, UserMessage
from sangdam.web.rates import Rates
from sangdam.web.waiting import LONGEST_SECONDS, Waits

CHANNELS = ("api", "lab")
"""Conversations of these channels only are spoken in through this door: a shopper's own words come from the shopper's window."""
FOUND_AGAIN = timedelta(hours=24)
MESSAGES = 100

ClientId = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[\x21-\x7e]{8,64}$")]
Seq = Annotated[int, Query(ge=0, le=2**53)]


class ChatRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    session_id: uuid.UUID | None = None
    agent_id: uuid.UUID | None = Field(default=None, description="A version or a family of the organisation's agents.")
    message: str | None = Field(default=None, max_length=TEXT_LIMIT)
    action: dict[str, JsonValue] | None = Field(default=None, description="A pressed button, as a reply offered it.")
    label: str | None = Field(default=None, max_length=protocol.LABEL_CHARACTERS)
    client_id: ClientId
    language: Literal["ko", "en"] | None = None
    channel: Literal["api", "lab"] = "api"


class ChatAnswer(BaseModel):
    session_id: uuid.UUID
    session_code: str
    turn_id: uuid.UUID | None
    state_rev: int
    step: Literal["ask", "confirm", "final", "handoff"]
    message: str
    reply: dict[str, JsonValue]
    mcp_actions: list[dict[str, JsonValue]]
    kb_references: list[dict[str, JsonValue]]
    seq: int
    trace_id: str


class ChatPending(BaseModel):
    """The answer is still being worked on: read the conversation's messages after `seq`."""

    session_id: uuid.UUID
    turn_id: uuid.UUID | None
    seq: int


class SessionView(BaseModel):
    id: uuid.UUID
    session_code: str
    channel: str
    language: str
    status: str
    speaker: str
    epoch: int
    last_seq: int
    state_rev: int
    started_at: str


class MessageView(BaseModel):
    """One thing said, masked."""

    seq: int
    role: Literal["shopper", "bot", "operator", "system"]
    kind: str
    text: str
    client_id: str | None
    turn_id: uuid.UUID | None
    created_at: str
    payload: dict[str, JsonValue]


class MessagesView(BaseModel):
    items: list[MessageView]
    last_seq: int
    status: str
    speaker: str
    epoch: int


class Chat:
    def __init__(self, parts: Parts, waits: Waits, limit: Rates[SessionId]) -> None:
        self._parts = parts
        self._waits = waits
        self._limit = limit
        self._opening: dict[str, asyncio.Lock] = {}

    async def ask(self, caller: Known, asked: ChatRequest) -> ChatAnswer | ChatPending:
        """Raises NOT_FOUND for an unknown or foreign conversation or agent, CONFLICT for a closed one, RATE_LIMIT."""
        said = spoken(
            {"client_id": asked.client_id, "text": asked.message, "action": asked.action, "label": asked.label}
        )
        session = await self._session(caller, asked)
        accepted = await self.accept(caller.org, session.id, said)
        if session.speaker != "bot":
            return ChatPending(session_id=session.id, turn_id=None, seq=accepted.seq)

        async def look() -> Message | None:
            page = await self._parts.sessions.messages_after(caller.org, session.id, accepted.seq, limit=20)
            return next((message for message in page if message.sender == "bot"), None)

        reply = await self._waits.until(
            caller.org, session.id, accepted.seq, look, seconds=LONGEST_SECONDS, answer=True
        )
        if reply is None:
            return ChatPending(session_id=session.id, turn_id=None, seq=accepted.seq)
        return await self._answer(caller.org, session, reply)

    async def accept(self, org: OrgId, session: SessionId, said: UserMessage) -> Accepted:
        """Stored, or an error says why not. Raises RATE_LIMIT, CONFLICT (`CONVERSATION_CLOSED`), NOT_FOUND, UNAVAILABLE."""
        wait = self._limit.hit(session, self._parts.clock.monotonic())
        if wait is not None:
            raise SangdamError(Kind.RATE_LIMIT, "too many messages in this conversation", retry_after=wait)
        answer = await self._parts.inbox.accept(
            org, session, client_id=said.client_id, text=said.text, action=said.action, label=said.label
        )
        match answer:
            case Accepted():
                return answer
            case Refused(reason):
                if reason == "closed":
                    raise SangdamError(Kind.CONFLICT, "the conversation is closed", code="CONVERSATION_CLOSED")
                raise SangdamError(Kind.NOT_FOUND, "no such conversation")
            case _:
                assert_never(answer)

    async def session(self, org: OrgId, session: uuid.UUID) -> Session:
        """Raises NOT_FOUND, for another org's conversation too."""
        found = await self._parts.sessions.get(org, SessionId(session))
        if found is None:
            raise SangdamError(Kind.NOT_FOUND, "no such conversation")
        return found

    async def messages(self, org: OrgId, session: uuid.UUID, *, after: int, wait: int, limit: int) -> MessagesView:
        """Masked, as members and tokens read them."""
        known = await self.session(org, session)

        async def look() -> list[Message] | None:
            page = await self._parts.sessions.messages_after(org, known.id, after, limit=limit, for_shopper=False)
            return page or None

        page = await self._waits.until(org, known.id, after, look, seconds=wait) or []
        now = await self.session(org, session) if page else known
        items = [message_view(message) for message in page]
        return MessagesView(items=items, last_seq=now.last_seq, status=now.status, speaker=now.speaker, epoch=now.epoch)

    async def _session(self, caller: Known, asked: ChatRequest) -> Session:
        if asked.session_id is not None:
            found = await self.session(caller.org, asked.session_id)
            if found.channel not in CHANNELS:
                raise SangdamError(Kind.NOT_FOUND, "a conversation of another channel")
            return found
        request = self._parts.hasher.hash("chat_request", caller.org, f"{caller.id}|{asked.client_id}")
        lock = self._opening.setdefault(request, asyncio.Lock())
        try:
            async with lock:
                return await self._begun(caller.org, request) or await self._begin(caller.org, asked, request)
        finally:
            if not lock.locked():
                self._opening.pop(request, None)

    async def _begun(self, org: OrgId, request: str) -> Session | None:
        async with self._parts.db.org(org) as tx:
            found = await store.session_begun_by(org, tx, request, since=self._parts.clock.now() - FOUND_AGAIN)
        return await self._parts.sessions.get(org, found) if found is not None else None

    async def _begin(self, org: OrgId, asked: ChatRequest, request: str) -> Session:
        async with self._parts.db.org(org) as tx:
            if asked.agent_id is None:
                agent = await self._parts.agents.active(tx, org)
            else:
                try:
                    agent = await self._parts.agents.get(tx, org, AgentId(asked.agent_id))
                except SangdamError as error:
                    if error.kind is not Kind.NOT_FOUND:
                        raise
                    agent = await self._parts.agents.active(tx, org, AgentId(asked.agent_id))
        language = asked.language or agent.language
        text, payload = self._parts.opening(language, await self._parts.shop_name(org), self._parts.retention_days)
        new = NewSession(agent.id, agent.version, asked.channel, language, visitor_hash=request)
        return await self._parts.sessions.open(org, new, opening=text, payload=payload)

    async def _answer(self, org: OrgId, session: Session, reply: Message) -> ChatAnswer:
        async with self._parts.db.org(org) as tx:
            turn = await store.turn_row(org, tx, TurnId(reply.turn)) if reply.turn is not None else None
        payload = dict(reply.payload)
        step = payload.get("step")
        shape: dict[str, Any] = {
            "seq": reply.seq,
            "turn_id": str(reply.turn) if reply.turn else None,
            "text": reply.text,
            "kind": reply.kind,
        }
        return ChatAnswer(
            session_id=session.id,
            session_code=session.code,
            turn_id=reply.turn,
            state_rev=turn["state_rev"] if turn is not None else session.state_rev,
            step=step if step in ("ask", "confirm", "final", "handoff") else "final",
            message=reply.text,
            reply={**shape, **{name: value for name, value in payload.items() if name not in ("step", "mcp_actions")}},
            mcp_actions=payload.get("mcp_actions", []),
            kb_references=turn["kb_references"] if turn is not None else [],
            seq=reply.seq,
            trace_id=turn["trace_id"] if turn is not None else "",
        )


def spoken(fields: dict[str, object]) -> UserMessage:
    """A message out of a request body. Raises INVALID_BODY."""
    read = protocol.user_message(fields)
    if isinstance(read, Bad):
        field = "client_id" if read.client_id is None else "action" if fields.get("action") is not None else "message"
        code = read.code if read.code in ("MISSING_TEXT", "TOO_LONG") else None
        raise SangdamError(Kind.INVALID_BODY, f"{field}: {read.code}", code=code, fields=(field,))
    return read


def message_view(message: Message) -> MessageView:
    return MessageView(
        seq=message.seq,
        role=message.sender,
        kind=message.kind,
        text=message.text,
        client_id=message.client_id,
        turn_id=message.turn,
        created_at=kst(message.created_at).isoformat(timespec="milliseconds"),
        payload=dict(message.payload),
    )


def session_view(session: Session) -> SessionView:
    return SessionView(
        id=session.id,
        session_code=session.code,
        channel=session.channel,
        language=session.language,
        status=session.status,
        speaker=session.speaker,
        epoch=session.epoch,
        last_seq=session.last_seq,
        state_rev=session.state_rev,
        started_at=kst(session.started_at).isoformat(timespec="seconds"),
    )


def chat_routes(chat: Chat, callers: Callers) -> APIRouter:
    router = APIRouter(tags=["conversations"])

    async def speaker(request: Request) -> Known:
        return await callers.known(
            request, permission=Permission.CONVERSATIONS_ACT, scopes=frozenset({Scope.CHAT_SEND})
        )

    async def reader(request: Request) -> Known:
        return await callers.known(
            request, permission=Permission.CONVERSATIONS_READ, scopes=frozenset({Scope.SESSIONS_READ, Scope.CHAT_SEND})
        )

    @router.post(
        "/api/runtime/chat",
        response_model=ChatAnswer,
        responses={202: {"model": ChatPending}, **answers(401, 403, 404, 409, 413, 415, 429)},
    )
    async def chat_turn(
        asked: ChatRequest, caller: Annotated[Known, Depends(speaker)], request: Request, response: Response
    ) -> Any:  # pyright: ignore[reportUnusedFunction]
        answer = await chat.ask(caller, asked)
        if isinstance(answer, ChatPending):
            return Response(answer.model_dump_json(), 202, media_type="application/json")
        answer.trace_id = answer.trace_id or trace_id_of(request)
        return answer

    @router.get("/api/sessions/{session_id}", response_model=SessionView, responses=answers(401, 403, 404))
    async def session(session_id: uuid.UUID, caller: Annotated[Known, Depends(reader)]) -> SessionView:  # pyright: ignore[reportUnusedFunction]
        return session_view(await chat.session(caller.org, session_id))

    @router.get("/api/sessions/{session_id}/messages", response_model=MessagesView, responses=answers(401, 403, 404))
    async def messages(  # pyright: ignore[reportUnusedFunction]
        session_id: uuid.UUID,
        caller: Annotated[Known, Depends(reader)],
        after: Seq = 0,
        wait: Annotated[int, Query(ge=0, le=25)] = 0,
        limit: Annotated[int, Query(ge=1, le=MESSAGES)] = MESSAGES,
    ) -> MessagesView:
        return await chat.messages(caller.org, session_id, after=after, wait=wait, limit=limit)

    return router


__all__ = [
    "ByMember",
    "Chat",
    "ChatAnswer",
    "ChatPending",
    "ChatRequest",
    "chat_routes",
    "message_view",
    "session_view",
    "spoken",
]
