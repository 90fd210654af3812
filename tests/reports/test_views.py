"""The report page, its pictures and its file."""

import csv
import io
from datetime import date
from xml.etree import ElementTree

import pytest
from sqlalchemy import select

from npsapp.audit.models import AuditEntry
from npsapp.db import db

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def analyst(client, login, company):
    return login(client, company.analyst)


@pytest.fixture
def manager(client, login, company):
    return login(client, company.manager_kyiv)


def page(client, address="/reports/", status=200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def test_the_headline_says_value_interval_and_n(analyst, answer):
    for score in (9, 9, 10, 8, 2):
        answer(score)

    assert "NPS 40 (−35 … 83) from 5 answers" in page(analyst)


def test_without_answers_the_page_says_so(analyst):
    shown = page(analyst)

    assert "No answers yet" in shown
    assert "<img" not in shown.split("<main")[1]


def test_every_picture_has_words_and_a_table(analyst, answer):
    answer(9, region="kyiv")
    answer(2, region="odesa")

    shown = page(analyst)

    for heading in ("By score", "By month", "By region"):
        assert heading in shown
    assert shown.count("<table") == shown.count("<picture") == 3
    assert 'alt=""' not in shown.split("<main")[1]


def test_one_segment_is_not_divided(analyst, answer):
    answer(9)

    shown = page(analyst)

    assert "By segment" not in shown
    assert 'name="segment"' not in shown


def test_a_manager_sees_the_own_regions_only(manager, answer):
    answer(9, region="kyiv")
    answer(0, region="odesa")

    shown = page(manager)

    assert "from 1 answer<" in shown
    assert "Odesa" not in shown


def test_a_manager_cannot_ask_for_another_region(manager, answer, company):
    answer(0, region="odesa")

    shown = page(manager, f"/reports/?region={company.regions.odesa.id}", 422)

    assert "Not a valid choice" in shown
    assert "NPS −100" not in shown


def test_support_has_no_reports(client, login, company):
    login(client, company.support)

    assert client.get("/reports/").status_code == 403


def test_strangers_are_sent_to_the_login(client, company):
    assert client.get("/reports/").status_code == 302
    assert client.get("/reports/pictures/trend.svg").status_code == 302


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("from=yesterday", "This is not a day"),
        ("from=2026-02-30", "This is not a day"),
        ("to=03.11.2026", "This is not a day"),
        ("from=2026-11-02&to=2026-11-01", "The end lies before the beginning"),
        ("from=0001-01-01", "between 2000 and 2100"),
        ("to=9999-12-31", "between 2000 and 2100"),
        ("region=abc", "Not a valid choice"),
        ("region=999999999999999999999", "Not a valid choice"),
    ],
)
def test_a_wrong_address_gets_an_error_at_the_field(analyst, answer, arguments, sentence):
    answer(9)

    shown = page(analyst, f"/reports/?{arguments}", 422)

    assert sentence in shown
    assert 'aria-invalid="true"' in shown
    assert '<details class="filters"' not in shown, "an error in a folded form is not seen"
    assert "NPS 100" not in shown


def test_typed_days_win_over_a_preset(analyst, answer):
    answer(9, day=date(2026, 10, 5))
    answer(0, day=date(2026, 11, 5))

    assert "NPS 100 " in page(analyst, "/reports/?period=this_month&from=2026-10-05&to=2026-10-05")
    assert "NPS −100 " in page(analyst, "/reports/?period=this_month")


def test_the_number_of_answers_leads_to_them(analyst, answer, company):
    answer(9, region="kyiv")
    answer(9, region="odesa")

    shown = page(analyst, "/reports/?period=this_month")

    assert "/answers/?from=2026-11-01&amp;to=2026-11-20" in shown
    assert f"region={company.regions.odesa.id}" in shown


@pytest.mark.parametrize("name", ["distribution", "trend", "regions", "segments"])
def test_a_picture_is_an_image_that_may_only_style_itself(analyst, answer, name):
    answer(9)

    picture = analyst.get(f"/reports/pictures/{name}.svg?look=dark&shape=narrow")

    assert picture.status_code == 200
    assert picture.mimetype == "image/svg+xml"
    assert picture.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert picture.headers["Cache-Control"] == "private, no-cache"
    assert ElementTree.fromstring(picture.data).get("role") == "img"


def test_a_picture_that_has_not_changed_is_not_sent_again(analyst, answer):
    answer(9)
    address = "/reports/pictures/trend.svg"
    first = analyst.get(address)

    assert analyst.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304

    answer(0)
    assert analyst.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("address", ["other.svg", "trend.svg?from=x", "..%2ftrend.svg"])
def test_an_unknown_picture_is_not_found(analyst, address):
    assert analyst.get(f"/reports/pictures/{address}").status_code == 404


def test_the_file_holds_all_parts_and_is_written_into_the_log(analyst, answer, company):
    answer(9, region="kyiv")
    answer(2, region="odesa")
    assert "/reports/export.csv?period=this_month" in page(analyst, "/reports/?period=this_month")

    exported = analyst.get("/reports/export.csv?period=this_month")

    rows = list(csv.reader(io.StringIO(exported.get_data().decode("utf-8-sig"))))
    assert exported.headers["Content-Disposition"] == 'attachment; filename="nps-2026-11-20.csv"'
    assert rows[1][:6] == ["Total", "All answers", "2", "1", "0", "1"]
    assert ["Region", "Kyiv", "1", "1", "0", "0", "100", "-59", "100", "few answers"] in rows
    assert ["Month", "2026-11"] in [row[:2] for row in rows]
    (entry,) = db.session.scalars(select(AuditEntry).where(AuditEntry.event == "report.exported")).all()
    assert (entry.actor_id, entry.data) == (company.analyst.id, {"period": "this_month"})


def test_a_file_of_a_wrong_address_is_not_found_and_not_logged(analyst, answer):
    answer(9)

    assert analyst.get("/reports/export.csv?from=x").status_code == 404
    assert not db.session.scalars(select(AuditEntry).where(AuditEntry.event == "report.exported")).all()


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "from 21 answers"), ("ru", "NPS"), ("uk", "NPS")],
)
def test_the_page_speaks_three_languages(analyst, answer, language, words):
    for _each in range(21):
        answer(9)

    assert words in page(analyst, f"/reports/?lang={language}")


def test_few_answers_are_grey_and_lead_to_the_words(analyst, answer):
    answer(9)

    shown = page(analyst)

    assert '<tr class="off">' in shown
    assert "Read the comments" in shown
