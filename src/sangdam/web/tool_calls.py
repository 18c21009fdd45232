"""Using tools from outside: who calls, on whose behalf, with what proof. HTTP and MCP are two wires of this one door.

What a caller may is decided by the gate alone; here nothing is refused, so that every attempt is audited.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sangdam.conversations.sessions import Sessions
from sangdam.core.clock import Clock
from sangdam.core.ids import CallId, SessionId, new_uuid
from sangdam.tools.gate import Gate
from sangdam.tools.model import Caller, CallerKind, Outcome, Tool
from sangdam.tools.standing import Standing, Standings
from sangdam.web.callers import ByMember, ByToken, Known

AS_STAFF_SCOPE = "orders:staff"


@dataclass(frozen=True)
class Asked:
    """One use of a tool as it came in."""

    tool: str
    params: Mapping[str, object]
    session: SessionId | None = None
    proof: str | None = None
    """`customer_verification_token`."""
    digest: str | None = None
    """`confirmation_digest` of a change that a person accepted."""
    key: str | None = None
    """What makes a repeat harmless; writes need one."""
    as_staff: bool | None = None
    """None: as the token was made, and for a member on behalf of the shopper."""
    staff_reason: str | None = None


@dataclass(frozen=True)
class Called:
    call: CallId
    tool: str
    """Without prefix; as it was asked for when there is no such tool."""
    version: str | None
    outcome: Outcome
    latency_ms: int


class ToolCalls:
    def __init__(self, gate: Gate, standings: Standings, sessions: Sessions, clock: Clock) -> None:
        self._gate = gate
        self._standings = standings
        self._sessions = sessions
        self._clock = clock

    async def call(
        self, known: Known, asked: Asked, *, trace_id: str, ip: str | None, call_id: CallId | None = None
    ) -> Called:
        """Raises nothing that the gate did not."""
        started = self._clock.monotonic()
        caller = self.caller(known, trace_id=trace_id, ip=ip, as_staff=asked.as_staff, reason=asked.staff_reason)
        if asked.session is not None:
            known_here = await self._sessions.get(caller.org, asked.session) is not None
            caller = replace(caller, session=asked.session if known_here else None, session_unknown=not known_here)
        params = dict(asked.params)
        if asked.proof is not None:
            params["customer_verification_token"] = asked.proof
        if asked.key is not None:
            params["idempotency_key"] = asked.key
        call = call_id or CallId(new_uuid())
        outcome = await self._gate.call(caller, asked.tool, params, confirmation=asked.digest, call_id=call)
        tool = await self._gate.find(caller, asked.tool)
        return Called(
            call,
            tool.name if tool is not None else asked.tool[:80],
            tool.version if tool is not None else None,
            outcome,
            max(0, round((self._clock.monotonic() - started) * 1000)),
        )

    def caller(
        self,
        known: Known,
        *,
        trace_id: str,
        ip: str | None = None,
        as_staff: bool | None = None,
        reason: str | None = None,
    ) -> Caller:
        match known:
            case ByMember(member):
                return Caller(
                    org=member.org, kind=CallerKind.MEMBER, id=str(member.user), trace_id=trace_id, role=member.role.value, on_behalf=not as_staff,
                    staff_reason=reason if as_staff else None, client_ip=ip,
                )  # fmt: skip
            case ByToken(token):
                # A token made to act for shoppers is never staff, whatever it asks for: without the scope the gate refuses it.
                staff = token.acts_as == "staff" if as_staff is None else as_staff
                scopes = token.scopes if token.acts_as == "staff" else token.scopes - {AS_STAFF_SCOPE, "boards:read"}
                return Caller(
                    org=token.org, kind=CallerKind.MCP, id=str(token.id), trace_id=trace_id, scopes=scopes, on_behalf=not staff,
                    staff_reason=reason if staff else None, client_ip=ip,
                )  # fmt: skip

    async def visible(self, known: Known) -> tuple[Tool, ...]:
        """What this caller could ever run, in a fixed order."""
        return await self._standings.visible(self.caller(known, trace_id=""))

    async def standings(self, known: Known) -> tuple[Standing, ...]:
        return await self._standings.of(self.caller(known, trace_id=""))
