"""The doctor says what is wrong, what to do about it, and never hangs."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from npsapp.db import transaction
from npsapp.delivery import pauses
from npsapp.delivery.rules import PauseKind
from npsapp.operations.doctor import CHECKS, Finding, examine
from npsapp.pulse import services as pulse
from tests.journeys.conftest import Installation
from tests.mailserver import MailServer


@contextmanager
def settings(app: Flask, **values: Any) -> Iterator[None]:
    before = {name: app.config[name] for name in values}
    app.config.update(values)
    yield
    app.config.update(before)


def asked(app: Flask, now, name: str, patience_s: float = 15) -> Finding:  # type: ignore[no-untyped-def]
    return next(one for one in examine(app, now=now, patience_s=patience_s) if one.name == name)


@pytest.mark.sqlite_only
def test_an_installation_that_lives_is_well_and_one_without_a_worker_is_not(
    install: Callable[..., Installation], mail_server: MailServer
) -> None:
    shop = install(MAIL_SERVER="127.0.0.1", MAIL_PORT=str(mail_server.port))

    said = shop.flask("doctor", fails=True)
    assert len(said.splitlines()) == len(CHECKS)
    assert "FAIL heartbeat  there never was one -> start the worker: python -OO -m npsapp work" in said
    assert said.count("FAIL") == 1

    shop.flask("beat")
    said = shop.flask("doctor")
    assert "FAIL" not in said
    assert re.search(r"OK   versions   npsapp \S+, Python 3\.\d+\.\d+, sqlite 3", said)
    assert re.search(r"OK   mail       127\.0\.0\.1:\d+ \(127\.0\.0\.1\) said 250 ", said)
    assert "WARN address    http://127.0.0.1:" in said


def test_a_secret_key_that_others_can_read_is_told(app: Flask, at_now) -> None:  # type: ignore[no-untyped-def]
    key = Path(app.instance_path) / "secret_key"
    key.touch(0o644)
    key.chmod(0o644)

    found = asked(app, at_now, "folder")

    key.unlink()
    assert (found.level, found.advice) == ("WARN", f"chmod 600 {key}")


def test_every_answer_names_itself(app: Flask, at_now) -> None:  # type: ignore[no-untyped-def]
    found = examine(app, now=at_now)

    assert [one.name for one in found] == list(CHECKS)
    assert all(one.seen for one in found)
    assert all(one.advice for one in found if one.level != "OK")


def test_a_mail_server_that_never_answers_does_not_hold_the_doctor_up(app: Flask, at_now) -> None:  # type: ignore[no-untyped-def]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with settings(app, MAIL_SERVER="127.0.0.1", MAIL_PORT=port, MAIL_TIMEOUT=3.0):
            begun = time.monotonic()
            found = asked(app, at_now, "mail", patience_s=0.7)

    assert time.monotonic() - begun < 2
    for thread in threading.enumerate():
        if thread.name.startswith("doctor"):
            thread.join(10)
    assert (found.level, found.seen) == ("FAIL", "no answer within 1 s")
    assert found.advice


def test_the_mail_servers_own_words_are_told(app: Flask, at_now, mail_server: MailServer) -> None:  # type: ignore[no-untyped-def]
    with settings(app, MAIL_SERVER="127.0.0.1", MAIL_PORT=mail_server.port, MAIL_USE_TLS=True):
        found = asked(app, at_now, "mail")

    assert found.level == "FAIL"
    assert "STARTTLS extension not supported" in found.seen


def test_a_name_that_does_not_exist_is_told(app: Flask, at_now) -> None:  # type: ignore[no-untyped-def]
    with settings(app, PUBLIC_URL="https://nps.invalid"):
        found = asked(app, at_now, "address")

    assert found.level == "FAIL"
    assert "DNS" in found.advice


def test_a_clock_before_the_last_beat_is_told(app: Flask, at_now) -> None:  # type: ignore[no-untyped-def]
    with transaction():
        pulse.beat(at_now)

    assert asked(app, at_now - timedelta(hours=1), "clock").level == "FAIL"


def test_a_silent_heart_and_a_pause_are_told(app: Flask, company: SimpleNamespace, at_now) -> None:  # type: ignore[no-untyped-def]
    with transaction():
        pulse.beat(at_now - timedelta(minutes=4))
    assert asked(app, at_now, "heartbeat").level == "FAIL"

    with transaction():
        pulse.beat(at_now)
        pauses.pause(kind=PauseKind.EVERYTHING, ref_id=None, until=None, by_user_id=company.admin.id, now=at_now)
    found = asked(app, at_now, "heartbeat")
    assert (found.level, found.advice) == ("WARN", "see /schedule/")


def test_missing_migrations_are_told(tmp_path: Path) -> None:
    said = Installation(tmp_path / "instance").flask("doctor", fails=True)

    assert re.search(r"FAIL migrations at none, wanted \d+ -> flask --app wsgi db upgrade", said)


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    away = "postgresql+psycopg://npsapp@127.0.0.1:1/nothing"
    said = Installation(tmp_path / "instance", SQLALCHEMY_DATABASE_URI=away).flask("doctor", fails=True)

    assert re.search(r"FAIL database   OperationalError: .*-> is the database running", said)
    assert "Traceback" not in said
