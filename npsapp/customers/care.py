"""What colleagues do with a customer by hand: note, correct, leave alone, withdraw. All need a transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import SelectBase, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries
from npsapp.customers.models import ContactPoint, Customer, CustomerNote, Ground, Hold
from npsapp.customers.names import is_firm
from npsapp.customers.rules import HoldReason
from npsapp.db import added, change, db, put
from npsapp.organization.rules import fold

HAND, RULE = "hand", "rule"
"""Values of `Customer.key_by`."""
PAGE = "page"
"""Source of the holds that were set on the customer's page."""


def note(customer_id: int, text: str, *, actor: Actor, now: datetime) -> None:
    """Write something down for colleagues."""
    added(CustomerNote(customer_id=customer_id, at=now, by_id=actor.id, text=text))
    _record(Event.CUSTOMER_NOTED, customer_id, actor=actor, now=now)


def correct(customer_id: int, *, actor: Actor, now: datetime, **columns: Any) -> list[str]:
    """Change name, form of address or language; gives the names of what changed."""
    customer = db.session.get_one(Customer, customer_id)
    changed = put(customer, columns)
    if "name" in changed:
        customer.name_key, customer.is_firm = fold(customer.name), is_firm(customer.name)
    db.session.flush()
    if changed:
        _record(Event.CUSTOMER_CHANGED, customer_id, actor=actor, now=now, data={"fields": changed})
    return changed


def hold(customer_id: int, *, until: datetime | None, actor: Actor, now: datetime) -> None:
    """Do not ask this person until a moment, or any more."""
    added(Hold(customer_id=customer_id, reason=HoldReason.BY_HAND, source=PAGE, since=now, until=until))
    data = {"until": until.isoformat() if until else None}
    _record(Event.CUSTOMER_HELD, customer_id, actor=actor, now=now, data=data)


def say_key(customer_id: int, *, is_key: bool, actor: Actor, now: datetime) -> None:
    """Somebody is a key customer, or is not, whatever files and rules say."""
    change(update(Customer).where(Customer.id == customer_id).values(is_key=is_key, key_by=HAND))
    _record(Event.CUSTOMER_KEY_CHANGED, customer_id, actor=actor, now=now, data={"is_key": is_key})


def keep_keys(taken: SelectBase) -> None:
    """Let these be key customers by rule and nobody else by rule; what a colleague said stays."""
    new = Customer.id.in_(taken), Customer.is_key.is_(False), Customer.key_by != HAND
    change(update(Customer).where(*new).values(is_key=True, key_by=RULE))
    gone = Customer.key_by == RULE, Customer.id.not_in(taken)
    change(update(Customer).where(*gone).values(is_key=False, key_by=""))


def release(customer_id: int, *, actor: Actor, now: datetime) -> None:
    """Lift what colleagues put on this person by hand; what the customer wanted stays."""
    theirs = Hold.customer_id.in_(queries.members(customer_id))
    by_hand = theirs, Hold.reason == HoldReason.BY_HAND, Hold.lifted_at.is_(None)
    if change(update(Hold).where(*by_hand).values(lifted_at=now)):
        _record(Event.CUSTOMER_RELEASED, customer_id, actor=actor, now=now)


def withdraw(customer_id: int, ground_id: int, *, actor: Actor, now: datetime) -> bool:
    """The customer took a ground back by word of mouth; it stays as proof. False when there is none to take back."""
    theirs = select(ContactPoint.id).where(ContactPoint.customer_id.in_(queries.members(customer_id)))
    which = Ground.id == ground_id, Ground.contact_point_id.in_(theirs), Ground.withdrawn_at.is_(None)
    withdrawn = bool(change(update(Ground).where(*which).values(withdrawn_at=now)))
    if withdrawn:
        data = {"ground_id": ground_id}
        _record(Event.GROUND_WITHDRAWN, customer_id, actor=actor, now=now, data=data)
    return withdrawn


def _record(event: Event, customer_id: int, *, actor: Actor, now: datetime, data: Any = None) -> None:
    audit.record(event, actor=actor, now=now, subject=("customer", customer_id), data=data)
