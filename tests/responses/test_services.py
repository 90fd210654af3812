"""Recording answers: what is written in the same transaction, and what staff may do with it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import delete, select

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.customers.models import ContactFact
from npsapp.customers.rules import FactKind
from npsapp.db import db, transaction
from npsapp.invitations.models import InvitationStep
from npsapp.permissions import EVERYTHING, Scope
from npsapp.responses import queries, rulings, services
from npsapp.responses.models import DirtyDay, Response, ResponseRevision
from npsapp.responses.rules import REVISIONS_KEPT, NotAScore, Said
from npsapp.responses.services import Submission
from npsapp.surveys import days
from npsapp.surveys.models import Tallied
from tests.factories import make_interaction, make_invitation, make_response


def submit(invitation_id, score, *, now, comment=None, contact=None, final=False, may_edit=False, opened_at=None):
    with transaction():
        token = db.session.scalar(select(InvitationStep.token).filter_by(invitation_id=invitation_id))
        submission = Submission(
            Said(score, comment, contact), "uk", final=final, may_edit=may_edit, opened_at=opened_at or now
        )
        answered = services.answer(queries.link(token), submission, now=now)
    return answered.disputed, db.session.scalar(select(Response.id).filter_by(invitation_id=invitation_id))


def dirty_days():
    db.session.rollback()
    return db.session.scalars(select(DirtyDay.local_date).where(DirtyDay.tallied == Tallied.ANSWERS)).all()


def sent_days():
    db.session.rollback()
    return db.session.scalars(select(DirtyDay.local_date).where(DirtyDay.tallied == Tallied.INVITATIONS)).all()


def events(*wanted):
    db.session.rollback()
    found = db.session.scalars(select(AuditEntry.event).order_by(AuditEntry.id)).all()
    return [event for event in found if event in wanted]


def test_an_answer_keeps_the_dimensions_of_its_interaction(company, invite, now):
    invitation = invite()
    submit(invitation.id, 9, now=now)

    answer = db.session.scalar(select(Response))
    assert answer.region_id == company.regions.kyiv.id
    assert answer.unit_id == company.units.kyiv.id
    assert answer.segment_id == company.segment.id
    assert answer.survey_id == company.survey.id
    assert answer.version_id == company.version.id
    assert answer.customer_id == invitation.customer_id


def test_the_first_answer_tells_customers_reports_and_the_log(invite, now):
    invitation = invite()
    submit(invitation.id, 9, now=now)

    (fact,) = db.session.scalars(select(ContactFact).where(ContactFact.kind == FactKind.ANSWERED))
    assert (fact.customer_id, fact.at) == (invitation.customer_id, now)
    assert dirty_days() == [date(2026, 11, 20)]
    (entry,) = db.session.scalars(select(AuditEntry).where(AuditEntry.event == Event.RESPONSE_RECEIVED))
    assert entry.data == {"group": "promoter"}
    assert (entry.actor_type, entry.actor_id) == ("customer", invitation.customer_id)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 20, 21, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 22, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 7, 1, 21, 0, tzinfo=UTC), date(2026, 7, 2)),
    ],
)
def test_the_day_of_an_answer_is_the_regions_day(invite, moment, day):
    invitation = invite(now=moment)
    submit(invitation.id, 9, now=moment)

    assert db.session.scalar(select(Response.local_date)) == day
    assert dirty_days() == [day]


def test_a_change_days_later_recounts_the_day_of_the_first_answer(invite, now):
    invitation = invite()
    submit(invitation.id, 9, now=now)
    assert sent_days() == [invitation.sent_on]
    with transaction():
        db.session.execute(delete(DirtyDay))

    submit(invitation.id, 2, now=now + timedelta(days=3), may_edit=True)
    assert dirty_days() == [date(2026, 11, 20)]
    assert sent_days() == []  # as many answered as before
    assert db.session.scalar(select(Response.confirmed_at)) == now


def test_saying_the_same_again_changes_nothing(invite, now):
    invitation = invite()
    submit(invitation.id, 9, comment="Good", now=now)
    submit(invitation.id, 9, now=now + timedelta(minutes=1), may_edit=True)

    assert db.session.scalar(select(Response.revision)) == 1
    assert db.session.scalar(select(Response.acted_at)) == now + timedelta(minutes=1)
    assert not events(Event.RESPONSE_CHANGED)


def test_a_changed_answer_is_unread_again(company, invite, now):
    invitation = invite()
    _, id_ = submit(invitation.id, 9, now=now)
    with transaction():
        assert rulings.mark([id_], read=True, scope=EVERYTHING, by_id=company.support.id, now=now) == 1

    submit(invitation.id, 3, now=now, may_edit=True)
    assert db.session.scalar(select(Response.read_at)) is None


def test_an_answer_without_the_right_is_disputed_and_changes_nothing(invite, now):
    invitation = invite()
    submit(invitation.id, 9, now=now)
    disputed, _ = submit(invitation.id, 2, now=now)

    assert disputed
    assert db.session.scalar(select(Response.score)) == 9
    assert events(Event.RESPONSE_DISPUTED)


def test_an_answer_of_a_test_invitation_is_marked_and_stops_nobody(invite, now):
    submit(invite(test=True).id, 9, now=now)

    assert db.session.scalar(select(Response.test)) is True
    assert db.session.scalar(select(ContactFact.exempt).where(ContactFact.kind == FactKind.ANSWERED)) is True


def test_a_quiet_answer_is_finished_after_a_quarter_of_an_hour(invite, now):
    submit(invite().id, 9, now=now)

    with transaction():
        assert services.finish_quiet(now=now + timedelta(minutes=14, seconds=59)) == 0
    with transaction():
        assert services.finish_quiet(now=now + timedelta(minutes=15)) == 1
    assert db.session.scalar(select(Response.finished_at)) == now + timedelta(minutes=15)
    assert len(events(Event.RESPONSE_FINISHED)) == 1
    with transaction():
        assert services.finish_quiet(now=now + timedelta(minutes=16)) == 0


def test_every_act_of_the_customer_puts_the_end_off(invite, now):
    invitation = invite()
    submit(invitation.id, 9, now=now)
    submit(invitation.id, 8, now=now + timedelta(minutes=10), may_edit=True)

    with transaction():
        assert services.finish_quiet(now=now + timedelta(minutes=20)) == 0


def test_an_answer_finishes_once(invite, now):
    invitation = invite()
    submit(invitation.id, 9, comment="a", final=True, now=now)
    submit(invitation.id, 8, comment="b", final=True, may_edit=True, now=now + timedelta(hours=1))

    assert db.session.scalar(select(Response.finished_at)) == now
    assert len(events(Event.RESPONSE_FINISHED)) == 1


def test_voiding_and_restoring_recount_the_day_and_stand_in_the_log(company, now):
    with transaction():
        response = make_response(company, now=now)
    with transaction():
        rulings.void(response, reason="a test order", by_id=company.admin.id, now=now)
    assert dirty_days() == [now.date()]
    assert response.void_reason == "a test order"
    with transaction():
        db.session.execute(delete(DirtyDay))

    with transaction():
        rulings.restore(response, reason="it was none", by_id=company.admin.id, now=now)
    assert dirty_days() == sent_days() == [now.date()]
    assert response.voided_at is None
    assert events(Event.RESPONSE_VOIDED, Event.RESPONSE_RESTORED) == ["response.voided", "response.restored"]


def test_the_reason_of_a_void_is_not_copied_into_the_log(company, now):
    with transaction():
        response = make_response(company, now=now)
        rulings.void(response, reason="Olena asked", by_id=company.admin.id, now=now)

    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.event == Event.RESPONSE_VOIDED))
    assert entry.data == {}


def test_answers_of_other_regions_cannot_be_marked(company, now):
    with transaction():
        id_ = make_response(company, now=now).id

    with transaction():
        odesa = Scope(frozenset({company.regions.odesa.id}))
        assert rulings.mark([id_], read=True, scope=odesa, by_id=company.manager_odesa.id, now=now) == 0
    assert db.session.scalar(select(Response.read_at)) is None


def test_many_answers_marked_at_once_are_one_entry_in_the_log(company, now):
    with transaction():
        ids = [make_response(company, now=now).id for _ in range(3)]

    with transaction():
        rulings.mark(ids, read=True, scope=EVERYTHING, by_id=company.support.id, now=now)
    assert len(events(Event.RESPONSE_READ)) == 1


def test_words_without_a_score_need_a_stored_one(invite, now):
    invitation = invite()
    with pytest.raises(NotAScore):
        submit(invitation.id, None, comment="Words", now=now)
    submit(invitation.id, 4, now=now)
    submit(invitation.id, None, comment="Words", final=True, now=now + timedelta(minutes=1), opened_at=now)

    answer = queries.of_invitation(invitation.id)
    assert (answer.score, answer.comment, answer.revision) == (4, "Words", 2)
    with pytest.raises(NotAScore):
        submit(invitation.id, None, comment="Other words", now=now + timedelta(minutes=2))


def test_an_answer_is_not_changed_without_end(invite, now):
    invitation = invite()
    for number in range(REVISIONS_KEPT):
        submit(invitation.id, number % 11, may_edit=True, now=now)

    with pytest.raises(services.Closed):
        submit(invitation.id, 10, may_edit=True, now=now)
    assert db.session.scalar(select(Response.revision)) == REVISIONS_KEPT


def test_marks_of_days_are_taken_once(invite, now):
    submit(invite().id, 9, now=now)
    of_answers = DirtyDay.tallied == Tallied.ANSWERS
    day = db.session.execute(select(DirtyDay.survey_id, DirtyDay.local_date).where(of_answers)).one()
    wanted = [tuple(day), (day.survey_id, day.local_date - timedelta(days=1))]

    with transaction():
        assert days.clear_dirty(Tallied.ANSWERS, wanted) == [tuple(day)]
    with transaction():
        assert days.clear_dirty(Tallied.ANSWERS, wanted) == []
    assert dirty_days() == []


acts = st.lists(
    st.tuples(st.integers(0, 10), st.sampled_from([None, "", "words", "other"]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=acts)
def test_whatever_is_posted_the_last_revision_is_the_answer_and_there_is_one(company, now, acts):
    with transaction():
        interaction = make_interaction(company, now=now, undecided=False)
        invitation_id = make_invitation(company, now=now, interaction=interaction).id

    expected = None
    for number, (score, comment, may_edit, final) in enumerate(acts):
        moment = now + timedelta(hours=number)
        submit(invitation_id, score, comment=comment, may_edit=may_edit, final=final, now=moment, opened_at=moment)
        if expected is None:
            expected = (score, comment or "")
        elif may_edit:
            expected = (score, expected[1] if comment is None else comment)

    answer = queries.of_invitation(invitation_id)
    revisions = db.session.scalars(
        select(ResponseRevision).filter_by(response_id=answer.id).order_by(ResponseRevision.number)
    ).all()
    assert (answer.score, answer.comment) == expected
    assert (revisions[-1].score, revisions[-1].comment) == expected
    assert [one.number for one in revisions] == list(range(1, answer.revision + 1))
