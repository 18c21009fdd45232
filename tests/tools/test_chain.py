"""The audit chain: what is written verifies, and whatever is changed afterwards is named."""

import random
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.world import RefusedByDatabase, execute

from sangdam.core.ids import CallId, OrgId, SessionId, TurnId, new_uuid
from sangdam.db import Database
from sangdam.db.chain import AuditCall, AuditEvent, EventType, append, canonical, plain
from sangdam.db.verification import Broken, checkpoint, verify

NOW = datetime(2026, 3, 14, 5, 28, 44, 123456, tzinfo=UTC)


WRITTEN = "id, org_id, session_id, turn_id, state_rev, context_no, actor, event_type, payload, bot_context, trace_id, at, chain_seq, prev_hash, row_hash, created_at"
"""All columns but those the database makes of others."""


async def make_org(owner_dsn: str) -> OrgId:
    org = OrgId(new_uuid())
    await execute(
        owner_dsn, f"insert into a_iam_organizations (id, name, slug) values ('{org}', '달빛샵', 's{org.hex[:12]}')"
    )
    return org


def event(number: int, **more: object) -> AuditEvent:
    return AuditEvent(
        EventType.SLOT_SET,
        {"kind": "agent", "id": "a1"},
        NOW + timedelta(seconds=number),
        "t" * 32,
        {"n": number, "한글": "값", "f": 0.5, "whole": 3.0, "deep": [{"x": None}], **more},
        SessionId(uuid.UUID(int=1)),
        TurnId(uuid.UUID(int=2)),
        1,
        0,
        '{"schema":1,"rev":3}',
    )


def call(number: int) -> AuditCall:
    return AuditCall(
        CallId(new_uuid()), "closed", {"kind": "agent"}, "lookup_order", "1", {"order_id": "20260314-0000127"}, {"ok": True}, "hmac:0", "success",
        {"allowed": True}, "VERIFIED", number, "t" * 32, NOW, None, None, ("phone", "name"), ({"call": "GET /orders/{id}", "status": 200, "ms": 3, "attempt": 1},),
    )  # fmt: skip


async def written(database: Database, org: OrgId, count: int) -> None:
    for start in range(0, count, 3):
        async with database.org(org) as tx:
            await append(tx, org, events=[event(n) for n in range(start, min(count, start + 3))], calls=[call(start)])


async def test_what_is_appended_verifies(database: Database, owner_dsn: str) -> None:
    org = await make_org(owner_dsn)
    await written(database, org, 10)
    async with database.org(org) as tx:
        events, calls = await verify(tx, org, "events"), await verify(tx, org, "tools")
    assert (events.rows, events.broken, events.first_seq, events.last_seq) == (10, (), 1, 10)
    assert (calls.rows, calls.broken) == (4, ())


async def test_an_empty_stream_is_whole(database: Database, owner_dsn: str) -> None:
    org = await make_org(owner_dsn)
    async with database.org(org) as tx:
        assert (await verify(tx, org, "events")).whole


async def test_phones_do_not_reach_an_event(database: Database, owner_dsn: str) -> None:
    org = await make_org(owner_dsn)
    async with database.org(org) as tx:
        await append(tx, org, events=[event(1, phone="01098765432", said="제 번호는 010-9876-5432예요")])
        row = await tx.fetchrow("select payload::text as p from f_audit_events")
    assert row is not None
    assert "9876" not in row["p"]


EDITS = [
    "update f_audit_events set payload = payload || '{\"n\": 99}' where chain_seq = 4",
    "update f_audit_events set at = at + interval '1 microsecond' where chain_seq = 4",
    "update f_audit_events set created_at = created_at + interval '1 second' where chain_seq = 4",
    "update f_audit_events set id = gen_random_uuid() where chain_seq = 4",
    "update f_audit_events set actor = '{}' where chain_seq = 4",
    "update f_audit_events set event_type = 'KB_GAP' where chain_seq = 4",
    "update f_audit_events set session_id = null where chain_seq = 4",
    "update f_audit_events set bot_context = '{}' where chain_seq = 4",
    "update f_audit_events set state_rev = 2 where chain_seq = 4",
    "update f_audit_events set trace_id = 'x' where chain_seq = 4",
]


@pytest.mark.parametrize("sql", EDITS)
async def test_an_edited_row_is_named(database: Database, addresses_superuser: str, owner_dsn: str, sql: str) -> None:
    org = await make_org(owner_dsn)
    await written(database, org, 6)
    await forge(addresses_superuser, sql)
    async with database.org(org) as tx:
        report = await verify(tx, org, "events")
    assert report.broken == (Broken(4, "edited"),)


async def test_a_deleted_row_is_named(database: Database, addresses_superuser: str, owner_dsn: str) -> None:
    org = await make_org(owner_dsn)
    await written(database, org, 6)
    await forge(addresses_superuser, "delete from f_audit_events where chain_seq = 3")
    async with database.org(org) as tx:
        assert (await verify(tx, org, "events")).broken == (Broken(3, "missing"),)


async def test_a_cut_tail_is_named(database: Database, addresses_superuser: str, owner_dsn: str) -> None:
    org = await make_org(owner_dsn)
    await written(database, org, 6)
    await forge(addresses_superuser, "delete from f_audit_events where chain_seq >= 5")
    async with database.org(org) as tx:
        assert (await verify(tx, org, "events")).broken == (Broken(5, "tail", 6),)


async def test_a_cut_tail_with_a_forged_head_meets_the_checkpoint(
    database: Database, addresses_superuser: str, owner_dsn: str
) -> None:
    org = await make_org(owner_dsn)
    await written(database, org, 6)
    key = b"k" * 32
    async with database.org(org) as tx:
        assert await checkpoint(tx, org, "events", key=key, at=NOW) is not None
        assert (await verify(tx, org, "events", signing_key=key)).whole
        assert not (await verify(tx, org, "events", signing_key=b"other" * 8)).whole
    await forge(
        addresses_superuser,
        "delete from f_audit_events where chain_seq = 6",
        "update f_audit_chains set last_seq = 5, last_hash = (select row_hash from f_audit_events where chain_seq = 5) where stream = 'events'",
    )
    async with database.org(org) as tx:
        assert not (await verify(tx, org, "events", signing_key=key)).whole


async def test_two_rows_that_changed_places_are_named(
    database: Database, addresses_superuser: str, owner_dsn: str
) -> None:
    org = await make_org(owner_dsn)
    await written(database, org, 6)
    await forge(
        addresses_superuser,
        "update f_audit_events set chain_seq = 100 where chain_seq = 2",
        "update f_audit_events set chain_seq = 2 where chain_seq = 5",
        "update f_audit_events set chain_seq = 5 where chain_seq = 100",
    )
    async with database.org(org) as tx:
        named = {broken.seq for broken in (await verify(tx, org, "events")).broken}
    assert {2, 5} <= named


async def test_random_forgeries_never_pass(database: Database, addresses_superuser: str, owner_dsn: str) -> None:
    org = await make_org(owner_dsn)
    await written(database, org, 12)
    rng = random.Random(7)
    columns = [
        "trace_id = trace_id || 'x'",
        "payload = payload || '{\"z\":1}'",
        "context_no = 5",
        "turn_id = gen_random_uuid()",
        "row_hash = sha256(row_hash)",
    ]
    await execute(addresses_superuser, f"create table kept as select {WRITTEN} from f_audit_events")
    for _ in range(12):
        seq = rng.randint(1, 12)
        await forge(addresses_superuser, f"update f_audit_events set {rng.choice(columns)} where chain_seq = {seq}")
        async with database.org(org) as tx:
            named = {broken.seq for broken in (await verify(tx, org, "events")).broken}
        assert seq in named
        await forge(
            addresses_superuser,
            f"delete from f_audit_events where chain_seq = {seq}",
            f"insert into f_audit_events ({WRITTEN}) select {WRITTEN} from kept where chain_seq = {seq}",
        )
    async with database.org(org) as tx:
        assert (await verify(tx, org, "events")).whole


async def test_the_application_can_neither_change_nor_delete_a_row(database: Database, owner_dsn: str) -> None:
    org = await make_org(owner_dsn)
    await written(database, org, 3)
    for sql in ("update f_audit_events set trace_id = 'x'", "delete from f_audit_events"):
        with pytest.raises(RefusedByDatabase):
            async with database.org(org) as tx:
                await tx.execute(sql)


async def test_parallel_appends_make_one_chain(database: Database, owner_dsn: str) -> None:
    import asyncio

    org = await make_org(owner_dsn)

    async def one(number: int) -> None:
        async with database.org(org) as tx:
            await append(tx, org, events=[event(number)], calls=[call(number)])

    await asyncio.gather(*(one(n) for n in range(30)))
    async with database.org(org) as tx:
        events, calls = await verify(tx, org, "events"), await verify(tx, org, "tools")
    assert (events.rows, calls.rows, events.whole, calls.whole) == (30, 30, True, True)


async def test_an_append_for_another_organisation_is_refused(database: Database, owner_dsn: str) -> None:
    org, other = await make_org(owner_dsn), await make_org(owner_dsn)
    with pytest.raises(RefusedByDatabase):
        async with database.org(org) as tx:
            await append(tx, other, events=[event(1)])


async def test_six_events_are_appended_in_well_under_a_tick(database: Database, owner_dsn: str) -> None:
    org = await make_org(owner_dsn)
    took: list[float] = []
    async with database.org(org) as tx:
        for _ in range(50):
            start = time.perf_counter()
            await append(tx, org, events=[event(n) for n in range(6)])
            took.append(time.perf_counter() - start)
    assert sorted(took)[len(took) // 2] < 0.02


async def forge(superuser: str, *statements: str) -> None:
    await execute(superuser, *statements, past_triggers=True)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_canonical_text_is_a_fixed_point(value: object) -> None:
    import json

    text = canonical(value)
    assert canonical(json.loads(text)) == text
    assert plain(json.loads(text)) == json.loads(text)


async def test_any_json_value_comes_back_from_the_database_as_the_same_text(database: Database, owner_dsn: str) -> None:
    org = await make_org(owner_dsn)
    hard: list[object] = [
        1e22,
        1e-7,
        -0.0,
        3.0,
        0.1,
        10**25,
        "a\x00b",
        "\ud800",
        "€😀",
        {"": [], "b": {}, "ㄱ": [None, True]},
        1.5e300,
        5e-324,
    ]
    async with database.org(org) as tx:
        await append(tx, org, events=[event(n, v=value) for n, value in enumerate(hard)])
        assert (await verify(tx, org, "events")).broken == ()
