"""Foreign MCP servers of an organisation, and their tools under the same gate as ours.

Nothing of a server can be used before an admin allowed it by a policy, and a tool that changes is off until an admin allows what it
has become. A server sees the arguments of a call and its own secret, nothing else: no token, no organisation, no trace.
"""

import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import httpx2
import structlog
from pydantic import BaseModel

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId, new_uuid
from sangdam.db.chain import AuditEvent, EventType, append
from sangdam.db.database import Database, Transaction
from sangdam.orgs.keyring import KeyRing
from sangdam.orgs.model import Member, Permission
from sangdam.tools.external import store
from sangdam.tools.external.address import Endpoint, Unfit, parse_allow, read_url
from sangdam.tools.external.listed import (
    OURS,
    SECRET,
    SERVER_NAME,
    TOOL_NAME,
    AssuranceName,
    Effect,
    ExternalTool,
    Merged,
    breaker_of,
    carries_token,
    merged,
    preview_of,
    tool_of,
)
from sangdam.tools.external.store import ServerRow
from sangdam.tools.external.wire import Resolve, SystemResolver, Wire
from sangdam.tools.model import Call, Denied, Failed, Invalid, Refusal, Tool, Unknown, UpstreamCall

if TYPE_CHECKING:
    from sangdam.tools.external.client import Listed, Place, Trouble, Visits

MOST_SERVERS = 10
LISTING_SECONDS = 12.0
LISTED_FOR = timedelta(minutes=5)
"""A call later than this after the last listing looks at the tools again first."""
SEEN_EVERY = timedelta(minutes=1)
ANSWER_MARGIN_SECONDS = 0.1

_TABLE, _COLUMN = "c_mcp_servers", "secret"
_OPEN_ENDED = frozenset({"timeout", "cut", "redirect", "too_large", "encoding", "malformed", "rpc"})
"""Causes that leave open whether a write happened, once it had left."""
_TALKED = frozenset({"rejected", "asks_back", "changed"})
"""Causes that say nothing against the server."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Decision:
    """What an admin decides about one tool; None leaves it."""

    effect: Effect | None = None
    assurance: AssuranceName | None = None
    confirmation: bool | None = None


@dataclass(frozen=True)
class Change:
    status: Literal["active", "disabled"] | None = None
    secret: str | None = field(default=None, repr=False)
    forget_secret: bool = False
    tools: Mapping[str, Decision] = field(default_factory=dict[str, Decision])


class Servers:
    def __init__(
        self,
        db: Database,
        keyring: KeyRing,
        clock: Clock,
        *,
        allow: Collection[str] = (),
        build: str = "",
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`allow`: `host:port` entries that the operator lets through whatever they resolve to, also without TLS."""
        self._db = db
        self._keyring = keyring
        self._clock = clock
        self._allow = parse_allow(allow)
        self._build = build
        self._resolve: Resolve = resolve or SystemResolver()
        self._tls = tls
        self._visits: Visits | None = None

    def close(self) -> None:
        if isinstance(self._resolve, SystemResolver):
            self._resolve.close()

    # What admins do

    async def list(self, org: OrgId) -> tuple[ServerRow, ...]:
        """By name; secrets are sealed."""
        async with self._db.org(org) as tx:
            return await store.read_servers(tx, org)

    async def register(self, by: Member, *, name: str, url: str, secret: str | None, trace_id: str) -> ServerRow:
        """Stores a server whose tools could be listed. Raises FORBIDDEN, INVALID_PARAMS, CONFLICT, and what the server did wrong."""
        _may(by)
        if SERVER_NAME.fullmatch(name) is None or name in OURS:
            raise SangdamError(Kind.INVALID_PARAMS, "a server's name is 2 to 31 of a-z, 0-9, - and _, and none of ours", fields=("name",))  # fmt: skip
        endpoint = read_url(url, self._allow)
        if isinstance(endpoint, Unfit):
            raise SangdamError(Kind.INVALID_PARAMS, endpoint.reason, fields=("url",))
        _check_secret(secret)
        async with self._db.org(by.org) as tx:
            known = await store.read_servers(tx, by.org)
        if any(row.name == name for row in known):
            raise SangdamError(Kind.CONFLICT, "a server of this name is registered")
        if len(known) >= MOST_SERVERS:
            raise SangdamError(Kind.CONFLICT, f"an organisation has at most {MOST_SERVERS} servers")
        listed = await self._listing(self._place(endpoint, secret, None))
        now, row_id = self._clock.now(), new_uuid()
        sealed = self._sealed(by.org, row_id, secret)
        row = ServerRow(
            row_id, name, endpoint.url, sealed, listed.listing.tools, listed.listing.left_out, listed.protocol, "active", now, now, 1, now
        )  # fmt: skip
        async with self._db.org(by.org) as tx:
            if not await store.insert_server(tx, by.org, row, by=by.user):
                raise SangdamError(Kind.CONFLICT, "a server of this name is registered")
            said = {"host": endpoint.host, "with_secret": secret is not None, "tools": sorted(row.tools), "left_out": len(row.left_out)}  # fmt: skip
            await self._told(tx, by, name, "registered", said, trace_id, now)
        return row

    async def refresh(self, by: Member, name: str, *, trace_id: str) -> ServerRow:
        """Lists the tools again. Raises FORBIDDEN, NOT_FOUND, and what the server did wrong: then it is `failing`."""
        _may(by)
        row = await self._known(by.org, name)
        try:
            place = self._place(self._endpoint(row), self._opened(by.org, row), None)
            listed = await self._listing(place)
        except SangdamError:
            async with self._db.org(by.org) as tx:
                await store.note_contact(tx, by.org, row.id, well=False, at=self._clock.now())
            raise
        found = await self._store_listing(by.org, row, listed, by=by, trace_id=trace_id)
        if found is None:
            raise SangdamError(Kind.NOT_FOUND, "the server was removed meanwhile")
        return found

    async def change(self, by: Member, name: str, change: Change, *, expected: int, trace_id: str) -> ServerRow:
        """Raises FORBIDDEN, NOT_FOUND, INVALID_PARAMS, CONFLICT when the version is another."""
        _may(by)
        _check_secret(change.secret)
        now = self._clock.now()
        async with self._db.org(by.org) as tx:
            row = await self._locked(tx, by.org, name, expected)
            tools = dict(row.tools)
            for tool, decision in change.tools.items():
                if tool not in tools:
                    raise SangdamError(Kind.NOT_FOUND, "the server has no such tool")
                tools[tool] = _decided(tools[tool], decision)
            secret = None if change.forget_secret else row.secret
            if change.secret is not None:
                secret = self._sealed(by.org, row.id, change.secret)
            status = row.status
            if change.status == "disabled" or (change.status == "active" and row.status == "disabled"):
                status = change.status  # a failing one is active again when it answers
            after = replace(row, tools=tools, secret=secret, status=status, version=row.version + 1)
            await store.write_server(tx, by.org, after, by=by.user, at=now)
            said = {
                "before": {"status": row.status, "tools": {tool: _shown(row.tools[tool]) for tool in change.tools}},
                "after": {"status": status, "tools": {tool: _shown(tools[tool]) for tool in change.tools}},
                "with_new_secret": change.secret is not None,
                "without_secret": change.forget_secret,
            }
            await self._told(tx, by, name, "changed", said, trace_id, now)
        return after

    async def allow(self, by: Member, name: str, tool: str, digest: str, *, trace_id: str) -> ServerRow:
        """Accepts what a tool has become. Raises FORBIDDEN, NOT_FOUND, CONFLICT when it has become something else meanwhile."""
        _may(by)
        now = self._clock.now()
        async with self._db.org(by.org) as tx:
            row = await self._locked(tx, by.org, name, None)
            entry = row.tools.get(tool)
            if entry is None:
                raise SangdamError(Kind.NOT_FOUND, "the server has no such tool")
            if entry.present_digest != digest:
                raise SangdamError(Kind.CONFLICT, "the tool has another digest now; look at it again")
            if entry.allowed_digest == digest:
                return row
            tools = {**row.tools, tool: entry.model_copy(update={"allowed_digest": digest})}
            after = replace(row, tools=tools, version=row.version + 1)
            await store.write_server(tx, by.org, after, by=by.user, at=now)
            said = {"tool": tool, "before": _short(entry.allowed_digest), "after": _short(digest)}
            await self._told(tx, by, name, "allowed", said, trace_id, now)
        return after

    async def remove(self, by: Member, name: str, *, expected: int, trace_id: str) -> None:
        """The server and the policies of its tools go; what was done with them stays in the audit.

        Raises FORBIDDEN, NOT_FOUND, CONFLICT when the version is another or a change of it is under way.
        """
        _may(by)
        now = self._clock.now()
        async with self._db.org(by.org) as tx:
            row = await self._locked(tx, by.org, name, expected)
            if await store.calls_under_way(tx, by.org, name, now=now):
                raise SangdamError(Kind.CONFLICT, "a change by one of its tools is under way", retry_after=10)
            policies = await store.delete_server(tx, by.org, row, breaker=breaker_of(name))
            await self._told(tx, by, name, "removed", {"tools": sorted(row.tools), "policies": policies}, trace_id, now)

    # What the gate and the tools page ask

    async def find(self, org: OrgId, name: str) -> Tool | None:
        """`<server>/<tool>` of that org; None for one it does not have, or that is switched off."""
        server, _, tool = name.partition("/")
        if SERVER_NAME.fullmatch(server) is None or TOOL_NAME.fullmatch(tool) is None:
            return None
        async with self._db.org(org) as tx:
            row = await store.read_with_tool(tx, org, server, tool)
        if row is None or row.status == "disabled" or tool not in row.tools:
            return None
        return self._tool(row, tool)

    async def tools(self, org: OrgId) -> tuple[Tool, ...]:
        """All that are switched on, by name."""
        rows = await self.list(org)
        found = (self._tool(row, tool) for row in rows if row.status != "disabled" for tool in sorted(row.tools))
        return tuple(tool for tool in found if tool is not None)

    # One use

    def _tool(self, row: ServerRow, tool: str) -> Tool | None:
        entry = row.tools[tool]
        title = f"{entry.title or tool} ({row.name})"

        async def run(call: Call, arguments: Any) -> BaseModel | Refusal:
            return await self._use(row, tool, entry, call, dict(arguments.root))

        async def preview(call: Call, arguments: Any) -> BaseModel | Refusal:
            fields = dict(arguments.root)
            return Invalid(fields=("(an API token)",)) if carries_token(fields) else preview_of(row.name, title, fields)

        return tool_of(row.name, tool, entry, of=row.id, run=run, preview=preview)

    async def _use(
        self, row: ServerRow, tool: str, entry: ExternalTool, call: Call, arguments: Mapping[str, Any]
    ) -> BaseModel | Refusal:
        from sangdam.tools.external.client import MOST_BYTES, MOST_LISTING_BYTES, Listed, Refused, Trouble

        if carries_token(arguments):
            return Invalid(fields=("(an API token)",))
        endpoint = read_url(row.url, self._allow)
        if isinstance(endpoint, Unfit):
            return Failed("CONFIG_ERROR", detail={"server": row.name, "cause": "address"})
        now = self._clock.now()
        stale = row.listed_at is None or now - row.listed_at > LISTED_FOR

        async def still_the_same(listed: Listed | Unfit) -> bool:
            if isinstance(listed, Unfit):
                raise wire.broke("malformed")
            await self._store_listing(call.org, row, listed, by=None, trace_id=call.caller.trace_id)
            told = listed.listing.tools.get(tool)
            return told is not None and told.present_digest == entry.allowed_digest

        def leaving() -> None:
            call.sent = True

        wire = Wire(MOST_LISTING_BYTES if stale else MOST_BYTES, leaving)
        place = self._place(endpoint, self._opened(call.org, row), None if stale else row.protocol)
        started = call.clock.monotonic()
        answer = await self._visited.call(
            place,
            wire,
            tool,
            arguments,
            source=f"{row.name}/{tool}",
            seconds=max(0.0, call.remaining - ANSWER_MARGIN_SECONDS),
            look_first=still_the_same if stale else None,
        )
        if wire.tried:
            ms = int((call.clock.monotonic() - started) * 1000)
            call.upstream.append(UpstreamCall(f"POST {row.name}/{tool}", wire.status, ms, 1, breaker_of(row.name)))
        well = not isinstance(answer, Trouble) or answer.cause in _TALKED or _is_client_error(answer)
        await self._note(call.org, row, well=well, now=now)
        match answer:
            case Trouble():
                return self._ended(row, call, wire, answer)
            case Refused():
                return Failed("EXTERNAL_REJECTED", detail={"server": row.name, "cause": "is_error"})
            case _:
                return answer

    def _ended(self, row: ServerRow, call: Call, wire: Wire, trouble: "Trouble") -> Refusal:
        code, retryable = code_of(trouble)
        log.warning(
            "external_call_failed", server=row.name, cause=trouble.cause, status=trouble.status, call_id=str(call.id), trace_id=call.caller.trace_id
        )  # fmt: skip
        if trouble.cause == "changed":
            return Denied("TOOL_NOT_FOUND")
        open_ended = trouble.cause in _OPEN_ENDED or (trouble.cause == "status" and (trouble.status or 500) >= 500)
        if wire.left and open_ended and call.effect is not None:
            return Unknown(code, call.effect)
        return Failed(code, retryable, detail={"server": row.name, "cause": trouble.cause, "status": trouble.status})

    async def _note(self, org: OrgId, row: ServerRow, *, well: bool, now: datetime) -> None:
        """How the contact went, where that is news. What the call came to does not depend on it."""
        seen_lately = row.last_seen_at is not None and now - row.last_seen_at < SEEN_EVERY
        if (row.status == "active" and well and seen_lately) or (row.status == "failing" and not well):
            return
        try:
            async with self._db.org(org) as tx:
                await store.note_contact(tx, org, row.id, well=well, at=now)
        except SangdamError as error:
            log.warning("external_contact_not_noted", server=row.name, code=error.code)

    # Listing

    async def _listing(self, place: "Place") -> "Listed":
        from sangdam.tools.external.client import Trouble

        listed = await self._visited.tools(place, seconds=LISTING_SECONDS)
        if isinstance(listed, Unfit):
            raise SangdamError(Kind.UNAVAILABLE, f"its tools are not usable: {listed.reason}", code="EXTERNAL_ERROR")
        if isinstance(listed, Trouble):
            code, _ = code_of(listed)
            kind = Kind.CONFIG if code == "CONFIG_ERROR" else Kind.UNAVAILABLE
            status = f", HTTP {listed.status}" if listed.status is not None else ""
            raise SangdamError(kind, f"its tools could not be listed: {listed.cause}{status}", code=code)
        return listed

    async def _store_listing(
        self, org: OrgId, known: ServerRow, listed: "Listed", *, by: Member | None, trace_id: str
    ) -> ServerRow | None:
        """None when the server is gone."""
        now = self._clock.now()
        async with self._db.org(org) as tx:
            row = await store.lock_server(tx, org, known.name)
            if row is None or row.id != known.id:
                return None
            kept = await store.tools_with_policy(tx, org, row.name)
            found = merged(row.tools, listed.listing, kept=kept)
            changed = dict(found.tools) != dict(row.tools) or row.left_out != listed.listing.left_out
            after = replace(
                row,
                tools=found.tools,
                left_out=listed.listing.left_out,
                protocol=listed.protocol,
                status="disabled" if row.status == "disabled" else "active",
                last_seen_at=now,
                listed_at=now,
                version=row.version + 1 if changed else row.version,
            )
            await store.write_server(tx, org, after, by=by.user if by is not None else None, at=now)
            if changed:
                await self._told(tx, by or org, row.name, "listed", _news(found, after), trace_id, now)
        if found.switched_off:
            log.warning(
                "external_tools_switched_off", server=row.name, tools=list(found.switched_off), trace_id=trace_id
            )
        return after

    # Small things

    @property
    def _visited(self) -> "Visits":
        if self._visits is None:
            from sangdam.tools.external.client import Visits

            tls = self._tls or httpx2.create_ssl_context(trust_env=False)
            self._visits = Visits(self._resolve, tls, build=self._build)
        return self._visits

    def _place(self, endpoint: Endpoint, secret: str | None, protocol: str | None) -> "Place":
        from sangdam.tools.external.client import Place

        return Place(endpoint, secret, protocol)

    def _endpoint(self, row: ServerRow) -> Endpoint:
        endpoint = read_url(row.url, self._allow)
        if isinstance(endpoint, Unfit):
            raise SangdamError(Kind.CONFIG, endpoint.reason)
        return endpoint

    def _sealed(self, org: OrgId, row: Any, secret: str | None) -> str | None:
        return (
            self._keyring.seal(secret, table=_TABLE, column=_COLUMN, org=org, row=row) if secret is not None else None
        )

    def _opened(self, org: OrgId, row: ServerRow) -> str | None:
        if row.secret is None:
            return None
        return self._keyring.open(row.secret, table=_TABLE, column=_COLUMN, org=org, row=row.id)

    async def _known(self, org: OrgId, name: str) -> ServerRow:
        found = next((row for row in await self.list(org) if row.name == name), None)
        if found is None:
            raise SangdamError(Kind.NOT_FOUND, "no such server")
        return found

    async def _locked(self, tx: Transaction, org: OrgId, name: str, expected: int | None) -> ServerRow:
        row = await store.lock_server(tx, org, name)
        if row is None:
            raise SangdamError(Kind.NOT_FOUND, "no such server")
        if expected is not None and row.version != expected:
            raise SangdamError(Kind.CONFLICT, f"the server has version {row.version}")
        return row

    async def _told(
        self,
        tx: Transaction,
        by: Member | OrgId,
        name: str,
        change: str,
        said: Mapping[str, object],
        trace_id: str,
        now: datetime,
    ) -> None:
        """The closed list of events has none of its own for servers: what they bring is a matter of policy."""
        org = by.org if isinstance(by, Member) else by
        actor = {"kind": "member", "id": by.user, "role": by.role.value} if isinstance(by, Member) else {"kind": "gate"}
        payload = {"server": name, "change": change, **said}
        await append(tx, org, events=[AuditEvent(EventType.POLICY_CHANGED, actor, now, trace_id, payload)])


def code_of(trouble: "Trouble") -> tuple[str, bool]:
    """The code of a conversation that failed, and whether trying again helps."""
    match trouble.cause:
        case "address" | "unauthorized":
            return "CONFIG_ERROR", False
        case "timeout":
            return "EXTERNAL_TIMEOUT", True
        case "connect" | "cut":
            return "EXTERNAL_UNAVAILABLE", True
        case "status" if trouble.status == 429:
            return "EXTERNAL_REJECTED", True
        case "status" if _is_client_error(trouble):
            return "EXTERNAL_REJECTED", False
        case "status":
            return "EXTERNAL_UNAVAILABLE", True
        case "rejected" | "asks_back":
            return "EXTERNAL_REJECTED", False
        case "changed":
            return "TOOL_NOT_FOUND", False
        case _:
            return "EXTERNAL_ERROR", False


def _is_client_error(trouble: "Trouble") -> bool:
    return trouble.cause == "status" and trouble.status is not None and trouble.status < 500


def _may(by: Member) -> None:
    if not by.may(Permission.ADMIN_WRITE):
        raise SangdamError(Kind.FORBIDDEN, "external servers are for owners and admins")


def _check_secret(secret: str | None) -> None:
    if secret is not None and SECRET.fullmatch(secret) is None:
        raise SangdamError(
            Kind.INVALID_PARAMS, "a bearer secret has letters, digits and -._~+/ only", fields=("secret",)
        )


def _decided(entry: ExternalTool, decision: Decision) -> ExternalTool:
    given = {"effect": decision.effect, "assurance": decision.assurance, "confirmation": decision.confirmation}
    after = entry.model_copy(update={name: value for name, value in given.items() if value is not None})
    if after.effect == "read" and after.confirmation:
        if decision.confirmation:
            raise SangdamError(Kind.INVALID_PARAMS, "only a write is confirmed", fields=("tools",))
        return after.model_copy(update={"confirmation": False})
    return after


def _shown(entry: ExternalTool) -> dict[str, object]:
    return {"effect": entry.effect, "assurance": entry.assurance, "confirmation": entry.confirmation}


def _short(digest: str | None) -> str | None:
    return digest[:12] if digest is not None else None


def _news(found: Merged, after: ServerRow) -> dict[str, object]:
    return {
        "tools": len(after.tools), "left_out": len(after.left_out), "added": list(found.added), "switched_off": list(found.switched_off),
    }  # fmt: skip
