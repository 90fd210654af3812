"""Many rejected rows: the report stays usable."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from npsapp.audit.services import COMMAND
from npsapp.db import db, transaction
from npsapp.intake import queries, services, staging, tasks
from npsapp.intake.models import ImportBatch
from tests.factories import make_source
from tests.intake.files import csv_file, purchases
from tests.intake.test_import import _confirm, _stage

BAD = 130


@pytest.fixture
def batch_id(company: SimpleNamespace, at_now: datetime, tmp_path: Path) -> int:
    """A waiting file of ten times as many rows, every tenth without a readable date, and two without an amount."""
    lines = [line if n % 10 else line.replace(".11.2026", ".11") for n, line in enumerate(purchases(10 * BAD))]
    path = csv_file(tmp_path, [*lines, "X;03.11.2026;a@b.co;;;many;", "Y;03.11.2026;a@b.co;;;few;"])
    with path.open("rb") as file:
        stored = staging.store(file, tasks.uploads(), most_bytes=tasks.most_bytes())
    with transaction():
        source = make_source(company, now=at_now)
        made = services.create_batch(
            source_id=source.id, file_name=path.name, stored=stored, actor=COMMAND, now=at_now
        ).id
    tasks.stage_batch(made)
    db.session.rollback()
    return int(made)


def test_the_report_shows_rejected_rows_by_page_and_by_reason(company: SimpleNamespace, client, login, batch_id: int):
    with transaction():
        services.confirm(batch_id, actor=COMMAND, now=db.session.get_one(ImportBatch, batch_id).created_at)
    tasks.apply_batch(batch_id)
    login(client, company.admin)

    first, last, narrowed = (
        client.get(f"/imports/{batch_id}{query}").get_data(as_text=True)
        for query in ("", "?page=3", "?reason=bad_amount")
    )

    assert first.count("The date cannot be read") == 50 + 1  # and once among the reasons
    assert 'rel="next"' in first
    assert 'rel="next"' not in last
    assert last.count("The amount is not a number") == 2 + 1
    assert narrowed.count("The amount is not a number") == 2 + 1
    assert narrowed.count("The date cannot be read") == 1


def test_all_of_them_are_read_in_pieces_and_in_order(batch_id: int, monkeypatch):
    monkeypatch.setattr(queries, "MANY", 7)

    lines = [one.line for one in queries.every_reject(batch_id)]

    assert lines == sorted(lines)
    assert len(lines) == BAD + 2


def test_what_is_mistyped_in_accepted_rows_stands_apart_as_remarks(
    client: FlaskClient, company: SimpleNamespace, now: datetime, tmp_path: Path, login: Any
):
    lines = [
        "A1;05.11.2026 10:15;olena@gmail;067 123 45 67",
        "A2;05.11.2026 10:15;;12-34-5",
        "A3;soon;ivan.gmail.com;",
        "A4;05.11.2026 10:15;petro@gmail.com;",
    ]
    batch = _stage(csv_file(tmp_path, lines, heading="external_id;happened_at;email;phone"), company, now)
    batch_id = batch.id
    login(client, company.admin)
    found = [(one.line, one.reason, one.column, one.value) for one in queries.remarks(batch_id, limit=9)]
    assert found == [(2, "email", "email", "olena@gmail"), (3, "phone", "phone", "12-34-5")]
    assert (
        [one.line for one in queries.rejects(batch_id)] == [one.line for one in queries.every_reject(batch_id)] == [4]
    )

    for done in (False, True):
        if done:
            tasks.apply_batch(_confirm(batch, company, now))
        page = client.get(f"/imports/{batch_id}").get_data(as_text=True)
        remarks = page[page.index("Imported with a mistyped address") : page.index("Rejected rows")]
        assert "mistyped: not an e-mail address" in remarks
        assert "olena@gmail" in remarks
        assert "mistyped: not a telephone number" in remarks
        assert "petro@gmail.com" not in remarks
        told = client.get(f"/imports/{batch_id}/rejects.csv?remarks=1").get_data(as_text=True)
        assert "12-34-5" in told
        assert "soon" not in told
        assert "soon" in client.get(f"/imports/{batch_id}/rejects.csv").get_data(as_text=True)
    assert queries.batch(batch_id).rejected == 1
