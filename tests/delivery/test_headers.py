"""What letters carry for servers: where they are returned to, which reports we want, how one unsubscribes."""

from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from npsapp.db import transaction
from npsapp.delivery import bounces
from npsapp.delivery.models import Message
from npsapp.delivery.tasks import send_next
from npsapp.worker import collecting
from tests.factories import make_message
from tests.mailserver import MailServer

URL = "https://nps.example/u/abc"


class _ReportingSmtp(SMTP):
    """Offers DSN (RFC 3461), as large servers do, and keeps what it was asked for."""

    asked: list[str] = []

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        address, _space, options = arg.partition("> ")
        self.asked.append(options)
        await super().smtp_MAIL(f"{address.rstrip('>')}>")

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802
        address, _space, options = arg.partition("> ")
        self.asked.append(options)
        await super().smtp_RCPT(f"{address.rstrip('>')}>")


class _ReportingServer(MailServer):
    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-DSN", responses[-1]]


@pytest.fixture
def plain(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    yield from _running(MailServer(), app, monkeypatch)


@pytest.fixture
def reporting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    monkeypatch.setattr("tests.mailserver.SMTP", _ReportingSmtp)
    monkeypatch.setattr("aiosmtpd.controller.SMTP", _ReportingSmtp)
    _ReportingSmtp.asked.clear()
    yield from _running(_ReportingServer(), app, monkeypatch)


def _running(server: MailServer, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    server.start()
    monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
    monkeypatch.setitem(app.config, "MAIL_PORT", server.port)
    yield server
    server.stop()


def send(company: SimpleNamespace, now: datetime, bounce_address: str = "", **over: Any) -> tuple[Message, str]:
    """A letter on its way, and its token."""
    with transaction():
        company.sender.bounce_address = bounce_address
        message = make_message(company, now=now, unsubscribe_url=URL, **over)
    send_all(company)
    return message, bounces.mark("a key for tests only, 1234", message.id)


def send_all(company: SimpleNamespace) -> None:
    with collecting() as run_jobs:
        send_next(company.sender.id)
        run_jobs()


def test_with_a_bounce_address_each_letter_is_returned_to_its_own(
    plain: MailServer, company: SimpleNamespace, at_now: datetime
) -> None:
    _message, token = send(company, at_now, "b+@bounce.vodolad.example")

    assert plain.envelopes[0].mail_from == f"b+{token}@bounce.vodolad.example"
    assert plain.letters[0]["From"].addresses[0].addr_spec == "nps@vodolad.example"
    assert f"<mailto:b+{token}@bounce.vodolad.example?subject=unsubscribe>" in plain.letters[0]["List-Unsubscribe"]


def test_without_one_it_is_returned_to_the_author_as_ever(
    plain: MailServer, company: SimpleNamespace, at_now: datetime
) -> None:
    _message, token = send(company, at_now)

    assert plain.envelopes[0].mail_from == "nps@vodolad.example"
    assert f"<mailto:{company.sender.reply_to}?subject=unsubscribe%20{token}>" in plain.letters[0]["List-Unsubscribe"]


def test_a_whole_address_is_used_as_it_is(plain: MailServer, company: SimpleNamespace, at_now: datetime) -> None:
    _message, token = send(company, at_now, "bounces@vodolad.example")

    assert plain.envelopes[0].mail_from == "bounces@vodolad.example"
    assert f"<mailto:bounces@vodolad.example?subject=unsubscribe%20{token}>" in plain.letters[0]["List-Unsubscribe"]


def test_a_letter_says_that_a_machine_wrote_it_and_how_to_stop_it(
    plain: MailServer, company: SimpleNamespace, at_now: datetime
) -> None:
    message, _token = send(company, at_now, refers_to="<first@vodolad.example>")
    letter = plain.letters[0]

    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["X-Auto-Response-Suppress"] == "All"
    assert letter["List-Unsubscribe"].startswith(f"<{URL}>, <mailto:")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["Message-ID"] == message.message_id
    assert letter["References"] == "<first@vodolad.example>"
    assert letter["Feedback-ID"] == f"0:{company.brand.id}:invitation:npsapp"
    assert letter["Return-Path"] is None


def test_a_server_that_reports_is_asked_for_failures_and_delays_with_our_token(
    reporting: MailServer, company: SimpleNamespace, at_now: datetime
) -> None:
    _message, token = send(company, at_now, "b+@bounce.vodolad.example")

    assert len(reporting.letters) == 1
    of_letter, of_recipient = _ReportingSmtp.asked
    assert {"RET=HDRS", f"ENVID={token}"} <= set(of_letter.split())
    assert of_recipient == "NOTIFY=FAILURE,DELAY"


def test_a_letter_repeated_has_the_same_id_and_return_address(
    plain: MailServer, company: SimpleNamespace, at_now: datetime
) -> None:
    message, _token = send(company, at_now, "b+@bounce.vodolad.example")
    with transaction() as session:
        session.get_one(Message, message.id).state = "queued"
    send_all(company)

    assert len(set(plain.ids())) == 1
    assert len(plain.ids()) == 2
    assert len({envelope.mail_from for envelope in plain.envelopes}) == 1
