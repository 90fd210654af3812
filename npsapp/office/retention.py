"""Grounds and retention: on which ground each source lets us write, how long personal data stays, and taking it out."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import abort, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from wtforms import BooleanField, Field, IntegerField, ValidationError
from wtforms.validators import InputRequired, NumberRange

from npsapp.accounts import queries as accounts
from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.events import Event
from npsapp.cases import services as cases
from npsapp.customers import retention
from npsapp.customers.rules import Kept, kept_since
from npsapp.db import db, transaction
from npsapp.delivery import queries as post, services as delivery
from npsapp.intake import inbox, queries as intake, services as interactions
from npsapp.intake.tasks import remove_old_files
from npsapp.lib.clock import utcnow
from npsapp.office import queries
from npsapp.office.blueprint import bp
from npsapp.office.import_forms import CHANNELS, GROUND_WORDS, GroundForm
from npsapp.permissions import Permission
from npsapp.responses import queries as answers, services as responses
from npsapp.web.pages import done, form_page

CHUNK = 200
MONTHS = [InputRequired(), NumberRange(1, 240)]
DAYS = [InputRequired(), NumberRange(7, 3650)]


class RetentionForm(FlaskForm):
    """How long each kind of personal data is kept."""

    persons = IntegerField(_l("People, in months"), validators=MONTHS)
    letters = IntegerField(_l("Letters, in months"), validators=MONTHS)
    links = IntegerField(_l("What links did, in days"), validators=DAYS)
    files = IntegerField(_l("Imported files, in days"), validators=DAYS)
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
    sources = intake.sources()
    page = render_template(
        "office/retention.html",
        form=form,
        losses=losses,
        sources=sources,
        channels=CHANNELS,
        words=GROUND_WORDS,
        users=accounts.labels(source.grounds_set_by_id or 0 for source in sources),
    )
    return page, 422 if form.errors or losses else 200


@bp.form("/retention/sources/<int:source_id>", Permission.ADMINISTER)
def source_grounds(source_id: int) -> ResponseReturnValue:
    """The default ground of one source for each channel."""
    source = next((one for one in intake.sources() if one.id == source_id), None) or abort(404)
    form = GroundForm(data={f"ground_{channel.value}": source.grounds.get(channel.value, "") for channel in CHANNELS})
    form.offer_grounds()
    if not form.validate_on_submit():
        return form_page("office/source_grounds.html", form, source=source)
    with transaction():
        interactions.set_grounds(source, form.grounds, actor=me(), now=utcnow())
    return done(_("The changes are saved."), ".keeping")


def _old(kind: Kept, before: datetime) -> int:
    """How many rows (or files) there are from before that moment, to be taken out."""
    if kind is Kept.FILES:
        return len(intake.old_files(before))
    asked: Any = {
        Kept.PERSONS: queries.idle_customers,
        Kept.LETTERS: post.letters_to_empty,
        Kept.LINKS: answers.old_link_events,
    }[kind](before)
    return db.session.scalar(select(func.count()).select_from(asked.subquery())) or 0


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
        return delivery.empty_letters(before=before, limit=CHUNK)
    if kind is Kept.LINKS:
        return responses.forget_link_events(before=before, limit=CHUNK)
    if kind is Kept.FILES:
        inbox.remove_old_files(before)
        return remove_old_files(before, limit=CHUNK)
    ids = db.session.scalars(queries.idle_customers(before).limit(CHUNK)).all()
    for room in (cases, responses, interactions):
        room.forget_people(ids)
    retention.forget_people(ids, now=now)
    return len(ids)
