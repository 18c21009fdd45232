"""Tools over HTTP: every attempt passes the gate and is audited, policies hold from the next call on, and only for their org."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest

from sangdam.conversations.model import NewSession
from sangdam.core.ids import new_trace_id
from sangdam.orgs import Role
from tests.conversations.talk import OTHERS, SHIRT, an_agent
from tests.doors.shopfront import PASSWORD, Shopfront, an_org

Headers = dict[str, str]
CALL = "/api/mcp/tools/call"
KEY = {"idempotency-key": "key-00000001"}


def bearer(token: str) -> Headers:
    return {"authorization": f"Bearer {token}"}


async def audit(shop: Shopfront) -> list[dict[str, Any]]:
    async with shop.product.db.org(shop.org) as tx:
        rows = await tx.fetch("select * from f_audit_mcp_tools where phase = 'closed' order by chain_seq")
        return [dict(row.items()) for row in rows]


async def use(shop: Shopfront, headers: Headers, tool: str, params: dict[str, Any] | None = None, **more: Any) -> Any:
    return await shop.http.post(CALL, json={"tool": tool, "params": params or {}, **more}, headers=headers)


def code(answer: Any) -> str:
    return answer.json()["error"]["code"]


async def matched(shop: Shopfront, headers: Headers, session: str) -> str:
    """The customer_verification_token of 김하늘's shirt order."""
    fits = {"order_id": SHIRT, "orderer_name": "김하늘", "orderer_phone": "010-0000-1234"}
    answer = await use(shop, {**headers, **KEY}, "verify_orderer", fits, session_id=session)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["customer_verification_token"]


async def member(shop: Shopfront, role: Role) -> Headers:
    """The headers of a console where such a member is signed in."""
    email = f"{role.value}@example.com"
    user = await shop.product.accounts.create(email, PASSWORD, verified=True)
    assert user is not None
    await shop.product.organisations.add_member(
        shop.org, user=user, name=role.value, email=email, role=role, by=shop.owner, trace_id=new_trace_id()
    )
    answer = await shop.http.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    shop.http.cookies.clear()
    return {"cookie": cookie, "x-csrf-token": answer.json()["csrf_token"]}


# Calls


async def test_an_orderer_is_matched_and_the_order_read_with_the_proof(shop: Shopfront) -> None:
    token, session = bearer(await shop.token("tools:read", "tools:write")), str((await shop.session()).id)
    proof = await matched(shop, token, session)
    answer = await use(
        shop, token, "cafe24:lookup_order", {"order_id": SHIRT}, session_id=session, customer_verification_token=proof
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["tool"], body["version"], body["status"], body["effect_id"]) == ("lookup_order", "1", "success", None)
    assert body["data"]["order"]["order_id"] == SHIRT
    assert body["meta"]["trace_id"] == answer.headers["x-trace-id"]
    row = (await audit(shop))[-1]
    assert (str(row["call_id"]), row["status"], row["caller"]["kind"]) == (body["call_id"], "success", "mcp")
    assert proof not in str(await audit(shop))


@pytest.mark.parametrize(
    ("more", "reason"),
    [({}, "missing"), ({"customer_verification_token": "x" * 43}, "missing")],
)
async def test_without_a_proof_nothing_is_read(shop: Shopfront, more: dict[str, Any], reason: str) -> None:
    token, session = bearer(await shop.token("tools:read")), str((await shop.session()).id)
    answer = await use(shop, token, "lookup_order", {"order_id": SHIRT}, session_id=session, **more)
    assert (answer.status_code, code(answer)) == (403, "CUSTOMER_VERIFICATION_REQUIRED")
    assert answer.json()["data"] == {"level": "CLAIMED", "purpose": "orders", "reason": reason}
    assert (await audit(shop))[-1]["status"] == "needs_verification"


async def test_a_proof_is_good_in_its_own_conversation_only(shop: Shopfront) -> None:
    token = bearer(await shop.token("tools:read", "tools:write"))
    first, second = str((await shop.session()).id), str((await shop.session()).id)
    proof = await matched(shop, token, first)
    answer = await use(
        shop, token, "lookup_order", {"order_id": SHIRT}, session_id=second, customer_verification_token=proof
    )
    assert (answer.status_code, code(answer)) == (403, "CUSTOMER_VERIFICATION_REQUIRED")
    other = await use(
        shop, token, "lookup_order", {"order_id": OTHERS}, session_id=first, customer_verification_token=proof
    )
    assert other.json()["data"]["reason"] == "other_order"


async def test_a_conversation_of_another_org_is_nobodys(shop: Shopfront) -> None:
    org, _ = await an_org(shop.product, "other", "other@example.com")
    agent = await an_agent(shop.product, org)
    foreign = await shop.product.sessions.open(org, NewSession(agent.id, 1, "api"))
    token = bearer(await shop.token("tools:read", "tools:write"))
    told = {"reason": "asked", "summary": "도와주세요"}
    for session in (foreign.id, uuid.uuid4()):
        answer = await use(shop, {**token, **KEY}, "create_handoff", told, session_id=str(session))
        assert (answer.status_code, code(answer)) == (403, "CUSTOMER_VERIFICATION_REQUIRED")
        assert answer.json()["data"]["reason"] == "other_session"
    assert [(row["status"], row["session_id"]) for row in await audit(shop)] == [("needs_verification", None)] * 2


async def test_staff_need_role_reason_and_a_token_made_for_it(shop: Shopfront) -> None:
    owner = await shop.sign_in()
    asked = {"as_staff": True, "staff_reason": "고객 전화 문의 확인"}
    done = await use(shop, owner, "lookup_order", {"order_id": SHIRT}, **asked)
    assert done.status_code == 200, done.text
    without = await use(shop, owner, "lookup_order", {"order_id": SHIRT}, as_staff=True)
    assert (without.status_code, code(without)) == (403, "FORBIDDEN")
    for role in (Role.OPERATOR, Role.AUDITOR):
        refused = await use(shop, await member(shop, role), "lookup_order", {"order_id": SHIRT}, **asked)
        assert (refused.status_code, code(refused)) == (403, "FORBIDDEN"), role
    on_behalf = bearer(await shop.token("tools:read", "orders:staff"))
    refused = await use(shop, on_behalf, "lookup_order", {"order_id": SHIRT}, **asked)
    assert (refused.status_code, code(refused)) == (403, "FORBIDDEN")
    issued = await shop.product.tokens.issue(
        shop.owner, name="staff", scopes=["tools:read", "orders:staff"], acts_as="staff", lasts=timedelta(days=1), trace_id="t"
    )  # fmt: skip
    done = await use(shop, bearer(issued[1]), "lookup_order", {"order_id": SHIRT}, staff_reason="고객 전화 문의 확인")
    assert done.status_code == 200, done.text
    assert len(await audit(shop)) == 6, "refusals are audited like successes"


async def test_staff_see_masks_unless_they_may_read_people(shop: Shopfront) -> None:
    made: dict[str, Any] = {"name": "staff", "acts_as": "staff", "lasts": timedelta(days=1), "trace_id": "t"}
    plain = await shop.product.tokens.issue(shop.owner, scopes=["tools:read", "orders:staff"], **made)
    whole = await shop.product.tokens.issue(shop.owner, scopes=["tools:read", "orders:staff", "pii:read"], **made)
    reason = "택배사 문의"
    masked = await use(shop, bearer(plain[1]), "track_shipment", {"order_id": SHIRT}, staff_reason=reason)
    seen = await use(shop, bearer(whole[1]), "track_shipment", {"order_id": SHIRT}, staff_reason=reason)
    assert seen.json()["data"]["shipments"][0]["tracking_no"] == "690000000012"
    assert seen.json()["meta"]["masked_fields"] == []
    assert masked.json()["data"]["shipments"][0]["tracking_no"] != "690000000012"
    assert "tracking_no" in masked.json()["meta"]["masked_fields"]


@pytest.mark.parametrize(
    ("tool", "params", "status", "expected"),
    [
        ("no_such_tool", {}, 404, "TOOL_NOT_FOUND"),
        ("server/tool", {}, 404, "TOOL_NOT_FOUND"),
        ("lookup_order", {}, 400, "INVALID_PARAMS"),
        ("lookup_order", {"order_id": SHIRT, "path": "../customers"}, 400, "INVALID_PARAMS"),
        ("lookup_order", {"order_id": SHIRT, "shop_no": 2}, 400, "INVALID_PARAMS"),
        ("create_handoff", {"reason": "asked", "summary": "도와주세요"}, 400, "INVALID_PARAMS"),
    ],
)
async def test_a_refusal_is_the_envelope_with_its_own_status(
    shop: Shopfront, tool: str, params: dict[str, Any], status: int, expected: str
) -> None:
    token = bearer(await shop.token("tools:read", "tools:write"))
    answer = await use(shop, token, tool, params, session_id=str((await shop.session()).id))
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (status, expected)
    assert body["error"]["message_user"]
    assert body["error"]["message_ops"]
    assert body["call_id"] == str((await audit(shop))[-1]["call_id"])


async def test_the_same_key_is_answered_the_same_and_another_wish_under_it_is_refused(shop: Shopfront) -> None:
    token, session = bearer(await shop.token("tools:write")), str((await shop.session()).id)
    told = {"reason": "asked", "summary": "도와주세요"}
    both = await asyncio.gather(
        *(use(shop, {**token, **KEY}, "create_handoff", told, session_id=session) for _ in range(2))
    )
    assert [answer.status_code for answer in both] == [200, 200]
    assert both[0].json()["data"] == both[1].json()["data"]
    assert sorted(answer.headers.get("idempotent-replay", "") for answer in both) == ["", "true"]
    assert sorted(answer.json()["status"] for answer in both) == ["replayed", "success"]
    other = await use(shop, {**token, **KEY}, "create_handoff", told | {"summary": "다른 일이에요"}, session_id=session)
    assert (other.status_code, code(other)) == (422, "IDEMPOTENCY_MISMATCH")
    second = bearer(await shop.token("tools:write"))
    assert (await use(shop, {**second, **KEY}, "create_handoff", told, session_id=session)).json()[
        "status"
    ] == "success"


@pytest.mark.parametrize("key", ["short", "x" * 129, "with space"])
async def test_a_key_of_another_shape_is_refused_and_audited(shop: Shopfront, key: str) -> None:
    headers = {**bearer(await shop.token("tools:write")), "idempotency-key": key}
    told = {"reason": "asked", "summary": "도와주세요"}
    answer = await use(shop, headers, "create_handoff", told, session_id=str((await shop.session()).id))
    assert (answer.status_code, code(answer), answer.json()["error"]["fields"]) == (400, "INVALID_PARAMS", ["idempotency_key"])  # fmt: skip
    assert (await audit(shop))[-1]["status"] == "invalid_params"


async def test_strangers_and_ended_tokens_are_not_heard(shop: Shopfront) -> None:
    assert (await use(shop, {}, "lookup_order")).status_code == 401
    assert (await use(shop, bearer("sgd_" + "x" * 43), "lookup_order")).status_code == 401
    secret = await shop.token("tools:read")
    (token,) = await shop.product.tokens.list(shop.org)
    await shop.product.tokens.revoke(shop.owner, token, trace_id="t")
    assert (await use(shop, bearer(secret), "lookup_order")).status_code == 401


# How tools stand


async def test_the_list_tells_policy_standing_and_recent_use(shop: Shopfront) -> None:
    token = bearer(await shop.token("tools:read", "tools:write"))
    session = str((await shop.session()).id)
    proof = await matched(shop, token, session)
    for order in (SHIRT, "20200101-0000001"):
        await use(
            shop, token, "lookup_order", {"order_id": order}, session_id=session, customer_verification_token=proof
        )
    answer = await shop.http.get("/api/mcp/tools", headers=token)
    assert answer.status_code == 200, answer.text
    tools = {tool["name"]: tool for tool in answer.json()["items"]}
    looked = tools["lookup_order"]
    assert (looked["effective"], looked["reason"], looked["breaker"], looked["calls_1h"]) == (
        "allowed",
        None,
        "closed",
        2,
    )
    assert looked["last_success_at"]
    assert looked["policy"]["version"] == 1
    assert looked["schema"]["additionalProperties"] is False
    assert (tools["send_otp"]["effective"], tools["send_otp"]["reason"]) == ("blocked", "CALLER_NOT_ALLOWED")
    read_only = bearer(await shop.token("tools:read"))
    tools = {tool["name"]: tool for tool in (await shop.http.get("/api/mcp/tools", headers=read_only)).json()["items"]}
    assert (tools["verify_orderer"]["effective"], tools["verify_orderer"]["reason"]) == ("blocked", "FORBIDDEN")
    assert (await shop.http.get("/api/mcp/tools", headers=bearer(await shop.token("chat:send")))).status_code == 403


# Policies

OFF = {"is_allowed": False, "allowed_callers": ["agent", "member", "mcp"]}
ON = {"is_allowed": True, "allowed_callers": ["agent", "member", "mcp"]}
POLICY = "/api/mcp/tools/verify_orderer/policy"
FITS = {"order_id": SHIRT, "orderer_name": "김하늘", "orderer_phone": "010-0000-1234"}


async def test_a_policy_holds_from_the_next_call_on_and_only_for_its_org(shop: Shopfront) -> None:
    owner = await shop.sign_in()
    other_org, other_owner = await an_org(shop.product, "other", "other@example.com")
    token, session = bearer(await shop.token("tools:read", "tools:write")), str((await shop.session()).id)
    assert (
        await use(shop, {**token, "idempotency-key": "key-1-000"}, "verify_orderer", FITS, session_id=session)
    ).status_code == 200
    changed = await shop.http.put(POLICY, json=OFF, headers={**owner, "if-match": '"1"'})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    refused = await use(shop, {**token, "idempotency-key": "key-2-000"}, "verify_orderer", FITS, session_id=session)
    assert (refused.status_code, code(refused)) == (403, "POLICY_BLOCK")
    row = (await audit(shop))[-1]
    assert (row["policy_decision"]["rule"], row["policy_decision"]["policy_version"]) == ("is_allowed", 2)
    assert (await shop.product.policies.list(other_org))["verify_orderer"].is_allowed
    assert other_owner.org == other_org
    back = await shop.http.put(POLICY, json=ON, headers={**owner, "if-match": "2"})
    assert back.json()["version"] == 3
    assert (
        await use(shop, {**token, "idempotency-key": "key-3-000"}, "verify_orderer", FITS, session_id=session)
    ).status_code == 200


async def test_a_policy_is_replaced_only_by_who_saw_the_present_one(shop: Shopfront) -> None:
    owner = await shop.sign_in()
    unseen = await shop.http.put(POLICY, json=OFF, headers=owner)
    assert (unseen.status_code, code(unseen)) == (409, "CONFLICT")
    assert "version is 1" in unseen.json()["error"]["message_ops"]
    assert (await shop.http.put(POLICY, json=OFF, headers={**owner, "if-match": "7"})).status_code == 409
    assert (await shop.http.put(POLICY, json=OFF, headers={**owner, "if-match": "x"})).status_code == 400
    unknown = await shop.http.put("/api/mcp/tools/nothing/policy", json=OFF, headers={**owner, "if-match": "0"})
    assert unknown.status_code == 404


BOUNDS: list[tuple[str, tuple[Any, Any], tuple[Any, Any]]] = [
    ("rate_limit_per_min", (1, 6000), (0, 6001)),
    ("session_limit_per_hour", (1, 6000), (0, 6001)),
    ("allowed_callers", (["agent"], []), (["root"], ["agent", "member", "mcp", "agent"])),
    ("conditions", ({"requires_verification": True}, {"hours": "business"}), ({"hours": "never"}, {"sql": "1"})),
    ("masking_rules", ({"fields": ["name"]}, {}), ({"unmask": ["phone"]}, {"fields": 1})),
]


@pytest.mark.parametrize(("field", "good", "bad"), BOUNDS)
async def test_every_policy_field_has_its_bounds(
    shop: Shopfront, field: str, good: tuple[Any, Any], bad: tuple[Any, Any]
) -> None:
    owner = await shop.sign_in()
    for version, value in enumerate(good, start=1):
        answer = await shop.http.put(POLICY, json={**ON, field: value}, headers={**owner, "if-match": str(version)})
        assert answer.status_code == 200, answer.text
    for value in bad:
        answer = await shop.http.put(POLICY, json={**ON, field: value}, headers={**owner, "if-match": "3"})
        assert answer.status_code == 400, (field, value)


async def test_a_policy_request_is_done_once_under_its_key(shop: Shopfront) -> None:
    owner = await shop.sign_in()
    keyed = {**owner, **KEY, "if-match": "1"}
    first = await shop.http.put(POLICY, json=OFF, headers=keyed)
    again = await shop.http.put(POLICY, json=OFF, headers=keyed)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert again.headers["idempotent-replay"] == "true"
    other = await shop.http.put(POLICY, json=ON, headers=keyed)
    assert (other.status_code, code(other)) == (422, "IDEMPOTENCY_MISMATCH")
    failed = await shop.http.put(POLICY, json=ON, headers={**owner, "if-match": "1", "idempotency-key": "key-00000002"})
    assert failed.status_code == 409
    mended = await shop.http.put(POLICY, json=ON, headers={**owner, "if-match": "2", "idempotency-key": "key-00000003"})
    assert mended.status_code == 200


async def test_only_admins_change_policies(shop: Shopfront) -> None:
    for role in (Role.OPERATOR, Role.AUDITOR):
        headers = await member(shop, role)
        assert (await shop.http.put(POLICY, json=OFF, headers={**headers, "if-match": "1"})).status_code == 403
        assert (await shop.http.get("/api/mcp/tools", headers=headers)).status_code == 200
    token = bearer(await shop.token("tools:read", "tools:write"))
    assert (await shop.http.put(POLICY, json=OFF, headers={**token, "if-match": "1"})).status_code == 403


# Tokens


async def test_a_token_is_made_shown_once_and_ended(shop: Shopfront) -> None:
    owner = await shop.sign_in()
    asked = {"name": "Claude", "scopes": ["tools:read"], "days": 30, "operated_by_person": True}
    made = await shop.http.post("/api/tokens", json=asked, headers=owner)
    assert made.status_code == 201, made.text
    secret, number = made.json()["token"], made.json()["id"]
    listed = (await shop.http.get("/api/tokens", headers=owner)).json()["items"]
    assert [(one["id"], one["operated_by_person"], "token" in one) for one in listed] == [(number, True, False)]
    assert (await shop.http.get("/api/mcp/tools", headers=bearer(secret))).status_code == 200
    assert (await shop.http.delete(f"/api/tokens/{number}", headers=owner)).status_code == 204
    assert (await shop.http.get("/api/mcp/tools", headers=bearer(secret))).status_code == 401
    assert (await shop.http.delete(f"/api/tokens/{uuid.uuid4()}", headers=owner)).status_code == 404


@pytest.mark.parametrize(("days", "status"), [(0, 400), (1, 201), (365, 201), (366, 400)])
async def test_a_token_lives_a_day_to_a_year(shop: Shopfront, days: int, status: int) -> None:
    asked = {"name": "Claude", "scopes": ["tools:read"], "days": days}
    assert (await shop.http.post("/api/tokens", json=asked, headers=await shop.sign_in())).status_code == status


async def test_tokens_are_made_by_admins_with_known_scopes(shop: Shopfront) -> None:
    asked: dict[str, Any] = {"name": "Claude", "scopes": ["tools:read"]}
    operator = await member(shop, Role.OPERATOR)
    assert (await shop.http.post("/api/tokens", json=asked, headers=operator)).status_code == 403
    assert (await shop.http.get("/api/tokens", headers=operator)).status_code == 403
    unknown = await shop.http.post(
        "/api/tokens", json={**asked, "scopes": ["everything"]}, headers=await shop.sign_in()
    )
    assert unknown.status_code == 400


async def test_an_answer_kept_for_a_repeat_is_sealed(shop: Shopfront) -> None:
    made = await shop.http.post(
        "/api/tokens", json={"name": "Claude", "scopes": ["tools:read"]}, headers={**await shop.sign_in(), **KEY}
    )
    async with shop.product.db.org(shop.org) as tx:
        (row,) = await tx.fetch("select to_jsonb(r)::text as row from e_ops_requests r")
    assert made.json()["token"] not in row["row"]
    assert KEY["idempotency-key"] not in row["row"]


async def test_metrics_count_calls_under_names_of_this_build(shop: Shopfront) -> None:
    token, session = bearer(await shop.token("tools:read", "tools:write")), str((await shop.session()).id)
    proof = await matched(shop, token, session)
    await use(shop, token, "lookup_order", {"order_id": SHIRT}, session_id=session, customer_verification_token=proof)
    await use(shop, token, "010-0000-1234", session_id=session)
    text = (await shop.http.get("/metrics")).text
    assert 'sangdam_tool_calls_total{code="",status="success",tool="lookup_order"} 1.0' in text
    assert 'sangdam_tool_calls_total{code="TOOL_NOT_FOUND",status="blocked",tool="other"} 1.0' in text
    assert "sangdam_audit_append_seconds_count 3.0" in text
    assert "1234" not in text
