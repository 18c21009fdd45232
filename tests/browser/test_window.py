"""The chat window itself: reloads, two tabs, a line that breaks, Hangul, the keyboard alone, narrow and dark screens."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.shopper import Chat, Demo, Visitor, visiting
from tests.processes.running import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]

HELLO = "안녕하세요"
PRICE = "배송비가 얼마예요?"
HOURS = "운영 시간이 궁금해요"


async def alike(*chats: Chat) -> list[tuple[str, str]]:
    """Until all tabs show the same; what they show."""

    async def look() -> list[tuple[str, str]] | None:
        first, *others = [await chat.lines() for chat in chats]
        return first if all(other == first for other in others) else None

    return await until(look)


async def test_a_reload_in_the_middle_keeps_the_transcript_once(visitor: Visitor) -> None:
    chat = await visitor.chat_on_shop_page()
    await chat.say("배송 조회")
    await chat.say("010-0000-9012")
    before = await chat.lines()
    await chat.page.reload()
    # A window that was open is open again, at the question that was asked.
    await expect(chat.by("input")).to_be_visible()
    await expect(chat.messages()).to_have_count(len(before))
    assert await chat.lines() == before
    await expect(chat.inside.get_by_role("button", name="인증번호 받기")).to_be_enabled()
    await chat.say(HELLO)
    assert (await chat.lines())[: len(before)] == before


async def test_words_that_were_not_sent_survive_a_reload(visitor: Visitor) -> None:
    chat = await visitor.call_page()
    await chat.by("input").fill("어제 산 셔")
    await chat.page.reload()
    await expect(chat.by("input")).to_have_value("어제 산 셔")
    assert await chat.said("shopper") == []


async def test_two_tabs_are_one_conversation(visitor: Visitor) -> None:
    one, other = await visitor.call_page(), await visitor.call_page()
    await one.say(PRICE)
    await alike(one, other)
    await other.say(HOURS)
    shown = await alike(one, other)
    assert [words for role, words in shown if role == "shopper"] == [PRICE, HOURS]
    assert len(shown) == 5


async def test_what_is_typed_while_the_line_is_cut_arrives_once_and_in_order(visitor: Visitor) -> None:
    chat, other = await visitor.call_page(), await visitor.call_page()
    await chat.say(HELLO)
    await visitor.cut_the_line()
    await expect(chat.by("status")).to_contain_text("인터넷 연결을 확인해 주세요")
    await chat.by("input").fill(PRICE)
    await chat.by("input").press("Enter")
    waiting = chat.inside.locator("[data-testid=message][data-pending=true]")
    await expect(waiting).to_have_count(1)
    assert len(await chat.said("bot")) == 2
    await visitor.mend_the_line()
    await chat.answers(3)
    await expect(waiting).to_have_count(0)
    shown = await alike(chat, other)
    assert [words for role, words in shown if role == "shopper"] == [HELLO, PRICE]
    assert [role for role, _ in shown] == ["bot", "shopper", "bot", "shopper", "bot"]


async def test_an_answer_given_while_the_line_was_cut_is_there_once_afterwards(visitor: Visitor) -> None:
    sandbox = visitor.demo.sandbox
    chat = await visitor.call_page()
    await chat.say("배송 조회")
    await chat.say("010-0000-7777")
    before = len(await sandbox.texts())
    slow = await sandbox.fault(kind="latency", ms=1000, count=1, match={"path": "/solapi/.*send"})
    await chat.inside.get_by_role("button", name="인증번호 받기", exact=True).click()
    await sandbox.struck(slow)
    await visitor.cut_the_line()
    await expect(chat.by("status")).to_contain_text("인터넷 연결을 확인해 주세요")

    async def sent() -> bool:
        return len(await sandbox.texts()) > before

    await until(sent)
    assert await chat.messages("bot").count() == 3
    await visitor.mend_the_line()
    assert "인증번호 6자리" in await chat.answers(4)
    await chat.say(await sandbox.code())
    assert (await chat.said("shopper")).count("인증번호 받기") == 1
    assert len(await sandbox.texts()) == before + 1


async def test_without_a_socket_the_chat_works_by_asking(visitor: Visitor) -> None:
    await visitor.context.add_init_script(
        """window.WebSocket = class {
          static OPEN = 1;
          readyState = 3;
          constructor() { setTimeout(() => this.onclose?.(new CloseEvent("close", { code: 1006 }))); }
          send() {}
          close() {}
        };"""
    )
    chat = await visitor.call_page()
    await chat.say(HELLO)
    await chat.say(PRICE)
    assert await chat.said("shopper") == [HELLO, PRICE]


async def test_an_enter_that_ends_a_syllable_sends_nothing(visitor: Visitor) -> None:
    chat = await visitor.call_page()
    field = chat.by("input")
    await field.focus()
    await field.evaluate(
        "field => { window.presses = [];"
        " field.addEventListener('keydown', e => window.presses.push([e.key, e.isComposing, e.keyCode]), true) }"
    )
    keyboard: Any = await visitor.context.new_cdp_session(chat.page)

    async def composing(text: str) -> None:
        await keyboard.send(
            "Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)}
        )

    async def enter(code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            await keyboard.send(
                "Input.dispatchKeyEvent", {"type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": code}
            )

    for text in ("ㅂ", "배", "뱃", "배소", "배송"):
        await composing(text)
    await enter(229)
    await enter(13)
    presses: list[list[Any]] = await chat.page.evaluate("window.presses")
    assert [press[0] for press in presses] == ["Enter", "Enter"]
    assert any(composed for _, composed, _ in presses)
    await expect(field).to_have_value("배송")
    assert await chat.said("shopper") == []

    await keyboard.send("Input.insertText", {"text": "배송"})
    await composing("비")
    await keyboard.send("Input.insertText", {"text": "비"})
    await expect(field).to_have_value("배송비")
    await enter(13)
    await chat.answers(2)
    assert await chat.said("shopper") == ["배송비"]
    await expect(field).to_have_value("")


async def tab_to(page: Page, chat: Chat, name: str, *, back: bool = False) -> None:
    """Presses Tab until the button of this name has the focus."""
    wanted = chat.inside.get_by_role("button", name=name, exact=True)
    for _ in range(30):
        await page.keyboard.press("Shift+Tab" if back else "Tab")
        if await wanted.evaluate("button => button === button.ownerDocument.activeElement"):
            return
    raise AssertionError(f"{name} is out of the keyboard's reach")


async def test_the_keyboard_alone_opens_asks_chooses_and_closes(visitor: Visitor) -> None:
    chat = await visitor.shop_page()
    page, launcher = chat.page, chat.page.get_by_test_id("sangdam-launcher")
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await launcher.evaluate("button => button === button.getRootNode().activeElement"):
            break
    await expect(launcher).to_be_focused()
    assert await launcher.get_attribute("aria-expanded") == "false"
    await page.keyboard.press("Enter")
    await chat.ready()
    await expect(chat.by("input")).to_be_focused()
    await expect(chat.inside.get_by_role("log")).to_have_attribute("aria-live", re.compile("polite|off"))

    await page.keyboard.type("배송 조회")
    await page.keyboard.press("Enter")
    await chat.answers(2)
    await expect(chat.inside.get_by_role("log")).to_have_attribute("aria-live", "polite")
    await page.keyboard.type("010-0000-2468")
    await page.keyboard.press("Enter")
    asked = await chat.answers(3)
    assert "인증번호" in asked
    await tab_to(page, chat, "주문번호로 확인", back=True)
    await page.keyboard.press("Enter")
    assert "주문번호" in await chat.answers(4)
    await expect(chat.by("input")).to_be_focused()

    await page.keyboard.press("Escape")
    await expect(launcher).to_be_focused()
    assert await launcher.get_attribute("aria-expanded") == "false"
    await expect(page.get_by_test_id("sangdam-frame")).to_be_hidden()
    await page.keyboard.press("Space")
    await expect(chat.by("input")).to_be_focused()


SCREENS = [(320, 568, "light"), (360, 740, "dark"), (360, 740, "light"), (1280, 800, "light"), (1280, 800, "dark")]


@pytest.mark.parametrize(("width", "height", "scheme"), SCREENS)
async def test_every_screen_shows_the_whole_chat(
    demo: Demo, chromium: Browser, width: int, height: int, scheme: str
) -> None:
    screen = {"width": width, "height": height}
    touch = width < 500
    async with visiting(
        demo, chromium, viewport=screen, color_scheme=scheme, has_touch=touch, is_mobile=touch
    ) as visitor:
        chat = await visitor.chat_on_shop_page()
        await chat.say("배송 조회")
        await chat.say("010-0000-2468")
        for part in ("input", "send", "call-person", "menu", "close"):
            await expect(chat.by(part)).to_be_in_viewport(ratio=1)
        await expect(chat.messages("bot").last).to_be_in_viewport(ratio=0.9)
        for button in await chat.by("quick-reply").all():
            await expect(button).to_be_in_viewport(ratio=1)
        sizes: list[dict[str, float]] = await chat.by("chat").evaluate(
            """app => [...app.querySelectorAll('button:not([disabled]), textarea')].map(each => each.getBoundingClientRect())
               .map(({ width, height }) => ({ width, height }))"""
        )
        assert [size for size in sizes if min(size["width"], size["height"]) < 24] == []
        wide = "root => root.ownerDocument.documentElement.scrollWidth - root.ownerDocument.defaultView.innerWidth"
        assert await chat.by("chat").evaluate(wide) <= 0
        assert await chat.page.locator("body").evaluate(wide) <= 0
        shades: list[float] = await chat.by("chat").evaluate(
            """app => {
              const at = element => getComputedStyle(element);
              const shade = colour => {
                const canvas = new OffscreenCanvas(1, 1).getContext('2d');
                canvas.fillStyle = colour;
                canvas.fillRect(0, 0, 1, 1);
                const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(v => v / 255)
                  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
              };
              const rows = ['bot', 'shopper'].flatMap(role => {
                const bubble = app.querySelector(`.row.${role} .bubble`);
                const [ink, paper] = [shade(at(bubble).color), shade(at(bubble).backgroundColor)];
                return [(Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)];
              });
              return [shade(at(app).backgroundColor), ...rows];
            }"""
        )
        assert (shades[0] < 0.1) == (scheme == "dark")
        assert [contrast for contrast in shades[1:] if contrast < 4.5] == []


async def test_the_browser_keeps_no_cookie_and_two_values(visitor: Visitor) -> None:
    chat = await visitor.call_page()
    await chat.say(HELLO)
    assert await visitor.context.cookies() == []
    kept: list[str] = await chat.page.evaluate("Object.keys(localStorage)")
    assert sorted(name.rpartition(".")[2] for name in kept) == ["resume_token", "visitor_id"]


async def test_clearing_ends_the_conversation_on_this_device(visitor: Visitor) -> None:
    chat = await visitor.call_page()
    await chat.say("010-0000-9012")
    await chat.by("menu").click()
    await chat.by("clear").click()
    await chat.by("clear-confirm").click()
    await expect(chat.messages()).to_have_count(1)
    assert await chat.said("shopper") == []
    await chat.say(HELLO)
    assert await chat.said("shopper") == [HELLO]


async def test_an_unknown_key_shows_nothing_and_breaks_nothing(visitor: Visitor) -> None:
    visitor.expected += ["404", "frame-ancestors"]
    page = await visitor.tab()
    key = visitor.demo["widget_key"]

    async def misspelt(route: Any) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=(await answer.text()).replace(key, "sdw_pk_nobody"))

    await page.route(visitor.demo["shop_page_url"], misspelt)
    async with page.expect_response(re.compile("/embed/")) as embedded:
        await page.goto(visitor.demo["shop_page_url"])
    assert (await embedded.value).status == 404
    await expect(page.get_by_test_id("sangdam-launcher")).to_have_count(0)
    await expect(page.get_by_role("heading").first).to_be_visible()


async def test_without_scripts_the_shop_page_is_whole(demo: Demo, chromium: Browser) -> None:
    async with visiting(demo, chromium, java_script_enabled=False) as visitor:
        page = await visitor.tab()
        await page.goto(demo["shop_page_url"])
        await expect(page.get_by_role("heading").first).to_be_visible()
        await expect(page.get_by_test_id("sangdam-launcher")).to_have_count(0)
