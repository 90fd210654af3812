"""The commands `report nps` and `verify`."""

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from npsapp.reports.commands import report, verify
from npsapp.reports.statistics import GroupCounts, score_interval

CASES = Path(__file__).parents[1] / "data" / "nps_reference_cases.json"


def asked(app, *arguments: str) -> dict:
    result = app.test_cli_runner().invoke(report, ["nps", "--json", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_without_answers_there_is_no_value(app, company):
    assert asked(app) == {
        "nps": None,
        "low": None,
        "high": None,
        "n": 0,
        "promoters": 0,
        "passives": 0,
        "detractors": 0,
        "groups": [],
    }


def test_the_numbers_are_unrounded_on_a_scale_of_a_hundred(app, answer):
    for score in (1, 8, 9, 10, 10, 10, 7):
        answer(score)
    expected = score_interval(GroupCounts(promoters=4, passives=2, detractors=1))

    found = asked(app)

    assert found["nps"] == pytest.approx(100 * 3 / 7)
    assert (found["low"], found["high"]) == pytest.approx((100 * expected.low, 100 * expected.high))
    assert (found["n"], found["promoters"], found["passives"], found["detractors"]) == (7, 4, 2, 1)


def test_divided_by_region_the_parts_have_names(app, answer):
    answer(9, region="kyiv")
    answer(3, region="odesa")
    answer(8, region=None)

    groups = {each["name"]: each["nps"] for each in asked(app, "--by", "region")["groups"]}

    assert groups == {"Kyiv": 100, "Odesa": -100, None: 0}


def test_divided_by_month_and_segment(app, answer):
    answer(9, day=date(2026, 9, 30))
    answer(9, day=date(2026, 10, 1))

    assert [each["name"] for each in asked(app, "--by", "month")["groups"]] == ["2026-09", "2026-10"]
    assert [each["name"] for each in asked(app, "--by", "segment")["groups"]] == ["Retail"]


def test_a_period_includes_both_days(app, answer):
    for day in (1, 2, 3):
        answer(9, day=date(2026, 11, day))

    assert asked(app, "--from", "2026-11-02", "--to", "2026-11-03")["n"] == 2


def test_people_get_whole_numbers(app, answer):
    answer(9)

    result = app.test_cli_runner().invoke(report, ["nps", "--by", "region"])

    assert result.output.splitlines() == [
        "Kyiv         NPS 100 (-59 … 100)  n 1",
        "all answers  NPS 100 (-59 … 100)  n 1",
    ]


@pytest.mark.parametrize(
    "arguments", [["--from", "yesterday"], ["--from", "2026-11-02", "--to", "2026-11-01"], ["--by", "planet"]]
)
def test_a_wrong_argument_is_refused(app, arguments):
    result = app.test_cli_runner().invoke(report, ["nps", *arguments])

    assert result.exit_code == 2
    assert "Invalid value" in result.output


def test_verify_ends_with_the_count():
    result = CliRunner().invoke(verify, [str(CASES)])

    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "217 agree, 0 differ"
    assert "shrinkage" in result.output


def test_verify_prints_differences_and_fails(tmp_path):
    cases = json.loads(CASES.read_text("utf-8"))
    cases["single"][0]["expected"]["nps"] = 0.5
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(cases), "utf-8")

    result = CliRunner().invoke(verify, [str(file)])

    assert result.exit_code == 1
    assert result.output.splitlines()[0].startswith("single.brendan_1_2_3.nps: expected 0.5, computed 0.333")
    assert result.output.splitlines()[-1] == "216 agree, 1 differ"


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"{", "not valid JSON"), (b"\xff\xfe\x00", "not UTF-8 text"), (b"[1]", "not an object")]
)
def test_verify_refuses_other_files_with_a_sentence(tmp_path, content, sentence):
    file = tmp_path / "cases.json"
    file.write_bytes(content)

    result = CliRunner().invoke(verify, [str(file)])

    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_verify_reads_a_file_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "cases.json"
    file.write_text(CASES.read_text("utf-8"), "utf-8-sig")

    assert CliRunner().invoke(verify, [str(file)]).exit_code == 0
