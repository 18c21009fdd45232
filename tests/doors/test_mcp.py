"""MCP over real HTTP with the SDK's own client, in both kinds of revision."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from mcp import Client, MCPError, types

from sangdam.app import opened
from sangdam.conversations.model import Session
from sangdam.core.ids import OrgId, new_trace_id
from sangdam.db.testing import Addresses, connected
from sangdam.orgs import Scope
from sangdam.settings import Settings
from sangdam.tools.model import Tool
from sangdam.tools.published import published_output, published_schema
from sangdam.web.mcp.answers import guarded
from sangdam.web.mcp.resources import Shelves
from sangdam.web.parts import Shelf
from tests.conversations.talk import OTHERS, OXFORD, SHIRT
from tests.doors.mcp_desk import (
    CANCEL,
    DECLINE,
    HANDSHAKE,
    MODERN,
    NO,
    NOTHING_SAID,
    PII,
    READ,
    REVISIONS,
    SESSIONS,
    STAFF,
    STAFF_REASON,
    WRITE,
    YES,
    Desk,
    Person,
    a_desk,
    a_key,
    done,
    refused,
    text_of,
)
from tests.doors.shopfront import EMAIL, an_org, until

ORDERER = {"orderer_name": "김하늘", "orderer_phone": "010-0000-1234"}
DOOR = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture
async def desk(addresses: Addresses) -> AsyncIterator[Desk]:
    async with a_desk(addresses) as opened:
        yield opened


async def verified(client: Client, session: Session, order: str = SHIRT) -> dict[str, str]:
    """What a call on behalf of 김하늘 carries once the order, name and phone were found to belong together."""
    matched = done(
        await client.call_tool(
            "verify_orderer", {"order_id": order, **ORDERER, "session_id": str(session.id), "idempotency_key": a_key()}
        )
    )
    return {"session_id": str(session.id), "customer_verification_token": matched["customer_verification_token"]}


# What there is --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", REVISIONS)
async def test_the_list_is_what_the_token_may_use_in_a_fixed_order(desk: Desk, mode: str) -> None:
    order = [tool.name for tool in desk.shop.product.registry]
    kinds = {tool.name: (tool.effect, tool.staff_only) for tool in desk.shop.product.registry}
    seen: dict[tuple[str, ...], list[str]] = {}
    for scopes in ((READ,), (WRITE,), (READ, WRITE), ("chat:send",)):
        async with desk.client(await desk.shop.token(*scopes), mode) as client:
            listed = [tool.name for tool in (await client.list_tools()).tools]
            assert listed == [tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools]
            assert listed == [name for name in order if name in listed]
            seen[scopes] = listed
    assert {kinds[name] for name in seen[READ,]} == {("read", False)}
    assert {kinds[name] for name in seen[WRITE,]} == {("write", False)}
    assert set(seen[READ, WRITE]) == {*seen[READ,], *seen[WRITE,]}
    assert seen["chat:send",] == []
    assert "find_customer_by_phone" not in seen[READ,], "by default not for MCP clients"


@pytest.mark.parametrize("mode", REVISIONS)
async def test_the_list_describes_each_tool(desk: Desk, mode: str) -> None:
    async with desk.client(await desk.shop.token(READ, WRITE), mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    change, read = tools["change_note"], tools["lookup_order"]
    assert change.title == "메모 변경"
    assert change.annotations is not None
    assert read.annotations is not None
    assert (change.annotations.read_only_hint, change.annotations.destructive_hint) == (False, True)
    assert (read.annotations.read_only_hint, read.annotations.destructive_hint) == (True, False)
    assert change.annotations.idempotent_hint
    assert (change.annotations.open_world_hint, read.annotations.open_world_hint) == (False, True)
    assert set(change.input_schema["required"]) == {"text", "idempotency_key"}
    assert {"session_id", "confirmation_digest"} <= set(change.input_schema["properties"])
    assert "customer_verification_token" not in change.input_schema["properties"]
    assert {"session_id", "customer_verification_token"} <= set(read.input_schema["properties"])
    assert "staff_reason" not in read.input_schema["properties"]
    assert "idempotency_key" not in read.input_schema["properties"]


async def test_a_staff_tokens_tools_need_a_reason(desk: Desk) -> None:
    async with desk.client(await desk.shop.token(READ, WRITE, STAFF, acts_as="staff")) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    for tool in tools.values():
        assert "staff_reason" in tool.input_schema["required"], tool.name
        assert "customer_verification_token" not in tool.input_schema["properties"], tool.name
    assert set(tools["write_note"].input_schema["required"]) == {"text", "staff_reason", "idempotency_key"}


async def test_every_schema_is_one_and_takes_no_unknown_names(desk: Desk) -> None:
    for tool in desk.shop.product.registry:
        for way in ("params", "on_behalf", "staff"):
            schema = published_schema(tool, way)
            Draft202012Validator.check_schema(schema)
            assert schema["additionalProperties"] is False
            assert schema["type"] == "object"
        for masked in (False, True):
            Draft202012Validator.check_schema(published_output(tool, masked=masked))


# Calls ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", REVISIONS)
async def test_an_order_is_told_once_it_is_known_who_asks(desk: Desk, mode: str) -> None:
    session = await desk.shop.session()
    async with desk.client(await desk.shop.token(READ, WRITE), mode) as client:
        stranger = refused(await client.call_tool("lookup_order", {"order_id": SHIRT, "session_id": str(session.id)}))
        assert (stranger["code"], stranger["outcome"]) == ("CUSTOMER_VERIFICATION_REQUIRED", "needs_verification")
        assert "session_id" in stranger["message"]
        assert "customer_verification_token" in stranger["message"]
        proof = await verified(client, session)
        result = await client.call_tool("lookup_order", {"order_id": SHIRT, **proof})
        told = done(result)
        assert told["order"]["items"][0]["name"] == "린넨 셔츠"
        assert "린넨 셔츠" in text_of(result)
        assert "김하늘" not in text_of(result)
        foreign = refused(await client.call_tool("lookup_order", {"order_id": OTHERS, **proof}))
        assert foreign["code"] == "CUSTOMER_VERIFICATION_REQUIRED"
    rows = await desk.audit()
    assert [row["status"] for row in rows] == ["needs_verification", "success", "success", "needs_verification"]
    assert {row["caller"]["kind"] for row in rows} == {"mcp"}
    assert {str(row["session_id"]) for row in rows} == {str(session.id)}
    assert proof["customer_verification_token"] not in json.dumps(rows, default=str)


async def test_a_proof_counts_in_its_own_conversation_only(desk: Desk) -> None:
    session, other = await desk.shop.session(), await desk.shop.session()
    async with desk.client(await desk.shop.token(READ, WRITE)) as client:
        proof = await verified(client, session)
        for wrong in (
            {**proof, "session_id": str(other.id)},
            {**proof, "session_id": str(uuid.uuid4())},
            {"customer_verification_token": proof["customer_verification_token"]},
            {**proof, "customer_verification_token": "x" * 43},
        ):
            told = refused(await client.call_tool("lookup_order", {"order_id": SHIRT, **wrong}))
            assert told["code"] == "CUSTOMER_VERIFICATION_REQUIRED", wrong


@pytest.mark.parametrize("mode", REVISIONS)
async def test_staff_look_with_a_reason_and_see_masks(desk: Desk, mode: str) -> None:
    async with desk.client(await desk.shop.token(READ, STAFF, acts_as="staff"), mode) as client:
        for reason in ({}, {"staff_reason": "왜냐"}, {"staff_reason": "가" * 201}):
            told = refused(await client.call_tool("lookup_order", {"order_id": OTHERS, **reason}))
            assert told["code"] == "FORBIDDEN"
            assert "staff_reason" in told["message"]
        told = done(await client.call_tool("lookup_order", {"order_id": OTHERS, "staff_reason": STAFF_REASON}))
    assert told["order"]["order_id"] == OTHERS
    last = (await desk.audit())[-1]
    assert last["caller"]["on_behalf"] is False
    assert last["caller"]["reason"] == STAFF_REASON


async def test_whatever_an_org_masks_the_result_still_fits_its_schema(desk: Desk) -> None:
    """The SDK's client refuses a result that does not."""
    headers = await desk.shop.sign_in()
    policy = {"is_allowed": True, "allowed_callers": ["mcp"], "masking_rules": {"fields": ["price", "quantity", "ordered_at", "paid", "status_class"]}}  # fmt: skip
    answer = await desk.shop.http.put(
        "/api/mcp/tools/lookup_order/policy", json=policy, headers={**headers, "if-match": "1"}
    )
    assert answer.status_code == 200, answer.text
    asked = {"order_id": OTHERS, "staff_reason": STAFF_REASON}
    async with desk.client(await desk.shop.token(READ, STAFF, acts_as="staff")) as client:
        result = await client.call_tool("lookup_order", asked)
        told = done(result)
        assert told["order"]["items"][0]["quantity"] == "***"
        assert told["order"]["ordered_at"] == "***"
        assert result.meta is not None
        assert "quantity" in result.meta["sangdam/masked_fields"]
    async with desk.client(await desk.shop.token(READ, STAFF, PII, acts_as="staff")) as client:
        assert done(await client.call_tool("lookup_order", asked))["order"]["items"][0]["quantity"] == 1


async def test_a_token_made_for_shoppers_is_never_staff(desk: Desk) -> None:
    async with desk.client(await desk.shop.token(READ, STAFF)) as client:
        told = refused(await client.call_tool("lookup_order", {"order_id": SHIRT, "staff_reason": STAFF_REASON}))
    assert (told["code"], told["fields"]) == ("INVALID_PARAMS", ["staff_reason"])


@pytest.mark.parametrize("mode", REVISIONS)
async def test_what_is_no_call_for_a_tool_is_told_and_written_down(desk: Desk, mode: str) -> None:
    async with desk.client(await desk.shop.token(READ, WRITE), mode) as client:
        wrong: list[tuple[str, dict[str, Any], str, list[str] | None]] = [
            ("no_such_tool", {"a": 1}, "TOOL_NOT_FOUND", None),
            ("../lookup_order", {}, "TOOL_NOT_FOUND", None),
            ("lookup_order", {}, "INVALID_PARAMS", ["order_id"]),
            ("lookup_order", {"order_id": "1; drop table"}, "INVALID_PARAMS", ["order_id"]),
            ("lookup_order", {"order_id": SHIRT, "path": "/admin"}, "INVALID_PARAMS", ["path"]),
            ("lookup_order", {"order_id": SHIRT, "session_id": "S-7KQ2MD"}, "INVALID_PARAMS", ["session_id"]),
            ("lookup_order", {"order_id": SHIRT, "session_id": 7}, "INVALID_PARAMS", ["session_id"]),
            ("lookup_order", {"order_id": SHIRT, "customer_verification_token": "short"}, "INVALID_PARAMS", ["customer_verification_token"]),
            ("change_note", {"text": "가", "idempotency_key": a_key(), "confirmation_digest": 1}, "INVALID_PARAMS", ["confirmation_digest"]),
            ("write_note", {"text": "가"}, "INVALID_PARAMS", ["idempotency_key"]),
            ("write_note", {"text": "가", "idempotency_key": "short"}, "INVALID_PARAMS", ["idempotency_key"]),
            ("write_note", {"text": ["가"], "idempotency_key": a_key()}, "INVALID_PARAMS", ["text"]),
        ]  # fmt: skip
        for name, arguments, code, fields in wrong:
            told = refused(await client.call_tool(name, arguments))
            assert (told["code"], told.get("fields")) == (code, fields), (name, arguments)
            assert not told["retryable"]
        assert done(await client.call_tool("cafe24:read_note", {}))["number"] == 0
    assert len(await desk.audit()) == len(wrong) + 1
    assert desk.notes.written == []


async def test_a_missing_scope_is_a_result_and_written_down(desk: Desk) -> None:
    async with desk.client(await desk.shop.token(READ)) as client:
        told = refused(await client.call_tool("write_note", {"text": "가", "idempotency_key": a_key()}))
    assert (told["code"], told["outcome"]) == ("FORBIDDEN", "blocked")
    assert (await desk.audit())[-1]["policy_decision"]["rule"] == "tools:write"


@pytest.mark.parametrize("mode", REVISIONS)
async def test_the_same_key_does_a_thing_once(desk: Desk, mode: str) -> None:
    asked = {"text": "가", "idempotency_key": a_key()}
    async with desk.client(await desk.shop.token(WRITE), mode) as client:
        first = await client.call_tool("write_note", asked)
        again = await client.call_tool("write_note", asked)
        assert done(first) == done(again) == {"text": "가", "number": 1}
        assert first.meta is not None
        assert again.meta is not None
        assert "sangdam/replayed" not in first.meta
        assert again.meta["sangdam/replayed"] is True
        assert first.meta["sangdam/effect_id"] == again.meta["sangdam/effect_id"]
        other = refused(await client.call_tool("write_note", {**asked, "text": "나"}))
        assert other["code"] == "IDEMPOTENCY_MISMATCH"
    assert desk.notes.written == ["가"]


async def test_a_change_of_policy_is_seen_at_the_next_list_and_call(desk: Desk) -> None:
    headers = await desk.shop.sign_in()

    async def policy(version: int, **fields: Any) -> None:
        body = {"is_allowed": True, "allowed_callers": ["mcp"], **fields}
        sent = {**headers, "if-match": str(version)}
        answer = await desk.shop.http.put("/api/mcp/tools/read_note/policy", json=body, headers=sent)
        assert answer.status_code == 200, answer.text

    async with desk.client(await desk.shop.token(READ)) as client:
        assert "read_note" in [tool.name for tool in (await client.list_tools()).tools]
        await policy(1, is_allowed=False)
        assert "read_note" not in [tool.name for tool in (await client.list_tools()).tools]
        assert refused(await client.call_tool("read_note", {}))["code"] == "POLICY_BLOCK"
        await policy(2, allowed_callers=["agent"])
        assert refused(await client.call_tool("read_note", {}))["code"] == "CALLER_NOT_ALLOWED"
        await policy(3, rate_limit_per_min=2)
        assert done(await client.call_tool("read_note", {}))
        assert done(await client.call_tool("read_note", {}))
        limited = refused(await client.call_tool("read_note", {}))
        assert (limited["code"], limited["outcome"], limited["retryable"]) == ("RATE_LIMIT", "rate_limited", True)
        assert 0 < limited["retry_after"] <= 60


async def test_an_orgs_own_tool_has_a_name_that_clients_take(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(desk.notes.tools[2], name="erp_2/read_note", display_name="ERP 메모")
    product = desk.shop.product

    async def elsewhere(org: OrgId, name: str) -> Tool | None:
        return own if (org, name) == (desk.shop.org, own.name) else None

    async def others(org: OrgId) -> tuple[Tool, ...]:
        return (own,) if org == desk.shop.org else ()

    monkeypatch.setattr(product.gate, "_elsewhere", elsewhere)
    monkeypatch.setattr(product.standings, "_others", others)
    async with connected(desk.shop.addresses.superuser) as owner:
        await owner.execute(
            "insert into c_mcp_servers (org_id, name, url, tools, created_by)"
            """ values ($1, 'erp_2', 'https://erp.invalid/mcp', '{"read_note": {"present_digest": "d", "allowed_digest": "d"}}', $2)""",
            desk.shop.org,
            desk.shop.owner.user,
        )
        await owner.execute(
            "insert into c_mcp_tool_policies (org_id, tool_name, is_allowed, allowed_callers) values ($1, $2, true, '{mcp}')",
            desk.shop.org,
            own.name,
        )
    async with desk.client(await desk.shop.token(READ)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["erp_2__read_note"].title == "ERP 메모"
        assert done(await client.call_tool("erp_2__read_note", {}))["number"] == 0
        assert refused(await client.call_tool("erp_2__write_note", {}))["code"] == "TOOL_NOT_FOUND"
    assert [row["tool_name"] for row in await desk.audit()] == ["erp_2/read_note", "erp_2__write_note"]


async def test_two_organisations_do_not_see_each_other(desk: Desk) -> None:
    org, member = await an_org(desk.shop.product, "other", "other@example.com")
    _, token = await desk.shop.product.tokens.issue(
        member, name="other", scopes=[READ, WRITE, SESSIONS], acts_as="on_behalf", lasts=timedelta(days=1), trace_id=new_trace_id(),
        operated_by_person=True,
    )  # fmt: skip
    session = await desk.shop.session()
    person = Person(YES)
    async with desk.client(await desk.shop.token(READ, WRITE)) as ours:
        proof = await verified(ours, session)
        asked = {"text": "가", "idempotency_key": a_key()}
        waiting = refused(await ours.call_tool("change_note", asked))
    async with desk.client(token, elicitation_callback=person) as theirs:
        told = refused(await theirs.call_tool("lookup_order", {"order_id": SHIRT, **proof}))
        assert told["verification"]["reason"] == "other_session"
        with pytest.raises(MCPError):
            await theirs.read_resource(f"sangdam://sessions/{session.code}")
        answer = await theirs.session.call_tool(
            "change_note", asked, input_responses={waiting["effect_id"]: YES}, allow_input_required=True
        )
        assert isinstance(answer, types.CallToolResult)
        assert answer.is_error
    assert desk.notes.written == []
    assert [effect["state"] for effect in await desk.effects() if str(effect["id"]) == waiting["effect_id"]] == [
        "proposed"
    ]
    async with desk.shop.product.db.org(org) as tx:
        rows = await tx.fetch("select tool_name from f_audit_mcp_tools where phase = 'closed' order by chain_seq")
    assert [row["tool_name"] for row in rows] == ["lookup_order", "change_note"]


# A person's yes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", REVISIONS)
@pytest.mark.parametrize("operated", [False, True])
async def test_a_change_waits_for_the_console_and_runs_with_its_digest(desk: Desk, mode: str, operated: bool) -> None:
    """For every client that cannot ask: no elicitation declared, or a handshake without a way back."""
    asked = {"text": "가", "idempotency_key": a_key()}
    token = await desk.shop.token(WRITE, operated_by_person=operated)
    more = {"elicitation_callback": Person(YES)} if mode == HANDSHAKE else {}
    async with desk.client(token, mode, **more) as client:
        waiting = refused(await client.call_tool("change_note", asked))
        assert (waiting["code"], waiting["outcome"]) == ("NEEDS_CONFIRMATION", "needs_confirmation")
        confirmation = waiting["confirmation"]
        assert confirmation["approve_at"] == f"{desk.shop.base}/console/review"
        assert confirmation["preview"] == {"before": {"content": None}, "after": {"content": "가"}}
        assert confirmation["expires_at"]
        assert confirmation["approve_at"] in waiting["message"]
        assert "confirmation_digest" in waiting["message"]
        with_digest = {**asked, "confirmation_digest": confirmation["digest"]}
        early = refused(await client.call_tool("change_note", with_digest))
        assert early["effect_id"] == waiting["effect_id"]
        assert (await desk.approve(waiting["effect_id"])).status_code == 200
        bare = refused(await client.call_tool("change_note", asked))
        assert bare["code"] == "NEEDS_CONFIRMATION", "a yes counts for who knows what it was to"
        assert desk.notes.written == []
        assert done(await client.call_tool("change_note", with_digest)) == {"text": "가", "number": 1}
        assert done(await client.call_tool("change_note", with_digest)) == {"text": "가", "number": 1}
    assert desk.notes.written == ["가"]


async def test_changed_arguments_end_an_approval(desk: Desk) -> None:
    asked = {"text": "가", "idempotency_key": a_key()}
    async with desk.client(await desk.shop.token(WRITE)) as client:
        waiting = refused(await client.call_tool("change_note", asked))
        assert (await desk.approve(waiting["effect_id"])).status_code == 200
        digest = waiting["confirmation"]["digest"]
        changed = refused(await client.call_tool("change_note", {**asked, "text": "나", "confirmation_digest": digest}))
        assert changed["confirmation"]["reason"] == "changed"
        assert changed["effect_id"] != waiting["effect_id"]
        old = refused(await client.call_tool("change_note", {**asked, "confirmation_digest": digest}))
        assert old["code"] == "NEEDS_CONFIRMATION"
    assert desk.notes.written == []


async def test_a_person_in_front_of_the_client_is_asked_with_the_exact_change(desk: Desk) -> None:
    desk.notes.written.append("옛 메모")
    person = Person(YES)
    key = a_key()
    async with desk.client(
        await desk.shop.token(WRITE, operated_by_person=True), elicitation_callback=person
    ) as client:
        told = done(await client.call_tool("change_note", {"text": "새 메모", "idempotency_key": key}))
        assert told == {"text": "새 메모", "number": 2}
        again = await client.call_tool("change_note", {"text": "새 메모", "idempotency_key": key})
        assert done(again) == told
    (question,) = person.asked
    assert question.message == (
        "'메모 변경' 요청이에요. 아래 내용 그대로 진행할까요?\n\n바뀌기 전:\n  내용: 옛 메모\n바뀐 뒤:\n  내용: 새 메모"
    )
    assert [part["type"] for part in question.requested_schema["properties"].values()] == ["boolean"]
    assert desk.notes.written == ["옛 메모", "새 메모"]
    kinds = dict(await desk.events())
    assert {"CONFIRMATION_REQUESTED", "CONFIRMATION_GIVEN"} <= kinds.keys()
    assert kinds["CONFIRMATION_GIVEN"]["token_id"]
    headers = await desk.shop.sign_in()
    assert (await desk.shop.http.get("/api/approvals", headers=headers)).json()["items"] == []


@pytest.mark.parametrize(
    ("tool", "given", "shown"),
    [
        (
            "create_ticket",
            {
                "kind": "cancel",
                "order_id": OXFORD,
                "summary": "취소해 주세요",
                "content": "색이 달라서 취소하고 싶어요",
            },
            "색이 달라서 취소하고 싶어요",
        ),
        ("update_order_shipping_address", {"order_id": OXFORD, "address2": "5층 501호"}, "5층 501호"),
    ],
    ids=["ticket", "address"],
)
@pytest.mark.parametrize("said", [YES, NO], ids=["yes", "no"])
async def test_the_shops_own_changes_wait_for_the_person(
    desk: Desk, tool: str, given: dict[str, Any], shown: str, said: types.ElicitResult
) -> None:
    person, asked = Person(said), {**given, "staff_reason": STAFF_REASON, "idempotency_key": a_key()}
    async with connected(desk.shop.addresses.superuser) as owner:  # an address is not for MCP unless the shop says so
        await owner.execute("update c_mcp_tool_policies set allowed_callers = '{mcp}' where tool_name = $1", tool)
    token = await desk.shop.token(WRITE, STAFF, acts_as="staff", operated_by_person=True)
    async with desk.client(token, elicitation_callback=person) as client:
        first = await client.call_tool(tool, asked)
        if said is YES:
            told = done(first)
            assert done(await client.call_tool(tool, asked)) == told
        else:
            assert refused(first)["code"], first
    assert person.asked, first
    assert shown in person.asked[0].message
    states = [effect["state"] for effect in await desk.effects()]
    assert states == (["done"] if said is YES else ["void"])


@pytest.mark.parametrize(
    ("said", "state"),
    [(NO, "void"), (DECLINE, "void"), (CANCEL, "proposed"), (NOTHING_SAID, "proposed")],
    ids=["no", "declined", "cancelled", "nothing said"],
)
async def test_anything_but_a_yes_runs_nothing(desk: Desk, said: types.ElicitResult, state: str) -> None:
    """A no ends it; no answer leaves it for the console."""
    person = Person(said)
    async with desk.client(
        await desk.shop.token(WRITE, operated_by_person=True), elicitation_callback=person
    ) as client:
        told = refused(await client.call_tool("change_note", {"text": "가", "idempotency_key": a_key()}))
    assert told["code"] == "NEEDS_CONFIRMATION"
    assert ("confirmation" in told) == (state == "proposed")
    assert len(person.asked) == 1
    assert desk.notes.written == []
    (effect,) = await desk.effects()
    assert effect["state"] == state
    events = [kind for kind, _ in await desk.events()]
    assert ("CONFIRMATION_VOIDED" in events) == (state == "void")
    assert "CONFIRMATION_GIVEN" not in events


async def test_a_yes_that_comes_too_late_runs_nothing_and_the_next_call_asks_again(desk: Desk) -> None:
    async def slowly() -> types.ElicitResult:
        if len(person.asked) == 1:
            desk.shop.clock.move(minutes=11)
        return YES

    person = Person(slowly)
    async with desk.client(
        await desk.shop.token(WRITE, operated_by_person=True), elicitation_callback=person
    ) as client:
        asked = {"text": "가", "idempotency_key": a_key()}
        late = refused(await client.call_tool("change_note", asked))
        assert late["confirmation"]["reason"] == "expired"
        assert desk.notes.written == []
        assert done(await client.call_tool("change_note", asked))
    assert len(person.asked) == 2
    assert [effect["state"] for effect in await desk.effects()] == ["void", "done"]
    assert desk.notes.written == ["가"]


async def test_a_person_who_never_answers_lets_nothing_run(desk: Desk) -> None:
    hung = asyncio.Event()

    async def never() -> types.ElicitResult:
        hung.set()
        await asyncio.Event().wait()
        return YES

    token = await desk.shop.token(WRITE, operated_by_person=True)
    async with desk.client(token, elicitation_callback=Person(never)) as client:
        calling = asyncio.create_task(
            client.call_tool("change_note", {"text": "가", "idempotency_key": a_key()})
        )  # fmt: skip
        await asyncio.wait_for(hung.wait(), 10)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
    desk.shop.clock.move(minutes=11)
    assert desk.notes.written == []
    (effect,) = await desk.effects()
    assert effect["state"] == "proposed"
    assert (await desk.approve(str(effect["id"]))).status_code == 409


async def test_an_elicitation_never_counts_for_a_token_that_no_person_operates(desk: Desk) -> None:
    person = Person(YES)
    asked = {"text": "가", "idempotency_key": a_key()}
    async with desk.client(await desk.shop.token(WRITE), elicitation_callback=person) as client:
        waiting = refused(await client.call_tool("change_note", asked))
        assert person.asked == []
        forged = await client.session.call_tool(
            "change_note", asked, input_responses={waiting["effect_id"]: YES}, allow_input_required=True
        )
        assert isinstance(forged, types.CallToolResult)
        assert refused(forged)["code"] == "NEEDS_CONFIRMATION"
    assert desk.notes.written == []
    (effect,) = await desk.effects()
    assert effect["state"] == "proposed"


async def test_a_yes_counts_for_what_this_token_asked_and_nothing_else(desk: Desk) -> None:
    asked = {"text": "가", "idempotency_key": a_key()}
    async with desk.client(await desk.shop.token(WRITE)) as other:
        waiting = refused(await other.call_tool("change_note", asked))
    token = await desk.shop.token(WRITE, operated_by_person=True)
    async with desk.client(token, elicitation_callback=Person(YES)) as client:
        for key in (waiting["effect_id"], str(uuid.uuid4())):
            answer = await client.session.call_tool(
                "change_note", {"text": "나", "idempotency_key": a_key()}, input_responses={key: YES}, allow_input_required=True
            )  # fmt: skip
            assert isinstance(answer, types.CallToolResult)
            assert refused(answer)["code"] == "NEEDS_CONFIRMATION"
    assert desk.notes.written == []
    assert {effect["state"] for effect in await desk.effects()} == {"proposed"}


async def test_arguments_that_changed_after_the_question_run_nothing(desk: Desk) -> None:
    key = a_key()
    token = await desk.shop.token(WRITE, operated_by_person=True)
    async with desk.client(token, elicitation_callback=Person(YES)) as client:
        first = await client.session.call_tool(
            "change_note", {"text": "가", "idempotency_key": key}, allow_input_required=True
        )
        assert isinstance(first, types.InputRequiredResult)
        assert first.input_requests is not None
        (effect,) = first.input_requests
        changed = await client.session.call_tool(
            "change_note", {"text": "나", "idempotency_key": key}, input_responses={effect: YES}, allow_input_required=True
        )  # fmt: skip
        assert isinstance(changed, types.CallToolResult)
        told = refused(changed)
        assert told["confirmation"]["reason"] == "changed"
        assert told["effect_id"] != effect
    assert desk.notes.written == []
    ends = {str(one["id"]): (one["state"], one["code"]) for one in await desk.effects()}
    assert ends == {effect: ("void", "changed"), told["effect_id"]: ("proposed", None)}


async def test_an_owner_who_may_not_any_more_says_yes_in_vain(desk: Desk) -> None:
    async def demoted() -> types.ElicitResult:
        async with connected(desk.shop.addresses.superuser) as owner:
            await owner.execute("update a_iam_user_access_maps set org_role = 'auditor'")
        return YES

    token = await desk.shop.token(WRITE, operated_by_person=True)
    async with desk.client(token, elicitation_callback=Person(demoted)) as client:
        told = refused(await client.call_tool("change_note", {"text": "가", "idempotency_key": a_key()}))
    assert told["code"] == "FORBIDDEN"
    assert desk.notes.written == []
    assert [effect["state"] for effect in await desk.effects()] == ["proposed"]


# Cut lines, crowds, patience ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
async def test_a_call_cut_and_repeated_acts_once(desk: Desk, version: str) -> None:
    desk.notes.hold = asyncio.Event()
    token, asked = await desk.shop.token(WRITE), {"text": "가", "idempotency_key": a_key()}
    with pytest.raises(httpx2.ReadTimeout):
        async with httpx2.AsyncClient(base_url=desk.shop.base, trust_env=False, timeout=0.3) as http:
            body, headers = a_call(version, "write_note", asked)
            await http.post("/mcp", json=body, headers={**headers, "authorization": f"Bearer {token}"})
    await until(lambda: desk.notes.held == 1)
    async with desk.client(token, HANDSHAKE if version < "2026" else MODERN) as client:
        running = refused(await client.call_tool("write_note", asked))
        assert (running["code"], running["retryable"]) == ("DUPLICATE_REQUEST", True)
        assert "idempotency_key" in running["message"]
        desk.notes.hold.set()
        assert done(await client.call_tool("write_note", asked)) == {"text": "가", "number": 1}
    assert desk.notes.written == ["가"]
    assert desk.notes.held == 1


async def test_a_token_has_twenty_requests_under_way_and_no_more(desk: Desk) -> None:
    desk.notes.hold = asyncio.Event()
    token, other = await desk.shop.token(READ), await desk.shop.token(READ)
    body, headers = a_call("2025-11-25", "read_note", {})
    async with httpx2.AsyncClient(base_url=desk.shop.base, trust_env=False, timeout=30) as http:
        sent = {**headers, "authorization": f"Bearer {token}"}
        waiting = [asyncio.create_task(http.post("/mcp", json=body, headers=sent)) for _ in range(20)]
        await until(lambda: desk.notes.held == 20)
        crowded = await http.post("/mcp", json=body, headers=sent)
        assert crowded.status_code == 429
        assert crowded.headers["retry-after"] == "1"
        assert crowded.json()["error"]["data"]["code"] == "RATE_LIMIT"
        free = asyncio.create_task(
            http.post("/mcp", json=body, headers={**headers, "authorization": f"Bearer {other}"})
        )  # fmt: skip
        await until(lambda: desk.notes.held == 21)
        desk.notes.hold.set()
        assert {answer.status_code for answer in await asyncio.gather(*waiting, free)} == {200}
        assert (await http.post("/mcp", json=body, headers=sent)).status_code == 200


@pytest.mark.parametrize(("tool", "outcome"), [("write_note", "unknown"), ("read_note", "error")])
async def test_a_call_that_takes_too_long_is_let_go_of(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tool: str, outcome: str
) -> None:
    monkeypatch.setattr("sangdam.web.mcp.answers.CALL_SECONDS", 0.2)
    desk.notes.hold = asyncio.Event()
    asked = {"text": "가", "idempotency_key": a_key()} if tool == "write_note" else {}
    async with desk.client(await desk.shop.token(READ, WRITE)) as client:
        slow = refused(await client.call_tool(tool, asked))
        assert (slow["code"], slow["outcome"], slow["retryable"]) == ("UNAVAILABLE", outcome, True)
        desk.notes.hold.set()
        await desk.shop.product.gate.drain()
        monkeypatch.setattr("sangdam.web.mcp.answers.CALL_SECONDS", 25.0)
        assert done(await client.call_tool(tool, asked))
    assert desk.notes.written == (["가"] if tool == "write_note" else [])
    assert slow["call_id"] == str((await desk.audit())[0]["call_id"])


# The wire -------------------------------------------------------------------------------------------------------------


def a_request(version: str, method: str, params: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """Body and headers as a revision has them."""
    params = dict(params or {})
    headers = {**DOOR, "mcp-protocol-version": version}
    if version >= "2026":
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        headers["mcp-method"] = method
        if "name" in params:
            headers["mcp-name"] = params["name"]
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, headers


def a_call(version: str, name: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    return a_request(version, "tools/call", {"name": name, "arguments": arguments})


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28"])
async def test_each_revision_stands_without_a_session(desk: Desk, version: str) -> None:
    token = await desk.shop.token(READ)
    if version < "2026":
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        hello = (await desk.post(token, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})).json()
        assert hello["result"]["protocolVersion"] == version
        assert hello["result"]["serverInfo"]["name"] == "sangdam"
        assert "prompts" not in hello["result"]["capabilities"]
        told = await desk.post(token, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert told.status_code == 202
        assert "mcp-session-id" not in told.headers
    body, headers = a_request(version, "tools/list")
    listed = await desk.post(token, body, **headers)
    assert listed.status_code == 200
    assert listed.headers["content-type"] == "application/json"
    assert "lookup_order" in [tool["name"] for tool in listed.json()["result"]["tools"]]
    body, headers = a_call(version, "read_note", {})
    assert (await desk.post(token, body, **headers)).json()["result"]["structuredContent"] == {"text": "", "number": 0}


async def test_a_revision_nobody_speaks_is_answered_with_those_that_are(desk: Desk) -> None:
    body, headers = a_request("2099-01-01", "tools/list")
    answer = await desk.post(await desk.shop.token(READ), body, **headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["data"]["supported"] == ["2026-07-28"]


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
async def test_what_is_no_request_is_a_protocol_error(desk: Desk, version: str) -> None:
    token = await desk.shop.token(READ)
    _, headers = a_request(version, "tools/list")
    for body, code in (
        (b"{", -32700),
        (b"[" * 100_000, -32700),
        (b'"text"', None),
        (b"[]", None),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}', None),
        (b'{"jsonrpc": "2.0", "id": 1, "result": 1}', None),
    ):
        answer = await desk.post(token, body, **headers)
        assert answer.status_code == 400, body
        error = answer.json()["error"]
        assert error["code"] in ((code,) if code is not None else (-32600, -32602)), body
    for method in ("no/such/method", "prompts/list", "subscriptions/listen", "resources/subscribe", "logging/setLevel"):
        body, headers = a_request(version, method)
        answer = await desk.post(token, body, **headers)
        assert answer.json()["error"]["code"] in (-32601, -32602), method
    body, headers = a_request(version, "no/such/method")
    assert (await desk.post(token, body, **headers)).json()["error"]["code"] == -32601
    body, headers = a_request(version, "tools/call", {"name": 5})
    if version < "2026":
        assert (await desk.post(token, body, **headers)).json()["error"]["code"] == -32602
    body, headers = a_request(version, "tools/list", {"cursor": "x"})
    assert (await desk.post(token, body, **headers)).json()["error"]["code"] == -32602
    assert await desk.audit() == []


async def test_a_request_that_says_two_things_is_refused(desk: Desk) -> None:
    token = await desk.shop.token(READ)
    body, headers = a_call("2026-07-28", "read_note", {})
    for wrong in ({"mcp-name": "write_note"}, {"mcp-method": "tools/list"}):
        answer = await desk.post(token, body, **{**headers, **wrong})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
    assert await desk.audit() == []


async def test_every_credential_that_does_not_open_gets_the_same_answer(desk: Desk) -> None:
    shop = desk.shop
    tokens = shop.product.tokens
    _, brief = await tokens.issue(
        shop.owner, name="brief", scopes=[READ], acts_as="on_behalf", lasts=timedelta(minutes=1), trace_id=new_trace_id()
    )  # fmt: skip
    ended, secret = await tokens.issue(
        shop.owner, name="ended", scopes=[READ], acts_as="on_behalf", lasts=timedelta(days=1), trace_id=new_trace_id()
    )  # fmt: skip
    body, headers = a_request("2025-11-25", "tools/list")
    assert (await desk.post(secret, body, **headers)).status_code == 200
    await tokens.revoke(shop.owner, ended, trace_id=new_trace_id())
    shop.clock.move(minutes=2)
    answers = [
        await desk.post(token, body, **headers)
        for token in (
            brief,
            secret,
            "sgd_" + "x" * 43,
            "sgd_",
            "eyJhbGciOiJub25lIn0.e30.",
            "sgd_" + "가".encode().hex(),
        )
    ]
    console = await shop.sign_in()
    answers += [
        await desk.post(None, body, **headers),
        await desk.post(None, body, **headers, cookie=console["cookie"]),
        await shop.http.post(f"/mcp?access_token={await shop.token(READ)}", json=body, headers=headers),
    ]
    for number, answer in enumerate(answers):
        assert answer.status_code == 401, number
        where = f'Bearer resource_metadata="{shop.base}/.well-known/oauth-protected-resource/mcp"'
        assert answer.headers["www-authenticate"] == (where + ', error="invalid_token"' if number < 6 else where)
        told = answer.json()
        assert told["error"]["data"].pop("trace_id") == answer.headers["x-trace-id"]
        assert told == answers[0].json() | {"error": told["error"]}
        assert told["error"]["data"] == {
            "code": "UNAUTHORIZED", "message_user": told["error"]["message"], "retryable": False, "retry_after": None, "fields": []
        }  # fmt: skip


async def test_a_token_ends_in_the_middle_of_a_conversation(desk: Desk) -> None:
    token, secret = await desk.shop.product.tokens.issue(
        desk.shop.owner, name="t", scopes=[READ], acts_as="on_behalf", lasts=timedelta(days=1), trace_id=new_trace_id()
    )  # fmt: skip
    async with desk.client(secret) as client:
        assert done(await client.call_tool("read_note", {}))
        await desk.shop.product.tokens.revoke(desk.shop.owner, token, trace_id=new_trace_id())
        with pytest.raises(MCPError) as refusal:
            await client.call_tool("read_note", {})
    assert refusal.value.error.code == -32010


async def test_who_wants_to_know_what_opens_this_door_is_told(desk: Desk) -> None:
    for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
        answer = await desk.shop.http.get(path)
        assert answer.status_code == 200
        told = answer.json()
        assert told["resource"] == f"{desk.shop.base}/mcp"
        assert told["bearer_methods_supported"] == ["header"]
        assert {READ, WRITE, STAFF, SESSIONS} <= set(told["scopes_supported"])
        assert "authorization_servers" not in told


async def test_pages_of_other_origins_and_other_hosts_get_nothing(desk: Desk) -> None:
    token = await desk.shop.token(READ)
    for version in ("2025-11-25", "2026-07-28"):
        body, headers = a_request(version, "tools/list")
        for origin in ("https://evil.example.com", "null", desk.shop.base + ".evil.example.com", "http://127.0.0.1:1"):
            assert (await desk.post(token, body, **headers, origin=origin)).status_code == 403, origin
        assert (await desk.post(token, body, **headers, origin=desk.shop.base)).status_code == 200
        for host in ("evil.example.com", "127.0.0.1.evil.example.com", "evil.example.com:80"):
            assert (await desk.post(token, body, **headers, host=host)).status_code == 421, host
        assert (await desk.post(token, body, **headers, host="localhost:8700")).status_code == 200


async def test_a_body_has_a_limit(desk: Desk) -> None:
    token = await desk.shop.token(READ)
    for version in ("2025-11-25", "2026-07-28"):
        body, headers = a_call(version, "read_note", {"text": "가" * 100_000})
        answer = await desk.post(token, json.dumps(body, ensure_ascii=False).encode(), **headers)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "TOO_LARGE"
    body, headers = a_call("2025-11-25", "read_note", {"text": "가" * 80_000})
    fits = await desk.post(token, json.dumps(body, ensure_ascii=False).encode(), **headers)
    assert fits.json()["result"]["structuredContent"]["code"] == "INVALID_PARAMS"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS"])
async def test_only_posts_come_in(desk: Desk, method: str) -> None:
    headers = {"authorization": f"Bearer {await desk.shop.token(READ)}", "accept": "text/event-stream"}
    answer = await desk.shop.http.request(method, "/mcp", headers=headers)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["error"]["data"]["code"] == "METHOD_NOT_ALLOWED"
    assert (await desk.shop.http.request(method, "/mcp")).status_code == 401


async def test_the_door_is_at_exactly_one_address(desk: Desk) -> None:
    body, headers = a_request("2025-11-25", "tools/list")
    sent = {**headers, "authorization": f"Bearer {await desk.shop.token(READ)}"}
    for path in ("/mcp/", "/mcp/x", "/MCP"):
        assert (await desk.shop.http.post(path, json=body, headers=sent)).status_code == 404, path


async def test_an_answer_has_the_frame_of_every_other(desk: Desk) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for version in ("2025-11-25", "2026-07-28"):
        body, headers = a_call(version, "read_note", {})
        parent = f"00-{trace}-00f067aa0ba902b7-01"
        answer = await desk.post(await desk.shop.token(READ), body, **headers, traceparent=parent)
        assert answer.headers["x-trace-id"] == trace
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["result"]["_meta"]["sangdam/trace_id"] == trace
        assert (await desk.audit())[-1]["trace_id"] == trace


async def test_english_is_for_who_asks_for_it(desk: Desk) -> None:
    body, headers = a_call("2025-11-25", "lookup_order", {"order_id": SHIRT})
    answer = await desk.post(await desk.shop.token(READ), body, **headers, accept_language="en-US,en;q=0.9")
    assert "Pass session_id and customer_verification_token" in answer.json()["result"]["structuredContent"]["message"]


async def test_the_inside_of_a_failure_stays_inside() -> None:
    async def broken(_: Any) -> None:
        raise RuntimeError("password=hunter2 at 010-1234-5678")

    class Asked:
        method = "tools/list"

    with pytest.raises(MCPError) as failed:
        await guarded(Asked(), broken)  # pyright: ignore[reportArgumentType]
    assert failed.value.error.code == -32603
    assert "hunter2" not in str(failed.value.error)


async def test_without_the_door_there_is_nothing(addresses: Addresses) -> None:
    async with opened(Settings.load({"SANGDAM_PROFILE": "test"}), addresses.app, pool=2) as product:
        site = product.web(doors=frozenset({"http"}))
        transport = httpx2.ASGITransport(app=site)  # pyright: ignore[reportArgumentType]
        async with httpx2.AsyncClient(transport=transport, base_url="http://here") as http:
            assert (await http.post("/mcp", json={})).status_code == 404
            assert (await http.get("/.well-known/oauth-protected-resource")).status_code == 404


# Texts ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", REVISIONS)
async def test_a_conversation_may_be_read_with_its_masks(desk: Desk, mode: str) -> None:
    session = await desk.shop.session(opening="안녕하세요, 김하늘이에요. 010-0000-1234예요.")
    await desk.shop.bot_says(session, "두 번째\n말이에요")
    address = f"sangdam://sessions/{session.code}"
    async with desk.client(await desk.shop.token(SESSIONS), mode) as client:
        assert (await client.list_resources()).resources == []
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "sangdam://sessions/{code}"
        (content,) = (await client.read_resource(address)).contents
        assert isinstance(content, types.TextResourceContents)
        for nothing in (
            "sangdam://sessions/S-AAAAAA",
            "sangdam://articles/refund",
            "file:///etc/passwd",
            address + "/x",
            "sangdam://sessions/",
        ):
            with pytest.raises(MCPError, match="not found"):
                await client.read_resource(nothing)
    assert content.mime_type == "text/plain"
    head, first, second = content.text.splitlines()
    assert head.startswith(f"{session.code} (widget, ")
    assert first.startswith("1 2026-11-23T11:00:00+09:00 bot: 안녕하세요")
    assert "010-****-1234" in first
    assert "0000-1234" not in content.text
    assert second.endswith("bot: 두 번째 ⏎ 말이에요")
    async with desk.client(await desk.shop.token(READ, WRITE), mode) as client:
        assert (await client.list_resource_templates()).resource_templates == []
        with pytest.raises(MCPError, match="not found"):
            await client.read_resource(address)


async def test_of_a_long_conversation_the_latest_is_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sangdam.web.mcp.resources.LATEST", 3)
    monkeypatch.setattr("sangdam.web.mcp.resources._PAGE", 2)
    session = await desk.shop.session()
    for number in range(2, 7):
        await desk.shop.bot_says(session, f"말 {number}")
    async with desk.client(await desk.shop.token(SESSIONS)) as client:
        (content,) = (await client.read_resource(f"sangdam://sessions/{session.code}")).contents
    assert isinstance(content, types.TextResourceContents)
    assert [line.split(" ")[0] for line in content.text.splitlines()[1:]] == ["(1-3:", "4", "5", "6"]


async def test_another_shelf_is_read_like_the_first(desk: Desk) -> None:
    async def read(org: Any, slug: str) -> str | None:
        return "환불은 사흘 안에 돼요." if (org, slug) == (desk.shop.org, "환불 안내") else None

    shelves = Shelves(
        [Shelf("articles", "sangdam://articles/{slug}", "안내문", "What the shop wrote.", Scope.KB_READ, read)]
    )
    secret = await desk.shop.token("kb:read")
    token = await desk.shop.product.tokens.find(secret)
    other = await desk.shop.product.tokens.find(await desk.shop.token(READ))
    assert token is not None
    assert other is not None
    found = await shelves.read(token, "sangdam://articles/%ED%99%98%EB%B6%88%20%EC%95%88%EB%82%B4")
    assert found is not None
    assert found[1] == "환불은 사흘 안에 돼요."
    assert await shelves.read(token, "sangdam://articles/other") is None
    assert await shelves.read(other, "sangdam://articles/%ED%99%98%EB%B6%88%20%EC%95%88%EB%82%B4") is None
    assert [shelf.name for shelf in shelves.open_to(token)] == ["articles"]
    assert shelves.open_to(other) == ()


async def test_nobody_personal_is_in_the_logs(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    session = await desk.shop.session()
    async with desk.client(await desk.shop.token(READ, WRITE)) as client:
        proof = await verified(client, session)
        await client.call_tool("lookup_order", {"order_id": SHIRT, **proof})
        await client.call_tool("no_such_tool", {"phone": "010-0000-1234", "name": "김하늘"})
    said = "".join(capfd.readouterr())
    for personal in ("김하늘", "0000-1234", "01000001234", proof["customer_verification_token"], EMAIL):
        assert personal not in said
