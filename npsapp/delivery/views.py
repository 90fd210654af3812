"""The outbox, which takes the letters while there is no mail server, the log of all letters, and their senders."""

from dataclasses import asdict
from pathlib import Path

from flask import Response, abort, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, ngettext
from flask_login import current_user

from npsapp.audit import services as audit
from npsapp.db import db, transaction
from npsapp.delivery import health, queries, readers, rendering, senders, services
from npsapp.delivery.channels import ChannelError, mail
from npsapp.delivery.forms import SenderForm
from npsapp.delivery.models import Sender
from npsapp.delivery.queries import LogFilter
from npsapp.delivery.rules import Channel, Purpose, State
from npsapp.delivery.tasks import send_next
from npsapp.lib.clock import utcnow
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.web import listing, menu
from npsapp.web.access import Room, scope
from npsapp.web.headers import CONTENT_POLICY

bp = Room("delivery", __name__, template_folder="templates")
menu.show_while("/outbox/", lambda: bool(mail.brands_without_server()))

RETRY_AT_ONCE = 500  # letters queued again by one press

# A customer's words may stand in a letter, so its HTML runs nothing and loads nothing from elsewhere. Its links open in
# the whole window, when a person presses them.
LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox "
    "allow-top-navigation-by-user-activation"
)


@bp.page("/outbox/", Permission.ADMINISTER)
def outbox() -> ResponseReturnValue:
    """The letters in the outbox, newest first."""
    part = listing.window()
    rows = readers.newest(_folder(), offset=part.offset, limit=part.limit)
    return render_template("delivery/outbox.html", page=listing.page(rows, part))


@bp.page("/outbox/<name>", Permission.ADMINISTER)
def letter(name: str) -> ResponseReturnValue:
    """One letter: headers, the text part, and the HTML part in a frame of its own."""
    page = render_template("delivery/letter.html", letter=readers.read(_file(name)))
    response = make_response(page)
    response.headers["Content-Security-Policy"] = f"{CONTENT_POLICY}; frame-src 'self'"
    return response


@bp.page("/outbox/<name>/html", Permission.ADMINISTER)
def letter_html(name: str) -> ResponseReturnValue:
    """The HTML part, as the frame shows it; links leave the frame, for the first base element counts."""
    html = readers.read(_file(name)).part("html") or abort(404)
    response = Response(html.replace("<head>", '<head><base target="_top">', 1), mimetype="text/html")
    response.headers["Content-Security-Policy"] = LETTER_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@bp.page("/outbox/<name>/raw", Permission.ADMINISTER)
def letter_raw(name: str) -> ResponseReturnValue:
    """The file as it is, for a mail program."""
    response = Response(_file(name).read_bytes(), mimetype="message/rfc822")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _folder() -> Path:
    """The outbox; with a mail server there is none."""
    if not mail.brands_without_server():
        abort(404)
    return Path(current_app.instance_path) / "outbox"


def _file(name: str) -> Path:
    return readers.find(_folder(), name) or abort(404)


@bp.page("/messages/", Permission.SEE_MESSAGES)
def messages() -> ResponseReturnValue:
    """All letters with what became of them."""
    state = listing.one_of("state", State)
    wanted = LogFilter(state=state, before_id=listing.whole("after"))
    rows = queries.log(wanted, scope=scope(), limit=listing.PAGE_SIZE + 1)
    return render_template(
        "delivery/messages.html",
        page=listing.page_by_key(rows, key=lambda row: (row.id,)),
        states=[(one.value, _(one.label)) for one in State],
        active=listing.active_filters([("state", _(state.label) if state else "")]),
    )


@bp.deed("/messages/retry", Permission.ADMINISTER)
def retry() -> ResponseReturnValue:
    """Queue one failed letter again, or, when none is named, the newest failed ones."""
    actor, seen, named = audit.by_user(current_user.id), scope(), request.form.get("id", type=int)
    with transaction():
        failed = queries.log(LogFilter(state=State.FAILED), scope=seen, limit=RETRY_AT_ONCE)
        ids = [named] if named else [row.id for row in failed if row.to_address]
        for message_id in ids:
            services.requeue(message_id, actor=actor, now=utcnow())
    words = ngettext("%(num)s letter will be tried again.", "%(num)s letters will be tried again.", len(ids))
    flash(words, "success")
    return redirect(url_for(".messages", state=State.FAILED.value), code=303)


@bp.page("/senders/", Permission.ADMINISTER)
def senders_list() -> ResponseReturnValue:
    """Who writes for which brand, and through which mail server."""
    rows = [(brand, queries.senders_of(brand.id)) for brand in organization.brands()]
    stopped = {one.sender_id for one in health.stopped() if one.domain == "*"}
    return render_template("delivery/senders.html", rows=rows, stopped=stopped, settings=mail.server_of_settings())


@bp.form("/senders/<int:brand_id>", Permission.ADMINISTER)
def sender(brand_id: int) -> ResponseReturnValue:
    """The (first) sender of a brand's letters and its mail server, which is tried before it is saved."""
    organization.brand(brand_id) or abort(404)
    return _edit(brand_id, queries.sender_of(brand_id))


@bp.form("/senders/<int:brand_id>/another", Permission.ADMINISTER)
def another_sender(brand_id: int) -> ResponseReturnValue:
    """A further sender of a brand: its letters are spread over all of them."""
    organization.brand(brand_id) or abort(404)
    return _edit(brand_id, None, Sender(brand_id=brand_id, channel=Channel.EMAIL))


@bp.form("/sender/<int:sender_id>", Permission.ADMINISTER)
def one_sender(sender_id: int) -> ResponseReturnValue:
    """One of several senders of a brand."""
    found = queries.mail_sender(sender_id) or abort(404)
    return _edit(found.brand_id, found)


def _edit(brand_id: int, found: Sender | None, new: Sender | None = None) -> ResponseReturnValue:
    form = SenderForm(obj=found)
    form.offer()
    if not form.is_submitted():
        brand = organization.brand(brand_id)
        form.put_texts("name", found.name if found else brand.name if brand else None)
    if not form.validate_on_submit():
        return _sender_page(form, brand_id, found)
    columns = form.columns()
    who = {"typed": columns["password"], "host": columns["host"], "username": columns["username"]}
    columns["password"] = senders.sealed_password(found, keys=current_app.config["SECRET_KEYS"], **who)
    if columns["host"] and not form.anyway.data and (fault := _fault(Sender(**columns))):
        form.host.errors = [_("The mail server was tried, and letters cannot leave like this: %(words)s", words=fault)]
        return _sender_page(form, brand_id, found)
    actor = audit.by_user(current_user.id)
    with transaction():
        senders.set_sender(brand_id=brand_id, which=new or found, actor=actor, now=utcnow(), **columns)
    flash(_("The changes are saved."), "success")
    return redirect(url_for(".senders_list") if new else request.path, code=303)


def _sender_page(form: SenderForm, brand_id: int, found: Sender | None) -> ResponseReturnValue:
    page = render_template(
        "delivery/sender.html",
        form=form,
        brand=organization.brand(brand_id),
        sender=found,
        several=len(queries.senders_of(brand_id)) > 1,
        settings=mail.server_of_settings(),
        config=current_app.config,
    )
    return page, 422 if form.errors else 200


@bp.deed("/sender/<int:sender_id>/retire", Permission.ADMINISTER)
def retire_sender(sender_id: int) -> ResponseReturnValue:
    """Use one of several senders no more."""
    queries.mail_sender(sender_id) or abort(404)
    with transaction():
        senders.retire(sender_id, actor=audit.by_user(current_user.id), now=utcnow())
    flash(_("This sender is used no more. What waited for it leaves from another one."), "success")
    return redirect(url_for(".senders_list"), code=303)


def _fault(draft: Sender) -> str | None:
    """What the sender's mail server says when one signs in; None when it lets us in."""
    server = mail.server_of(draft)
    db.session.rollback()  # nothing is read or written while the server is spoken to
    try:
        if server:
            mail.check(server)
    except ChannelError as error:
        return error.failure.words
    return None


@bp.deed("/senders/<int:brand_id>/test", Permission.ADMINISTER)
def test_letter(brand_id: int) -> ResponseReturnValue:
    """Send a letter to oneself, on the way that customers' letters take."""
    brand, wanted = organization.brand(brand_id) or abort(404), request.args.get("sender", type=int)
    one_id = wanted if wanted in [one.id for one in queries.senders_of(brand_id)] else None
    words = rendering.staff_letter(
        "delivery/mail/test", language=current_user.language, name=current_user.name, brand=brand.name
    )
    with transaction():
        now = utcnow()
        message = services.queue(
            purpose=Purpose.TEST,
            to_address=current_user.email,
            to_name=current_user.name,
            to_user_id=current_user.id,
            brand_id=brand_id,
            sender_id=one_id,
            language=current_user.language,
            due_at=now,
            now=now,
            **asdict(words),
        )
        sender_id = message.sender_id
    send_next(sender_id)
    flash(_("A test letter goes to %(email)s. Under Letters you see what becomes of it.", email=current_user.email))
    where = url_for(".one_sender", sender_id=one_id) if one_id else url_for(".sender", brand_id=brand_id)
    return redirect(where, code=303)
