"""The pages people see: consent, product, SMS inbox and the control page. Their styles and scripts are files of their own."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from cafe24_sandbox.model import Mall, Product
from cafe24_sandbox.solapi import Sms
from cafe24_sandbox.wire import Answer

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


FAULT_NAMES = {
    "latency": "느려짐",
    "status": "정한 상태 코드",
    "drop_before": "처리 전에 끊김",
    "drop_after_commit": "처리 뒤에 끊김",
    "timeout": "답이 없음",
    "forget": "된 척하고 잊음",
    "malformed": "깨진 JSON",
    "empty": "빈 답",
    "html": "HTML 점검 화면",
    "wrong_json": "다른 모양의 JSON",
    "expire_tokens": "접근 토큰 만료",
    "burn_tokens": "갱신 토큰 소진",
    "revoke_tokens": "토큰 취소",
    "uninstall": "앱 삭제",
    "version_expired": "API 버전 만료",
    "solapi_failed": "문자 등록 실패",
    "juso_error": "주소 검색 오류",
}


def table(identity: str, *heads: str) -> str:
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody id="{identity}"></tbody></table></div>'


def control_page(malls: Iterable[str]) -> str:
    choices = "".join(f'<option value="{escape(m)}">{escape(m)}</option>' for m in malls)
    kinds = "".join(f'<option value="{kind}">{name}</option>' for kind, name in FAULT_NAMES.items())
    body = f"""
<header><h1>연습용 쇼핑몰 조종판</h1><p id="clock" class="number"></p></header>
<div class="row"><label>쇼핑몰 <select id="mall">{choices}</select></label><a href="/inbox">문자함 열기</a></div>
<p id="said" role="status" aria-live="polite"></p>
<section aria-labelledby="h-orders"><h2 id="h-orders">주문</h2>
<form id="order-search"><label>이름, 전화번호, 주문번호 <input id="find" autocomplete="off"></label><button>찾기</button></form>
{table("orders", "주문번호", "주문자", "상품", "상태", "움직이기")}</section>
<section aria-labelledby="h-cast"><h2 id="h-cast">나오는 사람</h2>{table("shoppers", "이름", "전화번호", "아이디", "주문")}</section>
<section aria-labelledby="h-stock"><h2 id="h-stock">재고</h2>
<form id="stock"><label>상품 번호 <input name="product_no" inputmode="numeric" required value="105"></label>
<label>옵션 코드(비우면 모두) <input name="variant_code" autocomplete="off"></label>
<label>수량 <input name="quantity" type="number" required value="10"></label><button>바꾸기</button></form></section>
<section aria-labelledby="h-faults"><h2 id="h-faults">장애</h2>
<form id="fault"><label>종류 <select name="kind">{kinds}</select></label>
<label>방법 <select name="method"><option value="">모두</option><option>GET</option><option>POST</option><option>PUT</option></select></label>
<label>경로(정규식) <input name="path" value="/api/v2/admin" autocomplete="off"></label>
<label>상태 코드 <input name="status" type="number" min="100" max="599"></label>
<label>시간(ms) <input name="ms" type="number" min="0"></label>
<label>횟수 <input name="count" type="number" min="1"></label>
<label>오류 코드 <input name="code" autocomplete="off"></label><button>걸기</button>
<button type="button" id="clear-faults" class="quiet">모두 지우기</button></form>
{table("faults", "종류", "대상", "남은 횟수", "일어난 횟수", "")}</section>
<section aria-labelledby="h-time"><h2 id="h-time">시계와 연결</h2>
<form id="time"><label>앞으로(시간) <input name="hours" type="number" step="0.5" value="24"></label><button>옮기기</button>
<button type="button" id="freeze" class="quiet">멈추기</button><button type="button" id="thaw" class="quiet">다시 가기</button>
<button type="button" id="expire" class="quiet">접근 토큰 만료</button><button type="button" id="burn" class="quiet">갱신 토큰 소진</button>
<button type="button" id="fill-bucket" class="quiet">호출 한도 채우기</button>
<button type="button" id="open-bucket" class="quiet">호출 제한 끄기</button><button type="button" id="close-bucket" class="quiet">호출 제한 켜기</button>
<button type="button" id="reset" class="quiet">처음 상태로</button></form></section>
<section aria-labelledby="h-calls"><h2 id="h-calls">받은 호출</h2><p id="total" class="soft"></p>{table("calls", "시각", "방법", "경로", "답")}</section>
"""
    return layout("연습용 쇼핑몰 조종판", body, "control.js")
