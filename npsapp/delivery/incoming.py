"""Taking in what came back to a letter: for mailboxes and for the command of a mail server alike.

Whoever knows no token of ours changes nothing: neither the state of a letter nor what is written to an address.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import change, db, insert_unless_there, one_of, put, within
from npsapp.delivery import bounces, services
from npsapp.delivery.bounces import Kind, Returned
from npsapp.delivery.incoming_models import Incoming, ReturnBox
from npsapp.delivery.models import Message
from npsapp.delivery.rules import State, SuppressionReason
from npsapp.lib import addresses, mailboxes, sealing
from npsapp.permissions import Scope

EVERY = timedelta(minutes=5)
MOST_KEPT = 50  # of one letter: whoever has it could write for ever
KEPT = (Kind.REPLY, Kind.COMPLAINT, Kind.UNSUBSCRIBE)


def take_in(letter: Returned, *, keys: Sequence[str], now: datetime) -> Kind | None:
    """Draw the consequences of a letter that came back; None when it belongs to none of ours. Needs a transaction.

    Safe to repeat. `keys` are the installation's secret keys, newest first.
    """
    message = _belongs_to(letter, keys)
    if message is None:
        return None
    if letter.kind is Kind.FAILED:
        services.record_bounced(message.id, status=letter.status, words=letter.words, now=now)
    elif letter.kind is Kind.DELIVERED:
        left = Message.id == message.id, Message.state == State.SENT
        change(update(Message).where(*left).values(state=State.DELIVERED))
    elif letter.kind in KEPT and message.purpose.to_customer and _keep(letter, message, now=now):
        if letter.kind is Kind.COMPLAINT and message.to_address:
            why = SuppressionReason.COMPLAINT
            services.suppress(channel=message.channel, address=message.to_address, reason=why, now=now)
        data = {"kind": letter.kind.value}
        audit.record(Event.LETTER_ANSWERED, actor=audit.PROGRAM, now=now, subject=("message", message.id), data=data)
    return letter.kind


def _belongs_to(letter: Returned, keys: Sequence[str]) -> Message | None:
    """By a token only we can make, else by the random id of the letter that only its readers know."""
    for message_id in bounces.marked(keys, letter.marks):
        if found := db.session.get(Message, message_id):
            return found
    known = select(Message).where(Message.message_id.in_(letter.message_ids)).order_by(Message.id.desc())
    return db.session.scalars(known).first() if letter.message_ids else None


def _keep(letter: Returned, message: Message, *, now: datetime) -> bool:
    """Keep what a person sent back; False when it is kept already, or the letter has brought more than people write."""
    if (db.session.scalar(select(func.count()).where(Incoming.message_id == message.id)) or 0) >= MOST_KEPT:
        return False
    about = {"message_id": message.id, "region_id": message.region_id, "digest": bounces.digest(letter, message.id)}
    said: dict[str, Any] = {"read_at": now}
    if letter.kind is Kind.REPLY:
        stranger = letter.sender != message.to_address
        said = {"sender": addresses.masked(letter.sender)[:100] if stranger else "", "subject": letter.subject}
        said |= {"text": letter.text, "attachments": letter.attachments, "noted_at": now}
    row = {"kind": letter.kind, "at": now, **about, **said}
    return bool(change(insert_unless_there(Incoming).values(**row).on_conflict_do_nothing()))


# ---- for the rooms downstream ----------------------------------------------------------------------------------


def open_ones(limit: int) -> Sequence[Incoming]:
    """Complaints and unsubscriptions whose consequences for the customer are still to be drawn."""
    rows = select(Incoming).where(Incoming.noted_at.is_(None)).order_by(Incoming.id).limit(limit)
    return db.session.scalars(rows).all()


def noted(ids: Iterable[int], *, now: datetime) -> None:
    """The consequences of these were drawn."""
    change(update(Incoming).where(one_of(Incoming.id, ids)).values(noted_at=now))


def unread(scope: Scope) -> int:
    """How many replies nobody has read."""
    rows = select(func.count()).where(Incoming.read_at.is_(None), within(Incoming.region_id, scope))
    return db.session.scalar(rows) or 0


def mark(ids: Collection[int], *, read: bool, scope: Scope, by_id: int, now: datetime) -> int:
    """Mark replies as read or unread; gives how many changed."""
    theirs = one_of(Incoming.id, ids), Incoming.kind == Kind.REPLY, within(Incoming.region_id, scope)
    other = Incoming.read_at.is_(None) if read else Incoming.read_at.is_not(None)
    values = {"read_at": now, "read_by_id": by_id} if read else {"read_at": None, "read_by_id": None}
    return change(update(Incoming).where(*theirs, other).values(values))


def empty(messages: Collection[int], words: Collection[str]) -> None:
    """Take the words out of what came back to these letters, and of whatever else quotes one of `words`."""
    quoting = (Incoming.text.contains(word, autoescape=True) for word in words)
    theirs = or_(one_of(Incoming.message_id, messages), *quoting)
    change(update(Incoming).where(theirs).values(sender="", subject="", text=""))


# ---- mailboxes -------------------------------------------------------------------------------------------------


def boxes() -> Sequence[ReturnBox]:
    """All mailboxes."""
    return db.session.scalars(select(ReturnBox).order_by(ReturnBox.id)).all()


def due(now: datetime) -> list[int]:
    """Mailboxes whose time has come."""
    rows = select(ReturnBox.id).where(or_(ReturnBox.looked_at.is_(None), ReturnBox.looked_at <= now - EVERY))
    return list(db.session.scalars(rows))


def claim(box_id: int, *, now: datetime) -> ReturnBox | None:
    """Begin to read a mailbox; None when another worker just does, or it is gone. Needs a transaction.

    The row belongs to no session: no transaction is open while the server is spoken to.
    """
    free = or_(ReturnBox.looked_at.is_(None), ReturnBox.looked_at <= now - EVERY)
    if not change(update(ReturnBox).where(ReturnBox.id == box_id, free).values(looked_at=now)):
        return None
    box = db.session.get_one(ReturnBox, box_id, populate_existing=True)
    db.session.expunge(box)
    return box


def access(box: ReturnBox, *, keys: Sequence[str], ca_file: str | None) -> mailboxes.Access:
    """How a mailbox is opened, its password unsealed."""
    return mailboxes.Access(
        host=box.host,
        port=box.port,
        plain=box.plain,
        user=box.user,
        password=sealing.unseal(keys, box.password) or "",
        folder=box.folder or "INBOX",
        ca_file=ca_file,
    )


def has_read(box_id: int, position: str) -> None:
    """A letter was read, and all before it."""
    values = {"position": position, "count": ReturnBox.count + 1, "said": ""}
    change(update(ReturnBox).where(ReturnBox.id == box_id).values(values))


def looked(box_id: int, said: str) -> None:
    """How looking into a mailbox ended: empty, or the server's words."""
    change(update(ReturnBox).where(ReturnBox.id == box_id).values(said=said))


def hurry(box_id: int) -> None:
    """Let a mailbox be read without waiting for its time."""
    change(update(ReturnBox).where(ReturnBox.id == box_id).values(looked_at=None))


def save_box(box: ReturnBox, columns: dict[str, Any], *, actor: Actor, now: datetime) -> list[str]:
    """Set how a mailbox is opened; another one is read from its beginning. Gives what changed. Needs a transaction."""
    db.session.add(box)
    changed = put(box, columns)
    if {"way", "host", "user", "folder"} & set(changed):
        box.position = ""
    if changed:
        box.looked_at, box.said = None, ""
    db.session.flush()
    if changed:
        data = {"fields": changed}
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("return_box", box.id), data=data)
    return changed


def remove_box(box_id: int, *, actor: Actor, now: datetime) -> None:
    """Read a mailbox no more; its letters stay where they are. Needs a transaction."""
    change(delete(ReturnBox).where(ReturnBox.id == box_id))
    data = {"removed": True}
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("return_box", box_id), data=data)
