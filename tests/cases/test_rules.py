"""The inner loop's decisions, by table and by property."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npsapp.cases import rules
from npsapp.cases.calendar import WorkingCalendar
from npsapp.cases.rules import Answer, Known, Look, Outcome, Result, State, Step

KYIV = WorkingCalendar("Europe/Kyiv")
MONDAY_10 = datetime(2026, 11, 16, 10, tzinfo=ZoneInfo("Europe/Kyiv")).astimezone(UTC)


@pytest.mark.parametrize("score", range(11))
def test_exactly_the_detractors_open_a_case(score):
    assert rules.opens_case(score) is (score <= 6)


def test_an_answer_without_a_score_opens_none():
    assert not rules.opens_case(None)


@pytest.mark.parametrize(
    ("score", "key_customer", "hot"),
    [
        (0, False, True),
        (3, False, True),
        (4, False, False),
        (6, True, True),
        (7, True, False),
        (None, True, False),
    ],
)
def test_the_lowest_scores_and_critical_key_customers_are_hot(score, key_customer, hot):
    assert rules.is_hot(score, key_customer=key_customer) is hot


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


def test_urgency_is_due_time_then_score_then_key_customer():
    later = MONDAY_10 + timedelta(hours=1)
    in_order = [
        (MONDAY_10, 6, False),
        (later, 0, False),
        (later, 2, True),
        (later, 2, False),
        (later, None, True),
    ]
    keys = [rules.urgency(due_at=due, score=score, key_customer=key) for due, score, key in in_order]

    assert keys == sorted(keys)


@pytest.mark.parametrize("state", rules.OPEN_STATES)
def test_every_open_case_can_be_settled_and_closed(state):
    assert rules.may_become(state, State.SETTLED)
    assert rules.may_become(state, State.CLOSED)
    assert not rules.may_become(state, State.NEW)


@pytest.mark.parametrize("state", rules.DONE_STATES)
def test_an_ended_case_can_only_be_reopened(state):
    assert rules.ALLOWED[state] == {State.REOPENED}


def test_an_open_case_cannot_be_reopened_and_none_is_settled_twice():
    assert set(rules.sources_of(State.REOPENED)) == set(rules.DONE_STATES)
    assert set(rules.sources_of(State.SETTLED)) == set(rules.OPEN_STATES)


@pytest.mark.parametrize(
    ("state", "result", "after"),
    [
        (State.NEW, Result.NO_ANSWER, State.ATTEMPTED),
        (State.ACKNOWLEDGED, Result.REACHED, State.CONTACTED),
        (State.ATTEMPTED, Result.CALL_BACK, State.ATTEMPTED),
        (State.CONTACTED, Result.BUSY, State.CONTACTED),
        (State.REOPENED, Result.WRONG_NUMBER, State.ATTEMPTED),
    ],
)
def test_an_attempt_moves_the_case_on_and_never_back(state, result, after):
    assert rules.state_after(state, result) is after
    assert rules.may_become(state, after)


@pytest.mark.parametrize(
    ("outcome", "attempts", "has_cause", "objection"),
    [
        (Outcome.SAVED, 0, True, None),
        (Outcome.SAVED, 1, False, rules.Objection.NO_CAUSE),
        (Outcome.UNREACHABLE, 0, True, rules.Objection.NO_ATTEMPT),
        (Outcome.UNREACHABLE, 1, True, None),
        (Outcome.NO_CASE, 0, True, None),
    ],
)
def test_what_is_missing_for_an_end_is_named(outcome, attempts, has_cause, objection):
    assert rules.objection_to_settling(outcome, attempts=attempts, has_cause=has_cause) is objection


def test_nobody_can_choose_the_outcome_the_program_writes():
    assert Outcome.SCORE_CHANGED not in rules.CHOSEN_OUTCOMES
    assert rules.final_state(Outcome.NO_CASE) is State.CLOSED
    assert rules.final_state(Outcome.UNREACHABLE) is State.SETTLED


def known(state=State.NEW, score=4, words=False, outcome=None, others_matter=False):
    return Known(state, score, words, outcome, others_matter)


@pytest.mark.parametrize(
    ("answer", "before", "open_case", "look"),
    [
        (Answer(4, True), None, False, Look.OPEN),
        (Answer(4, True), None, True, Look.JOIN),
        (Answer(9, True), None, True, Look.NOTHING),
        (Answer(4, True, counts=False), None, False, Look.NOTHING),
        (Answer(4, False), known(), False, Look.NOTHING),
        (Answer(8, False), known(), False, Look.CLOSE),
        (Answer(8, False), known(others_matter=True), False, Look.TELL),
        (Answer(8, False), known(State.ACKNOWLEDGED), False, Look.TELL),
        (Answer(8, False), known(State.CONTACTED), False, Look.TELL),
        (Answer(4, False, counts=False), known(), False, Look.CLOSE),
        (Answer(2, False), known(), False, Look.TELL),
        (Answer(4, True), known(), False, Look.TELL),
        (Answer(4, True), known(words=True), False, Look.NOTHING),
        (Answer(5, False), known(State.CLOSED, 8, outcome=Outcome.SCORE_CHANGED), False, Look.REOPEN),
        (Answer(5, False), known(State.CLOSED, 8, outcome=Outcome.SCORE_CHANGED), True, Look.JOIN),
        (Answer(4, True), known(State.SETTLED, outcome=Outcome.SAVED), False, Look.TELL),
        (Answer(9, True), known(State.SETTLED, outcome=Outcome.SAVED), False, Look.NOTHING),
        (Answer(4, False), known(State.SETTLED, outcome=Outcome.SAVED), False, Look.NOTHING),
    ],
)
def test_what_a_new_or_changed_answer_does(answer, before, open_case, look):
    assert rules.look_at(answer, before, open_case=open_case) is look


def test_every_code_has_a_wording_of_its_own():
    for codes in (State, Result, Outcome, Step, rules.Kind):
        labels = [code.label for code in codes]
        assert all(labels)
        assert len(set(labels)) == len(labels)
