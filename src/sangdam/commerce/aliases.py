"""What an org's shoppers call its products: names that the mall does not know, kept by the shop itself."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sangdam.commerce import store
from sangdam.commerce.naming import key_of
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId
from sangdam.db.database import Database, Row

Match = Literal["exact", "contains"]

LONGEST = 60
PRIORITIES = range(1, 1001)
DEFAULT_PRIORITY = 100
MOST_FOUND = 20
_VARIANT_CODE = re.compile(r"[A-Z0-9]{12}", re.ASCII)


@dataclass(frozen=True)
class Alias:
    id: uuid.UUID
    alias: str
    key: str
    """Without spaces, marks and case: what is compared."""
    product_no: int
    variant_code: str | None
    match: Match
    priority: int
    """1 comes first."""
    is_active: bool


class Aliases:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, org: OrgId, names: Sequence[str]) -> tuple[Alias, ...]:
        """Aliases that one of the names is; where there is none, those that a name holds. What is meant most comes first."""
        keys = [key for key in map(key_of, names) if key]
        if not keys:
            return ()
        async with self._db.org(org) as tx:
            found = [_alias(row) for row in await store.matching_aliases(tx, org, keys, limit=MOST_FOUND)]
        return tuple(each for each in found if each.match == found[0].match)

    async def all(self, org: OrgId) -> tuple[Alias, ...]:
        async with self._db.org(org) as tx:
            return tuple(_alias(row) for row in await store.read_aliases(tx, org))

    async def add(
        self,
        org: OrgId,
        alias: str,
        product_no: int,
        *,
        variant_code: str | None = None,
        match: Match = "exact",
        priority: int = DEFAULT_PRIORITY,
    ) -> Alias:
        """Raises SangdamError: INVALID_PARAMS with the fields, CONFLICT `ALIAS_TAKEN` for one that is there."""
        alias = " ".join(alias.split())
        key = key_of(alias)
        wrong = {
            "alias": not 1 <= len(alias) <= LONGEST or len(key) < (2 if match == "contains" else 1),
            "product_no": not 1 <= product_no < 10**9,
            "variant_code": variant_code is not None and not _VARIANT_CODE.fullmatch(variant_code),
            "priority": priority not in PRIORITIES,
        }
        if fields := tuple(name for name, bad in wrong.items() if bad):
            raise SangdamError(Kind.INVALID_PARAMS, f"no alias: {', '.join(fields)}", fields=fields)
        async with self._db.org(org) as tx:
            row = await store.insert_alias(
                tx, org, alias=alias, key=key, product_no=product_no, variant_code=variant_code, match=match, priority=priority
            )  # fmt: skip
        if row is None:
            raise SangdamError(Kind.CONFLICT, "the organisation has this alias", code="ALIAS_TAKEN")
        return _alias(row)

    async def remove(self, org: OrgId, alias: uuid.UUID) -> bool:
        """False when the org has none of that id."""
        async with self._db.org(org) as tx:
            return await store.delete_alias(tx, org, alias)


def _alias(row: Row) -> Alias:
    return Alias(
        id=row["id"],
        alias=row["alias"],
        key=row["alias_norm"],
        product_no=row["product_no"],
        variant_code=row["variant_code"],
        match=row["match_type"],
        priority=row["priority"],
        is_active=row["is_active"],
    )
