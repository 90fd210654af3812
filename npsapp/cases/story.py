"""What the page of one case shows besides the case: who served, what happened, what was earlier."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from npsapp.cases.models import Case, CaseAttempt, CaseNote
from npsapp.cases.queries import NEWEST, shown, visible
from npsapp.customers import queries as customers
from npsapp.db import db, within
from npsapp.intake.models import InteractionPerformer
from npsapp.organization.models import Performer
from npsapp.permissions import Scope
from npsapp.responses.models import Response

EARLIER = 20
Happening = tuple[datetime, str, Any]
"""When, what kind of thing, and its row."""


def of(case: Case, user_id: int, scope: Scope) -> dict[str, Sequence[Any]]:
    """The story of a case that was found visible; what was earlier only as far as the user may see it.

    `performers` are rows with role and name; `timeline`, earlier `answers` and `cases` stand newest first.
    """
    person = customers.members(case.customer_id) if case.customer_id else []
    answers = (
        select(Response)
        .where(Response.customer_id.in_(person), Response.id.not_in([one.id for one in case.answers]))
        .where(Response.voided_at.is_(None), within(Response.region_id, scope))
        .options(joinedload(Response.interaction), joinedload(Response.touchpoint))
        .order_by(Response.confirmed_at.desc(), Response.id.desc())
    )
    cases = shown(Case.customer_id.in_(person), Case.id != case.id, visible(user_id, scope))
    return {
        "performers": _performers(case),
        "timeline": _timeline(case),
        "answers": db.session.scalars(answers.limit(EARLIER)).all(),
        "cases": db.session.scalars(cases.order_by(*NEWEST).limit(EARLIER)).all(),
    }


def _performers(case: Case) -> Sequence[Any]:
    asked = (
        select(InteractionPerformer.role, Performer.name)
        .join(Performer, Performer.id == InteractionPerformer.performer_id)
        .where(InteractionPerformer.interaction_id == (case.bought.id if case.bought else 0))
    )
    return db.session.execute(asked.order_by(Performer.id)).all()


def _timeline(case: Case) -> list[Happening]:
    """What happened, newest first; what stands at the same moment keeps the order in which it is caused."""
    bought = [answer.interaction for answer in case.answers if answer.interaction]
    found: list[Happening] = [
        *((one.happened_at, "purchase", one) for one in bought),
        *((one.confirmed_at, "answer", one) for one in case.answers),
        (case.opened_at, "opened", case),
        *([(case.acknowledged_at, "taken_on", case)] if case.acknowledged_at else []),
        *((one.at, "attempt", one) for one in _written(CaseAttempt, case)),
        *((one.at, "note", one) for one in _written(CaseNote, case)),
        *([(case.settled_at, "ended", case)] if case.settled_at and case.outcome else []),
    ]
    return sorted(found, key=lambda one: one[0])[::-1]


def _written(model: type[CaseAttempt] | type[CaseNote], case: Case) -> Sequence[Any]:
    together = select(Case.id).where(Case.joined_id == case.id)  # what was done before they became one
    mine = or_(model.case_id == case.id, model.case_id.in_(together))
    asked = select(model).where(mine).options(joinedload(model.by))
    return db.session.scalars(asked.order_by(model.id)).all()
