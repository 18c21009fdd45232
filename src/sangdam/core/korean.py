"""Korean as it is written: particles by the last sound, dates, money. Pure."""

from datetime import date, datetime
from decimal import Decimal

from sangdam.core.clock import kst

_WEEKDAYS = "월화수목금토일"
_CLOSED_DIGITS = frozenset("013678")
_RIEUL_DIGITS = frozenset("178")
_CLOSED_CAPITALS = frozenset("LMNR")
_LOOK_THROUGH = "\"'”’)]}』」>· "


def _final(word: str) -> str | None:
    """`open`, `closed` or `rieul`; None when the sound cannot be told."""
    word = word.rstrip(_LOOK_THROUGH)
    if not word:
        return None
    last = word[-1]
    if "가" <= last <= "힣":
        jong = (ord(last) - 0xAC00) % 28
        return "open" if jong == 0 else "rieul" if jong == 8 else "closed"
    if last.isdigit():
        return "rieul" if last in _RIEUL_DIGITS else "closed" if last in _CLOSED_DIGITS else "open"
    if "A" <= last <= "Z":
        return "rieul" if last in "LR" else "closed" if last in _CLOSED_CAPITALS else "open"
    return None


_PARTICLES: dict[str, tuple[str, str]] = {
    "을": ("을", "를"), "를": ("을", "를"), "이": ("이", "가"), "가": ("이", "가"), "은": ("은", "는"), "는": ("은", "는"),
    "과": ("과", "와"), "와": ("과", "와"), "이라": ("이라", "라"), "이에요": ("이에요", "예요"), "이고": ("이고", "고"), "이나": ("이나", "나"),
}  # fmt: skip


def with_particle(word: str, particle: str, *, noun: str = "상품") -> str:
    """The word with the particle that fits its last sound (`린넨 셔츠` + `을` → `린넨 셔츠를`).

    A lower-case Latin letter or a symbol at the end has no certain sound: the word is followed by `noun` and that carries the particle.
    """
    final = _final(word)
    if final is None:
        word = f"{word} {noun}"
        final = _final(word) or "open"
    if particle in ("으로", "로"):
        return word + ("으로" if final == "closed" else "로")
    closed, opened = _PARTICLES[particle]
    return word + (opened if final == "open" else closed)


def korean_date(day: date | datetime) -> str:
    """`3월 14일(토)`; a datetime is taken to Seoul first."""
    if isinstance(day, datetime):
        day = kst(day).date()
    return f"{day.month}월 {day.day}일({_WEEKDAYS[day.weekday()]})"


def english_date(day: date | datetime) -> str:
    """`Sat, Mar 14`, independent of the locale."""
    if isinstance(day, datetime):
        day = kst(day).date()
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    return f"{days[day.weekday()]}, {months[day.month - 1]} {day.day}"


def won(amount: Decimal) -> str:
    return f"{int(amount):,}원"
