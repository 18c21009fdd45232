"""Leaving off: nothing more happens, and it is said plainly."""

from tests.conversations.talk import SHIRT, Talk


async def test_stopping_while_a_code_is_awaited(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    await talk.press("인증번호 받기")
    stopped = await talk.say("그만할게요")
    assert "배송 조회 건은 진행하지 않았어요" in stopped.text
    assert (await talk.context())["flow"] is None
    assert [tool for tool, *_ in await talk.calls()] == ["send_otp"]


async def test_stopping_at_the_list(talk: Talk) -> None:
    await talk.say("주문 조회요")
    await talk.prove()
    stopped = await talk.say("그만")
    assert stopped.expected is None


async def test_declining_the_code_says_nothing_personal_and_offers_another_way(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    declined = await talk.say("아니요 괜찮아요")
    assert "인증번호는 보내지 않을게요" in declined.text
    assert len(talk.phone.sent) == 0
    asked = await talk.press("주문번호로 확인")
    assert asked.expected == "order_id_or_phone"


async def test_starting_over_keeps_the_identity_alone(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.prove()
    await talk.pick(SHIRT)
    await talk.say("처음으로")
    context = await talk.context()
    assert context["identity"]["assurance"] == "VERIFIED"
    assert context["slots"] == {}
    listed = await talk.say("주문 조회요")
    assert listed.cards


async def test_nothing_running_is_said_so(talk: Talk) -> None:
    reply = await talk.say("그만할래요")
    assert "진행 중인 일은 없어요" in reply.text
