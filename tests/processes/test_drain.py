"""SIGTERM: nobody new, what runs may end, everybody is told to come back, and nothing acknowledged is lost."""

import asyncio
import signal

import httpx2

from tests.processes.running import until
from tests.processes.shop import Shop
from tests.processes.test_crash import asked_for_consent, settled

ALLOWED_SECONDS = 25.0
SOON_SECONDS = 10.0
SLOW_MS = 3_000


async def test_a_process_told_to_end_answers_what_it_began_and_says_it_is_not_ready(shop: Shop) -> None:
    loop = asyncio.get_running_loop()
    async with shop.served() as served, httpx2.AsyncClient(trust_env=False, timeout=5) as http:
        ticket, stranger = await served.ticket(), await served.ticket()
        async with served.window(ticket) as window, served.window(stranger) as idle:
            consent = await asked_for_consent(window)
            slow = await shop.sandbox.fault(kind="latency", ms=SLOW_MS, count=1, match={"path": "/solapi/.*send"})
            seq = (await window.press("ask-0003", consent))["seq"]
            await shop.sandbox.struck(slow)

            told = loop.time()
            served.program.process.send_signal(signal.SIGTERM)

            async def unready() -> dict[str, object] | None:
                answer = await http.get(f"{served.base}/readyz")
                return answer.json() if answer.status_code == 503 else None

            assert (await until(unready))["draining"] is True
            assert (await http.get(f"{served.base}/healthz")).status_code == 200
            # What is said now is stored like ever; another process will answer it.
            late = await idle.say("late-0001", "배송비가 얼마예요?")
            assert late["type"] == "ack"
            answer = await window.answered(seq)
            assert "인증번호" in answer["text"]
            assert {(await window.end()).code, (await idle.end()).code} == {1012}
            assert any(frame["type"] == "draining" for frame in window.seen)
        assert await served.program.ended(seconds=ALLOWED_SECONDS) == 0
        assert loop.time() - told < ALLOWED_SECONDS

    async with shop.served() as after:
        again = await after.ticket(stranger["resume_token"])
        assert again["session_id"] == stranger["session_id"]
        async with after.window(again, last_seq=late["seq"]) as window:
            await window.answered(late["seq"])
        await settled(shop)
    assert len(await shop.sandbox.texts()) == 1
    for each, said in ((ticket, seq), (stranger, late["seq"])):
        assert [at for at, _, _ in await shop.transcript(each["session_id"]) if at > said] == [said + 1]


async def test_a_process_with_nothing_to_do_ends_at_once(shop: Shop) -> None:
    loop = asyncio.get_running_loop()
    async with shop.served() as served:
        told = loop.time()
        assert await served.program.stop(signal.SIGTERM, seconds=ALLOWED_SECONDS) == 0
        assert loop.time() - told < SOON_SECONDS


async def test_a_process_that_only_works_ends_by_a_signal_too(shop: Shop) -> None:
    async with shop.served(worker=False) as doors, shop.working() as worker:
        ticket = await doors.ticket()
        async with doors.window(ticket) as window:
            await window.ask("ask-0001", "안녕하세요")
        assert await worker.stop(signal.SIGTERM, seconds=ALLOWED_SECONDS) == 0
        assert await doors.program.stop(signal.SIGINT, seconds=ALLOWED_SECONDS) == 0
