"""Security headers of every answer: what a browser may load, remember and pass on."""

from typing import Any

from flask import Flask, Response, request
from flask_login import current_user
from werkzeug.datastructures import Headers

from npsapp.i18n import PUBLIC_BLUEPRINTS

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FRAMING_POLICY = f"{CONTENT_POLICY}; frame-src 'self'"
SHOWN_IN_A_FRAME = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
# Letters carry their styles in the tags, as mail programs want them; nothing in them runs or leads anywhere.
LETTER_IN_A_FRAME = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
FILES = {"static", "survey.style", "survey.script"}
"""Files of our own, which load nothing: headers of pages say nothing to them, and a customer waits for each byte."""
TRANSPORT = "max-age=31536000"  # a year, HTTPS only; without subdomains: they may not be ours


_NO_SNIFFING = ("X-Content-Type-Options", "nosniff")
_PAGE = (
    ("Content-Security-Policy", CONTENT_POLICY),
    _NO_SNIFFING,
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


def init_app(app: Flask) -> None:
    """Set the headers on every answer; a view that set one itself keeps it."""
    app.response_class = Protected


class Protected(Response):
    """An answer that gets its headers as it leaves, in the server's own list: each put in before costs ten calls."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """As they are where nothing is to be completed: no place in them is relative, and the length is known."""
        return self.headers if self.status_code == 200 else super().get_wsgi_headers(environ)

    def get_wsgi_response(self, environ: Any) -> tuple[Any, str, list[tuple[str, str]]]:
        """With what protects the page."""
        pieces, status, headers = super().get_wsgi_response(environ)
        there = {name.lower() for name, _value in headers}
        headers.extend([pair for pair in _protection(there) if pair[0].lower() not in there])
        return pieces, status, headers


def _protection(there: set[str]) -> list[tuple[str, str]]:
    """The headers of this answer, besides those that it has."""
    asked = request._get_current_object()  # type: ignore[attr-defined] # each question to `request` looks for it again
    if asked.endpoint in FILES:
        return [_NO_SNIFFING]
    # An unknown address may be a mistyped one.
    secret = asked.url_rule is None or "token" in (asked.view_args or {})
    found = [*_PAGE, ("Referrer-Policy", "no-referrer" if secret else "same-origin")]
    if asked.is_secure:
        found.append(("Strict-Transport-Security", TRANSPORT))
    # Who is signed in is asked only where it matters: the answer to a broken database must not ask the database.
    if "cache-control" not in there and (secret or _personal()):
        found.append(("Cache-Control", "no-store"))
    return found


def _personal() -> bool:
    """Whether somebody is signed in; pages of customers never touch the session."""
    return request.blueprint not in PUBLIC_BLUEPRINTS and bool(current_user.is_authenticated)
