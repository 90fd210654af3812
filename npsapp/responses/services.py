"""Recording what customers answer, and what staff do with it. Every function needs a transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, Integer, bindparam, delete, func, null, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.customers import services as customers
from npsapp.customers.rules import FactKind
from npsapp.db import Ready, change, db, insert_many, insert_one, is_sqlite, one_of, table, together, within
from npsapp.invitations import services as invitations
from npsapp.lib.clock import local_date
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.permissions import Scope
from npsapp.responses import queries, rules
from npsapp.responses.models import (
    AnswerValue,
    DirtyDay,
    DisputedAnswer,
    LinkAct,
    LinkEvent,
    Response,
    ResponseRevision,
)
from npsapp.responses.queries import Link

Day = tuple[int, date]
"""A survey's id and a local date."""
FROM_LINK = (
    "invitation_id", "interaction_id", "customer_id", "survey_id", "version_id", "brand_id", "touchpoint_id",
    "region_id", "unit_id", "segment_id", "channel", "test",
)  # fmt: skip
COUNTED_ANEW = {Event.RESPONSE_RECEIVED, Event.RESPONSE_CHANGED, Event.RESPONSE_VOIDED, Event.RESPONSE_RESTORED}


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


@dataclass(frozen=True)
class Answered:
    """What is stored now: the answer, and the one that was kept apart from it or has just become it."""

    id: int
    said: rules.Said
    other: DisputedAnswer | None = None

    @property
    def disputed(self) -> bool:
        """Whether what was sent does not count."""
        return self.other is not None and self.other.applied_at is None


def answer(link: Link, submission: Submission, *, now: datetime) -> Answered:
    """Confirm, change, repeat or dispute the answer of this link's invitation.

    Several POSTs at once make one answer: whoever marks the invitation first holds it, and whoever comes second finds
    that answer. Words without a score need a stored score to belong to. May raise Closed and rules.NotAScore.
    """
    said, new = submission.said, link.response_id is None
    if new and said.score is not None and invitations.take_first_answer(link.invitation_id, now=now):
        return _confirm(link, submission, now)
    link = _held(link, now)
    response = queries.of_invitation(link.invitation_id)
    if response is None:
        raise rules.NotAScore
    same_page = _same_page(response, submission.opened_at, now)
    if submission.may_edit or (same_page and rules.only_adds(_stored(response, said), said)):
        _change(response, said, now)
        return _taken(response, submission, now)
    return Answered(response.id, _stored(response), _dispute(response, said, now))


def _held(link: Link, now: datetime, way: rules.Way = rules.Way.OPEN) -> Link:
    """The link as it is now, if it leads there; what happens to its invitation waits until the transaction ends."""
    invitations.hold(link.invitation_id)
    fresh = queries.link(link.token)
    if fresh is None or queries.way(fresh, now=now) is not way:
        raise Closed
    return fresh


def _confirm(link: Link, submission: Submission, now: datetime) -> Answered:
    """The first answer of an invitation: a few short statements, for every customer passes here."""
    said = replace(submission.said, comment=submission.said.comment or "")
    words = {"score": said.score, "comment": said.comment, "contact_wanted": said.contact}
    day = local_date(now, link.zone)
    when = {"local_date": day, "confirmed_at": now, "acted_at": now, "finished_at": now if submission.final else None}
    values = {name: getattr(link, name) for name in FROM_LINK} | words | when
    id_ = insert_one(Response, values | {"language": submission.language})
    with together():
        more = {"more": said.more} if said.more is not None else {}
        insert_many(ResponseRevision, [words | more | {"response_id": id_, "number": 1, "at": now}])
        insert_many(AnswerValue, queries.more_rows(id_, said.more or {}))
        if link.customer_id is not None:
            about = {name: values[name] for name in ("customer_id", "survey_id", "touchpoint_id")}
            customers.record_fact(kind=FactKind.ANSWERED, at=now, exempt=link.test, **about)
        actor, subject = audit.by_customer(link.customer_id), ("response", id_)
        data = {"group": rules.classify(said.score or 0)}
        audit.record(Event.RESPONSE_RECEIVED, actor=actor, now=now, subject=subject, data=data)
        if submission.final:
            audit.record(Event.RESPONSE_FINISHED, actor=actor, now=now, subject=subject)
        mark_dirty(link.survey_id, day)
    return Answered(id_, said)


def _taken(response: Response, submission: Submission, now: datetime) -> Answered:
    response.acted_at = now
    response.language = submission.language
    if submission.final and response.finished_at is None:
        response.finished_at = now
        _record(Event.RESPONSE_FINISHED, response, now)
    db.session.flush()
    return Answered(response.id, _stored(response))


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
    """Keep an answer apart; the same one again, or one too many, adds nothing."""
    if said.score is None:
        raise rules.NotAScore
    kept = [other for other in response.others if other.applied_at is None]
    words = said.comment or ""
    sent = (said.score, words, said.more)
    same = next((other for other in kept if (other.score, other.comment, other.more) == sent), None)
    if same or len(kept) >= rules.DISPUTES_KEPT:
        return same or kept[-1]
    disputed = DisputedAnswer(response_id=response.id, at=now, score=said.score, comment=words)
    if said.more is not None:
        disputed.more = said.more
    db.session.add(disputed)
    response.read_at = response.read_by_id = None
    db.session.flush()
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
    response.acted_at = now
    db.session.flush()
    return Answered(response.id, _stored(response), other)


def not_mine(link: Link, *, may_edit: bool, opened_at: datetime, now: datetime) -> None:
    """The visitor says "this was not my purchase": no score counts, the address is marked, the links close.

    A score that a first movement on the same page had saved is taken out of the count. May raise Closed,
    also when another page has answered.
    """
    link = _held(link, now)
    response = queries.of_invitation(link.invitation_id)
    if response is not None:
        if not may_edit and not _same_page(response, opened_at, now):
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
        invitations.mark_answered(link.invitation_id, now=now)


def note_links(traces: Sequence[dict[str, Any]]) -> None:
    """Remember what links did (columns of LinkEvent): weak evidence, never an answer.

    The audit hears of the first opening only.
    """
    opened = {trace["invitation_id"]: trace["at"] for trace in reversed(traces) if trace["act"] is LinkAct.OPENED}
    first = [(opened[id_], customer_id, id_) for id_, customer_id in queries.never_opened(opened)]
    audit.by_customers(Event.INVITATION_OPENED, subject="invitation", did=first)
    insert_many(LinkEvent, traces)


def forget_link_events(*, before: datetime, limit: int) -> int:
    """Delete what links did before a moment: weak evidence is not kept for ever. Gives how many."""
    return change(delete(LinkEvent).where(LinkEvent.id.in_(queries.old_link_events(before).limit(limit))))


def forget_people(customer_ids: Collection[int]) -> None:
    """Take the words out of these people's answers; scores and dimensions stay."""
    change(update(Response).where(Response.customer_id.in_(customer_ids)).values(comment=""))
    voided = Response.customer_id.in_(customer_ids), Response.void_reason != ""
    change(update(Response).where(*voided).values(void_reason="–"))
    for model in (ResponseRevision, DisputedAnswer):
        theirs = model.response_id.in_(select(Response.id).where(Response.customer_id.in_(customer_ids)))
        change(update(model).where(theirs).values(comment="", more=null()))
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


def mark(ids: Collection[int], *, read: bool, scope: Scope, by_id: int, now: datetime) -> int:
    """Mark answers of the scope as read or as unread again; how many were not so before."""
    before = Response.read_at.is_(None) if read else Response.read_at.is_not(None)
    found = db.session.scalars(
        select(Response.id).where(Response.id.in_(ids), within(Response.region_id, scope), before)
    ).all()
    if not found:
        return 0
    values = {"read_at": now if read else None, "read_by_id": by_id if read else None}
    db.session.execute(update(Response).where(Response.id.in_(found)).values(values))
    subject = ("response", found[0] if len(found) == 1 else None)
    data = {"ids": list(found), "read": read}
    audit.record(Event.RESPONSE_READ, actor=audit.by_user(by_id), now=now, subject=subject, data=data)
    return len(found)


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
    actor = audit.by_user(by_id) if by_id else audit.by_customer(response.customer_id)
    audit.record(event, actor=actor, now=now, subject=("response", response.id), data=data)
    if event in COUNTED_ANEW:
        mark_dirty(response.survey_id, response.local_date)


def follow_purchases(interaction_ids: Collection[int]) -> None:
    """Answers stand where their purchases do, whose region, unit or segment was repaired; their days count again."""
    for response in db.session.scalars(select(Response).where(one_of(Response.interaction_id, interaction_ids))):
        if bought := response.interaction:
            response.region_id, response.unit_id = bought.region_id, bought.unit_id
            response.segment_id = bought.segment_id
            mark_dirty(response.survey_id, response.local_date)
    db.session.flush()


def mark_dirty(survey_id: int, day: date) -> None:
    """Have the tallies of a survey's day counted again.

    Whoever takes such a mark away for a recount (see `clear_dirty`) waits for this transaction, and then counts what
    it changed; or this one waits and marks anew. Answers do not wait for each other.
    """
    mark = _MARK if is_sqlite() else _SHARED_MARK
    mark.run(survey=survey_id, day=day, number=day.toordinal())


_DAYS = table(DirtyDay)
_VALUES = bindparam("survey", type_=Integer), bindparam("day", type_=Date)
_MARK = Ready(
    sqlite.insert(_DAYS).values(dict(zip(("survey_id", "local_date"), _VALUES, strict=True))).on_conflict_do_nothing()
)
_LOCK = func.pg_advisory_xact_lock_shared(_VALUES[0], bindparam("number", type_=Integer)).alias("locked")
_SHARED_MARK = Ready(
    postgresql.insert(_DAYS)
    .from_select(["survey_id", "local_date"], select(*_VALUES).select_from(_LOCK))
    .on_conflict_do_nothing()
)


def clear_dirty(days: Collection[Day]) -> list[Day]:
    """Take marks away before their days are counted again; those actually taken, by nobody else meanwhile."""
    if not is_sqlite():
        for survey_id, day in sorted(days):
            db.session.execute(select(func.pg_advisory_xact_lock(survey_id, day.toordinal())))
    wanted = tuple_(DirtyDay.survey_id, DirtyDay.local_date).in_(days)
    taken = delete(DirtyDay).where(wanted).returning(DirtyDay.survey_id, DirtyDay.local_date)
    return [(survey_id, day) for survey_id, day in db.session.execute(taken)]


def _remember_revision(response: Response, now: datetime, more: Mapping[str, Any] | None) -> None:
    said: dict[str, Any] = {name: getattr(response, name) for name in ("score", "comment", "contact_wanted")}
    said |= {"more": more} if more is not None else {}
    db.session.add(ResponseRevision(response_id=response.id, number=response.revision, at=now, **said))
