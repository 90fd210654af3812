"""Monthly waves: each month a part of the active customers is asked, so that everybody's turn comes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select

from npsapp.customers.models import Customer
from npsapp.db import alone, db, within
from npsapp.intake import waves as intake
from npsapp.intake.models import PLANNING, Interaction, Source, SourceKind
from npsapp.invitations.candidates import care_of, policies
from npsapp.invitations.models import ContactPolicy, InvitationPolicy
from npsapp.invitations.rules import wave_months, wave_turn
from npsapp.lib.clock import local_date
from npsapp.organization.models import Brand
from npsapp.permissions import EVERYTHING, Scope
from npsapp.surveys.models import Survey
from npsapp.surveys.rules import SurveyState

ACTIVE = timedelta(days=365)
"""Who bought or came within this time is asked in waves."""
OVER = 2**31 - 1  # no customer has a higher number: the month's wave is complete


def due(now: datetime) -> list[int]:
    """Surveys that ask in waves and have not finished this month's."""
    rows = (
        select(InvitationPolicy.survey_id, InvitationPolicy.wave_month, InvitationPolicy.wave_done_id, Brand.timezone)
        .join(Survey, Survey.id == InvitationPolicy.survey_id)
        .join(Brand, Brand.id == Survey.brand_id)
        .where(InvitationPolicy.wave, Survey.state == SurveyState.ACTIVE)
    )
    return [
        row.survey_id
        for row in db.session.execute(rows)
        if row.wave_month != _month(now, row.timezone) or row.wave_done_id < OVER
    ]


def go_on(survey_id: int, *, limit: int, now: datetime) -> bool:
    """Let the next customers take part in this month's wave; False when it is complete. Needs a transaction."""
    alone(PLANNING)
    survey, policy = db.session.get_one(Survey, survey_id), db.session.get_one(InvitationPolicy, survey_id)
    month = _month(now, survey.brand.timezone)
    if policy.wave_month != month:
        policy.wave_month, policy.wave_done_id = month, 0
    people = _active(survey.brand, after=policy.wave_done_id, limit=limit, now=now)
    months = wave_months(policies()[survey_id].care)
    source = intake.source_of(survey.brand, now=now)
    rows = [_row(survey, person, month) for person in people if wave_turn(person.id, months, month)]
    intake.take_in(rows, source, now=now)
    policy.wave_done_id = people[-1].id if len(people) == limit else OVER
    db.session.flush()
    return policy.wave_done_id < OVER


def _month(now: datetime, zone: str) -> str:
    return f"{local_date(now, zone):%Y-%m}"


def share(brand: Brand, *, now: datetime, scope: Scope = EVERYTHING) -> int:
    """How many customers of a brand and the scope a wave takes in one month."""
    care = care_of(db.session.get(ContactPolicy, brand.pool_id))
    here = Customer.pool_id == brand.pool_id, within(Customer.region_id, scope)
    people = select(Customer.id).where(*here, *_is_active(brand, now))
    return (db.session.scalar(select(func.count()).select_from(people.subquery())) or 0) // wave_months(care)


def _active(brand: Brand, *, after: int, limit: int, now: datetime) -> Sequence[Any]:
    rows = select(Customer.id, Customer.region_id).where(Customer.id > after, Customer.pool_id == brand.pool_id)
    return db.session.execute(rows.where(*_is_active(brand, now)).order_by(Customer.id).limit(limit)).all()


def _is_active(brand: Brand, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Customers of a brand (whoever stands for the person) who bought or came within a year."""
    bought = (
        exists()
        .where(Interaction.customer_id == Customer.id, Interaction.happened_at > now - ACTIVE)
        .where(Interaction.brand_id == brand.id, Interaction.cancelled_at.is_(None))
        .where(Source.id == Interaction.source_id, Source.kind != SourceKind.WAVE, Source.is_test.is_(False))
    )
    return Customer.merged_into_id.is_(None), bought


def _row(survey: Survey, person: Any, month: str) -> dict[str, Any]:
    return {
        "external_id": f"{survey.id}:{month}:{person.id}",
        "batch_id": None,
        "brand_id": survey.brand_id,
        "touchpoint_id": survey.touchpoint_id,
        "region_id": person.region_id,
        "unit_id": None,
        "segment_id": None,
        "customer_id": person.id,
        "amount": None,
        "properties": {},
        "documents": {},
    }
