"""The composition root: builds every part once, joins them, opens and closes them. Nothing else reads settings."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import httpx2
import structlog
from prometheus_client import CollectorRegistry

from sangdam.agent.aftermath import aftermath
from sangdam.agent.agents import Agents
from sangdam.agent.dialogue import tools_named
from sangdam.agent.opening import opening_message
from sangdam.agent.turn import Shop as TurnShop
from sangdam.agent.turn import Turns
from sangdam.agent.understand import Understanding
from sangdam.agent.worker import Worker
from sangdam.commerce import AddressSearch, Aliases, House
from sangdam.commerce import Shop as ShopProtocol
from sangdam.commerce import tools as commerce_tools
from sangdam.commerce.cafe24.client import MallClient
from sangdam.commerce.cafe24.limits import MallLimiter, OpenLimiter
from sangdam.commerce.cafe24.mall import Cafe24Shop, Shared
from sangdam.commerce.cafe24.tokens import App, Tokens, product_page
from sangdam.commerce.juso import URL as JUSO_URL
from sangdam.conversations.grants import GrantBook
from sangdam.conversations.inbox import Inbox
from sangdam.conversations.live import Live
from sangdam.conversations.orderer import OrdererMatches
from sangdam.conversations.otp import Codes, Sender, random_code
from sangdam.conversations.retention import purge_codes, purge_windows
from sangdam.conversations.review import Review
from sangdam.conversations.sessions import Sessions
from sangdam.conversations.tools import tools as conversation_tools
from sangdam.conversations.turns import TurnBook
from sangdam.core.clock import Clock, SystemClock
from sangdam.core.errors import Refused, SangdamError
from sangdam.core.ids import OrgId, SessionId, TurnId
from sangdam.db import checkpoints
from sangdam.db.checkpoints import Checkpoints
from sangdam.db.checks import database_findings
from sangdam.db.database import Database, Transaction
from sangdam.db.jobs import JobRunner, Timetable
from sangdam.db.listen import Listener
from sangdam.db.pruning import prune
from sangdam.db.runs import JobRuns, Tally
from sangdam.nlu.intents import IntentModel
from sangdam.notify import Channel, Solapi
from sangdam.orgs import Accounts, ApiTokens, Connections, Hasher, KeyRing, Organisations
from sangdam.orgs.hours import Hours
from sangdam.orgs.model import Org
from sangdam.restock import Mall as RestockMall
from sangdam.restock import Subscriptions
from sangdam.restock import tools as restock_tools
from sangdam.settings import Settings
from sangdam.tools.approvals import Approvals
from sangdam.tools.external import Servers
from sangdam.tools.gate import Gate
from sangdam.tools.metrics import ToolMetrics
from sangdam.tools.model import Caller, Grant, Outcome, Tool
from sangdam.tools.packages import PackagesRefused, ToolContext, packaged_tools
from sangdam.tools.policies import Policies
from sangdam.tools.reconciler import Reconciler
from sangdam.tools.registry import Registry, seed_policies
from sangdam.tools.standing import Standings
from sangdam.web.parts import IMAGE_HOSTS, Demo, Door, Health, Limits, Parts

if TYPE_CHECKING:
    from sangdam.web.server import Site

log = structlog.get_logger(__name__)

ALL_DOORS: frozenset[Door] = frozenset({"http", "ws", "mcp"})
ORG_SECONDS = 5.0
"""How long an org's name and hours are believed before they are read again."""
KEPT_DAYS = timedelta(days=1)
DRAIN_SECONDS = 14.0
"""What runs may end within this; a tool used in its last moment and the doors still end within the 25 s a process has."""
JOB_BUDGETS = {
    "retention": timedelta(minutes=30),
    "reconcile": timedelta(seconds=50),
    checkpoints.JOB: checkpoints.BUDGET,
}


@dataclass(frozen=True)
class Surroundings:
    """Where the foreign systems are, when they are not the real ones; what only tests and the demo change."""

    mall_url: Callable[[str], str] = lambda mall: f"https://{mall}.cafe24api.com"
    product_url: Callable[[str, int], str] = product_page
    solapi_url: str = "https://api.solapi.com"
    juso_url: str = JUSO_URL
    sms: Channel | None = None
    """Instead of SOLAPI."""
    shop: Callable[[OrgId], Awaitable[ShopProtocol]] | None = None
    """Instead of the org's mall."""
    code: Callable[[], str] | None = None
    """One-time codes, instead of random ones."""
    open_bucket: bool = False
    orderer_floor_s: float = 0.4
    refusal_floor_s: float = 0.6
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Seconds between two tries of one request."""
    clock: Clock | None = None
    image_hosts: tuple[str, ...] = ()
    more_tools: tuple[Tool, ...] = ()
    """Beside ours and those of installed packages."""


class Product:
    """Every part of one process. Made by `opened`, which also closes it."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        listener: Listener,
        http: httpx2.AsyncClient,
        around: Surroundings,
        direct_dsn: str,
    ) -> None:
        self.settings = settings
        self.db = db
        self.listener = listener
        self._around = around
        self._direct_dsn = direct_dsn
        self.build = version("sangdam")
        self.clock: Clock = around.clock or SystemClock()
        self.keyring = KeyRing(dict(settings.keys))
        self.hasher = Hasher(settings.hash_pepper.get_secret_value())
        self.accounts = Accounts(db, self.hasher, self.clock)
        self.tokens = ApiTokens(db, self.hasher, self.clock)
        self.connections = Connections(db, self.keyring, self.clock)
        self.agents = Agents()
        self.sessions = Sessions(db, self.keyring, self.hasher, self.clock)
        self.inbox = Inbox(db, self.keyring, self.clock)
        self.live = Live(db, listener)
        self.grants = GrantBook(db, self.keyring, self.hasher)
        self._orgs: dict[OrgId, tuple[float, Org]] = {}
        self._limiters: dict[str, MallLimiter] = {}
        self._shared = Shared(self.clock)
        self._hints: set[asyncio.Task[None]] = set()
        self._sms = around.sms or self._solapi(http)
        self._mall = self._mall_client(http)
        self.review = Review(db, self.keyring, self._hours)
        self.registry = self._registry(http)
        self.organisations = Organisations(db, self.clock, seed=partial(seed_policies, registry=self.registry))
        self.servers = Servers(db, self.keyring, self.clock, allow=settings.mcp_server_allow, build=self.build)
        self.metrics = CollectorRegistry()
        self.gate = Gate(
            db,
            self.registry,
            self.keyring,
            self.hasher,
            self.clock,
            redeem_token=self._redeem,
            people=self.review,
            elsewhere=self.servers.find,
            observe=ToolMetrics(self.metrics, self.registry).called,
        )
        self.reconciler = Reconciler(
            db, self.gate.effects, self.gate.find, self.clock, people=self.review, told=self._tell_aftermath
        )
        self.standings = Standings(db, self.registry, self.clock, others=self.servers.tools)
        self.policies = Policies(db, self.registry, self.clock)
        self.approvals = Approvals(db, self.gate.effects, self.clock)
        book = TurnBook(self.keyring, self.hasher)
        self.turns = Turns(
            db,
            self.gate,
            Understanding(IntentModel.load()),
            self.agents,
            book=book,
            clock=self.clock,
            grants=self.grants.of,
            shops=self._turn_shop,
            review=self.review,
            hint=self._progress,
            holder=f"{socket.gethostname()}:{id(self):x}",
        )
        self.worker = Worker(db, listener, self.turns, book=book, clock=self.clock)
        unknown = sorted(name for name in tools_named() if name not in self.registry)
        if unknown:
            raise Refused(tuple(f"a flow names the tool {name}, which is not registered" for name in unknown))

    def _registry(self, http: httpx2.AsyncClient) -> Registry:
        """Ours, those handed in, and those of installed packages; one that does not fit refuses the start."""
        tools = (*self._tools(http), *self._around.more_tools)
        context = ToolContext(http, self.clock, self.build)
        try:
            return Registry((*tools, *packaged_tools(context, taken={tool.name for tool in tools})))
        except PackagesRefused as refused:
            raise Refused(refused.findings) from None
        except ValueError as error:
            raise Refused((str(error),)) from None

    def _tools(self, http: httpx2.AsyncClient) -> tuple[Tool, ...]:
        fixed = self.settings.otp_fixed_code
        code = self._around.code or ((lambda: fixed) if fixed is not None else random_code)
        codes = Codes(self.db, self.keyring, self.hasher, self._sender, code=code)
        matches = OrdererMatches(self.db, self.hasher)
        shops = self._around.shop or self._shop
        waiting = Subscriptions(
            self.db, self.keyring, self.hasher, shops=shops, malls=self._restock_mall, senders=self._sender
        )
        key = self.settings.juso_api_key
        juso_key = key.get_secret_value() if key is not None else None
        addresses = AddressSearch(http, juso_key, self._around.juso_url, self._around.pause)
        return (
            *commerce_tools(
                shops,
                matches,
                Aliases(self.db),
                House(self.hasher, addresses, self.sessions.code_of, self.org, self.review),
                orderer_floor_s=self._around.orderer_floor_s,
                refusal_floor_s=self._around.refusal_floor_s,
            ),
            *conversation_tools(codes, self.review),
            *restock_tools(waiting),
        )

    def _solapi(self, http: httpx2.AsyncClient) -> Channel | None:
        found = self.settings.solapi
        if found is None:
            return None
        return Solapi(
            http,
            api_key=found.api_key.get_secret_value(),
            api_secret=found.api_secret.get_secret_value(),
            sender=found.sender,
            clock=self.clock,
            base_url=self._around.solapi_url,
        )

    def _mall_client(self, http: httpx2.AsyncClient) -> MallClient:
        secret = self.settings.cafe24_client_secret_key
        app = App(
            self.settings.cafe24_client_id or "",
            secret.get_secret_value() if secret is not None else "",
            self._around.mall_url,
            self._around.product_url,
        )
        tokens = Tokens(self.connections, http, app, self.clock)
        return MallClient(
            http, tokens, app, version=self.settings.cafe24_api_version, limiter=self._limiter, pause=self._around.pause
        )

    def _limiter(self, mall: str) -> MallLimiter:
        known = self._limiters.get(mall)
        if known is None:
            known = self._limiters[mall] = (
                OpenLimiter(self.clock) if self._around.open_bucket else MallLimiter(self.clock)
            )
        return known

    async def _shop(self, org: OrgId) -> Cafe24Shop:
        return Cafe24Shop(org, self._mall, self.clock, self._shared)

    async def org(self, org: OrgId) -> Org:
        """Read again after five seconds."""
        now = self.clock.monotonic()
        known = self._orgs.get(org)
        if known is not None and now - known[0] < ORG_SECONDS:
            return known[1]
        found = await self.organisations.read(org)
        if found is None:
            raise Refused((f"no organisation {org}",))
        self._orgs[org] = (now, found)
        return found

    async def _hours(self, org: OrgId) -> Hours:
        return (await self.org(org)).hours

    async def shop_name(self, org: OrgId) -> str:
        return (await self.org(org)).name

    async def _sender(self, org: OrgId) -> Sender:
        found = await self.org(org)
        return Sender(found.name, self._sms, found.settings.otp_daily_cap)

    async def _restock_mall(self, org: OrgId) -> RestockMall | None:
        found = await self.connections.read(org)
        return RestockMall(found.mall_id, found.shop_no) if found is not None else None

    async def _turn_shop(self, org: OrgId) -> TurnShop:
        features = frozenset({"sms"}) if self._sms is not None else frozenset[str]()
        return TurnShop(await self.shop_name(org), features, self.settings.retention_message_days)

    async def _redeem(self, caller: Caller, token: str) -> Grant | None:
        if caller.session is None:
            return None
        return await self.grants.by_token(caller.org, caller.session, token, self.clock.now())

    async def _progress(self, org: OrgId, session: SessionId, turn: TurnId, stage: str) -> None:
        """Told in passing: a turn does not wait for a hint."""
        task = asyncio.create_task(
            self.live.hint(org, session, {"kind": "progress", "turn_id": str(turn), "stage": stage})
        )
        self._hints.add(task)
        task.add_done_callback(self._hints.discard)

    async def _tell_aftermath(
        self, tx: Transaction, org: OrgId, session: SessionId, tool: str, outcome: Outcome
    ) -> None:
        """Whoever speaks there, it is said as the shop's own notice; a closed conversation stays closed."""
        found = await self.sessions.get_in(tx, org, session)
        if found is None or found.status == "closed":
            return
        text = aftermath(found.language, tool, outcome)
        if text is not None:
            payload = {"step": "final"}
            await self.sessions.append(
                org, tx, session, sender="bot", kind="notice", text=text, payload=payload, now=self.clock.now()
            )

    async def settle(self) -> None:
        """Waits for calls and token renewals whose callers went away: an answer of the mall that is lost costs the connection."""
        await self.gate.drain()
        await self._mall.drain()
        self.servers.close()

    async def health(self) -> Health:
        """What `/readyz` shows; a down mall or model is not unready."""
        swept = self.worker.last_sweep
        try:
            async with asyncio.timeout(2.0):
                findings = await database_findings(self.db)
        except (SangdamError, TimeoutError):
            return Health(database=False, schema=False, keys=True)
        return Health(
            database=True,
            schema=not findings,
            keys=True,
            worker_seen_s=self.clock.monotonic() - swept if swept is not None else None,
        )

    def web(self, *, doors: frozenset[Door] = ALL_DOORS, demo_widget_key: str | None = None) -> "Site":
        """`demo_widget_key`: also shows the demo's shop page, with this widget in its corner."""
        from sangdam.web.server import create_web  # only a process with doors loads the web framework

        settings = self.settings
        parts = Parts(
            db=self.db,
            clock=self.clock,
            hasher=self.hasher,
            sessions=self.sessions,
            inbox=self.inbox,
            live=self.live,
            agents=self.agents,
            accounts=self.accounts,
            tokens=self.tokens,
            keyring=self.keyring,
            gate=self.gate,
            standings=self.standings,
            policies=self.policies,
            approvals=self.approvals,
            servers=self.servers,
            shop_name=self.shop_name,
            opening=opening_message,
            health=self.health,
            ticket_secret=settings.widget_ticket_secret.get_secret_value(),
            session_secret=settings.session_secret.get_secret_value(),
            audit_key=settings.audit_signing_key.get_secret_value().encode(),
            public_base_url=settings.public_base_url,
            call_ws_url=settings.call_ws_url,
            build=self.build,
            profile=settings.profile,
            retention_days=settings.retention_message_days,
            registry=self.metrics,
            limits=Limits(
                chat_per_10s=settings.chat_per_10s,
                chat_per_min=settings.chat_per_min,
                joins_per_min_ip=settings.joins_per_min_ip,
                tickets_per_min_ip=settings.tickets_per_min_ip,
            ),
            trusted_proxies=tuple(settings.trusted_proxies),
            auth_mode=settings.auth_mode,
            demo=Demo(demo_widget_key) if demo_widget_key is not None else None,
            doors=doors,
            image_hosts=(*IMAGE_HOSTS, *self._around.image_hosts),
        )
        return create_web(parts)

    def jobs(self) -> JobRunner:
        """The product's own clock: once over all replicas."""
        runs = JobRuns(self.db, self.clock, build=self.build)
        audit_key = self.settings.audit_signing_key.get_secret_value().encode()
        signing = Checkpoints(self.db, self.clock, runs, key=audit_key)

        async def retention() -> None:
            async def work(tally: Tally) -> None:
                before = self.clock.now() - KEPT_DAYS
                tally.counts["codes"] = await purge_codes(self.db, before=before)
                tally.counts["rate_counters"] = await purge_windows(self.db, before=before)
                days, now = self.settings.retention_meta_days, self.clock.now()
                await prune(self.db, tally, key=audit_key, days=days, now=now)

            await runs.run("retention", work, trigger="schedule", budget=JOB_BUDGETS["retention"])

        async def reconcile() -> None:
            async def work(tally: Tally) -> None:
                tally.counts.update(await self.reconciler.sweep())
                tally.counts["abandoned"] = await runs.close_abandoned(JOB_BUDGETS)

            await runs.run("reconcile", work, trigger="schedule", budget=JOB_BUDGETS["reconcile"])

        async def sign() -> None:
            await signing.run()

        timetables = (
            Timetable("retention", "30 3 * * *", retention),
            Timetable("reconcile", "* * * * *", reconcile),
            Timetable(checkpoints.JOB, "* * * * *", sign),
        )
        return JobRunner(
            self._direct_dsn, jobs=(), timetables=timetables if self.settings.scheduler == "internal" else ()
        )


@contextlib.asynccontextmanager
async def opened(
    settings: Settings, dsn: str, *, around: Surroundings | None = None, pool: int = 16
) -> AsyncIterator[Product]:
    """A product on a database that is migrated and that this build may use. Raises Refused, SangdamError(UNAVAILABLE)."""
    direct = settings.database_direct_url.get_secret_value() if settings.database_direct_url is not None else dsn
    async with contextlib.AsyncExitStack() as closing:
        db = await Database.open(dsn, max_size=pool, pooler=settings.behind_pooler)
        closing.push_async_callback(db.close)
        findings = await database_findings(db)
        if findings and settings.profile == "prod":
            raise Refused(findings)
        for finding in findings:
            log.warning("database_finding", finding=finding)
        listener = await Listener.open(direct)
        closing.push_async_callback(listener.close)
        http = httpx2.AsyncClient(
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=50), follow_redirects=False
        )
        closing.push_async_callback(http.aclose)
        product = Product(settings, db, listener, http, around or Surroundings(), direct)
        closing.push_async_callback(product.settle)
        product.live.start()
        closing.push_async_callback(product.live.stop)
        yield product


@contextlib.asynccontextmanager
async def working(product: Product, *, with_jobs: bool = True) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Turns are worked while this is open. Gives what ends it earlier: takes nothing new, returns when nothing runs any more."""
    product.worker.start()
    product.reconciler.start()
    jobs = product.jobs() if with_jobs else None
    if jobs is not None:
        jobs.start()

    async def rest() -> None:
        ending = [product.worker.stop(seconds=DRAIN_SECONDS), product.reconciler.stop()]
        if jobs is not None:
            ending.append(jobs.stop(seconds=DRAIN_SECONDS))
        await asyncio.gather(*ending)

    try:
        yield rest
    finally:
        await rest()


__all__ = ["Product", "Refused", "Surroundings", "opened", "working"]
