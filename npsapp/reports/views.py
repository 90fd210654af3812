"""Pages of reports: the overview with its pictures and its file."""

from dataclasses import dataclass, replace
from typing import Any

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.events import Event
from npsapp.db import db, transaction
from npsapp.i18n import LANGUAGES, language_now, speaking
from npsapp.lib.clock import local_date, utcnow
from npsapp.permissions import Permission
from npsapp.reports import bases, pictures, queries, sheets, wording
from npsapp.reports.pictures import Shape
from npsapp.reports.queries import Counted, Selection
from npsapp.reports.rules import DEFAULT_PRESET, PRESETS, Split, period_of, typed_period
from npsapp.reports.statistics import WORDS_FIRST
from npsapp.responses import filters, open_queries
from npsapp.responses.open_models import OpenLink
from npsapp.surveys import queries as surveys
from npsapp.surveys.rules import FURTHER
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.filters import spoken
from npsapp.web.pages import csv_file, with_policy

bp = Room("reports", __name__, url_prefix="/reports", template_folder="templates")

# A picture may style itself and do nothing else, also when it is opened on its own.
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    selection: Selection
    preset: str
    """Empty when days were typed: they win."""
    options: filters.Options
    by: str = ""
    """The argument of the declared property by which the report is divided too."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The address arguments of this report, also for its pictures and its file."""
        days = {"period": self.preset} if self.preset else wording.days(self.selection.period)
        more = {"by": self.by, **self.others}
        return {**days, **self.selection.ids, **{name: value for name, value in more.items() if value}}

    @property
    def answers(self) -> dict[str, Any]:
        """The same selection as the list of answers understands it."""
        return {"state": "counted", **wording.days(self.selection.period), **self.selection.ids, **self.others}

    @property
    def others(self) -> dict[str, str]:
        """Which answers count here that usually do not, or alone."""
        chosen = {"old": self.selection.old, "open": self.selection.open}
        return {name: value for name, value in chosen.items() if value}


def _asked() -> Asked:
    given = filters.asked(scope())
    properties = filters.properties()
    ids = {name: given[name] for name in (*filters.IDS, *queries.PEOPLE, *properties) if name in given}
    if "from" in given or "to" in given:
        preset, period = "", typed_period(given.get("from"), given.get("to"))
    else:
        preset = listing.picked("period", PRESETS, DEFAULT_PRESET)
        period = period_of(preset, local_date(utcnow(), current_user.timezone))
    by = listing.picked("by", properties)
    others = {name: listing.picked(name, ("with", "only")) for name in ("old", "open")}
    selection = Selection(scope(), period, ids, **others, who=given.get("who"))
    return Asked(selection, preset, filters.options(scope()), by)


@bp.page("/", Permission.SEE_REPORTS)
def index() -> str:
    """The NPS of a selection: in words, by score, by month, by region and segment."""
    asked = _asked()
    counted = queries.counted(asked.selection)
    total = wording.line(_("All answers"), counted.by_score)
    return render_template(
        "reports/overview.html",
        asked=asked,
        presets=[
            (_(words), listing.url_with(**{"period": name, "from": None, "to": None}), name == asked.preset)
            for name, words in PRESETS.items()
        ],
        active=filters.active(filters.asked(scope()), asked.options),
        counted=counted,
        total=total,
        bases=bases.beside(asked.selection, counted, now=utcnow()),
        headline=wording.headline(total),
        period=wording.period_text(asked.selection.period),
        groups=wording.groups(total),
        invited=queries.invited(asked.selection, utcnow()),
        parts=_parts(asked, counted),
        by_score=_figure(asked, counted, None),
        divisions=[
            (words, listing.url_with(by=None if name == asked.by else name), name == asked.by)
            for name, words in filters.properties().items()
        ],
        by_property=_by_property(asked),
        questions=_questions(asked),
        few=WORDS_FIRST,
    )


def _questions(asked: Asked) -> list[wording.Asked]:
    """The further questions of the chosen survey, or of the only one; answers are looked through if there are any."""
    offered = asked.options["survey"]
    survey_id = asked.selection.ids.get("survey") or (next(iter(offered)) if len(offered) == 1 else None)
    if not survey_id:
        return []
    questionnaire = surveys.ever_asked(survey_id)
    if not any(one.kind in FURTHER for one in questionnaire.questions):
        return []
    selection = replace(asked.selection, ids={**asked.selection.ids, "survey": survey_id})
    return wording.questions(survey_id, questionnaire, queries.by_question(selection))


def _by_property(asked: Asked) -> list[wording.Line]:
    """The division by the chosen property."""
    return wording.property_lines(asked.by, queries.by_property(asked.selection, asked.by), asked.options)


def _parts(asked: Asked, counted: Counted) -> list[dict[str, Any]]:
    """The divisions worth showing."""
    return [
        {
            "heading": _(heading),
            "called": _(called),
            "lines": wording.lines(split, counted, asked.selection.period, asked.options),
            "figure": _figure(asked, counted, split),
        }
        for split, (called, heading, _title) in wording.DIVISIONS.items()
        if split is Split.MONTH or len(counted.parts[split]) > 1
    ]


def _figure(asked: Asked, counted: Counted, split: Split | None) -> dict[str, Any]:
    """What the page needs to place one picture: words, and address, width and height by shape."""
    sheet = _sheet(asked, counted, split)
    own = {"name": split or "score", "lang": language_now()}
    shapes = {
        shape.value: (url_for(".picture", shape=shape, **asked.arguments | own), shape.width, sheet.height(shape))
        for shape in Shape
    }
    return {"alt": sheet.title, **shapes}


def _sheet(asked: Asked, counted: Counted, split: Split | None) -> pictures.Sheet:
    narrowed = {**asked.selection.ids, **asked.others}
    chosen = "; ".join(words for _name, words in filters.in_words(narrowed, asked.options))
    source = _(
        "%(days)s; %(filters)s. NPS: promoters (9-10) minus detractors (0-6), confirmed answers.",
        days=wording.period_text(asked.selection.period),
        filters=chosen or _("all answers"),
    )
    return pictures.sheet(split, counted, asked.selection.period, asked.options, source)


@bp.page("/pictures/<name>.svg", Permission.SEE_REPORTS)
def picture(name: str) -> Response:
    """One picture of the overview with the same address arguments, for wide or narrow pages. :raise 404:"""
    if name not in {"score", *Split}:
        abort(404)
    asked = _asked()
    sheet = _sheet(asked, queries.counted(asked.selection), None if name == "score" else Split(name))
    svg = pictures.drawn(sheet, listing.one_of("shape", Shape) or Shape.WIDE)
    response = with_policy(Response(svg, mimetype="image/svg+xml"), PICTURE_POLICY)
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


@bp.page("/qr.pdf", Permission.OPEN_LINKS)
def qr_sheet() -> ResponseReturnValue:
    """The codes of one open link, or of those the address asks for, `per` so many on a sheet of A4. :raise 404:"""
    per_page = int(listing.picked("per", [str(count) for count in sheets.GRIDS]) or abort(404))
    only, word, survey = listing.whole("link"), listing.word("q"), listing.whole("survey")
    shown = open_queries.found(scope(), word=word, survey_id=survey, retired=False, limit=sheets.MOST + 1)
    found = [link for link in ([open_queries.visible(scope(), only)] if only else shown) if link] or abort(404)
    if len(found) > sheets.MOST:
        flash(_("More than %(most)s codes: choose fewer by searching.", most=sheets.MOST), "warn")
        return redirect(url_for("open_links.index"), code=303)
    with speaking(listing.picked("words", LANGUAGES, language_now())):
        codes = [_code(link) for link in found]
    db.session.rollback()  # nothing is read while it is drawn
    file = Response(sheets.draw(codes, per_page), mimetype="application/pdf")
    file.headers["Content-Disposition"] = 'attachment; filename="qr.pdf"'
    return file


def _code(link: OpenLink) -> sheets.Code:
    place = link.unit or link.region
    return sheets.Code(
        address=link.address(current_app.config["PUBLIC_URL"]),
        brand=spoken(link.survey.brand.name),
        question=_("How did we do?"),
        help=_("Point the camera of your phone here, or type the address:"),
        place=", ".join(filter(None, (spoken(place.name) if place else "", link.name))),
    )


@bp.page("/export.csv", Permission.EXPORT)
def export() -> Response:
    """The numbers of the overview as a file; the export stands in the audit log."""
    asked, now = _asked(), utcnow()
    with transaction():
        audit.record(Event.REPORT_EXPORTED, actor=me(), now=now, data=asked.arguments)
    counted = queries.counted(asked.selection)
    more = [(filters.properties()[asked.by], line) for line in _by_property(asked)] if asked.by else []
    heading, rows = wording.sheet(counted, asked.selection.period, asked.options, more, _questions(asked))
    return csv_file(f"nps-{now:%Y-%m-%d}", heading, rows)
