"""Something else in between, and back."""

import pytest

from tests.conversations.talk import SHIRT, Talk


async def test_why_is_answered_and_asked_again(talk: Talk) -> None:
    await talk.say("배송 조회요")
    reply = await talk.say("왜요?")
    assert "다른 분의 주문이 보이지 않도록" in reply.text
    assert reply.expected == "order_id_or_phone"


async def test_say_that_again(talk: Talk) -> None:
    first = await talk.say("배송 조회요")
    again = await talk.say("네?")
    assert again.expected == first.expected


async def test_thanks_in_between_cost_nothing(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("감사합니다")
    assert (await talk.context())["expected"]["asks"] == 1
    await talk.prove()
    assert "690000000012" in (await talk.pick(SHIRT)).text


async def test_a_question_about_the_rules_while_a_code_is_awaited(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    await talk.press("인증번호 받기")
    held = await talk.say("근데 배송비는 얼마예요?")
    assert "찾지 못했어요" in held.text
    back = await talk.say("아니요")
    assert "이어서 배송 조회" in back.text
    assert back.expected == "otp"


@pytest.mark.parametrize("said", ["배송비 얼마예요?", "포장은 어떻게 해 주시나요?"])
async def test_another_question_is_no_answer_to_the_offer_of_a_person(talk: Talk, said: str) -> None:
    await talk.say("환불 규정이 어떻게 돼요?")
    reply = await talk.say(said)
    assert "네 또는 아니요" not in reply.text
    assert "찾지 못했어요" in reply.text


async def test_an_order_named_instead_of_an_answer_to_an_offer_is_looked_up(talk: Talk) -> None:
    await talk.say("환불 규정이 어떻게 돼요?")
    reply = await talk.say(f"주문번호 {SHIRT} 조회요")
    assert "네 또는 아니요" not in reply.text
    assert "본인" in reply.text or "주문하신 분" in reply.text


async def test_mumbling_at_an_offer_is_asked_again(talk: Talk) -> None:
    await talk.say("환불 규정이 어떻게 돼요?")
    reply = await talk.say("음 글쎄요 잘 모르겠네")
    assert "네 또는 아니요" in reply.text
