"""What people do with a case: take it on, call, write down, settle, reopen, hand over.

Every function needs a transaction. Each change is one conditional UPDATE on the state it starts from, so that of
two people who act at once one succeeds and the other one is told what happened meanwhile.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from npsapp.accounts import queries as accounts
from npsapp.accounts.models import User
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.cases import clock, queries, remarks, rules
from npsapp.cases.models import Case, CaseAttempt, CaseNote, Cause
from npsapp.cases.remarks import Remark
from npsapp.cases.rules import Objection, Outcome, Result, State
from npsapp.db import db
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_


class NoSuchCase(Refused):
    """The case does not exist any more."""

    code = "no_such_case"
    wording = N_("This case does not exist any more.")


class AlreadyEnded(Refused):
    """Somebody else has settled or closed the case meanwhile."""

    code = "already_ended"
    wording = N_("This case has been closed meanwhile. Reopen it if something is left to do.")


class AlreadySettled(AlreadyEnded):
    """Somebody else has settled the case meanwhile; `name` says who."""

    code = "already_settled"
    wording = N_("%(name)s has settled this case meanwhile. Reopen it if something is left to do.")


class AlreadyTakenOn(Refused):
    """The case is being worked on already."""

    code = "already_taken_on"
    wording = N_("This case has already been taken on.")


class StillOpen(Refused):
    """Only a case that has ended can be reopened."""

    code = "still_open"
    wording = N_("This case is open.")


class AnotherOpen(Refused):
    """The customer has another open case; the work goes on there."""

    code = "another_open"
    wording = N_("This customer has another open case, number %(number)s. Go on there.")


class MayNotTake(Refused):
    """The person does not work on cases of this region."""

    code = "may_not_take"
    wording = N_("This person cannot take cases of this region.")


class ChangedMeanwhile(Refused):
    """Somebody else did something with the case between the page and the button."""

    code = "changed_meanwhile"
    wording = N_("This case has been changed meanwhile. Look at it again.")


class CallBackNotLater(Refused):
    """A call that the customer asked for lies in the future."""

    code = "call_back_not_later"
    wording = N_("Enter when the customer wants to be called: a time that is still to come.")


class NotReadyToSettle(Refused):
    """Something is missing before the case can end."""

    code = "not_ready_to_settle"


_MISSING = {
    Objection.NO_CAUSE: N_("Choose the root cause."),
    Objection.NO_ATTEMPT: N_("Nobody has tried to reach the customer yet. Record an attempt first."),
}


def acknowledge(case_id: int, *, by_id: int, now: datetime) -> None:
    """Take a case on: the owner has seen it. Raises AlreadyTakenOn, AlreadyEnded."""
    case = _load(case_id)
    if case.state not in rules.sources_of(State.ACKNOWLEDGED) and rules.is_open(case.state):
        raise AlreadyTakenOn
    _change(case, State.ACKNOWLEDGED, acknowledged_at=case.acknowledged_at or now)
    _record(Event.CASE_ACKNOWLEDGED, case_id, by_id=by_id, now=now)


def record_attempt(
    case_id: int,
    *,
    result: Result,
    by_id: int,
    now: datetime,
    note: str = "",
    call_back_at: datetime | None = None,
) -> None:
    """Write down a try to reach the customer; who calls has taken the case on. Raises AlreadyEnded.

    `call_back_at` is needed when the customer asked for a later call (else CallBackNotLater); it moves the clock.
    """
    if result is Result.CALL_BACK and (call_back_at is None or call_back_at <= now):
        raise CallBackNotLater
    case = _load(case_id)
    reached = result is Result.REACHED
    _change(
        case,
        rules.state_after(case.state, result),
        acknowledged_at=case.acknowledged_at or now,
        first_attempt_at=case.first_attempt_at or now,
        contacted_at=case.contacted_at or (now if reached else None),
        call_back_at=call_back_at if result is Result.CALL_BACK else case.call_back_at,
    )
    db.session.add(CaseAttempt(case_id=case_id, at=now, by_id=by_id, result=result, note=note))
    _recount(case_id, now=now)
    event = Event.CASE_CONTACTED if reached else Event.CASE_ATTEMPTED
    _record(event, case_id, by_id=by_id, now=now, data={"result": result.value})


def add_note(case_id: int, *, text: str, by_id: int, now: datetime) -> None:
    """Write something down; also in a case that has ended."""
    _load(case_id)
    db.session.add(CaseNote(case_id=case_id, at=now, by_id=by_id, text=text))
    db.session.flush()
    _record(Event.CASE_NOTED, case_id, by_id=by_id, now=now)


def set_cause(case_id: int, *, cause_id: int, by_id: int, now: datetime) -> None:
    """Name the root cause of an open case before it is settled. Raises AlreadyEnded, NotReadyToSettle."""
    _refuse_ended(_load(case_id))
    if not _is_cause(cause_id):
        raise NotReadyToSettle(_MISSING[Objection.NO_CAUSE], code=Objection.NO_CAUSE.value)
    db.session.execute(
        update(Case)
        .where(Case.id == case_id, Case.state.in_(rules.OPEN_STATES))
        .values(cause_id=cause_id)
        .execution_options(synchronize_session=False)
    )
    _record(Event.CASE_CHANGED, case_id, by_id=by_id, now=now, data={"fields": ["cause"]})


def settle(
    case_id: int, *, outcome: Outcome, cause_id: int | None, by_id: int, now: datetime, text: str = ""
) -> None:
    """End a case with its outcome and root cause. Raises AlreadySettled, AlreadyEnded, NotReadyToSettle.

    Who says that the customer was or was not won back has spoken to the customer: that is written down, if it
    was not yet.
    """
    case = _load(case_id)
    _refuse_ended(case)
    cause_id = cause_id or case.cause_id
    missing = rules.objection_to_settling(
        outcome,
        attempts=queries.attempts_count(case_id, since=case.clock_from),
        has_cause=_is_cause(cause_id),
    )
    if missing:
        raise NotReadyToSettle(_MISSING[missing], code=missing.value)
    _change(
        case,
        rules.final_state(outcome),
        outcome=outcome,
        outcome_text=text,
        cause_id=cause_id,
        settled_at=now,
        settled_by_id=by_id,
        acknowledged_at=case.acknowledged_at or now,
        owner_told_at=case.owner_told_at or now,
    )
    if outcome in rules.IMPLIES_CONTACT and case.contacted_at is None:
        _contacted_after_all(case, by_id=by_id, now=now)
    event = Event.CASE_SETTLED if rules.final_state(outcome) is State.SETTLED else Event.CASE_CLOSED
    _record(event, case_id, by_id=by_id, now=now, data={"outcome": outcome.value, "cause": cause_id})


def _contacted_after_all(case: Case, *, by_id: int, now: datetime) -> None:
    db.session.execute(
        update(Case)
        .where(Case.id == case.id)
        .values(contacted_at=now, first_attempt_at=case.first_attempt_at or now)
        .execution_options(synchronize_session=False)
    )
    db.session.add(CaseAttempt(case_id=case.id, at=now, by_id=by_id, result=Result.REACHED, note=""))
    _record(Event.CASE_CONTACTED, case.id, by_id=by_id, now=now, data={"result": Result.REACHED.value})


def reopen(case_id: int, *, reason: str, by_id: int, now: datetime) -> None:
    """Open an ended case again; its clock begins anew, its former end stays in its notes.

    Raises StillOpen, or AnotherOpen when the customer has another open case.
    """
    case = _load(case_id)
    if rules.is_open(case.state):
        raise StillOpen
    other = queries.open_case_of(case.customer_id, case.kind, but=case.id)
    if other is not None:
        raise AnotherOpen(number=other.id)
    _remember_end(case)
    try:
        _change(
            case,
            State.REOPENED,
            outcome=None,
            outcome_text="",
            settled_at=None,
            settled_by_id=None,
            contacted_at=None,
            first_attempt_at=None,
            call_back_at=None,
            clock_from=now,
            owner_told_at=now if case.owner_id == by_id else None,
        )
    except IntegrityError as error:
        raise ChangedMeanwhile from error
    db.session.add(CaseNote(case_id=case_id, at=now, by_id=by_id, text=reason))
    _recount(case_id, now=now)
    _record(Event.CASE_REOPENED, case_id, by_id=by_id, now=now)


def _remember_end(case: Case) -> None:
    """The end that reopening takes out of the case's own columns."""
    at = case.settled_at or case.opened_at
    if case.outcome is not None:
        ended = remarks.write(Remark.SETTLED, case.outcome.value)
        db.session.add(CaseNote(case_id=case.id, at=at, by_id=None, text=ended))
    if case.outcome_text:
        db.session.add(CaseNote(case_id=case.id, at=at, by_id=case.settled_by_id, text=case.outcome_text))


def hand_over(case_id: int, *, to_id: int, from_id: int, by_id: int, now: datetime) -> None:
    """Give an open case to somebody who works on cases of its region; the new owner gets a letter.

    `from_id` is the owner the person saw. Raises MayNotTake, ChangedMeanwhile, AlreadyEnded.
    """
    case = _load(case_id)
    _refuse_ended(case)
    if to_id not in {user.id for user in accounts.may_take(case.region_id)}:
        raise MayNotTake
    if to_id == from_id == case.owner_id:
        return
    taken = db.session.execute(
        update(Case)
        .where(Case.id == case_id, Case.owner_id == from_id, Case.state.in_(rules.OPEN_STATES))
        .values(owner_id=to_id, owner_told_at=now if to_id == by_id else None)
        .returning(Case.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if taken is None:
        raise ChangedMeanwhile
    note = remarks.write(Remark.ASSIGNED, to_id)
    db.session.add(CaseNote(case_id=case_id, at=now, by_id=None, text=note))
    _record(Event.CASE_ASSIGNED, case_id, by_id=by_id, now=now, data={"from": from_id, "to": to_id})


def _load(case_id: int) -> Case:
    case = queries.fresh(case_id)
    if case is None:
        raise NoSuchCase
    return case


def _refuse_ended(case: Case) -> None:
    """Say who ended it, if somebody did."""
    if rules.is_open(case.state):
        return
    settled_by = db.session.get(User, case.settled_by_id) if case.settled_by_id else None
    if settled_by is not None:
        raise AlreadySettled(name=settled_by.name)
    raise AlreadyEnded


def _change(case: Case, to: State, **values: Any) -> None:
    """Bring a case into a state if it is still in one that leads there; `due_at` follows.

    Raises AlreadyEnded or ChangedMeanwhile.
    """
    due = rules.due_now(to, clock.stored(case))
    if due is not None:
        values["due_at"] = due.at
    changed = db.session.execute(
        update(Case)
        .where(Case.id == case.id, Case.state.in_(rules.sources_of(to)))
        .values(state=to, **values)
        .returning(Case.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if changed is None:
        _refuse_ended(_load(case.id))
        raise ChangedMeanwhile


def _recount(case_id: int, *, now: datetime) -> None:
    """The deadlines after something that moves them: a wish for a later call, a new beginning."""
    db.session.flush()
    case = _load(case_id)
    counted = clock.count(case, now=now) or clock.restart(case, now=now)
    for column, moment in clock.columns(counted, case.state).items():
        setattr(case, column, moment)
    db.session.flush()


def _is_cause(cause_id: int | None) -> bool:
    """Whether this is a cause that can be chosen: one in use, and not a group of causes."""
    cause = db.session.get(Cause, cause_id) if cause_id else None
    return cause is not None and cause.retired_at is None and cause.parent_id is not None


def _record(
    event: Event, case_id: int, *, by_id: int, now: datetime, data: dict[str, Any] | None = None
) -> None:
    audit.record(event, actor=audit.by_user(by_id), now=now, subject=("case", case_id), data=data)
