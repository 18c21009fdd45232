"""An export: everything that is in the chain, verified from the file alone, and every change of the file named."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from tests.db.chained import (
    BEFORE,
    KEY,
    PRUNED,
    STREAMS,
    THIS_YEAR,
    an_org,
    appended_before,
    call,
    chained,
    event,
    written,
)

from sangdam.core.ids import OrgId
from sangdam.db import Database
from sangdam.db.chain import Stream
from sangdam.db.checkpoints import copies
from sangdam.db.export import export, verify_file
from sangdam.db.migrate import migrate
from sangdam.db.testing import Addresses, connected
from sangdam.db.verification import Broken, verified


async def exported(
    database: Database,
    org: OrgId,
    *,
    streams: tuple[Stream, ...] = STREAMS,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[str]:
    async with database.snapshot(org) as tx:
        pieces = [
            piece
            async for piece in export(
                tx, org, slug="moonlight", streams=streams, since=since, until=until, key=KEY, at=PRUNED
            )
        ]
    return "".join(pieces).splitlines(keepends=True)


def rows(lines: list[str], stream: Stream) -> list[int]:
    read = [json.loads(line) for line in lines]
    return [line["seq"] for line in read if line["kind"] == "row" and line["stream"] == stream]


@pytest.mark.parametrize("pruned", [False, True])
async def test_a_whole_export_holds_every_row_and_verifies(
    database: Database, addresses: Addresses, pruned: bool
) -> None:
    it = await chained(database, addresses, pruned=pruned)
    lines = await exported(database, it.org)
    report = verify_file(lines, key=KEY)
    assert report.whole, report
    assert report.org == it.org
    for one in report.streams:
        assert one.rows == it.rows[one.stream] - it.pruned_to + len(it.kept.get(one.stream, ()))
        assert (one.last_seq, one.signed_to, one.pruned_to) == (it.rows[one.stream], it.rows[one.stream], it.pruned_to)
    first = json.loads(next(line for line in lines if '"kind":"row"' in line))
    assert first["row"]["org_id"] == str(it.org)
    assert first["row"]["payload"]["한글"] == "값"
    assert not verify_file(lines, key=b"another key").whole


async def test_an_export_is_a_copy_to_compare_the_database_with(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    kept = list(copies(await exported(database, it.org)))
    assert sorted((each.stream, each.seq) for each in kept) == [(s, seq) for s in STREAMS for seq in (60, 120, 180)]
    assert (await verified(database, it.org, "events", signing_key=KEY, copies=kept)).whole


async def test_a_span_of_time_is_cut_out_whole(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    lines = await exported(
        database, it.org, since=THIS_YEAR + timedelta(seconds=100), until=THIS_YEAR + timedelta(seconds=151)
    )
    assert rows(lines, "events") == rows(lines, "tools") == list(range(100, 151))
    assert verify_file(lines, key=KEY).whole
    nothing = await exported(database, it.org, since=PRUNED)
    assert rows(nothing, "events") == []
    assert verify_file(nothing, key=KEY).whole


async def test_one_stream_alone(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    lines = await exported(database, it.org, streams=("tools",))
    report = verify_file(lines, key=KEY)
    assert (report.whole, [each.stream for each in report.streams]) == (True, ["tools"])
    assert rows(lines, "events") == []


async def test_rows_of_an_earlier_build_are_exported_as_they_were_hashed(empty_addresses: Addresses) -> None:
    await migrate(empty_addresses.owner, BEFORE)
    org = await an_org(empty_addresses.owner)
    async with await Database.open(empty_addresses.app) as database:
        for number in range(1, 6):
            await appended_before(database, org, event(number, THIS_YEAR), call(number, THIS_YEAR))
    await migrate(empty_addresses.owner)
    async with await Database.open(empty_addresses.app) as database:
        await written(database, org, 6, 9, THIS_YEAR)
        lines = await exported(database, org)
    report = verify_file(lines, key=KEY)
    assert report.whole, report
    assert [each.rows for each in report.streams] == [9, 9]


async def test_a_chain_that_is_broken_is_exported_as_it_is(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    async with connected(addresses.superuser) as superuser:
        await superuser.execute("set session_replication_role = replica")
        await superuser.execute("update f_audit_events set trace_id = 'x' where chain_seq = 77")
    events, calls = verify_file(await exported(database, it.org), key=KEY).streams
    assert (events.broken, calls.broken) == ((Broken(77, "edited"),), ())


Change = Callable[[list[str], random.Random], list[str]]


def edit_text(lines: list[str], rng: random.Random) -> list[str]:
    at = rng.choice([n for n, line in enumerate(lines) if '"kind":"row"' in line])
    return [*lines[:at], lines[at].replace('"trace_id":"0', '"trace_id":"f'), *lines[at + 1 :]]


def edit_hash(lines: list[str], rng: random.Random) -> list[str]:
    at = rng.choice([n for n, line in enumerate(lines) if "hash" in line])
    place = lines[at].index('hash":"') + 7
    other = "0" if lines[at][place] != "0" else "1"
    return [*lines[:at], lines[at][:place] + other + lines[at][place + 1 :], *lines[at + 1 :]]


def leave_out(lines: list[str], rng: random.Random) -> list[str]:
    at = rng.choice([n for n, line in enumerate(lines) if '"kind":"checkpoint"' not in line])
    return lines[:at] + lines[at + 1 :]


def swap(lines: list[str], rng: random.Random) -> list[str]:
    at = rng.choice([n for n, line in enumerate(lines[:-1]) if '"row"' in line and '"row"' in lines[n + 1]])
    return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


def double(lines: list[str], rng: random.Random) -> list[str]:
    at = rng.choice([n for n, line in enumerate(lines) if '"kind":"row"' in line])
    return [*lines[:at], lines[at], *lines[at:]]


def cut(lines: list[str], rng: random.Random) -> list[str]:
    return lines[: rng.randint(0, len(lines) - 1)]


def cut_in_a_line(lines: list[str], rng: random.Random) -> list[str]:
    at = rng.randint(0, len(lines) - 1)
    return [*lines[:at], lines[at][: len(lines[at]) // 2]]


def drop_a_stream(lines: list[str], rng: random.Random) -> list[str]:
    header = json.loads(lines[0])
    header["streams"] = ["events"]
    short = json.dumps(header, ensure_ascii=False, separators=(",", ":")) + "\n"
    return [short, *(line for line in lines[1:] if '"stream":"tools"' not in line)]


def strange_lines(lines: list[str], rng: random.Random) -> list[str]:
    more = rng.choice(
        ["\n", "[]\n", '{"kind":"row"}\n', '{"kind":"checkpoint","stream":"events","signed_at":5}\n', "가\n"]
    )
    at = rng.randint(1, len(lines))
    return [*lines[:at], more, *lines[at:]]


def reformat(lines: list[str], rng: random.Random) -> list[str]:
    return [json.dumps(json.loads(line), ensure_ascii=False) + "\n" for line in lines]


@pytest.mark.parametrize(
    "change",
    [edit_text, edit_hash, leave_out, swap, double, cut, cut_in_a_line, drop_a_stream, strange_lines, reformat],
)
async def test_a_changed_file_is_not_whole(database: Database, addresses: Addresses, change: Change) -> None:
    it = await chained(database, addresses, pruned=True)
    lines = await exported(database, it.org)
    rng = random.Random(change.__name__)
    for _ in range(40):
        changed = change(lines, rng)
        assert changed != lines
        assert not verify_file(changed, key=KEY).whole, change


async def test_the_first_fault_of_a_file_is_named_with_its_row(database: Database, addresses: Addresses) -> None:
    it = await chained(database, addresses)
    lines = await exported(database, it.org, streams=("events",))
    at = next(n for n, line in enumerate(lines) if '"seq":99,' in line and '"kind":"row"' in line)
    gone = verify_file(lines[:at] + lines[at + 3 :], key=KEY).streams[0].broken
    assert gone[0] == Broken(99, "missing", 101)
    cut_off = verify_file(lines[:at], key=KEY).streams[0].broken
    assert cut_off == (Broken(99, "tail"),)
    changed = [*lines[:at], lines[at].replace('"half": 0.5', '"half": 0.50'), *lines[at + 1 :]]
    assert verify_file(changed, key=KEY).streams[0].broken == (Broken(99, "edited"),)
