"""Confirmed and unconfirmed answers side by side, and where unconfirmed ones are no longer counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import sub
from typing import Any

from sqlalchemy import func, select

from npsapp.db import db
from npsapp.reports import queries
from npsapp.reports.models import DailyTally
from npsapp.reports.queries import ByScore, Counted, Selection
from npsapp.reports.statistics import WORDS_FIRST, GroupCounts, counts_of_distribution, nps
from npsapp.responses.models import Basis, Response

MOST_APART = 0.03  # on the scale -1..1: method.md 5.3, point 7
LOOKED_AT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Bases:
    """How sure the answers of a report are; the index on the scale -1..1."""

    confirmed: int
    promoted: int
    without: float | None
    """The index of the confirmed answers alone."""
    waiting: int
    dropped: int
    stopped: bool
    """Whether for one of its surveys no more unconfirmed answers are counted."""


def too_far_apart(confirmed: GroupCounts, promoted: GroupCounts) -> bool:
    """Whether unconfirmed answers move the index by more than 3 points; asked of 30 confirmed answers or more, for
    with fewer any single one does."""
    if confirmed.n < WORDS_FIRST or not promoted.n:
        return False
    sums = (getattr(confirmed, name) + getattr(promoted, name) for name in ("promoters", "passives", "detractors"))
    return abs((nps(GroupCounts(*sums)) or 0.0) - (nps(confirmed) or 0.0)) > MOST_APART


def stopped(now: datetime) -> set[int]:
    """Surveys whose unconfirmed answers of the last 90 days stand too far apart from the confirmed ones."""
    groups = (DailyTally.promoters, DailyTally.passives, DailyTally.detractors)
    lately = DailyTally.local_date >= (now - LOOKED_AT).date()
    asked = select(DailyTally.survey_id, DailyTally.basis, *map(func.sum, groups)).where(lately)
    found: dict[int, dict[str, GroupCounts]] = {}
    for survey_id, basis, *counts in db.session.execute(asked.group_by(DailyTally.survey_id, DailyTally.basis)):
        found.setdefault(survey_id, {})[basis] = GroupCounts(*map(int, counts))
    none = GroupCounts()
    return {
        survey_id
        for survey_id, of in found.items()
        if too_far_apart(of.get(Basis.CONFIRMED, none), of.get(Basis.PROMOTED, none))
    }


def beside(selection: Selection, counted: Counted, *, now: datetime) -> Bases:
    """The answers of a report by how sure they are; those that are not counted by their day."""
    confirmed: ByScore = tuple(map(sub, counted.by_score, counted.promoted))
    unsure = _unsure(selection)
    surveys, chosen = stopped(now), selection.ids.get("survey")
    return Bases(
        sum(confirmed),
        sum(counted.promoted),
        nps(counts_of_distribution(confirmed)),
        unsure.get(Basis.PROVISIONAL, 0),
        unsure.get(Basis.DROPPED, 0),
        stopped=chosen in surveys if chosen else bool(surveys),
    )


def _unsure(selection: Selection) -> dict[Basis, int]:
    bases: Sequence[Any] = (Basis.PROVISIONAL, Basis.DROPPED)
    doubted = Response.doubt.is_not(None), Response.basis.in_(bases), Response.test.is_(False)
    asked = select(Response.basis, func.count()).where(*doubted, *queries.of_selection(selection))
    return {row[0]: row[1] for row in db.session.execute(asked.group_by(Response.basis))}
