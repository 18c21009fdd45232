"""What every shop promises of its goods, on the sandbox's own: each kind of stock, one hidden product, one that is not sold any more."""

from decimal import Decimal

import pytest
from tests.commerce.shop_contract import Situation

from cafe24_sandbox import Sandbox
from cafe24_sandbox.cast import (
    HIDDEN_PRODUCT,
    IN_STOCK_PRODUCT,
    NO_OPTION_PRODUCT,
    PARTLY_SOLD_OUT_PRODUCT,
    SOLD_OUT_PRODUCT,
    STOPPED_PRODUCT,
    UNLIMITED_PRODUCT,
)
from cafe24_sandbox.model import Product as SandboxProduct
from sangdam.commerce import ShopFailure
from sangdam.commerce.memory import MemoryShop
from sangdam.core.shop import Product, ProductOption, SoldOut, Variant


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


# The same goods as values, read from the sandbox's records without its Admin API.


def with_catalogue(shop: MemoryShop, sandbox: Sandbox) -> MemoryShop:
    """The same shop, which now remembers the goods too."""
    mall = sandbox.mall()
    shop.products_known = [_product(sandbox, each) for each in mall.products.values()]
    return shop


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
        supplier_code=record.supplier_code,
    )
