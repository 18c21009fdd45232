"""Sends what happened in a mall to the app: at least once, retried a few times, every delivery in the mall's log.

Without a running event loop's server behind it nothing is sent; events are taken from `Mall.events` after every answered call.
"""

import asyncio
import json
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


class Deliveries:
    """The deliveries under way."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: set[asyncio.Task[None]] = set()

    def send_pending(self) -> None:
        """Take every mall's events and start delivering them; they are dropped when no address is known."""
        for mall in self._world.malls.values():
            if not mall.events:
                continue
            events, mall.events = mall.events, []
            if self._world.webhooks.url is None:
                continue
            if not mall.settings.reception:
                events = [e for e in events if e.number == APP_DELETED]
            if self._world.webhooks.reorder:
                events.reverse()
            task = asyncio.get_running_loop().create_task(self._deliver(mall, events, self._world.webhooks.url))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.settle()

    async def _deliver(self, mall: Mall, events: list[Event], url: str) -> None:
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
            for event in events:
                trace = str(uuid4())
                for round_number in range(2 if self._world.webhooks.duplicate else 1):
                    await self._try(client, mall, event, url, trace, "R" if round_number else "G")

    async def _try(self, client: httpx2.AsyncClient, mall: Mall, event: Event, url: str, trace: str, kind: str) -> None:
        body = json.dumps({"event_no": event.number, "resource": event.resource}, ensure_ascii=False)
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
            self._log(mall, event, url, trace, kind if attempt == 0 else "R", body, status, text)
            if 200 <= status < 300:
                return

    def _log(
        self, mall: Mall, event: Event, url: str, trace: str, kind: str, body: str, status: int, text: str
    ) -> None:
        row: Obj = {
            "log_id": f"{mall.serial('webhook-log'):012d}",
            "log_type": kind,
            "event_no": event.number,
            "mall_id": mall.id,
            "trace_id": trace,
            "requested_time": iso(self._world.clock.now()),
            "request_endpoint": url,
            "request_body": body,
            "success": "T" if 200 <= status < 300 else "F",
            "response_http_code": status,
            "response_body": text,
        }
        mall.webhook_log.append(row)
