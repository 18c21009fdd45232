"""What a transaction promises, on the real Postgres."""

import asyncio
import uuid

import asyncpg
import pytest
from tests.db.chained import an_org

from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId
from sangdam.db import Database
from sangdam.db.database import organisations
from sangdam.db.testing import Addresses, connected

CURRENT = "select nullif(current_setting('app.org_id', true), '')"


def new_org() -> OrgId:
    return OrgId(uuid.uuid4())


async def test_a_transaction_works_for_the_organisation_it_names(database: Database) -> None:
    org = new_org()
    async with database.org(org) as tx:
        assert await tx.fetchval(CURRENT) == str(org)
        assert tx.org == org


async def test_nothing_of_an_organisation_is_left_on_a_pooled_connection(addresses: Addresses) -> None:
    async with await Database.open(addresses.app, max_size=1) as database:
        async with database.org(new_org()):
            pass
        with pytest.raises(RuntimeError):
            async with database.org(new_org()) as tx:
                await tx.execute("select 1")
                raise RuntimeError
        async with database.system() as tx:
            assert await tx.fetchval(CURRENT) is None
            assert tx.org is None


async def test_only_the_transaction_that_says_so_ends_without_waiting_for_the_disk(addresses: Addresses) -> None:
    async with connected(addresses.superuser) as owner:
        name = await owner.fetchval("select current_database()")
        await owner.execute(f"alter database {name} set synchronous_commit = on")
    async with await Database.open(addresses.app, max_size=1) as database:
        org, waits = new_org(), "show synchronous_commit"
        async with database.org(org, durable=False) as tx:
            assert (await tx.fetchval(waits), await tx.fetchval(CURRENT)) == ("off", str(org))
        async with database.org(org) as tx:
            assert await tx.fetchval(waits) == "on"


async def test_a_hundred_interleaved_transactions_keep_their_organisations_apart(database: Database) -> None:
    async def one(org: OrgId) -> bool:
        async with database.org(org) as tx:
            before = await tx.fetchval(CURRENT)
            await tx.fetchval("select pg_sleep(0.001)")
            return before == await tx.fetchval(CURRENT) == str(org)

    assert all(await asyncio.gather(*(one(new_org()) for _ in range(100))))


async def test_an_organisation_is_named_by_a_uuid_and_by_nothing_else(database: Database) -> None:
    with pytest.raises(TypeError):
        database.org("'; drop table a_iam_organizations; --")  # pyright: ignore[reportArgumentType]


async def test_an_exception_rolls_back_and_hooks_stay_uncalled(database: Database) -> None:
    called: list[str] = []
    async with database.system() as tx:
        await tx.execute("create temporary table seen (n int) on commit preserve rows")
        tx.after_commit(lambda: called.append("first"))
    with pytest.raises(RuntimeError):
        async with database.system() as tx:
            await tx.execute("insert into seen values (1)")
            tx.after_commit(lambda: called.append("second"))
            raise RuntimeError
    async with database.system() as tx:
        assert await tx.fetchval("select count(*) from seen") == 0
    assert called == ["first"]


async def test_a_swallowed_failure_does_not_pass_for_a_commit(database: Database) -> None:
    with pytest.raises(SangdamError) as refused:
        async with database.system() as tx:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await tx.fetchval("select 1/0")
    assert refused.value.kind is Kind.INTERNAL


async def test_what_fails_in_a_savepoint_is_undone_alone(database: Database) -> None:
    called: list[str] = []
    async with database.system() as tx:
        await tx.execute("create temporary table seen (n int)")
        await tx.execute("insert into seen values (1)")
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with tx.savepoint():
                await tx.execute("insert into seen values (2)")
                tx.after_commit(lambda: called.append("inner"))
                await tx.fetchval("select 1/0")
        async with tx.savepoint():
            await tx.execute("insert into seen values (3)")
        assert [row["n"] for row in await tx.fetch("select n from seen order by n")] == [1, 3]
    assert called == []


async def test_a_slow_statement_ends_at_its_deadline_and_the_connection_lives_on(addresses: Addresses) -> None:
    async with await Database.open(addresses.app, max_size=1, statement_seconds=0.2) as database:
        with pytest.raises(SangdamError) as refused:
            async with database.system() as tx:
                await tx.execute("select pg_sleep(30)")
        assert refused.value.kind is Kind.UNAVAILABLE
        await database.ping()


async def test_a_statement_just_inside_its_deadline_succeeds(addresses: Addresses) -> None:
    async with (
        await Database.open(addresses.app, max_size=1, statement_seconds=5.0) as database,
        database.system() as tx,
    ):
        await tx.execute("select pg_sleep(0.05)")


async def test_a_cancelled_transaction_rolls_back_and_gives_its_connection_back(addresses: Addresses) -> None:
    async with await Database.open(addresses.app, max_size=1) as database:
        begun = asyncio.Event()

        async def slow() -> None:
            async with database.system() as tx:
                begun.set()
                await tx.execute("select pg_sleep(30)")

        task = asyncio.create_task(slow())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await database.ping()
        assert database.in_use == 0


async def test_a_connection_the_server_broke_is_replaced(addresses: Addresses) -> None:
    async with await Database.open(addresses.app, max_size=1) as database:
        with pytest.raises(SangdamError) as refused:
            async with database.system() as tx:
                await tx.execute("select pg_terminate_backend(pg_backend_pid())")
        assert refused.value.kind is Kind.UNAVAILABLE
        await database.ping()


async def test_a_database_that_is_not_there_is_unavailable_and_says_no_password() -> None:
    with pytest.raises(SangdamError) as refused:
        await Database.open("postgresql://sangdam_app:hunter2@/x?host=/nowhere")
    assert refused.value.kind is Kind.UNAVAILABLE
    assert "hunter2" not in str(refused.value)


async def test_values_come_back_as_they_went_in(database: Database) -> None:
    async with database.system() as tx:
        row = await tx.fetchrow(
            "select $1::jsonb as j, $2::uuid as u, now() as t", {"이름": ["김하늘", 1, None]}, uuid.UUID(int=7)
        )
    assert row is not None
    assert row["j"] == {"이름": ["김하늘", 1, None]}
    assert row["u"] == uuid.UUID(int=7)
    assert row["t"].utcoffset().total_seconds() == 0


async def test_rows_stream_through_a_cursor(database: Database) -> None:
    async with database.system() as tx:
        assert [row["n"] async for row in tx.stream("select n from generate_series(1, 1000) n", prefetch=100)] == list(
            range(1, 1001)
        )


async def test_an_advisory_lock_is_held_until_the_transaction_ends(database: Database) -> None:
    async with database.system() as first:
        assert await first.try_lock("job:x")
        async with database.system() as second:
            assert not await second.try_lock("job:x")
            assert await second.try_lock("job:y")
    async with database.system() as third:
        assert await third.try_lock("job:x")


async def test_prepared_statements_are_not_kept_behind_a_pooler(addresses: Addresses) -> None:
    async with await Database.open(addresses.app, max_size=1, pooler=True) as database, database.org(new_org()) as tx:
        await tx.fetch("select $1::int", 1)
        assert await tx.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0


async def test_a_snapshot_stands_still_is_shared_and_only_read(database: Database, owner_dsn: str) -> None:
    org = await an_org(owner_dsn)
    name = "select name from a_iam_organizations where id = $1"
    async with database.snapshot(org) as tx:
        assert await tx.fetchval(name, org) == "달빛샵"
        async with database.org(org) as other:
            await other.execute("update a_iam_organizations set name = '햇빛샵' where id = $1", org)
        async with database.snapshot(org, shared=await tx.share_snapshot()) as helper:
            assert await helper.fetchval(name, org) == await tx.fetchval(name, org) == "달빛샵"
    async with database.snapshot(org) as tx:
        assert await tx.fetchval(name, org) == "햇빛샵"
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with database.snapshot(org) as tx:
            await tx.execute("update a_iam_organizations set name = '별빛샵' where id = $1", org)
    for wrong in ("", "1'; drop table a_iam_organizations; --"):
        with pytest.raises(ValueError):
            database.snapshot(org, shared=wrong)
    with pytest.raises(TypeError):
        database.snapshot("x")  # pyright: ignore[reportArgumentType]


async def test_organisations_are_told_one_by_one_however_they_are_read(database: Database, owner_dsn: str) -> None:
    assert [org async for org in organisations(database)] == []
    made = sorted([await an_org(owner_dsn) for _ in range(5)])
    for at_once in (1, 2, 5, 100):
        assert [org async for org in organisations(database, at_once=at_once)] == made
