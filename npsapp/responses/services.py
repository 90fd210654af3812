"""Recording what customers answer. Every function needs a transaction."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.customers import services as customers
from npsapp.customers.rules import FactKind
from npsapp.db import db
from npsapp.invitations import services as invitations
from npsapp.invitations.models import InvitationStep
from npsapp.lib.clock import local_date
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization import queries as organization
from npsapp.responses import marks, queries, rules
from npsapp.responses.models import (
    Basis,
    DisputedAnswer,
    LinkAct,
    LinkEvent,
    Response,
    ResponseRevision,
)


class Closed(Refused):
    """The link takes no answers: expired, withdrawn, or "this was not my purchase"."""

    code = "closed"
    wording = N_("This survey is closed.")


class AlreadyAnswered(Refused):
    """An invitation with an answer cannot be marked as somebody else's purchase."""

    code = "already_answered"
    wording = N_("This survey has been answered already.")


class Outcome(StrEnum):
    """What became of a POST: it counts and its page may edit on, or it is kept apart."""

    TAKEN = "taken"
    DISPUTED = "disputed"


@dataclass(frozen=True)
class Submission:
    """One POST of a survey page that was let in: its nonce or its right to edit was good."""

    said: rules.Said
    language: str
    final: bool
    may_edit: bool
    opened_at: datetime
    """When its page was made."""


@dataclass(frozen=True)
class Answered:
    """What is stored now."""

    outcome: Outcome
    response: Response
    disputed: DisputedAnswer | None = None


def answer(step_id: int, submission: Submission, *, now: datetime) -> Answered:
    """Confirm, change, repeat or dispute the answer of this step's invitation; may raise Closed.

    Several POSTs at once make one answer: the invitation is unique in the table, whoever comes second finds
    the first.
    """
    step = _open_step(step_id, now)
    response = queries.held_of_invitation(step.invitation_id)
    if response is None:
        response = _confirm(step, submission, now)
        if response is not None:
            return _taken(response, submission, now)
        response = queries.held_of_invitation(step.invitation_id)
    if response is None:
        raise Closed
    if submission.may_edit or _is_same_act(response, submission, now):
        _change(response, submission.said, now)
        return _taken(response, submission, now)
    return Answered(Outcome.DISPUTED, response, _dispute(response, submission.said, now))


def _open_step(step_id: int, now: datetime) -> InvitationStep:
    step = db.session.get(InvitationStep, step_id)
    if step is None:
        raise Closed
    if queries.way(step.invitation, now=now) is not rules.Way.OPEN:
        raise Closed
    return step


def _confirm(step: InvitationStep, submission: Submission, now: datetime) -> Response | None:
    """The first answer of an invitation; None when another process was faster."""
    response = _new(step, submission, now)
    try:
        with db.session.begin_nested():
            db.session.add(response)
            db.session.flush()
    except IntegrityError:
        return None
    _remember_revision(response, now)
    marks.recount(response)
    invitations.mark_answered(response.invitation_id or 0, now=now)
    if response.customer_id is not None:
        customers.record_fact(
            customer_id=response.customer_id,
            kind=FactKind.ANSWERED,
            survey_id=response.survey_id,
            touchpoint_id=response.touchpoint_id,
            at=now,
            exempt=response.test,
        )
    marks.record(Event.RESPONSE_RECEIVED, response, now, {"group": rules.classify(response.score).value})
    return response


def _new(step: InvitationStep, submission: Submission, now: datetime) -> Response:
    invitation = step.invitation
    interaction = invitation.interaction
    zone = organization.zone_of(interaction.region, interaction.brand)
    return Response(
        invitation_id=invitation.id,
        interaction_id=interaction.id,
        customer_id=invitation.customer_id,
        survey_id=invitation.survey_id,
        version_id=invitation.version_id,
        brand_id=interaction.brand_id,
        touchpoint_id=interaction.touchpoint_id,
        region_id=interaction.region_id,
        unit_id=interaction.unit_id,
        segment_id=interaction.segment_id,
        channel=step.channel,
        language=submission.language,
        score=submission.said.score,
        comment=submission.said.comment or "",
        contact_wanted=submission.said.contact,
        basis=Basis.CONFIRMED,
        test=invitation.test,
        revision=1,
        local_date=local_date(now, zone),
        confirmed_at=now,
        acted_at=now,
    )


def _taken(response: Response, submission: Submission, now: datetime) -> Answered:
    response.acted_at = now
    response.language = submission.language
    if submission.final:
        _finish(response, now)
    db.session.flush()
    return Answered(Outcome.TAKEN, response)


def _is_same_act(response: Response, submission: Submission, now: datetime) -> bool:
    return rules.is_same_act(
        _stored(response),
        submission.said,
        confirmed_at=response.confirmed_at,
        opened_at=submission.opened_at,
        now=now,
    )


def _stored(response: Response) -> rules.Said:
    return rules.Said(response.score, response.comment, response.contact_wanted)


def _change(response: Response, said: rules.Said, now: datetime) -> None:
    changed = rules.differs(_stored(response), said)
    if not changed:
        return
    response.score = said.score
    response.comment = response.comment if said.comment is None else said.comment
    response.contact_wanted = response.contact_wanted if said.contact is None else said.contact
    response.revision += 1
    response.read_at = response.read_by_id = None
    _remember_revision(response, now)
    marks.recount(response)
    data = {"fields": changed, "group": rules.classify(said.score).value, "revision": response.revision}
    marks.record(Event.RESPONSE_CHANGED, response, now, data)


def _dispute(response: Response, said: rules.Said, now: datetime) -> DisputedAnswer:
    """Keep an answer apart; the same one again, or one too many, adds nothing."""
    kept = queries.disputes_open(response.id)
    words = said.comment or ""
    same = next((old for old in kept if old.score == said.score and old.comment == words), None)
    if same or len(kept) >= rules.DISPUTES_KEPT:
        return same or kept[-1]
    disputed = DisputedAnswer(response_id=response.id, at=now, score=said.score, comment=words)
    db.session.add(disputed)
    response.read_at = response.read_by_id = None
    db.session.flush()
    marks.record(Event.RESPONSE_DISPUTED, response, now, {"group": rules.classify(said.score).value})
    return disputed


def apply_disputed(step_id: int, disputed_id: int, *, now: datetime) -> Answered | None:
    """The visitor pressed "change my answer": the disputed answer becomes the answer. None: there is no such one."""
    step = _open_step(step_id, now)
    response = queries.held_of_invitation(step.invitation_id)
    disputed = db.session.get(DisputedAnswer, disputed_id)
    if response is None or disputed is None or disputed.response_id != response.id:
        return None
    if disputed.applied_at is None:
        disputed.applied_at = now
        _change(response, rules.Said(disputed.score, disputed.comment or None), now)
    response.acted_at = now
    db.session.flush()
    return Answered(Outcome.TAKEN, response, disputed)


def not_mine(step_id: int, *, may_edit: bool, opened_at: datetime, now: datetime) -> None:
    """The visitor says "this was not my purchase": no score counts, the address is marked, the links close.

    A score that a first movement on the same page had saved is taken out of the count. May raise Closed, and
    AlreadyAnswered when another page has answered.
    """
    step = _open_step(step_id, now)
    response = queries.held_of_invitation(step.invitation_id)
    if response is not None:
        own = rules.is_same_page(confirmed_at=response.confirmed_at, opened_at=opened_at, now=now)
        if not may_edit and not own:
            raise AlreadyAnswered
        marks.take_out(response, rules.DISOWNED, now)
        marks.record(Event.RESPONSE_VOIDED, response, now, {})
    actor = audit.by_customer(step.invitation.customer_id)
    customers.mark_not_mine(step.contact_point_id, actor=actor, now=now)
    invitations.mark_not_mine(step.invitation_id, now=now)


def mine_after_all(step_id: int, *, now: datetime) -> None:
    """Take "not my purchase" back while the invitation would still be open; may raise Closed."""
    step = db.session.get(InvitationStep, step_id)
    if step is None or queries.way(step.invitation, now=now) is not rules.Way.NOT_MINE:
        raise Closed
    actor = audit.by_customer(step.invitation.customer_id)
    customers.undo_not_mine(step.contact_point_id, actor=actor, now=now)
    invitations.undo_not_mine(step.invitation_id, now=now)
    response = queries.held_of_invitation(step.invitation_id)
    if response is not None and response.void_reason == rules.DISOWNED:
        marks.put_back(response)
        marks.record(Event.RESPONSE_RESTORED, response, now, {})
        invitations.mark_answered(step.invitation_id, now=now)


def note_link(
    step_id: int, *, act: LinkAct, score: int | None, network: str, agent: str, now: datetime
) -> None:
    """Remember what a link did: weak evidence, never an answer. The audit hears of the first opening only."""
    step = db.session.get(InvitationStep, step_id)
    if step is None:
        return
    first = act is LinkAct.OPENED and not queries.was_opened(step.invitation_id)
    db.session.add(
        LinkEvent(
            invitation_id=step.invitation_id,
            step_id=step_id,
            at=now,
            act=act,
            score=score,
            network=network,
            agent=agent,
        )
    )
    if first:
        actor = audit.by_customer(step.invitation.customer_id)
        subject = ("invitation", step.invitation_id)
        audit.record(Event.INVITATION_OPENED, actor=actor, now=now, subject=subject)


def finish_quiet(*, now: datetime, limit: int = 500) -> int:
    """Finish answers whose customer has done nothing for 15 minutes (decisions.md 21); how many."""
    quiet = queries.quiet_since(now - rules.FINISHED_AFTER, limit=limit)
    if not quiet:
        return 0
    db.session.execute(
        update(Response).where(Response.id.in_(quiet), Response.finished_at.is_(None)).values(finished_at=now)
    )
    subjects: list[tuple[str, int, dict[str, Any]]] = [("response", response_id, {}) for response_id in quiet]
    audit.record_many(Event.RESPONSE_FINISHED, actor=audit.PROGRAM, now=now, subjects=subjects)
    return len(quiet)


def _finish(response: Response, now: datetime) -> None:
    if response.finished_at is None:
        response.finished_at = now
        marks.record(Event.RESPONSE_FINISHED, response, now, {})


def _remember_revision(response: Response, now: datetime) -> None:
    db.session.add(
        ResponseRevision(
            response_id=response.id,
            number=response.revision,
            at=now,
            score=response.score,
            comment=response.comment,
            contact_wanted=response.contact_wanted,
        )
    )
