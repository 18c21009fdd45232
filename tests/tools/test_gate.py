"""Each step refuses with its own code, is audited once, and nothing after it runs."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.tools.world import ORDER, OTHER_ORDER, PHONE, Told, World, not_owned

from sangdam.core.ids import SessionId, TurnId, new_uuid
from sangdam.db.verification import verify
from sangdam.tools import Gate
from sangdam.tools.model import (
    Assurance,
    Call,
    Caller,
    Denied,
    Done,
    Failed,
    Invalid,
    Limit,
    NeedsVerification,
    Outcome,
    Stamp,
    Unknown,
    UpstreamCall,
)

STAFF: dict[str, Any] = {"on_behalf": False, "staff_reason": "손님 전화 확인"}


async def test_a_read_is_done_and_recorded_once(world: World) -> None:
    outcome = await world.gate.call(world.agent(), "search_knowledge", {})
    assert outcome == Done({"text": "됐어요", "cellphone": None})
    rows = await world.audit()
    assert [(row["phase"], row["status"], row["code"], row["tool_name"]) for row in rows] == [
        ("closed", "success", None, "search_knowledge")
    ]
    decision: dict[str, Any] = {
        "allowed": True,
        "code": None,
        "layer": None,
        "rule": None,
        "policy_version": 1,
        "scopes_missing": [],
    }
    assert rows[0]["policy_decision"] == decision


async def test_a_write_opens_its_row_before_it_runs(world: World) -> None:
    async def look(call: Call) -> Told:
        assert [row["phase"] for row in await world.audit()] == ["opened"]
        return Told(text="됐어요")

    world.shop.ends["create_handoff"] = look
    outcome = await world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:create_handoff:7")
    assert isinstance(outcome, Done)
    assert [row["phase"] for row in await world.audit()] == ["opened", "closed"]
    assert [effect["state"] for effect in await world.effects()] == ["done"]


async def refused(
    world: World, caller: Caller, tool: str, arguments: dict[str, Any], **more: Any
) -> tuple[Outcome, dict[str, Any]]:
    """The outcome and the one row it left; nothing ran and no effect was made."""
    before = len(await world.audit())
    ran = len(world.shop.runs)
    outcome = await world.gate.call(caller, tool, arguments, **more)
    rows = await world.audit()
    assert len(rows) == before + 1
    assert rows[-1]["phase"] == "closed"
    assert len(world.shop.runs) == ran
    assert await world.effects() == []
    return outcome, rows[-1]


# 0 find, validate


@pytest.mark.parametrize("name", ["nothing", "", "cafe24:nothing", "010-1234-5678", "x" * 500])
async def test_an_unknown_tool_is_not_found(world: World, name: str) -> None:
    outcome, row = await refused(world, world.agent(), name, {"phone": PHONE, "01012345678": "x"})
    assert outcome == Denied("TOOL_NOT_FOUND")
    assert row["status"] == "blocked"
    assert "12345678" not in str(row)
    assert "1234-5678" not in str(row)


async def test_a_tool_switched_off_is_not_found(world: World) -> None:
    await world.as_superuser("update c_mcp_tools set is_active = false where name = 'search_knowledge'")
    outcome, _ = await refused(world, world.agent(), "search_knowledge", {})
    assert outcome == Denied("TOOL_NOT_FOUND")


async def test_the_prefix_means_the_same_to_api_and_mcp_only(world: World) -> None:
    assert isinstance(await world.gate.call(world.mcp("tools:read"), "cafe24:search_knowledge", {}), Done)
    assert isinstance(await world.gate.call(world.member(), "cafe24:search_knowledge", {}), Done)
    assert await world.gate.call(world.agent(), "cafe24:search_knowledge", {}) == Denied("TOOL_NOT_FOUND")


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({}, ("order_id",)),
        ({"order_id": "1"}, ("order_id",)),
        ({"order_id": "20260230-0000127"}, ("order_id",)),
        ({"order_id": ORDER, "mall_id": "evil"}, ("mall_id",)),
        ({"order_id": [ORDER]}, ("order_id",)),
        ({"order_id": ORDER, "customer_verification_token": "x" * 43}, ("customer_verification_token",)),
        ({"order_id": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}}}, ("(too deep)",)),
    ],
)
async def test_wrong_arguments_name_their_fields(
    world: World, arguments: dict[str, Any], fields: tuple[str, ...]
) -> None:
    outcome, row = await refused(world, world.verified(), "lookup_order", arguments)
    assert outcome == Invalid(fields=fields)
    assert (row["status"], row["code"]) == ("invalid_params", "INVALID_PARAMS")


async def test_a_write_needs_a_key(world: World) -> None:
    for caller in (world.agent(), world.member(), world.mcp("tools:write")):
        outcome, _ = await refused(world, caller, "create_handoff", {})
        assert outcome == Invalid(fields=("idempotency_key",))
    assert isinstance(
        await world.gate.call(world.mcp("tools:write"), "create_handoff", {"idempotency_key": "k" * 8}), Done
    )
    assert (await world.effects())[0]["key"] == f"api:token-1:{world.hasher.digest('k' * 8)}"


async def test_text_is_compared_in_one_normal_form(world: World) -> None:
    import unicodedata

    for form in ("NFC", "NFD"):
        await world.gate.call(
            world.agent(), "verify_otp", {"code": unicodedata.normalize(form, "가")}, key="conv:1:verify_otp:1"
        )
    assert [str(model) for _, model in world.shop.runs] == ["code='가'"]


# 1 policy


async def test_without_a_row_nothing_is_allowed(world: World) -> None:
    async with world.db.org(world.org) as tx:
        await tx.execute("delete from c_mcp_tool_policies where tool_name = 'search_knowledge'")
    outcome, row = await refused(world, world.agent(), "search_knowledge", {})
    assert outcome == Denied("POLICY_NOT_FOUND")
    assert row["policy_decision"]["rule"] == "exists"


async def test_a_row_that_says_no_blocks(world: World) -> None:
    await world.policy("search_knowledge", is_allowed=False)
    outcome, row = await refused(world, world.agent(), "search_knowledge", {})
    assert outcome == Denied("POLICY_BLOCK")
    assert row["policy_decision"] == {
        "allowed": False, "code": "POLICY_BLOCK", "layer": 1, "rule": "is_allowed", "policy_version": 1, "scopes_missing": [],
    }  # fmt: skip


async def test_a_change_of_policy_holds_for_the_next_call(world: World) -> None:
    assert isinstance(await world.gate.call(world.agent(), "search_knowledge", {}), Done)
    await world.policy("search_knowledge", is_allowed=False)
    assert await world.gate.call(world.agent(), "search_knowledge", {}) == Denied("POLICY_BLOCK")


async def test_a_kind_of_caller_that_is_not_listed_is_refused(world: World) -> None:
    await world.policy("search_knowledge", allowed_callers=["agent"])
    for caller in (world.member(), world.mcp("tools:read")):
        outcome, _ = await refused(world, caller, "search_knowledge", {})
        assert outcome == Denied("CALLER_NOT_ALLOWED")


async def test_an_agent_uses_its_own_tools_only(world: World) -> None:
    from dataclasses import replace

    for tools in (frozenset[str](), frozenset({"lookup_order"}), None):
        outcome, _ = await refused(world, replace(world.agent(), agent_tools=tools), "search_knowledge", {})
        assert outcome == Denied("TOOL_NOT_ALLOWED_FOR_AGENT")


@pytest.mark.parametrize(("hours", "allowed"), [("business", False), ("outside", True), ("always", True)])
async def test_hours_are_a_condition(world: World, hours: str, allowed: bool) -> None:
    async with world.db.org(world.org) as tx:  # NOW is a Saturday
        await tx.execute("update a_iam_organizations set business_hours = $1", {"mon": [["09:00", "18:00"]]})
    await world.policy("search_knowledge", conditions={"hours": hours})
    outcome = await world.gate.call(world.agent(), "search_knowledge", {})
    assert isinstance(outcome, Done) is allowed


@pytest.mark.parametrize(("days", "allowed"), [(0, True), (1, True)])
async def test_the_age_of_an_order_is_a_condition(world: World, days: int, allowed: bool) -> None:
    await world.policy("lookup_order", conditions={"order_age_days": days})
    assert isinstance(await world.gate.call(world.verified(), "lookup_order", {"order_id": ORDER}), Done) is allowed
    outcome = await world.gate.call(world.verified(), "lookup_order", {"order_id": "20260313-0000001"})
    assert isinstance(outcome, Done) is (days == 1)


async def test_a_condition_nobody_understands_refuses(world: World) -> None:
    await world.policy("search_knowledge", conditions={"hourz": "always"})
    outcome, row = await refused(world, world.agent(), "search_knowledge", {})
    assert outcome == Denied("POLICY_NOT_FOUND")
    assert row["policy_decision"]["rule"] == "unreadable"


async def test_a_scope_the_mall_did_not_grant_refuses(world: World) -> None:
    async with world.db.org(world.org) as tx:
        await tx.execute(
            "update a_iam_auth_settings set providers = jsonb_set(providers, '{cafe24,scopes}', '[\"mall.write_order\"]')"
        )
    outcome, row = await refused(world, world.verified(), "lookup_order", {"order_id": ORDER})
    assert outcome == Denied("SCOPE_ERROR")
    assert row["policy_decision"]["scopes_missing"] == ["read_order"]


async def test_a_mall_that_was_disconnected_is_left_to_the_tool_to_name(world: World) -> None:
    async with world.db.org(world.org) as tx:
        await tx.execute(
            'update a_iam_auth_settings set providers = \'{"cafe24": {"status": "revoked", "scopes": []}}\''
        )
    world.shop.ends["lookup_order"] = Failed("CAFE24_REAUTH_REQUIRED")
    assert await world.gate.call(world.verified(), "lookup_order", {"order_id": ORDER}) == Failed(
        "CAFE24_REAUTH_REQUIRED"
    )


async def test_scopes_may_come_from_a_function(world: World) -> None:
    async def none(org: object) -> frozenset[str] | None:
        return frozenset()

    gate = Gate(world.db, world.registry, world.keyring, world.hasher, world.clock, connection_scopes=none)
    assert await gate.call(world.verified(), "lookup_order", {"order_id": ORDER}) == Denied("SCOPE_ERROR")
    assert isinstance(await gate.call(world.agent(), "search_knowledge", {}), Done)


async def test_an_organisation_that_is_suspended_gets_nothing(world: World) -> None:
    await world.as_superuser("update a_iam_organizations set status = 'suspended'")
    outcome, row = await refused(world, world.agent(), "search_knowledge", {})
    assert outcome == Denied("POLICY_BLOCK")
    assert row["policy_decision"]["rule"] == "org_status"


async def test_the_limit_per_minute_holds_on_both_sides_and_under_parallel_calls(world: World) -> None:
    await world.policy("search_knowledge", rate_limit_per_min=5)
    from dataclasses import replace

    callers = [replace(world.agent(), session=SessionId(new_uuid())) for _ in range(12)]
    outcomes = await asyncio.gather(*(world.gate.call(caller, "search_knowledge", {}) for caller in callers))
    assert sum(isinstance(outcome, Done) for outcome in outcomes) == 5
    over = [outcome for outcome in outcomes if not isinstance(outcome, Done)]
    assert over == [Denied("RATE_LIMIT", 16.0)] * 7
    assert (await world.last())["status"] in ("success", "rate_limited")
    world.clock.move(seconds=16)
    assert isinstance(await world.gate.call(callers[0], "search_knowledge", {}), Done)


async def test_the_limit_of_a_conversation_per_hour_holds_on_both_sides(world: World) -> None:
    from dataclasses import replace

    await world.policy("search_knowledge", session_limit_per_hour=3)
    for _ in range(3):
        assert isinstance(await world.gate.call(world.agent(), "search_knowledge", {}), Done)
    outcome = await world.gate.call(world.agent(), "search_knowledge", {})
    assert isinstance(outcome, Denied)
    assert (outcome.code, (await world.last())["policy_decision"]["rule"]) == ("RATE_LIMIT", "session_limit_per_hour")
    assert isinstance(
        await world.gate.call(replace(world.agent(), session=SessionId(new_uuid())), "search_knowledge", {}), Done
    )


async def test_a_tools_own_limit_counts_all_or_none_and_slides(world: World) -> None:
    breaches: list[object] = []

    async def send(call: Call) -> Told:
        ten = timedelta(minutes=10)
        breaches.append(
            await call.limits.hit(
                Limit("phone", PHONE, 3, ten), Limit("conversation", str(call.caller.session), 4, ten)
            )
        )
        return Told(text="보냈어요")

    world.shop.ends["search_knowledge"] = send
    for _ in range(4):
        await world.gate.call(world.agent(), "search_knowledge", {})
    assert [breach is None for breach in breaches] == [True, True, True, False]
    world.clock.move(minutes=9, seconds=55)
    await world.gate.call(world.agent(), "search_knowledge", {})
    assert breaches[-1] is not None
    world.clock.move(seconds=20)
    await world.gate.call(world.agent(), "search_knowledge", {})
    assert breaches[-1] is None
    async with world.db.org(world.org) as tx:
        assert "12345678" not in str([row["key"] for row in await tx.fetch("select key from c_mcp_rate_counters")])


async def test_a_limit_of_a_tool_is_named_in_the_row(world: World) -> None:
    async def send(call: Call) -> Any:
        breach = await call.limits.hit(Limit("phone", PHONE, 1, timedelta(minutes=10)))
        return breach.denied if breach is not None else Told(text="보냈어요")

    world.shop.ends["search_knowledge"] = send
    await world.gate.call(world.agent(), "search_knowledge", {})
    assert await world.gate.call(world.agent(), "search_knowledge", {}) == Denied("RATE_LIMIT", 606.0)
    row = await world.last()
    assert row["status"] == "rate_limited"
    assert row["policy_decision"] == {
        "allowed": False, "code": "RATE_LIMIT", "layer": 4, "rule": "phone", "policy_version": 1, "scopes_missing": [],
    }  # fmt: skip


async def test_parallel_hits_cannot_pass_a_limit_together(world: World) -> None:
    breaches: list[object] = []

    async def send(call: Call) -> Told:
        breaches.append(await call.limits.hit(Limit("phone", PHONE, 3, timedelta(minutes=10))))
        return Told(text="보냈어요")

    world.shop.ends["search_knowledge"] = send
    await asyncio.gather(*(world.gate.call(world.agent(), "search_knowledge", {}) for _ in range(15)))
    assert sum(breach is None for breach in breaches) == 3


# 2 identity (its table is in test_identity.py)


async def test_who_is_not_known_is_asked_to_identify(world: World) -> None:
    outcome, row = await refused(world, world.agent(), "lookup_order", {"order_id": ORDER})
    assert outcome == NeedsVerification(Assurance.CLAIMED, "orders", "missing")
    assert (row["status"], row["policy_decision"]["layer"]) == ("needs_verification", 2)


async def test_a_policy_may_raise_the_assurance(world: World) -> None:
    caller = world.agent(grants=(world.claimed(),))
    assert isinstance(await world.gate.call(caller, "lookup_order", {"order_id": ORDER}), Done)
    assert (await world.last())["assurance"] == "CLAIMED"
    await world.policy("lookup_order", conditions={"requires_verification": True})
    outcome = await world.gate.call(caller, "lookup_order", {"order_id": ORDER})
    assert outcome == NeedsVerification(Assurance.VERIFIED, "orders", "missing")


async def test_a_verification_token_is_redeemed_and_never_written_down(world: World) -> None:
    token = "t" * 43

    async def redeem(caller: Caller, given: str) -> Any:
        return world.grant() if given == token else None

    gate = Gate(world.db, world.registry, world.keyring, world.hasher, world.clock, redeem_token=redeem)
    arguments = {"order_id": ORDER, "customer_verification_token": token}
    assert isinstance(await gate.call(world.mcp("tools:read"), "lookup_order", arguments), Done)
    wrong = {**arguments, "customer_verification_token": "u" * 43}
    assert isinstance(await gate.call(world.mcp("tools:read"), "lookup_order", wrong), NeedsVerification)
    assert isinstance(
        await gate.call(world.mcp("tools:read"), "lookup_order", {**arguments, "customer_verification_token": "short"}),
        Invalid,
    )
    assert token not in str(await world.audit())


async def test_staff_see_masks_unless_they_may_see_persons(world: World) -> None:
    world.shop.ends["lookup_order"] = Told(text="연락처 010-1234-5678", cellphone=PHONE)
    plain = await world.gate.call(
        world.mcp("tools:read", "orders:staff", "pii:read", **STAFF), "lookup_order", {"order_id": ORDER}
    )
    assert plain == Done({"text": "연락처 010-1234-5678", "cellphone": PHONE})
    hidden = await world.gate.call(
        world.mcp("tools:read", "orders:staff", **STAFF), "lookup_order", {"order_id": ORDER}
    )
    assert hidden == Done({"text": "연락처 010-****-5678", "cellphone": "010-****-5678"})


# 4 run


async def test_a_tool_that_raises_has_failed_and_is_recorded(world: World) -> None:
    world.shop.ends["search_knowledge"] = RuntimeError("bug with 010-1234-5678")
    assert await world.gate.call(world.agent(), "search_knowledge", {}) == Failed("INTERNAL_ERROR")
    row = await world.last()
    assert (row["status"], row["code"]) == ("error", "INTERNAL_ERROR")
    assert "1234-5678" not in str(row)


async def test_a_write_that_broke_after_it_left_is_unknown(world: World) -> None:
    world.shop.ends["create_handoff"] = RuntimeError("bug")
    world.shop.upstream["create_handoff"] = UpstreamCall("POST /boards/{no}/articles", None, 10, 1)
    outcome = await world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:create_handoff:1")
    assert isinstance(outcome, Unknown)
    assert [effect["state"] for effect in await world.effects()] == ["unknown"]


async def test_a_write_that_broke_before_it_left_has_failed(world: World) -> None:
    world.shop.ends["create_handoff"] = RuntimeError("bug")
    world.shop.upstream["create_handoff"] = UpstreamCall("GET /orders/{id}", 200, 10, 1)
    assert await world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:create_handoff:1") == Failed(
        "INTERNAL_ERROR"
    )
    assert [effect["state"] for effect in await world.effects()] == ["failed"]


async def test_a_read_out_of_time_failed_and_a_write_is_unknown(world: World) -> None:
    async def never(call: Call) -> Told:
        await asyncio.Event().wait()
        raise AssertionError

    world.shop.ends["slow_read"] = world.shop.ends["slow_write"] = never
    assert await world.gate.call(world.agent(), "slow_read", {}) == Failed("CAFE24_TIMEOUT", retryable=True)
    outcome = await world.gate.call(world.agent(), "slow_write", {}, key="conv:1:slow_write:1")
    effect = (await world.effects())[0]
    assert outcome == Unknown("CAFE24_TIMEOUT", effect["id"])
    assert effect["state"] == "unknown"


@pytest.mark.parametrize("end", [Failed("NOT_A_CODE"), "text", None])
async def test_a_tool_that_answers_in_another_shape_is_a_bug(world: World, end: object) -> None:
    async def odd(call: Call) -> Any:
        return end

    world.shop.ends["search_knowledge"] = odd
    assert await world.gate.call(world.agent(), "search_knowledge", {}) == Failed("INTERNAL_ERROR")


async def test_an_order_of_somebody_else_and_no_order_are_one_answer_to_a_shopper(world: World) -> None:
    answers: list[Outcome] = []
    for shape in ("denied", "failed", "missing"):
        world.shop.ends["lookup_order"] = not_owned(shape)
        answers.append(await world.gate.call(world.verified(), "lookup_order", {"order_id": OTHER_ORDER}))
    assert answers == [Failed("CAFE24_NOT_FOUND")] * 3
    assert [row["code"] for row in await world.audit()] == ["ORDER_NOT_OWNED", "ORDER_NOT_OWNED", "CAFE24_NOT_FOUND"]
    world.shop.ends["lookup_order"] = not_owned("failed")
    staff = await world.gate.call(world.member("owner", **STAFF), "lookup_order", {"order_id": OTHER_ORDER})
    assert isinstance(staff, Failed)
    assert staff.code == "ORDER_NOT_OWNED"


# 5 audit, and failing closed


async def test_the_row_carries_the_turn_byte_for_byte(world: World) -> None:
    stamp = Stamp(TurnId(new_uuid()), 9, 3, '{"rev":9,"schema":1}')
    await world.gate.call(world.agent(stamp=stamp), "search_knowledge", {})
    row = await world.last()
    assert (row["turn_id"], row["state_rev"], row["context_no"], row["bot_context"]) == (
        stamp.turn,
        9,
        3,
        {"rev": 9, "schema": 1},
    )
    assert row["session_id"] == world.session


async def test_upstream_calls_are_in_the_row(world: World) -> None:
    world.shop.upstream["lookup_order"] = UpstreamCall("GET /orders/{id}", 200, 31, 1)
    await world.gate.call(world.verified(), "lookup_order", {"order_id": ORDER})
    assert (await world.last())["upstream"] == [{"call": "GET /orders/{id}", "status": 200, "ms": 31, "attempt": 1}]


async def test_a_read_whose_row_cannot_be_written_is_not_told(world: World) -> None:
    await world.as_superuser("revoke insert on f_audit_mcp_tools from sangdam_app")
    assert await world.gate.call(world.agent(), "search_knowledge", {}) == Failed("AUDIT_UNAVAILABLE", retryable=True)
    assert len(world.shop.runs) == 1


async def test_a_write_whose_row_cannot_be_opened_does_not_run(world: World) -> None:
    await world.as_superuser("revoke insert on f_audit_mcp_tools from sangdam_app")
    outcome = await world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:create_handoff:1")
    assert outcome == Failed("AUDIT_UNAVAILABLE", retryable=True)
    assert world.shop.runs == []
    assert await world.effects() == []


async def test_a_write_whose_row_cannot_be_closed_is_unknown_and_not_run_again(world: World) -> None:
    async def cut(call: Call) -> Told:
        await world.as_superuser("revoke insert on f_audit_mcp_tools from sangdam_app")
        return Told(text="됐어요")

    world.shop.ends["create_handoff"] = cut
    outcome = await world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:create_handoff:1")
    assert isinstance(outcome, Unknown)
    assert outcome.code == "AUDIT_UNAVAILABLE"
    await world.as_superuser("grant insert on f_audit_mcp_tools to sangdam_app")
    world.clock.move(seconds=16)
    again = await world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:create_handoff:1")
    assert isinstance(again, Unknown)
    assert len(world.shop.runs) == 1


@pytest.mark.parametrize("table", ["c_mcp_tool_policies", "c_mcp_tools", "c_mcp_breakers", "a_iam_organizations"])
async def test_a_policy_that_cannot_be_read_refuses(world: World, table: str) -> None:
    await world.as_superuser(f"revoke select on {table} from sangdam_app")
    outcome, row = await refused(world, world.agent(), "search_knowledge", {})
    assert outcome == Denied("POLICY_NOT_FOUND")
    assert row["policy_decision"]["rule"] == "unreadable"


async def test_counters_that_cannot_be_written_refuse(world: World) -> None:
    await world.as_superuser("revoke insert, update on c_mcp_rate_counters from sangdam_app")
    outcome, _ = await refused(world, world.agent(), "search_knowledge", {})
    assert outcome == Denied("POLICY_NOT_FOUND")


async def test_effects_that_cannot_be_written_refuse(world: World) -> None:
    await world.as_superuser("revoke insert on e_ops_effects from sangdam_app")
    outcome = await world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:create_handoff:1")
    assert outcome == Failed("AUDIT_UNAVAILABLE", retryable=True)
    assert world.shop.runs == []


async def test_a_database_that_is_gone_refuses(world: World) -> None:
    await world.db.close()
    assert await world.gate.call(world.agent(), "search_knowledge", {}) == Failed("AUDIT_UNAVAILABLE", retryable=True)
    assert world.shop.runs == []


async def test_a_caller_that_goes_away_leaves_a_finished_record(world: World) -> None:
    go, begun = asyncio.Event(), asyncio.Event()

    async def wait(call: Call) -> Told:
        begun.set()
        await go.wait()
        return Told(text="됐어요")

    world.shop.ends["create_handoff"] = wait
    task = asyncio.create_task(world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:create_handoff:1"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await world.gate.drain()
    assert [row["phase"] for row in await world.audit()] == ["opened", "closed"]
    assert [effect["state"] for effect in await world.effects()] == ["done"]


async def test_one_closed_row_per_call_and_a_whole_chain(world: World) -> None:
    calls = 0
    for caller in (world.agent(), world.verified(), world.member(), world.mcp()):
        for tool in ("search_knowledge", "lookup_order", "create_handoff", "update_order_shipping_address", "nothing"):
            for arguments in ({}, {"order_id": ORDER}):
                await world.gate.call(caller, tool, arguments, key=f"k:{calls}")
                calls += 1
    rows = await world.audit()
    assert sum(row["phase"] == "closed" for row in rows) == calls
    async with world.db.org(world.org) as tx:
        assert (await verify(tx, world.org, "tools")).whole


CANARIES = ("01098765432", "010-9876-5432", "+82 10 9876 5432", "9876", "731942", "테헤란로 999")


async def test_no_phone_code_or_address_is_in_any_row(world: World) -> None:
    phone, code = "010-9876-5432", "731942"
    world.shop.ends["list_orders"] = Told(text=f"{phone}로 주문하신 내역", cellphone="01098765432")
    world.shop.ends["verify_otp"] = Failed("OTP_INVALID", detail={"left": 4, "code": code, "said": f"인증번호 {code}"})
    caller = world.member("owner", on_behalf=False, staff_reason=f"손님 {phone} 요청")
    calls: list[tuple[Caller, str, dict[str, Any]]] = [
        (world.verified(), "list_orders", {"cellphone": phone}),
        (caller, "list_orders", {"cellphone": phone}),
        (world.agent(), "verify_otp", {"code": code}),
        (world.agent(), "verify_otp", {"code": code, "phone": phone}),
        (world.agent(), "verify_otp", {"code": 731942}),
        (world.agent(), "lookup_order", {"order_id": "01098765432"}),
        (world.agent(), "lookup_order", {"order_id": 1098765432}),
        (world.agent(), "lookup_order", {phone: phone, "01098765432": [phone]}),
        (world.agent(), f"lookup {phone}", {"a": phone, "b": {"c": [1098765432]}}),
        (
            world.verified(),
            "update_order_shipping_address",
            {"order_id": ORDER, "address_full": "서울특별시 강남구 테헤란로 999", "receiver_cellphone": phone},
        ),
        (
            world.verified(),
            "update_order_shipping_address",
            {"order_id": ORDER, "address_full": {"x": "서울특별시 강남구 테헤란로 999"}},
        ),
    ]
    for number, (who, tool, arguments) in enumerate(calls):
        await world.gate.call(who, tool, arguments, key=f"conv:x:{tool[:6]}:{number}")
    async with world.db.org(world.org) as tx:
        written = str([tuple(row.values()) for row in await tx.fetch("select t::text from f_audit_mcp_tools t")])
        effects = str(
            [
                tuple(row.values())
                for row in await tx.fetch(
                    "select key, args_digest, caller::text, preview::text, outcome::text, args_sealed, outcome_sealed from e_ops_effects"
                )
            ]
        )
    without_hashes = __import__("re").sub(
        r"hmac:[0-9a-f]{64}|\\\\x[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f-]{27}|v1\.k1\.[\w.-]+", "", written + effects
    )
    for canary in CANARIES:
        assert canary not in without_hashes, canary


# The other organisation


async def test_another_organisations_grants_effects_and_policies_are_out_of_reach(world: World) -> None:
    foreign = world.grant(org=world.other)
    outcome = await world.gate.call(world.agent(grants=(foreign,)), "lookup_order", {"order_id": ORDER})
    assert outcome == NeedsVerification(Assurance.CLAIMED, "orders", "other_session")
    await world.policy("search_knowledge", is_allowed=False)
    assert isinstance(await world.gate.call(world.agent(org=world.other), "search_knowledge", {}), Done)
    for org in (world.org, world.other):
        assert isinstance(
            await world.gate.call(world.agent(org=org), "create_handoff", {}, key="conv:same:create_handoff:1"), Done
        )
    assert [name for name, _ in world.shop.runs].count("create_handoff") == 2
    effect = (await world.effects())[0]
    assert await world.gate.effects.find(world.other, effect["id"]) is None
    assert len(await world.audit(world.other)) == 3


async def test_an_organisation_that_does_not_exist_gets_nothing(world: World) -> None:
    from sangdam.core.ids import OrgId

    outcome = await world.gate.call(world.agent(org=OrgId(new_uuid())), "search_knowledge", {})
    assert isinstance(outcome, Failed | Denied)
    assert world.shop.runs == []
