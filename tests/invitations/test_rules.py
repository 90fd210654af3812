"""Whom we ask and when: every reason, every boundary of the window, quarantine and lateness."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from npsapp.invitations.rules import (
    Candidate,
    Care,
    Contact,
    Policy,
    Reason,
    decide,
    first_days_cap,
    free_after,
    sending_time,
)

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)  # Friday, 12:00 in Kyiv
KYIV = "Europe/Kyiv"
POLICY = Policy()


def candidate(**over: object) -> Candidate:
    return Candidate(**({"happened_at": NOW - timedelta(days=14, hours=1), "zone": KYIV} | over))  # type: ignore[arg-type]


def test_a_customer_is_asked_two_weeks_after_the_purchase() -> None:
    bought = NOW - timedelta(days=3)

    decision = decide(candidate(happened_at=bought), POLICY, now=NOW)

    assert decision.yes
    assert decision.send_at == bought + timedelta(days=14)


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"cancelled": True}, Reason.CANCELLED),
        ({"has_survey": False}, Reason.NO_SURVEY),
        ({"stop": Reason.NO_ADDRESS}, Reason.NO_ADDRESS),
        ({"live": False}, Reason.IN_TRIAL),
        ({"after_live_day": False}, Reason.BEFORE_LIVE),
        ({"stop": Reason.NOT_MINE}, Reason.NOT_MINE),
        ({"stop": Reason.SUPPRESSED}, Reason.SUPPRESSED),
        ({"stop": Reason.NO_GROUND}, Reason.NO_GROUND),
        ({"can_send": False}, Reason.NO_MAIL_SERVER),
        ({"holds": (None,)}, Reason.ON_HOLD),
        ({"holds": (NOW + timedelta(days=1),)}, Reason.ON_HOLD),
        ({"contacts": (Contact(NOW - timedelta(days=89), same_survey=True),)}, Reason.QUARANTINE),
        ({"contacts": (Contact(NOW - timedelta(days=29), same_survey=False),)}, Reason.QUARANTINE),
        ({"contacts": (Contact(NOW - timedelta(days=364), same_survey=False, refused=True),)}, Reason.QUARANTINE),
        ({"happened_at": NOW - timedelta(days=29)}, Reason.TOO_OLD),
    ],
)
def test_every_no_has_its_reason(over: dict[str, object], reason: Reason) -> None:
    decision = decide(candidate(**over), POLICY, now=NOW)

    assert decision.reason is reason
    assert decision.send_at is None


@pytest.mark.parametrize(
    "contact",
    [
        Contact(NOW - timedelta(days=90), same_survey=True),
        Contact(NOW - timedelta(days=30), same_survey=False),
        Contact(NOW - timedelta(days=365), same_survey=False, refused=True),
    ],
)
def test_the_quarantine_ends_on_its_day(contact: Contact) -> None:
    assert decide(candidate(contacts=(contact,)), POLICY, now=NOW).yes


def test_a_quarantine_that_ends_in_time_is_looked_at_again() -> None:
    contacts = (Contact(NOW - timedelta(days=85), same_survey=True),)

    decision = decide(candidate(contacts=contacts), POLICY, now=NOW)

    assert decision.reason is Reason.QUARANTINE
    assert decision.again_at == NOW + timedelta(days=5)


def test_a_quarantine_that_outlives_the_occasion_is_final() -> None:
    contacts = (Contact(NOW - timedelta(days=10), same_survey=True),)

    assert decide(candidate(contacts=contacts), POLICY, now=NOW).again_at is None


def test_two_letters_are_a_day_apart_even_without_a_quarantine() -> None:
    care = Care(after_invitation=timedelta(0), elsewhere=timedelta(0))

    assert free_after([Contact(NOW, same_survey=True)], care) == NOW + timedelta(hours=24)


@pytest.mark.parametrize(
    ("earliest", "expected"),
    [
        ("2026-11-20T07:59", "2026-11-20T10:00"),  # before the window: its beginning
        ("2026-11-20T10:00", "2026-11-20T10:00"),
        ("2026-11-20T18:59", "2026-11-20T18:59"),
        ("2026-11-20T19:00", "2026-11-23T10:00"),  # the end does not belong to it; the weekend is left out
        ("2026-11-21T12:00", "2026-11-23T10:00"),
    ],
)
def test_letters_leave_within_the_hours(earliest: str, expected: str) -> None:
    policy = Policy(weekdays=frozenset({1, 2, 3, 4, 5}))
    local = ZoneInfo(KYIV)

    found = sending_time(datetime.fromisoformat(earliest).replace(tzinfo=local), policy, KYIV)

    assert found == datetime.fromisoformat(expected).replace(tzinfo=local)


def test_a_window_over_midnight_belongs_to_the_day_it_opens_on() -> None:
    policy = Policy(window_from=time(22), window_until=time(6), weekdays=frozenset({5}))
    saturday_night = datetime(2026, 11, 21, 3, 0, tzinfo=ZoneInfo(KYIV))

    assert sending_time(saturday_night, policy, KYIV) == saturday_night


def test_equal_ends_mean_the_whole_day() -> None:
    policy = Policy(window_from=time(0), window_until=time(0))

    assert sending_time(NOW, policy, KYIV) == NOW


def test_the_window_follows_the_customers_zone() -> None:
    vladivostok = sending_time(NOW, POLICY, "Asia/Vladivostok")

    assert vladivostok.astimezone(ZoneInfo("Asia/Vladivostok")).time() == time(10)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_summer_time_changes_keep_the_local_hour(day: str) -> None:
    midnight = datetime.fromisoformat(f"{day}T00:30").replace(tzinfo=ZoneInfo(KYIV))

    assert sending_time(midnight, POLICY, KYIV).astimezone(ZoneInfo(KYIV)).time() == time(10)


moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1))  # noqa: DTZ001 - hypothesis wants naive bounds
moments = moments.map(lambda at: at.replace(tzinfo=UTC))
windows = st.builds(
    Policy,
    window_from=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    window_until=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    weekdays=st.frozensets(st.integers(1, 7), min_size=1),
)


@given(earliest=moments, policy=windows, zone=st.sampled_from([KYIV, "America/New_York", "Asia/Vladivostok", "UTC"]))
def test_a_sending_time_is_never_early_and_stays_where_it_is(earliest: datetime, policy: Policy, zone: str) -> None:
    found = sending_time(earliest, policy, zone)

    assert found >= earliest
    assert sending_time(found, policy, zone) == found


@given(
    days=st.floats(0, 200),
    ago=st.lists(st.tuples(st.floats(0, 400), st.booleans()), max_size=4),
    held=st.lists(st.one_of(st.none(), st.floats(-10, 30)), max_size=2),
)
def test_a_yes_is_never_too_late_and_never_inside_a_quarantine(
    days: float, ago: list[tuple[float, bool]], held: list[float | None]
) -> None:
    contacts = tuple(Contact(NOW - timedelta(days=d), same_survey=same) for d, same in ago)
    holds = tuple(None if h is None else NOW + timedelta(days=h) for h in held)
    one = candidate(happened_at=NOW - timedelta(days=days), contacts=contacts, holds=holds)

    decision = decide(one, POLICY, now=NOW)

    assert decision.yes == (decision.send_at is not None)
    if decision.send_at:
        assert decision.latest_at
        assert decision.send_at <= decision.latest_at
        assert all(until and until <= decision.send_at for until in holds)
        assert (free_after(contacts, POLICY.care) or decision.send_at) <= decision.send_at


def test_the_first_days_double() -> None:
    assert [first_days_cap(50, day) for day in (0, 1, 2, 10)] == [50, 100, 200, 51200]
