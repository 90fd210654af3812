"""The sender of a brand's letters is entered by an administrator."""

from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.db import db, transaction
from npsapp.delivery.models import Sender
from tests.cast import csrf

DATA = {"name_uk": "Водолад", "address": "NPS@new.example", "reply_to": "shop@new.example"}


@pytest.fixture
def url(company: SimpleNamespace) -> str:
    return f"/organization/brands/{company.brand.id}/sender"


def save(client: FlaskClient, url: str, data: dict[str, str]) -> int:
    token = csrf(client.get(url).get_data(as_text=True))
    return client.post(url, data=data | {"csrf_token": token}).status_code


def test_the_sender_is_changed_in_place(client: FlaskClient, company: SimpleNamespace, login, url: str) -> None:
    assert save(login(client, company.admin), url, DATA) == 303

    sender = db.session.scalars(select(Sender)).one()
    assert (sender.address, sender.reply_to, sender.name) == ("nps@new.example", "shop@new.example", {"uk": "Водолад"})


def test_a_brand_without_a_sender_gets_one(client: FlaskClient, company: SimpleNamespace, login, url: str) -> None:
    with transaction():
        db.session.delete(company.sender)

    assert save(login(client, company.admin), url, DATA) == 303

    assert db.session.scalars(select(Sender.brand_id)).one() == company.brand.id


@pytest.mark.parametrize(
    "over", [{"address": "nobody"}, {"reply_to": ""}, {"name_uk": ""}, {"address": "a@b.c\r\nBcc: x@y.z"}]
)
def test_a_faulty_sender_is_refused(client: FlaskClient, company: SimpleNamespace, login, url: str, over: dict) -> None:
    assert save(login(client, company.admin), url, DATA | over) == 422


def test_only_administrators_choose_the_sender(client: FlaskClient, company: SimpleNamespace, login, url: str) -> None:
    assert login(client, company.analyst).get(url).status_code == 403
