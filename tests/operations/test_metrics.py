"""The numbers for a monitoring system: guarded, well-formed, and true."""

import re
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from npsapp.db import db, transaction
from npsapp.delivery.rules import State
from npsapp.pulse import services as pulse
from npsapp.worker import huey
from tests import factories

TOKEN = "a token for Prometheus"
# Prometheus' text exposition format 0.0.4: comment lines, and samples of name, labels and a float.
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"\})? (-?[0-9.]+(?:e[+-]?\d+)?)')


@pytest.fixture
def watched(app: Flask) -> Iterator[Flask]:
    app.config["METRICS_TOKEN"] = TOKEN
    yield app
    app.config["METRICS_TOKEN"] = ""


def parsed(page: str) -> dict[str, float]:
    """The samples of a page, by name and label; fails on whatever the format does not allow."""
    assert page.endswith("\n")
    found: dict[str, float] = {}
    described: set[str] = set()
    kinds: dict[str, str] = {}
    for line in page.splitlines():
        if line.startswith("# HELP "):
            described.add(line.split()[2])
        elif line.startswith("# TYPE "):
            _hash, _type, name, kind = line.split(" ")
            assert name not in kinds, f"{name} has two types"
            assert not any(key.startswith(name) for key in found), "the type comes first"
            kinds[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, label, value = match.groups()
            assert name in kinds, line
            assert name in described, line
            assert f"{name}{label or ''}" not in found, f"{line} stands twice"
            found[f"{name}{label or ''}"] = float(value)
    assert set(kinds.values()) <= {"gauge", "counter"}
    return found


def test_without_a_token_there_is_no_such_page(client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("said", ["", "Bearer", f"Bearer {TOKEN}x", TOKEN, "Bearer тайна"])
def test_a_stranger_reads_nothing(watched: Flask, client: FlaskClient, said: str) -> None:
    answer = client.get("/metrics", headers={"Authorization": said.encode().decode("latin-1")})

    assert (answer.status_code, answer.data) == (401, b"")


def test_the_numbers_are_those_of_the_rows(
    watched: Flask, client: FlaskClient, company: SimpleNamespace, at_now
) -> None:  # type: ignore[no-untyped-def]
    huey.flush()  # other tests leave their jobs behind
    with transaction():
        pulse.beat(at_now - timedelta(seconds=42))
        factories.make_message(company, now=at_now - timedelta(minutes=3))
        factories.make_message(company, now=at_now - timedelta(minutes=2), state=State.SENT, sent_at=at_now)
        factories.make_response(company, now=at_now)
        factories.make_response(company, now=at_now - timedelta(days=3))
    db.session.rollback()

    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    found = parsed(answer.text)
    expected = {
        "npsapp_heartbeat_age_seconds": 42,
        'npsapp_messages{state="queued"}': 1,
        'npsapp_messages{state="sent"}': 1,
        'npsapp_messages{state="failed"}': 0,
        "npsapp_oldest_due_message_age_seconds": 180,
        "npsapp_answers": 2,
        "npsapp_answers_last_day": 1,
        'npsapp_imports{state="done"}': 0,
        "npsapp_cases_late": 0,
        "npsapp_sending_paused": 0,
        "npsapp_queue_length": 0,
    }
    assert {name: found[name] for name in expected} == expected
    assert any(name.startswith("npsapp_info{version=") for name in found)


def test_an_empty_installation_has_numbers_too(watched: Flask, client: FlaskClient) -> None:
    found = parsed(client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text)

    assert found["npsapp_answers"] == 0
    assert "npsapp_heartbeat_age_seconds" not in found
