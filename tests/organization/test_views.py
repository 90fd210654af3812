"""The administrator's page of the company."""

from datetime import date, datetime, time
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.db import db, transaction
from npsapp.organization import services
from npsapp.organization.models import Brand, Holiday, Region, Unit
from tests.cast import csrf

BRAND = {
    "name_uk": "Дренаж Плюс", "phrase_ru": "магазин «Дренаж Плюс»", "accent": "#7a1f1f", "language": "uk",
    "timezone": "Europe/Kyiv", "currency": "uah", "contact_email": "hello@example.com",
}  # fmt: skip
REGION = {"name_uk": "Полтава", "workdays": ["1", "2", "6"], "work_from": "08:00", "work_until": "17:30"}


@pytest.fixture
def admin(client: FlaskClient, company: SimpleNamespace, login) -> FlaskClient:
    return login(client, company.admin)


def post(client: FlaskClient, url: str, data: dict, page: str = ""):
    token = csrf(client.get(page or url).get_data(as_text=True))
    return client.post(url, data={**data, "csrf_token": token})


def test_the_company_page_shows_brands_regions_and_holidays(admin: FlaskClient, company: SimpleNamespace) -> None:
    page = admin.get("/organization/").get_data(as_text=True)

    for word in ("Vodolad", "Kyiv", "Odesa", "09:00–18:00", "No holidays are entered."):
        assert word in page


@pytest.mark.parametrize("who", ["analyst", "manager_kyiv", "support"])
@pytest.mark.parametrize(
    "url", ["/organization/", "/organization/brands/new", "/organization/regions/new", "/organization/units/"]
)
def test_only_administrators_come_in(client: FlaskClient, company: SimpleNamespace, login, who: str, url: str) -> None:
    assert login(client, getattr(company, who)).get(url).status_code == 403


def test_a_brand_is_entered(admin: FlaskClient) -> None:
    answer = post(admin, "/organization/brands/new", BRAND)

    brand = db.session.scalars(select(Brand).where(Brand.key == "drenazh-plius")).one()
    assert answer.status_code == 303
    assert brand.name == {"uk": "Дренаж Плюс"}
    assert brand.phrase == {"ru": "магазин «Дренаж Плюс»"}
    assert (brand.accent, brand.currency) == ("#7A1F1F", "UAH")


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"accent": "#7c7c7c"}, "Neither white nor dark text"),
        ({"accent": "red"}, "Write the colour as"),
        ({"timezone": "Kyiv"}, "There is no such time zone"),
        ({"currency": "грн"}, "Three letters"),
        ({"contact_email": "nobody"}, "Invalid email"),
        ({"name_uk": " "}, "at least one language"),
    ],
)
def test_a_faulty_brand_is_explained_at_its_field(admin: FlaskClient, over: dict[str, str], words: str) -> None:
    answer = post(admin, "/organization/brands/new", BRAND | over)

    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    assert len(db.session.scalars(select(Brand)).all()) == 1


def test_a_brand_is_changed_and_the_page_says_so(admin: FlaskClient, company: SimpleNamespace) -> None:
    url = f"/organization/brands/{company.brand.id}"
    page = admin.get(url).get_data(as_text=True)
    assert "компанию «Водолад»" in page

    answer = post(admin, url, BRAND)

    assert answer.status_code == 303
    assert "Saved." in admin.get("/organization/").get_data(as_text=True)
    assert db.session.get_one(Brand, company.brand.id).accent == "#7A1F1F"


def test_a_region_is_entered_and_changed(admin: FlaskClient, company: SimpleNamespace) -> None:
    parent = str(company.regions.kyiv.id)
    assert post(admin, "/organization/regions/new", REGION | {"parent_id": parent}).status_code == 303
    region = db.session.scalars(select(Region).where(Region.key == "poltava")).one()
    assert (region.workdays, region.work_from, region.work_until) == ("126", time(8), time(17, 30))
    assert region.parent_id == company.regions.kyiv.id

    url = f"/organization/regions/{region.id}"
    changed = REGION | {"aliases": "м. Полтава\n М. ПОЛТАВА \n", "timezone": "Europe/Warsaw", "parent_id": ""}
    assert post(admin, url, changed).status_code == 303

    assert (region.aliases, region.timezone, region.parent_id) == (["м. полтава"], "Europe/Warsaw", None)


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"workdays": []}, "Choose at least one day."),
        ({"work_until": "07:00"}, "The end must be later"),
        ({"timezone": "Nowhere"}, "There is no such time zone"),
        ({"name_uk": ""}, "at least one language"),
    ],
)
def test_a_faulty_region_is_explained_at_its_field(admin: FlaskClient, over: dict, words: str) -> None:
    answer = post(admin, "/organization/regions/new", REGION | over)

    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)


def test_a_region_is_not_offered_itself_as_parent(admin: FlaskClient, company: SimpleNamespace) -> None:
    url = f"/organization/regions/{company.regions.kyiv.id}"

    answer = post(admin, url, REGION | {"parent_id": str(company.regions.kyiv.id)})

    assert answer.status_code == 422


def test_a_unit_from_a_file_is_looked_at(admin: FlaskClient, company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        ids = services.add_units(company.brand.id, {"склад № 2": ("Склад № 2", None)}, now=now)
    unit_id = ids["склад № 2"]
    assert "waits to be looked at" in admin.get("/organization/").get_data(as_text=True)

    answer = post(
        admin,
        f"/organization/units/{unit_id}",
        {"name_uk": "Склад 2", "aliases": "Склад два", "region_id": str(company.regions.odesa.id)},
    )

    unit = db.session.get_one(Unit, unit_id)
    assert answer.status_code == 303
    assert unit.confirmed
    assert (unit.name, unit.aliases, unit.region_id) == ({"uk": "Склад 2"}, ["склад два"], company.regions.odesa.id)


def test_units_are_searched(admin: FlaskClient) -> None:
    page = admin.get("/organization/units/?q=ПОРТ").get_data(as_text=True)

    assert "Порт" in page
    assert "Лівий берег" not in page


def test_a_holiday_is_entered_and_taken_out(admin: FlaskClient) -> None:
    home = "/organization/"
    data = {"day": "2026-12-25", "name": "Christmas", "region": ""}
    assert post(admin, "/organization/holidays", data, home).status_code == 303
    holiday = db.session.scalars(select(Holiday)).one()
    assert (holiday.day, holiday.region_id, holiday.name) == (date(2026, 12, 25), None, {"en": "Christmas"})
    assert "Christmas" in admin.get(home).get_data(as_text=True)

    post(admin, f"/organization/holidays/{holiday.id}/remove", {}, home)

    assert db.session.scalars(select(Holiday)).all() == []


def test_a_name_cannot_bring_html(admin: FlaskClient, company: SimpleNamespace) -> None:
    post(admin, f"/organization/brands/{company.brand.id}", BRAND | {"name_en": "<script>alert(1)</script>"})

    assert "<script>alert" not in admin.get("/organization/").get_data(as_text=True)


@pytest.mark.parametrize("url", ["brands/999", "regions/999", "units/999"])
def test_what_does_not_exist_is_not_found(admin: FlaskClient, url: str) -> None:
    assert admin.get(f"/organization/{url}").status_code == 404
