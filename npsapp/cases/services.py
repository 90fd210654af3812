"""What the program does with cases by itself: opens them, follows changed answers, counts clocks, tells the owners.

Every function needs a transaction. What people do with a case stands in `handling`.
"""

from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from npsapp.accounts import queries as accounts
from npsapp.accounts.models import User
from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.cases import changes, clock, letters, queries, remarks, rules
from npsapp.cases.bundles import LetterKind, letter_now
from npsapp.cases.causes import PROPOSED, CauseProposal
from npsapp.cases.changes import Answer, Look
from npsapp.cases.lines import Line
from npsapp.cases.models import Case, CaseNote, CaseResponse, Cause, StaffLetter
from npsapp.cases.remarks import Remark
from npsapp.cases.rules import Kind, Outcome, State
from npsapp.db import db
from npsapp.delivery import services as delivery
from npsapp.delivery.rules import Purpose
from npsapp.lib.clock import at_local, local_date
from npsapp.responses.models import Response

USEFUL_FOR = timedelta(days=3)
"""A letter about new cases that could not leave for so long tells nothing the list does not tell better."""


# ---- answers become cases --------------------------------------------------------------------------------------


def look_at(response_id: int, *, now: datetime) -> Look:
    """Look at one new or changed answer and do what follows from it (decisions.md 21); says what was done.

    Safe to repeat: the state looked at is remembered, an answer has one place, a customer one open case.
    """
    response = db.session.get(Response, response_id, populate_existing=True)
    if response is None:
        return Look.NOTHING
    place = queries.answer_in_case(response_id)
    customer = queries.standing_customer(response.customer)
    other = queries.open_case_of(
        customer.id if customer else None, Kind.RECOVERY, but=place.case_id if place else None
    )
    answer = Answer(response.score, bool(response.comment), counts=queries.counts(response))
    look = changes.look_at(answer, queries.known(place) if place else None, open_case=other is not None)
    if place is None:
        _first_look(look, response, other, now=now)
    else:
        _look_again(look, place, response, other, now=now)
        place.looked_at_revision = queries.revision_seen(response)
    db.session.flush()
    return look


def _first_look(look: Look, response: Response, other: Case | None, *, now: datetime) -> None:
    if look is Look.OPEN:
        _open(response, now=now)
    if look is Look.JOIN and other is not None:
        db.session.add(_place(response, other.id))
        _join(other, response, now=now)


def _look_again(
    look: Look, place: CaseResponse, response: Response, other: Case | None, *, now: datetime
) -> None:
    case = place.case
    if look is Look.JOIN and other is not None:
        place.case_id = other.id
        _join(other, response, now=now)
    if look is Look.REOPEN:
        _reopen(case, response, now=now)
    if look is Look.CLOSE:
        _close(case, now=now)
    if look is Look.TELL:
        _tell(case, place, response, now=now)


def _place(response: Response, case_id: int) -> CaseResponse:
    return CaseResponse(
        response_id=response.id, case_id=case_id, looked_at_revision=queries.revision_seen(response)
    )


def _open(response: Response, *, now: datetime) -> None:
    """A new case for the manager of the region of the interaction; the clock runs from the confirmation."""
    customer = queries.standing_customer(response.customer)
    case = Case(
        kind=Kind.RECOVERY,
        customer_id=customer.id if customer else None,
        brand_id=response.brand_id,
        region_id=response.region_id,
        unit_id=response.unit_id,
        owner_id=accounts.owner_for_region(response.region_id),
        state=State.NEW,
        score=response.score,
        opened_at=now,
        clock_from=response.confirmed_at,
        # Counted below, when the answer has its place.
        due_at=now,
        acknowledge_by=now,
        attempt_by=now,
        contact_by=now,
        settle_by=now,
    )
    db.session.add(case)
    db.session.flush()
    db.session.add(_place(response, case.id))
    _recount(case, now=now)
    about: dict[str, object] = {"response": response.id, "region": case.region_id, "hot": case.hot}
    _record(Event.CASE_OPENED, case, now=now, data=about)
    _record(Event.CASE_ASSIGNED, case, now=now, data={"to": case.owner_id})


def _join(case: Case, response: Response, *, now: datetime) -> None:
    """A second answer of a customer with an open case: its urgency counts if it is greater."""
    _remark(case, remarks.write(Remark.JOINED, response.score), now=now)
    _recount(case, now=now)
    case.owner_told_at = None
    _record(Event.CASE_JOINED, case, now=now, data={"response": response.id, "hot": case.hot})


def _reopen(case: Case, response: Response, *, now: datetime) -> None:
    """A case that ended because the score was raised; it has been lowered again."""
    case.state, case.outcome, case.settled_at = State.REOPENED, None, None
    _remark(case, remarks.write(Remark.REOPENED), now=now)
    _recount(case, now=now)
    case.owner_told_at = None
    _record(Event.CASE_REOPENED, case, now=now, data={"response": response.id})


def _close(case: Case, *, now: datetime) -> None:
    """Nobody had touched it, and the customer no longer needs anybody."""
    case.state, case.outcome, case.settled_at = State.CLOSED, Outcome.SCORE_CHANGED, now
    case.owner_told_at = case.owner_told_at or now
    _recount(case, now=now)
    _record(Event.CASE_CLOSED, case, now=now, data={"outcome": Outcome.SCORE_CHANGED.value})


def _tell(case: Case, place: CaseResponse, response: Response, *, now: datetime) -> None:
    """A note for the owner; a letter too when there are new words or the score became worse."""
    before = queries.known(place)
    worse = before.score is not None and response.score < before.score
    added = bool(response.comment) and not before.words
    for text in _what_changed(before.score, response, added=added):
        _remark(case, text, now=now)
    _recount(case, now=now)
    if worse or added:
        case.owner_told_at = None
    _record(Event.CASE_CHANGED, case, now=now, data={"response": response.id})


def _what_changed(score_before: int | None, response: Response, *, added: bool) -> list[str]:
    if not queries.counts(response):
        return [remarks.write(Remark.ANSWER_DROPPED)]
    found = []
    if score_before is not None and score_before != response.score:
        found.append(remarks.write(Remark.SCORE_CHANGED, score_before, response.score))
    if added:
        found.append(remarks.write(Remark.WORDS_ADDED))
    return found


def _recount(case: Case, *, now: datetime) -> None:
    """Score, urgency and deadlines from the answers as they are now; without any that matters the clock stays."""
    db.session.flush()
    scores = [history.states[-1][1] for history in queries.histories(case.id)]
    if scores:
        case.score = min(scores)
    key_customer = bool(case.customer and case.customer.is_key)
    case.hot = rules.is_hot(case.score, key_customer=key_customer)
    counted = clock.count(case, now=now)
    if counted is not None:
        _set_clock(case, counted)
    elif due := rules.due_now(case.state, clock.stored(case)):
        case.due_at = due.at


def _set_clock(case: Case, counted: rules.Deadlines) -> bool:
    """Write the deadlines; true when any of them moved."""
    before = clock.stored(case), case.due_at
    for column, moment in clock.columns(counted, case.state).items():
        setattr(case, column, moment)
    return before != (clock.stored(case), case.due_at)


def _remark(case: Case, text: str, *, now: datetime) -> None:
    db.session.add(CaseNote(case_id=case.id, at=now, by_id=None, text=text))


def _record(event: Event, case: Case, *, now: datetime, data: dict[str, object]) -> None:
    audit.record(event, actor=audit.PROGRAM, now=now, subject=("case", case.id), data=data)


def recount_clocks(*, now: datetime) -> int:
    """Count the clocks of all open cases again, because an outage ended; says how many deadlines moved."""
    moved = 0
    for case_id in queries.open_ids():
        case = queries.fresh(case_id)
        counted = clock.count(case, now=now) if case else None
        if case is not None and counted is not None:
            moved += _set_clock(case, counted)
    db.session.flush()
    return moved


# ---- letters to staff ------------------------------------------------------------------------------------------


def tell_owner(user_id: int, *, public_url: str, now: datetime) -> bool:
    """One letter about all cases this owner does not know yet, if one is due now; true when it was queued."""
    user = db.session.get_one(User, user_id)
    cases = queries.untold(user_id)
    kind = letter_now(
        untold=len(cases),
        untold_hot=sum(case.hot for case in cases),
        last_letter_at=queries.last_letters(now).get(user_id),
        now=now,
    )
    if kind is None or not user.is_active:
        return False
    _send(user, kind, cases, slot=now.isoformat(), public_url=public_url, now=now)
    return True


def morning_list(user_id: int, *, public_url: str, now: datetime) -> bool:
    """The list of a user's open and overdue cases, once a working day; true when it was queued."""
    if user_id not in queries.morning_due(now):
        return False
    user = db.session.get_one(User, user_id)
    day = local_date(now, user.timezone)
    cases = queries.waiting_for(user_id)
    _send(user, LetterKind.MORNING, cases, slot=day.isoformat(), public_url=public_url, now=now)
    return True


def _send(
    user: User, kind: LetterKind, cases: list[Line], *, slot: str, public_url: str, now: datetime
) -> None:
    letter = letters.write(user, kind, cases, public_url=public_url, now=now)
    day = local_date(now, user.timezone)
    tomorrow = at_local(day + timedelta(days=1), letters.MIDNIGHT, user.timezone)
    delivery.queue(
        purpose=Purpose.STAFF,
        to_address=user.email,
        to_name=user.name,
        to_user_id=user.id,
        brand_id=_brand_of(cases),
        language=user.language,
        subject=letter.subject,
        body=letter.body,
        html=letter.html,
        due_at=now,
        useful_until=tomorrow if kind is LetterKind.MORNING else now + USEFUL_FOR,
        now=now,
    )
    db.session.add(StaffLetter(user_id=user.id, kind=kind.value, slot=slot, at=now, day=day))
    ids = [case.id for case in cases]
    db.session.execute(
        update(Case).where(Case.id.in_(ids), Case.owner_told_at.is_(None)).values(owner_told_at=now)
    )


def _brand_of(cases: list[Line]) -> int:
    """The brand whose sender writes: that of the first case."""
    return db.session.scalars(select(Case.brand_id).where(Case.id == cases[0].id)).one()


# ---- root causes -----------------------------------------------------------------------------------------------


def default_causes(*, now: datetime) -> dict[str, int]:
    """Write the proposed root causes that are not there yet; gives key → id of all that are."""
    known = {row.key: row.id for row in db.session.execute(select(Cause.key, Cause.id))}
    for position, group in enumerate(PROPOSED):
        parent_id = _cause(group, known, position=position, parent_id=None)
        for place, child in enumerate(group.children):
            _cause(child, known, position=place, parent_id=parent_id)
    return known


def _cause(proposal: CauseProposal, known: dict[str, int], *, position: int, parent_id: int | None) -> int:
    if proposal.key not in known:
        values = {"key": proposal.key, "name": proposal.name, "position": position, "parent_id": parent_id}
        known[proposal.key] = db.session.execute(
            insert(Cause).values(**values).returning(Cause.id)
        ).scalar_one()
    return known[proposal.key]
