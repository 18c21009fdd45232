"""Consent codes and token pairs: one-minute codes, two-hour access tokens, fourteen-day refresh tokens that work once.

A refreshed access token stays good until its own end; at most fifteen are alive and fifteen token calls fit into two hours.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cafe24_sandbox.times import token_time
from cafe24_sandbox.wire import Obj

CODE_LIFE = timedelta(minutes=1)
ACCESS_LIFE = timedelta(hours=2)
REFRESH_LIFE = timedelta(days=14)
CALL_WINDOW = timedelta(hours=2)
ALIVE = 15
CALLS = 15

AREAS = (
    "application", "category", "product", "collection", "supply", "personal", "order", "community", "customer",
    "notification", "store", "promotion", "design", "salesreport", "privacy", "mileage", "shipping", "translation",
)  # fmt: skip
SCOPES: frozenset[str] = frozenset(
    [f"mall.{verb}_{area}" for area in AREAS for verb in ("read", "write")]
    + ["mall.read_analytics", "mall.read_customer_Identifier"]
)


class TokenRefused(Exception):
    """The token endpoint says no, in its own error shape."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Code:
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str | None
    made: datetime


@dataclass(slots=True)
class Pair:
    access: str
    refresh: str
    scopes: tuple[str, ...]
    issued: datetime
    access_ends: datetime
    refresh_ends: datetime
    spent: bool = False
    revoked: bool = False


@dataclass(slots=True)
class Tokens:
    """One mall's codes and pairs for the one registered app."""

    mall_id: str
    client_id: str
    codes: dict[str, Code] = field(default_factory=dict[str, Code])
    pairs: list[Pair] = field(default_factory=list[Pair])
    calls: list[datetime] = field(default_factory=list[datetime])
    limit_calls: bool = True

    def grant_code(self, scopes: tuple[str, ...], redirect_uri: str, challenge: str | None, now: datetime) -> str:
        code = secrets.token_urlsafe(24)
        self.codes[code] = Code(scopes, redirect_uri, challenge, now)
        return code

    def count_call(self, now: datetime) -> None:
        """A 16th token call within two hours is refused."""
        self.calls = [at for at in self.calls if now - at < CALL_WINDOW]
        if self.limit_calls and len(self.calls) >= CALLS:
            raise TokenRefused(429, "too_many_requests", "Up to 15 token requests in 2 hours.")
        self.calls.append(now)

    def redeem(self, code: str, redirect_uri: str, verifier: str | None, now: datetime) -> Obj:
        known = self.codes.pop(code, None)
        if known is None or now - known.made > CODE_LIFE:
            raise TokenRefused(400, "invalid_grant", "Invalid authorization code")
        if not hmac.compare_digest(known.redirect_uri.encode(), redirect_uri.encode()):
            raise TokenRefused(401, "invalid_client", "It is a wrong redirect_uri.")
        if known.challenge is not None:
            digest = hashlib.sha256((verifier or "").encode()).digest()
            made = base64.urlsafe_b64encode(digest).rstrip(b"=")
            if not hmac.compare_digest(made, known.challenge.encode()):
                raise TokenRefused(400, "invalid_grant", "Invalid code_verifier")
        return self.issue(known.scopes, now)

    def issue(self, scopes: tuple[str, ...], now: datetime) -> Obj:
        """A new pair as the token endpoint tells it; the sixteenth living access token ends the oldest."""
        pair = Pair(
            f"AT_{secrets.token_urlsafe(24)}",
            f"RT_{secrets.token_urlsafe(24)}",
            scopes,
            now,
            now + ACCESS_LIFE,
            now + REFRESH_LIFE,
        )
        self.pairs.append(pair)
        alive = [p for p in self.pairs if not p.revoked and p.access_ends > now]
        for old in alive[:-ALIVE]:
            old.access_ends = now
        return {
            "access_token": pair.access,
            "expires_at": token_time(pair.access_ends),
            "refresh_token": pair.refresh,
            "refresh_token_expires_at": token_time(pair.refresh_ends),
            "client_id": self.client_id,
            "mall_id": self.mall_id,
            "user_id": self.mall_id,
            "scopes": list(scopes),
            "issued_at": token_time(now),
            "shop_no": "1",
            "token_type": "Bearer",
        }

    def refresh(self, token: str, now: datetime) -> Obj:
        pair = next((p for p in self.pairs if hmac.compare_digest(p.refresh.encode(), token.encode())), None)
        if pair is None or pair.spent or pair.revoked or pair.refresh_ends <= now:
            raise TokenRefused(400, "invalid_grant", "Invalid refresh_token")
        pair.spent = True
        return self.issue(pair.scopes, now)

    def revoke(self, token: str) -> None:
        """Both halves of the pair end; an unknown token is no error."""
        for pair in self.pairs:
            if token in (pair.access, pair.refresh):
                pair.revoked = True

    def scopes_of(self, token: str, now: datetime) -> tuple[str, ...] | str:
        """The scopes of a living access token, or why it is refused."""
        pair = next((p for p in self.pairs if hmac.compare_digest(p.access.encode(), token.encode())), None)
        if pair is None or pair.revoked:
            return "Invalid access_token"
        if pair.access_ends <= now:
            return "access_token time expired. (invalid_token)"
        return pair.scopes

    def revoke_all(self) -> None:
        """Every pair ends in both halves."""
        for pair in self.pairs:
            pair.revoked = True

    def expire(self, now: datetime) -> None:
        """All access tokens end now; their refresh tokens still work."""
        for pair in self.pairs:
            pair.access_ends = min(pair.access_ends, now)

    def burn(self) -> None:
        """All refresh tokens are used up, as after a lost answer."""
        for pair in self.pairs:
            pair.spent = True
