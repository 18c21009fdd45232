"""The MCP door: `/mcp` over streamable HTTP, by the official SDK (interfaces.md §3). Only a process that opens it loads the SDK."""

from sangdam.web.mcp.door import McpDoor

__all__ = ["McpDoor"]
