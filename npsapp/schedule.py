"""The heartbeat: every periodic step, in the order of the data flow. Each looks for work, does it, and can be repeated.

A step is a door: it reads the clock, opens one transaction per item or small chunk, and one bad item never stops
the others. Decisions are made in the rooms.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import current_app
from huey import crontab

from npsapp.cases import queries as cases_due, services as cases
from npsapp.db import DATABASE_TROUBLE, alone, db, reading, transaction
from npsapp.delivery import pauses, queries as post, rates, receipts, return_tasks, services as delivery, suppressions
from npsapp.delivery.channels.mail import OUTBOX, brands_without_server, remove_old_letters
from npsapp.delivery.rules import PauseCause
from npsapp.delivery.tasks import start_sending
from npsapp.intake import api_services, hooks, inbox, mailbox, queries as intake, selections
from npsapp.intake.models import PLANNING
from npsapp.intake.tasks import resume_batches
from npsapp.invitations import (
    draws,
    followups,
    letters,
    policies,
    queries as plan_queries,
    returns,
    services as invitations,
    waves,
)
from npsapp.invitations.rendering import Addresses
from npsapp.lib.clock import utcnow
from npsapp.office import erasing, mail_alarms, quota_alarms, removal, retention, silence
from npsapp.pulse import services as pulse
from npsapp.reports import bases, services as reports
from npsapp.responses import evidence, open_services, services as responses, settling
from npsapp.responses.public import delays
from npsapp.responses.tasks import resume_old_answers
from npsapp.worker import every, give_back_memory, huey, inside_app

log = logging.getLogger(__name__)

CHUNK = 500
LETTERS_AT_ONCE = 50  # composed inside one transaction: about a tenth of a second
STEP_BUDGET_S = 20.0
TRY_AGAIN = timedelta(hours=1)
KEEP_OUTBOX = timedelta(days=30)
KEEP_WAITING = timedelta(days=1)


@dataclass(frozen=True)
class Beat:
    """One round of the heartbeat; `budget_s` bounds each step, so that a million rows do not starve the next one."""

    budget_s: float | None = STEP_BUDGET_S
    alive: Callable[[], object] = lambda: None
    """Called before each round, so that others see that this beat goes on."""

    def rounds(self) -> Iterable[int]:
        """Count up while the step's time is not used up."""
        end = time.monotonic() + self.budget_s if self.budget_s else None
        number = 0
        while end is None or time.monotonic() < end:
            self.alive()
            yield number
            number += 1


def _in_chunk(ids: Sequence[int], deed: Callable[[Sequence[int]], object]) -> set[int]:
    """Do `deed` for all ids in one transaction; if that fails, for each alone. Gives the ids that failed.

    A database that is away or locked is no fault of the ids: the step ends, and the next beat repeats it.
    """
    try:
        with transaction():
            deed(ids)
    except DATABASE_TROUBLE:
        raise
    except Exception:
        log.warning("a chunk of %d failed and is repeated one by one", len(ids), exc_info=len(ids) == 1)
        return set(ids) if len(ids) == 1 else {id_ for id_ in ids if _in_chunk([id_], deed)}
    return set()


def _one_by_one(ids: Iterable[int], deed: Callable[[int], object]) -> None:
    for id_ in ids:
        _in_chunk([id_], lambda chunk: deed(chunk[0]))


def notice_a_copy(_beat: Beat) -> None:
    """A database last used under another address may be a copy: customers get letters when a person says so."""
    with transaction():
        if pulse.came_from(current_app.config["PUBLIC_URL"]) and plan_queries.real_letters_wait():
            pauses.doubt(PauseCause.MOVED, now=utcnow())


@huey.on_startup()
def before_the_first_job() -> None:
    """A copied queue may hold batches of letters: look before a worker takes them."""
    inside_app(notice_a_copy)(Beat())


def take_back(_beat: Beat) -> None:
    """Letters that dead workers held go back into the queue; long-waiting ones are decided again."""
    after = timedelta(seconds=current_app.config["MAIL_UNKNOWN_AFTER"])
    with transaction():
        delivery.take_back(now=utcnow(), unknown_after=after)
        receipts.give_up_waiting(now=utcnow())
        delivery.ask_for_another_look(now=utcnow())


def resume_imports(_beat: Beat) -> None:
    """Files whose worker died go on."""
    resume_batches(utcnow())
    resume_old_answers(utcnow())


def read_received(_beat: Beat) -> None:
    """Calls of other programs that still wait are read, and portals are asked for what changed."""
    hooks.start(utcnow())


def fetch_files(_beat: Beat) -> None:
    """Files dropped into folders and sent to mailboxes are read, and what comes back to letters."""
    inbox.start(utcnow())
    mailbox.start(utcnow())
    return_tasks.start(utcnow())
    with transaction():
        returns.note(now=utcnow(), limit=CHUNK)


def look_again(_beat: Beat) -> None:
    """Cancelled purchases leave the plan; reasons that ended by themselves are decided anew."""
    with transaction():
        letters.exclude_cancelled(now=utcnow())
        policies.due_again(now=utcnow())
        policies.newly_asked()
        policies.newly_reachable()
        policies.newly_mailed(brands_without_server())


def make_waves(beat: Beat) -> None:
    """Once a month, surveys that ask in waves take their part of the active customers."""
    with reading():
        left = waves.due(utcnow())
    for _round in beat.rounds() if left else ():
        with transaction():
            if not waves.go_on(left[0], limit=CHUNK, now=utcnow()):
                left.pop(0)
        if not left:
            return


def plan(beat: Beat) -> None:
    """Every interaction gets an invitation, or a stored reason why not. What fails waits for the next beat."""
    last = 0
    for _round in beat.rounds():
        with reading():
            ids = intake.undecided(CHUNK, after=last)
        if not ids:
            return
        _in_chunk(ids, lambda chunk: invitations.plan(chunk, without_mail=brands_without_server(), now=utcnow()))
        last = ids[-1]


def draw(_beat: Beat) -> None:
    """Of the customers who wait, the day's lot takes as many as the quotas need; where there is none, all."""
    key = current_app.config["SECRET_KEYS"][0]
    with reading():
        due = draws.due(utcnow())
    for start in range(0, len(due), LETTERS_AT_ONCE):
        some = due[start : start + LETTERS_AT_ONCE]
        _in_chunk(some, lambda ids: draws.draw(ids, key=key, without_mail=brands_without_server(), now=utcnow()))
    with transaction():
        draws.release(now=utcnow())


def hand_over(beat: Beat) -> None:
    """Due invitations become letters at the post office."""
    _leave(beat, plan_queries.due, _hand_over, invitations.postpone)


def remind(beat: Beat) -> None:
    """Chains go on: due follow-ups leave, unless the customer has answered or something else has come between."""
    with transaction():
        letters.end_chains()
    _leave(beat, plan_queries.follow_ups_due, lambda ids: followups.hand_over(ids, **_now()), followups.postpone)


def _leave(
    beat: Beat,
    due: Callable[..., Sequence[int]],
    deed: Callable[[Sequence[int]], object],
    postpone: Callable[..., None],
) -> None:
    for _round in beat.rounds():
        with reading():
            ids = [] if post.all_stopped(utcnow()) else due(utcnow(), limit=LETTERS_AT_ONCE)
        if not ids:
            return
        _one_by_one(_in_chunk(ids, deed), lambda id_: postpone(id_, until=utcnow() + TRY_AGAIN))


def _hand_over(ids: Sequence[int]) -> None:
    alone(PLANNING)
    letters.hand_over(invitations.within_caps(ids, now=utcnow()), **_now())


def _now() -> dict[str, Any]:
    """What letters need to know besides the database."""
    addresses = Addresses(current_app.config["PUBLIC_URL"], current_app.config["SECRET_KEYS"])
    return {"without_mail": brands_without_server(), "addresses": addresses, "now": utcnow()}


def recheck_letters(beat: Beat) -> None:
    """Letters that waited long in the queue are released or taken back."""
    _each_once(
        beat,
        lambda limit: post.to_look_at_again(utcnow(), limit),
        lambda id_: letters.look_again_at_message(id_, without_mail=brands_without_server(), now=utcnow()),
    )


def _each_once(beat: Beat, find: Callable[[int], Iterable[int]], deed: Callable[[int], object]) -> None:
    """Do the deed for each that is found, once: it may be found again, as a letter outside of the sending hours is."""
    seen: set[int] = set()
    for _round in beat.rounds():
        with reading():
            ids = [id_ for id_ in find(CHUNK + len(seen)) if id_ not in seen]
        if not ids:
            return
        seen |= set(ids)
        _one_by_one(ids, deed)


def finish_answers(_beat: Beat) -> None:
    """Answers whose page was left 15 minutes ago are finished."""
    with transaction():
        responses.finish_quiet(now=utcnow())


def settle_answers(beat: Beat) -> None:
    """Answers that nobody confirmed for a day are counted or dropped."""
    limits, last = delays(), 0
    for _round in beat.rounds():
        with reading():
            ids = evidence.due(utcnow() - limits.promote, after=last, limit=CHUNK)
            stopped = bases.stopped(utcnow()) if ids else set()
        if not ids:
            return
        _one_by_one(ids, partial(settling.settle, delays=limits, stopped=stopped, now=utcnow()))
        last = ids[-1]


def open_cases(beat: Beat) -> None:
    """Critics become cases with an owner and a clock; changed answers are looked at again."""
    _each_once(beat, cases_due.responses_to_look_at, lambda id_: cases.look_at(id_, now=utcnow()))


def leave_alone(_beat: Beat) -> None:
    """Customers with an open case are asked nothing until it ends."""
    with transaction():
        cases.leave_alone(now=utcnow())


def tell_owners(_beat: Beat) -> None:
    """Letters to owners: at once for the hottest, bundled otherwise, a list every morning."""
    url = current_app.config["PUBLIC_URL"]
    with reading():
        tell, morning = cases_due.owners_to_tell(utcnow()), cases_due.morning_due(utcnow())
    _one_by_one(tell, lambda id_: cases.tell_owner(id_, public_url=url, now=utcnow()))
    _one_by_one(morning, lambda id_: cases.morning_list(id_, public_url=url, now=utcnow()))


def recount(beat: Beat) -> None:
    """Days with new or changed answers are counted again."""
    for _round in beat.rounds():
        with transaction():
            if not reports.recount_dirty_days():
                return


def send(_beat: Beat) -> None:
    """Stamp batches of due letters; each becomes a job that goes on by itself."""
    with reading():
        senders = post.senders_with_work(utcnow())
    for sender_id in senders:
        start_sending(sender_id)


def note_sent(beat: Beat) -> None:
    """What became of the letters; links past their time are closed."""
    for _round in beat.rounds():
        with transaction():
            if not letters.note_sent(now=utcnow()):
                break
    with transaction():
        invitations.expire(now=utcnow())


def watch_connections(_beat: Beat) -> None:
    """Connections that fell silent, mail that stopped and targets out of reach are told, once."""
    url = current_app.config["PUBLIC_URL"]
    mail_alarms.tell(public_url=url, now=utcnow())
    _one_by_one(quota_alarms.waiting(utcnow()), lambda id_: quota_alarms.tell(id_, public_url=url, now=utcnow()))
    _one_by_one(silence.watched(), lambda id_: silence.look(id_, public_url=url, now=utcnow()))


def tidy(beat: Beat) -> None:
    """What is kept for a while only goes after its time."""
    remove_old_letters(Path(current_app.instance_path) / OUTBOX, before=utcnow() - KEEP_OUTBOX)
    remove_old_letters(Path(current_app.instance_path) / suppressions.WAITING, before=utcnow() - KEEP_WAITING)
    erasing.resume()
    retention.apply(beat.rounds, now=utcnow())
    removal.forget_files(Path(current_app.instance_path), now=utcnow())
    with transaction():
        api_services.forget_answers(now=utcnow())
        rates.forget(now=utcnow())
        selections.keep_key_customers(now=utcnow())
        open_services.forget_rates(now=utcnow())


STEPS: tuple[Callable[[Beat], None], ...] = (
    notice_a_copy,
    take_back,
    resume_imports,
    read_received,
    fetch_files,
    look_again,
    make_waves,
    plan,
    draw,
    hand_over,
    remind,
    recheck_letters,
    finish_answers,
    settle_answers,
    open_cases,
    leave_alone,
    tell_owners,
    recount,
    send,
    note_sent,
    watch_connections,
    tidy,
)


def run_steps(beat: Beat, *, after_each: Callable[[], object] = lambda: None) -> list[str]:
    """All steps once, in order; a step that fails is logged and does not stop the others. Gives those that failed."""
    failed = []
    for step in STEPS:
        try:
            step(beat)
            after_each()
        except Exception:
            db.session.rollback()
            log.exception("step %s of the heartbeat failed", step.__name__)
            failed.append(step.__name__)
    return failed


def hold(holder: str, *, rest: timedelta = timedelta()) -> bool:
    """Whether this process may beat now: only one does, also when two workers run, and `rest` after the last beat."""
    with transaction():
        return pulse.hold(holder, now=utcnow(), lease=timedelta(seconds=current_app.config["LEASE"]), rest=rest)


def record_pulse() -> None:
    """Write down that the program lives; after an outage clocks leave it out, and no letter leaves unconsidered."""
    with transaction():
        if pulse.beat(utcnow()):
            cases.recount_clocks(now=utcnow())
            delivery.ask_for_another_look(now=utcnow(), waited=timedelta())


@every(crontab(minute="*"))
def heartbeat() -> None:
    """One beat of the worker, every minute, however many workers ask for it."""
    holder = f"{socket.gethostname()} {os.getpid()} {uuid4().hex}"
    if not hold(holder, rest=timedelta(seconds=current_app.config["BEAT_EVERY"] * 0.75)):
        return
    try:
        record_pulse()
        run_steps(Beat(alive=lambda: hold(holder)), after_each=lambda: hold(holder))
    finally:
        with transaction():
            pulse.release(holder)
        give_back_memory()
