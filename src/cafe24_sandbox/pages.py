"""The pages people see: consent, product, SMS inbox and the control page. Their styles and scripts are files of their own."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from cafe24_sandbox.model import Mall, Product
from cafe24_sandbox.solapi import Sms
from cafe24_sandbox.wire import Answer

if TYPE_CHECKING:
    from cafe24_sandbox.world import World

STATIC = Path(__file__).with_name("static")
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


def layout(title: str, body: str, script: str | None = None) -> str:
    tag = f'<script src="/_static/{script}" defer></script>' if script else ""
    return (
        '<!doctype html><html lang="ko"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/_static/sandbox.css">{tag}</head>'
        f"<body><main>{body}</main></body></html>"
    )


def plain_page(title: str, text: str) -> str:
    return layout(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def consent_page(mall: Mall, scopes: tuple[str, ...]) -> str:
    rows = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in scopes)
    name = escape(mall.settings.shop_name)
    return layout(
        "앱 권한 동의",
        f"<h1>앱 권한 동의</h1><p>{name}({escape(mall.id)})의 정보에 접근하려고 해요. 모래상자 쇼핑몰이라 실제 정보는 없어요.</p>"
        f'<ul class="scopes">{rows}</ul>'
        '<form method="post"><button name="decision" value="allow">동의하고 계속</button> '
        '<button name="decision" value="deny" class="quiet">취소</button></form>',
    )


def product_page(mall: Mall, product: Product) -> str:
    state = "품절" if product.sold_out else "판매 중"
    options = "".join(
        f"<li>{escape(variant.label or '기본')}{' (품절)' if variant.sold_out else ''}</li>"
        for variant in product.variants
    )
    note = f"<p>{escape(product.soldout_message)}</p>" if product.sold_out and product.soldout_message else ""
    return layout(
        product.name,
        f"<p>{escape(mall.settings.shop_name)}</p><h1>{escape(product.name)}</h1>"
        f'<img src="/shop/{escape(mall.id)}/image/{product.no}.svg" alt="" width="240" height="240">'
        f"<p><strong>{product.price:,}원</strong> · {state}</p><p>{escape(product.summary)}</p>{note}<ul>{options}</ul>",
    )


def product_image(product: Product) -> Answer:
    """A drawn stand-in: the first letters on a colour of its own."""
    hue = product.no * 47 % 360
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" role="img">'
        f'<rect width="240" height="240" fill="hsl({hue} 35% 88%)"/>'
        f'<text x="120" y="132" font-size="34" text-anchor="middle" fill="hsl({hue} 45% 28%)" '
        f'font-family="sans-serif">{escape(product.name.split(" ")[0][:5])}</text></svg>'
    )
    return Answer(200, svg.encode(), "image/svg+xml", (("cache-control", "max-age=3600"),))


def inbox_page(messages: list[Sms]) -> str:
    rows = "".join(
        f"<li><p><strong>{escape(m.to)}</strong> <time>{m.at:%Y-%m-%d %H:%M:%S}</time></p><pre>{escape(m.text)}</pre></li>"
        for m in messages
    )
    empty = '<p class="empty">아직 받은 문자가 없어요.</p>'
    return layout(
        "문자함",
        f'<h1>문자함</h1><ul id="messages" class="cards" aria-live="polite">{rows}</ul>{"" if rows else empty}',
        "inbox.js",
    )


def static_file(name: str) -> Answer | None:
    path = STATIC / name
    kind = KINDS.get(path.suffix)
    if kind is None or "/" in name or not path.is_file():
        return None
    return Answer(200, path.read_bytes(), kind, (("cache-control", "no-cache"), ("x-content-type-options", "nosniff")))


def control_page(world: "World") -> str:
    malls = "".join(f'<option value="{escape(m)}">{escape(m)}</option>' for m in world.malls)
    body = f"""
<header><h1>연습용 쇼핑몰</h1><p id="clock"></p></header>
<label>쇼핑몰 <select id="mall">{malls}</select></label>
<p id="said" role="status" aria-live="polite"></p>
"""
    return layout("연습용 쇼핑몰 조종판", body, "control.js")
