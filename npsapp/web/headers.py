"""Security headers of every answer: what a browser may load, remember and pass on."""

from flask import Flask, Response, request
from flask_login import current_user

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


def init_app(app: Flask) -> None:
    """Set the headers on every answer; a view that set one itself keeps it."""
    app.after_request(_protect)


def _protect(response: Response) -> Response:
    headers, secret = response.headers, _address_is_a_secret()
    if request.endpoint in FILES:
        headers.setdefault("X-Content-Type-Options", "nosniff")
        return response
    there = {name.lower() for name, _value in headers}
    for name, value in (
        ("Content-Security-Policy", CONTENT_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer" if secret else "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Strict-Transport-Security", TRANSPORT if request.is_secure else ""),
    ):
        if value and name.lower() not in there:
            headers.add(name, value)
    # Who is signed in is asked only where it matters: the answer to a broken database must not ask the database.
    if "cache-control" not in there and (secret or _personal()):
        headers.add("Cache-Control", "no-store")
    return response


def _address_is_a_secret() -> bool:
    """Whether the address holds a token; an unknown address may be a mistyped one."""
    return request.url_rule is None or "token" in (request.view_args or {})


def _personal() -> bool:
    """Whether somebody is signed in; pages of customers never touch the session."""
    return request.blueprint not in PUBLIC_BLUEPRINTS and bool(current_user.is_authenticated)
