"""The menu by job: each role sees its own, and only what is there."""

import re

import pytest

MENU = re.compile(r'<nav class="nav-in".*?</nav>', re.S)


@pytest.mark.parametrize(
    ("who", "sees", "does_not_see"),
    [
        ("admin", {"/cases/", "/reports/", "/users/", "/audit/", "/outbox/", "/imports/"}, set()),
        ("analyst", {"/answers/", "/reports/", "/surveys/"}, {"/customers/", "/users/", "/audit/", "/outbox/"}),
        ("manager_kyiv", {"/cases/", "/answers/", "/customers/"}, {"/users/", "/imports/", "/surveys/"}),
        ("support", {"/cases/", "/answers/"}, {"/reports/", "/users/"}),
    ],
)
def test_each_role_sees_its_own_jobs(client, login, company, who, sees, does_not_see):
    login(client, getattr(company, who))

    menu = MENU.search(client.get("/profile").text)

    assert menu
    links = set(re.findall(r'href="([^"]+)"', menu[0]))
    assert sees <= links
    assert not does_not_see & links


def test_the_outbox_is_not_offered_when_letters_really_leave(app, client, login, company, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "smtp.example.com")
    login(client, company.admin)

    assert 'href="/outbox/"' not in client.get("/profile").text


def test_the_menu_marks_where_one_is(client, login, company):
    login(client, company.admin)

    menu = MENU.search(client.get("/users/").text)

    assert menu
    assert re.search(r'href="/users/" aria-current="page"', menu[0])
    assert 'href="/" aria-current' not in menu[0]


def test_somebody_not_signed_in_gets_no_menu(client):
    assert "nav-list" not in client.get("/login").text
