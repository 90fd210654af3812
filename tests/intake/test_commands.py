"""What an operator types."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result
from flask import Flask

from npsapp.customers.models import Ground
from npsapp.customers.rules import GroundKind
from npsapp.db import db
from npsapp.intake.commands import intake
from npsapp.intake.models import Interaction, Source, StagedPart
from tests.intake.files import CSV_1C, csv_file, purchases


@pytest.fixture
def run(app: Flask, company: SimpleNamespace, at_now: datetime):
    """`run("read", …)`: type a command of the group."""

    def type_in(*words: object) -> Result:
        db.session.rollback()
        return app.test_cli_runner().invoke(intake, [str(word) for word in words])

    return type_in


def test_reading_a_file_prints_what_became_of_it(run, tmp_path: Path):
    lines = [*purchases(3), "X;yesterday;a@b.co;;;;", "Y;03.11.2026;;;;;"]

    result = run("read", csv_file(tmp_path, lines), "--source", "Каса")

    assert result.exit_code == 0
    for line in ("accepted: 4", "updated: 0", "unchanged: 0", "rejected: 1", "no address: 1"):
        assert line in result.stdout.splitlines()
    assert result.stderr.startswith("line 5: The date cannot be read.")
    assert "yesterday" in result.stderr
    assert "in trial" in result.stdout
    assert db.session.query(Source).one().in_trial


def test_live_takes_the_source_live_with_the_ground_contract(run):
    result = run("read", CSV_1C, "--source", "1c", "--live")

    source = db.session.query(Source).one()
    assert result.exit_code == 0
    assert "in trial" not in result.stdout
    assert (source.in_trial, source.live_from, source.first_day_cap) == (False, None, None)
    assert source.outbox_confirmed_at is not None
    assert {ground.kind for ground in db.session.query(Ground)} == {GroundKind.CONTRACT}


def test_the_ground_can_be_chosen(run):
    run("read", CSV_1C, "--source", "1c", "--live", "--ground", "interest")

    assert {ground.kind for ground in db.session.query(Ground)} == {GroundKind.INTEREST}


def test_the_same_file_twice_changes_nothing(run):
    run("read", CSV_1C, "--source", "1c")

    result = run("read", CSV_1C, "--source", "1c")

    assert "accepted: 0" in result.stdout
    assert "unchanged: 3" in result.stdout
    assert db.session.query(Interaction).count() == 3


def test_a_refused_file_ends_with_its_sentence_and_status_one(run, tmp_path: Path):
    result = run("read", csv_file(tmp_path, ["1;2;3"], heading="Сумма;Магазин;Регион"), "--source", "Каса")

    assert result.exit_code == 1
    assert "Row 1 has headings, but no column for: the date of the purchase" in result.stderr
    assert db.session.query(Interaction).count() == 0


def test_an_unknown_touchpoint_is_refused_with_the_known_ones(run):
    result = run("read", CSV_1C, "--source", "Каса", "--touchpoint", "wedding")

    assert result.exit_code == 1
    assert "purchase" in result.stderr
    assert db.session.query(Source).count() == 0


def test_the_first_file_founds_the_company(app: Flask, at_now: datetime):
    result = app.test_cli_runner().invoke(intake, ["read", str(CSV_1C), "--source", "Каса", "--live"])

    assert result.exit_code == 0
    source = db.session.query(Source).one()
    assert source.brand.key == "company"
    assert source.touchpoint_id is not None
    assert db.session.query(Interaction).count() == 3


def test_a_dry_run_says_what_would_be_imported_and_keeps_nothing(run, tmp_path: Path):
    lines = [*purchases(3), "X;yesterday;a@b.co;;;;"]

    result = run("read", csv_file(tmp_path, lines), "--source", "Каса", "--dry-run")

    assert result.exit_code == 0
    for line in ("rows: 3", "rejected: 1", "no address: 0", "column email: email"):
        assert line in result.stdout.splitlines()
    assert "line 5" in result.stderr
    assert db.session.query(Interaction).count() == db.session.query(StagedPart).count() == 0


def test_a_dry_run_of_a_refused_file_says_why(run, tmp_path: Path):
    result = run("read", csv_file(tmp_path, ["1;2"], heading="a;b"), "--source", "Каса", "--dry-run")

    assert result.exit_code == 1
    assert "no column for" in result.stderr
