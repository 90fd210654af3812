"""A file from upload to interactions: staged as a whole, applied in chunks, resumed, repeated, undone."""

import os
import threading
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from npsapp.audit.events import Event
from npsapp.audit.models import AuditEntry
from npsapp.audit.services import COMMAND, by_user
from npsapp.customers.models import ContactPoint, Customer, Ground
from npsapp.customers.rules import GroundKind
from npsapp.db import db, transaction
from npsapp.delivery.rules import Channel
from npsapp.intake import applying, kept, queries, services, staging, tasks
from npsapp.intake.models import (
    BatchState,
    ImportBatch,
    Interaction,
    InteractionPerformer,
    RejectedRow,
    Source,
    StagedPart,
)
from npsapp.intake.rules import packed, unpacked
from npsapp.lib.tables import MEGABYTE, FileRefused
from npsapp.organization.models import Unit
from npsapp.worker import collecting
from tests.intake.files import CSV_1C, HEADING, XLSX_1C, csv_file, purchases, raw_xlsx, workbook

LEASE = timedelta(seconds=120)


def _upload(path: Path, company: SimpleNamespace, now: datetime, source: str = "shop") -> int:
    with path.open("rb") as stream:
        stored = staging.store(stream, tasks.uploads(), most_bytes=50 * MEGABYTE)
    actor = by_user(company.admin.id)
    with transaction():
        found = services.get_or_create_source(name=source, actor=actor, now=now)
        return services.create_batch(source_id=found.id, file_name=path.name, stored=stored, actor=actor, now=now).id


def _stage(path: Path, company: SimpleNamespace, now: datetime, source: str = "shop") -> ImportBatch:
    batch_id = _upload(path, company, now, source)
    tasks.stage_batch(batch_id)
    return _batch(batch_id)


def _confirm(batch: ImportBatch, company: SimpleNamespace, now: datetime, **grounds: str) -> int:
    with transaction():
        services.choose(batch.id, touchpoint_id=company.touchpoint.id, grounds=grounds)
        services.confirm(batch.id, actor=by_user(company.admin.id), now=now)
    return batch.id


def _import(path: Path, company: SimpleNamespace, now: datetime, source: str = "shop", **grounds: str) -> ImportBatch:
    batch = _stage(path, company, now, source)
    assert batch.state is BatchState.STAGED, batch.error
    batch_id = _confirm(batch, company, now, **grounds)
    tasks.apply_batch(batch_id)
    return _batch(batch_id)


def _batch(batch_id: int) -> ImportBatch:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(ImportBatch, batch_id)


def _counts(batch: ImportBatch) -> tuple[int, int, int, int]:
    return batch.accepted, batch.updated, batch.unchanged, batch.rejected


def _interactions() -> list[Interaction]:
    db.session.rollback()
    db.session.expire_all()
    return db.session.query(Interaction).order_by(Interaction.id).all()


def test_a_1c_file_becomes_interactions_with_customers_units_and_performers(company: SimpleNamespace, at_now: datetime):
    batch = _import(CSV_1C, company, at_now, email="contract")

    first, second, anonymous = _interactions()
    assert _counts(batch) == (3, 0, 0, 0)
    assert batch.no_address == 1
    assert (first.number, str(first.amount), first.currency) == ("БУ00-000101", "19100.00", "UAH")
    assert first.unit.name == {"uk": "Магазин Київ-Лівий берег"}
    assert not first.unit.confirmed
    assert first.customer.name == "Тестова Олена Іванівна"
    assert {point.value for point in first.customer.contact_points} == {"olena.testova@example.com", "+380670000001"}
    assert second.customer.is_firm
    assert anonymous.customer is None
    assert db.session.query(InteractionPerformer).count() == 2
    assert db.session.query(StagedPart).count() == 0


def test_the_same_purchases_as_a_workbook_change_nothing(company: SimpleNamespace, at_now: datetime):
    _import(CSV_1C, company, at_now)

    again = _import(XLSX_1C, company, at_now)

    assert _counts(again) == (0, 0, 3, 0)
    assert len(_interactions()) == 3


def test_a_default_ground_stands_for_the_administrator_and_a_consent_column_for_the_customer(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    lines = ["1;03.11.2026;a@b.co;0671234567;так", "2;03.11.2026;c@d.co;;", "3;03.11.2026;e@f.co;;ні"]
    path = csv_file(tmp_path, lines, heading="number;date;email;phone;consent_email")

    _import(path, company, at_now, email="contract", phone="interest")

    grounds = {
        (point.value, ground.channel): ground
        for point, ground in db.session.query(ContactPoint, Ground).join(Ground.contact_point)
    }
    said = grounds["a@b.co", Channel.EMAIL]
    assert (said.kind, said.set_by_id) == (GroundKind.CONSENT, None)
    assert said.proof
    phone = grounds["+380671234567", Channel.PHONE]
    assert (phone.kind, phone.set_by_id) == (GroundKind.INTEREST, company.admin.id)
    default = grounds["c@d.co", Channel.EMAIL]
    assert (default.kind, default.set_by_id) == (GroundKind.CONTRACT, company.admin.id)
    assert grounds["e@f.co", Channel.EMAIL].withdrawn_at is not None


def test_the_region_is_the_columns_else_the_units_and_unknown_regions_are_counted_not_made(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    lines = [
        "1;03.11.2026;a@b.co;Лівий берег;Одесса",
        "2;03.11.2026;c@d.co;Порт;",
        "3;03.11.2026;e@f.co;Лівий берег;Полтава",
        "4;03.11.2026;g@h.co;;Полтава",
        "5;03.11.2026;a@b.co;;",
    ]
    batch = _import(csv_file(tmp_path, lines, heading="number;date;email;unit;region"), company, at_now)

    kyiv, odesa = company.regions.kyiv.id, company.regions.odesa.id
    assert [one.region_id for one in _interactions()] == [odesa, odesa, kyiv, None, odesa]
    assert batch.unmapped == {"region": {"Полтава": 2}}


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_new_unit_lies_in_the_region_of_its_first_row_whatever_the_size_of_a_chunk(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
):
    monkeypatch.setattr(applying, "CHUNK", chunk)
    lines = [f"{number};03.11.2026;a@b.co;Новий склад;{region}" for number, region in enumerate(("Одеса", "Київ", ""))]
    _import(csv_file(tmp_path, lines, heading="number;date;email;unit;region"), company, at_now)

    kyiv, odesa = company.regions.kyiv.id, company.regions.odesa.id
    assert [one.region_id for one in _interactions()] == [odesa, kyiv, odesa]


def test_a_changed_row_updates_its_purchase_and_an_empty_cell_deletes_nothing(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    heading = "external_id;date;email;amount;title;performer"
    _import(csv_file(tmp_path, ["A;03.11.2026;a@b.co;10;Лоток;Іван"], heading=heading), company, at_now)

    batch = _import(csv_file(tmp_path, ["A;04.11.2026;;12,5;;Петро"], heading=heading), company, at_now)

    (row,) = _interactions()
    assert _counts(batch) == (0, 1, 0, 0)
    assert (row.happened_at.day, str(row.amount), row.title) == (4, "12.50", "Лоток")
    assert row.customer.contact_points[0].value == "a@b.co"
    assert db.session.query(InteractionPerformer).count() == 1


def test_a_cancelled_order_takes_the_purchase_back_and_a_later_state_restores_it(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    heading = "external_id;date;email;status"
    for status, cancelled in (("Закрыт", False), ("Отменён", True), ("", True), ("Закрыт", False)):
        _import(csv_file(tmp_path, [f"A;03.11.2026;a@b.co;{status}"], heading=heading), company, at_now)
        (row,) = _interactions()
        assert (row.cancelled_at is not None) is cancelled


def test_an_address_that_arrives_later_lets_the_planner_look_again(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    heading = "external_id;date;customer_id;email"
    _import(csv_file(tmp_path, ["A;03.11.2026;C1;"], heading=heading), company, at_now)
    with transaction():
        services.mark_decided(queries.undecided(10))

    batch = _import(csv_file(tmp_path, ["A;03.11.2026;C1;a@b.co"], heading=heading), company, at_now)

    assert _counts(batch) == (0, 1, 0, 0)
    assert len(queries.undecided(10)) == 1
    assert db.session.query(Customer).count() == 1


def test_a_repeated_row_of_one_file_is_applied_after_the_first(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    lines = ["A;03.11.2026;a@b.co;10", "A;03.11.2026;a@b.co;10", "A;03.11.2026;a@b.co;11"]

    batch = _import(csv_file(tmp_path, lines, heading="external_id;date;email;amount"), company, at_now)

    assert _counts(batch) == (1, 1, 1, 0)
    assert str(_interactions()[0].amount) == "11.00"


def test_a_tills_number_of_another_day_and_customer_does_not_swallow_the_first(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    heading = "number;date;email"
    _import(csv_file(tmp_path, ["12;03.11.2026;a@b.co"], heading=heading), company, at_now)

    batch = _import(csv_file(tmp_path, ["12;05.11.2026;c@d.co"], heading=heading), company, at_now)

    assert _counts(batch) == (0, 0, 0, 1)
    assert db.session.query(RejectedRow).one().reason == "repeated_number"
    assert _interactions()[0].happened_at.day == 3


def test_a_bad_row_is_rejected_alone(company: SimpleNamespace, at_now: datetime, tmp_path: Path):
    lines = purchases(3)
    lines[1] = lines[1].replace("02.11.2026", "32.11.2026")

    batch = _import(csv_file(tmp_path, lines), company, at_now)

    assert _counts(batch) == (2, 0, 0, 1)
    reject = db.session.query(RejectedRow).one()
    assert (reject.line, reject.reason, reject.column) == (3, "bad_date", "happened_at")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda folder: csv_file(folder, ["1;2"], heading="77;88"), "no_heading"),
        (lambda folder: csv_file(folder, ["1;2;3"], heading="Сумма;Магазин;Регион"), "missing_columns"),
        (lambda folder: csv_file(folder, []), "no_rows"),
        (lambda folder: csv_file(folder, [*purchases(3000), 'X;"open']), "unclosed_quote"),
        (lambda folder: workbook(folder / "a.xlsx", [["Магазин", "Сумма", "Дата"], [1, 2, 3]]), "missing_columns"),
        (lambda folder: raw_xlsx(folder / "a.xlsx", "", extra={"xl/a": b"0" * 20 * MEGABYTE}), "zip_bomb"),
    ],
)  # fmt: skip
def test_a_file_at_fault_is_refused_and_nothing_of_it_is_kept(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path, make, code: str
):
    batch = _stage(make(tmp_path), company, at_now)

    assert batch.state is BatchState.REFUSED
    assert batch.error % batch.error_values
    entry = db.session.query(AuditEntry).filter_by(event=Event.IMPORT_REFUSED).one()
    assert entry.data == {"code": code}
    assert db.session.query(StagedPart).count() == db.session.query(RejectedRow).count() == 0
    assert _interactions() == []


def test_a_file_above_the_limit_is_refused_and_leaves_nothing_behind(app: Flask, tmp_path: Path):
    big = tmp_path / "a.csv"
    with big.open("wb") as stream:
        stream.truncate(500 * MEGABYTE)

    with big.open("rb") as stream, pytest.raises(FileRefused) as caught:
        staging.store(stream, tmp_path / "uploads", most_bytes=40 * MEGABYTE)

    assert "40" in str(caught.value)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_an_uploaded_file_is_readable_by_its_owner_only(app: Flask, tmp_path: Path):
    with CSV_1C.open("rb") as stream:
        stored = staging.store(stream, tmp_path / "uploads", most_bytes=MEGABYTE)

    assert (tmp_path / "uploads" / stored.name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "uploads").stat().st_mode & 0o777 == 0o700


def test_columns_assigned_by_hand_are_read_and_remembered_for_the_next_file(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    path = csv_file(tmp_path, ["A;03.11.2026;a@b.co"], heading="Ключ;Когда;E-mail;Дата")
    batch = _stage(path, company, at_now)
    with transaction():
        services.choose_columns(
            batch.id, {"Ключ": "external_id", "Когда": "happened_at", "E-mail": "email", "Дата": ""}
        )
    tasks.stage_batch(batch.id)
    tasks.apply_batch(_confirm(_batch(batch.id), company, at_now))

    again = _import(path, company, at_now)

    assert _interactions()[0].external_id == "A"
    assert _counts(again) == (0, 0, 1, 0)


def test_the_planner_does_not_see_a_batch_before_it_is_done(company: SimpleNamespace, at_now: datetime, tmp_path: Path):
    batch_id = _confirm(_stage(csv_file(tmp_path, purchases(3)), company, at_now), company, at_now)
    with transaction():
        claim = applying.begin(batch_id, now=at_now, patience=LEASE)
        applying.apply_next(claim, now=at_now, most=2)

    assert len(_interactions()) == 2
    assert queries.undecided(10) == []
    with transaction():
        applying.apply_next(claim, now=at_now)
        applying.finish(claim, now=at_now)
    assert len(queries.undecided(10)) == 3


@pytest.mark.sqlite_only
def test_asking_for_undecided_interactions_reads_the_short_index_only(company: SimpleNamespace, at_now: datetime):
    db.session.execute(db.text("ANALYZE"))  # and whatever it thinks of the table
    asked: list[tuple[str, Any]] = []
    event.listen(db.engine, "before_cursor_execute", lambda *about: asked.append((about[2], about[3])))
    queries.undecided(500)
    rows = db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1][0]}", asked[-1][1])

    plan = [row[3] for row in rows if "interaction" in row[3]]
    assert len(plan) == 1
    assert "SEARCH interaction USING" in plan[0]
    assert "ix_interaction_undecided" in plan[0]


def test_a_batch_whose_worker_died_is_resumed_and_nothing_is_done_twice(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    batch_id = _confirm(_stage(csv_file(tmp_path, purchases(1200)), company, at_now), company, at_now)
    with transaction():
        claim = applying.begin(batch_id, now=at_now, patience=LEASE)
    with transaction():
        applying.apply_next(claim, now=at_now)
    assert tasks.resume_batches(at_now) == 0

    later = at_now + timedelta(minutes=3)
    with collecting() as run_all:
        assert tasks.resume_batches(later) == 1
        with transaction():
            applying_now = applying.begin(batch_id, now=later, patience=LEASE)
            assert applying_now is not None
            # The worker believed dead wakes up: it has lost the batch.
            assert applying.apply_next(claim, now=later) is None
            db.session.get_one(ImportBatch, batch_id).lease_until = None
        run_all()

    batch = _batch(batch_id)
    assert batch.state is BatchState.DONE
    assert _counts(batch) == (1200, 0, 0, 0)
    assert batch.applied == 1200
    assert db.session.query(Interaction).count() == 1200


def test_a_file_whose_reader_died_is_read_again_from_the_start(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    batch_id = _upload(csv_file(tmp_path, purchases(10)), company, at_now)
    with transaction():
        claim = staging.begin(batch_id, now=at_now, patience=LEASE)
        staging.write(claim, staging.Part(), now=at_now)

    tasks.stage_batch(batch_id)
    assert _batch(batch_id).state is BatchState.STAGING
    with transaction():
        db.session.get_one(ImportBatch, batch_id).lease_until = at_now - timedelta(seconds=1)
    tasks.stage_batch(batch_id)

    assert _batch(batch_id).state is BatchState.STAGED
    assert _batch(batch_id).rows == 10
    with transaction():
        assert not staging.write(claim, staging.Part(), now=at_now)


def test_a_lost_job_is_made_again_after_a_minute(company: SimpleNamespace, at_now: datetime, tmp_path: Path):
    batch_id = _upload(csv_file(tmp_path, purchases(2)), company, at_now)

    assert tasks.resume_batches(at_now) == 0
    with collecting() as run_all:
        assert tasks.resume_batches(at_now + timedelta(minutes=2)) == 1
        run_all()

    assert _batch(batch_id).state is BatchState.STAGED


def test_two_workers_at_the_same_batch_import_every_row_once(
    app: Flask, company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    batch_id = _confirm(_stage(csv_file(tmp_path, purchases(2000)), company, at_now), company, at_now)
    together = threading.Barrier(2)

    def work() -> None:
        together.wait()
        tasks.apply_batch(batch_id)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    batch = _batch(batch_id)
    assert batch.state is BatchState.DONE
    assert _counts(batch) == (2000, 0, 0, 0)
    assert db.session.query(Interaction).count() == 2000


def test_of_two_administrators_who_confirm_one_is_refused(company: SimpleNamespace, at_now: datetime, tmp_path: Path):
    batch = _stage(csv_file(tmp_path, purchases(2)), company, at_now)
    _confirm(batch, company, at_now)

    with pytest.raises(services.NotWaiting):
        _confirm(batch, company, at_now)


def test_a_row_that_cannot_be_written_is_rejected_alone(company: SimpleNamespace, at_now: datetime, tmp_path: Path):
    batch = _stage(csv_file(tmp_path, purchases(600)), company, at_now)
    with transaction():
        part = db.session.query(StagedPart).filter_by(batch_id=batch.id).one()
        rows = unpacked(part.rows)
        next(row for row in rows if row.line == 300).amount = "not a number"
        part.rows = packed(rows)

    tasks.apply_batch(_confirm(batch, company, at_now))

    batch = _batch(batch.id)
    assert _counts(batch) == (599, 0, 0, 1)
    assert db.session.query(RejectedRow).one().line == 300


def test_a_file_of_twenty_thousand_rows_is_imported(company: SimpleNamespace, at_now: datetime, tmp_path: Path):
    batch = _import(csv_file(tmp_path, purchases(20_000)), company, at_now, email="contract")

    assert _counts(batch) == (20_000, 0, 0, 0)
    assert db.session.query(Customer).count() == 20_000
    assert db.session.query(Unit).count() == 2


def test_an_import_is_undone_until_something_downstream_holds_on_to_it(
    company: SimpleNamespace, at_now: datetime, tmp_path: Path
):
    batch = _import(csv_file(tmp_path, purchases(5)), company, at_now)

    with transaction():
        assert services.undo(batch.id, actor=COMMAND, now=at_now) == 5
    again = _import(csv_file(tmp_path, purchases(5)), company, at_now)

    assert _batch(batch.id).state is BatchState.UNDONE
    assert _counts(again) == (5, 0, 0, 0)
    with pytest.raises(services.NotUndoable), transaction():
        services.undo(batch.id, actor=COMMAND, now=at_now)


def test_a_new_source_is_in_trial_until_it_is_taken_live(company: SimpleNamespace, at_now: datetime):
    with transaction():
        source = services.get_or_create_source(name="  Нова   каса ", actor=COMMAND, now=at_now)
        assert source.in_trial
        assert services.get_or_create_source(name="Нова каса", actor=COMMAND, now=at_now).id == source.id
        live = {"live_from": at_now.date(), "first_day_cap": 50, "outbox_confirmed": True}
        assert services.go_live(source.id, **live, actor=COMMAND, now=at_now)
        assert not services.go_live(source.id, **live, actor=COMMAND, now=at_now)

    source = db.session.query(Source).one()
    assert (source.in_trial, source.first_day_cap, source.touchpoint_id) == (False, 50, company.touchpoint.id)
    assert db.session.query(AuditEntry).filter_by(event=Event.SOURCE_WENT_LIVE).count() == 1


def test_old_files_are_deleted(company: SimpleNamespace, at_now: datetime):
    batch = _import(CSV_1C, company, at_now)
    path = tasks.uploads() / batch.stored_as

    with transaction():
        assert kept.remove_old(at_now, limit=9) == 0
        assert kept.remove_old(at_now + timedelta(seconds=1), limit=9) == 1

    assert not path.exists()
    assert _batch(batch.id).stored_as == ""


def test_a_file_whose_upload_was_killed_is_deleted_too(company: SimpleNamespace, at_now: datetime, tmp_path: Path):
    with csv_file(tmp_path, purchases(1)).open("rb") as stream:
        stored = staging.store(stream, tasks.uploads(), most_bytes=MEGABYTE)
    path = tasks.uploads() / stored.name
    moment = at_now.timestamp()
    os.utime(path, (moment, moment))

    for later, there in ((0, True), (1, False)):
        with transaction():
            kept.remove_old(at_now + timedelta(seconds=later), limit=9)
        assert path.exists() is there


def test_the_log_of_an_import_names_counts_and_no_customers(company: SimpleNamespace, at_now: datetime, tmp_path: Path):
    before = max(id_ for (id_,) in db.session.query(AuditEntry.id))

    _import(csv_file(tmp_path, purchases(3), heading=HEADING), company, at_now, email="contract")

    entries = db.session.query(AuditEntry).filter(AuditEntry.id > before).order_by(AuditEntry.id).all()
    events = [entry.event for entry in entries]
    assert events == [Event.SOURCE_CREATED, Event.IMPORT_UPLOADED, Event.SETTING_CHANGED, Event.IMPORT_APPLIED]
    assert entries[-1].data["accepted"] == 3
    assert "example" not in str([entry.data for entry in entries])
