"""From the shop's goods, terms and boards to the facts a tool returns: what the asker may see, people masked, words for stock and fees. Pure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, cast

from sangdam.commerce.plain import cut
from sangdam.core.facts import (
    ArticleFacts,
    BoardFacts,
    Days,
    FeeFacts,
    OptionFacts,
    ProductFacts,
    ReadShippingOut,
    SupplierFacts,
    VariantFacts,
)
from sangdam.core.korean import won
from sangdam.core.mask import mask_address, mask_name, mask_text
from sangdam.core.shop import (
    Article,
    Board,
    Fee,
    Product,
    ShippingTerms,
    SoldOut,
    Supplier,
    Surcharges,
    Variant,
)

LOW = 5
"""From here down stock is running out."""
EXCERPT_CHARACTERS = 200
_READ_CHARACTERS = 1000
"""Of a text, before people are masked in it: more than an excerpt can show, so that none is cut in half."""
IN_STOCK, RUNNING_OUT, GONE, PARTLY_GONE, NOT_SOLD, NOT_KNOWN = (
    "있음", "얼마 남지 않았어요", "품절", "일부 품절", "판매 중지", "확인 중",
)  # fmt: skip


def product_facts(
    product: Product, *, shopper: bool, with_quantity: bool, asked: Variant | None, supplier_name: str | None = None
) -> ProductFacts:
    """`shopper`: options the shop does not show are left out. `asked`: the one option the question is about."""
    variants = [each for each in product.variants if (asked is None or each == asked) and (each.display or not shopper)]
    return ProductFacts(
        product_no=product.product_no,
        name=product.name,
        price=product.price,
        retail_price=product.retail_price,
        currency=product.currency,
        selling=product.selling,
        display=product.display,
        sold_out=product.sold_out,
        stock_text=stock_text(product, asked),
        options=tuple(OptionFacts(name=option.name, values=option.values) for option in product.options),
        variants=tuple(
            VariantFacts(
                variant_code=each.variant_code,
                option=each.option,
                display=each.display,
                selling=each.selling,
                quantity=each.quantity if with_quantity else None,
                sold_out=each.sold_out,
                stock_text=variant_text(each),
            )
            for each in variants
        ),
        thumbnail=product.thumbnail,
        url=product.url,
        summary=product.summary,
        release_date=product.release_date,
        made_in=product.made_in,
        supplier_name=supplier_name,
    )


def stock_text(product: Product, asked: Variant | None) -> str:
    if not product.selling:
        return NOT_SOLD
    if asked is not None:
        return variant_text(asked)
    match product.sold_out:
        case SoldOut.YES:
            return GONE
        case SoldOut.PARTIAL:
            return PARTLY_GONE
        case SoldOut.UNKNOWN:
            return NOT_KNOWN
        case SoldOut.NO:
            return _words(each.quantity for each in product.variants if each.available)


def variant_text(variant: Variant) -> str:
    if not variant.selling:
        return NOT_SOLD
    return GONE if variant.sold_out else _words([variant.quantity])


def _words(quantities: Iterable[int | None]) -> str:
    """Of stock that can be bought. What is not counted never runs out, nor what is sold beyond its stock."""
    counted = list(quantities)
    total = sum(quantity for quantity in counted if quantity is not None)
    return RUNNING_OUT if counted and None not in counted and 0 < total <= LOW else IN_STOCK


def supplier_facts(supplier: Supplier) -> SupplierFacts:
    return SupplierFacts(
        supplier_code=supplier.supplier_code,
        supplier_name=supplier.name,
        active=supplier.active,
        ships_directly=supplier.ships_directly,
    )


def shipping_facts(terms: ShippingTerms, surcharges: Surcharges | None) -> ReadShippingOut:
    return ReadShippingOut(
        method_text=terms.method_text,
        area_text=terms.area_text,
        period=Days(min=terms.days_min, max=terms.days_max),
        fee=FeeFacts(
            type=cast("Literal['free', 'fixed', 'free_over', 'other']", terms.fee.kind),
            amount=terms.fee.amount,
            free_over=terms.fee.free_over,
            text=fee_text(terms.fee),
        ),
        jeju_remote_text=surcharge_text(surcharges) if surcharges is not None else None,
        return_address_masked=mask_address(terms.return_address) if terms.return_address is not None else None,
        prepaid=terms.prepaid,
    )


def fee_text(fee: Fee) -> str:
    match fee:
        case Fee("free"):
            return "배송비는 무료예요."
        case Fee("fixed", Decimal() as amount):
            return f"배송비는 {won(amount)}이에요."
        case Fee("free_over", Decimal() as amount, Decimal() as least):
            return f"배송비는 {won(amount)}이고, {won(least)} 이상 구매하시면 무료예요."
        case _:
            return "배송비는 주문하시는 상품에 따라 달라요."


def surcharge_text(surcharges: Surcharges) -> str:
    named = [
        f"{place} {won(amount)}"
        for place, amount in (("제주", surcharges.jeju), ("도서·산간 지역", surcharges.remote))
        if amount > 0
    ]
    return f"{', '.join(named)}의 배송비가 추가돼요."


def board_facts(board: Board) -> BoardFacts:
    return BoardFacts(
        board_no=board.board_no,
        board_name=board.name,
        board_type=board.kind,
        use_board=board.in_use,
        secret_only=board.secret_only,
    )


def article_facts(article: Article) -> ArticleFacts:
    return ArticleFacts(
        article_no=article.article_no,
        parent_article_no=article.parent_article_no,
        title=mask_text(article.title[:_READ_CHARACTERS]),
        excerpt=cut(mask_text(article.text[:_READ_CHARACTERS]), EXCERPT_CHARACTERS),
        created_at=article.created_at,
        writer_masked=mask_name(article.writer),
        member_id_masked=mask_name(article.member_id) if article.member_id is not None else None,
        reply_status=cast("Literal['N', 'P', 'C'] | None", article.reply_status),
        secret=article.secret,
        order_id=article.order_id,
    )
