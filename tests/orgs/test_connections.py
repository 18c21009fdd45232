"""One pair of tokens, one winner per refresh, nothing lost between the steps."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.orgs.place import NOW

from sangdam.core.clock import SettableClock
from sangdam.core.errors import SangdamError
from sangdam.core.ids import UserId, new_uuid
from sangdam.db import Database
from sangdam.db.verification import verify
from sangdam.orgs import Connections, KeyRing, Member, Organisations, SealBroken, TokenPair

PAIR = TokenPair(
    "access-1", "refresh-1", NOW + timedelta(hours=2), NOW + timedelta(days=14), NOW, frozenset({"mall.read_order"})
)
NEXT = replace(PAIR, access_token="access-2", refresh_token="refresh-2")


@pytest.fixture
def connections(database: Database, keyring: KeyRing, clock: SettableClock) -> Connections:
    return Connections(database, keyring, clock)


async def test_a_pair_comes_back_as_it_was_stored_and_lies_sealed(
    connections: Connections, owner: Member, database: Database
) -> None:
    assert await connections.read(owner.org) is None
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=owner.user, trace_id="t")
    found = await connections.read(owner.org)
    assert found is not None
    assert (found.pair, found.version, found.status, found.mall_id, found.shop_no, found.connected_by) == (
        PAIR,
        1,
        "connected",
        "moonlight",
        1,
        owner.user,
    )
    async with database.org(owner.org) as tx:
        stored = await tx.fetchval("select providers::text from a_iam_auth_settings")
        events = await tx.fetchval("select string_agg(payload::text, '') from f_audit_events")
    for secret in ("access-1", "refresh-1"):
        assert secret not in stored
        assert secret not in events
    assert "access-1" not in repr(found)


async def test_a_pair_moved_to_another_organisation_does_not_open(
    connections: Connections, organisations: Organisations, owner: Member, database: Database
) -> None:
    other = await organisations.create(
        name="둘", slug="two", owner=UserId(new_uuid()), owner_name="나", owner_email="b@example.com", trace_id="t"
    )
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    async with database.org(owner.org) as tx:
        stolen = await tx.fetchval("select providers from a_iam_auth_settings")
    async with database.org(other.org) as tx:
        await tx.execute("update a_iam_auth_settings set providers = $1", stolen)
    with pytest.raises(SealBroken):
        await connections.read(other.org)


async def test_fifty_callers_one_lease(connections: Connections, owner: Member) -> None:
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    won = await asyncio.gather(
        *(connections.take_lease(owner.org, 1, holder=f"h{n}", until=NOW + timedelta(seconds=15)) for n in range(50))
    )
    assert sum(won) == 1


async def test_a_lease_passes_on_when_it_ran_out_or_was_released(
    connections: Connections, owner: Member, clock: SettableClock
) -> None:
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    assert await connections.take_lease(owner.org, 1, holder="a", until=clock.now() + timedelta(seconds=15))
    clock.move(seconds=14)
    assert not await connections.take_lease(owner.org, 1, holder="b", until=clock.now() + timedelta(seconds=15))
    clock.move(seconds=1)
    assert await connections.take_lease(owner.org, 1, holder="b", until=clock.now() + timedelta(seconds=15))
    assert not await connections.release_lease(owner.org, holder="a")
    assert await connections.release_lease(owner.org, holder="b")
    assert await connections.take_lease(owner.org, 1, holder="c", until=clock.now() + timedelta(seconds=15))


async def test_an_applied_answer_moves_the_version_once(
    connections: Connections, owner: Member, database: Database
) -> None:
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    await connections.take_lease(owner.org, 1, holder="a", until=NOW + timedelta(seconds=15))
    await connections.write_journal(owner.org, mall_id="moonlight", version=1, answer='{"access_token": "access-2"}')
    assert await connections.journal_written(owner.org, 1) == '{"access_token": "access-2"}'
    assert await connections.apply(owner.org, 1, NEXT, trigger="cron", run_id="r1", trace_id="t")
    assert not await connections.apply(owner.org, 1, NEXT, trigger="cron", run_id="r1", trace_id="t")
    assert await connections.journal_written(owner.org, 1) is None
    found = await connections.read(owner.org)
    assert found is not None
    assert (found.version, found.pair, found.lease_holder, found.status) == (2, NEXT, None, "connected")
    assert found.last_refresh is not None
    assert found.last_refresh.outcome == "ok"
    assert not await connections.take_lease(owner.org, 1, holder="late", until=NOW + timedelta(seconds=15))
    async with database.org(owner.org) as tx:
        assert (await verify(tx, owner.org, "events")).whole


async def test_two_answers_of_one_version_cannot_both_be_journaled(connections: Connections, owner: Member) -> None:
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    await connections.write_journal(owner.org, mall_id="moonlight", version=1, answer="{}")
    with pytest.raises(Exception, match="a_iam_token_journal_live"):
        await connections.write_journal(owner.org, mall_id="moonlight", version=1, answer="{}")
    assert await connections.void_journal(owner.org, 1)
    await connections.write_journal(owner.org, mall_id="moonlight", version=1, answer="{}", void=True)


async def test_failures_are_counted_in_a_row_and_free_the_lease(
    connections: Connections, owner: Member, clock: SettableClock
) -> None:
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    for expected in (1, 2):
        assert await connections.take_lease(owner.org, 1, holder="a", until=clock.now() + timedelta(seconds=15))
        retry = clock.now() + timedelta(minutes=1)
        assert await connections.record_failure(
            owner.org,
            1,
            status="degraded",
            code="5xx",
            trigger="call",
            run_id=None,
            trace_id="t",
            requested=True,
            retry_at=retry,
        )
        found = await connections.read(owner.org)
        assert found is not None
        assert found.last_refresh is not None
        assert (found.status, found.last_refresh.failures, found.last_refresh.retry_at, found.lease_holder) == (
            "degraded",
            expected,
            retry,
            None,
        )
    assert await connections.count_requests(owner.org, within=timedelta(hours=2)) == 2
    assert not await connections.record_failure(
        owner.org, 7, status="degraded", code="x", trigger="call", run_id=None, trace_id="t", requested=False
    )
    clock.move(hours=2)
    assert await connections.count_requests(owner.org, within=timedelta(hours=2)) == 0


async def test_a_mall_belongs_to_one_organisation_until_it_is_disconnected(
    connections: Connections, organisations: Organisations, owner: Member
) -> None:
    other = await organisations.create(
        name="둘", slug="two", owner=UserId(new_uuid()), owner_name="나", owner_email="b@example.com", trace_id="t"
    )
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    with pytest.raises(SangdamError) as caught:
        await connections.connect(other.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    assert caught.value.code == "MALL_TAKEN"
    await connections.disconnect(owner.org, by=owner.user, trace_id="t")
    gone = await connections.read(owner.org)
    assert gone is not None
    assert (gone.pair, gone.status, gone.version) == (None, "revoked", 2)
    assert (
        await connections.connect(other.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    ).status == "connected"


async def test_reconnecting_keeps_shop_and_board(connections: Connections, owner: Member) -> None:
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")
    await connections.configure(owner.org, shop_no=2, board_no=9, by=owner.user, trace_id="t")
    again = await connections.connect(owner.org, mall_id="moonlight", pair=NEXT, by=owner.user, trace_id="t")
    assert (again.shop_no, again.board_no, again.version) == (2, 9, 2)
    elsewhere = await connections.connect(owner.org, mall_id="sunlight", pair=NEXT, by=owner.user, trace_id="t")
    assert (elsewhere.shop_no, elsewhere.board_no) == (1, None)


async def test_another_provider_written_meanwhile_is_not_lost(
    connections: Connections, owner: Member, database: Database
) -> None:
    await connections.connect(owner.org, mall_id="moonlight", pair=PAIR, by=None, trace_id="t")

    async def write(number: int) -> None:
        async with database.org(owner.org) as tx:
            await tx.execute(
                "update a_iam_auth_settings set providers = jsonb_set(providers, '{solapi}', $1::jsonb)", {"n": number}
            )

    await asyncio.gather(
        *(write(n) for n in range(5)), connections.apply(owner.org, 1, NEXT, trigger="call", run_id=None, trace_id="t")
    )
    async with database.org(owner.org) as tx:
        providers = await tx.fetchval("select providers from a_iam_auth_settings")
    assert "solapi" in providers
    assert providers["cafe24"]["token_version"] == 2
