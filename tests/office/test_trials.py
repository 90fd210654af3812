"""A test invitation goes the whole way, and is counted nowhere."""

import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from npsapp import schedule
from npsapp.cases.models import Case
from npsapp.customers.models import ContactFact, Customer
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.intake import queries as intake
from npsapp.invitations import ledger
from npsapp.invitations.models import Invitation
from npsapp.permissions import EVERYTHING
from npsapp.reports.models import DailyTally
from npsapp.responses import queries as responses
from npsapp.responses.models import Response
from npsapp.worker import collecting
from tests import cast


@pytest.fixture
def link(app: Flask, client: FlaskClient, company: SimpleNamespace, login: Any) -> str:
    """The link in a test letter that lies in the outbox."""
    login(client, company.admin)
    token = cast.csrf(client.get("/test-invitation").get_data(as_text=True))
    with collecting() as run:
        words = {"survey": company.survey.id, "language": "en", "address": "olena@vodolad.example", "csrf_token": token}
        answer = client.post("/test-invitation", data=words)
        assert answer.status_code == 303, answer.get_data(as_text=True)
        run()
    message = db.session.scalars(select(Message)).one()
    assert message.state == "sent"
    page = client.get(answer.location).get_data(as_text=True)
    assert re.search(r'href="/outbox/[\d-]+\.eml"', page)
    assert list(Path(app.instance_path, "outbox").glob("*.eml"))
    found = re.search(r"/r/[\w-]+", message.body)
    assert found
    return found.group(0)


def answer(client: FlaskClient, link: str, score: str = "2") -> str:
    page = client.get(link).get_data(as_text=True)
    nonce = re.search(r'name="nonce" value="([^"]+)"', page)
    assert nonce
    said = {"nonce": nonce.group(1), "score": score, "comment": "Only a test", "final": "1", "contact": "1"}
    return client.post(link, data=said).get_data(as_text=True)


def test_the_pages_of_a_test_say_so(client: FlaskClient, link: str) -> None:
    assert "Test: this answer counts nowhere." in client.get(link).get_data(as_text=True)
    assert "Test: this answer counts nowhere." in answer(client, link)


def test_an_answer_to_a_test_counts_nowhere(client: FlaskClient, link: str) -> None:
    answer(client, link)

    failed = schedule.run_steps(schedule.Beat(budget_s=None))

    assert failed == []
    assert db.session.scalars(select(Response.test)).all() == [True]
    for model in (Case, Customer, ContactFact, DailyTally):
        assert db.session.scalar(select(func.count()).select_from(model)) == 0
    assert responses.unread_count(EVERYTHING) == 0
    assert list(responses.newest(EVERYTHING, {}, after=None, limit=9)) == []
    assert len(responses.newest(EVERYTHING, {"state": "test"}, after=None, limit=9)) == 1
    assert "Only a test" not in client.get("/answers/").get_data(as_text=True)
    assert "Only a test" not in client.get("/answers/export.csv").get_data(as_text=True)
    assert intake.sources() == []


def test_a_test_letter_that_fails_is_no_line_of_the_schedule(link: str, now: Any) -> None:
    with transaction() as session:
        one = session.scalars(select(Invitation)).one()
        one.state, one.reason, one.sent_at = "excluded", "undeliverable", None

    assert ledger.by_month(now - timedelta(days=60), EVERYTHING) == {}
    assert ledger.lines(ledger.Asked(), EVERYTHING, limit=9) == []


def test_unsubscribing_from_a_test_changes_nothing(client: FlaskClient, link: str) -> None:
    page = client.get(link).get_data(as_text=True)
    unsubscribe = re.search(r'href="(/u/[^"?]+)', page)
    assert unsubscribe

    assert "This was a test" in client.get(unsubscribe.group(1)).get_data(as_text=True)
    client.post(unsubscribe.group(1), data={"choice": "nothing"})

    assert db.session.scalar(select(func.count()).select_from(db.metadata.tables["suppression"])) == 0


def test_not_my_purchase_closes_a_test_like_any_link(client: FlaskClient, link: str) -> None:
    page = client.get(link).get_data(as_text=True)
    nonce = re.search(r'name="nonce" value="([^"]+)"', page)
    assert nonce

    closed = client.post(f"{link}/not-mine", data={"nonce": nonce.group(1)}, follow_redirects=True)

    assert closed.status_code == 200
    assert db.session.scalars(select(Invitation.state)).all() == ["not_mine"]


def test_without_a_sender_the_page_says_what_to_do(
    client: FlaskClient, company: SimpleNamespace, login: Any, now: Any
) -> None:
    with transaction():
        company.sender.retired_at = now - timedelta(days=1)
    login(client, company.admin)
    token = cast.csrf(client.get("/test-invitation").get_data(as_text=True))

    words = {"survey": company.survey.id, "language": "uk", "address": "a@vodolad.example", "csrf_token": token}
    answer = client.post("/test-invitation", data=words)

    assert answer.location == "/senders/"
    assert db.session.scalar(select(func.count()).select_from(Invitation)) == 0


def test_managers_send_no_tests(client: FlaskClient, company: SimpleNamespace, login: Any) -> None:
    assert login(client, company.manager_kyiv).get("/test-invitation").status_code == 403
