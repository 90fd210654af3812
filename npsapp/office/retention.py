"""Grounds and retention: on which ground each source lets us write, how long personal data stays, and taking it out."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from wtforms import BooleanField, Field, ValidationError

from npsapp.accounts import queries as accounts
from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.events import Event
from npsapp.cases import services as cases
from npsapp.customers import retention
from npsapp.customers.rules import Kept, kept_since
from npsapp.db import db, transaction
from npsapp.delivery import emptying, queries as post
from npsapp.intake import kept, queries as intake, received, services as interactions
from npsapp.lib.clock import utcnow
from npsapp.office import queries
from npsapp.office.blueprint import bp
from npsapp.office.forms import CHANNELS, GROUND_WORDS
from npsapp.organization.forms import number
from npsapp.permissions import Permission
from npsapp.responses import evidence, services as responses, settling
from npsapp.web.pages import done

CHUNK = 200
MONTHS, DAYS = (1, 240), (7, 3650)


OLD: dict[Kept, Callable[[datetime], Any]] = {
    Kept.PERSONS: queries.idle_customers,
    Kept.LETTERS: post.letters_to_empty,
    Kept.LINKS: evidence.old_link_events,
    Kept.FILES: received.old,
}


class RetentionForm(FlaskForm):
    """How long each kind of personal data is kept."""

    persons = number(_l("People, in months"), *MONTHS)
    letters = number(_l("Letters, in months"), *MONTHS)
    links = number(_l("What links did, in days"), *DAYS)
    files = number(_l("Imported files and received calls, in days"), *DAYS)
    sure = BooleanField(_l("Yes, take this out for ever"))

    def validate_letters(self, field: Field) -> None:
        """A letter names its reader: it must not outlive what is known of the person."""
        if field.data and self.persons.data and field.data > self.persons.data:
            raise ValidationError(_("Letters cannot be kept longer than people."))

    @property
    def amounts(self) -> dict[Kept, int]:
        """What was typed, by kind."""
        return {kind: self[kind.value].data for kind in Kept}


@bp.form("/retention/", Permission.ADMINISTER)
def keeping() -> ResponseReturnValue:
    """Grounds by source, and how long data is kept; a shorter time says first what it would take out."""
    now, before = utcnow(), retention.periods()
    form = RetentionForm(data={kind.value: amount for kind, amount in before.items()})
    if not form.validate_on_submit():
        return _page(form, {})
    shorter = {kind: amount for kind, amount in form.amounts.items() if amount < before[kind]}
    losses = {
        kind: count for kind, amount in shorter.items() if (count := _old(kind, kept_since(kind, amount, now=now)))
    }
    if losses and not form.sure.data:
        return _page(form, losses)
    with transaction():
        retention.keep(form.amounts, actor=me(), now=now)
    return done(_("The changes are saved."), ".keeping")


def _page(form: RetentionForm, losses: Mapping[Kept, int]) -> ResponseReturnValue:
    sources, now = intake.sources(), utcnow()
    page = render_template(
        "office/retention.html",
        form=form,
        losses=losses,
        today={kind: _old(kind, kept_since(kind, amount, now=now)) for kind, amount in retention.periods().items()},
        sources=sources,
        channels=CHANNELS,
        words=GROUND_WORDS,
        users=accounts.labels(source.grounds_set_by_id or 0 for source in sources),
    )
    return page, 422 if form.errors or losses else 200


def _old(kind: Kept, before: datetime) -> int:
    """How many rows and files there are from before that moment, to be taken out."""
    asked: Any = OLD[kind](before)
    rows = db.session.scalar(select(func.count()).select_from(asked.subquery())) or 0
    return rows + (len(kept.old(before)) if kind is Kept.FILES else 0)


def apply(rounds: Callable[[], Iterable[int]], *, now: datetime) -> None:
    """Take out what is past its time, each kind once a day, in chunks while there is time. Part of the heartbeat."""
    amounts = retention.periods()
    for kind in retention.unfinished(now.date()):
        before = kept_since(kind, amounts[kind], now=now)
        for _round in rounds():
            with transaction():
                count = _take_out(kind, before, now=now)
                if count:
                    subject, data = ("retention", None), {"kind": kind.value, "count": count}
                    audit.record(Event.DATA_EMPTIED, actor=audit.PROGRAM, now=now, subject=subject, data=data)
                if count < CHUNK:
                    retention.finish(kind, now.date())
                    break


def _take_out(kind: Kept, before: datetime, *, now: datetime) -> int:
    """One chunk of what is older than a moment; fewer than CHUNK when nothing is left."""
    if kind is Kept.LETTERS:
        return emptying.empty_letters(before=before, limit=CHUNK)
    if kind is Kept.LINKS:
        return settling.forget_links(before=before, limit=CHUNK)
    if kind is Kept.FILES:
        return kept.remove_old(before, limit=CHUNK)
    ids = db.session.scalars(queries.idle_customers(before).limit(CHUNK)).all()
    for room in (cases, responses, interactions):
        room.forget_people(ids)
    retention.forget_people(ids, now=now)
    return len(ids)
