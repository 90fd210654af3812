"""The outbox, which takes the letters while there is no mail server, and the log of all letters."""

import re
from pathlib import Path

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from npsapp.audit import services as audit
from npsapp.db import transaction
from npsapp.delivery import queries, readers, services
from npsapp.delivery.queries import LogFilter
from npsapp.delivery.rules import Purpose, State
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import N_
from npsapp.permissions import Permission
from npsapp.web import listing
from npsapp.web.access import requires, scope
from npsapp.web.headers import CONTENT_POLICY

bp = Blueprint("delivery", __name__, template_folder="templates")

OUTBOX_SIZE = 50
LOG_SIZE = 50
RETRY_AT_ONCE = 500  # letters queued again by one press

# A customer's words may stand in a letter, so its HTML runs nothing and loads nothing from elsewhere. Its links open in
# the whole window, when a person presses them.
LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox "
    "allow-top-navigation-by-user-activation"
)
PAGE_POLICY = f"{CONTENT_POLICY}; frame-src 'self'"
HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)

PURPOSES = {
    Purpose.INVITATION: N_("invitation"),
    Purpose.REMINDER: N_("reminder"),
    Purpose.STAFF: N_("letter to staff"),
    Purpose.PASSWORD: N_("password"),
    Purpose.TEST: N_("test"),
}

STATE_KINDS = {
    State.SENT: "ok",
    State.DELIVERED: "ok",
    State.FAILED: "bad",
    State.BOUNCED: "bad",
    State.UNKNOWN: "warn",
    State.EXPIRED: "quiet",
    State.CANCELLED: "quiet",
}


@bp.get("/outbox/")
@requires(Permission.ADMINISTER)
def outbox() -> ResponseReturnValue:
    """The letters in the outbox, newest first."""
    part = listing.window(size=OUTBOX_SIZE)
    rows, more = readers.newest(_folder(), page=part.number, per_page=part.size)
    page: listing.Page[readers.Listed] = listing.Page(rows, number=part.number, has_next=more)
    return render_template("delivery/outbox.html", page=page)


@bp.get("/outbox/<name>")
@requires(Permission.ADMINISTER)
def letter(name: str) -> ResponseReturnValue:
    """One letter: headers, the text part, and the HTML part in a frame of its own."""
    response = make_response(render_template("delivery/letter.html", letter=_letter(name)))
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


@bp.get("/outbox/<name>/html")
@requires(Permission.ADMINISTER)
def letter_html(name: str) -> ResponseReturnValue:
    """The HTML part, as the frame shows it."""
    html = _letter(name).html
    if html is None:
        abort(404)
    response = Response(_opening_in_the_window(html), mimetype="text/html")
    response.headers["Content-Security-Policy"] = LETTER_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@bp.get("/outbox/<name>/raw")
@requires(Permission.ADMINISTER)
def letter_raw(name: str) -> ResponseReturnValue:
    """The file as it is, for a mail program."""
    try:
        source = readers.raw(_folder(), name)
    except readers.NoSuchLetter:
        abort(404)
    response = Response(source, mimetype="message/rfc822")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@bp.get("/messages/")
@requires(Permission.SEE_MESSAGES)
def messages() -> ResponseReturnValue:
    """All letters with what became of them."""
    wanted = LogFilter(
        state=listing.one_of("state", State), purpose=listing.one_of("purpose", Purpose), before_id=_before()
    )
    rows = queries.log(wanted, scope=scope(), limit=LOG_SIZE + 1)
    return render_template(
        "delivery/messages.html",
        page=listing.page_by_key(rows, size=LOG_SIZE, key=lambda row: (row.id,)),
        states=[(state.value, _(state.label)) for state in State],
        purposes=[(purpose.value, _(PURPOSES[purpose])) for purpose in Purpose],
        purpose_words=PURPOSES,
        kinds=STATE_KINDS,
        state=wanted.state,
        active=listing.active_filters(
            [
                ("state", _(wanted.state.label) if wanted.state else ""),
                ("purpose", _(PURPOSES[wanted.purpose]) if wanted.purpose else ""),
            ]
        ),
    )


@bp.post("/messages/<int:message_id>/retry")
@requires(Permission.ADMINISTER)
def retry(message_id: int) -> ResponseReturnValue:
    """Queue one failed letter again."""
    actor = audit.by_user(current_user.id)
    with transaction():
        services.requeue(message_id, actor=actor, now=utcnow())
    flash(_("The letter will be tried again within a minute."), "success")
    return redirect(url_for(".messages", state=request.form.get("state") or None), code=303)


@bp.post("/messages/retry")
@requires(Permission.ADMINISTER)
def retry_all() -> ResponseReturnValue:
    """Queue the failed letters again, newest first, at most `RETRY_AT_ONCE` by one press."""
    actor, seen = audit.by_user(current_user.id), scope()
    with transaction():
        rows = queries.log(LogFilter(state=State.FAILED), scope=seen, limit=RETRY_AT_ONCE)
        ids = [row.id for row in rows]
        for message_id in ids:
            services.requeue(message_id, actor=actor, now=utcnow())
    flash(
        ngettext(
            "%(count)s letter will be tried again.",
            "%(count)s letters will be tried again.",
            len(ids),
            count=len(ids),
        ),
        "success",
    )
    return redirect(url_for(".messages"), code=303)


def _folder() -> Path:
    """The outbox; with a mail server there is none."""
    if current_app.config["MAIL_SERVER"]:
        abort(404)
    return Path(current_app.instance_path) / "outbox"


def _letter(name: str) -> readers.Letter:
    try:
        return readers.letter(_folder(), name)
    except readers.NoSuchLetter:
        abort(404)


def _opening_in_the_window(html: str) -> str:
    """Links leave the frame; the first base element of a page counts, so none in the letter outdoes it."""
    base = '<base target="_top">'
    if HEAD.search(html):
        return HEAD.sub(lambda head: head.group() + base, html, count=1)
    return base + html


def _before() -> int | None:
    key = listing.after()
    return int(key[0]) if key and key[0].isascii() and key[0].isdigit() and len(key[0]) < 19 else None
