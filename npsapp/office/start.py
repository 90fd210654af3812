"""The start page: what waits for whoever is signed in; and the alarms that stand above every staff page."""

from collections.abc import Iterator

from flask import current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from npsapp.accounts import queries as accounts
from npsapp.cases import queries as cases
from npsapp.delivery import queries as delivery
from npsapp.i18n import language_now
from npsapp.intake import queries as intake
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.office.blueprint import bp
from npsapp.office.health import REASONS, heart_stopped, migrated
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.pulse import queries as pulse
from npsapp.responses import queries as responses
from npsapp.web.access import can, scope, signed_in

Alarm = tuple[str, str, str | None]
"""Level, words, and where to look."""
SHOWN = 5  # lines of each list: a glance, not a page


@bp.get("/")
@signed_in
def start() -> ResponseReturnValue:
    """My day: the own cases in order of urgency, then what else is waiting, wrong or new."""
    now, seen = utcnow(), scope()
    late = cases.Filters(tab=cases.Tab.OVERDUE)
    sees_cases, sees_answers = can(Permission.SEE_CASES), can(Permission.SEE_ANSWERS)
    return render_template(
        "office/start.html",
        day=cases.my_day(current_user.id, now) if can(Permission.WORK_CASES) else None,
        overdue=cases.overdue_count(seen, now) if sees_cases else None,
        late=cases.page(current_user.id, seen, late, now=now, limit=SHOWN) if sees_cases else [],
        unread=responses.unread_count(seen) if sees_answers else None,
        newest=responses.newest(seen, {"comment": "with"}, after=None, limit=SHOWN) if sees_answers else [],
        in_trial=[one.name for one in intake.sources() if one.in_trial] if can(Permission.IMPORT) else [],
        beat_at=pulse.last_beat(),
        founded=bool(organization.brands()),
    )


@bp.app_template_global()
def alarms() -> list[Alarm]:
    """What stands in the bar above a staff page; asked by the page itself, so that letters and other pages do not."""
    if not current_user.is_authenticated:
        return []
    return [*_about_the_program(), *_about_letters(), *_about_people()]


def _about_the_program() -> Iterator[Alarm]:
    if not migrated():
        yield "bad", _(REASONS["migrations"]), None
    if heart_stopped(utcnow()):
        yield "bad", _(REASONS["heartbeat"]), None


def _about_letters() -> Iterator[Alarm]:
    if not current_app.config["MAIL_SERVER"]:
        words = _("No mail server is configured: letters go to the outbox and reach nobody.")
        yield "bad", words, url_for("delivery.outbox") if can(Permission.ADMINISTER) else None
    failing = delivery.failing(utcnow()) if can(Permission.SEE_MESSAGES) else 0
    if failing:
        words = ngettext("%(num)s letter could not be sent.", "%(num)s letters could not be sent.", failing)
        yield "warn", words, url_for("delivery.messages")


def _about_people() -> Iterator[Alarm]:
    missing = accounts.managers_missing() if can(Permission.ADMINISTER) else []
    if missing:
        names = ", ".join(text_in(region.name, language_now()) for region in missing[:3])
        words = ngettext(
            "%(num)s region has no manager: %(names)s",
            "%(num)s regions have no manager: %(names)s",
            len(missing),
            names=names + (" …" if len(missing) > 3 else ""),
        )
        yield "warn", words, url_for("users.duties")
