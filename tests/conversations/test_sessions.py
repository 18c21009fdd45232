"""Conversations begin, are found again by a token, are read in any pieces, and end."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sangdam.conversations.model import Channel, Message, NewSession
from sangdam.conversations.sessions import ORIGINAL_LIFE, RESUME_LIFE, RESUME_OVERLAP
from sangdam.conversations.silence import PATIENCE, Patience, Silences
from sangdam.core.ids import OrgId, SessionId, new_uuid
from tests.conversations.place import Place

SECOND = timedelta(seconds=1)


async def test_a_conversation_begins_with_the_first_words_of_the_shop(place: Place) -> None:
    session = await place.sessions.open(
        place.org,
        NewSession(place.agents[place.org], 1, "widget"),
        opening="안녕하세요.",
        payload={"quick_replies": []},
    )
    assert session.code.startswith("S-")
    assert (session.status, session.speaker, session.last_seq) == ("open", "bot", 1)
    (message,) = await place.sessions.messages_after(place.org, session.id, 0)
    assert (message.seq, message.sender, message.text) == (1, "bot", "안녕하세요.")
    assert await place.sessions.get(place.org, session.id) == session


async def test_another_shop_neither_finds_nor_reads_nor_ends_it(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    assert await place.sessions.get(place.other, session) is None
    assert await place.sessions.messages_after(place.other, session, 0) == []
    assert await place.sessions.close(place.other, session, "resolved") is False
    found = await place.sessions.get(place.org, session)
    assert found is not None
    assert found.status == "open"


async def test_it_ends_once_and_owes_nothing_then(place: Place) -> None:
    session = await place.session()
    await place.say(session, "네")
    closings = await asyncio.gather(*(place.sessions.close(place.org, session, "resolved") for _ in range(5)))
    assert sorted(closings) == [False, False, False, False, True]
    (row,) = await place.rows("select status, speaker, outcome, owed_seq - answered_seq as owed from d_conv_sessions where id = $1", session)  # fmt: skip
    assert row == {"status": "closed", "speaker": "nobody", "outcome": "resolved", "owed": 0}
    events = await place.rows("select event_type from f_audit_events where session_id = $1 order by chain_seq", session)
    assert [event["event_type"] for event in events] == ["SESSION_STARTED", "SESSION_CLOSED"]


# Resume tokens --------------------------------------------------------------------------------------------------------


async def found(place: Place, token: str) -> SessionId | None:
    session = await place.sessions.resume(token)
    return session.id if session is not None else None


async def test_a_token_finds_its_conversation_for_a_day(place: Place) -> None:
    session = await place.session()
    token = await place.sessions.issue_resume(place.org, session)
    place.clock.at += RESUME_LIFE - SECOND
    assert await found(place, token) == session
    place.clock.at += SECOND
    assert await found(place, token) is None


async def test_only_its_hash_is_stored(place: Place) -> None:
    session = await place.session()
    first = await place.sessions.issue_resume(place.org, session)
    second = await place.sessions.issue_resume(place.org, session)
    everything = "\n".join((await place.everything_stored()).values())
    assert first not in everything
    assert second not in everything


async def test_a_foreign_or_forged_token_finds_nothing(place: Place) -> None:
    session, foreign = await place.session(), await place.session(place.other)
    token = await place.sessions.issue_resume(place.org, session)
    other = await place.sessions.issue_resume(place.other, foreign)
    assert await found(place, other) == foreign
    assert await found(place, token) == session
    for forged in ("", "x", token[:-1], token + "x", token.swapcase()):
        assert await found(place, forged) is None


async def test_using_the_new_token_ends_the_old_one(place: Place) -> None:
    session = await place.session()
    old = await place.sessions.issue_resume(place.org, session)
    assert await found(place, old) == session
    new = await place.sessions.issue_resume(place.org, session)
    assert await found(place, new) == session
    assert await found(place, old) is None
    assert await found(place, new) == session


async def test_the_old_token_lives_a_minute_at_most(place: Place) -> None:
    session = await place.session()
    old = await place.sessions.issue_resume(place.org, session)
    await place.sessions.resume(old)
    await place.sessions.issue_resume(place.org, session)
    place.clock.at += RESUME_OVERLAP - SECOND
    assert await found(place, old) == session
    place.clock.at += SECOND
    assert await found(place, old) is None


async def test_answers_lost_twice_on_the_way_lock_nobody_out(place: Place) -> None:
    session = await place.session()
    held = await place.sessions.issue_resume(place.org, session)
    for _ in range(3):
        assert await found(place, held) == session
        await place.sessions.issue_resume(place.org, session)  # never arrives
        place.clock.move(seconds=10)
    assert await found(place, held) == session
    arrived = await place.sessions.issue_resume(place.org, session)
    assert await found(place, arrived) == session
    assert await found(place, held) is None


async def test_an_old_token_does_not_outlive_its_own_day(place: Place) -> None:
    session = await place.session()
    old = await place.sessions.issue_resume(place.org, session)
    place.clock.at += RESUME_LIFE - 10 * SECOND
    assert await found(place, old) == session
    new = await place.sessions.issue_resume(place.org, session)
    place.clock.at += 10 * SECOND
    assert await found(place, old) is None
    assert await found(place, new) == session


async def test_an_ended_token_does_not_come_back_by_rotating(place: Place) -> None:
    session = await place.session()
    old = await place.sessions.issue_resume(place.org, session)
    place.clock.at += RESUME_LIFE
    new = await place.sessions.issue_resume(place.org, session)
    assert await found(place, old) is None
    assert await found(place, new) == session


async def test_a_suspended_shop_is_not_resumed(place: Place) -> None:
    session = await place.session()
    token = await place.sessions.issue_resume(place.org, session)
    await place.rows("update a_iam_organizations set status = 'suspended' where id = $1 returning id", place.org)
    assert await found(place, token) is None


# Reading --------------------------------------------------------------------------------------------------------------


async def test_the_shopper_reads_originals_for_half_an_hour_and_masks_then(place: Place) -> None:
    session = await place.session()
    await place.say(session, "제 번호는 010-0000-1234예요")
    place.clock.at += ORIGINAL_LIFE - SECOND
    (message,) = await place.sessions.messages_after(place.org, session, 0)
    assert message.text == "제 번호는 010-0000-1234예요"
    (shown,) = await place.sessions.messages_after(place.org, session, 0, for_shopper=False)
    assert shown.text == "제 번호는 010-****-1234예요"
    place.clock.at += SECOND
    (message,) = await place.sessions.messages_after(place.org, session, 0)
    assert message.text == "제 번호는 010-****-1234예요"


async def test_an_original_that_does_not_open_leaves_its_mask_and_the_rest(place: Place) -> None:
    session = await place.session()
    await place.say(session, "제 번호는 010-0000-1234예요")
    await place.say(session, "네")
    await place.rows("update d_conv_messages set text_sealed = 'v1.k9.AAAA.AAAA' where session_id = $1 and seq = 1 returning id", session)  # fmt: skip
    read = await place.sessions.messages_after(place.org, session, 0)
    assert [message.text for message in read] == ["제 번호는 010-****-1234예요", "네"]


async def test_the_transcript_is_the_same_however_it_is_cut(place: Place) -> None:
    session = await place.session()
    for n in range(12):
        await place.say(session, f"{n}번째 010-0000-{n:04d}")
    whole = await place.sessions.messages_after(place.org, session, 0)
    assert [message.seq for message in whole] == list(range(1, 13))
    cuts = await read_in_pieces(place, session)
    assert all(cut == whole for cut in cuts)
    assert await place.sessions.messages_after(place.org, session, 12) == []
    assert await place.sessions.messages_after(place.org, session, 99) == []


async def read_in_pieces(place: Place, session: SessionId) -> list[list[Message]]:
    plans: list[list[int]] = []

    @settings(max_examples=25, database=None)
    @given(st.lists(st.integers(1, 13), min_size=1, max_size=12))
    def plan(limits: list[int]) -> None:
        plans.append(limits)

    plan()
    return [await pieces(place, session, limits) for limits in plans]


async def pieces(place: Place, session: SessionId, limits: list[int]) -> list[Message]:
    read: list[Message] = []
    for turn in range(13):
        found = await place.sessions.messages_after(
            place.org, session, read[-1].seq if read else 0, limit=limits[turn % len(limits)]
        )
        if not found:
            break
        read.extend(found)
    return read


async def test_our_own_words_are_masked_like_all_others(place: Place) -> None:
    session = await place.session()
    async with place.db.org(place.org) as tx:
        seq = await place.sessions.append(
            place.org, tx, session, sender="system", kind="notice", text="연락처 010-0000-1234", payload={}, now=place.clock.now()
        )  # fmt: skip
        missing = await place.sessions.append(
            place.org, tx, SessionId(new_uuid()), sender="system", kind="notice", text="네", payload={}, now=place.clock.now()
        )  # fmt: skip
    assert (seq, missing) == (1, None)
    (row,) = await place.rows("select text, pii from d_conv_messages where session_id = $1", session)
    assert row == {"text": "연락처 010-****-1234", "pii": True}
    (row,) = await place.rows("select owed_seq from d_conv_sessions where id = $1", session)
    assert row == {"owed_seq": 0}


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_linked_conversation_knows_the_one_before(place: Place, language: str) -> None:
    before = await place.session()
    after = await place.sessions.open(
        place.org, NewSession(place.agents[place.org], 1, "widget", language=language, previous=before)
    )
    (row,) = await place.rows("select previous_session_id, language from d_conv_sessions where id = $1", after.id)
    assert row == {"previous_session_id": before, "language": language}


def silences(place: Place, patience: Patience = PATIENCE) -> Silences:
    async def patient(_: OrgId) -> Patience:
        return patience

    return Silences(
        place.db, place.sessions, place.clock, patient, {"ko": "아직 계신가요?", "en": "Are you still there?"}
    )


async def answered(place: Place, session: SessionId) -> None:
    await place.rows("update d_conv_sessions set answered_seq = owed_seq, owed_since = null where id = $1 returning id", session)  # fmt: skip


async def spoken(place: Place, channel: Channel = "widget") -> SessionId:
    """A conversation that has said something and was answered."""
    session = (await place.sessions.open(place.org, NewSession(place.agents[place.org], 1, channel))).id
    await place.say(session, "네")
    await answered(place, session)
    return session


async def test_silence_is_asked_about_once_after_ten_minutes_and_ended_after_thirty(place: Place) -> None:
    keeper = silences(place)
    session = await spoken(place)
    begun = place.clock.now()
    place.clock.at = begun + PATIENCE.nudge_after - SECOND
    assert (await keeper.silent(), await keeper.settle(place.org, session)) == ([], None)
    place.clock.at += SECOND
    assert await keeper.silent() == [(place.org, session)]
    assert await keeper.settle(place.org, session) == "nudged"
    assert await keeper.settle(place.org, session) is None
    assert await keeper.silent() == []
    place.clock.at = begun + PATIENCE.close_after - SECOND
    assert await keeper.settle(place.org, session) is None
    place.clock.at += SECOND
    assert await keeper.silent() == [(place.org, session)]
    assert await keeper.settle(place.org, session) == "closed"
    assert await keeper.settle(place.org, session) is None
    assert await keeper.silent() == []
    messages = await place.sessions.messages_after(place.org, session, 0)
    assert [(m.seq, m.sender, m.text) for m in messages] == [(1, "shopper", "네"), (2, "bot", "아직 계신가요?")]
    (row,) = await place.rows("select status, speaker, outcome, closed_at from d_conv_sessions where id = $1", session)
    assert row == {"status": "closed", "speaker": "nobody", "outcome": "abandoned", "closed_at": place.clock.now()}
    assert len(await place.rows("select 1 from f_audit_events where event_type = 'SESSION_CLOSED'")) == 1


async def test_words_after_the_question_begin_a_new_silence(place: Place) -> None:
    keeper = silences(place)
    session = await spoken(place)
    place.clock.at += PATIENCE.nudge_after
    assert await keeper.settle(place.org, session) == "nudged"
    place.clock.at += PATIENCE.nudge_after
    await place.say(session, "네 있어요")
    await answered(place, session)
    place.clock.at += PATIENCE.nudge_after - SECOND
    assert await keeper.settle(place.org, session) is None
    place.clock.at += SECOND
    assert await keeper.settle(place.org, session) == "nudged"


async def test_processes_that_look_at_the_same_moment_ask_once(place: Place) -> None:
    keeper = silences(place)
    session = await spoken(place)
    place.clock.at += PATIENCE.nudge_after
    steps = await asyncio.gather(*(keeper.settle(place.org, session) for _ in range(5)))
    assert sorted(map(str, steps)) == ["None"] * 4 + ["nudged"]


async def test_who_waits_for_an_answer_or_a_person_is_not_silent(place: Place) -> None:
    keeper = silences(place)
    owed = await place.session()
    await place.say(owed, "네")
    waiting = await spoken(place)
    await place.rows("update d_conv_sessions set status = 'waiting_person' where id = $1 returning id", waiting)
    place.clock.at += PATIENCE.close_after
    assert await keeper.silent() == []
    assert [await keeper.settle(place.org, session) for session in (owed, waiting)] == [None, None]


async def test_without_a_window_nobody_is_asked_but_the_conversation_ends(place: Place) -> None:
    keeper = silences(place)
    session = await spoken(place, "api")
    place.clock.at += PATIENCE.nudge_after
    assert await keeper.settle(place.org, session) is None
    place.clock.at += PATIENCE.close_after - PATIENCE.nudge_after
    assert await keeper.settle(place.org, session) == "closed"


async def test_a_conversation_without_a_word_ends_too(place: Place) -> None:
    session = await place.session()
    place.clock.at += PATIENCE.close_after
    assert await silences(place).settle(place.org, session) == "closed"


async def test_a_shop_says_how_patient_it_is(place: Place) -> None:
    session = await spoken(place)
    keeper = silences(place, Patience(timedelta(minutes=20), timedelta(minutes=40)))
    place.clock.at += timedelta(minutes=20) - SECOND
    assert await keeper.settle(place.org, session) is None
    place.clock.at += SECOND
    assert await keeper.settle(place.org, session) == "nudged"
    assert await keeper.settle(place.other, session) is None
