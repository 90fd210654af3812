"""Asking somebody whom a rule holds back, because a colleague says why. Needs a transaction."""

from datetime import datetime

from sqlalchemy import delete

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import alone, change, db
from npsapp.intake import services as intake
from npsapp.intake.models import PLANNING
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import Reason
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

# What a rule of ours says; what the customer, the law or the mail server says is nobody's to overrule.
MAY_BE_ASKED = (
    *(Reason.QUARANTINE, Reason.TOO_OLD, Reason.BEFORE_LIVE, Reason.NOT_MEANT),
    *(Reason.NOT_DRAWN, Reason.WITHDRAWN),
)


class CannotBeAsked(Refused):
    """Something else than our own rules stands against it, or the line has changed meanwhile."""

    wording = N_("This customer cannot be asked by hand: look at the reason.")


def ask(invitation_id: int, why: str, *, actor: Actor, now: datetime) -> None:
    """Let the next beat decide anew, without the rules that may be overruled. Refuses with CannotBeAsked."""
    alone(PLANNING)
    line = db.session.get(Invitation, invitation_id)
    mine = Invitation.id == invitation_id, Invitation.reason.in_(MAY_BE_ASKED), Invitation.handed_over_at.is_(None)
    if line is None or not change(delete(Invitation).where(*mine)):
        raise CannotBeAsked
    intake.ask_for(line.interaction_id, why)
    subject = ("interaction", line.interaction_id)
    audit.record(Event.INVITATION_ASKED_FOR, actor=actor, now=now, subject=subject)
