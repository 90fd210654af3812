"""NPS and its uncertainty: counts of three groups in, numbers out.

The scale in here is -1..1; only display multiplies by 100. No answers means no value: None, never 0.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import NormalDist

from npsapp.responses.rules import Group, classify

CONFIDENCE = 0.95
# Below this many answers a value is greyed and never ranked: the interval is wider than ±41 points.
FEW_ANSWERS = 10
# Under this many answers the words of customers say more than the value.
WORDS_FIRST = 30
# Rocks' (3, T): three pseudo-answers, split as a triangle over detractors, passives and promoters.
PSEUDO_OUTER = 0.75
PSEUDO_PASSIVE = 1.5
# Halving [-1, 1] this often reaches the last bit of a float.
HALVINGS = 60


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """How many answers fell into each group."""

    promoters: float = 0
    passives: float = 0
    detractors: float = 0

    @property
    def n(self) -> float:
        """All answers."""
        return self.promoters + self.passives + self.detractors


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval on the scale -1..1, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """An NPS with its score interval; value and interval are None without answers."""

    counts: GroupCounts
    value: float | None
    interval: Interval | None

    @property
    def n(self) -> int:
        """All answers."""
        return int(self.counts.n)

    @property
    def few(self) -> bool:
        """Too few answers to show the value as one that can be compared."""
        return self.counts.n < FEW_ANSWERS


def counts_of_distribution(by_score: Sequence[int]) -> GroupCounts:
    """Counts by group from eleven counts, of score 0 to score 10."""
    if len(by_score) != 11:
        raise ValueError("a distribution has eleven counts, one for each score from 0 to 10")
    sums: Counter[Group] = Counter()
    for score, count in enumerate(by_score):
        sums[classify(score)] += count
    return GroupCounts(sums[Group.PROMOTER], sums[Group.PASSIVE], sums[Group.DETRACTOR])


def nps(counts: GroupCounts) -> float | None:
    """Share of promoters minus share of detractors."""
    if not counts.n:
        return None
    return (counts.promoters - counts.detractors) / counts.n


def variance(counts: GroupCounts) -> float | None:
    """Population variance of the answers coded -1, 0, +1: p + d - (p - d)²."""
    mean = nps(counts)
    if mean is None:
        return None
    return max(0.0, (counts.promoters + counts.detractors) / counts.n - mean * mean)


def standard_error(counts: GroupCounts) -> float | None:
    """sqrt(variance / n), with the population variance."""
    spread = variance(counts)
    return None if spread is None else sqrt(spread / counts.n)


def adjusted_wald(counts: GroupCounts, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Adjusted Wald interval (3, T), closed form; may leave -1..1.

    Rocks, "Interval Estimation for the Net Promoter Score", The American Statistician 70 (2016).
    """
    if not counts.n:
        return None
    adjusted = GroupCounts(
        counts.promoters + PSEUDO_OUTER, counts.passives + PSEUDO_PASSIVE, counts.detractors + PSEUDO_OUTER
    )
    centre, error = nps(adjusted) or 0.0, standard_error(adjusted) or 0.0
    reach = _quantile(confidence) * error
    return Interval(centre - reach, centre + reach)


def score_interval(counts: GroupCounts, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Score interval (Tango): every NPS that the answers do not contradict; the one we show everywhere.

    Never leaves -1..1, has a width even if all answers agree, and holds its level from one answer on.
    Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998).
    """
    if not counts.n:
        return None
    z = _quantile(confidence)
    # The lower end is the upper end of the mirrored answers; one search serves both.
    low = -_upper_end(counts.detractors, counts.promoters, counts.n, z)
    return Interval(low, _upper_end(counts.promoters, counts.detractors, counts.n, z))


def summarise(counts: GroupCounts) -> Summary:
    """The NPS with the interval that stands beside it."""
    return Summary(counts, nps(counts), score_interval(counts))


def response_rate(answered: int, invited: int) -> float | None:
    """AAPOR RR1 on 0..1: complete answers by all invitations sent, also those refused or never delivered.

    A score without words is a complete answer. None if nobody was invited.
    """
    return answered / invited if invited else None


def rate_interval(part: int, whole: int, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Wilson's interval of a share: Wilson, "Probable inference", Journal of the American Statistical Association 22
    (1927)."""
    if not whole:
        return None
    z = _quantile(confidence)
    share, weight = part / whole, z * z / whole
    centre = (share + weight / 2) / (1 + weight)
    reach = z * sqrt(share * (1 - share) / whole + weight / (4 * whole)) / (1 + weight)
    return Interval(max(centre - reach, 0.0), min(centre + reach, 1.0))


def rate_difference(a: tuple[int, int], b: tuple[int, int], *, confidence: float = CONFIDENCE) -> Interval | None:
    """Interval of share b minus share a, each given as (part, whole); None when one of them has no whole.

    Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17
    (1998), method 10: the distances of Wilson's limits, squared and added.
    """
    first, second = rate_interval(*a, confidence=confidence), rate_interval(*b, confidence=confidence)
    if first is None or second is None:
        return None
    p, q = a[0] / a[1], b[0] / b[1]
    down, up = sqrt((q - second.low) ** 2 + (first.high - p) ** 2), sqrt((second.high - q) ** 2 + (p - first.low) ** 2)
    return Interval(max(q - p - down, -1.0), min(q - p + up, 1.0))


POWER = 0.8


def needed(p: float, q: float, *, share: float, confidence: float = CONFIDENCE, power: float = POWER) -> float:
    """How many in all show a difference as large as between `p` and `q` with that power, if `share` of them are q's.

    Fleiss, Levin, Paik, "Statistical Methods for Rates and Proportions" (3rd edition, 2003), 4.2, without the
    correction for continuity. Infinite when there is no difference.
    """
    if p == q:
        return inf
    reach = _quantile(confidence) + NormalDist().inv_cdf(power)
    return reach * reach * (p * (1 - p) / (1 - share) + q * (1 - q) / share) / (p - q) ** 2


def _quantile(confidence: float) -> float:
    """How many standard errors the two-sided interval reaches."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _upper_end(favourable: float, adverse: float, n: float, z: float) -> float:
    """The highest difference of shares that lies within z standard errors of the one observed."""
    if favourable == n:
        return 1.0
    observed = (favourable - adverse) / n

    def contradicted(theta: float) -> bool:
        spread = 2 * _likeliest_adverse(favourable, adverse, n, theta) + theta * (1 - theta)
        return n * (theta - observed) ** 2 > z * z * max(0.0, spread)

    return _boundary(contradicted, observed, 1.0)


def _likeliest_adverse(favourable: float, adverse: float, n: float, theta: float) -> float:
    """The most likely share of adverse answers if the true difference of shares is theta.

    The larger root of 2n·q² + B·q + C, in the form that does not subtract near-equal numbers.
    """
    b = (2 * n - favourable + adverse) * theta - adverse - favourable
    c = -adverse * theta * (1 - theta)
    root = sqrt(max(0.0, b * b - 8 * n * c))
    if b > 0:
        return -2 * c / (root + b)
    return (root - b) / (4 * n)


def _boundary(beyond: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where a condition begins to hold between a point without and a point with it."""
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        if beyond(middle):
            outside = middle
        else:
            inside = middle
    return inside
