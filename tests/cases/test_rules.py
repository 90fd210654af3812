"""The inner loop's decisions, by table and by property."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from npsapp.cases import bundles, changes, remarks, rules
from npsapp.cases.bundles import LetterKind
from npsapp.cases.changes import Answer, Known, Look
from npsapp.cases.remarks import Remark
from npsapp.cases.rules import Outcome, Result, State, Step

ENDED = (State.SETTLED, State.CLOSED)
NOW = datetime(2026, 11, 16, 10, tzinfo=UTC)


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


@pytest.mark.parametrize("state", rules.OPEN_STATES)
def test_every_open_case_can_be_settled_and_closed(state):
    assert State.SETTLED in rules.ALLOWED[state]
    assert State.CLOSED in rules.ALLOWED[state]
    assert State.NEW not in rules.ALLOWED[state]


@pytest.mark.parametrize("state", ENDED)
def test_an_ended_case_can_only_be_reopened(state):
    assert rules.ALLOWED[state] == {State.REOPENED}


def test_an_open_case_cannot_be_reopened_and_none_is_settled_twice():
    assert set(rules.sources_of(State.REOPENED)) == set(ENDED)
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
    assert after in rules.ALLOWED[state]


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
    assert changes.look_at(answer, before, open_case=open_case) is look


def test_every_code_has_a_wording_of_its_own():
    for codes in (State, Result, Outcome, Step, rules.Kind):
        labels = [code.label for code in codes]
        assert all(labels)
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("untold", "untold_hot", "minutes_ago", "kind"),
    [
        (0, 0, None, None),
        (1, 0, None, LetterKind.BUNDLE),
        (1, 0, 59, None),
        (1, 0, 60, LetterKind.BUNDLE),
        (2, 1, 1, LetterKind.HOT),
    ],
)
def test_letters_are_bundled_by_the_hour_unless_a_case_is_hot(untold, untold_hot, minutes_ago, kind):
    last = None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago)

    assert bundles.letter_now(untold=untold, untold_hot=untold_hot, last_letter_at=last, now=NOW) is kind


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

    assert bundles.is_morning(at, zone_name="Europe/Kyiv", workdays="12345") is morning


def test_a_remark_of_the_program_is_read_back_with_its_values():
    changed = remarks.read(remarks.write(Remark.SCORE_CHANGED, 4, 8))
    handed_over = remarks.read(remarks.write(Remark.ASSIGNED, 17))
    ended = remarks.read(remarks.write(Remark.SETTLED, Outcome.SAVED))

    assert changed is not None
    assert (changed.first, changed.second) == ("4", "8")
    assert handed_over is not None
    assert handed_over.user_id == 17
    assert ended is not None
    assert ended.outcome is Outcome.SAVED


def test_what_somebody_wrote_is_no_remark():
    assert remarks.read("Called: no answer") is None
    assert remarks.read("") is None
