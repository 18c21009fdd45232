"""What every shop promises of the changes it makes, on the sandbox's cast as it stands on its start day."""

from dataclasses import replace

import pytest
from tests.commerce.shop_contract import HANEUL, SEOJUN, STAFF, Situation, number

from cafe24_sandbox.cast import CONSULT_BOARD
from sangdam.commerce import ShopFailure
from sangdam.commerce.shop import VerifiedPhone
from sangdam.core.ids import MemberId, OrderId
from sangdam.core.shop import Order, Place, Receiver, TicketDraft

OWN, GONE, TWO = number("김하늘", "preparing"), number("김하늘", "in_transit"), number("강다인", "two_receivers")
NEW = Place("06142", "서울특별시 강남구 테헤란로 231", "11층")
DRAFT = TicketDraft(
    "상담 도우미", "[취소] 취소해 주세요", "취소해 주세요<br>\n상담번호 S-7KQ2MD / 참조 0a1b2c3d / 연락처 -", "203.0.113.0", OWN, MemberId("haneul01")
)  # fmt: skip


class WritesContract:
    """Subclasses give a fixture `here` that nobody else looks at."""

    async def order(self, here: Situation, order_id: OrderId = OWN) -> Order:
        return await here.shop.order(here.mall.call(), STAFF, order_id, fresh=True)

    async def failure(self, here: Situation, order: Order, receiver: Receiver) -> ShopFailure:
        with pytest.raises(ShopFailure) as failed:
            await here.shop.change_receiver(here.mall.call(), order, receiver)
        return failed.value

    async def test_a_fresh_reading_is_refused_like_any_other(self, here: Situation) -> None:
        assert (await here.shop.order(here.mall.call(), VerifiedPhone(HANEUL), OWN, fresh=True)).order_id == OWN
        for asker, order_id, code in (
            (VerifiedPhone(SEOJUN), OWN, "ORDER_NOT_OWNED"),
            (VerifiedPhone(HANEUL), OrderId("20260314-9999999"), "CAFE24_NOT_FOUND"),
        ):
            with pytest.raises(ShopFailure) as failed:
                await here.shop.order(here.mall.call(), asker, order_id, fresh=True)
            assert failed.value.code == code

    async def test_a_receiver_is_as_it_was_written(self, here: Situation) -> None:
        order = await self.order(here)
        (before,) = await here.shop.receivers(here.mall.call(), order)
        assert before == order.receivers[0]
        wanted = replace(before, name="김바다", cellphone="010-0000-4242", place=NEW, message="경비실")
        await here.shop.change_receiver(here.mall.call(), order, wanted)
        assert await here.shop.receivers(here.mall.call(), order) == (wanted,)
        assert (await self.order(here)).receivers == (wanted,)

    async def test_a_change_is_seen_by_the_next_reading(self, here: Situation) -> None:
        call = here.mall.call()
        order = await here.shop.order(call, STAFF, OWN)
        await here.shop.change_receiver(call, order, replace(order.receivers[0], place=NEW))
        assert (await here.shop.order(call, STAFF, OWN)).receivers[0].place == NEW, "what was kept is kept no longer"

    async def test_one_of_two_receivers_changes(self, here: Situation) -> None:
        order = await self.order(here, TWO)
        first, second = order.receivers
        await here.shop.change_receiver(here.mall.call(), order, replace(second, place=NEW))
        assert await here.shop.receivers(here.mall.call(), order) == (first, replace(second, place=NEW))

    async def test_what_left_is_not_redirected(self, here: Situation) -> None:
        order = await self.order(here, GONE)
        failure = await self.failure(here, order, replace(order.receivers[0], place=NEW))
        assert (failure.code, failure.unknown) == ("CAFE24_REJECTED", False)
        assert (await self.order(here, GONE)).receivers == order.receivers

    async def test_a_receiver_that_is_not_there(self, here: Situation) -> None:
        order = await self.order(here)
        failure = await self.failure(here, order, replace(order.receivers[0], shipping_code=f"D-{OWN}-09"))
        assert (failure.code, failure.unknown) == ("CAFE24_NOT_FOUND", False)

    async def test_a_ticket_is_found_by_what_it_says(self, here: Situation) -> None:
        assert await here.shop.ticket_board(here.mall.call()) == CONSULT_BOARD
        made = await here.shop.file_ticket(here.mall.call(), CONSULT_BOARD, DRAFT)
        assert (made.board_no, made.title, made.content, made.order_id, made.open) == (
            CONSULT_BOARD, DRAFT.title, DRAFT.content, OWN, True,
        )  # fmt: skip
        assert made.created_at == here.mall.clock.now()
        for words in ("S-7KQ2MD", "0a1b2c3d"):
            assert await here.shop.tickets(here.mall.call(), CONSULT_BOARD, containing=words) == (made,)
        assert await here.shop.tickets(here.mall.call(), CONSULT_BOARD, containing="S-AAAAAA") == ()

    async def test_two_tickets_are_two(self, here: Situation) -> None:
        first = await here.shop.file_ticket(here.mall.call(), CONSULT_BOARD, DRAFT)
        second = await here.shop.file_ticket(here.mall.call(), CONSULT_BOARD, replace(DRAFT, order_id=None, member_id=None))  # fmt: skip
        assert first.article_no != second.article_no
        assert second.order_id is None
        found = await here.shop.tickets(here.mall.call(), CONSULT_BOARD, containing="S-7KQ2MD")
        assert {ticket.article_no for ticket in found} == {first.article_no, second.article_no}

    async def test_a_board_that_is_not_there_is_a_setting(self, here: Situation) -> None:
        with pytest.raises(ShopFailure) as filing:
            await here.shop.file_ticket(here.mall.call(), 77, DRAFT)
        with pytest.raises(ShopFailure) as looking:
            await here.shop.tickets(here.mall.call(), 77, containing="S-7KQ2MD")
        for failed in (filing, looking):
            assert (failed.value.code, failed.value.unknown) == ("CONFIG_ERROR", False)
            assert failed.value.detail == {"setting": "board_no", "board_no": 77}
