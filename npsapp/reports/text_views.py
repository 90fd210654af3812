"""The page that compares two texts of one step."""

from flask import render_template
from flask_babel import gettext as _

from npsapp.lib.clock import utcnow
from npsapp.permissions import Permission
from npsapp.reports import comparisons, wording
from npsapp.reports.comparisons import Comparison, Verdict
from npsapp.reports.rules import typed_period
from npsapp.surveys import queries as surveys
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.filters import number

bp = Room("texts", __name__, url_prefix="/reports", template_folder="templates")


@bp.page("/texts", Permission.SEE_REPORTS)
def index() -> str:
    """Response rates of text A and text B, their difference with its interval, and the verdict in words."""
    period, survey_id = typed_period(listing.day("from"), listing.day("to")), listing.whole("survey")
    found = comparisons.comparisons(survey_id=survey_id, period=period, scope=scope(), now=utcnow())
    return render_template(
        "reports/texts.html",
        compared=[(one, verdict(one)) for one in found],
        period=period,
        period_text=wording.period_text(period),
        survey_id=survey_id,
        names=surveys.labels(one.a.survey_id for one in found),
    )


def verdict(one: Comparison) -> str:
    """What the numbers say, in one sentence."""
    words: dict[Verdict, str] = {
        Verdict.A: _("Text A brought more answers."),
        Verdict.B: _("Text B brought more answers."),
        Verdict.EARLY: _("Too early: each text needs at least %(count)s letters.", count=comparisons.FEWEST),
        Verdict.EQUAL: _("Both texts bring about the same number of answers: take the one you like."),
        Verdict.OPEN: _(
            "No real difference yet: about %(count)s more letters are needed to be sure of one as large as this.",
            count=number(one.missing),
        ),
    }
    return words[one.verdict]
