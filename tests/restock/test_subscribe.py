"""tools.md §4.12: waiting for a product, each success and each refusal, through the gate, over HTTP."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.commerce.goods import HANEUL, SEOJUN
from tests.restock.desk import HIDDEN, IN_STOCK, MISSING, PARTLY, SOLD_OUT, SUBSCRIBE, Desk, a_desk

from cafe24_sandbox import Sandbox
from sangdam.core.ids import OrderId, SessionId, UserId, new_uuid
from sangdam.core.phone import Phone
from sangdam.db import Database
from sangdam.db.testing import Addresses
from sangdam.restock import Rule
from sangdam.restock.subscriptions import unsubscribe_hash, unsubscribe_token
from sangdam.tools import ByMember
from sangdam.tools.model import Assurance, Done, Failed, Invalid, NeedsConfirmation, NeedsVerification, Unknown

TODAY = date(2026, 3, 14)


def day(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


def empty_option(desk: Desk) -> str:
    return next(code for number, code in desk.sold_out() if number == PARTLY)


# Success


async def test_somebody_waits_for_a_sold_out_product(desk: Desk) -> None:
    stamp = desk.stamp
    told = await desk.subscribe(caller=desk.shopper(stamp=stamp))
    assert told == {
        "subscription_id": told["subscription_id"],
        "product_name": "코튼 맨투맨",
        "option_label": None,
        "phone_masked": "010-****-1234",
        "trigger_type": "status_change",
        "planned": [],
        "valid_until": "2027-03-14",
        "existing": False,
    }
    (row,) = await desk.subscriptions()
    assert str(row["id"]) == told["subscription_id"]
    wanted: dict[str, Any] = {
        "org_id": desk.org, "mall_id": desk.mall.mall_id, "shop_no": 1, "product_no": SOLD_OUT, "variant_code": "*", "product_name": "코튼 맨투맨", "channel": "sms",
        "phone_hash": desk.hasher.phone(desk.org, HANEUL), "trigger_type": "status_change", "trigger_value": None, "restock_at": None, "lead_days": [],
        "schedule_hour_local": 17, "schedule_tz": "Asia/Seoul", "status": "active", "session_id": desk.session, "source_turn_id": stamp.turn,
        "valid_until": date(2027, 3, 14), "last_notified_at": None, "canceled_at": None, "created_at": desk.clock.now(), "updated_at": desk.clock.now(),
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    opened = desk.keyring.open(
        row["phone"], table="g_com_restock_subscriptions", column="phone", org=desk.org, row=row["id"]
    )
    assert opened == HANEUL.digits
    (effect,) = await desk.rows("select id, state from e_ops_effects")
    assert (row["effect_id"], effect["state"]) == (effect["id"], "done")
    (watch,) = await desk.rows("select * from g_com_restock_watches")
    assert (watch["mall_id"], watch["product_no"], watch["variant_code"]) == (desk.mall.mall_id, SOLD_OUT, "*")
    assert (watch["state"], watch["quantity"], watch["epoch"]) == ("out", 0, 0)
    assert watch["next_check_at"] == desk.clock.now() + timedelta(minutes=10)
    ((kind, payload),) = await desk.events()
    assert (kind, payload["subscription_id"], payload["phone"]) == (
        "RESTOCK_SUBSCRIBED",
        told["subscription_id"],
        "010-****-1234",
    )
    (event,) = await desk.rows("select session_id, turn_id, state_rev from f_audit_events where event_type = 'RESTOCK_SUBSCRIBED'")  # fmt: skip
    assert (event["session_id"], event["turn_id"], event["state_rev"]) == (desk.session, stamp.turn, 3)
    assert await desk.rows("select * from g_com_restock_notices") == []


async def test_a_date_plans_its_notices_and_watches_the_stock_too(desk: Desk) -> None:
    told = await desk.subscribe(
        trigger_type="restock_at", restock_at=day(10), lead_days=[3, 1, 1], schedule_hour_local=9
    )
    assert told["planned"] == [
        {"at": "2026-03-21T09:00:00+09:00", "kind": "date", "lead_day": 3},
        {"at": "2026-03-23T09:00:00+09:00", "kind": "date", "lead_day": 1},
    ]
    assert told["valid_until"] == "2026-03-31"
    notices = await desk.rows("select * from g_com_restock_notices order by due_at")
    assert [(one["event_key"], one["due_at"], one["status"], one["wave"]) for one in notices] == [
        ("date:2026-03-24:3", datetime(2026, 3, 21, 0, 0, tzinfo=UTC), "planned", 1),
        ("date:2026-03-24:1", datetime(2026, 3, 23, 0, 0, tzinfo=UTC), "planned", 1),
    ]
    (row,) = await desk.subscriptions()
    assert {one["subscription_id"] for one in notices} == {row["id"]}
    assert (row["restock_at"], row["lead_days"], row["schedule_hour_local"]) == (date(2026, 3, 24), [1, 3], 9)
    assert len(await desk.rows("select * from g_com_restock_watches")) == 1


async def test_a_date_without_lead_days_plans_nothing_and_still_waits(desk: Desk) -> None:
    told = await desk.subscribe(trigger_type="restock_at", restock_at=day(0))
    assert (told["planned"], told["valid_until"]) == ([], "2026-03-21")


async def test_more_than_so_many_pieces(desk: Desk) -> None:
    told = await desk.subscribe(trigger_type="inventory_gt", trigger_value=5)
    assert told["trigger_type"] == "inventory_gt"
    assert [row["trigger_value"] for row in await desk.subscriptions()] == [5]


async def test_one_option_of_a_product_that_has_others(desk: Desk) -> None:
    option = empty_option(desk)
    told = await desk.subscribe(PARTLY, variant_code=option)
    assert (told["product_name"], told["option_label"]) == ("후드 집업", "블랙 / S")
    assert await desk.code(SUBSCRIBE, **desk.wanting(PARTLY)) == "PRODUCT_NOT_SOLD_OUT", (
        "any other option can be bought"
    )


async def test_a_product_is_named_by_either_name_and_not_by_both(desk: Desk) -> None:
    given = desk.wanting()
    number = given.pop("product_no")
    assert isinstance(await desk.confirmed(SUBSCRIBE, product_id=number, **given), Done)
    assert isinstance(await desk.use(SUBSCRIBE, product_id=number, product_no=number, **given), Invalid)
    assert isinstance(await desk.use(SUBSCRIBE, **given), Invalid)


async def test_who_waits_already_keeps_what_was_asked_first(desk: Desk) -> None:
    first = await desk.subscribe(trigger_type="restock_at", restock_at=day(10), lead_days=[3])
    desk.clock.move(minutes=5)
    desk.session = SessionId(new_uuid())
    asked = await desk.ask(SUBSCRIBE, **desk.wanting())
    assert asked.preview["existing"] is True
    again = await desk.subscribe()
    assert again == {**first, "existing": True}
    await desk.execute("update g_com_restock_notices set status = 'sent'")
    assert (await desk.subscribe())["planned"] == [], "what is still to come"
    assert len(await desk.subscriptions()) == 1
    assert len(await desk.events()) == 1
    assert (await desk.subscribe(caller=desk.shopper(SEOJUN)))["existing"] is False, "another phone waits for itself"


async def test_who_asks_twice_at_once_waits_once(desk: Desk) -> None:
    told = await asyncio.gather(*(desk.subscribe() for _ in range(6)))
    assert len({one["subscription_id"] for one in told}) == 1
    assert sorted(one["existing"] for one in told) == [False, True, True, True, True, True]
    assert len(await desk.subscriptions()) == 1


async def test_a_return_after_a_new_subscription_is_one_whatever_was_seen_before(desk: Desk) -> None:
    """Watched before, back once, sold out again: without a look at the present the next return would be no edge."""
    await desk.subscribe()
    before = desk.clock.now() + timedelta(minutes=2)
    await desk.execute("update g_com_restock_watches set state = 'in', quantity = 8, epoch = 4, next_check_at = $1", before)  # fmt: skip
    desk.clock.move(minutes=1)
    await desk.subscribe(caller=desk.shopper(SEOJUN))
    (watch,) = await desk.rows("select * from g_com_restock_watches")
    assert (watch["state"], watch["quantity"], watch["epoch"]) == ("out", 0, 4)
    assert (watch["checked_at"], watch["next_check_at"]) == (desk.clock.now(), before)


async def test_staff_may_not_wait_for_others(desk: Desk) -> None:
    for phone in (None, HANEUL.digits):
        outcome = await desk.use(SUBSCRIBE, desk.staff(), **desk.wanting(phone=phone))
        assert isinstance(outcome, NeedsVerification)
        assert (outcome.purpose, outcome.reason) == ("notify", "missing")
    assert await desk.subscriptions() == []


# The question and the yes


async def test_what_is_asked_shows_everything_that_a_yes_means(desk: Desk) -> None:
    asked = await desk.ask(SUBSCRIBE, **desk.wanting(trigger_type="restock_at", restock_at=day(10), lead_days=[1]))
    shown = dict(asked.preview)
    text = shown.pop("consent_text")
    assert shown == {
        "product_name": "코튼 맨투맨",
        "option_label": None,
        "channel": "sms",
        "phone_masked": "010-****-1234",
        "trigger_type": "restock_at",
        "trigger_value": None,
        "planned": [{"at": "2026-03-23T17:00:00+09:00", "kind": "date", "lead_day": 1}],
        "valid_until": "2026-03-31",
        "existing": False,
    }
    for part in ("코튼 맨투맨", "010-****-1234", "3월 23일(월) 오후 5시", "2026년 3월 31일", "달빛샵", "해지", "30일"):
        assert part in text
    assert await desk.subscriptions() == []


async def test_the_words_that_were_shown_are_kept_with_the_message_that_said_yes(desk: Desk) -> None:
    given, key = desk.wanting(), desk.key(SUBSCRIBE)
    asked = await desk.ask(SUBSCRIBE, key=key, **given)
    desk.clock.move(minutes=9)
    await desk.yes(asked, seq=31)
    said = desk.clock.now()
    desk.clock.move(seconds=20)
    assert isinstance(await desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **given), Done)
    (row,) = await desk.subscriptions()
    assert row["consent"] == {
        "text": asked.preview["consent_text"],
        "text_version": "ko-1",
        "at": said.isoformat(),
        "message_seq": 31,
        "channel": "sms",
        "ip_hash": desk.hasher.hash("ip", desk.org, "203.0.113.9"),
    }


async def test_words_that_would_be_others_by_now_are_not_the_ones_that_were_agreed_to(desk: Desk) -> None:
    """Asked a minute before midnight, agreed to after it: a year from now is another day."""
    desk.clock.move(hours=9, minutes=30)
    given, key = desk.wanting(), desk.key(SUBSCRIBE)
    asked = await desk.ask(SUBSCRIBE, key=key, **given)
    assert "2027년 3월 14일" in asked.preview["consent_text"]
    desk.clock.move(minutes=5)
    await desk.yes(asked)
    outcome = await desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **given)
    assert isinstance(outcome, Done)
    assert outcome.result["valid_until"] == "2027-03-15"
    (row,) = await desk.subscriptions()
    assert row["consent"]["text"] == asked.preview["consent_text"]


async def test_a_yes_given_by_a_member_leaves_the_shopper_s_own_message_as_the_proof(desk: Desk) -> None:
    given, key = desk.wanting(), desk.key(SUBSCRIBE)
    caller = desk.shopper(client_ip=None)
    asked = await desk.ask(SUBSCRIBE, caller, key=key, **given)
    await desk.yes(asked, by=ByMember(UserId(new_uuid())))
    desk.clock.move(minutes=2)
    assert isinstance(await desk.use(SUBSCRIBE, caller, key=key, confirmation=asked.digest, **given), Done)
    (row,) = await desk.subscriptions()
    assert (row["consent"]["message_seq"], row["consent"]["at"]) == (7, given["consent"]["at"])
    assert row["consent"]["ip_hash"] == ""


async def test_an_english_text_is_shown_and_kept_in_english(desk: Desk) -> None:
    await desk.subscribe(consent=desk.consent(text_version="en-1"))
    (row,) = await desk.subscriptions()
    assert row["consent"]["text"].startswith("코튼 맨투맨: we send a text message to 010-****-1234 when it is back.")


async def test_without_a_yes_nobody_waits(desk: Desk) -> None:
    given, key = desk.wanting(), desk.key(SUBSCRIBE)
    asked = await desk.ask(SUBSCRIBE, key=key, **given)
    again = await desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **given)
    assert isinstance(again, NeedsConfirmation)
    await desk.yes(asked)
    given["schedule_hour_local"] = 18
    changed = await desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **given)
    assert isinstance(changed, NeedsConfirmation)
    assert changed.reason == "changed"
    assert await desk.subscriptions() == []


async def test_a_yes_belongs_to_the_phone_it_was_given_for(desk: Desk) -> None:
    """The phone is among the arguments a yes is bound to, also when the call left it out."""
    given, key = desk.wanting(), desk.key(SUBSCRIBE)
    asked = await desk.ask(SUBSCRIBE, key=key, **given)
    await desk.yes(asked)
    outcome = await desk.use(SUBSCRIBE, desk.shopper(SEOJUN), key=key, confirmation=asked.digest, **given)
    assert isinstance(outcome, NeedsVerification)
    assert outcome.reason == "other_phone"
    assert await desk.subscriptions() == []


async def test_back_between_question_and_yes_is_told_and_nobody_waits(desk: Desk) -> None:
    given, key = desk.wanting(), desk.key(SUBSCRIBE)
    asked = await desk.ask(SUBSCRIBE, key=key, **given)
    await desk.yes(asked)
    await desk.stock(SOLD_OUT, 3)
    try:
        outcome = await desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **given)
        assert outcome == Failed("PRODUCT_NOT_SOLD_OUT", detail={"product_name": "코튼 맨투맨", "option_label": None})
        assert await desk.subscriptions() == []
    finally:
        await desk.stock(SOLD_OUT, 0)


async def test_the_same_key_twice_and_at_once_is_one_subscription(desk: Desk) -> None:
    given, key = desk.wanting(), desk.key(SUBSCRIBE)
    asked = await desk.ask(SUBSCRIBE, key=key, **given)
    await desk.yes(asked)
    outcomes = await asyncio.gather(
        *(desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **given) for _ in range(5))
    )
    outcomes.append(await desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **given))
    results = [outcome.result for outcome in outcomes if isinstance(outcome, Done)]
    assert len(results) == 6
    assert all(result == results[0] for result in results)
    assert sum(isinstance(outcome, Done) and outcome.replayed for outcome in outcomes) == 5
    assert len(await desk.subscriptions()) == 1
    assert len(await desk.events()) == 1


# Refusals


@pytest.mark.parametrize(
    "wrong",
    [
        {"trigger_type": "whenever"},
        {"trigger_type": "inventory_gt"},
        {"trigger_type": "inventory_gt", "trigger_value": -1},
        {"trigger_type": "inventory_gt", "trigger_value": 1000},
        {"trigger_value": 3},
        {"trigger_type": "restock_at"},
        {"restock_at": day(10)},
        {"trigger_type": "restock_at", "restock_at": day(-1)},
        {"trigger_type": "restock_at", "restock_at": day(366)},
        {"trigger_type": "restock_at", "restock_at": "2026-02-30"},
        {"trigger_type": "restock_at", "restock_at": day(10), "lead_days": [5]},
        {"trigger_type": "restock_at", "restock_at": day(3), "lead_days": [3]},
        {"lead_days": [1]},
        {"schedule_hour_local": 7},
        {"schedule_hour_local": 21},
        {"variant_code": "L"},
        {"product_no": 0},
        {"product_no": 2**31},
        {"phone": "12345"},
        {"consent": {"text_version": "ko-1"}},
        {"consent": {"text_version": "ko-1", "message_seq": 7, "at": "2026-03-14T14:28:44"}},
        {"mall_id": "othermall"},
        {"session_id": "00000000-0000-4000-8000-000000000000"},
        {"shop_no": 2},
    ],
)  # fmt: skip
async def test_arguments_that_do_not_fit(desk: Desk, wrong: dict[str, Any]) -> None:
    outcome = await desk.use(SUBSCRIBE, **{**desk.wanting(), **wrong})
    assert isinstance(outcome, Invalid), outcome
    assert outcome.code == "INVALID_PARAMS"
    assert await desk.subscriptions() == []


@pytest.mark.parametrize(
    "fitting",
    [
        {"trigger_type": "inventory_gt", "trigger_value": 0},
        {"trigger_type": "inventory_gt", "trigger_value": 999},
        {"trigger_type": "restock_at", "restock_at": day(365), "lead_days": [1, 2, 3, 7, 14]},
        {"trigger_type": "restock_at", "restock_at": day(4), "lead_days": [3]},
        {"schedule_hour_local": 8},
        {"schedule_hour_local": 20},
        {"phone": "+82 10-0000-1234"},
        {"channel": "sms", "variant_code": "*"},
    ],
)
async def test_the_other_side_of_those_limits(desk: Desk, fitting: dict[str, Any]) -> None:
    assert isinstance(await desk.confirmed(SUBSCRIBE, **desk.wanting(**fitting)), Done)


@pytest.mark.parametrize("channel", ["kakao", "alimtalk", "email", "SMS"])
async def test_only_text_messages(desk: Desk, channel: str) -> None:
    outcome = await desk.use(SUBSCRIBE, **desk.wanting(channel=channel, consent=None, restock_at=day(-1)))
    assert outcome == Invalid("CHANNEL_UNSUPPORTED", ("channel",)), "said before anything else"


@pytest.mark.parametrize(
    ("consent", "good"),
    [
        ({}, True),
        ({"text_version": "ko-0"}, False),
        ({"at": "2026-03-14T05:29:44+00:00"}, True),
        ({"at": "2026-03-14T05:29:45+00:00"}, False),
        ({"at": "2026-03-13T14:28:44+09:00"}, True),
        ({"at": "2026-03-13T14:28:43+09:00"}, False),
    ],
)
async def test_consent_is_to_a_known_text_and_given_now(desk: Desk, consent: dict[str, Any], good: bool) -> None:
    outcome = await desk.use(SUBSCRIBE, **desk.wanting(consent=desk.consent(**consent)))
    assert isinstance(outcome, NeedsConfirmation) if good else outcome == Invalid("CONSENT_REQUIRED", ("consent",))


async def test_without_consent_there_is_no_row(desk: Desk) -> None:
    assert await desk.code(SUBSCRIBE, **desk.wanting(consent=None)) == "CONSENT_REQUIRED"
    past = desk.wanting(consent=None, trigger_type="restock_at", restock_at=day(-1))
    assert await desk.code(SUBSCRIBE, **past) == "INVALID_PARAMS", "the calendar is looked at first"
    assert await desk.subscriptions() == []


async def test_the_phone_is_the_one_that_was_proved(desk: Desk) -> None:
    elsewhere, before = desk.verified(session=SessionId(new_uuid())), desk.clock.now()
    claimed = desk.verified(level=Assurance.CLAIMED, order_id=OrderId("20260310-0000127"))
    cases = [
        (desk.shopper(), SEOJUN.digits, "other_phone"),
        (desk.shopper(), "02-123-4567", "other_phone"),
        (desk.agent(), None, "missing"),
        (desk.agent(elsewhere), None, "other_session"),
        (desk.agent(desk.verified(expires_at=before)), None, "expired"),
        (desk.agent(desk.verified(purposes=frozenset[str]())), None, "purpose"),
        (desk.agent(claimed), None, "missing"),
    ]
    for caller, phone, reason in cases:
        outcome = await desk.use(SUBSCRIBE, caller, **desk.wanting(phone=phone))
        assert isinstance(outcome, NeedsVerification), reason
        assert (outcome.code, outcome.purpose, outcome.reason) == ("CUSTOMER_VERIFICATION_REQUIRED", "notify", reason)
    orders = desk.agent(desk.verified(purposes=frozenset({"orders", "notify"})))
    assert isinstance(await desk.use(SUBSCRIBE, orders, **desk.wanting()), NeedsConfirmation)


async def test_of_two_proved_phones_the_one_named_or_the_later(desk: Desk) -> None:
    both = desk.agent(desk.verified(HANEUL), desk.verified(SEOJUN, expires_at=desk.clock.now() + timedelta(minutes=16)))
    assert (await desk.ask(SUBSCRIBE, both, **desk.wanting())).preview["phone_masked"] == SEOJUN.masked
    assert (await desk.ask(SUBSCRIBE, both, **desk.wanting(phone=HANEUL.digits))).preview["phone_masked"] == HANEUL.masked  # fmt: skip


async def test_without_sms_or_mall_nothing_is_promised(desk: Desk) -> None:
    desk.sms = False
    assert await desk.code(SUBSCRIBE, **desk.wanting(MISSING)) == "CONFIG_ERROR", "before the mall is asked"
    desk.sms, desk.connected = True, False
    assert await desk.code(SUBSCRIBE, **desk.wanting(MISSING)) == "CONFIG_ERROR"
    rows = await desk.audit()
    assert [row["response_payload"]["detail"]["setting"] for row in rows] == ["sms", "mall"]
    assert [row["upstream"] for row in rows] == [[], []]
    assert await desk.subscriptions() == []


@pytest.mark.parametrize("number", [HIDDEN, MISSING])
async def test_what_the_shop_does_not_show_is_not_there(desk: Desk, number: int) -> None:
    assert await desk.code(SUBSCRIBE, **desk.wanting(number)) == "CAFE24_NOT_FOUND"


async def test_an_option_of_another_product_is_not_there(desk: Desk) -> None:
    assert await desk.code(SUBSCRIBE, **desk.wanting(variant_code=empty_option(desk))) == "CAFE24_NOT_FOUND"


async def test_what_can_be_bought_is_not_waited_for(desk: Desk) -> None:
    assert await desk.code(SUBSCRIBE, **desk.wanting(IN_STOCK)) == "PRODUCT_NOT_SOLD_OUT"
    few = desk.wanting(IN_STOCK, trigger_type="inventory_gt", trigger_value=999)
    assert await desk.code(SUBSCRIBE, **few) == "PRODUCT_NOT_SOLD_OUT"


async def test_stock_the_mall_does_not_tell_is_no_promise(desk: Desk) -> None:
    body: dict[str, Any] = {"product": {"product_no": SOLD_OUT, "product_name": "코튼 맨투맨", "price": "1", "retail_price": "0", "display": "T", "selling": "T", "variants": []}}  # fmt: skip
    desk.fault(f"/products/{SOLD_OUT}$", status=200, body=body)
    assert await desk.code(SUBSCRIBE, **desk.wanting()) == "CAFE24_ERROR"


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        (Rule(SOLD_OUT, restock_policy="NO_RESTOCK"), True),
        (Rule(SOLD_OUT, answerability="DENY"), True),
        (Rule(SOLD_OUT, restock_policy="NO_RESTOCK", valid_until=TODAY), True),
        (Rule(SOLD_OUT, restock_policy="NO_RESTOCK", valid_until=TODAY - timedelta(days=1)), False),
        (Rule(SOLD_OUT, restock_policy="RESTOCK_AT", restock_at=TODAY + timedelta(days=9)), False),
        (Rule(SOLD_OUT, "P000000EB00A", restock_policy="NO_RESTOCK"), False),
        (Rule(117, restock_policy="NO_RESTOCK"), False),
    ],
)
async def test_what_will_not_come_back_is_not_waited_for(desk: Desk, rule: Rule, refused: bool) -> None:
    stored = await desk.rules.write(desk.owner, rule)
    outcome = await desk.confirmed(SUBSCRIBE, **desk.wanting())
    if refused:
        assert outcome == Failed("RESTOCK_NOT_PLANNED", detail={"rule_id": str(stored.id)})
        assert await desk.subscriptions() == []
    else:
        assert isinstance(outcome, Done)


async def test_a_rule_is_told_before_stock(desk: Desk) -> None:
    await desk.rules.write(desk.owner, Rule(IN_STOCK, answerability="DENY"))
    assert await desk.code(SUBSCRIBE, **desk.wanting(IN_STOCK)) == "RESTOCK_NOT_PLANNED"


@pytest.mark.parametrize(
    ("kind", "code"),
    [("status", "CAFE24_UNAVAILABLE"), ("html", "CAFE24_ERROR"), ("wrong_json", "CAFE24_ERROR"), ("drop_before", "CAFE24_UNAVAILABLE")],
)  # fmt: skip
async def test_a_mall_that_fails_promises_nothing(desk: Desk, kind: str, code: str) -> None:
    given, key = desk.wanting(), desk.key(SUBSCRIBE)
    asked = await desk.ask(SUBSCRIBE, key=key, **given)
    await desk.yes(asked)
    desk.clock.move(seconds=4)
    desk.fault(f"/products/{SOLD_OUT}$", kind)
    outcome = await desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **given)
    assert isinstance(outcome, Failed)
    assert outcome.code == code
    assert await desk.subscriptions() == []
    desk.sandbox.clear_faults()
    if outcome.retryable:
        assert isinstance(await desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **given), Done)


async def test_a_token_without_the_scope_is_refused_before_the_mall_is_asked(
    database: Database, addresses: Addresses, sandbox: Sandbox, mall_url: str
) -> None:
    async with a_desk(database, addresses, sandbox, mall_url, scopes=("mall.read_order",)) as desk:
        assert await desk.code(SUBSCRIBE, **desk.wanting()) == "SCOPE_ERROR"
        (row,) = await desk.audit()
        assert row["policy_decision"]["scopes_missing"] == ["read_product"]
        await desk.check()


async def test_a_mall_that_does_not_answer_in_time(
    database: Database, addresses: Addresses, sandbox: Sandbox, mall_url: str
) -> None:
    async with a_desk(database, addresses, sandbox, mall_url, deadline_s=0.6) as desk:
        desk.fault(f"/products/{SOLD_OUT}$", "timeout", ms=30_000)
        assert await desk.code(SUBSCRIBE, **desk.wanting()) == "CAFE24_TIMEOUT"
        assert await desk.subscriptions() == []


# Twenty


async def fill(desk: Desk, count: int, phone: Phone = HANEUL, **columns: Any) -> None:
    """Others that this phone waits for, as if asked long ago."""
    given: dict[str, Any] = {"status": "active", "valid_until": TODAY, "product_no": 5000, **columns}
    for n in range(count):
        await desk.execute(
            """
            insert into g_com_restock_subscriptions (org_id, mall_id, shop_no, product_no, product_name, channel, phone, phone_hash, phone_masked, trigger_type, status,
              consent, unsubscribe_hash, valid_until, canceled_at) values ($1, $2, 1, $3, '예전 상품', 'sms', '', $4, $5, 'status_change', $6, '{}', $7, $8, $9)
            """,
            desk.org, desk.mall.mall_id, given["product_no"] + n, desk.hasher.phone(desk.org, phone), phone.masked, given["status"], new_uuid().hex,
            given["valid_until"], desk.clock.now() if given["status"] == "canceled" else None,
        )  # fmt: skip


async def test_a_phone_waits_for_twenty_things_and_not_for_one_more(desk: Desk) -> None:
    await fill(desk, 18)
    await fill(desk, 1, status="paused", product_no=6000)
    await fill(desk, 5, status="canceled", product_no=7000)
    await fill(desk, 3, SEOJUN)
    twentieth = await desk.subscribe()
    outcome = await desk.confirmed(SUBSCRIBE, **desk.wanting(117))
    assert outcome == Failed("SUBSCRIPTION_LIMIT", detail={"count": 20})
    assert await desk.code(SUBSCRIBE, **desk.wanting(IN_STOCK)) == "PRODUCT_NOT_SOLD_OUT", "said before the number"
    assert (await desk.subscribe())["existing"] is True, "what is waited for already takes no place"
    assert isinstance(await desk.confirmed(SUBSCRIBE, desk.shopper(SEOJUN), **desk.wanting(117)), Done)
    await desk.told("cancel_restock", subscription_id=twentieth["subscription_id"])
    assert isinstance(await desk.confirmed(SUBSCRIBE, **desk.wanting(117)), Done)


async def test_what_was_waited_for_long_enough_takes_no_place(desk: Desk) -> None:
    await fill(desk, 20)
    await fill(desk, 1, valid_until=TODAY - timedelta(days=1), product_no=SOLD_OUT)
    (over,) = await desk.rows("select id from g_com_restock_subscriptions where product_no = $1", SOLD_OUT)
    await desk.execute(
        "insert into g_com_restock_notices (org_id, subscription_id, event_key, due_at, status) values ($1, $2, 'date:2026-03-13:1', $3, 'planned')",
        desk.org,
        over["id"],
        desk.clock.now(),
    )
    assert await desk.code(SUBSCRIBE, **desk.wanting()) == "SUBSCRIPTION_LIMIT"
    desk.clock.move(days=1)
    told = await desk.subscribe()
    assert told["existing"] is False
    assert told["subscription_id"] != str(over["id"])
    states = await desk.rows("select status, count(*) as n from g_com_restock_subscriptions group by status")
    assert {row["status"]: row["n"] for row in states} == {"active": 1, "expired": 21}
    (notice,) = await desk.rows("select status from g_com_restock_notices")
    assert notice["status"] == "canceled"


async def test_of_twenty_one_who_ask_at_once_twenty_wait(desk: Desk) -> None:
    wanted = desk.sold_out()[:21]
    assert len(set(wanted)) == 21
    caller = desk.shopper()

    async def one(product_no: int, variant_code: str) -> tuple[str, dict[str, Any], NeedsConfirmation]:
        given, key = desk.wanting(product_no, variant_code=variant_code), desk.key(SUBSCRIBE)
        asked = await desk.ask(SUBSCRIBE, caller, key=key, **given)
        await desk.yes(asked)
        return key, given, asked

    questions = [await one(*each) for each in wanted]
    outcomes = await asyncio.gather(
        *(desk.use(SUBSCRIBE, caller, key=key, confirmation=asked.digest, **given) for key, given, asked in questions)
    )
    assert sum(isinstance(outcome, Done) for outcome in outcomes) == 20
    assert [outcome for outcome in outcomes if not isinstance(outcome, Done)] == [
        Failed("SUBSCRIPTION_LIMIT", detail={"count": 20})
    ]
    assert len(await desk.subscriptions()) == 20
    assert len(await desk.rows("select 1 from g_com_restock_watches")) == 20


# Policy


async def test_what_the_org_does_not_allow(desk: Desk) -> None:
    given = desk.wanting()
    assert await desk.code(SUBSCRIBE, desk.mcp(desk.verified()), **given) == "CALLER_NOT_ALLOWED"
    assert await desk.code(SUBSCRIBE, desk.shopper(agent_tools=frozenset({"lookup_order"})), **given) == "TOOL_NOT_ALLOWED_FOR_AGENT"  # fmt: skip
    await desk.execute("update c_mcp_tool_policies set is_allowed = false where tool_name = $1", SUBSCRIBE)
    assert await desk.code(SUBSCRIBE, **given) == "POLICY_BLOCK"
    await desk.execute("update c_mcp_tool_policies set is_allowed = true, rate_limit_per_min = 2 where tool_name = $1", SUBSCRIBE)  # fmt: skip
    assert [await desk.code(SUBSCRIBE, desk.agent(), **given) for _ in range(3)][2] == "RATE_LIMIT"
    await desk.execute("delete from c_mcp_tool_policies where tool_name = $1", SUBSCRIBE)
    assert await desk.code(SUBSCRIBE, **given) == "POLICY_NOT_FOUND"
    assert await desk.subscriptions() == []


async def test_what_the_catalogue_says_of_it(desk: Desk) -> None:
    tool = desk.registry.find(SUBSCRIBE)
    assert tool is not None
    assert (tool.effect, tool.assurance.name, tool.confirmation, tool.scopes) == ("write", "VERIFIED", True, {"mall.read_product"})  # fmt: skip
    (policy,) = await desk.rows("select allowed_callers, rate_limit_per_min from c_mcp_tool_policies where tool_name = $1", SUBSCRIBE)  # fmt: skip
    assert (sorted(policy["allowed_callers"]), policy["rate_limit_per_min"]) == (["agent", "member"], 120)


async def test_the_audit_masks_the_phone_and_names_the_call_of_the_mall(desk: Desk) -> None:
    given, key = desk.wanting(phone=HANEUL.digits), desk.key(SUBSCRIBE)
    question = await desk.ask(SUBSCRIBE, key=key, **given)
    await desk.yes(question)
    desk.clock.move(seconds=4)
    assert isinstance(await desk.use(SUBSCRIBE, key=key, confirmation=question.digest, **given), Done)
    asked, done = await desk.audit()
    assert (asked["status"], done["status"]) == ("needs_confirmation", "success")
    for row in (asked, done):
        assert row["request_payload"]["phone"] == "***"
        assert "phone" in row["masked_fields"]
    assert [one["call"] for one in done["upstream"]] == ["GET /products/{product_no}"]
    assert done["response_payload"]["result"]["phone_masked"] == "010-****-1234"


# An answer that was lost


async def lost(desk: Desk, **given: Any) -> tuple[Unknown, str, str, dict[str, Any]]:
    """A subscription whose process died after its own commit: the outcome, its key, its digest, its arguments."""
    wanted, key = desk.wanting(**given), desk.key(SUBSCRIBE)
    asked = await desk.ask(SUBSCRIBE, key=key, **wanted)
    await desk.yes(asked)
    desk.losing.add(SUBSCRIBE)
    outcome = await desk.use(SUBSCRIBE, key=key, confirmation=asked.digest, **wanted)
    desk.losing.clear()
    assert isinstance(outcome, Unknown), outcome
    return outcome, key, asked.digest, wanted


async def reconciled(desk: Desk, outcome: Unknown) -> Any:
    tool, effect = desk.registry.find(SUBSCRIBE), await desk.gate.effects.find(desk.org, outcome.effect)
    assert tool is not None
    assert tool.reconcile is not None
    assert effect is not None
    arguments = desk.gate.effects.arguments_of(tool, desk.org, effect)
    return await tool.reconcile(desk.reconciling(outcome.effect), arguments)


async def test_a_subscription_whose_answer_was_lost_is_found_as_it_would_have_been_told(desk: Desk) -> None:
    outcome, key, digest, given = await lost(desk, trigger_type="restock_at", restock_at=day(10), lead_days=[1, 3])
    (row,) = await desk.subscriptions()
    desk.clock.move(minutes=2)
    found = await reconciled(desk, outcome)
    result = found.model_dump(mode="json")
    assert result["subscription_id"] == str(row["id"])
    assert result["existing"] is False
    assert [one["at"] for one in result["planned"]] == ["2026-03-21T17:00:00+09:00", "2026-03-23T17:00:00+09:00"]
    async with desk.db.org(desk.org) as tx:
        assert await desk.gate.effects.settle(tx, desk.org, outcome.effect, Done(result))
    again = await desk.use(SUBSCRIBE, key=key, confirmation=digest, **given)
    assert again == Done(result, replayed=True)
    assert len(await desk.subscriptions()) == 1


async def test_a_lost_answer_about_one_who_waited_already_says_so(desk: Desk) -> None:
    first = await desk.subscribe()
    outcome, *_ = await lost(desk)
    found = await reconciled(desk, outcome)
    assert (found.subscription_id, found.existing) == (first["subscription_id"], True)


async def test_what_left_no_trace_did_not_happen(desk: Desk) -> None:
    outcome, *_ = await lost(desk)
    await desk.execute("delete from g_com_restock_subscriptions")
    assert await reconciled(desk, outcome) == Failed("INTERNAL_ERROR", retryable=True)
    desk.connected = False
    assert await reconciled(desk, outcome) == Failed("INTERNAL_ERROR", retryable=True)


# Its link


async def test_the_token_of_its_link_names_the_subscription_and_its_org_only(desk: Desk) -> None:
    told = await desk.subscribe()
    (row,) = await desk.subscriptions()
    token = unsubscribe_token(desk.hasher, row["id"])
    assert row["unsubscribe_hash"] == unsubscribe_hash(desk.hasher, token) != token
    async with desk.db.system() as tx:
        (found,) = await tx.fetch("select * from sys_org_by_unsubscribe($1)", row["unsubscribe_hash"])
        assert (found["org_id"], str(found["subscription_id"])) == (desk.org, told["subscription_id"])
        assert await tx.fetch("select * from sys_org_by_unsubscribe($1)", token) == []
        assert await tx.fetch("select id from g_com_restock_subscriptions") == []
