"""A mail server for tests of sending, and the application that sends through it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.mailserver import MailServer


@pytest.fixture
def server() -> Iterator[MailServer]:
    running = MailServer().start()
    yield running
    running.stop()


@pytest.fixture
def mailing(app: Flask, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> MailServer:
    """The application configured for the test's SMTP server."""
    monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
    monkeypatch.setitem(app.config, "MAIL_PORT", server.port)
    monkeypatch.setitem(app.config, "MAIL_TIMEOUT", 3.0)
    return server
