"""One tool in one conversation: what is called, and what is spoiled for as long as the scene lasts."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from tests.commerce.desk import PERSONAL, Desk
from tests.tools.coverage.attempt import Attempt
from tests.tools.coverage.hall import CODE, Hall

from sangdam.core.clock import SettableClock
from sangdam.core.ids import CallId, new_uuid
from sangdam.core.phone import Phone
from sangdam.tools import ByShopper, Gate
from sangdam.tools.model import Caller, Conditions, Grant, NeedsConfirmation, Outcome, Tool
from sangdam.tools.policy import PolicyRow

SIDES = {"cafe24": "/api/v2/admin/", "juso": "/addrLinkApi", "solapi": "/solapi/"}
"""Where each other side is asked, by the name of its breaker."""
NAMES = (*PERSONAL, "김바다", "테헤란로", "11층", "0000-4242", "00004242", CODE)
ATTEMPT_SECONDS = 20.0


@dataclass
class Scene:
    hall: Hall
    tool: Tool
    desk: Desk
    n: int
    after: AsyncExitStack
    """What makes whole again what the scene spoiled."""
    caller: Caller = field(init=False)
    """Who succeeds with `given`."""
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    other: dict[str, Any] = field(default_factory=dict[str, Any])
    """Of a write: what makes them other arguments that succeed too."""
    subscription: str = ""
    """What the shopper waits for, where they do."""
    names: set[str] = field(default_factory=lambda: set(NAMES))
    """What may stand in none of its rows."""

    def __post_init__(self) -> None:
        self.caller = self.agent()
        self.names.add(self.address)

    @property
    def clock(self) -> SettableClock:
        return self.hall.clock

    # Who is in it

    @property
    def phone(self) -> Phone:
        """Nobody else's."""
        return self.phone_of(0)

    def phone_of(self, k: int) -> Phone:
        """One of ten."""
        phone = Phone(f"01001{self.n:05d}{k}")
        self.names |= {phone.digits, phone.dashed, phone.e164}
        return phone

    @property
    def address(self) -> str:
        return f"203.0.{self.n // 250 + 1}.{self.n % 250 + 1}"

    def agent(self, *grants: Grant) -> Caller:
        return self.desk.agent(*grants, client_ip=self.address)

    def mcp(self) -> Caller:
        return replace(self.desk.mcp(), client_ip=self.address)

    # What is called

    def key(self) -> str:
        return f"conv:{self.desk.session}:{new_uuid()}:{self.tool.name}"

    async def call(self, caller: Caller | None = None, *, keyless: bool = False, key: str | None = None, tool: str | None = None, **more: Any) -> Attempt:  # fmt: skip
        """One attempt with the good arguments, those in `more` changed; None leaves one out. `tool`: another one, with `more` alone.

        `gate` and `confirmation` in `more` are of the call.
        """
        used = self.hall.tool(tool) if tool is not None else self.tool
        call, caller = CallId(new_uuid()), caller or self.caller
        arguments = more if tool is not None else {**self.given, **more}
        outcome = await self._sent(call, used, caller, arguments, key=None if keyless else key or self.key())
        opened, closed = await self.hall.rows(call)
        assert len(closed) == 1, f"{len(closed)} closed rows of one attempt"
        return self._met(Attempt(caller, used, outcome, closed[0], len(opened)))

    async def dropped(self) -> Attempt:
        """One of which nothing can be written down."""
        call = CallId(new_uuid())
        await self.unwritable("closed")
        outcome = await self._sent(call, self.tool, self.caller, self.given, key=self.key())
        assert await self.hall.rows(call) == ([], [])
        self.hall.unwritten += 1
        return self._met(Attempt(self.caller, self.tool, outcome, {}))

    async def closed_later(self) -> Attempt:
        """A write whose closing row cannot be written, until the reconciler does it."""
        call, key = CallId(new_uuid()), self.key()
        given = {**self.given, "confirmation": await self.ready(key=key)}
        async with AsyncExitStack() as mended:
            await self.unwritable("closed", until=mended)
            outcome = await self._sent(call, self.tool, self.caller, given, key=key)
        opened, closed = await self.hall.rows(call)
        assert (len(opened), closed) == (1, [])
        self.clock.move(minutes=2)
        await self.hall.product.reconciler.sweep()
        _, (row,) = await self.hall.rows(call)
        return self._met(Attempt(self.caller, self.tool, outcome, row, 1, late=True))

    async def _sent(self, call: CallId, tool: Tool, caller: Caller, arguments: dict[str, Any], *, key: str | None) -> Outcome:  # fmt: skip
        self.hall.attempts += 1
        given = {name: value for name, value in arguments.items() if value is not None}
        gate: Gate = given.pop("gate", self.hall.product.gate)
        confirmation: str | None = given.pop("confirmation", None)
        async with asyncio.timeout(ATTEMPT_SECONDS):
            return await gate.call(caller, tool.name, given, key=key, confirmation=confirmation, call_id=call)

    def _met(self, attempt: Attempt) -> Attempt:
        if attempt.row:
            attempt.check(self.names)
        self.hall.met[attempt.tool.name, attempt.kind, attempt.recorded] += 1
        return attempt

    async def yes(self, asked: Outcome) -> str:
        """A person accepts; the digest the yes is bound to."""
        assert isinstance(asked, NeedsConfirmation), asked
        assert await self.hall.product.gate.effects.confirm(self.desk.mall.org, asked.effect, by=ByShopper(7))
        return asked.digest

    async def ready(self, caller: Caller | None = None, *, key: str, **changed: Any) -> str | None:
        """The digest of a yes, for a tool that needs one."""
        return await self.yes((await self.call(caller, key=key, **changed)).outcome) if self.tool.confirmation else None

    async def carried_out(self, caller: Caller | None = None, *, gate: Gate | None = None, **changed: Any) -> Attempt:
        """The call, or the call after a yes."""
        key = self.key()
        digest = await self.ready(caller, key=key, **changed)
        return await self.call(caller, key=key, confirmation=digest, gate=gate, **changed)

    # What is spoiled

    def fault(self, kind: str = "status", *, path: str | None = None, method: str | None = None, **more: Any) -> None:
        match = {"path": path or SIDES[self.tool.breaker or "cafe24"]} | ({"method": method} if method else {})
        self.hall.sandbox.add_fault(kind=kind, match=match, **more)

    async def policy(self, *, conditions: dict[str, Any] | None = None, **changed: Any) -> None:
        """What the organisation allows, changed as in the console."""
        before = await self.hall.policy(self.tool)
        wanted = replace(before, **changed)
        if conditions is not None:
            wanted = replace(wanted, conditions=Conditions(**conditions))
        after = await self._allowed(wanted, before.version)
        self.after.push_async_callback(self._allowed, before, after.version)

    async def _allowed(self, wanted: PolicyRow, expected: int) -> PolicyRow:
        policies, by = self.hall.product.policies, self.hall.owner
        return await policies.change(by, self.tool.name, wanted, expected=expected, trace_id="t")

    async def granted(self, *scopes: str) -> None:
        """The mall consents to these alone."""
        await self.hall.connect(*scopes)
        self.after.push_async_callback(self.hall.connect)

    async def unwritable(self, phase: str, *, until: AsyncExitStack | None = None) -> None:
        """No row of that phase can be appended, as on a full disk."""
        await self.spoil(
            f"alter table f_audit_mcp_tools add constraint full_disk check (phase <> '{phase}') not valid",
            "alter table f_audit_mcp_tools drop constraint full_disk",
            until=until,
        )

    async def spoil(self, statement: str, mend: str, *, until: AsyncExitStack | None = None) -> None:
        """A statement behind everybody's back, and the one that takes it back."""
        await self.hall.superuser.execute(statement)
        (until or self.after).push_async_callback(self.hall.superuser.execute, mend)


Scenario = Callable[[Scene], Awaitable[Attempt]]
