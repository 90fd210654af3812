"""Questions over several rooms: finding a customer, and all that happened to one."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select, true
from sqlalchemy.orm import aliased, selectinload

from npsapp.cases import queries as cases
from npsapp.cases.models import Case
from npsapp.cases.rules import OPEN_STATES
from npsapp.customers import queries as customers
from npsapp.customers.models import Customer, CustomerMerge
from npsapp.db import db, within
from npsapp.intake import queries as intake, selections
from npsapp.intake.models import Interaction
from npsapp.intake.selections import Rule
from npsapp.invitations import queries as invitations
from npsapp.permissions import Scope
from npsapp.responses import queries as responses, replies

SHORTEST_SEARCH = 2  # characters; one letter would list half of everybody

Moment = tuple[datetime, str, Any]
"""When, of which kind, and what happened."""


def find_customers(q: str, scope: Scope, *, limit: int, after: int | None = None) -> Sequence[Customer]:
    """People by name, e-mail, phone or order number, newest first, as far as the scope reaches.

    Somebody is inside the scope by the own region or by a purchase there. `after` is the id of the last row of the
    page before. Too short a search finds nobody: this is a search, not a list.
    """
    text = " ".join(q.split())
    if len(text) < SHORTEST_SEARCH:
        return []
    into = Customer.merged_into_id
    # An address or number of somebody who was merged finds whoever stands for them.
    merged = select(into).where(into > 0, or_(*_ways(text)))
    rows = select(Customer).where(
        or_(*_ways(text), Customer.id.in_(merged.correlate(None))), _inside(scope), into.is_(None)
    )
    if after is not None:
        rows = rows.where(Customer.id < after)
    rows = rows.options(selectinload(Customer.contact_points)).order_by(Customer.id.desc()).limit(limit)
    return db.session.scalars(rows).all()


def _ways(text: str) -> list[ColumnElement[bool]]:
    """What the words may be: an order number, or what a person is called or reached by."""
    bought = select(Interaction.customer_id).where(intake.numbered(text))
    return [Customer.id.in_(bought), *customers.known_as(text)]


def _inside(scope: Scope) -> ColumnElement[bool]:
    """By the own region or a purchase there, or those of somebody merged into this one."""
    if scope.regions is None:
        return true()
    other = aliased(Customer)
    merged = select(other.id).where(other.merged_into_id == Customer.id, _placed(other, scope))
    return or_(_placed(Customer, scope), merged.exists())


def _placed(person: Any, scope: Scope) -> ColumnElement[bool]:
    bought = select(Interaction.customer_id).where(
        Interaction.customer_id == person.id, within(Interaction.region_id, scope)
    )
    return or_(within(person.region_id, scope), bought.exists())


def visible_customer(customer_id: int, scope: Scope) -> Customer | None:
    """The customer if somebody with this scope may see the page: by region, or by a purchase there."""
    return db.session.scalars(select(Customer).where(Customer.id == customer_id, _inside(scope))).first()


def visible_merge(merge_id: int, scope: Scope) -> CustomerMerge | None:
    """A merge that holds, if somebody with this scope may see whom it made of two."""
    holds = CustomerMerge.id == merge_id, CustomerMerge.undone_at.is_(None)
    inside = select(Customer.id).where(Customer.id == CustomerMerge.into_id, _inside(scope)).correlate(CustomerMerge)
    return db.session.scalars(select(CustomerMerge).where(*holds, inside.exists())).first()


def selected(rule: Rule, scope: Scope, *, now: datetime) -> Select[Any]:
    """Ids of the customers a rule takes, as far as the scope reaches."""
    taken = selections.people(rule, now=now, scope=scope)
    return select(Customer.id).where(Customer.id.in_(taken), Customer.merged_into_id.is_(None), _inside(scope))


def first_of(ids: Select[Any], *, limit: int, after: int | None = None) -> Sequence[Customer]:
    """These customers with their addresses, newest first; `after` is the id of the last row of the page before."""
    rows = select(Customer).where(Customer.id.in_(ids), Customer.id < after if after else true())
    rows = rows.options(selectinload(Customer.contact_points)).order_by(Customer.id.desc()).limit(limit)
    return db.session.scalars(rows).all()


def every(ids: Select[Any], *, at_once: int = 500) -> Iterator[Customer]:
    """All of these customers, read in parts."""
    after: int | None = None
    while rows := first_of(ids, limit=at_once, after=after):
        yield from rows
        after = rows[-1].id
        db.session.expunge_all()


def idle_customers(before: datetime) -> Select[int]:
    """Ids of people who bought nothing since a moment, have no open case, and are not emptied yet."""
    bought = exists().where(Interaction.customer_id == Customer.id, Interaction.happened_at >= before)
    waiting = exists().where(Case.customer_id == Customer.id, Case.state.in_(OPEN_STATES))
    return select(Customer.id).where(Customer.created_at < before, Customer.emptied_at.is_(None), ~bought, ~waiting)


def timeline(customer_id: int, known: customers.Story, scope: Scope) -> list[Moment]:
    """All that happened to one customer as far as the scope reaches, newest first."""
    bought, asked = intake.story(customer_id), invitations.story(customer_id)
    moments: list[Moment] = [
        *((one.happened_at, "interaction", one) for one in bought if scope.covers(one.region_id)),
        *((one.decided_at, "invitation", one) for one in asked if scope.covers(one.region_id)),
        *((one.confirmed_at, "answer", one) for one in responses.story(customer_id, scope)),
        *((one.at, "reply", one) for one in replies.story(customer_id, scope)),
        *((one.opened_at, "case", one) for one in cases.story(customer_id, scope)),
        *((one.since, "hold", one) for one in known.holds),
        *((one.at, "note", one) for one in known.notes),
        *((one.since, "ground", one) for point in known.contact_points for one in point.grounds),
    ]
    return sorted(moments, key=lambda moment: moment[0], reverse=True)
