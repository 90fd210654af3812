"""Two customers become one person by hand, and are told apart again. All need a transaction.

Nothing moves from one to the other: readers follow `Customer.merged_into_id`, so each keeps the own addresses and
history. Whatever stops an invitation counts for both as long as they are one (`queries.families`).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, func, or_, select, update
from sqlalchemy.orm import selectinload

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries
from npsapp.customers.models import ContactFact, ContactPoint, Customer, CustomerMerge, Ground, Hold
from npsapp.customers.rules import HoldReason
from npsapp.db import added, change, db, insert_many
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_


class NotMergeable(Refused):
    """Not two people of one pool who stand for themselves."""

    wording = N_("These two customers cannot become one: one of them was changed meanwhile. Look at both again.")


class NoReason(Refused):
    """Whoever comes later must understand why."""

    wording = N_("Say in a few words why.")


class NotMerged(Refused):
    """Somebody was faster."""

    wording = N_("These two are told apart already.")


def merge(customer_id: int, into_id: int, *, reason: str, actor: Actor, now: datetime) -> int:
    """Let `into_id` stand for both from now on; gives the merge. The caller is alone with the planning.

    :raise NoReason: :raise NotMergeable:
    """
    if not reason:
        raise NoReason
    two = select(Customer).where(Customer.id.in_([customer_id, into_id])).order_by(Customer.id).with_for_update()
    people = db.session.scalars(two.execution_options(populate_existing=True)).all()
    alone = [one for one in people if one.merged_into_id is None and one.emptied_at is None]
    if len(alone) != 2 or alone[0].pool_id != alone[1].pool_id:
        raise NotMergeable
    theirs = or_(Customer.id == customer_id, Customer.merged_into_id == customer_id)
    change(update(Customer).where(theirs).values(merged_into_id=into_id))
    made = CustomerMerge(customer_id=customer_id, into_id=into_id, reason=reason, at=now, by_id=actor.id)
    made.last_fact_id = db.session.scalar(select(func.max(ContactFact.id))) or 0
    made.last_hold_id = db.session.scalar(select(func.max(Hold.id))) or 0
    added(made)
    _record(Event.CUSTOMER_MERGED, made, actor=actor, now=now)
    return made.id


def unmerge(merge_id: int, *, reason: str, actor: Actor, now: datetime) -> CustomerMerge:
    """Tell two people apart: each has the own addresses and history back. The caller is alone with the planning.

    What came while they were one (invitations, answers, refusals) keeps stopping both: nobody knows who was meant.

    :raise NoReason: :raise NotMerged:
    """
    if not reason:
        raise NoReason
    holding = select(CustomerMerge).where(CustomerMerge.id == merge_id, CustomerMerge.undone_at.is_(None))
    made = db.session.scalars(holding.with_for_update()).first()
    if made is None:
        raise NotMerged
    family = queries.members(made.customer_id)
    _withdraw_alike(family, now=now)
    made.undone_at, made.undone_by_id, made.undone_reason = now, actor.id, reason
    db.session.flush()
    into = {one.customer_id: one.into_id for one in queries.merges(family)}
    leaving = {id_ for id_ in family if _end(id_, into) == made.customer_id}
    change(update(Customer).where(Customer.id.in_(leaving)).values(merged_into_id=made.customer_id))
    change(update(Customer).where(Customer.id == made.customer_id).values(merged_into_id=None))
    db.session.expire_all()
    _share(made, leaving, [id_ for id_ in family if id_ not in leaving], now=now)
    _record(Event.CUSTOMER_UNMERGED, made, actor=actor, now=now)
    return made


def _end(customer_id: int, into: dict[int, int]) -> int:
    while customer_id in into:
        customer_id = into[customer_id]
    return customer_id


def _share(made: CustomerMerge, leaving: Collection[int], staying: Sequence[int], *, now: datetime) -> None:
    """What came to one side while they were one is written for the other, too; an open case stays where it is."""
    lasting = queries.in_force(now), Hold.reason != HoldReason.OPEN_CASE
    for model, last_id, which in (
        (ContactFact, made.last_fact_id, (ContactFact.exempt.is_(False),)),
        (Hold, made.last_hold_id, lasting),
    ):
        table = cast(Table, model.__table__)
        columns = [column for column in table.c if column.name not in ("id", "customer_id")]
        copies: list[dict[str, Any]] = []
        for one_side, other in ((leaving, staying[0]), (staying, made.customer_id)):
            new = select(*columns).where(table.c.customer_id.in_(one_side), table.c.id > last_id, *which)
            copies += [{**row, "customer_id": other} for row in db.session.execute(new).mappings()]
        insert_many(model, copies)


def _withdraw_alike(family: Collection[int], *, now: datetime) -> None:
    """An address both have: what was withdrawn for one of them, a file's "no" perhaps, is withdrawn for the other."""
    points = db.session.scalars(
        select(ContactPoint)
        .where(ContactPoint.customer_id.in_(family))
        .options(selectinload(ContactPoint.grounds))
        .execution_options(populate_existing=True)
    ).all()
    grounds = [(point.kind, point.value, ground) for point in points for ground in point.grounds]
    refused = {(kind, value, ground.channel) for kind, value, ground in grounds if ground.withdrawn_at}
    also = [one.id for kind, value, one in grounds if (kind, value, one.channel) in refused and not one.withdrawn_at]
    change(update(Ground).where(Ground.id.in_(also)).values(withdrawn_at=now))


def _record(event: Event, made: CustomerMerge, *, actor: Actor, now: datetime) -> None:
    data = {"merge_id": made.id, "other_id": made.customer_id}
    audit.record(event, actor=actor, now=now, subject=("customer", made.into_id), data=data)
