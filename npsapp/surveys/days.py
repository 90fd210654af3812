"""Days whose tallies are to be counted again (decisions.md 27). Every function needs a transaction."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from sqlalchemy import Date, Integer, bindparam, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from npsapp.db import Ready, code, db, is_sqlite, table
from npsapp.surveys.models import DirtyDay, Tallied

Day = tuple[int, date]
"""A survey's id and a local date."""
COLUMNS = ("survey_id", "local_date", "tallied")


def mark(tallied: Tallied, days: Iterable[Day]) -> None:
    """Have the tallies of these days counted again.

    Whoever takes such a mark away for a recount (see `clear_dirty`) waits for this transaction, and then counts what
    it changed; or this one waits and marks anew. Those who mark share the lock of the day.
    """
    one = _MARK if is_sqlite() else _SHARED_MARK
    for survey_id, day in sorted(days):  # all lock in this order: nobody waits for somebody who waits for him
        one.run(survey=survey_id, day=day, tallied=tallied, number=_number(tallied, day))


def _number(tallied: Tallied, day: date) -> int:
    """What stands for a day in the locks of PostgreSQL."""
    return -day.toordinal() if tallied is Tallied.INVITATIONS else day.toordinal()


SURVEY, NUMBER = bindparam("survey", type_=Integer), bindparam("number", type_=Integer)
DAY = SURVEY, bindparam("day", type_=Date)


def shared_lock(survey_id: Any, number: Any) -> Any:
    """The lock of a day (see `_number`) as something to select from."""
    return func.pg_advisory_xact_lock_shared(survey_id, number).alias()


_VALUES = *DAY, bindparam("tallied", type_=code(Tallied, "tallied"))
_MARK = Ready(sqlite.insert(table(DirtyDay)).values(dict(zip(COLUMNS, _VALUES, strict=True))).on_conflict_do_nothing())
_SHARED_MARK = Ready(
    postgresql.insert(table(DirtyDay))
    .from_select(COLUMNS, select(*_VALUES).select_from(shared_lock(SURVEY, NUMBER)))
    .on_conflict_do_nothing()
)


def clear_dirty(tallied: Tallied, days: Collection[Day]) -> list[Day]:
    """Take marks away before their days are counted again; those actually taken, by nobody else meanwhile."""
    if not is_sqlite():
        for survey_id, day in sorted(days):
            db.session.execute(select(func.pg_advisory_xact_lock(survey_id, _number(tallied, day))))
    wanted = DirtyDay.tallied == tallied, tuple_(DirtyDay.survey_id, DirtyDay.local_date).in_(days)
    taken = delete(DirtyDay).where(*wanted).returning(DirtyDay.survey_id, DirtyDay.local_date)
    return [(survey_id, day) for survey_id, day in db.session.execute(taken)]
