"""tools.md §4.18: what a phone waits for, and no longer waiting; each success and each refusal, through the gate."""

import asyncio
from typing import Any

import pytest
from tests.commerce.goods import HANEUL, SEOJUN
from tests.restock.desk import CANCEL, LIST, SOLD_OUT, Desk

from sangdam.core.ids import SessionId, new_uuid
from sangdam.tools.model import Assurance, Done, Failed, Invalid, NeedsConfirmation, NeedsVerification, Unknown

NIT, LAMP = 117, 143
"""Two more products that are sold out."""


async def notice(desk: Desk, subscription: str, n: int, status: str, message: str | None = None) -> None:
    """As the dispatcher leaves it: a notice, and its message in the outbox where there is one."""
    outbox = None
    if message is not None:
        outbox = new_uuid()
        await desk.execute(
            """
            insert into e_ops_outbox (id, org_id, kind, channel, dedupe_key, destination, destination_hash, destination_masked, due_at, status, claimed_by, claimed_until)
            values ($1, $2, 'restock', 'sms', $3, '', '', '010-****-1234', $4, $5, $6, $4)
            """,
            outbox, desk.org, f"restock:{subscription}:stock:{SOLD_OUT}:*:{n}", desk.clock.now(), message,
            "worker-1" if message in ("claimed", "sending") else None,
        )  # fmt: skip
    await desk.execute(
        """
        insert into g_com_restock_notices (org_id, subscription_id, event_key, due_at, status, outbox_id, created_at, updated_at)
        values ($1, $2::text::uuid, $3, $4, $5, $6, $4, $4)
        """,
        desk.org, subscription, f"stock:{SOLD_OUT}:*:{n}", desk.clock.now(), status, outbox,
    )  # fmt: skip


async def notices(desk: Desk) -> dict[str, str]:
    rows = await desk.rows("select event_key, status from g_com_restock_notices")
    return {row["event_key"].rpartition(":")[2]: row["status"] for row in rows}


async def messages(desk: Desk) -> dict[str, str]:
    rows = await desk.rows("select dedupe_key, status from e_ops_outbox")
    return {row["dedupe_key"].rpartition(":")[2]: row["status"] for row in rows}


# Listing


async def test_what_a_phone_waits_for_is_listed_in_any_conversation_the_oldest_first(desk: Desk) -> None:
    first = await desk.subscribe(trigger_type="restock_at", restock_at="2026-03-24", lead_days=[1])
    began = desk.clock.now()
    desk.clock.move(minutes=4)
    second = await desk.subscribe(NIT)
    await desk.subscribe(LAMP, caller=desk.shopper(SEOJUN))
    desk.session = SessionId(new_uuid())
    one, two = await desk.listed()
    assert one == {
        "n": 1,
        "subscription_id": first["subscription_id"],
        "product_name": "코튼 맨투맨",
        "option_label": None,
        "trigger_type": "restock_at",
        "restock_at": "2026-03-24",
        "status": "active",
        "created_at": began.isoformat().replace("+00:00", "Z"),
        "last_notified_at": None,
        "last_notice": None,
    }
    assert (two["n"], two["subscription_id"], two["product_name"]) == (2, second["subscription_id"], "니트 원피스")


async def test_what_became_of_the_last_message_is_told(desk: Desk) -> None:
    told = await desk.subscribe()
    await notice(desk, told["subscription_id"], 1, "failed")
    await notice(desk, told["subscription_id"], 2, "planned")
    assert (await desk.listed())[0]["last_notice"]["status"] == "failed"
    desk.clock.move(minutes=1)
    await notice(desk, told["subscription_id"], 3, "unknown")
    await desk.execute("update g_com_restock_subscriptions set status = 'paused'")
    (one,) = await desk.listed()
    assert (one["status"], one["last_notice"]["status"]) == ("paused", "unknown")


@pytest.mark.parametrize("ended", ["completed", "expired"])
async def test_what_is_over_is_not_listed(desk: Desk, ended: str) -> None:
    told = await desk.subscribe()
    await desk.execute("update g_com_restock_subscriptions set status = $1", ended)
    assert await desk.listed() == []
    assert await desk.code(CANCEL, subscription_id=told["subscription_id"]) == "SUBSCRIPTION_NOT_FOUND"
    assert await desk.code(CANCEL, all=True) == "SUBSCRIPTION_NOT_FOUND"


async def test_the_last_day_is_still_one(desk: Desk) -> None:
    told = await desk.subscribe()
    desk.clock.move(days=365)
    assert len(await desk.listed()) == 1
    desk.clock.move(days=1)
    assert await desk.listed() == []
    assert await desk.code(CANCEL, subscription_id=told["subscription_id"]) == "SUBSCRIPTION_NOT_FOUND"


async def test_list_and_stop_work_without_mall_and_sms(desk: Desk) -> None:
    told = await desk.subscribe()
    desk.connected = desk.sms = False
    desk.fault("/products", status=503)
    assert len(await desk.listed()) == 1
    assert await desk.told(CANCEL, subscription_id=told["subscription_id"]) == {"canceled": [told["subscription_id"]], "too_late": 0}  # fmt: skip


async def test_nobody_else_sees_it(desk: Desk) -> None:
    await desk.subscribe()
    assert await desk.listed(desk.shopper(SEOJUN)) == []
    assert await desk.listed(desk.stranger()) == []
    assert await desk.listed(desk.mcp(desk.verified(SEOJUN))) == []
    assert len(await desk.listed(desk.mcp(desk.verified()))) == 1
    assert isinstance(await desk.use(LIST, desk.shopper(), phone=HANEUL.digits), Invalid)


# Stopping


async def test_one_is_stopped_with_everything_that_was_planned_for_it(desk: Desk) -> None:
    stamp = desk.stamp
    told = await desk.subscribe(trigger_type="restock_at", restock_at="2026-03-24", lead_days=[1, 3])
    other = await desk.subscribe(NIT)
    subscription = told["subscription_id"]
    desk.clock.move(minutes=3)
    assert await desk.told(CANCEL, desk.shopper(stamp=stamp), subscription_id=subscription) == {"canceled": [subscription], "too_late": 0}  # fmt: skip
    rows = {str(row["id"]): row for row in await desk.subscriptions()}
    assert rows[other["subscription_id"]]["status"] == "active"
    row = rows[subscription]
    assert (row["status"], row["cancel_reason"], row["canceled_at"], row["updated_at"]) == (
        "canceled", "shopper", desk.clock.now(), desk.clock.now(),
    )  # fmt: skip
    assert set((await notices(desk)).values()) == {"canceled"}
    assert [one["subscription_id"] for one in await desk.listed()] == [other["subscription_id"]]
    kind, payload = (await desk.events())[-1]
    assert (kind, payload["subscription_id"], payload["reason"]) == ("RESTOCK_CANCELED", subscription, "shopper")
    (event,) = await desk.rows("select turn_id from f_audit_events where event_type = 'RESTOCK_CANCELED'")
    assert event["turn_id"] == stamp.turn


async def test_after_a_stop_one_may_wait_again(desk: Desk) -> None:
    first = await desk.subscribe()
    await desk.told(CANCEL, subscription_id=first["subscription_id"])
    again = await desk.subscribe()
    assert (again["existing"], again["subscription_id"] != first["subscription_id"]) == (False, True)


async def test_all_are_stopped_and_nobody_else_s(desk: Desk) -> None:
    mine = [await desk.subscribe()]
    desk.clock.move(seconds=1)
    mine.append(await desk.subscribe(NIT))
    foreign = await desk.subscribe(caller=desk.shopper(SEOJUN))
    asked = await desk.ask(CANCEL, all=True)
    assert [one["product_name"] for one in asked.preview["subscriptions"]] == ["코튼 맨투맨", "니트 원피스"]
    told = await desk.told(CANCEL, all=True)
    assert sorted(told["canceled"]) == sorted(one["subscription_id"] for one in mine)
    rows = {str(row["id"]): row["status"] for row in await desk.subscriptions()}
    assert rows[foreign["subscription_id"]] == "active"
    assert len(await desk.events("RESTOCK_CANCELED")) == 2


async def test_what_is_shown_before_a_yes(desk: Desk) -> None:
    told = await desk.subscribe()
    asked = await desk.ask(CANCEL, subscription_id=told["subscription_id"])
    assert asked.preview == {
        "subscriptions": [
            {
                "subscription_id": told["subscription_id"],
                "product_name": "코튼 맨투맨",
                "option_label": None,
                "phone_masked": "010-****-1234",
            }
        ]
    }
    assert [row["status"] for row in await desk.subscriptions()] == ["active"]
    again = await desk.use(CANCEL, key=desk.key(CANCEL), confirmation=asked.digest, subscription_id=told["subscription_id"])  # fmt: skip
    assert isinstance(again, NeedsConfirmation), "a yes of another run of the flow"


STATES = [
    ("planned", None, "canceled", None),
    ("queued", "pending", "canceled", "canceled"),
    ("queued", "claimed", "canceled", "canceled"),
    ("queued", "sending", "queued", "sending"),
    ("queued", "sent", "queued", "sent"),
    ("queued", "unknown", "queued", "unknown"),
    ("queued", "failed", "queued", "failed"),
    ("queued", "dead", "queued", "dead"),
    ("queued", "canceled", "canceled", "canceled"),
    ("planned", "pending", "canceled", "canceled"),
    ("planned", "sending", "planned", "sending"),
    ("sent", "sent", "sent", "sent"),
    ("unknown", "unknown", "unknown", "unknown"),
    ("suppressed", None, "suppressed", None),
]


async def test_what_is_being_sent_comes_too_late_and_is_counted(desk: Desk) -> None:
    told, other = await desk.subscribe(), await desk.subscribe(NIT)
    for n, (status, message, _, _) in enumerate(STATES):
        await notice(desk, told["subscription_id"], n, status, message)
    await notice(desk, other["subscription_id"], 100, "queued", "claimed")
    assert await desk.told(CANCEL, subscription_id=told["subscription_id"]) == {"canceled": [told["subscription_id"]], "too_late": 2}  # fmt: skip
    after, sent = await notices(desk), await messages(desk)
    for n, (_, _, status, message) in enumerate(STATES):
        assert (after[str(n)], sent.get(str(n))) == (status, message), STATES[n]
    assert (after["100"], sent["100"]) == ("queued", "claimed"), "somebody waits for that still"
    claims = await desk.rows("select claimed_by from e_ops_outbox where status = 'canceled'")
    assert {row["claimed_by"] for row in claims} == {None}
    assert await desk.told(CANCEL, subscription_id=told["subscription_id"]) == {"canceled": [told["subscription_id"]], "too_late": 2}  # fmt: skip


async def test_repeating_is_done_with_the_same(desk: Desk) -> None:
    one, two = await desk.subscribe(), await desk.subscribe(NIT)
    first = await desk.told(CANCEL, subscription_id=one["subscription_id"])
    assert await desk.told(CANCEL, subscription_id=one["subscription_id"]) == first
    desk.clock.move(minutes=1)
    both = await desk.told(CANCEL, all=True)
    assert both["canceled"] == [two["subscription_id"]]
    assert await desk.told(CANCEL, all=True) == both, "what the last stop stopped"
    assert len(await desk.events("RESTOCK_CANCELED")) == 2
    desk.clock.move(days=1, seconds=-1)
    assert await desk.told(CANCEL, all=True) == both
    desk.clock.move(seconds=1)
    assert await desk.code(CANCEL, all=True) == "SUBSCRIPTION_NOT_FOUND"


async def test_the_same_key_twice_and_at_once_stops_once(desk: Desk) -> None:
    told, key = await desk.subscribe(), desk.key(CANCEL)
    asked = await desk.ask(CANCEL, key=key, subscription_id=told["subscription_id"])
    await desk.yes(asked)
    outcomes = await asyncio.gather(
        *(
            desk.use(CANCEL, key=key, confirmation=asked.digest, subscription_id=told["subscription_id"])
            for _ in range(5)
        )
    )
    assert {str(outcome.result) for outcome in outcomes if isinstance(outcome, Done)} == {
        str({"canceled": [told["subscription_id"]], "too_late": 0})
    }
    assert sum(isinstance(outcome, Done) and not outcome.replayed for outcome in outcomes) == 1
    assert len(await desk.events("RESTOCK_CANCELED")) == 1


async def test_stopping_from_two_sides_at_once_stops_each_once(desk: Desk) -> None:
    told = [await desk.subscribe(), await desk.subscribe(NIT), await desk.subscribe(LAMP)]
    one = told[0]["subscription_id"]
    outcomes = await asyncio.gather(
        desk.confirmed(CANCEL, all=True),
        desk.confirmed(CANCEL, subscription_id=one),
        desk.confirmed(CANCEL, desk.staff(), subscription_id=one),
        desk.confirmed(CANCEL, all=True),
    )
    assert all(isinstance(outcome, Done) for outcome in outcomes), outcomes
    assert {row["status"] for row in await desk.subscriptions()} == {"canceled"}
    assert len(await desk.events("RESTOCK_CANCELED")) == 3


# Whose


@pytest.mark.parametrize("given", [{}, {"all": False}, {"all": 1}, {"all": "true"}, {"subscription_id": "1"}, {"subscription_id": str(new_uuid()), "all": True}])  # fmt: skip
async def test_exactly_one_of_both_is_named(desk: Desk, given: dict[str, Any]) -> None:
    outcome = await desk.use(CANCEL, **given)
    assert isinstance(outcome, Invalid)
    assert outcome.code == "INVALID_PARAMS"


async def test_somebody_else_s_and_none_sound_the_same(desk: Desk) -> None:
    told = await desk.subscribe(caller=desk.shopper(SEOJUN))
    foreign = await desk.use(CANCEL, subscription_id=told["subscription_id"])
    missing = await desk.use(CANCEL, subscription_id=str(new_uuid()))
    other_org = await desk.use(CANCEL, desk.stranger(), subscription_id=told["subscription_id"])
    nothing = await desk.use(CANCEL, all=True)
    assert foreign == missing == other_org == nothing == Failed("SUBSCRIPTION_NOT_FOUND")
    assert [row["status"] for row in await desk.subscriptions()] == ["active"]


async def test_a_stop_agreed_to_stays_bound_to_who_proved_the_phone(desk: Desk) -> None:
    told, key = await desk.subscribe(), desk.key(CANCEL)
    asked = await desk.ask(CANCEL, key=key, subscription_id=told["subscription_id"])
    await desk.yes(asked)
    outcome = await desk.use(
        CANCEL, desk.shopper(SEOJUN), key=key, confirmation=asked.digest, subscription_id=told["subscription_id"]
    )
    assert outcome == Failed("SUBSCRIPTION_NOT_FOUND")
    assert [row["status"] for row in await desk.subscriptions()] == ["active"]


@pytest.mark.parametrize(("tool", "given"), [(LIST, {}), (CANCEL, {"all": True})])
async def test_who_proved_no_phone_learns_nothing(desk: Desk, tool: str, given: dict[str, Any]) -> None:
    await desk.subscribe()
    callers = [
        (desk.agent(), "missing"),
        (desk.agent(desk.verified(expires_at=desk.clock.now())), "expired"),
        (desk.agent(desk.verified(session=SessionId(new_uuid()))), "other_session"),
        (desk.agent(desk.verified(org=desk.other)), "other_session"),
        (desk.agent(desk.verified(level=Assurance.CLAIMED)), "missing"),
        (desk.staff(), "missing"),
    ]
    for caller, reason in callers:
        outcome = await desk.use(tool, caller, **given)
        assert isinstance(outcome, NeedsVerification), reason
        assert (outcome.purpose, outcome.reason) == ("notify", reason)
    assert [row["status"] for row in await desk.subscriptions()] == ["active"]


async def test_staff_stop_one_by_its_number_after_a_yes(desk: Desk) -> None:
    told = await desk.subscribe()
    assert await desk.code(CANCEL, desk.staff("operator"), subscription_id=told["subscription_id"]) == "FORBIDDEN"
    assert isinstance(await desk.use(CANCEL, desk.staff(), subscription_id=told["subscription_id"]), NeedsConfirmation)
    await desk.told(CANCEL, desk.staff(), subscription_id=told["subscription_id"])
    assert [(row["status"], row["cancel_reason"]) for row in await desk.subscriptions()] == [("canceled", "operator")]


async def test_staff_of_another_org_find_nothing(desk: Desk) -> None:
    told = await desk.subscribe()
    caller = desk.staff(org=desk.other)
    assert await desk.code(CANCEL, caller, subscription_id=told["subscription_id"]) == "SUBSCRIPTION_NOT_FOUND"


@pytest.mark.parametrize(("tool", "given"), [(LIST, {}), (CANCEL, {"all": True})])
async def test_what_the_org_does_not_allow(desk: Desk, tool: str, given: dict[str, Any]) -> None:
    await desk.subscribe()
    restricted = desk.shopper(agent_tools=frozenset({"lookup_order"}))
    assert await desk.code(tool, restricted, **given) == "TOOL_NOT_ALLOWED_FOR_AGENT"
    if tool == CANCEL:
        assert await desk.code(tool, desk.mcp(desk.verified()), **given) == "CALLER_NOT_ALLOWED"
    await desk.execute("update c_mcp_tool_policies set is_allowed = false where tool_name = $1", tool)
    assert await desk.code(tool, **given) == "POLICY_BLOCK"
    await desk.execute("update c_mcp_tool_policies set is_allowed = true, rate_limit_per_min = 1 where tool_name = $1", tool)  # fmt: skip
    assert [await desk.code(tool, desk.agent(), **given) for _ in range(2)][1] == "RATE_LIMIT"
    await desk.execute("delete from c_mcp_tool_policies where tool_name = $1", tool)
    assert await desk.code(tool, **given) == "POLICY_NOT_FOUND"
    assert [row["status"] for row in await desk.subscriptions()] == ["active"]


async def test_what_the_catalogue_says_of_both(desk: Desk) -> None:
    rows = await desk.rows("select tool_name, allowed_callers, rate_limit_per_min from c_mcp_tool_policies")
    policies = {row["tool_name"]: (sorted(row["allowed_callers"]), row["rate_limit_per_min"]) for row in rows}
    assert policies[LIST] == (["agent", "mcp", "member"], 300)
    assert policies[CANCEL] == (["agent", "member"], 120)
    found = {tool.name: (tool.effect, tool.assurance, tool.confirmation, tool.scopes) for tool in desk.registry}
    assert found[LIST] == ("read", Assurance.VERIFIED, False, frozenset())
    assert found[CANCEL] == ("write", Assurance.VERIFIED, True, frozenset())


# An answer that was lost


async def lost(desk: Desk, **given: Any) -> Unknown:
    key = desk.key(CANCEL)
    asked = await desk.ask(CANCEL, key=key, **given)
    await desk.yes(asked)
    desk.losing.add(CANCEL)
    outcome = await desk.use(CANCEL, key=key, confirmation=asked.digest, **given)
    desk.losing.clear()
    assert isinstance(outcome, Unknown), outcome
    return outcome


async def reconciled(desk: Desk, outcome: Unknown) -> Any:
    tool, effect = desk.registry.find(CANCEL), await desk.gate.effects.find(desk.org, outcome.effect)
    assert tool is not None
    assert tool.reconcile is not None
    assert effect is not None
    return await tool.reconcile(
        desk.reconciling(outcome.effect), desk.gate.effects.arguments_of(tool, desk.org, effect)
    )


async def test_a_stop_whose_answer_was_lost_is_found_as_it_would_have_been_told(desk: Desk) -> None:
    one, two = await desk.subscribe(), await desk.subscribe(NIT)
    await notice(desk, one["subscription_id"], 1, "queued", "sending")
    outcome = await lost(desk, all=True)
    await desk.execute("update e_ops_outbox set status = 'sent'")
    await desk.subscribe()
    found = await reconciled(desk, outcome)
    assert (sorted(found.canceled), found.too_late) == (sorted([one["subscription_id"], two["subscription_id"]]), 1)


async def test_a_lost_repeat_names_what_was_stopped_before(desk: Desk) -> None:
    told = await desk.subscribe()
    await desk.told(CANCEL, subscription_id=told["subscription_id"])
    found = await reconciled(desk, await lost(desk, subscription_id=told["subscription_id"]))
    assert (found.canceled, found.too_late) == ((told["subscription_id"],), 0)


async def test_a_stop_that_left_no_trace_did_not_happen(desk: Desk) -> None:
    told = await desk.subscribe()
    outcomes = [await lost(desk, all=True)]
    await desk.execute("delete from g_com_restock_subscriptions")
    told = await desk.subscribe()
    outcomes.append(await lost(desk, subscription_id=told["subscription_id"]))
    await desk.execute(
        "update g_com_restock_subscriptions set status = 'active', canceled_at = null, cancel_effect_id = null, cancel_reason = null, cancel_too_late = null"
    )
    for outcome in outcomes:
        assert await reconciled(desk, outcome) == Failed("INTERNAL_ERROR", retryable=True)


# What goes on at the same time


async def test_waiting_and_stopping_everything_at_once_leaves_nothing_half(desk: Desk) -> None:
    await desk.subscribe()
    outcomes = await asyncio.gather(
        desk.confirmed(CANCEL, all=True),
        desk.confirmed("subscribe_restock", **desk.wanting(NIT, trigger_type="restock_at", restock_at="2026-03-30", lead_days=[1, 3])),
        desk.confirmed(CANCEL, all=True),
    )  # fmt: skip
    assert all(isinstance(outcome, Done) for outcome in outcomes), outcomes
    for row in await desk.rows(
        "select s.status, array_agg(n.status) as notices from g_com_restock_subscriptions s join g_com_restock_notices n on n.subscription_id = s.id group by s.id"
    ):
        assert set(row["notices"]) == ({"planned"} if row["status"] == "active" else {"canceled"})


async def test_erased_a_month_after_its_end_it_is_still_stopped(desk: Desk) -> None:
    """Retention empties the sealed phone; who repeats a stop is known by the hash."""
    told = await desk.subscribe()
    stopped = await desk.told(CANCEL, subscription_id=told["subscription_id"])
    await desk.execute("update g_com_restock_subscriptions set phone = ''")
    assert await desk.told(CANCEL, subscription_id=told["subscription_id"]) == stopped
