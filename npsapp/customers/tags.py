"""Tags on people: put by hand, derived from answers, counted by month. Changing them needs a transaction."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, SelectBase, and_, delete, extract, func, insert, or_, select, true, tuple_

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries
from npsapp.customers.models import Customer, Tag
from npsapp.db import change, db, insert_unless_there, within
from npsapp.permissions import EVERYTHING, Scope

BY_HAND = 0
LONGEST = 40  # characters
DERIVED = ("nps:", "promoter", "passive", "detractor")
"""How derived tags begin; nobody puts one of these by hand."""


def cleaned(typed: str) -> str:
    """A tag as it is kept: lower case, single spaces; empty when it is none, too long, or one that answers give."""
    name = " ".join(typed.lower().split())
    return "" if len(name) > LONGEST or is_derived(name) else name


def is_derived(name: str) -> bool:
    """Whether answers give this tag, and no colleague."""
    return name.startswith(DERIVED[0]) or name in DERIVED


def put(customer_id: int, name: str, *, actor: Actor, now: datetime) -> None:
    """Put a tag on a person by hand; one that is there stays as it is."""
    row = insert_unless_there(Tag).values(customer_id=customer_id, survey_id=BY_HAND, name=name, at=now, by_id=actor.id)
    if change(row.on_conflict_do_nothing()):
        audit.record(Event.CUSTOMER_TAGGED, actor=actor, now=now, subject=("customer", customer_id))


def drop(customer_id: int, name: str, *, actor: Actor, now: datetime) -> None:
    """Take off what was put by hand."""
    theirs = Tag.customer_id.in_(queries.members(customer_id)), Tag.survey_id == BY_HAND, Tag.name == name
    if change(delete(Tag).where(*theirs)):
        audit.record(Event.CUSTOMER_UNTAGGED, actor=actor, now=now, subject=("customer", customer_id))


def derive_again(of: SelectBase, tags: Iterable[Select[Any]]) -> None:
    """Replace what answers say of people. `of` gives (survey, customer), `tags` (customer, survey, region, name,
    moment).
    """
    derived = Tag.survey_id != BY_HAND
    change(delete(Tag).where(derived, tuple_(Tag.survey_id, Tag.customer_id).in_(of)))
    for rows in tags:
        db.session.execute(insert(Tag).from_select(["customer_id", "survey_id", "region_id", "name", "at"], rows))


def _told(scope: Scope) -> ColumnElement[bool]:
    """Of a person who is inside the scope: what was put by hand, and what answers say that lie inside, too."""
    return true() if scope.everything else or_(Tag.survey_id == BY_HAND, within(Tag.region_id, scope))


def _seen(scope: Scope) -> ColumnElement[bool]:
    """A tag lies where its answer was given; one put by hand, where its person belongs."""
    by_hand = and_(Tag.survey_id == BY_HAND, within(Customer.region_id, scope))
    return true() if scope.everything else or_(by_hand, and_(Tag.survey_id != BY_HAND, within(Tag.region_id, scope)))


def of_person(customer_id: int, scope: Scope) -> Sequence[Tag]:
    """Everything on one person, with what merged people bring, those by hand first."""
    theirs = select(Tag).where(Tag.customer_id.in_(queries.members(customer_id)), _told(scope))
    return db.session.scalars(theirs.order_by(Tag.survey_id, Tag.name)).all()


def tagged(name: str, scope: Scope = EVERYTHING) -> Select[Any]:
    """Ids of the customers with a tag."""
    return select(Tag.customer_id).where(Tag.name == name, _told(scope))


def names(scope: Scope, *, limit: int = 200) -> list[str]:
    """All tags that people of the scope have, in the order of the alphabet."""
    rows = select(Tag.name).distinct().order_by(Tag.name).limit(limit)
    return list(db.session.scalars(rows.join(Customer, Customer.id == Tag.customer_id).where(_seen(scope))))


def by_month(since: date, scope: Scope) -> dict[str, dict[date | None, int]]:
    """How many people of the scope have each tag: by the month it came since a day, and altogether under None."""
    month: tuple[ColumnElement[Any], ...] = (extract("year", Tag.at), extract("month", Tag.at))
    person = func.coalesce(Customer.merged_into_id, Customer.id)
    rows = (
        select(Tag.name, *month, func.count(person.distinct()))
        .join(Customer, Customer.id == Tag.customer_id)
        .where(_seen(scope))
        .group_by(Tag.name, *month)
        .order_by(Tag.name)
    )
    found: dict[str, dict[date | None, int]] = {}
    for name, year, number, count in db.session.execute(rows):
        counts, begun = found.setdefault(name, {None: 0}), date(int(year), int(number), 1)
        counts[None] = (counts[None] or 0) + count
        if begun >= since.replace(day=1):
            counts[begun] = count
    return dict(sorted(found.items(), key=lambda pair: (is_derived(pair[0]), len(pair[0]), pair[0])))
