"""Working time of a region: minutes and days added over weekends, holidays, summer time and outages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Span = tuple[datetime, datetime]
"""A half-open stretch of time [from, to), both aware and in UTC."""

# Longer than any run of holidays somebody would enter on purpose: a calendar without a single working
# day within it is a mistake, and the search for the next one must not go on for ever.
HORIZON_DAYS = 3660


class NoWorkingTime(ValueError):
    """A calendar that contains no working time can give no deadline."""


@dataclass(frozen=True)
class WorkingCalendar:
    """When the people of a region work: local hours on some weekdays (Monday is 0), except on holidays."""

    zone: str
    weekdays: frozenset[int] = frozenset({0, 1, 2, 3, 4})
    opens: time = time(9, 0)
    closes: time = time(18, 0)
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= set(range(7)):
            raise NoWorkingTime("a calendar needs at least one weekday, Monday is 0 and Sunday 6")
        if self.opens >= self.closes:
            raise NoWorkingTime("the working day must close after it opens")

    @property
    def minutes_a_day(self) -> int:
        """Length of one working day in minutes."""
        return (self.closes.hour - self.opens.hour) * 60 + self.closes.minute - self.opens.minute

    def is_working_day(self, day: date) -> bool:
        """Whether people of this region work on this local date."""
        return day.weekday() in self.weekdays and day not in self.holidays

    def hours_of(self, day: date) -> Span:
        """The working hours of a local date in UTC, whether or not somebody works on it."""
        zone = ZoneInfo(self.zone)
        opens = datetime.combine(day, self.opens, tzinfo=zone).astimezone(UTC)
        return opens, datetime.combine(day, self.closes, tzinfo=zone).astimezone(UTC)

    def local_date(self, moment: datetime) -> date:
        """The date on the wall of this region at an aware moment."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def add_minutes(self, moment: datetime, minutes: int, *, outages: Iterable[Span] = ()) -> datetime:
        """The moment at which so many working minutes have passed, in UTC.

        Outages (time in which the program did not run) do not count. The result is the earliest such
        moment, so that a full day counted from a Saturday ends on Monday evening, not on Tuesday morning.
        """
        return self._after(moment, timedelta(minutes=minutes), outages)

    def add_days(self, moment: datetime, days: int, *, outages: Iterable[Span] = ()) -> datetime:
        """The moment at which so many working days have passed: Monday 15:00 and one day is Tuesday 15:00."""
        return self.add_minutes(moment, days * self.minutes_a_day, outages=outages)

    def end_of_day(self, moment: datetime, *, outages: Iterable[Span] = ()) -> datetime:
        """The end of the working day that `moment` falls into, or of the next one when it falls outside.

        Working time lost to an outage on that day is given back on the following one.
        """
        start, end = next(self.spans(moment), (moment, moment))
        return self._after(start, end - start, outages)

    def spans(self, moment: datetime, *, outages: Iterable[Span] = ()) -> Iterator[Span]:
        """Stretches of working time from `moment` on, in order, in UTC, with outages cut out."""
        gaps = _merged(outages)
        first = self.local_date(moment)
        for day in (first + timedelta(days=n) for n in range(HORIZON_DAYS)):
            if not self.is_working_day(day):
                continue
            opens, closes = self.hours_of(day)
            yield from _without((max(opens, moment.astimezone(UTC)), closes), gaps)

    def _after(self, moment: datetime, length: timedelta, outages: Iterable[Span]) -> datetime:
        left = length
        for start, end in self.spans(moment, outages=outages):
            if end - start >= left:
                return start + left
            left -= end - start
        raise NoWorkingTime(f"no working time within {HORIZON_DAYS} days")


def _merged(outages: Iterable[Span]) -> list[Span]:
    """Outages in order, overlapping ones joined."""
    merged: list[Span] = []
    for start, end in sorted(outages):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            continue
        merged.append((start, end))
    return merged


def _without(span: Span, gaps: Sequence[Span]) -> Iterator[Span]:
    """The parts of a span that no gap covers; gaps are ordered and do not overlap."""
    start, end = span
    for gap_start, gap_end in gaps:
        if gap_end <= start or gap_start >= end:
            continue
        if gap_start > start:
            yield start, gap_start
        start = gap_end
    if start < end:
        yield start, end
