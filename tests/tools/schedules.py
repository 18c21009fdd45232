"""Schedules of one write: clicks, double clicks, lost answers, kills, retries and looks in any order, on two processes.

The mall of these schedules counts what it did for each key. Whatever the order, it did it once at most, and what the product says in the
end is what the mall did. `test_schedules.py` runs a few dozen, `benchmarks/schedules.py` ten thousand.
"""

import asyncio
import base64
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.tools.world import Strict, Told, execute

from sangdam.core.clock import SettableClock
from sangdam.core.ids import CallId, EffectId, OrgId, SessionId, new_uuid
from sangdam.db import Database
from sangdam.db.testing import Addresses, Cluster
from sangdam.orgs import Hasher, KeyRing
from sangdam.tools import ByShopper, Gate, Registry, seed_policies, sync_catalogue
from sangdam.tools.model import (
    Assurance,
    Call,
    Caller,
    CallerKind,
    DefaultPolicy,
    Done,
    Failed,
    NeedsConfirmation,
    Outcome,
    Preview,
    Refusal,
    Tool,
    Undecided,
    Unknown,
    UpstreamCall,
)
from sangdam.tools.reconciler import LOOKS, Reconciler

BEGINNING = datetime(2026, 3, 14, 5, 0, tzinfo=UTC)
LATE = timedelta(seconds=20)
"""The latest a mall does what it was sent, after the connection is gone: less than the look that believes in absence."""
STEP_SECONDS = 20.0
"""Real time a step may take at most."""

DEADLINE = 10.0
"""Of the tool, in the seconds of the schedule: the gate ends a run by then."""

Before = Literal["send", "crash", "reject", "busy", "timeout"]
After = Literal[
    "made",
    "lost_made",
    "lost_unmade",
    "late",
    "crash_made",
    "crash_unmade",
    "crash_late",
    "bug_made",
    "turned_down",
    "timeout_made",
    "timeout_unmade",
    "timeout_late",
]


class Parcel(Strict):
    to: str


@dataclass
class Flight:
    """One run of the tool, stopped where the test decides how it goes on."""

    key: str
    begun: datetime
    stage: Literal["before", "after"] = "before"
    parked: asyncio.Event = field(default_factory=asyncio.Event)
    decided: "asyncio.Future[str]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def next(self, stage: Literal["before", "after"]) -> str:
        self.stage, self.decided = stage, asyncio.get_running_loop().create_future()
        self.parked.set()
        return await self.decided


@dataclass
class ToyMall:
    clock: SettableClock
    made: Counter[str] = field(default_factory=Counter[str])
    effects: set[EffectId] = field(default_factory=set[EffectId])
    coming: list[tuple[datetime, str, EffectId]] = field(default_factory=list[tuple[datetime, str, EffectId]])
    blind: bool = False
    """It does not answer looks."""

    def make(self, key: str, effect: EffectId) -> None:
        self.made[key] += 1
        self.effects.add(effect)

    def arrive(self) -> None:
        now = self.clock.now()
        for entry in [entry for entry in self.coming if entry[0] <= now]:
            self.coming.remove(entry)
            self.make(entry[1], entry[2])


class Stage:
    """An org with two processes' gates and reconcilers over one database; shared by all schedules of a run."""

    def __init__(self, db: Database, org: OrgId, gates: list[Gate], reconcilers: list[Reconciler], clock: SettableClock, mall: ToyMall) -> None:  # fmt: skip
        self.db = db
        self.org = org
        self.gates = gates
        self.reconcilers = reconcilers
        self.clock = clock
        self.mall = mall
        self.flights: dict[CallId, Flight] = {}

    @classmethod
    async def build(cls, addresses: Addresses, *, slug: str = "schedules") -> "Stage":
        clock = SettableClock(BEGINNING)
        mall = ToyMall(clock)
        db = await Database.open(addresses.app, min_size=1, max_size=6)
        flights: dict[CallId, Flight] = {}
        registry = Registry(_tools(mall, flights))
        org = OrgId(new_uuid())
        await execute(
            addresses.owner, f"insert into a_iam_organizations (id, name, slug) values ('{org}', '달빛샵', '{slug}')"
        )
        async with await Database.open(addresses.owner, max_size=1) as owner, owner.system() as tx:
            await sync_catalogue(tx, registry)
        async with db.org(org) as tx:
            await seed_policies(tx, org, registry)
        keyring, hasher = KeyRing.parse("k1:" + base64.b64encode(b"k" * 32).decode()), Hasher(b"pepper" * 8)
        gates = [Gate(db, registry, keyring, hasher, clock, duplicate_wait_s=0.0) for _ in range(2)]
        reconcilers = [Reconciler(db, gate.effects, gate.find, clock) for gate in gates]
        stage = cls(db, org, gates, reconcilers, clock, mall)
        stage.flights = flights
        return stage


def _tools(mall: ToyMall, flights: dict[CallId, Flight]) -> list[Tool]:
    async def run(call: Call, given: Parcel) -> Told | Refusal:
        assert call.effect is not None
        flight = flights[call.id] = Flight(given.to, mall.clock.now())
        match await flight.next("before"):
            case "crash":
                raise asyncio.CancelledError
            case "reject":
                return Failed("CAFE24_REJECTED")
            case "busy":
                return Failed("CAFE24_RATE_LIMITED", retryable=True)
            case "timeout":
                raise TimeoutError
            case _:
                pass
        call.sent = True
        call.upstream.append(UpstreamCall("POST /parcels", None, 1, 1))
        fate = await flight.next("after")
        if fate.endswith("made") and not fate.endswith("unmade"):
            mall.make(given.to, call.effect)
        if fate.endswith("late"):
            mall.coming.append((mall.clock.now() + LATE, given.to, call.effect))
        if fate.startswith("crash"):
            raise asyncio.CancelledError
        if fate.startswith("timeout"):
            raise TimeoutError
        if fate.startswith("bug"):
            raise RuntimeError("a bug after the request left")
        if fate == "turned_down":
            return Failed("CAFE24_REJECTED")
        return Told(text="보냈어요") if fate == "made" else Unknown("CAFE24_TIMEOUT", call.effect)

    async def look(call: Call, given: Parcel) -> Told | Failed | Undecided:
        if mall.blind:
            return Undecided()
        found = call.effect in mall.effects
        return Told(text="보냈어요") if found else Failed("CAFE24_NOT_FOUND", retryable=True)

    async def preview(call: Call, given: Parcel) -> Preview:
        return Preview(arguments=given.model_dump(), shown={"to": given.to})

    def tool(name: str, *, confirmation: bool) -> Tool:
        return Tool(
            name=name, display_name=name, display_name_en=name, description=name, provider="cafe24", effect="write", assurance=Assurance.ANONYMOUS, input=Parcel, output=Told,
            default_policy=DefaultPolicy(frozenset(CallerKind), 6000, 6000), run=run, reconcile=look, confirmation=confirmation, preview=preview if confirmation else None,
            deadline_s=DEADLINE,
        )  # fmt: skip

    return [tool("send", confirmation=False), tool("send_confirmed", confirmation=True)]


@dataclass
class Click:
    call: CallId
    task: "asyncio.Task[Outcome]"
    crashed: bool = False


class Schedules(RuleBasedStateMachine):
    """One shopper, one wish, one key."""

    stage: Stage
    runner: asyncio.Runner
    counted: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.stage.clock.move(hours=1)
        self.stage.mall.blind = False
        self.stage.flights.clear()
        self.key = str(new_uuid())
        self.run_id = new_uuid()
        self.session = SessionId(new_uuid())
        self.clicks: list[Click] = []
        self.attempts = 0
        self.tool = "send"
        self.digest: str | None = None
        self.effect: EffectId | None = None
        self.counted["schedules"] += 1

    # What may happen

    # What stands or waits may hang on which of two real connections was first: so a rule may always be drawn, and does nothing where
    # there is nothing to do.

    @rule()
    def with_confirmation(self) -> None:
        if not self.clicks:
            self.tool = "send_confirmed"

    @rule(process=st.integers(0, 1), fate=st.sampled_from((None, *get_args(After), *get_args(Before))))
    def click(self, process: int, fate: str | None) -> None:
        """Once; and unless it stops on its way, what comes of it."""
        self._do(self._clicked(process, times=1))
        if fate in get_args(Before) and self._parked("before"):
            self._do(self._decide("before", fate or ""))
        elif fate is not None and self._parked("before"):
            self._do(self._decide("before", "send"))
            self._do(self._decide("after", fate))

    @rule(process=st.integers(0, 1), times=st.integers(2, 4))
    def double_click(self, process: int, times: int) -> None:
        self._do(self._clicked(process, times=times))

    @rule()
    def say_yes(self) -> None:
        if self.tool == "send_confirmed" and self.effect is not None:
            self._do(self.stage.gates[0].effects.confirm(self.stage.org, self.effect, by=ByShopper(1)))

    @rule(fate=st.sampled_from(get_args(Before)))
    def leave(self, fate: str) -> None:
        if self._parked("before"):
            self._do(self._decide("before", fate))

    @rule(fate=st.sampled_from(get_args(After)))
    def come_back(self, fate: str) -> None:
        if self._parked("after"):
            self._do(self._decide("after", fate))

    @rule(seconds=st.sampled_from((1, 5, 10, 26, 31, 120, 601)))
    def wait(self, seconds: int) -> None:
        self._do(self._pass(seconds))

    @rule(process=st.integers(0, 1), blind=st.booleans())
    def look(self, process: int, blind: bool) -> None:
        self._do(self._sweep((process,), blind=blind))

    @rule()
    def both_look(self) -> None:
        self._do(self._sweep((0, 1), blind=False))

    # What holds

    @invariant()
    def at_most_once(self) -> None:
        assert self.stage.mall.made[self.key] <= 1, "the mall did it twice"

    def teardown(self) -> None:
        self._do(self._end())

    # How

    def _do(self, work: Any) -> None:
        self.runner.run(asyncio.wait_for(work, STEP_SECONDS))
        self.at_most_once()

    def _parked(self, stage: str) -> list[Click]:
        return [
            click
            for click in self.clicks
            if not click.task.done()
            and click.call in self.stage.flights
            and self.stage.flights[click.call].stage == stage
        ]

    def _caller(self) -> Caller:
        return Caller(
            org=self.stage.org,
            kind=CallerKind.AGENT,
            id="family",
            trace_id="t" * 32,
            agent_tools=frozenset({"send", "send_confirmed"}),
            session=self.session,
        )

    async def _clicked(self, process: int, *, times: int) -> None:
        key = f"conv:{self.session}:{self.run_id}:{self.tool}"
        for number in range(times):
            call = CallId(new_uuid())
            gate = self.stage.gates[(process + number) % 2]
            task = asyncio.create_task(
                gate.call(self._caller(), self.tool, {"to": self.key}, key=key, confirmation=self.digest, call_id=call)
            )
            self.clicks.append(Click(call, task))
            self.attempts += 1
        for click in self.clicks[-times:]:
            await self._settled(click)
        for click in self.clicks[-times:]:
            self._learn(click)

    async def _settled(self, click: Click) -> None:
        """Until it is decided, or waits for the test to decide."""
        while not click.task.done():
            flight = self.stage.flights.get(click.call)
            if flight is not None and flight.parked.is_set():
                return
            await asyncio.wait({click.task}, timeout=0.002)

    def _learn(self, click: Click) -> None:
        if not click.task.done() or click.task.cancelled():
            return
        outcome = click.task.result()
        self.counted[type(outcome).__name__] += 1
        if isinstance(outcome, NeedsConfirmation):
            self.digest, self.effect = outcome.digest, outcome.effect

    async def _decide(self, stage: str, fate: str, click: Click | None = None) -> None:
        click = click or self._parked(stage)[0]
        flight = self.stage.flights[click.call]
        flight.parked.clear()
        flight.decided.set_result(fate)
        click.crashed = fate.startswith("crash")
        self.counted[fate] += 1
        if click.crashed:
            await asyncio.wait({click.task})
            assert click.task.cancelled()
        else:
            await self._settled(click)
        self._learn(click)

    async def _pass(self, seconds: float) -> None:
        """Time goes on: runs that reach their deadline are ended by the gate, what was sent late arrives."""
        until = self.stage.clock.now() + timedelta(seconds=seconds)
        for stage, fate in (("before", "timeout"), ("after", "timeout_late")):
            while parked := [click for click in self._parked(stage) if self._deadline(click) <= until]:
                self.stage.clock.at = max(self.stage.clock.now(), self._deadline(parked[0]))
                await self._decide(stage, fate, parked[0])
        self.stage.clock.at = until
        self.stage.mall.arrive()

    def _deadline(self, click: Click) -> datetime:
        return self.stage.flights[click.call].begun + timedelta(seconds=DEADLINE)

    async def _sweep(self, processes: tuple[int, ...], *, blind: bool) -> None:
        self.stage.mall.blind = blind
        await asyncio.gather(*(self.stage.reconcilers[process].sweep() for process in processes))
        self.stage.mall.blind = False

    async def _end(self) -> None:
        """Everything under way dies, then time goes on and the mall answers: what is said in the end is what happened."""
        while self._parked("before"):
            await self._decide("before", "crash")
        while self._parked("after"):
            await self._decide("after", "crash_unmade")
        stage = self.stage
        for _ in range(2 + len(LOOKS)):
            await self._pass(31)
            await self._sweep((0,), blind=False)
        await self._pass(601)
        await self._sweep((0,), blind=False)
        made = stage.mall.made[self.key]
        effects, closed = await self._records()
        live = [effect for effect in effects if effect["state"] != "void"]
        assert len(live) <= 1
        for effect in live:
            self.counted[f"ended {effect['state']}"] += 1
            match effect["state"]:
                case "done":
                    assert made == 1
                case "failed":
                    assert made == 0
                case "unknown":
                    assert effect["looks"] == len(LOOKS), "only when the mall never told, and then a person looks"
                case state:
                    raise AssertionError(f"nothing may stay {state}")
        if not live:
            assert made == 0
        assert closed == self.attempts, "every attempt has its closed row"
        await self._once_more(made, live[0]["state"] if live else None)

    async def _once_more(self, made: int, state: str | None) -> None:
        """A shopper who tries again is told the same, or it happens now; never twice."""
        await self._clicked(1, times=1)
        if self.tool == "send_confirmed" and self.effect is not None and state not in ("done", "unknown"):
            await self.stage.gates[0].effects.confirm(self.stage.org, self.effect, by=ByShopper(2))
            await self._clicked(0, times=1)
        if self._parked("before"):
            assert state in (None, "failed")
            assert made == 0
            await self._decide("before", "send")
            await self._decide("after", "made")
        last = self.clicks[-1].task.result()
        match state:
            case "done":
                assert isinstance(last, Done | NeedsConfirmation), last
                assert self.stage.mall.made[self.key] == 1
            case "unknown":
                assert isinstance(last, Unknown | NeedsConfirmation), last
            case _:
                assert isinstance(last, Done | Failed | NeedsConfirmation), last
        self.at_most_once()

    async def _records(self) -> tuple[list[dict[str, Any]], int]:
        async with self.stage.db.org(self.stage.org) as tx:
            effects = await tx.fetch("select state, looks from e_ops_effects where session_id = $1", self.session)
            closed = await tx.fetchval(
                "select count(distinct call_id) from f_audit_mcp_tools where session_id = $1 and phase = 'closed'", self.session
            )  # fmt: skip
            return [dict(row.items()) for row in effects], int(closed)


def run_schedules(cluster: Cluster, count: int, *, steps: int = 25) -> Counter[str]:
    """What came of at least `count` schedules of so many steps; raises at the first that did something twice or ended untrue."""

    class Mine(Schedules):
        counted: ClassVar[Counter[str]] = Counter()

    chosen = settings(
        max_examples=count, stateful_step_count=steps, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
    )  # fmt: skip
    with cluster.kept_database() as addresses, asyncio.Runner() as runner:
        Mine.runner, Mine.stage = runner, runner.run(Stage.build(addresses))
        try:
            run_state_machine_as_test(Mine, settings=chosen)
        finally:
            runner.run(Mine.stage.db.close())
    return Mine.counted
