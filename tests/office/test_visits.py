"""Visits typed in or pasted: they take the way of a file, and say whom the program asks and when, or why not."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from npsapp.customers.models import ContactPoint, Customer, Ground
from npsapp.db import db, transaction
from npsapp.intake.models import BatchState, ImportBatch, Interaction, Source
from npsapp.invitations.models import Invitation
from npsapp.worker import collecting
from tests import cast, factories

VISIT = {
    "customer_name": "Ганна Коваль",
    "email": "Hanna@Customer.example",
    "happened_at": "2026-11-20",
    "title": "лоток",
}


def enter(client: FlaskClient, company: SimpleNamespace, path: str = "/visits/new", **words: Any) -> Any:
    token = cast.csrf(client.get(path).get_data(as_text=True))
    usual = {"touchpoint": company.touchpoint.id, "ground": "contract", "outbox": "y", "language": "", "region": "kyiv"}
    return client.post(path, data={**VISIT, **usual, "csrf_token": token, **words})


@pytest.mark.usefixtures("at_now")
def test_one_visit_is_planned_at_once(client: FlaskClient, company: SimpleNamespace, login: Any) -> None:
    answer = enter(login(client, company.admin), company)

    assert answer.status_code == 303, answer.get_data(as_text=True)
    page = client.get(answer.location).get_data(as_text=True)
    assert "Ганна Коваль" in page
    assert "The letter leaves:" in page
    interaction = db.session.scalars(select(Interaction)).one()
    assert (interaction.region_id, interaction.title) == (company.regions.kyiv.id, "лоток")
    assert db.session.scalars(select(ContactPoint.value)).all() == ["hanna@customer.example"]
    grounds = db.session.scalars(select(Ground)).all()
    assert {(one.kind.value, one.set_by_id) for one in grounds} == {("contract", company.admin.id)}


@pytest.mark.usefixtures("at_now")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"ground": ""}, "no ground to write to this address"),
        ({"outbox": ""}, "no mail server is configured"),
        ({"happened_at": "2026-01-10"}, "happened too long ago"),
        ({"email": "", "phone": "+380671234567"}, "no usable e-mail address"),
    ],
)
def test_whoever_is_not_asked_has_a_reason(
    client: FlaskClient, company: SimpleNamespace, login: Any, words: dict[str, str], reason: str
) -> None:
    page = client.get(enter(login(client, company.admin), company, **words).location).get_data(as_text=True)

    assert reason in page


@pytest.mark.usefixtures("at_now")
@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ({"email": "", "phone": ""}, "Enter an e-mail address or a phone number."),
        ({"email": "nobody"}, "No letter can be sent to this e-mail address."),
        ({"happened_at": ""}, "Date"),
        ({"happened_at": "2031-01-01"}, "Date"),
    ],
)
def test_a_wrong_visit_is_not_taken_in(
    client: FlaskClient, company: SimpleNamespace, login: Any, words: dict[str, str], fault: str
) -> None:
    answer = enter(login(client, company.admin), company, **words)

    assert answer.status_code == 422
    assert 'id="errors"' in answer.get_data(as_text=True)
    if not words.get("happened_at", "").startswith("2031"):
        assert fault in answer.get_data(as_text=True)
    for model in (Interaction, Customer):
        assert db.session.scalar(select(func.count()).select_from(model)) == 0


@pytest.mark.usefixtures("at_now")
def test_a_visit_entered_twice_is_one_visit(client: FlaskClient, company: SimpleNamespace, login: Any) -> None:
    login(client, company.admin)
    enter(client, company)

    again = enter(client, company)

    assert "This visit was entered before" in client.get(again.location).get_data(as_text=True)
    assert db.session.scalar(select(func.count()).select_from(Interaction)) == 1
    assert db.session.scalars(select(Source.name)).all() == ["Вручну"]


@pytest.mark.usefixtures("at_now")
def test_a_manager_enters_visits_of_the_own_regions_only(
    client: FlaskClient, company: SimpleNamespace, login: Any
) -> None:
    login(client, company.manager_kyiv)

    refused = enter(client, company, region="odesa")
    entered = enter(client, company, unit="Порт")

    assert refused.status_code == 422
    assert entered.status_code == 303
    assert db.session.scalars(select(Interaction.region_id)).all() == [company.regions.kyiv.id]
    assert client.get("/visits/paste").status_code == 403


@pytest.mark.usefixtures("at_now")
def test_what_was_entered_is_shown_to_who_entered_it(app: Any, company: SimpleNamespace, login: Any) -> None:
    where = enter(login(app.test_client(), company.manager_kyiv), company).location

    assert login(app.test_client(), company.manager_odesa).get(where).status_code == 404
    assert login(app.test_client(), company.support).get("/visits/new").status_code == 403


def test_pasted_rows_wait_for_a_confirmation(
    client: FlaskClient, company: SimpleNamespace, login: Any, at_now: datetime
) -> None:
    login(client, company.admin)
    rows = "Дата\tКлієнт\tE-mail\tТовар\n20.11.2026\tПетро\tpetro@customer.example\tлоток\n20.11.2026\tІван\t\t\n"

    with collecting() as run:
        answer = enter(client, company, "/visits/paste", rows=rows)
        run()

    assert db.session.scalars(select(ImportBatch.state)).all() == [BatchState.STAGED]
    page = client.get(answer.location).get_data(as_text=True)
    assert "Will be asked: 1." in page
    assert db.session.scalar(select(func.count()).select_from(Interaction)) == 0


def test_who_pasted_rows_that_cannot_be_read_is_led_back_to_pasting(
    client: FlaskClient, company: SimpleNamespace, login: Any, at_now: datetime
) -> None:
    login(client, company.admin)

    with collecting() as run:
        answer = enter(client, company, "/visits/paste", rows="Номер\tТовар\n17\tлоток\n")
        run()

    page = client.get(answer.location).get_data(as_text=True)
    assert "Nothing of the file was imported." in page
    assert 'href="/visits/paste">Paste corrected rows' in page
    assert "Upload a corrected file" not in page


@pytest.mark.usefixtures("at_now")
def test_a_customer_who_was_asked_lately_is_left_alone(
    client: FlaskClient, company: SimpleNamespace, login: Any, now: datetime
) -> None:
    with transaction():
        customer = factories.make_customer(company, now=now, email="hanna@customer.example")
        interaction = factories.make_interaction(company, now=now, customer=customer, undecided=False)
        factories.make_invitation(company, now=now, interaction=interaction, state="planned", send_at=now)

    page = client.get(enter(login(client, company.admin), company).location).get_data(as_text=True)

    assert "asked or answered not long ago" in page
    assert db.session.scalar(select(func.count()).select_from(Invitation)) == 2
