"""What may be typed about quotas."""

from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm

from npsapp.invitations.pace import Curve
from npsapp.invitations.quota_models import QuotaRule, Stratum
from npsapp.organization.forms import choice, number, options, upload

SHARES = ("prior_rate", "discount", "most_share")
"""Typed in percent."""
SAFETY = (
    (0.0, _("none: spares invitations, about half of the targets are just missed")),
    (0.8, _("usual: about 87 of 100 targets are reached")),
    (1.3, _("high: about 94 of 100 targets are reached, with more answers than needed")),
)


class QuotaRuleForm(FlaskForm):
    """How one survey draws."""

    kind = choice(_("Each target is set for one"), coerce=Stratum)
    safety = choice(_("Safety"), coerce=float, choices=options(SAFETY))
    most_share = number(
        *(_("Ask at most this share of a day's customers, in percent"), 1, 100),
        help=_("100: everybody who may be asked, when answers run short."),
    )
    most_a_day = number(_("Most invitations for one target on one day"), 0, 100_000, optional=True)
    carry_days = number(
        *(_("Days on which customers who were not drawn may be drawn again"), 0, 3),
        help=_("0: the lot decides once about each customer."),
    )
    curve = choice(_("How customers are asked"), coerce=Curve)
    prior_rate = number(
        *(_("Expected share of answers, in percent"), 1, 100),
        help=_("Counts until there are own answers; usual are 15 for letters, 12 for SMS, 35 for calls."),
    )
    prior_weight = number(_("This expectation weighs as much as so many invitations"), 1, 1000)
    discount = number(
        *(_("Weight of yesterday's invitations against today's, in percent"), 50, 100),
        help=_("Less than 100: older invitations tell less of what customers do now."),
    )

    @classmethod
    def of(cls, rule: QuotaRule) -> "QuotaRuleForm":
        """The form with what is stored, and the choices in the reader's language."""
        stored = {name: getattr(rule, name) for name in QuotaRule.__table__.c.keys()}  # noqa: SIM118 - no mapping
        form = cls(data=stored | {name: round(stored[name] * 100) for name in SHARES})
        form.kind.choices = options((one, _(one.label)) for one in Stratum)
        form.curve.choices = options((one, _(one.label)) for one in Curve)
        return form

    def values(self) -> dict[str, Any]:
        """The form as columns of the rule."""
        typed = {name: field.data for name, field in self._fields.items() if name != "csrf_token"}
        return {name: value / 100 if name in SHARES else value for name, value in typed.items()}


class TargetsFileForm(FlaskForm):
    """A spreadsheet of targets."""

    file = upload()
