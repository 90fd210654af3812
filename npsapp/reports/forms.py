"""What a reader may ask of a report: days and filters; everything stands in the address."""

from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, Field, SelectField, ValidationError
from wtforms.validators import Optional

from npsapp.reports.rules import EARLIEST, LATEST, Period

Choices = list[tuple[int, str]]
FILTERS = ("brand", "touchpoint", "survey", "region", "segment")


class DayField(DateField):
    """A calendar day as browsers send it, 2026-11-03; other writing gets an error that shows how."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the day, or say what is wrong with it."""
        self.data: date | None = None
        typed = " ".join(valuelist).strip()
        if not typed:
            return
        try:
            self.data = date.fromisoformat(typed)
        except ValueError:
            raise ValueError(_("This is not a day. Write it like 2026-11-03.")) from None

    def pre_validate(self, form: FlaskForm) -> None:
        """Refuse days in which no answer can have been given."""
        if self.data is not None and not EARLIEST <= self.data <= LATEST:
            raise ValidationError(_("Choose a day between 2000 and 2100."))


def _chosen(value: Any) -> int | None:
    """An id; the empty choice is None, and what is no id becomes one that nothing has."""
    if value is None or value == "":
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


class FilterForm(FlaskForm):
    """A form that is sent by GET: it asks, and changes nothing."""

    class Meta:
        csrf = False

    first = DayField(_l("From"), name="from", validators=[Optional()])
    last = DayField(_l("To"), name="to", validators=[Optional()])
    brand = SelectField(_l("Brand"), coerce=_chosen)
    touchpoint = SelectField(_l("Touchpoint"), coerce=_chosen)
    survey = SelectField(_l("Survey"), coerce=_chosen)
    region = SelectField(_l("Region"), coerce=_chosen)
    segment = SelectField(_l("Segment"), coerce=_chosen)

    def validate_last(self, field: Field) -> None:
        """The end may not lie before the beginning."""
        if self.period.backwards:
            raise ValidationError(_("The end lies before the beginning."))

    @property
    def period(self) -> Period:
        """The days typed; an empty field is an open end."""
        return Period(self.first.data, self.last.data)

    def offer(self, name: str, choices: Choices) -> None:
        """What may be chosen; a filter with nothing to choose between is left out, unless it is in use."""
        field = self[name]
        if len(choices) < 2 and not field.data:
            del self[name]
            return
        field.choices = [("", _("all")), *choices]

    def filters(self) -> list[str]:
        """The names of the filters that are offered."""
        return [name for name in FILTERS if name in self]

    def arguments(self) -> dict[str, str]:
        """What is asked for, as it stands in the address."""
        asked = {"from": self.first.data, "to": self.last.data}
        asked.update({name: self[name].data for name in self.filters()})
        return {name: str(value) for name, value in asked.items() if value is not None}
