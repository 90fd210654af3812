"""What may be typed about policies and pauses."""

from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectChoice, SelectMultipleField, TimeField, widgets
from wtforms.validators import InputRequired, NumberRange, ValidationError

_NAMES = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
WEEKDAYS = [SelectChoice(str(number), name) for number, name in enumerate(_NAMES, start=1)]
COLUMNS = ("window_from", "window_until", "same_survey_days", "other_days", "latest_days", "valid_days")


def _days(label: Any, *, low: int, high: int, description: Any = "") -> IntegerField:
    message = _("Enter a whole number from %(low)s to %(high)s.", low=low, high=high)
    return IntegerField(
        label,
        description=description,
        validators=[InputRequired(message), NumberRange(low, high, message)],
        render_kw={"inputmode": "numeric", "min": low, "max": high},
    )


class PolicyForm(FlaskForm):
    """The rule of one survey."""

    delay_days = _days(_("Days after the purchase"), low=0, high=365)
    delay_more_hours = _days(_("and hours"), low=0, high=23)
    window_from = TimeField(_("From"), validators=[InputRequired(_("Enter a time like 10:00."))])
    window_until = TimeField(
        _("Until"),
        description=_("In the customer's time zone. The same time twice means the whole day."),
        validators=[InputRequired(_("Enter a time like 19:00."))],
    )
    weekdays = SelectMultipleField(
        _("On these days"),
        choices=WEEKDAYS,
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(prefix_label=False),
    )
    same_survey_days = _days(
        _("Days between two questions of this survey"),
        low=0,
        high=3650,
        description=_("Counted from the last invitation or answer. Two letters are always at least 24 hours apart."),
    )
    other_days = _days(_("Days after a question of another survey"), low=0, high=3650)
    latest_days = _days(
        _("Days after which it is too late to ask"),
        low=1,
        high=365,
        description=_("Counted from the planned moment. A letter that missed it is never sent."),
    )
    valid_days = _days(
        _("Days the link takes answers"), low=1, high=365, description=_("Counted from the moment the letter left.")
    )

    def validate_weekdays(self, field: SelectMultipleField) -> None:
        """At least one day."""
        if not field.data:
            raise ValidationError(_("Choose at least one day."))

    def values(self) -> dict[str, Any]:
        """The form as columns of the policy."""
        typed = {name: self[name].data for name in COLUMNS}
        typed["delay_hours"] = (self.delay_days.data or 0) * 24 + (self.delay_more_hours.data or 0)
        return typed | {"weekdays": "".join(sorted(self.weekdays.data or []))}
