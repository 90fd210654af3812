"""What staff type about an open link."""

from typing import Any

from flask_babel import gettext, lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, SelectField, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from npsapp.i18n import words_of
from npsapp.organization.forms import NAME_MAX, Choices, options, stripped, whole
from npsapp.responses.open_models import OpenLink
from npsapp.responses.open_rules import Asks

EACH = "each"
"""Stands for a link of its own for every store that has none yet."""


class OpenLinkForm(FlaskForm):
    """Where a link hangs, what it asks about and what it asks for."""

    name = StringField(
        _("Where it hangs"),
        validators=[DataRequired(_("Please say where it hangs.")), Length(max=NAME_MAX)],
        filters=[stripped],
        description=_("For example: poster at the entrance, receipt, tablet at the counter."),
    )
    survey = SelectField(_("Survey"), coerce=whole)
    place = SelectField(_("Answers belong to"))
    segment = SelectField(_("Segment"), coerce=whole)
    asks = SelectField(
        _("Number of the order, or phone number"),
        coerce=Asks,
        default=Asks.OPTIONAL,
        description=_("With a number an unhappy visitor becomes a case; without one there is nobody to call."),
    )
    tablet = BooleanField(
        _("On a tablet of ours"),
        description=_("The page goes back to its start 15 seconds after the thanks and remembers nothing."),
    )

    def offer(self, *, surveys: Choices, places: Choices, segments: Choices) -> None:
        """Fill in what may be chosen."""
        self.survey.choices, self.place.choices = options(surveys), options(places)
        self.segment.choices = options([("", gettext("any")), *segments])
        self.asks.choices = options(words_of(Asks).items())

    def show(self, link: OpenLink) -> None:
        """What is stored."""
        stored = {name: getattr(link, name) for name in ("name", "place", "asks", "tablet")}
        self.process(data=stored | {"segment": link.segment_id})

    def validate_place(self, field: Field) -> None:
        """A tablet stands in one store."""
        if field.data == EACH and self.tablet.data:
            raise ValidationError(gettext("Tablets are set up one by one."))

    def columns(self) -> dict[str, Any]:
        """What was typed, by column; without a place for the whole brand, and for `EACH`."""
        kind, _colon, id_ = self.place.data.partition(":")
        found = {"name": self.name.data, "asks": self.asks.data, "tablet": self.tablet.data}
        places = {f"{one}_id": int(id_) if kind == one else None for one in ("unit", "region")}
        return found | places | {"segment_id": self.segment.data}
