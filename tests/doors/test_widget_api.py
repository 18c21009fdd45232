"""Tickets, the long poll and the pages: whose widget, whose origin, what is sent along."""

import asyncio
import re
from typing import Any

import pytest

from sangdam.conversations.model import NewSession
from sangdam.db.testing import Addresses, connected
from sangdam.web.widgets import origin_of
from tests.conversations.talk import an_agent
from tests.doors.shopfront import EMAIL, KEY, PASSWORD, SHOP, Shopfront, an_org, open_shop

PAGE = f"{SHOP}/product/101"


async def ask(shop: Shopfront, *, origin: str | None = SHOP, **fields: Any) -> Any:
    body = {"public_key": shop.widget.public_key, "page_url": PAGE, "visitor_id": "v-1", **fields}
    return await shop.http.post("/api/widget/ticket", json=body, headers={"origin": origin} if origin else {})


async def test_a_ticket_opens_a_conversation_with_the_shops_first_words(shop: Shopfront) -> None:
    answer = await ask(shop)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert set(given) == {
        "ticket",
        "ticket_expires_at",
        "session_id",
        "session_code",
        "resume_token",
        "ws_url",
        "last_seq",
        "epoch",
        "config",
    }
    assert (given["last_seq"], given["epoch"], given["config"]["title"], given["config"]["language"]) == (
        1,
        1,
        "달빛샵",
        "ko",
    )
    assert answer.headers["access-control-allow-origin"] == SHOP
    async with shop.socket(origin=SHOP) as chat:
        await chat.join(given["ticket"])
        await chat.until_seq(1)
        assert "AI" in chat.transcript[0][1]


async def test_the_resume_token_brings_the_conversation_back_until_the_next_one_is_used(shop: Shopfront) -> None:
    first = (await ask(shop)).json()
    second = (await ask(shop, resume_token=first["resume_token"])).json()
    assert second["session_id"] == first["session_id"]
    assert second["resume_token"] != first["resume_token"]
    third = (await ask(shop, resume_token=second["resume_token"])).json()
    assert third["session_id"] == first["session_id"]
    stale = (await ask(shop, resume_token=first["resume_token"])).json()
    assert stale["session_id"] != first["session_id"]
    shop.clock.move(hours=24)
    late = (await ask(shop, resume_token=third["resume_token"])).json()
    assert late["session_id"] != first["session_id"]


async def test_a_resume_token_of_another_shop_is_worth_nothing(shop: Shopfront) -> None:

    other, _ = await an_org(shop.product, "other", "other@example.com")
    agent = await an_agent(shop.product, other)
    foreign = await shop.product.sessions.open(other, NewSession(agent.id, 1, "widget"))
    token = await shop.product.sessions.issue_resume(other, foreign.id)
    assert (await ask(shop, resume_token=token)).json()["session_id"] != str(foreign.id)


@pytest.mark.parametrize(
    ("fields", "origin", "status", "code"),
    [
        ({"public_key": "sdw_pk_" + "a" * 24}, SHOP, 404, "WIDGET_NOT_FOUND"),
        ({"public_key": "nonsense"}, SHOP, 404, "WIDGET_NOT_FOUND"),
        ({}, "https://evil.example.com", 403, "ORIGIN_NOT_ALLOWED"),
        ({}, "null", 403, "ORIGIN_NOT_ALLOWED"),
        ({}, None, 403, "ORIGIN_NOT_ALLOWED"),
        ({"page_url": "https://evil.example.com/"}, SHOP, 403, "ORIGIN_NOT_ALLOWED"),
        ({"page_url": "javascript:alert(1)"}, SHOP, 403, "ORIGIN_NOT_ALLOWED"),
        ({"page_url": ""}, SHOP, 400, "INVALID_BODY"),
    ],
)
async def test_no_ticket_for_others(
    shop: Shopfront, fields: dict[str, Any], origin: str | None, status: int, code: str
) -> None:
    answer = await ask(shop, origin=origin, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], "message_ops" in error, error["fields"]) == (status, code, False, [])
    assert "access-control-allow-origin" not in answer.headers or origin == SHOP


async def test_pages_outside_the_widgets_paths_get_no_ticket(shop: Shopfront) -> None:
    async with connected(shop.addresses.superuser) as owner:
        await owner.execute("update b_bot_widgets set allowed_paths = '{/product/*}' where id = $1", shop.widget.id)
    assert (await ask(shop)).status_code == 200
    refused = await ask(shop, page_url=f"{SHOP}/order/basket.html")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "PATH_NOT_ALLOWED")


async def test_the_embedded_chat_asks_from_our_own_origin(shop: Shopfront) -> None:
    own = await ask(shop, origin=shop.base, page_url=f"{shop.base}/call/{shop.widget.public_key}", language="en")
    assert own.status_code == 200
    assert own.json()["config"]["language"] == "en"
    async with connected(shop.addresses.superuser) as owner:
        assert await owner.fetchval("select channel from d_conv_sessions") == "call"


async def test_tickets_of_an_address_are_limited(addresses: Addresses) -> None:
    async with open_shop(
        addresses, settings={"SANGDAM_TICKETS_PER_MIN_IP": "2", "TRUSTED_PROXIES": "127.0.0.0/8"}
    ) as shop:
        body = {"public_key": shop.widget.public_key, "page_url": PAGE}
        far = {"origin": SHOP, "x-forwarded-for": "198.51.100.7"}
        statuses = [(await shop.http.post("/api/widget/ticket", json=body, headers=far)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        near = await shop.http.post("/api/widget/ticket", json=body, headers={**far, "x-forwarded-for": "198.51.100.8"})
        assert near.status_code == 200
        shop.clock.move(seconds=60)
        assert (await shop.http.post("/api/widget/ticket", json=body, headers=far)).status_code == 200


async def test_the_long_poll_says_and_shows_what_the_socket_does(shop: Shopfront) -> None:
    given = (await ask(shop)).json()
    headers = {"authorization": f"Bearer {given['ticket']}", "origin": SHOP}
    waiting = asyncio.create_task(shop.http.get("/api/widget/messages?after=1&wait=25", headers=headers))
    said = {"client_id": "c-00000001", "text": "배송지 바꿔 주세요"}
    for duplicate in (False, True):
        ack = await shop.http.post("/api/widget/messages", json=said, headers=headers)
        assert ack.json() == {"client_id": "c-00000001", "seq": 2, "duplicate": duplicate}
    polled = (await asyncio.wait_for(waiting, 10)).json()
    assert [(item["type"], item["seq"], item["text"]) for item in polled["items"]] == [
        ("user_message", 2, "배송지 바꿔 주세요")
    ]
    assert (polled["speaker"], polled["status"], polled["epoch"], polled["last_seq"]) == ("bot", "open", 1, 2)
    async with shop.socket(origin=SHOP) as chat:
        await chat.join(given["ticket"])
        await chat.until_seq(2)
        frames = [frame for frame in chat.seen if "role" in frame]
    assert (await shop.http.get("/api/widget/messages", headers=headers)).json()["items"] == frames


async def test_the_long_poll_takes_only_a_living_ticket_and_an_allowed_origin(shop: Shopfront) -> None:
    given = (await ask(shop)).json()
    good = {"authorization": f"Bearer {given['ticket']}"}
    assert (await shop.http.get("/api/widget/messages", headers=good)).status_code == 200
    assert (await shop.http.get("/api/widget/messages")).status_code == 401
    assert (await shop.http.get("/api/widget/messages", headers={"authorization": "Bearer eyJ"})).status_code == 401
    evil = await shop.http.get("/api/widget/messages", headers={**good, "origin": "https://evil.example.com"})
    assert (evil.status_code, "access-control-allow-origin" in evil.headers) == (403, False)
    shop.clock.move(minutes=5)
    assert (await shop.http.get("/api/widget/messages", headers=good)).status_code == 401


async def test_a_closed_conversation_takes_no_more_words(shop: Shopfront) -> None:
    given = (await ask(shop)).json()
    headers = {"authorization": f"Bearer {given['ticket']}", "origin": SHOP}
    session = await shop.product.sessions.resume(given["resume_token"])
    assert session is not None
    await shop.product.sessions.close(shop.org, session.id, "resolved")
    answer = await shop.http.post(
        "/api/widget/messages", json={"client_id": "c-00000001", "text": "안녕"}, headers=headers
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONVERSATION_CLOSED")


async def test_other_routes_have_no_cors(shop: Shopfront) -> None:
    for path in ("/api/me", "/healthz", "/api/openapi.json"):
        assert "access-control-allow-origin" not in (await shop.http.get(path, headers={"origin": SHOP})).headers
    allowed = await shop.http.options(
        "/api/widget/ticket", headers={"origin": SHOP, "access-control-request-method": "POST"}
    )
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, SHOP)
    assert "access-control-allow-credentials" not in allowed.headers


# Pages --------------------------------------------------------------------------------------------------------------------


def policy(answer: Any) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))


async def test_the_frame_may_stand_in_the_widgets_pages_only(shop: Shopfront) -> None:
    answer = await shop.http.get(f"/embed/{shop.widget.public_key}")
    assert answer.status_code == 200
    rules = policy(answer)
    assert rules["frame-ancestors"] == f"'self' {SHOP}"
    assert rules["script-src"] == "'self'"
    assert rules["connect-src"].startswith("'self' ws://127.0.0.1:")
    assert not re.search(r"<script(?![^>]*\ssrc=)", answer.text)
    call = await shop.http.get(f"/call/{shop.widget.public_key}")
    assert (call.status_code, policy(call)["frame-ancestors"]) == (200, "'none'")
    for path in ("/embed/sdw_pk_" + "a" * 24, "/call/nonsense"):
        assert (await shop.http.get(path)).status_code == 404


async def test_the_loader_is_small_and_kept_by_its_version(shop: Shopfront) -> None:
    answer = await shop.http.get("/widget.js", headers={"accept-encoding": "gzip"})
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert int(answer.headers["content-length"]) <= 12 * 1024
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    again = await shop.http.get("/widget.js", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    versioned = await shop.http.get("/static/chat.js?v=1")
    assert "immutable" in versioned.headers["cache-control"]
    assert "immutable" not in (await shop.http.get("/static/chat.js")).headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../parts.py",
        "/static/%2e%2e/parts.py",
        "/static/embed.html",
        "/static/nothing.js",
        "/static/",
        "/demo/shop",
    ],
)
async def test_nothing_else_is_served(shop: Shopfront, path: str) -> None:
    assert (await shop.http.get(path)).status_code == 404


async def test_the_demo_shop_front_is_there_in_the_demo_only(addresses: Addresses) -> None:
    async with open_shop(addresses, demo=True) as shop:
        answer = await shop.http.get("/demo/shop")
        assert answer.status_code == 200
        assert f'src="/widget.js" data-key="{KEY}"' in answer.text
        assert "{{" not in answer.text
        assert policy(answer)["frame-src"] == "'self'"


async def test_the_privacy_notice_says_what_is_set(addresses: Addresses) -> None:
    async with open_shop(addresses, settings={"RETENTION_MESSAGE_DAYS": "14"}) as shop:
        answer = await shop.http.get("/privacy")
        assert "14일" in answer.text
        assert "30일" not in answer.text


async def test_every_answer_carries_the_security_headers(shop: Shopfront) -> None:
    for path in ("/healthz", "/nothing", "/widget.js", f"/embed/{shop.widget.public_key}", "/api/me"):
        answer = await shop.http.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "frame-ancestors" in answer.headers["content-security-policy"]
        assert answer.headers["x-trace-id"]


async def test_behind_https_cookies_are_secure_and_browsers_stay_there(addresses: Addresses) -> None:
    public = {"PUBLIC_BASE_URL": "https://chat.example.com", "CALL_WS_URL": "wss://chat.example.com/ws"}
    async with open_shop(addresses, settings=public) as shop:
        signed = await shop.http.post(
            "/api/auth/login",
            json={"email": EMAIL, "password": PASSWORD},
            headers={"origin": "https://chat.example.com"},
        )
        assert "; secure" in signed.headers["set-cookie"].lower()
        assert "max-age=" in signed.headers["strict-transport-security"]
        assert "wss://chat.example.com" in policy(await shop.http.get(f"/embed/{KEY}"))["connect-src"]
        assert (await ask(shop, origin="https://chat.example.com")).json()["ws_url"] == "wss://chat.example.com/ws"


async def test_alive_and_ready_are_told_apart(shop: Shopfront) -> None:
    alive = await shop.http.get("/healthz")
    assert (alive.status_code, alive.json()["status"]) == (200, "ok")
    ready = await shop.http.get("/readyz")
    assert set(ready.json()) == {"database", "schema", "keys", "worker_seen_s", "draining"}
    assert (ready.status_code, ready.json()["draining"]) == (200, False)


async def test_metrics_count_sockets(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        await chat.say("c-00000001", "안녕하세요")
        text = (await shop.http.get("/metrics")).text
    assert "sangdam_socket_connections 1.0" in text
    assert 'sangdam_messages_total{sender="shopper"} 1.0' in text
    assert 'sangdam_socket_resume_total{result="new"} 1.0' in text
    assert (await shop.http.get("/metrics", headers={"x-forwarded-for": "203.0.113.5"})).status_code == 404


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://shop.example.com", "https://shop.example.com"),
        ("https://SHOP.example.com:443/a?b#c", "https://shop.example.com"),
        ("http://localhost:8700/demo/shop", "http://localhost:8700"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("https://user@shop.example.com", None),
        ("https://shop.example.com:port", None),
        ("https://sh op.example.com", None),
        ("https://*.example.com", None),
        ("https://a;b", None),
        ("javascript:alert(1)", None),
        ("//shop.example.com", None),
        ("null", None),
        ("", None),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin
