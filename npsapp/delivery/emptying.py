"""Taking address and words out of letters: when their time is over, and when somebody is erased."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, false, or_, select, update

from npsapp.db import change, db, one_of
from npsapp.delivery import incoming, queries, services
from npsapp.delivery.models import Message, Suppression
from npsapp.delivery.rules import Purpose, State

WORDS = ("to_address", "to_name", "subject", "body", "html", "unsubscribe_url", "error", "domain", "lane")
EMPTIED = dict.fromkeys(WORDS, "")


def empty_letters(*, before: datetime, limit: int) -> int:
    """Take address and words out of letters made before a moment that are over; how many. Needs a transaction."""
    old = db.session.scalars(queries.letters_to_empty(before).limit(limit)).all()
    incoming.empty(old, ())
    return change(update(Message).where(one_of(Message.id, old)).values(EMPTIED))


def erase(addresses: Collection[str], words: Collection[str]) -> list[str]:
    """Take back and empty letters to these addresses, and to colleagues with these words; forget the addresses' stops.

    Gives the names of the letters in the outbox. Needs a transaction.
    """
    texts = (Message.subject, Message.body, Message.html)
    quoted = or_(false(), *(text.contains(word, autoescape=True) for word in words for text in texts))
    about = or_(one_of(Message.to_address, addresses), (Message.purpose == Purpose.STAFF) & quoted)
    found = db.session.execute(select(Message.id, Message.created_at).where(about)).all()
    mine = one_of(Message.id, [row.id for row in found])
    change(update(Message).where(mine, Message.state == State.QUEUED).values(state=State.CANCELLED, recheck=False))
    change(update(Message).where(mine).values(EMPTIED))
    incoming.empty([row.id for row in found], [*addresses, *words])
    change(delete(Suppression).where(one_of(Suppression.address, addresses)))
    return [services.letter_name(row.created_at, row.id) for row in found]
