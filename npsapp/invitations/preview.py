"""What a staged file or a source in trial would lead to: numbers for the pages that ask for a yes. Writes nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import chain, islice
from typing import Any

from sqlalchemy import ColumnElement, func, select

from npsapp.customers.models import ContactPoint
from npsapp.customers.rules import ContactKind
from npsapp.db import db
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import Channel
from npsapp.intake.models import ImportBatch, Interaction, Source, StagedPart
from npsapp.intake.rules import DocumentState, InteractionRow, unpacked
from npsapp.invitations.candidates import Known, Promises, gather, policies
from npsapp.invitations.rules import Candidate, Decision, Policy, Reason
from npsapp.lib.clock import day_bounds, local_date
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


@dataclass(frozen=True)
class _Portion:
    """The rows to decide about one by one, for how many people each one stands, and why the others are not asked."""

    rows: ColumnElement[bool]
    every: int = 1
    others: Mapping[Reason, int] = field(default_factory=dict)


def would_ask(batch: ImportBatch, *, live_from: date | None, now: datetime) -> WouldAsk:
    """Decide about a file's staged rows as if they were taken in and their source were live.

    People are recognised by e-mail address only; of two rows with one address the second falls into the
    quarantine, as it will. Rows that are already in are not counted. Of a large file it is an estimate.
    """
    staged = _Staged(batch, live_from, now)
    mine, how_many = StagedPart.batch_id == batch.id, func.sum(StagedPart.count)
    part = _portion(mine, StagedPart.last_at, how_many, batch.source.timezone, live_from, now)
    chunks = _chunks(part)
    return _counted((decision for chunk in chunks for decision in staged.decide(chunk)), part, now)


def would_ask_source(source_id: int, *, live_from: date | None, now: datetime) -> WouldAsk:
    """Decide about what a source in trial has brought, by the planner's own rule, as if it were live.

    After a large first export it is an estimate.
    """
    zone, mine = db.session.get_one(Source, source_id).timezone, Interaction.source_id == source_id
    part = _portion(mine, Interaction.happened_at, func.count(), zone, live_from, now)
    taken = func.coalesce(Interaction.customer_id, Interaction.id) % part.every == 0
    ids = db.session.scalars(select(Interaction.id).where(part.rows, taken).order_by(Interaction.happened_at)).all()
    return _counted(_as_if_live(ids, zone, live_from, now), part, now)


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


def _as_if_live(ids: Sequence[int], zone: str, live_from: date | None, now: datetime) -> Iterator[Decision]:
    promises = Promises()
    for start in range(0, len(ids), CHUNK):
        for one in gather(ids[start : start + CHUNK], count_planned=True, without_mail=(), now=now):
            after_live_day = not live_from or local_date(one.candidate.happened_at, zone) >= live_from
            candidate = replace(one.candidate, live=True, after_live_day=after_live_day)
            yield promises.decide(candidate, one.policy, who=one.customer_id, survey_id=one.survey_id, now=now)


def _counted(decisions: Iterable[Decision], part: _Portion, now: datetime) -> WouldAsk:
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
    )


def _chunks(part: _Portion) -> Iterator[Sequence[InteractionRow]]:
    """The portion of staged rows: people are told apart by their addresses."""
    ids = db.session.scalars(select(StagedPart.id).where(part.rows).order_by(StagedPart.id)).all()
    texts = (db.session.scalars(select(StagedPart.rows).where(StagedPart.id == id_)).one() for id_ in ids)
    rows = chain.from_iterable(unpacked(text, every=part.every) for text in texts)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


class _Staged:
    """The context of one file's rows, with what was already promised to whom while counting."""

    def __init__(self, batch: ImportBatch, live_from: date | None, now: datetime) -> None:
        self.source, self.now, self.live_from = batch.source, now, live_from
        self.touchpoint_id = batch.touchpoint_id or batch.source.touchpoint_id
        self.ground = bool(batch.grounds.get(Channel.EMAIL.value))
        self.active, self.policies = surveys.active_map(), policies()
        self.promises = Promises()

    def decide(self, chunk: Sequence[InteractionRow]) -> Iterator[Decision]:
        ids = [row.external_id for row in chunk]
        here = Interaction.source_id == self.source.id, Interaction.external_id.in_(ids)
        taken_in = set(db.session.scalars(select(Interaction.external_id).where(*here)))
        mailboxes = _Mailboxes({row.email for row in chunk if row.email}, self.source.brand_id, self.now)
        for row in chunk:
            if row.external_id not in taken_in:
                yield self._decide(row, mailboxes)

    def _decide(self, row: InteractionRow, mailboxes: "_Mailboxes") -> Decision:
        brand = row.brand_id or self.source.brand_id
        survey = self.active.get((brand, row.touchpoint_id or self.touchpoint_id or 0))
        survey_id = survey.id if survey else None
        person = mailboxes.person.get(row.email)
        consent = row.consents.get(Channel.EMAIL.value)
        on = local_date(row.happened_at, self.source.timezone)
        candidate = Candidate(
            happened_at=row.happened_at,
            zone=self.source.timezone,
            after_live_day=self.live_from is None or on >= self.live_from,
            has_survey=survey is not None,
            cancelled=bool(row.cancelled),
            waits=self.source.ask_completed and row.state == DocumentState.OPEN,
            stop=mailboxes.stop(row.email, ground=self.ground if consent is None else consent),
            holds=mailboxes.known.holds(person),
            contacts=mailboxes.known.contacts(person, survey_id),
        )
        policy = self.policies.get(survey_id, Policy())
        return self.promises.decide(candidate, policy, who=row.email, survey_id=survey_id, now=self.now)


class _Mailboxes:
    """What is known of some e-mail addresses and the people behind them; one statement per kind of fact."""

    def __init__(self, emails: set[str], brand_id: int, now: datetime) -> None:
        mailboxes = ContactPoint.kind == ContactKind.EMAIL, ContactPoint.value.in_(emails)
        points = db.session.scalars(select(ContactPoint).where(*mailboxes)).all()
        self.person = {point.value: point.customer_id for point in points}
        self.not_mine = {point.value for point in points if point.not_mine_at}
        self.suppressed = delivery.suppressed(Channel.EMAIL, emails, brand_id=brand_id, now=now)
        self.known = Known(self.person.values(), now=now)

    def stop(self, email: str, *, ground: bool) -> Reason | None:
        against = (
            (not email, Reason.NO_ADDRESS),
            (email in self.not_mine, Reason.NOT_MINE),
            (email in self.suppressed, Reason.SUPPRESSED),
            (not ground, Reason.NO_GROUND),
        )
        return next((reason for holds, reason in against if holds), None)
