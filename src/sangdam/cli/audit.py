"""`sangdam audit verify | export`: whether the audit still is what was appended, and the audit as a file."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sangdam.core import logs
from sangdam.core.clock import KST, Clock, SystemClock
from sangdam.db.chain import Stream
from sangdam.db.checkpoints import copies
from sangdam.db.database import Database, organisations
from sangdam.db.export import FileReport, export, verify_file
from sangdam.db.verification import Broken, Checkpoint, VerifyReport, verified
from sangdam.orgs import Org, Organisations
from sangdam.settings import Settings

BROKEN = 1
AT_ONCE = 2
"""Connections that verify one stream."""
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
STREAMS: tuple[Stream, ...] = ("events", "tools")

audit = typer.Typer(no_args_is_help=True, help="The audit: verified, and as a file.")

OneStream = Annotated[Literal["events", "tools"] | None, typer.Option(help="One of the two; both when left out.")]
Slug = Annotated[str | None, typer.Option(help="The slug of one organisation; all of them when left out.")]
AFile = typer.Option(exists=True, dir_okay=False, readable=True)


@audit.command("verify")
def verify_audit(
    org: Slug = None,
    stream: OneStream = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON value instead of sentences.")] = False,
    against: Annotated[Path | None, AFile] = None,
    file: Annotated[Path | None, AFile] = None,
) -> None:
    """Reads every row again. --against compares with checkpoints kept elsewhere (a log, an export); --file verifies an export alone.

    Exit code 0: whole; 1: broken, everything that was found is printed; 4: the database is down.
    """
    from sangdam.cli import run, settings

    if file is not None and (against is not None or org is not None or stream is not None):
        raise typer.BadParameter("--file verifies a file by itself: no --org, --stream or --against with it")
    chosen = settings()
    run(_verify_file(chosen, file, as_json) if file is not None else _verify(chosen, org, stream, against, as_json))


@audit.command("export")
def export_audit(
    org: Annotated[str, typer.Option(help="The slug of the organisation.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="Where to; readable by this user only.")],
    since: Annotated[
        datetime | None, typer.Option("--from", help="From this moment on (KST without an offset).")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=MOMENTS, help="Before this moment.")] = None,
    stream: OneStream = None,
) -> None:
    """The audit of one organisation as JSON lines that `audit verify --file` can verify without the database."""
    from sangdam.cli import run, settings

    run(_export(settings(), org, out, _moment(since), _moment(until), stream))


async def _verify(
    chosen: Settings, slug: str | None, stream: Stream | None, against: Path | None, as_json: bool
) -> None:
    kept = await asyncio.to_thread(_copies, against) if against is not None else []
    key = _key(chosen)
    reports: list[tuple[Org, VerifyReport]] = []
    async with AsyncExitStack() as closing:
        db, orgs = await _opened(closing, chosen)
        for each in await _orgs(db, orgs, slug):
            for one in (stream,) if stream is not None else STREAMS:
                report = await verified(db, each.id, one, signing_key=key, copies=kept, at_once=AT_ONCE)
                reports.append((each, report))
                if not as_json:
                    _print(f"{each.name} ({each.slug})", report)
    known = {each.id for each, _ in reports}
    strangers = sorted({str(each.org) for each in kept if slug is None and each.org not in known})
    if as_json:
        found = [{"org": org.slug, "org_id": str(org.id), **told(report)} for org, report in reports]
        typer.echo(json.dumps({"whole": _whole(reports, strangers), "streams": found, "not_here": strangers}))
    else:
        for stranger in strangers:
            typer.echo(f"the copy knows the organisation {stranger}, which is not here")
    if not _whole(reports, strangers):
        raise typer.Exit(BROKEN)


async def _verify_file(chosen: Settings, file: Path, as_json: bool) -> None:
    report = await asyncio.to_thread(_read_file, file, _key(chosen))
    if as_json:
        found = [{"org_id": str(each.org), **told(each)} for each in report.streams]
        wrong = {"unreadable_lines": list(report.unreadable), "wanting": list(report.wanting)}
        typer.echo(json.dumps({"whole": report.whole, "streams": found, **wrong}))
    else:
        for each in report.streams:
            _print(str(each.org), each)
        for number in report.unreadable:
            typer.echo(f"line {number} is none of an export")
        for name in report.wanting:
            typer.echo(f"the file has no {name}")
    if not report.whole:
        raise typer.Exit(BROKEN)


async def _export(
    chosen: Settings, slug: str, out: Path, since: datetime | None, until: datetime | None, stream: Stream | None
) -> None:
    from sangdam.cli.processes import private_file

    clock: Clock = SystemClock()
    draft = out.with_name(f"{out.name}.part")
    async with AsyncExitStack() as closing:
        db, orgs = await _opened(closing, chosen)
        org = (await _orgs(db, orgs, slug))[0]
        try:
            await asyncio.to_thread(private_file, draft, "")
            writing = await asyncio.to_thread(draft.open, "a", encoding="utf-8", newline="\n")
            closing.callback(writing.close)
            tx = await closing.enter_async_context(db.snapshot(org.id))
            chosen_streams = (stream,) if stream is not None else STREAMS
            pieces = export(
                tx,
                org.id,
                slug=org.slug,
                streams=chosen_streams,
                since=since,
                until=until,
                key=_key(chosen),
                at=clock.now(),
            )
            async for piece in pieces:
                await asyncio.to_thread(writing.write, piece)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    draft.replace(out)
    typer.echo(f"written: {out}")


async def _opened(closing: AsyncExitStack, chosen: Settings) -> tuple[Database, Organisations]:
    from sangdam.cli.processes import database

    logs.configure(level="warning", build="audit", stream=sys.stderr)
    dsn, _ = await closing.enter_async_context(database(chosen, beside=True))
    db = await closing.enter_async_context(await Database.open(dsn, max_size=AT_ONCE, pooler=chosen.behind_pooler))
    return db, Organisations(db, SystemClock())


async def _orgs(db: Database, orgs: Organisations, slug: str | None) -> list[Org]:
    if slug is not None:
        found = await orgs.find(slug)
        if found is None:
            raise typer.BadParameter(f"no organisation has the slug {slug}")
        return [found]
    every = [await orgs.read(org) async for org in organisations(db)]
    return [each for each in every if each is not None]


def _copies(file: Path) -> list[Checkpoint]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        found = list(copies(lines))
    if not found:
        raise typer.BadParameter(f"{file} holds no checkpoint")
    return found


def _read_file(file: Path, key: bytes) -> FileReport:
    with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        return verify_file(lines, key=key)


def _key(chosen: Settings) -> bytes:
    return chosen.audit_signing_key.get_secret_value().encode()


def _moment(given: datetime | None) -> datetime | None:
    return given.replace(tzinfo=KST) if given is not None and given.tzinfo is None else given


def _whole(reports: Sequence[tuple[Org, VerifyReport]], strangers: Sequence[str]) -> bool:
    return not strangers and all(report.whole for _, report in reports)


def told(report: VerifyReport) -> dict[str, Any]:
    """A report as JSON holds it."""
    return {
        "stream": report.stream,
        "whole": report.whole,
        "rows": report.rows,
        "first_seq": report.first_seq,
        "last_seq": report.last_seq,
        "pruned_to": report.pruned_to,
        "signed_to": report.signed_to,
        "broken": [{"seq": each.seq, "until": each.until, "what": each.what} for each in report.broken],
    }


def _print(name: str, report: VerifyReport) -> None:
    rows = f"{report.rows:,} rows, signed to {report.signed_to:,}"
    if report.pruned_to:
        rows += f", pruned to {report.pruned_to:,}"
    typer.echo(f"{name} {report.stream}: {'whole' if report.whole else 'BROKEN'}, {rows}")
    for each in report.broken:
        typer.echo(f"  {_sentence(each)}")


def _sentence(each: Broken) -> str:
    which = f"row {each.seq:,}" if each.until is None else f"rows {each.seq:,} to {each.until:,}"
    return f"{which}: {_SAID[each.what]}"


_SAID = {
    "missing": "gone",
    "edited": "not what was appended",
    "link": "does not continue the row before",
    "extra": "was never appended",
    "kept": "not the rows that pruning kept",
    "tail": "the chain's head or its newest checkpoint knows another end",
    "checkpoint": "not what was signed, or not signed with this key",
    "anchor": "pruned up to here without a signature of this key",
    "copy": "the copy says otherwise, or is not signed with this key",
}
