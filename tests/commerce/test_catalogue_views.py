"""What of a product, of the terms and of an article a tool tells, on plain values."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sangdam.commerce.catalogue_views import article_facts, fee_text, product_facts, stock_text, surcharge_text
from sangdam.core.ids import MemberId
from sangdam.core.shop import Article, Fee, Product, SoldOut, Surcharges, Variant


def variant(quantity: int | None, *, sold_out: bool = False, selling: bool = True, display: bool = True, code: str = "A") -> Variant:  # fmt: skip
    return Variant(f"P0000BCD000{code}", code, selling=selling, display=display, quantity=quantity, sold_out=sold_out)


def product(*variants: Variant, sold_out: SoldOut = SoldOut.NO, selling: bool = True) -> Product:
    return Product(
        product_no=101, name="린넨 셔츠", price=Decimal(39900), retail_price=None, currency="KRW", selling=selling, display=True, sold_out=sold_out, variants=variants, options=(),
        thumbnail=None, url=None, summary="", release_date=None, made_in=None, supplier_code=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (product(variant(6)), "있음"),
        (product(variant(5)), "얼마 남지 않았어요"),
        (product(variant(2), variant(3)), "얼마 남지 않았어요"),
        (product(variant(3), variant(3)), "있음"),
        (product(variant(2), variant(None)), "있음"),
        (product(variant(-4)), "있음"),  # sold on beyond its stock
        (product(), "있음"),
        (product(variant(0, sold_out=True), sold_out=SoldOut.YES), "품절"),
        (product(variant(1), variant(0, sold_out=True), sold_out=SoldOut.PARTIAL), "일부 품절"),
        (product(sold_out=SoldOut.UNKNOWN), "확인 중"),
        (product(variant(6), selling=False), "판매 중지"),
        (product(variant(6), sold_out=SoldOut.YES, selling=False), "판매 중지"),
    ],
)
def test_stock_in_words(found: Product, words: str) -> None:
    assert stock_text(found, None) == words


def test_the_words_are_those_of_the_option_that_was_asked_for() -> None:
    full, gone, closed = variant(9, code="A"), variant(0, sold_out=True, code="B"), variant(9, selling=False, code="C")
    found = product(full, gone, closed, sold_out=SoldOut.PARTIAL)
    assert [stock_text(found, each) for each in found.variants] == ["있음", "품절", "판매 중지"]
    told = product_facts(found, shopper=True, with_quantity=False, asked=gone)
    assert ([each.variant_code for each in told.variants], told.stock_text) == ([gone.variant_code], "품절")


def test_options_that_are_not_shown_and_numbers_are_for_staff() -> None:
    found = product(variant(9), variant(3, display=False, code="B"))
    shopper = product_facts(found, shopper=True, with_quantity=False, asked=None)
    assert [(each.option, each.quantity) for each in shopper.variants] == [("A", None)]
    staff = product_facts(found, shopper=False, with_quantity=True, asked=None)
    assert [(each.option, each.quantity) for each in staff.variants] == [("A", 9), ("B", 3)]


@pytest.mark.parametrize(
    ("fee", "text"),
    [
        (Fee("free"), "배송비는 무료예요."),
        (Fee("fixed", Decimal(2500)), "배송비는 2,500원이에요."),
        (Fee("free_over", Decimal(3000), Decimal(50000)), "배송비는 3,000원이고, 50,000원 이상 구매하시면 무료예요."),
        (Fee("fixed"), "배송비는 주문하시는 상품에 따라 달라요."),
        (Fee("other", Decimal(3000)), "배송비는 주문하시는 상품에 따라 달라요."),
    ],
)
def test_a_fee_is_said_from_its_fields_only(fee: Fee, text: str) -> None:
    assert fee_text(fee) == text


def test_far_places_are_named_with_what_they_cost() -> None:
    assert (
        surcharge_text(Surcharges(Decimal(3000), Decimal(5000)))
        == "제주 3,000원, 도서·산간 지역 5,000원의 배송비가 추가돼요."
    )
    assert surcharge_text(Surcharges(Decimal(3000), Decimal(0))) == "제주 3,000원의 배송비가 추가돼요."


WRITTEN = Article(
    6, 3321, None, "번호는 010-0000-1234", "제 메일은 haneul01@example.com 이에요.", datetime(2026, 3, 14, tzinfo=UTC), "김하늘", MemberId("haneul01"), "N", True, None, None
)  # fmt: skip


def test_people_in_an_article_are_masked() -> None:
    told = article_facts(WRITTEN)
    assert (told.title, told.excerpt) == ("번호는 010-****-1234", "제 메일은 h***@example.com 이에요.")
    assert (told.writer_masked, told.member_id_masked) == ("김*늘", "h******1")
    assert article_facts(replace(WRITTEN, member_id=None)).member_id_masked is None


@pytest.mark.parametrize("before", range(170, 205))
def test_a_number_is_masked_before_a_text_is_cut(before: int) -> None:
    excerpt = article_facts(replace(WRITTEN, text="가" * before + " 010-0000-1234 입니다")).excerpt
    assert len(excerpt) <= 200
    assert "0000" not in excerpt


def test_200_characters_are_whole() -> None:
    assert article_facts(replace(WRITTEN, text="가" * 200)).excerpt == "가" * 200
    assert article_facts(replace(WRITTEN, text="가" * 201)).excerpt == "가" * 199 + "…"
