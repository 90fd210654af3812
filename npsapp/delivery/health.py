"""Reading how letters fare: what became of them lately, who refused and why, what waits, and what has stopped.

Bounded by time or by what still waits, never by all letters ever sent; inside a user's regions.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from npsapp.db import db, within
from npsapp.delivery.models import Message, Sender, SenderRate
from npsapp.delivery.refusals import Meaning, meaning_of
from npsapp.delivery.rules import Channel, State, Stop
from npsapp.permissions import Scope

SHOWN = 50
KINDS_READ = 1000  # of (domain, status): the rarest are left out
SPANS = (7, 30)


@dataclass
class Refusals:
    """Letters one provider refused for one reason; `words` are the server's, of one of them."""

    domain: str
    meaning: Meaning
    count: int = 0
    words: str = ""


def _letters(scope: Scope, *states: State) -> tuple[ColumnElement[bool], ...]:
    return Message.channel == Channel.EMAIL, within(Message.region_id, scope), Message.state.in_(states)


def outcome(since: datetime, scope: Scope, now: datetime) -> Counter[str]:
    """How many letters ended in each state since a moment, and how many are still under way."""
    over = _letters(scope, State.SENT, State.DELIVERED, State.BOUNCED, State.FAILED, State.EXPIRED)
    under_way = _letters(scope, State.QUEUED, State.UNKNOWN)
    found: Counter[str] = Counter()
    for letters in ((*over, Message.ended_at >= since), (*under_way, Message.due_at <= now)):
        rows = select(Message.state, func.count()).where(*letters).group_by(Message.state)
        found.update({state.value: count for state, count in db.session.execute(rows)})
    return found


def refusals(since: datetime, scope: Scope) -> Sequence[Refusals]:
    """Who refused letters since a moment, and why; the most frequent first."""
    gone = *_letters(scope, State.FAILED, State.BOUNCED), Message.ended_at >= since
    rows = select(Message.domain, Message.status, func.count(), func.max(Message.error))
    grouped = rows.where(*gone).group_by(Message.domain, Message.status).order_by(func.count().desc()).limit(KINDS_READ)
    found: dict[tuple[str, Meaning], Refusals] = {}
    for domain, status, count, words in db.session.execute(grouped):
        one = found.setdefault((domain, meaning_of(status)), Refusals(domain, meaning_of(status)))
        one.count, one.words = one.count + count, one.words or words
    return sorted(found.values(), key=lambda one: (-one.count, one.domain))[:SHOWN]


def queues(scope: Scope, now: datetime) -> Sequence[Any]:
    """What is due and waits, by domain, the oldest first; `tried`: how many were put off by the server."""
    oldest, tried = func.min(Message.created_at), func.sum(case((Message.attempts > 0, 1), else_=0))
    rows = select(Message.domain, func.count().label("letters"), oldest.label("oldest"), tried.label("tried"))
    waiting = rows.where(*_letters(scope, State.QUEUED), Message.due_at <= now).group_by(Message.domain)
    return db.session.execute(waiting.order_by(oldest).limit(SHOWN)).all()


def stopped(*which: ColumnElement[bool]) -> Sequence[SenderRate]:
    """Senders (domain `*`) and domains that stopped, or try one letter to see whether they may go on."""
    rows = select(SenderRate).join(Sender).where(SenderRate.stops > 0, Sender.retired_at.is_(None), *which)
    return db.session.scalars(rows.order_by(SenderRate.domain, SenderRate.id)).all()


def alarming(*which: ColumnElement[bool]) -> Sequence[SenderRate]:
    """Those stops that do not pass by themselves within hours: people have to look."""
    return stopped(SenderRate.cause != Stop.SLOW, *which)


def untold() -> Sequence[SenderRate]:
    """Alarming stops no administrator got a letter about yet."""
    return alarming(SenderRate.told_at.is_(None))
