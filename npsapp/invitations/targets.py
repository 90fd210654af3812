"""Setting targets: by hand, for many places at once, from a spreadsheet. What writes needs a transaction."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Date, and_, delete, func, or_, select, true, type_coerce, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import change, db, one_of, put
from npsapp.intake.models import Interaction
from npsapp.invitations import policies, quotas
from npsapp.invitations.models import Invitation
from npsapp.invitations.quota_models import Quota, QuotaDraw, Stratum
from npsapp.invitations.rules import InvitationState
from npsapp.lib import tables, workbooks
from npsapp.lib.tables import Cell, Row
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.organization.rules import fold
from npsapp.surveys.models import Survey

MOST = 100_000  # answers from one place in one month
REMEMBERED = timedelta(days=90)
"""How far back letters that left without a draw teach the planner."""
_MONTH = re.compile(r"(?:(\d{1,2})[./-])?(\d{1,2})[./-](\d{4})|(\d{4})[./-](\d{1,2})(?:[./-]\d{1,2})?")
NO_PLACE, NO_MONTH = N_("no such place is known"), N_("not a month; write it as 2026-11")
NO_NUMBER, TWICE = N_("not a whole number of answers"), N_("the same place and month stand above already")

Wanted = Mapping[tuple[int, date], int | None]
"""(Place, month) → answers wanted; None: no target."""


def change_rule(survey: Survey, values: Mapping[str, Any], *, actor: Actor, now: datetime) -> list[str]:
    """Change how a survey draws; gives the names of the changed fields."""
    rule = quotas.rule(survey.id)
    db.session.add(rule)
    changed = put(rule, values)
    db.session.flush()
    if "kind" in changed:
        _learn(survey.id, rule.kind, None, now=now)
        _decide_again(survey.id, rule.kind, None)
    if changed:
        _audit(survey.id, changed, actor=actor, now=now)
    return changed


def set_targets(survey: Survey, wanted: Wanted, *, actor: Actor, now: datetime) -> int:
    """Write targets; those not named stay. Gives the number of targets that changed."""
    kind = quotas.rule(survey.id).kind
    months = {month for _place, month in wanted}
    before = {(place, month): one for month in months for place, one in quotas.in_month(survey.id, kind, month).items()}
    changed = []
    for (place_id, month), target in wanted.items():
        one = before.get((place_id, month))
        changed += [place_id] * ((one.target if one else None) != target)
        if one and target is None:
            change(delete(QuotaDraw).where(QuotaDraw.quota_id == one.id))
            change(delete(Quota).where(Quota.id == one.id))
        elif one and target is not None and one.target != target:
            one.target, one.told_at = target, None
        elif one is None and target is not None:
            db.session.add(Quota(survey_id=survey.id, kind=kind, place_id=place_id, month=month, target=target))
    db.session.flush()
    if changed:
        _learn(survey.id, kind, changed, now=now)
        _decide_again(survey.id, kind, changed)
        _audit(survey.id, ["targets"], actor=actor, now=now)
    return len(changed)


def mark_told(told: Iterable[Quota], *, now: datetime) -> None:
    """People know that these cannot be reached."""
    for quota in told:
        quota.told_at = now
    db.session.flush()


def _audit(survey_id: int, changed: Sequence[str], *, actor: Actor, now: datetime) -> None:
    about = {"changed": [*changed]}
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("survey", survey_id), data=about)


def _decide_again(survey_id: int, kind: Stratum, places: Collection[int] | None) -> None:
    """At these places (None: at all) whoever waits may be free now, and whoever was planned may have to wait.

    Whoever was drawn stays drawn.
    """
    undrawn = and_(Invitation.state == InvitationState.PLANNED, Invitation.draw_rank.is_(None))
    waiting = Invitation.state == InvitationState.WAITING
    here = true() if places is None else one_of(quotas.place_of(kind), {*places})
    policies.look_again(Invitation.survey_id == survey_id, or_(undrawn, waiting), here)


def _learn(survey_id: int, kind: Stratum, places: Collection[int] | None, *, now: datetime) -> None:
    """What left without a draw, or was drawn by another kind of place, counts for the places there are now."""
    place = select(quotas.place_of(kind)).where(Interaction.id == Invitation.interaction_id).scalar_subquery()
    left_on = func.coalesce(Invitation.drawn_on, type_coerce(func.date(Invitation.sent_at), Date))
    recent = or_(Invitation.sent_at > now - REMEMBERED, Invitation.drawn_on > (now - REMEMBERED).date())
    here = true() if places is None else one_of(place, {*places})
    learning = update(Invitation).where(Invitation.survey_id == survey_id, Invitation.test.is_(False), recent, here)
    change(learning.values(stratum_id=place, drawn_on=left_on).execution_options(synchronize_session=False))


# ---- from a spreadsheet ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What cannot be used, and where it stands."""

    line: int
    value: str
    why: str
    """A msgid."""


@dataclass(frozen=True)
class Sheet:
    """A table of targets as it was read; nothing is saved yet."""

    wanted: dict[tuple[int, date], int]
    faults: list[Fault]


def read(path: Path, known: Mapping[str, int]) -> Sheet:
    """The targets in a file: a column of places, then a column for each month; or place, month, number.

    `known`: folded name → place. Refuses with `FileRefused` what is no table.
    """
    rows = _rows(path)
    months = {at: month for at, title in enumerate(next(rows, (0, ()))[1]) if (month := month_in(title))}
    found: dict[tuple[int, date], int] = {}
    faults: list[Fault] = []
    for line, cells in rows:
        if not str(_cell(cells, 0)).strip():
            continue
        place = known.get(fold(str(_cell(cells, 0))))
        if place is None:
            faults.append(Fault(line, str(_cell(cells, 0)), NO_PLACE))
            continue
        of_months: list[tuple[date | None, Cell]] = [(month, _cell(cells, at)) for at, month in months.items()]
        for month, value in of_months or [(month_in(_cell(cells, 1)), _cell(cells, 2))]:
            if fault := _entry(found, place, month, value):
                faults.append(Fault(line, str(_cell(cells, 1) if month is None else value), fault))
    return Sheet(found, faults)


def _rows(path: Path) -> Iterator[Row]:
    """The rows of the first sheet, the heading first."""
    if tables.is_workbook(path):
        _name, rows = next(workbooks.sheets(path), ("", iter(())))
        return rows
    encoding = tables.encoding_of(path)
    with path.open("r", encoding=encoding) as file:
        heading = file.readline()
    return tables.text_rows(path, encoding=encoding, delimiter=max(tables.DELIMITERS, key=heading.count))


def _entry(found: dict[tuple[int, date], int], place: int, month: date | None, value: Cell) -> str:
    """Take one target in; gives what is wrong with it, or nothing."""
    if value in (None, ""):
        return ""
    if month is None:
        return NO_MONTH
    if (place, month) in found:
        return TWICE
    number = whole(value)
    if number is None:
        return NO_NUMBER
    found[place, month] = number
    return ""


def _cell(cells: Sequence[Cell], at: int) -> Cell:
    return cells[at] if at < len(cells) and cells[at] is not None else ""


def whole(value: Cell) -> int | None:
    """A target as a cell or field has it: "120", 120.0, "1 200"; None: none that makes sense."""
    text = re.sub(r"\s", "", str(value)).removesuffix(".0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 and int(text) <= MOST else None


def month_in(value: Cell) -> date | None:
    """The month that a heading or cell names: a date, 2026-11, 11.2026, 01.11.2026."""
    if isinstance(value, date):  # datetime too
        return date(value.year, value.month, 1)
    found = _MONTH.match(str(value).strip())
    if not found:
        return None
    month, year = (found[2], found[3]) if found[3] else (found[5], found[4])
    return date(int(year), int(month), 1) if 1 <= int(month) <= 12 and 2000 <= int(year) <= 2100 else None


def names(survey: Survey, kind: Stratum, allowed: Collection[int]) -> dict[str, int]:
    """Folded key, name or alias → place, for the places somebody may set targets of."""
    if kind is Stratum.UNIT:
        found = {word: unit for word, (unit, _region) in organization.unit_lookup(survey.brand_id).items()}
    elif kind is Stratum.REGION:
        found = organization.region_lookup(survey.brand.pool_id)
    else:
        found = organization.performer_lookup(survey.brand_id)
    return {word: id_ for word, id_ in found.items() if id_ in allowed}


def copied(before: Mapping[tuple[int, date], int], *, to: date) -> dict[tuple[int, date], int | None]:
    """The targets of the month before, as those of this one."""
    return {(place, to): target for (place, month), target in before.items() if month == quotas.later(to, -1)}


def alike(place_ids: Iterable[int], *, month: date, target: int | None) -> dict[tuple[int, date], int | None]:
    """One target for all these places."""
    return {(place, month): target for place in place_ids}
