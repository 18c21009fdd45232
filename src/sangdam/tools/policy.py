"""What an org allows: one pure decision in the order of tools.md §1.2, default deny."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sangdam.core.clock import kst_date
from sangdam.orgs.hours import Hours, is_open
from sangdam.tools.breaker import Breaker, Closed, Open, Probe
from sangdam.tools.fields import order_day
from sangdam.tools.model import Caller, CallerKind, Conditions, Denied, MaskingRules, Refusal, Tool


@dataclass(frozen=True)
class PolicyRow:
    is_allowed: bool
    allowed_callers: frozenset[str]
    per_minute: int
    session_per_hour: int
    conditions: Conditions
    masking: MaskingRules
    version: int


@dataclass(frozen=True)
class Facts:
    now: datetime
    org_active: bool
    hours: Hours
    granted: frozenset[str] | None
    """Scopes the mall granted; None without a connection: then the tool itself says what is missing."""
    breaker: Breaker


@dataclass(frozen=True)
class Refused:
    """A refusal and where it was made, for `policy_decision`."""

    outcome: Refusal
    layer: int
    rule: str
    scopes_missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Allowed:
    policy: PolicyRow
    probe: bool = False
    """The upstream's breaker is open and due: one caller may try."""


def decide(
    policy: PolicyRow | None, caller: Caller, tool: Tool, fields: Mapping[str, Any], facts: Facts
) -> Allowed | Refused:
    """Everything of step 1 but the limits, which are counted only when this allows."""
    if policy is None:
        return _refused("POLICY_NOT_FOUND", "exists")
    if not facts.org_active:
        return _refused("POLICY_BLOCK", "org_status")
    if not policy.is_allowed:
        return _refused("POLICY_BLOCK", "is_allowed")
    if caller.kind.value not in policy.allowed_callers:
        return _refused("CALLER_NOT_ALLOWED", "allowed_callers")
    if caller.kind is CallerKind.AGENT and tool.name not in (caller.agent_tools or ()):
        return _refused("TOOL_NOT_ALLOWED_FOR_AGENT", "agent_tools")
    if (rule := _condition(policy.conditions, fields, facts)) is not None:
        return _refused("POLICY_BLOCK", rule)
    if facts.granted is not None and (missing := bare_scopes(tool.scopes) - bare_scopes(facts.granted)):
        return Refused(Denied("SCOPE_ERROR"), 1, "scopes", tuple(sorted(missing)))
    match facts.breaker.judge(facts.now):
        case Closed():
            return Allowed(policy)
        case Probe():
            return Allowed(policy, probe=True)
        case Open(retry_after):
            return _refused("CIRCUIT_OPEN", "breaker", retry_after)


def _refused(code: str, rule: str, retry_after: float | None = None) -> Refused:
    return Refused(Denied(code, retry_after), 1, rule)


def _condition(conditions: Conditions, fields: Mapping[str, Any], facts: Facts) -> str | None:
    """The first condition that fails."""
    if conditions.hours != "always" and is_open(facts.hours, facts.now) != (conditions.hours == "business"):
        return "hours"
    if (
        conditions.max_amount is not None
        and "amount" in fields
        and not _at_most(fields["amount"], conditions.max_amount)
    ):
        return "max_amount"
    day = order_day(str(fields.get("order_id", "")))
    if (
        conditions.order_age_days is not None
        and day is not None
        and (kst_date(facts.now) - day).days > conditions.order_age_days
    ):
        return "order_age_days"
    return None


def _at_most(amount: object, limit: int) -> bool:
    try:
        return Decimal(str(amount)) <= limit
    except InvalidOperation:
        return False


def bare_scopes(scopes: frozenset[str]) -> frozenset[str]:
    """`mall.read_order` and `read_order` are the same scope."""
    return frozenset(scope.removeprefix("mall.") for scope in scopes)
