"""Answers change two tallies: that of their own day, and that of the day on which their invitation was sent."""

from datetime import date
from typing import Any

from sqlalchemy import Date, bindparam, literal, select, union_all
from sqlalchemy.dialects import postgresql, sqlite

from npsapp.db import Ready, code, is_sqlite, table
from npsapp.invitations.models import Invitation
from npsapp.surveys import days
from npsapp.surveys.models import DirtyDay, Tallied

UNKNOWN = object()
"""Stands for a day on which an invitation was sent: it is looked up."""


def mark_dirty(survey_id: int, day: date, invitation_id: int | None = None, sent_on: Any = UNKNOWN) -> None:
    """Have the tallies of a survey's day counted again, and those of the day on which the invitation was sent: one
    statement, for every answer needs it. See `days.mark`.

    What marks the invitation as answered in the same statement has to tell `sent_on` by what it returns: a look at the
    invitation would miss whoever has sent it at the same moment.
    """
    values = {"survey": survey_id, "day": day, "number": day.toordinal()}
    if invitation_id is None or sent_on is None:
        days.mark(Tallied.ANSWERS, [(survey_id, day)])
    elif sent_on is UNKNOWN:
        (_BOTH if is_sqlite() else _SHARED_BOTH).run(**values, invitation=invitation_id)
    else:
        (_TOLD if is_sqlite() else _SHARED_TOLD).run(**values, sent_on=sent_on)


_INVITATION = table(Invitation).c
_SENT = _INVITATION.id == bindparam("invitation"), _INVITATION.sent_on.is_not(None)
_KIND = code(Tallied, "tallied")
_ANSWERED = select(*days.DAY, literal(Tallied.ANSWERS, _KIND))
_ASKED = select(_INVITATION.survey_id, _INVITATION.sent_on, literal(Tallied.INVITATIONS, _KIND)).where(*_SENT)
_SENT_ON = bindparam("sent_on", type_=Date)
_SAID = select(days.SURVEY, _SENT_ON, literal(Tallied.INVITATIONS, _KIND)).where(_SENT_ON.is_not(None))


def _sqlites(asked: Any) -> Ready:
    rows = union_all(_ANSWERED, asked)
    return Ready(sqlite.insert(table(DirtyDay)).from_select(days.COLUMNS, rows).on_conflict_do_nothing())


def _postgresqls(asked: Any, survey_id: Any, sent_on: Any) -> Ready:
    """In the order in which a recount locks: answers first."""
    ordinal = sent_on - literal(date.min, Date) + date.min.toordinal()
    answered = _ANSWERED.select_from(days.shared_lock(days.SURVEY, days.NUMBER))
    rows = union_all(answered, asked.select_from(days.shared_lock(survey_id, -ordinal)))
    return Ready(postgresql.insert(table(DirtyDay)).from_select(days.COLUMNS, rows).on_conflict_do_nothing())


_BOTH, _TOLD = _sqlites(_ASKED), _sqlites(_SAID)
_SHARED_BOTH = _postgresqls(_ASKED.select_from(table(Invitation)), _INVITATION.survey_id, _INVITATION.sent_on)
_SHARED_TOLD = _postgresqls(_SAID, days.SURVEY, _SENT_ON)
