"""What the metrics count: one statement per question."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from npsapp.db import db, pairs
from npsapp.delivery.models import Message
from npsapp.delivery.rules import State
from npsapp.intake.models import BatchState, ImportBatch
from npsapp.responses.models import Response

DAY = timedelta(days=1)


def messages() -> dict[State, int]:
    """Letters by state."""
    return pairs(select(Message.state, func.count()).group_by(Message.state))


def oldest_due(now: datetime) -> datetime | None:
    """Since when the letter that waits longest has been due; None when none is."""
    return db.session.scalar(
        select(func.min(Message.due_at)).where(Message.state == State.QUEUED, Message.due_at <= now)
    )


def answers(now: datetime) -> tuple[int, int]:
    """All answers, and those confirmed in the last 24 hours."""
    lately = func.count().filter(Response.confirmed_at >= now - DAY)
    total, new = db.session.execute(select(func.count(), lately).select_from(Response)).one()
    return total, new


def imports() -> dict[BatchState, int]:
    """Files by state."""
    return pairs(select(ImportBatch.state, func.count()).group_by(ImportBatch.state))
