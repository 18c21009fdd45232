"""Order number, name and phone that fit together: one answer for every mismatch, five tries, half an hour."""

import asyncio
import json
import uuid
from datetime import timedelta

import pytest

from sangdam.conversations.grants import TOKEN_LENGTH
from sangdam.conversations.orderer import MISMATCHES, WITHIN
from sangdam.core.ids import CallId
from sangdam.core.phone import Phone
from sangdam.tools.model import Assurance, Call, CallerKind, Denied, Done, Failed, NeedsVerification, Outcome
from tests.conversations.place import Place
from tests.conversations.talk import HANEUL, OTHERS, SEOJUN, SHIRT, item, order

SECOND = timedelta(seconds=1)
MISMATCH, LOCKED = Failed("ORDERER_MISMATCH"), Failed("ORDERER_LOCKED")
MISSING = "20261121-9999999"


async def match(place: Place, session: object, order_id: str = SHIRT, name: str = "김하늘", phone: Phone = HANEUL, **more: object) -> Outcome:  # fmt: skip
    return await place.use(session, "verify_orderer", order_id=order_id, orderer_name=name, orderer_phone=phone.digits, **more)  # type: ignore[arg-type]  # fmt: skip


def code(outcome: Outcome) -> str | None:
    return None if isinstance(outcome, Done) else outcome.code


async def test_what_fits_together_opens_that_order_for_half_an_hour(place: Place) -> None:
    session = await place.session()
    matched = await match(place, session)
    assert isinstance(matched, Done)
    assert matched.result["customer_verification_token"] is None
    (grant,) = await place.grants.of(place.org, session, place.clock.now())
    assert (grant.level, grant.order_id, grant.phone) == (Assurance.CLAIMED, SHIRT, None)
    assert isinstance(await place.use(session, "lookup_order", order_id=SHIRT), Done)
    assert isinstance(await place.use(session, "lookup_order", order_id=OTHERS), NeedsVerification)
    assert isinstance(await place.use(session, "list_orders"), NeedsVerification)
    place.clock.move(minutes=30, seconds=-1)
    assert isinstance(await place.use(session, "lookup_order", order_id=SHIRT), Done)
    place.clock.at += SECOND
    assert isinstance(await place.use(session, "lookup_order", order_id=SHIRT), NeedsVerification)


async def test_each_of_the_three_wrong_gets_the_same_answer(place: Place) -> None:
    session = await place.session()
    outcomes = [
        await match(place, session, order_id=MISSING),
        await match(place, session, name="이하늘"),
        await match(place, session, phone=SEOJUN),
        await match(place, session, order_id=OTHERS),
    ]
    assert {code(outcome) for outcome in outcomes} == {"ORDERER_MISMATCH"}
    assert len({repr(outcome) for outcome in outcomes}) == 1
    assert await place.grants.of(place.org, session, place.clock.now()) == ()


async def test_the_fifth_mismatch_of_a_conversation_locks_the_right_one_too(place: Place) -> None:
    session = await place.session()
    for n in range(MISMATCHES - 1):
        assert code(await match(place, session, order_id=f"20261121-999999{n}")) == "ORDERER_MISMATCH"
    assert isinstance(await match(place, session), Done)
    assert code(await match(place, session, order_id=MISSING)) == "ORDERER_MISMATCH"
    assert code(await match(place, session)) == "ORDERER_LOCKED"
    place.clock.at += WITHIN - SECOND
    assert code(await match(place, session)) == "ORDERER_LOCKED"
    place.clock.at += SECOND
    assert isinstance(await match(place, session), Done)


async def test_the_fifth_mismatch_on_an_order_number_locks_it_for_everybody(place: Place) -> None:
    for n in range(MISMATCHES):
        session = await place.session()
        assert code(await match(place, session, name=f"김하{'가나다라마'[n]}")) == "ORDERER_MISMATCH"
    fresh = await place.session()
    assert code(await match(place, fresh)) == "ORDERER_LOCKED"
    assert isinstance(await match(place, fresh, order_id=OTHERS, name="이서준", phone=SEOJUN), Done)
    place.clock.at += WITHIN
    assert isinstance(await match(place, fresh), Done)


async def test_a_mismatch_in_one_shop_locks_nothing_in_another(place: Place) -> None:
    foreign = await place.session(place.other)
    for _ in range(MISMATCHES):
        await match(place, foreign, name="이하늘", org=place.other)
    assert isinstance(await match(place, await place.session()), Done)


async def test_guesses_of_one_moment_do_not_get_more_tries_than_five(place: Place) -> None:
    session = await place.session()
    now, caller = place.clock.now(), await place.caller(session, CallerKind.MCP)
    call = Call(CallId(uuid.uuid4()), caller, place.clock, deadline=place.clock.monotonic() + 6.0)
    await asyncio.gather(
        *(place.matches.record(call, session, SHIRT, matched=False, now=now) for _ in range(MISMATCHES))
    )
    late = await place.matches.record(call, session, SHIRT, matched=True, now=now)
    assert late is None
    assert await place.grants.of(place.org, session, now) == ()


async def test_each_try_is_an_event_that_names_the_order_and_not_the_person(place: Place) -> None:
    session = await place.session()
    await match(place, session, name="이하늘")
    await match(place, session)
    rows = await place.rows(
        "select event_type, payload, session_id from f_audit_events where event_type like 'ORDERER%' order by chain_seq"
    )
    assert [(row["event_type"], row["session_id"]) for row in rows] == [
        ("ORDERER_MISMATCH", session),
        ("ORDERER_MATCHED", session),
    ]
    assert all(json.loads(row["payload"]) == {"order_id": SHIRT} for row in rows)


async def test_a_guest_order_is_matched_the_same_way(place: Place) -> None:
    guest = "20261119-0000300"
    place.shop.orders_known.append(order(guest, 4, [item(guest, 1, "수건", "N10")], phone=Phone("01000009012"), name="박지우", member=None))  # fmt: skip
    session = await place.session()
    assert isinstance(await match(place, session, order_id=guest, name="박 지우", phone=Phone("01000009012")), Done)


@pytest.mark.parametrize("kind", [CallerKind.MEMBER, CallerKind.MCP])
async def test_other_callers_get_a_token_that_opens_its_conversation_only(place: Place, kind: CallerKind) -> None:
    session, another = await place.session(), await place.session()
    matched = await match(place, session, kind=kind)
    assert isinstance(matched, Done)
    token = matched.result["customer_verification_token"]
    assert len(token) == TOKEN_LENGTH
    opened = await place.use(session, "lookup_order", kind=kind, order_id=SHIRT, customer_verification_token=token)
    assert isinstance(opened, Done)
    for where, what in ((another, token), (session, token[:-1] + "x"), (None, token)):
        refused = await place.use(where, "lookup_order", kind=kind, order_id=SHIRT, customer_verification_token=what)
        assert isinstance(refused, NeedsVerification)
    assert token not in "\n".join((await place.everything_stored()).values())


async def test_an_address_has_twenty_tries_an_hour(place: Place) -> None:
    for n in range(20):
        outcome = await match(place, await place.session(), order_id=f"20261121-99999{n:02d}", ip="one address")
        assert code(outcome) == "ORDERER_MISMATCH"
    assert isinstance(await match(place, await place.session(), ip="one address"), Denied)
    assert isinstance(await match(place, await place.session(), ip="another"), Done)
    place.clock.move(minutes=62)
    assert isinstance(await match(place, await place.session(), ip="one address"), Done)


async def test_neither_name_nor_phone_nor_address_lies_readable(place: Place) -> None:
    session = await place.session()
    await match(place, session, ip="203.0.113.7")
    await match(place, session, name="이하늘", ip="203.0.113.7")
    for table, text in (await place.everything_stored()).items():
        for canary in ("하늘", HANEUL.digits, HANEUL.dashed, HANEUL.e164, "203.0.113.7"):
            assert canary not in text, (table, canary)
