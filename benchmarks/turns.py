"""What a turn costs, over the real socket: latency and turns a second at 1, 50 and 200 chats, memory of idle sockets, growth with a conversation's length, with and without the mall.

Run as `python benchmarks/turns.py [--quick]`. The server is a process of its own on an embedded Postgres with fsync on; the load comes from this
process, on the same cores. Beside each latency stand the loopback round trip and the load of the machine at that moment. Read ratios, not digits.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx2
from websockets.asyncio.client import ClientConnection, connect

QUIET = ("배송 조회요", "왜요?", "모르겠어요", "그만할래요")
"""Four turns that use no tool and end where they began."""
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Demo:
    base: str
    ws: str
    key: str
    inbox: str
    process: subprocess.Popen[bytes]
    ready_seconds: float


@asynccontextmanager
async def demo(*options: str) -> AsyncIterator[Demo]:
    """The demo as a shopper meets it, with chat rates raised."""
    with tempfile.TemporaryDirectory(prefix="sangdam-bench-") as home:
        port = 18700 + secrets.randbelow(2000) * 2
        environment = {**os.environ, "SANGDAM_CHAT_PER_10S": "1000000", "SANGDAM_CHAT_PER_MIN": "1000000"}
        started = time.perf_counter()
        command = [
            str(Path(sys.executable).with_name("sangdam")),
            "demo",
            "--port",
            str(port),
            "--home",
            home,
            *options,
        ]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
        try:
            described = await until(lambda: read(Path(home) / "demo.json"))
            yield Demo(
                described["base_url"],
                described["ws_url"],
                described["widget_key"],
                described["sms_inbox_url"],
                process,
                time.perf_counter() - started,
            )
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 40)


def read(path: Path) -> dict[str, str] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


async def until(ask: Callable[[], dict[str, str] | None]) -> dict[str, str]:
    deadline = time.perf_counter() + WAIT_SECONDS
    while time.perf_counter() < deadline:
        found = ask()
        if found is not None:
            return found
        await asyncio.sleep(0.05)
    raise TimeoutError("the demo did not come up")


class Chat:
    """One shopper's socket."""

    def __init__(self, socket: ClientConnection, seq: int) -> None:
        self._socket = socket
        self.seq = seq
        self.said = 0

    @classmethod
    async def open(cls, demo: Demo, http: httpx2.AsyncClient) -> "Chat":
        answer = await http.post(
            "/api/widget/ticket",
            json={"public_key": demo.key, "page_url": demo.base + "/"},
            headers={"Origin": demo.base},
        )
        answer.raise_for_status()
        ticket = answer.json()
        socket = await connect(demo.ws, origin=demo.base, compression=None, max_queue=64, ping_interval=None)  # pyright: ignore[reportArgumentType]
        await socket.send(
            json.dumps(
                {
                    "type": "join",
                    "ticket": ticket["ticket"],
                    "last_seq": ticket["last_seq"],
                    "epoch": ticket["epoch"],
                    "protocol": 1,
                }
            )
        )
        while json.loads(await socket.recv())["type"] != "joined":
            continue
        return cls(socket, ticket["last_seq"])

    async def say(self, text: str) -> tuple[float, float, dict[str, object]]:
        """Seconds to the ack and to the reply, and the reply."""
        self.said += 1
        started = time.perf_counter()
        await self._socket.send(
            json.dumps({"type": "user_message", "client_id": f"bench-{self.said:08d}", "text": text})
        )
        acked = 0.0
        while True:
            frame = json.loads(await asyncio.wait_for(self._socket.recv(), WAIT_SECONDS))
            match frame["type"]:
                case "ack":
                    acked = time.perf_counter() - started
                case "assistant_message":
                    return acked, time.perf_counter() - started, frame
                case "error":
                    raise RuntimeError(str(frame))
                case _:
                    continue

    async def close(self) -> None:
        await self._socket.close()


def shown(name: str, seconds: Sequence[float], elapsed: float, note: str = "") -> str:
    ordered = sorted(seconds)
    p50, p99 = statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return (
        f"{name:<44} p50 {p50 * 1e3:7.2f} ms   p99 {p99 * 1e3:7.2f} ms   range {ordered[0] * 1e3:.2f}–{ordered[-1] * 1e3:.2f} ms   {len(seconds) / elapsed:6.0f} turns/s   "
        f"load {os.getloadavg()[0]:.1f} {note}"
    )


async def loopback(demo: Demo, http: httpx2.AsyncClient) -> str:
    took: list[float] = []
    for _ in range(200):
        started = time.perf_counter()
        (await http.get("/healthz")).raise_for_status()
        took.append(time.perf_counter() - started)
    return f"{'loopback round trip (GET /healthz)':<44} p50 {statistics.median(took) * 1e3:7.2f} ms"


async def run(
    chats: Sequence[Chat], turns: int, texts: Sequence[str], *, every: float = 0.0
) -> tuple[list[float], float]:
    """Every chat says its lines one after the other, all at the same time; with `every`, one line in so many seconds (an open load)."""
    took: list[float] = []

    async def talk(number: int, chat: Chat) -> None:
        await asyncio.sleep(every * number / len(chats))
        for turn in range(turns):
            due = time.perf_counter() + every
            _, reply, _ = await chat.say(texts[turn % len(texts)])
            took.append(reply)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    started = time.perf_counter()
    await asyncio.gather(*(talk(number, chat) for number, chat in enumerate(chats)))
    return took, time.perf_counter() - started


async def idle_memory(demo: Demo, http: httpx2.AsyncClient, count: int) -> str:
    """What the server's memory grows by, a joined and silent socket."""
    warm = [await Chat.open(demo, http) for _ in range(20)]
    before = resident(demo.process.pid)
    chats = [await Chat.open(demo, http) for _ in range(count)]
    after = resident(demo.process.pid)
    for chat in (*warm, *chats):
        await chat.close()
    return f"{f'memory of an idle socket, {count} sockets':<44} {(after - before) / count:7.1f} KiB each   ({before // 1024} → {after // 1024} MiB)"


def resident(pid: int) -> int:
    """KiB."""
    return next(
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        if line.startswith("VmRSS")
    )


async def proved(demo: Demo, chat: Chat, http: httpx2.AsyncClient) -> str:
    """The chat proves 정예린's phone once and says which order numbers it may read."""
    for text in ("주문 조회요", "010-0000-7777", "네"):
        await chat.say(text)
    messages = (await http.get(demo.inbox, headers={"Accept": "application/json"})).json()
    code = re.search(r"인증번호 (\d{6})", messages[0]["text"])
    if code is None:
        raise RuntimeError("no code in the inbox")
    listed = (await chat.say(code[1]))[2]
    return str(cast("list[dict[str, object]]", listed["cards"])[0]["id"])


async def main(*, quick: bool) -> None:
    scale = 1 if quick else 4
    async with demo("--open-bucket") as shop, httpx2.AsyncClient(base_url=shop.base, timeout=30) as http:
        first = await Chat.open(shop, http)
        _, answered, _ = await first.say(QUIET[0])
        print(
            f"{'first reply after start (cold)':<44} {shop.ready_seconds + answered:7.2f} s   of it {answered * 1e3:.0f} ms for the reply"
        )
        await first.close()
        print(await idle_memory(shop, http, 1000))
        print(await loopback(shop, http))
        for count, turns, every in (
            (1, 100 * scale, 0.0),
            (50, 8 * scale, 1.0),
            (50, 12 * scale, 0.0),
            (200, 4 * scale, 0.0),
        ):
            chats = [await Chat.open(shop, http) for _ in range(count)]
            await run(chats, 4, QUIET)
            how = f"one line a second each, {count} chats" if every else f"as fast as they go, {count} chats"
            print(shown(f"without the mall, {how}", *await run(chats, turns, QUIET, every=every)))
            for chat in chats:
                await chat.close()
        long = await Chat.open(shop, http)
        await run([long], 4, QUIET)
        early, _ = await run([long], 40, QUIET)
        await run([long], 216, QUIET)
        late, _ = await run([long], 40, QUIET)
        ratio = statistics.median(late) / statistics.median(early)
        print(
            f"{'turn 300 of one conversation to turn 1':<44} × {ratio:.2f}   ({statistics.median(early) * 1e3:.2f} → {statistics.median(late) * 1e3:.2f} ms)"
        )
        await long.close()
        await with_mall(shop, http, "bucket opened", 40 * scale)
    async with demo("--real-bucket") as shop, httpx2.AsyncClient(base_url=shop.base, timeout=60) as http:
        await with_mall(shop, http, "real bucket: 40 calls, 2 a second", 10 * scale)


async def with_mall(demo: Demo, http: httpx2.AsyncClient, note: str, turns: int) -> None:
    chat = await Chat.open(demo, http)
    order = await proved(demo, chat, http)
    await chat.say("그만할래요")
    took, elapsed = await run([chat], turns, (f"{order} 주문 조회해 주세요",))
    print(shown("with the mall (lookup_order), 1 chat", took, elapsed, note))
    await chat.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the turns")
    asyncio.run(main(quick=parser.parse_args().quick))
