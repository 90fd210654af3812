"""Flask-Login, bound to sessions that live in the database: who is behind the token in the cookie."""

import functools
from contextlib import suppress
from datetime import datetime

from flask import Flask, Request, Response, after_this_request, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_login import login_user
from sqlalchemy.exc import SQLAlchemyError

from npsapp.accounts import queries, rules, sessions
from npsapp.accounts.models import User
from npsapp.db import transaction
from npsapp.extensions import login_manager
from npsapp.i18n import PUBLIC_BLUEPRINTS
from npsapp.lib.clock import utcnow
from npsapp.lib.tokens import digest


class Cookies(SecureCookieSessionInterface):
    """Visitors without our cookie, as customers are, have an empty session without any signature to be looked at."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return super().open_session(app, request) if "HTTP_COOKIE" in request.environ else self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Nothing is said of a session that is empty to customers; Flask-Login looks into each."""
        if session or session.modified or (session.accessed and request.blueprint not in PUBLIC_BLUEPRINTS):
            super().save_session(app, session, response)


def init_app(app: Flask) -> None:
    """Tell Flask-Login where the login page is and how a session is read."""
    app.session_interface = Cookies()
    login_manager.init_app(app)
    # Flask-Login's own cookie, of which it would think at every answer, is none of ours: sessions stay by themselves.
    app.after_request_funcs[None].remove(login_manager._update_remember_cookie)  # noqa: SLF001
    login_manager.login_view = "accounts.login"
    login_manager.login_message = None  # the login page says what it is for
    # Sessions are ended by name in the profile; a phone that changes its network must not be signed out.
    login_manager.session_protection = None
    login_manager.user_loader(load_user)
    app.config["PERMANENT_SESSION_LIFETIME"] = rules.REMEMBERED_FOR
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False


def load_user(token: str) -> User | None:
    """The user signed in with this token, with scope, or None when the session has ended."""
    now = utcnow()
    found = queries.session_of(digest(token), now=now)
    if found is None:
        return None
    user = found.user
    user.session_token, user.scope = token, queries.scope_of(user)
    if now - found.seen_at >= rules.SEEN_EVERY:
        after_this_request(functools.partial(_note_use, found.id, now))
    return user


def enter(user: User, token: str, *, remember: bool) -> None:
    """Put a fresh session into the cookie; nothing of the visitor's earlier cookie survives (session fixation)."""
    session.clear()
    session.permanent = remember
    user.session_token = token
    login_user(user)


def _note_use(session_id: int, now: datetime, response: Response) -> Response:
    """Written after the page is made, at most every five minutes; not worth an error when the database is busy."""
    with suppress(SQLAlchemyError), transaction():
        sessions.seen(session_id, now=now)
    return response
