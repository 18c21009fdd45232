"""The queue of people: one open item a cause, a place in line, when somebody answers, and a number only the staff can open."""

import asyncio
import json
import uuid
from datetime import timedelta

import pytest

from sangdam.commerce.shop import ShopFailure
from sangdam.conversations.review import CALLBACK, TITLES, UNKNOWN_HOURS, Claimed, Taken
from sangdam.core.facts import CreateHandoffOut
from sangdam.core.ids import SessionId, TurnId, UserId
from sangdam.orgs.hours import Hours
from sangdam.tools.model import Caller, CallerKind, Done, Invalid, Stamp
from tests.conversations.place import Place
from tests.conversations.talk import HANEUL, SEOJUN


async def hand_over(place: Place, session: SessionId | None, reason: str = "asked", summary: str = "상담원 연결을 원해요", **more: object) -> CreateHandoffOut:  # fmt: skip
    outcome = await place.use(session, "create_handoff", reason=reason, summary=summary, **more)  # type: ignore[arg-type]
    assert isinstance(outcome, Done), outcome
    return CreateHandoffOut.model_validate(outcome.result)


async def status(place: Place, session: SessionId) -> str:
    found = await place.sessions.get(place.org, session)
    assert found is not None
    return found.status


async def test_a_conversation_waits_for_a_person_from_then_on(place: Place) -> None:
    session = await place.session()
    placed = await hand_over(place, session)
    assert (placed.position, placed.open_now, placed.expected_by, placed.existing) == (1, True, None, False)
    assert await status(place, session) == "waiting_person"
    (item,) = await place.review.listed(place.org)
    assert (str(item.id), item.kind, item.title, item.priority, item.status) == (placed.item_id, "handoff", "상담원 연결 요청", 2, "open")  # fmt: skip
    assert item.summary == {"asked": "상담원 연결을 원해요", "reason": "asked"}
    assert item.due_at > place.clock.now()


async def test_it_works_with_the_mall_and_sms_down(place: Place) -> None:
    place.sms = False
    place.shop.failing = {name: ShopFailure("CAFE24_UNAVAILABLE") for name in ("order", "orders", "shipments", "buyer_matches")}  # fmt: skip
    assert (await hand_over(place, await place.session())).position == 1


async def test_asking_twice_gives_one_item_and_the_same_place(place: Place) -> None:
    session, other = await place.session(), await place.session()
    first = await hand_over(place, session)
    place.clock.move(minutes=1)
    behind = await hand_over(place, other)
    again = await hand_over(place, session, summary="두 번째 요청")
    assert (again.item_id, again.existing, again.position) == (first.item_id, True, 1)
    assert behind.position == 2
    assert len(await place.review.listed(place.org)) == 2


async def test_asking_at_the_same_moment_gives_one_item(place: Place) -> None:
    session = await place.session()
    placed = await asyncio.gather(*(hand_over(place, session) for _ in range(5)))
    assert len({each.item_id for each in placed}) == 1
    assert sum(not each.existing for each in placed) == 1


async def test_a_more_urgent_cause_moves_the_item_ahead_and_says_so(place: Place) -> None:
    waiting, session = await place.session(), await place.session()
    await hand_over(place, waiting)
    place.clock.move(minutes=1)
    await hand_over(place, session)
    urgent = await hand_over(place, session, "legal", "소비자원에 신고한대요", priority=1)
    assert (urgent.position, urgent.existing) == (1, True)
    first, second = await place.review.listed(place.org)
    assert (first.title, first.priority, first.summary["reason"]) == (TITLES["legal"], 1, "legal")
    assert second.title == TITLES["asked"]
    await hand_over(place, session, "kb_gap", "배송 규정", priority=3)
    assert (await place.review.listed(place.org))[0].title == TITLES["legal"]


async def test_a_settled_item_makes_room_for_a_new_one(place: Place) -> None:
    session = await place.session()
    first = await hand_over(place, session)
    await place.rows("update e_ops_review_queue_items set status = 'resolved' where id = $1 returning id", uuid.UUID(first.item_id))  # fmt: skip
    second = await hand_over(place, session)
    assert second.item_id != first.item_id
    assert (second.existing, second.position) == (False, 1)


async def test_the_line_of_one_shop_is_not_the_line_of_another(place: Place) -> None:
    await hand_over(place, await place.session())
    assert (await hand_over(place, await place.session(place.other), org=place.other)).position == 1
    assert len(await place.review.listed(place.other)) == 1


async def test_outside_the_hours_somebody_answers_after_the_next_opening(place: Place) -> None:
    monday = place.clock.now()  # 11:00 in Seoul; the shop is open on weekdays from ten to five
    moments: tuple[tuple[timedelta, bool, timedelta | None], ...] = (
        (timedelta(hours=6, seconds=-1), True, None),
        (timedelta(hours=6), False, timedelta(hours=23 + 2)),
        (timedelta(hours=-1, seconds=-1), False, timedelta(hours=-1 + 2)),
        (timedelta(hours=-1), True, None),
        (timedelta(days=4, hours=6), False, timedelta(days=7, hours=-1 + 2)),
    )
    for moved, open_now, expected in moments:
        place.clock.at = monday + moved
        placed = await hand_over(place, await place.session())
        assert placed.open_now is open_now
        assert placed.expected_by == (monday + expected if expected is not None else None)


async def test_where_nobody_said_the_hours_a_day_is_promised(place: Place) -> None:
    place.hours = Hours()
    placed = await hand_over(place, await place.session())
    assert (placed.open_now, placed.expected_by) == (False, place.clock.now() + UNKNOWN_HOURS)


@pytest.mark.parametrize("hours", [0, 8])
async def test_a_call_back_always_says_by_when(place: Place, hours: float) -> None:
    place.clock.move(hours=hours)
    session = await place.session()
    await hand_over(place, session)
    called = await hand_over(place, session, "callback", contact_phone=HANEUL.digits)
    assert called.expected_by is not None
    assert called.expected_by >= place.clock.now() + CALLBACK
    assert sorted(item.kind for item in await place.review.listed(place.org)) == ["callback", "handoff"]


async def test_the_number_to_call_is_sealed_and_opens_for_its_item(place: Place) -> None:
    session = await place.session()
    first = await hand_over(place, session, "callback", contact_phone="010-0000-1234")
    (item,) = await place.review.listed(place.org)
    assert item.contact_masked == "010-****-1234"
    assert await place.review.contact(place.org, item.id) == HANEUL
    again = await hand_over(place, session, "callback", contact_phone=SEOJUN.digits)
    assert again.item_id == first.item_id
    assert await place.review.contact(place.org, item.id) == SEOJUN
    await hand_over(place, session, "callback")
    assert await place.review.contact(place.org, item.id) == SEOJUN
    assert (await place.review.listed(place.org))[0].contact_masked == "010-****-5678"
    assert await place.review.contact(place.other, item.id) is None
    for table, text in (await place.everything_stored()).items():
        for canary in (HANEUL.digits, HANEUL.dashed, SEOJUN.digits, SEOJUN.dashed):
            assert canary not in text, table


async def test_a_landline_may_be_called_back(place: Place) -> None:
    session = await place.session()
    await hand_over(place, session, "callback", contact_phone="02-123-4567")
    assert (await place.review.listed(place.org))[0].contact_masked == "02-****-4567"


async def test_a_summary_is_masked(place: Place) -> None:
    session = await place.session()
    await hand_over(place, session, summary="제 번호 010-0000-1234로 연락 주세요")
    assert (await place.review.listed(place.org))[0].summary["asked"] == "제 번호 010-****-1234로 연락 주세요"


async def test_abuse_is_an_item_of_its_own_kind(place: Place) -> None:
    await hand_over(place, await place.session(), "abuse")
    assert [item.kind for item in await place.review.listed(place.org)] == ["abuse"]


async def test_an_item_carries_the_state_of_the_conversation(place: Place) -> None:
    session = await place.session()
    stamp = Stamp(TurnId(uuid.uuid4()), 3, 0, json.dumps({"flow": "shipment_tracking", "rev": 3}))
    agent = await place.caller(session)
    caller = Caller(agent.org, agent.kind, agent.id, agent.trace_id, agent_tools=agent.agent_tools, session=session, stamp=stamp)  # fmt: skip
    arguments = {"reason": "asked", "summary": "상담원"}
    assert isinstance(await place.gate.call(caller, "create_handoff", arguments, key="k"), Done)
    (row,) = await place.rows("select turn_id, bot_context::text as context from e_ops_review_queue_items")
    assert row["turn_id"] == stamp.turn
    assert json.loads(row["context"]) == {"flow": "shipment_tracking", "rev": 3}


async def test_a_conversation_a_person_holds_or_that_ended_stays_as_it_is(place: Place) -> None:
    held, ended = await place.session(), await place.session()
    await place.rows("update d_conv_sessions set status = 'with_person' where id = $1 returning id", held)
    await place.sessions.close(place.org, ended, "resolved")
    for session, expected in ((held, "with_person"), (ended, "closed")):
        await hand_over(place, session)
        assert await status(place, session) == expected


async def test_wrong_arguments_are_refused(place: Place) -> None:
    session = await place.session()
    wrongs: tuple[dict[str, object], ...] = (
        {"reason": "other"}, {"summary": "가" * 501}, {"contact_phone": "123"}, {"priority": 0}, {"priority": 4}, {"more": 1},
    )  # fmt: skip
    for wrong in wrongs:
        arguments: dict[str, object] = {"reason": "asked", "summary": "상담원", **wrong}
        assert isinstance(await place.use(session, "create_handoff", **arguments), Invalid)  # type: ignore[arg-type]
    assert await place.review.listed(place.org) == []
    assert isinstance(await place.use(session, "create_handoff", reason="asked", summary="가" * 500), Done)


async def test_without_a_conversation_there_is_nothing_to_hand_over(place: Place) -> None:
    outcome = await place.use(None, "create_handoff", kind=CallerKind.MEMBER, reason="asked", summary="상담원")
    assert outcome == Invalid(fields=("session_id",))


async def test_one_member_takes_an_item_and_only_they_settle_it(place: Place) -> None:
    item = uuid.UUID((await hand_over(place, await place.session())).item_id)
    first, second = UserId(uuid.uuid4()), UserId(uuid.uuid4())
    now = place.clock.now()
    assert await place.review.settle(place.org, item, first, resolution="해결", now=now) is False
    assert await place.review.claim(place.org, item, first) == Claimed()
    assert await place.review.claim(place.org, item, first) == Claimed()
    assert await place.review.claim(place.org, item, second) == Taken(first)
    assert await place.review.settle(place.org, item, second, resolution="해결", now=now) is False
    assert await place.review.settle(place.org, item, first, resolution="010-0000-1234로 전화했어요", now=now)
    assert await place.review.settle(place.org, item, first, resolution="다시", now=now) is False
    assert await place.review.claim(place.org, item, second) is None
    (row,) = await place.rows("select status, resolution, assignee, closed_at from e_ops_review_queue_items")
    assert row == {
        "status": "resolved",
        "resolution": "010-****-1234로 전화했어요",
        "assignee": first,
        "closed_at": now,
    }


async def test_members_who_take_an_item_at_the_same_moment_do_not_both_get_it(place: Place) -> None:
    item = uuid.UUID((await hand_over(place, await place.session())).item_id)
    members = [UserId(uuid.uuid4()) for _ in range(6)]
    taken = await asyncio.gather(*(place.review.claim(place.org, item, member) for member in members))
    (winner,) = [member for member, end in zip(members, taken, strict=True) if end == Claimed()]
    assert [end for end in taken if end != Claimed()] == [Taken(winner)] * 5


async def test_a_dismissed_item_makes_room_for_a_new_one(place: Place) -> None:
    session, member = await place.session(), UserId(uuid.uuid4())
    first = await hand_over(place, session)
    assert await place.review.claim(place.org, uuid.UUID(first.item_id), member) == Claimed()
    assert (await hand_over(place, session)).item_id == first.item_id
    assert await place.review.settle(place.org, uuid.UUID(first.item_id), member, resolution="장난", now=place.clock.now(), dismissed=True)  # fmt: skip
    assert (await hand_over(place, session)).item_id != first.item_id


async def test_an_item_of_another_shop_is_neither_taken_nor_settled(place: Place) -> None:
    item = uuid.UUID((await hand_over(place, await place.session())).item_id)
    member = UserId(uuid.uuid4())
    assert await place.review.claim(place.other, item, member) is None
    assert await place.review.claim(place.org, item, member) == Claimed()
    assert await place.review.settle(place.other, item, member, resolution="x", now=place.clock.now()) is False
