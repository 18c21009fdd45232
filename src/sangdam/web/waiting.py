"""Waiting for a conversation to move, for routes that answer when there is something to say. Every wait is bounded."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sangdam.conversations.live import Live
from sangdam.core.ids import OrgId, SessionId

Found = TypeVar("Found")

LONGEST_SECONDS = 25.0


class Waits:
    def __init__(self, live: Live) -> None:
        self._live = live
        self._waiting: set[asyncio.Event] = set()
        self._over = False

    async def until(
        self, org: OrgId, session: SessionId, after: int, look: Callable[[], Awaitable[Found | None]], *, seconds: float
    ) -> Found | None:
        """What `look` finds, asked at once and after every move; None when the time is over or the process ends."""
        woken = asyncio.Event()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(seconds, LONGEST_SECONDS)
        watch = self._live.watch(org, session, after, woken.set)
        self._waiting.add(woken)
        try:
            while True:
                woken.clear()
                found = await look()
                left = deadline - loop.time()
                if found is not None or left <= 0 or self._over:
                    return found
                # Only the waiting is cut short: a read that is cancelled would cost a connection.
                try:
                    async with asyncio.timeout(left):
                        await woken.wait()
                except TimeoutError:
                    return await look()
        finally:
            self._waiting.discard(woken)
            watch.close()

    def end(self) -> None:
        """Everybody who waits is answered with what there is."""
        self._over = True
        for woken in self._waiting:
            woken.set()
