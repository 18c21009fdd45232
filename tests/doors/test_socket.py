"""The shopper's socket, over a real server: joining, order, resuming, limits, ends (interfaces.md §4)."""

import uuid
from typing import Any

import pytest
from tests.doors.shopfront import SHOP, Chat, Closed, Shopfront

from sangdam.web.tickets import Tickets


async def test_a_message_is_acknowledged_and_shown_in_order(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.socket() as chat:
        ready = await chat.next()
        assert (ready["type"], ready["protocol"], ready["heartbeat_s"]) == ("ready", 1, 25)
        joined = await chat.join(shop.ticket(session))
        assert joined["session_code"] == session.code
        assert (joined["resumed"], joined["speaker"], joined["last_seq"]) == (False, "bot", 1)
        ack = await chat.say("c-00000001", "배송지 바꿔 주세요")
        assert (ack["seq"], ack["duplicate"]) == (2, False)
        await chat.until_seq(2)
        assert chat.transcript == [(1, "안녕하세요"), (2, "배송지 바꿔 주세요")]


async def test_a_repeated_client_id_gets_its_first_ack_again_and_creates_nothing(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        first = await chat.say("c-00000001", "안녕하세요")
        again = await chat.say("c-00000001", "다른 말이어도")
        assert (first["seq"], again["seq"], again["duplicate"]) == (2, 2, True)
        assert len(await shop.product.sessions.messages_after(shop.org, session.id, 0)) == 2


async def test_the_agent_answers_over_the_socket(working_shop: Shopfront) -> None:
    session = await working_shop.session()
    async with working_shop.joined(session) as chat:
        ack = await chat.say("c-00000001", "주문 조회할게요")
        answer = await chat.until("assistant_message")
        while answer["seq"] <= ack["seq"]:
            answer = await chat.until("assistant_message")
        assert answer["seq"] == ack["seq"] + 1
        assert answer["turn_id"] is not None
        assert answer["step"] in ("ask", "confirm", "final", "handoff")
        assert answer["text"]
