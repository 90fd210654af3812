"""The settings pages: one list, form and confirmation for every kind of thing, and what belongs to one kind only."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from threading import Thread
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from playwright.sync_api import Browser
from sqlalchemy import func, select

from npsapp.accounts import queries as accounts
from npsapp.audit.models import AuditEntry
from npsapp.cases import rendering as cases
from npsapp.cases.models import Case
from npsapp.cases.rules import Kind, LetterKind
from npsapp.db import db, transaction
from npsapp.invitations import rendering as invitations
from npsapp.office import hosts
from npsapp.organization import queries, services
from npsapp.organization.models import Brand, Holiday, Performer, Region, Segment, Unit
from npsapp.organization.rules import fold
from npsapp.surveys.models import Touchpoint
from tests.cases import stories
from tests.cast import PASSWORD, csrf
from tests.factories import make_invitation

BRAND = {
    "name_uk": "Дренаж Плюс", "phrase_ru": "магазин «Дренаж Плюс»", "accent": "#7a1f1f", "language": "uk",
    "timezone": "Europe/Kyiv", "currency": "uah", "contact_email": "hello@example.com", "staff_letters": "full",
}  # fmt: skip
REGION = {"name_uk": "Полтава", "workdays": ["1", "2", "6"], "work_from": "08:00", "work_until": "17:30"}
KINDS = ("brands", "regions", "units", "performers", "segments", "touchpoints")


@pytest.fixture
def admin(client: FlaskClient, company: SimpleNamespace, login) -> FlaskClient:
    return login(client, company.admin)


def post(client: FlaskClient, url: str, data: dict, page: str = ""):
    token = csrf(client.get(page or url).text)
    return client.post(url, data={**data, "csrf_token": token}, content_type="multipart/form-data")


def fresh(row):
    db.session.rollback()
    return db.session.get_one(type(row), row.id)


def audited(kind: str) -> list[list[str]]:
    db.session.rollback()
    rows = select(AuditEntry).where(AuditEntry.subject_type == kind).order_by(AuditEntry.id)
    return [row.data["fields"] for row in db.session.scalars(rows)]


def open_case(company: SimpleNamespace, now: datetime) -> Case:
    clock = dict.fromkeys(("due_at", "acknowledge_by", "attempt_by", "contact_by", "settle_by"), now)
    case = Case(
        kind=next(iter(Kind)), brand_id=company.brand.id, region_id=company.regions.odesa.id,
        owner_id=company.manager_odesa.id, score=2, opened_at=now, clock_from=now, **clock,
    )  # fmt: skip
    with transaction() as session:
        session.add(case)
    return case


# ---- for every kind --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["analyst", "manager_kyiv", "support"])
def test_only_administrators_come_in(client: FlaskClient, company: SimpleNamespace, login, who: str) -> None:
    login(client, getattr(company, who))
    pages = ["", "holidays/", "brands/preview", *(f"{kind}/" for kind in KINDS), *(f"{kind}/new" for kind in KINDS)]
    pages += [f"brands/{company.brand.id}", f"brands/{company.brand.id}/retire"]

    assert {client.get(f"/settings/{page}").status_code for page in pages} == {403}


def test_the_start_page_leads_to_every_kind(admin: FlaskClient) -> None:
    page = admin.get("/settings/").text

    for place in (*(f"/settings/{kind}/" for kind in KINDS), "/settings/holidays/", "/users/", "/surveys/", "/audit/"):
        assert f'href="{place}"' in page


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_exist_is_not_found(admin: FlaskClient, kind: str) -> None:
    assert admin.get(f"/settings/{kind}/999").status_code == 404
    assert admin.get(f"/settings/{kind}/999/retire").status_code == 404
    assert admin.get("/settings/planets/").status_code == 404


@pytest.mark.parametrize(
    ("kind", "typed", "model", "key"),
    [
        ("brands", BRAND, Brand, "drenazh-plius"),
        ("regions", REGION, Region, "poltava"),
        ("units", {"name_uk": "Склад № 2", "aliases": "Склад два"}, Unit, fold("Склад № 2")),
        ("performers", {"name": "Артём К.", "role": "seller"}, Performer, "артем к."),
        ("segments", {"name_en": "Projects"}, Segment, "projects"),
        ("touchpoints", {"name_en": "Delivery", "name_uk": "Доставка"}, Touchpoint, "delivery"),
    ],
)
def test_each_kind_is_entered_changed_retired_and_restored(
    admin: FlaskClient, kind: str, typed: dict, model: type, key: str
) -> None:
    owned = {"owner": ""} if kind == "brands" else {}
    answer = post(admin, f"/settings/{kind}/new", typed | owned)
    assert answer.status_code == 303, answer.text
    row = db.session.scalars(select(model).where(model.key == key)).one()
    url = f"/settings/{kind}/{row.id}"
    assert answer.location == url

    assert post(admin, url, typed).status_code == 303
    assert "Nothing was changed." in admin.get(url).text
    assert post(admin, f"{url}/retire", {}).status_code == 303
    assert fresh(row).retired_at
    assert url not in admin.get(f"/settings/{kind}/").text
    assert url in admin.get(f"/settings/{kind}/?show=retired").text
    assert post(admin, f"{url}/restore", {}, url).status_code == 303
    assert fresh(row).retired_at is None
    assert audited(model.__tablename__)[-3:] == [["created"], ["retired_at"], ["retired_at"]]


def test_a_second_one_of_the_same_name_is_refused_and_the_form_kept(admin: FlaskClient) -> None:
    for kind, typed in (
        ("regions", REGION | {"name_uk": " КИЇВ"}),
        ("units", {"name_en": "порт"}),
        ("segments", {"name_ru": "роздріб"}),
        ("touchpoints", {"name_ru": "ПОКУПКА"}),
    ):
        answer = post(admin, f"/settings/{kind}/new", typed)

        assert answer.status_code == 422, kind
        assert "is there already" in answer.text
        assert next(iter(typed.values())).strip() in answer.text


def test_a_name_may_stand_again_below_another_region_but_not_beside_it(
    admin: FlaskClient, company: SimpleNamespace
) -> None:
    below = REGION | {"parent_id": str(company.regions.kyiv.id)}
    assert post(admin, "/settings/regions/new", below).status_code == 303
    assert post(admin, "/settings/regions/new", REGION).status_code == 303
    inner = db.session.scalars(select(Region).where(Region.parent_id.is_not(None))).one()

    answer = post(admin, f"/settings/regions/{inner.id}", REGION | {"parent_id": ""})

    assert answer.status_code == 422
    assert fresh(inner).parent_id == company.regions.kyiv.id


def test_a_retired_one_of_that_name_is_not_made_twice(admin: FlaskClient, company: SimpleNamespace, now) -> None:
    with transaction():
        fresh_unit = db.session.get_one(Unit, company.units.odesa.id)
        fresh_unit.retired_at = now

    answer = post(admin, "/settings/units/new", {"name_uk": "Порт"})

    assert answer.status_code == 422
    assert "take the retired one into use again" in answer.text


def test_a_list_is_searched_in_every_spelling(admin: FlaskClient, company: SimpleNamespace) -> None:
    with transaction():
        db.session.get_one(Unit, company.units.kyiv.id).aliases = ["левый берег"]

    for word, found in (("ПОРТ", "Порт"), ("ЛЕВЫЙ", "Лівий берег")):
        page = admin.get(f"/settings/units/?q={word}").text
        assert [name for name in ("Порт", "Лівий берег") if f">{name}<" in page] == [found]
    assert "Nothing found" in admin.get("/settings/units/?q=Марс").text


def test_ten_thousand_units_stand_on_pages(admin: FlaskClient, company: SimpleNamespace, now: datetime) -> None:
    names = {f"unit {n:05}": (f"Unit {n:05}", company.regions.kyiv.id) for n in range(10_000)}
    with transaction():
        services.add_units(company.brand.id, names, now=now)

    page = admin.get("/settings/units/?page=3")

    assert len(page.data) < 100_000
    assert ">Unit 00100<" in page.text
    assert ">Unit 00150<" not in page.text
    assert "10,002 entries" in page.text


def test_a_name_cannot_bring_html(admin: FlaskClient, company: SimpleNamespace) -> None:
    post(admin, f"/settings/brands/{company.brand.id}", BRAND | {"name_en": "<script>alert(1)</script>"})

    for page in ("", f"{company.brand.id}", f"{company.brand.id}/retire", "preview?name=<script>alert(1)</script>"):
        assert "<script>alert" not in admin.get(f"/settings/brands/{page}").text


def test_what_changed_stands_in_the_audit_log_without_contents(admin: FlaskClient, company: SimpleNamespace) -> None:
    url = f"/settings/segments/{company.segment.id}"

    post(admin, url, {"name_uk": "Роздріб", "name_en": "Shops", "aliases": "опт"})

    assert audited("segment") == [["aliases", "name"]]
    assert "Shops" not in json.dumps(audited("segment"))
    assert f"/audit/?subject=segment&amp;id={company.segment.id}" in admin.get(url).text


def test_a_firm_with_one_region_is_not_shown_columns_for_several(
    admin: FlaskClient, company: SimpleNamespace, now: datetime
) -> None:
    assert 'data-label="Region"' in admin.get("/settings/units/").text
    with transaction():
        db.session.get_one(Region, company.regions.odesa.id).retired_at = now

    page = admin.get("/settings/units/").text

    assert 'data-label="Region"' not in page
    assert 'data-label="Brand"' not in page


# ---- what hangs on it ------------------------------------------------------------------------------------------


def test_a_region_with_an_open_case_or_a_store_cannot_be_retired(
    admin: FlaskClient, company: SimpleNamespace, now: datetime
) -> None:
    url = f"/settings/regions/{company.regions.odesa.id}/retire"
    open_case(company, now)

    page = admin.get(url).text

    assert "1 open case" in page
    assert "1 store" in page
    assert f"/cases/?region={company.regions.odesa.id}" in page
    stores = admin.get(f"/settings/units/?region_id={company.regions.odesa.id}").text
    assert ">Порт<" in stores
    assert ">Лівий берег<" not in stores
    assert post(admin, url, {}, "/settings/holidays/").status_code in (303, 409)
    assert fresh(company.regions.odesa).retired_at is None


def test_a_region_nothing_hangs_on_is_retired(admin: FlaskClient, company: SimpleNamespace, now: datetime) -> None:
    url = f"/settings/regions/{company.regions.odesa.id}"
    with transaction():
        db.session.get_one(Unit, company.units.odesa.id).retired_at = now

    assert "Its answers stay in the reports." in admin.get(f"{url}/retire").text
    assert post(admin, f"{url}/retire", {}).status_code == 303

    assert [region.key for region in queries.regions()] == ["kyiv"]


def test_a_touchpoint_a_survey_asks_after_cannot_be_retired(admin: FlaskClient, company: SimpleNamespace) -> None:
    page = admin.get(f"/settings/touchpoints/{company.touchpoint.id}/retire").text

    assert "1 survey that asks" in page
    assert "This cannot be retired yet." in page


def test_the_only_brand_cannot_be_retired(admin: FlaskClient, company: SimpleNamespace) -> None:
    url = f"/settings/brands/{company.brand.id}/retire"

    assert "the only brand in use" in admin.get(url).text
    post(admin, url, {}, "/settings/holidays/")

    assert fresh(company.brand).retired_at is None


# ---- regions: who answers, and the clock -----------------------------------------------------------------------


def test_the_manager_and_the_fallback_owner_stand_on_the_regions_page(
    admin: FlaskClient, company: SimpleNamespace
) -> None:
    region = company.regions.odesa
    url = f"/settings/regions/{region.id}"
    typed = REGION | {"manager_id": str(company.manager_kyiv.id), "fallback_id": str(company.support.id)}

    assert post(admin, url, typed).status_code == 303

    db.session.rollback()
    duties = accounts.duties()
    assert duties[company.pool.id, region.id] == company.manager_kyiv.id
    assert duties[company.pool.id, None] == company.support.id
    assert "Andriy" in admin.get("/settings/regions/").text


def test_a_manager_must_be_somebody_who_may_work_cases(admin: FlaskClient, company: SimpleNamespace) -> None:
    typed = REGION | {"manager_id": str(company.analyst.id)}

    assert post(admin, f"/settings/regions/{company.regions.odesa.id}", typed).status_code == 422


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
    answer = post(admin, "/settings/regions/new", REGION | over)

    assert answer.status_code == 422
    assert words in answer.text


def test_a_circle_of_regions_is_refused(admin: FlaskClient, company: SimpleNamespace) -> None:
    kyiv, odesa = company.regions.kyiv, company.regions.odesa
    with transaction():
        db.session.get_one(Region, odesa.id).parent_id = kyiv.id

    for parent in (kyiv, odesa):
        typed = REGION | {"parent_id": str(parent.id)}
        assert post(admin, f"/settings/regions/{kyiv.id}", typed).status_code == 422
    assert fresh(kyiv).parent_id is None


def test_new_working_hours_move_the_clocks_of_open_cases(
    admin: FlaskClient, company: SimpleNamespace, at_now: datetime
) -> None:
    case = open_case(company, at_now)
    with transaction():
        db.session.get_one(Case, case.id).state = "reopened"
    hours = {"name_en": "Odesa", "workdays": ["1"], "work_from": "10:00", "work_until": "16:00"}

    post(admin, f"/settings/regions/{company.regions.odesa.id}", hours)

    assert (company.regions.odesa.work_from, fresh(company.regions.odesa).workdays) == (time(10), "1")
    # Friday noon; the next working time is Monday from 10:00 in Kyiv, which is 8:00 UTC, and two hours are given.
    assert fresh(case).acknowledge_by == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def test_a_holiday_is_entered_and_taken_out_and_moves_the_clocks(
    admin: FlaskClient, company: SimpleNamespace, at_now: datetime
) -> None:
    case = open_case(company, at_now)
    with transaction():
        db.session.get_one(Case, case.id).state = "reopened"
    home = "/settings/holidays/"
    data = {"day": "2026-11-20", "name": "A day off", "region": ""}
    assert post(admin, home, data).status_code == 303
    holiday = db.session.scalars(select(Holiday)).one()
    assert (holiday.day, holiday.region_id, holiday.name) == (date(2026, 11, 20), None, {"en": "A day off"})
    assert "A day off" in admin.get(home).text
    assert fresh(case).acknowledge_by == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    post(admin, f"{home}{holiday.id}/remove", {}, home)

    assert db.session.scalars(select(Holiday)).all() == []
    assert fresh(case).acknowledge_by == datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


# ---- units and performers --------------------------------------------------------------------------------------


def test_what_files_made_waits_to_be_looked_at(admin: FlaskClient, company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        unit_id = services.add_units(company.brand.id, {"склад № 2": ("Склад № 2", None)}, now=now)["склад № 2"]
        services.add_performers(company.brand.id, {"ганна": "Ганна"}, now=now)
    assert admin.get("/settings/").text.count("waits to be looked at") == 2
    assert ">Склад № 2<" in admin.get("/settings/units/?show=unconfirmed").text
    assert ">Порт<" not in admin.get("/settings/units/?show=unconfirmed").text

    typed = {"name_uk": "Склад 2", "aliases": "Склад два", "region_id": str(company.regions.odesa.id)}
    assert post(admin, f"/settings/units/{unit_id}", typed).status_code == 303

    unit = db.session.get_one(Unit, unit_id, populate_existing=True)
    assert unit.confirmed
    assert (unit.name, unit.aliases, unit.region_id) == ({"uk": "Склад 2"}, ["склад два"], company.regions.odesa.id)


def test_a_performer_is_said_to_be_a_user(admin: FlaskClient, company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        who = services.add_performers(company.brand.id, {"ганна": "Ганна"}, now=now)["ганна"]
    url = f"/settings/performers/{who}"
    typed = {"name": "Ганна", "role": "seller", "unit_id": str(company.units.kyiv.id)}

    assert post(admin, url, typed | {"user_id": str(company.support.id)}).status_code == 303
    db.session.rollback()
    assert accounts.users_of_performers([who]) == {who: company.support.id}
    assert ">Petro<" in admin.get("/settings/performers/").text
    assert post(admin, url, typed | {"user_id": ""}).status_code == 303

    db.session.rollback()
    assert accounts.users_of_performers([who]) == {}
    assert audited("performer") == [["confirmed", "role", "unit_id"], ["user_id"], ["user_id"]]


# ---- brands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"accent": "#7c7c7c"}, "has a contrast of 4.4 to 1"),
        ({"accent": "red"}, "Write the colour as"),
        ({"timezone": "Kyiv"}, "There is no such time zone"),
        ({"currency": "грн"}, "Three letters"),
        ({"contact_email": "nobody"}, "Invalid email"),
        ({"name_uk": " "}, "at least one language"),
        ({"public_url": "http://nps.example.com"}, "Write https://"),
        ({"public_url": "https://nps.example.com/path"}, "Write https://"),
        ({"public_url": "https://me@nps.example.com"}, "Write https://"),
        ({"staff_letters": "nothing"}, "Invalid Choice"),
        ({"picture": b"<svg onload='alert(1)'/>"}, "export it as PNG"),
    ],
)
def test_a_faulty_brand_is_explained_at_its_field(admin: FlaskClient, over: dict, words: str) -> None:
    if "picture" in over:
        over = {"picture": (BytesIO(over["picture"]), "logo.svg")}

    answer = post(admin, "/settings/brands/new", BRAND | over)

    assert answer.status_code == 422
    assert words in answer.text
    assert db.session.scalar(select(func.count()).select_from(Brand)) == 1


def test_the_proposed_colour_is_accepted(admin: FlaskClient, company: SimpleNamespace) -> None:
    url = f"/settings/brands/{company.brand.id}"
    page = post(admin, url, BRAND | {"accent": "#7c7c7c"}).text
    proposal = page.split("The next readable colour is ")[1][:7]

    assert post(admin, url, BRAND | {"accent": proposal}).status_code == 303
    assert fresh(company.brand).accent == proposal


def png() -> BytesIO:
    written = BytesIO()
    Image.new("RGB", (600, 200), "#7A1F1F").save(written, "PNG")
    written.seek(0)
    return written


def test_a_logo_is_uploaded_served_for_a_year_and_removed(
    admin: FlaskClient, client: FlaskClient, company: SimpleNamespace
) -> None:
    url = f"/settings/brands/{company.brand.id}"
    assert post(admin, url, BRAND | {"picture": (png(), "logo.png")}).status_code == 303
    name = fresh(company.brand).logo

    with client.application.test_client().get(f"/logos/{name}") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        assert "immutable" in answer.headers["Cache-Control"]
        assert "Set-Cookie" not in answer.headers
    assert f"/logos/{name}" in client.get(f"/privacy/{company.brand.key}").text
    assert post(admin, url, BRAND).status_code == 303
    assert fresh(company.brand).logo == name
    assert post(admin, url, BRAND | {"no_logo": "1"}).status_code == 303

    assert fresh(company.brand).logo == ""
    assert admin.get("/logos/..%2Fsecret_key").status_code == 404


def test_a_logo_of_fifty_megabytes_gets_a_clear_answer(admin: FlaskClient, company: SimpleNamespace) -> None:
    url = f"/settings/brands/{company.brand.id}"

    answer = admin.post(url, data=b"0" * 50_000_000, content_type="multipart/form-data; boundary=b")

    assert answer.status_code == 303
    assert "The picture is larger than 2 MB." in admin.get(url).text
    assert fresh(company.brand).name["en"] == "Vodolad"


def test_a_second_brand_may_share_customers_or_found_a_company(admin: FlaskClient, company: SimpleNamespace) -> None:
    assert post(admin, "/settings/brands/new", BRAND | {"owner": str(company.pool.id)}).status_code == 303
    other = BRAND | {"name_uk": "Інша", "owner": ""}
    assert post(admin, "/settings/brands/new", other).status_code == 303

    brands = db.session.scalars(select(Brand).order_by(Brand.id)).all()
    assert [brand.pool_id == company.pool.id for brand in brands] == [True, True, False]
    # From now on a region belongs to one of two companies, and a store to one of three brands.
    assert 'name="owner"' in admin.get("/settings/regions/new").text
    assert 'name="owner"' in admin.get("/settings/units/new").text


class _Answering(BaseHTTPRequestHandler):
    application: Flask | None = None
    """None: somebody else's server."""

    def do_GET(self) -> None:
        app = type(self).application
        body = b'{"status": "ok"}'
        if app:
            with app.app_context():
                body = app.test_client().get(self.path).data
        self.send_response(200 if app else 302)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Silent."""


@pytest.fixture
def host() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Answering)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_own_address_counts_once_this_program_answers_there(
    app: Flask, admin: FlaskClient, company: SimpleNamespace, host: str
) -> None:
    ours, url = "https://ours.example", f"/settings/brands/{company.brand.id}"
    with transaction():
        db.session.get_one(Brand, company.brand.id).public_url = host
    _Answering.application = None
    post(admin, f"{url}/check", {}, url)
    assert "did not answer there" in admin.get(url).text
    assert fresh(company.brand).site(ours) == ours

    _Answering.application = app
    post(admin, f"{url}/check", {}, url)

    assert fresh(company.brand).site(ours) == host
    # Another address has to be checked again.
    post(admin, url, BRAND | {"public_url": "https://nps.example.com"})
    assert (fresh(company.brand).public_url, company.brand.site(ours)) == ("https://nps.example.com", ours)


def test_nobody_at_the_address_is_said_within_seconds(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(hosts.NotHere):
        hosts.check("https://127.0.0.1:9")


def test_the_preview_follows_what_is_typed_and_says_what_cannot_be_read(admin: FlaskClient) -> None:
    shown = "/settings/brands/preview?show=ru&name=Дренаж&phrase=магазин «Дренаж»&groups=1&accent="
    answer = admin.get(f"{shown}%237C7C7C")

    assert "порекомендуете магазин «Дренаж»" in answer.text
    assert 'class="scale groups"' in answer.text
    assert "4.4" in answer.text
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert "4.4" not in admin.get(f"{shown}%231F5FBF").text


@pytest.mark.parametrize(
    ("shows", "told", "untold"),
    [
        ("full", ["Олена", "+38067", "@example.com", "Too slow"], []),
        ("no_contact", ["Олена", "Too slow"], ["+38067", "@example.com"]),
        ("link", ["/cases/", "Case #"], ["Олена", "+38067", "@example.com", "Too slow"]),
    ],
)
def test_letters_to_colleagues_tell_as_much_as_the_brand_wants(
    company: SimpleNamespace, now: datetime, shows: str, told: list[str], untold: list[str]
) -> None:
    with transaction():
        db.session.get_one(Brand, company.brand.id).staff_letters = shows
    response_id = stories.answered(company, now=now, score=2, comment="Too slow")
    stories.look(now)
    found = [stories.case_of(response_id)]

    letter = cases.letter(company.manager_kyiv, LetterKind.HOT, found, public_url="https://nps.example", now=now)

    for words in (letter.subject + letter.body, letter.html):
        assert [word for word in untold if word in words.replace("+380 67", "+38067")] == []
        assert [word for word in told if word not in words.replace("+380 67", "+38067")] == []


def test_letters_and_survey_carry_the_brands_logo_and_address(
    client: FlaskClient, company: SimpleNamespace, now: datetime
) -> None:
    with transaction():
        brand = db.session.get_one(Brand, company.brand.id)
        brand.logo, brand.public_url, brand.public_url_checked_at = "0a.png", "https://own.example", now
        invitation = make_invitation(company, now=now)
        letter = invitations.letter(
            invitation.interaction, company.version, language="en", token="t" * 24, contact_point_id=1,
            addresses=invitations.Addresses("https://ours.example", ["a key for tests"]),
        )  # fmt: skip

    assert "https://ours.example" not in letter["html"] + letter["body"] + letter["unsubscribe_url"]
    assert 'src="https://own.example/logos/0a.png"' in letter["html"]
    assert f"https://own.example/privacy/{company.brand.key}?lang=en" in letter["html"]
    assert '<img src="/logos/0a.png" alt="Vodolad">' in client.get(f"/privacy/{company.brand.key}?lang=en").text


@pytest.mark.browser
def test_the_preview_follows_the_form_in_a_browser(chromium: Browser, address: str, company: SimpleNamespace) -> None:
    page = chromium.new_context(base_url=address, locale="en").new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto("/login")
    page.fill("#email", company.admin.email)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.goto(f"/settings/brands/{company.brand.id}")
    frame = page.frame_locator("#preview")
    assert "recommend Vodolad" in (frame.locator("h1").text_content() or "")

    page.fill("#phrase_ru", "магазин «Новый»")
    frame.get_by_text("порекомендуете магазин «Новый»").wait_for()
    page.fill("#accent", "#7C7C7C")

    frame.get_by_text("4.4").wait_for()
    assert errors == []
    page.context.close()
