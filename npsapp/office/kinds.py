"""The kinds of things on the settings pages, each described once: its form, columns, choices and what hangs on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from itertools import groupby
from pathlib import Path
from typing import Any

from flask import current_app
from flask_babel import get_locale, gettext as _

from npsapp.accounts import queries as accounts, services as accounts_services
from npsapp.audit.services import Actor
from npsapp.cases import services as cases
from npsapp.delivery import queries as delivery
from npsapp.i18n import language_name, language_now
from npsapp.lib.texts import N_, text_in
from npsapp.organization import logos, queries as organization, rules, services
from npsapp.organization.forms import BrandForm, PerformerForm, RegionForm, SettingForm, SpelledForm, UnitForm
from npsapp.organization.models import Brand, Performer, Property, Region, Segment, Unit
from npsapp.permissions import Permission, may
from npsapp.surveys.models import Touchpoint

Rows = Sequence[Any]
Column = tuple[str, dict[int, str]]
"""Heading, and id of a row → what stands there."""
CLOCK_FIELDS = {"timezone", "workdays", "work_from", "work_until"}
"""Columns after whose change the clocks of open cases are counted anew."""


@dataclass(frozen=True)
class Kind:
    """One kind of settings: words for people, and what its pages need beyond its form. Words are msgids."""

    model: Any
    form: type[SettingForm]
    title: str
    new: str
    about: str
    """What it is and what it is for, on empty pages and above the list."""
    effect: str
    """What retiring one does."""
    columns: Callable[[Rows], list[Column]] = lambda _rows: []
    """What its list shows besides the name."""
    offer: Callable[[Any, Any | None], None] = lambda _form, _row: None
    """Fill in the choices of the form, for a row or for a new one."""
    before: Callable[[Any, Any | None], dict[str, Any]] = lambda _form, _row: {}
    """What is worked out before the transaction: further columns."""
    after: Callable[[Any, Any, list[str], Actor, datetime], list[str]] = lambda *_args: []
    """What other rooms keep: gives the names of what changed there."""
    defaults: dict[str, Any] | None = None

    @property
    def table(self) -> str:
        """The name of its table: what audit log and queries call it."""
        return str(self.model.__tablename__)

    @property
    def of_brand(self) -> bool:
        """Whether a row belongs to a brand; else it belongs to the company that owns the data."""
        return hasattr(self.model, "brand_id")

    @property
    def from_files(self) -> bool:
        """Whether files make such rows, which then wait for somebody to look at them."""
        return hasattr(self.model, "confirmed")


def name_of(row: Any) -> str:
    """A row's name in the reader's language."""
    return row.name if isinstance(row.name, str) else text_in(row.name, language_now())


def people() -> list[tuple[str, str]]:
    """Those who can sign in, for a selection."""
    return [(str(one.id), one.name) for one in accounts.users() if one.is_active]


def tree() -> list[tuple[str, str]]:
    """Regions in use for a selection, indented by their depth."""
    return [(str(region.id), "\u2003" * depth + name_of(region)) for depth, region in organization.region_tree()]


def owners(kind: Kind) -> list[tuple[str, str]]:
    """To what a new row may belong: brands in use, or the companies that own data."""
    if kind.of_brand:
        return [(str(brand.id), name_of(brand)) for brand in organization.brands()]
    return [(str(pool.id), pool.name) for pool in organization.pools()]


def _labels(heading: str, kind: str, column: str, rows: Rows) -> list[Column]:
    """A column with the names of other things; none in a small firm that has only one of them."""
    if not organization.several(kind):
        return []
    named = organization.labels(kind, [getattr(row, column) for row in rows], language_now())
    return [(heading, {row.id: named.get(getattr(row, column), "") for row in rows})]


# ---- brands ----------------------------------------------------------------------------------------------------


def _brand_columns(rows: Rows) -> list[Column]:
    senders = {row.id: delivery.sender_of(row.id) for row in rows}
    return [
        (_("Language"), {row.id: language_name(row.language) for row in rows}),
        (_("Time zone"), {row.id: row.timezone for row in rows}),
        (_("Letters come from"), {id_: sender.address if sender else "" for id_, sender in senders.items()}),
    ]


def _brand_offer(form: BrandForm, _brand: Brand | None) -> None:
    form.let_choose("language", organization.customer_languages().items())


def _brand_before(form: BrandForm, brand: Brand | None) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if form.recoded:
        columns["logo"] = logos.keep(form.recoded, Path(current_app.instance_path) / logos.FOLDER)
    elif form.no_logo.data:
        columns["logo"] = ""
    if brand and form.public_url.data != brand.public_url:
        columns["public_url_checked_at"] = None
    return columns


def _clocks_after(_row: Any, _form: SettingForm, changed: list[str], _actor: Actor, now: datetime) -> list[str]:
    if CLOCK_FIELDS & set(changed):
        cases.recount_clocks(now=now)
    return []


# ---- regions ---------------------------------------------------------------------------------------------------


def weekday_names(days: str) -> str:
    """ISO weekdays ("1236") as short names in the reader's language: Mon–Wed, Sat."""
    names = get_locale().days["stand-alone"]["abbreviated"]
    spans = [list(span) for _gap, span in groupby(days, key=lambda day: int(day) - days.index(day))]
    return ", ".join("–".join(str(names[int(day) - 1]) for day in sorted({span[0], span[-1]})) for span in spans)


def _region_columns(rows: Rows) -> list[Column]:
    duties = accounts.duties()
    managers = {row.id: duties.get((row.pool_id, row.id), 0) for row in rows}
    named = accounts.labels(managers.values())
    hours = {row.id: f"{weekday_names(row.workdays)}, {row.work_from:%H:%M}–{row.work_until:%H:%M}" for row in rows}
    above = _labels(_("Belongs to"), "region", "parent_id", rows) if any(row.parent_id for row in rows) else []
    manager = {id_: named.get(user_id, _("nobody")) for id_, user_id in managers.items()}
    return [*above, (_("Manager"), manager), (_("Working time"), hours)]


def _region_offer(form: RegionForm, region: Region | None) -> None:
    inside = organization.subtree_ids([region.id]) if region else frozenset()
    form.let_choose("parent_id", [one for one in tree() if int(one[0]) not in inside], none=_("no other region"))
    workers = [(str(one.id), one.name) for one in accounts.users() if one.is_active and may(one.role, WORK)]
    days = get_locale().days["stand-alone"]["wide"]
    form.let_choose("workdays", [(str(number + 1), days[number]) for number in range(7)])
    form.let_choose("language", organization.customer_languages().items(), none=_("the brand's"))
    form.let_choose("manager_id", workers, none=_("nobody"))
    form.let_choose("fallback_id", workers, none=_("nobody"))
    if not form.is_submitted():
        duties = accounts.duties()
        pool = region.pool_id if region else next((one.id for one in organization.pools()), 0)
        form.manager_id.data = duties.get((pool, region.id)) if region else None
        form.fallback_id.data = duties.get((pool, None))


WORK = Permission.WORK_CASES


def _region_after(region: Region, form: RegionForm, changed: list[str], actor: Actor, now: datetime) -> list[str]:
    duties, wrote = accounts.duties(), []
    for name, region_id in (("manager_id", region.id), ("fallback_id", None)):
        if duties.get((region.pool_id, region_id)) != form[name].data:
            accounts_services.set_duty(region.pool_id, region_id, form[name].data, actor=actor, now=now)
            wrote.append(name)
    return wrote + _clocks_after(region, form, changed, actor, now)


# ---- units and performers --------------------------------------------------------------------------------------


def _unit_columns(rows: Rows) -> list[Column]:
    regions = _labels(_("Region"), "region", "region_id", rows)
    return regions + _labels(_("Brand"), "brand", "brand_id", rows)


def _unit_offer(form: UnitForm, _unit: Unit | None) -> None:
    form.let_choose("region_id", tree(), none=_("none"))


def _role(role: str) -> str:
    return _(role) if role in rules.USUAL_ROLES else role


def _performer_columns(rows: Rows) -> list[Column]:
    columns = [(_("Role"), {row.id: _role(row.role) for row in rows})]
    columns += _labels(_("Works at"), "unit", "unit_id", rows) + _labels(_("Brand"), "brand", "brand_id", rows)
    if users := accounts.users_of_performers(row.id for row in rows):
        named = accounts.labels(users.values())
        columns.append((_("User"), {id_: named.get(user_id, "") for id_, user_id in users.items()}))
    return columns


def _performer_offer(form: PerformerForm, performer: Performer | None) -> None:
    units = [(str(id_), name) for id_, name in organization.choices("unit", language_now())]
    form.let_choose("unit_id", units, none=_("no place of its own"))
    form.let_choose("user_id", people(), none=_("nobody who signs in"))
    if performer and not form.is_submitted():
        form.user_id.data = accounts.users_of_performers([performer.id]).get(performer.id)


def _performer_after(
    performer: Performer, form: PerformerForm, _changed: list[str], actor: Actor, now: datetime
) -> list[str]:
    if not accounts_services.set_performer_user(performer.id, form.user_id.data):
        return []
    services.note("performer", performer.id, ["user_id"], actor=actor, now=now)
    return ["user_id"]


def _touchpoint_columns(rows: Rows) -> list[Column]:
    return [(_("Key in files"), {row.id: row.key for row in rows})]


def _property_columns(rows: Rows) -> list[Column]:
    seen: dict[int, list[str]] = {row.id: [] for row in rows}
    for value in organization.property_values(seen):
        seen[value.property_id].append(value.name)
    shown = {
        id_: ", ".join(names[:SHOWN_VALUES]) + ("…" if names[SHOWN_VALUES:] else "") for id_, names in seen.items()
    }
    return [(_("Key in files"), {row.id: row.key for row in rows}), (_("Values so far"), shown)]


SHOWN_VALUES = 6

# ---- all of them, by the word in their address -------------------------------------------------------------------

FOUND_IN_FILES = N_("It is offered in no filter any more. Files that still name it find it, and its answers stay.")

KINDS: dict[str, Kind] = {
    "brands": Kind(
        Brand,
        BrandForm,
        N_("Brands"),
        N_("New brand"),
        N_("The name under which your customers know you: its look, language, addresses and privacy page."),
        N_("It is offered nowhere any more. Its answers stay in the reports, and links in old letters go on working."),
        _brand_columns,
        _brand_offer,
        before=_brand_before,
        after=_clocks_after,
        defaults={"accent": rules.DEFAULT_ACCENT, "timezone": "Europe/Kyiv", "currency": "UAH", "language": "uk"},
    ),
    "regions": Kind(
        Region,
        RegionForm,
        N_("Regions"),
        N_("New region"),
        N_("The parts of the company that one manager answers for. Cases of a region go to its manager."),
        N_("Files that name it ask where its purchases belong. Its answers stay in the reports."),
        _region_columns,
        _region_offer,
        after=_region_after,
        defaults={"workdays": "12345", "work_from": time(9), "work_until": time(18)},
    ),
    "units": Kind(
        Unit,
        UnitForm,
        N_("Stores and warehouses"),
        N_("New store"),
        N_("The places that are rated. Imported files make them; give each its region."),
        FOUND_IN_FILES,
        _unit_columns,
        _unit_offer,
    ),
    "performers": Kind(
        Performer,
        PerformerForm,
        N_("Performers"),
        N_("New performer"),
        N_("The people who are rated: sellers, couriers, assemblers. Imported files make them; few are users here."),
        FOUND_IN_FILES,
        _performer_columns,
        _performer_offer,
        after=_performer_after,
    ),
    "segments": Kind(
        Segment,
        SpelledForm,
        N_("Segments"),
        N_("New segment"),
        N_("Kinds of customers that reports tell apart: retail, contractors, projects."),
        FOUND_IN_FILES,
    ),
    "touchpoints": Kind(
        Touchpoint,
        SpelledForm,
        N_("Touchpoints"),
        N_("New touchpoint"),
        N_("The kinds of contact after which you ask: a purchase, a delivery, a service visit."),
        N_("No new survey can ask after it, and files that name it ask what is meant. Its answers stay."),
        _touchpoint_columns,
    ),
    "properties": Kind(
        Property,
        SpelledForm,
        N_("Properties"),
        N_("New property"),
        N_(
            "What else tells your purchases apart, such as the way of delivery: at most eight. A column of this name "
            "in files fills it, and answers and reports can be narrowed to its values."
        ),
        N_("It is offered in no filter any more, and files no longer fill it. What was stored stays."),
        _property_columns,
    ),
}
