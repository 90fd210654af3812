"""What people do with a case: take it on, call, write down, settle, reopen, hand over.

Every function needs a transaction. Each change is one conditional UPDATE on the state it starts from, so that of
two people who act at once one succeeds and the other one is told what happened meanwhile.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from npsapp.accounts import queries as accounts
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.cases import queries, rules, services
from npsapp.cases.models import Case, CaseAttempt, CaseNote, Cause
from npsapp.cases.rules import Outcome, Remark, Result, State
from npsapp.db import change, db
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_


class AlreadyEnded(Refused):
    """The case has been closed meanwhile; who settled it is named."""

    wording = N_("This case has been closed meanwhile. Reopen it if something is left to do.")


SETTLED_BY = N_("%(name)s has settled this case meanwhile. Reopen it if something is left to do.")


class ChangedMeanwhile(Refused):
    """Somebody else did something with the case between the page and the button."""

    wording = N_("This case has been changed meanwhile. Look at it again.")


class AnotherOpen(Refused):
    """The customer has another open case; the work goes on there."""

    wording = N_("This customer has another open case, number %(number)s. Go on there.")


class MayNotTake(Refused):
    """The person does not work on cases of this region."""

    wording = N_("This person cannot take cases of this region.")


class CallBackNotLater(Refused):
    """A call that the customer asked for lies in the future."""

    wording = N_("Enter when the customer wants to be called: a time that is still to come.")


class NoCause(Refused):
    """Every end needs a root cause: one in use, and not a group of causes."""

    wording = N_("Choose the root cause.")


class NoAttempt(Refused):
    """Nobody is unreachable before somebody tried."""

    wording = N_("Nobody has tried to reach the customer yet. Record an attempt first.")


def acknowledge(case_id: int, *, by_id: int, now: datetime) -> None:
    """Take a case on: the owner has seen it. Raises AlreadyEnded, ChangedMeanwhile."""
    case = _open_case(case_id)
    _change(case, State.ACKNOWLEDGED, now=now, acknowledged_at=case.acknowledged_at or now)
    _record(Event.CASE_ACKNOWLEDGED, case_id, by_id=by_id, now=now)


def record_attempt(
    case_id: int, *, result: Result, by_id: int, now: datetime, note: str = "", call_back_at: datetime | None = None
) -> None:
    """Write down a try to reach the customer; who calls has taken the case on. Raises AlreadyEnded.

    `call_back_at` is needed when the customer asked for a later call (else CallBackNotLater); it moves the clock.
    """
    if result is Result.CALL_BACK and (call_back_at is None or call_back_at <= now):
        raise CallBackNotLater
    case = _open_case(case_id)
    reached = result is Result.REACHED
    db.session.add(CaseAttempt(case_id=case_id, at=now, by_id=by_id, result=result, note=note))
    _change(
        case,
        rules.state_after(case.state, result),
        now=now,
        acknowledged_at=case.acknowledged_at or now,
        first_attempt_at=case.first_attempt_at or now,
        contacted_at=case.contacted_at or (now if reached else None),
        call_back_at=call_back_at if result is Result.CALL_BACK else case.call_back_at,
    )
    event = Event.CASE_CONTACTED if reached else Event.CASE_ATTEMPTED
    _record(event, case_id, by_id=by_id, now=now, data={"result": result.value})


def add_note(case_id: int, *, text: str, by_id: int, now: datetime) -> None:
    """Write something down; also in a case that has ended."""
    db.session.add(CaseNote(case_id=case_id, at=now, by_id=by_id, text=text))
    _record(Event.CASE_NOTED, case_id, by_id=by_id, now=now)


def settle(case_id: int, *, outcome: Outcome, cause_id: int, by_id: int, now: datetime, text: str = "") -> None:
    """End a case with its outcome and root cause. Raises AlreadyEnded, NoCause, NoAttempt.

    Who says that the customer was or was not won back has spoken to the customer: that is written down, if it
    was not yet.
    """
    case = _open_case(case_id)
    cause = db.session.get(Cause, cause_id)
    if cause is None or cause.retired_at is not None or cause.parent_id is None:
        raise NoCause
    if outcome is Outcome.UNREACHABLE and not _tried(case):
        raise NoAttempt
    if outcome in rules.IMPLIES_CONTACT and case.contacted_at is None:
        record_attempt(case_id, result=Result.REACHED, by_id=by_id, now=now)
    end = rules.final_state(outcome)
    _change(
        case,
        end,
        now=now,
        outcome=outcome,
        outcome_text=text,
        cause_id=cause_id,
        settled_at=now,
        settled_by_id=by_id,
        acknowledged_at=case.acknowledged_at or now,
        owner_told_at=case.owner_told_at or now,
    )
    event = Event.CASE_SETTLED if end is State.SETTLED else Event.CASE_CLOSED
    _record(event, case_id, by_id=by_id, now=now, data={"outcome": outcome.value, "cause": cause_id})


def _tried(case: Case) -> bool:
    """Whether somebody tried to reach the customer since the clock began."""
    asked = select(func.count()).where(CaseAttempt.case_id == case.id, CaseAttempt.at >= case.clock_from)
    return bool(db.session.scalar(asked))


def reopen(case_id: int, *, reason: str, by_id: int, now: datetime) -> None:
    """Open an ended case again; its clock begins anew, its former end stays in its notes.

    Raises AnotherOpen when the customer has another open case, ChangedMeanwhile when this one is open.
    """
    case = queries.fresh(case_id)
    other = queries.open_case_of(case.customer_id, but=case.id)
    if other is not None:
        raise AnotherOpen(number=other.id)
    if not case.is_open:
        _remember_end(case)
    told = now if case.owner_id == by_id else None
    try:
        _change(case, State.REOPENED, now=now, clock_from=now, owner_told_at=told, outcome_text="", **_NOT_YET)
    except IntegrityError as error:
        raise ChangedMeanwhile from error
    db.session.add(CaseNote(case_id=case_id, at=now, by_id=by_id, text=reason))
    _record(Event.CASE_REOPENED, case_id, by_id=by_id, now=now)


_NOT_YET: dict[str, Any] = dict.fromkeys(
    ("joined_id", "outcome", "settled_at", "settled_by_id", "contacted_at", "first_attempt_at", "call_back_at")
)
"""What has not happened to a case that begins anew."""


def _remember_end(case: Case) -> None:
    """The end that reopening takes out of the case's own columns."""
    at = case.settled_at or case.opened_at
    if case.outcome is not None:
        ended = rules.remark(Remark.SETTLED, case.outcome.value)
        db.session.add(CaseNote(case_id=case.id, at=at, by_id=None, text=ended))
    if case.outcome_text:
        db.session.add(CaseNote(case_id=case.id, at=at, by_id=case.settled_by_id, text=case.outcome_text))


def hand_over(case_id: int, *, to_id: int, from_id: int, by_id: int, now: datetime) -> None:
    """Give an open case to somebody who works on cases of its region; the new owner gets a letter.

    `from_id` is the owner the person saw. Raises MayNotTake, ChangedMeanwhile, AlreadyEnded.
    """
    case = _open_case(case_id)
    names = {user.id: user.name for user in accounts.may_take(case.region_id)}
    if to_id not in names:
        raise MayNotTake
    taken = change(
        update(Case)
        .where(Case.id == case_id, Case.owner_id == from_id, Case.state.in_(rules.OPEN_STATES))
        .values(owner_id=to_id, owner_told_at=now if to_id == by_id else None)
    )
    if not taken:
        raise ChangedMeanwhile
    note = rules.remark(Remark.ASSIGNED, names[to_id])
    db.session.add(CaseNote(case_id=case_id, at=now, by_id=None, text=note))
    _record(Event.CASE_ASSIGNED, case_id, by_id=by_id, now=now, data={"from": from_id, "to": to_id})


def _open_case(case_id: int) -> Case:
    """The case as it is now; says who ended it, if somebody did."""
    case = queries.fresh(case_id)
    if case.is_open:
        return case
    if case.settled_by is not None:
        raise AlreadyEnded(SETTLED_BY, name=case.settled_by.name)
    raise AlreadyEnded


def _change(case: Case, to: State, *, now: datetime, **values: Any) -> None:
    """Bring a case into a state if it is still in one that leads there; its clock follows. Raises ChangedMeanwhile."""
    leading_there = Case.state.in_(rules.COMES_FROM[to])
    if not change(update(Case).where(Case.id == case.id, leading_there).values(state=to, **values)):
        _open_case(case.id)
        raise ChangedMeanwhile
    services.recount(queries.fresh(case.id), now=now)


def _record(event: Event, case_id: int, *, by_id: int, now: datetime, data: dict[str, Any] | None = None) -> None:
    audit.record(event, actor=audit.by_user(by_id), now=now, subject=("case", case_id), data=data)
