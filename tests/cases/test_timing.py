"""The clock of a case, by table and by property."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npsapp.cases import rules
from npsapp.cases.calendar import WorkingCalendar
from npsapp.cases.rules import State, Step

KYIV = WorkingCalendar("Europe/Kyiv")
MONDAY_10 = datetime(2026, 11, 16, 10, tzinfo=ZoneInfo("Europe/Kyiv")).astimezone(UTC)


def test_the_deadlines_of_an_ordinary_case_run_in_working_days():
    clock = rules.deadlines(MONDAY_10, hot=False, working_time=KYIV)

    assert clock.acknowledge_by == MONDAY_10 + timedelta(hours=2)
    assert clock.attempt_by == MONDAY_10 + timedelta(days=1)
    assert clock.contact_by == MONDAY_10 + timedelta(days=2)
    assert clock.settle_by == MONDAY_10 + timedelta(days=7)


def test_a_hot_case_is_due_for_contact_on_the_same_working_day():
    clock = rules.deadlines(MONDAY_10, hot=True, working_time=KYIV)

    assert clock.acknowledge_by == MONDAY_10 + timedelta(hours=2)
    assert clock.attempt_by == clock.contact_by == MONDAY_10 + timedelta(hours=8)


def test_late_in_the_day_a_hot_case_is_to_be_taken_on_before_the_day_ends():
    clock = rules.deadlines(MONDAY_10 + timedelta(hours=7), hot=True, working_time=KYIV)

    assert clock.acknowledge_by == clock.contact_by == MONDAY_10 + timedelta(hours=8)


def test_a_call_the_customer_wished_for_later_pauses_the_clock():
    friday = MONDAY_10 + timedelta(days=11)
    clock = rules.deadlines(MONDAY_10, hot=True, working_time=KYIV, call_back_at=friday)

    assert clock.contact_by == friday
    assert clock.settle_by == friday + timedelta(days=3)


@given(
    st.integers(0, 730 * 86400).map(
        lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(11, 3000)), max_size=3),
)
def test_deadlines_follow_each_other(started_at, hot, outages):
    gaps = [
        (started_at + timedelta(minutes=after), started_at + timedelta(minutes=after + length))
        for after, length in outages
    ]
    clock = rules.deadlines(started_at, hot=hot, working_time=KYIV, outages=gaps)

    assert started_at < clock.acknowledge_by <= clock.attempt_by <= clock.contact_by <= clock.settle_by


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State.NEW, Step.ACKNOWLEDGE),
        (State.ACKNOWLEDGED, Step.ATTEMPT),
        (State.REOPENED, Step.ATTEMPT),
        (State.ATTEMPTED, Step.CONTACT),
        (State.CONTACTED, Step.SETTLE),
        (State.SETTLED, None),
        (State.CLOSED, None),
    ],
)
def test_every_open_state_waits_for_one_act(state, step):
    assert rules.step_due(state) is step
    due = rules.due_now(state, rules.deadlines(MONDAY_10, hot=False, working_time=KYIV))
    assert (due is None) is (step is None)
    assert rules.is_open(state) is (step is not None)


def test_the_deadline_that_matters_is_that_of_the_next_act():
    clock = rules.deadlines(MONDAY_10, hot=False, working_time=KYIV)

    assert rules.due_now(State.NEW, clock) == rules.Due(Step.ACKNOWLEDGE, clock.acknowledge_by)
    assert rules.due_now(State.ATTEMPTED, clock) == rules.Due(Step.CONTACT, clock.contact_by)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("scores", "key_customer", "starts"),
    [
        ([5], False, [(0, False)]),
        ([2], False, [(0, False), (0, True)]),
        ([5], True, [(0, False), (0, True)]),
        ([9, 5], False, [(1, False)]),
        ([5, 2], False, [(0, False), (1, True)]),
        ([2, 9, 2], False, [(2, False), (2, True)]),
        ([2, 5], False, [(0, False)]),
        ([2, 9], False, []),
    ],
)
def test_the_clock_starts_when_the_answer_became_what_it_is(scores, key_customer, starts):
    history = [(MONDAY_10 + HOUR * index, score) for index, score in enumerate(scores)]

    found = rules.clock_starts(history, key_customer=key_customer)

    assert found == [(MONDAY_10 + HOUR * index, hot) for index, hot in starts]


def test_of_two_answers_the_more_urgent_deadline_counts():
    first = rules.deadlines(MONDAY_10, hot=False, working_time=KYIV)
    second = rules.deadlines(MONDAY_10 + timedelta(days=1), hot=True, working_time=KYIV)

    together = rules.earliest([first, second])

    assert together.acknowledge_by == first.acknowledge_by
    assert together.contact_by == second.contact_by
    assert together.settle_by == first.settle_by
