"""Staff pages: the schedule (what leaves when) and the policy of a survey."""

from flask import abort, render_template, request
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.delivery import pauses, queries as delivery
from npsapp.delivery.channels.mail import brands_without_server
from npsapp.delivery.rules import PauseKind
from npsapp.i18n import language_now
from npsapp.invitations import ledger, policies, policy_pages, queries, services
from npsapp.invitations.candidates import chain_of, policy_of
from npsapp.invitations.effects import Effects, matches
from npsapp.invitations.forms import PolicyForm
from npsapp.invitations.rules import Care
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.surveys.letters import PARTS
from npsapp.surveys.models import Survey
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.pages import done, form_page

bp = Room("invitations", __name__, template_folder="templates")
DAYS_AHEAD = 14


@bp.page("/schedule/", Permission.SEE_SCHEDULE)
def schedule() -> str:
    """The next fourteen days, the planned letters, and what is paused."""
    now, seen, day = utcnow(), scope(), listing.day("day")
    window = listing.window(size=50)
    rows = queries.planned(day, scope=seen, limit=window.limit, offset=window.offset)
    days, channels = ledger.calendar(now, days=DAYS_AHEAD, scope=seen)
    return render_template(
        "invitations/schedule.html",
        chosen=day,
        page=listing.page(rows, window),
        days=days,
        channels=channels,
        busiest=max(days.values(), default=0),
        planned=queries.planned_count(scope=seen),
        pauses=[one for one in delivery.pauses(now) if one.kind is not PauseKind.REGION or seen.covers(one.ref_id)],
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
    """Whom this survey asks, when, and with which steps. What would become of planned letters is confirmed first."""
    survey = surveys.survey(survey_id) or abort(404)
    form, now = policy_pages.form_for(survey, scope()), utcnow()
    if "count" in request.form or not form.validate_on_submit():
        return _policy_page(survey, form)
    if form.refuse(policy_pages.faults(form, survey)):
        return _policy_page(survey, form)
    without_mail = brands_without_server()
    effects_now = policy_pages.effects_of(form, survey, without_mail=without_mail, now=now, scope=scope())
    if effects_now.any and form.seen.data != form.stamp():
        form.seen.data = form.stamp()
        return _policy_page(survey, form, effects=effects_now)
    with transaction():
        changed = policies.change_policy(survey_id, form.values(), follow_ups=form.follow_ups(), actor=me(), now=now)
    words = _("Saved. What is planned is decided again within a minute.") if changed else _("Nothing was changed.")
    return done(words, ".policy", survey_id=survey_id)


def _policy_page(survey: Survey, form: PolicyForm, effects: Effects | None = None) -> Response:
    rule = queries.policy(survey.id)
    if "count" in request.form:
        form.validate()
    counted_by = ("criteria", "amount_from", "amount_to")
    wrong = any(form[name].errors for name in counted_by if name in form)
    where = survey.brand_id, survey.touchpoint_id
    matched = None if wrong else matches(*where, form.criteria(), now=utcnow(), scope=scope())
    return form_page(
        "invitations/policy.html",
        form,
        survey=survey,
        touchpoint=text_in(survey.touchpoint.name, language_now()),
        matched=matched,
        counted=policy_pages.counted(scope()),
        effects=effects,
        missing=policy_pages.missing(form, survey),
        picture=policy_pages.picture(policy_of(rule, Care()), wave=rule.wave),
        letters={step.number: step.channel.value for step in chain_of(rule)[1:] if step.channel in PARTS},
        wave=rule.wave,
    )
