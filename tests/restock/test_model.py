"""What is planned, until when, and what stands against it: plain values in, plain values out."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.core.clock import kst
from sangdam.core.shop import Product, SoldOut, Variant
from sangdam.restock.consent import VERSIONS, consent_text
from sangdam.restock.model import ANY_VARIANT, LEAD_DAYS, Rule, Stock, Trigger, Wish, ruling, stock_of

NOW = datetime(2026, 3, 14, 5, 28, 44, tzinfo=UTC)
TODAY = date(2026, 3, 14)


def dated(days: int, *lead_days: int, hour: int = 17) -> Wish:
    return Wish(105, "*", "restock_at", None, TODAY + timedelta(days=days), frozenset(lead_days), hour)


# Wishes


@pytest.mark.parametrize(
    ("wish", "wrong"),
    [
        (Wish(105), ()),
        (Wish(105, trigger="inventory_gt", more_than=0), ()),
        (Wish(105, trigger="inventory_gt"), ("trigger_value",)),
        (Wish(105, more_than=3), ("trigger_value",)),
        (Wish(105, restock_at=TODAY + timedelta(days=3)), ("restock_at",)),
        (Wish(105, lead_days=frozenset({1})), ("lead_days",)),
        (Wish(105, restock_at=TODAY - timedelta(days=1), lead_days=frozenset({1})), ("restock_at", "lead_days")),
        (Wish(105, trigger="restock_at"), ("restock_at",)),
        (Wish(105, trigger="restock_at", more_than=1), ("trigger_value", "restock_at")),
        (dated(-1), ("restock_at",)),
        (dated(0), ()),
        (dated(0, 1), ("lead_days",)),
        (dated(1), ()),
        (dated(1, 1), ("lead_days",)),
        (dated(2, 1), ()),
        (dated(3, 1, 3), ("lead_days",)),
        (dated(4, 1, 3), ()),
        (dated(14, 14), ("lead_days",)),
        (dated(15, *LEAD_DAYS), ()),
        (dated(365, 14), ()),
        (dated(366), ("restock_at",)),
    ],
)
def test_arguments_that_contradict_each_other_or_the_calendar_are_named(wish: Wish, wrong: tuple[str, ...]) -> None:
    assert wish.wrong(TODAY) == wrong


@pytest.mark.parametrize(
    ("wish", "until"),
    [
        (Wish(105), date(2027, 3, 14)),
        (Wish(105, trigger="inventory_gt", more_than=5), date(2027, 3, 14)),
        (dated(0), date(2026, 3, 21)),
        (dated(10, 1), date(2026, 3, 31)),
        (dated(358), date(2027, 3, 14)),
        (dated(359), date(2027, 3, 14)),
        (dated(365), date(2027, 3, 14)),
    ],
)
def test_nobody_waits_for_longer_than_a_year_or_a_week_after_the_date(wish: Wish, until: date) -> None:
    assert wish.valid_until(TODAY) == until


def test_a_notice_is_due_that_many_days_before_at_the_hour_in_seoul() -> None:
    notices = dated(10, 1, 3, hour=9).planned(NOW)
    assert [(kst(notice.due_at).isoformat(), notice.event_key, notice.lead_day) for notice in notices] == [
        ("2026-03-21T09:00:00+09:00", "date:2026-03-24:3", 3),
        ("2026-03-23T09:00:00+09:00", "date:2026-03-24:1", 1),
    ]


def test_a_notice_whose_moment_is_now_or_past_is_not_planned() -> None:
    wish = dated(3, 1, 2, hour=17)
    due = datetime(2026, 3, 15, 8, 0, tzinfo=UTC)
    assert [notice.lead_day for notice in wish.planned(due - timedelta(seconds=1))] == [2, 1]
    assert [notice.lead_day for notice in wish.planned(due)] == [1]


def test_without_a_date_nothing_is_planned() -> None:
    assert Wish(105).planned(NOW) == ()
    assert dated(10).planned(NOW) == ()


@given(
    days=st.integers(-5, 400),
    lead_days=st.frozensets(st.sampled_from(sorted(LEAD_DAYS))),
    hour=st.integers(8, 20),
    second=st.integers(0, 86_399),
)
def test_what_is_right_is_planned_whole_ahead_of_now_before_the_date_and_never_at_night(
    days: int, lead_days: frozenset[int], hour: int, second: int
) -> None:
    wish = dated(days, *lead_days, hour=hour)
    now = datetime(2026, 3, 13, 15, 0, tzinfo=UTC) + timedelta(seconds=second)
    if wish.wrong(kst(now).date()):
        return
    notices = wish.planned(now)
    assert {notice.lead_day for notice in notices} == lead_days
    assert len({notice.event_key for notice in notices}) == len(notices)
    assert list(notices) == sorted(notices, key=lambda notice: notice.due_at)
    until = wish.valid_until(kst(now).date())
    for notice in notices:
        due = kst(notice.due_at)
        assert notice.due_at > now
        assert wish.restock_at is not None
        assert due.date() < wish.restock_at <= until
        assert 8 <= due.hour < 21
    assert 0 <= (until - TODAY).days <= 365


# The product


def variant(code: str, quantity: int | None, *, sold_out: bool | None = None, **more: bool) -> Variant:
    empty = quantity is not None and quantity <= 0
    return Variant(
        code, f"옵션 {code}", more.pop("selling", True), more.pop("display", True), quantity, empty if sold_out is None else sold_out
    )  # fmt: skip


def product(*variants: Variant, sold_out: SoldOut, selling: bool = True, display: bool = True) -> Product:
    return Product(
        105, "코튼 맨투맨", Decimal(34900), None, "KRW", selling, display, sold_out, variants, (), None, None, "", None, None, None
    )  # fmt: skip


EMPTY, THREE, UNCOUNTED = variant("A", 0), variant("B", 3), variant("C", None)


@pytest.mark.parametrize(
    ("found", "code", "stock"),
    [
        (product(EMPTY, sold_out=SoldOut.YES), "*", Stock("코튼 맨투맨", None, False, 0)),
        (product(EMPTY, sold_out=SoldOut.YES), "A", Stock("코튼 맨투맨", "옵션 A", False, 0)),
        (product(EMPTY, THREE, sold_out=SoldOut.PARTIAL), "*", Stock("코튼 맨투맨", None, True, 3)),
        (product(EMPTY, THREE, sold_out=SoldOut.PARTIAL), "A", Stock("코튼 맨투맨", "옵션 A", False, 0)),
        (product(EMPTY, THREE, sold_out=SoldOut.PARTIAL), "B", Stock("코튼 맨투맨", "옵션 B", True, 3)),
        (product(UNCOUNTED, sold_out=SoldOut.NO), "*", Stock("코튼 맨투맨", None, True, None)),
        (product(THREE, sold_out=SoldOut.NO, selling=False), "*", Stock("코튼 맨투맨", None, False, 3)),
        (product(THREE, sold_out=SoldOut.NO, selling=False), "B", Stock("코튼 맨투맨", "옵션 B", False, 3)),
        (product(variant("A", -2, sold_out=False), sold_out=SoldOut.NO), "A", Stock("코튼 맨투맨", "옵션 A", True, 0)),
        (product(variant("A", 3, selling=False), sold_out=SoldOut.YES), "A", Stock("코튼 맨투맨", "옵션 A", False, 3)),
        (product(sold_out=SoldOut.UNKNOWN), "*", Stock("코튼 맨투맨", None, None, 0)),
        (product(sold_out=SoldOut.UNKNOWN, selling=False), "*", Stock("코튼 맨투맨", None, False, 0)),
        (product(THREE, sold_out=SoldOut.NO), "Z", None),
        (product(variant("A", 0, display=False), sold_out=SoldOut.YES), "A", None),
        (product(EMPTY, sold_out=SoldOut.YES, display=False), "*", None),
    ],
)
def test_what_the_shop_shows_of_it(found: Product, code: str, stock: Stock | None) -> None:
    assert stock_of(found, code) == stock


# Rules


def test_the_option_s_own_rule_goes_before_the_product_s() -> None:
    whole, own = Rule(105, restock_policy="NO_RESTOCK"), Rule(105, "P00000EB000A")
    assert ruling([whole, own], "P00000EB000A", TODAY) == own
    assert ruling([whole, own], "P00000EB000B", TODAY) == whole
    assert ruling([own], ANY_VARIANT, TODAY) is None
    assert ruling([], ANY_VARIANT, TODAY) is None


def test_a_rule_is_good_up_to_its_last_day() -> None:
    rule = Rule(105, answerability="DENY", valid_until=TODAY)
    assert ruling([rule], "*", TODAY) == rule
    assert ruling([rule], "*", TODAY + timedelta(days=1)) is None


@pytest.mark.parametrize(
    ("rule", "forbids"),
    [
        (Rule(105), False),
        (Rule(105, answerability="UNKNOWN"), False),
        (Rule(105, restock_policy="RESTOCK_AT", restock_at=TODAY), False),
        (Rule(105, answerability="DENY"), True),
        (Rule(105, restock_policy="NO_RESTOCK"), True),
    ],
)
def test_which_rule_lets_nobody_wait(rule: Rule, forbids: bool) -> None:
    assert rule.forbids is forbids


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (Rule(105, restock_policy="RESTOCK_AT", restock_at=TODAY, restock_confidence="expected"), ()),
        (Rule(0), ("product_no",)),
        (Rule(105, "L"), ("variant_code",)),
        (Rule(105, restock_policy="RESTOCK_AT"), ("restock_at",)),
        (Rule(105, restock_at=TODAY), ("restock_at",)),
        (Rule(105, restock_confidence="confirmed"), ("restock_confidence",)),
        (Rule(105, note="가" * 500), ()),
        (Rule(105, note="가" * 501), ("note",)),
    ],
)
def test_a_rule_that_says_nothing_clear_is_named(rule: Rule, wrong: tuple[str, ...]) -> None:
    assert rule.wrong() == wrong


# Consent


def said(version: str, wish: Wish, option: str | None = None) -> str:
    stock = Stock("코튼 맨투맨", option, False, 0)
    return consent_text(version, shop_name="달빛샵", stock=stock, phone_masked="010-****-1234", wish=wish, now=NOW)


def test_the_words_say_what_when_until_when_who_keeps_the_number_and_how_to_stop() -> None:
    assert said("ko-1", dated(10, 1, 3), "그레이 / S") == (
        "010-****-1234 번호로 알려 드릴게요: 코튼 맨투맨 그레이 / S 상품이 다시 들어오면 문자를 보내 드려요."
        " 3월 21일(토), 3월 23일(월) 오후 5시에도 입고 예정을 미리 알려 드려요."
        " 알림은 2026년 3월 31일까지 기다리고, 다시 들어온 소식을 한 번 보내면 끝나요."
        " 문자에 있는 링크로 언제든 해지하실 수 있어요."
        " 번호는 달빛샵에서 이 알림을 보내는 데만 쓰고, 알림이 끝난 뒤 30일이 지나면 지워요."
        " 신청하고 해지한 기록은 번호를 알아볼 수 없게 바꿔서 3년 동안 보관해요."
        " 동의하지 않으셔도 괜찮아요. 알림만 받지 않으세요."
    )
    assert "재고가 5개보다 많아지면" in said("ko-1", Wish(105, trigger="inventory_gt", more_than=5))
    assert "more than 5 of it" in said("en-1", Wish(105, trigger="inventory_gt", more_than=5))


@pytest.mark.parametrize(("hour", "words"), [(8, "오전 8시"), (11, "오전 11시"), (12, "오후 12시"), (20, "오후 8시")])
def test_hours_as_they_are_said(hour: int, words: str) -> None:
    assert words in said("ko-1", dated(10, 1, hour=hour))


@pytest.mark.parametrize("version", sorted(VERSIONS))
@pytest.mark.parametrize("trigger", ["status_change", "inventory_gt", "restock_at"])
def test_every_text_names_the_product_the_shop_and_no_whole_number(version: str, trigger: Trigger) -> None:
    wish = dated(10, 2) if trigger == "restock_at" else Wish(105, trigger=trigger, more_than=1 if trigger == "inventory_gt" else None)  # fmt: skip
    text = said(version, wish)
    assert all(part in text for part in ("코튼 맨투맨", "달빛샵", "010-****-1234"))
