"""Reading for reports: from tallies and, for days just changed, from answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from operator import add
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    exists,
    extract,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)  # fmt: skip
from sqlalchemy.orm import aliased

from npsapp.db import db, table
from npsapp.intake.models import Interaction
from npsapp.invitations.models import Invitation
from npsapp.lib.clock import at_local, day_bounds
from npsapp.organization import queries as organization
from npsapp.organization.models import Brand
from npsapp.permissions import EVERYTHING, Scope
from npsapp.reports.models import DailyTally, InvitedTally, QuestionTally, Tally
from npsapp.reports.rules import EVER, Period, Split
from npsapp.reports.statistics import response_rate
from npsapp.responses.models import AnswerValue, Basis, Response
from npsapp.responses.queries import PROPERTY, counting, has_properties, is_property, property_text
from npsapp.surveys.models import DirtyDay, Tallied

SCORES = range(11)
SCORE_COLUMNS = tuple(f"s{score}" for score in SCORES)
PEOPLE = ("selection", "tag")
"""Filters that choose customers: see `Selection.who`."""
NONE = 0
"""The id that stands for "none" in tallies, in their answers, and in filters."""

_EARLIER = aliased(AnswerValue)
_SAME = _EARLIER.response_id == AnswerValue.response_id, _EARLIER.question_key == AnswerValue.question_key
IN_ANSWERS: dict[type[Tally], dict[str, Any]] = {
    DailyTally: {
        "local_date": Response.local_date,
        "region_id": func.coalesce(Response.region_id, NONE),
        "segment_id": func.coalesce(Response.segment_id, NONE),
        "basis": cast(Response.basis, String),
        **{name: case((Response.score == score, 1), else_=0) for score, name in enumerate(SCORE_COLUMNS)},
    },
    QuestionTally: {
        "question_key": AnswerValue.question_key,
        "value": func.coalesce(AnswerValue.option, cast(AnswerValue.number, String), ""),
        "n": literal(1),
        "answered": case((exists().where(*_SAME, _EARLIER.id < AnswerValue.id), 0), else_=1),
    },
    InvitedTally: {
        "n": case((Invitation.id.is_not(None), 1), else_=0),
        "answered": case((Response.id.is_not(None), 1), else_=0),
        "open_until": case((Response.id.is_(None), Invitation.valid_until)),
    },
}
"""What a report reads of a tally, and how a single answer, or invitation, says it."""

SENT = Invitation.sent_on.is_not(None), Invitation.test.is_(False)
"""Which invitations reports count."""
ByScore = tuple[int, ...]
"""How often each score from 0 to 10 was given."""
NO_ANSWERS: ByScore = (0,) * len(SCORES)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which answers a report is about; `ids` by the names of filters: brand, touchpoint, survey, region, segment, and
    declared properties (see `responses.queries.PROPERTY`), which no tally has: then the answers themselves are counted.
    """

    scope: Scope = EVERYTHING
    period: Period = EVER
    ids: Mapping[str, Any] = field(default_factory=dict)
    old: str = ""
    """"with" or "only": answers of a previous program count too, or alone; else they do not."""
    open: str = ""
    """The same of answers by open links."""
    who: Select[Any] | None = None
    """Ids of the customers whose answers count; None: of everybody. `ids` says how they were chosen."""

    @property
    def by_rows(self) -> bool:
        """Whether it is chosen by what no tally has."""
        return any(map(is_property, self.ids)) or self.who is not None


@dataclass(frozen=True, slots=True)
class Counted:
    """The answers of a selection, and of each part that has some: months by first day, the others by id."""

    by_score: ByScore
    parts: Mapping[Split, Mapping[Any, ByScore]]
    promoted: ByScore = NO_ANSWERS
    """Those of `by_score` that nobody confirmed."""


@dataclass(frozen=True, slots=True)
class Invited:
    """Invitations first sent in a period, and what became of them."""

    sent: int
    answered: int
    still_open: bool
    """Whether a link of those who have not answered still takes answers."""

    @property
    def rate(self) -> float | None:
        """The response rate RR1 on 0..1; None if nobody was invited."""
        return response_rate(self.answered, self.sent)


def counted(selection: Selection) -> Counted:
    """Count the answers with one statement: a row for each month, region and segment is added up from here."""
    source = _counted(selection)
    month = extract("year", source.c.local_date), extract("month", source.c.local_date)
    keys = (*month, source.c.region_id, source.c.segment_id, source.c.basis)
    sums = (func.sum(source.c[name]) for name in SCORE_COLUMNS)
    found: list[tuple[date, int, int, ByScore, str]] = []
    for year, number, region, segment, basis, *scores in db.session.execute(select(*keys, *sums).group_by(*keys)):
        # Whole numbers: PostgreSQL adds up to decimals. Marked days without answers are rows of zeros.
        if any(scores):
            found.append((date(int(year), int(number), 1), region, segment, tuple(map(int, scores)), basis))
    promoted = [row[3] for row in found if row[4] == Basis.PROMOTED]
    return Counted(
        by_score=tuple(map(sum, zip(*(row[3] for row in found), strict=True))) or NO_ANSWERS,
        parts={
            split: _added((row[place], row[3]) for row in found)
            for place, split in enumerate((Split.MONTH, Split.REGION, Split.SEGMENT))
        },
        promoted=tuple(map(sum, zip(*promoted, strict=True))) or NO_ANSWERS,
    )


def _added(rows: Iterable[tuple[Any, ByScore]]) -> dict[Any, ByScore]:
    """The counts of each part, in the order of the keys."""
    sums: dict[Any, ByScore] = {}
    for key, by_score in sorted(rows):
        sums[key] = tuple(map(add, sums.get(key, NO_ANSWERS), by_score))
    return sums


def by_property(selection: Selection, name: str) -> dict[str, ByScore]:
    """The answers by value of a declared property, "" where there is none; `name` is its filter, empty: no division."""
    key = next((one.key for one in organization.properties() if f"{PROPERTY}{one.id}" == name), None)
    if key is None:
        return {}
    each = (
        select(property_text(key).label("value"), Response.score)
        .outerjoin(Interaction, Interaction.id == Response.interaction_id)
        .where(*_answers_of(selection))
        .subquery()
    )
    found: dict[str, list[int]] = {}
    for value, score, count in db.session.execute(
        select(each.c.value, each.c.score, func.count()).group_by(each.c.value, each.c.score)
    ):
        found.setdefault(value or "", [0] * len(SCORES))[score] += count
    return {value: tuple(counts) for value, counts in found.items()}


@dataclass(slots=True)
class Said:
    """Answers to one further question."""

    n: int = 0
    """How many customers answered it."""
    by_value: dict[str, int] = field(default_factory=dict)
    """How often each option, or number of a rating, was given; "" for words."""


def by_question(selection: Selection) -> dict[str, Said]:
    """The answers to the further questions of the selection's survey, by the question's key; one statement."""
    source = _counted(selection, QuestionTally).c
    keys, found = (source.question_key, source.value), dict[str, Said]()
    for key, value, n, answered in db.session.execute(
        select(*keys, func.sum(source.n), func.sum(source.answered)).group_by(*keys)
    ):
        # Answers without any are rows without a key.
        if key is not None:
            said = found.setdefault(key, Said())
            said.n += int(answered)
            said.by_value[value] = int(n)
    return found


def _answers_of(selection: Selection) -> list[ColumnElement[bool]]:
    return [*counting(selection.old, selection.open), *of_selection(selection)]


def of_selection(selection: Selection) -> list[ColumnElement[bool]]:
    """The conditions that answers belong to a selection, counted or not."""
    return [*_narrowed(Response, selection), *_on_days(Response.local_date, selection.period)]


def _counted(selection: Selection, tally: type[Tally] = DailyTally) -> Subquery:
    """Rows of what `IN_ANSWERS` names, by day, place and counts: tallies of settled days, answers (or invitations) of
    the others.

    A report is never older than the answers, whether or not the beat has recounted a day.
    """
    if tally is InvitedTally and selection.by_rows:
        sent = *SENT, *_narrowed(Invitation, selection), *_on_days(Invitation.sent_on, selection.period)
        return each(tally, table(Invitation)).where(*sent).subquery("counted")
    if tally is not InvitedTally and (selection.by_rows or selection.old or selection.open):
        return each(tally, table(Response)).where(*_answers_of(selection)).subquery("counted")
    return union_all(_tallied(selection, tally), _fresh(selection, tally)).subquery("counted")


def _tallied(selection: Selection, tally: type[Tally]) -> Select[*tuple[Any, ...]]:
    """The tallies of days that are not marked."""
    same_day = DirtyDay.survey_id == tally.survey_id, DirtyDay.local_date == tally.local_date
    marked = exists().where(*same_day, DirtyDay.tallied == _what(tally))
    return select(*(tally.__table__.c[name] for name in IN_ANSWERS[tally])).where(
        ~marked, *_narrowed(tally, selection), *_on_days(tally.local_date, selection.period)
    )


def _what(tally: type[Tally]) -> Tallied:
    return Tallied.INVITATIONS if tally is InvitedTally else Tallied.ANSWERS


def each(tally: type[Tally], source: FromClause) -> Select[*tuple[Any, ...]]:
    """The single answers, or invitations, of a source that has them, as the tally says it."""
    if tally is QuestionTally:
        source = source.outerjoin(AnswerValue, AnswerValue.response_id == Response.id)
    if tally is InvitedTally:
        source = source.outerjoin(Response, and_(Response.invitation_id == Invitation.id, *counting()))
    return select(*(column.label(name) for name, column in IN_ANSWERS[tally].items())).select_from(source)


def _fresh(selection: Selection, tally: type[Tally]) -> Select[*tuple[Any, ...]]:
    """The answers, or invitations, of marked days. An outer join, because SQLite would otherwise walk through all
    in search of the few marked days; a marked day without any gives a row of zeros."""
    model: Any = Invitation if tally is InvitedTally else Response
    day: Any = Invitation.sent_on if tally is InvitedTally else Response.local_date
    which = SENT if tally is InvitedTally else counting()
    same_day = model.survey_id == DirtyDay.survey_id, day == DirtyDay.local_date
    rows = table(DirtyDay).outerjoin(model, and_(*same_day, *which, *_narrowed(model, selection)))
    marked = DirtyDay.tallied == _what(tally), *_on_days(DirtyDay.local_date, selection.period)
    return each(tally, rows).where(*marked)


def _narrowed(model: Any, selection: Selection) -> list[ColumnElement[bool]]:
    """Scope and filters on a table with the dimensions of an answer; tallies say 0 where others say NULL."""
    conditions: list[ColumnElement[bool]] = []
    if selection.scope.regions is not None:
        conditions.append(model.region_id.in_(sorted(selection.scope.regions)))
    single = not issubclass(model, Tally)
    if single:
        conditions += has_properties(model.interaction_id, selection.ids)
    if selection.who is not None:
        conditions.append(model.customer_id.in_(selection.who))
    for name, wanted in selection.ids.items():
        if is_property(name) or name in PEOPLE:
            continue
        column = getattr(model, f"{name}_id")
        without = wanted == NONE and single
        conditions.append(column.is_(None) if without else column == wanted)
    return conditions


def _on_days(day: Any, period: Period) -> list[ColumnElement[bool]]:
    """Both ends of the period included."""
    conditions: list[ColumnElement[bool]] = []
    if period.first is not None:
        conditions.append(day >= period.first)
    if period.last is not None:
        conditions.append(day <= period.last)
    return conditions


def invited(selection: Selection, now: datetime) -> Invited:
    """Invitations first sent on the days of the period (in the brand's zone), answered, and still open."""
    source = _counted(selection, InvitedTally).c
    sums = func.sum(source.n), func.sum(source.answered), func.max(source.open_until)
    sent, answered, until = db.session.execute(select(*sums)).one()
    return Invited(int(sent or 0), int(answered or 0), still_open=until is not None and until > now)


def sent_within(period: Period, at: Any = Invitation.sent_at) -> ColumnElement[bool]:
    """Moments of sending that fall on the days of the period in the zone of the invitation's brand."""
    brands: dict[str, list[int]] = {}
    for id_, zone in db.session.execute(select(Brand.id, Brand.timezone)):
        brands.setdefault(zone, []).append(id_)
    each = (and_(Invitation.brand_id.in_(ids), *_between(period, zone, at)) for zone, ids in brands.items())
    return or_(false(), *each)


def _between(period: Period, zone: str, at: Any) -> list[ColumnElement[bool]]:
    """The moments of the period's days in one zone, half-open."""
    conditions: list[ColumnElement[bool]] = []
    if period.first is not None:
        conditions.append(at >= at_local(period.first, time(0), zone))
    if period.last is not None:
        conditions.append(at < day_bounds(period.last, zone)[1])
    return conditions


def dirty_days(limit: int, tallied: Tallied = Tallied.ANSWERS) -> Sequence[tuple[int, date]]:
    """Survey and day of tallies to be counted again, newest days first: those are looked at."""
    marked = select(DirtyDay.survey_id, DirtyDay.local_date).where(DirtyDay.tallied == tallied)
    newest_first = marked.order_by(DirtyDay.local_date.desc()).limit(limit)
    return [(survey_id, day) for survey_id, day in db.session.execute(newest_first)]
