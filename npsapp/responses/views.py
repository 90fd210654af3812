"""Staff pages of answers: the list with its filters, one answer with its history, the export."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import transaction
from npsapp.i18n import language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.tables import csv_pieces, delimiter_for
from npsapp.lib.texts import text_in
from npsapp.permissions import Permission, Scope
from npsapp.responses import marks, queries
from npsapp.responses.forms import VoidForm
from npsapp.responses.queries import Choices, Line
from npsapp.responses.rules import Filters, Group, Reading, Standing, Words, classify
from npsapp.web import listing
from npsapp.web.access import can, requires, scope

bp = Blueprint("responses", __name__, url_prefix="/answers", template_folder="templates")

FILTERS = ("group", "segment", "region", "touchpoint", "comment", "read", "state", "from", "to", "q")
PAGE_SIZE = 40  # with frame, styles and script the page stays under 100 kB on the wire
CHUNK = 500  # rows of the export read at a time: memory stays the same, however many there are


@bp.get("/")
@requires(Permission.SEE_ANSWERS)
def index() -> ResponseReturnValue:
    """All answers of the own scope, newest first; the filters stand in the address."""
    filters = _filters()
    found = queries.listed(scope(), filters, after=_after(), limit=PAGE_SIZE + 1)
    page = listing.page_by_key(found.lines, size=PAGE_SIZE, key=lambda line: (line.at.isoformat(), line.id))
    return render_template(
        "responses/answers.html",
        page=page,
        options=_options(found.choices),
        active=listing.active_filters(_in_words(filters, found.choices)),
        unread=[line.id for line in page.items if not line.read],
        back=request.query_string.decode("ascii", "ignore"),
    )


@bp.post("/read")
@requires(Permission.SEE_ANSWERS)
def mark() -> ResponseReturnValue:
    """Mark one answer, or all on a page, as read or unread, and go back to where the button stood."""
    ids = [
        int(part) for part in request.form.get("ids", "").split(",") if part.isdecimal() and len(part) < 18
    ]
    deed = marks.mark_unread if request.form.get("state") == Reading.UNREAD else marks.mark_read
    with transaction():
        count = deed(ids[: 10 * PAGE_SIZE], scope=scope(), by_id=current_user.id, now=utcnow())
    if deed is marks.mark_unread:
        flash(ngettext("%(num)s answer is unread again.", "%(num)s answers are unread again.", count))
    else:
        flash(ngettext("%(num)s answer is marked as read.", "%(num)s answers are marked as read.", count))
    if len(ids) == 1 and request.form.get("from") == "answer":
        return redirect(url_for(".show", response_id=ids[0]), code=303)
    given = dict(parse_qsl(request.form.get("back", "")))
    back: dict[str, Any] = {name: given[name] for name in (*FILTERS, *listing.PAGING) if name in given}
    return redirect(url_for(".index", **back), code=303)


@bp.get("/<int:response_id>")
@requires(Permission.SEE_ANSWERS)
def show(response_id: int) -> ResponseReturnValue:
    """One answer with its history. :raise 404: also when it lies outside the scope."""
    return _sheet(response_id, VoidForm())


@bp.post("/<int:response_id>/void")
@requires(Permission.VOID_ANSWERS)
def void(response_id: int) -> ResponseReturnValue:
    """Take an answer out of the count, with a reason. :raise 404:"""
    form = VoidForm()
    if not form.validate_on_submit():
        return _sheet(response_id, form), 422
    with transaction():
        response = queries.visible(scope(), response_id) or abort(404)
        marks.void(response, reason=form.reason.data, by_id=current_user.id, now=utcnow())
    flash(_("The answer is not counted any more."))
    return redirect(url_for(".show", response_id=response_id), code=303)


@bp.post("/<int:response_id>/restore")
@requires(Permission.VOID_ANSWERS)
def restore(response_id: int) -> ResponseReturnValue:
    """Count an answer again. :raise 404:"""
    with transaction():
        response = queries.visible(scope(), response_id) or abort(404)
        marks.restore(response, by_id=current_user.id, now=utcnow())
    flash(_("The answer is counted again."))
    return redirect(url_for(".show", response_id=response_id), code=303)


@bp.get("/export.csv")
@requires(Permission.EXPORT)
def export() -> ResponseReturnValue:
    """The filtered answers as CSV, streamed; the export stands in the audit log."""
    filters, visible, now = _filters(), scope(), utcnow()
    with transaction():
        audit.record(
            Event.ANSWERS_EXPORTED, actor=audit.by_user(current_user.id), now=now, data=_audited(filters)
        )
    language, named = language_now(), can(Permission.SEE_CUSTOMERS)
    rows = _export_rows(visible, filters, language, named=named)
    pieces = csv_pieces(_export_heading(named=named), rows, delimiter=delimiter_for(language))
    response = Response(stream_with_context(pieces), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="answers-{now:%Y-%m-%d}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


# ---- filters ---------------------------------------------------------------------------------------------------


def _filters() -> Filters:
    return Filters(
        group=listing.one_of("group", Group),
        segment_id=listing.whole("segment"),
        region_id=listing.whole("region"),
        touchpoint_id=listing.whole("touchpoint"),
        words=listing.one_of("comment", Words),
        reading=listing.one_of("read", Reading),
        standing=listing.one_of("state", Standing),
        since=listing.day("from"),
        until=listing.day("to"),
        search=listing.word("q"),
    )


def _after() -> queries.Key | None:
    """The key (moment, id) of the last answer before this page; a broken one counts as none."""
    parts = listing.after() or ()
    try:
        at, id_ = parts
        moment = datetime.fromisoformat(at)
        return (moment, int(id_)) if moment.tzinfo else None
    except ValueError:
        return None


def _options(choices: Choices) -> dict[str, list[tuple[Any, str]]]:
    """What the filters offer: pairs of value and word."""

    def named(pairs: list[tuple[int, dict[str, str]]]) -> list[tuple[Any, str]]:
        return sorted(
            ((id_, text_in(texts, language_now())) for id_, texts in pairs), key=lambda pair: pair[1]
        )

    return {
        "groups": [(member.value, _(member.label)) for member in Group],
        "words": [(member.value, _(member.label)) for member in Words],
        "readings": [(member.value, _(member.label)) for member in Reading],
        "standings": [(member.value, _(member.label)) for member in Standing],
        "regions": named(choices.regions),
        "segments": named(choices.segments),
        "touchpoints": named(choices.touchpoints),
    }


def _in_words(filters: Filters, choices: Choices) -> list[tuple[str, str]]:
    def name(pairs: list[tuple[int, dict[str, str]]], wanted: int | None) -> str:
        return next(
            (text_in(texts, language_now()) for id_, texts in pairs if id_ == wanted), str(wanted or "")
        )

    enums = (
        ("group", filters.group),
        ("comment", filters.words),
        ("read", filters.reading),
        ("state", filters.standing),
    )
    return [
        *((argument, _(member.label) if member else "") for argument, member in enums),
        ("segment", name(choices.segments, filters.segment_id)),
        ("region", name(choices.regions, filters.region_id)),
        ("touchpoint", name(choices.touchpoints, filters.touchpoint_id)),
        ("from", _("from %(date)s", date=filters.since.isoformat()) if filters.since else ""),
        ("to", _("until %(date)s", date=filters.until.isoformat()) if filters.until else ""),
        ("q", filters.search),
    ]


def _audited(filters: Filters) -> dict[str, Any]:
    """What the audit may remember of a choice: ids and codes, no typed words."""
    codes = {
        "group": filters.group,
        "comment": filters.words,
        "read": filters.reading,
        "state": filters.standing,
    }
    ids = {"segment": filters.segment_id, "region": filters.region_id, "touchpoint": filters.touchpoint_id}
    days = {
        "from": filters.since and filters.since.isoformat(),
        "to": filters.until and filters.until.isoformat(),
    }
    return {key: value for key, value in {**codes, **ids, **days}.items() if value is not None}


# ---- pages and rows --------------------------------------------------------------------------------------------


def _sheet(response_id: int, form: VoidForm) -> str:
    found = queries.sheet(scope(), response_id) or abort(404)
    # The case lies downstream; its room says where it is, if it has something to say about single answers.
    known = "cases.of_answer" in current_app.view_functions
    return render_template(
        "responses/answer.html",
        sheet=found,
        answer=found.response,
        form=form,
        group_of=classify,
        case_url=url_for("cases.of_answer", response_id=response_id) if known else "",
    )


def _export_heading(*, named: bool) -> list[str]:
    heading = [_("No."), _("Day"), _("Time (UTC)"), _("Score"), _("Group"), _("Comment"), _("Contact wanted")]
    heading += [_("Customer")] if named else []
    heading += [_("Order"), _("What was bought"), _("Segment"), _("Region"), _("Unit"), _("Touchpoint")]
    return [*heading, _("Language"), _("Revision"), _("Disputed"), _("Not counted"), _("Test")]


def _export_rows(visible: Scope, filters: Filters, language: str, *, named: bool) -> Iterator[list[object]]:
    after: queries.Key | None = None
    while True:
        lines = queries.newest(visible, filters, after=after, limit=CHUNK)
        yield from (_export_row(line, language, named=named) for line in lines)
        if len(lines) < CHUNK:
            return
        after = (lines[-1].at, lines[-1].id)


def _export_row(line: Line, language: str, *, named: bool) -> list[object]:
    yes = _("yes")
    wanted = "" if line.contact_wanted is None else yes if line.contact_wanted else _("no")
    places = [text_in(name, language) for name in (line.segment, line.region, line.unit, line.touchpoint)]
    marks = [yes if mark else "" for mark in (line.disputed, line.voided, line.test)]
    row: list[object] = [line.id, line.day.isoformat(), f"{line.at:%Y-%m-%d %H:%M}", line.score]
    row += [_(line.group.label), line.comment, wanted]
    row += [line.customer] if named else []
    return [*row, line.number, line.title, *places, line.language, line.revision, *marks]
