"""Gathering the facts about interactions in bulk: one statement per kind of fact, whatever the number of rows."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Label, and_, func, select

from npsapp.customers import queries as customers
from npsapp.customers.models import Customer
from npsapp.customers.queries import Mailbox
from npsapp.customers.rules import FactKind, why_not
from npsapp.db import db, one_of
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import Channel
from npsapp.intake.models import Interaction, Source
from npsapp.intake.rules import DocumentState
from npsapp.invitations.models import Invitation, InvitationPolicy
from npsapp.invitations.rules import (
    REFUSAL_QUARANTINE,
    Candidate,
    Contact,
    Decision,
    InvitationState,
    Policy,
    Reason,
    decide,
)
from npsapp.lib.clock import local_date
from npsapp.organization.models import Brand, Region
from npsapp.surveys import queries as surveys
from npsapp.surveys.models import Survey


@dataclass(frozen=True, slots=True)
class Gathered:
    """One interaction with everything its decision and letter need."""

    interaction: Any
    """A row with its id, brand_id, touchpoint_id and region_id."""
    customer_id: int | None
    """The person, where several were merged."""
    survey: Survey | None
    policy: Policy
    language: str
    address: Mailbox | None
    candidate: Candidate

    @property
    def survey_id(self) -> int | None:
        return self.survey.id if self.survey else None


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


def policies() -> dict[int | None, Policy]:
    """All policies by survey."""
    return {row.survey_id: policy_of(row) for row in db.session.scalars(select(InvitationPolicy))}


def _first(*columns: Any) -> ColumnElement[str]:
    """The first that says something."""
    return func.coalesce(*(func.nullif(column, "") for column in columns))


def waits() -> Label[bool]:
    """Whether an interaction (joined with its source) is kept until its order is completed."""
    return and_(Interaction.state == DocumentState.OPEN, Source.ask_completed).label("waits")


# Columns, not objects: there may be a million to decide about, and making objects took longer than deciding.
_ROWS = (
    select(
        Interaction.id,
        Interaction.customer_id,
        Interaction.brand_id,
        Interaction.touchpoint_id,
        Interaction.region_id,
        Interaction.happened_at,
        Interaction.cancelled_at,
        waits(),
        Source.live_at,
        Source.live_from,
        Source.timezone.label("source_zone"),
        Source.outbox_confirmed_at,
        Brand.is_demo,
        # Merged persons count as the one they were merged into: addresses, holds and quarantine are shared.
        func.coalesce(Customer.merged_into_id, Customer.id).label("person_id"),
        _first(Customer.timezone, Region.timezone, Brand.timezone).label("zone"),
        _first(Customer.language, Region.language, Brand.language).label("language"),
    )
    .join(Source, Source.id == Interaction.source_id)
    .join(Brand, Brand.id == Interaction.brand_id)
    .outerjoin(Region, Region.id == Interaction.region_id)
    .outerjoin(Customer, Customer.id == Interaction.customer_id)
    .order_by(Interaction.id)
)


def gather(
    interaction_ids: Sequence[int], *, count_planned: bool, without_mail: Collection[int], now: datetime
) -> list[Gathered]:
    """The facts of these interactions, in order of their ids.

    `count_planned`: whether invitations planned for other interactions of a customer count as contacts. They do
    when planning; at the moment of sending only what really happened counts.
    """
    rows = db.session.execute(_ROWS.where(one_of(Interaction.id, interaction_ids))).all()
    people = {row.person_id for row in rows if row.person_id}
    known = _Reachable(people, count_planned=count_planned, now=now)
    active, rules = surveys.active_map(), policies()
    found = []
    for row in rows:
        survey = active.get((row.brand_id, row.touchpoint_id))
        policy = rules.get(survey.id if survey else None, Policy())
        found.append(_gathered(row, survey, policy, known, without_mail))
    return found


class Known:
    """Holds and earlier contacts of some customers, loaded once."""

    def __init__(self, customer_ids: Iterable[int], *, count_planned: bool = False, now: datetime) -> None:
        self.now = now
        self.person = customers.families(customer_ids)
        """Everybody who is one person with these customers: what any of them wants or was asked counts for all."""
        self._holds = self._of_persons(customers.holds_for(self.person, now))
        self._facts = self._of_persons(customers.facts_for(self.person, now - REFUSAL_QUARANTINE))
        self._planned = self._of_persons(_planned(self.person)) if count_planned else {}

    def _of_persons(self, found: Mapping[int, list[Any]]) -> dict[int, list[Any]]:
        """What was found by customer, by the id of whoever stands for the person."""
        together: dict[int, list[Any]] = defaultdict(list)
        for id_, rows in found.items():
            together[self.person[id_]] += rows
        return together

    def contacts(self, customer_id: int | None, survey_id: int | None) -> tuple[Contact, ...]:
        """Earlier invitations and answers, and those already planned for other interactions."""
        happened = (
            Contact(fact.at, same_survey=fact.survey_id == survey_id, refused=fact.kind is FactKind.REFUSED)
            for fact in self._facts.get(self.person.get(customer_id or 0, 0), [])
            if not fact.exempt
        )
        planned = self._planned.get(self.person.get(customer_id or 0, 0), [])
        return (*happened, *(Contact(at, same_survey=about == survey_id) for about, at in planned))

    def holds(self, customer_id: int | None) -> tuple[datetime | None, ...]:
        """Until when the customer is left alone; None means for ever."""
        return tuple(hold.until for hold in self._holds.get(self.person.get(customer_id or 0, 0), []))


class _Reachable(Known):
    """The same, with the addresses of these customers."""

    def __init__(self, customer_ids: Iterable[int], *, count_planned: bool, now: datetime) -> None:
        super().__init__(customer_ids, count_planned=count_planned, now=now)
        boxes = customers.mailboxes(self.person)
        self._mailboxes = self._of_persons(boxes)
        for id_ in {self.person[one] for one in boxes if self.person[one] != one}:
            self._mailboxes[id_] = _of_one_person(self._mailboxes[id_])
        self._suppressed: dict[int, set[str]] = {}

    def address(self, customer_id: int | None, brand_id: int) -> tuple[Mailbox | None, Reason | None]:
        """The e-mail address to use, or the reason why none may be."""
        reason = Reason.NO_ADDRESS
        for point in self._mailboxes.get(customer_id or 0, []):
            stop = why_not(
                Channel.EMAIL,
                point.grounds,
                not_mine=point.not_mine,
                suppressed=point.value in self._stop_list(brand_id),
            )
            if stop is None:
                return point, None
            reason = Reason(stop.value)
        return None, reason

    def _stop_list(self, brand_id: int) -> set[str]:
        if brand_id not in self._suppressed:
            values = {point.value for theirs in self._mailboxes.values() for point in theirs}
            self._suppressed[brand_id] = delivery.suppressed(Channel.EMAIL, values, brand_id=brand_id, now=self.now)
        return self._suppressed[brand_id]


def _of_one_person(boxes: Sequence[Mailbox]) -> list[Mailbox]:
    """The addresses of merged people: a "no" or "not mine" that one of them said counts for the others."""
    refused = [ground for box in boxes for ground in box.grounds if ground[1]]
    disowned = {box.value for box in boxes if box.not_mine}
    return [replace(box, not_mine=box.value in disowned, grounds=[*box.grounds, *refused]) for box in boxes]


def _planned(customer_ids: Iterable[int]) -> dict[int, list[tuple[int | None, datetime]]]:
    """Invitations that are planned but not handed over, by customer: (survey, moment)."""
    columns = Invitation.customer_id, Invitation.survey_id, Invitation.send_at, Invitation.state
    found: dict[int, list[tuple[int | None, datetime]]] = defaultdict(list)
    # By customer alone: asked for the state too, SQLite walks through everything that is planned.
    for row in db.session.execute(select(*columns).where(one_of(Invitation.customer_id, customer_ids))):
        if row.state is InvitationState.PLANNED:
            found[row.customer_id].append((row.survey_id, row.send_at))
    return found


def _gathered(
    row: Any, survey: Survey | None, policy: Policy, known: _Reachable, without_mail: Collection[int]
) -> Gathered:
    address, stop = known.address(row.person_id, row.brand_id)
    candidate = Candidate(
        happened_at=row.happened_at,
        zone=row.zone,
        live=row.live_at is not None,
        after_live_day=row.live_from is None or local_date(row.happened_at, row.source_zone) >= row.live_from,
        can_send=row.brand_id not in without_mail or row.is_demo or row.outbox_confirmed_at is not None,
        has_survey=survey is not None,
        cancelled=row.cancelled_at is not None,
        waits=row.waits,
        stop=stop,
        holds=known.holds(row.person_id),
        contacts=known.contacts(row.person_id, survey.id if survey else None),
    )
    return Gathered(row, row.person_id, survey, policy, row.language, address, candidate)


class Promises:
    """Letters promised one after the other: what somebody was promised a moment ago counts as a contact."""

    def __init__(self) -> None:
        self._made: dict[Hashable, list[tuple[int | None, datetime]]] = defaultdict(list)

    def decide(
        self, candidate: Candidate, policy: Policy, *, who: Hashable, survey_id: int | None, now: datetime
    ) -> Decision:
        """The rule of all decisions, with the promises made so far; a yes is the next one."""
        if made := self._made[who]:
            promised = tuple(Contact(at, same_survey=about == survey_id) for about, at in made)
            candidate = replace(candidate, contacts=candidate.contacts + promised)
        decision = decide(candidate, policy, now=now)
        if decision.send_at:
            self._made[who].append((survey_id, decision.send_at))
        return decision
