"""Connections: secrets, documents of one purchase, words that are mapped later, and silence."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from npsapp.audit.services import COMMAND
from npsapp.db import db, transaction
from npsapp.intake import applying, connections, exchanges, mapping, services, staging, tasks
from npsapp.intake.models import (
    BatchState,
    Exchange,
    ImportBatch,
    Interaction,
    InteractionPerformer,
    Source,
    SourceKind,
    SourceValue,
    ValueKind,
)
from npsapp.intake.rules import InteractionRow, packed
from npsapp.intake.services import NoName
from npsapp.invitations import letters, services as invitations
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib.tables import MEGABYTE
from npsapp.organization.models import Performer, Unit
from npsapp.worker import collecting
from tests import factories as make
from tests.intake.files import csv_file, purchases

LEASE = timedelta(seconds=120)
ORDER = {"external_id": "order-guid", "kind": "order", "number": "БУ-101", "amount": "1000.00"}
SHIPMENT = {"external_id": "shipment-guid", "kind": "shipment", "basis": "БУ-101", "amount": "1000.00"}
PAYMENT = {"external_id": "payment-guid", "kind": "payment", "basis": "БУ-101", "state": "completed"}


@pytest.fixture
def onec(app: Flask, company: SimpleNamespace, now: datetime) -> SimpleNamespace:
    """A live connection of a 1C base, with a way to let it send documents."""
    with transaction():
        source = make.make_source(company, now=now, kind=SourceKind.ONEC, ask_completed=True, ids_are_persons=False)
    line = iter(range(1, 1000))

    def send(*documents: dict[str, Any], at: datetime = now) -> ImportBatch:
        rows = [
            InteractionRow(
                **({"line": next(line), "happened_at": now - timedelta(days=15), "email": "a@b.example"} | one)
            )
            for one in documents
        ]
        return _take_in(source.id, rows, at)

    return SimpleNamespace(source=source, send=send)


def _take_in(source_id: int, rows: list[InteractionRow], now: datetime) -> ImportBatch:
    """Apply rows as a batch of the connection."""
    with transaction():
        batch = ImportBatch(
            source_id=source_id, file_name="x", stored_as="", sha256="", size=0, columns={}, unmapped={},
            options={"auto": True}, error_values={}, state=BatchState.APPLYING, created_at=now,
        )  # fmt: skip
        db.session.add(batch)
        db.session.flush()
        part = {"rows": packed(rows), "count": len(rows), "first_at": now, "last_at": now}
        staging.insert_many(staging.StagedPart, [part], batch_id=batch.id)
        claim = applying.begin(batch.id, now=now, patience=LEASE)
        assert claim
        while applying.apply_next(claim, now=now):
            pass
        applying.finish(claim, now=now)
    db.session.expire_all()
    return db.session.get_one(ImportBatch, batch.id)


def _interactions() -> list[Interaction]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(db.select(Interaction).order_by(Interaction.id)))


def _plan(now: datetime) -> None:
    ids = [one.id for one in _interactions() if one.undecided]
    with transaction():
        invitations.plan(ids, without_mail=frozenset(), now=now)


def _invitation() -> Invitation:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(db.select(Invitation)).one()


# ---- secrets ------------------------------------------------------------------------------------------------------


def test_a_secret_opens_its_own_connection_until_it_is_changed(
    app: Flask, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        source, secret = connections.add(SourceKind.ONEC, " 1C  Kyiv ", actor=COMMAND, now=now)
        other, _ = connections.add(SourceKind.API, "till", actor=COMMAND, now=now)
    assert connections.secret_fits(source, secret)
    assert not connections.secret_fits(other, secret)

    with transaction():
        new = connections.rotate(source.id, actor=COMMAND, now=now)

    assert connections.secret_fits(source, new)
    assert not connections.secret_fits(source, secret)
    assert not connections.secret_fits(None, new)
    assert (source.name, source.login, source.in_trial) == ("1C Kyiv", f"onec{source.id}", True)


def test_no_secret_fits_a_connection_without_one(app: Flask, company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        source, secret = connections.add(SourceKind.FOLDER, "drops", actor=COMMAND, now=now)

    assert secret == ""
    assert not connections.secret_fits(source, "")


def test_names_are_unique_and_not_empty(app: Flask, company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        connections.add(SourceKind.API, "till", actor=COMMAND, now=now)

    with pytest.raises(connections.NameTaken), transaction():
        connections.add(SourceKind.ONEC, "till", actor=COMMAND, now=now)
    with pytest.raises(NoName), transaction():
        connections.add(SourceKind.ONEC, "  ", actor=COMMAND, now=now)


def test_what_we_send_is_sealed_and_an_empty_field_keeps_it(
    app: Flask, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        source, _ = connections.add(SourceKind.MAILBOX, "reports", actor=COMMAND, now=now)
        connections.seal(source, password="of the mailbox", token="")
        connections.seal(source, password="")

    assert connections.opened(source) == {"password": "of the mailbox"}
    assert "mailbox" not in source.sealed


def test_a_retired_connection_answers_to_nothing(app: Flask, company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        source, _ = connections.add(SourceKind.ONEC, "1C", actor=COMMAND, now=now)
    assert connections.by_key(source.key) == connections.by_login(source.login) == source

    with transaction():
        connections.retire(source.id, actor=COMMAND, now=now)

    assert connections.by_key(source.key) is None
    assert connections.by_login(source.login) is None
    assert connections.by_login("") is None


def test_the_newest_exchanges_are_kept(app: Flask, company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        source, other = make.make_source(company, now=now), make.make_source(company, now=now)
        exchanges.note(other.id, "Called", now=now)
        for minute in range(exchanges.KEPT + 3):
            exchanges.note(source.id, "Called", now=now + timedelta(minutes=minute), count=minute)

    assert [one.count for one in exchanges.newest(source.id, limit=2)] == [202, 201]
    assert db.session.scalar(db.select(db.func.count()).select_from(Exchange)) == exchanges.KEPT + 1
    assert db.session.get_one(Source, source.id).heard_at == now + timedelta(minutes=202)


# ---- one purchase, several documents ------------------------------------------------------------------------------


@pytest.mark.parametrize("order_of_arrival", [(0, 1, 2), (1, 2, 0), (1, 0, 2)])
@pytest.mark.parametrize("at_once", [True, False])
def test_order_shipment_and_payment_are_one_purchase(
    onec: SimpleNamespace, now: datetime, order_of_arrival: tuple[int, ...], at_once: bool
) -> None:
    shipped = now - timedelta(days=14)
    documents = [ORDER | {"state": "open"}, SHIPMENT | {"state": "completed", "happened_at": shipped}, PAYMENT]
    sent = [documents[at] for at in order_of_arrival]

    if at_once:
        onec.send(*sent)
    else:
        for one in sent:
            onec.send(one)
    again = onec.send(*sent)

    (purchase,) = _interactions()
    assert (purchase.number, purchase.state, purchase.happened_at) == ("БУ-101", "completed", shipped)
    assert purchase.kind == "order"
    assert (again.accepted, again.updated, again.unchanged) == (0, 0, 3)


def test_a_payment_alone_is_no_sale(onec: SimpleNamespace, now: datetime) -> None:
    batch = onec.send(PAYMENT)

    assert (batch.accepted, batch.rejected) == (0, 1)
    assert _interactions() == []


def test_a_record_that_says_no_state_leaves_the_known_one(onec: SimpleNamespace, now: datetime) -> None:
    onec.send(ORDER | {"state": "completed"})
    again = onec.send(ORDER)

    assert _interactions()[0].state == "completed"
    assert again.unchanged == 1


def test_unposting_the_only_shipment_opens_the_order_again(onec: SimpleNamespace, now: datetime) -> None:
    onec.send(ORDER, SHIPMENT | {"state": "completed"})
    onec.send(SHIPMENT | {"state": "open"})

    assert _interactions()[0].state == "open"


def test_batches_of_a_connection_are_applied_in_their_order(onec: SimpleNamespace, now: datetime) -> None:
    with transaction():
        first, second = (
            ImportBatch(
                source_id=onec.source.id, file_name="x", stored_as="", sha256="", size=0, columns={}, unmapped={},
                options={"auto": True}, error_values={}, state=BatchState.APPLYING, created_at=now,
            )
            for _ in range(2)
        )  # fmt: skip
        db.session.add_all([first, second])
        db.session.flush()
        assert first.id < second.id
        assert applying.begin(second.id, now=now, patience=LEASE) is None
        claim = applying.begin(first.id, now=now, patience=LEASE)
        applying.finish(claim, now=now)
        assert applying.begin(second.id, now=now, patience=LEASE)


def test_numbers_of_another_year_are_other_orders(onec: SimpleNamespace, now: datetime) -> None:
    long_ago = {"external_id": "old", "happened_at": now - timedelta(days=500)}
    onec.send(ORDER | long_ago, ORDER | {"external_id": "new"})

    onec.send(SHIPMENT | {"state": "completed"})

    assert [one.state for one in _interactions()] == ["", "completed"]


def test_an_open_order_waits_until_it_is_completed(onec: SimpleNamespace, now: datetime) -> None:
    onec.send(ORDER | {"state": "open"})
    _plan(now)
    assert _invitation().reason is Reason.NOT_COMPLETED

    onec.send(ORDER | {"state": "completed"})
    _plan(now)

    assert _invitation().state is InvitationState.PLANNED


def test_an_order_opened_again_is_taken_out_of_the_plan(onec: SimpleNamespace, now: datetime) -> None:
    onec.send(ORDER | {"state": "completed"})
    _plan(now)

    onec.send(ORDER | {"state": "open"})
    with transaction():
        letters.exclude_cancelled(now=now)

    assert _invitation().reason is Reason.NOT_COMPLETED


def test_a_connection_that_asks_at_once_asks_about_open_orders(onec: SimpleNamespace, now: datetime) -> None:
    with transaction():
        db.session.get_one(Source, onec.source.id).ask_completed = False

    onec.send(ORDER | {"state": "open"})
    _plan(now)

    assert _invitation().state is InvitationState.PLANNED


def test_a_cancelled_order_is_asked_about_again_once_it_is_revived(onec: SimpleNamespace, now: datetime) -> None:
    onec.send(ORDER | {"state": "completed"})
    _plan(now)
    onec.send(ORDER | {"state": "cancelled"})
    with transaction():
        letters.exclude_cancelled(now=now)
    _plan(now)
    assert _invitation().reason is Reason.CANCELLED

    onec.send(ORDER | {"state": "completed"})
    _plan(now)

    assert _invitation().state is InvitationState.PLANNED
    assert _interactions()[0].cancelled_at is None


def test_a_return_takes_back_its_purchase_and_the_order_sent_again_does_not_revive_it(
    onec: SimpleNamespace, now: datetime
) -> None:
    onec.send(ORDER | {"state": "completed"})
    onec.send({"external_id": "return-guid", "kind": "return", "basis": "БУ-101", "amount": "1000.00"})
    onec.send(ORDER | {"state": "completed"})

    (purchase,) = _interactions()
    assert purchase.state == "returned"
    assert purchase.cancelled_at
    assert purchase.amount == 1000


def test_a_partial_return_leaves_the_purchase(onec: SimpleNamespace, now: datetime) -> None:
    onec.send(ORDER | {"state": "completed"})
    onec.send({"external_id": "return-guid", "kind": "return", "basis": "БУ-101", "amount": "100.00"})

    (purchase,) = _interactions()
    assert purchase.state == "completed"
    assert purchase.cancelled_at is None
    assert purchase.amount == 1000


@pytest.mark.parametrize("over", [{"kind": "return"}, {"kind": "order", "state": "cancelled"}, {"cancelled": True}])
def test_what_was_given_back_is_never_asked_about(onec: SimpleNamespace, now: datetime, over: dict[str, Any]) -> None:
    onec.send({"external_id": "alone"} | over)
    _plan(now)

    assert _invitation().reason is Reason.CANCELLED


# ---- what arrives by itself ---------------------------------------------------------------------------------------


def _receive(source: Source, path: Path, now: datetime) -> ImportBatch:
    with path.open("rb") as stream:
        stored = staging.store(stream, tasks.uploads(), most_bytes=MEGABYTE)
    with transaction():
        batch_id = services.receive(source.id, stored, file_name=path.name, format="", now=now)
    with collecting() as run_all:
        tasks.stage_batch.enqueue(batch_id)
        run_all()
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(ImportBatch, batch_id)


def test_what_arrives_is_taken_in_without_a_person(onec: SimpleNamespace, at_now: datetime, tmp_path: Path) -> None:
    batch = _receive(onec.source, csv_file(tmp_path, purchases(3)), at_now)

    assert (batch.state, batch.accepted) == (BatchState.DONE, 3)
    assert db.session.get_one(Source, onec.source.id).accepted_at == at_now
    assert [(one.failed, one.count) for one in exchanges.newest(onec.source.id)] == [(False, 3)]


def test_what_cannot_be_read_stands_among_the_exchanges(
    onec: SimpleNamespace, at_now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(b"%PDF-1.4")
    batch = _receive(onec.source, tmp_path / "a.csv", at_now)

    assert batch.state is BatchState.REFUSED
    (told,) = exchanges.newest(onec.source.id)
    assert told.failed
    assert told.error == batch.error
    assert db.session.get_one(Source, onec.source.id).accepted_at is None


# ---- words --------------------------------------------------------------------------------------------------------


def _word(kind: ValueKind) -> SourceValue:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(db.select(SourceValue).where(SourceValue.kind == kind)).one()


def _say(value: SourceValue, now: datetime, **what: Any) -> int:
    with transaction():
        return len(mapping.say(value.id, actor=COMMAND, now=now, **what))


def test_an_unknown_region_is_collected_and_repaired_once_it_is_mapped(
    onec: SimpleNamespace, company: SimpleNamespace, now: datetime
) -> None:
    onec.send(*({"external_id": str(at), "region": "Полтавщина"} for at in range(3)))
    onec.send({"external_id": "0", "region": " ПОЛТАВЩИНА"})
    value = _word(ValueKind.REGION)
    assert (value.shown, value.count, value.target_id) == ("Полтавщина", 3, None)
    _plan(now)

    assert _say(value, now, target_id=company.regions.kyiv.id) == 3

    assert {(one.region_id, one.undecided) for one in _interactions()} == {(company.regions.kyiv.id, True)}
    onec.send({"external_id": "new", "region": "Полтавщина"})
    assert _interactions()[-1].region_id == company.regions.kyiv.id
    assert _say(value, now, target_id=company.regions.odesa.id) == 4
    assert {one.region_id for one in _interactions()} == {company.regions.odesa.id}


def test_a_region_somebody_gave_otherwise_is_not_repaired(
    onec: SimpleNamespace, company: SimpleNamespace, now: datetime
) -> None:
    onec.send({"external_id": "1", "region": "Полтавщина", "unit": "Порт"})

    assert _say(_word(ValueKind.REGION), now, target_id=company.regions.kyiv.id) == 0

    assert _interactions()[0].region_id == company.regions.odesa.id


def test_a_new_store_can_be_said_to_be_one_of_ours(
    onec: SimpleNamespace, company: SimpleNamespace, now: datetime
) -> None:
    onec.send({"external_id": "1", "unit": "Склад 7"}, {"external_id": "2", "unit": "Порт", "email": "c@b.example"})
    value = _word(ValueKind.UNIT)
    assert db.session.get_one(Unit, value.target_id).name["uk"] == "Склад 7"

    assert _say(value, now, target_id=company.units.kyiv.id) == 1

    first, second = _interactions()
    assert (first.unit_id, first.region_id) == (company.units.kyiv.id, company.regions.kyiv.id)
    assert second.unit_id == company.units.odesa.id


def test_an_employee_under_another_name_is_joined(
    onec: SimpleNamespace, company: SimpleNamespace, now: datetime
) -> None:
    onec.send({"external_id": "1", "performers": [("seller", "Іваненко О.")]})
    onec.send({"external_id": "2", "performers": [("seller", "Олена Іваненко")]})
    short, whole = db.session.scalars(db.select(Performer).order_by(Performer.id))
    value = db.session.scalars(db.select(SourceValue).where(SourceValue.target_id == short.id)).one()

    assert _say(value, now, target_id=whole.id) == 1

    served = db.session.scalars(db.select(InteractionPerformer.performer_id)).all()
    assert served == [whole.id, whole.id]


def test_a_status_counts_once_people_said_what_it_means(onec: SimpleNamespace, now: datetime) -> None:
    onec.send(ORDER | {"status_raw": "Скасовано менеджером"})
    value = _word(ValueKind.STATUS)
    assert _interactions()[0].state == ""

    assert _say(value, now, meaning="cancelled") == 1

    assert _interactions()[0].cancelled_at
    onec.send(
        ORDER | {"status_raw": "Скасовано менеджером"}, {"external_id": "2", "status_raw": "скасовано менеджером"}
    )
    assert [one.state for one in _interactions()] == ["cancelled", "cancelled"]
    assert _say(value, now, meaning="completed") == 2
    assert {(one.state, one.cancelled_at) for one in _interactions()} == {("completed", None)}


def test_an_extra_field_can_stand_for_a_column_of_ours(
    onec: SimpleNamespace, company: SimpleNamespace, now: datetime
) -> None:
    onec.send({"external_id": "1", "properties": {"Точка видачі": "Порт"}})
    assert _interactions()[0].unit_id is None

    _say(_word(ValueKind.PROPERTY), now, meaning="unit")
    onec.send({"external_id": "1", "properties": {"Точка видачі": "Порт"}})

    assert _interactions()[0].unit_id == company.units.odesa.id
