"""Console logins of `AUTH_MODE=builtin`: Argon2id passwords, server-side sessions. Who somebody is; the membership says where.

A wrong password, an unknown e-mail, a locked and an unverified account get the same answer after the same work.
"""

import asyncio
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId, UserId
from sangdam.db.database import Database
from sangdam.orgs import store
from sangdam.orgs.keyring import Hasher
from sangdam.orgs.model import Member

SESSION_LASTS = timedelta(hours=12)
SESSION_IDLE = timedelta(hours=2)
WRONG_BEFORE_LOCK = 5
LOCKED_FOR = timedelta(minutes=15)
PASSWORD_LENGTH = range(10, 129)
_TOUCH_AFTER = timedelta(minutes=1)
_AT_ONCE = 2
"""Passwords checked in parallel: each takes 64 MiB."""


@dataclass(frozen=True)
class Login:
    token: str = field(repr=False)
    """For the cookie; only its hash is stored."""
    user: UserId
    expires_at: datetime


class Accounts:
    def __init__(self, db: Database, hasher: Hasher, clock: Clock, *, cost_kib: int = 65536, rounds: int = 3) -> None:
        """`cost_kib` and `rounds` are Argon2's; lower ones are for tests only."""
        self._db = db
        self._hasher = hasher
        self._clock = clock
        self._argon = PasswordHasher(time_cost=rounds, memory_cost=cost_kib, parallelism=1, type=Type.ID)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._nobody: str | None = None

    async def create(self, email: str, password: str, *, verified: bool) -> UserId | None:
        """None when the e-mail is known already, after the same work. Raises INVALID_PARAMS for an unfit password or address."""
        address = normal_email(email)
        hashed = await self._hash(_fit(password))
        async with self._db.system() as tx:
            return await store.insert_user(
                tx, email=address, password_hash=hashed, verified_at=self._clock.now() if verified else None
            )

    async def login(self, email: str, password: str, *, ip: str, user_agent: str) -> Login | None:
        """None for every reason there may be; five wrong passwords in a row lock the account for 15 minutes."""
        now = self._clock.now()
        async with self._db.system() as tx:
            found = await store.read_login(tx, email.strip().lower())
        right = await self._verify(found["password_hash"] if found is not None else await self._somebody(), password)
        if found is None:
            return None
        user = UserId(found["id"])
        if found["locked_until"] is not None and found["locked_until"] > now:
            return None
        if not right:
            async with self._db.system() as tx:
                await store.count_wrong_password(tx, user, limit=WRONG_BEFORE_LOCK, locked_until=now + LOCKED_FOR)
            return None
        if found["status"] != "active" or found["email_verified_at"] is None:
            return None
        token = secrets.token_urlsafe(32)
        async with self._db.system() as tx:
            await store.insert_session(
                tx,
                user,
                token_hash=self._token_hash(token),
                now=now,
                expires_at=now + SESSION_LASTS,
                ip_hash=self._hasher.hash("ip", None, ip),
                user_agent=user_agent[:300],
            )
        return Login(token, user, now + SESSION_LASTS)

    async def logout(self, token: str) -> None:
        async with self._db.system() as tx:
            await store.revoke_session(tx, self._token_hash(token), now=self._clock.now())

    async def user_of(self, token: str) -> UserId | None:
        """Who is logged in, member of an org or not yet."""
        found = await self._session(token)
        return found[0] if found is not None else None

    async def member_of(self, token: str) -> Member | None:
        """The member behind a session, with the role of this moment (`pending` too)."""
        found = await self._session(token)
        if found is None:
            return None
        user, org = found
        if org is None:
            return None
        async with self._db.org(org) as tx:
            return await store.read_member(tx, org, user)

    async def member(self, user: UserId) -> Member | None:
        """The same for somebody whose identity another issuer proved (`AUTH_MODE=supabase`)."""
        async with self._db.system() as tx:
            org = await store.org_of_member(tx, user)
        if org is None:
            return None
        async with self._db.org(org) as tx:
            return await store.read_member(tx, org, user)

    async def set_password(self, user: UserId, password: str) -> None:
        """Ends every session of that person."""
        hashed = await self._hash(_fit(password))
        async with self._db.system() as tx:
            await store.write_password(tx, user, hashed, now=self._clock.now())

    async def mark_verified(self, user: UserId) -> None:
        async with self._db.system() as tx:
            await store.mark_verified(tx, user, now=self._clock.now())

    async def _session(self, token: str) -> tuple[UserId, OrgId | None] | None:
        if not 20 <= len(token) <= 100:
            return None
        async with self._db.system() as tx:
            row = await store.read_session(
                tx, self._token_hash(token), now=self._clock.now(), idle=SESSION_IDLE, touch_after=_TOUCH_AFTER
            )
        if row is None:
            return None
        return UserId(row["user_id"]), OrgId(row["org_id"]) if row["org_id"] is not None else None

    def _token_hash(self, token: str) -> str:
        return self._hasher.hash("session", None, token)

    async def _somebody(self) -> str:
        """The hash of nobody's password, so that an unknown e-mail costs as much as a known one."""
        if self._nobody is None:
            self._nobody = await self._hash(secrets.token_urlsafe(24))
        return self._nobody

    async def _hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._argon.hash, _normal(password))

    async def _verify(self, hashed: str, password: str) -> bool:
        def check() -> bool:
            try:
                return self._argon.verify(hashed, _normal(password[:256]))
            except (VerificationError, InvalidHashError):
                return False

        async with self._slots:
            return await asyncio.to_thread(check)


def normal_email(text: str) -> str:
    """Stored form: trimmed and lower case. Raises INVALID_PARAMS."""
    email = unicodedata.normalize("NFC", text).strip().lower()
    name, at, host = email.partition("@")
    if not at or not name or "." not in host or len(email) > 254 or any(c.isspace() for c in email) or "@" in host:
        raise SangdamError(Kind.INVALID_PARAMS, "not an e-mail address", fields=("email",))
    return email


def _fit(password: str) -> str:
    if len(password) not in PASSWORD_LENGTH:
        raise SangdamError(Kind.INVALID_PARAMS, "a password has 10 to 128 characters", fields=("password",))
    return password


def _normal(password: str) -> str:
    # The same Hangul typed on another system may be composed differently.
    return unicodedata.normalize("NFKC", password)
