"""The demo: one org (달빛샵) on an embedded Postgres, with a sandbox mall and an SMS inbox beside it, in one process.

It leaves `demo.json` (mode 0600) behind, so that programs can drive it; what it holds is made anew for this machine.
"""

import asyncio
import base64
import contextlib
import fcntl
import json
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import uvicorn
from rich.console import Console

from cafe24_sandbox import Sandbox, SandboxConfig
from cafe24_sandbox.cast import CONSULT_BOARD
from sangdam.app import Product, Refused, opened, working
from sangdam.cli.processes import Doors, catalogue, doors_on, prepared, private_file, run_doors, surroundings
from sangdam.commerce.cafe24.tokens import read_pair
from sangdam.core import logs
from sangdam.core.ids import AgentId, UserId, new_trace_id
from sangdam.db.postgres import EmbeddedPostgres
from sangdam.orgs.model import Member, Scope
from sangdam.settings import Settings
from sangdam.web.widgets import Widgets

HOST = "127.0.0.1"
MALL = "sandboxmall"
OWNER = "owner@dalbit.example"
SECRETS = (
    "HASH_PEPPER",
    "AUDIT_SIGNING_KEY",
    "SESSION_SECRET",
    "WIDGET_TICKET_SECRET",
    "CRON_SECRET",
    "CAFE24_OAUTH_STATE_SECRET",
)
RATES = ("SANGDAM_CHAT_", "SANGDAM_JOINS_", "SANGDAM_TICKETS_")
"""The only settings the demo takes from outside: load tests raise them."""
TOKEN_LIFE = timedelta(days=365)


@dataclass
class Kept:
    """What the demo remembers between starts."""

    path: Path
    values: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Kept":
        try:
            found: object = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            found = {}
        return cls(path, cast("dict[str, Any]", found) if isinstance(found, dict) else {})

    def write(self) -> None:
        private_file(self.path, json.dumps(self.values, ensure_ascii=False, indent=2) + "\n")


def environment(kept: Kept, *, home: Path, port: int, sandbox: SandboxConfig) -> dict[str, str]:
    """Settings of the demo, with secrets made once for this folder."""
    made: dict[str, str] = kept.values.setdefault("secrets", {})
    for name in SECRETS:
        made.setdefault(name, secrets.token_urlsafe(36))
    made.setdefault("SECRET_KEYS", f"demo:{_key()}")
    kept.write()
    return {
        **made,
        "SANGDAM_PROFILE": "dev",
        "SANGDAM_HOME": str(home),
        "PORT": str(port),
        "CAFE24_CLIENT_ID": sandbox.client_id,
        "CAFE24_CLIENT_SECRET_KEY": sandbox.client_secret,
        "SOLAPI_API_KEY": sandbox.solapi_key,
        "SOLAPI_API_SECRET": sandbox.solapi_secret,
        "SOLAPI_FROM": "0200000001",
        "JUSO_API_KEY": sandbox.juso_key,
        "LOG_LEVEL": "warning",
        **{name: value for name, value in os.environ.items() if name.startswith(RATES)},
    }


def _key() -> str:

    return base64.b64encode(secrets.token_bytes(32)).decode()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One demo a folder: a second one would end the first one's database. Raises Refused."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "running").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused((f"a demo is running in {folder} already",)) from None
        yield


async def demo(*, home: str, port: int, real_bucket: bool) -> None:
    """Runs in the foreground until Ctrl-C, and ends cleanly."""
    out = Console()
    folder = Path(home)
    started = time.monotonic()
    async with contextlib.AsyncExitStack() as closing:
        closing.enter_context(alone(folder))
        kept = Kept.read(folder / "kept.json")
        sandbox_url = f"http://{HOST}:{port + 1}"
        config = SandboxConfig(public_url=sandbox_url, open_bucket=not real_bucket)
        chosen = Settings.load(environment(kept, home=folder, port=port, sandbox=config))
        logs.configure(level=chosen.log_level, build="demo")
        with out.status("데이터베이스를 켜고 있어요"):
            postgres = await asyncio.to_thread(EmbeddedPostgres.start, folder / "postgres")
            closing.push_async_callback(asyncio.to_thread, postgres.stop)
            await prepared(postgres.dsn("postgres"), postgres.dsn("sangdam_app"))
        with out.status("연습용 쇼핑몰을 채우고 있어요"):
            sandbox = await asyncio.to_thread(Sandbox, config)
            await closing.enter_async_context(sandbox_doors(sandbox, port + 1))
        around = surroundings(sandbox_url, open_bucket=not real_bucket)
        product = await closing.enter_async_context(opened(chosen, postgres.dsn("sangdam_app"), around=around, pool=24))
        await catalogue(product, postgres.dsn("sangdam_owner"))
        with out.status("달빛샵을 준비하고 있어요"):
            await furnish(product, sandbox, kept, base_url=chosen.public_base_url)
        rest = await closing.enter_async_context(working(product))
        site = product.web(demo_widget_key=kept.values["widget_key"])
        server = doors_on(site, host=HOST, port=port)
        telling = asyncio.create_task(tell(out, server, product, kept, folder, postgres, chosen, sandbox_url, started))
        closing.callback(telling.cancel)
        await run_doors(server, site, rest=rest)
        out.print("달빛샵 데모를 마쳤어요.")


@contextlib.asynccontextmanager
async def sandbox_doors(sandbox: Sandbox, port: int) -> AsyncIterator[None]:
    """The mall's own server, which ends with the demo."""
    config = uvicorn.Config(
        sandbox.app,
        host=HOST,
        port=port,
        loop="none",
        interface="asgi3",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="auto",
        timeout_graceful_shutdown=1,
    )
    server = Doors(config)
    serving = asyncio.create_task(server.serve_here(), name="sandbox")
    opening = asyncio.create_task(server.opened.wait())
    await asyncio.wait((serving, opening), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        opening.cancel()
        await serving
    try:
        yield
    finally:
        server.should_exit = True
        await serving


async def furnish(product: Product, sandbox: Sandbox, kept: Kept, *, base_url: str) -> None:
    """The org, its owner, agent, widget, token and connection: made the first time, found again later."""
    member = await owner(product, kept)
    org = member.org
    if "agent" not in kept.values:
        async with product.db.org(org) as tx:
            agent = await product.agents.create(tx, org, name="달빛이", tools=agent_tools(product), by=member.user)
        kept.values["agent"] = str(agent.family)
        kept.write()
    if kept.values.get("origin") != base_url:
        widget = await Widgets(product.db, product.clock).create(
            org, AgentId(uuid.UUID(kept.values["agent"])), origins=(base_url,)
        )
        kept.values |= {"widget_key": widget.public_key, "origin": base_url}
        kept.write()
    if "api_token" not in kept.values:
        _, secret = await product.tokens.issue(
            member,
            name="demo",
            scopes=[scope.value for scope in Scope],
            acts_as="on_behalf",
            lasts=TOKEN_LIFE,
            trace_id=new_trace_id(),
        )
        kept.values["api_token"] = secret
        kept.write()
    answer = json.dumps(sandbox.issue_tokens(MALL))
    pair = read_pair(answer, product.clock.now())
    await product.connections.connect(
        org, mall_id=MALL, pair=pair, by=member.user, trace_id=new_trace_id(), board_no=CONSULT_BOARD
    )


def agent_tools(product: Product) -> list[str]:
    """What the agent may use: every tool that its caller kind is allowed by default."""
    return [tool.name for tool in product.registry if "agent" in {kind.value for kind in tool.default_policy.callers}]


async def owner(product: Product, kept: Kept) -> Member:
    """The owner of 달빛샵; the password is made once and kept with the other secrets."""
    if "owner_password" not in kept.values or "org" not in kept.values:
        password = f"dalbit-{secrets.token_urlsafe(9)}"
        user = await product.accounts.create(OWNER, password, verified=True)
        if user is None:
            raise Refused(
                (
                    f"the database of the demo and {kept.path.name} do not belong together: remove the demo's folder and start again",
                )
            )
        member = await product.organisations.create(
            name="달빛샵",
            name_en="Dalbit Shop",
            slug="dalbit",
            owner=user,
            owner_name="대표",
            owner_email=OWNER,
            trace_id=new_trace_id(),
        )
        kept.values |= {"owner_password": password, "owner": str(user), "org": str(member.org)}
        kept.write()
        return member

    found = await product.accounts.member(UserId(uuid.UUID(kept.values["owner"])))
    if found is None:
        raise Refused(
            (
                f"the database of the demo and {kept.path.name} do not belong together: remove the demo's folder and start again",
            )
        )
    return found


async def tell(
    out: Console,
    server: Doors,
    product: Product,
    kept: Kept,
    folder: Path,
    postgres: EmbeddedPostgres,
    chosen: Settings,
    sandbox_url: str,
    started: float,
) -> None:
    """Once the doors are open: `demo.json`, then the addresses."""
    await server.opened.wait()
    base = chosen.public_base_url
    description = {
        "base_url": base,
        "ws_url": chosen.call_ws_url,
        "widget_key": kept.values["widget_key"],
        "shop_page_url": f"{base}/demo/shop",
        "call_url": f"{base}/call/{kept.values['widget_key']}",
        "console_url": f"{base}/console",
        "owner_email": OWNER,
        "owner_password": kept.values["owner_password"],
        "api_token": kept.values["api_token"],
        "cron_secret": kept.values["secrets"]["CRON_SECRET"],
        "sandbox_url": sandbox_url,
        "sms_inbox_url": f"{sandbox_url}/inbox",
        "database_url": postgres.dsn("sangdam_app"),
    }
    private_file(folder / "demo.json", json.dumps(description, ensure_ascii=False, indent=2) + "\n")
    out.print(f"\n[bold]달빛샵 데모가 준비됐어요.[/bold] ({time.monotonic() - started:.1f}초)", highlight=False)
    for label, url in (
        ("쇼핑몰 페이지 (오른쪽 아래 상담 버튼)", description["shop_page_url"]),
        ("상담 화면", description["call_url"]),
        ("문자함 (인증번호)", description["sms_inbox_url"]),
        ("쇼핑몰 조종판", f"{sandbox_url}/_control"),
        ("API 문서", f"{base}/api/openapi.json"),
    ):
        out.print(f"  {label}: {url}", highlight=False, soft_wrap=True)
    out.print(f"  로그인: {OWNER} / {kept.values['owner_password']}", highlight=False)
    out.print(
        "\n'어제 산 셔츠 어디쯤 왔어요?'라고 물어보세요. 휴대폰은 010-0000-1234예요. Ctrl-C로 마쳐요.",
        highlight=False,
        soft_wrap=True,
    )
