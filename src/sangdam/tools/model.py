"""What a tool is, who calls it and how a call ends. Values only; the gate is in `gate.py`.

A refusal is a value like a success: callers match every `Outcome` with `assert_never`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
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
    session_unknown: bool = False
    """The conversation that was named is not one of this org."""
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
    effect: EffectId | None = field(default=None, compare=False)
    """Of a write."""
    hidden: tuple[str, ...] = field(default=(), compare=False)
    """Fields of the result that this caller sees masked."""


@dataclass(frozen=True)
class Denied:
    code: str
    retry_after: float | None = None
    """Seconds."""
    rule: str | None = field(default=None, compare=False)
    """Where a tool denies: the policy's condition, or the limit, that says no. For the audit."""


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
class Undecided:
    """The other side cannot say yet whether a write happened."""


@dataclass(frozen=True)
class UpstreamCall:
    """One request to the mall, Juso or SOLAPI, for the audit row: method and path template, never a query with personal values."""

    call: str
    status: int | None
    """None: no answer came."""
    ms: int
    attempt: int
    to: str = "cafe24"
    """Whose health it shows, by the name of a breaker."""


class Conditions(BaseModel):
    """The typed `conditions` of a policy row. The gate judges those it can know; a tool reads the rest from `Call.conditions`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requires_verification: bool = False
    """Raises the tool's assurance to VERIFIED."""
    hours: Literal["always", "business", "outside"] = "always"
    max_amount: int | None = None
    """KRW. Judged on an `amount` argument by the gate, on the order by the tool."""
    order_age_days: int | None = None
    """Judged on the date inside the order number, in Seoul."""
    expose_supplier_name: bool = False
    show_quantity: bool = False
    staff_requires_reason: bool = True


class MaskingRules(BaseModel):
    """The org's own masks: field names shown as `***` in the audit. They add to the tool's masks and the field catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: frozenset[str] = frozenset()


class Preview(BaseModel):
    """What `preview` returns: the arguments a yes will be bound to, and what the person is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arguments: dict[str, Any]
    """Valid for the tool's `input`; these run after a yes, whatever the caller wrote first."""
    shown: dict[str, Any] = Field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Limit:
    """At most `count` hits of `subject` in any `window`. The subject may be personal: it is hashed before it is stored."""

    name: str
    """Distinguishes limits of one tool: `phone`, `conversation`, `ip`, `org_day`."""
    subject: str
    count: int
    window: timedelta


@dataclass(frozen=True)
class Breach:
    limit: Limit
    retry_after: float
    """Seconds."""

    @property
    def denied(self) -> Denied:
        return Denied("RATE_LIMIT", self.retry_after, self.limit.name)


class Limits(Protocol):
    async def hit(self, *limits: Limit) -> Breach | None:
        """Counts one hit on every limit, or on none and says which is full. Parallel calls cannot pass a limit together."""
        ...


class NoLimits:
    """What a call outside the gate has: nothing is counted there, so nothing passes."""

    async def hit(self, *limits: Limit) -> Breach | None:
        raise SangdamError(Kind.INTERNAL, f"limits {[limit.name for limit in limits]} are counted inside the gate only")


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
    limits: Limits = field(default_factory=NoLimits)
    conditions: Conditions = field(default_factory=Conditions)
    begun_at: datetime | None = None
    """Of a look by the reconciler: when the write in question began."""
    sent: bool = False
    """Set by a client right before a request that changes something leaves: from then on a crash means Unknown, not Failed."""

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
Reconcile = Callable[[Call, Any], Awaitable[BaseModel | Failed | Undecided]]
"""Asks what became of the write `call.effect`, whose end is not known; it only reads. A model of `output`: it happened. `Failed`: no trace
of it is there (believed only once it can no longer be under way). The call is the reconciler's own: staff, with the write's conversation."""


@dataclass(frozen=True)
class Tool:
    """A registered tool. `input` forbids extra fields; its JSON schema and `output`'s are what the catalogue publishes."""

    name: str
    display_name: str
    display_name_en: str
    description: str
    provider: Literal["cafe24", "juso", "solapi", "sangdam", "external"]
    effect: Literal["read", "write"]
    assurance: Assurance
    input: type[BaseModel]
    output: type[BaseModel]
    default_policy: DefaultPolicy
    run: Run
    purpose: Literal["orders", "notify"] = "orders"
    confirmation: bool = False
    preview: Run | None = None
    """Reads only. Returns a `Preview`, or any model: then that is what is shown, for the arguments as given."""
    reconcile: Reconcile | None = None
    """None: a write whose end is lost is put before a person."""
    scopes: frozenset[str] = frozenset()
    staff_only: bool = False
    version: str = "1"
    masking: tuple[str, ...] = ()
    """Field names of input and output that are masked in the audit beyond the field catalogue; `name:address` keeps 시/도 and 시/군/구."""
    unsigned_fields: tuple[str, ...] = ()
    """Fields left out of the digest and of sealed arguments (the `code` of verify_otp)."""
    deadline_s: float | None = None
    """Seconds; None stands for 6 for a read and 10 for a write."""
    breaker: str | None = None
    """Upstream whose circuit breaker guards this tool (`cafe24`, `juso`, `solapi`)."""
    foreign: bool = False
    """A third party's: what goes in and comes out is not ours to know, so the audit keeps names of arguments and no text."""
    assurance_when: Callable[[Any], Assurance] | None = None
    """The assurance these arguments need, where it depends on them (a ticket without an order); a policy may still raise it."""

    @property
    def deadline(self) -> float:
        return self.deadline_s or (6.0 if self.effect == "read" else 10.0)
