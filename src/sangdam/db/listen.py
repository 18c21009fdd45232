"""One connection that hears notifications and hands each to its subscribers.

A notification is a hint and can be lost while the connection is away: after a reconnect every subscriber is told once, and
reads again from where it left off. Never behind a transaction pooler: LISTEN receives nothing there.
"""

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self, cast

import asyncpg
import structlog

from sangdam.core.errors import Kind, SangdamError

CONNECT_SECONDS = 10.0
PROBE_SECONDS = 15.0
_BACKOFF_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)

log = structlog.stdlib.get_logger(__name__)


class _Connection(Protocol):
    async def add_listener(self, channel: str, callback: Callable[[object, int, str, str], None]) -> None: ...
    async def remove_listener(self, channel: str, callback: Callable[[object, int, str, str], None]) -> None: ...
    def add_termination_listener(self, callback: Callable[[object], None]) -> None: ...
    async def fetchval(self, query: str, *, timeout: float) -> Any: ...
    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...


class Subscription:
    """Ends with `close`, which may be called more than once."""

    def __init__(
        self, listener: "Listener", channel: str, heard: Callable[[str], None], lost: Callable[[], None]
    ) -> None:
        self._listener = listener
        self.channel = channel
        self.heard = heard
        self.lost = lost

    def close(self) -> None:
        self._listener._forget(self)  # pyright: ignore[reportPrivateUsage]


class Listener:
    """Callbacks run on the event loop and must not block; they wake somebody and return."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._wanted = asyncio.Event()
        """Set when the channels asked for may differ from those listened to, or the connection broke."""
        self._settled = asyncio.Event()
        """Set while the connection listens to every channel asked for."""
        self._task: asyncio.Task[None] | None = None
        self._first: _Connection | None = None

    @classmethod
    async def open(cls, dsn: str) -> Self:
        """Raises `SangdamError(UNAVAILABLE)` when the first connection cannot be made."""
        listener = cls(dsn)
        try:
            connection = await listener._connect()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise SangdamError(Kind.UNAVAILABLE, f"the database is not available ({type(error).__name__})") from error
        listener._first = connection
        listener._task = asyncio.create_task(listener._keep(connection), name="listen")
        return listener

    def subscribe(self, channel: str, heard: Callable[[str], None], *, lost: Callable[[], None]) -> Subscription:
        """`heard` gets the payload, an id. `lost` says that notifications may have been missed: read again.

        Listening begins a moment later; read what there is after `listening()`, or count on the next `lost`.
        """
        subscription = Subscription(self, channel, heard, lost)
        known = self._subscriptions.setdefault(channel, set())
        known.add(subscription)
        if len(known) == 1:
            self._settled.clear()
            self._wanted.set()
        return subscription

    async def listening(self, *, seconds: float = CONNECT_SECONDS) -> None:
        """Returns once every channel subscribed to so far is listened to. Raises `SangdamError(UNAVAILABLE)` after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        except TimeoutError:
            raise SangdamError(Kind.UNAVAILABLE, "the listening connection is away") from None

    @property
    def connected(self) -> bool:
        return self._settled.is_set()

    async def close(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        if self._first is not None:
            self._first.terminate()  # a task that is cancelled before its first step does not get to do it

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _forget(self, subscription: Subscription) -> None:
        known = self._subscriptions.get(subscription.channel, set())
        known.discard(subscription)
        if not known and self._subscriptions.pop(subscription.channel, None) is not None:
            self._wanted.set()

    def _dispatch(self, _connection: object, _pid: int, channel: str, payload: str) -> None:
        for subscription in tuple(self._subscriptions.get(channel, ())):
            subscription.heard(payload)

    async def _connect(self) -> _Connection:
        connection = cast(
            _Connection,
            await cast(Any, asyncpg).connect(
                self._dsn,
                timeout=CONNECT_SECONDS,
                command_timeout=CONNECT_SECONDS,
                server_settings={"application_name": "sangdam listen"},
            ),
        )
        connection.add_termination_listener(lambda _: self._wanted.set())
        return connection

    async def _keep(self, connection: _Connection) -> None:
        """Follows the wishes on one connection as long as it lives, then on the next one."""
        again = False
        while True:
            try:
                await self._follow(connection, again=again)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listen.lost", reason=type(error).__name__)
            finally:
                self._settled.clear()
                connection.terminate()
            connection = await self._reconnect()
            again = True

    async def _follow(self, connection: _Connection, *, again: bool) -> None:
        listened: set[str] = set()
        while True:
            self._wanted.clear()
            if connection.is_closed():
                return
            for channel in listened - self._subscriptions.keys():
                await connection.remove_listener(channel, self._dispatch)
                listened.discard(channel)
            for channel in self._subscriptions.keys() - listened:
                await connection.add_listener(channel, self._dispatch)
                listened.add(channel)
            if listened >= self._subscriptions.keys():
                self._settled.set()
            if again and self._settled.is_set():
                # Only now: what is read before listening begins could miss what is said in between.
                again = False
                log.info("listen.reconnected")
                for subscription in [one for known in self._subscriptions.values() for one in known]:
                    subscription.lost()
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                # A connection cut without a word looks idle for ever; asking is the only way to know.
                await connection.fetchval("select 1", timeout=CONNECT_SECONDS)

    async def _reconnect(self) -> _Connection:
        attempt = 0
        while True:
            await asyncio.sleep(_BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)] * random.uniform(0.5, 1.0))  # noqa: S311
            try:
                return await self._connect()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                attempt += 1
                log.warning("listen.unreachable", reason=type(error).__name__, attempt=attempt)
