"""Goods: the product list with its filters, variants, stock, hits, and the suppliers behind them."""

from collections.abc import Callable

from cafe24_sandbox import mall as world
from cafe24_sandbox import render
from cafe24_sandbox.admin import Ask, Mixed, Route, each_row, embedded, page_of, window_of
from cafe24_sandbox.model import Product, Supplier, Variant
from cafe24_sandbox.wire import INVALID_REQUEST, Fields, Obj, Refused, flag, open_envelope

LIST_EMBEDS = (
    "channeldiscountprices",
    "discountprice",
    "decorationimages",
    "benefits",
    "options",
    "variants",
    "additionalimages",
    "hits",
    "inventories",
)
EMBEDS = (*LIST_EMBEDS, "memos", "seo", "tags", "custom_properties")


def lowered(text: str) -> str:
    return text.lower()


CONTAINS: dict[str, Callable[[Product], str]] = {
    "product_name": lambda p: lowered(p.name),
    "eng_product_name": lambda p: lowered(p.eng_name),
    "internal_product_name": lambda p: lowered(p.custom_code),
    "model_name": lambda p: lowered(p.custom_code.replace("-", "")),
    "product_tag": lambda p: lowered(" ".join(p.tags)),
    "supply_product_name": lambda p: "",
}
CONTAINS_EXACT_CASE: dict[str, Callable[[Product], str]] = {
    "product_code": lambda p: p.code,
    "custom_product_code": lambda p: p.custom_code,
}
ONE_OF: dict[str, Callable[[Product], str]] = {
    "product_no": lambda p: str(p.no),
    "supplier_code": lambda p: p.supplier_code,
    "brand_code": lambda p: "B0000000",
    "manufacturer_code": lambda p: "M0000000",
    "trend_code": lambda p: "T0000000",
    "classification_code": lambda p: "C000000A",
    "category": lambda p: str(p.category_no),
}
FLAGS: dict[str, Callable[[Product], bool]] = {
    "display": lambda p: p.display,
    "selling": lambda p: p.selling,
    "use_inventory": lambda p: any(v.use_inventory for v in p.variants),
    "product_bundle": lambda p: False,
    "market_sync": lambda p: False,
}
RANGES: dict[str, Callable[[Product], list[int]]] = {
    "price": lambda p: [p.price],
    "retail_price": lambda p: [p.retail_price],
    "supply_price": lambda p: [p.supply_price],
    "stock_quantity": lambda p: [v.quantity for v in p.variants],
    "stock_safety": lambda p: [v.safety for v in p.variants],
}


def matching_products(ask: Ask) -> list[Product]:
    q = ask.query
    products = list(ask.mall.products.values())
    for name, read in CONTAINS.items():
        if asked := q.texts(name):
            parts = [a.lower() for a in asked]
            products = [p for p in products if any(a in read(p) for a in parts)]
    for name, read in CONTAINS_EXACT_CASE.items():
        if asked := q.texts(name):
            products = [p for p in products if any(a in read(p) for a in asked)]
    for name, read in ONE_OF.items():
        if asked := q.texts(name):
            products = [p for p in products if read(p) in asked]
    if codes := q.texts("custom_variant_code"):
        products = [p for p in products if any(v.custom_code in codes for v in p.variants)]
    for name, holds in FLAGS.items():
        if (wanted := q.choice(name, ("T", "F"))) is not None:
            products = [p for p in products if flag(holds(p)) == wanted]
    for name, values in RANGES.items():
        low, high = q.whole(f"{name}_min", -(10**9)), q.whole(f"{name}_max", -(10**9))
        if low is not None:
            products = [p for p in products if any(v >= low for v in values(p))]
        if high is not None:
            products = [p for p in products if any(v <= high for v in values(p))]
    if (window := window_of(ask, months=None, first="created_start_date", last="created_end_date")) is not None:
        products = [p for p in products if window[0] <= p.created <= window[1]]
    if (window := window_of(ask, months=None, first="updated_start_date", last="updated_end_date")) is not None:
        products = [p for p in products if window[0] <= p.updated <= window[1]]
    return products


def list_products(ask: Ask) -> Obj:
    q = ask.query
    since = q.whole("since_product_no", 0)
    if since is not None and any(q.has(n) for n in ("product_no", "sort", "order", "offset")):
        raise q.refuse("since_product_no", "can not be used with product_no, sort, order or offset.")
    sort = q.choice("sort", ("created_date", "updated_date", "product_name")) or "created_date"
    down = (q.choice("order", ("asc", "desc")) or "desc") == "desc"
    products = matching_products(ask)
    if since is not None:
        products = sorted((p for p in products if p.no > since), key=lambda p: p.no)
    elif sort == "product_name":
        products.sort(key=lambda p: p.name, reverse=down)
    else:
        products.sort(key=lambda p: (p.updated if sort == "updated_date" else p.created, p.no), reverse=down)
    page = page_of(ask, products, most=100, furthest=5000)
    embed = embedded(ask, LIST_EMBEDS)
    return {"products": [render.product(ask.mall, p, shop_base(ask), embed) for p in page]}


def shop_base(ask: Ask) -> str:
    """Pictures hang below the sandbox's own origin, not below a mall's API."""
    return ask.base.removesuffix(f"/malls/{ask.mall.id}")


def count_products(ask: Ask) -> Obj:
    return {"count": len(matching_products(ask))}


def product_of(ask: Ask) -> Product:
    product = ask.mall.products.get(int(ask.args[0])) if ask.args[0].isdecimal() else None
    if product is None:
        raise Refused(404, "Product not found.")
    return product


def variant_of(ask: Ask, product: Product) -> Variant:
    variant = next((v for v in product.variants if v.code == ask.args[1]), None)
    if variant is None:
        raise Refused(404, "Variant not found.")
    return variant


def get_product(ask: Ask) -> Obj:
    embed = embedded(ask, EMBEDS)
    return {"product": render.product(ask.mall, product_of(ask), shop_base(ask), embed, detail=True)}


def put_product(ask: Ask) -> Obj:
    product = product_of(ask)
    row = open_envelope(ask.body, 1).request
    known = ("product_name", "price", "display", "selling", "summary_description", "soldout_message", "release_date")
    if not any(row.has(n) for n in known):
        raise Refused(422, INVALID_REQUEST)
    product.name = row.text("product_name", least=1, most=250) or product.name
    if (price := row.text("price")) is not None:
        if not price.replace(".", "", 1).isdecimal():
            raise row.refuse("price", "is not a valid value.")
        product.price = int(float(price))
    product.display, product.selling = row.flag("display", product.display), row.flag("selling", product.selling)
    product.summary = row.text("summary_description", most=255) or product.summary
    product.soldout_message = row.text("soldout_message", most=250) or product.soldout_message
    product.release_date = row.text("release_date") or product.release_date
    product.updated = ask.now
    return {"product": render.product(ask.mall, product, shop_base(ask), detail=True)}


def get_variants(ask: Ask) -> Obj:
    stock = "inventories" in embedded(ask, ("inventories",))
    return {"variants": [render.variant(v, stock) for v in product_of(ask).variants]}


def get_variant(ask: Ask) -> Obj:
    stock = "inventories" in embedded(ask, ("inventories",))
    return {"variant": render.variant(variant_of(ask, product_of(ask)), stock)}


def change_variant(ask: Ask, product: Product, variant: Variant, row: Fields) -> None:
    """Check every field before the first is changed."""
    quantity = row.whole("quantity", -(10**6), 10**9)
    control = row.choice("inventory_control_type", ("A", "B"))
    use, sold_out = row.choice("use_inventory", ("T", "F")), row.choice("display_soldout", ("T", "F"))
    display, selling = row.choice("display", ("T", "F")), row.choice("selling", ("T", "F"))
    safety, position = row.whole("safety_inventory", 0), row.whole("display_order", 1, 300)
    custom = row.text("custom_variant_code", most=40)
    values = (quantity, control, use, sold_out, display, selling, safety, position, custom)
    if all(value is None for value in values):
        raise Refused(422, INVALID_REQUEST)

    def change() -> None:
        variant.quantity = variant.quantity if quantity is None else quantity
        variant.deduct_at = "A" if control == "A" else "B" if control == "B" else variant.deduct_at
        variant.use_inventory = variant.use_inventory if use is None else use == "T"
        variant.display_soldout = variant.display_soldout if sold_out is None else sold_out == "T"
        variant.display = variant.display if display is None else display == "T"
        variant.selling = variant.selling if selling is None else selling == "T"
        variant.safety = variant.safety if safety is None else safety
        variant.order = variant.order if position is None else position
        variant.custom_code = variant.custom_code if custom is None else custom

    world.change_variant(ask.mall, product, variant, change, ask.now)


def put_variant(ask: Ask) -> Obj:
    product = product_of(ask)
    variant = variant_of(ask, product)
    change_variant(ask, product, variant, open_envelope(ask.body, 1).request)
    return {"variant": render.variant(variant)}


def put_variants(ask: Ask) -> Obj | Mixed:
    product = product_of(ask)

    def one(row: Fields) -> Obj:
        code = row.needed("variant_code")
        variant = next((v for v in product.variants if v.code == code), None)
        if variant is None:
            raise Refused(404, "Variant not found.")
        change_variant(ask, product, variant, row)
        return render.variant(variant)

    return each_row("variants", open_envelope(ask.body, 100), one)


def get_inventory(ask: Ask) -> Obj:
    return {"inventory": render.inventory(variant_of(ask, product_of(ask))) | {"origin_code": "W000000C"}}


def put_inventory(ask: Ask) -> Obj:
    product = product_of(ask)
    variant = variant_of(ask, product)
    change_variant(ask, product, variant, open_envelope(ask.body, 1).request)
    return {"inventory": render.inventory(variant)}


def count_hits(ask: Ask) -> Obj:
    return {"count": product_of(ask).hits}


# -- suppliers --------------------------------------------------------------------------------------------------------


def matching_suppliers(ask: Ask) -> list[Supplier]:
    codes, names = ask.query.texts("supplier_code"), ask.query.texts("supplier_name")
    return [
        s
        for s in ask.mall.suppliers.values()
        if (not codes or s.code in codes) and (not names or any(n in s.name for n in names))
    ]


SUPPLIER_SINCE = "2025-01-01T10:00:00+09:00"


def list_suppliers(ask: Ask) -> Obj:
    page = page_of(ask, matching_suppliers(ask), most=100, furthest=8000)
    return {"suppliers": [render.supplier(s, SUPPLIER_SINCE, False) for s in page]}


def count_suppliers(ask: Ask) -> Obj:
    return {"count": len(matching_suppliers(ask))}


def get_supplier(ask: Ask) -> Obj:
    supplier = ask.mall.suppliers.get(ask.args[0])
    if supplier is None:
        raise Refused(404, "Supplier not found.")
    return {"supplier": render.supplier(supplier, None, True)}


READ, WRITE = "mall.read_product", "mall.write_product"
STOCK = "/products/{product_no}/variants/{variant_code}/inventories"
ROUTES = (
    Route("GET", "/products", READ, list_products),
    Route("GET", "/products/count", READ, count_products),
    Route("GET", "/products/{product_no}", READ, get_product),
    Route("PUT", "/products/{product_no}", WRITE, put_product),
    Route("GET", "/products/{product_no}/variants", READ, get_variants),
    Route("PUT", "/products/{product_no}/variants", WRITE, put_variants),
    Route("GET", "/products/{product_no}/variants/{variant_code}", READ, get_variant),
    Route("PUT", "/products/{product_no}/variants/{variant_code}", WRITE, put_variant),
    Route("GET", STOCK, READ, get_inventory),
    Route("PUT", STOCK, WRITE, put_inventory),
    Route("GET", "/products/{product_no}/hits/count", READ, count_hits),
    Route("GET", "/suppliers", "mall.read_supply", list_suppliers),
    Route("GET", "/suppliers/count", "mall.read_supply", count_suppliers),
    Route("GET", "/suppliers/{supplier_code}", "mall.read_supply", get_supplier),
)
