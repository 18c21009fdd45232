"""Identifiers as types of their own, so that a customer is never an org."""

import secrets
import uuid
from typing import NewType

OrgId = NewType("OrgId", uuid.UUID)
UserId = NewType("UserId", uuid.UUID)
SessionId = NewType("SessionId", uuid.UUID)
TurnId = NewType("TurnId", uuid.UUID)
CallId = NewType("CallId", uuid.UUID)
EffectId = NewType("EffectId", uuid.UUID)
GrantId = NewType("GrantId", uuid.UUID)
AgentId = NewType("AgentId", uuid.UUID)
OrderId = NewType("OrderId", str)
MemberId = NewType("MemberId", str)
"""A Cafe24 member id of the mall (a *customer*), never a member of the organisation."""

SESSION_CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def new_uuid() -> uuid.UUID:
    return uuid.uuid4()


def new_session_code() -> str:
    """`S-` and six letters or digits that nobody confuses when read aloud (no 0, 1, I, O)."""
    return "S-" + "".join(secrets.choice(SESSION_CODE_ALPHABET) for _ in range(6))


def new_trace_id() -> str:
    """A W3C trace id: 32 lower-case hex digits, not all zero."""
    return secrets.token_hex(16)
