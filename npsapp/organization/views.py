"""Settings of the company: brands, the tree of regions, units found in files, holidays."""

from datetime import date, time
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.audit import services as audit
from npsapp.audit.services import Actor
from npsapp.db import transaction
from npsapp.i18n import language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.organization import queries, rules, services
from npsapp.organization.forms import BrandForm, HolidayForm, RegionForm, RowForm, UnitForm
from npsapp.organization.models import Brand, Region, Unit
from npsapp.permissions import Permission
from npsapp.web import listing
from npsapp.web.access import requires

bp = Blueprint("organization", __name__, url_prefix="/organization", template_folder="templates")


@bp.get("/")
@requires(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """The company on one page: brands, regions, holidays to come."""
    form = HolidayForm()
    form.offer(_region_choices())
    return _index(form)


def _index(form: HolidayForm) -> ResponseReturnValue:
    return _page(
        "index",
        form,
        brands=queries.brands(),
        tree=queries.region_tree(),
        holidays=queries.holiday_list(date(utcnow().year, 1, 1)),
        region_names=dict(_region_choices()),
        unconfirmed=queries.count_unconfirmed_units(),
        weekday_names=_weekday_names(),
    )


def _page(name: str, form: Any, **values: Any) -> ResponseReturnValue:
    page = render_template(f"organization/{name}.html", form=form, zones=rules.COMMON_ZONES, **values)
    return page, 422 if form.is_submitted() else 200


def _weekday_names() -> dict[str, str]:
    """ISO number of a weekday → its short name in the reader's language."""
    names = get_locale().days["stand-alone"]["abbreviated"]
    return {str(number + 1): str(names[number]) for number in range(7)}


@bp.route("/brands/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def add_brand() -> ResponseReturnValue:
    """Enter a brand; the first one also founds the pool its customers belong to."""
    form = BrandForm(accent=rules.DEFAULT_ACCENT, timezone="Europe/Kyiv", currency="UAH", language="uk")
    if not form.validate_on_submit():
        return _page("brand", form, brand=None)
    with transaction():
        columns, pool = form.columns(), next(iter(queries.pools()), None)
        pool = pool or services.create_pool(name=next(iter(columns["name"].values())))
        brand = services.create_brand(pool_id=pool.id, now=utcnow(), **columns)
        services.note("brand", brand.id, ["created"], actor=_me(), now=utcnow())
        brand_id = brand.id
    flash(_("The brand is entered. Letters need a sender address next."), "ok")
    return redirect(url_for(".edit_brand", brand_id=brand_id), code=303)


@bp.route("/brands/<int:brand_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit_brand(brand_id: int) -> ResponseReturnValue:
    """Change a brand."""
    brand = queries.brand(brand_id) or abort(404)
    return _edit("brand", BrandForm(obj=brand), brand, home=".index")


def _edit(kind: str, form: RowForm, row: Brand | Region | Unit, *, home: str) -> ResponseReturnValue:
    """Show the form of one row, or save what was typed."""
    if not form.is_submitted():
        form.show(row)
    if not form.validate_on_submit():
        return _page(kind, form, **{kind: row})
    with transaction():
        changed = services.change_fields(row, form.columns(), actor=_me(), now=utcnow())
    flash(_("Saved.") if changed else _("Nothing was changed."), "ok")
    return redirect(url_for(home), code=303)


@bp.route("/regions/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def add_region() -> ResponseReturnValue:
    """Enter a region."""
    form = RegionForm(workdays="12345", work_from=time(9), work_until=time(18))
    form.offer(_region_choices())
    pool = next(iter(queries.pools()), None)
    if pool is None:
        flash(_("Enter a brand first."), "warn")
        return redirect(url_for(".add_brand"), code=303)
    if not form.validate_on_submit():
        return _page("region", form, region=None)
    with transaction():
        region = services.create_region(pool_id=pool.id, now=utcnow(), **form.columns())
        services.note("region", region.id, ["created"], actor=_me(), now=utcnow())
    flash(_("The region is entered. Name somebody who answers for it next."), "ok")
    return redirect(url_for(".index"), code=303)


@bp.route("/regions/<int:region_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit_region(region_id: int) -> ResponseReturnValue:
    """Change a region; it may lie in any other one that does not lie inside it."""
    region = queries.region(region_id) or abort(404)
    form = RegionForm(obj=region)
    inside = queries.subtree_ids([region_id])
    form.offer([(id_, name) for id_, name in _region_choices() if int(id_) not in inside])
    return _edit("region", form, region, home=".index")


@bp.get("/units/")
@requires(Permission.ADMINISTER)
def units() -> ResponseReturnValue:
    """All units; those made from a file's words and not looked at yet come first."""
    window = listing.window(size=50)
    rows = queries.units(search=listing.word("q"), limit=window.limit, offset=window.offset)
    return render_template(
        "organization/units.html",
        page=listing.page(rows, window),
        region_names=dict(_region_choices()),
        active=listing.active_filters([("q", listing.word("q"))]),
    )


@bp.route("/units/<int:unit_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit_unit(unit_id: int) -> ResponseReturnValue:
    """Change a unit; saving confirms it."""
    unit = queries.unit(unit_id) or abort(404)
    form = UnitForm(obj=unit)
    form.offer(_region_choices())
    return _edit("unit", form, unit, home=".units")


@bp.post("/holidays")
@requires(Permission.ADMINISTER)
def add_holiday() -> ResponseReturnValue:
    """Enter a day on which nobody works."""
    form = HolidayForm()
    form.offer(_region_choices())
    if not form.validate_on_submit():
        return _index(form)
    name = {language_now(): form.name.data or ""}
    with transaction():
        services.add_holiday(day=form.day.data, region_id=form.region.data, name=name, actor=_me(), now=utcnow())
    flash(_("The holiday is entered."), "ok")
    return redirect(url_for(".index"), code=303)


@bp.post("/holidays/<int:holiday_id>/remove")
@requires(Permission.ADMINISTER)
def remove_holiday(holiday_id: int) -> ResponseReturnValue:
    """Take a holiday out again."""
    with transaction():
        services.remove_holiday(holiday_id, actor=_me(), now=utcnow())
    flash(_("The holiday is taken out."), "ok")
    return redirect(url_for(".index"), code=303)


def _region_choices() -> list[tuple[str, str]]:
    """Regions for a selection, in the order of the tree, indented by their depth."""
    language = language_now()
    return [
        (str(region.id), "\u2003" * depth + text_in(region.name, language)) for depth, region in queries.region_tree()
    ]


def _me() -> Actor:
    return audit.by_user(current_user.id)
