"""Notifications: heard by every subscriber, and never silently missed."""

import asyncio

import pytest

from sangdam.core.errors import Kind, SangdamError
from sangdam.db import Database, Listener
from sangdam.db.testing import Addresses, connected


class Ear:
    """Keeps what it heard; `next` waits for one thing, boundedly."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.lost: asyncio.Queue[None] = asyncio.Queue()

    async def next(self) -> str:
        async with asyncio.timeout(10):
            return await self.heard.get()

    async def next_loss(self) -> None:
        async with asyncio.timeout(10):
            await self.lost.get()

    def listen(self, listener: Listener, channel: str) -> None:
        listener.subscribe(channel, self.heard.put_nowait, lost=lambda: self.lost.put_nowait(None))


async def test_a_committed_notification_is_heard_and_a_rolled_back_one_is_not(
    addresses: Addresses, database: Database
) -> None:
    async with await Listener.open(addresses.app) as listener:
        ear = Ear()
        ear.listen(listener, "session")
        await listener.listening()
        with pytest.raises(RuntimeError):
            async with database.system() as tx:
                await tx.notify("session", "never")
                raise RuntimeError
        async with database.system() as tx:
            await tx.notify("other", "elsewhere")
            await tx.notify("session", "one")
        assert await ear.next() == "one"
        assert ear.heard.empty()


async def test_two_subscribers_of_a_channel_both_hear_and_one_that_left_does_not(
    addresses: Addresses, database: Database
) -> None:
    async with await Listener.open(addresses.app) as listener:
        stays, leaves = Ear(), Ear()
        stays.listen(listener, "session")
        gone = listener.subscribe("session", leaves.heard.put_nowait, lost=lambda: None)
        await listener.listening()
        async with database.system() as tx:
            await tx.notify("session", "one")
        assert await stays.next() == await leaves.next() == "one"
        gone.close()
        gone.close()
        async with database.system() as tx:
            await tx.notify("session", "two")
        assert await stays.next() == "two"
        assert leaves.heard.empty()


async def test_a_lost_connection_comes_back_and_every_subscriber_is_told_to_read_again(
    addresses: Addresses, database: Database
) -> None:
    async with await Listener.open(addresses.app) as listener:
        ears = [Ear(), Ear()]
        for ear, channel in zip(ears, ("a", "b"), strict=True):
            ear.listen(listener, channel)
        await listener.listening()
        async with connected(addresses.superuser) as superuser:
            await superuser.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sangdam listen'"
            )
        for ear in ears:
            await ear.next_loss()
        async with database.system() as tx:
            await tx.notify("a", "after")
            await tx.notify("b", "after")
        for ear in ears:
            assert await ear.next() == "after"
            assert ear.lost.empty()


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(SangdamError) as refused:
        await Listener.open("postgresql://sangdam_app@/x?host=/nowhere")
    assert refused.value.kind is Kind.UNAVAILABLE


async def test_a_listener_that_is_closed_at_once_leaves_no_connection(addresses: Addresses, database: Database) -> None:
    listener = await Listener.open(addresses.app)
    await listener.close()
    async with asyncio.timeout(5):
        while await listening_connections(database):
            pass


async def listening_connections(database: Database) -> int:
    async with database.system() as tx:
        return await tx.fetchval(
            "select count(*) from pg_stat_activity where application_name = 'sangdam listen' and datname = current_database()"
        )
