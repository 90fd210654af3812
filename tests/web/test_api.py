"""Whoever asks the JSON API: keys, scopes, pace, bodies that cannot be read, problems that say what to do."""

import html
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.intake import connections, exchanges
from npsapp.intake.models import Interaction, SourceKind
from npsapp.lib import clock
from npsapp.web import api
from tests.intake.program import CONSENTS, CUSTOMERS, PROBLEM, PURCHASES, Program, bought, connect


@pytest.fixture
def program(app: Flask, client: FlaskClient, company: Any, at_now: datetime) -> Iterator[Program]:
    """A connected program, in a process that has not been asked anything yet."""
    app.extensions["api_pace"] = api.Pace()
    yield connect(client, company, at_now)
    app.extensions["api_pace"] = api.Pace()


def told(answer: Any) -> tuple[int, str, str]:
    assert answer.content_type == PROBLEM, answer.text
    assert {"type", "title", "status", "detail", "code"} <= answer.json.keys()
    assert answer.json["status"] == answer.status_code
    return answer.status_code, answer.json["code"], answer.json.get("errors", [{"field": ""}])[0]["field"]


# ---- keys ----


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic dTpw"}, {"Authorization": "Bearer"}, {"X-Api-Key": " "}]
)
def test_without_a_key_nothing_is_done(program: Program, headers: dict[str, str]) -> None:
    answer = program.client.post(PURCHASES, json=bought(1), headers=headers)

    assert told(answer) == (401, "no_key", "")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_a_replaced_and_a_retired_key_open_nothing(program: Program, at_now: datetime) -> None:
    old = program.secret
    with transaction():
        program.secret = connections.rotate(program.source_id, actor=PROGRAM, now=at_now)
    assert program.post(PURCHASES, bought(1)).status_code == 200
    new = program.secret
    for program.secret in (old, "x" * 24, "ключ".encode().decode("latin-1")):
        assert told(program.post(PURCHASES, bought(2)))[:2] == (401, "wrong_key")

    with transaction():
        connections.retire(program.source_id, actor=PROGRAM, now=at_now)
    program.secret = new

    assert told(program.post(PURCHASES, bought(2)))[:2] == (401, "wrong_key")
    assert db.session.query(Interaction).count() == 1


def test_the_secret_of_another_kind_of_connection_is_no_key(program: Program, at_now: datetime) -> None:
    with transaction():
        _source, program.secret = connections.add(SourceKind.WEBHOOK, "shop", actor=PROGRAM, now=at_now)

    assert told(program.post(PURCHASES, bought(1)))[:2] == (401, "wrong_key")


def test_the_other_header_will_do_and_the_scheme_has_any_case(program: Program) -> None:
    for headers in ({"X-Api-Key": program.secret}, {"Authorization": f"bearer {program.secret}"}):
        answer = program.client.post(PURCHASES, json=bought(1), headers=headers)

        assert answer.status_code == 200


def test_a_key_does_what_its_scopes_say_and_nothing_else(client: FlaskClient, company: Any, at_now: datetime) -> None:
    program = connect(client, company, at_now, settings={"scopes": ["consents:write"]})

    assert program.post(CONSENTS, []).status_code == 200
    refused = program.post(PURCHASES, bought(1))
    assert told(refused)[:2] == (403, "no_scope")
    assert "interactions:write" in refused.json["detail"]
    assert told(program.put(CUSTOMERS + "1", {}))[:2] == (403, "no_scope")
    assert db.session.query(Interaction).count() == 0


def test_a_session_is_neither_needed_nor_used(program: Program, login: Any, company: Any) -> None:
    answer = program.post(PURCHASES, bought(1))
    assert "Set-Cookie" not in answer.headers

    login(program.client, company.admin)
    assert program.client.post(PURCHASES, json=bought(1)).status_code == 401


def test_every_answer_has_the_number_of_its_request(program: Program) -> None:
    numbers = {program.post(PURCHASES, bought(1)).headers["X-Request-Id"] for _time in range(2)}

    assert len(numbers) == 2


def test_neither_key_nor_person_reaches_the_log(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    program.post(PURCHASES, bought(1))
    program.post(PURCHASES, b"{")
    program.put(CUSTOMERS + "secret-77", {"name": "Zorya", "emails": ["zorya@shop.example"]})

    lines = capsys.readouterr().err
    assert lines.count("event=request") == 3
    assert not any(word in lines for word in (program.secret, "buyer1@", "Zorya", "zorya@", "secret-77"))


# ---- pace ----


def test_a_key_that_asks_too_fast_waits_and_others_do_not(
    app: Flask, program: Program, company: Any, at_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "API_PER_MINUTE", 3)
    other = connect(program.client, company, at_now, "other")

    answers = [program.post(CONSENTS, []) for _time in range(5)]

    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert told(answers[3])[:2] == (429, "too_fast")
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 20
    assert other.post(CONSENTS, []).status_code == 200
    assert len(exchanges.newest(program.source_id)) == 3  # who asks too fast fills no page


def test_the_pace_lets_one_in_for_every_step_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0] * 61 + [0.5, 1.0, 1.0, 300.0])
    monkeypatch.setattr(api.time, "monotonic", lambda: next(moments))
    pace = api.Pace()

    assert [pace.wait(1, 60) for _time in range(61)] == [0] * 60 + [1]
    assert [pace.wait(1, 60) for _time in range(4)] == [1, 0, 1, 0]
    assert pace.wait(1, 0) == 0


# ---- bodies ----


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"), (b"{", "not_json"), (b"[1,]", "not_json"), (b"NaN", "not_json"), (b"[Infinity]", "not_json"),
        ('{"external_id": "Київ"}'.encode("cp1251"), "not_json"), (b"\x1f\x8b\x08", "not_json"),
        (b'["\\ud800"]', "not_json"), (b'{"\\uDFFF": 1}', "not_json"), (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"), (b"null", "wrong_shape"), (b'"x"', "wrong_shape"), (b"7", "wrong_shape"),
        (b'{"interactions": {}}', "wrong_shape"), (b'{"purchases": null}', "wrong_shape"),
        (json.dumps([{}] * 1001).encode(), "too_many"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(program: Program, body: bytes, code: str) -> None:
    answer = program.post(PURCHASES, body)

    assert told(answer)[:2] == (422, code)
    [one] = exchanges.newest(program.source_id)
    assert one.failed
    assert one.error % one.error_values


def test_a_byte_order_mark_and_any_content_type_are_accepted(program: Program) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(bought(1)).encode()

    assert program.post(PURCHASES, body, **{"Content-Type": "text/plain"}).json["accepted"] == 1
    assert program.post(PURCHASES, body, **{"Content-Type": "multipart/form-data; boundary=x"}).status_code == 200


def test_a_body_above_the_limit_is_refused_before_it_is_read(program: Program) -> None:
    answer = program.post(PURCHASES, b'"' + b"x" * (api.MOST_MEGABYTES * 1024 * 1024) + b'"')

    assert told(answer)[:2] == (413, "too_large")


def test_an_empty_list_and_a_full_one_are_taken(program: Program) -> None:
    assert program.post(PURCHASES, []).json["results"] == []

    assert program.post(PURCHASES, [bought(n) for n in range(1000)]).json["accepted"] == 1000


# ---- problems ----


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", PURCHASES, 405),
        ("DELETE", CUSTOMERS + "1", 405),
        ("PUT", CUSTOMERS, 404),
    ],
)
def test_unknown_addresses_and_methods_are_problems_too(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    answer = client.open(path, method=method)

    assert told(answer)[0] == status
    assert status != 405 or answer.headers["Allow"]


def test_a_bug_is_a_problem_without_details(app: Flask, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    with app.test_request_context(PURCHASES, method="POST"):
        try:
            raise RuntimeError("secret words")
        except RuntimeError as bug:
            answer = app.handle_exception(bug)

    assert (answer.status_code, answer.content_type) == (500, PROBLEM)
    assert b"secret" not in answer.data


def test_a_problem_points_to_its_description_and_speaks_the_callers_language(program: Program) -> None:
    answer = program.client.post(PURCHASES, headers={"Accept-Language": "en"})

    assert answer.json["type"].endswith("/api/docs#no_key")
    page = html.unescape(program.client.get("/api/docs", headers={"Accept-Language": "en"}).text)
    for code, (_status, title, _words) in api.PROBLEMS.items():
        assert f'id="{code}"' in page
        assert title in page


def test_the_time_is_not_asked_of_the_program(program: Program) -> None:
    """Its clock may be hours off: what counts is when we heard it."""
    program.post(PURCHASES, bought(1), Date="Mon, 01 Jan 1990 00:00:00 GMT")

    assert program.source.heard_at == clock.utcnow()
