"""Open links, and how many answers each network has given with them in an hour."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from npsapp.db import Base, Numbered, code
from npsapp.organization.models import Region, Segment, Unit
from npsapp.responses.open_rules import Asks
from npsapp.surveys.models import Survey


class OpenLink(Numbered):
    """An address for people without an invitation: a QR code on a receipt or a poster, a tablet at the counter."""

    __table_args__ = (CheckConstraint("unit_id IS NULL OR region_id IS NULL", name="one_place"),)

    token: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    """Where it hangs, in the words of whoever made it."""
    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"), index=True)
    """Brand and touchpoint are the survey's."""
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"), index=True)
    """For links without a unit; a unit's answers stand in the region it belongs to when they are given."""
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segment.id"))
    asks: Mapped[Asks] = mapped_column(code(Asks, "asks"), default=Asks.OPTIONAL)
    tablet: Mapped[bool] = mapped_column(default=False)
    """The page goes back to its start by itself and remembers nothing."""
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    retired_at: Mapped[datetime | None]
    survey: Mapped[Survey] = relationship()
    region: Mapped[Region | None] = relationship()
    unit: Mapped[Unit | None] = relationship()
    segment: Mapped[Segment | None] = relationship()

    @property
    def place(self) -> str:
        """Where its answers belong, as forms name it: `unit:5`, `region:3`; empty: the whole brand."""
        return f"unit:{self.unit_id}" if self.unit_id else f"region:{self.region_id}" if self.region_id else ""

    def address(self, ours: str) -> str:
        """Where people get by it, on the brand's own address or the installation's (`ours`)."""
        return f"{self.survey.brand.site(ours)}/o/{self.token}"


class OpenRate(Base):
    """Answers of one network with one link in one hour; gone a day later."""

    open_link_id: Mapped[int] = mapped_column(ForeignKey("open_link.id", ondelete="CASCADE"), primary_key=True)
    network: Mapped[str] = mapped_column(primary_key=True)
    """Prefix only: /24 of IPv4, /48 of IPv6."""
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    answers: Mapped[int]
