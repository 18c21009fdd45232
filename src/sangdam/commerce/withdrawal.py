"""The last day to withdraw (전자상거래법 제17조), in Korean calendar days. Pure arithmetic; staff decide, this only informs.

Change of mind: seven days after delivery, the delivery day not counted; a last day that is no business day moves to the next one.
"""

import calendar
from datetime import date, datetime, timedelta
from typing import Literal

from sangdam.core.clock import kst_date
from sangdam.core.facts import Withdrawal
from sangdam.orgs.hours import is_holiday

CHANGE_OF_MIND_DAYS = 7
DEFECT_MONTHS = 3

Ground = Literal["change_of_mind", "not_as_agreed"]


def last_day(delivered: date, ground: Ground = "change_of_mind") -> date:
    day = delivered + timedelta(days=CHANGE_OF_MIND_DAYS) if ground == "change_of_mind" else _three_months(delivered)
    while day.weekday() >= 5 or is_holiday(day):
        day += timedelta(days=1)
    return day


def withdrawal(
    delivered_at: datetime | None, *, delivered: bool, asked_at: datetime, ground: Ground = "change_of_mind"
) -> Withdrawal:
    """`delivered`: the item's state says it arrived, whether or not the record holds the moment."""
    if not delivered:
        return Withdrawal(state="not_started")
    if delivered_at is None:
        return Withdrawal(state="unknown")
    last = last_day(kst_date(delivered_at), ground)
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
