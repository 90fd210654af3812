"""What customers wrote back to our letters: questions for the pages of answers and of a customer."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select

from npsapp.customers import queries as customers
from npsapp.customers.models import Customer
from npsapp.db import db, within
from npsapp.delivery.bounces import Kind
from npsapp.delivery.incoming_models import Incoming
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.permissions import Scope
from npsapp.responses.models import Response

Reply = Any
"""A row: the reply (`Incoming`), its `Customer`, and the number of the answer where there is one (`response_id`)."""


def newest(visible: Scope, *, unread: bool, before_id: int | None, limit: int) -> Sequence[Reply]:
    """Replies of the scope, newest first."""
    rows = _rows(visible).order_by(Incoming.id.desc()).limit(limit)
    rows = rows.where(Incoming.read_at.is_(None)) if unread else rows
    return db.session.execute(rows.where(Incoming.id < before_id) if before_id else rows).all()


def of_answer(answer: Response, visible: Scope) -> Sequence[Reply]:
    """What the customer wrote back to the letters of the invitation, oldest first."""
    if answer.invitation_id is None:
        return []
    return db.session.execute(_rows(visible).where(Invitation.id == answer.invitation_id).order_by(Incoming.id)).all()


def story(customer_id: int, visible: Scope) -> Sequence[Incoming]:
    """All that one person wrote back, merged ones included."""
    theirs = Invitation.customer_id.in_(customers.members(customer_id))
    return [row.Incoming for row in db.session.execute(_rows(visible).where(theirs))]


def _rows(visible: Scope) -> Select[*tuple[Any, ...]]:
    rows = select(Incoming, Customer, Response.id.label("response_id"))
    rows = rows.outerjoin(InvitationStep, InvitationStep.message_id == Incoming.message_id)
    rows = rows.outerjoin(Invitation, Invitation.id == InvitationStep.invitation_id)
    rows = rows.outerjoin(Customer, Customer.id == Invitation.customer_id)
    rows = rows.outerjoin(Response, Response.invitation_id == Invitation.id)
    return rows.where(Incoming.kind == Kind.REPLY, within(Incoming.region_id, visible))
