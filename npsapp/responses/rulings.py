"""What staff do with answers: read them, leave them out of the numbers, count them. Everything needs a transaction."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import db, within
from npsapp.organization import queries as organization
from npsapp.organization.models import Brand
from npsapp.permissions import Scope
from npsapp.responses import services
from npsapp.responses.models import Basis, Response, Ruling


def mark(ids: Collection[int], *, read: bool, scope: Scope, by_id: int, now: datetime) -> int:
    """Mark answers of the scope as read or as unread again; how many were not so before."""
    before = Response.read_at.is_(None) if read else Response.read_at.is_not(None)
    found = db.session.scalars(
        select(Response.id).where(Response.id.in_(ids), within(Response.region_id, scope), before)
    ).all()
    if not found:
        return 0
    values = {"read_at": now if read else None, "read_by_id": by_id if read else None}
    db.session.execute(update(Response).where(Response.id.in_(found)).values(values))
    subject = ("response", found[0] if len(found) == 1 else None)
    data = {"ids": list(found), "read": read}
    audit.record(Event.RESPONSE_READ, actor=audit.by_user(by_id), now=now, subject=subject, data=data)
    return len(found)


def void(response: Response, *, reason: str, by_id: int, now: datetime) -> None:
    """Leave an answer out of all numbers, visibly and reversibly."""
    services.void(response, reason=reason, by_id=by_id, now=now)
    _rule(response, counts=False, reason=reason, by_id=by_id, now=now)


def restore(response: Response, *, reason: str, by_id: int, now: datetime) -> None:
    """Count an answer that was left out, or that waits for a confirmation, or was dropped for want of one."""
    services.restore(response, by_id=by_id, now=now)
    if response.basis in services.UNSURE:
        zone = organization.zone_of(response.region, db.session.get_one(Brand, response.brand_id))
        services.count(response, Basis.PROMOTED, zone=zone, now=now, by_id=by_id)
    _rule(response, counts=True, reason=reason, by_id=by_id, now=now)


def _rule(response: Response, *, counts: bool, reason: str, by_id: int, now: datetime) -> None:
    db.session.add(Ruling(response_id=response.id, at=now, by_id=by_id, counts=counts, reason=reason))
    db.session.flush()
