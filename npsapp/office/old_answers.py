"""Pages of old answers: upload a file of a previous program, say what it means, take it over, take it out again."""

from typing import Any

from flask import Response, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l, ngettext
from flask_wtf import FlaskForm
from wtforms.validators import InputRequired, Length

from npsapp.audit.doors import me
from npsapp.db import db, transaction
from npsapp.intake import queries as intake, tasks as intake_tasks
from npsapp.intake.models import BatchState
from npsapp.lib.clock import utcnow
from npsapp.office.blueprint import bp
from npsapp.organization.forms import choice, line, options, upload, whole
from npsapp.permissions import Permission
from npsapp.responses import old, queries, tasks
from npsapp.responses.models import OldImport
from npsapp.responses.old_lines import LONGEST_NAME, MEANINGS, Fault, Holds
from npsapp.surveys import queries as surveys
from npsapp.web import listing
from npsapp.web.filters import spoken
from npsapp.web.pages import done, form_page, told_at

UNAPPLIED = (BatchState.STAGED, BatchState.REFUSED)
WORKING = (BatchState.UPLOADED, BatchState.STAGING, BatchState.APPLYING)


class OldForm(FlaskForm):
    """A file of a previous program."""

    file = upload()
    programme = line(
        *(_l("Where it comes from"), InputRequired(_l("Say where the file comes from.")), Length(max=LONGEST_NAME)),
        help=_l("The name of the previous program, always the same: answers are shown as coming from it."),
    )
    holds = choice(_l("Each line of the file is about"))
    survey = choice(
        _l("Belongs to the survey"),
        *(_l("Under which the answers are shown, and after which nobody is asked again too soon."), int),
    )
    source = choice(
        *(_l("Customer ids are those of"), _l("Without a connection people are known by e-mail and phone only."), whole)
    )

    def offer(self) -> None:
        """Put the choices in."""
        self.holds.choices = options((one.value, _(one.label)) for one in Holds)
        published = [one for one in surveys.surveys() if one.version_id]
        self.survey.choices = options((str(one.id), f"{one.name} · {spoken(one.brand.name)}") for one in published)
        known = [(str(one.id), one.name) for one in intake.sources() if one.ids_are_persons]
        self.source.choices = options([("", _("no connection")), *known])


@bp.page("/old-answers/", Permission.IMPORT)
def old_answers() -> ResponseReturnValue:
    """Files of previous programs, newest first."""
    window = listing.window()
    page = listing.page(queries.old_imports(limit=window.limit, offset=window.offset), window)
    return render_template("office/old/list.html", page=page)


@bp.form("/old-answers/new", Permission.IMPORT)
def old_new() -> ResponseReturnValue:
    """Upload a file; it is read through at once, and taken over when that is confirmed."""
    form = OldForm()
    form.offer()
    if form.validate_on_submit():
        about = {"programme": form.programme.data, "holds": Holds(form.holds.data)}
        about |= {"survey_id": form.survey.data, "source_id": form.source.data}
        with told_at(form.file):
            stored, file_name = intake_tasks.store(form.file.data.stream), form.file.data.filename or "?"
            with transaction():
                old_id = old.take_in(stored, file_name=file_name, **about, actor=me(), now=utcnow())
            tasks.read_old.enqueue(old_id)
            return _back(old_id)
    return form_page("office/old/new.html", form, most=current_app.config["UPLOAD_MEGABYTES"])


@bp.page("/old-answers/<int:old_id>", Permission.IMPORT)
def old_import(old_id: int) -> ResponseReturnValue:
    """One file as it stands: progress, what it would bring, or what it brought."""
    one = _one(old_id)
    if one.state in WORKING:
        return render_template("office/old/progress.html", one=one)
    choices = [("", _("not used")), *((value, _(words)) for value, words in MEANINGS.items())]
    return _shown(
        one, choices=choices, faults=[(line, _(Fault(why).label), value) for line, why, value in _faults(one)]
    )


def _shown(one: OldImport, **more: Any) -> Response:
    waiting = one.state in UNAPPLIED and not one.applied
    refusal = _(one.error, **one.error_values) if one.error else ""
    undoable = one.state is BatchState.DONE or (one.state is BatchState.REFUSED and one.applied > 0)
    about = _(Holds(one.holds).label)
    return Response(
        render_template(
            "office/old/file.html", one=one, waiting=waiting, refusal=refusal, undoable=undoable, about=about, **more
        )
    )


def _faults(one: OldImport) -> list[tuple[int, str, str]]:
    return [(line, why, value) for line, why, value in one.seen.get("faults", [])]


def _one(old_id: int) -> OldImport:
    return db.session.get(OldImport, old_id) or abort(404)


@bp.deed("/old-answers/<int:old_id>/columns", Permission.IMPORT)
def old_columns(old_id: int) -> ResponseReturnValue:
    """Say what the columns mean, and read the file again."""
    one = _one(old_id)
    given = {title: request.form.get(f"column-{at}", "") for at, title in enumerate(one.columns)}
    chosen = {title: meaning if meaning in MEANINGS else "" for title, meaning in given.items()}
    with transaction():
        if one.applied:
            raise old.NotWaiting
        fresh: dict[str, Any] = {"rows": 0, "lease_until": None, "finished_at": None, "error": "", "error_values": {}}
        old.move(old_id, *UNAPPLIED, state=BatchState.UPLOADED, columns=chosen, **fresh)
    tasks.read_old.enqueue(old_id)
    return _back(old_id)


@bp.deed("/old-answers/<int:old_id>/confirm", Permission.IMPORT)
def old_confirm(old_id: int) -> ResponseReturnValue:
    """Take it over."""
    _one(old_id)
    with transaction():
        old.move(old_id, BatchState.STAGED, state=BatchState.APPLYING, lease_until=None)
    tasks.apply_old.enqueue(old_id)
    return _back(old_id)


@bp.deed("/old-answers/<int:old_id>/drop", Permission.IMPORT)
def old_drop(old_id: int) -> ResponseReturnValue:
    """Leave a file of which nothing was taken over."""
    if _one(old_id).applied:
        abort(409)
    with transaction():
        old.move(old_id, *UNAPPLIED, state=BatchState.UNDONE, finished_at=utcnow())
    return done(_("The file was dropped; nothing of it was imported."), ".old_answers")


@bp.deed("/old-answers/<int:old_id>/undo", Permission.IMPORT)
def old_undo(old_id: int) -> ResponseReturnValue:
    """Take out what it brought."""
    _one(old_id)
    with transaction():
        count = old.undo(old_id, actor=me(), now=utcnow())
    words = ngettext("%(num)s old answer was taken out again.", "%(num)s old answers were taken out again.", count)
    return done(words, ".old_import", old_id=old_id)


def _back(old_id: int) -> ResponseReturnValue:
    return redirect(url_for(".old_import", old_id=old_id))
