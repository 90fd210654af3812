"""What a staged file or a source in trial would lead to: numbers for the pages that ask for a yes. Writes nothing."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import Any

from sqlalchemy import ColumnElement, func, select

from npsapp.customers import queries as customers
from npsapp.customers.matching import Incoming, recognised
from npsapp.customers.models import Customer
from npsapp.customers.rules import GroundKind, why_not
from npsapp.db import db, one_of
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import Channel
from npsapp.intake import interactions
from npsapp.intake.models import ImportBatch, Interaction, Source, StagedPart
from npsapp.intake.rules import DocumentState, InteractionRow, unpacked
from npsapp.intake.words import Words
from npsapp.invitations import quotas
from npsapp.invitations.candidates import Reachable, candidate_of, gather, policies
from npsapp.invitations.promises import Promises
from npsapp.invitations.rules import Decision, Policy, Reason
from npsapp.lib import phones
from npsapp.lib.clock import day_bounds, local_date
from npsapp.organization import queries as organization
from npsapp.surveys import queries as surveys

MOST = 1_000  # rows that are decided about for one view: about a tenth of a second
CHUNK = 2000


@dataclass(frozen=True)
class WouldAsk:
    """How many would be asked at all, within a day, within a week; how many not, by reason."""

    asked: int
    today: int
    this_week: int
    reasons: dict[Reason, int]
    every: int = 1
    """1: all were counted; more: estimated from the rows of every n-th person."""
    at_most: bool = False
    """A quota draws from them first: these are the most letters there can be."""


@dataclass(frozen=True)
class _Portion:
    """The rows to decide about one by one, for how many people each one stands, and why the others are not asked."""

    rows: ColumnElement[bool]
    every: int = 1
    others: Mapping[Reason, int] = field(default_factory=dict)


def would_ask(batch: ImportBatch, *, live_from: date | None, now: datetime) -> WouldAsk:
    """Decide about a file's staged rows as if they were taken in and their source were live.

    People are recognised as they will be when the file is taken in; of two rows of one person the second falls into
    the quarantine, as it will. Rows that are already in are not counted. Of a large file it is an estimate.
    """
    staged = _Staged(batch, live_from, now)
    mine, how_many = StagedPart.batch_id == batch.id, func.sum(StagedPart.count)
    part = _portion(mine, StagedPart.last_at, how_many, batch.source.timezone, live_from, now)
    chunks = _chunks(part)
    decisions = (decision for chunk in chunks for decision in staged.decide(chunk))
    return _counted(decisions, staged.promises, part, now)


def would_ask_source(source_id: int, *, live_from: date | None, now: datetime) -> WouldAsk:
    """Decide about what a source in trial has brought, by the planner's own rule, as if it were live.

    After a large first export it is an estimate.
    """
    zone, mine = db.session.get_one(Source, source_id).timezone, Interaction.source_id == source_id
    part = _portion(mine, Interaction.happened_at, func.count(), zone, live_from, now)
    taken = func.coalesce(Interaction.customer_id, Interaction.id) % part.every == 0
    ids = db.session.scalars(select(Interaction.id).where(part.rows, taken).order_by(Interaction.happened_at)).all()
    promises = _Promises(quotas.months())
    return _counted(_as_if_live(ids, promises, zone, live_from, now), promises, part, now)


def _portion(
    rows: ColumnElement[bool],
    happened_at: Any,
    how_many: ColumnElement[int],
    zone: str,
    live_from: date | None,
    now: datetime,
) -> _Portion:
    """All rows, as long as a page can wait for that; else those that may still be asked about, of every n-th person.

    Of people, not of rows: whoever bought twice is asked once, in a portion as in the whole.
    """
    count = select(how_many)
    total = db.session.scalar(count.where(rows)) or 0
    if total <= MOST:
        return _Portion(rows)
    lasts = max((one.delay + one.latest for one in policies().values()), default=timedelta())
    limits = [(now - lasts, Reason.TOO_OLD)]
    if live_from:
        limits.append((day_bounds(live_from, zone)[0], Reason.BEFORE_LIVE))
    since, reason = max(limits)
    young = rows & (happened_at >= since)
    left = db.session.scalar(count.where(young)) or 0
    return _Portion(young, max(-(-left // MOST), 1), {reason: total - left})


def _as_if_live(
    ids: Sequence[int], promises: Promises, zone: str, live_from: date | None, now: datetime
) -> Iterator[Decision]:
    for start in range(0, len(ids), CHUNK):
        for one in gather(ids[start : start + CHUNK], count_planned=True, without_mail=(), now=now):
            after_live_day = not live_from or local_date(one.candidate.happened_at, zone) >= live_from
            candidate = replace(one.candidate, live=True, after_live_day=after_live_day)
            yield promises.decide(candidate, one.policy, who=one.customer_id, survey_id=one.survey_id, now=now)


def _counted(decisions: Iterable[Decision], promises: "_Promises", part: _Portion, now: datetime) -> WouldAsk:
    counts: Counter[Reason] = Counter()
    moments: list[datetime] = []
    for decision in decisions:
        if decision.reason:
            counts[decision.reason] += 1
        elif decision.send_at:
            moments.append(decision.send_at)
    reasons = Counter({reason: count * part.every for reason, count in counts.items()}) + Counter(part.others)
    return WouldAsk(
        asked=len(moments) * part.every,
        today=sum(moment < now + timedelta(days=1) for moment in moments) * part.every,
        this_week=sum(moment < now + timedelta(days=7) for moment in moments) * part.every,
        reasons=dict(reasons.most_common()),
        every=part.every,
        at_most=promises.at_most,
    )


def _chunks(part: _Portion) -> Iterator[Sequence[InteractionRow]]:
    """The portion of staged rows: people are told apart by their addresses."""
    ids = db.session.scalars(select(StagedPart.id).where(part.rows).order_by(StagedPart.id)).all()
    texts = (db.session.scalars(select(StagedPart.rows).where(StagedPart.id == id_)).one() for id_ in ids)
    rows = chain.from_iterable(unpacked(text, every=part.every) for text in texts)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


@dataclass(frozen=True)
class _Purchase:
    """What one staged row will be, by the names that interactions have."""

    row: InteractionRow
    brand_id: int
    touchpoint_id: int
    region_id: int | None
    unit_id: int | None
    segment_id: int | None
    amount: Decimal | None
    properties: Mapping[str, str]
    person_id: int
    """Of somebody new: a number below zero."""
    zone: str
    waits: bool

    @property
    def happened_at(self) -> datetime:
        return self.row.happened_at


class _Staged:
    """The context of one file's rows, with what was already promised to whom while counting."""

    def __init__(self, batch: ImportBatch, live_from: date | None, now: datetime) -> None:
        self.source, self.now, self.live_from = batch.source, now, live_from
        words = Words(self.source.id, now=now, reading=True)
        brand_id, touchpoint_id = self.source.brand_id, batch.touchpoint_id
        self.names = interactions.Names(brand_id=brand_id, touchpoint_id=touchpoint_id, words=words, now=now)
        self.grounds = batch.grounds
        self.active, self.policies = surveys.active_map(), policies()
        self.promises = _Promises(quotas.months())
        self.zones = {region.id: region.timezone for region in organization.regions()}
        self.brand_zones = {brand.id: brand.timezone for brand in organization.brands()}

    def decide(self, chunk: Sequence[InteractionRow]) -> Iterator[Decision]:
        ids = [row.external_id for row in chunk]
        here = Interaction.source_id == self.source.id, one_of(Interaction.external_id, ids)
        taken_in = set(db.session.scalars(select(Interaction.external_id).where(*here)))
        rows = [row for row in chunk if row.external_id not in taken_in]
        people = [Incoming(external_id=row.customer_id, **row.reached) for row in rows]
        persons = self.source.id if self.source.ids_are_persons else None
        found = recognised(people, pool_id=self.source.brand.pool_id, source_id=persons, now=self.now)
        who = {id(row): person_id for row, person_id in zip(rows, found, strict=True)}
        mailboxes = _Mailboxes(rows, {one for one in found if one > 0}, self.source.brand_id, self.now)
        known = Reachable(mailboxes.people, self.policies.values(), count_planned=True, now=self.now)
        purchases = list(self._purchases(rows, who, mailboxes, known))
        for one in purchases:
            since = known.since.get(one.person_id, one.happened_at)
            known.since[one.person_id] = min(since, one.happened_at)
        for one in purchases:
            yield self._decide(one, mailboxes, known)

    def _purchases(
        self, rows: Sequence[InteractionRow], who: Mapping[int, int], mailboxes: "_Mailboxes", known: Reachable
    ) -> Iterator[_Purchase]:
        for one in self.names.known(rows):
            customer = mailboxes.people.get(who[id(one.row)])
            region_id = one.region_id or (customer.region_id if customer else None)
            zones = (
                customer.timezone if customer else "",
                self.zones.get(region_id or 0),
                self.brand_zones[one.brand_id],
            )
            yield _Purchase(
                one.row,
                one.brand_id,
                one.touchpoint_id,
                region_id,
                one.unit_id,
                one.segment_id,
                one.amount,
                one.properties,
                person_id=known.person[customer.id] if customer else who[id(one.row)],
                zone=next(zone for zone in zones if zone),
                waits=self.source.ask_completed and one.row.state == DocumentState.OPEN,
            )

    def _decide(self, one: _Purchase, mailboxes: "_Mailboxes", known: Reachable) -> Decision:
        survey = self.active.get((one.brand_id, one.touchpoint_id))
        policy = self.policies.get(survey.id if survey else None, Policy())
        on = local_date(one.happened_at, self.source.timezone)
        candidate = candidate_of(
            one,
            survey,
            policy,
            known,
            after_live_day=self.live_from is None or on >= self.live_from,
            cancelled=bool(one.row.cancelled),
            stop=mailboxes.stop(one, policy, self.grounds, known),
        )
        about = {"who": one.person_id, "survey_id": survey.id if survey else None}
        return self.promises.decide(candidate, policy, **about, now=self.now)


class _Mailboxes:
    """What is known of some e-mail addresses and the people behind them; one statement per kind of fact."""

    def __init__(self, rows: Sequence[InteractionRow], people: Collection[int], brand_id: int, now: datetime) -> None:
        columns = Customer.id, Customer.region_id, Customer.timezone
        theirs = select(*columns).where(one_of(Customer.id, people))
        self.people = {row.id: row for row in db.session.execute(theirs)}
        emails = {row.email for row in rows if row.email}
        self._boxes = {box.value: box for boxes in customers.mailboxes(self.people).values() for box in boxes}
        self._suppressed = delivery.suppressed(Channel.EMAIL, emails, brand_id=brand_id, now=now)
        self._now = now

    def stop(self, one: _Purchase, policy: Policy, grounds: Mapping[str, str], known: Reachable) -> Reason | None:
        """Why nobody may write to the person of a row; `grounds`: those of rows that name none, by channel."""
        row, first = one.row, policy.first.channel
        if not row.email and one.person_id > 0 and first is Channel.EMAIL:
            way = known.way(first, one.person_id, one.brand_id, policy.care)
            if not (way.stop is Reason.NO_ADDRESS and policy.mobile_sms):
                return way.stop
        by_sms = first is Channel.SMS or (policy.mobile_sms and not row.email)
        channel, value = (Channel.SMS, row.phone) if by_sms else (Channel.EMAIL, row.email)
        if not value or (by_sms and not phones.is_mobile(value)):
            return Reason.NO_ADDRESS
        box = self._boxes.get(value)
        stop = why_not(
            channel,
            [*(box.grounds if box else ()), *self._said(row, channel, grounds.get(channel.value))],
            not_mine=bool(box and box.not_mine),
            suppressed=value in self._suppressed,
            consent_only=policy.care.consent_only,
        )
        staff = Reason.STAFF if known.is_staff(value, policy.care) else None
        return Reason(stop.value) if stop else staff

    def _said(
        self, row: InteractionRow, channel: Channel, default: str | None
    ) -> Iterator[tuple[GroundKind, datetime | None]]:
        consent = row.consents.get(channel.value)
        if consent is not None:
            yield GroundKind.CONSENT, None if consent else self._now
        elif ground := row.grounds.get(channel.value, default):
            yield GroundKind(ground), None


class _Promises(Promises):
    """Every yes is a promise, and it is noted whether a draw stands before any: then the numbers are the most there
    can be."""

    at_most = False

    def waits(self, decision: Decision, survey_id: int | None, zone: str) -> bool:
        """Remember it, and count the yes as if nobody were left out."""
        self.at_most |= super().waits(decision, survey_id, zone)
        return False
