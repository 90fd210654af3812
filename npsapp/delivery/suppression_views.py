"""Pages of the stop list: look up, enter, import from a file, release."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from flask import Response, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l, ngettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import DateField, TextAreaField, ValidationError
from wtforms.fields import Field
from wtforms.validators import Length, Optional

from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.events import Event
from npsapp.db import transaction
from npsapp.delivery import suppressions
from npsapp.delivery.rules import Channel, SuppressionReason
from npsapp.delivery.suppressions import CHANNELS, REASONS, SURE, Read, Wanted
from npsapp.lib.clock import day_bounds, utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.tokens import new_token
from npsapp.organization import queries as organization
from npsapp.organization.forms import choice, line, options, whole
from npsapp.permissions import Permission
from npsapp.web import listing
from npsapp.web.access import Room
from npsapp.web.filters import spoken
from npsapp.web.pages import csv_file, done, form_page

bp = Room("suppressions", __name__, url_prefix="/suppressions", template_folder="templates")

NOTE_MAX = 300
AT_ONCE = 20  # typed addresses that need no second look
_TOKEN = re.compile(r"[A-Za-z0-9_-]{24}")


class AddForm(FlaskForm):
    """Addresses that get nothing any more, and why."""

    text = TextAreaField(_l("Addresses"), description=_l("E-mail addresses or phone numbers, one a line."))
    file = FileField(_l("Or a file"))
    reason = choice(_l("Reason"), coerce=SuppressionReason)
    brand = choice(_l("Counts for"), coerce=whole)
    until = DateField(_l("Until"), validators=[Optional()], description=_l("Empty: for ever."))
    note = line(
        _l("Note for colleagues"), Length(max=NOTE_MAX), help=_l("Who asked for it, or where the list is from.")
    )

    def offer(self) -> None:
        """Put the choices in; they are words of this moment's language."""
        self.reason.choices = options((one.value, _(words)) for one, words in reversed(REASONS.items()))
        self.brand.choices = options([("", _("all brands")), *_brands()])

    def validate_file(self, item: Field) -> None:
        """Either is needed."""
        if not item.data and not (self.text.data or "").strip():
            raise ValidationError(_("Type an address, or choose a file."))

    def validate_until(self, item: Field) -> None:
        """A day that is over stops nothing."""
        if item.data and item.data < utcnow().date():
            raise ValidationError(_("This day is over."))

    def values(self) -> dict[str, Any]:
        """What is the same for all addresses, as it may be kept as JSON."""
        day = self.until.data.isoformat() if self.until.data else ""
        chosen = {"reason": self.reason.data.value, "brand_id": self.brand.data, "until": day}
        return chosen | {"note": self.note.data or ""}


def _brands() -> list[tuple[Any, str]]:
    return [(one.id, spoken(one.name)) for one in organization.brands()]


@bp.page("/", Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """Who gets nothing from us, and why."""
    wanted = _wanted()
    rows = suppressions.newest(wanted, now=utcnow(), limit=listing.PAGE_SIZE + 1, before_id=listing.whole("after"))
    chosen = {"reason": _word(REASONS, wanted.reason), "channel": _word(CHANNELS, wanted.channel)}
    brands = dict(_brands())
    chosen |= {"brand": brands.get(wanted.brand_id or 0, ""), "q": wanted.q, "show": _("released")}
    return render_template(
        "delivery/suppressions.html",
        page=listing.page_by_key(rows, key=lambda row: (row.id,)),
        reasons=[(one.value, _(words)) for one, words in REASONS.items()],
        channels=[(one.value, _(words)) for one, words in CHANNELS.items()],
        brands=brands,
        sure=SURE,
        active=listing.active_filters(chosen.items()),
    )


def _word(words: dict[Any, str], one: Any) -> str:
    return _(words[one]) if one in words else ""


def _wanted() -> Wanted:
    return Wanted(
        q=listing.word("q"),
        reason=listing.one_of("reason", SuppressionReason),
        channel=listing.one_of("channel", Channel),
        brand_id=listing.whole("brand"),
        released=listing.picked("show", ("released",)) == "released",
    )


@bp.page("/export.csv", Permission.ADMINISTER)
def export() -> ResponseReturnValue:
    """The list as it is filtered, as CSV; that it was taken out stands in the audit log."""
    wanted, now = _wanted(), utcnow()
    with transaction():
        audit.record(Event.SUPPRESSIONS_EXPORTED, actor=me(), now=now)
    heading = [_("Address"), _("Channel"), _("Reason"), _("Brand"), _("Since"), _("Until"), _("Note")]
    return csv_file(f"stop-list-{now:%Y-%m-%d}", heading, _lines(wanted))


def _lines(wanted: Wanted) -> Iterator[list[object]]:
    brands = dict(_brands())
    for one in suppressions.every(wanted, now=utcnow()):
        words = [_word(CHANNELS, one.channel), _word(REASONS, one.reason), brands.get(one.brand_id or 0, "")]
        yield [one.address, *words, one.since, one.until, one.note or one.source]


@bp.deed("/<int:suppression_id>/release", Permission.ADMINISTER)
def release(suppression_id: int) -> ResponseReturnValue:
    """Write to an address again, with a reason."""
    note = " ".join(request.form.get("note", "").split())[:NOTE_MAX]
    with transaction():
        sure = request.form.get("sure") == "1"
        if not suppressions.release(suppression_id, note=note, sure=sure, actor=me(), now=utcnow()):
            abort(404)
    return done(_("The address is released."), ".index")


# ---- taking in -------------------------------------------------------------------------------------------------


@bp.form("/new", Permission.ADMINISTER)
def new() -> ResponseReturnValue:
    """Enter addresses, or upload a file; what more than a few are is shown before it counts."""
    form = AddForm()
    form.offer()
    if not form.validate_on_submit():
        return _form(form)
    token = new_token()
    try:
        found = _read(form, _kept(token))
    except Refused as refusal:
        form.file.errors = [_(refusal.wording, **refusal.values)]
        return _form(form)
    finally:
        _kept(token).unlink(missing_ok=True)
    if not found.entries:
        form.text.errors = [_("There is no address in it.")]
        return _form(form)
    if not form.file.data and not found.left_out and len(found.entries) <= AT_ONCE:
        return _added(found.entries, form.values())
    kept = {"entries": found.entries, "faults": found.faults, "left_out": found.left_out, **form.values()}
    _kept(token).write_text(json.dumps(kept))
    return redirect(url_for(".preview", token=token), code=303)


def _form(form: AddForm) -> Response:
    return form_page("delivery/suppression.html", form, most=suppressions.MOST_ENTRIES)


def _read(form: AddForm, path: Path) -> Read:
    if not form.file.data:
        typed = (form.text.data or "").splitlines()
        return suppressions.read_rows(enumerate(([one] for one in ["", *typed]), start=0))
    form.file.data.save(path)
    return suppressions.read_file(path)


def _kept(token: str) -> Path:
    """Where addresses wait for their confirmation; those nobody confirmed go after a day (the heartbeat's `tidy`)."""
    if not _TOKEN.fullmatch(token):
        abort(404)
    folder = Path(current_app.instance_path) / suppressions.WAITING
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / token


def _waiting(token: str) -> dict[str, Any]:
    path = _kept(token)
    kept: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else abort(404)
    kept["entries"] = [(Channel(channel), address) for channel, address in kept["entries"]]
    return kept


@bp.page("/new/<token>", Permission.ADMINISTER)
def preview(token: str) -> ResponseReturnValue:
    """What a file would bring. :raise 404: when it was confirmed or a day has passed"""
    kept = _waiting(token)
    fresh = suppressions.unknown(kept["entries"], brand_id=kept["brand_id"], now=utcnow())
    reason = _(REASONS[SuppressionReason(kept["reason"])])
    return render_template("delivery/suppression_preview.html", kept=kept, fresh=fresh, reason=reason, token=token)


@bp.deed("/new/<token>", Permission.ADMINISTER)
def confirm(token: str) -> ResponseReturnValue:
    """Put them on the list."""
    kept = _waiting(token)
    _kept(token).unlink(missing_ok=True)
    return _added(kept["entries"], kept)


def _added(entries: list[suppressions.Entry], values: dict[str, Any]) -> ResponseReturnValue:
    brand = organization.brand(values["brand_id"] or 0) or next(iter(organization.brands()), None)
    day = date.fromisoformat(values["until"]) if values["until"] else None
    until = day_bounds(day, brand.timezone if brand else "UTC")[1] if day else None
    with transaction():
        count = suppressions.add(
            entries,
            reason=SuppressionReason(values["reason"]),
            brand_id=values["brand_id"],
            until=until,
            note=values["note"],
            actor=me(),
            now=utcnow(),
        )
    words = ngettext("%(num)s address was put on the list.", "%(num)s addresses were put on the list.", count)
    return done(words, ".index")
