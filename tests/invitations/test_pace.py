"""The planner: the reference months, the method's table of simulated months, and what holds for every month."""

import json
import math
import random
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from npsapp.invitations import draws, pace
from npsapp.invitations.pace import Cohort, Curve, Settings, Situation

CASES = json.loads((Path(__file__).parents[1] / "data" / "nps_reference_cases.json").read_text("utf-8"))["quota"]
SEED = 20261120
EMAIL = pace.PRIORS[Curve.EMAIL]


# ---- the method's own numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", Curve)
def test_the_priors_grow_to_one_through_the_points_of_the_method(curve: Curve) -> None:
    by = pace.PRIORS[curve]
    known = {
        Curve.EMAIL: {0: 0.48, 1: 0.66, 2: 0.75, 3: 0.81, 7: 0.93},
        Curve.REMINDER: {0: 0.34, 1: 0.47, 2: 0.54, 3: 0.71, 7: 0.90},
        Curve.SMS: {0: 0.86, 1: 0.93, 2: 0.96, 3: 0.975, 7: 1.0},
        Curve.PHONE: {0: 0.40, 1: 0.62, 2: 0.77, 3: 0.87, 7: 1.0},
    }[curve]

    assert list(by) == sorted(by)
    assert by[-1] == 1.0
    assert {day: by[day] for day in known} == known


def test_an_alarm_rings_in_the_middle_of_the_month_not_on_its_last_day() -> None:
    given = next(case["inputs"] for case in CASES if case["id"] == "july_15_short_pool")
    plan = pace.plan(situation(given))

    assert (plan.share, plan.attainable, round(plan.forecast, 1)) == (1.0, False, 90.5)


def situation(given: dict[str, Any]) -> Situation:
    cohorts = [Cohort(*one) for one in zip(given["ages"], given["sent"], given["answered_by_cohort"], strict=True)]
    rules = Settings(given["r0"], given["m0"], given["z"], given["discount"])
    return Situation(given["T"], given["answered"], given["pools"], cohorts, given["delay_cdf"], rules)


# ---- simulated months ----------------------------------------------------------------------------------------------


def month(chance: np.random.Generator, *, target: int = 100, events: int = 60, days: int = 31) -> int:
    """Answers of one store in one month under the planner, with what it cannot know drawn at random."""
    mean, deviation = 0.15, 0.04
    size = mean * (1 - mean) / deviation**2 - 1
    rate = chance.beta(mean * size, (1 - mean) * size)
    comes = np.diff([0.0, *EMAIL])
    seen = {ago: int(pool) for ago, pool in enumerate(chance.poisson(events, pace.RECENT_DAYS), start=1)}
    sent: list[int] = []
    came: list[np.ndarray] = []
    rest = 0.0
    for today in range(days):
        pool = int(chance.poisson(events))
        cohorts = [Cohort(today - 1 - on, sent[on], int(came[on][: today - on].sum())) for on in range(today)]
        plan = pace.plan(
            Situation(
                target,
                sum(int(one.answered) for one in cohorts),
                pace.pools_ahead(seen, today=pool, weekday=today % 7, days=days - today),
                cohorts,
            )
        )
        number, rest = pace.whole(plan.invitations, rest, pool=pool, settings=Settings())
        sent.append(number)
        came.append(chance.multinomial(chance.binomial(number, rate), comes))
        seen = {1: pool, **{ago + 1: count for ago, count in seen.items()}}
    return sum(int(came[on][: days - on].sum()) for on in range(days))


def test_two_thousand_store_months_reach_their_quota_as_often_as_the_method_says() -> None:
    print(f"seed {SEED}")
    chance = np.random.default_rng(SEED)

    reached = np.array([month(chance) for _ in range(2000)])

    hit, over = (reached >= 100).mean(), np.maximum(reached - 100, 0).mean()
    print(f"hit {hit:.3f}, mean overshoot {over:.2f} %, mean {reached.mean():.1f}")
    assert 0.82 <= hit <= 0.91
    assert over < 3.0
    assert (reached >= 95).mean() > 0.97


# ---- what always holds ---------------------------------------------------------------------------------------------

cohort = st.builds(
    lambda age, sent, share: Cohort(age, sent, int(sent * share)),
    st.integers(0, pace.COHORT_DAYS),
    st.integers(0, 500),
    st.floats(0, 1),
)
situations = st.builds(
    Situation,
    target=st.integers(0, 1000),
    answered=st.integers(0, 1200),
    pools=st.lists(st.floats(0, 500), max_size=31),
    cohorts=st.lists(cohort, max_size=40),
    delays=st.sampled_from([pace.PRIORS[curve] for curve in Curve]),
    settings=st.builds(
        Settings,
        prior_rate=st.floats(0.01, 1),
        prior_weight=st.floats(1, 100),
        safety=st.floats(0, 3),
        discount=st.floats(0.5, 1),
        most_share=st.floats(0.01, 1),
        most_a_day=st.none() | st.integers(0, 100),
    ),
)


@given(situations)
def test_a_plan_never_asks_more_than_there_are_and_nobody_once_the_target_is_reached(now: Situation) -> None:
    plan = pace.plan(now)

    assert 0 <= plan.rate <= 1
    assert 0 <= plan.share <= now.settings.most_share
    assert plan.invitations <= (now.pools[0] if now.pools else 0) + 1e-9
    assert plan.low <= plan.forecast <= plan.high
    assert plan.forecast <= plan.best + 1e-6
    assert plan.attainable == (plan.best >= now.target)
    if now.answered >= now.target:
        assert plan.invitations == 0
    assert all(map(math.isfinite, (plan.pending, plan.need, plan.capacity, plan.low, plan.high)))


@given(situations, st.integers(1, 100))
def test_a_higher_target_never_asks_fewer(now: Situation, more: int) -> None:
    higher = Situation(now.target + more, now.answered, now.pools, now.cohorts, now.delays, now.settings)

    assert pace.plan(higher).share >= pace.plan(now).share


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 60)), max_size=60), st.none() | st.integers(0, 30))
def test_whole_numbers_lose_nothing_and_never_exceed_the_day(days: list[tuple[float, int]], most: int | None) -> None:
    rest, asked, wished = 0.0, 0, 0.0
    for invitations, pool in days:
        number, rest = pace.whole(min(invitations, pool), rest, pool=pool, settings=Settings(most_a_day=most))
        assert 0 <= number <= (pool if most is None else min(pool, most))
        assert 0 <= rest <= 1
        asked, wished = asked + number, wished + min(invitations, pool)
    assert asked <= wished + 1e-6


@given(st.dictionaries(st.integers(0, 90), st.integers(0, 50), max_size=30), st.sampled_from(list(Curve)))
def test_what_is_learned_about_delays_stays_a_distribution(took: dict[int, int], curve: Curve) -> None:
    found = pace.learned(pace.PRIORS[curve], took)

    assert found == sorted(found)
    assert found[0] > 0
    assert found[-1] <= 1 + 1e-9


def test_three_hundred_answers_outweigh_the_prior() -> None:
    slow = pace.learned(EMAIL, {5: 300})

    assert slow[0] == pytest.approx(0.12)
    assert slow[5] > 0.96


def test_each_weekday_has_its_own_forecast_at_the_level_of_the_last_weeks() -> None:
    monday = 0
    weeks = {ago: (0 if (monday - ago) % 7 == 6 else 20) for ago in range(1, 57)}  # closed on Sundays
    doubled = {ago: pool * 2 if ago <= 28 else pool for ago, pool in weeks.items()}

    assert pace.pools_ahead(weeks, today=7, weekday=monday, days=7) == [7, 20, 20, 20, 20, 20, 0]
    assert pace.pools_ahead(doubled, today=7, weekday=monday, days=7) == pytest.approx([7, 40, 40, 40, 40, 40, 0])
    assert pace.pools_ahead({}, today=9, weekday=3, days=3) == [9, 9, 9]


# ---- the lot ---------------------------------------------------------------------------------------------------


@given(st.sets(st.integers(1, 10**9), max_size=50), st.randoms())
def test_the_lot_repeats_itself_whatever_the_order_it_is_given(ids: set[int], chance: random.Random) -> None:
    mixed = list(ids)
    chance.shuffle(mixed)

    first = draws.ranked("key", 1, date(2026, 11, 3), ids)

    assert first == draws.ranked("key", 1, date(2026, 11, 3), mixed)
    assert sorted(first) == sorted(ids)


def test_the_lot_is_fair_and_another_key_or_day_draws_others() -> None:
    """A quarter of 40 drawn on 2,000 days: each is in with a share of .25, give or take 4 standard errors."""
    ids, times = range(1, 41), 2000
    drawn = [0] * 41
    for day in range(times):
        for id_ in draws.ranked("key", 7, date.fromordinal(730_000 + day), ids)[:10]:
            drawn[id_] += 1

    shares = [count / times for count in drawn[1:]]
    assert max(abs(share - 0.25) for share in shares) < 4 * math.sqrt(0.25 * 0.75 / times)
    day = date(2026, 11, 3)
    assert draws.ranked("key", 7, day, ids) != draws.ranked("other", 7, day, ids)
    assert draws.ranked("key", 7, day, ids) != draws.ranked("key", 7, date(2026, 11, 4), ids)


@given(st.dictionaries(st.integers(1, 10**6), st.floats(0, 1), min_size=1, max_size=6))
def test_one_touchpoint_of_an_order_is_chosen_with_the_probability_of_its_need(needs: dict[int, float]) -> None:
    id_, probability = draws.chosen("key", needs)

    total = math.fsum(needs.values())
    assert probability == pytest.approx(needs[id_] / total if total else 1 / len(needs))
    assert probability > 0
    assert draws.chosen("key", dict(reversed(needs.items()))) == (id_, probability)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_touchpoints_in_greater_need_are_chosen_more_often(start: int) -> None:
    picked = [draws.chosen("key", {2 * n: 0.75, 2 * n + 1: 0.25})[0] % 2 == 0 for n in range(start, start + 2000)]

    assert abs(sum(picked) / 2000 - 0.75) < 5 * math.sqrt(0.75 * 0.25 / 2000)
