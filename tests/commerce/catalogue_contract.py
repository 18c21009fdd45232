"""What every shop promises of its goods, on the sandbox's own: each kind of stock, one hidden product, one that is not sold any more."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.commerce.shop_contract import Situation
from tests.commerce.world import DAY

from cafe24_sandbox import Sandbox
from cafe24_sandbox.cast import (
    CONSULT_BOARD,
    HIDDEN_PRODUCT,
    IN_STOCK_PRODUCT,
    NO_OPTION_PRODUCT,
    NOTICE_BOARD,
    PARTLY_SOLD_OUT_PRODUCT,
    QNA_BOARD,
    REVIEW_BOARD,
    SOLD_OUT_PRODUCT,
    STOPPED_PRODUCT,
    UNLIMITED_PRODUCT,
)
from cafe24_sandbox.model import Article as SandboxArticle
from cafe24_sandbox.model import Product as SandboxProduct
from sangdam.commerce import ShopFailure
from sangdam.commerce.memory import MemoryShop
from sangdam.commerce.shop import ArticleQuery, Window
from sangdam.core.ids import MemberId, OrderId
from sangdam.core.shop import Article, Board, Product, ProductOption, SoldOut, Supplier, Surcharges, Variant


class CatalogueContract:
    """Subclasses give a fixture `here`."""

    @pytest.mark.parametrize(
        ("product_no", "sold_out", "display", "selling"),
        [
            (IN_STOCK_PRODUCT, SoldOut.NO, True, True),
            (SOLD_OUT_PRODUCT, SoldOut.YES, True, True),
            (PARTLY_SOLD_OUT_PRODUCT, SoldOut.PARTIAL, True, True),
            (UNLIMITED_PRODUCT, SoldOut.NO, True, True),
            (NO_OPTION_PRODUCT, SoldOut.NO, True, True),
            (STOPPED_PRODUCT, SoldOut.NO, True, False),
            (HIDDEN_PRODUCT, SoldOut.NO, False, False),
        ],
    )
    async def test_a_product_says_how_it_stands(
        self, here: Situation, product_no: int, sold_out: SoldOut, display: bool, selling: bool
    ) -> None:
        found = await here.shop.product(here.mall.call(), product_no)
        assert (found.product_no, found.sold_out) == (product_no, sold_out)
        assert (found.display, found.selling) == (display, selling)

    async def test_a_product_comes_with_its_options_and_their_stock(self, here: Situation) -> None:
        record = here.sandbox.mall().products[PARTLY_SOLD_OUT_PRODUCT]
        found = await here.shop.product(here.mall.call(), PARTLY_SOLD_OUT_PRODUCT)
        assert (found.name, found.price, found.currency) == ("플로럴 원피스", Decimal(68900), "KRW")
        assert found.options == (ProductOption("색상", ("핑크", "블루")), ProductOption("사이즈", ("S", "M", "L")))
        assert [variant.option for variant in found.variants if variant.sold_out] == [
            "핑크 / S",
            "핑크 / M",
            "핑크 / L",
        ]
        assert [variant.quantity for variant in found.variants] == [each.quantity for each in record.variants]
        first = found.variants[0]
        assert found.variant(first.variant_code) == first
        assert not first.available
        assert found.variant("P00000000000") is None

    async def test_what_is_not_counted_has_no_number(self, here: Situation) -> None:
        found = await here.shop.product(here.mall.call(), UNLIMITED_PRODUCT)
        assert {(variant.quantity, variant.sold_out) for variant in found.variants} == {(None, False)}

    async def test_a_product_without_options_has_one_variant(self, here: Situation) -> None:
        found = await here.shop.product(here.mall.call(), NO_OPTION_PRODUCT)
        assert ([variant.option for variant in found.variants], found.options) == ([""], ())

    async def test_a_product_that_does_not_exist_is_not_found(self, here: Situation) -> None:
        with pytest.raises(ShopFailure) as failure:
            await here.shop.product(here.mall.call(), 9999)
        assert failure.value.code == "CAFE24_NOT_FOUND"

    @pytest.mark.parametrize(
        ("names", "found"),
        [
            (["린넨"], {"린넨 셔츠", "린넨 앞치마", "린넨 와이드 팬츠", "린넨 원피스"}),
            (["린넨 셔츠"], {"린넨 셔츠"}),
            (["볼캡", "머그"], {"볼캡", "달빛 머그컵"}),
            (["샘플"], set[str]()),  # hidden
            (["우주선"], set[str]()),
            ([" ", ","], set[str]()),
            ([], set[str]()),
        ],
    )
    async def test_goods_that_are_shown_are_found_by_name(self, here: Situation, names: list[str], found: set[str]) -> None:  # fmt: skip
        told = await here.shop.products(here.mall.call(), names)
        assert {product.name for product in told} == found
        assert all(product.variants == () for product in told)

    async def test_a_list_of_goods_says_which_are_sold_out_and_is_as_long_as_asked(self, here: Situation) -> None:
        told = {product.name: product.sold_out for product in await here.shop.products(here.mall.call(), ["니트"])}
        assert told == {"니트 원피스": SoldOut.YES, "케이블 니트": SoldOut.NO}
        assert [each.product_no for each in await here.shop.products(here.mall.call(), ["셔츠"], limit=2)] == [147, 116]

    async def test_suppliers_are_listed_and_found_by_name_and_code(self, here: Situation) -> None:
        call = here.mall.call()
        told = await here.shop.suppliers(call, limit=100)
        assert len(told) == 6
        assert await here.shop.suppliers(call, limit=2, offset=3) == told[3:5]
        assert await here.shop.suppliers(call, name="한결") == (Supplier("S000000B", "한결섬유", True, True),)
        assert await here.shop.suppliers(call, name="없는 곳") == ()
        assert await here.shop.supplier(call, "S000000F") == Supplier("S000000F", "지난겨울상사", False, False)
        with pytest.raises(ShopFailure) as failure:
            await here.shop.supplier(call, "S9999999")
        assert failure.value.code == "CAFE24_NOT_FOUND"

    async def test_far_places_cost_more(self, here: Situation) -> None:
        assert await here.shop.surcharges(here.mall.call()) == Surcharges(Decimal(3000), Decimal(5000))

    async def test_boards_come_in_their_order(self, here: Situation) -> None:
        told = await here.shop.boards(here.mall.call())
        assert [board.board_no for board in told] == [NOTICE_BOARD, 3, REVIEW_BOARD, QNA_BOARD, CONSULT_BOARD]
        assert told[-1] == Board(CONSULT_BOARD, "1:1 맞춤상담", 7, in_use=True, secret_only=True, position=5)

    @pytest.mark.parametrize(
        "query",
        [
            ArticleQuery(QNA_BOARD),
            ArticleQuery(QNA_BOARD, limit=100),
            ArticleQuery(QNA_BOARD, limit=30, offset=20),
            ArticleQuery(QNA_BOARD, limit=10, offset=1000),
            ArticleQuery(QNA_BOARD, reply_status="N", limit=100),
            ArticleQuery(QNA_BOARD, reply_status="C", limit=100),
            ArticleQuery(QNA_BOARD, search=("subject", "재입고"), limit=100),
            ArticleQuery(QNA_BOARD, search=("content", "세탁기에"), limit=100),
            ArticleQuery(QNA_BOARD, search=("product", "셔츠"), limit=100),
            ArticleQuery(CONSULT_BOARD, search=("writer_name", "김하늘")),
            ArticleQuery(CONSULT_BOARD, search=("member_id", "haneul01")),
            ArticleQuery(CONSULT_BOARD, search=("member_id", "haneul")),
            ArticleQuery(QNA_BOARD, window=Window(DAY - timedelta(days=30), DAY - timedelta(days=29))),
            ArticleQuery(NOTICE_BOARD, window=Window(DAY - timedelta(days=363), DAY)),
            ArticleQuery(NOTICE_BOARD, window=Window(DAY - timedelta(days=364), DAY)),
            ArticleQuery(NOTICE_BOARD, window=Window(DAY - timedelta(days=365), DAY)),
            ArticleQuery(QNA_BOARD, window=Window(DAY - timedelta(days=365), DAY), limit=100),
            ArticleQuery(REVIEW_BOARD, window=Window(DAY - timedelta(days=428), DAY - timedelta(days=64)), limit=100),
            ArticleQuery(REVIEW_BOARD, window=Window(DAY - timedelta(days=420), DAY - timedelta(days=55)), limit=3, offset=3),
            ArticleQuery(REVIEW_BOARD, window=Window(DAY - timedelta(days=420), DAY - timedelta(days=55)), limit=3),
            ArticleQuery(QNA_BOARD, article_nos=(3006, 3008, 9999)),
            ArticleQuery(QNA_BOARD, product_no=104),
            ArticleQuery(),
        ],
    )  # fmt: skip
    async def test_articles_are_those_that_fit_and_newest_first(self, here: Situation, query: ArticleQuery) -> None:
        told = await here.shop.articles(here.mall.call(), query)
        assert told == await with_catalogue(MemoryShop(), here.sandbox).articles(here.mall.call(), query)
        moments = [article.created_at for article in told.articles]
        assert moments == sorted(moments, reverse=True)

    async def test_pages_of_a_board_meet_and_do_not_overlap(self, here: Situation) -> None:
        seen: list[int] = []
        offset: int | None = 0
        while offset is not None:
            page = await here.shop.articles(here.mall.call(), ArticleQuery(QNA_BOARD, limit=20, offset=offset))
            seen += [article.article_no for article in page.articles]
            offset = page.next_offset
        assert len(seen) == len(set(seen)) == len(here.sandbox.mall().articles[QNA_BOARD]) == 105

    async def test_a_board_that_does_not_exist_is_not_found(self, here: Situation) -> None:
        with pytest.raises(ShopFailure) as failure:
            await here.shop.articles(here.mall.call(), ArticleQuery(99))
        assert failure.value.code == "CAFE24_NOT_FOUND"


# The same goods as values, read from the sandbox's records without its Admin API.


def with_catalogue(shop: MemoryShop, sandbox: Sandbox) -> MemoryShop:
    """The same shop, which now remembers the goods too."""
    mall = sandbox.mall()
    shop.products_known = [_product(sandbox, each) for each in mall.products.values()]
    shop.suppliers_known = tuple(
        Supplier(each.code, each.name, each.status == "A", each.trading_type == "C") for each in mall.suppliers.values()
    )
    shop.surcharges_known = Surcharges(Decimal(mall.settings.jeju_surcharge), Decimal(mall.settings.remote_surcharge))
    shop.boards_known = tuple(
        Board(each.no, each.name, each.type, each.use, each.secret_only, each.order) for each in mall.boards.values()
    )
    shop.board_no = CONSULT_BOARD
    shop.articles_known = [_article(each) for board in mall.articles.values() for each in board.values()]
    return shop


def _article(record: SandboxArticle) -> Article:
    return Article(
        board_no=record.board_no,
        article_no=record.no,
        parent_article_no=record.parent_no,
        title=record.title,
        text=re.sub(r"<[^>]+>", "", record.content),
        created_at=record.created,
        writer=record.writer,
        member_id=MemberId(record.member_id) if record.member_id else None,
        reply_status=record.reply_status if record.depth == 0 else None,
        secret=record.secret,
        order_id=OrderId(record.order_id) if record.order_id else None,
        product_no=record.product_no,
    )


def _product(sandbox: Sandbox, record: SandboxProduct) -> Product:
    variants = tuple(
        Variant(
            variant_code=each.code,
            option=" / ".join(value for _, value in each.options),
            selling=each.selling,
            display=each.display,
            quantity=each.quantity if each.use_inventory else None,
            sold_out=each.sold_out,
        )
        for each in record.variants
    )
    gone = {each.sold_out for each in record.variants}
    return Product(
        product_no=record.no,
        name=record.name,
        price=Decimal(record.price),
        retail_price=Decimal(record.retail_price),
        currency="KRW",
        selling=record.selling,
        display=record.display,
        sold_out=SoldOut.PARTIAL if len(gone) == 2 else SoldOut.YES if True in gone else SoldOut.NO,
        variants=variants,
        options=tuple(ProductOption(name, values) for name, values in record.options),
        thumbnail=f"http://sandbox/shop/{sandbox.mall().id}/image/{record.no}.svg",
        url=f"https://{sandbox.mall().id}.cafe24.com/product/detail.html?product_no={record.no}",
        summary=record.summary,
        release_date=None,
        made_in="대한민국",
        supplier_code=record.supplier_code if record.supplier_code != "S0000000" else None,
    )
