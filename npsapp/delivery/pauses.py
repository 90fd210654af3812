"""Pauses: stopping letters to customers, and going on. Needs a transaction."""

from datetime import datetime

from sqlalchemy import update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import change, db
from npsapp.delivery.models import Message, Pause
from npsapp.delivery.queries import TO_STAFF
from npsapp.delivery.rules import PauseKind, State


def pause(*, kind: PauseKind, ref_id: int | None, until: datetime | None, by_user_id: int, now: datetime) -> Pause:
    """Stop letters to customers; those already at the server have left."""
    stop = Pause(kind=kind, ref_id=ref_id, since=now, until=until, by_user_id=by_user_id)
    db.session.add(stop)
    db.session.flush()
    audit.record(
        Event.SENDING_PAUSED,
        actor=audit.by_user(by_user_id),
        now=now,
        subject=("pause", stop.id),
        data={"kind": kind.value, "ref_id": ref_id},
    )
    return stop


def resume(pause_id: int, *, by_user_id: int, now: datetime) -> None:
    """End a pause; letters that waited are looked at again before they leave."""
    changed = change(update(Pause).where(Pause.id == pause_id, Pause.lifted_at.is_(None)).values(lifted_at=now))
    if changed:
        db.session.execute(
            update(Message)
            .where(Message.state == State.QUEUED, Message.due_at <= now, Message.purpose.not_in(TO_STAFF))
            .values(recheck=True)
        )
        audit.record(Event.SENDING_RESUMED, actor=audit.by_user(by_user_id), now=now, subject=("pause", pause_id))
