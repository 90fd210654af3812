"""Recomputing a file of reference cases: what agrees, what differs, what cannot be read."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from npsapp.reports import verification
from npsapp.reports.verification import UnreadableCases, verify

CASES = json.loads((Path(__file__).parents[1] / "data" / "nps_reference_cases.json").read_text("utf-8"))


@pytest.fixture
def cases():
    """A copy that a test may spoil."""
    return copy.deepcopy(CASES)


def test_the_reference_cases_agree_and_the_rest_is_named():
    result = verify(json.dumps(CASES))

    assert result.differences == []
    # 17 values to classify; of each case four numbers and two intervals of two ends, and the scores if given.
    with_scores = sum(case["counts11"] is not None for case in CASES["single"])
    planned = sum(len(case["expected"]) for case in CASES["quota"])
    assert result.agreeing == 17 + len(CASES["single"]) * (4 + 4) + with_scores + planned
    assert set(result.unknown_sections) == CASES.keys() - {"meta", "classification", "single", "quota"}


@pytest.mark.parametrize("name", ["nps", "nps100", "var", "se"])
def test_a_value_that_differs_is_listed_with_its_place(cases, name):
    cases["single"][3]["expected"][name] += 0.5

    (difference,) = verify(json.dumps(cases)).differences

    assert difference.place == f"single.brendan_1_1_1.{name}"
    assert difference.expected != difference.computed


@pytest.mark.parametrize("name", ["adj_wald_3T", "score_tango"])
@pytest.mark.parametrize(("side", "end"), [(0, "low"), (1, "high")])
def test_each_end_of_an_interval_is_compared(cases, name, side, end):
    cases["single"][0]["intervals95"][name][side] += 0.001

    (difference,) = verify(json.dumps(cases)).differences

    assert difference.place == f"single.brendan_1_2_3.{name}.{end}"


def test_the_tolerance_of_the_file_is_used(cases):
    cases["single"][0]["expected"]["nps"] += 0.01
    assert len(verify(json.dumps(cases)).differences) == 1

    cases["meta"]["tolerance"]["closed_form"] = 0.02
    assert verify(json.dumps(cases)).differences == []


def test_the_tolerance_grows_with_values_above_one(cases):
    hundred = next(case for case in cases["single"] if case["id"] == "all_pro_5")
    hundred["expected"]["nps100"] = 100.00005

    assert verify(json.dumps(cases)).differences == []


@pytest.mark.parametrize("name", list(CASES["quota"][0]["expected"]))
def test_each_number_of_a_planned_month_is_compared(cases, name):
    expected = cases["quota"][0]["expected"]
    expected[name] = not expected[name] if isinstance(expected[name], bool) else expected[name] * 1.001

    (difference,) = verify(json.dumps(cases)).differences

    assert difference.place == f"quota.july_15_pool40.{name}"


def test_a_wrong_group_is_a_difference(cases):
    cases["classification"]["map"]["6"] = "passive"

    (difference,) = verify(json.dumps(cases)).differences

    assert (difference.expected, difference.computed) == ("passive", "detractor")


def test_a_score_listed_as_invalid_is_a_difference(cases):
    cases["classification"]["invalid"].append(10)

    (difference,) = verify(json.dumps(cases)).differences

    assert difference.computed == "promoter"


def test_scores_that_do_not_make_the_groups_are_a_difference(cases):
    cases["single"][0]["counts11"][0] += 1

    (difference,) = verify(json.dumps(cases)).differences

    assert (difference.expected, difference.computed) == ("1/2/3", "2/2/3")


def test_a_case_without_answers_has_no_values():
    nothing = {
        "det": 0,
        "pas": 0,
        "pro": 0,
        "expected": {"nps": None, "se": None},
        "intervals95": {"score_tango": None, "adj_wald_3T": None},
    }
    zero = {**nothing, "expected": {"nps": 0.0, "se": 0.0}}

    assert verify(json.dumps({"single": [nothing]})).differences == []
    assert len(verify(json.dumps({"single": [zero]})).differences) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "not an object"),
        ("{}", "no sections"),
        ('{"meta": {}}', "no sections"),
        ('{"meta": [], "single": []}', r"meta\.tolerance"),
        ('{"meta": {"tolerance": {"closed_form": "small"}}, "single": []}', r"meta\.tolerance: .*small"),
        ('{"single": {}}', "single: not a list"),
        ('{"single": [1]}', r"single\[0\]"),
        ('{"single": [{"det": 1, "pas": 1}]}', r"single\[0\]: 'pro'"),
        ('{"single": [{"det": -1, "pas": 1, "pro": 1}]}', "not a whole number of answers: -1"),
        ('{"single": [{"det": true, "pas": 1, "pro": 1}]}', "not a whole number of answers: True"),
        ('{"single": [{"det": 1e400, "pas": 1, "pro": 1}]}', "not a whole number of answers: inf"),
        ('{"single": [{"det": 1, "pas": 1, "pro": 1, "expected": 3}]}', r"single\[0\]"),
        ('{"single": [{"det": 1, "pas": 1, "pro": 1, "expected": {"nps": "0"}}]}', r"single\[0\]"),
        ('{"single": [{"det": 1, "pas": 1, "pro": 1, "intervals95": {"score_tango": [0]}}]}', r"single\[0\]"),
        ('{"single": [{"det": 1, "pas": 1, "pro": 1, "counts11": [1]}]}', "eleven counts"),
        ('{"classification": []}', "classification"),
        ('{"quota": {}}', "quota: not a list"),
        ('{"quota": [{"inputs": {"pools": [1], "D": 31, "day": 15}}]}', r"quota\[0\]: not one pool for each day"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_the_place(text, reason):
    with pytest.raises(UnreadableCases, match=reason):
        verify(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)


@given(section=st.sampled_from(["single", "classification", "quota", "meta"]), value=json_values)
def test_odd_sections_are_compared_or_refused_but_never_break(section, value):
    text = json.dumps({section: value, "other": []})
    try:
        result = verification.verify(text)
    except UnreadableCases:
        return
    assert "other" in result.unknown_sections
