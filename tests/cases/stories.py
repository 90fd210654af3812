"""What the tests of cases begin with: an answer that was looked at, and the case that came of it."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from npsapp.cases import queries, services
from npsapp.cases.models import Case, CaseResponse, Cause
from npsapp.db import db, transaction
from npsapp.responses.models import Response, ResponseRevision
from tests.factories import make_customer, make_interaction, make_invitation, make_response


def answered(company: SimpleNamespace, *, now: datetime, score: int = 5, **over: Any) -> int:
    """A finished answer; `customer` and `region` choose whose and where. Its id."""
    with transaction():
        customer = over.pop("customer", None) or make_customer(company, now=now, **over.pop("person", {}))
        region = over.pop("region", None) or company.regions.kyiv
        interaction = make_interaction(company, now=now, customer=customer, region_id=region.id, undecided=False)
        invitation = make_invitation(company, now=now, interaction=interaction)
        response = make_response(company, now=now, score=score, invitation=invitation, **over)
        said = select(ResponseRevision).where(ResponseRevision.response_id == response.id)
        db.session.scalars(said).one().contact_wanted = response.contact_wanted
        return response.id


def changed(response_id: int, *, now: datetime, **said: Any) -> None:
    """The customer changes the answer: score, comment, contact_wanted."""
    with transaction():
        response = db.session.get_one(Response, response_id)
        for column, value in said.items():
            setattr(response, column, value)
        response.revision += 1
        db.session.add(
            ResponseRevision(
                response_id=response_id,
                number=response.revision,
                at=now,
                score=response.score,
                comment=response.comment,
                contact_wanted=response.contact_wanted,
            )
        )


def look(now: datetime) -> int:
    """One beat: look at everything that waits. Says how much that was."""
    ids = queries.responses_to_look_at(500)
    db.session.rollback()
    for response_id in ids:
        with transaction():
            services.look_at(response_id, now=now)
    return len(ids)


def case_of(response_id: int) -> Case:
    """The case an answer is in."""
    db.session.expire_all()
    asked = select(Case).join(CaseResponse, CaseResponse.case_id == Case.id)
    return db.session.scalars(asked.where(CaseResponse.response_id == response_id)).one()


def opened(company: SimpleNamespace, *, now: datetime, **over: Any) -> Case:
    """A case, opened by the beat."""
    response_id = answered(company, now=now, **over)
    look(now)
    return case_of(response_id)


def cause_id(key: str = "delivery.late") -> int:
    """A root cause; they are written with the first case."""
    return db.session.scalars(select(Cause.id).where(Cause.key == key)).one()
