"""Migrations: each once, unchanged, under one lock; and the checks that ask the database what it has become."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sangdam.core.errors import Kind, SangdamError
from sangdam.db import Database
from sangdam.db.checks import database_findings, row_security_findings, tls_findings
from sangdam.db.migrate import Migration, MigrationRefused, migrate, migrations, missing
from sangdam.db.testing import Addresses, connected

FIRST = Migration(20260101000000, "first", "create table fruit (name text primary key)")
SECOND = Migration(20260102000000, "second", "insert into fruit values ('사과')")
BROKEN = Migration(20260103000000, "broken", "create table half (n int); select 1/0")


async def run(dsn: str, *statements: str) -> object:
    """The value of the last statement."""
    async with connected(dsn) as connection:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])


async def test_the_shipped_migrations_run_from_empty_and_a_second_run_changes_nothing(
    empty_addresses: Addresses,
) -> None:
    applied = await migrate(empty_addresses.owner)
    assert [one.version for one in applied] == [one.version for one in migrations()]
    assert await migrate(empty_addresses.owner) == ()
    assert await missing(empty_addresses.app) == ()


async def test_the_shipped_schema_passes_its_own_checks(database: Database) -> None:
    assert await database_findings(database) == ()


async def test_a_superuser_may_migrate_and_the_owner_owns_what_comes_of_it(empty_addresses: Addresses) -> None:
    roles = migrations()[0]
    await migrate(empty_addresses.superuser, [roles, FIRST])
    assert (
        await run(empty_addresses.superuser, "select tableowner from pg_tables where tablename = 'fruit'")
        == "sangdam_owner"
    )


async def test_only_what_is_missing_is_applied(empty_addresses: Addresses) -> None:
    await migrate(empty_addresses.owner, [FIRST])
    assert await missing(empty_addresses.owner, [FIRST, SECOND]) == (SECOND,)
    assert await migrate(empty_addresses.owner, [FIRST, SECOND]) == (SECOND,)


async def test_a_file_changed_after_it_was_applied_is_refused(empty_addresses: Addresses) -> None:
    await migrate(empty_addresses.owner, [FIRST])
    with pytest.raises(MigrationRefused, match="first.sql changed"):
        await migrate(empty_addresses.owner, [replace(FIRST, sql=FIRST.sql + " "), SECOND])
    assert await run(empty_addresses.owner, "select count(*) from fruit") == 0


async def test_a_database_newer_than_the_build_is_refused(empty_addresses: Addresses) -> None:
    await migrate(empty_addresses.owner, [FIRST, SECOND])
    with pytest.raises(MigrationRefused, match="newer than the build"):
        await migrate(empty_addresses.owner, [FIRST])


async def test_a_file_that_fails_leaves_nothing_of_itself_and_keeps_those_before_it(empty_addresses: Addresses) -> None:
    with pytest.raises(MigrationRefused, match="broken.sql"):
        await migrate(empty_addresses.owner, [FIRST, SECOND, BROKEN])
    assert await run(empty_addresses.owner, "select to_regclass('half') is null and exists (select from fruit)") is True


async def test_two_runners_at_once_apply_each_file_once(empty_addresses: Addresses) -> None:
    results = await asyncio.gather(*(migrate(empty_addresses.owner, [FIRST, SECOND]) for _ in range(4)))
    assert sorted(len(one) for one in results) == [0, 0, 0, 2]


async def test_what_the_supabase_cli_applied_is_recognised_and_not_run_again(empty_addresses: Addresses) -> None:
    await run(
        empty_addresses.owner,
        "create schema supabase_migrations",
        "create table supabase_migrations.schema_migrations (version text primary key)",
        f"insert into supabase_migrations.schema_migrations values ('{FIRST.version}')",
        FIRST.sql,
        "select 1",
    )
    assert await migrate(empty_addresses.owner, [FIRST, SECOND]) == (SECOND,)
    assert await missing(empty_addresses.owner, [FIRST, SECOND]) == ()


async def test_a_busy_table_stops_a_migration_instead_of_stopping_the_shop(empty_addresses: Addresses) -> None:
    await migrate(empty_addresses.owner, [FIRST])
    async with connected(empty_addresses.owner) as reader:
        await reader.execute("begin; select * from fruit")
        with pytest.raises(SangdamError) as refused:
            await migrate(
                empty_addresses.owner, [FIRST, replace(SECOND, sql="alter table fruit add column colour text")]
            )
    assert refused.value.kind is Kind.UNAVAILABLE


def test_names_that_are_none_and_versions_given_twice_are_refused(tmp_path: Path) -> None:
    (tmp_path / "20260101000000_first.sql").write_text("select 1")
    assert [one.name for one in migrations(tmp_path)] == ["first"]
    (tmp_path / "20260101000000_other.sql").write_text("select 1")
    with pytest.raises(MigrationRefused, match="two migrations"):
        migrations(tmp_path)
    (tmp_path / "20260101000000_other.sql").rename(tmp_path / "other.sql")
    with pytest.raises(MigrationRefused, match=r"other\.sql is not named"):
        migrations(tmp_path)


async def test_a_table_with_an_org_and_without_row_security_is_found(addresses: Addresses) -> None:
    await run(addresses.owner, "create table g_com_leak (id uuid, org_id uuid)", "select 1")
    async with await Database.open(addresses.app) as database, database.system() as tx:
        assert await row_security_findings(tx) == (
            "the table g_com_leak has no row security",
            "the table g_com_leak lacks the policy org_isolation",
            "the table g_com_leak lacks the policy owner_all",
        )


async def test_a_role_that_can_step_around_row_security_is_found(addresses: Addresses) -> None:
    async with await Database.open(addresses.superuser) as database:
        assert "the role postgres is a superuser" in await database_findings(database)
    async with await Database.open(addresses.owner) as database:
        assert any("owns the table a_iam_organizations" in finding for finding in await database_findings(database))


@pytest.mark.parametrize(
    ("dsn", "found"),
    [
        ("postgresql://a:b@db.example.com/x?sslmode=require", False),
        ("postgresql://a:b@db.example.com/x?sslmode=verify-full", False),
        ("postgresql://a:b@/x?host=/run/postgresql", False),
        ("postgresql://a:b@db.example.com/x", True),
        ("postgresql://a:b@db.example.com/x?sslmode=prefer", True),
        ("postgresql://a:b@/x?host=db.example.com", True),
    ],
)
def test_a_network_connection_must_be_encrypted(dsn: str, *, found: bool) -> None:
    assert bool(tls_findings("DATABASE_URL", dsn)) is found
