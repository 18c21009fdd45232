"""Who calls: a member by cookie or by another issuer's token, or an API token. Judged anew on every request (interfaces.md §1.2)."""

import hashlib
import hmac
from dataclasses import dataclass

from fastapi import Request

from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId
from sangdam.orgs import ApiToken, Member, Permission, Role, Scope
from sangdam.orgs.tokens import PREFIX
from sangdam.web.address import Address, bucket, client_address
from sangdam.web.parts import Parts

COOKIE = "sd_session"
CSRF = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class ByMember:
    member: Member

    @property
    def org(self) -> OrgId:
        return self.member.org

    @property
    def id(self) -> str:
        return f"member:{self.member.user}"


@dataclass(frozen=True)
class ByToken:
    token: ApiToken

    @property
    def org(self) -> OrgId:
        return self.token.org

    @property
    def id(self) -> str:
        return f"token:{self.token.id}"


Known = ByMember | ByToken


class Callers:
    def __init__(self, parts: Parts) -> None:
        if len(parts.session_secret.encode()) < 32:
            raise ValueError("SESSION_SECRET is shorter than 32 bytes")
        self._parts = parts

    async def known(self, request: Request, *, permission: Permission, scopes: frozenset[Scope] = frozenset()) -> Known:
        """A member with the permission, or a token with one of the scopes. Raises UNAUTHORIZED, ORG_PENDING, FORBIDDEN."""
        known = await self.identified(request)
        match known:
            case ByToken(token) if not token.scopes & {scope.value for scope in scopes}:
                needed = " or ".join(sorted(scopes)) or "nothing: members only"
                raise SangdamError(Kind.FORBIDDEN, f"needs a token with {needed}")
            case ByMember(member) if not member.may(permission):
                raise SangdamError(Kind.FORBIDDEN, f"the role {member.role.value} may not: {permission.value}")
            case _:
                return known

    async def identified(self, request: Request) -> Known:
        """Whoever it is, whatever they may: for doors behind which another judge stands. Raises UNAUTHORIZED, ORG_PENDING."""
        bearer = _bearer(request)
        if bearer is None or not bearer.startswith(PREFIX):
            return ByMember(await self.member(request))
        return await self.by_token(request)

    async def by_token(self, request: Request) -> ByToken:
        """An API token and nothing else. Raises UNAUTHORIZED, the same for one that never was and one that has ended."""
        bearer = _bearer(request)
        token = await self._parts.tokens.find(bearer) if bearer is not None else None
        if token is None:
            raise SangdamError(Kind.UNAUTHORIZED, "no such token, or it has ended")
        request.state.trusted = True
        return ByToken(token)

    async def member(self, request: Request) -> Member:
        """The member whatever the role. Raises UNAUTHORIZED, ORG_PENDING."""
        bearer = _bearer(request)
        if bearer is not None:
            member = (
                await self._parts.bearer(bearer)
                if self._parts.bearer is not None and not bearer.startswith(PREFIX)
                else None
            )
        else:
            secret = self.cookie(request)
            member = await self._parts.accounts.member_of(secret) if secret is not None else None
        if member is None:
            raise SangdamError(Kind.UNAUTHORIZED, "not signed in, or not a member of an organisation")
        if member.role is Role.PENDING:
            raise SangdamError(Kind.ORG_PENDING, "an admin has not approved this member yet")
        request.state.trusted = True
        return member

    def cookie(self, request: Request) -> str | None:
        """The secret of a console login; on writes only together with its CSRF token. Raises FORBIDDEN."""
        secret = request.cookies.get(COOKIE)
        if secret is None or request.method in _SAFE:
            return secret
        given = request.headers.get(CSRF, "")
        if not hmac.compare_digest(given.encode("latin-1", "replace"), self.csrf(secret).encode()):
            raise SangdamError(Kind.FORBIDDEN, f"the header {CSRF} is missing or wrong")
        return secret

    def csrf(self, secret: str) -> str:
        return hmac.new(self._parts.session_secret.encode(), f"csrf|{secret}".encode(), hashlib.sha256).hexdigest()

    def address(self, request: Request) -> Address:
        peer = request.client.host if request.client is not None else None
        return client_address(peer, request.headers.getlist("x-forwarded-for"), self._parts.trusted_proxies)

    def limited_address(self, request: Request) -> str | None:
        """What per-IP limits count; None for loopback outside `prod`."""
        address = self.address(request)
        return None if address.is_loopback and self._parts.profile != "prod" else bucket(address)


def _bearer(request: Request) -> str | None:
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" and credential.strip() else None


def bearer_of(request: Request) -> str:
    """Raises UNAUTHORIZED."""
    found = _bearer(request)
    if found is None:
        raise SangdamError(Kind.UNAUTHORIZED, "a bearer credential is expected")
    return found
