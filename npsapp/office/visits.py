"""Purchases and visits entered by hand: one typed in, or rows pasted from a spreadsheet; both go the way of a file."""

import csv
from collections.abc import Mapping, Sequence
from io import BytesIO, StringIO
from typing import Any

from flask import abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, DateField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length, Optional

from npsapp.audit.doors import me
from npsapp.customers.rules import GroundKind
from npsapp.db import db, transaction, within
from npsapp.delivery.channels import mail
from npsapp.delivery.rules import Channel
from npsapp.i18n import language_now
from npsapp.intake import queries as intake, services, tasks
from npsapp.intake.models import BatchState, ImportBatch, Interaction, Source
from npsapp.intake.rules import RejectReason
from npsapp.invitations import policies, services as invitations
from npsapp.invitations.models import Invitation
from npsapp.lib.addresses import normalise
from npsapp.lib.clock import local_date, utcnow
from npsapp.lib.texts import text_in
from npsapp.office.blueprint import bp
from npsapp.office.forms import FIRST_DAY_CAP, GROUND_WORDS
from npsapp.organization import queries as organization
from npsapp.organization.forms import EMAIL_MAX, NAME_MAX, line, options
from npsapp.organization.models import Brand
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.web.access import scope
from npsapp.web.pages import form_page

BY_HAND = {"en": "By hand", "ru": "Вручную", "uk": "Вручну"}
"""What the source is called, in the brand's language; it is live from its first visit: somebody typed each of them."""
GROUNDS = (GroundKind.CONTRACT, GroundKind.CONSENT, GroundKind.INTEREST)
SHORT, NOT_MINE = (Optional(), Length(max=NAME_MAX)), {"autocomplete": "off"}
ROWS_MAX = 500_000  # characters that may be pasted; more is a file


class ByHandForm(FlaskForm):
    """What holds for everything entered by hand; the outbox is asked for as long as there is no mail server."""

    ground = SelectField(_l("Ground for letters"))
    outbox = BooleanField(_l("Letters may go to the outbox: no mail server is configured"))

    def offer(self, brand: Brand) -> None:
        """Put in what may be chosen, in words of this moment's language."""
        kinds = [(kind.value, _(GROUND_WORDS[kind])) for kind in GROUNDS]
        self.ground.choices = options([*kinds, ("", _("none: nobody is asked without an own ground"))])

    @property
    def grounds(self) -> dict[str, str]:
        """Channel → ground; it stands for whoever enters the visit, never as the customer's consent."""
        return dict.fromkeys((Channel.EMAIL.value, Channel.PHONE.value), self.ground.data) if self.ground.data else {}


class VisitForm(ByHandForm):
    """One visit or purchase of one customer."""

    customer_name = line(_l("Name of the customer"), *SHORT, look=NOT_MINE)
    email = line(_l("E-mail"), Optional(), Length(max=EMAIL_MAX), look={"type": "email", **NOT_MINE})
    phone = line(_l("Phone"), Optional(), Length(max=40), look={"type": "tel", **NOT_MINE})
    happened_at = DateField(_l("Date"), validators=[InputRequired()], render_kw={"class": "short"})
    title = line(_l("What"), *SHORT, help=_l("What was bought or done; it stands in the letter."))
    touchpoint = SelectField(_l("Touchpoint"), coerce=int)
    region = SelectField(_l("Region"))
    unit = line(_l("Unit (store, warehouse)"), *SHORT, look=NOT_MINE)
    language = SelectField(_l("Language of the customer"))

    COLUMNS = ("customer_name", "email", "phone", "happened_at", "title", "region", "unit", "language")

    def offer(self, brand: Brand) -> None:
        """Of places only those the user may see."""
        super().offer(brand)
        language, seen = language_now(), scope()
        regions = [one for one in organization.regions(brand.pool_id) if seen.covers(one.id)]
        anywhere = [("", _("none"))] if seen.everything else []
        self.region.choices = options([*anywhere, *((one.key, text_in(one.name, language)) for one in regions)])
        self.language.choices = options([("", _("as usual there")), *organization.customer_languages().items()])
        self.touchpoint.choices = options(
            (str(one.id), text_in(one.name, language)) for one in surveys.touchpoints(brand.pool_id)
        )

    def validate_email(self, field: StringField) -> None:
        """An address letters can be sent to."""
        if not normalise(field.data or ""):
            raise ValidationError(_("No letter can be sent to this e-mail address. Check it for typing errors."))

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """All fields, and somebody who can be asked or called."""
        good = bool(super().validate(extra_validators))
        if good and not self.email.data and not self.phone.data:
            self.email.errors = [_("Enter an e-mail address or a phone number.")]
        return good and not self.email.errors

    def as_file(self) -> bytes:
        """The visit as a table of one row, with the program's own headings."""
        written = StringIO()
        rows = csv.writer(written)
        rows.writerow(self.COLUMNS)
        rows.writerow(self[column].data or "" for column in self.COLUMNS)
        return written.getvalue().encode()


class PasteForm(ByHandForm):
    """Rows of a spreadsheet with their headings."""

    rows = TextAreaField(
        _l("Rows with headings"),
        validators=[InputRequired(_l("Paste the rows here.")), Length(max=ROWS_MAX)],
        render_kw={"rows": 12, "wrap": "off", "spellcheck": "false"},
    )


@bp.form("/visits/new", Permission.ENTER_VISITS)
def visit_new() -> ResponseReturnValue:
    """Type in one visit; it is taken in and decided about at once."""
    brand = _brand()
    form = VisitForm(happened_at=local_date(utcnow(), brand.timezone))
    form.offer(brand)
    if not form.validate_on_submit():
        return form_page("office/visit.html", form, no_mail=_no_mail(brand))
    batch_id = _store(form.as_file(), form, "visit.csv", touchpoint_id=form.touchpoint.data)
    tasks.stage_batch(batch_id)
    if fault := _fault(batch_id):
        form.form_errors = [fault]
        return form_page("office/visit.html", form, no_mail=_no_mail(brand))
    with transaction():
        services.confirm(batch_id, actor=me(), now=utcnow())
    tasks.apply_batch(batch_id)
    with transaction():
        ids = [one.id for one in _entered(batch_id)]
        invitations.plan(ids, without_mail=mail.brands_without_server(), now=utcnow())
    return redirect(url_for(".visits", batch_id=batch_id), code=303)


def _no_mail(brand: Brand) -> bool:
    source = next((one for one in intake.sources() if one.name == BY_HAND[brand.language]), None)
    confirmed = source is not None and source.outbox_confirmed_at is not None
    return brand.id in mail.brands_without_server() and not confirmed and not brand.is_demo


def _brand() -> Brand:
    return next(iter(organization.brands()), None) or abort(404)


def _store(rows: bytes, form: ByHandForm, name: str, **options: Any) -> int:
    """Keep the rows as a file of the source "by hand", waiting to be read. Gives the batch."""
    stored = tasks.store(BytesIO(rows))
    with transaction():
        source = _source(_brand(), outbox=bool(form.outbox.data))
        chosen = {"grounds": form.grounds, **options, "actor": me(), "now": utcnow()}
        return services.create_batch(source_id=source.id, file_name=name, stored=stored, **chosen).id


def _source(brand: Brand, *, outbox: bool) -> Source:
    actor, now = me(), utcnow()
    source = services.get_or_create_source(name=BY_HAND[brand.language], actor=actor, now=now)
    agreed = outbox and source.outbox_confirmed_at is None
    live = services.go_live(
        source.id, live_from=None, first_day_cap=FIRST_DAY_CAP, outbox_confirmed=outbox, actor=actor, now=now
    )
    if live or agreed:
        policies.source_changed(source.id)
    return source


def _fault(batch_id: int) -> str:
    """Why the row cannot be taken in; the batch is dropped then."""
    batch = db.session.get_one(ImportBatch, batch_id, populate_existing=True)
    rejected = intake.rejects(batch_id, limit=1)
    if batch.state is BatchState.STAGED and not rejected:
        return ""
    words = _(RejectReason(rejected[0].reason).label) if rejected else _(batch.error, **batch.error_values)
    with transaction():
        services.discard(batch_id, actor=me(), now=utcnow())
    return str(words)


def _entered(batch_id: int) -> Sequence[Interaction]:
    """What a batch brought, as far as the user may see it."""
    return db.session.scalars(
        select(Interaction)
        .where(Interaction.batch_id == batch_id, within(Interaction.region_id, scope()))
        .options(joinedload(Interaction.customer))
        .order_by(Interaction.id)
    ).all()


@bp.page("/visits/<int:batch_id>", Permission.ENTER_VISITS)
def visits(batch_id: int) -> ResponseReturnValue:
    """What was entered: whom the program will ask and when, or why not."""
    if getattr(intake.batch(batch_id), "created_by_id", None) != current_user.id:
        abort(404)
    entered = _entered(batch_id)
    found = select(Invitation).where(Invitation.interaction_id.in_([one.id for one in entered]))
    lines = {one.interaction_id: one for one in db.session.scalars(found)}
    return render_template("office/visited.html", entered=entered, lines=lines)


@bp.form("/visits/paste", Permission.IMPORT)
def visits_paste() -> ResponseReturnValue:
    """Paste rows; they are read, checked and shown as a file would be."""
    form, brand = PasteForm(), _brand()
    form.offer(brand)
    if form.validate_on_submit():
        batch_id = _store((form.rows.data or "").encode(), form, _("pasted rows"))
        tasks.stage_batch.enqueue(batch_id)
        return redirect(url_for(".import_batch", batch_id=batch_id), code=303)
    return form_page("office/paste.html", form, no_mail=_no_mail(brand))
