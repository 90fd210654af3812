"""Writing the audit log, inside the transaction of the deed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.db import insert_many


@dataclass(frozen=True)
class Actor:
    """Who did it: a user, a customer, somebody at the server's shell, or the program itself."""

    type: str
    id: int | None = None


_CUSTOMER = "customer"
PROGRAM = Actor("program")
COMMAND = Actor("command")


def by_user(user_id: int) -> Actor:
    """A signed-in user."""
    return Actor("user", user_id)


def by_customer(customer_id: int | None) -> Actor:
    """A customer on a public page."""
    return Actor(_CUSTOMER, customer_id)


def record(
    event: Event,
    *,
    actor: Actor,
    now: datetime,
    subject: tuple[str, int | None] = ("", None),
    data: dict[str, Any] | None = None,
) -> None:
    """Remember one fact. Needs a transaction. `subject` is (table name, id); `data` never holds personal data."""
    record_many(event, actor=actor, now=now, subjects=[(*subject, data or {})])


def record_many(
    event: Event, *, actor: Actor, now: datetime, subjects: Iterable[tuple[str, int | None, dict[str, Any]]]
) -> None:
    """Remember the same kind of fact about several things with one statement. Needs a transaction."""
    who = {"at": now, "event": event.value, "actor_type": actor.type, "actor_id": actor.id}
    rows = [{"subject_type": kind, "subject_id": id_, "data": data} for kind, id_, data in subjects]
    insert_many(AuditEntry, rows, **who)


def by_customers(event: Event, *, subject: str, did: Iterable[tuple[datetime, int | None, int]]) -> None:
    """Remember what many customers did: (moment, customer's id, id of the subject). Needs a transaction."""
    rows = [{"at": at, "actor_id": customer_id, "subject_id": id_} for at, customer_id, id_ in did]
    insert_many(AuditEntry, rows, event=event.value, actor_type=_CUSTOMER, subject_type=subject, data={})
