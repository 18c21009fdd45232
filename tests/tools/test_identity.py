"""No caller without a fitting grant, permission or scope ever passes."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.world import Nothing, Shop

from sangdam.core.ids import GrantId, MemberId, OrderId, OrgId, SessionId
from sangdam.core.phone import Phone, parse_phone
from sangdam.tools.identity import Reason, identify
from sangdam.tools.model import Assurance, Caller, CallerKind, Conditions, Denied, Grant, NeedsVerification, Tool
from sangdam.tools.policy import Refused

NOW = datetime(2026, 3, 14, 5, 28, 44, tzinfo=UTC)
ORGS = [OrgId(uuid.UUID(int=n)) for n in (1, 2)]
SESSIONS = [SessionId(uuid.UUID(int=n)) for n in (11, 12)]
PHONES = [Phone("01012345678"), Phone("01098765432")]
ORDERS = ["20260314-0000127", "20260314-0000128"]
SHOP = Shop()
TOOLS = {
    (level, purpose): SHOP.tool("t", Nothing, assurance=level, purpose=purpose)
    for level in (Assurance.CLAIMED, Assurance.VERIFIED)
    for purpose in ("orders", "notify")
}

grants = st.builds(
    Grant,
    id=st.just(GrantId(uuid.UUID(int=9))),
    org=st.sampled_from(ORGS),
    session=st.sampled_from(SESSIONS),
    level=st.sampled_from(list(Assurance)),
    expires_at=st.sampled_from([NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)]),
    phone=st.sampled_from([None, *PHONES]),
    purposes=st.frozensets(st.sampled_from(["orders", "notify"])),
    order_id=st.sampled_from([None, *map(OrderId, ORDERS)]),
    member_id=st.sampled_from([None, MemberId("m1")]),
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "order_id": st.sampled_from(ORDERS),
        "cellphone": st.sampled_from(["01012345678", "01098765432"]),
        "phone": st.sampled_from(["01012345678"]),
    },
)


def caller(*given_grants: Grant, **more: Any) -> Caller:
    plain = Caller(ORGS[0], CallerKind.AGENT, "a", "t", session=SESSIONS[0], grants=given_grants)
    return replace(plain, **more)


def judge(
    who: Caller, tool: Tool, arguments: dict[str, Any] | None = None, needed: Assurance | None = None, **conditions: Any
) -> Any:
    return identify(
        who,
        tool,
        tool.assurance if needed is None else needed,
        arguments or {},
        conditions=Conditions(**conditions),
        now=NOW,
    )


@given(st.lists(grants, max_size=3), st.sampled_from(sorted(TOOLS)), fields, st.sampled_from([None, *SESSIONS]))
def test_whoever_passes_holds_a_grant_that_fits(
    held: list[Grant], which: tuple[Assurance, str], arguments: dict[str, Any], session: SessionId | None
) -> None:
    tool = TOOLS[which]
    verdict = judge(caller(*held, session=session), tool, arguments)
    if isinstance(verdict, Refused):
        assert isinstance(verdict.outcome, NeedsVerification)
        return
    assert isinstance(verdict, Grant)
    assert verdict in held
    assert (verdict.org, verdict.session) == (ORGS[0], session)
    assert verdict.level >= tool.assurance
    assert verdict.expires_at > NOW
    if verdict.level is Assurance.VERIFIED:
        assert verdict.phone is not None
        assert tool.purpose in verdict.purposes or (tool.purpose == "notify" and "orders" in verdict.purposes)
    else:
        assert verdict.order_id is not None or verdict.member_id is not None
    if verdict.order_id is not None and "order_id" in arguments:
        assert verdict.order_id == arguments["order_id"]
    for name in ("phone", "cellphone"):
        if name in arguments:
            assert verdict.phone == parse_phone(arguments[name])


VERIFIED = Grant(
    GrantId(uuid.UUID(int=9)),
    ORGS[0],
    SESSIONS[0],
    Assurance.VERIFIED,
    NOW + timedelta(minutes=15),
    PHONES[0],
    frozenset({"orders", "notify"}),
)
CLAIMED = replace(VERIFIED, level=Assurance.CLAIMED, phone=None, purposes=frozenset[str](), order_id=OrderId(ORDERS[0]))
ORDERS_TOOL = TOOLS[Assurance.VERIFIED, "orders"]


@pytest.mark.parametrize(
    ("grant", "arguments", "reason"),
    [
        (None, {}, "missing"),
        (CLAIMED, {}, "missing"),
        (replace(VERIFIED, phone=None), {}, "missing"),
        (replace(VERIFIED, expires_at=NOW), {}, "expired"),
        (replace(VERIFIED, session=SESSIONS[1]), {}, "other_session"),
        (replace(VERIFIED, org=ORGS[1]), {}, "other_session"),
        (VERIFIED, {"cellphone": "010-9876-5432"}, "other_phone"),
        (replace(VERIFIED, purposes=frozenset({"notify"})), {}, "purpose"),
    ],
)
def test_the_reason_says_what_does_not_fit(grant: Grant | None, arguments: dict[str, Any], reason: Reason) -> None:
    verdict = judge(caller(*([grant] if grant else [])), ORDERS_TOOL, arguments)
    assert verdict.outcome == NeedsVerification(Assurance.VERIFIED, "orders", reason)


def test_one_claimed_order_is_not_another() -> None:
    tool = TOOLS[Assurance.CLAIMED, "orders"]
    assert judge(caller(CLAIMED), tool, {"order_id": ORDERS[0]}) == CLAIMED
    assert judge(caller(CLAIMED), tool, {"order_id": ORDERS[1]}).outcome.reason == "other_order"


def test_the_second_of_two_grants_may_fit() -> None:
    second = replace(CLAIMED, order_id=OrderId(ORDERS[1]))
    assert judge(caller(CLAIMED, second), TOOLS[Assurance.CLAIMED, "orders"], {"order_id": ORDERS[1]}) == second


def test_a_grant_for_orders_covers_notices_and_not_the_other_way_round() -> None:
    assert (
        judge(caller(replace(VERIFIED, purposes=frozenset({"orders"}))), TOOLS[Assurance.VERIFIED, "notify"]).phone
        == PHONES[0]
    )
    assert judge(caller(replace(VERIFIED, purposes=frozenset({"notify"}))), ORDERS_TOOL).outcome.reason == "purpose"


ANY = SHOP.tool("read", Nothing)
WRITE = SHOP.tool("write", Nothing, effect="write")
BOARDS = SHOP.tool("boards", Nothing, staff_only=True)
REASON = "손님 전화 확인"


@pytest.mark.parametrize(
    ("kind", "role", "scopes", "on_behalf", "tool", "missing"),
    [
        ("member", "owner", "", True, ANY, None),
        ("member", "operator", "", True, WRITE, None),
        ("member", "auditor", "", True, ANY, "tools.call"),
        ("member", "pending", "", True, ANY, "tools.call"),
        ("member", None, "", True, ANY, "tools.call"),
        ("member", "owner", "", False, ORDERS_TOOL, None),
        ("member", "admin", "", False, ORDERS_TOOL, None),
        ("member", "operator", "", False, ORDERS_TOOL, "orders.staff"),
        ("member", "auditor", "", False, ORDERS_TOOL, "orders.staff"),
        ("member", "operator", "", False, BOARDS, None),
        ("member", "owner", "", True, BOARDS, "boards.read"),
        ("member", "auditor", "", False, BOARDS, "boards.read"),
        ("mcp", None, "tools:read", True, ANY, None),
        ("mcp", None, "tools:write", True, ANY, "tools:read"),
        ("mcp", None, "tools:read", True, WRITE, "tools:write"),
        ("mcp", "owner", "", True, ANY, "tools:read"),
        ("mcp", None, "tools:read orders:staff", False, ORDERS_TOOL, None),
        ("mcp", None, "tools:read", False, ORDERS_TOOL, "orders:staff"),
        ("mcp", None, "orders:staff", False, ORDERS_TOOL, "tools:read"),
        ("mcp", None, "boards:read", False, BOARDS, None),
        ("mcp", None, "tools:read orders:staff", False, BOARDS, "boards:read"),
        ("mcp", None, "boards:read", True, BOARDS, "boards.read"),
        ("agent", None, "", True, ANY, None),
        ("agent", None, "orders:staff tools:read", False, ORDERS_TOOL, "orders.staff"),
        ("agent", "owner", "boards:read", False, BOARDS, "boards.read"),
        ("agent", "owner", "boards:read", True, BOARDS, "boards.read"),
    ],
)
def test_permissions_and_scopes(
    kind: str, role: str | None, scopes: str, on_behalf: bool, tool: Tool, missing: str | None
) -> None:
    who = caller(
        kind=CallerKind(kind), role=role, scopes=frozenset(scopes.split()), on_behalf=on_behalf, staff_reason=REASON
    )
    verdict = judge(who, tool)
    assert verdict == (Refused(Denied("FORBIDDEN"), 2, missing) if missing else None)


@pytest.mark.parametrize(
    ("reason", "allowed"),
    [(None, False), ("1234", False), ("    1    ", False), ("12345", True), ("x" * 200, True), ("x" * 201, False)],
)
def test_staff_give_a_reason(reason: str | None, allowed: bool) -> None:
    who = caller(kind=CallerKind.MEMBER, role="owner", on_behalf=False, staff_reason=reason)
    assert (judge(who, ORDERS_TOOL) is None) is allowed
    assert judge(who, ORDERS_TOOL, staff_requires_reason=False) is None
