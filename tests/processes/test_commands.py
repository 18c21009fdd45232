"""Commands that end by themselves, and what they say: a taken port, a refused configuration, a look at the settings."""

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from sangdam.cli.processes import bound
from sangdam.db.testing import Addresses
from sangdam.settings import REQUIRED_IN_PROD, TEST_SWITCHES
from tests.processes.running import finished, free_ports, started
from tests.processes.sandbox import Sandbox

REFUSED, DEPENDENCY_DOWN = 3, 4


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def test_a_taken_port_is_named_and_is_a_dependency_that_is_down(
    addresses: Addresses, taken: int, tmp_path: Path
) -> None:
    settings = {"SANGDAM_PROFILE": "test", "PORT": str(taken), "DATABASE_URL": addresses.app}
    code, said = await finished("serve", "--host", "127.0.0.1", folder=tmp_path, settings=settings)
    assert code == DEPENDENCY_DOWN, said
    assert str(taken) in said
    assert "Traceback" not in said


async def test_a_body_does_not_wait_for_its_head_to_be_acknowledged() -> None:
    told: asyncio.Queue[int] = asyncio.Queue()

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.put_nowait(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listening = bound("127.0.0.1", 0)
    async with await asyncio.start_server(look, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        assert await told.get() == 1
        writer.close()
        await writer.wait_closed()


async def test_a_sandbox_on_a_taken_port_says_so(taken: int, tmp_path: Path) -> None:
    code, said = await finished("sandbox", "--port", str(taken), folder=tmp_path)
    assert code not in (0, None), said
    assert str(taken) in said
    assert "Traceback" not in said


async def test_a_database_that_is_not_there_is_a_dependency_that_is_down(tmp_path: Path) -> None:
    url = f"postgresql://sangdam_app:x@127.0.0.1:{free_ports()}/sangdam"
    code, said = await finished("serve", folder=tmp_path, settings={"SANGDAM_PROFILE": "test", "DATABASE_URL": url})
    assert code == DEPENDENCY_DOWN, said
    assert "Traceback" not in said


async def test_production_with_nothing_set_is_refused_with_everything_that_is_missing(tmp_path: Path) -> None:
    code, said = await finished("serve", folder=tmp_path, settings={"SANGDAM_PROFILE": "prod"})
    assert code == REFUSED
    missing = [name for name in REQUIRED_IN_PROD if name != "SANGDAM_PROFILE"]
    assert [name for name in missing if f"{name} is missing" not in said] == []
    assert "ALERT_WEBHOOK_URL" in said


async def test_production_does_not_talk_to_a_sandbox(tmp_path: Path) -> None:
    settings = {"SANGDAM_PROFILE": "prod", **dict.fromkeys(TEST_SWITCHES, "http://127.0.0.1:8701")}
    code, said = await finished("serve", folder=tmp_path, settings=settings)
    assert code == REFUSED
    assert "SANDBOX_MALL is a test switch and may not be set" in said


async def test_the_doctor_says_what_is_set_and_never_a_value(addresses: Addresses, tmp_path: Path) -> None:
    secret = "a-value-nobody-may-see-0123456789abcdef"
    settings = {
        "DATABASE_URL": addresses.app,
        "SESSION_SECRET": secret,
        "SOLAPI_API_SECRET": secret[::-1],
        "CAFE24_CLIENT_ID": "client-id-of-ours",
        "SANDBOX_MALL": "http://127.0.0.1:8701",
    }
    code, said = await finished("doctor", folder=tmp_path, settings=settings)
    assert code == 0, said
    assert [value for value in settings.values() if value in said] == []
    password = addresses.app.partition("//sangdam_app:")[2].partition("@")[0]
    assert password
    assert password not in said
    for name in settings:
        assert any(f"│ {name} " in line and " yes " in line for line in said.splitlines()), name
    assert "database: ok, schema: ok" in said


async def test_the_sandbox_starts_alone(sandbox: Sandbox) -> None:
    assert (await sandbox.control("GET", "cast"))["shoppers"]
    assert (await sandbox.http.get(f"{sandbox.base}/_control")).status_code == 200


PROMISED = {
    "base_url", "ws_url", "widget_key", "shop_page_url", "call_url", "console_url", "owner_email", "owner_password",
    "api_token", "cron_secret", "sandbox_url", "sms_inbox_url", "database_url",
}  # fmt: skip


def postmaster_of(url: str) -> int:
    """The server's process, from the lock file beside its socket."""
    folder = Path(parse_qs(urlsplit(url).query)["host"][0])
    return int(next(folder.glob(".s.PGSQL.*.lock")).read_text().splitlines()[0])


async def test_the_demo_serves_what_it_promises_and_leaves_nothing_running(tmp_path: Path) -> None:
    port, home = free_ports(2), tmp_path / "demo"
    async with started("demo", "--port", str(port), "--home", str(home), folder=tmp_path) as program:
        demo = await program.furnished(home)
        assert stat.S_IMODE((home / "demo.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((home / "kept.json").stat().st_mode) == 0o600
        assert demo.keys() >= PROMISED
        assert [name for name in PROMISED if not demo[name]] == []
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:
            for name in ("shop_page_url", "call_url", "sms_inbox_url"):
                assert (await http.get(demo[name])).status_code == 200, name
            assert (await http.get(f"{demo['base_url']}/readyz")).status_code == 200
        postmaster = postmaster_of(demo["database_url"])
        os.kill(postmaster, 0)  # is there

        second = await finished("demo", "--port", str(port + 2), "--home", str(home), folder=tmp_path)
        assert second[0] == REFUSED
        assert "running" in second[1]

        assert await program.stop(signal.SIGINT) == 0, program.said
        assert "Traceback" not in program.said
        with pytest.raises(ProcessLookupError):
            os.kill(postmaster, 0)
