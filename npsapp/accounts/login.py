"""Flask-Login, bound to sessions that live in the database: who is behind the token in the cookie."""

import logging
from datetime import datetime

from flask import Flask, Response, current_app, g, request, session
from flask_login import current_user, login_user
from sqlalchemy.exc import SQLAlchemyError

from npsapp.accounts import queries, rules, sessions
from npsapp.accounts.models import User
from npsapp.db import transaction
from npsapp.extensions import login_manager
from npsapp.lib.clock import utcnow
from npsapp.lib.tokens import digest

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Tell Flask-Login where the login page is and how a session is read."""
    login_manager.init_app(app)
    login_manager.login_view = "accounts.login"
    login_manager.login_message = None  # the login page says what it is for
    # Sessions are ended by name in the profile; a phone that changes its network must not be signed out.
    login_manager.session_protection = None
    login_manager.user_loader(load_user)
    app.config["PERMANENT_SESSION_LIFETIME"] = rules.REMEMBERED_FOR
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    app.after_request(_note_use)


def load_user(token: str) -> User | None:
    """The user signed in with this token, with scope, or None when the session has ended."""
    now = utcnow()
    found = queries.session_of(digest(token), now=now)
    if found is None:
        return None
    kept, user, scope = found
    user.session_token = token  # type: ignore[attr-defined]
    user.scope = scope
    g.session_to_note = (kept.id, now) if now - kept.seen_at >= rules.SEEN_EVERY else None
    return user


def enter(user: User, token: str, *, remember: bool) -> None:
    """Put a fresh session into the cookie; nothing of the visitor's earlier cookie survives (session fixation)."""
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language
    session.permanent = remember
    user.session_token = token  # type: ignore[attr-defined]
    login_user(user)


def own_token() -> str:
    """The token of the session this request belongs to."""
    return str(current_user.get_id() or "")


def throttle_key() -> str:
    """The key under which throttled addresses are stored."""
    return str(current_app.config["SECRET_KEY"])


def visitor_address() -> str:
    """The network address of the visitor, as far as the trusted proxies tell it."""
    return request.remote_addr or ""


def _note_use(response: Response) -> Response:
    """Written after the page is made, at most every five minutes; not worth an error when the database is busy."""
    noted: tuple[int, datetime] | None = g.pop("session_to_note", None)
    if noted:
        try:
            with transaction():
                sessions.seen(noted[0], now=noted[1])
        except SQLAlchemyError:
            log.warning("the use of a session could not be noted")
    return response
