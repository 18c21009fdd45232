"""Turns as they are stored: loaded under a lock, taken over when their holder died, closed only if nothing was said meanwhile."""

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sangdam.conversations.turns import Closing, Loaded, Opening, TurnBook
from sangdam.core.ids import CallId, OrgId, SessionId, TurnId, new_trace_id
from tests.conversations.place import Place

LEASE = timedelta(seconds=6)


def book(place: Place) -> TurnBook:
    return TurnBook(place.keyring, place.hasher)


async def load(place: Place, session: SessionId, org: OrgId | None = None) -> Loaded | None:
    async with place.db.org(org or place.org) as tx:
        return await book(place).load(org or place.org, tx, session)


async def loaded(place: Place, session: SessionId) -> Loaded:
    found = await load(place, session)
    assert found is not None
    return found


def opening(place: Place, found: Loaded, holder: str = "one") -> Opening:
    now = place.clock.now()
    return Opening(
        TurnId(uuid.uuid4()), found.last_turn_no + 1, found.answered_seq + 1, found.owed_seq, new_trace_id(), holder, now + LEASE, now
    )  # fmt: skip


async def opened(place: Place, session: SessionId, holder: str = "one", results: dict[str, Any] | None = None) -> Opening:  # fmt: skip
    found = await loaded(place, session)
    begun = opening(place, found, holder)
    async with place.db.org(place.org) as tx:
        await book(place).open(place.org, tx, found, begun, trail=[{"rev": 1}], results={})
        if results is not None:
            await book(place).called(
                place.org, tx, begun.turn, call=CallId(uuid.uuid4()), results=results, trail=[{"rev": 1}], lease_until=begun.lease_until
            )  # fmt: skip
    return begun


def closing(place: Place, begun: Opening, *, was_opened: bool = False, text: str = "네, 말씀해 주세요.", **more: Any) -> Closing:  # fmt: skip
    plain = Closing(
        opening=begun, status="done", opened=was_opened, at=place.clock.now(), intent="order_lookup", reading={}, commands=[], bot_context={"turn_id": str(begun.turn)}, trail=[{"rev": 1}],
        call_ids=[], failed=None, latency_ms=12, memory='{"slots": {"phone": "01000001234"}}', language="ko", reply_text=text, reply_kind="text", reply_payload={"cards": []},
        session_status=None, outcome=None, category="order_lookup", csat=None,
    )  # fmt: skip
    return replace(plain, **more)


async def close(place: Place, found: Loaded, what: Closing) -> int | None:
    async with place.db.org(place.org) as tx:
        return await book(place).close(place.org, tx, found, what)


async def due(place: Place) -> list[SessionId]:
    now = place.clock.now()
    async with place.db.system() as tx:
        return [session for _, session in await book(place).due(tx, now=now, before=now, limit=10)]


async def test_what_was_said_is_loaded_in_the_shoppers_own_words(place: Place) -> None:
    session = await place.session()
    await place.say(session, "배송 조회요")
    await place.say(session, "010-0000-1234예요")
    found = await loaded(place, session)
    assert [heard.text for heard in found.heard] == ["배송 조회요", "010-0000-1234예요"]
    assert (found.owed_seq, found.answered_seq, found.memory, found.open_turn, found.tries) == (2, 0, None, None, 0)
    assert await due(place) == [session]


async def test_another_shop_loads_nothing(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    assert await load(place, session, place.other) is None


async def test_who_comes_second_finds_it_held(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    async with place.db.org(place.org) as tx:
        assert await book(place).load(place.org, tx, session) is not None
        assert await load(place, session) is None
    assert await load(place, session) is not None


async def test_an_answer_is_stored_with_its_state_and_owes_nothing_more(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    found = await loaded(place, session)
    assert await close(place, found, closing(place, opening(place, found), text="010-0000-1234로 보냈어요.")) == 2
    again = await loaded(place, session)
    assert (again.answered_seq, again.owed_seq, again.state_rev, again.heard) == (1, 1, 1, ())
    assert again.memory == '{"slots": {"phone": "01000001234"}}'
    assert await due(place) == []
    (row,) = await place.rows("select text, pii from d_conv_messages where sender = 'bot'")
    assert row == {"text": "010-****-1234로 보냈어요.", "pii": True}
    (turn,) = await place.rows("select status, seq_from, seq_to, reply_seq, state_before, state_rev from d_conv_turns")
    assert turn == {"status": "done", "seq_from": 1, "seq_to": 1, "reply_seq": 2, "state_before": 0, "state_rev": 1}
    everything = "\n".join((await place.everything_stored()).values())
    assert "01000001234" not in everything
    assert "010-0000-1234" not in everything


async def test_newer_words_supersede_an_answer_that_did_not_hear_them(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    found = await loaded(place, session)
    await place.say(session, "아니요")
    assert await close(place, found, closing(place, opening(place, found))) is None
    assert await place.rows("select 1 from d_conv_turns") == []
    assert await place.rows("select 1 from d_conv_messages where sender = 'bot'") == []
    newest = await loaded(place, session)
    assert [heard.text for heard in newest.heard] == ["네", "아니요"]
    assert await close(place, newest, closing(place, opening(place, newest))) == 3


async def test_a_state_is_answered_once(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    found = await loaded(place, session)
    ends = await asyncio.gather(*(close(place, found, closing(place, opening(place, found))) for _ in range(4)))
    assert sorted(end is None for end in ends) == [False, True, True, True]
    assert len(await place.rows("select 1 from d_conv_turns")) == 1


async def test_an_operator_who_took_over_is_not_spoken_over(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    found = await loaded(place, session)
    await place.rows("update d_conv_sessions set speaker = 'operator' where id = $1 returning id", session)
    assert await close(place, found, closing(place, opening(place, found))) is None


async def test_a_turn_with_tools_is_closed_where_it_was_opened(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    begun = await opened(place, session, results={"use:track_shipment:ab": {"kind": "Done"}})
    found = await loaded(place, session)
    assert found.open_turn is not None
    assert found.open_turn.results == {"use:track_shipment:ab": {"kind": "Done"}}
    assert len(found.open_turn.call_ids) == 1
    assert await close(place, found, closing(place, begun, was_opened=True)) == 2
    (turn,) = await place.rows("select status, lease_until, reply_seq from d_conv_turns")
    assert turn == {"status": "done", "lease_until": None, "reply_seq": 2}


async def test_a_held_turn_is_not_due_and_a_dead_ones_is(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    begun = await opened(place, session)
    assert await due(place) == []
    place.clock.at = begun.lease_until
    assert await due(place) == [session]
    async with place.db.org(place.org) as tx:
        await book(place).renew(place.org, tx, [begun.turn], lease_until=place.clock.now() + LEASE)
    assert await due(place) == []
    async with place.db.org(place.org) as tx:
        await book(place).let_go(place.org, tx, begun.turn, now=place.clock.now())
    assert await due(place) == [session]


async def test_a_turn_taken_over_takes_no_further_calls_of_its_old_holder(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    begun = await opened(place, session)
    async with place.db.org(place.org) as tx:
        await book(place).supersede(place.org, tx, begun.turn, at=place.clock.now(), reason="holder_died")
        mine = await book(place).called(
            place.org, tx, begun.turn, call=CallId(uuid.uuid4()), results={}, trail=[], lease_until=begun.lease_until
        )
    assert mine is False
    found = await loaded(place, session)
    assert (found.open_turn, found.tries, found.last_turn_no) == (None, 1, 1)
    (turn,) = await place.rows("select status, failed::text as failed, lease_until from d_conv_turns")
    assert turn == {"status": "superseded", "failed": '{"code": "holder_died"}', "lease_until": None}


async def test_only_one_turn_of_a_conversation_is_open(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    await opened(place, session)
    rows = await place.rows("select count(*) as n from d_conv_turns where status = 'open'")
    assert rows == [{"n": 1}]


async def test_skipped_words_are_owed_no_answer(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    async with place.db.org(place.org) as tx:
        await book(place).skip(place.org, tx, session, 1)
    assert await due(place) == []
    await place.say(session, "네?")
    assert await due(place) == [session]


async def test_a_turn_that_ends_the_conversation_closes_it(place: Place) -> None:
    session = await place.session()
    await place.say(session, "끝낼게요")
    found = await loaded(place, session)
    done = closing(
        place, opening(place, found), session_status="closed", outcome="resolved", csat={"score": 5}, order_ids=["a", "b"], phone_hash="h"
    )  # fmt: skip
    assert await close(place, found, done) == 2
    (row,) = await place.rows("select status, speaker, outcome, closed_at, order_ids, phone_hash from d_conv_sessions")
    assert row == {"status": "closed", "speaker": "nobody", "outcome": "resolved", "closed_at": place.clock.now(), "order_ids": ["a", "b"], "phone_hash": "h"}  # fmt: skip
