"""The watched folder, with real files."""

import contextvars
import os
import threading
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import select

from npsapp.audit.services import COMMAND
from npsapp.db import db, transaction
from npsapp.intake import connections, exchanges, inbox, kept, queries, services, staging, tasks
from npsapp.intake.models import BatchState, Exchange, ImportBatch, Interaction, Source, SourceKind
from npsapp.lib import clock
from npsapp.lib.refusals import Refused
from tests.intake.files import XLSX_1C, csv_file, purchases

CML = Path(__file__).parent.parent / "data" / "commerceml"


@pytest.fixture
def later(now: datetime):
    """Files of these tests are written now; the program looks two minutes later."""
    with clock.pretend(clock.utcnow() + timedelta(minutes=2)):
        yield


@pytest.fixture
def source(company: SimpleNamespace, now: datetime) -> Source:
    with transaction():
        found, _secret = connections.add(SourceKind.FOLDER, "Nightly / drops?", actor=COMMAND, now=now)
    inbox.test(found)
    return found


def _look(source: Source) -> None:
    inbox.read_folder(source.id)
    db.session.rollback()  # the job had a session of its own


def _drop(source: Source, path: Path, name: str | bytes | None = None) -> Path:
    target = inbox.folder_of(source) / os.fsdecode(name or path.name)
    target.write_bytes(path.read_bytes())
    return target


def _names(source: Source, folder: str) -> list[str]:
    return sorted(path.name for path in (inbox.folder_of(source) / folder).iterdir())


def _notes(source: Source) -> list[Exchange]:
    return list(exchanges.newest(source.id))[::-1]


def _purchases() -> int:
    return len(db.session.scalars(select(Interaction.id)).all())


def _apply_all() -> None:
    for batch_id in db.session.scalars(select(ImportBatch.id).where(ImportBatch.state == BatchState.APPLYING)).all():
        tasks.apply_batch(batch_id)
    db.session.rollback()


@pytest.mark.usefixtures("later")
def test_a_dropped_file_is_read_and_moved_to_processed(source: Source, tmp_path: Path):
    _drop(source, csv_file(tmp_path, purchases(3)))

    _look(source)
    _apply_all()

    assert _purchases() == 3
    assert _names(source, inbox.PROCESSED) == ["Продажі за листопад.csv"]
    assert [(one.failed, one.count, one.error) for one in _notes(source)] == [(False, 3, "")]


def test_a_file_somebody_still_writes_is_left_alone(source: Source, tmp_path: Path):
    path = _drop(source, csv_file(tmp_path, purchases(3)))
    os.utime(path, (0, 0))  # as programs do that keep the moment of the original

    _look(source)

    assert path.exists()
    assert _notes(source) == []


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("name", [".sales.csv", "sales.csv.part", "sales.TMP", "~$sales.xlsx", "sales.csv.filepart"])
def test_unfinished_hidden_and_linked_files_are_left_alone(source: Source, tmp_path: Path, name: str):
    path = _drop(source, csv_file(tmp_path, purchases(1)), name)
    (inbox.folder_of(source) / "link.csv").symlink_to("/etc/passwd")
    (inbox.folder_of(source) / "folder.csv").mkdir()

    _look(source)

    assert path.exists()
    assert _names(source, inbox.PROCESSED) == _names(source, inbox.FAILED) == []


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    "name",
    [
        "звіт 'за' \"день\"; rm -rf $HOME.csv",
        b"\xcf\xf0\xee\xe4\xe0\xe6\xe8.csv",
        "-o.csv",
        "x" * 240 + ".csv",
        "..csv",
    ],
)
def test_names_may_hold_any_characters(source: Source, tmp_path: Path, name: str | bytes):
    _drop(source, csv_file(tmp_path, purchases(1)), name)

    _look(source)

    found = _names(source, inbox.PROCESSED)
    assert found == [] if name == "..csv" else len(found) == 1
    assert _names(source, inbox.WORKING) == []


@pytest.mark.usefixtures("later")
def test_the_same_content_again_is_said_and_not_read_twice(source: Source, tmp_path: Path):
    path = csv_file(tmp_path, purchases(2))
    _drop(source, path, "a.csv")
    _look(source)
    _drop(source, path, "b.csv")
    _drop(source, path, "a.csv")

    _look(source)

    assert len(db.session.scalars(select(ImportBatch.id)).all()) == 1
    assert _names(source, inbox.PROCESSED) == ["a (2).csv", "a.csv", "b.csv"]
    assert [one.error for one in _notes(source)] == [inbox.KNOWN, inbox.KNOWN]
    assert len(list(tasks.uploads().glob("*"))) >= 1


@pytest.mark.usefixtures("later")
def test_unknown_columns_fail_with_the_reason_and_a_person_confirms_the_file(source: Source, tmp_path: Path):
    heading = "Коли;Хто платив;Скринька"
    path = csv_file(tmp_path, ["03.11.2026;Олена;a@b.example"], heading=heading)
    _drop(source, path)

    _look(source)

    assert _purchases() == 0
    (name, reason) = _names(source, inbox.FAILED)
    assert name + inbox.REASON == reason
    assert (inbox.folder_of(source) / inbox.FAILED / reason).read_text(encoding="utf-8").strip()
    (note,) = _notes(source)
    assert note.failed
    assert note.error == staging.UnknownColumns.wording
    batch_id = db.session.scalars(select(ImportBatch.id)).one()
    with transaction():
        services.choose_columns(batch_id, {"Коли": "happened_at", "Хто платив": "", "Скринька": "email"})
    tasks.stage_batch(batch_id)
    db.session.rollback()
    assert db.session.get_one(ImportBatch, batch_id, populate_existing=True).state is BatchState.STAGED
    with transaction():
        services.confirm(batch_id, actor=COMMAND, now=clock.utcnow())
    tasks.apply_batch(batch_id)
    db.session.rollback()
    assert _purchases() == 1
    _drop(source, csv_file(tmp_path, ["04.11.2026;Петро;c@d.example"], heading=heading))
    _look(source)
    _apply_all()
    assert _purchases() == 2


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("content", [b"", b"<html><body>Login</body></html>", b"PK\x03\x04 cut off", b"\0\1\2\3" * 100])
def test_what_cannot_be_read_fails_with_its_reason(source: Source, content: bytes):
    (inbox.folder_of(source) / "a.csv").write_bytes(content)

    _look(source)

    assert _names(source, inbox.FAILED) == ["a.csv", "a.csv" + inbox.REASON]
    assert [one.failed for one in _notes(source)] == [True]
    assert list(tasks.packages().glob("*")) == []


@pytest.mark.usefixtures("later")
def test_a_workbook_and_commerceml_are_told_apart_by_content(source: Source, tmp_path: Path):
    _drop(source, XLSX_1C, "report.zip")
    for path in sorted(CML.glob("*stock_orders.xml"))[:1]:
        _drop(source, path, "orders.csv")

    _look(source)

    formats = [
        one.options.get("format", "") for one in db.session.scalars(select(ImportBatch).order_by(ImportBatch.id))
    ]
    assert sorted(formats) == ["", "commerceml"]
    assert len(_names(source, inbox.PROCESSED)) == 2


@pytest.mark.usefixtures("later")
def test_a_file_above_the_limit_fails_and_leaves_nothing_behind(source: Source, app: Flask, monkeypatch):
    monkeypatch.setitem(app.config, "UPLOAD_MEGABYTES", 1)
    before = set(tasks.uploads().glob("*"))
    (inbox.folder_of(source) / "a.csv").write_bytes(b"a;b\n" * 400_000)

    _look(source)

    assert len(_names(source, inbox.FAILED)) == 2
    assert {path for path in tasks.uploads().glob("*") if path.is_file()} <= before


@pytest.mark.usefixtures("later")
def test_two_workers_at_once_take_a_file_once(app: Flask, source: Source, tmp_path: Path):
    for number in range(6):
        _drop(source, csv_file(tmp_path, purchases(1, first=number)), f"{number}.csv")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with app.app_context():
                inbox.read_folder(source.id)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    db.session.rollback()
    assert failures == []
    assert len(db.session.scalars(select(ImportBatch.id)).all()) == 6
    assert _notes(source) == []  # nothing was there twice
    assert len(_names(source, inbox.PROCESSED)) == 6


def test_a_file_of_a_dead_worker_comes_back(source: Source, tmp_path: Path):
    claim = inbox.folder_of(source) / inbox.WORKING / "token"
    claim.mkdir()
    (claim / "a.csv").write_bytes(csv_file(tmp_path, purchases(1)).read_bytes())
    with clock.pretend(clock.utcnow() + timedelta(minutes=5)):
        _look(source)
    assert (claim / "a.csv").exists()

    with clock.pretend(clock.utcnow() + timedelta(minutes=20)):
        _look(source)

    assert _names(source, inbox.PROCESSED) == ["a.csv"]
    assert _names(source, inbox.WORKING) == []


def _remove_old(before: datetime) -> None:
    with transaction():
        kept.remove_old(before, limit=9_999)


@pytest.mark.usefixtures("later")
def test_what_was_put_aside_goes_with_the_raw_files(source: Source, tmp_path: Path):
    _drop(source, csv_file(tmp_path, purchases(1)))
    _look(source)

    _remove_old(clock.utcnow() - timedelta(days=1))
    assert len(_names(source, inbox.PROCESSED)) == 1
    _remove_old(clock.utcnow())

    assert _names(source, inbox.PROCESSED) == []


def test_the_heartbeat_asks_for_connections_in_use_only(source: Source, now: datetime):
    assert list(queries.in_use(SourceKind.FOLDER)) == [source.id]
    with transaction():
        connections.retire(source.id, actor=COMMAND, now=now)

    assert list(queries.in_use(SourceKind.FOLDER)) == []


def test_a_folder_that_cannot_be_written_to_says_so(source: Source):
    folder = inbox.folder_of(source)
    for path in folder.iterdir():
        path.rmdir()
    folder.rmdir()
    folder.write_text("somebody made a file of that name")

    with pytest.raises(Refused) as caught:
        inbox.test(source)

    assert str(folder) in str(caught.value)
    folder.unlink()
