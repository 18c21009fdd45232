"""What became of writes whose end was lost: the shop is asked at 5 s, 30 s, 2 min and 10 min, then a person.

A look only reads. Its answer settles the effect, closes the audit row that the lost call left open, and is told to the conversation,
all in one transaction. Two processes never look at one effect at a time.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from sangdam.core.clock import Clock
from sangdam.core.errors import SangdamError
from sangdam.core.ids import CallId, EffectId, OrgId, SessionId, new_trace_id, new_uuid
from sangdam.db.chain import AuditCall, AuditEvent, EventType, Status, append
from sangdam.db.database import Database, Transaction
from sangdam.tools import store
from sangdam.tools.effects import LOOK_AFTER, Effects, People, Stuck, pack
from sangdam.tools.masking import masked
from sangdam.tools.model import Call, Caller, CallerKind, Done, Failed, Outcome, Tool, Undecided, Unknown

LOOKS = (LOOK_AFTER, timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
"""After the end was lost."""
PROVEN_BY_LOOK = 1
"""From this look on (counted from 0) nothing found means that nothing happened: before, it may still be under way."""
CLOSED_AFTER = timedelta(seconds=60)
"""An audit row still open by then is closed as `unknown`, whatever comes of it later."""
LOOK_SECONDS = 10.0
LOOK_LEASE = timedelta(seconds=30)
BATCH = 50
ABREAST = 4
PAUSE_SECONDS = 1.0

FindTool = Callable[[Caller, str], Awaitable[Tool | None]]
Told = Callable[[Transaction, OrgId, SessionId, str, Outcome], Awaitable[None]]
"""Says to a conversation what is true now: of which tool, `Done` or `Failed`; `Unknown` when a person looks from here on."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Looked:
    effect: EffectId
    outcome: Outcome
    """`Unknown` while it stays open."""


class Reconciler:
    def __init__(
        self,
        db: Database,
        effects: Effects,
        find: FindTool,
        clock: Clock,
        *,
        people: People | None = None,
        told: Told | None = None,
    ) -> None:
        self._db = db
        self._effects = effects
        self._find = find
        self._clock = clock
        self._people = people
        self._told = told
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._stop.clear()
        self._running = asyncio.create_task(self._run(), name="reconciler")

    async def stop(self) -> None:
        self._stop.set()
        if self._running is not None:
            await self._running
            self._running = None

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                await self.sweep()
            except SangdamError as error:
                log.warning("reconciler_swept_in_vain", code=error.code)
            try:
                async with asyncio.timeout(PAUSE_SECONDS):
                    await self._stop.wait()
            except TimeoutError:
                continue

    async def sweep(self) -> Counter[str]:
        """Looks at all that is due, of every organisation, and voids proposals that ran out. Counts `done`, `failed`, `open`, `broken`, `lapsed`."""
        counts: Counter[str] = Counter()
        async with self._db.system() as tx:
            due = await store.due_looks(tx, self._clock.now(), BATCH)
            lapsed = await store.lapsed_orgs(tx, self._clock.now(), BATCH)
        beside = asyncio.Semaphore(ABREAST)

        async def one(org: OrgId, effect: EffectId) -> None:
            async with beside:
                try:
                    looked = await self.look(org, effect)
                except Exception as error:  # noqa: BLE001 - one effect that cannot be looked at must not hide the others
                    log.error("look_broke", effect_id=str(effect), error=type(error).__name__)
                    counts["broken"] += 1
                    return
            if looked is not None:
                counts[_counted(looked.outcome)] += 1

        await asyncio.gather(*(one(org, effect) for org, effect in due))
        for org in lapsed:
            async with self._db.org(org) as tx:
                counts["lapsed"] += len(await self._effects.void_expired(tx, org))
        return counts

    async def look(self, org: OrgId, effect: EffectId) -> Looked | None:
        """One look, if one is due and nobody else is looking."""
        now = self._clock.now()
        async with self._db.org(org) as tx:
            found = await store.begin_look(tx, org, effect, now=now, until=now + LOOK_LEASE)
        if found is None:
            return None
        caller = _caller(org, found)
        tool = await self._find(caller, found.tool_name)
        outcome = await self._ask(tool, found, caller)
        if isinstance(outcome, Failed) and found.looks < PROVEN_BY_LOOK:
            outcome = Unknown(found.code or "INTERNAL_ERROR", found.id)
        return Looked(found.id, await self._settle(org, found, tool, caller, outcome))

    async def _ask(self, tool: Tool | None, effect: store.Effect, caller: Caller) -> Done | Failed | Unknown:
        lost = Unknown(effect.code or "INTERNAL_ERROR", effect.id)
        if tool is None or tool.reconcile is None:
            return lost
        arguments = self._effects.arguments_of(tool, caller.org, effect)
        if arguments is None:
            return lost
        call = Call(
            id=CallId(new_uuid()),
            caller=caller,
            clock=self._clock,
            deadline=self._clock.monotonic() + LOOK_SECONDS,
            effect=effect.id,
            key=effect.key,
            begun_at=effect.started_at,
        )
        try:
            async with asyncio.timeout(LOOK_SECONDS + 1.0):
                answer = await tool.reconcile(call, arguments)
        except TimeoutError:
            return lost
        except Exception as error:  # noqa: BLE001 - a look that breaks has seen nothing
            log.warning("look_raised", tool=tool.name, effect_id=str(effect.id), error=type(error).__name__)
            return lost
        match answer:
            case Undecided():
                return lost
            case Failed():
                return answer
            case _ if isinstance(answer, tool.output):
                return Done(answer.model_dump(mode="json"))
            case _:
                log.error("look_of_another_shape", tool=tool.name, shape=type(answer).__name__)
                return lost

    async def _settle(
        self, org: OrgId, effect: store.Effect, tool: Tool | None, caller: Caller, outcome: Done | Failed | Unknown
    ) -> Done | Failed | Unknown:
        """One transaction: the effect, the audit, the people, the conversation."""
        now = self._clock.now()
        masks = frozenset(tool.masking) if tool is not None else frozenset[str]()
        # Where nothing can be asked, as with an organisation's own server, waiting would find nothing either.
        last = effect.looks + 1 >= len(LOOKS) or tool is None or tool.reconcile is None
        age = now - (effect.started_at or now)
        async with self._db.org(org) as tx:
            if isinstance(outcome, Unknown):
                following = None if last else max(now, (effect.finished_at or now) + LOOKS[effect.looks + 1])
                if not await store.end_look(tx, org, effect.id, next_look_at=following):
                    return outcome
                rows = (
                    await self._left_open(tx, org, effect, outcome, masks, now) if last or age >= CLOSED_AFTER else ()
                )
                if last:
                    await self._put_before_people(tx, org, effect, now)
                await append(tx, org, calls=rows)
                return outcome
            if not await self._effects.settle(tx, org, effect.id, outcome, masks=masks):
                return outcome
            if self._people is not None:
                await self._people.settled(tx, org, effect.id, said=_counted(outcome), now=now)
            await self._tell(tx, org, effect, outcome)
            rows = await self._left_open(tx, org, effect, outcome, masks, now)
            payload = {
                "effect_id": effect.id, "tool": effect.tool_name, "outcome": _counted(outcome), "look": effect.looks,
                "code": outcome.code if isinstance(outcome, Failed) else None,
            }  # fmt: skip
            event = AuditEvent(
                EventType.EFFECT_RECONCILED,
                {"kind": "reconciler"},
                now,
                caller.trace_id,
                payload,
                session=effect.session,
            )
            await append(tx, org, events=[event], calls=rows)
        log.info("effect_reconciled", effect_id=str(effect.id), tool=effect.tool_name, outcome=_counted(outcome))
        return outcome

    async def _put_before_people(self, tx: Transaction, org: OrgId, effect: store.Effect, now: datetime) -> None:
        code = effect.code or "INTERNAL_ERROR"
        if self._people is not None:
            stuck = Stuck(effect.id, effect.tool_name, effect.preview, effect.session, effect.turn, code)
            await self._people.stuck(tx, org, stuck, now=now)
        await self._tell(tx, org, effect, Unknown(code, effect.id))

    async def _tell(self, tx: Transaction, org: OrgId, effect: store.Effect, outcome: Outcome) -> None:
        """A client that called on its own asks again with its key; a shopper is told."""
        if self._told is not None and effect.session is not None and effect.caller.get("kind") == "agent":
            await self._told(tx, org, effect.session, effect.tool_name, outcome)

    async def _left_open(
        self, tx: Transaction, org: OrgId, effect: store.Effect, outcome: Outcome, masks: frozenset[str], now: datetime
    ) -> tuple[AuditCall, ...]:
        """The closing rows of calls that never closed theirs."""
        response, touched = masked(pack(outcome), masks)
        code = None if isinstance(outcome, Done) else outcome.code
        status: Status = (
            "success" if isinstance(outcome, Done) else "unknown" if isinstance(outcome, Unknown) else "error"
        )
        return tuple(
            replace(
                opened,
                phase="closed",
                status=status,
                code=code,
                response=response,
                masked_fields=tuple(sorted({*opened.masked_fields, *touched})),
                latency_ms=max(0, round((now - opened.at).total_seconds() * 1000)),
                at=now,
            )
            for opened in await store.calls_left_open(tx, org, effect.id)
        )


def _counted(outcome: Outcome) -> str:
    match outcome:
        case Done():
            return "done"
        case Failed():
            return "failed"
        case _:
            return "open"


def _caller(org: OrgId, effect: store.Effect) -> Caller:
    return Caller(
        org=org,
        kind=CallerKind.MEMBER,
        id="reconciler",
        trace_id=new_trace_id(),
        session=effect.session,
        on_behalf=False,
        staff_reason="결과를 알 수 없는 변경 확인",
    )
