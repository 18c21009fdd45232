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
        self._polls: set[asyncio.Event] = set()
        self._answers: set[asyncio.Event] = set()
        self._polls_over = False
        self._answers_over = False

    async def until(
        self,
        org: OrgId,
        session: SessionId,
        after: int,
        look: Callable[[], Awaitable[Found | None]],
        *,
        seconds: float,
        answer: bool = False,
    ) -> Found | None:
        """What `look` finds, asked at once and after every move; None when the time is over or the process ends.

        `answer`: a turn is owed to this request, so it may wait on while the process lets its turns end.
        """
        woken = asyncio.Event()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(seconds, LONGEST_SECONDS)
        watch = self._live.watch(org, session, after, woken.set)
        waiting = self._answers if answer else self._polls
        waiting.add(woken)
        try:
            while True:
                woken.clear()
                found = await look()
                left = deadline - loop.time()
                if found is not None or left <= 0 or (self._answers_over if answer else self._polls_over):
                    return found
                # Only the waiting is cut short: a read that is cancelled would cost a connection.
                try:
                    async with asyncio.timeout(left):
                        await woken.wait()
                except TimeoutError:
                    return await look()
        finally:
            waiting.discard(woken)
            watch.close()

    def end_polls(self) -> None:
        """Who only asks for news is answered with what there is."""
        self._polls_over = True
        for woken in self._polls:
            woken.set()

    def end(self) -> None:
        """Everybody who waits is."""
        self.end_polls()
        self._answers_over = True
        for woken in self._answers:
            woken.set()
