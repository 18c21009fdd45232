"""Goods of the mall's JSON to the shop's vocabulary, as strict as `mapping` is for orders. Pure."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from sangdam.commerce.cafe24.mapping import Fields
from sangdam.commerce.plain import cut, plain_text
from sangdam.core.shop import Product, ProductOption, SoldOut, Variant

SUMMARY_CHARACTERS = 200
_PICTURES = ("list_image", "small_image", "detail_image", "tiny_image")
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
        supplier_code=fields.optional("supplier_code"),
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
