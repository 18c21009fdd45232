"""The tables themselves: one org's rows are another's nothing, what may stand beside what, and what a member of the shop may read."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from sangdam.core.ids import OrgId, new_uuid
from sangdam.db import Database
from sangdam.db.testing import Addresses, connected

NOW = datetime(2026, 3, 14, 5, 28, 44, tzinfo=UTC)
MIGRATION = Path(__file__).parents[2] / "supabase" / "migrations" / "20261128000400_restock.sql"
TABLES = (
    "g_com_product_rules",
    "g_com_restock_subscriptions",
    "g_com_restock_watches",
    "g_com_restock_notices",
    "restock_subscription",
)
RefusedByDatabase: type[Exception] = cast("Any", asyncpg).PostgresError


async def an_org(addresses: Addresses) -> OrgId:
    org = OrgId(new_uuid())
    async with connected(addresses.owner) as owner:
        await owner.execute("insert into a_iam_organizations (id, name, slug) values ($1, '달빛샵', $2)", org, f"shop-{org.hex[:8]}")  # fmt: skip
    return org


async def subscription(database: Database, acting: OrgId, **columns: Any) -> Any:
    given: dict[str, Any] = {
        "id": new_uuid(), "org_id": acting, "mall_id": "mall", "shop_no": 1, "product_no": 105, "product_name": "코튼 맨투맨", "channel": "sms", "phone": "v1.k1.a.b",
        "phone_hash": "hash", "phone_masked": "010-****-1234", "trigger_type": "status_change", "status": "active", "consent": {}, "unsubscribe_hash": new_uuid().hex,
        "valid_until": date(2027, 3, 14), **columns,
    }  # fmt: skip
    names = ", ".join(given)
    marks = ", ".join(f"${n}" for n in range(1, len(given) + 1))
    async with database.org(acting) as tx:
        await tx.execute(f"insert into g_com_restock_subscriptions ({names}) values ({marks})", *given.values())
    return given["id"]


async def filled(database: Database, org: OrgId) -> Any:
    """A row in every table."""
    found = await subscription(database, org)
    async with database.org(org) as tx:
        await tx.execute(
            "insert into g_com_product_rules (org_id, product_no, source) values ($1, 105, 'console')", org
        )
        await tx.execute(
            "insert into g_com_restock_watches (org_id, mall_id, product_no, variant_code, state, checked_at, next_check_at) values ($1, 'mall', 105, '*', 'out', $2, $2)",
            org,
            NOW,
        )
        await tx.execute(
            "insert into g_com_restock_notices (org_id, subscription_id, event_key, due_at, status) values ($1, $2, 'date:2026-03-24:1', $3, 'planned')",
            org,
            found,
            NOW,
        )
    return found


async def test_an_org_sees_and_touches_its_own_rows_only(database: Database, addresses: Addresses) -> None:
    one, two = await an_org(addresses), await an_org(addresses)
    found = await filled(database, one)
    for table in TABLES:
        async with database.org(one) as tx:
            assert await tx.fetchval(f"select count(*) from {table}") == 1, table
        async with database.org(two) as tx:
            assert await tx.fetchval(f"select count(*) from {table}") == 0, table
            if table != "restock_subscription":
                assert await tx.executed(f"update {table} set org_id = org_id") == 0, table
                assert await tx.executed(f"delete from {table}") == 0, table
        async with database.system() as tx:
            assert await tx.fetchval(f"select count(*) from {table}") == 0, table
    with pytest.raises(RefusedByDatabase, match="row-level security"):
        await subscription(database, two, org_id=one)
    with pytest.raises(RefusedByDatabase, match="row-level security"):
        async with database.org(two) as tx:
            await tx.execute(
                "insert into g_com_restock_notices (org_id, subscription_id, event_key, due_at, status) values ($1, $2, 'date:2026-03-24:2', $3, 'planned')",
                one,
                found,
                NOW,
            )


@pytest.mark.parametrize(
    ("columns", "refused"),
    [
        ({}, True),
        ({"status": "paused"}, True),
        ({"status": "completed"}, False),
        ({"status": "expired"}, False),
        ({"status": "canceled", "canceled_at": NOW}, False),
        ({"phone_hash": "another"}, False),
        ({"variant_code": "P000000EB00A"}, False),
        ({"mall_id": "another"}, False),
    ],
)
async def test_a_phone_waits_once_for_one_thing(
    database: Database, addresses: Addresses, columns: dict[str, Any], refused: bool
) -> None:
    org, other = await an_org(addresses), await an_org(addresses)
    await subscription(database, org)
    await subscription(database, other)
    if refused:
        with pytest.raises(RefusedByDatabase, match="g_com_restock_subscriptions_live"):
            await subscription(database, org, **columns)
    else:
        await subscription(database, org, **columns)


@pytest.mark.parametrize(
    "columns",
    [
        {"channel": "kakao"},
        {"trigger_type": "inventory_gt"},
        {"trigger_value": 3},
        {"trigger_type": "inventory_gt", "trigger_value": 1000},
        {"trigger_type": "restock_at"},
        {"restock_at": date(2026, 3, 24)},
        {"lead_days": [5]},
        {"schedule_hour_local": 7},
        {"schedule_hour_local": 21},
        {"status": "gone"},
        {"status": "canceled"},
        {"canceled_at": NOW},
    ],
)
async def test_rows_that_mean_nothing_are_refused(
    database: Database, addresses: Addresses, columns: dict[str, Any]
) -> None:
    with pytest.raises(RefusedByDatabase, match="check constraint"):
        await subscription(database, await an_org(addresses), **columns)


async def test_a_write_makes_one_subscription_and_an_event_one_notice(database: Database, addresses: Addresses) -> None:
    org, effect = await an_org(addresses), new_uuid()
    found = await filled(database, org)
    await subscription(database, org, product_no=1, effect_id=effect)
    with pytest.raises(RefusedByDatabase, match="g_com_restock_subscriptions_effect"):
        await subscription(database, org, product_no=2, effect_id=effect)
    with pytest.raises(RefusedByDatabase, match="duplicate key"):
        async with database.org(org) as tx:
            await tx.execute(
                "insert into g_com_restock_notices (org_id, subscription_id, event_key, due_at, status) values ($1, $2, 'date:2026-03-24:1', $3, 'planned')",
                org,
                found,
                NOW,
            )


async def test_the_view_shows_all_but_the_phone_and_the_link(database: Database, addresses: Addresses) -> None:
    org = await an_org(addresses)
    async with database.org(org) as tx:
        rows = await tx.fetch("select table_name, column_name from information_schema.columns where table_name in ('restock_subscription', 'g_com_restock_subscriptions')")  # fmt: skip
    columns = {
        table: {row["column_name"] for row in rows if row["table_name"] == table} for table in {row["table_name"] for row in rows}
    }  # fmt: skip
    hidden = columns["g_com_restock_subscriptions"] - columns["restock_subscription"]
    assert hidden == {"phone", "unsubscribe_hash"}
    assert columns["restock_subscription"] < columns["g_com_restock_subscriptions"]


async def test_a_member_by_claims_reads_what_the_view_shows_and_writes_nothing(
    database: Database, addresses: Addresses
) -> None:
    """As on a Supabase project, where the roles of the claims path exist before the migrations run."""
    org, other, member = await an_org(addresses), await an_org(addresses), new_uuid()
    await filled(database, org)
    await filled(database, other)
    blocks = re.findall(r"do \$\$.*?end \$\$;", MIGRATION.read_text(encoding="utf-8"), re.DOTALL)
    async with connected(addresses.superuser) as superuser:
        await superuser.execute("begin")
        try:
            await superuser.execute("create role authenticated nologin; create role anon nologin")
            await superuser.execute("grant usage on schema public to authenticated, anon")
            await superuser.execute("grant execute on function app_member_org(uuid), app_claims_role() to authenticated")  # fmt: skip
            await superuser.execute(
                "insert into a_iam_user_access_maps (user_id, org_id, org_role, display_name, email) values ($1, $2, 'auditor', '감사', 'a@example.com')",
                member,
                org,
            )
            await superuser.execute("set local role sangdam_owner")
            await superuser.execute(blocks[-1])
            await superuser.execute("set local role authenticated")
            await superuser.execute("select set_config('request.jwt.claims', $1, true)", f'{{"sub": "{member}"}}')
            for table in TABLES:
                rows = await superuser.fetch(f"select org_id from {table}")
                assert [row["org_id"] for row in rows] == [org], table
            assert await superuser.fetchval("select phone_masked from restock_subscription") == "010-****-1234"
            for refused in (
                "select phone from g_com_restock_subscriptions",
                "select unsubscribe_hash from g_com_restock_subscriptions",
                "update g_com_restock_subscriptions set status = 'paused'",
                "delete from g_com_product_rules",
                "select * from sys_org_by_unsubscribe('x')",
                "set local role anon; select id from restock_subscription",
            ):
                await superuser.execute("savepoint s")
                with pytest.raises(RefusedByDatabase, match="permission denied"):
                    await superuser.execute(refused)
                await superuser.execute("rollback to savepoint s")
        finally:
            await superuser.execute("rollback")
