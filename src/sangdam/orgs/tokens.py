"""API tokens `sgd_…` of MCP clients and server-to-server callers. Shown once; a token never has more than the member who made it."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId, new_uuid
from sangdam.db.chain import AuditEvent, EventType, append
from sangdam.db.database import Database
from sangdam.orgs import store
from sangdam.orgs.keyring import Hasher
from sangdam.orgs.model import ApiToken, Member, Permission, Role, Scope, scopes_of

PREFIX = "sgd_"
LONGEST = timedelta(days=365)
_SHOWN = len(PREFIX) + 6
_TOUCH_AFTER = timedelta(minutes=1)


class ApiTokens:
    def __init__(self, db: Database, hasher: Hasher, clock: Clock) -> None:
        self._db = db
        self._hasher = hasher
        self._clock = clock

    async def issue(
        self,
        maker: Member,
        *,
        name: str,
        scopes: Iterable[str],
        acts_as: Literal["on_behalf", "staff"],
        lasts: timedelta,
        trace_id: str,
        operated_by_person: bool = False,
    ) -> tuple[ApiToken, str]:
        """The token and its secret, which nobody can read again. Raises FORBIDDEN, INVALID_PARAMS."""
        if not maker.may(Permission.ADMIN_WRITE):
            raise SangdamError(Kind.FORBIDDEN, "tokens are made by owners and admins")
        wanted = frozenset(scopes)
        if not wanted or not wanted <= {scope.value for scope in Scope}:
            raise SangdamError(Kind.INVALID_PARAMS, "unknown or no scope", fields=("scopes",))
        if not wanted <= {scope.value for scope in scopes_of(maker.role)}:
            raise SangdamError(Kind.FORBIDDEN, "a token never has more than the member who makes it")
        if not timedelta(minutes=1) <= lasts <= LONGEST:
            raise SangdamError(Kind.INVALID_PARAMS, "a token lives a minute to 365 days", fields=("expires_at",))
        if not 1 <= len(name.strip()) <= 80:
            raise SangdamError(Kind.INVALID_PARAMS, "a name has 1 to 80 characters", fields=("name",))
        now = self._clock.now()
        secret = PREFIX + secrets.token_urlsafe(32)
        token = ApiToken(
            id=new_uuid(),
            org=maker.org,
            name=name.strip(),
            prefix=secret[:_SHOWN],
            created_by=maker.user,
            acts_as=acts_as,
            scopes=wanted,
            expires_at=now + lasts,
            created_at=now,
            maker_role=maker.role,
            operated_by_person=operated_by_person,
        )
        payload = {
            "token_id": token.id,
            "name": token.name,
            "scopes": sorted(wanted),
            "acts_as": acts_as,
            "until": token.expires_at,
            "operated_by_person": operated_by_person,
        }
        async with self._db.org(maker.org) as tx:
            await store.insert_token(tx, maker.org, token, token_hash=self._hash(secret))
            await append(
                tx, maker.org, events=[AuditEvent(EventType.TOKEN_ISSUED, _actor(maker), now, trace_id, payload)]
            )
        return token, secret

    async def find(self, secret: str) -> ApiToken | None:
        """The live token behind a secret, with what its maker's role still allows. None when expired, revoked or the maker is gone."""
        if not secret.startswith(PREFIX) or len(secret) > 100:
            return None
        async with self._db.system() as tx:
            found = await store.token_by_hash(tx, self._hash(secret))
        if found is None:
            return None
        org, row = found
        now = self._clock.now()
        async with self._db.org(org) as tx:
            token = await store.read_token(tx, org, row)
            if (
                token is None
                or token.revoked_at is not None
                or token.expires_at <= now
                or token.maker_role in (None, Role.PENDING)
            ):
                return None
            if token.last_used_at is None or token.last_used_at <= now - _TOUCH_AFTER:
                await store.touch_token(tx, org, row, now=now)
        return token

    async def list(self, org: OrgId) -> tuple[ApiToken, ...]:
        async with self._db.org(org) as tx:
            return await store.read_tokens(tx, org)

    async def revoke(self, by: Member, token: ApiToken, *, trace_id: str) -> bool:
        """False when it was revoked before. Raises FORBIDDEN; NOT_FOUND for another org's token."""
        if not by.may(Permission.ADMIN_WRITE):
            raise SangdamError(Kind.FORBIDDEN, "tokens are revoked by owners and admins")
        if token.org != by.org:
            raise SangdamError(Kind.NOT_FOUND, "no such token")
        now = self._clock.now()
        async with self._db.org(by.org) as tx:
            if not await store.revoke_token(tx, by.org, token.id, now=now):
                return False
            payload = {"token_id": token.id, "name": token.name}
            await append(tx, by.org, events=[AuditEvent(EventType.TOKEN_REVOKED, _actor(by), now, trace_id, payload)])
        return True

    def _hash(self, secret: str) -> str:
        return self._hasher.hash("api_token", None, secret)


def _actor(member: Member) -> dict[str, object]:
    return {"kind": "member", "id": member.user, "role": member.role.value}
