"""What a tool is, who calls it and how a call ends. Values only; the gate is in `gate.py`.

A refusal is a value like a success: callers match every `Outcome` with `assert_never`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Literal

from pydantic import BaseModel

from sangdam.core.clock import Clock
from sangdam.core.ids import CallId, EffectId, GrantId, MemberId, OrderId, OrgId, SessionId, TurnId
from sangdam.core.phone import Phone


class Assurance(IntEnum):
    """How sure we are who asks."""

    ANONYMOUS = 0
    CLAIMED = 1
    VERIFIED = 2


class CallerKind(StrEnum):
    AGENT = "agent"
    MEMBER = "member"
    MCP = "mcp"



@dataclass(frozen=True)
class Grant:
    """Proof that this conversation belongs to a phone (VERIFIED) or to one order or member (CLAIMED)."""

    id: GrantId
    org: OrgId
    session: SessionId
    level: Assurance
    expires_at: datetime
    phone: Phone | None = None
    purposes: frozenset[str] = frozenset()
    order_id: OrderId | None = None
    member_id: MemberId | None = None


@dataclass(frozen=True)
class Stamp:
    """Where in a turn a call was made; copied byte for byte into each audit row (data-model §6.1)."""

    turn: TurnId
    state_rev: int
    context_no: int
    bot_context: str
    """The projection as canonical JSON text."""


@dataclass(frozen=True)
class Caller:
    """Who calls. Org first: nothing in a call can name another org."""

    org: OrgId
    kind: CallerKind
    id: str
    """Agent family id, user id or API-token id."""
    trace_id: str
    role: str | None = None
    scopes: frozenset[str] = frozenset()
    agent_tools: frozenset[str] | None = None
    """The agent's own list; None for members and MCP."""
    session: SessionId | None = None
    stamp: Stamp | None = None
    grants: tuple[Grant, ...] = ()
    on_behalf: bool = True
    staff_reason: str | None = None
    client_ip: str | None = None


@dataclass(frozen=True)
class Done:
    """It happened or was read. `result` has the tool's `output` shape, JSON values only."""

    result: Mapping[str, Any]
    replayed: bool = False


@dataclass(frozen=True)
class Denied:
    code: str
    retry_after: float | None = None
    """Seconds."""


@dataclass(frozen=True)
class NeedsVerification:
    level: Assurance
    purpose: str
    reason: Literal["missing", "expired", "other_session", "other_phone", "other_order", "purpose"]
    code: str = "CUSTOMER_VERIFICATION_REQUIRED"


@dataclass(frozen=True)
class NeedsConfirmation:
    effect: EffectId
    digest: str
    preview: Mapping[str, Any]
    expires_at: datetime
    reason: Literal["none", "changed", "expired", "void"] = "none"
    code: str = "NEEDS_CONFIRMATION"


@dataclass(frozen=True)
class Invalid:
    """Arguments wrong; the caller may correct them."""

    code: str = "INVALID_PARAMS"
    fields: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Failed:
    """It did not happen."""

    code: str
    retryable: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """For operators and for wordings (`left` tries, `retry_after` seconds). Never upstream text shown to a shopper."""


@dataclass(frozen=True)
class Unknown:
    """A write was sent and its end is not known."""

    code: str
    effect: EffectId


Refusal = Denied | NeedsVerification | NeedsConfirmation | Invalid | Failed | Unknown
Outcome = Done | Refusal


@dataclass(frozen=True)
class UpstreamCall:
    """One request to the mall, Juso or SOLAPI, for the audit row: method and path template, never a query with personal values."""

    call: str
    status: int | None
    ms: int
    attempt: int


@dataclass
class Call:
    """What a tool's `run` may know of the call it is in."""

    id: CallId
    caller: Caller
    clock: Clock
    deadline: float
    """`clock.monotonic()` value after which the gate gives up."""
    effect: EffectId | None = None
    key: str | None = None
    upstream: list[UpstreamCall] = field(default_factory=list[UpstreamCall])

    @property
    def org(self) -> OrgId:
        return self.caller.org

    @property
    def remaining(self) -> float:
        return max(0.0, self.deadline - self.clock.monotonic())


@dataclass(frozen=True)
class DefaultPolicy:
    callers: frozenset[CallerKind]
    per_minute: int
    session_per_hour: int = 60


Run = Callable[[Call, Any], Awaitable[BaseModel | Refusal]]


@dataclass(frozen=True)
class Tool:
    """A registered tool. `input` forbids extra fields; its JSON schema and `output`'s are what the catalogue publishes."""

    name: str
    display_name: str
    display_name_en: str
    description: str
    provider: Literal["cafe24", "juso", "solapi", "sangdam"]
    effect: Literal["read", "write"]
    assurance: Assurance
    input: type[BaseModel]
    output: type[BaseModel]
    default_policy: DefaultPolicy
    run: Run
    purpose: Literal["orders", "notify"] = "orders"
    confirmation: bool = False
    preview: Run | None = None
    scopes: frozenset[str] = frozenset()
    staff_only: bool = False
    version: str = "1"
    masking: tuple[str, ...] = ()
    """Field names of input and output that are masked in the audit beyond the field catalogue."""
    unsigned_fields: tuple[str, ...] = ()
    """Fields left out of the digest and of sealed arguments (the `code` of verify_otp)."""
    deadline_s: float = 6.0
    breaker: str | None = None
    """Upstream whose circuit breaker guards this tool (`cafe24`, `juso`, `solapi`)."""
