"""Sends what happened in a mall to the app: at least once, retried a few times, every delivery in the mall's log.

Without a running event loop's server behind it nothing is sent; events are taken from `Mall.events` after every answered call.
"""

import asyncio
import json
from dataclasses import dataclass
from uuid import uuid4

import httpx2

from cafe24_sandbox.mall import APP_DELETED
from cafe24_sandbox.model import Event, Mall
from cafe24_sandbox.times import iso
from cafe24_sandbox.wire import Obj
from cafe24_sandbox.world import World

TRIES = 3
PAUSE_SECONDS = (0.2, 1.0)
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event on its way; sent `copies` times, none when it is lost."""

    mall: Mall
    event: Event
    url: str
    copies: int


class Deliveries:
    """The deliveries under way, and those kept back to arrive in turned order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: list[Parcel] = []

    def send_pending(self) -> None:
        """Take every mall's events and start delivering them; they are dropped when no address is known."""
        for mall in self._world.malls.values():
            if not mall.events:
                continue
            events, mall.events = mall.events, []
            url = self._world.webhooks.url
            if url is None:
                continue
            if not mall.settings.reception:
                events = [e for e in events if e.number == APP_DELETED]
            self._start(self._turned([self._parcel(mall, event, url) for event in events]))

    def _parcel(self, mall: Mall, event: Event, url: str) -> Parcel:
        hooks = self._world.webhooks
        lost, twice = hooks.falls(hooks.drop), hooks.falls(hooks.duplicate)
        return Parcel(mall, event, url, 0 if lost else 2 if twice else 1)

    def _turned(self, parcels: list[Parcel]) -> list[Parcel]:
        """A parcel may be kept until another one has gone before it."""
        hooks, going = self._world.webhooks, list[Parcel]()
        for parcel in parcels:
            if not self._kept and hooks.falls(hooks.reorder):
                self._kept.append(parcel)
                continue
            going += [parcel, *self._kept]
            self._kept.clear()
        return going

    def _start(self, parcels: list[Parcel]) -> None:
        if not parcels:
            return
        task = asyncio.get_running_loop().create_task(self._deliver(parcels))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Send what was kept back and wait for what is under way."""
        kept, self._kept = self._kept, []
        self._start(kept)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        self._kept.clear()
        for task in self._tasks:
            task.cancel()
        await self.settle()

    async def _deliver(self, parcels: list[Parcel]) -> None:
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
            for parcel in parcels:
                trace = str(uuid4())
                if parcel.copies == 0:
                    self._log(parcel, trace, "G", body_of(parcel.event), 0, "lost on the way")
                for number in range(parcel.copies):
                    await self._try(client, parcel, trace, "R" if number else "G")

    async def _try(self, client: httpx2.AsyncClient, parcel: Parcel, trace: str, kind: str) -> None:
        body, url = body_of(parcel.event), parcel.url
        headers = {"Content-Type": "application/json", "X-API-Key": self._world.webhooks.key, "X-Trace-ID": trace}
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS[attempt - 1])
            status, text = 0, ""
            try:
                response = await client.post(url, content=body.encode(), headers=headers)
                status, text = response.status_code, response.text[:500]
            except httpx2.HTTPError as failed:
                text = type(failed).__name__
            self._log(parcel, trace, kind if attempt == 0 else "R", body, status, text)
            if 200 <= status < 300:
                return

    def _log(self, parcel: Parcel, trace: str, kind: str, body: str, status: int, text: str) -> None:
        row: Obj = {
            "log_id": f"{parcel.mall.serial('webhook-log'):012d}",
            "log_type": kind,
            "event_no": parcel.event.number,
            "mall_id": parcel.mall.id,
            "trace_id": trace,
            "requested_time": iso(self._world.clock.now()),
            "request_endpoint": parcel.url,
            "request_body": body,
            "success": "T" if 200 <= status < 300 else "F",
            "response_http_code": status,
            "response_body": text,
        }
        parcel.mall.webhook_log.append(row)


def body_of(event: Event) -> str:
    return json.dumps({"event_no": event.number, "resource": event.resource}, ensure_ascii=False)
