"""What the doors are built from, handed down by the composition root. Values and objects only; nothing here reads settings."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Literal

from prometheus_client import CollectorRegistry

from sangdam.agent.agents import Agents
from sangdam.conversations.inbox import Inbox
from sangdam.conversations.live import Live
from sangdam.conversations.sessions import Sessions
from sangdam.core.clock import Clock
from sangdam.core.ids import OrgId
from sangdam.db.database import Database
from sangdam.orgs import Accounts, ApiTokens, Hasher, KeyRing, Member, Scope
from sangdam.tools import Gate, Policies
from sangdam.tools.approvals import Approvals
from sangdam.tools.external import Servers
from sangdam.tools.standing import Standings

Door = Literal["http", "ws", "mcp"]
IMAGE_HOSTS = ("https://*.cafe24.com", "https://*.cafe24img.com")


@dataclass(frozen=True)
class Limits:
    """Per-IP limits do not bind loopback outside `prod`."""

    chat_per_10s: int = 10
    chat_per_min: int = 30
    joins_per_min_ip: int = 60
    tickets_per_min_ip: int = 30
    logins_per_hour_ip: int = 10
    sockets_per_conversation: int = 5
    mcp_at_once: int = 20
    """Requests of one token under way at a time."""


@dataclass(frozen=True)
class Health:
    """What `/readyz` shows. `worker_seen_s`: seconds since a worker swept, None when never seen."""

    database: bool
    schema: bool
    keys: bool
    worker_seen_s: float | None = None


@dataclass(frozen=True)
class Demo:
    """The demo shop front at `/demo/shop`."""

    widget_key: str


@dataclass(frozen=True)
class Shelf:
    """Texts that MCP clients may read at `sangdam://<name>/<key>`."""

    name: str
    template: str
    title: str
    description: str
    scope: Scope
    """What a token needs."""
    read: Callable[[OrgId, str], Awaitable[str | None]]
    """`(org, key)`; None when there is nothing."""
    media_type: str = "text/plain"


@dataclass(frozen=True)
class Parts:
    db: Database
    clock: Clock
    hasher: Hasher
    sessions: Sessions
    inbox: Inbox
    live: Live
    agents: Agents
    accounts: Accounts
    tokens: ApiTokens
    keyring: KeyRing
    gate: Gate
    standings: Standings
    policies: Policies
    approvals: Approvals
    servers: Servers
    shop_name: Callable[[OrgId], Awaitable[str]]
    opening: Callable[[str, str, int], tuple[str, Mapping[str, Any]]]
    """First words of a conversation: `(language, shop_name, retention_days) -> (text, payload)`."""
    health: Callable[[], Awaitable[Health]]
    ticket_secret: str = field(repr=False)
    session_secret: str = field(repr=False)
    audit_key: bytes = field(repr=False)
    """Signs the checkpoints of the audit."""
    public_base_url: str
    call_ws_url: str
    build: str
    profile: Literal["dev", "test", "prod"]
    retention_days: int = 30
    limits: Limits = Limits()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    auth_mode: Literal["builtin", "supabase"] = "builtin"
    bearer: Callable[[str], Awaitable[Member | None]] | None = None
    """Another issuer's proof of who somebody is (`AUTH_MODE=supabase`)."""
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    """Metrics of this process; what the gate counts is in it already."""
    demo: Demo | None = None
    doors: frozenset[Door] = frozenset({"http", "ws", "mcp"})
    shelves: tuple[Shelf, ...] = ()
    """What MCP clients may read besides conversations."""
    image_hosts: tuple[str, ...] = IMAGE_HOSTS
    """Where pictures of products may come from, as CSP sources."""

    @property
    def secure(self) -> bool:
        """Served over https: cookies are `Secure`, HSTS is sent."""
        return self.public_base_url.startswith("https://")
