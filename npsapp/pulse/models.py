"""What is remembered about the program's own life."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from npsapp.db import Numbered


class Heartbeat(Numbered):
    """One row: the last beat, and who is beating until when."""

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    beat_at: Mapped[datetime]
    """Start of the last beat."""
    holder: Mapped[str] = mapped_column(default="")
    """Host, process id and a random name of who is beating now; empty between beats."""
    public_url: Mapped[str] = mapped_column(default="")
    """The public address under which the last beat ran; another one may mean that this database is a copy."""
    held_until: Mapped[datetime | None]
    """Until when another worker must not beat; the holder may have died."""


class Outage(Numbered):
    """A time in which the program did not run: half-open `[since, until)`; clocks of cases leave it out."""

    __table_args__ = (CheckConstraint("since < until", name="forward"),)

    since: Mapped[datetime] = mapped_column(index=True)
    until: Mapped[datetime]
