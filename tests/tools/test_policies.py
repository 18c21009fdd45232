"""Who changes what an org allows, and what is kept of it."""

import asyncio
from dataclasses import replace

import pytest
from tests.tools.world import World

from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import UserId, new_uuid
from sangdam.orgs import Member, Role
from sangdam.tools import Policies
from sangdam.tools.model import Conditions, Denied, Done, MaskingRules
from sangdam.tools.policy import PolicyRow

POLICY = PolicyRow(
    False, frozenset({"agent"}), 30, 20, Conditions(order_age_days=30), MaskingRules(fields=frozenset({"text"})), 0
)


def admin(world: World, role: Role = Role.ADMIN) -> Member:
    return Member(UserId(new_uuid()), world.org, role, "이한", "h@example.com")


async def test_a_change_holds_for_the_next_call_and_is_recorded(world: World) -> None:
    policies = Policies(world.db, world.registry, world.clock)
    assert isinstance(await world.gate.call(world.agent(), "search_knowledge", {}), Done)
    after = await policies.change(admin(world), "search_knowledge", POLICY, expected=1, trace_id="t")
    assert after == replace(POLICY, version=2)
    assert (await policies.list(world.org))["search_knowledge"] == after
    assert await world.gate.call(world.agent(), "search_knowledge", {}) == Denied("POLICY_BLOCK")
    async with world.db.org(world.org) as tx:
        payload = await tx.fetchval("select payload from f_audit_events where event_type = 'POLICY_CHANGED'")
    assert (payload["tool"], payload["before"]["is_allowed"], payload["after"]["is_allowed"]) == (
        "search_knowledge",
        True,
        False,
    )


async def test_of_two_changes_of_one_version_one_is_refused(world: World) -> None:
    policies = Policies(world.db, world.registry, world.clock)
    ends = await asyncio.gather(
        *(
            policies.change(admin(world), "search_knowledge", replace(POLICY, per_minute=n), expected=1, trace_id="t")
            for n in (1, 6000)
        ),
        return_exceptions=True,
    )
    assert sorted(type(end).__name__ for end in ends) == ["PolicyRow", "SangdamError"]


@pytest.mark.parametrize(
    ("role", "tool", "policy", "expected", "kind"),
    [
        (Role.OPERATOR, "search_knowledge", POLICY, 1, Kind.FORBIDDEN),
        (Role.AUDITOR, "search_knowledge", POLICY, 1, Kind.FORBIDDEN),
        (Role.OWNER, "nothing", POLICY, None, Kind.NOT_FOUND),
        (Role.OWNER, "search_knowledge", replace(POLICY, per_minute=0), 1, Kind.INVALID_PARAMS),
        (Role.OWNER, "search_knowledge", replace(POLICY, per_minute=6001), 1, Kind.INVALID_PARAMS),
        (Role.OWNER, "search_knowledge", replace(POLICY, session_per_hour=0), 1, Kind.INVALID_PARAMS),
        (
            Role.OWNER,
            "search_knowledge",
            replace(POLICY, allowed_callers=frozenset({"shopper"})),
            1,
            Kind.INVALID_PARAMS,
        ),
        (Role.OWNER, "search_knowledge", POLICY, 2, Kind.CONFLICT),
        (Role.OWNER, "search_knowledge", POLICY, None, Kind.CONFLICT),
    ],
)
async def test_what_may_not_be_changed_is_refused(
    world: World, role: Role, tool: str, policy: PolicyRow, expected: int | None, kind: Kind
) -> None:
    with pytest.raises(SangdamError) as caught:
        await Policies(world.db, world.registry, world.clock).change(
            admin(world, role), tool, policy, expected=expected, trace_id="t"
        )
    assert caught.value.kind is kind
