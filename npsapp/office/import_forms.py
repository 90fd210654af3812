"""What a person types on the pages of imports."""

from flask_babel import gettext, lazy_gettext as _
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, DateField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from npsapp.customers.rules import GroundKind
from npsapp.delivery.rules import Channel
from npsapp.lib.texts import N_

FIRST_DAY_CAP = 50  # decisions.md 13
GROUND_WORDS = {
    GroundKind.CONSENT: N_("consent, and we can prove it"),
    GroundKind.CONTRACT: N_("contract: they bought from us"),
    GroundKind.INTEREST: N_("legitimate interest"),
}
CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.PHONE)


class UploadForm(FlaskForm):
    """A file and where it comes from."""

    file = FileField(_("File"), validators=[FileRequired(_("Choose a file."))])
    source = StringField(
        _("Source"),
        validators=[InputRequired(_("Say where the file comes from.")), Length(max=120)],
        description=_(
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
    first_day_cap = IntegerField(
        _("Letters on the first day, at most"),
        validators=[Optional(), NumberRange(1, 100_000)],
        description=_("Each following day twice as many. Empty: no limit."),
    )
    outbox = BooleanField(_("Letters may go to the outbox: no mail server is configured"))


class GroundForm(FlaskForm):
    """The default ground for each channel."""

    ground_email = SelectField(
        _("Ground for letters"),
        description=_(
            "For addresses without an own ground. It is kept as set by you, never as the customer’s consent."
        ),
    )
    ground_sms = SelectField(_("Ground for SMS"))
    ground_phone = SelectField(_("Ground for calls"))

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

    touchpoint = SelectField(_("Touchpoint"), coerce=int, description=_("For rows that name none."))

    def fill(self, touchpoints: list[tuple[int, str]]) -> None:
        """Put the choices in."""
        self.touchpoint.choices = touchpoints
        self.offer_grounds()
