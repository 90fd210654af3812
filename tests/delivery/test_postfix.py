"""Letters to a real Postfix and back: mailboxes, STARTTLS, delivery reports, unknown people, returned letters."""

from datetime import datetime
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import select

from npsapp.db import db, transaction
from npsapp.delivery.models import Message, Sender, Suppression
from npsapp.delivery.rules import State, SuppressionReason
from tests.delivery.test_sending import queue, send_all, state_of
from tests.mailserver import MailServer
from tests.postfix import BOUNCES, DOMAIN, ELSEWHERE, Postfix


@pytest.fixture
def through(app: Flask, company: SimpleNamespace, postfix: Postfix, monkeypatch: pytest.MonkeyPatch) -> Postfix:
    """The application sends through Postfix, which returns letters to an address that names them."""
    monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
    monkeypatch.setitem(app.config, "MAIL_PORT", postfix.port)
    monkeypatch.setitem(app.config, "MAIL_CA_FILE", f"{postfix.certificate}.crt")
    with transaction() as session:
        session.get_one(Sender, company.sender.id).bounce_address = f"b+@{BOUNCES}"
    return postfix


def comes_back(app: Flask, postfix: Postfix, said: str) -> str:
    """The letter that Postfix pipes into the command for returned letters; gives that letter."""
    recipient, raw = postfix.returned()
    done = app.test_cli_runner().invoke(args=["mail", "receive", "--recipient", recipient], input=raw)
    assert (done.exit_code, done.output.strip()) == (0, said)
    return raw.decode()


@pytest.mark.parametrize("starttls", [False, True])
def test_an_invitation_arrives_whole_in_a_mailbox(
    starttls: bool,
    company: SimpleNamespace,
    app: Flask,
    through: Postfix,
    at_now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(app.config, "MAIL_USE_TLS", starttls)
    address = through.address()
    message = queue(company, at_now, to_address=address)

    send_all(company)

    assert state_of(message) is State.SENT
    (letter,) = through.letters(address)
    assert letter["Message-ID"] == message.message_id
    assert letter["Subject"] == "Ваше замовлення від 3 листопада: одне запитання"
    assert letter["Return-Path"].startswith(f"<b+{message.id}.")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter.get_body(("plain",)).get_content().strip() == "Добрий день"
    assert ("with ESMTPS" in letter["Received"]) == starttls


def test_a_person_unknown_there_is_refused_at_once_and_not_written_to_again(
    company: SimpleNamespace, through: Postfix, at_now: datetime
) -> None:
    gone = queue(company, at_now, to_address=f"who@{DOMAIN}")
    good = queue(company, at_now, to_address=through.address())

    send_all(company)

    assert [state_of(one) for one in (gone, good)] == [State.FAILED, State.SENT]
    assert "550 5.1.1" in db.session.get_one(Message, gone.id).error
    stops = db.session.execute(select(Suppression.address, Suppression.reason)).all()
    assert stops == [(f"who@{DOMAIN}", SuppressionReason.BOUNCED)]


def test_a_letter_returned_later_is_bounced_and_its_address_is_not_written_to_again(
    company: SimpleNamespace, app: Flask, through: Postfix, at_now: datetime
) -> None:
    address = f"gone@{ELSEWHERE}"
    beyond = MailServer(port=through.beyond)
    beyond.refuse[address] = "550 5.1.1 no such person"
    beyond.start()
    try:
        message = queue(company, at_now, to_address=address)
        send_all(company)
        assert state_of(message) is State.SENT

        report = comes_back(app, through, "failed")
    finally:
        beyond.stop()

    assert state_of(message) is State.BOUNCED
    assert f"Original-Envelope-Id: {message.id}." in report
    assert "Content-Description: Undelivered Message Headers" in report  # as RET=HDRS asks, without the words
    assert db.session.scalars(select(Suppression.address)).all() == [address]


def test_a_letter_to_a_server_out_of_reach_comes_back_and_its_address_lives(
    company: SimpleNamespace, app: Flask, through: Postfix, at_now: datetime
) -> None:
    message = queue(company, at_now, to_address=f"olena@{ELSEWHERE}")
    send_all(company)

    comes_back(app, through, "failed")

    assert state_of(message) is State.BOUNCED
    assert db.session.scalars(select(Suppression)).all() == []
