"""What a staged file would lead to: the numbers for the page that asks for confirmation. Writes nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from npsapp.customers.models import ContactPoint
from npsapp.customers.rules import ContactKind
from npsapp.db import db
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import Channel
from npsapp.intake.models import ImportBatch, Interaction, Source, StagedRow
from npsapp.intake.rules import DocumentState
from npsapp.invitations.candidates import Known, Promises, gather, policies
from npsapp.invitations.rules import Candidate, Decision, Policy, Reason
from npsapp.lib.clock import local_date
from npsapp.surveys import queries as surveys

CHUNK = 2000


@dataclass(frozen=True)
class WouldAsk:
    """How many would be asked at all, within a day, within a week; how many not, by reason."""

    asked: int
    today: int
    this_week: int
    reasons: dict[Reason, int]


def would_ask(batch: ImportBatch, *, live_from: date | None, now: datetime) -> WouldAsk:
    """Decide about a file's staged rows as if they were taken in and their source were live.

    People are recognised by e-mail address only; of two rows with one address the second falls into the
    quarantine, as it will. Rows that are already in are not counted.
    """
    staged = _Staged(batch, live_from, now)
    return _counted((decision for chunk in _chunks(batch.id) for decision in staged.decide(chunk)), now)


def would_ask_source(source_id: int, *, live_from: date | None, now: datetime) -> WouldAsk:
    """Decide about what a source in trial has brought, by the planner's own rule, as if it were live."""
    source = db.session.get_one(Source, source_id)
    ids = db.session.scalars(
        select(Interaction.id).where(Interaction.source_id == source_id).order_by(Interaction.happened_at)
    ).all()
    return _counted(_as_if_live(ids, source.timezone, live_from, now), now)


def _as_if_live(ids: Sequence[int], zone: str, live_from: date | None, now: datetime) -> Iterator[Decision]:
    promises = Promises()
    for start in range(0, len(ids), CHUNK):
        for one in gather(ids[start : start + CHUNK], count_planned=True, without_mail=(), now=now):
            after_live_day = not live_from or local_date(one.candidate.happened_at, zone) >= live_from
            candidate = replace(one.candidate, live=True, after_live_day=after_live_day)
            yield promises.decide(candidate, one.policy, who=one.customer_id, survey_id=one.survey_id, now=now)


def _counted(decisions: Iterable[Decision], now: datetime) -> WouldAsk:
    counts: Counter[Reason] = Counter()
    moments: list[datetime] = []
    for decision in decisions:
        if decision.reason:
            counts[decision.reason] += 1
        elif decision.send_at:
            moments.append(decision.send_at)
    return WouldAsk(
        asked=len(moments),
        today=sum(moment < now + timedelta(days=1) for moment in moments),
        this_week=sum(moment < now + timedelta(days=7) for moment in moments),
        reasons=dict(counts.most_common()),
    )


def _chunks(batch_id: int) -> Iterator[Sequence[Any]]:
    last = 0
    columns = StagedRow.id, StagedRow.data, StagedRow.happened_at, StagedRow.email
    rows = select(*columns).where(StagedRow.batch_id == batch_id).order_by(StagedRow.id).limit(CHUNK)
    while chunk := db.session.execute(rows.where(StagedRow.id > last)).all():
        yield chunk
        last = chunk[-1].id


class _Staged:
    """The context of one file's rows, with what was already promised to whom while counting."""

    def __init__(self, batch: ImportBatch, live_from: date | None, now: datetime) -> None:
        self.source, self.now, self.live_from = batch.source, now, live_from
        self.touchpoint_id = batch.touchpoint_id or batch.source.touchpoint_id
        self.ground = bool(batch.grounds.get(Channel.EMAIL.value))
        self.active, self.policies = surveys.active_map(), policies()
        self.promises = Promises()

    def decide(self, chunk: Sequence[Any]) -> Iterator[Decision]:
        ids = [row.data.get("external_id") for row in chunk]
        here = Interaction.source_id == self.source.id, Interaction.external_id.in_(ids)
        taken_in = set(db.session.scalars(select(Interaction.external_id).where(*here)))
        mailboxes = _Mailboxes({row.email for row in chunk if row.email}, self.source.brand_id, self.now)
        for row in chunk:
            if row.data.get("external_id") not in taken_in:
                yield self._decide(row, mailboxes)

    def _decide(self, row: Any, mailboxes: "_Mailboxes") -> Decision:
        brand = row.data.get("brand_id") or self.source.brand_id
        survey = self.active.get((brand, row.data.get("touchpoint_id") or self.touchpoint_id or 0))
        survey_id = survey.id if survey else None
        person = mailboxes.person.get(row.email)
        consent = row.data.get("consents", {}).get(Channel.EMAIL.value)
        on = local_date(row.happened_at, self.source.timezone)
        candidate = Candidate(
            happened_at=row.happened_at,
            zone=self.source.timezone,
            after_live_day=self.live_from is None or on >= self.live_from,
            has_survey=survey is not None,
            cancelled=bool(row.data.get("cancelled")),
            waits=self.source.ask_completed and row.data.get("state") == DocumentState.OPEN,
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
