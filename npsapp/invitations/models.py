"""Policies, and one line per interaction: an invitation, or the reason why there is none."""

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Time, UniqueConstraint, text
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
        CheckConstraint("latest_days >= 1 AND valid_days >= 1", name="at_least_a_day"),
    )

    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"), primary_key=True)
    delay_hours: Mapped[int] = mapped_column(default=14 * 24)
    """From the interaction to the letter."""
    window_from: Mapped[time] = mapped_column(Time, default=time(10))
    window_until: Mapped[time] = mapped_column(Time, default=time(19))
    """Sending hours in the customer's zone, half-open; equal values mean the whole day."""
    weekend_from: Mapped[time | None] = mapped_column(Time)
    weekend_until: Mapped[time | None] = mapped_column(Time)
    """The same on Saturday and Sunday; None: as on other days."""
    weekdays: Mapped[str] = mapped_column(default="1234567")
    """ISO weekdays on which letters go out."""
    on_holidays: Mapped[bool] = mapped_column(default=False)
    """Whether letters also go out on the holidays of the customer's region."""
    latest_days: Mapped[int] = mapped_column(default=14)
    """Days after the planned moment from which it is too late to ask."""
    valid_days: Mapped[int] = mapped_column(default=30)
    """Days the link takes answers after it was sent."""
    criteria: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """A `criteria.Criteria` as JSON: which purchases are meant."""
    mobile_sms: Mapped[bool] = mapped_column(default=False)
    """Whether customers without e-mail address start with an SMS."""
    first_channel: Mapped[Channel] = mapped_column(code(Channel, "first_channel"), default=Channel.EMAIL)
    wave: Mapped[bool] = mapped_column(default=False)
    """Asks active customers in monthly waves, instead of after something that happened."""
    wave_month: Mapped[str] = mapped_column(default="")
    """wave: the month ("2026-11", in the brand's zone) of the last wave …"""
    wave_done_id: Mapped[int] = mapped_column(default=0)
    """… and the customer up to whom it has come."""
    survey: Mapped[Survey] = relationship()
    follow_ups: Mapped[list["PolicyStep"]] = relationship(
        order_by="PolicyStep.number", cascade="all, delete-orphan", lazy="selectin"
    )


class PolicyStep(Base):
    """A follow-up of a policy: what goes to those who have not answered yet. Its words are `StepWords`."""

    __table_args__ = (CheckConstraint("number BETWEEN 2 AND 4", name="number_of_a_follow_up"),)

    survey_id: Mapped[int] = mapped_column(ForeignKey("invitation_policy.survey_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """From 2 on; numbers may have gaps, so that a step keeps its text when another one goes."""
    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    delay_hours: Mapped[int]
    """After the step before."""


class ContactPolicy(Base):
    """How one company (pool) leaves people alone, over all its surveys and channels; see `rules.Care`."""

    __table_args__ = (
        CheckConstraint(
            "same_invited_days >= 0 AND same_answered_days >= 0 AND other_days >= 0 AND refused_days >= 0",
            name="not_negative",
        ),
    )

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), primary_key=True)
    same_invited_days: Mapped[int] = mapped_column(default=90)
    same_answered_days: Mapped[int] = mapped_column(default=90)
    """Quarantine after an invitation and after an answer, of the same survey."""
    other_days: Mapped[int] = mapped_column(default=30)
    """After an invitation or answer of another survey."""
    refused_days: Mapped[int] = mapped_column(default=365)
    ask_later: Mapped[bool] = mapped_column(default=True)
    """Whether those who may not be asked yet are asked when the time comes."""
    mind_cases: Mapped[bool] = mapped_column(default=True)
    """Whether nobody with an open case or complaint is asked."""
    consent_only: Mapped[bool] = mapped_column(default=False)
    """Whether letters need a consent."""
    staff: Mapped[list[str]] = mapped_column(default=list)
    """Addresses and "@domain" of colleagues and for tests, besides those of users."""


QUOTA_COLUMNS = "survey_id", "stratum_id", "drawn_on", "state", "answered_at"


def _index_where(name: str, columns: str | tuple[str, ...], condition: str) -> Index:
    """An index of the few rows that a frequent question is about."""
    names = (columns,) if isinstance(columns, str) else columns
    return Index(name, *names, sqlite_where=text(condition), postgresql_where=text(condition))


class Invitation(Numbered):
    """What was decided about one interaction; in state `excluded` a reason, and only then."""

    __table_args__ = (
        UniqueConstraint("interaction_id"),
        CheckConstraint("(state = 'excluded') = (reason IS NOT NULL)", name="excluded_has_a_reason"),
        CheckConstraint("state <> 'planned' OR send_at IS NOT NULL", name="planned_has_a_time"),
        CheckConstraint("state <> 'waiting' OR send_at IS NOT NULL", name="waiting_has_a_time"),
        Index("ix_invitation_due", "state", "send_at"),
        _index_where("ix_invitation_again", "again_at", "again_at IS NOT NULL"),
        Index("ix_invitation_reason", "reason", "id"),
        _index_where("ix_invitation_sent", ("survey_id", "sent_on"), "sent_on IS NOT NULL"),
        Index("ix_invitation_customer", "customer_id"),
        # As the question says it: a state that comes as a parameter would not be found in an index's condition.
        _index_where("ix_invitation_unsent", "id", "sent_at IS NULL AND handed_over_at IS NOT NULL"),
        _index_where("ix_invitation_valid", "valid_until", "state = 'handed_over'"),
        # All that a quota counts, so that counting reads nothing but this index.
        _index_where("ix_invitation_quota", QUOTA_COLUMNS, "stratum_id IS NOT NULL"),
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
    segment_id: Mapped[int | None]
    """Of the purchase, as it was when it was planned; reports divide by it."""
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
    sent_on: Mapped[date | None] = mapped_column(Date)
    """The day of that in the zone of the brand; reports go by it."""
    answered_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    """Until when the link takes answers."""
    language: Mapped[str] = mapped_column(default="")
    """Language of the letter, and of the page until the customer switches it."""
    test: Mapped[bool] = mapped_column(default=False)
    followed: Mapped[bool] = mapped_column(default=False)
    """A follow-up was given to the post office: the first answer takes it back, if it still can."""
    stratum_id: Mapped[int | None]
    """The unit, region or performer whose quota it counts for (see `QuotaRule.kind`); None: no quota was set then."""
    drawn_on: Mapped[date | None] = mapped_column(Date)
    """Local day of the draw it took part in, drawn or not; without a draw the day it left."""
    draw_rank: Mapped[int | None]
    """Its place in that draw, from 1; those up to the day's number were drawn."""
    chance: Mapped[float | None]
    """Probability with which it was chosen among the touchpoints of one order or one customer's day; None: alone."""
    probability: Mapped[float | None]
    """Probability of being asked, over all draws it took part in; weights are its inverse."""
    interaction: Mapped[Interaction] = relationship()
    customer: Mapped[Customer | None] = relationship()
    survey: Mapped[Survey | None] = relationship()
    version: Mapped[SurveyVersion | None] = relationship()
    steps: Mapped[list["InvitationStep"]] = relationship(back_populates="invitation", order_by="InvitationStep.number")


class InvitationStep(Numbered):
    """One message of an invitation, with its own link."""

    __table_args__ = (
        UniqueConstraint("invitation_id", "number"),
        _index_where("ix_invitation_step_due", "due_at", "state = 'planned'"),
        _index_where("ix_invitation_step_external", "due_at", "state = 'handed_over' AND channel = 'external'"),
        _index_where("ix_invitation_step_lot", ("words_id", "against_id"), "against_id IS NOT NULL"),
    )

    invitation_id: Mapped[int] = mapped_column(ForeignKey("invitation.id"))
    number: Mapped[int]
    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    contact_point_id: Mapped[int | None] = mapped_column(ForeignKey("contact_point.id"), index=True)
    """None: a test, which no customer gets, or a step that another program sends."""
    token: Mapped[str] = mapped_column(unique=True)
    """144 random bits; names the step in `/r/<token>`."""
    short_code: Mapped[str | None] = mapped_column(unique=True, index=True)
    """SMS: names the step in `/s/<code>`, where each letter costs; 59 random bits, so wrong guesses are counted."""
    due_at: Mapped[datetime]
    state: Mapped[StepState] = mapped_column(code(StepState, "state"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), unique=True)
    words_id: Mapped[int | None]
    """The `surveys.StepWords` it was composed of …"""
    against_id: Mapped[int | None]
    """… and those of the other text, where a lot decided between two."""
    invitation: Mapped[Invitation] = relationship(back_populates="steps")
    message: Mapped[Message | None] = relationship()
