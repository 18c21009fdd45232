"""Which one is meant: numbers, names, wishes."""

from tests.conversations.talk import CODE, SHIRT, Talk


async def test_fifteen_digits_beginning_like_a_phone_are_an_order_number(talk: Talk) -> None:
    await talk.say("배송 조회요")
    asked = await talk.say("202611220000127")
    assert asked.expected == "orderer_name"
    assert (await talk.context())["slots"]["order_id"]["value"] == SHIRT


async def test_six_digits_are_a_code_only_while_one_is_awaited(talk: Talk) -> None:
    await talk.say("배송 조회요")
    reply = await talk.say("261122")
    assert reply.expected == "order_id_or_phone"
    assert await talk.calls() == []


async def test_an_order_number_while_a_code_is_awaited_is_an_order_number(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    await talk.press("인증번호 받기")
    asked = await talk.say(SHIRT)
    assert asked.expected in ("orderer_name", "otp")
    assert ("verify_otp", "error", "OTP_INVALID") not in await talk.calls()


async def test_a_building_is_no_choice(talk: Talk) -> None:
    await talk.say("주문 조회요")
    await talk.prove()
    reply = await talk.say("3동이에요")
    assert reply.expected == "choice"
    assert [tool for tool, *_ in await talk.calls()][-1] == "list_orders"


async def test_an_unread_answer_is_asked_again_differently_and_then_a_person_is_offered(talk: Talk) -> None:
    first = await talk.say("배송 조회요")
    texts = [first.text.split("\n")[-1]]
    reply = first
    for words in ("qwrt zxcv", "ㅁㄴㅇㄹ ㅂㅈㄷㄱ", "zzxx ccvv"):
        reply = await talk.say(words)
        texts.append(reply.text.split("\n")[-1])
    assert len(set(texts)) == len(texts)
    assert "상담원" in reply.text


async def test_the_list_understands_numbers_names_and_places(talk: Talk) -> None:
    for words, name in (("2번", "옥스포드 셔츠"), ("린넨이요", "린넨 셔츠"), ("첫번째꺼", "니트")):
        await talk.say("처음으로")
        await talk.say("주문 조회요")
        if not talk.heard[-1].cards:
            await talk.prove(code=CODE)
        told = await talk.say(words)
        assert name in told.text


async def test_anger_before_a_question_is_no_refusal(talk: Talk) -> None:
    reply = await talk.say("아니 왜 택배가 안 와요")
    assert reply.expected == "order_id_or_phone"


async def test_two_likely_wishes_are_asked_about(talk: Talk) -> None:
    await talk.say("주문 조회요")
    await talk.prove()
    await talk.pick(SHIRT)
    reply = await talk.say("취소요")
    assert reply.text
