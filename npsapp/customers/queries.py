"""Finding people and what is known about them: addresses, grounds, holds, facts of contact."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import joinedload, selectinload

from npsapp.customers.models import ContactFact, ContactPoint, Customer, CustomerNote, Hold
from npsapp.db import db
from npsapp.organization.models import Brand, Region

Row = TypeVar("Row", ContactPoint, ContactFact, Hold)

UNSUBSCRIBE = "unsubscribe"
"""Source of the holds that customers set themselves; the choice follows after a colon."""


def current(customer_id: int) -> Customer | None:
    """The person behind an id, following merges. A circle ends at its first repeat."""
    seen: set[int] = set()
    found = db.session.get(Customer, customer_id)
    while found and found.merged_into_id and found.id not in seen:
        seen.add(found.id)
        found = db.session.get(Customer, found.merged_into_id)
    return found


def contact_point(contact_point_id: int) -> ContactPoint | None:
    """One address with its customer."""
    return db.session.get(ContactPoint, contact_point_id, options=[joinedload(ContactPoint.customer)])


def contact_points(customer_ids: Iterable[int]) -> dict[int, list[ContactPoint]]:
    """Addresses by customer, oldest first, with their grounds; for planning in bulk."""
    wanted = sorted(set(customer_ids))
    rows = db.session.scalars(
        select(ContactPoint)
        .where(ContactPoint.customer_id.in_(wanted))
        .options(selectinload(ContactPoint.grounds))
        .order_by(ContactPoint.id)
    )
    return _by_customer(rows)


def facts_for(customer_ids: Iterable[int], since: datetime) -> dict[int, list[ContactFact]]:
    """Facts of contact from `since` on by customer, oldest first; exempt ones included."""
    wanted = sorted(set(customer_ids))
    rows = db.session.scalars(
        select(ContactFact)
        .where(ContactFact.customer_id.in_(wanted), ContactFact.at >= since)
        .order_by(ContactFact.at, ContactFact.id)
    )
    return _by_customer(rows)


def holds_for(customer_ids: Iterable[int], now: datetime) -> dict[int, list[Hold]]:
    """Holds in force at `now` by customer."""
    wanted = sorted(set(customer_ids))
    rows = db.session.scalars(select(Hold).where(Hold.customer_id.in_(wanted), in_force(now)).order_by(Hold.id))
    return _by_customer(rows)


def in_force(now: datetime) -> ColumnElement[bool]:
    """The condition that a hold stops its customer at `now`."""
    return and_(Hold.lifted_at.is_(None), Hold.since <= now, or_(Hold.until.is_(None), Hold.until > now))


def _by_customer(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.customer_id].append(row)
    return dict(found)


def own_stop(customer_id: int, now: datetime) -> Hold | None:
    """The hold the customer set on the unsubscribe page, if it is in force."""
    return db.session.scalars(
        select(Hold)
        .where(Hold.customer_id == customer_id, Hold.source.startswith(UNSUBSCRIBE), in_force(now))
        .order_by(Hold.id.desc())
    ).first()


def language_of(person: Customer, brand: Brand | None) -> str:
    """The language to write in: the person's own, else the region's, else the brand's, else English."""
    region = db.session.get(Region, person.region_id) if person.region_id else None
    return person.language or (region.language if region else None) or (brand.language if brand else "en")


def timezone_of(person: Customer, brand: Brand) -> str:
    """The zone in which hours count for this person: own, else the region's, else the brand's."""
    region = db.session.get(Region, person.region_id) if person.region_id else None
    return person.timezone or (region.timezone if region else None) or brand.timezone


def labels(ids: Iterable[int | None]) -> dict[int, str]:
    """Names for the audit page: id → name, an empty string where none is known."""
    wanted = sorted({id_ for id_ in ids if id_ is not None})
    rows = db.session.execute(select(Customer.id, Customer.name).where(Customer.id.in_(wanted)))
    return {row.id: row.name for row in rows}


@dataclass(frozen=True)
class Story:
    """What this room knows of one person: addresses with their grounds, holds, and what colleagues wrote down."""

    contact_points: list[ContactPoint]
    holds: Sequence[Hold]
    notes: Sequence[CustomerNote]


def story(customer_id: int) -> Story:
    """Everything the customer page shows of a person's addresses, grounds, holds and notes."""
    holds = db.session.scalars(select(Hold).where(Hold.customer_id == customer_id)).all()
    notes = db.session.scalars(select(CustomerNote).where(CustomerNote.customer_id == customer_id)).all()
    return Story(contact_points([customer_id]).get(customer_id, []), holds, notes)
