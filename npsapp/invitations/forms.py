"""What may be typed about the rule of a survey, and about how a company leaves people alone."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from flask_babel import gettext, lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, DecimalField, HiddenField, SelectField, SelectMultipleField, TextAreaField, TimeField
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError

from npsapp.delivery.rules import Channel
from npsapp.invitations.chains import CHANNELS, FIRST, MOST_STEPS, ChainStep
from npsapp.invitations.criteria import Acquaintance, Criteria
from npsapp.lib.texts import Worded
from npsapp.lib.tokens import digest
from npsapp.organization.forms import EMAIL_MAX, number, options, ticks

_NAMES = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
WEEKDAYS = options((str(day), name) for day, name in enumerate(_NAMES, start=1))
COLUMNS = ("window_from", "window_until", "weekend_from", "weekend_until", "on_holidays", "latest_days", "valid_days")
FOLLOW_UPS = range(FIRST + 1, MOST_STEPS + 1)
DAYS_MAX = 3650
STAFF_MAX = 200


def _amount(label: Any) -> DecimalField:
    limit = NumberRange(0, 10**11, _("Enter an amount like 1500."))
    return DecimalField(label, places=2, validators=[Optional(), limit], render_kw={"inputmode": "decimal", "min": 0})


class PolicyForm(FlaskForm):
    """The rule of one survey: whom it asks, when, and with which steps."""

    segments = ticks(_("Segments"), coerce=int)
    regions = ticks(_("Regions, with all below them"), coerce=int)
    units = ticks(_("Stores and warehouses"), coerce=int)
    selections = ticks(_("Selections of customers"), coerce=int)
    amount_from = _amount(_("Amount from"))
    amount_to = _amount(_("Amount up to"))
    acquaintance = SelectField(_("Customers"), default="")
    properties = ticks(_("Properties of the purchase"))
    delay_days = number(_("Days after the purchase"), 0, 365)
    delay_more_hours = number(_("and hours"), 0, 23)
    window_from = TimeField(_("From"), validators=[InputRequired(_("Enter a time like 10:00."))])
    window_until = TimeField(
        _("Until"),
        description=_("In the customer's time zone. The same time twice means the whole day."),
        validators=[InputRequired(_("Enter a time like 19:00."))],
    )
    weekend_from = TimeField(_("On Saturday and Sunday from"), validators=[Optional()])
    weekend_until = TimeField(
        _("On Saturday and Sunday until"), description=_("Empty: as on other days."), validators=[Optional()]
    )
    weekdays = ticks(_("On these days"), choices=WEEKDAYS)
    on_holidays = BooleanField(_("Also on holidays"), description=_("Those of the customer's region."))
    first_channel = SelectField(_("First step"))
    mobile_sms = BooleanField(_("Customers with only a mobile number start with an SMS"))
    latest_days = number(
        *(_("Days after which it is too late to ask"), 1, 365),
        help=_("Counted from the planned moment. A letter that missed it is never sent."),
    )
    valid_days = number(_("Days the link takes answers"), 1, 365, help=_("Counted from the moment the letter left."))
    seen = HiddenField()

    def offer(self, **choices: Iterable[tuple[Any, str]]) -> None:
        """What there is to choose from; fields with nothing to choose are left out."""
        for name in CHOSEN:
            if found := list(choices.get(name, ())):
                self[name].choices = options(found)
            else:
                delattr(self, name)
        self.acquaintance.choices = options([("", _("New and returning")), *_worded(Acquaintance)])
        channels = [(channel.value, gettext(word)) for channel, word in CHANNELS.items()]
        self.first_channel.choices = options(channels)
        for step in FOLLOW_UPS:
            self[f"channel{step}"].choices = options([("", _("none")), *channels])

    def show(self, rule: Any, criteria: Criteria, steps: Iterable[ChainStep]) -> None:
        """Put a stored rule into the form."""
        self.delay_days.data, self.delay_more_hours.data = divmod(rule.delay_hours, 24)
        self.weekdays.data = list(rule.weekdays)
        for name in ("segments", "regions", "units", "selections"):
            if name in self:
                self[name].data = sorted(getattr(criteria, name))
        if "properties" in self:
            self.properties.data = [f"{key}={one}" for key, values in criteria.properties.items() for one in values]
        self.amount_from.data, self.amount_to.data = criteria.amount_from, criteria.amount_to
        self.acquaintance.data = criteria.acquaintance.value if criteria.acquaintance else ""
        for step in steps:
            if step.number != FIRST:
                self[f"channel{step.number}"].data = step.channel.value
                self[f"after{step.number}"].data = step.delay.days

    def validate_weekdays(self, field: SelectMultipleField) -> None:
        """At least one day."""
        if not field.data:
            raise ValidationError(_("Choose at least one day."))

    def validate_weekend_from(self, _field: TimeField) -> None:
        """Both or none; an empty field is not asked."""
        if (self.weekend_until.data is None) != (self.weekend_from.data is None):
            raise ValidationError(_("Enter both times, or none."))

    validate_weekend_until = validate_weekend_from

    def criteria(self) -> Criteria:
        """Which purchases are meant."""
        properties: dict[str, set[str]] = {}
        for chosen in self._chosen("properties"):
            key, _equals, value = str(chosen).partition("=")
            properties.setdefault(key, set()).add(value)
        return Criteria(
            **{name: frozenset(self._chosen(name)) for name in ("segments", "regions", "units", "selections")},
            amount_from=self.amount_from.data,
            amount_to=self.amount_to.data,
            acquaintance=Acquaintance(self.acquaintance.data) if self.acquaintance.data else None,
            properties={key: frozenset(values) for key, values in properties.items()},
        )

    def _chosen(self, name: str) -> list[Any]:
        return list(self[name].data or ()) if name in self else []

    def follow_ups(self) -> list[ChainStep]:
        """The steps after the first."""
        return [
            ChainStep(step, Channel(self[f"channel{step}"].data), timedelta(days=self[f"after{step}"].data or 0))
            for step in FOLLOW_UPS
            if self[f"channel{step}"].data
        ]

    def values(self) -> dict[str, Any]:
        """The form as columns of the policy."""
        typed = {name: self[name].data for name in COLUMNS}
        typed["delay_hours"] = (self.delay_days.data or 0) * 24 + (self.delay_more_hours.data or 0)
        typed |= {"criteria": self.criteria().to_json(), "mobile_sms": self.mobile_sms.data}
        typed["first_channel"] = Channel(self.first_channel.data)
        return typed | {"weekdays": "".join(sorted(self.weekdays.data or []))}

    def stamp(self) -> str:
        """Changes with everything that was typed: what was looked at is what is saved."""
        return digest(repr((sorted(self.values().items()), self.follow_ups())))

    def refuse(self, faults: Mapping[str, str]) -> bool:
        """Put faults (name of a field → msgid) to their fields; whether there are any."""
        for name, wording in faults.items():
            self[name].errors = [*self[name].errors, gettext(wording)]
        return bool(faults)


CHOSEN = ("segments", "regions", "units", "selections", "properties")
for _number in FOLLOW_UPS:
    setattr(PolicyForm, f"channel{_number}", SelectField(_("Step %(number)s", number=_number), default=""))
    setattr(PolicyForm, f"after{_number}", number(_("Days after the step before it"), 1, 365, optional=True))


def _worded(kind: type[Worded]) -> list[tuple[str, str]]:
    return [(one.value, gettext(one.label)) for one in kind]


class CareForm(FlaskForm):
    """How a company leaves people alone."""

    same_invited_days = number(_("Days after an invitation to the same survey"), 0, DAYS_MAX)
    same_answered_days = number(_("Days after an answer to the same survey"), 0, DAYS_MAX)
    other_days = number(
        *(_("Days after an invitation or answer at another touchpoint"), 0, DAYS_MAX),
        help=_("Two messages to one person are always at least 24 hours apart."),
    )
    refused_days = number(_("Days after a refusal"), 0, DAYS_MAX)
    ask_later = BooleanField(
        _("Ask later those who may not be asked yet"),
        description=_(
            "As long as it is not too late for the survey. Without this they are not asked about that purchase."
        ),
    )
    mind_cases = BooleanField(_("Ask nobody who has an open case or has complained"))
    consent_only = BooleanField(
        _("Letters need a consent"), description=_("A contract or a legitimate interest is not enough then.")
    )
    staff = TextAreaField(
        _("Addresses of colleagues and for tests"),
        description=_("One a line; @example.com stands for a whole domain. Users of this program are known anyway."),
        render_kw={"rows": 4},
    )

    def validate_staff(self, field: TextAreaField) -> None:
        """Addresses or domains, not too many."""
        lines = self._lines()
        if len(lines) > STAFF_MAX:
            raise ValidationError(_("Enter at most %(count)s addresses.", count=STAFF_MAX))
        if wrong := [line for line in lines if line.count("@") != 1 or line.endswith("@") or len(line) > EMAIL_MAX]:
            raise ValidationError(_("“%(line)s” is no address and no domain.", line=wrong[0][:60]))

    def _lines(self) -> list[str]:
        return list(dict.fromkeys(word.lower() for word in (self.staff.data or "").split()))

    def values(self) -> dict[str, Any]:
        """The form as columns of the contact policy."""
        names = [field.name for field in self if field.type in ("IntegerField", "BooleanField")]
        return {name: self[name].data for name in names} | {"staff": self._lines()}
