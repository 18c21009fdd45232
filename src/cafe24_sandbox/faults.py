"""Failures on demand: rules that match a call and say what goes wrong with it.

A rule acts on calls to the mall, the address service and SOLAPI, never on the control calls.
"""

import re
from dataclasses import dataclass, field
from random import Random

from cafe24_sandbox.wire import Fields, Obj, Refused, as_json

KINDS = (
    "latency",
    "status",
    "drop_before",
    "drop_after_commit",
    "malformed",
    "empty",
    "html",
    "wrong_json",
    "timeout",
    "forget",
    "burn_tokens",
    "expire_tokens",
    "revoke_tokens",
    "uninstall",
    "version_expired",
    "solapi_failed",
    "juso_error",
)
# These happen on the way; the call goes on to the next matching rule and to the mall.
PASSING = frozenset({"latency", "burn_tokens", "expire_tokens", "revoke_tokens", "uninstall", "version_expired"})
MOST_MS = 120_000


@dataclass(slots=True)
class Fault:
    """One rule. `count` is how often it still acts (None: always); `body` is what `status` answers with."""

    id: int
    method: str | None
    path: re.Pattern[str]
    kind: str
    status: int
    body: object
    ms: int
    count: int | None
    probability: float
    seed: int
    code: str
    dice: Random
    hits: int = 0

    def shown(self) -> Obj:
        return {
            "id": self.id,
            "match": {"method": self.method, "path": self.path.pattern},
            "kind": self.kind,
            "status": self.status,
            "body": self.body,
            "ms": self.ms,
            "count": self.count,
            "probability": self.probability,
            "seed": self.seed,
            "code": self.code,
            "hits": self.hits,
        }


def read_fault(number: int, row: Fields) -> Fault:
    """A rule as it was posted; a 422 names the wrong field."""
    kind = row.needed_choice("kind", KINDS)
    match = row.inner("match") or Fields({})
    pattern = match.text("path") or ".*"
    try:
        path = re.compile(pattern)
    except re.error as broken:
        raise match.refuse("path", "is not a regular expression.") from broken
    chance = row.text("probability")
    try:
        probability = 1.0 if chance is None else float(chance)
    except ValueError as broken:
        raise row.refuse("probability", "is not a number.") from broken
    if not 0 <= probability <= 1:
        raise row.refuse("probability", "must be between 0 and 1.")
    method = match.text("method")
    seed = row.whole("seed", 0) or 0
    return Fault(
        id=number,
        method=method.upper() if method else None,
        path=path,
        kind=kind,
        status=row.whole("status", 100, 599) or (200 if kind == "html" else 500),
        body=row.raw().get("body"),
        ms=row.whole("ms", 0, MOST_MS) or 0,
        count=row.whole("count", 1),
        probability=probability,
        seed=seed,
        code=row.text("code") or ("E0014" if kind == "juso_error" else "3040"),
        dice=Random(seed),  # noqa: S311
    )


@dataclass(slots=True)
class Faults:
    rules: list[Fault] = field(default_factory=list[Fault])
    made: int = 0

    def add(self, row: Fields) -> Fault:
        fault = read_fault(self.made + 1, row)
        self.made += 1
        self.rules.append(fault)
        return fault

    def clear(self, number: int | None = None) -> None:
        """Take away one rule or all; 404 for a rule that is not there."""
        if number is None:
            self.rules.clear()
            return
        left = [r for r in self.rules if r.id != number]
        if len(left) == len(self.rules):
            raise Refused(404, "No such fault.")
        self.rules[:] = left

    def strike(self, method: str, path: str) -> list[Fault]:
        """The rules that act on this call, in order, ending with the first that decides its answer. Each counts down."""
        struck: list[Fault] = []
        for rule in self.rules:
            if rule.count == 0 or (rule.method not in (None, method)) or not rule.path.search(path):
                continue
            if rule.probability < 1 and rule.dice.random() >= rule.probability:
                continue
            rule.hits += 1
            if rule.count is not None:
                rule.count -= 1
            struck.append(rule)
            if rule.kind not in PASSING:
                break
        return struck


def status_body(fault: Fault) -> object:
    if fault.body is not None:
        return fault.body
    words = {404: "No API found", 422: "You cannot change to that order state.", 429: "Too Many Requests"}
    message = words.get(fault.status, "Internal Server Error" if fault.status >= 500 else "Bad Request")
    return as_json({"error": {"code": fault.status, "message": message, "more_info": {}}}).body
