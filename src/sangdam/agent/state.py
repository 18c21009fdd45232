"""The dialogue state: what is known of the conversation and where its flow stands. Values only; `dialogue.py` changes them.

It is stored in two halves that belong together: `bot_context` (readable, masks only) and the sealed memory (raw values, answers
and results of the runs in progress). Nothing about a dialogue is kept anywhere else.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from sangdam.agent.flow import Chosen, Given, Identity
from sangdam.core.ids import EffectId
from sangdam.core.mask import mask_value
from sangdam.tools.model import (
    Assurance,
    Denied,
    Done,
    Failed,
    Invalid,
    NeedsConfirmation,
    NeedsVerification,
    Outcome,
    Unknown,
)

SCHEMA = 1
ANONYMOUS = Identity()


@dataclass(frozen=True)
class Slot:
    value: Any
    seq: int
    """The message it was said in."""
    status: str = "given"


@dataclass(frozen=True)
class Run:
    """One run of a flow."""

    name: str
    run: str
    intent: str
    started_seq: int
    answers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    asks: Mapping[str, int] = field(default_factory=dict[str, int])
    """How often each open question was asked."""

    def with_answers(self, answers: Mapping[str, Any]) -> "Run":
        return replace(self, answers={**self.answers, **answers})


@dataclass(frozen=True)
class Expected:
    """The question the shopper is answering."""

    key: str
    kind: str
    run: str
    asked_seq: int
    asks: int = 1


@dataclass(frozen=True)
class Wish:
    intent: str
    seq: int
    slots: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Proof:
    """The identity as the turn last knew it; the grants in the database are the truth."""

    identity: Identity = ANONYMOUS
    grant_id: str | None = None
    method: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class State:
    language: str = "ko"
    speaker: str = "bot"
    slots: Mapping[str, Slot] = field(default_factory=dict[str, Slot])
    run: Run | None = None
    stack: tuple[Run, ...] = ()
    agenda: tuple[Wish, ...] = ()
    expected: Expected | None = None
    more: bool = False
    """The last words asked whether there is anything else."""
    proof: Proof = Proof()
    facts: tuple[Mapping[str, Any], ...] = ()
    no_progress: int = 0
    abuse: int = 0
    greeted: bool = False
    last_text: str = ""
    """The last question's words, so that the same sentence is not said twice in a row."""
    last_action: str = ""
    csat: Mapping[str, Any] | None = None
    closed: str | None = None
    """The outcome the conversation closes with, once it is to close."""
    confidence: float = 1.0
    source: str = "rules"

    @property
    def current(self) -> Run:
        """The running flow. Raises RuntimeError when none runs: asking is a bug."""
        if self.run is None:
            raise RuntimeError("no flow is running")
        return self.run

    def say(self, name: str) -> Any:
        slot = self.slots.get(name)
        return slot.value if slot is not None else None

    def with_slot(self, name: str, value: Any, seq: int) -> "State":
        slots = dict(self.slots)
        if value is None:
            slots.pop(name, None)
        else:
            slots[name] = Slot(value, seq)
        return replace(self, slots=slots)


PERSONAL = frozenset(
    {
        "phone",
        "landline",
        "safe_number",
        "orderer_name",
        "otp",
        "address_query",
        "address_detail",
        "contact",
        "csat_reason",
        "wish_text",
    }
)


def context_of(state: State, *, session: uuid.UUID, turn: uuid.UUID | None, rev: int) -> dict[str, Any]:
    """`bot_context`: readable, nothing personal but masks (data-model §6.1)."""
    run = state.run
    expected = state.expected
    identity = state.proof.identity
    return {
        "schema": SCHEMA,
        "session_id": str(session),
        "turn_id": str(turn) if turn is not None else None,
        "rev": rev,
        "language": state.language,
        "speaker": state.speaker,
        "intent": {"name": run.intent, "confidence": state.confidence, "source": state.source} if run else None,
        "flow": {"name": run.name, "run": run.run, "step": expected.key if expected else None, "started_seq": run.started_seq} if run else None,
        "slots": {name: slot_view(name, slot) for name, slot in state.slots.items()},
        "expected": {"kind": expected.kind, "purpose": run.name if run else None, "asked_seq": expected.asked_seq, "asks": expected.asks} if expected else None,
        "choices": None,
        "confirm": None,
        "identity": {
            "assurance": identity.level.name, "method": state.proof.method, "phone_masked": identity.phone_masked, "purposes": list(identity.purposes),
            "order_id": identity.order_id, "grant_id": state.proof.grant_id, "expires_at": state.proof.expires_at.isoformat() if state.proof.expires_at else None,
        },
        "stack": [{"flow": {"name": below.name, "run": below.run}, "intent": below.intent} for below in state.stack],
        "agenda": [{"intent": wish.intent, "from_seq": wish.seq, "status": "waiting"} for wish in state.agenda],
        "facts": [dict(fact) for fact in state.facts],
        "knowledge": {"clarified": 0, "last_refs": []},
        "strikes": {"no_progress": state.no_progress, "abuse": state.abuse},
        "csat": {"state": "scored" if state.csat else "none", "score": state.csat["score"] if state.csat else None},
        "closed": state.closed is not None,
    }  # fmt: skip


def slot_view(name: str, slot: Slot) -> dict[str, Any]:
    if name in PERSONAL:
        masked = mask_value(name, slot.value) if isinstance(slot.value, str) and name != "wish_text" else "***"
        return {"ref": name, "masked": masked, "source_seq": slot.seq, "status": slot.status}
    return {"value": mask_value(name, slot.value), "source_seq": slot.seq, "status": slot.status}


def projection(context: Mapping[str, Any]) -> dict[str, Any]:
    """What each audit row carries of the state."""
    empty: dict[str, Any] = {}
    flow: dict[str, Any] = context["flow"] or empty
    expected: dict[str, Any] = context["expected"] or empty
    intent: dict[str, Any] = context["intent"] or empty
    order: dict[str, Any] = context["slots"].get("order_id") or empty
    confirm: dict[str, Any] = context["confirm"] or empty
    return {
        "schema": context["schema"],
        "session_id": context["session_id"],
        "turn_id": context["turn_id"],
        "rev": context["rev"],
        "intent": intent.get("name"),
        "flow": flow.get("name"),
        "run": flow.get("run"),
        "step": flow.get("step"),
        "order_id": order.get("value"),
        "expected": expected.get("kind"),
        "assurance": context["identity"]["assurance"],
        "args_digest": confirm.get("args_digest"),
        "agenda_size": len(context["agenda"]),
    }


def to_memory(state: State) -> str:
    """The whole state as JSON text, to be sealed."""
    return json.dumps(_pack(state), ensure_ascii=False, separators=(",", ":"))


def _pack(state: State) -> dict[str, Any]:
    return {
        "language": state.language, "speaker": state.speaker, "more": state.more, "no_progress": state.no_progress, "abuse": state.abuse, "greeted": state.greeted,
        "last_text": state.last_text, "last_action": state.last_action, "csat": state.csat, "closed": state.closed, "confidence": state.confidence, "source": state.source,
        "slots": {name: [slot.value, slot.seq, slot.status] for name, slot in state.slots.items()},
        "run": _pack_run(state.run) if state.run else None,
        "stack": [_pack_run(run) for run in state.stack],
        "agenda": [[wish.intent, wish.seq, dict(wish.slots)] for wish in state.agenda],
        "expected": [state.expected.key, state.expected.kind, state.expected.run, state.expected.asked_seq, state.expected.asks] if state.expected else None,
        "proof": {
            "level": int(state.proof.identity.level), "order_id": state.proof.identity.order_id, "phone_masked": state.proof.identity.phone_masked,
            "purposes": list(state.proof.identity.purposes), "grant_id": state.proof.grant_id, "method": state.proof.method,
            "expires_at": state.proof.expires_at.isoformat() if state.proof.expires_at else None,
        },
        "facts": [dict(fact) for fact in state.facts],
    }  # fmt: skip


def from_memory(text: str) -> State:
    raw = json.loads(text)
    proof = raw["proof"]
    return State(
        language=raw["language"], speaker=raw["speaker"], more=raw["more"], no_progress=raw["no_progress"], abuse=raw["abuse"], greeted=raw["greeted"],
        last_text=raw["last_text"], last_action=raw["last_action"], csat=raw["csat"], closed=raw["closed"], confidence=raw["confidence"], source=raw["source"],
        slots={name: Slot(*values) for name, values in raw["slots"].items()},
        run=_unpack_run(raw["run"]) if raw["run"] else None,
        stack=tuple(_unpack_run(run) for run in raw["stack"]),
        agenda=tuple(Wish(*wish) for wish in raw["agenda"]),
        expected=Expected(*raw["expected"]) if raw["expected"] else None,
        proof=Proof(
            Identity(Assurance(proof["level"]), proof["order_id"], proof["phone_masked"], tuple(proof["purposes"])), proof["grant_id"], proof["method"],
            datetime.fromisoformat(proof["expires_at"]) if proof["expires_at"] else None,
        ),
        facts=tuple(raw["facts"]),
    )  # fmt: skip


def _pack_run(run: Run) -> dict[str, Any]:
    return {
        "name": run.name, "run": run.run, "intent": run.intent, "started_seq": run.started_seq, "asks": dict(run.asks),
        "answers": {key: pack_answer(answer) for key, answer in run.answers.items()},
    }  # fmt: skip


def _unpack_run(raw: Mapping[str, Any]) -> Run:
    return Run(
        raw["name"],
        raw["run"],
        raw["intent"],
        raw["started_seq"],
        {key: unpack_answer(answer) for key, answer in raw["answers"].items()},
        raw["asks"],
    )


def pack_answer(answer: Any) -> Any:
    """A JSON value that says what kind of answer it was."""
    match answer:
        case Given(slot, value):
            return {"$": "given", "slot": slot, "value": value}
        case Chosen(id, page):
            return {"$": "chosen", "id": id, "page": page}
        case Done() | Denied() | NeedsVerification() | NeedsConfirmation() | Invalid() | Failed() | Unknown():
            return {"$": "outcome", **pack_outcome(answer)}
        case _:
            return {"$": "value", "value": answer}


def unpack_answer(raw: Mapping[str, Any]) -> Any:
    match raw["$"]:
        case "given":
            return Given(raw["slot"], raw["value"])
        case "chosen":
            return Chosen(raw["id"], raw["page"])
        case "outcome":
            return unpack_outcome(raw)
        case _:
            return raw["value"]


def pack_outcome(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Done(result, replayed):
            return {"kind": "Done", "result": dict(result), "replayed": replayed}
        case Denied(code, retry_after):
            return {"kind": "Denied", "code": code, "retry_after": retry_after}
        case NeedsVerification(level, purpose, reason):
            return {"kind": "NeedsVerification", "level": int(level), "purpose": purpose, "reason": reason}
        case NeedsConfirmation(effect, digest, preview, expires_at, reason):
            return {
                "kind": "NeedsConfirmation",
                "effect": str(effect),
                "digest": digest,
                "preview": dict(preview),
                "expires_at": expires_at.isoformat(),
                "reason": reason,
            }
        case Invalid(code, fields, detail):
            return {"kind": "Invalid", "code": code, "fields": list(fields), "detail": dict(detail)}
        case Failed(code, retryable, detail):
            return {"kind": "Failed", "code": code, "retryable": retryable, "detail": dict(detail)}
        case Unknown(code, effect):
            return {"kind": "Unknown", "code": code, "effect": str(effect)}


def unpack_outcome(raw: Mapping[str, Any]) -> Outcome:
    match raw["kind"]:
        case "Done":
            return Done(raw["result"], raw["replayed"])
        case "Denied":
            return Denied(raw["code"], raw["retry_after"])
        case "NeedsVerification":
            return NeedsVerification(Assurance(raw["level"]), raw["purpose"], raw["reason"])
        case "NeedsConfirmation":
            return NeedsConfirmation(
                EffectId(uuid.UUID(raw["effect"])),
                raw["digest"],
                raw["preview"],
                datetime.fromisoformat(raw["expires_at"]),
                raw["reason"],
            )
        case "Invalid":
            return Invalid(raw["code"], tuple(raw["fields"]), raw["detail"])
        case "Failed":
            return Failed(raw["code"], raw["retryable"], raw["detail"])
        case "Unknown":
            return Unknown(raw["code"], EffectId(uuid.UUID(raw["effect"])))
        case kind:
            raise ValueError(f"no such outcome: {cast('str', kind)}")
