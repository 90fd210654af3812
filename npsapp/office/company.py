"""The page that makes the program one's own, the link that leads a new installation there, and removing the demo."""

from pathlib import Path

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from npsapp.accounts import letters, queries as accounts, sessions
from npsapp.accounts.hashing import hash_password
from npsapp.accounts.login import enter
from npsapp.accounts.models import User
from npsapp.accounts.services import EmailTaken, WrongEmail
from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.services import Actor
from npsapp.db import transaction
from npsapp.delivery import queries as delivery
from npsapp.i18n import language_now
from npsapp.lib import tokens
from npsapp.lib.clock import utcnow
from npsapp.office import founding, removal
from npsapp.office.blueprint import bp
from npsapp.office.company_forms import CompanyForm
from npsapp.organization import logos, queries as organization, rules
from npsapp.permissions import Permission
from npsapp.web.access import public
from npsapp.web.pages import done, form_page, told_at


@bp.form("/company/new", Permission.ADMINISTER)
def company_new() -> ResponseReturnValue:
    """ "Use it for my company": everything on one page; the demo goes by the same act."""
    if not founding.is_open():
        flash(_(founding.Founded.wording), "info")
        return redirect(url_for("settings.index"))
    return _founding_page(me())


@bp.form("/setup/<token>", public)
def setup(token: str) -> ResponseReturnValue:
    """The same page for a new installation: the link stands on the console, lasts a day, and works once."""
    if not _is_good(token):
        return render_template("office/company/gone.html"), 404
    return _founding_page(audit.COMMAND)


def setup_link() -> str | None:
    """The address of the setup page while nobody can sign in; None afterwards. It works once: it makes the first user.

    Needs no request.
    """
    if not founding.wants_setup():
        return None
    until = (utcnow() + founding.SETUP_LASTS).timestamp()
    token = tokens.sign(current_app.config["SECRET_KEYS"], founding.SETUP, until)
    return f"{current_app.config['PUBLIC_URL']}/setup/{token}"


def _is_good(token: str) -> bool:
    until = tokens.read(current_app.config["SECRET_KEYS"], founding.SETUP, token)
    return bool(until) and utcnow().timestamp() < until and founding.wants_setup()


def _founding_page(actor: Actor) -> ResponseReturnValue:
    form = CompanyForm(accent=rules.DEFAULT_ACCENT, timezone="Europe/Kyiv", currency="UAH", language=language_now())
    going = removal.counts()
    form.offer(language_now(), demo=going is not None)
    if request.method == "POST" and request.form.get("deed") in ("region", "propose"):
        return _more(form, going)
    if not form.validate_on_submit():
        return _form_page(form, going)
    hashed = hash_password(form.password.data or "")
    logo = logos.keep(form.recoded, Path(current_app.instance_path, logos.FOLDER)) if form.recoded else ""
    user_id, token = 0, ""
    with told_at(form.admin_email, (EmailTaken, WrongEmail)), transaction():
        user = founding.found(form.plan(logo=logo), password_hash=hashed, actor=actor, now=utcnow())
        token = sessions.begin_session(user, remember=False, agent=request.user_agent.string, now=utcnow())
        user_id = user.id
    if form.errors:
        return _form_page(form, going)
    _forget_files()
    enter(accounts.user(user_id) or abort(404), token, remember=False)
    _invite()
    return done(_("Your company is set up. Send yourself a test invitation next."), ".start")


def _more(form: CompanyForm, going: dict[str, int] | None) -> ResponseReturnValue:
    """One more region, or what would be proposed: the page again, nothing is saved and nothing is wrong yet."""
    if request.form["deed"] == "region" and len(form.regions) < form.regions.max_entries:
        form.regions.append_entry()
    form.propose()
    return _form_page(form, going)


def _form_page(form: CompanyForm, going: dict[str, int] | None) -> ResponseReturnValue:
    return form_page("office/company/new.html", form, going=going, zones=rules.COMMON_ZONES)


def _forget_files() -> None:
    removal.forget_files(Path(current_app.instance_path), now=utcnow())


@bp.deed("/company/remove-demo", Permission.ADMINISTER)
def remove_demo() -> ResponseReturnValue:
    """Remove the demo beside a company of one's own."""
    with transaction():
        removal.remove_demo(actor=me(), now=utcnow())
    _forget_files()
    return done(_("The invented company is gone."), ".start")


# ---- inviting colleagues ---------------------------------------------------------------------------------------


@bp.page("/company/invitations", Permission.ADMINISTER)
def colleagues() -> ResponseReturnValue:
    """Links for colleagues who have no password yet: to be sent by hand where letters do not leave."""
    keys, url, now = current_app.config["SECRET_KEYS"], current_app.config["PUBLIC_URL"], utcnow()
    links = [(user, letters.password_link(user, keys=keys, public_url=url, now=now)) for user in _waiting()]
    return render_template("office/company/colleagues.html", links=links)


def _waiting() -> list[User]:
    return [user for user in accounts.users() if user.is_active and not user.password_hash]


def _invite() -> None:
    """A letter to each new colleague, where the company can write; their links stand on a page as well."""
    brand = next(iter(organization.brands()), None)
    if brand is None or delivery.sender_of(brand.id) is None:
        return
    keys, url, now = current_app.config["SECRET_KEYS"], current_app.config["PUBLIC_URL"], utcnow()
    for user in _waiting():
        letter = letters.password_letter(user, keys=keys, public_url=url, now=now)
        with transaction():
            letters.send(user, letter, actor=me(), now=utcnow())
