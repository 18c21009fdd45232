"""One renewal for all, nothing lost between its steps (cafe24-oauth-and-jobs.md §2)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from tests.commerce.goods import NOW
from tests.commerce.world import EXPIRED, LATER, Mall, a_mall, a_sandbox, token_answer

from sangdam.commerce.cafe24.tokens import App, Token, Tokens, read_pair
from sangdam.commerce.shop import ShopFailure
from sangdam.core.clock import SettableClock
from sangdam.core.ids import new_trace_id
from sangdam.db import Database
from sangdam.orgs.connections import Connection

Answer = httpx2.Response | Exception


def refusal(status: int, error: str) -> httpx2.Response:
    return httpx2.Response(status, json={"error": error, "error_description": "no"})


def renewed(name: str = "second", **more: Any) -> httpx2.Response:
    return httpx2.Response(200, json={**token_answer(name, LATER), **more})


@dataclass
class Endpoint:
    """The mall's token endpoint: says these things one after the other, and can be made to wait."""

    answers: list[Answer] = field(default_factory=list[Answer])
    asked: list[httpx2.Request] = field(default_factory=list[httpx2.Request])
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        self.reached.set()
        await self.open.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Stage:
    mall: Mall
    endpoint: Endpoint

    @property
    def tokens(self) -> Tokens:
        return self.mall.tokens

    async def token(self) -> Token:
        return await self.tokens.token(self.mall.org)

    async def fails(self) -> ShopFailure:
        with pytest.raises(ShopFailure) as failure:
            await self.token()
        return failure.value

    async def connection(self) -> Connection:
        found = await self.mall.connections.read(self.mall.org)
        assert found is not None
        return found


@asynccontextmanager
async def stage(database: Database, *answers: Answer, expires_at: str = EXPIRED, hold: bool = False) -> AsyncIterator[Stage]:  # fmt: skip
    endpoint = Endpoint(list(answers))
    if not hold:
        endpoint.open.set()
    async with a_mall(database, answering=endpoint) as mall:
        await mall.connect(token_answer("first", expires_at))
        yield Stage(mall, endpoint)


@pytest.mark.parametrize(
    ("left", "asked"),
    [
        (timedelta(hours=2), 0),
        (timedelta(minutes=45), 0),
        (timedelta(minutes=2), 0),
        (timedelta(minutes=2) - timedelta(milliseconds=1), 1),
        (timedelta(0), 1),
        (-timedelta(days=1), 1),
    ],
)
async def test_a_token_is_used_while_two_minutes_are_left(database: Database, left: timedelta, asked: int) -> None:
    async with stage(database, renewed()) as play:
        expires = (play.mall.clock.now() + left + timedelta(hours=9)).replace(tzinfo=None)
        await play.mall.connect(token_answer("first", expires.isoformat(timespec="milliseconds")))
        token = await play.token()
        assert token.value == ("AT_second" if asked else "AT_first")
        assert len(play.endpoint.asked) == asked


async def test_the_refresh_request_is_the_reference_s(database: Database) -> None:
    async with stage(database, renewed()) as play:
        await play.token()
        request = play.endpoint.asked[0]
        assert (request.method, request.url.path) == ("POST", f"/malls/{play.mall.mall_id}/api/v2/oauth/token")
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        scheme, _, credentials = request.headers["authorization"].partition(" ")
        assert (scheme, base64.b64decode(credentials)) == ("Basic", b"sandbox-client:sandbox-client-secret")
        assert request.content == b"grant_type=refresh_token&refresh_token=RT_first"


async def test_fifty_callers_over_two_processes_make_one_request(database: Database) -> None:
    async with stage(database, renewed(), hold=True) as play:
        processes = (play.tokens, play.mall.more_tokens())
        before = (await play.connection()).version
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(processes[n % 2].token(play.mall.org)) for n in range(50)]
            await play.endpoint.reached.wait()
            play.endpoint.open.set()
        assert {(call.result().value, call.result().version) for call in calls} == {("AT_second", before + 1)}
        assert len(play.endpoint.asked) == 1
        after = await play.connection()
        assert (after.status, after.lease_holder, after.version) == ("connected", None, before + 1)


async def test_fifty_callers_refused_by_a_401_make_one_request(database: Database) -> None:
    async with stage(database, renewed(), expires_at=LATER) as play:
        processes = (play.tokens, play.mall.more_tokens())
        used = (await play.token()).version
        tokens = await asyncio.gather(*(processes[n % 2].after_401(play.mall.org, used) for n in range(50)))
        assert {token.value for token in tokens} == {"AT_second"}
        assert len(play.endpoint.asked) == 1


async def test_a_renewal_outlives_the_call_that_needed_it(database: Database) -> None:
    async with stage(database, renewed(), hold=True) as play:
        call = asyncio.create_task(play.token())
        await play.endpoint.reached.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        play.endpoint.open.set()
        await play.tokens.drain()
        assert (await play.token()).value == "AT_second"
        assert len(play.endpoint.asked) == 1


async def test_an_answer_journalled_before_a_crash_is_applied_without_a_request(database: Database) -> None:
    async with stage(database) as play:
        answer = json.dumps(token_answer("second", LATER))
        version = (await play.connection()).version
        await play.mall.connections.write_journal(play.mall.org, mall_id="x", version=version, answer=answer)
        assert (await play.token()).value == "AT_second"
        assert play.endpoint.asked == []
        assert await play.mall.connections.journal_written(play.mall.org, version) is None


async def test_a_dead_holder_s_lease_is_taken_over_when_it_ends(database: Database) -> None:
    async with stage(database, renewed()) as play:
        version, now = (await play.connection()).version, play.mall.clock.now()
        assert await play.mall.connections.take_lease(play.mall.org, version, holder="dead", until=now + timedelta(seconds=9))  # fmt: skip
        play.mall.tokens = Tokens(play.mall.connections, play.mall.http, play.mall.app, play.mall.clock, pause=play.mall.pause)  # fmt: skip
        assert (await play.token()).value == "AT_second"
        assert sum(play.mall.pauses) == pytest.approx(9, abs=0.2)


async def test_a_lease_that_outlasts_the_patience_is_a_retryable_failure(database: Database) -> None:
    async with stage(database) as play:
        version, now = (await play.connection()).version, play.mall.clock.now()
        assert await play.mall.connections.take_lease(play.mall.org, version, holder="slow", until=now + timedelta(seconds=60))  # fmt: skip
        play.mall.tokens = Tokens(play.mall.connections, play.mall.http, play.mall.app, play.mall.clock, pause=play.mall.pause)  # fmt: skip
        failure = await play.fails()
        assert (failure.code, failure.retryable, failure.detail) == ("TOKEN_REFRESH_FAILED", True, {"cause": "lease"})
        assert sum(play.mall.pauses) == pytest.approx(10, abs=0.2)


async def test_a_burnt_refresh_token_needs_the_merchant(database: Database) -> None:
    async with stage(database, refusal(400, "invalid_grant")) as play:
        failure = await play.fails()
        assert (failure.code, failure.retryable, failure.detail["cause"]) == ("TOKEN_REFRESH_FAILED", False, "invalid_grant")  # fmt: skip
        assert failure.detail["mall_id"] == play.mall.mall_id
        assert failure.detail["expires_at"] == "2026-03-14T14:28:00+09:00"
        assert failure.detail["last_success"] == "2026-03-14T14:28:44+09:00"
        assert (await play.connection()).status == "reauthorisation_required"
        assert (await play.fails()).code == "CAFE24_REAUTH_REQUIRED"
        assert len(play.endpoint.asked) == 1


async def test_an_invalid_grant_after_a_sibling_s_renewal_uses_his_token(database: Database) -> None:
    async with stage(database, refusal(400, "invalid_grant"), hold=True) as play:
        call = asyncio.create_task(play.token())
        await play.endpoint.reached.wait()
        await play.mall.connect(token_answer("sibling", LATER))
        play.endpoint.open.set()
        assert (await call).value == "AT_sibling"
        assert (await play.connection()).status == "connected"


@pytest.mark.parametrize(
    ("answer", "cause", "retryable", "minutes", "counted"),
    [
        (refusal(401, "invalid_client"), "invalid_client", False, 30, 1),
        (refusal(400, "invalid_client"), "invalid_client", False, 30, 1),
        (refusal(400, "invalid_request"), "invalid_request", False, 30, 1),
        (httpx2.Response(400, text="<html>"), "http_400", False, 30, 1),
        (refusal(429, "too_many_requests"), "http_429", True, 1, 1),
        (httpx2.Response(500, text="oops"), "http_500", True, 1, 1),
        (httpx2.Response(503, json={"error": "invalid_grant"}), "http_503", True, 1, 1),
        (httpx2.Response(302, headers={"location": "https://evil.example"}), "http_302", False, 30, 1),
        (httpx2.ConnectError("refused"), "connect", True, 1, 0),
        (httpx2.ReadTimeout("slow"), "timeout", True, 1, 1),
        (httpx2.ReadError("reset"), "timeout", True, 1, 1),
        (TimeoutError(), "timeout", True, 1, 1),
        (httpx2.Response(200, text="<html>"), "malformed", True, 1, 1),
        (httpx2.Response(200, content=b"[" * 100_000), "malformed", True, 1, 1),
        (httpx2.Response(200, json={"access_token": "x"}), "malformed", True, 1, 1),
        (renewed(access_token="two words\r\n"), "malformed", True, 1, 1),
        (renewed(expires_at="soon"), "malformed", True, 1, 1),
        (renewed(refresh_token=""), "malformed", True, 1, 1),
    ],
)
async def test_a_failed_renewal_degrades_and_waits(
    database: Database, answer: Answer, cause: str, retryable: bool, minutes: int, counted: int
) -> None:
    async with stage(database, answer, renewed()) as play:
        failure = await play.fails()
        assert (failure.code, failure.retryable, failure.detail["cause"]) == ("TOKEN_REFRESH_FAILED", retryable, cause)
        connection = await play.connection()
        assert (connection.status, connection.lease_holder) == ("degraded", None)
        assert connection.last_refresh is not None
        assert connection.last_refresh.retry_at == NOW + timedelta(minutes=minutes)
        assert await play.mall.connections.count_requests(play.mall.org, within=timedelta(hours=2)) == counted
        # Until then nobody asks again, and everybody hears why.
        play.mall.clock.move(minutes=minutes, seconds=-1)
        again = await play.fails()
        assert (again.code, again.detail["cause"], again.detail["retry_after"]) == ("TOKEN_REFRESH_FAILED", cause, 1.0)
        assert len(play.endpoint.asked) == 1
        play.mall.clock.move(seconds=1)
        assert (await play.token()).value == "AT_second"
        assert (await play.connection()).status == "connected"


async def test_failures_in_a_row_wait_longer_and_longer(database: Database) -> None:
    async with stage(database, *[httpx2.Response(503)] * 7) as play:
        waits: list[float] = []
        for _ in range(7):
            await play.fails()
            last = (await play.connection()).last_refresh
            assert last is not None
            assert last.retry_at is not None
            waits.append((last.retry_at - play.mall.clock.now()).total_seconds() / 60)
            play.mall.clock.at = last.retry_at
        assert waits == [1, 2, 5, 15, 30, 30, 30]


async def test_fifty_callers_of_a_failing_endpoint_make_one_request(database: Database) -> None:
    async with stage(database, *[httpx2.Response(503)] * 50, hold=True) as play:
        processes = (play.tokens, play.mall.more_tokens())
        calls = [asyncio.create_task(processes[n % 2].token(play.mall.org)) for n in range(50)]
        await play.endpoint.reached.wait()
        play.endpoint.open.set()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert {end.code for end in ends if isinstance(end, ShopFailure)} == {"TOKEN_REFRESH_FAILED"}
        assert len(play.endpoint.asked) == 1


async def test_a_call_runs_on_the_old_token_while_it_lives(database: Database) -> None:
    answers = (httpx2.Response(503), httpx2.Response(503))
    async with stage(database, *answers, expires_at="2026-03-14T14:30:00.000") as play:
        assert (await play.token()).value == "AT_first"
        assert (await play.token()).value == "AT_first"
        assert len(play.endpoint.asked) == 1
        play.mall.clock.move(seconds=76)
        assert (await play.fails()).code == "TOKEN_REFRESH_FAILED"


@pytest.mark.parametrize(("made", "allowed"), [(11, True), (12, False)])
async def test_no_more_than_twelve_requests_in_two_hours(database: Database, made: int, allowed: bool) -> None:
    async with stage(database, renewed(), renewed()) as play:
        version = (await play.connection()).version
        for _ in range(made):
            await play.mall.connections.record_failure(
                play.mall.org, version, status="degraded", code="timeout", trigger="call", run_id=None, trace_id=new_trace_id(), requested=True,
            )  # fmt: skip
        if allowed:
            assert (await play.token()).value == "AT_second"
            return
        failure = await play.fails()
        assert (failure.retryable, failure.detail["cause"], failure.detail["retry_after"]) == (True, "budget", 600.0)
        assert play.endpoint.asked == []
        play.mall.clock.move(hours=2)
        assert (await play.token()).value == "AT_second"


async def test_an_answer_without_scopes_takes_none_away(database: Database) -> None:
    async with stage(database, renewed(scopes=None)) as play:
        before = (await play.connection()).scopes
        await play.token()
        assert before
        assert (await play.connection()).scopes == before


async def test_the_sandbox_s_own_endpoint_rotates_the_pair(database: Database) -> None:
    clock = SettableClock(NOW)
    sandbox = a_sandbox(clock)
    async with a_mall(database, sandbox=sandbox, clock=clock) as mall:
        first = await mall.tokens.token(mall.org)
        clock.move(hours=2)
        second = await mall.tokens.token(mall.org)
        assert (first.value != second.value, second.version) == (True, first.version + 1)
        clock.move(hours=2)
        sandbox.add_fault(kind="burn_tokens", match={"path": "oauth/token"}, count=1)
        with pytest.raises(ShopFailure, match="TOKEN_REFRESH_FAILED"):
            await mall.tokens.token(mall.org)


async def test_no_secret_is_in_what_is_printed(database: Database) -> None:
    async with stage(database, renewed()) as play:
        token = await play.token()
        printed = repr(token) + repr(play.mall.app)
        for secret in ("AT_second", "RT_second", "sandbox-client-secret"):
            assert secret not in printed


def somewhere(mall: str) -> str:
    return f"https://{mall}.cafe24api.com"


@pytest.mark.parametrize("mall", ["abc", "moon-light", "0" * 50])
def test_a_mall_s_name_forms_its_host(mall: str) -> None:
    assert App("id", "secret", somewhere).origin(mall) == f"https://{mall}.cafe24api.com"


@pytest.mark.parametrize(
    "mall",
    [
        "",
        "ab",
        "0" * 51,
        "-moon",
        "Moon",
        "moon.light",
        "evil.example/",
        "a@evil.example#",
        "moon\n",
        "달빛샵샵",
        "１２３",
    ],
)
def test_what_is_no_mall_s_name_forms_no_host(mall: str) -> None:
    with pytest.raises(ShopFailure) as failure:
        App("id", "secret", somewhere).origin(mall)
    assert (failure.value.code, failure.value.detail) == ("CONFIG_ERROR", {"setting": "mall_id"})


@pytest.mark.parametrize("left", [timedelta(hours=1), timedelta(0)])
async def test_a_connection_of_a_strange_name_is_never_asked(database: Database, left: timedelta) -> None:
    async with stage(database, renewed()) as play:
        play.mall.mall_id = f"evil.example/{play.mall.mall_id}"
        await play.mall.connect(token_answer("first", LATER if left else EXPIRED))
        with pytest.raises(ShopFailure) as failure:
            await play.mall.client.get(play.mall.call(), play.mall.org, "/carriers")
        assert (failure.value.code, play.endpoint.asked) == ("CONFIG_ERROR", [])


def test_a_pair_s_times_are_seoul_s() -> None:
    pair = read_pair(json.dumps(token_answer("a", "2026-03-14T17:20:11.000")), NOW)
    assert pair.expires_at.isoformat() == "2026-03-14T17:20:11+09:00"
    old = token_answer("a", "2026-03-14T17:20:11.000")
    del old["refresh_token_expires_at"]
    assert read_pair(json.dumps(old), NOW).refresh_token_expires_at == pair.issued_at + timedelta(days=14)
