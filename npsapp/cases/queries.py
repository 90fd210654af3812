"""Reading cases: what the heartbeat has to look at, whom to tell, lists and single cases in scope."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case as choose, exists, func, or_, select, true, union
from sqlalchemy.orm import aliased, contains_eager, joinedload, selectinload

from npsapp.accounts.models import User
from npsapp.cases import rules
from npsapp.cases.models import Case, CaseResponse, Cause, StaffLetter
from npsapp.cases.rules import LetterKind, Stand
from npsapp.customers import queries as customers
from npsapp.customers.models import ContactPoint, Customer
from npsapp.db import db, pairs, within
from npsapp.intake.models import Interaction
from npsapp.invitations.models import InvitationPolicy
from npsapp.lib.clock import at_local, local_date
from npsapp.lib.texts import text_in
from npsapp.organization.models import Region, Unit
from npsapp.organization.rules import fold
from npsapp.permissions import Scope
from npsapp.responses.models import Basis, Response, ResponseRevision
from npsapp.responses.rules import LOWEST_PASSIVE

NOT_COUNTED = 0
"""`CaseResponse.looked_at_revision` of an answer that did not count at the last look; revisions begin at 1."""
STOOD_STILL = timedelta(days=30)
"""How long the heart may have stood still without an answer being overlooked."""
MY_DAY_CARDS = 30
RAISED = 500
"""Raised scores looked at, newest first."""
FEWEST_DIGITS = 5
"""Fewer digits than this are no part of a phone number worth looking for."""

_OPEN = Case.state.in_(rules.OPEN_STATES)
_COUNTS = and_(
    Response.finished_at.is_not(None),
    Response.voided_at.is_(None),
    Response.test.is_(False),
    Response.basis.in_((Basis.CONFIRMED, Basis.PROMOTED)),
)
_CAN_BE_CALLED = or_(Response.open_link_id.is_(None), Response.customer_id.is_not(None))
"""Whoever came by an open link and left no number is nobody to call: such an answer is only shown."""
_OPENS_CASE = and_(_COUNTS, _CAN_BE_CALLED, or_(Response.score < LOWEST_PASSIVE, Response.contact_wanted.is_(True)))
_SEEN = choose((_COUNTS, Response.revision), else_=NOT_COUNTED)
"""What is remembered as the last state looked at."""


# ---- the heartbeat ---------------------------------------------------------------------------------------------


def responses_to_look_at(limit: int) -> list[int]:
    """Ids of answers that need a look, oldest first: those that need a call without a case, changed ones in a case.

    An answer changes while its link is open, so only those finished since then and those in open cases are
    searched: the cost of a beat does not grow with the years.
    """
    newest = db.session.scalar(select(func.max(Response.finished_at)))
    if newest is None:
        return []
    open_days = db.session.scalar(select(func.max(InvitationPolicy.valid_days))) or 0
    changed = CaseResponse.looked_at_revision != _SEEN
    recent = (
        select(Response.id)
        .outerjoin(CaseResponse, CaseResponse.response_id == Response.id)
        .where(Response.finished_at >= newest - timedelta(days=open_days) - STOOD_STILL)
        .where(or_(and_(CaseResponse.case_id.is_(None), _OPENS_CASE), changed))
    )
    in_open_case = (
        select(Response.id)
        .join(CaseResponse, CaseResponse.response_id == Response.id)
        .join(Case, Case.id == CaseResponse.case_id)
        .where(_OPEN, changed)
    )
    found = union(recent, in_open_case).subquery()
    return list(db.session.scalars(select(found.c.id).order_by(found.c.id).limit(limit)))


def answer(response_id: int) -> tuple[Response, int]:
    """An answer as it is now, and what is remembered of it after a look: its revision, 0 when it does not count."""
    asked = select(Response, _SEEN).where(Response.id == response_id)
    row = db.session.execute(asked.execution_options(populate_existing=True)).one()
    return row[0], row[1]


def revision(response_id: int, number: int) -> ResponseRevision | None:
    """What an answer said at the last look; None when it did not count then."""
    asked = select(ResponseRevision).where(
        ResponseRevision.response_id == response_id, ResponseRevision.number == number
    )
    return db.session.scalars(asked).one_or_none()


def standing_customer(response: Response) -> int | None:
    """Id of who gave an answer; of the customer into whom that one was merged."""
    found = customers.current(response.customer_id) if response.customer_id else None
    return found.id if found else None


def open_case_of(customer_id: int | None, *, but: int | None = None) -> Case | None:
    """The person's open case, other than `but`; people who are not known have none."""
    if customer_id is None:
        return None
    theirs = Case.customer_id.in_(customers.members(customer_id))
    asked = select(Case).where(theirs, _OPEN, Case.id != (but or 0)).order_by(Case.id)
    return db.session.scalars(asked).first()


def histories(case_id: int) -> dict[int, list[Stand]]:
    """The answers of a case that count, each with its states, oldest first."""
    rows = db.session.execute(
        select(Response.id, ResponseRevision.at, ResponseRevision.score, ResponseRevision.contact_wanted)
        .join(CaseResponse, CaseResponse.response_id == Response.id)
        .join(ResponseRevision, ResponseRevision.response_id == Response.id)
        .where(CaseResponse.case_id == case_id, _COUNTS)
        .order_by(Response.id, ResponseRevision.number)
    )
    return {
        id_: [(row.at, row.score, row.contact_wanted) for row in states]
        for id_, states in groupby(rows, key=lambda row: row.id)
    }


def open_ids() -> Sequence[int]:
    """All open cases; their clocks are counted again after an outage."""
    return db.session.scalars(select(Case.id).where(_OPEN).order_by(Case.id)).all()


def open_of(user_id: int) -> Sequence[Row[int, int | None]]:
    """Id and region of each open case of an owner."""
    return db.session.execute(select(Case.id, Case.region_id).where(_OPEN, Case.owner_id == user_id)).all()


def open_counts() -> dict[int, int]:
    """How many open cases each owner has."""
    return pairs(select(Case.owner_id, func.count()).where(_OPEN).group_by(Case.owner_id))


def raised_after_contact(scope: Scope, since: datetime) -> Sequence[Any]:
    """Scores raised after a try to reach the customer: when, which answer, from what to what, the name of the unit."""
    before, after = aliased(ResponseRevision), ResponseRevision
    step = and_(before.response_id == after.response_id, before.number == after.number - 1)
    asked = (
        select(after.at, after.response_id, before.score.label("before"), after.score.label("after"), Unit.name)
        .join(before, step)
        .join(CaseResponse, CaseResponse.response_id == after.response_id)
        .join(Case, Case.id == CaseResponse.case_id)
        .outerjoin(Unit, Unit.id == Case.unit_id)
        .where(after.number > 1, after.score > before.score, after.at >= since, within(Case.region_id, scope))
        .where(Case.first_attempt_at < after.at)
    )
    return db.session.execute(asked.order_by(after.at.desc()).limit(RAISED)).all()


# ---- letters to staff ------------------------------------------------------------------------------------------


def owners_to_tell(now: datetime) -> list[int]:
    """Users to whom a letter about new or changed cases leaves now: at once for hot ones, else one an hour."""
    lately = exists().where(StaffLetter.user_id == Case.owner_id, StaffLetter.at > now - rules.BUNDLE_EVERY)
    asked = (
        select(Case.owner_id)
        .distinct()
        .join(Case.owner)
        .where(Case.owner_told_at.is_(None), User.blocked_at.is_(None), or_(Case.hot, ~lately))
    )
    return list(db.session.scalars(asked.order_by(Case.owner_id)))


def morning_due(now: datetime) -> list[int]:
    """Owners of open cases for whom it is a working morning and who had no list today."""
    lists = select(StaffLetter.user_id, StaffLetter.slot).where(
        StaffLetter.kind == LetterKind.MORNING, StaffLetter.at > now - timedelta(days=2)
    )
    sent = {(row.user_id, row.slot) for row in db.session.execute(lists)}
    rows = db.session.execute(
        select(User.id, User.timezone, func.coalesce(Region.workdays, "12345").label("workdays"))
        .distinct()
        .join(Case, Case.owner_id == User.id)
        .outerjoin(Case.region)
        .where(_OPEN, User.blocked_at.is_(None))
    )
    due = {
        row.id
        for row in rows
        if rules.is_morning(now, zone_name=row.timezone, workdays=row.workdays)
        and (row.id, local_date(now, row.timezone).isoformat()) not in sent
    }
    return sorted(due)


def untold(user_id: int) -> Sequence[Case]:
    """Cases this owner has not been told about yet, or not in their present form."""
    return _most_urgent(Case.owner_id == user_id, Case.owner_told_at.is_(None))


def waiting_for(user_id: int, *, limit: int | None = None) -> Sequence[Case]:
    """Open cases of an owner, most urgent first."""
    return _most_urgent(_OPEN, Case.owner_id == user_id, limit=limit)


# ---- lists -----------------------------------------------------------------------------------------------------


class Tab(StrEnum):
    """The parts of the list."""

    WAITING = "waiting"
    OVERDUE = "overdue"
    SETTLED = "settled"
    ALL = "all"


@dataclass(frozen=True)
class Filters:
    """What narrows the list; `search` looks at names, addresses, numbers of orders and of cases."""

    tab: Tab = Tab.WAITING
    owner_id: int | None = None
    region_id: int | None = None
    search: str = ""


_MOST_URGENT = (Case.due_at, Case.score, func.coalesce(Customer.is_key, False).desc(), Case.id)
NEWEST = (Case.opened_at.desc(), Case.id.desc())


def shown(*where: ColumnElement[bool]) -> Select[Case]:
    """Cases with all that lists, letters and pages show, in as many statements whatever their number."""
    return (
        select(Case)
        .outerjoin(Case.customer)
        .options(
            contains_eager(Case.customer).selectinload(Customer.contact_points),
            selectinload(Case.answers).joinedload(Response.interaction),
            *(joinedload(one) for one in (Case.brand, Case.region, Case.unit, Case.owner, Case.cause)),
        )
        .where(*where)
    )


def _most_urgent(*where: ColumnElement[bool], limit: int | None = None) -> Sequence[Case]:
    return db.session.scalars(shown(*where).order_by(*_MOST_URGENT).limit(limit)).all()


def visible(user_id: int, scope: Scope) -> ColumnElement[bool]:
    """The condition that keeps cases inside the user's regions, and lets the own through: of a fallback owner, say."""
    return or_(within(Case.region_id, scope), Case.owner_id == user_id)


def page(user_id: int, scope: Scope, filters: Filters, *, now: datetime, limit: int, offset: int = 0) -> Sequence[Case]:
    """Cases of the user's regions and the user's own: open ones most urgent first, ended ones newest first."""
    condition, order = {
        Tab.WAITING: (_OPEN, _MOST_URGENT),
        Tab.OVERDUE: (and_(_OPEN, Case.due_at <= now), _MOST_URGENT),
        Tab.SETTLED: (~_OPEN, (Case.settled_at.desc(), Case.id.desc())),
        Tab.ALL: (true(), NEWEST),
    }[filters.tab]
    wanted = ((Case.owner_id, filters.owner_id), (Case.region_id, filters.region_id))
    given = [column == id_ for column, id_ in wanted if id_ is not None]
    said = [_says(filters.search)] if filters.search else []
    asked = shown(visible(user_id, scope), condition, *given, *said)
    return db.session.scalars(asked.order_by(*order).limit(limit).offset(offset)).all()


def _says(word: str) -> ColumnElement[bool]:
    of_order = (
        select(CaseResponse.case_id)
        .join(Response, Response.id == CaseResponse.response_id)
        .join(Response.interaction)
        .where(Interaction.number.contains(word, autoescape=True))
    )
    ways = [
        Customer.name_key.contains(fold(word) or word, autoescape=True),
        Case.id.in_(of_order),
        _has_address(word.lower()),
    ]
    # However a phone number is written, its digits are there; the leading zero is only for calls inside the country.
    digits = "".join(filter(str.isdecimal, word)).lstrip("0")
    if len(digits) >= FEWEST_DIGITS:
        ways.append(_has_address(digits))
    number = word.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 10:
        ways.append(Case.id == int(number))
    return or_(*ways)


def _has_address(part: str) -> ColumnElement[bool]:
    return Case.customer_id.in_(
        select(ContactPoint.customer_id).where(ContactPoint.value.contains(part, autoescape=True))
    )


def counts(user_id: int, scope: Scope, *, now: datetime) -> Any:
    """How many open cases there are: a row with `waiting` and `overdue`."""
    return db.session.execute(
        select(func.count().label("waiting"), func.count().filter(Case.due_at <= now).label("overdue")).where(
            _OPEN, visible(user_id, scope)
        )
    ).one()


Choices = list[tuple[int, str]]


def choices(user_id: int, scope: Scope, language: str) -> tuple[Choices, Choices]:
    """Owners and regions that cases this user sees have, by name: what may be filtered by."""
    seen = visible(user_id, scope)
    owners = select(User.id, User.name).where(exists().where(Case.owner_id == User.id, seen))
    regions = select(Region.id, Region.name).where(exists().where(Case.region_id == Region.id, seen))
    named = [(row.id, text_in(row.name, language)) for row in db.session.execute(regions)]
    found = [(row.id, row.name) for row in db.session.execute(owners)]
    return sorted(found, key=lambda one: one[1]), sorted(named, key=lambda one: one[1])


@dataclass(frozen=True)
class MyDay:
    """A user's own open cases, most urgent first; `before_noon` leaves the overdue ones out."""

    overdue: int
    before_noon: int
    waiting: int
    cases: Sequence[Case]


def my_day(user_id: int, now: datetime) -> MyDay:
    """What waits for this user; noon is that of the user's clock."""
    user = db.session.get_one(User, user_id)
    noon = at_local(local_date(now, user.timezone), rules.MORNING_UNTIL, user.timezone)
    row = db.session.execute(
        select(
            func.count().filter(Case.due_at <= now).label("overdue"),
            func.count().filter(Case.due_at > now, Case.due_at <= noon).label("before_noon"),
            func.count().label("waiting"),
        ).where(_OPEN, Case.owner_id == user_id)
    ).one()
    return MyDay(**row._mapping, cases=waiting_for(user_id, limit=MY_DAY_CARDS))


def overdue_count(scope: Scope, now: datetime) -> int:
    """Open cases of the scope whose deadline has passed."""
    asked = select(func.count()).where(_OPEN, Case.due_at <= now, within(Case.region_id, scope))
    return db.session.scalar(asked) or 0


# ---- one case --------------------------------------------------------------------------------------------------


def visible_to(user_id: int, scope: Scope, case_id: int) -> Case | None:
    """The case with what its page shows, if it lies in the user's regions or is the user's own."""
    asked = shown(Case.id == case_id, visible(user_id, scope)).options(
        joinedload(Case.settled_by), selectinload(Case.answers).joinedload(Response.touchpoint)
    )
    return db.session.scalars(asked).first()


def of_answer(user_id: int, scope: Scope, response_id: int) -> int | None:
    """Id of the case an answer is in, if the user may see it."""
    asked = (
        select(Case.id)
        .join(CaseResponse, CaseResponse.case_id == Case.id)
        .where(CaseResponse.response_id == response_id, visible(user_id, scope))
    )
    return db.session.scalar(asked)


def fresh(case_id: int) -> Case:
    """The case as it is now, whatever was read before; nobody else changes it until this transaction ends."""
    return db.session.get_one(Case, case_id, populate_existing=True, with_for_update={"of": Case})


def causes() -> Sequence[Cause]:
    """Root causes in use, groups and causes, in their order."""
    asked = select(Cause).where(Cause.retired_at.is_(None)).order_by(Cause.position, Cause.id)
    return db.session.scalars(asked).all()


def cause_labels(ids: Collection[int], language: str) -> dict[int, str]:
    """What these root causes are called, retired ones too."""
    return {one.id: text_in(one.name, language) for one in db.session.scalars(select(Cause).where(Cause.id.in_(ids)))}


# ---- other rooms -----------------------------------------------------------------------------------------------


def story(customer_id: int, scope: Scope) -> Sequence[Case]:
    """All cases of one customer in the scope, newest first."""
    asked = shown(Case.customer_id.in_(customers.members(customer_id)), within(Case.region_id, scope))
    return db.session.scalars(asked.order_by(*NEWEST)).all()


def labels(ids: Collection[int]) -> dict[int, str]:
    """What other pages call these cases: number and customer."""
    asked = select(Case.id, Customer.name).outerjoin(Case.customer).where(Case.id.in_(set(ids)))
    return {row.id: f"#{row.id} {row.name or ''}".strip() for row in db.session.execute(asked)}
