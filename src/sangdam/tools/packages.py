"""Tools that installed Python packages bring, through the entry point group `sangdam.tools`: all of them whole, or the process does not start.

An entry point is an iterable of `Tool`, or a function of `ToolContext` that returns one. Whoever installs a package trusts its code;
what is checked here is that it fits.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import httpx2
from pydantic import BaseModel

from sangdam.core.clock import Clock
from sangdam.tools.model import Assurance, DefaultPolicy, Tool
from sangdam.tools.registry import Registry

GROUP = "sangdam.tools"
_NAME = re.compile(r"[a-z][a-z0-9_]{2,63}", re.ASCII)


@dataclass(frozen=True)
class ToolContext:
    """What a package may build its tools with. Everything else reaches a tool with each call."""

    http: httpx2.AsyncClient
    """The process's own client: give each request a timeout of at most `call.remaining`."""
    clock: Clock
    build: str


class PackagesRefused(Exception):
    """Packages whose tools do not fit; `findings` says which and why, all of it."""

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


def packaged_tools(
    context: ToolContext, *, taken: Collection[str], found: Iterable[EntryPoint] | None = None
) -> tuple[Tool, ...]:
    """Of all installed packages, in the order of their names. `taken`: names that are ours. Raises PackagesRefused."""
    findings: list[str] = []
    tools: dict[str, Tool] = {}
    entries = entry_points(group=GROUP) if found is None else found
    for entry in sorted(entries, key=lambda entry: (_origin(entry), entry.value)):
        brought = _brought(entry, context)
        if isinstance(brought, str):
            findings.append(f"{_origin(entry)}: {brought}")
            continue
        for tool in brought:
            wrong = _misfit(tool)
            if wrong is None and tool.name in taken:
                wrong = f"the tool {tool.name} exists already"
            if wrong is None and tool.name in tools:
                wrong = f"the tool {tool.name} is brought twice"
            if wrong is None:
                tools[tool.name] = tool
            else:
                findings.append(f"{_origin(entry)}: {wrong}")
    if findings:
        raise PackagesRefused(tuple(findings))
    return tuple(tools.values())


def _origin(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "a package"
    return f"{package} (entry point {entry.name})"


def _brought(entry: EntryPoint, context: ToolContext) -> tuple[Any, ...] | str:
    """What the entry point gives, or what is wrong with it."""
    try:
        brought = entry.load()
    except Exception as error:  # noqa: BLE001 - a package may fail in any way while it is imported
        return f"{entry.value} cannot be imported ({type(error).__name__}: {error})"[:300]
    try:
        given = brought(context) if callable(brought) else brought
        return tuple(cast("Iterable[Any]", given))
    except Exception as error:  # noqa: BLE001 - the same, while it builds its tools
        return f"{entry.value} gives no tools ({type(error).__name__}: {error})"[:300]


def _misfit(tool: object) -> str | None:
    if not isinstance(tool, Tool):
        return f"{type(tool).__name__} is no Tool"
    name = str(tool.name)
    if _NAME.fullmatch(name) is None:
        return f"{name[:80]!r} is no name: 3 to 64 of a-z, 0-9 and _"
    if tool.provider != "sangdam":
        return f"{name}: the provider of a package's tool is sangdam"
    if tool.effect not in ("read", "write") or not isinstance(cast("object", tool.assurance), Assurance):
        return f"{name}: its effect or assurance is none"
    shapes = (cast("object", tool.input), cast("object", tool.output))
    if not all(isinstance(shape, type) and issubclass(shape, BaseModel) for shape in shapes):
        return f"{name}: input and output are classes of pydantic's BaseModel"
    if not isinstance(cast("object", tool.default_policy), DefaultPolicy) or not callable(tool.run):
        return f"{name}: it has no default policy or cannot run"
    try:
        Registry([tool])
    except Exception as error:  # noqa: BLE001 - a model may refuse to describe itself in many ways
        return (
            str(error)
            if isinstance(error, ValueError)
            else f"{name}: its schema cannot be read ({type(error).__name__})"
        )
    return None
