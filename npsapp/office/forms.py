"""What a person types about files of purchases and about the connections that send them."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from flask_babel import gettext, lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, Field, RadioField, ValidationError
from wtforms.validators import InputRequired, Length, Optional, Regexp

from npsapp.customers.rules import GroundKind
from npsapp.delivery.rules import Channel
from npsapp.intake.commerceml import Trigger
from npsapp.intake.connections import KINDS
from npsapp.intake.models import SourceKind
from npsapp.intake.onec import CHARSETS
from npsapp.lib.texts import N_
from npsapp.organization.forms import choice, line, number, options, ticks, upload, whole
from npsapp.organization.rules import zones
from npsapp.permissions import ApiScope

FIRST_DAY_CAP = 50  # decisions.md 13
GROUND_WORDS = {
    GroundKind.CONSENT: N_("consent, and we can prove it"),
    GroundKind.CONTRACT: N_("contract: they bought from us"),
    GroundKind.INTEREST: N_("legitimate interest"),
}
CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.PHONE)
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
NAMED = (InputRequired(_("Give the connection a name.")), Length(max=120))


# ---- files ----


class UploadForm(FlaskForm):
    """A file and where it comes from."""

    file = upload()
    source = line(
        *(_("Source"), InputRequired(_("Say where the file comes from.")), Length(max=120)),
        help=_(
            "The program or shop the file comes from, always the same name. A new source starts in trial: it is "
            "read and counted, and nobody is asked until you take it live."
        ),
    )


class LiveForm(FlaskForm):
    """From when a source asks, and how fast it starts."""

    live_from = DateField(
        _("Go live from"),
        validators=[Optional()],
        description=_("Nobody is asked about what happened before this day."),
    )
    first_day_cap = number(
        *(_("Letters on the first day, at most"), 1, 100_000),
        help=_("Each following day twice as many. Empty: no limit."),
        optional=True,
    )
    outbox = BooleanField(_("Letters may go to the outbox: no mail server is configured"))


class GroundForm(FlaskForm):
    """The default ground for each channel."""

    ground_email = choice(
        _("Ground for letters"),
        _("For addresses without an own ground. It is kept as set by you, never as the customer’s consent."),
    )
    ground_sms = choice(_("Ground for SMS"))
    ground_phone = choice(_("Ground for calls"))

    @property
    def grounds(self) -> dict[str, str]:
        """Channel → ground, channels without one left out."""
        chosen = {channel.value: self[f"ground_{channel.value}"].data for channel in CHANNELS}
        return {channel: kind for channel, kind in chosen.items() if kind}

    def offer_grounds(self) -> None:
        """Put the choices in; they are words of this moment's language."""
        for channel in CHANNELS:
            kinds = [GroundKind.CONSENT] if channel is Channel.SMS else list(GroundKind)
            choices = [(kind.value, gettext(GROUND_WORDS[kind])) for kind in kinds]
            none = ("", gettext("none: nobody is asked without an own ground"))
            self[f"ground_{channel.value}"].choices = [none, *choices]


class ChoiceForm(LiveForm, GroundForm):
    """What holds for a waiting file, and whether its source goes live with it."""

    touchpoint = choice(_("Touchpoint"), _("For rows that name none."), int)

    def fill(self, touchpoints: list[tuple[int, str]]) -> None:
        """Put the choices in."""
        self.touchpoint.choices = touchpoints
        self.offer_grounds()

    @property
    def changed(self) -> bool:
        """Whether something was chosen with which the numbers on the page were not counted."""
        counted = [self.touchpoint, self.live_from, *(self[f"ground_{channel.value}"] for channel in CHANNELS)]
        return any(one.object_data is not None and (one.data or "") != one.object_data for one in counted)


# ---- connections ----


class AddForm(FlaskForm):
    """Which program, and what to call it."""

    kind = RadioField(_("What sends the purchases"), validators=[InputRequired(_("Choose one."))])
    name = line(
        *(_("Name"), *NAMED), help=_("One 1C base, one portal, one program: “1C Kyiv”. Colleagues see this name.")
    )

    def offer(self) -> None:
        """Put the choices in; they are words of this moment's language."""
        self.kind.choices = options((kind.value, gettext(kind.label)) for kind in KINDS)


class ConnectionForm(GroundForm):
    """How records of a connection are understood. The last four are of one kind each: see `connections.USUAL`."""

    name = line(_("Name"), *NAMED)
    brand_id = choice(_("Brand"), _("For records that name none."), int)
    touchpoint_id = choice(_("Touchpoint"), _("For records that name none."), whole)
    timezone = choice(_("Time zone"), _("Of times that come without one."))
    currency = line(_("Currency"), InputRequired(), Regexp("^[A-Z]{3}$", message=_("Write its three letters.")))
    country = line(
        *(_("Country of phone numbers"), Optional()),
        Regexp("^[A-Z]{2}$", message=_("Write its two letters, such as UA.")),
        help=_("Two letters, for numbers without a country code. Empty: the country of the time zone."),
    )
    ids_are_persons = BooleanField(
        _("One customer id is one person"),
        description=_("Not in 1C and BAS, where one card “Retail buyer” stands for thousands."),
    )
    ask_completed = BooleanField(
        _("Ask only about completed orders"),
        description=_("Orders that are said to be open are kept and asked about once they are completed."),
    )
    link_template = line(
        *(_("Link to the order"), Optional(), Length(max=500)),
        help=_("Address of an order in your program, with {number} or {id}. Colleagues get the link."),
    )
    trigger = RadioField(_("A customer order counts as completed"))
    encoding = choice(
        _("Encoding of our answers"),
        _(
            "Usually windows-1251 for the built-in exchange and UTF-8 for the module. Choose one only if 1C shows "
            "unreadable letters in its exchange log. What 1C sends is read in any encoding."
        ),
    )
    version = choice(
        _("Version of the exchange (version=)"),
        _(
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
