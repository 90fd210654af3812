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
from npsapp.cases import handling, queries, rendering, story
from npsapp.cases.forms import AttemptForm, HandOverForm, NoteForm, ReopenForm, SettleForm
from npsapp.cases.models import Case
from npsapp.cases.queries import Filters, Tab
from npsapp.cases.rules import Outcome, Result
from npsapp.db import transaction
from npsapp.i18n import language_now
from npsapp.lib.clock import at_local, utcnow
from npsapp.lib.refusals import Refused
from npsapp.lib.tables import csv_pieces, delimiter_for
from npsapp.lib.texts import text_in
from npsapp.permissions import Permission, Scope
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
    found = queries.page(user_id, scope(), filters, now=now, limit=window.limit, offset=window.offset)
    owners, regions = queries.choices(user_id, scope(), language_now())
    in_words = [
        ("owner", dict(owners).get(filters.owner_id or 0, str(filters.owner_id))),
        ("region", dict(regions).get(filters.region_id or 0, str(filters.region_id))),
        ("q", filters.search),
    ]
    return render_template(
        "cases/cases.html",
        page=listing.page(found, window),
        tab=filters.tab,
        counts=queries.counts(user_id, scope(), now=now),
        owners=owners,
        regions=regions,
        active=listing.active_filters(in_words),
    )


@bp.get("/export.csv")
@requires(Permission.EXPORT)
def export() -> ResponseReturnValue:
    """The filtered cases as CSV, streamed; the export stands in the audit log."""
    filters, user_id, now = _filters(), current_user.id, utcnow()
    chosen = {"tab": filters.tab.value, "owner": filters.owner_id, "region": filters.region_id}
    with transaction():
        audit.record(Event.CASES_EXPORTED, actor=audit.by_user(user_id), now=now, data=chosen)
    named, language = can(Permission.SEE_CUSTOMERS), language_now()
    rows = (_export_row(case, language, named=named) for case in _exported(user_id, scope(), filters))
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


def _exported(user_id: int, visible: Scope, filters: Filters) -> Iterator[Case]:
    offset, now = 0, utcnow()
    while found := queries.page(user_id, visible, filters, now=now, limit=CHUNK, offset=offset):
        yield from found
        offset += CHUNK


def _export_heading(*, named: bool) -> list[str]:
    contact = [_("Customer"), _("Phone"), _("E-mail")] if named else []
    return [
        _("No."), _("State"), _("Score"), *contact, _("Order"), _("What was bought"), _("Region"), _("Unit"),
        _("Owner"), _("Opened (UTC)"), _("Due (UTC)"), _("Spoken to (UTC)"), _("Ended (UTC)"), _("Outcome"),
        _("Root cause"), _("Comment"),
    ]  # fmt: skip


def _export_row(case: Case, language: str, *, named: bool) -> list[object]:
    contact = [case.name, ", ".join(case.addresses("phone")), ", ".join(case.addresses("email"))]
    bought = [case.bought.number, case.bought.title] if case.bought else ["", ""]
    named_rows = (case.region, case.unit, case.cause)
    region, unit, cause = (text_in(row.name, language) if row else "" for row in named_rows)
    moments = (case.opened_at, case.due_at if case.is_open else None, case.contacted_at, case.settled_at)
    times = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in moments]
    outcome = _(case.outcome.label) if case.outcome else ""
    head: list[object] = [case.id, _(case.state.label), case.score, *(contact if named else [])]
    comment = case.answer.comment if case.answer else ""
    return [*head, *bought, region, unit, case.owner.name, *times, outcome, cause, comment]


# ---- one case --------------------------------------------------------------------------------------------------


@bp.get("/<int:case_id>")
@requires(Permission.SEE_CASES)
def show(case_id: int) -> ResponseReturnValue:
    """One case: the story, the script, the forms. :raise 404: also when it is not theirs."""
    return _page(case_id, {})


@bp.get("/answer/<int:response_id>")
@requires(Permission.SEE_CASES)
def of_answer(response_id: int) -> ResponseReturnValue:
    """To the case an answer is in. :raise 404: when there is none, also when it is not theirs."""
    case_id = queries.of_answer(current_user.id, scope(), response_id) or abort(404)
    return redirect(url_for(".show", case_id=case_id))


@bp.post("/<int:case_id>/acknowledge")
@requires(Permission.WORK_CASES)
def acknowledge(case_id: int) -> ResponseReturnValue:
    """Take a case on. :raise 404:"""
    return _do(case_id, handling.acknowledge, _("You have taken this case on."))


@bp.post("/<int:case_id>/attempt")
@requires(Permission.WORK_CASES)
def attempt(case_id: int) -> ResponseReturnValue:
    """Record a try to reach the customer. :raise 404:"""
    form = AttemptForm()

    def deed(case_id: int, **who: Any) -> None:
        typed = form.call_back_at.data
        later = at_local(typed.date(), typed.time(), current_user.timezone) if typed else None
        result = Result(form.result.data)
        handling.record_attempt(case_id, result=result, note=form.said.data, call_back_at=later, **who)

    return _do(case_id, deed, _("The attempt is recorded."), attempt=form)


@bp.post("/<int:case_id>/note")
@requires(Permission.WORK_CASES)
def note(case_id: int) -> ResponseReturnValue:
    """Add a note. :raise 404:"""
    form = NoteForm()

    def deed(case_id: int, **who: Any) -> None:
        handling.add_note(case_id, text=form.note.data, **who)

    return _do(case_id, deed, _("The note is saved."), note=form)


@bp.post("/<int:case_id>/settle")
@requires(Permission.WORK_CASES)
def settle(case_id: int) -> ResponseReturnValue:
    """End a case with outcome and root cause. :raise 404:"""
    form = SettleForm(_causes())

    def deed(case_id: int, **who: Any) -> None:
        outcome, cause_id = Outcome(form.outcome.data), int(form.cause.data)
        handling.settle(case_id, outcome=outcome, cause_id=cause_id, text=form.summary.data, **who)

    return _do(case_id, deed, _("The case is settled."), settle=form)


@bp.post("/<int:case_id>/reopen")
@requires(Permission.WORK_CASES)
def reopen(case_id: int) -> ResponseReturnValue:
    """Go on with an ended case. :raise 404:"""
    form = ReopenForm()

    def deed(case_id: int, **who: Any) -> None:
        handling.reopen(case_id, reason=form.reason.data, **who)

    return _do(case_id, deed, _("The case is open again."), reopen=form)


@bp.post("/<int:case_id>/owner")
@requires(Permission.ASSIGN_CASES)
def hand_over(case_id: int) -> ResponseReturnValue:
    """Give a case to a colleague. :raise 404:"""
    case = _case(case_id)
    form, seen_owner = HandOverForm(_others(case)), case.owner_id

    def deed(case_id: int, **who: Any) -> None:
        handling.hand_over(case_id, to_id=form.owner.data, from_id=seen_owner, **who)

    return _do(case_id, deed, _("The case has a new owner."), hand_over=form)


def _do(case_id: int, deed: Callable[..., None], done: str, **forms: FlaskForm) -> ResponseReturnValue:
    """Do it in one transaction and show the case again; what is refused keeps what was typed."""
    _case(case_id)
    if not all(form.validate() for form in forms.values()):
        return _page(case_id, forms), 422
    try:
        with transaction():
            deed(case_id, by_id=current_user.id, now=utcnow())
    except Refused as refusal:
        flash(_(refusal.wording, **refusal.values), "error")
        return _page(case_id, forms), 409
    flash(done, "success")
    if queries.visible_to(current_user.id, scope(), case_id) is None:
        return redirect(url_for(".index"), code=303)
    return redirect(url_for(".show", case_id=case_id), code=303)


def _case(case_id: int) -> Case:
    return queries.visible_to(current_user.id, scope(), case_id) or abort(404)


def _page(case_id: int, sent: dict[str, FlaskForm]) -> str:
    """The page with fresh forms, except those that were sent and not accepted."""
    case = _case(case_id)
    forms = {
        "attempt": AttemptForm(formdata=None),
        "note": NoteForm(formdata=None),
        "settle": SettleForm(_causes(), formdata=None, cause=str(case.cause_id or "")),
        "reopen": ReopenForm(formdata=None),
        "hand_over": HandOverForm(_others(case), formdata=None),
    }
    language, say = rendering.script(case)
    return render_template(
        "cases/case.html",
        case=case,
        story=story.of(case, current_user.id, scope()),
        overdue=case.overdue(utcnow()),
        say=say,
        script_language=language,
        remark=rendering.remark,
        forms=forms | sent,
    )


def _others(case: Case) -> list[tuple[int, str]]:
    """Who else may take the case."""
    return [(one.id, one.name) for one in accounts.may_take(case.region_id) if one.id != case.owner_id]


def _causes() -> dict[str, list[tuple[str, str]]]:
    """The two-level list: group → id and name of its causes."""
    language, causes = language_now(), queries.causes()
    names = {cause.id: text_in(cause.name, language) for cause in causes}
    return {
        names[group.id]: [(str(one.id), names[one.id]) for one in causes if one.parent_id == group.id]
        for group in causes
        if group.parent_id is None
    }
