"""How each tool stands for an org and for one caller: what policy says, whether it may be used, how it did lately."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sangdam.core.clock import Clock
from sangdam.core.ids import OrgId
from sangdam.db.database import Database
from sangdam.orgs.hours import Hours
from sangdam.tools import store
from sangdam.tools.breaker import Breaker
from sangdam.tools.identity import permission_missing
from sangdam.tools.model import Caller, Tool
from sangdam.tools.policy import Allowed, Facts, PolicyRow, bare_scopes, decide
from sangdam.tools.registry import Registry

RECENT = timedelta(hours=1)
REMEMBERED = timedelta(days=7)
"""How far back the last success and the last failure are looked for."""

OthersOf = Callable[[OrgId], Awaitable[tuple[Tool, ...]]]
"""Tools an org brought along, in a fixed order."""


@dataclass(frozen=True)
class Standing:
    tool: Tool
    policy: PolicyRow | None
    refused: str | None
    """The code this caller would meet before its arguments are looked at; None when it may call."""
    rule: str | None
    scopes_missing: tuple[str, ...]
    breaker: str
    """`closed`, `open` or `half_open`."""
    last_success_at: datetime | None
    last_error_code: str | None
    last_error_at: datetime | None
    calls_1h: int
    p95_ms: int | None


class Standings:
    def __init__(self, db: Database, registry: Registry, clock: Clock, *, others: OthersOf | None = None) -> None:
        self._db = db
        self._registry = registry
        self._clock = clock
        self._others = others

    async def tools(self, org: OrgId) -> tuple[Tool, ...]:
        """All tools of this build in the registry's order, then the org's own."""
        return (*self._registry, *(await self._others(org) if self._others is not None else ()))

    async def visible(self, caller: Caller) -> tuple[Tool, ...]:
        """What this caller could ever run: allowed by policy for its kind, and within its role or scopes."""
        tools = await self.tools(caller.org)
        async with self._db.org(caller.org) as tx:
            policies = await store.read_policies(tx, caller.org)
            active = await store.org_is_active(tx, caller.org)
        return tuple(tool for tool in tools if active and _sees(tool, policies.get(tool.name), caller))

    async def of(self, caller: Caller) -> tuple[Standing, ...]:
        tools = await self.tools(caller.org)
        now = self._clock.now()
        async with self._db.org(caller.org) as tx:
            policies = await store.read_policies(tx, caller.org)
            active = await store.org_is_active(tx, caller.org)
            breakers = await store.read_breakers(tx, caller.org)
            granted = await store.granted_scopes(tx, caller.org)
            lately = await store.lately(tx, caller.org, since=now - RECENT, remembered=now - REMEMBERED)
        standings: list[Standing] = []
        for tool in tools:
            breaker = breakers.get(tool.breaker or "", Breaker())
            facts = Facts(now, active, Hours(), granted, breaker)
            policy = policies.get(tool.name)
            refused = _judged(tool, policy, caller, facts)
            recent = lately.get(tool.name, store.Lately())
            standings.append(
                Standing(
                    tool, policy, refused[0], refused[1],
                    tuple(sorted(bare_scopes(tool.scopes) - bare_scopes(granted))) if granted is not None else (),
                    breaker.state, recent.last_success_at, recent.last_error_code, recent.last_error_at, recent.calls, recent.p95_ms,
                )
            )  # fmt: skip
        return tuple(standings)


def _sees(tool: Tool, policy: PolicyRow | None, caller: Caller) -> bool:
    return (
        policy is not None
        and policy.is_allowed
        and caller.kind.value in policy.allowed_callers
        and any(permission_missing(mode, tool) is None for mode in _modes(caller))
    )


def _judged(tool: Tool, policy: PolicyRow | None, caller: Caller, facts: Facts) -> tuple[str | None, str | None]:
    """Code and rule of the first refusal; opening hours and limits are of the moment and not judged."""
    timeless = (
        replace(policy, conditions=policy.conditions.model_copy(update={"hours": "always"})) if policy is not None else None
    )  # fmt: skip
    decided = decide(timeless, caller, tool, {}, facts)
    if not isinstance(decided, Allowed):
        return decided.outcome.code, decided.rule
    missing = [permission_missing(mode, tool) for mode in _modes(caller)]
    return (None, None) if None in missing else ("FORBIDDEN", missing[0])


def _modes(caller: Caller) -> tuple[Caller, ...]:
    """A member may act for a shopper and as staff; a token does what it was made for."""
    if caller.role is None:
        return (caller,)
    return (replace(caller, on_behalf=True), replace(caller, on_behalf=False))
