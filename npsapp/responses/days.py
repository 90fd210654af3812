"""Days whose tallies are to be counted again (decisions.md 27). Every function needs a transaction."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import Date, Integer, bindparam, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from npsapp.db import Ready, db, is_sqlite, table
from npsapp.responses.models import DirtyDay

Day = tuple[int, date]
"""A survey's id and a local date."""


def mark_dirty(survey_id: int, day: date) -> None:
    """Have the tallies of a survey's day counted again.

    Whoever takes such a mark away for a recount (see `clear_dirty`) waits for this transaction, and then counts what
    it changed; or this one waits and marks anew. Answers do not wait for each other.
    """
    mark = _MARK if is_sqlite() else _SHARED_MARK
    mark.run(survey=survey_id, day=day, number=day.toordinal())


_DAYS = table(DirtyDay)
_VALUES = bindparam("survey", type_=Integer), bindparam("day", type_=Date)
_MARK = Ready(
    sqlite.insert(_DAYS).values(dict(zip(("survey_id", "local_date"), _VALUES, strict=True))).on_conflict_do_nothing()
)
_LOCK = func.pg_advisory_xact_lock_shared(_VALUES[0], bindparam("number", type_=Integer)).alias("locked")
_SHARED_MARK = Ready(
    postgresql.insert(_DAYS)
    .from_select(["survey_id", "local_date"], select(*_VALUES).select_from(_LOCK))
    .on_conflict_do_nothing()
)


def clear_dirty(days: Collection[Day]) -> list[Day]:
    """Take marks away before their days are counted again; those actually taken, by nobody else meanwhile."""
    if not is_sqlite():
        for survey_id, day in sorted(days):
            db.session.execute(select(func.pg_advisory_xact_lock(survey_id, day.toordinal())))
    wanted = tuple_(DirtyDay.survey_id, DirtyDay.local_date).in_(days)
    taken = delete(DirtyDay).where(wanted).returning(DirtyDay.survey_id, DirtyDay.local_date)
    return [(survey_id, day) for survey_id, day in db.session.execute(taken)]
