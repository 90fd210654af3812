"""Pauses: stopping letters to customers, and going on. Needs a transaction."""

from datetime import datetime

from sqlalchemy import or_, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import change, db
from npsapp.delivery.models import Message, Pause
from npsapp.delivery.queries import TO_STAFF
from npsapp.delivery.rules import Channel, PauseCause, PauseKind, State


def pause(*, kind: PauseKind, ref_id: int | None, until: datetime | None, by_user_id: int, now: datetime) -> Pause:
    """Stop letters to customers; those already at the server have left."""
    stop = Pause(kind=kind, ref_id=ref_id, since=now, until=until, by_user_id=by_user_id)
    return _begin(stop, actor=audit.by_user(by_user_id))


def doubt(cause: PauseCause, *, known_until: datetime | None = None, now: datetime) -> None:
    """Stop letters to customers because this database may be an older copy: what waits in it may have left elsewhere.

    Letters under way go back into the queue: whoever carried them wrote the rest into another database.
    """
    stop = Pause(kind=PauseKind.EVERYTHING, since=now, cause=cause, known_until=known_until)
    _begin(stop, actor=audit.PROGRAM)
    under_way = or_(
        Message.state == State.CLAIMED,
        Message.state.in_((State.SENDING, State.UNKNOWN))
        & (Message.channel != Channel.SMS)  # no SMS leaves twice
        & Message.sent_at.is_(None),
    )
    db.session.execute(
        update(Message)
        .where(under_way, Message.purpose.not_in(TO_STAFF))
        .values(state=State.QUEUED, batch_id="", lease_until=None)
    )


def _begin(stop: Pause, *, actor: Actor) -> Pause:
    db.session.add(stop)
    db.session.flush()
    audit.record(
        Event.SENDING_PAUSED,
        actor=actor,
        now=stop.since,
        subject=("pause", stop.id),
        data={"kind": stop.kind.value, "ref_id": stop.ref_id, "cause": stop.cause.value},
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
