"""Pages that let two customers be one person, with both side by side, and tell them apart again."""

from dataclasses import dataclass
from typing import Any

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.events import Event
from npsapp.cases import people as cases
from npsapp.customers import merging, queries as customers
from npsapp.customers.models import Customer
from npsapp.db import alone, transaction
from npsapp.intake import queries as intake, services as intake_services
from npsapp.intake.models import PLANNING
from npsapp.invitations import letters, policies
from npsapp.lib.clock import utcnow
from npsapp.lib.refusals import Refused
from npsapp.office import queries
from npsapp.office.blueprint import bp
from npsapp.permissions import Permission
from npsapp.responses import queries as responses
from npsapp.web import listing
from npsapp.web.access import scope
from npsapp.web.pages import done

FOUND = 10
LONGEST_REASON = 300


@dataclass(frozen=True)
class Side:
    """One of the two, as far as the reader may see."""

    customer: Customer
    known: customers.Story
    holds: list[Any]
    bought: int
    answered: int


@bp.page("/customers/<int:customer_id>/same", Permission.EDIT_CUSTOMERS)
def customer_same(customer_id: int) -> ResponseReturnValue:
    """Look for the other one, and see what it would mean that both are one person."""
    other_id = listing.whole("other")
    seen = Event.CUSTOMER_VIEWED if other_id else Event.CUSTOMER_SEARCHED
    with transaction():
        audit.record(seen, actor=me(), now=utcnow(), subject=("customer", other_id))
    return _page(customer_id, _standing(other_id) if other_id else None)


def _page(customer_id: int, other: Customer | None, error: str = "") -> Response:
    found = _standing(customer_id)
    q = listing.word("q")
    others = [one for one in queries.find_customers(q, scope(), limit=FOUND + 1) if one.id != customer_id][:FOUND]
    sides = [_side(one) for one in (found, other)] if other and other.id != customer_id else []
    page = render_template("office/customer_same.html", customer=found, sides=sides, others=others, q=q, error=error)
    return Response(page, status=422 if error else 200)


def _standing(customer_id: int) -> Customer:
    """Somebody inside the scope who stands for themselves. :raise 404:"""
    found = queries.visible_customer(customer_id, scope())
    return found if found and found.merged_into_id is None else abort(404)


def _side(one: Customer) -> Side:
    holds = customers.holds_for(customers.members(one.id), utcnow())
    return Side(
        one,
        customers.story(one.id),
        [hold for theirs in holds.values() for hold in theirs],
        sum(scope().covers(bought.region_id) for bought in intake.story(one.id)),
        len(responses.story(one.id, scope())),
    )


@bp.deed("/customers/<int:customer_id>/same", Permission.EDIT_CUSTOMERS)
def customer_merge(customer_id: int) -> ResponseReturnValue:
    """From now on this customer stands for the other one, too; what is planned for both is decided again."""
    other_id, now = request.form.get("other", 0, type=int), utcnow()
    try:
        with transaction():
            alone(PLANNING)
            _standing(customer_id)
            _standing(other_id)
            merging.merge(other_id, customer_id, reason=_reason(), actor=me(), now=now)
            cases.become_one(customer_id, now=now)
            _decide_again(customer_id)
    except Refused as refusal:
        return _page(customer_id, _standing(other_id), _(refusal.wording))
    return done(_("Both are one person now."), ".customer", customer_id=customer_id)


@bp.deed("/customers/merges/<int:merge_id>/undo", Permission.EDIT_CUSTOMERS)
def customer_unmerge(merge_id: int) -> ResponseReturnValue:
    """They are two people after all. :raise 404: also outside of the scope."""
    with transaction():
        alone(PLANNING)
        made = queries.visible_merge(merge_id, scope()) or abort(404)
        merging.unmerge(merge_id, reason=_reason(), actor=me(), now=utcnow())
        cases.become_two(made.customer_id, made.into_id, now=utcnow())
        customer_id = made.customer_id
        _decide_again(customer_id)
        _decide_again(made.into_id)
    return done(
        _("They are two customers again, each with the own addresses and history."),
        ".customer",
        customer_id=customer_id,
    )


def _reason() -> str:
    return " ".join(request.form.get("reason", "").split())[:LONGEST_REASON]


def _decide_again(customer_id: int) -> None:
    """What is planned is decided anew; what waits to leave stays here where the person is on hold."""
    family, now = customers.members(customer_id), utcnow()
    if customers.holds_for(family, now):
        letters.stop_for(customer_id, now=now)
    policies.held_changed(customer_id)
    intake_services.apply_again(family)
