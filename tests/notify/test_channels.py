"""The contract on both channels, and how SOLAPI is spoken to."""

import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.commerce.goods import NOW
from tests.commerce.world import served
from tests.notify.channel_contract import CODE, HANEUL, ChannelContract, Line

from cafe24_sandbox import Sandbox, SandboxConfig
from sangdam.core.clock import SettableClock
from sangdam.notify import Accepted, Asked, Console, NoAnswer, Notice, Rejected, Solapi
from sangdam.notify.console import KEPT
from sangdam.notify.sms import LMS_BYTES, SMS_BYTES, kind_of, read_answer

SENDER = "0200000001"


class ConsoleSide:
    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def received(self) -> list[tuple[str, str, str]]:
        return [(notice.to.digits, notice.text, notice.reference) for notice in self._console.sent]

    def behave(self, case: str) -> None:
        ends = {
            "failed": Rejected("3040", retryable=False),
            "refused": Rejected("HTTP_400", retryable=False),
            "busy": Rejected("HTTP_429", retryable=True),
            "broken": Rejected("HTTP_500", retryable=True),
            "gone": Rejected("UNREACHABLE", retryable=True),
            "silent": NoAnswer("ReadTimeout"),
            "malformed": NoAnswer("MALFORMED"),
        }
        self._console.answers.append(ends[case])


class TestConsole(ChannelContract):
    @pytest.fixture
    def line(self) -> Line:
        console = Console()
        return Line(console, ConsoleSide(console))


class Desk:
    """SOLAPI of the sandbox on a real server."""

    def __init__(self, sandbox: Sandbox, http: httpx2.AsyncClient, url: str) -> None:
        self.sandbox = sandbox
        self.http = http
        self.url = f"{url}/solapi"
        self.clock = SettableClock(NOW)

    @property
    def received(self) -> list[tuple[str, str, str]]:
        found: list[dict[str, Any]] = list(reversed(self.sandbox.inbox))
        return [(each["to"], each["text"], each["customFields"]["reference"]) for each in found]

    def behave(self, case: str) -> None:
        faults: dict[str, dict[str, Any]] = {
            "failed": {"kind": "solapi_failed"},
            "refused": {"kind": "status", "status": 400},
            "busy": {"kind": "status", "status": 429},
            "broken": {"kind": "status", "status": 500},
            "silent": {"kind": "drop_after_commit", "ms": 10_000},
            "malformed": {"kind": "malformed"},
        }
        if case == "gone":
            self.url = free_address()
            return
        self.sandbox.add_fault(match={"path": "send-many"}, count=1, **faults[case])

    def channel(self, **more: Any) -> Solapi:
        config = self.sandbox.config
        given: dict[str, Any] = {
            "api_key": config.solapi_key, "api_secret": config.solapi_secret, "sender": SENDER, "clock": self.clock, "base_url": self.url, **more,
        }  # fmt: skip
        return Solapi(self.http, **given)

    async def send(self, notice: Notice, *, seconds: float) -> Any:
        """A channel that knows the address of this moment."""
        return await self.channel().send(notice, seconds=seconds)


def free_address() -> str:
    """Where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}"


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(SandboxConfig(clock=lambda: NOW))


@pytest.fixture
async def desk(sandbox: Sandbox) -> AsyncIterator[Desk]:
    sandbox.clear_faults()
    sandbox.world.phones.messages.clear()
    async with served(sandbox.app) as url, httpx2.AsyncClient(trust_env=False) as http:
        yield Desk(sandbox, http, url)


class TestSolapi(ChannelContract):
    @pytest.fixture
    def line(self, desk: Desk) -> Line:
        return Line(desk, desk)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a" * 90, "SMS"),
        ("a" * 91, "LMS"),
        ("가" * 45, "SMS"),
        ("가" * 45 + "a", "LMS"),
        ("가" * 44 + "ab", "SMS"),
        ("가" * 44 + "abc", "LMS"),
        ("똠" * 11, "SMS"),  # outside EUC-KR: spelled out
        ("똠" * 12, "LMS"),
        ("☃" * 45, "SMS"),
        ("☃" * 46, "LMS"),
        ("가" * 1000, "LMS"),
    ],
)
async def test_a_text_of_ninety_bytes_is_an_sms_and_one_more_is_an_lms(desk: Desk, text: str, kind: str) -> None:
    assert isinstance(await desk.send(Notice(HANEUL, text, "r"), seconds=5), Accepted)
    assert desk.sandbox.inbox[0]["type"] == kind == kind_of(text)
    assert desk.sandbox.inbox[0]["text"] == text


async def test_a_text_no_message_holds_is_not_sent(desk: Desk) -> None:
    assert await desk.send(Notice(HANEUL, "가" * 1000 + "a", "r"), seconds=5) == Rejected("TEXT_TOO_LONG", False)
    assert desk.sandbox.inbox == []


@given(st.text(st.characters(codec="utf-8") | st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), max_size=1200))  # fmt: skip
def test_nothing_is_longer_than_its_kind_holds(text: str) -> None:
    size, kind = len(text.encode("euc-kr", "replace")), kind_of(text)
    assert size <= SMS_BYTES if kind == "SMS" else size <= LMS_BYTES or kind is None
    if text.isascii():
        assert kind == ("SMS" if size <= SMS_BYTES else "LMS" if size <= LMS_BYTES else None)


async def test_a_code_fits_into_one_sms(desk: Desk) -> None:
    assert kind_of(CODE) == "SMS"
    assert isinstance(await desk.send(Notice(HANEUL, CODE, "r"), seconds=5), Accepted)
    assert desk.sandbox.inbox[0]["from"] == SENDER


async def test_each_request_is_signed_with_a_salt_of_its_own(desk: Desk) -> None:
    seen: list[httpx2.Request] = []

    async def note(request: httpx2.Request) -> None:
        seen.append(request)

    desk.http.event_hooks = {"request": [note]}
    for _ in range(2):
        assert isinstance(await desk.send(Notice(HANEUL, CODE, "r"), seconds=5), Accepted)
    salts: list[str] = []
    for request in seen:
        scheme, _, rest = request.headers["authorization"].partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(", "))
        wanted = hmac.new(b"sandbox-solapi-secret", (parts["Date"] + parts["salt"]).encode(), hashlib.sha256).hexdigest()  # fmt: skip
        assert (scheme, parts["ApiKey"], parts["signature"]) == ("HMAC-SHA256", "sandbox-solapi-key", wanted)
        assert parts["Date"] == "2026-03-14T05:28:44+00:00"
        assert "sandbox-solapi-secret" not in str(request.headers)
        salts.append(parts["salt"])
    assert len(set(salts)) == 2
    assert all(12 <= len(salt) <= 64 for salt in salts)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"api_secret": "wrong"}, "HTTP_403"),
        ({"api_key": "wrong"}, "HTTP_401"),
        ({"clock": SettableClock(NOW - timedelta(minutes=16))}, "HTTP_403"),
        ({"salt": lambda: "short"}, "HTTP_403"),
    ],
)
async def test_a_wrong_signature_is_rejected(desk: Desk, more: dict[str, Any], code: str) -> None:
    sent = await desk.channel(**more).send(Notice(HANEUL, CODE, "r"), seconds=5)
    assert sent == Rejected(code, retryable=False)
    assert desk.sandbox.inbox == []


async def test_a_200_with_a_failed_list_carries_the_provider_s_code(desk: Desk) -> None:
    desk.sandbox.add_fault(kind="solapi_failed", code="1062", count=1, match={"path": "send-many"})
    assert await desk.send(Notice(HANEUL, CODE, "r"), seconds=5) == Rejected("1062", retryable=False)


async def test_a_message_whose_answer_was_lost_may_have_been_sent(desk: Desk) -> None:
    desk.behave("silent")
    assert isinstance(await desk.send(Notice(HANEUL, CODE, "otp-7"), seconds=0.2), NoAnswer)
    assert [reference for _, _, reference in desk.received] == ["otp-7"], "which is why it is no failure"


@pytest.mark.parametrize(("case", "status"), [("fine", 200), ("failed", 200), ("broken", 500), ("silent", None), ("gone", None)])  # fmt: skip
async def test_the_request_is_told_without_what_was_in_it(desk: Desk, case: str, status: int | None) -> None:
    if case != "fine":
        desk.behave(case)
    sent = await desk.send(Notice(HANEUL, CODE, "r"), seconds=0.2 if case == "silent" else 5)
    assert sent.asked == Asked("POST /messages/v4/send-many/detail", status, 0)


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_redirect_is_not_followed(desk: Desk, status: int) -> None:
    desk.sandbox.add_fault(kind="status", status=status, body={}, count=1, match={"path": "send-many"})
    assert await desk.send(Notice(HANEUL, CODE, "r"), seconds=5) == Rejected(f"HTTP_{status}", retryable=False)


@pytest.mark.parametrize("error", [httpx2.ConnectError("x"), httpx2.ConnectTimeout("x"), httpx2.PoolTimeout("x")])
async def test_before_a_byte_left_nothing_was_sent(error: Exception) -> None:
    assert await failing(error) == Rejected("UNREACHABLE", retryable=True)


@pytest.mark.parametrize(
    "error", [httpx2.ReadTimeout("x"), httpx2.ReadError("x"), httpx2.WriteError("x"), httpx2.RemoteProtocolError("x"), TimeoutError()]
)  # fmt: skip
async def test_after_that_nobody_knows(error: Exception) -> None:
    assert await failing(error) == NoAnswer(type(error).__name__)


async def failing(error: Exception) -> Any:
    async def answer(request: httpx2.Request) -> httpx2.Response:
        raise error

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        solapi = Solapi(http, api_key="k", api_secret="s", sender=SENDER, clock=SettableClock(NOW))
        return await solapi.send(Notice(HANEUL, CODE, "r"), seconds=5)


@pytest.mark.parametrize(
    ("body", "end"),
    [
        (b'{"messageList": [{"messageId": "M1", "statusCode": "2000"}], "failedMessageList": []}', Accepted("solapi", "M1")),
        (b'{"messageList": [{"messageId": "M1", "statusCode": "3000"}]}', Accepted("solapi", "M1")),
        (b'{"messageList": [{"messageId": "M1", "statusCode": "1062"}]}', Rejected("1062", retryable=False)),
        (b'{"failedMessageList": [{"statusCode": "1062"}], "messageList": [{"messageId": "M1", "statusCode": "2000"}]}', Rejected("1062", retryable=False)),
        (b'{"failedMessageList": [{}]}', Rejected("FAILED", retryable=False)),
        (b'{"messageList": [{"messageId": "M1"}]}', None),
        (b'{"messageList": [{"statusCode": "2000"}]}', None),
        (b'{"messageList": [{"messageId": 5, "statusCode": 2000}]}', None),
        (b'{"messageList": [], "failedMessageList": []}', None),
        (b'{"messageList": ["M1"]}', None),
        (b'{"messageList": {"M1": {}}}', None),
        (b"[]", None),
        (b"null", None),
        (b"", None),
        (b"<html>", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)  # fmt: skip
def test_an_answer_says_one_thing_or_nothing(body: bytes, end: Accepted | Rejected | None) -> None:
    assert read_answer(body) == end


@given(st.binary(max_size=200))
def test_no_answer_makes_reading_fail(body: bytes) -> None:
    read_answer(body)


async def test_the_console_keeps_the_newest_and_its_ids_never_come_back() -> None:
    console = Console()
    ids = [await console.send(Notice(HANEUL, CODE, str(n)), seconds=1) for n in range(KEPT + 5)]
    assert (len(console.sent), console.sent[-1].reference) == (KEPT, str(KEPT + 4))
    assert len({each.message_id for each in ids if isinstance(each, Accepted)}) == KEPT + 5
