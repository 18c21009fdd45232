"""What becomes of writes whose end was lost: found, proved absent, or put before a person; each said once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.tools.world import Told, World

from sangdam.core.ids import EffectId, OrgId, SessionId
from sangdam.db.database import Transaction
from sangdam.db.verification import verify
from sangdam.tools.effects import Proposal, Stuck
from sangdam.tools.model import Call, Caller, Done, Failed, NeedsConfirmation, Outcome, Tool, Undecided, Unknown
from sangdam.tools.reconciler import LOOKS, Reconciler

TOOL = "create_handoff"


@dataclass
class Board:
    """Where people and conversations are told; it writes down what it hears."""

    asked_of: list[Proposal] = field(default_factory=list[Proposal])
    ended: list[tuple[EffectId, str]] = field(default_factory=list[tuple[EffectId, str]])
    stuck_with: list[Stuck] = field(default_factory=list[Stuck])
    freed: list[tuple[EffectId, str]] = field(default_factory=list[tuple[EffectId, str]])
    heard: list[tuple[SessionId, str, Outcome]] = field(default_factory=list[tuple[SessionId, str, Outcome]])

    async def asked(self, tx: Transaction, org: OrgId, proposal: Proposal, *, now: datetime) -> None:
        self.asked_of.append(proposal)

    async def answered(self, tx: Transaction, org: OrgId, effect: EffectId, *, said: str, now: datetime) -> None:
        self.ended.append((effect, said))

    async def stuck(self, tx: Transaction, org: OrgId, stuck: Stuck, *, now: datetime) -> None:
        self.stuck_with.append(stuck)

    async def settled(self, tx: Transaction, org: OrgId, effect: EffectId, *, said: str, now: datetime) -> None:
        self.freed.append((effect, said))

    async def told(self, tx: Transaction, org: OrgId, session: SessionId, tool: str, outcome: Outcome) -> None:
        self.heard.append((session, tool, outcome))


def a_reconciler(world: World, board: Board) -> Reconciler:
    return Reconciler(world.db, world.gate.effects, world.gate.find, world.clock, people=board, told=board.told)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def reconciler(world: World, board: Board) -> Reconciler:
    return a_reconciler(world, board)


def lost(effect: EffectId | None = None) -> Any:
    async def end(call: Call) -> Outcome:
        assert call.effect is not None
        return Unknown("CAFE24_TIMEOUT", call.effect)

    return end


async def a_lost_write(
    world: World, *, tool: str = TOOL, caller: Caller | None = None, key: str = "conv:1:create_handoff:7"
) -> EffectId:
    world.shop.ends[tool] = lost()
    outcome = await world.gate.call(caller or world.agent(), tool, {}, key=key)
    assert isinstance(outcome, Unknown)
    return outcome.effect


async def states(world: World) -> list[str]:
    return [effect["state"] for effect in await world.effects()]


async def test_nothing_is_asked_before_five_seconds(world: World, reconciler: Reconciler) -> None:
    await a_lost_write(world)
    world.clock.move(seconds=4.999)
    assert (await reconciler.sweep())["open"] == 0
    assert world.shop.looks == []
    world.clock.move(seconds=0.001)
    assert (await reconciler.sweep())["open"] == 1


async def test_what_is_found_is_done_and_said_and_replayed(world: World, reconciler: Reconciler, board: Board) -> None:
    effect = await a_lost_write(world)
    world.shop.ends[f"{TOOL}.after"] = Told(text="찾았어요")
    world.clock.move(seconds=5)
    assert (await reconciler.sweep())["done"] == 1
    assert await states(world) == ["done"]
    assert [(session, tool, type(outcome)) for session, tool, outcome in board.heard] == [(world.session, TOOL, Done)]
    assert board.freed == [(effect, "done")]
    again = await world.gate.call(world.agent(), TOOL, {}, key="conv:1:create_handoff:7")
    assert isinstance(again, Done)
    assert again.replayed
    assert again.result["text"] == "찾았어요"
    assert len(world.shop.runs) == 1


async def test_absence_is_believed_from_the_second_look_on(world: World, reconciler: Reconciler, board: Board) -> None:
    """At five seconds the change may still be under way."""
    await a_lost_write(world)
    world.shop.ends[f"{TOOL}.after"] = Failed("CAFE24_NOT_FOUND", retryable=True)
    world.clock.move(seconds=5)
    assert (await reconciler.sweep())["open"] == 1
    assert await states(world) == ["unknown"]
    world.clock.move(seconds=24.9)
    assert (await reconciler.sweep())["failed"] == 0
    world.clock.move(seconds=0.1)
    assert (await reconciler.sweep())["failed"] == 1
    assert await states(world) == ["failed"]
    assert [type(outcome) for _, _, outcome in board.heard] == [Failed]
    world.shop.ends[TOOL] = Told(text="됐어요")
    assert isinstance(await world.gate.call(world.agent(), TOOL, {}, key="conv:1:create_handoff:7"), Done), (
        "proved without effect"
    )


async def test_four_looks_then_a_person(world: World, reconciler: Reconciler, board: Board) -> None:
    effect = await a_lost_write(world)
    passed = timedelta(0)
    for number, after in enumerate(LOOKS):
        world.clock.move(seconds=(after - passed).total_seconds())
        passed = after
        assert board.stuck_with == [], number
        assert (await reconciler.sweep())["open"] == 1
    assert [stuck.effect for stuck in board.stuck_with] == [effect]
    assert [type(outcome) for _, _, outcome in board.heard] == [Unknown]
    world.clock.move(seconds=86400)
    assert (await reconciler.sweep())["open"] == 0, "a person has it now"
    assert len(world.shop.looks) == 4
    assert isinstance(await world.gate.call(world.agent(), TOOL, {}, key="conv:1:create_handoff:7"), Unknown), (
        "and it never runs again"
    )


async def test_a_look_is_the_reconcilers_own_and_knows_the_write(world: World, reconciler: Reconciler) -> None:
    effect = await a_lost_write(world)
    world.clock.move(seconds=5)
    await reconciler.sweep()
    ((_, call),) = world.shop.looks
    assert (call.effect, call.caller.on_behalf, call.caller.session) == (effect, False, world.session)
    assert call.begun_at == world.clock.now() - timedelta(seconds=5)


@pytest.mark.parametrize("end", [RuntimeError("bug"), Undecided(), Failed("CAFE24_NOT_FOUND")])
async def test_a_look_that_breaks_has_seen_nothing(world: World, reconciler: Reconciler, end: object) -> None:
    await a_lost_write(world)
    world.shop.ends[f"{TOOL}.after"] = end
    world.clock.move(seconds=5)
    assert (await reconciler.sweep())["open"] == 1
    assert await states(world) == ["unknown"]


async def test_two_reconcilers_look_once(world: World, board: Board) -> None:
    await a_lost_write(world)
    world.shop.ends[f"{TOOL}.after"] = Told(text="찾았어요")
    world.clock.move(seconds=5)
    both = await asyncio.gather(a_reconciler(world, board).sweep(), a_reconciler(world, board).sweep())
    assert sum(counts["done"] for counts in both) == 1
    assert len(board.heard) == 1


async def test_a_reconciler_that_dies_in_a_look_loses_nothing(
    world: World, reconciler: Reconciler, board: Board
) -> None:
    effect = await a_lost_write(world)
    world.clock.move(seconds=5)

    async def dies(call: Call) -> Outcome:
        raise asyncio.CancelledError

    world.shop.ends[f"{TOOL}.after"] = dies
    with pytest.raises(asyncio.CancelledError):
        await reconciler.look(world.org, effect)
    assert await reconciler.look(world.org, effect) is None, "its lease holds for half a minute"
    world.shop.ends[f"{TOOL}.after"] = Told(text="찾았어요")
    world.clock.move(seconds=30)
    assert (await reconciler.sweep())["done"] == 1


async def test_a_process_that_died_in_the_middle_leaves_a_whole_audit(
    world: World, reconciler: Reconciler, board: Board
) -> None:
    """The claim and its opened row are there, nothing else: the state a kill leaves behind."""

    async def never(call: Call) -> Outcome:
        raise asyncio.CancelledError

    world.shop.ends[TOOL] = never
    with pytest.raises(asyncio.CancelledError):
        await world.gate.call(world.agent(), TOOL, {}, key="conv:1:create_handoff:7")
    assert [(row["phase"], row["status"]) for row in await world.audit()] == [("opened", "opened")]
    assert await states(world) == ["running"]
    world.shop.ends[f"{TOOL}.after"] = Told(text="찾았어요")
    world.clock.move(seconds=14.9)
    assert not world.shop.looks
    assert (await reconciler.sweep())["done"] == 0, "its holder may be alive until its lease is over"
    world.clock.move(seconds=0.1)
    assert (await reconciler.sweep())["done"] == 1
    opened, closed = await world.audit()
    assert (closed["phase"], closed["status"], closed["call_id"]) == ("closed", "success", opened["call_id"])
    assert closed["request_payload"] == opened["request_payload"]
    async with world.db.org(world.org) as tx:
        assert (await verify(tx, world.org, "tools")).whole


async def test_an_opened_row_is_closed_as_unknown_after_a_minute(world: World, reconciler: Reconciler) -> None:
    async def never(call: Call) -> Outcome:
        raise asyncio.CancelledError

    world.shop.ends[TOOL] = never
    with pytest.raises(asyncio.CancelledError):
        await world.gate.call(world.agent(), TOOL, {}, key="conv:1:create_handoff:7")
    world.clock.move(seconds=15)
    await reconciler.sweep()
    assert len(await world.audit()) == 1
    world.clock.move(seconds=60)
    await reconciler.sweep()
    assert [(row["phase"], row["status"]) for row in await world.audit()] == [
        ("opened", "opened"),
        ("closed", "unknown"),
    ]
    world.shop.ends[f"{TOOL}.after"] = Told(text="찾았어요")
    world.clock.move(seconds=600)
    assert (await reconciler.sweep())["done"] == 1
    assert len(await world.audit()) == 2, "the end is told by the event EFFECT_RECONCILED"
    assert await events(world) == ["EFFECT_RECONCILED"]


async def events(world: World) -> list[str]:
    async with world.db.org(world.org) as tx:
        return [row["event_type"] for row in await tx.fetch("select event_type from f_audit_events order by chain_seq")]


async def test_a_clients_lost_write_is_not_told_to_the_shopper(
    world: World, reconciler: Reconciler, board: Board
) -> None:
    caller = world.mcp("tools:write")
    await a_lost_write(world, caller=caller, key="api:token-1:abcdefgh")
    world.shop.ends[f"{TOOL}.after"] = Told(text="찾았어요")
    world.clock.move(seconds=5)
    assert (await reconciler.sweep())["done"] == 1
    assert board.heard == []


@pytest.mark.parametrize("gone", [True, False])
async def test_where_nobody_can_be_asked_a_person_decides_at_once(world: World, board: Board, gone: bool) -> None:
    """The tool is gone, or, as with a foreign server's, nothing says what became of a write."""
    await a_lost_write(world)

    async def found(caller: Caller, name: str) -> Tool | None:
        tool = await world.gate.find(caller, name)
        return None if gone or tool is None else replace(tool, reconcile=None)

    reconciler = Reconciler(world.db, world.gate.effects, found, world.clock, people=board, told=board.told)
    world.clock.move(seconds=LOOKS[0].total_seconds())
    await reconciler.sweep()
    assert len(board.stuck_with) == 1
    world.clock.move(seconds=LOOKS[1].total_seconds())
    assert not await reconciler.sweep()
    assert await states(world) == ["unknown"]


async def test_proposals_that_ran_out_are_voided_and_asked_of_nobody_any_more(world: World) -> None:
    board = Board()
    world.gate.effects._people = board  # pyright: ignore[reportPrivateUsage] - as the composition root hands it in
    order: Mapping[str, Any] = {"order_id": "20260314-0000127", "zipcode": "06236"}
    caller = world.member(grants=(world.grant(),))
    needs = await world.gate.call(caller, "update_order_shipping_address", order, key="api:m:abcdefgh")
    assert isinstance(needs, NeedsConfirmation)
    assert [proposal.effect for proposal in board.asked_of] == [needs.effect]
    reconciler = a_reconciler(world, board)
    world.clock.move(minutes=9, seconds=59)
    assert (await reconciler.sweep())["lapsed"] == 0
    world.clock.move(seconds=1)
    assert (await reconciler.sweep())["lapsed"] == 1
    assert board.ended == [(needs.effect, "expired")]
