"""The inner loop's decisions, by table and by property."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from npsapp.cases import rules
from npsapp.cases.rules import ENDED_STATES, OPEN_STATES, Look, Outcome, Remark, Result, State, Step

MONDAY_10 = datetime(2026, 11, 16, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("score", range(11))
def test_exactly_the_detractors_open_a_case(score):
    assert rules.opens_case(score) is (score <= 6)


@pytest.mark.parametrize("score", range(11))
def test_whoever_asks_for_contact_gets_a_case_whatever_the_score(score):
    assert rules.opens_case(score, contact_wanted=True)
    assert rules.opens_case(score, contact_wanted=False) is (score <= 6)


@pytest.mark.parametrize(
    ("score", "contact_wanted", "key_customer", "hot"),
    [
        (0, None, False, True),
        (3, False, False, True),
        (4, True, False, False),
        (6, None, True, True),
        (7, None, True, False),
        (10, True, False, False),
        (10, True, True, True),
    ],
)
def test_the_lowest_scores_and_cases_of_key_customers_are_hot(score, contact_wanted, key_customer, hot):
    assert rules.is_hot(score, contact_wanted, key_customer=key_customer) is hot


def test_a_case_ends_once_and_only_an_ended_one_is_reopened():
    for end in ENDED_STATES:
        assert rules.COMES_FROM[end] == OPEN_STATES
    assert rules.COMES_FROM[State.REOPENED] == ENDED_STATES
    assert State.NEW not in rules.COMES_FROM
    assert set(OPEN_STATES) | set(ENDED_STATES) == set(State)


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
    assert state in rules.COMES_FROM[after]


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State.NEW, Step.ACKNOWLEDGE),
        (State.ACKNOWLEDGED, Step.ATTEMPT),
        (State.REOPENED, Step.ATTEMPT),
        (State.ATTEMPTED, Step.CONTACT),
        (State.CONTACTED, Step.SETTLE),
    ],
)
def test_every_open_state_waits_for_one_act(state, step):
    clock = SimpleNamespace(acknowledge_by=1, attempt_by=2, contact_by=3, settle_by=4)

    assert rules.STEP_DUE[state] is step
    assert rules.due(state, clock) == list(Step).index(step) + 1
    assert rules.is_open(state)


@pytest.mark.parametrize("state", ENDED_STATES)
def test_an_ended_case_waits_for_nothing(state):
    assert state not in rules.STEP_DUE
    assert not rules.is_open(state)


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
    history = [(MONDAY_10 + HOUR * index, score, None) for index, score in enumerate(scores)]

    found = rules.clock_starts(history, key_customer=key_customer)

    assert found == [(MONDAY_10 + HOUR * index, hot) for index, hot in starts]


def test_a_wish_for_contact_starts_the_clock_of_a_good_answer_and_taking_it_back_stops_it():
    asked = [(MONDAY_10, 9, None), (MONDAY_10 + HOUR, 9, True)]

    assert rules.clock_starts(asked, key_customer=False) == [(MONDAY_10 + HOUR, False)]
    assert rules.clock_starts([*asked, (MONDAY_10 + 2 * HOUR, 9, False)], key_customer=False) == []


def test_a_case_is_closed_when_there_was_nothing_to_go_through():
    assert rules.final_state(Outcome.NO_CASE) is State.CLOSED
    assert rules.final_state(Outcome.UNREACHABLE) is State.SETTLED


@pytest.mark.parametrize(
    ("matters", "open_case", "look"), [(True, False, Look.OPEN), (True, True, Look.JOIN), (False, True, Look.NOTHING)]
)
def test_a_new_answer_opens_a_case_or_joins_the_open_one(matters, open_case, look):
    assert rules.look_at_new(matters=matters, open_case=open_case) is look


RAISED, LOWERED = {"matters": False, "changed": True}, {"matters": True, "changed": True}
SAME = {"matters": True, "changed": False}
DROPPED = {"matters": False, "changed": False}


@pytest.mark.parametrize(
    ("state", "outcome", "answer", "over", "look"),
    [
        (State.NEW, None, SAME, {}, Look.NOTHING),
        (State.NEW, None, RAISED, {}, Look.CLOSE),
        (State.NEW, None, DROPPED, {}, Look.CLOSE),
        (State.NEW, None, RAISED, {"others_matter": True}, Look.TELL),
        (State.ACKNOWLEDGED, None, RAISED, {}, Look.TELL),
        (State.CONTACTED, None, RAISED, {}, Look.TELL),
        (State.NEW, None, LOWERED, {}, Look.TELL),
        (State.CLOSED, Outcome.SCORE_CHANGED, LOWERED, {}, Look.REOPEN),
        (State.CLOSED, Outcome.SCORE_CHANGED, LOWERED, {"open_case": True}, Look.JOIN),
        (State.SETTLED, Outcome.SAVED, LOWERED, {}, Look.TELL),
        (State.SETTLED, Outcome.SAVED, RAISED, {}, Look.NOTHING),
        (State.SETTLED, Outcome.SAVED, SAME, {}, Look.NOTHING),
    ],
)
def test_what_a_changed_answer_does_to_its_case(state, outcome, answer, over, look):
    facts = {"others_matter": False, "open_case": False} | answer | over

    assert rules.look_again(state, outcome, **facts) is look


def test_every_code_has_a_wording_of_its_own():
    for codes in (State, Result, Outcome, Step, Remark):
        labels = [code.label for code in codes]
        assert all(labels)
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("local", "morning"),
    [
        ("2026-11-16 08:29", False),
        ("2026-11-16 08:30", True),
        ("2026-11-16 11:59", True),
        ("2026-11-16 12:00", False),
        ("2026-11-21 09:00", False),
    ],
)
def test_the_morning_list_leaves_on_working_mornings(local, morning):
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/Kyiv")).astimezone(UTC)

    assert rules.is_morning(at, zone_name="Europe/Kyiv", workdays="12345") is morning
