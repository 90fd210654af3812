"""Periods: presets, months, open ends."""

from datetime import date

import pytest
from hypothesis import given, strategies as st

from npsapp.reports import rules
from npsapp.reports.rules import Period, period_of, typed_period

TODAY = date(2026, 11, 20)
days = st.dates(min_value=rules.EARLIEST, max_value=rules.LATEST)


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [
        ("this_month", date(2026, 11, 1), TODAY),
        ("last_month", date(2026, 10, 1), date(2026, 10, 31)),
        ("3_months", date(2026, 9, 1), TODAY),
        ("12_months", date(2025, 12, 1), TODAY),
        ("this_year", date(2026, 1, 1), TODAY),
    ],
)
def test_a_preset_begins_on_the_first_of_a_month(preset, first, last):
    assert period_of(preset, TODAY) == Period(first, last)


def test_last_month_in_january_lies_in_the_old_year():
    assert period_of("last_month", date(2026, 1, 31)) == Period(date(2025, 12, 1), date(2025, 12, 31))


@given(days, days)
def test_months_between_two_days_are_all_months_they_touch(one, other):
    first, last = sorted((one, other))

    months = rules.months_between(first, last)

    assert months[0] == first.replace(day=1)
    assert months[-1] == last.replace(day=1)
    assert all(month.day == 1 for month in months)
    assert all(rules.months_before(later, 1) == earlier for earlier, later in zip(months, months[1:], strict=False))


@given(days)
def test_the_days_of_a_month_are_the_month(day):
    month = rules.month_within(day.replace(day=1), rules.EVER)

    assert month.first <= day <= month.last
    assert month.first.month == month.last.month
    assert rules.months_before(month.first, -1).toordinal() == month.last.toordinal() + 1


def test_the_days_of_a_month_end_with_the_period():
    period = Period(date(2026, 11, 5), date(2026, 11, 20))

    assert rules.month_within(date(2026, 11, 1), period) == period


@pytest.mark.parametrize(
    ("period", "backwards"),
    [
        (Period(date(2026, 11, 2), date(2026, 11, 1)), True),
        (Period(date(2026, 11, 1), date(2026, 11, 1)), False),
        (Period(None, date(2026, 11, 1)), False),
        (rules.EVER, False),
    ],
)
def test_an_end_before_the_beginning_is_noticed(period, backwards):
    assert period.backwards is backwards


@given(st.none() | st.dates(), st.none() | st.dates())
def test_typed_days_are_put_in_order_and_kept_on_the_calendar(first, last):
    typed = typed_period(first, last)

    assert not typed.backwards
    ends = [end for end in (typed.first, typed.last) if end]
    assert len(ends) == len([day for day in (first, last) if day])
    assert all(rules.EARLIEST <= end <= rules.LATEST for end in ends)
