"""The administrator's pages: colleagues, what they see and what they answer for."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from wtforms import SelectChoice

from npsapp.accounts import letters, queries, services
from npsapp.accounts.forms import NewUserForm, UserForm
from npsapp.accounts.models import User
from npsapp.audit import services as audit
from npsapp.audit.services import Actor
from npsapp.db import transaction
from npsapp.delivery.services import NoSender
from npsapp.i18n import language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.organization import queries as organization
from npsapp.permissions import Permission, Role
from npsapp.web.access import requires

bp = Blueprint("users", __name__, url_prefix="/users", template_folder="templates")


@bp.get("/")
@requires(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """All colleagues."""
    return render_template(
        "accounts/users.html",
        users=queries.users(),
        regions={region.id: region.name for region in organization.regions()},
        missing=queries.managers_missing(),
    )


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def add() -> ResponseReturnValue:
    """Add a colleague and send the letter that sets the password."""
    form = NewUserForm(language=current_user.language)
    _offer_regions(form)
    if not form.validate_on_submit():
        return render_template("accounts/user.html", form=form, user=None), 422 if form.errors else 200
    try:
        with transaction():
            user = services.create_user(
                email=form.email.data,
                name=form.name.data,
                role=Role(form.role.data),
                language=form.language.data,
                password_hash="",
                region_ids=form.region_ids.data,
                actor=_me(),
                now=utcnow(),
            )
    except (services.EmailTaken, services.WrongEmail) as refusal:
        form.email.errors = [_(refusal.wording)]
        return render_template("accounts/user.html", form=form, user=None), 422
    return _send_letter(user)


@bp.route("/<int:user_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit(user_id: int) -> ResponseReturnValue:
    """One colleague: name, role, regions, language."""
    user = queries.user(user_id) or abort(404)
    form = UserForm(obj=user, blocked=not user.is_active)
    _offer_regions(form)
    if not form.validate_on_submit():
        return render_template("accounts/user.html", form=form, user=user), 422 if form.errors else 200
    with transaction():
        services.change_user(
            user,
            name=form.name.data,
            language=form.language.data,
            role=Role(form.role.data),
            region_ids=form.region_ids.data,
            actor=_me(),
            now=utcnow(),
        )
        services.set_blocked(user, blocked=form.blocked.data, actor=_me(), now=utcnow())
    flash(_("The changes are saved."), "success")
    return redirect(url_for(".edit", user_id=user_id), code=303)


@bp.post("/<int:user_id>/letter")
@requires(Permission.ADMINISTER)
def send_letter(user_id: int) -> ResponseReturnValue:
    """Send the letter that sets a password once more."""
    return _send_letter(queries.user(user_id) or abort(404))


@bp.get("/duties")
@requires(Permission.ADMINISTER)
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


@bp.post("/duties")
@requires(Permission.ADMINISTER)
def set_duty() -> ResponseReturnValue:
    """Name the manager of a region, or, without a region, the fallback owner of a company."""
    pool_id, region_id, user_id = (_whole(request.form.get(name, "")) for name in ("pool", "region", "user"))
    with transaction():
        services.set_duty(pool_id or 0, region_id, user_id, actor=_me(), now=utcnow())
    flash(_("The changes are saved."), "success")
    return redirect(url_for(".duties"), code=303)


def _send_letter(user: User) -> ResponseReturnValue:
    """Queue the letter and say so, or say why it cannot be sent."""
    now, config = utcnow(), current_app.config
    letter = letters.password_letter(user, keys=config["SECRET_KEYS"], public_url=config["PUBLIC_URL"], now=now)
    try:
        with transaction():
            letters.send(user, letter, actor=_me(), now=now)
    except NoSender as refusal:
        flash(_(refusal.wording), "error")
    else:
        flash(_("A letter with a link to set the password goes to %(email)s.", email=user.email), "success")
    return redirect(url_for(".edit", user_id=user.id), code=303)


def _offer_regions(form: UserForm) -> None:
    form.region_ids.choices = [
        SelectChoice(region.id, "\N{NO-BREAK SPACE}" * 2 * depth + text_in(region.name, language_now()))
        for depth, region in organization.region_tree()
    ]


def _me() -> Actor:
    return audit.by_user(current_user.id)
