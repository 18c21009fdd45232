"""Connecting a foreign server over HTTP, deciding about its tools, using one, and removing it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from sangdam.core.ids import new_trace_id
from sangdam.db.testing import Addresses
from tests.doors.shopfront import Shopfront, an_org, open_shop
from tests.tools.stranger import PARCEL, SECRET, Stranger, a_tool, serving, told

PARCEL_OF = {"number": "12345678901"}


@dataclass
class Console:
    """The owner's browser."""

    shop: Shopfront
    stranger: Stranger
    headers: dict[str, str]

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = await self.shop.http.request(method, path, json=body, headers=sent)
        assert SECRET not in answer.text
        return answer

    async def register(self, name: str = "shop", **headers: str) -> httpx2.Response:
        body = {"name": name, "url": self.stranger.url, "secret": SECRET}
        return await self.send("POST", "/api/mcp/servers", body, **headers)

    async def relax(self, tool: str, **decision: Any) -> httpx2.Response:
        return await self.send("PATCH", "/api/mcp/servers/shop", {"tools": {tool: decision}}, if_match="1")

    async def allow(self, tool: str) -> None:
        policy = {"is_allowed": True, "allowed_callers": ["member", "mcp"]}
        answer = await self.send("PUT", f"/api/mcp/tools/{tool}/policy", policy, if_match="0")
        assert answer.status_code == 200, answer.text

    async def call(self, tool: str, params: dict[str, Any], **more: Any) -> httpx2.Response:
        key = more.pop("key", "key-00000001")
        body = {"tool": tool, "params": params, "as_staff": True, "staff_reason": "손님 전화 확인", **more}
        return await self.send("POST", "/api/mcp/tools/call", body, idempotency_key=key)


@pytest.fixture
async def console(addresses: Addresses) -> AsyncIterator[Console]:
    async with contextlib.AsyncExitStack() as closing:
        stranger = await closing.enter_async_context(serving(Stranger()))
        settings = {"SANGDAM_MCP_SERVER_ALLOW": stranger.entry}
        shop = await closing.enter_async_context(open_shop(addresses, settings=settings))
        yield Console(shop, stranger, await shop.sign_in())


async def test_a_server_is_connected_decided_about_used_and_removed(console: Console) -> None:
    assert (await console.send("GET", "/api/mcp/servers")).json() == {"items": []}
    made = await console.register()
    assert made.status_code == 201, made.text
    server = made.json()
    assert (server["name"], server["url"], server["secret"], server["status"], server["version"]) == (
        "shop", console.stranger.url, "set", "active", 1,
    )  # fmt: skip
    track = next(tool for tool in server["tools"] if tool["name"] == "shop/track")
    assert (track["effect"], track["assurance"], track["confirmation"], track["state"]) == (
        "write",
        "VERIFIED",
        True,
        "on",
    )
    assert track["schema"]["properties"] == PARCEL["properties"]
    assert track["claims"] == {"read_only": None, "destructive": None, "idempotent": None, "open_world": None}
    assert (await console.send("GET", "/api/mcp/servers")).json() == {"items": [server]}

    denied = await console.call("shop/track", PARCEL_OF)
    assert (denied.status_code, denied.json()["error"]["code"]) == (403, "POLICY_NOT_FOUND")
    await console.allow("shop/track")
    relaxed = await console.relax("track", effect="read", assurance="ANONYMOUS")
    assert relaxed.status_code == 200, relaxed.text
    assert relaxed.json()["version"] == 2
    listed = (await console.send("GET", "/api/mcp/tools")).json()["items"]
    shown = {tool["name"]: tool for tool in listed}
    assert (shown["shop/track"]["effective"], shown["shop/track"]["effect"]) == ("allowed", "read")
    assert (shown["shop/add_points"]["effective"], shown["shop/add_points"]["reason"]) == (
        "blocked",
        "POLICY_NOT_FOUND",
    )
    done = await console.call("shop/track", PARCEL_OF)
    assert done.status_code == 200, done.text
    assert (done.json()["tool"], done.json()["data"]["structured"]) == ("shop/track", {"ok": True})

    removed = await console.send("DELETE", "/api/mcp/servers/shop", if_match="2")
    assert (removed.status_code, removed.text) == (204, "")
    assert (await console.call("shop/track", PARCEL_OF)).status_code == 404
    assert (await console.send("DELETE", "/api/mcp/servers/shop", if_match="2")).status_code == 404


async def test_a_change_is_accepted_in_the_approvals_and_then_made_once(console: Console) -> None:
    await console.register()
    await console.allow("shop/add_points")
    arguments = {"member": "010-1234-5678", "points": 3}
    asked = await console.call("shop/add_points", arguments)
    assert asked.status_code == 409, asked.text
    confirmation = asked.json()["confirmation"]
    assert confirmation["preview"]["arguments"] == arguments
    (waiting,) = (await console.send("GET", "/api/approvals")).json()["items"]
    assert waiting["shown"]["arguments"] == {"member": "010-****-5678", "points": 3}
    accepted = await console.send("POST", f"/api/approvals/{waiting['id']}", {"decision": "approve"})
    assert accepted.status_code == 200, accepted.text
    for replayed in ("", "true"):
        done = await console.call("shop/add_points", arguments, confirmation_digest=confirmation["digest"])
        assert (done.status_code, done.headers.get("idempotent-replay", "")) == (200, replayed)
    assert console.stranger.calls == [("add_points", arguments)]


async def test_a_changed_tool_is_looked_at_and_allowed_again(console: Console) -> None:
    await console.register()
    console.stranger.tools = [a_tool("track", PARCEL, description="Something else now")]
    listed = await console.send("POST", "/api/mcp/servers/shop/refresh")
    (track,) = listed.json()["tools"]
    assert (track["state"], track["description"]) == ("changed", "Something else now")
    path = "/api/mcp/servers/shop/tools/track/allow"
    assert (await console.send("POST", path, {"digest": track["allowed_digest"]})).status_code == 409
    allowed = await console.send("POST", path, {"digest": track["present_digest"]})
    assert allowed.status_code == 200
    assert allowed.json()["tools"][0]["state"] == "on"
    assert (
        await console.send("POST", "/api/mcp/servers/shop/tools/none/allow", {"digest": "0" * 64})
    ).status_code == 404


async def test_a_repeated_request_is_answered_the_same_and_done_once(console: Console) -> None:
    first = await console.register(idempotency_key="register-0001")
    seen = len(console.stranger.seen)
    again = await console.register(idempotency_key="register-0001")
    assert (again.status_code, again.json(), again.headers["idempotent-replay"]) == (201, first.json(), "true")
    other = await console.register("other", idempotency_key="register-0001")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert len(console.stranger.seen) == seen
    assert (await console.register()).status_code == 409


async def test_a_change_needs_the_version_it_replaces(console: Console) -> None:
    await console.register()
    for headers in ({}, {"if_match": "7"}, {"if_match": "0"}):
        refused = await console.send("PATCH", "/api/mcp/servers/shop", {"status": "disabled"}, **headers)
        assert refused.status_code == 409, headers
        assert "version" in refused.json()["error"]["message_ops"]
        assert (await console.send("DELETE", "/api/mcp/servers/shop", **headers)).status_code == 409
    bad = await console.send("PATCH", "/api/mcp/servers/shop", {"status": "disabled"}, if_match="one")
    assert (bad.status_code, bad.json()["error"]["fields"]) == (400, ["if-match"])
    done = await console.send("PATCH", "/api/mcp/servers/shop", {"status": "disabled"}, if_match='"1"')
    assert (done.json()["status"], done.json()["version"]) == ("disabled", 2)


async def test_a_secret_is_replaced_forgotten_or_left(console: Console) -> None:
    await console.register()
    path = "/api/mcp/servers/shop"
    for version, body, kept in ((1, {"status": "active"}, "set"), (2, {"secret": None}, "missing"), (3, {"secret": "another.secret-1"}, "set")):  # fmt: skip
        answer = await console.send("PATCH", path, body, if_match=str(version))
        assert answer.json()["secret"] == kept, body
        assert "another.secret-1" not in answer.text
    refused = await console.send("POST", f"{path}/refresh")
    assert (refused.status_code, refused.json()["error"]["code"]) == (424, "CONFIG_ERROR")
    assert (await console.send("GET", "/api/mcp/servers")).json()["items"][0]["status"] == "failing"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("status:500", 503, "EXTERNAL_UNAVAILABLE"), ("html", 502, "EXTERNAL_ERROR"), ("status:400", 422, "EXTERNAL_REJECTED"), ("status:401", 424, "CONFIG_ERROR")],
)  # fmt: skip
async def test_what_the_server_did_wrong_is_the_answer(console: Console, fault: str, status: int, code: str) -> None:
    console.stranger.faults["tools/list"] = fault
    refused = await console.register()
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert "SERVER SAYS NO" not in refused.text
    assert (await console.send("GET", "/api/mcp/servers")).json() == {"items": []}


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/", "http://127.0.0.1:1/mcp", "https://localhost/mcp", "ftp://tools.example.com/"]
)
async def test_an_address_inside_is_refused(console: Console, url: str) -> None:
    refused = await console.send("POST", "/api/mcp/servers", {"name": "inside", "url": url, "secret": SECRET})
    assert (refused.status_code, refused.json()["error"]["fields"]) == (400, ["url"])


async def test_a_call_that_fails_outside_shows_nothing_of_it(console: Console) -> None:
    await console.register()
    await console.allow("shop/track")
    await console.relax("track", effect="read", assurance="ANONYMOUS")
    console.stranger.does["track"] = lambda _: told(None, "SERVER SAYS NO", error=True)
    failed = await console.call("shop/track", PARCEL_OF)
    assert (failed.status_code, failed.json()["error"]["code"]) == (422, "EXTERNAL_REJECTED")
    assert "SERVER SAYS NO" not in failed.text
    console.stranger.faults["tools/call"] = "status:500"
    failed = await console.call("shop/track", PARCEL_OF)
    assert (failed.status_code, failed.json()["error"]["retryable"]) == (503, True)
    assert "SERVER SAYS NO" not in failed.text


async def test_only_owners_and_admins_come_in_and_no_token_does(console: Console) -> None:
    await console.register()
    token = {"authorization": f"Bearer {await console.shop.token('tools:read', 'tools:write')}"}
    for method, path, body in (
        ("GET", "/api/mcp/servers", None),
        ("POST", "/api/mcp/servers", {"name": "other", "url": console.stranger.url}),
        ("PATCH", "/api/mcp/servers/shop", {"status": "disabled"}),
        ("POST", "/api/mcp/servers/shop/refresh", None),
        ("POST", "/api/mcp/servers/shop/tools/track/allow", {"digest": "0" * 64}),
        ("DELETE", "/api/mcp/servers/shop", None),
    ):
        by_token = await console.shop.http.request(method, path, json=body, headers=token)
        assert (by_token.status_code, by_token.json()["error"]["code"]) == (403, "FORBIDDEN"), path
        stranger = await console.shop.http.request(method, path, json=body)
        assert stranger.status_code == 401, path
        without_csrf = await console.shop.http.request(
            method, path, json=body, headers={"cookie": console.headers["cookie"]}
        )
        assert without_csrf.status_code == (200 if method == "GET" else 403), path


async def test_another_organisation_finds_nothing(console: Console) -> None:
    await console.register()
    shop = console.shop
    await an_org(shop.product, "byeolbit", "other@example.com")
    answer = await shop.http.post(
        "/api/auth/login", json={"email": "other@example.com", "password": "correct horse battery"}
    )
    cookie = answer.headers["set-cookie"].partition(";")[0]
    shop.http.cookies.clear()
    theirs = Console(shop, console.stranger, {"cookie": cookie, "x-csrf-token": answer.json()["csrf_token"]})
    assert (await theirs.send("GET", "/api/mcp/servers")).json() == {"items": []}
    assert (
        await theirs.send("PATCH", "/api/mcp/servers/shop", {"status": "disabled"}, if_match="1")
    ).status_code == 404
    assert (await theirs.send("POST", "/api/mcp/servers/shop/refresh")).status_code == 404
    assert (await theirs.send("DELETE", "/api/mcp/servers/shop", if_match="1")).status_code == 404
    policy = {"is_allowed": True}
    assert (await theirs.send("PUT", "/api/mcp/tools/shop/track/policy", policy, if_match="0")).status_code == 404
    assert "shop/track" not in (await theirs.send("GET", "/api/mcp/tools")).text
    assert (await theirs.call("shop/track", PARCEL_OF)).status_code == 404


async def test_the_trace_of_a_change_leads_to_its_audit_entry(console: Console) -> None:
    trace = new_trace_id()
    await console.register(traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    async with console.shop.product.db.org(console.shop.org) as tx:
        rows = await tx.fetch("select event_type, payload from f_audit_events where trace_id = $1", trace)
    assert [(row["event_type"], row["payload"]["server"]) for row in rows] == [("POLICY_CHANGED", "shop")]
