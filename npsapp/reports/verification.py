"""Recomputes reference cases of other tools with the program's own functions and lists the differences."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.reports import statistics
from npsapp.reports.statistics import GroupCounts, Interval
from npsapp.responses.rules import HIGHEST_SCORE, LOWEST_SCORE, classify

# Tolerances of a file that names none; both relative to max(1, |value|).
CLOSED_FORM = 1e-6
SCORE_INTERVAL = 1e-5
REJECTED = "rejected"
# JSON knows only strings as names.
SCORES_BY_NAME = {str(score): score for score in range(LOWEST_SCORE, HIGHEST_SCORE + 1)}
# More answers than this are a slip of the pen, and more than a float counts exactly.
MOST_ANSWERS = 10**15
NOT_SECTIONS = frozenset({"meta"})


class UnreadableCases(Refused):
    """The file is not one of reference cases; `reason` says what and where."""

    code = "unreadable_reference_cases"
    wording = N_("This is not a file of reference cases: %(reason)s")

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One value of the file beside the value of the program; None on either side means "no value"."""

    place: str
    expected: object
    computed: object
    agrees: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of a file: every value compared, and what could not be."""

    comparisons: tuple[Comparison, ...]
    unknown_sections: tuple[str, ...]

    @property
    def differences(self) -> tuple[Comparison, ...]:
        """The values that differ by more than the tolerance."""
        return tuple(each for each in self.comparisons if not each.agrees)

    @property
    def agreeing(self) -> int:
        """How many values agree."""
        return len(self.comparisons) - len(self.differences)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much a value may differ, relative to max(1, |expected|)."""

    closed_form: float = CLOSED_FORM
    score_interval: float = SCORE_INTERVAL


def verify(text: str) -> Verification:
    """Compare all sections that the program can compute; `UnreadableCases` if the text has another shape."""
    document = _parsed(text)
    tolerance = _tolerance(document)
    comparisons: list[Comparison] = []
    for name, compare in SECTIONS.items():
        if name in document:
            comparisons.extend(compare(document[name], tolerance))
    unknown = tuple(name for name in document if name not in SECTIONS and name not in NOT_SECTIONS)
    return Verification(tuple(comparisons), unknown)


def _parsed(text: str) -> Mapping[str, Any]:
    """The JSON object of the file with at least one section."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableCases(f"not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnreadableCases("the top level is not an object")
    if not document.keys() - NOT_SECTIONS:
        raise UnreadableCases("there are no sections in it")
    return document


def _tolerance(document: Mapping[str, Any]) -> Tolerance:
    """The tolerances that the file asks for, or ours."""
    named = _object(_object(document.get("meta", {}), "meta").get("tolerance", {}), "meta.tolerance")
    return Tolerance(
        closed_form=_number(named.get("closed_form", CLOSED_FORM), "meta.tolerance.closed_form"),
        score_interval=_number(named.get("score_tango", SCORE_INTERVAL), "meta.tolerance.score_tango"),
    )


def _classification(section: Any, tolerance: Tolerance) -> Iterator[Comparison]:
    """Every score of the map gets its group; everything in the list of invalid values is rejected."""
    cases = _object(section, "classification")
    for score, expected in _object(cases.get("map", {}), "classification.map").items():
        computed = _group_of(SCORES_BY_NAME.get(score, score))
        yield Comparison(f"classification.map[{score}]", expected, computed, computed == expected)
    for value in _list(cases.get("invalid", []), "classification.invalid"):
        computed = _group_of(value)
        place = f"classification.invalid[{json.dumps(value)}]"
        yield Comparison(place, REJECTED, computed, computed == REJECTED)


def _group_of(value: Any) -> str:
    """The group of a value, or that it is no score."""
    try:
        return classify(value).value
    except ValueError:
        return REJECTED


def _single(section: Any, tolerance: Tolerance) -> Iterator[Comparison]:
    """One group of answers after the other: its counts, NPS, error and intervals."""
    for number, case in enumerate(_list(section, "single")):
        case = _object(case, f"single[{number}]")
        place = f"single.{case.get('id', number)}"
        counts = _counts(case, place)
        yield from _compared_counts(case, counts, place)
        yield from _compared_values(case, counts, place, tolerance.closed_form)
        yield from _compared_intervals(case, counts, place, tolerance)


def _counts(case: Mapping[str, Any], place: str) -> GroupCounts:
    """The three counts of a case."""
    return GroupCounts(
        promoters=_count(case.get("pro"), f"{place}.pro"),
        passives=_count(case.get("pas"), f"{place}.pas"),
        detractors=_count(case.get("det"), f"{place}.det"),
    )


def _compared_counts(case: Mapping[str, Any], counts: GroupCounts, place: str) -> Iterator[Comparison]:
    """Whether the scores of the case, where it gives them, fall into its groups."""
    if case.get("counts11") is None:
        return
    by_score = [
        _count(each, f"{place}.counts11[{score}]")
        for score, each in enumerate(_list(case["counts11"], f"{place}.counts11"))
    ]
    if len(by_score) != 11:
        raise UnreadableCases(f"{place}.counts11 has not eleven counts")
    computed = statistics.counts_of_distribution(by_score)
    yield Comparison(f"{place}.counts11", _in_words(counts), _in_words(computed), computed == counts)


def _in_words(counts: GroupCounts) -> str:
    """The three counts as one prints them: detractors/passives/promoters."""
    return f"{int(counts.detractors)}/{int(counts.passives)}/{int(counts.promoters)}"


def _compared_values(
    case: Mapping[str, Any], counts: GroupCounts, place: str, tolerance: float
) -> Iterator[Comparison]:
    """The single values of a case that we compute too."""
    expected = _object(case.get("expected", {}), f"{place}.expected")
    for name, compute in VALUES.items():
        if name in expected:
            yield _compared(f"{place}.{name}", expected[name], compute(counts), tolerance)


def _compared_intervals(
    case: Mapping[str, Any], counts: GroupCounts, place: str, tolerance: Tolerance
) -> Iterator[Comparison]:
    """Both ends of the intervals of a case that we compute too."""
    expected = _object(case.get("intervals95") or {}, f"{place}.intervals95")
    for name, (compute, allowed) in INTERVALS.items():
        if name not in expected:
            continue
        interval = compute(counts)
        for side, end in enumerate(("low", "high")):
            ours = None if interval is None else getattr(interval, end)
            yield _compared(
                f"{place}.{name}.{end}", _end(expected[name], side, place), ours, allowed(tolerance)
            )


def _end(interval: Any, side: int, place: str) -> Any:
    """One end of an interval in the file; an interval without value has none."""
    if interval is None:
        return None
    ends = _list(interval, f"{place}.intervals95")
    if len(ends) != 2:
        raise UnreadableCases(f"an interval of {place} has not two ends")
    return ends[side]


def _compared(place: str, expected: Any, computed: float | None, tolerance: float) -> Comparison:
    """Two numbers, or their absence, side by side."""
    if expected is None or computed is None:
        return Comparison(place, expected, computed, expected is computed)
    wanted = _number(expected, place)
    agrees = abs(computed - wanted) <= tolerance * max(1.0, abs(wanted))
    return Comparison(place, wanted, computed, agrees)


def _object(value: Any, place: str) -> Mapping[str, Any]:
    """The value as an object with names."""
    if not isinstance(value, dict):
        raise UnreadableCases(f"{place} is not an object")
    return value


def _list(value: Any, place: str) -> list[Any]:
    """The value as a list."""
    if not isinstance(value, list):
        raise UnreadableCases(f"{place} is not a list")
    return value


def _number(value: Any, place: str) -> float:
    """The value as a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnreadableCases(f"{place} is not a number: {value!r}")
    return float(value)


def _count(value: Any, place: str) -> int:
    """The value as a whole number of answers."""
    if type(value) is not int or not 0 <= value <= MOST_ANSWERS:
        raise UnreadableCases(f"{place} is not a whole number of answers: {value!r}")
    return value


def _hundredfold(counts: GroupCounts) -> float | None:
    """The NPS as people read it, on -100..100."""
    value = statistics.nps(counts)
    return None if value is None else 100 * value


VALUES: dict[str, Callable[[GroupCounts], float | None]] = {
    "nps": statistics.nps,
    "nps100": _hundredfold,
    "var": statistics.variance,
    "se": statistics.standard_error,
}
INTERVALS: dict[str, tuple[Callable[[GroupCounts], Interval | None], Callable[[Tolerance], float]]] = {
    "adj_wald_3T": (statistics.adjusted_wald, lambda tolerance: tolerance.closed_form),
    "score_tango": (statistics.score_interval, lambda tolerance: tolerance.score_interval),
}
SECTIONS: dict[str, Callable[[Any, Tolerance], Iterator[Comparison]]] = {
    "classification": _classification,
    "single": _single,
}
