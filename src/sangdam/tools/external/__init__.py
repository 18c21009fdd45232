"""Third-party MCP servers that an organisation connected: their tools, under the same gate, and nothing they say believed."""

from sangdam.tools.external.listed import ExternalTool, LeftOut
from sangdam.tools.external.servers import Change, Decision, Servers
from sangdam.tools.external.store import ServerRow

__all__ = ["Change", "Decision", "ExternalTool", "LeftOut", "ServerRow", "Servers"]
