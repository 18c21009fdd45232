"""The sandbox served alone, as its own process."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest

COMMAND = (sys.executable, "-m", "cafe24_sandbox", "--start-day", "2026-03-14")


@pytest.fixture
def alone() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen((*COMMAND, "--port", "0"), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_it_tells_the_port_it_was_given_and_ends_cleanly(alone: tuple[subprocess.Popen[str], str]) -> None:
    process, url = alone
    assert httpx2.get(url, timeout=20, trust_env=False).status_code == 200
    cast = httpx2.get(f"{url}/cast", timeout=20, trust_env=False).json()
    assert cast["start_day"] == "2026-03-14"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_a_taken_port_is_an_error(alone: tuple[subprocess.Popen[str], str]) -> None:
    port = httpx2.URL(alone[1]).port
    second = subprocess.run((*COMMAND, "--port", str(port)), capture_output=True, timeout=30, check=False)
    assert (second.returncode, second.stdout) == (1, b"")
