"""Reading for reports: one statement per question, from tallies and, for days just changed, from answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    Subquery,
    and_,
    case,
    exists,
    extract,
    false,
    func,
    or_,
    select,
    union_all,
)

from npsapp.db import db
from npsapp.intake.models import Interaction
from npsapp.invitations.models import Invitation
from npsapp.lib.clock import at_local
from npsapp.organization.models import Brand, Region, Segment
from npsapp.permissions import EVERYTHING, Scope
from npsapp.reports.models import DailyTally
from npsapp.reports.rules import EVER, Period, Split
from npsapp.reports.statistics import GroupCounts, counts_of_distribution, response_rate
from npsapp.responses.models import Basis, DirtyDay, Response
from npsapp.surveys.models import Survey, Touchpoint

SCORES = range(11)
SCORE_COLUMNS = tuple(f"s{score}" for score in SCORES)
NONE = 0
"""The id that stands for "none" in tallies and in their answers."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which answers a report is about; None means all."""

    scope: Scope = EVERYTHING
    period: Period = EVER
    brand_id: int | None = None
    touchpoint_id: int | None = None
    survey_id: int | None = None
    region_id: int | None = None
    segment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """The answers of one part: a month by its first day, or a region or segment by its id (`NONE`: without)."""

    by_score: tuple[int, ...]
    id: int = NONE
    month: date | None = None

    @property
    def counts(self) -> GroupCounts:
        """The same by group."""
        return counts_of_distribution(self.by_score)


@dataclass(frozen=True, slots=True)
class Invited:
    """Invitations first sent in a period, and what became of them."""

    sent: int
    answered: int
    still_open: int

    @property
    def rate(self) -> float | None:
        """The response rate RR1 on 0..1; None if nobody was invited."""
        return response_rate(self.answered, self.sent)

    @property
    def coming_in(self) -> bool:
        """Whether the rate can still rise: some links take answers yet."""
        return self.still_open > 0


@dataclass(frozen=True, slots=True)
class Overview:
    """All that a report page, its pictures and its export show."""

    by_score: tuple[int, ...]
    months: Sequence[Counted]
    regions: Sequence[Counted]
    segments: Sequence[Counted]
    invited: Invited
    region_names: Mapping[int, dict[str, str]]
    segment_names: Mapping[int, dict[str, str]]

    @property
    def counts(self) -> GroupCounts:
        """All answers by group."""
        return counts_of_distribution(self.by_score)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a report can be narrowed to: id and name per language."""

    brands: Sequence[tuple[int, dict[str, str]]]
    touchpoints: Sequence[tuple[int, dict[str, str]]]
    surveys: Sequence[tuple[int, str]]
    regions: Sequence[tuple[int, dict[str, str]]]
    segments: Sequence[tuple[int, dict[str, str]]]


def counting() -> tuple[ColumnElement[bool], ...]:
    """The conditions on `Response` that make an answer count: decisions.md, 26."""
    return (
        Response.basis.in_([Basis.CONFIRMED, Basis.PROMOTED]),
        Response.voided_at.is_(None),
        Response.test.is_(False),
    )


def overview(selection: Selection, now: datetime) -> Overview:
    """Everything about one selection, with the names of its parts."""
    regions, segments = divided(selection, Split.REGION), divided(selection, Split.SEGMENT)
    return Overview(
        by_score=distribution(selection),
        months=divided(selection, Split.MONTH),
        regions=regions,
        segments=segments,
        invited=invited(selection, now),
        region_names=names(Split.REGION, regions),
        segment_names=names(Split.SEGMENT, segments),
    )


def glimpse(selection: Selection, split: Split | None) -> Overview:
    """Only what one picture shows: all scores, and the parts of one division."""
    parts = {each: divided(selection, each) if each is split else [] for each in Split}
    return Overview(
        by_score=distribution(selection),
        months=parts[Split.MONTH],
        regions=parts[Split.REGION],
        segments=parts[Split.SEGMENT],
        invited=Invited(sent=0, answered=0, still_open=0),
        region_names=names(Split.REGION, parts[Split.REGION]),
        segment_names=names(Split.SEGMENT, parts[Split.SEGMENT]),
    )


def divided(selection: Selection, split: Split) -> list[Counted]:
    """The counts of each part that has answers, months oldest first, else by id."""
    source = _counted(selection)
    keys = _keys(source, split)
    rows = db.session.execute(
        select(*keys, *_sums(source)).group_by(*keys).order_by(*keys).having(_any_answers(source))
    ).all()
    return [_part(row[: len(keys)], _scores(row[len(keys) :])) for row in rows]


def distribution(selection: Selection) -> tuple[int, ...]:
    """How often each score from 0 to 10 was given."""
    return _scores(db.session.execute(select(*_sums(_counted(selection)))).one())


def invited(selection: Selection, now: datetime) -> Invited:
    """Invitations first sent on the days of the period (in the brand's zone), answered, and still open."""
    answered = func.count(Response.id)
    open_yet = case((and_(Response.id.is_(None), Invitation.valid_until > now), 1), else_=0)
    statement = (
        select(func.count(Invitation.id), answered, func.coalesce(func.sum(open_yet), 0))
        .outerjoin(Response, and_(Response.invitation_id == Invitation.id, *counting()))
        .where(Invitation.sent_at.is_not(None), Invitation.test.is_(False), *_narrowed(Invitation, selection))
        .where(_sent_within(selection.period))
    )
    if selection.segment_id is not None:
        statement = statement.join(Interaction, Interaction.id == Invitation.interaction_id).where(
            Interaction.segment_id == selection.segment_id
        )
    sent, replied, pending = db.session.execute(statement).one()
    return Invited(sent=sent, answered=replied, still_open=int(pending))


def choices(scope: Scope) -> Choices:
    """Everything a report of this scope may be narrowed to, retired things too: their answers remain."""
    regions = select(Region.id, Region.name).order_by(Region.id)
    if scope.regions is not None:
        regions = regions.where(Region.id.in_(sorted(scope.regions)))
    return Choices(
        brands=_pairs(select(Brand.id, Brand.name).order_by(Brand.id)),
        touchpoints=_pairs(select(Touchpoint.id, Touchpoint.name).order_by(Touchpoint.id)),
        surveys=_pairs(select(Survey.id, Survey.name).order_by(Survey.id)),
        regions=_pairs(regions),
        segments=_pairs(select(Segment.id, Segment.name).order_by(Segment.id)),
    )


def names(split: Split, parts: Iterable[Counted]) -> dict[int, dict[str, str]]:
    """The names, per language, of regions or segments."""
    wanted = [part.id for part in parts]
    if not wanted:
        return {}
    model: Any = {Split.REGION: Region, Split.SEGMENT: Segment}[split]
    return dict(_pairs(select(model.id, model.name).where(model.id.in_(wanted))))


def dirty_days(limit: int) -> list[tuple[int, date]]:
    """Survey and day of tallies to be counted again, newest days first: those are looked at."""
    rows = db.session.execute(
        select(DirtyDay.survey_id, DirtyDay.local_date).order_by(DirtyDay.local_date.desc()).limit(limit)
    )
    return [(survey_id, day) for survey_id, day in rows]


def _counted(selection: Selection) -> Subquery:
    """Rows with day, region, segment and eleven counts: tallies of settled days, answers of the others.

    A report is never older than the answers, whether or not the beat has recounted a day.
    """
    return union_all(_tallied(selection), _fresh(selection)).subquery("counted")


def _tallied(selection: Selection) -> Select[*tuple[Any, ...]]:
    """The tallies of days that are not marked."""
    tallied = select(
        DailyTally.local_date, DailyTally.region_id, DailyTally.segment_id, *_tally_columns()
    ).where(
        ~exists().where(
            DirtyDay.survey_id == DailyTally.survey_id, DirtyDay.local_date == DailyTally.local_date
        ),
        *_narrowed(DailyTally, selection),
        *_on_days(DailyTally, selection.period),
    )
    if selection.segment_id is not None:
        tallied = tallied.where(DailyTally.segment_id == selection.segment_id)
    return tallied


def _fresh(selection: Selection) -> Select[*tuple[Any, ...]]:
    """The answers of marked days. An outer join, because SQLite would otherwise walk through all answers in
    search of the few marked days; a marked day without such answers gives a row of zeros."""
    answers = [
        Response.survey_id == DirtyDay.survey_id,
        Response.local_date == DirtyDay.local_date,
        *counting(),
        *_narrowed(Response, selection),
    ]
    if selection.segment_id is not None:
        answers.append(Response.segment_id == selection.segment_id)
    return (
        select(
            DirtyDay.local_date,
            func.coalesce(Response.region_id, NONE),
            func.coalesce(Response.segment_id, NONE),
            *(case((Response.score == score, 1), else_=0) for score in SCORES),
        )
        .select_from(DirtyDay)
        .outerjoin(Response, and_(*answers))
        .where(*_on_days(DirtyDay, selection.period))
    )


def _tally_columns() -> list[ColumnElement[int]]:
    """The eleven counts of a tally, in order."""
    return [DailyTally.__table__.c[name] for name in SCORE_COLUMNS]


def _narrowed(model: Any, selection: Selection) -> list[ColumnElement[bool]]:
    """Scope and filters on a table with the dimensions of an answer."""
    conditions: list[ColumnElement[bool]] = []
    if selection.scope.regions is not None:
        conditions.append(model.region_id.in_(sorted(selection.scope.regions)))
    for name in ("brand_id", "touchpoint_id", "survey_id", "region_id"):
        wanted = getattr(selection, name)
        if wanted is not None:
            conditions.append(getattr(model, name) == wanted)
    return conditions


def _on_days(model: Any, period: Period) -> list[ColumnElement[bool]]:
    """Both ends of the period included."""
    conditions: list[ColumnElement[bool]] = []
    if period.first is not None:
        conditions.append(model.local_date >= period.first)
    if period.last is not None:
        conditions.append(model.local_date <= period.last)
    return conditions


def _sent_within(period: Period) -> ColumnElement[bool]:
    """Moments of sending that fall on the days of the period in the zone of the invitation's brand."""
    brands: dict[str, list[int]] = {}
    for id_, zone in db.session.execute(select(Brand.id, Brand.timezone)):
        brands.setdefault(zone, []).append(id_)
    return or_(
        false(),
        *(and_(Invitation.brand_id.in_(ids), *_between(period, zone)) for zone, ids in brands.items()),
    )


def _between(period: Period, zone: str) -> list[ColumnElement[bool]]:
    """The moments of the period's days in one zone, half-open."""
    conditions: list[ColumnElement[bool]] = []
    if period.first is not None:
        conditions.append(Invitation.sent_at >= at_local(period.first, time(0), zone))
    if period.last is not None:
        conditions.append(Invitation.sent_at < at_local(period.last + timedelta(days=1), time(0), zone))
    return conditions


def _keys(source: Subquery, split: Split) -> list[ColumnElement[Any]]:
    """The columns that tell the parts apart."""
    if split is Split.MONTH:
        return [extract("year", source.c.local_date), extract("month", source.c.local_date)]
    return [source.c.region_id if split is Split.REGION else source.c.segment_id]


def _part(key: Sequence[Any], by_score: tuple[int, ...]) -> Counted:
    """A part from what tells it apart: an id, or year and month."""
    if len(key) == 2:
        return Counted(by_score, month=date(int(key[0]), int(key[1]), 1))
    return Counted(by_score, id=int(key[0]))


def _sums(source: Subquery) -> list[ColumnElement[Any]]:
    """The eleven counts added up; nothing adds up to 0."""
    return [func.coalesce(func.sum(source.c[name]), 0) for name in SCORE_COLUMNS]


def _any_answers(source: Subquery) -> ColumnElement[bool]:
    """Whether a part has answers at all."""
    return func.sum(sum((source.c[name] for name in SCORE_COLUMNS[1:]), source.c[SCORE_COLUMNS[0]])) > 0


def _scores(values: Sequence[Any]) -> tuple[int, ...]:
    """Whole numbers: PostgreSQL adds up to decimals."""
    return tuple(int(value) for value in values)


def _pairs(statement: Executable) -> list[tuple[int, Any]]:
    """Rows as pairs."""
    return [(id_, name) for id_, name in db.session.execute(statement)]
