"""Finding a customer, and everything known of one in a single timeline."""

from flask import abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from npsapp.accounts import queries as accounts
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.customers import queries as customers
from npsapp.db import transaction
from npsapp.lib.clock import utcnow
from npsapp.office import queries
from npsapp.office.blueprint import bp
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.web import listing
from npsapp.web.access import requires, scope

PAGE_SIZE = 25


@bp.get("/customers/")
@requires(Permission.SEE_CUSTOMERS)
def customer_search() -> ResponseReturnValue:
    """Search by name, e-mail, phone or order number. That somebody searched is audited, the words are not."""
    q = listing.word("q")
    searched = len(q) >= queries.SHORTEST_SEARCH
    if searched:
        _audit(Event.CUSTOMER_SEARCHED, None)
    rows = queries.find_customers(q, scope(), limit=PAGE_SIZE + 1, after=listing.whole("after"))
    page = listing.page_by_key(rows, size=PAGE_SIZE, key=lambda row: (row.id,))
    return render_template("office/customers.html", page=page, q=q, searched=searched)


@bp.get("/customers/<int:customer_id>")
@requires(Permission.SEE_CUSTOMERS)
def customer(customer_id: int) -> ResponseReturnValue:
    """One customer: addresses, grounds, holds, and all that happened. Opening the page is audited."""
    found = queries.visible_customer(customer_id, scope()) or abort(404)
    standing = customers.current(customer_id)
    if standing and standing.id != customer_id:
        return redirect(url_for(".customer", customer_id=standing.id))
    _audit(Event.CUSTOMER_VIEWED, customer_id)
    points = customers.story(customer_id).contact_points
    return render_template(
        "office/customer.html",
        customer=found,
        region=organization.region(found.region_id or 0),
        speaks=customers.language_of(found, None),
        contact_points=points,
        holds=customers.holds_for([customer_id], utcnow()).get(customer_id, []),
        timeline=queries.timeline(customer_id, scope()),
        users=accounts.labels(ground.set_by_id or 0 for point in points for ground in point.grounds),
    )


def _audit(event: Event, customer_id: int | None) -> None:
    actor = audit.by_user(current_user.id)
    with transaction():
        audit.record(event, actor=actor, now=utcnow(), subject=("customer", customer_id))
