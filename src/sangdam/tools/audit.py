"""The audit rows of one call: `opened` before a write runs, `closed` for every call, whatever happened. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from sangdam.core.ids import CallId, EffectId
from sangdam.core.mask import STARS, mask_text
from sangdam.db.chain import AuditCall, AuditEvent, EventType, Status
from sangdam.tools.arguments import signed
from sangdam.tools.effects import caller_json, pack
from sangdam.tools.masking import hidden, masked
from sangdam.tools.model import (
    Assurance,
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
        response, more = masked(pack(outcome), self.masks)
        if isinstance(outcome, Invalid) and self.fields is None:
            response["fields"] = [mask_text(name) for name in outcome.fields]
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
            return hidden(self.raw, frozenset(self.raw)), frozenset()
        if self.fields is None:
            names = {name.partition(".")[0] for name in wrong} | (set(self.raw) - set(self.tool.input.model_fields))
            bad = frozenset(name for name in self.raw if name in names or mask_text(name)[:60] in names)
            return masked(hidden(self.raw, bad if wrong else frozenset(self.raw)), self.masks)
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
