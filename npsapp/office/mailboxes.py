"""The page of a mailbox: how it is opened, and whose letters are read."""

from typing import Any

from flask import abort
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l
from wtforms import Field, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length

from npsapp.audit.doors import me
from npsapp.db import db, transaction
from npsapp.delivery.return_views import LATIN, NAME_MAX, AccessForm
from npsapp.intake import connections
from npsapp.intake.models import Source, SourceKind
from npsapp.lib import addresses
from npsapp.lib.clock import utcnow
from npsapp.office.blueprint import bp
from npsapp.organization.forms import line
from npsapp.permissions import Permission
from npsapp.web.pages import done, form_page


class MailboxForm(AccessForm):
    """Where the mailbox is, and whom we believe."""

    senders = TextAreaField(
        _l("Senders"),
        validators=[InputRequired(_l("Name at least one sender.")), Length(max=4000)],
        description=_l("Whose letters are read: one address a line, or @example.com for all of a company."),
    )
    authserv = line(
        _l("Your mail server’s name in Authentication-Results"),
        *(Length(max=NAME_MAX), LATIN),
        help=_l(
            "The sender of a letter can be forged. If your mail server checks senders, it writes a line "
            "Authentication-Results with its own name into each letter; enter that name, and only letters it found "
            "genuine (dmarc=pass) are read."
        ),
    )

    def validate_senders(self, item: Field) -> None:
        """Addresses and domains, one a line."""
        for one in self.named:
            if not (one.startswith("@") and "." in one and " " not in one) and addresses.addresses_in(one) != [one]:
                raise ValidationError(_("%(one)s is no address. Write one address a line.", one=one))

    @property
    def named(self) -> list[str]:
        """The senders that were typed, each once."""
        lines = (one.strip().lower() for one in (self.senders.data or "").splitlines())
        return list(dict.fromkeys(one for one in lines if one))

    @property
    def settings(self) -> dict[str, Any]:
        """What is kept with the connection, as `mailbox.Settings` reads it."""
        plain = ("host", "port", "plain", "user", "folder", "done", "authserv")
        return {name: self[name].data or "" for name in plain} | {"senders": self.named}


@bp.form("/connections/<int:source_id>/mailbox", Permission.ADMINISTER)
def mailbox_settings(source_id: int) -> ResponseReturnValue:
    """Enter how the mailbox is opened; a password typed once is kept sealed and never shown."""
    source = db.session.get(Source, source_id)
    if source is None or source.kind is not SourceKind.MAILBOX:
        abort(404)
    kept = source.settings
    form = MailboxForm(data={**kept, "senders": "\n".join(kept.get("senders", []))})
    form.password.flags.required = not source.sealed
    form.need_password(stored=bool(source.sealed) and form.host.data == kept.get("host"))
    if not form.validate_on_submit():
        return form_page("office/connections/mailbox.html", form, source=source)
    with transaction():
        connections.change(source_id, {}, form.settings, actor=me(), now=utcnow())
        connections.seal(db.session.get_one(Source, source_id), password=form.password.data or "")
    return done(_("Saved. Test the connection to see whether the mailbox opens."), ".connection", source_id=source_id)
