"""Finding a customer, and everything known of one in a single timeline."""

from flask import abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.customers import queries as customers
from npsapp.customers.rules import GroundKind
from npsapp.db import transaction
from npsapp.delivery.rules import Channel
from npsapp.i18n import language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import N_
from npsapp.office import queries
from npsapp.office.blueprint import bp
from npsapp.permissions import Permission
from npsapp.web import listing
from npsapp.web.access import requires, scope

PAGE_SIZE = 25

CHANNELS = {Channel.EMAIL: N_("e-mail"), Channel.SMS: N_("SMS"), Channel.PHONE: N_("phone")}
GROUNDS = {
    GroundKind.CONSENT: N_("consent"),
    GroundKind.CONTRACT: N_("contract"),
    GroundKind.INTEREST: N_("legitimate interest"),
}


@bp.get("/customers/")
@requires(Permission.SEE_CUSTOMERS)
def customer_search() -> ResponseReturnValue:
    """Search by name, e-mail, phone or order number. That somebody searched is audited, the words are not."""
    q = listing.word("q")
    searched = len(q) >= queries.SHORTEST_SEARCH
    rows = []
    if searched:
        _audit(Event.CUSTOMER_SEARCHED, None)
        rows = list(queries.find_customers(q, scope(), limit=PAGE_SIZE + 1, after=_after()))
    page = listing.page_by_key(rows, size=PAGE_SIZE, key=lambda row: (row.id,))
    return render_template("office/customers.html", page=page, q=q, searched=searched)


@bp.get("/customers/<int:customer_id>")
@requires(Permission.SEE_CUSTOMERS)
def customer(customer_id: int) -> ResponseReturnValue:
    """One customer: addresses, grounds, holds, and all that happened. Opening the page is audited."""
    found = queries.visible_customer(customer_id, scope()) or abort(404)
    standing = customers.current(customer_id)
    if standing and standing.id != found.id:
        return redirect(url_for(".customer", customer_id=standing.id))
    _audit(Event.CUSTOMER_VIEWED, customer_id)
    found = queries.visible_customer(customer_id, scope()) or abort(404)
    page = queries.customer_page(found, scope(), language=language_now(), now=utcnow())
    return render_template(
        "office/customer.html", page=page, customer=page.customer, channels=CHANNELS, grounds=GROUNDS
    )


def _audit(event: Event, customer_id: int | None) -> None:
    actor = audit.by_user(current_user.id)
    with transaction():
        audit.record(event, actor=actor, now=utcnow(), subject=("customer", customer_id))


def _after() -> int | None:
    key = listing.after()
    return int(key[0]) if key and key[0].isascii() and key[0].isdigit() and len(key[0]) < 10 else None
