"""Who asks: codes, locks, the other way round, and nothing personal before it is known."""

from datetime import timedelta

from sangdam.core.phone import Phone
from sangdam.db.testing import Addresses
from sangdam.notify import Rejected
from tests.conversations.talk import CODE, HANEUL, OTHERS, SEOJUN, SHIRT, Talk, talking


async def test_a_wrong_code_tells_the_tries_left_and_the_right_one_goes_on(talk: Talk) -> None:
    await talk.say("배송 조회요")
    wrong = await talk.prove(code="000000")
    assert "4번 더 입력하실 수 있어요" in wrong.text
    right = await talk.say(CODE)
    assert "확인됐어요" in right.text


async def test_five_wrong_codes_lock_the_right_one_too_and_offer_the_order_number(talk: Talk) -> None:
    await talk.say("배송 조회요")
    reply = await talk.prove(code="000000")
    for _ in range(4):
        reply = await talk.say("000000")
    assert "15분" in reply.text
    assert reply.expected == "order_id_or_phone"
    asked = await talk.say(SHIRT)
    assert asked.expected == "orderer_name"
    told = await talk.say("김하늘")
    assert "690000000012" in told.text
    assert ("verify_otp", "error", "OTP_LOCKED") in await talk.calls()


async def test_an_expired_code_offers_a_new_one(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    await talk.press("인증번호 받기")
    talk.clock.move(minutes=6)
    late = await talk.say(CODE)
    assert "유효 시간이 지났어요" in late.text
    await talk.say("네")
    assert len(talk.phone.sent) == 2
    assert "확인됐어요" in (await talk.say(CODE)).text


async def test_a_resend_within_thirty_seconds_is_refused_with_the_seconds(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    await talk.press("인증번호 받기")
    refused = await talk.say("다시 보내 주세요")
    assert "초 뒤에 다시 받으실 수 있어요" in refused.text
    talk.clock.move(seconds=31)
    await talk.say("안 왔어요 다시 보내주세요")
    assert len(talk.phone.sent) == 2


async def test_without_the_phone_the_order_number_is_the_way(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("휴대폰 번호가 바뀌었어요")
    reply = talk.heard[-1]
    assert reply.expected in ("order_id_or_phone", "yes_no")


async def test_the_receivers_or_a_strangers_details_match_nothing(talk: Talk) -> None:
    await talk.say(f"{OTHERS} 배송 조회")
    await talk.say("김하늘")
    foreign = await talk.say("01000001234")
    missing = "알려 주신 정보와 맞는 주문을 찾지 못했어요. 주문번호와 주문하신 분 정보를 한 번 더 확인해 주세요."
    assert foreign.text == missing


async def test_a_strangers_number_and_a_missing_one_get_the_same_sentence(addresses: Addresses) -> None:
    texts: list[str] = []
    async with talking(addresses) as talk:
        for number in (OTHERS, "20261121-9999999"):
            await talk.say("처음으로")
            await talk.say(f"{number} 배송 조회해 주세요")
            if talk.heard[-1].expected == "orderer_name":
                await talk.say("김하늘")
                await talk.say("01000001234")
            texts.append(talk.heard[-1].text)
    assert texts[0] == texts[1]


async def test_a_verified_shopper_gets_the_same_sentence_for_a_strangers_order_and_a_missing_one(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.prove()
    await talk.pick(SHIRT)
    stranger = await talk.say(f"{OTHERS} 이것도 배송 조회해 주세요")
    await talk.say("그만할게요")
    missing = await talk.say("20261121-9999999 이거 배송 조회해 주세요")
    assert "남의 가방" not in stranger.text
    assert stranger.text == missing.text
    codes = [code for tool, _, code in await talk.calls() if tool == "track_shipment"]
    assert codes[-2:] == ["ORDER_NOT_OWNED", "CAFE24_NOT_FOUND"]


async def test_identity_ends_after_fifteen_minutes_and_slots_stay(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.prove()
    await talk.pick(SHIRT)
    talk.clock.move(minutes=16)
    again = await talk.say("주문 내용도 보여 주세요")
    assert "690000000012" not in again.text
    assert "린넨" not in again.text
    assert again.expected in ("orderer_name", "yes_no", "order_id_or_phone", "phone")


async def test_a_failed_sms_leads_to_the_orderer_match(talk: Talk) -> None:
    talk.phone.answers.append(Rejected("2100", retryable=False))
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    reply = await talk.press("인증번호 받기")
    assert "지금은 문자를 보낼 수 없어요" in reply.text
    assert reply.expected == "order_id_or_phone"


async def test_without_sms_the_order_number_is_asked_for(addresses: Addresses) -> None:
    async with talking(addresses, sms=False) as talk:
        await talk.say("배송 조회요")
        reply = await talk.say("01000001234")
        assert "문자를 보낼 수 없어요" in reply.text
        await talk.say(SHIRT)
        await talk.say("김하늘")
        assert "690000000012" in talk.heard[-1].text


async def test_a_landline_is_told_to_be_no_mobile(talk: Talk) -> None:
    await talk.say("배송 조회요")
    reply = await talk.say("02-123-4567")
    assert "휴대폰 번호가 필요해요" in reply.text


async def test_another_number_gets_its_own_code(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000005678")
    await talk.press("인증번호 받기")
    talk.clock.move(seconds=31)
    reply = await talk.say("아 번호 잘못 적었어요 010-0000-1234요")
    assert "010-****-1234로 인증번호를 보내 드렸어요" in reply.text
    assert [notice.to for notice in talk.phone.sent] == [SEOJUN, HANEUL]
    listed = await talk.say(CODE)
    assert "주문이 7건 있어요" in listed.text


async def test_wrong_number_first_keeps_name_and_phone(talk: Talk) -> None:
    await talk.say("20261122-0000999 배송 조회")
    await talk.say("김하늘")
    await talk.say("01000001234")
    told = await talk.say(f"아 {SHIRT}이에요")
    assert "690000000012" in told.text


async def test_five_mismatches_lock_the_orderer_match(talk: Talk) -> None:
    await talk.say("20261122-0000999 배송 조회")
    await talk.say("김하늘")
    reply = await talk.say("01000001234")
    for number in range(4):
        reply = await talk.say(f"20261122-000099{number}")
    reply = await talk.say(SHIRT)
    assert "690000000012" not in reply.text
    assert "15분" in reply.text
    talk.clock.move(minutes=31)
    assert timedelta(minutes=31) > timedelta(minutes=30)


async def test_a_phone_without_orders_says_so_and_offers_a_wider_search(talk: Talk) -> None:
    await talk.say("주문 조회요")
    reply = await talk.prove(Phone("01000000000"))
    assert "내역이 없어요" in reply.text
    wider = await talk.press("1년까지 넓히기")
    assert "최근 1년" in wider.text
