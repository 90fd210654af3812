"""The administrator's pages: colleagues, what they see and what they answer for."""

import secrets

from flask import Blueprint, abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.accounts import letters, queries, services
from npsapp.accounts.forms import DutyForm, NewUserForm, UserForm
from npsapp.accounts.hashing import hash_password
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
from npsapp.web import listing
from npsapp.web.access import requires

bp = Blueprint("users", __name__, url_prefix="/users", template_folder="templates")

MADE_PASSWORD_BYTES = 9  # 72 bits, 12 characters


@bp.get("/")
@requires(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """All colleagues, found by name or address."""
    part = listing.window()
    rows = queries.users(search=listing.word("q"), limit=part.limit, offset=part.offset)
    regions = organization.labels(
        "region", {own.region_id for row in rows for own in row.regions}, language_now()
    )
    return render_template(
        "accounts/users.html",
        page=listing.page(rows, part),
        active=listing.active_filters([("q", listing.word("q"))]),
        region_names=regions,
        missing=queries.managers_missing(),
    )


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def add() -> ResponseReturnValue:
    """Add a colleague: by letter, or with a password shown once."""
    form = NewUserForm(language=current_user.language)
    _offer(form)
    if not form.validate_on_submit():
        return render_template("accounts/user_new.html", form=form), 422 if form.is_submitted() else 200
    password = secrets.token_urlsafe(MADE_PASSWORD_BYTES) if form.how.data == "shown" else ""
    hashed = hash_password(password) if password else ""
    now = utcnow()
    actor = _me()
    try:
        with transaction():
            user_id = services.create_user(
                email=form.email.data or "",
                name=form.name.data or "",
                role=Role(form.role.data),
                language=form.language.data,
                password_hash=hashed,
                region_ids=form.regions.data or [],
                actor=actor,
                now=now,
            ).id
    except (services.EmailTaken, services.WrongEmail) as refusal:
        form.email.errors = [_(refusal.wording)]
        return render_template("accounts/user_new.html", form=form), 422
    user = _user(user_id)
    if password:
        return render_template("accounts/user_password.html", user=user, password=password)
    _send_letter(user, letters.WELCOME)
    return redirect(url_for(".edit", user_id=user_id), code=303)


@bp.route("/<int:user_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit(user_id: int) -> ResponseReturnValue:
    """One colleague: name, role, regions, language."""
    user = _user(user_id)
    form = UserForm(obj=user, data={"regions": [own.region_id for own in user.regions]})
    _offer(form)
    if not form.validate_on_submit():
        return _edit_page(user, form, status=422 if form.is_submitted() else 200)
    actor = _me()
    with transaction():
        changed = services.change_user(
            _user(user_id),
            name=form.name.data or "",
            role=Role(form.role.data),
            language=form.language.data,
            region_ids=form.regions.data or [],
            actor=actor,
            now=utcnow(),
        )
    flash(_("The changes are saved.") if changed else _("Nothing was changed."), "success")
    return redirect(url_for(".edit", user_id=user_id), code=303)


@bp.post("/<int:user_id>/block")
@requires(Permission.ADMINISTER)
def block(user_id: int) -> ResponseReturnValue:
    """Let a colleague sign in no more."""
    actor = _me()
    with transaction():
        services.block(_user(user_id), actor=actor, now=utcnow())
    flash(_("The user is blocked and signed out everywhere."), "success")
    return redirect(url_for(".edit", user_id=user_id), code=303)


@bp.post("/<int:user_id>/unblock")
@requires(Permission.ADMINISTER)
def unblock(user_id: int) -> ResponseReturnValue:
    """Let a blocked colleague sign in again."""
    actor = _me()
    with transaction():
        services.unblock(_user(user_id), actor=actor, now=utcnow())
    flash(_("The user can sign in again."), "success")
    return redirect(url_for(".edit", user_id=user_id), code=303)


@bp.post("/<int:user_id>/letter")
@requires(Permission.ADMINISTER)
def send_letter(user_id: int) -> ResponseReturnValue:
    """Send the letter that sets a password once more."""
    user = _user(user_id)
    _send_letter(user, letters.RESET if user.password_hash else letters.WELCOME)
    return redirect(url_for(".edit", user_id=user_id), code=303)


@bp.post("/<int:user_id>/password")
@requires(Permission.ADMINISTER)
def make_password(user_id: int) -> ResponseReturnValue:
    """Make a new password and show it once; all the user's sessions end."""
    password = secrets.token_urlsafe(MADE_PASSWORD_BYTES)
    hashed = hash_password(password)
    actor = _me()
    with transaction():
        services.set_password(_user(user_id), hashed, actor=actor, now=utcnow())
    return render_template("accounts/user_password.html", user=_user(user_id), password=password)


@bp.get("/duties")
@requires(Permission.ADMINISTER)
def duties() -> ResponseReturnValue:
    """Who answers for which region, and who stands in where nobody does."""
    people = [(one.id, one.name) for one in queries.active_users()]
    fallback = queries.fallback_owners()
    return render_template(
        "accounts/duties.html",
        rows=[(line, _duty_form(line.user_id, people)) for line in queries.region_duties()],
        pools=[(pool, _duty_form(fallback.get(pool.id), people)) for pool in organization.pools()],
    )


@bp.post("/duties/regions/<int:region_id>")
@requires(Permission.ADMINISTER)
def set_manager(region_id: int) -> ResponseReturnValue:
    """Name the manager of a region."""
    region = organization.region(region_id) or abort(404)
    return _set_duty(region.pool_id, region_id, text_in(region.name, language_now()))


@bp.post("/duties/pools/<int:pool_id>")
@requires(Permission.ADMINISTER)
def set_fallback(pool_id: int) -> ResponseReturnValue:
    """Name the fallback owner of a company."""
    if pool_id not in {pool.id for pool in organization.pools()}:
        abort(404)
    return _set_duty(pool_id, None, "")


def _set_duty(pool_id: int, region_id: int | None, region_name: str) -> ResponseReturnValue:
    form = DutyForm()
    form.offer([(one.id, one.name) for one in queries.active_users()], nobody="")
    if not form.validate_on_submit():
        abort(422)
    actor = _me()
    with transaction():
        services.set_duty(pool_id, region_id, form.user_id, actor=actor, now=utcnow())
    name = queries.labels([form.user_id or 0]).get(form.user_id or 0, _("nobody"))
    if region_id is None:
        flash(_("Fallback owner: %(name)s.", name=name), "success")
    else:
        flash(_("Manager of %(region)s: %(name)s.", region=region_name, name=name), "success")
    return redirect(url_for(".duties"), code=303)


def _duty_form(user_id: int | None, people: list[tuple[int, str]]) -> DutyForm:
    form = DutyForm(formdata=None, data={"user": str(user_id or "")})
    form.offer(people, nobody=_("nobody"))
    return form


def _send_letter(user: User, kind: str) -> None:
    """Queue the letter and say so, or say why it cannot be sent."""
    email, actor = user.email, _me()
    letter = letters.password_letter(
        user,
        keys=current_app.config["SECRET_KEYS"],
        public_url=current_app.config["PUBLIC_URL"],
        language=language_now(),
        kind=kind,
    )
    try:
        with transaction():
            letters.send(letter, actor=actor, now=utcnow())
    except NoSender:
        flash(
            _("No letter can be sent yet: no brand has a sender address. Show a password instead."), "error"
        )
        return
    flash(_("A letter with a link to set the password goes to %(email)s.", email=email), "success")


def _edit_page(user: User, form: UserForm, *, status: int) -> ResponseReturnValue:
    duties_ = queries.duties_of(user.id)
    regions = organization.labels(
        "region", {one.region_id for one in duties_ if one.region_id}, language_now()
    )
    page = render_template(
        "accounts/user.html",
        user=user,
        form=form,
        manages=sorted(regions.values()),
        stands_in=any(one.region_id is None for one in duties_),
    )
    return page, status


def _offer(form: UserForm) -> None:
    form.offer(
        roles=[(role.value, _(role.label)) for role in Role],
        regions=[
            (region.id, "\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}" * depth + text_in(region.name, language_now()))
            for depth, region in organization.region_tree()
        ],
    )


def _user(user_id: int) -> User:
    return queries.user(user_id) or abort(404)


def _me() -> Actor:
    return audit.by_user(current_user.id)
