"""What every Admin call passes: token, version, bucket, scope, envelope, paging and filters."""

from typing import Any

import pytest

from cafe24_sandbox import SandboxConfig
from cafe24_sandbox.tokens import SCOPES
from tests.sandbox.box import ADMIN, DAY, Box, open_box


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer wrong", "Basic abc"])
async def test_a_call_without_a_good_token_is_a_401(box: Box, header: str | None) -> None:
    answer = await box.client.get(f"{ADMIN}/orders", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == 401


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/orders", "mall.read_order"),
        ("PUT", "/orders", "mall.write_order"),
        ("GET", "/boards", "mall.read_community"),
        ("GET", "/customers?member_id=haneul01", "mall.read_customer"),
        ("GET", "/customersprivacy", "mall.read_privacy"),
        ("GET", "/products", "mall.read_product"),
        ("GET", "/suppliers", "mall.read_supply"),
        ("GET", "/shipping", "mall.read_shipping"),
        ("GET", "/carriers", "mall.read_shipping"),
        ("GET", "/store", "mall.read_store"),
        ("GET", "/sms/balance", "mall.read_notification"),
        ("GET", "/webhooks/logs", "mall.read_application"),
    ],
)
async def test_each_resource_wants_its_own_scope(box: Box, method: str, path: str, scope: str) -> None:
    without = str(box.sandbox.issue_tokens(scopes=tuple(SCOPES - {scope}))["access_token"])
    refused = await box.call(method, path, token=without)
    assert refused.status_code == 403
    assert "insufficient_scope" in refused.json()["error"]["message"]
    alone = str(box.sandbox.issue_tokens(scopes=(scope,))["access_token"])
    assert (await box.call(method, path, token=alone)).status_code in {200, 400}


async def test_unknown_paths_and_methods_are_told_alike(box: Box) -> None:
    for method, path in (("GET", "/nothing"), ("DELETE", "/orders"), ("GET", "/")):
        answer = await box.call(method, path)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == "No API found"
    assert (await box.client.get("/malls/othermall/api/v2/admin/orders")).status_code == 404


async def test_restricted_calls_are_refused(box: Box) -> None:
    assert (await box.call("GET", "/orders/changes")).status_code == 403
    assert (await box.call("POST", "/fulfillments", {"requests": []})).status_code == 403


async def test_a_version_that_is_gone_offers_a_living_one(box: Box) -> None:
    answer = await box.call("GET", "/boards", headers={"X-Cafe24-Api-Version": "2019-01-01"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "2019-01-01 version you requested is not available. The default value for the app version is 2026-03-01."
    )
    assert (await box.call("GET", "/boards", headers={"X-Cafe24-Api-Version": "2026-03-01"})).status_code == 200


async def test_every_answer_tells_the_level_the_usage_and_a_trace(box: Box) -> None:
    for number, path in ((1, "/boards"), (2, "/nothing"), (3, "/orders/20260101-9999999")):
        headers = (await box.call("GET", path)).headers
        assert headers["x-api-call-limit"] == f"{number}/40"
        assert headers["x-cafe24-call-usage"] == "0.00"
        assert headers["x-cafe24-time-usage"] == "0.00"
        assert headers["x-trace-id"]


async def test_the_bucket_holds_forty_and_drains_two_a_second(box: Box) -> None:
    for number in range(1, 41):
        answer = await box.call("GET", "/boards")
        assert (answer.status_code, answer.headers["x-api-call-limit"]) == (200, f"{number}/40")
    full = await box.call("GET", "/boards")
    assert (full.status_code, full.headers["x-api-call-limit"]) == (429, "40/40")
    box.clock.pass_by(seconds=0.49)
    assert (await box.call("GET", "/boards")).status_code == 429
    box.clock.pass_by(seconds=0.01)
    assert (await box.call("GET", "/boards")).status_code == 200
    box.clock.pass_by(seconds=3)
    assert (await box.call("GET", "/boards")).headers["x-api-call-limit"] == "35/40"


async def test_an_open_bucket_refuses_nobody() -> None:
    box = open_box(SandboxConfig(start_day=DAY, open_bucket=True))
    async with box.client:
        answers = [await box.call("GET", "/boards") for _ in range(60)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-api-call-limit"] for answer in answers} == {"1/40"}


async def test_a_usage_block_lasts_its_seconds(box: Box) -> None:
    await box.control("POST", "bucket", {"usage": 120, "seconds": 32})
    blocked = await box.call("GET", "/boards")
    assert blocked.status_code == 429
    assert blocked.headers["x-cafe24-call-usage"] == "120.00"
    assert blocked.headers["x-cafe24-call-remain"] == "32"
    box.clock.pass_by(seconds=32)
    after = await box.call("GET", "/boards")
    assert after.status_code == 200
    assert "x-cafe24-call-remain" not in after.headers


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"request": {"content": "x"}}', "text/plain", 400),
        (b"{not json", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"content": "x"}', "application/json", 400),
        (b'{"requests": [{"content": "x"}]}', "application/json", 422),
        (b'{"request": "x"}', "application/json", 422),
        (b'{"shop_no": 1, "request": {"content": "x"}}', "application/json; charset=utf-8", 201),
    ],
)
async def test_a_body_stands_in_its_envelope(box: Box, content: bytes, kind: str, status: int) -> None:
    order = box.cast.order("김하늘", "preparing")
    answer = await box.client.post(
        f"{ADMIN}/orders/{order}/memos",
        content=content,
        headers={"Content-Type": kind, "Authorization": f"Bearer {box.token}"},
    )
    assert answer.status_code == status
    if status >= 400:
        assert answer.json()["error"]["code"] == status


@pytest.mark.parametrize(("many", "status"), [(10, 201), (11, 422)])
async def test_a_call_takes_so_many_objects_and_no_more(box: Box, many: int, status: int) -> None:
    post = {"writer": "나", "title": "물어봐요", "content": "<p>네</p>", "client_ip": "203.0.113.0"}
    assert (await box.call("POST", "/boards/6/articles", {"requests": [post] * many})).status_code == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=1000", 200),
        ("limit=1001", 422),
        ("limit=0", 422),
        ("limit=many", 422),
        ("offset=15000", 200),
        ("offset=15001", 422),
        ("start_date=2025-12-14&end_date=2026-03-14", 200),
        ("start_date=2025-12-13&end_date=2026-03-14", 422),
        ("start_date=2026-03-14", 422),
        ("end_date=2026-03-14", 422),
        ("start_date=2026-03-14&end_date=2026-03-13", 422),
        ("start_date=yesterday&end_date=2026-03-13", 422),
        ("order_status=N99", 422),
        ("date_type=birthday&start_date=2026-03-01&end_date=2026-03-02", 422),
        ("member_type=9", 422),
        ("payment_status=X", 422),
        ("no_such_filter=1", 200),
        ("shop_no=1", 200),
        ("shop_no=2", 404),
    ],
)
async def test_filters_are_checked_and_unknown_ones_passed_over(box: Box, query: str, status: int) -> None:
    assert (await box.call("GET", f"/orders?{query}")).status_code == status


async def test_a_hundred_filter_values_fit(box: Box) -> None:
    hundred = ",".join(f"20260101-{n:07d}" for n in range(100))
    assert (await box.call("GET", f"/orders?order_id={hundred}")).status_code == 200
    assert (await box.call("GET", f"/orders?order_id={hundred},20260101-0000100")).status_code == 422


async def test_pages_are_disjoint_whole_and_linked(box: Box) -> None:
    window = "start_date=2025-12-20&end_date=2026-03-14"
    total = (await box.get(f"/orders/count?{window}"))["count"]
    seen: list[str] = []
    for offset in range(0, total, 100):
        page: Any = await box.get(f"/orders?{window}&limit=100&offset={offset}")
        seen += [o["order_id"] for o in page["orders"]]
        rels = {link["rel"] for link in page["links"]}
        assert ("prev" in rels) == (offset > 0)
        assert ("next" in rels) == (offset + 100 < total)
    assert len(seen) == len(set(seen)) == total > 100
    dates = [(await box.get(f"/orders?{window}&limit=50"))["orders"][n]["order_date"] for n in (0, 49)]
    assert dates[0] > dates[1]


async def test_fields_keep_the_named_keys(box: Box) -> None:
    page = await box.get("/orders?limit=2&fields=order_id,paid")
    assert [set(o) for o in page["orders"]] == [{"order_id", "paid"}] * 2
    assert set((await box.get("/products/101?fields=price"))["product"]) == {"price"}


async def test_a_mall_is_also_reached_by_its_host(box: Box) -> None:
    answer = await box.client.get(
        "/api/v2/admin/orders?limit=1",
        headers={"Host": "sandboxmall.cafe24api.com", "Authorization": f"Bearer {box.token}"},
    )
    assert answer.status_code == 200
    assert answer.json()["links"][0]["href"].startswith("https://sandboxmall.cafe24api.com/api/v2/admin/orders?")


async def test_one_mall_knows_nothing_of_another() -> None:
    box = open_box(SandboxConfig(start_day=DAY, malls=("first", "second")))
    async with box.client:
        headers = {"Authorization": f"Bearer {box.token}"}
        assert (await box.client.get("/malls/first/api/v2/admin/boards", headers=headers)).status_code == 200
        assert (await box.client.get("/malls/second/api/v2/admin/boards", headers=headers)).status_code == 401
