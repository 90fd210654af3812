"""The last exchanges of a connection: who called, what came of it, and what helps when it failed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from npsapp.db import db
from npsapp.intake.models import Exchange, Source
from npsapp.lib.refusals import Refused

KEPT = 200  # of each connection


def note(
    source_id: int, what: str, why: Refused | None = None, *, now: datetime, failed: bool | None = None, count: int = 0
) -> None:
    """Remember an exchange: `what` (a msgid), and `why` it failed, without personal data in its values.

    The newest 200 of a connection are kept. Needs a transaction.
    """
    said = {"error": why.wording, "error_values": why.values} if why else {"error_values": {}}
    bad = why is not None if failed is None else failed
    db.session.add(Exchange(source_id=source_id, at=now, what=what, failed=bad, count=count, **said))
    db.session.execute(update(Source).where(Source.id == source_id).values(heard_at=now))
    mine = select(Exchange.id).where(Exchange.source_id == source_id).order_by(Exchange.id.desc())
    oldest_kept = mine.offset(KEPT).limit(1).scalar_subquery()
    db.session.execute(delete(Exchange).where(Exchange.source_id == source_id, Exchange.id <= oldest_kept))


def newest(source_id: int, *, limit: int = 20) -> Sequence[Exchange]:
    """The last exchanges of a connection, newest first."""
    mine = select(Exchange).where(Exchange.source_id == source_id).order_by(Exchange.id.desc())
    return db.session.scalars(mine.limit(limit)).all()
