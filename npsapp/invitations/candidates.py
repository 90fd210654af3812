"""Gathering the facts about interactions in bulk: one statement per kind of fact, whatever the number of rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Label, and_, func, select

from npsapp.accounts.models import User
from npsapp.customers import queries as customers
from npsapp.customers.models import Customer
from npsapp.customers.queries import Mailbox
from npsapp.customers.rules import why_not
from npsapp.db import db, one_of
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import Channel
from npsapp.i18n import first_spoken
from npsapp.intake import selections
from npsapp.intake.models import Interaction, Source, SourceKind
from npsapp.intake.rules import DocumentState
from npsapp.invitations.chains import LETTER, READY, ChainStep, missing_channels
from npsapp.invitations.contacts import Known
from npsapp.invitations.criteria import Criteria
from npsapp.invitations.models import ContactPolicy, InvitationPolicy
from npsapp.invitations.rules import Candidate, Care, Policy, Reason
from npsapp.lib import phones
from npsapp.lib.clock import local_date
from npsapp.organization import queries as organization
from npsapp.organization.models import Brand, Region
from npsapp.surveys import queries as surveys
from npsapp.surveys.models import Survey


@dataclass(frozen=True, slots=True)
class Gathered:
    """One interaction with everything its decision and letter need."""

    interaction: Any
    """A row with its id, brand_id, touchpoint_id, region_id and segment_id."""
    customer_id: int | None
    """The person, where several were merged."""
    survey: Survey | None
    policy: Policy
    language: str
    channel: Channel
    """Of the first message."""
    ways: Mapping[Channel, "Way"]
    """Where to write on each channel of the chain."""
    candidate: Candidate

    @property
    def address(self) -> Mailbox | None:
        """Where the first message goes; None: nowhere, or another program knows."""
        return self.ways[self.channel].address if self.channel in self.ways else None

    def on(self, channel: Channel) -> "Gathered":
        """The same for a message on this channel."""
        way = self.ways.get(channel, _ANY_WAY)
        can_send = self.candidate.can_send or channel is Channel.SMS
        candidate = replace(self.candidate, stop=way.stop, can_send=can_send)
        return replace(self, channel=channel, candidate=candidate, policy=self.policy.within(way.hours))

    @property
    def survey_id(self) -> int | None:
        return self.survey.id if self.survey else None


@dataclass(frozen=True, slots=True)
class Way:
    """Where to write to a person on one channel, or the reason why we may not, and at which hours of their day."""

    address: Mailbox | None = None
    stop: Reason | None = None
    hours: tuple[time, time] | None = None
    """None: whenever the survey's rule allows."""


_ANY_WAY = Way()


def care_of(row: ContactPolicy | None) -> Care:
    """The stored contact policy as the value that rules understand; without a row the usual one."""
    if row is None:
        return Care()
    return Care(
        after_invitation=timedelta(days=row.same_invited_days),
        after_answer=timedelta(days=row.same_answered_days),
        elsewhere=timedelta(days=row.other_days),
        after_refusal=timedelta(days=row.refused_days),
        ask_later=row.ask_later,
        mind_cases=row.mind_cases,
        consent_only=row.consent_only,
        staff=frozenset(row.staff),
    )


def policy_of(row: InvitationPolicy | None, care: Care) -> Policy:
    """The stored policy as the value that rules understand, with regions and all below them."""
    if row is None:
        return Policy(care=care)
    criteria = Criteria.from_json(row.criteria)
    return Policy(
        delay=timedelta(hours=row.delay_hours),
        window_from=row.window_from,
        window_until=row.window_until,
        weekend_from=row.weekend_from,
        weekend_until=row.weekend_until,
        weekdays=frozenset(int(day) for day in row.weekdays),
        on_holidays=row.on_holidays,
        latest=timedelta(days=row.latest_days),
        valid=timedelta(days=row.valid_days),
        criteria=replace(criteria, regions=criteria.regions | organization.subtree_ids(criteria.regions)),
        steps=chain_of(row),
        mobile_sms=row.mobile_sms,
        care=care,
    )


def chain_of(row: InvitationPolicy) -> tuple[ChainStep, ...]:
    """The steps of a policy in their order."""
    follow_ups = [ChainStep(one.number, one.channel, timedelta(hours=one.delay_hours)) for one in row.follow_ups]
    return (replace(LETTER, channel=row.first_channel), *follow_ups)


def policies() -> dict[int | None, Policy]:
    """The policies of all surveys."""
    cares = {row.pool_id: care_of(row) for row in db.session.scalars(select(ContactPolicy))}
    rows = {row.survey_id: row for row in db.session.scalars(select(InvitationPolicy))}
    whose = db.session.execute(select(Survey.id, Brand.pool_id).join(Brand, Brand.id == Survey.brand_id))
    return {row.id: policy_of(rows.get(row.id), cares.get(row.pool_id, Care())) for row in whose}


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
        Interaction.unit_id,
        Interaction.segment_id,
        Interaction.amount,
        Interaction.properties,
        Interaction.happened_at,
        Interaction.cancelled_at,
        Interaction.asked_because,
        waits(),
        Source.live_at,
        Source.live_from,
        Source.timezone.label("source_zone"),
        Source.outbox_confirmed_at,
        Brand.is_demo,
        # Merged persons count as the one they were merged into: addresses, holds and quarantine are shared.
        func.coalesce(Customer.merged_into_id, Customer.id).label("person_id"),
        _first(Customer.timezone, Region.timezone, Brand.timezone).label("zone"),
        Customer.language.label("own_language"),
        Region.language.label("region_language"),
        Brand.language.label("brand_language"),
        Brand.languages.label("brand_languages"),
    )
    .join(Source, Source.id == Interaction.source_id)
    .join(Brand, Brand.id == Interaction.brand_id)
    .outerjoin(Region, Region.id == Interaction.region_id)
    .outerjoin(Customer, Customer.id == Interaction.customer_id)
    .order_by(Interaction.id)
)


_NOTHING: Mapping[int | None, Policy] = MappingProxyType({})


def gather(
    interaction_ids: Sequence[int],
    *,
    count_planned: bool,
    without_mail: Collection[int],
    now: datetime,
    trying: Mapping[int | None, Policy] = _NOTHING,
) -> list[Gathered]:
    """The facts of these interactions, in order of their ids.

    `count_planned`: whether invitations planned for other interactions of a customer count as contacts. They do
    when planning; at the moment of sending only what really happened counts. `trying`: other policies of some
    surveys (None: where none asks), to see what they would lead to; what these surveys have planned counts for
    nothing then.
    """
    rows = db.session.execute(_ROWS.where(one_of(Interaction.id, interaction_ids))).all()
    people = {row.person_id for row in rows if row.person_id}
    active, rules = surveys.active_map(), policies() | dict(trying)
    known = Reachable(people, rules.values(), count_planned=count_planned, now=now, but=trying.keys())
    found = []
    for row in rows:
        survey = active.get((row.brand_id, row.touchpoint_id))
        policy = rules.get(survey.id if survey else None, Policy())
        policy = policy.by_hand() if row.asked_because else policy
        found.append(_gathered(row, survey, policy, known, without_mail))
    return found


def first_seen(person: Mapping[int, int]) -> dict[int, datetime]:
    """When each person first bought or came, by the id of whoever stands for them; in bulk."""
    happened_at: Any = func.min(Interaction.happened_at, type_=Interaction.happened_at.type)
    first = select(Interaction.customer_id, happened_at).join(Source, Source.id == Interaction.source_id)
    theirs = one_of(Interaction.customer_id, person), Source.kind != SourceKind.WAVE
    found: dict[int, datetime] = {}
    for customer_id, at in db.session.execute(first.where(*theirs).group_by(Interaction.customer_id)):
        standing = person[customer_id]
        found[standing] = min(at, found.get(standing, at))
    return found


class Reachable(Known):
    """The same, with the addresses of these customers and what else some policies ask of them."""

    def __init__(
        self,
        customer_ids: Iterable[int],
        rules: Collection[Policy],
        *,
        count_planned: bool,
        now: datetime,
        but: Collection[int | None] = (),
    ) -> None:
        super().__init__(customer_ids, count_planned=count_planned, now=now, but=but)
        self.closed = organization.holidays_by_region(local_date(now, "UTC") - timedelta(days=2))
        """Holidays by region."""
        self.since = first_seen(self.person) if any(policy.criteria.acquaintance for policy in rules) else {}
        """When each person first came, if a policy asks for that."""
        wanted = {id_ for policy in rules for id_ in policy.criteria.selections}
        self.inside = selections.memberships(wanted, self.person, now=now)
        """In which selections each person is, of those that a policy asks for."""
        self.gateways = delivery.gateways()
        """Through what SMS leave, by brand."""
        texting = bool(self.gateways) and any(Channel.SMS in policy.channels for policy in rules)
        used = (Channel.EMAIL, Channel.SMS) if texting else (Channel.EMAIL,)
        self._boxes = {channel: self._of_channel(channel) for channel in used}
        self._suppressed: dict[tuple[Channel, int], set[str]] = {}
        self._staff = frozenset(db.session.scalars(select(User.email)))

    def _of_channel(self, channel: Channel) -> dict[int, list[Any]]:
        boxes = customers.mailboxes(self.person, channel)
        found = self._of_persons(boxes)
        merged = {self.person[one] for one in boxes if self.person[one] != one}
        for id_ in merged | {self.person[one] for one, theirs in boxes.items() if any(box.mistyped for box in theirs)}:
            found[id_] = _of_one_person(found[id_], merged=id_ in merged)
        if channel is Channel.SMS:
            found = {id_: [box for box in theirs if phones.is_mobile(box.value)] for id_, theirs in found.items()}
        return found

    def way(self, channel: Channel, customer_id: int | None, brand_id: int, care: Care) -> Way:
        """The address to use on a channel, or the reason why none may be."""
        gateway = self.gateways.get(brand_id) if channel is Channel.SMS else None
        hours = (gateway.hours_from, gateway.hours_until) if gateway else None
        reason = Reason.NO_ADDRESS
        for point in self._boxes.get(channel, {}).get(customer_id or 0, []):
            stop = why_not(
                channel,
                point.grounds,
                not_mine=point.not_mine,
                suppressed=point.value in self._stop_list(channel, brand_id),
                consent_only=care.consent_only,
            )
            if stop is None and not self.is_staff(point.value, care):
                return Way(point, None, hours)
            reason = Reason(stop.value) if stop else Reason.STAFF
        return Way(None, reason, hours)

    def ready(self, brand_id: int) -> Collection[Channel]:
        """Channels on which the brand can write."""
        return READY | {Channel.SMS} if brand_id in self.gateways else READY

    def is_staff(self, address: str, care: Care) -> bool:
        """Whether an address belongs to a colleague or is for tests."""
        return address in self._staff or address in care.staff or f"@{address.rpartition('@')[2]}" in care.staff

    def _stop_list(self, channel: Channel, brand_id: int) -> set[str]:
        key = channel, brand_id
        if key not in self._suppressed:
            values = {point.value for theirs in self._boxes[channel].values() for point in theirs}
            self._suppressed[key] = delivery.suppressed(channel, values, brand_id=brand_id, now=self.now)
        return self._suppressed[key]


def _of_one_person(boxes: Sequence[Mailbox], *, merged: bool) -> list[Mailbox]:
    """The addresses of merged people: a "no" or "not mine" that one of them said counts for the others.

    So does a "no" at a mistyped address, whosever: nobody knows which was meant.
    """
    refused = [ground for box in boxes if merged or box.mistyped for ground in box.grounds if ground[1]]
    disowned = {box.value for box in boxes if box.not_mine}
    good = (box for box in boxes if not box.mistyped)
    return [replace(box, not_mine=box.value in disowned, grounds=[*box.grounds, *refused]) for box in good]


def first_channel(policy: Policy, ways: Mapping[Channel, Way]) -> Channel:
    """On which a rule begins: an SMS where a letter has no address, if the rule says so."""
    first = policy.first.channel
    if policy.mobile_sms and first is Channel.EMAIL and ways[first].stop is Reason.NO_ADDRESS:
        return Channel.SMS
    return first


def _gathered(
    row: Any, survey: Survey | None, policy: Policy, known: Reachable, without_mail: Collection[int]
) -> Gathered:
    about = row.person_id, row.brand_id, policy.care
    ways: dict[Channel, Way] = {
        one: known.way(one, *about) for one in policy.channels if one in (Channel.EMAIL, Channel.SMS)
    }
    channel = first_channel(policy, ways)
    way = ways.get(channel, _ANY_WAY)
    candidate = candidate_of(
        row,
        survey,
        policy,
        known,
        live=row.live_at is not None,
        after_live_day=row.live_from is None
        or bool(row.asked_because)
        or local_date(row.happened_at, row.source_zone) >= row.live_from,
        can_send=channel is Channel.SMS
        or row.brand_id not in without_mail
        or row.is_demo
        or row.outbox_confirmed_at is not None,
        cancelled=row.cancelled_at is not None,
        stop=way.stop,
    )
    wishes = (row.own_language, row.region_language)
    language = first_spoken(wishes, row.brand_languages, row.brand_language)
    return Gathered(row, row.person_id, survey, policy.within(way.hours), language, channel, ways, candidate)


def candidate_of(row: Any, survey: Survey | None, policy: Policy, known: Reachable, **more: Any) -> Candidate:
    """The facts that planning and its preview find out in the same way; `row`: an interaction, or what will be one."""
    if policy.first.channel is Channel.EXTERNAL:  # that program knows where to write
        more["stop"] = None
    ready = known.ready(row.brand_id)
    return Candidate(
        happened_at=row.happened_at,
        zone=row.zone,
        has_survey=survey is not None,
        meant=policy.criteria.met_by(
            row,
            is_new=row.happened_at <= known.since.get(row.person_id, row.happened_at),
            inside=known.inside.get(row.person_id, ()),
        ),
        has_channels=not missing_channels(policy.steps, mobile_sms=policy.mobile_sms, ready=ready),
        waits=row.waits,
        holds=known.holds(row.person_id, policy.care),
        contacts=known.contacts(row.person_id, survey.id if survey else None),
        holidays=known.closed.get(row.region_id, known.closed.get(None, ())),
        **more,
    )
