"""PACE: how many to ask today so that the month's answers come in; pure. Formulas: method.md 3.1."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from npsapp.lib.texts import N_, Worded

COHORT_DAYS = 60  # older invitations say nothing of today's rate
SETTLED_DAYS = 15  # from this age on an invitation has told when its answer came, if one came
PROFILE_DAYS = 56  # weekdays are learned from these …
RECENT_DAYS = 28  # … and their level from these
PRIOR_ANSWERS = 100  # what the prior of the delays weighs, in answers
Z80 = 1.2816  # two-sided 80 % of the normal distribution


class Curve(Worded):
    """How answers to one chain of messages come in; see `PRIORS`."""

    EMAIL = "email", N_("letter without reminder")
    REMINDER = "reminder", N_("letter with a reminder on the third day")
    SMS = "sms", N_("SMS")
    PHONE = "phone", N_("phone call")


PRIORS: dict[Curve, tuple[float, ...]] = {
    Curve.EMAIL: (0.48, 0.66, 0.75, 0.81, 0.85, 0.88, 0.91, 0.93, 0.95, 0.965, 0.975, 0.985, 0.99, 0.995, 1.0),
    Curve.REMINDER: (0.34, 0.47, 0.54, 0.71, 0.79, 0.84, 0.875, 0.9, 0.925, 0.945, 0.96, 0.975, 0.985, 0.995, 1.0),
    Curve.SMS: (0.86, 0.93, 0.96, 0.975, 0.985, 0.99, 0.995, 1.0),
    Curve.PHONE: (0.4, 0.62, 0.77, 0.87, 0.93, 0.965, 0.99, 1.0),
}
"""Share of all answers by day 0, 1, 2 …: method.md 3.3 for days 0 to 3 and 7, smooth between and after."""


@dataclass(frozen=True)
class Settings:
    """The planner's parameters for one survey."""

    prior_rate: float = 0.15
    """r₀: share of invitations that are answered, before own data say it."""
    prior_weight: float = 20.0
    """m₀: what r₀ weighs, in invitations."""
    safety: float = 0.8
    """z: 0 spares invitations, 1.3 makes sure."""
    discount: float = 0.95
    """q: what an invitation tells of today's rate, for each day of its age."""
    most_share: float = 1.0
    """π_max: the largest share of a day's customers that may be asked."""
    most_a_day: int | None = None
    """Most invitations of one quota on one day; None: no such limit."""


@dataclass(frozen=True)
class Cohort:
    """What was asked on one day: full days waited less one, invitations, answers so far."""

    age: int
    sent: float
    answered: float


@dataclass(frozen=True)
class Situation:
    """A quota on the morning of one day, before anything is sent."""

    target: int
    answered: int
    """In this month, also beyond the target, whenever they were asked."""
    pools: Sequence[float]
    """Customers who could be asked: today's, then the forecast of each day left in the month; empty: it is over."""
    cohorts: Sequence[Cohort] = ()
    delays: Sequence[float] = PRIORS[Curve.EMAIL]
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Plan:
    """What follows for today, and what is to be expected at the end of the month."""

    rate: float
    exposure: float
    pending: float
    need: float
    capacity: float
    """Answers of this month if everybody left were asked."""
    share: float
    """π: the part of each remaining day's customers to ask."""
    invitations: float
    """Of today; whole numbers come from `whole`, which carries the rest."""
    forecast: float
    low: float
    high: float
    """80 % band; `low` may be below 0 and is cut for display only."""
    best: float
    """The forecast if the largest allowed share were asked from now on."""
    attainable: bool


def plan(now: Situation) -> Plan:
    """Steps 2 to 7 of method.md 3.1 for one quota and day."""
    rules, delays = now.settings, now.delays
    days_left = len(now.pools)
    weights = [rules.discount**one.age for one in now.cohorts]
    exposure = sum(w * one.sent * by(delays, one.age) for w, one in zip(weights, now.cohorts, strict=True))
    seen = rules.prior_weight * rules.prior_rate + sum(
        w * one.answered for w, one in zip(weights, now.cohorts, strict=True)
    )
    rate = min(seen / (rules.prior_weight + exposure), 1.0)
    pending = sum(_still_to_come(one, rate, delays, days_left) for one in now.cohorts)
    need = max(now.target + rules.safety * math.sqrt(pending + 1) - now.answered - pending, 0.0)
    if now.answered >= now.target:
        need = 0.0
    capacity = sum(pool * rate * by(delays, days_left - 1 - ahead) for ahead, pool in enumerate(now.pools))
    share = min(rules.most_share, need / capacity) if capacity > 0 else rules.most_share if need else 0.0
    expected = pending + share * capacity
    forecast = now.answered + expected
    half = Z80 * math.sqrt(max(expected * (1 - rate) + expected**2 / seen, 0.0))
    best = now.answered + pending + rules.most_share * capacity
    return Plan(
        rate=rate,
        exposure=exposure,
        pending=pending,
        need=need,
        capacity=capacity,
        share=share,
        invitations=share * now.pools[0] if now.pools else 0.0,
        forecast=forecast,
        low=forecast - half,
        high=forecast + half,
        best=best,
        attainable=best >= now.target,
    )


def _still_to_come(one: Cohort, rate: float, delays: Sequence[float], days_left: int) -> float:
    """Answers of a cohort until the end of the month, given that so many are still silent."""
    arrived = by(delays, one.age)
    still = by(delays, one.age + days_left) - arrived
    silent = one.sent - one.answered
    return max(silent, 0.0) * rate * still / (1 - rate * arrived) if still > 0 else 0.0


def by(delays: Sequence[float], day: int) -> float:
    """F(day): the share of all answers that have come by then; none before the day of sending."""
    return 0.0 if day < 0 else delays[min(day, len(delays) - 1)]


def whole(invitations: float, carried: float, *, pool: int, settings: Settings) -> tuple[int, float]:
    """Today's whole number of invitations, and the rest for tomorrow; the largest day is cut last."""
    wished = invitations + carried
    number = min(math.floor(wished + 1e-9), pool)
    rest = min(max(wished - number, 0.0), 1.0)
    return min(number, pool if settings.most_a_day is None else settings.most_a_day), rest


def learned(prior: Sequence[float], came_after: Mapping[int, int]) -> list[float]:
    """F from the prior and the answers of settled invitations, by the days they took (step 1)."""
    total = sum(came_after.values())
    longest = max([len(prior) - 1, *(day for day in came_after if day <= COHORT_DAYS)])
    found, arrived = [], 0
    for day in range(longest + 1):
        arrived += came_after.get(day, 0)
        found.append((PRIOR_ANSWERS * by(prior, day) + arrived) / (PRIOR_ANSWERS + total))
    return found


def pools_ahead(seen: Mapping[int, int], *, today: int | None, weekday: int, days: int) -> list[float]:
    """Customers of today and of each of the `days - 1` days after it (step 5).

    `today` None: not known yet. `seen` says how many there were on earlier days, by how long ago (1 = yesterday);
    `weekday` is today's. Each weekday has its mean of eight weeks, all of them raised or lowered to the level of the
    last four. Before there is a past, every day is like today.
    """
    span = min(max(seen, default=0), PROFILE_DAYS)
    if not span:
        return [float(today or 0)] * days
    of_weekday: dict[int, list[int]] = {}
    for ago in range(1, span + 1):
        of_weekday.setdefault((weekday - ago) % 7, []).append(seen.get(ago, 0))
    mean = sum(sum(counts) for counts in of_weekday.values()) / span
    profile = [sum(counts) / len(counts) if (counts := of_weekday.get(day)) else mean for day in range(7)]
    recent = range(1, min(span, RECENT_DAYS) + 1)
    forecast = sum(profile[(weekday - ago) % 7] for ago in recent)
    level = sum(seen.get(ago, 0) for ago in recent) / forecast if forecast else 1.0
    ahead = [level * profile[(weekday + day) % 7] for day in range(days)]
    return ahead if today is None else [float(today), *ahead[1:]]
