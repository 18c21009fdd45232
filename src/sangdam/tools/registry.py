"""The tools this build knows, and their catalogue in the database, which only `sangdam migrate` writes."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from sangdam.core.ids import OrgId
from sangdam.db.chain import canonical
from sangdam.db.database import Transaction
from sangdam.tools import store
from sangdam.tools.model import Tool
from sangdam.tools.published import OF_THE_CALL
from sangdam.tools.store import CatalogueRow

PREFIX = "cafe24:"


class Registry:
    """Raises `ValueError` for a tool that contradicts itself: a name used twice, an input that takes unknown fields, …"""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise ValueError(f"two tools are called {tool.name}")
            _check(tool)
            self._tools[tool.name] = tool
        self._rows = {name: _row(tool) for name, tool in self._tools.items()}

    def find(self, name: str) -> Tool | None:
        """By bare name; `cafe24:lookup_order` means `lookup_order`."""
        return self._tools.get(name.removeprefix(PREFIX))

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def __len__(self) -> int:
        return len(self._tools)

    @property
    def rows(self) -> Mapping[str, CatalogueRow]:
        return self._rows


async def sync_catalogue(tx: Transaction, registry: Registry) -> None:
    """Makes `c_mcp_tools` say what the code says. As the owner role; tools the code lost become inactive."""
    await store.write_catalogue(tx, tuple(registry.rows.values()))


async def check_catalogue(tx: Transaction, registry: Registry) -> tuple[str, ...]:
    """What differs between code and catalogue, one line per tool; empty when this build may boot."""
    stored = {row.name: row for row in await store.read_catalogue(tx)}
    findings = [f"{name}: no catalogue row, run migrate" for name in registry.rows if name not in stored]
    findings += [
        f"{name}: catalogue differs from the code, run migrate"
        for name, row in registry.rows.items()
        if stored.get(name, row) != row
    ]
    findings += [
        f"{name}: active in the catalogue, unknown to the code, run migrate"
        for name, row in stored.items()
        if row.is_active and name not in registry
    ]
    return tuple(sorted(findings))


async def seed_policies(tx: Transaction, org: OrgId, registry: Registry) -> None:
    """A row per tool equal to its default policy; rows that exist stay as they are."""
    for tool in registry:
        policy = tool.default_policy
        await store.insert_policy(
            tx,
            org,
            tool.name,
            callers=sorted(kind.value for kind in policy.callers),
            per_minute=policy.per_minute,
            session_per_hour=policy.session_per_hour,
        )


def _check(tool: Tool) -> None:
    if tool.foreign or tool.provider == "external" or "/" in tool.name:
        raise ValueError(f"{tool.name}: a foreign tool belongs to an organisation, not to this build")
    if tool.input.model_config.get("extra") != "forbid":
        raise ValueError(f"{tool.name}: its input must forbid unknown fields")
    taken = sorted(set(tool.input.model_fields) & set(OF_THE_CALL))
    if taken:
        raise ValueError(f"{tool.name}: {taken} are names of the call, not of an argument")
    if tool.confirmation and (tool.preview is None or tool.effect != "write"):
        raise ValueError(f"{tool.name}: what needs confirmation is a write with a preview")
    if tool.confirmation and tool.unsigned_fields:
        raise ValueError(f"{tool.name}: a confirmation is bound to every argument")
    unknown = set(tool.unsigned_fields) - set(tool.input.model_fields)
    if unknown:
        raise ValueError(f"{tool.name}: unsigned fields {sorted(unknown)} are no fields of its input")


def _row(tool: Tool) -> CatalogueRow:
    schema, output = tool.input.model_json_schema(), tool.output.model_json_schema()
    policy = tool.default_policy
    return CatalogueRow(
        name=tool.name,
        version=tool.version,
        display_name=tool.display_name,
        display_name_en=tool.display_name_en,
        description=tool.description,
        provider=tool.provider,
        effect=tool.effect,
        assurance=tool.assurance.name,
        confirmation=tool.confirmation,
        scopes=tuple(sorted(tool.scopes)),
        schema_json=schema,
        output_schema=output,
        masking={"fields": sorted({*tool.masking, *tool.unsigned_fields})},
        default_policy={
            "callers": sorted(kind.value for kind in policy.callers),
            "per_minute": policy.per_minute,
            "session_per_hour": policy.session_per_hour,
        },
        schema_sha256=hashlib.sha256(canonical([schema, output]).encode()).hexdigest(),
        is_active=True,
    )
