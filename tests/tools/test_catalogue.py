"""The registry, its catalogue, policies by default, codes, masks, breakers."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tests.tools.world import NOW, ORDER, Coded, Nothing, RefusedByDatabase, Shop, Told, World, execute, tools_of

from sangdam.db import Database
from sangdam.db.testing import Addresses
from sangdam.tools import CODES, Gate, Registry, check_catalogue, published_schema, seed_policies, sync_catalogue
from sangdam.tools.breaker import Breaker, Closed, Open, Probe, healthy, pause
from sangdam.tools.masking import masked
from sangdam.tools.model import Assurance, Denied, Done, Failed, NeedsConfirmation, Tool, UpstreamCall


async def test_code_and_catalogue_agree_after_a_sync_only(database: Database, addresses: Addresses) -> None:
    registry = Registry(tools_of(Shop()))
    async with database.system() as tx:
        assert len(await check_catalogue(tx, registry)) == len(registry)
    async with await Database.open(addresses.owner, max_size=1) as owner:
        async with owner.system() as tx:
            await sync_catalogue(tx, registry)
            await sync_catalogue(tx, registry)
        async with database.system() as tx:
            assert await check_catalogue(tx, registry) == ()
        await execute(addresses.owner, "update c_mcp_tools set description = 'forged' where name = 'lookup_order'")
        smaller = Registry([tool for tool in tools_of(Shop()) if tool.name != "list_boards"])
        async with database.system() as tx:
            findings = await check_catalogue(tx, smaller)
        assert [line.partition(":")[0] for line in findings] == ["list_boards", "lookup_order"]
        async with owner.system() as tx:
            await sync_catalogue(tx, smaller)
        async with database.system() as tx:
            assert await check_catalogue(tx, smaller) == ()


async def test_the_application_cannot_write_the_catalogue(database: Database) -> None:
    with pytest.raises(RefusedByDatabase):
        async with database.system() as tx:
            await sync_catalogue(tx, Registry(tools_of(Shop())))


class Lax(BaseModel):
    pass


SHOP = Shop()


@pytest.mark.parametrize(
    "wrong",
    [
        [SHOP.tool("a", Nothing), SHOP.tool("a", Nothing)],
        [SHOP.tool("a", Lax)],
        [SHOP.tool("a", Nothing, preview=True)],
        [SHOP.tool("a", Coded, effect="write", unsigned_fields=("other",))],
        [SHOP.tool("a", Coded, effect="write", preview=True, unsigned_fields=("code",))],
    ],
    ids=[
        "two of a name",
        "unknown fields",
        "confirmed read",
        "unknown unsigned field",
        "unsigned field under confirmation",
    ],
)
def test_a_tool_that_contradicts_itself_is_refused(wrong: list[Tool]) -> None:
    with pytest.raises(ValueError, match="a"):
        Registry(wrong)


async def test_default_policies_are_seeded_once_and_not_overwritten(world: World) -> None:
    await world.policy("search_knowledge", is_allowed=False)
    async with world.db.org(world.org) as tx:
        await seed_policies(tx, world.org, world.registry)
        rows = await tx.fetch(
            "select tool_name, is_allowed, allowed_callers, rate_limit_per_min from c_mcp_tool_policies order by tool_name"
        )
    assert len(rows) == len(world.registry)
    assert {row["tool_name"]: row["is_allowed"] for row in rows}["search_knowledge"] is False
    assert all(set(row["allowed_callers"]) == {"agent", "member", "mcp"} for row in rows)


def test_the_published_schema_names_what_belongs_to_the_call() -> None:
    registry = Registry(tools_of(Shop()))
    lookup, handoff = registry.find("lookup_order"), registry.find("cafe24:create_handoff")
    assert lookup is not None
    assert handoff is not None
    assert set(published_schema(lookup)["properties"]) == {"order_id", "customer_verification_token"}
    assert set(published_schema(handoff)["properties"]) == {"idempotency_key"}
    assert published_schema(lookup)["additionalProperties"] is False


def test_the_list_of_codes_is_closed_and_complete() -> None:
    assert len(CODES) == 55
    for code in CODES.values():
        assert 400 <= code.http < 600
        assert re.fullmatch(r"[A-Z][A-Z0-9_]+", code.code)
        assert code.wording is None or re.fullmatch(r"W-[A-Z]+", code.wording)
        assert code.hint.endswith(("요.", "요"))


def test_no_code_is_spelled_that_the_list_does_not_know() -> None:
    source = Path(__file__).parents[2] / "src" / "sangdam" / "tools"
    spelled = {
        match[1]
        for path in source.glob("*.py")
        for match in re.finditer(r'(?:Denied|Failed|Invalid|Unknown)\("([A-Z0-9_]+)"', path.read_text(encoding="utf-8"))
    }
    assert spelled
    assert spelled <= set(CODES)


@pytest.mark.parametrize(
    ("value", "expected", "touched"),
    [
        ({"cellphone": "01012345678"}, {"cellphone": "010-****-5678"}, {"cellphone"}),
        ({"a": [{"b": [{"phone": "010-1234-5678"}]}]}, {"a": [{"b": [{"phone": "010-****-5678"}]}]}, {"phone"}),
        ({"code": "123456"}, {"code": "***"}, {"code"}),
        ({"code": 123456}, {"code": "***"}, {"code"}),
        ({"code": "OTP_INVALID"}, {"code": "OTP_INVALID"}, set[str]()),
        ({"order_id": ORDER}, {"order_id": ORDER}, set[str]()),
        ({"order_id": "01012345678"}, {"order_id": "010-****-5678"}, {"order_id"}),
        ({"tracking_no": "690012340012"}, {"tracking_no": "6900****0012"}, {"tracking_no"}),
        ({"n": 1012345678}, {"n": "***"}, {"n"}),
        ({"n": 3, "ok": True, "none": None}, {"n": 3, "ok": True, "none": None}, set[str]()),
        (
            {"address_text": "서울특별시 강남구 테헤란로 152"},
            {"address_text": "서울특별시 강남구 ***"},
            {"address_text"},
        ),
        ({"shade": "비밀"}, {"shade": "***"}, {"shade"}),
    ],
)
def test_masks_reach_any_depth(value: dict[str, Any], expected: dict[str, Any], touched: set[str]) -> None:
    assert masked(value, frozenset({"shade"})) == (expected, touched)


async def test_an_org_can_add_masks(world: World) -> None:
    await world.policy("search_knowledge", masking_rules={"fields": ["text"]})
    assert isinstance(await world.gate.call(world.agent(), "search_knowledge", {}), Done)
    row = await world.last()
    assert row["response_payload"]["result"]["text"] == "***"
    assert row["masked_fields"] == ["text"]


# Breakers


def test_a_breaker_judges_by_the_clock() -> None:
    until = NOW + timedelta(seconds=30)
    assert Breaker().judge(NOW) == Closed()
    assert Breaker("open", 5, until).judge(NOW) == Open(30.0)
    assert Breaker("open", 5, until).judge(until) == Probe()
    assert Breaker("half_open", 5, until).judge(NOW) == Open(30.0)
    assert Breaker("half_open", 5, until).judge(until) == Probe()


def test_the_pause_doubles_to_five_minutes() -> None:
    assert [pause(n).total_seconds() for n in (5, 6, 7, 8, 9, 10, 100)] == [30, 60, 120, 240, 300, 300, 300]


@pytest.mark.parametrize(
    ("outcome", "status", "verdict"),
    [
        (Done({}), 200, True),
        (Failed("CAFE24_REJECTED"), 422, True),
        (Failed("CAFE24_RATE_LIMITED"), 429, True),
        (Failed("CAFE24_UNAVAILABLE"), 503, False),
        (Failed("CAFE24_TIMEOUT"), None, False),
        (Failed("CAFE24_ERROR"), 500, False),
    ],
)
def test_answers_below_500_never_count(outcome: Any, status: int | None, verdict: bool) -> None:
    assert healthy(outcome, [UpstreamCall("GET /x", status, 1, 1)]) is verdict
    assert healthy(Failed("CONFIG_ERROR"), []) is None


CHANGE = "update_order_shipping_address"


async def look_up(world: World, gate: Gate | None = None) -> Any:
    return await (gate or world.gate).call(world.verified(), "lookup_order", {"order_id": ORDER})


async def test_a_breaker_opens_after_five_failures_probes_and_closes(world: World) -> None:
    world.shop.ends["lookup_order"] = Failed("CAFE24_UNAVAILABLE", retryable=True)
    for _ in range(5):
        world.clock.move(seconds=5)
        assert (await look_up(world)).code == "CAFE24_UNAVAILABLE"
    assert await look_up(world) == Denied("CIRCUIT_OPEN", 30.0)
    assert isinstance(await world.gate.call(world.agent(), "search_knowledge", {}), Done)
    assert len(world.shop.runs) == 6
    world.clock.move(seconds=30)
    assert (await look_up(world)).code == "CAFE24_UNAVAILABLE"
    assert await look_up(world) == Denied("CIRCUIT_OPEN", 60.0)
    world.clock.move(seconds=60)
    world.shop.ends["lookup_order"] = Told(text="됐어요")
    world.shop.upstream["lookup_order"] = UpstreamCall("GET /orders/{id}", 200, 3, 1)
    assert isinstance(await look_up(world), Done)
    assert isinstance(await look_up(world), Done)
    async with world.db.org(world.org) as tx:
        events = [
            row["event_type"] for row in await tx.fetch("select event_type from f_audit_events order by chain_seq")
        ]
    assert events == ["BREAKER_OPENED", "BREAKER_CLOSED"]


async def test_failures_further_apart_than_a_minute_do_not_open(world: World) -> None:
    world.shop.ends["lookup_order"] = Failed("CAFE24_TIMEOUT", retryable=True)
    for _ in range(8):
        world.clock.move(seconds=16)
        assert (await look_up(world)).code == "CAFE24_TIMEOUT"


async def test_one_caller_probes_at_a_time(world: World) -> None:
    world.shop.ends["lookup_order"] = Failed("CAFE24_TIMEOUT", retryable=True)
    for _ in range(5):
        await look_up(world)
    world.clock.move(seconds=30)
    outcomes = await asyncio.gather(*(look_up(world) for _ in range(6)))
    assert [outcome.code for outcome in outcomes].count("CAFE24_TIMEOUT") == 1
    assert len(world.shop.runs) == 6


async def look_ahead(world: World) -> Any:
    """The first call of a write that a person has to confirm."""
    change = {"order_id": ORDER, "zipcode": "06236"}
    return await world.gate.call(world.verified(), CHANGE, change, key=f"conv:{world.session}:run:{CHANGE}")


async def test_what_a_preview_meets_counts_too(world: World) -> None:
    world.shop.ends[f"{CHANGE}.preview"] = Failed("CAFE24_TIMEOUT", retryable=True)
    for _ in range(5):
        assert (await look_ahead(world)).code == "CAFE24_TIMEOUT"
    assert await look_ahead(world) == await look_up(world) == Denied("CIRCUIT_OPEN", 30.0)
    world.clock.move(seconds=30)
    outcomes = await asyncio.gather(*(look_ahead(world) for _ in range(4)))
    assert [outcome.code for outcome in outcomes].count("CAFE24_TIMEOUT") == 1, "one tries at a time"
    assert (await look_ahead(world)).retry_after == 60.0
    world.clock.move(seconds=60)
    del world.shop.ends[f"{CHANGE}.preview"]
    world.shop.upstream[f"{CHANGE}.preview"] = UpstreamCall("GET /orders/{id}", 200, 3, 1)
    assert isinstance(await look_ahead(world), NeedsConfirmation)
    assert isinstance(await look_up(world), Done)


async def test_another_side_that_fails_on_the_way_is_not_this_one(world: World) -> None:
    world.shop.ends["lookup_order"] = Failed("ADDRESS_SEARCH_FAILED", retryable=True)
    world.shop.upstream["lookup_order"] = UpstreamCall("POST addrLinkApi", 503, 3, 1, "juso")
    for _ in range(7):
        assert (await look_up(world)).code == "ADDRESS_SEARCH_FAILED"


async def test_the_breaker_of_one_organisation_is_not_that_of_another(world: World) -> None:
    from dataclasses import replace

    world.shop.ends["lookup_order"] = Failed("CAFE24_TIMEOUT", retryable=True)
    for _ in range(5):
        await look_up(world)
    other = replace(world.verified(), org=world.other, grants=(world.grant(org=world.other),))
    outcome = await world.gate.call(other, "lookup_order", {"order_id": ORDER})
    assert isinstance(outcome, Failed)


def test_assurances_are_ordered() -> None:
    assert Assurance.ANONYMOUS < Assurance.CLAIMED < Assurance.VERIFIED
