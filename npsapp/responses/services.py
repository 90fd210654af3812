"""Recording what customers answer, and what staff do with it. Every function needs a transaction."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, null, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.customers import services as customers
from npsapp.customers.rules import FactKind
from npsapp.db import change, db, insert_many, insert_one, one_of, together
from npsapp.invitations import services as invitations
from npsapp.lib.clock import local_date
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.responses import queries, rules
from npsapp.responses.days import UNKNOWN, mark_dirty as mark_dirty
from npsapp.responses.human import LATER, Doubt
from npsapp.responses.models import AnswerValue, Basis, DisputedAnswer, Response, ResponseRevision, Ruling
from npsapp.responses.queries import Link

FROM_LINK = (
    "invitation_id", "interaction_id", "customer_id", "survey_id", "version_id", "brand_id", "touchpoint_id",
    "region_id", "unit_id", "segment_id", "channel", "test",
)  # fmt: skip
COUNTED_ANEW = {
    Event.RESPONSE_RECEIVED, Event.RESPONSE_CONFIRMED, Event.RESPONSE_PROMOTED, Event.RESPONSE_CHANGED,
    Event.RESPONSE_VOIDED, Event.RESPONSE_RESTORED,
}  # fmt: skip
UNSURE = (Basis.PROVISIONAL, Basis.DROPPED)


class Closed(Refused):
    """The link takes no answers, or not this one: expired, not mine, answered by another page, changed too often."""

    wording = N_("This survey is closed.")


@dataclass(frozen=True)
class Submission:
    """One POST of a survey page that was let in: its nonce or its right to edit was good."""

    said: rules.Said
    language: str
    final: bool
    may_edit: bool
    opened_at: datetime
    """When its page was made."""
    doubt: Doubt | None = None
    """Why it is not believed, if its page has said nothing before."""
    believable: bool = True
    """Whether it may confirm what its page has said before."""


@dataclass(frozen=True)
class Answered:
    """What is stored now: the answer, and the one that was kept apart from it or has just become it."""

    said: rules.Said
    other: DisputedAnswer | None = None
    sure: bool = True
    """Whether the answer counts, so that its page may edit it."""

    @property
    def disputed(self) -> bool:
        """Whether what was sent does not count."""
        return self.other is not None and self.other.applied_at is None


def answer(link: Link, submission: Submission, *, now: datetime) -> Answered:
    """Confirm, change, repeat or dispute the answer of this link's invitation.

    Several POSTs at once make one answer: whoever marks the invitation first holds it, and whoever comes second finds
    that answer. Words without a score need a stored score to belong to. May raise Closed, rules.NotAScore, and
    IntegrityError when something happened to the invitation since its link was read, which is then to be read again.
    """
    said, new = submission.said, link.response_id is None and link.unsure_id is None
    believed = new and said.score is not None and submission.doubt is None
    if believed and not link.followed and not said.more:
        return _first(link, submission, now)
    if believed and invitations.take_first_answer(link.invitation_id, now=now):
        return confirm(link, submission, now=now)
    link = _held(link, now)
    response = queries.of_invitation(link.invitation_id)
    if response is None and said.score is not None and submission.doubt is not None:
        return confirm(link, submission, now=now, basis=Basis.PROVISIONAL, doubt=submission.doubt)
    if response is None:
        raise rules.NotAScore
    if submission.doubt is Doubt.OPENED:
        return Answered(said, sure=False)
    if response.basis in UNSURE:
        return _again(response, submission, link.zone, now)
    same_page = _same_page(response, submission.opened_at, now)
    if submission.may_edit or (same_page and rules.only_adds(_stored(response, said), said)):
        return correct(response, submission, now=now)
    return Answered(_stored(response), _dispute(response, said, now))


def _first(link: Link, submission: Submission, now: datetime) -> Answered:
    """What nearly every answer is: for PostgreSQL one statement, which marks the invitation and writes the answer."""
    with together(whole=True):
        survey_id, sent_on = invitations.first_answer(link.invitation_id, now=now)
        return confirm(link, submission, now=now, sent_on=sent_on, survey_id=survey_id)


def _held(link: Link, now: datetime, way: rules.Way = rules.Way.OPEN) -> Link:
    """The link as it is now, if it leads there; what happens to its invitation waits until the transaction ends."""
    invitations.hold(link.invitation_id)
    fresh = queries.link(link.token)
    if fresh is None or queries.way(fresh, now=now) is not way:
        raise Closed
    return fresh


def _again(response: Response, submission: Submission, zone: str, now: datetime) -> Answered:
    """What a POST does to an answer that does not count: its own page confirms it, another's takes its place."""
    said = submission.said
    if response.page_at == submission.opened_at:
        sure = submission.believable and now - response.acted_at >= LATER
        answered = correct(response, submission, now=now)
    elif said.score is None:
        raise rules.NotAScore
    else:
        sure = submission.doubt is None
        if not sure and response.score != said.score and response.doubt is not Doubt.OPENED:
            _dispute(response, _stored(response), now)  # two machines, or one and a person: neither counts by itself
        answered = _replace(response, submission, now)
    if sure:
        count(response, Basis.CONFIRMED, zone=zone, now=now)
    return replace(answered, sure=sure)


def _replace(response: Response, submission: Submission, now: datetime) -> Answered:
    """Another page's answer instead of one that does not count; the history keeps that one."""
    said = submission.said
    response.basis, response.doubt = Basis.PROVISIONAL, submission.doubt or response.doubt
    response.page_at, response.confirmed_at = submission.opened_at, now
    response.voided_at, response.void_reason, response.contact_wanted = None, "", said.contact
    whole = replace(said, comment=said.comment or "")
    return correct(response, replace(submission, said=whole), now=now)


def count(response: Response, basis: Basis, *, zone: str, now: datetime, by_id: int | None = None) -> None:
    """Let an answer that waited, or was dropped, count from now on."""
    if response.invitation_id is not None:
        invitations.take_first_answer(response.invitation_id, now=now)
    response.basis, response.confirmed_at, response.local_date = basis, now, local_date(now, zone)
    if response.customer_id is not None:
        customers.record_fact(
            kind=FactKind.ANSWERED,
            customer_id=response.customer_id,
            survey_id=response.survey_id,
            touchpoint_id=response.touchpoint_id,
            at=now,
            exempt=response.test,
        )
    event = Event.RESPONSE_CONFIRMED if basis is Basis.CONFIRMED else Event.RESPONSE_PROMOTED
    _record(event, response, now, by_id=by_id)


def confirm(
    link: Link, submission: Submission, *, now: datetime, sent_on: Any = UNKNOWN, **more_columns: Any
) -> Answered:
    """The first answer of an invitation, or of an open link's page: a few short statements, for every customer
    passes here. What somebody without an invitation says of himself stops no letter to whoever he named."""
    said = replace(submission.said, comment=submission.said.comment or "")
    words = {"score": said.score, "comment": said.comment, "contact_wanted": said.contact}
    day = local_date(now, link.zone)
    when = {"local_date": day, "confirmed_at": now, "acted_at": now, "finished_at": now if submission.final else None}
    values = {name: getattr(link, name) for name in FROM_LINK} | words | when | more_columns
    values["page_at"], sure = submission.opened_at, submission.doubt is None
    with together():
        id_ = insert_one(Response, values | {"language": submission.language})
        more = {"more": said.more} if said.more is not None else {}
        insert_many(ResponseRevision, [words | more | {"response_id": id_, "number": 1, "at": now}])
        insert_many(AnswerValue, queries.more_rows(id_, said.more or {}))
        if sure and link.customer_id is not None and link.invitation_id is not None:
            about = {name: getattr(link, name) for name in ("customer_id", "survey_id", "touchpoint_id")}
            customers.record_fact(kind=FactKind.ANSWERED, at=now, exempt=link.test, **about)
        actor, subject = audit.by_customer(link.customer_id), ("response", id_)
        data = {"group": rules.classify(said.score or 0)} | ({} if sure else {"doubt": submission.doubt})
        audit.record(Event.RESPONSE_RECEIVED, actor=actor, now=now, subject=subject, data=data)
        if submission.final:
            audit.record(Event.RESPONSE_FINISHED, actor=actor, now=now, subject=subject)
        if sure:
            mark_dirty(link.survey_id, day, link.invitation_id, sent_on)
    return Answered(said, sure=sure)


def correct(response: Response, submission: Submission, *, now: datetime) -> Answered:
    """Change the answer as the page says that may edit it."""
    _change(response, submission.said, now)
    response.acted_at = now
    response.language = submission.language
    if submission.final and response.finished_at is None:
        response.finished_at = now
        _record(Event.RESPONSE_FINISHED, response, now)
    db.session.flush()
    return Answered(_stored(response))


def _same_page(response: Response, opened_at: datetime, now: datetime) -> bool:
    return rules.is_same_page(confirmed_at=response.confirmed_at, opened_at=opened_at, now=now)


def _stored(response: Response, said: rules.Said | None = None) -> rules.Said:
    """What is stored; the answers to further questions only where a POST says something about them."""
    more = queries.more_of(response.id) if said and said.more is not None else None
    return rules.Said(response.score, response.comment, response.contact_wanted, more)


def _change(response: Response, said: rules.Said, now: datetime) -> None:
    changed = rules.differs(_stored(response, said), said)
    if not changed:
        return
    if response.revision >= rules.REVISIONS_KEPT:
        raise Closed
    response.score = response.score if said.score is None else said.score
    response.comment = response.comment if said.comment is None else said.comment
    response.contact_wanted = response.contact_wanted if said.contact is None else said.contact
    response.revision += 1
    response.read_at = response.read_by_id = None
    _remember_revision(response, now, said.more if "answers" in changed else None)
    if "answers" in changed:
        change(delete(AnswerValue).where(AnswerValue.response_id == response.id))
        insert_many(AnswerValue, queries.more_rows(response.id, said.more or {}))
    data = {"fields": changed, "group": response.group, "revision": response.revision}
    _record(Event.RESPONSE_CHANGED, response, now, data=data)


def _dispute(response: Response, said: rules.Said, now: datetime) -> DisputedAnswer:
    """Keep an answer apart; the same one again, or one too many, adds nothing.

    A page sends the score while its words are being written: they are put to it.
    """
    if said.score is None:
        raise rules.NotAScore
    kept = [other for other in response.others if other.applied_at is None]
    words = said.comment or ""
    sent = (said.score, words, said.more)
    same = next((other for other in kept if (other.score, other.comment, other.more) == sent), None)
    if same or len(kept) >= rules.DISPUTES_KEPT:
        return same or kept[-1]
    bare = [other for other in kept if (other.score, other.comment, other.more) == (said.score, "", None)]
    disputed = bare[0] if bare else DisputedAnswer(response_id=response.id, at=now, score=said.score)
    disputed.comment = words
    if said.more is not None:
        disputed.more = said.more
    db.session.add(disputed)
    response.read_at = response.read_by_id = None
    db.session.flush()
    if not bare:
        _record(Event.RESPONSE_DISPUTED, response, now, data={"group": rules.classify(said.score)})
    return disputed


def apply_disputed(link: Link, disputed: str, *, now: datetime) -> Answered | None:
    """The visitor pressed "change my answer": the disputed answer becomes the answer. None: there is no such one."""
    link = _held(link, now)
    response = queries.of_invitation(link.invitation_id)
    other = next((one for one in response.others if str(one.id) == disputed), None) if response else None
    if response is None or other is None:
        return None
    if other.applied_at is None:
        other.applied_at = now
        _change(response, rules.Said(other.score, other.comment or None, more=other.more), now)
        if response.basis in UNSURE:
            count(response, Basis.CONFIRMED, zone=link.zone, now=now)
    response.acted_at = now
    db.session.flush()
    return Answered(_stored(response), other)


def not_mine(link: Link, *, may_edit: bool, opened_at: datetime, now: datetime) -> None:
    """The visitor says "this was not my purchase": no score counts, the address is marked, the links close.

    A score that a first movement on the same page had saved is taken out of the count. May raise Closed,
    also when another page has answered.
    """
    link = _held(link, now)
    response = queries.of_invitation(link.invitation_id)
    if response is not None:
        sure = response.basis not in UNSURE
        if sure and not may_edit and not _same_page(response, opened_at, now):
            raise Closed
        void(response, reason=rules.DISOWNED, by_id=None, now=now)
    actor = audit.by_customer(link.customer_id)
    if link.contact_point_id is not None:
        customers.set_not_mine(link.contact_point_id, not_mine=True, actor=actor, now=now)
    invitations.mark_not_mine(link.invitation_id)


def mine_after_all(link: Link, *, now: datetime) -> None:
    """Take "not my purchase" back while the invitation would still be open; may raise Closed."""
    link = _held(link, now, rules.Way.NOT_MINE)
    actor = audit.by_customer(link.customer_id)
    if link.contact_point_id is not None:
        customers.set_not_mine(link.contact_point_id, not_mine=False, actor=actor, now=now)
    invitations.undo_not_mine(link.invitation_id)
    response = queries.of_invitation(link.invitation_id)
    if response is not None and response.void_reason == rules.DISOWNED:
        restore(response, by_id=None, now=now)
        if response.basis not in UNSURE:
            invitations.mark_answered(link.invitation_id, now=now)


def forget_people(customer_ids: Collection[int]) -> None:
    """Take the words out of these people's answers; scores and dimensions stay."""
    change(update(Response).where(Response.customer_id.in_(customer_ids)).values(comment="", reference=""))
    voided = Response.customer_id.in_(customer_ids), Response.void_reason != ""
    change(update(Response).where(*voided).values(void_reason="–"))
    for model in (ResponseRevision, DisputedAnswer):
        theirs = model.response_id.in_(select(Response.id).where(Response.customer_id.in_(customer_ids)))
        change(update(model).where(theirs).values(comment="", more=null()))
    theirs = Ruling.response_id.in_(select(Response.id).where(Response.customer_id.in_(customer_ids)))
    change(update(Ruling).where(theirs).values(reason="–"))
    written = AnswerValue.response_id.in_(select(Response.id).where(Response.customer_id.in_(customer_ids)))
    change(update(AnswerValue).where(written, AnswerValue.text.is_not(None)).values(text=""))


def finish_quiet(*, now: datetime) -> int:
    """Finish answers whose customer has done nothing for 15 minutes (decisions.md 21); how many."""
    quiet = (Response.finished_at.is_(None), Response.acted_at <= now - rules.FINISHED_AFTER)
    finished = update(Response).where(*quiet).values(finished_at=now).returning(Response.id)
    subjects: list[tuple[str, int, dict[str, Any]]] = [("response", id_, {}) for id_ in db.session.scalars(finished)]
    audit.record_many(Event.RESPONSE_FINISHED, actor=audit.PROGRAM, now=now, subjects=subjects)
    return len(subjects)


# ---- what staff do ---------------------------------------------------------------------------------------------


def void(response: Response, *, reason: str, by_id: int | None, now: datetime) -> None:
    """Leave an answer out of all numbers, visibly and reversibly; without a user its customer wants it."""
    if response.void_reason != reason:
        response.voided_at, response.void_reason = now, reason
        _record(Event.RESPONSE_VOIDED, response, now, by_id=by_id)


def restore(response: Response, *, by_id: int | None, now: datetime) -> None:
    """Count a voided answer again."""
    if response.voided_at is not None:
        response.voided_at, response.void_reason = None, ""
        _record(Event.RESPONSE_RESTORED, response, now, by_id=by_id)


def _record(event: Event, response: Response, now: datetime, *, by_id: int | None = None, data: Any = None) -> None:
    """Write the answer, tell the log, and let the reports count its day again (decisions.md 27)."""
    db.session.flush()
    its_own = audit.PROGRAM if event is Event.RESPONSE_PROMOTED else audit.by_customer(response.customer_id)
    actor = audit.by_user(by_id) if by_id else its_own
    audit.record(event, actor=actor, now=now, subject=("response", response.id), data=data)
    if event in COUNTED_ANEW:
        asked = None if event is Event.RESPONSE_CHANGED else response.invitation_id  # as many answered as before
        mark_dirty(response.survey_id, response.local_date, asked)


def follow_purchases(interaction_ids: Collection[int]) -> None:
    """Answers stand where their purchases do, whose region, unit or segment was repaired; their days count again."""
    theirs = one_of(Response.interaction_id, interaction_ids), Response.open_link_id.is_(None)
    for response in db.session.scalars(select(Response).where(*theirs)):
        if bought := response.interaction:
            response.region_id, response.unit_id = bought.region_id, bought.unit_id
            response.segment_id = bought.segment_id
            mark_dirty(response.survey_id, response.local_date)
    db.session.flush()


def _remember_revision(response: Response, now: datetime, more: Mapping[str, Any] | None) -> None:
    said: dict[str, Any] = {name: getattr(response, name) for name in ("score", "comment", "contact_wanted")}
    said |= {"more": more} if more is not None else {}
    db.session.add(ResponseRevision(response_id=response.id, number=response.revision, at=now, **said))
