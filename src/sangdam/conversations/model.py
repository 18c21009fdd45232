"""Conversations as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sangdam.core.ids import AgentId, OrgId, SessionId, TurnId

Channel = Literal["widget", "call", "api", "lab", "mcp"]
Sender = Literal["shopper", "bot", "operator", "system"]

TEXT_LIMIT = 2000
"""Characters of one message."""


@dataclass(frozen=True)
class Session:
    id: SessionId
    org: OrgId
    code: str
    channel: str
    language: str
    status: str
    speaker: str
    epoch: int
    last_seq: int
    state_rev: int
    started_at: datetime


@dataclass(frozen=True)
class Message:
    """One thing said. `text` is the original or its mask, by who reads it."""

    seq: int
    sender: Sender
    kind: str
    text: str
    payload: Mapping[str, Any]
    client_id: str | None
    turn: TurnId | None
    created_at: datetime


@dataclass(frozen=True)
class NewSession:
    """Who begins to talk, and where."""

    agent: AgentId
    agent_version: int
    channel: Channel
    language: str = "ko"
    widget: Any = None
    visitor_hash: str | None = None
    origin: str | None = None
    ip_hash: str | None = None
    previous: SessionId | None = None


@dataclass(frozen=True)
class Accepted:
    """The message is stored; `duplicate` when it had been before."""

    seq: int
    duplicate: bool


@dataclass(frozen=True)
class Refused:
    reason: Literal["closed", "unknown"]
