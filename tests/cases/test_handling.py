"""What people do with a case, what is refused, and what happens when two do it at once."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from npsapp.accounts.models import User
from npsapp.audit.models import AuditEntry
from npsapp.cases import handling, queries, services
from npsapp.cases.models import Case, CaseAttempt, CaseNote
from npsapp.cases.rules import Outcome, Result, State
from npsapp.db import db, transaction
from tests.cases.stories import answered, cause_id, look, opened
from tests.factories import make_customer

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def case(company, now) -> Case:
    """An ordinary case in Kyiv."""
    return opened(company, now=now)


@pytest.fixture
def deed(company, now):
    """Do one thing as the manager of Kyiv, an hour after the case was opened."""

    def do(name, case_id, **values):
        with transaction():
            getattr(handling, name)(case_id, **{"by_id": company.manager_kyiv.id, "now": now + HOUR} | values)

    return do


def facts(case_id: int) -> list[str]:
    asked = select(AuditEntry.event).where(AuditEntry.subject_type == "case", AuditEntry.subject_id == case_id)
    return list(db.session.scalars(asked.order_by(AuditEntry.id)))[2:]


def test_taking_a_case_on_makes_the_first_call_due_next(case, deed, now):
    deed("acknowledge", case.id)

    assert (case.state, case.acknowledged_at) == (State.ACKNOWLEDGED, now + HOUR)
    assert case.due_at == case.attempt_by
    assert facts(case.id) == ["case.acknowledged"]


def test_a_case_is_taken_on_once(case, deed):
    deed("acknowledge", case.id)

    with pytest.raises(handling.ChangedMeanwhile):
        deed("acknowledge", case.id)


def test_an_attempt_takes_the_case_on_as_well(case, deed, now):
    deed("record_attempt", case.id, result=Result.NO_ANSWER, note="гудки")

    assert (case.state, case.acknowledged_at, case.first_attempt_at) == (State.ATTEMPTED, now + HOUR, now + HOUR)
    assert case.contacted_at is None
    assert case.due_at == case.contact_by
    assert facts(case.id) == ["case.attempted"]


def test_reaching_the_customer_makes_settling_due_next(case, deed, now):
    deed("record_attempt", case.id, result=Result.NO_ANSWER)
    deed("record_attempt", case.id, result=Result.REACHED, now=now + 2 * HOUR)
    deed("record_attempt", case.id, result=Result.BUSY, now=now + 3 * HOUR)

    assert (case.state, case.contacted_at) == (State.CONTACTED, now + 2 * HOUR)
    assert case.first_attempt_at == now + HOUR
    assert case.due_at == case.settle_by


def test_a_wish_for_a_later_call_moves_the_clock(case, deed, now):
    next_week = now + 10 * DAY
    deed("record_attempt", case.id, result=Result.CALL_BACK, call_back_at=next_week)

    assert case.due_at == case.contact_by == case.call_back_at == next_week
    assert case.settle_by > next_week


@pytest.mark.parametrize("hours", [None, 0, 1])
def test_a_later_call_needs_a_time_to_come(case, deed, now, hours):
    at = None if hours is None else now + hours * HOUR

    with pytest.raises(handling.CallBackNotLater):
        deed("record_attempt", case.id, result=Result.CALL_BACK, call_back_at=at)
    assert case.state is State.NEW


def test_settling_ends_the_case_with_outcome_cause_and_words(case, deed, company, now):
    cause = cause_id()
    deed("record_attempt", case.id, result=Result.REACHED)
    deed("settle", case.id, outcome=Outcome.SAVED, cause_id=cause, text="Замінили решітку.", now=now + 2 * HOUR)

    assert (case.state, case.outcome, case.cause_id) == (State.SETTLED, Outcome.SAVED, cause)
    assert (case.settled_at, case.settled_by_id) == (now + 2 * HOUR, company.manager_kyiv.id)
    assert case.outcome_text == "Замінили решітку."
    assert facts(case.id) == ["case.contacted", "case.settled"]
    assert queries.owners_to_tell(now + DAY) == []


def test_who_won_the_customer_back_has_spoken_to_the_customer(case, deed, now):
    deed("settle", case.id, outcome=Outcome.NOT_SAVED, cause_id=cause_id())

    assert case.contacted_at == case.first_attempt_at == now + HOUR
    assert [row.result for row in db.session.scalars(select(CaseAttempt))] == [Result.REACHED]


def test_nobody_is_unreachable_before_the_first_attempt(case, deed):
    cause = cause_id()
    with pytest.raises(handling.NoAttempt):
        deed("settle", case.id, outcome=Outcome.UNREACHABLE, cause_id=cause)

    deed("record_attempt", case.id, result=Result.NO_ANSWER)
    deed("settle", case.id, outcome=Outcome.UNREACHABLE, cause_id=cause)

    assert case.state is State.SETTLED
    assert case.contacted_at is None


def test_a_group_of_causes_or_none_is_no_root_cause(case, deed):
    for wrong in (cause_id("delivery"), 987654):
        with pytest.raises(handling.NoCause):
            deed("settle", case.id, outcome=Outcome.SAVED, cause_id=wrong)


def test_a_case_that_was_none_is_closed(case, deed):
    deed("settle", case.id, outcome=Outcome.NO_CASE, cause_id=cause_id())

    assert (case.state, case.outcome, case.contacted_at) == (State.CLOSED, Outcome.NO_CASE, None)


def test_nothing_but_notes_and_reopening_happens_to_an_ended_case(case, deed, company):
    deed("settle", case.id, outcome=Outcome.SAVED, cause_id=cause_id())

    with pytest.raises(handling.AlreadyEnded) as refused:
        deed("settle", case.id, outcome=Outcome.NOT_SAVED, cause_id=cause_id(), by_id=company.admin.id)
    assert str(refused.value).startswith("Andriy has settled this case")
    for name, values in (
        ("acknowledge", {}),
        ("record_attempt", {"result": Result.REACHED}),
        ("hand_over", {"from_id": case.owner_id, "to_id": company.admin.id}),
    ):
        with pytest.raises(handling.AlreadyEnded):
            deed(name, case.id, **values)
    deed("add_note", case.id, text="Надіслали листівку.")

    assert case.outcome is Outcome.SAVED


def test_a_reopened_case_starts_anew_and_remembers_its_end(case, deed, company, now):
    deed("settle", case.id, outcome=Outcome.SAVED, cause_id=cause_id(), text="Обіцяли знижку.")
    deed("reopen", case.id, reason="Знижки не дали.", by_id=company.admin.id, now=now + 10 * DAY)

    assert (case.state, case.outcome, case.settled_at, case.contacted_at) == (State.REOPENED, None, None, None)
    assert case.clock_from == now + 10 * DAY
    assert case.due_at == case.attempt_by > now + 10 * DAY
    texts = [note.text for note in db.session.scalars(select(CaseNote).order_by(CaseNote.id))]
    assert texts == ["settled:saved", "Обіцяли знижку.", "Знижки не дали."]
    assert queries.owners_to_tell(now + 10 * DAY) == [company.manager_kyiv.id]

    with pytest.raises(handling.NoAttempt):
        deed("settle", case.id, outcome=Outcome.UNREACHABLE, cause_id=cause_id(), now=now + 11 * DAY)


def test_an_open_case_cannot_be_reopened(case, deed):
    with pytest.raises(handling.ChangedMeanwhile):
        deed("reopen", case.id, reason="?")


def test_with_another_open_case_the_old_one_stays_closed(company, deed, now):
    with transaction():
        customer = make_customer(company, now=now)
    old = opened(company, now=now, customer=customer)
    deed("settle", old.id, outcome=Outcome.SAVED, cause_id=cause_id())
    newer = opened(company, now=now + DAY, customer=customer)

    with pytest.raises(handling.AnotherOpen) as refused:
        deed("reopen", old.id, reason="again")
    assert str(newer.id) in str(refused.value)


def test_handing_over_tells_the_new_owner(case, deed, company, now):
    deed("hand_over", case.id, from_id=company.manager_kyiv.id, to_id=company.support.id)

    assert case.owner_id == company.support.id
    assert queries.owners_to_tell(now + HOUR) == [company.support.id]
    assert facts(case.id) == ["case.assigned"]


def test_who_does_not_see_the_region_cannot_take_its_cases(case, deed, company):
    for stranger in (company.manager_odesa, company.analyst):
        with pytest.raises(handling.MayNotTake):
            deed("hand_over", case.id, from_id=case.owner_id, to_id=stranger.id)


def test_handing_over_what_was_handed_over_meanwhile_is_refused(case, deed, company):
    deed("hand_over", case.id, from_id=company.manager_kyiv.id, to_id=company.support.id)

    with pytest.raises(handling.ChangedMeanwhile):
        deed("hand_over", case.id, from_id=company.manager_kyiv.id, to_id=company.admin.id)
    assert case.owner_id == company.support.id


# ---- at once


def at_once(app, *deeds) -> list[object]:
    """Run the deeds in threads of their own that start together; what each returned or raised."""
    results: list[object] = [None] * len(deeds)
    gate = threading.Barrier(len(deeds))

    def run(index, one):
        with app.app_context():
            gate.wait()
            try:
                with transaction():
                    results[index] = one()
            except Exception as error:
                results[index] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(index, one)) for index, one in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results


def test_of_two_managers_who_settle_at_once_one_succeeds_and_the_other_is_told(app, case, company, now):
    cause, case_id = cause_id(), case.id
    people = [company.manager_kyiv.id, company.admin.id, company.support.id]
    db.session.rollback()

    def settling(by_id):
        return lambda: handling.settle(case_id, outcome=Outcome.SAVED, cause_id=cause, by_id=by_id, now=now)

    results = at_once(app, *(settling(by_id) for by_id in people))

    refused = [result for result in results if isinstance(result, handling.AlreadyEnded)]
    assert results.count(None) == 1
    assert len(refused) == 2
    assert facts(case_id).count("case.settled") == 1
    winner = people[results.index(None)]
    db.session.expire_all()
    assert db.session.get(Case, case_id).settled_by_id == winner
    assert db.session.get(User, winner).name in str(refused[0])


def test_two_beats_at_once_open_one_case(app, company, now):
    response_id = answered(company, now=now)
    db.session.rollback()

    results = at_once(app, *([lambda: services.look_at(response_id, now=now)] * 4))

    assert not [result for result in results if isinstance(result, Exception)]
    assert len(db.session.scalars(select(Case)).all()) == 1
    assert look(now) == 0
