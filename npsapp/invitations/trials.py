"""A test invitation: the real letter, link and page, sent to oneself; marked, and counted nowhere."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, Purpose
from npsapp.intake import waves as intake
from npsapp.intake.models import Interaction, SourceKind
from npsapp.invitations import letters, rendering
from npsapp.invitations.chains import FIRST
from npsapp.invitations.models import Invitation, InvitationPolicy, InvitationStep
from npsapp.invitations.rules import InvitationState
from npsapp.lib.tokens import new_token
from npsapp.surveys import queries as surveys
from npsapp.surveys.letters import Variant
from npsapp.surveys.models import Survey, SurveyVersion
from npsapp.surveys.wording import sample

LASTS = timedelta(days=7)


def send(
    survey: Survey,
    *,
    language: str,
    to_address: str,
    addresses: rendering.Addresses,
    about: Interaction | None = None,
    words_id: int | None = None,
    actor: Actor,
    now: datetime,
) -> Message:
    """Queue a letter of a survey, with its draft if there is one. Needs a transaction.

    The draft is not frozen: no customer sees it. Refuses with `delivery.NoSender`.

    :param about: the purchase whose words it borrows, the customer's name in the letter too; None: an invented one.
    :param words_id: the `surveys.StepWords` it is composed of; None: text A of the first letter.
    """
    invitation = Invitation(
        interaction=_interaction(survey, language, about, now),
        survey_id=survey.id,
        brand_id=survey.brand_id,
        touchpoint_id=survey.touchpoint_id,
        state=InvitationState.PLANNED,
        send_at=now,
        decided_at=now,
        valid_until=now + LASTS,
        language=language,
        test=True,
    )
    db.session.add(invitation)
    db.session.flush()
    version = survey.newest or db.session.get_one(SurveyVersion, survey.version_id)
    step = letters.new_step(invitation, FIRST, Channel.EMAIL, due_at=now)
    step.words_id = words_id or surveys.words(survey.id)[Variant.A].id
    message = letters.give(
        step,
        invitation,
        version,
        purpose=Purpose.TEST,
        to_address=to_address,
        addresses=addresses,
        values=rendering.values_for(about, language) if about else None,
        now=now,
    )
    letters.asked(invitation, version, now=now)
    audit.record(Event.TEST_SENT, actor=actor, now=now, subject=("survey", survey.id), data={"language": language})
    return message


def _interaction(survey: Survey, language: str, about: Interaction | None, now: datetime) -> Interaction:
    """What the letter speaks of; if it is invented, as long ago as the survey waits before it asks. Nobody's."""
    policy = db.session.get(InvitationPolicy, survey.id)
    ago = timedelta(hours=policy.delay_hours if policy else 0)
    facts: dict[str, Any] = {name: sample(language)[name] for name in ("title", "number")} | {"happened_at": now - ago}
    if about:
        facts = {name: getattr(about, name) for name in ("title", "number", "happened_at", "unit", "region")}
    return Interaction(
        source=intake.source_of(survey.brand, now=now, kind=SourceKind.FILE, is_test=True),
        external_id=new_token(),
        brand=survey.brand,
        touchpoint_id=survey.touchpoint_id,
        **facts,
        properties={},
        undecided=False,
        accepted_at=now,
    )


def state_of(message_id: int) -> Message | None:
    """The letter of a test; None when this message is no test."""
    return db.session.scalars(
        select(Message)
        .join(InvitationStep, InvitationStep.message_id == Message.id)
        .join(Invitation, Invitation.id == InvitationStep.invitation_id)
        .where(Message.id == message_id, Invitation.test)
    ).first()
