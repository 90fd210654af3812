"""`flask demo load` as an operator meets it."""

import re
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from npsapp.demo import services
from npsapp.demo.commands import demo, load_into_empty
from tests import cast
from tests.demo.conftest import SMALL


def test_it_prints_counts_and_logins_that_work(app: Flask, client: FlaskClient, capsys: pytest.CaptureFixture[str]):
    load_into_empty(interactions=SMALL)

    printed = capsys.readouterr().out
    assert re.search(rf"\b{SMALL} interactions", printed)
    logins = dict(re.findall(r"(\S+@example\.com)\s+(\S+)", printed))
    assert len(logins) == 10
    token = cast.csrf(client.get("/login").get_data(as_text=True))
    signed_in = client.post(
        "/login", data={"email": "kyiv@example.com", "password": logins["kyiv@example.com"], "csrf_token": token}
    )
    assert signed_in.status_code == 302


@pytest.mark.usefixtures("loaded")
def test_a_second_time_it_says_so_and_is_content(app: Flask):
    answer = app.test_cli_runner().invoke(demo, ["load"])

    assert answer.exit_code == 0
    assert answer.output.strip() == services.AlreadyLoaded.wording


def test_beside_a_real_company_it_refuses_with_a_sentence(app: Flask, company: SimpleNamespace):
    answer = app.test_cli_runner().invoke(demo, ["load"])

    assert answer.exit_code == 1
    assert "already holds a company" in answer.output
    assert not services.is_loaded()
