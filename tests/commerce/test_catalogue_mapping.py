"""The reference's goods become the shop's values; everything else becomes `Malformed` and nothing worse."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from tests.commerce.goods import NOW
from tests.commerce.test_mapping import Junk, spoiled

from cafe24_sandbox import Sandbox, SandboxConfig
from cafe24_sandbox.render import product as rendered
from sangdam.commerce.cafe24 import catalogue
from sangdam.commerce.cafe24.mapping import Fields, Malformed
from sangdam.core.ids import MemberId, OrderId
from sangdam.core.shop import Article, Board, Product, ProductOption, SoldOut, Supplier, Surcharges, Variant

INVENTORY = {"variant_code": "P0000BCD000A", "quantity": 6, "use_inventory": "T", "display_soldout": "T", "safety_inventory": 2}  # fmt: skip
VARIANT = {
    "variant_code": "P0000BCD000A", "options": [{"name": "색상", "value": "화이트"}, {"name": "사이즈", "value": "M"}], "display": "T", "selling": "T", "use_inventory": "T",
    "display_soldout": "T", "quantity": 6, "inventories": INVENTORY,
}  # fmt: skip
PRODUCT = {
    "product_no": 214, "product_name": "린넨 셔츠", "price": "12900.00", "retail_price": "15900.00", "display": "T", "selling": "T", "summary_description": "여름용 린넨 100%",
    "detail_image": "https://sandboxmall.example.com/web/product/big/214.jpg", "list_image": "https://sandboxmall.example.com/web/product/medium/214.jpg",
    "supplier_code": "S000000B", "release_date": "", "made_in_code": "KR", "sold_out": "F", "variants": [VARIANT],
}  # fmt: skip
SUPPLIER = {
    "supplier_name": "한결섬유", "supplier_code": "S000000B", "use_supplier": "T", "trading_type": "C", "supplier_type": "WS", "status": "A", "commission": "10.00",
    "bank_account_no": "000-0000-0000", "phone": "02-0000-7777", "manager_information": [{"no": 1, "name": "이담당", "phone": "010-0000-2222"}],
}  # fmt: skip
BOARD = {"board_no": 6, "board_type": 5, "board_name": "상품 Q&A", "use_board": "T", "use_display": "T", "display_order": 3, "secret_only": "F"}  # fmt: skip
ARTICLE = {
    "article_no": 3321, "parent_article_no": None, "board_no": 6, "product_no": 214, "reply_depth": 0, "created_date": "2026-03-14T21:14:08+09:00", "writer": "김하늘",
    "writer_email": "haneul@example.com", "member_id": "haneul01", "title": "배송 언제 되나요?", "content": "<p><b>어제</b> 주문했는데 언제 출발하나요?</p>", "secret": "T",
    "deleted": "F", "order_id": "20260314-0000127", "reply_status": "N",
}  # fmt: skip
SURCHARGE: dict[str, Any] = {"use_regional_surcharge": "T", "region_setting_type": "A", "regional_surcharge_list": [], "jeju_surcharge_amount": "3000.00", "remote_area_surcharge_amount": "5000.00"}  # fmt: skip
URL = "https://sandboxmall.cafe24.com/product/detail.html?product_no=214"


def product(**more: Any) -> Product:
    return catalogue.product(Fields({**PRODUCT, **more}, "$.product"), url=URL)


def variant(**stock: Any) -> Variant:
    """The reference's variant, whose inventory says this."""
    return catalogue.variant(Fields({**VARIANT, "inventories": {**INVENTORY, **stock}}, "$"))


def test_the_reference_s_product() -> None:
    assert product() == Product(
        product_no=214,
        name="린넨 셔츠",
        price=Decimal(12900),
        retail_price=Decimal(15900),
        currency="KRW",
        selling=True,
        display=True,
        sold_out=SoldOut.NO,
        variants=(Variant("P0000BCD000A", "화이트 / M", selling=True, display=True, quantity=6, sold_out=False),),
        options=(ProductOption("색상", ("화이트",)), ProductOption("사이즈", ("M",))),
        thumbnail="https://sandboxmall.example.com/web/product/medium/214.jpg",
        url=URL,
        summary="여름용 린넨 100%",
        release_date=None,
        made_in="대한민국",
        supplier_code="S000000B",
    )


@pytest.mark.parametrize(
    ("stock", "quantity", "sold_out"),
    [
        ({}, 6, False),
        ({"quantity": "6"}, 6, False),
        ({"quantity": 1}, 1, False),
        ({"quantity": 0}, 0, True),
        ({"quantity": -3}, -3, True),
        ({"quantity": 0, "display_soldout": "F"}, 0, False),
        ({"quantity": -3, "display_soldout": "F"}, -3, False),
        ({"quantity": 0, "use_inventory": "F"}, None, False),
        ({"quantity": None, "use_inventory": "F"}, None, False),
    ],
)
def test_stock_that_is_counted_and_gone_is_sold_out(stock: dict[str, Any], quantity: int | None, sold_out: bool) -> None:  # fmt: skip
    found = variant(**stock)
    assert (found.quantity, found.sold_out, found.available) == (quantity, sold_out, not sold_out)


def test_without_the_inventory_the_variant_s_own_stock_counts() -> None:
    nothing: tuple[dict[str, Any], ...] = ({"inventories": None}, {"inventories": {}})
    for missing in nothing:
        found = catalogue.variant(Fields({**VARIANT, "quantity": 0, **missing}, "$"))
        assert (found.quantity, found.sold_out) == (0, True)


GONE, CLOSED = {**VARIANT, "quantity": 0, "inventories": None}, {**VARIANT, "selling": "F"}
UNSEEN = {**GONE, "display": "F", "options": [{"name": "색상", "value": "비밀"}]}


@pytest.mark.parametrize(
    ("variants", "flag", "sold_out"),
    [
        ([VARIANT], "T", SoldOut.NO),
        ([GONE], "F", SoldOut.YES),
        ([VARIANT, GONE], "F", SoldOut.PARTIAL),
        ([VARIANT, CLOSED], "F", SoldOut.PARTIAL),
        ([CLOSED], "F", SoldOut.YES),
        ([VARIANT, UNSEEN], "F", SoldOut.NO),
        ([UNSEEN], "F", SoldOut.NO),
        ([], "T", SoldOut.YES),
        (None, "F", SoldOut.NO),
        (None, None, SoldOut.UNKNOWN),
        (None, "", SoldOut.UNKNOWN),
    ],
)
def test_what_is_sold_out_follows_from_the_options_that_are_shown(variants: Any, flag: str | None, sold_out: SoldOut) -> None:  # fmt: skip
    assert product(variants=variants, sold_out=flag).sold_out is sold_out


def test_an_option_that_is_not_shown_is_not_named() -> None:
    found = product(variants=[VARIANT, UNSEEN])
    assert found.options == (ProductOption("색상", ("화이트",)), ProductOption("사이즈", ("M",)))
    assert [each.display for each in found.variants] == [True, False]


@pytest.mark.parametrize("nothing", [None, []])
def test_a_product_without_options(nothing: object) -> None:
    found = product(variants=[{**VARIANT, "options": nothing}])
    assert (found.options, found.variants[0].option) == ((), "")


@pytest.mark.parametrize("shown", ["F", None, "", "t"])
def test_only_what_is_said_to_be_shown_is_shown(shown: str | None) -> None:
    assert not product(display=shown).display


def test_html_in_names_and_summaries_is_text() -> None:
    found = product(product_name="<b>린넨</b> 셔츠", summary_description=f"<p>{'아주 긴 설명 ' * 60}</p>")
    assert found.name == "린넨 셔츠"
    assert len(found.summary) <= 200
    assert found.summary.endswith("…")


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "ftp://x/1.jpg", "//x/1.jpg", "/1.jpg", "", None, "https://", "https://[x", "https://x/ 1"],
)
def test_only_an_address_of_the_web_is_a_picture(address: str | None) -> None:
    assert product(list_image=address, detail_image=address).thumbnail is None
    assert product(list_image=address).thumbnail == PRODUCT["detail_image"]


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"retail_price": "0.00"}, "retail_price", None),
        ({"retail_price": None}, "retail_price", None),
        ({"release_date": "2026-03-28"}, "release_date", date(2026, 3, 28)),
        ({"release_date": None}, "release_date", None),
        ({"made_in_code": "ZZ"}, "made_in", None),
        ({"made_in_code": None}, "made_in", None),
        ({"made_in_code": "VN"}, "made_in", "베트남"),
        ({"supplier_code": ""}, "supplier_code", None),
        ({"supplier_code": "S0000000"}, "supplier_code", None),
        ({"price": 12900}, "price", Decimal(12900)),
    ],
)
def test_what_may_be_missing(fields: dict[str, Any], name: str, value: object) -> None:
    assert getattr(product(**fields), name) == value


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"price": "만원"}, r"\$\.product\.price: not an amount"),
        ({"product_no": None}, r"\$\.product\.product_no: not a whole number"),
        ({"product_name": None}, r"\$\.product\.product_name: not text"),
        ({"variants": {}}, r"\$\.product\.variants: not a list"),
        ({"variants": [{**VARIANT, "options": "색상"}]}, r"\$\.product\.variants\[0\]\.options: not a list"),
        ({"variants": [{**VARIANT, "inventories": [1]}]}, r"inventories: not an object"),
        ({"release_date": "곧"}, r"\$\.product\.release_date: not a date"),
    ],
)
def test_another_shape_is_malformed(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Malformed, match=path):
        product(**fields)


def test_the_reference_s_supplier_is_four_words() -> None:
    assert catalogue.supplier(Fields(SUPPLIER, "$")) == Supplier("S000000B", "한결섬유", True, True)
    for status, kind in (("P", "D"), ("N", None), (None, "")):
        found = catalogue.supplier(Fields({**SUPPLIER, "status": status, "trading_type": kind}, "$"))
        assert (found.active, found.ships_directly) == (False, False)


def test_the_reference_s_board() -> None:
    assert catalogue.board(Fields(BOARD, "$")) == Board(6, "상품 Q&A", 5, in_use=True, secret_only=False, position=3)


def article(**more: Any) -> Article:
    return catalogue.article(Fields({**ARTICLE, **more}, "$"))


def test_the_reference_s_article() -> None:
    assert article() == Article(
        board_no=6,
        article_no=3321,
        parent_article_no=None,
        title="배송 언제 되나요?",
        text="어제 주문했는데 언제 출발하나요?",
        created_at=datetime(2026, 3, 14, 12, 14, 8, tzinfo=UTC),
        writer="김하늘",
        member_id=MemberId("haneul01"),
        reply_status="N",
        secret=True,
        order_id=OrderId("20260314-0000127"),
        product_no=214,
    )


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"parent_article_no": 3321}, "parent_article_no", None),  # samples show an article as its own parent
        ({"parent_article_no": 3300}, "parent_article_no", 3300),
        ({"parent_article_no": 0}, "parent_article_no", None),
        ({"order_id": "어제 산 것"}, "order_id", None),
        ({"order_id": "20260314-0000127 "}, "order_id", "20260314-0000127"),
        ({"order_id": ""}, "order_id", None),
        ({"reply_status": None}, "reply_status", None),
        ({"reply_status": "F"}, "reply_status", None),
        ({"member_id": ""}, "member_id", None),
        ({"product_no": None}, "product_no", None),
        ({"title": None}, "title", ""),
        ({"content": None}, "text", ""),
    ],
)
def test_what_an_article_may_lack(fields: dict[str, Any], name: str, value: object) -> None:
    assert getattr(article(**fields), name) == value


@pytest.mark.parametrize("when", [None, "", "어제", "0000-00-00"])
def test_an_article_without_its_moment_is_malformed(when: str | None) -> None:
    with pytest.raises(Malformed, match="created_date"):
        article(created_date=when)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Surcharges(Decimal(3000), Decimal(5000))),
        ({"jeju_surcharge_amount": None}, Surcharges(Decimal(0), Decimal(5000))),
        ({"jeju_surcharge_amount": "0.00", "remote_area_surcharge_amount": ""}, None),
        ({"use_regional_surcharge": "F"}, None),
        ({"region_setting_type": "N"}, None),
        ({"region_setting_type": "Z"}, None),
        ({"region_setting_type": None}, None),
    ],
)
def test_far_places_have_a_price_or_none(fields: dict[str, Any], expected: Surcharges | None) -> None:
    assert catalogue.surcharges(Fields({**SURCHARGE, **fields}, "$")) == expected


@given(spoiled(lambda: [SUPPLIER, BOARD, ARTICLE, SURCHARGE]) | Junk)
@settings(max_examples=200, deadline=None)
def test_other_spoiled_records_are_malformed_or_values(payload: Any) -> None:
    for read in (catalogue.supplier, catalogue.board, catalogue.article, catalogue.surcharges):
        try:
            repr(read(Fields(payload, "$"))).encode()
        except Malformed:
            continue


@cache
def payloads() -> list[Any]:
    sandbox = Sandbox(SandboxConfig(start_day=date(2026, 3, 14), clock=lambda: NOW))
    embed = frozenset({"variants", "inventories"})
    mall = sandbox.mall()
    return [json.loads(json.dumps(rendered(mall, each, "http://sandbox", embed))) for each in mall.products.values()]


@given(spoiled(payloads) | Junk)
@settings(max_examples=200, deadline=None)
def test_spoiled_goods_are_malformed_or_values(payload: Any) -> None:
    try:
        found = catalogue.product(Fields(payload, "$"), url=None)
    except Malformed:
        return
    assert len(found.summary) <= 200
    repr(found).encode()
