"""`flask demo load` as an operator meets it."""

import re
from types import SimpleNamespace

from flask import Flask
from flask.testing import FlaskClient

from npsapp.demo import services
from npsapp.demo.commands import demo
from tests import cast


def test_it_loads_the_whole_company_once_and_its_logins_work(app: Flask, client: FlaskClient):
    shell = app.test_cli_runner()

    first = shell.invoke(demo, ["load"])
    second = shell.invoke(demo, ["load"])

    assert first.exit_code == 0, first.output
    assert re.search(r"\b20000 interactions", first.output)
    logins = dict(re.findall(r"(\S+@example\.com)\s+(\S+)", first.output))
    assert len(logins) == 4
    token = cast.csrf(client.get("/login").get_data(as_text=True))
    signed_in = client.post(
        "/login",
        data={
            "email": "kyiv@example.com",
            "password": logins["kyiv@example.com"],
            "csrf_token": token,
        },
    )
    assert signed_in.status_code == 302
    assert second.exit_code == 0
    assert second.output.strip() == services.AlreadyLoaded.wording


def test_beside_a_real_company_it_refuses_with_a_sentence(app: Flask, company: SimpleNamespace):
    answer = app.test_cli_runner().invoke(demo, ["load"])

    assert answer.exit_code == 1
    assert "already holds a company" in answer.output
    assert not services.is_loaded()
