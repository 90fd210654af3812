"""What is said in the call, in each language, with and without a name; what the program noted."""

from types import SimpleNamespace

import pytest

from npsapp.cases import rendering, rules
from npsapp.cases.models import CaseNote
from npsapp.cases.rules import Outcome, Remark
from npsapp.i18n import speaking


def said(language, address_as, *, is_firm=False) -> dict[str, str]:
    customer = SimpleNamespace(language=language, address_as=address_as, is_firm=is_firm)
    brand = SimpleNamespace(language="uk")
    case = SimpleNamespace(customer=customer, answer=None, region=None, brand=brand)
    return rendering.script(case)[1]


@pytest.mark.parametrize(
    ("language", "name", "greeting", "question"),
    [
        (
            "en",
            "Olena",
            "Good day, Olena. How are you?",
            "Tell me, Olena, what has to be done so that we can go on working together?",
        ),
        (
            "ru",
            "Ольга",
            "Ольга, здравствуйте! Как у вас дела?",
            "Подскажите, Ольга, что необходимо сделать, чтобы мы могли продолжить наше сотрудничество?",
        ),
        (
            "uk",
            "Олено Петрівно",
            "Олено Петрівно, добрий день! Як ваші справи?",
            "Підкажіть, Олено Петрівно, що потрібно зробити, щоб ми могли співпрацювати далі?",
        ),
    ],
)
def test_the_customer_is_greeted_and_asked_by_name_in_the_own_language(language, name, greeting, question):
    assert said(language, name)["greet"] == greeting
    assert said(language, name)["return"] == question


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
@pytest.mark.parametrize(("name", "is_firm"), [("", False), ("  ", False), ("ТОВ Дренаж", True)])
def test_without_a_name_the_sentences_go_without_one(language, name, is_firm):
    for sentence in said(language, name, is_firm=is_firm).values():
        assert "{" not in sentence
        assert "Дренаж" not in sentence
        assert not sentence.startswith((",", " "))
        assert ", ," not in sentence


def test_a_name_with_braces_is_only_a_name():
    assert said("en", "{name}")["greet"] == "Good day, {name}. How are you?"


def test_a_customer_without_a_language_is_spoken_to_in_that_of_the_answer_region_or_brand():
    customer = SimpleNamespace(language=None, address_as="", is_firm=False)
    brand = SimpleNamespace(language="uk")
    case = SimpleNamespace(customer=customer, answer=None, region=SimpleNamespace(language=None), brand=brand)

    assert rendering.script(case)[0] == "uk"
    case.region.language = "ru"
    assert rendering.script(case)[0] == "ru"
    case.answer = SimpleNamespace(language="en")
    assert rendering.script(case)[0] == "en"


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (Remark.SCORE_CHANGED, (4, 8), "The customer changed the score from 4 to 8."),
        (Remark.ASSIGNED, ("Petro",), "Handed over to Petro."),
        (Remark.SETTLED, (Outcome.SAVED,), "Ended: Customer won back."),
    ],
)
def test_a_remark_of_the_program_is_read_back_with_its_values(app, kind, values, words):
    note = CaseNote(by_id=None, text=rules.remark(kind, *values))

    with speaking("en"):
        assert rendering.remark(note) == words


def test_what_somebody_wrote_is_no_remark(app):
    assert rendering.remark(CaseNote(by_id=7, text="joined:5")) == ""
