"""What a person types on the pages of connections."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from flask_babel import gettext, lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, RadioField, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired, Length, Optional, Regexp

from npsapp.intake.commerceml import Trigger
from npsapp.intake.connections import KINDS
from npsapp.intake.models import SourceKind
from npsapp.intake.onec import CHARSETS
from npsapp.lib.texts import N_
from npsapp.office.import_forms import GroundForm
from npsapp.organization.forms import options, ticks, whole
from npsapp.organization.rules import zones
from npsapp.permissions import ApiScope

VERSIONS = ("2.09", "3.1", "2.08", "2.05")

ABOUT = {
    SourceKind.ONEC: N_("1C and BAS send orders and sales over HTTPS with their exchange with a site."),
    SourceKind.API: N_("A program of yours, or a procedure inside 1C or BAS, sends JSON. The way we recommend."),
    SourceKind.BITRIX24: N_("The portal calls when a deal changes; the deal and its contact are then read from it."),
    SourceKind.AMOCRM: N_("The account calls when a lead changes; the lead and its contact are then read from it."),
    SourceKind.WEBHOOK: N_("Any program that can call an address with JSON or a form; you say which field is which."),
    SourceKind.FOLDER: N_("A nightly report or export is dropped into a folder of this server and read by itself."),
    SourceKind.MAILBOX: N_("Reports come by mail; attachments from senders you name are read by themselves."),
}


Names = Iterable[tuple[int, str]]
"""(id, name) to choose from."""


class AddForm(FlaskForm):
    """Which program, and what to call it."""

    kind = RadioField(_("What sends the purchases"), validators=[InputRequired(_("Choose one."))])
    name = StringField(
        _("Name"),
        validators=[InputRequired(_("Give the connection a name.")), Length(max=120)],
        description=_("One 1C base, one portal, one program: “1C Kyiv”. Colleagues see this name."),
    )

    def offer(self) -> None:
        """Put the choices in; they are words of this moment's language."""
        self.kind.choices = options((kind.value, gettext(kind.label)) for kind in KINDS)


class ConnectionForm(GroundForm):
    """How records of a connection are understood. The last four are of one kind each: see `connections.USUAL`."""

    name = StringField(_("Name"), validators=[InputRequired(_("Give the connection a name.")), Length(max=120)])
    brand_id = SelectField(_("Brand"), coerce=int, description=_("For records that name none."))
    touchpoint_id = SelectField(_("Touchpoint"), coerce=whole, description=_("For records that name none."))
    timezone = SelectField(_("Time zone"), description=_("Of times that come without one."))
    currency = StringField(
        _("Currency"), validators=[InputRequired(), Regexp("^[A-Z]{3}$", message=_("Write its three letters."))]
    )
    country = StringField(
        _("Country of phone numbers"),
        validators=[Optional(), Regexp("^[A-Z]{2}$", message=_("Write its two letters, such as UA."))],
        description=_("Two letters, for numbers without a country code. Empty: the country of the time zone."),
    )
    ids_are_persons = BooleanField(
        _("One customer id is one person"),
        description=_("Not in 1C and BAS, where one card “Retail buyer” stands for thousands."),
    )
    ask_completed = BooleanField(
        _("Ask only about completed orders"),
        description=_("Orders that are said to be open are kept and asked about once they are completed."),
    )
    link_template = StringField(
        _("Link to the order"),
        validators=[Optional(), Length(max=500)],
        description=_("Address of an order in your program, with {number} or {id}. Colleagues get the link."),
    )
    trigger = RadioField(_("A customer order counts as completed"))
    encoding = SelectField(
        _("Encoding of our answers"),
        description=_(
            "Usually windows-1251 for the built-in exchange and UTF-8 for the module. Choose one only if 1C shows "
            "unreadable letters in its exchange log. What 1C sends is read in any encoding."
        ),
    )
    version = SelectField(
        _("Version of the exchange (version=)"),
        description=_(
            "What we answer to the 1C-Bitrix module when it asks. With УТ 11 only 2.09 is known to work; choose "
            "another if your module refuses it."
        ),
    )
    scopes = ticks(_("With its key the program may"), InputRequired(_("Tick at least one.")))

    def offer(self, brands: Names, touchpoints: Names) -> None:
        """Put the choices in."""
        self.offer_grounds()
        self.brand_id.choices = options((str(id_), name) for id_, name in brands)
        self.touchpoint_id.choices = options([("", gettext("none")), *((str(id_), name) for id_, name in touchpoints)])
        self.timezone.choices = options((zone, zone) for zone in zones())
        self.trigger.choices = options((one.value, gettext(one.label)) for one in Trigger)
        self.encoding.choices = options([("", gettext("as usual there")), *((one, one) for one in CHARSETS)])
        self.version.choices = options((one, one) for one in VERSIONS)
        self.scopes.choices = options((one.value, gettext(one.label)) for one in ApiScope)

    def validate_link_template(self, item: Field) -> None:
        """Only web pages can be linked to."""
        if item.data and urlsplit(item.data).scheme not in ("http", "https"):
            raise ValidationError(gettext("Write an address that begins with https://."))
