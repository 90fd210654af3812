"""Staff pages of open links: who sees and makes which, what they bring, and the codes on paper."""

import io
import re
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
import segno
from flask import Flask
from sqlalchemy import select

from npsapp.audit.models import AuditEntry
from npsapp.db import db, transaction
from npsapp.organization.models import Brand, Unit
from npsapp.reports import paper, sheets
from npsapp.reports.sheets import Code
from npsapp.responses.models import Response
from npsapp.responses.open_models import OpenLink
from npsapp.responses.open_rules import Asks
from tests import factories as make
from tests.cast import csrf
from tests.responses.test_open_links import answer
from tests.responses.visitor import Visitor


@pytest.fixture
def links(company: SimpleNamespace, at_now: Any) -> SimpleNamespace:
    """A link in Kyiv, one in Odesa, one for the whole brand."""
    with transaction():
        return SimpleNamespace(
            kyiv=make.make_open_link(company, now=at_now, name="Каса"),
            odesa=make.make_open_link(company, now=at_now, name="Порт", unit_id=company.units.odesa.id),
            brand=make.make_open_link(company, now=at_now, name="Чек", unit_id=None),
        )


@pytest.fixture
def enter(app: Flask, login: Any) -> Any:
    return lambda user: login(app.test_client(), user)


def send(client: Any, path: str, **fields: str) -> Any:
    token = csrf(client.get("/open-links/new" if path.endswith("/") else path.removesuffix("/retire")).text)
    return client.post(path, data={"csrf_token": token, **fields})


def test_everybody_sees_the_links_of_the_own_regions(enter, links, company):
    seen = {
        user: {
            name for name in ("Каса", "Порт", "Чек") if name in enter(getattr(company, user)).get("/open-links/").text
        }
        for user in ("admin", "manager_kyiv", "manager_odesa")
    }

    assert seen == {"admin": {"Каса", "Порт", "Чек"}, "manager_kyiv": {"Каса"}, "manager_odesa": {"Порт"}}
    assert enter(company.support).get("/open-links/").status_code == 403


def test_a_link_of_another_region_is_not_there(enter, links, company):
    ivan = enter(company.manager_odesa)
    path = f"/open-links/{links.kyiv.id}"

    assert [ivan.get(f"{path}{end}").status_code for end in ("", ".svg")] == [404, 404]
    assert ivan.get(f"/reports/qr.pdf?per=1&link={links.kyiv.id}").status_code == 404
    token = csrf(ivan.get("/open-links/new").text)
    assert ivan.post(f"{path}/retire", data={"csrf_token": token}).status_code == 404
    assert db.session.get_one(OpenLink, links.kyiv.id).retired_at is None


def test_a_manager_makes_links_for_the_own_stores_only(enter, company):
    andriy = enter(company.manager_kyiv)
    page = andriy.get("/open-links/new").text
    assert "the whole brand" not in page
    given = {"name": "Каса", "survey": str(company.survey.id), "asks": "optional", "segment": ""}

    foreign = send(andriy, "/open-links/new", **given, place=f"unit:{company.units.odesa.id}")
    made = send(andriy, "/open-links/new", **given, place=f"unit:{company.units.kyiv.id}")

    assert (foreign.status_code, made.status_code) == (422, 303)
    (link,) = db.session.scalars(select(OpenLink)).all()
    assert (link.unit_id, link.asks, link.tablet) == (company.units.kyiv.id, Asks.OPTIONAL, False)
    assert len(link.token) == 10
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.subject_type == "open_link")).one()
    assert (entry.subject_id, entry.actor_id, entry.data) == (link.id, company.manager_kyiv.id, {"fields": ["created"]})


def test_each_store_without_a_link_gets_one_at_once(enter, links, company, at_now):
    with transaction() as session:
        for number in range(3):
            name = {"uk": f"Склад {number}"}
            session.add(
                Unit(
                    brand_id=company.brand.id,
                    key=f"s{number}",
                    name=name,
                    created_at=at_now,
                    region_id=company.regions.kyiv.id,
                )
            )
    given = {"name": "Чек", "survey": str(company.survey.id), "asks": "required", "segment": "", "place": "each"}

    assert send(enter(company.manager_kyiv), "/open-links/new", **given).status_code == 303

    made = db.session.scalars(select(OpenLink).where(OpenLink.asks == Asks.REQUIRED)).all()
    assert len({link.unit_id for link in made}) == len(made) == 3


def test_a_store_of_another_brand_is_refused(enter, links, company, at_now):
    with transaction() as session:
        other = Brand(pool_id=company.pool.id, key="other", name={"uk": "Інший"}, created_at=at_now)
        session.add(other)
        session.flush()
        unit = Unit(brand_id=other.id, key="x", name={"uk": "Інший"}, created_at=at_now)
        session.add(unit)
        session.flush()
        place = f"unit:{unit.id}"
    given = {"name": "Чек", "survey": str(company.survey.id), "asks": "nothing", "segment": "", "place": place}

    refused = send(enter(company.admin), "/open-links/new", **given)

    moved = send(enter(company.admin), f"/open-links/{links.kyiv.id}", **settings_of(links.kyiv, place))

    for answered in (refused, moved):
        assert answered.status_code == 422
        assert "another brand" in answered.text
    assert db.session.get_one(OpenLink, links.kyiv.id, populate_existing=True).unit_id == company.units.kyiv.id


def test_a_link_is_changed_retired_and_taken_into_use_again(enter, links, company, client):
    olena, path = enter(company.admin), f"/open-links/{links.kyiv.id}"
    assert "Каса" in olena.get(path).text
    place = f"unit:{company.units.kyiv.id}"
    assert send(olena, path, name="Каса 2", asks="nothing", segment="", tablet="y", place=place).status_code == 303
    link = db.session.get_one(OpenLink, links.kyiv.id, populate_existing=True)
    assert (link.name, link.asks, link.tablet, link.unit_id) == ("Каса 2", Asks.NOTHING, True, company.units.kyiv.id)

    send(olena, f"{path}/retire")
    assert client.get(f"/o/{link.token}").status_code == 410
    assert "Каса 2" not in olena.get("/open-links/").text
    assert "Каса 2" in olena.get("/open-links/?show=retired").text
    send(olena, f"{path}/retire", state="in_use")
    assert client.get(f"/o/{link.token}").status_code == 200


def settings_of(link: OpenLink, place: str, **over: str) -> dict[str, str]:
    return {"name": link.name, "asks": link.asks.value, "segment": "", "place": place} | over


def entries(link: OpenLink) -> list[dict[str, Any]]:
    db.session.rollback()
    about = AuditEntry.subject_type == "open_link", AuditEntry.subject_id == link.id
    return [entry.data for entry in db.session.scalars(select(AuditEntry).where(*about).order_by(AuditEntry.id))]


def test_a_link_moves_and_answers_given_so_far_keep_the_old_place(enter, links, company, client):
    olena, path, visitor = enter(company.admin), f"/open-links/{links.kyiv.id}", Visitor(client)
    kyiv, odesa = company.units.kyiv.id, company.units.odesa.id
    thanks = answer(visitor, f"/o/{links.kyiv.token}?lang=en")
    page = olena.get(path).text
    assert f'<option selected value="unit:{kyiv}">' in page
    assert "Answers given so far stay with the old place." in page
    assert 'value="each"' not in page

    moved = send(olena, path, **settings_of(links.kyiv, f"unit:{odesa}", name="Порт 2"))
    visitor.press(visitor.press(thanks), score="4", final="1")
    answer(visitor, f"/o/{links.kyiv.token}?lang=en", "7")

    assert moved.status_code == 303
    assert entries(links.kyiv) == [{"fields": ["name", "unit_id"]}]
    given = db.session.scalars(select(Response).order_by(Response.id)).all()
    assert [(one.score, one.unit_id, one.region_id) for one in given] == [
        (4, kyiv, company.regions.kyiv.id),
        (7, odesa, company.regions.odesa.id),
    ]
    assert enter(company.manager_kyiv).get(path).status_code == 404
    assert "Порт 2" in enter(company.manager_odesa).get("/open-links/").text


def test_a_link_moves_to_a_region_and_to_the_whole_brand(enter, links, company):
    olena, path = enter(company.admin), f"/open-links/{links.kyiv.id}"
    for place, here in ((f"region:{company.regions.odesa.id}", company.regions.odesa.id), ("", None)):
        assert send(olena, path, **settings_of(links.kyiv, place)).status_code == 303

        link = db.session.get_one(OpenLink, links.kyiv.id, populate_existing=True)
        assert (link.unit_id, link.region_id) == (None, here)
        assert f'<option selected value="{place}">' in olena.get(path).text
    assert "Nothing was changed" in olena.get(send(olena, path, **settings_of(links.kyiv, "")).location).text
    assert entries(links.kyiv) == [{"fields": ["region_id", "unit_id"]}, {"fields": ["region_id"]}]


def test_nobody_moves_a_link_beyond_the_own_regions(enter, links, company):
    andriy, path = enter(company.manager_kyiv), f"/open-links/{links.kyiv.id}"
    beyond = (f"unit:{company.units.odesa.id}", f"region:{company.regions.odesa.id}", "", "each", "unit:999999")
    for place in beyond:
        assert send(andriy, path, **settings_of(links.kyiv, place)).status_code == 422, place
    ivan = enter(company.manager_odesa)
    token = {"csrf_token": csrf(ivan.get("/open-links/new").text)}

    assert ivan.post(path, data=token | settings_of(links.kyiv, beyond[0])).status_code == 404
    assert db.session.get_one(OpenLink, links.kyiv.id, populate_existing=True).unit_id == company.units.kyiv.id
    assert entries(links.kyiv) == []


def test_a_link_keeps_a_retired_store_until_it_gets_another(enter, links, company, at_now):
    with transaction() as session:
        session.get_one(Unit, company.units.kyiv.id).retired_at = at_now
    olena, path, place = enter(company.admin), f"/open-links/{links.kyiv.id}", f"unit:{company.units.kyiv.id}"

    assert send(olena, path, **settings_of(links.kyiv, place, name="Склад")).status_code == 303
    assert send(olena, f"/open-links/{links.odesa.id}", **settings_of(links.odesa, place)).status_code == 422

    assert entries(links.kyiv) == [{"fields": ["name"]}]


def test_a_store_whose_code_hangs_somewhere_is_not_retired(enter, links, company):
    olena, path = enter(company.admin), f"/settings/units/{company.units.kyiv.id}"
    assert "1 open link" in olena.get(f"{path}/retire").text
    token = csrf(olena.get("/open-links/new").text)

    olena.post(f"{path}/retire", data={"csrf_token": token})

    assert db.session.get_one(Unit, company.units.kyiv.id, populate_existing=True).retired_at is None


def test_the_list_counts_and_searches(enter, links, company, client):
    answer(Visitor(client), f"/o/{links.odesa.token}")
    olena = enter(company.admin)

    assert re.findall(r'data-label="Answers">(\d+)<', olena.get("/open-links/").text) == ["0", "1", "0"]
    assert "Порт" not in olena.get("/open-links/?q=каса").text


def test_staff_see_which_answers_may_be_one(enter, links, company, client, at_now):
    with transaction():
        make.make_interaction(company, now=at_now, number="БУ-77")
    for score in ("9", "3"):
        answer(Visitor(client), f"/o/{links.kyiv.token}", score, reference="БУ-77")
    answer(Visitor(client), f"/o/{links.kyiv.token}", "5", reference="БУ-78")
    first, second, third = db.session.scalars(select(Response.id).order_by(Response.id))
    andriy = enter(company.manager_kyiv)

    page = andriy.get(f"/answers/{second}").text
    assert "may be one" in page
    assert f'href="/answers/{first}"' in page
    assert "БУ-77" in page
    other = andriy.get(f"/answers/{third}").text
    assert "may be one" not in other
    assert "not found" in other
    assert "open link" in andriy.get("/answers/?open=only").text
    assert "No answers match" in andriy.get("/answers/?open=without").text


# ---- on paper ----------------------------------------------------------------------------------------------------


def codes(count: int) -> list[Code]:
    address = "https://nps.example.com/o/abcdefgh{:02d}"
    return [Code(address.format(n), "Водолад", "Як ми?", "Наведіть камеру", f"Київ {n}") for n in range(count)]


def streams(pdf: bytes) -> list[bytes]:
    """The packed parts of a PDF."""
    found = []
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S):
        try:
            found.append(zlib.decompress(packed))
        except zlib.error:
            continue
    return found


def read_back(drawing: bytes, address: str) -> list[list[int]]:
    """The modules of a code as they lie on the page: dark where an area covers the middle of one."""
    corner = rb"([\d.]+) ([\d.]+) [ml]\n"
    areas = [tuple(map(float, one)) for one in re.findall(corner * 4 + rb"h", drawing)]
    areas = [one for one in areas if one[:2] != (0, 0)]  # the sheet itself
    left, low = min(min(one[::2]) for one in areas), min(min(one[1::2]) for one in areas)
    count = len(segno.make(address, error="q", micro=False).matrix)
    step = (max(max(one[::2]) for one in areas) - left) / count
    boxes = [(min(one[::2]), max(one[::2]), min(one[1::2]), max(one[1::2])) for one in areas]

    def dark(x: float, y: float) -> int:
        return int(any(x0 <= x <= x1 and y0 <= y <= y1 for x0, x1, y0, y1 in boxes))

    middles = [(at + 0.5) * step for at in range(count)]
    return [[dark(left + x, low + y) for x in middles] for y in reversed(middles)]


def drawn(codes: list[Code], per_page: int) -> bytes:
    """The same as `sheets.draw` does in a process of its own."""
    file = io.BytesIO()
    paper.draw(codes, per_page, file)
    return file.getvalue()


def test_a_sheet_holds_each_code_as_it_is_read_and_its_words():
    (code,) = codes(1)
    pdf = drawn([code], 1)

    drawing = next(one for one in streams(pdf) if b" l\nh" in one)
    assert read_back(drawing, code.address) == [list(row) for row in segno.make(code.address, error="q").matrix]
    letters = b"".join(streams(pdf)).lower()
    for letter in "Як Водолад":  # the map of a font to letters, so that Cyrillic can be searched
        assert letter == " " or f"{ord(letter):04x}".encode() in letters, letter


@pytest.mark.parametrize(("count", "per_page", "pages"), [(9, 1, 9), (9, 4, 3), (17, 8, 3)])
def test_a_sheet_has_as_many_pages_as_its_codes_need(count, per_page, pages):
    pdf = drawn(codes(count), per_page)

    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == pages
    assert set(re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)) == {(b"595.2755905512", b"841.8897637795")}


def test_longest_words_stay_on_their_sheet():
    long = "дезоксирибонуклеопротеидосодержащий " * 8
    assert drawn([Code(f"https://nps.example.com/o/{'a' * 10}", long, long, long, long)] * 8, 8)


@pytest.mark.sqlite_only  # a process that draws knows no database
def test_the_page_prints_what_its_filters_show(enter, links, company, app):
    olena = enter(company.admin)

    assert olena.get("/reports/qr.pdf?per=1&q=нема").status_code == 404
    sheet = olena.get(f"/reports/qr.pdf?link={links.kyiv.id}&per=4&words=ru")
    assert sheet.mimetype == "application/pdf"
    drawing = next(one for one in streams(sheet.data) if b" l\nh" in one)
    address = f"{app.config['PUBLIC_URL']}/o/{links.kyiv.token}"
    assert read_back(drawing, address) == [list(row) for row in segno.make(address, error="q").matrix]


def test_too_many_codes_for_one_file_are_refused_with_a_word(enter, company, at_now):
    with transaction() as session:
        session.add_all(
            OpenLink(token=f"t{number}", name="x", survey_id=company.survey.id, asks=Asks.NOTHING, created_at=at_now)
            for number in range(sheets.MOST + 1)
        )
    refused = enter(company.admin).get("/reports/qr.pdf?per=8", follow_redirects=True)

    assert "choose fewer" in refused.text
