"""Tallies: counts by day that make the cost of a report independent of the number of answers and invitations."""

from datetime import date, datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from npsapp.db import Numbered


class Tally(Numbered):
    """What all tallies count, and of which day and region."""

    __abstract__ = True

    survey_id: Mapped[int]
    local_date: Mapped[date]
    region_id: Mapped[int]
    n: Mapped[int]


class ScoreTally(Tally):
    """Counted answers of a place by group."""

    __abstract__ = True

    unit_id: Mapped[int]
    promoters: Mapped[int]
    passives: Mapped[int]
    detractors: Mapped[int]


class DailyTally(ScoreTally):
    """Counted answers of one survey's day by place, segment and channel; derived, rebuilt from responses.

    Only what reports count: confirmed and promoted, not voided, not test. Ids are plain: a recount replaces
    whole days, and 0 stands for "none" so that rows can be compared and grouped.
    """

    __table_args__ = (
        Index("ix_daily_tally_day", "survey_id", "local_date"),
        Index("ix_daily_tally_region", "region_id", "local_date"),
    )

    brand_id: Mapped[int]
    touchpoint_id: Mapped[int]
    segment_id: Mapped[int]
    channel: Mapped[str]
    basis: Mapped[str]
    with_comment: Mapped[int]
    s0: Mapped[int]
    s1: Mapped[int]
    s2: Mapped[int]
    s3: Mapped[int]
    s4: Mapped[int]
    s5: Mapped[int]
    s6: Mapped[int]
    s7: Mapped[int]
    s8: Mapped[int]
    s9: Mapped[int]
    s10: Mapped[int]


class PerformerTally(ScoreTally):
    """Counted answers of one survey's day by performer (an answer counts for each performer it names)."""

    __table_args__ = (
        Index("ix_performer_tally_day", "survey_id", "local_date"),
        Index("ix_performer_tally_performer", "performer_id", "local_date"),
    )

    performer_id: Mapped[int]


class QuestionTally(Tally):
    """Answers of one survey's day to further questions, by what was said; `n` is how often that was."""

    __table_args__ = (Index("ix_question_tally_day", "survey_id", "local_date"),)

    brand_id: Mapped[int]
    touchpoint_id: Mapped[int]
    segment_id: Mapped[int]
    question_key: Mapped[str]
    value: Mapped[str]
    """Key of the option, or number of a rating; "" for words."""
    answered: Mapped[int]
    """Of these, the first of several that one customer said: their sum is how many customers answered the question."""


class InvitedTally(Tally):
    """Invitations of one survey by the day on which they were sent: `n` of them."""

    __table_args__ = (
        Index("ix_invited_tally_day", "survey_id", "local_date"),
        Index("ix_invited_tally_region", "region_id", "local_date"),
    )

    brand_id: Mapped[int]
    touchpoint_id: Mapped[int]
    segment_id: Mapped[int]
    answered: Mapped[int]
    open_until: Mapped[datetime | None]
    """When the last link closes of those without an answer that counts; None: all have one."""
