"""What holds on every calendar: local days, sending hours, working time, months."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from npsapp.cases.calendar import WorkingCalendar
from npsapp.cases.rules import is_morning
from npsapp.customers.rules import months_after
from npsapp.invitations.rules import Policy, sending_time
from npsapp.lib.clock import at_local, day_bounds, local_date
from npsapp.reports.rules import PRESETS, month_within, months_before, months_between, period_of

KYIV = "Europe/Kyiv"
# Half-hour changes, changes at midnight, the southern half of the year, none at all.
ZONES = [KYIV, "America/Los_Angeles", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut", "Asia/Kolkata", "UTC"]
zones = st.sampled_from(ZONES)
days = st.dates(date(2024, 1, 1), date(2032, 12, 31))
moments = st.datetimes(datetime(2024, 1, 1), datetime(2032, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
CHANGES = [date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31)]


def kyiv(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(KYIV)).astimezone(UTC)


@given(day=days, zone=zones)
def test_local_days_follow_each_other_without_gap_or_overlap(day: date, zone: str) -> None:
    start, end = day_bounds(day, zone)

    assert day_bounds(day + timedelta(days=1), zone)[0] == end
    assert timedelta(hours=22) < end - start < timedelta(hours=26)
    assert local_date(start, zone) == local_date(end - timedelta(microseconds=1), zone) == day


@given(moment=moments, zone=zones)
def test_every_moment_lies_in_its_own_local_day(moment: datetime, zone: str) -> None:
    start, end = day_bounds(local_date(moment, zone), zone)

    assert start <= moment < end


@pytest.mark.parametrize(("day", "hours"), list(zip(CHANGES, (23, 25, 23, 25), strict=True)))
def test_the_days_of_the_change_are_23_and_25_hours_long(day: date, hours: int) -> None:
    start, end = day_bounds(day, KYIV)

    assert end - start == timedelta(hours=hours)


def test_a_time_that_the_clock_skips_moves_forward_and_one_it_repeats_is_the_first() -> None:
    assert at_local(date(2026, 3, 29), time(3, 30), KYIV) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert at_local(date(2026, 10, 25), time(3, 30), KYIV) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(
    moment=st.one_of(
        moments,
        st.builds(
            lambda day, m: day_bounds(day, KYIV)[0] + timedelta(minutes=m),
            st.sampled_from(CHANGES),
            st.integers(-2000, 3000),
        ),
    ),
    opens=st.integers(5, 20),
    length=st.integers(1, 3),
    weekdays=st.frozensets(st.integers(1, 7), min_size=1),
    zone=zones,
)
def test_a_letter_leaves_in_the_hours_of_its_readers_clock_on_every_day_of_the_year(
    moment: datetime, opens: int, length: int, weekdays: frozenset[int], zone: str
) -> None:
    policy = Policy(window_from=time(opens), window_until=time(opens + length), weekdays=weekdays)

    local = sending_time(moment, policy, zone).astimezone(ZoneInfo(zone))

    assert opens <= local.hour < opens + length
    assert local.isoweekday() in weekdays
    assert moment <= local.astimezone(UTC) <= moment + timedelta(days=8)


@given(moment=moments, day=st.sampled_from(CHANGES), before=st.integers(0, 60))
def test_working_days_end_at_the_same_hour_before_and_after_the_change(
    moment: datetime, day: date, before: int
) -> None:
    """Counted in working time, a change on Sunday is no change."""
    calendar = WorkingCalendar(KYIV)
    friday = day - timedelta(days=2)
    start = at_local(friday, time(16), KYIV) + timedelta(minutes=before)

    assert (
        calendar.add_minutes(start, 240).astimezone(ZoneInfo(KYIV)).time()
        == (datetime.combine(day, time(11)) + timedelta(minutes=before)).time()
    )


def test_a_case_of_saturday_night_before_the_change_is_due_in_local_hours() -> None:
    calendar = WorkingCalendar(KYIV)

    for saturday, monday in (("2026-03-28", "2026-03-30"), ("2026-10-24", "2026-10-26")):
        assert calendar.add_minutes(kyiv(f"{saturday}T23:30"), 120) == kyiv(f"{monday}T11:00")
        assert calendar.add_days(kyiv(f"{saturday}T23:30"), 5) == kyiv(f"{monday}T18:00") + timedelta(days=4)


@given(moment=moments, zone=zones)
def test_the_morning_is_that_of_the_owners_clock(moment: datetime, zone: str) -> None:
    local = moment.astimezone(ZoneInfo(zone))
    expected = local.isoweekday() <= 5 and time(8, 30) <= local.time() < time(12)

    assert is_morning(moment, zone_name=zone, workdays="12345") == expected


# ---- months ------------------------------------------------------------------------------------------------------


@given(today=st.one_of(days, st.sampled_from([date(2028, 2, 29), date(2026, 3, 31), date(2026, 12, 31)])))
def test_presets_are_whole_months_up_to_today(today: date) -> None:
    for preset in PRESETS:
        period = period_of(preset, today)
        assert period.first is not None and period.last is not None  # noqa: PT018
        assert period.first.day == 1
        assert period.first <= period.last <= today
        whole = preset == "last_month"
        assert period.last == (today.replace(day=1) - timedelta(days=1) if whole else today)


@given(first=days, length=st.integers(0, 1200))
def test_the_months_of_a_period_cover_each_of_its_days_once(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    within = [
        month_within(month, type(period_of("this_month", first))(first, last)) for month in months_between(first, last)
    ]

    covered = [one.first + timedelta(days=n) for one in within for n in range((one.last - one.first).days + 1)]  # type: ignore[operator]

    assert covered == [first + timedelta(days=n) for n in range(length + 1)]


@given(day=days, count=st.integers(-30, 30))
def test_going_back_by_months_and_forth_again_is_the_same_month(day: date, count: int) -> None:
    assert months_before(months_before(day, count), -count) == day.replace(day=1)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2027-08-31", 6, "2028-02-29"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-29", 48, "2032-02-29"),
        ("2026-10-31", 1, "2026-11-30"),
    ],
)
def test_six_months_from_the_last_day_of_a_month_end_on_the_last_day_of_another(
    start: str, months: int, end: str
) -> None:
    moment = datetime.fromisoformat(f"{start}T09:00+00:00")

    assert months_after(moment, months) == datetime.fromisoformat(f"{end}T09:00+00:00")
