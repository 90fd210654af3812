"""Erasing a person: what is to be searched for in what was kept raw, and who is never taken in again."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from flask import current_app
from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries
from npsapp.customers.models import ContactPoint, Customer, Erased, Hold, TrustedId
from npsapp.customers.rules import HoldReason
from npsapp.db import added, db, insert_unless_there, one_of
from npsapp.lib.tokens import keyed

ERASING = "erasing"
"""Source of the hold on somebody who is being erased; the job goes on until nothing personal is left."""
SHORTEST = 6  # characters of a name or id that is searched for: shorter ones stand everywhere
NATIONAL = 9  # last digits of a phone number, however its beginning is written
ANYHOW = r"[\s()+.-]{0,3}"  # what may stand between them


@dataclass(frozen=True)
class Traces:
    """What tells that a text is about a person."""

    customer_ids: Sequence[int]
    addresses: Sequence[str]
    """Without those that somebody else has as well: they stay that person's."""
    names: Sequence[str]
    ids: Sequence[str]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds any of them; phones with any separators, names with any blanks."""
        parts = [ANYHOW.join(one[-NATIONAL:]) if one.startswith("+") else re.escape(one) for one in self.addresses]
        parts += [r"\s+".join(map(re.escape, one.split())) for one in self.names]
        parts += [rf"(?<![\w-]){re.escape(one)}(?![\w-])" for one in self.ids if len(one) >= SHORTEST]
        return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)


def traces(customer_id: int) -> Traces:
    """What is known of a person, with everybody merged into it."""
    ids = queries.members(customer_id)
    other, mine = aliased(ContactPoint), ContactPoint.customer_id.in_(ids)
    same = other.pool_id == ContactPoint.pool_id, other.kind == ContactPoint.kind, other.value == ContactPoint.value
    shared = exists().where(*same, other.customer_id.not_in(ids))
    points = select(ContactPoint.value).where(mine, ContactPoint.fault == "", ~shared)
    names = select(Customer.name).where(Customer.id.in_(ids), Customer.name != "")
    trusted = select(TrustedId.external_id).where(TrustedId.customer_id.in_(ids))
    found = [one for one in db.session.scalars(names) if " " in one or len(one) >= SHORTEST]
    return Traces(ids, db.session.scalars(points).all(), found, db.session.scalars(trusted).all())


def begin(customer_id: int, *, actor: Actor, now: datetime) -> None:
    """Ask nobody behind this person any more, and take in nothing of it again: a keyed hash of each address and id.

    Needs a transaction. What is known is taken out by a job, see `unfinished`.
    """
    found = traces(customer_id)
    trusted = select(TrustedId.source_id, TrustedId.external_id).where(TrustedId.customer_id.in_(found.customer_ids))
    pool_id = db.session.get_one(Customer, customer_id).pool_id
    for value in [*found.addresses, *(f"{row.source_id}:{row.external_id}" for row in db.session.execute(trusted))]:
        new = insert_unless_there(Erased).values(pool_id=pool_id, digest=_digests(value)[0], at=now)
        db.session.execute(new.on_conflict_do_nothing())
    added(Hold(customer_id=customer_id, reason=HoldReason.BY_HAND, source=ERASING, since=now))
    audit.record(Event.CUSTOMER_ERASED, actor=actor, now=now, subject=("customer", customer_id))


def everybody() -> list[tuple[int, str, datetime]]:
    """Pool, digest and moment of each address and id that is not taken in again."""
    rows = db.session.execute(select(Erased.pool_id, Erased.digest, Erased.at))
    return [(row.pool_id, row.digest, row.at) for row in rows]


def once_more(gone: Iterable[tuple[int, str, datetime]], *, actor: Actor, now: datetime) -> int:
    """Erase those again whom an older copy of the database brought back; gives how many. Needs a transaction."""
    new = {(pool_id, digest): at for pool_id, digest, at in gone}
    for pool_id, digest, _at in everybody():
        new.pop((pool_id, digest), None)
    if not new:
        return 0
    for (pool_id, digest), at in new.items():
        row = insert_unless_there(Erased).values(pool_id=pool_id, digest=digest, at=at)
        db.session.execute(row.on_conflict_do_nothing())
    points = select(ContactPoint.pool_id, ContactPoint.value, ContactPoint.customer_id)
    ids = select(Customer.pool_id, TrustedId.source_id, TrustedId.external_id, TrustedId.customer_id)
    known = [(row.pool_id, row.value, row.customer_id) for row in db.session.execute(points)]
    known += [
        (row.pool_id, f"{row.source_id}:{row.external_id}", row.customer_id)
        for row in db.session.execute(ids.join(Customer, Customer.id == TrustedId.customer_id))
    ]
    back = {owner for pool_id, value, owner in known if any((pool_id, one) in new for one in _digests(value))}
    for customer_id in sorted(back):
        begin(customer_id, actor=actor, now=now)
    return len(back)


def unfinished() -> Sequence[int]:
    """Customers whose erasing was begun and not finished."""
    begun = Hold.source == ERASING, Customer.emptied_at.is_(None)
    return db.session.scalars(
        select(Hold.customer_id).join(Customer, Customer.id == Hold.customer_id).where(*begun)
    ).all()


def under_way() -> Callable[[str], object] | None:
    """Finds in a text whoever is being erased just now; None: nobody is."""
    found = [traces(customer_id).pattern.search for customer_id in unfinished()]
    return (lambda said: any(search(said) for search in found)) if found else None


def left_out(people: Sequence[Any], *, pool_id: int, source_id: int | None) -> Sequence[Any]:
    """Rows' people, with nobody in the place of those who were erased."""
    here = select(Erased.digest).where(Erased.pool_id == pool_id)
    if db.session.scalar(here.limit(1)) is None:
        return people
    said = [_values(one, source_id) for one in people]
    meant = {digest: value for values in said for value in values for digest in _digests(value)}
    gone = {meant[one] for one in db.session.scalars(here.where(one_of(Erased.digest, meant)))}
    return [type(one)() if gone & values else one for one, values in zip(people, said, strict=True)]


def _values(one: Any, source_id: int | None) -> set[str]:
    trusted = {f"{source_id}:{one.external_id}"} if source_id is not None and one.external_id else set()
    return trusted | {value for _kind, value in one.addresses}


def _digests(value: str) -> list[str]:
    """Under the key of today, and under older ones."""
    return [keyed(key, ERASING, value) for key in current_app.config["SECRET_KEYS"]]
