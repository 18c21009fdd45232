"""When the mall does not answer: a safe sentence, another try, a person; never an invention, never an inside word."""

import pytest

from sangdam.commerce.shop import ShopFailure
from sangdam.notify import NoAnswer
from tests.conversations.talk import CODE, SHIRT, Talk


async def test_a_read_that_fails_can_be_tried_again(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.prove()
    talk.mall.failing["shipments"] = ShopFailure("CAFE24_TIMEOUT", retryable=True)
    down = await talk.pick(SHIRT)
    assert "지금 쇼핑몰에서 응답을 받지 못했어요" in down.text
    assert "690000000012" not in down.text
    talk.mall.failing.clear()
    told = await talk.press("다시 시도")
    assert "690000000012" in told.text


async def test_a_second_failure_offers_a_person(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.prove()
    talk.mall.failing["shipments"] = ShopFailure("CAFE24_UNAVAILABLE", retryable=True)
    await talk.pick(SHIRT)
    offered = await talk.press("다시 시도")
    assert "상담원에게 전달해 드릴까요?" in offered.text
    reply = await talk.say("네")
    assert "상담원에게 전달했어요" in reply.text


@pytest.mark.parametrize("code", ["CAFE24_REAUTH_REQUIRED", "SCOPE_ERROR", "CONFIG_ERROR"])
async def test_what_only_staff_can_mend_goes_to_staff(talk: Talk, code: str) -> None:
    talk.mall.failing["orders"] = ShopFailure(code)
    await talk.say("주문 조회요")
    reply = await talk.prove()
    assert "상담원이 직접 확인해야 해요" in reply.text


@pytest.mark.parametrize("code", ["TOKEN_REFRESH_FAILED", "CAFE24_ERROR", "CAFE24_TIMEOUT"])
async def test_what_passes_is_said_to_be_no_answer(talk: Talk, code: str) -> None:
    talk.mall.failing["orders"] = ShopFailure(code, retryable=True)
    await talk.say("주문 조회요")
    reply = await talk.prove()
    assert "응답을 받지 못했어요" in reply.text


async def test_too_many_requests_are_said_to_be_busy(talk: Talk) -> None:
    talk.mall.failing["orders"] = ShopFailure("CAFE24_RATE_LIMITED", retryable=True)
    await talk.say("주문 조회요")
    reply = await talk.prove()
    assert "요청이 몰려서" in reply.text


async def test_without_the_carrier_list_the_number_is_told_and_no_name_guessed(talk: Talk) -> None:
    talk.mall.failing["carriers"] = ShopFailure("CAFE24_TIMEOUT", retryable=True)
    await talk.say("배송 조회요")
    await talk.prove()
    told = await talk.pick(SHIRT)
    assert "690000000012" in told.text
    assert "CJ대한통운" not in told.text
    assert "택배사 확인 중" in told.text


async def test_the_orderer_match_fails_without_saying_why(talk: Talk) -> None:
    talk.mall.failing["buyer_matches"] = ShopFailure("CAFE24_UNAVAILABLE", retryable=True)
    await talk.say(f"{SHIRT} 배송 조회")
    await talk.say("김하늘")
    reply = await talk.say("01000001234")
    assert "응답을 받지 못했어요" in reply.text
    talk.mall.failing.clear()
    told = await talk.press("다시 시도")
    assert "690000000012" in told.text


async def test_a_text_whose_end_is_not_known_is_not_said_to_be_sent(talk: Talk) -> None:
    talk.phone.answers.append(NoAnswer("timeout"))
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    reply = await talk.press("인증번호 받기")
    assert "보내 드렸어요" not in reply.text
    assert reply.expected == "otp"
    assert "확인됐어요" in (await talk.say(CODE)).text
