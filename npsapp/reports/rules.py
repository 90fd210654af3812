"""Which days a report covers, and by what it is divided."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from npsapp.lib.texts import N_

# Periods that are one press away; days that somebody typed win over them.
PRESETS = {
    "this_month": N_("This month"),
    "last_month": N_("Last month"),
    "3_months": N_("Last 3 months"),
    "12_months": N_("Last 12 months"),
    "this_year": N_("This year"),
}
DEFAULT_PRESET = "12_months"


class Split(StrEnum):
    """By what a report may be divided."""

    REGION = "region"
    SEGMENT = "segment"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """Local days, both ends included; None is an open end."""

    first: date | None = None
    last: date | None = None

    @property
    def backwards(self) -> bool:
        """Whether the end lies before the beginning."""
        return self.first is not None and self.last is not None and self.last < self.first


EVER = Period()
# Days outside are slips of the pen; inside, no time zone pushes a moment off the calendar.
EARLIEST = date(2000, 1, 1)
LATEST = date(2100, 12, 31)


def period_of(preset: str, today: date) -> Period:
    """The days of a preset. "Last 3 months" are this month so far and the two before it, always from the
    first of a month, so that no month of the trend is cut at its beginning."""
    month = today.replace(day=1)
    if preset == "last_month":
        last = month - timedelta(days=1)
        return Period(last.replace(day=1), last)
    back = {"this_month": 0, "3_months": 2, "12_months": 11, "this_year": today.month - 1}[preset]
    return Period(months_before(month, back), today)


def typed_period(first: date | None, last: date | None) -> Period:
    """The days somebody typed, in the right order and within reason; both missing are all days."""
    days = [None if day is None else min(max(day, EARLIEST), LATEST) for day in (first, last)]
    typed = Period(*days)
    return Period(typed.last, typed.first) if typed.backwards else typed


def month_within(month: date, period: Period) -> Period:
    """The days of a month that belong to the period."""
    first, last = month, months_before(month, -1) - timedelta(days=1)
    return Period(max(first, period.first or first), min(last, period.last or last))


def months_before(day: date, count: int) -> date:
    """The first of the month so many months before the month of `day`."""
    ordinal = day.year * 12 + day.month - 1 - count
    return date(ordinal // 12, ordinal % 12 + 1, 1)


def months_between(first: date, last: date) -> list[date]:
    """The first days of all months that have a day in the period, oldest first."""
    count = (last.year - first.year) * 12 + last.month - first.month
    return [months_before(last, back) for back in range(count, -1, -1)]
