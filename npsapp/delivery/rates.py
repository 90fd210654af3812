"""The pace of senders, as a whole and towards each recipient's domain: what may leave now, and what has to wait.

Letters stand in one common line in the order of time. A letter whose domain may take nothing now steps aside, once,
into a lane of its own domain: however many wait there, they delay nobody else and are not read before their turn.
All functions need a transaction.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, or_, select, true, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import alone, change, db, insert_unless_there, one_of
from npsapp.delivery import providers, queries
from npsapp.delivery.models import Message, SenderRate
from npsapp.delivery.queries import Waiting
from npsapp.delivery.refusals import Meaning, meaning_of
from npsapp.delivery.rules import (
    BATCH_SIZE,
    FAULTS_OF_SENDER,
    PROBE_LASTS,
    Failure,
    State,
    Stop,
    allowance,
    must_wait,
    spent,
    stop_lasts,
)

ALL = "*"
WINDOW = 1000  # letters looked at together when many of them have to step aside
ROUNDS = 10
HANDED_OVER = 2000  # letters that change their sender in one beat
LONG_AGO, REMEMBERED = timedelta(days=1), timedelta(days=3)


class _Left(dict[str, int]):
    """How many letters may leave now, by domain; read once, and counted down by whoever takes some."""

    def __init__(self, sender_id: int, per_minute: int, now: datetime) -> None:
        super().__init__()
        self._rates, self._pace, self._now = queries.rates(sender_id), per_minute, now

    def per_minute(self, domain: str) -> int:
        rate = self._rates.get(domain)
        if domain == ALL or rate is None or rate.per_minute is None:
            return self._pace if domain == ALL else providers.usual_limit(domain)
        return rate.per_minute

    def rate(self, domain: str) -> Any:
        """Its row, when anything is remembered about it."""
        return self._rates.get(domain)

    def __missing__(self, domain: str) -> int:
        rate, pace = self._rates.get(domain), self.per_minute(domain)
        facts = (rate.next_free_at, rate.stopped_until, rate.stops) if rate else (self._now - LONG_AGO, None, 0)
        self[domain] = allowance(*facts, now=self._now, per_minute=pace)
        return self[domain]


def stamp(sender_id: int, *, now: datetime, per_minute: int, connections: int, lease: timedelta) -> str | None:
    """Give the next due messages of a sender a batch id, if its pace and connections allow; None otherwise."""
    alone("sending")
    if queries.open_batches(sender_id) >= connections:
        return None
    left = _Left(sender_id, per_minute, now)
    allowed = min(BATCH_SIZE, left[ALL])
    chosen = _choose(sender_id, left, allowed, now=now) if allowed else []
    if not chosen or not _spend(sender_id, chosen, left, now=now):
        return None
    batch_id = uuid4().hex
    claimed = change(
        update(Message)
        .where(Message.id.in_([one.id for one in chosen]), Message.state == State.QUEUED)
        .values(state=State.CLAIMED, batch_id=batch_id, lease_until=now + lease)
    )
    return batch_id if claimed else None


def _choose(sender_id: int, left: _Left, allowed: int, *, now: datetime) -> Sequence[Waiting]:
    """Letters to staff first, whatever stops; then those whose domain may take some, the longest due first."""
    chosen = list(queries.due_to_staff(sender_id, limit=allowed, now=now))
    for one in chosen:
        left[one.domain] -= 1
    seen = {one.id for one in chosen}
    pool = _front(sender_id, left, allowed, now=now)
    for lane in queries.lanes(sender_id):
        if left[lane] > 0:
            pool += queries.due(sender_id, lane, limit=min(left[lane], allowed), now=now)
    pool = sorted((one for one in pool if one.id not in seen), key=lambda one: (one.due_at, one.id))
    return [*chosen, *islice(_passing(pool, left), allowed - len(chosen))]


def _passing(line: Iterable[Waiting], left: _Left) -> Iterable[Waiting]:
    """Those of a line that may leave, counted down one by one."""
    for one in line:
        if left[one.domain] > 0:
            left[one.domain] -= 1
            yield one


def _front(sender_id: int, left: _Left, allowed: int, *, now: datetime) -> list[Waiting]:
    """The first letters of the common line that may leave; those that have to wait step aside into their lane."""
    window, stay = allowed, list[Waiting]()
    for _round in range(ROUNDS):
        line = queries.due(sender_id, "", limit=window, now=now)
        taken, stay, aside = Counter[str](), list[Waiting](), list[int]()
        for one in line:
            if taken[one.domain] < left[one.domain]:
                taken[one.domain] += 1
                stay.append(one)
            else:
                aside.append(one.id)
        if aside:
            change(update(Message).where(one_of(Message.id, aside)).values(lane=Message.domain))
        if not aside or len(line) < window or len(stay) >= allowed:
            break
        window = WINDOW
    return stay


def _spend(sender_id: int, chosen: Collection[Waiting], left: _Left, *, now: datetime) -> bool:
    """Move on the free moments of the sender and of the domains; False when somebody else has just taken them."""
    counts = Counter({ALL: len(chosen)}) + Counter(one.domain for one in chosen)
    moved = [_spend_one(sender_id, domain, count, left, now=now) for domain, count in counts.items()]
    return all(moved)


def _spend_one(sender_id: int, domain: str, count: int, left: _Left, *, now: datetime) -> bool:
    rate, pace = left.rate(domain), left.per_minute(domain)
    tries = bool(rate and rate.stops and rate.stopped_until <= now)
    if pace <= 0 and not tries:
        return True
    if rate is None:
        first = {"sender_id": sender_id, "domain": domain, "next_free_at": now - LONG_AGO}
        db.session.execute(insert_unless_there(SenderRate).values(**first).on_conflict_do_nothing())
    was = rate.next_free_at if rate else now - LONG_AGO
    values: dict[str, Any] = {"next_free_at": spent(was, count, now=now, per_minute=pace) if pace > 0 else was}
    if tries:
        values |= {"stopped_until": now + PROBE_LASTS, "probing": True}
    mine = SenderRate.sender_id == sender_id, SenderRate.domain == domain
    # Conditional: whoever read another moment comes too late, and takes nothing.
    return bool(change(update(SenderRate).where(*mine, SenderRate.next_free_at == was).values(values)))


# ---- what the answers of servers mean for the pace ------------------------------------------------------------------


def went_well(sender_id: int, domains: Collection[str], *, now: datetime) -> None:
    """Letters were accepted there: what was counted against the domains and the sender is forgotten."""
    over = or_(SenderRate.stopped_until.is_(None), SenderRate.stopped_until <= now, SenderRate.probing)
    troubled = or_(SenderRate.faults > 0, SenderRate.stops > 0)
    change(
        update(SenderRate)
        .where(SenderRate.sender_id == sender_id, one_of(SenderRate.domain, {*domains, ALL}), troubled, over)
        .values(_FORGOTTEN)
    )


_FORGOTTEN: Mapping[Any, Any] = dict.fromkeys(("stopped_until", "cause", "told_at")) | {
    **dict.fromkeys(("faults", "stops"), 0), **dict.fromkeys(("words", "last_domain"), ""), "probing": False
}  # fmt: skip


def went_wrong(sender_id: int, domain: str, failure: Failure, *, now: datetime) -> None:
    """A domain refused a letter, or our own server did not answer (no domain): one of both may have to wait."""
    if domain and failure.status:
        _count_against_domain(sender_id, domain, failure, now=now)
    sender = _rate(sender_id, ALL, now=now)
    if domain and domain == sender.last_domain:
        return
    sender.faults, sender.last_domain = sender.faults + 1, domain
    if failure.ours or sender.stops or sender.faults >= FAULTS_OF_SENDER:
        _stop(sender, Stop.ERRORS, failure.words, now=now)


def _count_against_domain(sender_id: int, domain: str, failure: Failure, *, now: datetime) -> None:
    if meaning_of(failure.status) is Meaning.REPUTATION:
        stop_domain(sender_id, domain, cause=Stop.REPUTATION, words=failure.words, now=now)
    elif not failure.permanent:
        rate = _rate(sender_id, domain, now=now)
        rate.faults += 1
        if rate.stops or must_wait(failure, rate.faults):
            _stop(rate, rate.cause or Stop.SLOW, failure.words, now=now)


def stop_domain(sender_id: int, domain: str, *, cause: Stop, words: str, now: datetime) -> None:
    """Nothing more leaves from a sender to a domain for a while."""
    if domain:
        _stop(_rate(sender_id, domain, now=now), cause, words, now=now)


def _stop(rate: SenderRate, cause: Stop, words: str, *, now: datetime) -> None:
    if rate.stopped_until and rate.stopped_until > now and not rate.probing and rate.cause is cause:
        return  # another connection has said so already
    rate.stops += 1
    rate.stopped_until, rate.probing = now + stop_lasts(cause, rate.stops), False
    rate.cause, rate.words, rate.faults = cause, words, 0
    db.session.flush()
    about_to_leave = Message.sender_id == rate.sender_id, Message.state == State.CLAIMED
    there = true() if rate.domain == ALL else Message.domain == rate.domain
    back = {"state": State.QUEUED, "batch_id": "", "lease_until": None}
    change(update(Message).where(*about_to_leave, there).values(**back))
    if rate.stops == 1:
        data = {"cause": cause.value}
        audit.record(Event.SENDING_PAUSED, actor=audit.PROGRAM, now=now, subject=("sender", rate.sender_id), data=data)


def _rate(sender_id: int, domain: str, *, now: datetime) -> SenderRate:
    first = {"sender_id": sender_id, "domain": domain, "next_free_at": now - LONG_AGO}
    db.session.execute(insert_unless_there(SenderRate).values(**first).on_conflict_do_nothing())
    theirs = select(SenderRate).where(SenderRate.sender_id == sender_id, SenderRate.domain == domain)
    return db.session.scalars(theirs.with_for_update().execution_options(populate_existing=True)).one()


# ---- what people decide ----------------------------------------------------------------------------------------------


def resume_sender(sender_id: int, *, actor: Actor, now: datetime) -> None:
    """Its server was put right: letters leave again at once."""
    if stopped := queries.rates(sender_id).get(ALL):
        resume(stopped.id, actor=actor, now=now)


def resume(rate_id: int, *, actor: Actor, now: datetime) -> None:
    """Letters leave again at once, as if nothing had been refused."""
    rate = db.session.get(SenderRate, rate_id)
    if rate and rate.stops:
        change(update(SenderRate).where(SenderRate.id == rate_id).values(_FORGOTTEN))
        audit.record(Event.SENDING_RESUMED, actor=actor, now=now, subject=("sender", rate.sender_id))


def limit(sender_id: int, domain: str, per_minute: int | None, *, actor: Actor, now: datetime) -> None:
    """Enter how many letters a minute may leave from a sender to a domain; 0: no limit, None: as usual."""
    rate = _rate(sender_id, domain, now=now)
    if rate.per_minute != per_minute:
        rate.per_minute = per_minute
        data = {"fields": ["per_minute"]}
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("sender", sender_id), data=data)


def hand_over(sender_id: int, *, now: datetime) -> int:
    """What waits for a sender that stopped or is no longer used goes to another of its brand; how many letters."""
    sender = queries.sender(sender_id)
    if not (sender.retired_at or queries.is_stopped(sender_id, now)):
        return 0
    able = queries.working(sender.brand_id, sender.channel, now)
    others = [one for one in able if one.id != sender_id and not queries.is_stopped(one.id, now)]
    if not others:
        return 0
    some = select(Message.id).where(Message.sender_id == sender_id, queries.WAITING).limit(HANDED_OVER)
    return change(update(Message).where(Message.id.in_(some)).values(sender_id=others[0].id))


def forget(*, now: datetime) -> None:
    """Domains of which nothing is worth remembering any more leave the table that every stamping reads."""
    plain = SenderRate.domain != ALL, SenderRate.stops == 0, SenderRate.per_minute.is_(None)
    change(delete(SenderRate).where(*plain, SenderRate.next_free_at < now - REMEMBERED))


def mark_told(rates: Iterable[int], *, now: datetime) -> None:
    """Administrators know of these stops."""
    change(update(SenderRate).where(one_of(SenderRate.id, rates)).values(told_at=now))
