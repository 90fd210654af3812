"""Keeping the tallies true to the answers."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, case, delete, func, insert, select, tuple_

from npsapp.db import db, table
from npsapp.intake.models import InteractionPerformer
from npsapp.invitations.models import Invitation
from npsapp.reports import queries
from npsapp.reports.models import DailyTally, InvitedTally, PerformerTally, QuestionTally
from npsapp.responses import tags
from npsapp.responses.models import AnswerValue, Response
from npsapp.responses.queries import counting
from npsapp.responses.rules import LOWEST_PASSIVE, LOWEST_PROMOTER
from npsapp.surveys import days as dirty
from npsapp.surveys.models import Tallied

Columns = Mapping[str, ColumnElement[Any]]

OF_INVITATION = ("survey_id", "region_id", "brand_id", "touchpoint_id", "segment_id")
DAYS_AT_ONCE = 200
SENT_AT_ONCE = 10  # days of invitations: answers to them come over weeks, and wait while theirs is counted


def recount_dirty_days(*, limit: int = DAYS_AT_ONCE) -> int:
    """Count again up to `limit` days whose answers changed, or if there are none, a few days whose invitations did.

    The marks go first: taking one away waits for whoever is just marking the same day, and a day marked after
    that stays marked. Two beats at once never count the same day twice. Gives how many days that were. Needs a
    transaction.
    """
    days = dirty.clear_dirty(Tallied.ANSWERS, queries.dirty_days(limit))
    if not days:
        return _recount_invitations(min(limit, SENT_AT_ONCE))
    tags.derive_again(days)
    # An answer counts once for each performer, whatever several roles that one had.
    who = InteractionPerformer.interaction_id, InteractionPerformer.performer_id
    served = select(*who).distinct().subquery("served")
    answers = Response.__table__
    by_performer = answers.join(served, served.c.interaction_id == answers.c.interaction_id)
    said = {name: queries.IN_ANSWERS[QuestionTally][name] for name in ("question_key", "value")}
    by_question = answers.join(AnswerValue, AnswerValue.response_id == answers.c.id)
    _count_again(DailyTally, days, answers, {})
    _count_again(PerformerTally, days, by_performer, {"performer_id": served.c.performer_id})
    _count_again(QuestionTally, days, by_question, said)
    return len(days)


def _recount_invitations(limit: int) -> int:
    days = dirty.clear_dirty(Tallied.INVITATIONS, queries.dirty_days(limit, Tallied.INVITATIONS))
    if days:
        columns, each = table(Invitation).c, queries.IN_ANSWERS[InvitedTally]
        dimensions = {name: func.coalesce(columns[name], queries.NONE) for name in OF_INVITATION}
        figures: dict[str, Any] = {name: func.sum(each[name]) for name in ("n", "answered")}
        figures |= {"open_until": func.max(each["open_until"])}
        which = tuple_(columns.survey_id, columns.sent_on).in_(days), *queries.SENT
        rows = queries.each(InvitedTally, table(Invitation)).where(*which)
        _replace(InvitedTally, days, dimensions | {"local_date": columns.sent_on}, figures, rows)
    return len(days)


def _count_again(
    tally: Any, days: Collection[dirty.Day], source: FromClause, more: dict[str, ColumnElement[Any]]
) -> None:
    """Replace the tallies of answers of whole days; a column of a tally is called as what it counts, or counts by."""
    names, columns = tally.__table__.c.keys(), Response.__table__.c
    # 0 stands for "none" where an answer may have none, so that rows can be compared and grouped.
    dimensions = more | {
        name: func.coalesce(columns[name], queries.NONE) if columns[name].foreign_keys else columns[name]
        for name in names
        if name in columns and name != "id"
    }
    figures = {name: figure for name, figure in FIGURES.items() if name in names}
    which = tuple_(columns.survey_id, columns.local_date).in_(days), *counting()
    _replace(tally, days, dimensions, figures, select().select_from(source).where(*which))


def _replace(
    tally: Any, days: Collection[dirty.Day], dimensions: Columns, figures: Columns, rows: Select[*tuple[Any, ...]]
) -> None:
    db.session.execute(delete(tally).where(tuple_(tally.survey_id, tally.local_date).in_(days)))
    counted = rows.with_only_columns(*dimensions.values(), *figures.values()).group_by(*dimensions.values())
    db.session.execute(insert(tally).from_select([*dimensions, *figures], counted))


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    """How many answers fulfil the condition."""
    return func.sum(case((condition, 1), else_=0))


FIGURES: dict[str, ColumnElement[Any]] = {
    "n": func.count(Response.id),
    "promoters": _count_if(Response.score >= LOWEST_PROMOTER),
    "passives": _count_if(Response.score.between(LOWEST_PASSIVE, LOWEST_PROMOTER - 1)),
    "detractors": _count_if(Response.score < LOWEST_PASSIVE),
    "answered": func.sum(queries.IN_ANSWERS[QuestionTally]["answered"]),
    "with_comment": _count_if(Response.comment != ""),
    **{name: _count_if(Response.score == score) for score, name in enumerate(queries.SCORE_COLUMNS)},
}
