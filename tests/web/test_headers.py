"""What every answer tells the browser about loading, keeping and passing on."""

import re
import time

import pytest
from flask import Flask

from npsapp.web import assets, headers


def test_pages_load_nothing_from_elsewhere_and_run_no_inline_scripts(client):
    policy = client.get("/login").headers["Content-Security-Policy"]

    assert policy == headers.CONTENT_POLICY
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_pages_obey_their_own_policy(client):
    html = client.get("/login").text

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", html)


def test_an_answer_that_set_its_own_policy_keeps_it(app: Flask):
    with app.test_request_context("/login"):
        response = app.make_response("")
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        protected = app.process_response(response)

    assert "unsafe-inline" in protected.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/r/AbCdEfGhIjKlMnOpQrStUv", "/u/AbCdEfGhIjKlMnOpQrStUv", "/r/x/y/z"])
def test_an_address_with_a_token_is_neither_passed_on_nor_kept(client, path):
    answer = client.get(path)

    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer.headers["Cache-Control"]


def test_staff_pages_tell_their_address_only_to_this_site(client):
    assert client.get("/login").headers["Referrer-Policy"] == "same-origin"


def test_transport_security_is_promised_only_where_there_is_transport_security(client):
    assert "Strict-Transport-Security" not in client.get("/login").headers
    assert "Strict-Transport-Security" in client.get("/login", base_url="https://localhost").headers


def test_pages_of_somebody_signed_in_are_not_kept(client, login, company):
    login(client, company.admin)

    answer = client.get("/profile")

    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]


def test_static_files_are_kept_for_a_year_under_the_hash_of_their_content(app: Flask, client):
    with app.test_request_context("/"):
        address = assets.asset("css/base.css")

    right = client.get(address)
    wrong = client.get("/static/css/base.css?v=000000000000")
    missing = client.get("/static/css/none.css?v=1")

    assert right.headers["Cache-Control"] == assets.FOREVER
    assert wrong.headers["Cache-Control"] == assets.BRIEFLY
    assert missing.status_code == 404
    right.close()
    wrong.close()


def test_an_edited_file_gets_a_new_address_a_second_later(app: Flask, tmp_path, monkeypatch):
    style = tmp_path / "a.css"
    style.write_text("a{}")
    monkeypatch.setattr(app, "static_folder", str(tmp_path))

    with app.test_request_context("/"):
        before = assets.asset("a.css")
        style.write_text("b{}")
        time.sleep(1)
        after = assets.asset("a.css")

    assert before != after


def test_staff_styles_stay_small(app: Flask):
    with app.app_context():
        sizes = [
            len((assets.Path(app.static_folder) / "css" / name).read_bytes()) for name in ("variables.css", "base.css")
        ]

    assert sum(sizes) < 30_000
