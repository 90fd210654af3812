"""Silence: when a connection that used to send stops doing so, or sends people nobody can write to."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from statistics import median

from npsapp.lib.texts import N_, Worded

TIMES_THE_USUAL_GAP = 3
LOOK_BACK = timedelta(days=60)
FEWEST_DAYS = 3  # with records; before that nothing is usual
LAST, BEFORE = 50, 500  # records compared for their addresses
FEWEST_BEFORE = 100


class Alarm(Worded):
    """What is wrong with a connection, and what helps."""

    SILENT = (
        "silent",
        N_("It has sent nothing for much longer than usual. Look whether the exchange still runs on the other side."),
    )
    ADDRESSES = (
        "addresses",
        N_("Far fewer records than before have an address. Look whether contacts are still sent with them."),
    )


def alarm(days: Sequence[date], addresses: Sequence[bool], *, today: date, works: Callable[[date], bool]) -> str:
    """What is wrong now: a value of `Alarm`, or empty.

    `days` with records, in order; `addresses`: whether the newest records came with a usable one, newest first;
    `works`: whether people work on a day.
    """
    if is_silent(days, today=today, works=works):
        return Alarm.SILENT
    return Alarm.ADDRESSES if lacks_addresses(addresses) else ""


def is_silent(days: Sequence[date], *, today: date, works: Callable[[date], bool]) -> bool:
    """Whether more than three times the usual gap has passed; working days count, and a gap is at least one."""
    if len(days) < FEWEST_DAYS:
        return False
    gaps = [_working_days(since, until, works) for since, until in zip(days, days[1:], strict=False)]
    usual = max(1, median(gaps))
    return _working_days(days[-1], today, works) > TIMES_THE_USUAL_GAP * usual


def _working_days(since: date, until: date, works: Callable[[date], bool]) -> int:
    """Working days after `since`, up to and with `until`."""
    return sum(works(since + timedelta(days=number)) for number in range(1, (until - since).days + 1))


def lacks_addresses(addresses: Sequence[bool]) -> bool:
    """Whether the share of the last 50 is less than half of that of the 500 before."""
    last, before = addresses[:LAST], addresses[LAST : LAST + BEFORE]
    if len(before) < FEWEST_BEFORE:
        return False
    return sum(last) / len(last) < sum(before) / len(before) / 2
