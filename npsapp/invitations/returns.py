"""What came back to the letters of invitations, and what follows for the customer."""

from datetime import datetime

from sqlalchemy import select

from npsapp.customers import services as customers
from npsapp.customers.rules import Choice, FactKind
from npsapp.db import db
from npsapp.delivery import incoming
from npsapp.delivery.bounces import Kind
from npsapp.delivery.incoming_models import Incoming
from npsapp.invitations import letters, policies
from npsapp.invitations.models import InvitationStep


def note(*, now: datetime, limit: int) -> int:
    """Whoever wrote "unsubscribe" or marked a letter as spam gets no more; gives how many. Needs a transaction."""
    open_ones = incoming.open_ones(limit)
    for one in open_ones:
        step = db.session.scalar(select(InvitationStep).where(InvitationStep.message_id == one.message_id))
        if step and step.contact_point_id:
            _stop(step, one, now=now)
    incoming.noted([one.id for one in open_ones], now=now)
    return len(open_ones)


def _stop(step: InvitationStep, one: Incoming, *, now: datetime) -> None:
    invitation = step.invitation
    whose = {"contact_point_id": step.contact_point_id or 0, "brand_id": invitation.brand_id}
    customers.unsubscribe(**whose, choice=Choice.NO_LETTERS, at_least=True, now=now)
    if invitation.customer_id is None:
        return
    if one.kind is Kind.COMPLAINT:
        customers.record_fact(
            customer_id=invitation.customer_id,
            kind=FactKind.REFUSED,
            at=now,
            survey_id=invitation.survey_id,
            touchpoint_id=invitation.touchpoint_id,
        )
    letters.stop_for(invitation.customer_id, now=now)
    policies.held_changed(invitation.customer_id)
