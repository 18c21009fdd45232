"""Brings a database to the schema of this build: `supabase/migrations/<timestamp>_<name>.sql`, each once, each in one transaction.

Files run as `sangdam_owner` whoever connects, except those whose first line says otherwise (they make that role). A file
that was applied may never change again: its checksum is compared every time.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

import asyncpg
import structlog

from sangdam.core.errors import Kind, SangdamError

LOCK_WAIT_SECONDS = 60
"""How long a second runner waits for the first."""
_LOCK = "select pg_advisory_lock(hashtextextended('sangdam.migrate', 0))"
_UNLOCK = "select pg_advisory_unlock(hashtextextended('sangdam.migrate', 0))"
_NAME = re.compile(r"(\d{14})_([a-z0-9_]+)\.sql")
_AS_CONNECTED = "-- runs as: whoever connects"

log = structlog.stdlib.get_logger(__name__)


class MigrationRefused(SangdamError):
    """The files and the database contradict each other; nothing was changed by the file named."""

    def __init__(self, ops: str) -> None:
        super().__init__(Kind.CONFIG, ops)


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    """The timestamp of its name, `yyyymmddhhmmss`."""
    name: str
    sql: str = field(repr=False)

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def runs_as_owner(self) -> bool:
        return not self.sql.startswith(_AS_CONNECTED)


class _Connection(Protocol):
    async def execute(self, query: str, *args: object) -> str: ...
    async def fetch(self, query: str, *args: object) -> Sequence[Any]: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    def transaction(self) -> Any: ...
    async def close(self) -> None: ...


def migrations(folder: Path | None = None) -> tuple[Migration, ...]:
    """All files in order. Raises `MigrationRefused` for a name that is none, or a version given twice."""
    place = folder or _shipped()
    found: list[Migration] = []
    for path in sorted(place.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationRefused(f"{path.name} is not named <yyyymmddhhmmss>_<name>.sql")
        if found and found[-1].version == int(match[1]):
            raise MigrationRefused(f"two migrations have the version {match[1]}")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    if not found:
        raise MigrationRefused(f"no migrations in {place}")
    return tuple(found)


def _shipped() -> Path:
    packaged = Path(__file__).with_name("migrations")
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "supabase" / "migrations"


async def migrate(
    dsn: str, files: Sequence[Migration] | None = None, *, app_dsn: str | None = None
) -> tuple[Migration, ...]:
    """Applies what is missing and returns it. `dsn` names the owner, or somebody who may make roles.

    The password of `app_dsn`, when it names the role `sangdam_app`, is given to that role if this run makes it.
    Raises `MigrationRefused`, `SangdamError(UNAVAILABLE)`.
    """
    wanted = migrations() if files is None else tuple(files)
    connection = await _connect(dsn)
    try:
        await connection.execute(f"set lock_timeout = '{LOCK_WAIT_SECONDS}s'")
        try:
            await connection.execute(_LOCK)
        except asyncpg.LockNotAvailableError:
            raise SangdamError(Kind.UNAVAILABLE, "another process is migrating this database") from None
        made_app = not await _role_exists(connection, "sangdam_app")
        applied = [one for one in _missing(wanted, await _known(connection)) if await _apply(connection, one)]
        if made_app and app_dsn is not None:
            await _set_password(connection, app_dsn)
        await connection.execute(_UNLOCK)
        return tuple(applied)
    finally:
        await connection.close()


async def missing(dsn: str, files: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """What `migrate` would apply; may run as the application role. Raises as `migrate` does."""
    connection = await _connect(dsn)
    try:
        return _missing(migrations() if files is None else files, await _known(connection))
    finally:
        await connection.close()


async def _connect(dsn: str) -> _Connection:
    try:
        return cast(
            _Connection, await cast(Any, asyncpg).connect(dsn, timeout=10, command_timeout=600, statement_cache_size=0)
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SangdamError(Kind.UNAVAILABLE, f"the database is not available ({type(error).__name__})") from error


def _missing(wanted: Sequence[Migration], known: dict[int, str]) -> tuple[Migration, ...]:
    by_version = {one.version: one for one in wanted}
    for version, checksum in sorted(known.items()):
        if version not in by_version:
            raise MigrationRefused(
                f"the database has version {version}, which this build does not know: it is newer than the build"
            )
        if by_version[version].checksum != checksum:
            raise MigrationRefused(
                f"{version}_{by_version[version].name}.sql changed after it was applied; write a new file instead"
            )
    return tuple(one for one in wanted if one.version not in known)


async def _known(connection: _Connection) -> dict[int, str]:
    if await connection.fetchval("select to_regclass('public.schema_version') is null"):
        return {}
    rows = await connection.fetch("select version, checksum from public.schema_version")
    return {row["version"]: row["checksum"] for row in rows}


async def _apply(connection: _Connection, one: Migration) -> bool:
    """True when the file was run; False when the Supabase CLI had run it and only the record was missing."""
    by_cli = await _applied_by_cli(connection, one.version)
    try:
        async with connection.transaction():
            await connection.execute("set local lock_timeout = '3s'")
            if not by_cli:
                if one.runs_as_owner:
                    await connection.execute("set local role sangdam_owner")
                await connection.execute(one.sql)
            await _record(connection, one)
    except asyncpg.LockNotAvailableError:
        raise SangdamError(
            Kind.UNAVAILABLE, f"{one.version}_{one.name}.sql: a table was busy for 3 s; run again"
        ) from None
    except asyncpg.PostgresError as error:
        raise MigrationRefused(f"{one.version}_{one.name}.sql: {error}") from error
    log.info("migration.recognised" if by_cli else "migration.applied", version=one.version, name=one.name)
    return not by_cli


async def _record(connection: _Connection, one: Migration) -> None:
    if await _role_exists(connection, "sangdam_owner"):
        await connection.execute("set local role sangdam_owner")
    if await connection.fetchval("select to_regclass('public.schema_version') is null"):
        await connection.execute(
            """
            create table public.schema_version (
              version bigint primary key, checksum text not null, applied_at timestamptz not null default now());
            grant select on public.schema_version to sangdam_app;
            do $$ begin
              if exists (select from pg_roles where rolname = 'anon') then
                revoke all on public.schema_version from anon, authenticated;
              end if;
            end $$;
            """
        )
    await connection.execute(
        "insert into public.schema_version (version, checksum) values ($1, $2)", one.version, one.checksum
    )


async def _applied_by_cli(connection: _Connection, version: int) -> bool:
    if await connection.fetchval("select to_regclass('supabase_migrations.schema_migrations') is null"):
        return False
    return bool(
        await connection.fetchval(
            "select exists (select from supabase_migrations.schema_migrations where version = $1)", str(version)
        )
    )


async def _role_exists(connection: _Connection, role: str) -> bool:
    return bool(await connection.fetchval("select exists (select from pg_roles where rolname = $1)", role))


async def _set_password(connection: _Connection, app_dsn: str) -> None:
    address = urlsplit(app_dsn)
    if address.username != "sangdam_app" or not address.password:
        return
    # A role statement takes no parameters; format() with %L quotes the value on the server.
    statement = await connection.fetchval(
        "select format('alter role sangdam_app password %L', $1::text)", unquote(address.password)
    )
    await connection.execute(statement)
