"""Reading quotas: the places that have them, what was asked and answered there, and what is to be expected."""

from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, case, func, select, type_coerce
from sqlalchemy.orm import aliased

from npsapp.db import db, one_of, within
from npsapp.intake.models import Interaction, InteractionPerformer
from npsapp.invitations import pace
from npsapp.invitations.models import Invitation, InvitationPolicy
from npsapp.invitations.pace import Cohort, Plan, Situation
from npsapp.invitations.quota_models import Quota, QuotaDraw, QuotaRule, Stratum
from npsapp.invitations.rules import InvitationState
from npsapp.lib.clock import day_bounds, local_date
from npsapp.lib.texts import N_, text_in
from npsapp.organization.models import Performer, Region, Unit
from npsapp.organization.rules import fold
from npsapp.permissions import EVERYTHING, Scope
from npsapp.surveys.models import Survey

NOT_ASKED = InvitationState.WAITING, InvitationState.EXCLUDED, InvitationState.WITHDRAWN
KNOWN_DAYS = 7  # before so many days of customers were seen, nobody is alarmed by a forecast
LADDER = (
    N_("Ask everybody who may be asked: raise the largest share and the most invitations a day."),
    N_("Add a reminder on the third or fourth day."),
    N_("Add a second channel for those who do not answer."),
    N_("Let customers who were not drawn take part for up to three more days."),
    N_("Move a part of the target to another place of the region, or lower it. Only a person does that."),
)
"""What helps when answers run short, in this order (method.md 3.5); quarantine and consent are never relaxed."""


@dataclass(frozen=True)
class Place:
    """A unit, region or performer, as far as quotas go by it."""

    id: int
    name: str
    region_id: int | None
    zone: str


@dataclass
class Counted:
    """What happened in one place, by local day of the draw."""

    answered: int = 0
    """In the month, whenever they were asked."""
    pools: Counter[date] = field(default_factory=Counter)
    asked: dict[date, tuple[int, int]] = field(default_factory=dict)
    """Invitations, and their answers so far."""


@dataclass(frozen=True)
class Standing:
    """One quota on a page."""

    place: Place
    quota: Quota
    answered: int
    today: int | None
    """Invitations drawn today; None: not drawn yet, or not this month."""
    plan: Plan
    attainable: bool | None
    """Whether the target can still be reached; None: too few days of customers were seen to say."""
    advice: str
    """What to do: a msgid."""


def rule(survey_id: int) -> QuotaRule:
    """How a survey draws; one without a row of its own goes by the defaults."""
    usual = {column.name: column.default.arg for column in QuotaRule.__table__.c if column.default}
    return db.session.get(QuotaRule, survey_id) or QuotaRule(survey_id=survey_id, **usual)


def months() -> set[tuple[int, date]]:
    """(Survey, month) in which customers wait for a draw."""
    return {(row.survey_id, row.month) for row in db.session.execute(select(Quota.survey_id, Quota.month).distinct())}


def month_of(day: date) -> date:
    """The first of its month."""
    return day.replace(day=1)


def later(month: date, months: int) -> date:
    """The first of the month so many months after this one."""
    ordinal = month.year * 12 + month.month - 1 + months
    return date(ordinal // 12, ordinal % 12 + 1, 1)


# ---- places ----------------------------------------------------------------------------------------------------


def places(survey: Survey, kind: Stratum, *, language: str = "en", scope: Scope = EVERYTHING) -> list[Place]:
    """All places of one kind that this survey asks about, also retired ones, by name."""
    model: Any = {Stratum.UNIT: Unit, Stratum.REGION: Region, Stratum.PERFORMER: Performer}[kind]
    region_id = Region.id if kind is Stratum.REGION else Unit.region_id
    rows = select(model.id, model.name, region_id.label("region_id"), Region.timezone)
    if kind is Stratum.PERFORMER:
        rows = rows.outerjoin(Unit, Unit.id == Performer.unit_id)
    if kind is not Stratum.REGION:
        rows = rows.outerjoin(Region, Region.id == region_id)
    owned = Region.pool_id == survey.brand.pool_id if kind is Stratum.REGION else model.brand_id == survey.brand_id
    found = [
        Place(
            row.id,
            row.name if isinstance(row.name, str) else text_in(row.name, language),
            row.region_id,
            row.timezone or survey.brand.timezone,
        )
        for row in db.session.execute(rows.where(owned, within(region_id, scope)))
    ]
    return sorted(found, key=lambda place: (fold(place.name), place.id))


def place_of(kind: Stratum) -> ColumnElement[Any]:
    """The place of an interaction; of several performers the one entered first."""
    if kind is Stratum.PERFORMER:
        theirs = InteractionPerformer.interaction_id == Interaction.id
        return select(func.min(InteractionPerformer.performer_id)).where(theirs).scalar_subquery()
    column: Any = Interaction.unit_id if kind is Stratum.UNIT else Interaction.region_id
    return column  # type: ignore[no-any-return]


def in_month(survey_id: int, kind: Stratum, month: date) -> dict[int, Quota]:
    """The quotas of a month by place."""
    of = Quota.survey_id == survey_id, Quota.kind == kind, Quota.month == month
    return {one.place_id: one for one in db.session.scalars(select(Quota).where(*of))}


def targets(survey_id: int, kind: Stratum, months: Sequence[date]) -> dict[tuple[int, date], int]:
    """(Place, month) → answers wanted."""
    of = Quota.survey_id == survey_id, Quota.kind == kind, Quota.month.in_(months)
    rows = db.session.execute(select(Quota.place_id, Quota.month, Quota.target).where(*of))
    return {(row.place_id, row.month): row.target for row in rows}


# ---- counting --------------------------------------------------------------------------------------------------


def count(survey: Survey, found: Iterable[Place], *, month: date) -> dict[int, Counted]:
    """What was asked and answered in these places: read from one index, with one statement for each time zone.

    Nothing is kept as a number: an answer counts because its invitation is answered.
    """
    by_zone: dict[str, list[int]] = defaultdict(list)
    for place in found:
        by_zone[place.zone].append(place.id)
    counted: dict[int, Counted] = defaultdict(Counted)
    for zone, ids in by_zone.items():
        for row in db.session.execute(_counts(survey.id, ids, zone, month)):
            one = counted[row.stratum_id]
            one.answered += row.this_month
            one.pools[row.drawn_on] += row.pool
            if row.asked:
                one.asked[row.drawn_on] = row.asked, row.answered
    return counted


def _counts(survey_id: int, ids: Sequence[int], zone: str, month: date) -> Any:
    begin, end = day_bounds(month, zone)[0], day_bounds(later(month, 1), zone)[0]
    policy = db.session.get(InvitationPolicy, survey_id)
    lives = (policy.valid_days + policy.latest_days) if policy else 0
    asked = Invitation.state.not_in(NOT_ASKED)
    in_time = and_(asked, Invitation.answered_at >= begin, Invitation.answered_at < end)
    return (
        select(
            Invitation.stratum_id,
            Invitation.drawn_on,
            func.count().label("pool"),
            func.sum(case((asked, 1), else_=0)).label("asked"),
            func.sum(case((and_(asked, Invitation.answered_at.is_not(None)), 1), else_=0)).label("answered"),
            func.sum(case((in_time, 1), else_=0)).label("this_month"),
        )
        .where(*_of(survey_id, ids), Invitation.drawn_on >= month - timedelta(days=max(lives, pace.COHORT_DAYS + 1)))
        .group_by(Invitation.stratum_id, Invitation.drawn_on)
    )


def _of(survey_id: int, ids: Iterable[int]) -> tuple[ColumnElement[bool], ...]:
    return Invitation.survey_id == survey_id, one_of(Invitation.stratum_id, ids)


def delays(survey: Survey, rules: QuotaRule, *, day: date) -> list[float]:
    """F: the prior of the curve, corrected by the answers of invitations old enough to have told (days in UTC).

    Learned from all places of the survey, whichever of them are drawn or shown together.
    """
    ids = [place.id for place in places(survey, rules.kind)]
    settled = day - timedelta(days=pace.SETTLED_DAYS + pace.COHORT_DAYS), day - timedelta(days=pace.SETTLED_DAYS)
    came_on = type_coerce(func.date(Invitation.answered_at), Date)
    rows = (
        select(Invitation.drawn_on, came_on.label("came_on"), func.count().label("number"))
        .where(*_of(survey.id, ids), Invitation.drawn_on.between(*settled), Invitation.answered_at.is_not(None))
        .group_by(Invitation.drawn_on, came_on)
    )
    took: Counter[int] = Counter()
    for row in db.session.execute(rows):
        took[max((row.came_on - row.drawn_on).days, 0)] += row.number
    return pace.learned(pace.PRIORS[rules.curve], took)


def situation(
    counted: Counted, *, target: int, day: date, today: int | None, delays: Sequence[float], settings: pace.Settings
) -> Situation:
    """A quota on the morning of a day; `today`: customers who wait for its draw, None: as many as usual."""
    left = monthrange(day.year, day.month)[1] - day.day + 1
    ages = {on: (day - on).days - 1 for on in counted.asked}
    return Situation(
        target=target,
        answered=counted.answered,
        pools=pace.pools_ahead(seen(counted, day), today=today, weekday=day.weekday(), days=left),
        cohorts=[
            Cohort(ages[on], *numbers) for on, numbers in counted.asked.items() if 0 <= ages[on] <= pace.COHORT_DAYS
        ],
        delays=delays,
        settings=settings,
    )


def seen(counted: Counted, day: date) -> dict[int, int]:
    """Customers of earlier days, by how many days ago."""
    return {(day - on).days: pool for on, pool in counted.pools.items() if on < day}


def draws_on(quotas: Iterable[Quota], days: Iterable[date]) -> dict[tuple[int, date], QuotaDraw]:
    """(Quota, local day) → its draw."""
    of = one_of(QuotaDraw.quota_id, [one.id for one in quotas]), QuotaDraw.day.in_({*days})
    return {(one.quota_id, one.day): one for one in db.session.scalars(select(QuotaDraw).where(*of))}


def out_of_reach(now: datetime) -> list[Quota]:
    """Quotas of this month whose newest draw found that they cannot be reached, and that nobody was told of."""
    one = aliased(QuotaDraw)
    newest = select(func.max(one.day)).where(one.quota_id == Quota.id).correlate(Quota).scalar_subquery()
    rows = select(Quota).join(QuotaDraw, and_(QuotaDraw.quota_id == Quota.id, QuotaDraw.day == newest))
    this_month = Quota.month >= month_of((now - timedelta(days=1)).date())
    found = rows.where(QuotaDraw.attainable.is_(False), Quota.told_at.is_(None), this_month)
    return list(db.session.scalars(found.order_by(Quota.id)))


# ---- the page --------------------------------------------------------------------------------------------------


def standings(
    survey: Survey, shown: Sequence[Place], quotas: Mapping[int, Quota], *, month: date, now: datetime
) -> list[Standing]:
    """How these places stand in a month: what came, what is still to be expected, what to do."""
    rules = rule(survey.id)
    days = {place.id: local_date(now, place.zone) for place in shown}
    counted = count(survey, shown, month=month)
    came = delays(survey, rules, day=max(days.values())) if days else []
    drawn = draws_on(quotas.values(), days.values())
    return [
        _standing(
            place, quotas[place.id], counted.get(place.id, Counted()), days[place.id],
            drawn.get((quotas[place.id].id, days[place.id])), rules, came,
        )
        for place in shown
    ]  # fmt: skip


def _standing(
    place: Place, quota: Quota, counted: Counted, day: date, draw: QuotaDraw | None, rules: QuotaRule, came: list[float]
) -> Standing:
    """After today's draw the plan is that of tomorrow's morning; before the month that of its first."""
    from_day = max(quota.month, day + timedelta(days=1) if draw else day)
    over = month_of(from_day) > quota.month
    asked = situation(counted, target=quota.target, day=from_day, today=None, delays=came, settings=rules.settings)
    if over:
        asked = Situation(quota.target, counted.answered, (), settings=rules.settings)
    plan = pace.plan(asked)
    known = over or plan.attainable or max(seen(counted, from_day), default=0) >= KNOWN_DAYS
    today = draw.drawn if draw else None
    words = advice(quota, counted.answered, plan, rules, over=over, known=known)
    return Standing(place, quota, counted.answered, today, plan, plan.attainable if known else None, words)


def advice(quota: Quota, answered: int, plan: Plan, rules: QuotaRule, *, over: bool, known: bool) -> str:
    """The next thing to do about a quota: a msgid."""
    if answered >= quota.target:
        return N_("Reached. Nobody else is asked; answers that still come are kept.")
    if over:
        return N_("The month is over.")
    if not known:
        return N_("Too early to say: customers were seen on fewer than seven days.")
    if plan.attainable:
        return N_("On course.") if plan.forecast >= quota.target else N_("Can still be reached.")
    steps = (
        rules.most_share < 1 or rules.most_a_day is not None,
        rules.curve is pace.Curve.EMAIL,
        rules.curve in (pace.Curve.EMAIL, pace.Curve.REMINDER),
        rules.most_a_day is not None and rules.carry_days == 0,
        True,
    )
    return next(words for words, helps in zip(LADDER, steps, strict=True) if helps)
