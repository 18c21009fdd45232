"""What ends of the audit: a prefix up to a checkpoint, tickets apart; and that what is left can still be verified."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.db.chained import KEY, LAST_YEAR, PRUNED, STREAMS, THIS_YEAR, a_session, an_org, chained, written

from sangdam.core.ids import OrgId
from sangdam.db import Database
from sangdam.db.chain import Stream
from sangdam.db.pruning import prune
from sangdam.db.runs import Tally
from sangdam.db.testing import Addresses, connected
from sangdam.db.verification import TABLES, VerifyReport, anchors, checkpoint, verify


async def report_of(database: Database, org: OrgId, stream: Stream) -> VerifyReport:
    async with database.org(org) as tx:
        return await verify(tx, org, stream, signing_key=KEY)


async def rows(database: Database, org: OrgId, stream: Stream) -> list[int]:
    async with database.org(org) as tx:
        found = await tx.fetch(f"select chain_seq from {TABLES[stream]} order by chain_seq")
    return [row["chain_seq"] for row in found]


async def forged(addresses: Addresses, *statements: str) -> None:
    async with connected(addresses.superuser) as superuser:
        await superuser.execute("set session_replication_role = replica")
        for sql in statements:
            await superuser.execute(sql)


async def test_what_is_over_its_time_goes_up_to_the_last_checkpoint_from_before(
    database: Database, addresses: Addresses
) -> None:
    it = await chained(database, addresses)
    tally = Tally()
    await prune(database, tally, key=KEY, days=365, now=PRUNED)
    assert (tally.counts["audit_rows"], tally.counts["failed"]) == (108, 0)
    for stream in STREAMS:
        left = await rows(database, it.org, stream)
        assert left[:7] == [10, 20, 30, 40, 50, 60, 61]
        report = await report_of(database, it.org, stream)
        assert (report.broken, report.pruned_to, report.rows) == ((), 60, len(left))
    async with database.org(it.org) as tx:
        told = await tx.fetch(
            "select payload, actor from f_audit_events where event_type = 'AUDIT_PRUNED' order by chain_seq"
        )
        assert [row["payload"] for row in told] == [
            {"stream": stream, "up_to": 60, "rows": 54, "kept": 6} for stream in STREAMS
        ]
        assert await tx.fetchval("select count(*) from f_audit_checkpoints where seq = 60") == 2


async def test_a_second_run_finds_nothing_more_to_do(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses, pruned=True)
    before = await rows(database, it.org, "events")
    tally = Tally()
    await prune(database, tally, key=KEY, days=365, now=PRUNED + timedelta(days=1))
    assert (tally.counts, await rows(database, it.org, "events")) == ({}, before)


async def test_a_day_before_its_time_nothing_goes(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    tally = Tally()
    await prune(database, tally, key=KEY, days=365, now=LAST_YEAR + timedelta(days=365, seconds=60))
    assert tally.counts == {}
    assert len(await rows(database, it.org, "tools")) == 240
    await prune(database, tally, key=KEY, days=365, now=LAST_YEAR + timedelta(days=365, seconds=61))
    assert tally.counts["audit_rows"] == 108


async def test_the_time_is_a_setting(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    tally = Tally()
    await prune(database, tally, key=KEY, days=30, now=THIS_YEAR + timedelta(days=31))
    assert tally.counts["failed"] == 0
    for stream in STREAMS:
        report = await report_of(database, it.org, stream)
        assert (report.broken, report.pruned_to) == ((), 180)
        assert [seq for seq in await rows(database, it.org, stream) if seq <= 180] == list(range(10, 181, 10))


async def test_tickets_go_after_three_years(database: Database, addresses: Addresses) -> None:
    org = await an_org(addresses.owner)
    ticket = await a_session(addresses, org, outcome="ticketed")
    old = datetime(2021, 6, 1, tzinfo=UTC)
    await written(database, org, 1, 20, old, sessions=[None, ticket])
    async with database.org(org) as tx:
        for stream in STREAMS:
            await checkpoint(tx, org, stream, key=KEY, at=old + timedelta(hours=1))
    tally = Tally()
    await prune(database, tally, key=KEY, days=365, now=old + timedelta(days=800))
    assert await rows(database, org, "tools") == list(range(1, 21, 2))
    await prune(database, tally, key=KEY, days=365, now=old + timedelta(days=1094))
    assert await rows(database, org, "tools") == list(range(1, 21, 2))
    await prune(database, tally, key=KEY, days=365, now=old + timedelta(days=1095, seconds=11))
    assert await rows(database, org, "tools") == [11, 13, 15, 17, 19]
    await prune(database, tally, key=KEY, days=365, now=old + timedelta(days=1096))
    assert await rows(database, org, "tools") == []
    assert tally.counts["failed"] == 0
    report = await report_of(database, org, "tools")
    assert (report.broken, report.rows, report.pruned_to) == ((), 0, 20)
    await written(database, org, 21, 22, THIS_YEAR)
    assert (await report_of(database, org, "tools")).broken == ()
    async with database.org(org) as tx:
        assert [each.kept for each in await anchors(tx, org, "tools")] == [0, 5, 10]


async def test_another_organisation_keeps_its_rows(database: Database, addresses: Addresses) -> None:
    it, other = await chained(database, addresses), await an_org(addresses.owner)
    await written(database, other, 1, 5, LAST_YEAR)
    await prune(database, Tally(), key=KEY, days=365, now=PRUNED)
    assert await rows(database, other, "events") == [1, 2, 3, 4, 5]
    assert len(await rows(database, it.org, "events")) == 188


@pytest.mark.parametrize(
    ("sql", "seq"),
    [
        ("update f_audit_mcp_tools set latency_ms = 999 where chain_seq = 31", 31),
        ("delete from f_audit_mcp_tools where chain_seq = 44", 44),
        ("update f_audit_checkpoints set hash = sha256(hash) where seq = 60 and stream = 'tools'", 60),
    ],
)
async def test_nothing_broken_is_pruned(database: Database, addresses: Addresses, sql: str, seq: int) -> None:
    it = await chained(database, addresses)
    await forged(addresses, sql)
    tally = Tally()
    await prune(database, tally, key=KEY, days=365, now=PRUNED)
    assert len(await rows(database, it.org, "tools")) >= 239
    assert len(await rows(database, it.org, "events")) == 187
    told = [(error["stream"], error["code"], error["seq"]) for error in tally.errors]
    # A checkpoint that is not ours is none to prune up to: then there is nothing to do.
    assert told == ([("tools", "AUDIT_BROKEN", seq)] if seq != 60 else [])
    assert (await report_of(database, it.org, "tools")).broken[0].seq == seq


async def test_a_prefix_deleted_beyond_the_anchor_is_named(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses, pruned=True)
    await forged(addresses, "delete from f_audit_events where chain_seq between 61 and 120")
    report = await report_of(database, it.org, "events")
    assert [(each.seq, each.until, each.what) for each in report.broken] == [(61, 120, "missing")]


async def test_rows_pruned_without_our_signature_are_named(database: Database, addresses: Addresses) -> None:
    """The application's role may call the function; what it does not have is the key."""
    it = await chained(database, addresses)
    async with database.org(it.org) as tx:
        kept = await tx.fetchrow(
            "select sha256(string_agg(row_hash, ''::bytea order by chain_seq)) as digest from f_audit_events where chain_seq % 10 = 0 and chain_seq <= 60"
        )
        assert kept is not None
        gone = await tx.fetchval(
            "select audit_prune($1, 'events', 60, $2, $3, 6, $4, 'nobody', $2)",
            *(it.org, PRUNED - timedelta(days=365), PRUNED - timedelta(days=1095), kept["digest"]),
        )
    assert gone == 54
    report = await report_of(database, it.org, "events")
    assert {(each.seq, each.until, each.what) for each in report.broken} >= {(60, None, "anchor"), (1, 9, "missing")}


async def test_the_function_refuses_what_no_retention_asks_for(database: Database, addresses: Addresses) -> None:
    it, other = await chained(database, addresses), await an_org(addresses.owner)
    before, after, nothing = PRUNED - timedelta(days=365), PRUNED - timedelta(days=1095), b""
    now = datetime.now(UTC)
    wrong = (
        ("only an organisation itself", (other, "events", 60, before, after, 6, nothing, "", before)),
        ("is not pruned", (it.org, "ledger", 60, before, after, 6, nothing, "", before)),
        ("too young", (it.org, "events", 60, now - timedelta(hours=23), after, 6, nothing, "", before)),
        ("too young", (it.org, "events", 60, before, now - timedelta(days=1094), 6, nothing, "", before)),
        ("up to a checkpoint only", (it.org, "events", 61, before, after, 6, nothing, "", before)),
        ("younger than", (it.org, "events", 120, before, after, 6, nothing, "", before)),
        ("not the rows that were signed", (it.org, "events", 60, before, after, 6, nothing, "", before)),
    )
    for said, arguments in wrong:
        with pytest.raises(Exception, match=said):
            async with database.org(it.org) as tx:
                await tx.fetchval("select audit_prune($1, $2, $3, $4, $5, $6, $7, $8, $9)", *arguments)
    assert len(await rows(database, it.org, "events")) == 240
    with pytest.raises(Exception, match="permission denied"):
        async with database.org(it.org) as tx:
            await tx.execute("set local app.audit_pruning = 'on'")
            await tx.execute("delete from f_audit_events")


async def test_what_was_pruned_further_is_not_pruned_to_an_earlier_row(
    database: Database, addresses: Addresses
) -> None:
    it = await chained(database, addresses)
    await prune(database, Tally(), key=KEY, days=30, now=THIS_YEAR + timedelta(days=31))
    with pytest.raises(Exception, match="pruned further"):
        async with database.org(it.org) as tx:
            await tx.fetchval(
                "select audit_prune($1, 'events', 120, $2, $3, 0, ''::bytea, '', $2)",
                *(it.org, PRUNED - timedelta(days=365), PRUNED - timedelta(days=1095)),
            )


async def test_a_verification_that_began_before_sees_what_was_there_then(
    database: Database, addresses: Addresses
) -> None:
    it = await chained(database, addresses)
    async with database.snapshot(it.org) as tx:
        assert (await verify(tx, it.org, "events", signing_key=KEY)).rows == 240
        await prune(database, Tally(), key=KEY, days=365, now=PRUNED)
        await written(database, it.org, 241, 260, THIS_YEAR)
        async with database.snapshot(it.org, shared=await tx.share_snapshot()) as helper:
            report = await verify(tx, it.org, "events", signing_key=KEY, helpers=[helper])
    assert (report.broken, report.rows, report.pruned_to) == ((), 240, 0)
