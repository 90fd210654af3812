"""Planning invitations, and what becomes of their lines. All need a transaction; letters: see `letters`."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import Ready, alone, change, db, insert_many, one_of, table
from npsapp.delivery import services as delivery
from npsapp.intake import services as intake
from npsapp.intake.models import PLANNING, Interaction
from npsapp.invitations import queries, quotas
from npsapp.invitations.candidates import Gathered, gather
from npsapp.invitations.chains import FIRST
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.promises import Promises
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

_TABLE = table(Invitation)
_ANSWERED = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("invitation"), _TABLE.c.state == InvitationState.HANDED_OVER)
    .values(state=InvitationState.ANSWERED, answered_at=bindparam("at"))
)
_FIRST_ANSWER = Ready(_ANSWERED.returning(_TABLE.c.followed))
_FIRST_UNFOLLOWED = Ready(_ANSWERED.where(_TABLE.c.followed.is_(False)).returning(_TABLE.c.survey_id, _TABLE.c.sent_on))
UNDELIVERED = (InvitationState.WAITING, InvitationState.PLANNED, InvitationState.EXCLUDED)
FINAL = (Reason.WITHDRAWN, Reason.NOT_DRAWN)
OF_DRAW = ("stratum_id", "drawn_on", "draw_rank", "chance", "probability")
TAKES_ANSWERS = (InvitationState.HANDED_OVER, InvitationState.ANSWERED)


class NotPlanned(Refused):
    """Only an invitation that is still planned can be taken out."""

    wording = N_("This invitation has left already or was held back; nothing was changed.")


def plan(interaction_ids: Sequence[int], *, without_mail: Collection[int], now: datetime) -> int:
    """Write the one line about each interaction: planned with a moment, or held back with a reason.

    A line that led to no letter yet is replaced, because something about it changed; what was handed over, or
    withdrawn by hand, stays. Gives the number of lines written.
    """
    alone(PLANNING)
    still = select(Interaction.id).where(one_of(Interaction.id, interaction_ids), Interaction.undecided)
    interaction_ids = db.session.scalars(still).all()
    kept, drawn = _without_replaced(interaction_ids)
    fresh = [id_ for id_ in interaction_ids if id_ not in kept]
    promises = Promises(quotas.months())
    gathered = gather(fresh, count_planned=True, without_mail=without_mail, now=now)
    rows = [_line(one, promises, drawn, now=now) for one in gathered]
    insert_many(Invitation, rows, decided_at=now)
    intake.mark_decided(list(interaction_ids))
    _record_plan(rows, now=now)
    return len(rows)


def _without_replaced(interaction_ids: Sequence[int]) -> tuple[set[int], dict[int, dict[str, Any]]]:
    """Delete the lines about these interactions that led to nothing yet; gives the interactions of the others,
    and what the draw said about the deleted ones: whoever was drawn once is not drawn again.

    Found by interaction alone: asked for a state too, SQLite walks through every line in that state.
    """
    columns = Invitation.id, Invitation.interaction_id, Invitation.state, Invitation.reason, Invitation.handed_over_at
    draw = [getattr(Invitation, name) for name in OF_DRAW]
    lines = select(*columns, *draw).where(one_of(Invitation.interaction_id, interaction_ids))
    kept, replaced = set(), {}
    for line in db.session.execute(lines):
        if line.state in UNDELIVERED and not line.handed_over_at and line.reason not in FINAL:
            replaced[line.id] = line
        else:
            kept.add(line.interaction_id)
    if replaced:
        change(delete(Invitation).where(one_of(Invitation.id, replaced)))
    of_draw = {InvitationState.PLANNED: OF_DRAW, InvitationState.WAITING: ("chance", "probability")}
    said = {
        line.interaction_id: {name: getattr(line, name) for name in of_draw.get(line.state, ()) if getattr(line, name)}
        for line in replaced.values()
    }
    return kept, {id_: values for id_, values in said.items() if values}


def _line(one: Gathered, promises: Promises, drawn: Mapping[int, dict[str, Any]], *, now: datetime) -> dict[str, Any]:
    """One row; an invitation planned a moment ago for the same customer counts as a contact."""
    decision = promises.decide(one.candidate, one.policy, who=one.customer_id, survey_id=one.survey_id, now=now)
    state = InvitationState.PLANNED if decision.yes else InvitationState.EXCLUDED
    before = drawn.get(one.interaction.id, {})
    settled = before.get("drawn_on") or one.interaction.asked_because
    if promises.waits(decision, one.survey_id, one.candidate.zone) and not settled:
        state = InvitationState.WAITING
    return {
        "interaction_id": one.interaction.id,
        "customer_id": one.customer_id,
        "survey_id": one.survey_id,
        "brand_id": one.interaction.brand_id,
        "touchpoint_id": one.interaction.touchpoint_id,
        "region_id": one.interaction.region_id,
        "segment_id": one.interaction.segment_id,
        "state": state,
        **vars(decision),
        "language": one.language,
        **({name: before.get(name) for name in OF_DRAW} if drawn else {}),
    }


def _record_plan(rows: Sequence[dict[str, Any]], *, now: datetime) -> None:
    counts = Counter(row["reason"] for row in rows if row["state"] is not InvitationState.WAITING)
    planned = counts.pop(None, 0)
    held_back = {reason.value: count for reason, count in counts.items()}
    if planned:
        audit.record(Event.INVITATION_PLANNED, actor=audit.PROGRAM, now=now, data={"count": planned})
    if held_back:
        audit.record(Event.INVITATION_HELD_BACK, actor=audit.PROGRAM, now=now, data={"reasons": held_back})


def postpone(invitation_id: int, *, until: datetime) -> None:
    """Move a planned invitation to a later moment: a day's cap is full, or the last try failed."""
    _move(invitation_id, (InvitationState.PLANNED,), send_at=until)


def within_caps(ids: Sequence[int], *, now: datetime) -> list[int]:
    """Those that may leave today: of sources in their first days a capped number a day, others wait for tomorrow."""
    left = {source: (allowed, tomorrow) for source, allowed, tomorrow in queries.capped_sources(now)}
    source_of = queries.sources_of(ids) if left else {}
    going = []
    for id_ in ids:
        source = source_of.get(id_, 0)
        allowed, tomorrow = left.get(source, (1, None))
        if tomorrow and allowed <= 0:
            postpone(id_, until=tomorrow)
            continue
        if tomorrow:
            left[source] = (allowed - 1, tomorrow)
        going.append(id_)
    return going


def withdraw(invitation_id: int, *, actor: Actor, now: datetime) -> None:
    """Take a planned invitation out by hand. Refuses with NotPlanned."""
    out = {"state": InvitationState.EXCLUDED, "reason": Reason.WITHDRAWN, "send_at": None, "again_at": None}
    if not _move(invitation_id, (InvitationState.WAITING, InvitationState.PLANNED), **out, decided_at=now):
        raise NotPlanned
    audit.record(Event.INVITATION_WITHDRAWN, actor=actor, now=now, subject=("invitation", invitation_id))


def expire(*, now: datetime) -> int:
    """Close invitations whose link no longer takes answers."""
    over = Invitation.state == InvitationState.HANDED_OVER, Invitation.valid_until < now
    changed = change(update(Invitation).where(*over).values(state=InvitationState.EXPIRED))
    if changed:
        audit.record(Event.INVITATION_EXPIRED, actor=audit.PROGRAM, now=now, data={"count": changed})
    return changed


def hold(invitation_id: int) -> None:
    """Nobody else changes the invitation until this transaction ends; what was read of it before may be old."""
    here = select(Invitation.id).where(Invitation.id == invitation_id)
    db.session.execute(here.with_for_update(key_share=True))


def take_first_answer(invitation_id: int, *, now: datetime) -> bool:
    """Mark an invitation without an answer as answered, and hold it; False when it is in any other state."""
    taken = _FIRST_ANSWER.one(invitation=invitation_id, at=now)
    if taken and taken.followed:
        stop_reminders(invitation_id)
    return taken is not None


def first_answer(invitation_id: int, *, now: datetime) -> list[Any]:
    """As `take_first_answer`, when no follow-up is on its way: the survey's id for the answer's row, of no value when
    the invitation is in any other state, so that the row is refused; and the day on which it was sent, if it was."""
    return _FIRST_UNFOLLOWED.later("survey_id", "sent_on", invitation=invitation_id, at=now)


def stop_reminders(invitation_id: int) -> None:
    """Take back what still waits at the post office to remind of this invitation."""
    its = InvitationStep.invitation_id == invitation_id, InvitationStep.number > FIRST
    for message_id in db.session.scalars(select(InvitationStep.message_id).where(*its)):
        delivery.cancel(message_id or 0)


def mark_answered(invitation_id: int, *, now: datetime) -> bool:
    """An answer counts again; False when the invitation takes no answers (any more)."""
    return _move(invitation_id, TAKES_ANSWERS, state=InvitationState.ANSWERED, answered_at=now)


def mark_not_mine(invitation_id: int) -> bool:
    """Somebody said it was not their purchase; False when the link was closed before."""
    stop_reminders(invitation_id)
    return _move(invitation_id, TAKES_ANSWERS, state=InvitationState.NOT_MINE)


def undo_not_mine(invitation_id: int) -> bool:
    """It was their purchase after all: answered, if an answer had come before."""
    closed, answered = (InvitationState.NOT_MINE,), Invitation.answered_at.is_not(None)
    back = _move(invitation_id, closed, answered, state=InvitationState.ANSWERED)
    return back or _move(invitation_id, closed, state=InvitationState.HANDED_OVER)


def _move(
    invitation_id: int, before: Collection[InvitationState], *also: ColumnElement[bool], **values: object
) -> bool:
    """One conditional UPDATE: whoever comes too late changes nothing."""
    here = Invitation.id == invitation_id
    return bool(change(update(Invitation).where(here, Invitation.state.in_(before), *also).values(**values)))
