"""A file that comes again changes nothing, and yet is applied wherever something else happened in between."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from npsapp.audit.services import COMMAND
from npsapp.customers.models import Customer, CustomerMerge
from npsapp.db import db, transaction
from npsapp.intake import mapping, services, tasks
from npsapp.intake.models import ImportBatch, Interaction, Source, SourceValue, ValueKind
from npsapp.intake.staging import store
from npsapp.invitations.candidates import gather
from npsapp.invitations.rules import decide
from npsapp.lib.tables import MEGABYTE
from npsapp.organization.models import Unit
from tests.cast import csrf
from tests.intake.files import csv_file

ROWS = [f"P-{n};03.11.2026 10:{n:02};b{n}@example.com;Kyiv;Магазин {n % 2};{n}00" for n in range(1, 6)]
TITLES = "external_id;date;email;region;unit;amount"


def _send(folder: Path, rows: list[str], now: datetime, **options: object) -> tuple[int, int, int, int]:
    """A file of a connection, read and applied; accepted, updated, unchanged, rejected."""
    with csv_file(folder, rows, heading=TITLES).open("rb") as stream:
        stored = store(stream, tasks.uploads(), most_bytes=MEGABYTE)
    with transaction():
        source = services.get_or_create_source(name="shop", actor=COMMAND, now=now)
        batch_id = services.receive(source.id, stored, file_name="a.csv", format="", now=now, **options)
    tasks.stage_batch(batch_id)
    tasks.apply_batch(batch_id)
    db.session.rollback()
    db.session.expire_all()
    batch = db.session.get_one(ImportBatch, batch_id)
    return batch.accepted, batch.updated, batch.unchanged, batch.rejected


def _amounts() -> list[str]:
    db.session.rollback()
    db.session.expire_all()
    return [f"{one.amount:.0f}" for one in db.session.query(Interaction).order_by(Interaction.external_id)]


@pytest.fixture
def looked_up(app: Flask) -> Iterator[list[str]]:
    """The statements that look for people: who applies rows must."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if re.search(r"FROM contact_point\b", statement):
            found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


def test_a_file_that_comes_again_is_counted_unchanged_without_being_applied(
    company: SimpleNamespace, now: datetime, tmp_path: Path, looked_up: list[str]
) -> None:
    assert _send(tmp_path, ROWS, now) == (5, 0, 0, 0)
    stands = db.session.execute(Interaction.__table__.select()).all()

    looked_up.clear()

    assert _send(tmp_path, ROWS, now + timedelta(hours=1)) == (0, 0, 5, 0)

    assert looked_up == []
    assert db.session.execute(Interaction.__table__.select()).all() == stands


def test_rows_that_changed_are_applied_wherever_they_stand(
    company: SimpleNamespace, now: datetime, tmp_path: Path
) -> None:
    _send(tmp_path, ROWS, now)
    other = ROWS[2].replace(";300", ";333")

    assert _send(tmp_path, ["P-9;04.11.2026;b9@example.com;Kyiv;Магазин 1;900", *ROWS[:2], other], now) == (1, 1, 2, 0)

    assert _amounts() == ["100", "200", "333", "400", "500", "900"]


def test_what_another_file_changed_in_between_is_as_the_first_file_says_once_it_comes_again(
    company: SimpleNamespace, now: datetime, tmp_path: Path
) -> None:
    _send(tmp_path, ROWS, now)
    _send(tmp_path, [ROWS[0].replace(";100", ";111")], now)

    assert _send(tmp_path, ROWS, now) == (0, 1, 4, 0)
    assert _amounts()[0] == "100"


def test_an_import_that_was_undone_comes_again_as_new(company: SimpleNamespace, now: datetime, tmp_path: Path) -> None:
    _send(tmp_path, ROWS, now)
    batch_id = db.session.query(ImportBatch.id).scalar()
    with transaction():
        services.undo(batch_id, actor=COMMAND, now=now)

    assert _send(tmp_path, ROWS, now) == (5, 0, 0, 0)
    assert _send(tmp_path, ROWS, now) == (0, 0, 5, 0)


def test_what_people_say_of_a_word_counts_for_the_same_file_again(
    company: SimpleNamespace, now: datetime, tmp_path: Path
) -> None:
    _send(tmp_path, ROWS, now)
    word = db.session.query(SourceValue).filter_by(kind=ValueKind.UNIT, raw="магазин 1").one()
    with transaction():
        mapping.say(word.id, target_id=company.units.odesa.id, actor=COMMAND, now=now)
        one = db.session.query(Interaction).filter_by(external_id="P-1").one()
        one.unit_id = db.session.query(Unit.id).filter(Unit.key == "магазин 0").scalar()

    assert _send(tmp_path, ROWS, now) == (0, 1, 4, 0)

    assert db.session.query(Interaction).filter_by(external_id="P-1").one().unit_id == company.units.odesa.id


def test_another_ground_counts_for_the_same_file_again(
    company: SimpleNamespace, now: datetime, tmp_path: Path, looked_up: list[str]
) -> None:
    _send(tmp_path, ROWS, now)
    with transaction():
        db.session.query(Source).filter_by(name="shop").one().grounds = {"email": "contract"}

    looked_up.clear()

    _send(tmp_path, ROWS, now)
    assert looked_up
    looked_up.clear()
    _send(tmp_path, ROWS, now)
    assert not looked_up


def test_what_was_erased_is_not_taken_for_known(
    company: SimpleNamespace, now: datetime, tmp_path: Path, looked_up: list[str]
) -> None:
    _send(tmp_path, ROWS, now)
    with transaction():
        services.forget_people([db.session.query(Interaction).filter_by(external_id="P-1").one().customer_id])
    looked_up.clear()

    _send(tmp_path, ROWS, now)

    assert looked_up


def _seen(client: FlaskClient, now: datetime) -> list[Any]:
    """What anybody can see of the people and their purchases: who bought what, addresses, decisions, pages."""
    db.session.rollback()
    db.session.expire_all()
    client.get("/profile")  # what was said after the last deed is said once
    people = db.session.query(Customer).order_by(Customer.id).all()
    bought = db.session.query(Interaction).order_by(Interaction.external_id).all()
    decided = gather([one.id for one in bought], count_planned=False, without_mail=(), now=now)
    pages = [client.get(f"/customers/{one.id}", follow_redirects=True).text for one in people]
    return [
        [(one.name, one.merged_into_id, sorted(point.value for point in one.contact_points)) for one in people],
        [(one.external_id, one.customer_id, one.amount) for one in bought],
        [(one.customer_id, decide(one.candidate, one.policy, now=now)) for one in decided],
        [re.sub(r"(?s).*<main|csrf_token.*?>", "", page) for page in pages],
    ]


def test_a_file_that_comes_again_after_a_merge_and_after_its_end_moves_nothing_from_one_to_the_other(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path, looked_up: list[str], client: FlaskClient, login: Any
) -> None:
    _send(tmp_path, ROWS, at_now)
    apart = sorted(db.session.scalars(select(Interaction.customer_id)))
    login(client, company.admin)
    before = _seen(client, at_now)

    _press(client, f"/customers/{apart[0]}/same", other=apart[1])
    merged = _seen(client, at_now)
    looked_up.clear()
    assert _send(tmp_path, ROWS, at_now) == (0, 0, 5, 0)
    assert looked_up  # who is meant has changed: the rows are applied
    assert _seen(client, at_now) == merged
    _send(tmp_path, [row.replace(";200", ";222") for row in ROWS], at_now)
    assert _seen(client, at_now)[1][1][1:] == (apart[1], 222)
    _send(tmp_path, ROWS, at_now)

    _press(client, f"/customers/merges/{db.session.query(CustomerMerge.id).scalar()}/undo")
    assert _seen(client, at_now)[:3] == before[:3]
    looked_up.clear()
    assert _send(tmp_path, ROWS, at_now) == (0, 0, 5, 0)
    assert looked_up
    assert _seen(client, at_now)[:3] == before[:3]


def _press(client: FlaskClient, path: str, **words: Any) -> None:
    data = {"csrf_token": csrf(client.get("/profile").text), "reason": "one voice", **words}
    assert client.post(path, data=data).status_code == 303


def test_headings_that_mean_something_else_make_other_rows_of_the_same_file(
    company: SimpleNamespace, now: datetime, tmp_path: Path
) -> None:
    _send(tmp_path, ROWS, now)
    with transaction():
        db.session.query(Source).filter_by(name="shop").one().mapping = {"amount": ""}

    assert _send(tmp_path, ROWS, now) == (0, 0, 5, 0)  # empty says nothing
    with transaction():
        db.session.query(Source).filter_by(name="shop").one().mapping = {"amount": "title"}
    assert _send(tmp_path, ROWS, now) == (0, 5, 0, 0)
    assert db.session.query(Interaction).filter_by(external_id="P-1").one().title == "100"
