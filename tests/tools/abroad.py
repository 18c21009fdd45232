"""What the tests of external tools share: a gate that knows the servers of its organisations, and a stranger's server beside it."""

import ssl
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from tests.tools.stranger import SECRET, Stranger
from tests.tools.world import World

from sangdam.core.ids import OrgId, UserId, new_uuid
from sangdam.orgs import Member, Role
from sangdam.tools import Gate, Policies
from sangdam.tools.external import ServerRow, Servers
from sangdam.tools.external.wire import Resolve
from sangdam.tools.model import Caller, CallerKind, Conditions, MaskingRules, Outcome, Tool
from sangdam.tools.policy import PolicyRow

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
EVERYBODY = frozenset(kind.value for kind in CallerKind)


@dataclass
class Abroad:
    world: World
    stranger: Stranger
    servers: Servers
    gate: Gate
    policies: Policies
    deadline: float | None = None
    """Seconds, instead of a tool's own."""

    def admin(self, org: OrgId | None = None, role: Role = Role.ADMIN) -> Member:
        return Member(UserId(new_uuid()), org or self.world.org, role, "관리자", "admin@example.com")

    async def register(self, name: str = "shop", **more: Any) -> ServerRow:
        given: dict[str, Any] = {"url": self.stranger.url, "secret": SECRET, **more}
        by = given.pop("by", None) or self.admin()
        return await self.servers.register(by, name=name, trace_id=TRACE, **given)

    async def allow(self, tool: str, *, by: Member | None = None, **columns: Any) -> None:
        """A policy row for everybody."""
        row = PolicyRow(True, EVERYBODY, 300, 60, Conditions(), MaskingRules(), 0)
        await self.policies.change(by or self.admin(), tool, replace(row, **columns), expected=None, trace_id=TRACE)

    async def call(
        self, tool: str, arguments: dict[str, Any], *, caller: Caller | None = None, key: str | None = "key-00000001", confirmation: str | None = None
    ) -> Outcome:  # fmt: skip
        return await self.gate.call(caller or self.staff(), tool, arguments, key=key, confirmation=confirmation)

    def staff(self, **more: Any) -> Caller:
        return self.world.member(on_behalf=False, staff_reason="손님 전화 확인", **more)


def a_gate(
    world: World, stranger: Stranger, *, allow: Collection[str] | None = None, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
) -> Abroad:  # fmt: skip
    servers = Servers(
        world.db, world.keyring, world.clock, allow=[stranger.entry] if allow is None else allow, build="test", resolve=resolve, tls=tls
    )  # fmt: skip
    abroad: Abroad

    async def elsewhere(org: OrgId, name: str) -> Tool | None:
        tool = await servers.find(org, name)
        return replace(tool, deadline_s=abroad.deadline) if tool is not None and abroad.deadline is not None else tool

    gate = Gate(world.db, world.registry, world.keyring, world.hasher, world.clock, elsewhere=elsewhere)
    abroad = Abroad(world, stranger, servers, gate, Policies(world.db, world.registry, world.clock))
    return abroad
