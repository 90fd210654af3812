"""A simulated quarter: purchases of many stores go through the database day by day, beside a planner on paper.

The paper knows what left and what came back, and computes every draw anew from that with `pace` and the lot alone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
from flask import current_app
from sqlalchemy import func, select, update

from npsapp import schedule
from npsapp.audit.services import PROGRAM
from npsapp.customers.models import ContactFact, ContactPoint, Ground
from npsapp.customers.rules import FactKind
from npsapp.db import Base, db, insert_many, one_of, transaction
from npsapp.intake.models import Interaction
from npsapp.invitations import draws, pace, quotas, targets
from npsapp.invitations.models import Invitation, InvitationPolicy
from npsapp.invitations.pace import Cohort, Curve, Settings, Situation
from npsapp.invitations.quota_models import Quota, QuotaDraw
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib import clock
from npsapp.organization.models import Unit
from npsapp.schedule import Beat
from tests import factories as make

FIRST, LAST = date(2026, 10, 1), date(2026, 12, 31)
MONTHS = (date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1))
QUARANTINE = timedelta(days=90)
EMAIL = pace.PRIORS[Curve.EMAIL]
BASE = 1_000_000  # ids from here on are nobody else's
AT = 10  # o'clock, UTC: noon in Kyiv, an hour later before the clock is changed on 25 October


@dataclass
class Paper:
    """What the planner on paper knows of one store."""

    pools: Counter[date] = field(default_factory=Counter)
    asked: Counter[date] = field(default_factory=Counter)
    answers: list[tuple[date, date]] = field(default_factory=list)
    """(Day it was asked, day of the answer)."""
    rest: dict[date, float] = field(default_factory=dict)
    """By month: what was carried to the next day."""


class Quarter:
    """`count` purchases of `stores` stores; about half of their customers have to be asked for the answers wanted."""

    def __init__(self, company: SimpleNamespace, *, count: int, stores: int, seed: int) -> None:
        self.company, self.count = company, count
        self.chance = np.random.default_rng(seed)
        self.days = [FIRST + timedelta(days=ahead) for ahead in range((LAST - FIRST).days + 1)]
        self.broken: list[str] = []
        self.draws = self.decided = 0
        self.last_asked: dict[int, date] = {}
        self.due: dict[date, list[int]] = defaultdict(list)
        """Invitations that are answered on a day."""
        self._set_up(stores)

    # ---- the world ----

    def _set_up(self, stores: int) -> None:
        begin = datetime(2026, 9, 30, tzinfo=UTC)
        with transaction() as session:
            one = make.make_interaction(self.company, now=begin, undecided=False)
            session.query(InvitationPolicy).update({"delay_hours": 24})
            point = session.query(ContactPoint).filter_by(customer_id=one.customer_id, kind="email").one()
            ground = session.query(Ground).filter_by(contact_point_id=point.id).one()
            unit, people = session.get_one(Unit, self.company.units.kyiv.id), max(self.count * 4 // 5, 1)
            self._copies(
                unit, [{"id": BASE + n, "key": f"store {n}", "name": {"en": f"Store {n}"}} for n in range(stores)]
            )
            ids = range(BASE, BASE + people)
            self._copies(one.customer, [{"id": id_} for id_ in ids])
            self._copies(point, [{"id": id_, "customer_id": id_, "value": f"b{id_}@example.com"} for id_ in ids])
            self._copies(ground, [{"id": id_, "contact_point_id": id_} for id_ in ids])
            self._copies(one, list(self._purchases(stores, people)))
        self.stores = [BASE + n for n in range(stores)]
        self.rate = dict(zip(self.stores, self.chance.beta(12, 68, stores), strict=True))
        self.papers = {store: Paper() for store in self.stores}
        target = max(round(self.count / stores / 3 / 40), 1)
        self.target = target
        with transaction():
            wanted = {(store, month): target for store in self.stores for month in MONTHS}
            targets.set_targets(self.company.survey, wanted, actor=PROGRAM, now=begin)

    def _copies(self, row: Base, different: list[dict[str, Any]]) -> None:
        same = {column.name: getattr(row, column.name) for column in row.__table__.c}
        insert_many(type(row), [same | one for one in different])

    def _purchases(self, stores: int, people: int) -> Iterator[dict[str, Any]]:
        """In the order of their days, each the day before it can be asked about."""
        on = np.sort(self.chance.integers(0, len(self.days), self.count))
        where, who = self.chance.integers(0, stores, self.count), self.chance.integers(0, people, self.count)
        self.of_day: dict[date, list[int]] = defaultdict(list)
        for n in range(self.count):
            day = self.days[on[n]]
            self.of_day[day].append(BASE + n)
            happened = datetime.combine(day - timedelta(days=1), datetime.min.time(), tzinfo=UTC) + timedelta(hours=9)
            yield {
                "id": BASE + n, "external_id": f"q-{n}", "unit_id": BASE + int(where[n]),
                "customer_id": BASE + int(who[n]), "happened_at": happened, "number": "",
            }  # fmt: skip

    # ---- the days ----

    def run(self) -> None:
        """Let the quarter pass; what does not hold stands in `broken`."""
        for day in self.days:
            now = datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(hours=AT)
            with clock.pretend(now):
                self._come(day)
                schedule.look_again(Beat(budget_s=None))
                schedule.plan(Beat(budget_s=None))
                schedule.draw(Beat(budget_s=None))
            self._compare(day)
            self._leave(day, now)
        self._count_all()

    def _come(self, day: date) -> None:
        """Purchases of yesterday, and answers of today."""
        with transaction() as session:
            session.execute(update(Interaction).where(one_of(Interaction.id, self.of_day[day])).values(undecided=True))
            answered_at = clock.utcnow() - timedelta(hours=1)
            session.execute(
                update(Invitation)
                .where(one_of(Invitation.id, self.due[day]))
                .values(state=InvitationState.ANSWERED, answered_at=answered_at)
            )

    def _leave(self, day: date, now: datetime) -> None:
        """What was drawn is sent, without composing letters; the stores' customers answer when they like."""
        planned = Invitation.state == InvitationState.PLANNED
        with transaction() as session:
            lines = session.execute(select(Invitation).where(planned).order_by(Invitation.id)).scalars().all()
            for line in lines:
                self._check_line(line, day, now)
                if self.chance.random() < self.rate[line.stratum_id or 0]:
                    came = day + timedelta(days=int(np.searchsorted(EMAIL, self.chance.random())))
                    came = max(came, day + timedelta(days=1))  # the day's answers were taken in this morning
                    self.due[came].append(line.id)
                    self.papers[line.stratum_id or 0].answers.append((day, came))
            facts = [{"customer_id": one.customer_id, "survey_id": one.survey_id} for one in lines]
            about = {"touchpoint_id": self.company.touchpoint.id, "kind": FactKind.INVITED, "at": now}
            insert_many(ContactFact, facts, **about)
            session.execute(
                update(Invitation)
                .where(planned)
                .values(state=InvitationState.HANDED_OVER, handed_over_at=now, sent_at=now)
            )

    # ---- the paper ----

    def _compare(self, day: date) -> None:
        """Every draw of the day, computed from the paper alone."""
        db.session.rollback()
        month = day.replace(day=1)
        made = {
            row.place_id: row
            for row in db.session.execute(
                select(Quota.place_id, QuotaDraw.pool, QuotaDraw.drawn, QuotaDraw.rest, QuotaDraw.share)
                .join(QuotaDraw, QuotaDraw.quota_id == Quota.id)
                .where(QuotaDraw.day == day)
            )
        }
        taken: dict[int, dict[int, bool]] = defaultdict(dict)
        columns = Invitation.stratum_id, Invitation.interaction_id, Invitation.state
        for row in db.session.execute(select(*columns).where(Invitation.drawn_on == day)):
            taken[row.stratum_id][row.interaction_id] = row.state is InvitationState.PLANNED
        delays = self._delays(day)
        for store, paper in self.papers.items():
            wanted = self._on_paper(paper, day, month, delays, len(taken[store]))
            self._same(store, day, made.get(store), wanted, taken[store])
            paper.pools[day], paper.asked[day] = len(taken[store]), wanted[0]

    def _delays(self, day: date) -> list[float]:
        oldest, newest = (
            day - timedelta(days=pace.SETTLED_DAYS + pace.COHORT_DAYS),
            day - timedelta(days=pace.SETTLED_DAYS),
        )
        took: Counter[int] = Counter()
        for paper in self.papers.values():
            took.update((came - on).days for on, came in paper.answers if oldest <= on <= newest and came <= day)
        return pace.learned(EMAIL, took)

    def _on_paper(
        self, paper: Paper, day: date, month: date, delays: list[float], pool: int
    ) -> tuple[int, float, float]:
        came = Counter(on for on, answer in paper.answers if answer <= day)
        left = (quotas.later(month, 1) - day).days
        seen = {(day - on).days: count for on, count in paper.pools.items() if count and _remembered(on, month)}
        cohorts = [
            Cohort((day - on).days - 1, count, came[on])
            for on, count in paper.asked.items()
            if count and (day - on).days - 1 <= pace.COHORT_DAYS
        ]
        answered = sum(month <= answer <= day for _on, answer in paper.answers)
        pools = pace.pools_ahead(seen, today=pool, weekday=day.weekday(), days=left)
        plan = pace.plan(Situation(self.target, answered, pools, cohorts, delays))
        number, rest = pace.whole(plan.invitations, paper.rest.get(month, 0.0), pool=pool, settings=Settings())
        paper.rest[month] = rest
        return number, rest, plan.share

    def _same(self, store: int, day: date, made: Any, wanted: tuple[int, float, float], taken: dict[int, bool]) -> None:
        self.draws += 1
        if made is None:
            self.broken.append(f"{day}, store {store}: no draw")
            return
        if (made.pool, made.drawn) != (len(taken), wanted[0]) or abs(made.share - wanted[2]) > 1e-9:
            self.broken.append(f"{day}, store {store}: {made} instead of {wanted} of {len(taken)}")
        key = current_app.config["SECRET_KEYS"][0]
        lot = draws.ranked(key, self.company.survey.id, day, taken)
        if {id_ for id_, drawn in taken.items() if drawn} != set(lot[: made.drawn]):
            self.broken.append(f"{day}, store {store}: others were drawn than the lot says")

    def _check_line(self, line: Invitation, day: date, now: datetime) -> None:
        """Rules that hold for every invitation that leaves."""
        before = self.last_asked.get(line.customer_id or 0)
        if before and day - before < QUARANTINE:
            self.broken.append(f"{day}: customer {line.customer_id} was asked on {before}")
        self.last_asked[line.customer_id or 0] = day
        if not (line.send_at and line.send_at <= now and line.drawn_on == day and line.probability):
            self.broken.append(f"{day}: line {line.id} was planned without its draw")

    def _count_all(self) -> None:
        """One line for each purchase, and nobody who waits after the last day."""
        db.session.rollback()
        rows = select(Invitation.state, Invitation.reason, func.count()).group_by(Invitation.state, Invitation.reason)
        self.states = {str(reason or state): count for state, reason, count in db.session.execute(rows)}
        self.decided = sum(self.states.values())
        if self.decided != self.count:
            self.broken.append(f"{self.decided} lines about {self.count} purchases")
        self.reached = sum(
            sum(month <= came < quotas.later(month, 1) for _on, came in paper.answers) >= self.target
            for paper in self.papers.values()
            for month in MONTHS
        ) / (len(self.papers) * len(MONTHS))
        self.not_drawn = self.states.get(Reason.NOT_DRAWN.value, 0)


def _remembered(on: date, month: date) -> bool:
    return on >= month - timedelta(days=pace.COHORT_DAYS + 1)
