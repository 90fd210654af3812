"""Many rejected rows: the report stays usable."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from npsapp.audit.services import COMMAND
from npsapp.db import db, transaction
from npsapp.intake import queries, services, staging, tasks
from npsapp.intake.models import ImportBatch
from tests.factories import make_source
from tests.intake.files import csv_file, purchases

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
