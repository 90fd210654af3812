"""Keeping the tallies true to the answers."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, case, delete, func, insert, select, tuple_

from npsapp.db import db
from npsapp.intake.models import InteractionPerformer
from npsapp.reports import queries
from npsapp.reports.models import DailyTally, PerformerTally
from npsapp.responses.models import DirtyDay, Response
from npsapp.responses.rules import LOWEST_PASSIVE, LOWEST_PROMOTER

Day = tuple[int, date]
"""A survey's id and a local date."""
DAYS_AT_ONCE = 200


def recount_dirty_days(*, limit: int = DAYS_AT_ONCE) -> int:
    """Count again up to `limit` days whose answers changed; how many days that were. Needs a transaction.

    The marks go first: deleting one waits for whoever is just marking the same day, and a day marked after
    that stays marked. Two beats at once never count the same day twice.
    """
    wanted = queries.dirty_days(limit)
    if not wanted:
        return 0
    taken = db.session.execute(
        delete(DirtyDay)
        .where(tuple_(DirtyDay.survey_id, DirtyDay.local_date).in_(wanted))
        .returning(DirtyDay.survey_id, DirtyDay.local_date)
    )
    days = [(survey_id, day) for survey_id, day in taken]
    if days:
        _recount(days)
    return len(days)


def recount(survey_id: int, local_date: date) -> None:
    """Count one survey's day again, marked or not. Needs a transaction."""
    db.session.execute(
        delete(DirtyDay).where(DirtyDay.survey_id == survey_id, DirtyDay.local_date == local_date)
    )
    _recount([(survey_id, local_date)])


def _recount(days: Sequence[Day]) -> None:
    """Replace the tallies of whole days by what the answers say now."""
    for tally in (DailyTally, PerformerTally):
        db.session.execute(delete(tally).where(tuple_(tally.survey_id, tally.local_date).in_(days)))
    db.session.execute(insert(DailyTally).from_select(*_daily(days)))
    db.session.execute(insert(PerformerTally).from_select(*_by_performer(days)))


def _daily(days: Sequence[Day]) -> tuple[list[str], Select[Any]]:
    """Columns and rows of the daily tallies."""
    dimensions: dict[str, ColumnElement[Any]] = {
        "survey_id": Response.survey_id.expression,
        "local_date": Response.local_date.expression,
        "brand_id": Response.brand_id.expression,
        "touchpoint_id": Response.touchpoint_id.expression,
        "region_id": func.coalesce(Response.region_id, queries.NONE),
        "unit_id": func.coalesce(Response.unit_id, queries.NONE),
        "segment_id": func.coalesce(Response.segment_id, queries.NONE),
        "channel": Response.channel.expression,
        "basis": Response.basis.expression,
    }
    figures = {
        **_groups(),
        "with_comment": _count_if(Response.comment != ""),
        **{name: _count_if(Response.score == score) for score, name in enumerate(queries.SCORE_COLUMNS)},
    }
    rows = select(*dimensions.values(), *figures.values()).where(*_of_days(days))
    return [*dimensions, *figures], rows.group_by(*dimensions.values())


def _by_performer(days: Sequence[Day]) -> tuple[list[str], Select[Any]]:
    """Columns and rows of the tallies by performer; several roles in one interaction count once."""
    served = (
        select(InteractionPerformer.interaction_id, InteractionPerformer.performer_id)
        .distinct()
        .subquery("served")
    )
    dimensions: dict[str, ColumnElement[Any]] = {
        "survey_id": Response.survey_id.expression,
        "local_date": Response.local_date.expression,
        "region_id": func.coalesce(Response.region_id, queries.NONE),
        "unit_id": func.coalesce(Response.unit_id, queries.NONE),
        "performer_id": served.c.performer_id,
    }
    figures = _groups()
    rows = (
        select(*dimensions.values(), *figures.values())
        .join(served, served.c.interaction_id == Response.interaction_id)
        .where(*_of_days(days))
        .group_by(*dimensions.values())
    )
    return [*dimensions, *figures], rows


def _of_days(days: Sequence[Day]) -> list[ColumnElement[bool]]:
    """The answers of these days that count."""
    return [tuple_(Response.survey_id, Response.local_date).in_(days), *queries.counting()]


def _groups() -> dict[str, ColumnElement[Any]]:
    """All answers, and those of each group."""
    return {
        "n": func.count(Response.id),
        "promoters": _count_if(Response.score >= LOWEST_PROMOTER),
        "passives": _count_if(Response.score.between(LOWEST_PASSIVE, LOWEST_PROMOTER - 1)),
        "detractors": _count_if(Response.score < LOWEST_PASSIVE),
    }


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    """How many rows fulfil the condition."""
    return func.sum(case((condition, 1), else_=0))
