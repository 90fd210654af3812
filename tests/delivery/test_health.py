"""Mail health: who refused and why, what waits, what has stopped, and going on by hand."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from npsapp.db import db, transaction
from npsapp.delivery import health, rates
from npsapp.delivery.channels.mail import brands_without_server
from npsapp.delivery.models import Message, Sender, SenderRate
from npsapp.delivery.providers import name_of
from npsapp.delivery.refusals import Meaning
from npsapp.delivery.rules import State, Stop
from npsapp.permissions import EVERYTHING, Scope
from tests.cast import csrf
from tests.delivery.heaps import copy_letters, counted_steps
from tests.factories import make_message


@pytest.fixture
def letters(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        for days, domain, state, status, words in (
            (1, "gmail.com", State.FAILED, "5.7.26", "550 5.7.26 not authenticated"),
            (2, "gmail.com", State.BOUNCED, "5.7.1", "spam"),
            (3, "gmail.com", State.BOUNCED, "5.1.1", "no such user"),
            (9, "ukr.net", State.FAILED, "5.2.2", "full"),
            (40, "old.example", State.FAILED, "5.1.1", "long ago"),
            (1, "one.example", State.SENT, "", ""),
            (1, "one.example", State.EXPIRED, "", ""),
        ):
            ended = now - timedelta(days=days)
            make_message(company, now=now, domain=domain, state=state, status=status, error=words, ended_at=ended,
                         sent_at=ended)  # fmt: skip
        odesa = company.regions.odesa.id
        make_message(company, now=now, domain="zorya.example", state=State.FAILED, status="5.1.1", ended_at=now,
                     region_id=odesa)  # fmt: skip
        for hours, attempts in ((5, 1), (1, 0)):
            then = now - timedelta(hours=hours)
            make_message(company, now=then, domain="slow.example", attempts=attempts)


def test_refusals_are_grouped_by_provider_and_meaning(company: SimpleNamespace, letters: None, now: datetime) -> None:
    week, month = (health.refusals(now - timedelta(days=days), EVERYTHING) for days in (7, 30))

    assert [(name_of(one.domain), one.meaning, one.count) for one in week] == [
        ("Gmail", Meaning.REPUTATION, 2),
        ("Gmail", Meaning.DEAD, 1),
        ("zorya.example", Meaning.DEAD, 1),
    ]
    assert ("ukr.net", Meaning.FULL) in {(one.domain, one.meaning) for one in month}
    assert "old.example" not in {one.domain for one in month}


def test_numbers_and_queues(company: SimpleNamespace, letters: None, now: datetime) -> None:
    found = health.outcome(now - timedelta(days=7), EVERYTHING, now)

    assert found == {"sent": 1, "bounced": 2, "failed": 2, "expired": 1, "queued": 2}
    (queue,) = health.queues(EVERYTHING, now)
    assert (queue.domain, queue.letters, queue.tried) == ("slow.example", 2, 1)
    assert now - queue.oldest == timedelta(hours=5)


def test_other_regions_do_not_count(company: SimpleNamespace, letters: None, now: datetime) -> None:
    odesa = Scope(frozenset({company.regions.odesa.id}))

    assert [one.domain for one in health.refusals(now - timedelta(days=7), odesa)] == ["zorya.example"]
    assert health.queues(odesa, now) == []


@pytest.mark.sqlite_only
def test_letters_of_long_ago_are_not_read(company: SimpleNamespace, letters: None, now: datetime) -> None:
    few = _steps(now)
    old = "'2020-01-01 00:00:00'"
    first = db.session.query(Message.id).first()
    copy_letters(20_000, message_id=first[0], state="'sent'", ended_at=old, sent_at=old)

    assert _steps(now) < 1.5 * few


def _steps(now: datetime) -> int:
    with counted_steps() as steps:
        health.outcome(now - timedelta(days=30), EVERYTHING, now)
        health.refusals(now - timedelta(days=30), EVERYTHING)
        health.queues(EVERYTHING, now)
    return steps()


def test_the_page_shows_what_stopped_and_an_administrator_resumes(
    company: SimpleNamespace, letters: None, client: FlaskClient, login: Callable[..., FlaskClient], at_now: datetime
) -> None:
    with transaction():
        rates.stop_domain(company.sender.id, "gmail.com", cause=Stop.REPUTATION, words="spam", now=at_now)
    login(client, company.admin)

    page = client.get("/mail-health/?days=30").text

    assert "Gmail refuses letters from nps@vodolad.example." in page, "the bar says it on every page"
    assert "the provider refuses our letters" in page
    assert "The provider does not trust our letters" in page
    assert "Nothing to do: after three times in 30 days" in page
    rate = db.session.query(SenderRate).one()
    client.post("/mail-health/resume", data={"id": rate.id, "csrf_token": csrf(page)})
    assert "Gmail refuses letters" not in client.get("/").text
    db.session.expire_all()
    assert (rate.stops, rate.stopped_until, rate.cause) == (0, None, None)


def test_an_own_number_is_entered_and_taken_back(
    company: SimpleNamespace, client: FlaskClient, login: Callable[..., FlaskClient], at_now: datetime
) -> None:
    login(client, company.admin)
    url, sender_id = f"/sender/{company.sender.id}/pace", company.sender.id
    token = csrf(client.get(url).text)

    for domain, number, stored in (("googlemail.com", "7", 7), ("Firma.example", "0", 0), ("gmail.com", "", None)):
        assert client.post(url, data={"domain": domain, "per_minute": number, "csrf_token": token}).status_code == 303
        db.session.rollback()
        name = "gmail.com" if "mail.com" in domain else domain.lower()
        assert db.session.query(SenderRate).filter_by(sender_id=sender_id, domain=name).one().per_minute == stored
    assert client.post(url, data={"domain": "*", "csrf_token": token}).status_code == 422
    assert "firma.example" in client.get(url).text


def test_a_second_sender_is_added_and_the_last_one_stays(
    company: SimpleNamespace, client: FlaskClient, login: Callable[..., FlaskClient], at_now: datetime
) -> None:
    login(client, company.admin)
    brand_id, first = company.brand.id, company.sender.id
    url = f"/senders/{brand_id}/another"
    token = csrf(client.get(url).text)
    data = {"name_uk": "Водолад", "address": "b@vodolad.example", "reply_to": "b@vodolad.example", "port": "587"}

    assert client.post(url, data=data | {"security": "starttls", "csrf_token": token}).status_code == 303
    assert client.get("/senders/").text.count("@vodolad.example") >= 3
    with transaction():
        db.session.get_one(Sender, first).host = "smtp.vodolad.example"
    assert brands_without_server() == {brand_id}, "half of the letters would reach nobody"
    with transaction():
        waiting = make_message(company, now=at_now).id
        db.session.get_one(Message, waiting).sender_id = first
    answers = [client.post(f"/sender/{first}/retire", data={"csrf_token": token}).status_code for _ in range(2)]

    assert answers == [303, 404]
    with transaction():
        assert rates.hand_over(first, now=at_now) == 1
    (second,) = db.session.query(Message.sender_id).filter_by(id=waiting).one()
    assert second != first
    assert (
        "This is the only sender"
        in client.post(f"/sender/{second}/retire", data={"csrf_token": token}, follow_redirects=True).text
    )
