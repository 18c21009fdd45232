"""The shop's own names of products in the database. Each function runs inside the caller's org transaction."""

import uuid
from collections.abc import Sequence

from sangdam.core.ids import OrgId
from sangdam.db.database import Row, Transaction

# Columns of an alias; a constant, so that the statements built with it (noqa: S608) hold no foreign text.
_ALIAS = "id, alias, alias_norm, product_no, variant_code, match_type, priority, is_active"


async def matching_aliases(tx: Transaction, org: OrgId, keys: Sequence[str], *, limit: int) -> list[Row]:
    """Those that one of the keys is, then those that one holds; in each the lower priority and then the longer alias first."""
    return await tx.fetch(
        f"""
        select {_ALIAS} from g_com_product_aliases
        where org_id = $1 and is_active and (
          (match_type = 'exact' and alias_norm = any($2::text[]))
          or (match_type = 'contains' and exists (select from unnest($2::text[]) k where position(alias_norm in k) > 0)))
        order by match_type = 'exact' desc, priority, length(alias_norm) desc, alias_norm limit $3
        """,  # noqa: S608
        org, list(keys), limit,
    )  # fmt: skip


async def read_aliases(tx: Transaction, org: OrgId) -> list[Row]:
    return await tx.fetch(
        f"select {_ALIAS} from g_com_product_aliases where org_id = $1 order by alias, match_type",  # noqa: S608
        org,
    )


async def insert_alias(
    tx: Transaction, org: OrgId, *, alias: str, key: str, product_no: int, variant_code: str | None, match: str, priority: int
) -> Row | None:  # fmt: skip
    """None when the org has this alias already."""
    return await tx.fetchrow(
        f"""
        insert into g_com_product_aliases (org_id, alias, alias_norm, product_no, variant_code, match_type, priority)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (org_id, alias_norm, match_type) do nothing returning {_ALIAS}
        """,  # noqa: S608
        org, alias, key, product_no, variant_code, match, priority,
    )  # fmt: skip


async def delete_alias(tx: Transaction, org: OrgId, alias: uuid.UUID) -> bool:
    """False when there was none."""
    return (
        await tx.fetchrow("delete from g_com_product_aliases where org_id = $1 and id = $2 returning id", org, alias)
        is not None
    )
