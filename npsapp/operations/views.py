"""The numbers for a monitoring system, and the page about letters that may have left already."""

from datetime import date

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from flask_login import current_user

from npsapp.audit.services import by_user
from npsapp.db import transaction
from npsapp.delivery import queries as delivery
from npsapp.delivery.models import Pause
from npsapp.delivery.rules import PauseCause
from npsapp.invitations import queries
from npsapp.lib.clock import utcnow
from npsapp.lib.tokens import same
from npsapp.operations import metrics as numbers, services
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.web.access import Room, public

bp = Room("operations", __name__, template_folder="templates")


@bp.page("/metrics", public)
def metrics() -> ResponseReturnValue:
    """The program's numbers for whoever knows the token; without `NPSAPP_METRICS_TOKEN` there is no such page."""
    token = current_app.config["METRICS_TOKEN"] or abort(404)
    if not same(request.headers.get("Authorization", ""), f"Bearer {token}"):
        return Response("", 401, {"WWW-Authenticate": "Bearer"})
    return Response(numbers.page(utcnow()), headers={"Cache-Control": "no-store"}, content_type=numbers.CONTENT_TYPE)


@bp.page("/schedule/doubt", Permission.ADMINISTER)
def doubt() -> ResponseReturnValue:
    """Letters that may have left already, by survey and day."""
    pause = _pause()
    found = queries.in_doubt(pause.since)
    names = surveys.labels([survey for survey, _day in found if survey])
    batches = [(names.get(survey or 0, ""), survey, day, len(ids)) for (survey, day), ids in found.items()]
    return render_template("operations/doubt.html", pause=pause, batches=batches)


@bp.deed("/schedule/doubt", Permission.ADMINISTER)
def settle() -> ResponseReturnValue:
    """Decide about the letters of one survey and day."""
    pause, form = _pause(), request.form
    try:
        day = date.fromisoformat(form.get("day", ""))
    except ValueError:
        abort(400)
    with transaction():
        count = services.settle(
            since=pause.since,
            survey_id=form.get("survey", type=int),
            day=day,
            send=form.get("deed") == "send",
            actor=by_user(current_user.id),
            now=utcnow(),
        )
    flash(ngettext("%(num)s letter is decided.", "%(num)s letters are decided.", count), "ok")
    return redirect(url_for(".doubt"), code=303)


def _pause() -> Pause:
    """The pause that began by itself; without one nothing is in doubt."""
    pause = delivery.all_stopped(utcnow())
    if pause is None or pause.cause is PauseCause.BY_HAND:
        abort(404)
    return pause
