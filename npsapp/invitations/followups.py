"""The next steps of chains: handing them over, and what other programs say of theirs. All need a transaction."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.customers import services as customers
from npsapp.db import alone, change, db
from npsapp.delivery.rules import Channel, Purpose, State
from npsapp.intake.models import PLANNING
from npsapp.invitations import letters, rendering
from npsapp.invitations.candidates import Gathered, gather
from npsapp.invitations.chains import FIRST, ChainStep
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rules import FLOOR_BETWEEN_MESSAGES, Decision, InvitationState, Reason, StepState, follow

LOOK_AGAIN = timedelta(hours=1)
SETTLED = {State.SENT, State.DELIVERED, State.BOUNCED, State.FAILED, State.EXPIRED, State.CANCELLED}


def hand_over(
    step_ids: Sequence[int], *, without_mail: Collection[int], addresses: rendering.Addresses, now: datetime
) -> int:
    """Decide about due follow-ups, and hand over those of people who have not answered. Gives how many went.

    What changed since planning counts: an answer, a hold, a stop, another chain. Whoever has just got a message of
    another invitation waits a day. Refuses with `delivery.NoSender` when the brand cannot write.
    """
    alone(PLANNING)
    due = _still_planned(step_ids)
    about = [step.invitation.interaction_id for step in due]
    found = gather(about, count_planned=False, without_mail=without_mail, now=now)
    facts = {one.interaction.id: one for one in found}
    gone = 0
    for step in due:
        one = facts[step.invitation.interaction_id]
        decision = _decide(step, one, now=now)
        if not decision.yes:
            step.state = StepState.CANCELLED
        elif decision.send_at and decision.send_at > now:
            step.due_at = decision.send_at
        else:
            _go(step, one, addresses=addresses, now=now)
            gone += 1
    db.session.flush()
    return gone


def _still_planned(step_ids: Sequence[int]) -> Sequence[InvitationStep]:
    """With their invitations held: an answer waits until this transaction ends, or was there before."""
    here = InvitationStep.id.in_(step_ids), InvitationStep.state == StepState.PLANNED
    ids = select(InvitationStep.invitation_id).where(*here)
    held = select(Invitation).where(Invitation.id.in_(ids)).order_by(Invitation.id).with_for_update(of=Invitation)
    db.session.scalars(held.execution_options(populate_existing=True)).all()
    steps = select(InvitationStep).where(*here).order_by(InvitationStep.due_at, InvitationStep.id)
    return db.session.scalars(steps.options(joinedload(InvitationStep.invitation))).all()


def _decide(step: InvitationStep, one: Gathered, *, now: datetime) -> Decision:
    """Yes with a moment (perhaps a later one), or the reason why this chain ends."""
    invitation, valid_until = step.invitation, step.invitation.valid_until
    rule = next((rule for rule in one.policy.steps if rule.number == step.number), None)
    if invitation.state is not InvitationState.HANDED_OVER or valid_until is None:
        return Decision(Reason.WITHDRAWN)
    if rule is None or rule.channel is not step.channel:
        return Decision(Reason.WITHDRAWN)
    there = one.on(step.channel)
    earliest = max(now, _earliest(step, rule, now))
    decision = follow(there.candidate, there.policy, valid_until=valid_until, now=earliest)
    if not decision.yes or decision.send_at != now:
        return decision
    limit = now - FLOOR_BETWEEN_MESSAGES
    claimed = customers.claim_for_invitation(customer_id=one.customer_id or 0, since_limit=limit, now=now)
    return decision if claimed else replace(decision, send_at=now + LOOK_AGAIN)


def _earliest(step: InvitationStep, rule: ChainStep, now: datetime) -> datetime:
    """When the step before has been gone for long enough; if it is still here, later."""
    earlier = (one for one in step.invitation.steps if one.number < step.number)
    before = max(earlier, key=lambda one: one.number)
    if before.channel is Channel.EXTERNAL:
        left = before.due_at if before.state is StepState.SENT else None
        return left + rule.delay if left else now if before.state is StepState.FAILED else now + LOOK_AGAIN
    if before.message is None or (before.message.state in SETTLED and not before.message.sent_at):
        return now
    return before.message.sent_at + rule.delay if before.message.sent_at else now + LOOK_AGAIN


def _go(step: InvitationStep, one: Gathered, *, addresses: rendering.Addresses, now: datetime) -> None:
    invitation = step.invitation
    if step.channel is Channel.EXTERNAL:
        step.state, step.due_at = StepState.HANDED_OVER, now
    else:
        address = one.on(step.channel).address
        assert address  # noqa: S101 - without it the decision was no
        assert invitation.version  # noqa: S101 - set when the first step was handed over
        step.contact_point_id = address.id
        letter_steps = (past for past in invitation.steps if past.channel is Channel.EMAIL)
        first = next((past.message for past in letter_steps if past.message), None)
        letters.give(
            step,
            invitation,
            invitation.version,
            purpose=Purpose.REMINDER,
            to_address=address.value,
            addresses=addresses,
            now=now,
            refers_to=first.message_id if first else "",
        )
        invitation.followed = True
    letters.plan_next(invitation, one.policy, step.number, now=now)


def postpone(step_id: int, *, until: datetime) -> None:
    """Move a planned follow-up to a later moment: the last try failed."""
    planned = InvitationStep.id == step_id, InvitationStep.state == StepState.PLANNED
    change(update(InvitationStep).where(*planned).values(due_at=until))


def _left(invitation: Invitation, step_id: int, *, now: datetime) -> None:
    """The first message that left counts as the moment of asking."""
    if invitation.sent_at is None:
        letters.left((invitation, now))
        subject = "invitation", invitation.id
        audit.record(Event.INVITATION_SENT, actor=audit.PROGRAM, now=now, subject=subject, data={"step_id": step_id})


def settle_external(step_id: int, outcome: StepState, *, now: datetime) -> bool:
    """Another program sent a step, or could not (`StepState.SENT` or `FAILED`); False when it was not waiting for that.

    After a failure the next step goes at once; if there is none, the line says that nobody could be reached.
    """
    waiting = InvitationStep.id == step_id, InvitationStep.channel == Channel.EXTERNAL
    waits = InvitationStep.state == StepState.HANDED_OVER
    if not change(update(InvitationStep).where(*waiting, waits).values(state=outcome, due_at=now)):
        return False
    step = db.session.get_one(InvitationStep, step_id, populate_existing=True)
    invitation = step.invitation
    if outcome is StepState.SENT:
        _left(invitation, step_id, now=now)
    elif following := next((one for one in invitation.steps if one.number > step.number), None):
        following.due_at = now
    elif step.number == FIRST and invitation.state is InvitationState.HANDED_OVER:
        letters.exclude(invitation, Decision(Reason.UNDELIVERABLE), now=now)
    db.session.flush()
    return True
