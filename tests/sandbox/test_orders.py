"""Orders as the API tells them, and what may be done to one."""

from typing import Any

import pytest

from tests.sandbox.box import Box


def moved(**more: object) -> dict[str, object]:
    return {
        "shop_no": 1,
        "request": {
            "name": "김하늘",
            "cellphone": "010-0000-1234",
            "zipcode": "06236",
            "address1": "서울특별시 강남구 테헤란로 152",
            "address2": "11층",
            "shipping_message": "경비실에 맡겨 주세요",
            "change_default_shipping_address": "F",
            **more,
        },
    }


async def test_an_order_carries_what_was_embedded_and_nothing_else(box: Box) -> None:
    order_id = box.cast.order("김하늘", "in_transit")
    bare = (await box.get(f"/orders/{order_id}"))["order"]
    assert "items" not in bare
    assert "buyer" not in bare
    order = await box.order(order_id)
    assert order["order_date"] == "2026-03-13T10:12:44+09:00"
    assert order["actual_order_amount"]["payment_amount"] == "42900.00"
    assert order["paid"] == "T"
    assert order["shipping_fee_detail"][0]["return_shpping_fee"] == "0.00"
    assert order["buyer"]["names_furigana"] == ""
    item = order["items"][0]
    assert (item["product_name"], item["option_value"]) == ("린넨 셔츠", "색상=화이트, 사이즈=M")
    assert (item["order_status"], item["status_text"]) == ("N30", "배송중")
    assert item["shipped_date"] == "2026-03-13 18:20:00"
    assert item["delivered_date"] is None
    assert order["receivers"][0]["shipping_code"] == f"D-{order_id}-00"


async def test_an_unpaid_order_tells_until_when_it_may_be_paid(box: Box) -> None:
    order = await box.order(box.cast.order("김하늘", "awaiting_payment"))
    assert (order["paid"], order["payment_date"]) == ("F", None)
    assert order["payment_due_date"] == "2026-03-17T23:59:59+09:00"
    assert order["auto_cancel"] == "T"
    assert order["actual_order_amount"]["total_amount_due"] == "34800.00"
    assert "payment_due_date" not in await box.order(box.cast.order("김하늘", "delivered"))


async def test_orders_are_found_by_phone_in_any_notation(box: Box) -> None:
    lists = [
        [o["order_id"] for o in (await box.get(f"/orders?buyer_cellphone={phone}&limit=50"))["orders"]]
        for phone in ("010-0000-1234", "01000001234")
    ]
    assert lists[0] == lists[1]
    assert set(lists[0]) == set(box.cast.shopper("김하늘").orders.values())


async def test_status_filters_match_items_and_return_whole_orders(box: Box) -> None:
    found = (await box.get("/orders?order_status=N22&embed=items&limit=100"))["orders"]
    assert box.cast.order("김하늘", "held") in {o["order_id"] for o in found}
    assert all(any(i["order_status"] == "N22" for i in o["items"]) for o in found)


async def test_days_are_korean_days(box: Box) -> None:
    early, late = box.cast.order("강다인", "early_0010"), box.cast.order("강다인", "late_2350")
    for order_id in (early, late):
        day = f"{order_id[:4]}-{order_id[4:6]}-{order_id[6:8]}"
        found = (await box.get(f"/orders?start_date={day}&end_date={day}&limit=100"))["orders"]
        assert order_id in {o["order_id"] for o in found}


@pytest.mark.parametrize("path", ["", "/items", "/receivers", "/buyer", "/shipments", "/memos"])
async def test_an_unknown_order_is_a_404(box: Box, path: str) -> None:
    answer = await box.call("GET", f"/orders/20260314-9999999{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == 404


@pytest.mark.parametrize(("part", "status"), [("awaiting_payment", 200), ("preparing", 200), ("held", 200)])
async def test_an_address_moves_before_the_goods_do(box: Box, part: str, status: int) -> None:
    order_id = box.cast.order("김하늘", part)
    code = f"D-{order_id}-00"
    answer = await box.call("PUT", f"/orders/{order_id}/receivers/{code}", moved())
    assert answer.status_code == status
    assert answer.json()["receiver"]["address_full"] == "서울특별시 강남구 테헤란로 152 11층"
    read = (await box.get(f"/orders/{order_id}/receivers"))["receivers"][0]
    assert (read["zipcode"], read["address2"], read["shipping_code"]) == ("06236", "11층", code)
    history = (await box.get(f"/orders/{order_id}/receivers/history"))["history"]
    assert history[0]["zipcode"] == "04524"


@pytest.mark.parametrize(
    ("name", "part"), [("김하늘", "in_transit"), ("김하늘", "delivered"), ("강다인", "waiting_handover")]
)
async def test_an_address_stays_once_the_goods_have_left(box: Box, name: str, part: str) -> None:
    order_id = box.cast.order(name, part)
    answer = await box.call("PUT", f"/orders/{order_id}/receivers/D-{order_id}-00", moved())
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == "You cannot change to that order state."


async def test_the_states_an_address_may_move_in_are_a_switch(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing")
    await box.control("POST", "settings", {"address_open_in": ["N00"]})
    answer = await box.call("PUT", f"/orders/{order_id}/receivers/D-{order_id}-00", moved())
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"cellphone": "01000001234"},
        {"name": "가" * 21},
        {"address1": "가" * 256},
        {"zipcode": "1"},
        {"change_default_shipping_address": "Y"},
        {"zipcode": 4524.5, "name": ["김하늘"]},
    ],
)
async def test_a_wrong_receiver_field_changes_nothing(box: Box, wrong: dict[str, object]) -> None:
    order_id = box.cast.order("김하늘", "preparing")
    before = await box.get(f"/orders/{order_id}/receivers")
    answer = await box.call("PUT", f"/orders/{order_id}/receivers/D-{order_id}-00", moved(**wrong))
    assert answer.status_code == 422
    assert await box.get(f"/orders/{order_id}/receivers") == before


async def test_the_list_of_receivers_takes_both_envelopes_and_the_single_form_no_list(box: Box) -> None:
    order_id = box.cast.order("강다인", "two_receivers")
    one = {"shipping_code": f"D-{order_id}-01", "address2": "303호"}
    for body in ({"requests": [one]}, {"request": [one]}):
        assert (await box.call("PUT", f"/orders/{order_id}/receivers", body)).status_code == 200
    listed = await box.call("PUT", f"/orders/{order_id}/receivers/D-{order_id}-01", {"request": [one]})
    assert (listed.status_code, listed.json()["error"]["message"]) == (422, "An invalid request is entered.")
    assert (await box.get(f"/orders/{order_id}/receivers?shipping_code=D-{order_id}-01"))["receivers"][0][
        "address2"
    ] == "303호"


async def test_a_list_of_receivers_tells_which_one_was_refused(box: Box) -> None:
    order_id = box.cast.order("강다인", "two_receivers")
    rows = [
        {"shipping_code": f"D-{order_id}-00", "address2": "9층"},
        {"shipping_code": f"D-{order_id}-01", "cellphone": "01000001234"},
    ]
    answer = await box.call("PUT", f"/orders/{order_id}/receivers", {"requests": rows})
    assert answer.status_code == 207
    done, refused = answer.json()["receivers"]
    assert (done["address2"], refused["error"]["code"]) == ("9층", 422)


@pytest.mark.parametrize("query", ["subscription=T", "labels=a", "wished_carrier_id=3", "market_cancel_request=T"])
async def test_a_filter_nothing_answers_to_leaves_nothing(box: Box, query: str) -> None:
    assert await box.get(f"/orders/count?{query}") == {"count": 0}


async def test_a_buyer_note_is_written(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing")
    body = {"request": {"customer_notification": "주소 변경을 확인했어요."}}
    assert (await box.call("PUT", f"/orders/{order_id}/buyer", body)).status_code == 200
    assert (await box.get(f"/orders/{order_id}/buyer"))["buyer"]["customer_notification"] == "주소 변경을 확인했어요."


# -- the way of an order ----------------------------------------------------------------------------------------------


async def statuses(box: Box, order_id: str) -> list[str]:
    return [i["order_status"] for i in (await box.get(f"/orders/{order_id}/items"))["items"]]


async def test_an_order_goes_from_preparing_to_confirmed(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing_shirt")
    base = f"/orders/{order_id}"
    assert (await box.call("PUT", base, {"request": {"process_status": "prepare"}})).status_code == 200
    assert (await box.call("PUT", base, {"request": {"process_status": "hold"}})).status_code == 200
    assert await statuses(box, order_id) == ["N22"]
    assert (await box.call("PUT", base, {"request": {"process_status": "unhold"}})).status_code == 200
    sent: Any = (
        await box.call(
            "POST",
            f"{base}/shipments",
            {"request": {"tracking_no": "690000000999", "shipping_company_code": "0006", "status": "standby"}},
        )
    ).json()
    assert sent["shipments"][0]["shipping_code"] == f"D-{order_id}-00"
    assert await statuses(box, order_id) == ["N21"]
    parcel = f"{base}/shipments/D-{order_id}-00"
    for status, code in (("shipping", "N30"), ("shipped", "N40")):
        assert (await box.call("PUT", parcel, {"request": {"status": status}})).status_code == 200
        assert await statuses(box, order_id) == [code]
    assert (await box.call("PUT", base, {"request": {"purchase_confirmation": "T"}})).status_code == 200
    assert await statuses(box, order_id) == ["N50"]
    assert (await box.call("PUT", base, {"request": {"purchase_confirmation": "F"}})).status_code == 200
    assert await statuses(box, order_id) == ["N40"]
    trail = (await box.get(f"{base}/items/{order_id}-01/history"))["history"]
    assert [t["current_order_status"] for t in trail][-3:] == ["N40", "N50", "N40"]


@pytest.mark.parametrize(
    ("part", "request_"),
    [
        ("in_transit", {"process_status": "prepare"}),
        ("delivered", {"process_status": "hold"}),
        ("preparing_shirt", {"process_status": "unhold"}),
        ("preparing_shirt", {"purchase_confirmation": "T"}),
        ("preparing_shirt", {"process_status": "teleport"}),
        ("preparing_shirt", {}),
    ],
)
async def test_a_move_the_mall_does_not_know_is_a_422(box: Box, part: str, request_: dict[str, str]) -> None:
    order_id = box.cast.order("김하늘", part)
    before = await statuses(box, order_id)
    assert (await box.call("PUT", f"/orders/{order_id}", {"request": request_})).status_code == 422
    assert await statuses(box, order_id) == before


async def test_shipping_some_items_makes_a_further_parcel(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing")
    body = {
        "request": {
            "tracking_no": "690000000998",
            "shipping_company_code": "0006",
            "status": "shipping",
            "order_item_code": [f"{order_id}-02"],
        }
    }
    answer = await box.call("POST", f"/orders/{order_id}/shipments", body)
    assert answer.status_code == 201
    assert answer.json()["shipments"][0]["shipping_code"] == f"D-{order_id}-01"
    assert await statuses(box, order_id) == ["N10", "N30"]
    assert (await box.call("POST", f"/orders/{order_id}/shipments", body)).status_code == 422


async def test_a_parcel_is_changed_by_status_or_by_number_but_not_both(box: Box) -> None:
    order_id = box.cast.order("김하늘", "in_transit")
    parcel = f"/orders/{order_id}/shipments/D-{order_id}-00"
    number = {"tracking_no": "690000000997", "shipping_company_code": "0004"}
    assert (await box.call("PUT", parcel, {"request": {"status": "shipped", **number}})).status_code == 422
    assert (await box.call("PUT", parcel, {"request": {}})).status_code == 422
    assert (await box.call("PUT", parcel, {"request": number})).status_code == 200
    read = (await box.get(f"/orders/{order_id}/shipments"))["shipments"][0]
    assert (read["tracking_no"], read["shipping_company_code"]) == ("690000000997", "0004")
    assert (await box.call("DELETE", parcel)).status_code == 200
    assert await statuses(box, order_id) == ["N20"]


async def test_a_bulk_write_with_one_failure_is_a_207(box: Box) -> None:
    good = {"order_id": box.cast.order("김하늘", "preparing_shirt"), "process_status": "prepare"}
    bad = {"order_id": "20260314-9999999", "process_status": "prepare"}
    mixed = await box.call("PUT", "/orders", {"requests": [good, bad]})
    assert mixed.status_code == 207
    assert mixed.json()["orders"][1]["error"]["code"] == 404
    assert (await box.call("PUT", "/orders", {"requests": [bad]})).status_code == 404


async def test_memos_are_written_changed_and_taken_away(box: Box) -> None:
    order_id = box.cast.order("김하늘", "preparing")
    made = await box.call("POST", f"/orders/{order_id}/memos", {"request": {"content": "확인했어요"}})
    number = made.json()["memo"]["memo_no"]
    path = f"/orders/{order_id}/memos/{number}"
    assert (await box.call("PUT", path, {"request": {"content": "고쳤어요"}})).status_code == 200
    assert (await box.get(f"/orders/memos?order_id={order_id}"))["memos"][0]["content"] == "고쳤어요"
    assert (await box.call("DELETE", path)).status_code == 200
    assert (await box.get(f"/orders/{order_id}/memos"))["memos"] == []
    for length, status in ((1000, 201), (1001, 422)):
        answer = await box.call("POST", f"/orders/{order_id}/memos", {"request": {"content": "가" * length}})
        assert answer.status_code == status


async def test_carriers_are_listed_with_and_without_a_tracking_page(box: Box) -> None:
    carriers = {c["shipping_carrier_code"]: c for c in (await box.get("/carriers"))["carriers"]}
    assert carriers["0006"]["shipping_carrier"] == "CJ대한통운"
    assert carriers["0006"]["track_shipment_url"].startswith("https://")
    assert carriers["0001"]["track_shipment_url"] == ""
    unknown = box.cast.order("강다인", "unknown_carrier")
    parcel = (await box.get(f"/orders/{unknown}/shipments"))["shipments"][0]
    assert parcel["shipping_company_code"] not in carriers
