"""Staff pages of quotas: how each place stands, its targets by month, how the survey draws."""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, ngettext

from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.i18n import language_now
from npsapp.intake import staging, tasks as intake_tasks
from npsapp.invitations import quotas, targets
from npsapp.invitations.quota_forms import QuotaRuleForm, TargetsFileForm
from npsapp.invitations.quotas import Place, Standing
from npsapp.lib.clock import local_date, utcnow
from npsapp.lib.tables import MEGABYTE
from npsapp.organization.rules import fold
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.surveys.models import Survey
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.pages import csv_file, done, form_page, saved, told_at

bp = Room("quotas", __name__, url_prefix="/schedule/quotas", template_folder="templates")
MONTHS_SHOWN = 3
FAULTS_SHOWN = 50


def _survey(survey_id: int) -> Survey:
    return surveys.survey(survey_id) or abort(404)


def _month(survey: Survey) -> date:
    """The month in the address or form, else the present one."""
    typed = request.values.get("month", "")
    return targets.month_in(typed) or quotas.month_of(local_date(utcnow(), survey.brand.timezone))


def _places(survey: Survey) -> list[Place]:
    """The places the user sees, narrowed by the search."""
    kind, word = quotas.rule(survey.id).kind, fold(request.values.get("q", "")[: listing.LONGEST_WORD])
    found = quotas.places(survey, kind, language=language_now(), scope=scope())
    return [place for place in found if word in fold(place.name)]


# ---- how they stand --------------------------------------------------------------------------------------------


@bp.page("/", Permission.SEE_SCHEDULE)
def index() -> str:
    """Each place with its target, what came, what is expected, and what to do."""
    known = surveys.surveys()
    survey = _chosen(known)
    if survey is None:
        return render_template("invitations/quotas.html", survey=None)
    month, window = _month(survey), listing.window()
    rows, total = _standings(survey, month, slice(window.offset, window.offset + window.limit))
    return render_template(
        "invitations/quotas.html",
        survey=survey,
        surveys=[(one.id, one.name) for one in known],
        page=listing.page(rows, window, total=total),
        rule=quotas.rule(survey.id),
        ladder=quotas.LADDER,
        active=listing.active_filters([("q", listing.word("q"))]),
        **_around(month),
    )


def _standings(survey: Survey, month: date, part: slice) -> tuple[list[Standing], int]:
    """A part of the places with a target in that month, and how many there are."""
    with_quota = quotas.in_month(survey.id, quotas.rule(survey.id).kind, month)
    shown = [place for place in _places(survey) if place.id in with_quota]
    return quotas.standings(survey, shown[part], with_quota, month=month, now=utcnow()), len(shown)


def _chosen(known: Iterable[Survey]) -> Survey | None:
    """The survey in the address, else the first that has quotas, else the first."""
    by_id = {one.id: one for one in known}
    with_quotas = [survey_id for survey_id, _month in sorted(quotas.months()) if survey_id in by_id]
    asked = listing.whole("survey")
    return by_id.get(asked if asked in by_id else next(iter([*with_quotas, *by_id]), 0))


def _around(month: date) -> dict[str, date]:
    return {"month": month, "before": quotas.later(month, -1), "after": quotas.later(month, 1)}


@bp.page("/export", Permission.EXPORT)
def export() -> Response:
    """The same as a table in a file, without paging."""
    survey = _chosen(surveys.surveys()) or abort(404)
    month = _month(survey)
    rows, _total = _standings(survey, month, slice(None))
    heading = (
        _("Place"), _("Month"), _("Target"), _("Answers"), _("Still to come"), _("Needed"), _("Invitations today"),
        _("Forecast"), _("from"), _("to"), _("Can be reached"), _("What to do"),
    )  # fmt: skip
    return csv_file(f"quotas-{month:%Y-%m}", heading, [_exported(one) for one in rows])


def _exported(one: Standing) -> tuple[object, ...]:
    plan = one.plan
    return (
        one.place.name, f"{one.quota.month:%Y-%m}", one.quota.target, one.answered, round(plan.pending, 1),
        round(plan.need, 1), one.today, round(plan.forecast, 1), round(max(plan.low, 0), 1), round(plan.high, 1),
        None if one.attainable is None else _("yes") if one.attainable else _("no"), _(one.advice),
    )  # fmt: skip


# ---- how a survey draws ----------------------------------------------------------------------------------------


@bp.form("/<int:survey_id>/rule", Permission.EDIT_SURVEYS)
def rule(survey_id: int) -> ResponseReturnValue:
    """By what the targets go, and the planner's parameters."""
    survey = _survey(survey_id)
    form = QuotaRuleForm.of(quotas.rule(survey.id))
    if form.validate_on_submit():
        with transaction():
            changed = targets.change_rule(_survey(survey_id), form.values(), actor=me(), now=utcnow())
        return saved(changed, ".rule", survey_id=survey_id)
    return form_page("invitations/quota_rule.html", form, survey=survey)


# ---- targets ---------------------------------------------------------------------------------------------------


@bp.form("/<int:survey_id>/targets", Permission.EDIT_SURVEYS)
def grid(survey_id: int) -> ResponseReturnValue:
    """Targets of places by month, to be typed in."""
    survey, window = _survey(survey_id), listing.window()
    month = _month(survey)
    months = [quotas.later(month, ahead) for ahead in range(MONTHS_SHOWN)]
    found = _places(survey)
    part = found[window.offset : window.offset + window.size]
    typed, wrong = _typed(part, months)
    if request.method == "POST" and not wrong:
        wanted = {place: targets.whole(text) for place, text in typed.items()}
        return _save(survey, wanted, page=window.number)
    known = quotas.targets(survey.id, quotas.rule(survey.id).kind, months)
    page = render_template(
        "invitations/quota_targets.html",
        survey=survey,
        page=listing.page(found[window.offset : window.offset + window.limit], window, total=len(found)),
        months=months,
        values={**known, **typed},
        wrong=wrong,
        active=listing.active_filters([("q", listing.word("q"))]),
        **_around(month),
    )
    return page, 422 if wrong else 200


def _typed(part: Iterable[Place], months: Iterable[date]) -> tuple[dict[tuple[int, date], str], set[tuple[int, date]]]:
    """What stands in the fields of the form, and which of it is no target."""
    fields = {(place.id, month): f"t-{place.id}-{month:%Y-%m}" for place in part for month in months}
    typed = {place: request.form[name].strip() for place, name in fields.items() if name in request.form}
    return typed, {place for place, text in typed.items() if text and targets.whole(text) is None}


def _save(survey: Survey, wanted: targets.Wanted, **where: Any) -> ResponseReturnValue:
    """Save targets and show the grid from the first of their months."""
    with transaction():
        changed = targets.set_targets(_survey(survey.id), wanted, actor=me(), now=utcnow())
    words = ngettext("%(num)s target was changed.", "%(num)s targets were changed.", changed)
    where |= {name: request.values.get(name) or None for name in ("month", "q")}
    return done(words if changed else _("Nothing was changed."), ".grid", survey_id=survey.id, **where)


@bp.deed("/<int:survey_id>/copy", Permission.EDIT_SURVEYS)
def copy(survey_id: int) -> ResponseReturnValue:
    """Take over the targets of the month before, of all places shown."""
    survey = _survey(survey_id)
    month, shown = _month(survey), {place.id for place in _places(survey)}
    before = quotas.targets(survey.id, quotas.rule(survey.id).kind, [quotas.later(month, -1)])
    return _save(survey, targets.copied({at: one for at, one in before.items() if at[0] in shown}, to=month))


@bp.deed("/<int:survey_id>/alike", Permission.EDIT_SURVEYS)
def alike(survey_id: int) -> ResponseReturnValue:
    """One target for all places shown."""
    survey, text = _survey(survey_id), request.form.get("target", "").strip()
    target = targets.whole(text)
    if text and target is None:
        flash(_("Enter a whole number of answers, or nothing for no target."), "error")
        return redirect(url_for(".grid", survey_id=survey_id, month=request.form.get("month")), code=303)
    return _save(survey, targets.alike([one.id for one in _places(survey)], month=_month(survey), target=target))


# ---- from a spreadsheet ----------------------------------------------------------------------------------------


@bp.form("/<int:survey_id>/import", Permission.EDIT_SURVEYS)
def read(survey_id: int) -> ResponseReturnValue:
    """Upload a table, look at what it would change, save it."""
    survey, form = _survey(survey_id), TargetsFileForm()
    kind, known = quotas.rule(survey.id).kind, {place.id: place for place in _places(survey)}
    if looked_at := request.form.get("rows"):
        return _save(survey, _confirmed(looked_at, known))
    if not form.validate_on_submit():
        return form_page("invitations/quota_import.html", form, survey=survey, kind=kind, sheet=None)
    with told_at(form.file):
        path = _stored(form)
        try:
            sheet = targets.read(path, targets.names(survey, kind, known))
        finally:
            path.unlink()
    if form.errors:
        return form_page("invitations/quota_import.html", form, survey=survey, kind=kind, sheet=None)
    before = quotas.targets(survey.id, kind, sorted({month for _place, month in sheet.wanted}))
    changes = [
        (known[place].name, month, before.get((place, month)), target)
        for (place, month), target in sheet.wanted.items()
        if before.get((place, month)) != target
    ]
    return form_page(
        "invitations/quota_import.html",
        form,
        survey=survey,
        kind=kind,
        sheet=sheet,
        changes=changes,
        faults=sheet.faults[:FAULTS_SHOWN],
        rows=json.dumps([[place, f"{month:%Y-%m}", target] for (place, month), target in sheet.wanted.items()]),
    )


def _stored(form: TargetsFileForm) -> Path:
    stored = staging.store(form.file.data.stream, intake_tasks.uploads(), most_bytes=MEGABYTE)
    return staging.path_of(intake_tasks.uploads(), stored.name)


def _confirmed(looked_at: str, known: Iterable[int]) -> dict[tuple[int, date], int | None]:
    """What was shown and confirmed; places that are not the user's are left out."""
    allowed, found = {*known}, {}
    try:
        for place, text, target in json.loads(looked_at):
            month = targets.month_in(text)
            if place in allowed and month:
                found[place, month] = targets.whole(target)
    except (ValueError, TypeError):
        abort(400)
    return found
