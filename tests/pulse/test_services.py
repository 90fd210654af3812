"""Heartbeats and outages in the database."""

from datetime import timedelta

import pytest

from npsapp.db import transaction
from npsapp.pulse import queries, services


@pytest.fixture(autouse=True)
def _tables(app):
    """Every test has its own empty tables."""


def test_the_last_beat_is_remembered(now):
    assert queries.last_beat() is None

    with transaction():
        services.beat(now)

    assert queries.last_beat() == now


def test_beats_a_minute_apart_are_no_outage(now):
    for minute in range(3):
        with transaction():
            assert services.beat(now + timedelta(minutes=minute)) is False

    assert queries.outages(now - timedelta(days=1), now + timedelta(days=1)) == []


def test_a_long_silence_becomes_an_outage_once(now):
    later = now + timedelta(hours=5)
    with transaction():
        services.beat(now)
    with transaction():
        assert services.beat(later) is True
    with transaction():
        assert services.beat(later) is False

    assert queries.outages(now, later) == [(now, later)]


def test_outages_are_asked_for_by_what_they_touch(now):
    with transaction():
        services.beat(now)
    with transaction():
        services.beat(now + timedelta(hours=5))

    assert queries.outages(now - timedelta(hours=2), now) == []
    assert queries.outages(now + timedelta(hours=5), now + timedelta(hours=6)) == []
    assert len(queries.outages(now + timedelta(hours=4), now + timedelta(hours=9))) == 1


def test_a_clock_that_was_set_back_moves_the_last_beat_nowhere(now):
    with transaction():
        services.beat(now)
    with transaction():
        assert services.beat(now - timedelta(hours=3)) is False

    assert queries.last_beat() == now


def test_only_one_worker_holds_the_heart_until_it_lets_go_or_its_lease_ends(now):
    minute = timedelta(minutes=1)
    with transaction():
        assert services.hold("one", now=now, lease=minute)
    with transaction():
        assert not services.hold("two", now=now, lease=minute)
        assert services.hold("one", now=now, lease=minute)
    with transaction():
        assert services.hold("two", now=now + minute, lease=minute)
        services.release("one")
    with transaction():
        assert not services.hold("one", now=now + minute, lease=minute)
        services.release("two")
        assert services.hold("one", now=now + minute, lease=minute)


def test_three_workers_ask_each_minute_and_one_beat_comes_of_it(now):
    lease, rest = timedelta(minutes=2), timedelta(seconds=45)

    def beats(who, second):
        with transaction():
            held = services.hold(who, now=now + timedelta(seconds=second), lease=lease, rest=rest)
            if held:
                services.beat(now + timedelta(seconds=second))
                services.release(who)
            return held

    asked = [(who, minute + phase) for minute in (0, 60, 120) for who, phase in (("a", 5), ("b", 25), ("c", 44))]

    assert [second for who, second in asked if beats(who, second)] == [5, 65, 125]


def test_a_clock_that_was_set_back_does_not_stop_the_heart(now):
    tomorrow = now + timedelta(days=1)
    with transaction():
        assert services.hold("dead", now=tomorrow, lease=timedelta(minutes=2))
        services.beat(tomorrow)

    with transaction():
        assert services.hold("alive", now=now, lease=timedelta(minutes=2), rest=timedelta(seconds=45))
