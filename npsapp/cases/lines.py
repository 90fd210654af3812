"""Cases in lists: one line each with customer, purchase, words and clock, in the scope of who is looking."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select, true
from sqlalchemy.orm import aliased

from npsapp.accounts.models import User
from npsapp.cases import rules
from npsapp.cases.models import Case, CaseResponse, Cause
from npsapp.cases.rules import OPEN_STATES, Outcome, State
from npsapp.customers.models import ContactPoint, Customer
from npsapp.customers.rules import ContactKind
from npsapp.db import db, within_or_own
from npsapp.intake.models import Interaction
from npsapp.organization.models import Region, Unit
from npsapp.organization.rules import fold
from npsapp.permissions import Scope
from npsapp.responses.models import Response
from npsapp.responses.rules import Group, classify

FEWEST_DIGITS = 5
"""Fewer digits than this are no part of a phone number worth looking for."""


class Tab(StrEnum):
    """The parts of the list."""

    WAITING = "waiting"
    OVERDUE = "overdue"
    SETTLED = "settled"
    ALL = "all"


@dataclass(frozen=True)
class Line:
    """One case in a list, with what its newest answer says."""

    id: int
    state: State
    score: int
    hot: bool
    opened_at: datetime
    due_at: datetime
    settled_at: datetime | None
    contacted_at: datetime | None
    outcome: Outcome | None
    customer_id: int | None
    customer: str
    key_customer: bool
    phone: str | None
    email: str | None
    title: str
    number: str
    happened_at: datetime | None
    answered_at: datetime | None
    comment: str
    region: dict[str, str] | None
    unit: dict[str, str] | None
    owner_id: int
    owner: str
    cause: dict[str, str] | None

    @property
    def group(self) -> Group:
        """The group of the score, for its badge."""
        return classify(self.score)

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.state in OPEN_STATES

    @property
    def step(self) -> rules.Step | None:
        """The next act; None when the case has ended."""
        return rules.step_due(self.state)

    def overdue(self, now: datetime) -> bool:
        """Whether its next deadline has passed."""
        return self.is_open and self.due_at <= now


@dataclass(frozen=True)
class Filters:
    """What narrows the list; `search` looks at names, addresses, numbers of orders and of cases."""

    tab: Tab = Tab.WAITING
    owner_id: int | None = None
    region_id: int | None = None
    search: str = ""


@dataclass(frozen=True)
class Counts:
    """Cases per tab, in the user's scope."""

    waiting: int = 0
    overdue: int = 0
    settled: int = 0

    @property
    def all(self) -> int:
        """Open and ended ones together."""
        return self.waiting + self.settled


_Owner = aliased(User)


def _address(kind: ContactKind) -> ColumnElement[str | None]:
    """The customer's first address of a kind that somebody has not disowned."""
    return (
        select(ContactPoint.value)
        .where(
            ContactPoint.customer_id == Case.customer_id,
            ContactPoint.kind == kind,
            ContactPoint.not_mine_at.is_(None),
        )
        .order_by(ContactPoint.id)
        .limit(1)
        .correlate(Case)
        .scalar_subquery()
    )


_newest_answer = (
    select(func.max(CaseResponse.response_id))
    .where(CaseResponse.case_id == Case.id)
    .correlate(Case)
    .scalar_subquery()
)


def lines() -> Any:
    """One statement for a page of lines, whatever their number."""
    return (
        select(
            Case.id,
            Case.state,
            Case.score,
            Case.hot,
            Case.opened_at,
            Case.due_at,
            Case.settled_at,
            Case.contacted_at,
            Case.outcome,
            Case.customer_id,
            func.coalesce(Customer.name, "").label("customer"),
            func.coalesce(Customer.is_key, False).label("key_customer"),
            _address(ContactKind.PHONE).label("phone"),
            _address(ContactKind.EMAIL).label("email"),
            func.coalesce(Interaction.title, "").label("title"),
            func.coalesce(Interaction.number, "").label("number"),
            Interaction.happened_at,
            Response.confirmed_at.label("answered_at"),
            func.coalesce(Response.comment, "").label("comment"),
            Region.name.label("region"),
            Unit.name.label("unit"),
            Case.owner_id,
            _Owner.name.label("owner"),
            Cause.name.label("cause"),
        )
        .select_from(Case)
        .join(_Owner, _Owner.id == Case.owner_id)
        .outerjoin(Customer, Customer.id == Case.customer_id)
        .outerjoin(Response, Response.id == _newest_answer)
        .outerjoin(Interaction, Interaction.id == Response.interaction_id)
        .outerjoin(Region, Region.id == Case.region_id)
        .outerjoin(Unit, Unit.id == Case.unit_id)
        .outerjoin(Cause, Cause.id == Case.cause_id)
    )


def line_of(row: Row[Any]) -> Line:
    values = dict(row._mapping)
    return Line(**values | {"key_customer": bool(values["key_customer"])})


_MOST_URGENT = (Case.due_at, Case.score, func.coalesce(Customer.is_key, False).desc(), Case.id)
_open = Case.state.in_(OPEN_STATES)
_ended = Case.state.not_in(OPEN_STATES)


# ---- lists -----------------------------------------------------------------------------------------------------


def page(
    user_id: int, scope: Scope, filters: Filters, *, now: datetime, limit: int, offset: int = 0
) -> list[Line]:
    """Cases of the user's regions and the user's own: open ones most urgent first, ended ones newest first."""
    order: tuple[Any, ...] = _MOST_URGENT
    if filters.tab is Tab.SETTLED:
        order = (Case.settled_at.desc(), Case.id.desc())
    if filters.tab is Tab.ALL:
        order = (Case.opened_at.desc(), Case.id.desc())
    asked = lines().where(visible(user_id, scope), _in_tab(filters.tab, now), *_narrowed(filters))
    return [line_of(row) for row in db.session.execute(asked.order_by(*order).limit(limit).offset(offset))]


def visible(user_id: int, scope: Scope) -> ColumnElement[bool]:
    """The condition that keeps cases inside the user's regions, and lets the user's own through."""
    return within_or_own(Case.region_id, scope, Case.owner_id, user_id)


def _in_tab(tab: Tab, now: datetime) -> ColumnElement[bool]:
    return {
        Tab.WAITING: _open,
        Tab.OVERDUE: and_(_open, Case.due_at <= now),
        Tab.SETTLED: _ended,
        Tab.ALL: true(),
    }[tab]


def _narrowed(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.owner_id is not None:
        found.append(Case.owner_id == filters.owner_id)
    if filters.region_id is not None:
        found.append(Case.region_id == filters.region_id)
    if filters.search:
        found.append(_says(filters.search))
    return found


def _says(search: str) -> ColumnElement[bool]:
    word = search.strip()
    ways = [
        Customer.name_key.contains(fold(word) or word, autoescape=True),
        Interaction.number.contains(word, autoescape=True),
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


def counts(user_id: int, scope: Scope, *, now: datetime) -> Counts:
    """How many cases stand in each tab, in one statement."""
    row = db.session.execute(
        select(
            func.sum(case((_open, 1), else_=0)),
            func.sum(case((and_(_open, Case.due_at <= now), 1), else_=0)),
            func.sum(case((_open, 0), else_=1)),
        ).where(visible(user_id, scope))
    ).one()
    return Counts(*(value or 0 for value in row))


def owners(user_id: int, scope: Scope) -> list[tuple[int, str]]:
    """Who owns cases that this user sees: pairs for a filter."""
    rows = db.session.execute(
        select(User.id, User.name)
        .where(User.id.in_(select(Case.owner_id).where(visible(user_id, scope))))
        .order_by(User.name, User.id)
    )
    return [(row.id, row.name) for row in rows]


def regions(user_id: int, scope: Scope) -> list[tuple[int, dict[str, str]]]:
    """Regions that have cases this user sees."""
    rows = db.session.execute(
        select(Region.id, Region.name)
        .where(Region.id.in_(select(Case.region_id).where(visible(user_id, scope))))
        .order_by(Region.id)
    )
    return [(row.id, row.name) for row in rows]


def own(user_id: int, *, limit: int) -> list[Line]:
    """The user's own open cases, most urgent first."""
    asked = lines().where(_open, Case.owner_id == user_id).order_by(*_MOST_URGENT).limit(limit)
    return [line_of(row) for row in db.session.execute(asked)]


def most_urgent(*where: ColumnElement[bool]) -> list[Line]:
    """Lines of the cases that meet the conditions, most urgent first."""
    return [line_of(row) for row in db.session.execute(lines().where(*where).order_by(*_MOST_URGENT))]
