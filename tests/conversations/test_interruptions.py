"""Impatience: double clicks, two lines at once, silence in between, nothing said at all."""

import asyncio

from tests.conversations.talk import CODE, SHIRT, Talk


async def test_a_double_clicked_button_sends_one_code(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    action = talk.heard[-1].action("인증번호 받기")
    first = await talk.send(None, action, "인증번호 받기")
    await talk.send(None, action, "인증번호 받기")
    reply = await talk.answer(first.seq)
    assert reply.expected == "otp"
    assert len(talk.phone.sent) == 1
    assert [tool for tool, *_ in await talk.calls()] == ["send_otp"]


async def test_a_button_pressed_again_later_is_known_as_taken_in(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    action = talk.heard[-1].action("인증번호 받기")
    await talk.press("인증번호 받기")
    reply = await talk.answer((await talk.send(None, action, "인증번호 받기")).seq)
    assert "이미 반영했어요" in reply.text
    assert len(talk.phone.sent) == 1


async def test_the_same_line_resent_is_stored_and_answered_once(talk: Talk) -> None:
    first = await talk.send("배송 조회요", client_id="line-0001")
    again = await talk.send("배송 조회요", client_id="line-0001")
    assert (again.seq, again.duplicate) == (first.seq, True)
    await talk.answer(first.seq)
    assert await talk.product.turns.work(talk.org, talk.session.id) == "nothing"


async def test_two_lines_before_the_answer_are_both_read(talk: Talk) -> None:
    first = await talk.send("배송 조회요")
    await talk.send("번호는 01000001234예요")
    reply = await talk.answer(first.seq)
    assert "010-****-1234로 인증번호를 보내 드릴까요?" in reply.text


async def test_many_workers_at_once_answer_once(talk: Talk) -> None:
    sent = await talk.send("배송 조회요")
    outcomes = await asyncio.gather(*(talk.product.turns.work(talk.org, talk.session.id) for _ in range(6)))
    assert outcomes.count("answered") == 1
    messages = await talk.product.sessions.messages_after(talk.org, talk.session.id, sent.seq)
    assert [message.sender for message in messages] == ["bot"]


async def test_words_said_while_a_tool_runs_are_answered_and_the_tool_ran_once(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    pressed = await talk.send(None, talk.heard[-1].action("인증번호 받기"), "인증번호 받기")
    working = asyncio.create_task(talk.product.turns.work(talk.org, talk.session.id))
    await asyncio.sleep(0)
    await talk.send("빨리요")
    await working
    reply = await talk.answer(pressed.seq)
    assert reply.expected == "otp"
    assert len(talk.phone.sent) == 1


async def test_taking_time_is_fine(talk: Talk) -> None:
    await talk.say("배송 조회요")
    waited = await talk.say("잠깐만요")
    assert "천천히" in waited.text
    assert (await talk.context())["expected"]["asks"] == 1
    await talk.prove()
    assert "690000000012" in (await talk.pick(SHIRT)).text


async def test_laughter_and_nothing_leave_the_question_open(talk: Talk) -> None:
    await talk.say("배송 조회요")
    reply = await talk.say("ㅋㅋㅋㅋ")
    assert reply.expected == "order_id_or_phone"
    await talk.prove(code=CODE)
    assert talk.heard[-1].cards


async def test_more_lines_than_one_turn_hears_are_all_answered(talk: Talk) -> None:
    first = await talk.send("배송 조회요")
    for number in range(24):
        await talk.send(f"빨리요 {number}번째예요")
    outcomes = [await talk.product.turns.work(talk.org, talk.session.id) for _ in range(3)]
    assert outcomes == ["partly", "answered", "nothing"]
    messages = await talk.product.sessions.messages_after(talk.org, talk.session.id, first.seq)
    assert [message.sender for message in messages][-2:] == ["bot", "bot"]
