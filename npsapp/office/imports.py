"""Pages of the imports: upload, preview and going live, progress, report, undoing."""

from datetime import datetime
from typing import Any

from flask import Response, abort, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import transaction
from npsapp.i18n import language_now
from npsapp.intake import files, tasks
from npsapp.intake import queries as intake
from npsapp.intake import services as intake_services
from npsapp.intake.columns import Field
from npsapp.intake.models import BatchState, ImportBatch
from npsapp.intake.rules import RejectReason
from npsapp.lib import tables
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import text_in
from npsapp.office import import_deeds as deeds
from npsapp.office.blueprint import bp
from npsapp.office.import_forms import (
    CHANNELS,
    FIRST_DAY_CAP,
    ChoiceForm,
    LiveForm,
    UploadForm,
    column_choices,
)
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.web import listing
from npsapp.web.access import requires

SHOWN_REJECTS = 20
UNFINISHED = (BatchState.UPLOADED, BatchState.STAGING, BatchState.APPLYING)


@bp.get("/imports/")
@requires(Permission.IMPORT)
def imports() -> ResponseReturnValue:
    """All imported files, newest first."""
    window = listing.window()
    page = listing.page(intake.batches(limit=window.limit, offset=window.offset), window)
    return render_template("office/imports/list.html", page=page)


@bp.route("/imports/new", methods=["GET", "POST"])
@requires(Permission.IMPORT)
def import_new() -> ResponseReturnValue:
    """Upload a file; reading it starts at once, applying it waits for a confirmation."""
    form = UploadForm()
    if not form.validate_on_submit():
        return _upload_page(form, 422 if form.is_submitted() else 200)
    try:
        stored = files.store(form.file.data.stream, tasks.uploads(), most_bytes=tasks.most_bytes())
        batch_id = _keep(form, stored)
    except Refused as refusal:
        form.file.errors = [_(refusal.wording, **refusal.values)]
        return _upload_page(form, 422)
    tasks.stage_batch.enqueue(batch_id)
    return redirect(url_for(".import_batch", batch_id=batch_id))


def _keep(form: UploadForm, stored: files.StoredFile) -> int:
    now, actor = utcnow(), audit.by_user(current_user.id)
    with transaction():
        source = intake_services.get_or_create_source(name=form.source.data, actor=actor, now=now)
        batch = intake_services.create_batch(
            source_id=source.id, file_name=form.file.data.filename or "", stored=stored, actor=actor, now=now
        )
        return batch.id


def _upload_page(form: UploadForm, status: int) -> ResponseReturnValue:
    sources = [source.name for source in intake.sources()]
    if not form.is_submitted() and len(sources) == 1:
        form.source.data = sources[0]
    most = current_app.config["UPLOAD_MEGABYTES"]
    return render_template("office/imports/new.html", form=form, sources=sources, most=most), status


@bp.errorhandler(413)
def _too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    """A file above the limit is cut off by the server before its form can be read."""
    if request.endpoint != "office.import_new" or not current_user.is_authenticated:
        return error
    refusal = files.too_large(tasks.most_bytes())
    flash(_(refusal.wording, **refusal.values), "error")
    form = UploadForm(formdata=None)
    return _upload_page(form, 413)


@bp.get("/imports/<int:batch_id>")
@requires(Permission.IMPORT)
def import_batch(batch_id: int) -> ResponseReturnValue:
    """One file as it stands: progress, preview, report, or why it was refused."""
    batch = _batch(batch_id)
    if batch.state in UNFINISHED:
        return render_template("office/imports/progress.html", batch=batch)
    if batch.state is BatchState.STAGED:
        return _preview(batch, _choices(batch))
    return _report(batch)


@bp.get("/imports/<int:batch_id>/progress.json")
@requires(Permission.IMPORT)
def import_progress(batch_id: int) -> ResponseReturnValue:
    """How far a file is, for the script of the progress page."""
    batch = _batch(batch_id)
    return jsonify(
        state=batch.state.value,
        finished=batch.state not in UNFINISHED,
        rows=batch.rows,
        rejected=batch.rejected,
        applied=batch.applied,
        words=_progress_words(batch),
    )


@bp.post("/imports/<int:batch_id>/columns")
@requires(Permission.IMPORT)
def import_columns(batch_id: int) -> ResponseReturnValue:
    """Assign the columns anew and read the file again."""
    batch = _batch(batch_id)
    columns = {title: request.form.get(f"column-{at}", "") for at, title in enumerate(batch.columns)}
    with transaction():
        intake_services.choose_columns(batch_id, columns)
    tasks.stage_batch.enqueue(batch_id)
    return _back(batch_id)


@bp.post("/imports/<int:batch_id>/choices")
@requires(Permission.IMPORT)
def import_choices(batch_id: int) -> ResponseReturnValue:
    """Keep what was chosen for the file, and count again."""
    batch = _batch(batch_id)
    form = _choices(batch)
    if not form.validate_on_submit():
        return _preview(batch, form, 422)
    since = form.live_from.data.isoformat() if form.live_from.data else None
    with transaction():
        intake_services.choose(
            batch_id, touchpoint_id=form.touchpoint.data, grounds=form.grounds, live_from=since
        )
    return _back(batch_id)


@bp.post("/imports/<int:batch_id>/confirm")
@requires(Permission.IMPORT)
def import_confirm(batch_id: int) -> ResponseReturnValue:
    """Import the waiting file; the button "and go live" takes its source live as well."""
    batch = _batch(batch_id)
    form = _choices(batch)
    if not form.validate_on_submit():
        return _preview(batch, form, 422)
    now, actor = utcnow(), audit.by_user(current_user.id)
    with transaction():
        intake_services.confirm(
            batch_id, touchpoint_id=form.touchpoint.data, grounds=form.grounds, actor=actor, now=now
        )
        if request.form.get("go_live"):
            _go_live(batch.source_id, form, now=now)
    tasks.apply_batch.enqueue(batch_id)
    return _back(batch_id)


@bp.post("/imports/<int:batch_id>/live")
@requires(Permission.IMPORT)
def import_live(batch_id: int) -> ResponseReturnValue:
    """Take the source of an imported file live."""
    batch = _batch(batch_id)
    form = LiveForm()
    if not form.validate_on_submit():
        return _report(batch, form, 422)
    with transaction():
        _go_live(batch.source_id, form, now=utcnow())
    flash(_("The source is live: the next minutes decide who is asked."), "success")
    return _back(batch_id)


def _go_live(source_id: int, form: LiveForm, *, now: datetime) -> None:
    deeds.go_live(
        source_id,
        since=form.live_from.data,
        first_day_cap=form.first_day_cap.data,
        outbox_confirmed=bool(form.outbox.data),
        actor=audit.by_user(current_user.id),
        now=now,
    )


@bp.post("/imports/<int:batch_id>/discard")
@requires(Permission.IMPORT)
def import_discard(batch_id: int) -> ResponseReturnValue:
    """Drop a waiting or refused file."""
    _batch(batch_id)
    with transaction():
        intake_services.discard(batch_id, actor=audit.by_user(current_user.id), now=utcnow())
    flash(_("The file was dropped; nothing of it was imported."), "success")
    return redirect(url_for(".imports"))


@bp.post("/imports/<int:batch_id>/undo")
@requires(Permission.IMPORT)
def import_undo(batch_id: int) -> ResponseReturnValue:
    """Take the interactions of an imported file out again."""
    _batch(batch_id)
    with transaction():
        count = deeds.undo(batch_id, actor=audit.by_user(current_user.id), now=utcnow())
    flash(
        ngettext("%(num)s purchase was taken out again.", "%(num)s purchases were taken out again.", count),
        "success",
    )
    return _back(batch_id)


@bp.get("/imports/<int:batch_id>/rejects.csv")
@requires(Permission.IMPORT)
def import_rejects(batch_id: int) -> ResponseReturnValue:
    """The rejected rows with reason and remedy, for a spreadsheet."""
    _batch(batch_id)
    with transaction():
        audit.record(
            Event.REJECTS_EXPORTED,
            actor=audit.by_user(current_user.id),
            now=utcnow(),
            subject=("import_batch", batch_id),
        )
    rows = [_reject(row) for row in intake.rejects(batch_id)]
    heading = [_("line"), _("reason"), _("remedy"), _("column"), _("value")]
    pieces = tables.csv_pieces(heading, rows, delimiter=tables.delimiter_for(language_now()))
    name = f"rejected-rows-{batch_id}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(b"".join(pieces), mimetype="text/csv", headers=headers)


def _batch(batch_id: int) -> ImportBatch:
    return intake.batch(batch_id) or abort(404)


def _back(batch_id: int) -> ResponseReturnValue:
    return redirect(url_for(".import_batch", batch_id=batch_id))


def _choices(batch: ImportBatch) -> ChoiceForm:
    """The form of the page, filled with what was chosen before."""
    now = utcnow()
    grounds = deeds.chosen_grounds(batch)
    form = ChoiceForm(
        data={
            "touchpoint": deeds.chosen_touchpoint(batch),
            "live_from": deeds.live_from(batch, now=now),
            "first_day_cap": FIRST_DAY_CAP,
            **{f"ground_{channel.value}": grounds.get(channel.value, "") for channel in CHANNELS},
        }
    )
    form.fill(
        [
            (one.id, text_in(one.name, language_now()))
            for one in surveys.touchpoints(batch.source.brand.pool_id)
        ]
    )
    return form


def _preview(batch: ImportBatch, form: ChoiceForm, status: int = 200) -> ResponseReturnValue:
    return render_template(
        "office/imports/preview.html",
        batch=batch,
        form=form,
        outlook=deeds.outlook(batch, now=utcnow()),
        columns=_columns(batch),
        choices=column_choices(),
        rejects=_shown_rejects(batch),
        same=intake.same_file(batch.sha256, batch.source_id, batch.id),
        no_mail=_needs_outbox(batch),
    ), status


def _report(batch: ImportBatch, form: LiveForm | None = None, status: int = 200) -> ResponseReturnValue:
    done = batch.state is BatchState.DONE
    return render_template(
        "office/imports/report.html",
        batch=batch,
        form=form or (_live_form(batch) if done and batch.source.in_trial else None),
        refusal=_refusal(batch),
        columns=_columns(batch),
        choices=column_choices(),
        rejects=_shown_rejects(batch),
        reasons=[(RejectReason(reason), count) for reason, count in intake.reject_counts(batch.id)],
        undoable=done and deeds.undoable(batch.id),
        no_mail=_needs_outbox(batch),
    ), status


def _live_form(batch: ImportBatch) -> LiveForm:
    return LiveForm(data={"live_from": deeds.live_from(batch, now=utcnow()), "first_day_cap": FIRST_DAY_CAP})


def _needs_outbox(batch: ImportBatch) -> bool:
    return not current_app.config["MAIL_SERVER"] and batch.source.outbox_confirmed_at is None


def _columns(batch: ImportBatch) -> list[dict[str, Any]]:
    """The file's columns with what they mean and the first values in them."""
    sample = batch.options.get("sample", [])
    return [
        {
            "title": title,
            "field": field,
            "values": [row[at] for row in sample if at < len(row) and row[at]][:3],
        }
        for at, (title, field) in enumerate(batch.columns.items())
    ]


def _shown_rejects(batch: ImportBatch) -> list[dict[str, Any]]:
    rows = intake.rejects(batch.id, limit=SHOWN_REJECTS)
    keys = ("line", "reason", "remedy", "column", "value")
    return [dict(zip(keys, _reject(row), strict=True)) for row in rows]


def _reject(row: Any) -> list[Any]:
    reason = RejectReason(row.reason)
    column = _(Field(row.column).label) if row.column else ""
    return [row.line, _(reason.label), _(reason.remedy), column, row.value]


def _refusal(batch: ImportBatch) -> str:
    if not batch.error:
        return ""
    values = dict(batch.error_values)
    if "missing" in values:
        values["missing"] = "; ".join(_(part) for part in values["missing"].split("; "))
    return str(_(batch.error, **values))


def _progress_words(batch: ImportBatch) -> str:
    if batch.state is BatchState.APPLYING:
        return str(_("%(applied)s of %(rows)s rows are imported.", applied=batch.applied, rows=batch.rows))
    if batch.rows + batch.rejected == 0:
        return str(_("The file waits to be read."))
    return str(_("Rows read so far: %(rows)s.", rows=batch.rows + batch.rejected))


bp.add_app_template_global(_progress_words, "import_progress_words")
