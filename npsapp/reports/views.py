"""Pages of reports: the overview with its pictures and its file."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import transaction
from npsapp.i18n import language_now
from npsapp.lib.clock import local_date, utcnow
from npsapp.lib.tables import csv_pieces, delimiter_for
from npsapp.permissions import Permission
from npsapp.reports import pictures, queries, wording
from npsapp.reports.forms import FilterForm
from npsapp.reports.pictures import Picture
from npsapp.reports.queries import Overview, Selection
from npsapp.reports.rules import DEFAULT_PRESET, EVER, Period, Preset, period_of
from npsapp.reports.sheets import Look, Shape
from npsapp.reports.statistics import WORDS_FIRST, summarise
from npsapp.reports.wording import Line
from npsapp.web import listing
from npsapp.web.access import requires, scope
from npsapp.web.filters import day, spoken

bp = Blueprint("reports", __name__, url_prefix="/reports", template_folder="templates")

# A picture may style itself and do nothing else, also when it is opened on its own.
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; without a selection something in it is wrong, and the form says what."""

    form: FilterForm
    preset: Preset | None
    period: Period
    selection: Selection | None


@bp.get("/")
@requires(Permission.SEE_REPORTS)
def index() -> str | tuple[str, int]:
    """The NPS of a selection: in words, by score, by month, by region and segment."""
    asked = _asked()
    if asked.selection is None:
        return render_template("reports/overview.html", asked=asked, presets=_presets(asked), active=[]), 422
    overview = queries.overview(asked.selection, utcnow())
    return render_template(
        "reports/overview.html",
        asked=asked,
        presets=_presets(asked),
        active=_active(asked.form),
        overview=overview,
        summary=summarise(overview.counts),
        headline=wording.headline(summarise(overview.counts)),
        period=wording.period_text(asked.period),
        groups=wording.groups(overview),
        parts=_parts(asked, overview),
        figure=lambda picture: _figure(asked, Picture(picture), overview),
        arguments=_arguments(asked),
        answers=_answer_arguments(asked),
        few=WORDS_FIRST,
    )


@bp.get("/pictures/<name>.svg")
@requires(Permission.SEE_REPORTS)
def picture(name: str) -> Response:
    """One picture of the overview with the same address arguments, for light, dark or paper, wide or narrow."""
    asked = _asked()
    if name not in set(Picture) or asked.selection is None:
        abort(404)
    which = Picture(name)
    svg = pictures.drawn(
        which,
        queries.glimpse(asked.selection, which.divides),
        asked.period,
        _source(asked),
        listing.one_of("look", Look) or Look.LIGHT,
        listing.one_of("shape", Shape) or Shape.WIDE,
    )
    response = Response(svg, mimetype="image/svg+xml")
    response.headers["Content-Security-Policy"] = PICTURE_POLICY
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


@bp.get("/export.csv")
@requires(Permission.EXPORT)
def export() -> Response:
    """The numbers of the overview as a file; the export stands in the audit log."""
    asked = _asked()
    if asked.selection is None:
        abort(404)
    now = utcnow()
    with transaction():
        audit.record(
            Event.REPORT_EXPORTED, actor=audit.by_user(current_user.id), now=now, data=_arguments(asked)
        )
    heading, rows = wording.sheet(queries.overview(asked.selection, now), asked.period)
    response = Response(
        csv_pieces(heading, rows, delimiter=delimiter_for(language_now())), mimetype="text/csv"
    )
    response.headers["Content-Disposition"] = f'attachment; filename="nps-{now:%Y-%m-%d}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _asked() -> Asked:
    """Read the address: the days that were typed win over a preset."""
    form = FilterForm(formdata=request.args)
    offered = queries.choices(scope())
    for name, choices in (
        ("brand", offered.brands),
        ("touchpoint", offered.touchpoints),
        ("region", offered.regions),
        ("segment", offered.segments),
    ):
        form.offer(name, _by_name([(id_, spoken(texts)) for id_, texts in choices]))
    form.offer("survey", _by_name(offered.surveys))
    valid = form.validate()
    if not valid:
        return Asked(form, None, EVER, None)
    preset, period = _period(form)
    return Asked(form, preset, period, _selection(form, period))


def _by_name(choices: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """In the order of the alphabet."""
    return sorted(choices, key=lambda choice: choice[1].casefold())


def _period(form: FilterForm) -> tuple[Preset | None, Period]:
    """The days typed, else those of the preset chosen, else of the usual one."""
    if form.first.data or form.last.data:
        return None, form.period
    preset = listing.one_of("period", Preset) or DEFAULT_PRESET
    return preset, period_of(preset, local_date(utcnow(), current_user.timezone))


def _selection(form: FilterForm, period: Period) -> Selection:
    """The form as the queries want it, inside what the user may see."""
    chosen: dict[str, Any] = {f"{name}_id": form[name].data for name in form.filters()}
    return Selection(scope=scope(), period=period, **chosen)


def _presets(asked: Asked) -> list[tuple[str, str, bool]]:
    """The periods one press away: words, address, whether it is the present one."""
    return [
        (_(each.label), listing.url_with(**{"period": each, "from": None, "to": None}), each is asked.preset)
        for each in Preset
    ]


def _active(form: FilterForm) -> list[tuple[str, str]]:
    """The days and filters in use, each with the address without it."""
    days = [
        (name, f"{field.label.text}: {day(field.data)}")
        for name, field in (("from", form.first), ("to", form.last))
        if field.data
    ]
    return listing.active_filters(chain(days, _chosen(form)))


def _chosen(form: FilterForm) -> list[tuple[str, str]]:
    """The filters in use: argument and name of what was chosen."""
    return [(name, dict(form[name].choices)[form[name].data]) for name in form.filters() if form[name].data]


def _arguments(asked: Asked) -> dict[str, str]:
    """The address arguments of this report, also for its pictures and its file."""
    period = {"period": asked.preset.value} if asked.preset else {}
    return {**period, **asked.form.arguments()}


def _answer_arguments(asked: Asked) -> dict[str, str]:
    """The same selection as the list of answers understands it."""
    return {**asked.form.arguments(), **wording.days(asked.period)}


def _parts(asked: Asked, overview: Overview) -> list[tuple[Picture, str, str, list[Line]]]:
    """The divisions worth showing: picture, heading, what a line is called, and the lines."""
    parts = [
        (Picture.TREND, _("By month"), _("Month"), wording.month_lines(overview, asked.period)),
        (Picture.REGIONS, _("By region"), _("Region"), wording.region_lines(overview)),
        (Picture.SEGMENTS, _("By segment"), _("Segment"), wording.segment_lines(overview)),
    ]
    return [part for part in parts if part[0] is Picture.TREND or len(part[3]) > 1]


def _figure(asked: Asked, which: Picture, overview: Overview) -> dict[str, Any]:
    """What the page needs to place one picture: addresses by look and shape, sizes, words."""

    def address(look: Look, shape: Shape) -> str:
        own: dict[str, Any] = {"name": which, "look": look, "shape": shape, "lang": language_now()}
        return url_for(".picture", **_arguments(asked) | own)

    return {
        "alt": pictures.title(which),
        "address": address,
        "wide": pictures.size(which, overview, asked.period, Shape.WIDE),
        "narrow": pictures.size(which, overview, asked.period, Shape.NARROW),
    }


def _source(asked: Asked) -> str:
    """The line under a picture: days, filters, rule."""
    chosen = "; ".join(words for _name, words in _chosen(asked.form)) or _("all answers")
    line: str = _(
        "%(days)s; %(filters)s. NPS: promoters (9-10) minus detractors (0-6), confirmed answers.",
        days=wording.period_text(asked.period),
        filters=chosen,
    )
    return line
