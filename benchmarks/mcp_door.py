"""What MCP costs: `python benchmarks/mcp_door.py [--quick]`. A read over MCP in both kinds of revision, clients kept open, against a raw POST and the mall itself.

Then the memory of the server after 100, 1,000 and 3,000 connections, each with a handshake and a call. The server is the demo in a
process of its own (mall included, bucket opened), the load comes from this process on the same cores: read the ratios.
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
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client

WAIT_SECONDS = 60.0
SHOPPER = "01000001234"
DOOR = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
MODERN, HANDSHAKE = "2026-07-28", "2025-11-25"
CAPABILITIES: dict[str, Any] = {}


@dataclass(frozen=True)
class Demo:
    base: str
    token: str
    described: Mapping[str, str]
    pid: int


@dataclass(frozen=True)
class Proof:
    """What reads an order on behalf of its shopper."""

    order: str
    session: str
    token: str

    @property
    def arguments(self) -> dict[str, str]:
        return {"order_id": self.order, "session_id": self.session, "customer_verification_token": self.token}


@asynccontextmanager
async def demo() -> AsyncIterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="sangdam-bench-") as home:
        port = 18700 + secrets.randbelow(2000) * 2
        command = [str(Path(sys.executable).with_name("sangdam")), "demo", "--port", str(port), "--home", home, "--open-bucket"]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
        try:
            described = await until(Path(home) / "demo.json")
            yield Demo(described["base_url"], described["api_token"], described, process.pid)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 40)


async def until(file: Path) -> dict[str, str]:
    deadline = time.perf_counter() + WAIT_SECONDS
    while time.perf_counter() < deadline:
        if await asyncio.to_thread(file.exists):
            return json.loads(await asyncio.to_thread(file.read_bytes))
        await asyncio.sleep(0.05)
    raise TimeoutError("the demo did not come up")


async def opened_up(shop: Demo) -> None:
    """So many calls a minute that nothing here is limited."""
    async with httpx2.AsyncClient(base_url=shop.base, trust_env=False) as http:
        who = {"email": shop.described["owner_email"], "password": shop.described["owner_password"]}
        login = await http.post("/api/auth/login", json=who)
        login.raise_for_status()
        headers = {"cookie": login.headers["set-cookie"].partition(";")[0], "x-csrf-token": login.json()["csrf_token"]}
        http.cookies.clear()
        policy = {"is_allowed": True, "allowed_callers": ["agent", "member", "mcp"], "rate_limit_per_min": 6000, "session_limit_per_hour": 6000}  # fmt: skip
        changed = await http.put(
            "/api/mcp/tools/lookup_order/policy", json=policy, headers={**headers, "if-match": "1"}
        )
        changed.raise_for_status()


async def proved(shop: Demo, http: httpx2.AsyncClient) -> Proof:
    told = (await http.post("/api/runtime/chat", json={"message": "안녕하세요", "client_id": "line-00000001"})).json()
    cast = (await http.get(f"{shop.described['sandbox_url']}/_control/cast")).json()
    shopper = next(each for each in cast["shoppers"] if each["phone"].replace("-", "") == SHOPPER)
    order = next(iter(shopper["orders"].values()))
    params = {"order_id": order, "orderer_name": shopper["name"], "orderer_phone": shopper["phone"]}
    body = {"tool": "verify_orderer", "params": params, "session_id": told["session_id"]}
    matched = await http.post("/api/mcp/tools/call", json=body, headers={"idempotency-key": str(uuid.uuid4())})
    matched.raise_for_status()
    return Proof(order, told["session_id"], matched.json()["data"]["customer_verification_token"])


Read = Callable[[], Awaitable[None]]


@asynccontextmanager
async def ways(shop: Demo, http: httpx2.AsyncClient, proof: Proof | None) -> AsyncIterator[dict[str, Read]]:
    """The same read by each way. Without a proof it is a call that the gate refuses: no mall in it."""
    order = proof.order if proof is not None else "20260314-0000001"
    arguments = proof.arguments if proof is not None else {"order_id": order}
    beside = {name: arguments[name] for name in ("session_id", "customer_verification_token") if name in arguments}
    body = {"tool": "lookup_order", "params": {"order_id": order}, **beside}
    status = 200 if proof is not None else 403
    envelope = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
    }

    async def raw() -> None:
        answer = await http.post("/api/mcp/tools/call", json=body)
        assert answer.status_code == status, answer.text

    def posted(version: str) -> Read:
        params: dict[str, Any] = {"name": "lookup_order", "arguments": arguments}
        headers = {**DOOR, "mcp-protocol-version": version}
        if version == MODERN:
            params["_meta"] = envelope
            headers |= {"mcp-method": "tools/call", "mcp-name": "lookup_order"}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}

        async def post() -> None:
            answer = await http.post("/mcp", json=message, headers=headers)
            assert answer.json()["result"].get("isError", False) is (proof is None), answer.text

        return post

    def called(client: Client) -> Read:
        async def call() -> None:
            result = await client.call_tool("lookup_order", dict(arguments))
            assert isinstance(result, types.CallToolResult)
            assert result.is_error is (proof is None), result

        return call

    url = f"{shop.base}/mcp"
    async with (
        Client(streamable_http_client(url, http_client=http), mode="auto") as modern,
        Client(streamable_http_client(url, http_client=http), mode="legacy") as handshake,
    ):
        found: dict[str, Read] = {"raw POST to /api/mcp/tools/call": raw}
        if proof is not None:
            found = {"the mall itself": await the_mall(shop, http, order), **found}
        yield {
            **found,
            f"MCP {MODERN}, the SDK's client": called(modern),
            f"MCP {HANDSHAKE}, the SDK's client": called(handshake),
            f"MCP {MODERN}, bare JSON-RPC": posted(MODERN),
            f"MCP {HANDSHAKE}, bare JSON-RPC": posted(HANDSHAKE),
        }


async def the_mall(shop: Demo, http: httpx2.AsyncClient, order: str) -> Read:
    mall = shop.described["sandbox_url"]
    tokens = (await http.post(f"{mall}/_control/tokens", json={})).json()
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    url = f"{mall}/malls/sandboxmall/api/v2/admin/orders/{order}?embed=items,receivers,buyer,return,cancellation,exchange"  # fmt: skip

    async def read() -> None:
        (await http.get(url, headers=headers)).raise_for_status()

    return read


async def compared(reads: Mapping[str, Read], rounds: int, each: int) -> dict[str, list[float]]:
    """In turns, so that all of them meet the same moods of the machine. Seconds."""
    took: dict[str, list[float]] = {name: [] for name in reads}
    for read in reads.values():
        for _ in range(20):
            await read()
    for _ in range(rounds):
        for name, read in reads.items():
            for _ in range(each):
                started = time.perf_counter()
                await read()
                took[name].append(time.perf_counter() - started)
    return took


def show(title: str, took: Mapping[str, list[float]]) -> None:
    print(f"{title} (load {os.getloadavg()[0]:.1f})")
    raw = statistics.median(took["raw POST to /api/mcp/tools/call"])
    for name, seconds in took.items():
        ordered = sorted(seconds)
        p50, p99 = statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        print(f"  {name:<36} p50 {p50 * 1e3:7.2f} ms   p99 {p99 * 1e3:7.2f} ms   × {p50 / raw:.2f} of a raw POST")


async def memory(shop: Demo, counts: tuple[int, ...]) -> None:
    """A connection of its own each time, in turns of revisions: a handshake, and a call that the gate refuses and records."""
    print("memory of the server after so many connections, each with a handshake and a call")
    done, first = 0, 0
    for count in counts:
        while done < count:
            await asyncio.gather(*(connection(shop, number % 2 == 0) for number in range(done, min(done + 8, count))))
            done = min(done + 8, count)
        now = resident(shop.pid)
        first = first or now
        print(f"  {count:>5} connections {now / 1024:8.1f} MiB   {(now - first):+d} KiB since the first {counts[0]}")


async def connection(shop: Demo, modern: bool) -> None:
    version = MODERN if modern else HANDSHAKE
    headers = {**DOOR, "authorization": f"Bearer {shop.token}"}
    client = {"name": "bench", "version": "1"}
    async with httpx2.AsyncClient(base_url=shop.base, headers=headers, trust_env=False, timeout=30) as http:
        params: dict[str, Any] = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": client}
        hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
        }
        if modern:
            hello = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}
        more = {"mcp-protocol-version": version} if modern else {}
        answer = await http.post(
            "/mcp", json=hello, headers={**more, **({"mcp-method": "server/discover"} if modern else {})}
        )
        assert "result" in answer.json(), answer.text
        call: dict[str, Any] = {"name": "lookup_order", "arguments": {}}
        if modern:
            call["_meta"] = meta
        body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}
        sent = {"mcp-protocol-version": version, "mcp-method": "tools/call", "mcp-name": "lookup_order"}
        answer = await http.post("/mcp", json=body, headers=sent)
        assert answer.json()["result"]["isError"], answer.text


def resident(pid: int) -> int:
    """KiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def main(*, quick: bool) -> None:
    rounds = 5 if quick else 20
    async with demo() as shop:
        await opened_up(shop)
        headers = {"authorization": f"Bearer {shop.token}"}
        async with httpx2.AsyncClient(base_url=shop.base, headers=headers, trust_env=False, timeout=30) as http:
            async with ways(shop, http, await proved(shop, http)) as reads:
                show("read of an order", await compared(reads, rounds, 20))
            async with ways(shop, http, None) as reads:
                show("a call that ends at the gate", await compared(reads, rounds, 20))
        await memory(shop, (100, 300, 600) if quick else (100, 1000, 3000))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the reads, a fifth of the connections")
    asyncio.run(main(quick=parser.parse_args().quick))
