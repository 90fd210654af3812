"""The start page and the alarms above every staff page."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from npsapp.accounts.models import Duty
from npsapp.cases import services as cases
from npsapp.db import db, transaction
from npsapp.delivery.rules import State
from npsapp.lib import clock
from npsapp.office import health
from npsapp.pulse import services as pulse
from tests import factories


@pytest.fixture
def running(app, at_now):
    """The heart beats, and a mail server is configured."""
    state = app.extensions[health.STATE]
    before = dict(state)
    state.update(started_at=at_now, migrated=True)
    with transaction():
        pulse.beat(at_now)
    yield app
    state.update(before)


@pytest.fixture
def mail_server(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")


def start(client):
    return client.get("/").get_data(as_text=True)


def test_strangers_are_sent_to_the_login_page(client, company):
    assert client.get("/").location.startswith("/login")


def test_a_manager_sees_whom_to_call(app, company, login, running, now):
    with transaction():
        response = factories.make_response(company, now=now - timedelta(hours=1), score=2)
        response.customer.name = "Оксана Ґудзь"
        db.session.flush()
        cases.look_at(response.id, now=now)

    mine = start(login(app.test_client(), company.manager_kyiv))
    theirs = start(login(app.test_client(), company.manager_odesa))

    assert "Оксана Ґудзь" in mine
    assert "tel:+380" in mine
    assert "Waiting in all: 1" in mine
    assert "Оксана Ґудзь" not in theirs
    assert "No cases are waiting for you." in theirs


def test_every_role_has_a_start_page(app, company, login, running):
    for user in (company.admin, company.analyst, company.manager_kyiv, company.support):
        answer = login(app.test_client(), user).get("/")
        assert answer.status_code == 200, user.role
        assert "heartbeat" in answer.get_data(as_text=True)


def test_with_a_mail_server_and_a_beating_heart_nothing_is_alarming(client, company, login, running, mail_server):
    assert "alarms" not in start(login(client, company.admin))


def test_without_a_mail_server_every_staff_page_says_so(app, company, login, running):
    admin, manager = login(app.test_client(), company.admin), login(app.test_client(), company.manager_kyiv)

    assert "No mail server is configured" in start(admin)
    assert 'href="/senders/"' in start(admin).split("alarms")[1].split("</ul>")[0]
    assert "No mail server is configured" in manager.get("/profile").get_data(as_text=True)


def test_a_silent_heart_is_told_on_every_staff_page(client, company, login, running, mail_server, at_now):
    support = login(client, company.support)

    with clock.pretend(at_now + timedelta(minutes=4)):
        page = support.get("/profile").get_data(as_text=True)

    assert "The worker does not run" in page


def test_failing_letters_are_told_to_those_who_may_look_at_them(app, company, login, running, mail_server, now):
    with transaction():
        for _ in range(2):
            factories.make_message(company, now=now, state=State.FAILED)

    assert "2 letters could not be sent." in start(login(app.test_client(), company.admin))
    assert "could not be sent" not in start(login(app.test_client(), company.manager_kyiv))


def test_regions_without_a_manager_are_told_to_the_administrator(app, company, login, running, mail_server):
    with transaction():
        db.session.execute(delete(Duty).where(Duty.region_id == company.regions.odesa.id))

    assert "1 region has no manager: Odesa" in start(login(app.test_client(), company.admin))
    assert "has no manager" not in start(login(app.test_client(), company.support))


def test_sources_in_trial_are_told_to_whoever_imports(app, company, login, running, now):
    with transaction():
        factories.make_source(company, now=now, name="till 7", live_at=None)

    assert "till 7" in start(login(app.test_client(), company.admin))
    assert "till 7" not in start(login(app.test_client(), company.support))


def test_the_login_page_shows_no_alarms(client, company):
    assert "No mail server" not in client.get("/login").get_data(as_text=True)
