"""Chains: reminders really leave, once, and never after an answer, a stop, a cancel or the end of the link."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import select, update

from npsapp.audit.services import by_user
from npsapp.customers.models import Hold
from npsapp.customers.rules import HoldReason
from npsapp.db import db, transaction
from npsapp.delivery import services as delivery
from npsapp.delivery.channels import From
from npsapp.delivery.channels.mail import compose
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, Purpose, State
from npsapp.intake.models import Interaction
from npsapp.invitations import followups, letters, policies, queries, services
from npsapp.invitations.chains import ChainStep
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rendering import Addresses
from npsapp.invitations.rules import InvitationState, Reason, StepState
from npsapp.surveys import queries as surveys, services as survey_services
from npsapp.surveys.rules import SurveyState
from tests import factories as make

ADDRESSES = Addresses("https://nps.example", ("a key for tests only, 1234",))
REMINDER = ChainStep(2, Channel.EMAIL, timedelta(days=4))
SENDER = From({}, "post@vodolad.example", "", "")
APP = ChainStep(3, Channel.EXTERNAL, timedelta(days=2))


def chain(company: SimpleNamespace, now: datetime, *steps: ChainStep, **values: object) -> None:
    with transaction():
        policies.change_policy(
            company.survey.id, values, follow_ups=steps, actor=by_user(company.admin.id), now=now - timedelta(days=1)
        )


def first_letter(company: SimpleNamespace, now: datetime) -> Invitation:
    """A purchase whose first letter left at `now`."""
    with transaction():
        interaction = make.make_interaction(company, now=now)
        services.plan([interaction.id], without_mail=(), now=now)
    with transaction():
        letters.hand_over(queries.due(now, limit=5), without_mail=(), addresses=ADDRESSES, now=now)
    leave(now)
    return line(interaction.id)


def leave(now: datetime) -> list[str]:
    """The post office sends what waits; gives the purposes."""
    with transaction() as session:
        waiting = session.scalars(select(Message).where(Message.state == State.QUEUED)).all()
        for message in waiting:
            message.state, message.sent_at = State.SENT, now
        session.flush()
        letters.note_sent(now=now)
        return [message.purpose.value for message in waiting]


def go_on(now: datetime) -> int:
    """What the beat does with due follow-ups."""
    with transaction():
        letters.end_chains()
        due = queries.follow_ups_due(now, limit=50)
        return followups.hand_over(due, without_mail=(), addresses=ADDRESSES, now=now)


def line(interaction_id: int) -> Invitation:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Invitation).where(Invitation.interaction_id == interaction_id)).one()


def states(invitation: Invitation) -> dict[int, StepState]:
    rows = select(InvitationStep.number, InvitationStep.state).where(InvitationStep.invitation_id == invitation.id)
    return {row.number: row.state for row in db.session.execute(rows)}


def test_a_reminder_goes_once_with_its_own_link_and_words(company: SimpleNamespace, now: datetime) -> None:
    chain(company, now, REMINDER)
    invitation = first_letter(company, now)
    assert states(invitation) == {1: StepState.HANDED_OVER, 2: StepState.PLANNED}

    assert go_on(now + timedelta(days=3, hours=23)) == 0
    later = now + timedelta(days=4, minutes=1)
    assert go_on(later) == 1
    assert go_on(later) == 0
    assert leave(later) == ["reminder"]

    first, second = line(invitation.interaction_id).steps
    assert first.token != second.token
    assert second.message.subject.startswith("Одне запитання досі чекає")
    assert f"/r/{second.token}/9" in second.message.html
    assert second.message.refers_to == first.message.message_id
    headers = compose(delivery._outgoing(second.message, SENDER)).extra_headers
    assert headers["References"] == first.message.message_id


def answered(invitation: Invitation, now: datetime) -> None:
    assert services.take_first_answer(invitation.id, now=now)


def not_mine(invitation: Invitation, now: datetime) -> None:
    assert services.mark_not_mine(invitation.id)


def held(invitation: Invitation, now: datetime) -> None:
    hold = Hold(customer_id=invitation.customer_id, reason=HoldReason.BY_HAND, since=now, until=None)
    db.session.add(hold)
    db.session.flush()
    letters.stop_for(invitation.customer_id, now=now)


def cancelled(invitation: Invitation, now: datetime) -> None:
    db.session.execute(update(Interaction).where(Interaction.id == invitation.interaction_id).values(cancelled_at=now))
    letters.end_chains()


def link_over(invitation: Invitation, now: datetime) -> None:
    invitation.valid_until = now - timedelta(minutes=1)


def chain_gone(invitation: Invitation, now: datetime) -> None:
    policies.change_policy(invitation.survey_id, {}, follow_ups=[], actor=by_user(1), now=now)


STOPS = (answered, not_mine, held, cancelled)


@pytest.mark.parametrize("stop", [*STOPS, link_over, chain_gone])
def test_nothing_follows(company: SimpleNamespace, now: datetime, stop) -> None:
    chain(company, now, REMINDER)
    invitation = first_letter(company, now)
    with transaction():
        stop(db.session.get_one(Invitation, invitation.id), now + timedelta(days=2))

    assert go_on(now + timedelta(days=4, minutes=1)) == 0
    assert leave(now + timedelta(days=5)) == []
    assert states(invitation)[2] is StepState.CANCELLED or stop is link_over


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("state", [State.QUEUED, State.CLAIMED])
def test_a_reminder_at_the_post_office_is_taken_back(
    company: SimpleNamespace, now: datetime, stop, state: State
) -> None:
    chain(company, now, REMINDER)
    invitation = first_letter(company, now)
    later = now + timedelta(days=4, minutes=1)
    go_on(later)
    with transaction() as session:
        session.execute(update(Message).where(Message.purpose == Purpose.REMINDER).values(state=state, batch_id="b"))
    with transaction():
        stop(db.session.get_one(Invitation, invitation.id), later)

    reminder = db.session.scalars(select(Message.id).where(Message.purpose == Purpose.REMINDER)).one()
    assert db.session.get_one(Message, reminder).state is State.CANCELLED
    [letter] = delivery.letters([reminder], SENDER)
    with transaction():
        start = delivery.start(letter, batch_id="b", now=later, lease=timedelta(minutes=2))
        assert delivery.START.one(**start) is None


def test_a_reminder_waits_while_the_first_letter_is_not_gone(company: SimpleNamespace, now: datetime) -> None:
    chain(company, now, REMINDER)
    with transaction():
        interaction = make.make_interaction(company, now=now)
        services.plan([interaction.id], without_mail=(), now=now)
    with transaction():
        letters.hand_over(queries.due(now, limit=5), without_mail=(), addresses=ADDRESSES, now=now)

    assert go_on(now + timedelta(days=4, minutes=1)) == 0
    leave(now + timedelta(days=4, minutes=30))
    assert go_on(now + timedelta(days=5)) == 0
    assert go_on(now + timedelta(days=8, hours=1)) == 1


def test_two_messages_of_different_invitations_are_a_day_apart(company: SimpleNamespace, now: datetime) -> None:
    chain(company, now, REMINDER)
    invitation = first_letter(company, now)
    later = now + timedelta(days=4, minutes=1)
    with transaction():
        customer = db.session.get_one(Invitation, invitation.id).customer
        customer.claimed_at = later - timedelta(hours=3)

    assert go_on(later) == 0
    assert go_on(later + timedelta(hours=22)) == 1


def test_another_program_sends_its_steps_and_says_what_became_of_them(company: SimpleNamespace, now: datetime) -> None:
    chain(company, now, ChainStep(2, Channel.EMAIL, timedelta(days=1)), first_channel=Channel.EXTERNAL)
    invitation = first_letter(company, now)
    assert leave(now) == []
    due = external(company, now)
    assert [(step.number, step.invitation.id) for step in due] == [(1, invitation.id)]
    assert line(invitation.interaction_id).sent_at is None

    with transaction():
        assert followups.settle_external(due[0].id, StepState.SENT, now=now)
        assert not followups.settle_external(due[0].id, StepState.FAILED, now=now)

    assert external(company, now) == []
    assert line(invitation.interaction_id).sent_at == now
    assert go_on(now + timedelta(days=1, minutes=2)) == 1


def external(company: SimpleNamespace, now: datetime) -> list[InvitationStep]:
    return list(queries.external_due(now, limit=10, brand_id=company.brand.id))


def test_a_failure_of_another_program_leads_on_or_is_the_reason(company: SimpleNamespace, now: datetime) -> None:
    chain(company, now, first_channel=Channel.EXTERNAL)
    invitation = first_letter(company, now)
    with transaction():
        followups.settle_external(external(company, now)[0].id, StepState.FAILED, now=now)

    assert line(invitation.interaction_id).reason is Reason.UNDELIVERABLE


def test_held_and_answering_people_are_not_handed_out(company: SimpleNamespace, now: datetime) -> None:
    chain(company, now, first_channel=Channel.EXTERNAL)
    one, other = first_letter(company, now), first_letter(company, now)
    with transaction():
        services.take_first_answer(one.id, now=now)
        db.session.add(Hold(customer_id=other.customer_id, reason=HoldReason.UNSUBSCRIBED, since=now))

    assert external(company, now) == []


def test_a_survey_that_asks_needs_its_channels(company: SimpleNamespace, now: datetime) -> None:
    sms = ChainStep(2, Channel.SMS, timedelta(days=1))
    with pytest.raises(policies.ChannelMissing):
        chain(company, now, sms)

    with transaction():
        survey_services.pause(company.survey.id, actor=by_user(company.admin.id), now=now)
    chain(company, now, sms)
    with pytest.raises(policies.ChannelMissing), transaction():
        survey_services.resume(company.survey.id, actor=by_user(company.admin.id), now=now)
    assert surveys.survey(company.survey.id).state is SurveyState.PAUSED


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.sampled_from(["beat", "send", "answer", "cancel", "hold", "day"]), max_size=14))
def test_a_chain_never_sends_after_an_answer_a_cancel_or_a_stop(
    company: SimpleNamespace, now: datetime, events: list[str]
) -> None:
    chain(company, now, REMINDER, APP)
    invitation = first_letter(company, now)
    deeds = {"answer": answered, "cancel": cancelled, "hold": held}
    over, at = False, now
    for event in events:
        before = reminders_sent(invitation)
        if event == "day":
            at += timedelta(days=2, minutes=7)
        elif event == "beat":
            go_on(at)
        elif event == "send":
            leave(at)
        elif line(invitation.interaction_id).state is InvitationState.HANDED_OVER and not over:
            with transaction():
                deeds[event](db.session.get_one(Invitation, invitation.id), at)
            over = True
        assert not over or reminders_sent(invitation) == before
        assert not over or invitation.id not in {step.invitation_id for step in external(company, at)}
    assert reminders_sent(invitation) <= 1


def reminders_sent(invitation: Invitation) -> int:
    its = select(Message.id).join(InvitationStep).where(InvitationStep.invitation_id == invitation.id)
    return len(db.session.scalars(its.where(Message.purpose == Purpose.REMINDER, Message.state == State.SENT)).all())
