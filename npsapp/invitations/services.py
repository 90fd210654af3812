"""Planning invitations, handing them to the post office, and what becomes of them. All need a transaction."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries as people
from npsapp.customers import services as customers
from npsapp.customers.rules import FactKind
from npsapp.db import alone, change, db
from npsapp.delivery import queries as post
from npsapp.delivery import services as delivery
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, Purpose, State
from npsapp.intake import services as intake
from npsapp.intake.models import PLANNING, Interaction
from npsapp.invitations import candidates, rendering
from npsapp.invitations.candidates import Gathered
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rules import (
    FLOOR_BETWEEN_MESSAGES,
    Contact,
    Decision,
    InvitationState,
    Reason,
    StepState,
    decide,
)
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.lib.tokens import new_token
from npsapp.surveys import services as surveys

OWN_COLUMNS = tuple(Invitation.__table__.c.keys())
UNDELIVERED = (InvitationState.PLANNED, InvitationState.EXCLUDED)


class NotPlanned(Refused):
    """Only an invitation that is still planned can be taken out."""

    code = "not_planned"
    wording = N_("This invitation has left already or was held back; nothing was changed.")


def plan(interaction_ids: Sequence[int], *, without_mail: Collection[int], now: datetime) -> Counter[str]:
    """Write the one line about each interaction: planned with a moment, or held back with a reason.

    A line that led to no letter yet is replaced, because something about it changed; what was handed over, or
    withdrawn by hand, stays. Gives counts by reason ("planned" for yes).
    """
    alone(PLANNING)
    still = select(Interaction.id).where(Interaction.id.in_(interaction_ids), Interaction.undecided)
    interaction_ids = db.session.scalars(still).all()
    lines = Invitation.interaction_id.in_(interaction_ids)
    by_hand = Invitation.reason.is_not_distinct_from(Reason.WITHDRAWN)
    never_left = Invitation.handed_over_at.is_(None)
    change(delete(Invitation).where(lines, Invitation.state.in_(UNDELIVERED), never_left, ~by_hand))
    have = set(db.session.scalars(select(Invitation.interaction_id).where(lines)))
    fresh = [id_ for id_ in interaction_ids if id_ not in have]
    gathered = candidates.gather(fresh, count_planned=True, without_mail=without_mail, now=now)
    taken: dict[int, list[tuple[int | None, datetime]]] = {}
    rows = [_line(one, taken, now=now) for one in gathered]
    if rows:
        db.session.execute(insert(Invitation), rows)
    intake.mark_decided(list(interaction_ids))
    counts = Counter(str(row["reason"].value) if row["reason"] else "planned" for row in rows)
    _record_plan(counts, now=now)
    return counts


def _line(one: Gathered, taken: dict[int, list[tuple[int | None, datetime]]], *, now: datetime) -> dict[str, Any]:
    """One row; an invitation planned a moment ago for the same customer counts as a contact."""
    survey_id = one.survey.id if one.survey else None
    decision = _decide(one, taken.get(one.customer_id or 0, []), now=now)
    if decision.send_at and one.customer_id:
        taken.setdefault(one.customer_id, []).append((survey_id, decision.send_at))
    return {
        "interaction_id": one.interaction_id,
        "customer_id": one.customer_id,
        "survey_id": survey_id,
        "version_id": None,
        "brand_id": one.brand_id,
        "touchpoint_id": one.touchpoint_id,
        "region_id": one.region_id,
        "state": InvitationState.PLANNED if decision.yes else InvitationState.EXCLUDED,
        "reason": decision.reason,
        "again_at": decision.again_at,
        "send_at": decision.send_at,
        "latest_at": decision.latest_at,
        "decided_at": now,
        "language": one.language,
    }


def _decide(one: Gathered, also: list[tuple[int | None, datetime]], *, now: datetime) -> Decision:
    own = one.survey.id if one.survey else None
    extra = tuple(Contact(at, same_survey=survey_id == own) for survey_id, at in also)
    return decide(replace(one.candidate, contacts=one.candidate.contacts + extra), one.policy, now=now)


def _record_plan(counts: Counter[str], *, now: datetime) -> None:
    planned = counts.get("planned", 0)
    held_back = {reason: count for reason, count in counts.items() if reason != "planned"}
    if planned:
        audit.record(Event.INVITATION_PLANNED, actor=audit.PROGRAM, now=now, data={"count": planned})
    if held_back:
        audit.record(Event.INVITATION_HELD_BACK, actor=audit.PROGRAM, now=now, data={"reasons": held_back})


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
    gathered = candidates.gather(
        [row.interaction_id for row in due], count_planned=False, without_mail=without_mail, now=now
    )
    by_interaction = {one.interaction_id: one for one in gathered}
    taken: dict[int, list[tuple[int | None, datetime]]] = {}
    queued = 0
    for invitation in due:
        one = by_interaction[invitation.interaction_id]
        decision = _decide(one, taken.get(one.customer_id or 0, []), now=now)
        if not _goes_now(invitation, one, decision, now=now):
            continue
        taken.setdefault(one.customer_id or 0, []).append((one.survey.id if one.survey else None, now))
        invitation.latest_at = decision.latest_at
        _queue_letter(invitation, one, addresses=addresses, now=now)
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
        _exclude(invitation, decision, now=now)
        return False
    if decision.send_at and decision.send_at > now:
        # The sending hours ended, or the policy changed.
        invitation.send_at, invitation.latest_at = decision.send_at, decision.latest_at
        return False
    claimed = customers.claim_for_invitation(
        customer_id=one.customer_id or 0, since_limit=now - FLOOR_BETWEEN_MESSAGES, now=now
    )
    if not claimed:
        again = now + FLOOR_BETWEEN_MESSAGES
        _exclude(invitation, Decision(Reason.QUARANTINE, again_at=again, latest_at=invitation.latest_at), now=now)
    return claimed


def _exclude(invitation: Invitation, decision: Decision, *, now: datetime) -> None:
    invitation.state = InvitationState.EXCLUDED
    invitation.reason = decision.reason
    invitation.again_at = decision.again_at
    invitation.send_at = None
    invitation.decided_at = now
    db.session.flush()


def _queue_letter(invitation: Invitation, one: Gathered, *, addresses: rendering.Addresses, now: datetime) -> None:
    survey = one.survey
    assert survey is not None and survey.version_id is not None and one.contact_point_id  # noqa: S101, PT018 - decided
    surveys.freeze(survey.version_id, now=now)
    invitation.version_id, invitation.survey_id = survey.version_id, survey.id
    invitation.language = one.language
    step = InvitationStep(
        invitation_id=invitation.id,
        number=1,
        channel=Channel.EMAIL,
        contact_point_id=one.contact_point_id,
        token=new_token(),
        due_at=now,
        state=StepState.HANDED_OVER,
    )
    step.message_id = _letter(invitation, one, step, addresses=addresses, now=now)
    db.session.add(step)
    invitation.state = InvitationState.HANDED_OVER
    invitation.handed_over_at = now
    invitation.valid_until = now + one.policy.valid
    customers.record_fact(
        customer_id=one.customer_id or 0,
        kind=FactKind.INVITED,
        survey_id=survey.id,
        touchpoint_id=one.touchpoint_id,
        at=now,
    )
    db.session.flush()


def _letter(
    invitation: Invitation, one: Gathered, step: InvitationStep, *, addresses: rendering.Addresses, now: datetime
) -> int:
    interaction = db.session.get_one(Interaction, one.interaction_id)
    survey = one.survey
    assert survey is not None and survey.version is not None  # noqa: S101, PT018 - active surveys have a version
    letter, unsubscribe = rendering.letter(
        interaction,
        survey.version,
        language=one.language,
        token=step.token,
        contact_point_id=step.contact_point_id,
        addresses=addresses,
    )
    point = people.contact_point(step.contact_point_id or 0)
    assert point is not None  # noqa: S101 - chosen from the customer's own addresses
    message = delivery.queue(
        purpose=Purpose.INVITATION,
        to_address=point.value,
        to_name=interaction.customer.name if interaction.customer else "",
        brand_id=one.brand_id,
        region_id=one.region_id,
        survey_id=survey.id,
        language=one.language,
        subject=letter.subject,
        body=letter.body,
        html=letter.html,
        unsubscribe_url=unsubscribe,
        due_at=now,
        useful_until=invitation.latest_at,
        now=now,
    )
    return message.id


def postpone(invitation_id: int, *, until: datetime) -> None:
    """Move a planned invitation to a later moment: a day's cap is full, or the last try failed."""
    db.session.execute(
        update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.state == InvitationState.PLANNED)
        .values(send_at=until)
    )


def withdraw(invitation_id: int, *, actor: Actor, now: datetime) -> None:
    """Take a planned invitation out by hand. Refuses with NotPlanned."""
    changed = change(
        update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.state == InvitationState.PLANNED)
        .values(state=InvitationState.EXCLUDED, reason=Reason.WITHDRAWN, send_at=None, again_at=None, decided_at=now)
    )
    if not changed:
        raise NotPlanned
    audit.record(Event.INVITATION_WITHDRAWN, actor=actor, now=now, subject=("invitation", invitation_id))


def send_after_all(invitation_id: int, *, now: datetime) -> None:
    """A letter that may have left from another copy of this database leaves once sending goes on."""
    postpone(invitation_id, until=now)
    for step in db.session.scalars(select(InvitationStep).where(InvitationStep.invitation_id == invitation_id)):
        delivery.leave_again(step.message_id or 0, now=now)


def take_as_sent(invitation_id: int, *, actor: Actor, now: datetime) -> None:
    """A letter that may have left from another copy of this database does not leave again.

    Its link, if it was made before the copy was, stays open: the customer may have it. Refuses with NotPlanned.
    """
    invitation = db.session.get_one(Invitation, invitation_id)
    if invitation.state is InvitationState.PLANNED:
        withdraw(invitation_id, actor=actor, now=now)
    elif invitation.state is InvitationState.HANDED_OVER and _stop_letter(invitation):
        invitation.sent_at = invitation.handed_over_at
        db.session.flush()


def exclude_cancelled(*, now: datetime) -> int:
    """Hold back what was planned or queued for purchases that were cancelled meanwhile."""
    return _take_back(Interaction.cancelled_at.is_not(None), reason=Reason.CANCELLED, now=now)


def stop_for(customer_id: int, *, now: datetime) -> int:
    """Hold back what was planned or queued for a person who is not to be asked now."""
    return _take_back(Invitation.customer_id == customer_id, reason=Reason.ON_HOLD, now=now)


def _take_back(which: ColumnElement[bool], *, reason: Reason, now: datetime) -> int:
    alone(PLANNING)
    hit = db.session.scalars(
        select(Invitation)
        .join(Interaction, Interaction.id == Invitation.interaction_id)
        .where(
            which,
            Invitation.state.in_((InvitationState.PLANNED, InvitationState.HANDED_OVER)),
            Invitation.sent_at.is_(None),
        )
    ).all()
    stopped = [one for one in hit if _stop_letter(one)]
    for invitation in stopped:
        _exclude(invitation, Decision(reason, latest_at=invitation.latest_at), now=now)
    return len(stopped)


def _stop_letter(invitation: Invitation) -> bool:
    """Whether nothing of it will leave any more."""
    if invitation.state is InvitationState.PLANNED:
        return True
    return all(step.message_id is None or delivery.cancel(step.message_id) for step in invitation.steps)


def look_again_at_message(message_id: int, *, without_mail: Collection[int], now: datetime) -> None:
    """Decide again about a letter that waited long in the queue: release it, or take it back with the reason."""
    alone(PLANNING)
    step = db.session.scalar(select(InvitationStep).where(InvitationStep.message_id == message_id))
    if step is None:
        delivery.cancel(message_id)
        return
    invitation = step.invitation
    (one,) = candidates.gather([invitation.interaction_id], count_planned=False, without_mail=without_mail, now=now)
    # Its own contact stands in the facts already, so the quarantine is not asked a second time.
    decision = decide(replace(one.candidate, contacts=()), one.policy, now=now)
    if decision.yes and decision.send_at and decision.send_at <= now:
        delivery.release(message_id, now=now)
    elif not decision.yes and delivery.cancel(message_id):
        _exclude(invitation, decision, now=now)


def note_sent(*, now: datetime, limit: int = 500) -> int:
    """Read from the post office which first letters left, and which never will. Gives the number of lines changed."""
    alone(PLANNING)
    news = post.news_of(
        select(InvitationStep.message_id)
        .join(Invitation, Invitation.id == InvitationStep.invitation_id)
        .where(Invitation.state == InvitationState.HANDED_OVER, Invitation.sent_at.is_(None))
    )
    steps = {
        step.message_id: step
        for step in db.session.scalars(
            select(InvitationStep).where(InvitationStep.message_id.in_([one.id for one in news[:limit]]))
        )
    }
    sent = []
    for message in news[:limit]:
        invitation = steps[message.id].invitation
        if message.sent_at:
            valid = (invitation.valid_until or now) - (invitation.handed_over_at or now)
            invitation.sent_at, invitation.valid_until = message.sent_at, message.sent_at + valid
            sent.append(("invitation", invitation.id, {"message_id": message.id}))
        else:
            _exclude(invitation, Decision(_reason_of(message), latest_at=invitation.latest_at), now=now)
    audit.record_many(Event.INVITATION_SENT, actor=audit.PROGRAM, now=now, subjects=sent)
    db.session.flush()
    return len(news[:limit])


def _reason_of(message: Message) -> Reason:
    if message.state is State.EXPIRED:
        return Reason.TOO_OLD
    return Reason.SUPPRESSED if message.error == "suppressed" else Reason.UNDELIVERABLE


def expire(*, now: datetime) -> int:
    """Close invitations whose link no longer takes answers."""
    changed = change(
        update(Invitation)
        .where(Invitation.state == InvitationState.HANDED_OVER, Invitation.valid_until < now)
        .values(state=InvitationState.EXPIRED)
    )
    if changed:
        audit.record(Event.INVITATION_EXPIRED, actor=audit.PROGRAM, now=now, data={"count": changed})
    return changed


def held(invitation_id: int) -> Invitation | None:
    """The invitation as it is now; nobody else changes it until this transaction ends."""
    invitation = db.session.get(Invitation, invitation_id)
    if invitation is not None:  # its own columns only: what it belongs to stays loaded
        db.session.refresh(invitation, OWN_COLUMNS, with_for_update={"of": Invitation, "key_share": True})
    return invitation


def mark_answered(invitation_id: int, *, now: datetime) -> bool:
    """The first answer came; False when the invitation takes no answers (any more)."""
    changed = change(
        update(Invitation)
        .where(
            Invitation.id == invitation_id,
            Invitation.state.in_((InvitationState.HANDED_OVER, InvitationState.ANSWERED)),
        )
        .values(state=InvitationState.ANSWERED, answered_at=now)
    )
    return bool(changed)


def mark_not_mine(invitation_id: int, *, now: datetime) -> bool:
    """Somebody said it was not their purchase; False when the link was closed before."""
    return _move(invitation_id, (InvitationState.HANDED_OVER, InvitationState.ANSWERED), InvitationState.NOT_MINE)


def undo_not_mine(invitation_id: int, *, now: datetime) -> bool:
    """It was their purchase after all: answered, if an answer had come before."""
    answered = Invitation.answered_at.is_not(None)
    if _move(invitation_id, (InvitationState.NOT_MINE,), InvitationState.ANSWERED, answered):
        return True
    return _move(invitation_id, (InvitationState.NOT_MINE,), InvitationState.HANDED_OVER)


def _move(
    invitation_id: int, before: tuple[InvitationState, ...], after: InvitationState, *also: ColumnElement[bool]
) -> bool:
    here = Invitation.id == invitation_id
    return bool(change(update(Invitation).where(here, Invitation.state.in_(before), *also).values(state=after)))
