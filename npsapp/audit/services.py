"""Writing the audit log, inside the transaction of the deed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from npsapp.audit.actors import COMMAND, PROGRAM, Actor, by_customer, by_user
from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.db import db

__all__ = ["COMMAND", "PROGRAM", "Actor", "by_customer", "by_user", "record", "record_many"]


def record(
    event: Event,
    *,
    actor: Actor,
    now: datetime,
    subject: tuple[str, int | None] = ("", None),
    data: dict[str, Any] | None = None,
) -> None:
    """Remember one fact. Needs a transaction. `subject` is (table name, id); `data` never holds personal data."""
    db.session.execute(insert(AuditEntry), [_row(event, actor, now, subject, data or {})])


def record_many(
    event: Event, *, actor: Actor, now: datetime, subjects: Iterable[tuple[str, int, dict[str, Any]]]
) -> None:
    """Remember the same kind of fact about several things with one statement. Needs a transaction."""
    rows = [_row(event, actor, now, (kind, id_), data) for kind, id_, data in subjects]
    if rows:
        db.session.execute(insert(AuditEntry), rows)


def _row(
    event: Event, actor: Actor, now: datetime, subject: tuple[str, int | None], data: dict[str, Any]
) -> dict[str, Any]:
    return {
        "at": now,
        "event": event.value,
        "actor_type": actor.type,
        "actor_id": actor.id,
        "subject_type": subject[0],
        "subject_id": subject[1],
        "data": data,
    }
