"""Pages of the mailboxes to which letters come back."""

from typing import Any

from flask import abort, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, PasswordField, ValidationError
from wtforms.validators import InputRequired, Length, Regexp

from npsapp.audit.doors import me
from npsapp.db import db, transaction
from npsapp.delivery import incoming, queries, return_tasks
from npsapp.delivery.incoming_models import ReturnBox
from npsapp.delivery.rules import Channel
from npsapp.lib import mailboxes, sealing
from npsapp.lib.clock import utcnow
from npsapp.lib.mailboxes import Way
from npsapp.lib.refusals import Refused
from npsapp.organization.forms import choice, line, number, options
from npsapp.permissions import Permission
from npsapp.web.access import Room
from npsapp.web.pages import done, form_page

bp = Room("returns", __name__, url_prefix="/returns", template_folder="templates")

NAME_MAX = 200
LATIN = Regexp(r"^[ -~]*$", message=_l("Only Latin letters, digits and signs."))


class AccessForm(FlaskForm):
    """How a mailbox is opened, and where letters go once they are read."""

    host = line(_l("Server"), InputRequired(), Length(max=NAME_MAX), LATIN, help=_l("Such as imap.example.com."))
    port = number(_l("Port"), 1, 65_535, default=mailboxes.USUAL_PORT, help=_l("Usually 993 for IMAP, 995 for POP3."))
    plain = BooleanField(_l("Without encryption"), description=_l("Only for a mail server on this very machine."))
    user = line(_l("User name"), InputRequired(), Length(max=NAME_MAX))
    password = PasswordField(_l("Password"), validators=[Length(max=NAME_MAX)])
    folder = line(_l("Folder"), Length(max=NAME_MAX), LATIN, help=_l("Of IMAP. Empty: INBOX."))
    done = line(_l("Folder for letters that were read"), Length(max=NAME_MAX), LATIN)

    def need_password(self, *, stored: bool) -> None:
        """A password belongs to one mailbox."""
        if self.is_submitted() and not stored:
            self.password.validators = [InputRequired(_("Another mailbox has a password of its own."))]


class BoxForm(AccessForm):
    """A mailbox to which letters come back."""

    way = choice(_l("Read over"), help=_l("Over POP3 what was read no longer counts as new for others."), coerce=Way)
    tidy = BooleanField(
        _l("Put away what machines wrote about our letters, once it is read"),
        description=_l("Without it all letters stay as they are. Letters of people and strangers always stay."),
    )
    anyway = BooleanField(_l("Save all the same: the mailbox will be put right later"))

    def offer(self) -> None:
        """Put the choices in; they are words of this moment's language."""
        self.way.choices = options((one.value, _(one.label)) for one in Way)

    def validate_done(self, item: Field) -> None:
        """POP3 knows no folders."""
        if item.data and self.way.data is Way.POP3:
            raise ValidationError(_("Over POP3 letters can only be deleted. Leave this empty, or choose IMAP."))

    def columns(self) -> dict[str, Any]:
        """What was typed, by column; the password apart."""
        return {name: value for name, value in self.data.items() if name not in ("anyway", "csrf_token", "password")}


@bp.page("/", Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """The mailboxes, how they fare, and how a mail server hands over letters itself."""
    senders = [one for one in queries.senders() if one.channel is Channel.EMAIL]
    return render_template("delivery/returns.html", boxes=incoming.boxes(), senders=senders)


@bp.form("/new", Permission.ADMINISTER)
def new() -> ResponseReturnValue:
    """Enter a mailbox, which is tried before it is saved."""
    return _edit(None)


@bp.form("/<int:box_id>", Permission.ADMINISTER)
def edit(box_id: int) -> ResponseReturnValue:
    """Change how a mailbox is opened."""
    return _edit(db.session.get(ReturnBox, box_id) or abort(404))


def _edit(found: ReturnBox | None) -> ResponseReturnValue:
    form = BoxForm(obj=found)
    form.offer()
    form.need_password(stored=found is not None and (form.host.data, form.user.data) == (found.host, found.user))
    if not form.validate_on_submit():
        return _page(form, found)
    keys, columns = current_app.config["SECRET_KEYS"], form.columns()
    typed = form.password.data
    columns["password"] = sealing.seal(keys, typed) if typed else found.password if found else ""
    if not form.anyway.data and (fault := _fault(ReturnBox(**columns))):
        form.host.errors = [fault]
        return _page(form, found)
    with transaction():
        box = db.session.get(ReturnBox, found.id) if found else None
        incoming.save_box(box or ReturnBox(), columns, actor=me(), now=utcnow())
    return done(_("Saved. The mailbox is read every five minutes."), ".index")


def _page(form: BoxForm, found: ReturnBox | None) -> ResponseReturnValue:
    return form_page("delivery/return_box.html", form, box=found)


def _fault(draft: ReturnBox) -> str | None:
    """What is wrong with a mailbox, in words; None when it opens."""
    config = current_app.config
    access = incoming.access(draft, keys=config["SECRET_KEYS"], ca_file=config["MAIL_CA_FILE"] or None)
    db.session.rollback()  # nothing is read or written while the server is spoken to
    try:
        with mailboxes.opened_box(draft.way, access):
            return None
    except Refused as refusal:
        return str(_(refusal.wording, **refusal.values))


@bp.deed("/<int:box_id>/read", Permission.ADMINISTER)
def read(box_id: int) -> ResponseReturnValue:
    """Look into a mailbox now."""
    with transaction():
        incoming.hurry(box_id)
    return_tasks.read_box.enqueue(box_id)
    return done(_("The mailbox is being read. Load this page again in a minute."), ".index")


@bp.deed("/<int:box_id>/remove", Permission.ADMINISTER)
def remove(box_id: int) -> ResponseReturnValue:
    """Read a mailbox no more."""
    with transaction():
        incoming.remove_box(box_id, actor=me(), now=utcnow())
    return done(_("The mailbox is not read any more. Its letters stay in it."), ".index")
