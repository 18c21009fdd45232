"""Pages and files: the loader, the chat's frame and call page, the demo shop, the privacy notice. No inline script anywhere."""

from html import escape
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from sangdam.core.errors import Kind, SangdamError
from sangdam.web.assets import Asset, Assets
from sangdam.web.errors import answers
from sangdam.web.parts import Parts
from sangdam.web.widgets import Widget, Widgets

_PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}}}

_NOTICE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_STYLE = Asset.of(
    b"""
:root { color-scheme: light dark; font: 17px/1.7 system-ui, "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", sans-serif; }
body { margin: 0; word-break: keep-all; overflow-wrap: anywhere; }
main { max-width: 40rem; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 0 0 1rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p, ul { margin: .5rem 0; }
ul { padding-left: 1.2rem; }
li { margin: .25rem 0; }
""",
    ".css",
)


def page_routes(parts: Parts, widgets: Widgets, assets: Assets) -> APIRouter:
    router = APIRouter(tags=["pages"], default_response_class=Response)
    privacy = privacy_page(parts.retention_days)

    async def widget_of(key: str) -> Widget:
        widget = await widgets.find(key)
        if widget is None:
            raise SangdamError(Kind.NOT_FOUND, "no active widget has this key", code="WIDGET_NOT_FOUND")
        return widget

    def asset_of(name: str) -> Asset:
        asset = assets.get(name)
        if asset is None:
            raise SangdamError(Kind.NOT_FOUND, f"no file {name[:80]!r}")
        return asset

    @router.get("/widget.js", responses={200: {"content": {"text/javascript": {}}}, **answers(404)})
    async def loader(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        # Any page may include it; what it may do is decided when its frame is loaded.
        return asset_of("widget.js").answer(request, headers={"cross-origin-resource-policy": "cross-origin"})

    @router.get("/static/{name:path}", include_in_schema=False)
    async def static(name: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        if name.endswith(".html"):
            raise SangdamError(Kind.NOT_FOUND, "pages have addresses of their own")
        return asset_of(name).answer(request)

    @router.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(status_code=204, headers={"cache-control": "public, max-age=86400"})

    @router.get("/embed/{public_key}", responses={**_PAGE, **answers(404)})
    async def embed(public_key: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        widget = await widget_of(public_key)
        policy = chat_policy(parts, ancestors=" ".join(("'self'", *widget.origins)))
        return asset_of("embed.html").answer(
            request, headers={"content-security-policy": policy, "cache-control": "no-cache"}
        )

    @router.get("/call/{public_key}", responses={**_PAGE, **answers(404)})
    async def call(public_key: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        await widget_of(public_key)
        policy = chat_policy(parts, ancestors="'none'")
        return asset_of("call.html").answer(
            request, headers={"content-security-policy": policy, "cache-control": "no-cache"}
        )

    @router.get("/privacy.css", include_in_schema=False)
    async def style(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return _STYLE.answer(request)

    @router.get("/privacy", responses={**_PAGE, **answers()})
    async def notice(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return privacy.answer(request, headers={"content-security-policy": _NOTICE_POLICY})

    if parts.demo is not None:
        key = parts.demo.widget_key

        @router.get("/demo/shop", include_in_schema=False)
        async def shop(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
            page = asset_of("shop.html").content.decode()
            filled = page.replace("{{widget_src}}", "/widget.js").replace("{{widget_key}}", escape(key))
            headers = {"content-security-policy": shop_policy(), "cache-control": "no-cache"}
            return Asset.of(filled.encode(), ".html").answer(request, headers=headers)

    return router


def chat_policy(parts: Parts, *, ancestors: str) -> str:
    socket = urlsplit(parts.call_ws_url)
    images = " ".join(("'self'", "data:", *parts.image_hosts))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
        f"img-src {images}; connect-src 'self' {socket.scheme}://{socket.netloc}; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )


def shop_policy() -> str:
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def privacy_page(days: int) -> Asset:
    """Says what is really set, in days."""
    return Asset.of(
        f"""<!doctype html>
<html lang="ko">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>상담 개인정보 안내</title>
<link rel="stylesheet" href="/privacy.css">
</head>
<body>
<main>
<h1>상담 개인정보 안내</h1>
<p>상담에 필요한 만큼만 받고, 정해진 기간이 지나면 지워요.</p>
<h2>무엇을 받나요</h2>
<ul>
<li>상담 중에 적어 주신 내용</li>
<li>주문 확인이나 재입고 알림에 쓰는 휴대폰 번호와 이름</li>
<li>배송지를 바꿀 때 알려 주신 주소</li>
</ul>
<h2>어디에 쓰나요</h2>
<p>문의에 답하고, 주문을 확인하고, 요청하신 일을 처리하는 데에만 써요. AI가 먼저 답하고, 원하시면 상담원이 이어서 도와드려요.</p>
<h2>언제까지 보관하나요</h2>
<ul>
<li>상담 내용: 상담이 끝난 날부터 {days}일</li>
<li>인증번호: 24시간</li>
<li>교환, 반품, 환불처럼 접수된 요청의 기록: 전자상거래법에 따라 3년. 이때도 휴대폰 번호와 주소는 가려서 보관해요.</li>
</ul>
<h2>지우고 싶을 때</h2>
<p>상담창에서 '상담원 연결'을 누르고 삭제를 요청해 주세요. 확인한 뒤 지워 드려요.</p>
</main>
</body>
</html>
""".encode(),
        ".html",
    )
