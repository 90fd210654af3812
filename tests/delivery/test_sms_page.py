"""The page of a brand's SMS gateway: what may be typed, what is stored, and the test SMS."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.db import db, transaction
from npsapp.delivery import queries
from npsapp.delivery.channels.gateways import TURBOSMS, Recipe
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Channel, GatewayKind, State
from npsapp.lib import sealing
from npsapp.organization.models import Brand
from tests.cast import csrf
from tests.kannel import PASSWORD, USER, KannelServer

KANNEL = {
    "address": "VODOLAD", "kind": "kannel", "url": "http://127.0.0.1:13013/cgi-bin/sendsms", "username": USER,
    "secret": PASSWORD, "price": "0.85", "currency": "UAH", "hours_from": "09:00", "hours_until": "20:00",
    "way": "json",
}  # fmt: skip


@pytest.fixture
def admin(client: FlaskClient, company: SimpleNamespace, login: Any) -> FlaskClient:
    return login(client, company.admin)


def send(client: FlaskClient, company: SimpleNamespace, *, to: str = "", **typed: str) -> Any:
    url = f"/senders/{company.brand.id}/sms"
    token = csrf(client.get(url).get_data(as_text=True))
    return client.post(url + to, data=typed | {"csrf_token": token})


def test_a_gateway_is_saved_with_its_secret_sealed_and_never_shown(
    app: Flask, company: SimpleNamespace, admin: FlaskClient
) -> None:
    assert send(admin, company, **KANNEL).status_code == 303

    gateway = queries.gateways()[company.brand.id]
    assert (gateway.kind, gateway.sender.address, str(gateway.price)) == (GatewayKind.KANNEL, "VODOLAD", "0.8500")
    assert sealing.unseal(app.config["SECRET_KEYS"], gateway.sender.password) == PASSWORD
    page = admin.get(f"/senders/{company.brand.id}/sms").get_data(as_text=True)
    assert "VODOLAD" in page
    assert "np&amp;s pw" not in page
    assert send(admin, company, **KANNEL | {"secret": "", "price": "0.9"}).status_code == 303
    assert sealing.unseal(app.config["SECRET_KEYS"], queries.gateways()[company.brand.id].sender.password) == PASSWORD


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"address": "Водолад"}, "At most 11 Latin letters"),
    ({"address": "TWELVELETTER"}, "At most 11 Latin letters"),
    ({"url": "ftp://x"}, "Enter an address like"),
    ({"url": "https://user:pw@gate.example/send"}, "Enter an address like"),
    ({"kind": "http", "accepted": "ok", "body": "{}"}, "Enter an address like"),
    ({"kind": "http", "url": "https://gate.example/{secret}", "accepted": "ok", "body": "{}"}, "Enter an address"),
    ({"kind": "http", "url": "https://gate.example/", "body": "{}"}, "Without this nobody knows"),
    ({"kind": "http", "url": "https://gate.example/", "accepted": "(", "body": "{}"}, "This part of the recipe"),
    ({"kind": "http", "url": "https://g.example/", "accepted": "x", "way": "query", "body": "k={secret}"}, "recipe"),
    ({"username": "us\r\nBcc: x"}, "Latin letters, digits and signs only."),
    ({"currency": "hryvnia"}, "Three capital letters"),
    ({"currency": ""}, "Three capital letters"),
    ({"price": "a lot"}, "Not a valid decimal value."),
    ({"price": "snan"}, "Not a valid decimal value."),
    ({"price": "-0.1"}, "Number must be between 0 and 1000."),
    ({"price": "inf"}, "Not a valid decimal value."),
    ({"price": "1000.01"}, "Number must be between 0 and 1000."),
)


def test_what_cannot_work_is_not_saved(company: SimpleNamespace, admin: FlaskClient) -> None:
    url = f"/senders/{company.brand.id}/sms"
    token = csrf(admin.get(url).get_data(as_text=True))
    for over, words in WRONG:
        answer = admin.post(url, data=KANNEL | over | {"csrf_token": token})

        assert answer.status_code == 422, over
        assert words in answer.get_data(as_text=True), over
    assert queries.gateways() == {}


def test_a_price_is_typed_with_a_comma_and_may_be_taken_back(company: SimpleNamespace, admin: FlaskClient) -> None:
    stored = []
    for typed in (" 0,0853", "1", "0", ""):
        assert send(admin, company, **KANNEL | {"price": typed, "currency": "PLN"}).status_code == 303
        gateway = queries.gateways()[company.brand.id]
        stored.append((gateway.price, gateway.cost(3), gateway.currency))

    assert stored == [
        (Decimal("0.0853"), Decimal("0.2559"), "PLN"),
        (Decimal(1), Decimal(3), "PLN"),
        (Decimal(0), Decimal(0), "PLN"),
        (None, None, "PLN"),
    ]


def test_a_new_gateway_begins_with_the_money_of_its_brand(company: SimpleNamespace, admin: FlaskClient) -> None:
    with transaction() as session:
        session.get_one(Brand, company.brand.id).currency = "PLN"

    assert 'value="PLN"' in admin.get(f"/senders/{company.brand.id}/sms").get_data(as_text=True)


def test_a_preset_is_filled_in_and_saved(company: SimpleNamespace, admin: FlaskClient) -> None:
    page = admin.get(f"/senders/{company.brand.id}/sms?preset=turbosms").get_data(as_text=True)
    assert "https://api.turbosms.ua/message/send.json" in page
    assert "untried" in page

    url = "https://api.turbosms.ua/message/send.json"
    recipe = TURBOSMS.stored() | {"report_ref": "", "report_status": "", "delivered": "", "failed": ""}
    assert send(admin, company, **KANNEL | recipe | {"kind": "http", "url": url}).status_code == 303

    assert Recipe.of(queries.gateways()[company.brand.id].recipe) == TURBOSMS


def test_only_administrators_see_it(client: FlaskClient, company: SimpleNamespace, login: Any) -> None:
    login(client, company.analyst)

    assert client.get(f"/senders/{company.brand.id}/sms").status_code == 403


def test_a_test_sms_goes_to_ones_own_number_through_kannel(
    company: SimpleNamespace, admin: FlaskClient, kannel: KannelServer
) -> None:
    send(admin, company, **KANNEL | {"url": kannel.url})
    assert send(admin, company, to="/test", phone="044 234 56 78").status_code == 422

    assert send(admin, company, to="/test", phone="067 123 45 67").status_code == 303

    message = db.session.scalars(select(Message).where(Message.channel == Channel.SMS)).one()
    assert (message.to_address, message.state) == ("+380671234567", State.CLAIMED)
    assert message.body == "This is a test SMS from Vodolad."
