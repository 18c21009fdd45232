"""How a tool is presented to an MCP client."""

from typing import Literal

from mcp import types

from sangdam.tools.model import Tool
from sangdam.tools.published import published_output, published_schema


def presented(tool: Tool, acts_as: Literal["on_behalf", "staff"], *, masked: bool) -> types.Tool:
    """`masked`: the caller sees personal values as masks.

    Destructive is what a person has to confirm. With its key every write may be repeated; a read always.
    """
    write = tool.effect == "write"
    return types.Tool(
        name=tool.name,
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
