"""A shopper in front of a browser: what they see and press. Every wait is bounded by `PATIENCE`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, FrameLocator, Locator, Page, expect

from tests.processes.running import PATIENCE
from tests.processes.sandbox import Sandbox

Role = Literal["shopper", "bot", "system"]

REMEMBER_SOCKETS = """
  window.sockets = [];
  window.WebSocket = class extends WebSocket {
    constructor(...given) { super(...given); window.sockets.push(this); }
  };
"""


@dataclass
class Demo:
    description: Mapping[str, str]
    sandbox: Sandbox

    def __getitem__(self, name: str) -> str:
        return self.description[name]


@dataclass
class Chat:
    """The chat in one tab: within the shop page's frame, or as a page of its own."""

    page: Page
    inside: Page | FrameLocator

    def by(self, name: str) -> Locator:
        return self.inside.get_by_test_id(name)

    def messages(self, role: Role | None = None) -> Locator:
        return self.inside.locator(f'[data-testid="message"]{f"[data-role={role}]" if role else ""}')

    async def lines(self) -> list[tuple[str, str]]:
        """`(role, words)` from the top; words as they stand in the bubble."""
        return [
            (str(role), str(words))
            for role, words in await self.inside.get_by_test_id("log").evaluate(
                "log => [...log.querySelectorAll('[data-testid=message]')]"
                ".map(m => [m.dataset.role, m.querySelector('.text')?.textContent ?? m.textContent])"
            )
        ]

    async def said(self, role: Role) -> list[str]:
        return [words for who, words in await self.lines() if who == role]

    async def ready(self) -> None:
        await expect(self.messages("bot").first).to_be_visible()

    async def answers(self, count: int) -> str:
        """Until the bot has spoken so often; its last words."""
        await expect(self.messages("bot")).to_have_count(count)
        return (await self.said("bot"))[-1]

    async def say(self, text: str) -> str:
        """Types, sends by Enter, and gives the answer."""
        spoken = await self.messages("bot").count()
        await self.by("input").fill(text)
        await self.by("input").press("Enter")
        return await self.answers(spoken + 1)

    async def press(self, name: str, *, clicks: int = 1) -> str:
        spoken = await self.messages("bot").count()
        await self.inside.get_by_role("button", name=name, exact=True).click(click_count=clicks)
        return await self.answers(spoken + 1)


@dataclass
class Visitor:
    """A browser profile that has not been here before."""

    demo: Demo
    context: BrowserContext
    troubles: list[str] = field(default_factory=list[str])
    """What pages complained of: uncaught errors and console errors."""
    expected: list[str] = field(default_factory=list[str])
    """Parts of complaints that this test brings about."""

    async def cut_the_line(self) -> None:
        """Ends what is open and lets nothing new through. (To be offline alone leaves a browser its open sockets.)"""
        self.expected += ["ERR_INTERNET_DISCONNECTED", "WebSocket"]
        await self.context.set_offline(True)
        for page in self.context.pages:
            await page.evaluate("window.sockets.forEach(socket => socket.close())")

    async def mend_the_line(self) -> None:
        await self.context.set_offline(False)

    async def tab(self) -> Page:
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda said: self.troubles.append(said.text) if said.type == "error" else None)
        return page

    async def shop_page(self) -> Chat:
        """The shop page, its chat still closed."""
        page = await self.tab()
        await page.goto(self.demo["shop_page_url"])
        await expect(page.get_by_test_id("sangdam-launcher")).to_be_visible()
        return Chat(page, page.frame_locator("[data-testid=sangdam-frame]"))

    async def chat_on_shop_page(self) -> Chat:
        chat = await self.shop_page()
        await chat.page.get_by_test_id("sangdam-launcher").click()
        await chat.ready()
        return chat

    async def call_page(self) -> Chat:
        page = await self.tab()
        await page.goto(self.demo["call_url"])
        chat = Chat(page, page)
        await chat.ready()
        return chat


@asynccontextmanager
async def visiting(demo: Demo, chromium: Browser, **more: Any) -> AsyncIterator[Visitor]:
    """`more` goes to the browser: viewport, colour scheme."""
    context = await chromium.new_context(locale="ko-KR", **more)
    context.set_default_timeout(PATIENCE * 1000)
    await context.add_init_script(REMEMBER_SOCKETS)
    visitor = Visitor(demo, context)
    yield visitor
    await context.close()
    troubles = [said for said in visitor.troubles if not any(part in said for part in visitor.expected)]
    assert not troubles, troubles
