"""Connecting a foreign server: what an admin does, what is stored, what a server that misbehaves brings about."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import pytest
from mcp import types
from tests.tools.abroad import TRACE, Abroad, a_gate
from tests.tools.stranger import PARCEL, POINTS, SECRET, Stranger, a_tool, serving
from tests.tools.world import World

from sangdam.core.errors import SangdamError
from sangdam.db.database import ForeignKeyViolation
from sangdam.orgs import Role
from sangdam.tools.external import Change, Decision
from sangdam.tools.external.servers import MOST_SERVERS
from sangdam.tools.model import Conditions, Denied, MaskingRules
from sangdam.tools.policy import PolicyRow


@pytest.fixture
async def abroad(world: World) -> AsyncIterator[Abroad]:
    async with serving(Stranger()) as stranger:
        yield a_gate(world, stranger)


async def code_of(work: Any) -> str:
    with pytest.raises(SangdamError) as refused:
        await work
    assert SECRET not in str(refused.value)
    return refused.value.code


async def events(world: World) -> list[dict[str, Any]]:
    async with world.db.org(world.org) as tx:
        rows = await tx.fetch(
            "select actor, payload from f_audit_events where event_type = 'POLICY_CHANGED' order by chain_seq"
        )
    return [{"by": row["actor"]["kind"], **row["payload"]} for row in rows]


async def stored(world: World) -> list[dict[str, Any]]:
    async with world.db.org(world.org) as tx:
        return [dict(row.items()) for row in await tx.fetch("select * from c_mcp_servers order by name")]


# Register


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("as_json", [False, True])
async def test_a_server_is_registered_with_its_tools_in_both_revisions_and_both_kinds_of_answer(
    world: World, legacy: bool, as_json: bool
) -> None:
    async with serving(Stranger(legacy=legacy, as_json=as_json)) as stranger:
        abroad = a_gate(world, stranger)
        row = await abroad.register()
    assert (row.status, row.version, row.protocol) == ("active", 1, "legacy" if legacy else "2026-07-28")
    assert set(row.tools) == {"add_points", "track"}
    assert row.last_seen_at == row.listed_at == world.clock.now()
    assert await abroad.servers.list(world.org) == (row,)


async def test_the_secret_is_sealed_for_its_row_and_sent_to_its_server_only(abroad: Abroad) -> None:
    await abroad.register()
    (kept,) = await stored(abroad.world)
    assert SECRET not in str(kept)
    opened = abroad.world.keyring.open(
        kept["secret"], table="c_mcp_servers", column="secret", org=abroad.world.org, row=kept["id"]
    )
    assert opened == SECRET
    assert {seen.headers["authorization"] for seen in abroad.stranger.seen} == {f"Bearer {SECRET}"}
    assert await events(abroad.world) == [
        {
            "by": "member", "server": "shop", "change": "registered", "host": "127.0.0.1", "with_secret": True, "tools": ["add_points", "track"], "left_out": 0,
        }
    ]  # fmt: skip


async def test_a_server_without_a_secret_is_told_none(world: World) -> None:
    async with serving(Stranger(secret=None)) as stranger:
        abroad = a_gate(world, stranger)
        row = await abroad.register(secret=None)
    assert row.secret is None
    assert all("authorization" not in seen.headers for seen in stranger.seen)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.PENDING])
async def test_only_owners_and_admins_have_to_do_with_servers(abroad: Abroad, role: Role) -> None:
    await abroad.register()
    by, servers = abroad.admin(role=role), abroad.servers
    for work in (
        servers.register(by, name="other", url=abroad.stranger.url, secret=SECRET, trace_id=TRACE),
        servers.refresh(by, "shop", trace_id=TRACE),
        servers.change(by, "shop", Change(status="disabled"), expected=1, trace_id=TRACE),
        servers.allow(by, "shop", "track", "0" * 64, trace_id=TRACE),
        servers.remove(by, "shop", expected=1, trace_id=TRACE),
    ):
        assert await code_of(work) == "FORBIDDEN"
    assert len(abroad.stranger.seen) == 2


@pytest.mark.parametrize(
    "name", ["", "a", "A1", "1shop", "shop!", "a" * 32, "sh op", "shop/x", "cafe24", "sangdam", "mcp", "샵"]
)
async def test_a_name_of_another_shape_or_one_of_ours_is_refused(abroad: Abroad, name: str) -> None:
    assert await code_of(abroad.register(name)) == "INVALID_PARAMS"
    assert abroad.stranger.seen == []


async def test_a_name_belongs_to_one_server_of_an_organisation(abroad: Abroad) -> None:
    await abroad.register()
    assert await code_of(abroad.register()) == "CONFLICT"
    other = await abroad.register(by=abroad.admin(abroad.world.other))
    assert [row.id for row in await abroad.servers.list(abroad.world.other)] == [other.id]
    assert len(await stored(abroad.world)) == 1


async def test_an_organisation_has_a_bounded_number_of_servers(abroad: Abroad) -> None:
    for number in range(MOST_SERVERS):
        await abroad.register(f"shop{number}")
    assert await code_of(abroad.register("one-too-many")) == "CONFLICT"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/mcp", "https://localhost/mcp", "https://169.254.169.254/latest/meta-data", "https://10.0.0.1/", "https://u:p@tools.example.com/", "nonsense"],
)  # fmt: skip
async def test_an_address_that_is_not_public_is_refused_without_a_connection(abroad: Abroad, url: str) -> None:
    assert await code_of(abroad.register(url=url)) == "INVALID_PARAMS"
    assert await stored(abroad.world) == []


@pytest.mark.parametrize("secret", ["", "with space", "line\r\nx-injected: 1", "한글", "x" * 5000])
async def test_a_secret_that_could_end_a_header_is_refused(abroad: Abroad, secret: str) -> None:
    assert await code_of(abroad.register(secret=secret)) == "INVALID_PARAMS"
    assert abroad.stranger.seen == []


async def test_a_name_that_resolves_to_a_private_address_is_refused(world: World) -> None:
    async def private(host: str, port: int) -> tuple[str, ...]:
        return ("169.254.169.254",)

    async with serving(Stranger()) as stranger:
        abroad = a_gate(world, stranger, resolve=private)
        assert await code_of(abroad.register(url="https://tools.example.com/mcp")) == "CONFIG_ERROR"
    assert (await stored(world), stranger.seen) == ([], [])


UNLISTED = {
    "status:401": "CONFIG_ERROR", "status:403": "CONFIG_ERROR", "status:500": "EXTERNAL_UNAVAILABLE", "status:503": "EXTERNAL_UNAVAILABLE", "status:404": "EXTERNAL_REJECTED",
    "status:429": "EXTERNAL_REJECTED", "redirect:http://169.254.169.254/latest": "EXTERNAL_ERROR", "redirect:/elsewhere": "EXTERNAL_ERROR", "accepted": "EXTERNAL_ERROR",
    "html": "EXTERNAL_ERROR", "not_json": "EXTERNAL_ERROR", "gzip": "EXTERNAL_ERROR", "huge": "EXTERNAL_ERROR", "cut_before": "EXTERNAL_UNAVAILABLE",
}  # fmt: skip


async def test_what_cannot_be_listed_is_not_registered(abroad: Abroad) -> None:
    for fault, code in UNLISTED.items():
        abroad.stranger.faults["tools/list"] = fault
        assert await code_of(abroad.register()) == code, fault
    assert await stored(abroad.world) == []
    assert {seen.path for seen in abroad.stranger.seen} == {"/mcp"}


async def test_a_wrong_secret_registers_nothing(abroad: Abroad) -> None:
    assert await code_of(abroad.register(secret="another-secret")) == "CONFIG_ERROR"
    assert await stored(abroad.world) == []


async def test_a_server_that_is_not_there_registers_nothing(world: World) -> None:
    async with serving(Stranger()) as stranger:
        pass
    assert await code_of(a_gate(world, stranger).register()) == "EXTERNAL_UNAVAILABLE"


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_a_server_that_does_not_come_to_an_end_is_given_up(
    abroad: Abroad, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sangdam.tools.external.servers.LISTING_SECONDS", 0.4)
    abroad.stranger.faults["tools/list"] = fault
    assert await code_of(abroad.register()) == "EXTERNAL_TIMEOUT"


async def test_more_tools_than_anybody_needs_are_refused(abroad: Abroad) -> None:
    abroad.stranger.tools = [a_tool(f"t{number}", POINTS) for number in range(101)]
    assert await code_of(abroad.register()) == "EXTERNAL_ERROR"


async def test_a_tool_that_is_not_usable_is_left_out_and_told(abroad: Abroad) -> None:
    strange = {"type": "object", "properties": {"customer_verification_token": {"type": "string"}}}
    abroad.stranger.tools = [a_tool("track", PARCEL), a_tool("thief", strange), a_tool("not/a name", PARCEL)]
    row = await abroad.register()
    assert set(row.tools) == {"track"}
    assert [left.name for left in row.left_out] == ["thief", "not/a name"]
    assert "customer_verification_token" in row.left_out[0].reason


# Policies


async def test_a_policy_names_a_tool_of_a_server_of_the_same_organisation(abroad: Abroad) -> None:
    for tool in ("shop/track", "shop/nothing", "other/track", "shop/", "/track", "nothing"):
        assert await code_of(abroad.allow(tool)) == "NOT_FOUND", tool
    await abroad.register()
    await abroad.allow("shop/track")
    for tool in ("shop/nothing", "other/track", "shop/", "/track"):
        assert await code_of(abroad.allow(tool)) == "NOT_FOUND", tool
    assert await code_of(abroad.allow("shop/track", by=abroad.admin(abroad.world.other))) == "NOT_FOUND"


async def test_the_database_itself_refuses_a_policy_of_a_tool_nobody_has(abroad: Abroad) -> None:
    await abroad.register()
    world = abroad.world
    for org, tool in (
        (world.org, "shop/nothing"),
        (world.other, "shop/track"),
        (world.org, "track"),
        (world.org, "/track"),
    ):
        with pytest.raises(ForeignKeyViolation):
            async with world.db.org(org) as tx:
                await tx.execute("insert into c_mcp_tool_policies (org_id, tool_name) values ($1, $2)", org, tool)
    async with world.db.org(world.org) as tx:
        await tx.execute("insert into c_mcp_tool_policies (org_id, tool_name) values ($1, 'shop/track')", world.org)


# Refresh


async def test_listing_again_without_news_changes_nothing_but_the_time(abroad: Abroad) -> None:
    before = await abroad.register()
    abroad.world.clock.move(hours=1)
    after = await abroad.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)
    assert (after.version, after.tools, after.listed_at) == (before.version, before.tools, abroad.world.clock.now())
    assert len(await events(abroad.world)) == 1


async def test_a_changed_tool_is_switched_off_and_said_to_be(abroad: Abroad) -> None:
    await abroad.register()
    await abroad.allow("shop/track")
    abroad.stranger.tools = [a_tool("track", PARCEL, description="Now it does something else"), a_tool("new", PARCEL)]
    after = await abroad.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)
    assert {name: tool.state for name, tool in after.tools.items()} == {"track": "changed", "new": "on"}
    assert after.version == 2
    assert (await events(abroad.world))[-1] == {
        "by": "member", "server": "shop", "change": "listed", "tools": 2, "left_out": 0, "added": ["new"], "switched_off": ["add_points", "track"],
    }  # fmt: skip
    assert await abroad.servers.find(abroad.world.org, "shop/track") is None
    assert [tool.name for tool in await abroad.servers.tools(abroad.world.org)] == ["shop/new"]


async def test_what_a_tool_has_become_is_allowed_by_its_digest(abroad: Abroad) -> None:
    await abroad.register()
    abroad.stranger.tools = [a_tool("track", PARCEL, description="Now it does something else")]
    row = await abroad.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)
    digest = row.tools["track"].present_digest
    assert digest is not None
    by, servers = abroad.admin(), abroad.servers
    assert (
        await code_of(servers.allow(by, "shop", "track", row.tools["track"].allowed_digest or "", trace_id=TRACE))
        == "CONFLICT"
    )
    assert await code_of(servers.allow(by, "shop", "nothing", digest, trace_id=TRACE)) == "NOT_FOUND"
    assert await code_of(servers.allow(by, "other", "track", digest, trace_id=TRACE)) == "NOT_FOUND"
    assert (
        await code_of(servers.allow(abroad.admin(abroad.world.other), "shop", "track", digest, trace_id=TRACE))
        == "NOT_FOUND"
    )
    after = await servers.allow(by, "shop", "track", digest, trace_id=TRACE)
    assert after.tools["track"].state == "on"
    assert await servers.allow(by, "shop", "track", digest, trace_id=TRACE) == after
    assert [event["change"] for event in await events(abroad.world)] == ["registered", "listed", "allowed"]


async def test_a_server_that_fails_is_failing_until_it_answers(abroad: Abroad) -> None:
    await abroad.register()
    abroad.stranger.faults["tools/list"] = "status:500"
    assert await code_of(abroad.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)) == "EXTERNAL_UNAVAILABLE"
    (row,) = await abroad.servers.list(abroad.world.org)
    assert (row.status, row.version) == ("failing", 1)
    stays = await abroad.servers.change(abroad.admin(), "shop", Change(status="active"), expected=1, trace_id=TRACE)
    assert stays.status == "failing"
    abroad.stranger.faults.clear()
    assert (await abroad.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)).status == "active"


async def test_an_address_the_operator_lets_through_no_more_is_not_visited_again(abroad: Abroad) -> None:
    await abroad.register()
    seen = len(abroad.stranger.seen)
    stricter = a_gate(abroad.world, abroad.stranger, allow=[])
    assert await code_of(stricter.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)) == "CONFIG_ERROR"
    assert len(abroad.stranger.seen) == seen


# Decide


@pytest.mark.parametrize(
    ("decision", "shown"),
    [
        (Decision(assurance="CLAIMED"), ("write", "CLAIMED", True)),
        (Decision(confirmation=False), ("write", "VERIFIED", False)),
        (Decision(effect="read"), ("read", "VERIFIED", False)),
        (Decision(effect="read", assurance="ANONYMOUS", confirmation=False), ("read", "ANONYMOUS", False)),
    ],
)
async def test_an_admin_relaxes_one_tool_and_nothing_else(
    abroad: Abroad, decision: Decision, shown: tuple[str, str, bool]
) -> None:
    await abroad.register()
    row = await abroad.servers.change(
        abroad.admin(), "shop", Change(tools={"track": decision}), expected=1, trace_id=TRACE
    )
    track, other = row.tools["track"], row.tools["add_points"]
    assert (track.effect, track.assurance, track.confirmation) == shown
    assert (other.effect, other.assurance, other.confirmation) == ("write", "VERIFIED", True)
    said = (await events(abroad.world))[-1]
    assert (said["change"], said["after"]["tools"]["track"]["effect"]) == ("changed", shown[0])
    assert said["before"]["tools"] == {"track": {"effect": "write", "assurance": "VERIFIED", "confirmation": True}}


async def test_a_hint_of_the_server_relaxes_nothing(abroad: Abroad) -> None:
    abroad.stranger.tools = [
        a_tool("track", PARCEL, annotations=types.ToolAnnotations(read_only_hint=True, destructive_hint=False))
    ]
    track = (await abroad.register()).tools["track"]
    assert (track.effect, track.assurance, track.confirmation) == ("write", "VERIFIED", True)
    assert track.hints.read_only is True


async def test_a_change_needs_the_present_version_and_makes_sense(abroad: Abroad) -> None:
    await abroad.register()
    by, servers = abroad.admin(), abroad.servers
    nonsense = Change(tools={"track": Decision(effect="read", confirmation=True)})
    assert await code_of(servers.change(by, "shop", nonsense, expected=1, trace_id=TRACE)) == "INVALID_PARAMS"
    unknown = Change(tools={"nothing": Decision(effect="read")})
    assert await code_of(servers.change(by, "shop", unknown, expected=1, trace_id=TRACE)) == "NOT_FOUND"
    assert (
        await code_of(servers.change(by, "shop", Change(status="disabled"), expected=2, trace_id=TRACE)) == "CONFLICT"
    )
    assert (
        await code_of(servers.change(by, "other", Change(status="disabled"), expected=1, trace_id=TRACE)) == "NOT_FOUND"
    )
    strangers = abroad.admin(abroad.world.other)
    assert (
        await code_of(servers.change(strangers, "shop", Change(status="disabled"), expected=1, trace_id=TRACE))
        == "NOT_FOUND"
    )
    assert (await servers.list(abroad.world.org))[0].version == 1


async def test_a_new_secret_takes_the_place_of_the_old_one(abroad: Abroad) -> None:
    await abroad.register()
    abroad.stranger.secret = "rotated-secret-9876543210"
    assert await code_of(abroad.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)) == "CONFIG_ERROR"
    changed = Change(secret=abroad.stranger.secret)
    await abroad.servers.change(abroad.admin(), "shop", changed, expected=1, trace_id=TRACE)
    assert (await abroad.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)).status == "active"
    forgotten = await abroad.servers.change(
        abroad.admin(), "shop", Change(forget_secret=True), expected=2, trace_id=TRACE
    )
    assert forgotten.secret is None
    assert "rotated-secret" not in str(await events(abroad.world))


async def test_a_disabled_server_has_no_tools(abroad: Abroad) -> None:
    await abroad.register()
    await abroad.allow("shop/track")
    steps: list[tuple[int, Literal["active", "disabled"]]] = [(1, "disabled"), (2, "active")]
    for version, status in steps:
        row = await abroad.servers.change(
            abroad.admin(), "shop", Change(status=status), expected=version, trace_id=TRACE
        )
        assert row.status == status
        tools = [tool.name for tool in await abroad.servers.tools(abroad.world.org)]
        assert tools == ([] if status == "disabled" else ["shop/add_points", "shop/track"])
        outcome = await abroad.call("shop/track", {"number": "12345678901"})
        assert (outcome == Denied("TOOL_NOT_FOUND")) == (status == "disabled")
    await abroad.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)


async def test_listing_a_disabled_server_does_not_enable_it(abroad: Abroad) -> None:
    await abroad.register()
    await abroad.servers.change(abroad.admin(), "shop", Change(status="disabled"), expected=1, trace_id=TRACE)
    assert (await abroad.servers.refresh(abroad.admin(), "shop", trace_id=TRACE)).status == "disabled"


# Remove


async def test_a_removed_server_takes_its_policies_along_and_leaves_its_audit(abroad: Abroad) -> None:
    row = await abroad.register()
    await abroad.register("shop2")
    for tool in ("shop/track", "shop2/track"):
        await abroad.allow(tool)
    await abroad.call("shop/track", {"number": "12345678901"})
    by, servers = abroad.admin(), abroad.servers
    assert await code_of(servers.remove(by, "shop", expected=9, trace_id=TRACE)) == "CONFLICT"
    assert (
        await code_of(servers.remove(abroad.admin(abroad.world.other), "shop", expected=1, trace_id=TRACE))
        == "NOT_FOUND"
    )
    await servers.remove(by, "shop", expected=row.version, trace_id=TRACE)
    assert [left.name for left in await servers.list(abroad.world.org)] == ["shop2"]
    policies: Mapping[str, PolicyRow] = await abroad.policies.list(abroad.world.org)
    assert [name for name in policies if "/" in name] == ["shop2/track"]
    assert [row["tool_name"] for row in await abroad.world.audit()] == ["shop/track"]
    assert (await events(abroad.world))[-1] == {"by": "member", "server": "shop", "change": "removed", "tools": ["add_points", "track"], "policies": 1}  # fmt: skip
    assert await code_of(servers.remove(by, "shop", expected=1, trace_id=TRACE)) == "NOT_FOUND"


async def test_a_server_that_comes_back_under_its_name_is_denied_as_on_the_first_day(abroad: Abroad) -> None:
    await abroad.register()
    await abroad.allow("shop/track")
    await abroad.servers.remove(abroad.admin(), "shop", expected=1, trace_id=TRACE)
    await abroad.register()
    assert await abroad.call("shop/track", {"number": "12345678901"}) == Denied("POLICY_NOT_FOUND")


async def test_a_server_whose_change_is_under_way_is_not_removed(abroad: Abroad) -> None:
    await abroad.register()
    world = abroad.world
    running = "insert into e_ops_effects (org_id, key, tool_name, args_digest, caller, args_sealed, state, lease_until) values ($1, 'k', 'shop/track', 'd', '{}', 's', 'running', $2)"
    async with world.db.org(world.org) as tx:
        await tx.execute(running, world.org, world.clock.now().replace(year=2027))
    assert await code_of(abroad.servers.remove(abroad.admin(), "shop", expected=1, trace_id=TRACE)) == "CONFLICT"
    world.clock.move(days=400)
    await abroad.servers.remove(abroad.admin(), "shop", expected=1, trace_id=TRACE)


# Two organisations


async def test_no_organisation_sees_or_names_the_server_of_another(abroad: Abroad) -> None:
    await abroad.register()
    world = abroad.world
    assert await abroad.servers.list(world.other) == ()
    assert await abroad.servers.tools(world.other) == ()
    assert await abroad.servers.find(world.other, "shop/track") is None
    assert await abroad.servers.find(world.org, "shop/track") is not None
    async with world.db.org(world.other) as tx:
        assert await tx.fetch("select * from c_mcp_servers") == []
        assert await tx.executed("update c_mcp_servers set url = 'https://evil.example/'") == 0
    row = PolicyRow(True, frozenset({"member"}), 1, 1, Conditions(), MaskingRules(), 0)
    work = abroad.policies.change(abroad.admin(world.other), "shop/track", row, expected=None, trace_id=TRACE)
    assert await code_of(work) == "NOT_FOUND"
