"""Reading cases: what the heartbeat has to look at, whom to tell, one case in scope, and names for other rooms."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, select, true, union
from sqlalchemy.orm import joinedload

from npsapp.accounts.models import User
from npsapp.cases import bundles, lines, rules
from npsapp.cases.changes import Known
from npsapp.cases.lines import Line
from npsapp.cases.models import Case, CaseAttempt, CaseResponse, Cause, StaffLetter
from npsapp.customers.models import Customer
from npsapp.db import db, within
from npsapp.lib.clock import at_local, local_date
from npsapp.organization.models import Region
from npsapp.permissions import Scope
from npsapp.responses.models import Basis, Response, ResponseRevision

NOT_COUNTED = 0
"""`CaseResponse.looked_at_revision` of an answer that did not count at the last look; revisions begin at 1."""

COUNTED_BASES = (Basis.CONFIRMED, Basis.PROMOTED)
MY_DAY_CARDS = 30
DEFAULT_WORKDAYS = "12345"
_OPEN = Case.state.in_(rules.OPEN_STATES)


# ---- the heartbeat ---------------------------------------------------------------------------------------------


def _counts() -> ColumnElement[bool]:
    """Whether an answer counts: confirmed or promoted, finished, not taken out, not a test."""
    return and_(
        Response.finished_at.is_not(None),
        Response.voided_at.is_(None),
        Response.test.is_(False),
        Response.basis.in_(COUNTED_BASES),
    )


def counts(response: Response) -> bool:
    """The same for one answer that was read already."""
    return (
        response.finished_at is not None
        and response.voided_at is None
        and not response.test
        and response.basis in COUNTED_BASES
    )


def revision_seen(response: Response) -> int:
    """What is remembered as the last state looked at."""
    return response.revision if counts(response) else NOT_COUNTED


def responses_to_look_at(limit: int, *, since: datetime | None = None) -> list[int]:
    """Ids of answers that need a look, oldest first: critics without a case, and changed ones in a case.

    `since` bounds the search to answers finished from then on and to open cases: whatever else changed needs
    nobody, and the cost of a beat does not grow with the years.
    """
    recent = Response.finished_at >= since if since is not None else true()
    placed = exists().where(CaseResponse.response_id == Response.id)
    fresh = select(Response.id).where(_counts(), recent, Response.score.in_(rules.CASE_SCORES), ~placed)
    state_now = case((_counts(), Response.revision), else_=NOT_COUNTED)
    changed = (
        select(Response.id)
        .join(CaseResponse, CaseResponse.response_id == Response.id)
        .where(CaseResponse.looked_at_revision != state_now)
    )
    in_open_case = changed.join(Case, Case.id == CaseResponse.case_id).where(_OPEN)
    found = union(fresh, changed.where(recent), in_open_case).subquery()
    return list(db.session.scalars(select(found.c.id).order_by(found.c.id).limit(limit)))


def answer_in_case(response_id: int) -> CaseResponse | None:
    """The place of an answer in a case; None when it opened and joined none."""
    return db.session.get(CaseResponse, response_id, populate_existing=True)


def known(place: CaseResponse) -> Known:
    """What the case knew of this answer at the last look."""
    seen = db.session.execute(
        select(ResponseRevision.score, ResponseRevision.comment).where(
            ResponseRevision.response_id == place.response_id,
            ResponseRevision.number == place.looked_at_revision,
        )
    ).one_or_none()
    others = db.session.scalar(
        select(func.count())
        .select_from(CaseResponse)
        .join(Response, Response.id == CaseResponse.response_id)
        .where(
            CaseResponse.case_id == place.case_id,
            CaseResponse.response_id != place.response_id,
            _counts(),
            Response.score.in_(rules.CASE_SCORES),
        )
    )
    return Known(
        state=place.case.state,
        score=seen.score if seen else None,
        words=bool(seen and seen.comment),
        outcome=place.case.outcome,
        others_matter=bool(others),
    )


def open_case_of(customer_id: int | None, kind: rules.Kind, *, but: int | None = None) -> Case | None:
    """The customer's open case of a kind, other than `but`; people who are not known have none."""
    if customer_id is None:
        return None
    asked = select(Case).where(Case.customer_id == customer_id, Case.kind == kind, _OPEN)
    found: Case | None = db.session.scalars(asked if but is None else asked.where(Case.id != but)).first()
    return found


def standing_customer(customer: Customer | None) -> Customer | None:
    """The customer this one was merged into, however many times; itself when it stands alone."""
    while customer is not None and customer.merged_into_id is not None:
        customer = db.session.get(Customer, customer.merged_into_id)
    return customer


@dataclass(frozen=True)
class History:
    """The states of one answer of a case, oldest first: (moment, score)."""

    response_id: int
    states: tuple[tuple[datetime, int], ...]


def histories(case_id: int) -> list[History]:
    """The answers of a case that count, each with its states."""
    rows = db.session.execute(
        select(
            Response.id,
            Response.confirmed_at,
            Response.score,
            ResponseRevision.at,
            ResponseRevision.score.label("was"),
        )
        .join(CaseResponse, CaseResponse.response_id == Response.id)
        .outerjoin(ResponseRevision, ResponseRevision.response_id == Response.id)
        .where(CaseResponse.case_id == case_id, _counts())
        .order_by(Response.id, ResponseRevision.number)
    ).all()
    found: dict[int, list[tuple[datetime, int]]] = {}
    for row in rows:
        state = (row.confirmed_at, row.score) if row.at is None else (row.at, row.was)
        found.setdefault(row.id, []).append(state)
    return [History(response_id, tuple(states)) for response_id, states in found.items()]


def open_ids() -> Sequence[int]:
    """All open cases; their clocks are counted again after an outage."""
    return db.session.scalars(select(Case.id).where(_OPEN).order_by(Case.id)).all()


# ---- letters to staff ------------------------------------------------------------------------------------------


def owners_to_tell(now: datetime) -> list[int]:
    """Users for whom a letter about new or changed cases leaves now (decisions.md 24)."""
    rows = db.session.execute(
        select(
            Case.owner_id, func.count().label("untold"), func.sum(case((Case.hot, 1), else_=0)).label("hot")
        )
        .join(User, User.id == Case.owner_id)
        .where(Case.owner_told_at.is_(None), User.blocked_at.is_(None))
        .group_by(Case.owner_id)
        .order_by(Case.owner_id)
    ).all()
    letters = last_letters(now) if rows else {}
    return [
        row.owner_id
        for row in rows
        if bundles.letter_now(
            untold=row.untold, untold_hot=row.hot, last_letter_at=letters.get(row.owner_id), now=now
        )
    ]


def last_letters(now: datetime) -> dict[int, datetime]:
    """User → when the last letter about cases left, as far as that was within the last bundle."""
    rows = db.session.execute(
        select(StaffLetter.user_id, func.max(StaffLetter.at).label("at"))
        .where(StaffLetter.at > now - bundles.BUNDLE_EVERY)
        .group_by(StaffLetter.user_id)
    )
    return {row.user_id: row.at for row in rows}


def untold(user_id: int) -> list[Line]:
    """Cases this owner has not been told about yet, or not in their present form."""
    return lines.most_urgent(Case.owner_id == user_id, Case.owner_told_at.is_(None))


def morning_due(now: datetime) -> list[int]:
    """Owners of open cases for whom it is a working morning and who had no list today."""
    rows = db.session.execute(
        select(User.id, User.timezone, Region.workdays)
        .join(Case, Case.owner_id == User.id)
        .outerjoin(Region, Region.id == Case.region_id)
        .where(_OPEN, User.blocked_at.is_(None))
        .distinct()
        .order_by(User.id)
    ).all()
    due = {
        row.id: local_date(now, row.timezone).isoformat()
        for row in rows
        if bundles.is_morning(now, zone_name=row.timezone, workdays=row.workdays or DEFAULT_WORKDAYS)
    }
    sent = _morning_lists(due)
    return [user_id for user_id, day in due.items() if (user_id, day) not in sent]


def _morning_lists(due: dict[int, str]) -> set[tuple[int, str]]:
    if not due:
        return set()
    rows = db.session.execute(
        select(StaffLetter.user_id, StaffLetter.slot).where(
            StaffLetter.kind == bundles.LetterKind.MORNING,
            StaffLetter.slot.in_(set(due.values())),
            StaffLetter.user_id.in_(due),
        )
    )
    return {(row.user_id, row.slot) for row in rows}


def waiting_for(user_id: int) -> list[Line]:
    """All open cases of an owner, most urgent first."""
    return lines.most_urgent(_OPEN, Case.owner_id == user_id)


# ---- pages -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MyDay:
    """A user's own open cases, most urgent first; `before_noon` and `today` leave the overdue ones out."""

    overdue: int
    before_noon: int
    today: int
    waiting: int
    cases: list[Line]


def my_day(user_id: int, scope: Scope, now: datetime) -> MyDay:
    """What waits for this user; noon and the end of the day are those of the user's clock."""
    user = db.session.get_one(User, user_id)
    day = local_date(now, user.timezone)
    noon = at_local(day, time(12), user.timezone)
    midnight = at_local(day + timedelta(days=1), time(0), user.timezone)
    row = db.session.execute(
        select(
            func.sum(case((Case.due_at <= now, 1), else_=0)),
            func.sum(case((and_(Case.due_at > now, Case.due_at <= noon), 1), else_=0)),
            func.sum(case((and_(Case.due_at > now, Case.due_at <= midnight), 1), else_=0)),
            func.count(),
        ).where(_OPEN, Case.owner_id == user_id)
    ).one()
    overdue, before_noon, today, waiting = (value or 0 for value in row)
    return MyDay(overdue, before_noon, today, waiting, cases=lines.own(user_id, limit=MY_DAY_CARDS))


def overdue_count(scope: Scope, now: datetime) -> int:
    """Open cases of the scope whose deadline has passed."""
    asked = select(func.count()).where(_OPEN, Case.due_at <= now, within(Case.region_id, scope))
    return db.session.scalar(asked) or 0


def visible_to(user_id: int, scope: Scope, case_id: int) -> Case | None:
    """The case with what its page shows, if it lies in the user's regions or is the user's own."""
    asked = (
        select(Case)
        .where(Case.id == case_id, lines.visible(user_id, scope))
        .options(
            joinedload(Case.customer),
            joinedload(Case.brand),
            joinedload(Case.region),
            joinedload(Case.unit),
            joinedload(Case.owner),
            joinedload(Case.cause),
        )
    )
    found: Case | None = db.session.scalars(asked).first()
    return found


def fresh(case_id: int) -> Case | None:
    """The case as it stands in this transaction, whatever was read before."""
    return db.session.get(Case, case_id, populate_existing=True)


def attempts_count(case_id: int, *, since: datetime) -> int:
    """How often somebody tried to reach the customer since the clock began."""
    asked = select(func.count()).where(CaseAttempt.case_id == case_id, CaseAttempt.at >= since)
    return db.session.scalar(asked) or 0


def causes() -> list[Cause]:
    """Root causes in use, groups and causes, in their order."""
    asked = select(Cause).where(Cause.retired_at.is_(None)).order_by(Cause.position, Cause.id)
    return list(db.session.scalars(asked))


def story(customer_id: int, scope: Scope | None = None) -> list[Line]:
    """All cases of one customer, newest first; those of the scope when one is given."""
    asked: Any = (
        lines.lines().where(Case.customer_id == customer_id).order_by(Case.opened_at.desc(), Case.id.desc())
    )
    if scope is not None:
        asked = asked.where(within(Case.region_id, scope))
    return [lines.line_of(row) for row in db.session.execute(asked)]


def labels(ids: Collection[int]) -> dict[int, str]:
    """What other pages call these cases: number and customer."""
    rows = db.session.execute(
        select(Case.id, Customer.name)
        .outerjoin(Customer, Customer.id == Case.customer_id)
        .where(Case.id.in_(set(ids)))
    )
    return {row.id: f"#{row.id} {row.name or ''}".strip() for row in rows}
