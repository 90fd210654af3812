"""Erasing a person: nothing that names it is left in the database or in the instance folder, and it stays so."""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Table

from npsapp import schedule, worker
from npsapp.audit.services import COMMAND
from npsapp.cases import services as cases
from npsapp.customers import care, erasing, services as customers
from npsapp.customers.models import Customer, TrustedId
from npsapp.db import db, transaction
from npsapp.delivery import services as delivery
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, Purpose, State, SuppressionReason
from npsapp.intake import connections, inbox, kept, received, services, staging, tasks
from npsapp.intake.models import ApiAnswer, BatchState, Interaction, RejectedRow, Source, SourceKind, StagedPart
from npsapp.lib.tables import FileRefused
from npsapp.office import erasing as office
from npsapp.responses.models import OldImport
from tests import factories as make
from tests.cast import csrf

NAME, EMAIL, PHONE = "Марія Незабудько", "maria@flowers.example", "+380671112233"
OTHER = "stranger@flowers.example"
WORDS = (NAME, NAME.upper(), EMAIL, PHONE, "671112233", "067 111-22-33", "crm-person-77")
HEADINGS = "Дата;Клієнт;Телефон;E-mail;№ документа\n"
ROW = f"05.11.2026;{NAME};067 111-22-33;{EMAIL};A-1\n"
OTHER_ROW = f"05.11.2026;Інша Людина;067 999 88 77;{OTHER};A-2\n"


def _everything(app: Flask) -> Iterator[tuple[str, str]]:
    """(place, text) of all rows of all tables and all files of the installation but the database's own."""
    db.session.rollback()
    tables: list[Table] = list(db.metadata.sorted_tables)
    for table in tables:
        for row in db.session.execute(table.select()):
            yield table.name, json.dumps([str(value) for value in row], ensure_ascii=False)
            yield table.name, " ".join(map(str, row))
    for path in Path(app.instance_path).rglob("*"):
        if path.is_file() and not path.name.startswith(("npsapp.db", "huey")):
            yield str(path), path.name
            with suppress(FileRefused):  # damaged files of other tests, which share the folder
                for text in kept.texts(path):
                    yield str(path), text


def _found(app: Flask) -> set[str]:
    """Where the person still stands."""
    return {place for place, text in _everything(app) if any(word.casefold() in text.casefold() for word in WORDS)}


@pytest.fixture
def source(company: SimpleNamespace, now: datetime) -> Source:
    with transaction():
        return connections.add(SourceKind.WEBHOOK, "CRM", actor=COMMAND, now=now)[0]


@pytest.fixture
def person(app: Flask, company: SimpleNamespace, source: Source, now: datetime) -> int:
    """Somebody known in every way a person can be."""
    with transaction():
        one = make.make_customer(company, now=now, name=NAME, name_key=NAME.casefold(), email=EMAIL, phone=PHONE)
        db.session.add(TrustedId(customer_id=one.id, source_id=source.id, external_id="crm-person-77"))
        bought = make.make_interaction(company, now=now, customer=one, title=f"для {NAME}", asked_because=NAME)
        response = make.make_response(
            company,
            now=now,
            score=2,
            invitation=make.make_invitation(company, now=now, interaction=bought),
            comment=f"Я {NAME}, дзвоніть {PHONE}",
            voided_at=now,
            void_reason=NAME,
        )
        cases.look_at(response.id, now=now)
        care.note(one.id, f"{NAME} просить дзвонити на {PHONE}", actor=COMMAND, now=now)
        make.make_message(company, now=now, to_address=EMAIL, to_name=NAME, state=State.SENT, sent_at=now)
        make.make_message(company, now=now, to_address=EMAIL, to_name=NAME)
        make.make_message(
            company, now=now, purpose=Purpose.STAFF, to_address="andriy@vodolad.example", body=f"{NAME} чекає"
        )
        delivery.suppress(
            channel=Channel.EMAIL,
            address=EMAIL,
            brand_id=None,
            reason=SuppressionReason.UNSUBSCRIBED,
            until=None,
            now=now,
        )
        _kept_raw(company, source, now)
        return one.id


def _kept_raw(company: SimpleNamespace, source: Source, now: datetime) -> None:
    bodies = (
        json.dumps({"order": 1, "client": {"name": NAME, "phone": "(067) 111-22-33"}}),
        "leads[0][name]=%D0%9C%D0%B0%D1%80%D1%96%D1%8F+%D0%9D%D0%B5%D0%B7%D0%B0%D0%B1%D1%83%D0%B4%D1%8C%D0%BA%D0%BE",
        json.dumps({"person": "crm-person-77"}),
        json.dumps({"client": OTHER}),
    )
    for body in bodies:
        received.keep(source.id, content_type="", body=body, now=now)
    answer = {"results": [], "rejected": [{"value": EMAIL}]}
    db.session.add(ApiAnswer(source_id=source.id, key="k", digest="d", answer=answer, created_at=now))
    done = services.create_batch(
        source_id=source.id, file_name="x.csv", stored=staging.StoredFile("", "", 0), actor=COMMAND, now=now,
        sample=[[NAME, PHONE]],
    )  # fmt: skip
    done.state = BatchState.DONE
    db.session.add(RejectedRow(batch_id=done.id, line=2, reason="bad_email", column="E-mail", value=f"{EMAIL},"))
    seen = {"counts": {"lines": 1}, "faults": [[2, "bad_score", NAME]], "sample": [[EMAIL]]}
    db.session.add(
        OldImport(programme="old", holds="answers", survey_id=company.survey.id, file_name="o.csv", stored_as="",
                  size=1, seen=seen, created_at=now)
    )  # fmt: skip


def _upload(source: Source, text: str, now: datetime, encoding: str = "utf-8") -> int:
    """A file that waits for its confirmation."""
    batch_id = _store(source, text, now, encoding)
    tasks.stage_batch(batch_id)
    return batch_id


def _store(source: Source, text: str, now: datetime, encoding: str = "utf-8") -> int:
    """A file that waits to be read."""
    path = tasks.uploads().parent / "one.csv"
    path.write_bytes((HEADINGS + text).encode(encoding))
    with path.open("rb") as file:
        stored = staging.store(file, tasks.uploads(), most_bytes=10**6)
    path.unlink()
    with transaction():
        return services.create_batch(source_id=source.id, file_name="one.csv", stored=stored, actor=COMMAND, now=now).id


@pytest.fixture
def admin(company: SimpleNamespace, client: FlaskClient, login: Callable, at_now: datetime) -> FlaskClient:
    return login(client, company.admin)


def _erase(admin: FlaskClient, customer_id: int) -> None:
    token = csrf(admin.get(f"/customers/{customer_id}").text)
    assert admin.post(f"/customers/{customer_id}/erase", data={"csrf_token": token}).status_code == 303
    assert "is being erased" in admin.get(f"/customers/{customer_id}").text
    office.erase(customer_id)
    db.session.expire_all()


def _beat() -> None:
    with worker.collecting() as run_jobs:
        schedule.tidy(schedule.Beat())
        run_jobs()
    db.session.rollback()


def test_afterwards_neither_name_nor_address_nor_phone_is_found_anywhere(
    app: Flask, admin: FlaskClient, company: SimpleNamespace, person: int, source: Source, now: datetime
) -> None:
    _upload(source, ROW + OTHER_ROW, now, "cp1251")
    aside = inbox.folder_of(source) / inbox.PROCESSED
    aside.mkdir(parents=True)
    (aside / "utf16.csv").write_bytes((HEADINGS + ROW).encode("utf-16"))
    (aside / "other.csv").write_text(HEADINGS + OTHER_ROW)
    with zipfile.ZipFile(aside / "packed.xlsx", "w") as archive:
        archive.writestr("xl/sharedStrings.xml", f"<t>{EMAIL}</t>")
    before = _found(app)
    assert {"customer", "contact_point", "message", "received_body", "staged_part", "old_import"} <= before

    _erase(admin, person)

    assert _found(app) == set()
    assert (aside / "other.csv").exists()
    left = [text for place, text in _everything(app) if OTHER in text]
    assert {"staged_part", "received_body"} <= {place for place, text in _everything(app) if OTHER in text}, left
    assert db.session.scalars(db.select(Message.state)).all().count(State.CANCELLED) == 2
    assert db.session.get_one(Customer, person).emptied_at == now


def test_who_was_erased_is_not_taken_in_again(
    admin: FlaskClient, company: SimpleNamespace, person: int, source: Source, now: datetime
) -> None:
    _erase(admin, person)

    people = [
        customers.Incoming(email=EMAIL, name=NAME),
        customers.Incoming(external_id="crm-person-77", email="new@flowers.example"),
        customers.Incoming(email=OTHER),
    ]
    with transaction():
        found = customers.find_or_create(people, pool_id=company.pool.id, source_id=source.id, now=now)

    assert found[:2] == [None, None]
    assert found[2]
    batch_id = _upload(source, ROW, now)
    with transaction():
        services.confirm(batch_id, actor=COMMAND, now=now)
    tasks.apply_batch(batch_id)
    taken = db.session.scalars(db.select(Interaction).where(Interaction.batch_id == batch_id)).one()
    assert taken.customer_id is None


def test_a_file_that_is_still_to_be_read_does_not_bring_anybody_back(
    app: Flask, admin: FlaskClient, person: int, source: Source, now: datetime
) -> None:
    elsewhere = f"05.11.2026;{NAME};;maria@new.example;A-3\n"
    batch_id = _store(source, ROW + elsewhere + OTHER_ROW, now)

    _erase(admin, person)
    assert erasing.unfinished() == [person], "the file is searched once it is read"
    tasks.stage_batch(batch_id)
    db.session.rollback()
    assert [OTHER in rows and NAME not in rows for rows in db.session.scalars(db.select(StagedPart.rows))] == [True]
    _beat()

    assert erasing.unfinished() == []
    assert _found(app) == set()
    with transaction():
        services.confirm(batch_id, actor=COMMAND, now=now)
    tasks.apply_batch(batch_id)
    db.session.rollback()
    taken = db.session.scalars(db.select(Interaction).where(Interaction.batch_id == batch_id)).one()
    assert taken.customer.name == "Інша Людина"
    assert _found(app) == set()


def test_an_address_that_somebody_else_has_as_well_stays_theirs(
    admin: FlaskClient, company: SimpleNamespace, person: int, now: datetime
) -> None:
    with transaction():
        wife = make.make_customer(company, now=now, phone=PHONE).id

    _erase(admin, person)

    with transaction():
        found = customers.find_or_create(
            [customers.Incoming(phone=PHONE)], pool_id=company.pool.id, source_id=None, now=now
        )
    assert found == [wife]


def test_a_lost_job_is_made_again_by_the_heartbeat(
    app: Flask, company: SimpleNamespace, person: int, now: datetime, at_now: datetime
) -> None:
    with transaction():
        erasing.begin(person, actor=COMMAND, now=now)
    assert erasing.unfinished() == [person]

    _beat()

    assert _found(app) == set()
    assert erasing.unfinished() == []


def test_only_administrators_erase(app: Flask, company: SimpleNamespace, person: int, login: Callable) -> None:
    client = login(app.test_client(), company.manager_kyiv)
    page = client.get(f"/customers/{person}").text

    assert "Erase" not in page
    assert client.post(f"/customers/{person}/erase", data={"csrf_token": csrf(page)}).status_code == 403
