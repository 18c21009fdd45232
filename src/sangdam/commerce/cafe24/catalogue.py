"""Goods, suppliers and boards of the mall's JSON to the shop's vocabulary, as strict as `mapping` is for orders. Pure.

The mall passes over filters it does not know, so that what a record was asked for by is checked again here.
"""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import assert_never
from urllib.parse import urlsplit

from sangdam.commerce.cafe24.mapping import Fields, Malformed
from sangdam.commerce.plain import cut, plain_text
from sangdam.commerce.shop import ArticleField, ArticleQuery
from sangdam.core.clock import kst_date
from sangdam.core.ids import MemberId, OrderId
from sangdam.core.shop import Article, Board, Product, ProductOption, SoldOut, Supplier, Surcharges, Variant

SUMMARY_CHARACTERS = 200
_ORDER_ID = re.compile(r"\d{8}-\d{7}", re.ASCII)
_PICTURES = ("list_image", "small_image", "detail_image", "tiny_image")
ITSELF = "S0000000"
"""The shop as its own supplier."""
_COUNTRIES: Mapping[str, str] = {
    "KR": "대한민국", "CN": "중국", "JP": "일본", "VN": "베트남", "TW": "대만", "HK": "홍콩", "TH": "태국", "ID": "인도네시아", "IN": "인도", "BD": "방글라데시", "KH": "캄보디아",
    "MM": "미얀마", "PH": "필리핀", "MY": "말레이시아", "LK": "스리랑카", "PK": "파키스탄", "TR": "튀르키예", "US": "미국", "CA": "캐나다", "MX": "멕시코", "GB": "영국", "FR": "프랑스",
    "IT": "이탈리아", "DE": "독일", "ES": "스페인", "PT": "포르투갈", "NL": "네덜란드", "BE": "벨기에", "CH": "스위스", "AT": "오스트리아", "SE": "스웨덴", "DK": "덴마크", "PL": "폴란드",
    "AU": "호주", "NZ": "뉴질랜드", "BR": "브라질",
}  # fmt: skip


def product(fields: Fields, *, url: str | None) -> Product:
    """A product; its `variants` where they were embedded. `url` is its page, which the mall does not tell."""
    rows = [Fields(row, f"{fields.path}.variants[{n}]") for n, row in enumerate(fields.list("variants"))]
    variants = tuple(variant(row) for row in rows)
    retail = fields.money("retail_price")
    return Product(
        product_no=fields.whole("product_no"),
        name=plain_text(fields.text("product_name")),
        price=fields.money("price"),
        retail_price=retail if retail > 0 else None,
        currency=fields.text("currency", "KRW"),
        selling=is_true(fields, "selling"),
        display=is_true(fields, "display"),
        sold_out=sold_out(variants, fields.optional("sold_out")),
        variants=variants,
        options=options([row for row, each in zip(rows, variants, strict=True) if each.display]),
        thumbnail=next((found for name in _PICTURES if (found := web_address(fields.optional(name)))), None),
        url=url,
        summary=cut(plain_text(fields.optional("summary_description") or ""), SUMMARY_CHARACTERS),
        release_date=fields.day("release_date"),
        made_in=_COUNTRIES.get(fields.optional("made_in_code") or ""),
        supplier_code=supplied_by if (supplied_by := fields.optional("supplier_code")) != ITSELF else None,
    )


def variant(fields: Fields) -> Variant:
    """Stock as the inventory says where it was embedded, else as the variant itself does."""
    stock = fields.inner("inventories") if fields.get("inventories") else fields
    quantity = stock.whole("quantity", 0) if is_true(stock, "use_inventory") else None
    return Variant(
        variant_code=fields.text("variant_code"),
        option=" / ".join(value for _, value in _chosen(fields)),
        selling=is_true(fields, "selling"),
        display=is_true(fields, "display"),
        quantity=quantity,
        sold_out=quantity is not None and quantity <= 0 and is_true(stock, "display_soldout"),
    )


def sold_out(variants: Sequence[Variant], flag: str | None) -> SoldOut:
    """What the options that are shown say; without any, the mall's own `sold_out`."""
    shown = [each.available for each in variants if each.display]
    if not shown:
        return {"T": SoldOut.YES, "F": SoldOut.NO}.get(flag or "", SoldOut.UNKNOWN)
    if all(shown):
        return SoldOut.NO
    return SoldOut.PARTIAL if any(shown) else SoldOut.YES


def options(variants: Sequence[Fields]) -> tuple[ProductOption, ...]:
    """The choices that these variants combine, in their order."""
    found: dict[str, dict[str, None]] = {}
    for each in variants:
        for name, value in _chosen(each):
            found.setdefault(name, {})[value] = None
    return tuple(ProductOption(name, tuple(values)) for name, values in found.items())


def _chosen(fields: Fields) -> list[tuple[str, str]]:
    rows = (Fields(row, f"{fields.path}.options[{n}]") for n, row in enumerate(fields.list("options")))
    return [(plain_text(row.text("name")), value) for row in rows if (value := plain_text(row.text("value")))]


def supplier(fields: Fields) -> Supplier:
    return Supplier(
        supplier_code=fields.text("supplier_code"),
        name=plain_text(fields.text("supplier_name")),
        active=fields.optional("status") == "A",
        ships_directly=fields.optional("trading_type") == "C",
    )


def surcharges(fields: Fields) -> Surcharges | None:
    """Only where the shop set one amount for 제주 and one for far places; by name or zip code there is no such amount."""
    if not is_true(fields, "use_regional_surcharge") or fields.optional("region_setting_type") != "A":
        return None
    found = Surcharges(fields.money("jeju_surcharge_amount"), fields.money("remote_area_surcharge_amount"))
    return found if found.jeju > 0 or found.remote > 0 else None


def board(fields: Fields) -> Board:
    return Board(
        board_no=fields.whole("board_no"),
        name=plain_text(fields.text("board_name")),
        kind=fields.whole("board_type", 0),
        in_use=is_true(fields, "use_board"),
        secret_only=is_true(fields, "secret_only"),
        position=fields.whole("display_order", 0),
    )


def article(fields: Fields) -> Article:
    """An order number is kept where it is one: people write what they like there."""
    created_at = fields.time("created_date")
    if created_at is None:
        raise Malformed(f"{fields.path}.created_date: missing")
    member, number = fields.optional("member_id"), fields.optional("order_id") or ""
    parent = fields.whole("parent_article_no", 0)
    article_no = fields.whole("article_no")
    return Article(
        board_no=fields.whole("board_no"),
        article_no=article_no,
        parent_article_no=parent if parent not in (0, article_no) else None,
        title=plain_text(fields.text("title", "")),
        text=plain_text(fields.text("content", "")),
        created_at=created_at,
        writer=fields.text("writer", "").strip(),
        member_id=MemberId(member) if member is not None else None,
        reply_status=status if (status := fields.optional("reply_status")) in ("N", "P", "C") else None,
        secret=is_true(fields, "secret"),
        order_id=OrderId(number) if _ORDER_ID.fullmatch(number) else None,
        product_no=fields.whole("product_no", 0) or None,
    )


def was_asked_for(fields: Fields, found: Article, query: ArticleQuery) -> bool:
    """Whether an article of the right board fits the query and is not deleted. Which product's name was sought it does not tell."""
    window = query.window
    return (
        fields.optional("deleted") != "T"
        and (window is None or window.start <= kst_date(found.created_at) <= window.end)
        and (not query.article_nos or found.article_no in query.article_nos)
        and query.reply_status in (None, found.reply_status)
        and query.product_no in (None, found.product_no)
        and (query.search is None or _contains(fields, found, *query.search))
    )


def _contains(fields: Fields, found: Article, where: ArticleField, sought: str) -> bool:
    match where:
        case "subject":
            return names(fields.text("title", ""), sought)
        case "content":
            return names(fields.text("content", ""), sought) or names(found.text, sought)
        case "writer_name":
            return names(found.writer, sought)
        case "member_id":
            return (found.member_id or "").casefold() == sought.casefold()
        case "product":
            return True
        case _:
            assert_never(where)


def names(text: str, sought: str) -> bool:
    """Whether it is in the text, spaces and case aside."""
    return _squeezed(sought) in _squeezed(unescape(text))


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def is_true(fields: Fields, name: str) -> bool:
    """`T`; everything else, nothing included, is no."""
    return fields.optional(name) == "T"


def web_address(text: str | None) -> str | None:
    """An address a browser may be sent to; None for anything else."""
    if text is None or len(text) > 1000 or not text.isprintable() or " " in text:
        return None
    try:
        address = urlsplit(text)
    except ValueError:
        return None
    return text if address.scheme in ("http", "https") and address.hostname else None
