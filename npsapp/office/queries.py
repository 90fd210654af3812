"""Questions over several rooms: finding a customer, what is known of one, and what things in the log are called."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import joinedload, selectinload

from npsapp.accounts import queries as accounts
from npsapp.cases import queries as cases
from npsapp.cases.models import Case, CaseAttempt
from npsapp.customers import queries as customers
from npsapp.customers.models import ContactPoint, Customer, Hold
from npsapp.customers.rules import ContactKind
from npsapp.db import db, within
from npsapp.intake import queries as intake
from npsapp.intake.models import Interaction
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.lib import addresses, phones
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.organization.models import Pool
from npsapp.organization.rules import fold
from npsapp.permissions import Scope
from npsapp.responses import queries as responses
from npsapp.responses.models import Response, ResponseRevision
from npsapp.surveys import queries as surveys

SHORTEST_SEARCH = 2  # characters; one letter would list half of everybody
SHORTEST_PHONE = 5  # digits from which a number may be part of a phone number


# ---- finding customers -----------------------------------------------------------------------------------------


def find_customers(q: str, scope: Scope, *, limit: int, after: int | None = None) -> Sequence[Customer]:
    """People by name, e-mail, phone or order number, newest first, as far as the scope reaches.

    Somebody is inside the scope by the own region or by a purchase there. `after` is the id of the last row of the
    page before. Too short a search finds nobody: this is a search, not a list.
    """
    text = " ".join(q.split())
    if len(text) < SHORTEST_SEARCH:
        return []
    rows = (
        select(Customer)
        .where(or_(*_ways(text)), _inside(scope), Customer.merged_into_id.is_(None))
        .options(selectinload(Customer.contact_points))
        .order_by(Customer.id.desc())
        .limit(limit)
    )
    if after is not None:
        rows = rows.where(Customer.id < after)
    return db.session.scalars(rows).all()


def _ways(text: str) -> list[ColumnElement[bool]]:
    """What the words may be; most are only one of it."""
    if "@" in text:
        whole = addresses.normalise(text)
        value = ContactPoint.value
        return [
            _has_address(
                ContactKind.EMAIL,
                value == whole if whole else value.startswith(text.lower(), autoescape=True),
            )
        ]
    ways = [_has_number(text)]
    digits = "".join(char for char in text if char.isdigit())
    if any(char.isalpha() for char in text):
        words = fold(text).split()
        if words:
            ways.append(and_(*(Customer.name_key.contains(word, autoescape=True) for word in words)))
        if " " not in text:
            ways.append(
                _has_address(ContactKind.EMAIL, ContactPoint.value.startswith(text.lower(), autoescape=True))
            )
    elif len(digits) >= SHORTEST_PHONE:
        whole = phones.normalise(text)
        same = ContactPoint.value == whole if whole else ContactPoint.value.contains(digits, autoescape=True)
        ways.append(_has_address(ContactKind.PHONE, same))
    return ways


def _has_address(kind: ContactKind, same: ColumnElement[bool]) -> ColumnElement[bool]:
    in_pools = ContactPoint.pool_id.in_(select(Pool.id))  # lets the index on (pool, kind, value) be used
    return Customer.id.in_(select(ContactPoint.customer_id).where(in_pools, ContactPoint.kind == kind, same))


def _has_number(text: str) -> ColumnElement[bool]:
    bare = text.removeprefix("№").removeprefix("#").strip()
    spellings = {bare, bare.upper(), bare.lower()}
    same = or_(
        Interaction.number.in_(spellings),
        *(Interaction.number.startswith(one, autoescape=True) for one in spellings),
    )
    return Customer.id.in_(select(Interaction.customer_id).where(Interaction.number != "", same))


def _inside(scope: Scope) -> ColumnElement[bool]:
    if scope.everything:
        return within(Customer.region_id, scope)
    bought = select(Interaction.customer_id).where(
        Interaction.customer_id == Customer.id, within(Interaction.region_id, scope)
    )
    return or_(within(Customer.region_id, scope), bought.exists())


def visible_customer(customer_id: int, scope: Scope) -> Customer | None:
    """The customer if somebody with this scope may see the page: by region, or by a purchase there."""
    return db.session.scalars(select(Customer).where(Customer.id == customer_id, _inside(scope))).first()


# ---- one customer ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """One line of the timeline: `kind` says what `what` is."""

    at: datetime
    kind: str
    what: Any


@dataclass(frozen=True)
class CustomerPage:
    """All the page of a customer needs."""

    customer: Customer
    language: str
    region: str
    contact_points: list[ContactPoint]
    holds: list[Hold]
    timeline: list[Moment]
    open_case: Any
    names: dict[int, str]
    """Users who set grounds."""


def customer_page(customer: Customer, scope: Scope, *, language: str, now: datetime) -> CustomerPage:
    """Everything known of one customer, newest first; purchases, answers and cases as far as the scope reaches."""
    told = customers.story(customer.id)
    points = told.contact_points if told else []
    their_cases = cases.story(customer.id, scope)
    set_by = {ground.set_by_id for point in points for ground in point.grounds if ground.set_by_id}
    holds = told.holds if told else []
    return CustomerPage(
        customer=customer,
        language=customers.language_of(customer, None),
        region=organization.labels("region", [customer.region_id or 0], language).get(
            customer.region_id or 0, ""
        ),
        contact_points=points,
        holds=[hold for hold in holds if hold.lifted_at is None and (hold.until is None or hold.until > now)],
        timeline=_timeline(customer.id, scope, their_cases, holds),
        open_case=next((case for case in their_cases if case.is_open), None),
        names=accounts.labels(set_by),
    )


def _timeline(
    customer_id: int, scope: Scope, their_cases: Sequence[Any], holds: Sequence[Hold]
) -> list[Moment]:
    moments = [
        Moment(one.happened_at, "interaction", one)
        for one in intake.story(customer_id)
        if scope.covers(one.region_id)
    ]
    for invitation in _invitations(customer_id, scope):
        moments.append(Moment(invitation.decided_at, "invitation", invitation))
        moments += [
            Moment(step.message.sent_at or step.message.created_at, "message", step.message)
            for step in invitation.steps
            if step.message
        ]
    moments += [
        Moment(one.at, "answer", one) for one in responses.story(customer_id) if scope.covers(one.region_id)
    ]
    moments += [Moment(one.at, "change", one) for one in _changes(customer_id, scope)]
    moments += [Moment(one.opened_at, "case", one) for one in their_cases]
    moments += [Moment(one.settled_at, "settled", one) for one in their_cases if one.settled_at]
    moments += [Moment(one.at, "attempt", one) for one in _attempts(customer_id, scope)]
    moments += [Moment(one.since, "hold", one) for one in holds]
    moments += [Moment(one.lifted_at, "lifted", one) for one in holds if one.lifted_at]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)


def _invitations(customer_id: int, scope: Scope) -> Sequence[Invitation]:
    return db.session.scalars(
        select(Invitation)
        .where(Invitation.customer_id == customer_id, within(Invitation.region_id, scope))
        .options(
            joinedload(Invitation.interaction),
            selectinload(Invitation.steps).joinedload(InvitationStep.message),
        )
        .order_by(Invitation.id.desc())
    ).all()


def _changes(customer_id: int, scope: Scope) -> Sequence[ResponseRevision]:
    """Later states of answers; the first one is the answer itself."""
    return db.session.scalars(
        select(ResponseRevision)
        .join(Response, Response.id == ResponseRevision.response_id)
        .where(
            Response.customer_id == customer_id,
            within(Response.region_id, scope),
            ResponseRevision.number > 1,
        )
    ).all()


def _attempts(customer_id: int, scope: Scope) -> Sequence[CaseAttempt]:
    return db.session.scalars(
        select(CaseAttempt)
        .join(Case, Case.id == CaseAttempt.case_id)
        .where(Case.customer_id == customer_id, within(Case.region_id, scope))
        .options(joinedload(CaseAttempt.by))
    ).all()


# ---- the log ---------------------------------------------------------------------------------------------------

SUBJECT_WORDS = {
    "brand": N_("brand"),
    "case": N_("case"),
    "contact_point": N_("contact"),
    "customer": N_("customer"),
    "holiday": N_("holiday"),
    "import_batch": N_("import"),
    "interaction": N_("purchase or visit"),
    "invitation": N_("invitation"),
    "message": N_("letter"),
    "pause": N_("pause of sending"),
    "pool": N_("company"),
    "region": N_("region"),
    "response": N_("answer"),
    "source": N_("source"),
    "survey": N_("survey"),
    "touchpoint": N_("touchpoint"),
    "unit": N_("unit"),
    "user": N_("user"),
}

Labels = Callable[[list[int], str], dict[int, str]]

_LABELS: dict[str, Labels] = {
    "user": lambda ids, language: accounts.labels(ids),
    "customer": lambda ids, language: customers.labels(ids),
    "case": lambda ids, language: cases.labels(ids),
    "response": lambda ids, language: responses.labels(ids),
    "survey": lambda ids, language: surveys.labels(ids),
    "touchpoint": surveys.touchpoint_labels,
    "source": lambda ids, language: intake.labels("source", ids),
    "import_batch": lambda ids, language: intake.labels("import_batch", ids),
    "brand": lambda ids, language: organization.labels("brand", ids, language),
    "region": lambda ids, language: organization.labels("region", ids, language),
    "unit": lambda ids, language: organization.labels("unit", ids, language),
}


def labels(things: Iterable[tuple[str, int]], *, language: str) -> dict[tuple[str, int], str]:
    """What the rooms call these things now: (type, id) → words. What is gone, or has no name, is left out."""
    by_type: dict[str, list[int]] = {}
    for kind, id_ in things:
        if id_ and kind in _LABELS:
            by_type.setdefault(kind, []).append(id_)
    return {
        (kind, id_): words
        for kind, ids in by_type.items()
        for id_, words in _LABELS[kind](ids, language).items()
        if words
    }
