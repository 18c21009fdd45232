"""Programs as people start them: `sangdam …` in a process of its own, with nothing in its environment but what it is given."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx2

SANGDAM = Path(sys.executable).with_name("sangdam")
PATIENCE = 30.0
"""Seconds after which a test gives up waiting."""
LOOK_AGAIN = 0.02

Found = TypeVar("Found")


async def until(look: Callable[[], Awaitable[Found | None]], *, seconds: float = PATIENCE) -> Found:
    """What `look` finds, as soon as it finds it. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(LOOK_AGAIN)


def free_ports(count: int = 1) -> int:
    """The first of so many neighbouring ports that nobody has now. Below the range that outgoing connections take."""
    with contextlib.ExitStack() as held:
        for first in range(20000 + os.getpid() % 500 * 20, 32000, count):
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                held.pop_all().close()
                continue
            return first
    raise RuntimeError("no free ports")


@dataclass
class Program:
    """A started `sangdam`; what it prints is in `said`."""

    process: asyncio.subprocess.Process
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> None:
        """Raises AssertionError with what it said when it has ended."""
        assert self.process.returncode is None, f"ended with {self.process.returncode}: {self.said}"

    async def opened(self, url: str, *, seconds: float = PATIENCE) -> None:
        """Until this address is answered with 200."""
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as http:

            async def look() -> bool:
                self.alive()
                with contextlib.suppress(httpx2.TransportError):
                    return (await http.get(url)).status_code == 200
                return False

            await until(look, seconds=seconds)

    async def furnished(self, home: Path) -> dict[str, str]:
        """The description of a demo, once its doors are open."""

        async def look() -> dict[str, str] | None:
            self.alive()
            return described(home)

        return await until(look, seconds=2 * PATIENCE)

    async def ended(self, *, seconds: float = PATIENCE) -> int:
        """Its exit code."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def stop(self, sign: signal.Signals = signal.SIGTERM, *, seconds: float = PATIENCE) -> int:
        self.process.send_signal(sign)
        return await self.ended(seconds=seconds)


def new_log(folder: Path, name: str) -> Path:
    return folder / f"{len(list(folder.glob('*.log'))) + 1}-{name}.log"


def described(home: Path) -> dict[str, str] | None:
    """What a demo in this folder left behind for programs, when it has."""
    file = home / "demo.json"
    return json.loads(file.read_bytes()) if file.exists() else None


@asynccontextmanager
async def started(*arguments: str, folder: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[Program]:
    """Runs in `folder`; is killed at the end when it has not ended by then."""
    log = new_log(folder, arguments[0])
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            SANGDAM,
            *arguments,
            cwd=folder,
            env={**kept, "COLUMNS": "200", **(settings or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        yield Program(process, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def finished(*arguments: str, folder: Path, settings: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit code and words of a command that ends by itself."""
    async with started(*arguments, folder=folder, settings=settings) as program:
        code = await program.ended()
        return code, program.said
