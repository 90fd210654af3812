"""The audit log as the administrator reads it."""

from datetime import timedelta

import pytest

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import transaction
from tests import factories


@pytest.fixture
def admin(client, company, login):
    return login(client, company.admin)


def text(client, **query):
    return client.get("/audit/", query_string=query).get_data(as_text=True)


def rows_in(page):
    return page.split("<tbody>")[1].split("</tbody>")[0].count("<tr") if "<tbody>" in page else 0


def record(event, now, **fields):
    audit.record(event, actor=fields.pop("actor", audit.PROGRAM), now=now, **fields)


def test_signing_in_stands_in_the_log_with_the_name(admin, company):
    page = text(admin, event="user.logged_in")

    assert rows_in(page) == 1
    assert "Olena" in page


def test_only_administrators_read_it(app, company, login):
    for user in (company.analyst, company.manager_kyiv, company.support):
        assert login(app.test_client(), user).get("/audit/").status_code == 403


def test_it_is_filtered_by_event_actor_subject_and_day(admin, company, now):
    with transaction():
        record(Event.SETTING_CHANGED, now, actor=audit.by_user(company.analyst.id), subject=("survey", 7))
        record(Event.CASE_OPENED, now - timedelta(days=3), subject=("case", 9), data={"score": 2})

    assert rows_in(text(admin, event="case.opened")) == 1
    assert rows_in(text(admin, actor=f"user-{company.analyst.id}")) == 1
    assert rows_in(text(admin, actor="program", subject="case")) == 1
    assert rows_in(text(admin, subject="case", id="9")) == 1
    assert rows_in(text(admin, subject="case", id="8")) == 0
    assert rows_in(text(admin, **{"from": "2026-11-17", "to": "2026-11-17"})) == 1
    assert rows_in(text(admin, **{"from": "2026-11-18", "to": "2026-11-20", "event": "case.opened"})) == 0


@pytest.mark.parametrize(
    "query",
    ["event=nothing", "actor=user-x", "actor=%00", "subject=zzz", "id=-1", "from=yesterday", "to=9999-12-31",
     "after=abc", "after=99999999999999999999", "page=x"],
)  # fmt: skip
def test_nonsense_in_the_address_counts_as_not_given(admin, query):
    assert admin.get(f"/audit/?{query}").status_code == 200


def test_it_goes_page_by_page_and_misses_nothing(admin, now):
    with transaction():
        for number in range(120):
            record(Event.INVITATION_SENT, now, subject=("invitation", number + 1))

    seen, address = 0, "/audit/?event=invitation.sent"
    while address:
        page = admin.get(address).get_data(as_text=True)
        seen += rows_in(page)
        address = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&") if 'rel="next"' in page else ""

    assert seen == 120


def test_things_are_named_by_their_rooms_when_they_are_shown(admin, company, now):
    with transaction():
        customer = factories.make_customer(company, now=now, name="Оксана")
        record(Event.CUSTOMER_VIEWED, now, actor=audit.by_user(company.support.id), subject=("customer", customer.id))

    page = text(admin, subject="customer")

    assert "Оксана" in page
    assert "Petro" in page
    assert f"/customers/{customer.id}" in page


def test_what_is_gone_keeps_its_line(admin, now):
    with transaction():
        record(Event.CASE_SETTLED, now, subject=("case", 123456), actor=audit.by_user(987654))

    page = text(admin, event="case.settled")

    assert rows_in(page) == 1
    assert "#123456" in page
    assert "/cases/123456" not in page


def test_every_event_has_its_words_in_the_filter(admin):
    page = text(admin)

    assert all(f'value="{event.value}"' in page for event in Event)
