"""Further questions over HTTP, without scripts: what is asked, what is kept, what staff see of it."""

import re
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.responses import queries, services
from npsapp.responses.models import AnswerValue, Response, ResponseRevision
from npsapp.surveys import services as surveys, wording
from npsapp.surveys.models import Survey
from npsapp.surveys.rules import Kind, Option, Question, Questionnaire, Scale
from tests.responses.visitor import Visitor

LATE, RUDE = Option("late", {"en": "It was late"}), Option("rude", {"en": "People were rude"})
QUESTIONS = (
    Question("service", Kind.RATING, {"wording": {"en": "Rate the service"}}, required=True, scale=Scale.TEN),
    Question("what", Kind.MANY, {"wording": {"en": "What was it?"}}, options=(LATE, RUDE), when=("score:detractor",)),
    Question("how_late", Kind.WORDS, {"wording": {"en": "How late?"}}, when=("what:late",)),
)


def with_questions(questionnaire: Questionnaire) -> Questionnaire:
    recommend, why, contact = questionnaire.questions
    return replace(questionnaire, questions=(recommend, *QUESTIONS, why, replace(contact, details=True)))


def ask_more(survey: Survey, *, now: datetime) -> None:
    """Let a survey ask further questions. Needs a transaction."""
    surveys.edit(survey.id, with_questions, based_on=surveys.stamp(survey.version), actor=PROGRAM, now=now)
    survey.version, survey.draft = survey.draft, None
    db.session.flush()


@pytest.fixture
def asking(company: SimpleNamespace, now: datetime) -> SimpleNamespace:
    """The company, whose survey asks more than before."""
    with transaction():
        ask_more(company.survey, now=now)
    return company


@pytest.fixture
def page(asking: SimpleNamespace, visitor: Visitor, link: str):
    """`page(score)`: the second page, after the score was sent."""
    return lambda score: visitor.press(visitor.open(f"{link}/{score}?lang=en"))


def stored() -> dict:
    db.session.rollback()
    return queries.as_more(db.session.scalars(select(AnswerValue).order_by(AnswerValue.id)))


def answer() -> Response:
    db.session.rollback()
    return db.session.scalars(select(Response)).one()


def test_questions_are_shown_by_score_group(page) -> None:
    assert 'data-q="what" data-when="score:detractor">' in page(3).html


def test_a_promoter_is_not_asked_what_went_wrong(page) -> None:
    shown = page(10)

    assert 'data-q="what" data-when="score:detractor" hidden>' in shown.html
    assert shown.form().fields["asked"] == "score service contact"


def test_an_answer_leads_to_a_further_question_and_then_to_thanks(page, visitor: Visitor) -> None:
    second = page(3)
    third = visitor.press(second, **{"q.service": "4", "q.what": ["late", "rude"], "comment": "Дуже довго"})
    assert "how_late" in third.form().fields["asked"]
    assert (answer().comment, answer().finished_at) == ("Дуже довго", None)

    last = visitor.press(third, **{"q.service": "4", "q.what": ["late", "rude"], "q.how_late": " two\r\nweeks\0 "})

    assert "Thank you." in last.text
    assert answer().finished_at is not None
    assert stored() == {"service": 4, "what": ["late", "rude"], "how_late": "two\nweeks"}


def test_a_required_question_is_named_and_nothing_given_is_lost(page, visitor: Visitor) -> None:
    refused = visitor.press(page(10), comment="Добре")

    assert refused.status == 422
    assert "Please answer: Rate the service" in refused.text
    assert refused.form().fields["comment"] == "Добре"
    assert (answer().score, answer().comment, answer().finished_at) == (10, "Добре", None)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"q.service": "11"}, {}),
        ({"q.service": "0"}, {}),
        ({"q.service": "+7"}, {}),
        ({"q.service": ["7", "8"]}, {}),
        ({"q.service": "7", "q.what": "stolen"}, {"service": 7}),
        ({"q.service": "7", "q.what": ["late", "stolen", "late"]}, {"service": 7, "what": ["late"]}),
        ({"q.service": "7", "q.how_late": "not asked"}, {"service": 7}),
        ({"q.service": "7", "q.nothing": "x", "q.": "y"}, {"service": 7}),
    ],
)
def test_only_what_the_version_asks_is_taken(page, visitor: Visitor, sent: dict, kept: dict) -> None:
    visitor.press(page(3), **sent)

    assert stored() == kept


def test_what_was_not_asked_of_this_group_is_dropped(page, visitor: Visitor) -> None:
    visitor.press(page(10), **{"q.service": "9", "q.what": "late"})

    assert stored() == {"service": 9}


def test_a_changed_answer_replaces_the_old_ones_and_keeps_its_history(page, visitor: Visitor) -> None:
    thanks = visitor.press(page(10), **{"q.service": "9"})
    again = visitor.press(thanks, "/change")
    assert again.form().fields["q.service"] == "9"

    visitor.press(again, **{"q.service": "5"})

    assert stored() == {"service": 5}
    revisions = db.session.scalars(select(ResponseRevision).order_by(ResponseRevision.number)).all()
    assert [one.more for one in revisions] == [None, {"service": 9}, {"service": 5}]


def test_another_language_keeps_what_was_typed(page, visitor: Visitor) -> None:
    switched = visitor.press(page(3), **{"q.service": "4", "q.how_late": "two weeks", "switch": "uk"})

    assert switched.form().fields["q.service"] == "4"
    assert switched.form().fields["q.how_late"] == "two weeks"
    assert not stored()


# ---- please contact me -----------------------------------------------------------------------------------------


def test_the_known_number_stands_there_masked_and_means_itself(page, visitor: Visitor) -> None:
    second = page(10)
    masked = second.form().fields["q.contact_address"]
    number = answer().customer.contact_points[1].value
    assert masked == f"…{number[-4:]}"
    assert number not in second.html

    visitor.press(second, **{"q.service": "9", "contact": "1", "q.contact_time": "after  six"})

    assert stored() == {"service": 9, "contact_address": number, "contact_time": "after six"}
    assert answer().contact_wanted is True


@pytest.mark.parametrize(
    ("typed", "kept"), [("067 123-45-67", "+380671234567"), ("Olha@Example.COM", "olha@example.com")]
)
def test_another_number_or_address_is_taken(page, visitor: Visitor, typed: str, kept: str) -> None:
    visitor.press(page(10), **{"q.service": "9", "contact": "1", "q.contact_address": typed})

    assert stored()["contact_address"] == kept


def test_what_is_no_number_is_refused(page, visitor: Visitor) -> None:
    refused = visitor.press(page(10), **{"q.service": "9", "contact": "1", "q.contact_address": "at home"})

    assert refused.status == 422
    assert "Please write a phone number or an e-mail address." in refused.text


def test_no_call_needed_keeps_no_number(page, visitor: Visitor) -> None:
    visitor.press(page(10), **{"q.service": "9", "contact": "0", "q.contact_time": "never"})

    assert stored() == {"service": 9}
    assert answer().contact_wanted is False


# ---- versions, staff, erasing ----------------------------------------------------------------------------------


def test_an_old_invitation_is_asked_what_its_version_asks(
    company: SimpleNamespace, visitor: Visitor, link: str, now: datetime
) -> None:
    with transaction():
        survey = company.survey
        surveys.edit(survey.id, with_questions, based_on=surveys.stamp(survey.version), actor=PROGRAM, now=now)

    second = visitor.press(visitor.open(f"{link}/3?lang=en"))
    last = visitor.press(second, comment="Words", **{"q.service": "4"})

    assert "Rate the service" not in second.text
    assert "Thank you." in last.text
    assert stored() == {}


@pytest.fixture
def answered(page, visitor: Visitor) -> Response:
    visitor.press(page(3), **{"q.service": "4", "q.what": "rude"})
    return answer()


def test_staff_read_list_and_export_further_answers(
    answered: Response, asking: SimpleNamespace, client: FlaskClient, login
) -> None:
    login(client, asking.analyst)

    for path in (f"/answers/{answered.id}", "/answers/", "/answers/export.csv"):
        text = client.get(path).get_data(as_text=True)
        assert "Rate the service" in text, path
        assert "People were rude" in text, path


@pytest.mark.parametrize(
    ("chosen", "found"), [("q.what=rude", 1), ("q.what=late", 0), ("q.service=4", 1), ("q.x=1", 1)]
)
def test_the_list_is_filtered_by_option(
    answered: Response, asking: SimpleNamespace, client: FlaskClient, login, chosen: str, found: int
) -> None:
    login(client, asking.analyst)

    page = client.get(f"/answers/?survey={asking.survey.id}&{chosen}").get_data(as_text=True)

    assert (f'href="/answers/{answered.id}"' in page) is bool(found)


def test_a_formula_in_an_answer_stays_text(page, visitor: Visitor, asking: SimpleNamespace, client, login) -> None:
    third = visitor.press(page(3), **{"q.service": "4", "q.what": "late"})
    visitor.press(third, **{"q.service": "4", "q.what": "late", "q.how_late": "=HYPERLINK(1)"})
    login(client, asking.analyst)

    assert "How late?: =HYPERLINK(1)" in client.get("/answers/export.csv").get_data(as_text=True)


def test_a_forgotten_customer_leaves_options_and_ratings_without_words(
    answered: Response, page, asking: SimpleNamespace
) -> None:
    with transaction() as session:
        session.add(AnswerValue(response_id=answered.id, question_key="how_late", text="my name is Olha"))
    with transaction():
        services.forget_people([answered.customer_id])

    assert stored() == {"service": 4, "what": ["rude"], "how_late": ""}


@pytest.mark.parametrize("language", ["en", "uk"])
def test_a_page_with_further_questions_weighs_less_than_20_kilobytes(
    page, visitor: Visitor, link: str, language: str
) -> None:
    shown = visitor.open(f"{link}/3?lang={language}")

    parts = re.findall(r'(?:href|src)="([^"]+\.(?:css|js)[^"]*)"', shown.html)
    assert len(parts) == 2
    weight = sum(len(visitor.open(part).html.encode()) for part in parts) + len(shown.html.encode())
    assert weight < 20_000, weight


def test_the_three_question_form_is_complete(now: datetime) -> None:
    kinds = [one.kind for one in wording.default_questionnaire("service", wording.THREE).questions]

    assert kinds == [Kind.RECOMMEND, Kind.RATING, Kind.TEXT, Kind.CONTACT]
