"""Reading the log, newest first."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from npsapp.audit.models import AuditEntry
from npsapp.db import db


def entries(
    wanted: Mapping[str, str | int | None],
    *,
    since: datetime | None,
    until: datetime | None,
    before_id: int | None,
    limit: int,
) -> Sequence[AuditEntry]:
    """Entries of the half-open period `[since, until)` whose columns have the wanted values; empty ones do not count.

    `before_id` is the last entry of the page before.
    """
    rows = select(AuditEntry).filter_by(**{column: value for column, value in wanted.items() if value})
    if since:
        rows = rows.where(AuditEntry.at >= since)
    if until:
        rows = rows.where(AuditEntry.at < until)
    if before_id:
        rows = rows.where(AuditEntry.id < before_id)
    return db.session.scalars(rows.order_by(AuditEntry.id.desc()).limit(limit)).all()
