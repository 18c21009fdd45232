"""The contract of changes, on both shops; and what only the mall's one has to be careful about."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.commerce.goods import NOW, RECEIVER
from tests.commerce.shop_contract import Situation, remembered
from tests.commerce.world import a_mall, a_sandbox
from tests.commerce.writes_contract import DRAFT, WritesContract

from cafe24_sandbox import Sandbox
from cafe24_sandbox.cast import CONSULT_BOARD
from sangdam.commerce import ShopFailure
from sangdam.commerce.cafe24.mapping import Fields, Malformed, receiver_request, ticket, ticket_request
from sangdam.core.clock import SettableClock
from sangdam.core.ids import UserId, new_uuid
from sangdam.db import Database

CLOCK = SettableClock(NOW)


@pytest.fixture(scope="module")
def workshop() -> Sandbox:
    return a_sandbox(CLOCK, open_bucket=True)


@pytest.fixture
async def place(database: Database, workshop: Sandbox) -> AsyncIterator[Situation]:
    CLOCK.at = NOW
    workshop.reset()
    workshop.clear_faults()
    async with a_mall(database, sandbox=workshop, clock=CLOCK) as mall:
        await mall.connections.configure(
            mall.org, shop_no=1, board_no=CONSULT_BOARD, by=UserId(new_uuid()), trace_id="t"
        )
        yield Situation(mall.shop, mall, workshop)


class TestMemoryShop(WritesContract):
    @pytest.fixture
    def here(self, place: Situation) -> Situation:
        return Situation(remembered(place.sandbox), place.mall, place.sandbox)


class TestCafe24Shop(WritesContract):
    @pytest.fixture
    def here(self, place: Situation) -> Situation:
        return place


NOTHING_MADE: list[Any] = [
    {},
    {"articles": []},
    {"articles": [{}]},
    {"articles": {"article_no": 1}},
    {"articles": [{"board_no": 6, "article_no": 1, "created_date": "2026-03-14T14:28:44+09:00"}]},
    {"articles": [{"board_no": 9, "article_no": 1, "created_date": "2026-03-14T14:28:44+09:00", "reply_depth": 1}]},
]


@pytest.mark.parametrize("body", NOTHING_MADE)
async def test_an_answer_that_names_no_article_leaves_open_whether_it_was_made(place: Situation, body: Any) -> None:
    place.sandbox.add_fault(kind="status", status=201, body=body, match={"method": "POST"})
    with pytest.raises(ShopFailure) as failed:
        await place.shop.file_ticket(place.mall.call(), CONSULT_BOARD, DRAFT)
    assert (failed.value.code, failed.value.unknown) == ("CAFE24_ERROR", True)


@pytest.mark.parametrize("status", [200, 201, 207])
async def test_a_made_article_is_known_by_any_status_of_success(place: Situation, status: int) -> None:
    row = {"board_no": 9, "article_no": 3322, "created_date": "2026-03-14T14:28:44+09:00", "title": "t", "content": "c", "status": "T"}  # fmt: skip
    place.sandbox.add_fault(kind="status", status=status, body={"articles": [row]}, match={"method": "POST"})
    assert (await place.shop.file_ticket(place.mall.call(), CONSULT_BOARD, DRAFT)).article_no == 3322


async def test_without_a_chosen_board_there_is_none(place: Situation) -> None:
    await place.mall.connections.configure(place.mall.org, shop_no=1, board_no=None, by=UserId(new_uuid()), trace_id="t")  # fmt: skip
    with pytest.raises(ShopFailure) as failed:
        await place.shop.ticket_board(place.mall.call())
    assert (failed.value.code, dict(failed.value.detail)) == ("CONFIG_ERROR", {"setting": "board_no"})


def test_a_receiver_is_sent_with_all_its_fields_and_dashes() -> None:
    assert receiver_request(replace(RECEIVER, cellphone="01000008643", phone="")) == {
        "name": "강나래",
        "phone": "",
        "cellphone": "010-0000-8643",
        "zipcode": "04524",
        "address1": "서울특별시 중구 세종대로 110",
        "address2": "3층 302호",
        "shipping_message": "",
        "change_default_shipping_address": "F",
    }
    assert receiver_request(replace(RECEIVER, cellphone="+1 555 0100"))["cellphone"] == "+1 555 0100"


def test_a_ticket_is_secret_and_names_what_it_knows() -> None:
    sent = ticket_request(DRAFT)
    assert (sent["secret"], sent["input_channel"], sent["member_id"]) == ("T", "M", "haneul01")
    assert set(sent) - set(ticket_request(replace(DRAFT, order_id=None, member_id=None))) == {"order_id", "member_id"}


@pytest.mark.parametrize(
    ("spoiled", "path"),
    [({"board_no": None}, "board_no"), ({"article_no": "x"}, "article_no"), ({"created_date": ""}, "created_date"), ({"created_date": "gestern"}, "created_date"), ({"content": 1.5}, "content")],
)  # fmt: skip
def test_an_article_of_another_shape_is_malformed(spoiled: dict[str, Any], path: str) -> None:
    row = {"board_no": 9, "article_no": 1, "created_date": "2026-03-14T14:28:44+09:00", "title": "t", "content": "c"}
    with pytest.raises(Malformed, match=path):
        ticket(Fields(row | spoiled, "$"))


@pytest.mark.parametrize(
    ("marks", "open_"),
    [({}, True), ({"reply_status": "N"}, True), ({"reply_status": "P"}, True), ({"reply_status": "C"}, False), ({"deleted": "T"}, False), ({"deleted": "B"}, False)],
)  # fmt: skip
def test_a_ticket_is_open_until_it_is_answered_or_taken_away(marks: dict[str, Any], open_: bool) -> None:
    row = {"board_no": 9, "article_no": 1, "created_date": "2026-03-14T14:28:44+09:00", "title": "t", "content": "c"}
    found = ticket(Fields(row | marks, "$"))
    assert found is not None
    assert found.open is open_
