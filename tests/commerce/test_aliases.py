"""The shop's own names of its products, on the real Postgres."""

import pytest
from tests.commerce.goods import NOW
from tests.commerce.world import an_org

from sangdam.commerce import Aliases
from sangdam.core.clock import SettableClock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId, new_uuid
from sangdam.db import Database


@pytest.fixture
def aliases(database: Database) -> Aliases:
    return Aliases(database)


@pytest.fixture
async def org(database: Database) -> OrgId:
    return await an_org(database, SettableClock(NOW))


async def test_what_is_added_is_found_listed_and_removed(aliases: Aliases, org: OrgId) -> None:
    added = await aliases.add(org, "  여름   셔츠 ", 101, variant_code="P0000BCD000A", priority=5)
    assert (added.alias, added.key, added.product_no, added.variant_code) == (
        "여름 셔츠",
        "여름셔츠",
        101,
        "P0000BCD000A",
    )
    assert (added.match, added.priority, added.is_active) == ("exact", 5, True)
    assert await aliases.all(org) == (added,)
    for spelling in ("여름셔츠", "여름 셔츠!", "여 름 셔 츠"):
        assert await aliases.find(org, [spelling]) == (added,)
    assert await aliases.find(org, ["여름 셔츠 둘"]) == ()
    assert await aliases.remove(org, added.id)
    assert not await aliases.remove(org, added.id)
    assert await aliases.find(org, ["여름셔츠"]) == await aliases.all(org) == ()


async def test_an_exact_alias_comes_before_every_contained_one(aliases: Aliases, org: OrgId) -> None:
    contained = await aliases.add(org, "셔츠", 102, match="contains", priority=1)
    exact = await aliases.add(org, "여름 셔츠", 101)
    assert await aliases.find(org, ["여름 셔츠"]) == (exact,)
    assert await aliases.find(org, ["겨울 셔츠"]) == (contained,)
    assert await aliases.find(org, ["겨울 셔츠", "여름셔츠"]) == (exact,)
    assert await aliases.find(org, ["바지"]) == await aliases.find(org, []) == await aliases.find(org, ["?"]) == ()


async def test_priority_decides_and_then_length(aliases: Aliases, org: OrgId) -> None:
    names = {"가나": 100, "가나다": 100, "가나다라": 101, "다라": 99}
    for product_no, (name, priority) in enumerate(names.items(), 1):
        await aliases.add(org, name, product_no, match="contains", priority=priority)
    found = await aliases.find(org, ["가나다라마"])
    assert [alias.alias for alias in found] == ["다라", "가나다", "가나", "가나다라"]


async def test_an_alias_stands_once_per_way_of_matching(aliases: Aliases, org: OrgId) -> None:
    await aliases.add(org, "셔츠", 101)
    await aliases.add(org, "셔츠", 102, match="contains")
    with pytest.raises(SangdamError) as taken:
        await aliases.add(org, "셔 츠", 103)
    assert (taken.value.kind, taken.value.code) == (Kind.CONFLICT, "ALIAS_TAKEN")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"alias": ""}, "alias"),
        ({"alias": " ?! "}, "alias"),
        ({"alias": "가" * 61}, "alias"),
        ({"alias": "가", "match": "contains"}, "alias"),
        ({"product_no": 0}, "product_no"),
        ({"product_no": 10**9}, "product_no"),
        ({"variant_code": "P0000BCD000"}, "variant_code"),
        ({"variant_code": "p0000bcd000a"}, "variant_code"),
        ({"priority": 0}, "priority"),
        ({"priority": 1001}, "priority"),
    ],
)
async def test_what_is_no_alias_is_refused(aliases: Aliases, org: OrgId, given: dict[str, object], field: str) -> None:
    arguments: dict[str, object] = {"alias": "셔츠", "product_no": 101, **given}
    with pytest.raises(SangdamError) as wrong:
        await aliases.add(org, **arguments)  # pyright: ignore[reportArgumentType]
    assert (wrong.value.kind, wrong.value.fields) == (Kind.INVALID_PARAMS, (field,))
    assert await aliases.all(org) == ()


async def test_what_may_just_be_an_alias(aliases: Aliases, org: OrgId) -> None:
    await aliases.add(org, "가", 1, priority=1)
    await aliases.add(org, "나" + "다라" * 29 + "마", 10**9 - 1, priority=1000)
    await aliases.add(org, "가나", 2, match="contains")
    assert len(await aliases.all(org)) == 3


async def test_an_alias_that_is_off_is_not_found(aliases: Aliases, org: OrgId, database: Database) -> None:
    await aliases.add(org, "셔츠", 101)
    async with database.org(org) as tx:
        await tx.execute("update g_com_product_aliases set is_active = false")
    assert await aliases.find(org, ["셔츠"]) == ()
    assert [alias.is_active for alias in await aliases.all(org)] == [False]


async def test_another_org_s_aliases_are_not_seen_and_not_removed(aliases: Aliases, org: OrgId, database: Database) -> None:  # fmt: skip
    mine = await aliases.add(org, "셔츠", 101)
    other = await an_org(database, SettableClock(NOW))
    assert await aliases.find(other, ["셔츠"]) == await aliases.all(other) == ()
    assert not await aliases.remove(other, mine.id)
    await aliases.add(other, "셔츠", 7)
    assert await aliases.all(org) == (mine,)
    assert not await aliases.remove(org, new_uuid())
    async with database.org(other) as tx:
        assert await tx.fetchval("select count(*) from g_com_product_aliases") == 1, "row security alone hides it"
