"""Settings of the company: brands, the tree of regions, units found in files, holidays."""

from datetime import date, time
from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, url_for
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
from npsapp.organization.forms import BrandForm, Choices, HolidayForm, RegionForm, UnitForm
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
    form.offer_regions(_region_choices())
    return _index(form)


def _index(form: HolidayForm, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "organization/index.html",
        brands=queries.brands(),
        tree=queries.region_tree(),
        holidays=queries.holiday_list(date(utcnow().year, 1, 1)),
        region_names=dict(_region_choices()),
        unconfirmed=queries.count_unconfirmed_units(),
        weekday_names=_weekday_names(),
        has_sender_page=_has_sender_page(),
        form=form,
    )
    return page, status


def _weekday_names() -> dict[str, str]:
    """ISO number of a weekday → its short name in the reader's language."""
    names = get_locale().days["stand-alone"]["abbreviated"]
    return {str(number + 1): str(names[number]) for number in range(7)}


def _has_sender_page() -> bool:
    """Whether the post office downstream has a page for the sender's address; only its address is known here."""
    return "senders.edit" in current_app.view_functions


@bp.route("/brands/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def add_brand() -> ResponseReturnValue:
    """Enter a brand; the first one also founds the pool its customers belong to."""
    form = BrandForm(accent=rules.DEFAULT_ACCENT, timezone="Europe/Kyiv", currency="UAH", language="uk")
    if not form.validate_on_submit():
        return _brand_page(form, None)
    with transaction():
        fields = _brand_fields(form)
        pool = queries.default_pool() or services.create_pool(name=next(iter(fields["name"].values())))
        brand = services.create_brand(pool_id=pool.id, now=utcnow(), **fields)
        services.note_created(brand, actor=_me(), now=utcnow())
        brand_id = brand.id
    flash(_("The brand is entered. Letters need a sender address next."), "ok")
    return redirect(url_for(".edit_brand", brand_id=brand_id), code=303)


@bp.route("/brands/<int:brand_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit_brand(brand_id: int) -> ResponseReturnValue:
    """Change a brand."""
    brand = queries.brand(brand_id) or abort(404)
    form = BrandForm(obj=brand)
    if not form.is_submitted():
        form.put_texts("name", brand.name)
        form.put_texts("phrase", brand.phrase)
        form.put_texts("postal", brand.postal_address)
    if not form.validate_on_submit():
        return _brand_page(form, brand)
    with transaction():
        changed = services.change_brand(brand, _brand_fields(form), actor=_me(), now=utcnow())
    _say_saved(changed)
    return redirect(url_for(".index"), code=303)


def _brand_fields(form: BrandForm) -> dict[str, Any]:
    return {
        "name": form.texts("name"),
        "phrase": form.texts("phrase"),
        "postal_address": form.texts("postal"),
        "accent": (form.accent.data or "").upper(),
        "group_colours": form.group_colours.data,
        "language": form.language.data,
        "timezone": form.timezone.data,
        "currency": form.currency.data,
        "contact_email": form.contact_email.data or "",
    }


def _brand_page(form: BrandForm, brand: Brand | None) -> ResponseReturnValue:
    page = render_template(
        "organization/brand.html",
        form=form,
        brand=brand,
        zones=rules.COMMON_ZONES,
        has_sender_page=_has_sender_page(),
    )
    return page, 422 if form.is_submitted() else 200


@bp.route("/regions/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def add_region() -> ResponseReturnValue:
    """Enter a region."""
    form = RegionForm(workdays=list("12345"), work_from=time(9), work_until=time(18))
    form.offer_parents(_region_choices())
    pool = queries.default_pool()
    if pool is None:
        flash(_("Enter a brand first."), "warn")
        return redirect(url_for(".add_brand"), code=303)
    if not form.validate_on_submit():
        return _region_page(form, None)
    with transaction():
        region = services.create_region(pool_id=pool.id, now=utcnow(), **_region_fields(form))
        services.note_created(region, actor=_me(), now=utcnow())
    flash(_("The region is entered. Name somebody who answers for it next."), "ok")
    return redirect(url_for(".index"), code=303)


@bp.route("/regions/<int:region_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit_region(region_id: int) -> ResponseReturnValue:
    """Change a region."""
    region = queries.region(region_id) or abort(404)
    form = RegionForm(
        obj=region,
        workdays=list(region.workdays),
        aliases="\n".join(region.aliases),
        parent=str(region.parent_id or ""),
    )
    inside = queries.subtree_ids([region_id])
    form.offer_parents([(id_, name) for id_, name in _region_choices() if int(id_) not in inside])
    if not form.is_submitted():
        form.put_texts("name", region.name)
        form.aliases.data = "\n".join(region.aliases)
        form.workdays.data = list(region.workdays)
        form.parent.data = str(region.parent_id or "")
    if not form.validate_on_submit():
        return _region_page(form, region)
    with transaction():
        changed = services.change_region(region, _region_fields(form), actor=_me(), now=utcnow())
    _say_saved(changed)
    return redirect(url_for(".index"), code=303)


def _region_fields(form: RegionForm) -> dict[str, Any]:
    return {
        "name": form.texts("name"),
        "aliases": form.alias_list,
        "parent_id": int(form.parent.data) if form.parent.data else None,
        "timezone": form.timezone.data or None,
        "language": form.language.data or None,
        "workdays": "".join(sorted(form.workdays.data or [])),
        "work_from": form.work_from.data,
        "work_until": form.work_until.data,
    }


def _region_page(form: RegionForm, region: Region | None) -> ResponseReturnValue:
    page = render_template("organization/region.html", form=form, region=region, zones=rules.COMMON_ZONES)
    return page, 422 if form.is_submitted() else 200


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
    form = UnitForm()
    form.offer_regions(_region_choices())
    if not form.is_submitted():
        form.put_texts("name", unit.name)
        form.aliases.data = "\n".join(unit.aliases)
        form.region.data = str(unit.region_id or "")
    if not form.validate_on_submit():
        return _unit_page(form, unit)
    fields = {
        "name": form.texts("name"),
        "aliases": form.alias_list,
        "region_id": int(form.region.data) if form.region.data else None,
        "confirmed": True,
    }
    with transaction():
        changed = services.change_unit(unit, fields, actor=_me(), now=utcnow())
    _say_saved(changed)
    return redirect(url_for(".units"), code=303)


def _unit_page(form: UnitForm, unit: Unit) -> ResponseReturnValue:
    page = render_template("organization/unit.html", form=form, unit=unit)
    return page, 422 if form.is_submitted() else 200


@bp.post("/holidays")
@requires(Permission.ADMINISTER)
def add_holiday() -> ResponseReturnValue:
    """Enter a day on which nobody works."""
    form = HolidayForm()
    form.offer_regions(_region_choices())
    if not form.validate_on_submit():
        return _index(form, 422)
    region_id = int(form.region.data) if form.region.data else None
    name = {language_now(): form.name.data or ""}
    with transaction():
        services.add_holiday(day=form.day.data, region_id=region_id, name=name, actor=_me(), now=utcnow())
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


def _region_choices() -> Choices:
    """Regions for a selection, in the order of the tree, indented by their depth."""
    language = language_now()
    return [
        (str(region.id), "\u2003" * depth + text_in(region.name, language))
        for depth, region in queries.region_tree()
    ]


def _me() -> Actor:
    return audit.by_user(current_user.id)


def _say_saved(changed: list[str]) -> None:
    if changed:
        flash(
            _("Saved. Changed: %(fields)s", fields=", ".join(_(rules.FIELD_NAMES[name]) for name in changed)),
            "ok",
        )
    else:
        flash(_("Nothing was changed."), "info")
