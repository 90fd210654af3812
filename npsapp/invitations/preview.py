"""What a staged file would lead to: the numbers for the page that asks for confirmation. Writes nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from npsapp.customers import queries as customers
from npsapp.customers.models import ContactPoint
from npsapp.customers.rules import ContactKind, FactKind
from npsapp.db import db
from npsapp.delivery import queries as delivery
from npsapp.delivery.rules import Channel
from npsapp.intake.models import ImportBatch, Interaction, Source, StagedRow
from npsapp.invitations.candidates import gather, policies
from npsapp.invitations.rules import REFUSAL_QUARANTINE, Candidate, Contact, HeldUntil, Policy, Reason, decide
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


def would_ask(
    batch_id: int, *, touchpoint_id: int | None, grounds: dict[str, str], live_from: date | None, now: datetime
) -> WouldAsk:
    """Decide about staged rows as if they were taken in and their source were live.

    People are recognised by e-mail address only; of two rows with one address the second falls into the
    quarantine, as it will. Rows that are already in are not counted.
    """
    batch = db.session.get_one(ImportBatch, batch_id)
    staged = _Staged(batch, touchpoint_id, grounds, live_from, now)
    return _counted((decision for chunk in _chunks(batch_id) for decision in staged.decide(chunk)), now)


def would_ask_source(source_id: int, *, live_from: date | None, now: datetime) -> WouldAsk:
    """Decide about what a source in trial has brought, by the planner's own rule, as if it were live."""
    source = db.session.get_one(Source, source_id)
    ids = db.session.scalars(
        select(Interaction.id).where(Interaction.source_id == source_id).order_by(Interaction.happened_at)
    ).all()
    return _counted(_as_if_live(ids, source.timezone, live_from, now), now)


def _as_if_live(
    ids: Sequence[int], zone: str, live_from: date | None, now: datetime
) -> Iterator[tuple[Reason | None, datetime | None]]:
    promised: dict[int | None, list[tuple[int, datetime]]] = {}
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        for found in gather(some, count_planned=True, without_mail=(), now=now):
            survey_id = found.survey.id if found.survey else 0
            earlier = promised.setdefault(found.customer_id, [])
            candidate = replace(
                found.candidate,
                live=True,
                after_live_day=not live_from or local_date(found.candidate.happened_at, zone) >= live_from,
                contacts=found.candidate.contacts
                + tuple(Contact(at, same_survey=own == survey_id) for own, at in earlier),
            )
            decision = decide(candidate, found.policy, now=now)
            if decision.send_at:
                earlier.append((survey_id, decision.send_at))
            yield decision.reason, decision.send_at


def _counted(decisions: Iterable[tuple[Reason | None, datetime | None]], now: datetime) -> WouldAsk:
    counts: Counter[Reason] = Counter()
    moments: list[datetime] = []
    for reason, send_at in decisions:
        if reason:
            counts[reason] += 1
        elif send_at:
            moments.append(send_at)
    return WouldAsk(
        asked=len(moments),
        today=sum(moment < now + timedelta(days=1) for moment in moments),
        this_week=sum(moment < now + timedelta(days=7) for moment in moments),
        reasons=dict(counts.most_common()),
    )


def _chunks(batch_id: int) -> Iterator[Sequence[Any]]:
    last = 0
    rows = select(StagedRow.id, StagedRow.data, StagedRow.happened_at, StagedRow.email).order_by(StagedRow.id)
    while chunk := db.session.execute(
        rows.where(StagedRow.batch_id == batch_id, StagedRow.id > last).limit(CHUNK)
    ).all():
        yield chunk
        last = chunk[-1].id


class _Staged:
    """The context of one file's rows, with what was already promised to whom while counting."""

    def __init__(
        self,
        batch: ImportBatch,
        touchpoint_id: int | None,
        grounds: dict[str, str],
        live_from: date | None,
        now: datetime,
    ) -> None:
        self.source, self.now, self.live_from = batch.source, now, live_from
        self.touchpoint_id = touchpoint_id or batch.source.touchpoint_id
        self.ground = bool(grounds.get(Channel.EMAIL.value))
        self.active = surveys.active_map()
        self.policies = policies()
        self.promised: dict[str, list[tuple[int, datetime]]] = {}

    def decide(self, chunk: Sequence[Any]) -> Iterator[tuple[Reason | None, datetime | None]]:
        known = self._known_ids(chunk)
        facts = _Facts({row.email for row in chunk if row.email}, self.source.brand_id, self.now)
        for row in chunk:
            if row.data.get("external_id") in known:
                continue
            yield self._decide(row, facts)

    def _known_ids(self, chunk: Sequence[Any]) -> set[str]:
        ids = [row.data.get("external_id") for row in chunk]
        rows = select(Interaction.external_id).where(
            Interaction.source_id == self.source.id, Interaction.external_id.in_(ids)
        )
        return set(db.session.scalars(rows))

    def _decide(self, row: Any, facts: "_Facts") -> tuple[Reason | None, datetime | None]:
        brand = row.data.get("brand_id") or self.source.brand_id
        survey = self.active.get((brand, row.data.get("touchpoint_id") or self.touchpoint_id or 0))
        survey_id = survey.id if survey else 0
        contacts = facts.contacts(row.email, survey_id) + tuple(
            Contact(at, same_survey=own == survey_id) for own, at in self.promised.get(row.email, [])
        )
        consent = row.data.get("consents", {}).get(Channel.EMAIL.value)
        candidate = Candidate(
            happened_at=row.happened_at,
            zone=self.source.timezone,
            after_live_day=self.live_from is None
            or local_date(row.happened_at, self.source.timezone) >= self.live_from,
            has_survey=survey is not None,
            cancelled=bool(row.data.get("cancelled")),
            stop=facts.stop(row.email, ground=self.ground if consent is None else consent),
            holds=facts.holds(row.email),
            contacts=contacts,
        )
        decision = decide(candidate, self.policies.get(survey_id, Policy()), now=self.now)
        if decision.send_at:
            self.promised.setdefault(row.email, []).append((survey_id, decision.send_at))
        return decision.reason, decision.send_at


class _Facts:
    """What is known of the people behind some e-mail addresses; one statement per kind of fact."""

    def __init__(self, emails: set[str], brand_id: int, now: datetime) -> None:
        points = db.session.scalars(
            select(ContactPoint).where(ContactPoint.kind == ContactKind.EMAIL, ContactPoint.value.in_(emails))
        ).all()
        self.person = {point.value: point.customer_id for point in points}
        self.not_mine = {point.value for point in points if point.not_mine_at}
        self.suppressed = delivery.suppressed(Channel.EMAIL, emails, brand_id=brand_id, now=now)
        self.held = customers.holds_for(self.person.values(), now)
        self.facts = customers.facts_for(self.person.values(), now - REFUSAL_QUARANTINE)

    def stop(self, email: str, *, ground: bool) -> Reason | None:
        if not email:
            return Reason.NO_ADDRESS
        if email in self.not_mine:
            return Reason.NOT_MINE
        if email in self.suppressed:
            return Reason.SUPPRESSED
        return None if ground else Reason.NO_GROUND

    def holds(self, email: str) -> tuple[HeldUntil, ...]:
        return tuple(HeldUntil(hold.until) for hold in self.held.get(self.person.get(email, 0), []))

    def contacts(self, email: str, survey_id: int) -> tuple[Contact, ...]:
        facts = self.facts.get(self.person.get(email, 0), [])
        return tuple(
            Contact(fact.at, same_survey=fact.survey_id == survey_id, refused=fact.kind is FactKind.REFUSED)
            for fact in facts
            if not fact.exempt
        )
