"""What the shop says of a product's return, and who may say it."""

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId
from sangdam.db.database import Database
from sangdam.orgs.model import Member, Permission
from sangdam.restock import store
from sangdam.restock.model import Rule


class Rules:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def read(self, org: OrgId, product_no: int | None = None) -> tuple[Rule, ...]:
        """Of one product, or all of them."""
        async with self._db.org(org) as tx:
            return await store.rules_of(tx, org, product_no)

    async def write(self, by: Member, rule: Rule) -> Rule:
        """Instead of the one for the same option. Raises FORBIDDEN, INVALID_PARAMS with the fields that do not fit."""
        _may(by)
        if wrong := rule.wrong():
            raise SangdamError(Kind.INVALID_PARAMS, "a rule that says nothing clear", fields=wrong)
        async with self._db.org(by.org) as tx:
            return await store.write_rule(tx, by.org, rule, by=by.user, now=self._clock.now())

    async def remove(self, by: Member, product_no: int, variant_code: str) -> bool:
        """False when there was none. Raises FORBIDDEN."""
        _may(by)
        async with self._db.org(by.org) as tx:
            return await store.delete_rule(tx, by.org, product_no, variant_code)


def _may(by: Member) -> None:
    if not by.may(Permission.RULES_WRITE):
        raise SangdamError(Kind.FORBIDDEN, "rules are written by owners, admins and operators")
