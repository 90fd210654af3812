"""Marks on answers: a page to look into, where each can be set aside with a reason, and the networks of stores."""

from dataclasses import dataclass

from flask import abort, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, ValidationError
from wtforms.validators import DataRequired

from npsapp.cases import queries as cases
from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from npsapp.lib.networks import network_from
from npsapp.lib.tokens import digest
from npsapp.office.blueprint import bp
from npsapp.organization.models import Unit
from npsapp.permissions import Permission
from npsapp.responses import guard
from npsapp.responses.forms import VoidForm
from npsapp.responses.guard import Kind, Mark
from npsapp.responses.models import SetAside
from npsapp.web import listing
from npsapp.web.access import scope
from npsapp.web.filters import spoken
from npsapp.web.pages import done, form_page


@dataclass(frozen=True)
class Shown:
    """A mark on the page; `place` names it in forms, for networks stand in no address."""

    mark: Mark
    aside: SetAside | None

    @property
    def place(self) -> str:
        return digest(f"{self.mark.kind} {self.mark.key}")[:16]


class NetworkForm(FlaskForm):
    """The network of a store."""

    unit = SelectField(lazy_gettext("Unit"), coerce=int)
    network = StringField(
        lazy_gettext("Network"),
        validators=[DataRequired(lazy_gettext("Please enter an address."))],
        description=lazy_gettext(
            "The store's address on the internet, or its beginning: 203.0.113.7 or 203.0.113.0/24."
        ),
    )

    def validate_network(self, typed: StringField) -> None:
        if not network_from(typed.data or ""):
            raise ValidationError(_("Please enter an address like 203.0.113.7."))


def _marks() -> list[Shown]:
    now, known = utcnow(), guard.aside()
    raised = [
        Mark(Kind.RAISED, f"{row.response_id} {row.at:%Y-%m-%d %H:%M:%S}", row.at, row.name, (row.response_id,),
             {"before": row.before, "after": row.after})
        for row in cases.raised_after_contact(scope(), now - guard.LOOKED_AT)
    ]  # fmt: skip
    found = sorted([*guard.marks(scope(), now=now), *raised], key=lambda mark: mark.at, reverse=True)
    return [Shown(mark, known.get((mark.kind.value, mark.key))) for mark in found]


@bp.page("/marks/", Permission.SEE_ANSWERS)
def marks() -> ResponseReturnValue:
    """Answers that somebody may have given for others; set aside ones on request."""
    return _marks_page(VoidForm(), "")


def _marks_page(form: VoidForm, at: str) -> ResponseReturnValue:
    show, kind = listing.picked("show", ("aside",)), listing.one_of("kind", Kind)
    rows = [one for one in _marks() if bool(one.aside) == bool(show) and (kind is None or one.mark.kind is kind)]
    window = listing.window()
    page = listing.page(rows[window.offset : window.offset + window.limit], window)
    return form_page("office/marks.html", form, page=page, kinds=list(Kind), kind=kind, show=show, at=at)


@bp.deed("/marks/", Permission.VOID_ANSWERS)
def set_aside() -> ResponseReturnValue:
    """Set a mark aside, with a reason. :raise 404:"""
    form, at = VoidForm(), request.form.get("mark", "")
    chosen = next((one for one in _marks() if one.place == at), None) or abort(404)
    if not form.validate_on_submit():
        return _marks_page(form, at)
    with transaction():
        guard.set_aside(chosen.mark, reason=form.reason.data or "", by_id=current_user.id, now=utcnow())
    return done(_("The mark is set aside."), ".marks")


@bp.form("/marks/networks", Permission.ADMINISTER)
def networks() -> ResponseReturnValue:
    """The networks of stores."""
    form, named = NetworkForm(), db.session.query(Unit).filter(Unit.retired_at.is_(None))
    form.unit.choices = sorted(((unit.id, spoken(unit.name)) for unit in named), key=lambda pair: pair[1])
    if not form.validate_on_submit():
        return form_page("office/networks.html", form, networks=guard.networks())
    with transaction():
        network = network_from(form.network.data or "")
        guard.enter_network(form.unit.data, network, by_id=current_user.id, now=utcnow())
    return done(_("The network is saved."), ".networks")


@bp.deed("/marks/networks/remove", Permission.ADMINISTER)
def network_removed() -> ResponseReturnValue:
    """Forget a network of a store."""
    unit_id = int(request.form.get("unit", "0")) if request.form.get("unit", "").isdigit() else 0
    with transaction():
        guard.drop_network(unit_id, request.form.get("network", ""), by_id=current_user.id, now=utcnow())
    return done(_("The network is removed."), ".networks")
