"""The SQL of external servers. Always inside the organisation's own transaction."""

import uuid
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sangdam.core.ids import OrgId, UserId
from sangdam.db.database import Row, Transaction
from sangdam.tools.external.listed import ExternalTool, LeftOut

Status = Literal["active", "disabled", "failing"]


@dataclass(frozen=True)
class ServerRow:
    id: uuid.UUID
    name: str
    url: str
    secret: str | None = field(repr=False)
    """Sealed."""
    tools: Mapping[str, ExternalTool]
    left_out: tuple[LeftOut, ...]
    protocol: str | None
    status: Status
    last_seen_at: datetime | None
    listed_at: datetime | None
    version: int
    created_at: datetime


_SERVER = "id, name, url, secret, tools, left_out, protocol, status, last_seen_at, listed_at, version, created_at"
_SERVERS = f"select {_SERVER} from c_mcp_servers where org_id = $1 order by name"  # noqa: S608
_LOCKED = f"select {_SERVER} from c_mcp_servers where org_id = $1 and name = $2 for update"  # noqa: S608
_ONE_TOOL = """
select id, name, url, secret, case when tools ? $3 then jsonb_build_object($3::text, tools -> $3) else '{}' end as tools, '[]'::jsonb as left_out,
  protocol, status, last_seen_at, listed_at, version, created_at
from c_mcp_servers where org_id = $1 and name = $2
"""


async def read_servers(tx: Transaction, org: OrgId) -> tuple[ServerRow, ...]:
    """By name."""
    return tuple(_server(row) for row in await tx.fetch(_SERVERS, org))


async def lock_server(tx: Transaction, org: OrgId, name: str) -> ServerRow | None:
    row = await tx.fetchrow(_LOCKED, org, name)
    return _server(row) if row is not None else None


async def read_with_tool(tx: Transaction, org: OrgId, name: str, tool: str) -> ServerRow | None:
    """The server with this one of its tools, or with none."""
    row = await tx.fetchrow(_ONE_TOOL, org, name, tool)
    return _server(row) if row is not None else None


async def insert_server(tx: Transaction, org: OrgId, row: ServerRow, *, by: UserId) -> bool:
    """False when the name is taken."""
    return bool(
        await tx.executed(
            "insert into c_mcp_servers (id, org_id, name, url, secret, tools, left_out, protocol, status, last_seen_at, listed_at, version, created_by, updated_by,"
            " created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $14) on conflict (org_id, name) do nothing",
            row.id,
            org,
            row.name,
            row.url,
            row.secret,
            _tools(row.tools),
            _left_out(row.left_out),
            row.protocol,
            row.status,
            row.last_seen_at,
            row.listed_at,
            row.version,
            by,
            row.created_at,
        )
    )


async def write_server(tx: Transaction, org: OrgId, row: ServerRow, *, by: UserId | None, at: datetime) -> None:
    """Replaces what may change; the version is the caller's. `by`: None for what the product found out itself."""
    await tx.execute(
        "update c_mcp_servers set secret = $3, tools = $4, left_out = $5, protocol = $6, status = $7, last_seen_at = $8, listed_at = $9, version = $10,"
        " updated_by = coalesce($11, updated_by), updated_at = $12 where org_id = $1 and id = $2",
        org,
        row.id,
        row.secret,
        _tools(row.tools),
        _left_out(row.left_out),
        row.protocol,
        row.status,
        row.last_seen_at,
        row.listed_at,
        row.version,
        by,
        at,
    )


async def note_contact(tx: Transaction, org: OrgId, server: uuid.UUID, *, well: bool, at: datetime) -> None:
    """How the last contact went; a server that was disabled stays so."""
    await tx.execute(
        "update c_mcp_servers set status = case when status = 'disabled' then status when $3 then 'active' else 'failing' end,"
        " last_seen_at = case when $3 then greatest(last_seen_at, $4) else last_seen_at end where org_id = $1 and id = $2",
        org,
        server,
        well,
        at,
    )


async def delete_server(tx: Transaction, org: OrgId, row: ServerRow, *, breaker: str) -> int:
    """With its policies and its breaker; how many policies there were."""
    await tx.execute("delete from c_mcp_servers where org_id = $1 and id = $2", org, row.id)
    await tx.execute("delete from c_mcp_breakers where org_id = $1 and upstream = $2", org, breaker)
    return await tx.executed(
        "delete from c_mcp_tool_policies where org_id = $1 and starts_with(tool_name, $2)", org, f"{row.name}/"
    )


async def tools_with_policy(tx: Transaction, org: OrgId, name: str) -> Set[str]:
    """Names without the server's."""
    rows = await tx.fetch(
        "select tool_name from c_mcp_tool_policies where org_id = $1 and starts_with(tool_name, $2)", org, f"{name}/"
    )
    return {str(row["tool_name"]).partition("/")[2] for row in rows}


async def calls_under_way(tx: Transaction, org: OrgId, name: str, *, now: datetime) -> int:
    """Writes of its tools that have begun and may still come back."""
    return await tx.fetchval(
        "select count(*)::int from e_ops_effects where org_id = $1 and state = 'running' and lease_until > $3 and starts_with(tool_name, $2)",
        org,
        f"{name}/",
        now,
    )


def _tools(tools: Mapping[str, ExternalTool]) -> dict[str, Any]:
    return {name: tool.model_dump(mode="json") for name, tool in tools.items()}


def _left_out(entries: Sequence[LeftOut]) -> list[dict[str, Any]]:
    return [entry.model_dump(mode="json") for entry in entries]


def _server(row: Row) -> ServerRow:
    return ServerRow(
        id=row["id"],
        name=row["name"],
        url=row["url"],
        secret=row["secret"],
        tools={name: ExternalTool.model_validate(tool) for name, tool in row["tools"].items()},
        left_out=tuple(LeftOut.model_validate(entry) for entry in row["left_out"]),
        protocol=row["protocol"],
        status=row["status"],
        last_seen_at=row["last_seen_at"],
        listed_at=row["listed_at"],
        version=row["version"],
        created_at=row["created_at"],
    )
