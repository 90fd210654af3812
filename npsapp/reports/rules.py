"""Which days a report covers, and by what it is divided."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from npsapp.lib.texts import N_


class Preset(StrEnum):
    """Periods that are one press away; two days that somebody typed win over them."""

    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    THREE_MONTHS = "3_months"
    TWELVE_MONTHS = "12_months"
    THIS_YEAR = "this_year"

    @property
    def label(self) -> str:
        """The untranslated wording for people."""
        return _PRESET_LABELS[self]


_PRESET_LABELS = {
    Preset.THIS_MONTH: N_("This month"),
    Preset.LAST_MONTH: N_("Last month"),
    Preset.THREE_MONTHS: N_("Last 3 months"),
    Preset.TWELVE_MONTHS: N_("Last 12 months"),
    Preset.THIS_YEAR: N_("This year"),
}


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
DEFAULT_PRESET = Preset.TWELVE_MONTHS
# Days outside are slips of the pen; inside, no time zone pushes a moment off the calendar.
EARLIEST = date(2000, 1, 1)
LATEST = date(2100, 12, 31)


def period_of(preset: Preset, today: date) -> Period:
    """The days of a preset. "Last 3 months" are this month so far and the two before it, always from the
    first of a month, so that no month of the trend is cut at its beginning."""
    month = today.replace(day=1)
    if preset is Preset.LAST_MONTH:
        last = month - timedelta(days=1)
        return Period(last.replace(day=1), last)
    first = {
        Preset.THIS_MONTH: month,
        Preset.THREE_MONTHS: months_before(month, 2),
        Preset.TWELVE_MONTHS: months_before(month, 11),
        Preset.THIS_YEAR: today.replace(month=1, day=1),
    }[preset]
    return Period(first, today)


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
