"""Policies, and one line per interaction: an invitation, or the reason why there is none."""

from datetime import datetime, time

from sqlalchemy import CheckConstraint, ForeignKey, Index, Time, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.customers.models import Customer
from npsapp.db import Base, Numbered, code
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel
from npsapp.intake.models import Interaction
from npsapp.invitations.rules import InvitationState, Reason, StepState
from npsapp.surveys.models import Survey, SurveyVersion


class InvitationPolicy(Base):
    """When a survey asks, and how long it leaves people alone."""

    __table_args__ = (
        CheckConstraint("delay_hours >= 0", name="delay_not_negative"),
        CheckConstraint("same_survey_days >= 0 AND other_days >= 0", name="quarantine_not_negative"),
        CheckConstraint("latest_days >= 1 AND valid_days >= 1", name="at_least_a_day"),
    )

    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"), primary_key=True)
    delay_hours: Mapped[int] = mapped_column(default=14 * 24)
    """From the interaction to the letter."""
    window_from: Mapped[time] = mapped_column(Time, default=time(10))
    window_until: Mapped[time] = mapped_column(Time, default=time(19))
    """Sending hours in the customer's zone, half-open; equal values mean the whole day."""
    weekdays: Mapped[str] = mapped_column(default="1234567")
    """ISO weekdays on which letters go out."""
    same_survey_days: Mapped[int] = mapped_column(default=90)
    other_days: Mapped[int] = mapped_column(default=30)
    """Quarantine after an invitation or answer: of this survey, of another."""
    latest_days: Mapped[int] = mapped_column(default=14)
    """Days after the planned moment from which it is too late to ask."""
    valid_days: Mapped[int] = mapped_column(default=30)
    """Days the link takes answers after it was sent."""
    survey: Mapped[Survey] = relationship()


def _index_where(name: str, column: str, condition: str) -> Index:
    """An index of the few rows that a frequent question is about."""
    return Index(name, column, sqlite_where=text(condition), postgresql_where=text(condition))


class Invitation(Numbered):
    """What was decided about one interaction; in state `excluded` a reason, and only then."""

    __table_args__ = (
        UniqueConstraint("interaction_id"),
        CheckConstraint("(state = 'excluded') = (reason IS NOT NULL)", name="excluded_has_a_reason"),
        CheckConstraint("state <> 'planned' OR send_at IS NOT NULL", name="planned_has_a_time"),
        Index("ix_invitation_due", "state", "send_at"),
        Index("ix_invitation_again", "state", "again_at"),
        Index("ix_invitation_reason", "reason", "id"),
        Index("ix_invitation_sent", "survey_id", "sent_at"),
        Index("ix_invitation_customer", "customer_id"),
        _index_where("ix_invitation_unsent", "id", "state = 'handed_over' AND sent_at IS NULL"),
        _index_where("ix_invitation_valid", "valid_until", "state = 'handed_over'"),
    )

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interaction.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    survey_id: Mapped[int | None] = mapped_column(ForeignKey("survey.id"))
    """None: held back because no survey asks at this touchpoint."""
    version_id: Mapped[int | None] = mapped_column(ForeignKey("survey_version.id"))
    """The questionnaire shown to this customer ever after; set when handed over."""
    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"))
    touchpoint_id: Mapped[int] = mapped_column(ForeignKey("touchpoint.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"), index=True)
    state: Mapped[InvitationState] = mapped_column(code(InvitationState, "state"))
    reason: Mapped[Reason | None] = mapped_column(code(Reason, "reason"))
    again_at: Mapped[datetime | None]
    """excluded: when it is looked at again; None: never, or on an event (publishing, going live)."""
    send_at: Mapped[datetime | None]
    latest_at: Mapped[datetime | None]
    """From this moment on it is too late to ask."""
    decided_at: Mapped[datetime]
    handed_over_at: Mapped[datetime | None]
    """When the first message was given to the post office."""
    sent_at: Mapped[datetime | None]
    """When the first message left."""
    answered_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    """Until when the link takes answers."""
    language: Mapped[str] = mapped_column(default="")
    """Language of the letter, and of the page until the customer switches it."""
    test: Mapped[bool] = mapped_column(default=False)
    interaction: Mapped[Interaction] = relationship()
    customer: Mapped[Customer | None] = relationship()
    survey: Mapped[Survey | None] = relationship()
    version: Mapped[SurveyVersion | None] = relationship()
    steps: Mapped[list["InvitationStep"]] = relationship(back_populates="invitation")


class InvitationStep(Numbered):
    """One message of an invitation, with its own link."""

    __table_args__ = (UniqueConstraint("invitation_id", "number"),)

    invitation_id: Mapped[int] = mapped_column(ForeignKey("invitation.id"))
    number: Mapped[int]
    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    contact_point_id: Mapped[int | None] = mapped_column(ForeignKey("contact_point.id"), index=True)
    """None: a test, which no customer gets."""
    token: Mapped[str] = mapped_column(unique=True)
    """144 random bits; names the step in `/r/<token>`."""
    due_at: Mapped[datetime]
    state: Mapped[StepState] = mapped_column(code(StepState, "state"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), unique=True)
    invitation: Mapped[Invitation] = relationship(back_populates="steps")
    message: Mapped[Message | None] = relationship()
