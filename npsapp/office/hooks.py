"""Pages of connections that other programs call: what they sent, how it is read, and trying that out."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from npsapp.audit.doors import me
from npsapp.db import db, transaction
from npsapp.intake import api_rows, calls, connections, hooks, portals, received, staging, webhook
from npsapp.intake.columns import Field
from npsapp.intake.models import ReceivedBody, Source, SourceKind
from npsapp.intake.received import Outcome, Taken
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.office.blueprint import bp
from npsapp.permissions import Permission
from npsapp.web import listing
from npsapp.web.pages import done, form_page

MOST_PLACES = 200  # of a body that are listed
SHOWN_RECORDS = 3
ADDED = (Field.UNIT, Field.REGION, Field.PERFORMER, Field.SEGMENT, Field.PRODUCT_GROUP)
"""Fields that CRMs do not have and companies add."""
USUAL = (
    Field.EXTERNAL_ID, Field.NUMBER, Field.HAPPENED_AT, Field.STATUS, Field.TITLE, Field.AMOUNT, Field.CURRENCY,
    Field.UNIT, Field.CUSTOMER_NAME, Field.EMAIL, Field.PHONE,
)  # fmt: skip
"""Fields that stand first; the others are folded away."""


def _place(form: FlaskForm, field: StringField) -> None:
    """What was typed is a place, or nothing."""
    try:
        webhook.check(field.data or '""')
    except webhook.NoPlace as refusal:
        raise ValidationError(_(refusal.wording, **refusal.values)) from refusal


class ReadingForm(FlaskForm):
    """How what a connection sends is read."""

    address = StringField(_l("Address of the portal"), validators=[Length(max=300)])
    token = PasswordField(_l("Token"), validators=[Length(max=3000)])
    account = StringField(_l("Number of the account"), validators=[Length(max=40)])
    items = StringField(_l("List of items"), validators=[Length(max=300), _place])

    def validate_address(self, field: StringField) -> None:
        """Over a plain connection others could read what is asked."""
        try:
            portals.checked(field.data or "https://unchanged")
        except portals.BadAddress as refusal:
            raise ValidationError(_(refusal.wording)) from refusal

    @property
    def places(self) -> dict[str, str]:
        """What was typed for our fields."""
        return {field.value: typed for field in Field if (typed := (self[field.value].data or "").strip())}

    @property
    def secrets(self) -> dict[str, str]:
        """What is kept sealed."""
        return {name: (self[name].data or "").strip() for name in ("address", "token", "account")}


for _field in Field:
    setattr(ReadingForm, _field.value, StringField(_l(_field.label), validators=[Length(max=300), _place]))


@dataclass(frozen=True)
class Tried:
    """What was read of a body, and whether it would be taken in."""

    records: Sequence[tuple[Mapping[str, Any], str]] = ()
    """Each with the reason against it, or nothing."""
    why: str = ""
    """Why nothing could be read."""


@bp.page("/connections/<int:source_id>/received", Permission.ADMINISTER)
def received_calls(source_id: int) -> ResponseReturnValue:
    """What a connection sent, newest first."""
    source, window = _source(source_id), listing.window()
    page = listing.page(received.listed(source.id, limit=window.limit, offset=window.offset), window)
    return render_template("office/hooks/received.html", source=source, page=page)


@bp.page("/connections/<int:source_id>/received/<int:received_id>", Permission.ADMINISTER)
def received_call(source_id: int, received_id: int) -> ResponseReturnValue:
    """One body as it came."""
    source, one = _source(source_id), _body(source_id, received_id)
    return render_template("office/hooks/body.html", source=source, one=one, text=_pretty(one))


@bp.deed("/connections/<int:source_id>/received/<int:received_id>/again", Permission.ADMINISTER)
def received_again(source_id: int, received_id: int) -> ResponseReturnValue:
    """Work a body through again."""
    one = _body(source_id, received_id)
    with transaction():
        received.again(one.id, now=utcnow())
    hooks.work_through.enqueue(source_id)
    return done(_("It is being worked through again."), ".received_call", source_id=source_id, received_id=received_id)


@bp.form("/connections/<int:source_id>/reading", Permission.ADMINISTER)
def reading(source_id: int) -> ResponseReturnValue:
    """The portal's address and token, and where our fields stand, with what would be read."""
    source = _source(source_id)
    form = ReadingForm(data={**source.settings.get("places", {}), "items": source.settings.get("items", "")})
    moved = portals.host(form.address.data or "") not in ("", _host(source))
    if form.is_submitted() and moved and _host(source) and not form.token.data:
        form.token.validators = [InputRequired(_("Another portal has a token of its own."))]
    if not form.validate_on_submit():
        return _reading_page(source, form)
    settings = {"places": form.places, "items": (form.items.data or "").strip()}
    if request.form.get("deed") == "try":
        return _reading_page(source, form, _try(source, settings))
    with transaction():
        connections.seal(db.session.get_one(Source, source_id), **form.secrets)
        connections.change(source_id, {}, settings, actor=me(), now=utcnow())
    return done(_("Saved."), ".reading", source_id=source_id)


def _reading_page(source: Source, form: ReadingForm, tried: Tried | None = None) -> ResponseReturnValue:
    last = next(iter(received.listed(source.id, limit=1, offset=0)), None)
    usual = USUAL if source.kind is SourceKind.WEBHOOK else ADDED
    return form_page(
        "office/hooks/reading.html",
        form,
        source=source,
        portal=_host(source),
        last=last,
        places=_places(last, form.items.data or "") if last else [],
        usual=usual,
        rest=[field for field in Field if field not in usual],
        labels={field.value: field.label for field in Field},
        tried=tried,
    )


def _places(last: ReceivedBody, items: str) -> list[tuple[str, str]]:
    """What the first item of a body says, or the whole body where the list is not."""
    found = _tree(last)
    with suppress(Refused):
        found = next(webhook.items_of(found, items))
    return list(islice(webhook.leaves(found), MOST_PLACES))


def _try(source: Source, settings: Mapping[str, Any]) -> Tried:
    """Read the last body that came, or the portal's last changes, without taking anything in."""
    try:
        records = list(islice(_records(source, settings), SHOWN_RECORDS))
    except Refused as refusal:
        return Tried(why=_(refusal.wording, **refusal.values))
    if not records:
        return Tried(why=_("Nothing was received yet. Let the other program send something, then try again."))
    checked = api_rows.interactions(records, staging.setting_of(source, {}, now=utcnow()))
    reasons = [_(one.reason.label) if isinstance(one, api_rows.Fault) else "" for one in checked]
    return Tried(list(zip(records, reasons, strict=True)))


def _records(source: Source, settings: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    reader = calls.reader_of(source, **settings)
    if reader.portal:
        return next(iter(reader.portal.changed(utcnow() - received.LOOK_BACK)), ([], None))[0]
    last = received.listed(source.id, limit=1, offset=0)
    outcome = Outcome()
    taken = [Taken(one.id, one.at, one.content_type, one.body, 0) for one in last]
    found = reader.read(taken, outcome)
    if outcome.reason:
        raise outcome.reason
    return found.records


def _host(source: Source) -> str:
    return portals.host(connections.opened(source).get("address", ""))


def _source(source_id: int) -> Source:
    source = db.session.get(Source, source_id)
    return source if source and source.kind in received.CALLED else abort(404)


def _body(source_id: int, received_id: int) -> ReceivedBody:
    one = db.session.get(ReceivedBody, received_id)
    return one if one and one.source_id == source_id else abort(404)


def _tree(one: ReceivedBody) -> Any:
    try:
        return webhook.tree(one.body, one.content_type)
    except webhook.NotReadable:
        return None


def _pretty(one: ReceivedBody) -> str:
    found = _tree(one)
    return one.body if found is None else json.dumps(found, ensure_ascii=False, indent=2)
