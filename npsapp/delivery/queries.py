"""Reading the post office: what is due, what is paused, what must not be written to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, text

from npsapp.db import db, one_of, within
from npsapp.delivery.models import Gateway, Message, Pause, Sender, SenderRate, Suppression
from npsapp.delivery.refusals import SOFT_WITHIN, is_soft
from npsapp.delivery.rules import Channel, PauseCause, PauseKind, Purpose, State, SuppressionReason
from npsapp.organization.models import Brand
from npsapp.permissions import Scope

_STOPPED = (SenderRate.domain == "*", SenderRate.stops > 0)
TO_STAFF = (Purpose.STAFF, Purpose.PASSWORD, Purpose.TEST)
# Not as IN: SQLAlchemy writes the statement anew for its values, and every letter asks twice.
_TO_CUSTOMER = and_(*(Message.purpose != purpose for purpose in TO_STAFF))


# As the partial indexes have it: with values in its place they would not be used.
WAITING = text("message.state = 'queued' AND NOT message.recheck")


class Waiting(Protocol):
    """A message that waits, as the stamping sees it."""

    id: int
    due_at: datetime
    domain: str


def is_paused(now: datetime) -> ColumnElement[bool]:
    """The condition "this message is stopped by a pause"; staff and password letters never are."""
    kind, ref = Pause.kind, Pause.ref_id
    hits = or_(
        kind == PauseKind.EVERYTHING,
        and_(kind == PauseKind.BRAND, ref == Message.brand_id),
        and_(kind == PauseKind.REGION, ref == Message.region_id),
        and_(kind == PauseKind.SURVEY, ref == Message.survey_id),
        and_(kind == PauseKind.SENDER, ref == Message.sender_id),
    )
    pause = exists().where(
        Pause.lifted_at.is_(None), Pause.since <= now, or_(Pause.until.is_(None), Pause.until > now), hits
    )
    return and_(_TO_CUSTOMER, pause)


def in_force(now: datetime) -> ColumnElement[bool]:
    """The condition that an entry of the stop list stands."""
    return and_(Suppression.lifted_at.is_(None), or_(Suppression.until.is_(None), Suppression.until > now))


def is_suppressed(now: datetime) -> ColumnElement[bool]:
    """The condition "we do not write to this message's address"; password letters go out all the same."""
    entry = exists().where(
        Suppression.channel == Message.channel,
        Suppression.address == Message.to_address,
        in_force(now),
        or_(Suppression.brand_id.is_(None), Suppression.brand_id == Message.brand_id),
    )
    return and_(_TO_CUSTOMER, entry)


def suppressed(channel: Channel, addresses: Iterable[str], *, brand_id: int | None, now: datetime) -> set[str]:
    """Those of `addresses` we must not write to for this brand."""
    wanted = list(addresses)
    if not wanted:
        return set()
    return set(
        db.session.scalars(
            select(Suppression.address).where(
                Suppression.channel == channel,
                one_of(Suppression.address, wanted),
                in_force(now),
                or_(Suppression.brand_id.is_(None), Suppression.brand_id == brand_id),
            )
        )
    )


def stops(addresses: Iterable[str], *, now: datetime) -> dict[str, set[SuppressionReason]]:
    """Why we do not write to these addresses, whatever the brand and channel."""
    found: dict[str, set[SuppressionReason]] = defaultdict(set)
    wanted = select(Suppression.address, Suppression.reason).where(
        one_of(Suppression.address, addresses), in_force(now)
    )
    for address, reason in db.session.execute(wanted):
        found[address].add(reason)
    return dict(found)


def sender_of(brand_id: int, channel: Channel = Channel.EMAIL) -> Sender | None:
    """The sender in use for a brand's channel."""
    return db.session.scalar(
        select(Sender)
        .where(Sender.brand_id == brand_id, Sender.channel == channel, Sender.retired_at.is_(None))
        .order_by(Sender.id)
        .limit(1)
    )


def senders_of(brand_id: int) -> Sequence[Sender]:
    """The senders in use of a brand's letters."""
    mine = Sender.brand_id == brand_id, Sender.channel == Channel.EMAIL, Sender.retired_at.is_(None)
    return db.session.scalars(select(Sender).where(*mine).order_by(Sender.id)).all()


def mail_sender(sender_id: int) -> Sender | None:
    """One sender of letters in use."""
    mine = Sender.id == sender_id, Sender.channel == Channel.EMAIL, Sender.retired_at.is_(None)
    return db.session.scalar(select(Sender).where(*mine))


def working(brand_id: int, channel: Channel, now: datetime) -> Sequence[Sender]:
    """Senders in use of a brand's channel, without those that stopped; all of them when every one has."""
    mine = Sender.brand_id == brand_id, Sender.channel == channel, Sender.retired_at.is_(None)
    rows = db.session.execute(select(Sender, _stopped(now).label("stopped")).where(*mine).order_by(Sender.id)).all()
    return [row.Sender for row in rows if not row.stopped] or [row.Sender for row in rows]


def brand_that_writes(brand_id: int, now: datetime) -> int:
    """This brand, or another one when all senders of this one have stopped."""
    fine = (Sender.retired_at.is_(None), Sender.channel == Channel.EMAIL, ~_stopped(now))
    able = select(Sender.brand_id).where(*fine).order_by(Sender.brand_id != brand_id, Sender.id).limit(1)
    return db.session.scalar(able) or brand_id


def _stopped(now: datetime) -> ColumnElement[bool]:
    return exists().where(SenderRate.sender_id == Sender.id, *_STOPPED, SenderRate.stopped_until > now)


def is_stopped(sender_id: int, now: datetime) -> bool:
    """Whether errors in a row stopped a sender."""
    return db.session.scalar(select(Sender.id).where(Sender.id == sender_id, _stopped(now))) is not None


def sender(sender_id: int) -> Sender:
    """One sender, also a retired one."""
    return db.session.get_one(Sender, sender_id)


def senders() -> Sequence[Sender]:
    """All senders in use."""
    return db.session.scalars(select(Sender).where(Sender.retired_at.is_(None)).order_by(Sender.id)).all()


def gateways() -> dict[int, Gateway]:
    """Through what SMS leave, by brand; brands that are missing here cannot send any."""
    mine = select(Gateway, Sender.brand_id).join(Sender, Sender.id == Gateway.sender_id)
    rows = db.session.execute(mine.where(Sender.retired_at.is_(None)).order_by(Sender.id.desc()))
    return {row.brand_id: row.Gateway for row in rows}


def brands_without_server() -> frozenset[int]:
    """Brands in use of which a sender has no mail server of its own, or that have no sender at all."""
    theirs = Sender.brand_id == Brand.id, Sender.retired_at.is_(None), Sender.channel == Channel.EMAIL
    lacking = or_(~exists().where(*theirs), exists().where(*theirs, Sender.host == ""))
    return frozenset(db.session.scalars(select(Brand.id).where(Brand.retired_at.is_(None), lacking)))


def senders_with_work(now: datetime) -> list[int]:
    """Senders that have a message due now."""
    due = exists().where(Message.sender_id == Sender.id, WAITING, Message.due_at <= now)
    return list(db.session.scalars(select(Sender.id).where(due).order_by(Sender.id)))


def open_batches(sender_id: int) -> int:
    """Batches of a sender that a worker is busy with, or was."""
    busy = select(func.count(Message.batch_id.distinct())).where(
        Message.sender_id == sender_id, Message.state.in_((State.CLAIMED, State.SENDING)), Message.batch_id != ""
    )
    return db.session.scalar(busy) or 0


def rates(sender_id: int) -> dict[str, SenderRate]:
    """What is remembered about a sender's pace, by recipient domain; `*` stands for the sender as a whole."""
    rows = select(SenderRate).where(SenderRate.sender_id == sender_id).execution_options(populate_existing=True)
    return {one.domain: one for one in db.session.scalars(rows)}


def due(sender_id: int, lane: str, *, limit: int, now: datetime) -> list[Waiting]:
    """The next messages of one lane of a sender, by due time."""
    rows = _due(sender_id, now).where(Message.lane == lane)
    return cast(list[Waiting], db.session.execute(rows.order_by(Message.due_at, Message.id).limit(limit)).all())


def due_to_staff(sender_id: int, *, limit: int, now: datetime) -> list[Waiting]:
    """The next letters to staff, and password letters; there are never many."""
    rows = _due(sender_id, now).where(text("message.purpose IN ('staff','password','test')"))
    return cast(list[Waiting], db.session.execute(rows.order_by(Message.due_at, Message.id).limit(limit)).all())


def _due(sender_id: int, now: datetime) -> Select[int, datetime, str]:
    mine = Message.sender_id == sender_id, WAITING, Message.due_at <= now, ~is_paused(now)
    return select(Message.id, Message.due_at, Message.domain).where(*mine)


def lanes(sender_id: int) -> list[str]:
    """The lanes in which messages of a sender wait; as many index look-ups as there are lanes."""
    mine = Message.sender_id == sender_id, WAITING
    first = select(func.min(Message.lane).label("lane")).where(*mine, Message.lane > "").cte("lanes", recursive=True)
    following = select(func.min(Message.lane)).where(*mine, Message.lane > first.c.lane).scalar_subquery()
    found = first.union_all(select(following).where(first.c.lane.is_not(None)))
    return list(db.session.scalars(select(found.c.lane).where(found.c.lane.is_not(None))))


def soft_refusals(address: str, *, now: datetime) -> int:
    """How often letters to an address were refused for a passing reason lately."""
    recent = Message.to_address == address, Message.ended_at >= now - SOFT_WITHIN
    refused = text("message.state IN ('failed','bounced')")
    rows = db.session.scalars(select(Message.status).where(*recent, refused))
    return sum(1 for status in rows if is_soft(status))


def in_batch(batch_id: str) -> list[int]:
    """Messages still claimed under a batch, in sending order."""
    rows = select(Message.id).where(Message.batch_id == batch_id, Message.state == State.CLAIMED)
    return list(db.session.scalars(rows.order_by(Message.due_at, Message.id)))


def message(message_id: int) -> Message | None:
    """One message."""
    return db.session.get(Message, message_id)


@dataclass(frozen=True)
class LogFilter:
    """What the message log shows: one state or all, and only messages before an id (paging)."""

    state: State | None = None
    before_id: int | None = None


def log(wanted: LogFilter, *, scope: Scope, limit: int) -> Sequence[Message]:
    """Messages of the user's regions, newest first."""
    rows = select(Message).where(within(Message.region_id, scope)).order_by(Message.id.desc()).limit(limit)
    if wanted.state:
        rows = rows.where(Message.state == wanted.state)
    if wanted.before_id:
        rows = rows.where(Message.id < wanted.before_id)
    return db.session.scalars(rows).all()


def news_of(message_ids: Select[int | None]) -> Sequence[Message]:
    """Of these messages, those that have left or never will."""
    theirs = select(Message).where(Message.id.in_(message_ids), _is_over())
    return db.session.scalars(theirs.order_by(Message.id)).all()


def _is_over() -> ColumnElement[bool]:
    """Nothing more leaves; what may have left and is not repeated counts as sent."""
    final = [state for state in State if state.final]
    return or_(Message.state.in_(final), and_(Message.state == State.UNKNOWN, Message.sent_at.is_not(None)))


def letters_to_empty(before: datetime) -> Select[int]:
    """Ids of letters made before a moment that are over and still hold an address."""
    return select(Message.id).where(Message.created_at < before, Message.to_address != "", _is_over())


def to_look_at_again(now: datetime, limit: int) -> list[int]:
    """Waiting letters that the room which wrote them must decide about again."""
    rows = select(Message.id).where(Message.recheck.is_(True), Message.state == State.QUEUED, ~is_paused(now))
    return list(db.session.scalars(rows.order_by(Message.id).limit(limit)))


def failing(now: datetime, scope: Scope) -> int:
    """Letters of the last seven days that could not be sent so far: failed for good, or waiting for another try.

    Every staff page asks: only the waiting letters and the newest thousand failed ones are looked at.
    """
    since = now - timedelta(days=7)
    seen = within(Message.region_id, scope)
    failed = select(Message.created_at).where(Message.state == State.FAILED, seen)
    newest = failed.order_by(Message.id.desc()).limit(1000).subquery()
    gone = select(func.count()).where(newest.c.created_at >= since)
    waiting = select(func.count()).where(
        Message.state == State.QUEUED, Message.attempts > 0, Message.created_at >= since, seen
    )
    return db.session.scalar(select(gone.scalar_subquery() + waiting.scalar_subquery())) or 0


def all_stopped(now: datetime) -> Pause | None:
    """The pause that stops every letter to customers; one that began by itself outweighs one made by hand."""
    found = [one for one in pauses(now) if one.kind is PauseKind.EVERYTHING]
    return max(found, key=lambda one: one.cause is not PauseCause.BY_HAND, default=None)


def pauses(now: datetime) -> Sequence[Pause]:
    """Pauses in force."""
    rows = select(Pause).where(Pause.lifted_at.is_(None), or_(Pause.until.is_(None), Pause.until > now))
    return db.session.scalars(rows.order_by(Pause.id)).all()
