"""Requests, claims and refunds, and what they leave behind on the items."""

from typing import Any

import pytest

from tests.sandbox.box import Box


async def statuses(box: Box, order_id: str) -> list[str]:
    return [i["order_status"] for i in (await box.get(f"/orders/{order_id}/items"))["items"]]


def wish(order_id: str, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "order_id": order_id,
        "reason_type": "A",
        "reason": "단순 변심",
        "items": [{"order_item_code": f"{order_id}-01", "quantity": 1}],
        **more,
    }
    return {"requests": [row]}


async def test_a_cancel_request_is_asked_and_refused(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing_shirt")
    assert (await box.call("POST", "/cancellationrequests", wish(order_id))).status_code == 201
    item = (await box.get(f"/orders/{order_id}/items"))["items"][0]
    assert (item["order_status"], item["order_status_before_cs"], item["claim_code"]) == ("C00", "N10", None)
    assert item["cancel_request_date"] == "2026-03-14 12:00:00"
    body = {"requests": [{"order_id": order_id, "order_item_code": [f"{order_id}-01"], "undone": "T"}]}
    assert (await box.call("PUT", "/cancellationrequests", body)).status_code == 200
    item = (await box.get(f"/orders/{order_id}/items"))["items"][0]
    assert (item["order_status"], item["request_undone"]) == ("C11", "Cancellation")


@pytest.mark.parametrize(
    ("resource", "name", "part"),
    [
        ("cancellationrequests", "김하늘", "in_transit"),
        ("cancellationrequests", "김하늘", "cancelled"),
        ("returnrequests", "김하늘", "preparing"),
        ("exchangerequests", "김하늘", "preparing"),
        ("returnrequests", "김하늘", "confirmed"),
    ],
)
async def test_a_request_out_of_its_time_is_a_422(box: Box, resource: str, name: str, part: str) -> None:
    order_id = box.cast.order(name, part)
    before = await statuses(box, order_id)
    answer = await box.call("POST", f"/{resource}", wish(order_id, request_pickup="T"))
    assert answer.status_code == 422
    assert await statuses(box, order_id) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason_type": "Z"},
        {"reason_type": None},
        {"reason": ""},
        {"reason": "가" * 2001},
        {"items": []},
        {"items": [{"quantity": 1}]},
    ],
)
async def test_a_request_needs_its_fields(box: Box, wrong: dict[str, object]) -> None:
    order_id = box.cast.order("김하늘", "preparing_shirt")
    assert (await box.call("POST", "/cancellationrequests", wish(order_id, **wrong))).status_code == 422


@pytest.mark.parametrize(("quantity", "status"), [(0, 422), (1, 201), (2, 422)])
async def test_nobody_claims_more_than_was_ordered(box: Box, quantity: int, status: int) -> None:
    order_id = box.cast.order("김하늘", "preparing_shirt")
    items = [{"order_item_code": f"{order_id}-01", "quantity": quantity}]
    assert (await box.call("POST", "/cancellationrequests", wish(order_id, items=items))).status_code == status


def claim(order_id: str, status: str, **more: object) -> dict[str, object]:
    items = [{"order_item_code": f"{order_id}-01", "quantity": 1}]
    return {"shop_no": 1, "request": {"status": status, "items": items, **more}}


async def test_a_cancellation_goes_its_way_to_the_refund(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing_shirt")
    base = f"/orders/{order_id}/cancellation"
    made: Any = (await box.call("POST", base, claim(order_id, "accepted", reason="변심"))).json()["cancellation"]
    assert made["claim_code"] == "C20260314-0000001"
    assert await statuses(box, order_id) == ["C10"]
    code = made["claim_code"]
    for status, item in (("canceling", "C34"), ("canceled", "C40")):
        assert (await box.call("PUT", f"{base}/{code}", {"request": {"status": status}})).status_code == 200
        assert await statuses(box, order_id) == [item]
    assert (await box.call("PUT", f"{base}/{code}", {"request": {"status": "accepted"}})).status_code == 422
    told = (await box.get(f"/cancellation/{code}"))["cancellation"]
    assert told["refund_amounts"] == [{"payment_method": "card", "amount": "48900.00"}]
    refund = (await box.get(f"/refunds/{code}?embed=items"))["refund"]
    assert (refund["status"], refund["refund_amount"]) == ("F", "48900.00")
    done = await box.call("PUT", f"/orders/{order_id}/refunds/{code}", {"request": {"status": "complete"}})
    assert done.status_code == 200
    listed = (await box.get(f"/refunds?start_date=2026-03-14&end_date=2026-03-14&order_id={order_id}"))["refunds"]
    assert [(r["refund_code"], r["status"]) for r in listed] == [(code, "T")]
    order = await box.order(order_id)
    assert (order["canceled"], order["cancel_date"]) == ("T", "2026-03-14T12:00:00+09:00")


@pytest.mark.parametrize(
    ("name", "part", "status"),
    [
        ("김하늘", "preparing_shirt", 201),
        ("윤태오", "naverpay", 422),
    ],
)
async def test_only_a_card_payment_of_the_mall_itself_is_cancelled_at_the_gateway(
    box: Box, name: str, part: str, status: int
) -> None:
    order_id = box.cast.order(name, part)
    body = claim(order_id, "canceled", payment_gateway_cancel="T")
    answer = await box.call("POST", f"/orders/{order_id}/cancellation", body)
    assert answer.status_code == status
    if status == 201:
        assert (await box.get(f"/refunds/{answer.json()['cancellation']['claim_code']}"))["refund"]["status"] == "T"


async def test_the_bulk_form_never_cancels_at_the_gateway(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing_shirt")
    row: dict[str, object] = {
        "order_id": order_id,
        "status": "canceled",
        "payment_gateway_cancel": "T",
        "items": [{"order_item_code": f"{order_id}-01", "quantity": 1}],
    }
    assert (await box.call("POST", "/cancellation", {"requests": [row]})).status_code == 422
    del row["payment_gateway_cancel"]
    assert (await box.call("POST", "/cancellation", {"requests": [row]})).status_code == 201


async def test_a_return_is_collected_and_closed(box: Box) -> None:
    order_id = box.cast.order("한소라", "return_requested")
    base = f"/orders/{order_id}/return"
    code = (await box.call("POST", base, claim(order_id, "accepted"))).json()["return"]["claim_code"]
    assert await statuses(box, order_id) == ["R10"]
    body = {"request": {"status": "processing", "pickup_completed": "T"}}
    assert (await box.call("PUT", f"{base}/{code}", body)).status_code == 200
    assert await statuses(box, order_id) == ["R31"]
    assert (await box.call("PUT", f"{base}/{code}", {"request": {"status": "returned"}})).status_code == 200
    assert await statuses(box, order_id) == ["R41"]
    await box.call("PUT", f"/orders/{order_id}/refunds/{code}", {"request": {"status": "complete"}})
    assert await statuses(box, order_id) == ["R40"]
    told = (await box.get(f"/return/{code}"))["return"]
    assert told["return_address"]["zipcode"] == "04524"
    assert (await box.call("GET", f"/cancellation/{code}")).status_code == 404


async def test_an_exchange_adds_a_line_and_ends_with_it_preparing(box: Box) -> None:
    order_id = box.cast.order("김하늘", "delivered")
    variants = (await box.get("/products/116/variants"))["variants"]
    wanted = next(v["variant_code"] for v in variants if v["options"][1]["value"] == "L")
    items = [{"order_item_code": f"{order_id}-01", "quantity": 1, "exchange_variant_code": wanted}]
    body = {"request": {"status": "accepted", "same_product": "T", "items": items}}
    made = (await box.call("POST", f"/orders/{order_id}/exchange", body)).json()["exchange"]
    assert made["claim_code"].startswith("B20260314-")
    assert made["exchanged_items"] == [{"order_item_code": f"{order_id}-02"}]
    assert await statuses(box, order_id) == ["E10", "N01"]
    done = {"request": {"status": "exchanged"}}
    assert (await box.call("PUT", f"/orders/{order_id}/exchange/{made['claim_code']}", done)).status_code == 200
    items = (await box.get(f"/orders/{order_id}/items"))["items"]
    assert [i["order_status"] for i in items] == ["E40", "N20"]
    assert items[1]["variant_code"] == wanted
    assert items[1]["original_item_no"] == [items[0]["item_no"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": [{"exchange_variant_code": "P0000BCD000A"}]},
        {"return_invoice_no": "9" * 41},
        {"recover_inventory": "yes"},
    ],
)
async def test_a_claim_refused_for_one_field_leaves_no_trace(box: Box, wrong: dict[str, Any]) -> None:
    order_id = box.cast.order("이서준", "only")
    before = await box.control("GET", f"state?order_id={order_id}")
    goods = {"order_item_code": f"{order_id}-01", "quantity": 1, **wrong.get("items", [{}])[0]}
    request = {"status": "accepted", "same_product": "T", **wrong, "items": [goods]}
    assert (await box.call("POST", f"/orders/{order_id}/exchange", {"request": request})).status_code == 422
    assert await box.control("GET", f"state?order_id={order_id}") == before


async def test_a_withdrawn_claim_puts_the_goods_back(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing_shirt")
    base = f"/orders/{order_id}/cancellation"
    code = (await box.call("POST", base, claim(order_id, "accepted"))).json()["cancellation"]["claim_code"]
    undo = {
        "undone": "T",
        "recover_inventory": "F",
        "add_memo_too": "F",
        "undone_reason_type": "A",
        "expose_order_detail": "F",
    }
    assert (await box.call("PUT", f"{base}/{code}", {"request": {"undone": "T"}})).status_code == 422
    assert (await box.call("PUT", f"{base}/{code}", {"request": undo})).status_code == 200
    assert await statuses(box, order_id) == ["N10"]
    assert (await box.call("PUT", f"{base}/{code}", {"request": undo})).status_code == 422


async def test_an_unpaid_order_is_cancelled_at_once(box: Box) -> None:
    order_id = box.cast.order("김하늘", "awaiting_payment")
    items = [{"order_item_code": f"{order_id}-01", "quantity": 2}]
    body = {"request": {"status": "canceled", "items": items}}
    await box.call("POST", f"/orders/{order_id}/cancellation", body)
    assert await statuses(box, order_id) == ["C49"]


async def test_recovered_stock_comes_back(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing_shirt")
    variant = (await box.get(f"/orders/{order_id}/items"))["items"][0]["variant_code"]
    stock = f"/products/147/variants/{variant}/inventories"
    before = (await box.get(stock))["inventory"]["quantity"]
    body = claim(order_id, "canceled", recover_inventory="T")
    await box.call("POST", f"/orders/{order_id}/cancellation", body)
    assert (await box.get(stock))["inventory"]["quantity"] == before + 1
