"""The start page: what waits for whoever is signed in; and the alarms that stand above every staff page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from flask import current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from npsapp.accounts import queries as accounts
from npsapp.cases import lines
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
from npsapp.responses.rules import Filters, Words
from npsapp.web.access import can, scope, signed_in

Alarm = tuple[str, str, str | None]
SHOWN = 5  # lines of each list: a glance, not a page


@dataclass(frozen=True)
class Overview:
    """What is waiting and what is wrong, as far as the user may see it; None where it is not shown."""

    overdue: int | None
    late: Sequence[lines.Line]
    """The most urgent of the overdue cases, for those who have none of their own."""
    unread: int | None
    newest: Sequence[responses.Line]
    """The newest answers with words."""
    in_trial: list[str]
    failing: int | None
    beat_at: datetime | None
    founded: bool


@bp.get("/")
@signed_in
def start() -> ResponseReturnValue:
    """My day: the own cases in order of urgency, then what else is waiting, wrong or new."""
    now = utcnow()
    day = cases.my_day(current_user.id, scope(), now) if can(Permission.WORK_CASES) else None
    own_work = bool(day and day.cases)
    return render_template("office/start.html", day=day, overview=_overview(now, own_work=own_work))


def _overview(now: datetime, *, own_work: bool) -> Overview:
    sources = intake.sources() if can(Permission.IMPORT) else []
    sees_cases, sees_answers = can(Permission.SEE_CASES), can(Permission.SEE_ANSWERS)
    return Overview(
        overdue=cases.overdue_count(scope(), now) if sees_cases else None,
        late=_late(now) if sees_cases and not own_work else [],
        unread=responses.unread_count(scope()) if sees_answers else None,
        newest=_newest() if sees_answers else [],
        in_trial=[source.name for source in sources if source.in_trial],
        failing=delivery.failing(now) if can(Permission.SEE_MESSAGES) else None,
        beat_at=pulse.last_beat(),
        founded=bool(organization.brands()),
    )


def _late(now: datetime) -> Sequence[lines.Line]:
    return lines.page(current_user.id, scope(), lines.Filters(tab=lines.Tab.OVERDUE), now=now, limit=SHOWN)


def _newest() -> Sequence[responses.Line]:
    return responses.newest(scope(), Filters(words=Words.WITH), after=None, limit=SHOWN)


class Alarms:
    """The bar above staff pages; asked only where a page shows it, and once."""

    def __iter__(self) -> Iterator[Alarm]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @cached_property
    def _found(self) -> list[Alarm]:
        if not current_user.is_authenticated:
            return []
        now = utcnow()
        return [*_about_the_program(now), *_about_letters(now), *_about_people()]


@bp.app_context_processor
def _alarms() -> dict[str, Alarms]:
    return {"alarms": Alarms()}


def _about_the_program(now: datetime) -> Iterator[Alarm]:
    if not migrated(current_app):
        yield "bad", _(REASONS["migrations"]), None
    if heart_stopped(now):
        yield "bad", _(REASONS["heartbeat"]), None


def _about_letters(now: datetime) -> Iterator[Alarm]:
    if not current_app.config["MAIL_SERVER"]:
        words = _("No mail server is configured: letters go to the outbox and reach nobody.")
        yield "bad", words, url_for("delivery.outbox") if can(Permission.ADMINISTER) else None
    failing = delivery.failing(now) if can(Permission.SEE_MESSAGES) else 0
    if failing:
        words = ngettext(
            "%(count)s letter could not be sent.",
            "%(count)s letters could not be sent.",
            failing,
            count=failing,
        )
        yield "warn", words, url_for("delivery.messages")


def _about_people() -> Iterator[Alarm]:
    missing = accounts.managers_missing() if can(Permission.ADMINISTER) else []
    if missing:
        names = ", ".join(text_in(region.name, language_now()) for region in missing[:3])
        words = ngettext(
            "%(count)s region has no manager: %(names)s",
            "%(count)s regions have no manager: %(names)s",
            len(missing),
            count=len(missing),
            names=names + (" …" if len(missing) > 3 else ""),
        )
        yield "warn", words, url_for("users.duties")
