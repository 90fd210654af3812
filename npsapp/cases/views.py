"""Staff pages of cases: the list, one case with its script, and the deeds done there."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm

from npsapp.accounts import queries as accounts
from npsapp.audit import services as audit
from npsapp.audit.doors import me
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
from npsapp.permissions import Permission, Scope
from npsapp.web import listing
from npsapp.web.access import Room, can, scope
from npsapp.web.filters import spoken
from npsapp.web.pages import csv_file, done

bp = Room("cases", __name__, url_prefix="/cases", template_folder="templates")

PAGE_SIZE = 50
CHUNK = 500  # rows of the export read at a time


# ---- the list --------------------------------------------------------------------------------------------------


@bp.page("/", Permission.SEE_CASES)
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


@bp.page("/export.csv", Permission.EXPORT)
def export() -> ResponseReturnValue:
    """The filtered cases as CSV, streamed; the export stands in the audit log."""
    filters, named, now = _filters(), can(Permission.SEE_CUSTOMERS), utcnow()
    chosen = {"tab": filters.tab.value, "owner": filters.owner_id, "region": filters.region_id}
    with transaction():
        audit.record(Event.CASES_EXPORTED, actor=me(), now=now, data=chosen)
    rows = (_export_row(case, named=named) for case in _exported(current_user.id, scope(), filters, now))
    return csv_file(f"cases-{now:%Y-%m-%d}", _export_heading(named=named), rows)


def _filters() -> Filters:
    return Filters(
        tab=listing.one_of("tab", Tab) or Tab.WAITING,
        owner_id=listing.whole("owner"),
        region_id=listing.whole("region"),
        search=listing.word("q"),
    )


def _exported(user_id: int, visible: Scope, filters: Filters, now: datetime) -> Iterator[Case]:
    offset = 0
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


def _export_row(case: Case, *, named: bool) -> list[object]:
    contact = [case.name, ", ".join(case.addresses("phone")), ", ".join(case.addresses("email"))]
    bought = [case.bought.number, case.bought.title] if case.bought else ["", ""]
    region, unit, cause = (spoken(row.name) if row else "" for row in (case.region, case.unit, case.cause))
    moments = (case.opened_at, case.due_at if case.is_open else None, case.contacted_at, case.settled_at)
    times = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in moments]
    outcome = _(case.outcome.label) if case.outcome else ""
    head: list[object] = [case.id, _(case.state.label), case.score, *(contact if named else [])]
    comment = case.answer.comment if case.answer else ""
    return [*head, *bought, region, unit, case.owner.name, *times, outcome, cause, comment]


# ---- one case --------------------------------------------------------------------------------------------------


@bp.page("/<int:case_id>", Permission.SEE_CASES)
def show(case_id: int) -> ResponseReturnValue:
    """One case: the story, the script, the forms. :raise 404: also when it is not theirs."""
    return _page(case_id, {})


@bp.page("/answer/<int:response_id>", Permission.SEE_CASES)
def of_answer(response_id: int) -> ResponseReturnValue:
    """To the case an answer is in. :raise 404: when there is none, also when it is not theirs."""
    case_id = queries.of_answer(current_user.id, scope(), response_id) or abort(404)
    return redirect(url_for(".show", case_id=case_id))


@bp.deed("/<int:case_id>/acknowledge", Permission.WORK_CASES)
def acknowledge(case_id: int) -> ResponseReturnValue:
    """Take a case on. :raise 404:"""
    return _do(case_id, handling.acknowledge, _("You have taken this case on."))


@bp.deed("/<int:case_id>/attempt", Permission.WORK_CASES)
def attempt(case_id: int) -> ResponseReturnValue:
    """Record a try to reach the customer. :raise 404:"""
    form, zone = AttemptForm(), current_user.timezone

    def typed() -> dict[str, Any]:
        at = form.call_back_at.data
        later = at_local(at.date(), at.time(), zone) if at else None
        return {"result": Result(form.result.data), "note": form.said.data, "call_back_at": later}

    return _do(case_id, handling.record_attempt, _("The attempt is recorded."), typed, attempt=form)


@bp.deed("/<int:case_id>/note", Permission.WORK_CASES)
def note(case_id: int) -> ResponseReturnValue:
    """Add a note. :raise 404:"""
    form = NoteForm()
    return _do(case_id, handling.add_note, _("The note is saved."), lambda: {"text": form.note.data}, note=form)


@bp.deed("/<int:case_id>/settle", Permission.WORK_CASES)
def settle(case_id: int) -> ResponseReturnValue:
    """End a case with outcome and root cause. :raise 404:"""
    form = SettleForm(_causes())

    def typed() -> dict[str, Any]:
        outcome, cause_id = Outcome(form.outcome.data), int(form.cause.data)
        return {"outcome": outcome, "cause_id": cause_id, "text": form.summary.data}

    return _do(case_id, handling.settle, _("The case is settled."), typed, settle=form)


@bp.deed("/<int:case_id>/reopen", Permission.WORK_CASES)
def reopen(case_id: int) -> ResponseReturnValue:
    """Go on with an ended case. :raise 404:"""
    form = ReopenForm()
    return _do(
        case_id, handling.reopen, _("The case is open again."), lambda: {"reason": form.reason.data}, reopen=form
    )


@bp.deed("/<int:case_id>/owner", Permission.ASSIGN_CASES)
def hand_over(case_id: int) -> ResponseReturnValue:
    """Give a case to a colleague. :raise 404:"""
    case = _case(case_id)
    form, owner_id = HandOverForm(_others(case)), case.owner_id

    def typed() -> dict[str, Any]:
        return {"to_id": form.owner.data, "from_id": form.seen.data or owner_id}

    return _do(case_id, handling.hand_over, _("The case has a new owner."), typed, hand_over=form)


def _do(
    case_id: int, deed: Callable[..., None], words: str, typed: Callable[[], dict[str, Any]] = dict, **forms: FlaskForm
) -> ResponseReturnValue:
    """Do it with what was `typed`, and show the case again; what is refused keeps what was typed."""
    _case(case_id)
    if not all(form.validate() for form in forms.values()):
        return _page(case_id, forms), 422
    try:
        with transaction():
            deed(case_id, by_id=current_user.id, now=utcnow(), **typed())
    except Refused as refusal:
        flash(_(refusal.wording, **refusal.values), "error")
        return _page(case_id, forms), 409
    if queries.visible_to(current_user.id, scope(), case_id) is None:
        return done(words, ".index")
    return done(words, ".show", case_id=case_id)


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
    causes = queries.causes()
    names = {cause.id: spoken(cause.name) for cause in causes}
    return {
        names[group.id]: [(str(one.id), names[one.id]) for one in causes if one.parent_id == group.id]
        for group in causes
        if group.parent_id is None
    }
