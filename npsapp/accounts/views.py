"""Signing in and out, setting a password by letter, and the own profile."""

from contextlib import suppress
from typing import Any

from flask import abort, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.accounts import letters, queries, rules, services, sessions
from npsapp.accounts.forms import ChangePasswordForm, EmailForm, LoginForm, NewPasswordForm, ProfileForm
from npsapp.accounts.hashing import hash_password, matches
from npsapp.accounts.login import enter
from npsapp.accounts.models import User
from npsapp.audit.doors import me
from npsapp.audit.services import by_user
from npsapp.db import transaction
from npsapp.delivery.services import NoSender
from npsapp.i18n import LANGUAGES, language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.networks import network_of
from npsapp.lib.tokens import digest
from npsapp.organization.rules import zones
from npsapp.web.access import Room, public, signed_in
from npsapp.web.pages import done, form_page

bp = Room("accounts", __name__, template_folder="templates")


@bp.form("/login", public)
def login() -> ResponseReturnValue:
    """Sign in; afterwards to the page one wanted, if it is a page of this site."""
    form = LoginForm()
    wanted = rules.safe_next(form.next.data or request.args.get("next"))
    form.next.data = wanted or ""
    if current_user.is_authenticated:
        return redirect(wanted or url_for("office.start"))
    if not form.validate_on_submit():
        return form_page("accounts/login.html", form)
    user = queries.user_by_email(form.email.data)
    stored = _proven(user, form.email.data, form.password.data)
    if user is None or not stored:
        form.form_errors = [_("The e-mail address or the password is wrong.")]
        return form_page("accounts/login.html", form)
    with transaction():
        sessions.still_proven(user.id, stored)  # it may have been changed while the hash was computed
        sessions.forget_tries(_claim(user.email))
        agent, network = request.user_agent.string, network_of(request.remote_addr)
        token = sessions.begin_session(user, remember=form.remember.data, agent=agent, network=network, now=utcnow())
    enter(user, token, remember=form.remember.data)
    return redirect(wanted or url_for("office.start"))


def _proven(user: User | None, email: str, password: str) -> str | None:
    """The stored hash that the password fits, or None; every try is counted. May raise TooManyTries."""
    stored = user.password_hash if user and user.is_active else None
    user_id, now = user.id if user else None, utcnow()
    with transaction():
        sessions.begin_try(_claim(email), now=now)
    if matches(stored, password):
        return stored
    with transaction():
        sessions.note_failure(user_id, now=now)
    return None


@bp.errorhandler(sessions.TooManyTries)
def _too_many(refusal: sessions.TooManyTries) -> ResponseReturnValue:
    until = refusal.values["until"]
    seconds = int((until - utcnow()).total_seconds())
    page = render_template("accounts/too_many.html", words=_(refusal.wording), until=until)
    return page, 429, {"Retry-After": str(max(1, seconds))}


@bp.deed("/logout", public)
def logout() -> ResponseReturnValue:
    """End the session on this device, also in the database."""
    if current_user.is_authenticated:
        with transaction():
            sessions.end(current_user.session_token, user_id=current_user.id, now=utcnow())
    session.clear()
    return redirect(url_for(".login"))


@bp.deed("/language", public)
def language() -> ResponseReturnValue:
    """Change the language of the pages: in the profile of whoever is signed in, else in the cookie."""
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES and current_user.is_authenticated:
        _change_profile(current_user.name, chosen)
    elif chosen in LANGUAGES:
        session["language"] = chosen
    return redirect(rules.safe_next(request.form.get("next")) or url_for("office.start"), code=303)


def _change_profile(name: str, language: str, timezone: str = "") -> None:
    with transaction():
        typed: dict[str, Any] = {"name": name, "language": language, "timezone": timezone}
        services.change_user(current_user, actor=me(), now=utcnow(), **typed)


@bp.form("/password/forgot", public)
def forgot() -> ResponseReturnValue:
    """Ask for a letter that sets a new password; the answer is the same whether the account exists or not."""
    form = EmailForm()
    if not form.validate_on_submit():
        return form_page("accounts/forgot.html", form)
    email, now = form.email.data, utcnow()
    with transaction():
        sessions.begin_letter(_claim(email), now=now)
    found = queries.user_by_email(email)
    user = found or User(email=email, name=email, language=language_now())
    # Written for everybody and sent to whom there is: the answer takes as long for a stranger.
    config = current_app.config
    letter = letters.password_letter(user, keys=config["SECRET_KEYS"], public_url=config["PUBLIC_URL"], now=now)
    if found and found.is_active:
        with suppress(NoSender), transaction():
            letters.send(found, letter, actor=sessions.VISITOR, now=now)
    return render_template("accounts/forgot_done.html", email=email)


@bp.form("/password/reset/<token>", public)
def reset(token: str) -> ResponseReturnValue:
    """Set a new password from the link of a letter; the link works once, because it is bound to the old password."""
    keys, now = current_app.config["SECRET_KEYS"], utcnow()
    user = letters.user_of(token, keys=keys, now=now)
    if user is None:
        return render_template("accounts/reset_gone.html"), 410
    form = NewPasswordForm()
    form.owner_email = user.email
    if not form.validate_on_submit():
        return form_page("accounts/reset.html", form)
    hashed = hash_password(form.password.data)
    with transaction():
        user = letters.user_of(token, keys=keys, now=now) or abort(410)  # the button was pressed twice
        sessions.still_proven(user.id, user.password_hash)
        services.set_password(user, hashed, actor=by_user(user.id), now=now)
        sessions.forget_tries(_claim(user.email))
    session.clear()
    return done(_("The new password is set. Please sign in with it."), ".login")


@bp.form("/profile", signed_in)
def profile() -> ResponseReturnValue:
    """The own name and language, and the devices one is signed in on."""
    form = ProfileForm(obj=current_user)
    if not form.validate_on_submit():
        return _profile_page(form, ChangePasswordForm())
    _change_profile(form.name.data, form.language.data, form.timezone.data)
    return done(_("The changes are saved."), ".profile")


@bp.deed("/profile/password", signed_in)
def change_password() -> ResponseReturnValue:
    """Change the own password; all other sessions end."""
    form = ChangePasswordForm()
    form.owner_email = current_user.email
    # Throttled like signing in: somebody at a forgotten screen must not try passwords.
    stored = form.validate() and _proven(current_user, current_user.email, form.current.data)
    if not form.errors and not stored:
        form.current.errors = [_("This is not your current password.")]
    if form.errors:
        return _profile_page(ProfileForm(formdata=None, obj=current_user), form)
    hashed = hash_password(form.password.data)
    with transaction():
        sessions.still_proven(current_user.id, stored or "")
        sessions.forget_tries(_claim(current_user.email))
        own = current_user.session_token
        services.set_password(current_user, hashed, actor=me(), now=utcnow(), keep_token=own)
    return done(_("The new password is set. On all other devices you are signed out."), ".profile")


@bp.deed("/profile/sessions", signed_in)
def end_sessions() -> ResponseReturnValue:
    """Sign out on another device, or on all others."""
    own, chosen = current_user.session_token, request.form.get("session", type=int)
    with transaction():
        sessions.revoke(current_user.id, chosen, actor=me(), now=utcnow(), keep_token=own)
    return done(_("Signed out there."), ".profile")


def _profile_page(form: ProfileForm, password_form: ChangePasswordForm) -> ResponseReturnValue:
    devices, own = queries.sessions(current_user.id, now=utcnow()), digest(current_user.session_token)
    more = {"password_form": password_form, "zones": zones(), "sessions": devices, "own": own}
    page = render_template("accounts/profile.html", form=form, **more)
    return page, 422 if form.errors or password_form.errors else 200


def _claim(email: str) -> sessions.Claim:
    return sessions.claim(email, request.remote_addr or "", key=current_app.config["SECRET_KEY"])
