"""How every tool is brought to the ends that all of its kind have: one scenario for each, played with the tool's own good call."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.commerce.desk import HANEUL
from tests.tools.coverage.attempt import Attempt
from tests.tools.coverage.ends import CONFIRMED, PROOF
from tests.tools.coverage.good import OTHER, use
from tests.tools.coverage.hall import CODE
from tests.tools.coverage.scene import Scenario, Scene

from sangdam.core.ids import SessionId, new_uuid
from sangdam.core.phone import Phone
from sangdam.tools.model import Call, Caller, CallerKind, Done

SCENARIOS: dict[tuple[str, str], Scenario] = {}
"""By code and by what tells several ways to it apart."""
HASTE = 0.35
"""Seconds, of which a tool has all but the last 0.2 to itself."""


def ends(code: str = "", why: str = "") -> Callable[[Scenario], Scenario]:
    def known(scenario: Scenario) -> Scenario:
        assert (code, why) not in SCENARIOS
        SCENARIOS[code, why] = scenario
        return scenario

    return known


def proved(scene: Scene, **changed: Any) -> Caller:
    """Who succeeds, with another proof."""
    return replace(scene.caller, grants=tuple(replace(grant, **changed) for grant in scene.caller.grants))


# It is done


@ends()
async def done(scene: Scene) -> Attempt:
    attempt = await scene.carried_out()
    assert attempt.row["assurance"] == ("VERIFIED" if scene.caller.grants else "ANONYMOUS")
    return attempt


@ends("", "by a claim")
async def done_by_a_claim(scene: Scene) -> Attempt:
    attempt = await scene.carried_out(scene.agent(scene.desk.claimed(scene.given["order_id"])))
    assert attempt.row["assurance"] == "CLAIMED"
    return attempt


@ends("", "by a token")
async def done_by_a_token(scene: Scene) -> Attempt:
    """A client without a conversation's state brings what verify_otp gave it."""
    phone = scene.phone if scene.tool.purpose == "notify" else HANEUL
    await use(scene, "send_otp", phone=phone.digits)
    token = (await use(scene, "verify_otp", scene.mcp(), code=CODE))["customer_verification_token"]
    scene.names.add(token)
    attempt = await scene.carried_out(scene.mcp(), customer_verification_token=token)
    assert attempt.row["assurance"] == "VERIFIED"
    return attempt


@ends("", "again")
async def done_again(scene: Scene) -> Attempt:
    key = scene.key()
    digest = await scene.ready(key=key)
    first = await scene.call(key=key, confirmation=digest)
    second = await scene.call(key=key, confirmation=digest)
    assert isinstance(first.outcome, Done)
    assert second.outcome == replace(first.outcome, replayed=True)
    assert second.row["effect_id"] == first.row["effect_id"]
    return second


# Found and understood


@ends("TOOL_NOT_FOUND", "switched off")
async def switched_off(scene: Scene) -> Attempt:
    turn = "update c_mcp_tools set is_active = {} where name = '{}'"
    await scene.spoil(turn.format("false", scene.tool.name), turn.format("true", scene.tool.name))
    return await scene.call()


@ends("INVALID_PARAMS", "an unknown argument")
async def an_unknown_argument(scene: Scene) -> Attempt:
    return await scene.call(mall_id="김하늘 010-0000-1234")


@ends("INVALID_PARAMS", "no key")
async def no_key(scene: Scene) -> Attempt:
    return await scene.call(keyless=True)


# What the organisation allows


@ends("POLICY_NOT_FOUND", "no row")
async def no_row(scene: Scene) -> Attempt:
    async with scene.hall.product.db.org(scene.desk.mall.org) as tx:
        await tx.execute("delete from c_mcp_tool_policies where tool_name = $1", scene.tool.name)
    scene.after.push_async_callback(scene.hall.seed)
    return await scene.call()


@ends("POLICY_BLOCK", "not allowed")
async def not_allowed(scene: Scene) -> Attempt:
    await scene.policy(is_allowed=False)
    return await scene.call()


@ends("POLICY_BLOCK", "hours")
async def out_of_hours(scene: Scene) -> Attempt:
    await scene.policy(conditions={"hours": "business"})  # the shop never said when it is open
    return await scene.call()


@ends("CALLER_NOT_ALLOWED")
async def another_kind_of_caller(scene: Scene) -> Attempt:
    await scene.policy(allowed_callers=frozenset({"member", "agent", "mcp"} - {scene.caller.kind.value}))
    return await scene.call()


@ends("TOOL_NOT_ALLOWED_FOR_AGENT")
async def not_on_the_agent_s_list(scene: Scene) -> Attempt:
    await scene.policy(allowed_callers=frozenset({"agent"}))
    others = frozenset(tool.name for tool in scene.hall.tools) - {scene.tool.name}
    return await scene.call(replace(scene.caller, kind=CallerKind.AGENT, agent_tools=others))


@ends("FORBIDDEN", "a role that may not")
async def a_role_that_may_not(scene: Scene) -> Attempt:
    return await scene.call(scene.desk.staff("pending"))


@ends("FORBIDDEN", "staff without a reason")
async def staff_without_a_reason(scene: Scene) -> Attempt:
    return await scene.call(replace(scene.desk.staff(), staff_reason=" 왜? "))


@ends("SCOPE_ERROR", "not granted")
async def not_granted(scene: Scene) -> Attempt:
    every = {scope for tool in scene.hall.tools for scope in tool.scopes}
    await scene.granted(*sorted(every - scene.tool.scopes))
    attempt = await scene.call()
    missing = sorted(scope.removeprefix("mall.") for scope in scene.tool.scopes)
    assert attempt.row["policy_decision"]["scopes_missing"] == missing
    return attempt


@ends("CIRCUIT_OPEN")
async def failed_too_often(scene: Scene) -> Attempt:
    scene.fault(status=503)
    for _ in range(5):
        await scene.call()
    refused = await scene.call()
    scene.hall.sandbox.clear_faults()
    scene.clock.move(seconds=31)
    assert isinstance((await scene.carried_out()).outcome, Done), "and closes again"
    return refused


@ends("RATE_LIMIT", "a minute")
async def too_many_a_minute(scene: Scene) -> Attempt:
    await scene.policy(per_minute=1)
    await scene.call()
    return await scene.call()


@ends("RATE_LIMIT", "a conversation")
async def too_many_in_a_conversation(scene: Scene) -> Attempt:
    await scene.policy(session_per_hour=1)
    caller = replace(scene.caller, session=scene.desk.session)
    await scene.call(caller)
    return await scene.call(caller)


# Who asks


@ends(PROOF, "a conversation of somebody else")
async def a_conversation_nobody_knows(scene: Scene) -> Attempt:
    return await scene.call(replace(scene.caller, session=None, session_unknown=True))


@ends(PROOF, "raised by the policy")
async def raised_by_the_policy(scene: Scene) -> Attempt:
    await scene.policy(conditions={"requires_verification": True}, allowed_callers=frozenset({"agent"}))
    return await scene.call(scene.agent())


@ends(PROOF, "missing")
async def no_proof(scene: Scene) -> Attempt:
    return await scene.call(scene.agent())


@ends(PROOF, "expired")
async def a_proof_that_ran_out(scene: Scene) -> Attempt:
    scene.clock.move(minutes=15)
    return await scene.call()


@ends(PROOF, "other_session")
async def a_proof_of_another_conversation(scene: Scene) -> Attempt:
    return await scene.call(proved(scene, session=SessionId(new_uuid())))


@ends(PROOF, "purpose")
async def a_proof_for_something_else(scene: Scene) -> Attempt:
    other = {"orders": frozenset({"notify"}), "notify": frozenset[str]()}[scene.tool.purpose]
    return await scene.call(proved(scene, purposes=other))


@ends(PROOF, "other_phone")
async def a_proof_of_another_phone(scene: Scene) -> Attempt:
    return await scene.call(proved(scene, phone=Phone("01000005678")))


@ends(PROOF, "other_order")
async def a_claim_to_another_order(scene: Scene) -> Attempt:
    claim = scene.desk.claimed(OTHER)
    return await scene.call(scene.agent(claim))


# A person confirms


@ends(CONFIRMED, "none")
async def nobody_said_yes(scene: Scene) -> Attempt:
    return await scene.call()


@ends(CONFIRMED, "changed")
async def a_yes_to_something_else(scene: Scene) -> Attempt:
    key = scene.key()
    digest = await scene.ready(key=key)
    return await scene.call(key=key, confirmation=digest, **scene.other)


@ends(CONFIRMED, "expired")
async def a_yes_that_ran_out(scene: Scene) -> Attempt:
    key = scene.key()
    digest = await scene.ready(key=key)
    scene.clock.move(minutes=10)
    return await scene.call(key=key, confirmation=digest)


@ends(CONFIRMED, "void")
async def a_yes_that_was_taken_back(scene: Scene) -> Attempt:
    key = scene.key()
    digest = await scene.ready(key=key)
    org, effects = scene.desk.mall.org, scene.hall.product.gate.effects
    async with scene.hall.product.db.org(org) as tx:
        assert len(await effects.void_where(tx, org, reason="taken_over", session=scene.desk.session)) == 1
    return await scene.call(key=key, confirmation=digest)


# It happens once


@ends("DUPLICATE_REQUEST")
async def twice_at_once(scene: Scene) -> Attempt:
    begun, go = asyncio.Event(), asyncio.Event()

    async def held(call: Call, given: Any) -> Any:
        begun.set()
        await go.wait()
        return await scene.tool.run(call, given)

    key, gate = scene.key(), scene.hall.gate(scene.tool, run=held)
    digest = await scene.ready(key=key)
    first = asyncio.create_task(scene.call(key=key, confirmation=digest, gate=gate))
    async with asyncio.timeout(10):
        await begun.wait()
    second = await scene.call(key=key, confirmation=digest, gate=gate)
    go.set()
    assert isinstance((await first).outcome, Done)
    return second


@ends("IDEMPOTENCY_MISMATCH")
async def the_same_key_for_something_else(scene: Scene) -> Attempt:
    key = scene.key()
    digest = await scene.ready(key=key)
    assert isinstance((await scene.call(key=key, confirmation=digest)).outcome, Done)
    return await scene.call(key=key, confirmation=digest, **scene.other)


async def out_of_time(scene: Scene) -> Attempt:
    async def silent(call: Call, given: Any) -> Any:
        await scene.tool.run(call, given)
        await asyncio.Event().wait()

    return await scene.carried_out(gate=scene.hall.gate(scene.tool, run=silent, deadline_s=HASTE))


for _code in ("CAFE24_TIMEOUT", "SOLAPI_ERROR", "INTERNAL_ERROR"):
    ends(_code, "out of time")(out_of_time)


# It is written down


@ends("AUDIT_UNAVAILABLE")
async def nothing_can_be_written_down(scene: Scene) -> Attempt:
    """A write whose row cannot be opened does not run; a read whose row cannot be closed is not told, and leaves none."""
    if scene.tool.effect == "read":
        return await scene.dropped()
    key = scene.key()
    digest = await scene.ready(key=key)

    async def never(call: Call, given: Any) -> Any:
        raise AssertionError("it ran")

    await scene.unwritable("opened")
    return await scene.call(key=key, confirmation=digest, gate=scene.hall.gate(scene.tool, run=never))


@ends("AUDIT_UNAVAILABLE", "closing")
async def its_end_cannot_be_written_down(scene: Scene) -> Attempt:
    """The reconciler closes the row later, with what became of it."""
    return await scene.closed_later()


@ends("INTERNAL_ERROR", "a bug")
async def a_bug(scene: Scene) -> Attempt:
    async def broken(call: Call, given: Any) -> Any:
        raise RuntimeError(f"김하늘 010-0000-1234 {given}")

    return await scene.carried_out(gate=scene.hall.gate(scene.tool, run=broken))


# The other side


@ends("CONFIG_ERROR", "no mall")
async def no_mall(scene: Scene) -> Attempt:
    await scene.hall.unplugged(scene.after)
    return await scene.call()


@ends("CONFIG_ERROR", "no key of the address search")
@ends("CONFIG_ERROR", "no text messages")
async def not_set_up(scene: Scene) -> Attempt:
    return await scene.call(gate=scene.hall.bare.gate)


@ends("TOKEN_REFRESH_FAILED", "it is down")
async def no_new_token(scene: Scene) -> Attempt:
    scene.fault("expire_tokens", count=1)
    scene.fault(path="/oauth/token", status=500)
    scene.after.push_async_callback(scene.hall.connect)
    return await scene.call()


@ends("TOKEN_REFRESH_FAILED", "the token is burnt")
async def a_burnt_token(scene: Scene) -> Attempt:
    scene.fault("expire_tokens", count=1)
    scene.fault("burn_tokens", path="/oauth/token", count=1)
    scene.after.push_async_callback(scene.hall.connect)
    return await scene.call()


@ends("CAFE24_REAUTH_REQUIRED")
async def a_dead_connection(scene: Scene) -> Attempt:
    assert (await a_burnt_token(scene)).recorded == "TOKEN_REFRESH_FAILED"
    return await scene.call()


def answering(status: int) -> Scenario:
    async def scenario(scene: Scene) -> Attempt:
        scene.fault(status=status)
        return await scene.call()

    return scenario


ends("SCOPE_ERROR", "the mall says so")(answering(403))
ends("CAFE24_NOT_FOUND")(answering(404))
ends("CAFE24_REJECTED")(answering(422))
ends("CAFE24_RATE_LIMITED")(answering(429))
ends("CAFE24_UNAVAILABLE")(answering(503))
ends("ADDRESS_SEARCH_FAILED", "it is down")(answering(503))
ends("SOLAPI_ERROR", "it is down")(answering(503))


@ends("CAFE24_TIMEOUT")
async def no_answer_in_time(scene: Scene) -> Attempt:
    scene.fault("timeout", ms=30_000)
    return await scene.call(gate=scene.hall.gate(scene.tool, deadline_s=HASTE))


@ends("CAFE24_UNAVAILABLE", "the line is cut")
async def the_line_is_cut(scene: Scene) -> Attempt:
    scene.fault("drop_before")
    return await scene.call()


@ends("CAFE24_ERROR")
async def an_answer_that_is_none(scene: Scene) -> Attempt:
    scene.fault("html")
    return await scene.call()
