"""Proofs of identity as grants: a verified phone for 15 minutes, a matched order for 30."""

from datetime import datetime

from sangdam.conversations import store
from sangdam.core.ids import GrantId, OrderId, OrgId, SessionId
from sangdam.core.phone import Phone
from sangdam.db.database import Database, Row
from sangdam.orgs.keyring import Hasher, KeyRing
from sangdam.tools.model import Assurance, Grant

TOKEN_LENGTH = 43


class GrantBook:
    def __init__(self, db: Database, keyring: KeyRing, hasher: Hasher) -> None:
        self._db = db
        self._keyring = keyring
        self._hasher = hasher

    async def of(self, org: OrgId, session: SessionId, now: datetime) -> tuple[Grant, ...]:
        """What the conversation can prove now."""
        return await self._read(org, session, now, None)

    async def by_token(self, org: OrgId, session: SessionId, token: str, now: datetime) -> Grant | None:
        """The grant behind a `customer_verification_token`, of this conversation only."""
        if len(token) != TOKEN_LENGTH:
            return None
        found = await self._read(org, session, now, self._hasher.hash("grant", org, token))
        return found[0] if found else None

    async def _read(self, org: OrgId, session: SessionId, now: datetime, token_hash: str | None) -> tuple[Grant, ...]:
        async with self._db.org(org) as tx:
            codes = await store.live_codes(org, tx, session, now, token_hash)
            matches = await store.live_matches(org, tx, session, now, token_hash)
        verified = (self._verified(org, session, row) for row in codes)
        claimed = (
            Grant(
                GrantId(row["id"]),
                org,
                session,
                Assurance.CLAIMED,
                row["expires_at"],
                None,
                frozenset({"orders"}),
                OrderId(row["order_id"]),
            )
            for row in matches
        )
        return (*verified, *claimed)

    def _verified(self, org: OrgId, session: SessionId, row: Row) -> Grant:
        digits = self._keyring.open(
            row["phone"], table="h_auth_otp_verifications", column="phone", org=org, row=row["id"]
        )
        purposes = frozenset({"orders", "notify"}) if row["purpose"] == "orders" else frozenset({"notify"})
        return Grant(
            GrantId(row["id"]), org, session, Assurance.VERIFIED, row["grant_expires_at"], Phone(digits), purposes
        )
