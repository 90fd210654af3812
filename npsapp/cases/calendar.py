"""Working time of a region, and the deadlines of a case in it: over weekends, holidays, summer time and outages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from npsapp.lib.clock import at_local, local_date

Span = tuple[datetime, datetime]
"""A half-open stretch of time [from, to), both aware and in UTC."""

# decisions.md 24, in working time of the region.
ACKNOWLEDGE_MINUTES = 120
ATTEMPT_DAYS = 1
CONTACT_DAYS = 2
SETTLE_DAYS = 5
CALL_BACK_GRACE_DAYS = 1
"""A customer who asks for a later call pauses the clock: settling is due this many days after that call."""

# Longer than any run of holidays somebody would enter on purpose: a calendar without a single working
# day within it is a mistake, and the search for the next one must not go on for ever.
HORIZON_DAYS = 3660


class NoWorkingTime(ValueError):
    """A calendar that contains no working time can give no deadline."""


@dataclass(frozen=True)
class WorkingCalendar:
    """When the people of a region work: local hours on some ISO weekdays ("12345"), except on holidays."""

    zone: str
    weekdays: str = "12345"
    opens: time = time(9, 0)
    closes: time = time(18, 0)
    holidays: frozenset[date] = frozenset()

    def add_minutes(self, moment: datetime, minutes: int, *, outages: Iterable[Span] = ()) -> datetime:
        """The moment at which so many working minutes have passed, in UTC.

        Outages (time in which the program did not run) do not count. The result is the earliest such
        moment, so that a full day counted from a Saturday ends on Monday evening, not on Tuesday morning.
        """
        return self._after(moment, timedelta(minutes=minutes), outages)

    def add_days(self, moment: datetime, days: int, *, outages: Iterable[Span] = ()) -> datetime:
        """The moment at which so many working days have passed: Monday 15:00 and one day is Tuesday 15:00."""
        day = date.min
        length = datetime.combine(day, self.closes) - datetime.combine(day, self.opens)
        return self._after(moment, days * length, outages)

    def end_of_day(self, moment: datetime, *, outages: Iterable[Span] = ()) -> datetime:
        """The end of the working day that `moment` falls into, or of the next one when it falls outside.

        Working time lost to an outage on that day is given back on the following one.
        """
        start, end = next(self.spans(moment), (moment, moment))
        return self._after(start, end - start, outages)

    def spans(self, moment: datetime, *, outages: Iterable[Span] = ()) -> Iterator[Span]:
        """Stretches of working time from `moment` on, in order, in UTC, with outages cut out."""
        gaps = sorted(outages)
        first = local_date(moment, self.zone)
        for day in (first + timedelta(days=n) for n in range(HORIZON_DAYS)):
            if str(day.isoweekday()) in self.weekdays and day not in self.holidays:
                opens = at_local(day, self.opens, self.zone)
                closes = at_local(day, self.closes, self.zone)
                yield from _without((max(opens, moment.astimezone(UTC)), closes), gaps)

    def _after(self, moment: datetime, length: timedelta, outages: Iterable[Span]) -> datetime:
        left = length
        for start, end in self.spans(moment, outages=outages):
            if end - start >= left:
                return start + left
            left -= end - start
        raise NoWorkingTime(f"no working time within {HORIZON_DAYS} days")


def _without(span: Span, gaps: Sequence[Span]) -> Iterator[Span]:
    """The parts of a span that no gap covers; gaps are in order and may overlap."""
    start, end = span
    for gap_start, gap_end in gaps:
        if gap_end <= start or gap_start >= end:
            continue
        if gap_start > start:
            yield start, gap_start
        start = gap_end
    if start < end:
        yield start, end


class Deadlines(NamedTuple):
    """Moments (UTC) until which the acts of a case must have happened, each not before the one above it."""

    acknowledge_by: datetime
    attempt_by: datetime
    contact_by: datetime
    settle_by: datetime


def deadlines(
    started_at: datetime,
    *,
    hot: bool,
    working_time: WorkingCalendar,
    outages: Sequence[Span] = (),
    call_back_at: datetime | None = None,
) -> Deadlines:
    """The clock of a case that began to run at `started_at`, the confirmation of the answer.

    A hot one is due for contact until the end of the working day it falls into. The customer's wish to be
    called later (`call_back_at`) is the only pause: contact is due then.
    """
    contact = working_time.add_days(started_at, CONTACT_DAYS, outages=outages)
    attempt = working_time.add_days(started_at, ATTEMPT_DAYS, outages=outages)
    if hot:
        contact = attempt = working_time.end_of_day(started_at, outages=outages)
    acknowledge = min(working_time.add_minutes(started_at, ACKNOWLEDGE_MINUTES, outages=outages), attempt)
    settle = working_time.add_days(started_at, SETTLE_DAYS, outages=outages)
    if call_back_at is not None:
        contact = call_back_at
        settle = max(settle, working_time.add_days(call_back_at, CALL_BACK_GRACE_DAYS, outages=outages))
    return Deadlines(acknowledge, attempt, contact, settle)


def earliest(clocks: Sequence[Deadlines]) -> Deadlines:
    """The clock of a case with several answers: each deadline is that of the most urgent one."""
    return Deadlines(*map(min, zip(*clocks, strict=True)))
