"""NPS and its intervals, against the reference cases and as properties."""

import json
from math import isclose, sqrt
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from npsapp.reports import statistics
from npsapp.reports.statistics import GroupCounts
from npsapp.responses.rules import Group, classify

CASES = json.loads((Path(__file__).parents[1] / "data" / "nps_reference_cases.json").read_text("utf-8"))
Z95 = 1.959963984540054

answers = st.integers(min_value=0, max_value=5000)
counted = st.builds(GroupCounts, promoters=answers, passives=answers, detractors=answers)
some_counted = counted.filter(lambda counts: counts.n > 0)


def mirrored(counts: GroupCounts) -> GroupCounts:
    return GroupCounts(counts.detractors, counts.passives, counts.promoters)


def close(computed: float, expected: float, tolerance: float) -> bool:
    return abs(computed - expected) <= tolerance * max(1.0, abs(expected))


@pytest.mark.parametrize("case", CASES["single"], ids=lambda case: case["id"])
def test_reference_cases_agree_with_two_other_tools(case):
    counts = GroupCounts(promoters=case["pro"], passives=case["pas"], detractors=case["det"])
    tolerance = CASES["meta"]["tolerance"]
    wald, score = statistics.adjusted_wald(counts), statistics.score_interval(counts)

    assert close(statistics.nps(counts), case["expected"]["nps"], tolerance["closed_form"])
    assert close(statistics.variance(counts), case["expected"]["var"], tolerance["closed_form"])
    assert close(statistics.standard_error(counts), case["expected"]["se"], tolerance["closed_form"])
    for computed, expected in zip((wald.low, wald.high), case["intervals95"]["adj_wald_3T"], strict=True):
        assert close(computed, expected, tolerance["closed_form"])
    for computed, expected in zip((score.low, score.high), case["intervals95"]["score_tango"], strict=True):
        assert close(computed, expected, tolerance["score_tango"])


@pytest.mark.parametrize("case", CASES["single"], ids=lambda case: case["id"])
@pytest.mark.parametrize(("name", "confidence"), [("adj_wald_3T_90", 0.90), ("adj_wald_3T_99", 0.99)])
def test_the_confidence_may_be_chosen(case, name, confidence):
    counts = GroupCounts(promoters=case["pro"], passives=case["pas"], detractors=case["det"])

    interval = statistics.adjusted_wald(counts, confidence=confidence)

    assert close(interval.low, case["intervals95"][name][0], 1e-6)
    assert close(interval.high, case["intervals95"][name][1], 1e-6)


@pytest.mark.parametrize(("score", "group"), CASES["classification"]["map"].items())
def test_every_score_has_its_group(score, group):
    assert classify(int(score)) is Group(group)


@pytest.mark.parametrize("value", [*CASES["classification"]["invalid"], True, "7", 7.0])
def test_what_is_no_score_has_no_group(value):
    with pytest.raises(ValueError, match="not a score"):
        classify(value)


def test_no_answers_have_no_value():
    nobody = GroupCounts()

    assert statistics.nps(nobody) is None
    assert statistics.variance(nobody) is None
    assert statistics.standard_error(nobody) is None
    assert statistics.score_interval(nobody) is None
    assert statistics.adjusted_wald(nobody) is None
    assert statistics.summarise(nobody) == statistics.Summary(nobody, None, None)


def test_nobody_invited_is_no_response_rate():
    assert statistics.response_rate(0, 0) is None
    assert statistics.response_rate(1, 4) == 0.25


@pytest.mark.parametrize(("n", "few"), [(9, True), (10, False)])
def test_under_ten_answers_are_few(n, few):
    assert statistics.summarise(GroupCounts(promoters=n)).few is few


def test_a_distribution_needs_all_eleven_scores():
    with pytest.raises(ValueError, match="eleven"):
        statistics.counts_of_distribution([1, 2, 3])


@given(st.lists(st.integers(min_value=0, max_value=10)))
def test_every_answer_of_a_distribution_is_counted(scores):
    by_score = [scores.count(score) for score in range(11)]

    assert statistics.counts_of_distribution(by_score).n == len(scores)


@given(some_counted)
def test_the_score_interval_holds_the_value_and_stays_on_the_scale(counts):
    interval = statistics.score_interval(counts)

    assert -1 <= interval.low <= statistics.nps(counts) <= interval.high <= 1
    assert interval.high - interval.low > 0


@given(some_counted)
def test_mirrored_answers_mirror_the_intervals(counts):
    for interval in (statistics.score_interval, statistics.adjusted_wald):
        one, other = interval(counts), interval(mirrored(counts))
        assert isclose(one.low, -other.high, abs_tol=1e-12)
        assert isclose(one.high, -other.low, abs_tol=1e-12)


@given(st.integers(min_value=1, max_value=10**6))
def test_unanimous_promoters_have_the_known_closed_form(n):
    interval = statistics.score_interval(GroupCounts(promoters=n))

    assert interval.high == 1
    assert isclose(interval.low, (n - Z95**2) / (n + Z95**2), abs_tol=1e-8)


@given(some_counted)
def test_more_of_the_same_answers_narrow_the_interval(counts):
    doubled = GroupCounts(2 * counts.promoters, 2 * counts.passives, 2 * counts.detractors)
    small, large = statistics.score_interval(counts), statistics.score_interval(doubled)

    assert statistics.nps(counts) == statistics.nps(doubled)
    assert large.high - large.low < small.high - small.low


@given(some_counted, st.floats(min_value=0.5, max_value=0.98))
def test_more_confidence_widens_the_interval(counts, confidence):
    narrow = statistics.score_interval(counts, confidence=confidence)
    wide = statistics.score_interval(counts, confidence=confidence + 0.01)

    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@given(some_counted)
def test_the_ends_of_the_score_interval_are_just_not_contradicted(counts):
    """At an end inside the scale the score statistic is z: the definition, not the search, is tested."""
    interval = statistics.score_interval(counts)

    for theta in (interval.low, interval.high):
        if -1 < theta < 1:
            assert isclose(abs(score_statistic(counts, theta)), Z95, rel_tol=1e-5)


@given(some_counted)
def test_the_variance_is_that_of_answers_coded_minus_one_zero_one(counts):
    mean = statistics.nps(counts)
    by_hand = (
        counts.promoters * (1 - mean) ** 2 + counts.passives * mean**2 + counts.detractors * (1 + mean) ** 2
    ) / counts.n

    assert isclose(statistics.variance(counts), by_hand, abs_tol=1e-9)


def score_statistic(counts: GroupCounts, theta: float) -> float:
    """Tango's statistic as printed, with the larger root of the quadratic."""
    n, pro, det = counts.n, counts.promoters, counts.detractors
    b = -det - pro + (2 * n - pro + det) * theta
    c = -det * theta * (1 - theta)
    q = (sqrt(b * b - 8 * n * c) - b) / (4 * n)
    return (pro - det - n * theta) / sqrt(n * (2 * q + theta * (1 - theta)))
