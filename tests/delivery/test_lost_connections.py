"""Mail servers that hang up, hang, or change their mind: no letter is lost, and none is sent twice unnoticed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp import schedule
from npsapp.db import db, transaction
from npsapp.delivery import services
from npsapp.delivery.models import Message, Suppression
from npsapp.delivery.rules import State
from npsapp.lib import clock
from npsapp.schedule import Beat
from tests.delivery.test_sending import queue, send_all, state_of
from tests.mailserver import DROP, HANG, MailServer

LONG_AFTER = timedelta(hours=2)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """A later moment, at which the beat has taken back what was lost."""
    with clock.pretend(moment):
        schedule.take_back(Beat())
        for message in db.session.scalars(select(Message).where(Message.recheck)):
            with transaction():
                services.release(message.id, now=moment)
        yield


def stored(message: Message) -> Message:
    db.session.rollback()
    return db.session.get_one(Message, message.id, populate_existing=True)


def test_a_letter_whose_acceptance_was_lost_twice_stays_unknown_counts_as_sent_and_stands_on_the_page(
    company: SimpleNamespace, mailing: MailServer, client: FlaskClient, login, at_now: datetime
) -> None:
    message = queue(company, at_now)
    mailing.faults["DATA"] = [DROP, DROP]
    send_all(company)
    early = at_now + timedelta(minutes=9)
    with at(early):
        send_all(company)
    assert (state_of(message), len(mailing.letters)) == (State.UNKNOWN, 1)
    assert stored(message).sent_at is None, "it will be sent once more"

    for hours in (1, 2, 48):
        with at(at_now + timedelta(hours=hours)):
            send_all(company)

    assert (state_of(message), stored(message).repeats) == (State.UNKNOWN, 1)
    assert (stored(message).sent_at, stored(message).lease_until) == (at_now + timedelta(hours=1), None)
    assert mailing.ids() == [message.message_id] * 2
    assert "SMTPServerDisconnected" in stored(message).error
    page = login(client, company.admin).get("/messages/?state=unknown").get_data(as_text=True)
    assert "olena@example.com" in page
    assert "unknown: the connection broke" in page


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_connection_lost_before_the_letter_is_simply_tried_again(
    verb: str, company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    messages = [queue(company, at_now) for _ in range(3)]
    mailing.faults[verb] = [DROP]

    send_all(company)

    assert {state_of(one) for one in messages} == {State.QUEUED}
    assert mailing.letters == []
    with at(at_now + LONG_AFTER):
        send_all(company)
    assert {state_of(one) for one in messages} == {State.SENT}
    assert sorted(mailing.ids()) == sorted(one.message_id for one in messages)
    assert {stored(one).repeats for one in messages} == {0}


def test_a_server_that_says_goodbye_in_the_middle_gets_the_rest_later(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    messages = [queue(company, at_now, to_address=f"buyer{number}@example.com") for number in range(5)]
    mailing.faults["MAIL"] = ["", "", "421 4.3.2 going down for a moment"]

    send_all(company)

    assert [state_of(one) for one in messages] == [State.SENT] * 2 + [State.QUEUED] * 3
    with at(at_now + LONG_AFTER):
        send_all(company)
    assert {state_of(one) for one in messages} == {State.SENT}
    assert sorted(mailing.ids()) == sorted(one.message_id for one in messages)


def test_a_server_that_hangs_after_the_letter_leaves_it_unknown_and_before_it_waiting(
    company: SimpleNamespace, app: Flask, mailing: MailServer, at_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "MAIL_TIMEOUT", 0.2)
    before = queue(company, at_now)
    mailing.faults["RCPT"] = [HANG]
    send_all(company)
    assert state_of(before) is State.QUEUED

    with at(at_now + LONG_AFTER):
        mailing.faults["DATA"] = [HANG]
        send_all(company)
    assert state_of(before) is State.UNKNOWN

    with at(at_now + 2 * LONG_AFTER):
        send_all(company)
    assert (state_of(before), stored(before).repeats) == (State.SENT, 1)
    assert mailing.ids() == [before.message_id] * 2


def test_a_greylisted_letter_is_brought_again_with_the_same_id(
    company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    message = queue(company, at_now)
    mailing.faults["RCPT"] = ["451 4.7.1 come back in five minutes"]

    send_all(company)

    waiting = stored(message)
    assert (waiting.state, waiting.attempts, waiting.repeats) == (State.QUEUED, 1, 0)
    assert at_now < waiting.due_at <= at_now + timedelta(minutes=15)
    with at(at_now + LONG_AFTER):
        send_all(company)
    assert state_of(message) is State.SENT
    assert mailing.ids() == [message.message_id]


@pytest.mark.parametrize("verb", ["MAIL", "DATA"])
def test_a_letter_that_is_too_large_fails_and_its_address_lives(
    verb: str, company: SimpleNamespace, mailing: MailServer, at_now: datetime
) -> None:
    large, good = queue(company, at_now), queue(company, at_now)
    mailing.faults[verb] = ["552 5.3.4 message size exceeds fixed limit"]

    send_all(company)

    assert [state_of(one) for one in (large, good)] == [State.FAILED, State.SENT]
    assert "552" in stored(large).error
    assert db.session.scalars(select(Suppression)).all() == []
