"""What staff do with answers: read marks, taking out of the count and back. Every function needs a transaction."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import db, is_sqlite, within
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.permissions import Scope
from npsapp.responses import rules
from npsapp.responses.models import DirtyDay, Response


class NoReason(Refused):
    """An answer is taken out of the count only with a reason of at most 500 characters."""

    code = "no_reason"
    wording = N_("Please write the reason, at most 500 characters.")


def mark_read(ids: Collection[int], *, scope: Scope, by_id: int, now: datetime) -> int:
    """Mark answers of the scope as read; how many were unread before."""
    return _mark(ids, scope, read_at=now, by_id=by_id, now=now)


def mark_unread(ids: Collection[int], *, scope: Scope, by_id: int, now: datetime) -> int:
    """Mark answers of the scope as unread again; how many were read before."""
    return _mark(ids, scope, read_at=None, by_id=by_id, now=now)


def _mark(ids: Collection[int], scope: Scope, *, read_at: datetime | None, by_id: int, now: datetime) -> int:
    before = Response.read_at.is_(None) if read_at else Response.read_at.is_not(None)
    found = db.session.scalars(
        select(Response.id).where(Response.id.in_(ids), within(Response.region_id, scope), before)
    ).all()
    if not found:
        return 0
    values = {"read_at": read_at, "read_by_id": by_id if read_at else None}
    db.session.execute(update(Response).where(Response.id.in_(found)).values(values))
    data = {"ids": list(found), "read": read_at is not None}
    subject = ("response", found[0] if len(found) == 1 else None)
    audit.record(Event.RESPONSE_READ, actor=audit.by_user(by_id), now=now, subject=subject, data=data)
    return len(found)


def void(response: Response, *, reason: str, by_id: int, now: datetime) -> None:
    """Take an answer out of the count, visibly and reversibly; may raise NoReason."""
    reason = " ".join(reason.split())
    if not reason or len(reason) > rules.VOID_REASON_MAX:
        raise NoReason
    if response.voided_at is None:
        take_out(response, reason, now)
        record(Event.RESPONSE_VOIDED, response, now, {}, by_id)


def restore(response: Response, *, by_id: int, now: datetime) -> None:
    """Count a voided answer again."""
    if response.voided_at is not None:
        put_back(response)
        record(Event.RESPONSE_RESTORED, response, now, {}, by_id)


# ---- for both sides of the desk ----


def take_out(response: Response, reason: str, now: datetime) -> None:
    """Leave the answer out of all numbers, whoever wants it."""
    response.voided_at, response.void_reason = now, reason
    db.session.flush()
    recount(response)


def put_back(response: Response) -> None:
    """Count it again."""
    response.voided_at, response.void_reason = None, ""
    db.session.flush()
    recount(response)


def recount(response: Response) -> None:
    """Tell the reports that this day's numbers changed, in the same transaction (decisions.md 27)."""
    insert = sqlite_insert if is_sqlite() else postgres_insert
    day = {"survey_id": response.survey_id, "local_date": response.local_date}
    db.session.execute(insert(DirtyDay).values(day).on_conflict_do_nothing())


def record(
    event: Event, response: Response, now: datetime, data: dict[str, Any], user_id: int | None = None
) -> None:
    """A fact about an answer; without a user it was its customer who did it."""
    actor = audit.by_user(user_id) if user_id else audit.by_customer(response.customer_id)
    audit.record(event, actor=actor, now=now, subject=("response", response.id), data=data)
