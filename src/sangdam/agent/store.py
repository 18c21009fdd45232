"""Agents in the database."""

from sangdam.core.ids import AgentId, OrgId, UserId
from sangdam.db.database import Row, Transaction


async def agent_row(org: OrgId, tx: Transaction, agent: AgentId) -> Row | None:
    return await tx.fetchrow(
        "select id, family_id, version, name, language, mcp_tool_ids from b_bot_agents where org_id = $1 and id = $2",
        org,
        agent,
    )


async def active_agent(org: OrgId, tx: Transaction, family: AgentId | None) -> Row | None:
    """The active version of the family; of the org's default agent when no family is named."""
    return await tx.fetchrow(
        """
        select a.id, a.family_id, a.version, a.name, a.language, a.mcp_tool_ids from b_bot_agents a
        where a.org_id = $1 and a.is_active and a.family_id = coalesce($2, (select o.default_agent_id from a_iam_organizations o where o.id = $1))
        """,
        org,
        family,
    )


async def insert_agent(
    org: OrgId,
    tx: Transaction,
    *,
    agent: AgentId,
    family: AgentId,
    version: int,
    name: str,
    tools: list[str],
    created_by: UserId,
) -> None:
    """A version that is active at once; the caller has made the earlier one inactive."""
    await tx.execute(
        "insert into b_bot_agents (id, org_id, family_id, version, name, mcp_tool_ids, is_active, created_by) values ($1, $2, $3, $4, $5, $6, true, $7)",
        agent, org, family, version, name, tools, created_by,
    )  # fmt: skip
    await tx.execute(
        "update a_iam_organizations set default_agent_id = coalesce(default_agent_id, $2) where id = $1", org, family
    )
