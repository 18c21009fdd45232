"""Whether the one who asks may: permission or scope for staff, a fitting grant for a shopper. Pure.

A grant fits only in its own org and conversation, before it expires, for its purpose, and for the phone or order it proves.
Whether an order belongs to a proved phone is known where the order is read, inside the tool.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, cast

from sangdam.core.phone import parse_phone
from sangdam.orgs.model import Permission, may
from sangdam.tools.model import Assurance, Caller, CallerKind, Conditions, Denied, Grant, NeedsVerification, Tool
from sangdam.tools.policy import Refused

Reason = Literal["missing", "expired", "other_session", "other_phone", "other_order", "purpose"]

_PHONES = ("cellphone", "phone")
_TELLING: tuple[Reason, ...] = ("other_order", "other_phone", "purpose", "expired", "other_session", "missing")
"""Of several grants that do not fit, the reason nearest to fitting is told."""


def identify(
    caller: Caller, tool: Tool, needed: Assurance, fields: Mapping[str, Any], *, conditions: Conditions, now: datetime
) -> Grant | Refused | None:
    """The grant that carries the call, None when none is needed, or the refusal."""
    if (missing := permission_missing(caller, tool)) is not None:
        return Refused(Denied("FORBIDDEN"), 2, missing)
    if caller.session_unknown:
        return Refused(NeedsVerification(needed, tool.purpose, "other_session"), 2, "session")
    if not caller.on_behalf:
        if conditions.staff_requires_reason and not 5 <= len((caller.staff_reason or "").strip()) <= 200:
            return Refused(Denied("FORBIDDEN"), 2, "staff_reason")
        return None
    if needed is Assurance.ANONYMOUS:
        return None
    reasons: set[Reason] = set()
    for grant in caller.grants:
        unfit = _unfit(grant, caller, tool, needed, fields, now)
        if unfit is None:
            return grant
        reasons.add(unfit)
    reason = _nearest(reasons)
    return Refused(NeedsVerification(needed, tool.purpose, reason), 2, f"grant:{reason}")


def _nearest(reasons: set[Reason]) -> Reason:
    for reason in _TELLING:
        if reason in reasons:
            return reason
    return "missing"


def permission_missing(caller: Caller, tool: Tool) -> str | None:
    """The permission or scope that is missing."""
    staff = Permission.BOARDS_READ if tool.staff_only else Permission.ORDERS_STAFF
    if tool.staff_only and caller.on_behalf:
        return staff.value
    match caller.kind:
        case CallerKind.AGENT:
            return None if caller.on_behalf else staff.value
        case CallerKind.MEMBER:
            needed = Permission.TOOLS_CALL if caller.on_behalf else staff
            return None if may(caller.role, needed) else needed.value
        case CallerKind.MCP:
            scopes = {staff.value.replace(".", ":")} if not caller.on_behalf else set[str]()
            if not tool.staff_only:
                scopes.add("tools:read" if tool.effect == "read" else "tools:write")
            absent = scopes - caller.scopes
            return min(absent) if absent else None


def _unfit(
    grant: Grant, caller: Caller, tool: Tool, needed: Assurance, fields: Mapping[str, Any], now: datetime
) -> Reason | None:
    if grant.org != caller.org or caller.session is None or grant.session != caller.session:
        return "other_session"
    if grant.level < needed:
        return "missing"
    if grant.expires_at <= now:
        return "expired"
    if grant.level is Assurance.VERIFIED:
        if grant.phone is None:
            return "missing"
        if tool.purpose not in grant.purposes and not (tool.purpose == "notify" and "orders" in grant.purposes):
            return "purpose"
    elif grant.order_id is None and grant.member_id is None:
        return "missing"
    elif tool.purpose != "orders":
        return "purpose"
    for name in _PHONES:
        if name in fields and (grant.phone is None or parse_phone(str(fields[name])) != grant.phone):
            return "other_phone"
    if grant.order_id is not None and not _same_order(cast("object", fields.get("order_id")), grant):
        return "other_order"
    return None


def _same_order(asked: object, grant: Grant) -> bool:
    return asked is None or asked == grant.order_id
