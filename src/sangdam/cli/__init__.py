"""`sangdam …`: every command. Exit codes: 0 done, 2 usage, 3 configuration refused, 4 a dependency is down, 1 otherwise."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from rich.console import Console

from sangdam.cli.audit import audit
from sangdam.core.errors import Kind, Refused, SangdamError
from sangdam.settings import Settings, SettingsRefused

REFUSED = 3
DEPENDENCY_DOWN = 4

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="상담: AI customer service for Korean shops on Cafe24.",
    pretty_exceptions_enable=False,
)
app.add_typer(audit, name="audit")
out = Console()
err = Console(stderr=True)

DOORS = "http,ws,mcp"


def settings() -> Settings:
    """The settings of this process; every finding is printed before it is refused."""
    try:
        loaded = Settings.load(os.environ)
    except SettingsRefused as refused:
        for finding in refused.findings:
            err.print(f"[red]✗[/red] {finding}", highlight=False)
        raise typer.Exit(REFUSED) from None
    for warning in loaded.warnings:
        err.print(f"[yellow]![/yellow] {warning}", highlight=False)
    return loaded


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs to the end on uvloop where there is one. What was expected to be able to go wrong ends in its exit code."""
    try:
        import uvloop

        asyncio.run(work, loop_factory=uvloop.new_event_loop) if sys.version_info >= (3, 12) else uvloop.run(work)
    except Refused as refused:
        for finding in refused.findings:
            err.print(f"[red]✗[/red] {finding}", highlight=False)
        raise typer.Exit(REFUSED) from None
    except SangdamError as error:
        err.print(f"[red]✗[/red] {error.ops}", highlight=False)
        raise typer.Exit(DEPENDENCY_DOWN if error.kind is Kind.UNAVAILABLE else 1) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def serve(
    with_worker: Annotated[
        bool, typer.Option("--with-worker", help="Also work turns and jobs in this process.")
    ] = False,
    doors: Annotated[str, typer.Option(help="Which doors to open.")] = DOORS,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",  # noqa: S104 - a container's only way in
) -> None:
    """HTTP, the call socket and MCP."""
    from sangdam.cli.processes import serve as work

    chosen = settings()
    run(work(chosen, host=host, port=chosen.port, doors=doors, with_worker=with_worker))


@app.command()
def ws(host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0") -> None:  # noqa: S104
    """The call socket and health only."""
    from sangdam.cli.processes import serve as work

    chosen = settings()
    run(work(chosen, host=host, port=chosen.ws_port, doors="ws", with_worker=False))


@app.command()
def work() -> None:
    """Turns, notices and scheduled jobs, without doors."""
    from sangdam.cli.processes import work as work_turns

    run(work_turns(settings()))


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when something is missing.")] = False,
) -> None:
    """Brings the database to the schema of this build."""
    from sangdam.cli.processes import migrate as bring

    run(bring(settings(), check=check))


@app.command()
def doctor() -> None:
    """What is set, how the database stands. Never a value."""
    from sangdam.cli.processes import doctor as look

    run(look(settings(), os.environ))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="The product's port; the sandbox mall takes the next one.")] = 8700,
    home: Annotated[str, typer.Option(help="Where the demo keeps its database.")] = ".sangdam/demo",
    real_bucket: Annotated[
        bool, typer.Option("--real-bucket/--open-bucket", help="Whether the mall limits calls as the real one does.")
    ] = True,
) -> None:
    """The whole product with a mall, an SMS inbox and a shop page. No key, no docker."""
    from sangdam.cli.demo import demo as show

    run(show(home=home, port=port, real_bucket=real_bucket))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def sandbox(context: typer.Context) -> None:
    """The sandbox mall alone (`sangdam sandbox --port 8701`)."""
    from cafe24_sandbox.__main__ import main as start

    raise typer.Exit(start(context.args))


@app.command()
def chat(
    file: Annotated[str, typer.Option("--demo", help="The demo's description file.")] = ".sangdam/demo/demo.json",
) -> None:
    """Talks to the running demo's agent in the terminal; a number presses a button, Ctrl-D ends."""
    from sangdam.cli.chat import chat as talk

    run(talk(file, out))


@app.command()
def mcp(
    url: Annotated[
        str | None, typer.Option(envvar="SANGDAM_URL", help="The server; without it the running demo.")
    ] = None,
    file: Annotated[str, typer.Option("--demo", help="The demo's description file.")] = ".sangdam/demo/demo.json",
    ask_seconds: Annotated[int, typer.Option(min=1, max=600, help="How long a person has to answer a question.")] = 540,
) -> None:
    """MCP over stdio, as a bridge to a running server. The token is taken from SANGDAM_API_TOKEN."""
    from sangdam.cli.mcp import bridge

    run(bridge(url=url, demo=file, ask_seconds=ask_seconds))


def main() -> None:
    app()
