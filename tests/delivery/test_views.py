"""The outbox and the log of letters, as an administrator and as a stranger see them."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select

from npsapp.db import db, transaction
from npsapp.delivery import queries
from npsapp.delivery.models import Message
from npsapp.delivery.rules import State
from npsapp.permissions import EVERYTHING
from tests import factories
from tests.cast import csrf

LETTER = """From: Vodolad <nps@vodolad.example>
To: petro@example.com
Subject: =?utf-8?b?0JLQsNGI0LUg0LfQsNC80L7QstC70LXQvdC90Y8=?=
List-Unsubscribe: <http://127.0.0.1:8000/u/abc>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

9: http://127.0.0.1:8000/r/tok/9 <script>alert(1)</script>
--b
Content-Type: text/html; charset=utf-8

<!doctype html><html><head><base target="_self"><title>x</title></head><body><script>alert(2)</script>
<a href="http://127.0.0.1:8000/r/tok/9">9</a></body></html>
--b--
"""


@pytest.fixture
def outbox(app):
    folder = Path(app.instance_path, "outbox")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def letter(outbox):
    path = outbox / "20261120-100000-000000001.eml"
    path.write_text(LETTER)
    return path


@pytest.fixture
def admin(client, company, login):
    return login(client, company.admin)


def test_the_outbox_lists_letters_newest_first(admin, outbox, letter):
    older = outbox / "20261119-100000-000000000.eml"
    older.write_text(LETTER)

    page = admin.get("/outbox/").get_data(as_text=True)

    assert "Ваше замовлення" in page
    assert "petro@example.com" in page
    assert page.index(letter.name) < page.index(older.name)


def test_a_long_outbox_is_shown_in_pages(admin, outbox):
    for number in range(60):
        (outbox / f"m{number:03}.eml").write_text(LETTER)

    first, second = (admin.get(f"/outbox/?page={n}").get_data(as_text=True) for n in (1, 2))

    assert first.count(".eml") == 50
    assert second.count(".eml") == 10


def test_one_letter_is_read_with_headers_text_and_a_frame(admin, letter):
    answer = admin.get(f"/outbox/{letter.name}")
    page = answer.get_data(as_text=True)

    assert "List-Unsubscribe" in page
    assert "http://127.0.0.1:8000/r/tok/9" in page
    assert "<script>alert(1)" not in page
    assert f'src="/outbox/{letter.name}/html"' in page
    assert "frame-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_letters_html_can_run_nothing_and_load_nothing(admin, letter):
    answer = admin.get(f"/outbox/{letter.name}/html")

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    page = answer.get_data(as_text=True)
    assert page.index('<base target="_top">') < page.index('<base target="_self">'), "the first one counts"


def test_a_letter_is_downloaded_as_it_is(admin, letter):
    answer = admin.get(f"/outbox/{letter.name}/raw")

    assert answer.get_data(as_text=True) == LETTER
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ["gone.eml", "..%2fsecret.eml", ".hidden.eml", "%2e%2e%2fsecret.eml", "x.txt"])
@pytest.mark.parametrize("part", ["", "/html", "/raw"])
def test_nothing_but_letters_is_served(admin, outbox, name, part):
    (outbox.parent / "secret.eml").write_text("secret")
    (outbox / "x.txt").write_text("secret")
    (outbox / ".hidden.eml").write_text("secret")

    assert admin.get(f"/outbox/{name}{part}").status_code == 404


@pytest.mark.parametrize("part", ["", "/html", "/raw"])
def test_letters_are_for_administrators_only(app, company, login, letter, part):
    assert app.test_client().get(f"/outbox/{letter.name}{part}").status_code == 302
    for user in (company.analyst, company.manager_kyiv, company.support):
        assert login(app.test_client(), user).get(f"/outbox/{letter.name}{part}").status_code == 403


def test_with_a_mail_server_there_is_no_outbox(app, admin, letter, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")

    assert admin.get("/outbox/").status_code == 404
    assert admin.get(f"/outbox/{letter.name}").status_code == 404


def test_the_log_says_what_became_of_letters(admin, company, now):
    with transaction():
        factories.make_message(company, now=now, subject="went out", state=State.SENT, sent_at=now)
        factories.make_message(
            company, now=now, subject="did not", state=State.FAILED, error="550 5.1.1 no such user", attempts=1
        )

    page = admin.get("/messages/").get_data(as_text=True)
    failed = admin.get("/messages/?state=failed").get_data(as_text=True)

    assert page.index("did not") < page.index("went out"), "newest first"
    assert "550 5.1.1 no such user" in failed
    assert "went out" not in failed


def test_the_log_goes_page_by_page(admin, company, now):
    with transaction():
        for number in range(55):
            factories.make_message(company, now=now, subject=f"subject {number:02}")

    page = admin.get("/messages/").get_data(as_text=True)

    assert page.count("subject ") == 50
    following = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert admin.get(following).get_data(as_text=True).count("subject ") == 5


def test_a_failed_letter_is_tried_again(admin, company, now):
    with transaction():
        one, other = (factories.make_message(company, now=now, state=State.FAILED, attempts=11) for _ in "12")
    token = csrf(admin.get("/messages/").get_data(as_text=True))

    admin.post("/messages/retry", data={"csrf_token": token, "id": one.id})

    assert (one.state, one.attempts) == (State.QUEUED, 0)
    assert other.state == State.FAILED


def test_all_failed_letters_are_tried_again_and_no_others(admin, company, now):
    with transaction():
        for _ in range(3):
            factories.make_message(company, now=now, state=State.FAILED)
        factories.make_message(company, now=now, state=State.EXPIRED)
    token = csrf(admin.get("/messages/?state=failed").get_data(as_text=True))

    admin.post("/messages/retry", data={"csrf_token": token})

    states = sorted(db.session.scalars(select(Message.state)))
    assert states == [State.EXPIRED] + [State.QUEUED] * 3


def test_analysts_read_the_log_without_addresses_and_retry_nothing(client, company, login, now):
    with transaction():
        factories.make_message(company, now=now, state=State.FAILED)
    analyst = login(client, company.analyst)

    page = analyst.get("/messages/").get_data(as_text=True)
    token = csrf(page)

    assert "Ваше замовлення" in page
    assert "petro@example.com" not in page
    assert analyst.post("/messages/retry", data={"csrf_token": token}).status_code == 403


def test_managers_do_not_read_the_log(client, company, login):
    assert login(client, company.manager_kyiv).get("/messages/").status_code == 403


def test_failing_letters_are_those_of_the_last_week(company, now):
    with transaction():
        factories.make_message(company, now=now - timedelta(days=8), state=State.FAILED)
        factories.make_message(company, now=now - timedelta(days=6), state=State.FAILED)
        factories.make_message(company, now=now, attempts=1)
        factories.make_message(company, now=now)

    assert queries.failing(now, EVERYTHING) == 2


@pytest.mark.sqlite_only
def test_counting_failing_letters_searches_an_index(company, now):
    statements = []

    def note(_conn, _cursor, statement, parameters, *_rest):
        statements.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        queries.failing(now, EVERYTHING)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    statement, parameters = statements[-1]
    plan = db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)

    steps = [row[3] for row in plan if "message" in row[3]]
    assert len(steps) == 2
    assert all(step.startswith("SEARCH message USING INDEX ix_message_") for step in steps), steps
