"""What the gate adds to a read, and how lost answers are settled: `python benchmarks/tools.py`.

The mall is a sandbox in a process of its own, its call bucket open; the database is an embedded Postgres that waits for the disk. The same order is read
three ways in turns: straight from the mall over HTTP, through the shop without the gate, and through the gate with everything it does.

Then tickets are filed while the mall keeps its answers to itself, every second one after it stored the ticket. The clock jumps from one look of the
reconciler to the next, and what it says in the end is held against what the mall has.
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from cafe24_sandbox import SandboxConfig
from sangdam.app import Product, opened
from sangdam.cli.processes import catalogue, prepared, surroundings
from sangdam.commerce.cafe24.tokens import read_pair
from sangdam.commerce.shop import VerifiedPhone
from sangdam.core import logs
from sangdam.core.clock import SystemClock
from sangdam.core.ids import CallId, GrantId, OrderId, OrgId, SessionId, UserId, new_uuid
from sangdam.core.phone import Phone
from sangdam.db.postgres import EmbeddedPostgres
from sangdam.settings import Settings
from sangdam.tools.effects import ByShopper
from sangdam.tools.model import Assurance, Call, Caller, CallerKind, Done, Grant, NeedsConfirmation, Unknown
from sangdam.tools.reconciler import LOOKS

MALL = "sandboxmall"
PHONE = Phone("01000001234")
WAIT_SECONDS = 30.0


@asynccontextmanager
async def sandbox() -> AsyncIterator[str]:
    """Its base address."""
    port = 20000 + secrets.randbelow(8000)
    command = [sys.executable, "-m", "cafe24_sandbox", "--port", str(port), "--open-bucket"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    base = f"http://127.0.0.1:{port}"
    try:
        async with httpx2.AsyncClient(trust_env=False) as http:
            deadline = time.perf_counter() + WAIT_SECONDS
            while True:
                try:
                    (await http.get(f"{base}/_control/cast")).raise_for_status()
                    break
                except httpx2.TransportError:
                    if time.perf_counter() > deadline:
                        raise
                    await asyncio.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait(10)


class AheadClock(SystemClock):
    """The machine's, and what it was moved on by."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class Bench:
    product: Product
    base: str
    org: OrgId
    order: OrderId
    token: str
    http: httpx2.AsyncClient
    clock: AheadClock

    def grant(self, session: SessionId) -> Grant:
        return Grant(
            GrantId(new_uuid()),
            self.org,
            session,
            Assurance.VERIFIED,
            self.product.clock.now() + timedelta(minutes=15),
            PHONE,
            frozenset({"orders", "notify"}),
        )

    def caller(self) -> Caller:
        """A conversation of its own for each call, so that no answer is shared."""
        session = SessionId(new_uuid())
        names = frozenset(tool.name for tool in self.product.registry)
        return Caller(
            self.org, CallerKind.AGENT, "bench", "t" * 32, agent_tools=names, session=session, grants=(self.grant(session),)
        )  # fmt: skip

    async def straight(self) -> None:
        """What the shop asks the mall, and nothing else."""
        answer = await self.http.get(
            f"{self.base}/malls/{MALL}/api/v2/admin/orders/{self.order}",
            params={"shop_no": "1", "embed": "items,receivers,buyer,return,cancellation,exchange"},
            headers={"Authorization": f"Bearer {self.token}", "X-Cafe24-Api-Version": "2026-03-01"},
        )
        assert answer.status_code == 200, answer.text

    async def without_gate(self) -> None:
        caller = self.caller()
        call = Call(CallId(new_uuid()), caller, self.product.clock, self.product.clock.monotonic() + 6.0)
        shop = await self.product._shop(self.org)  # pyright: ignore[reportPrivateUsage]
        assert (await shop.order(call, VerifiedPhone(PHONE), self.order)).order_id == self.order

    async def through_the_gate(self) -> None:
        outcome = await self.product.gate.call(self.caller(), "lookup_order", {"order_id": self.order})
        assert isinstance(outcome, Done), outcome

    async def lose(self, number: int, *, filed: bool) -> None:
        """One ticket whose answer never came."""
        caller = self.caller()
        given = {
            "kind": "complaint", "summary": f"포장이 찢어졌어요 {number}", "content": f"포장이 찢어져서 왔어요 {number}. 확인 부탁드려요.",
            "contact_phone": PHONE.digits, "reply_channel": "sms",
        }  # fmt: skip
        key = f"conv:{caller.session}:{new_uuid()}:create_ticket"
        asked = await self.product.gate.call(caller, "create_ticket", given, key=key)
        assert isinstance(asked, NeedsConfirmation), asked
        assert await self.product.gate.effects.confirm(self.org, asked.effect, by=ByShopper(1))
        kind = "drop_after_commit" if filed else "drop_before"
        await self.control(
            "POST", "faults", {"kind": kind, "match": {"method": "POST", "path": "/articles"}, "count": 1}
        )
        lost = await self.product.gate.call(caller, "create_ticket", given, key=key, confirmation=asked.digest)
        assert isinstance(lost, Unknown), lost
        async with self.product.db.org(self.org) as tx:  # a mall that loses everything would be left alone
            await tx.execute("delete from c_mcp_breakers")

    async def tickets(self) -> int:
        answer = await self.http.get(
            f"{self.base}/malls/{MALL}/api/v2/admin/boards/9/articles",
            params={"shop_no": "1", "limit": "100"},
            headers={"Authorization": f"Bearer {self.token}", "X-Cafe24-Api-Version": "2026-03-01"},
        )
        answer.raise_for_status()
        return sum("포장이 찢어졌어요" in each["title"] for each in answer.json()["articles"])

    async def states(self) -> Counter[str]:
        async with self.product.db.org(self.org) as tx:
            rows = await tx.fetch("select state, count(*) as n from e_ops_effects group by state")
        return Counter({row["state"]: row["n"] for row in rows})

    async def settle(self, wait: timedelta) -> tuple[Counter[str], float]:
        """What the looks that are due by then found, and in how many seconds."""
        self.clock.ahead += wait
        started, counts = time.perf_counter(), Counter[str]()
        while found := await self.product.reconciler.sweep():
            counts += found
        return counts, time.perf_counter() - started

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"{self.base}/_control/{path}", json=body)
        answer.raise_for_status()
        return answer.json()


def settings() -> Settings:
    config = SandboxConfig()
    given = {
        "SANGDAM_PROFILE": "dev",
        "CAFE24_CLIENT_ID": config.client_id,
        "CAFE24_CLIENT_SECRET_KEY": config.client_secret,
        "SOLAPI_API_KEY": config.solapi_key,
        "SOLAPI_API_SECRET": config.solapi_secret,
        "SOLAPI_FROM": "0200000001",
        "JUSO_API_KEY": config.juso_key,
    }
    return Settings.load(given)


@asynccontextmanager
async def furnished(server: EmbeddedPostgres, base: str) -> AsyncIterator[Bench]:
    clock = AheadClock()
    await prepared(server.dsn("postgres"), server.dsn("sangdam_app"))
    async with (
        opened(
            settings(), server.dsn("sangdam_app"), around=replace(surroundings(base, open_bucket=True), clock=clock)
        ) as product,
        httpx2.AsyncClient(trust_env=False, timeout=WAIT_SECONDS) as http,
    ):
        await catalogue(product, server.dsn("sangdam_owner"))
        owner = await product.organisations.create(
            name="달빛샵", slug="bench", owner=UserId(new_uuid()), owner_name="x", owner_email="x@example.com", trace_id="t"
        )  # fmt: skip
        answer = (await http.post(f"{base}/_control/tokens", json={})).json()
        pair = read_pair(json.dumps(answer), product.clock.now())
        await product.connections.connect(owner.org, mall_id=MALL, pair=pair, by=owner.user, trace_id="t", board_no=9)
        async with product.db.org(owner.org) as tx:
            await tx.execute("update c_mcp_tool_policies set rate_limit_per_min = 6000, session_limit_per_hour = 6000")
        shoppers = (await http.get(f"{base}/_control/cast")).json()["shoppers"]
        orders = next(each["orders"] for each in shoppers if each["phone"].replace("-", "") == PHONE.digits)
        yield Bench(product, base, owner.org, OrderId(orders["in_transit"]), answer["access_token"], http, clock)


async def timed(ways: dict[str, Callable[[], Awaitable[None]]], count: int) -> dict[str, list[float]]:
    """Milliseconds of each, taken in turns, so that what slows the machine slows all of them."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(count + 20):
        for name, way in ways.items():
            start = time.perf_counter()
            await way()
            if number >= 20:
                took[name].append((time.perf_counter() - start) * 1000)
    return took


def percentiles(took: list[float]) -> tuple[float, float]:
    return statistics.median(took), statistics.quantiles(took, n=100)[98]


async def main(count: int, losses: int) -> None:
    logs.configure(level="error", build="bench")
    with tempfile.TemporaryDirectory(prefix="sangdam-bench-") as home:
        server = EmbeddedPostgres.start(Path(home))
        try:
            async with sandbox() as base, furnished(server, base) as bench:
                took = await timed(
                    {"straight": bench.straight, "shop": bench.without_gate, "gate": bench.through_the_gate}, count
                )
                for number in range(losses):
                    await bench.lose(number, filed=number % 2 == 0)
                filed, sweeps = await bench.tickets(), [await bench.settle(wait) for wait in LOOKS]
                states, kept = await bench.states(), await bench.tickets()
        finally:
            server.stop()
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    straight = percentiles(took["straight"])
    for name, label in (
        ("straight", "the mall over HTTP"),
        ("shop", "through the shop, no gate"),
        ("gate", "through the gate"),
    ):
        p50, p99 = percentiles(took[name])
        print(
            f"{label:<28} p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  x {p50 / straight[0]:4.2f}  x {p99 / straight[1]:4.2f}"
        )
    shop, gate = percentiles(took["shop"]), percentiles(took["gate"])
    print(f"the gate adds                p50 {gate[0] - shop[0]:6.2f} ms  p99 {gate[1] - shop[1]:6.2f} ms")
    print(f"{losses} tickets without an answer, {filed} of them filed")
    for wait, (counts, seconds) in zip(LOOKS, sweeps, strict=True):
        print(f"  look at {wait.total_seconds():4.0f} s  {seconds:5.2f} s  {dict(counts)}")
    print(f"in the end {dict(states)}, {kept} tickets in the mall")
    assert (states["done"], states["failed"], kept) == (filed, losses - filed, filed), "it says what is not so"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--losses", type=int, default=100)
    options = parser.parse_args()
    asyncio.run(main(options.count, options.losses))
