"""Every retry rule of tools.md §1.2 and cafe24-oauth-and-jobs.md §2.4. Time moves only by waiting."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from tests.commerce.world import LATER, VERSION, Mall, a_mall, token_answer

from sangdam.commerce.cafe24.client import MAX_BYTES, offered_version
from sangdam.commerce.cafe24.limits import MallLimiter, OpenLimiter
from sangdam.commerce.shop import ShopFailure
from sangdam.core.clock import SettableClock
from sangdam.db import Database
from sangdam.tools.model import Call

Answer = httpx2.Response | Exception
OK = httpx2.Response(200, json={"order": {}})


def status(code: int, message: str = "", **headers: str) -> httpx2.Response:
    body: dict[str, Any] = {"error": {"code": code, "message": message, "more_info": {}}}
    return httpx2.Response(code, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Script:
    """The mall says these things one after the other, the last one for ever."""

    answers: list[Answer]
    refreshes: list[Answer] = field(default_factory=list[Answer])
    asked: list[httpx2.Request] = field(default_factory=list[httpx2.Request])
    refreshed: int = 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/oauth/token"):
            self.refreshed += 1
            return told(self.refreshes.pop(0))
        self.asked.append(request)
        return told(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


def told(answer: Answer) -> httpx2.Response:
    if isinstance(answer, Exception):
        raise answer
    return httpx2.Response(answer.status_code, content=answer.content, headers=answer.headers)


@dataclass
class Stage:
    mall: Mall
    script: Script

    async def get(self, call: Call | None = None) -> object:
        call = call or self.mall.call()
        return await self.mall.client.get(
            call, self.mall.org, "/orders/{order_id}", params={"embed": "items"}, order_id="20260314-0000127"
        )

    async def put(self, call: Call | None = None) -> object:
        call = call or self.mall.call()
        body = {"request": {"name": "김하늘", "cellphone": "010-0000-1234"}}
        return await self.mall.client.write(call, self.mall.org, "PUT", "/orders/{order_id}/x", body, order_id="1")

    async def fails(self, code: str, *, call: Call | None = None, write: bool = False) -> ShopFailure:
        with pytest.raises(ShopFailure) as failure:
            await (self.put(call) if write else self.get(call))
        assert failure.value.code == code
        return failure.value


@asynccontextmanager
async def stage(
    database: Database,
    *answers: Answer,
    refreshes: tuple[Answer, ...] = (),
    limiter: Callable[[SettableClock], MallLimiter] = OpenLimiter,
) -> AsyncIterator[Stage]:
    script = Script(list(answers), list(refreshes))
    async with a_mall(database, answering=script, limiter=limiter) as mall:
        yield Stage(mall, script)


async def test_a_read_names_shop_version_and_token(database: Database) -> None:
    async with stage(database, OK) as play:
        assert await play.get() == {"order": {}}
        request = play.script.asked[0]
        assert request.url.path == f"/malls/{play.mall.mall_id}/api/v2/admin/orders/20260314-0000127"
        assert dict(request.url.params) == {"shop_no": "1", "embed": "items"}
        assert request.headers["authorization"] == "Bearer AT_first"
        assert request.headers["x-cafe24-api-version"] == VERSION


async def test_a_value_in_a_path_stays_one_segment(database: Database) -> None:
    async with stage(database, OK) as play:
        await play.mall.client.get(play.mall.call(), play.mall.org, "/orders/{id}", id="1/../2?x=1#")
        assert play.script.asked[0].url.raw_path.endswith(b"/orders/1%2F..%2F2%3Fx%3D1%23?shop_no=1")


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_a_read_is_tried_three_times_on_a_failing_server(database: Database, code: int) -> None:
    async with stage(database, status(code), status(code), OK) as play:
        await play.get()
        assert play.mall.pauses == pytest.approx([0.3, 1.0])


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_a_server_that_keeps_failing_is_unavailable(database: Database, code: int) -> None:
    async with stage(database, status(code)) as play:
        call = play.mall.call()
        failure = await play.fails("CAFE24_UNAVAILABLE", call=call)
        assert (failure.retryable, failure.detail["status"], len(play.script.asked)) == (True, code, 3)
        assert [(one.status, one.attempt) for one in call.upstream] == [(code, 1), (code, 2), (code, 3)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx2.ConnectError("refused"), "CAFE24_UNAVAILABLE"),
        (httpx2.ReadError("reset"), "CAFE24_UNAVAILABLE"),
        (httpx2.RemoteProtocolError("closed"), "CAFE24_UNAVAILABLE"),
        (httpx2.ReadTimeout("slow"), "CAFE24_TIMEOUT"),
        (httpx2.ConnectTimeout("slow"), "CAFE24_TIMEOUT"),
        (TimeoutError(), "CAFE24_TIMEOUT"),
        (httpx2.DecodingError("no gzip"), "CAFE24_ERROR"),
    ],
)
async def test_a_read_without_an_answer_is_tried_three_times(database: Database, error: Exception, code: str) -> None:
    async with stage(database, error) as play:
        call = play.mall.call()
        failure = await play.fails(code, call=call)
        assert (len(play.script.asked), failure.detail["attempts"], failure.unknown) == (3, 3, False)
        assert [one.status for one in call.upstream] == [None, None, None]


async def test_a_try_that_would_pass_the_deadline_is_not_made(database: Database) -> None:
    async with stage(database, status(503)) as play:
        failure = await play.fails("CAFE24_UNAVAILABLE", call=play.mall.call(seconds=1.0))
        assert (play.mall.pauses, failure.detail["attempts"]) == ([0.3], 2)


@pytest.mark.parametrize("limiter", [OpenLimiter, MallLimiter])
async def test_nothing_is_sent_when_no_time_is_left(database: Database, limiter: type[MallLimiter]) -> None:
    async with stage(database, OK, limiter=limiter) as play:
        await play.fails("CAFE24_TIMEOUT", call=play.mall.call(seconds=0.04))
        assert play.script.asked == []


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({}, 2.0), ({"retry_after": "3"}, 3.0), ({"x_cafe24_call_remain": "4", "x_cafe24_time_remain": "1"}, 4.0)],
)
async def test_after_a_429_it_waits_as_long_as_the_mall_says(
    database: Database, headers: dict[str, str], wait: float
) -> None:
    async with stage(database, status(429, **headers), OK) as play:
        await play.get()
        assert play.mall.pauses == pytest.approx([wait])


async def test_a_429_until_the_deadline_is_rate_limited(database: Database) -> None:
    busy = status(429, x_api_call_limit="40/40", x_cafe24_call_usage="120.04", x_cafe24_call_remain="2")
    async with stage(database, busy) as play:
        failure = await play.fails("CAFE24_RATE_LIMITED")
        assert (failure.retryable, failure.detail["api-call-limit"], failure.detail["cafe24-call-remain"]) == (True, "40/40", "2")  # fmt: skip
        assert (play.mall.pauses, len(play.script.asked)) == ([2.0, 2.0], 3)


async def test_a_block_longer_than_the_deadline_is_not_waited_for(database: Database) -> None:
    async with stage(database, status(429, x_cafe24_time_remain="600")) as play:
        await play.fails("CAFE24_RATE_LIMITED")
        assert (play.mall.pauses, len(play.script.asked)) == ([], 1)


async def test_while_the_mall_blocks_us_nothing_is_sent(database: Database) -> None:
    used_up = httpx2.Response(200, json={}, headers={"x-cafe24-call-usage": "100", "x-cafe24-call-remain": "30"})
    async with stage(database, used_up, limiter=MallLimiter) as play:
        await play.get()
        await play.fails("CAFE24_RATE_LIMITED")
        assert len(play.script.asked) == 1


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        (httpx2.Response(200, text="<html>점검</html>"), "no JSON object"),
        (httpx2.Response(200, content=b""), "no JSON object"),
        (httpx2.Response(200, json=[1, 2]), "no JSON object"),
        (httpx2.Response(200, json=None), "no JSON object"),
        (httpx2.Response(200, content=b"[" * 100_000), "no JSON object"),
        (httpx2.Response(200, content=b'{"a": "\xff"}'), "no JSON object"),
        (httpx2.Response(200, content=b'{"a": "' + b"x" * MAX_BYTES + b'"}'), "too large"),
    ],
)
async def test_an_answer_of_another_shape_is_an_error_and_not_tried_again(
    database: Database, answer: httpx2.Response, shape: str
) -> None:
    async with stage(database, answer) as play:
        failure = await play.fails("CAFE24_ERROR")
        assert (failure.detail["shape"], len(play.script.asked), failure.retryable) == (shape, 1, False)


async def test_a_large_answer_is_read_up_to_the_limit(database: Database) -> None:
    body = b'{"a": "' + b"x" * (MAX_BYTES - 9) + b'"}'
    assert len(body) == MAX_BYTES
    async with stage(database, httpx2.Response(200, content=body)) as play:
        assert await play.get() == json.loads(body)


@pytest.mark.parametrize("code", [301, 302, 307, 204, 418])
async def test_a_redirect_is_not_followed(database: Database, code: int) -> None:
    away = httpx2.Response(code, headers={"location": "https://evil.example/"})
    async with stage(database, away) as play:
        failure = await play.fails("CAFE24_ERROR")
        assert (failure.detail["status"], len(play.script.asked)) == (code, 1)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (status(403, "insufficient_scope"), "SCOPE_ERROR"),
        (status(404, "No API found"), "CAFE24_NOT_FOUND"),
        (status(400, "Bad Request"), "CAFE24_REJECTED"),
        (status(409), "CAFE24_REJECTED"),
        (status(422, "You cannot change to that order state."), "CAFE24_REJECTED"),
        (httpx2.Response(422, text="<html>"), "CAFE24_REJECTED"),
    ],
)
async def test_a_refusal_is_told_once_with_the_mall_s_words_for_operators(
    database: Database, answer: httpx2.Response, code: str
) -> None:
    async with stage(database, answer) as play:
        failure = await play.fails(code)
        assert len(play.script.asked) == 1
        if answer.status_code == 422 and "json" in answer.headers.get("content-type", ""):
            assert failure.detail["message"] == "You cannot change to that order state."


async def test_a_401_is_repeated_once_with_a_renewed_token(database: Database) -> None:
    renewed = httpx2.Response(200, json=token_answer("second", LATER))
    async with stage(database, status(401), OK, refreshes=(renewed,)) as play:
        await play.get()
        assert [one.headers["authorization"] for one in play.script.asked] == ["Bearer AT_first", "Bearer AT_second"]
        assert play.script.refreshed == 1


async def test_a_401_is_repeated_with_a_sibling_s_newer_token_without_a_request(database: Database) -> None:
    async with stage(database, status(401), OK) as play:
        answers = play.script.answers

        async def sibling_first(request: httpx2.Request) -> httpx2.Response:
            if len(answers) == 2:
                await play.mall.connect(token_answer("sibling", LATER))
            return await play.script(request)

        transport = httpx2.MockTransport(sibling_first)
        async with httpx2.AsyncClient(transport=transport) as http:
            play.mall.http = http
            play.mall.__post_init__()
            await play.get()
        assert [one.headers["authorization"] for one in play.script.asked] == ["Bearer AT_first", "Bearer AT_sibling"]
        assert play.script.refreshed == 0


async def test_a_second_401_needs_the_merchant_and_later_calls_ask_nobody(database: Database) -> None:
    renewed = httpx2.Response(200, json=token_answer("second", LATER))
    async with stage(database, status(401), refreshes=(renewed,)) as play:
        await play.fails("CAFE24_REAUTH_REQUIRED")
        assert (len(play.script.asked), play.script.refreshed) == (2, 1)
        connection = await play.mall.connections.read(play.mall.org)
        assert connection is not None
        assert connection.status == "reauthorisation_required"
        await play.fails("CAFE24_REAUTH_REQUIRED")
        assert (len(play.script.asked), play.script.refreshed) == (2, 1)


async def test_a_401_whose_renewal_is_refused_says_so(database: Database) -> None:
    refused = httpx2.Response(400, json={"error": "invalid_grant", "error_description": "Invalid refresh_token"})
    async with stage(database, status(401), refreshes=(refused,)) as play:
        failure = await play.fails("TOKEN_REFRESH_FAILED")
        assert (failure.retryable, failure.detail["cause"]) == (False, "invalid_grant")


GONE = "2026-03-01 version you requested is not available. The default value for the app version is 2026-06-01."


async def test_an_expired_version_is_replaced_by_the_offered_one_for_the_day(database: Database) -> None:
    async with stage(database, status(400, GONE), OK) as play:
        await play.get()
        await play.get()
        assert [one.headers["x-cafe24-api-version"] for one in play.script.asked] == [VERSION, "2026-06-01", "2026-06-01"]  # fmt: skip
        play.mall.clock.move(days=1)
        await play.mall.connect(token_answer("next", "2026-03-15T23:00:00.000"))
        await play.get()
        assert play.script.asked[-1].headers["x-cafe24-api-version"] == VERSION


async def test_a_mall_that_offers_version_after_version_is_asked_twice(database: Database) -> None:
    other = GONE.replace("2026-06-01", "2026-09-01")
    async with stage(database, status(400, GONE), status(400, other), status(400, GONE)) as play:
        await play.fails("CAFE24_REJECTED")
        assert len(play.script.asked) == 2


@pytest.mark.parametrize(
    ("message", "version"),
    [(GONE, "2026-06-01"), ("Bad Request", None), ("the version is 20-06-2026x", None), ("version 2026-13-01", None), ("", None)],
)  # fmt: skip
def test_the_offered_version_is_the_last_date_named(message: str, version: str | None) -> None:
    assert offered_version(message) == version


async def test_a_change_is_sent_in_its_envelope_and_noted_before_it_leaves(database: Database) -> None:
    async with stage(database, OK) as play:
        call = play.mall.call()
        await play.put(call)
        assert json.loads(play.script.asked[0].content)["shop_no"] == 1
        assert call.sent
        reading = play.mall.call()
        await play.get(reading)
        assert not reading.sent


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx2.ReadTimeout("slow"), "CAFE24_TIMEOUT"),
        (httpx2.ReadError("reset"), "CAFE24_UNAVAILABLE"),
        (httpx2.WriteTimeout("slow"), "CAFE24_TIMEOUT"),
        (status(500), "CAFE24_UNAVAILABLE"),
        (status(504), "CAFE24_UNAVAILABLE"),
        (httpx2.Response(200, text="<html>"), "CAFE24_ERROR"),
    ],
)
async def test_a_change_that_may_have_happened_is_never_sent_again(
    database: Database, answer: Answer, code: str
) -> None:
    async with stage(database, answer) as play:
        failure = await play.fails(code, write=True)
        assert (failure.unknown, len(play.script.asked)) == (True, 1)


@pytest.mark.parametrize("before", [status(429), httpx2.ConnectError("refused"), httpx2.ConnectTimeout("slow")])
async def test_a_change_that_certainly_did_not_happen_is_sent_again(database: Database, before: Answer) -> None:
    async with stage(database, before, OK) as play:
        await play.put()
        assert len(play.script.asked) == 2


ONE_MADE = {"order_id": "1", "status": "shipping", "message": ""}


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ({"error": {"code": 404, "message": "Order not found."}}, "Order not found."),
        ({"error": "invalid"}, ""),
        ({"status": 422, "message": "No such board."}, "No such board."),
        ({"code": 400, "message": "No such board."}, "No such board."),
        ("nothing", ""),
    ],
)
async def test_a_mixed_result_with_a_refused_part_is_refused_and_unknown_when_another_was_made(
    database: Database, element: object, message: str
) -> None:
    for others, unknown in (([], False), ([ONE_MADE], True)):
        body = {"articles": [*others, element]}
        async with stage(database, httpx2.Response(207, json=body)) as play:
            failure = await play.fails("CAFE24_REJECTED", write=True)
            assert failure.detail == {"status": 207, "message": message, "refused": 1, "of": len(others) + 1}
            assert failure.unknown is unknown


async def test_a_mixed_result_without_a_refused_part_is_done(database: Database) -> None:
    body = {"articles": [ONE_MADE]}
    async with stage(database, httpx2.Response(207, json=body)) as play:
        assert await play.put() == body


@pytest.mark.parametrize("answer", [status(422), status(409), status(403), status(404)])
async def test_a_refused_change_did_not_happen(database: Database, answer: httpx2.Response) -> None:
    async with stage(database, answer) as play:
        with pytest.raises(ShopFailure) as failure:
            await play.put()
        assert (failure.value.unknown, len(play.script.asked)) == (False, 1)


async def test_the_record_holds_templates_and_never_a_number_of_anybody(database: Database) -> None:
    async with stage(database, status(503), OK) as play:
        call = play.mall.call()
        await play.get(call)
        params = {"cellphone": "010-0000-1234", "member_id": "haneul01"}
        await play.mall.client.get(call, play.mall.org, "/customers", params=params)
        await play.put(call)
        assert [one.call for one in call.upstream] == [
            "GET /orders/{order_id}",
            "GET /orders/{order_id}",
            "GET /customers",
            "PUT /orders/{order_id}/x",
        ]
        assert [one.attempt for one in call.upstream] == [1, 2, 1, 1]
        for personal in ("0000127", "0000-1234", "haneul01", "김하늘"):
            assert personal not in repr(call.upstream)


async def test_without_a_connection_nothing_is_asked(database: Database) -> None:
    async with stage(database, OK) as play:
        async with database.org(play.mall.org) as tx:
            await tx.execute("update a_iam_auth_settings set providers = '{}'")
        failure = await play.fails("CONFIG_ERROR")
        assert (failure.detail, play.script.asked) == ({"setting": "cafe24"}, [])


async def test_a_mall_that_was_disconnected_is_not_asked_any_more(database: Database) -> None:
    async with stage(database, OK) as play:
        await play.get()
        await play.mall.connections.mark_revoked(play.mall.org, trace_id="t")
        await play.fails("CAFE24_REAUTH_REQUIRED")
        assert len(play.script.asked) == 1
