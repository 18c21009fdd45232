"""API tokens of MCP clients and server-to-server callers: made, listed, ended. A secret is shown once."""

import uuid
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from sangdam.core.clock import kst
from sangdam.core.errors import Kind, SangdamError
from sangdam.orgs import ApiToken, ApiTokens, Permission
from sangdam.web.callers import Callers, Known
from sangdam.web.errors import answers
from sangdam.web.http import trace_id_of
from sangdam.web.replays import Answer, Replays
from sangdam.web.tools_api import IdempotencyKey, member_of


class TokenRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    scopes: list[str] = Field(min_length=1, max_length=20)
    acts_as: Literal["on_behalf", "staff"] = "on_behalf"
    days: int = Field(default=90, ge=1, le=365)
    operated_by_person: bool = Field(
        default=False, description="A person sits in front of this client: what they accept there counts as their yes."
    )


class TokenView(BaseModel):
    id: uuid.UUID
    name: str
    prefix: str
    acts_as: str
    scopes: list[str]
    operated_by_person: bool
    created_at: str
    expires_at: str
    last_used_at: str | None
    revoked_at: str | None


class MadeToken(TokenView):
    token: str = Field(description="Shown this once.")


class TokensView(BaseModel):
    items: list[TokenView]


def token_routes(tokens: ApiTokens, callers: Callers, replays: Replays) -> APIRouter:
    router = APIRouter(tags=["tokens"])

    async def admin(request: Request) -> Known:
        return await callers.known(request, permission=Permission.ADMIN_WRITE)

    @router.get("/api/tokens", response_model=TokensView, responses=answers(401, 403))
    async def list_tokens(caller: Annotated[Known, Depends(admin)]) -> TokensView:  # pyright: ignore[reportUnusedFunction]
        return TokensView(items=[token_view(token) for token in await tokens.list(member_of(caller).org)])

    @router.post(
        "/api/tokens", response_model=MadeToken, status_code=201, responses=answers(401, 403, 409, 413, 415, 422)
    )
    async def make_token(  # pyright: ignore[reportUnusedFunction]
        asked: TokenRequest, caller: Annotated[Known, Depends(admin)], request: Request, key: IdempotencyKey = None
    ) -> Response:
        async def work() -> Answer:
            token, secret = await tokens.issue(
                member_of(caller),
                name=asked.name,
                scopes=asked.scopes,
                acts_as=asked.acts_as,
                lasts=timedelta(days=asked.days),
                trace_id=trace_id_of(request),
                operated_by_person=asked.operated_by_person,
            )
            return Answer(201, {**token_view(token).model_dump(mode="json"), "token": secret})

        return await replays.once(request, caller, asked.model_dump(mode="json"), work)

    @router.delete("/api/tokens/{token_id}", status_code=204, responses=answers(401, 403, 404))
    async def end_token(  # pyright: ignore[reportUnusedFunction]
        token_id: uuid.UUID, caller: Annotated[Known, Depends(admin)], request: Request
    ) -> Response:
        member = member_of(caller)
        token = next((token for token in await tokens.list(member.org) if token.id == token_id), None)
        if token is None:
            raise SangdamError(Kind.NOT_FOUND, "no such token")
        await tokens.revoke(member, token, trace_id=trace_id_of(request))
        return Response(status_code=204)

    return router


def token_view(token: ApiToken) -> TokenView:
    return TokenView(
        id=token.id,
        name=token.name,
        prefix=token.prefix,
        acts_as=token.acts_as,
        scopes=sorted(token.scopes),
        operated_by_person=token.operated_by_person,
        created_at=kst(token.created_at).isoformat(),
        expires_at=kst(token.expires_at).isoformat(),
        last_used_at=kst(token.last_used_at).isoformat() if token.last_used_at is not None else None,
        revoked_at=kst(token.revoked_at).isoformat() if token.revoked_at is not None else None,
    )
