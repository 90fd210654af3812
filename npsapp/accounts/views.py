"""Signing in and out, setting a password by letter, and the own profile."""

from datetime import timedelta

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.accounts import letters, queries, rules, services, sessions
from npsapp.accounts.forms import ChangePasswordForm, ForgotForm, LoginForm, NewPasswordForm, ProfileForm
from npsapp.accounts.hashing import hash_password, matches
from npsapp.accounts.login import enter, own_token, throttle_key, visitor_address
from npsapp.accounts.models import User
from npsapp.audit import services as audit
from npsapp.db import transaction
from npsapp.delivery.services import NoSender
from npsapp.i18n import LANGUAGES, language_now
from npsapp.lib.clock import utcnow
from npsapp.web.access import public, signed_in

bp = Blueprint("accounts", __name__, template_folder="templates")


@bp.route("/login", methods=["GET", "POST"])
@public
def login() -> ResponseReturnValue:
    """Sign in; afterwards to the page one wanted, if it is a page of this site."""
    form = LoginForm()
    wanted = rules.safe_next(form.next.data or request.args.get("next"))
    form.next.data = wanted or ""
    if current_user.is_authenticated:
        return redirect(wanted or url_for("office.start"))
    if not form.validate_on_submit():
        return _login_page(form, status=422 if form.is_submitted() else 200)
    try:
        user = _sign_in(form)
    except sessions.TooManyTries as refusal:
        return _too_many(form, refusal)
    if user is None:
        form.form_errors = [_("The e-mail address or the password is wrong.")]
        return _login_page(form, status=422)
    return redirect(wanted or url_for("office.start"))


def _sign_in(form: LoginForm) -> User | None:
    """One try; None when address or password is wrong. May raise TooManyTries."""
    email, now = form.email.data or "", utcnow()
    with transaction():
        tries = sessions.begin_try(email=email, address=visitor_address(), key=throttle_key(), now=now)
    found = queries.user_by_email(email)
    stored = found.password_hash if found and found.is_active else None
    found_id = found.id if found else None
    if not matches(stored, form.password.data or "") or found_id is None:
        with transaction():
            sessions.note_failure(found_id, now=now)
        return None
    remember = bool(form.remember.data)
    with transaction():
        user = queries.user(found_id)
        if user is None or user.password_hash != stored:  # changed while the hash was computed
            return None
        token = sessions.begin_session(
            user,
            tries=tries,
            email=email,
            key=throttle_key(),
            remember=remember,
            agent=request.user_agent.string,
            now=now,
        )
    enter(user, token, remember=remember)
    return user


def _login_page(form: LoginForm, *, status: int) -> ResponseReturnValue:
    return render_template("accounts/login.html", form=form), status


def _too_many(form: LoginForm, refusal: sessions.TooManyTries) -> Response:
    form.form_errors = [_(refusal.wording)]
    page = render_template("accounts/login.html", form=form, until=refusal.until)
    response = make_response(page, 429)
    response.headers["Retry-After"] = str(max(1, int((refusal.until - utcnow()) / timedelta(seconds=1))))
    return response


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """End the session on this device, also in the database."""
    if current_user.is_authenticated:
        token, user_id = own_token(), current_user.id
        with transaction():
            sessions.end(token, user_id=user_id, now=utcnow())
    session.clear()
    return redirect(url_for(".login"))


@bp.post("/language")
@public
def language() -> ResponseReturnValue:
    """Change the language of the pages: in the profile of whoever is signed in, else in the cookie."""
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        session["language"] = chosen
        if current_user.is_authenticated:
            user_id = current_user.id
            with transaction():
                services.change_profile(_own(user_id), name=_own(user_id).name, language=chosen, now=utcnow())
    return redirect(rules.safe_next(request.form.get("next")) or url_for("office.start"), code=303)


@bp.route("/password/forgot", methods=["GET", "POST"])
@public
def forgot() -> ResponseReturnValue:
    """Ask for a letter that sets a new password; the answer is the same whether the account exists or not."""
    form = ForgotForm()
    if not form.validate_on_submit():
        return render_template("accounts/forgot.html", form=form), 422 if form.is_submitted() else 200
    email, now = form.email.data or "", utcnow()
    with transaction():
        sessions.begin_letter(email=email, address=visitor_address(), key=throttle_key(), now=now)
    found = queries.user_by_email(email)
    # Written for everybody and sent to whom there is: the answer takes as long for a stranger.
    letter = letters.password_letter(
        found if found and found.is_active else None,
        keys=current_app.config["SECRET_KEYS"],
        public_url=current_app.config["PUBLIC_URL"],
        language=language_now(),
    )
    if letter.user_id is not None:
        try:
            with transaction():
                letters.send(letter, actor=sessions.VISITOR, now=now)
        except NoSender:
            current_app.logger.warning("a letter that sets a password was asked for, but no sender is set up")
    return render_template("accounts/forgot_done.html", email=email)


@bp.route("/password/reset/<token>", methods=["GET", "POST"])
@public
def reset(token: str) -> ResponseReturnValue:
    """Set a new password from the link of a letter; the link works once, because it is bound to the old password."""
    user = letters.user_of(token, keys=current_app.config["SECRET_KEYS"])
    if user is None:
        return render_template("accounts/reset_gone.html"), 410
    form = NewPasswordForm()
    form.owner_email = user.email
    if not form.validate_on_submit():
        return render_template("accounts/reset.html", form=form), 422 if form.is_submitted() else 200
    hashed = hash_password(form.password.data or "")
    with transaction():
        user = letters.user_of(token, keys=current_app.config["SECRET_KEYS"])  # a second press of the button
        if user is not None:
            services.set_password(user, hashed, actor=audit.by_user(user.id), now=utcnow())
            sessions.forget_tries(user.email, key=throttle_key())
    if user is None:
        return render_template("accounts/reset_gone.html"), 410
    session.clear()
    flash(_("The new password is set. Please sign in with it."), "success")
    return redirect(url_for(".login"), code=303)


@bp.route("/profile", methods=["GET", "POST"])
@signed_in
def profile() -> ResponseReturnValue:
    """The own name and language, and the devices one is signed in on."""
    form = ProfileForm(obj=current_user)
    if not form.validate_on_submit():
        return _profile_page(form, ChangePasswordForm(), status=422 if form.is_submitted() else 200)
    user_id = current_user.id
    with transaction():
        changed = services.change_profile(
            _own(user_id), name=form.name.data or "", language=form.language.data, now=utcnow()
        )
    session["language"] = form.language.data
    flash(_("Your profile is saved.") if changed else _("Nothing was changed."), "success")
    return redirect(url_for(".profile"), code=303)


@bp.post("/profile/password")
@signed_in
def change_password() -> ResponseReturnValue:
    """Change the own password; all other sessions end."""
    form = ChangePasswordForm()
    form.owner_email = current_user.email
    if form.validate() and not _is_own_password(form):
        form.current.errors = [_("This is not your current password.")]
    if form.errors:
        return _profile_page(ProfileForm(formdata=None, obj=current_user), form, status=422)
    user_id, token = current_user.id, own_token()
    hashed = hash_password(form.password.data or "")
    with transaction():
        services.set_password(
            _own(user_id), hashed, actor=audit.by_user(user_id), now=utcnow(), keep_token=token
        )
    flash(_("The new password is set. On all other devices you are signed out."), "success")
    return redirect(url_for(".profile"), code=303)


@bp.post("/profile/sessions/<int:session_id>/end")
@signed_in
def end_session(session_id: int) -> ResponseReturnValue:
    """Sign out on another device."""
    user_id = current_user.id
    with transaction():
        sessions.revoke(session_id, user_id=user_id, now=utcnow())
    flash(_("You are signed out on that device."), "success")
    return redirect(url_for(".profile"), code=303)


def _is_own_password(form: ChangePasswordForm) -> bool:
    """Throttled like signing in: somebody at a forgotten screen must not try passwords. May raise TooManyTries."""
    email, user_id, stored, now = current_user.email, current_user.id, current_user.password_hash, utcnow()
    with transaction():
        tries = sessions.begin_try(email=email, address=visitor_address(), key=throttle_key(), now=now)
    right = matches(stored, form.current.data or "")
    with transaction():
        if right:
            sessions.forget_tries(email, key=throttle_key(), tries=tries)
        else:
            sessions.note_failure(user_id, now=now)
    return right


def _profile_page(
    form: ProfileForm, password_form: ChangePasswordForm, *, status: int
) -> ResponseReturnValue:
    now = utcnow()
    page = render_template(
        "accounts/profile.html",
        form=form,
        password_form=password_form,
        sessions=queries.sessions(current_user.id, now=now),
        own=queries.session_id(own_token()),
    )
    return page, status


def _own(user_id: int) -> User:
    """The signed-in user, read again inside the transaction."""
    user = queries.user(user_id)
    assert user is not None  # noqa: S101 - a living session was found a moment ago
    return user
