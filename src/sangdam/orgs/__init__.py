"""Organisations, members, what a role may do, and the secrets that were lent to us."""

from sangdam.orgs.accounts import Accounts, Login
from sangdam.orgs.connections import Connection, Connections, TokenPair
from sangdam.orgs.keyring import Hasher, KeyRing, SealBroken
from sangdam.orgs.model import ApiToken, Member, Org, OrgSettings, Permission, Role, Scope, may
from sangdam.orgs.onboarding import Organisations
from sangdam.orgs.tokens import ApiTokens

__all__ = [
    "Accounts",
    "ApiToken",
    "ApiTokens",
    "Connection",
    "Connections",
    "Hasher",
    "KeyRing",
    "Login",
    "Member",
    "Org",
    "OrgSettings",
    "Organisations",
    "Permission",
    "Role",
    "Scope",
    "SealBroken",
    "TokenPair",
    "may",
]
