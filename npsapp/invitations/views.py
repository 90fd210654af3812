"""Staff pages: the schedule (what is planned, what is held back and why) and the policy of a survey."""

from typing import Any

from flask import abort, render_template, request
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.delivery import pauses, queries as delivery
from npsapp.delivery.rules import PauseKind
from npsapp.i18n import language_now
from npsapp.invitations import policies, queries, services
from npsapp.invitations.forms import PolicyForm
from npsapp.invitations.rules import Reason
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.pages import done, form_page

bp = Room("invitations", __name__, template_folder="templates")
DAYS_AHEAD = 14


@bp.page("/schedule/", Permission.SEE_SCHEDULE)
def schedule() -> str:
    """The next fourteen days, the planned letters, and everything held back with its reason."""
    now, seen = utcnow(), scope()
    held = request.args.get("show") == "held"
    reason, region_id = listing.one_of("reason", Reason), listing.whole("region")
    wanted: dict[str, Any] = {"reason": reason, "day": listing.day("day"), "region_id": region_id}
    window = listing.window(size=50)
    rows = queries.lines(held=held, **wanted, scope=seen, limit=window.limit, offset=window.offset)
    days = queries.planned_by_day(now, days=DAYS_AHEAD, scope=seen)
    return render_template(
        "invitations/schedule.html",
        held=held,
        wanted=wanted,
        page=listing.page(rows, window),
        days=days,
        busiest=max(days.values(), default=0),
        planned=queries.planned_count(scope=seen),
        reasons=queries.reasons(scope=seen),
        pauses=[one for one in delivery.pauses(now) if one.kind is not PauseKind.REGION or seen.covers(one.ref_id)],
        regions=[one for one in organization.choices("region", language_now()) if seen.covers(one[0])],
    )


@bp.deed("/schedule/<int:invitation_id>/withdraw", Permission.EDIT_SURVEYS)
def withdraw(invitation_id: int) -> Response:
    """Do not ask this customer about this purchase."""
    if queries.visible(invitation_id, scope()) is None:
        abort(404)
    with transaction():
        services.withdraw(invitation_id, actor=me(), now=utcnow())
    return done(_("The customer will not be asked about this purchase."), ".schedule")


@bp.deed("/schedule/pause", Permission.ADMINISTER)
def pause() -> Response:
    """The kill switch: no letter to customers leaves until somebody resumes."""
    with transaction():
        pauses.pause(kind=PauseKind.EVERYTHING, ref_id=None, until=None, by_user_id=current_user.id, now=utcnow())
    return done(_("Sending to customers is paused."), ".schedule")


@bp.deed("/schedule/resume/<int:pause_id>", Permission.ADMINISTER)
def resume(pause_id: int) -> Response:
    """End a pause; what waited is decided again before it leaves."""
    with transaction():
        pauses.resume(pause_id, by_user_id=current_user.id, now=utcnow())
    return done(_("Sending goes on. Letters that waited are checked again before they leave."), ".schedule")


@bp.form("/surveys/<int:survey_id>/policy", Permission.EDIT_SURVEYS)
def policy(survey_id: int) -> Response:
    """When this survey asks: delay, hours, quarantine, too late, how long links live."""
    survey = surveys.survey(survey_id) or abort(404)
    rule = queries.policy(survey_id)
    days, hours = divmod(rule.delay_hours, 24)
    form = PolicyForm(obj=rule, delay_days=days, delay_more_hours=hours)
    if form.validate_on_submit():
        with transaction():
            changed = policies.change_policy(survey_id, form.values(), actor=me(), now=utcnow())
        words = _("Saved. What is planned is decided again within a minute.") if changed else _("Nothing was changed.")
        return done(words, ".policy", survey_id=survey_id)
    touchpoint = text_in(survey.touchpoint.name, language_now())
    return form_page("invitations/policy.html", form, survey=survey, touchpoint=touchpoint)
