"""Organisations, members, what a role may do, and the secrets that were lent to us."""

from sangdam.orgs.keyring import Hasher, KeyRing, SealBroken
from sangdam.orgs.model import ApiToken, Member, Org, OrgSettings, Permission, Role, Scope, may

__all__ = [
    "ApiToken",
    "Hasher",
    "KeyRing",
    "Member",
    "Org",
    "OrgSettings",
    "Permission",
    "Role",
    "Scope",
    "SealBroken",
    "may",
]
