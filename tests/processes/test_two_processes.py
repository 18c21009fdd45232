"""Two processes on one database: a conversation does not notice which of them it is talking to."""

import asyncio
from itertools import pairwise
from typing import Any

from tests.processes.running import until
from tests.processes.shop import Shop, Window

WORDS = (
    "안녕하세요",
    "배송비가 얼마예요?",
    "교환은 어떻게 하나요?",
    "운영 시간이 궁금해요",
    "감사합니다",
    "반품도 되나요?",
)


def numbered(window: Window) -> list[tuple[int, str, str]]:
    """What a window showed, in the order it came."""
    return [(frame["seq"], frame["role"], frame["text"]) for frame in window.seen if "role" in frame]


async def caught_up(shop: Shop, session: str, *windows: Window) -> int:
    """Every window has shown what is stored, and nothing is owed. The last number."""

    async def look() -> int | None:
        rows = await shop.rows(
            "select next_seq - 1 as last from d_conv_sessions s where id = $1 and owed_seq <= answered_seq"
            " and not exists (select from d_conv_turns t where t.session_id = s.id and t.status = 'open')",
            session,
        )
        return rows[0]["last"] if rows else None

    last = await until(look)
    for window in windows:
        await window.until_seq(last)
    return last


async def test_both_show_every_frame_in_order_and_one_of_them_answers(shop: Shop) -> None:
    async with shop.served() as one, shop.served() as other:
        at_one = await one.ticket()
        at_other = await other.ticket(at_one["resume_token"])
        session = at_one["session_id"]
        assert at_other["session_id"] == session
        async with one.window(at_one) as left, other.window(at_other) as right:
            for number, text in enumerate(WORDS):
                speaking = (left, right)[number % 2]
                await speaking.ask(f"turn-{number:04d}", text)
            last = await caught_up(shop, session, left, right)

            assert numbered(left) == numbered(right)
            assert [seq for seq, _, _ in numbered(left)] == list(range(1, last + 1))
            roles = [role for _, role, _ in numbered(left)]
            assert roles == ["bot", *["shopper", "bot"] * len(WORDS)]
            assert [text for _, role, text in numbered(left) if role == "shopper"] == list(WORDS)


async def test_what_is_said_to_both_at_once_is_worked_one_turn_at_a_time(shop: Shop) -> None:
    async with shop.served() as one, shop.served() as other:
        at_one = await one.ticket()
        at_other = await other.ticket(at_one["resume_token"])
        session = at_one["session_id"]
        async with one.window(at_one) as left, other.window(at_other) as right:
            acks: list[dict[str, Any]] = []
            for number in range(4):
                acks += await asyncio.gather(
                    left.say(f"left-{number:04d}", WORDS[number]), right.say(f"right-{number:03d}", WORDS[number + 1])
                )
            await caught_up(shop, session, left, right)
            assert numbered(left) == numbered(right)
            assert len({ack["seq"] for ack in acks}) == 8

            said_again = await right.say("left-0000", WORDS[0])
            assert said_again["duplicate"]
            assert said_again["seq"] == acks[0]["seq"]
    turns = await shop.rows(
        "select turn_no, seq_from, seq_to, reply_seq, status, opened_at, closed_at, holder from d_conv_turns"
        " where session_id = $1 order by opened_at",
        session,
    )
    for before, after in pairwise(turns):
        assert before["closed_at"] <= after["opened_at"], (before, after)
    # Every message is within exactly one turn that was answered.
    answered = [turn for turn in turns if turn["status"] == "done"]
    covered = [seq for turn in answered for seq in range(turn["seq_from"], turn["seq_to"] + 1)]
    for ack in acks:
        assert covered.count(ack["seq"]) == 1, turns
    replies = [seq for seq, sender, _ in await shop.transcript(session) if sender == "bot"]
    assert replies == [1, *sorted(turn["reply_seq"] for turn in answered)]
