"""Keeping the tallies true to the answers."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, FromClause, case, delete, func, insert, select, tuple_

from npsapp.db import db
from npsapp.intake.models import InteractionPerformer
from npsapp.reports import queries
from npsapp.reports.models import DailyTally, PerformerTally, QuestionTally
from npsapp.responses import days as dirty, tags
from npsapp.responses.models import AnswerValue, Response
from npsapp.responses.queries import counting
from npsapp.responses.rules import LOWEST_PASSIVE, LOWEST_PROMOTER

DAYS_AT_ONCE = 200


def recount_dirty_days(*, limit: int = DAYS_AT_ONCE) -> int:
    """Count again up to `limit` days whose answers changed; how many days that were. Needs a transaction.

    The marks go first: taking one away waits for whoever is just marking the same day, and a day marked after
    that stays marked. Two beats at once never count the same day twice.
    """
    days = dirty.clear_dirty(queries.dirty_days(limit))
    if not days:
        return 0
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


def _count_again(
    tally: Any, days: Collection[dirty.Day], source: FromClause, more: dict[str, ColumnElement[Any]]
) -> None:
    """Replace the tallies of whole days; a column of a tally is called as what it counts, or counts by."""
    db.session.execute(delete(tally).where(tuple_(tally.survey_id, tally.local_date).in_(days)))
    names, columns = tally.__table__.c.keys(), Response.__table__.c
    # 0 stands for "none" where an answer may have none, so that rows can be compared and grouped.
    dimensions = more | {
        name: func.coalesce(columns[name], queries.NONE) if columns[name].foreign_keys else columns[name]
        for name in names
        if name in columns and name != "id"
    }
    figures = {name: figure for name, figure in FIGURES.items() if name in names}
    rows = (
        select(*dimensions.values(), *figures.values())
        .select_from(source)
        .where(tuple_(columns.survey_id, columns.local_date).in_(days), *counting())
        .group_by(*dimensions.values())
    )
    db.session.execute(insert(tally).from_select([*dimensions, *figures], rows))


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
