"""When a connection counts as silent."""

from datetime import date, timedelta

import pytest

from npsapp.intake.silence import Alarm, alarm

MONDAY = date(2026, 11, 16)


def _works(day: date) -> bool:
    return day.isoweekday() < 6


def _days(*ago: int, since: date = MONDAY) -> list[date]:
    return sorted(since - timedelta(days=one) for one in ago)


@pytest.mark.parametrize(
    ("days", "today", "silent"),
    [
        ((), MONDAY, False),
        ((30, 20), MONDAY, False),  # nothing is usual yet
        ((10, 7, 6, 5), MONDAY, False),  # daily; Wednesday to Monday are three working days
        ((10, 7, 6, 5), MONDAY + timedelta(days=1), True),
        ((28, 21, 14), MONDAY, False),  # weekly
        ((28, 21, 14), MONDAY + timedelta(days=8), True),
        ((3, 4, 5), MONDAY, False),  # the weekend is no gap
    ],
)
def test_three_times_the_usual_gap_is_silence(days: tuple[int, ...], today: date, silent: bool) -> None:
    assert (alarm(_days(*days), [], today=today, works=_works) == Alarm.SILENT) is silent


@pytest.mark.parametrize(
    ("last", "before", "told"), [(19, 400, True), (26, 500, False), (24, 500, True), (0, 0, False), (50, 100, False)]
)
def test_a_sudden_lack_of_addresses_is_told(last: int, before: int, told: bool) -> None:
    addresses = [number < last for number in range(50)] + [number < before for number in range(500)]

    assert (alarm([], addresses, today=MONDAY, works=_works) == Alarm.ADDRESSES) is told


def test_fifty_records_without_a_past_tell_nothing() -> None:
    assert alarm([], [False] * 50 + [True] * 99, today=MONDAY, works=_works) == ""
