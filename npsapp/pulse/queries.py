"""When the heart last beat, and when the program did not run."""

from datetime import datetime

from sqlalchemy import select

from npsapp.db import db
from npsapp.pulse.models import Heartbeat, Outage

ONE_ROW = 1


def last_beat() -> datetime | None:
    """Start of the last beat; None when this installation has never beaten."""
    return db.session.scalar(select(Heartbeat.beat_at).where(Heartbeat.id == ONE_ROW))


def outages(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Times in which the program did not run, as far as they touch [since, until), in order."""
    rows = db.session.execute(
        select(Outage.since, Outage.until).where(Outage.since < until, Outage.until > since).order_by(Outage.since)
    )
    return [(row.since, row.until) for row in rows]
