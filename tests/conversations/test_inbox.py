"""A message is stored before it is acknowledged: in order, once, and without anything readable that was asked for."""

import asyncio
import uuid

from sangdam.conversations.model import Accepted, Refused
from sangdam.core.ids import SessionId
from sangdam.db.testing import Addresses
from tests.conversations.place import Place, placed


async def stored(place: Place, session: SessionId) -> list[dict[str, object]]:
    return await place.rows(
        "select seq, text, text_sealed, pii, payload::text as payload, id from d_conv_messages where session_id = $1 order by seq", session
    )  # fmt: skip


async def original(place: Place, row: dict[str, object]) -> str:
    return place.keyring.open(
        str(row["text_sealed"]), table="d_conv_messages", column="text_sealed", org=place.org, row=str(row["id"])
    )


async def test_fifty_messages_at_once_are_numbered_from_one_without_a_gap(addresses: Addresses) -> None:
    async with placed(addresses, pool=16) as place:
        session = await place.session()
        seqs = await asyncio.gather(*(place.say(session, f"{n}번째 말") for n in range(50)))
        assert sorted(seqs) == list(range(1, 51))
        assert [row["seq"] for row in await stored(place, session)] == list(range(1, 51))
        (row,) = await place.rows("select next_seq, owed_seq, answered_seq from d_conv_sessions where id = $1", session)
        assert row == {"next_seq": 51, "owed_seq": 50, "answered_seq": 0}


async def test_the_same_message_sent_at_the_same_moment_is_stored_once(addresses: Addresses) -> None:
    async with placed(addresses, pool=16) as place:
        session = await place.session()
        await place.say(session, "먼저 한 말")
        answers = await asyncio.gather(
            *(place.inbox.accept(place.org, session, client_id="client-0001", text="배송 조회요") for _ in range(20))
        )
        assert sum(answer == Accepted(2, False) for answer in answers) == 1
        assert sum(answer == Accepted(2, True) for answer in answers) == 19
        assert await place.say(session, "다음 말") == 3
        assert len(await stored(place, session)) == 3


async def test_a_repeat_much_later_still_gets_its_first_number(place: Place) -> None:
    session = await place.session()
    first = await place.inbox.accept(place.org, session, client_id="client-0001", text="배송 조회요")
    await place.say(session, "다음 말")
    again = await place.inbox.accept(place.org, session, client_id="client-0001", text="다른 글이어도")
    assert (first, again) == (Accepted(1, False), Accepted(1, True))
    await place.sessions.close(place.org, session, "resolved")
    closed = await place.inbox.accept(place.org, session, client_id="client-0001", text="배송 조회요")
    assert closed == Accepted(1, True)


async def test_the_same_client_id_in_two_conversations_is_two_messages(place: Place) -> None:
    for session in (await place.session(), await place.session()):
        assert await place.inbox.accept(place.org, session, client_id="client-0001", text="네") == Accepted(1, False)


async def test_a_closed_conversation_takes_nothing(place: Place) -> None:
    session = await place.session()
    await place.sessions.close(place.org, session, "resolved")
    assert await place.inbox.accept(place.org, session, client_id="client-0001", text="네") == Refused("closed")
    assert await stored(place, session) == []


async def test_an_unknown_conversation_and_one_of_another_shop_are_the_same(place: Place) -> None:
    foreign = await place.session(place.other)
    for session in (SessionId(uuid.uuid4()), foreign):
        assert await place.inbox.accept(place.org, session, client_id="client-0001", text="네") == Refused("unknown")
    assert await stored(place, foreign) == []


async def test_plain_words_lie_open_and_nothing_is_sealed(place: Place) -> None:
    session = await place.session()
    await place.say(session, "어제 산 셔츠 20261122-0000127 어디쯤 왔어요?")
    (row,) = await stored(place, session)
    assert row["text"] == "어제 산 셔츠 20261122-0000127 어디쯤 왔어요?"
    assert (row["text_sealed"], row["pii"]) == (None, False)


async def test_personal_words_are_masked_and_their_original_is_sealed(place: Place) -> None:
    session = await place.session()
    await place.say(session, "김하늘 010-0000-1234예요")
    (row,) = await stored(place, session)
    assert row["text"] == "김** 010-****-1234예요"
    assert row["pii"] is True
    assert await original(place, row) == "김하늘 010-0000-1234예요"


async def test_a_code_is_not_kept_readable_while_one_is_awaited(place: Place) -> None:
    session = await place.session()
    await place.context(session, expected={"kind": "otp"})
    ways = ("123456", "123 456", "인증번호 123456이에요", "1 2 3 4 5 6", "123456 맞나요", "１２３４５６")
    for said in ways:
        await place.say(session, said)
    for said, row in zip(ways, await stored(place, session), strict=True):
        assert not any(char.isdigit() for char in str(row["text"])), said
        assert row["pii"] is True
        assert await original(place, row) == said


async def test_a_code_that_overtakes_its_question_is_not_kept_readable_either(place: Place) -> None:
    session = await place.session()
    await place.say(session, "123456")
    await place.say(session, "20261122")
    code, day = await stored(place, session)
    assert (code["text"], day["text"]) == ("***", "20261122")
    assert await original(place, code) == "123456"


async def test_a_name_is_not_kept_readable_while_one_is_awaited(place: Place) -> None:
    ways = ("김하늘", "김하늘이에요", "김 하늘", "김 하 늘", "하늘 kim", "제갈하늘입니다")
    for kind in ("orderer_name", "order_fix"):
        session = await place.session()
        await place.context(session, expected={"kind": kind})
        for said in ways:
            await place.say(session, said)
        for said, row in zip(ways, await stored(place, session), strict=True):
            assert "늘" not in str(row["text"])
            assert "im" not in str(row["text"])
            assert await original(place, row) == said


async def test_what_is_not_asked_for_lies_open(place: Place) -> None:
    session = await place.session()
    await place.context(session, expected={"kind": "order_id_or_phone"})
    await place.say(session, "하늘색 셔츠요")
    assert (await stored(place, session))[0]["text"] == "하늘색 셔츠요"


async def test_a_pressed_button_is_kept_with_what_it_said(place: Place) -> None:
    session = await place.session()
    action = {
        "type": "choose",
        "list": "orders",
        "id": "20261122-0000127",
        "question": "ab12cd34.ask:order:690000000012",
    }
    accepted = await place.inbox.accept(place.org, session, client_id="client-0001", action=action, label="린넨 셔츠")
    assert accepted == Accepted(1, False)
    (message,) = await place.sessions.messages_after(place.org, session, 0)
    assert (message.text, message.payload) == ("린넨 셔츠", {"action": action})


async def test_a_forged_button_leaves_nothing_personal_readable(place: Place) -> None:
    session = await place.session()
    forged = {
        "type": "set",
        "slot": "phone",
        "value": "010-0000-1234",
        "otp": "123456",
        "deep": {"address1": "테헤란로 152"},
    }
    await place.inbox.accept(place.org, session, client_id="client-0001", action=forged, label="01000001234")
    everything = (await place.everything_stored())["d_conv_messages"]
    for canary in ("010-0000-1234", "01000001234", "123456", "테헤란로"):
        assert canary not in everything


async def test_what_an_operator_holds_owes_no_answer(place: Place) -> None:
    session = await place.session()
    await place.rows("update d_conv_sessions set speaker = 'operator' where id = $1 returning id", session)
    await place.say(session, "네")
    (row,) = await place.rows("select owed_seq, owed_since, next_seq from d_conv_sessions where id = $1", session)
    assert row == {"owed_seq": 0, "owed_since": None, "next_seq": 2}
