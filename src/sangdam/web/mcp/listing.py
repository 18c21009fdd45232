"""How a tool is presented to an MCP client."""

from collections.abc import Iterator
from typing import Literal

from mcp import types

from sangdam.tools.model import Tool
from sangdam.tools.published import published_output, published_schema

JOINT = "__"
"""Instead of the slash in the name of an org's own tool, which clients do not take (`erp/stock` is `erp__stock` here)."""
MOST_JOINTS = 4


def names_meant(name: str) -> Iterator[str]:
    """What a client's name may stand for: itself, and the first ways to put the slash back."""
    yield name
    start = name.find(JOINT)
    for _ in range(MOST_JOINTS):
        if start < 0:
            return
        yield f"{name[:start]}/{name[start + len(JOINT) :]}"
        start = name.find(JOINT, start + 1)


def presented(tool: Tool, acts_as: Literal["on_behalf", "staff"], *, masked: bool) -> types.Tool:
    """`masked`: the caller sees personal values as masks.

    Destructive is what a person has to confirm. With its key every write may be repeated; a read always.
    """
    write = tool.effect == "write"
    return types.Tool(
        name=tool.name.replace("/", JOINT),
        title=tool.display_name,
        description=tool.description,
        input_schema=published_schema(tool, acts_as),
        output_schema=published_output(tool, masked=masked),
        annotations=types.ToolAnnotations(
            title=tool.display_name,
            read_only_hint=not write,
            destructive_hint=tool.confirmation,
            idempotent_hint=True,
            open_world_hint=tool.provider != "sangdam",
        ),
    )
