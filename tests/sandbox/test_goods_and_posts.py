"""Members, goods, stock, shipping terms, boards and urgent inquiries."""

from typing import Any

import pytest

from tests.sandbox.box import Box

POST = {"writer": "상담 도우미", "title": "[교환] 문의", "content": "<p>내용</p>", "client_ip": "203.0.113.0"}


async def test_members_are_found_by_full_phone_or_id(box: Box) -> None:
    for query in ("cellphone=010-0000-1234", "cellphone=01000001234", "member_id=haneul01"):
        found = (await box.get(f"/customers?{query}"))["customers"]
        assert [c["member_id"] for c in found] == ["haneul01"]
        assert not {"name", "cellphone", "email", "address1"} & set(found[0])
    assert {c["member_id"] for c in (await box.get("/customers?cellphone=010-0000-3456"))["customers"]} == {
        "minseo04",
        "doyun05",
    }
    assert (await box.get("/customers?cellphone=010-0000-9012"))["customers"] == []
    assert (await box.call("GET", "/customers")).status_code == 422


async def test_personal_values_stand_behind_their_own_call(box: Box) -> None:
    one = (await box.get("/customersprivacy/haneul01"))["customersprivacy"]
    assert (one["name"], one["cellphone"]) == ("김하늘", "010-0000-1234")
    many = (await box.get("/customersprivacy?limit=1000"))["customersprivacy"]
    assert len(many) == (await box.get("/customersprivacy/count"))["count"] > 100
    assert (await box.call("GET", "/customersprivacy?limit=1001")).status_code == 422
    assert (await box.call("GET", "/customersprivacy/nobody")).status_code == 404


async def test_customer_memos_are_kept(box: Box) -> None:
    made = await box.call("POST", "/customers/haneul01/memos", {"request": {"author_id": "a", "memo": "메모"}})
    assert made.status_code == 201
    number = made.json()["memo"]["memo_no"]
    assert (await box.get("/customers/haneul01/memos/count"))["count"] == 2
    assert (await box.call("DELETE", f"/customers/haneul01/memos/{number}")).status_code == 200
    assert (await box.call("GET", f"/customers/haneul01/memos/{number}")).status_code == 404


async def test_goods_are_found_by_name_code_and_state(box: Box) -> None:
    shirts = (await box.get("/products?product_name=셔츠&limit=100"))["products"]
    assert {"린넨 셔츠", "옥스포드 셔츠"} <= {p["product_name"] for p in shirts}
    assert [p["product_no"] for p in (await box.get("/products?product_no=101,104"))["products"]] == [104, 101]
    assert [p["product_no"] for p in (await box.get("/products?custom_product_code=LS-26"))["products"]] == [101]
    hidden = (await box.get("/products?display=F"))["products"]
    assert [p["product_no"] for p in hidden] == [142]
    assert (await box.get("/products/count"))["count"] >= 40
    assert (await box.get("/products/count?price_min=100000"))["count"] == 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=100", 200),
        ("limit=101", 422),
        ("offset=5000", 200),
        ("offset=5001", 422),
        ("sort=price", 422),
        ("display=Y", 422),
        ("since_product_no=100&offset=1", 422),
        ("since_product_no=100", 200),
        ("created_start_date=2026-01-01", 422),
    ],
)
async def test_the_product_list_checks_its_filters(box: Box, query: str, status: int) -> None:
    assert (await box.call("GET", f"/products?{query}")).status_code == status


async def test_a_product_shows_its_options_and_their_stock(box: Box) -> None:
    product = (await box.get("/products/101?embed=variants,inventories,options"))["product"]
    assert (product["price"], product["sold_out"], product["has_option"]) == ("39900.00", "F", "T")
    assert [o["option_name"] for o in product["options"]["options"]] == ["색상", "사이즈"]
    variants = {"/".join(o["value"] for o in v["options"]): v for v in product["variants"]}
    assert variants["네이비/L"]["quantity"] == 0
    assert variants["화이트/M"]["inventories"]["quantity"] > 0
    plain = (await box.get("/products/132?embed=variants"))["product"]
    assert (plain["has_option"], len(plain["variants"]), plain["variants"][0]["options"]) == ("F", 1, None)
    assert (await box.get("/products/105"))["product"]["sold_out"] == "T"
    assert (await box.get("/products/137"))["product"]["sold_out"] == "F"
    assert (await box.call("GET", "/products/9999")).status_code == 404


async def test_stock_is_read_and_written_for_one_option(box: Box) -> None:
    variant = (await box.get("/products/105/variants"))["variants"][0]["variant_code"]
    path = f"/products/105/variants/{variant}"
    assert (await box.call("PUT", path, {"request": {"quantity": 7}})).json()["variant"]["quantity"] == 7
    assert (await box.get(f"{path}/inventories"))["inventory"]["quantity"] == 7
    assert (await box.get("/products/105"))["product"]["sold_out"] == "F"
    for wrong in ({"display_soldout": "Y"}, {"quantity": "many"}, {}):
        assert (await box.call("PUT", path, {"request": wrong})).status_code == 422
    assert (await box.call("GET", "/products/105/variants/P00000000000")).status_code == 404


async def test_suppliers_and_shipping_terms(box: Box) -> None:
    assert (await box.get("/suppliers?supplier_name=한결"))["suppliers"][0]["supplier_code"] == "S000000B"
    assert (await box.get("/suppliers/S000000B"))["supplier"]["exchange_zipcode"] == "04524"
    assert (await box.call("GET", "/suppliers/S9999999")).status_code == 404
    shipping = (await box.get("/shipping"))["shipping"]
    assert (shipping["shipping_fee_type"], shipping["shipping_fee"], shipping["free_shipping_price"]) == (
        "M",
        "3000.00",
        "50000.00",
    )
    surcharge = (await box.get("/regionalsurcharges"))["regionalsurcharge"]
    assert surcharge["jeju_surcharge_amount"] == "3000.00"
    for path, root in (("/store", "store"), ("/shops", "shops"), ("/orders/setting", "order"), ("/shops/1", "shop")):
        assert root in await box.get(path)


# -- posts ------------------------------------------------------------------------------------------------------------


async def test_boards_come_in_their_order(box: Box) -> None:
    boards = (await box.get("/boards"))["boards"]
    assert [(b["board_no"], b["board_name"]) for b in boards][-2:] == [(6, "상품 Q&A"), (9, "1:1 맞춤상담")]
    assert (await box.call("GET", "/boards/99/articles")).status_code == 404


async def test_a_post_is_made_found_and_answered(box: Box) -> None:
    made = await box.call(
        "POST",
        "/boards/9/articles",
        {"requests": [{**POST, "content": "상담번호 S-77 / 참조 1a2b3c4d", "order_id": "x"}]},
    )
    assert made.status_code == 201
    question: Any = made.json()["articles"][0]
    assert (question["secret"], question["reply_status"], question["reply_depth"]) == ("T", "N", 0)
    found = (await box.get("/boards/9/articles?search=content&keyword=1a2b3c4d"))["articles"]
    assert [a["article_no"] for a in found] == [question["article_no"]]
    reply = {**POST, "member_id": "sandboxmall", "reply_article_no": question["article_no"], "reply_status": "C"}
    answer = (await box.call("POST", "/boards/9/articles", {"requests": [reply]})).json()["articles"][0]
    assert (answer["writer"], answer["reply_depth"], answer["parent_article_no"]) == (
        "달빛샵",
        1,
        question["article_no"],
    )
    read = (await box.get(f"/boards/9/articles?article_no={question['article_no']},{answer['article_no']}"))["articles"]
    assert {a["reply_depth"]: a["reply_status"] for a in read} == {0: "C", 1: None}


async def test_whether_an_answer_marks_its_question_is_a_switch(box: Box) -> None:
    await box.control("POST", "settings", {"answer_marks_parent": False})
    question = (await box.get("/boards/6/articles?reply_status=N&limit=1"))["articles"][0]
    reply = {**POST, "reply_article_no": question["article_no"], "reply_status": "C"}
    await box.call("POST", "/boards/6/articles", {"requests": [reply]})
    again = (await box.get(f"/boards/6/articles?article_no={question['article_no']}"))["articles"][0]
    assert again["reply_status"] == "N"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"title": "가" * 256}, 201),
        ({"title": "가" * 257}, 422),
        ({"writer": "가" * 101}, 422),
        ({"client_ip": "here"}, 422),
        ({"client_ip": None}, 422),
        ({"content": ""}, 422),
        ({"secret": "yes"}, 422),
        ({"rating": 6}, 422),
        ({"order_id": "x" * 33}, 422),
        ({"reply_article_no": 1}, 404),
    ],
)
async def test_a_post_keeps_its_limits(box: Box, changed: dict[str, object], status: int) -> None:
    assert (await box.call("POST", "/boards/6/articles", {"requests": [{**POST, **changed}]})).status_code == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("start_date=2025-03-14&end_date=2026-03-14", 200),
        ("start_date=2025-03-13&end_date=2026-03-14", 422),
        ("limit=100", 200),
        ("limit=101", 422),
        ("offset=8001", 422),
        ("search=colour&keyword=x", 422),
        ("reply_status=X", 422),
    ],
)
async def test_the_article_list_checks_its_filters(box: Box, query: str, status: int) -> None:
    assert (await box.call("GET", f"/boards/6/articles?{query}")).status_code == status


async def test_comments_leave_the_question_unanswered(box: Box) -> None:
    question = (await box.get("/boards/6/articles?reply_status=N&limit=1"))["articles"][0]
    path = f"/boards/6/articles/{question['article_no']}/comments"
    assert (await box.call("POST", path, {"request": {"content": "네", "writer": "달빛샵"}})).status_code == 422
    body = {"request": {"content": "확인 중이에요", "writer": "달빛샵", "password": "pw"}}
    number = (await box.call("POST", path, body)).json()["comment"]["comment_no"]
    assert [c["comment_no"] for c in (await box.get(path))["comments"]] == [number]
    assert (await box.get(f"/boards/6/articles?article_no={question['article_no']}"))["articles"][0][
        "reply_status"
    ] == "N"
    assert (await box.call("DELETE", f"{path}/{number}")).status_code == 200
    assert (await box.get("/boards/4/comments"))["comments"][0]["links"][0]["rel"] == "next"


async def test_an_urgent_inquiry_is_answered_once_and_then_changed(box: Box) -> None:
    rows = (await box.get("/urgentinquiry"))["urgentinquiry"]
    open_one = next(r for r in rows if r["reply_status"] == "F")["article_no"]
    path, body = f"/urgentinquiry/{open_one}/reply", {"request": {"content": "네", "user_id": "a", "status": "T"}}
    assert (await box.call("PUT", path, body)).status_code == 422
    assert (await box.call("POST", path, body)).status_code == 201
    assert (await box.call("POST", path, body)).status_code == 422
    assert (await box.call("PUT", path, body)).status_code == 200
    assert (await box.get(path))["reply"]["status"] == "T"


async def test_the_malls_own_sms_holds_one_call(box: Box) -> None:
    body = {"request": {"sender_no": 4, "content": "안내", "recipients": ["01000001234"]}}
    assert (await box.call("POST", "/sms", body)).status_code == 201
    assert (await box.call("POST", "/sms", body)).status_code == 429
    box.clock.pass_by(seconds=0.5)
    assert (await box.call("POST", "/sms", body)).status_code == 201
