"""Finding people and what is known about them: addresses, grounds, holds, facts of contact."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, func, or_, select
from sqlalchemy.orm import aliased, joinedload, selectinload

from npsapp.customers.models import (
    ContactFact,
    ContactPoint,
    Customer,
    CustomerMerge,
    CustomerNote,
    Ground,
    Hold,
    TrustedId,
)
from npsapp.customers.rules import ContactKind, GroundKind
from npsapp.db import Base, db, one_of, pairs
from npsapp.delivery.rules import Channel
from npsapp.i18n import first_spoken
from npsapp.lib import addresses, phones
from npsapp.organization.models import Brand, Pool, Region
from npsapp.organization.rules import fold

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


def members(customer_id: int) -> list[int]:
    """Ids of everybody who was merged with a customer; whoever stands for them all comes first."""
    one = aliased(Customer)
    standing = select(func.coalesce(one.merged_into_id, one.id)).where(one.id == customer_id).scalar_subquery()
    together = or_(Customer.id == standing, Customer.merged_into_id == standing)
    by_standing = Customer.merged_into_id.is_not(None), Customer.id
    return list(db.session.scalars(select(Customer.id).where(together).order_by(*by_standing))) or [customer_id]


def families(customer_ids: Iterable[int]) -> dict[int, int]:
    """Everybody who is one person with one of these customers: id → id of whoever stands for them; in bulk."""
    ids, into = set(customer_ids), Customer.merged_into_id
    merged = select(Customer.id, into).where(into > 0)
    found: dict[int, int] = pairs(merged.where(or_(one_of(Customer.id, ids), one_of(into, ids))))
    standing = {found.get(id_, id_) for id_ in ids}
    if beyond := standing - ids:
        found |= pairs(merged.where(one_of(into, beyond)))
    return {id_: id_ for id_ in standing} | found


def merges(customer_ids: Iterable[int]) -> Sequence[CustomerMerge]:
    """Merges that hold between these customers, oldest first."""
    holding = CustomerMerge.customer_id.in_(customer_ids), CustomerMerge.undone_at.is_(None)
    return db.session.scalars(select(CustomerMerge).where(*holding).order_by(CustomerMerge.id)).all()


def external_ids(source_id: int, customer_ids: Iterable[int]) -> dict[int, str]:
    """The ids under which a source knows these customers."""
    theirs = TrustedId.source_id == source_id, one_of(TrustedId.customer_id, customer_ids)
    return pairs(select(TrustedId.customer_id, TrustedId.external_id).where(*theirs))


def contact_point(contact_point_id: int) -> ContactPoint | None:
    """One address with its customer."""
    return db.session.get(ContactPoint, contact_point_id, options=[joinedload(ContactPoint.customer)])


SHORTEST_PHONE = 5  # digits from which a number may be part of a phone number


def known_as(text: str) -> list[ColumnElement[bool]]:
    """What these words may be of a customer: an address or the beginning of one; a name; a phone or part of one."""
    ways, digits = [], "".join(char for char in text if char.isdigit())
    if " " not in text and not text.isdigit():
        begins = ContactPoint.value.startswith(text.lower(), autoescape=True)
        ways.append(_has_address(ContactKind.EMAIL, addresses.normalise(text), begins))
    if any(char.isalpha() for char in text):
        words = (Customer.name_key.contains(word, autoescape=True) for word in fold(text).split())
        ways.append(and_(Customer.name_key != "", *words))
    elif len(digits) >= SHORTEST_PHONE:
        part = ContactPoint.value.contains(digits, autoescape=True)
        ways.append(_has_address(ContactKind.PHONE, phones.normalise(text), part))
    return ways


def _has_address(kind: ContactKind, whole: str | None, part: ColumnElement[bool]) -> ColumnElement[bool]:
    in_pools = ContactPoint.pool_id.in_(select(Pool.id))  # lets the index on (pool, kind, value) be used
    same = ContactPoint.value == whole if whole else part
    return Customer.id.in_(select(ContactPoint.customer_id).where(in_pools, ContactPoint.kind == kind, same))


def best_address(customer_id: int) -> str:
    """Where to reach a person: the newest phone number, else the newest e-mail address, else an empty string."""
    theirs = ContactPoint.customer_id == customer_id, ContactPoint.fault == "", ContactPoint.not_mine_at.is_(None)
    newest = select(ContactPoint.value).where(*theirs).order_by(ContactPoint.kind.desc(), ContactPoint.id.desc())
    return db.session.scalar(newest.limit(1)) or ""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An e-mail address or telephone with its grounds for one channel, each with the moment it was withdrawn."""

    id: int
    value: str
    not_mine: bool
    mistyped: bool
    """It is no address, and here only because it came with a refusal, which holds for the others."""
    grounds: list[tuple[GroundKind, datetime | None]]


def mailboxes(customer_ids: Iterable[int], channel: Channel = Channel.EMAIL) -> dict[int, list[Mailbox]]:
    """Addresses for a channel by customer, oldest first; in bulk. What is mistyped is none, see `Mailbox`."""
    of_kind = ContactPoint.kind == (ContactKind.EMAIL if channel is Channel.EMAIL else ContactKind.PHONE)
    columns = ContactPoint.customer_id, ContactPoint.id, ContactPoint.value, ContactPoint.not_mine_at
    its_grounds = and_(Ground.contact_point_id == ContactPoint.id, Ground.channel == channel)
    rows = db.session.execute(
        select(*columns, ContactPoint.fault, Ground.kind, Ground.withdrawn_at)
        .outerjoin(Ground, its_grounds)
        .where(one_of(ContactPoint.customer_id, customer_ids), of_kind)
        .where(or_(ContactPoint.fault == "", Ground.withdrawn_at.is_not(None)))
        .order_by(ContactPoint.id)
    )
    found: dict[int, list[Mailbox]] = defaultdict(list)
    for customer_id, id_, value, not_mine_at, fault, kind, withdrawn_at in rows:
        boxes = found[customer_id]
        if not boxes or boxes[-1].id != id_:
            boxes.append(Mailbox(id_, value, not_mine_at is not None, bool(fault), []))
        if kind:
            boxes[-1].grounds.append((kind, withdrawn_at))
    return found


def grounds_in_force(pool_id: int) -> dict[Channel, dict[GroundKind, int]]:
    """How many addresses of a company may be used on which ground, by channel."""
    rows = (
        select(Ground.channel, Ground.kind, func.count())
        .join(ContactPoint, ContactPoint.id == Ground.contact_point_id)
        .where(ContactPoint.pool_id == pool_id, Ground.withdrawn_at.is_(None))
        .group_by(Ground.channel, Ground.kind)
    )
    found: dict[Channel, dict[GroundKind, int]] = defaultdict(dict)
    for channel, kind, count in db.session.execute(rows):
        found[channel][kind] = count
    return dict(found)


def facts_for(customer_ids: Iterable[int], since: datetime) -> dict[int, list[Any]]:
    """Facts of contact from `since` on by customer, oldest first; exempt ones included. Rows, for there are many."""
    return _by_customer(ContactFact, customer_ids, ContactFact.at >= since)


def holds_for(customer_ids: Iterable[int], now: datetime) -> dict[int, list[Any]]:
    """Holds in force at `now` by customer; rows, as above."""
    return _by_customer(Hold, customer_ids, in_force(now))


def in_force(now: datetime) -> ColumnElement[bool]:
    """The condition that a hold stops its customer at `now`."""
    return and_(Hold.lifted_at.is_(None), Hold.since <= now, or_(Hold.until.is_(None), Hold.until > now))


def _by_customer(model: type[Base], customer_ids: Iterable[int], which: ColumnElement[bool]) -> dict[int, list[Any]]:
    columns = cast(Table, model.__table__).c
    found: dict[int, list[Any]] = defaultdict(list)
    rows = select(*columns).where(one_of(columns.customer_id, customer_ids), which).order_by(columns.id)
    for row in db.session.execute(rows):
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
    """The language to write in, which a brand must speak: the person's own, else the region's, else the brand's."""
    region = db.session.get(Region, person.region_id) if person.region_id else None
    wishes = [wish for wish in (person.language, region and region.language) if wish]
    spoken, usual = (brand.languages, brand.language) if brand else (wishes, "en")
    return first_spoken(wishes, spoken, usual)


def timezone_of(person: Customer, brand: Brand) -> str:
    """The zone in which hours count for this person: own, else the region's, else the brand's."""
    region = db.session.get(Region, person.region_id) if person.region_id else None
    return person.timezone or (region.timezone if region else None) or brand.timezone


def labels(ids: Iterable[int | None]) -> dict[int, str]:
    """Names for the audit page: id → name, an empty string where none is known."""
    wanted = sorted({id_ for id_ in ids if id_ is not None})
    return pairs(select(Customer.id, Customer.name).where(Customer.id.in_(wanted)))


@dataclass(frozen=True)
class Story:
    """What this room knows of one person: addresses with their grounds, holds, and what colleagues wrote down."""

    contact_points: Sequence[ContactPoint]
    holds: Sequence[Hold]
    notes: Sequence[CustomerNote]


def story(customer_id: int) -> Story:
    """Everything the customer page shows of a person's addresses, grounds, holds and notes, of merged ones too."""
    ids = members(customer_id)
    holds = db.session.scalars(select(Hold).where(Hold.customer_id.in_(ids))).all()
    notes = db.session.scalars(select(CustomerNote).where(CustomerNote.customer_id.in_(ids))).all()
    points = select(ContactPoint).where(ContactPoint.customer_id.in_(ids)).order_by(ContactPoint.id)
    return Story(db.session.scalars(points.options(selectinload(ContactPoint.grounds))).all(), holds, notes)
