"""`/api/audit/*`: who may see what, every filter, pages, one trace in the order of time, and the state of the chain."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest

from sangdam.core.clock import kst
from sangdam.core.ids import OrgId, SessionId, TurnId, UserId, new_trace_id, new_uuid
from sangdam.core.phone import Phone
from sangdam.db.chain import AuditEvent, EventType, append
from sangdam.db.testing import connected
from sangdam.db.verification import checkpoint, checkpoints, verify
from sangdam.orgs import Role
from tests.conversations.talk import NOW
from tests.db.chained import ORDER, a_session, call, event, written
from tests.doors.shopfront import PASSWORD, Shopfront, an_org

LISTS = ("/api/audit/events", "/api/audit/tools")
ROUTES = (*LISTS, "/api/audit/trace/abc", "/api/audit/verify")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def auditor(shop: Shopfront) -> dict[str, str]:
    return bearer(await shop.token("audit:read"))


async def signed_in(shop: Shopfront, role: Role) -> tuple[UserId, dict[str, str]]:
    email = f"{role.value}@example.com"
    user = await shop.product.accounts.create(email, PASSWORD, verified=True)
    assert user is not None
    await shop.product.organisations.add_member(
        shop.org, user=user, name="사람", email=email, role=role, by=shop.owner, trace_id=new_trace_id()
    )
    answer = await shop.http.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    shop.http.cookies.clear()
    return user, {"cookie": cookie}


async def get(shop: Shopfront, path: str, headers: dict[str, str], **params: Any) -> dict[str, Any]:
    answer = await shop.http.get(path, headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(shop: Shopfront, path: str, headers: dict[str, str], **params: Any) -> tuple[int, str, list[str]]:
    answer = await shop.http.get(path, headers=headers, params=params)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["fields"]


def seqs(page: dict[str, Any]) -> list[int]:
    return [item["seq"] for item in page["items"]]


@pytest.mark.parametrize("path", ROUTES)
async def test_who_may_read_the_audit(shop: Shopfront, path: str) -> None:
    allowed = {200, 404}
    assert (await shop.http.get(path)).status_code == 401
    for scopes, may in ((("audit:read",), True), (("sessions:read", "chat:send"), False)):
        status = (await shop.http.get(path, headers=bearer(await shop.token(*scopes)))).status_code
        assert (status in allowed) == may, (scopes, status)
    for role, may in (
        (Role.ADMIN, True),
        (Role.AUDITOR, True),
        (Role.OPERATOR, path != "/api/audit/verify"),
        (Role.PENDING, False),
    ):
        _, headers = await signed_in(shop, role)
        status = (await shop.http.get(path, headers=headers)).status_code
        assert (status in allowed) == may, (role, status)
        assert may or status == 403
    assert (await shop.http.get(path, headers=await shop.sign_in())).status_code in allowed


async def test_an_event_is_shown_as_it_was_recorded(shop: Shopfront) -> None:
    page = await get(shop, "/api/audit/events", await auditor(shop), event_type="MEMBER_CHANGED")
    (item,) = page["items"]
    assert page["next_cursor"] is None
    assert item["actor"]["kind"] == "member"
    assert item["payload"]["change"] == "created"
    assert (item["seq"], item["session_id"], item["at"]) == (1, None, kst(NOW).isoformat(timespec="microseconds"))
    assert len(item["row_hash"]) == 64


async def test_a_call_is_shown_as_it_was_recorded(shop: Shopfront) -> None:
    async with shop.product.db.org(shop.org) as tx:
        await append(tx, shop.org, calls=[call(1, NOW)])
    (item,) = (await get(shop, "/api/audit/tools", await auditor(shop)))["items"]
    assert (item["tool_name"], item["status"], item["code"], item["phase"]) == (
        "lookup_order",
        "success",
        None,
        "closed",
    )
    assert item["request_payload"] == {"order_id": ORDER}
    assert item["upstream"] == [{"call": "GET /orders/{id}", "status": 200, "ms": 3, "attempt": 1}]
    assert item["masked_fields"] == ["phone", "name"]


async def test_every_filter(shop: Shopfront) -> None:
    headers = await auditor(shop)
    phone = Phone("01012345678")
    session = await a_session(
        shop.addresses, shop.org, phone_hash=shop.product.hasher.phone(shop.org, phone), session_code="S-ABCDEF"
    )
    other = await a_session(shop.addresses, shop.org)
    start = NOW + timedelta(hours=1)
    await written(shop.product.db, shop.org, 1, 12, start, sessions=[session, other])
    turn = await a_turn(shop, session, trace_id=new_trace_id())
    async with shop.product.db.org(shop.org) as tx:
        await append(tx, shop.org, events=[of_turn(turn, session)])

    async def found(path: str, **params: Any) -> list[int]:
        return seqs(await get(shop, path, headers, **{"limit": 100, **params}))

    tools, events = "/api/audit/tools", "/api/audit/events"
    even = [12, 10, 8, 6, 4, 2]
    for params in ({"session_id": session}, {"session_code": "S-ABCDEF"}, {"phone": "+82 10-1234-5678"}):
        assert await found(tools, **params) == even, params
    assert await found(tools, session_id=other, session_code="S-ABCDEF") == []
    assert await found(tools, session_id=uuid.uuid4()) == []
    assert await found(tools, session_code="S-222222") == []
    assert await found(tools, phone="010-9999-9999") == []
    assert await found(tools, turn_id=uuid.uuid4()) == []
    assert len(await found(events, turn_id=turn)) == 1
    assert await found(tools, trace_id=f"{2:032x}") == [11, 10, 9, 8]
    assert len(await found(tools, order_id=ORDER)) == 12
    assert len(await found(events, order_id=ORDER)) == 4
    assert await found(tools, tool="lookup_order", status="success", limit=2) == [12, 11]
    assert await found(tools, tool="external/anything") == []
    assert await found(tools, code="POLICY_BLOCK") == []
    assert await found(tools, status="blocked") == []
    span = {"from": (start + timedelta(seconds=3)).isoformat(), "to": kst(start + timedelta(seconds=5)).isoformat()}
    assert await found(tools, **span) == [4, 3]
    assert len(await found(events, event_type="SLOT_SET")) == 12


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"session_id": "1"}, "session_id"),
        ({"session_code": "S-O00000"}, "session_code"),
        ({"turn_id": "x"}, "turn_id"),
        ({"trace_id": "a b"}, "trace_id"),
        ({"trace_id": "x" * 65}, "trace_id"),
        ({"order_id": "1"}, "order_id"),
        ({"phone": "12345"}, "phone"),
        ({"phone": "\x00"}, "phone"),
        ({"from": "2026-01-01T00:00:00"}, "from"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"event_type": "NOTHING"}, "event_type"),
        ({"tool": "lookup_order"}, "tool"),
        ({"sort": "at"}, "sort"),
    ],
)
async def test_what_is_no_filter_is_refused_by_name(shop: Shopfront, params: dict[str, str], field: str) -> None:
    assert await refused(shop, "/api/audit/events", await auditor(shop), **params) == (400, "INVALID_PARAMS", [field])


async def test_pages_hold_still_while_rows_are_added_and_a_cursor_is_good_for_its_list_only(shop: Shopfront) -> None:
    headers = await auditor(shop)
    await written(shop.product.db, shop.org, 1, 30, NOW)
    found: list[int] = []
    cursor: str | None = None
    while True:
        params = {"limit": 7, **({"cursor": cursor} if cursor else {})}
        page = await get(shop, "/api/audit/tools", headers, **params)
        found += seqs(page)
        if page["next_cursor"] is None:
            break
        assert page["next_cursor"] != cursor
        cursor = page["next_cursor"]
        await written(shop.product.db, shop.org, 100 + len(found), 100 + len(found), NOW)
    assert found == list(range(30, 0, -1))
    for path, more in (("/api/audit/events", {}), ("/api/audit/tools", {"status": "success"})):
        assert await refused(shop, path, headers, cursor=cursor, **more) == (400, "INVALID_PARAMS", ["cursor"])


async def test_another_organisation_is_empty_and_not_found(shop: Shopfront) -> None:
    other, _ = await an_org(shop.product, "other", "other@example.com")
    session = await a_session(shop.addresses, other, session_code="S-ABCDEF")
    await written(shop.product.db, other, 1, 5, NOW, sessions=[session])
    headers = await auditor(shop)
    for params in (
        {"session_id": session},
        {"session_code": "S-ABCDEF"},
        {"trace_id": f"{1:032x}"},
        {"order_id": ORDER},
    ):
        for path in LISTS:
            assert (await get(shop, path, headers, **params))["items"] == []
    assert (await refused(shop, f"/api/audit/trace/{1:032x}", headers))[:2] == (404, "NOT_FOUND")
    verified = await get(shop, "/api/audit/verify", headers)
    assert [each["rows"] for each in verified["streams"]] == [await rows_of(shop, shop.org), 0]


async def rows_of(shop: Shopfront, org: OrgId) -> int:
    async with shop.product.db.org(org) as tx:
        return await tx.fetchval("select count(*) from f_audit_events")


async def test_an_operator_sees_what_they_did_themselves(shop: Shopfront) -> None:
    user, headers = await signed_in(shop, Role.OPERATOR)
    trace_id = new_trace_id()
    own = AuditEvent(EventType.TAKEOVER_STARTED, {"kind": "member", "id": str(user)}, NOW, trace_id)
    agents = AuditEvent(EventType.SLOT_SET, {"kind": "agent", "id": str(user)}, NOW, trace_id)
    async with shop.product.db.org(shop.org) as tx:
        await append(tx, shop.org, events=[own, agents, event(1, NOW)], calls=[call(1, NOW)])
    page = await get(shop, "/api/audit/events", headers)
    assert [item["event_type"] for item in page["items"]] == ["TAKEOVER_STARTED"]
    assert (await get(shop, "/api/audit/tools", headers))["items"] == []
    assert (await get(shop, "/api/audit/events", headers, event_type="MEMBER_CHANGED"))["items"] == []
    trace = await get(shop, f"/api/audit/trace/{trace_id}", headers)
    assert [(item["kind"], item["event_type"]) for item in trace["items"]] == [("event", "TAKEOVER_STARTED")]
    assert (await refused(shop, f"/api/audit/trace/{event(1, NOW).trace_id}", headers))[:2] == (404, "NOT_FOUND")


async def test_a_turn_is_told_from_its_message_to_its_answer(working_shop: Shopfront) -> None:
    shop = working_shop
    talker = bearer(await shop.token("chat:send"))
    asked = {"message": "제 번호는 010-1234-5678이고 상담원 연결해 주세요", "client_id": "api-00000001"}
    trace_id = (await shop.http.post("/api/runtime/chat", json=asked, headers=talker)).json()["trace_id"]
    trace = await get(shop, f"/api/audit/trace/{trace_id}", await auditor(shop))
    kinds = [item["kind"] for item in trace["items"]]
    assert {"turn", "message", "event", "call"} <= set(kinds)
    assert (trace["truncated"], trace["trace_id"]) == (False, trace_id)
    assert [item["at"] for item in trace["items"]] == sorted(item["at"] for item in trace["items"])
    said = [(item["role"], item["text"]) for item in trace["items"] if item["kind"] == "message"]
    assert [role for role, _ in said] == ["shopper", "bot"]
    assert "1234-5678" not in str(trace)
    (turn,) = [item for item in trace["items"] if item["kind"] == "turn"]
    assert (turn["status"], turn["turn_no"], turn["code"]) == ("done", 1, None)
    calls = [item for item in trace["items"] if item["kind"] == "call"]
    assert {item["tool_name"] for item in calls} == {"create_handoff"}
    assert {item["turn_id"] for item in calls} == {turn["id"]}
    events = [item["event_type"] for item in trace["items"] if item["kind"] == "event"]
    assert {"TURN_OPENED", "TURN_CLOSED", "HANDOFF_REQUESTED"} <= set(events)


async def test_what_was_sent_and_which_job_it_was_belong_to_a_trace(shop: Shopfront) -> None:
    trace_id = new_trace_id()
    async with shop.product.db.org(shop.org) as tx:
        await tx.execute(
            """
            insert into e_ops_outbox (org_id, kind, channel, dedupe_key, destination, destination_hash, destination_masked, due_at, status, created_at, trace_id)
            values ($1, 'restock', 'sms', 'k', 'v1.sealed', 'hash', '010-****-5678', $2, 'sent', $2, $3)
            """,
            *(shop.org, NOW, trace_id),
        )
        await tx.execute(
            "insert into e_ops_job_runs (org_id, job, trigger, lock_key, started_at, outcome, counts, host, build, trace_id) values ($1, 'restock_dispatch', 'cron', 'k', $2, 'ok', '{\"sent\": 1}', 'h', 'b', $3)",
            *(shop.org, NOW - timedelta(seconds=1), trace_id),
        )
    items = (await get(shop, f"/api/audit/trace/{trace_id}", await auditor(shop)))["items"]
    assert [(item["kind"], item.get("job"), item.get("destination")) for item in items] == [
        ("job", "restock_dispatch", None),
        ("outbox", None, "010-****-5678"),
    ]
    assert "sealed" not in str(items)
    assert items[0]["counts"] == {"sent": 1}


async def test_a_long_trace_is_cut_off_and_says_so(shop: Shopfront) -> None:
    trace_id = new_trace_id()
    many = [
        AuditEvent(EventType.FLOW_STEP, {"kind": "agent"}, NOW + timedelta(seconds=n), trace_id) for n in range(250)
    ]
    async with shop.product.db.org(shop.org) as tx:
        await append(tx, shop.org, events=many)
    trace = await get(shop, f"/api/audit/trace/{trace_id}", await auditor(shop))
    assert (len(trace["items"]), trace["truncated"]) == (200, True)


async def test_a_whole_chain_and_a_broken_one(shop: Shopfront) -> None:
    headers = await auditor(shop)
    await written(shop.product.db, shop.org, 1, 20, NOW)
    report = await get(shop, "/api/audit/verify", headers)
    assert (report["org_id"], report["whole"], report["complete"]) == (str(shop.org), True, True)
    events, tools = report["streams"]
    assert (events["stream"], events["rows"], events["first_seq"]) == ("events", await rows_of(shop, shop.org), 1)
    assert (tools["stream"], tools["rows"], tools["last_seq"], tools["broken"]) == ("tools", 20, 20, [])
    async with connected(shop.addresses.superuser) as superuser:
        await superuser.execute("set session_replication_role = replica")
        await superuser.execute("delete from f_audit_mcp_tools where chain_seq between 7 and 9")
        await superuser.execute("update f_audit_mcp_tools set latency_ms = 5 where chain_seq = 3")
    report = await get(shop, "/api/audit/verify", headers, stream="tools")
    assert report["whole"] is False
    assert report["streams"][0]["broken"] == [
        {"seq": 3, "until": None, "what": "edited"},
        {"seq": 7, "until": 9, "what": "missing"},
    ]
    assert (await get(shop, "/api/audit/verify", headers, stream="events"))["whole"] is True


async def test_one_verification_of_an_organisation_at_a_time(shop: Shopfront) -> None:
    headers = await auditor(shop)
    await written(shop.product.db, shop.org, 1, 400, NOW, at_once=100)
    answers = await asyncio.gather(*(shop.http.get("/api/audit/verify", headers=headers) for _ in range(6)))
    done = [answer for answer in answers if answer.status_code == 200]
    waiting = [answer for answer in answers if answer.status_code == 429]
    assert done
    assert len(done) + len(waiting) == 6
    assert all(answer.headers["retry-after"] == "5" for answer in waiting)
    assert (await shop.http.get("/api/audit/verify", headers=headers)).status_code == 200


async def test_a_long_chain_is_verified_in_parts(shop: Shopfront, monkeypatch: pytest.MonkeyPatch) -> None:
    from sangdam.web import audit

    monkeypatch.setattr(audit, "VERIFIED_AT_ONCE", 8)
    headers = await auditor(shop)
    await written(shop.product.db, shop.org, 1, 20, NOW)
    after, parts = 0, 0
    while True:
        (part,) = (await get(shop, "/api/audit/verify", headers, stream="tools", after=after))["streams"]
        assert part["whole"], part
        parts += 1
        after = part["last_seq"]
        if part["complete"]:
            break
    assert (parts, after) == (3, 20)
    assert (await refused(shop, "/api/audit/verify", headers, stream="ledger"))[:2] == (400, "INVALID_PARAMS")
    assert (await refused(shop, "/api/audit/verify", headers, after="-1"))[:2] == (400, "INVALID_PARAMS")


async def a_turn(shop: Shopfront, session: SessionId, *, trace_id: str) -> TurnId:
    turn = TurnId(new_uuid())
    async with shop.product.db.org(shop.org) as tx:
        await tx.execute(
            "insert into d_conv_turns (id, org_id, session_id, turn_no, status, seq_from, seq_to, state_before, state_rev, trace_id) values ($1, $2, $3, 1, 'done', 1, 1, 0, 1, $4)",
            *(turn, shop.org, session, trace_id),
        )
    return turn


def of_turn(turn: TurnId, session: SessionId) -> AuditEvent:
    return AuditEvent(EventType.TURN_OPENED, {"kind": "agent"}, NOW, new_trace_id(), {}, session, turn)


async def scheduled(shop: Shopfront, name: str) -> None:
    """What the product's own clock would start."""
    runner = shop.product.jobs()
    (found,) = [each for each in runner._timetables if each.name == name]  # pyright: ignore[reportPrivateUsage]
    await found.run()


async def test_the_product_signs_by_itself_with_its_own_key(shop: Shopfront) -> None:
    await scheduled(shop, "audit_checkpoint")
    key = shop.product.settings.audit_signing_key.get_secret_value().encode()
    async with shop.product.db.org(shop.org) as tx:
        (signed,) = await checkpoints(tx, shop.org, "events")
    assert signed.genuine(key)
    report = await get(shop, "/api/audit/verify", await auditor(shop), stream="events")
    assert report["streams"][0]["signed_to"] == signed.seq


async def test_the_nightly_run_prunes_what_is_over_its_time(shop: Shopfront) -> None:
    old = NOW - timedelta(days=400)
    org = (await an_org(shop.product, "old", "old@example.com"))[0]
    key = shop.product.settings.audit_signing_key.get_secret_value().encode()
    await written(shop.product.db, org, 1, 10, old)
    async with shop.product.db.org(org) as tx:
        await checkpoint(tx, org, "tools", key=key, at=old + timedelta(minutes=1))
    await scheduled(shop, "retention")
    async with shop.product.db.org(org) as tx:
        assert await tx.fetchval("select count(*) from f_audit_mcp_tools") == 0
        assert (await verify(tx, org, "tools", signing_key=key)).whole
        told = await tx.fetchval("select payload from f_audit_events where event_type = 'AUDIT_PRUNED'")
    async with shop.product.db.system() as tx:
        counts = await tx.fetchval("select counts from e_ops_job_runs where job = 'retention'")
    assert (told["rows"], counts["audit_rows"]) == (10, 10)
