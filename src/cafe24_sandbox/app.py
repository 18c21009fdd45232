"""The sandbox as one ASGI application: which call goes where, and the faults on its way.

A call to a mall stands below `/malls/{mall_id}/` or at the host `{mall_id}.cafe24api.com`; nothing is ever forwarded to a real mall.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

from cafe24_sandbox import control, juso, oauth, pages
from cafe24_sandbox.config import SandboxConfig
from cafe24_sandbox.faults import Fault, status_body
from cafe24_sandbox.http import Receive, Request, Scope, Send, drop_connection, read_request, send_answer
from cafe24_sandbox.model import Mall
from cafe24_sandbox.solapi import Refusal
from cafe24_sandbox.webhooks import Deliveries
from cafe24_sandbox.wire import Answer, Fields, Obj, Refused, as_html, as_json
from cafe24_sandbox.world import NO_API, Seen, World

MALL_PATH = re.compile(r"^/malls/(?P<mall>[a-z0-9][a-z0-9_-]{0,39})(?P<rest>/.*)$")
MALL_HOST = re.compile(r"^(?P<mall>[a-z0-9][a-z0-9_-]{0,39})\.cafe24api\.com(:\d+)?$")
ADMIN = "/api/v2/admin"
SHOP = re.compile(r"^/shop/(?P<mall>[^/]+)/(?P<what>product|image)/(?P<no>\d+)(\.svg)?$")
GROUP = re.compile(r"/messages/v4/groups/([^/]+)/messages")
TIMEOUT_MS = 30_000


@dataclass(frozen=True, slots=True)
class Dropped:
    """The connection ends without an answer."""


Outcome: TypeAlias = Answer | Dropped


class Application:
    """An object with an asynchronous `__call__`, by which every server knows the kind of application."""

    def __init__(self, serve: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._serve(scope, receive, send)


class Sandbox:
    """A running mall. `app` serves it; the other members are for callers in the same process."""

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        self.world = World(self.config)
        self.deliveries = Deliveries(self.world)
        self.app = Application(self._serve)

    # -- in process ---------------------------------------------------------------------------------------------------

    def issue_tokens(self, mall: str | None = None, scopes: tuple[str, ...] | None = None) -> Obj:
        """What the token endpoint would answer, without a browser: both tokens, their ends, scopes, mall id.

        All scopes unless told otherwise. KeyError-free: an unknown mall raises `Refused` (404).
        """
        return self.world.issue(mall or self.config.malls[0], scopes)

    @property
    def inbox(self) -> list[Obj]:
        """Text messages, newest first: `to` in digits, `text`, `at`, and what SOLAPI was told besides."""
        return [m.shown() for m in reversed(self.world.phones.delivered)]

    def mall(self, mall: str | None = None) -> Mall:
        return self.world.mall(mall or self.config.malls[0])

    def state(self, mall: str | None = None, *, order_id: str | None = None, only: list[str] | None = None) -> Obj:
        """The present records as `GET /_control/state` tells them."""
        return control.state(self.world, self.mall(mall), order_id, only)

    def move_order(self, order_id: str, step: str, mall: str | None = None, **fields: object) -> Obj:
        """`advance`, `ship`, `deliver` or `status`, as the control call of that name does; the order as it is then."""
        found = self.mall(mall)
        order = control.order_of(found, order_id)
        control.ORDER_MOVES[step](self.world, found, order, Fields(fields))
        return control.shown_order(found, order)

    def add_fault(self, **rule: object) -> Obj:
        return self.world.faults.add(Fields(rule)).shown()

    def clear_faults(self) -> None:
        self.world.faults.clear()

    def reset(self, *, seed: int | None = None) -> None:
        self.world.reset(seed=seed)

    # -- the application ----------------------------------------------------------------------------------------------

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._live(receive, send)
            case "http":
                await self._exchange(scope, receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
                continue
            await self.deliveries.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = await read_request(scope, receive, self.config.public_url)
        except Refused as refused:
            await send_answer(send, as_json(refused.envelope(), refused.status))
            return
        own = self._own(request)
        outcome = own if own is not None else await self._struck(request, receive)
        self.deliveries.send_pending()
        match outcome:
            case Dropped():
                await drop_connection(scope, send)
            case Answer():
                await send_answer(send, outcome)

    def _own(self, request: Request) -> Answer | None:
        """The sandbox's own pages and controls, which no fault touches."""
        path = request.path
        if path == "/":
            return Answer(302, b"", headers=(("location", "/_control"),))
        if path == "/favicon.ico":
            return Answer(204, b"")
        if path in {"/_control", "/_control/"} and request.method == "GET":
            return as_html(pages.control_page(self.world.malls))
        if path.startswith("/_static/"):
            return pages.static_file(path.removeprefix("/_static/")) or as_html(
                pages.plain_page("없는 파일이에요", ""), 404
            )
        if path == "/inbox" and request.method == "GET":
            if "application/json" in request.headers.get("accept", ""):
                return as_json(self.inbox, headers=(("cache-control", "no-store"),))
            return as_html(pages.inbox_page(list(reversed(self.world.phones.delivered))))
        if path.startswith("/_control/"):
            return self._steer(request)
        return None

    def _steer(self, request: Request) -> Answer:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            # A page of another site in the same browser must not steer a sandbox that asks for no password.
            return as_json(Refused(403, "Controls are for this origin only.").envelope(), 403)
        try:
            body: object = json.loads(request.body) if request.body else {}
            return as_json(control.steer(self.world, request, body), headers=(("cache-control", "no-store"),))
        except (ValueError, UnicodeDecodeError):
            return as_json(Refused(400, "Bad Request").envelope(), 400)
        except Refused as refused:
            return as_json(refused.envelope(), refused.status)

    async def _struck(self, request: Request, receive: Receive) -> Outcome:
        """The mall's answer as the fault rules leave it."""
        struck = self.world.faults.strike(request.method, request.path)
        for fault in struck:
            if fault.kind == "latency":
                await hold(receive, fault.ms)
            else:
                self._spoil(fault, request)
        last = struck[-1] if struck else None
        outcome = await self._decided(request, last, receive)
        status = outcome.status if isinstance(outcome, Answer) else 0
        query = "&".join(request.query)
        self.world.calls.note(Seen(self.world.clock.now(), request.method, request.path, query, status))
        return outcome

    async def _decided(self, request: Request, fault: Fault | None, receive: Receive) -> Outcome:
        match fault.kind if fault is not None else None:
            case "drop_before":
                return Dropped()
            case "timeout":
                await hold(receive, fault.ms if fault is not None and fault.ms else TIMEOUT_MS)
                return Dropped()
            case "drop_after_commit":
                self._answer(request, None)
                self.deliveries.send_pending()
                await hold(receive, fault.ms if fault is not None else 0)
                return Dropped()
            case "status" if fault is not None:
                body = status_body(fault)
                if isinstance(body, bytes):
                    return Answer(fault.status, body)
                return Answer(fault.status, body.encode()) if isinstance(body, str) else as_json(body, fault.status)
            case "empty" if fault is not None:
                return Answer(200, b"")
            case "html" if fault is not None:
                return as_html(pages.plain_page("잠시 점검하고 있어요", "조금 뒤에 다시 이용해 주세요."), fault.status)
            case "malformed":
                answer = self._answer(request, None)
                return Answer(answer.status, answer.body[: max(1, len(answer.body) // 2)], answer.content_type)
            case "forget":
                found = mall_and_path(request)
                mall = self.world.malls.get(found[0]) if found is not None else None
                keep = snapshot(mall, request.path) if mall is not None else None
                answer = self._answer(request, None)
                if keep is not None:
                    keep()
                return answer
            case "wrong_json":
                answer = self._answer(request, None)
                return Answer(answer.status, b'{"unexpected":[1,null,{"order":"?"}]}', headers=answer.headers)
            case _:
                return self._answer(request, fault)

    def _spoil(self, fault: Fault, request: Request) -> None:
        """What a rule does to the state before the call goes on; acts on the call's mall, or on all when it has none."""
        named = mall_and_path(request)
        for mall in self.world.malls.values():
            if named is not None and mall.id != named[0]:
                continue
            match fault.kind:
                case "expire_tokens":
                    self.world.tokens[mall.id].expire(self.world.clock.now())
                case "burn_tokens":
                    self.world.tokens[mall.id].burn()
                case "revoke_tokens":
                    self.world.tokens[mall.id].revoke_all()
                case "uninstall":
                    self.world.uninstall(mall)
                case "version_expired":
                    self.world.dead_versions.add(request.headers.get("x-cafe24-api-version", ""))
                case _:
                    pass

    def _answer(self, request: Request, fault: Fault | None) -> Answer:
        found = mall_and_path(request)
        if found is not None:
            return self._mall_answer(request, *found)
        path = request.path
        if path in {"/juso/addrlink/addrLinkApi.do", "/addrlink/addrLinkApi.do"}:
            pairs = dict(request.query) | (request.form() if request.method == "POST" else {})
            forced = fault.code if fault is not None and fault.kind == "juso_error" else None
            return juso.look_up(pairs, self.config.juso_key, forced=forced)
        if path.startswith("/solapi/"):
            return self._solapi(request, path.removeprefix("/solapi"), fault)
        if (match := SHOP.fullmatch(path)) is not None:
            mall = self.world.malls.get(match["mall"])
            product = mall.products.get(int(match["no"])) if mall is not None else None
            if mall is None or product is None or not product.display:
                return as_html(pages.plain_page("없는 상품이에요", "주소를 다시 확인해 주세요."), 404)
            if match["what"] == "image":
                return pages.product_image(product)
            return as_html(pages.product_page(mall, product))
        return as_json(Refused(404, NO_API).envelope(), 404)

    def _solapi(self, request: Request, path: str, fault: Fault | None) -> Answer:
        phones, now = self.world.phones, self.world.clock.now()
        try:
            phones.check(request, (now, self.world.clock.real()))
            match request.method, path:
                case "POST", "/messages/v4/send-many/detail":
                    failing = fault.code if fault is not None and fault.kind == "solapi_failed" else None
                    return phones.send_many(request, now, fail_with=failing)
                case "GET", "/messages/v4/list":
                    return phones.listing(request)
                case "GET", "/messages/v4/groups":
                    return phones.groups(request)
                case "GET", groups if (match := GROUP.fullmatch(groups)) is not None:
                    return phones.listing(request, group_id=match[1])
                case "GET", "/cash/v1/balance":
                    return as_json({"balance": 100000, "point": 0})
                case _:
                    return as_json({"errorCode": "NotFound", "errorMessage": "API를 찾을 수 없습니다."}, 404)
        except Refusal as refusal:
            return refusal.answer

    def _mall_answer(self, request: Request, mall_id: str, path: str, base: str) -> Answer:
        trace = (("x-trace-id", str(uuid4())),)
        mall = self.world.malls.get(mall_id)
        if mall is None:
            answer = as_json(Refused(404, NO_API).envelope(), 404)
        elif path == ADMIN or path.startswith(ADMIN + "/"):
            answer = self.world.admin(mall, request, path.removeprefix(ADMIN) or "/", base)
        else:
            match request.method, path:
                case "GET" | "POST", "/api/v2/oauth/authorize":
                    answer = oauth.authorize(self.world, mall, request)
                case "POST", "/api/v2/oauth/token":
                    answer = oauth.token(self.world, mall, request)
                case "POST", "/api/v2/oauth/revoke":
                    answer = oauth.revoke(self.world, mall, request)
                case _:
                    answer = as_json(Refused(404, NO_API).envelope(), 404)
        return Answer(answer.status, answer.body, answer.content_type, answer.headers + trace)


def mall_and_path(request: Request) -> tuple[str, str, str] | None:
    """The mall a call is for, the path as the mall sees it, and what the mall's own links start with."""
    if (match := MALL_PATH.fullmatch(request.path)) is not None:
        return match["mall"], match["rest"], f"{request.base}/malls/{match['mall']}"
    host = request.headers.get("host", "")
    if (match := MALL_HOST.fullmatch(host)) is not None and request.path.startswith("/api/"):
        return match["mall"], request.path, f"https://{host}"
    return None


ORDER_PATH = re.compile(r"/orders/(\d{8}-\d{7})(/|$)")


def snapshot(mall: Mall, path: str) -> Callable[[], None]:
    """What puts the order a call names, the mall's posts and its unsent events back to how they are now."""
    named = ORDER_PATH.search(path)
    order = deepcopy(mall.orders.get(named[1])) if named is not None else None
    claims, events = dict(mall.claims), list(mall.events)
    posts = {number: dict(articles) for number, articles in mall.articles.items()}

    def restore() -> None:
        if order is not None:
            mall.orders[order.id] = order
            claims.update({claim.code: claim for claim in order.claims})
        mall.claims, mall.articles, mall.events = claims, posts, events

    return restore


async def hold(receive: Receive, ms: int) -> None:
    """Wait that long, or until the caller hangs up."""
    if ms <= 0:
        return

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    watch = asyncio.ensure_future(gone())
    await asyncio.wait({watch}, timeout=ms / 1000)
    watch.cancel()
