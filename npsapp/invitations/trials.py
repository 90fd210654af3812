"""A test invitation: the real letter, link and page, sent to oneself; marked, and counted nowhere."""

from datetime import datetime, timedelta

from sqlalchemy import select

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Purpose
from npsapp.intake.models import Interaction, Source, SourceKind
from npsapp.invitations import letters, rendering
from npsapp.invitations.models import Invitation, InvitationPolicy, InvitationStep
from npsapp.invitations.rules import InvitationState
from npsapp.lib.tokens import new_token
from npsapp.organization.models import Brand
from npsapp.surveys.models import Survey, SurveyVersion
from npsapp.surveys.wording import sample

LASTS = timedelta(days=7)


def send(
    survey: Survey, *, language: str, to_address: str, addresses: rendering.Addresses, actor: Actor, now: datetime
) -> Message:
    """Queue the first letter of a survey about an invented purchase, with its draft if there is one.

    Needs a transaction. The draft is not frozen: no customer sees it. Refuses with `delivery.NoSender`.
    """
    invitation = Invitation(
        interaction=_interaction(survey, language, now),
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
    message = letters.queue_letter(
        invitation,
        survey.newest or db.session.get_one(SurveyVersion, survey.version_id),
        purpose=Purpose.TEST,
        to_address=to_address,
        contact_point_id=None,
        addresses=addresses,
        now=now,
    )
    audit.record(Event.TEST_SENT, actor=actor, now=now, subject=("survey", survey.id), data={"language": language})
    return message


def _interaction(survey: Survey, language: str, now: datetime) -> Interaction:
    """What the letter speaks of; as long ago as the survey waits before it asks."""
    policy = db.session.get(InvitationPolicy, survey.id)
    facts = sample(language)
    return Interaction(
        source=_source(survey.brand, now),
        external_id=new_token(),
        brand=survey.brand,
        touchpoint_id=survey.touchpoint_id,
        happened_at=now - timedelta(hours=policy.delay_hours if policy else 0),
        title=facts["title"],
        number=facts["number"],
        properties={},
        undecided=False,
        accepted_at=now,
        changed_at=now,
    )


def _source(brand: Brand, now: datetime) -> Source:
    """Where test purchases come from; one for each brand, which no list shows."""
    found = db.session.scalars(select(Source).where(Source.is_test, Source.brand_id == brand.id)).first()
    return found or Source(
        name=f"test {brand.key}",
        kind=SourceKind.FILE,
        is_test=True,
        brand_id=brand.id,
        timezone=brand.timezone,
        currency=brand.currency,
        grounds={},
        mapping={},
        live_at=now,
        created_at=now,
    )


def state_of(message_id: int) -> Message | None:
    """The letter of a test; None when this message is no test."""
    return db.session.scalars(
        select(Message)
        .join(InvitationStep, InvitationStep.message_id == Message.id)
        .join(Invitation, Invitation.id == InvitationStep.invitation_id)
        .where(Message.id == message_id, Invitation.test)
    ).first()
