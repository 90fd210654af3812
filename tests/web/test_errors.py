"""Failures answer with words, in the visitor's language, and say nothing they should not."""

import pytest
from flask import Flask, get_flashed_messages
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import ImATeapot, TooManyRequests, default_exceptions

from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.web import errors


class Locked(Refused):
    """Somebody else holds it."""

    code = "locked"
    wording = N_("%(name)s is working on it.")


def answer_to(app: Flask, error: Exception, path: str = "/login", **request):
    """What a visitor gets when the view behind `path` raises `error`."""
    with app.test_request_context(path, **request):
        response = app.make_response(app.handle_user_exception(error))
        flashed = get_flashed_messages(with_categories=True)
        return app.process_response(response), flashed


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 413, 422, 429, 503])
def test_every_error_has_a_page_with_its_code_and_a_remedy(app, code):
    answer, _flashed = answer_to(app, default_exceptions[code]())

    title, advice = errors.WORDS[code]
    assert answer.status_code == code
    assert f"<h1>{title}</h1>" in answer.get_data(as_text=True)
    assert advice in answer.get_data(as_text=True)
    assert f"{code}</p>" in answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store"


def test_codes_nobody_thought_of_have_a_page_too(app):
    answer, _flashed = answer_to(app, ImATeapot())

    assert answer.status_code == 418
    assert errors.WORDS[400][0] in answer.get_data(as_text=True)


def test_too_many_tries_say_when_to_come_back(app):
    answer, _flashed = answer_to(app, TooManyRequests(retry_after=90))

    assert answer.headers["Retry-After"] == "90"


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
def test_a_page_that_is_not_there_is_explained_in_the_visitors_language(client, language):
    answer = client.get("/nothing/here", headers={"Accept-Language": language})

    assert answer.status_code == 404
    assert f'<html lang="{language}">' in answer.text


def test_an_error_page_sets_no_cookie(client):
    assert "Set-Cookie" not in client.get("/nothing/here").headers


def test_a_wrong_method_still_says_which_are_allowed(client):
    answer = client.delete("/login")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_bug_is_answered_without_its_details_and_without_the_database(app, monkeypatch, caplog):
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    bug = OperationalError("SELECT password FROM user", {}, Exception("secret detail"))

    with app.test_request_context("/cases/", headers={"Accept-Language": "uk"}):
        try:
            raise bug
        except OperationalError:
            answer = app.handle_exception(bug)

    assert answer.status_code == 500
    assert "secret" not in answer.get_data(as_text=True)
    assert "SELECT" not in answer.get_data(as_text=True)
    assert '<html lang="uk">' in answer.get_data(as_text=True)
    assert "secret detail" in caplog.text


def test_a_refused_deed_leads_back_to_its_page_with_the_reason(app):
    answer, flashed = answer_to(
        app, Locked(name="Olena"), "/login", method="POST", headers={"Referer": "http://localhost/cases/?region=1"}
    )

    assert answer.status_code == 303
    assert answer.location == "/cases/?region=1"
    assert flashed == [("error", "Olena is working on it.")]


@pytest.mark.parametrize("referrer", [None, "http://elsewhere.example/login", "http://localhost:9/login"])
def test_a_refused_deed_never_leads_to_another_site(app, referrer):
    headers = {"Referer": referrer} if referrer else {}

    answer, flashed = answer_to(app, Locked(name="<b>"), "/login", method="POST", headers=headers)

    assert answer.status_code == 409
    assert "&lt;b&gt; is working on it." in answer.get_data(as_text=True)
    assert not flashed


def test_a_refused_page_does_not_lead_to_itself_again(app):
    answer, _flashed = answer_to(app, Locked(name="O"), "/login", headers={"Referer": "http://localhost/login"})

    assert answer.status_code == 409


def test_machines_get_the_code_of_a_refusal_as_json(app):
    answer, _flashed = answer_to(app, Locked(name="O"), "/login", method="POST", headers={"Accept": "application/json"})

    assert answer.status_code == 409
    assert answer.json == {"error": "locked", "message": "O is working on it."}


def test_machines_get_errors_as_json(client):
    answer = client.get("/api/v1/nothing")

    assert answer.status_code == 404
    assert (answer.content_type, answer.json["code"]) == ("application/problem+json", "not_found")


def test_a_form_without_its_protection_is_refused_with_a_remedy(client):
    answer = client.post("/login", data={"email": "a@example.com", "password": "x"})

    assert answer.status_code == 400
    assert errors.CSRF_WORDS[0] in answer.text


@pytest.mark.parametrize("number", [2**31, 10**30])
def test_a_number_too_long_for_an_id_is_no_page(client, company, login, number):
    login(client, company.admin)

    assert client.get(f"/answers/{number}").status_code == 404
    assert client.get(f"/customers/{number}").status_code == 404
