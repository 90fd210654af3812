"""Personal data goes after its time, and a shorter time says first what it takes."""

from datetime import timedelta
from io import BytesIO
from itertools import repeat
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select, update

from npsapp.audit.services import COMMAND
from npsapp.cases import services as cases
from npsapp.cases.models import Case
from npsapp.customers import retention as periods
from npsapp.customers.models import ContactPoint, Customer, Retention
from npsapp.customers.rules import Kept, kept_since
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, State
from npsapp.intake import connections, received, services, staging, tasks
from npsapp.intake.models import Interaction, ReceivedBody, Source, SourceKind
from npsapp.office import retention
from npsapp.responses.models import LinkAct, LinkEvent, Response, ResponseRevision
from tests import factories
from tests.cast import csrf

MONTH = timedelta(days=31)
DATA = {"persons": "24", "letters": "13", "links": "90", "files": "90"}


@pytest.fixture
def admin(client, company, login):
    return login(client, company.admin)


@pytest.fixture
def answered(company, now):
    """Somebody who bought, got a letter, answered with words, and whose case was settled."""
    with transaction():
        response = factories.make_response(company, now=now, score=2)
        cases.look_at(response.id, now=now)
        db.session.execute(update(Case).values(state="settled", settled_at=now, outcome="saved", outcome_text="so"))
        message = factories.make_message(company, now=now, state=State.SENT, sent_at=now)
        db.session.add(
            LinkEvent(invitation_id=response.invitation_id, step_id=1, at=now, act=LinkAct.OPENED, network="", agent="")
        )
        return SimpleNamespace(response=response.id, customer=response.customer_id, message=message.id)


def apply(now):
    retention.apply(lambda: repeat(0), now=now)
    db.session.rollback()


def save(client, **over):
    token = csrf(client.get("/retention/").text)
    return client.post("/retention/", data=DATA | over | {"csrf_token": token})


def count(model, *where):
    return db.session.scalar(select(func.count()).select_from(model).where(*where))


def test_a_month_is_a_calendar_month(now):
    assert kept_since(Kept.PERSONS, 24, now=now) == now.replace(year=now.year - 2)
    assert kept_since(Kept.LINKS, 90, now=now) == now - timedelta(days=90)


def test_nothing_goes_before_its_time(answered, now):
    apply(now + 12 * MONTH)

    assert count(Message, Message.to_address != "") == 1
    assert count(Response, Response.comment != "") == 1
    assert count(LinkEvent) == 0, "these are kept for 90 days only"


def test_letters_lose_address_and_words_after_thirteen_months(answered, now):
    apply(now + 14 * MONTH)

    message = db.session.get(Message, answered.message)
    assert (message.to_address, message.subject, message.body, message.html) == ("", "", "", "")
    assert (message.state, message.sent_at) == (State.SENT, now)
    assert count(Customer, Customer.name != "") == 1


def test_letters_that_still_wait_keep_their_address(company, now):
    with transaction():
        factories.make_message(company, now=now)

    apply(now + 14 * MONTH)

    assert count(Message, Message.to_address != "") == 1


def test_what_may_have_left_and_is_not_repeated_loses_address_and_words_as_well(company, now):
    with transaction():
        left = factories.make_message(company, now=now, state=State.UNKNOWN, channel=Channel.SMS, sent_at=now)
        repeated = factories.make_message(company, now=now, state=State.UNKNOWN)

    apply(now + 14 * MONTH)

    assert db.session.get(Message, left.id).to_address == ""
    assert db.session.get(Message, repeated.id).to_address != "", "it is sent once more"


def test_people_are_emptied_two_years_after_the_last_purchase_and_scores_stay(answered, now):
    apply(now + 26 * MONTH)

    customer = db.session.get(Customer, answered.customer)
    assert (customer.name, customer.name_key) == ("", "")
    assert customer.emptied_at == now + 26 * MONTH
    points = db.session.scalars(select(ContactPoint.value).where(ContactPoint.customer_id == customer.id)).all()
    assert len(points) == 2
    assert all("@" not in value and not value.startswith("+") for value in points)
    response = db.session.get(Response, answered.response)
    assert (response.score, response.comment, response.region_id is None) == (2, "", False)
    assert set(db.session.scalars(select(ResponseRevision.comment))) == {""}
    assert db.session.scalars(select(Interaction.number)).one() == ""
    case = db.session.scalars(select(Case)).one()
    assert (case.outcome_text, case.outcome) == ("", "saved")


def test_who_bought_since_or_has_an_open_case_is_kept(company, answered, now):
    with transaction():
        factories.make_interaction(
            company, now=now, customer=db.session.get(Customer, answered.customer), happened_at=now + 20 * MONTH
        )
        waiting = factories.make_response(company, now=now, score=1)
        cases.look_at(waiting.id, now=now)

    apply(now + 26 * MONTH)

    assert count(Customer, Customer.name == "") == 0


def test_more_than_a_chunk_goes_in_rounds_and_each_kind_once_a_day(company, now, monkeypatch):
    monkeypatch.setattr(retention, "CHUNK", 3)
    later = now + 26 * MONTH
    with transaction():
        for _number in range(8):
            factories.make_customer(company, now=now)

    retention.apply(lambda: range(2), now=later)
    assert count(Customer, Customer.name == "") == 6, "no more time in this beat"
    apply(later)
    assert count(Customer, Customer.name == "") == 8
    assert periods.unfinished(later.date()) == []
    assert periods.unfinished((later + timedelta(days=1)).date()) == list(Kept)


def test_a_shorter_time_says_first_what_it_takes_and_needs_a_yes(admin, company, answered, at_now):
    with transaction():
        db.session.execute(update(Customer).values(created_at=at_now - 20 * MONTH))
        db.session.execute(update(Interaction).values(happened_at=at_now - 20 * MONTH))

    asked = save(admin, persons="18")

    assert asked.status_code == 422
    assert "what is known of 1 person" in asked.text
    assert periods.periods()[Kept.PERSONS] == 24

    assert save(admin, persons="18", sure="y").status_code == 303
    assert periods.periods()[Kept.PERSONS] == 18
    apply(at_now)
    assert count(Customer, Customer.name != "") == 0


def test_the_page_counts_everything_that_goes_also_calls_and_files(admin, company, at_now):
    with transaction():
        source = connections.add(SourceKind.WEBHOOK, "CRM", actor=COMMAND, now=at_now)[0]
        for ago in (1, 30, 100):
            received.keep(source.id, content_type="", body="{}", now=at_now - timedelta(days=ago))
        stored = staging.store(BytesIO(b"x"), tasks.uploads(), most_bytes=9)
        services.create_batch(source_id=source.id, file_name="x", stored=stored, actor=COMMAND, now=at_now - 4 * MONTH)
    assert "Would go today: 2" in admin.get("/retention/").text

    asked = save(admin, files="20")

    assert asked.status_code == 422
    assert "3 files and calls as they came" in asked.text
    save(admin, files="20", sure="y")
    apply(at_now)
    assert count(ReceivedBody) == 1
    assert "Would go today: 2" not in admin.get("/retention/").text


def test_a_longer_time_is_saved_at_once_and_looked_through_again(admin, company, at_now):
    apply(at_now)

    assert save(admin, links="120").status_code == 303

    assert db.session.get(Retention, Kept.LINKS).amount == 120
    assert Kept.LINKS in periods.unfinished(at_now.date())


@pytest.mark.parametrize("over", [{"persons": "0"}, {"letters": "x"}, {"links": "1"}, {"letters": "25"}, {"files": ""}])
def test_times_that_make_no_sense_are_refused(admin, company, over):
    assert save(admin, **over).status_code == 422
    assert periods.periods()[Kept.LETTERS] == 13


def test_the_default_ground_of_a_source_is_chosen_and_stands_for_whoever_chose_it(admin, company, now):
    with transaction():
        source = factories.make_source(company, now=now)
        source_id = source.id
    page = f"/connections/{source_id}/settings"
    assert page in admin.get("/retention/").text
    kept = {"name": source.name, "brand_id": source.brand_id, "timezone": "Europe/Kyiv", "currency": "UAH"}
    token = csrf(admin.get(page).text)

    admin.post(page, data={**kept, "ground_email": "interest", "csrf_token": token})

    source = db.session.get(Source, source_id, populate_existing=True)
    assert (source.grounds, source.grounds_set_by_id) == ({"email": "interest"}, company.admin.id)
    assert "legitimate interest" in admin.get("/retention/").text


def test_only_administrators_see_the_page(app, company, login):
    for who in (company.analyst, company.manager_kyiv, company.support):
        assert login(app.test_client(), who).get("/retention/").status_code == 403
