"""The same link answered by many at once, on a real server and a real database file."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import Barrier, Thread
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from npsapp.db import db
from npsapp.lib.clock import utcnow
from npsapp.responses.models import DirtyDay, DisputedAnswer, Response, ResponseRevision
from tests.responses.visitor import Page


@pytest.fixture
def server(app: Flask) -> Iterator[int]:
    """The port of a server with a thread per request."""
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=running.serve_forever)
    thread.start()
    yield running.server_port
    running.shutdown()
    thread.join()
    running.server_close()


def ask(port: int, method: str, path: str, **fields: str) -> Page:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": "en"}
        connection.request(method, path, urlencode(fields) if fields else None, headers)
        answer = connection.getresponse()
        return Page(answer.status, answer.read().decode(), answer.headers)
    finally:
        connection.close()


def all_at_once(port: int, link: str, posts: list[dict[str, str]]) -> list[Page]:
    """Open a page for each, wait for one another, then press all the buttons together."""
    together = Barrier(len(posts))

    def visit(fields: dict[str, str]) -> Page:
        form = ask(port, "GET", f"{link}/{fields['score']}?lang=en").form()
        together.wait(timeout=60)
        return ask(port, "POST", form.action, **{**form.fields, **fields})

    with ThreadPoolExecutor(len(posts)) as pool:
        return list(pool.map(visit, posts))


@pytest.fixture
def open_link(invite: Callable) -> str:
    return f"/r/{invite(now=utcnow()).steps[0].token}"


def stored(model):
    db.session.rollback()
    return db.session.scalars(select(model)).all()


@pytest.mark.parametrize("count", [8, 50])
def test_the_same_score_many_times_at_once_is_one_answer_and_everybody_goes_on(server, open_link, count):
    pages = all_at_once(server, open_link, [{"score": "9"}] * count)

    assert {page.status for page in pages} == {200}
    assert all("What did you like most?" in page.text for page in pages)
    assert len(stored(Response)) == 1
    assert len(stored(ResponseRevision)) == 1
    assert len(stored(DirtyDay)) == 1
    assert not stored(DisputedAnswer)


@pytest.mark.parametrize("count", [8, 50])
def test_different_scores_at_once_are_one_answer_and_the_others_are_disputed(server, open_link, count):
    posts = [{"score": str(number % 11), "comment": f"words {number}"} for number in range(count)]

    pages = all_at_once(server, open_link, posts)

    assert {page.status for page in pages} == {200}
    (answer,) = stored(Response)
    thanked = [page for page in pages if "Thank you" in page.text]
    assert len(thanked) == 1
    assert answer.comment == posts[pages.index(thanked[0])]["comment"]
    others = [page for page in pages if "is kept apart and does not count yet" in page.text]
    assert len(others) == count - 1
    assert len(stored(DisputedAnswer)) == min(count - 1, 20)
    assert answer.revision == 1
