"""Staff pages of open links: the list with what each brings, making, changing and retiring them, the QR code."""

import io
from typing import Any

import segno
from flask import Response, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, ngettext

from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.i18n import LANGUAGES, language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.responses import open_queries as queries, open_services as services
from npsapp.responses.open_forms import EACH, OpenLinkForm
from npsapp.responses.open_models import OpenLink
from npsapp.surveys import queries as surveys
from npsapp.surveys.rules import SurveyState
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.pages import done, form_page, saved, told_at, with_policy

bp = Room("open_links", __name__, url_prefix="/open-links", template_folder="templates")
SHOWN = ("retired",)
PICTURE_POLICY = "default-src 'none'"


def address_of(link: OpenLink) -> str:
    """Where people get by this link."""
    return link.address(current_app.config["PUBLIC_URL"])


bp.add_app_template_global(address_of, "open_address")


@bp.page("/", Permission.OPEN_LINKS)
def index() -> ResponseReturnValue:
    """The links of the own scope, newest first."""
    window, word = listing.window(), listing.word("q")
    offered, survey = _surveys(), listing.whole("survey")
    retired = listing.picked("show", SHOWN) == "retired"
    part = {"limit": window.limit, "offset": window.offset}
    page = listing.page(queries.found(scope(), word=word, survey_id=survey, retired=retired, **part), window)
    given = [("q", word), ("survey", offered.get(survey or 0, "")), ("show", _("retired") if retired else "")]
    return render_template(
        "responses/open_links.html",
        page=page,
        brought=queries.brought([link.id for link in page.items]),
        surveys=offered,
        languages=LANGUAGES,
        active=listing.active_filters(given),
    )


def _surveys() -> dict[int, str]:
    """Surveys that ask."""
    return {one.id: one.name for one in surveys.surveys() if one.state is SurveyState.ACTIVE}


@bp.form("/new", Permission.OPEN_LINKS)
def add() -> ResponseReturnValue:
    """Make a link, or one for each store that has none."""
    form = OpenLinkForm()
    _offer(form)
    if form.validate_on_submit():
        survey = surveys.survey(form.survey.data) or abort(404)
        columns = form.columns() | {"survey_id": survey.id}
        units: list[int | None] = [columns["unit_id"]]
        if form.place.data == EACH:
            units = [*queries.without_link(scope(), survey)]
        with told_at(form.place, services.OtherBrand):
            with transaction():
                made = services.make(columns, units, actor=me(), now=utcnow())
            words = ngettext("%(num)s link is made.", "%(num)s links are made.", len(made))
            return done(words, ".show", open_link_id=made[0]) if len(made) == 1 else done(words, ".index")
    return form_page("responses/open_link.html", form, link=None)


def _offer(form: OpenLinkForm, link: OpenLink | None = None) -> None:
    visible, language = scope(), language_now()
    regions = organization.choices("region", language, scope=visible)
    units = organization.choices("unit", language, scope=visible)
    places: list[tuple[str, Any]] = [("", _("the whole brand"))] if visible.everything else []
    places += [(f"unit:{id_}", name) for id_, name in units]
    places += [(EACH, _("each store without a link: one for each"))] if len(units) > 1 and not link else []
    places += [(f"region:{id_}", _("%(region)s, the whole region", region=name)) for id_, name in regions]
    here = link and (link.unit or link.region)
    if link and here and link.place not in dict(places):  # retired meanwhile
        places.append((link.place, text_in(here.name, language)))
    segments = organization.choices("segment", language)
    form.offer(surveys=list(_surveys().items()), places=places, segments=segments)


def _link(open_link_id: int) -> OpenLink:
    return queries.visible(scope(), open_link_id) or abort(404)


@bp.form("/<int:open_link_id>", Permission.OPEN_LINKS)
def show(open_link_id: int) -> ResponseReturnValue:
    """One link: its address and code, what it has brought, its settings and place. :raise 404:"""
    link, form = _link(open_link_id), OpenLinkForm()
    _offer(form, link)
    del form.survey  # whoever comes by a code that hangs on a wall finds the questions it was hung up for
    if not form.is_submitted():
        form.show(link)
    if form.validate_on_submit():
        with told_at(form.place, services.OtherBrand):
            with transaction():
                changed = services.alter(_link(open_link_id), form.columns(), actor=me(), now=utcnow())
            return saved(changed, ".show", open_link_id=open_link_id)
    brought = queries.brought([link.id]).get(link.id)
    return form_page("responses/open_link.html", form, link=link, brought=brought, languages=LANGUAGES)


@bp.page("/<int:open_link_id>.svg", Permission.OPEN_LINKS)
def picture(open_link_id: int) -> Response:
    """The QR code of a link. :raise 404:"""
    drawn = io.BytesIO()
    segno.make_qr(address_of(_link(open_link_id)), error="m").save(drawn, kind="svg", scale=6, light="#fff")
    return with_policy(Response(drawn.getvalue(), mimetype="image/svg+xml"), PICTURE_POLICY)


@bp.deed("/<int:open_link_id>/retire", Permission.OPEN_LINKS)
def retire(open_link_id: int) -> ResponseReturnValue:
    """Stop asking by this link, or ask again; what it brought stays. :raise 404:"""
    back = request.form.get("state") == "in_use"
    with transaction():
        columns = {"retired_at": None if back else utcnow()}
        services.alter(_link(open_link_id), columns, actor=me(), now=utcnow())
    return done(
        _("It is in use again.") if back else _("Nobody can answer by this link any more."),
        ".show",
        open_link_id=open_link_id,
    )
