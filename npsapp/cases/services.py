"""What the program does with cases by itself: opens them, follows changed answers, counts clocks, tells the owners.

Every function needs a transaction. What people do with a case stands in `handling`.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update

from npsapp.accounts import letters, queries as accounts
from npsapp.accounts.models import User
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.cases import calendar, queries, rendering, rules
from npsapp.cases.models import Case, CaseAttempt, CaseNote, CaseResponse, Cause, StaffLetter
from npsapp.cases.rules import Kind, LetterKind, Look, Outcome, Remark, State
from npsapp.customers import services as customers
from npsapp.customers.rules import HoldReason
from npsapp.db import added, alone, change, db, insert_unless_there, one_of
from npsapp.delivery.rules import Purpose
from npsapp.invitations import policies
from npsapp.lib.clock import day_bounds, local_date
from npsapp.organization import queries as organization
from npsapp.pulse import queries as pulse
from npsapp.responses.models import Response, ResponseRevision

USEFUL_FOR = timedelta(days=3)
"""A letter about new cases that could not leave for so long tells nothing the list does not tell better."""
CASES = "cases"
"""What the program does with cases by itself, it does with one at a time (see `db.alone`)."""
CAUSES = Path(__file__).with_name("causes.json")
"""The root causes a new company starts with: two levels, at most eight by eight, in three languages."""


def leave_alone(*, now: datetime) -> None:
    """Customers with an open case are asked nothing until it ends, if their company wants it so."""
    rows = select(Case.id, Case.customer_id).where(Case.state.in_(rules.OPEN_STATES), Case.customer_id.is_not(None))
    wanted = {f"case:{row.id}": row.customer_id for row in db.session.execute(rows)}
    if changed := customers.hold_while(HoldReason.OPEN_CASE, wanted, now=now):
        policies.held_changed(*changed)


# ---- answers become cases --------------------------------------------------------------------------------------


def look_at(response_id: int, *, now: datetime) -> Look:
    """Look at one new or changed answer and do what follows from it (decisions.md 21); says what was done.

    Safe to repeat: the state looked at is remembered, an answer has one place, a customer one open case.
    """
    alone(CASES)
    response, seen = queries.answer(response_id)
    place = db.session.get(CaseResponse, response_id, populate_existing=True)
    matters = bool(seen) and rules.opens_case(response.score, response.contact_wanted)
    if place is not None:
        look = _look_again(place, response, seen, matters=matters, now=now)
        place.looked_at_revision = seen
        db.session.flush()
        return look
    other = queries.open_case_of(queries.standing_customer(response))
    look = rules.look_at_new(matters=matters, open_case=other is not None)
    if look is Look.NOTHING:
        return look
    case = other or _open(response, now=now)
    db.session.add(CaseResponse(response_id=response_id, case_id=case.id, looked_at_revision=seen))
    if other is None:
        recount(case, now=now)
        _record(Event.CASE_OPENED, case, now=now, response=response_id, region=case.region_id, hot=case.hot)
        _record(Event.CASE_ASSIGNED, case, now=now, to=case.owner_id)
    else:
        _join(case, response, now=now)
    return look


def _look_again(place: CaseResponse, response: Response, seen: int, *, matters: bool, now: datetime) -> Look:
    case, before = queries.fresh(place.case_id), queries.revision(response.id, place.looked_at_revision)
    other = queries.open_case_of(queries.standing_customer(response), but=case.id)
    look = rules.look_again(
        case.state,
        case.outcome,
        matters=matters,
        changed=before is None or before.score != response.score or _adds_words(before, response),
        others_matter=_others_matter(case, response),
        open_case=other is not None,
    )
    if look is Look.JOIN and other is not None:
        place.case_id = other.id
        _join(other, response, now=now)
    if look is Look.REOPEN:
        _reopen(case, response, now=now)
    if look is Look.CLOSE:
        _close(case, now=now)
    if look is Look.TELL:
        _tell(case, before, response, counts=bool(seen), now=now)
    return look


def _adds_words(before: ResponseRevision | None, response: Response) -> bool:
    return bool(response.comment) and not (before and before.comment)


def _others_matter(case: Case, response: Response) -> bool:
    others = (stands[-1] for id_, stands in queries.histories(case.id).items() if id_ != response.id)
    return any(rules.opens_case(score, contact_wanted) for _at, score, contact_wanted in others)


def _open(response: Response, *, now: datetime) -> Case:
    """A new case for the manager of the region of the interaction; the clock runs from the confirmation."""
    if not queries.causes():
        default_causes()
    # The deadlines are counted when the answer has its place.
    uncounted = dict.fromkeys(("due_at", "acknowledge_by", "attempt_by", "contact_by", "settle_by"), now)
    return added(
        Case(
            kind=Kind.RECOVERY,
            customer_id=queries.standing_customer(response),
            brand_id=response.brand_id,
            region_id=response.region_id,
            unit_id=response.unit_id,
            owner_id=accounts.owner_for_region(response.region_id),
            state=State.NEW,
            score=response.score,
            opened_at=now,
            clock_from=response.confirmed_at,
            **uncounted,
        )
    )


def _join(case: Case, response: Response, *, now: datetime) -> None:
    """A second answer of a customer with an open case: its urgency counts if it is greater."""
    _remark(case, Remark.JOINED, response.score, now=now)
    recount(case, now=now)
    case.owner_told_at = None
    _record(Event.CASE_JOINED, case, now=now, response=response.id, hot=case.hot)


def _reopen(case: Case, response: Response, *, now: datetime) -> None:
    """A case that ended because the score was raised; it has been lowered again."""
    case.state, case.outcome, case.settled_at = State.REOPENED, None, None
    _remark(case, Remark.REOPENED, now=now)
    recount(case, now=now)
    case.owner_told_at = None
    _record(Event.CASE_REOPENED, case, now=now, response=response.id)


def _close(case: Case, *, now: datetime) -> None:
    """Nobody had touched it, and the customer no longer needs anybody."""
    case.state, case.outcome, case.settled_at = State.CLOSED, Outcome.SCORE_CHANGED, now
    case.owner_told_at = case.owner_told_at or now
    recount(case, now=now)
    _record(Event.CASE_CLOSED, case, now=now, outcome=Outcome.SCORE_CHANGED.value)


def _tell(case: Case, before: ResponseRevision | None, response: Response, *, counts: bool, now: datetime) -> None:
    """A note for the owner; a letter too when there are new words or the score became worse."""
    added = counts and _adds_words(before, response)
    if not counts:
        _remark(case, Remark.ANSWER_DROPPED, now=now)
    elif before and before.score != response.score:
        _remark(case, Remark.SCORE_CHANGED, before.score, response.score, now=now)
    if added:
        _remark(case, Remark.WORDS_ADDED, now=now)
    recount(case, now=now)
    if added or (before and response.score < before.score):
        case.owner_told_at = None
    _record(Event.CASE_CHANGED, case, now=now, response=response.id)


def _remark(case: Case, kind: Remark, *values: object, now: datetime) -> None:
    db.session.add(CaseNote(case_id=case.id, at=now, by_id=None, text=rules.remark(kind, *values)))


def _record(event: Event, case: Case, *, now: datetime, **data: object) -> None:
    audit.record(event, actor=audit.PROGRAM, now=now, subject=("case", case.id), data=data)


# ---- the clock -------------------------------------------------------------------------------------------------


def recount(case: Case, *, now: datetime) -> None:
    """Score, urgency and deadlines from the answers as they are now; without any that matters the clock stays.

    Nothing starts before the case's own `clock_from`: that of a reopened case is the moment of reopening.
    """
    db.session.flush()
    key_customer = bool(case.customer and case.customer.is_key)
    histories = queries.histories(case.id).values()
    if histories:
        stands = [history[-1] for history in histories]
        case.score = min(score for _at, score, _wanted in stands)
        case.hot = any(rules.is_hot(score, wanted, key_customer=key_customer) for _at, score, wanted in stands)
    starts = [
        (max(at, case.clock_from), hot)
        for history in histories
        for at, hot in rules.clock_starts(history, key_customer=key_customer)
    ]
    if not starts and case.state is State.REOPENED:
        starts = [(case.clock_from, False)]
    if starts:
        for column, moment in _deadlines(case, starts, now=now)._asdict().items():
            setattr(case, column, moment)
    case.due_at = rules.due(case.state, case)
    db.session.flush()


def _deadlines(case: Case, starts: list[tuple[datetime, bool]], *, now: datetime) -> calendar.Deadlines:
    working_time = _calendar(case)
    outages = pulse.outages(min(at for at, _hot in starts), now)
    return calendar.earliest(
        [
            calendar.deadlines(at, hot=hot, working_time=working_time, outages=outages, call_back_at=case.call_back_at)
            for at, hot in starts
        ]
    )


def _calendar(case: Case) -> calendar.WorkingCalendar:
    """When people of the region work; without a region Monday to Friday, 9 to 18, in the brand's zone."""
    zone_name = organization.zone_of(case.region, case.brand)
    holidays = frozenset(organization.holidays(case.region_id))
    region = case.region
    if region is None:
        return calendar.WorkingCalendar(zone_name, holidays=holidays)
    return calendar.WorkingCalendar(zone_name, region.workdays, region.work_from, region.work_until, holidays)


def recount_clocks(*, now: datetime) -> None:
    """Count the clocks of all open cases again, because an outage ended."""
    alone(CASES)
    for case_id in queries.open_ids():
        recount(queries.fresh(case_id), now=now)


def follow_purchases(interaction_ids: Collection[int], *, now: datetime) -> None:
    """Cases stand where the purchases of their newest answers do, which were repaired; their owners stay."""
    alone(CASES)
    about = select(CaseResponse.case_id).join(Response, Response.id == CaseResponse.response_id)
    ids = db.session.scalars(about.where(one_of(Response.interaction_id, interaction_ids))).all()
    for case in db.session.scalars(select(Case).where(Case.id.in_(ids))).all():
        if case.answer is not None:
            case.region_id, case.unit_id = case.answer.region_id, case.answer.unit_id
    db.session.flush()
    for case_id in set(ids) & set(queries.open_ids()):
        recount(queries.fresh(case_id), now=now)


# ---- letters to staff ------------------------------------------------------------------------------------------


def tell_owner(user_id: int, *, public_url: str, now: datetime) -> bool:
    """One letter about all cases this owner does not know yet, if one is due now; true when it was queued."""
    alone(CASES)
    if user_id not in queries.owners_to_tell(now):
        return False
    cases = queries.untold(user_id)
    kind = LetterKind.HOT if any(case.hot for case in cases) else LetterKind.BUNDLE
    _send(user_id, kind, cases, public_url=public_url, now=now)
    return True


def morning_list(user_id: int, *, public_url: str, now: datetime) -> bool:
    """The list of a user's open and overdue cases, once a working day; true when it was queued."""
    alone(CASES)
    if user_id not in queries.morning_due(now):
        return False
    _send(user_id, LetterKind.MORNING, queries.waiting_for(user_id), public_url=public_url, now=now)
    return True


def _send(user_id: int, kind: LetterKind, cases: Sequence[Case], *, public_url: str, now: datetime) -> None:
    user = db.session.get_one(User, user_id)
    letter = rendering.letter(user, kind, cases, public_url=public_url, now=now)
    today = local_date(now, user.timezone)
    morning = kind is LetterKind.MORNING
    until = day_bounds(today, user.timezone)[1] if morning else now + USEFUL_FOR
    letters.queue(user, letter, Purpose.STAFF, brand_id=cases[0].brand_id, useful_until=until, now=now)
    slot = today.isoformat() if morning else now.isoformat()
    db.session.add(StaffLetter(user_id=user.id, kind=kind.value, slot=slot, at=now, day=today))
    told = Case.id.in_([case.id for case in cases])
    db.session.execute(update(Case).where(told, Case.owner_told_at.is_(None)).values(owner_told_at=now))


def forget_people(customer_ids: Collection[int]) -> None:
    """Take what staff wrote out of these people's cases; states, times and outcomes stay."""
    change(update(Case).where(Case.customer_id.in_(customer_ids)).values(outcome_text=""))
    theirs = select(Case.id).where(Case.customer_id.in_(customer_ids))
    change(update(CaseAttempt).where(CaseAttempt.case_id.in_(theirs)).values(note=""))
    change(delete(CaseNote).where(CaseNote.case_id.in_(theirs), CaseNote.by_id.is_not(None)))


# ---- root causes -----------------------------------------------------------------------------------------------


def default_causes() -> dict[str, int]:
    """Write the proposed root causes that are not there yet; gives key → id of all that are."""
    known: dict[str, int] = {}
    for position, group in enumerate(json.loads(CAUSES.read_text())):
        known[group["key"]] = _cause(group, position, parent_id=None)
        for place, cause in enumerate(group["causes"]):
            known[cause["key"]] = _cause(cause, place, parent_id=known[group["key"]])
    return known


def _cause(proposed: dict[str, Any], position: int, *, parent_id: int | None) -> int:
    """The id of a cause; two first cases at once may both write it, and one of them does."""
    values = {"key": proposed["key"], "name": proposed["name"], "position": position, "parent_id": parent_id}
    db.session.execute(insert_unless_there(Cause).values(**values).on_conflict_do_nothing())
    return db.session.scalars(select(Cause.id).where(Cause.key == proposed["key"])).one()
