"""Widgets: the keys a shop puts into its pages, and which pages and origins may use them."""

import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import AgentId, OrgId
from sangdam.db.database import Database, Row
from sangdam.web import store

PUBLIC_KEY = re.compile(r"sdw_pk_[a-z2-7]{24}")
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_REMEMBERED_SECONDS = 10.0
_REMEMBERED = 5000


@dataclass(frozen=True)
class Widget:
    id: uuid.UUID
    org: OrgId
    agent: AgentId
    """The agent's family: conversations begin with its active version."""
    public_key: str
    origins: tuple[str, ...]
    paths: tuple[str, ...]
    theme: Mapping[str, Any]
    language: str

    def admits_path(self, path: str) -> bool:
        return any(fnmatchcase(path or "/", pattern) for pattern in self.paths)


class Widgets:
    """Reads are remembered for ten seconds: switching one off takes that long to reach every process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._known: dict[tuple[OrgId, uuid.UUID], tuple[float, Widget | None]] = {}

    async def find(self, public_key: str) -> Widget | None:
        """An active widget of an active organisation."""
        if not PUBLIC_KEY.fullmatch(public_key):
            return None
        async with self._db.system() as tx:
            found = await store.widget_of_key(tx, public_key)
        return await self.read(*found) if found is not None else None

    async def read(self, org: OrgId, widget: uuid.UUID) -> Widget | None:
        now = self._clock.monotonic()
        known = self._known.get((org, widget))
        if known is not None and now - known[0] < _REMEMBERED_SECONDS:
            return known[1]
        async with self._db.org(org) as tx:
            row = await store.widget_row(org, tx, widget)
        read = _widget(row) if row is not None else None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[org, widget] = (now, read)
        return read

    async def create(
        self, org: OrgId, agent: AgentId, *, origins: Sequence[str], paths: Sequence[str] = ("/*",), theme: Mapping[str, Any] | None = None, language: str = "ko", public_key: str | None = None,
    ) -> Widget:  # fmt: skip
        """`agent` is a family id. Raises INVALID_PARAMS for something that is no origin."""
        normal = [origin_of(origin) for origin in origins]
        if None in normal:
            raise SangdamError(
                Kind.INVALID_PARAMS, "an origin is https://host, without a path", fields=("allowed_origins",)
            )
        key = public_key or "sdw_pk_" + "".join(secrets.choice(_BASE32) for _ in range(24))
        widget = uuid.uuid4()
        kept = [origin for origin in normal if origin is not None]
        async with self._db.org(org) as tx:
            await store.insert_widget(
                org,
                tx,
                widget=widget,
                agent=agent,
                public_key=key,
                origins=kept,
                paths=paths,
                theme=theme or {},
                language=language,
            )
        return Widget(widget, org, agent, key, tuple(kept), tuple(paths), theme or {}, language)


def origin_of(url: str) -> str | None:
    """`scheme://host[:port]` in lower case, the default port left out; None for anything that has no web origin."""
    if len(url) > 2048 or any(sign <= " " for sign in url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.password is not None:
        return None
    if not host.isascii() or any(sign in host for sign in "'\";,*"):
        return None
    if ":" in host:
        host = f"[{host}]"
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" if port in (None, default) else f"{parts.scheme}://{host}:{port}"


def _widget(row: Row) -> Widget:
    return Widget(
        row["id"],
        OrgId(row["org_id"]),
        AgentId(row["agent_family_id"]),
        row["public_key"],
        tuple(row["allowed_origins"]),
        tuple(row["allowed_paths"]),
        row["theme"],
        row["language"],
    )
