"""Working time: tables of known days and properties that hold on every calendar."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from npsapp.cases.calendar import NoWorkingTime, WorkingCalendar, deadlines, earliest

KYIV = WorkingCalendar("Europe/Kyiv")


def local(text: str, zone: str = "Europe/Kyiv") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def minutes_between(calendar, start, end, outages=()):
    """Whole working minutes in [start, end), counted the other way round: stretch by stretch."""
    total = timedelta()
    for opens, closes in calendar.spans(start, outages=outages):
        if opens >= end:
            break
        total += min(closes, end) - opens
    return total // timedelta(minutes=1)


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        ("2026-11-16 10:00", 120, "2026-11-16 12:00"),
        ("2026-11-16 17:00", 120, "2026-11-17 10:00"),
        ("2026-11-16 06:00", 120, "2026-11-16 11:00"),
        ("2026-11-16 23:30", 120, "2026-11-17 11:00"),
        ("2026-11-20 17:30", 60, "2026-11-23 09:30"),
        ("2026-11-21 12:00", 1, "2026-11-23 09:01"),
        ("2026-11-16 16:00", 120, "2026-11-16 18:00"),
        ("2026-11-16 18:00", 0, "2026-11-17 09:00"),
    ],
)
def test_minutes_run_only_in_working_hours(start, minutes, expected):
    assert KYIV.add_minutes(local(start), minutes) == local(expected)


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2026-11-16 15:00", 1, "2026-11-17 15:00"),
        ("2026-11-20 15:00", 1, "2026-11-23 15:00"),
        ("2026-11-21 15:00", 1, "2026-11-23 18:00"),
        ("2026-11-16 15:00", 5, "2026-11-23 15:00"),
    ],
)
def test_a_working_day_is_the_length_of_one(start, days, expected):
    assert KYIV.add_days(local(start), days) == local(expected)


def test_holidays_are_stepped_over():
    calendar = WorkingCalendar("Europe/Kyiv", holidays=frozenset({date(2026, 12, 25)}))

    assert calendar.add_days(local("2026-12-24 15:00"), 1) == local("2026-12-28 15:00")


def test_hours_stay_on_the_wall_clock_when_summer_time_ends_and_begins():
    assert KYIV.add_days(local("2026-10-23 15:00"), 1) == local("2026-10-26 15:00")
    assert KYIV.add_days(local("2026-03-27 15:00"), 1) == local("2026-03-30 15:00")


def test_people_who_work_through_the_night_of_the_change_work_an_hour_more():
    night = WorkingCalendar("Europe/Kyiv", "1234567", time(0, 0), time(6, 0))

    assert minutes_between(night, local("2026-10-25 00:00"), local("2026-10-25 12:00")) == 7 * 60


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-11-16 10:00", "2026-11-16 18:00"),
        ("2026-11-16 17:59", "2026-11-16 18:00"),
        ("2026-11-16 19:00", "2026-11-17 18:00"),
        ("2026-11-16 08:00", "2026-11-16 18:00"),
        ("2026-11-21 12:00", "2026-11-23 18:00"),
    ],
)
def test_the_same_day_ends_when_work_ends(start, expected):
    assert KYIV.end_of_day(local(start)) == local(expected)


def test_seconds_before_closing_time_do_not_push_the_end_of_the_day_into_the_next():
    assert KYIV.end_of_day(local("2026-11-16 17:55:30")) == local("2026-11-16 18:00")


def test_time_in_which_the_program_did_not_run_does_not_count():
    outage = (local("2026-11-16 11:00"), local("2026-11-16 13:00"))

    assert KYIV.add_minutes(local("2026-11-16 10:00"), 120, outages=[outage]) == local("2026-11-16 14:00")
    assert KYIV.end_of_day(local("2026-11-16 10:00"), outages=[outage]) == local("2026-11-17 11:00")


def test_overlapping_outages_are_counted_once():
    outages = [
        (local("2026-11-16 11:00"), local("2026-11-16 12:00")),
        (local("2026-11-16 11:30"), local("2026-11-16 13:00")),
        (local("2026-11-15 11:00"), local("2026-11-15 13:00")),
    ]

    assert KYIV.add_minutes(local("2026-11-16 10:00"), 120, outages=outages) == local("2026-11-16 14:00")


def test_a_calendar_without_working_time_is_refused():
    for calendar in (
        WorkingCalendar("Europe/Kyiv", weekdays=""),
        WorkingCalendar("Europe/Kyiv", opens=time(18), closes=time(9)),
    ):
        with pytest.raises(NoWorkingTime):
            calendar.add_minutes(local("2026-11-16 10:00"), 1)


moments = st.integers(0, 4 * 365 * 86400).map(lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
lengths = st.integers(1, 5 * 540)
calendars = st.builds(
    WorkingCalendar,
    zone=st.sampled_from(["Europe/Kyiv", "America/New_York", "Asia/Vladivostok", "Australia/Lord_Howe", "UTC"]),
    weekdays=st.sets(st.sampled_from("1234567"), min_size=1).map("".join),
    opens=st.times(time(0), time(10)).map(lambda at: at.replace(second=0, microsecond=0)),
    closes=st.times(time(11), time(23, 59)).map(lambda at: at.replace(second=0, microsecond=0)),
    holidays=st.frozensets(st.dates(date(2024, 1, 1), date(2028, 1, 1)), max_size=10),
)


@st.composite
def outage_lists(draw):
    starts = draw(st.lists(moments, max_size=4))
    return [(start, start + timedelta(minutes=draw(st.integers(11, 3000)))) for start in starts]


@given(calendars, moments, lengths)
def test_what_was_added_is_what_lies_between(calendar, moment, minutes):
    end = calendar.add_minutes(moment, minutes)

    assert end > moment
    assert minutes_between(calendar, moment, end) == minutes


@given(calendars, moments, lengths, lengths)
def test_adding_in_two_parts_is_adding_at_once(calendar, moment, first, second):
    at_once = calendar.add_minutes(moment, first + second)

    assert calendar.add_minutes(calendar.add_minutes(moment, first), second) == at_once


@given(calendars, moments, lengths)
def test_a_deadline_lies_in_working_hours_of_a_working_day(calendar, moment, minutes):
    end = calendar.add_minutes(moment, minutes)
    there = end.astimezone(ZoneInfo(calendar.zone))

    assert str(there.isoweekday()) in calendar.weekdays
    assert there.date() not in calendar.holidays
    assert calendar.opens < there.time() <= calendar.closes


@given(calendars, moments, lengths, outage_lists())
def test_an_outage_never_brings_a_deadline_forward_and_counts_for_nothing(calendar, moment, minutes, outages):
    without = calendar.add_minutes(moment, minutes)
    with_outages = calendar.add_minutes(moment, minutes, outages=outages)

    assert with_outages >= without
    assert minutes_between(calendar, moment, with_outages, outages=outages) == minutes


@given(calendars, moments, moments, lengths)
def test_who_starts_later_is_due_no_earlier(calendar, one, other, minutes):
    earlier, later = sorted((one, other))

    assert calendar.add_minutes(earlier, minutes) <= calendar.add_minutes(later, minutes)


@given(calendars, moments, outage_lists())
def test_the_end_of_the_day_is_never_in_the_past(calendar, moment, outages):
    assert calendar.end_of_day(moment, outages=outages) > moment


# ---- the deadlines of a case

MONDAY_10 = local("2026-11-16 10:00")


def test_the_deadlines_of_an_ordinary_case_run_in_working_days():
    clock = deadlines(MONDAY_10, hot=False, working_time=KYIV)

    assert clock.acknowledge_by == MONDAY_10 + timedelta(hours=2)
    assert clock.attempt_by == MONDAY_10 + timedelta(days=1)
    assert clock.contact_by == MONDAY_10 + timedelta(days=2)
    assert clock.settle_by == MONDAY_10 + timedelta(days=7)


def test_a_hot_case_is_due_for_contact_on_the_same_working_day():
    clock = deadlines(MONDAY_10, hot=True, working_time=KYIV)

    assert clock.acknowledge_by == MONDAY_10 + timedelta(hours=2)
    assert clock.attempt_by == clock.contact_by == MONDAY_10 + timedelta(hours=8)


def test_late_in_the_day_a_hot_case_is_to_be_taken_on_before_the_day_ends():
    clock = deadlines(MONDAY_10 + timedelta(hours=7), hot=True, working_time=KYIV)

    assert clock.acknowledge_by == clock.contact_by == MONDAY_10 + timedelta(hours=8)


def test_a_call_the_customer_wished_for_later_pauses_the_clock():
    friday = MONDAY_10 + timedelta(days=11)
    clock = deadlines(MONDAY_10, hot=True, working_time=KYIV, call_back_at=friday)

    assert clock.contact_by == friday
    assert clock.settle_by == friday + timedelta(days=3)


@given(
    st.integers(0, 730 * 86400).map(lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(11, 3000)), max_size=3),
)
def test_deadlines_follow_each_other(started_at, hot, outages):
    gaps = [
        (started_at + timedelta(minutes=after), started_at + timedelta(minutes=after + length))
        for after, length in outages
    ]
    clock = deadlines(started_at, hot=hot, working_time=KYIV, outages=gaps)

    assert started_at < clock.acknowledge_by <= clock.attempt_by <= clock.contact_by <= clock.settle_by


def test_of_two_answers_the_more_urgent_deadline_counts():
    first = deadlines(MONDAY_10, hot=False, working_time=KYIV)
    second = deadlines(MONDAY_10 + timedelta(days=1), hot=True, working_time=KYIV)

    together = earliest([first, second])

    assert together.acknowledge_by == first.acknowledge_by
    assert together.contact_by == second.contact_by
    assert together.settle_by == first.settle_by
