"""The configured AI that answers for an org. A version never changes, so it is read once per process."""

from collections.abc import Iterable
from dataclasses import dataclass

from sangdam.agent import store
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import AgentId, OrgId, UserId, new_uuid
from sangdam.db.database import Row, Transaction


@dataclass(frozen=True)
class Agent:
    id: AgentId
    family: AgentId
    version: int
    name: str
    language: str
    tools: frozenset[str]


def _agent(row: Row) -> Agent:
    return Agent(
        AgentId(row["id"]),
        AgentId(row["family_id"]),
        row["version"],
        row["name"],
        row["language"],
        frozenset(row["mcp_tool_ids"]),
    )


class Agents:
    def __init__(self) -> None:
        self._known: dict[tuple[OrgId, AgentId], Agent] = {}

    async def get(self, tx: Transaction, org: OrgId, agent: AgentId) -> Agent:
        """Raises SangdamError(NOT_FOUND) for another org's agent."""
        known = self._known.get((org, agent))
        if known is None:
            row = await store.agent_row(org, tx, agent)
            if row is None:
                raise SangdamError(Kind.NOT_FOUND, "no such agent")
            known = self._known[org, agent] = _agent(row)
        return known

    async def create(self, tx: Transaction, org: OrgId, *, name: str, tools: Iterable[str], by: UserId) -> Agent:
        """The first version of a new agent, active at once; the org's default when it has none yet."""
        agent, family = AgentId(new_uuid()), AgentId(new_uuid())
        await store.insert_agent(
            org, tx, agent=agent, family=family, version=1, name=name, tools=sorted(tools), created_by=by
        )
        return await self.get(tx, org, agent)

    async def active(self, tx: Transaction, org: OrgId, family: AgentId | None = None) -> Agent:
        """The version that new conversations begin with. Raises SangdamError(NOT_FOUND) when the org has no such agent."""
        row = await store.active_agent(org, tx, family)
        if row is None:
            raise SangdamError(Kind.NOT_FOUND, "no such agent")
        return _agent(row)
