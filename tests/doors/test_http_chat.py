"""`/api/runtime/chat`, reading a conversation, signing in: who may, what comes back, what never does."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from sangdam.conversations.model import NewSession
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import new_trace_id
from sangdam.db.testing import Addresses
from sangdam.orgs import Role
from sangdam.web.errors import FACES, envelope
from tests.conversations.talk import an_agent
from tests.doors.shopfront import EMAIL, PASSWORD, SHOP, Shopfront, an_org, open_shop, until


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_token_talks_and_the_same_client_id_gets_the_same_answer(working_shop: Shopfront) -> None:
    shop = working_shop
    token = bearer(await shop.token("chat:send"))
    asked = {"message": "주문 조회할게요", "client_id": "api-00000001"}
    first = await shop.http.post("/api/runtime/chat", json=asked, headers=token)
    assert first.status_code == 200, first.text
    answer = first.json()
    assert set(answer) == {
        "session_id", "session_code", "turn_id", "state_rev", "step", "message", "reply", "mcp_actions", "kb_references", "seq", "trace_id",
    }  # fmt: skip
    assert (answer["seq"], answer["state_rev"], answer["message"]) == (3, 1, answer["reply"]["text"])
    again = await shop.http.post("/api/runtime/chat", json=asked, headers=token)
    assert again.json() == answer
    on = {"message": "아니에요, 됐어요", "client_id": "api-00000002", "session_id": answer["session_id"]}
    second = (await shop.http.post("/api/runtime/chat", json=on, headers=token)).json()
    assert (second["session_id"], second["seq"]) == (answer["session_id"], 5)
    named = await shop.http.post("/api/runtime/chat", json={**asked, "session_id": answer["session_id"]}, headers=token)
    assert named.json() == answer


async def test_parallel_repeats_of_a_first_message_open_one_conversation(working_shop: Shopfront) -> None:
    shop = working_shop
    token = bearer(await shop.token("chat:send"))
    asked = {"message": "주문 조회할게요", "client_id": "api-00000001"}
    answers = await asyncio.gather(*(shop.http.post("/api/runtime/chat", json=asked, headers=token) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["session_id"] for answer in answers}) == 1


async def test_another_orgs_and_a_shoppers_conversation_are_not_found(shop: Shopfront) -> None:
    token = bearer(await shop.token("chat:send", "sessions:read"))
    other_org, _ = await an_org(shop.product, "other", "other@example.com")

    other_agent = await an_agent(shop.product, other_org)
    foreign = await shop.product.sessions.open(other_org, NewSession(other_agent.id, 1, "api"))
    own = await shop.session()
    for session in (foreign.id, own.id, uuid.uuid4()):
        asked = {"message": "안녕", "client_id": "api-00000001", "session_id": str(session)}
        refused = await shop.http.post("/api/runtime/chat", json=asked, headers=token)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "NOT_FOUND")
    asked = {"message": "안녕", "client_id": "api-00000001", "agent_id": str(other_agent.id)}
    assert (await shop.http.post("/api/runtime/chat", json=asked, headers=token)).status_code == 404
    assert (await shop.http.get(f"/api/sessions/{foreign.id}", headers=token)).status_code == 404
    assert (await shop.http.get(f"/api/sessions/{foreign.id}/messages", headers=token)).status_code == 404
    assert (await shop.http.get(f"/api/sessions/{own.id}", headers=token)).status_code == 200


async def test_a_token_without_the_scope_is_refused_and_told_why(shop: Shopfront) -> None:
    token = bearer(await shop.token("kb:read"))
    refused = await shop.http.post(
        "/api/runtime/chat", json={"message": "안녕", "client_id": "api-00000001"}, headers=token
    )
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["retryable"]) == (403, "FORBIDDEN", False)
    assert "chat:send" in error["message_ops"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer sgd_nothing"},
        {"authorization": "Bearer eyJ"},
        {"cookie": "sd_session=" + "x" * 43},
    ],
)
async def test_a_stranger_is_refused_without_words_for_operators(shop: Shopfront, headers: dict[str, str]) -> None:
    refused = await shop.http.get("/api/me", headers=headers)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (401, "UNAUTHORIZED")
    assert "message_ops" not in error
    assert error["fields"] == []
    assert error["trace_id"] == refused.headers["x-trace-id"]


async def test_a_member_signs_in_writes_with_the_csrf_token_and_signs_out(shop: Shopfront) -> None:
    signed = await shop.sign_in()
    me = await shop.http.get("/api/me", headers=signed)
    assert (me.json()["role"], me.json()["email"], me.json()["csrf_token"]) == ("owner", EMAIL, signed["x-csrf-token"])
    refused = await shop.http.post("/api/auth/logout", headers={"cookie": signed["cookie"]})
    assert refused.status_code == 403
    assert (await shop.http.get("/api/me", headers=signed)).status_code == 200
    assert (await shop.http.post("/api/auth/logout", headers=signed)).status_code == 204
    assert (await shop.http.get("/api/me", headers=signed)).status_code == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(shop: Shopfront) -> None:
    answer = await shop.http.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(shop: Shopfront) -> None:
    wrong = await shop.http.post("/api/auth/login", json={"email": EMAIL, "password": "wrong password!"})
    unknown = await shop.http.post(
        "/api/auth/login", json={"email": "nobody@example.com", "password": "wrong password!"}
    )
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["error"] | {"trace_id": ""} == unknown.json()["error"] | {"trace_id": ""}


async def test_sign_in_from_another_origin_is_refused(shop: Shopfront) -> None:
    answer = await shop.http.post(
        "/api/auth/login", json={"email": EMAIL, "password": PASSWORD}, headers={"origin": SHOP}
    )
    assert answer.status_code == 403


async def test_a_pending_member_may_nothing_and_an_auditor_may_not_write(shop: Shopfront) -> None:
    signed: dict[Role, dict[str, str]] = {}
    for role in (Role.PENDING, Role.AUDITOR):
        email = f"{role.value}@example.com"
        user = await shop.product.accounts.create(email, PASSWORD, verified=True)
        assert user is not None
        await shop.product.organisations.add_member(
            shop.org, user=user, name="새 사람", email=email, role=role, by=shop.owner, trace_id=new_trace_id()
        )
        answer = await shop.http.post("/api/auth/login", json={"email": email, "password": PASSWORD})
        signed[role] = {
            "cookie": answer.headers["set-cookie"].partition(";")[0],
            "x-csrf-token": answer.json()["csrf_token"],
        }
        shop.http.cookies.clear()
    session = await shop.session()
    pending = await shop.http.get(f"/api/sessions/{session.id}", headers=signed[Role.PENDING])
    assert (pending.status_code, pending.json()["error"]["code"]) == (403, "ORG_PENDING")
    assert (await shop.http.get(f"/api/sessions/{session.id}", headers=signed[Role.AUDITOR])).status_code == 200
    asked = {"message": "안녕", "client_id": "api-00000001", "channel": "lab"}
    refused = await shop.http.post("/api/runtime/chat", json=asked, headers=signed[Role.AUDITOR])
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")


async def test_members_read_masks_and_a_long_poll_answers_when_something_is_said(shop: Shopfront) -> None:
    token = bearer(await shop.token("sessions:read"))
    session = await shop.session()
    waiting = asyncio.create_task(shop.http.get(f"/api/sessions/{session.id}/messages?after=1&wait=25", headers=token))
    await shop.product.inbox.accept(shop.org, session.id, client_id="c-00000001", text="제 번호는 010-1234-5678이에요")
    answer = (await asyncio.wait_for(waiting, 10)).json()
    assert [(item["seq"], item["role"]) for item in answer["items"]] == [(2, "shopper")]
    assert "1234-5678" not in answer["items"][0]["text"]
    assert answer["last_seq"] == 2


async def test_a_process_that_ends_answers_who_waits(shop: Shopfront) -> None:
    """Polls at once; a request that is owed a turn only when the turns have had their time."""
    token = bearer(await shop.token("chat:send"))
    session = await shop.session()
    asked = {"message": "주문 조회할게요", "client_id": "api-00000001"}
    asking = asyncio.create_task(shop.http.post("/api/runtime/chat", json=asked, headers=token))
    polling = asyncio.create_task(shop.http.get(f"/api/sessions/{session.id}/messages?after=1&wait=25", headers=token))
    await until(lambda: shop.product.live.watched == 2)
    shop.site.drain()
    assert (await asyncio.wait_for(polling, 10)).json()["items"] == []
    assert not asking.done()
    shop.site.settle()
    answer = await asyncio.wait_for(asking, 10)
    assert answer.status_code == 202
    assert set(answer.json()) == {"session_id", "turn_id", "seq"}


async def test_an_answer_that_comes_while_the_process_drains_is_given(working_shop: Shopfront) -> None:
    token = bearer(await working_shop.token("chat:send"))
    working_shop.site.drain()
    asked = {"message": "주문 조회할게요", "client_id": "api-00000001"}
    assert (await working_shop.http.post("/api/runtime/chat", json=asked, headers=token)).status_code == 200


async def test_too_many_messages_in_one_conversation_are_refused_with_a_time(shop: Shopfront) -> None:
    session = await shop.session()
    headers = {"authorization": f"Bearer {shop.ticket(session)}", "origin": SHOP}
    for n in range(10):
        answer = await shop.http.post(
            "/api/widget/messages", json={"client_id": f"c-0000000{n}", "text": "안녕"}, headers=headers
        )
        assert answer.status_code == 200
    refused = await shop.http.post(
        "/api/widget/messages", json={"client_id": "c-00000010", "text": "안녕"}, headers=headers
    )
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["retryable"]) == (429, "RATE_LIMIT", True)
    assert 0 < error["retry_after"] <= 10
    shop.clock.move(seconds=10)
    answer = await shop.http.post(
        "/api/widget/messages", json={"client_id": "c-00000010", "text": "안녕"}, headers=headers
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("content", "media", "status", "code"),
    [
        (b"{", "application/json", 400, "INVALID_BODY"),
        (b"\xff\xfe", "application/json", 400, "INVALID_BODY"),
        (b"[]", "application/json", 400, "INVALID_BODY"),
        (b"{}", "application/json", 400, "INVALID_BODY"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{" + b" " * (256 * 1024) + b"}", "application/json", 413, "TOO_LARGE"),
    ],
)
async def test_a_body_that_is_not_one_is_refused(
    shop: Shopfront, content: bytes, media: str, status: int, code: str
) -> None:
    token = bearer(await shop.token("chat:send"))
    answer = await shop.http.post("/api/runtime/chat", content=content, headers={**token, "content-type": media})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_body_that_hides_its_length_is_cut_off_at_the_limit(shop: Shopfront) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 8192

    answer = await shop.http.post("/api/runtime/chat", content=chunks(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "TOO_LARGE")


@pytest.mark.parametrize("text", ["", "   ", "\u0000", "가" * 2001])
async def test_a_message_without_words_or_with_too_many_is_refused(shop: Shopfront, text: str) -> None:
    token = bearer(await shop.token("chat:send"))
    answer = await shop.http.post(
        "/api/runtime/chat", json={"message": text, "client_id": "api-00000001"}, headers=token
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"] == ["message"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Kind.UNAUTHORIZED, 401), (Kind.ORG_PENDING, 403), (Kind.FORBIDDEN, 403), (Kind.NOT_FOUND, 404), (Kind.CONFLICT, 409), (Kind.TOO_LARGE, 413),
        (Kind.INVALID_BODY, 400), (Kind.INVALID_PARAMS, 400), (Kind.IDEMPOTENCY_MISMATCH, 422), (Kind.DUPLICATE_REQUEST, 409), (Kind.RATE_LIMIT, 429),
        (Kind.CONFIG, 424), (Kind.UNAVAILABLE, 503), (Kind.INTERNAL, 500),
    ],
)  # fmt: skip
def test_every_kind_of_failure_has_one_face(kind: Kind, status: int) -> None:
    error = SangdamError(kind, "for operators", fields=("field",), retry_after=3.0)
    for trusted in (True, False):
        got, content = envelope(error, trace_id="t", trusted=trusted)
        assert got == status
        assert content["error"]["code"] == kind.value
        assert content["error"]["message_user"]
        assert ("message_ops" in content["error"]) is trusted
        assert content["error"]["fields"] == (["field"] if trusted else [])
        assert content["error"]["retry_after"] == 3.0


def test_no_kind_is_without_a_face() -> None:
    assert set(FACES) == set(Kind)


async def test_the_trace_of_the_caller_is_kept(shop: Shopfront) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await shop.http.get("/healthz", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.headers["x-trace-id"] == trace
    for wrong in ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", "nonsense"):
        assert len((await shop.http.get("/healthz", headers={"traceparent": wrong})).headers["x-trace-id"]) == 32


async def test_unknown_paths_and_methods_get_the_envelope_too(shop: Shopfront) -> None:
    missing = await shop.http.get("/nothing/here")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "NOT_FOUND")
    wrong = await shop.http.delete("/api/runtime/chat")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")


async def test_sign_ins_of_an_address_are_limited_to_ten_an_hour(addresses: Addresses) -> None:
    async with open_shop(addresses, settings={"TRUSTED_PROXIES": "127.0.0.0/8"}) as shop:
        far = {"x-forwarded-for": "198.51.100.7"}
        body = {"email": "nobody@example.com", "password": "wrong password!"}
        statuses = [(await shop.http.post("/api/auth/login", json=body, headers=far)).status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]
        shop.clock.move(hours=1)
        assert (await shop.http.post("/api/auth/login", json=body, headers=far)).status_code == 401
