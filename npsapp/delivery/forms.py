"""What a person may type about the sender of letters and its mail server."""

from typing import Any

from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, IntegerField, PasswordField, SelectField, StringField, ValidationError
from wtforms.validators import DataRequired, Email, InputRequired, Length, NumberRange, Optional, Regexp

from npsapp.delivery.rules import Security
from npsapp.organization.forms import EMAIL_MAX, RowForm, options, stripped

HOST_MAX = 253  # RFC 1035, 2.3.4
PASSWORD_MAX = 500
DOMAIN = r"^[^\s/@*]+\.[^\s/@*]+$"
SELECTORS = r"^([A-Za-z0-9._-]+ *){0,6}$"


class SenderForm(RowForm):
    """The name and addresses on a brand's letters, and the server that takes them."""

    address = StringField(
        _l("Letters come from"),
        filters=[stripped],
        validators=[DataRequired(), Email(), Length(max=EMAIL_MAX)],
        description=_l("An address your mail server may send for; its domain needs SPF and DKIM."),
    )
    reply_to = StringField(
        _l("Replies go to"),
        filters=[stripped],
        validators=[DataRequired(), Email(), Length(max=EMAIL_MAX)],
        description=_l("A mailbox that people read. Customers do reply."),
    )
    bounce_address = StringField(
        _l("Undeliverable letters come back to"),
        filters=[stripped],
        validators=[Optional(), Length(max=EMAIL_MAX), Regexp(r"^([\w.-]+\+?)?@[\w-]+(\.[\w-]+)+$")],
        description=_l(
            "An address whose mailbox stands under “What comes back”. With a plus before the @, as in "
            "name+@example.com, each letter gets its own; your server must deliver name+anything to name."
        ),
    )
    host = StringField(
        _l("Mail server (SMTP)"),
        filters=[stripped],
        validators=[Optional(), Length(max=HOST_MAX), Regexp(r"^[^\s/@]+$", message=_l("Only its name or address."))],
    )
    security = SelectField(_l("Protection"), coerce=Security)
    port = IntegerField(_l("Port"), validators=[InputRequired(), NumberRange(1, 65535)], default=587)
    username = StringField(_l("User name"), filters=[stripped], validators=[Length(max=EMAIL_MAX)])
    password = PasswordField(_l("Password"), validators=[Length(max=PASSWORD_MAX)])
    per_minute = IntegerField(_l("Letters a minute, at most"), validators=[Optional(), NumberRange(0, 100_000)])
    connections = IntegerField(_l("Connections at the same time"), validators=[Optional(), NumberRange(1, 50)])
    anyway = BooleanField(_l("Save all the same: the server will be put right later"))

    def offer(self) -> None:
        """Put the choices in; they are words of this moment's language."""
        self.security.choices = options((one.value, _(one.label)) for one in Security)

    def validate_password(self, field: Field) -> None:
        """A password without its user would never be asked for."""
        if field.data and not self.username.data:
            raise ValidationError(_("Enter the user name too."))

    def columns(self) -> dict[str, Any]:
        """What was typed, by column of the sender; the password as it was typed."""
        typed = super().columns()
        del typed["anyway"]
        typed["host"] = (typed["host"] or "").lower()
        return typed | {name: (typed[name] or "").lower() for name in ("address", "reply_to", "bounce_address")}


class PaceForm(FlaskForm):
    """How many letters a minute may leave to one provider."""

    domain = StringField(
        _l("Domain of the addresses"),
        filters=[stripped, lambda value: value and value.lower().lstrip("@")],
        validators=[DataRequired(), Length(max=HOST_MAX), Regexp(DOMAIN, message=_l("For example gmail.com."))],
    )
    per_minute = IntegerField(
        _l("Letters a minute, at most"),
        validators=[Optional(), NumberRange(0, 100_000)],
        description=_l("0: no limit. Empty: as usual."),
    )


class SelectorForm(FlaskForm):
    """Under which names the DKIM keys of a domain stand."""

    selectors = StringField(
        _l("DKIM selectors"),
        filters=[stripped],
        validators=[Length(max=200), Regexp(SELECTORS, message=_l("Letters, digits and dots; several with spaces."))],
        description=_l("Your mail provider shows them; several with spaces between. Empty: the usual ones are tried."),
    )
