"""The gate: the one way to use a tool, for whoever asks. `_decide` reads in the order in which it decides (tools.md §1.2).

It fails closed: what cannot be read is a refusal, a write whose audit row cannot be opened does not run, a read whose row cannot
be closed is not told. A call that began is finished and recorded even when its caller goes away.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, assert_never

import structlog
from pydantic import BaseModel

from sangdam.core.clock import Clock
from sangdam.core.errors import SangdamError
from sangdam.core.ids import CallId, OrgId, new_uuid
from sangdam.db.chain import AuditCall, AuditEvent, append
from sangdam.db.database import Database, Transaction
from sangdam.orgs.keyring import Hasher, KeyRing
from sangdam.tools import breaker, store
from sangdam.tools.arguments import Arguments, digest, read_arguments
from sangdam.tools.audit import Record, breaker_event
from sangdam.tools.codes import CODES
from sangdam.tools.effects import (
    Claimed,
    Effects,
    InFlight,
    Mismatch,
    People,
    Proposed,
    Settled,
    Standing,
    Unconfirmed,
    Write,
)
from sangdam.tools.identity import identify
from sangdam.tools.limits import ToolLimits, count_call
from sangdam.tools.masking import masked
from sangdam.tools.model import (
    Assurance,
    Call,
    Caller,
    CallerKind,
    Conditions,
    Denied,
    Done,
    Failed,
    Grant,
    Invalid,
    NeedsConfirmation,
    Outcome,
    Refusal,
    Run,
    Tool,
    Unknown,
)
from sangdam.tools.policy import Allowed, Facts, Refused, decide
from sangdam.tools.registry import PREFIX, Registry

DUPLICATE_WAIT_SECONDS = 3.0
_POLL_SECONDS = (0.02, 0.05, 0.1, 0.2)
_ANSWER_MARGIN_SECONDS = 0.2
"""A tool is told to be done this much before the gate gives up, so that its own words about a timeout are heard."""
_TIMED_OUT = {
    "cafe24": "CAFE24_TIMEOUT",
    "juso": "ADDRESS_SEARCH_FAILED",
    "solapi": "SOLAPI_ERROR",
    "sangdam": "INTERNAL_ERROR",
    "external": "EXTERNAL_TIMEOUT",
}

ConnectionScopes = Callable[[OrgId], Awaitable[frozenset[str] | None]]
"""Scopes the mall granted, None without a connection."""
Elsewhere = Callable[[OrgId, str], Awaitable[Tool | None]]
"""A tool `<server>/<tool>` that the org brought along; None when it has none of that name, or it is switched off."""
Observe = Callable[[AuditCall, float], None]
"""Told of every closed call, and of the seconds its append took."""
RedeemToken = Callable[[Caller, str], Awaitable[Grant | None]]
"""The grant a `customer_verification_token` stands for in the caller's conversation."""

log = structlog.stdlib.get_logger(__name__)


class Gate:
    def __init__(
        self,
        db: Database,
        registry: Registry,
        keyring: KeyRing,
        hasher: Hasher,
        clock: Clock,
        *,
        connection_scopes: ConnectionScopes | None = None,
        redeem_token: RedeemToken | None = None,
        people: People | None = None,
        elsewhere: Elsewhere | None = None,
        observe: Observe | None = None,
        duplicate_wait_s: float = DUPLICATE_WAIT_SECONDS,
    ) -> None:
        """Without `connection_scopes` the granted scopes are read from the org's connection, in the query that reads the policy."""
        self.registry = registry
        self.effects = Effects(db, keyring, hasher, clock, people=people)
        self._db = db
        self._hasher = hasher
        self._clock = clock
        self._connection_scopes = connection_scopes
        self._redeem_token = redeem_token
        self._elsewhere = elsewhere
        self._observe = observe
        self._duplicate_wait_s = duplicate_wait_s
        self._open: set[asyncio.Task[Outcome]] = set()

    async def call(
        self,
        caller: Caller,
        name: str,
        arguments: Mapping[str, object],
        *,
        key: str | None = None,
        confirmation: str | None = None,
        call_id: CallId | None = None,
    ) -> Outcome:
        """Uses a tool. Every end is a value; nothing is raised but `CancelledError`, and then the call still finishes and is recorded.

        `key`: what makes a repeat harmless, needed for writes; an agent's key for a tool with confirmation is without the digest
        (`conv:<session>:<flow_run>:<tool>`), the gate adds it. `confirmation`: the digest a `NeedsConfirmation` carried.
        """
        record = Record(call_id or CallId(new_uuid()), caller, name, arguments, self._clock.monotonic())
        task = asyncio.create_task(self._answer(record, key, confirmation))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        return await asyncio.shield(task)

    async def find(self, caller: Caller, name: str) -> Tool | None:
        """The registered tool of that name, or the org's own. The prefix `cafe24:` is for API and MCP."""
        if "/" in name:
            return await self._elsewhere(caller.org, name) if self._elsewhere is not None else None
        if caller.kind is CallerKind.AGENT and name.startswith(PREFIX):
            return None
        return self.registry.find(name)

    async def drain(self) -> None:
        """Waits for calls whose callers went away; bounded by the deadlines of their tools."""
        if self._open:
            await asyncio.wait(self._open, timeout=15.0)

    async def _answer(self, record: Record, key: str | None, confirmation: str | None) -> Outcome:
        try:
            return await self._decide(record, key, confirmation)
        except Exception:
            # A bug in the gate itself: the call is refused and recorded like any other; a claimed write is left to the reconciler.
            log.exception(
                "gate_raised", tool=record.name[:80], call_id=str(record.call), trace_id=record.caller.trace_id
            )
            return await self._close(
                record,
                Unknown("INTERNAL_ERROR", record.effect)
                if record.claimed and record.effect
                else Failed("INTERNAL_ERROR"),
            )

    async def _decide(self, record: Record, key: str | None, confirmation: str | None) -> Outcome:
        caller = record.caller

        # 0 find, validate
        tool = await self.find(caller, record.name)
        if tool is None:
            return await self._refuse(record, Refused(Denied("TOOL_NOT_FOUND"), 0, "registered"))
        record.tool, record.masks = tool, frozenset(tool.masking)
        arguments = read_arguments(tool, caller, record.raw)
        if isinstance(arguments, Invalid):
            return await self._refuse(record, Refused(arguments, 0, "schema"))
        record.fields = arguments.fields
        record.args_digest = digest(self._hasher, caller.org, tool, arguments.fields)
        if key is None and arguments.key is not None:
            # By its digest: what a caller makes keys of may be a person's number.
            key = f"api:{caller.id}:{self._hasher.digest(arguments.key)}"
        if tool.effect == "write" and key is None:
            return await self._refuse(record, Refused(Invalid(fields=("idempotency_key",)), 0, "idempotency_key"))

        # 1 policy
        allowed = await self._policy(record, tool, arguments)
        if isinstance(allowed, Refused):
            return await self._refuse(record, allowed)
        conditions = allowed.policy.conditions

        # 2 identity and confirmation
        caller = await self._with_token(caller, arguments)
        needed = _needed(tool, arguments.model, conditions)
        grant = identify(caller, tool, needed, arguments.fields, conditions=conditions, now=self._clock.now())
        if isinstance(grant, Refused):
            return await self._refuse(record, grant)
        record.grant = grant
        call = self._call(record, tool, caller, key, conditions)
        record.upstream = call.upstream  # of a preview too
        write = (
            Write(caller, tool, key, arguments, record.args_digest)
            if tool.effect == "write" and key is not None
            else None
        )
        record.probe = allowed.probe  # a preview may be the one try, too
        if allowed.probe and not await self._take_probe(caller, tool):
            return await self._refuse(
                record, Refused(Denied("CIRCUIT_OPEN", breaker.PROBE_LEASE.total_seconds()), 1, "breaker")
            )
        standing: store.Effect | None = None
        if tool.confirmation and write is not None:
            confirmed = await self._confirmed(record, write, call, confirmation)
            if not isinstance(confirmed, Standing):
                return await self._close(record, confirmed, ran=call)
            standing = confirmed.effect
            record.args_digest = standing.args_digest

        # 3 once-only
        model = arguments.model
        if write is not None:
            claimed = await self._claim(record, write, standing)
            if not isinstance(claimed, Claimed):
                return await self._close(record, claimed)
            call.effect = claimed.effect
            if standing is not None:
                confirmed_model = self.effects.arguments_of(tool, caller.org, standing)
                if confirmed_model is None:
                    return await self._close(record, Failed("INTERNAL_ERROR"), ran=call)
                model = confirmed_model

        # 4 run
        outcome = await self._run(tool, tool.run, call, model)

        # 5 audit
        return await self._close(record, outcome, ran=call)

    # Steps

    async def _policy(self, record: Record, tool: Tool, arguments: Arguments) -> Allowed | Refused:
        """One transaction: what the org allows, what the mall granted, whether the upstream stands, and the two limits."""
        caller, ask = record.caller, self._connection_scopes
        try:
            granted = await ask(caller.org) if ask is not None and tool.scopes else None
            async with self._db.org(caller.org, durable=False) as tx:
                ground = await store.read_ground(
                    tx, caller.org, tool.name, upstream=tool.breaker, with_scopes=ask is None and bool(tool.scopes)
                )
                if ground is None:
                    return Refused(Denied("POLICY_NOT_FOUND"), 1, "organisation")
                if not ground.active:
                    return Refused(Denied("TOOL_NOT_FOUND"), 0, "active")
                now = self._clock.now()
                facts = Facts(
                    now, ground.org_active, ground.hours, granted if ask is not None else ground.granted, ground.breaker
                )
                if ground.policy is not None:
                    record.policy_version = ground.policy.version
                    record.masks |= ground.policy.masking.fields
                allowed = decide(ground.policy, caller, tool, arguments.fields, facts)
                if isinstance(allowed, Refused):
                    return allowed
                return await count_call(tx, caller.org, tool.name, caller.session, allowed.policy, now) or allowed
        except Exception as error:  # noqa: BLE001 - a policy that cannot be read is no policy
            log.warning("policy_unreadable", tool=tool.name, trace_id=caller.trace_id, error=type(error).__name__)
            return Refused(Denied("POLICY_NOT_FOUND"), 1, "unreadable")

    async def _with_token(self, caller: Caller, arguments: Arguments) -> Caller:
        if arguments.verification_token is None or self._redeem_token is None:
            return caller
        try:
            grant = await self._redeem_token(caller, arguments.verification_token)
        except Exception as error:  # noqa: BLE001 - a token that cannot be looked up proves nothing
            log.warning("verification_token_unreadable", trace_id=caller.trace_id, error=type(error).__name__)
            return caller
        return replace(caller, grants=(*caller.grants, grant)) if grant is not None else caller

    async def _confirmed(
        self, record: Record, write: Write, call: Call, confirmation: str | None
    ) -> Standing | Outcome:
        """The effect that a yes to these arguments, or their earlier run, stands behind; else what `preview` says or asks."""
        try:
            found = await self.effects.standing(write, confirmation)
        except Exception as error:  # noqa: BLE001 - a confirmation that cannot be read was not given
            return self._unreadable(record, error)
        match found:
            case Standing():
                return found
            case Mismatch(effect):
                record.effect = effect
                return self._refused(record, Refused(Invalid("IDEMPOTENCY_MISMATCH"), 3, "key"))
            case Unconfirmed():
                pass
        preview = write.tool.preview
        if preview is None:
            return self._refused(record, Refused(Denied("POLICY_BLOCK"), 2, "preview"))
        shown = await self._run(write.tool, preview, call, write.arguments.model, reads_only=True)
        if isinstance(shown, Refusal):
            return shown
        try:
            proposed = await self.effects.propose(write, shown, found.reason)
        except Exception as error:  # noqa: BLE001 - nothing is asked that could not be stored
            return self._unreadable(record, error)
        match proposed:
            case Proposed(needs):
                return self._refused(record, Refused(needs, 2, f"confirmation:{needs.reason}"))
            case Mismatch(effect):
                record.effect = effect
                return self._refused(record, Refused(Invalid("IDEMPOTENCY_MISMATCH"), 3, "key"))
            case Standing():
                return proposed

    async def _take_probe(self, caller: Caller, tool: Tool) -> bool:
        now = self._clock.now()
        try:
            async with self._db.org(caller.org) as tx:
                return await store.take_probe(
                    tx, caller.org, tool.breaker or "", now=now, until=now + breaker.PROBE_LEASE
                )
        except Exception as error:  # noqa: BLE001 - without the row nobody may try
            log.warning("breaker_unreadable", tool=tool.name, trace_id=caller.trace_id, error=type(error).__name__)
            return False

    async def _claim(self, record: Record, write: Write, standing: store.Effect | None) -> Claimed | Outcome:
        """Claims the effect and opens the audit row in one transaction; waits a little for the same effect under way."""
        loop = asyncio.get_running_loop()
        give_up, polls = loop.time() + self._duplicate_wait_s, 0
        while True:
            try:
                async with self._db.org(write.caller.org) as tx:
                    claim = await self.effects.claim(tx, write, standing)
                    if isinstance(claim, Claimed):
                        record.effect, record.claimed = claim.effect, True
                        await append(tx, write.caller.org, calls=[record.opened(self._clock.now())])
            except Exception as error:  # noqa: BLE001 - without claim and opened row nothing is written
                return self._unreadable(record, error)
            match claim:
                case Claimed():
                    return claim
                case Settled(effect, outcome):
                    record.effect, record.replayed = effect, not isinstance(outcome, (NeedsConfirmation, Unknown))
                    return outcome
                case Mismatch(effect):
                    record.effect = effect
                    return self._refused(record, Refused(Invalid("IDEMPOTENCY_MISMATCH"), 3, "key"))
                case InFlight(effect):
                    if loop.time() >= give_up:
                        record.effect = effect
                        return self._refused(
                            record, Refused(Denied("DUPLICATE_REQUEST", DUPLICATE_WAIT_SECONDS), 3, "running")
                        )
                    await asyncio.sleep(_POLL_SECONDS[min(polls, len(_POLL_SECONDS) - 1)])
                    polls += 1
                case _:
                    assert_never(claim)

    async def _run(self, tool: Tool, run: Run, call: Call, model: BaseModel, *, reads_only: bool = False) -> Any:
        """A preview's model as it is; of `run` an outcome."""
        try:
            async with asyncio.timeout(tool.deadline):
                result = await run(call, model)
        except TimeoutError:
            log.warning("tool_timed_out", tool=tool.name, call_id=str(call.id), trace_id=call.caller.trace_id)
            if call.effect is not None and not reads_only:
                return Unknown(_TIMED_OUT[tool.provider], call.effect)
            return Failed(_TIMED_OUT[tool.provider], retryable=True)
        except SangdamError as error:
            log.warning(
                "tool_failed",
                tool=tool.name,
                call_id=str(call.id),
                trace_id=call.caller.trace_id,
                code=error.code,
                ops=error.ops,
            )
            return self._broken(call, error.code if error.code in CODES else "INTERNAL_ERROR", reads_only)
        except Exception:
            log.exception("tool_raised", tool=tool.name, call_id=str(call.id), trace_id=call.caller.trace_id)
            return self._broken(call, "INTERNAL_ERROR", reads_only)
        if isinstance(result, Refusal):
            if result.code in CODES:
                return result
            log.error(
                "code_unknown", tool=tool.name, code=result.code, call_id=str(call.id), trace_id=call.caller.trace_id
            )
            return self._broken(call, "INTERNAL_ERROR", reads_only)
        if reads_only:
            return result
        if not isinstance(result, tool.output):
            log.error(
                "result_of_another_shape", tool=tool.name, shape=type(result).__name__, trace_id=call.caller.trace_id
            )
            return self._broken(call, "INTERNAL_ERROR", reads_only)
        return Done(result.model_dump(mode="json"))

    def _broken(self, call: Call, code: str, reads_only: bool) -> Outcome:
        """A tool that broke. Once something that changes left for the other side, its end is not known."""
        left = call.sent or any(not one.call.startswith("GET ") for one in call.upstream)
        if left and call.effect is not None and not reads_only:
            return Unknown(code, call.effect)
        return Failed(code, retryable=CODES[code].retryable)

    # Ends

    async def _refuse(self, record: Record, refused: Refused) -> Outcome:
        return await self._close(record, self._refused(record, refused))

    def _refused(self, record: Record, refused: Refused) -> Outcome:
        record.refused = refused
        return refused.outcome

    def _unreadable(self, record: Record, error: Exception) -> Outcome:
        log.error(
            "audit_unavailable", call_id=str(record.call), trace_id=record.caller.trace_id, error=type(error).__name__
        )
        return Failed("AUDIT_UNAVAILABLE", retryable=True)

    async def _close(self, record: Record, outcome: Outcome, *, ran: Call | None = None) -> Outcome:
        """Settles the effect and closes the audit row in one transaction; what the caller hears comes after."""
        caller, tool, now = record.caller, record.tool, self._clock.now()
        record.upstream = ran.upstream if ran is not None else record.upstream
        latency = max(0, round((self._clock.monotonic() - record.started) * 1000))
        try:
            row = record.closed(outcome, latency, now)
            async with self._db.org(caller.org) as tx:
                events: tuple[AuditEvent, ...] = ()
                if ran is not None and tool is not None:
                    if ran.effect is not None and not await self.effects.settle(
                        tx, caller.org, ran.effect, outcome, masks=record.masks, foreign=tool.foreign
                    ):
                        log.error("effect_settled_elsewhere", effect_id=str(ran.effect), trace_id=caller.trace_id)
                    events = await self._note_health(tx, record, tool, outcome, ran)
                began = time.perf_counter()
                await append(tx, caller.org, events=events, calls=[row])
                took = time.perf_counter() - began
            if self._observe is not None:
                self._observe(row, took)
        except Exception as error:  # noqa: BLE001 - what is not recorded is not told
            failed = self._unreadable(record, error)
            return Unknown("AUDIT_UNAVAILABLE", ran.effect) if ran is not None and ran.effect is not None else failed
        return self._outward(record, outcome)

    async def _note_health(
        self, tx: Transaction, record: Record, tool: Tool, outcome: Outcome, ran: Call
    ) -> tuple[AuditEvent, ...]:
        """What this call showed of the upstream that the tool's breaker guards."""
        asked = [one for one in ran.upstream if one.to == tool.breaker]
        if tool.breaker is None or (healthy := breaker.healthy(outcome, asked)) is None:
            return ()
        caller, upstream, now = record.caller, tool.breaker, self._clock.now()
        org = caller.org
        code = None if isinstance(outcome, Done) else outcome.code
        if healthy:
            closed = record.probe and await store.close_breaker(tx, org, upstream)
            return (breaker_event(caller, upstream, opened=False, code=code, at=now),) if closed else ()
        if record.probe:
            before = await store.failures_of(tx, org, upstream)
            until = now + breaker.pause(before + 1)
            await store.open_breaker(
                tx, org, upstream, failures=before + 1, now=now, until=until, code=code, only_closed=False
            )
            return ()
        recent = await store.count_failure(tx, org, upstream, now=now, window=breaker.WINDOW)
        if recent < breaker.OPENS_AFTER:
            return ()
        until = now + breaker.pause(breaker.OPENS_AFTER)
        if not await store.open_breaker(
            tx, org, upstream, failures=breaker.OPENS_AFTER, now=now, until=until, code=code, only_closed=True
        ):
            return ()
        return (breaker_event(caller, upstream, opened=True, code=code, at=now),)

    def _outward(self, record: Record, outcome: Outcome) -> Outcome:
        """What the caller hears. Only staff learn that an order exists which is not the shopper's."""
        caller, tool = record.caller, record.tool
        if isinstance(outcome, Done):
            outcome = replace(outcome, effect=record.effect)
        if caller.on_behalf:
            if isinstance(outcome, (Denied, Failed, Invalid)) and (
                outcome.code == "ORDER_NOT_OWNED"
                or (outcome.code == "CAFE24_NOT_FOUND" and "order_id" in (record.fields or {}))
            ):
                return Failed("CAFE24_NOT_FOUND")
            return outcome
        if isinstance(outcome, Done) and "pii:read" not in caller.scopes and tool is not None:
            result, touched = masked(outcome.result, record.masks)
            return replace(outcome, result=result, hidden=tuple(sorted(touched)))
        return outcome

    def _call(self, record: Record, tool: Tool, caller: Caller, key: str | None, conditions: Conditions) -> Call:
        return Call(
            id=record.call,
            caller=caller,
            clock=self._clock,
            deadline=self._clock.monotonic() + max(0.0, tool.deadline - _ANSWER_MARGIN_SECONDS),
            key=key,
            limits=ToolLimits(self._db, self._hasher, self._clock, caller.org, tool.name),
            conditions=conditions,
        )


def _needed(tool: Tool, model: BaseModel, conditions: Conditions) -> Assurance:
    if conditions.requires_verification:
        return Assurance.VERIFIED
    return tool.assurance_when(model) if tool.assurance_when is not None else tool.assurance
