"""Gaps between heartbeats."""

from datetime import UTC, datetime, timedelta

import pytest

from npsapp.pulse import rules

NOW = datetime(2026, 11, 16, 10, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "outage"), [(1, False), (10, False), (11, True), (6000, True)])
def test_a_gap_over_ten_minutes_is_an_outage(minutes, outage):
    last = NOW - timedelta(minutes=minutes)

    assert rules.outage_between(last, NOW) == ((last, NOW) if outage else None)


def test_the_first_beat_ever_ends_no_outage():
    assert rules.outage_between(None, NOW) is None


def test_a_clock_that_went_backwards_is_no_outage():
    assert rules.outage_between(NOW + timedelta(hours=1), NOW) is None


@pytest.mark.parametrize(
    ("last", "silent"), [(None, True), (NOW - timedelta(minutes=3), False), (NOW - timedelta(minutes=4), True)]
)
def test_the_heart_is_silent_after_three_minutes(last, silent):
    assert rules.is_silent(last, NOW) is silent
