"""What every channel promises, whoever is behind it."""

from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from sangdam.core.phone import Phone
from sangdam.notify import Accepted, Channel, NoAnswer, Notice, Rejected

HANEUL = Phone("01000001234")
CODE = "[달빛샵] 인증번호 482913 (5분 유효). 다른 사람에게 알려 주지 마세요."


class Other(Protocol):
    """The other side: what it received, and how it can be made to behave."""

    @property
    def received(self) -> list[tuple[str, str, str]]:
        """Phone digits, text and reference of what was taken in, oldest first."""
        ...

    def behave(self, case: str) -> None:
        """`failed`, `refused`, `busy`, `broken`, `silent`, `gone` or `malformed`, for the next message."""
        ...


@dataclass
class Line:
    channel: Channel
    other: Other

    async def send(self, text: str = CODE, *, reference: str = "otp-1", seconds: float = 5.0) -> Any:
        return await self.channel.send(Notice(HANEUL, text, reference), seconds=seconds)


class ChannelContract:
    """Subclasses give a fixture `line`."""

    async def test_a_message_is_taken_in_once_with_its_reference(self, line: Line) -> None:
        sent = await line.send()
        assert isinstance(sent, Accepted)
        assert sent.message_id
        assert line.other.received == [(HANEUL.digits, CODE, "otp-1")]

    async def test_every_message_has_an_id_of_its_own(self, line: Line) -> None:
        sent = [await line.send(f"{CODE} {n}", reference=f"otp-{n}") for n in range(3)]
        assert len({each.message_id for each in sent if isinstance(each, Accepted)}) == 3

    @pytest.mark.parametrize(
        ("case", "retryable"), [("failed", False), ("refused", False), ("busy", True), ("broken", True), ("gone", True)]
    )
    async def test_what_was_certainly_not_sent_is_rejected(self, line: Line, case: str, retryable: bool) -> None:
        line.other.behave(case)
        sent = await line.send()
        assert isinstance(sent, Rejected)
        assert sent.retryable is retryable
        assert sent.code
        assert HANEUL.digits not in sent.code
        assert line.other.received == []

    @pytest.mark.parametrize("case", ["silent", "malformed"])
    async def test_silence_after_sending_is_an_end_of_its_own(self, line: Line, case: str) -> None:
        line.other.behave(case)
        sent = await line.send(seconds=0.2 if case == "silent" else 5.0)
        assert isinstance(sent, NoAnswer)
        assert sent.code

    async def test_after_a_failure_the_next_message_goes_out(self, line: Line) -> None:
        line.other.behave("broken")
        assert isinstance(await line.send(), Rejected)
        assert isinstance(await line.send(), Accepted)
        assert len(line.other.received) == 1
