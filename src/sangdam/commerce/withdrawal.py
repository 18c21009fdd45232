"""The last day to withdraw (전자상거래법 제17조), in Korean calendar days. Pure arithmetic; staff decide, this only informs.

Change of mind: seven days after delivery, the delivery day not counted. Not as agreed: three months, or thirty days from noticing
when that ends earlier. A last day that is no business day moves to the next one.
"""

import calendar
from datetime import date, datetime, timedelta
from typing import Literal, assert_never

from sangdam.core.clock import kst_date
from sangdam.core.facts import Withdrawal
from sangdam.orgs.hours import is_holiday

CHANGE_OF_MIND_DAYS = 7
DEFECT_MONTHS = 3
NOTICED_DAYS = 30

Ground = Literal["change_of_mind", "not_as_agreed"]


def last_day(delivered: date, ground: Ground = "change_of_mind", *, noticed: date | None = None) -> date:
    """`noticed`: the day the shopper says it was seen; it means nothing to a change of mind."""
    match ground:
        case "change_of_mind":
            day = delivered + timedelta(days=CHANGE_OF_MIND_DAYS)
        case "not_as_agreed":
            day = _three_months(delivered)
            if noticed is not None:
                day = min(day, max(noticed, delivered) + timedelta(days=NOTICED_DAYS))
        case _:
            assert_never(ground)
    while day.weekday() >= 5 or is_holiday(day):
        day += timedelta(days=1)
    return day


def withdrawal(
    delivered_at: datetime | None,
    *,
    delivered: bool,
    asked_at: datetime,
    ground: Ground = "change_of_mind",
    noticed: date | None = None,
) -> Withdrawal:
    """`delivered`: the item's state says it arrived, whether or not the record holds the moment."""
    if not delivered:
        return Withdrawal(state="not_started")
    if delivered_at is None:
        return Withdrawal(state="unknown")
    last = last_day(kst_date(delivered_at), ground, noticed=noticed)
    return Withdrawal(state="within" if kst_date(asked_at) <= last else "over", last_day=last)


def _three_months(delivered: date) -> date:
    """Counted from the day after: the day before the same day three months on, the month's end where there is no such day."""
    start = delivered + timedelta(days=1)
    month = start.month - 1 + DEFECT_MONTHS
    year, month = start.year + month // 12, month % 12 + 1
    days = calendar.monthrange(year, month)[1]
    if start.day > days:
        return date(year, month, days)
    return date(year, month, start.day) - timedelta(days=1)
