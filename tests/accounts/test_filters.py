"""Filters with a name."""

from types import SimpleNamespace
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.accounts import filters
from npsapp.accounts.models import SavedFilter
from npsapp.db import db
from tests.cast import csrf


def save(client: FlaskClient, name: str, query: str, path: str = "/cases/", token: str = "") -> Any:
    token = token or csrf(client.get("/profile").text)
    return client.post("/filters/", data={"csrf_token": token, "path": path, "query": query, "name": name})


def names() -> list[str]:
    db.session.rollback()
    return sorted(db.session.scalars(select(SavedFilter.name)))


def test_a_saved_filter_stands_above_its_list_and_opens_it(client, login, company: SimpleNamespace) -> None:
    login(client, company.admin)

    answer = save(client, "Київ, прострочені", "tab=overdue&region=1&page=3")

    assert answer.headers["Location"] == "/cases/?region=1&tab=overdue"
    assert 'href="/cases/?region=1&amp;tab=overdue"' in client.get("/cases/").text
    assert "Київ, прострочені" not in client.get("/answers/").text


def test_the_same_name_replaces_and_removing_forgets(client, login, company: SimpleNamespace) -> None:
    login(client, company.admin)
    save(client, "mine", "tab=overdue")
    save(client, " mine ", "tab=settled")
    page = client.get("/cases/?tab=settled").text

    assert names() == ["mine"]
    assert "tab=overdue&" not in page
    client.post("/filters/remove", data={"csrf_token": csrf(page), "path": "/cases/", "name": "mine"})
    assert names() == []


def test_filters_are_the_own_ones(app, client, login, company: SimpleNamespace) -> None:
    save(login(client, company.admin), "mine", "tab=overdue")
    other = login(app.test_client(), company.analyst)

    assert "★" not in other.get("/cases/").text
    other.post(
        "/filters/remove", data={"csrf_token": csrf(other.get("/profile").text), "path": "/cases/", "name": "mine"}
    )
    assert names() == ["mine"]


def test_what_is_no_filter_is_not_saved(client, login, company: SimpleNamespace) -> None:
    login(client, company.admin)

    token = csrf(client.get("/profile").text)
    assert save(client, "x", "a=1", path="https://elsewhere.example/", token=token).status_code == 400
    assert save(client, "x", "", token=token).status_code == 400
    assert save(client, "x", "q=" + "y" * 2000, token=token).status_code == 400
    assert save(client, "  ", "tab=overdue", token=token).status_code == 303
    for number in range(filters.MOST + 2):
        save(client, f"n{number}", f"region={number}", token=token)
    assert len(names()) == filters.MOST
