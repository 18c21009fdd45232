"""A person, from every state, never argued with; said only after the queue has it."""

from datetime import UTC, datetime

import pytest

from sangdam.db.testing import Addresses, connected
from tests.conversations.talk import Talk, talking

SATURDAY = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


async def items(talk: Talk) -> list[tuple[str, int, str]]:
    async with connected(talk.dsn) as owner:
        rows = await owner.fetch(
            "select kind, priority, status from e_ops_review_queue_items where session_id = $1 order by opened_at",
            talk.session.id,
        )
    return [(row["kind"], row["priority"], row["status"]) for row in rows]


@pytest.mark.parametrize(
    "words", ["상담원", "상담원 연결해 주세요", "사람이랑 얘기할래요", "직원 좀 바꿔줘요", "기계 말고 진짜 상담사요"]
)
async def test_a_word_is_enough(talk: Talk, words: str) -> None:
    reply = await talk.say(words)
    assert "상담원에게 전달했어요" in reply.text
    assert await items(talk) == [("handoff", 2, "open")]


async def test_from_the_middle_of_a_code(talk: Talk) -> None:
    await talk.say("배송 조회요")
    await talk.say("01000001234")
    await talk.press("인증번호 받기")
    reply = await talk.say("아 그냥 상담원 바꿔주세요")
    assert "상담원에게 전달했어요" in reply.text


async def test_asking_twice_makes_one_item(talk: Talk) -> None:
    await talk.say("상담원")
    again = await talk.say("상담원 연결해 주세요")
    assert "이미 상담원에게 전달돼 있어요" in again.text
    assert len(await items(talk)) == 1


async def test_outside_hours_a_contact_is_taken(addresses: Addresses) -> None:
    async with talking(addresses, at=SATURDAY) as talk:
        asked = await talk.say("상담원 연결")
        assert "상담 시간이 아니라서 11월 30일(월)" in asked.text
        assert asked.expected == "contact"
        taken = await talk.say("010-0000-1234")
        assert "연락드릴 예정이에요" in taken.text
        assert [kind for kind, *_ in await items(talk)] == ["handoff", "callback"]
        await talk.nothing_personal_lies_open()


async def test_outside_hours_the_contact_may_be_left_out(addresses: Addresses) -> None:
    async with talking(addresses, at=SATURDAY) as talk:
        await talk.say("상담원 연결")
        reply = await talk.press("건너뛰기")
        assert "이 채팅으로 답변을 드릴게요" in reply.text


async def test_a_legal_threat_goes_first(talk: Talk) -> None:
    await talk.say("소비자보호원에 신고하고 고소할 겁니다")
    assert await items(talk) == [("handoff", 1, "open")]


async def test_a_wish_that_only_a_person_serves_is_handed_over(talk: Talk) -> None:
    reply = await talk.say("반품하고 싶어요")
    assert "반품은 상담원이 확인해서 도와드릴게요" in reply.text
    assert await items(talk) == [("handoff", 2, "open")]


async def test_the_receiver_is_no_person_to_talk_to(talk: Talk) -> None:
    reply = await talk.say("받는 사람 바꿔 주세요")
    assert "배송지 변경은 상담원이 도와드릴게요" in reply.text


async def test_reading_goes_on_while_a_person_is_awaited(talk: Talk) -> None:
    await talk.say("상담원")
    asked = await talk.say("그동안 배송 조회 좀 해주세요")
    assert asked.expected == "order_id_or_phone"


async def test_it_works_with_the_mall_down(talk: Talk) -> None:
    from sangdam.commerce.shop import ShopFailure

    for method in ("order", "orders", "shipments", "carriers", "customers", "buyer_matches"):
        talk.mall.failing[method] = ShopFailure("CAFE24_UNAVAILABLE", retryable=True)
    reply = await talk.say("상담원")
    assert "상담원에게 전달했어요" in reply.text
