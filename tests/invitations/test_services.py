"""Planning and handing over, on a real database."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from npsapp.audit.models import AuditEntry
from npsapp.audit.services import by_user
from npsapp.customers.models import ContactFact, ContactPoint
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.delivery.queries import brands_without_server
from npsapp.delivery.rules import State
from npsapp.intake.models import Interaction
from npsapp.invitations import letters, policies, queries, services
from npsapp.invitations.models import Invitation
from npsapp.invitations.rendering import Addresses
from npsapp.invitations.rules import InvitationState, Reason
from tests import factories as make

ADDRESSES = Addresses("https://nps.example", ("a key for tests only, 1234",))


def plan(now: datetime, *interactions: Interaction) -> None:
    with transaction():
        services.plan([one.id for one in interactions], without_mail=(), now=now)


def hand_over(now: datetime) -> int:
    with transaction():
        return letters.hand_over(queries.due(now, limit=500), without_mail=(), addresses=ADDRESSES, now=now)


def line(interaction_id: int) -> Invitation:
    db.session.rollback()
    return db.session.scalars(select(Invitation).where(Invitation.interaction_id == interaction_id)).one()


def test_every_interaction_gets_one_line_and_a_repeat_adds_none(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        ids = [make.make_interaction(company, now=now).id for _ in range(3)]

    for _ in range(2):
        with transaction():
            services.plan(ids, without_mail=(), now=now)

    assert sorted(db.session.scalars(select(Invitation.interaction_id))) == sorted(ids)
    assert not db.session.scalars(select(Interaction.id).where(Interaction.undecided)).all()


def test_a_letter_names_the_purchase_and_has_eleven_links(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        interaction = make.make_interaction(company, now=now)
    plan(now, interaction)

    assert hand_over(now) == 1

    letter = db.session.scalars(select(Message)).one()
    token = line(interaction.id).steps[0].token
    assert "лоток водовідвідний" in letter.body
    assert "5 листопада" in letter.subject
    assert [f"https://nps.example/r/{token}/{score}" in letter.html for score in range(11)] == [True] * 11
    assert letter.unsubscribe_url.startswith("https://nps.example/u/")
    assert line(interaction.id).version.frozen_at == now


def test_of_two_purchases_of_one_customer_one_is_asked_about(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        customer = make.make_customer(company, now=now)
        first = make.make_interaction(company, now=now, customer=customer)
        second = make.make_interaction(company, now=now, customer=customer)

    plan(now, first, second)

    assert line(first.id).state is InvitationState.PLANNED
    assert line(second.id).reason is Reason.QUARANTINE


def test_facts_that_changed_since_planning_stop_the_letter(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        interaction = make.make_interaction(company, now=now)
    plan(now, interaction)
    with transaction() as session:
        session.execute(update(ContactPoint).values(not_mine_at=now))

    assert hand_over(now) == 0
    assert line(interaction.id).reason is Reason.NOT_MINE


def test_the_letter_leaves_a_contact_for_the_quarantine(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        interaction = make.make_interaction(company, now=now)
    plan(now, interaction)
    hand_over(now)

    fact = db.session.scalars(select(ContactFact)).one()

    assert (fact.customer_id, fact.survey_id, fact.at) == (interaction.customer_id, company.survey.id, now)


def test_a_source_in_trial_plans_nothing_until_it_goes_live(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        source = make.make_source(company, now=now, live_at=None)
        interaction = make.make_interaction(company, now=now, source=source)
    plan(now, interaction)
    assert line(interaction.id).reason is Reason.IN_TRIAL

    with transaction():
        source.live_at = now
        db.session.flush()
        policies.source_changed(source.id)

    assert db.session.scalar(select(Interaction.undecided)) is True
    plan(now, interaction)
    assert line(interaction.id).state is InvitationState.PLANNED


def test_without_a_mail_server_real_sources_wait_for_a_confirmation(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        source = make.make_source(company, now=now, outbox_confirmed_at=None)
        interaction = make.make_interaction(company, now=now, source=source)
        services.plan([interaction.id], without_mail=brands_without_server(), now=now)

    assert line(interaction.id).reason is Reason.NO_MAIL_SERVER


def test_a_changed_delay_moves_what_is_planned(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        interaction = make.make_interaction(company, now=now, happened_at=now - timedelta(days=2))
    plan(now, interaction)
    assert line(interaction.id).send_at == now + timedelta(days=12)

    with transaction():
        changed = policies.change_policy(
            company.survey.id, {"delay_hours": 72}, actor=by_user(company.admin.id), now=now
        )
    plan(now, interaction)

    assert changed == ["delay_hours"]
    assert line(interaction.id).send_at == now + timedelta(days=1)
    entries = db.session.scalars(
        select(AuditEntry).where(AuditEntry.event == "setting.changed", AuditEntry.subject_type == "survey")
    ).all()
    assert {"changed": ["delay_hours"]} in [entry.data for entry in entries]


def test_a_cancelled_purchase_takes_its_letter_back(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        interaction = make.make_interaction(company, now=now)
    plan(now, interaction)
    hand_over(now)
    with transaction():
        db.session.execute(update(Interaction).values(cancelled_at=now))
        letters.exclude_cancelled(now=now)

    assert line(interaction.id).reason is Reason.CANCELLED
    assert db.session.scalar(select(Message.state)) is State.CANCELLED


def test_the_link_lives_from_the_moment_the_letter_left(company: SimpleNamespace, now: datetime) -> None:
    left = now + timedelta(hours=5)
    with transaction():
        interaction = make.make_interaction(company, now=now)
    plan(now, interaction)
    hand_over(now)
    with transaction() as session:
        session.execute(update(Message).values(state=State.SENT, sent_at=left))
        letters.note_sent(now=left)

    assert line(interaction.id).sent_at == left
    assert line(interaction.id).valid_until == left + timedelta(days=30)

    with transaction():
        assert services.expire(now=left + timedelta(days=31)) == 1
    assert line(interaction.id).state is InvitationState.EXPIRED


def test_who_answers_at_once_was_sent_a_letter_all_the_same(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        interaction = make.make_interaction(company, now=now)
    plan(now, interaction)
    hand_over(now)
    with transaction() as session:
        assert services.take_first_answer(line(interaction.id).id, now=now)
        session.execute(update(Message).values(state=State.FAILED))
        assert letters.note_sent(now=now) == 0
        session.execute(update(Message).values(state=State.SENT, sent_at=now))
        assert letters.note_sent(now=now) == 1

    assert (line(interaction.id).sent_at, line(interaction.id).state) == (now, InvitationState.ANSWERED)


def test_a_letter_that_failed_for_good_is_a_reason(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        interaction = make.make_interaction(company, now=now)
    plan(now, interaction)
    hand_over(now)
    with transaction() as session:
        session.execute(update(Message).values(state=State.FAILED, error="550 no such user"))
        letters.note_sent(now=now)

    assert line(interaction.id).reason is Reason.UNDELIVERABLE


def test_only_planned_invitations_can_be_withdrawn(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        invitation = make.make_invitation(company, now=now)

    with pytest.raises(services.NotPlanned), transaction():
        services.withdraw(invitation.id, actor=by_user(company.admin.id), now=now)
