"""Tags on people: put by hand, derived from answers, counted by month. Changing them needs a transaction."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, SelectBase, delete, extract, func, insert, select, tuple_

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries
from npsapp.customers.models import Customer, Tag
from npsapp.db import change, db, insert_unless_there, within
from npsapp.permissions import Scope

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
    """Replace what answers say of people. `of` gives (survey, customer), `tags` (customer, survey, name, moment)."""
    derived = Tag.survey_id != BY_HAND
    change(delete(Tag).where(derived, tuple_(Tag.survey_id, Tag.customer_id).in_(of)))
    for rows in tags:
        db.session.execute(insert(Tag).from_select(["customer_id", "survey_id", "name", "at"], rows))


def of_person(customer_id: int) -> Sequence[Tag]:
    """Everything on one person, with what merged people bring, those by hand first."""
    theirs = select(Tag).where(Tag.customer_id.in_(queries.members(customer_id)))
    return db.session.scalars(theirs.order_by(Tag.survey_id, Tag.name)).all()


def tagged(name: str) -> Select[Any]:
    """Ids of the customers with a tag."""
    return select(Tag.customer_id).where(Tag.name == name)


def names(scope: Scope, *, limit: int = 200) -> list[str]:
    """All tags that people of the scope have, in the order of the alphabet."""
    rows = select(Tag.name).distinct().order_by(Tag.name).limit(limit)
    if not scope.everything:
        rows = rows.join(Customer, Customer.id == Tag.customer_id).where(within(Customer.region_id, scope))
    return list(db.session.scalars(rows))


def by_month(since: date, scope: Scope) -> dict[str, dict[date | None, int]]:
    """How many people of the scope have each tag: by the month it came since a day, and altogether under None."""
    month: tuple[ColumnElement[Any], ...] = (extract("year", Tag.at), extract("month", Tag.at))
    person = func.coalesce(Customer.merged_into_id, Customer.id)
    rows = (
        select(Tag.name, *month, func.count(person.distinct()))
        .join(Customer, Customer.id == Tag.customer_id)
        .where(within(Customer.region_id, scope))
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
