"""Cases of customers who are found to be one person, or two after all. Every function needs a transaction."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.cases import queries, rules
from npsapp.cases.models import Case, CaseNote, CaseResponse
from npsapp.cases.rules import Kind, Outcome, Remark, State
from npsapp.cases.services import CASES, recount
from npsapp.customers import queries as customers
from npsapp.db import alone, change, db
from npsapp.responses.models import Response

MOMENTS = ("clock_from", "acknowledged_at", "first_attempt_at", "contacted_at", "call_back_at")


def become_one(customer_id: int, *, now: datetime) -> None:
    """One open case for one person: that of whoever stands for all, else the oldest, with the answers of the others.

    Its clock is the oldest, and what was done in one of them is done.
    """
    alone(CASES)
    family = customers.members(customer_id)
    for kind in Kind:
        cases = [case for case in _open(family) if case.kind is kind]
        cases.sort(key=lambda case: (case.customer_id != family[0], case.id))
        for case in cases[1:]:
            _join(case, cases[0], now=now)


def _open(customer_ids: Collection[int]) -> list[Case]:
    theirs = Case.customer_id.in_(customer_ids), Case.state.in_(rules.OPEN_STATES)
    return list(db.session.scalars(select(Case).where(*theirs).order_by(Case.id)))


def _join(case: Case, kept: Case, *, now: datetime) -> None:
    change(update(CaseResponse).where(CaseResponse.case_id == case.id).values(case_id=kept.id))
    for name in MOMENTS:
        setattr(kept, name, min(filter(None, (getattr(kept, name), getattr(case, name))), default=None))
    kept.state, kept.owner_told_at = max(kept.state, case.state, key=rules.PROGRESS.index), None
    case.state, case.outcome, case.settled_at, case.joined_id = State.CLOSED, Outcome.JOINED, now, kept.id
    case.owner_told_at = case.owner_told_at or now
    _note(kept, Remark.ONE_PERSON, case.id, Event.CASE_JOINED, now=now)
    _note(case, Remark.GOES_ON, kept.id, Event.CASE_CLOSED, now=now)


def become_two(one_id: int, other_id: int, *, now: datetime) -> None:
    """Each has the own answers again. What goes on in the other's case goes on by itself, unless that has ended.

    An answer that came while they were one, and has no case of its own to go to, is looked at again by the beat.
    """
    alone(CASES)
    for ours, theirs in ((one_id, other_id), (other_id, one_id)):
        mine, strangers = customers.members(ours), customers.members(theirs)
        cases = select(Case).where(Case.customer_id.in_(mine)).order_by(Case.id)
        for case in db.session.scalars(cases).all():
            of_others = Response.customer_id.in_(strangers), CaseResponse.case_id == case.id
            moving = select(CaseResponse.response_id).join(Response, Response.id == CaseResponse.response_id)
            ids = db.session.scalars(moving.where(*of_others)).all()
            joined = select(Case).where(Case.joined_id == case.id, Case.customer_id.in_(strangers)).order_by(Case.id)
            again = db.session.scalars(joined).first()
            if again is not None:
                change(update(CaseResponse).where(CaseResponse.response_id.in_(ids)).values(case_id=again.id))
                _stand_alone(again, case, now=now)
            elif case.is_open:
                change(delete(CaseResponse).where(CaseResponse.response_id.in_(ids)))
            if case.is_open and ids:
                recount(case, now=now)


def _stand_alone(case: Case, kept: Case, *, now: datetime) -> None:
    if kept.is_open:
        case.state, case.outcome, case.settled_at, case.joined_id = State.REOPENED, None, None, None
        case.owner_told_at = None
    _note(kept, Remark.TWO_PEOPLE, case.id, Event.CASE_CHANGED, now=now)
    _note(case, Remark.TWO_PEOPLE, case.id, Event.CASE_REOPENED if case.is_open else Event.CASE_CHANGED, now=now)


def _note(case: Case, remark: Remark, about: int, event: Event, *, now: datetime) -> None:
    db.session.add(CaseNote(case_id=case.id, at=now, by_id=None, text=rules.remark(remark, about)))
    recount(queries.fresh(case.id), now=now)
    audit.record(event, actor=audit.PROGRAM, now=now, subject=("case", case.id), data={"case": about})
