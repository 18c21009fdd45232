"""Two wishes in one message: the first runs, the second is not forgotten and asks nothing twice."""

from tests.conversations.talk import SHIRT, Talk


async def test_delivery_and_a_return_in_one_sentence(talk: Talk) -> None:
    await talk.say("배송조회도 해주시고 반품도 하고 싶어요")
    await talk.prove()
    told = await talk.pick(SHIRT)
    assert "690000000012" in told.text
    assert "반품도 이어서 도와드릴까요?" in told.text
    handed = await talk.say("네")
    assert "반품은 상담원이" in handed.text


async def test_the_second_wish_may_be_dropped(talk: Talk) -> None:
    await talk.say("배송조회도 해주시고 반품도 하고 싶어요")
    await talk.prove()
    await talk.pick(SHIRT)
    dropped = await talk.say("아니요")
    assert "반품 건은 진행하지 않을게요" in dropped.text
    assert "create_handoff" not in [tool for tool, *_ in await talk.calls()]
