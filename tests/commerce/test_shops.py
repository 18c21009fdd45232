"""The contract, on both shops; and what only the mall's one has to be careful about."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
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
from tests.commerce.test_catalogue_mapping import ARTICLE, PRODUCT, SUPPLIER
from tests.commerce.test_mapping import CARRIER, CUSTOMER, ORDER
from tests.commerce.world import DAY, Mall, a_mall, a_sandbox, the_cast

from cafe24_sandbox import Sandbox
from cafe24_sandbox.cast import CONSULT_BOARD
from sangdam.commerce import ShopFailure
from sangdam.commerce.cafe24.limits import MallLimiter
from sangdam.commerce.cafe24.mall import split, years
from sangdam.commerce.memory import MemoryShop
from sangdam.commerce.shop import ArticleQuery, OrderQuery, SignedMember, VerifiedPhone, Window
from sangdam.core.clock import SettableClock
from sangdam.core.ids import EffectId, MemberId, OrderId, SessionId, UserId, new_uuid
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
        await mall.connections.configure(
            mall.org, shop_no=1, board_no=CONSULT_BOARD, by=UserId(new_uuid()), trace_id="t"
        )
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


# Goods and boards of a mall that answers as it likes

HIDDEN, SHOWN = {**PRODUCT, "product_no": 7, "display": "F"}, {**PRODUCT, "product_name": "Linen Shirt"}
OTHER_KIND = {**PRODUCT, "product_no": 8, "product_name": "볼캡"}
OLD_ARTICLE = {**ARTICLE, "article_no": 1, "created_date": "2025-01-01T10:00:00+09:00"}
FOREIGN_ARTICLE = {**ARTICLE, "article_no": 2, "board_no": 7}
DELETED_ARTICLE = {**ARTICLE, "article_no": 3, "deleted": "T"}
ARTICLES = {"articles": [ARTICLE, OLD_ARTICLE, FOREIGN_ARTICLE, DELETED_ARTICLE]}


@answering(products={"products": [PRODUCT, HIDDEN, SHOWN, OTHER_KIND]})
async def test_a_mall_that_passes_over_filters_shows_no_goods_that_are_hidden_or_called_otherwise(
    mall: Mall, answers: Answers
) -> None:
    call = mall.call()
    assert [each.name for each in await mall.shop.products(call, ["린넨셔츠"])] == ["린넨 셔츠"]
    assert [each.name for each in await mall.shop.products(call, ["linen"])] == ["Linen Shirt"]
    assert [each.name for each in await mall.shop.products(call, ["볼캡", "셔츠, 것"])] == ["린넨 셔츠", "볼캡"]
    asked = [request.url.params["product_name"] for request in answers.asked]
    assert asked == ["린넨셔츠", "linen", "볼캡,셔츠"], "a comma would mean another name"
    assert {request.url.params["display"] for request in answers.asked} == {"T"}
    assert await mall.shop.products(call, [", ,"]) == ()
    assert len(answers.asked) == 3


@answering(suppliers={"suppliers": [SUPPLIER, {**SUPPLIER, "supplier_code": "S000000C", "supplier_name": "온빛"}]}, S000000B={"supplier": {**SUPPLIER, "supplier_code": "S000000C"}})  # fmt: skip
async def test_a_mall_that_passes_over_filters_shows_no_other_supplier(mall: Mall, answers: Answers) -> None:
    assert [each.supplier_code for each in await mall.shop.suppliers(mall.call(), name="한결")] == ["S000000B"]
    with pytest.raises(ShopFailure, match="CAFE24_ERROR"):
        await mall.shop.supplier(mall.call(), "S000000B")


YEAR = Window(DAY - timedelta(days=363), DAY)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (ArticleQuery(6), [3321, 1]),
        (ArticleQuery(6, window=YEAR), [3321]),
        (ArticleQuery(6, article_nos=(1,)), [1]),
        (ArticleQuery(6, reply_status="N"), [3321, 1]),
        (ArticleQuery(6, reply_status="C"), []),
        (ArticleQuery(6, product_no=214), [3321, 1]),
        (ArticleQuery(6, product_no=215), []),
        (ArticleQuery(6, search=("subject", "배송언제")), [3321, 1]),
        (ArticleQuery(6, search=("subject", "재입고")), []),
        (ArticleQuery(6, search=("content", "언제 출발")), [3321, 1]),
        (ArticleQuery(6, search=("content", "<b>어제</b>")), [3321, 1]),
        (ArticleQuery(6, search=("content", "내일")), []),
        (ArticleQuery(6, search=("writer_name", "하늘")), [3321, 1]),
        (ArticleQuery(6, search=("writer_name", "서준")), []),
        (ArticleQuery(6, search=("member_id", "HANEUL01")), [3321, 1]),
        (ArticleQuery(6, search=("member_id", "haneul")), []),
        (ArticleQuery(6, search=("product", "셔츠")), [3321, 1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("answers", [Answers(articles=ARTICLES)], ids=["mall"])
async def test_a_mall_that_passes_over_filters_shows_no_article_that_was_not_asked_for(
    mall: Mall, answers: Answers, query: ArticleQuery, numbers: list[int]
) -> None:
    page = await mall.shop.articles(mall.call(), query)
    assert [article.article_no for article in page.articles] == numbers


@answering(articles={"articles": []})
async def test_a_whole_year_of_articles_is_asked_for_in_two_parts(mall: Mall, answers: Answers) -> None:
    await mall.shop.articles(mall.call(), ArticleQuery(6, window=YEAR, limit=10))
    await mall.shop.articles(mall.call(), ArticleQuery(6, window=Window(YEAR.start - timedelta(days=2), DAY), offset=5, limit=10))  # fmt: skip
    asked = [tuple(request.url.params[name] for name in ("start_date", "end_date", "offset", "limit")) for request in answers.asked]  # fmt: skip
    assert asked == [
        ("2025-03-16", "2026-03-14", "0", "10"),
        ("2026-03-13", "2026-03-14", "0", "100"),
        ("2025-03-14", "2026-03-12", "5", "10"),
    ]


async def test_what_the_newer_part_holds_is_counted_before_the_older_is_read(database: Database) -> None:
    class Parts(Answers):
        """Of the newer two days 150 articles, of the year before 30."""

        async def __call__(self, request: httpx2.Request) -> httpx2.Response:
            self.asked.append(request)
            at = request.url.params
            newer = at["start_date"] == "2026-03-13"
            numbers = range(1000, 1150) if newer else range(2000, 2030)
            chosen = numbers[int(at["offset"]) :][: int(at["limit"])]
            day = "2026-03-13" if newer else "2025-06-01"
            return httpx2.Response(200, json={"articles": [{**ARTICLE, "article_no": n, "created_date": f"{day}T10:00:00+09:00"} for n in chosen]})  # fmt: skip

    parts = Parts()
    window = Window(DAY - timedelta(days=365), DAY)
    async with a_mall(database, answering=parts) as mall:
        seen: list[int] = []
        offset: int | None = 0
        while offset is not None:
            page = await mall.shop.articles(mall.call(), ArticleQuery(6, window=window, limit=70, offset=offset))
            seen += [article.article_no for article in page.articles]
            offset = page.next_offset
        assert seen == [*range(1000, 1150), *range(2000, 2030)]


@pytest.mark.parametrize("answers", [Answers(articles={"articles": [ARTICLE] * 100})], ids=["mall"])
async def test_the_mall_counts_no_further_than_eight_thousand(mall: Mall, answers: Answers) -> None:
    page = await mall.shop.articles(mall.call(), ArticleQuery(6, limit=100, offset=7900))
    assert page.next_offset == 8000
    page = await mall.shop.articles(mall.call(), ArticleQuery(6, limit=100, offset=7901))
    assert page.next_offset is None


@answering()
async def test_without_a_board_none_is_asked(mall: Mall, answers: Answers) -> None:
    with pytest.raises(ShopFailure, match="CONFIG_ERROR"):
        await mall.shop.articles(mall.call(), ArticleQuery())
    assert answers.asked == []


@pytest.mark.parametrize("answers", [Answers(**{"101": {"product": {**PRODUCT, "product_no": 101}}})], ids=["mall"])
async def test_a_product_has_a_page_in_the_mall_s_first_shop_only(mall: Mall, answers: Answers) -> None:
    found = await mall.shop.product(mall.call(), 101)
    assert found.url == f"https://{mall.mall_id}.cafe24.com/product/detail.html?product_no=101"
    await mall.connections.configure(mall.org, shop_no=2, board_no=None, by=UserId(new_uuid()), trace_id="t")
    assert (await mall.shop.product(mall.call(), 101)).url is None


@pytest.mark.parametrize("answers", [Answers(**{"101": {"product": {**PRODUCT, "product_no": 101}}})], ids=["mall"])
async def test_a_decision_to_write_reads_the_product_anew(mall: Mall, answers: Answers) -> None:
    session = SessionId(new_uuid())
    for call in (mall.call(session=session), mall.call(session=session)):
        await mall.shop.product(call, 101)
    assert answers.count("101") == 1
    writing = replace(mall.call(session=session), effect=EffectId(new_uuid()))
    await mall.shop.product(writing, 101)
    await mall.shop.product(writing, 101)
    assert answers.count("101") == 3


def test_a_year_is_split_into_parts_of_364_days_that_meet() -> None:
    for days in (0, 362, 363, 364, 365, 727, 728):
        window = Window(DAY - timedelta(days=days), DAY)
        parts = years(window)
        assert [(part.end - part.start).days for part in parts[1:]] == [363] * (len(parts) - 1)
        assert (parts[0].end - parts[0].start).days <= 363
        assert (parts[-1].start, parts[0].end) == (window.start, window.end)
        assert all(newer.start - older.end == timedelta(days=1) for newer, older in itertools.pairwise(parts))
