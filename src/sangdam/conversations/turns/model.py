"""A turn as values: what is loaded when it begins and what is stored when it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sangdam.core.ids import AgentId, CallId, OrgId, SessionId, TurnId


@dataclass(frozen=True)
class Heard:
    """A shopper's message that no turn has answered yet, in the shopper's own words."""

    seq: int
    text: str
    action: Mapping[str, Any] | None
    at: datetime


@dataclass(frozen=True)
class OpenTurn:
    """A turn that is being worked on, or whose holder died."""

    id: TurnId
    holder: str
    lease_until: datetime
    results: Mapping[str, Any]
    """Packed outcomes by the key of the flow step that asked for them."""
    call_ids: tuple[CallId, ...]
    trail: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Loaded:
    """A conversation under its row lock."""

    org: OrgId
    session: SessionId
    session_code: str
    agent: AgentId
    agent_version: int
    channel: str
    language: str
    status: str
    speaker: str
    client: str | None
    """The hashed address of the shopper, for limits."""
    state_rev: int
    answered_seq: int
    owed_seq: int
    memory: str | None
    """The dialogue state as the last turn left it (JSON), None before the first."""
    heard: tuple[Heard, ...]
    open_turn: OpenTurn | None
    last_turn_no: int
    tries: int
    """Turns already given up from this very state."""


@dataclass(frozen=True)
class Opening:
    """What a turn writes down before its first tool call."""

    turn: TurnId
    turn_no: int
    seq_from: int
    seq_to: int
    trace_id: str
    holder: str
    lease_until: datetime
    at: datetime


@dataclass(frozen=True)
class Closing:
    """What a turn leaves behind."""

    opening: Opening
    status: str
    """`done` or `failed`."""
    opened: bool
    """Whether the turn's row was written before (it used a tool)."""
    at: datetime
    intent: str | None
    reading: Mapping[str, Any]
    commands: Sequence[Mapping[str, Any]]
    bot_context: Mapping[str, Any]
    trail: Sequence[Mapping[str, Any]]
    call_ids: Sequence[CallId]
    failed: Mapping[str, Any] | None
    latency_ms: int
    memory: str
    language: str
    reply_text: str
    reply_kind: str
    reply_payload: Mapping[str, Any]
    session_status: str | None
    """None: as it is (a tool may have changed it)."""
    outcome: str | None
    category: str | None
    csat: Mapping[str, Any] | None
    order_ids: Sequence[str] = field(default_factory=tuple)
    phone_hash: str | None = None
