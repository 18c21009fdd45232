"""The embedded server: made, found again, stopped, and what a crash leaves behind."""

import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from sangdam.db import postgres
from sangdam.db.postgres import EmbeddedPostgres, Major, PostgresFailed
from sangdam.db.testing import connected


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sangdam-pg-test-", dir="/tmp"))
    folder.chmod(0o711)  # when root runs this, the server is somebody else and must get through
    yield folder / "postgres"
    if (folder / "postgres" / "data" / "PG_VERSION").exists():
        major: Major = 16 if (folder / "postgres" / "data" / "PG_VERSION").read_text().strip() == "16" else 18
        EmbeddedPostgres.start(folder / "postgres", major=major).stop()
    shutil.rmtree(folder)


async def ask(dsn: str, question: str) -> object:
    async with connected(dsn) as connection:
        return await connection.fetchval(question)


@pytest.mark.parametrize("major", [18, 16])
async def test_a_server_starts_is_found_again_survives_a_kill_and_stops(home: Path, major: Major) -> None:
    first = EmbeddedPostgres.start(home, major=major)
    assert not first.attached
    assert str(await ask(first.dsn("sangdam_owner"), "show server_version")).startswith(str(major))
    await ask(first.dsn("sangdam_owner"), "create table kept as select 42 as n")

    found = EmbeddedPostgres.start(home, major=major)
    assert found.attached
    assert found.pid == first.pid

    os.kill(first.pid, signal.SIGKILL)
    # Dead, and not reaped: the worst a crash leaves.
    os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - it is dying already
    second = EmbeddedPostgres.start(home, major=major)
    assert not second.attached
    assert await ask(second.dsn("sangdam_owner"), "select n from kept") == 42

    second.stop()
    with pytest.raises(OSError):
        await ask(second.dsn("sangdam_owner"), "select 1")
    second.stop()


async def test_the_server_is_durable_private_and_not_on_the_network(home: Path) -> None:
    server = EmbeddedPostgres.start(home)
    assert await ask(server.dsn("sangdam_app"), "show fsync") == "on"
    assert await ask(server.dsn("sangdam_app"), "show synchronous_commit") == "on"
    assert await ask(server.dsn("postgres"), "show listen_addresses") == ""
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "secret").stat().st_mode) == 0o600
    assert (
        await ask(server.dsn("postgres"), "select rolsuper or rolbypassrls from pg_roles where rolname = 'sangdam_app'")
        is False
    )


async def test_a_wrong_password_is_refused(home: Path) -> None:
    server = EmbeddedPostgres.start(home)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(server.dsn("sangdam_app").replace("sangdam_app:", "sangdam_app:not-"), "select 1")


async def test_a_path_too_long_for_a_socket_gets_a_socket_elsewhere(home: Path) -> None:
    server = EmbeddedPostgres.start(home / ("deep" * 30))
    try:
        assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) <= 107
        assert await ask(server.dsn("sangdam_app"), "select 1") == 1
    finally:
        server.stop()
    assert not server.socket_dir.exists()


def test_a_data_folder_of_another_version_is_refused_and_left_alone(home: Path) -> None:
    EmbeddedPostgres.start(home, major=16).stop()
    with pytest.raises(PostgresFailed, match="holds PostgreSQL 16"):
        EmbeddedPostgres.start(home, major=18)


def test_what_a_crash_left_of_making_the_data_folder_does_not_matter(home: Path) -> None:
    (home / "data.new" / "base").mkdir(parents=True)
    server = EmbeddedPostgres.start(home)
    server.stop()
    assert not (home / "data.new").exists()


def test_a_stale_pid_that_belongs_to_somebody_else_now_is_no_server(home: Path) -> None:
    first = EmbeddedPostgres.start(home)
    lines = (home / "data" / "postmaster.pid").read_text().splitlines()
    first.stop()
    (home / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]))
    second = EmbeddedPostgres.start(home)
    assert not second.attached


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_starts_the_server_as_somebody_else(home: Path) -> None:
    server = EmbeddedPostgres.start(home)
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps data where the server's user cannot go")
async def test_root_may_keep_its_folder_where_the_server_cannot_go(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = home.with_name("root-home")
    monkeypatch.setattr(postgres, "_ROOT_HOME", elsewhere)
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    server = EmbeddedPostgres.start(closed / "postgres")
    try:
        assert server.home.parent == elsewhere
        assert await ask(server.dsn("sangdam_app"), "select 1") == 1
    finally:
        server.stop()
