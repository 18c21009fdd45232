"""The audit rows of one call: `opened` before a write runs, `closed` for every call, whatever happened. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never, cast

from sangdam.core.ids import CallId, EffectId
from sangdam.core.mask import STARS, mask_text
from sangdam.db.chain import AuditCall, AuditEvent, EventType, Status
from sangdam.tools.arguments import JUDGED_FIRST, names_of, signed
from sangdam.tools.effects import caller_json, packed_masked
from sangdam.tools.masking import bare, hidden, masked
from sangdam.tools.model import (
    Assurance,
    Call,
    Caller,
    Denied,
    Done,
    Failed,
    Grant,
    Invalid,
    NeedsConfirmation,
    NeedsVerification,
    Outcome,
    Tool,
    Unknown,
    UpstreamCall,
)
from sangdam.tools.policy import Refused

UNKNOWN_FIELD = "(unknown field)"
"""Stands for a name that a caller made up: it may be anything, a person's too."""
RUN = 4
"""The step of the gate in which a tool runs (tools.md §1.2)."""


@dataclass
class Record:
    """What becomes known of a call on its way through the gate."""

    call: CallId
    caller: Caller
    name: str
    raw: Mapping[str, object]
    started: float
    args_digest: str = ""
    tool: Tool | None = None
    fields: Mapping[str, object] | None = None
    """Validated arguments; until then the raw ones are shown with their values hidden."""
    policy_version: int | None = None
    masks: frozenset[str] = frozenset()
    refused: Refused | None = None
    grant: Grant | None = None
    effect: EffectId | None = None
    claimed: bool = False
    replayed: bool = False
    probe: bool = False
    """This call tries an upstream whose breaker is open."""
    upstream: list[UpstreamCall] = field(default_factory=list[UpstreamCall])

    def opened(self, at: datetime) -> AuditCall:
        request, touched = self._request(())
        return self._row("opened", "opened", None, {}, request, touched, 0, at, None)

    def closed(self, outcome: Outcome, latency_ms: int, at: datetime) -> AuditCall:
        wrong = outcome.fields if isinstance(outcome, Invalid) else ()
        request, touched = self._request(wrong)
        response, more = packed_masked(outcome, self.masks, foreign=self.tool is not None and self.tool.foreign)
        if isinstance(outcome, Invalid) and self.fields is None:
            known = names_of(self.tool.input) if self.tool is not None else frozenset[str]()
            response["fields"] = [
                name if name.partition(".")[0] in known else UNKNOWN_FIELD for name in map(mask_text, outcome.fields)
            ]
        code = None if isinstance(outcome, Done) else outcome.code
        row = self._row(
            "closed",
            "replayed" if self.replayed else status_of(outcome),
            code,
            response,
            request,
            touched | more,
            latency_ms,
            at,
            self.refused or _by_tool(outcome),
        )
        return replace(row, effect=outcome.effect) if isinstance(outcome, (NeedsConfirmation, Unknown)) else row

    def _request(self, wrong: tuple[str, ...]) -> tuple[dict[str, object], frozenset[str]]:
        if self.tool is None:
            return hidden(self.raw, known=frozenset(), read=frozenset()), frozenset()
        if self.tool.foreign:
            if self.fields is None:
                return hidden(self.raw, known=names_of(self.tool.input), read=frozenset()), frozenset()
            shown = cast("dict[str, object]", bare(self.fields))
            return shown, frozenset(shown)
        if self.fields is None:
            known = names_of(self.tool.input)
            bad = {name.partition(".")[0] for name in wrong}
            # Only when a field of the tool was found wrong has the schema read them all; else they may be anything.
            read = known - bad if bad & (known - JUDGED_FIRST) else frozenset[str]()
            return masked(hidden(self.raw, known=known, read=read), self.masks)
        shown = signed(self.tool, self.fields)
        unsigned = {name: STARS for name in self.tool.unsigned_fields if name in self.fields}
        request, touched = masked(shown, self.masks)
        return {**request, **unsigned}, touched | frozenset(unsigned)

    def _row(
        self,
        phase: str,
        status: Status,
        code: str | None,
        response: dict[str, object],
        request: dict[str, object],
        touched: frozenset[str],
        latency_ms: int,
        at: datetime,
        refused: Refused | None,
    ) -> AuditCall:
        caller, stamp = self.caller, self.caller.stamp
        assurance = self.grant.level if self.grant is not None else Assurance.ANONYMOUS
        shown_caller, _ = masked(caller_json(caller))
        return AuditCall(
            call=self.call,
            phase="opened" if phase == "opened" else "closed",
            caller=shown_caller,
            tool_name=self.tool.name if self.tool is not None else mask_text(self.name)[:80],
            tool_version=self.tool.version if self.tool is not None else "",
            request=request,
            response=response,
            args_digest=self.args_digest,
            status=status,
            code=code,
            policy_decision={
                "allowed": refused is None,
                "code": refused.outcome.code if refused is not None else None,
                "layer": refused.layer if refused is not None else None,
                "rule": refused.rule if refused is not None else None,
                "policy_version": self.policy_version,
                "scopes_missing": list(refused.scopes_missing) if refused is not None else [],
            },
            assurance=assurance.name,
            effect=self.effect,
            masked_fields=tuple(sorted(name for name in touched if name)),
            upstream=[
                {"call": one.call, "status": one.status, "ms": one.ms, "attempt": one.attempt} for one in self.upstream
            ],
            latency_ms=latency_ms,
            session=caller.session,
            turn=stamp.turn if stamp is not None else None,
            state_rev=stamp.state_rev if stamp is not None else None,
            context_no=stamp.context_no if stamp is not None else None,
            bot_context=stamp.bot_context if stamp is not None else "{}",
            trace_id=caller.trace_id,
            at=at,
        )


def _by_tool(outcome: Outcome) -> Refused | None:
    """A denial that only the tool could decide on, where the order or the phone is known."""
    return Refused(outcome, RUN, outcome.rule or "tool") if isinstance(outcome, Denied) else None


def status_of(outcome: Outcome) -> Status:
    """The audit's word for how a call ended."""
    match outcome:
        case Done(_, replayed):
            return "replayed" if replayed else "success"
        case Denied("RATE_LIMIT"):
            return "rate_limited"
        case Denied():
            return "blocked"
        case NeedsVerification():
            return "needs_verification"
        case NeedsConfirmation():
            return "needs_confirmation"
        case Invalid():
            return "invalid_params"
        case Failed():
            return "error"
        case Unknown():
            return "unknown"
        case _:
            assert_never(outcome)


def breaker_event(caller: Caller, upstream: str, *, opened: bool, code: str | None, at: datetime) -> AuditEvent:
    """Not of the turn that met it: a breaker belongs to the org."""
    kind = EventType.BREAKER_OPENED if opened else EventType.BREAKER_CLOSED
    return AuditEvent(kind, {"kind": "gate"}, at, caller.trace_id, {"upstream": upstream, "last_code": code})


def event_of(call: Call, type: EventType, payload: dict[str, object], now: datetime) -> AuditEvent:
    """An event of a call, with the stamp of the turn it was made in."""
    stamp = call.caller.stamp
    actor = {"kind": call.caller.kind.value, "id": call.caller.id}
    if stamp is None:
        return AuditEvent(type, actor, now, call.caller.trace_id, payload, call.caller.session)
    return AuditEvent(
        type,
        actor,
        now,
        call.caller.trace_id,
        payload,
        call.caller.session,
        stamp.turn,
        stamp.state_rev,
        stamp.context_no,
        stamp.bot_context,
    )
