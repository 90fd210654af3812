"""The page behind "unsubscribe", as people and as mail programs use it."""

from datetime import datetime
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.audit.services import PROGRAM
from npsapp.customers import retention
from npsapp.customers.links import read_token, unsubscribe_token
from npsapp.customers.models import ContactPoint, Hold
from npsapp.customers.rules import ContactKind, HoldReason, Kept
from npsapp.db import db, transaction
from npsapp.delivery import queries
from npsapp.delivery.rules import Channel
from tests.factories import make_customer


@pytest.fixture
def link(app: Flask, company: SimpleNamespace, at_now: datetime) -> str:
    with transaction():
        person = make_customer(company, now=at_now, email="olena@example.com", language="uk")
        point = db.session.scalars(
            select(ContactPoint).where(ContactPoint.customer_id == person.id, ContactPoint.kind == ContactKind.EMAIL)
        ).one()
        return "/u/" + unsubscribe_token(app.config["SECRET_KEYS"], point.id, company.brand.id)


def holds() -> list[HoldReason]:
    db.session.rollback()
    return [hold.reason for hold in db.session.scalars(select(Hold).where(Hold.lifted_at.is_(None)))]


def test_opening_the_link_changes_nothing(client: FlaskClient, link: str) -> None:
    for method in (client.get, client.head):
        answer = method(link)

        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
    assert holds() == []


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_works_without_cookie_token_or_redirect(client: FlaskClient, link: str, kind: str) -> None:
    answer = client.post(link, data={"List-Unsubscribe": "One-Click"}, content_type=kind)

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert holds() == [HoldReason.UNSUBSCRIBED]


def test_one_click_never_weakens_what_the_customer_chose_before(
    client: FlaskClient, link: str, company: SimpleNamespace, at_now: datetime
) -> None:
    client.post(link, data={"choice": "nothing"})

    client.post(link, data={"List-Unsubscribe": "One-Click"})

    assert "We will not contact you any more." in client.get(f"{link}?lang=en").get_data(as_text=True)
    assert queries.suppressed(Channel.EMAIL, ["olena@example.com"], brand_id=None, now=at_now)
    client.post(link, data={"choice": "no_letters"})
    assert not queries.suppressed(Channel.EMAIL, ["olena@example.com"], brand_id=None, now=at_now)


@pytest.mark.parametrize("data", [{}, {"List-Unsubscribe": "no"}, {"choice": "everything"}, {"choice": ""}])
def test_a_post_that_says_nothing_changes_nothing(client: FlaskClient, link: str, data: dict[str, str]) -> None:
    assert client.post(link, data=data).status_code == 200
    assert holds() == []


@pytest.mark.parametrize(
    ("choice", "reason"),
    [("later", HoldReason.LATER), ("no_letters", HoldReason.UNSUBSCRIBED), ("nothing", HoldReason.UNSUBSCRIBED)],
)
def test_every_choice_on_the_page_counts(client: FlaskClient, link: str, choice: str, reason: HoldReason) -> None:
    answer = client.post(link, data={"choice": choice})

    assert answer.status_code == 200
    assert holds() == [reason]


def test_the_choice_stands_on_the_page_when_it_is_opened_again(client: FlaskClient, link: str) -> None:
    client.post(link, data={"choice": "later"})

    page = client.get(f"{link}?lang=en").get_data(as_text=True)

    assert "20 May 2027" in page
    assert "I pressed this by mistake" in page


def test_a_mistake_is_taken_back_by_a_button(client: FlaskClient, link: str) -> None:
    client.post(link, data={"List-Unsubscribe": "One-Click"})

    page = client.post(f"{link}?lang=en", data={"choice": "undo"}).get_data(as_text=True)

    assert "You will get our letters again." in page
    assert holds() == []


def test_the_page_speaks_the_customers_language_and_can_be_switched(client: FlaskClient, link: str) -> None:
    assert '<html lang="uk">' in client.get(link, headers={"Accept-Language": "en"}).get_data(as_text=True)
    assert '<html lang="ru">' in client.get(f"{link}?lang=ru").get_data(as_text=True)
    assert '<html lang="uk">' in client.get(f"{link}?lang=xx").get_data(as_text=True)


def test_the_page_shows_only_enough_of_the_address_to_recognise_it(client: FlaskClient, link: str) -> None:
    page = client.get(link).get_data(as_text=True)

    assert "ol…@example.com" in page
    assert "olena@" not in page


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("damage", ["cut", "changed", "foreign"])
def test_a_broken_link_gets_a_friendly_page(
    client: FlaskClient, link: str, company: SimpleNamespace, method: str, damage: str
) -> None:
    broken = {
        "cut": link[:-3],
        "changed": link[:-2] + ("A" if link[-2] != "A" else "B") + link[-1],  # the last has bits that mean nothing
        "foreign": "/u/" + unsubscribe_token(["another key"], 1, company.brand.id),
    }[damage]

    answer = getattr(client, method)(broken, headers={"Accept-Language": "en"})

    assert answer.status_code == 404
    assert "This link does not work." in answer.get_data(as_text=True)
    assert holds() == []


def test_links_outlive_a_change_of_the_key() -> None:
    old = unsubscribe_token(["old key"], 5, 2)

    assert read_token(["new key", "old key"], old) == (5, 2)
    assert read_token(["new key"], old) is None


def test_a_token_of_an_erased_address_tells_nothing(client: FlaskClient, app: Flask, company: SimpleNamespace) -> None:
    token = unsubscribe_token(app.config["SECRET_KEYS"], 999_999, company.brand.id)

    assert client.get(f"/u/{token}").status_code == 404


def test_a_brand_name_is_escaped(client: FlaskClient, link: str, company: SimpleNamespace) -> None:
    with transaction():
        company.brand.name = {"uk": "<script>alert(1)</script>"}

    page = client.get(link).get_data(as_text=True)

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
def test_the_privacy_page_names_who_asks(client: FlaskClient, company: SimpleNamespace, language: str) -> None:
    answer = client.get(f"/privacy/{company.brand.key}?lang={language}")
    page = answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert company.brand.postal_address[language] in page
    assert "hello@vodolad.example" in page


def test_the_privacy_page_says_how_long_things_are_kept_as_it_is_set(
    client: FlaskClient, company: SimpleNamespace, now: datetime
) -> None:
    url = f"/privacy/{company.brand.key}?lang=en"
    assert "24 months after your last purchase" in client.get(url).get_data(as_text=True)
    with transaction():
        retention.keep({Kept.PERSONS: 1, Kept.LINKS: 30}, actor=PROGRAM, now=now)

    page = client.get(url).get_data(as_text=True)

    assert "1 month after your last purchase" in page
    assert "Traces of opened links: 30 days." in page


def test_the_privacy_page_ends_with_the_brands_own_words(client: FlaskClient, company: SimpleNamespace) -> None:
    with transaction():
        company.brand.privacy = {"uk": "Наш DPO: <b>Ірина</b>", "en": "Our DPO: Iryna\n\nSecond paragraph"}
        company.brand.contact_email = ""

    answer = client.get(f"/privacy/{company.brand.key}?lang=en")
    page = answer.get_data(as_text=True)

    assert "<p>Our DPO: Iryna</p>" in page
    assert "<p>Second paragraph</p>" in page
    assert "Reply to the letter" in page
    assert "Set-Cookie" not in answer.headers
    assert "&lt;b&gt;Ірина" in client.get(f"/privacy/{company.brand.key}?lang=uk").get_data(as_text=True)


def test_the_privacy_page_of_nobody_is_not_found(client: FlaskClient, company: SimpleNamespace) -> None:
    assert client.get("/privacy/nobody").status_code == 404


def test_pages_of_customers_are_not_kept_by_anybody(client: FlaskClient, link: str) -> None:
    headers = client.get(link).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
