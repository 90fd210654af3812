"""Reading the log: newest first, by event, actor, subject and period; and the history of one thing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from npsapp.audit.actors import Actor
from npsapp.audit.models import AuditEntry
from npsapp.db import db


@dataclass(frozen=True)
class Filter:
    """What the log page shows; the period is half-open `[since, until)`, in UTC."""

    event: str = ""
    actor: Actor | None = None
    subject_type: str = ""
    subject_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def entries(wanted: Filter, *, before_id: int | None = None, limit: int) -> Sequence[AuditEntry]:
    """Entries newest first; `before_id` is the last one of the page before."""
    rows = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before_id is not None:
        rows = rows.where(AuditEntry.id < before_id)
    if wanted.event:
        rows = rows.where(AuditEntry.event == wanted.event)
    if wanted.actor:
        rows = rows.where(AuditEntry.actor_type == wanted.actor.type)
        if wanted.actor.id is not None:
            rows = rows.where(AuditEntry.actor_id == wanted.actor.id)
    if wanted.subject_type:
        rows = rows.where(AuditEntry.subject_type == wanted.subject_type)
        if wanted.subject_id is not None:
            rows = rows.where(AuditEntry.subject_id == wanted.subject_id)
    if wanted.since is not None:
        rows = rows.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        rows = rows.where(AuditEntry.at < wanted.until)
    return db.session.scalars(rows).all()


def history(subject_type: str, subject_id: int, *, limit: int = 100) -> Sequence[AuditEntry]:
    """What happened to one thing, newest first."""
    return entries(Filter(subject_type=subject_type, subject_id=subject_id), limit=limit)
