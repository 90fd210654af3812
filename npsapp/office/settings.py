"""The settings pages: where everything is set up, and one list, form and confirmation for every kind of thing."""

from datetime import date
from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge

from npsapp.audit.doors import me
from npsapp.cases import services as cases
from npsapp.db import db, transaction
from npsapp.delivery import queries as delivery
from npsapp.i18n import LANGUAGES, language_now, speaking
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.office import hosts, uses
from npsapp.office.kinds import KINDS, Kind, name_of, owners, tree
from npsapp.organization import logos, queries as organization, rules, services
from npsapp.organization.forms import HolidayForm, SettingForm
from npsapp.organization.models import Brand
from npsapp.permissions import Permission
from npsapp.responses.pages import style_address
from npsapp.surveys.rules import wording
from npsapp.surveys.wording import default_questionnaire
from npsapp.web import listing, menu
from npsapp.web.access import Room
from npsapp.web.headers import FRAMING_POLICY, SHOWN_IN_A_FRAME
from npsapp.web.pages import done, form_page, saved, with_policy

bp = Room("settings", __name__, url_prefix="/settings", template_folder="templates")
PLACES = {"brand_id": "brand", "region_id": "region", "unit_id": "unit", "parent_id": "region"}
"""Arguments that narrow a list to what belongs to one thing, and the kind of that thing."""
BODY_MAX = logos.MOST_BYTES + 512 * 1024  # a logo and the texts beside it


@bp.page("/", Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """Everything that can be set up, by job."""
    waiting = {word: organization.count_unconfirmed(kind.model) for word, kind in KINDS.items() if kind.from_files}
    entries, founded = {entry.path for entry in menu.settings()}, bool(organization.brands())
    return render_template("settings/index.html", kinds=KINDS, entries=entries, waiting=waiting, founded=founded)


@bp.app_template_global()
def setting_kinds() -> dict[str, Kind]:
    """The kinds of settings, for the tabs of their pages."""
    return KINDS


# ---- one list, form and confirmation for all kinds -------------------------------------------------------------


def _kind(word: str) -> Kind:
    return KINDS.get(word) or abort(404)


def _row(kind: Kind, row_id: int) -> Any:
    return db.session.get(kind.model, row_id) or abort(404)


@bp.page("/<kind>/", Permission.ADMINISTER)
def rows(kind: str) -> ResponseReturnValue:
    """The rows of one kind, what hangs on them, and which wait to be looked at."""
    described, window = _kind(kind), listing.window()
    word, shown = listing.word("q"), listing.one_of("show", organization.Shown)
    inside = {name: id_ for name in PLACES if hasattr(described.model, name) and (id_ := listing.whole(name))}
    ids = organization.find(described.model, word=word, shown=shown, within=inside, language=language_now())
    found = organization.rows(described.model, ids[window.offset : window.offset + window.limit])
    page = listing.page(found, window, total=len(ids))
    states = [(organization.Shown.RETIRED.value, _("retired"))]
    if described.from_files:
        states.insert(0, (organization.Shown.UNCONFIRMED.value, _("made from files, not looked at yet")))
    return render_template(
        "settings/rows.html",
        word=kind,
        kind=described,
        page=page,
        columns=described.columns(page.items),
        uses=uses.in_use(described.table, [row.id for row in page.items]),
        states=states,
        inside=inside,
        active=listing.active_filters([("q", word), ("show", dict(states).get(shown or "", "")), *_named(inside)]),
        name_of=name_of,
        founded=bool(owners(described)) or described.model is Brand,
    )


def _named(places: dict[str, int]) -> list[tuple[str, str]]:
    return [
        (name, words)
        for name, id_ in places.items()
        for words in organization.labels(PLACES[name], [id_], language_now()).values()
    ]


@bp.form("/<kind>/new", Permission.ADMINISTER)
def add(kind: str) -> ResponseReturnValue:
    """Enter a new row of one kind."""
    described = _kind(kind)
    form = described.form(**(described.defaults or {}))
    choices = owners(described)
    if not choices and described.model is not Brand:
        flash(_("Enter a brand first."), "warn")
        return redirect(url_for(".add", kind="brands"), code=303)
    form.let_choose("owner", choices, none=_("a new company") if described.model is Brand and choices else None)
    if len(choices) <= (described.model is not Brand):
        del form.owner
    described.offer(form, None)
    return _form_page(kind, form, None)


@bp.form("/<kind>/<int:row_id>", Permission.ADMINISTER)
def edit(kind: str, row_id: int) -> ResponseReturnValue:
    """Change one row; what else hangs on it stands below."""
    described = _kind(kind)
    row = _row(described, row_id)
    form = described.form(obj=row)
    del form.owner
    described.offer(form, row)
    if not form.is_submitted():
        form.show(row)
    return _form_page(kind, form, row)


def _form_page(word: str, form: SettingForm, row: Any | None) -> ResponseReturnValue:
    """Show the form, or save what was typed; a refusal stands above the form, with everything still in it."""
    kind = KINDS[word]
    if form.validate_on_submit():
        looked_at = {"confirmed": True} if kind.from_files else {}
        columns = form.columns() | looked_at | kind.before(form, row)
        try:
            with transaction():
                row_id, changed = _save(kind, form, row, columns)
        except Refused as refusal:
            form.form_errors = [_(refusal.wording, **refusal.values)]
        else:
            return saved(changed, ".edit", kind=word, row_id=row_id)
    return form_page(
        "settings/row.html",
        form,
        policy=FRAMING_POLICY,
        word=word,
        kind=kind,
        row=row,
        title=name_of(row) if row else _(kind.new),
        uses=uses.in_use(kind.table, [row.id])[row.id] if row else [],
        zones=rules.zones(),
        roles=[_(role) for role in rules.USUAL_ROLES],
        sender=delivery.sender_of(row.id) if row and kind.model is Brand else None,
    )


def _save(kind: Kind, form: SettingForm, row: Any | None, columns: dict[str, Any]) -> tuple[int, list[str]]:
    now, changed = utcnow(), ["created"]
    if row is None:
        column = "brand_id" if kind.of_brand else "pool_id"
        row = services.enter(kind.model, columns | {column: _owner(kind, form)}, actor=me(), now=now)
    else:
        changed = services.change_fields(row, columns, actor=me(), now=now)
    return row.id, changed + kind.after(row, form, changed, me(), now)


def _owner(kind: Kind, form: SettingForm) -> int:
    """The chosen brand or company, else the only one there is; a brand may found a company."""
    chosen = form.owner.data if "owner" in form else next((int(id_) for id_, _name in owners(kind)), None)
    if chosen is None:
        chosen = services.create_pool(name=next(iter(form.texts("name").values()))).id
    return int(chosen)


@bp.page("/<kind>/<int:row_id>/retire", Permission.ADMINISTER)
def retiring(kind: str, row_id: int) -> ResponseReturnValue:
    """What retiring this does, or why it cannot be done yet."""
    described = _kind(kind)
    row = _row(described, row_id)
    found = uses.in_use(described.table, [row_id])[row_id]
    return render_template(
        "settings/retire.html", word=kind, kind=described, row=row, title=name_of(row), uses=found, last=_is_last(row)
    )


@bp.deed("/<kind>/<int:row_id>/retire", Permission.ADMINISTER)
def retire(kind: str, row_id: int) -> ResponseReturnValue:
    """Offer it nowhere any more; nothing is deleted."""
    described, now = _kind(kind), utcnow()
    with transaction():
        row = _row(described, row_id)
        uses.refuse_while_in_use(described.table, row_id)
        if _is_last(row):
            raise uses.StillInUse
        services.change_fields(row, {"retired_at": row.retired_at or now}, actor=me(), now=now)
    return done(_("Retired. You can take it into use again on this page."), ".edit", kind=kind, row_id=row_id)


def _is_last(row: Any) -> bool:
    """Without a brand nothing could be asked, and no letter could leave."""
    return isinstance(row, Brand) and [one.id for one in organization.brands()] == [row.id]


@bp.deed("/<kind>/<int:row_id>/restore", Permission.ADMINISTER)
def restore(kind: str, row_id: int) -> ResponseReturnValue:
    """Take a retired row into use again."""
    described = _kind(kind)
    with transaction():
        services.change_fields(_row(described, row_id), {"retired_at": None}, actor=me(), now=utcnow())
    return done(_("It is in use again."), ".edit", kind=kind, row_id=row_id)


# ---- brands only: the logo's size, the own address, the look ---------------------------------------------------


@bp.url_value_preprocessor
def _bound(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Before anything reads the body: nothing on these pages is larger than a logo."""
    request.max_content_length = BODY_MAX


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    if not current_user.is_authenticated:
        return error
    flash(_("Nothing was saved.") + " " + _(logos.TOO_LARGE), "error")
    return redirect(request.path, code=303)


@bp.deed("/brands/<int:brand_id>/check", Permission.ADMINISTER)
def check_host(brand_id: int) -> ResponseReturnValue:
    """Open the brand's own address; once this program answers there, links in letters use it."""
    brand = organization.brand(brand_id) or abort(404)
    url = brand.public_url or abort(404)
    db.session.rollback()  # nothing is read or written while the network is waited for
    try:
        hosts.check(url)
    except hosts.NotHere as refusal:
        checked, said, level = None, _(refusal.wording, **refusal.values), "error"
    else:
        checked, level = utcnow(), "success"
        said = _("This program answers at %(url)s. Links in letters lead there from now on.", url=url)
    with transaction():
        brand = organization.brand(brand_id) or abort(404)
        if brand.public_url == url:
            services.change_fields(brand, {"public_url_checked_at": checked}, actor=me(), now=utcnow())
    flash(said, level)
    return redirect(url_for(".edit", kind="brands", row_id=brand_id), code=303)


@bp.page("/brands/preview", Permission.ADMINISTER)
def preview() -> Response:
    """How a survey page looks with the name, phrase and colours of the address; saves nothing."""
    given, language = request.args, listing.picked("show", LANGUAGES, language_now())
    name, accent = given.get("name", "")[:200] or "…", given.get("accent", "").strip()
    phrase = rules.company_phrase(language, names={language: name}, phrases={language: given.get("phrase", "")[:200]})
    fault = rules.accent_fault(accent)
    facts = dict.fromkeys(("name", "title", "number", "date", "place"), "") | {"brand": name, "company": phrase}
    with speaking(language):
        page = render_template(
            "settings/preview.html",
            language=language,
            said=wording(default_questionnaire("purchase"), language=language, values=facts),
            name=name,
            logo=given.get("logo", ""),
            groups=given.get("groups") == "1",
            style=style_address(rules.readable_accent(accent).fill.lstrip("#")),
            fault=_(fault[0], **fault[1]) if fault else "",
        )
    return with_policy(page, SHOWN_IN_A_FRAME)


# ---- holidays --------------------------------------------------------------------------------------------------


@bp.form("/holidays/", Permission.ADMINISTER)
def holidays() -> ResponseReturnValue:
    """Days on which nobody works, from this year on; entering one counts the clocks of cases anew."""
    form = HolidayForm()
    form.region.choices = [("", _("everywhere")), *tree()]
    if form.validate_on_submit():
        name, now = {language_now(): form.name.data or ""}, utcnow()
        with transaction():
            services.add_holiday(day=form.day.data, region_id=form.region.data, name=name, actor=me(), now=now)
            cases.recount_clocks(now=now)
        return done(_("The holiday is entered."), ".holidays")
    shown = organization.holiday_list(date(utcnow().year, 1, 1))
    return form_page("settings/holidays.html", form, holidays=shown, region_names=dict(tree()))


@bp.deed("/holidays/<int:holiday_id>/remove", Permission.ADMINISTER)
def remove_holiday(holiday_id: int) -> ResponseReturnValue:
    """Take a holiday out again."""
    with transaction():
        services.remove_holiday(holiday_id, actor=me(), now=utcnow())
        cases.recount_clocks(now=utcnow())
    return done(_("The holiday is taken out."), ".holidays")
