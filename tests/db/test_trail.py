"""Searching the audit: every filter, pages that do not move under inserts, and a bound on what one page reads."""

from datetime import timedelta
from uuid import UUID

import pytest
from tests.db.chained import ORDER, THIS_YEAR, a_session, an_org, call, event, written

from sangdam.core.ids import OrgId, SessionId, new_uuid
from sangdam.db import Database, trail
from sangdam.db.chain import append
from sangdam.db.testing import Addresses
from sangdam.db.trail import Asked, Position, calls, events

ROWS = 60


@pytest.fixture
async def sessions(addresses: Addresses) -> tuple[OrgId, list[SessionId]]:
    org = await an_org(addresses.owner)
    return org, [await a_session(addresses, org) for _ in range(3)]


@pytest.fixture
async def org(database: Database, sessions: tuple[OrgId, list[SessionId]]) -> OrgId:
    await written(database, sessions[0], 1, ROWS, THIS_YEAR, sessions=sessions[1])
    return sessions[0]


async def seqs(database: Database, org: OrgId, asked: Asked, *, of: str = "events", limit: int = 100) -> list[int]:
    async with database.org(org) as tx:
        page = await (calls if of == "tools" else events)(tx, org, asked, limit=limit)
    return [each.seq for each in page.items]


async def test_newest_first_and_page_by_page_while_rows_are_added(database: Database, org: OrgId) -> None:
    found: list[int] = []
    after: Position | None = None
    pages = 0
    while pages < 20:
        async with database.org(org) as tx:
            page = await events(tx, org, Asked(), limit=7, after=after)
        found += [each.seq for each in page.items]
        pages += 1
        after = page.next
        if after is None:
            break
        await written(database, org, ROWS + pages, ROWS + pages, THIS_YEAR)
    assert found == list(range(ROWS, 0, -1))
    assert pages == 9


async def test_a_last_page_that_is_exactly_full_has_nothing_after_it(database: Database, org: OrgId) -> None:
    async with database.org(org) as tx:
        page = await events(tx, org, Asked(), limit=ROWS)
        assert (len(page.items), page.next) == (ROWS, None)
        page = await events(tx, org, Asked(), limit=ROWS - 1)
        assert page.next == Position(page.items[-1].at, 2)


async def test_by_conversation_trace_and_turn(
    database: Database, org: OrgId, sessions: tuple[OrgId, list[SessionId]]
) -> None:
    first, second, _ = sessions[1]
    assert await seqs(database, org, Asked(sessions=(first,))) == list(range(60, 0, -3))
    assert await seqs(database, org, Asked(sessions=(first, second)), of="tools", limit=3) == [60, 58, 57]
    assert await seqs(database, org, Asked(sessions=())) == []
    assert await seqs(database, org, Asked(trace_id=f"{5:032x}")) == [23, 22, 21, 20]
    assert await seqs(database, org, Asked(trace_id=f"{5:032x}", turn=UUID(int=6))) == [23, 21]
    assert await seqs(database, org, Asked(turn=UUID(int=6))) == [23, 21]
    assert await seqs(database, org, Asked(sessions=(first,), turn=UUID(int=6))) == [21]


async def test_by_what_happened_and_when(database: Database, org: OrgId) -> None:
    at = {n: THIS_YEAR + timedelta(seconds=n) for n in range(1, ROWS + 1)}
    assert await seqs(database, org, Asked(since=at[10], until=at[13])) == [12, 11, 10]
    assert await seqs(database, org, Asked(event_type="SLOT_SET", until=at[3])) == [2, 1]
    assert await seqs(database, org, Asked(event_type="KB_GAP")) == []
    assert await seqs(database, org, Asked(tool="lookup_order", since=at[59]), of="tools") == [60, 59]
    assert await seqs(database, org, Asked(tool="create_ticket"), of="tools") == []
    assert await seqs(database, org, Asked(status="success", tool="lookup_order"), of="tools", limit=2) == [60, 59]
    assert await seqs(database, org, Asked(status="blocked"), of="tools") == []
    assert await seqs(database, org, Asked(code="POLICY_BLOCK"), of="tools") == []


async def test_by_order_and_by_who_did_it(database: Database, org: OrgId) -> None:
    assert await seqs(database, org, Asked(order_id=ORDER)) == list(range(60, 0, -3))
    assert len(await seqs(database, org, Asked(order_id=ORDER), of="tools")) == ROWS
    assert await seqs(database, org, Asked(order_id="20250101-0000001")) == []
    assert await seqs(database, org, Asked(by_member="a0")) == [35]
    assert await seqs(database, org, Asked(by_member="a1"), of="tools") == [56, 21]
    assert await seqs(database, org, Asked(by_member="a1", trace_id=f"{14:032x}"), of="tools") == [56]


async def test_another_organisation_finds_nothing_here(database: Database, addresses: Addresses, org: OrgId) -> None:
    other = await an_org(addresses.owner)
    async with database.org(other) as tx:
        assert (await events(tx, org, Asked(), limit=5)).items == ()
        assert (await events(tx, other, Asked(), limit=5)).items == ()
        assert (await calls(tx, other, Asked(trace_id=f"{5:032x}"), limit=5)).items == ()


async def test_a_page_reads_no_more_than_its_share_and_says_where_to_go_on(
    database: Database, org: OrgId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "READ_AT_ONCE", 5)
    monkeypatch.setattr(trail, "READ_AT_MOST", 20)
    found: list[int] = []
    short: list[int] = []
    after: Position | None = None
    async with database.org(org) as tx:
        while True:
            page = await events(tx, org, Asked(turn=UUID(int=6)), limit=10, after=after)
            found += [each.seq for each in page.items]
            short.append(len(page.items))
            after = page.next
            if after is None:
                break
    assert found == [23, 21]
    assert short == [0, 2, 0, 0]


async def test_an_endless_order_number_is_no_reason_to_refuse_a_row(database: Database, org: OrgId) -> None:
    async with database.org(org) as tx:
        await append(
            tx,
            org,
            events=[event(61, THIS_YEAR, order_id="9" * 9000)],
            calls=[call(61, THIS_YEAR, order_id="가" * 9000)],
        )
    assert await seqs(database, org, Asked(since=THIS_YEAR + timedelta(seconds=61))) == [61]


async def test_runs_of_jobs_are_found_by_their_trace(database: Database, org: OrgId) -> None:
    trace_id = new_uuid().hex
    async with database.org(org) as tx:
        await tx.execute(
            "insert into e_ops_job_runs (org_id, job, trigger, lock_key, started_at, outcome, host, build, trace_id) values ($1, 'retention', 'cron', 'k', $2, 'ok', 'h', 'b', $3)",
            *(org, THIS_YEAR, trace_id),
        )
        (run,) = await trail.job_runs(tx, org, trace_id, limit=5)
        assert (run.job, run.outcome, run.counts, run.errors) == ("retention", "ok", {}, [])
        assert await trail.job_runs(tx, org, "another", limit=5) == ()
