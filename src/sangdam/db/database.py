"""Transactions. Every one names the organisation it works for, or says that it works for none.

The organisation is set for the transaction alone, in the same round trip as BEGIN, so a pooled connection carries nothing
over. A connection is never reset between uses: session state (`set` without `local`, session locks, LISTEN) has no place here.
"""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Protocol, Self, cast

import asyncpg

from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId

STATEMENT_SECONDS = 15.0
ACQUIRE_SECONDS = 5.0
CONNECT_SECONDS = 10.0

UniqueViolation = asyncpg.UniqueViolationError
ForeignKeyViolation = asyncpg.ForeignKeyViolationError
CheckViolation = asyncpg.CheckViolationError
Raised = asyncpg.RaiseError
"""What a function of ours in the database refuses."""

_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,  # statement timeout, shutdown by the administrator, server starting
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.InvalidAuthorizationSpecificationError,
    OSError,
    TimeoutError,
)


_SNAPSHOT = re.compile(r"[0-9A-F-]{1,64}")


class Row(Protocol):
    """A record: columns by name or position. Types are those of the columns; a store turns it into a value of its own."""

    def __getitem__(self, key: str | int) -> Any: ...
    def get(self, key: str, default: Any = None) -> Any: ...
    def keys(self) -> Iterable[str]: ...
    def values(self) -> Iterable[Any]: ...
    def items(self) -> Iterable[tuple[str, Any]]: ...
    def __len__(self) -> int: ...


class Connection(Protocol):
    """What is used of an asyncpg connection."""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str: ...
    async def executemany(self, command: str, args: Iterable[Sequence[object]]) -> None: ...
    async def fetch(self, query: str, *args: object) -> list[Row]: ...
    async def fetchrow(self, query: str, *args: object) -> Row | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    def cursor(self, query: str, *args: object, prefetch: int) -> AsyncIterator[Row]: ...
    def is_in_transaction(self) -> bool: ...
    def terminate(self) -> None: ...
    async def close(self, *, timeout: float | None = None) -> None: ...
    async def set_type_codec(
        self, typename: str, *, schema: str, encoder: Callable[[Any], str], decoder: Callable[[str], Any]
    ) -> None: ...


class _Pool(Protocol):
    async def acquire(self, *, timeout: float) -> Connection: ...
    async def release(self, connection: Connection) -> None: ...
    async def close(self) -> None: ...
    def terminate(self) -> None: ...
    def get_size(self) -> int: ...
    def get_idle_size(self) -> int: ...


class Transaction:
    """An open transaction; made by `Database.org` and `Database.system` only. Leaving it commits, an exception rolls back.

    Raises `SangdamError(UNAVAILABLE)` when the database is away, too slow or the connection broke. When that happens at the
    end, the transaction may have been committed: repeat only what is safe to repeat.
    """

    __slots__ = ("_connection", "_hooks", "org")

    def __init__(self, connection: Connection, org: OrgId | None) -> None:
        self._connection = connection
        self._hooks: list[Callable[[], None]] = []
        self.org = org
        """None in a system transaction: it sees no tenant row except through `sys_*` functions."""

    async def execute(self, sql: str, *args: object) -> str:
        """The command tag, such as `UPDATE 1`."""
        return await self._connection.execute(sql, *args)

    async def executed(self, sql: str, *args: object) -> int:
        """The number of rows a statement touched."""
        return int((await self._connection.execute(sql, *args)).rpartition(" ")[2])

    async def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """One statement for many rows in one round trip."""
        await self._connection.executemany(sql, rows)

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        return await self._connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        return await self._connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row; None when there is no row."""
        return await self._connection.fetchval(sql, *args)

    def stream(self, sql: str, *args: object, prefetch: int = 500) -> AsyncIterator[Row]:
        """Rows through a cursor, for results that do not fit in memory."""
        return aiter(self._connection.cursor(sql, *args, prefetch=prefetch))

    async def notify(self, channel: str, payload: str) -> None:
        """Wakes the listeners of a channel when this transaction commits. The payload is an id, never content."""
        await self._connection.execute("select pg_notify($1, $2)", channel, payload)

    async def lock(self, key: str) -> None:
        """Waits for an advisory lock that the end of the transaction releases."""
        await self._connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", key)

    async def try_lock(self, key: str) -> bool:
        return bool(await self._connection.fetchval("select pg_try_advisory_xact_lock(hashtextextended($1, 0))", key))

    async def share_snapshot(self) -> str:
        """What `Database.snapshot` takes to see exactly what this transaction sees, for as long as it is open."""
        return str(await self._connection.fetchval("select pg_export_snapshot()"))

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Called once, in order, after the commit; not at all after a rollback."""
        self._hooks.append(hook)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What fails inside is undone alone; hooks registered inside are forgotten with it."""
        known = len(self._hooks)
        await self._connection.execute("savepoint inner_step")
        try:
            yield
        except BaseException:
            await self._connection.execute("rollback to savepoint inner_step; release savepoint inner_step")
            del self._hooks[known:]
            raise
        await self._connection.execute("release savepoint inner_step")


class _Opening:
    """`async with` of one transaction. A class and not a generator: this is the hottest path of the process."""

    __slots__ = ("_begin", "_connection", "_org", "_pool", "_transaction")

    def __init__(self, pool: _Pool, begin: str, org: OrgId | None) -> None:
        self._pool = pool
        self._begin = begin
        self._org = org

    async def __aenter__(self) -> Transaction:
        try:
            self._connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        except _GONE as error:
            raise _unavailable(error) from error
        try:
            await self._connection.execute(self._begin)
        except BaseException as error:
            await self._abandon()
            if isinstance(error, _GONE):
                raise _unavailable(error) from error
            raise
        self._transaction = Transaction(self._connection, self._org)
        return self._transaction

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            end = await self._connection.execute("COMMIT" if error is None else "ROLLBACK")
        except BaseException as failed:
            await self._abandon()
            if error is None and isinstance(failed, _GONE):
                raise _unavailable(failed) from failed
            if error is None or not isinstance(failed, Exception):
                raise
        else:
            await self._pool.release(self._connection)
            if error is None:
                if end != "COMMIT":
                    # A statement failed and the failure was swallowed inside; the server rolled back and says so only here.
                    raise SangdamError(
                        Kind.INTERNAL, "a failed statement was ignored inside a transaction: everything was rolled back"
                    )
                for hook in self._transaction._hooks:  # pyright: ignore[reportPrivateUsage]
                    hook()
        if isinstance(error, _GONE):
            raise _unavailable(error) from error

    async def _abandon(self) -> None:
        # A connection the server has closed is out of the pool already, and says so when touched.
        with suppress(asyncpg.InterfaceError):
            self._connection.terminate()
        await self._pool.release(self._connection)


class Database:
    """A pool of connections to one database, as the role the address names."""

    def __init__(self, pool: _Pool, limits: str) -> None:
        self._pool = pool
        self._limits = limits

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        min_size: int = 1,
        max_size: int = 10,
        pooler: bool = False,
        statement_seconds: float = STATEMENT_SECONDS,
    ) -> Self:
        """`pooler` says that a transaction pooler (PgBouncer, Supavisor) stands between: prepared statements are then not kept.

        Raises `SangdamError(UNAVAILABLE)`.
        """
        try:
            pool = await cast(Any, asyncpg).create_pool(
                dsn,
                min_size=min_size,
                max_size=max_size,
                init=_prepare,
                reset=_refuse_open_transaction,
                timeout=CONNECT_SECONDS,
                command_timeout=statement_seconds + 5.0,
                statement_cache_size=0 if pooler else 200,
                server_settings={"application_name": "sangdam"},
            )
        except _GONE as error:
            raise _unavailable(error) from error
        milliseconds = int(statement_seconds * 1000)
        limits = (
            f"set_config('statement_timeout','{milliseconds}',true),"
            f"set_config('lock_timeout','{milliseconds}',true),"
            f"set_config('idle_in_transaction_session_timeout','{milliseconds * 2}',true)"
        )
        return cls(cast(_Pool, pool), limits)

    def org(self, org: OrgId, *, durable: bool = True) -> _Opening:
        """A transaction that sees and writes the rows of one organisation.

        Without `durable` its end does not wait for the disk: a crash of the database may forget the last moment of it, as of counters.
        """
        # The simple protocol takes no parameters, but does BEGIN and the setting in one round trip: hence a checked literal.
        if not isinstance(org, uuid.UUID):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError("an organisation is named by its UUID")
        hasty = "" if durable else ",set_config('synchronous_commit','off',true)"
        return _Opening(
            self._pool,
            f"BEGIN;SELECT set_config('app.org_id','{uuid.UUID(int=org.int)}',true),{self._limits}{hasty}",
            org,
        )

    def snapshot(self, org: OrgId, *, shared: str | None = None) -> _Opening:
        """One organisation as it is now, or as another transaction sees it, whatever others commit meanwhile. Read only."""
        if not isinstance(org, uuid.UUID):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError("an organisation is named by its UUID")
        if shared is not None and not _SNAPSHOT.fullmatch(shared):
            raise ValueError("not the name of a snapshot")
        the_same = f"SET TRANSACTION SNAPSHOT '{shared}';" if shared is not None else ""
        return _Opening(
            self._pool,
            f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;{the_same}"
            f"SELECT set_config('app.org_id','{uuid.UUID(int=org.int)}',true),{self._limits}",
            org,
        )

    def system(self) -> _Opening:
        """A transaction of no organisation: global tables and `sys_*` functions."""
        return _Opening(self._pool, f"BEGIN;SELECT set_config('app.org_id','',true),{self._limits}", None)

    async def ping(self) -> None:
        """Raises `SangdamError(UNAVAILABLE)` when the database does not answer."""
        async with self.system() as tx:
            await tx.fetchval("select 1")

    @property
    def in_use(self) -> int:
        """Connections that run a transaction now."""
        return self._pool.get_size() - self._pool.get_idle_size()

    async def close(self) -> None:
        """Waits for open transactions, at most 10 s, then breaks them off."""
        try:
            async with asyncio.timeout(10):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def organisations(database: Database, *, at_once: int = 1000) -> AsyncIterator[OrgId]:
    """All of them, by their ids; no transaction is open between two of them."""
    last: uuid.UUID | None = None
    while True:
        async with database.system() as tx:
            rows = await tx.fetch("select org_id from sys_orgs($1, $2)", last, at_once)
        for row in rows:
            yield OrgId(row["org_id"])
        if len(rows) < at_once:
            return
        last = rows[-1]["org_id"]


async def _prepare(connection: Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=_dumps, decoder=json.loads)


async def _refuse_open_transaction(connection: Connection) -> None:
    if connection.is_in_transaction():
        raise asyncpg.InterfaceError("a connection came back with an open transaction")


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _unavailable(error: BaseException) -> SangdamError:
    # The message of the driver may quote an address or a value; its class says enough.
    return SangdamError(Kind.UNAVAILABLE, f"the database is not available ({type(error).__name__})", retry_after=1.0)
