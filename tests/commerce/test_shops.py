"""The contract, on both shops; and what only the mall's one has to be careful about."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from tests.commerce.catalogue_contract import CatalogueContract, with_catalogue
from tests.commerce.goods import NOW
from tests.commerce.shop_contract import (
    HANEUL,
    QUARTER,
    SEOJUN,
    STAFF,
    ShopContract,
    Situation,
    arrange,
    remembered,
)
from tests.commerce.test_mapping import CARRIER, CUSTOMER, ORDER
from tests.commerce.world import DAY, Mall, a_mall, a_sandbox, the_cast

from cafe24_sandbox import Sandbox
from sangdam.commerce import ShopFailure
from sangdam.commerce.cafe24.limits import MallLimiter
from sangdam.commerce.cafe24.mall import split
from sangdam.commerce.memory import MemoryShop
from sangdam.commerce.shop import OrderQuery, SignedMember, VerifiedPhone, Window
from sangdam.core.clock import SettableClock
from sangdam.core.ids import MemberId, OrderId, SessionId, new_uuid
from sangdam.db import Database


@pytest.fixture(scope="module")
def standing() -> Sandbox:
    """Read only, so that one serves them all."""
    sandbox = a_sandbox(SettableClock(NOW), open_bucket=True)
    arrange(sandbox)
    return sandbox


@pytest.fixture(scope="module")
def memory(standing: Sandbox) -> MemoryShop:
    return with_catalogue(remembered(standing), standing)


@pytest.fixture
async def place(database: Database, standing: Sandbox) -> AsyncIterator[Situation]:
    async with a_mall(database, sandbox=standing) as mall:
        yield Situation(mall.shop, mall, standing)


class TestMemoryShop(ShopContract, CatalogueContract):
    @pytest.fixture
    def here(self, place: Situation, memory: MemoryShop) -> Situation:
        return Situation(memory, place.mall, place.sandbox)


class TestCafe24Shop(ShopContract, CatalogueContract):
    @pytest.fixture
    def here(self, place: Situation) -> Situation:
        return place


async def test_both_shops_tell_the_same_of_every_order_of_the_cast(place: Situation, memory: MemoryShop) -> None:
    for shopper in the_cast().shoppers.values():
        for order_id in shopper.orders.values():
            told = await place.shop.shipments(place.mall.call(), STAFF, OrderId(order_id))
            assert told == await memory.shipments(place.mall.call(), STAFF, OrderId(order_id))
    assert await place.shop.carriers(place.mall.call()) == memory.carriers_known
    assert await place.shop.shipping_terms(place.mall.call()) == memory.terms


async def test_both_shops_tell_the_same_of_all_goods(place: Situation, memory: MemoryShop) -> None:
    for product in memory.products_known:
        assert await place.shop.product(place.mall.call(), product.product_no) == product


# A mall that answers as it likes


class Answers:
    """By the end of the path: the body; everything else is not found."""

    def __init__(self, **bodies: Any) -> None:
        self.bodies = bodies
        self.asked: list[httpx2.Request] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        body = self.bodies.get(request.url.path.rpartition("/")[2].replace("-", "_"))
        return httpx2.Response(404 if body is None else body if isinstance(body, int) else 200, json=body)

    def count(self, end: str) -> int:
        return sum(request.url.path.endswith(end) for request in self.asked)


ORDER_ID = OrderId("20260314-0000127")


@pytest.fixture
async def mall(database: Database, answers: Answers) -> AsyncIterator[Mall]:
    async with a_mall(database, answering=answers) as found:
        yield found


def answering(**bodies: Any) -> Any:
    return pytest.mark.parametrize("answers", [Answers(**bodies)], ids=["mall"])


BOUGHT_FOR_HER = {**ORDER, "order_id": "20260314-0000129", "member_id": "seojun02"}
"""By another member, with her phone as the buyer's."""


@answering(orders={"orders": [ORDER, {**ORDER, "order_id": "20260314-0000128", "member_id": "seojun02", "buyer": {"name": "이서준", "cellphone": "010-0000-5678"}}, BOUGHT_FOR_HER]}, customers={"customers": [CUSTOMER]})  # fmt: skip
async def test_a_mall_that_passes_over_filters_shows_nobody_else_s_orders(mall: Mall, answers: Answers) -> None:
    phone = await mall.shop.orders(mall.call(), VerifiedPhone(HANEUL), QUARTER)
    assert {order.order_id for order in phone} == {ORDER_ID, OrderId("20260314-0000129")}
    of_hers = OrderQuery(QUARTER.window, member_only=True)
    assert [order.order_id for order in await mall.shop.orders(mall.call(), VerifiedPhone(HANEUL), of_hers)] == [ORDER_ID]  # fmt: skip
    staff = await mall.shop.orders(mall.call(), STAFF, QUARTER, member_id=MemberId("haneul01"))
    assert [order.order_id for order in staff] == [ORDER_ID]
    signed = await mall.shop.orders(mall.call(), SignedMember(MemberId("haneul01")), QUARTER)
    assert [order.order_id for order in signed] == [ORDER_ID]
    yesterday = OrderQuery(Window(DAY - timedelta(days=1), DAY - timedelta(days=1)))
    assert await mall.shop.orders(mall.call(), VerifiedPhone(HANEUL), yesterday) == ()
    assert await mall.shop.customer(mall.call(), MemberId("seojun02")) is None


@answering(customers={"customers": []}, orders={"orders": []})
async def test_a_member_is_asked_for_dashed_and_then_by_digits(mall: Mall, answers: Answers) -> None:
    assert await mall.shop.customers(mall.call(), HANEUL) == ()
    assert [request.url.params["cellphone"] for request in answers.asked] == ["010-0000-1234", "01000001234"]


@answering(customers={"customers": [CUSTOMER, {**CUSTOMER, "member_id": ""}]}, orders={"orders": [{**ORDER, "buyer": {"name": "김하늘", "cellphone": ""}}]})  # fmt: skip
async def test_a_member_without_an_id_is_said_so_and_proves_nothing(mall: Mall, answers: Answers) -> None:
    with pytest.raises(ShopFailure, match="CUSTOMER_MEMBER_ID_MISSING"):
        await mall.shop.customers(mall.call(), HANEUL)
    assert await mall.shop.orders(mall.call(), VerifiedPhone(HANEUL), QUARTER) == ()


@pytest.mark.parametrize("answers", [Answers(**{"20260314_0000127": {"order": ORDER}, "customers": 403})])
async def test_without_leave_to_read_members_an_order_is_only_its_buyer_phone_s(mall: Mall, answers: Answers) -> None:
    assert (await mall.shop.order(mall.call(), VerifiedPhone(HANEUL), ORDER_ID)).order_id == ORDER_ID
    with pytest.raises(ShopFailure, match="ORDER_NOT_OWNED"):
        await mall.shop.order(mall.call(), VerifiedPhone(SEOJUN), ORDER_ID)


@pytest.mark.parametrize(
    "answers",
    [
        Answers(**{"20260314_0000127": {"order": {**ORDER, "order_id": "20260314-0000128"}}}),
        Answers(**{"20260314_0000127": {"orders": [ORDER]}}),
        Answers(**{"20260314_0000127": {"order": None}}),
        Answers(**{"20260314_0000127": {"order": {**ORDER, "buyer": None}}}),
    ],
)
async def test_another_order_or_shape_than_asked_for_is_an_error(mall: Mall, answers: Answers) -> None:
    with pytest.raises(ShopFailure, match="CAFE24_ERROR"):
        await mall.shop.order(mall.call(), VerifiedPhone(HANEUL), ORDER_ID)


@pytest.mark.parametrize("answers", [Answers(**{"20260314_0000127": {"order": ORDER}, "carriers": {"carriers": [CARRIER]}})])  # fmt: skip
async def test_a_conversation_shares_an_order_for_seconds_and_the_org_its_carriers_for_a_day(
    mall: Mall, answers: Answers
) -> None:
    mine, other = SessionId(new_uuid()), SessionId(new_uuid())

    async def look(session: SessionId) -> None:
        await mall.shop.order(mall.call(session=session), VerifiedPhone(HANEUL), ORDER_ID)
        await mall.shop.carriers(mall.call(session=session))

    await asyncio.gather(look(mine), look(mine))
    await look(mine)
    assert (answers.count("0000127"), answers.count("carriers")) == (1, 1)
    await look(other)
    assert (answers.count("0000127"), answers.count("carriers")) == (2, 1)
    mall.clock.move(seconds=3)
    await look(mine)
    assert (answers.count("0000127"), answers.count("carriers")) == (3, 1)
    mall.clock.move(hours=1)
    await look(mine)
    assert answers.count("carriers") == 1
    assert len(mall.shared.kept) == 2, "what is over is forgotten"


class Stuck(Answers):
    """The first question is never answered."""

    def __init__(self, **bodies: Any) -> None:
        super().__init__(**bodies)
        self.reached = asyncio.Event()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        answer = await super().__call__(request)
        if len(self.asked) == 1:
            self.reached.set()
            await asyncio.Event().wait()
        return answer


@pytest.mark.parametrize("answers", [Stuck(carriers={"carriers": [CARRIER]})])
async def test_who_waited_for_somebody_who_gave_up_asks_for_himself(mall: Mall, answers: Stuck) -> None:
    first = asyncio.create_task(mall.shop.carriers(mall.call()))
    await answers.reached.wait()
    rest = [asyncio.create_task(mall.shop.carriers(mall.call())) for _ in range(5)]
    for _ in range(20):
        await asyncio.sleep(0)
    first.cancel()
    told = await asyncio.gather(*rest)
    assert {carriers[0].name for carriers in told} == {"CJ대한통운"}
    assert answers.count("carriers") == 2


async def test_the_first_failure_ends_the_other_questions_and_is_told_alone(database: Database) -> None:
    class Half(Answers):
        async def __call__(self, request: httpx2.Request) -> httpx2.Response:
            if "member_id" in request.url.params:
                return httpx2.Response(403, json={})
            if "buyer_cellphone" in request.url.params:
                await asyncio.Event().wait()
            return await super().__call__(request)

    async with a_mall(database, answering=Half(customers={"customers": [CUSTOMER]})) as mall:
        call = mall.call()
        with pytest.raises(ShopFailure, match="SCOPE_ERROR"):
            await mall.shop.orders(call, VerifiedPhone(HANEUL), QUARTER)
        assert {one.status for one in call.upstream} == {200, 403}, "what was given up says nothing of the mall"


def test_a_window_is_split_into_parts_of_89_days_that_meet() -> None:
    for days in (0, 1, 87, 88, 89, 90, 177, 178, 179, 365):
        window = Window(DAY - timedelta(days=days), DAY)
        parts = split(window)
        assert all((part.end - part.start).days <= 88 for part in parts)
        assert (parts[-1].start, parts[0].end) == (window.start, window.end)
        assert all(newer.start - older.end == timedelta(days=1) for newer, older in itertools.pairwise(parts))


async def test_pages_are_read_until_one_is_not_full(database: Database) -> None:
    class Pages(Answers):
        async def __call__(self, request: httpx2.Request) -> httpx2.Response:
            if not request.url.path.endswith("/orders"):
                return await super().__call__(request)
            self.asked.append(request)
            offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
            rows = [{**ORDER, "order_id": f"20260314-{n:07d}"} for n in range(offset, min(offset + limit, 120))]
            return httpx2.Response(200, json={"orders": rows})

    pages = Pages(customers={"customers": []})
    async with a_mall(database, answering=pages) as mall:
        today = OrderQuery(Window(DAY, DAY))
        assert len(await mall.shop.orders(mall.call(), VerifiedPhone(HANEUL), today)) == 120
        assert [request.url.params["offset"] for request in pages.asked if request.url.path.endswith("/orders")] == ["0", "50", "100"]  # fmt: skip


async def test_the_sandbox_s_real_bucket_is_never_overrun(database: Database) -> None:
    clock = SettableClock(NOW)
    sandbox = a_sandbox(clock)

    async def pause(seconds: float) -> None:
        clock.move(seconds=seconds)

    def limiter(found: SettableClock) -> MallLimiter:
        return MallLimiter(found, pause=pause)

    async with a_mall(database, sandbox=sandbox, clock=clock, limiter=limiter) as mall:
        statuses: list[int | None] = []
        for _ in range(60):
            call = mall.call(seconds=60)
            await mall.shop.customers(call, HANEUL)
            statuses += [one.status for one in call.upstream]
        assert set(statuses) == {200}
