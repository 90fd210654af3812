"""What may be typed about quotas."""

from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import IntegerField, SelectChoice, SelectField
from wtforms.validators import InputRequired, NumberRange, Optional

from npsapp.invitations.pace import Curve
from npsapp.invitations.quota_models import QuotaRule, Stratum

SHARES = ("prior_rate", "discount", "most_share")
"""Typed in percent."""
SAFETY = (
    (0.0, _("none: spares invitations, about half of the targets are just missed")),
    (0.8, _("usual: about 87 of 100 targets are reached")),
    (1.3, _("high: about 94 of 100 targets are reached, with more answers than needed")),
)


def _whole(label: Any, *, low: int, high: int, description: Any = "", optional: bool = False) -> IntegerField:
    message = _("Enter a whole number from %(low)s to %(high)s.", low=low, high=high)
    return IntegerField(
        label,
        description=description,
        validators=[Optional() if optional else InputRequired(message), NumberRange(low, high, message)],
        render_kw={"inputmode": "numeric", "min": low, "max": high},
    )


class QuotaRuleForm(FlaskForm):
    """How one survey draws."""

    kind = SelectField(_("Each target is set for one"), coerce=Stratum)
    safety = SelectField(_("Safety"), coerce=float, choices=[SelectChoice(*one) for one in SAFETY])
    most_share = _whole(
        _("Ask at most this share of a day's customers, in percent"),
        low=1,
        high=100,
        description=_("100: everybody who may be asked, when answers run short."),
    )
    most_a_day = _whole(_("Most invitations for one target on one day"), low=0, high=100_000, optional=True)
    carry_days = _whole(
        _("Days on which customers who were not drawn may be drawn again"),
        low=0,
        high=3,
        description=_("0: the lot decides once about each customer."),
    )
    curve = SelectField(_("How customers are asked"), coerce=Curve)
    prior_rate = _whole(
        _("Expected share of answers, in percent"),
        low=1,
        high=100,
        description=_("Counts until there are own answers; usual are 15 for letters, 12 for SMS, 35 for calls."),
    )
    prior_weight = _whole(_("This expectation weighs as much as so many invitations"), low=1, high=1000)
    discount = _whole(
        _("Weight of yesterday's invitations against today's, in percent"),
        low=50,
        high=100,
        description=_("Less than 100: older invitations tell less of what customers do now."),
    )

    @classmethod
    def of(cls, rule: QuotaRule) -> "QuotaRuleForm":
        """The form with what is stored, and the choices in the reader's language."""
        stored = {name: getattr(rule, name) for name in QuotaRule.__table__.c.keys()}  # noqa: SIM118 - no mapping
        form = cls(data=stored | {name: round(stored[name] * 100) for name in SHARES})
        form.kind.choices = [SelectChoice(one, _(one.label)) for one in Stratum]
        form.curve.choices = [SelectChoice(one, _(one.label)) for one in Curve]
        return form

    def values(self) -> dict[str, Any]:
        """The form as columns of the rule."""
        typed = {name: field.data for name, field in self._fields.items() if name != "csrf_token"}
        return {name: value / 100 if name in SHARES else value for name, value in typed.items()}


class TargetsFileForm(FlaskForm):
    """A spreadsheet of targets."""

    file = FileField(_("File"), validators=[FileRequired(_("Choose a file."))])
