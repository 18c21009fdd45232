"""A process that is killed in the middle of a turn: what was acknowledged is answered once, what was done is not done again."""

from typing import Any

import pytest

from tests.processes.running import until
from tests.processes.shop import Served, Shop, Window

HANEUL = "010-0000-1234"
HELD_MS = 60_000
START_SECONDS = 15.0
"""Promised are 5 s on an idle machine; here others run beside."""


async def asked_for_consent(window: Window) -> dict[str, Any]:
    """Up to the button that sends the code."""
    await window.ask("ask-0001", "배송 조회해 주세요")
    consent = await window.ask("ask-0002", HANEUL)
    button = next(each for each in consent["quick_replies"] if each["label"] == "인증번호 받기")
    return button["action"]


async def identified(shop: Shop, window: Window) -> dict[str, Any]:
    """Up to the list of orders."""
    sent = await window.press("ask-0003", await asked_for_consent(window))
    await window.answered(sent["seq"])
    return await window.ask("ask-0004", await shop.sandbox.code())


async def answered_by_another(served: Served, resume: str, seq: int, last_seq: int) -> Window:
    async with served.window(await served.ticket(resume), last_seq=last_seq) as window:
        await window.answered(seq)
        return window


async def settled(shop: Shop) -> None:
    """No conversation owes an answer and no turn is open."""

    async def look() -> bool:
        owed = await shop.rows(
            "select 1 from d_conv_sessions where owed_seq > answered_seq union all select 1 from d_conv_turns where status = 'open'"
        )
        return not owed

    await until(look)


async def test_a_kill_while_an_order_is_read_costs_a_moment_and_no_message(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    async with shop.served() as first:
        ticket = await first.ticket()
        async with first.window(ticket) as window:
            listed = await identified(shop, window)
            slow = await shop.sandbox.fault(kind="latency", ms=HELD_MS, count=1, match={"path": "/admin/orders"})
            seq = (await window.say("ask-0005", "두번째거"))["seq"]
            await shop.sandbox.struck(slow)
        first.program.process.kill()
        await first.program.ended()

    async with shop.served(first.port) as second:
        window = await answered_by_another(second, ticket["resume_token"], seq, seq)
        await settled(shop)
        with capsys.disabled():
            print(f"\nstart to serving after a kill: {second.seconds:.2f} s")  # noqa: T201
        assert second.seconds < START_SECONDS
    after = [(at, text) for at, _, text in await shop.transcript(ticket["session_id"]) if at > seq]
    assert len(after) == 1, after
    assert [at for at, _ in window.transcript] == [seq + 1]
    order = await shop.sandbox.order(listed["cards"][1]["id"])
    for parcel in order["shipments"]:
        assert parcel["tracking_no"] in window.transcript[0][1]
    assert len(await shop.sandbox.texts()) == 1


async def test_a_kill_after_the_text_went_out_sends_no_second_one(shop: Shop) -> None:
    async with shop.served() as first:
        ticket = await first.ticket()
        async with first.window(ticket) as window:
            consent = await asked_for_consent(window)
            lost = await shop.sandbox.fault(
                kind="drop_after_commit", ms=HELD_MS, count=1, match={"path": "/solapi/.*send"}
            )
            seq = (await window.press("ask-0003", consent))["seq"]
            await shop.sandbox.struck(lost)
        first.program.process.kill()
        await first.program.ended()
    assert len(await shop.sandbox.texts()) == 1

    async with shop.served(first.port) as second:
        window = await answered_by_another(second, ticket["resume_token"], seq, seq)
        await settled(shop)
        assert [at for at, _ in window.transcript] == [seq + 1]
        assert len(await shop.sandbox.texts()) == 1
        assert [at for at, _, _ in await shop.transcript(ticket["session_id"]) if at > seq] == [seq + 1]
        # The code that arrived is good, as if nothing had happened.
        again = await second.ticket(ticket["resume_token"])
        async with second.window(again, last_seq=seq + 1) as after:
            listed = await after.ask("ask-0004", await shop.sandbox.code())
        assert listed["cards"], listed["text"]
