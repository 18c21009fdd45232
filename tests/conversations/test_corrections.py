"""What was said is taken back: now, late, twice; what did not depend on it stays."""

from tests.conversations.talk import CODE, HANEUL, OXFORD, PANTS, SEOJUN, SHIRT, Talk


async def test_another_number_before_the_code_was_sent(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000005678")
    asked = await talk.say("아니 010-0000-1234예요")
    assert "010-****-1234로" in asked.text
    await talk.say("네 보내주세요")
    assert [notice.to for notice in talk.phone.sent] == [HANEUL]


async def test_a_number_corrected_twice_ends_with_the_last(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000005678")
    await talk.say("아 01000009999요")
    await talk.say("아니다 01000001234요")
    await talk.press("인증번호 받기")
    assert [notice.to for notice in talk.phone.sent] == [HANEUL]


async def test_old_value_first_and_new_value_after(talk: Talk) -> None:
    await talk.say("배송 조회요")
    asked = await talk.say("01000005678 말고 01000001234요")
    assert "010-****-1234로" in asked.text
    assert SEOJUN not in [notice.to for notice in talk.phone.sent]


async def test_the_wrong_order_picked_is_replaced_by_its_number(talk: Talk) -> None:
    await talk.say("주문 조회요")
    await talk.prove()
    await talk.pick(OXFORD)
    told = await talk.say(f"아니 그거 말고 {PANTS} 이거 주문 조회요")
    assert "코튼 팬츠" in told.text


async def test_a_change_of_wish_before_the_order_is_known_changes_the_answer(talk: Talk) -> None:
    await talk.say("주문 조회해 주세요")
    asked = await talk.say("아 아니 배송 조회 할게요")
    assert asked.expected == "order_id_or_phone"
    await talk.prove()
    told = await talk.pick(SHIRT)
    assert "690000000012" in told.text


async def test_a_phone_given_while_the_name_is_asked_is_kept(talk: Talk) -> None:
    await talk.say(f"{SHIRT} 배송 조회")
    asked = await talk.say("01000001234")
    assert asked.expected == "orderer_name"
    told = await talk.say("김하늘이에요")
    assert "690000000012" in told.text


async def test_a_wrong_code_may_be_followed_by_another_phone(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.prove(SEOJUN, "000000")
    talk.clock.move(seconds=31)
    await talk.say("번호가 틀렸네요 01000001234요")
    listed = await talk.say(CODE)
    assert "7건" in listed.text
