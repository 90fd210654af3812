"""Quotas: how many answers a month is to bring from each place, the planner's settings, and the draws made."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from npsapp.db import Base, Numbered, code
from npsapp.invitations.pace import Curve, Settings
from npsapp.lib.texts import N_, Worded


class Stratum(Worded):
    """What has a quota of its own; the value is the name of its table."""

    UNIT = "unit", N_("store or other unit")
    REGION = "region", N_("region")
    PERFORMER = "performer", N_("performer")


class QuotaRule(Base):
    """How one survey draws: by what its quotas go, and the planner's parameters (see `pace.Settings`)."""

    __table_args__ = (
        CheckConstraint("prior_rate > 0 AND prior_rate <= 1 AND most_share > 0 AND most_share <= 1", name="shares"),
        CheckConstraint("prior_weight > 0 AND safety >= 0 AND discount > 0 AND discount <= 1", name="parameters"),
        CheckConstraint("carry_days BETWEEN 0 AND 3", name="carried_three_days_at_most"),
    )

    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"), primary_key=True)
    kind: Mapped[Stratum] = mapped_column(code(Stratum, "kind"), default=Stratum.UNIT)
    curve: Mapped[Curve] = mapped_column(code(Curve, "curve"), default=Curve.EMAIL)
    """How fast answers are believed to come before there are some."""
    prior_rate: Mapped[float] = mapped_column(default=0.15)
    prior_weight: Mapped[float] = mapped_column(default=20.0)
    safety: Mapped[float] = mapped_column(default=0.8)
    discount: Mapped[float] = mapped_column(default=0.95)
    most_share: Mapped[float] = mapped_column(default=1.0)
    most_a_day: Mapped[int | None]
    carry_days: Mapped[int] = mapped_column(default=0)
    """Further days on which whoever was not drawn takes part in the draw."""

    @property
    def settings(self) -> Settings:
        """The parameters as the planner takes them."""
        names = Settings.__dataclass_fields__
        return Settings(**{name: getattr(self, name) for name in names})


class Quota(Numbered):
    """Answers wanted from one place in one month."""

    __table_args__ = (
        UniqueConstraint("survey_id", "month", "kind", "place_id"),
        CheckConstraint("target >= 0", name="target_not_negative"),
    )

    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    month: Mapped[date] = mapped_column(Date)
    """Its first day."""
    kind: Mapped[Stratum] = mapped_column(code(Stratum, "kind"))
    place_id: Mapped[int]
    """The unit, region or performer, by `kind`."""
    target: Mapped[int]
    told_at: Mapped[datetime | None]
    """When people were told that it cannot be reached; once is enough."""


class QuotaDraw(Numbered):
    """The draw of one local day: it is made once."""

    __table_args__ = (UniqueConstraint("quota_id", "day"),)

    quota_id: Mapped[int] = mapped_column(ForeignKey("quota.id", ondelete="CASCADE"))
    day: Mapped[date] = mapped_column(Date)
    pool: Mapped[int]
    """Customers who could have been asked."""
    drawn: Mapped[int]
    rest: Mapped[float]
    """Part of an invitation that is carried to the next day."""
    share: Mapped[float]
    """π of the plan."""
    attainable: Mapped[bool]
    """Whether the target could still be reached that morning."""
    at: Mapped[datetime]
