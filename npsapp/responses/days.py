"""Answers change two tallies: that of their own day, and that of the day on which their invitation was sent."""

from datetime import date

from sqlalchemy import Date, bindparam, literal, select, union_all
from sqlalchemy.dialects import postgresql, sqlite

from npsapp.db import Ready, code, is_sqlite, table
from npsapp.invitations.models import Invitation
from npsapp.surveys import days
from npsapp.surveys.models import DirtyDay, Tallied


def mark_dirty(survey_id: int, day: date, invitation_id: int | None = None) -> None:
    """Have the tallies of a survey's day counted again, and those of the day on which the invitation was sent: one
    statement, for every answer needs it. It sees that day as it stands now, whoever has just sent. See `days.mark`."""
    if invitation_id is None:
        days.mark(Tallied.ANSWERS, [(survey_id, day)])
        return
    both = _BOTH if is_sqlite() else _SHARED_BOTH
    both.run(survey=survey_id, day=day, number=day.toordinal(), invitation=invitation_id)


_INVITATION = table(Invitation).c
_SENT = _INVITATION.id == bindparam("invitation"), _INVITATION.sent_on.is_not(None)
_KIND = code(Tallied, "tallied")
_ANSWERED = select(*days.DAY, literal(Tallied.ANSWERS, _KIND))
_ASKED = select(_INVITATION.survey_id, _INVITATION.sent_on, literal(Tallied.INVITATIONS, _KIND)).where(*_SENT)
_ORDINAL = _INVITATION.sent_on - literal(date.min, Date) + date.min.toordinal()
_BOTH = Ready(
    sqlite.insert(table(DirtyDay)).from_select(days.COLUMNS, union_all(_ANSWERED, _ASKED)).on_conflict_do_nothing()
)
_SHARED_BOTH = Ready(  # in the order in which a recount locks: answers first
    postgresql.insert(table(DirtyDay))
    .from_select(
        days.COLUMNS,
        union_all(
            _ANSWERED.select_from(days.shared_lock(days.SURVEY, days.NUMBER)),
            _ASKED.select_from(table(Invitation), days.shared_lock(_INVITATION.survey_id, -_ORDINAL)),
        ),
    )
    .on_conflict_do_nothing()
)
