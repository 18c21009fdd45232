"""Checkpoints: when they are due, that nothing is signed unseen, and that what the log said can be compared later."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from tests.db.chained import KEY, STREAMS, an_org, event, written

from sangdam.core import logs
from sangdam.core.clock import SettableClock
from sangdam.core.ids import OrgId
from sangdam.db import Database
from sangdam.db.chain import Stream, append
from sangdam.db.checkpoints import JOB, SIGNED, Checkpoints, copies, told
from sangdam.db.runs import Busy, Finished, JobRuns
from sangdam.db.testing import Addresses, connected
from sangdam.db.verification import Checkpoint, checkpoints, verify

NOON = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
def signing(database: Database, clock: SettableClock) -> Checkpoints:
    return Checkpoints(database, clock, JobRuns(database, clock, build="test"), key=KEY)


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure(build="test", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


async def stored(database: Database, org: OrgId, stream: Stream = "events") -> list[int]:
    async with database.org(org) as tx:
        return [each.seq for each in await checkpoints(tx, org, stream)]


async def forged(addresses: Addresses, sql: str, *values: object) -> None:
    async with connected(addresses.superuser) as superuser:
        await superuser.execute("set session_replication_role = replica")
        await superuser.execute(sql, *values)


async def test_a_first_row_is_signed_at_once_and_then_a_thousand_rows_or_a_day_are_waited_for(
    database: Database, addresses: Addresses, signing: Checkpoints, clock: SettableClock
) -> None:
    org = await an_org(addresses.owner)
    assert await signing.run() is None
    await written(database, org, 1, 2, NOON)
    done = await signing.run()
    assert isinstance(done, Finished)
    assert (done.outcome, done.tally.counts["checkpoints"], done.tally.counts["rows"]) == ("ok", 2, 4)
    assert await stored(database, org) == [2]
    await written(database, org, 3, 1001, NOON, at_once=200)
    assert await signing.run() is None
    await written(database, org, 1002, 1002, NOON)
    assert isinstance(await signing.run(), Finished)
    assert await stored(database, org) == [2, 1002]
    clock.move(hours=24, seconds=-1)
    await written(database, org, 1003, 1003, clock.now())
    assert await signing.run() is None
    clock.move(seconds=1)
    assert isinstance(await signing.run(), Finished)
    assert await stored(database, org, "tools") == [2, 1002, 1003]
    clock.move(days=3)
    assert await signing.run() is None
    async with database.org(org) as tx:
        for stream in STREAMS:
            report = await verify(tx, org, stream, signing_key=KEY)
            assert (report.broken, report.signed_to) == ((), 1003)


async def test_only_organisations_and_streams_are_told_to_whoever_asks_what_is_due(
    database: Database, addresses: Addresses
) -> None:
    org, other = await an_org(addresses.owner), await an_org(addresses.owner)
    await written(database, org, 1, 1, NOON)
    async with database.system() as tx:
        rows = await tx.fetch("select * from sys_due_checkpoints($1, 10)", NOON)
        assert sorted((row["org_id"], row["stream"]) for row in rows) == [(org, "events"), (org, "tools")]
        assert [sorted(row.keys()) for row in rows] == [["org_id", "stream"]] * 2
        assert len(await tx.fetch("select * from sys_due_checkpoints($1, 1)", NOON)) == 1
    assert await stored(database, other) == []


async def test_of_two_processes_one_signs(database: Database, addresses: Addresses, clock: SettableClock) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 30, NOON)
    both = [Checkpoints(database, clock, JobRuns(database, clock, build="test"), key=KEY) for _ in range(2)]
    ends = await asyncio.gather(*(each.run() for each in both))
    assert sum(isinstance(end, Finished) and end.tally.counts["checkpoints"] == 2 for end in ends) == 1
    assert all(end is None or isinstance(end, Busy | Finished) for end in ends)
    assert await stored(database, org) == [30]


async def test_an_organisation_sees_what_was_signed_for_it(
    database: Database, addresses: Addresses, signing: Checkpoints
) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 1, NOON)
    await signing.run()
    async with database.org(org) as tx:
        row = await tx.fetchrow("select job, outcome, counts, trace_id from e_ops_job_runs where org_id = $1", org)
    assert row is not None
    assert (row["job"], row["outcome"], row["counts"]) == (JOB, "ok", {"rows": 2, "checkpoints": 2})
    assert len(row["trace_id"]) == 32


async def test_rows_that_come_while_it_is_signed_are_left_for_the_next_checkpoint(
    database: Database, addresses: Addresses, signing: Checkpoints, clock: SettableClock
) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 5, NOON)

    async def more() -> None:
        for number in range(6, 40):
            await written(database, org, number, number, NOON)

    await asyncio.gather(signing.run(), more())
    async with database.org(org) as tx:
        signed = await checkpoints(tx, org, "events")
        hashes = {row["chain_seq"]: row["row_hash"] for row in await tx.fetch("select * from f_audit_events")}
        assert [hashes[each.seq] for each in signed] == [each.hash for each in signed]
        assert (await verify(tx, org, "events", signing_key=KEY)).whole


async def test_the_log_is_a_copy_to_compare_with(
    database: Database, addresses: Addresses, signing: Checkpoints, out: io.StringIO
) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 20, NOON)
    await signing.run()
    logged = [line for line in out.getvalue().splitlines() if SIGNED in line]
    assert len(logged) == 2
    kept = list(copies([f"Nov 28 16:00:01 shop sangdam[7]: {line}" for line in out.getvalue().splitlines()]))
    assert [each.genuine(KEY) for each in kept] == [True, True]
    await forged(addresses, "delete from f_audit_events where chain_seq > 10")
    await forged(addresses, "delete from f_audit_checkpoints")
    await forged(
        addresses,
        "update f_audit_chains c set last_seq = 10, last_hash = (select row_hash from f_audit_events where chain_seq = 10) where stream = 'events'",
    )
    async with database.org(org) as tx:
        assert (await verify(tx, org, "events", signing_key=KEY)).whole
        report = await verify(tx, org, "events", signing_key=KEY, copies=kept)
    assert [(each.seq, each.until, each.what) for each in report.broken] == [(11, 20, "copy")]


async def test_a_copy_with_another_signature_says_nothing_and_is_named(
    database: Database, addresses: Addresses, signing: Checkpoints
) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 5, NOON)
    await signing.run()
    async with database.org(org) as tx:
        (kept,) = await checkpoints(tx, org, "events")
        strange = Checkpoint(org, "events", 3, kept.hash, kept.signature, kept.at)
        foreign = Checkpoint(await an_org(addresses.owner), "events", 5, b"", "", kept.at)
        report = await verify(tx, org, "events", signing_key=KEY, copies=[kept, strange, foreign])
    assert [(each.seq, each.what) for each in report.broken] == [(3, "copy")]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "signed_at",
        '{"signed_at": 1}',
        '["signed_at"]',
        '{"event": "audit.checkpoint_signed", "signed_at": "x"}',
        '{"kind": "row", "signed_at": "2026-03-14T03:00:00Z"}',
    ],
)
def test_what_is_no_checkpoint_is_passed_over(line: str) -> None:
    assert list(copies([line])) == []


async def test_a_checkpoint_is_read_as_it_was_told(
    database: Database, addresses: Addresses, signing: Checkpoints
) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 3, NOON)
    await signing.run()
    async with database.org(org) as tx:
        (made,) = await checkpoints(tx, org, "tools")
    assert list(copies([json.dumps({"kind": "checkpoint", **told(made)})])) == [made]
    assert list(copies([json.dumps({"kind": "checkpoint", **told(made), "stream": "others"})])) == []


async def test_what_is_broken_is_told_once_and_the_rows_after_it_are_signed(
    database: Database, addresses: Addresses, signing: Checkpoints, clock: SettableClock, out: io.StringIO
) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 5, NOON)
    await signing.run()
    await written(database, org, 6, 1010, NOON, at_once=200)
    await forged(addresses, "update f_audit_mcp_tools set latency_ms = 0 where chain_seq = 400")
    done = await signing.run()
    assert isinstance(done, Finished)
    assert done.outcome == "partial"
    assert done.tally.errors == [
        {"org": str(org), "stream": "tools", "code": "AUDIT_BROKEN", "seq": 400, "what": "edited"}
    ]
    assert await stored(database, org, "tools") == [5, 1010]
    alerts = await alerts_of(database, org)
    assert [(each["cause"], each["stream"], each["seq"]) for each in alerts] == [("AUDIT_BROKEN", "tools", 400)]
    told_lines = [json.loads(line) for line in out.getvalue().splitlines() if '"audit.broken"' in line]
    assert [(line["level"], line["seq"], line["what"]) for line in told_lines] == [("error", 400, "edited")]
    await written(database, org, 1011, 2020, NOON, at_once=200)
    again = await signing.run()
    assert isinstance(again, Finished)
    assert again.outcome == "ok"
    async with database.org(org) as tx:
        report = await verify(tx, org, "tools", signing_key=KEY)
    assert [(each.seq, each.what) for each in report.broken] == [(400, "edited")]
    assert report.signed_to == 2020


async def test_an_edit_of_a_signed_row_is_found_with_the_first_checkpoint_of_the_next_day(
    database: Database, addresses: Addresses, signing: Checkpoints, clock: SettableClock
) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 5, NOON)
    await signing.run()
    clock.move(hours=2)
    await written(database, org, 6, 1010, NOON, at_once=200)
    await signing.run()
    await forged(addresses, "update f_audit_events set trace_id = 'x' where chain_seq = 700")
    clock.move(hours=8)  # 22:00 in Seoul
    await written(database, org, 1011, 2020, NOON, at_once=200)
    done = await signing.run()
    assert isinstance(done, Finished)
    assert done.outcome == "ok"
    clock.move(hours=3)  # the next day
    await written(database, org, 2021, 3100, NOON, at_once=200)
    done = await signing.run()
    assert isinstance(done, Finished)
    assert [error["seq"] for error in done.tally.errors] == [700]


async def test_a_cut_tail_with_nothing_new_to_sign_is_told_once_an_hour(
    database: Database, addresses: Addresses, signing: Checkpoints, clock: SettableClock
) -> None:
    org = await an_org(addresses.owner)
    await written(database, org, 1, 5, NOON)
    await signing.run()
    await written(database, org, 6, 9, NOON)
    await forged(addresses, "delete from f_audit_mcp_tools where chain_seq > 5")
    clock.move(days=1, seconds=1)
    for _ in range(3):
        await signing.run()
        clock.move(minutes=1)
    assert [each["seq"] for each in await alerts_of(database, org)] == [6]
    clock.move(hours=1)
    await signing.run()
    assert [each["seq"] for each in await alerts_of(database, org)] == [6, 6]
    assert await stored(database, org, "tools") == [5]


async def alerts_of(database: Database, org: OrgId) -> list[dict[str, Any]]:
    async with database.org(org) as tx:
        rows = await tx.fetch("select payload from f_audit_events where event_type = 'ALERT_RAISED' order by chain_seq")
    return [row["payload"] for row in rows]


async def test_the_application_can_neither_change_nor_take_back_a_checkpoint(
    database: Database, addresses: Addresses, signing: Checkpoints
) -> None:
    org = await an_org(addresses.owner)
    async with database.org(org) as tx:
        await append(tx, org, events=[event(1, NOON)])
    await signing.run()
    for sql in (
        "update f_audit_checkpoints set seq = 2",
        "delete from f_audit_checkpoints",
        "insert into f_audit_anchors select org_id, stream, seq, hash, 0, hash, signature, at from f_audit_checkpoints",
    ):
        with pytest.raises(Exception, match="permission denied"):
            async with database.org(org) as tx:
                await tx.execute(sql)
    async with connected(addresses.owner) as owner:
        with pytest.raises(Exception, match="append-only"):
            await owner.execute("delete from f_audit_checkpoints")
