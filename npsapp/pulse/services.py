"""Recording that the program lives, who lets the heart beat, and the outages between two beats."""

from datetime import datetime, timedelta

from sqlalchemy import or_, update

from npsapp.db import change, db
from npsapp.pulse import queries, rules
from npsapp.pulse.models import Heartbeat, Outage


def beat(now: datetime) -> bool:
    """Record a beat; true when a gap of more than ten minutes since the last one became an outage.

    Needs a transaction. After an outage the clocks that leave it out must be counted again. A clock that was
    set back moves nothing back: the latest beat stands.
    """
    last = queries.last_beat()
    gap = rules.outage_between(last, now)
    if gap:
        db.session.add(Outage(since=gap[0], until=gap[1]))
    if last is None:
        db.session.add(Heartbeat(id=queries.ONE_ROW, beat_at=now))
    db.session.flush()
    db.session.execute(update(Heartbeat).where(Heartbeat.beat_at < now).values(beat_at=now))
    return gap is not None


def hold(holder: str, *, now: datetime, lease: timedelta) -> bool:
    """Let one worker beat: true when no other holds the heart, or the other's lease has run out.

    Needs a transaction. A worker that holds it already prolongs its lease.
    """
    if queries.last_beat() is None:
        db.session.add(Heartbeat(id=queries.ONE_ROW, beat_at=now))
        db.session.flush()
    free = or_(Heartbeat.held_until.is_(None), Heartbeat.held_until <= now, Heartbeat.holder == holder)
    return change(update(Heartbeat).where(free).values(holder=holder, held_until=now + lease)) > 0


def release(holder: str) -> None:
    """Let go of the heart; does nothing when another worker has taken it meanwhile. Needs a transaction."""
    own = Heartbeat.holder == holder
    db.session.execute(update(Heartbeat).where(own).values(holder="", held_until=None))
