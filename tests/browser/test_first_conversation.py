"""A shopper asks where the shirt is: on the shop's page with a code by text message, on the call page with an order number."""

from datetime import date, timedelta

import pytest
from playwright.async_api import Browser

from tests.browser.shopper import Chat, Demo, Visitor, visiting

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]

HANEUL = "010-0000-1234"
HANEUL_NAME = "김하늘"
SEOJUN = "010-0000-5678"


async def test_the_second_of_two_shirts_is_told_as_the_mall_has_it(visitor: Visitor) -> None:
    sandbox = visitor.demo.sandbox
    before = len(await sandbox.texts())
    chat = await visitor.chat_on_shop_page()

    await chat.say("어제 산 셔츠 어디쯤 왔어여?")
    await chat.say(HANEUL)
    await chat.press("인증번호 받기", clicks=2)
    assert len(await sandbox.texts()) == before + 1
    assert (await chat.said("shopper")).count("인증번호 받기") == 1
    await chat.say(await sandbox.code())

    cards = chat.by("card")
    titles = [words.splitlines()[0] for words in await cards.all_inner_texts()]
    answer = await chat.say("두번째거")

    today = date.fromisoformat((await sandbox.control("GET", "cast"))["start_day"])
    yesterday = f"{today - timedelta(days=1):%Y%m%d}"
    numbers = [number for number in (await sandbox.orders(HANEUL)).values() if number.startswith(yesterday)]
    orders = [await sandbox.order(number) for number in numbers]
    second = [each for each in orders if each["items"][0]["product_name"] == titles[1]]
    assert len(second) == 1, titles
    item = second[0]["items"][0]
    assert item["product_name"] in answer
    if not second[0]["shipments"]:
        assert "발송 전" in answer
    else:
        shipped = str(item["shipped_date"])
        assert item["shipping_company_name"] in answer
        assert item["tracking_no"] in answer
        assert f"{int(shipped[5:7])}월 {int(shipped[8:10])}일" in answer
    assert len(await sandbox.texts()) == before + 1


async def by_number(chat: Chat, number: str) -> str:
    """The answer to somebody who is 김하늘 and gives this order number."""
    await chat.say("배송 조회")
    await chat.say(number)
    await chat.say(HANEUL_NAME)
    return await chat.say(HANEUL)


async def test_on_the_call_page_a_wrong_order_number_is_corrected_by_the_right_one(visitor: Visitor) -> None:
    sandbox = visitor.demo.sandbox
    texts = len(await sandbox.texts())
    right = (await sandbox.orders(HANEUL))["in_transit"]
    order = await sandbox.order(right)
    chat = await visitor.call_page()

    refused = await by_number(chat, f"{right[:8]}-0009999")
    for known in (order["items"][0]["product_name"], order["items"][0]["tracking_no"], HANEUL_NAME):
        assert known not in refused
    told = await chat.say(right)
    for known in ("product_name", "shipping_company_name", "tracking_no"):
        assert order["items"][0][known] in told
    assert len(await sandbox.texts()) == texts


async def test_a_strangers_order_is_as_unknown_as_one_that_does_not_exist(demo: Demo, chromium: Browser) -> None:
    strangers = (await demo.sandbox.orders(SEOJUN))["only"]
    told: list[list[tuple[str, str]]] = []
    for number in (f"{strangers[:8]}-0009999", strangers):
        async with visiting(demo, chromium) as visitor:
            chat = await visitor.call_page()
            await by_number(chat, number)
            ways = [("way", words) for words in await chat.by("quick-reply").all_inner_texts()]
            told.append([(role, words.replace(number, "…")) for role, words in [*await chat.lines(), *ways]])
    missing, foreign = told
    assert missing == foreign
    assert len(missing) > 9
