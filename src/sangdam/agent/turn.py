"""One turn: understand, decide, act through the gate, answer. The shell around the pure dialogue.

A turn that needs no tool is one transaction under the conversation's lock. One that does is written down first, so that another
process can take it over, and each finished call is recorded at once; its answer is stored only if nothing was said meanwhile.
"""

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog

from sangdam.agent import dialogue
from sangdam.agent.agents import Agent, Agents
from sangdam.agent.commands import as_json
from sangdam.agent.dialogue import Draft, Event, Surroundings
from sangdam.agent.flow import Calling, Identity, Say
from sangdam.agent.reply import Reply, compose
from sangdam.agent.state import (
    Proof,
    State,
    context_of,
    from_memory,
    pack_outcome,
    projection,
    to_memory,
    unpack_outcome,
)
from sangdam.agent.understand import Understanding
from sangdam.conversations.review import Review
from sangdam.conversations.turns import Closing, Heard, Loaded, Opening, TurnBook
from sangdam.core.clock import Clock, kst_date
from sangdam.core.ids import CallId, OrgId, SessionId, TurnId, new_trace_id
from sangdam.core.mask import mask_text
from sangdam.db import chain
from sangdam.db.chain import AuditEvent, EventType
from sangdam.db.database import Database, Transaction
from sangdam.tools.gate import Gate
from sangdam.tools.model import Assurance, Caller, CallerKind, Denied, Done, Failed, Grant, Outcome, Stamp

log = structlog.get_logger(__name__)

TURN_SECONDS = 20.0
LEASE_SECONDS = 6.0
CALLS_PER_MESSAGE = 4
MAX_TRIES = 6
LOW_SCORE = 2
"""A rating that staff look at."""
PROVES = frozenset({"verify_otp", "verify_orderer"})

Grants = Callable[[OrgId, SessionId, datetime], Awaitable[tuple[Grant, ...]]]
Hint = Callable[[OrgId, SessionId, TurnId, str], Awaitable[None]]


@dataclass(frozen=True)
class Shop:
    """What a turn says and assumes of the org: its name and what this deployment has for it."""

    name: str
    features: frozenset[str]
    retention_days: int


Shops = Callable[[OrgId], Awaitable[Shop]]
Worked = Literal["answered", "partly", "superseded", "nothing", "busy", "skipped"]


@dataclass
class Work:
    """A turn in memory: the state as it changes, what is to be said, and the trail its audit rows refer to."""

    loaded: Loaded
    opening: Opening
    agent: Agent
    shop: Shop
    state: State
    around: Surroundings
    queue: list[Heard]
    carried: dict[str, Any]
    draft: Draft = field(default_factory=Draft)
    seq: int = 0
    calls: int = 0
    call_ids: list[CallId] = field(default_factory=list[CallId])
    trail: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    texts: list[str] = field(default_factory=list[str])
    """The trail's entries as canonical JSON, for the audit rows that refer to them."""
    marked: State | None = None
    events: list[AuditEvent] = field(default_factory=list[AuditEvent])
    commands: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    reading: dict[str, Any] = field(default_factory=dict[str, Any])
    intent: str | None = None
    grants: tuple[Grant, ...] | None = None
    logged: int = 0
    persisted: bool = False

    @property
    def context(self) -> dict[str, Any]:
        return context_of(
            self.state, session=self.loaded.session, turn=self.opening.turn, rev=self.loaded.state_rev + 1
        )

    def mark(self) -> int:
        """The index of the state's projection in the trail, appended when it changed."""
        if self.marked is not self.state:
            self.marked = self.state
            now = projection(self.context)
            if not self.trail or self.trail[-1] != now:
                self.trail.append(now)
                self.texts.append(json.dumps(now, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
        return len(self.trail) - 1

    def event(self, type: EventType, payload: Mapping[str, Any], at: datetime) -> None:
        number = self.mark()
        self.events.append(
            AuditEvent(
                type,
                {"kind": "agent", "id": str(self.agent.family)},
                at,
                self.opening.trace_id,
                payload,
                self.loaded.session,
                self.opening.turn,
                self.loaded.state_rev + 1,
                number,
                self.texts[number],
            )
        )

    def stamp(self) -> Stamp:
        number = self.mark()
        return Stamp(self.opening.turn, self.loaded.state_rev + 1, number, self.texts[number])


class Turns:
    """Works the turns of conversations. Safe to run in any number of processes."""

    def __init__(
        self, db: Database, gate: Gate, understanding: Understanding, agents: Agents, *, book: TurnBook, clock: Clock, grants: Grants, shops: Shops, review: Review,
        hint: Hint, holder: str,
    ) -> None:  # fmt: skip
        self._db = db
        self._gate = gate
        self._understanding = understanding
        self._agents = agents
        self._book = book
        self._clock = clock
        self._grants = grants
        self._shops = shops
        self._review = review
        self._hint = hint
        self._holder = holder
        self.open: dict[TurnId, OrgId] = {}
        """Turns this process is working on, whose leases it has to renew."""

    async def work(self, org: OrgId, session: SessionId) -> Worked:
        """Answers what the conversation owes.

        `superseded`: newer words came, call again; `partly`: more is owed than one turn hears, call again; `busy`: somebody alive works on it.
        """
        shop = await self._shops(org)
        async with self._db.org(org) as tx:
            loaded = await self._book.load(org, tx, session)
            if loaded is None or loaded.owed_seq <= loaded.answered_seq:
                return "nothing"
            if loaded.speaker != "bot" or loaded.status == "closed" or not loaded.heard:
                await self._book.skip(org, tx, session, loaded.owed_seq)
                return "skipped"
            now = self._clock.now()
            if loaded.open_turn is not None and loaded.open_turn.lease_until > now:
                return "busy"
            agent = await self._agents.get(tx, org, loaded.agent)
            work = self._begin(loaded, agent, shop, now)
            if loaded.open_turn is not None:
                reason = "newer_words" if loaded.open_turn.holder == self._holder else "holder_died"
                await self._book.supersede(org, tx, loaded.open_turn.id, at=now, reason=reason)
                work.event(EventType.TURN_SUPERSEDED, {"turn": str(loaded.open_turn.id), "reason": reason}, now)
            calling = self._guarded(work)
            if calling is None:
                return await self._finish(org, tx, work)
            await self._open(org, tx, work)
        return await self._act(org, work, calling)

    def _begin(self, loaded: Loaded, agent: Agent, shop: Shop, now: datetime) -> Work:
        turn = TurnId(uuid.uuid4())
        opening = Opening(
            turn, loaded.last_turn_no + 1, loaded.heard[0].seq, max(heard.seq for heard in loaded.heard), new_trace_id(), self._holder, now + timedelta(seconds=LEASE_SECONDS), now,
        )  # fmt: skip
        state = from_memory(loaded.memory) if loaded.memory else State(language=loaded.language)
        state = replace(state, greeted=state.greeted or loaded.heard[0].seq > 1)
        around = Surroundings(shop.features, kst_date(now).isoformat(), turn)
        carried = dict(loaded.open_turn.results) if loaded.open_turn is not None else {}
        work = Work(loaded, opening, agent, shop, state, around, list(loaded.heard), carried)
        work.event(EventType.TURN_OPENED, {"seq_from": opening.seq_from, "seq_to": opening.seq_to}, now)
        for heard in loaded.heard:
            work.event(EventType.MESSAGE_ACCEPTED, {"seq": heard.seq}, now)
        proof = work.state.proof
        if proof.expires_at is not None and proof.expires_at <= now:
            work.state = dialogue.lapsed(work.state)
            work.event(EventType.IDENTITY_EXPIRED, {}, now)
        if not work.state.greeted:
            work.draft.says.append(Say("opening.short"))
            work.state = replace(work.state, greeted=True)
        return work

    def _guarded(self, work: Work) -> Calling | None:
        """Runs the dialogue until it needs a tool or is done; a bug in it becomes an honest answer instead of silence."""
        try:
            if work.loaded.tries >= MAX_TRIES:
                raise RuntimeError("this state was given up too often")
            return self._run(work)
        except Exception:
            log.exception("turn_failed", session=str(work.loaded.session), trace=work.opening.trace_id)
            work.state = replace(
                from_memory(work.loaded.memory) if work.loaded.memory else State(language=work.loaded.language),
                greeted=True,
            )
            work.draft = Draft(says=[Say("failed")])
            work.queue.clear()
            now = self._clock.now()
            work.event(EventType.INTERNAL_ERROR, {"where": "turn"}, now)
            return None

    def _run(self, work: Work) -> Calling | None:
        while True:
            if work.seq == 0:
                if not work.queue:
                    return None
                self._hear(work, work.queue.pop(0))
            work.state, calling = dialogue.proceed(work.state, work.seq, work.draft, work.around)
            self._log_events(work)
            if calling is None:
                work.seq = 0
                continue
            if calling.key not in work.carried:
                return calling
            self._settle(work, calling, unpack_outcome(work.carried[calling.key]))

    def _hear(self, work: Work, heard: Heard) -> None:
        reading = self._understanding.read(heard.text, heard.action, work.state, work.around, now=heard.at)
        work.seq = heard.seq
        work.calls = 0
        work.commands.extend(as_json(command) for command in reading.commands)
        work.reading = {
            "source": reading.source,
            "confidence": round(reading.confidence, 3),
            "candidates": [[name, round(odds, 3)] for name, odds in reading.candidates[:3]],
        }
        work.event(
            EventType.COMMANDS_READ,
            {"seq": heard.seq, "commands": [type(command).__name__ for command in reading.commands]},
            self._clock.now(),
        )
        if heard.action is not None:
            work.state = replace(work.state, last_action=json.dumps(heard.action, sort_keys=True))
        work.state = dialogue.hear(work.state, reading, heard.seq, work.draft, work.around)
        work.intent = work.state.run.intent if work.state.run is not None else work.intent

    def _log_events(self, work: Work) -> None:
        now = self._clock.now()
        for event in work.draft.events[work.logged :]:
            work.event(EventType(event.type), event.payload, now)
        work.logged = len(work.draft.events)

    def _settle(self, work: Work, calling: Calling, outcome: Outcome) -> None:
        """Takes an outcome into the state."""
        if calling.step.tool == "create_handoff" and isinstance(outcome, Done):
            work.draft.handed_off = True
            work.draft.event("HANDOFF_REQUESTED", reason=calling.step.arguments.get("reason"))
        work.state = dialogue.outcome_known(work.state, calling, outcome, self._proof(work), work.draft)

    def _proof(self, work: Work) -> Proof:
        """The identity that the live grants amount to: the phone before the single order."""
        if work.grants is None:
            return work.state.proof
        now = self._clock.now()
        live = [grant for grant in work.grants if grant.expires_at > now]
        verified = [(grant, grant.phone) for grant in live if grant.level is Assurance.VERIFIED and grant.phone]
        if verified:
            best, phone = max(verified, key=lambda pair: pair[0].expires_at)
            purposes = tuple(
                sorted({purpose for grant, other in verified if other == phone for purpose in grant.purposes})
            )
            return Proof(
                Identity(Assurance.VERIFIED, None, phone.masked, purposes), str(best.id), "otp", best.expires_at
            )
        claimed = [grant for grant in live if grant.level is Assurance.CLAIMED]
        if claimed:
            best = max(claimed, key=lambda grant: grant.expires_at)
            return Proof(
                Identity(Assurance.CLAIMED, best.order_id, None, ("orders",)), str(best.id), "orderer", best.expires_at
            )
        return Proof()

    async def _open(self, org: OrgId, tx: Transaction, work: Work) -> None:
        """Writes the turn down, with everything its first call's audit row will refer to."""
        work.mark()
        await self._book.open(org, tx, work.loaded, work.opening, trail=work.trail, results=work.carried)
        await chain.append(tx, org, events=work.events)
        work.events = []
        work.persisted = True

    async def _act(self, org: OrgId, work: Work, calling: Calling | None) -> Worked:
        """The part with tools: call, record, go on, until the flow asks or ends."""
        self.open[work.opening.turn] = org
        started = self._clock.monotonic()
        try:
            while calling is not None:
                await self._hint(org, work.loaded.session, work.opening.turn, "checking")
                call = CallId(uuid.uuid4())
                outcome = await self._call(org, work, calling, call, spent=self._clock.monotonic() - started)
                work.carried[calling.key] = pack_outcome(outcome)
                work.call_ids.append(call)
                work.state = replace(
                    work.state,
                    facts=(
                        *work.state.facts,
                        {
                            "call_id": str(call),
                            "tool": calling.step.tool,
                            "at": self._clock.now().isoformat(),
                            "keys": sorted(outcome.result) if isinstance(outcome, Done) else [],
                        },
                    )[-10:],
                )
                self._settle(work, calling, outcome)
                calling = self._guarded(work)
                work.mark()
                async with self._db.org(org) as tx:
                    mine = await self._book.called(
                        org, tx, work.opening.turn, call=call, results=work.carried, trail=work.trail,
                        lease_until=self._clock.now() + timedelta(seconds=LEASE_SECONDS),
                    )  # fmt: skip
                    if not mine:
                        log.warning("turn_taken_over", session=str(work.loaded.session), turn=str(work.opening.turn))
                        return "superseded"
            async with self._db.org(org) as tx:
                return await self._finish(org, tx, work)
        finally:
            self.open.pop(work.opening.turn, None)

    async def _call(self, org: OrgId, work: Work, calling: Calling, call: CallId, *, spent: float) -> Outcome:
        work.calls += 1
        if work.calls > CALLS_PER_MESSAGE:
            return Denied("RATE_LIMIT")
        if spent > TURN_SECONDS:
            return Failed("CAFE24_TIMEOUT", retryable=True)
        if work.grants is None:
            work.grants = await self._grants(org, work.loaded.session, self._clock.now())
        caller = Caller(
            org=org, kind=CallerKind.AGENT, id=str(work.agent.family), trace_id=work.opening.trace_id, agent_tools=work.agent.tools, session=work.loaded.session,
            stamp=work.stamp(), grants=work.grants, client_ip=work.loaded.client,
        )  # fmt: skip
        tool = calling.step.tool
        outcome = await self._gate.call(
            caller,
            tool,
            dict(calling.step.arguments),
            key=f"conv:{work.loaded.session}:{tool}:{work.seq}:{calling.key.rpartition('#')[2] if '#' in calling.key else 1}",
            call_id=call,
        )
        if tool in PROVES and isinstance(outcome, Done):
            work.grants = await self._grants(org, work.loaded.session, self._clock.now())
        return outcome

    async def _finish(self, org: OrgId, tx: Transaction, work: Work) -> Worked:
        """Answer, state, turn and audit in one transaction; nothing of it when newer words came."""
        now = self._clock.now()
        failed = any(say.template == "failed" for say in work.draft.says)
        reply = compose(
            work.state,
            work.draft,
            shop=work.shop.name,
            retention_days=work.shop.retention_days,
            token=question_token(work.state),
        )
        work.state = replace(work.state, last_text=last_question(work, reply))
        self._log_events(work)
        if reply.cards:
            work.event(EventType.CHOICES_SHOWN, {"count": len(reply.cards)}, now)
        work.event(EventType.FINAL_ANSWER_READY, {"step": reply.step}, now)
        work.event(
            EventType.TURN_FAILED if failed else EventType.TURN_CLOSED, {"status": "failed" if failed else "done"}, now
        )
        if work.state.closed is not None:
            work.event(EventType.SESSION_CLOSED, {"outcome": work.state.closed}, now)
        closing = Closing(
            opening=work.opening,
            status="failed" if failed else "done",
            opened=work.persisted,
            at=now,
            intent=work.intent,
            reading=work.reading,
            commands=work.commands,
            bot_context=work.context,
            trail=work.trail,
            call_ids=work.call_ids,
            failed={"code": "INTERNAL_ERROR", "trace_id": work.opening.trace_id} if failed else None,
            latency_ms=int((now - work.opening.at).total_seconds() * 1000),
            memory=to_memory(work.state),
            language=work.state.language,
            reply_text=reply.text,
            reply_kind=reply.kind,
            reply_payload={**reply.payload(), "mcp_actions": self._actions(work)},
            session_status="closed" if work.state.closed is not None else None,
            outcome=self._outcome(work),
            category=work.intent,
            csat=csat_of(work.state, now),
            order_ids=self._owned_orders(work),
            phone_hash=self._phone_hash(org, work),
        )
        seq = await self._book.close(org, tx, work.loaded, closing)
        if seq is None:
            return await self._give_way(org, tx, work, now)
        rated = work.state.csat
        if rated is not None and work.state.closed is not None and rated["score"] <= LOW_SCORE:
            await self._review.low_rating(
                org,
                tx,
                work.loaded.session,
                score=rated["score"],
                reason=rated["reason"],
                turn=work.opening.turn,
                now=now,
            )
        await chain.append(tx, org, events=work.events)
        return "answered" if work.opening.seq_to >= work.loaded.owed_seq else "partly"

    async def _give_way(self, org: OrgId, tx: Transaction, work: Work, now: datetime) -> Worked:
        """Newer words came while this turn worked: its answer is dropped, its calls stay for the next one."""
        if work.persisted:
            await self._book.let_go(org, tx, work.opening.turn, now=now)
        log.info("turn_superseded", session=str(work.loaded.session), turn=str(work.opening.turn), at=now.isoformat())
        return "superseded"

    def _actions(self, work: Work) -> list[dict[str, str]]:
        """For members and tokens; the socket narrows it to success and failed."""
        actions: list[dict[str, str]] = []
        for call, key in zip(
            work.call_ids, list(work.carried)[-len(work.call_ids) :] if work.call_ids else [], strict=False
        ):
            tool = key.split(":")[1]
            kind = work.carried[key]["kind"]
            actions.append({"tool": tool, "status": "success" if kind == "Done" else "failed", "call_id": str(call)})
        return actions

    def _outcome(self, work: Work) -> str | None:
        if work.state.closed is not None:
            return work.state.closed
        if work.draft.handed_off:
            return "handed_off"
        return "resolved" if any(event.type == "FLOW_COMPLETED" for event in work.draft.events) else None

    def _owned_orders(self, work: Work) -> tuple[str, ...]:
        read = [
            key
            for key in work.carried
            if key.startswith(("use:lookup_order", "use:track_shipment")) and work.carried[key]["kind"] == "Done"
        ]
        order = work.state.say("order_id")
        return (str(order),) if read and order else ()

    def _phone_hash(self, org: OrgId, work: Work) -> str | None:
        for grant in work.grants or ():
            if grant.level is Assurance.VERIFIED and grant.phone is not None:
                return self._book.phone_hash(org, grant.phone)
        return None

    async def renew_leases(self) -> None:
        """Keeps the turns of this process alive in the eyes of the others."""
        by_org: dict[OrgId, list[TurnId]] = {}
        for turn, org in list(self.open.items()):
            by_org.setdefault(org, []).append(turn)
        for org, ids in by_org.items():
            async with self._db.org(org) as tx:
                await self._book.renew(org, tx, ids, lease_until=self._clock.now() + timedelta(seconds=LEASE_SECONDS))


def csat_of(state: State, now: datetime) -> dict[str, Any] | None:
    """What was rated, with the reason masked: people write numbers there too."""
    if state.csat is None:
        return None
    reason = state.csat["reason"]
    return {"score": state.csat["score"], "reason": mask_text(reason) if reason else None, "at": now.isoformat()}


def question_token(state: State) -> str:
    """Marks the open question, so that a button of an older one is recognised."""
    if state.expected is None:
        return ""
    return f"{state.expected.run[:8]}.{state.expected.key}"


def last_question(work: Work, reply: Reply) -> str:
    return reply.text.split("\n")[-1]


__all__ = ["Event", "Shop", "Shops", "Turns", "question_token"]
