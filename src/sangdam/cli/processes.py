"""Processes that serve: started, told to stop by a signal, drained, closed. And what is done to a database beside them."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import structlog
import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from sangdam.app import Product, Refused, Surroundings, opened, working
from sangdam.cli.signals import until_told
from sangdam.core import logs
from sangdam.core.errors import Kind, SangdamError
from sangdam.db.checks import row_security_findings
from sangdam.db.database import Database
from sangdam.db.migrate import MigrationRefused, missing
from sangdam.db.migrate import migrate as apply
from sangdam.db.postgres import EmbeddedPostgres
from sangdam.settings import Settings, presence
from sangdam.tools.registry import sync_catalogue
from sangdam.web.parts import Door
from sangdam.web.server import Site, server_config

log = structlog.get_logger(__name__)

DOORS = frozenset({"http", "ws", "mcp"})


class Doors(uvicorn.Server):
    """A server whose signals are ours: uvicorn's own handler would end the process before what is open is closed.

    Its socket is bound before it starts, so that a taken port is an answer and not an exit from inside.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.opened = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.opened.set()

    async def serve_here(self) -> None:
        """Raises SangdamError(UNAVAILABLE) when the port is taken."""
        await self.serve(sockets=[bound(self.config.host, self.config.port)])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def doors_on(site: Site, *, host: str, port: int) -> Doors:
    return Doors(
        server_config(site, host=host, port=port, loop="none", http="httptools", backlog=4096, date_header=False)
    )


def bound(host: str, port: int) -> socket.socket:
    # The protocol is named so that every loop turns Nagle's waiting off: head and body of an answer leave in two pieces.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise SangdamError(Kind.UNAVAILABLE, f"port {port} is taken") from None
    listening.set_inheritable(True)
    return listening


async def run_doors(server: Doors, site: Site, *, rest: Callable[[], Awaitable[None]] | None = None) -> None:
    """Serves until a signal comes; then takes nobody new, lets what runs end, and closes.

    `rest` ends the work of this process. The doors stay open meanwhile: who waits for an answer gets it, `/readyz` says 503.
    """
    serving = asyncio.create_task(server.serve_here(), name="doors")
    telling = asyncio.create_task(until_told(), name="signals")
    await asyncio.wait((serving, telling), return_when=asyncio.FIRST_COMPLETED)
    telling.cancel()
    if not serving.done():
        site.drain()
        if rest is not None:
            await rest()
        site.settle()
        await site.hub.show_all()
    server.should_exit = True
    await serving


@asynccontextmanager
async def database(chosen: Settings, *, beside: bool = False) -> AsyncIterator[tuple[str, str]]:
    """`(application dsn, owner dsn)`: of `DATABASE_URL`, or of the embedded database, which stops with the process.

    `beside` others: one that runs already is theirs, and stays as it is.
    """
    if chosen.database_url is not None:
        owner = chosen.database_owner_url or chosen.database_url
        yield chosen.database_url.get_secret_value(), owner.get_secret_value()
        return
    postgres = await asyncio.to_thread(EmbeddedPostgres.start, Path(chosen.home) / "postgres")
    theirs = beside and postgres.attached
    try:
        if not theirs:
            await prepared(postgres.dsn("postgres"), postgres.dsn("sangdam_app"))
        yield postgres.dsn("sangdam_app"), postgres.dsn("sangdam_owner")
    finally:
        if not theirs:
            await asyncio.to_thread(postgres.stop)


async def prepared(owner_dsn: str, app_dsn: str) -> None:
    """Migrations of this build, applied."""
    try:
        await apply(owner_dsn, app_dsn=app_dsn)
    except MigrationRefused as refused:
        raise Refused((refused.ops,)) from None


async def catalogue(product: Product, owner_dsn: str) -> None:
    """`c_mcp_tools` says what the code says; only the owner may write it."""
    async with await Database.open(owner_dsn, min_size=1, max_size=1) as owner, owner.system() as tx:
        await sync_catalogue(tx, product.registry)


def surroundings(sandbox: str | None, *, open_bucket: bool = False) -> Surroundings:
    """The real foreign systems, or all of them at a sandbox's base address."""
    if sandbox is None:
        return Surroundings()
    return Surroundings(
        mall_url=lambda mall: f"{sandbox}/malls/{mall}",
        product_url=lambda mall, product: f"{sandbox}/shop/{mall}/product/{product}",
        solapi_url=f"{sandbox}/solapi",
        juso_url=f"{sandbox}/juso/addrlink/addrLinkApi.do",
        open_bucket=open_bucket,
        image_hosts=(sandbox,),
    )


def chosen_doors(text: str) -> frozenset[Door]:
    wanted = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not wanted or not wanted <= DOORS:
        raise typer.BadParameter(f"doors are some of {', '.join(sorted(DOORS))}")
    return cast("frozenset[Door]", wanted)


async def serve(chosen: Settings, *, host: str, port: int, doors: str, with_worker: bool) -> None:
    wanted = chosen_doors(doors)
    logs.configure(level=chosen.log_level, build="serve")
    async with contextlib.AsyncExitStack() as closing:
        dsn, owner_dsn = await closing.enter_async_context(database(chosen))
        around = surroundings(chosen.sandbox_mall)
        product = await closing.enter_async_context(opened(chosen, dsn, around=around))
        if chosen.database_url is None:
            await catalogue(product, owner_dsn)
        rest = await closing.enter_async_context(working(product)) if with_worker else None
        site = product.web(doors=wanted)
        await run_doors(doors_on(site, host=host, port=port), site, rest=rest)


async def work(chosen: Settings) -> None:
    logs.configure(level=chosen.log_level, build="work")
    async with contextlib.AsyncExitStack() as closing:
        dsn, _ = await closing.enter_async_context(database(chosen))
        around = surroundings(chosen.sandbox_mall)
        product = await closing.enter_async_context(opened(chosen, dsn, around=around))
        await closing.enter_async_context(working(product))
        log.info("work_started")
        await until_told()


async def migrate(chosen: Settings, *, check: bool) -> None:
    out = Console()
    url = chosen.database_owner_url or chosen.database_url
    if url is None:
        raise Refused(("DATABASE_OWNER_URL is not set: there is no database to migrate",))
    app_dsn = chosen.database_url.get_secret_value() if chosen.database_url is not None else None
    try:
        if check:
            left = [f"{one.version}_{one.name}.sql is not applied" for one in await missing(url.get_secret_value())]
            async with (
                await Database.open(url.get_secret_value(), min_size=1, max_size=1) as owner,
                owner.system() as tx,
            ):
                left.extend(await row_security_findings(tx))
            if left:
                raise Refused(tuple(left))
            out.print("schema as this build wants it")
            return
        applied = await apply(url.get_secret_value(), app_dsn=app_dsn)
    except MigrationRefused as refused:
        raise Refused((refused.ops,)) from None
    for one in applied:
        out.print(f"applied {one.version}_{one.name}.sql", highlight=False)
    if chosen.database_url is not None:
        async with opened(chosen, chosen.database_url.get_secret_value()) as product:
            await catalogue(product, url.get_secret_value())
    out.print("the database is at the schema of this build")


async def doctor(chosen: Settings, environment: Mapping[str, str]) -> None:
    out = Console()
    table = Table("setting", "set", "length")
    for each in presence(environment):
        table.add_row(each.name, "yes" if each.present else "–", each.length)
    out.print(table)
    for name in chosen.unneeded:
        out.print(f"! {name} is not needed and should not be here", highlight=False)
    if chosen.database_url is None:
        out.print("database: embedded")
        return
    async with opened(chosen, chosen.database_url.get_secret_value()) as product:
        health = await product.health()
    out.print(
        f"database: {'ok' if health.database else 'down'}, schema: {'ok' if health.schema else 'not of this build'}"
    )


def private_file(path: Path, text: str) -> None:
    """Written so that only this user can read it, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
