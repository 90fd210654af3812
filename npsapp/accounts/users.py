"""The administrator's pages: colleagues, what they see and what they answer for."""

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from wtforms import SelectChoice

from npsapp.accounts import letters, queries, services, sessions
from npsapp.accounts.forms import NewUserForm, UserForm
from npsapp.accounts.models import User
from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.delivery.channels import mail
from npsapp.delivery.services import NoSender
from npsapp.i18n import language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.lib.tokens import digest
from npsapp.organization import queries as organization
from npsapp.organization.rules import zones
from npsapp.permissions import Permission, Role, may
from npsapp.web.access import Room
from npsapp.web.pages import done, form_page, told_at

bp = Room("users", __name__, url_prefix="/users", template_folder="templates")


@bp.form("/new", Permission.ADMINISTER)
def add() -> ResponseReturnValue:
    """Add a colleague and send the letter that sets the password."""
    form = NewUserForm(language=current_user.language)
    _offer_regions(form)
    if form.validate_on_submit():
        with told_at(form.email):
            with transaction():
                user = services.create_user(password_hash="", actor=me(), now=utcnow(), **form.columns())
            return _send_letter(user)
    return _page(form, None)


@bp.form("/<int:user_id>", Permission.ADMINISTER)
def edit(user_id: int) -> ResponseReturnValue:
    """One colleague: name, role, regions, language, clock, and where they are signed in."""
    user = queries.user(user_id) or abort(404)
    form = UserForm(obj=user)
    _offer_regions(form)
    if not form.validate_on_submit():
        return _page(form, user)
    with transaction():
        services.change_user(user, actor=me(), now=utcnow(), **form.columns())
    return done(_("The changes are saved."), ".edit", user_id=user_id)


def _page(form: UserForm, user: User | None) -> ResponseReturnValue:
    devices = queries.sessions(user.id, now=utcnow()) if user else []
    own = digest(current_user.session_token)
    return form_page("accounts/user.html", form, user=user, zones=zones(), sessions=devices, own=own)


@bp.deed("/<int:user_id>/sessions", Permission.ADMINISTER)
def end_sessions(user_id: int) -> ResponseReturnValue:
    """Sign a colleague out on one device, or on all."""
    user, own = queries.user(user_id) or abort(404), current_user.session_token
    chosen = request.form.get("session", type=int)
    with transaction():
        sessions.revoke(user.id, chosen, actor=me(), now=utcnow(), keep_token=own)
    return done(_("Signed out there."), ".edit", user_id=user_id)


@bp.deed("/<int:user_id>/return", Permission.ADMINISTER)
def let_in(user_id: int) -> ResponseReturnValue:
    """Let somebody sign in again who was blocked or had left."""
    user = queries.user(user_id) or abort(404)
    with transaction():
        services.set_blocked(user, blocked=False, actor=me(), now=utcnow())
    return done(_("%(name)s can sign in again.", name=user.name), ".edit", user_id=user_id)


@bp.page("/roles", Permission.ADMINISTER)
def roles() -> ResponseReturnValue:
    """What each role may do, in words."""
    return render_template("accounts/roles.html", roles=list(Role), permissions=list(Permission), may=may)


@bp.deed("/<int:user_id>/letter", Permission.ADMINISTER)
def send_letter(user_id: int) -> ResponseReturnValue:
    """Send the letter that sets a password once more."""
    return _send_letter(queries.user(user_id) or abort(404))


@bp.page("/duties", Permission.ADMINISTER)
def duties() -> ResponseReturnValue:
    """Who answers for which region, and who stands in where nobody does."""
    return render_template(
        "accounts/duties.html",
        people=[one for one in queries.users() if one.is_active],
        tree=organization.region_tree(),
        duties=queries.duties(),
        missing={one.id for one in queries.managers_missing()},
        pools=organization.pools(),
    )


def _whole(text: str) -> int | None:
    """An id from a form; empty is None, and what is no id is one that nobody has."""
    return None if not text else int(text) if text.isdecimal() else 0


@bp.deed("/duties", Permission.ADMINISTER)
def set_duty() -> ResponseReturnValue:
    """Name the manager of a region, or, without a region, the fallback owner of a company."""
    pool_id, region_id, user_id = (_whole(request.form.get(name, "")) for name in ("pool", "region", "user"))
    with transaction():
        services.set_duty(pool_id or 0, region_id, user_id, actor=me(), now=utcnow())
    return done(_("The changes are saved."), ".duties")


def _send_letter(user: User) -> ResponseReturnValue:
    """Queue the letter and say so, or say why it cannot be sent."""
    now, config = utcnow(), current_app.config
    letter = letters.password_letter(user, keys=config["SECRET_KEYS"], public_url=config["PUBLIC_URL"], now=now)
    try:
        with transaction():
            letters.send(user, letter, actor=me(), now=now)
    except NoSender as refusal:
        flash(_(refusal.wording), "error")
    else:
        flash(_("A letter with a link to set the password goes to %(email)s.", email=user.email), "success")
        if mail.brands_without_server():
            flash(_("Without a mail server it reaches nobody: copy the link from the letter in the outbox."), "warning")
    return redirect(url_for(".edit", user_id=user.id), code=303)


def _offer_regions(form: UserForm) -> None:
    form.region_ids.choices = [
        SelectChoice(region.id, "\N{NO-BREAK SPACE}" * 2 * depth + text_in(region.name, language_now()))
        for depth, region in organization.region_tree()
    ]
