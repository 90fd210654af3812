"""Pages of the imports: upload, preview and going live, progress, report, undoing."""

from datetime import date, datetime, timedelta
from typing import Any

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, ngettext
from flask_login import current_user
from sqlalchemy import exists, select
from werkzeug.exceptions import RequestEntityTooLarge

from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.events import Event
from npsapp.customers.rules import AddressFault
from npsapp.db import db, transaction
from npsapp.delivery.channels import mail
from npsapp.i18n import language_now
from npsapp.intake import queries as intake, services, staging, tasks
from npsapp.intake.columns import FIELDS, PROPERTY, Field
from npsapp.intake.models import BatchState, ImportBatch, Interaction, Source
from npsapp.intake.rules import RejectReason
from npsapp.invitations import policies, preview
from npsapp.invitations.models import Invitation
from npsapp.lib.clock import local_date, utcnow
from npsapp.lib.texts import text_in
from npsapp.office.blueprint import bp
from npsapp.office.forms import CHANNELS, FIRST_DAY_CAP, ChoiceForm, LiveForm, UploadForm
from npsapp.office.visits import BY_HAND
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.web import listing
from npsapp.web.filters import spoken
from npsapp.web.pages import csv_file, done, form_page, told_at

SHOWN_REJECTS = 50
_FAULTS = set(AddressFault)
UNFINISHED = (BatchState.UPLOADED, BatchState.STAGING, BatchState.APPLYING)
LOOK_BACK = timedelta(days=28)  # two weeks of waiting and two more until it is too late: the usual policy


@bp.page("/imports/", Permission.IMPORT)
def imports() -> ResponseReturnValue:
    """All imported files, newest first."""
    window = listing.window()
    page = listing.page(intake.batches(limit=window.limit, offset=window.offset), window)
    return render_template("office/imports/list.html", page=page)


@bp.form("/imports/new", Permission.IMPORT)
def import_new() -> ResponseReturnValue:
    """Upload a file; reading it starts at once, applying it waits for a confirmation."""
    form = UploadForm()
    if form.validate_on_submit():
        file, now, actor = form.file.data, utcnow(), me()
        with told_at(form.file):
            stored = tasks.store(file.stream)
            with transaction():
                source = services.get_or_create_source(name=form.source.data, actor=actor, now=now)
                named: dict[str, Any] = {"source_id": source.id, "file_name": file.filename or ""}
                named |= {"stored": stored, "unless_known": True}
                batch_id = services.create_batch(**named, actor=actor, now=now).id
            tasks.stage_batch.enqueue(batch_id)
            return _back(batch_id)
    return _upload_page(form)


def _upload_page(form: UploadForm) -> Response:
    sources = [source.name for source in intake.sources()]
    if not form.is_submitted() and len(sources) == 1:
        form.source.data = sources[0]
    return form_page("office/imports/new.html", form, sources=sources, most=current_app.config["UPLOAD_MEGABYTES"])


@bp.errorhandler(413)
def _too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    """A file above the limit is cut off by the server before its form can be read."""
    if request.endpoint != "office.import_new" or not current_user.is_authenticated:
        return error
    refusal = staging.too_large(tasks.most_bytes())
    flash(_(refusal.wording, **refusal.values), "error")
    return _upload_page(UploadForm(formdata=None)), 413


@bp.page("/imports/<int:batch_id>", Permission.IMPORT)
def import_batch(batch_id: int) -> ResponseReturnValue:
    """One file as it stands: progress, preview, report, or why it was refused."""
    batch = _batch(batch_id)
    if batch.state in UNFINISHED:
        return render_template("office/imports/progress.html", batch=batch)
    if batch.state is BatchState.STAGED:
        return _preview(batch, _choices(batch))
    return _report(batch)


@bp.deed("/imports/<int:batch_id>/columns", Permission.IMPORT)
def import_columns(batch_id: int) -> ResponseReturnValue:
    """Assign the columns anew and read the file again."""
    batch = _batch(batch_id)
    columns = {title: request.form.get(f"column-{at}", "") for at, title in enumerate(batch.columns)}
    with transaction():
        services.choose_columns(batch_id, columns)
    tasks.stage_batch.enqueue(batch_id)
    return _back(batch_id)


@bp.deed("/imports/<int:batch_id>/confirm", Permission.IMPORT)
def import_confirm(batch_id: int) -> ResponseReturnValue:
    """Keep what was chosen, and count again, or import the file, or do that and take its source live."""
    batch = _batch(batch_id)
    form = _choices(batch)
    if not form.validate_on_submit():
        return _preview(batch, form)
    now, deed = utcnow(), request.form.get("deed")
    if deed == "go_live" and form.changed:
        deed = "count"
        flash(_("What you chose changes who is asked. Look at the new numbers, then go live."), "warn")
    with transaction():
        services.choose(
            batch_id, touchpoint_id=form.touchpoint.data, grounds=form.grounds, live_from=form.live_from.data
        )
        if deed != "count":
            services.confirm(batch_id, actor=me(), now=now)
        if deed == "go_live":
            go_live(batch.source_id, form, now=now)
    if deed != "count":
        tasks.apply_batch.enqueue(batch_id)
    return _back(batch_id)


def go_live(source_id: int, form: LiveForm, *, now: datetime) -> None:
    """Let a source ask from the chosen day on. Needs a transaction."""
    services.go_live(
        source_id,
        live_from=form.live_from.data,
        first_day_cap=form.first_day_cap.data,
        outbox_confirmed=bool(form.outbox.data),
        actor=me(),
        now=now,
    )
    policies.source_changed(source_id)


@bp.deed("/imports/<int:batch_id>/anew", Permission.IMPORT)
def import_anew(batch_id: int) -> ResponseReturnValue:
    """Read a file that came again unchanged all the same: perhaps something else is to be chosen for it."""
    _batch(batch_id)
    with transaction():
        services.read_anew(batch_id)
    tasks.stage_batch.enqueue(batch_id)
    return _back(batch_id)


@bp.deed("/imports/<int:batch_id>/discard", Permission.IMPORT)
def import_discard(batch_id: int) -> ResponseReturnValue:
    """Drop a waiting or refused file."""
    _batch(batch_id)
    with transaction():
        services.discard(batch_id, actor=me(), now=utcnow())
    return done(_("The file was dropped; nothing of it was imported."), ".imports")


@bp.deed("/imports/<int:batch_id>/undo", Permission.IMPORT)
def import_undo(batch_id: int) -> ResponseReturnValue:
    """Take the interactions of an imported file out again, until something was sent because of them."""
    _batch(batch_id)
    with transaction():
        policies.forget_unsent(batch_id)
        if _has_invitations(batch_id):
            raise services.NotUndoable()
        count = services.undo(batch_id, actor=me(), now=utcnow())
    words = ngettext("%(num)s purchase was taken out again.", "%(num)s purchases were taken out again.", count)
    return done(words, ".import_batch", batch_id=batch_id)


def _has_invitations(batch_id: int, *which: Any) -> bool:
    mine = Invitation.interaction_id == Interaction.id, Interaction.batch_id == batch_id
    return bool(db.session.scalar(select(exists().where(*mine, *which))))


@bp.page("/imports/<int:batch_id>/rejects.csv", Permission.IMPORT)
def import_rejects(batch_id: int) -> ResponseReturnValue:
    """The rejected rows with the reason, or what is mistyped in the others, for a spreadsheet."""
    _batch(batch_id)
    with transaction():
        subject = ("import_batch", batch_id)
        audit.record(Event.REJECTS_EXPORTED, actor=me(), now=utcnow(), subject=subject)
    heading = [_("line"), _("reason"), _("column"), _("value")]
    remarks = listing.word("remarks") != ""
    rows = (list(_reject(row).values()) for row in intake.every_reject(batch_id, remarks=remarks))
    return csv_file(f"{'remarks' if remarks else 'rejected-rows'}-{batch_id}", heading, rows)


def _batch(batch_id: int) -> ImportBatch:
    return intake.batch(batch_id) or abort(404)


def _back(batch_id: int) -> ResponseReturnValue:
    return redirect(url_for(".import_batch", batch_id=batch_id))


def _live_from(batch: ImportBatch) -> date | None:
    """From which day the source asks: its own, or, in trial, the chosen one or a proposal."""
    source = batch.source
    if not source.in_trial:
        return source.live_from
    if batch.options.get("live_from"):
        return date.fromisoformat(batch.options["live_from"])
    proposal = local_date(utcnow() - LOOK_BACK, source.timezone)
    first = intake.first_staged(batch.id)
    return max(local_date(first, source.timezone), proposal) if first else proposal


def _choices(batch: ImportBatch) -> ChoiceForm:
    """The form of the page, filled with what was chosen before."""
    grounds = {f"ground_{channel.value}": batch.grounds.get(channel.value, "") for channel in CHANNELS}
    live = {"live_from": _live_from(batch), "first_day_cap": FIRST_DAY_CAP}
    form = ChoiceForm(data={"touchpoint": batch.touchpoint_id, **live, **grounds})
    touchpoints = surveys.touchpoints(batch.source.brand.pool_id)
    form.fill([(one.id, text_in(one.name, language_now())) for one in touchpoints])
    return form


def _preview(batch: ImportBatch, form: ChoiceForm) -> Response:
    return form_page(
        "office/imports/preview.html",
        form,
        outlook=preview.would_ask(batch, live_from=_live_from(batch), now=utcnow()),
        same=next(iter(intake.same_files(batch)[-1:]), None),
        no_mail=no_mail(batch.source),
        **_shown(batch),
    )


def _report(batch: ImportBatch) -> str:
    done = batch.state is BatchState.DONE
    return render_template(
        "office/imports/report.html",
        trial=done and batch.source.in_trial,
        refusal=_refusal(batch),
        pasted=batch.source.name in BY_HAND.values(),
        reasons=[(RejectReason(reason), count) for reason, count in intake.reject_counts(batch.id)],
        undoable=done and not _has_invitations(batch.id, Invitation.handed_over_at.is_not(None)),
        **_shown(batch),
    )


def _shown(batch: ImportBatch) -> dict[str, Any]:
    """What preview and report have in common."""
    return {
        "batch": batch,
        "choices": [
            ("", _("not used")),
            *((field.value, _(field.label)) for field in Field),
            *((PROPERTY + one.key, spoken(one.name)) for one in organization.properties()),
        ],
        "rejects": _rejects(batch.id),
        "remarks": [_reject(row) for row in intake.remarks(batch.id, limit=SHOWN_REJECTS)],
    }


def no_mail(source: Source) -> bool:
    """Whether somebody has to agree first that letters of this source go to the outbox."""
    return source.outbox_confirmed_at is None and source.brand_id in mail.brands_without_server()


def _rejects(batch_id: int) -> listing.Page[dict[str, Any]]:
    """A page of the rejected rows, all or those with the reason in the address."""
    window, reason = listing.window(size=SHOWN_REJECTS), listing.one_of("reason", RejectReason)
    rows = intake.rejects(batch_id, reason=reason or "", limit=window.limit, offset=window.offset)
    return listing.page([_reject(row) for row in rows], window)


def _reject(row: Any) -> dict[str, Any]:
    return {
        "line": row.line,
        "reason": _((AddressFault if row.reason in _FAULTS else RejectReason)(row.reason).label),
        "column": _(Field(row.column).label) if row.column in FIELDS else row.column,
        "value": row.value,
    }


def _refusal(batch: ImportBatch) -> str:
    values = dict(batch.error_values)
    if "missing" in values:
        values["missing"] = "; ".join(_(part) for part in values["missing"].split("; "))
    return str(_(batch.error, **values)) if batch.error else ""
