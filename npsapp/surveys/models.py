"""Touchpoints, surveys, their frozen versions and the texts of their letters."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.db import Base, Numbered, code
from npsapp.delivery.rules import Channel
from npsapp.organization.models import Brand, Setting
from npsapp.surveys.letters import Variant
from npsapp.surveys.rules import SurveyState


class Touchpoint(Setting):
    """A kind of contact after which we ask: purchase, delivery, service visit."""

    __table_args__ = (UniqueConstraint("pool_id", "key"),)

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    name: Mapped[dict[str, str]]
    aliases: Mapped[list[str]] = mapped_column(default=list)


_ASKS = text("state = 'active'")
_CURRENT = text("replaced_at IS NULL")
_WORDS = "survey_id", "step", "channel", "variant"


class Survey(Numbered):
    """What customers of one brand are asked after one touchpoint; at most one is active."""

    __table_args__ = (
        Index(
            *("uq_survey_active", "brand_id", "touchpoint_id"), unique=True, sqlite_where=_ASKS, postgresql_where=_ASKS
        ),
    )

    brand_id: Mapped[int] = mapped_column(ForeignKey("brand.id"))
    touchpoint_id: Mapped[int] = mapped_column(ForeignKey("touchpoint.id"), index=True)
    name: Mapped[str]
    state: Mapped[SurveyState] = mapped_column(code(SurveyState, "state"), default=SurveyState.DRAFT)
    version_id: Mapped[int | None] = mapped_column(ForeignKey("survey_version.id", use_alter=True))
    """The version new invitations get."""
    draft_id: Mapped[int | None] = mapped_column(ForeignKey("survey_version.id", use_alter=True))
    """What is being written while another version asks; None: nothing, or the survey has never asked."""
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    brand: Mapped[Brand] = relationship()
    touchpoint: Mapped[Touchpoint] = relationship()
    version: Mapped["SurveyVersion | None"] = relationship(foreign_keys=[version_id], post_update=True)
    draft: Mapped["SurveyVersion | None"] = relationship(foreign_keys=[draft_id], post_update=True)

    @property
    def newest(self) -> "SurveyVersion | None":
        """What the editor shows: the draft, else what asks."""
        return self.draft or self.version


class SurveyVersion(Numbered):
    """The questionnaire as one document; frozen once it was published."""

    __table_args__ = (UniqueConstraint("survey_id", "number"),)

    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    number: Mapped[int]
    content: Mapped[dict[str, Any]]
    """A `surveys.rules.Questionnaire` as JSON."""
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    frozen_at: Mapped[datetime | None]
    survey: Mapped[Survey] = relationship(foreign_keys=[survey_id])


class FixedWords(Numbered):
    """What pages and letters say to every customer, in a language that the program does not speak itself."""

    language: Mapped[str] = mapped_column(unique=True)
    texts: Mapped[dict[str, str]]
    """Msgid, or form of a plural (`i18n.form_key`) → text."""


class StepWords(Numbered):
    """What one step's message says, in all languages; every save is a row, and `replaced_at` is empty in the current.

    Layout is the post office's. Text B is there while two texts are compared; which one somebody got, and against
    which, stands in the step of the invitation.
    """

    __table_args__ = (
        UniqueConstraint("survey_id", "step", "channel", "variant", "number"),
        Index("uq_step_words_current", *_WORDS, unique=True, sqlite_where=_CURRENT, postgresql_where=_CURRENT),
    )

    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    step: Mapped[int] = mapped_column(default=1)
    channel: Mapped[Channel] = mapped_column(code(Channel, "channel"))
    variant: Mapped[Variant] = mapped_column(code(Variant, "variant"), default=Variant.A)
    number: Mapped[int] = mapped_column(default=1)
    texts: Mapped[dict[str, Any]]
    """Part (see `letters.PARTS`) → language → text."""
    share: Mapped[int] = mapped_column(default=0)
    """Text B: how many of 100 messages it gets."""
    saved_at: Mapped[datetime]
    saved_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    replaced_at: Mapped[datetime | None]


class Tallied(StrEnum):
    """What is counted by days: answers by the day of their confirmation, invitations by the day of their sending."""

    ANSWERS = "answers"
    INVITATIONS = "invitations"


class DirtyDay(Base):
    """A survey's day whose tallies must be recounted; written in the transaction that changed what they count."""

    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"), primary_key=True)
    local_date: Mapped[date] = mapped_column(Date, primary_key=True)
    tallied: Mapped[Tallied] = mapped_column(code(Tallied, "tallied"), primary_key=True, default=Tallied.ANSWERS)
