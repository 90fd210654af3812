"""The letters of invitations: giving them to the post office, taking them back, what became of them.

All need a transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries as people, services as customers
from npsapp.customers.rules import FactKind
from npsapp.db import alone, db, one_of, pairs
from npsapp.delivery import queries as post, services as delivery
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, Purpose, State
from npsapp.intake.models import PLANNING, Interaction, Source
from npsapp.intake.rules import DocumentState
from npsapp.invitations import lots, rendering, services
from npsapp.invitations.candidates import Gathered, gather
from npsapp.invitations.chains import FIRST, next_step
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rules import (
    FLOOR_BETWEEN_MESSAGES,
    Decision,
    InvitationState,
    Policy,
    Reason,
    StepState,
    decide,
    follow,
)
from npsapp.lib.clock import local_date
from npsapp.lib.tokens import new_code, new_token
from npsapp.organization.models import Brand
from npsapp.surveys import days as dirty, services as surveys
from npsapp.surveys.models import SurveyVersion, Tallied


def hand_over(
    invitation_ids: Sequence[int], *, without_mail: Collection[int], addresses: rendering.Addresses, now: datetime
) -> int:
    """Decide once more about due invitations, and give the letters of those still to be asked to the post office.

    1. Everything that stops an invitation may have changed since it was planned, so the same rule decides again.
    2. The customer is claimed by one conditional UPDATE: of two surveys only one writes today.
    3. The questionnaire is frozen, the letter composed and queued, the contact remembered.

    Gives the number of letters queued. Refuses with `delivery.NoSender` when the brand cannot write.
    """
    alone(PLANNING)
    due = _still_planned(invitation_ids)
    gathered = gather([row.interaction_id for row in due], count_planned=False, without_mail=without_mail, now=now)
    by_interaction = {one.interaction.id: one for one in gathered}
    queued = 0
    for invitation in due:
        one = by_interaction[invitation.interaction_id]
        decision = decide(one.candidate, one.policy, now=now)
        if _goes_now(invitation, one, decision, now=now):
            invitation.latest_at = decision.latest_at
            _invite(invitation, one, addresses=addresses, now=now)
            queued += 1
    return queued


def _still_planned(invitation_ids: Sequence[int]) -> Sequence[Invitation]:
    return db.session.scalars(
        select(Invitation)
        .where(Invitation.id.in_(invitation_ids), Invitation.state == InvitationState.PLANNED)
        .order_by(Invitation.send_at, Invitation.id)
        .with_for_update(of=Invitation)
    ).all()


def _goes_now(invitation: Invitation, one: Gathered, decision: Decision, *, now: datetime) -> bool:
    """Whether the letter leaves now; otherwise the line says why not, or a later moment."""
    if not decision.yes:
        exclude(invitation, decision, now=now)
        return False
    if decision.send_at and decision.send_at > now:
        # The sending hours ended, or the policy changed.
        invitation.send_at, invitation.latest_at = decision.send_at, decision.latest_at
        return False
    claimed = customers.claim_for_invitation(
        customer_id=one.customer_id or 0, since_limit=now - FLOOR_BETWEEN_MESSAGES, now=now
    )
    if not claimed:
        exclude(invitation, Decision(Reason.QUARANTINE, again_at=now + FLOOR_BETWEEN_MESSAGES), now=now)
    return claimed


def exclude(invitation: Invitation, decision: Decision, *, now: datetime) -> None:
    """Write the reason why nobody is asked into the line."""
    invitation.state, invitation.reason = InvitationState.EXCLUDED, decision.reason
    invitation.send_at, invitation.again_at, invitation.decided_at = None, decision.again_at, now
    db.session.flush()


def _invite(invitation: Invitation, one: Gathered, *, addresses: rendering.Addresses, now: datetime) -> None:
    survey, version, address = one.survey, one.survey and one.survey.version, one.address
    assert survey and version  # noqa: S101, PT018 - without them the decision was no
    surveys.freeze(version.id, now=now)
    invitation.survey_id, invitation.language = survey.id, one.language
    invitation.valid_until = now + one.policy.valid
    if one.channel is Channel.EXTERNAL:
        _put_out(invitation, version, now=now)
    else:
        assert address  # noqa: S101 - without it the decision was no
        queue_letter(
            invitation,
            version,
            channel=one.channel,
            purpose=Purpose.INVITATION,
            to_address=address.value,
            contact_point_id=address.id,
            addresses=addresses,
            now=now,
        )
    plan_next(invitation, one.policy, FIRST, now=now)
    customers.record_fact(
        customer_id=one.customer_id or 0,
        kind=FactKind.INVITED,
        survey_id=survey.id,
        touchpoint_id=invitation.touchpoint_id,
        at=now,
    )


def queue_letter(
    invitation: Invitation,
    version: SurveyVersion,
    *,
    purpose: Purpose,
    to_address: str,
    contact_point_id: int | None,
    addresses: rendering.Addresses,
    now: datetime,
    channel: Channel = Channel.EMAIL,
) -> Message:
    """Give the first letter of an invitation, with its link, to the post office. Refuses with `delivery.NoSender`."""
    step = new_step(invitation, FIRST, channel, due_at=now)
    step.contact_point_id = contact_point_id
    message = give(step, invitation, version, purpose=purpose, to_address=to_address, addresses=addresses, now=now)
    asked(invitation, version, now=now)
    return message


def give(
    step: InvitationStep,
    invitation: Invitation,
    version: SurveyVersion,
    *,
    purpose: Purpose,
    to_address: str,
    addresses: rendering.Addresses,
    now: datetime,
    refers_to: str = "",
    values: Mapping[str, str] | None = None,
) -> Message:
    """Give one letter or SMS of an invitation to the post office. Refuses with `delivery.NoSender`.

    :param values: what its placeholders stand for; None: the facts of its purchase.
    """
    interaction = invitation.interaction
    texts = lots.draw(step, version.survey_id, addresses.keys)
    said: dict[str, Any] = {"language": invitation.language, "texts": texts, "values": values}
    if step.channel is Channel.SMS:
        step.short_code = new_code()
        link = f"{interaction.brand.site(addresses.public_url)}/s/{step.short_code}"
        words: dict[str, Any] = {"body": rendering.short_message(interaction, link=link, **said)}
        words |= {"subject": "", "html": ""}
    else:
        about: dict[str, Any] = {"token": step.token, "contact_point_id": step.contact_point_id}
        words = rendering.letter(interaction, version, addresses=addresses, **about, **said)
    message = delivery.queue(
        purpose=purpose,
        channel=step.channel,
        to_address=to_address,
        to_name=interaction.customer.name if interaction.customer else "",
        brand_id=invitation.brand_id,
        region_id=invitation.region_id,
        survey_id=invitation.survey_id,
        language=invitation.language,
        due_at=now,
        useful_until=invitation.latest_at if step.number == FIRST else invitation.valid_until,
        refers_to=refers_to,
        now=now,
        **words,
    )
    step.message_id, step.state = message.id, StepState.HANDED_OVER
    db.session.flush()
    return message


def _put_out(invitation: Invitation, version: SurveyVersion, *, now: datetime) -> None:
    """The first step is sent by another program, which fetches it."""
    new_step(invitation, FIRST, Channel.EXTERNAL, due_at=now).state = StepState.HANDED_OVER
    asked(invitation, version, now=now)


def asked(invitation: Invitation, version: SurveyVersion, *, now: datetime) -> None:
    """The first message of an invitation was handed over."""
    invitation.state, invitation.handed_over_at = InvitationState.HANDED_OVER, now
    invitation.version_id = version.id
    db.session.flush()


def new_step(invitation: Invitation, number: int, channel: Channel, *, due_at: datetime) -> InvitationStep:
    """One message of an invitation, planned, with a link of its own. It is written with the next flush."""
    step = InvitationStep(invitation_id=invitation.id, number=number, channel=channel, token=new_token())
    step.due_at, step.state = due_at, StepState.PLANNED
    db.session.add(step)
    return step


def plan_next(invitation: Invitation, policy: Policy, after: int, *, now: datetime) -> None:
    """Plan the step that follows the one that was just handed over; it is decided about again when it is due."""
    following = next_step(policy.steps, after)
    if following:
        new_step(invitation, following.number, following.channel, due_at=now + following.delay)
        db.session.flush()


# ---- taking back -----------------------------------------------------------------------------------------------


def exclude_cancelled(*, now: datetime) -> int:
    """Hold back what was planned or queued for purchases that were cancelled, or opened again, meanwhile."""
    cancelled = _take_back(Interaction.cancelled_at.is_not(None), reason=Reason.CANCELLED, now=now)
    waiting = Interaction.cancelled_at.is_(None), Interaction.state == DocumentState.OPEN
    waiting_sources = select(Source.id).where(Source.ask_completed)
    reopened = and_(*waiting, Interaction.source_id.in_(waiting_sources))
    return cancelled + _take_back(reopened, reason=Reason.NOT_COMPLETED, now=now)


def stop_for(*customer_ids: int, now: datetime) -> int:
    """Hold back what was planned or queued for people who are not to be asked now."""
    theirs = one_of(Invitation.customer_id, people.families(customer_ids))
    take_back_reminders(theirs)
    return _take_back(theirs, reason=Reason.ON_HOLD, now=now)


def take_back_reminders(which: ColumnElement[bool]) -> None:
    """Nothing more of these chains leaves: what is planned is cancelled, what waits at the post office taken back."""
    alone(PLANNING)
    steps = select(InvitationStep).join(Invitation, Invitation.id == InvitationStep.invitation_id)
    steps = steps.join(Interaction, Interaction.id == Invitation.interaction_id)
    steps = steps.outerjoin(Message, Message.id == InvitationStep.message_id)
    unsent = or_(InvitationStep.state == StepState.PLANNED, Message.state.in_((State.QUEUED, State.CLAIMED)))
    for step in db.session.scalars(steps.where(InvitationStep.number > FIRST, unsent, which)):
        if step.message_id is None or delivery.cancel(step.message_id):
            step.state = StepState.CANCELLED
    db.session.flush()


def end_chains() -> None:
    """Chains end with an answer, when the link closes, and when the purchase is cancelled."""
    over = Invitation.state != InvitationState.HANDED_OVER
    take_back_reminders(or_(over, Interaction.cancelled_at.is_not(None)))


def _take_back(which: ColumnElement[bool], *, reason: Reason, now: datetime) -> int:
    alone(PLANNING)
    open_ = InvitationState.WAITING, InvitationState.PLANNED, InvitationState.HANDED_OVER
    unsent = Invitation.state.in_(open_), Invitation.sent_at.is_(None)
    lines = select(Invitation).join(Interaction, Interaction.id == Invitation.interaction_id).where(which, *unsent)
    stopped = [one for one in db.session.scalars(lines).all() if _stop_letter(one)]
    for invitation in stopped:
        exclude(invitation, Decision(reason), now=now)
    return len(stopped)


def _stop_letter(invitation: Invitation) -> bool:
    """Whether nothing of it will leave any more."""
    if invitation.state in (InvitationState.WAITING, InvitationState.PLANNED):
        return True
    for step in invitation.steps:
        if step.state is StepState.PLANNED or step.channel is Channel.EXTERNAL:
            step.state = StepState.CANCELLED
    return all(step.message_id is None or delivery.cancel(step.message_id) for step in invitation.steps)


def look_again_at_message(message_id: int, *, without_mail: Collection[int], now: datetime) -> None:
    """Decide again about a letter that waited long in the queue: release it, or take it back with the reason."""
    alone(PLANNING)
    step = db.session.scalar(select(InvitationStep).where(InvitationStep.message_id == message_id))
    if step is None:
        delivery.cancel(message_id)
        return
    invitation = step.invitation
    (one,) = gather([invitation.interaction_id], count_planned=False, without_mail=without_mail, now=now)
    if step.number > FIRST:
        _look_again_at_reminder(step, one, now=now)
        return
    one = one.on(step.channel)
    # Its own contact stands in the facts already, so the quarantine is not asked a second time.
    decision = decide(replace(one.candidate, contacts=()), one.policy, now=now)
    if decision.yes and decision.send_at and decision.send_at <= now:
        delivery.release(message_id, now=now)
    elif not decision.yes and delivery.cancel(message_id):
        exclude(invitation, decision, now=now)


def _look_again_at_reminder(step: InvitationStep, one: Gathered, *, now: datetime) -> None:
    invitation, message_id = step.invitation, step.message_id or 0
    there = one.on(step.channel)
    decision = follow(there.candidate, there.policy, valid_until=invitation.valid_until or now, now=now)
    if invitation.state is not InvitationState.HANDED_OVER or not decision.yes:
        delivery.cancel(message_id)
    elif decision.send_at and decision.send_at <= now:
        delivery.release(message_id, now=now)


# ---- letters that may have left from another copy of this database -----------------------------------------------


def send_after_all(invitation_id: int, *, now: datetime) -> None:
    """Such a letter leaves once sending goes on."""
    services.postpone(invitation_id, until=now)
    for step in db.session.scalars(select(InvitationStep).where(InvitationStep.invitation_id == invitation_id)):
        delivery.leave_again(step.message_id or 0, now=now)


def take_as_sent(invitation_id: int, *, actor: Actor, now: datetime) -> None:
    """Such a letter does not leave again; refuses with NotPlanned.

    Its link, if it was made before the copy was, stays open: the customer may have it.
    """
    invitation = db.session.get_one(Invitation, invitation_id)
    if invitation.state is InvitationState.PLANNED:
        services.withdraw(invitation_id, actor=actor, now=now)
    elif invitation.state is InvitationState.HANDED_OVER and _stop_letter(invitation):
        left((invitation, invitation.handed_over_at or now))


# ---- what became of them ---------------------------------------------------------------------------------------


def note_sent(*, now: datetime, limit: int = 500) -> int:
    """Read from the post office which first letters left, and which never will. Gives the number of lines changed.

    Some are answered before that: they were sent all the same.
    """
    alone(PLANNING)
    unsent = Invitation.sent_at.is_(None), Invitation.handed_over_at.is_not(None)
    answered = Invitation.state.in_((InvitationState.ANSWERED, InvitationState.NOT_MINE)), Message.sent_at.is_not(None)
    theirs = select(InvitationStep.message_id).join(Invitation, Invitation.id == InvitationStep.invitation_id)
    theirs = theirs.join(Message, Message.id == InvitationStep.message_id)
    told = or_(Invitation.state == InvitationState.HANDED_OVER, and_(*answered))
    news = post.news_of(theirs.where(*unsent, InvitationStep.number == FIRST, told))[:limit]
    found = select(InvitationStep).where(InvitationStep.message_id.in_([one.id for one in news]))
    steps = {step.message_id: step for step in db.session.scalars(found)}
    sent, gone = [], []
    for message in news:
        invitation = steps[message.id].invitation
        if message.sent_at:
            valid = (invitation.valid_until or now) - (invitation.handed_over_at or now)
            invitation.valid_until = message.sent_at + valid
            gone.append((invitation, message.sent_at))
            sent.append(("invitation", invitation.id, {"message_id": message.id}))
        else:
            exclude(invitation, Decision(_reason_of(message)), now=now)
    audit.record_many(Event.INVITATION_SENT, actor=audit.PROGRAM, now=now, subjects=sent)
    left(*gone)
    return len(news)


def left(*sent: tuple[Invitation, datetime]) -> None:
    """The first message that left counts as the moment of asking. The marks come last: answers may wait for them."""
    zones = pairs(select(Brand.id, Brand.timezone)) if sent else {}
    days: set[dirty.Day] = set()
    for invitation, at in sent:
        invitation.sent_at, invitation.sent_on = at, local_date(at, zones[invitation.brand_id])
        days.add((invitation.survey_id or 0, invitation.sent_on))
    db.session.flush()
    dirty.mark(Tallied.INVITATIONS, days)


def _reason_of(message: Message) -> Reason:
    if message.state is State.EXPIRED:
        return Reason.TOO_OLD
    return Reason.SUPPRESSED if message.error == "suppressed" else Reason.UNDELIVERABLE
