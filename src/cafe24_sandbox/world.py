"""Everything a running sandbox remembers: its malls with their tokens and buckets, phones, faults, calls and the clock.

Answers the calls of the Admin API in the order the real gate asks: token, version, bucket, app, route, scope, body.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from cafe24_sandbox import admin_boards, admin_claims, admin_orders, admin_products, admin_shop
from cafe24_sandbox.admin import Ask, Mixed, Routes, only_fields
from cafe24_sandbox.bucket import Bucket
from cafe24_sandbox.config import SandboxConfig
from cafe24_sandbox.faults import Faults
from cafe24_sandbox.http import Request
from cafe24_sandbox.mall import APP_DELETED
from cafe24_sandbox.model import Event, Mall
from cafe24_sandbox.seed import seeded_mall
from cafe24_sandbox.solapi import Phones
from cafe24_sandbox.times import SettableClock, spaced
from cafe24_sandbox.tokens import SCOPES, Tokens
from cafe24_sandbox.wire import Answer, Fields, Obj, Refused, as_json

VERSIONS = ("2025-06-01", "2025-09-01", "2025-12-01", "2026-03-01", "2026-06-01", "2026-09-01")
DEFAULT_VERSION = "2026-03-01"
NO_API = "No API found"
RECENT = 500

ROUTES = Routes(
    (*admin_orders.ROUTES, *admin_claims.ROUTES, *admin_products.ROUTES, *admin_boards.ROUTES, *admin_shop.ROUTES)
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A call the sandbox received; `status` 0 when it was dropped."""

    at: datetime
    method: str
    path: str
    query: str
    status: int

    def shown(self) -> Obj:
        return {
            "at": self.at.isoformat(),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "status": self.status,
        }


@dataclass(slots=True)
class Calls:
    counted: Counter[str] = field(default_factory=Counter[str])
    recent: deque[Seen] = field(default_factory=lambda: deque[Seen](maxlen=RECENT))

    def note(self, seen: Seen) -> None:
        self.counted[f"{seen.method} {seen.path}"] += 1
        self.recent.append(seen)


@dataclass(slots=True)
class Webhooks:
    """Where events go and how badly: the chance that one is lost, sent twice, or kept until after the next one."""

    url: str | None
    key: str
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    dice: Random = field(default_factory=lambda: Random(0))  # noqa: S311

    def falls(self, chance: float) -> bool:
        return chance > 0 and self.dice.random() < chance


class World:
    """The state behind the routes. One per sandbox; `reset` makes it new."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.clock = SettableClock(config.clock)
        self.faults = Faults()
        self.reset()

    def reset(self, *, seed: int | None = None) -> None:
        """Start over: records, tokens, buckets, messages, faults, counters and the clock."""
        config = self.config
        self.clock.reset()
        start = config.start_day or self.clock.today()
        chosen = config.seed if seed is None else seed
        self.start_day = start
        self.malls: dict[str, Mall] = {mall: seeded_mall(mall, start, chosen) for mall in config.malls}
        self.tokens = {mall: Tokens(mall, config.client_id) for mall in config.malls}
        self.buckets = {mall: Bucket(open=config.open_bucket) for mall in config.malls}
        self.phones = Phones(config.solapi_key, config.solapi_secret)
        self.faults.clear()
        self.calls = Calls()
        self.dead_versions: set[str] = set()
        self.webhooks = Webhooks(config.webhook_url, config.webhook_key or "")

    def mall(self, mall_id: str) -> Mall:
        mall = self.malls.get(mall_id)
        if mall is None:
            raise Refused(404, NO_API)
        return mall

    def issue(self, mall_id: str, scopes: tuple[str, ...] | None = None) -> Obj:
        """A token pair without a browser, for all scopes unless told otherwise; installs the app again if it was deleted."""
        mall = self.mall(mall_id)
        mall.installed = True
        return self.tokens[mall_id].issue(scopes or tuple(sorted(SCOPES)), self.clock.now())

    def uninstall(self, mall: Mall) -> None:
        """The merchant deletes the app: every call is a 403 from here, and webhook 90077 tells it."""
        mall.installed = False
        now = self.clock.now()
        mall.events.append(
            Event(
                APP_DELETED,
                {
                    "mall_id": mall.id,
                    "client_id": self.config.client_id,
                    "app_name": "상담",
                    "deleted_date": spaced(now) or "",
                },
            )
        )

    # -- the Admin API's gate -----------------------------------------------------------------------------------------

    def admin(self, mall: Mall, request: Request, path: str, base: str) -> Answer:
        """One call below `/api/v2/admin`."""
        now, bucket = self.clock.now(), self.buckets[mall.id]
        found = ROUTES.find(request.method, path)
        limit = found[0].bucket if found is not None else None
        version = request.headers.get("x-cafe24-api-version", DEFAULT_VERSION)
        try:
            scopes = self.granted(mall, request, now)
            self.check_version(version)
            if not bucket.take(now, limit):
                raise Refused(429, "Too Many Requests")
            if not mall.installed:
                raise Refused(403, "This app has been deleted. Please accept the operator's consent again.")
            if found is None:
                raise Refused(404, NO_API)
            route, args = found
            if route.scope not in scopes:
                raise Refused(403, f"The access token has insufficient_scope. ({route.scope})")
            if route.restricted:
                raise Refused(403, "This API is restricted to selected clients.")
            if request.method in {"POST", "PUT"} and request.media_type != "application/json":
                raise Refused(400, "Content-type is not an application/json in the header.")
            query = Fields(request.query)
            if (query.whole("shop_no", 1) or 1) != 1:
                raise Refused(404, "Shop not found.")
            reply = route.call(Ask(mall, now, path, query, request.body, args, base))
            status, body = (207, reply.body) if isinstance(reply, Mixed) else (route.status, reply)
            answer = as_json(only_fields(body, query.texts("fields")), status)
        except Refused as refused:
            answer = as_json(refused.envelope(), refused.status)
        headers = (*bucket.headers(now, limit), ("X-Cafe24-Api-Version", version))
        return Answer(answer.status, answer.body, answer.content_type, headers)

    def granted(self, mall: Mall, request: Request, now: datetime) -> frozenset[str]:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Refused(401, "Authority to access is not valid.")
        scopes = self.tokens[mall.id].scopes_of(token.strip(), now)
        if isinstance(scopes, str):
            raise Refused(401, scopes)
        return frozenset(scopes)

    def check_version(self, version: str) -> None:
        if version in VERSIONS and version not in self.dead_versions:
            return
        living = [v for v in VERSIONS if v not in self.dead_versions]
        offered = DEFAULT_VERSION if DEFAULT_VERSION in living else living[-1]
        raise Refused(
            400,
            f"{version} version you requested is not available. The default value for the app version is {offered}.",
        )
