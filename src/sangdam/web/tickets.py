"""Tickets: five minutes in which somebody may join one conversation. A JWT of ours (HS256), never stored, never in a URL."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from sangdam.core.clock import Clock
from sangdam.core.ids import OrgId, SessionId

TICKET_LIFE = timedelta(minutes=5)
AUDIENCE = "sangdam:conversation"
_SECRET_BYTES = 32
_CLAIMS = ("sub", "org", "widget", "epoch", "aud", "iat", "exp")


@dataclass(frozen=True)
class Ticket:
    session: SessionId
    org: OrgId
    widget: uuid.UUID
    epoch: int
    expires_at: datetime


class Tickets:
    def __init__(self, secret: str, clock: Clock) -> None:
        """Raises ValueError for a secret below 32 bytes: PyJWT would only warn."""
        if len(secret.encode()) < _SECRET_BYTES:
            raise ValueError("WIDGET_TICKET_SECRET is shorter than 32 bytes")
        self._secret = secret
        self._clock = clock

    def issue(self, *, session: SessionId, org: OrgId, widget: uuid.UUID, epoch: int) -> tuple[str, datetime]:
        """The ticket and when it ends."""
        now = self._clock.now()
        claims = {
            "sub": str(session),
            "org": str(org),
            "widget": str(widget),
            "epoch": epoch,
            "aud": AUDIENCE,
            "iat": int(now.timestamp()),
            "exp": int((now + TICKET_LIFE).timestamp()),
        }
        return jwt.encode(claims, self._secret, algorithm="HS256"), now + TICKET_LIFE

    def read(self, ticket: str) -> Ticket | None:
        """None when it is not ours, was changed, is for something else, or has ended."""
        now = self._clock.now()
        try:
            # Our clock judges the times, not PyJWT's.
            claims: dict[str, Any] = jwt.decode(
                ticket,
                self._secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False},
            )
            expires_at = datetime.fromtimestamp(int(claims["exp"]), tz=now.tzinfo)
            read = Ticket(
                SessionId(uuid.UUID(claims["sub"])),
                OrgId(uuid.UUID(claims["org"])),
                uuid.UUID(claims["widget"]),
                int(claims["epoch"]),
                expires_at,
            )
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, OverflowError):
            return None
        return read if now < expires_at else None
