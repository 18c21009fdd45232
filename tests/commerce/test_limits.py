"""The bucket of 40 that drains two a second, seen from both sides."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cafe24_sandbox.bucket import Bucket
from sangdam.commerce.cafe24.limits import BudgetSpent, MallLimiter, number
from sangdam.core.clock import SettableClock

START = datetime(2026, 3, 14, 5, 0, tzinfo=UTC)


class Mall:
    """The sandbox's own bucket behind a limiter, on one clock."""

    def __init__(self) -> None:
        self.clock = SettableClock(START)
        self.bucket = Bucket()
        self.waits: list[float] = []
        self.limiter = MallLimiter(self.clock, pause=self.pause)

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.at += timedelta(seconds=seconds)

    async def ask(self, seconds: float = 1e6) -> bool:
        await self.limiter.take(self.clock.monotonic() + seconds)
        accepted = self.bucket.take(self.clock.now())
        self.limiter.told({name.lower(): value for name, value in self.bucket.headers(self.clock.now())})
        return accepted


Steps = st.lists(
    st.tuples(st.sampled_from(("ask", "other", "idle")), st.integers(1, 60), st.floats(0, 5)), min_size=1, max_size=12
)


@given(Steps)
@settings(max_examples=60, deadline=None)
def test_the_mall_never_has_to_refuse_us_whoever_else_calls(steps: list[tuple[str, int, float]]) -> None:
    async def play() -> None:
        mall = Mall()
        for what, count, seconds in steps:
            match what:
                case "idle":
                    mall.clock.move(seconds=seconds)
                case "other":
                    for _ in range(min(count, 3)):  # what the four places kept free can take before the mall tells us
                        mall.bucket.take(mall.clock.now())
                    assert await mall.ask()
                case _:
                    for _ in range(count):
                        assert await mall.ask()
            assert mall.bucket.level <= 40

    asyncio.run(play())


@given(st.integers(1, 120))
@settings(max_examples=20, deadline=None)
def test_no_second_has_more_than_eight_calls(count: int) -> None:
    async def play() -> list[datetime]:
        mall, at = Mall(), list[datetime]()
        for _ in range(count):
            await mall.ask()
            at.append(mall.clock.now())
        return at

    at = asyncio.run(play())
    assert all(later - earlier >= timedelta(seconds=0.999) for earlier, later in zip(at, at[8:], strict=False))


async def test_from_36_on_calls_leave_at_the_drain_rate() -> None:
    mall = Mall()
    mall.limiter.told({"x-api-call-limit": "35/40"})
    assert await mall.ask()
    assert sum(mall.waits) == pytest.approx(0.0)
    mall.waits.clear()
    for _ in range(4):
        await mall.ask()
    assert mall.waits == pytest.approx([0.5, 0.5, 0.5, 0.5])


async def test_a_place_behind_the_deadline_is_refused_at_once() -> None:
    mall = Mall()
    mall.limiter.told({"x-api-call-limit": "40/40"})
    with pytest.raises(BudgetSpent):
        await mall.ask(seconds=2.4)
    assert mall.waits == []
    assert await mall.ask(seconds=2.6)


async def test_nobody_waits_behind_somebody_with_more_patience() -> None:
    mall = Mall()
    mall.limiter.told({"x-api-call-limit": "40/40"})
    async with asyncio.TaskGroup() as group:
        patient = [group.create_task(mall.limiter.take(mall.clock.monotonic() + 100)) for _ in range(20)]
        with pytest.raises(BudgetSpent):
            await mall.limiter.take(mall.clock.monotonic() + 1)
    assert all(task.done() for task in patient)


@pytest.mark.parametrize(("usage", "blocked"), [("99.99", 0.0), ("100", 32.0), ("120.04", 32.0)])
async def test_a_used_up_quota_blocks_until_the_mall_says(usage: str, blocked: float) -> None:
    mall = Mall()
    mall.limiter.told({"x-cafe24-time-usage": usage, "x-cafe24-time-remain": "32"})
    await mall.ask()
    assert sum(mall.waits) == pytest.approx(blocked)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 2.5),
        ({"retry-after": "7"}, 7.5),
        ({"retry-after": "1"}, 2.5),
        ({"x-cafe24-call-remain": "9", "x-cafe24-time-remain": "12", "retry-after": "3"}, 12.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 2.5),
        ({"retry-after": "inf"}, 2.5),
        ({"x-cafe24-call-remain": "-5"}, 2.5),
    ],
)
async def test_after_a_429_everybody_waits_the_longest_time_named(headers: dict[str, str], seconds: float) -> None:
    mall = Mall()
    assert mall.limiter.refused(headers, jitter=0.5) == pytest.approx(seconds)
    await mall.ask()
    assert mall.waits == pytest.approx([seconds])


async def test_a_block_that_begins_while_somebody_waits_holds_him_too() -> None:
    mall = Mall()
    blocked = False

    async def pause(seconds: float) -> None:
        nonlocal blocked
        mall.clock.at += timedelta(seconds=seconds)
        if not blocked:
            blocked = True
            mall.limiter.refused({"retry-after": "20"}, jitter=0.0)

    mall.limiter = MallLimiter(mall.clock, pause=pause)
    mall.limiter.told({"x-api-call-limit": "40/40"})
    await mall.limiter.take(mall.clock.monotonic() + 100)
    assert mall.clock.now() - START >= timedelta(seconds=22)


@given(st.text() | st.floats().map(str))
def test_a_header_is_a_number_or_nothing(text: str) -> None:
    found = number(text)
    assert found is None or 0 <= found < float("inf")
