"""Pages about what other programs sent: the list, one body, working it through again, and how it is read."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from npsapp.db import db
from npsapp.intake import calls, connections
from npsapp.intake.models import Source, SourceKind
from npsapp.intake.rules import ReceivedState
from npsapp.worker import collecting
from tests.cast import csrf
from tests.intake import portals
from tests.intake.test_bitrix24 import EVENT, FORM
from tests.intake.test_hooks import ORDER, PLACES, bodies, connect, interactions


@pytest.fixture
def shop(company: SimpleNamespace, at_now: datetime) -> Any:
    return connect(SourceKind.WEBHOOK, at_now)[0]


@pytest.fixture
def admin(client: FlaskClient, login: Any, company: SimpleNamespace) -> FlaskClient:
    client = login(client, company.admin)
    client.csrf = csrf(client.get("/profile").text)
    return client


def post(admin: Any, path: str, **fields: str) -> Any:
    """Press a button on a page."""
    return admin.post(path, data={"csrf_token": admin.csrf, **fields})


def test_what_was_received_is_listed_shown_and_worked_through_again(admin: FlaskClient, shop: Any) -> None:
    here = f"/connections/{shop.id}/received"
    assert "Nothing was received yet" in admin.get(here).text
    with collecting() as run:
        admin.post(shop.path, json=ORDER)
        run()
    kept = bodies()[0]

    assert "not read" in admin.get(here).text
    page = admin.get(f"{here}/{kept.id}").text
    assert "olena@example.com" in page
    assert "Say first where our fields stand" in page

    post(admin, f"/connections/{shop.id}/reading", **PLACES)
    with collecting() as run:
        assert post(admin, f"{here}/{kept.id}/again").status_code == 303
        run()
    assert bodies()[0].state is ReceivedState.DONE
    assert [one.external_id for one in interactions()] == ["A-1"]


def test_only_administrators_see_bodies(client: FlaskClient, login: Any, company: SimpleNamespace, shop: Any) -> None:
    with collecting():
        client.post(shop.path, json=ORDER)
    login(client, company.analyst)

    for path in ("received", f"received/{bodies()[0].id}", "reading"):
        assert client.get(f"/connections/{shop.id}/{path}").status_code == 403


def test_bodies_belong_to_their_connection(admin: FlaskClient, shop: Any, at_now: datetime) -> None:
    other = connect(SourceKind.AMOCRM, at_now, address="https://x.example")[0]
    api = connect(SourceKind.API, at_now, token="x")[0]
    with collecting():
        admin.post(shop.path, json=ORDER)

    assert admin.get(f"/connections/{other.id}/received/{bodies()[0].id}").status_code == 404
    assert post(admin, f"/connections/{other.id}/received/{bodies()[0].id}/again").status_code == 404
    assert admin.get(f"/connections/{api.id}/received").status_code == 404


def test_places_are_tried_on_the_last_body_and_nothing_is_taken_in(admin: FlaskClient, shop: Any) -> None:
    here = f"/connections/{shop.id}/reading"
    assert "Nothing was received yet" in post(admin, here, deed="try", **PLACES).text
    with collecting():
        admin.post(shop.path, json={"order": ORDER})
    assert "order.mail" in admin.get(here).text

    tried = post(admin, here, deed="try", **{name: f"order.{place}" for name, place in PLACES.items()}).text
    assert "would be taken in" in tried
    assert "<dd>olena@example.com</dd>" in tried
    assert "would be rejected" in post(admin, here, deed="try", number="order.no", happened_at="order.mail").text
    assert "no list of objects" in post(admin, here, deed="try", number="order.no", items="order.no").text

    assert interactions() == []
    assert db.session.get_one(Source, shop.id).settings == {}


@pytest.mark.parametrize("typed", [{"number": "a..b"}, {"items": "[x]"}, {"address": "http://portal.example"}])
def test_what_is_no_place_or_address_is_refused(admin: FlaskClient, shop: Any, typed: dict[str, str]) -> None:
    answer = post(admin, f"/connections/{shop.id}/reading", **typed)

    assert answer.status_code == 422
    assert db.session.get_one(Source, shop.id).settings == {}


def test_a_portal_is_set_up_tried_and_its_secrets_are_never_shown(
    admin: FlaskClient, company: Any, at_now: datetime
) -> None:
    crm = connect(SourceKind.BITRIX24, at_now)[0]
    here = f"/connections/{crm.id}/reading"
    with portals.served(portals.Bitrix24()) as portal:
        post(
            admin,
            here,
            address=f"{portal.address}/rest/6/secret/",
            token="test-application-token",
            unit="ufCrm_1700000000001",
        )
        tried = post(admin, here, deed="try", title="title").text
        assert "Олена Тестова" in tried
        assert interactions() == []
        with collecting() as run:
            admin.post(crm.path, data=EVENT, content_type=FORM)
            run()
        assert calls.test(db.session.get_one(Source, crm.id))[0].startswith("The portal answers")

    assert len(interactions()) == 1
    page = admin.get(here).text
    assert "secret/" not in page
    assert "test-application-token" not in page
    assert "127.0.0.1" in page
    opened = connections.opened(db.session.get_one(Source, crm.id))
    assert opened["token"] == "test-application-token"


def test_another_portal_needs_its_own_token(admin: FlaskClient, company: Any, at_now: datetime) -> None:
    crm = connect(SourceKind.AMOCRM, at_now, address="https://ours.amocrm.ru", token="long-lived")[0]
    here = f"/connections/{crm.id}/reading"

    assert post(admin, here, address="https://theirs.example").status_code == 422
    assert post(admin, here, address="https://ours.amocrm.ru").status_code == 303
    assert connections.opened(db.session.get_one(Source, crm.id))["address"] == "https://ours.amocrm.ru"
