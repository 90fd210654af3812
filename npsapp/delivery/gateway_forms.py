"""What a person may type about the gateway of a brand's SMS."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _, lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    DecimalField,
    Field,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp

from npsapp.delivery.channels.gateways import Recipe, Way, fault_of
from npsapp.delivery.rules import GatewayKind
from npsapp.lib import phones
from npsapp.organization.forms import options, stripped

# Letters and digits as operators register them (3GPP TS 23.040, 9.1.2.5), or a number.
SENDER_NAME = r"^[A-Za-z0-9 ._&-]{1,11}$|^\d{3,15}$"
TEXT_MAX, BODY_MAX = 200, 4000
OF_SENDER, OF_GATEWAY = ("address", "username", "per_minute"), ("url", "price", "currency", "hours_from", "hours_until")


def _text(label: Any, *also: Any, kind: type[Field] = StringField, longest: int = TEXT_MAX) -> Field:
    return kind(label, filters=[stripped], validators=[Length(max=longest), *also])


class PriceField(DecimalField):
    """A number with a point, or with a comma as most people here write it."""

    data: Decimal | None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed."""
        super().process_formdata([text.strip().replace(",", ".") for text in valuelist])
        if self.data is not None and not self.data.is_finite():
            self.data = None
            raise ValueError(self.gettext("Not a valid decimal value."))


_SIGNS = Regexp(r"^[\x20-\x7e]*$", message=_l("Latin letters, digits and signs only."))


class GatewayForm(FlaskForm):
    """Sender name, gateway, price and hours; and for a provider's gateway its recipe (`channels.gateways.Recipe`)."""

    address = StringField(
        _l("Sender name"),
        filters=[stripped],
        validators=[
            DataRequired(),
            Regexp(SENDER_NAME, message=_l("At most 11 Latin letters and digits, or a number.")),
        ],
        description=_l("What phones show instead of a number. Operators want it registered, which takes weeks."),
    )
    kind = SelectField(_l("Gateway"), coerce=GatewayKind)
    url = StringField(_l("Its address"), filters=[stripped], validators=[DataRequired(), Length(max=500)])
    username = _text(_l("User name"), _SIGNS)
    secret = PasswordField(_l("Password or key"), validators=[Length(max=500), _SIGNS])
    per_minute = IntegerField(_l("SMS a minute, at most"), validators=[Optional(), NumberRange(0, 100_000)])
    price = PriceField(_l("Price of one part"), places=None, validators=[Optional(), NumberRange(0, 1000)])
    currency = StringField(
        _l("Currency"),
        filters=[stripped],
        default="UAH",
        validators=[Regexp(r"^[A-Z]{3}$", message=_l("Three capital letters, like UAH."))],
    )
    hours_from = TimeField(_l("Never before"), validators=[InputRequired()])
    hours_until = TimeField(_l("Never after"), validators=[InputRequired()])
    way = SelectField(_l("How it is asked"), coerce=Way)
    headers = _text(_l("Headers"), kind=TextAreaField, longest=BODY_MAX)
    body = _text(_l("Fields"), kind=TextAreaField, longest=BODY_MAX)
    answer_at = _text(_l("Where the answer says what became of it"))
    accepted = _text(_l("Accepted"))
    number = _text(_l("The number is wrong"))
    ours = _text(_l("Our account is at fault"))
    ref_at = _text(_l("Where the answer says its id"))
    report_ref = _text(_l("Reports: field with the id"))
    report_status = _text(_l("Reports: field with the status"))
    delivered = _text(_l("Delivered"))
    failed = _text(_l("Not delivered"))

    def offer(self) -> None:
        """Put the choices in; they are words of this moment's language."""
        self.kind.choices = options((one.value, _(one.label)) for one in GatewayKind)
        self.way.choices = options((one.value, _(one.label)) for one in Way)

    def validate_url(self, field: Field) -> None:
        """An address of a server, over TLS unless it is Kannel, without a secret in it."""
        try:
            parts = urlsplit(field.data)
            _port = parts.port
        except ValueError as error:
            raise ValidationError(_("Enter an address like https://api.example.com/send.")) from error
        schemes = {"http", "https"} if self.kind.data is GatewayKind.KANNEL else {"https"}
        if parts.scheme not in schemes or not parts.hostname or parts.username or parts.fragment or "{" in field.data:
            raise ValidationError(_("Enter an address like https://api.example.com/send."))

    def validate_body(self, _field: Field) -> None:
        """The recipe as a whole; the words name the field."""
        wrong = fault_of(self.recipe()) if self.kind.data is GatewayKind.HTTP else ""
        if wrong:
            part = self[wrong].label.text
            raise ValidationError(_("This part of the recipe cannot be used: %(field)s", field=part))

    def validate_accepted(self, field: Field) -> None:
        """A recipe without it would lose everything, or repeat it."""
        if self.kind.data is GatewayKind.HTTP and not field.data:
            raise ValidationError(_("Without this nobody knows whether a message was taken."))

    def recipe(self) -> Recipe:
        """What was typed about a provider's gateway."""
        names = [name for name in Recipe.__dataclass_fields__ if name != "way"]
        return Recipe(way=self.way.data or Way.JSON, **{name: self[name].data or "" for name in names})

    def of_sender(self) -> dict[str, Any]:
        """What was typed, by column of the sender; the secret as it was typed."""
        return {name: self[name].data for name in OF_SENDER} | {"username": self.username.data or ""}

    def of_gateway(self) -> dict[str, Any]:
        """What was typed, by column of the gateway."""
        recipe = self.recipe().stored() if self.kind.data is GatewayKind.HTTP else {}
        return {name: self[name].data for name in OF_GATEWAY} | {"kind": self.kind.data, "recipe": recipe}


class TestForm(FlaskForm):
    """Where a test SMS goes."""

    __test__ = False
    phone = StringField(_l("Your mobile number"), filters=[stripped], validators=[DataRequired(), Length(max=40)])

    def validate_phone(self, field: Field) -> None:
        """A number that can get SMS, as E.164."""
        number = phones.normalise(field.data or "")
        if number is None or not phones.is_mobile(number):
            raise ValidationError(_("This is no mobile number."))
        field.data = number
