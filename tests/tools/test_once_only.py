"""A write happens once: replays, parallel repeats, crashes, and confirmations bound to arguments."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.tools.world import ORDER, OTHER_ORDER, RefusedByDatabase, Told, World

from sangdam.core.ids import EffectId, SessionId, UserId, new_uuid
from sangdam.tools import ByMember, ByShopper, Gate
from sangdam.tools.model import (
    Call,
    Denied,
    Done,
    Failed,
    Invalid,
    NeedsConfirmation,
    NeedsVerification,
    Outcome,
    Preview,
    Unknown,
)

KEY = "conv:1:create_handoff:7"
ADDRESS = "update_order_shipping_address"
RUN = "00000000-0000-4000-8000-00000000000a"


def flow_key(world: World) -> str:
    return f"conv:{world.session}:{RUN}:{ADDRESS}"


async def test_the_same_key_twice_runs_once_and_answers_the_same(world: World) -> None:
    first = await world.gate.call(world.agent(), "create_handoff", {}, key=KEY)
    second = await world.gate.call(world.agent(), "create_handoff", {}, key=KEY)
    assert isinstance(first, Done)
    assert second == replace(first, replayed=True)
    assert len(world.shop.runs) == 1
    assert [(row["phase"], row["status"]) for row in await world.audit()] == [
        ("opened", "opened"),
        ("closed", "success"),
        ("closed", "replayed"),
    ]


async def test_twenty_parallel_calls_with_one_key_run_once(world: World) -> None:
    async def slow(call: Call) -> Told:
        for _ in range(20):
            await asyncio.sleep(0)
        return Told(text="됐어요")

    world.shop.ends["create_handoff"] = slow
    outcomes = await asyncio.gather(*(world.gate.call(world.agent(), "create_handoff", {}, key=KEY) for _ in range(20)))
    assert len(world.shop.runs) == 1
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert sum(isinstance(outcome, Done) and outcome.replayed for outcome in outcomes) == 19
    assert sum(row["phase"] == "closed" for row in await world.audit()) == 20


async def test_a_repeat_of_what_still_runs_is_told_so_after_three_seconds(world: World) -> None:
    gate = Gate(world.db, world.registry, world.keyring, world.hasher, world.clock, duplicate_wait_s=0.05)
    go, begun = asyncio.Event(), asyncio.Event()

    async def wait(call: Call) -> Told:
        begun.set()
        await go.wait()
        return Told(text="됐어요")

    world.shop.ends["create_handoff"] = wait
    first = asyncio.create_task(world.gate.call(world.agent(), "create_handoff", {}, key=KEY))
    await begun.wait()
    second = await gate.call(world.agent(), "create_handoff", {}, key=KEY)
    assert isinstance(second, Denied)
    assert second.code == "DUPLICATE_REQUEST"
    go.set()
    assert isinstance(await first, Done)


async def test_a_key_used_for_other_arguments_is_refused(world: World) -> None:
    caller = world.verified()
    await world.gate.call(caller, "subscribe_restock", {}, key="conv:1:s:1")
    other = await world.gate.call(caller, "subscribe_restock", {"cellphone": "01012345678"}, key="conv:1:s:1")
    assert other == Invalid("IDEMPOTENCY_MISMATCH")
    assert await world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:s:1") == Invalid(
        "IDEMPOTENCY_MISMATCH"
    )
    assert len(world.shop.runs) == 1


async def test_the_code_of_a_one_time_password_is_not_part_of_the_digest_nor_kept(world: World) -> None:
    await world.gate.call(world.agent(), "verify_otp", {"code": "111111"}, key="conv:1:verify_otp:1")
    again = await world.gate.call(world.agent(), "verify_otp", {"code": "222222"}, key="conv:1:verify_otp:1")
    assert isinstance(again, Done)
    assert again.replayed
    effect = (await world.effects())[0]
    opened = world.keyring.open(
        effect["args_sealed"], table="e_ops_effects", column="args_sealed", org=world.org, row=effect["id"]
    )
    assert opened == "{}"


async def test_a_failure_without_effect_that_may_pass_runs_again(world: World) -> None:
    world.shop.ends["create_handoff"] = Failed("CAFE24_UNAVAILABLE", retryable=True)
    assert await world.gate.call(world.agent(), "create_handoff", {}, key=KEY) == Failed(
        "CAFE24_UNAVAILABLE", retryable=True
    )
    del world.shop.ends["create_handoff"]
    assert isinstance(await world.gate.call(world.agent(), "create_handoff", {}, key=KEY), Done)
    assert [(effect["state"], effect["attempts"]) for effect in await world.effects()] == [("done", 2)]


async def test_a_failure_that_would_repeat_is_replayed(world: World) -> None:
    world.shop.ends["verify_otp"] = Failed("OTP_LOCKED", detail={"minutes": 15})
    outcomes = [await world.gate.call(world.agent(), "verify_otp", {"code": "1"}, key=KEY) for _ in range(2)]
    assert outcomes == [Failed("OTP_LOCKED", detail={"minutes": 15})] * 2
    assert len(world.shop.runs) == 1
    assert (await world.last())["status"] == "replayed"


async def test_an_unknown_end_is_never_run_again(world: World) -> None:
    async def lost(call: Call) -> Any:
        assert call.effect is not None
        return Unknown("CAFE24_TIMEOUT", call.effect)

    world.shop.ends["create_handoff"] = lost
    first = await world.gate.call(world.agent(), "create_handoff", {}, key=KEY)
    second = await world.gate.call(world.agent(), "create_handoff", {}, key=KEY)
    assert isinstance(first, Unknown)
    assert second == first
    assert len(world.shop.runs) == 1


async def test_what_the_reconciler_found_is_what_a_repeat_hears(world: World) -> None:
    async def lost(call: Call) -> Any:
        assert call.effect is not None
        return Unknown("CAFE24_TIMEOUT", call.effect)

    world.shop.ends["create_handoff"] = lost
    outcome = await world.gate.call(world.agent(), "create_handoff", {}, key=KEY)
    assert isinstance(outcome, Unknown)
    async with world.db.org(world.org) as tx:
        assert await world.gate.effects.settle(
            tx, world.org, outcome.effect, Done({"text": "접수됐어요", "cellphone": None})
        )
        assert not await world.gate.effects.settle(tx, world.org, outcome.effect, Failed("CAFE24_ERROR"))
    assert await world.gate.call(world.agent(), "create_handoff", {}, key=KEY) == Done(
        {"text": "접수됐어요", "cellphone": None}, replayed=True
    )


async def test_a_process_that_died_leaves_unknown_and_not_a_second_run(world: World) -> None:
    never = asyncio.Event()
    begun = asyncio.Event()

    async def die(call: Call) -> Told:
        begun.set()
        await never.wait()
        raise AssertionError

    world.shop.ends["create_handoff"] = die
    task = asyncio.create_task(world.gate._decide(_record(world), KEY, None))  # pyright: ignore[reportPrivateUsage]
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del world.shop.ends["create_handoff"]
    world.clock.move(seconds=14)
    assert (await world.effects())[0]["state"] == "running"
    world.clock.move(seconds=2)
    assert isinstance(await world.gate.call(world.agent(), "create_handoff", {}, key=KEY), Unknown)
    assert (await world.effects())[0]["state"] == "unknown"
    assert len(world.shop.runs) == 1


def _record(world: World) -> Any:
    from sangdam.core.ids import CallId
    from sangdam.tools.audit import Record

    return Record(CallId(new_uuid()), world.agent(), "create_handoff", {}, world.clock.monotonic())


# Confirmation


async def ask(world: World, arguments: dict[str, Any] | None = None, **more: Any) -> NeedsConfirmation:
    outcome = await world.gate.call(
        more.pop("caller", world.verified()),
        ADDRESS,
        arguments or {"order_id": ORDER, "zipcode": "06236"},
        key=more.pop("key", flow_key(world)),
        **more,
    )
    assert isinstance(outcome, NeedsConfirmation), outcome
    return outcome


async def say_yes(world: World, asked: NeedsConfirmation) -> bool:
    return await world.gate.effects.confirm(world.org, asked.effect, by=ByShopper(20)) is not None


async def carry_out(
    world: World, asked: NeedsConfirmation, arguments: dict[str, Any] | None = None, **more: Any
) -> Outcome:
    return await world.gate.call(
        more.pop("caller", world.verified()),
        ADDRESS,
        arguments or {"order_id": ORDER, "zipcode": "06236"},
        key=more.pop("key", flow_key(world)),
        confirmation=asked.digest,
        **more,
    )


async def test_a_change_is_shown_confirmed_and_run_once(world: World) -> None:
    asked = await ask(world)
    assert (asked.reason, asked.expires_at) == ("none", world.clock.now() + timedelta(minutes=10))
    assert asked.preview["after"]["cellphone"] == "01012345678"
    assert world.shop.runs == []
    stored = (await world.effects())[0]
    assert (stored["state"], stored["key"], stored["flow_run"]) == (
        "proposed",
        f"{flow_key(world)}:{asked.digest}",
        __import__("uuid").UUID(RUN),
    )
    assert stored["preview"]["after"] == {"address": "서울특별시 강남구 ***", "cellphone": "010-****-5678"}
    assert await say_yes(world, asked)
    outcomes = await asyncio.gather(*(carry_out(world, asked) for _ in range(5)))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len(world.shop.runs) == 1
    assert [row["status"] for row in await world.audit()].count("needs_confirmation") == 1


async def test_without_a_yes_nothing_runs(world: World) -> None:
    asked = await ask(world)
    again = await carry_out(world, asked)
    assert isinstance(again, NeedsConfirmation)
    assert (again.effect, again.reason) == (asked.effect, "none")
    assert world.shop.runs == []


async def test_a_yes_without_the_digest_in_the_call_is_not_enough(world: World) -> None:
    asked = await ask(world)
    await say_yes(world, asked)
    assert (await ask(world)).effect == asked.effect
    assert world.shop.runs == []


async def test_a_changed_argument_voids_the_yes(world: World) -> None:
    asked = await ask(world)
    await say_yes(world, asked)
    other = await carry_out(world, asked, {"order_id": ORDER, "zipcode": "06237"})
    assert isinstance(other, NeedsConfirmation)
    assert other.reason == "changed"
    assert other.digest != asked.digest
    assert sorted(effect["state"] for effect in await world.effects()) == ["proposed", "void"]
    back = await carry_out(world, asked)
    assert isinstance(back, NeedsConfirmation)
    assert back.reason == "changed"
    assert world.shop.runs == []


async def test_a_new_proposal_of_the_same_run_voids_the_one_before(world: World) -> None:
    first = await ask(world)
    await say_yes(world, first)
    second = await ask(world, {"order_id": ORDER, "zipcode": "06237"})
    assert second.reason == "changed"
    assert isinstance(await carry_out(world, first), NeedsConfirmation)
    assert world.shop.runs == []


@pytest.mark.parametrize(("seconds", "runs"), [(599, 1), (600, 0)])
async def test_a_yes_lasts_ten_minutes(world: World, seconds: int, runs: int) -> None:
    asked = await ask(world)
    await say_yes(world, asked)
    caller = replace(world.agent(), grants=(world.grant(expires_at=world.clock.now() + timedelta(hours=1)),))
    world.clock.move(seconds=seconds)
    outcome = await carry_out(world, asked, caller=caller)
    assert len(world.shop.runs) == runs
    if not runs:
        assert isinstance(outcome, NeedsConfirmation)
        assert outcome.reason == "expired"
        assert outcome.effect != asked.effect


async def test_a_proposal_that_ran_out_cannot_be_confirmed(world: World) -> None:
    asked = await ask(world)
    world.clock.move(minutes=10)
    assert not await say_yes(world, asked)
    async with world.db.org(world.org) as tx:
        assert await world.gate.effects.void_expired(tx, world.org) == (asked.effect,)


@pytest.mark.parametrize("reason", ["canceled", "taken_over", "order_changed"])
async def test_what_was_voided_needs_a_new_yes(world: World, reason: Any) -> None:
    asked = await ask(world)
    await say_yes(world, asked)
    async with world.db.org(world.org) as tx:
        assert await world.gate.effects.void_where(tx, world.org, reason=reason, order_id=OTHER_ORDER) == ()
        assert await world.gate.effects.void_where(tx, world.org, reason=reason, order_id=ORDER) == (asked.effect,)
    outcome = await carry_out(world, asked)
    assert isinstance(outcome, NeedsConfirmation)
    assert outcome.reason == "void"
    assert not await say_yes(world, asked)


async def test_a_conversation_a_flow_run_and_one_effect_can_be_voided(world: World) -> None:
    import uuid

    places: list[dict[str, Any]] = [{"session": world.session}, {"flow_run": uuid.UUID(RUN)}]
    for where in places:
        asked = await ask(world)
        async with world.db.org(world.org) as tx:
            assert await world.gate.effects.void_where(tx, world.org, reason="canceled", **where) == (asked.effect,)
    asked = await ask(world)
    assert await world.gate.effects.void(world.org, asked.effect, reason="canceled")
    async with world.db.org(world.org) as tx:
        with pytest.raises(ValueError, match="needs"):
            await world.gate.effects.void_where(tx, world.org, reason="canceled")


async def test_what_ran_cannot_be_voided(world: World) -> None:
    asked = await ask(world)
    await say_yes(world, asked)
    await carry_out(world, asked)
    assert not await world.gate.effects.void(world.org, asked.effect, reason="canceled")
    assert not await say_yes(world, asked)


async def test_a_yes_is_bound_to_the_arguments_preview_settled_on(world: World) -> None:
    said = {"order_id": ORDER, "address_full": "강남구 테헤란로 152"}
    asked = await ask(world, said)
    await say_yes(world, asked)
    assert isinstance(await carry_out(world, asked, said), Done)
    assert [str(model) for _, model in world.shop.runs] == [
        f"order_id='{ORDER}' address_full=None zipcode='06236' receiver_cellphone=None"
    ]


async def test_a_refusal_of_the_preview_comes_before_any_question(world: World) -> None:
    world.shop.ends[f"{ADDRESS}.preview"] = Failed("ORDER_NOT_CHANGEABLE")
    outcome = await world.gate.call(world.verified(), ADDRESS, {"order_id": ORDER}, key=flow_key(world))
    assert outcome == Failed("ORDER_NOT_CHANGEABLE")
    world.shop.ends[f"{ADDRESS}.preview"] = Failed("ORDER_NOT_OWNED")
    outcome = await world.gate.call(world.verified(), ADDRESS, {"order_id": ORDER}, key=flow_key(world))
    assert outcome == Failed("CAFE24_NOT_FOUND")
    assert await world.effects() == []


async def test_a_preview_with_arguments_the_tool_refuses_asks_nothing(world: World) -> None:
    world.shop.ends[f"{ADDRESS}.preview"] = Preview(arguments={"nonsense": 1})
    outcome = await world.gate.call(world.verified(), ADDRESS, {"order_id": ORDER}, key=flow_key(world))
    assert isinstance(outcome, Failed)
    assert await world.effects() == []


async def test_identity_comes_before_confirmation(world: World) -> None:
    asked = await ask(world)
    await say_yes(world, asked)
    world.clock.move(minutes=5)
    expired = replace(world.agent(), grants=(world.grant(expires_at=world.clock.now()),))
    outcome = await carry_out(world, asked, caller=expired)
    assert isinstance(outcome, NeedsVerification)
    assert world.shop.runs == []


async def test_an_api_caller_confirms_through_a_person_and_the_same_key(world: World) -> None:
    caller = replace(world.mcp("tools:write"), grants=(world.grant(),))
    key = "api:token-1:abcdefgh"
    asked = await ask(world, caller=caller, key=key)
    assert isinstance(await carry_out(world, asked, caller=caller, key=key), NeedsConfirmation)
    assert await world.gate.effects.confirm(world.org, asked.effect, by=ByMember(UserId(new_uuid()))) is not None
    assert isinstance(await carry_out(world, asked, caller=caller, key=key), Done)
    replay = await carry_out(world, asked, caller=caller, key=key)
    assert isinstance(replay, Done)
    assert replay.replayed
    other = await carry_out(world, asked, {"order_id": ORDER, "zipcode": "06237"}, caller=caller, key=key)
    assert other == Invalid("IDEMPOTENCY_MISMATCH")


async def test_staff_need_a_yes_like_everybody(world: World) -> None:
    staff = world.member("owner", on_behalf=False, staff_reason="손님이 전화로 부탁")
    assert isinstance(
        await world.gate.call(staff, ADDRESS, {"order_id": ORDER}, key="api:u:12345678"), NeedsConfirmation
    )


async def test_the_yes_of_another_conversation_does_not_count(world: World) -> None:
    asked = await ask(world)
    await say_yes(world, asked)
    elsewhere = SessionId(new_uuid())
    caller = replace(world.agent(), session=elsewhere, grants=(world.grant(session=elsewhere),))
    outcome = await carry_out(world, asked, caller=caller)
    assert isinstance(outcome, NeedsConfirmation)
    assert world.shop.runs == []


async def test_a_failed_change_may_be_tried_again_within_the_ten_minutes_and_asked_again_after(world: World) -> None:
    asked = await ask(world)
    await say_yes(world, asked)
    world.shop.ends[ADDRESS] = Failed("CAFE24_UNAVAILABLE", retryable=True)
    assert isinstance(await carry_out(world, asked), Failed)
    assert isinstance(await carry_out(world, asked), Failed)
    assert len(world.shop.runs) == 2
    world.clock.move(minutes=10)
    again = await carry_out(world, asked)
    assert isinstance(again, NeedsConfirmation)
    assert (again.effect, again.reason) == (asked.effect, "expired")
    del world.shop.ends[ADDRESS]
    assert isinstance(await carry_out(world, again), NeedsConfirmation)
    assert await say_yes(world, again)
    assert isinstance(await carry_out(world, again), Done)
    assert len(world.shop.runs) == 3


async def test_only_lawful_moves_are_stored(world: World) -> None:
    asked = await ask(world)
    for state in ("running", "done", "failed", "unknown"):
        with pytest.raises(RefusedByDatabase):
            async with world.db.org(world.org) as tx:
                await tx.execute("update e_ops_effects set state = $2 where id = $1", asked.effect, state)


async def test_nobody_confirms_what_is_not_theirs(world: World) -> None:
    asked = await ask(world)
    assert await world.gate.effects.confirm(world.other, asked.effect, by=ByShopper(1)) is None
    assert await world.gate.effects.confirm(world.org, EffectId(new_uuid()), by=ByShopper(1)) is None
