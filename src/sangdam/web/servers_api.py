"""External MCP servers over HTTP: connected, listed again, decided about, removed. A secret goes in and never comes out."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sangdam.core.clock import kst
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId
from sangdam.orgs import Permission
from sangdam.tools.external import Change, Decision, ExternalTool, ServerRow, Servers
from sangdam.web.callers import Callers, Known
from sangdam.web.errors import answers
from sangdam.web.http import trace_id_of
from sangdam.web.replays import Answer, Replays
from sangdam.web.tools_api import IdempotencyKey, IfMatch, member_of, version_of

ServerName = Annotated[str, Path(min_length=2, max_length=31, pattern=r"^[a-z][a-z0-9_-]{1,30}$")]
ForeignName = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Assurance = Literal["ANONYMOUS", "CLAIMED", "VERIFIED"]


class ServerRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=2, max_length=31, pattern=r"^[a-z][a-z0-9_-]{1,30}$")
    url: str = Field(min_length=8, max_length=2000, description="https, without user, query or fragment.")
    secret: str | None = Field(default=None, max_length=4000, description="Sent as a bearer token to this server only.")


class ToolDecision(BaseModel):
    model_config = ConfigDict(extra="forbid")

    effect: Literal["read", "write"] | None = None
    assurance: Assurance | None = None
    confirmation: bool | None = None


class ServerPatch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Literal["active", "disabled"] | None = None
    secret: str | None = Field(default=None, max_length=4000, description="null forgets it; left out, it stays.")
    tools: dict[str, ToolDecision] = Field(default_factory=dict[str, ToolDecision], max_length=100)


class AllowRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    digest: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="The present one: what was looked at is what is allowed."
    )


class Claims(BaseModel):
    """What the server says of its tool. Nothing follows from it."""

    read_only: bool | None
    destructive: bool | None
    idempotent: bool | None
    open_world: bool | None


class ForeignTool(BaseModel):
    name: str = Field(description="`<server>/<tool>`, as policies and calls name it.")
    title: str | None
    description: str = Field(description="In the words of the server's operator.")
    schema_: dict[str, JsonValue] = Field(serialization_alias="schema")
    claims: Claims
    effect: Literal["read", "write"]
    assurance: Assurance
    confirmation: bool
    state: Literal["on", "changed", "gone"]
    present_digest: str | None
    allowed_digest: str | None


class NotUsable(BaseModel):
    name: str
    reason: str


class ServerView(BaseModel):
    name: str
    url: str
    secret: Literal["set", "missing"]
    status: Literal["active", "disabled", "failing"]
    last_seen_at: str | None
    listed_at: str | None
    version: int
    tools: list[ForeignTool]
    left_out: list[NotUsable]


class ServersView(BaseModel):
    items: list[ServerView]


def server_routes(servers: Servers, callers: Callers, replays: Replays) -> APIRouter:
    router = APIRouter(tags=["external tools"])

    async def admin(request: Request) -> Known:
        return await callers.known(request, permission=Permission.ADMIN_WRITE)

    @router.get("/api/mcp/servers", response_model=ServersView, responses=answers(401, 403))
    async def list_servers(caller: Annotated[Known, Depends(admin)]) -> ServersView:  # pyright: ignore[reportUnusedFunction]
        return ServersView(items=[server_view(row) for row in await servers.list(member_of(caller).org)])

    @router.post(
        "/api/mcp/servers",
        response_model=ServerView,
        status_code=201,
        responses=answers(401, 403, 409, 413, 415, 422, 424, 502, 504),
    )
    async def register(  # pyright: ignore[reportUnusedFunction]
        asked: ServerRequest, caller: Annotated[Known, Depends(admin)], request: Request, key: IdempotencyKey = None
    ) -> Response:
        member = member_of(caller)

        async def work() -> Answer:
            row = await servers.register(
                member, name=asked.name, url=asked.url, secret=asked.secret, trace_id=trace_id_of(request)
            )
            return Answer(201, shown(row))

        return await replays.once(request, caller, asked.model_dump(mode="json"), work)

    @router.patch(
        "/api/mcp/servers/{name}", response_model=ServerView, responses=answers(401, 403, 404, 409, 413, 415, 422)
    )
    async def change(  # pyright: ignore[reportUnusedFunction]
        name: ServerName,
        asked: ServerPatch,
        caller: Annotated[Known, Depends(admin)],
        request: Request,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response:
        member = member_of(caller)
        wish = Change(
            status=asked.status,
            secret=asked.secret,
            forget_secret="secret" in asked.model_fields_set and asked.secret is None,
            tools={tool: Decision(**decision.model_dump()) for tool, decision in asked.tools.items()},
        )

        async def work() -> Answer:
            expected = await expected_version(member_of(caller).org, name, if_match)
            row = await servers.change(member, name, wish, expected=expected, trace_id=trace_id_of(request))
            return Answer(200, shown(row))

        return await replays.once(request, caller, [asked.model_dump(mode="json"), if_match], work)

    @router.post(
        "/api/mcp/servers/{name}/refresh",
        response_model=ServerView,
        responses=answers(401, 403, 404, 409, 413, 415, 422, 424, 502, 504),
    )
    async def refresh(  # pyright: ignore[reportUnusedFunction]
        name: ServerName, caller: Annotated[Known, Depends(admin)], request: Request, key: IdempotencyKey = None
    ) -> Response:
        member = member_of(caller)

        async def work() -> Answer:
            return Answer(200, shown(await servers.refresh(member, name, trace_id=trace_id_of(request))))

        return await replays.once(request, caller, None, work)

    @router.post(
        "/api/mcp/servers/{name}/tools/{tool}/allow",
        response_model=ServerView,
        responses=answers(401, 403, 404, 409, 413, 415, 422),
    )
    async def allow(  # pyright: ignore[reportUnusedFunction]
        name: ServerName,
        tool: ForeignName,
        asked: AllowRequest,
        caller: Annotated[Known, Depends(admin)],
        request: Request,
        key: IdempotencyKey = None,
    ) -> Response:
        member = member_of(caller)

        async def work() -> Answer:
            return Answer(
                200, shown(await servers.allow(member, name, tool, asked.digest, trace_id=trace_id_of(request)))
            )

        return await replays.once(request, caller, asked.digest, work)

    @router.delete("/api/mcp/servers/{name}", status_code=204, responses=answers(401, 403, 404, 409))
    async def remove(  # pyright: ignore[reportUnusedFunction]
        name: ServerName, caller: Annotated[Known, Depends(admin)], request: Request, if_match: IfMatch = None
    ) -> Response:
        member = member_of(caller)
        expected = await expected_version(member.org, name, if_match)
        await servers.remove(member, name, expected=expected, trace_id=trace_id_of(request))
        return Response(status_code=204)

    async def expected_version(org: OrgId, name: str, if_match: str | None) -> int:
        """Raises NOT_FOUND; CONFLICT that tells the present version where none was sent."""
        row = next((row for row in await servers.list(org) if row.name == name), None)
        if row is None:
            raise SangdamError(Kind.NOT_FOUND, "no such server")
        expected = version_of(if_match)
        if expected is None:
            raise SangdamError(Kind.CONFLICT, f"If-Match is missing: the present version is {row.version}")
        return expected

    return router


def shown(row: ServerRow) -> dict[str, JsonValue]:
    return server_view(row).model_dump(mode="json", by_alias=True)


def server_view(row: ServerRow) -> ServerView:
    return ServerView(
        name=row.name,
        url=row.url,
        secret="set" if row.secret is not None else "missing",
        status=row.status,
        last_seen_at=kst(row.last_seen_at).isoformat() if row.last_seen_at is not None else None,
        listed_at=kst(row.listed_at).isoformat() if row.listed_at is not None else None,
        version=row.version,
        tools=[tool_view(row.name, name, tool) for name, tool in sorted(row.tools.items())],
        left_out=[NotUsable(name=entry.name, reason=entry.reason) for entry in row.left_out],
    )


def tool_view(server: str, name: str, tool: ExternalTool) -> ForeignTool:
    return ForeignTool(
        name=f"{server}/{name}",
        title=tool.title,
        description=tool.description,
        schema_=tool.input_schema,
        claims=Claims(**tool.hints.model_dump()),
        effect=tool.effect,
        assurance=tool.assurance,
        confirmation=tool.confirmation,
        state=tool.state,
        present_digest=tool.present_digest,
        allowed_digest=tool.allowed_digest,
    )
