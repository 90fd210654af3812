"""Error pages in the visitor's language, JSON for machines, and refusals as a message where one came from."""

from urllib.parse import urlsplit

from flask import Flask, Response, current_app, flash, jsonify, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from npsapp.db import db
from npsapp.i18n import PUBLIC_BLUEPRINTS, negotiate, speaking
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.web import api

# Code → what happened, what to do.
WORDS: dict[int, tuple[str, str]] = {
    400: (N_("This request cannot be read"), N_("Go back, reload the page and try again.")),
    401: (N_("Please sign in"), N_("Sign in and open the page again.")),
    403: (
        N_("This page is not for your role"),
        N_("If you need it for your work, ask an administrator to change your role."),
    ),
    404: (
        N_("This page does not exist"),
        N_("Check the address. A link from a letter may not have been copied whole."),
    ),
    405: (N_("This address cannot be opened like that"), N_("Go back and use the buttons of the page.")),
    409: (N_("This cannot be done now"), N_("Go back, reload the page and see what has changed.")),
    410: (N_("This page is gone"), N_("What it showed has been removed.")),
    413: (N_("This is too large"), N_("Send a smaller file or a shorter text.")),
    422: (N_("This cannot be accepted"), N_("Go back, check what you entered and send it again.")),
    429: (N_("Too many tries"), N_("Wait a few minutes, then try again.")),
    500: (
        N_("Something broke on our side"),
        N_("It has been written down for the people who run this site. Try again in a minute."),
    ),
    503: (N_("Not available at the moment"), N_("Try again in a minute.")),
}
CSRF_WORDS = (
    N_("This form was open for too long"),
    N_("Nothing was changed. Go back, reload the page and send it again."),
)


def init_app(app: Flask) -> None:
    """Answer every failure with words; what nobody expected goes to the log with its traceback."""
    app.register_error_handler(CSRFError, lambda error: _answer(error, *CSRF_WORDS))
    app.register_error_handler(InternalServerError, _broken)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Refused, _refused)


def wants_json() -> bool:
    """Whether the caller is a machine: an API address, or a client that prefers JSON."""
    environ = request.environ
    if environ["PATH_INFO"].startswith("/api/") or "json" not in environ.get("HTTP_ACCEPT", "json"):
        return bool(environ["PATH_INFO"].startswith("/api/"))
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def _for_api() -> bool:
    return request.path.startswith("/api/") and request.path != api.DOCS


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None:
        return error
    title, advice = WORDS.get(error.code, WORDS[400 if error.code < 500 else 500])
    return _answer(error, title, advice)


def _broken(error: InternalServerError) -> ResponseReturnValue:
    """Written without user and database: either may be what broke."""
    db.session.rollback()
    with speaking(negotiate()):
        return _answer(error, *WORDS[500])


def _refused(error: Refused) -> ResponseReturnValue:
    sentence = gettext(error.wording, **error.values)
    if _for_api():
        return api.problem_response(409, error.code, gettext(WORDS[409][0]), sentence)
    if wants_json():
        return jsonify(error=error.code, message=sentence), 409
    back = _page_before()
    if back is None:
        return make_response(_page(409, gettext(WORDS[409][0]), sentence), 409)
    flash(sentence, "error")
    return redirect(back, code=303)


def _answer(error: HTTPException, title: str, advice: str) -> Response:
    """The error's own answer (with headers such as Allow and Retry-After) carrying our words."""
    code = error.code or 500
    response = make_response(error.get_response(request.environ))
    if _for_api():
        word = error.name.lower().replace(" ", "_")
        response.data = api.problem_response(code, word, gettext(title), gettext(advice)).data
        response.mimetype = api.PROBLEM
    elif wants_json():
        response.data = jsonify(error=error.name.lower().replace(" ", "_"), message=gettext(title)).data
        response.mimetype = "application/json"
    else:
        response.data = _page(code, gettext(title), gettext(advice)).encode()
        response.mimetype = "text/html"
    response.headers["Cache-Control"] = "no-store"
    return response


def _page(code: int, title: str, advice: str) -> str:
    """The error page; the plain environment is used where a context processor could ask the database."""
    values = {"code": code, "title": title, "advice": advice, "for_staff": request.blueprint not in PUBLIC_BLUEPRINTS}
    if code < 500:
        return render_template("errors/page.html", **values)
    return current_app.jinja_env.get_template("errors/page.html").render(language=negotiate(), **values)


def _page_before() -> str | None:
    """Where a refused POST came from, if that is a page of this site; a refused GET can go nowhere."""
    if request.method == "GET" or request.blueprint in PUBLIC_BLUEPRINTS or not request.referrer:
        return None
    before = urlsplit(request.referrer)
    if before.netloc != request.host:
        return None
    return (before.path or "/") + (f"?{before.query}" if before.query else "")
