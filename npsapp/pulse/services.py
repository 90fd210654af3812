"""Recording that the program lives, who lets the heart beat, and the outages between two beats."""

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update

from npsapp.db import change, db, insert_unless_there
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


def hold(holder: str, *, now: datetime, lease: timedelta, rest: timedelta = timedelta()) -> bool:
    """Let one worker beat: true when no other holds the heart, or the other's lease has run out.

    Needs a transaction. A worker that holds it already prolongs its lease. Between two beats `rest` must pass: every
    worker asks for a beat each minute, and one a minute is enough. Moments far in the future are of a clock that was
    set back since, and count for nothing; near ones are of a worker whose clock is a little ahead.
    """
    first = insert_unless_there(Heartbeat).values(id=queries.ONE_ROW, beat_at=now - rest, holder="")
    db.session.execute(first.on_conflict_do_nothing())
    until = Heartbeat.held_until
    free = or_(until.is_(None), until <= now, until > now + 2 * lease)
    rested = or_(Heartbeat.beat_at <= now - rest, Heartbeat.beat_at > now + lease)
    mine = or_(Heartbeat.holder == holder, and_(free, rested))
    return change(update(Heartbeat).where(mine).values(holder=holder, held_until=now + lease)) > 0


def came_from(public_url: str) -> bool:
    """Whether the program was last used under another address; from now on it is this one. Needs a transaction."""
    before = db.session.scalar(select(Heartbeat.public_url))
    if before is None or before == public_url:
        return False
    changed = change(update(Heartbeat).where(Heartbeat.public_url == before).values(public_url=public_url))
    return bool(before and changed)


def release(holder: str) -> None:
    """Let go of the heart; does nothing when another worker has taken it meanwhile. Needs a transaction."""
    own = Heartbeat.holder == holder
    db.session.execute(update(Heartbeat).where(own).values(holder="", held_until=None))
