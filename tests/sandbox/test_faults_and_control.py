"""Failures on demand, the controls, the webhooks, and one real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import uvicorn

from cafe24_sandbox import Sandbox, SandboxConfig
from cafe24_sandbox.webhooks import Deliveries
from tests.sandbox.box import ADMIN, DAY, Box, Clock

SMS = {"to": "01000001234", "from": "0200000001", "text": "안내", "type": "SMS"}


@pytest.mark.parametrize(
    ("rule", "status", "begins"),
    [
        ({"kind": "status", "status": 503}, 503, b'{"error"'),
        ({"kind": "status", "status": 409, "body": {"error": {"code": 409}}}, 409, b'{"error":{"code":409}}'),
        ({"kind": "status", "status": 500, "body": "oops"}, 500, b"oops"),
        ({"kind": "html", "status": 502}, 502, b"<!doctype html>"),
        ({"kind": "html"}, 200, b"<!doctype html>"),
        ({"kind": "empty"}, 200, b""),
        ({"kind": "wrong_json"}, 200, b'{"unexpected"'),
        ({"kind": "malformed"}, 200, b'{"boards":['),
    ],
)
async def test_a_rule_spoils_the_calls_it_matches_as_often_as_told(
    box: Box, rule: dict[str, object], status: int, begins: bytes
) -> None:
    await box.control("POST", "faults", {**rule, "count": 1, "match": {"method": "GET", "path": "/boards$"}})
    assert (await box.call("GET", "/carriers")).status_code == 200
    struck = await box.call("GET", "/boards")
    assert struck.status_code == status
    assert struck.content.startswith(begins)
    if rule["kind"] == "malformed":
        with pytest.raises(ValueError):
            struck.json()
    assert (await box.call("GET", "/boards")).json()["boards"]
    assert (await box.control("GET", "faults"))["faults"][0]["hits"] == 1


async def test_rules_are_listed_and_taken_away(box: Box) -> None:
    added = await box.control("POST", "faults", [{"kind": "status"}, {"kind": "empty"}])
    assert [f["kind"] for f in added["faults"]] == ["status", "empty"]
    assert (await box.call("GET", "/boards")).status_code == 500
    left = await box.control("DELETE", f"faults?id={added['faults'][0]['id']}")
    assert [f["kind"] for f in left["faults"]] == ["empty"]
    assert (await box.control("DELETE", "faults"))["faults"] == []
    assert (await box.call("GET", "/boards")).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "earthquake"}, {}, {"kind": "status", "status": 99}, {"kind": "status", "match": {"path": "("}},
     {"kind": "status", "probability": 2}, {"kind": "latency", "ms": 120001}],
)  # fmt: skip
async def test_a_wrong_rule_is_refused(box: Box, wrong: dict[str, object]) -> None:
    assert (await box.client.post("/_control/faults", json=wrong)).status_code == 422
    assert box.sandbox.world.faults.rules == []


async def test_a_probability_falls_the_same_way_for_the_same_seed(box: Box) -> None:
    rounds: list[list[int]] = []
    for _ in range(2):
        await box.control("POST", "bucket", {"open": True})
        await box.control("DELETE", "faults")
        await box.control("POST", "faults", {"kind": "status", "probability": 0.5, "seed": 7})
        rounds.append([(await box.call("GET", "/boards")).status_code for _ in range(40)])
    assert rounds[0] == rounds[1]
    assert set(rounds[0]) == {200, 500}


async def test_a_drop_before_leaves_nothing_and_a_drop_after_leaves_the_work(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing")
    memo, path = {"request": {"content": "한 번만"}}, f"/orders/{order_id}/memos"
    for kind, memos in (("drop_before", 0), ("drop_after_commit", 1)):
        await box.control("POST", "faults", {"kind": kind, "count": 1, "match": {"method": "POST"}})
        with pytest.raises(ConnectionResetError):
            await box.call("POST", path, memo)
        assert len((await box.get(path))["memos"]) == memos


async def test_latency_delays_and_goes_on(box: Box) -> None:
    await box.control("POST", "faults", {"kind": "latency", "ms": 60, "count": 1})
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await box.call("GET", "/boards")).status_code == 200
    assert loop.time() - began >= 0.055


async def test_token_faults_expire_and_burn(box: Box) -> None:
    pair = box.sandbox.issue_tokens()
    await box.control("POST", "faults", {"kind": "expire_tokens", "count": 1, "match": {"path": "/boards"}})
    assert (await box.call("GET", "/boards")).status_code == 401
    renewed = await box.ask_token(grant_type="refresh_token", refresh_token=str(pair["refresh_token"]))
    assert renewed.status_code == 200
    await box.control("POST", "faults", {"kind": "burn_tokens", "count": 1, "match": {"path": "oauth/token"}})
    burnt = await box.ask_token(grant_type="refresh_token", refresh_token=renewed.json()["refresh_token"])
    assert burnt.json()["error"] == "invalid_grant"


async def test_revoked_tokens_end_in_both_halves(box: Box) -> None:
    pair = box.sandbox.issue_tokens()
    await box.control("POST", "faults", {"kind": "revoke_tokens", "count": 1})
    assert (await box.call("GET", "/boards")).status_code == 401
    dead = await box.ask_token(grant_type="refresh_token", refresh_token=str(pair["refresh_token"]))
    assert dead.json()["error"] == "invalid_grant"


async def test_a_forgotten_write_answers_as_if_it_were_done(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing")
    before = await box.control("GET", f"state?order_id={order_id}")
    path, moved = f"/orders/{order_id}/receivers/D-{order_id}-00", {"request": {"address2": "7층"}}
    await box.control("POST", "faults", {"kind": "forget", "count": 2})
    told = await box.call("PUT", path, moved)
    assert (told.status_code, told.json()["receiver"]["address2"]) == (200, "7층")
    cancelled = {"request": {"status": "canceled", "items": [{"order_item_code": f"{order_id}-01", "quantity": 1}]}}
    code = (await box.call("POST", f"/orders/{order_id}/cancellation", cancelled)).json()["cancellation"]["claim_code"]
    assert (await box.call("GET", f"/cancellation/{code}")).status_code == 404
    assert await box.control("GET", f"state?order_id={order_id}") == before
    assert (await box.call("PUT", path, moved)).status_code == 200
    assert (await box.order(order_id))["receivers"][0]["address2"] == "7층"


async def test_a_forgotten_post_is_not_on_its_board(box: Box) -> None:
    post = {"writer": "손님", "title": "사라질 글", "content": "내용", "client_ip": "203.0.113.0"}
    for kept in (0, 1):
        if not kept:
            await box.control("POST", "faults", {"kind": "forget", "count": 1, "match": {"method": "POST"}})
        assert (await box.call("POST", "/boards/9/articles", {"requests": [post]})).status_code == 201
        found = await box.get("/boards/9/articles?search=subject&keyword=사라질")
        assert len(found["articles"]) == kept


async def test_an_uninstalled_app_is_refused_until_it_is_connected_again(box: Box) -> None:
    await box.control("POST", "faults", {"kind": "uninstall", "count": 1})
    gone = await box.call("GET", "/boards")
    assert gone.status_code == 403
    assert "deleted" in gone.json()["error"]["message"]
    assert (await box.call("GET", "/carriers")).status_code == 403
    token = (await box.control("POST", "tokens", {}))["access_token"]
    assert (await box.call("GET", "/boards", token=token)).status_code == 200


async def test_an_expired_version_offers_another(box: Box) -> None:
    headers = {"X-Cafe24-Api-Version": "2026-03-01"}
    await box.control("POST", "faults", {"kind": "version_expired", "count": 1})
    refused = await box.call("GET", "/boards", headers=headers)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].endswith("2026-09-01.")
    assert (await box.call("GET", "/boards", headers={"X-Cafe24-Api-Version": "2026-09-01"})).status_code == 200


# -- controls ---------------------------------------------------------------------------------------------------------


async def test_the_state_tells_all_records_or_the_asked_part(box: Box) -> None:
    everything = await box.control("GET", "state")
    assert len(everything["orders"]) >= 1000
    assert {"items", "receivers", "buyer", "shipments"} <= set(everything["orders"][0])
    assert "variants" in everything["products"][0]
    assert {"customers", "articles", "carriers"} <= set(everything)
    order_id = box.cast.order("김하늘", "in_transit")
    one = await box.control("GET", f"state?order_id={order_id}")
    assert [o["order_id"] for o in one["orders"]] == [order_id]
    assert set(await box.control("GET", "state?only=carriers")) == {"mall_id", "start_day", "now", "carriers"}
    assert (await box.client.get("/_control/state?mall=other")).status_code == 404


async def test_an_order_is_moved_on_step_by_step(box: Box) -> None:
    order_id = box.cast.order("김하늘", "awaiting_payment")
    seen: list[str] = []
    for _ in range(6):
        order = (await box.control("POST", f"orders/{order_id}/advance", {}))["order"]
        seen.append(order["items"][0]["order_status"])
        if seen[-1] == "N50":
            break
    assert seen == ["N10", "N20", "N30", "N40", "N50"]
    assert (await box.client.post(f"/_control/orders/{order_id}/advance", json={})).status_code == 422


async def test_ship_deliver_and_status_do_what_they_say(box: Box) -> None:
    order_id = box.cast.order("김하늘", "partial")
    shipped = (await box.control("POST", f"orders/{order_id}/ship", {"tracking_no": "690000000111"}))["order"]
    assert [i["order_status"] for i in shipped["items"]] == ["N30", "N30"]
    delivered = (await box.control("POST", f"orders/{order_id}/deliver", {}))["order"]
    assert [i["order_status"] for i in delivered["items"]] == ["N40", "N40"]
    held = (await box.control("POST", f"orders/{order_id}/status", {"status": "C00"}))["order"]
    assert [i["order_status_before_cs"] for i in held["items"]] == ["N40", "N40"]
    assert (await box.client.post(f"/_control/orders/{order_id}/status", json={"status": "X"})).status_code == 422
    assert (await box.client.post(f"/_control/orders/{order_id}/explode", json={})).status_code == 404


@pytest.mark.parametrize(
    ("part", "row", "status"),
    [
        ("awaiting_payment", {}, "C47"),
        ("awaiting_payment", {"status": "C49"}, "C49"),
        ("preparing_shirt", {}, "C40"),
        ("held", {}, "C40"),
    ],
)
async def test_an_order_that_has_not_left_is_cancelled(
    box: Box, part: str, row: dict[str, object], status: str
) -> None:
    order_id = box.cast.order("김하늘", part)
    order = (await box.control("POST", f"orders/{order_id}/cancel", row))["order"]
    assert [i["order_status"] for i in order["items"]] == [status]
    assert order["canceled"] == "T"
    assert [r["status"] for r in order["refunds"]] == (["T"] if status == "C40" else [])


async def test_what_has_left_is_not_cancelled(box: Box) -> None:
    path = f"/_control/orders/{box.cast.order('김하늘', 'in_transit')}/cancel"
    assert (await box.client.post(path, json={})).status_code == 422


async def test_a_claim_is_asked_for_taken_in_and_finished(box: Box) -> None:
    order_id = box.cast.order("이서준", "only")
    seen: list[str] = []
    for status in ("requested", "accepted", "processing", "returned"):
        row = {"kind": "return", "status": status, "reason_type": "K", "reason": "바느질이 풀렸어요"}
        order = (await box.control("POST", f"orders/{order_id}/claim", row))["order"]
        seen.append(order["items"][0]["order_status"])
    assert seen == ["R00", "R10", "R30", "R41"]
    assert len(order["return"]) == 1
    assert order["return"][0]["claim_reason"] == "바느질이 풀렸어요"


async def test_a_new_order_arrives_and_takes_its_goods(box: Box) -> None:
    stock = (await box.get("/products/132/variants"))["variants"][0]["quantity"]
    items = [{"product_no": 132, "quantity": 2}, {"product_no": 101, "variant_code": "P000003XAAAA"}]
    assert (
        await box.client.post("/_control/orders", json={"member_id": "haneul01", "items": items})
    ).status_code == 404
    made = (await box.control("POST", "orders", {"member_id": "haneul01", "items": items[:1]}))["order"]
    assert (made["paid"], made["items"][0]["order_status"]) == ("T", "N10")
    assert made["order_date"] == made["payment_date"] == "2026-03-14T12:00:00+09:00"
    assert (await box.order(made["order_id"]))["buyer"]["cellphone"] == "010-0000-1234"
    assert (await box.get("/products/132/variants"))["variants"][0]["quantity"] == stock - 2
    guest = {"name": "손님", "phone": "010-0000-4444", "payment": "bank", "items": items[:1]}
    unpaid = (await box.control("POST", "orders", guest))["order"]
    assert (unpaid["paid"], unpaid["items"][0]["order_status"], unpaid["member_id"]) == ("F", "N00", "")
    assert (await box.get("/products/132/variants"))["variants"][0]["quantity"] == stock - 2
    await box.control("POST", f"orders/{unpaid['order_id']}/advance")
    assert (await box.get("/products/132/variants"))["variants"][0]["quantity"] == stock - 4


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({}, 422),
        ({"items": [{"product_no": 132}]}, 422),
        ({"member_id": "nobody", "items": [{"product_no": 132}]}, 404),
        ({"member_id": "haneul01", "items": [{"product_no": 1}]}, 404),
        ({"member_id": "haneul01", "items": [{"product_no": 132, "quantity": 100}]}, 422),
    ],
)
async def test_a_new_order_needs_a_buyer_and_goods(box: Box, wrong: dict[str, object], status: int) -> None:
    count = len(box.sandbox.mall().orders)
    assert (await box.client.post("/_control/orders", json=wrong)).status_code == status
    assert len(box.sandbox.mall().orders) == count


async def test_time_moves_tokens_and_unpaid_orders(box: Box) -> None:
    order_id = box.cast.order("김하늘", "awaiting_payment")
    moved = await box.control("POST", "clock", {"advance_seconds": 4 * 86400})
    assert moved["now"] == "2026-03-18T12:00:00+09:00"
    assert order_id in moved["auto_cancelled"]
    assert (await box.call("GET", "/boards")).status_code == 401
    state = await box.control("GET", f"state?order_id={order_id}")
    assert state["orders"][0]["items"][0]["order_status"] == "C48"
    stopped = await box.control("POST", "clock", {"at": "2026-03-20T09:00:00+09:00", "freeze": True})
    box.clock.pass_by(hours=1)
    assert (await box.control("POST", "clock", {}))["now"] == stopped["now"]
    assert (await box.control("POST", "clock", {"reset": True}))["now"] == "2026-03-14T13:00:00+09:00"
    assert (await box.client.post("/_control/clock", json={"at": "soon"})).status_code == 422


async def test_stock_crosses_its_edge_and_a_reset_brings_all_back(box: Box) -> None:
    product = (await box.control("POST", "products/105/stock", {"quantity": 3}))["product"]
    assert product["sold_out"] == "F"
    order_id = box.cast.order("김하늘", "preparing")
    await box.control("POST", f"orders/{order_id}/status", {"status": "N40"})
    await box.send_sms(SMS)
    await box.control("POST", "faults", {"kind": "status"})
    await box.control("POST", "reset", {"keep_tokens": True})
    assert (await box.get("/products/105"))["product"]["sold_out"] == "T"
    assert (await box.order(order_id))["items"][0]["order_status"] == "N10"
    assert box.sandbox.inbox == []
    await box.control("POST", "reset", {})
    assert (await box.call("GET", "/boards")).status_code == 401


async def test_calls_are_counted_by_path(box: Box) -> None:
    for _ in range(3):
        await box.call("GET", "/boards?limit=1")
    await box.call("GET", "/carriers")
    told = await box.control("GET", "calls")
    assert told["by_path"] == {f"GET {ADMIN}/boards": 3, f"GET {ADMIN}/carriers": 1}
    assert told["recent"][0]["path"] == f"{ADMIN}/carriers"
    assert (await box.control("GET", "calls?path=boards"))["total"] == 3
    assert (await box.control("DELETE", "calls"))["total"] == 0


async def test_the_control_page_runs_no_script_of_its_own(box: Box) -> None:
    page = await box.client.get("/_control")
    assert page.status_code == 200
    assert "연습용 쇼핑몰 조종판" in page.text
    assert "onclick" not in page.text
    assert page.text.count("<script") == 1
    assert "'unsafe-inline'" not in page.headers["content-security-policy"]
    for name in ("sandbox.css", "control.js", "inbox.js"):
        assert (await box.client.get(f"/_static/{name}")).status_code == 200
    for name in ("nothing.css", "../app.py", "%2e%2e/app.py"):
        assert (await box.client.get(f"/_static/{name}")).status_code == 404
    shoppers = (await box.control("GET", "cast"))["shoppers"]
    assert shoppers[0]["orders"]["in_transit"] == box.cast.order("김하늘", "in_transit")
    found = await box.control("GET", "orders?find=010-0000-5678")
    assert [o["buyer"] for o in found["orders"]] == ["이서준"]
    assert (await box.client.get("/_control/nothing")).status_code == 404
    assert (await box.client.post("/_control/clock", content=b"{")).status_code == 400


@pytest.mark.parametrize(
    ("origin", "status"), [(None, 200), ("http://sandbox.test", 200), ("https://evil.example.com", 403), ("null", 403)]
)
async def test_a_page_of_another_origin_may_not_steer(box: Box, origin: str | None, status: int) -> None:
    answer = await box.client.post("/_control/clock", json={}, headers={"Origin": origin} if origin else {})
    assert answer.status_code == status


def test_a_caller_in_the_same_process_needs_no_http() -> None:
    sandbox = Sandbox(SandboxConfig(start_day=DAY, clock=Clock()))
    pair = sandbox.issue_tokens("sandboxmall")
    assert {"access_token", "refresh_token", "expires_at", "scopes", "mall_id"} <= set(pair)
    order: Any = sandbox.move_order("20260313-0000012", "deliver")
    assert order["items"][0]["order_status"] == "N40"
    assert sandbox.add_fault(kind="latency", ms=1)["kind"] == "latency"
    assert sandbox.state(only=["carriers"])["carriers"]
    sandbox.reset(seed=2)
    assert sandbox.world.faults.rules == []


# -- webhooks and a real server ---------------------------------------------------------------------------------------


class Ear:
    """A small server that keeps what it is told; answers each with the next of `statuses`, then 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.heard: list[tuple[dict[str, str], Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.heard.append((headers, json.loads(body)))
        status = self.statuses.pop(0) if self.statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


class Told(uvicorn.Server):
    """A server that says when it is up."""

    def __init__(self, app: Any) -> None:
        super().__init__(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
        self.up = asyncio.Event()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """A real server on a port of its own."""
    server = Told(app)
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        await server.up.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        async with asyncio.timeout(20):
            await running


async def settled(deliveries: Deliveries) -> None:
    async with asyncio.timeout(20):
        await deliveries.settle()


async def test_webhooks_tell_events_with_their_key_and_are_logged(box: Box) -> None:
    ear = Ear(500)
    async with served(ear) as url:
        await box.control("POST", "webhooks", {"url": url, "key": "fixed-key"})
        order_id = box.cast.order("김하늘", "preparing_shirt")
        await box.call("PUT", f"/orders/{order_id}", {"request": {"process_status": "prepare"}})
        await settled(box.sandbox.deliveries)
        await box.control("POST", "products/105/stock", {"quantity": 3})
        await box.call("GET", "/boards")
        await settled(box.sandbox.deliveries)
    first, again, *stock = ear.heard
    assert first[0]["x-api-key"] == "fixed-key"
    assert first[0]["x-trace-id"] == again[0]["x-trace-id"]
    assert first[1]["event_no"] == 90024
    assert first[1]["resource"]["order_id"] == order_id
    assert first[1]["resource"]["event_shop_no"] == "1"
    assert {body["event_no"] for _, body in stock} == {90075, 90150}
    logs = (await box.get("/webhooks/logs?limit=100"))["logs"]
    assert [(r["success"], r["log_type"]) for r in logs][:2] == [("F", "G"), ("T", "R")]
    assert [r["event_no"] for r in (await box.get("/webhooks/logs?success=F"))["logs"]] == [90024]


async def test_webhooks_may_arrive_twice(box: Box) -> None:
    ear = Ear()
    async with served(ear) as url:
        await box.control("POST", "webhooks", {"url": url, "duplicate": True})
        await box.call("GET", "/boards")
        await box.control("POST", "faults", {"kind": "uninstall", "count": 1})
        await box.call("GET", "/boards")
        await settled(box.sandbox.deliveries)
    assert [body["event_no"] for _, body in ear.heard] == [90077, 90077]
    assert len({headers["x-trace-id"] for headers, _ in ear.heard}) == 1
    assert "event_shop_no" not in ear.heard[0][1]["resource"]


async def test_a_lost_webhook_stands_in_the_log_as_failed(box: Box) -> None:
    ear = Ear()
    async with served(ear) as url:
        await box.control("POST", "webhooks", {"url": url, "drop": True})
        await box.control("POST", f"orders/{box.cast.order('김하늘', 'preparing_shirt')}/advance")
        await settled(box.sandbox.deliveries)
    assert ear.heard == []
    logs = (await box.get("/webhooks/logs?success=F&limit=100"))["logs"]
    assert [(r["event_no"], r["response_http_code"]) for r in logs] == [(90024, 0)]


async def test_webhooks_may_arrive_in_turned_order(box: Box) -> None:
    ear = Ear()
    async with served(ear) as url:
        await box.control("POST", "webhooks", {"url": url, "reorder": True})
        order_id = box.cast.order("김하늘", "preparing_shirt")
        await box.control("POST", f"orders/{order_id}/advance")
        await box.control("POST", f"orders/{order_id}/advance")
        await settled(box.sandbox.deliveries)
    assert [body["resource"]["shipping_status"] for _, body in ear.heard] == ["M", "F"]


async def test_the_same_seed_loses_the_same_webhooks(box: Box) -> None:
    rounds: list[list[str]] = []
    order_ids = [box.cast.order("정예린", f"n{n:02d}") for n in range(1, 13)]
    for _ in range(2):
        ear = Ear()
        async with served(ear) as url:
            await box.control(
                "POST", "webhooks", {"url": url, "drop": 0.4, "duplicate": 0.3, "reorder": 0.2, "seed": 5}
            )
            for order_id in order_ids:
                await box.control("POST", f"orders/{order_id}/status", {"status": "N40"})
                await settled(box.sandbox.deliveries)
        rounds.append([body["resource"]["order_id"] for _, body in ear.heard])
    assert rounds[0] == rounds[1]
    assert 0 < len(set(rounds[0])) < len(order_ids)
    assert len(rounds[0]) > len(set(rounds[0]))


@pytest.mark.parametrize("chance", [-0.1, 1.1, "much"])
async def test_a_chance_lies_between_never_and_always(box: Box, chance: object) -> None:
    assert (await box.client.post("/_control/webhooks", json={"drop": chance})).status_code == 422


async def test_a_real_server_serves_drops_and_holds_connections() -> None:
    sandbox = Sandbox(SandboxConfig(start_day=DAY))
    headers = {"Authorization": f"Bearer {sandbox.issue_tokens()['access_token']}"}
    async with served(sandbox.app) as url, httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        answer = await client.get(f"{ADMIN}/orders?limit=1&order_id=20260313-0000012")
        assert answer.json()["orders"][0]["order_id"] == "20260313-0000012"
        await client.post("/_control/faults", json={"kind": "drop_before", "count": 1})
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(f"{ADMIN}/boards")
        await client.post("/_control/faults", json={"kind": "timeout", "count": 1})
        with pytest.raises(httpx2.ReadTimeout):
            await client.get(f"{ADMIN}/boards", timeout=0.2)
        assert (await client.get(f"{ADMIN}/boards")).status_code == 200
        assert (await client.get("/")).headers["location"] == "/_control"
