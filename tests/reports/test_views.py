"""The report page, its pictures and its file."""

import csv
import io
import re
from dataclasses import replace
from datetime import date
from html import unescape
from xml.etree import ElementTree

import pytest
from sqlalchemy import select

from npsapp.audit.models import AuditEntry
from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.responses.models import AnswerValue, Basis
from npsapp.responses.queries import more_rows
from npsapp.surveys import services as surveys
from npsapp.surveys.models import Survey
from npsapp.surveys.rules import Kind, Option, Question, Scale

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


def test_a_manager_asking_for_another_region_sees_nothing_of_it(manager, answer, company):
    answer(0, region="odesa")

    shown = page(manager, f"/reports/?region={company.regions.odesa.id}")

    assert "No answers yet" in shown
    assert "Odesa" not in shown


def test_support_has_no_reports(client, login, company):
    login(client, company.support)

    assert client.get("/reports/").status_code == 403


def test_strangers_are_sent_to_the_login(client, company):
    assert client.get("/reports/").status_code == 302
    assert client.get("/reports/pictures/month.svg").status_code == 302


@pytest.mark.parametrize(
    "arguments",
    ["from=yesterday", "from=2026-02-30", "to=03.11.2026", "from=0001-01-01", "to=9999-12-31", "region=abc"],
)
def test_wrong_filters_count_as_none(analyst, answer, arguments):
    answer(9)

    assert "NPS 100 (" in page(analyst, f"/reports/?{arguments}")


def test_days_in_the_wrong_order_are_turned_round(analyst, answer):
    answer(9, day=date(2026, 11, 5))

    assert "5 November 2026 to 6 November 2026" in page(analyst, "/reports/?from=2026-11-06&to=2026-11-05")


def test_typed_days_win_over_a_preset(analyst, answer):
    answer(9, day=date(2026, 10, 5))
    answer(0, day=date(2026, 11, 5))

    assert "NPS 100 " in page(analyst, "/reports/?period=this_month&from=2026-10-05&to=2026-10-05")
    assert "NPS −100 " in page(analyst, "/reports/?period=this_month")


def test_every_number_leads_to_exactly_its_answers(analyst, answer, company):
    for score, region in ((9, "kyiv"), (10, "kyiv"), (8, "odesa"), (2, "odesa"), (0, None)):
        answer(score, region=region)
    answer(9, test=True)
    answer(9, basis=Basis.PROVISIONAL)
    answer(9, day=date(2026, 10, 31))

    shown = page(analyst, "/reports/?period=this_month")

    links = re.findall(r'<a href="(/answers/[^"]+)">([\d]+)</a>', shown)
    assert len(links) == 1 + 3 + 5 + 1 + 3
    for address, number in links:
        listed = page(analyst, unescape(address))
        assert len(re.findall(r'<td class="lead', listed)) == int(number), address


@pytest.mark.parametrize("name", ["score", "month", "region", "segment"])
def test_a_picture_is_an_image_that_may_only_style_itself(analyst, answer, name):
    answer(9)

    picture = analyst.get(f"/reports/pictures/{name}.svg?shape=narrow")

    assert picture.status_code == 200
    assert picture.mimetype == "image/svg+xml"
    assert picture.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert picture.headers["Cache-Control"] == "private, no-cache"
    assert ElementTree.fromstring(picture.data).get("role") == "img"


def test_a_picture_that_has_not_changed_is_not_sent_again(analyst, answer):
    answer(9)
    address = "/reports/pictures/month.svg"
    first = analyst.get(address)

    assert analyst.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304

    answer(0)
    assert analyst.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("address", ["other.svg", "..%2fmonth.svg"])
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


@pytest.mark.parametrize(("language", "words"), [("en", "from 21 answers"), ("ru", "NPS"), ("uk", "NPS")])
def test_the_page_speaks_three_languages(analyst, answer, language, words):
    for _each in range(21):
        answer(9)

    assert words in page(analyst, f"/reports/?lang={language}")


def test_few_answers_are_grey_and_lead_to_the_words(analyst, answer):
    answer(9)

    shown = page(analyst)

    assert '<tr class="off">' in shown
    assert "Read the comments" in shown


# ---- further questions -------------------------------------------------------------------------------------------

SERVICE = Question("service", Kind.RATING, {"wording": {"en": "Rate the service"}}, scale=Scale.FIVE)
LATE, RUDE, DEAR = (Option(key, {"en": words}) for key, words in (("late", "Late"), ("rude", "Rude"), ("dear", "Dear")))
WHAT = Question("what", Kind.MANY, {"wording": {"en": "What was it?"}}, options=(LATE, RUDE, DEAR))
TIP = Question("tip", Kind.WORDS, {"wording": {"en": "Any tip?"}})


@pytest.fixture
def asks_more(company, now):
    """The survey asks three further questions; later it stops asking the last, and offers an option less."""

    def publish(*questions):
        survey = db.session.get_one(Survey, company.survey.id)
        about = {"based_on": surveys.stamp(survey.newest), "actor": PROGRAM, "now": now}
        surveys.edit(survey.id, lambda old: replace(old, questions=(*old.questions[:1], *questions)), **about)
        survey.version, survey.draft = survey.newest, None
        surveys.freeze(survey.version_id, now=now)

    with transaction():
        publish(SERVICE, WHAT, TIP)
        publish(SERVICE, replace(WHAT, options=(LATE, DEAR)))


def say(response_id: int, **more):
    with transaction():
        db.session.add_all(AnswerValue(**row) for row in more_rows(response_id, more))


def rows_of(shown: str, question: str) -> list[str]:
    table = next(part for part in shown.split("<section")[1:] if question in part).split("<tbody>")[1]
    return [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in unescape(table).split("</tr>")[:-1]]


def test_further_questions_are_divided_by_their_answers(analyst, answer, asks_more, company, now):
    say(answer(3), service=2, what=["late", "rude"], tip="More light")
    say(answer(4), service=5, what=["late"])
    say(answer(9, region="odesa"), service=5)
    answer(9)
    say(answer(1, voided_at=now, void_reason="joke"), service=1, what=["dear"])

    shown = page(analyst, "/reports/")

    assert "On average 4.0 of 5, from 3 answers" in shown
    assert rows_of(shown, "Rate the service") == [
        "1 / 5 0 0%",
        "2 / 5 1 33%",
        "3 / 5 0 0%",
        "4 / 5 0 0%",
        "5 / 5 2 67%",
    ]
    assert "Chosen most often: “Late”, by 100% of 2 customers" in shown
    assert rows_of(shown, "What was it?") == ["Late 2 100%", "Dear 0 0%", "Rude 1 50%"]
    assert "1 customer wrote something" in shown
    file = analyst.get("/reports/export.csv").get_data().decode("utf-8-sig")
    counted = [row[:3] for row in csv.reader(io.StringIO(file)) if row[0] == "What was it?"]
    assert counted == [["What was it?", "Late", "2"], ["What was it?", "Dear", "0"], ["What was it?", "Rude", "1"]]
    odesa = page(analyst, f"/reports/?region={company.regions.odesa.id}")
    assert "On average 5.0 of 5, from 1 answer<" in odesa.replace(" ·", "<")
    assert "What was it?" not in odesa


def test_a_manager_sees_further_answers_of_the_own_regions_only(manager, answer, asks_more):
    say(answer(3, region="kyiv"), service=2)
    say(answer(3, region="odesa"), what=["late"])

    shown = page(manager)

    assert "On average 2.0 of 5, from 1 answer" in shown
    assert "What was it?" not in shown


def test_every_number_leads_to_the_answers_it_counts(analyst, answer, asks_more):
    rude, tip = answer(3), answer(4)
    say(rude, what=["rude"])
    say(tip, tip="More light")
    answer(9)

    links = [unescape(link) for link in re.findall('href="(/answers/[^"]*q[.][^"]*)"', page(analyst))]

    found = {link: re.findall(r'href="/answers/(\d+)"', page(analyst, link)) for link in set(links)}
    assert {link.split("q.")[1].split("&")[0]: sorted(set(ids)) for link, ids in found.items()} == {
        "what=rude": [str(rude)],
        "what=*": [str(rude)],
        "tip=*": [str(tip)],
    }
