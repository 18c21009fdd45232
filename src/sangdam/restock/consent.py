"""What somebody agrees to who waits for a product. A text is never changed once it was shown: it gets a new version. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sangdam.core.clock import kst
from sangdam.core.korean import english_date, korean_date
from sangdam.restock.model import Stock, Wish


@dataclass(frozen=True)
class Consent:
    """That somebody agreed, as the caller says."""

    text_version: str
    message_seq: int
    """The shopper's message."""
    at: datetime


def consent_text(version: str, *, shop_name: str, stock: Stock, phone_masked: str, wish: Wish, now: datetime) -> str:
    """The sentences shown before the question. Raises `KeyError` for a version that is not in `VERSIONS`."""
    title = " ".join(part for part in (stock.product_name, stock.option_label) if part)
    until = wish.valid_until(kst(now).date())
    days = [kst(notice.due_at) for notice in wish.planned(now)]
    return _TEXTS[version](shop_name, title, phone_masked, wish, days, until)


def _korean(shop: str, title: str, phone: str, wish: Wish, days: list[datetime], until: date) -> str:
    when = f"재고가 {wish.more_than}개보다 많아지면" if wish.more_than is not None else "다시 들어오면"
    lines = [f"{phone} 번호로 알려 드릴게요: {title} 상품이 {when} 문자를 보내 드려요."]
    if days:
        named = ", ".join(korean_date(day) for day in days)
        lines.append(f"{named} {_korean_hour(days[0].hour)}에도 입고 예정을 미리 알려 드려요.")
    lines += [
        f"알림은 {until.year}년 {until.month}월 {until.day}일까지 기다리고, 다시 들어온 소식을 한 번 보내면 끝나요.",
        "문자에 있는 링크로 언제든 해지하실 수 있어요.",
        f"번호는 {shop}에서 이 알림을 보내는 데만 쓰고, 알림이 끝난 뒤 30일이 지나면 지워요.",
        "신청하고 해지한 기록은 번호를 알아볼 수 없게 바꿔서 3년 동안 보관해요.",
        "동의하지 않으셔도 괜찮아요. 알림만 받지 않으세요.",
    ]
    return " ".join(lines)


def _english(shop: str, title: str, phone: str, wish: Wish, days: list[datetime], until: date) -> str:
    when = f"more than {wish.more_than} of it are in stock" if wish.more_than is not None else "it is back"
    lines = [f"{title}: we send a text message to {phone} when {when}."]
    if days:
        named = "; ".join(english_date(day) for day in days)
        lines.append(f"We also tell you beforehand that it is expected: {named}, at {days[0].hour}:00 Korean time.")
    lines += [
        f"We wait until {until.isoformat()}, and stop after one message that it is back.",
        "You can stop at any time with the link in the message.",
        f"{shop} uses the number for this notice only and deletes it 30 days after the notice has ended.",
        "That you asked and stopped is kept for three years without the number.",
        "If you do not agree, nothing else changes: you only get no notice.",
    ]
    return " ".join(lines)


_TEXTS: Mapping[str, Callable[[str, str, str, Wish, list[datetime], date], str]] = {"ko-1": _korean, "en-1": _english}
VERSIONS = frozenset(_TEXTS)


def _korean_hour(hour: int) -> str:
    return f"오전 {hour}시" if hour < 12 else f"오후 {hour - 12 or 12}시"
