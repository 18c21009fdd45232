"""Signing in to the console and out of it, and who one is (`AUTH_MODE=builtin`)."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from sangdam.core.errors import Kind, SangdamError
from sangdam.orgs import Member
from sangdam.orgs.accounts import SESSION_LASTS
from sangdam.web.callers import COOKIE, Callers
from sangdam.web.errors import answers
from sangdam.web.parts import Parts
from sangdam.web.rates import SlidingWindow
from sangdam.web.socket import is_own_origin
from sangdam.web.widgets import origin_of


class LoginRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(min_length=3, max_length=254)
    password: str = Field(min_length=1, max_length=256)


class LoginAnswer(BaseModel):
    user_id: uuid.UUID
    csrf_token: str = Field(description="Sent back as `x-csrf-token` on every write.")
    expires_at: str


class Me(BaseModel):
    user_id: uuid.UUID
    org_id: uuid.UUID
    role: str
    display_name: str
    email: str
    csrf_token: str | None = Field(description="None for callers without a cookie.")


def member_routes(parts: Parts, callers: Callers) -> APIRouter:
    router = APIRouter(tags=["members"])
    attempts = SlidingWindow[str](parts.limits.logins_per_hour_ip, 3600.0)
    own = origin_of(parts.public_base_url)

    async def signed_in(request: Request) -> Member:
        return await callers.member(request)

    @router.post("/api/auth/login", response_model=LoginAnswer, responses=answers(401, 403, 404, 413, 415, 429))
    async def login(asked: LoginRequest, request: Request, response: Response) -> LoginAnswer:  # pyright: ignore[reportUnusedFunction]
        if parts.auth_mode != "builtin":
            raise SangdamError(Kind.NOT_FOUND, "another issuer signs members in")
        given = request.headers.get("origin")
        host = request.headers.get("host", "")
        if given is not None and not is_own_origin(origin_of(given) or "", host, own=own, prod=parts.profile == "prod"):
            raise SangdamError(Kind.FORBIDDEN, "sign-in is for this origin only", code="ORIGIN_NOT_ALLOWED")
        address = callers.limited_address(request)
        wait = attempts.hit(address, parts.clock.monotonic()) if address is not None else None
        if wait is not None:
            raise SangdamError(Kind.RATE_LIMIT, "too many sign-ins from this address", retry_after=wait)
        agent = request.headers.get("user-agent", "")
        done = await parts.accounts.login(
            asked.email, asked.password, ip=str(callers.address(request)), user_agent=agent
        )
        if done is None:
            raise SangdamError(Kind.UNAUTHORIZED, "e-mail or password is wrong")
        response.set_cookie(
            COOKIE,
            done.token,
            max_age=int(SESSION_LASTS.total_seconds()),
            path="/",
            secure=parts.secure,
            httponly=True,
            samesite="lax",
        )
        return LoginAnswer(
            user_id=done.user, csrf_token=callers.csrf(done.token), expires_at=done.expires_at.isoformat()
        )

    @router.post("/api/auth/logout", status_code=204, responses=answers(403))
    async def logout(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        secret = callers.cookie(request)
        if secret is not None:
            await parts.accounts.logout(secret)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/", secure=parts.secure, httponly=True, samesite="lax")
        return response

    @router.get("/api/me", response_model=Me, responses=answers(401, 403))
    async def me(request: Request, member: Annotated[Member, Depends(signed_in)]) -> Me:  # pyright: ignore[reportUnusedFunction]
        secret = callers.cookie(request)
        csrf = callers.csrf(secret) if secret is not None else None
        return Me(
            user_id=member.user,
            org_id=member.org,
            role=member.role.value,
            display_name=member.display_name,
            email=member.email,
            csrf_token=csrf,
        )

    return router
