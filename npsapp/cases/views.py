"""Staff pages of cases: the list, one case with its script, and the deeds done there."""

from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm

from npsapp.accounts import queries as accounts
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.cases import handling, lines, queries, rules, sheet
from npsapp.cases.forms import AttemptForm, CauseForm, HandOverForm, NoteForm, ReopenForm, SettleForm
from npsapp.cases.lines import Filters, Line, Tab
from npsapp.cases.models import Case, Cause
from npsapp.cases.rules import Result
from npsapp.cases.script import CALL_IN_PERSON, script
from npsapp.db import transaction
from npsapp.i18n import LANGUAGES, language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.tables import csv_pieces, delimiter_for
from npsapp.lib.texts import text_in
from npsapp.permissions import Permission, Scope
from npsapp.responses.rules import classify
from npsapp.web import listing
from npsapp.web.access import can, requires, scope

bp = Blueprint("cases", __name__, url_prefix="/cases", template_folder="templates")

PAGE_SIZE = 50
CHUNK = 500  # rows of the export read at a time


# ---- the list --------------------------------------------------------------------------------------------------


@bp.get("/")
@requires(Permission.SEE_CASES)
def index() -> ResponseReturnValue:
    """Cases of the own regions and the own ones, most urgent first; tab and filters stand in the address."""
    filters, now, user_id = _filters(), utcnow(), current_user.id
    window = listing.window(size=PAGE_SIZE)
    found = lines.page(user_id, scope(), filters, now=now, limit=window.limit, offset=window.offset)
    owners = lines.owners(user_id, scope())
    regions = _named(lines.regions(user_id, scope()))
    return render_template(
        "cases/cases.html",
        page=listing.page(found, window),
        tab=filters.tab,
        counts=lines.counts(user_id, scope(), now=now),
        owners=owners,
        regions=regions,
        active=listing.active_filters(_in_words(filters, owners, regions)),
    )


@bp.get("/export.csv")
@requires(Permission.EXPORT)
def export() -> ResponseReturnValue:
    """The filtered cases as CSV, streamed; the export stands in the audit log."""
    filters, visible, user_id, now = _filters(), scope(), current_user.id, utcnow()
    chosen = {"tab": filters.tab.value, "owner": filters.owner_id, "region": filters.region_id}
    with transaction():
        audit.record(Event.CASES_EXPORTED, actor=audit.by_user(user_id), now=now, data=chosen)
    named, language = can(Permission.SEE_CUSTOMERS), language_now()
    rows = _export_rows(user_id, visible, filters, named=named, language=language)
    pieces = csv_pieces(_export_heading(named=named), rows, delimiter=delimiter_for(language))
    response = Response(stream_with_context(pieces), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="cases-{now:%Y-%m-%d}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _filters() -> Filters:
    return Filters(
        tab=listing.one_of("tab", Tab) or Tab.WAITING,
        owner_id=listing.whole("owner"),
        region_id=listing.whole("region"),
        search=listing.word("q"),
    )


def _named(pairs: list[tuple[int, dict[str, str]]]) -> list[tuple[int, str]]:
    return sorted(((id_, text_in(texts, language_now())) for id_, texts in pairs), key=lambda pair: pair[1])


def _in_words(
    filters: Filters, owners: list[tuple[int, str]], regions: list[tuple[int, str]]
) -> list[tuple[str, str]]:
    return [
        ("owner", dict(owners).get(filters.owner_id or 0, str(filters.owner_id or ""))),
        ("region", dict(regions).get(filters.region_id or 0, str(filters.region_id or ""))),
        ("q", filters.search),
    ]


def _export_heading(*, named: bool) -> list[str]:
    contact = [_("Customer"), _("Phone"), _("E-mail")] if named else []
    return [
        _("No."), _("State"), _("Score"), *contact, _("Order"), _("What was bought"), _("Region"), _("Unit"),
        _("Owner"), _("Opened (UTC)"), _("Due (UTC)"), _("Spoken to (UTC)"), _("Ended (UTC)"), _("Outcome"),
        _("Root cause"), _("Comment"),
    ]  # fmt: skip


def _export_rows(
    user_id: int, visible: Scope, filters: Filters, *, named: bool, language: str
) -> Iterator[list[object]]:
    offset, now = 0, utcnow()
    while True:
        found = lines.page(user_id, visible, filters, now=now, limit=CHUNK, offset=offset)
        yield from (_export_row(line, named=named, language=language) for line in found)
        if len(found) < CHUNK:
            return
        offset += CHUNK


def _export_row(line: Line, *, named: bool, language: str) -> list[object]:
    contact: list[object] = [line.customer, line.phone, line.email] if named else []
    places = [text_in(line.region, language), text_in(line.unit, language)]
    moments = (line.opened_at, line.due_at if line.is_open else None, line.contacted_at, line.settled_at)
    times = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in moments]
    outcome = _(line.outcome.label) if line.outcome else ""
    head: list[object] = [
        line.id,
        _(line.state.label),
        line.score,
        *contact,
        line.number,
        line.title,
        *places,
    ]
    return [*head, line.owner, *times, outcome, text_in(line.cause, language), line.comment]


# ---- one case --------------------------------------------------------------------------------------------------


@bp.get("/<int:case_id>")
@requires(Permission.SEE_CASES)
def show(case_id: int) -> ResponseReturnValue:
    """One case: the story, the script, the forms. :raise 404: also when it is not theirs."""
    return _page(case_id)


@bp.post("/<int:case_id>/acknowledge")
@requires(Permission.WORK_CASES)
def acknowledge(case_id: int) -> ResponseReturnValue:
    """Take a case on. :raise 404:"""
    return _do(
        case_id,
        lambda: handling.acknowledge(case_id, by_id=current_user.id, now=utcnow()),
        _("You have taken this case on."),
    )


@bp.post("/<int:case_id>/attempt")
@requires(Permission.WORK_CASES)
def attempt(case_id: int) -> ResponseReturnValue:
    """Record a try to reach the customer. :raise 404:"""
    form = AttemptForm()
    if not form.validate_on_submit():
        return _page(case_id, attempt=form), 422
    return _do(
        case_id,
        lambda: handling.record_attempt(
            case_id,
            result=Result(form.result.data),
            note=form.said.data,
            call_back_at=form.call_back(current_user.timezone),
            by_id=current_user.id,
            now=utcnow(),
        ),
        _("The attempt is recorded."),
        attempt=form,
    )


@bp.post("/<int:case_id>/note")
@requires(Permission.WORK_CASES)
def note(case_id: int) -> ResponseReturnValue:
    """Add a note. :raise 404:"""
    form = NoteForm()
    if not form.validate_on_submit():
        return _page(case_id, note=form), 422
    return _do(
        case_id,
        lambda: handling.add_note(case_id, text=form.note.data, by_id=current_user.id, now=utcnow()),
        _("The note is saved."),
        note=form,
    )


@bp.post("/<int:case_id>/cause")
@requires(Permission.WORK_CASES)
def cause(case_id: int) -> ResponseReturnValue:
    """Name the root cause before the case is settled. :raise 404:"""
    form = CauseForm()
    form.offer(_choosable(queries.causes()))
    if not form.validate_on_submit():
        flash(_("Choose the root cause."), "error")
        return _page(case_id), 422
    return _do(
        case_id,
        lambda: handling.set_cause(case_id, cause_id=form.cause_id, by_id=current_user.id, now=utcnow()),
        _("The root cause is saved."),
    )


@bp.post("/<int:case_id>/settle")
@requires(Permission.WORK_CASES)
def settle(case_id: int) -> ResponseReturnValue:
    """End a case with outcome and root cause. :raise 404:"""
    form = SettleForm()
    form.offer(_choosable(queries.causes()))
    if not form.validate_on_submit():
        return _page(case_id, settle=form), 422
    return _do(
        case_id,
        lambda: handling.settle(
            case_id,
            outcome=form.chosen,
            cause_id=form.cause_id,
            text=form.summary.data,
            by_id=current_user.id,
            now=utcnow(),
        ),
        _("The case is settled."),
        settle=form,
    )


@bp.post("/<int:case_id>/reopen")
@requires(Permission.WORK_CASES)
def reopen(case_id: int) -> ResponseReturnValue:
    """Go on with an ended case. :raise 404:"""
    form = ReopenForm()
    if not form.validate_on_submit():
        return _page(case_id, reopen=form), 422
    return _do(
        case_id,
        lambda: handling.reopen(case_id, reason=form.reason.data, by_id=current_user.id, now=utcnow()),
        _("The case is open again."),
        reopen=form,
    )


@bp.post("/<int:case_id>/owner")
@requires(Permission.ASSIGN_CASES)
def hand_over(case_id: int) -> ResponseReturnValue:
    """Give a case to a colleague. :raise 404:"""
    case = _case(case_id)
    seen_owner = case.owner_id
    form = HandOverForm()
    form.offer((user.id, user.name) for user in accounts.may_take(case.region_id))
    if not form.validate_on_submit():
        return _page(case_id, hand_over=form), 422
    return _do(
        case_id,
        lambda: handling.hand_over(
            case_id, to_id=form.owner.data, from_id=seen_owner, by_id=current_user.id, now=utcnow()
        ),
        _("The case has a new owner."),
        hand_over=form,
    )


def _do(case_id: int, deed: Callable[[], None], done: str, **forms: FlaskForm) -> ResponseReturnValue:
    """Do it in one transaction and show the case again; a refusal keeps what was typed."""
    _case(case_id)
    try:
        with transaction():
            deed()
    except Refused as refusal:
        flash(_(refusal.wording, **refusal.values), "error")
        return _page(case_id, **forms), 409
    flash(done, "success")
    if queries.visible_to(current_user.id, scope(), case_id) is None:
        return redirect(url_for(".index"), code=303)
    return redirect(url_for(".show", case_id=case_id), code=303)


def _case(case_id: int) -> Case:
    return queries.visible_to(current_user.id, scope(), case_id) or abort(404)


def _page(case_id: int, **forms: FlaskForm) -> str:
    """The page with fresh forms, except those that were sent and not accepted."""
    case = _case(case_id)
    causes = queries.causes()
    found = sheet.of(case, current_user.id, scope())
    language = _language_of(case, found)
    people = [(user.id, user.name) for user in accounts.may_take(case.region_id)]
    return render_template(
        "cases/case.html",
        case=case,
        sheet=found,
        answer=found.answer,
        step=rules.step_due(case.state),
        is_open=rules.is_open(case.state),
        overdue=rules.is_open(case.state) and case.due_at <= utcnow(),
        script=script(language, _address_as(case)),
        script_language=language,
        in_person=CALL_IN_PERSON if case.customer and case.customer.is_key else "",
        causes=_grouped(causes),
        forms=_forms(case, causes, people, forms),
        alone=len(people) < 2,
        group_of=classify,
    )


def _forms(
    case: Case, causes: list[Cause], people: list[tuple[int, str]], given: dict[str, FlaskForm]
) -> dict[str, Any]:
    fresh: dict[str, Any] = {
        "attempt": AttemptForm(formdata=None),
        "note": NoteForm(formdata=None),
        "settle": SettleForm(formdata=None, cause=str(case.cause_id or "")),
        "reopen": ReopenForm(formdata=None),
        "hand_over": HandOverForm(formdata=None, owner=case.owner_id),
    }
    fresh["settle"].offer(_choosable(causes))
    fresh["hand_over"].offer(people)
    return fresh | given


def _choosable(causes: list[Cause]) -> list[int]:
    """Causes, not their groups."""
    return [cause.id for cause in causes if cause.parent_id is not None]


def _grouped(causes: list[Cause]) -> list[tuple[str, list[tuple[int, str]]]]:
    """The two-level list: (group, [(id, cause)])."""
    language = language_now()
    return [
        (
            text_in(group.name, language),
            [(cause.id, text_in(cause.name, language)) for cause in causes if cause.parent_id == group.id],
        )
        for group in causes
        if group.parent_id is None
    ]


def _language_of(case: Case, found: sheet.Sheet) -> str:
    """What the customer speaks: their own language, else that of the answer, else the region's, else the brand's."""
    wishes = (
        case.customer.language if case.customer else None,
        found.answer.language if found.answer else None,
        case.region.language if case.region else None,
    )
    return next((language for language in wishes if language in LANGUAGES), case.brand.language)


def _address_as(case: Case) -> str:
    """A firm is never addressed by name (decisions.md 44)."""
    customer = case.customer
    return "" if customer is None or customer.is_firm else customer.address_as
