"""The main job: an order's facts and a parcel's place, only after identity."""

from sangdam.core.phone import Phone
from sangdam.db.testing import Addresses
from tests.conversations.talk import CODE, HANEUL, OXFORD, SHIRT, TWO_PARCELS, UNPAID, Talk, seeded, talking


async def test_a_parcel_is_found_by_phone_and_picked_from_the_list(talk: Talk) -> None:
    asked = await talk.say("어제 산 셔츠 어디쯤 왔어여?")
    assert asked.expected == "order_id_or_phone"
    consent = await talk.say("010-0000-1234")
    assert "010-****-1234로 인증번호를 보내 드릴까요?" in consent.text
    sent = await talk.press("인증번호 받기")
    assert "보내 드렸어요" in sent.text
    assert [notice.to for notice in talk.phone.sent] == [HANEUL]
    listed = await talk.say(CODE)
    assert listed.cards == [SHIRT, OXFORD]
    told = await talk.say("첫번째거")
    assert "린넨 셔츠" in told.text
    assert "CJ대한통운 690000000012" in told.text
    assert "11월 22일(일)에 출발했어요" in told.text
    assert await talk.calls() == [
        ("send_otp", "success", None),
        ("verify_otp", "success", None),
        ("list_orders", "success", None),
        ("track_shipment", "success", None),
    ]
    context = await talk.context()
    assert context["identity"]["assurance"] == "VERIFIED"
    assert context["slots"]["order_id"]["value"] == SHIRT


async def test_an_order_number_with_name_and_phone_needs_three_turns(talk: Talk) -> None:
    asked = await talk.say(f"{SHIRT} 이거 상태요")
    assert asked.expected == "orderer_name"
    asked = await talk.say("김하늘이요")
    assert asked.expected == "phone"
    told = await talk.say("01000001234")
    assert "린넨 셔츠" in told.text
    assert "배송중" in told.text
    assert "28,800원" in told.text
    assert [tool for tool, *_ in await talk.calls()] == ["verify_orderer", "lookup_order"]


async def test_name_and_phone_in_one_message_are_not_asked_again(talk: Talk) -> None:
    await talk.say(f"{SHIRT} 배송 어디쯤이에요")
    told = await talk.say("김하늘 010-0000-1234")
    assert "690000000012" in told.text


async def test_a_guest_finds_the_order_by_number(addresses: Addresses) -> None:
    mall = seeded()
    from tests.conversations.talk import item, order

    guest = "20261119-0000300"
    mall.orders_known.append(
        order(guest, 4, [item(guest, 1, "수건", "N10")], phone=Phone("01000009012"), name="박지우", member=None)
    )
    async with talking(addresses, mall=mall) as talk:
        await talk.say("비회원인데 주문 조회해 주세요")
        await talk.say(guest)
        await talk.say("박지우요")
        told = await talk.say("010 0000 9012")
        assert "수건" in told.text
        assert "상품준비중" in told.text


async def test_a_partly_shipped_order_names_both_parts(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.prove()
    told = await talk.pick(TWO_PARCELS)
    assert "머그컵: CJ대한통운 690000000033" in told.text
    assert "접시 (화이트 / M): 아직 발송 전이에요 (상품준비중)" in told.text


async def test_an_unpaid_order_says_what_to_pay_and_until_when(talk: Talk) -> None:
    await talk.say("주문 조회해 주세요")
    await talk.prove()
    told = await talk.pick(UNPAID)
    assert "아직 입금 전이에요" in told.text
    assert "28,800원" in told.text
    assert "결제 금액은" not in told.text
    assert "11월 25일(수)까지" in told.text


async def test_a_second_question_about_the_same_order_asks_nothing_again(talk: Talk) -> None:
    await talk.say("주문 조회해 주세요")
    await talk.prove()
    await talk.pick(SHIRT)
    told = await talk.say("그럼 지금 어디쯤 왔나요?")
    assert "690000000012" in told.text


async def test_a_single_order_is_taken_and_named(talk: Talk) -> None:
    await talk.say("택배 언제 와요?")
    told = await talk.prove(Phone("01000005678"))
    assert "남의 가방 건으로 볼게요" in told.text
    assert "690000000055" in told.text


async def test_pages_go_on_and_back(talk: Talk) -> None:
    await talk.say("주문내역 보여주세요")
    first = await talk.prove()
    assert len(first.cards) == 5
    second = await talk.say("더 보여줘")
    assert len(second.cards) == 2
    assert not set(first.cards) & set(second.cards)
    back = await talk.press("이전")
    assert back.cards == first.cards


async def test_it_ends_with_five_points(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.prove()
    await talk.pick(SHIRT)
    asked = await talk.say("아니요 없어요")
    assert asked.expected == "csat_score"
    bye = await talk.press("5점")
    assert "고마워요" in bye.text
    assert (await talk.context())["closed"] is True


async def test_english_is_answered_in_english(talk: Talk) -> None:
    asked = await talk.say("Where is my order? I want to track my delivery please")
    assert "order number" in asked.text
    consent = await talk.say("010-0000-1234")
    assert "Shall I send a code" in consent.text
    await talk.press("Send code")
    listed = await talk.say(CODE)
    assert "orders" in listed.text
    told = await talk.pick(SHIRT)
    assert "on its way" in told.text
    assert "690000000012" in told.text


async def test_a_low_rating_with_its_reason_reaches_staff(talk: Talk) -> None:
    await talk.say("이만 종료할게요")
    asked = await talk.say("1점")
    assert asked.expected == "csat_reason"
    await talk.say("답이 너무 느리고 010-0000-1234 번호를 두 번이나 물어봤어요")
    items = await talk.product.review.listed(talk.org)
    assert [(item.kind, item.priority) for item in items] == [("csat_low", 3)]
    assert "010-****-1234" in items[0].summary["reason"]
