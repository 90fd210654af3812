"""What pages and letters say to every customer, in a language that the program itself does not speak."""

import html
import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from flask_babel import ngettext

import npsapp
from npsapp.audit.services import PROGRAM
from npsapp.customers.models import Customer
from npsapp.customers.queries import language_of
from npsapp.db import db, transaction
from npsapp.i18n import speaking
from npsapp.invitations import rendering
from npsapp.invitations.rendering import Addresses
from npsapp.surveys import fixed, services
from npsapp.surveys.rules import SurveyState
from tests.cast import csrf
from tests.factories import make_customer, make_interaction, make_invitation
from tests.responses.visitor import Visitor

WORDS = "/surveys/words?language=pl"
MARK = "Ż "


@pytest.fixture
def analyst(client: FlaskClient, company: SimpleNamespace, login) -> FlaskClient:
    with transaction():
        company.brand.languages = ["uk", "pl"]
    return login(client, company.analyst)


@pytest.fixture
def spoken(company: SimpleNamespace, now: datetime) -> None:
    """A brand that speaks Polish, with every fixed word typed."""
    with transaction():
        company.brand.languages = ["uk", "pl"]
        company.brand.name = {"uk": "Водолад", "pl": "Wodolad"}
        fixed.save("pl", {one.key: MARK + one.original for one in fixed.asked("pl")}, actor=PROGRAM, now=now)


def fields(page: str) -> dict[str, str]:
    found = re.findall(r'<textarea[^>]* name="(f[^"]+)"[^>]*>\r?\n?(.*?)</textarea>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in found} | {"csrf_token": csrf(page)}


def english_on(page: str) -> set[str]:
    """Fixed words that stand on a page, or in an attribute of it, as the program says them."""
    whole = [one.original for one in fixed.asked("pl") if "%(" not in one.original]
    return {text for text in whole if f">{text}<" in page or f'"{text}"' in page}


def test_missing_words_are_counted_asked_for_with_their_originals_and_needed_for_publishing(
    analyst: FlaskClient, company: SimpleNamespace
) -> None:
    survey = f"/surveys/{company.survey.id}/"
    count = len(fixed.asked("pl"))
    page = analyst.get(survey).get_data(as_text=True)
    assert f"{count} of them are fixed words" in page
    assert WORDS in page

    page = analyst.get(WORDS).get_data(as_text=True)
    assert f"Texts still missing: {count}" in page
    assert "Change my answer" in page
    assert "Змінити відповідь" in page
    typed = fields(page)
    assert len(typed) == count + 1

    half = dict.fromkeys(list(typed)[:3], "Po polsku") | {"csrf_token": typed["csrf_token"]}
    assert analyst.post(WORDS, data=typed | half).status_code == 303
    with transaction():
        assert fixed.missing(company.brand.languages) == {"pl": count - 3}
        assert fixed.missing(["en", "ru", "uk"]) == {}
        assert sum(one.key == fixed.FIXED for one in services.faults_of(company.survey)) == count - 3
        company.survey.state = SurveyState.DRAFT
        with pytest.raises(services.Incomplete):
            services.publish(company.survey.id, actor=PROGRAM, now=company.survey.created_at)


def test_words_that_would_break_a_page_are_refused_where_they_stand(analyst: FlaskClient) -> None:
    page = analyst.get(WORDS).get_data(as_text=True)
    name = re.search(r'<label for="(f\w+)">You have answered', page)[1]

    for text in ("Odpowiedź", "Odpowiedź %(score)s i %(name)s", "100 % %(score)s", '<b>"%(score)s"'):
        answer = analyst.post(WORDS, data=fields(page) | {name: text})
        assert answer.status_code == 422
        why = f'id="{name}-error">Keep the words with a percent sign as they are: %(score)s.'
        assert why in answer.get_data(as_text=True)
    assert fixed.typed("pl") == {}


def test_without_a_further_language_nothing_is_asked(client: FlaskClient, company: SimpleNamespace, login) -> None:
    page = login(client, company.analyst).get(WORDS)

    assert page.status_code == 200
    assert "Nothing to translate" in page.get_data(as_text=True)


@pytest.mark.usefixtures("spoken")
def test_a_polish_customer_meets_no_english_word_from_survey_page_to_unsubscribing(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime
) -> None:
    with transaction():
        person = make_customer(company, now=at_now, email="ola@example.com", language="pl")
        bought = make_interaction(company, now=at_now, customer=person, undecided=False)
        invitation = make_invitation(company, now=at_now, interaction=bought, language="pl")
        token = invitation.steps[0].token
    visitor = Visitor(client, **{"Accept-Language": "en"})

    page = visitor.open(f"/r/{token}/9")
    assert '<html lang="pl">' in page.html
    assert ">Polski<" in page.html
    assert f"{MARK}Send" in page.html
    assert f'data-long="{MARK}Please shorten your text: at most 5000 characters."' in page.html
    assert english_on(page.html) == set()
    thanks = visitor.press(page, score="9", final="1")
    assert f"{MARK}Change my answer" in thanks.html
    assert english_on(thanks.html) == set()

    for ending in ("/u/", "/privacy/"):
        link = html.unescape(re.search(f'href="({ending}[^"]+)"', page.html)[1])
        other = visitor.open(link)
        assert '<html lang="pl">' in other.html
        assert "English" not in other.html
        assert english_on(other.html) == set()
        assert MARK in other.html
    assert f"{MARK}24 months" in other.html
    address = re.search(r"/u/[^\"?]+", page.html)[0]
    stopped = visitor.send(address, choice="later")
    assert re.search(rf"{MARK}We will not ask you until \d+ \w+ 20\d\d\.", stopped.html)  # the day in Polish
    assert english_on(stopped.html) == set()


@pytest.mark.usefixtures("spoken")
def test_a_word_that_is_changed_stands_on_the_next_page(
    client: FlaskClient, company: SimpleNamespace, at_now: datetime
) -> None:
    with transaction():
        link = f"/r/{make_invitation(company, now=at_now, language='pl').steps[0].token}"
    before = client.get(link).get_data(as_text=True)

    with transaction():
        texts = fixed.typed("pl")
        key = next(one for one in texts if one.startswith("Send"))
        fixed.save("pl", texts | {key: "Wyślij"}, actor=PROGRAM, now=at_now)

    assert "Wyślij" not in before
    assert "Wyślij" in client.get(link).get_data(as_text=True)


@pytest.mark.usefixtures("spoken")
def test_the_letter_ends_in_the_customers_language(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        invitation = make_invitation(company, now=now, language="pl")
        addresses = Addresses(public_url="https://nps.example.com", keys=("k" * 40,))
        about = {"token": "t" * 24, "contact_point_id": None, "language": "pl"}
        letter = rendering.letter(invitation.interaction, company.version, addresses=addresses, **about)

    assert f"{MARK}Unsubscribe: https://" in letter["body"]
    assert f">{MARK}Privacy</a>" in letter["html"]


def test_a_language_the_brand_does_not_speak_gives_way_to_the_brands(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        person = make_customer(company, now=now, language="de")

    person = db.session.get_one(Customer, person.id)
    assert language_of(person, company.brand) == "uk"
    assert language_of(person, None) == "de"


@pytest.mark.usefixtures("spoken")
def test_each_number_has_the_form_its_language_wants(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        forms = {"one": "%(num)s dzień", "few": "%(num)s dni (kilka)", "many": "%(num)s dni"}
        typed = fixed.typed("pl") | {f"%(num)s days|{form}": text for form, text in forms.items()}
        fixed.save("pl", typed, actor=PROGRAM, now=now)

    with speaking("pl"):
        said = [ngettext("%(num)s day", "%(num)s days", n) for n in (1, 3, 5, 22)]
    assert said == ["1 dzień", "3 dni (kilka)", "5 dni", "22 dni (kilka)"]


def test_every_page_a_customer_may_read_in_a_language_of_the_brand_is_asked_for() -> None:
    rooms = Path(npsapp.__file__).parent
    asked = {file for files in fixed.PLACES.values() for file in files}
    nobodys = {"responses/trouble.html", "responses/unknown.html", "customers/broken.html", "customers/test.html"}

    pages = {
        path.relative_to(path.parent.parent).as_posix()
        for path in rooms.glob("*/templates/*/*.html")
        if re.search(r'extends "(responses/survey|responses/ask|customers/layout)\.html"', path.read_text())
    }
    assert pages - nobodys <= asked
