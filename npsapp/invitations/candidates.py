"""Gathering the facts about interactions in bulk: one statement per kind of fact, whatever the number of rows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from npsapp.customers import queries as customers
from npsapp.customers.models import ContactFact, ContactPoint, Customer
from npsapp.customers.rules import ContactKind, FactKind, GroundFact, GroundKind, Standing, Stop, why_not
from npsapp.db import db
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import Channel
from npsapp.intake.models import Interaction, Source
from npsapp.invitations.models import Invitation, InvitationPolicy
from npsapp.invitations.rules import REFUSAL_QUARANTINE, Candidate, Contact, HeldUntil, InvitationState, Policy, Reason
from npsapp.lib.clock import local_date
from npsapp.organization.models import Brand, Region
from npsapp.surveys import queries as surveys
from npsapp.surveys.models import Survey

REASON_OF_STOP = {
    Stop.NOT_MINE: Reason.NOT_MINE,
    Stop.SUPPRESSED: Reason.SUPPRESSED,
    Stop.WITHDRAWN: Reason.NO_GROUND,
    Stop.NO_GROUND: Reason.NO_GROUND,
}


@dataclass(frozen=True)
class Gathered:
    """One interaction with everything its decision and letter need."""

    interaction_id: int
    customer_id: int | None
    brand_id: int
    touchpoint_id: int
    region_id: int | None
    source_id: int
    survey: Survey | None
    policy: Policy
    language: str
    contact_point_id: int | None
    candidate: Candidate


def policy_of(row: InvitationPolicy) -> Policy:
    """The stored policy as the value that rules understand."""
    return Policy(
        delay=timedelta(hours=row.delay_hours),
        window_from=row.window_from,
        window_until=row.window_until,
        weekdays=frozenset(int(day) for day in row.weekdays),
        same_survey=timedelta(days=row.same_survey_days),
        other_survey=timedelta(days=row.other_days),
        latest=timedelta(days=row.latest_days),
        valid=timedelta(days=row.valid_days),
    )


def policies() -> dict[int, Policy]:
    """All policies by survey."""
    return {row.survey_id: policy_of(row) for row in db.session.scalars(select(InvitationPolicy))}


def gather(
    interaction_ids: Sequence[int], *, count_planned: bool, without_mail: Collection[int], now: datetime
) -> list[Gathered]:
    """The facts of these interactions, in order of their ids.

    `count_planned`: whether invitations planned for other interactions of a customer count as contacts. They do
    when planning; at the moment of sending only what really happened counts.
    """
    rows = _rows(interaction_ids)
    people = {row.Interaction.customer_id: row.Customer for row in rows if row.Customer is not None}
    stops = _Stops(people, count_planned=count_planned, now=now)
    active = surveys.active_map()
    known = policies()
    found = []
    for row in rows:
        survey = active.get((row.Interaction.brand_id, row.Interaction.touchpoint_id))
        found.append(_gathered(row, survey, known, stops, without_mail))
    return found


def _rows(interaction_ids: Sequence[int]) -> Sequence[Any]:
    statement = (
        select(Interaction, Source, Brand, Region, Customer)
        .join(Source, Source.id == Interaction.source_id)
        .join(Brand, Brand.id == Interaction.brand_id)
        .outerjoin(Region, Region.id == Interaction.region_id)
        .outerjoin(Customer, Customer.id == Interaction.customer_id)
        .where(Interaction.id.in_(interaction_ids))
        .order_by(Interaction.id)
    )
    return db.session.execute(statement).all()


class _Stops:
    """Addresses, holds and earlier contacts of some customers, loaded once."""

    def __init__(self, people: dict[int, Customer], *, count_planned: bool, now: datetime) -> None:
        # Merged persons count as the one they were merged into: addresses, holds and quarantine are shared.
        self.person = {id_: person.merged_into_id or id_ for id_, person in people.items()}
        wanted = set(self.person.values())
        self.now = now
        self.points = customers.contact_points(wanted)
        self.holds = customers.holds_for(wanted, now)
        self.facts = customers.facts_for(wanted, now - REFUSAL_QUARANTINE)
        self.planned = _planned(wanted) if count_planned else {}
        values = {p.value for points in self.points.values() for p in points if p.kind is ContactKind.EMAIL}
        self._values = values
        self._suppressed: dict[int, set[str]] = {}

    def suppressed(self, brand_id: int) -> set[str]:
        if brand_id not in self._suppressed:
            self._suppressed[brand_id] = delivery.suppressed(
                Channel.EMAIL, self._values, brand_id=brand_id, now=self.now
            )
        return self._suppressed[brand_id]

    def address(self, customer_id: int | None, brand_id: int) -> tuple[int | None, Reason | None]:
        """The e-mail address to use, or the reason why none may be."""
        points = self.points.get(self.person.get(customer_id or 0, 0), [])
        reason = Reason.NO_ADDRESS
        for point in points:
            if point.kind is not ContactKind.EMAIL:
                continue
            stop = why_not(_standing(point, point.value in self.suppressed(brand_id)))
            if stop is None:
                return point.id, None
            reason = REASON_OF_STOP[stop]
        return None, reason

    def contacts(self, customer_id: int | None, survey_id: int | None) -> tuple[Contact, ...]:
        """Earlier invitations and answers, and those already planned for other interactions."""
        person = self.person.get(customer_id or 0, 0)
        facts = [_contact(fact, survey_id) for fact in self.facts.get(person, []) if not fact.exempt]
        planned = [
            Contact(at, same_survey=planned_survey == survey_id) for planned_survey, at in self.planned.get(person, [])
        ]
        return tuple(facts + planned)

    def held(self, customer_id: int | None) -> tuple[HeldUntil, ...]:
        person = self.person.get(customer_id or 0, 0)
        return tuple(HeldUntil(hold.until) for hold in self.holds.get(person, []))


def _planned(customer_ids: Iterable[int]) -> dict[int, list[tuple[int | None, datetime]]]:
    """Invitations that are planned but not handed over, by customer: (survey, moment)."""
    statement = select(Invitation.customer_id, Invitation.survey_id, Invitation.send_at).where(
        Invitation.customer_id.in_(sorted(customer_ids)), Invitation.state == InvitationState.PLANNED
    )
    found: dict[int, list[tuple[int | None, datetime]]] = defaultdict(list)
    for row in db.session.execute(statement):
        found[row.customer_id].append((row.survey_id, row.send_at))
    return found


def _standing(point: ContactPoint, suppressed: bool) -> Standing:
    grounds = tuple(
        GroundFact(GroundKind(ground.kind), withdrawn=ground.withdrawn_at is not None)
        for ground in point.grounds
        if ground.channel is Channel.EMAIL
    )
    return Standing(
        channel=Channel.EMAIL, not_mine=point.not_mine_at is not None, suppressed=suppressed, grounds=grounds
    )


def _contact(fact: ContactFact, survey_id: int | None) -> Contact:
    return Contact(fact.at, same_survey=fact.survey_id == survey_id, refused=fact.kind is FactKind.REFUSED)


def _gathered(
    row: Any, survey: Survey | None, known: dict[int, Policy], stops: _Stops, without_mail: Collection[int]
) -> Gathered:
    interaction, source, brand, region, customer = row
    zone_name = (customer and customer.timezone) or (region and region.timezone) or brand.timezone
    point_id, stop = stops.address(interaction.customer_id, interaction.brand_id)
    live_day = source.live_from is None or local_date(interaction.happened_at, source.timezone) >= source.live_from
    candidate = Candidate(
        happened_at=interaction.happened_at,
        zone=zone_name,
        live=not source.in_trial,
        after_live_day=live_day,
        can_send=brand.id not in without_mail or brand.is_demo or source.outbox_confirmed_at is not None,
        has_survey=survey is not None,
        cancelled=interaction.cancelled_at is not None,
        stop=stop,
        holds=stops.held(interaction.customer_id),
        contacts=stops.contacts(interaction.customer_id, survey.id if survey else None),
    )
    return Gathered(
        interaction_id=interaction.id,
        customer_id=stops.person.get(interaction.customer_id or 0),
        brand_id=interaction.brand_id,
        touchpoint_id=interaction.touchpoint_id,
        region_id=interaction.region_id,
        source_id=source.id,
        survey=survey,
        policy=known.get(survey.id, Policy()) if survey else Policy(),
        language=(customer and customer.language) or (region and region.language) or brand.language,
        contact_point_id=point_id,
        candidate=candidate,
    )
