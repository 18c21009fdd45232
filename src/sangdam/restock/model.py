"""What a shopper waits for, until when, and what will be told on which day. Pure: moments, rules and stock come in, a plan goes out.

Notices of a date are planned with their subscription; a notice of stock is planned when the product is back.
"""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from sangdam.core.clock import KST
from sangdam.core.facts import Trigger
from sangdam.core.shop import Product, SoldOut, Variant

ANY_VARIANT = "*"
LONGEST_DAYS = 365
DAYS_AFTER_DATE = 7
"""How long a product may be late before nobody waits for it any more."""
MOST_PER_PHONE = 20
LEAD_DAYS = frozenset({1, 2, 3, 7, 14})
_VARIANT = re.compile(r"\*|[A-Z0-9]{12}")
_NOTE_LENGTH = 500


Answerability = Literal["ALLOW", "DENY", "UNKNOWN"]
Policy = Literal["NO_RESTOCK", "RESTOCK_AT", "UNKNOWN"]
Confidence = Literal["confirmed", "expected"]
Source = Literal["console", "import", "article"]


@dataclass(frozen=True)
class Mall:
    """Where the product is sold."""

    mall_id: str
    shop_no: int


@dataclass(frozen=True)
class DateNotice:
    """Tells that a product is expected in `lead_day` days."""

    event_key: str
    due_at: datetime
    lead_day: int


@dataclass(frozen=True)
class Wish:
    """What somebody asked to be told of. Days are days in Seoul."""

    product_no: int
    variant_code: str = ANY_VARIANT
    trigger: Trigger = "status_change"
    more_than: int | None = None
    """Pieces, of `inventory_gt`."""
    restock_at: date | None = None
    lead_days: frozenset[int] = frozenset()
    hour: int = 17
    """At which notices of a date are sent."""

    def wrong(self, today: date) -> tuple[str, ...]:
        """Arguments that contradict each other or the calendar."""
        wrong = ["trigger_value"] if (self.trigger == "inventory_gt") != (self.more_than is not None) else []
        days = (self.restock_at - today).days if self.restock_at is not None else None
        if self.trigger != "restock_at":
            wrong += ["restock_at"] if days is not None else []
            wrong += ["lead_days"] if self.lead_days else []
        elif days is None or not 0 <= days <= LONGEST_DAYS:
            wrong.append("restock_at")
        elif any(lead_day >= days for lead_day in self.lead_days):
            wrong.append("lead_days")
        return tuple(wrong)

    def valid_until(self, today: date) -> date:
        """The last day of waiting."""
        longest = today + timedelta(days=LONGEST_DAYS)
        return longest if self.restock_at is None else min(longest, self.restock_at + timedelta(days=DAYS_AFTER_DATE))

    def planned(self, now: datetime) -> tuple[DateNotice, ...]:
        """The notices of its date that are still ahead, soonest first."""
        if self.restock_at is None:
            return ()
        found = [date_notice(self.restock_at, lead_day, self.hour) for lead_day in sorted(self.lead_days, reverse=True)]
        return tuple(notice for notice in found if notice.due_at > now)


def date_notice(restock_at: date, lead_day: int, hour: int) -> DateNotice:
    day = restock_at - timedelta(days=lead_day)
    return DateNotice(
        f"date:{restock_at.isoformat()}:{lead_day}", datetime.combine(day, time(hour), tzinfo=KST), lead_day
    )


# The product


@dataclass(frozen=True)
class Stock:
    """What was asked for, as the shop shows it now."""

    product_name: str
    option_label: str | None
    available: bool | None
    """Can be bought; None: the shop does not say."""
    quantity: int | None
    """None: not counted."""


def stock_of(product: Product, variant_code: str) -> Stock | None:
    """None for what the shop does not show. Any option stands for the product: one that can be bought is enough."""
    if not product.display:
        return None
    if variant_code == ANY_VARIANT:
        known = product.sold_out is not SoldOut.UNKNOWN
        some = product.selling and product.sold_out is not SoldOut.YES
        shown = [variant for variant in product.variants if variant.display]
        return Stock(product.name, None, some if known or not product.selling else None, _pieces(shown))
    one = product.variant(variant_code)
    if one is None or not one.display:
        return None
    return Stock(product.name, one.option or None, product.selling and one.available, _pieces([one]))


def _pieces(variants: Iterable[Variant]) -> int | None:
    total = 0
    for variant in variants:
        if variant.quantity is None:
            return None
        total += max(0, variant.quantity)
    return total


# What the shop says of its return


@dataclass(frozen=True)
class Rule:
    """Of one option, or of every option that has no rule of its own (`*`)."""

    product_no: int
    variant_code: str = ANY_VARIANT
    answerability: Answerability = "ALLOW"
    restock_policy: Policy = "UNKNOWN"
    restock_at: date | None = None
    restock_confidence: Confidence | None = None
    valid_until: date | None = None
    """The last day on which it is said."""
    source: Source = "console"
    note: str | None = None
    id: uuid.UUID | None = None
    """None until it is stored."""

    @property
    def forbids(self) -> bool:
        """Nobody may wait for it."""
        return self.answerability == "DENY" or self.restock_policy == "NO_RESTOCK"

    def in_force(self, today: date) -> bool:
        return self.valid_until is None or today <= self.valid_until

    def wrong(self) -> tuple[str, ...]:
        """Fields that cannot be stored so."""
        wrong: list[str] = []
        if self.product_no < 1:
            wrong.append("product_no")
        if _VARIANT.fullmatch(self.variant_code) is None:
            wrong.append("variant_code")
        if (self.restock_policy == "RESTOCK_AT") != (self.restock_at is not None):
            wrong.append("restock_at")
        if self.restock_confidence is not None and self.restock_at is None:
            wrong.append("restock_confidence")
        if self.note is not None and len(self.note) > _NOTE_LENGTH:
            wrong.append("note")
        return tuple(wrong)


def ruling(rules: Iterable[Rule], variant_code: str, today: date) -> Rule | None:
    """The rule that holds today: the option's own before the product's."""
    standing = {rule.variant_code: rule for rule in rules if rule.in_force(today)}
    return standing.get(variant_code) or standing.get(ANY_VARIANT)
