"""How long personal data is kept, and which of it was taken out today."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from sqlalchemy import String, cast, delete, literal, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers.models import ContactPoint, Customer, CustomerMerge, CustomerNote, Retention, Tag, TrustedId
from npsapp.customers.rules import Kept
from npsapp.db import change, db, insert_unless_there, pairs


def periods() -> dict[Kept, int]:
    """Months or days for each kind."""
    return {kind: kind.usual for kind in Kept} | pairs(select(Retention.kind, Retention.amount))


def keep(amounts: Mapping[Kept, int], *, actor: Actor, now: datetime) -> None:
    """Say how long each kind is kept; the next beat takes out what is past its time. Needs a transaction."""
    before = periods()
    changed = sorted(kind.value for kind, amount in amounts.items() if before[kind] != amount)
    for kind, amount in amounts.items():
        _put(kind, amount=amount, done_on=None)
    if changed:
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("retention", None), data={"fields": changed})


def unfinished(today: date) -> list[Kept]:
    """Kinds that were not looked through on this day (UTC)."""
    done = set(db.session.scalars(select(Retention.kind).where(Retention.done_on == today)))
    return [kind for kind in Kept if kind not in done]


def finish(kind: Kept, today: date) -> None:
    """Everything of this kind past its time is out for today. Needs a transaction."""
    _put(kind, amount=periods()[kind], done_on=today)


def _put(kind: Kept, **values: object) -> None:
    row = insert_unless_there(Retention).values(kind=kind, **values)
    db.session.execute(row.on_conflict_do_update(index_elements=["kind"], set_=values))


def forget_people(customer_ids: Iterable[int], *, now: datetime) -> None:
    """Take names and addresses out of people; the rows stay, so that numbers stay. Needs a transaction."""
    ids = list(customer_ids)
    emptied = {"name": "", "name_key": "", "address_as": "", "emptied_at": now}
    change(update(Customer).where(Customer.id.in_(ids)).values(**emptied))
    # An address that nobody has, and each row another: two rows of one person must not be equal.
    nobody = literal("emptied ", String) + cast(ContactPoint.id, String)
    change(update(ContactPoint).where(ContactPoint.customer_id.in_(ids)).values(value=nobody))
    change(delete(TrustedId).where(TrustedId.customer_id.in_(ids)))
    change(delete(Tag).where(Tag.customer_id.in_(ids)))
    change(delete(CustomerNote).where(CustomerNote.customer_id.in_(ids)))
    merges = CustomerMerge.customer_id.in_(ids) | CustomerMerge.into_id.in_(ids)
    change(update(CustomerMerge).where(merges).values(reason="", undone_reason=""))
