"""Verification beyond forgeries: in parts and in parallel, rows of earlier builds, every column, other servers."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.db.chained import BEFORE, KEY, STREAMS, THIS_YEAR, an_org, appended_before, call, chained, event, written

from sangdam.core.ids import CallId, OrgId
from sangdam.db import Database, chain
from sangdam.db import verification as verification_module
from sangdam.db.chain import AuditCall, AuditEvent, Stream, canonical
from sangdam.db.migrate import migrate
from sangdam.db.testing import Addresses, Cluster, connected
from sangdam.db.verification import TABLES, Broken, checkpoint, verified, verify


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many statements for few rows."""
    monkeypatch.setattr(verification_module, "STRETCH", 50)


@pytest.mark.usefixtures("short_stretches")
@pytest.mark.parametrize("pruned", [False, True])
async def test_stretches_meet_whoever_reads_them(database: Database, addresses: Addresses, pruned: bool) -> None:
    it = await chained(database, addresses, pruned=pruned)
    for stream in STREAMS:
        alone = await verified(database, it.org, stream, signing_key=KEY)
        together = await verified(database, it.org, stream, signing_key=KEY, at_once=3)
        assert alone == together
        assert (alone.broken, alone.last_seq) == ((), it.rows[stream])
        assert alone.rows == it.rows[stream] - it.pruned_to + len(it.kept.get(stream, ()))


@pytest.mark.usefixtures("short_stretches")
async def test_faults_at_the_seams_are_found(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    async with connected(addresses.superuser) as superuser:
        await superuser.execute("set session_replication_role = replica")
        await superuser.execute("delete from f_audit_events where chain_seq in (50, 100)")
        await superuser.execute("update f_audit_events set prev_hash = sha256(prev_hash) where chain_seq = 151")
    found = (await verified(database, it.org, "events", signing_key=KEY, at_once=2)).broken
    assert found == (Broken(50, "missing"), Broken(100, "missing"), Broken(151, "edited"), Broken(151, "link"))


async def test_a_part_goes_on_where_the_part_before_ended(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    first = await verified(database, it.org, "events", signing_key=KEY, at_most=100)
    assert (first.rows, first.first_seq, first.last_seq, first.complete, first.whole) == (100, 1, 100, False, True)
    second = await verified(database, it.org, "events", signing_key=KEY, after=100, at_most=140)
    assert (second.rows, second.first_seq, second.last_seq, second.complete, second.whole) == (
        140,
        101,
        240,
        True,
        True,
    )
    third = await verified(database, it.org, "events", signing_key=KEY, after=240)
    assert (third.rows, third.complete, third.whole) == (0, True, True)
    beyond = await verified(database, it.org, "events", signing_key=KEY, after=300)
    assert not beyond.whole


async def test_more_than_a_thousand_faults_are_cut_off(database: Database, addresses: Addresses) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 1100, THIS_YEAR, at_once=200)
    async with connected(addresses.superuser) as superuser:
        await superuser.execute("set session_replication_role = replica")
        await superuser.execute("update f_audit_mcp_tools set assurance = 'NONE'")
    report = await verified(database, org, "tools")
    assert (len(report.broken), report.broken[-1]) == (1000, Broken(1000, "edited"))


async def test_every_column_is_part_of_what_is_verified(database: Database) -> None:
    """A column that is added later has to be added to the text of a row too."""
    beside = {"created_at", "chain_seq", "prev_hash", "row_hash", "order_id", "by_member"}
    async with database.system() as tx:
        for table, kind in (("f_audit_events", "audit_event_text"), ("f_audit_mcp_tools", "audit_call_text")):
            columns = {
                name: [
                    row["attname"]
                    for row in await tx.fetch(
                        "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped",
                        name,
                    )
                ]
                for name in (table, kind)
            }
            assert set(columns[table]) - set(columns[kind]) == beside
            assert len(columns[kind]) == len(set(columns[kind]))


@pytest.mark.parametrize("column", ["order_id", "by_member"])
async def test_a_column_made_of_others_cannot_say_something_else(
    database: Database, addresses: Addresses, column: str
) -> None:
    it = await chained(database, addresses)
    async with connected(addresses.superuser) as superuser:
        for stream in STREAMS:
            await superuser.execute(f"alter table {TABLES[stream]} alter column {column} drop expression")
            await superuser.execute("set session_replication_role = replica")
            await superuser.execute(f"update {TABLES[stream]} set {column} = 'another' where chain_seq = 33")
    for stream in STREAMS:
        assert (await verified(database, it.org, stream, signing_key=KEY)).broken == (Broken(33, "edited"),)


async def test_the_text_does_not_depend_on_the_session(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    settings = {
        "timezone": "Asia/Seoul", "datestyle": "German", "bytea_output": "escape", "extra_float_digits": "0", "intervalstyle": "sql_standard",
        "xmlbinary": "hex", "standard_conforming_strings": "off", "client_encoding": "UHC",
    }  # fmt: skip
    async with database.org(it.org) as tx:
        for name, value in settings.items():
            await tx.execute(f"set local {name} = '{value}'")
        bad = await tx.fetchval(
            "select count(*) from f_audit_events e where sha256(e.prev_hash || convert_to(e.chain_seq::text || '|' || audit_text(e), 'UTF8')) <> e.row_hash"
        )
        assert bad == 0


async def test_rows_of_an_earlier_build_verify_and_are_guarded(empty_addresses: Addresses) -> None:
    await migrate(empty_addresses.owner, BEFORE)
    org = await an_org(empty_addresses.owner)
    async with await Database.open(empty_addresses.app) as database:
        hard = [0.1, 1e22, 1e-7, 5e-324, 10**25, "€😀\x00", {"": [None, True]}]
        for number in range(1, 31):
            await appended_before(
                database, org, event(number, THIS_YEAR, hard=hard), call(number, THIS_YEAR, hard=hard[number % 7])
            )
    await migrate(empty_addresses.owner)
    async with await Database.open(empty_addresses.app) as database:
        await written(database, org, 31, 50, THIS_YEAR)
        for stream in STREAMS:
            report = await verified(database, org, stream)
            assert (report.broken, report.rows) == ((), 50)
        async with connected(empty_addresses.superuser) as superuser:
            await superuser.execute("set session_replication_role = replica")
            for seq, sql in (
                (3, "payload = jsonb_set(payload, '{half}', '0.500000000000000000001')"),
                (7, "payload = jsonb_set(payload, '{hard,0}', '0.10000000000000000001')"),
                (9, "payload = (repeat('[', 3000) || repeat(']', 3000))::jsonb"),
                (11, "payload = to_jsonb(repeat('9', 6000)::numeric)"),
                (12, "at = 'infinity', created_at = 'infinity'"),
                (13, "at = '0044-03-15 BC', created_at = '0044-03-15 BC'"),
                (14, "trace_id = '가'"),
            ):
                await superuser.execute(f"update f_audit_events set {sql} where chain_seq = {seq}")
        found = (await verified(database, org, "events")).broken
    assert found == tuple(Broken(seq, "edited") for seq in (3, 7, 9, 11, 12, 13, 14))


def chain_text(org: OrgId, row: AuditEvent | AuditCall) -> str:
    """What `append` sends, with ids that are the same every time."""
    if isinstance(row, AuditEvent):
        text = chain._event_text(org, row)  # pyright: ignore[reportPrivateUsage]
    else:
        text = chain._call_text(org, replace(row, call=CallId(UUID(int=5))))  # pyright: ignore[reportPrivateUsage]
    return canonical({**json.loads(text), "id": UUID(int=row.at.second)})


async def test_an_older_server_writes_the_same_text(addresses: Addresses, tmp_path: Path) -> None:
    """A chain that was written on one version verifies after it was carried to another."""
    newer = await texts_of(addresses)
    older = await asyncio.to_thread(Cluster.start, tmp_path, major=16)
    try:
        await older.make_template()
        async with older.database() as others:
            assert await texts_of(others) == newer
    finally:
        await asyncio.to_thread(older.server.stop)
    # Whoever changes one sign of it makes every chain that was ever written look broken.
    digest = hashlib.sha256("\n".join(newer).encode()).hexdigest()
    assert digest == "ade2e0d9a796593c02e02342ac3e8001abcc6778f9baf061bc9ad1af7b156c7f"
    first: dict[str, object] = json.loads(newer[0])
    assert list(first)[:3] == ["id", "org_id", "session_id"]
    assert first["at"] == "2025-09-01T09:30:01.000007"


async def texts_of(addresses: Addresses) -> list[str]:
    org = OrgId(UUID(int=7))
    hard: dict[str, Any] = {
        "f": [0.1, 1e22, 1e-7, 5e-324, 3.0, 10**25],
        "s": '€😀\x07\u2028\\"',
        "n": {"": [None, True, {}]},
    }
    events = [chain_text(org, event(n, THIS_YEAR, **hard)) for n in range(1, 8)]
    calls = [chain_text(org, call(n, THIS_YEAR, **hard)) for n in range(1, 8)]
    async with connected(addresses.app) as connection:
        found = [
            await connection.fetchval(f"select audit_text(jsonb_populate_record(null::{table}, $1::text::jsonb))", text)
            for table, texts in (("f_audit_events", events), ("f_audit_mcp_tools", calls))
            for text in texts
        ]
    return [str(text) for text in found]


async def test_a_checkpoint_of_the_head_covers_what_is_there(database: Database, addresses: Addresses) -> None:
    org = await an_org(addresses.owner)
    stream: Stream = "events"
    async with database.org(org) as tx:
        assert await checkpoint(tx, org, stream, key=KEY, at=THIS_YEAR) is None
    await written(database, org, 1, 3, THIS_YEAR)
    async with database.org(org) as tx:
        assert (await verify(tx, org, stream, signing_key=KEY)).signed_to == 0
        made = await checkpoint(tx, org, stream, key=KEY, at=THIS_YEAR + timedelta(hours=1))
        assert made is not None
        assert await checkpoint(tx, org, stream, key=KEY, at=THIS_YEAR + timedelta(hours=2)) is None
        assert (await verify(tx, org, stream, signing_key=KEY)).signed_to == 3
        assert (await verify(tx, org, stream)).signed_to == 3
        assert (await verify(tx, org, stream, signing_key=b"another key" * 3)).broken == (Broken(3, "checkpoint"),)
