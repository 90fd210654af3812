"""Recomputes reference cases of other tools with the program's own functions and lists the differences."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from npsapp.invitations import pace
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.reports import statistics, wording
from npsapp.reports.statistics import GroupCounts, Interval, counts_of_distribution
from npsapp.responses.rules import classify

# Tolerances of a file that names none; relative to max(1, |value|).
TOLERANCE = {"closed_form": 1e-6, "score_tango": 1e-5, "quota": 1e-5}
REJECTED = "rejected"
# More answers than this are a slip of the pen, and more than a float counts exactly.
MOST_ANSWERS = 10**15


class UnreadableCases(Refused):
    """The file is not one of reference cases; `reason` says what and where."""

    wording = N_("This is not a file of reference cases: %(reason)s")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One value of the file beside the value of the program; None on either side means "no value"."""

    place: str
    expected: object
    computed: object
    agrees: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of a file: how many values agree, those that differ, and what could not be compared."""

    agreeing: int
    differences: list[Comparison]
    unknown_sections: list[str]


def verify(text: str) -> Verification:
    """Compare all sections that the program can compute; `UnreadableCases` if the text has another shape."""
    with _reading("not valid JSON"):
        document = json.loads(text)
    if not isinstance(document, dict):
        raise UnreadableCases(reason="the top level is not an object")
    with _reading("meta.tolerance"):
        named = document.pop("meta", {}).get("tolerance", {})
        tolerance = {name: float(named.get(name, usual)) for name, usual in TOLERANCE.items()}
    if not document:
        raise UnreadableCases(reason="there are no sections in it")
    found: list[Comparison] = []
    for name, compare in SECTIONS.items():
        if name in document:
            with _reading(name):
                found += compare(document[name], tolerance)
    differences = [each for each in found if not each.agrees]
    unknown = [name for name in document if name not in SECTIONS]
    return Verification(len(found) - len(differences), differences, unknown)


@contextmanager
def _reading(place: str) -> Iterator[None]:
    """Whatever has another shape than expected is refused with its place."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise UnreadableCases(reason=f"{place}: {error}") from error


def _classification(section: Any, tolerance: Mapping[str, float]) -> Iterator[Comparison]:
    """Every score of the map gets its group; everything in the list of invalid values is rejected."""
    for score, expected in section.get("map", {}).items():
        computed = _group_of(int(score))
        yield Comparison(f"classification.map[{score}]", expected, computed, computed == expected)
    for value in section.get("invalid", []):
        computed = _group_of(value)
        place = f"classification.invalid[{json.dumps(value)}]"
        yield Comparison(place, REJECTED, computed, computed == REJECTED)


def _group_of(value: Any) -> str:
    """The group of a value, or that it is no score."""
    try:
        return classify(value).value
    except ValueError:
        return REJECTED


def _single(section: Any, tolerance: Mapping[str, float]) -> Iterator[Comparison]:
    """One group of answers after the other: its counts, NPS, error and intervals."""
    if not isinstance(section, list):
        raise TypeError("not a list")
    for number, case in enumerate(section):
        with _reading(f"single[{number}]"):
            place = f"single.{case.get('id', number)}"
            counts = GroupCounts(*(_count(case[name]) for name in ("pro", "pas", "det")))
            if case.get("counts11") is not None:
                computed = counts_of_distribution([_count(each) for each in case["counts11"]])
                yield Comparison(f"{place}.counts11", _in_words(counts), _in_words(computed), computed == counts)
            yield from _compared_values(case, counts, place, tolerance)


def _in_words(counts: GroupCounts) -> str:
    """The three counts as one prints them: detractors/passives/promoters."""
    return f"{int(counts.detractors)}/{int(counts.passives)}/{int(counts.promoters)}"


def _compared_values(
    case: Mapping[str, Any], counts: GroupCounts, place: str, tolerance: Mapping[str, float]
) -> Iterator[Comparison]:
    """The values, and both ends of the intervals, that we compute too."""
    expected = case.get("expected") or {}
    for name in (name for name in VALUES if name in expected):
        yield _compared(f"{place}.{name}", expected[name], VALUES[name](counts), tolerance["closed_form"])
    intervals = case.get("intervals95") or {}
    for name in (name for name in INTERVALS if name in intervals):
        ours = INTERVALS[name](counts)
        low, high = intervals[name] or (None, None)
        allowed = tolerance.get(name, tolerance["closed_form"])
        yield _compared(f"{place}.{name}.low", low, ours.low if ours else None, allowed)
        yield _compared(f"{place}.{name}.high", high, ours.high if ours else None, allowed)


def _quota(section: Any, tolerance: Mapping[str, float]) -> Iterator[Comparison]:
    """One month after the other: the planner's rate, need, share, forecast and band."""
    if not isinstance(section, list):
        raise TypeError("not a list")
    for number, case in enumerate(section):
        with _reading(f"quota[{number}]"):
            plan = pace.plan(_situation(case["inputs"]))
            for name in (name for name in QUOTA if name in case["expected"]):
                expected, computed = case["expected"][name], getattr(plan, QUOTA[name])
                place = f"quota.{case.get('id', number)}.{name}"
                if isinstance(expected, bool):
                    yield Comparison(place, expected, computed, computed is expected)
                else:
                    yield _compared(place, expected, computed, tolerance["quota"])


def _situation(given: Mapping[str, Any]) -> pace.Situation:
    """The morning of `day` as the file tells it; pools are those of that day and of each day to `D`."""
    if len(given["pools"]) != given["D"] - given["day"] + 1:
        raise ValueError("not one pool for each day left")
    cohorts = zip(given["ages"], given["sent"], given["answered_by_cohort"], strict=True)
    rules = pace.Settings(given["r0"], given["m0"], given["z"], given["discount"])
    known = [pace.Cohort(*one) for one in cohorts]
    return pace.Situation(given["T"], given["answered"], given["pools"], known, given["delay_cdf"], rules)


def _compared(place: str, expected: Any, computed: float | None, tolerance: float) -> Comparison:
    """Two numbers, or their absence, side by side."""
    if expected is None or computed is None:
        return Comparison(place, expected, computed, expected is computed)
    agrees = abs(computed - expected) <= tolerance * max(1.0, abs(expected))
    return Comparison(place, expected, computed, agrees)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST_ANSWERS:
        raise ValueError(f"not a whole number of answers: {value!r}")
    return value


VALUES: dict[str, Callable[[GroupCounts], float | None]] = {
    "nps": statistics.nps,
    "nps100": lambda counts: wording.hundredfold(statistics.nps(counts)),
    "var": statistics.variance,
    "se": statistics.standard_error,
}
INTERVALS: dict[str, Callable[[GroupCounts], Interval | None]] = {
    "adj_wald_3T": statistics.adjusted_wald,
    "score_tango": statistics.score_interval,
}
QUOTA = {
    **{name: name for name in ("rate", "exposure", "pending", "need", "capacity", "invitations", "forecast")},
    "pi": "share", "lo80": "low", "hi80": "high", "attainable": "attainable",
}  # fmt: skip
"""Names in the file → those of `pace.Plan`."""
SECTIONS: dict[str, Callable[[Any, Mapping[str, float]], Iterator[Comparison]]] = {
    "classification": _classification,
    "single": _single,
    "quota": _quota,
}
