"""Organisations, members and what a role may do. Values and one pure table; nothing here reads anything."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sangdam.core.ids import OrgId, UserId
from sangdam.orgs.hours import Hours


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    PENDING = "pending"


class Permission(StrEnum):
    CONVERSATIONS_READ = "conversations.read"
    CONVERSATIONS_ACT = "conversations.act"
    MESSAGES_UNSEAL = "messages.unseal"
    """An operator only in a conversation they hold: the caller checks that."""
    ARTICLES_READ = "articles.read"
    ARTICLES_PUBLISH = "articles.publish"
    SETUP_READ = "setup.read"
    """Agents, widgets, aliases, restock rules."""
    SETUP_WRITE = "setup.write"
    RULES_WRITE = "rules.write"
    """Restock rules, which an operator may write too."""
    ADMIN_READ = "admin.read"
    """Tool policies, connection, members, without tokens and secrets."""
    ADMIN_WRITE = "admin.write"
    """Tool policies, connection, tokens, members."""
    TOOLS_CALL = "tools.call"
    BOARDS_READ = "boards.read"
    ORDERS_STAFF = "orders.staff"
    AUDIT_READ = "audit.read"
    AUDIT_OWN = "audit.own"
    """One's own actions only."""
    SHOPPER_ERASE = "shopper.erase"
    ORG_DELETE = "org.delete"


_P = Permission
_OPERATOR = frozenset(
    {
        _P.CONVERSATIONS_READ, _P.CONVERSATIONS_ACT, _P.MESSAGES_UNSEAL, _P.ARTICLES_READ, _P.ARTICLES_PUBLISH, _P.SETUP_READ, _P.RULES_WRITE,
        _P.ADMIN_READ, _P.TOOLS_CALL, _P.BOARDS_READ, _P.AUDIT_OWN,
    }
)  # fmt: skip
_AUDITOR = frozenset(
    {_P.CONVERSATIONS_READ, _P.ARTICLES_READ, _P.SETUP_READ, _P.ADMIN_READ, _P.AUDIT_READ, _P.AUDIT_OWN}
)
_MAY: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - {_P.ORG_DELETE},
    Role.OPERATOR: _OPERATOR,
    Role.AUDITOR: _AUDITOR,
    Role.PENDING: frozenset(),
}


def may(role: Role | str | None, permission: Permission) -> bool:
    """The table of interfaces.md §1.2. An unknown role may nothing."""
    return role is not None and role in _MAY and permission in _MAY[Role(role)]


class Scope(StrEnum):
    """What an API token may."""

    TOOLS_READ = "tools:read"
    TOOLS_WRITE = "tools:write"
    BOARDS_READ = "boards:read"
    ORDERS_STAFF = "orders:staff"
    PII_READ = "pii:read"
    CHAT_SEND = "chat:send"
    SESSIONS_READ = "sessions:read"
    KB_READ = "kb:read"
    KB_WRITE = "kb:write"
    AUDIT_READ = "audit:read"
    VERIFY_RUN = "verify:run"


_S = Scope
_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OWNER: frozenset(Scope),
    Role.ADMIN: frozenset(Scope),
    Role.OPERATOR: frozenset(
        {_S.TOOLS_READ, _S.TOOLS_WRITE, _S.BOARDS_READ, _S.CHAT_SEND, _S.SESSIONS_READ, _S.KB_READ, _S.KB_WRITE}
    ),
    Role.AUDITOR: frozenset({_S.SESSIONS_READ, _S.KB_READ, _S.AUDIT_READ}),
    Role.PENDING: frozenset(),
}


def scopes_of(role: Role | str | None) -> frozenset[Scope]:
    """The most a token made by such a member may carry, and may still do after the member's role changed."""
    return _SCOPES[Role(role)] if role is not None and role in _SCOPES else frozenset()


class OrgSettings(BaseModel):
    """`a_iam_organizations.settings`; unknown keys are refused on write."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    csat: bool = True
    idle_nudge_minutes: int = Field(default=10, ge=1, le=1440)
    idle_close_minutes: int = Field(default=30, ge=2, le=2880)
    reply_business_days: int = Field(default=1, ge=1, le=10)
    """Within how many business days the shop promises an answer to a ticket."""
    restock_notice_is_ad: bool = False
    otp_daily_cap: int = Field(default=500, ge=1, le=100_000)
    disclosure: str | None = Field(default=None, max_length=200)


@dataclass(frozen=True)
class Org:
    id: OrgId
    name: str
    slug: str
    name_en: str | None
    plan: str
    business_registration_number: str | None
    hours: Hours
    settings: OrgSettings
    status: Literal["active", "suspended", "deleting"]
    default_agent_id: uuid.UUID | None


@dataclass(frozen=True)
class Member:
    """A person of an org, as the membership table says now."""

    user: UserId
    org: OrgId
    role: Role
    display_name: str
    email: str

    def may(self, permission: Permission) -> bool:
        return may(self.role, permission)


@dataclass(frozen=True)
class ApiToken:
    id: uuid.UUID
    org: OrgId
    name: str
    prefix: str
    created_by: UserId
    acts_as: Literal["on_behalf", "staff"]
    scopes: frozenset[str]
    """As found: never more than the maker's role allows now."""
    expires_at: datetime
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    maker_role: Role | None = None
    operated_by_person: bool = False
    """A person sits in front of this client: an accepted elicitation is that person's yes."""


def valid_business_number(number: str) -> bool:
    """The check digit of a Korean 사업자등록번호 (10 digits; 국세청 rule: weights 1 3 7 1 3 7 1 3 5)."""
    if len(number) != 10 or not number.isascii() or not number.isdigit():
        return False
    digits = [int(digit) for digit in number]
    total = (
        sum(digit * weight for digit, weight in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=False))
        + digits[8] * 5 // 10
    )
    return (10 - total % 10) % 10 == digits[9]
