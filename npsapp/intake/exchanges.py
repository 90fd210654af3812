"""The last exchanges of a connection: who called, what came of it, and what helps when it failed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from npsapp.db import db
from npsapp.intake.models import Exchange, Source

KEPT = 200  # of each connection


def note(
    source_id: int,
    what: str,
    *,
    now: datetime,
    failed: bool = False,
    count: int = 0,
    words: str = "",
    values: dict[str, Any] | None = None,
) -> None:
    """Remember an exchange. `what` and `words` (what went wrong, what helps) are msgids; no personal data in `values`.

    The newest 200 of a connection are kept. Needs a transaction.
    """
    db.session.add(
        Exchange(
            source_id=source_id, at=now, what=what, failed=failed, count=count, error=words, error_values=values or {}
        )
    )
    db.session.execute(update(Source).where(Source.id == source_id).values(heard_at=now))
    mine = select(Exchange.id).where(Exchange.source_id == source_id).order_by(Exchange.id.desc())
    oldest_kept = mine.offset(KEPT).limit(1).scalar_subquery()
    db.session.execute(delete(Exchange).where(Exchange.source_id == source_id, Exchange.id <= oldest_kept))


def newest(source_id: int, *, limit: int = 20) -> Sequence[Exchange]:
    """The last exchanges of a connection, newest first."""
    mine = select(Exchange).where(Exchange.source_id == source_id).order_by(Exchange.id.desc())
    return db.session.scalars(mine.limit(limit)).all()
