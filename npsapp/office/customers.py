"""Finding a customer, and everything known of one in a single timeline."""

from datetime import date
from itertools import chain

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.validators import Length

from npsapp.accounts import queries as accounts
from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.events import Event
from npsapp.cases import queries as cases
from npsapp.cases.models import Case
from npsapp.customers import care, queries as customers, tags
from npsapp.customers.models import Customer
from npsapp.db import transaction
from npsapp.delivery import queries as delivery
from npsapp.i18n import language_name
from npsapp.invitations import letters, policies
from npsapp.lib.clock import day_bounds, utcnow
from npsapp.office import queries
from npsapp.office.blueprint import bp
from npsapp.organization import queries as organization
from npsapp.organization.forms import NAME_MAX, line, options
from npsapp.permissions import Permission
from npsapp.web import listing
from npsapp.web.access import can, scope
from npsapp.web.pages import done, saved

PAGE_SIZE = 25
MOMENTS = 30  # of one customer on a page
NOTE_MAX = 2000
LONGEST_ID = 9  # digits


@bp.page("/customers/", Permission.SEE_CUSTOMERS)
def customer_search() -> ResponseReturnValue:
    """Search by name, e-mail, phone or order number. That somebody searched is audited, the words are not."""
    q = listing.word("q")
    searched = len(q) >= queries.SHORTEST_SEARCH
    if searched:
        _audit(Event.CUSTOMER_SEARCHED, None)
    rows = queries.find_customers(q, scope(), limit=PAGE_SIZE + 1, after=listing.whole("after"))
    page = listing.page_by_key(rows, size=PAGE_SIZE, key=lambda row: (row.id,))
    return render_template("office/customers.html", page=page, q=q, searched=searched, case=_case(q))


def _case(q: str) -> Case | None:
    """The case with that number, where a number was looked for."""
    number = q.lstrip("#№ ")
    if not can(Permission.SEE_CASES) or not number.isdecimal() or len(number) > LONGEST_ID:
        return None
    return cases.visible_to(current_user.id, scope(), int(number))


@bp.page("/customers/<int:customer_id>", Permission.SEE_CUSTOMERS)
def customer(customer_id: int) -> ResponseReturnValue:
    """One customer: addresses, grounds, holds, and all that happened. Opening the page is audited."""
    found = _visible(customer_id)
    standing = customers.current(customer_id)
    if standing and standing.id != customer_id:
        return redirect(url_for(".customer", customer_id=standing.id))
    _audit(Event.CUSTOMER_VIEWED, customer_id)
    family = customers.members(customer_id)
    known, window = customers.story(customer_id), listing.window(size=MOMENTS)
    moments = queries.timeline(customer_id, known, scope())
    shown = moments[window.offset : window.offset + window.limit]
    return render_template(
        "office/customer.html",
        customer=found,
        region=organization.region(found.region_id or 0),
        speaks=language_name(customers.language_of(found, None)),
        contact_points=known.contact_points,
        holds=list(chain(*customers.holds_for(family, utcnow()).values())),
        page=listing.page(shown, window),
        open_cases=[what for _at, kind, what in moments if kind == "case" and what.is_open],
        tags=tags.of_person(customer_id, scope()),
        merges=(merged := customers.merges(family)),
        names=customers.labels(one.customer_id for one in merged),
        stops=delivery.stops((point.value for point in known.contact_points), now=utcnow()),
        users=accounts.labels(_named(known) | {one.by_id for one in merged if one.by_id}),
        form=_correct_form(found),
    )


def _visible(customer_id: int) -> Customer:
    return queries.visible_customer(customer_id, scope()) or abort(404)


def _named(known: customers.Story) -> set[int]:
    set_by = (ground.set_by_id for point in known.contact_points for ground in point.grounds)
    return {id_ for id_ in [*set_by, *(one.by_id for one in known.notes)] if id_}


def _audit(event: Event, customer_id: int | None) -> None:
    with transaction():
        audit.record(event, actor=me(), now=utcnow(), subject=("customer", customer_id))


# ---- what colleagues do ----------------------------------------------------------------------------------------


class CorrectForm(FlaskForm):
    """What is known of a person by name."""

    name = line(_l("Name of the customer"), Length(max=NAME_MAX))
    address_as = line(_l("Addressed as"), Length(max=NAME_MAX), help=_l("Empty: letters go without a name."))
    language = SelectField(_l("Language"), coerce=lambda value: value or None)


def _correct_form(person: Customer) -> CorrectForm:
    form, spoken = CorrectForm(obj=person), organization.customer_languages(person.language)
    form.language.choices = options([("", _("as usual there")), *spoken.items()])
    return form


@bp.deed("/customers/<int:customer_id>/correct", Permission.EDIT_CUSTOMERS)
def customer_correct(customer_id: int) -> ResponseReturnValue:
    """Change name, form of address or language."""
    form = _correct_form(_visible(customer_id))
    if not form.validate_on_submit():
        abort(400)
    typed = {name: form[name].data for name in ("name", "address_as", "language")}
    with transaction():
        changed = care.correct(customer_id, actor=me(), now=utcnow(), **typed)
    return saved(changed, ".customer", customer_id=customer_id)


@bp.deed("/customers/<int:customer_id>/note", Permission.EDIT_CUSTOMERS)
def customer_note(customer_id: int) -> ResponseReturnValue:
    """Write something down."""
    _visible(customer_id)
    text = request.form.get("text", "").strip()[:NOTE_MAX]
    if not text:
        return saved([], ".customer", customer_id=customer_id)
    with transaction():
        care.note(customer_id, text, actor=me(), now=utcnow())
    return done(_("The note is kept."), ".customer", customer_id=customer_id)


@bp.deed("/customers/<int:customer_id>/hold", Permission.EDIT_CUSTOMERS)
def customer_hold(customer_id: int) -> ResponseReturnValue:
    """Do not ask this person until a day, or, without one, any more; what waits for its day is held back at once."""
    found = _visible(customer_id)
    day = request.form.get("until", type=date.fromisoformat)
    brand = next(iter(organization.brands()), None) or abort(404)
    until = day_bounds(day, customers.timezone_of(found, brand))[1] if day else None
    with transaction():
        care.hold(customer_id, until=until, actor=me(), now=utcnow())
        letters.stop_for(customer_id, now=utcnow())
        policies.held_changed(customer_id)
    return done(_("This customer is left alone."), ".customer", customer_id=customer_id)


@bp.deed("/customers/<int:customer_id>/release", Permission.EDIT_CUSTOMERS)
def customer_release(customer_id: int) -> ResponseReturnValue:
    """Ask this person again; what the customer wanted stays."""
    _visible(customer_id)
    with transaction():
        care.release(customer_id, actor=me(), now=utcnow())
        policies.held_changed(customer_id)
    return done(_("The customer may be asked again."), ".customer", customer_id=customer_id)


@bp.deed("/customers/<int:customer_id>/grounds/<int:ground_id>/withdraw", Permission.EDIT_CUSTOMERS)
def ground_withdraw(customer_id: int, ground_id: int) -> ResponseReturnValue:
    """The customer took a ground back."""
    _visible(customer_id)
    with transaction():
        if not care.withdraw(customer_id, ground_id, actor=me(), now=utcnow()):
            abort(404)
        policies.held_changed(customer_id)
    return done(_("The ground is withdrawn; no file can bring it back."), ".customer", customer_id=customer_id)
