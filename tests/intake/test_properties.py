"""Declared properties: columns fill them, answers are narrowed and reports divided by them."""

import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from npsapp.audit.services import COMMAND
from npsapp.db import db, transaction
from npsapp.intake import services, staging, tasks
from npsapp.intake.models import BatchState, ImportBatch, Interaction
from npsapp.organization import queries as organization, services as organization_services
from npsapp.organization.models import Property
from npsapp.permissions import EVERYTHING, Scope
from npsapp.reports import queries as reports
from npsapp.reports.queries import Selection
from npsapp.responses import queries as responses
from npsapp.responses.models import DirtyDay
from tests.cast import csrf
from tests.factories import make_interaction, make_invitation, make_response, make_source
from tests.intake.files import csv_file

HEADING = "external_id;happened_at;email;Спосіб доставки;Колір"


def _declare(company: SimpleNamespace, now: datetime, *names: str) -> list[int]:
    with transaction():
        return [
            organization_services.enter(
                Property,
                {"pool_id": company.pool.id, "name": {"uk": name, "en": f"{name} en"}, "aliases": []},
                actor=COMMAND,
                now=now,
            ).id
            for name in names
        ]


def _read(path: Path, source_id: int, now: datetime) -> int:
    with path.open("rb") as file:
        stored = staging.store(file, tasks.uploads(), most_bytes=tasks.most_bytes())
    with transaction():
        batch_id = services.receive(source_id, stored, file_name=path.name, format="", now=now)
    tasks.stage_batch(batch_id)
    tasks.apply_batch(batch_id)
    assert db.session.get_one(ImportBatch, batch_id, populate_existing=True).state is BatchState.DONE
    return batch_id


@pytest.fixture
def source_id(company: SimpleNamespace, now: datetime) -> int:
    with transaction():
        return int(make_source(company, now=now).id)


@pytest.mark.usefixtures("at_now")
def test_a_column_named_like_a_property_fills_it_and_others_are_left_out(
    company: SimpleNamespace, now: datetime, source_id: int, tmp_path: Path
):
    _declare(company, now, "Спосіб доставки")
    lines = ["A1;03.11.2026;a@b.example;Самовивіз;білий", "A2;03.11.2026;c@d.example; самовивіз ;", "A3;03.11.2026;;;"]

    _read(csv_file(tmp_path, lines, heading=HEADING), source_id, now)

    stored = db.session.execute(select(Interaction.external_id, Interaction.properties)).all()
    assert dict(map(tuple, stored)) == {
        "A1": {"sposib-dostavki": "Самовивіз"},
        "A2": {"sposib-dostavki": "Самовивіз"},
        "A3": {},
    }
    assert [value.name for value in organization.property_values([organization.properties()[0].id])] == ["Самовивіз"]


@pytest.mark.usefixtures("at_now")
def test_a_changed_value_follows_the_file_and_an_empty_cell_changes_nothing(
    company: SimpleNamespace, now: datetime, source_id: int, tmp_path: Path
):
    _declare(company, now, "Спосіб доставки", "Колір")
    for cells in ("Самовивіз;білий", "Кур'єр;", ";"):
        _read(csv_file(tmp_path, [f"A1;03.11.2026;a@b.example;{cells}"], heading=HEADING), source_id, now)

    assert db.session.scalars(select(Interaction.properties)).one() == {"sposib-dostavki": "Кур'єр", "kolir": "білий"}


@pytest.mark.usefixtures("at_now")
def test_values_beyond_a_hundred_are_stored_and_not_offered(
    company: SimpleNamespace, now: datetime, source_id: int, tmp_path: Path
):
    (id_,) = _declare(company, now, "Колір")
    lines = [f"A{n};03.11.2026;a{n}@b.example;;колір {n}" for n in range(130)]

    _read(csv_file(tmp_path, lines, heading=HEADING), source_id, now)

    assert len(organization.property_values([id_])) == 100
    assert len({tuple(one.items()) for one in db.session.scalars(select(Interaction.properties))}) == 130


def test_the_ninth_property_is_refused(company: SimpleNamespace, now: datetime):
    ids = _declare(company, now, *(f"Ознака {letter}" for letter in "абвгдежз"))

    with pytest.raises(organization_services.TooManyProperties):
        _declare(company, now, "Дев'ята")
    with transaction():
        organization_services.change_fields(
            db.session.get_one(Property, ids[0]), {"retired_at": now}, actor=COMMAND, now=now
        )
    _declare(company, now, "Дев'ята")

    assert len(organization.properties()) == 8


@pytest.fixture
def answered(company: SimpleNamespace, now: datetime) -> SimpleNamespace:
    """Pick-ups: 10 in Kyiv, 9 in Odesa; by courier: 2 in Kyiv; unknown: 7 in Kyiv."""
    (id_,) = _declare(company, now, "Доставка")
    with transaction():
        texts = {("dostavka", text.casefold()): text for text in ("Самовивіз", "Кур'єр")}
        organization_services.add_property_values(company.pool.id, texts, now=now)
        kyiv, odesa = company.regions.kyiv.id, company.regions.odesa.id
        for score, region, value in (
            (10, kyiv, "Самовивіз"), (9, odesa, "Самовивіз"), (2, kyiv, "Кур'єр"), (7, kyiv, ""),
        ):  # fmt: skip
            properties = {"dostavka": value} if value else {}
            purchase = make_interaction(company, now=now, region_id=region, properties=properties, undecided=False)
            answer = make_response(
                company, now=now, score=score, invitation=make_invitation(company, now=now, interaction=purchase)
            )
        db.session.add(DirtyDay(survey_id=answer.survey_id, local_date=answer.local_date))
    ids = {value.name: value.id for value in organization.property_values([id_])}
    return SimpleNamespace(
        name=f"p{id_}", pickup=ids["Самовивіз"], courier=ids["Кур'єр"], kyiv=Scope(frozenset({kyiv}))
    )


def test_answers_are_narrowed_to_a_value_inside_the_scope(answered: SimpleNamespace):
    def scores(scope: Scope, value: int) -> list[int]:
        return sorted(one.score for one in responses.newest(scope, {answered.name: value}, after=None, limit=50))

    assert scores(EVERYTHING, answered.pickup) == [9, 10]
    assert scores(answered.kyiv, answered.pickup) == [10]
    assert scores(EVERYTHING, answered.courier) == [2]
    assert scores(EVERYTHING, 0) == [7]
    assert scores(EVERYTHING, 999_999) == []


def test_reports_are_narrowed_and_divided_from_the_answers_themselves(answered: SimpleNamespace, now: datetime):
    def total(scope: Scope, value: int) -> list[int]:
        counted = reports.counted(Selection(scope=scope, ids={answered.name: value}))
        return [score for score, count in enumerate(counted.by_score) if count]

    assert total(EVERYTHING, answered.pickup) == [9, 10]
    assert total(answered.kyiv, answered.pickup) == [10]
    assert total(EVERYTHING, 0) == [7]
    assert reports.invited(Selection(ids={answered.name: answered.pickup}), now).answered == 2
    parts = reports.by_property(Selection(), answered.name)
    assert {value: [score for score, n in enumerate(counts) if n] for value, counts in parts.items()} == {
        "Самовивіз": [9, 10], "Кур'єр": [2], "": [7],
    }  # fmt: skip
    assert set(reports.by_property(Selection(scope=answered.kyiv), answered.name)) == {"Самовивіз", "Кур'єр", ""}


@pytest.mark.usefixtures("at_now")
def test_pages_offer_the_filter_and_the_division_and_the_file_has_it(
    company: SimpleNamespace, client, login, answered: SimpleNamespace
):
    login(client, company.admin)
    page = client.get(f"/reports/?by={answered.name}&period=12_months").get_data(as_text=True)
    listed = client.get(f"/answers/?{answered.name}={answered.courier}").get_data(as_text=True)
    exported = client.get(f"/reports/export.csv?by={answered.name}").get_data(as_text=True)

    assert f'name="{answered.name}"' in page
    assert f"{answered.name}={answered.pickup}" in page
    assert len(re.findall('<td class="lead nowrap">', listed)) == 1
    assert "Кур'єр" in listed.replace("&#39;", "'")
    assert re.search(r"Доставка[^\n]*Самовивіз\W+2\W", exported)


@pytest.mark.usefixtures("at_now")
def test_an_administrator_declares_one_and_assigns_a_column(
    company: SimpleNamespace, client, login, now: datetime, source_id: int, tmp_path: Path
):
    login(client, company.admin)
    token = csrf(client.get("/settings/properties/new").get_data(as_text=True))
    client.post("/settings/properties/new", data={"name_en": "Paint", "name_uk": "Фарба", "csrf_token": token})
    path = csv_file(tmp_path, ["A1;03.11.2026;a@b.example;;білий"], heading=HEADING)
    with path.open("rb") as file:
        stored = staging.store(file, tasks.uploads(), most_bytes=tasks.most_bytes())
    with transaction():
        batch_id = services.create_batch(
            source_id=source_id, file_name="a.csv", stored=stored, actor=COMMAND, now=now
        ).id
    tasks.stage_batch(batch_id)

    address = f"/imports/{batch_id}"
    token = csrf(client.get(address).get_data(as_text=True))
    chosen = dict(enumerate(["external_id", "happened_at", "email", "", "property:paint"]))
    client.post(
        f"{address}/columns", data={"csrf_token": token} | {f"column-{at}": means for at, means in chosen.items()}
    )
    tasks.stage_batch(batch_id)
    client.post(f"{address}/confirm", data={"csrf_token": token, "touchpoint": company.touchpoint.id})
    tasks.apply_batch(batch_id)

    assert db.session.scalars(select(Interaction.properties)).one() == {"paint": "білий"}
    assert "білий" in client.get("/settings/properties/").get_data(as_text=True)
    _read(csv_file(tmp_path, ["A2;04.11.2026;e@f.example;;синій"], heading=HEADING), source_id, now)
    assert {"paint": "синій"} in db.session.scalars(select(Interaction.properties)).all()
