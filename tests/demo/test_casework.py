"""What the managers did about the critics holds together, and there is something left to do today."""

from collections import Counter

from npsapp.cases.rules import OPEN_STATES, Outcome, Result, State
from npsapp.demo import company
from npsapp.demo.casework import CALENDAR, Work
from npsapp.lib.clock import zone
from npsapp.responses.rules import Group, classify
from tests.demo.conftest import Story

BY_THE_PROGRAM = (Outcome.SCORE_CHANGED, Outcome.JOINED)


def _moments(work: Work) -> list[object]:
    """The acts of one case in the order in which they must have happened."""
    acts = [work.clock_from, work.opened_at, work.acknowledged_at]
    acts += [attempt["at"] for attempt in work.attempts]
    return [moment for moment in (*acts, work.settled_at) if moment]


def test_every_critic_has_exactly_one_case(story: Story):
    critics = [one.serial for one, answer in story.answered if classify(answer.score) is Group.DETRACTOR]
    in_cases = [serial for work in story.desk.works for serial in work.answered]

    assert sorted(critics) == sorted(in_cases)


def test_a_customer_has_at_most_one_open_case(story: Story):
    owners = Counter(work.first.customer for work in story.desk.works if work.state in OPEN_STATES)

    assert max(owners.values()) == 1


def test_acts_happened_in_order_and_not_in_the_future(story: Story):
    for work in story.desk.works:
        moments = _moments(work)
        assert moments == sorted(moments)
        assert moments[-1] <= story.now


def test_people_work_in_working_hours(story: Story):
    for work in story.desk.works:
        for attempt in work.attempts:
            local = attempt["at"].astimezone(zone(CALENDAR.zone))
            assert str(local.isoweekday()) in CALENDAR.weekdays
            assert CALENDAR.opens <= local.time() <= CALENDAR.closes


def test_ended_cases_have_a_cause_an_outcome_and_a_word_about_it(story: Story):
    for work in story.desk.works:
        assert (work.settled_at is None) == (work.state in OPEN_STATES)
        if work.settled_at:
            assert work.cause
            assert work.outcome
            assert work.outcome_text
            assert work.outcome is not Outcome.UNREACHABLE or work.attempts


def test_the_state_says_what_the_attempts_say(story: Story):
    for work in story.desk.works:
        reached = any(attempt["result"] is Result.REACHED for attempt in work.attempts)
        assert reached == (work.contacted_at is not None)
        if work.state is State.CONTACTED:
            assert reached
        if work.state is State.ATTEMPTED:
            assert work.attempts
            assert not reached
        if work.state in (State.NEW, State.ACKNOWLEDGED):
            assert not work.attempts


def test_a_notes_file_has_words_for_every_result(story: Story):
    results = {attempt["result"] for work in story.desk.works for attempt in work.attempts}

    for language in ("ru", "uk"):
        sections = company.sections(f"notes_{language}")
        assert {result.value for result in results - {Result.REACHED}} <= set(sections)
        assert {f"outcome_{outcome.value}" for outcome in Outcome if outcome not in BY_THE_PROGRAM} <= set(sections)


def test_most_cases_are_settled_some_are_open_and_some_of_them_overdue(story: Story):
    waiting = [work for work in story.desk.works if work.state in OPEN_STATES]
    overdue = [work for work in waiting if work.due_at <= story.now]

    assert 8 <= len(waiting) <= 60
    assert 3 <= len(overdue) < len(waiting)
    assert len(story.desk.works) > 8 * len(waiting)
    assert len({work.first.region for work in waiting}) >= 3


def test_customers_come_back_more_often_than_not(story: Story):
    outcomes = Counter(work.outcome for work in story.desk.works if work.outcome)

    assert outcomes[Outcome.SAVED] > outcomes[Outcome.NOT_SAVED] > outcomes[Outcome.UNREACHABLE] > 5
