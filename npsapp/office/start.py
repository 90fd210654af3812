"""The start page: what waits for whoever is signed in; and the alarms that stand above every staff page."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, ngettext
from flask_login import current_user

from npsapp.accounts import queries as accounts
from npsapp.cases import queries as cases
from npsapp.delivery import health as mail_health, incoming, providers, queries as delivery
from npsapp.delivery.channels import mail
from npsapp.i18n import language_now
from npsapp.intake import queries as intake
from npsapp.intake.models import Source
from npsapp.intake.silence import Alarm as Silence
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.office import removal
from npsapp.office.blueprint import bp
from npsapp.office.health import REASONS, heart_stopped, migrated
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.pulse import queries as pulse
from npsapp.responses import queries as responses
from npsapp.surveys import queries as surveys
from npsapp.web.access import can, scope, signed_in

Alarm = tuple[str, str, str | None]
"""Level, words, and where to look."""
Missing = tuple[str, str, str]
"""What is missing, the words of a link, and where it leads."""
SHOWN = 5  # lines of each list: a glance, not a page


@bp.page("/", signed_in)
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
        most_unread=responses.NEWEST_COUNTED,
        newest=responses.newest(seen, {"comment": "with"}, after=None, limit=SHOWN) if sees_answers else [],
        in_trial=[one.name for one in _sources() if one.in_trial] if can(Permission.IMPORT) else [],
        beat_at=pulse.last_beat(),
        going=removal.counts() if can(Permission.ADMINISTER) else None,
        own=any(not one.is_demo for one in organization.brands()),
        missing=list(_missing()) if can(Permission.ADMINISTER) else [],
    )


def _sources() -> list[Source]:
    return [one for one in intake.sources() if one.retired_at is None]


def _missing() -> Iterator[Missing]:
    """What stands in the way of the first letter to a customer; nothing of that counts for the demo."""
    brands = [one for one in organization.brands() if not one.is_demo]
    asking = {brand_id for brand_id, _touchpoint in surveys.active_map()}
    without_server, language = mail.brands_without_server(), language_now()
    for brand in brands:
        name, where = text_in(brand.name, language), url_for("delivery.sender", brand_id=brand.id)
        if delivery.sender_of(brand.id) is None:
            yield _("%(name)s has no address letters come from.", name=name), _("Enter the sender"), where
        elif brand.id in without_server:
            yield _("No mail server takes the letters of %(name)s.", name=name), _("Enter the mail server"), where
        if brand.id not in asking:
            yield _("No survey asks customers of %(name)s.", name=name), _("Publish a survey"), url_for("surveys.index")
    if brands:
        yield from _missing_people({one.pool_id for one in brands})
        yield from _missing_way()


def _missing_people(pools: set[int]) -> Iterator[Missing]:
    for region in accounts.managers_missing():
        words = _("Nobody manages the region %(name)s.", name=text_in(region.name, language_now()))
        yield words, _("Name a manager"), url_for("users.duties")
    if not pools <= {pool_id for pool_id, region_id in accounts.duties() if region_id is None}:
        yield _("Nobody takes the cases that no manager takes."), _("Name a fallback owner"), url_for("users.duties")
    if any(one.is_active and not one.password_hash for one in accounts.users()):
        yield _("Some colleagues have not set a password yet."), _("See their links"), url_for(".colleagues")


def _missing_way() -> Iterator[Missing]:
    sources = [one for one in _sources() if not one.brand.is_demo]
    for source in sources:
        if source.in_trial:
            words = _("The source %(name)s is in trial and asks nobody yet.", name=source.name)
            yield words, _("Take it live"), url_for(".connection", source_id=source.id)
    if not sources:
        yield _("No purchases are known yet."), _("Enter a visit or read a file"), url_for(".visit_new")
    if urlsplit(current_app.config["PUBLIC_URL"]).hostname in ("127.0.0.1", "localhost"):
        words = _("Links in letters lead to this computer, where customers cannot open them: set NPSAPP_PUBLIC_URL.")
        yield words, _("Brands and their addresses"), url_for("settings.index")
    if heart_stopped(utcnow()):
        yield _(REASONS["heartbeat"]), _("State of the program"), url_for(".healthz")


@bp.app_template_global()
def alarms() -> list[Alarm]:
    """What stands in the bar above a staff page; asked by the page itself, so that letters and other pages do not."""
    if not current_user.is_authenticated:
        return []
    return [*_about_the_program(), *_about_letters(), *_about_connections(), *_about_people()]


def _about_the_program() -> Iterator[Alarm]:
    if not migrated():
        yield "bad", _(REASONS["migrations"]), None
    if heart_stopped(utcnow()):
        yield "bad", _(REASONS["heartbeat"]), None


def _about_letters() -> Iterator[Alarm]:
    if waiting := mail.brands_without_server():
        names = ", ".join(organization.labels("brand", waiting, language_now()).values())
        words = _("No mail server for %(names)s: these letters go to the outbox and reach nobody.", names=names)
        if len(waiting) == len(organization.brands()):
            words = _("No mail server is configured: letters go to the outbox and reach nobody.")
        yield "bad", words, url_for("delivery.senders_list") if can(Permission.ADMINISTER) else None
    for stop in mail_health.alarming() if can(Permission.SEE_MESSAGES) else ():
        address, provider = stop.sender.address, providers.name_of(stop.domain)
        words = _("Letters from %(address)s have stopped.", address=address)
        if provider != "*":
            words = _("%(provider)s refuses letters from %(address)s.", provider=provider, address=address)
        yield "bad", words, url_for("health.index")
    failing = delivery.failing(utcnow(), scope()) if can(Permission.SEE_MESSAGES) else 0
    if failing:
        words = ngettext("%(num)s letter could not be sent.", "%(num)s letters could not be sent.", failing)
        yield "warn", words, url_for("delivery.messages")
    for box in incoming.boxes() if can(Permission.ADMINISTER) else ():
        if box.said:
            words = _("The mailbox %(name)s cannot be opened: what comes back to letters is not read.", name=box.user)
            yield "warn", words, url_for("returns.index")


def _about_connections() -> Iterator[Alarm]:
    found = intake.alarmed() if can(Permission.ADMINISTER) else []
    if len(found) > 1:
        words = ngettext("%(num)s connection needs a look.", "%(num)s connections need a look.", len(found))
        yield "warn", words, url_for("office.connections_list")
    for source in found if len(found) == 1 else ():
        words = _("Connection %(name)s: %(words)s", name=source.name, words=_(Silence(source.alarm).label))
        yield "warn", words, url_for(".connection", source_id=source.id)


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
