"""The append-only log. Rows outlive what they describe, so they have no foreign keys and no personal data."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from npsapp.db import Numbered


class AuditEntry(Numbered):
    """One fact: who did what to which thing, when. `data` holds ids, enum values, counts and field names only."""

    __table_args__ = (
        Index("ix_audit_entry_subject", "subject_type", "subject_id", "id"),
        Index("ix_audit_entry_event", "event", "id"),
        Index("ix_audit_entry_actor", "actor_type", "actor_id", "id"),
    )

    at: Mapped[datetime] = mapped_column(index=True)
    event: Mapped[str]
    """A value of `events.Event`; plain text, so that old names stay readable."""
    actor_type: Mapped[str]
    """`user`, `customer`, `command` (somebody at the server) or `program` (the heartbeat)."""
    actor_id: Mapped[int | None]
    subject_type: Mapped[str]
    """The table the fact is about: `case`, `invitation`, `user` …; `` when it is about nothing single."""
    subject_id: Mapped[int | None]
    data: Mapped[dict[str, Any]]
