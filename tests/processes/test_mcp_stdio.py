"""`sangdam mcp` as programs start it: a process that speaks MCP on its standard input and output."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters, types

from sangdam.app import opened
from sangdam.core.ids import new_trace_id
from sangdam.db.testing import Addresses
from sangdam.orgs.model import Member, Role
from sangdam.settings import Settings
from tests.doors.mcp_desk import (
    CANCEL,
    DECLINE,
    HANDSHAKE,
    NOTHING_SAID,
    READ,
    REVISIONS,
    SESSIONS,
    WRITE,
    YES,
    Desk,
    Person,
    a_desk,
    a_key,
    done,
    refused,
)
from tests.doors.test_mcp import a_call
from tests.processes.running import PATIENCE, SANGDAM, free_ports, until
from tests.processes.shop import Shop, settings


@pytest.fixture
async def desk(addresses: Addresses) -> AsyncIterator[Desk]:
    """A server in this process; the bridge is in its own."""
    async with a_desk(addresses) as opened_desk:
        yield opened_desk


def environment(token: str | None, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return {**kept, **({"SANGDAM_API_TOKEN": token} if token is not None else {}), **more}


def bridge(url: str, token: str, *arguments: str) -> StdioServerParameters:
    return StdioServerParameters(command=str(SANGDAM), args=["mcp", "--url", url, *arguments], env=environment(token))


# Through it -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", REVISIONS)
async def test_tools_and_texts_come_through(desk: Desk, mode: str) -> None:
    session = await desk.shop.session()
    token = await desk.shop.token(READ, WRITE, SESSIONS)
    async with Client(bridge(desk.shop.base, token), mode=mode) as client:
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.title) == ("sangdam", "상담")
        assert client.instructions is not None
        assert "idempotency_key" in client.instructions
        listed = [tool.name for tool in (await client.list_tools()).tools]
        async with desk.client(token, mode) as direct:
            assert listed == [tool.name for tool in (await direct.list_tools()).tools]
        asked = {"text": "가", "idempotency_key": a_key()}
        assert done(await client.call_tool("write_note", asked)) == {"text": "가", "number": 1}
        assert done(await client.call_tool("write_note", asked)) == {"text": "가", "number": 1}
        assert refused(await client.call_tool("no_such_tool", {}))["code"] == "TOOL_NOT_FOUND"
        assert (await client.list_resources()).resources == []
        assert len((await client.list_resource_templates()).resource_templates) == 1
        (content,) = (await client.read_resource(f"sangdam://sessions/{session.code}")).contents
        assert isinstance(content, types.TextResourceContents)
        assert session.code in content.text
        with pytest.raises(MCPError, match="not found"):
            await client.read_resource("sangdam://sessions/S-AAAAAA")
    assert desk.notes.written == ["가"]


@pytest.mark.parametrize("mode", REVISIONS)
async def test_a_person_in_front_of_the_client_says_yes(desk: Desk, mode: str) -> None:
    person = Person(YES)
    token = await desk.shop.token(WRITE, operated_by_person=True)
    async with Client(bridge(desk.shop.base, token), mode=mode, elicitation_callback=person) as client:
        assert done(await client.call_tool("change_note", {"text": "가", "idempotency_key": a_key()}))
    (question,) = person.asked
    assert "바뀐 뒤:\n  내용: 가" in question.message
    assert desk.notes.written == ["가"]


@pytest.mark.parametrize("mode", REVISIONS)
@pytest.mark.parametrize(("said", "state"), [(DECLINE, "void"), (CANCEL, "proposed"), (NOTHING_SAID, "proposed")])
async def test_anything_but_a_yes_runs_nothing(desk: Desk, mode: str, said: types.ElicitResult, state: str) -> None:
    token = await desk.shop.token(WRITE, operated_by_person=True)
    async with Client(bridge(desk.shop.base, token), mode=mode, elicitation_callback=Person(said)) as client:
        told = refused(await client.call_tool("change_note", {"text": "가", "idempotency_key": a_key()}))
    assert told["code"] == "NEEDS_CONFIRMATION"
    assert desk.notes.written == []
    assert [effect["state"] for effect in await desk.effects()] == [state]


async def test_a_person_who_does_not_answer_in_time_lets_nothing_run(desk: Desk) -> None:
    async def never() -> types.ElicitResult:
        await asyncio.Event().wait()
        return YES

    token = await desk.shop.token(WRITE, operated_by_person=True)
    process = bridge(desk.shop.base, token, "--ask-seconds", "1")
    async with Client(process, mode=HANDSHAKE, elicitation_callback=Person(never)) as client:
        told = refused(await client.call_tool("change_note", {"text": "가", "idempotency_key": a_key()}))
        assert told["confirmation"]["approve_at"]
        assert (await desk.approve(told["effect_id"])).status_code == 200
    assert desk.notes.written == []


@pytest.mark.parametrize("operated", [True, False])
async def test_who_cannot_be_asked_is_sent_to_the_console(desk: Desk, operated: bool) -> None:
    """A token that nobody operates is never asked; a client that declares no elicitation cannot be."""
    person = Person(YES)
    more: dict[str, Any] = {} if operated else {"elicitation_callback": person}
    token = await desk.shop.token(WRITE, operated_by_person=operated)
    asked = {"text": "가", "idempotency_key": a_key()}
    async with Client(bridge(desk.shop.base, token), mode=HANDSHAKE, **more) as client:
        waiting = refused(await client.call_tool("change_note", asked))
        assert person.asked == []
        assert (await desk.approve(waiting["effect_id"])).status_code == 200
        digest = waiting["confirmation"]["digest"]
        assert done(await client.call_tool("change_note", {**asked, "confirmation_digest": digest}))
    assert desk.notes.written == ["가"]


async def test_a_token_that_ends_is_told_and_the_bridge_stays(desk: Desk) -> None:
    made, secret = await desk.shop.product.tokens.issue(
        desk.shop.owner, name="t", scopes=[READ], acts_as="on_behalf", lasts=timedelta(days=1), trace_id=new_trace_id()
    )  # fmt: skip
    async with Client(bridge(desk.shop.base, secret), mode=HANDSHAKE) as client:
        assert done(await client.call_tool("read_note", {}))
        await desk.shop.product.tokens.revoke(desk.shop.owner, made, trace_id=new_trace_id())
        for _ in range(2):
            with pytest.raises(MCPError) as refusal:
                await client.call_tool("read_note", {})
            assert refusal.value.error.code == -32010


# The process ----------------------------------------------------------------------------------------------------------


class Process:
    """The bridge without the SDK: lines in, lines out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def send(self, line: bytes | Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        await self.process.stdin.drain()

    async def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.process.stdout.readline())

    async def greeted(self) -> None:
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        await self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        assert (await self.answer())["result"]["protocolVersion"] == "2025-11-25"
        await self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def ended(self) -> tuple[int, str, str]:
        """With nothing more to read: exit code, and what was left on its output and on its errors."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            out, err = await self.process.communicate()
            return await self.process.wait(), out.decode(), err.decode()


@asynccontextmanager
async def bridged(
    *arguments: str, token: str | None, folder: Path | None = None, **more: str
) -> AsyncIterator[Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        SANGDAM, "mcp", *arguments, cwd=folder, env=environment(token, **more), stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_ends_with_its_input(desk: Desk) -> None:
    async with bridged("--url", desk.shop.base, token=await desk.shop.token(READ)) as process:
        await process.greeted()
        assert await process.ended() == (0, "", "")


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_at_a_signal(desk: Desk, sign: signal.Signals) -> None:
    async with bridged("--url", desk.shop.base, token=await desk.shop.token(READ)) as process:
        await process.greeted()
        process.process.send_signal(sign)
        await asyncio.wait_for(process.process.wait(), PATIENCE)
        assert await process.ended() == (0, "", "")


async def test_it_ends_at_a_signal_while_a_call_runs(desk: Desk) -> None:
    desk.notes.hold = asyncio.Event()
    async with bridged("--url", desk.shop.base, token=await desk.shop.token(WRITE)) as process:
        await process.greeted()
        body, _ = a_call("2025-11-25", "write_note", {"text": "가", "idempotency_key": a_key()})
        await process.send(body)

        async def held() -> bool:
            return desk.notes.held == 1

        await until(held)
        process.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.process.wait(), PATIENCE) == 0
    desk.notes.hold.set()
    await desk.shop.product.gate.drain()
    assert desk.notes.written == ["가"], "what began is finished and recorded"


async def test_only_messages_leave_by_its_output_and_noise_does_not_end_it(desk: Desk) -> None:
    token = await desk.shop.token(READ)
    async with bridged("--url", desk.shop.base, token=token) as process:
        await process.greeted()
        await process.send(b"this is no message\n")
        await process.send(b'{"jsonrpc": "2.0", "id": 1, "met\n')
        await process.send(b"\xff\xfe\n")
        await process.send(b"x" * (1024 * 1024 + 10) + b"\n")
        await process.send({"jsonrpc": "2.0", "id": 7, "method": "no/such/method"})
        while (answer := await process.answer()).get("id") != 7:
            assert answer["jsonrpc"] == "2.0"
        assert answer["error"]["code"] == -32601
        body, _ = a_call("2025-11-25", "read_note", {})
        await process.send({**body, "id": 8})
        assert (await process.answer())["result"]["structuredContent"] == {"text": "", "number": 0}
        if sys.platform == "linux":
            line = await asyncio.to_thread(Path(f"/proc/{process.process.pid}/cmdline").read_bytes)
            assert token.encode() not in line
        code, out, err = await process.ended()
        assert (code, out) == (0, "")
        assert token not in err


async def test_a_wrong_token_ends_it_with_words(desk: Desk) -> None:
    async with bridged("--url", desk.shop.base, token="sgd_" + "x" * 43) as process:
        code, out, err = await process.ended()
    assert (code, out) == (4, "")
    assert desk.shop.base in err.replace("\n", "")


async def test_without_a_token_or_a_server_it_does_not_start(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_ports()}"
    async with bridged("--url", nobody, token=None, folder=tmp_path) as process:
        code, out, err = await process.ended()
        assert (code, out) == (3, "")
        assert "SANGDAM_API_TOKEN" in err
    async with bridged("--url", nobody, token="sgd_" + "x" * 43) as process:
        code, out, err = await process.ended()
        assert (code, out) == (4, "")
        assert "does not answer" in err
    async with bridged(token="sgd_" + "x" * 43, folder=tmp_path) as process:
        code, out, err = await process.ended()
        assert (code, out) == (3, "")
        assert "demo.json" in err


async def test_without_an_address_it_goes_to_the_running_demo(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / ".sangdam" / "demo"
    folder.mkdir(parents=True)
    described = {"base_url": desk.shop.base, "api_token": await desk.shop.token(READ)}
    (folder / "demo.json").write_text(json.dumps(described), "utf-8")
    async with bridged(token=None, folder=tmp_path) as process:
        await process.greeted()
        body, _ = a_call("2025-11-25", "read_note", {})
        await process.send(body)
        assert (await process.answer())["result"]["structuredContent"]["number"] == 0
    async with bridged(token=None, folder=tmp_path, SANGDAM_URL=desk.shop.base) as process:
        code, _, _ = await process.ended()
        assert code == 3, "the demo's token goes to the demo only"


# A real server --------------------------------------------------------------------------------------------------------


async def a_token(shop: Shop, *scopes: str) -> str:
    async with opened(
        Settings.load(settings(shop.addresses, shop.sandbox, 8700)), shop.addresses.app, pool=2
    ) as product:
        (row,) = await shop.rows("select user_id from a_iam_user_access_maps where org_role = 'owner'")
        owner = Member(row["user_id"], shop.org, Role.OWNER, "대표", "owner@example.com")
        _, secret = await product.tokens.issue(
            owner, name="t", scopes=scopes, acts_as="on_behalf", lasts=timedelta(days=1), trace_id=new_trace_id()
        )  # fmt: skip
    return secret


async def a_session(shop: Shop, base: str, token: str) -> str:
    async with httpx2.AsyncClient(base_url=base, trust_env=False, timeout=PATIENCE) as http:
        body = {"message": "안녕하세요", "client_id": "line-00000001"}
        answer = await http.post("/api/runtime/chat", json=body, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()["session_id"]


async def test_a_shoppers_order_by_way_of_process_server_and_mall(shop: Shop) -> None:
    """A write cut in the middle and sent again acts once; a server that was away is found again by the same bridge."""
    token, port = await a_token(shop, READ, WRITE, "chat:send"), free_ports()
    cast = await shop.sandbox.control("GET", "cast")
    shopper = next(each for each in cast["shoppers"] if each["phone"].replace("-", "") == "01000001234")
    number = next(iter(shopper["orders"].values()))
    async with contextlib.AsyncExitStack() as closing:
        first = await closing.enter_async_context(contextlib.AsyncExitStack())
        served = await first.enter_async_context(shop.served(port))
        session = await a_session(shop, served.base, token)
        client = await closing.enter_async_context(Client(bridge(served.base, token), mode=HANDSHAKE))
        asked = {
            "order_id": number, "orderer_name": shopper["name"], "orderer_phone": shopper["phone"], "session_id": session, "idempotency_key": a_key(),
        }  # fmt: skip
        slow = await shop.sandbox.fault(kind="latency", match={"path": "/orders/"}, ms=1500, count=1)
        cut = asyncio.create_task(client.call_tool("verify_orderer", asked))
        await shop.sandbox.struck(slow)
        cut.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut
        matched = done(await client.call_tool("verify_orderer", asked))
        proof = {"session_id": session, "customer_verification_token": matched["customer_verification_token"]}
        order = done(await client.call_tool("lookup_order", {"order_id": number, **proof}))
        assert order["order"]["order_id"] == number
        (effects,) = await shop.rows("select count(*) as n, max(attempts) as attempts from e_ops_effects where tool_name = 'verify_orderer'")  # fmt: skip
        assert (effects["n"], effects["attempts"]) == (1, 1)
        (rows,) = await shop.rows("select array_agg(status order by chain_seq) as ended from f_audit_mcp_tools where phase = 'closed'")  # fmt: skip
        assert sorted(rows["ended"]) == ["replayed", "success", "success"]

        await first.aclose()
        with pytest.raises(MCPError, match="does not answer"):
            await client.call_tool("lookup_order", {"order_id": number, **proof})
        async with shop.served(port):
            again = done(await client.call_tool("lookup_order", {"order_id": number, **proof}))
            assert again["order"]["order_id"] == number
