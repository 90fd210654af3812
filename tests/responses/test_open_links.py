"""Open links: what somebody without an invitation answers, once per page, and what the program makes of it."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from npsapp.cases import queries as cases_due, services as cases
from npsapp.cases.models import Case
from npsapp.customers.models import ContactFact, ContactPoint, Customer
from npsapp.db import db, transaction
from npsapp.lib import clock
from npsapp.organization.models import Unit
from npsapp.reports import queries as reports, services as tallies
from npsapp.reports.queries import Selection
from npsapp.responses import open_services
from npsapp.responses.days import mark_dirty
from npsapp.responses.models import DirtyDay, LinkEvent, Response
from npsapp.responses.open_models import OpenRate
from npsapp.responses.open_rules import Asks
from npsapp.surveys.models import Survey
from npsapp.surveys.rules import SurveyState
from tests import factories as make
from tests.responses.visitor import Page, Visitor


@pytest.fixture
def visitor(client: Any) -> Visitor:
    return Visitor(client)


@pytest.fixture
def link(company: SimpleNamespace, at_now: Any) -> str:
    """The address of a store's open link."""
    with transaction():
        return f"/o/{make.make_open_link(company, now=at_now).token}?lang=en"


def stored() -> list[Response]:
    db.session.rollback()
    return list(db.session.scalars(select(Response).order_by(Response.id)))


def open_cases(now: Any) -> list[Case]:
    """The cases after a beat."""
    for id_ in cases_due.responses_to_look_at(100):
        with transaction():
            cases.look_at(id_, now=now)
    db.session.rollback()
    return list(db.session.scalars(select(Case)))


def answer(visitor: Visitor, link: str, score: str = "9", **typed: str) -> Page:
    """Open the page and send score and words in one go."""
    return visitor.press(visitor.open(link), score=score, final="1", **typed)


# ---- the page ----------------------------------------------------------------------------------------------------


def test_whoever_comes_answers_the_same_questions_and_the_answer_belongs_to_the_place(visitor, link, company):
    page = visitor.open(link)
    assert "How likely are you to recommend Vodolad" in page.text
    assert "Лівий берег" in page.text
    assert "This was not my purchase" not in page.text
    assert "Unsubscribe" not in page.text
    assert "{" not in page.text

    page = visitor.press(page, score="3")
    page = visitor.press(page, comment="Довго чекали")

    assert "Thank you" in page.text
    (found,) = stored()
    assert (found.score, found.comment, found.invitation_id, found.channel) == (3, "Довго чекали", None, None)
    assert (found.unit_id, found.region_id) == (company.units.kyiv.id, company.regions.kyiv.id)
    assert (found.brand_id, found.touchpoint_id) == (company.brand.id, company.touchpoint.id)
    assert (found.customer_id, found.interaction_id, found.finished_at is not None) == (None, None, True)


def test_opening_records_nothing_and_sets_no_cookie(visitor, client, link):
    visitor.open(link)
    client.head(link)

    assert stored() == []
    assert not db.session.scalars(select(LinkEvent)).all()
    assert client.get_cookie("session") is None


@pytest.mark.parametrize("path", ["/o/nothing123", "/o/x", "/o/nothing123/9"])
def test_an_unknown_open_link_gets_the_friendly_page(visitor, company, path):
    page = visitor.open(path)

    assert page.status == 404
    assert "This link does not work." in page.text


def test_a_retired_link_and_a_survey_that_does_not_ask_are_closed(visitor, link, company, at_now):
    with transaction() as session:
        session.get_one(Survey, company.survey.id).state = SurveyState.ARCHIVED
    assert visitor.open(link).status == 410
    with transaction() as session:
        session.get_one(Survey, company.survey.id).state = SurveyState.ACTIVE
        retired = make.make_open_link(company, now=at_now, retired_at=at_now).token
    assert visitor.open(link).status == 200
    assert visitor.open(f"/o/{retired}").status == 410


def test_the_page_speaks_the_language_of_the_phone_unless_another_is_asked_for(client, link, company, at_now):
    bare = link.partition("?")[0]
    assert 'lang="ru"' in Visitor(client, **{"Accept-Language": "ru"}).open(bare).html
    assert 'lang="uk"' in Visitor(client, **{"Accept-Language": "de"}).open(bare).html
    assert 'lang="en"' in Visitor(client, **{"Accept-Language": "ru"}).open(link).html
    with transaction():
        tablet = make.make_open_link(company, now=at_now, tablet=True).token
    assert 'lang="uk"' in Visitor(client, **{"Accept-Language": "ru"}).open(f"/o/{tablet}").html


def test_a_score_chosen_before_the_language_stays(visitor, link):
    path, _question, _lang = link.partition("?")

    assert visitor.open(f"{path}/7?lang=ru").form().fields["score"] == "7"
    assert "score" not in visitor.open(f"{path}/77?lang=ru").form().fields


# ---- once per page -----------------------------------------------------------------------------------------------


def test_the_same_page_sent_again_is_one_answer_and_two_pages_are_two(visitor, link):
    page = visitor.open(link)
    sent = [visitor.press(page, score="9", comment="Добре") for _tap in range(3)]
    assert [one.status for one in sent] == [200, 200, 200]
    assert len(stored()) == 1

    answer(visitor, link)

    assert len(stored()) == 2


def test_a_page_may_change_its_answer_for_an_hour_and_the_history_is_kept(visitor, link, now):
    first = answer(visitor, link, "3", comment="Погано")
    page = visitor.press(first, "/change")
    assert page.form().fields["score"] == "3"
    assert page.form().fields["comment"] == "Погано"
    with clock.pretend(now + timedelta(minutes=59)):
        visitor.press(page, score="5")
    (found,) = stored()
    assert (found.score, [one.score for one in found.revisions]) == (5, [3, 5])

    with clock.pretend(now + timedelta(minutes=61)):
        late = visitor.press(page, score="10")
        refused = visitor.press(first, "/change")

    assert "Thank you" in late.text
    assert "Погано" not in refused.html
    assert [one.score for one in stored()] == [5]


def test_a_page_without_a_good_signature_records_nothing(visitor, link, company, at_now):
    with transaction():
        other = make.make_open_link(company, now=at_now).token
    page = visitor.open(link)
    foreign = visitor.open(f"/o/{other}").form().fields["nonce"]

    for nonce in ("", page.form().fields["nonce"][:-1], foreign):
        refused = visitor.press(page, score="9", nonce=nonce)
        assert refused.status == 422
        assert refused.form().fields["score"] == "9"

    assert stored() == []
    assert visitor.press(refused, score="9").status == 200
    assert len(stored()) == 1


def test_one_network_gives_so_many_answers_an_hour_and_hears_a_kind_word(app: Flask, visitor, link, now):
    app.config["OPEN_ANSWERS_PER_HOUR"] = 2
    try:
        kept = answer(visitor, link)
        answer(visitor, link)
        refused = answer(visitor, link, comment="Третій")
        assert refused.status == 429
        assert "try again in an hour" in refused.text
        assert refused.form().fields["comment"] == "Третій"
        assert len(stored()) == 2
        assert visitor.press(visitor.press(kept, "/change"), score="1").status == 200  # a change is no new answer

        with clock.pretend(now + timedelta(hours=1)):
            answer(visitor, link)

        assert [one.score for one in stored()] == [1, 9, 9]
    finally:
        app.config["OPEN_ANSWERS_PER_HOUR"] = 20


def test_networks_are_forgotten_after_a_day(visitor, link, now):
    answer(visitor, link)
    with transaction() as session:
        open_services.forget_rates(now=now + timedelta(hours=23))
        assert [(one.network, one.answers) for one in session.scalars(select(OpenRate))] == [("127.0.0.0/24", 1)]
        open_services.forget_rates(now=now + timedelta(hours=25))
        assert not session.scalars(select(OpenRate)).all()


# ---- who it was --------------------------------------------------------------------------------------------------


@pytest.fixture
def bought(company: SimpleNamespace, at_now: Any) -> Any:
    """A purchase in Kyiv with its customer."""
    with transaction():
        return make.make_interaction(company, now=at_now, number="БУ00-000042")


@pytest.mark.parametrize("typed", ["БУ00-000042", " бу00-000042 "])
def test_an_order_number_finds_the_purchase(visitor, link, bought, typed):
    answer(visitor, link, "3", reference=typed)

    (found,) = stored()
    assert (found.interaction_id, found.customer_id) == (bought.id, bought.customer_id)


def test_a_phone_number_finds_the_customer_and_stands_nowhere_else(visitor, link, bought):
    phone = db.session.scalars(
        select(ContactPoint.value)
        .where(ContactPoint.customer_id == bought.customer_id)
        .where(ContactPoint.kind == "phone")
    ).one()
    answer(visitor, link, "3", reference=f"0{phone[4:]}")

    (found,) = stored()
    assert (found.customer_id, found.interaction_id, found.reference) == (bought.customer_id, None, "")


def test_what_is_found_is_told_to_nobody(visitor, link, bought, company, at_now):
    """The pages after a known and an unknown number are the same but for their signatures."""

    def shown(reference: str) -> str:
        page = answer(visitor, link, "3", reference=reference)
        changed = visitor.press(page, "/change")
        return f"{page.text} {changed.text}"

    assert shown("БУ00-000042") == shown("БУ00-999999")
    known = db.session.scalars(select(ContactPoint.value).where(ContactPoint.kind == "phone")).first()
    assert shown(known) == shown("+380991112233")


def test_an_order_of_another_region_is_not_a_stores(visitor, link, company, at_now):
    with transaction():
        make.make_interaction(company, now=at_now, number="ОД-1", region_id=company.regions.odesa.id)

    answer(visitor, link, reference="ОД-1")

    (found,) = stored()
    assert (found.interaction_id, found.reference) == (None, "ОД-1")


def test_an_unhappy_visitor_who_left_a_phone_number_becomes_a_case_of_the_stores_manager(
    visitor, link, company, at_now
):
    page = answer(visitor, link, "3", reference="099 111 22 33", comment="Хамили")
    assert "You will be called" in page.text

    (case,) = open_cases(at_now)
    assert (case.owner_id, case.region_id) == (company.manager_kyiv.id, company.regions.kyiv.id)
    person = db.session.get_one(Customer, case.customer_id)
    assert (person.region_id, person.name) == (company.regions.kyiv.id, "")
    assert db.session.scalars(select(ContactPoint.value).where(ContactPoint.customer_id == person.id)).all() == [
        "+380991112233"
    ]


def test_an_unhappy_visitor_without_a_number_is_shown_and_nobody_is_promised_a_call(visitor, link, at_now):
    page = answer(visitor, link, "3")

    assert "called" not in page.text
    assert open_cases(at_now) == []
    assert len(stored()) == 1


def test_what_a_visitor_says_changes_nothing_about_whom_he_names(visitor, link, bought, company):
    answer(visitor, link, "10", reference="БУ00-000042")

    assert not db.session.scalars(select(ContactFact)).all()


def test_a_number_given_later_on_the_same_page_is_taken(visitor, link, bought):
    page = visitor.press(visitor.open(link), score="3")
    assert stored()[0].customer_id is None

    visitor.press(page, reference="БУ00-000042")

    assert [one.customer_id for one in stored()] == [bought.customer_id]


@pytest.mark.parametrize(("asks", "fields"), [(Asks.NOTHING, 0), (Asks.OPTIONAL, 1), (Asks.REQUIRED, 1)])
def test_a_link_asks_for_a_number_or_not(visitor, company, at_now, asks, fields):
    with transaction():
        token = make.make_open_link(company, now=at_now, asks=asks).token

    page = visitor.open(f"/o/{token}?lang=en")

    assert page.html.count('name="reference"') == fields
    assert ("Please contact me" in page.text) == bool(fields)
    assert ("(required)" in page.text) == (asks is Asks.REQUIRED)


def test_a_link_that_needs_a_number_takes_nothing_without_it(visitor, company, at_now):
    with transaction():
        link = f"/o/{make.make_open_link(company, now=at_now, asks=Asks.REQUIRED).token}?lang=en"

    page = visitor.press(visitor.open(link), score="9")
    assert (page.status, page.form().fields["final"]) == (200, "1")
    refused = visitor.press(page, comment="Добре")
    assert refused.status == 422
    assert "Please write the number" in refused.text
    assert refused.form().fields["comment"] == "Добре"
    assert stored() == []

    visitor.press(refused, reference="БУ-7")

    assert [(one.score, one.comment, one.reference) for one in stored()] == [(9, "Добре", "БУ-7")]


def test_whoever_wants_a_call_is_asked_where_to(visitor, link):
    page = visitor.press(visitor.open(link), score="8")

    refused = visitor.press(page, contact="1", comment="Подзвоніть")
    assert refused.status == 422
    assert "Please write the number" in refused.text
    assert refused.form().fields["comment"] == "Подзвоніть"
    visitor.press(refused, reference="099 111 22 33")

    (found,) = stored()
    assert (found.score, found.contact_wanted, found.customer_id is not None) == (8, True, True)


def test_a_unit_that_moved_takes_new_answers_with_it(visitor, link, company):
    answer(visitor, link)
    with transaction() as session:
        session.get_one(Unit, company.units.kyiv.id).region_id = company.regions.odesa.id
    answer(visitor, link)

    assert [one.region_id for one in stored()] == [company.regions.kyiv.id, company.regions.odesa.id]


# ---- the tablet --------------------------------------------------------------------------------------------------


def test_a_tablet_goes_back_to_its_start_and_knows_nobody(visitor, company, at_now):
    with transaction():
        path = f"/o/{make.make_open_link(company, now=at_now, tablet=True).token}"
    page = visitor.open(f"{path}?lang=en")
    assert 'data-key=""' in page.html
    assert "Privacy" not in page.text

    after = visitor.press(page, score="3", final="1", comment="Погано")

    assert f'<meta http-equiv="refresh" content="15; url={path}">' in after.html
    assert "Change my answer" not in after.text
    assert "Погано" not in after.html
    again = visitor.press(page, score="10", final="1")  # the history of the browser
    assert "Thank you" in again.text
    assert "Погано" not in visitor.send(f"{path}/change", nonce=page.form().fields["nonce"]).html
    assert [one.score for one in stored()] == [3]


def test_a_tablet_takes_more_answers_from_its_network(app: Flask, visitor, company, at_now):
    with transaction():
        link = f"/o/{make.make_open_link(company, now=at_now, tablet=True).token}"
    app.config["OPEN_ANSWERS_PER_HOUR"] = 1
    try:
        for _visitor in range(3):
            assert answer(visitor, link).status == 200
    finally:
        app.config["OPEN_ANSWERS_PER_HOUR"] = 20


# ---- what it counts for ------------------------------------------------------------------------------------------


def test_reports_count_open_answers_only_where_they_are_asked_to(visitor, link, company, at_now):
    with transaction():
        asked = make.make_response(company, now=at_now, score=9)
        mark_dirty(asked.survey_id, asked.local_date, asked.invitation_id)
    answer(visitor, link, "2")

    def counts(by_link: str) -> list[int]:
        by_score = reports.counted(Selection(open=by_link)).by_score
        return [score for score, count in enumerate(by_score) if count]

    assert [counts(asked) for asked in ("", "with", "only")] == [[9], [2, 9], [2]]
    with transaction() as session:
        while tallies.recount_dirty_days():
            pass
        assert not session.scalars(select(DirtyDay)).all()
    assert [counts(asked) for asked in ("", "with", "only")] == [[9], [2, 9], [2]]
    assert reports.invited(Selection(), at_now).answered == 1
