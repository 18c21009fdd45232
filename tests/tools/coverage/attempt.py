"""One call and what was written down of it: what holds for every row, and that it ended as it was to end."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tests.tools.coverage.ends import End

from sangdam.tools.model import (
    Caller,
    Denied,
    Done,
    Invalid,
    NeedsConfirmation,
    NeedsVerification,
    Outcome,
    Tool,
    Unknown,
)

_IDS = re.compile(r"hmac:[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REQUEST = re.compile(r"(GET|POST|PUT) /?[A-Za-z0-9/_{}-]+")


@dataclass(frozen=True)
class Attempt:
    caller: Caller
    tool: Tool
    outcome: Outcome
    row: dict[str, Any]
    """The closed one. Empty when, on purpose, none could be written."""
    opened: int = 0
    """Rows that were opened before it ran."""
    late: bool = False
    """The row was closed afterwards, with what became of the call."""

    @property
    def kind(self) -> str:
        return type(self.outcome).__name__

    @property
    def heard(self) -> str:
        return "" if isinstance(self.outcome, Done) else self.outcome.code

    @property
    def recorded(self) -> str:
        return self.heard if self.late or not self.row else self.row["code"] or ""

    @property
    def status(self) -> str:
        """tools.md §1.1."""
        match self.outcome:
            case Done(replayed=replayed):
                return "replayed" if replayed else "success"
            case Denied(code="RATE_LIMIT"):
                return "rate_limited"
            case Denied():
                return "blocked"
            case NeedsVerification():
                return "needs_verification"
            case NeedsConfirmation():
                return "needs_confirmation"
            case Invalid():
                return "invalid_params"
            case Unknown():
                return "unknown"
            case _:
                return "error"

    def check(self, names: Collection[str]) -> None:
        """What holds for every row, however the call ended."""
        row = self.row
        self._check_names(names)
        self._check_caller()
        if self.late:
            assert row["status"] in ("success", "unknown")
            return
        assert row["status"] == self.status
        assert self.recorded == self.heard or (self.recorded, self.heard) == ("ORDER_NOT_OWNED", "CAFE24_NOT_FOUND")
        assert all(_REQUEST.fullmatch(one["call"]) for one in row["upstream"])
        self._check_decision()

    def _check_names(self, names: Collection[str]) -> None:
        shown = {
            name: value for name, value in self.row.items() if name not in ("prev_hash", "row_hash", "args_digest")
        }
        text = _IDS.sub("", json.dumps(shown, ensure_ascii=False))
        assert not [name for name in names if name in text]

    def _check_caller(self) -> None:
        row, caller = self.row, self.caller
        assert (row["tool_name"], row["trace_id"]) == (self.tool.name, caller.trace_id)
        assert row["session_id"] == (str(caller.session) if caller.session is not None else None)
        told = {name: row["caller"][name] for name in ("kind", "id", "role", "on_behalf")}
        assert told == {"kind": caller.kind.value, "id": caller.id, "role": caller.role, "on_behalf": caller.on_behalf}

    def _check_decision(self) -> None:
        """Refused by the gate, or by the tool for a reason of policy: then the rule is named, and what the gate refused never ran."""
        decision = self.row["policy_decision"]
        refused = decision["rule"] is not None
        assert decision["allowed"] is not refused
        assert (decision["code"], decision["layer"] is not None) == (self.row["code"] if refused else None, refused)
        match self.outcome:
            case Denied() | NeedsConfirmation():
                assert refused
            case Done() | Unknown():
                assert not refused
            case _:
                pass
        known = decision["layer"] != 0 and self.recorded != "POLICY_NOT_FOUND"
        assert (decision["policy_version"] is not None) is known
        ran = self.tool.effect == "write" and isinstance(self.outcome, Done | Unknown) and self.status != "replayed"
        gate = refused and decision["layer"] < 4
        assert self.opened == 1 if ran else self.opened == 0 or not gate

    def is_(self, end: End) -> None:
        """That it ended as it was to end."""
        assert (self.kind, self.recorded, self.heard) == (end.kind, end.code, end.heard or end.code), self.outcome
        decision = self.row.get("policy_decision", {})
        assert decision.get("layer") == end.layer
        assert re.fullmatch(end.rule, decision.get("rule") or "")
        if isinstance(self.outcome, NeedsVerification | NeedsConfirmation):
            assert self.outcome.reason == end.reason
