"""`sangdam audit verify | export` as somebody runs them: what they say, and how they end."""

import json
import stat
from pathlib import Path

import pytest

from sangdam.db import Database
from sangdam.db.checkpoints import told
from sangdam.db.testing import Addresses, connected
from tests.db.chained import KEY, Chained, chained
from tests.processes.running import finished, free_ports, started

WHOLE, BROKEN, USAGE, DEPENDENCY_DOWN = 0, 1, 2, 4


@pytest.fixture
def settings(addresses: Addresses) -> dict[str, str]:
    return {"SANGDAM_PROFILE": "test", "DATABASE_URL": addresses.app, "AUDIT_SIGNING_KEY": KEY.decode()}


@pytest.fixture
async def it(database: Database, addresses: Addresses) -> Chained:
    made = await chained(database, addresses)
    async with connected(addresses.owner) as owner:
        await owner.execute("update a_iam_organizations set slug = 'moonlight' where id = $1", made.org)
    return made


def drafts(folder: Path) -> list[Path]:
    return list(folder.glob("*.part"))


async def forged(addresses: Addresses, *statements: str) -> None:
    async with connected(addresses.superuser) as superuser:
        await superuser.execute("set session_replication_role = replica")
        for sql in statements:
            await superuser.execute(sql)


@pytest.mark.usefixtures("it")
async def test_a_whole_audit_is_said_to_be_whole(settings: dict[str, str], tmp_path: Path) -> None:
    code, said = await finished("audit", "verify", folder=tmp_path, settings=settings)
    assert code == WHOLE, said
    assert "달빛샵 (moonlight) events: whole, 240 rows, signed to 180" in said
    assert "달빛샵 (moonlight) tools: whole, 240 rows, signed to 180" in said
    code, said = await finished(
        "audit", "verify", "--org", "moonlight", "--stream", "tools", "--json", folder=tmp_path, settings=settings
    )
    assert code == WHOLE, said
    report = json.loads(said)
    assert report["whole"] is True
    assert [(each["org"], each["stream"], each["rows"]) for each in report["streams"]] == [("moonlight", "tools", 240)]


@pytest.mark.usefixtures("it")
async def test_everything_that_is_broken_is_said(
    settings: dict[str, str], addresses: Addresses, tmp_path: Path
) -> None:
    await forged(
        addresses,
        "update f_audit_events set trace_id = 'x' where chain_seq = 12",
        "delete from f_audit_mcp_tools where chain_seq between 30 and 34",
    )
    code, said = await finished("audit", "verify", folder=tmp_path, settings=settings)
    assert code == BROKEN, said
    assert "row 12: not what was appended" in said
    assert "rows 30 to 34: gone" in said
    assert "Traceback" not in said
    code, said = await finished("audit", "verify", "--json", folder=tmp_path, settings=settings)
    assert code == BROKEN
    assert json.loads(said)["streams"][1]["broken"] == [{"seq": 30, "until": 34, "what": "missing"}]
    code, said = await finished(
        "audit", "verify", folder=tmp_path, settings={**settings, "AUDIT_SIGNING_KEY": "another key " * 4}
    )
    assert code == BROKEN
    assert "row 60: not what was signed, or not signed with this key" in said


async def test_a_log_kept_elsewhere_knows_of_a_cut_off_end(
    it: Chained, settings: dict[str, str], addresses: Addresses, tmp_path: Path
) -> None:
    log = tmp_path / "kept.log"
    line = {"at": "2026-03-14T03:00:00Z", "level": "info", "event": "audit.checkpoint_signed"}
    log.write_text("".join(json.dumps({**line, **told(each)}) + "\n" for each in it.copies), encoding="utf-8")
    against = ("audit", "verify", "--against", str(log))
    assert (await finished(*against, folder=tmp_path, settings=settings))[0] == WHOLE
    await forged(
        addresses,
        "delete from f_audit_events where chain_seq > 200",
        "update f_audit_chains set last_seq = 200, last_hash = (select row_hash from f_audit_events where chain_seq = 200) where stream = 'events'",
    )
    assert (await finished("audit", "verify", folder=tmp_path, settings=settings))[0] == WHOLE
    code, said = await finished(*against, folder=tmp_path, settings=settings)
    assert code == BROKEN
    assert "rows 201 to 230: the copy says otherwise" in said


@pytest.mark.usefixtures("it")
async def test_an_export_is_private_and_verifies_without_the_database(settings: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    code, said = await finished(
        "audit", "export", "--org", "moonlight", "--out", str(out), folder=tmp_path, settings=settings
    )
    assert code == WHOLE, said
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert drafts(tmp_path) == []
    alone = {**settings, "DATABASE_URL": f"postgresql://sangdam_app:x@127.0.0.1:{free_ports()}/nothing"}
    verify_it = ("audit", "verify", "--file", str(out))
    code, said = await finished(*verify_it, folder=tmp_path, settings=alone)
    assert code == WHOLE, said
    assert "events: whole, 240 rows" in said
    assert (await finished("audit", "verify", "--against", str(out), folder=tmp_path, settings=settings))[0] == WHOLE
    lines = out.read_text(encoding="utf-8").splitlines(keepends=True)
    out.write_text("".join([*lines[:50], "nonsense\n", *lines[54:]]), encoding="utf-8")
    code, said = await finished(*verify_it, folder=tmp_path, settings=alone)
    assert code == BROKEN
    assert "line 51 is none of an export" in said
    assert "gone" in said
    code, said = await finished(*verify_it, "--json", folder=tmp_path, settings=alone)
    assert (code, json.loads(said)["unreadable_lines"]) == (BROKEN, [51])


@pytest.mark.usefixtures("it")
async def test_a_span_of_days_is_exported(settings: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "september.jsonl"
    code, said = await finished(
        *("audit", "export", "--org", "moonlight", "--stream", "tools", "--out", str(out)),
        *("--from", "2025-09-01", "--to", "2025-09-01T18:32:01"),
        folder=tmp_path,
        settings=settings,
    )
    assert code == WHOLE, said
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    seqs = [row["seq"] for row in rows if row["kind"] == "row"]
    assert (seqs[0], seqs[-1]) == (61, 120)  # 18:30 in Seoul is 09:30 in UTC, and row 120 came 120 s later


async def test_how_else_it_may_end(settings: dict[str, str], tmp_path: Path) -> None:
    down = {**settings, "DATABASE_URL": f"postgresql://sangdam_app:x@127.0.0.1:{free_ports()}/sangdam"}
    empty = tmp_path / "empty.log"
    empty.write_text("nothing\n", encoding="utf-8")
    for given, arguments, code in (
        (down, ("verify",), DEPENDENCY_DOWN),
        (down, ("export", "--org", "moonlight", "--out", "x.jsonl"), DEPENDENCY_DOWN),
        (settings, ("verify", "--org", "nobody"), USAGE),
        (settings, ("verify", "--stream", "ledger"), USAGE),
        (settings, ("verify", "--against", "not-there.log"), USAGE),
        (settings, ("verify", "--against", str(empty)), USAGE),
        (settings, ("verify", "--file", str(empty), "--org", "moonlight"), USAGE),
        (settings, ("verify", "--file", str(empty)), BROKEN),
        (settings, ("export", "--org", "nobody", "--out", "x.jsonl"), USAGE),
    ):
        ended, said = await finished("audit", *arguments, folder=tmp_path, settings=given)
        assert ended == code, (arguments, said)
        assert "Traceback" not in said
    assert not (tmp_path / "x.jsonl").exists()
    assert drafts(tmp_path) == []


async def test_the_embedded_database_of_a_running_process_is_left_running(tmp_path: Path) -> None:
    port = free_ports()
    own = {"SANGDAM_HOME": str(tmp_path / "home"), "PORT": str(port)}
    async with started("serve", "--host", "127.0.0.1", folder=tmp_path, settings=own) as serving:
        await serving.opened(f"http://127.0.0.1:{port}/readyz")
        code, said = await finished("audit", "verify", "--json", folder=tmp_path, settings=own)
        assert code == WHOLE, said
        await serving.opened(f"http://127.0.0.1:{port}/readyz")
        assert await serving.stop() == 0, serving.said
    code, said = await finished("audit", "verify", folder=tmp_path, settings=own)
    assert code == WHOLE, said
